"""Matching bucket by bucket, so that memory is bounded by a bucket and not by the round.

A bucket is a range of the first pseudonym: the same parts of every drop, as many as hold no more than `ROWS`. Equal
pseudonyms are in one bucket, so with one kind of identifier a bucket is a small round of its own, and can be repeated by
itself.

With several kinds, a record that has two of them (a *bridge*) ties a number of one bucket to one of another. Whoever
shares a number with a bridge is in its component; whoever does not, shares only the one number that it has. So first the
numbers on bridges are gathered; then records that have one of these go to one engine for all buckets, and the others
to that of their bucket. Held at once: a bucket (and the next, while it is opened), 16 bytes for each number on a bridge,
and the records of the subjects that have bridges. Rows for a release are kept up to the largest number of cases that the
manifest allows: above it there is no release.

Person keys propose links between any two records. So there the records are linked first: the drops are opened for some
person keys at a time, of which only the pairs that agree on them stay (`agreements`). Then a bucket is some of the persons found, with
all their records, of all parts. Held at once while linking: the tokens of those keys, the pairs, and a row for each record.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lsi_match.crypto.block_cipher import BLOCK
from lsi_match.manifest import Manifest
from lsi_match.matcher.engine.engine import Engine, EngineOutcome
from lsi_match.matcher.engine.intake import Drop, parts_of
from lsi_match.protocol.columns import (
    CASE,
    REFERENCE,
    SEALED,
    SELECTION,
    Column,
    attribute_sources,
    release_columns,
    released_attribute_columns,
)
from lsi_match.protocol.tables import BLOCK_TYPE, in_one_piece, schema_of

#: Rows of one bucket, of all partners together: some 60 bytes each while it is open, and a little more in its database.
ROWS = 4_000_000
#: Partner → the rows of a bucket, and what each record is called over the whole round.
Bucket = dict[str, tuple[pa.Table, np.ndarray]]
#: Kind → numbers on bridges (see the module's text). With person keys `_RECORD`, the records of the bucket, and `_COMPONENT`, of each
#: its component; and kind → numbers that too many records have, which count as none.
Bridges = dict[str, pa.Array]
_RECORD, _COMPONENT = " record", " component"
#: Tokens of person keys that are linked by at a time: what their pairs are made in takes some 100 bytes for each.
TOKENS = 20_000_000
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
        return sum(one.cases_of.get(partner, 0) for one in self._outcomes)

    def fewer(self) -> dict[str, int]:
        """Partner → how many cases there would be fewer without what it delivered, as `Engine.fewer`."""
        names = self._manifest.partners
        return {name: sum(one.fewer.get(name, 0) for one in self._outcomes) for name in names}

    def counts(self) -> dict[str, int]:
        """How many subjects, subjects of two or more partners, cases, and records set aside as ambiguous, and
        of links on person keys as `Persons.counts`."""
        names = dict.fromkeys(name for one in self._outcomes for name in one.counts)
        return {name: sum(one.counts.get(name, 0) for one in self._outcomes) for name in names}

    def group_counts(self) -> dict[str, dict[int, int]]:
        """Stage → group cell → count, as `Engine.group_counts`."""
        found: dict[str, dict[int, int]] = {}
        for one in self._outcomes:
            for stage, cells in one.groups.items():
                into = found.setdefault(stage, {})
                for cell, count in cells.items():
                    into[cell] = into.get(cell, 0) + count
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
        outcome: of the subjects that are in this bucket alone.
        touched: as `Engine.subjects`, of those.
        tied: partner → its rows that are tied to another bucket, and what these records are called.
    """

    outcome: EngineOutcome
    touched: pa.Table
    tied: Bucket


