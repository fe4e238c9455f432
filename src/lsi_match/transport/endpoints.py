"""Places where files change hands: a folder, an account on an SFTP server, or a bucket.

A place has two sides: `in/`, where the partner writes, and `out/`, where the matching environment does. What is put
there is whole or absent: folders and SFTP write beside and rename, a bucket shows an object only when it is whole.
What is read is checked by its digest or its signature by whoever reads it; a place is not trusted with anything.

A place is set up once (`set_up`), and holds a marker from then on. Where that is not, the place is away: a share that is
not mounted looks like an empty folder.
"""

from __future__ import annotations

import configparser
import io
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import IO, Literal, Protocol
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from lsi_match.base import dry_run
from lsi_match.base.closing import Closing
from lsi_match.base.errors import LsiError, UnexpectedError, of_disk
from lsi_match.base.files import read_private, whole_file
from lsi_match.base.guarded_folder import MOST_NAMES, GuardedFolder
from lsi_match.base.validation import Closed, RuleViolation

Side = Literal["in", "out"]
#: Names that are taken from a place; anything else that lies there is left alone.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")
#: What `give` leaves half-written when its process is killed.
_HALF = re.compile(r"\.[A-Za-z0-9][A-Za-z0-9._-]{0,200}\.[0-9a-f]{8}\.tmp")
#: What tells a place from an empty folder.
MARKER = ".lsi-match-place"
_MARKED = b"A place of lsi-match. Where this file is missing, the place is taken to be away.\n"
_SIDES: tuple[Side, ...] = ("in", "out")
_BLOCK = 2**20
_TIMEOUT = 30


class PlaceUnreachableError(LsiError): ...


class EndpointSettings(Closed):
    """How a place is reached. Secrets stand in files of their own, never here and never in the address."""

    url: str = Field(
        description="/folder, sftp://user@host:port/folder, or s3://bucket/folder",
        min_length=1,
        max_length=500,
    )
    key_file: Path | None = Field(default=None, description="SFTP: the private key, mode 600")
    known_hosts: Path | None = Field(default=None, description="SFTP: the server's key, as OpenSSH writes it")
    credentials: Path | None = Field(
        default=None, description="S3: an AWS credentials file, mode 600, of which [default] is used"
    )
    endpoint: str | None = Field(
        default=None, description="S3: the address of the service, when not Amazon's"
    )

    @model_validator(mode="after")
    def _complete(self) -> EndpointSettings:
        parts = urlsplit(self.url)
        if parts.scheme not in ("", "sftp", "s3"):
            raise RuleViolation.because("transport.scheme", "url")
        if parts.password:
            raise RuleViolation.because("transport.password", "url")
        if parts.scheme == "" and not self.url.startswith("/"):
            raise RuleViolation.because("transport.relative", "url")
        if parts.scheme == "sftp" and not (parts.username and self.key_file and self.known_hosts):
            raise RuleViolation.because("transport.sftp")
        if parts.scheme == "s3" and not self.credentials:
            raise RuleViolation.because("transport.credentials")
        return self


@dataclass(frozen=True)
class Stamp:
    """What changes when a file is written to: its size in bytes and the time of its last change, as the place says."""

    size: int
    changed: str


class _Files(Protocol):
    """What each kind of place can do. Names were checked; errors are those of the system or the library."""

    def has_marker(self) -> bool: ...
    def set_up(self) -> None: ...
    def listing(self, side: Side) -> Iterable[tuple[str, Stamp]]:
        """Plain files only; a side that is a link, or not there, is an error."""
        ...

    def open(self, side: Side, name: str) -> IO[bytes]: ...
    def put(self, side: Side, name: str, source: IO[bytes]) -> None: ...
    def remove(self, side: Side, name: str) -> None: ...
    def close(self) -> None: ...


class Endpoint(Closing):
    """An open place; close it, or use it in a `with` block."""

    def __init__(self, files: _Files, name: str) -> None:
        self._files = files
        self._name = name

    def close(self) -> None:
        """Let go of the connection, or of the folders."""
        self._files.close()

    def _checked(self, name: str) -> str:
        if not (_NAME.fullmatch(name) or _HALF.fullmatch(name)):
            raise PlaceUnreachableError.because("transport.bad_name", place=self._name)
        return name

    def listing(self, side: Side, *, half: bool = False) -> dict[str, Stamp]:
        """The files on one side, by name, `MOST_NAMES` at most. Files with odd names, folders and links are left out.

        Args:
            half: also what a giver that was killed left half-written.
        """
        with _unreachable(self._name):
            return {
                name: stamp
                for name, stamp in islice(self._files.listing(side), MOST_NAMES)
                if _NAME.fullmatch(name) or (half and _HALF.fullmatch(name))
            }

    def read(self, side: Side, name: str, at_most: int) -> bytes:
        """The bytes of a small file.

        Raises:
            PlaceUnreachableError: not there, or larger than `at_most` bytes.
        """
        with _unreachable(self._name), self._files.open(side, self._checked(name)) as source:
            data: bytes = source.read(at_most + 1)
        if len(data) > at_most:
            raise PlaceUnreachableError.because("transport.too_large", at_most=at_most, place=self._name)
        return data

    def fetch(self, side: Side, name: str, to: Path, at_most: int | None = None) -> None:
        """Copy a file to `to`, which is whole or as it was; of one that grew meanwhile no more than `at_most` bytes."""
        with (
            _unreachable(self._name),
            whole_file(to, replace=True) as sink,
            self._files.open(side, self._checked(name)) as source,
        ):
            left = at_most
            while block := source.read(_BLOCK if left is None else min(left, _BLOCK)):
                sink.write(block)
                left = None if left is None else left - len(block)

    def give(self, side: Side, name: str, data: bytes | Path) -> None:
        """Put a file there, whole or not at all; one of that name is replaced."""
        dry_run.before("bring", name)
        with _unreachable(self._name), _opened(data) as source:
            self._files.put(side, self._checked(name), source)

    def remove(self, side: Side, name: str) -> None:
        """Remove a file, if it is there."""
        dry_run.before("remove", name)
        with _unreachable(self._name):
            self._files.remove(side, self._checked(name))


