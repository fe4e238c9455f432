"""A round on person keys is the same in however many pieces it is linked and matched, and wherever its buckets are done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from handmade import manifest as manifest_of
from handmade import selection

from benchmarks.linkage import SAME, blocks
from benchmarks.people import make_registers
from lsi_match.manifest import Manifest, Subject
from lsi_match.manifest.identifiers import IdentifierKind, Unit
from lsi_match.manifest.person_keys import PERSON_KEYS
from lsi_match.matcher.engine import buckets, engine, linking
from lsi_match.matcher.engine.buckets import Matched, Matching, Plan, Result, Rows, packed, unpacked
from lsi_match.matcher.engine.intake import Drop, parts_of
from lsi_match.matcher.round.work import _packed, _result
from lsi_match.partner.normalise import person_keys
from lsi_match.protocol.columns import drop_columns
from lsi_match.protocol.tables import schema_of

PARTS, CROWD = 2, 1


@pytest.fixture
def manifest() -> Manifest:
    keys = Subject(unit=Unit.PERSON, identifiers=(IdentifierKind.BSN,), person_keys=tuple(PERSON_KEYS))
    made = manifest_of({name: [selection()] for name in ("gemeente", "uwv", "svb")}, rule="partners >= 2")
    return made.model_copy(update={"subject": keys})


def delivered(partner: str, parts: list[pa.Table]) -> Any:
    """In the place of an accepted drop."""
    counts = [len(part) for part in parts]
    return SimpleNamespace(
        partner=partner,
        round_=SimpleNamespace(opening=SimpleNamespace(reference_date=date(2026, 6, 15))),
        descriptor=SimpleNamespace(rows=sum(counts), parts=[SimpleNamespace(rows=count) for count in counts]),
        part=lambda number: parts[number],
    )


@pytest.fixture
def drops(manifest: Manifest) -> list[Drop]:
    """Two registers of the same people; a third of the records has a number, and some have that of many others."""
    registers = make_registers(120)
    found = []
    for partner, register in (("gemeente", registers.left), ("uwv", registers.right), ("svb", None)):
        people = registers.left.head(0) if register is None else register
        count = len(people)
        keys = person_keys(people, SAME, list(PERSON_KEYS)).with_columns(
            pl.when(pl.int_range(count) % 20 != 1).then(pl.all())
        )
        who = people.get_column("person").cast(pl.String)
        at = pl.int_range(count, eager=True)
        number = pl.select(pl.when(at % 3 == 0).then(who).when(at % 10 == 1).then(pl.lit("many"))).to_series()
        columns: dict[str, Any] = {
            "bsn": blocks(number.cast(pl.String)),
            **{kind: blocks(keys.get_column(kind)) for kind in keys.columns},
            "reference": blocks(at.cast(pl.String) + partner),
            "selection": np.zeros(count, np.uint8),
            "signals": np.ones(count, np.uint64),
            "group": np.full(count, 255, np.uint8),
        }
        wanted = drop_columns(manifest, manifest.partners[partner])
        table = pa.table({one.name: columns[one.name] for one in wanted}, schema=schema_of(wanted))
        first = pa.compute.coalesce(*(table.column(kind) for kind in manifest.subject.kinds)).combine_chunks()
        part = parts_of(first, PARTS) if count else np.zeros(0)
        found.append(delivered(partner, [table.filter(pa.array(part == number)) for number in range(PARTS)]))
    return cast(list[Drop], found)


def elsewhere(plan: Plan, rows: Sequence[Callable[[], Rows]]) -> Any:
    """Each bucket from bytes, into bytes, as another process does it; the last one first."""
    done: dict[int, Result] = {}
    for number in reversed(range(len(rows))):
        done[number] = _result(_packed(plan.match(number, unpacked(packed(rows[number]())))))
    return (done[number] for number in range(len(rows)))


def pieces_elsewhere(_: str, inputs: Sequence[Callable[[], bytes]]) -> Any:
    done = {n: linking.agreeing_pairs(inputs[n]()) for n in reversed(range(len(inputs)))}
    return (done[number] for number in range(len(inputs)))


def matched(
    manifest: Manifest,
    drops: list[Drop],
    most: int,
    spread: Any = buckets.here,
    each: linking.Each = linking.in_turn,
) -> tuple[Matched, set[Any]]:
    matching = Matching(
        Plan(manifest, drops, "1GB", most),
        lambda count: b"".join((n * 7919 % 2**32).to_bytes(16, "little") for n in range(count // 16)),
    )
    columns = ("pseudonym", "kind", "partner", "selection", "case", "signals")
    touched = {
        row
        for table in matching.work(spread, each)
        for row in zip(*(table.column(c).to_pylist() for c in columns), strict=True)
    }
    return matching.matched(), touched


def test_a_round_on_person_keys_is_the_same_in_however_many_pieces(
    manifest: Manifest, drops: list[Drop], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(engine.CROWD_OF, Unit.PERSON, CROWD)
    whole, touched = matched(manifest, drops, 10**6)
    records = sum(drop.descriptor.rows for drop in drops)
    counts = whole.counts()
    assert counts["links"] > 30
    assert counts["cases"] > 50
    assert sum(whole.group_counts()["subjects"].values()) == counts["subjects"]
    assert counts["ambiguous_records"] > 0, "who has nothing but the number of many is set aside, and counted"
    for spread, each, piece, room in (
        (buckets.here, linking.in_turn, 10**6, 2**27),
        (elsewhere, pieces_elsewhere, records // 5, 20_000),
    ):
        monkeypatch.setattr(linking, "PIECE", piece)
        monkeypatch.setattr(linking, "ROOM", room)
        monkeypatch.setattr(linking, "_SLICE", piece)
        monkeypatch.setattr(buckets, "ROOM", room)
        split, also_touched = matched(manifest, drops, -(-records // 7), spread, each)
        assert split.counts() == counts
        assert split.group_counts() == whole.group_counts()
        assert also_touched == touched
        for partner in ("gemeente", "uwv"):
            assert split.release(partner).equals(whole.release(partner))
            assert split.release(partner).num_rows > 30


def test_no_more_is_held_than_a_piece_or_the_records_of_a_bucket(
    manifest: Manifest, drops: list[Drop], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And every part is opened once."""
    pieces: list[int] = []
    rows: list[int] = []
    opened: list[tuple[str, int]] = []
    together, outcome = linking._together, buckets.Engine.outcome
    monkeypatch.setattr(
        linking,
        "_together",
        lambda *given: [found := together(*given), pieces.append(found.shape[1])][0],
    )

    def told(self: Any) -> Any:
        rows.append(int(self.rows("SELECT count(*) FROM record")[0][0]))
        return outcome(self)

    for drop in drops:
        part = drop.part
        vars(drop)["part"] = lambda number, part=part, name=drop.partner: [
            part(number),
            opened.append((name, number)),
        ][0]
    monkeypatch.setattr(buckets.Engine, "outcome", told)
    records = sum(drop.descriptor.rows for drop in drops)
    monkeypatch.setattr(linking, "PIECE", -(-records // 4))
    matched(manifest, drops, -(-records // 2))
    assert sorted(opened) == sorted((drop.partner, number) for drop in drops for number in range(PARTS))
    assert 0 < max(pieces) < 3 * records
    assert len(rows) == 2
    assert sum(rows) == records
    assert max(rows) < 0.6 * records


def test_where_nobody_can_be_looked_up_it_is_not_sought_who_was_touched(
    manifest: Manifest, drops: list[Drop], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = manifest.pseudonyms.model_copy(update={"scheme": "v2"})
    assert not gone.traceable
    monkeypatch.delattr(buckets.Engine, "subjects")
    matching = Matching(Plan(manifest.model_copy(update={"pseudonyms": gone}), drops, "1GB"))
    assert [len(touched) for touched in matching.work()] == [0]
    assert matching.matched().cases > 50
