"""The rows of a drop while it is made: columns as plain arrays, so that millions of them cost little.

Normalising and hashing go piece by piece on all processors, a few pieces ahead; joining duplicates looks only at
what it needs: equal pseudonyms stand together once rows are in pseudonym order.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
import polars as pl
import pyarrow as pa

from lsi_match.partner.normalise import normalise, persons
from lsi_match.partner.references import LongIds, id_blocks
from lsi_match.partner.select import RECORD_ID, Selected
from lsi_match.protocol.documents import Opening
from lsi_match.protocol.manifest import NO_VALUE, Manifest, Selection
from lsi_match.protocol.tables import GROUP, REFERENCE, SELECTION, SIGNALS, Column, attribute_column
from lsi_match.tables import ARROW, BLOCK, schema_of
from lsi_match.trust.project_key import Blocks, ProjectKey

WORKERS = os.cpu_count() or 1

T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True)
class Rows:
    """Rows of a drop.

    Attributes:
        pseudonyms: kind → blocks, in the order of the manifest's kinds.
        record_ids: the partner's own ids as blocks of shape (rows, 16), see `references.id_blocks`.
        values: `selection`, `signals`, `group`, `attribute_…` → numbers.
    """

    pseudonyms: dict[str, Blocks]
    record_ids: np.ndarray
    values: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.record_ids)

    @classmethod
    def together(cls, parts: Sequence[Rows]) -> Rows:
        """All rows of `parts`, which have the same columns."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            {
                kind: Blocks(
                    np.concatenate([part.pseudonyms[kind].data for part in parts]),
                    np.concatenate([part.pseudonyms[kind].valid for part in parts]),
                )
                for kind in parts[0].pseudonyms
            },
            np.concatenate([part.record_ids for part in parts]),
            {name: np.concatenate([part.values[name] for part in parts]) for name in parts[0].values},
        )

    def blocks(self) -> dict[str, np.ndarray]:
        """All blocks of the rows, by kind, and those of the record ids."""
        return {
            RECORD_ID: self.record_ids,
            **{kind: blocks.data for kind, blocks in self.pseudonyms.items()},
        }

    def take(self, rows: np.ndarray) -> Rows:
        """The rows at these positions (or where a mask is true)."""
        positions = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        return Rows(
            {kind: blocks.take(positions) for kind, blocks in self.pseudonyms.items()},
            self.record_ids.take(positions, axis=0),
            {name: values.take(positions) for name, values in self.values.items()},
        )

    def first_pseudonyms(self) -> np.ndarray:
        """The first 8 bytes of each row's first pseudonym, as a number in the order of the bytes."""
        first = np.zeros(len(self), dtype=np.uint64)
        for blocks in reversed(self.pseudonyms.values()):
            first = np.where(blocks.valid, blocks.data.view(">u8")[:, 0], first)
        return first

    def in_pseudonym_order(self) -> Rows:
        """By first pseudonym, equal ones in random order, so that nothing is left of the order of the register."""
        first = self.first_pseudonyms()
        order = np.argsort(first)
        equal = _with_equal_neighbour(first.take(order))
        some = order.take(equal)
        chance = np.random.default_rng().integers(0, 2**32, len(some), dtype=np.uint32)
        order[equal] = some[np.lexsort((chance, first.take(some)))]
        return self.take(order)

    def without_duplicates(self) -> Rows:
        """One row per record of a selection: rows with the same record id and identifiers become one, with all
        their signals. For rows in pseudonym order.
        """
        repeated = _with_equal_neighbour(self.first_pseudonyms())
        if not len(repeated):
            return self
        some = self.take(repeated)
        frame = pl.DataFrame(
            {
                "row": repeated,
                **{
                    f"{name} {half}": blocks.view(np.uint64)[:, half]
                    for name, blocks in some.blocks().items()
                    for half in (0, 1)
                },
                SELECTION: some.values[SELECTION],
                SIGNALS: some.values[SIGNALS],
            }
        )
        joined = frame.group_by(pl.exclude("row", SIGNALS)).agg(
            pl.col("row").min(), pl.col(SIGNALS).bitwise_or()
        )
        if len(joined) == len(frame):
            return self
        kept = joined.get_column("row").to_numpy()
        signals = self.values[SIGNALS].copy()
        signals[kept] = joined.get_column(SIGNALS).to_numpy()
        stays = np.ones(len(self), dtype=np.bool_)
        stays[repeated] = False
        stays[kept] = True
        return Rows(self.pseudonyms, self.record_ids, {**self.values, SIGNALS: signals}).take(stays)

    def in_parts(self, parts: int) -> list[Rows]:
        """The rows of each part: equal ranges of the first 16 bits of the first pseudonym."""
        if parts == 1:
            return [self]
        prefix = self.first_pseudonyms() >> np.uint64(48)
        numbers = (prefix * np.uint64(parts) >> np.uint64(16)).astype(np.uint16)
        order = np.argsort(numbers, kind="stable")
        ends = np.cumsum(np.bincount(numbers, minlength=parts))
        ordered = self.take(order)
        return [ordered._between(start, end) for start, end in pairwise([0, *ends.tolist()])]

    def _between(self, start: int, end: int) -> Rows:
        return Rows(
            {kind: Blocks(b.data[start:end], b.valid[start:end]) for kind, b in self.pseudonyms.items()},
            self.record_ids[start:end],
            {name: values[start:end] for name, values in self.values.items()},
        )

    def table(self, columns: Sequence[Column], references: pa.Array) -> pa.Table:
        """The rows as the columns of a drop."""
        arrays = []
        for column in columns:
            if column.name == REFERENCE:
                arrays.append(references)
            elif column.type == "block":
                data = pa.py_buffer(self.pseudonyms[column.name].data)
                arrays.append(pa.FixedSizeBinaryArray.from_buffers(BLOCK, len(self), [None, data]))
            else:
                arrays.append(pa.array(self.values[column.name], ARROW[column.type]))
        return pa.table(arrays, schema=schema_of(columns))


