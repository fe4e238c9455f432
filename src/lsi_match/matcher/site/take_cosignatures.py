"""Taking in what controllers signed under a checkpoint."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from lsi_match.base.clock import CLOCK_SKEW
from lsi_match.base.errors import LsiError
from lsi_match.base.files import write_whole
from lsi_match.log.log_proof import prove
from lsi_match.log.note import Checkpoint, SignedNote
from lsi_match.log.policy import LogUnknownError, origin_of, policy_of
from lsi_match.log.store import CheckpointMissingError, Log
from lsi_match.matcher.site.site import Project
from lsi_match.protocol.place_files import COSIGNED_SUFFIX


class CosignatureElsewhereError(LsiError): ...


class NoCosignatureError(LsiError): ...


class CosignatureTimeError(LsiError): ...


def add_cosignatures(project: Project, note: bytes, now: datetime) -> list[str]:
    """Store the cosignatures in `note` under the checkpoint they are about; whose they are.

    Raises:
        CosignatureElsewhereError: the checkpoint is not that of this log.
        CheckpointMissingError: this log has no checkpoint of that size.
        CosignatureTimeError: signed at a time that did not come yet.
        NoCosignatureError, SignatureWrongError, LogUnknownError: nobody who counts signed, or not this.
    """
    manifest = project.manifest()
    policy = policy_of(manifest, project.trust(now).current)
    signed = SignedNote.parse(note)
    checkpoint = Checkpoint.parse(signed.text)
    if checkpoint.origin != origin_of(manifest):
        raise LogUnknownError(found=checkpoint.origin, origin=origin_of(manifest))
    seen = policy.cosigners(signed)
    who, latest = sorted(seen), (now + CLOCK_SKEW).timestamp()
    if not who:
        raise NoCosignatureError
    for name in who:
        if seen[name] > latest:
            raise CosignatureTimeError(name=name)
    with project.writer() as opened:
        log = opened.log
        stored = log.checkpoint(checkpoint.size) if checkpoint.size <= log.size else None
        if stored is None:
            raise CheckpointMissingError(size=checkpoint.size)
        if SignedNote.parse(stored).text != signed.text:
            raise CosignatureElsewhereError(size=checkpoint.size)
        for name in who:
            for signature in signed.of_key(policy.witnesses[name]):
                log.add_cosignature(checkpoint.size, signature.line(), policy.witnesses[name])
        tell_others(project, log, who)
    return who


def folder_of(project: Project) -> Path:
    """Where the newest checkpoint that each controller co-signed lies, for the others."""
    return project.folder / "checkpoint" / "cosigned"


def tell_others(project: Project, log: Log, names: Iterable[str]) -> None:
    """Put the newest checkpoint that each of these co-signed where it is passed on to the others."""
    policy = policy_of(project.manifest())
    sizes = policy.cosigned_sizes(log.cosigned_checkpoints())
    for name in names:
        if name in sizes:
            file = folder_of(project) / f"{project.id}.{name}{COSIGNED_SUFFIX}"
            write_whole(file, prove(log, sizes[name] - 1, sizes[name]).text().encode(), replace=True)
