"""A table to be read, whatever it is kept in: what its columns are called, how they are stored, and the values.

`open_source` opens one. Of every kind the columns arrive in DuckDB under names of ours (c0, c1 …) in the order asked
for, so that nothing depends on capitals in a name, and the rows in the order in which they stand.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsi_match.base.duckdb_locked import quoted_name
from lsi_match.tables.cells import NoValue, batch_of, kind_of_cell
from lsi_match.tables.csv_dialect import Dialect, checked_names, dialect_of, ends_in_line
from lsi_match.tables.csv_dialect import rows as csv_rows
from lsi_match.tables.formulas import without_result
from lsi_match.tables.stored import Kind, kind_of
from lsi_match.tables.unreadable import TableUnreadable

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

SPREADSHEETS = (".xlsx", ".ods")
#: Bytes that are written to a disk or sent at a time, at least.
_WRITTEN_AT_ONCE = 512
#: Rows of a spreadsheet in which the header is sought.
_TOP = 40


@dataclass(frozen=True)
class Asked:
    """What is said about a file beforehand: see `dialect_of`; `table` is that of a database, `sheet` of a spreadsheet."""

    encoding: str = "utf-8"
    separator: str | None = None
    header: int | None = None
    line_breaks: bool = False
    table: str | None = None
    sheet: str | None = None
    wanted: frozenset[str] = frozenset()
    #: To look at a table that is wrong: what is wrong with its header or a row goes into `Source.wrong`, and the rest is read.
    lenient: bool = False


@dataclass(frozen=True)
class Stored:
    """How a column is stored: what its values are, and whether they arrive as that type, or as text."""

    kinds: frozenset[Kind]
    native: bool = False
    type: str = "VARCHAR"


class Source(ABC):
    """A table that was opened.

    Attributes:
        names: of the columns.
        head: the row of the header, as a spreadsheet counts.
        found: how it is written, for who looks at it: (what, how).
    """

    names: tuple[str, ...] = ()
    head: int = 1
    found: tuple[tuple[str, str], ...] = ()

    @abstractmethod
    def stored(self, columns: Sequence[str]) -> list[Stored]:
        """How these columns are stored."""

    @abstractmethod
    def lay(self, con: duckdb.DuckDBPyConnection, columns: Sequence[str], digits: Sequence[int] = ()) -> None:
        """Let `raw` be these columns, as c0, c1 …, and as n which record it is (1 is the first), since an engine may read them in
        another order; to be called before every statement that reads it.

        Where every cell has a type of its own, whole numbers get zeros before them, to so many `digits`.

        While a statement reads, TableUnreadable is raised, or kept in `problem` where an engine is in between.
        """

    def row(self, record: int) -> int:
        """The number of the row that holds this record (1 is the first), as a spreadsheet counts."""
        return record

    problem: TableUnreadable | None = None
    #: The last column, of a file that ends without ending its last line; and whether it ends where a file is cut that is not wholly
    #: written.
    open_end: str | None = None
    cut: bool = False

    @cached_property
    def wrong(self) -> list[TableUnreadable]:
        """What is wrong with the header and with rows, of a table that is read leniently: of each kind the first."""
        return []

    def _register(
        self, con: duckdb.DuckDBPyConnection, width: int, batches: Iterator[pa.RecordBatch]
    ) -> None:
        import numpy as np
        import pyarrow as pa

        def told() -> Iterator[pa.RecordBatch]:
            done = 1
            try:
                for batch in batches:
                    # `pa.array` takes 50 times as long, and loads pandas.
                    numbers = np.arange(done, done := done + len(batch), dtype=np.int64)
                    column = pa.Array.from_buffers(pa.int64(), len(batch), [None, pa.py_buffer(numbers)])
                    yield batch.append_column("n", column)
            except TableUnreadable as problem:
                self.problem = problem
                raise

        schema = pa.schema([*((f"c{at}", pa.string()) for at in range(width)), ("n", pa.int64())])
        con.register("raw", pa.RecordBatchReader.from_batches(schema, told()))


def open_source(con: duckdb.DuckDBPyConnection, file: Path, asked: Asked) -> Source:
    """The table in `file`, which exists.

    Raises:
        TableUnreadable: the file, or its header, cannot be read.
        FileTooOpenError, ExtraMissingError: as named.
    """
    from lsi_match.tables import database

    if file.suffix in SPREADSHEETS:
        return _Spreadsheet(file, asked)
    if file.suffix in (".parquet", ".duckdb"):
        return _InEngine(con, file, asked)
    if file.suffix == ".postgresql":
        return database.Postgresql(file, str(asked.table))
    if file.suffix in database.SQLITE:
        return database.Sqlite(file, str(asked.table), asked.encoding)
    return Csv(file, asked)


class Csv(Source):
    """A CSV file: everything is text."""

    def __init__(self, file: Path, asked: Asked) -> None:
        self._file = file
        self.dialect: Dialect = dialect_of(
            file,
            encoding=asked.encoding,
            separator=asked.separator,
            header=asked.header,
            wanted=asked.wanted,
            line_breaks=asked.line_breaks,
            lenient=asked.lenient,
        )
        self.names, self.head = self.dialect.names, self.dialect.header
        self.found = (
            ("encoding", {"cp1252": "windows-1252"}.get(self.dialect.encoding, self.dialect.encoding)),
            ("separator", self.dialect.separator),
            ("header", str(self.dialect.header)),
        )
        self._lenient = asked.lenient
        if not ends_in_line(file, self.dialect):
            self.open_end, self.cut = self.names[-1], file.stat().st_size % _WRITTEN_AT_ONCE == 0
            self.found = (*self.found, ("end", self.open_end))

    def stored(self, columns: Sequence[str]) -> list[Stored]:
        return [Stored(frozenset({Kind.TEXT}))] * len(columns)

    def lay(self, con: duckdb.DuckDBPyConnection, columns: Sequence[str], digits: Sequence[int] = ()) -> None:
        from lsi_match.tables import csv_batches

        read = csv_batches.slowly if self.wrong else csv_batches.batches
        self._register(con, len(columns), read(self._file, self.dialect, list(columns)))

    def row(self, record: int) -> int:
        held = (
            n
            for n, row in csv_rows(self._file, self.dialect, broken=bool(self.wrong))
            if isinstance(row, list)
        )
        return next(islice(held, record - 1, None), record)

    @cached_property
    def wrong(self) -> list[TableUnreadable]:
        from lsi_match.tables import csv_batches

        if not self._lenient:
            return []
        found = {problem.kind: problem for problem in checked_names(self.names, self.head)}
        try:
            for _ in csv_batches.batches(self._file, self.dialect, list(self.names[:1])):
                pass
        except TableUnreadable:
            # One row at a time, which is slow, to tell each kind of fault and to go on after it.
            for _, row in csv_rows(self._file, self.dialect, broken=True):
                if isinstance(row, TableUnreadable):
                    found.setdefault(row.kind, row)
        return list(found.values())


class _Spreadsheet(Source):
    """A sheet of a spreadsheet: every cell has a type of its own."""

    def __init__(self, file: Path, asked: Asked) -> None:
        sheet, name = _sheet(file, asked.sheet)
        top = [[str(cell).strip() for cell in row] for row in sheet[:_TOP]]
        at = _header_row(top, asked)
        self.names, self.head = (tuple(top[at]) if top else ()), at + 1
        self.wrong = checked_names(self.names, at + 1)
        if self.wrong and not asked.lenient:
            raise self.wrong[0]
        if not any(self.names):
            raise TableUnreadable("no_header", at + 1)
        self._rows = [(n, row) for n, row in enumerate(sheet[at + 1 :], at + 2) if any(c != "" for c in row)]
        self.found = (("sheet", name), ("header", str(at + 1)))

    def stored(self, columns: Sequence[str]) -> list[Stored]:
        places = [self.names.index(column) for column in columns]
        kinds = [
            frozenset(kind_of_cell(row[at]) for _, row in self._rows if at < len(row)) - {Kind.NOTHING}
            for at in places
        ]
        return [Stored(one or frozenset({Kind.NOTHING})) for one in kinds]

    def lay(self, con: duckdb.DuckDBPyConnection, columns: Sequence[str], digits: Sequence[int] = ()) -> None:
        places = [self.names.index(column) for column in columns]
        rows = [row for _, row in self._rows]
        self._register(con, len(columns), (batch_of(all_, places, digits) for all_ in (rows,)))

    def row(self, record: int) -> int:
        return self._rows[record - 1][0]


def _sheet(file: Path, wanted: str | None) -> tuple[list[list[Any]], str]:
    """The rows of a sheet, from row 1 on, and its name."""
    import python_calamine as calamine

    try:
        book = calamine.CalamineWorkbook.from_path(str(file))
        names = book.sheet_names
        if wanted is None and len(names) > 1:
            raise TableUnreadable("sheets", count=len(names), sheets=", ".join(names), first=names[0])
        if wanted is not None and wanted not in names:
            raise TableUnreadable("no_sheet", sheet=wanted, sheets=", ".join(names))
        name = wanted or names[0]
        sheet = book.get_sheet_by_name(name)
        rows: list[list[Any]] = sheet.to_python(skip_empty_area=False)
        unknown = dict.fromkeys(_covered(sheet.merged_cell_ranges or []), Kind.MERGED)
        unknown |= dict.fromkeys(without_result(file, name), Kind.NO_RESULT)
        for (row, column), kind in unknown.items():
            rows += [[] for _ in range(row + 1 - len(rows))]
            rows[row] += [""] * (column + 1 - len(rows[row]))
            rows[row][column] = NoValue(kind)
        return rows, name
    except calamine.PasswordError:
        raise TableUnreadable("password") from None
    except (calamine.CalamineError, OSError):
        raise TableUnreadable("no_spreadsheet") from None


def _covered(merged: Iterable[tuple[tuple[int, int], tuple[int, int]]]) -> Iterator[tuple[int, int]]:
    """Row and column, from 0, of the cells of merged ranges, but for the first cell of each."""
    for (top, left), (bottom, right) in merged:
        cells = ((row, column) for row in range(top, bottom + 1) for column in range(left, right + 1))
        yield from islice(cells, 1, None)


def _header_row(top: Sequence[Sequence[str]], asked: Asked) -> int:
    """Where the header stands: the row asked for, the first with all names, or the first that is as wide as any."""
    if asked.header is not None:
        return min(asked.header, len(top)) - 1
    holding = [at for at, row in enumerate(top) if asked.wanted and asked.wanted <= set(row)]
    widths = [sum(cell != "" for cell in row) for row in top]
    return holding[0] if holding else next((at for at, n in enumerate(widths) if n == max(widths)), 0)


@dataclass
class _InEngine(Source):
    """A Parquet file, or a table of a DuckDB file: DuckDB reads it by itself, as often as it likes."""

    con: duckdb.DuckDBPyConnection
    file: Path
    asked: Asked
    _columns: dict[str, tuple[str, Stored]] = field(default_factory=dict)

    @cached_property
    def _numbered(self) -> str:
        """Which record it is, and from what, in SQL: a view has no numbers of its own."""
        import duckdb

        parquet = self._relation.replace(", hive", ", file_row_number = true, hive")
        for number, relation in (("file_row_number", parquet), ("rowid", self._relation)):
            try:
                self.con.execute(f"SELECT {number} FROM {relation} LIMIT 0")
            except duckdb.Error:
                continue
            return f"{number} + 1 AS n FROM {relation}"
        return f"row_number() OVER () AS n FROM {self._relation}"

    def __post_init__(self) -> None:
        import duckdb

        if set("*?[") & set(str(self.file)):
            # DuckDB would look for files of names that fit.
            raise TableUnreadable("wildcard")
        quoted = "'" + str(self.file).replace("'", "''") + "'"
        try:
            if self.file.suffix == ".parquet":
                # A folder called `kind=WW` is no column.
                self._relation = f"read_parquet({quoted}, hive_partitioning = false)"
                names, instants = _parquet_names(self.con, quoted)
            else:
                self.con.execute(f"ATTACH IF NOT EXISTS {quoted} AS extract (READ_ONLY)")
                self._relation = ".".join(map(quoted_name, ("extract", *str(self.asked.table).split("."))))
                names, instants = [], set()
            described = self.con.execute(f"DESCRIBE SELECT * FROM {self._relation}").fetchall()
        except duckdb.Error:
            raise TableUnreadable("table", code="") from None
        names = names or [name for name, *_ in described]
        for problem in checked_names(names, None):
            raise problem
        for name, (here, type_, *_) in zip(names, described, strict=True):
            kind, sql = kind_of(type_), quoted_name(here)
            if name in instants:
                kind, sql = Kind.INSTANT, f"timezone('UTC', {sql}::TIMESTAMP)"
            native = kind is not Kind.TEXT
            self._columns[name] = (
                sql if native else f"{sql}::VARCHAR",
                Stored(frozenset({kind}), native, type_),
            )
        self.names = tuple(self._columns)

    def stored(self, columns: Sequence[str]) -> list[Stored]:
        return [self._columns[column][1] for column in columns]

    def lay(self, con: duckdb.DuckDBPyConnection, columns: Sequence[str], digits: Sequence[int] = ()) -> None:
        named = ", ".join(f"{self._columns[column][0]} AS c{at}" for at, column in enumerate(columns))
        con.execute(f"CREATE OR REPLACE VIEW raw AS SELECT {named}, {self._numbered}")


def _parquet_names(con: duckdb.DuckDBPyConnection, quoted: str) -> tuple[list[str], set[str]]:
    """The names of the columns as the file has them, and those that hold instants under a type that does not say so:
    INT96, and timestamps of before there was a way to say it (Apache Parquet, LogicalTypes.md: adjusted to UTC)."""
    rows = con.execute(
        f"SELECT name, coalesce(num_children, 0), type, converted_type, logical_type FROM parquet_schema({quoted})"
    ).fetchall()

    def after(at: int) -> int:
        following = at + 1
        for _ in range(rows[at][1]):
            following = after(following)
        return following

    names, instants, at = [], set(), 1
    while at < len(rows):
        name, _, physical, converted, logical = rows[at]
        names.append(str(name))
        if physical == "INT96" or (str(converted).startswith("TIMESTAMP") and logical is None):
            instants.add(str(name))
        at = after(at)
    return names, instants
