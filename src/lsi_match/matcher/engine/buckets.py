"""Matching bucket by bucket, so that memory is bounded by a bucket and not by the round.

With one kind of identifier a bucket is a range of it: the same parts of every drop, as many as hold no more than `ROWS`. Equal
pseudonyms are in one bucket, so it is a small round of its own, and can be repeated by itself.

With several kinds, and with person keys, any two records may be one subject. So there every part is opened once, the records are
linked (`linking`), and a bucket is some of the components that were found, with all their records. What there is no room for
meanwhile lies on disk, encrypted under a key that only this process has.

Rows for a release are kept up to the largest number of cases that the manifest allows: above it there is no release.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lsi_match.crypto.block_cipher import BLOCK
from lsi_match.crypto.spill_buffer import SpillBuffer
from lsi_match.manifest import UNKNOWN_GROUP, Manifest
from lsi_match.matcher.engine.engine import Engine, EngineOutcome, crowd_of, linked
from lsi_match.matcher.engine.intake import Drop
from lsi_match.matcher.engine.linking import ROOM, Each, Linking, in_turn
from lsi_match.protocol.columns import (
    CASE,
    GROUP,
    SELECTION,
    WATCHED,
    Column,
    attribute_sources,
    release_columns,
    released_attribute_columns,
)
from lsi_match.protocol.tables import BLOCK_TYPE, in_one_piece, schema_of

#: Rows of one bucket, of all partners together: some 60 bytes each while it is open, and a little more in its database.
ROWS = 4_000_000
#: The rows of a bucket of linked records, by partner: with what each record is called over the whole round, and of each its
#: component, null where it is in none. Nothing where a bucket is some of the parts of the drops.
Rows = dict[str, pa.Table]
_RECORD, _COMPONENT = " record", " component"
_COMPONENTS = pa.schema({_RECORD: pa.uint32(), _COMPONENT: pa.uint32()})
#: Rows that are put in buckets at a time.
_SLICE = 2**16
#: Values of identifiers of one bucket of linked records.
VALUES = 8_000_000
#: Random bytes, as many as asked.
Draw = Callable[[int], bytes]


class Matched:
    """What all buckets of a round gave together: counts, and the cases under ids derived from nothing."""

    def __init__(
        self, manifest: Manifest, outcomes: Sequence[EngineOutcome], draw: Draw = secrets.token_bytes
    ) -> None:
        self._manifest = manifest
        self._outcomes = list(outcomes)
        none = np.zeros(0, np.uint32)
        self._subjects = np.sort(np.concatenate([none, *(one.subjects for one in outcomes)]))
        self._ids = np.frombuffer(draw(BLOCK * len(self._subjects)), dtype=np.uint8).reshape(-1, BLOCK)

    def close(self) -> None:
        """Forget the cases."""
        self._outcomes = []
        self._subjects, self._ids = self._subjects[:0], self._ids[:0]

    @property
    def cases(self) -> int:
        """The number of cases."""
        return len(self._subjects)

    def cases_of(self, partner: str) -> int:
        """The number of cases that `partner` has a record in."""
        return self._total("cases_of")[partner]

    def fewer(self) -> dict[str, int]:
        """Partner → how many cases there would be fewer without what it delivered, as `Engine.fewer`."""
        return self._total("fewer")

    def counts(self) -> dict[str, int]:
        """How many subjects, subjects of two or more partners, cases, and records set aside as ambiguous, and
        of links on person keys as `Persons.counts`."""
        return self._total("counts")

    def _total(self, name: str) -> Counter[str]:
        total: Counter[str] = Counter()
        for one in self._outcomes:
            total.update(getattr(one, name))
        return total

    def group_counts(self) -> dict[str, dict[int, int]]:
        """Stage → group cell → count, as `Engine.groups`."""
        found: dict[str, dict[int, int]] = defaultdict(Counter)
        for one in self._outcomes:
            for stage, cells in one.groups.items():
                found[stage].update(cells)
        return found

    def subjects(self, recipient: str) -> list[pa.Table]:
        """Whose case `recipient` receives, as `Engine.subjects`."""
        return [one.subjects_of[recipient] for one in self._outcomes if recipient in one.subjects_of]

    def release(self, recipient: str) -> pa.Table:
        """The rows for `recipient`, by case id and reference: nothing in their order is left of that of the drops."""
        tables = [one.released[recipient] for one in self._outcomes if recipient in one.released]
        return self._under_case_ids(tables, release_columns(self._manifest, recipient))

    def attributes(self, recipient: str) -> dict[str, pa.Table]:
        """Per other partner whose attributes `recipient` sees, those of its records in the cases of `recipient`."""
        found = {}
        for source in attribute_sources(self._manifest, recipient):
            tables = [
                one.attributes[source].filter(
                    pc.is_in(one.attributes[source].column(CASE), one.released[recipient].column(CASE))
                )
                for one in self._outcomes
                if recipient in one.released and source in one.attributes
            ]
            columns = released_attribute_columns(self._manifest.partners[source])
            found[source] = self._under_case_ids(tables, columns)
        return found

    def _under_case_ids(self, tables: Sequence[pa.Table], columns: Sequence[Column]) -> pa.Table:
        """All of these rows, under the ids of their cases in the place of the subjects, by what is in them."""
        schema = schema_of(columns)
        if not tables:
            return schema.empty_table()
        table = pa.concat_tables(tables)
        places = np.searchsorted(self._subjects, table.column(CASE).to_numpy())
        ids = pa.py_buffer(np.ascontiguousarray(self._ids[places]))
        cases = pa.FixedSizeBinaryArray.from_buffers(BLOCK_TYPE, len(table), [None, ids])
        table = table.set_column(0, CASE, cases)
        order = [(column.name, "ascending") for column in columns[:2]]
        return table.take(pc.sort_indices(table, sort_keys=order)).combine_chunks().cast(schema)


@dataclass(frozen=True)
class Result:
    """What one bucket gave.

    Attributes:
        outcome: of its subjects.
        touched: as `Engine.subjects`, of those; where bucket by bucket a file is made of it, the rows for that.
    """

    outcome: EngineOutcome
    touched: pa.Table


@dataclass(frozen=True)
class Plan:
    """Which buckets a round is matched in. A bucket gives the same wherever and whenever it is done.

    Args:
        drops: those that were accepted.
        memory_limit: of each database, in the words of DuckDB.
        most: rows of one bucket.
        threads: of each database; as many as there are processors when left out.
        place: folder in which lies, while records are linked, what there is no room for.
    """

    manifest: Manifest
    drops: Sequence[Drop]
    memory_limit: str
    most: int = ROWS
    threads: int | None = None
    place: Path | None = None

    @cached_property
    def _ranges(self) -> list[range]:
        """Which parts make a bucket: neighbours, together no more than `most` rows where they are more than one."""
        rows = np.sum([[part.rows for part in drop.descriptor.parts] for drop in self.drops], axis=0).tolist()
        found, first, held = [], 0, 0
        for number, count in enumerate(rows):
            if number > first and held + count > self.most:
                found.append(range(first, number))
                first, held = number, 0
            held += count
        return [*found, range(first, len(rows))]

    def match(self, number: int, rows: Rows) -> Result:
        """Open, re-key and match bucket `number`, or its rows where its records were linked.

        Raises:
            duckdb.OutOfMemoryException: it does not fit.
            DropRefusedError: a drop was changed since it was accepted.
        """
        engine, components = self.engine(), None
        try:
            if linked(self.manifest):
                every = [table.select([_RECORD, _COMPONENT]) for table in rows.values()]
                found = pa.concat_tables([_COMPONENTS.empty_table(), *every])
                components = found.drop_null().rename_columns(["record", "component"])
                for partner, table in rows.items():
                    engine.add(partner, table, in_one_piece(table.column(_RECORD)).to_numpy())
            else:
                for partner, table, numbers in self._opened(self._ranges[number]):
                    engine.add(partner, table, numbers)
            engine.match(components)
            # Where nobody can be looked up it is not sought who was touched.
            traceable = self.manifest.pseudonyms.traceable
            return Result(engine.outcome(), engine.subjects() if traceable else pa.table({}))
        finally:
            engine.close()

    def engine(self) -> Engine:
        reference_date = self.drops[0].round_.opening.reference_date
        return Engine(self.manifest, self.memory_limit, self.threads, reference_date)

    def buckets(self, each: Each) -> tuple[list[Callable[[], Rows]], dict[str, int]]:
        """Per bucket how its rows are read, where its records were linked; and counts of links on person keys.

        Raises: as `match`.
        """
        return self._linked(each) if linked(self.manifest) else ([dict for _ in self._ranges], {})

    def _linked(self, each: Each) -> tuple[list[Callable[[], Rows]], dict[str, int]]:
        subject, records = self.manifest.subject, sum(drop.descriptor.rows for drop in self._selecting)
        crowd = crowd_of(self.manifest)
        linking = Linking(subject.kinds, records, crowd, subject.false_links, self.place, each)
        parts, names = len(self.drops[0].descriptor.parts), list(self.manifest.partners)
        opened = SpillBuffer(parts, self.place, ROOM)
        for number in range(parts):
            for partner, table, numbers in self._opened(range(number, number + 1)):
                place = names.index(partner) * 256 + table.column(SELECTION).to_numpy().astype(np.uint16)
                linking.add(place, numbers, {kind: table.column(kind) for kind in subject.kinds})
                table = table.append_column(_RECORD, pa.array(numbers))
                for start in range(0, len(table), _SLICE):
                    data = packed({partner: table.slice(start, _SLICE)})
                    opened.add(number, np.frombuffer(data, np.uint8))
        linking.link()
        count = max(1, -(-records * len(subject.kinds) // min(VALUES, self.most * len(subject.kinds))))
        buckets = SpillBuffer(count, self.place, ROOM)
        for number in range(parts):
            for whole in opened.take(number):
                for bucket, rows in _by_component(unpacked(whole.data), linking, count):
                    buckets.add(bucket, np.frombuffer(packed(rows), np.uint8))
        return [partial(_rows, buckets, number) for number in range(count)], linking.counts()

    @property
    def _selecting(self) -> list[Drop]:
        """The drops with records in them; the other one is that of a statistics partner."""
        return [drop for drop in self.drops if drop.partner in self.manifest.selecting]

    @cached_property
    def _starts(self) -> dict[str, np.ndarray]:
        """Records are numbered drop by drop, in the order of their parts: partner → the number that each part begins at."""
        starts, start = {}, 0
        for drop in self._selecting:
            starts[drop.partner] = start + np.cumsum([0, *(part.rows for part in drop.descriptor.parts)])
            start += drop.descriptor.rows
        return starts

    def _opened(self, parts: range) -> Iterator[tuple[str, pa.Table, np.ndarray]]:
        """Drop after drop: whose it is, its rows of these parts, and what they are called. In which group of a statistics partner
        each is goes beside it; of the rows of that partner nothing else is left."""
        of, kind = self.manifest.monitor.statistics, self.manifest.subject.kinds[0]
        groups = [drop.part(n) for drop in self.drops if of and drop.partner == of.partner for n in parts]
        for drop in self._selecting:
            rows = pa.concat_tables(drop.part(number) for number in parts)
            if of:
                rows = rows.append_column(WATCHED, _groups_of(rows.column(kind), kind, groups))
            first = int(self._starts[drop.partner][parts[0]])
            yield drop.partner, rows, np.arange(first, first + len(rows), dtype=np.uint32)


_NOTHING = EngineOutcome({}, {}, np.zeros(0, np.uint32), {}, {}, {}, {}, {})

#: Has all buckets of a plan done, somewhere, and gives what came of them, in order.
Spread = Callable[[Plan, Sequence[Callable[[], Rows]]], Iterator[Result]]


def here(plan: Plan, buckets: Sequence[Callable[[], Rows]]) -> Iterator[Result]:
    """One bucket after another, in this thread."""
    return (plan.match(number, rows()) for number, rows in enumerate(buckets))


class Matching:
    """The matching of a round.

    Args:
        draw: where the ids of cases come from; another one in tests only.
    """

    def __init__(self, plan: Plan, draw: Draw = secrets.token_bytes) -> None:
        self._plan, self._draw = plan, draw
        self._outcomes: list[EngineOutcome] = []

    def matched(self) -> Matched:
        """What came out, once `work` is done."""
        return Matched(self._plan.manifest, self._outcomes, self._draw)

    def work(self, spread: Spread = here, each: Each = in_turn) -> Iterator[pa.Table]:
        """Have the records linked and every bucket matched; after each, whom it touched (`Result.touched`).

        Raises:
            what `Plan.match` raises.
        """
        buckets, counts = self._plan.buckets(each)
        self._keep(replace(_NOTHING, counts=counts))
        for result in spread(self._plan, buckets):
            self._keep(result.outcome)
            yield result.touched

    def _keep(self, outcome: EngineOutcome) -> None:
        """Above the largest number of cases there is no release: then no rows for one are kept either."""
        self._outcomes.append(outcome)
        if sum(len(one.subjects) for one in self._outcomes) > self._plan.manifest.release.max_cases:
            self._outcomes = [
                replace(one, released={}, attributes={}, subjects_of={}) for one in self._outcomes
            ]


def _groups_of(numbers: pa.ChunkedArray, kind: str, groups: Sequence[pa.Table]) -> pa.Array:
    """The group cell of each of these people, of the rows of a statistics partner; who is in none of them is in no known group."""
    if not groups:
        return pa.array(np.full(len(numbers), UNKNOWN_GROUP, np.uint8))
    known = pa.concat_tables(groups).combine_chunks()
    place = pc.index_in(in_one_piece(numbers), value_set=in_one_piece(known.column(kind)), skip_nulls=True)
    return pc.fill_null(in_one_piece(known.column(GROUP)).take(place), UNKNOWN_GROUP)


def _by_component(rows: Rows, linking: Linking, count: int) -> Iterator[tuple[int, Rows]]:
    """Rows of each of so many buckets, without the numbers that too many records have: each component is in one bucket, and so is
    each record without any."""
    for partner, table in rows.items():
        numbers = table.column(_RECORD).to_numpy()
        component = pa.array(linking.component[numbers], mask=~linking.somewhere(numbers))
        table = table.append_column(_COMPONENT, component)
        for kind, many in linking.crowds.items():
            own = table.column(kind)
            without = pc.if_else(pc.is_in(own, value_set=many), None, own)
            table = table.set_column(table.schema.get_field_index(kind), kind, without)
        place = (pc.coalesce(component, pa.array(numbers)).to_numpy() % count).astype(
            np.min_scalar_type(count)
        )
        table = table.take(pa.array(np.argsort(place, kind="stable")))
        ends = np.cumsum(np.bincount(place, minlength=count)).tolist()
        for number, (start, end) in enumerate(pairwise([0, *ends])):
            if end > start:
                yield number, {partner: table.slice(start, end - start)}


def _rows(buckets: SpillBuffer, number: int) -> Rows:
    pieces: dict[str, list[pa.Table]] = {}
    for data in buckets.read(number):
        for partner, table in unpacked(data.data).items():
            pieces.setdefault(partner, []).append(table)
    return {partner: pa.concat_tables(tables).combine_chunks() for partner, tables in pieces.items()}


def packed(tables: Mapping[str, pa.Table]) -> bytes:
    """Tables as bytes: a line of JSON with their names and sizes, then each (Arrow IPC)."""
    blobs = []
    for table in tables.values():
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        blobs.append(sink.getvalue())
    sizes = [[name, len(blob)] for name, blob in zip(tables, blobs, strict=True)]
    return b"".join([json.dumps(sizes).encode(), b"\n", *blobs])


def unpacked(data: bytes | memoryview) -> dict[str, pa.Table]:
    """The tables in what `packed` made; their cells are not copied."""
    view = memoryview(data)
    at = bytes(view[:65_536]).index(b"\n") + 1
    tables = {}
    for name, size in json.loads(bytes(view[:at])):
        tables[name] = pa.ipc.open_stream(pa.py_buffer(view[at : at + size])).read_all()
        at += size
    return tables
