"""The proof that came with a release: that the log of the project has this very release."""

from __future__ import annotations

from pathlib import Path

from lsi_match.base.errors import LsiError
from lsi_match.base.files import read_text
from lsi_match.log.events import Released, read
from lsi_match.log.log_proof import MAX_SIZE, SUFFIX, LogProof
from lsi_match.log.policy import Policy
from lsi_match.protocol.documents import ReleaseDescriptor


class ReleaseProofMissingError(LsiError): ...


class ReleaseProofWrongError(LsiError): ...


def check_release_proof(
    file: Path, digest: str, descriptor: ReleaseDescriptor, policy: Policy, origin: str
) -> None:
    """That the log of `origin` has the release whose descriptor `file` has this `digest`.

    Raises `ReleaseProofMissingError`, `ReleaseProofWrongError`.
    """
    proof = file.with_name(file.name.removesuffix(".json") + SUFFIX)
    if not proof.is_file():
        raise ReleaseProofMissingError(file=file.name, proof=proof.name)
    if proof.stat().st_size > MAX_SIZE:
        raise ReleaseProofWrongError(file=file.name, problem="size")
    try:
        parsed = LogProof.parse(read_text(proof))
        recorded = read(parsed.index, parsed.check(policy, origin))
    except LsiError as problem:
        raise ReleaseProofWrongError(file=file.name, problem=problem.reason) from None
    event = recorded.event
    if not isinstance(event, Released):
        raise ReleaseProofWrongError(file=file.name, problem="name")
    stated = {
        "round": (event.round, descriptor.round),
        "manifest": (recorded.manifest, descriptor.manifest),
        "release": (event.releases.get(descriptor.partner), digest),
    }
    for what, (found, expected) in stated.items():
        if found != expected:
            raise ReleaseProofWrongError(file=file.name, problem=what)
