"""Over random small worlds the engine's cases are those of a plain, slow oracle, and each partner gets only its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from itertools import combinations
from secrets import token_bytes
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest
from handmade import document, selection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lsi_match.manifest import Manifest
from lsi_match.manifest.identifiers import Unit
from lsi_match.matcher.engine import engine
from lsi_match.matcher.engine.buckets import Draw, Matched, Matching, Plan
from lsi_match.matcher.engine.engine import Engine, EngineOutcome
from lsi_match.matcher.engine.intake import Drop
from lsi_match.protocol.columns import SEAL_BYTES, drop_columns
from lsi_match.protocol.tables import schema_of

PARTNERS = ("gemeente", "uwv", "svb")
UNITS = [
    ("person", ("bsn", "v_number")),
    ("person", ("bsn",)),
    ("address", ("bag", "address")),
    ("enterprise", ("rsin", "kvk", "vestiging")),
]
FIELDS = {"bsn": ["nummer"], "bag": ["nummer"], "rsin": ["nummer"]}
REFERENCE_DATE = date(2026, 6, 15)
REFERENCE_MONTH = 2026 * 12 + 5
RULE = "partners >= 2 AND (uwv_hoog OR NOT svb)"


@dataclass(frozen=True)
class Record:
    """A record as the matcher gets it: which partner, its pseudonyms (small numbers here), its two signals, and a
    month (from year 0) that goes along where the manifest asks for it."""

    partner: str
    numbers: tuple[int | None, ...]
    hoog: bool
    kort: bool
    month: int | None = None


def records(kinds: int = 2) -> st.SearchStrategy[list[Record]]:
    """Few different numbers, so that subjects meet, share, change and mix up their numbers."""
    number = st.one_of(st.none(), st.integers(0, 5))
    numbers = st.tuples(*[number] * kinds).filter(lambda found: any(n is not None for n in found))
    signals = st.sampled_from([(True, False), (False, True), (True, True)])
    month = st.one_of(st.none(), st.integers(REFERENCE_MONTH - 4, REFERENCE_MONTH + 2))
    one = st.tuples(st.sampled_from(PARTNERS), numbers, signals, month)
    return st.lists(one.map(lambda r: Record(r[0], r[1], *r[2], r[3])), max_size=14)


def block(kind: str, number: int) -> bytes:
    """Sixteen bytes whose first two, which tell the part, are spread over their range."""
    return prefix_of(number).to_bytes(2, "big") + (kind.encode() * 16)[:10] + number.to_bytes(4, "big")


def prefix_of(number: int) -> int:
    return number * 25_033 % 65_536


@dataclass
class Given:
    """In the place of an accepted drop: its parts, by the first byte of the first pseudonym."""

    partner: str
    tables: list[pa.Table]
    round_ = SimpleNamespace(opening=SimpleNamespace(reference_date=REFERENCE_DATE))

    @property
    def descriptor(self) -> SimpleNamespace:
        counts = [len(table) for table in self.tables]
        return SimpleNamespace(rows=sum(counts), parts=[SimpleNamespace(rows=count) for count in counts])

    def part(self, number: int) -> pa.Table:
        return self.tables[number]


def manifest_of(unit: str, kinds: tuple[str, ...], **declared: Any) -> Manifest:
    """`declared`: `rule`, and what goes along with it (`use` of the month, `records_of`)."""
    identifiers = [{"kind": kinds[0], "fields": FIELDS[kinds[0]]}]
    along = []
    if use := declared.get("use"):
        along = [
            {"id": "sinds", "field": "begin", "kind": "month", "use": use, "rationale": "Sinds wanneer."}
        ]
    partners = {name: [selection(identifiers=identifiers, attributes=along)] for name in PARTNERS}
    value = document(partners, unit=unit, identifiers=kinds, rule=declared.get("rule", RULE))
    value["match"]["records_of"] = declared.get("records_of", [])
    for name, show in value["release"]["to"].items():
        show["attributes_of"] = [other for other in PARTNERS if along and other != name]
    return Manifest.model_validate(value)


def given_to(world: list[Record], manifest: Manifest, parts: int) -> list[Drop]:
    """What the partners deliver, in so many parts."""
    kinds = manifest.subject.kinds
    drops = []
    for partner in PARTNERS:
        tables = []
        for number in range(parts):
            own = [
                (i, r) for i, r in enumerate(world) if r.partner == partner and bucket_of(r, parts) == number
            ]
            columns: dict[str, list[Any]] = {
                **{
                    kind: [None if (value := r.numbers[k]) is None else block(kind, value) for _, r in own]
                    for k, kind in enumerate(kinds)
                },
                "reference": [block("ref", i) for i, _ in own],
                "selection": [0 for _ in own],
                "signals": [r.hoog + 2 * r.kort for _, r in own],
                "group": [255 for _ in own],
                "attribute_sinds": [65535 if r.month is None else r.month for _, r in own],
                "sealed": [bytes(2 + SEAL_BYTES) for _ in own],
            }
            wanted = drop_columns(manifest, manifest.partners[partner])
            tables.append(pa.table({c.name: columns[c.name] for c in wanted}, schema=schema_of(wanted)))
        drops.append(Given(partner, tables))
    return cast(list[Drop], drops)


def bucket_of(record: Record, parts: int) -> int:
    """The part is a range of the first number."""
    number = next(n for n in record.numbers if n is not None)
    return prefix_of(number) * parts // 65_536


def match(manifest: Manifest, drops: list[Drop], draw: Draw = token_bytes, most: int = 4) -> Matched:
    matching = Matching(Plan(manifest, drops, "1GB", most), draw)
    for _ in matching.work():
        pass
    return matching.matched()


def matched(
    world: list[Record], unit: str = "person", kinds: tuple[str, ...] = ("bsn", "v_number"), parts: int = 3
) -> Matched:
    manifest = manifest_of(unit, kinds)
    return match(manifest, given_to(world, manifest, parts))


def subjects(world: list[Record], kinds: tuple[str, ...]) -> tuple[list[set[int]], int]:
    """The subjects, as sets of record numbers, and how many records are set aside: in plain Python."""
    groups = [{i} for i in range(len(world))]

    def shares(one: set[int], other: set[int]) -> bool:
        return any(
            mine is not None and mine == theirs
            for a in one
            for b in other
            for mine, theirs in zip(world[a].numbers, world[b].numbers, strict=True)
        )

    merged = True
    while merged:
        merged = False
        for one, other in combinations(groups, 2):
            if shares(one, other):
                groups.remove(other)
                one |= other
                merged = True
                break
    found, aside = [], 0
    for group in groups:
        bsns = {world[i].numbers[0] for i in group} - {None} if kinds[0] == "bsn" else set()
        if len(bsns) > 1:
            found += [{i for i in group if world[i].numbers[0] == bsn} for bsn in bsns]
            aside += sum(world[i].numbers[0] is None for i in group)
        else:
            found.append(group)
    return found, aside


def is_case(world: list[Record], subject: set[int]) -> bool:
    partners = {world[i].partner for i in subject}
    uwv_hoog = any(world[i].partner == "uwv" and world[i].hoog for i in subject)
    return len(partners) >= 2 and (uwv_hoog or "svb" not in partners)


def without(world: list[Record], subject: set[int], partner: str) -> set[int]:
    return {i for i in subject if world[i].partner != partner}


def released(found: Matched) -> dict[bytes, set[int]]:
    """Case id → record numbers, over the releases of all partners."""
    cases: dict[bytes, set[int]] = {}
    for partner in PARTNERS:
        for row in found.release(partner).to_pylist():
            cases.setdefault(row["case_id"], set()).add(int.from_bytes(row["reference"][12:], "big"))
    return cases


SMALL = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.mark.parametrize(("unit", "kinds"), UNITS)
@SMALL
@given(st.data())
def test_the_cases_are_those_of_a_plain_oracle(
    unit: str, kinds: tuple[str, ...], data: st.DataObject
) -> None:
    world = data.draw(records(len(kinds)))
    found = matched(world, unit, kinds, data.draw(st.integers(1, 4)))
    theirs, aside = subjects(world, kinds)
    expected = [subject for subject in theirs if is_case(world, subject)]
    assert sorted(map(sorted, released(found).values())) == sorted(map(sorted, expected))
    assert found.counts() == {
        "subjects": len(theirs),
        "matched": sum(len({world[i].partner for i in subject}) >= 2 for subject in theirs),
        "cases": len(expected),
        "ambiguous_records": aside,
    }
    for partner in PARTNERS:
        with_a_record = [case for case in expected if any(world[i].partner == partner for i in case)]
        assert found.cases_of(partner) == len(with_a_record)
        assert found.fewer()[partner] == sum(
            not is_case(world, without(world, case, partner)) for case in expected
        )


@pytest.mark.parametrize(("unit", "kinds"), UNITS)
@SMALL
@given(st.data())
def test_what_a_partner_receives_is_what_the_rule_allows(
    unit: str, kinds: tuple[str, ...], data: st.DataObject
) -> None:
    world = data.draw(records(len(kinds)))
    found = matched(world, unit, kinds)
    by_record = {i: subject for subject in subjects(world, kinds)[0] for i in subject}
    for partner in PARTNERS:
        others = [other for other in PARTNERS if other != partner]
        allowed = {"case_id", "reference", "selection", *others}
        allowed |= {f"{other}_{signal}" for other in others for signal in ("hoog", "kort")}
        rows = found.release(partner)
        assert set(rows.column_names) == allowed
        numbers = [int.from_bytes(row["reference"][12:], "big") for row in rows.to_pylist()]
        own = {i for i, record in enumerate(world) if record.partner == partner}
        in_case = {i for i in own if i in by_record and is_case(world, by_record[i])}
        assert sorted(numbers) == sorted(in_case), "every own record in a case once, and no other"
        for number, row in zip(numbers, rows.to_pylist(), strict=True):
            for other in others:
                theirs = [world[i] for i in by_record[number] if world[i].partner == other]
                assert row[other] == bool(theirs)
                assert row[f"{other}_hoog"] == any(r.hoog for r in theirs)
                assert row[f"{other}_kort"] == any(r.kort for r in theirs)


COUNTS_AND_MONTHS = (
    "gemeente_records >= 2 OR svb_records = uwv_records AND svb OR uwv_sinds_first > DATE '2026-05-01' "
    "OR date_diff('month', svb_sinds_last, peildatum) >= 3 OR coalesce(gemeente_sinds_first < uwv_sinds_last, FALSE)"
)


def is_case_by_counts_and_months(world: list[Record], subject: set[int]) -> bool:
    def of(partner: str) -> list[Record]:
        return [world[i] for i in subject if world[i].partner == partner]

    months = {p: [r.month for r in of(p) if r.month is not None] for p in PARTNERS}
    return (
        len(of("gemeente")) >= 2
        or (len(of("svb")) == len(of("uwv")) and len(of("svb")) > 0)
        or (bool(months["uwv"]) and min(months["uwv"]) > 2026 * 12 + 4)
        or (bool(months["svb"]) and REFERENCE_MONTH - max(months["svb"]) >= 3)
        or (bool(months["gemeente"] and months["uwv"]) and min(months["gemeente"]) < max(months["uwv"]))
    )


@pytest.mark.parametrize(("unit", "kinds"), UNITS)
@SMALL
@given(st.data())
def test_counts_and_months_in_the_rule_are_those_of_a_plain_oracle(
    unit: str, kinds: tuple[str, ...], data: st.DataObject
) -> None:
    """And a month that is for the rule only is in no release, also where it says that attributes are shown."""
    world, use = data.draw(records(len(kinds))), data.draw(st.sampled_from(["rule", "both"]))
    manifest = manifest_of(unit, kinds, rule=COUNTS_AND_MONTHS, use=use, records_of=PARTNERS)
    found = match(manifest, given_to(world, manifest, data.draw(st.integers(1, 4))))
    theirs = subjects(world, kinds)[0]
    expected = [subject for subject in theirs if is_case_by_counts_and_months(world, subject)]
    assert sorted(map(sorted, released(found).values())) == sorted(map(sorted, expected))
    for partner in PARTNERS:
        left = [is_case_by_counts_and_months(world, without(world, case, partner)) for case in expected]
        assert found.fewer()[partner] == left.count(False)
        others = [other for other in PARTNERS if other != partner]
        allowed = {"case_id", "reference", "selection", *others}
        allowed |= {f"{other}_{signal}" for other in others for signal in ("hoog", "kort")}
        assert set(found.release(partner).column_names) == allowed
        assert set(found.attributes(partner)) == (set(others) if use == "both" else set())


@pytest.mark.parametrize(("unit", "kinds"), UNITS)
@SMALL
@given(st.data())
def test_in_buckets_or_in_one_piece_every_release_is_the_same_byte_for_byte(
    unit: str, kinds: tuple[str, ...], data: st.DataObject
) -> None:
    """The records keep their numbers, so the same draw gives the same ids to the same cases."""
    world, parts = data.draw(records(len(kinds))), data.draw(st.integers(2, 5))
    most = data.draw(st.integers(1, 14))
    manifest = manifest_of(unit, kinds)
    drops = given_to(world, manifest, parts)

    def draw(count: int) -> bytes:
        return b"".join((number * 7919 % 2**32).to_bytes(16, "little") for number in range(count // 16))

    split = match(manifest, drops, draw, most)
    whole = match(manifest, drops, draw, 10**6)
    assert split.counts() == whole.counts()
    assert {s: {k: n for k, n in cells.items() if n} for s, cells in split.group_counts().items()} == (
        whole.group_counts()
    )
    for partner in PARTNERS:
        assert split.release(partner).equals(whole.release(partner))
        assert split.attributes(partner) == whole.attributes(partner)


def test_a_bucket_holds_no_more_than_its_own_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one kind of number a bucket is a part; with more it is some components."""
    seen: list[int] = []
    outcome = Engine.outcome

    def watched(self: Engine) -> EngineOutcome:
        seen.append(int(str(self.rows("SELECT count(*) FROM record")[0][0])))
        return outcome(self)

    monkeypatch.setattr(Engine, "outcome", watched)
    one = [Record(partner, (number,), True, False) for number in range(30) for partner in PARTNERS]
    found = matched(one, kinds=("bsn",), parts=5)
    assert seen == [sum(bucket_of(record, 5) == part for record in one) for part in range(5)]
    assert found.cases == 30
    seen.clear()
    world = [replace(record, numbers=(*record.numbers, None)) for record in one]
    found = matched([*world, Record("svb", (3, 7), True, True), Record("uwv", (None, 7), True, True)])
    assert len(seen) == len(world) // 4 + 1
    assert sum(seen) == len(world) + 2
    assert max(seen) < 15
    assert found.cases == 30


