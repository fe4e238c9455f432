"""Verifying a log: everything recomputed from the raw entries, every problem told in plain words.

Nothing that the file says about itself is believed. What holds when `verify_log` finds no problem:

1. SQLite finds the file whole, and its schema is that of a log, nothing more (no view, no trigger).
2. The entries are numbered 0, 1, 2 … without a gap, and each is a `LogEntry` in its one canonical form.
3. The stored tree is, row by row, the RFC 9162 tree over exactly those entries.
4. Every stored checkpoint is signed by the matcher, is about this log, and states the root over exactly the
   first so many entries. As all roots come from the same entries, all checkpoints are consistent with each
   other (which is what consistency proofs show to those who do not have the entries).
5. The newest checkpoint covers every entry.
6. All details that are there hash, with their salt, to what their entry states.
7. Every entry says what its step says, and fits how its round stands (`log.view`); a step of a newer version is passed
   over. No round was released that was held and not justified by every controller (`log.holds`).
8. The log continues the checkpoint that the reader remembers: nothing rolled back, nothing rewritten. Where the log says by
   itself that entries were lost, that is told as such, and the reader has to acknowledge it.

Only 8 can find that a log was replaced as a whole by an older copy, or by another history signed by the
matcher; so whoever verifies remembers the newest checkpoint and brings it the next time (`log.remembered`).
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lsi_match.base.errors import Language, LsiError, RefusedError
from lsi_match.base.files import read_text
from lsi_match.log import holds, log_file, merkle, note
from lsi_match.log.entry import SALT_SIZE, LogEntry, details_hash_of_bytes
from lsi_match.log.log_proof import Since
from lsi_match.log.merkle import RightEdge, Tile
from lsi_match.log.note import Checkpoint, SignedNote, VerifierKey
from lsi_match.log.remembered import RememberedLog, SplitViewError
from lsi_match.log.store import Log
from lsi_match.log.view import ProjectView

#: Entries read in one stroke: whole tiles, and short enough to let a writer through.
STROKE = 8 * merkle.TILE_WIDTH
#: How many of SQLite's own findings are asked for.
MAX_FINDINGS = 100


class LogRolledBackError(LsiError): ...


class LogForkedError(LsiError): ...


class LogGapError(LsiError): ...


@dataclass(frozen=True)
class Verification:
    """What was found. Only when `ok` do the other members say something about the log."""

    file: str
    origin: str | None
    #: Entries in the file, and the root over them as recomputed; None when they cannot all be read.
    size: int
    root: bytes | None
    #: The newest checkpoint that is signed and right, as a note: what to remember and to co-sign.
    newest_checkpoint: str | None
    checkpoints: int
    #: Entries whose details are here, and positions of those whose details are not: destroyed, or stripped.
    #: Which of the two, the entries about destruction tell.
    details_present: int
    details_absent: tuple[int, ...]
    problems: tuple[LsiError, ...]
    #: How the project stands by the entries that fit.
    view: ProjectView = field(default_factory=ProjectView, repr=False)
    #: How often each kind of step was judged again from the signed papers (`log.judge`); None where that was not done.
    judged: Mapping[str, int] | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.problems

    def texts(self, language: Language = "nl") -> list[str]:
        """The problems in plain words."""
        return [problem.text(language) for problem in self.problems]


def verify_log(
    path: Path,
    matcher: VerifierKey | Iterable[VerifierKey],
    remembered: Checkpoint | None = None,
    *,
    origin: str | None = None,
    others: Iterable[Checkpoint] = (),
) -> Verification:
    """Verify the log in `path` from its raw entries; see the list at the top of this module.

    `matcher` is the verifier key of the matcher, or all those it had, in the order in which it had them: after the
    first checkpoint under a later key none under an earlier one counts. `remembered` is the checkpoint that the
    reader kept from the last time; `origin` which log it must be; `others` are such checkpoints that the matcher signed for somebody else
    (`read_other`), which the log must continue too. Who co-signed is for `log.policy` to say.

    Never raises for what is wrong with the log: all of it is in `problems`. Writes nothing, and lets
    a matcher that is at work go on.
    """
    matchers = (matcher,) if isinstance(matcher, VerifierKey) else tuple(matcher)
    found = _Reading(path, matchers).all([*([remembered] if remembered else []), *others])
    if origin is None or found.origin in (None, origin):
        return found
    other = RefusedError("LogUnknownError", found=str(found.origin), origin=origin)
    return replace(found, problems=(other, *found.problems))


def verify_and_remember(
    path: Path,
    matcher: VerifierKey | Iterable[VerifierKey],
    remembered: RememberedLog,
    *,
    origin: str,
    others: Iterable[Checkpoint] = (),
    earlier: bool = False,
) -> Verification:
    """As `verify_log`, from the checkpoint that is remembered; a log that holds is remembered.

    Another history than the remembered one is kept as evidence, and told as `SplitViewError`.

    Args:
        earlier: a copy of an earlier state than the remembered one is no problem: proofs come at any time, copies once a day.
    """
    found = verify_log(path, matcher, remembered.checkpoint, origin=origin, others=others)
    older = earlier and any(isinstance(one, LogRolledBackError) for one in found.problems)
    if older and found.root is not None and remembered.begins_with(found.size, found.root):
        return verify_log(path, matcher, origin=origin, others=others)
    rest = tuple(one for one in found.problems if not isinstance(one, LogForkedError))
    if rest or found.newest_checkpoint is None:
        return found
    try:
        with Log.open(path, read_only=True) as log:
            size = Checkpoint.of_note(found.newest_checkpoint).size
            remembered.take(found.newest_checkpoint, Since(log.leaf_hashes(size)))
    except (SplitViewError, log_file.LogDamagedError) as problem:
        return replace(found, problems=(problem,))
    return found


def read_other(path: Path, matchers: Iterable[VerifierKey]) -> Checkpoint:
    """The checkpoint in `path`, once one of the matcher's keys turns out to have signed it.

    An unsigned one anybody can write: it would make a sound log look forked, and a forked one sound.

    Raises:
        OtherCheckpointUnsignedError: nobody who counts signed it.
        NoteMalformedError, CheckpointMalformedError: it is no checkpoint.
    """
    try:
        return note.verify_checkpoint(read_text(path), matchers)
    except (note.NoteUnsignedError, note.SignatureWrongError) as problem:
        raise LsiError(
            "OtherCheckpointUnsignedError", file=str(path), signer=problem.facts["signer"]
        ) from None


class _Reading:
    """One verification on its way."""

    def __init__(self, path: Path, matchers: tuple[VerifierKey, ...]) -> None:
        self._path = path
        self._matchers = matchers
        self._problems: list[LsiError] = []
        self._origin: str | None = None
        #: Entries in the file, by the highest number; and those without a gap from 0 on, which make the tree.
        self._size = 0
        self._edge = RightEdge()
        self._roots: dict[int, bytes] = {}
        self._unfinished: dict[tuple[int, int], Any] = {}
        self._tile_keys: set[tuple[Any, Any]] = set()
        self._notes: list[tuple[Any, Any]] = []
        #: Place of the latest key of the matcher that signed so far.
        self._key = 0
        self._newest: tuple[int, str] | None = None
        self._details_present = 0
        self._details_absent: list[int] = []
        self._view = ProjectView()

    def all(self, remembered: list[Checkpoint]) -> Verification:
        if not self._path.is_file():
            self._problems.append(log_file.LogMissingError(file=str(self._path)))
        else:
            with self._finding(), contextlib.closing(self._connect()) as connection:
                self._origin = log_file.origin_of(connection, self._path)
                self._whole(connection)
                if self._snapshot(connection):
                    sizes = {size for size, _ in self._notes} | {one.size for one in remembered}
                    self._entries(connection, {size for size in sizes if isinstance(size, int)})
                    self._tree()
                    self._checkpoints()
                    self._problems += holds.broken_holds(self._view)
                    for one in remembered:
                        self._continues(one)
        complete = self._edge.size == self._size and self._origin is not None
        return Verification(
            file=str(self._path),
            origin=self._origin,
            size=self._size,
            root=self._edge.root() if complete else None,
            newest_checkpoint=None if self._newest is None else self._newest[1],
            checkpoints=len(self._notes),
            details_present=self._details_present,
            details_absent=tuple(self._details_absent),
            problems=tuple(self._problems),
            view=self._view,
        )

    def _tell(self, name: str, **facts: str | int) -> None:
        self._problems.append(LsiError(name, **facts))

    @contextlib.contextmanager
    def _finding(self) -> Iterator[None]:
        """What SQLite or the format refuses becomes a problem; the reading goes on after the block."""
        try:
            yield
        except sqlite3.Error as error:
            self._problems.append(log_file.problem_of(error, self._path))
        except UnicodeDecodeError:
            # SQLite names a damaged part of the file in its message, and Python cannot read that.
            self._problems.append(log_file.LogUnreadableError(file=str(self._path), code="TEXT"))
        except LsiError as problem:
            self._problems.append(problem)

    def _connect(self) -> sqlite3.Connection:
        connection = log_file.connect(self._path, read_only=True)
        connection.text_factory = _text_or_none
        return connection

    def _whole(self, connection: sqlite3.Connection) -> None:
        with self._finding():
            found = connection.execute(f"PRAGMA integrity_check({MAX_FINDINGS})").fetchall()
            if found != [("ok",)]:
                self._tell(
                    "StructureDamagedError", file=str(self._path), count=len(found), finding=str(found[0][0])
                )

    def _snapshot(self, connection: sqlite3.Connection) -> bool:
        """All that changes with an append, read in one stroke. What is read later never changes."""
        with self._finding():
            connection.execute("BEGIN")
            first, last = connection.execute("SELECT min(position), max(position) FROM leaves").fetchone()
            if last is not None:
                if first < 0 or last < 0:
                    self._tell("EntryOutsideError")
                self._size = max(0, last + 1)
            for level, number, length in connection.execute(
                "SELECT level, number, length(hashes) FROM tiles"
            ):
                self._tile_keys.add((level, number))
                if length != merkle.TILE_WIDTH * merkle.HASH_SIZE:
                    self._unfinished[level, number] = self._tile(connection, level, number)
            self._notes = connection.execute("SELECT size, note FROM checkpoints ORDER BY size").fetchall()
            (outside,) = connection.execute(
                "SELECT count(*) FROM details WHERE position < 0 OR position > ?", (self._size - 1,)
            ).fetchone()
            if outside:
                self._tell("DetailsOutsideError", count=outside)
            connection.execute("ROLLBACK")
            return True
        return False

    def _tile(self, connection: sqlite3.Connection, level: int, number: int) -> Any:
        row = connection.execute(
            "SELECT hashes FROM tiles WHERE level = ? AND number = ?", (level, number)
        ).fetchone()
        return row[0] if row else None

    def _entries(self, connection: sqlite3.Connection, sizes: set[int]) -> None:
        """Read all entries and details, and grow the tree from them; keep the root at each of `sizes`."""
        self._note_root(sizes)
        expected, contiguous = 0, True
        while expected < self._size:
            rows: list[tuple[Any, ...]] | None = None
            with self._finding():
                rows = connection.execute(
                    "SELECT leaves.position, leaf, salt, details FROM leaves LEFT JOIN details"
                    " ON details.position = leaves.position WHERE leaves.position BETWEEN ? AND ?"
                    " ORDER BY leaves.position LIMIT ?",
                    (expected, self._size - 1, STROKE),
                ).fetchall()
            hashes: list[bytes] = []
            for position, leaf, salt, details in rows or ():
                if position < expected:
                    # Only a damaged file gives rows out of order; without this, reading might never end.
                    self._tell("EntryOutsideError")
                    rows = None
                    break
                if position > expected:
                    self._missing(expected, position - 1)
                    contiguous = False
                expected = position + 1
                if not isinstance(leaf, bytes):
                    self._missing(position, position)
                    contiguous = False
                    continue
                if contiguous:
                    hashes.append(merkle.leaf_hash(leaf))
                self._entry(position, leaf, salt, details)
            self._grow(connection, hashes, sizes)
            if not rows:
                self._missing(expected, self._size - 1)
                return

    def _missing(self, first: int, last: int) -> None:
        self._tell("EntriesMissingError", first=first, last=last)

    def _entry(self, position: int, leaf: bytes, salt: Any, details: Any) -> None:
        with self._finding():
            entry = LogEntry.from_leaf(leaf, position)
            stated = entry.details_hash
            with self._finding():
                self._view.apply(position, entry)
            if salt is None and details is None:
                if stated is not None:
                    self._details_absent.append(position)
                return
            self._details_present += 1
            sound = isinstance(salt, bytes) and isinstance(details, bytes) and len(salt) == SALT_SIZE
            if not sound or details_hash_of_bytes(salt, details) != stated:
                self._tell("DetailsChangedError", position=position)

    def _grow(self, connection: sqlite3.Connection, hashes: list[bytes], sizes: set[int]) -> None:
        """Append hashes, stopping where a root is wanted; compare the tiles that get full."""
        start = self._edge.size
        stops = sorted(size for size in sizes if start < size < start + len(hashes))
        done = start
        for stop in [*stops, start + len(hashes)]:
            for tile in self._edge.add(hashes[done - start : stop - start]):
                stored: Any = None
                with self._finding():
                    stored = self._tile(connection, tile.level, tile.number)
                self._compare(tile, stored)
            done = stop
            self._note_root(sizes)

    def _note_root(self, sizes: set[int]) -> None:
        if self._edge.size in sizes:
            self._roots[self._edge.size] = self._edge.root()

    def _compare(self, tile: Tile, stored: Any) -> None:
        self._tile_keys.discard((tile.level, tile.number))
        if stored == tile.hashes:
            return
        if tile.level or not isinstance(stored, bytes) or len(stored) != len(tile.hashes):
            self._tell("TreeChangedError", level=tile.level, number=tile.number)
            return
        pairs = zip(merkle.split_hashes(stored), merkle.split_hashes(tile.hashes), strict=True)
        differing = [
            tile.number * merkle.TILE_WIDTH + at for at, (was, now) in enumerate(pairs) if was != now
        ]
        self._tell("EntriesChangedError", first=differing[0], last=differing[-1])

    def _tree(self) -> None:
        """The rows that are not full, and rows that no tree over these entries has."""
        if self._edge.size != self._size:
            return  # Entries are missing, which was told already; no tree can fit what is left.
        for tile in self._edge.unfinished():
            self._compare(tile, self._unfinished.get((tile.level, tile.number)))
        for level, number in sorted(self._tile_keys, key=str):
            self._tell("TreeChangedError", level=str(level), number=str(number))

    def _checkpoints(self) -> None:
        for size, text in self._notes:
            if self._checkpoint(size, text):
                self._newest = (size, text)
        covered = 0 if self._newest is None else self._newest[0]
        if covered < self._size:
            self._tell("EntriesUnsignedError", first=covered, last=self._size - 1)

    def _checkpoint(self, size: Any, text: Any) -> bool:
        """Whether this stored checkpoint is signed by the matcher and right."""
        before = len(self._problems)
        try:
            signed = SignedNote.parse(text if isinstance(text, str) else "")
            checkpoint = Checkpoint.parse(signed.text)
        except LsiError:
            self._tell("CheckpointUnreadableError", size=str(size))
            return False
        if checkpoint.size != size:
            self._tell("CheckpointUnreadableError", size=str(size))
        if checkpoint.origin != self._origin:
            self._tell("CheckpointOfAnotherLogError", size=size)
        if checkpoint.size > self._size:
            self._tell("CheckpointBeyondError", size=size, present=self._size)
        elif self._roots.get(checkpoint.size) != checkpoint.root:
            self._tell("CheckpointRootError", size=size)
        try:
            note.verify_note(signed, self._matchers)
        except LsiError as problem:
            self._tell("CheckpointUnsignedError", size=size, signer=problem.facts["signer"])
        else:
            self._key_in_turn(size, signed)
        return len(self._problems) == before

    def _key_in_turn(self, size: int, signed: SignedNote) -> None:
        latest = max(place for place, key in enumerate(self._matchers) if signed.of_key(key))
        if latest < self._key:
            self._tell("CheckpointReplacedKeyError", size=size, signer=self._matchers[latest].name)
        self._key = max(self._key, latest)

    def _continues(self, remembered: Checkpoint) -> None:
        if remembered.origin != self._origin:
            self._tell("RememberedOtherLogError", remembered=remembered.origin, origin=str(self._origin))
        elif self._roots.get(remembered.size) == remembered.root:
            return
        elif 0 < remembered.size <= self._view.not_continued:
            self._problems.append(LogGapError(remembered=remembered.size, lost=self._view.not_continued))
        elif remembered.size > self._size:
            self._problems.append(LogRolledBackError(remembered=remembered.size, present=self._size))
        else:
            self._problems.append(LogForkedError(remembered=remembered.size))


def _text_or_none(raw: bytes) -> str | None:
    """Text out of a file that may be damaged."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None
