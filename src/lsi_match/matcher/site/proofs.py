"""Proofs that what was released and destroyed is in the log, made when the log has it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lsi_match.base.errors import LsiError
from lsi_match.base.files import write_whole
from lsi_match.log.entry import LogEntry
from lsi_match.log.log_proof import SUFFIX, LogProof, prove
from lsi_match.log.note import Checkpoint, SignedNote
from lsi_match.log.policy import Policy
from lsi_match.log.steps import Step
from lsi_match.log.store import Log
from lsi_match.matcher.site.site import Project

#: Folder, in that of a project, of the proofs that stay there.
PROOFS = "proofs"
_DESTRUCTIONS = (Step.DESTROY, Step.EXPIRE, Step.DESTROY_SUBJECTS)
_DESCRIPTOR = ".release.json"


class StepNotLoggedError(LsiError):
    nl = "Van ronde {round} staat de stap '{step}' niet in het logboek."
    en = "The log has no step '{step}' of round {round}."


def position_of(log: Log, step: Step, round_id: str, partner: str = "") -> int:
    """Where the log says, for the last time, that `step` was done for the round (of this partner, where one is given).

    Raises `StepNotLoggedError` when it was refused or never done.
    """
    found = [
        position
        for position, entry in log.entries()
        if entry.name == step.value
        and entry.status == "Ok"
        and entry.attributes.get("lsi.round") == round_id
        and partner in ("", entry.attributes.get("lsi.partner"))
    ]
    if not found:
        raise StepNotLoggedError(step=step.value, round=round_id)
    return found[-1]


def prove_step(project: Project, step: Step, round_id: str, partner: str = "") -> LogProof:
    """Proof of the entry that `position_of` finds, under the newest checkpoint. Raises what that does."""
    with Log.open(project.log_file, read_only=True) as log:
        return prove(log, position_of(log, step, round_id, partner))


def cosigned_state(log: Log, position: int, policy: Policy) -> tuple[int | None, frozenset[str]]:
    """The size of the newest checkpoint over the entry at `position` that passes the policy, and who co-signed it.

    Without one: None, and who co-signed the checkpoint over it that most did.
    """
    most: frozenset[str] = frozenset()
    for note in reversed(log.checkpoints()):
        signed = SignedNote.parse(note)
        size = Checkpoint.parse(signed.text).size
        if size <= position:
            break
        seen = frozenset(policy.cosigners(signed))
        if policy.enough(seen):
            return size, seen
        most = max(most, seen, key=len)
    return None, most


def proof_file(descriptor: Path) -> Path:
    """Where the proof of a release lies: beside its descriptor."""
    return descriptor.with_name(descriptor.name.removesuffix(".json") + SUFFIX)


def put_proofs(proof: LogProof, staging: Path) -> None:
    """Put the proof beside every release that is still in `staging`. Can be repeated after a run broke off."""
    for descriptor in sorted(staging.glob(f"*/*{_DESCRIPTOR}")):
        write_whole(proof_file(descriptor), proof.text().encode(), replace=True)


def keep_proof(project: Project, step: Step, round_id: str, partner: str = "") -> Path:
    """Keep the proof of a destruction; the file. It is made once."""
    middle = ".".join(filter(None, (project.id, round_id, partner, step.value.replace(" ", "-"))))
    file = project.folder / PROOFS / f"{middle}{SUFFIX}"
    if not file.exists():
        write_whole(file, prove_step(project, step, round_id, partner).text().encode())
    return file


def keep_proofs(project: Project, entries: Iterable[LogEntry]) -> None:
    """Keep the proof of every destruction among these entries; what a killed process left out is made up for."""
    for entry in entries:
        for step in _DESTRUCTIONS:
            if entry.name == step.value and entry.status == "Ok":
                attributes = entry.attributes
                keep_proof(
                    project, step, str(attributes["lsi.round"]), str(attributes.get("lsi.partner", ""))
                )
