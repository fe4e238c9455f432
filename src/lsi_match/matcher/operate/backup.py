"""A backup of a site: one file (tar) with what `HELD` lists, a list of it with digests, and a seal of the site over that list.

Not in it is what has to be gone when its term is over, or is made anew: keys and drops of rounds, files of data subjects,
releases, what Prefect keeps. What the log did after the backup is at the places of the partners (`matcher.operate.restore`).
The keys of the site are in it: whoever has the file and their passphrase is the site.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.base.files import private_folder, read_bytes, whole_file, write_whole
from lsi_match.base.version import VERSION
from lsi_match.crypto.signing import SignatureMissingError, SignedDocumentInvalidError, sign, verify
from lsi_match.manifest import Digest, Document, Text
from lsi_match.matcher.site.site import Project, Site
from lsi_match.protocol.documents import Moment, PublicKeys
from lsi_match.protocol.trust_root import MATCHER

#: What is in a backup, by its place in the site; a folder with all that lies under it.
HELD_OF_SITE = ("keys", "runner.yaml")
HELD_OF_PROJECT = (
    "log.sqlite",
    "manifest.json",
    "approvals",
    "trust",
    "documents",
    "delivery.yaml",
    "proofs",
)
LIST = "backup.json"
#: A file of a backup is read into memory; a log may be large.
_LARGEST = 2**34

Name = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$", max_length=300
    ),
]


class Backup(Document):
    """What is in a backup: each file with its digest, and of each project the entries that its log has."""

    format: Literal["lsi-match/backup/v1"] = "lsi-match/backup/v1"
    program: Text
    at: Moment
    files: dict[Name, Digest] = Field(min_length=1)
    entries: dict[Name, int]


def back_up(site: Site, to: Path, now: datetime) -> Backup:
    """Write a backup of a site to the file `to`, which is whole or not there; what is in it.

    Can be made at any time. The log is copied first: whatever its entries name was there before.
    """
    identity, projects = site.identity(), site.projects()
    files: dict[str, bytes] = {}
    entries: dict[str, int] = {}
    for project in projects:
        files[f"projects/{project.id}/log.sqlite"], entries[project.id] = _log(project)
    for path in _held(site, projects):
        files.setdefault(path.relative_to(site.folder).as_posix(), read_bytes(path))
    made = Backup(
        program=VERSION,
        at=now,
        files={name: digest_of_bytes(data) for name, data in sorted(files.items())},
        entries=entries,
    )
    with whole_file(to, replace=True) as handle, tarfile.open(fileobj=handle, mode="w") as tar:
        for name, data in ((LIST, sign(made, identity)), *sorted(files.items())):
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(data), 0o600, int(now.timestamp())
            tar.addfile(member, io.BytesIO(data))
    return made


def _held(site: Site, projects: list[Project]) -> Iterator[Path]:
    places = [site.folder / name for name in HELD_OF_SITE]
    places += [
        project.folder / name for project in projects for name in HELD_OF_PROJECT if name != "log.sqlite"
    ]
    for place in places:
        found = sorted(place.rglob("*")) if place.is_dir() else [place]
        yield from (one for one in found if one.is_file() and not one.name.startswith("."))


def _log(project: Project) -> tuple[bytes, int]:
    """The log as it is at this moment, with its audit records; how many entries."""
    beside = private_folder(project.folder / "checkpoint") / ".backup.tmp"
    try:
        with project.reader() as opened:
            size = opened.log.copy_whole(beside)
        return read_bytes(beside), size
    finally:
        beside.unlink(missing_ok=True)


def unpack(file: Path, site: Path) -> Backup:
    """Put back what is in a backup, in a folder that is empty or not there. Nothing of it signs anything yet: in every project
    lies what keeps it from that, until it is restored.

    Raises:
        SiteNotEmptyError: something lies there.
        BackupUnreadableError: it is no backup, or not as it was made.
    """
    if site.exists() and any(site.iterdir()):
        raise LsiError("SiteNotEmptyError", folder=str(site))
    broken = LsiError("BackupUnreadableError", file=str(file))
    try:
        with tarfile.open(file) as tar:
            found = {
                one.name: tar.extractfile(one)
                for one in tar.getmembers()
                if one.isreg() and one.size < _LARGEST
            }
            files = {name: source.read() for name, source in found.items() if source is not None}
        card = PublicKeys.model_validate_json(files["keys/card.json"])
        told = verify(files.pop(LIST), Backup, card.signing_key, what="backup", party=MATCHER)
    except (
        tarfile.TarError,
        OSError,
        KeyError,
        ValueError,
        SignatureMissingError,
        SignedDocumentInvalidError,
    ):
        raise broken from None
    if {name: digest_of_bytes(data) for name, data in files.items()} != told.files:
        raise broken
    private_folder(site)
    for project in told.entries:
        write_whole(Site(site).folder / "projects" / project / "behind.note", b"")
    for name, data in files.items():
        write_whole(site / name, data)
    os.sync()
    return told
