"""Proofs that what was released and destroyed is in the log, made when the log has it."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from lsi_match.base.errors import LsiError
from lsi_match.base.files import write_whole
from lsi_match.log.log_proof import SUFFIX, LogProof, proof_file, prove
from lsi_match.log.note import Checkpoint, SignedNote
from lsi_match.log.policy import Policy
from lsi_match.log.steps import Step
from lsi_match.log.store import Log
from lsi_match.log.view import RoundView
from lsi_match.matcher.site.site import Project

#: Folder, in that of a project, of the proofs that stay there.
PROOFS = "proofs"
_DESCRIPTOR = ".release.json"


def release_position(round_: RoundView) -> int:
    """Where the log has the release of a round. Raises `StepNotLoggedError` when it has none."""
    if round_.release is None:
        raise LsiError("StepNotLoggedError", step=Step.RELEASE.value, round=round_.name)
    return round_.release.mark.position


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


def proof_for(
    project: Project, log: Log, position: int, size: int | None = None, names: Collection[str] = ()
) -> LogProof:
    """The proof of an entry for these parties (all partners), as `log_proof.prove` makes it: with the hashes of the entries
    since those that each of them co-signed, and so saw; of all, where one never co-signed any."""
    missing = set(names or project.manifest().partners)
    for note in log.cosigned_checkpoints():  # they were verified when they came in
        signed = SignedNote.parse(note)
        missing -= {one.name for one in signed.signatures}
        if not missing:
            return prove(log, position, size, seen=Checkpoint.parse(signed.text).size)
    return prove(log, position, size)


def put_proofs(proof: LogProof, staging: Path) -> None:
    """Put the proof beside every release that is still in `staging`. Can be repeated after a run broke off."""
    for descriptor in sorted(staging.glob(f"*/*{_DESCRIPTOR}")):
        write_whole(proof_file(descriptor), proof.text().encode(), replace=True)


def put_round_proofs(project: Project) -> None:
    """Put the proof of its opening, of its evaluators and of its hold, into the folder of every round that takes drops, where it is not there
    yet."""
    for one in project.view().live.values():
        if one.over or not project.takes_drops(one.name):
            continue
        proofs = {"opening": one.opened, **({"report": one.hold.mark} if one.hold else {})}
        proofs |= {"evaluators": one.together.named} if one.together.named else {}
        for name, mark in proofs.items():
            file = project.round_folder(one.name) / f"{name}{SUFFIX}"
            if not file.exists():
                _keep(project, one, mark.position, file)


def keep_proofs(project: Project, rounds: Iterable[RoundView]) -> None:
    """Keep the proof of every destruction of these rounds; what a killed process left out is made up for."""
    folder = project.folder / PROOFS
    there = {file.name for file in os.scandir(folder)} if folder.exists() else set[str]()
    for one in rounds:
        for middle, position in _destructions(one):
            name = f"{project.id}.{one.name}.{middle}{SUFFIX}"
            if name not in there:
                _keep(project, one, position, folder / name)


def _keep(project: Project, one: RoundView, position: int, file: Path) -> None:
    """Write the proof of an entry of a round, for the partners of the manifest under which the log says it was opened."""
    partners = project.manifest_of(one.manifest).partners
    with project.reader() as opened:
        write_whole(file, proof_for(project, opened.log, position, names=partners).text().encode())


def _destructions(one: RoundView) -> Iterator[tuple[str, int]]:
    """What the proof of each destruction of a round is called, and where the log has it."""
    if one.destroyed is not None:
        yield "destroy", one.destroyed.position
    if one.forgotten is not None:
        yield "destroy-subjects", one.forgotten.position
    if one.release is not None:
        for partner, digest in one.release.to.items():
            if digest in one.expired:
                yield f"{partner}.expire", one.expired[digest].position
