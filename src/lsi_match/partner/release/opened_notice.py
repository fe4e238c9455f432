"""Openings of releases: a signed record of each, kept here and brought to the matching site with the next delivery.

projects/<project>/opened/<name>.opened.json    signed; <name>.sent beside it once it was brought
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lsi_match.base.files import read_bytes, write_whole
from lsi_match.crypto.signing import peek, sign
from lsi_match.partner.home import Home
from lsi_match.protocol.documents import OPENED_SUFFIX, ReleaseDescriptor, ReleaseOpened


@dataclass(frozen=True)
class Opened:
    """An opening of a release by this partner."""

    round: str
    release: str
    at: datetime


def record_opening(home: Home, descriptor: ReleaseDescriptor, digest: str, now: datetime) -> Path:
    """Keep a signed record that the release with this digest is opened now. Written before anything is shown."""
    paper = ReleaseOpened(
        project=descriptor.project,
        round=descriptor.round,
        partner=home.name,
        release=digest,
        span_id=secrets.token_hex(8),
        at=now,
    )
    file = _folder(home, descriptor.project) / paper.file
    write_whole(file, sign(paper, home.identity()))
    return file


def unsent(home: Home) -> list[Path]:
    """The records, of all projects, that were not brought to the site yet."""
    files = sorted((home.folder / "projects").glob(f"*/opened/*{OPENED_SUFFIX}"))
    return [file for file in files if not _sent(file).exists()]


def mark_sent(file: Path) -> None:
    """Remember that this record was brought to the site."""
    write_whole(_sent(file), b"", replace=True)


def openings_of(home: Home, project: str) -> tuple[Opened, ...]:
    """What this partner opened, oldest first."""
    papers = [
        peek(read_bytes(file), ReleaseOpened, what=file.name, party=home.name)
        for file in sorted(_folder(home, project).glob(f"*{OPENED_SUFFIX}"))
    ]
    return tuple(sorted((Opened(p.round, p.release, p.at) for p in papers), key=lambda one: one.at))


def _folder(home: Home, project: str) -> Path:
    return home.project(project) / "opened"


def _sent(file: Path) -> Path:
    return file.with_name(file.name.removesuffix(OPENED_SUFFIX) + ".sent")