def open_endpoint(settings: EndpointSettings) -> Endpoint:
    """Open a place that was set up.

    Raises:
        PlaceUnreachableError: no connection, another server than the known one, refused credentials.
        PlaceAwayError: it holds no marker.
        ExtraMissingError: the packages for SFTP or S3 are not installed.
        FileMissingError, FileTooOpenError: of a key or credentials file.
    """
    there = _connect(settings)
    try:
        with _unreachable(there._name):
            if not there._files.has_marker():
                raise PlaceUnreachableError("PlaceAwayError", place=there._name)
    except BaseException:
        there.close()
        raise
    return there


def set_up(settings: EndpointSettings) -> None:
    """Make both sides of a place, where they are not there yet, and its marker; raises as `open_endpoint`.

    Whoever calls this says that the share, if it is one, is mounted now.
    """
    with _connect(settings) as there, _unreachable(there._name):
        there._files.set_up()


def _connect(settings: EndpointSettings) -> Endpoint:
    parts = urlsplit(settings.url)
    name = f"{parts.scheme}://{parts.hostname}{parts.path}" if parts.scheme else settings.url
    kinds: dict[str, Callable[[EndpointSettings], _Files]] = {"": _Folder, "sftp": _Sftp, "s3": _Bucket}
    try:
        with _unreachable(name):
            return Endpoint(kinds[parts.scheme](settings), name)
    except ImportError as error:
        raise UnexpectedError.of(error) from None


class _Folder:
    """A folder on this machine. It and each side are opened once, and everything is done in those very folders, whatever is
    put in their place meanwhile."""

    def __init__(self, settings: EndpointSettings) -> None:
        self._path = settings.url
        self._held: dict[str, GuardedFolder] = {}

    def close(self) -> None:
        for folder in self._held.values():
            folder.close()
        self._held.clear()

    def _root(self) -> GuardedFolder:
        if "" not in self._held:
            self._held[""] = GuardedFolder.at(self._path)
        return self._held[""]

    def _side(self, side: Side) -> GuardedFolder:
        if side not in self._held:
            self._held[side] = self._root().below(side)
        return self._held[side]

    def has_marker(self) -> bool:
        try:
            return self._root().look(MARKER) is not None
        except FileNotFoundError:
            return False

    def set_up(self) -> None:
        Path(self._path).mkdir(parents=True, exist_ok=True)
        for side in _SIDES:
            self._root().below(side, make=True, mode=0o777).close()
        self._root().write(MARKER, io.BytesIO(_MARKED))

    def listing(self, side: Side) -> Iterator[tuple[str, Stamp]]:
        folder = self._side(side)
        for name in folder.names():
            one = folder.look(name)
            if one is not None and stat.S_ISREG(one.st_mode):
                yield name, Stamp(one.st_size, str(one.st_mtime_ns))

    def open(self, side: Side, name: str) -> IO[bytes]:
        return self._side(side).open(name)

    def put(self, side: Side, name: str, source: IO[bytes]) -> None:
        self._side(side).write(name, source)

    def remove(self, side: Side, name: str) -> None:
        self._side(side).remove(name)


