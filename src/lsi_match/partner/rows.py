"""The rows of a drop while it is made: columns as plain arrays, so that millions of them cost little.

Normalising and hashing go piece by piece on all processors; joining duplicates and ordering look only at what
they need: equal pseudonyms stand together once rows are in pseudonym order.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
import pyarrow as pa

from lsi_match.partner.normalise import normalise, person_keys
from lsi_match.partner.select import RECORD_ID, Selected
from lsi_match.protocol.documents import Opening
from lsi_match.protocol.manifest import NO_VALUE, Manifest, Selection
from lsi_match.protocol.tables import GROUP, REFERENCE, SELECTION, SIGNALS, Column, attribute_column
from lsi_match.tables import ARROW, BLOCK, schema_of
from lsi_match.trust.project_key import Blocks, ProjectKey

WORKERS = os.cpu_count() or 1
#: Rows that one worker takes at a time.
PIECE = 250_000


@dataclass(frozen=True)
class Rows:
    """Rows of a drop.

    Attributes:
        pseudonyms: kind → blocks, in the order of the manifest's kinds.
        record_ids: the partner's own ids (String).
        values: `selection`, `signals`, `group`, `attribute_…` → numbers.
    """

    pseudonyms: dict[str, Blocks]
    record_ids: pl.Series
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
            pl.concat([part.record_ids for part in parts]),
            {name: np.concatenate([part.values[name] for part in parts]) for name in parts[0].values},
        )

    def take(self, rows: np.ndarray) -> Rows:
        """The rows at these positions (or where a mask is true)."""
        positions = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        return Rows(
            {kind: blocks.take(positions) for kind, blocks in self.pseudonyms.items()},
            self.record_ids.gather(positions),
            {name: values[positions] for name, values in self.values.items()},
        )

    def with_pseudonym(self) -> Rows:
        """Without the rows that have no valid identifier at all."""
        valid = np.any([blocks.valid for blocks in self.pseudonyms.values()], axis=0)
        return self if valid.all() else self.take(valid)

    def first_pseudonyms(self) -> np.ndarray:
        """The first 8 bytes of each row's first pseudonym, as a number in the order of the bytes."""
        first = np.zeros(len(self), dtype=np.uint64)
        open_ = np.ones(len(self), dtype=np.bool_)
        for blocks in self.pseudonyms.values():
            heads = np.ascontiguousarray(blocks.data[:, :8]).view(">u8").reshape(-1)
            here = open_ & blocks.valid
            first[here] = heads[here]
            open_ &= ~blocks.valid
        return first

    def in_pseudonym_order(self) -> Rows:
        """By first pseudonym, equal ones in random order, so that nothing is left of the order of the register."""
        chance = np.random.default_rng().integers(0, 2**32, len(self), dtype=np.uint32)
        keys = pl.DataFrame({"first": self.first_pseudonyms(), "chance": chance})
        return self.take(keys.select(pl.arg_sort_by("first", "chance")).to_series().to_numpy())

    def without_duplicates(self) -> Rows:
        """One row per record of a selection: rows with the same record id and identifiers become one, with all
        their signals. For rows in pseudonym order.
        """
        first = self.first_pseudonyms()
        same = first[1:] == first[:-1]
        repeated = np.flatnonzero(np.append(same, False) | np.append(False, same)) if len(first) else first
        if not len(repeated):
            return self
        some = self.take(repeated)
        frame = pl.DataFrame(
            {
                "row": repeated,
                RECORD_ID: some.record_ids,
                **{
                    kind: pl.Series(blocks.to_list(), dtype=pl.Binary)
                    for kind, blocks in some.pseudonyms.items()
                },
                SELECTION: some.values[SELECTION],
                SIGNALS: some.values[SIGNALS],
            }
        )
        joined = frame.group_by(SELECTION, RECORD_ID, *self.pseudonyms).agg(
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
        numbers = (self.first_pseudonyms() >> np.uint64(48)) * np.uint64(parts) >> np.uint64(16)
        order = np.argsort(numbers.astype(np.uint16), kind="stable")
        starts = np.searchsorted(numbers[order], np.arange(parts + 1, dtype=np.uint64))
        return [self.take(order[start:end]) for start, end in pairwise(starts)]

    def table(self, columns: Sequence[Column], references: pa.Array) -> pa.Table:
        """The rows as the columns of a drop."""
        arrays = []
        for column in columns:
            if column.name == REFERENCE:
                arrays.append(references)
            elif column.type == "block":
                arrays.append(_block_array(self.pseudonyms[column.name]))
            else:
                arrays.append(pa.array(self.values[column.name], ARROW[column.type]))
        return pa.table(arrays, schema=schema_of(columns))


def _block_array(blocks: Blocks) -> pa.Array:
    """The blocks, 16 zero bytes where there is none."""
    data = np.where(blocks.valid[:, None], blocks.data, np.uint8(0))
    return pa.FixedSizeBinaryArray.from_buffers(BLOCK, len(blocks), [None, pa.py_buffer(data)])


def pseudonymised(
    manifest: Manifest, partner: str, position: int, selected: Selected, key: ProjectKey, opening: Opening
) -> tuple[list[list[Rows]], dict[str, int]]:
    """The records of the selection at `position` of `partner` that have a valid identifier, with pseudonyms in
    its place: piece by piece, each cut into the parts of the drop. And how many identifiers were invalid, by
    kind and reason."""
    selection = manifest.partners[partner].selections[position]
    own = {attribute_column(a.id) for a in selection.attributes}
    every = [attribute_column(a) for a in manifest.partners[partner].attribute_ids]

    def piece(start: int) -> tuple[list[Rows], dict[str, int]]:
        frame = pl.DataFrame(pl.from_arrow(selected.table.slice(start, PIECE)))
        pseudonyms, invalid = _pseudonyms(manifest, selection, frame, key, opening.round)
        absent = np.full(len(frame), NO_VALUE, np.uint16)
        values = {
            SELECTION: np.full(len(frame), position, dtype=np.uint8),
            SIGNALS: frame.get_column(SIGNALS).to_numpy(),
            GROUP: frame.get_column(GROUP).to_numpy(),
            **{name: frame.get_column(name).to_numpy() if name in own else absent for name in every},
        }
        rows = Rows(pseudonyms, frame.get_column(RECORD_ID).cast(pl.String), values)
        return rows.with_pseudonym().in_parts(opening.parts), invalid

    with ThreadPoolExecutor(WORKERS) as pool:
        pieces = list(pool.map(piece, range(0, max(1, selected.with_signal), PIECE)))
    return [rows for rows, _ in pieces], _summed([invalid for _, invalid in pieces])


def _pseudonyms(
    manifest: Manifest, selection: Selection, frame: pl.DataFrame, key: ProjectKey, round_id: str
) -> tuple[dict[str, Blocks], dict[str, int]]:
    """The pseudonyms of every kind, and how many identifiers were invalid, by kind and reason."""
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
        keys = person_keys(texts, person, manifest.subject.person_keys)
        found |= {name: keys.get_column(name) for name in keys.columns}
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, len(frame))
    kinds = manifest.subject.kinds
    return {kind: key.pseudonyms(found.get(kind, nothing), round_id, kind) for kind in kinds}, invalid


def _summed(counts: Sequence[dict[str, int]]) -> dict[str, int]:
    names = sorted({name for count in counts for name in count})
    return {name: sum(count.get(name, 0) for count in counts) for name in names}
