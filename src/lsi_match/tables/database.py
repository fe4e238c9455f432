"""Tables and views of databases: an SQLite file with the standard library, PostgreSQL through ADBC.

Nothing is selected here: the whole table is read, column by column. Reading is all that is asked of the database; a
read-only account is the right one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lsi_match.base.duckdb_locked import quoted_name
from lsi_match.base.errors import UnexpectedError
from lsi_match.base.files import read_private
from lsi_match.tables.cells import batch_of
from lsi_match.tables.csv_dialect import checked_names, not_text, other_encoding
from lsi_match.tables.source import Source, Stored
from lsi_match.tables.stored import Kind
from lsi_match.tables.unreadable import TableUnreadable

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

#: A GeoPackage is an SQLite file.
SQLITE: Final = (".sqlite", ".sqlite3", ".db", ".gpkg")
_ROWS: Final = 20_000


def _name(table: str) -> str:
    return ".".join(quoted_name(part) for part in table.split("."))


class Sqlite(Source):
    """A table or view of an SQLite file: every value has a type of its own."""

    def __init__(self, file: Path, table: str, encoding: str = "utf-8") -> None:
        self._address = f"{file.resolve().as_uri()}?mode=ro"
        self._table = _name(table)
        self._encoding = {"windows-1252": "cp1252"}.get(encoding, encoding)
        with self._cursor(f"SELECT * FROM {self._table} LIMIT 0") as cursor:
            self.names = tuple(name for name, *_ in cursor.description)
        for problem in checked_names(self.names, None):
            raise problem

    def stored(self, columns: Sequence[str]) -> list[Stored]:
        tests = {
            Kind.TEXT: "typeof({c}) = 'text'",
            Kind.WHOLE: "typeof({c}) = 'integer' OR (typeof({c}) = 'real' AND {c} = round({c}) AND abs({c}) < 1e15)",
            Kind.FLOAT: "typeof({c}) = 'real' AND NOT ({c} = round({c}) AND abs({c}) < 1e15)",
            Kind.BINARY: "typeof({c}) = 'blob'",
        }
        asked = ", ".join(
            f"max({test.format(c=quoted_name(column))})" for column in columns for test in tests.values()
        )
        with self._cursor(f"SELECT {asked} FROM {self._table}") as cursor:
            found = list(cursor.fetchone())
        size = len(tests)
        kinds = [
            frozenset(
                kind for kind, there in zip(tests, found[at * size : (at + 1) * size], strict=True) if there
            )
            for at in range(len(columns))
        ]
        return [Stored(one or frozenset({Kind.NOTHING})) for one in kinds]

    def lay(self, con: duckdb.DuckDBPyConnection, columns: Sequence[str], digits: Sequence[int] = ()) -> None:
        self._register(con, len(columns), self._read(columns, digits))

    def _read(self, columns: Sequence[str], digits: Sequence[int]) -> Iterator[pa.RecordBatch]:
        names = ", ".join(map(quoted_name, columns))
        done = 0
        with self._cursor(f"SELECT {names} FROM {self._table}") as cursor:
            while rows := cursor.fetchmany(_ROWS):
                try:
                    yield batch_of(rows, range(len(columns)), digits)
                except UnicodeEncodeError:
                    raise _first_not_text(rows, columns, done) from None
                done += len(rows)

    def _cursor(self, sql: str) -> _Cursor:
        return _Cursor(self._address, sql, lambda raw: raw.decode(self._encoding, "surrogateescape"))


def _first_not_text(rows: Sequence[Sequence[Any]], columns: Sequence[str], done: int) -> TableUnreadable:
    return next(
        other_encoding(done + at, column)
        for at, row in enumerate(rows, 1)
        for column, value in zip(columns, row, strict=True)
        if isinstance(value, str) and not_text(value)
    )


class _Cursor:
    """The outcome of a statement in an SQLite file, whose errors are told without their text."""

    def __init__(self, address: str, sql: str, decode: Callable[[bytes], str]) -> None:
        self._address, self._sql, self._decode = address, sql, decode

    def __enter__(self) -> sqlite3.Cursor:
        try:
            self._con = sqlite3.connect(self._address, uri=True, check_same_thread=False)
            self._con.text_factory = self._decode
            return self._con.execute(self._sql)
        except sqlite3.Error as error:
            raise _told(error) from None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._con.close()
        if isinstance(error, sqlite3.Error):
            raise _told(error) from None


def _told(error: sqlite3.Error) -> TableUnreadable:
    code = getattr(error, "sqlite_errorname", None) or type(error).__name__
    return TableUnreadable("table", code=f" ({code})")


#: How PostgreSQL calls a type → what it holds; what is not here (an enumeration) is text, an array nested.
_TYPES: Final = {
    **dict.fromkeys(("int2", "int4", "int8", "oid"), Kind.WHOLE),
    "numeric": Kind.DECIMAL,
    **dict.fromkeys(("float4", "float8", "money"), Kind.FLOAT),
    "date": Kind.DATE,
    "timestamp": Kind.MOMENT,
    "timestamptz": Kind.INSTANT,
    **dict.fromkeys(("time", "timetz", "interval"), Kind.TIME),
    "bool": Kind.BOOLEAN,
    **dict.fromkeys(("bytea", "bit", "varbit"), Kind.BINARY),
    **dict.fromkeys(("json", "jsonb", "xml", "hstore"), Kind.NESTED),
}


class Postgresql(Source):
    """A table or view of PostgreSQL. The `.postgresql` file holds one line with how it is reached (a URI of libpq), and
    perhaps a password, so nobody else may read it."""

    def __init__(self, file: Path, table: str) -> None:
        self._file, self._table = file, _name(table)
        batches = _batches(file, f"SELECT * FROM {self._table} WHERE false")
        with closing(batches):
            schema = next(batches)
        self._kinds = {one.name: _kind(one) for one in schema}
        self.names = tuple(schema.names)
        for problem in checked_names(self.names, None):
            raise problem

    def stored(self, columns: Sequence[str]) -> list[Stored]:
        kinds = {column: self._kinds[column] for column in columns}
        if numbers := [column for column, kind in kinds.items() if kind is Kind.DECIMAL]:
            scales = ", ".join(f"max(scale({quoted_name(c)}))::text AS s{at}" for at, c in enumerate(numbers))
            with closing(_batches(self._file, f"SELECT {scales} FROM {self._table}")) as batches:
                next(batches)
                found = next(batches).to_pylist()[0].values()
            for column, scale in zip(numbers, found, strict=True):
                kinds[column] = Kind.WHOLE if scale in (None, "0") else Kind.DECIMAL
        return [Stored(frozenset({kinds[column]})) for column in columns]

    def lay(self, con: duckdb.DuckDBPyConnection, columns: Sequence[str], digits: Sequence[int] = ()) -> None:
        self._register(con, len(columns), self._read(columns))

    def _read(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        texts = ", ".join(self._text(column) for column in columns)
        found = _batches(self._file, f"SELECT {texts} FROM {self._table}")
        next(found)
        schema = pa.schema([(f"c{at}", pa.string()) for at in range(len(columns))])
        done = 0
        for batch in found:
            for name, column in zip(columns, batch.columns, strict=True):
                try:
                    column.validate(full=True)
                except pa.ArrowInvalid:
                    raise other_encoding(done + 1, name) from None
            done += len(batch)
            yield pa.RecordBatch.from_arrays(
                [column.cast(pa.string()) for column in batch.columns], schema=schema
            )

    def _text(self, column: str) -> str:
        """As text, empty where there is nothing (a batch of nothing else would have no type)."""
        name = quoted_name(column)
        if self._kinds[column] is Kind.INSTANT:
            return f"coalesce(({name} AT TIME ZONE 'UTC')::text || 'Z', '')"
        return f"coalesce(CAST({name} AS TEXT), '')"


def _kind(one: Any) -> Kind:
    """What a column holds, by its type in Arrow; of types that Arrow does not know the driver tells the name."""
    import pyarrow as pa

    types = pa.types
    name = (one.metadata or {}).get(b"ADBC:postgresql:typname", b"").decode()
    if name in _TYPES:
        return _TYPES[name]
    if types.is_timestamp(one.type):
        return Kind.INSTANT if one.type.tz else Kind.MOMENT
    of_type = (
        (types.is_nested, Kind.NESTED),
        (types.is_boolean, Kind.BOOLEAN),
        (types.is_integer, Kind.WHOLE),
        (types.is_floating, Kind.FLOAT),
        (types.is_date, Kind.DATE),
        (types.is_temporal, Kind.TIME),
        (lambda kind: name == "" and types.is_binary(kind), Kind.BINARY),
    )
    return next((kind for is_it, kind in of_type if is_it(one.type)), Kind.TEXT)


#: What follows is one transaction: nothing is written, it sees the table of one moment, and nothing of how the server,
#: the role or this machine is set up changes how a value is written.
_SETTINGS: Final = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
    "SET LOCAL datestyle TO ISO",
    "SET LOCAL timezone TO 'UTC'",
    "SET LOCAL extra_float_digits TO 1",
    "SET LOCAL client_encoding TO 'UTF8'",
)


def _batches(file: Path, sql: str) -> Generator[Any, None, None]:
    """The schema of what `sql` gives, and then its batches."""
    import pyarrow as pa

    driver, manager = _driver()
    address = _address(file)
    what = "unreachable"
    try:
        with closing(driver.connect(address)) as connection, closing(connection.cursor()) as cursor:
            what = "table"
            for setting in _SETTINGS:
                cursor.execute(setting)
            cursor.execute(sql)
            with cursor.fetch_record_batch() as reader:
                yield reader.schema
                yield from reader
    except (manager.Error, pa.ArrowException, OSError) as error:
        # The text of the driver may hold the address with its password, or a value.
        state = getattr(error, "sqlstate", None)
        code = f" (SQLSTATE {state})" if state else ""
        raise TableUnreadable(what, code=code) from None


def _driver() -> tuple[Any, Any]:
    """The DB-API module of the driver, and the manager, whose errors it raises."""
    try:
        return import_module("adbc_driver_postgresql.dbapi"), import_module("adbc_driver_manager")
    except ImportError as error:
        raise UnexpectedError.of(error) from None


def _address(file: Path) -> str:
    try:
        return read_private(file).decode().strip()
    except UnicodeDecodeError:
        raise TableUnreadable("address") from None
