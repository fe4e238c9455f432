"""Signed notes and checkpoints: how the matcher states what the log holds, and how controllers co-sign that.

Three formats of C2SP, all plain text: signed-note (a text with signature lines of Ed25519 keys),
tlog-checkpoint (a note whose text is origin, size and root of a log) and tlog-cosignature (a controller's
statement, with a time, that it saw this checkpoint and no other history). Parsing is strict: what does not
follow the format to the byte is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from lsi_match.base import dry_run
from lsi_match.base.errors import LsiError, RefusedError
from lsi_match.log.merkle import HASH_SIZE
from lsi_match.manifest.signing_key import check_ed25519

#: Signature types (signed-note, section "Signature types").
ED25519: Literal[0x01] = 0x01
COSIGNATURE: Literal[0x04] = 0x04
Algorithm = Literal[0x01, 0x04]

#: What one note may hold. The specification wants at least 16 signatures accepted.
MAX_SIGNATURES = 100
MAX_NOTE_SIZE = 1_000_000
#: A cosignature's time must not exceed this (tlog-cosignature, section "Format").
MAX_TIMESTAMP = 2**63 - 1

_KEY_ID_SIZE = 4
_ED25519_KEY_SIZE = 32
_ED25519_SIGNATURE_SIZE = 64
_SIGNATURE_LINE = re.compile(r"— ([^ ]+) ([A-Za-z0-9+/]+={0,2})")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


class NoteMalformedError(RefusedError): ...


class NoteUnsignedError(RefusedError): ...


class SignatureWrongError(RefusedError): ...


@dataclass(frozen=True)
class VerifierKey:
    """A public key with the name of its owner and what it signs: notes (0x01) or cosignatures (0x04).

    As text (`str`) it is the vkey of signed-note: `name+key id in hex+base64 of algorithm and key`.
    """

    name: str
    public_key: bytes
    algorithm: Algorithm = ED25519

    def __post_init__(self) -> None:
        if not _is_key_name(self.name):
            raise LsiError("KeyNameMalformedError")
        if len(self.public_key) != _ED25519_KEY_SIZE or self.algorithm not in (ED25519, COSIGNATURE):
            raise LsiError("VerifierKeyMalformedError")
        check_ed25519(self.public_key)

    @classmethod
    def of(
        cls, name: str, key: Ed25519PublicKey | Ed25519PrivateKey, algorithm: Algorithm = ED25519
    ) -> VerifierKey:
        """The verifier key of a key object."""
        public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
        return cls(name, public.public_bytes_raw(), algorithm)

    @property
    def key_id(self) -> bytes:
        """SHA-256(name || 0x0A || algorithm || public key)[:4] (signed-note, section "Signatures")."""
        stated = self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public_key
        return hashlib.sha256(stated).digest()[:_KEY_ID_SIZE]

    def __str__(self) -> str:
        material = base64.b64encode(bytes([self.algorithm]) + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{material}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read a vkey. Raises `VerifierKeyMalformedError`, also when the key id is not that of the key."""
        # Base64 may hold a plus, so only the first two divide.
        parts = text.split("+", 2)
        material = _base64(parts[2]) if len(parts) == 3 else None
        if material is None or len(material) != 1 + _ED25519_KEY_SIZE or not _is_key_name(parts[0]):
            raise LsiError("VerifierKeyMalformedError")
        if material[0] == ED25519:
            key = cls(parts[0], material[1:], ED25519)
        elif material[0] == COSIGNATURE:
            key = cls(parts[0], material[1:], COSIGNATURE)
        else:
            raise LsiError("VerifierKeyMalformedError")
        if str(key) != text:
            raise LsiError("VerifierKeyMalformedError")
        return key

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether `signature` is a bare Ed25519 signature (RFC 8032) of this key over `message`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True)
class Signature:
    """One signature line: whose key it says it is, and the bytes that follow the key id."""

    name: str
    key_id: bytes
    value: bytes

    @property
    def of_cosignature_size(self) -> bool:
        """Whether it is as long as a cosignature of Ed25519 with its time; a line names its key, and not of what kind that is."""
        return len(self.value) == 8 + _ED25519_SIGNATURE_SIZE

    def line(self) -> str:
        """`— name base64(key id || signature)`, without the newline."""
        return f"— {self.name} {base64.b64encode(self.key_id + self.value).decode()}"

    @classmethod
    def parse(cls, line: str) -> Signature:
        """Read one signature line (with or without its newline). Raises `NoteMalformedError`."""
        match = _SIGNATURE_LINE.fullmatch(line.removesuffix("\n"))
        value = _base64(match[2]) if match else None
        if match is None or value is None or len(value) <= _KEY_ID_SIZE or not _is_key_name(match[1]):
            raise NoteMalformedError
        return cls(match[1], value[:_KEY_ID_SIZE], value[_KEY_ID_SIZE:])


