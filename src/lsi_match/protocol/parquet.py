"""Parquet in memory: from and to the columns of `protocol.columns`, checked strictly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lsi_match.base.buffer_pool import memory, pooled_array
from lsi_match.base.errors import LsiError
from lsi_match.protocol.columns import WIDTH, Column, ColumnType, ReleasedColumn
from lsi_match.protocol.plain_parquet import NotPlainError, PlainColumn, check_plain

BLOCK_TYPE = pa.binary(16)
ARROW: dict[ColumnType, pa.DataType] = {
    "block": BLOCK_TYPE,
    "uint8": pa.uint8(),
    "uint16": pa.uint16(),
    "uint64": pa.uint64(),
    "text": pa.string(),
    "boolean": pa.bool_(),
}
_ANY_SIZE = 2**30
#: What is in plain pages, of the types that are read without a Parquet library.
_STORED: dict[ColumnType, str] = {"block": "u1", "uint8": "<u4", "uint16": "<u4", "uint64": "<u8"}


class TableInvalidError(LsiError): ...


def schema_of(columns: Sequence[Column | ReleasedColumn]) -> pa.Schema:
    """The Arrow schema of `columns`."""
    return pa.schema([pa.field(c.name, ARROW[c.type], nullable=False) for c in columns])


def to_parquet(table: pa.Table) -> bytes:
    """`parquet_view`, as bytes."""
    return bytes(parquet_view(table))


def parquet_view(table: pa.Table) -> memoryview:
    """Plain pages, no dictionary, no statistics, no compression: size depends on the row count only."""
    # Room for all at once, since a buffer that grows is copied each time: a number of one byte takes four in Parquet,
    # and headers take little. What is not written takes no memory.
    target = pooled_array((1 << 20) + 5 * table.nbytes)
    sink = pa.FixedSizeBufferWriter(pa.py_buffer(target))
    # A column is one page, so that who reads it can leave it where it is.
    pq.write_table(
        table, sink, compression="none", use_dictionary=False, write_statistics=False, store_schema=False,
        data_page_size=_ANY_SIZE, max_rows_per_page=_ANY_SIZE,
    )  # fmt: skip
    return target[: sink.tell()].data


def from_parquet(
    data: bytes | memoryview, columns: Sequence[Column | ReleasedColumn], rows: int, *, what: str, party: str
) -> pa.Table:
    """The table in `data`, if it is exactly `rows` rows of exactly `columns`.

    Nothing is opened before all its metadata was found to be that of plain pages, see `plain_parquet`.

    Raises:
        TableInvalidError: other columns or types, another number of rows, no plain Parquet.
    """

    def invalid(problem: str) -> TableInvalidError:
        return TableInvalidError(what=what, party=party, problem=problem)

    # Plain pages take what they hold: nothing can unfold to more than the size of the file. And the Parquet library,
    # which can end the process on metadata that makes no sense, sees no other.
    try:
        plain = check_plain(data)
    except NotPlainError as error:
        raise invalid(str(error)) from None
    if [column.name for column in plain.columns] != [column.name for column in columns]:
        raise invalid("other columns")
    for found, wanted in zip(plain.columns, columns, strict=True):
        if found.type != wanted.type:
            raise invalid(f"column {wanted.name} has another type")
    if plain.rows != rows:
        raise invalid("another number of rows than its descriptor says")
    arrays = {column.name: _cells(column, rows) for column in plain.columns if column.type in _STORED}
    others = [column.name for column in columns if column.name not in arrays]
    if others:
        try:
            table = pq.ParquetFile(pa.BufferReader(data)).read(columns=others)
            table.validate(full=True)
        except (pa.ArrowException, OSError, ValueError):
            raise invalid("its pages cannot be read") from None
        if table.num_rows != rows:
            raise invalid("another number of rows than its descriptor says")
        arrays |= {name: in_one_piece(table.column(name)) for name in others}
    return pa.table([arrays[column.name] for column in columns], schema=schema_of(columns))


def _cells(column: PlainColumn, rows: int) -> pa.Array:
    """The cells of a column of blocks or numbers. Blocks in one page are not copied; numbers are put in their own width."""
    kind = ARROW[column.type]
    pages = [np.frombuffer(page, _STORED[column.type]) for page in column.pages]
    if kind == BLOCK_TYPE and len(pages) == 1:
        cells = pages[0]
    else:
        cells = np.frombuffer(
            memory(rows * WIDTH[column.type]), np.uint8 if kind == BLOCK_TYPE else kind.to_pandas_dtype()
        )
        np.concatenate([cells[:0], *pages], out=cells, casting="unsafe")
    return pa.Array.from_buffers(kind, rows, [None, pa.py_buffer(cells)])


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
