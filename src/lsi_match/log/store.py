"""The processing log: an append-only Merkle log in one SQLite file (`log.log_file`).

Readers here read in short strokes, so that they never hold up a writer for long.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lsi_match.base import dry_run
from lsi_match.base.canonical import canonical_json
from lsi_match.base.closing import Closing
from lsi_match.base.errors import LsiError, RefusedError
from lsi_match.log import log_file, merkle, note
from lsi_match.log.entry import SALT_SIZE, LogEntry, details_hash_of_bytes
from lsi_match.log.merkle import RightEdge
from lsi_match.log.note import Checkpoint, SignedNote, VerifierKey

#: An entry and what belongs to it, as it is given to `Log.append`.
NewEntry = tuple[LogEntry, dict[str, Any] | None]

#: How many entries are read in one stroke.
STROKE = 2000


class Log(Closing):
    """The log in one file. Open it with `with Log.open(path) as log:`.

    Several processes may have the same log open and append; each append is one transaction. One `Log`
    object belongs to the thread that opened it. All methods raise `LogUnreadableError`, `LogBusyError` or
    `LogDamagedError` where the file gives cause.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, origin: str) -> None:
        self._connection = connection
        self.path = path
        self.origin = origin

    @classmethod
    def create(cls, path: Path, origin: str) -> Log:
        """Make an empty log that only its owner can read; `origin` is `<domain>/<project>`.

        Raises `LogExistsError`, or `CheckpointMalformedError` for an origin no checkpoint can hold.
        """
        empty = Checkpoint(origin, 0, merkle.EMPTY_ROOT)
        if Checkpoint.parse(empty.text()) != empty or any(ord(sign) < 0x20 for sign in origin):
            raise RefusedError("CheckpointMalformedError")
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        except FileExistsError:
            raise LsiError("LogExistsError", file=str(path)) from None
        os.fchmod(descriptor, 0o600)
        os.close(descriptor)
        with log_file.translate_database_errors(path):
            connection = log_file.connect(path)
            connection.execute("BEGIN EXCLUSIVE")
            for statement in log_file.SCHEMA:
                connection.execute(statement)
            connection.execute("INSERT INTO log VALUES (?)", (origin,))
            connection.execute(f"PRAGMA application_id = {log_file.APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {log_file.SCHEMA_VERSION}")
            connection.execute("COMMIT")
        return cls(connection, path, origin)

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> Log:
        """Open an existing log. Raises `LogMissingError`, or `LogUnreadableError` for what is not a log."""
        if not path.is_file():
            raise log_file.LogMissingError(file=str(path))
        with log_file.translate_database_errors(path):
            connection = log_file.connect(path, read_only=read_only)
            try:
                return cls(connection, path, log_file.origin_of(connection, path))
            except BaseException:
                connection.close()
                raise

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    # Writing

    def append(self, entries: Iterable[NewEntry]) -> int:
        """Append a batch in one durable transaction: when this returns, all of it is on disk.

        Takes entries without `details_hash`; where details are given, the log draws the salt and binds them.
        Returns the position of the first entry. Raises `DetailsNotBoundError`; then nothing was written.
        """
        batch = _Batch(entries)
        with self._writing():
            return self._append(batch)[0]

    def append_and_sign(
        self, entries: Iterable[NewEntry], private_key: Ed25519PrivateKey, name: str
    ) -> tuple[int, str]:
        """`append` and `sign_checkpoint` in one transaction, so that no entry ever stands there unsigned."""
        batch = _Batch(entries)
        with self._writing():
            first, edge = self._append(batch)
            return first, self._sign(private_key, name, edge)

    def sign_checkpoint(self, private_key: Ed25519PrivateKey, name: str) -> str:
        """Sign the log as it is now; store and return the note. One key signs one state once.

        Raises `LogDamagedError`, and signs nothing, when the tree does not continue the last checkpoint.
        """
        with self._writing():
            return self._sign(private_key, name, self._edge(self._size()))

    def signs_as(self, before: str) -> str:
        """The name of the key that signs this log: its origin (C2SP tlog-checkpoint), but for a log that goes on under the
        name that keys had `before`."""
        newest = self.checkpoint()
        names = {one.name for one in SignedNote.parse(newest).signatures} if newest else set()
        return before if before in names and self.origin not in names else self.origin

    def add_cosignature(self, size: int, line: str, key: VerifierKey) -> str:
        """Store the cosignature line of a controller under the checkpoint of `size`; return the whole note.

        `key` is the controller's cosignature key; what it does not verify is refused. Of each key the latest is kept:
        a note has room for so many lines, and one controller could fill it and nobody could read it any more. Raises
        `CheckpointMissingError`, `NoteMalformedError`, `NoteUnsignedError` or `SignatureWrongError`.
        """
        signature = note.Signature.parse(line)
        with self._writing():
            # A larger one than SQLite's numbers is no size of this log either.
            stored = self._checkpoint(size) if size <= self._size() else None
            if stored is None:
                raise RefusedError("CheckpointMissingError", size=size)
            at = note.verify_cosignature(SignedNote(stored.text, (signature,)), key)
            before = stored.of_key(key)
            if not before or at > note.verify_cosignature(stored, key):
                others = tuple(one for one in stored.signatures if one not in before)
                stored = SignedNote(stored.text, (*others, signature))
                self._connection.execute(
                    "UPDATE checkpoints SET note = ? WHERE size = ?", (str(stored), size)
                )
            return str(stored)

    def append_copied(self, leaves: Iterable[bytes], notes: Iterable[str]) -> None:
        """Append entries as they stand in another copy of this log, with its checkpoints. Nothing of them is verified here:
        verify the log that it gives (`log.verify`)."""
        batch = _Batch(())
        batch.leaves = list(leaves)
        with self._writing():
            self._append(batch)
            self._connection.executemany(
                "INSERT INTO checkpoints VALUES (?, ?) ON CONFLICT DO UPDATE SET note = excluded.note",
                [(Checkpoint.of_note(text).size, text) for text in notes],
            )

    def copy_details(self, other: Log) -> None:
        """Take over the details that `other`, a log with the same first entries, has of them."""
        with log_file.translate_database_errors(other.path):
            rows = other._connection.execute("SELECT position, salt, details FROM details").fetchall()
        with self._writing():
            self._connection.executemany("INSERT OR IGNORE INTO details VALUES (?, ?, ?)", rows)

    def destroy_details(self, positions: Iterable[int]) -> int:
        """Destroy the details and salts at these positions; return how many there were. The leaves stay.

        Nothing of them is left in the file. Deleting the rows is not enough, even with `secure_delete`: when
        SQLite joins pages that became too empty, it can leave a copy of rows it moved, which a later
        deletion does not reach (seen with SQLite 3.40). So the details that stay are set aside, the
        table is emptied, which overwrites every page it had, and they are put back.
        """
        with self._writing():
            execute = self._connection.execute
            execute("CREATE TEMP TABLE doomed (position INTEGER PRIMARY KEY)")
            self._connection.executemany(
                "INSERT OR IGNORE INTO doomed VALUES (?)", ((position,) for position in positions)
            )
            (count,) = execute("SELECT count(*) FROM details JOIN doomed USING (position)").fetchone()
            if count:
                execute(
                    "CREATE TEMP TABLE kept AS SELECT * FROM details"
                    " WHERE position NOT IN (SELECT position FROM doomed) ORDER BY position"
                )
                execute("DELETE FROM details")
                execute("INSERT INTO details SELECT * FROM kept")
                execute("DROP TABLE kept")
            execute("DROP TABLE doomed")
            return int(count)

    def copy_without_details(self, to: Path) -> int:
        """Write a log with the same entries and checkpoints to `to`, which must not exist; how many entries it has.

        The copy verifies as this log does. Details, which may have to be destroyed here, are not in it.
        """
        return self._copy(to, details=False)

    def copy_whole(self, to: Path) -> int:
        """As `copy_without_details`, with the details: for a backup."""
        return self._copy(to, details=True)

    def _copy(self, to: Path, *, details: bool) -> int:
        descriptor = os.open(to, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        with log_file.translate_database_errors(to), contextlib.closing(log_file.connect(to)) as copy:
            self._connection.backup(copy)
            if not details:
                copy.execute("DELETE FROM details")
                copy.execute("VACUUM")
        with Log.open(to, read_only=True) as log:
            size = log.size
        os.fsync(descriptor)
        os.close(descriptor)
        return size

    # Reading

    @property
    def size(self) -> int:
        """How many entries there are."""
        with log_file.translate_database_errors(self.path):
            return self._size()

    def root(self, size: int | None = None) -> bytes:
        """The root of the tree of the first `size` entries (default: all). Raises `EntryMissingError`."""
        with self._stroke():
            return self._edge(self._within(size)).root()

    def leaf(self, position: int) -> bytes:
        """The exact bytes of an entry. Raises `EntryMissingError`."""
        with self._stroke():
            row = self._connection.execute(
                "SELECT leaf FROM leaves WHERE position = ?", (self._existing(position),)
            ).fetchone()
            return self._blob(row[0] if row else None, position)

    def entries(self, start: int = 0) -> Iterator[tuple[int, LogEntry]]:
        """Positions and entries from `start` on. What is appended meanwhile comes along."""
        while rows := self._leaves(start):
            for position, leaf in rows:
                if position != start:
                    raise log_file.LogDamagedError(file=str(self.path), position=start)
                yield position, LogEntry.from_leaf(self._blob(leaf, position), position)
                start += 1

    def details_positions(self, start: int = 0, end: int | None = None) -> Iterator[int]:
        """The positions of the entries whose details are there, from `start` on and before `end`."""
        end = self.size if end is None else end
        while True:
            with log_file.translate_database_errors(self.path):
                rows = self._connection.execute(
                    "SELECT position FROM details WHERE position >= ? AND position < ? ORDER BY position LIMIT ?",
                    (start, end, STROKE),
                ).fetchall()
            yield from (position for (position,) in rows)
            if len(rows) < STROKE:
                return
            start = rows[-1][0] + 1

    def details(self, position: int) -> dict[str, Any] | None:
        """The details of an entry; None when it never had any or they were destroyed.

        Not checked here against the entry's hash; verifying the log does that. Raises `EntryMissingError`.
        """
        with self._stroke():
            row = self._connection.execute(
                "SELECT details FROM details WHERE position = ?", (self._existing(position),)
            ).fetchone()
        if row is None:
            return None
        try:
            found = json.loads(self._blob(row[0], position))
        except ValueError:
            raise log_file.LogDamagedError(file=str(self.path), position=position) from None
        if not isinstance(found, dict):
            raise log_file.LogDamagedError(file=str(self.path), position=position)
        return found

    def leaf_hashes(self, size: int | None = None) -> bytes:
        """The hashes of the first `size` entries (default: all), one after the other."""
        with self._stroke():
            size = self._within(size)
            read = self._tile_for(size)
            numbers = range(-(-size // merkle.TILE_WIDTH))
            return b"".join(read(0, number) for number in numbers)[: size * merkle.HASH_SIZE]

    def inclusion_proof(self, position: int, size: int | None = None) -> list[bytes]:
        """The RFC 9162 inclusion path of an entry in the tree of `size` entries (default: all)."""
        with self._stroke():
            size = self._within(size)
            if not 0 <= position < size:
                raise LsiError("EntryMissingError", position=position, size=size)
            return merkle.inclusion_path(merkle.subtrees_in_tiles(self._tile_for(size)), position, size)

    def consistency_proof(self, first: int, second: int | None = None) -> list[bytes]:
        """The RFC 9162 consistency path from `first` entries to `second` (default: all)."""
        with self._stroke():
            second = self._within(second)
            if not 0 <= first <= second:
                raise LsiError("EntryMissingError", position=first, size=second)
            return merkle.consistency_path(merkle.subtrees_in_tiles(self._tile_for(second)), first, second)

    def checkpoints(self) -> list[str]:
        """The signed notes, from the smallest tree to the largest."""
        with log_file.translate_database_errors(self.path):
            rows = self._connection.execute("SELECT size, note FROM checkpoints ORDER BY size").fetchall()
        return [self._text(text, size) for size, text in rows]

    def checkpoints_after(self, size: int) -> list[str]:
        """The signed notes of more than `size` entries, from the smallest tree to the largest."""
        with log_file.translate_database_errors(self.path):
            rows = self._connection.execute(
                "SELECT size, note FROM checkpoints WHERE size > ? ORDER BY size", (size,)
            ).fetchall()
        return [self._text(text, at) for at, text in rows]

    def cosigned_checkpoints(self) -> Iterator[str]:
        """The notes with more than one signature line, from the largest tree to the smallest. Verifies nothing."""
        below = self.size + 1
        while True:
            with log_file.translate_database_errors(self.path):
                rows = self._connection.execute(
                    "SELECT size, note FROM checkpoints WHERE size < ? AND note LIKE ? ORDER BY size DESC LIMIT ?",
                    (below, "%\n— %\n— %", STROKE),
                ).fetchall()
            yield from (self._text(text, size) for size, text in rows)
            if len(rows) < STROKE:
                return
            below = rows[-1][0]

    def checkpoint(self, size: int | None = None) -> str | None:
        """The signed note at `size` (default: the newest), or None."""
        with self._stroke():
            wanted = self._newest_checkpoint() if size is None else size
            stored = None if wanted is None else self._checkpoint(wanted)
        return None if stored is None else str(stored)

    # Inside one transaction

    def _append(self, batch: _Batch) -> tuple[int, RightEdge]:
        first = self._size()
        edge = self._edge(first)
        finished = edge.add(map(merkle.leaf_hash, batch.leaves))
        changed = [
            tile
            for tile in edge.unfinished()
            if _hashes_at(tile.level, first) != _hashes_at(tile.level, edge.size)
        ]
        execute = self._connection.executemany
        execute("INSERT INTO leaves VALUES (?, ?)", enumerate(batch.leaves, first))
        execute(
            "INSERT INTO details VALUES (?, ?, ?)",
            ((first + offset, salt, details) for offset, salt, details in batch.details),
        )
        execute(
            "INSERT INTO tiles VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET hashes = excluded.hashes",
            [*finished, *changed],
        )
        return first, edge

    def _sign(self, private_key: Ed25519PrivateKey, name: str, edge: RightEdge) -> str:
        size = edge.size
        checkpoint = Checkpoint(self.origin, size, edge.root())
        last = self._newest_checkpoint()
        if last is not None:
            self._continues(last, size)
        signature = note.sign(checkpoint.text(), private_key, name)
        stored = self._checkpoint(size) or SignedNote(checkpoint.text(), ())
        if signature not in stored.signatures:
            stored = stored.with_signature(signature)
            self._connection.execute(
                "INSERT INTO checkpoints VALUES (?, ?) ON CONFLICT DO UPDATE SET note = excluded.note",
                (size, str(stored)),
            )
        return str(stored)

    def _continues(self, last: int, size: int) -> None:
        """A log must sign nothing inconsistent with what it signed before (tlog-checkpoint, "Signatures")."""
        signed = self._checkpoint(last)
        if signed is None or last > size:
            raise log_file.LogDamagedError(file=str(self.path), position=last)
        if Checkpoint(self.origin, last, self._edge(last).root()).text() != signed.text:
            raise log_file.LogDamagedError(file=str(self.path), position=last)

    def _size(self) -> int:
        (last,) = self._connection.execute("SELECT max(position) FROM leaves").fetchone()
        if last is None:
            return 0
        if not isinstance(last, int) or last < 0:
            raise log_file.LogDamagedError(file=str(self.path), position=0)
        return last + 1

    def _within(self, size: int | None) -> int:
        now = self._size()
        if size is None:
            return now
        if not 0 <= size <= now:
            raise LsiError("EntryMissingError", position=size, size=now)
        return size

    def _existing(self, position: int) -> int:
        size = self._size()
        if not 0 <= position < size:
            raise LsiError("EntryMissingError", position=position, size=size)
        return position

    def _leaves(self, start: int) -> list[tuple[int, Any]]:
        with log_file.translate_database_errors(self.path):
            return self._connection.execute(
                "SELECT position, leaf FROM leaves WHERE position >= ? ORDER BY position LIMIT ?",
                (start, STROKE),
            ).fetchall()

    def _edge(self, size: int) -> RightEdge:
        try:
            return RightEdge.at(size, self._tile)
        except ValueError:
            raise log_file.LogDamagedError(file=str(self.path), position=size) from None

    def _tile(self, level: int, number: int) -> bytes:
        row = self._connection.execute(
            "SELECT hashes FROM tiles WHERE level = ? AND number = ?", (level, number)
        ).fetchone()
        return self._blob(row[0] if row else None, number << (merkle.TILE_HEIGHT * (level + 1)))

    def _tile_for(self, size: int) -> merkle.ReadTile:
        """Tiles as a tree of `size` leaves needs them: one that is too short is damage, found here."""

        def read(level: int, number: int) -> bytes:
            hashes = self._tile(level, number)
            width = min(merkle.TILE_WIDTH, _hashes_at(level, size) - number * merkle.TILE_WIDTH)
            if len(hashes) < width * merkle.HASH_SIZE:
                raise log_file.LogDamagedError(
                    file=str(self.path), position=number << (merkle.TILE_HEIGHT * (level + 1))
                )
            return hashes

        return read

    def _newest_checkpoint(self) -> int | None:
        (size,) = self._connection.execute("SELECT max(size) FROM checkpoints").fetchone()
        return None if size is None else int(size)

    def _checkpoint(self, size: int) -> SignedNote | None:
        row = self._connection.execute("SELECT note FROM checkpoints WHERE size = ?", (size,)).fetchone()
        return None if row is None else SignedNote.parse(self._text(row[0], size))

    def _blob(self, value: Any, position: int) -> bytes:
        if not isinstance(value, bytes):
            raise log_file.LogDamagedError(file=str(self.path), position=position)
        return value

    def _text(self, value: Any, position: int) -> str:
        if not isinstance(value, str):
            raise log_file.LogDamagedError(file=str(self.path), position=position)
        return value

    @contextlib.contextmanager
    def _stroke(self) -> Iterator[None]:
        """One short read of one state of the log."""
        with log_file.translate_database_errors(self.path):
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """All or nothing. The lock is taken at the start, so two writers queue instead of failing halfway."""
        dry_run.before("log", self.path.name)
        with log_file.translate_database_errors(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


class _Batch:
    """What will be written, made ready before the lock is taken."""

    def __init__(self, entries: Iterable[NewEntry]) -> None:
        self.leaves: list[bytes] = []
        #: Place in the batch, salt, canonical details.
        self.details: list[tuple[int, bytes, bytes]] = []
        for entry, details in entries:
            if entry.details_hash is not None:
                raise LsiError("DetailsNotBoundError")
            if details is None:
                self.leaves.append(entry.leaf())
                continue
            salt, canonical = os.urandom(SALT_SIZE), canonical_json(details)
            self.details.append((len(self.leaves), salt, canonical))
            bound = details_hash_of_bytes(salt, canonical)
            self.leaves.append(entry.model_copy(update={"details_hash": bound}).leaf())


def _hashes_at(level: int, size: int) -> int:
    """How many hashes a tree of `size` leaves has at a level of tiles."""
    return size >> (level * merkle.TILE_HEIGHT)
