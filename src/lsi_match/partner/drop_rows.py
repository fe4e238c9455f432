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
from datetime import date
from itertools import pairwise
from typing import Final, TypeVar

import numpy as np
import polars as pl

from lsi_match.base.buffer_pool import pooled_array
from lsi_match.crypto.pseudonyms import Blocks, Pseudonymiser
from lsi_match.manifest import NO_VALUE, Manifest, Selection
from lsi_match.manifest.identifiers import InvalidReason
from lsi_match.partner.crowds import WAY, Crowds
from lsi_match.partner.normalise import BagLookup, Normalised, normalise, persons
from lsi_match.partner.normalise.people import Crowd
from lsi_match.partner.references import LongIds, id_blocks
from lsi_match.partner.select import RECORD_ID, Selected, SelectionTask
from lsi_match.protocol.columns import GROUP, REFERENCE, SELECTION, SIGNALS, WIDTH, Column, attribute_column
from lsi_match.protocol.tables import blank_part

WORKERS = os.cpu_count() or 1
BLOCK_BYTES = WIDTH["block"]
#: For `np.take` at positions that are all there: what it must not check, it writes into its target at once.
WITHOUT_COPY: Final = "clip"

T = TypeVar("T")
S = TypeVar("S")


class Layout:
    """Where the columns of a drop stand in a row while the drop is made: one array of 16-byte blocks, so that moving
    a row is moving its blocks, whatever is in them. Each pseudonym has a block of its own (16 zero bytes for none) and
    so has the record id, in place of its reference; numbers share blocks, the widest first, so that all are aligned.

    Attributes:
        columns: of the drop.
        kinds: the columns of pseudonyms, in order.
        places: column → its block, its first byte in there, and its type.
        blocks: blocks of a row.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = columns
        self.kinds = [c.name for c in columns if c.type == "block" and c.name != REFERENCE]
        self.places: dict[str, tuple[int, int, str]] = {}
        at = 0
        for column in sorted(columns, key=lambda c: -WIDTH[c.type]):
            self.places[column.name] = (*divmod(at, BLOCK_BYTES), column.type)
            at += WIDTH[column.type]
        self.blocks = -(-at // BLOCK_BYTES)

    def rows(self, count: int) -> Rows:
        """So many rows, to be filled."""
        return Rows(self, np.empty((self.blocks, count, BLOCK_BYTES), np.uint8))

    def in_parts(self, columns: dict[str, np.ndarray], parts: int) -> list[Rows]:
        """The rows of each part, of whole columns: numbers, or blocks of shape (rows, 16)."""
        order, ends = by_part(first_pseudonyms([columns[kind] for kind in self.kinds]), parts)
        rows = self.rows(len(order))
        for name, column in columns.items():
            np.take(column, order, axis=0, out=rows[name], mode=WITHOUT_COPY)
        return [Rows(self, rows.data[:, start:end]) for start, end in pairwise([0, *ends])]


@dataclass(frozen=True)
class Rows:
    """Rows of a drop: `data` of shape (blocks, rows, 16)."""

    layout: Layout
    data: np.ndarray

    def __len__(self) -> int:
        return int(self.data.shape[1])

    def __getitem__(self, name: str) -> np.ndarray:
        """A view of a column: numbers, or blocks of shape (rows, 16)."""
        block, start, kind = self.layout.places[name]
        column: np.ndarray = self.data[block]
        if kind != "block":
            column = column[:, start : start + WIDTH[kind]].view(kind)[:, 0]
        return column

    @classmethod
    def together(cls, layout: Layout, parts: Sequence[np.ndarray]) -> Rows:
        """All rows whose `data` these are."""
        none = np.empty((layout.blocks, 0, BLOCK_BYTES), np.uint8)
        data = pooled_array(layout.blocks, sum(part.shape[1] for part in parts), BLOCK_BYTES)
        return cls(layout, np.concatenate([none, *parts], axis=1, out=data))

    def take(self, rows: np.ndarray) -> Rows:
        """The rows at these positions."""
        return Rows(self.layout, self.data.take(rows, axis=1))

    def first_pseudonyms(self) -> np.ndarray:
        """See the function of this name."""
        return first_pseudonyms([self[kind] for kind in self.layout.kinds])

    def in_pseudonym_order(self) -> Rows:
        """By first pseudonym, equal ones in random order, so that nothing is left of the order of the register."""
        first = self.first_pseudonyms()
        order = np.argsort(first)
        equal = _with_equal_neighbour(first.take(order))
        some = order.take(equal)
        chance = np.random.default_rng().integers(0, 2**32, len(some), dtype=np.uint32)
        order[equal] = some[np.lexsort((chance, first.take(some)))]
        data = pooled_array(*self.data.shape)
        return Rows(self.layout, np.take(self.data, order, axis=1, out=data, mode=WITHOUT_COPY))

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
                    f"{name} {half}": some[name].view(np.uint64)[:, half]
                    for name in (*self.layout.kinds, REFERENCE)
                    for half in (0, 1)
                },
                SELECTION: some[SELECTION],
                SIGNALS: some[SIGNALS],
            }
        )
        joined = frame.group_by(pl.exclude("row", SIGNALS)).agg(
            pl.col("row").min(), pl.col(SIGNALS).bitwise_or()
        )
        if len(joined) == len(frame):
            return self
        kept = joined.get_column("row").to_numpy()
        stays = np.ones(len(self), dtype=np.bool_)
        stays[repeated] = False
        stays[kept] = True
        signals = self[SIGNALS].copy()
        signals[kept] = joined.get_column(SIGNALS).to_numpy()
        left = self.take(np.flatnonzero(stays))
        left[SIGNALS][:] = signals[stays]
        return left

    def part(self, columns: Sequence[Column], beside: dict[str, np.ndarray]) -> memoryview:
        """The rows as the bytes of a part with these columns; those `beside` are given instead of taken from here."""
        part, made = blank_part(columns, len(self))
        for name, cells in made.items():
            cells[:] = beside[name] if name in beside else self[name]
        return part


def first_pseudonyms(kinds: Sequence[np.ndarray]) -> np.ndarray:
    """The first 8 bytes of each row's first pseudonym, as a number in the order of the bytes; the pseudonyms of each
    kind are blocks of shape (rows, 16), zero where there is none."""
    *others, last = kinds
    first = _heads(last)
    for kind in reversed(others):
        halves = kind.view(np.uint64)
        first = np.where((halves[:, 0] | halves[:, 1]) != 0, _heads(kind), first)
    return first


def by_part(first: np.ndarray, parts: int) -> tuple[np.ndarray, list[int]]:
    """The positions of the rows of each part, one after the other, and where those of each part end. A part is an equal
    range of the first 16 bits of the first pseudonym (`first_pseudonyms`)."""
    numbers = ((first >> np.uint64(48)) * np.uint64(parts) >> np.uint64(16)).astype(np.uint16)
    ends = np.cumsum(np.bincount(numbers, minlength=parts))
    return np.argsort(numbers, kind="stable"), ends.tolist()


def _heads(blocks: np.ndarray) -> np.ndarray:
    """The first 8 bytes of blocks as numbers in the order of the bytes."""
    return blocks.view(">u8")[:, 0].astype(np.uint64)


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


@dataclass(frozen=True)
class Making:
    """What pseudonyms and rows are made with: what makes pseudonyms, the name of the round, the number of parts, and what is found on the way."""

    maker: Pseudonymiser
    round_id: str
    parts: int
    layout: Layout
    crowds: Crowds
    long_ids: LongIds
    bag: BagLookup | None = None


def pseudonymised(
    task: SelectionTask,
    pieces: Iterable[Selected],
    making: Making,
) -> Iterator[Pseudonymised]:
    """The records that were selected for `task` and have a valid identifier, with pseudonyms in its place."""
    manifest, selection = task.manifest, task.selection
    partner = manifest.partners[task.partner]
    position = partner.selections.index(selection)
    own = {attribute_column(a.id) for a in selection.attributes}
    every = [attribute_column(a) for a in partner.attribute_ids]

    def work(piece: Selected) -> Pseudonymised:
        frame = pl.DataFrame(pl.from_arrow(piece.table))
        pseudonyms, invalid = _pseudonyms(task, frame, making)
        for kind, blocks in list(pseudonyms.items()):
            crowd = making.crowds.among(kind, np.ascontiguousarray(blocks.data).view(np.uint64)[:, 0])
            if crowd is not None and crowd.any():
                data = np.where(crowd[:, None], np.uint8(0), blocks.data)
                pseudonyms[kind] = Blocks(data, blocks.valid & ~crowd)
                invalid[f"{kind}_{InvalidReason.CROWD.value}"] = int(crowd.sum())
        there = np.any([blocks.valid for blocks in pseudonyms.values()], axis=0)
        if not there.all():
            frame = frame.filter(pl.Series(there))
            pseudonyms = {kind: blocks.take(np.flatnonzero(there)) for kind, blocks in pseudonyms.items()}
        columns = {kind: blocks.data for kind, blocks in pseudonyms.items()}
        # Of a statistics partner no reference goes along: whoever it has twice is one row, and `crossed` refuses that.
        ids = pl.lit("") if selection.counts_only else pl.col(RECORD_ID).cast(pl.String)
        columns[REFERENCE] = id_blocks(frame.select(ids.alias(RECORD_ID)).to_series(), making.long_ids)
        columns[SELECTION] = np.full(len(frame), position, np.uint8)
        columns |= {
            name: frame.get_column(name).to_numpy()
            if name not in every or name in own
            else np.full(len(frame), NO_VALUE, np.uint16)
            for name in (SIGNALS, GROUP, *every)
        }
        return Pseudonymised(making.layout.in_parts(columns, making.parts), piece.without_rows(), invalid)

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
    task: SelectionTask, frame: pl.DataFrame, making: Making
) -> tuple[dict[str, Blocks], dict[str, int]]:
    """The pseudonyms of every kind, and what `identified` counts."""
    found, invalid = identified(
        task.manifest, task.selection, frame, task.reference_date, making.crowds.among, making.bag
    )
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, len(frame))
    kinds = task.manifest.subject.kinds
    maker, name = making.maker, making.round_id
    return {kind: maker.pseudonyms(found.get(kind, nothing), name, kind) for kind in kinds}, invalid


def identified(
    manifest: Manifest,
    selection: Selection,
    frame: pl.DataFrame,
    reference_date: date,
    crowds: Crowd = lambda *_: None,
    bag: BagLookup | None = None,
) -> tuple[dict[str, pl.Series], dict[str, int]]:
    """The identifiers and person keys of every record, null where there is none; and how many identifiers and fields of
    a person were of no use, by kind or field and reason. `crowds`: see `Crowds.among`; `bag`: see `normalise`."""
    fields = [name for source in selection.identifiers for name in source.fields]
    fields += list(selection.person.values())
    texts = frame.select(pl.col(name).cast(pl.String) for name in dict.fromkeys(fields))
    found: dict[str, pl.Series] = {}
    invalid: dict[str, int] = {}
    for source in selection.identifiers:
        normalised = normalise(texts, source, bag)
        values, counts = _without_ambiguous(normalised, crowds)
        found[source.kind.value] = values
        invalid |= {f"{source.kind.value}_{reason}": count for reason, count in counts.items()}
    if selection.person:
        person = {str(part): field for part, field in selection.person.items()}
        keys, useless = persons(texts, person, manifest.subject.person_keys, reference_date, crowds)
        invalid |= useless
        found |= {name: keys.get_column(name) for name in keys.columns}
    return found, invalid


def _without_ambiguous(found: Normalised, crowds: Crowd) -> tuple[pl.Series, dict[str, int]]:
    """The identifiers and counts, without addresses that this register writes in two ways that may be two addresses."""
    values, counts = found.values, found.invalid
    if found.ways is None or not found.ways.count():
        return values, counts
    heads = values.hash().to_numpy() * values.is_not_null().to_numpy()
    for way in found.ways.unique().drop_nulls():
        over = crowds(WAY + way, heads * (found.ways == way).fill_null(False).to_numpy())
        if over is not None and over.any():
            values = values.set(pl.Series(over), None)
            counts = summed([counts, {InvalidReason.AMBIGUOUS.value: int(over.sum())}])
    return values, counts


def summed(counts: Sequence[dict[str, int]]) -> dict[str, int]:
    names = sorted({name for count in counts for name in count})
    return {name: sum(count.get(name, 0) for count in counts) for name in names}
