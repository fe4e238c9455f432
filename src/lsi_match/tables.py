"""Parquet in memory: from and to the columns of `protocol.tables`, checked strictly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lsi_match.errors import LsiError
from lsi_match.protocol.tables import Column, ColumnType, ReleasedColumn

BLOCK = pa.binary(16)
ARROW: dict[ColumnType, pa.DataType] = {
    "block": BLOCK,
    "uint8": pa.uint8(),
    "uint16": pa.uint16(),
    "uint64": pa.uint64(),
    "text": pa.string(),
    "boolean": pa.bool_(),
}


class TableInvalidError(LsiError):
    nl = "{what} van {party} heeft niet de afgesproken kolommen of is beschadigd: {problem}. Laat het opnieuw maken."
    en = "{what} of {party} does not have the agreed columns or is damaged: {problem}. Have it made again."


def schema_of(columns: Sequence[Column | ReleasedColumn]) -> pa.Schema:
    """The Arrow schema of `columns`."""
    return pa.schema([pa.field(c.name, ARROW[c.type], nullable=False) for c in columns])


def to_parquet(table: pa.Table) -> bytes:
    """Plain pages, no dictionary, no statistics, no compression: size depends on the row count only."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        table, sink, compression="none", use_dictionary=False, write_statistics=False, store_schema=False
    )
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def from_parquet(
    data: bytes, columns: Sequence[Column | ReleasedColumn], rows: int, *, what: str, party: str
) -> pa.Table:
    """The table in `data`, if it is exactly `rows` rows of exactly `columns`.

    Nothing is unfolded before the sizes in its metadata were found reasonable.

    Raises:
        TableInvalidError: other columns or types, another number of rows, a null where none may be, no Parquet.
    """

    def invalid(problem: str) -> TableInvalidError:
        return TableInvalidError(what=what, party=party, problem=problem)

    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        schema = file.schema_arrow.remove_metadata()
    except (pa.ArrowException, OSError, ValueError):
        raise invalid("no Parquet file") from None
    expected = schema_of(columns)
    if schema.names != expected.names:
        raise invalid("other columns")
    for field, wanted in zip(schema, expected, strict=True):
        if field.type != wanted.type:
            raise invalid(f"column {wanted.name} has another type")
    if file.metadata.num_rows != rows:
        raise invalid("another number of rows than its descriptor says")
    # Plain pages take what they hold: nothing can unfold to more than the size of the file.
    if any(_folded(file.metadata.row_group(i)) for i in range(file.metadata.num_row_groups)):
        raise invalid("its pages are compressed or use a dictionary")
    try:
        table = file.read()
    except (pa.ArrowException, OSError, ValueError):
        raise invalid("its pages cannot be read") from None
    if table.num_rows != rows:
        raise invalid("another number of rows than its descriptor says")
    for field in expected:
        if table.column(field.name).null_count:
            raise invalid(f"column {field.name} has empty cells")
    return table.combine_chunks().cast(expected)


def absent_to_null(column: pa.ChunkedArray) -> pa.Array:
    """A column of blocks in which 16 zero bytes, which stand for none, are null."""
    blocks = column.combine_chunks().cast(BLOCK)
    blocks = blocks.chunk(0) if isinstance(blocks, pa.ChunkedArray) else blocks
    data = np.frombuffer(blocks.buffers()[1], dtype=np.uint8)
    data = data[blocks.offset * 16 : (blocks.offset + len(blocks)) * 16].reshape(-1, 16)
    bits = pa.array(data.any(axis=1)).buffers()[1]
    return pa.FixedSizeBinaryArray.from_buffers(
        BLOCK, len(blocks), [bits, pa.py_buffer(np.ascontiguousarray(data))]
    )


def _folded(group: pq.RowGroupMetaData) -> bool:
    columns = [group.column(i) for i in range(group.num_columns)]
    return any(c.compression != "UNCOMPRESSED" or any("DICT" in e for e in c.encodings) for c in columns)
