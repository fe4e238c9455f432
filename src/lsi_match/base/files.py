"""Files that are either whole or absent, readable by nobody else, and really gone when destroyed."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from lsi_match.base import dry_run
from lsi_match.base.errors import LsiError, UnexpectedError, of_disk


class FileMissingError(LsiError): ...


class FileUnreadableError(LsiError): ...


class FileExistsAlreadyError(LsiError): ...


def as_refusal(error: BaseException) -> LsiError:
    """What a person is told of any error: itself, what is the matter with a disk or a file, or that the program has a mistake."""
    if not isinstance(error, OSError):
        return UnexpectedError.of(error)
    problem = error.strerror or type(error).__name__
    return of_disk(error) or FileUnreadableError(file=str(error.filename or "-"), problem=problem)


class NotAPlainFileError(OSError):
    """What is there is no file that can be read to its end: a folder, a pipe, a device."""


def private_folder(path: Path) -> Path:
    """Make `path`, and what is missing above it, as folders only their owner can enter. None is made where nothing is to be done."""
    if dry_run.is_on():
        return path
    for folder in reversed([one for one in (path, *path.parents) if not one.exists()]):
        folder.mkdir(mode=0o700, exist_ok=True)
    path.mkdir(exist_ok=True)  # a file in its place is told
    return path


@contextmanager
def whole_file(
    path: Path, *, replace: bool = False, durable: bool = True, same_readers: bool = False
) -> Iterator[BinaryIO]:
    """A file to write beside `path`, made durable and renamed when the block ends well: `path` is whole or as it was.

    Args:
        durable: false for what can be made again and is known when it is not whole: after a power cut it may not be.
        same_readers: a group that may read the file that is there may read the new one.

    Raises:
        FileExistsAlreadyError: `path` exists and `replace` is false.
    """
    if path.exists() and not replace:
        raise FileExistsAlreadyError(file=str(path))
    dry_run.before("write", path.name)
    private_folder(path.parent)
    beside = _half(path)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            if same_readers and path.exists():
                keep_readers(descriptor, path.stat())
            yield handle
            if durable:
                handle.flush()
                os.fsync(handle.fileno())
        beside.rename(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


def keep_readers(descriptor: int, before: os.stat_result) -> None:
    """Give an open file the group, and the right of the group to read, of the file that it takes the place of."""
    with suppress(OSError):  # a group that this user is not in
        os.fchown(descriptor, -1, before.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(before.st_mode) & 0o640)


class Digested:
    """A file that hashes what is written to it."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._hash = hashlib.sha256()

    def write(self, data: bytes | memoryview) -> int:
        written = self._sink.write(data)
        self._hash.update(data[:written])
        return written

    def flush(self) -> None:
        self._sink.flush()

    @property
    def closed(self) -> bool:
        return self._sink.closed

    @property
    def digest(self) -> str:
        """Of what was written so far."""
        return f"sha256:{self._hash.hexdigest()}"


def write_whole(
    path: Path, data: bytes, *, replace: bool = False, durable: bool = True, same_readers: bool = False
) -> None:
    """Write `data` as `whole_file` does."""
    with whole_file(path, replace=replace, durable=durable, same_readers=same_readers) as handle:
        handle.write(data)


def sync_folder(folder: Path) -> None:
    """Make renames and removals in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_bytes(path: Path, at_most: int | None = None) -> bytes:
    """The bytes of `path`; with `at_most`, if it is a plain file of no more bytes than that, and not one without an end.

    Raises:
        FileMissingError, FileUnreadableError: named after what is wrong.
    """
    with translate_errors(path):
        if at_most is None:
            return path.read_bytes()
        with open_plain_file(path) as source:
            data = source.read(at_most + 1)
    if len(data) > at_most:
        raise too_large(path, at_most)
    return data


@contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """What goes wrong with reading `path` in the block, told as `read_bytes` does."""
    try:
        yield
    except FileNotFoundError:
        raise FileMissingError(file=str(path)) from None
    except NotAPlainFileError:
        raise FileUnreadableError.because("base.no_plain_file", file=str(path)) from None
    except OSError as error:
        raise FileUnreadableError(file=str(path), problem=error.strerror or "OSError") from None


def too_large(path: Path, at_most: int) -> FileUnreadableError:
    """That a file has more bytes than it may have."""
    return FileUnreadableError.because("base.too_large", at_most=at_most, file=str(path))


def open_plain_file(path: Path, flags: int = 0) -> BinaryIO:
    """A plain file, to read. What else is there (a pipe, a device) is not waited for, whenever it came there.

    Raises:
        NotPlainError, OSError: it is no plain file, or cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotAPlainFileError
    return os.fdopen(descriptor, "rb")


