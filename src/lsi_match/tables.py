"""Parquet in memory: from and to the columns of `protocol.tables`, checked strictly."""

from __future__ import annotations

from collections.abc import Sequence

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
#: What one row may at most take in memory; a file that unfolds to more is no honest part.
_MAX_ROW_BYTES = 8192


class TableInvalidError(LsiError):
    nl = "{what} van {party} heeft niet de afgesproken kolommen of is beschadigd: {problem}. Laat het opnieuw maken."
    en = "{what} of {party} does not have the agreed columns or is damaged: {problem}. Have it made again."


def schema_of(columns: Sequence[Column | ReleasedColumn]) -> pa.Schema:
    """The Arrow schema of `columns`."""
    return pa.schema(
        [pa.field(c.name, ARROW[c.type], nullable=getattr(c, "nullable", False)) for c in columns]
    )


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
    unfolded = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
    if unfolded > max(1_000_000, rows * _MAX_ROW_BYTES) or file.metadata.num_row_groups > 4096:
        raise invalid("it unfolds to an unreasonable size")
    try:
        table = file.read()
    except (pa.ArrowException, OSError, ValueError):
        raise invalid("its pages cannot be read") from None
    if table.num_rows != rows:
        raise invalid("another number of rows than its descriptor says")
    for field in expected:
        if not field.nullable and table.column(field.name).null_count:
            raise invalid(f"column {field.name} has empty cells")
    return table.combine_chunks().cast(expected)
