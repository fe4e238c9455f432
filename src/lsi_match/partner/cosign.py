"""Co-signing a log: a controller states, on its own machine, that this is the one history it has seen.

The controller verifies the whole log from its raw entries, and that it continues the checkpoint that its own
folder remembers. Only then does it remember the new one and sign. It remembers first: a crash in between
leaves a checkpoint that is remembered and not signed, never one that is signed and forgotten.

Beside the newest checkpoint it signs those with which a release came in that waits for cosignatures: so these come
together under one checkpoint, also when the log grew between one controller and the next. The checkpoints go from
small to large, since a cosignature says that it is the largest that its controller saw (C2SP tlog-cosignature).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lsi_match.agreement.trust_root_rules import Trust
from lsi_match.base.errors import LsiError
from lsi_match.log.follower import LogReader
from lsi_match.log.judge import Judgement
from lsi_match.log.note import COSIGNATURE, Checkpoint, Signature, SignedNote, VerifierKey, cosign
from lsi_match.log.policy import log_keys, origin_of, policy_of
from lsi_match.log.remembered import RememberedLog
from lsi_match.log.store import Log
from lsi_match.log.verify import LogGapError, verify_and_remember, verify_log
from lsi_match.manifest import Manifest
from lsi_match.partner.home import Home

#: A log that verifies, the manifest and trust roots of this party → what the signed papers say of its entries.
Judge = Callable[[Path, Manifest, Trust], Judgement]


class CosignerKeyError(LsiError): ...


@dataclass(frozen=True)
class Cosigned:
    """The checkpoint that was co-signed, and a note with its text, the matcher's signature and this cosignature."""

    checkpoint: Checkpoint
    note: str


def cosign_log(
    home: Home,
    log: Path,
    project: str,
    now: datetime,
    judge: Judge | None = None,
    *,
    accept_gap: bool = False,
) -> list[Cosigned]:
    """Verify the log in `log`, remember its newest checkpoint and co-sign it; from small to large, the newest last.

    Args:
        judge: judges its entries again from the signed papers (`log.judge`).
        accept_gap: a person acknowledges that the log says by itself that entries were lost that this controller saw.

    Raises:
        LogGapError: it says that entries were lost that this controller saw, and nobody acknowledged that.
        LogRolledBackError, SplitViewError: it does not continue what this controller saw before.
        LsiError: the first problem of a log that does not verify (`log.verify`).
        CosignerKeyError: this controller has no key that counts.
        LogUnknownError: it is the log of another project.
    """
    manifest = home.agreed_manifest(project, now)
    trust = home.trust(project, now)
    policy = policy_of(manifest, trust.current)
    keys, origin = log_keys(manifest, trust.roots), origin_of(manifest)
    if accept_gap:
        _accept_gap(home.log(project), log, keys, origin)
    found = verify_and_remember(log, keys, home.log(project), origin=origin)
    for problem in (
        *found.problems,
        *(judge(log, manifest, trust).problems if judge and found.ok else ()),
    ):
        raise problem
    if found.newest_checkpoint is None:
        raise LsiError("NothingSignedError", file=str(log))
    identity = home.identity()
    named = policy.witnesses.get(home.name)
    signing = identity.note_key({named.public_key}) if named else None
    if signing is None or VerifierKey.of(home.name, signing, COSIGNATURE) != named:
        raise CosignerKeyError(name=home.name)
    notes = [*_waiting(log, named, found.size), found.newest_checkpoint]
    made = []
    for text in notes:
        note = SignedNote.parse(text)
        own = tuple(signature for log_key in policy.logs for signature in note.of_key(log_key))
        line = cosign(text, signing, home.name, int(now.timestamp()))
        signed = SignedNote(note.text, own).with_signature(Signature.parse(line))
        made.append(Cosigned(Checkpoint.parse(note.text), str(signed)))
    return made


def _accept_gap(remembered: RememberedLog, log: Path, keys: tuple[VerifierKey, ...], origin: str) -> None:
    """Go on after a gap, when nothing else is wrong with the log; what lies before it has to be what was seen."""
    found = verify_log(log, keys, remembered.checkpoint, origin=origin)
    if not found.problems or not all(isinstance(one, LogGapError) for one in found.problems):
        return
    if (gap := found.view.gap) is not None:
        with Log.open(log, read_only=True) as opened:
            if not remembered.begins_with(gap.mark.position, opened.root(gap.mark.position)):
                return
    remembered.put_aside()


def _waiting(log: Path, key: VerifierKey, size: int) -> Iterator[str]:
    """The checkpoints before `size` whose last entry is a release that waits, and that `key` did not sign yet."""
    with LogReader.open(log) as opened:
        for one in opened.view.rounds.values():
            if one.release is None or not one.waits or one.release.mark.position >= size - 1:
                continue
            text = opened.log.checkpoint(one.release.mark.position + 1)
            if text is not None and not SignedNote.parse(text).of_key(key):
                yield text
