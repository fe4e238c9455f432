"""Taking in what controllers signed under a checkpoint."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.clock import CLOCK_SKEW
from lsi_match.base.errors import RefusedError
from lsi_match.base.files import read_text, write_whole
from lsi_match.log.events import ForkReported
from lsi_match.log.log_proof import LogProof
from lsi_match.log.note import (
    Checkpoint,
    NoteUnsignedError,
    SignatureWrongError,
    SignedNote,
    VerifierKey,
    verify_note,
)
from lsi_match.log.policy import log_keys, origin_of, policy_of
from lsi_match.log.store import Log
from lsi_match.matcher.site.inbox import check_papers
from lsi_match.matcher.site.proofs import proof_for
from lsi_match.matcher.site.site import Project
from lsi_match.protocol.place_files import COSIGNED_SUFFIX


def add_cosignatures(project: Project, note: bytes, now: datetime, whence: str = "-") -> list[str]:
    """Store the cosignatures in `note` under the checkpoint they are about; whose they are.

    A checkpoint that contradicts this log is kept and told (`report_fork`): one that a controller co-signed, or that this site
    signed, which `whence` sent.

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
        raise RefusedError("LogUnknownError", found=checkpoint.origin, origin=origin_of(manifest))
    seen = policy.cosigners(signed)
    who, latest = sorted(seen), (now + CLOCK_SKEW).timestamp()
    for name in who:
        if seen[name] > latest:
            raise RefusedError("CosignatureTimeError", name=name)
    with project.reader() as opened:
        log = opened.log
        stored = log.checkpoint(checkpoint.size) if checkpoint.size <= log.size else None
    known = stored is not None and SignedNote.parse(stored).text == signed.text
    if not who and (known or not signed_by(signed, log_keys(manifest, project.trust_store.roots(now)))):
        raise RefusedError("NoCosignatureError")
    if not known:
        report_fork(project, note, who[0] if who else whence, now)
        if stored is None:
            raise RefusedError("CheckpointMissingError", size=checkpoint.size)
        raise RefusedError("CosignatureElsewhereError", size=checkpoint.size)
    with project.writer() as opened:
        log = opened.log
        for name in who:
            for signature in signed.of_key(policy.witnesses[name]):
                log.add_cosignature(checkpoint.size, signature.line(), policy.witnesses[name])
        _tell_others(project, log, who, checkpoint.size)
    return who


def report_fork(project: Project, note: bytes, whence: str, now: datetime) -> bool:
    """Keep a checkpoint that contradicts this log, and tell it: what lies beyond this log and this site signed stops it, since
    an older log was put in its place; another is logged, once. Whether it contradicts.

    Args:
        note: whose cosignature, or signature of this site, was verified, but for the latter where it lies beyond the log.
        whence: who sent it, or where it was found.
    """
    signed, manifest = SignedNote.parse(note), project.manifest()
    checkpoint = Checkpoint.parse(signed.text)
    with project.reader() as opened:
        size, known = opened.log.size, opened.view.forks
        if checkpoint.size <= size and opened.log.root(checkpoint.size) == checkpoint.root:
            return False
        if checkpoint.size <= opened.view.not_continued:
            return True  # the log says so itself
    if checkpoint.size > size:
        if signed_by(signed, log_keys(manifest, project.trust_store.roots(now))):
            write_whole(project.behind_file, note, replace=True)
        return True
    if digest_of_bytes(note) not in known:
        check_papers(project.view(), whence, now)
        event = ForkReported(partner=whence, size=checkpoint.size, seen=project.keep(note))
        project.record(event, now, manifest.digest)
    return True


def signed_by(note: SignedNote, keys: Iterable[VerifierKey]) -> bool:
    """Whether one of these keys signed a note."""
    try:
        verify_note(note, keys)
    except (NoteUnsignedError, SignatureWrongError):
        return False
    return True


def folder_of(project: Project) -> Path:
    """Where the newest checkpoint that each controller co-signed lies, for the others."""
    return project.folder / "checkpoint" / "cosigned"


def _tell_others(project: Project, log: Log, names: Iterable[str], size: int) -> None:
    """Put the checkpoint that these co-signed where it is passed on to the others, unless a larger one lies there."""
    for name in names:
        file = folder_of(project) / f"{project.id}.{name}{COSIGNED_SUFFIX}"
        there = LogProof.parse(read_text(file)).checkpoint if file.exists() else None
        if there is None or Checkpoint.of_note(there).size <= size:
            write_whole(file, proof_for(project, log, size - 1, size).text().encode(), replace=True)
