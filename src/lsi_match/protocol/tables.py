"""Tables as the bytes of a part: the columns of `protocol.columns` one after another, little endian, without anything else.

Rows times the width of a row is the length of a part, and that is the whole check of its form: there is no metadata, so
nothing in it can be wrong. What stands in the cells is for whoever reads them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from lsi_match.base.buffer_pool import pooled_array
from lsi_match.base.errors import LsiError
from lsi_match.protocol.columns import Column, ColumnType, row_width

BLOCK_TYPE = pa.binary(16)
_ARROW: dict[ColumnType, pa.DataType] = {
    "block": BLOCK_TYPE,
    "uint8": pa.uint8(),
    "uint16": pa.uint16(),
    "uint64": pa.uint64(),
    "boolean": pa.bool_(),
}
_NUMBERS: dict[ColumnType, str] = {"uint8": "u1", "uint16": "<u2", "uint64": "<u8", "boolean": "u1"}


class TableInvalidError(LsiError): ...


def schema_of(columns: Sequence[Column]) -> pa.Schema:
    """The Arrow schema of `columns`."""
    return pa.schema([pa.field(c.name, _arrow(c), nullable=False) for c in columns])


def _arrow(column: Column) -> pa.DataType:
    return pa.binary(column.width) if column.type == "sealed" else _ARROW[column.type]


def cells(part: memoryview, columns: Sequence[Column], rows: int) -> dict[str, np.ndarray]:
    """The columns in a part of `rows` rows, where they lie: numbers, or blocks of shape (rows, width)."""
    found, at = {}, 0
    for column in columns:
        flat = np.frombuffer(part[at : at + rows * column.width], np.uint8)
        number = _NUMBERS.get(column.type)
        found[column.name] = flat.view(number) if number else flat.reshape(rows, column.width)
        at += rows * column.width
    return found


def blank_part(columns: Sequence[Column], rows: int) -> tuple[memoryview, dict[str, np.ndarray]]:
    """The bytes of a part of `rows` rows, with anything in them, and its columns in there, to be filled."""
    part = pooled_array(rows * row_width(columns)).data
    return part, cells(part, columns, rows)


def to_part(table: pa.Table, columns: Sequence[Column]) -> memoryview:
    """The bytes of `table`, which has exactly these columns without empty cells."""
    part, made = blank_part(columns, len(table))
    for column in columns:
        array = in_one_piece(table.column(column.name))
        made[column.name][:] = array if column.type in _NUMBERS else blocks_of(array)
    return part


def from_part(
    part: bytes | memoryview, columns: Sequence[Column], rows: int, *, what: str, party: str
) -> pa.Table:
    """The table in `part`; its cells are not copied, but for booleans.

    Raises:
        TableInvalidError: another length than `rows` rows take, or a boolean that is neither 0 nor 1.
    """
    if len(part) != rows * row_width(columns):
        raise TableInvalidError.because(
            "protocol.wrong_size",
            part=len(part),
            rows=rows,
            wanted=rows * row_width(columns),
            what=what,
            party=party,
        )
    arrays = []
    for column, own in zip(columns, cells(memoryview(part), columns, rows).values(), strict=True):
        if column.type == "boolean":
            if own.max(initial=0) > 1:
                raise TableInvalidError.because("protocol.no_flag", name=column.name, what=what, party=party)
            arrays.append(pa.array(own.view(np.bool_)))
        else:
            arrays.append(pa.Array.from_buffers(_arrow(column), rows, [None, pa.py_buffer(own)]))
    return pa.table(arrays, schema=schema_of(columns))


_FEW = 1 << 12
#: What is seen of a row besides blocks and what is sealed, as numbers → rows that share it.
Combinations = Counter[tuple[int, ...]]


def combinations(table: pa.Table) -> Combinations:
    """Every combination of numbers in a table, with how many rows have it."""
    # Each row a number of what stands in it; `group_by` and `pa.array` of Arrow would load pandas.
    rows: list[tuple[int, ...]] = [()]
    codes: np.ndarray = np.zeros(len(table), np.int32)
    for field in table.schema:
        if pa.types.is_integer(field.type):
            column = in_one_piece(table.column(field.name))
            numbers = np.from_dlpack(column)
            # Small numbers are their own places: a dictionary takes five times as long.
            most = int(numbers.max(initial=0))
            if len(numbers) and int(numbers.min()) == most:
                rows = [(*row, most) for row in rows]
                continue
            values: Sequence[int] = range(min(most, _FEW) + 1)
            if most > _FEW:
                encoded = column.dictionary_encode()
                numbers, values = np.from_dlpack(encoded.indices), encoded.dictionary.to_pylist()
            codes = codes * np.int64(len(values)) + numbers.astype(np.int64)
            there: Sequence[int] = range(len(rows) * len(values))
            if len(there) > _FEW:
                there, codes = _renumbered(codes, len(there))
            rows = [(*rows[code // len(values)], values[code % len(values)]) for code in there]
    return Counter({row: n for row, n in zip(rows, np.bincount(codes).tolist(), strict=False) if n})


def _renumbered(codes: np.ndarray, end: int) -> tuple[list[int], np.ndarray]:
    """The codes below `end` that there are, in order, and for each row the place of its code among them."""
    if end > 1 << 20:
        found, places = np.unique(codes, return_inverse=True)
        return found.tolist(), places
    there = np.flatnonzero(np.bincount(codes, minlength=end))
    places = np.zeros(end, np.int64)
    places[there] = np.arange(len(there))
    return there.tolist(), places[codes]


def shared_by_fewer(found: Combinations, than: int) -> int:
    """How many rows have a combination that fewer rows share than this, themselves included."""
    return sum(count for count in found.values() if count < than)


def blocks_of(array: pa.Array) -> np.ndarray:
    """Blocks as they lie in memory (shape (rows, width)); where there is none, anything."""
    width = array.type.byte_width
    data = np.frombuffer(array.buffers()[1], np.uint8)
    return data[array.offset * width : (array.offset + len(array)) * width].reshape(-1, width)


def in_one_piece(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece; copied only where it is in several."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def absent_to_null(column: pa.ChunkedArray) -> pa.Array:
    """A column of blocks in which 16 zero bytes, which stand for none, are null."""
    blocks = in_one_piece(column).cast(BLOCK_TYPE)
    data = blocks.buffers()[1].slice(blocks.offset * 16, len(blocks) * 16)
    halves = np.frombuffer(data, dtype=np.uint64)
    bits = None
    if not halves[::2].all():
        there = (halves[::2] | halves[1::2]) != 0
        bits = None if there.all() else pa.array(there).buffers()[1]
    return pa.FixedSizeBinaryArray.from_buffers(BLOCK_TYPE, len(blocks), [bits, data])
