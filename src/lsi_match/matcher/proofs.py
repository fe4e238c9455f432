"""Proofs that what was released and destroyed is in the log, made when the log has it."""

from __future__ import annotations

from pathlib import Path

from lsi_match.errors import LsiError
from lsi_match.files import write_whole
from lsi_match.matcher.site import Project
from lsi_match.protocol.steps import Step
from lsi_match.trust.log import Log
from lsi_match.trust.log_proof import SUFFIX, LogProof, prove

#: Folder, in that of a project, of the proofs that stay there.
PROOFS = "proofs"
_DESCRIPTOR = ".release.json"


class StepNotLoggedError(LsiError):
    nl = "Van ronde {round} staat de stap '{step}' niet in het logboek."
    en = "The log has no step '{step}' of round {round}."


def prove_step(project: Project, step: Step, round_id: str) -> LogProof:
    """Proof of the last time that `step` was done for the round, under the newest checkpoint.

    Raises `StepNotLoggedError` when it was refused or never done.
    """
    with Log.open(project.log_file, read_only=True) as log:
        found = [
            position
            for position, entry in log.entries()
            if entry.name == step.value
            and entry.status == "Ok"
            and entry.attributes.get("lsi.round") == round_id
        ]
        if not found:
            raise StepNotLoggedError(step=step.value, round=round_id)
        return prove(log, found[-1])


def proof_file(descriptor: Path) -> Path:
    """Where the proof of a release lies: beside its descriptor."""
    return descriptor.with_name(descriptor.name.removesuffix(".json") + SUFFIX)


def prove_releases(project: Project, round_id: str, staging: Path) -> None:
    """Put the proof beside every release that is still in `staging`. Can be repeated after a run broke off."""
    waiting = sorted(staging.glob(f"*/*{_DESCRIPTOR}"))
    if waiting:
        proof = prove_step(project, Step.RELEASE, round_id).text().encode()
        for descriptor in waiting:
            write_whole(proof_file(descriptor), proof, replace=True)


def prove_destruction(project: Project, round_id: str) -> Path:
    """Keep the proof that the round was destroyed; the file. It is made once."""
    file = project.folder / PROOFS / f"{project.id}.{round_id}.destroy{SUFFIX}"
    if not file.exists():
        write_whole(file, prove_step(project, Step.DESTROY, round_id).text().encode())
    return file
