"""The daily checkpoint: an entry that says the log goes on, and the log for controllers to co-sign.

A release that waits for cosignatures asks for them at once.

    checkpoint/<project>.<first>-<end>.log-part.json  the log, without details, in parts (`log.tail`), with the signed papers
    checkpoint/<project>.<entries>.log-tail.json      the entries that the parts do not have yet
    checkpoint/cosigned/                              what controllers co-signed, for the others (`site.take_cosignatures`)

Parts go to the place of every partner (`matcher.operate.transfers`). A controller verifies the log that it puts together of
them on its own machine, against what it saw before, co-signs (`log cosign`), and sends that back; it comes in by itself (`matcher.operate.inbound`).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lsi_match.base.files import private_folder, write_whole
from lsi_match.log.entry import LogEntry
from lsi_match.log.events import CheckpointMade
from lsi_match.log.note import Checkpoint, NoteUnsignedError, SignedNote, verify_cosignature
from lsi_match.log.papers import named_by, papers_of
from lsi_match.log.policy import policy_of
from lsi_match.log.tail import parts_of, tail_of
from lsi_match.matcher.site.site import Project
from lsi_match.protocol.place_files import LOG_SUFFIX, PAPERS_SUFFIX, PART_SUFFIX, TAIL_SUFFIX


def folder_of(project: Project) -> Path:
    return project.folder / "checkpoint"


def parts(project: Project) -> list[Path]:
    """The parts of the log that lie ready."""
    return sorted(folder_of(project).glob(f"*{PART_SUFFIX}"))


def make_checkpoint(project: Project, now: datetime) -> None:
    """Log a checkpoint and lay the log ready."""
    manifest = project.manifest()
    project.record(CheckpointMade(asked=tuple(manifest.controllers)), now, manifest.digest)
    export_parts(project)


def export_parts(project: Project) -> None:
    """Lay the log ready in parts up to what controllers are to co-sign, where it does not lie there yet."""
    asks, folder, lying = project.view().asks, folder_of(project), parts(project)
    ready = max(map(_end, lying), default=0)
    if asks < 0:
        return
    with project.reader() as opened:
        log, named = opened.log, dict[str, int]()
        wanted = {
            private_folder(folder) / f"{project.id}.{first}-{end}{PART_SUFFIX}": (first, end)
            for first, end in parts_of(ready if ready > asks else log.size)
        }
        for file, (first, end) in wanted.items():
            if file not in lying:
                named = named or named_by(log)
                write_whole(file, tail_of(log, first, end, papers_of(log, first, end, named)))
    for suffix in (PART_SUFFIX, LOG_SUFFIX, PAPERS_SUFFIX):  # the last two are of before there were parts
        for older in folder.glob(f"*{suffix}"):
            if older not in wanted:
                older.unlink()


def export_tail(project: Project) -> Path | None:
    """The entries that the parts do not have yet, in a file; None where they have all."""
    first = max(map(_end, parts(project)), default=0)
    with project.reader() as opened:
        size = opened.log.size
        file = private_folder(folder_of(project)) / f"{project.id}.{size}{TAIL_SUFFIX}"
        if size > first and not file.exists():
            write_whole(file, tail_of(opened.log, first))
    for older in folder_of(project).glob(f"*{TAIL_SUFFIX}"):
        if older != file or size == first:
            older.unlink()
    return file if size > first else None


def _end(file: Path) -> int:
    number = file.name.removesuffix(PART_SUFFIX).rpartition("-")[2]
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
                with suppress(NoteUnsignedError):  # with a key that it had before
                    signed = SignedNote.parse(note)
                    seconds = verify_cosignature(signed, policy.witnesses[name])
                    found[name] = Checkpoint.parse(signed.text).size, datetime.fromtimestamp(seconds, UTC)
            if found.keys() >= policy.witnesses.keys():
                break
        so_far = {}
        for name in policy.witnesses:
            size, at = found.get(name, (0, None))
            waits = (
                LogEntry.from_leaf(opened.log.leaf(size), size).moment if size <= opened.view.asks else None
            )
            so_far[name] = CosignedSoFar(size, at, waits)
    return so_far
