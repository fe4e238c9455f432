"""Taking in what controllers signed under a checkpoint."""

from __future__ import annotations

from datetime import datetime

from lsi_match.base.clock import CLOCK_SKEW
from lsi_match.base.errors import LsiError
from lsi_match.log.note import Checkpoint, SignedNote
from lsi_match.log.policy import LogUnknownError, origin_of, policy_of
from lsi_match.log.store import CheckpointMissingError
from lsi_match.matcher.site.site import Project


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
    return who
