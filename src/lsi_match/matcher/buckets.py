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

Person keys propose links between any two records: a round with person keys is matched in one piece.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lsi_match.matcher.engine import Engine, Outcome
from lsi_match.matcher.intake import Drop
from lsi_match.protocol.manifest import Manifest
from lsi_match.protocol.tables import CASE, REFERENCE, release_columns
from lsi_match.tables import BLOCK, schema_of
from lsi_match.trust.blocks import BLOCK as BLOCK_BYTES

#: Rows of one bucket, of all partners together: some 60 bytes each while it is open, and a little more in its database.
ROWS = 4_000_000
#: Partner → the rows of a bucket, and what each record is called over the whole round.
Bucket = dict[str, tuple[pa.Table, np.ndarray]]
#: Random bytes, as many as asked.
Draw = Callable[[int], bytes]


class Matched:
    """What all buckets of a round gave together: counts, and the cases under ids derived from nothing."""

    def __init__(
        self, manifest: Manifest, outcomes: Sequence[Outcome], draw: Draw = secrets.token_bytes
    ) -> None:
        self._manifest = manifest
        self._outcomes = list(outcomes)
        none = np.zeros(0, np.uint32)
        self._subjects = np.sort(np.concatenate([none, *(one.subjects for one in outcomes)]))
        self._ids = np.frombuffer(draw(BLOCK_BYTES * len(self._subjects)), dtype=np.uint8).reshape(
            -1, BLOCK_BYTES
        )

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

    def counts(self) -> dict[str, int]:
        """How many subjects, subjects of two or more partners, cases, and records set aside as ambiguous."""
        names = ("subjects", "matched", "cases", "ambiguous_records")
        return {name: sum(one.counts[name] for one in self._outcomes) for name in names}

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
        schema = schema_of(release_columns(self._manifest, recipient))
        tables = [one.released[recipient] for one in self._outcomes if recipient in one.released]
        if not tables:
            return schema.empty_table()
        table = pa.concat_tables(tables)
        places = np.searchsorted(self._subjects, table.column(CASE).to_numpy())
        ids = pa.py_buffer(np.ascontiguousarray(self._ids[places]))
        cases = pa.FixedSizeBinaryArray.from_buffers(BLOCK, len(table), [None, ids])
        table = table.set_column(0, CASE, cases)
        order = [(CASE, "ascending"), (REFERENCE, "ascending")]
        return table.take(pc.sort_indices(table, sort_keys=order)).combine_chunks().cast(schema)


class Matching:
    """The matching of a round, from its accepted drops.

    Args:
        memory_limit: of each database, in the words of DuckDB.
        draw: where the ids of cases come from; another one in tests only.
        most: rows of one bucket.
    """

    def __init__(
        self,
        manifest: Manifest,
        drops: Sequence[Drop],
        memory_limit: str,
        draw: Draw = secrets.token_bytes,
        most: int = ROWS,
    ) -> None:
        self._manifest, self._drops, self._memory_limit = manifest, drops, memory_limit
        self._draw, self._most = draw, most
        self._outcomes: list[Outcome] = []

    def matched(self) -> Matched:
        """What came out, once `work` is done."""
        return Matched(self._manifest, self._outcomes, self._draw)

    def work(self) -> Iterator[pa.Table]:
        """Match bucket by bucket; after each, whom it touched (`Engine.subjects`).

        Raises:
            duckdb.OutOfMemoryException: a bucket does not fit.
            DropRefusedError: a drop was changed since it was accepted.
        """
        kinds, persons = self._manifest.subject.kinds, bool(self._manifest.subject.person_keys)
        one_kind = len(kinds) == 1
        bridged = {} if one_kind or persons else _numbers_on_bridges(self._drops, kinds, self._most)
        together = self._engine() if persons or any(len(one) for one in bridged.values()) else None
        try:
            for bucket in _buckets(self._drops, self._most):
                if together is not None:
                    for partner, (rows, numbers) in bucket.items():
                        tied = np.ones(len(rows), np.bool_) if persons else _any_of(rows, bridged)
                        together.add(partner, rows.filter(pa.array(tied)), numbers[tied])
                        bucket[partner] = rows.filter(pa.array(~tied)), numbers[~tied]
                if not persons:
                    engine = self._engine()
                    try:
                        for partner, (rows, numbers) in bucket.items():
                            engine.add(partner, rows, numbers)
                        yield self._of(engine)
                    finally:
                        engine.close()
            if together is not None:
                yield self._of(together)
        finally:
            if together is not None:
                together.close()

    def _engine(self) -> Engine:
        return Engine(self._manifest, self._memory_limit)

    def _of(self, engine: Engine) -> pa.Table:
        """What the records of one engine give; kept, but for the subjects it touched."""
        engine.match()
        self._outcomes.append(engine.outcome(_allowed(self._manifest, self._outcomes)))
        return engine.subjects()


def _allowed(manifest: Manifest, outcomes: Sequence[Outcome]) -> bool:
    """Whether there are not yet more cases than may be released."""
    return sum(len(one.subjects) for one in outcomes) <= manifest.release.max_cases


def _buckets(drops: Sequence[Drop], most: int) -> Iterator[Bucket]:
    """One by one; the next is opened meanwhile. Records are numbered drop by drop, in the order of their parts."""
    starts, start = {}, 0
    for drop in drops:
        starts[drop.partner] = start + np.cumsum([0, *(part.rows for part in drop.descriptor.parts)])
        start += drop.descriptor.rows

    def opened(parts: range) -> Bucket:
        found = {}
        for drop in drops:
            rows = pa.concat_tables(drop.part(number) for number in parts)
            first = int(starts[drop.partner][parts[0]])
            found[drop.partner] = rows, np.arange(first, first + len(rows), dtype=np.uint32)
        return found

    coming = _ranges(drops, most)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(opened, coming.pop(0))
        while True:
            bucket = waiting.result()
            more = bool(coming)
            if more:
                waiting = pool.submit(opened, coming.pop(0))
            yield bucket
            if not more:
                return


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


def _numbers_on_bridges(drops: Sequence[Drop], kinds: Sequence[str], most: int) -> dict[str, pa.Array]:
    """Kind → the numbers of records that have numbers of two kinds or more."""
    found = {kind: pa.array([], BLOCK) for kind in kinds}
    for bucket in _buckets(drops, most):
        for rows, _ in bucket.values():
            has = sum(pc.is_valid(rows.column(kind)).to_numpy().astype(np.uint8) for kind in kinds)
            bridges = rows.filter(pa.array(np.asarray(has) >= 2))
            for kind in kinds:
                own = pc.drop_null(bridges.column(kind))
                found[kind] = pc.unique(pa.chunked_array([found[kind], *own.chunks], BLOCK))
    return found


def _any_of(rows: pa.Table, bridged: dict[str, pa.Array]) -> np.ndarray:
    """Which rows have one of these numbers."""
    found = np.zeros(len(rows), np.bool_)
    for kind, numbers in bridged.items():
        found |= pc.is_in(rows.column(kind), value_set=numbers).to_numpy()
    return found