class _Sftp:
    """An account on an SFTP server, of which only the key that is known is believed."""

    def __init__(self, settings: EndpointSettings) -> None:
        import fsspec  # with the extra of a partner or of the matching environment

        paramiko = import_module("paramiko")
        parts = urlsplit(settings.url)
        known = paramiko.HostKeys(str(settings.known_hosts))

        class OnlyKnown(paramiko.MissingHostKeyPolicy):  # type: ignore[misc,name-defined]
            def missing_host_key(self, client: object, hostname: str, key: object) -> None:
                if not known.check(hostname, key):
                    raise paramiko.SSHException("another key than the known one")

        read_private(settings.key_file)  # type: ignore[arg-type]
        self._files = fsspec.filesystem(
            "sftp",
            host=str(parts.hostname),
            port=parts.port or 22,
            username=parts.username,
            key_filename=str(settings.key_file),
            host_key_policy=OnlyKnown,
            look_for_keys=False,
            allow_agent=False,
            timeout=_TIMEOUT,
            banner_timeout=_TIMEOUT,
            auth_timeout=_TIMEOUT,
            skip_instance_cache=True,
        )
        self.ftp = self._files.ftp
        self.ftp.get_channel().settimeout(_TIMEOUT)  # a server that waits for a pipe is not waited for longer
        self._root = parts.path.rstrip("/")

    def close(self) -> None:
        self._files.client.close()

    def _side(self, side: Side) -> str:
        """Where a side is. One that is a link would lead to other files of that account."""
        folder = f"{self._root}/{side}"
        if not stat.S_ISDIR(self.ftp.lstat(folder).st_mode):
            raise NotADirectoryError
        return folder

    def has_marker(self) -> bool:
        try:
            return bool(self.ftp.lstat(f"{self._root}/{MARKER}"))
        except FileNotFoundError:
            return False

    def set_up(self) -> None:
        for side in _SIDES:
            self._files.makedirs(f"{self._root}/{side}", exist_ok=True)
        with self.ftp.open(f"{self._root}/{MARKER}", "wb") as sink:
            sink.write(_MARKED)

    def listing(self, side: Side) -> Iterator[tuple[str, Stamp]]:
        for one in self.ftp.listdir_iter(self._side(side)):
            if stat.S_ISREG(one.st_mode):
                yield one.filename, Stamp(one.st_size, str(one.st_mtime))

    def open(self, side: Side, name: str) -> IO[bytes]:
        return self._files.open(f"{self._side(side)}/{name}", "rb")  # type: ignore[no-any-return]

    def put(self, side: Side, name: str, source: IO[bytes]) -> None:
        folder = self._side(side)
        beside = f"{folder}/.{name}.{secrets.token_hex(4)}.tmp"
        with self._files.open(beside, "wb") as sink:
            shutil.copyfileobj(source, sink, _BLOCK)
        self.ftp.posix_rename(beside, f"{folder}/{name}")  # replaces what is there, in one go

    def remove(self, side: Side, name: str) -> None:
        with suppress(FileNotFoundError):
            self.ftp.remove(f"{self._side(side)}/{name}")


class _Bucket:
    """A bucket of S3; it has no folders and no links."""

    def __init__(self, settings: EndpointSettings) -> None:
        import fsspec

        import_module("s3fs")
        parts = urlsplit(settings.url)
        ini = configparser.ConfigParser()
        ini.read_string(read_private(settings.credentials).decode())  # type: ignore[arg-type]
        self._files = fsspec.filesystem(
            "s3",
            key=ini["default"]["aws_access_key_id"],
            secret=ini["default"]["aws_secret_access_key"],
            endpoint_url=settings.endpoint,
            use_listings_cache=False,
            default_fill_cache=False,
            config_kwargs={
                "connect_timeout": _TIMEOUT,
                "read_timeout": _TIMEOUT,
                "retries": {"max_attempts": 2},
            },
            skip_instance_cache=True,
        )
        self._root = f"{parts.netloc}{parts.path}".rstrip("/")

    def close(self) -> None: ...

    def has_marker(self) -> bool:
        return bool(self._files.exists(f"{self._root}/{MARKER}"))

    def set_up(self) -> None:
        self._files.pipe_file(f"{self._root}/{MARKER}", _MARKED)

    def listing(self, side: Side) -> Iterator[tuple[str, Stamp]]:
        bucket, _, folder = f"{self._root}/{side}/".partition("/")
        asked = {"Bucket": bucket, "Prefix": folder, "Delimiter": "/"}
        more = True
        while more:  # a thousand at a time: who asks takes so many as it can do with
            found = self._files.call_s3("list_objects_v2", **asked)
            for one in found.get("Contents", ()):
                changed = str(one.get("ETag") or one.get("LastModified"))
                yield str(one["Key"]).rsplit("/", 1)[-1], Stamp(int(one["Size"]), changed)
            more = bool(found.get("IsTruncated"))
            asked["ContinuationToken"] = found.get("NextContinuationToken", "")

    def open(self, side: Side, name: str) -> IO[bytes]:
        return self._files.open(f"{self._root}/{side}/{name}", "rb")  # type: ignore[no-any-return]

    def put(self, side: Side, name: str, source: IO[bytes]) -> None:
        with self._files.open(f"{self._root}/{side}/{name}", "wb") as sink:
            shutil.copyfileobj(source, sink, _BLOCK)

    def remove(self, side: Side, name: str) -> None:
        path = f"{self._root}/{side}/{name}"
        if self._files.exists(path):
            self._files.rm_file(path)


@contextmanager
def _unreachable(name: str) -> Iterator[None]:
    """Whatever a library raises, told by its kind only: its text could hold an address with credentials."""
    try:
        yield
    except (LsiError, ImportError):
        raise
    except Exception as error:
        raise of_disk(error) or PlaceUnreachableError(place=name, problem=type(error).__name__) from None


def _opened(data: bytes | Path) -> IO[bytes]:
    return io.BytesIO(data) if isinstance(data, bytes) else data.open("rb")
