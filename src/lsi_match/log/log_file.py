"""The file that a log is in: one SQLite database, its schema, how it is opened, and what SQLite says of it.

What is in the file:

- `leaves`: the exact bytes of every entry (`log/entry.py`). The log is these; the tree follows from
  them.
- `details`: what belongs to an entry and may have to go, with its salt. The entry holds the salted hash.
- `tiles`: the tree, as rows of up to 256 hashes (the shape of C2SP tlog-tiles), kept up with every append.
- `checkpoints`: per size of the tree one signed note, with the signatures and cosignatures it got.

The file keeps a rollback journal (`journal_mode=DELETE`, `synchronous=EXTRA`), no write-ahead log, although
that one commits faster. So the log at rest is one file, that can be copied, handed to an FG and verified
from a disk nobody can write to; and destroyed details do not linger in a second file. EXTRA, because with
FULL a power cut can undo a commit (SQLite documentation, "PRAGMA synchronous").
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from lsi_match.base.errors import DiskFullError, DiskReadOnlyError, LsiError
from lsi_match.base.version import VERSION

#: "LSIm": SQLite's place for saying what kind of file this is.
APPLICATION_ID = 0x4C53496D
SCHEMA_VERSION = 1
#: The whole schema, statement by statement, as SQLite keeps it. A file with anything else is not a log.
SCHEMA = (
    "CREATE TABLE log (origin TEXT NOT NULL)",
    "CREATE TABLE leaves (position INTEGER PRIMARY KEY, leaf BLOB NOT NULL)",
    "CREATE TABLE details (position INTEGER PRIMARY KEY, salt BLOB NOT NULL, details BLOB NOT NULL)",
    "CREATE TABLE tiles (level INTEGER, number INTEGER, hashes BLOB NOT NULL, "
    "PRIMARY KEY (level, number)) WITHOUT ROWID",
    "CREATE TABLE checkpoints (size INTEGER PRIMARY KEY, note TEXT NOT NULL)",
)
#: How long a writer waits for another one.
BUSY_SECONDS = 60.0


class LogMissingError(LsiError): ...


class LogUnreadableError(LsiError): ...


class LogInterruptedError(LsiError): ...


class LogDamagedError(LsiError): ...


class LogNotWrittenError(LsiError): ...


#: Of a disk that does not take what is written: nothing is said of a log that was read.
NOT_TAKEN = (DiskFullError, DiskReadOnlyError, LogNotWrittenError)


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection with the settings that every reader and writer of a log needs. Makes no file."""
    mode = "ro" if read_only else "rw"
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode={mode}", uri=True, timeout=BUSY_SECONDS, isolation_level=None
    )
    # A file may come from anyone: its schema must not make SQLite do anything (sqlite.org/security.html).
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    if not read_only:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.execute("PRAGMA secure_delete = ON")
        # What is set aside while details are destroyed must not reach a disk.
        connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def origin_of(connection: sqlite3.Connection, path: Path) -> str:
    """The origin of the log, once it is sure that the file is one. Raises `LogUnreadableError`."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    statements = connection.execute("SELECT sql FROM sqlite_schema ORDER BY rowid").fetchall()
    if application == APPLICATION_ID and version != SCHEMA_VERSION:
        raise LogUnreadableError(
            "LogVersionError", file=str(path), code=f"v{version}", found=f"v{version}", program=VERSION
        )
    if (application, version) != (APPLICATION_ID, SCHEMA_VERSION) or statements != [(sql,) for sql in SCHEMA]:
        raise LogUnreadableError(file=str(path), code="SCHEMA")
    origins = connection.execute("SELECT origin FROM log").fetchall()
    if len(origins) != 1 or not isinstance(origins[0][0], str):
        raise LogUnreadableError(file=str(path), code="ORIGIN")
    return str(origins[0][0])


@contextlib.contextmanager
def translate_database_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite says about a file into errors that say what to do. Our own mistakes stay."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.Error as error:
        raise problem_of(error, path) from error
    except UnicodeDecodeError:
        # SQLite names a damaged part of the file in its message, and Python cannot read that.
        raise LogUnreadableError(file=str(path), code="TEXT") from None


#: Extended result codes of a disk that does not take what is written.
_NOT_WRITTEN = ("SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC", "SQLITE_IOERR_DIR_FSYNC", "SQLITE_IOERR_TRUNCATE")


def problem_of(error: sqlite3.Error, path: Path) -> LsiError:
    """What an SQLite error means for the person who has the log."""
    code = getattr(error, "sqlite_errorname", None) or type(error).__name__
    kinds: dict[str, Callable[[], LsiError]] = {
        "SQLITE_BUSY": lambda: LsiError("LogBusyError", file=str(path)),
        "SQLITE_LOCKED": lambda: LsiError("LogBusyError", file=str(path)),
        "SQLITE_READONLY_ROLLBACK": lambda: LogInterruptedError(file=str(path)),
        "SQLITE_FULL": DiskFullError,
        "SQLITE_READONLY": DiskReadOnlyError,
        "SQLITE_READONLY_DIRECTORY": DiskReadOnlyError,
    }
    if code.startswith(_NOT_WRITTEN):
        return LogNotWrittenError(file=str(path), code=code)
    return kinds.get(code, lambda: LogUnreadableError(file=str(path), code=code))()
