"""DuckDB, locked down: no extension, no network, no file outside the folders named, no spill, no way back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb


def locked_connection(
    readable: Sequence[Path] = (), *, memory_limit: str = "2GB", threads: int | None = None
) -> duckdb.DuckDBPyConnection:
    """An in-memory database that can reach `readable` and nothing else.

    The order matters: the folders must be named before access is closed, and the lock comes last. Spilling is
    forbidden (`temp_directory = ''`), since spilled files are plain.
    """
    import duckdb  # takes a tenth of a second, and most commands need none

    con = duckdb.connect(":memory:")
    for setting in (
        "allow_community_extensions",
        "autoinstall_known_extensions",
        "autoload_known_extensions",
    ):
        con.execute(f"SET {setting} = false")
    con.execute("SET memory_limit = ?", [memory_limit])
    con.execute("SET temp_directory = ''")
    con.execute("SET python_enable_replacements = false")
    if threads is not None:
        con.execute("SET threads = ?", [threads])
    if readable:
        con.execute("SET allowed_directories = ?", [[str(folder.resolve()) for folder in readable]])
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")
    return con


def one_row(con: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    """The only row of a statement. All rows are fetched: DuckDB 2 refuses other work while a result is unread."""
    return tuple(con.execute(sql).fetchall()[0])


def quoted_text(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def quoted_name(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
