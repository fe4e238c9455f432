"""What the log says of the files of data subjects, and whether they are as it says. Reads no row of them.

A file is kept until `retention.log_details_days` days after its round ended. Before that it has to be there and have
the digest that its entry gives; after that it has to be gone, and the log has to say so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.base.files import read_bytes
from lsi_match.log.view import ProjectView, RoundView, SubjectFile
from lsi_match.manifest import Manifest

FileStatus = Literal["present", "destroyed", "late", "overdue", "left", "missing", "altered"]
#: How long after its term a file may still be there: the site looks once a day, or more often.
GRACE = timedelta(days=2)


@dataclass(frozen=True)
class Standings:
    """Every file with how it stands, and what is wrong with any."""

    files: tuple[tuple[SubjectFile, FileStatus], ...]
    problems: tuple[LsiError, ...]

    def count(self, standing: FileStatus) -> int:
        return sum(one == standing for _, one in self.files)


def file_in(folder: Path, round_id: str, digest: str) -> Path:
    """Where a file lies in the folder `subjects` of a project."""
    return folder / round_id / f"{digest.removeprefix('sha256:')}.parquet"


def due_at(one: RoundView, manifest: Callable[[str], Manifest | None]) -> datetime | None:
    """Until when the files of a round are kept; None while it is not over, and when it has none.

    Args:
        manifest: by its digest, as far as it is there; without it nothing says for how long, and the end of the round counts.
    """
    if one.destroyed is None or not one.subject_files:
        return None
    agreed = manifest(one.destroyed_under)
    return agreed.details_until(one.destroyed.at) if agreed else one.destroyed.at


def standings(
    view: ProjectView, folder: Path, manifest: Callable[[str], Manifest], now: datetime
) -> Standings:
    """How every file stands that the log names.

    Args:
        folder: `subjects` of the project.
        manifest: as in `due_at`.
    """
    found: list[tuple[SubjectFile, FileStatus]] = []
    problems: list[LsiError] = []
    files = [(one, round_) for round_ in view.rounds.values() for one in round_.subject_files]
    for one, round_ in sorted(files, key=lambda pair: pair[0].mark.position):
        due = due_at(round_, manifest)
        standing = _standing(file_in(folder, round_.name, one.digest), one.digest, round_, due, now)
        found.append((one, standing))
        match standing:
            case "missing":
                problems.append(LsiError("SubjectFileMissingError", position=one.mark.position))
            case "altered":
                problems.append(LsiError("SubjectFileAlteredError", position=one.mark.position))
            case "left":
                problems.append(LsiError("SubjectFileLeftError", position=one.mark.position))
            case "overdue":
                problems.append(
                    LsiError("SubjectFileOverdueError", position=one.mark.position, due=f"{due:%Y-%m-%d}")
                )
            case _:
                pass
    return Standings(tuple(found), tuple(problems))


def standings_in(project: Path, view: ProjectView, now: datetime) -> Standings:
    """`standings` of the project whose folder on a site this is."""

    def manifest(digest: str) -> Manifest:
        data = read_bytes(project / "documents" / f"{digest.removeprefix('sha256:')}.json")
        if digest_of_bytes(data) != digest:
            raise LsiError("ManifestOfRoundAlteredError", digest=digest)
        return Manifest.model_validate_json(data)

    return standings(view, project / "subjects", manifest, now)


def _standing(file: Path, digest: str, round_: RoundView, due: datetime | None, now: datetime) -> FileStatus:
    if due is not None and round_.forgotten is not None:
        if file.exists():
            return "left"
        return "late" if round_.forgotten.at > due + GRACE else "destroyed"
    if not file.exists():
        return "missing"
    with file.open("rb") as handle:
        if "sha256:" + hashlib.file_digest(handle, "sha256").hexdigest() != digest:
            return "altered"
    return "overdue" if due is not None and now > due + GRACE else "present"
