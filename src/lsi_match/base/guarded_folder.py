"""A folder in which somebody else can write: the only door to it.

Whoever may write in a folder can put a link, a pipe or another folder in the place of anything, at any moment. So:

1. A folder is held by its descriptor, opened component by component, and no link is followed on the way.
2. A name means what lies in that very folder: no path, no recursion into what others made.
3. What is to be judged is first moved to a folder where only we write (`take`), over nothing that lies there.
4. So is what is to be destroyed; then it is overwritten. What is no plain file, or has another name, is not opened: it only
   loses the name that it has there.
5. No more names are read than the caller asks for.
"""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import shutil
import stat
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import IO, BinaryIO

from lsi_match.base.closing import Closing
from lsi_match.base.files import NotAPlainFileError, overwrite

#: Names that are read of one folder at a time.
MOST_NAMES = 10_000
_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOREPLACE = 1  # RENAME_NOREPLACE of renameat2(2)
#: What a file system answers that has no such rename.
_NOT_KNOWN = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})


class GuardedFolder(Closing):
    """An open folder; close it, or use it in a `with` block. Errors are those of the system (`OSError`)."""

    def __init__(self, descriptor: int) -> None:
        self._at = descriptor

    @classmethod
    def own(cls, path: Path) -> GuardedFolder:
        """A folder of which everything above is ours."""
        return cls(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))

    @classmethod
    def at(cls, path: str) -> GuardedFolder:
        """The folder at an absolute path, of which no component is a link."""
        here = os.open("/", os.O_PATH | os.O_CLOEXEC)
        try:
            for name in (part for part in path.split("/") if part):
                below = os.open(name, os.O_PATH | _FOLDER, dir_fd=here)
                os.close(here)
                here = below
            return cls(os.open(".", os.O_RDONLY | _FOLDER, dir_fd=here))
        finally:
            os.close(here)

    def close(self) -> None:
        os.close(self._at)

    def below(self, name: str, *, make: bool = False, mode: int = 0o700) -> GuardedFolder:
        """The folder of that name in this one, no link; made when it is not there, if asked."""
        if make:
            with suppress(FileExistsError):
                os.mkdir(_plain(name), mode, dir_fd=self._at)
        return GuardedFolder(os.open(_plain(name), os.O_RDONLY | _FOLDER, dir_fd=self._at))

    def names(self, at_most: int = MOST_NAMES) -> list[str]:
        """The first names in the folder, in order."""
        with os.scandir(self._at) as found:
            return sorted(entry.name for entry in islice(found, at_most))

    def look(self, name: str) -> os.stat_result | None:
        """What lies there under that name, itself and not what it leads to; None for nothing."""
        try:
            return os.stat(_plain(name), dir_fd=self._at, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def open(self, name: str) -> BinaryIO:
        """A plain file, to read; nothing is waited for or followed.

        Raises:
            NotAPlainFileError, OSError: it is none.
        """
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(_plain(name), flags, dir_fd=self._at)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise NotAPlainFileError
        return os.fdopen(descriptor, "rb")

    def write(self, name: str, source: IO[bytes]) -> None:
        """Put a file there, whole or not at all; one of that name is replaced."""
        beside = f".{_plain(name)}.{secrets.token_hex(4)}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(beside, flags, 0o666, dir_fd=self._at)
        try:
            with os.fdopen(descriptor, "wb") as sink:
                shutil.copyfileobj(source, sink, 2**20)
                sink.flush()
                os.fsync(sink.fileno())
            os.rename(beside, name, src_dir_fd=self._at, dst_dir_fd=self._at)
        except BaseException:
            self._unlink(beside)
            raise
        os.fsync(self._at)

    def take(self, name: str, to: GuardedFolder, as_name: str | None = None) -> bool:
        """Move a file to a folder where only we write. Whether it is a plain one with no other name: what is not, is
        removed there (another name of somebody's file may be a link that was not made by who owns it), and a folder is
        put back.

        Raises:
            FileExistsError: one of that name lies there.
            FileNotFoundError: it is gone.
            OSError: with EXDEV, when that folder is on another disk.
        """
        new = _plain(as_name or name)
        found = self.look(name)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, "gone")
        if stat.S_ISDIR(found.st_mode):
            return False
        _rename(self._at, _plain(name), to._at, new)
        taken = os.stat(new, dir_fd=to._at, follow_symlinks=False)
        if stat.S_ISREG(taken.st_mode) and taken.st_nlink == 1:
            return True
        if stat.S_ISDIR(taken.st_mode):  # it came there after we looked
            _rename(to._at, new, self._at, f"{secrets.token_hex(8)}.folder")
        else:
            os.unlink(new, dir_fd=to._at)
        return False

    def remove(self, name: str) -> None:
        """Take the name of a file, link, pipe or device away, if it is there.

        Raises:
            IsADirectoryError, OSError: it is a folder.
        """
        self._unlink(_plain(name))

    def destroy(self, name: str, through: GuardedFolder) -> None:
        """Overwrite a plain file and remove it; remove what is none.

        Args:
            through: a folder where only we write. There nobody can take another name of the file away, so that it is known
                whether it has one.

        Raises:
            OSError: it is a folder in which something lies, or cannot be removed.
        """
        going = f".going.{secrets.token_hex(4)}.tmp"  # as `files.half_files` knows them
        try:
            plain = self.take(name, through, going)
        except FileNotFoundError:
            return
        if plain:
            overwrite(going, through._at)
            through.remove(going)
        elif (found := self.look(name)) is not None and stat.S_ISDIR(found.st_mode):
            os.rmdir(name, dir_fd=self._at)

    def _unlink(self, name: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._at)


def _plain(name: str) -> str:
    """The name, if it is one: what leads elsewhere is a mistake of ours."""
    if not name or "/" in name or "\0" in name or name in (".", ".."):
        raise ValueError("not the name of a file")
    return name


def _rename(source: int, name: str, target: int, new: str) -> None:
    """renameat2(2) with RENAME_NOREPLACE. Where the file system has none, the caller is the only one who writes in one of
    the folders, so that a look before it is enough."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is not None:
        if call(source, os.fsencode(name), target, os.fsencode(new), _NOREPLACE) == 0:
            return
        failed = ctypes.get_errno()
        if failed not in _NOT_KNOWN:
            raise OSError(failed, os.strerror(failed))
    try:
        os.stat(new, dir_fd=target, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(name, new, src_dir_fd=source, dst_dir_fd=target)
    else:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
