"""Proof that an entry is in the log, as a file of its own: C2SP tlog-proof.

The file holds the checkpoint, the place of the entry, its path in the tree and, as `extra`, the bytes of the leaf.
The format does not authenticate `extra`; here the path does, because the leaf hash is made from those very bytes.
So whoever has the file and a policy (`log.policy`) needs nothing else: no log, no network.

A proof that is handed to a party has in `extra`, after the leaf and a zero byte, the hashes of all entries under the
checkpoint, 32 bytes each. From these follows whether the checkpoint goes on from any earlier one (`log.remembered`),
whichever that party saw last: nobody has to ask for a consistency proof.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from pathlib import Path

from lsi_match.base.errors import LsiError
from lsi_match.log import merkle
from lsi_match.log.entry import LogEntry
from lsi_match.log.note import Checkpoint, SignedNote
from lsi_match.log.policy import Policy
from lsi_match.log.store import CheckpointMissingError, Log

HEADER = "c2sp.org/tlog-proof@v1"
#: Extension of a proof (tlog-proof: "SHOULD be stored with").
SUFFIX = ".tlog-proof"
#: Far above what 2^63 entries need; and the hashes of more than a million entries.
MAX_PATH = 63
MAX_SIZE = 2**26
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")


class ProofMalformedError(LsiError): ...


class ProofWrongError(LsiError): ...


@dataclass(frozen=True)
class LogProof:
    """A leaf, where it stands, its path up to the root, and the note that states the root; `hashes` are those of all
    leaves under that note, one after the other, or none."""

    leaf: bytes
    index: int
    path: tuple[bytes, ...]
    checkpoint: str
    hashes: bytes = b""

    def text(self) -> str:
        """The file (tlog-proof, section "Format")."""
        extra = self.leaf + (b"\0" + self.hashes if self.hashes else b"")
        lines = [HEADER, f"extra {_encoded(extra)}", f"index {self.index}", *map(_encoded, self.path)]
        return "\n".join(lines) + "\n\n" + self.checkpoint

    @classmethod
    def parse(cls, text: str) -> LogProof:
        """Read a proof. Raises `ProofMalformedError`, also when it has no leaf; verifies nothing."""
        head, divided, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        index = _INDEX.fullmatch(lines[2]) if len(lines) > 2 else None
        if len(text) > MAX_SIZE or not divided or index is None or len(lines) > 3 + MAX_PATH:
            raise ProofMalformedError
        if lines[0] != HEADER or not lines[1].startswith("extra "):
            raise ProofMalformedError
        extra, *path = (_decoded(line) for line in (lines[1].removeprefix("extra "), *lines[3:]))
        if any(len(value) != merkle.HASH_SIZE for value in path):
            raise ProofMalformedError
        Checkpoint.of_note(checkpoint)
        # A leaf is JSON, in which there is no zero byte.
        leaf, _, hashes = extra.partition(b"\0")
        return cls(leaf, int(index[1]), tuple(path), checkpoint, hashes)

    def check(self, policy: Policy, origin: str) -> LogEntry:
        """The entry, once the checkpoint counts by the policy and the path leads to its root.

        Raises what `Policy.check` does, `ProofWrongError`, `LeafMalformedError` or `LeafNotCanonicalError`.
        """
        checkpoint = policy.check(SignedNote.parse(self.checkpoint), origin)
        hashed = merkle.leaf_hash(self.leaf)
        included = merkle.verify_inclusion(hashed, self.index, checkpoint.size, self.path, checkpoint.root)
        if not included or (self.hashes and merkle.root_of(self.hashes, checkpoint.size) != checkpoint.root):
            raise ProofWrongError(index=self.index, size=checkpoint.size)
        return LogEntry.from_leaf(self.leaf, self.index)


def prove(log: Log, position: int, size: int | None = None) -> LogProof:
    """The proof of the entry at `position`, under the checkpoint of `size` entries (default: the newest).

    Raises `CheckpointMissingError`, `EntryMissingError` when the checkpoint does not cover the entry.
    """
    note = log.checkpoint(size)
    if note is None:
        raise CheckpointMissingError(size=log.size if size is None else size)
    covered = Checkpoint.of_note(note).size
    path = tuple(log.inclusion_proof(position, covered))
    return LogProof(log.leaf(position), position, path, note, log.leaf_hashes(covered))


def proof_file(document: Path) -> Path:
    """Where the proof of a document that travels lies: beside it, `x.release.tlog-proof` for `x.release.json`."""
    return document.with_name(document.name.removesuffix(".json") + SUFFIX)


def _encoded(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _decoded(text: str) -> bytes:
    """RFC 4648, section 4, in its one canonical form."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ProofMalformedError from None
    if _encoded(value) != text:
        raise ProofMalformedError
    return value
