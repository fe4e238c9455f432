"""Making the project key together, so that no partner picks it: commit, reveal, derive (docs/keys.md).

1. Each partner draws 32 random bytes and a nonce, and signs a `KeyCommitment`: a hash of them.
2. Who holds the commitments of *all* partners, and not before, signs a `KeyReveal`: its bytes, sealed to every other
   partner. So whoever speaks last knew nothing of the others' bytes when it fixed its own.
3. Each derives the key from all bytes and the transcript of the commitments.

What this refuses, each with an error of its own:

| error | refuses |
| --- | --- |
| `CommitmentMissingError`, `RevealMissingError` | a partner that said nothing |
| `CeremonyTwiceError` | two different commitments or reveals of one partner |
| `CeremonyStrangerError` | a word of who is not among the partners |
| `OtherCeremonyError` | a word for another project or epoch |
| `CardsDifferError` | a partner that was shown other cards, or other partners |
| `TranscriptDiffersError` | a reveal made under other commitments: one was changed, left out or swapped |
| `RevealDiffersError` | a reveal that does not open its commitment |
| `SignatureMissingError`, `SignedDocumentInvalidError` | a word that its partner did not sign, or no word at all |

What it does not prevent: a partner that breaks off after it has seen the others' bytes. The key is then not made, all
see who was silent, and the next attempt takes fresh bytes of everyone (`partner.ceremony` sees to it).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from lsi_match.base.canonical import canonical_json, digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.crypto.block_cipher import derive_key
from lsi_match.crypto.keys import Identity
from lsi_match.crypto.project_key import KEY_BYTES, ProjectKey
from lsi_match.crypto.sealing import seal, unseal
from lsi_match.crypto.signing import SignedDocumentInvalidError, peek, sign, verify
from lsi_match.protocol.documents import KeyCommitment, KeyContribution, KeyReveal, PublicKeys

_COMMITMENT_DOMAIN = b"lsi-match/v1/key-commitment\0"
_TRANSCRIPT_DOMAIN = b"lsi-match/v1/key-transcript\0"

Word = TypeVar("Word", KeyCommitment, KeyReveal)


class CommitmentMissingError(LsiError): ...


class RevealMissingError(LsiError): ...


@dataclass(frozen=True)
class Ceremony:
    """Which key is made, and by whom: partner name → its card, as this partner checked them."""

    project: str
    epoch: int
    cards: Mapping[str, PublicKeys]

    @property
    def digests(self) -> dict[str, str]:
        """Partner name → digest of its card."""
        return {
            name: digest_of_bytes(canonical_json(card.model_dump(exclude={"log_key"})))
            for name, card in sorted(self.cards.items())
        }


@dataclass(frozen=True)
class Transcript:
    """All commitments, checked, and the digest that stands for them."""

    commitments: Mapping[str, KeyCommitment]
    digest: str


def draw(ceremony: Ceremony, partner: str, random: Callable[[int], bytes]) -> KeyContribution:
    """What `partner` puts into the key; `random` is `secrets.token_bytes`."""
    return KeyContribution(
        project=ceremony.project,
        epoch=ceremony.epoch,
        partner=partner,
        contribution=random(KEY_BYTES).hex(),
        nonce=random(KEY_BYTES).hex(),
    )


def commitment_to(contribution: KeyContribution) -> str:
    """SHA-256(`lsi-match/v1/key-commitment` || 0x00 || RFC 8785 of the contribution with its names)."""
    content = canonical_json(contribution.model_dump(mode="json"))
    return "sha256:" + hashlib.sha256(_COMMITMENT_DOMAIN + content).hexdigest()


def commit(ceremony: Ceremony, contribution: KeyContribution, identity: Identity) -> bytes:
    """The signed commitment of `identity` to its contribution.

    Raises:
        CeremonyStrangerError, CardsDifferError: its own card is not among the cards, or another.
    """
    _check_own_card(ceremony, identity)
    document = KeyCommitment(
        project=ceremony.project,
        epoch=ceremony.epoch,
        partner=identity.name,
        partners=ceremony.digests,
        commitment=commitment_to(contribution),
    )
    return sign(document, identity)


def gather(ceremony: Ceremony, documents: Iterable[bytes]) -> Transcript:
    """The commitments of all partners; the errors of the module's text when they are not that."""
    signed = _words(ceremony, documents, KeyCommitment, "commitment")
    missing = sorted(ceremony.cards.keys() - signed.keys())
    if missing:
        raise CommitmentMissingError(names=", ".join(missing))
    for name, (commitment, _) in signed.items():
        others = commitment.partners.items() ^ ceremony.digests.items()
        if others:
            raise LsiError(
                "CardsDifferError", partner=name, names=", ".join(sorted({other for other, _ in others}))
            )
    return Transcript({name: word for name, (word, _) in signed.items()}, _transcript(ceremony, signed))


