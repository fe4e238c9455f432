"""Proof that an entry is in the log, as a file of its own: C2SP tlog-proof.

The file holds the checkpoint, the place of the entry, its path in the tree and, as `extra`, the bytes of the leaf.
The format does not authenticate `extra`; here the path does, because the leaf hash is made from those very bytes.
So whoever has the file and a policy (`log.policy`) needs nothing else: no log, no network.

A proof that is handed to a party has in `extra`, after the leaf and a zero byte, what shows that the checkpoint goes on from
any earlier one that this party can have seen last (`log.remembered`): nobody has to ask for a consistency proof. It saw at
least what it co-signed. So there stand, of the entries before that one, how many they are and the roots of their subtrees,
and the hashes of the entries since (`Since`).
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from pathlib import Path

from lsi_match.base.errors import LsiError, RefusedError
from lsi_match.log import merkle
from lsi_match.log.entry import LogEntry
from lsi_match.log.note import Checkpoint, SignedNote
from lsi_match.log.policy import Policy
from lsi_match.log.store import Log

HEADER = "c2sp.org/tlog-proof@v1"
#: Extension of a proof (tlog-proof: "SHOULD be stored with").
SUFFIX = ".tlog-proof"
#: Far above what 2^63 entries need; and the hashes of more than a million entries.
MAX_PATH = 63
MAX_SIZE = 2**26
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True)
class Since:
    """The entries of a log: of the first so many the roots of their complete subtrees, of those after them their hashes, one
    after the other. With `first` 0 these are the hashes of all."""

    hashes: bytes
    first: int = 0

    def root(self, size: int) -> bytes | None:
        """The root over the first `size` entries; None where that cannot be told from these."""
        edge, rest = self._split()
        if len(edge) != self.first.bit_count() or not self.first <= size <= self.first + len(rest):
            return None
        return merkle.root_of_peaks(merkle.peaks_after(edge, self.first, rest[: size - self.first]))

    def whole(self, before: bytes) -> bytes:
        """The hashes of all entries, where those `before` are known; nothing where they are not."""
        known = before[: self.first * merkle.HASH_SIZE]
        if Since(known).root(self.first) != self.root(self.first):
            return b""
        return known + b"".join(self._split()[1])

    def _split(self) -> tuple[list[bytes], list[bytes]]:
        every, edge = merkle.split_hashes(self.hashes), self.first.bit_count()
        return every[:edge], every[edge:]

    def encoded(self) -> bytes:
        """All hashes as they are; or else with the number of entries before, in eight bytes, in front."""
        return (self.first.to_bytes(8, "big") if self.first else b"") + self.hashes

    @classmethod
    def decode(cls, data: bytes) -> Since:
        """Raises `ProofMalformedError`."""
        over = len(data) % merkle.HASH_SIZE
        if over not in (0, 8):
            raise LsiError("ProofMalformedError")
        return cls(data[over:], int.from_bytes(data[:over], "big"))


@dataclass(frozen=True)
class LogProof:
    """A leaf, where it stands, its path up to the root, and the note that states the root; `since` is about the leaves under
    that note, or about none."""

    leaf: bytes
    index: int
    path: tuple[bytes, ...]
    checkpoint: str
    since: Since = Since(b"")

    def text(self) -> str:
        """The file (tlog-proof, section "Format")."""
        extra = self.leaf + (b"\0" + self.since.encoded() if self.since.hashes else b"")
        lines = [HEADER, f"extra {_encoded(extra)}", f"index {self.index}", *map(_encoded, self.path)]
        return "\n".join(lines) + "\n\n" + self.checkpoint

    @classmethod
    def parse(cls, text: str) -> LogProof:
        """Read a proof. Raises `ProofMalformedError`, also when it has no leaf; verifies nothing."""
        head, divided, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        index = _INDEX.fullmatch(lines[2]) if len(lines) > 2 else None
        if len(text) > MAX_SIZE or not divided or index is None or len(lines) > 3 + MAX_PATH:
            raise LsiError("ProofMalformedError")
        if lines[0] != HEADER or not lines[1].startswith("extra "):
            raise LsiError("ProofMalformedError")
        extra, *path = (_decoded(line) for line in (lines[1].removeprefix("extra "), *lines[3:]))
        if any(len(value) != merkle.HASH_SIZE for value in path):
            raise LsiError("ProofMalformedError")
        Checkpoint.of_note(checkpoint)
        # A leaf is JSON, in which there is no zero byte.
        leaf, _, hashes = extra.partition(b"\0")
        return cls(leaf, int(index[1]), tuple(path), checkpoint, Since.decode(hashes))

    def check(self, policy: Policy, origin: str) -> LogEntry:
        """The entry, once the checkpoint counts by the policy and the path leads to its root.

        Raises what `Policy.check` does, `ProofWrongError`, `LeafMalformedError` or `LeafNotCanonicalError`.
        """
        checkpoint = policy.check(SignedNote.parse(self.checkpoint), origin)
        hashed = merkle.leaf_hash(self.leaf)
        included = merkle.verify_inclusion(hashed, self.index, checkpoint.size, self.path, checkpoint.root)
        if not included or (self.since.hashes and self.since.root(checkpoint.size) != checkpoint.root):
            raise LsiError("ProofWrongError", index=self.index, size=checkpoint.size)
        return LogEntry.from_leaf(self.leaf, self.index)


def prove(log: Log, position: int, size: int | None = None, seen: int = 0) -> LogProof:
    """The proof of the entry at `position`, under the checkpoint of `size` entries (default: the newest), for who saw at least
    the first `seen` entries.

    Raises `CheckpointMissingError`, `EntryMissingError` when the checkpoint does not cover the entry.
    """
    note = log.checkpoint(size)
    if note is None:
        raise RefusedError("CheckpointMissingError", size=log.size if size is None else size)
    covered = Checkpoint.of_note(note).size
    path = tuple(log.inclusion_proof(position, covered))
    first, hashes = min(seen, covered), log.leaf_hashes(covered)
    if first > first.bit_count():  # else nothing is saved
        known, rest = hashes[: first * merkle.HASH_SIZE], hashes[first * merkle.HASH_SIZE :]
        hashes = b"".join(merkle.peaks_after((), 0, merkle.split_hashes(known))) + rest
    else:
        first = 0
    return LogProof(log.leaf(position), position, path, note, Since(hashes, first))


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
        raise LsiError("ProofMalformedError") from None
    if _encoded(value) != text:
        raise LsiError("ProofMalformedError")
    return value
