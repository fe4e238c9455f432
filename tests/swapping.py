"""A harness that stops before each system call of the door for hostile folders (`base.guarded_folder`) and swaps there what
somebody who may write in such a folder could: a file, a folder or a link, for good or only for that one call."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from lsi_match.base import files, guarded_folder

#: Calls that look at or change something outside the process; the rest of `os` only computes.
CALLS = frozenset({
    "open", "close", "stat", "lstat", "fstat", "scandir", "listdir", "rename", "unlink", "rmdir", "mkdir", "lseek", "pwrite",
    "fsync",
})  # fmt: skip
_watched: list[str] = []
_by_path: list[str] = []
_hooked = False


#: What lists a folder looks at everything in it.
LISTS = frozenset({"scandir", "listdir"})
READDIR = 12  # of the SSH file transfer protocol


class Stops:
    """Counts the calls; before number `at` it does `swap`, and before the next one `undo`."""

    def __init__(
        self, at: int = -1, swap: Callable[[], object] | None = None, undo: Callable[[], object] | None = None
    ):
        self.at, self.swap, self.undo = at, swap, undo
        #: Of each call, the parts of the names that it was given; None for one that lists a folder.
        self.calls: list[frozenset[str] | None] = []

    def stop(self, names: Iterable[object] | None) -> None:
        number = len(self.calls)
        texts = [os.fsdecode(one) for one in names or () if isinstance(one, (str, bytes))]
        self.calls.append(
            None if names is None else frozenset(part for text in texts for part in text.split("/"))
        )
        if number == self.at and self.swap is not None:
            self.swap()
        elif number == self.at + 1 and self.undo is not None:
            self.undo()

    def of(self, name: str) -> list[int]:
        """The calls that can tell what lies under a name. A swap before any other call is one before the next of these:
        what is open stays what it is, whatever happens to its name."""
        return [number for number, names in enumerate(self.calls) if names is None or name in names]


class _Os:
    """The module `os`, with a stop before each call."""

    def __init__(self, stops: Stops) -> None:
        self._stops = stops

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in CALLS:
            return real

        def stopping(*args: Any, **how: Any) -> Any:
            self._stops.stop(None if name in LISTS else args)
            return None if name == "fsync" else real(*args, **how)

        return stopping


@contextmanager
def stopping(stops: Stops) -> Iterator[None]:
    """In the block, the door stops before each of its calls."""
    rename, of = guarded_folder._rename, _Os(stops)

    def renaming(*args: Any) -> None:
        stops.stop(args)
        rename(*args)

    guarded_folder.os, files_os = of, files.os  # type: ignore[assignment]
    files.os = of  # type: ignore[assignment]
    guarded_folder._rename = renaming
    try:
        yield
    finally:
        guarded_folder.os = files.os = files_os  # type: ignore[assignment]
        guarded_folder._rename = rename


@contextmanager
def stopping_requests(stops: Stops) -> Iterator[None]:
    """In the block, this process stops before each request to an SFTP or an S3 server."""
    sftp, s3 = import_module("paramiko").SFTPClient, import_module("aiobotocore.client").AioBaseClient
    asked, called = sftp._async_request, s3._make_api_call
    last: list[int] = [0]

    def request(self: Any, expecting: Any, kind: int, *args: Any) -> Any:
        again = (
            [kind] == last == [READDIR]
        )  # many are sent ahead, of which the first brings all that lies there
        last[:] = [kind]
        stops.stop(None if kind == READDIR and not again else () if kind == READDIR else args)
        return asked(self, expecting, kind, *args)

    async def call(self: Any, operation: str, how: dict[str, Any]) -> Any:
        stops.stop(None if operation.startswith("List") else [how.get("Bucket"), how.get("Key")])
        return await called(self, operation, how)

    sftp._async_request, s3._make_api_call = request, call
    try:
        yield
    finally:
        sftp._async_request, s3._make_api_call = asked, called


@contextmanager
def by_path(*folders: Path) -> Iterator[list[str]]:
    """What in the block opens, lists, moves or removes something below these folders by its path."""
    global _hooked
    if not _hooked:
        sys.addaudithook(_audit)
        _hooked = True
    _watched[:] = [f"{folder}/" for folder in folders]
    _by_path.clear()
    try:
        yield _by_path
    finally:
        _watched.clear()


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if not _watched or not (event == "open" or event.startswith(("os.", "shutil.", "glob.", "pathlib."))):
        return
    for one in args:
        if isinstance(one, (str, bytes)):
            path = os.fsdecode(one)
            if any(path.startswith(folder) for folder in _watched):
                _by_path.append(f"{event} {path}")


def kinds_of_swap(target_file: Path, target_folder: Path) -> dict[str, Callable[[Path], None]]:
    """What may be put in the place of something: by name, how it is put at a path where nothing is."""

    def folder(path: Path) -> None:
        path.mkdir()
        (path / "within").write_text("theirs")

    return {
        "nothing": lambda path: None,
        "link to a file": lambda path: path.symlink_to(target_file),
        "link to a folder": lambda path: path.symlink_to(target_folder),
        "link to nothing": lambda path: path.symlink_to(target_folder / "nothing"),
        "second name of a file": lambda path: path.hardlink_to(target_file),
        "pipe": lambda path: os.mkfifo(path),
        "folder": folder,
        "other file": lambda path: path.write_text("theirs too"),
    }


class Swap:
    """Puts something else in the place of `path`, and can put the first thing back."""

    def __init__(self, path: Path, put: Callable[[Path], None]) -> None:
        self._path, self._put = path, put
        self._aside = path.with_name(f"{path.name}.aside")

    def swap(self) -> None:
        if os.path.lexists(self._path):
            self._path.rename(self._aside)
        if self._path.parent.is_dir():
            self._put(self._path)

    def undo(self) -> None:
        if os.path.lexists(self._aside):
            if self._path.is_dir() and not self._path.is_symlink():
                shutil.rmtree(self._path)
            else:
                self._path.unlink(missing_ok=True)
            self._aside.rename(self._path)


def seen(*folders: Path) -> dict[str, str]:
    """Everything in these folders: kind, number of names, and content, by path."""
    found = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            one = path.lstat()
            what = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(one.st_mode) else ""
            found[str(path)] = f"{stat.S_IFMT(one.st_mode):o} {what}"
    return found
