"""An oblivious pseudorandom function (RFC 9497, ristretto255-SHA512), and the same with the key spread over several holders.

Whoever asks (the *requester*) blinds an input; a *holder* evaluates it with its key without seeing it; the requester
unblinds. The output depends on the input and the key, and whoever does not have the key can only get at it by asking.

With several holders the key is the sum of theirs, and nobody ever has it: each evaluates the same blinded elements, the
requester adds the evaluations up (`join`) and unblinds once. As long as one holder does not answer, nobody can evaluate.

Proofs. `prove` and `verify_proof` show that evaluations were made with the key that was published. Those of RFC 9497, 2.2.1
bind each coefficient to one pair of elements only. A holder that picks wrong evaluations can then choose among many for each
pair until the errors cancel (a generalised birthday problem, Wagner 2002), the sooner the larger the batch is. Here every
coefficient depends on the whole batch (`Batch.WHOLE`), so that another evaluation changes them all. `Batch.RFC` is there for
the vectors of the standard, and to work with other implementations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha512

from lsi_match.base.errors import LsiError, RefusedError
from lsi_match.crypto import ristretto

PROOF_SIZE = 2 * ristretto.SIZE
_MOST_OF_RFC = 2**16 - 1


class EvaluationUnprovenError(LsiError): ...


class Mode(StrEnum):
    """The context string of RFC 9497, 3.1: without and with a proof."""

    OPRF = "OPRFV1-\x00-ristretto255-SHA512"
    VOPRF = "OPRFV1-\x01-ristretto255-SHA512"

    def tag(self, use: str) -> bytes:
        return f"{use}{self.value}".encode()


class Batch(StrEnum):
    """What a coefficient of a proof depends on: its own pair of elements (RFC 9497), or the whole batch."""

    RFC = "rfc"
    WHOLE = "whole"


@dataclass(frozen=True)
class HolderKey:
    """The secret of one holder and its public key. Its text shows nothing of the secret."""

    secret: bytes
    public: bytes

    def __repr__(self) -> str:
        return f"HolderKey({self.public.hex()})"

    @classmethod
    def make(cls) -> HolderKey:
        """A new random key."""
        return cls.of(ristretto.random_scalar())

    @classmethod
    def of(cls, secret: bytes) -> HolderKey:
        """The key with this secret; raises NoScalarError."""
        ristretto.check_scalar(secret)
        return cls(secret, ristretto.base_times(secret))

    @classmethod
    def derive(cls, seed: bytes, info: bytes, mode: Mode = Mode.VOPRF) -> HolderKey:
        """`DeriveKeyPair` of RFC 9497, 3.2.1: for test vectors."""
        given = seed + _sized(info)
        for counter in range(256):
            secret = ristretto.hash_to_scalar(given + bytes([counter]), mode.tag("DeriveKeyPair"))
            if any(secret):
                return cls.of(secret)
        raise RuntimeError("no key in 256 tries")  # a chance of 2^-64512


def blind(data: bytes, mode: Mode = Mode.VOPRF, *, by: bytes | None = None) -> tuple[bytes, bytes]:
    """The blind, which stays with the requester, and the blinded element of an input (RFC 9497, 3.3.1)."""
    factor = by or ristretto.random_scalar()
    return factor, ristretto.times(factor, ristretto.hash_to_group(data, mode.tag("HashToGroup-")))


def evaluate(key: HolderKey, blinded: bytes) -> bytes:
    """Blinded elements, one after the other, each times the secret of a holder (`BlindEvaluate`, without a proof).

    Raises:
        NoElementError: one is no element, or the identity.
    """
    ristretto.check_elements(blinded)
    return b"".join(ristretto.spread(lambda one: ristretto.times(key.secret, one), ristretto.split(blinded)))


def join(evaluations: Sequence[bytes]) -> bytes:
    """The evaluations of one batch by several holders, added up: those by the sum of their keys."""
    return b"".join(map(ristretto.total, zip(*map(ristretto.split, evaluations), strict=True)))


def output(data: bytes, factor: bytes, evaluated: bytes) -> bytes:
    """The 64 bytes of the function for an input, from its evaluation and its blind (`Finalize`)."""
    return _finalized(data, ristretto.times(ristretto.inverse(factor), evaluated))


def direct(key: HolderKey, data: bytes, mode: Mode = Mode.VOPRF) -> bytes:
    """The function as whoever has the whole key computes it (`Evaluate`)."""
    return _finalized(
        data, ristretto.times(key.secret, ristretto.hash_to_group(data, mode.tag("HashToGroup-")))
    )


def _finalized(data: bytes, element: bytes) -> bytes:
    return sha512(_sized(data) + _sized(element) + b"Finalize").digest()


# proofs


def prove(
    key: HolderKey, blinded: bytes, evaluated: bytes, batch: Batch = Batch.WHOLE, *, by: bytes | None = None
) -> bytes:
    """A proof, of 64 bytes, that `evaluated` is `blinded` times the secret (`GenerateProof`, RFC 9497, 2.2.1)."""
    factors = _coefficients(key.public, blinded, evaluated, batch)
    mean = ristretto.combination(factors, ristretto.split(blinded))
    nonce = by or ristretto.random_scalar()
    commitment = ristretto.base_times(nonce), ristretto.times(nonce, mean)
    challenge = _challenge(key.public, mean, ristretto.times(key.secret, mean), *commitment)
    return challenge + ristretto.scalar_sub(nonce, ristretto.scalar_mul(challenge, key.secret))


def verify_proof(
    public: bytes, blinded: bytes, evaluated: bytes, proof: bytes, batch: Batch = Batch.WHOLE
) -> None:
    """Raises EvaluationUnprovenError unless `evaluated` is `blinded` times the secret behind `public` (`VerifyProof`).

    `evaluated`, `public` and `proof` come from the holder: whatever is wrong with them gives that error.
    """
    try:
        ristretto.check_elements(public + evaluated)
        if not 0 < len(evaluated) == len(blinded):
            raise EvaluationUnprovenError()
        challenge, response = _halves(proof)
        factors = _coefficients(public, blinded, evaluated, batch)
        mean, mean_evaluated = (
            ristretto.combination(factors, ristretto.split(blinded)),
            ristretto.combination(factors, ristretto.split(evaluated)),
        )
        first = ristretto.plus(ristretto.base_times(response), ristretto.times(challenge, public))
        second = ristretto.plus(ristretto.times(response, mean), ristretto.times(challenge, mean_evaluated))
    except (ristretto.NoElementError, ristretto.NoScalarError):
        raise EvaluationUnprovenError() from None
    if _challenge(public, mean, mean_evaluated, first, second) != challenge:
        raise EvaluationUnprovenError()


def _halves(proof: bytes) -> tuple[bytes, bytes]:
    """The challenge and the response in a proof; raises NoScalarError unless it is just two scalars."""
    if len(proof) != PROOF_SIZE:
        raise ristretto.NoScalarError()
    challenge, response = ristretto.split(proof)
    ristretto.check_scalar(challenge)
    ristretto.check_scalar(response)
    return challenge, response


def _challenge(*elements: bytes) -> bytes:
    return ristretto.hash_to_scalar(
        b"".join(map(_sized, elements)) + b"Challenge", Mode.VOPRF.tag("HashToScalar-")
    )


def _coefficients(public: bytes, blinded: bytes, evaluated: bytes, batch: Batch) -> list[bytes]:
    """The scalar of each pair in the mean of a batch (`ComputeComposites`)."""
    pairs = list(zip(ristretto.split(blinded), ristretto.split(evaluated), strict=True))
    tag = Mode.VOPRF.tag("HashToScalar-")
    if batch is Batch.RFC:
        if len(pairs) > _MOST_OF_RFC:
            raise ValueError("too many for one proof of RFC 9497")
        seed = sha512(_sized(public) + _sized(Mode.VOPRF.tag("Seed-"))).digest()
        return [
            ristretto.hash_to_scalar(
                _sized(seed) + number.to_bytes(2, "big") + _sized(c) + _sized(d) + b"Composite", tag
            )
            for number, (c, d) in enumerate(pairs)
        ]
    whole = _sized(sha512(blinded).digest()) + _sized(sha512(evaluated).digest())
    seed = sha512(_sized(public) + whole + _sized(b"lsi-match/v1/batch")).digest()
    return [
        ristretto.hash_to_scalar(_sized(seed) + number.to_bytes(4, "big") + b"Composite", tag)
        for number in range(len(pairs))
    ]


def prove_key(key: HolderKey, about: bytes) -> bytes:
    """A proof, of 64 bytes, that a holder knows the secret behind its public key (Schnorr), for one purpose.

    A holder that could publish any element would publish one that cancels the keys of the others.
    """
    nonce = ristretto.random_scalar()
    challenge = _key_challenge(key.public, ristretto.base_times(nonce), about)
    return challenge + ristretto.scalar_sub(nonce, ristretto.scalar_mul(challenge, key.secret))


def verify_key(public: bytes, proof: bytes, about: bytes) -> None:
    """Raises KeyUnprovenError unless whoever made `proof` for this purpose knows the secret behind `public`."""
    try:
        ristretto.check_elements(public)
        if len(public) != ristretto.SIZE:
            raise RefusedError("KeyUnprovenError")
        challenge, response = _halves(proof)
        commitment = ristretto.plus(ristretto.base_times(response), ristretto.times(challenge, public))
    except (ristretto.NoElementError, ristretto.NoScalarError):
        raise RefusedError("KeyUnprovenError") from None
    if _key_challenge(public, commitment, about) != challenge:
        raise RefusedError("KeyUnprovenError")


def _key_challenge(public: bytes, commitment: bytes, about: bytes) -> bytes:
    return ristretto.hash_to_scalar(_sized(public) + _sized(commitment) + _sized(about), b"lsi-match/v1/key")


def _sized(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data