@dataclass(frozen=True)
class SignedNote:
    """A text that ends in a newline, and its signatures, not verified yet. `str` gives the note again."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(signature.line() + "\n" for signature in self.signatures)

    @classmethod
    def parse(cls, note: str | bytes) -> SignedNote:
        """Read a note (signed-note, section "Format"). Raises `NoteMalformedError`; verifies nothing."""
        try:
            as_text = note.decode() if isinstance(note, bytes) else note
            as_bytes = as_text.encode()
        except ValueError:
            raise NoteMalformedError from None
        # The text is divided from the signatures by the last empty line.
        text, divided, lines = as_text.rpartition("\n\n")
        if len(as_bytes) > MAX_NOTE_SIZE or not divided or not lines.endswith("\n") or not text:
            raise NoteMalformedError
        if any(byte < 0x20 and byte != 0x0A for byte in as_bytes):
            raise NoteMalformedError
        found = lines.removesuffix("\n").split("\n")
        if len(found) > MAX_SIGNATURES:
            raise NoteMalformedError
        return cls(text + "\n", tuple(Signature.parse(line) for line in found))

    def of_key(self, key: VerifierKey) -> tuple[Signature, ...]:
        """The signatures that say they are by this key: both name and key id are the same."""
        return tuple(s for s in self.signatures if s.name == key.name and s.key_id == key.key_id)

    def with_signature(self, signature: Signature) -> SignedNote:
        """The note with one more signature."""
        return replace(self, signatures=(*self.signatures, signature))


@dataclass(frozen=True)
class Checkpoint:
    """What a log states of itself: its origin (`<domain>/<project>`), its size and the root of its tree."""

    origin: str
    size: int
    root: bytes
    #: Lines that other logs may add (tlog-checkpoint, "Note text", 4). We write none.
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """The text that is signed (tlog-checkpoint, section "Note text")."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return "".join(line + "\n" for line in lines)

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the text of a note. Raises `CheckpointMalformedError`."""
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() != "" or not all(lines) or not _DECIMAL.fullmatch(lines[1]):
            raise RefusedError("CheckpointMalformedError")
        root = _base64(lines[2])
        if root is None or len(root) != HASH_SIZE:
            raise RefusedError("CheckpointMalformedError")
        return cls(lines[0], int(lines[1]), root, tuple(lines[3:]))

    @classmethod
    def of_note(cls, note: str | bytes) -> Checkpoint:
        """The checkpoint in a signed note. Verifies no signature."""
        return cls.parse(SignedNote.parse(note).text)


def sign(text: str, private_key: Ed25519PrivateKey, name: str) -> Signature:
    """Sign the text of a note (signed-note, section "Ed25519 signatures")."""
    key = VerifierKey.of(name, private_key)
    return Signature(key.name, key.key_id, private_key.sign(text.encode()))


def sign_note(text: str, private_key: Ed25519PrivateKey, name: str) -> str:
    """`text` (ending in a newline) as a note with one signature.

    Raises `NoteMalformedError` for a text that no note can hold.
    """
    note = SignedNote(text, (sign(text, private_key, name),))
    if SignedNote.parse(str(note)) != note:
        raise NoteMalformedError
    return str(note)


def sign_checkpoint(checkpoint: Checkpoint, private_key: Ed25519PrivateKey, name: str) -> str:
    """A checkpoint as a signed note. Raises `CheckpointMalformedError` for what cannot be read back."""
    if Checkpoint.parse(checkpoint.text()) != checkpoint:
        raise RefusedError("CheckpointMalformedError")
    return sign_note(checkpoint.text(), private_key, name)


def verify_note(note: SignedNote, keys: Iterable[VerifierKey]) -> tuple[VerifierKey, ...]:
    """Which of the note keys signed the note (signed-note, section "Signatures").

    Signatures by unknown keys are passed over, whatever they hold. Raises `SignatureWrongError` when one that
    says it is by a known key does not verify, and `NoteUnsignedError` when no known key signed.
    """
    known = [key for key in keys if key.algorithm == ED25519]
    signed = []
    for key in known:
        found = note.of_key(key)
        if not all(key.verifies(signature.value, note.text.encode()) for signature in found):
            raise SignatureWrongError(signer=key.name)
        if found:
            signed.append(key)
    if not signed:
        raise NoteUnsignedError(signer=" / ".join(sorted({key.name for key in known})) or "-")
    return tuple(signed)


def verify_checkpoint(note: str | bytes, keys: Iterable[VerifierKey]) -> Checkpoint:
    """The checkpoint in a note that at least one of the keys signed. Raises as `verify_note` does."""
    parsed = SignedNote.parse(note)
    verify_note(parsed, keys)
    return Checkpoint.parse(parsed.text)


def _cosigned_message(text: str, timestamp: int) -> bytes:
    """What a cosignature signs (tlog-cosignature, section "Ed25519 signed message")."""
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


def cosign(note: str | bytes, private_key: Ed25519PrivateKey, name: str, timestamp: int) -> str:
    """A cosignature line (without newline) under the checkpoint in `note`, at `timestamp` in whole seconds.

    It states that this is the largest history of the log that the cosigner saw. So before calling this, the
    cosigner verifies the log against the checkpoint it remembers.
    """
    text = SignedNote.parse(note).text
    dry_run.before("sign", f"cosignature ({Checkpoint.parse(text).size}, {name})")
    if not 0 <= timestamp <= MAX_TIMESTAMP:
        raise ValueError("the time of a cosignature is in seconds since 1970")
    key = VerifierKey.of(name, private_key, COSIGNATURE)
    signature = private_key.sign(_cosigned_message(text, timestamp))
    return Signature(key.name, key.key_id, timestamp.to_bytes(8, "big") + signature).line()


def verify_cosignature(note: SignedNote, key: VerifierKey) -> int:
    """The time, in seconds, at which `key` co-signed the note (the latest, if it did so more than once).

    Raises `NoteUnsignedError`, or `SignatureWrongError` when a line under the name of this key does not
    verify.
    """
    times = []
    for signature in note.of_key(key) if key.algorithm == COSIGNATURE else ():
        timestamp = int.from_bytes(signature.value[:8], "big")
        sound = signature.of_cosignature_size and timestamp <= MAX_TIMESTAMP
        if not sound or not key.verifies(signature.value[8:], _cosigned_message(note.text, timestamp)):
            raise SignatureWrongError(signer=key.name)
        times.append(timestamp)
    if not times:
        raise NoteUnsignedError(signer=key.name)
    return max(times)


def _is_key_name(name: str) -> bool:
    """Not empty, no Unicode space, no plus, no control character (signed-note, section "Format")."""
    return bool(name) and not any(
        sign.isspace() or sign == "+" or ord(sign) < 0x20 or 0xD800 <= ord(sign) < 0xE000 for sign in name
    )


def _base64(text: str) -> bytes | None:
    """RFC 4648, section 4, in its one canonical form; None for anything else."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return value if base64.b64encode(value).decode() == text else None
