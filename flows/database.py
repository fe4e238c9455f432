"""Prefect's own database, when it is a file: looked at before Prefect starts and while it serves, and set aside when it
cannot be used.

It holds states of flows and nothing else: what was done stands in the log of each project, which also says what is left
to do. So one that is damaged, or that something keeps locked, must hold up nothing: Prefect makes another.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from lsi_match.base.files import locked

FILE = "prefect.db"
#: Ends the names of what was set aside; the next takes its place.
ASIDE = ".aside"
#: For so long (seconds) something else may hold it; Prefect's own statements take milliseconds.
LOCKED_SECONDS = 60.0

_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def make_usable(home: Path) -> str | None:
    """Set the database in `home` (PREFECT_HOME) aside when Prefect cannot use it.

    Returns:
        What was the matter with it, `damaged` or `locked`; None when there was nothing, also when it is not there yet.

    Raises:
        OSError: it cannot be set aside.
    """
    if not (home / FILE).exists():
        return None  # Prefect makes it
    with locked(home / "database.lock"):  # of two that start at once, the second finds the new one
        problem = _problem(home / FILE)
        for end in ("", "-wal", "-shm", "-journal") if problem else ():
            file = home / f"{FILE}{end}"
            if file.exists():
                file.replace(home / f"{FILE}{end}{ASIDE}")
        return problem


def usable(file: Path) -> bool:
    """Whether a database is there, sound and to be written."""
    return file.exists() and _problem(file) is None


def _problem(file: Path) -> str | None:
    try:
        uri = f"{file.resolve().as_uri()}?mode=rw"
        with closing(
            sqlite3.connect(uri, uri=True, timeout=LOCKED_SECONDS, isolation_level=None)
        ) as database:
            if database.execute("PRAGMA quick_check(1)").fetchall() != [("ok",)]:
                return "damaged"
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _DAMAGED:
            return "damaged"
        # Anything else is of the disk, which Prefect and the alarms tell.
        return "locked" if code in _LOCKED else None
    return None
