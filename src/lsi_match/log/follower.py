"""Following a log: the view of a project, kept up with its log, and read from the beginning as seldom as can be.

`LogReader` has a log open and gives the view of it; what was appended since is taken in first. From one process to the
next the view is kept beside the log (`view.note`), under a signature of whoever writes the log, with the size and the
root that it was made at. It is used when all of this holds, and else made anew from the log, which is always as good:

1. this version wrote it (`VERSION`);
2. a key that signs this log signed it, so nobody can change an answer through it who could not write the log;
3. the tree of this log has that root at that size.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import TypeAdapter, ValidationError

from lsi_match.base import dry_run
from lsi_match.base.closing import Closing
from lsi_match.base.errors import LsiError
from lsi_match.base.files import read_bytes, write_whole
from lsi_match.log import note
from lsi_match.log.note import SignedNote, VerifierKey
from lsi_match.log.store import Log
from lsi_match.log.view import ProjectView, RoundView

#: To be raised with every change of `ProjectView`, and of what a step does to it.
VERSION = 8
#: With fewer entries than this since the view that was kept, it is not worth writing again.
WORTH = 100
KEPT = "view.note"
#: Rounds that nothing will be asked of but by name, beside it: what a look with nothing to do need not read.
AWAY = "view.rounds.json"


@cache  # made when there is a view that was kept
def _form() -> TypeAdapter[ProjectView]:
    return TypeAdapter(ProjectView)


@cache
def _form_of_rounds() -> TypeAdapter[dict[str, RoundView]]:
    return TypeAdapter(dict[str, RoundView])


class LogReader(Closing):
    """A log that is open, and the view of it. Use it in a `with` block.

    Args:
        log: it is closed with this reader.
        keys: gives the keys that sign the log, to judge a view that was kept.
    """

    def __init__(self, log: Log, keys: Callable[[], Iterable[VerifierKey]] = tuple) -> None:
        self.log = log
        self._keys = keys
        self._view: ProjectView | None = None
        self._kept_size = 0

    @classmethod
    def open(cls, path: Path, keys: Callable[[], Iterable[VerifierKey]] = tuple) -> LogReader:
        """A reader of the log at `path`, which is opened for reading only."""
        return LogReader(Log.open(path, read_only=True), keys)

    def close(self) -> None:
        """Let go of the log."""
        self.log.close()

    @property
    def view(self) -> ProjectView:
        """The view of the log as it is now. It is changed, not made anew, when the log goes on.

        Raises:
            EventMalformedError, StepOutOfPlaceError: an entry that does not fit; see `log.view`.
            LsiError: the log cannot be read.
        """
        if self._view is None:
            self._view = self._kept() or ProjectView()
        for position, entry in self.log.entries(self._view.size):
            self._view.apply(position, entry)
        return self._view

    # the view that is kept

    @property
    def _file(self) -> Path:
        return self.log.path.with_name(KEPT)

    def _kept(self) -> ProjectView | None:
        """The view that was kept, when it holds."""
        try:
            data = read_bytes(self._file)
            head, _, body = data.rpartition(b"\n")
            signed = SignedNote.parse(head + b"\n")
            note.verify_note(signed, tuple(self._keys()))
            size, root = _stated(signed.text, self.log.origin, body)
            if self.log.root(size) != root:
                return None
            view = _form().validate_json(body)
        except (LsiError, ValueError, ValidationError):
            return None
        if view.size != size:
            return None
        self._kept_size = size
        view.get_back = lambda: self._put_away(view.away, size)
        return view

    def _put_away(self, digest: str, size: int) -> dict[str, RoundView]:
        """The rounds that were put away: as they lie there, when they are what the view names, or else from the log."""
        try:
            data = read_bytes(self.log.path.with_name(AWAY))
            if hashlib.sha256(data).hexdigest() == digest:
                return _form_of_rounds().validate_json(data)
        except (LsiError, ValueError):
            pass
        known = self._view.put_away if self._view else {}
        whole = ProjectView()
        for position, entry in self.log.entries():
            if position == size:
                break
            whole.apply(position, entry)
        return {name: one for name, one in whole.live.items() if name in known}

    def keep(self, key: Ed25519PrivateKey, name: str) -> None:
        """Keep the view for the next time, signed, when enough was taken in since the one that lies there."""
        view = self._view
        if view is None or view.size - self._kept_size < WORTH or dry_run.is_on():
            return
        done = {name: one for name, one in view.rounds.items() if view.last and one.done_with(view.last)}
        if done:
            data = _form_of_rounds().dump_json(done)
            write_whole(self.log.path.with_name(AWAY), data, replace=True)
            view = replace(
                view,
                live={name: one for name, one in view.live.items() if name not in done},
                put_away={name: one.summary for name, one in done.items()},
                away=hashlib.sha256(data).hexdigest(),
            )
        body = _form().dump_json(view)
        text = _text(self.log.origin, view.size, self.log.root(view.size), body)
        write_whole(self._file, note.sign_note(text, key, name).encode() + body, replace=True)
        self._kept_size = view.size


def _text(origin: str, size: int, root: bytes, body: bytes) -> str:
    """What is signed. Its second line keeps it from being read as a checkpoint, which has a number there."""
    digest = hashlib.sha256(body).hexdigest()
    return f"{origin}\nview v{VERSION}\n{size}\n{base64.b64encode(root).decode()}\n{digest}\n"


def _stated(text: str, origin: str, body: bytes) -> tuple[int, bytes]:
    """The size and root that a note states, when it is about this body. Raises `ValueError`."""
    lines = text.split("\n")
    try:
        size, root = int(lines[2]), base64.b64decode(lines[3], validate=True)
    except (IndexError, binascii.Error):
        raise ValueError("no view") from None
    if text != _text(origin, size, root, body):
        raise ValueError("another view")
    return size, root
