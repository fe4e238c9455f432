"""Reading an extract from a table or view of a database, through ADBC (PostgreSQL, SQLite), strictly and as text.

Nothing is selected here: the whole table is read, column by column named in the mapping, and the manifest's own
criteria select from it. Reading is all that is asked of the database; a read-only account is the right one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from lsi_match.base.duckdb_locked import quoted_name
from lsi_match.base.errors import UnexpectedError
from lsi_match.base.files import read_private

#: Ending of the file → module of the driver. An `.sqlite` file is the database; a `.postgresql` file holds one line
#: with how it is reached (a URI of libpq), and perhaps a password, so nobody else may read it.
DRIVERS: Final = {".sqlite": "adbc_driver_sqlite", ".postgresql": "adbc_driver_postgresql"}


class TableUnreadable(Exception):  # noqa: N818 (never leaves the partner room; `select` names the error)
    """The database, or the table in it, cannot be read. `problem` holds no text of the driver: it may quote the
    address with its password, or a value."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def header_of(file: Path, table: str) -> tuple[str, ...]:
    """The columns of `table`; raises TableUnreadable."""
    batches = _batches(file, f"SELECT * FROM {_name(table)} WHERE 1 = 0")  # noqa: S608 (a quoted name)
    return tuple(next(batches).names)


def open_table(file: Path, table: str, columns: list[str]) -> pa.RecordBatchReader:
    """The `columns` of `table` as text, empty where there is nothing, to be read once, batch by batch."""
    texts = ", ".join(f"coalesce(CAST({quoted_name(c)} AS TEXT), '') AS {quoted_name(c)}" for c in columns)
    schema = pa.schema([(column, pa.string()) for column in columns])

    def batches() -> Iterator[pa.RecordBatch]:
        found = _batches(file, f"SELECT {texts} FROM {_name(table)}")  # noqa: S608 (quoted names)
        next(found)
        for batch in found:
            yield batch.cast(schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _name(table: str) -> str:
    return ".".join(quoted_name(part) for part in table.split("."))


def _batches(file: Path, sql: str) -> Iterator[Any]:
    """The schema of what `sql` gives, and then its batches."""
    driver, manager = _driver(file)
    address = f"{file.resolve().as_uri()}?mode=ro" if file.suffix == ".sqlite" else _address(file)
    problem = "it cannot be reached"
    try:
        with closing(driver.connect(address)) as connection, closing(connection.cursor()) as cursor:
            problem = "it cannot be read"
            if file.suffix == ".postgresql":
                # What follows is one transaction: nothing is written, and it sees the table of one moment.
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                cursor.execute("SET LOCAL datestyle TO ISO")
            cursor.execute(sql)
            with cursor.fetch_record_batch() as reader:
                yield reader.schema
                yield from reader
    except (manager.Error, pa.ArrowException, OSError) as error:
        state = getattr(error, "sqlstate", None)
        raise TableUnreadable(f"{problem}, SQLSTATE {state}" if state else problem) from None


def _driver(file: Path) -> tuple[Any, Any]:
    """The DB-API module of the driver, and the manager, whose errors it raises."""
    try:
        return import_module(f"{DRIVERS[file.suffix]}.dbapi"), import_module("adbc_driver_manager")
    except ImportError as error:
        raise UnexpectedError.of(error) from None


def _address(file: Path) -> str:
    try:
        return read_private(file).decode().strip()
    except UnicodeDecodeError:
        raise TableUnreadable("its address is no text") from None
