"""Evaluating identifiers together, so that nobody can test a guess alone (scheme 2; docs/protocol.md 11).

1. `draw`: each partner draws a secret per kind of identifier for one round, and signs the public keys (`RoundKeys`).
2. `ask`: each blinds its distinct identifiers, in random order, and asks all others to evaluate them (`EvaluationAsk`).
3. `Evaluator.answer`: each evaluates the ask of another, at most as many as the manifest gives that partner
   (`EvaluationAnswer`); that each asks once a round is for who keeps the answers (`partner.evaluating`).
4. The matcher signs who answered everybody in time (`Evaluators`). Only their keys are in the sum.
5. `finish`: who asked checks every answer, adds them up, unblinds, and has 64 bytes per identifier, from which
   `SharedPseudonyms` makes its pseudonyms with the project key.

A partner takes part in the sum of its own drop or does not deliver: as long as it keeps its own secret, all others together
cannot evaluate a guess. What this refuses, each with an error of its own:

| error | refuses |
| --- | --- |
| `RoundKeysMissingError` | keys that somebody named as evaluator did not publish, or not for every kind |
| `KeyUnprovenError` | a key whose secret its partner does not know: one that cancels others, or is copied |
| `EvaluationOfOtherError` | a word for another project, manifest or round, or about another ask or other keys |
| `EvaluationStrangerError` | a word of who is no partner |
| `EvaluationTwiceError` | two different words of one partner |
| `AskTooLargeError` | more identifiers than the manifest gives that partner |
| `AskMalformedError` | a file that is not the one in the ask, or not as long |
| `NoElementError` | elements that are none |
| `AnswerUnprovenError` | evaluations that are not by the published key |
| `NotAmongEvaluatorsError` | delivering without being in the sum |
| `SignatureMissingError`, `SignedDocumentInvalidError`, `SealBrokenError` | what its partner did not sign, or others sealed |
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from lsi_match.base.canonical import canonical_json, digest_of_bytes
from lsi_match.base.errors import LsiError, RefusedError
from lsi_match.crypto import oprf
from lsi_match.crypto.keys import Identity
from lsi_match.crypto.oprf import HolderKey
from lsi_match.crypto.ristretto import SIZE, check_elements, split, spread
from lsi_match.crypto.sealing import seal, unseal
from lsi_match.crypto.signing import peek, sign, verify
from lsi_match.manifest import Manifest
from lsi_match.protocol.documents import PublicKeys
from lsi_match.protocol.evaluation_documents import (
    AccessAsk,
    Ask,
    EvaluationAnswer,
    EvaluationAsk,
    Evaluators,
    OfEvaluation,
    PublicRoundKey,
    RoundKeys,
)

Word = TypeVar("Word", bound=OfEvaluation)
Asking = TypeVar("Asking", bound=Ask)


class RoundKeysMissingError(RefusedError): ...


@dataclass(frozen=True)
class Evaluation:
    """What is evaluated, and by whom.

    Args:
        kinds: the kinds of identifier of the project.
        cards: partner → its public keys, as the manifest has them.
        at_most: partner → how many identifiers of each kind it may have evaluated: its volume.
    """

    project: str
    manifest: str
    round: str
    kinds: tuple[str, ...]
    cards: Mapping[str, PublicKeys]
    at_most: Mapping[str, int]

    @classmethod
    def of(cls, manifest: Manifest, round_id: str) -> Evaluation:
        """That of a round under this manifest."""
        cards = {
            name: PublicKeys(name=name, signing_key=one.signing_key, encryption_key=one.encryption_key)
            for name, one in manifest.controllers.items()
            if name in manifest.partners
        }
        kinds = manifest.subject.kinds
        return cls(manifest.project.id, manifest.digest, round_id, kinds, cards, manifest.at_most)

    def about(self, kind: str, partner: str) -> bytes:
        """What the proof of a key is bound to."""
        return canonical_json([self.project, self.manifest, self.round, kind, partner])

    @property
    def names(self) -> dict[str, str]:
        """The members that every document of it has."""
        return {"project": self.project, "manifest": self.manifest, "round": self.round}

    def word(self, data: bytes, model: type[Word], what: str) -> Word:
        """A word about this round, signed by the partner that it names."""
        name = peek(data, model, what=what, party="?").partner
        if name not in self.cards:
            raise RefusedError("EvaluationStrangerError", partner=name, what=what)
        found = verify(data, model, self.cards[name].signing_key, what=what, party=name)
        if {one: getattr(found, one) for one in self.names} != self.names:
            raise RefusedError("EvaluationOfOtherError", partner=name, what=what)
        return found

    def words(
        self, documents: Iterable[bytes], model: type[Word], what: str
    ) -> dict[str, tuple[Word, bytes]]:
        """Partner → its word and the bytes of it."""
        found: dict[str, tuple[Word, bytes]] = {}
        for data in documents:
            word = self.word(data, model, what)
            if found.setdefault(word.partner, (word, data))[1] != data:
                raise RefusedError("EvaluationTwiceError", partner=word.partner, what=what)
        return found

    def about_one(self) -> Evaluation:
        """The same for who asks about one person: nobody has more than one of a kind evaluated at once."""
        return replace(self, at_most=dict.fromkeys(self.cards, 1))

    def asked(self, document: bytes, elements: bytes, model: type[Asking]) -> Asking:
        """An ask, held against its file and against how many that partner may have evaluated."""
        asked = self.word(document, model, "ask")
        if sorted(asked.asked) != sorted(self.kinds) or digest_of_bytes(elements) != asked.elements:
            raise RefusedError("AskMalformedError", partner=asked.partner)
        for kind, count in asked.asked.items():
            _check_size(self, asked.partner, kind, count)
        _by_kind(asked.asked, elements, asked.partner)
        check_elements(elements)
        return asked

    def largest(self, partner: str) -> int:
        """The most bytes of a file with what this partner asks, or with an answer to it."""
        return 2**20 + 2 * SIZE * len(self.kinds) * self.at_most[partner]

    def round_keys(self, documents: Iterable[bytes]) -> dict[str, tuple[RoundKeys, bytes]]:
        """Partner → its keys, of every kind, each proved."""
        found = self.words(documents, RoundKeys, "round keys")
        for name, (word, _) in found.items():
            if tuple(sorted(word.keys)) != tuple(sorted(self.kinds)):
                raise RoundKeysMissingError(names=name)
            for kind, one in word.keys.items():
                oprf.verify_key(bytes.fromhex(one.key), bytes.fromhex(one.proof), self.about(kind, name))
        return found


def draw(evaluation: Evaluation, identity: Identity) -> tuple[dict[str, HolderKey], bytes]:
    """A new secret per kind, which stays here, and the signed `RoundKeys`."""
    keys = {kind: HolderKey.make() for kind in sorted(evaluation.kinds)}
    public = {
        kind: PublicRoundKey(
            key=key.public.hex(), proof=oprf.prove_key(key, evaluation.about(kind, identity.name)).hex()
        )
        for kind, key in keys.items()
    }
    return keys, sign(RoundKeys(**evaluation.names, partner=identity.name, keys=public), identity)


@dataclass(frozen=True)
class Asked:
    """What was asked, which stays with who asked: per kind each identifier with its blind, in the order of the elements."""

    document: bytes
    elements: bytes
    blinds: Mapping[str, Sequence[tuple[str, bytes]]]


def ask(
    evaluation: Evaluation,
    identifiers: Mapping[str, Iterable[str]],
    identity: Identity,
    at: datetime | None = None,
) -> Asked:
    """The signed ask of a partner, each distinct identifier once, in an order that says nothing; with `at` an `AccessAsk`.

    Raises:
        AskTooLargeError: more of one kind than the manifest gives this partner.
    """
    blinds: dict[str, list[tuple[str, bytes]]] = {}
    elements: list[bytes] = []
    for kind in sorted(evaluation.kinds):
        distinct = sorted(set(identifiers.get(kind, ())))
        _check_size(evaluation, identity.name, kind, len(distinct))
        secrets.SystemRandom().shuffle(distinct)
        made = spread(lambda one: (one, *oprf.blind(one.encode())), distinct)
        blinds[kind] = [(one, factor) for one, factor, _ in made]
        elements += [element for _, _, element in made]
    whole = b"".join(elements)
    counts = {kind: len(of) for kind, of in blinds.items()}
    members: dict[str, Any] = {
        **evaluation.names, "partner": identity.name, "asked": counts, "elements": digest_of_bytes(whole)
    }  # fmt: skip
    document = EvaluationAsk(**members) if at is None else AccessAsk(**members, at=at)
    return Asked(sign(document, identity), whole, blinds)


def _check_size(evaluation: Evaluation, partner: str, kind: str, count: int) -> None:
    most = evaluation.at_most[partner]
    if count > most:
        raise RefusedError("AskTooLargeError", partner=partner, kind=kind, asked=count, most=most)


def _by_kind(counts: Mapping[str, int], whole: bytes, partner: str) -> dict[str, bytes]:
    """The bytes of each kind in a file with all of them."""
    if len(whole) != SIZE * sum(counts.values()):
        raise RefusedError("AskMalformedError", partner=partner)
    found, at = {}, 0
    for kind in sorted(counts):
        found[kind] = whole[at : at + SIZE * counts[kind]]
        at += SIZE * counts[kind]
    return found


@dataclass
class Evaluator:
    """A partner that evaluates for others in one round."""

    evaluation: Evaluation
    identity: Identity
    keys: Mapping[str, HolderKey]
    #: Digest of the signed `RoundKeys`.
    public: str

    def answer(
        self, document: bytes, elements: bytes, model: type[Ask] = EvaluationAsk
    ) -> tuple[bytes, bytes]:
        """The signed answer to an ask and the sealed evaluations."""
        asked = self.evaluation.asked(document, elements, model)
        made, proofs = [], {}
        for kind, blinded in _by_kind(asked.asked, elements, asked.partner).items():
            if blinded:
                made.append(oprf.evaluate(self.keys[kind], blinded))
                proofs[kind] = oprf.prove(self.keys[kind], blinded, made[-1]).hex()
        sealed = seal(b"".join(made), self.evaluation.cards[asked.partner].encryption_key)
        answer = sign(
            EvaluationAnswer(
                **self.evaluation.names,
                partner=self.identity.name,
                to=asked.partner,
                ask=digest_of_bytes(document),
                keys=self.public,
                proofs=proofs,
                evaluations=digest_of_bytes(sealed),
            ),
            self.identity,
        )
        return answer, sealed


def finish(
    evaluation: Evaluation,
    asked: Asked,
    evaluators: Evaluators,
    round_keys: Iterable[bytes],
    answers: Iterable[tuple[bytes, bytes]],
    identity: Identity,
) -> dict[str, dict[str, bytes]]:
    """Kind → identifier → the 64 bytes of it, under the sum of the keys of the evaluators.

    Args:
        evaluators: verified already: whom the matcher names.
        round_keys: of the evaluators at least.
        answers: signed answers and sealed evaluations, of the evaluators at least; one's own is among them.
    """
    if identity.name not in evaluators.keys:
        raise LsiError("NotAmongEvaluatorsError", partner=identity.name)
    if {one: getattr(evaluators, one) for one in evaluation.names} != evaluation.names:
        raise RefusedError("EvaluationOfOtherError", partner="matcher", what="evaluators")
    published = evaluation.round_keys(round_keys)
    missing = sorted(evaluators.keys.keys() - published.keys())
    if missing:
        raise RoundKeysMissingError(names=", ".join(missing))
    keys = {name: PublicRound.of(*published[name]) for name in evaluators.keys}
    for name, digest in evaluators.keys.items():
        if keys[name].digest != digest:
            raise RefusedError("EvaluationOfOtherError", partner=name, what="round keys")
    return join_answers(evaluation, asked, keys, answers, identity)


@dataclass(frozen=True)
class PublicRound:
    """The public keys of one partner for a round, by kind, and the digest of what it signed of them."""

    digest: str
    keys: Mapping[str, str]

    @classmethod
    def of(cls, word: RoundKeys, document: bytes) -> PublicRound:
        return cls(digest_of_bytes(document), {kind: one.key for kind, one in word.keys.items()})


def join_answers(
    evaluation: Evaluation,
    asked: Asked,
    keys: Mapping[str, PublicRound],
    answers: Iterable[tuple[bytes, bytes]],
    identity: Identity,
) -> dict[str, dict[str, bytes]]:
    """As `finish`, of evaluators whose keys were verified before."""
    given = list(answers)
    words = evaluation.words((document for document, _ in given), EvaluationAnswer, "answer")
    files = dict(given)
    missing = sorted(keys.keys() - words.keys())
    if missing:
        raise RoundKeysMissingError(names=", ".join(missing))
    counts = {kind: len(of) for kind, of in asked.blinds.items()}
    blinded = _by_kind(counts, asked.elements, identity.name)
    by_kind: dict[str, list[bytes]] = {kind: [] for kind, count in counts.items() if count}
    for name, public in keys.items():
        word, document = words[name]
        if (word.to, word.ask, word.keys) != (identity.name, digest_of_bytes(asked.document), public.digest):
            raise RefusedError("EvaluationOfOtherError", partner=name, what="answer")
        if digest_of_bytes(files[document]) != word.evaluations:
            raise RefusedError("AskMalformedError", partner=name)
        opened = unseal(files[document], identity.encryption, what="answer", party=name)
        made = _by_kind(counts, opened, name)
        for kind, of in by_kind.items():
            proof, key = bytes.fromhex(word.proofs.get(kind, "")), bytes.fromhex(public.keys[kind])
            try:
                oprf.verify_proof(key, blinded[kind], made[kind], proof)
            except oprf.EvaluationUnprovenError:
                raise LsiError("AnswerUnprovenError", partner=name) from None
            of.append(made[kind])
    found = {}
    for kind, of in by_kind.items():
        each = list(zip(asked.blinds[kind], split(oprf.join(of)), strict=True))
        found[kind] = dict(
            spread(lambda one: (one[0][0], oprf.output(one[0][0].encode(), one[0][1], one[1])), each)
        )
    return found