def read_text(path: Path) -> str:
    """The UTF-8 text of `path`; raises as `read_bytes` does."""
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError:
        raise FileUnreadableError.because("base.no_utf8", file=str(path)) from None


def read_private(path: Path) -> bytes:
    """The bytes of a key file, refused when group or others may read it."""
    data = read_bytes(path)
    if path.stat().st_mode & 0o077:
        raise LsiError("FileTooOpenError", file=str(path))
    return data


def lock_file(path: Path, error: LsiError | None = None) -> int:
    """Hold the file `path`, made where there is none (and something may be done), for this process alone, until its descriptor is
    closed; the system lets go when the process ends, however it ends. Where another process holds it, this one waits, unless there
    is an `error`: that is raised."""
    if not dry_run.is_on():
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    else:
        descriptor = (
            os.open(path, os.O_RDONLY | os.O_CLOEXEC) if path.exists() else os.memfd_create(path.name)
        )
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (fcntl.LOCK_NB if error else 0))
    except BlockingIOError:
        os.close(descriptor)
        assert error is not None
        raise error from None
    return descriptor


@contextmanager
def locked(path: Path, error: LsiError | None = None) -> Iterator[None]:
    """`lock_file` for as long as the block takes."""
    descriptor = lock_file(path, error)
    try:
        yield
    finally:
        os.close(descriptor)


def _half(path: Path) -> Path:
    """A name for what is not yet, or no longer, the file at `path`."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


def half_files(folder: Path) -> list[Path]:
    """What a process that was killed left in `folder`, half written or half destroyed."""
    return sorted(folder.glob(f".*.{'[0-9a-f]' * 8}.tmp"))


def destroy(path: Path) -> None:
    """Overwrite a file once and remove it. On disks that copy on write only the lost key makes it unreadable.

    It loses its name first: a file that is still called `path` is whole, wherever this is broken off. Of a link, or of a
    file that has another name as well, only the name goes.
    """
    if not os.path.lexists(path):
        return
    dry_run.before("destroy", path.name)
    going = path if path in half_files(path.parent) else path.rename(_half(path))
    if stat.S_ISREG(going.lstat().st_mode):
        overwrite(going)
    going.unlink()
    sync_folder(going.parent)


def read_folder(folder: Path, pattern: str) -> dict[str, bytes]:
    """File stem → bytes, of the files in `folder` that match; raises FolderMissingError."""
    if not folder.is_dir():
        raise LsiError("FolderMissingError", folder=str(folder))
    return {path.stem: read_bytes(path) for path in sorted(folder.glob(pattern))}


def shipped(name: str) -> Path:
    """`docs`, `schemas`, `configs` or `audit`: at the top of a checkout, in the package where a wheel was installed."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "shipped"
    return (inside if inside.is_dir() else package.parents[1]) / name


def overwrite(name: Path | str, folder: int | None = None) -> None:
    """Write zeros over everything that a plain file holds, if it has no other name. What it does not hold (a hole) takes no
    room and no time; what somebody else lets nobody write in is left.

    Args:
        folder: the descriptor of the folder that it lies in, where `name` is no path.
    """
    try:
        descriptor = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except PermissionError:
        if os.stat(name, dir_fd=folder, follow_symlinks=False).st_uid == os.geteuid():
            raise
        return
    try:
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
            _write_zeros(descriptor, found.st_size)
    finally:
        os.close(descriptor)


def _write_zeros(descriptor: int, size: int) -> None:
    at = 0
    while at < size:
        try:
            at = os.lseek(descriptor, at, os.SEEK_DATA)
            end = os.lseek(descriptor, at, os.SEEK_HOLE)
        except OSError:  # ENXIO: nothing but a hole is left
            break
        while at < end:
            at += os.pwrite(descriptor, bytes(min(end - at, 2**20)), at)
    os.fsync(descriptor)
