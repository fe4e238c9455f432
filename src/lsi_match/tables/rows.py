"""A small table whole, as text: the header and the rows under it, each with its number. Plain Python for CSV, so that
who analyses counts needs no engine."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from lsi_match.base.files import FileMissingError
from lsi_match.tables.csv_dialect import dialect_of
from lsi_match.tables.csv_dialect import rows as csv_rows
from lsi_match.tables.unreadable import TableUnreadable


@dataclass(frozen=True)
class TableRows:
    """The rows of a file that hold something; every cell is text without spaces around it.

    Attributes:
        head: the row of the header, as a spreadsheet counts.
        names: of the columns.
        rows: of the others the number and the cells, as many as stand there.
    """

    file: str
    head: int
    names: tuple[str, ...]
    rows: tuple[tuple[int, list[str]], ...]

    @classmethod
    def of(cls, file: Path, wanted: Collection[str] = ()) -> TableRows:
        """The table in a CSV file, a spreadsheet or a Parquet file; `wanted` are names that the header holds.

        Raises:
            TableUnreadable, FileMissingError, ExtraMissingError: named after what is wrong.
        """
        if not file.is_file():
            raise FileMissingError(file=str(file))
        if file.suffix.lower() not in (".xlsx", ".ods", ".parquet"):
            return cls._of_csv(file, wanted)
        from lsi_match.base.duckdb_locked import locked_connection
        from lsi_match.tables.source import Asked, open_source

        con = locked_connection([file.parent])
        try:
            source = open_source(con, file, Asked(wanted=frozenset(wanted)))
            names = [name for name in source.names if name]
            source.lay(con, names)
            every = ", ".join(f"coalesce(trim(c{at}::VARCHAR), '')" for at in range(len(names)))
            found = con.execute(f"SELECT {every} FROM raw").fetchall()
            rows = ((source.row(at), list(row)) for at, row in enumerate(found, 1))
            return cls(file.name, source.head, tuple(names), tuple(rows))
        finally:
            con.close()

    @classmethod
    def _of_csv(cls, file: Path, wanted: Collection[str]) -> TableRows:
        dialect = dialect_of(file, wanted=wanted)
        found = []
        for number, row in csv_rows(file, dialect, broken=True):
            if isinstance(row, TableUnreadable) and not row.cells:
                raise row
            cells = row.cells if isinstance(row, TableUnreadable) else row
            if any(cell.strip() for cell in cells):
                found.append((number, [cell.strip() for cell in cells]))
        return cls(file.name, dialect.header, dialect.names, tuple(found))
