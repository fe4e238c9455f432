"""Over random small worlds the engine's cases are those of a plain, slow oracle, and each partner gets only its own."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
from handmade import document, selection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lsi_match.matcher.engine import Engine
from lsi_match.matcher.intake import Drop
from lsi_match.protocol.manifest import Manifest
from lsi_match.protocol.tables import drop_columns
from lsi_match.tables import schema_of

PARTNERS = ("gemeente", "uwv", "svb")
RULE = "partners >= 2 AND (uwv_hoog OR NOT svb)"


@dataclass(frozen=True)
class Record:
    """A record as the matcher gets it: which partner, its pseudonyms (small numbers here), its two signals."""

    partner: str
    bsn: int | None
    v_number: int | None
    hoog: bool
    kort: bool


def records() -> st.SearchStrategy[list[Record]]:
    """Few different numbers, so that people meet, share, change and mix up their numbers."""
    number = st.one_of(st.none(), st.integers(0, 5))
    signals = st.sampled_from([(True, False), (False, True), (True, True)])
    one = st.tuples(st.sampled_from(PARTNERS), number, number, signals)
    return st.lists(
        one.filter(lambda r: r[1] is not None or r[2] is not None).map(
            lambda r: Record(r[0], r[1], r[2], *r[3])
        ),
        max_size=14,
    )


def block(kind: str, number: int) -> bytes:
    return (kind.encode() * 16)[:12] + number.to_bytes(4, "big")


def engine_of(world: list[Record], single: bool = False) -> tuple[Engine, Manifest]:
    kinds = ("bsn",) if single else ("bsn", "v_number")
    manifest = Manifest.model_validate(
        document({name: [selection()] for name in PARTNERS}, identifiers=kinds, rule=RULE)
    )
    engine = Engine(manifest, "1GB")
    for partner in PARTNERS:
        own = [(i, r) for i, r in enumerate(world) if r.partner == partner]
        columns: dict[str, list[Any]] = {
            "bsn": [None if r.bsn is None else block("bsn", r.bsn) for _, r in own],
            "v_number": [None if r.v_number is None else block("v", r.v_number) for _, r in own],
            "reference": [block("ref", i) for i, _ in own],
            "selection": [0 for _ in own],
            "signals": [r.hoog + 2 * r.kort for _, r in own],
            "group": [255 for _ in own],
        }
        wanted = drop_columns(manifest, manifest.partners[partner])
        table = pa.table({c.name: columns[c.name] for c in wanted}, schema=schema_of(wanted))
        engine.add(Drop(partner, Path("x"), "sha256:x", cast(Any, SimpleNamespace(rows=len(own))), (table,)))
    engine.match()
    return engine, manifest


def subjects(world: list[Record], kinds: tuple[str, ...]) -> tuple[list[set[int]], int]:
    """The subjects, as sets of record numbers, and how many records are set aside: in plain Python."""
    groups = [{i} for i in range(len(world))]

    def shares(one: set[int], other: set[int]) -> bool:
        return any(
            getattr(world[a], kind) is not None and getattr(world[a], kind) == getattr(world[b], kind)
            for a in one
            for b in other
            for kind in kinds
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
        bsns = {world[i].bsn for i in group} - {None}
        if len(bsns) > 1:
            found += [{i for i in group if world[i].bsn == bsn} for bsn in bsns]
            aside += sum(world[i].bsn is None for i in group)
        else:
            found.append(group)
    return found, aside


def is_case(world: list[Record], subject: set[int]) -> bool:
    partners = {world[i].partner for i in subject}
    uwv_hoog = any(world[i].partner == "uwv" and world[i].hoog for i in subject)
    return len(partners) >= 2 and (uwv_hoog or "svb" not in partners)


def released(engine: Engine) -> dict[bytes, set[int]]:
    """Case id → record numbers, over the releases of all partners."""
    cases: dict[bytes, set[int]] = {}
    for partner in PARTNERS:
        for row in engine.release(partner).to_pylist():
            cases.setdefault(row["case_id"], set()).add(int.from_bytes(row["reference"][12:], "big"))
    return cases


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(records())
def test_the_cases_are_those_of_a_plain_oracle(world: list[Record]) -> None:
    engine, _ = engine_of(world)
    found, aside = subjects(world, ("bsn", "v_number"))
    expected = [subject for subject in found if is_case(world, subject)]
    assert sorted(map(sorted, released(engine).values())) == sorted(map(sorted, expected))
    counts = engine.counts()
    assert counts["subjects"] == len(found)
    assert counts["ambiguous_records"] == aside
    assert counts["cases"] == len(expected)
    engine.close()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(records().map(lambda world: [r for r in world if r.bsn is not None]))
def test_one_kind_of_identifier_gives_the_cases_of_the_oracle_too(world: list[Record]) -> None:
    engine, _ = engine_of(world, single=True)
    expected = [subject for subject in subjects(world, ("bsn",))[0] if is_case(world, subject)]
    assert sorted(map(sorted, released(engine).values())) == sorted(map(sorted, expected))
    engine.close()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(records())
def test_what_a_partner_receives_is_what_the_rule_allows(world: list[Record]) -> None:
    engine, _ = engine_of(world)
    by_record = {i: subject for subject in subjects(world, ("bsn", "v_number"))[0] for i in subject}
    for partner in PARTNERS:
        for row in engine.release(partner).to_pylist():
            number = int.from_bytes(row["reference"][12:], "big")
            assert world[number].partner == partner, "own records only"
            case = by_record[number]
            for other in PARTNERS:
                if other == partner:
                    assert other not in row
                    continue
                theirs = [world[i] for i in case if world[i].partner == other]
                assert row[other] == bool(theirs)
                assert row[f"{other}_hoog"] == any(r.hoog for r in theirs)
                assert row[f"{other}_kort"] == any(r.kort for r in theirs)
    engine.close()


def test_keys_in_the_engine_are_not_the_pseudonyms_and_differ_per_run() -> None:
    world = [Record("uwv", 1, None, True, False), Record("gemeente", 1, None, True, False)]
    seen = []
    for _ in range(2):
        engine, _ = engine_of(world)
        keys = {str(row[0]).replace("-", "") for row in engine.rows("SELECT DISTINCT key FROM identifier")}
        assert keys.isdisjoint({block("bsn", 1).hex(), block("v", 1).hex()})
        assert len(keys) == 1, "equal stays equal"
        seen.append(keys)
        engine.close()
    assert seen[0].isdisjoint(seen[1])


def test_case_ids_are_new_in_every_run() -> None:
    world = [Record("uwv", 1, None, True, False), Record("gemeente", 1, None, True, False)]
    first, second = engine_of(world)[0], engine_of(world)[0]
    assert set(released(first)).isdisjoint(released(second))
    assert len(released(first)) == 1
