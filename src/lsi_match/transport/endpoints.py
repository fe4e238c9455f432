"""Places where files change hands: a folder, an account on an SFTP server, or a bucket, through fsspec.

A place has two sides: `in/`, where the partner writes, and `out/`, where the matching environment does. What is put
there is whole or absent: folders and SFTP write beside and rename, a bucket shows an object only when it is whole.
What is read is checked by its digest or its signature by whoever reads it; a place is not trusted with anything.
"""

from __future__ import annotations

import configparser
import io
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from lsi_match.base.errors import LsiError, UnexpectedError, of_disk
from lsi_match.base.files import open_plain_file, read_private, sync_folder, whole_file
from lsi_match.base.validation import Closed, RuleViolation

Side = Literal["in", "out"]
#: Names that are taken from a place; anything else that lies there is left alone.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")
#: What `give` leaves half-written when its process is killed.
_HALF = re.compile(r"\.[A-Za-z0-9][A-Za-z0-9._-]{0,200}\.[0-9a-f]{8}\.tmp")
_BLOCK = 2**20
_TIMEOUT = 30


class PlaceUnreachableError(LsiError):
    nl = "{place} is niet te bereiken of niet te gebruiken ({problem}). Er is niets veranderd; probeer het later opnieuw."
    en = "{place} cannot be reached or used ({problem}). Nothing was changed; try again later."


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
            raise RuleViolation("een map, sftp:// of s3://", "a folder, sftp:// or s3://", "url")
        if parts.password:
            raise RuleViolation(
                "hier staat een wachtwoord in; gebruik een sleutel", "this holds a password; use a key", "url"
            )
        if parts.scheme == "" and not self.url.startswith("/"):
            raise RuleViolation("een map begint met /", "a folder is named from the root: /", "url")
        if parts.scheme == "sftp" and not (parts.username and self.key_file and self.known_hosts):
            raise RuleViolation(
                "sftp vraagt een gebruiker in url, en key_file en known_hosts",
                "sftp needs a user in the url, key_file and known_hosts",
            )
        if parts.scheme == "s3" and not self.credentials:
            raise RuleViolation("s3 vraagt credentials", "s3 needs credentials")
        return self


@dataclass(frozen=True)
class Stamp:
    """What changes when a file is written to: its size in bytes and the time of its last change, as the place says."""

    size: int
    changed: str


class Endpoint:
    """An open place; close it, or use it in a `with` block.

    A side that is a link is not used: whoever could put one there would have this process remove, read and write files
    of its own somewhere else. Of a folder on this machine each side is opened once, and everything is done in that very
    folder, whatever is put in its place meanwhile.
    """

    def __init__(self, files: Any, root: str, name: str, *, renames: bool, close: Callable[[], None]) -> None:
        self._files = files
        self._root = root.rstrip("/")
        self._name = name
        self._renames = renames
        self._end = close
        self._opened: dict[Side, int] = {}

    def close(self) -> None:
        """Let go of the connection, or of the folders."""
        for descriptor in self._opened.values():
            os.close(descriptor)
        self._opened.clear()
        self._end()

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _path(self, side: Side, name: str) -> str:
        if not (_NAME.fullmatch(name) or _HALF.fullmatch(name)):
            raise PlaceUnreachableError.because(
                "een naam die niet mag", "a name that is not allowed", place=self._name
            )
        return f"{self._folder(side)}/{name}"

    def _folder(self, side: Side) -> str:
        """Where a side is; raises OSError when it is a link, or not there."""
        folder = f"{self._root}/{side}"
        if hasattr(self._files, "ftp"):
            if stat.S_ISLNK(self._files.ftp.lstat(folder).st_mode):
                raise NotADirectoryError
            return folder
        if not self._renames:
            return folder  # a bucket has no links
        if side not in self._opened:
            self._opened[side] = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        own = f"/proc/self/fd/{self._opened[side]}"
        return own if Path(own).exists() else folder

    def _source(self, side: Side, name: str) -> IO[bytes]:
        """A file to read. On this machine a plain one, not what was put in its place since it was listed: a link leads
        elsewhere, and a pipe is waited for. A server that waits for one is waited for until the time is over."""
        path = self._path(side, name)
        if self._renames and not hasattr(self._files, "ftp"):
            return open_plain_file(Path(path), os.O_NOFOLLOW)
        source: IO[bytes] = self._files.open(path, "rb")
        return source

    def listing(self, side: Side, *, half: bool = False) -> dict[str, Stamp]:
        """The files on one side, by name. Files with odd names, folders and links are left out.

        Args:
            half: also what a giver that was killed left half-written.
        """
        with _unreachable(self._name):
            try:
                found = self._files.ls(self._folder(side), detail=True)
            except FileNotFoundError:
                found = []
            return {
                name: Stamp(int(entry["size"]), str(entry.get("mtime") or entry.get("ETag") or entry.get("LastModified")))
                for entry in found
                if entry["type"] == "file"
                and not entry.get("islink")
                and (
                    _NAME.fullmatch(name := str(entry["name"]).rsplit("/", 1)[-1])
                    or (half and _HALF.fullmatch(name))
                )
            }  # fmt: skip

    def read(self, side: Side, name: str, at_most: int) -> bytes:
        """The bytes of a small file.

        Raises:
            PlaceUnreachableError: not there, or larger than `at_most` bytes.
        """
        with _unreachable(self._name), self._source(side, name) as source:
            data: bytes = source.read(at_most + 1)
        if len(data) > at_most:
            raise PlaceUnreachableError.because(
                f"een bestand groter dan {at_most} bytes",
                f"a file larger than {at_most} bytes",
                place=self._name,
            )
        return data

    def fetch(self, side: Side, name: str, to: Path, at_most: int | None = None) -> None:
        """Copy a file to `to`, which is whole or as it was; of one that grew meanwhile no more than `at_most` bytes."""
        with (
            _unreachable(self._name),
            whole_file(to, replace=True) as sink,
            self._source(side, name) as source,
        ):
            _copy(source, sink, at_most)

    def give(self, side: Side, name: str, data: bytes | Path) -> None:
        """Put a file there, whole or not at all; one of that name is replaced."""
        with _unreachable(self._name):
            if self._renames:
                self._files.makedirs(f"{self._root}/{side}", exist_ok=True)
            path = self._path(side, name)
            beside = f"{self._folder(side)}/.{name}.{secrets.token_hex(4)}.tmp" if self._renames else path
            with _opened(data) as source, self._files.open(beside, "wb") as sink:
                _copy(source, sink)
            if self._renames:
                _rename(self._files, beside, path)

    def remove(self, side: Side, name: str) -> None:
        """Remove a file, if it is there."""
        with _unreachable(self._name):
            try:
                path = self._path(side, name)
            except FileNotFoundError:
                return
            if self._files.exists(path):
                self._files.rm_file(path)


