"""The daily checkpoint: an entry that says the log goes on, and a copy of the log for controllers to co-sign.

A release that waits for cosignatures asks for them at once.

    checkpoint/<project>.<entries>.log.sqlite     the newest copy, without details

A copy goes to the place of every partner (`matcher.operate.transfers`). A controller verifies it on its own machine against
what it saw before, co-signs (`log cosign`), and sends that back; it comes in by itself (`matcher.operate.inbound`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from lsi_match.base.files import private_folder, sync_folder
from lsi_match.log.entry import LogEntry
from lsi_match.log.note import SignedNote
from lsi_match.log.policy import policy_of
from lsi_match.log.steps import Step
from lsi_match.log.store import Log
from lsi_match.matcher.site.site import Project
from lsi_match.protocol.place_files import LOG_SUFFIX


def folder_of(project: Project) -> Path:
    return project.folder / "checkpoint"


def copies(project: Project) -> list[Path]:
    """The copies that lie ready; one, but for a stop in between."""
    return sorted(folder_of(project).glob(f"*{LOG_SUFFIX}"))


def last_checkpoint(entries: list[LogEntry]) -> datetime | None:
    """When the newest daily checkpoint was made; None before the first."""
    made = [entry for entry in entries if entry.name == Step.CHECKPOINT.value]
    return made[-1].moment if made else None


def first_checkpoint(entries: list[LogEntry]) -> datetime | None:
    """When controllers were first asked to co-sign; None before that."""
    made = (entry for entry in entries if entry.name == Step.CHECKPOINT.value)
    first = next(made, None)
    return None if first is None else first.moment


def make_checkpoint(project: Project, now: datetime) -> Path:
    """Log a checkpoint and lay a copy of the log ready; the copy."""
    manifest = project.manifest()
    facts = {"asked": ", ".join(manifest.controllers)}
    with project.journal() as journal:
        journal.record(Step.CHECKPOINT, now, manifest=manifest.digest, facts=facts)
    copy = export_copy(project, project.entries())
    if copy is None:
        raise RuntimeError("the entry was just made")
    return copy


def export_copy(project: Project, entries: list[LogEntry]) -> Path | None:
    """The copy of the log with what controllers are to co-sign, made when it is not there; None where nothing is."""
    asked = [position for position, entry in enumerate(entries) if _asks(entry)]
    if not asked:
        return None
    file = max(copies(project), key=_size, default=None)
    if file is None or _size(file) <= asked[-1]:
        file = _copy(project)
    for older in copies(project):  # also after a stop in between
        if older != file:
            older.unlink()
    return file


def _copy(project: Project) -> Path:
    folder = private_folder(folder_of(project))
    with Log.open(project.log_file, read_only=True) as log:
        beside = folder / ".making.tmp"
        beside.unlink(missing_ok=True)
        size = log.copy_without_details(beside)
    file = folder / f"{project.id}.{size}{LOG_SUFFIX}"
    beside.rename(file)
    sync_folder(folder)
    return file


def _asks(entry: LogEntry) -> bool:
    """Whether an entry asks for cosignatures: a daily checkpoint, and a release that waits for them."""
    return entry.name == Step.CHECKPOINT.value or "lsi.cosignatures" in entry.attributes


def _size(file: Path) -> int:
    number = file.name.removesuffix(LOG_SUFFIX).rpartition(".")[2]
    return int(number) if number.isdecimal() else -1


def cosigned_at(project: Project, now: datetime) -> dict[str, datetime | None]:
    """Controller → when it last co-signed a checkpoint of this log; None for one that never did."""
    policy = policy_of(project.manifest(), project.trust(now).current)
    found: dict[str, datetime | None] = dict.fromkeys(policy.witnesses)
    with Log.open(project.log_file, read_only=True) as log:
        for note in log.checkpoints():
            for name, seconds in policy.cosigners(SignedNote.parse(note)).items():
                at, before = datetime.fromtimestamp(seconds, UTC), found[name]
                found[name] = at if before is None or at > before else before
    return found
