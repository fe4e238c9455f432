"""What the log says of the files of data subjects, and whether they are as it says. Reads no row of them.

A file is kept until `retention.log_details_days` days after its round ended. Before that it has to be there and have
the digest that its entry gives; after that it has to be gone, and the log has to say so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.base.files import read_bytes
from lsi_match.log.entry import LogEntry
from lsi_match.log.steps import Step
from lsi_match.log.store import Log
from lsi_match.manifest import Manifest
from lsi_match.protocol.subject_columns import SUBJECTS

FileStatus = Literal["present", "destroyed", "late", "overdue", "left", "missing", "altered"]
#: How long after its term a file may still be there: the site looks once a day, or more often.
GRACE = timedelta(days=2)


class SubjectFileMissingError(LsiError):
    nl = "Het betrokkenenbestand bij regel {position} ontbreekt, en het logboek zegt niet dat het is vernietigd."
    en = (
        "The file of subjects of entry {position} is missing, and the log does not say that it was destroyed."
    )


class SubjectFileAlteredError(LsiError):
    nl = "Het betrokkenenbestand bij regel {position} is veranderd."
    en = "The file of subjects of entry {position} was altered."


class SubjectFileOverdueError(LsiError):
    nl = "Het betrokkenenbestand bij regel {position} had op {due} vernietigd moeten zijn, en is er nog."
    en = "The file of subjects of entry {position} should have been destroyed by {due}, and is still there."


class SubjectFileLeftError(LsiError):
    nl = "Het betrokkenenbestand bij regel {position} is volgens het logboek vernietigd, en is er nog."
    en = "The file of subjects of entry {position} was destroyed according to the log, and is still there."


class ManifestOfRoundAlteredError(LsiError):
    nl = "Het manifest {digest} in documents/ is veranderd; de bewaartermijn is niet te lezen."
    en = "The manifest {digest} in documents/ was altered; the term of keeping cannot be read."


@dataclass(frozen=True)
class SubjectFile:
    """A file that an entry names: `about` is `intake.<partner>`, `match` or `release.<partner>`."""

    position: int
    round: str
    about: str
    digest: str


@dataclass
class Due:
    """The files of a round: until when they are kept, and where the log says that they were destroyed."""

    round: str
    trace_id: str
    manifest: str
    at: datetime
    files: list[SubjectFile] = field(default_factory=list)
    destroyed: tuple[int, datetime] | None = None


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


def subject_files(entries: Iterable[LogEntry]) -> list[SubjectFile]:
    """The files that entries name, each once, in the order of the log."""
    found: dict[tuple[str, str, str], SubjectFile] = {}
    for position, entry in enumerate(entries):
        round_id = str(entry.attributes.get("lsi.round", ""))
        for name, digest in sorted(entry.attributes.items()):
            about = _about(entry, name)
            if about:
                one = SubjectFile(position, round_id, about, str(digest))
                found.setdefault((round_id, about, one.digest), one)
    return list(found.values())


def _about(entry: LogEntry, name: str) -> str | None:
    prefix = f"lsi.{SUBJECTS}"
    if name == prefix:
        partner = entry.attributes.get("lsi.partner")
        return f"{entry.name}.{partner}" if partner else entry.name
    return f"{entry.name}.{name.removeprefix(prefix + '.')}" if name.startswith(prefix + ".") else None


def due_rounds(entries: Iterable[LogEntry], term: Callable[[str], int]) -> list[Due]:
    """The rounds that ended and have such files.

    Args:
        term: digest of a manifest → for how many days after its round such a file is kept.
    """
    every = list(entries)
    files = subject_files(every)
    found: dict[str, Due] = {}
    for position, entry in enumerate(every):
        round_id, manifest = (
            str(entry.attributes.get("lsi.round", "")),
            str(entry.attributes.get("lsi.manifest")),
        )
        if entry.name == Step.DESTROY.value and entry.status == "Ok" and round_id not in found:
            mine = [one for one in files if one.round == round_id]
            if mine:
                at = entry.moment + timedelta(days=term(manifest))
                found[round_id] = Due(round_id, entry.trace_id, manifest, at, mine)
        if entry.name == Step.DESTROY_SUBJECTS.value and round_id in found:
            found[round_id].destroyed = (position, entry.moment)
    return list(found.values())


def standings(
    entries: Iterable[LogEntry], folder: Path, term: Callable[[str], int], now: datetime
) -> Standings:
    """How every file stands that the entries name.

    Args:
        folder: `subjects` of the project.
        term: as in `due_rounds`.
    """
    every = list(entries)
    due = {one.round: one for one in due_rounds(every, term)}
    found: list[tuple[SubjectFile, FileStatus]] = []
    problems: list[LsiError] = []
    for one in subject_files(every):
        standing = _standing(file_in(folder, one.round, one.digest), one.digest, due.get(one.round), now)
        found.append((one, standing))
        match standing:
            case "missing":
                problems.append(SubjectFileMissingError(position=one.position))
            case "altered":
                problems.append(SubjectFileAlteredError(position=one.position))
            case "left":
                problems.append(SubjectFileLeftError(position=one.position))
            case "overdue":
                problems.append(
                    SubjectFileOverdueError(position=one.position, due=f"{due[one.round].at:%Y-%m-%d}")
                )
            case _:
                pass
    return Standings(tuple(found), tuple(problems))


def standings_in(project: Path, now: datetime) -> Standings:
    """`standings` of the project whose folder on a site this is."""
    with Log.open(project / "log.sqlite", read_only=True) as log:
        entries = [entry for _, entry in log.entries()]

    def term(manifest: str) -> int:
        file = project / "documents" / f"{manifest.removeprefix('sha256:')}.json"
        data = read_bytes(file)
        if digest_of_bytes(data) != manifest:
            raise ManifestOfRoundAlteredError(digest=manifest)
        return Manifest.model_validate_json(data).retention.log_details_days

    return standings(entries, project / "subjects", term, now)


def _standing(file: Path, digest: str, due: Due | None, now: datetime) -> FileStatus:
    if due is not None and due.destroyed is not None:
        if file.exists():
            return "left"
        return "late" if due.destroyed[1] > due.at + GRACE else "destroyed"
    if not file.exists():
        return "missing"
    with file.open("rb") as handle:
        if "sha256:" + hashlib.file_digest(handle, "sha256").hexdigest() != digest:
            return "altered"
    return "overdue" if due is not None and now > due.at + GRACE else "present"
