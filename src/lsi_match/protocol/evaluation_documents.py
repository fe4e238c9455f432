"""What partners and the matcher sign to evaluate identifiers together under scheme 2 (docs/protocol.md 11).

The elements of an ask, and the evaluations of an answer, are 32 bytes each, of the kinds in alphabetical order, one after the
other. They travel behind the document that has their digest, in one file: that of an ask has the signed `RoundKeys`, the signed
`EvaluationAsk` and the elements, that of an answer the signed `EvaluationAnswer` and the sealed evaluations.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from lsi_match.manifest import Digest, Document, Name, ProjectId
from lsi_match.manifest.base import MAX_PARTNERS
from lsi_match.protocol.documents import Count, Moment, RoundId

Element = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Proof = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]


class PublicRoundKey(Document):
    """The public key of one partner for one kind of identifier, with a proof that it knows the secret."""

    key: Element
    proof: Proof


class OfEvaluation(Document):
    """A word of one partner about one round."""

    project: ProjectId
    manifest: Digest
    round: RoundId
    partner: Name


class RoundKeys(OfEvaluation):
    """The public keys of `partner` for this round, by kind of identifier."""

    format: Literal["lsi-match/round-keys/v1"] = "lsi-match/round-keys/v1"
    keys: dict[Name, PublicRoundKey] = Field(min_length=1, max_length=MAX_PARTNERS)


class Ask(OfEvaluation):
    """How many elements of each kind `partner` asks about; `elements` is the digest of the file with them."""

    asked: dict[Name, Count] = Field(min_length=1, max_length=MAX_PARTNERS)
    elements: Digest


class EvaluationAsk(Ask):
    """What `partner` asks of every other partner, once in a round: an `Ask`."""

    format: Literal["lsi-match/evaluation-ask/v1"] = "lsi-match/evaluation-ask/v1"


class AccessAsk(Ask):
    """What `partner` asks of every evaluator of a round that is over, about one person: one element of a kind, or none."""

    format: Literal["lsi-match/access-ask/v1"] = "lsi-match/access-ask/v1"
    at: Moment


class EvaluationAnswer(OfEvaluation):
    """The evaluations by `partner` of the ask with that digest, sealed to who asked; `evaluations` is the digest of the sealed
    file, and each kind has one proof over all of its evaluations."""

    format: Literal["lsi-match/evaluation-answer/v1"] = "lsi-match/evaluation-answer/v1"
    to: Name
    ask: Digest
    keys: Digest
    proofs: dict[Name, Proof] = Field(max_length=MAX_PARTNERS)
    evaluations: Digest


class RoundKeysDestroyed(OfEvaluation):
    """`partner` destroyed the secrets of its round keys; `keys` is the digest of those."""

    format: Literal["lsi-match/round-keys-destroyed/v1"] = "lsi-match/round-keys-destroyed/v1"
    keys: Digest
    at: Moment


class Evaluators(Document):
    """Of which partners the keys are in the sum, by the digest of their signed `RoundKeys`: who answered everybody in time.
    Signed by the matcher. Who is not named cannot deliver in this round. `asks`: who asked, and the digest of its ask; who
    answered another one makes no drop."""

    format: Literal["lsi-match/evaluators/v1"] = "lsi-match/evaluators/v1"
    project: ProjectId
    manifest: Digest
    round: RoundId
    keys: dict[Name, Digest] = Field(min_length=1, max_length=MAX_PARTNERS)
    asks: dict[Name, Digest] = Field(min_length=1, max_length=MAX_PARTNERS)


def unpack(data: bytes, documents: int) -> tuple[bytes, ...]:
    """The signed documents at the start of a file, each of which ends with its line, and what is behind them."""
    *lines, rest = data.split(b"\n", documents)
    return (*(line + b"\n" for line in lines), *[b""] * (documents - len(lines)), rest)