def open_endpoint(settings: EndpointSettings) -> Endpoint:
    """Open a place.

    Raises:
        PlaceUnreachableError: no connection, another server than the known one, refused credentials.
        ExtraMissingError: the packages for SFTP or S3 are not installed.
        FileMissingError, FileTooOpenError: of a key or credentials file.
    """
    parts = urlsplit(settings.url)
    name = f"{parts.scheme}://{parts.hostname}{parts.path}" if parts.scheme else settings.url
    try:
        import fsspec  # with the extra of a partner or of the matching environment

        with _unreachable(name):
            if parts.scheme == "sftp":
                return _sftp(settings, name)
            if parts.scheme == "s3":
                return _bucket(settings, name)
            files = fsspec.filesystem("file", auto_mkdir=False, skip_instance_cache=True)
            return Endpoint(files, settings.url, name, renames=True, close=lambda: None)
    except ImportError as error:
        raise UnexpectedError.of(error) from None


def _sftp(settings: EndpointSettings, name: str) -> Endpoint:
    import fsspec

    paramiko = import_module("paramiko")
    parts = urlsplit(settings.url)
    known = paramiko.HostKeys(str(settings.known_hosts))
    host, port = str(parts.hostname), parts.port or 22

    class OnlyKnown(paramiko.MissingHostKeyPolicy):  # type: ignore[misc,name-defined]
        def missing_host_key(self, client: object, hostname: str, key: object) -> None:
            if not known.check(hostname, key):
                raise paramiko.SSHException("another key than the known one")

    read_private(settings.key_file)  # type: ignore[arg-type]
    files = fsspec.filesystem(
        "sftp",
        host=host,
        port=port,
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
    files.ftp.get_channel().settimeout(_TIMEOUT)
    return Endpoint(files, parts.path, name, renames=True, close=files.client.close)


def _bucket(settings: EndpointSettings, name: str) -> Endpoint:
    import fsspec

    import_module("s3fs")
    parts = urlsplit(settings.url)
    ini = configparser.ConfigParser()
    ini.read_string(read_private(settings.credentials).decode())  # type: ignore[arg-type]
    files = fsspec.filesystem(
        "s3",
        key=ini["default"]["aws_access_key_id"],
        secret=ini["default"]["aws_secret_access_key"],
        endpoint_url=settings.endpoint,
        use_listings_cache=False,
        default_fill_cache=False,
        config_kwargs={"connect_timeout": _TIMEOUT, "read_timeout": _TIMEOUT, "retries": {"max_attempts": 2}},
        skip_instance_cache=True,
    )
    return Endpoint(files, f"{parts.netloc}{parts.path}", name, renames=False, close=lambda: None)


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


def _copy(source: IO[bytes], sink: IO[bytes], at_most: int | None = None) -> None:
    left = at_most
    while block := source.read(_BLOCK if left is None else min(left, _BLOCK)):
        sink.write(block)
        left = None if left is None else left - len(block)


def _rename(files: Any, beside: str, path: str) -> None:
    if hasattr(files, "ftp"):
        files.ftp.posix_rename(beside, path)  # replaces what is there, in one go
    else:
        Path(beside).replace(path)
        sync_folder(Path(path).parent)
