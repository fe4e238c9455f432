"""Reading a CSV extract: strictly, every column as text, in the dialects that Dutch administrations write.

Nothing is guessed from the data. The separator is the one of `; , tab |` that stands most in the header line,
unless the mapping names it; the encoding is UTF-8 (with or without byte order mark) unless the mapping names
another. A line with more or fewer values than the header, or with an open quote, refuses the file.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc

from lsi_match.partner.extract.column_mapping import SelectionMapping

_SEPARATORS = (";", ",", "\t", "|")
#: Bytes that are read at a time; no line is longer.
_BLOCK = 4 << 20


class CsvUnreadable(Exception):  # noqa: N818 (never leaves the partner room; `select` names the error)
    """The file cannot be read at `row` (1 is the first after the header; 0 the header itself)."""

    def __init__(self, row: int) -> None:
        super().__init__(f"line {row}")
        self.row = row


@dataclass(frozen=True)
class CsvDialect:
    """How a file is written, and the names in its header."""

    encoding: str
    separator: str
    header: tuple[str, ...]


def dialect_of(file: Path, mapping: SelectionMapping) -> CsvDialect:
    """The dialect of `file`; raises CsvUnreadable when its header cannot be read."""
    try:
        with file.open(encoding=mapping.python_encoding, newline="") as handle:
            line = handle.readline(1_000_000)
        separator: str = mapping.separator or max(_SEPARATORS, key=line.count)
        header = next(csv.reader([line], delimiter=separator, strict=True), [])
    except (UnicodeDecodeError, csv.Error):
        raise CsvUnreadable(0) from None
    if len(set(header)) != len(header):
        raise CsvUnreadable(0)
    return CsvDialect(mapping.python_encoding, separator, tuple(header))


def open_csv(file: Path, dialect: CsvDialect, columns: list[str]) -> pa.RecordBatchReader:
    """The `columns` of `file` as text, to be read once, block by block.

    Reading stops with CsvUnreadable at a line of another length, an open quote, or bytes that are not of the
    encoding. When an engine reads, its error holds the text of that one.
    """
    options = pc.ReadOptions(
        encoding="utf8" if dialect.encoding == "utf-8-sig" else dialect.encoding,
        column_names=list(dialect.header),
        skip_rows=1,
        block_size=_BLOCK,
    )
    convert = pc.ConvertOptions(
        column_types=dict.fromkeys(columns, pa.string()), include_columns=columns, strings_can_be_null=False
    )

    def blocks() -> Iterator[pa.RecordBatch]:
        try:
            yield from pc.open_csv(file, options, pc.ParseOptions(delimiter=dialect.separator), convert)
        except pa.ArrowInvalid:
            raise CsvUnreadable(_first_bad_row(file, dialect)) from None

    return pa.RecordBatchReader.from_batches(pa.schema([(c, pa.string()) for c in columns]), blocks())


def _first_bad_row(file: Path, dialect: CsvDialect) -> int:
    """The first row that is not as the header says, found with the standard library, line by line."""
    row = 0
    try:
        with file.open(encoding=dialect.encoding, newline="") as handle:
            lines = iter(handle.readline, "")
            next(lines, None)
            for line in lines:
                row += 1
                values = next(csv.reader([line], delimiter=dialect.separator, strict=True), [])
                if values and len(values) != len(dialect.header):
                    return row
    except (UnicodeDecodeError, csv.Error):
        # Decoding runs ahead of the lines by a buffer, so for bytes of another encoding this is near the place.
        return row
    return row