@dataclass(frozen=True)
class Plan:
    """Which buckets a round is matched in. A bucket gives the same wherever and whenever it is done.

    Args:
        drops: those that were accepted.
        memory_limit: of each database, in the words of DuckDB.
        most: rows of one bucket.
        threads: of each database; as many as there are processors when left out.
        linking_limit: of the database in which person keys link, open alone; as of each when left out.
    """

    manifest: Manifest
    drops: Sequence[Drop]
    memory_limit: str
    most: int = ROWS
    threads: int | None = None
    linking_limit: str = ""

    @cached_property
    def buckets(self) -> list[list[range]]:
        """Per bucket the parts of the drops that it is made of, as many at once as are opened at once."""
        ranges = _ranges(self.drops, self.most)
        return [ranges for _ in ranges] if self._persons else [[parts] for parts in ranges]

    @property
    def _persons(self) -> list[str]:
        """The kinds that are person keys."""
        return [f"pk_{name}" for name in self.manifest.subject.person_keys]

    def match(self, number: int, bridges: Bridges) -> Result:
        """Open, re-key and match bucket `number`.

        Raises:
            duckdb.OutOfMemoryException: it does not fit.
            DropRefusedError: a drop was changed since it was accepted.
        """
        engine = self.engine()
        tied: Bucket = {}
        try:
            for parts in self.buckets[number]:
                for partner, rows, numbers in self._opened(parts):
                    if self._persons:
                        engine.add(partner, *_in_bucket(rows, numbers, bridges))
                        continue
                    away = _any_of(rows, bridges)
                    if away.any():
                        tied[partner] = rows.filter(pa.array(away)), numbers[away]
                        rows, numbers = rows.filter(pa.array(~away)), numbers[~away]
                    engine.add(partner, rows, numbers)
            engine.match(_components(bridges) if self._persons else None)
            return Result(engine.outcome(), engine.subjects(), tied)
        finally:
            engine.close()

    def engine(self, memory_limit: str = "") -> Engine:
        reference_date = self.drops[0].round_.opening.reference_date
        return Engine(self.manifest, memory_limit or self.memory_limit, self.threads, reference_date)

    def linked(self) -> tuple[list[Bridges], dict[str, int]]:
        """Per bucket what ties its records to each other, or to those of others; and counts of links on person keys.

        Raises: as `match`.
        """
        return self._by_person_keys() if self._persons else (self._bridges(), {})

    def _by_person_keys(self) -> tuple[list[Bridges], dict[str, int]]:
        engine = self.engine(self.linking_limit)
        try:
            for number, (kinds, piece, pieces) in enumerate(self._tokens(engine.telling)):
                for parts in self.buckets[0]:
                    for partner, rows, numbers in self._opened(parts):
                        if number == 0:
                            outside = {REFERENCE, SEALED, *self._persons} & {*rows.column_names}
                            every = pa.array(np.ones(len(rows), np.bool_))
                            # A copy: so that all that was opened of the drop can go.
                            engine.add(partner, rows.drop_columns([*outside]).filter(every), numbers)
                        for kind in kinds:
                            keys = rows.select([kind, SELECTION])
                            own = parts_of(in_one_piece(keys.column(kind)), pieces) == piece
                            engine.add_tokens(partner, keys.filter(pa.array(own)), numbers[own], kind)
                engine.gather()
            engine.link()
            return self._persons_by_bucket(engine), engine.persons.counts()
        finally:
            engine.close()

    def _tokens(self, telling: str | None) -> list[tuple[list[str], int, int]]:
        """Which person keys are linked by at a time: which kinds, and which piece of so many of their tokens."""
        rows = max(1, sum(drop.descriptor.rows for drop in self.drops))
        pieces = -(-rows // TOKENS)
        others = [kind for kind in self._persons if kind != telling]
        many = max(1, TOKENS // rows)
        groups = [[telling]] if telling else []
        groups += [others[at : at + many] for at in range(0, len(others), many)]
        return [(kinds, piece, pieces) for kinds, piece in product(groups, range(pieces))]

    def _persons_by_bucket(self, engine: Engine) -> list[Bridges]:
        """Each component is in one bucket, and so is each record without any."""
        found = engine.components()
        record, component = found.column("record"), found.column("component")
        place = pc.coalesce(component, record).to_numpy() % len(self.buckets)
        own = [pa.array(place == number) for number in range(len(self.buckets))]
        return [
            {
                _RECORD: in_one_piece(record.filter(one)),
                _COMPONENT: in_one_piece(component.filter(one)),
                **engine.crowds,
            }
            for one in own
        ]

    def _bridges(self) -> list[Bridges]:
        """Per bucket, of the numbers on records that have numbers of two kinds or more, those in its range."""
        kinds = self.manifest.subject.kinds
        if len(kinds) == 1:
            return [{} for _ in self.buckets]
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(lambda parts: self._on_bridges(parts[0]), self.buckets))
        numbers = {
            kind: pc.unique(pa.chunked_array([one[kind] for one in found], BLOCK_TYPE)) for kind in kinds
        }
        parts = len(self.drops[0].descriptor.parts)
        places = {kind: parts_of(own, parts) for kind, own in numbers.items()}
        return [
            {kind: numbers[kind].filter(pa.array(np.isin(places[kind], ranges[0]))) for kind in kinds}
            for ranges in self.buckets
        ]

    def _on_bridges(self, parts: range) -> Bridges:
        """Kind → the numbers of records that have numbers of two kinds or more."""
        kinds = self.manifest.subject.kinds
        found = {kind: [pa.array([], BLOCK_TYPE)] for kind in kinds}
        for _, rows, _ in self._opened(parts):
            has = sum(pc.is_valid(rows.column(kind)).to_numpy().astype(np.uint8) for kind in kinds)
            bridges = rows.filter(pa.array(np.asarray(has) >= 2))
            for kind in kinds:
                found[kind] += pc.drop_null(bridges.column(kind)).chunks
        return {kind: pc.unique(pa.chunked_array(own, BLOCK_TYPE)) for kind, own in found.items()}

    @cached_property
    def _starts(self) -> dict[str, np.ndarray]:
        """Records are numbered drop by drop, in the order of their parts: partner → the number that each part begins at."""
        starts, start = {}, 0
        for drop in self.drops:
            starts[drop.partner] = start + np.cumsum([0, *(part.rows for part in drop.descriptor.parts)])
            start += drop.descriptor.rows
        return starts

    def _opened(self, parts: range) -> Iterator[tuple[str, pa.Table, np.ndarray]]:
        """Drop after drop: whose it is, its rows of these parts, and what they are called."""
        for drop in self.drops:
            rows = pa.concat_tables(drop.part(number) for number in parts)
            first = int(self._starts[drop.partner][parts[0]])
            yield drop.partner, rows, np.arange(first, first + len(rows), dtype=np.uint32)


_NOTHING = EngineOutcome({}, {}, np.zeros(0, np.uint32), {}, {}, {}, {}, {})

#: Has all buckets of a plan done, somewhere, and gives what came of them, in order.
Spread = Callable[[Plan, Sequence[Bridges]], Iterator[Result]]


def here(plan: Plan, bridges: Sequence[Bridges]) -> Iterator[Result]:
    """One bucket after another, in this thread."""
    return (plan.match(number, own) for number, own in enumerate(bridges))


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

    def work(self, spread: Spread = here) -> Iterator[pa.Table]:
        """Have every bucket matched; after each, whom it touched (`Engine.subjects`). Then, over all buckets, whoever is
        tied to several.

        Raises:
            what `Plan.match` raises.
        """
        together = None
        try:
            bridges, counts = self._plan.linked()
            self._keep(replace(_NOTHING, counts=counts))
            for result in spread(self._plan, bridges):
                for partner, (rows, numbers) in result.tied.items():
                    together = together or self._plan.engine()
                    together.add(partner, rows, numbers)
                self._keep(result.outcome)
                yield result.touched
            if together is not None:
                together.match()
                self._keep(together.outcome())
                yield together.subjects()
        finally:
            if together is not None:
                together.close()

    def _keep(self, outcome: EngineOutcome) -> None:
        """Above the largest number of cases there is no release: then no rows for one are kept either."""
        self._outcomes.append(outcome)
        if sum(len(one.subjects) for one in self._outcomes) > self._plan.manifest.release.max_cases:
            self._outcomes = [
                replace(one, released={}, attributes={}, subjects_of={}) for one in self._outcomes
            ]


def _ranges(drops: Sequence[Drop], most: int) -> list[range]:
    """Which parts make a bucket: neighbours, together no more than `most` rows where they are more than one."""
    rows = np.sum([[part.rows for part in drop.descriptor.parts] for drop in drops], axis=0).tolist()
    found, first, held = [], 0, 0
    for number, count in enumerate(rows):
        if number > first and held + count > most:
            found.append(range(first, number))
            first, held = number, 0
        held += count
    return [*found, range(first, len(rows))]


def _in_bucket(rows: pa.Table, numbers: np.ndarray, bridges: Bridges) -> tuple[pa.Table, np.ndarray]:
    """Of consecutive records those of the bucket, without the numbers that too many records have."""
    every = bridges[_RECORD].to_numpy()
    first, end = np.searchsorted(every, [numbers[0], numbers[-1] + 1]) if len(numbers) else (0, 0)
    own = every[first:end]
    rows = rows.take(pa.array(own - numbers[0])) if len(own) else rows.slice(0, 0)
    for kind in bridges.keys() - {_RECORD, _COMPONENT}:
        crowded = pc.is_in(rows.column(kind), value_set=bridges[kind])
        at = rows.schema.get_field_index(kind)
        rows = rows.set_column(at, kind, pc.if_else(crowded, None, rows.column(kind)))
    return rows, own


def _components(bridges: Bridges) -> pa.Table:
    found = pa.table({"record": bridges[_RECORD], "component": bridges[_COMPONENT]})
    return found.filter(found.column("component").is_valid())


def _any_of(rows: pa.Table, bridges: Bridges) -> np.ndarray:
    """Which rows are a bridge, or have one of these numbers."""
    found = np.zeros(len(rows), np.bool_)
    if not bridges:
        return found
    has = sum(pc.is_valid(rows.column(kind)).to_numpy().astype(np.uint8) for kind in bridges)
    for kind, numbers in bridges.items():
        found |= pc.is_in(rows.column(kind), value_set=numbers).to_numpy()
    return found | (np.asarray(has) >= 2)