def _with_equal_neighbour(ordered: np.ndarray) -> np.ndarray:
    """The positions of the values that are not the only one of their kind."""
    same = ordered[1:] == ordered[:-1]
    found = np.zeros(len(ordered), dtype=np.bool_)
    found[1:] = same
    found[:-1] |= same
    return np.flatnonzero(found)


@dataclass(frozen=True)
class Pseudonymised:
    """A piece of a selection: its rows in each part of the drop, the counts of the selecting, and how many
    identifiers were invalid, by kind and reason."""

    parts: list[Rows]
    selected: Selected
    invalid: dict[str, int]


def pseudonymised(
    manifest: Manifest,
    partner: str,
    position: int,
    pieces: Iterable[Selected],
    key: ProjectKey,
    opening: Opening,
    long_ids: LongIds,
) -> Iterator[Pseudonymised]:
    """The records of the selection at `position` of `partner` that have a valid identifier, with pseudonyms in
    its place."""
    selection = manifest.partners[partner].selections[position]
    own = {attribute_column(a.id) for a in selection.attributes}
    every = [attribute_column(a) for a in manifest.partners[partner].attribute_ids]

    def work(piece: Selected) -> Pseudonymised:
        frame = pl.DataFrame(pl.from_arrow(piece.table))
        pseudonyms, invalid = _pseudonyms(manifest, selection, frame, key, opening.round)
        there = np.any([blocks.valid for blocks in pseudonyms.values()], axis=0)
        if not there.all():
            frame = frame.filter(pl.Series(there))
            pseudonyms = {kind: blocks.take(np.flatnonzero(there)) for kind, blocks in pseudonyms.items()}
        absent = np.full(len(frame), NO_VALUE, np.uint16)
        values = {
            SELECTION: np.full(len(frame), position, dtype=np.uint8),
            SIGNALS: frame.get_column(SIGNALS).to_numpy(),
            GROUP: frame.get_column(GROUP).to_numpy(),
            **{name: frame.get_column(name).to_numpy() if name in own else absent for name in every},
        }
        rows = Rows(pseudonyms, id_blocks(frame.get_column(RECORD_ID).cast(pl.String), long_ids), values)
        return Pseudonymised(rows.in_parts(opening.parts), piece.without_rows(), invalid)

    return _ahead(work, pieces)


def _ahead(work: Callable[[T], S], items: Iterable[T]) -> Iterator[S]:
    """`work` on each of `items` on all processors, in order; of what waits for it no more is taken than keeps them busy."""
    with ThreadPoolExecutor(WORKERS) as pool:
        waiting: deque[Future[S]] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > 2 * WORKERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _pseudonyms(
    manifest: Manifest, selection: Selection, frame: pl.DataFrame, key: ProjectKey, round_id: str
) -> tuple[dict[str, Blocks], dict[str, int]]:
    """The pseudonyms of every kind, and how many identifiers and fields of a person were of no use, by kind or
    field and reason."""
    fields = [name for source in selection.identifiers for name in source.fields]
    fields += list(selection.person.values())
    texts = frame.select(pl.col(name).cast(pl.String) for name in dict.fromkeys(fields))
    found: dict[str, pl.Series] = {}
    invalid: dict[str, int] = {}
    for source in selection.identifiers:
        normalised = normalise(texts, source)
        found[source.kind.value] = normalised.values
        invalid |= {f"{source.kind.value}_{reason}": count for reason, count in normalised.invalid.items()}
    if selection.person:
        person = {str(part): field for part, field in selection.person.items()}
        keys, useless = persons(texts, person, manifest.subject.person_keys)
        invalid |= useless
        found |= {name: keys.get_column(name) for name in keys.columns}
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, len(frame))
    kinds = manifest.subject.kinds
    return {kind: key.pseudonyms(found.get(kind, nothing), round_id, kind) for kind in kinds}, invalid


def summed(counts: Sequence[dict[str, int]]) -> dict[str, int]:
    names = sorted({name for count in counts for name in count})
    return {name: sum(count.get(name, 0) for count in counts) for name in names}
