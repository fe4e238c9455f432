"""Asking witnesses from outside to co-sign the log: the client of C2SP tlog-witness.

The manifest names the witnesses and their keys; `witnesses` in `delivery.yaml` says at which address each one is asked. It is
sent a checkpoint and a consistency proof from the one that it co-signed last: sizes and hashes, no entry.
"""

from __future__ import annotations

import base64
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPException

from lsi_match.base.errors import LsiError
from lsi_match.base.version import VERSION
from lsi_match.log.note import Checkpoint, Signature, SignedNote
from lsi_match.log.policy import policy_of
from lsi_match.log.writer import LogWriter
from lsi_match.matcher.site.site import Project
from lsi_match.matcher.site.take_cosignatures import add_cosignatures

PATH = "/add-checkpoint"
#: "The body MUST be the size … and the response MUST have a content type of text/x.tlog.size" (section "add-checkpoint").
SIZE = "text/x.tlog.size"
LARGEST_ANSWER = 64 * 1024
PATIENCE = 20.0


@dataclass
class Cosigned:
    """How many entries each checkpoint has that a witness co-signed, and how many signatures of other kinds (as post-quantum
    ones) it sent, which are stored nowhere and count for nothing."""

    sizes: list[int] = field(default_factory=list)
    ignored: int = 0


def ask_witness(project: Project, name: str, url: str, now: datetime) -> Cosigned:
    """Have the witness `name`, at the submission prefix `url`, co-sign what waits for it.

    These are, from small to large, those of releases that wait for cosignatures, and the last that was to be co-signed.

    Raises:
        WitnessUnknownError: the manifest names none of that name.
        WitnessUnreachableError: no answer.
        WitnessRefusedError: it does not know this log or key, or does not take the proof.
        WitnessAheadError: it co-signed more entries than this log has, or other ones.
        LsiError: what it answered is no cosignature of it (`add_cosignatures`).
    """
    manifest = project.manifest()
    if name not in manifest.release.witnesses:
        raise LsiError("WitnessUnknownError", name=name)
    policy = policy_of(manifest, project.trust(now).current)
    with project.writer() as writer:
        seen = policy.cosigned_sizes(writer.log.cosigned_checkpoints()).get(name, 0)
        wanted = [(size, _under_origin(writer, size)) for size in _sizes(writer) if size > seen]
    done = Cosigned()
    for size, note in wanted:
        if size <= seen:
            continue
        answered = _ask(project, name, url, seen, note)
        known = tuple(one for one in answered if one.of_cosignature_size)
        done.ignored += len(answered) - len(known)
        if known or not answered:
            signed = SignedNote(note.text, (*note.signatures, *known))
            add_cosignatures(project, str(signed).encode(), now)
            seen = Checkpoint.parse(note.text).size
            done.sizes.append(seen)
    return done


def _sizes(writer: LogWriter) -> list[int]:
    view = writer.view
    waiting = {one.release.mark.position + 1 for one in view.rounds.values() if one.release and one.waits}
    return sorted(waiting | {view.asks + 1} - {0})


def _under_origin(writer: LogWriter, size: int) -> SignedNote:
    """The checkpoint with the signature under the name that others take the log by; of a log that was signed under another
    name the newest, which is signed anew."""
    signed = SignedNote.parse(writer.log.checkpoint(size) or writer.sign())
    if not (own := [one for one in signed.signatures if one.name == writer.log.origin]):
        signed = SignedNote.parse(writer.sign(writer.log.origin))
        own = [one for one in signed.signatures if one.name == writer.log.origin]
    return SignedNote(signed.text, tuple(own[:1]))


def _ask(project: Project, name: str, url: str, seen: int, note: SignedNote) -> list[Signature]:
    """What the witness signed; asked again once when it saw more or less than is known here."""
    size = Checkpoint.parse(note.text).size
    for _ in range(2):
        with project.reader() as reader:
            proof = reader.log.consistency_proof(seen, size)
        lines = [f"old {seen}", *(base64.b64encode(one).decode() for one in proof), "", str(note)]
        status, kind, answer = _post(name, url, "\n".join(lines).encode())
        if status == 200:
            return list(_lines(name, answer))
        told = answer.strip()
        if status != 409 or not (kind == SIZE and told.isdigit() and len(told) < 19):
            raise LsiError("WitnessRefusedError", name=name, status=status)
        seen = int(told)
        if seen > size:
            raise LsiError("WitnessAheadError", name=name, seen=seen, size=size)
    raise LsiError("WitnessAheadError", name=name, seen=seen, size=size)


def _lines(name: str, answer: bytes) -> Iterator[Signature]:
    try:
        for line in answer.decode().splitlines():
            yield Signature.parse(line)
    except UnicodeDecodeError:
        raise LsiError("WitnessRefusedError", name=name, status=200) from None


def _post(name: str, url: str, body: bytes) -> tuple[int, str, bytes]:
    """Status, content type and the begin of the answer."""
    if not url.startswith(("https://", "http://")):
        raise LsiError("WitnessUnreachableError", name=name, reason=url.partition(":")[0])
    try:
        request = urllib.request.Request(  # noqa: S310 (the scheme was looked at)
            url.rstrip("/") + PATH, data=body, headers={"User-Agent": f"lsi-match/{VERSION}"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            return answer.status, answer.headers.get_content_type(), answer.read(LARGEST_ANSWER)
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.headers.get_content_type(), answer.read(LARGEST_ANSWER)
    except (OSError, ValueError, HTTPException) as error:
        raise LsiError("WitnessUnreachableError", name=name, reason=type(error).__name__) from None