def reveal(
    ceremony: Ceremony, transcript: Transcript, contribution: KeyContribution, identity: Identity
) -> bytes:
    """The signed reveal of `identity`, sealed to every other partner.

    Raises:
        RevealDiffersError: the contribution kept here is not the one committed to.
    """
    _check_own_card(ceremony, identity)
    _check_opens(contribution, transcript.commitments[identity.name], identity.name)
    content = canonical_json(contribution.model_dump(mode="json"))
    document = KeyReveal(
        project=ceremony.project,
        epoch=ceremony.epoch,
        partner=identity.name,
        transcript=transcript.digest,
        sealed={
            name: base64.b64encode(seal(content, card.encryption_key)).decode()
            for name, card in sorted(ceremony.cards.items())
            if name != identity.name
        },
    )
    return sign(document, identity)


def derive(
    ceremony: Ceremony,
    transcript: Transcript,
    reveals: Iterable[bytes],
    own: KeyContribution,
    identity: Identity,
) -> ProjectKey:
    """The project key, from the reveals of all other partners (one's own may be among them) and one's own bytes.

    HKDF-SHA256 (RFC 5869): input the contributions one after another in the order of the partners' names, salt the 32
    bytes of the transcript's digest, info `lsi-match/v1/project-key/<project>/<epoch>`, 32 bytes out.
    """
    _check_opens(own, transcript.commitments[identity.name], identity.name)
    signed = _words(ceremony, reveals, KeyReveal, "reveal")
    missing = sorted(ceremony.cards.keys() - signed.keys() - {identity.name})
    if missing:
        raise RevealMissingError(names=", ".join(missing))
    contributions = {identity.name: own}
    for name, (word, _) in signed.items():
        if word.transcript != transcript.digest:
            raise LsiError("TranscriptDiffersError", partner=name)
        if name != identity.name:
            opened = _opened(word, identity)
            _check_opens(opened, transcript.commitments[name], name)
            contributions[name] = opened
    material = b"".join(bytes.fromhex(contributions[name].contribution) for name in sorted(contributions))
    salt = bytes.fromhex(transcript.digest.removeprefix("sha256:"))
    secret = derive_key(material, f"lsi-match/v1/project-key/{ceremony.project}/{ceremony.epoch}", salt)
    return ProjectKey(ceremony.project, ceremony.epoch, secret)


def _transcript(ceremony: Ceremony, signed: Mapping[str, tuple[KeyCommitment, bytes]]) -> str:
    """SHA-256(`lsi-match/v1/key-transcript` || 0x00 || RFC 8785 of project, epoch, and partner → digest of its signed
    commitment as received)."""
    content = {
        "project": ceremony.project,
        "epoch": ceremony.epoch,
        "commitments": {name: digest_of_bytes(data) for name, (_, data) in signed.items()},
    }
    return "sha256:" + hashlib.sha256(_TRANSCRIPT_DOMAIN + canonical_json(content)).hexdigest()


def _words(
    ceremony: Ceremony, documents: Iterable[bytes], model: type[Word], what: str
) -> dict[str, tuple[Word, bytes]]:
    """Partner name → its word and the bytes of it, each signed by who it says, at most one of each."""
    found: dict[str, tuple[Word, bytes]] = {}
    for data in documents:
        name = peek(data, model, what=what, party="?").partner
        if name not in ceremony.cards:
            raise LsiError("CeremonyStrangerError", partner=name, what=what)
        word = verify(data, model, ceremony.cards[name].signing_key, what=what, party=name)
        if (word.project, word.epoch) != (ceremony.project, ceremony.epoch):
            raise LsiError("OtherCeremonyError", partner=name, what=what)
        if name in found and found[name][1] != data:
            raise LsiError("CeremonyTwiceError", partner=name, what=what)
        found[name] = (word, data)
    return found


def _opened(word: KeyReveal, identity: Identity) -> KeyContribution:
    """What a reveal holds for `identity`."""
    invalid = SignedDocumentInvalidError(what="reveal", party=word.partner)
    if identity.name not in word.sealed:
        raise invalid
    try:
        sealed = base64.b64decode(word.sealed[identity.name], validate=True)
        content = unseal(sealed, identity.encryption, what="reveal", party=word.partner)
        return KeyContribution.model_validate_json(content)
    except (binascii.Error, ValidationError):
        raise invalid from None


def _check_opens(contribution: KeyContribution, commitment: KeyCommitment, partner: str) -> None:
    """The hash covers project, epoch and partner too: nobody can pass off another's contribution as its own."""
    whose = (contribution.project, contribution.epoch, contribution.partner)
    if whose != (commitment.project, commitment.epoch, partner):
        raise LsiError("RevealDiffersError", partner=partner)
    if commitment_to(contribution) != commitment.commitment:
        raise LsiError("RevealDiffersError", partner=partner)


def _check_own_card(ceremony: Ceremony, identity: Identity) -> None:
    if identity.name not in ceremony.cards:
        raise LsiError("CeremonyStrangerError", partner=identity.name, what="card")
    if not identity.is_on(ceremony.cards[identity.name]):
        raise LsiError("CardsDifferError", partner=identity.name, names=identity.name)
