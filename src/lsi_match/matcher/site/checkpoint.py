"""The daily checkpoint: an entry that says the log goes on, and a copy of the log for controllers to co-sign.

A release that waits for cosignatures asks for them at once.

    checkpoint/<project>.<entries>.log.sqlite     the newest copy, without details
    checkpoint/<project>.<entries>.papers.json    the signed papers that its entries name (`log.judge`)
    checkpoint/<project>.<entries>.log-tail.json  the entries that the copy does not have yet (`log.tail`)
    checkpoint/cosigned/                          what controllers co-signed, for the others (`site.take_cosignatures`)

A copy goes to the place of every partner (`matcher.operate.transfers`). A controller verifies it on its own machine against
what it saw before, co-signs (`log cosign`), and sends that back; it comes in by itself (`matcher.operate.inbound`).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lsi_match.base.files import private_folder, sync_folder, write_whole
from lsi_match.log.entry import LogEntry
from lsi_match.log.events import CheckpointMade
from lsi_match.log.judge import export_papers
from lsi_match.log.note import Checkpoint, SignatureMissingError, SignedNote, verify_cosignature
from lsi_match.log.policy import policy_of
from lsi_match.log.store import Log
from lsi_match.log.tail import tail_of
from lsi_match.matcher.site.site import Project
from lsi_match.protocol.place_files import LOG_SUFFIX, TAIL_SUFFIX, papers_beside


def folder_of(project: Project) -> Path:
    return project.folder / "checkpoint"


def copies(project: Project) -> list[Path]:
    """The copies that lie ready; one, but for a stop in between."""
    return sorted(folder_of(project).glob(f"*{LOG_SUFFIX}"))


def make_checkpoint(project: Project, now: datetime) -> Path:
    """Log a checkpoint and lay a copy of the log ready; the copy."""
    manifest = project.manifest()
    with project.writer() as log:
        log.record(CheckpointMade(asked=tuple(manifest.controllers)), now, manifest=manifest.digest)
    copy = export_copy(project)
    if copy is None:
        raise RuntimeError("the entry was just made")
    return copy


def export_copy(project: Project) -> Path | None:
    """The copy of the log with what controllers are to co-sign, made when it is not there; None where nothing is."""
    asks = project.view().asks
    if asks < 0:
        return None
    file = max(copies(project), key=_size, default=None)
    if file is None or _size(file) <= asks:
        file = _copy(project)
    for older in copies(project):  # also after a stop in between
        if older != file:
            older.unlink()
            papers_beside(older).unlink(missing_ok=True)
    return file


def export_tail(project: Project) -> Path | None:
    """The entries that the newest copy does not have yet, in a file; None where it has all."""
    first = max(map(_size, copies(project)), default=0)
    with project.reader() as opened:
        size = opened.log.size
        file = private_folder(folder_of(project)) / f"{project.id}.{size}{TAIL_SUFFIX}"
        if size > first and not file.exists():
            write_whole(file, tail_of(opened.log, first))
    for older in folder_of(project).glob(f"*{TAIL_SUFFIX}"):
        if older != file or size == first:
            older.unlink()
    return file if size > first else None


def _copy(project: Project) -> Path:
    folder = private_folder(folder_of(project))
    with project.reader() as opened:
        beside = folder / ".making.tmp"
        beside.unlink(missing_ok=True)
        size = opened.log.copy_without_details(beside)
        file = folder / f"{project.id}.{size}{LOG_SUFFIX}"
        export_papers(opened.log, papers_beside(file))
    beside.rename(file)
    sync_folder(folder)
    return file


def _size(file: Path) -> int:
    number = file.name.removesuffix(LOG_SUFFIX).rpartition(".")[2]
    return int(number) if number.isdecimal() else -1


@dataclass(frozen=True)
class CosignedSoFar:
    """How far a controller co-signed the log: entries, and when; since when the first entry waits for it that it did not
    co-sign, None where there is none."""

    size: int
    at: datetime | None
    waits_since: datetime | None


def cosigned(project: Project, now: datetime) -> dict[str, CosignedSoFar]:
    """Controller → how far it co-signed this log. A cosignature says when it was made by itself; for how long entries
    wait for one is told by the log."""
    policy = policy_of(project.manifest(), project.trust(now).current)
    found: dict[str, tuple[int, datetime | None]] = {}
    with project.reader() as opened:
        for note in opened.log.cosigned_checkpoints():
            for name in [
                name
                for name in policy.witnesses
                if name not in found and f"\n— {policy.witnesses[name].name} " in note
            ]:
                with suppress(SignatureMissingError):  # with a key that it had before
                    signed = SignedNote.parse(note)
                    seconds = verify_cosignature(signed, policy.witnesses[name])
                    found[name] = Checkpoint.parse(signed.text).size, datetime.fromtimestamp(seconds, UTC)
            if found.keys() >= policy.witnesses.keys():
                break
        so_far = {}
        for name in policy.witnesses:
            size, at = found.get(name, (0, None))
            waits = _written(opened.log, size) if size <= opened.view.asks else None
            so_far[name] = CosignedSoFar(size, at, waits)
    return so_far


def _written(log: Log, position: int) -> datetime:
    return LogEntry.from_leaf(log.leaf(position), position).moment