def test_above_the_largest_number_of_cases_nothing_is_kept_for_a_release() -> None:
    world = [Record(partner, (number, None), True, False) for number in range(40) for partner in PARTNERS]
    manifest = manifest_of("person", ("bsn", "v_number"))
    few = manifest.model_copy(update={"release": manifest.release.model_copy(update={"max_cases": 5})})
    found = match(few, given_to(world, few, 10), most=12)
    assert found.cases == 40, "counted to the end, so that the log can say how many"
    assert sum(found.release(partner).num_rows for partner in PARTNERS) == 0


def test_keys_in_the_engine_are_not_the_pseudonyms_and_differ_per_engine() -> None:
    world = [Record("uwv", (1,), True, False), Record("gemeente", (1,), True, False)]
    manifest = manifest_of("person", ("bsn",))
    seen = []
    for _ in range(2):
        engine = Engine(manifest, "1GB")
        for start, drop in enumerate(given_to(world, manifest, 1)[:2]):
            engine.add(drop.partner, drop.part(0), np.array([start]))
        keys = {str(row[0]).replace("-", "") for row in engine.rows("SELECT DISTINCT key FROM identifier")}
        assert keys.isdisjoint({block("bsn", 1).hex()})
        assert len(keys) == 1, "equal stays equal"
        seen.append(keys)
        engine.close()
    assert seen[0].isdisjoint(seen[1])


def test_case_ids_are_new_in_every_run() -> None:
    world = [Record("uwv", (1, None), True, False), Record("gemeente", (1, None), True, False)]
    first, second = matched(world), matched(world)
    assert set(released(first)).isdisjoint(released(second))
    assert len(released(first)) == 1


@pytest.mark.parametrize("kinds", [("bsn",), ("bsn", "v_number")])
def test_people_with_one_dummy_number_are_not_one_person(
    kinds: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many records of one number are set aside; who has another number is found by that one."""
    monkeypatch.setitem(engine.CROWD_OF, Unit.PERSON, 3)
    dummy, rest = 99, len(kinds) - 1
    world = [Record(partner, (dummy, *[None] * rest), True, False) for partner in PARTNERS for _ in range(4)]
    pair = [Record(partner, (1, *[None] * rest), True, False) for partner in PARTNERS[:2]]
    found = matched(world + pair, kinds=kinds)
    assert (found.cases, found.counts()["ambiguous_records"]) == (1, len(world))
    assert released(found).popitem()[1] == {len(world), len(world) + 1}
    # Up to the bound, of each of three partners, it is somebody's.
    assert matched(world[:9] + pair, kinds=kinds).cases == 2
    if rest:
        both = [Record(partner, (dummy, 7), True, False) for partner in PARTNERS[:2]]
        found = matched(world + both, kinds=kinds)
        assert (found.cases, found.counts()["ambiguous_records"]) == (1, len(world))
