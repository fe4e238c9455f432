"""The oblivious function: the vectors of RFC 9497, two other implementations, and what holders or askers may try."""

from __future__ import annotations

import hmac
import json
import secrets
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from refusals import raises
from vectors import evaluation, plain_oprf

from lsi_match.crypto import oprf, ristretto
from lsi_match.crypto.oprf import Batch, EvaluationUnprovenError, HolderKey, Mode
from lsi_match.crypto.ristretto import NoElementError, NoScalarError, RistrettoMissingError, split

if not ristretto.available():
    pytest.skip("libsodium is not here (libsodium23)", allow_module_level=True)

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "rfc9497.json").read_text("utf-8"))
CASES = [
    pytest.param(of["mode"], of, one, id=f"{of['mode']}-{number}")
    for of in VECTORS["modes"]
    for number, one in enumerate(of["vectors"], 1)
]
INPUTS = [b"999990019", b"999990020", "Şükrü".encode()]


def many(text: str) -> list[bytes]:
    return [bytes.fromhex(one) for one in text.split(",")]


@pytest.mark.parametrize(("name", "of", "vector"), CASES)
def test_the_vectors_of_the_standard(name: str, of: dict[str, Any], vector: dict[str, str]) -> None:
    mode = Mode[name]
    key = HolderKey.derive(bytes.fromhex(of["Seed"]), bytes.fromhex(of["KeyInfo"]), mode)
    assert key.secret.hex() == of["skSm"]
    assert mode is Mode.OPRF or key.public.hex() == of["pkSm"]
    inputs, blinds, outputs = (many(vector[part]) for part in ("Input", "Blind", "Output"))
    blinded = b"".join(oprf.blind(one, mode, by=by)[1] for one, by in zip(inputs, blinds, strict=True))
    assert blinded == b"".join(many(vector["BlindedElement"]))
    evaluated = oprf.evaluate(key, blinded)
    assert evaluated == b"".join(many(vector["EvaluationElement"]))
    for data, by, one, result in zip(inputs, blinds, split(evaluated), outputs, strict=True):
        assert oprf.output(data, by, one) == result == oprf.direct(key, data, mode)
        assert result == plain_oprf.function(int.from_bytes(key.secret, "little"), data, mode is Mode.VOPRF)
    if mode is Mode.VOPRF:
        nonce = bytes.fromhex(vector["ProofRandomScalar"])
        proof = oprf.prove(key, blinded, evaluated, Batch.RFC, by=nonce)
        assert proof.hex() == vector["Proof"]
        oprf.verify_proof(key.public, blinded, evaluated, proof, Batch.RFC)


def test_another_implementation_evaluates_what_is_asked_here_and_asks_what_is_evaluated_here() -> None:
    other = pytest.importorskip("voprf").ristretto
    seed, info = secrets.token_bytes(32), b"round"
    theirs, ours = other.Evaluator.from_seed(seed, info), HolderKey.derive(seed, info)
    assert theirs.public_key.serialize() == ours.public
    for data in INPUTS:
        factor, blinded = oprf.blind(data)
        answer = theirs.evaluate(other.BlindedInput.deserialize(blinded)).serialize()
        proof, evaluated = answer[:64], answer[64:]
        oprf.verify_proof(ours.public, blinded, evaluated, proof, Batch.RFC)
        assert oprf.output(data, factor, evaluated) == theirs.evaluate_known_input(data)
        client, asked = other.Client.blind(data)
        evaluated = oprf.evaluate(ours, asked.serialize())
        proof = oprf.prove(ours, asked.serialize(), evaluated, Batch.RFC)
        made = other.VerifiableOutput.deserialize(proof + evaluated)
        assert client.finalize(made, theirs.public_key) == oprf.direct(ours, data)


def test_the_plain_implementation_reads_and_writes_the_elements_of_libsodium() -> None:
    for _ in range(5):
        scalar = ristretto.random_scalar()
        element = ristretto.base_times(scalar)
        point = plain_oprf.decode(element)
        assert plain_oprf.encode(point) == element
        twice = plain_oprf.multiply(int.from_bytes(scalar, "little"), point)
        assert plain_oprf.encode(twice) == ristretto.times(scalar, element)


def test_our_code_makes_the_committed_vectors_of_scheme_2() -> None:
    """After a change that is meant: python -m tests.vectors.evaluation"""
    assert evaluation.vectors() == json.loads(evaluation.FILE.read_text("ascii"))


def test_the_vectors_of_scheme_2_follow_from_the_pages_alone() -> None:
    given = json.loads(evaluation.FILE.read_text("ascii"))
    keys = {
        name: int.from_bytes(bytes.fromhex(one["secret"]), "little") for name, one in given["keys"].items()
    }
    info = f"lsi-match/v1/pseudonym/{given['project']}/{given['epoch']}/{given['round']}/{given['kind']}"
    # HKDF-SHA256 without a salt, 32 bytes (RFC 5869).
    secret = hmac.digest(bytes(32), bytes.fromhex(given["project_key"]), "sha256")
    subkey = hmac.digest(secret, info.encode() + b"\1", "sha256").hex()
    for one in given["identifiers"]:
        output = plain_oprf.function(sum(keys.values()), one["identifier"].encode(), 1)
        assert output.hex() == one["output"]
        assert hmac.digest(subkey.encode(), output, "sha256")[:16].hex() == one["pseudonym"]
        for name, secret_of in keys.items():
            made = plain_oprf.multiply(secret_of, plain_oprf.decode(bytes.fromhex(one["blinded"])))
            assert plain_oprf.encode(made).hex() == one["evaluations"][name]
    blinded = [bytes.fromhex(one["blinded"]) for one in given["identifiers"]]
    evaluated = [bytes.fromhex(one["evaluations"]["uwv"]) for one in given["identifiers"]]
    nonce = int.from_bytes(bytes.fromhex(given["proof_of_uwv"]["nonce"]), "little")
    proof = plain_oprf.proof(keys["uwv"], nonce, blinded, evaluated)
    assert proof.hex() == given["proof_of_uwv"]["proof"]
    oprf.verify_proof(
        bytes.fromhex(given["keys"]["uwv"]["public"]), b"".join(blinded), b"".join(evaluated), proof
    )


# several holders


def holders(number: int) -> list[HolderKey]:
    return [HolderKey.make() for _ in range(number)]


def whole(keys: Sequence[HolderKey]) -> HolderKey:
    secret = keys[0].secret
    for one in keys[1:]:
        secret = ristretto.scalar_add(secret, one.secret)
    return HolderKey.of(secret)


@pytest.mark.parametrize("number", [1, 2, 8])
def test_holders_together_evaluate_as_the_sum_of_their_keys(number: int) -> None:
    keys = holders(number)
    asked = [oprf.blind(data) for data in INPUTS]
    blinded = b"".join(one for _, one in asked)
    joined = oprf.join([oprf.evaluate(key, blinded) for key in keys])
    for data, (factor, _), one in zip(INPUTS, asked, split(joined), strict=True):
        assert oprf.output(data, factor, one) == oprf.direct(whole(keys), data)


def test_all_but_one_cannot_test_a_guess_and_all_can() -> None:
    keys = holders(3)
    target = oprf.direct(whole(keys), INPUTS[0])
    guesses = [str(number).encode() for number in range(999990000, 999990030)]
    assert [one for one in guesses if oprf.direct(whole(keys), one) == target] == [INPUTS[0]]
    for left_out in range(3):
        some = keys[:left_out] + keys[left_out + 1 :]
        assert not [one for one in guesses if oprf.direct(whole(some), one) == target]


def test_the_same_input_asked_twice_looks_like_two_inputs() -> None:
    assert len({oprf.blind(INPUTS[0])[1] for _ in range(20)}) == 20


def test_the_same_ask_has_the_same_answer() -> None:
    key, blinded = HolderKey.make(), oprf.blind(INPUTS[0])[1]
    assert oprf.evaluate(key, blinded) == oprf.evaluate(key, blinded)


# what is no element or scalar


NO_ELEMENTS = {
    "the identity": bytes(32),
    "too short": bytes(31),
    "negative": (1).to_bytes(32, "little"),
    "beyond the field": (2**255 - 19 + 2).to_bytes(32, "little"),
    "not on the curve": b"\x02" + bytes(31),
    "the highest bit": b"\x00" * 31 + b"\x80",
}


@pytest.mark.parametrize("bad", NO_ELEMENTS.values(), ids=NO_ELEMENTS)
def test_what_is_no_element_is_refused_and_named(bad: bytes) -> None:
    good = oprf.blind(INPUTS[0])[1]
    with pytest.raises(NoElementError) as error:
        oprf.evaluate(HolderKey.make(), good + bad)
    assert error.value.facts == {"number": 2}
    assert bad.hex() not in str(error.value)


@pytest.mark.parametrize("bad", [0, ristretto.ORDER, ristretto.ORDER + 1, 2**256 - 1])
def test_a_key_that_is_no_scalar_is_refused(bad: int) -> None:
    with pytest.raises(NoScalarError):
        HolderKey.of(bad.to_bytes(32, "little"))


def test_a_key_does_not_show_in_a_text() -> None:
    key = HolderKey.make()
    assert key.secret.hex() not in f"{key!r} {key}"


# proofs


@pytest.mark.parametrize("batch", Batch)
def test_a_proof_holds_for_what_it_is_about_and_for_nothing_else(batch: Batch) -> None:
    key, other = holders(2)
    blinded = b"".join(oprf.blind(data)[1] for data in INPUTS)
    evaluated = oprf.evaluate(key, blinded)
    proof = oprf.prove(key, blinded, evaluated, batch)
    oprf.verify_proof(key.public, blinded, evaluated, proof, batch)
    first, second, third = split(evaluated)
    wrong = ristretto.plus(first, second)
    for public, asked, answered, said in [
        (other.public, blinded, evaluated, proof),
        (key.public, blinded, oprf.evaluate(other, blinded), proof),
        (key.public, blinded, second + first + third, proof),
        (key.public, blinded, wrong + second + third, proof),
        (key.public, blinded, evaluated[:64], proof),
        (key.public, blinded[:64], evaluated[:64], proof),
        (key.public, blinded, evaluated, proof[:63]),
        (key.public, blinded, evaluated, proof + b"\0"),
        (key.public, blinded, evaluated, proof[32:] + proof[:32]),
        (key.public, blinded, evaluated, bytes(64)),
        (key.public, blinded, bytes(32) + second + third, proof),
        (bytes(32), blinded, evaluated, proof),
    ]:
        with pytest.raises(EvaluationUnprovenError):
            oprf.verify_proof(public, asked, answered, said, batch)


def test_a_response_has_one_encoding() -> None:
    """The same number plus the order is another text of the same proof."""
    key, blinded = HolderKey.make(), oprf.blind(INPUTS[0])[1]
    evaluated = oprf.evaluate(key, blinded)
    challenge, response = split(oprf.prove(key, blinded, evaluated))
    more = (int.from_bytes(response, "little") + ristretto.ORDER).to_bytes(32, "little")
    with pytest.raises(EvaluationUnprovenError):
        oprf.verify_proof(key.public, blinded, evaluated, challenge + more)


def test_a_proof_of_one_rule_does_not_hold_under_the_other() -> None:
    key, blinded = HolderKey.make(), b"".join(oprf.blind(data)[1] for data in INPUTS)
    evaluated = oprf.evaluate(key, blinded)
    for made, taken in [(Batch.RFC, Batch.WHOLE), (Batch.WHOLE, Batch.RFC)]:
        with pytest.raises(EvaluationUnprovenError):
            oprf.verify_proof(
                key.public, blinded, evaluated, oprf.prove(key, blinded, evaluated, made), taken
            )


#: A group small enough to attack in a second: numbers modulo a prime of 31 bits, added up; the size of a batch, and tries.
TOY = 2**31 - 1
SIZE, TRIES = 16, 256


def toy_bytes(values: Sequence[int]) -> bytes:
    return b"".join(value.to_bytes(32, "little") for value in values)


def toy_accepted(blinded: list[int], evaluated: list[int], secret: int, batch: Batch) -> bool:
    """Whether the check of a proof would hold: the mean of the evaluations is that of the blinded times the secret."""
    factors = toy_factors(blinded, evaluated, batch)
    means = [sum(f * one for f, one in zip(factors, of, strict=True)) for of in (blinded, evaluated)]
    return (means[0] * secret - means[1]) % TOY == 0


def toy_factors(blinded: list[int], evaluated: list[int], batch: Batch) -> list[int]:
    found = oprf._coefficients(bytes(32), toy_bytes(blinded), toy_bytes(evaluated), batch)
    return [int.from_bytes(one, "little") % TOY for one in found]


def centred(value: int) -> int:
    return (value + TOY // 2) % TOY - TOY // 2


def merged(left: list[tuple[int, Any]], right: list[tuple[int, Any]], bound: int) -> list[tuple[int, Any]]:
    """Pairs whose sum lies within `bound` of zero (one step of Wagner's tree), at most so many as go in."""
    right = sorted(right, key=lambda one: one[0])
    keys, found = [value for value, _ in right], []
    for value, chosen in left:
        for turn in (-TOY, 0, TOY):
            start, end = bisect_left(keys, turn - value - bound), bisect_right(keys, turn - value + bound)
            found += [(centred(value + keys[at]), (chosen, right[at][1])) for at in range(start, end)]
    return found[: 2 * len(left)]


def flat(tree: Any) -> list[int]:
    return [tree] if isinstance(tree, int) else flat(tree[0]) + flat(tree[1])


def test_wrong_evaluations_whose_errors_cancel_pass_the_proof_of_the_standard_and_not_the_one_used_here() -> (
    None
):
    secret = secrets.randbelow(TOY)
    blinded = [secrets.randbelow(TOY) for _ in range(SIZE)]
    right = [one * secret % TOY for one in blinded]
    # For each place some wrong evaluations; what each adds to the mean depends on itself alone.
    tries = [[(one + error) % TOY for one in right] for error in range(1, TRIES + 1)]
    factors = [toy_factors(blinded, wrong, Batch.RFC) for wrong in tries]
    level = [
        [(centred(factors[error - 1][place] * error), error) for error in range(1, TRIES + 1)]
        for place in range(SIZE)
    ]
    bound = TOY // 2
    while len(level) > 1:
        bound = 0 if len(level) == 2 else bound >> 7
        level = [merged(level[at], level[at + 1], bound) for at in range(0, len(level), 2)]
    assert level[0], "the attack found nothing: try again"
    forged = [(one + error) % TOY for one, error in zip(right, flat(level[0][0][1]), strict=True)]
    assert all(one != good for one, good in zip(forged, right, strict=True))
    assert toy_accepted(blinded, forged, secret, Batch.RFC)
    assert not toy_accepted(blinded, forged, secret, Batch.WHOLE)
    assert toy_accepted(blinded, right, secret, Batch.WHOLE)


def test_every_coefficient_depends_on_every_evaluation() -> None:
    blinded, evaluated = list(range(1, 9)), list(range(11, 19))
    before = toy_factors(blinded, evaluated, Batch.WHOLE)
    for place in range(8):
        for of in (blinded, evaluated):
            kept, of[place] = of[place], 99
            after = toy_factors(blinded, evaluated, Batch.WHOLE)
            of[place] = kept
            assert not set(before) & set(after)


# keys


def test_a_key_is_proved_for_one_purpose_by_who_knows_its_secret() -> None:
    key, other = holders(2)
    proof = oprf.prove_key(key, b"project|round|bsn|uwv")
    oprf.verify_key(key.public, proof, b"project|round|bsn|uwv")
    for public, said, about in [
        (key.public, proof, b"project|round|bsn|svb"),
        (other.public, proof, b"project|round|bsn|uwv"),
        (key.public, proof[:-1], b"project|round|bsn|uwv"),
        (key.public, bytes(64), b"project|round|bsn|uwv"),
        (bytes(32), proof, b"project|round|bsn|uwv"),
    ]:
        with raises("KeyUnprovenError"):
            oprf.verify_key(public, said, about)


def test_a_holder_that_cancels_the_keys_of_the_others_cannot_prove_its_key() -> None:
    """Its public key is that of a key it has, less those of the others: the sum would be its own."""
    honest, own = holders(2)
    negative = ristretto.times((ristretto.ORDER - 1).to_bytes(32, "little"), honest.public)
    rogue = ristretto.plus(own.public, negative)
    assert ristretto.plus(rogue, honest.public) == own.public
    for proof in (oprf.prove_key(own, b"x"), oprf.prove_key(HolderKey(own.secret, rogue), b"x")):
        with raises("KeyUnprovenError"):
            oprf.verify_key(rogue, proof, b"x")


# the library


def test_without_the_library_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ristretto, "find_library", lambda name: "libnothing.so")
    ristretto._library.cache_clear()
    try:
        with pytest.raises(RistrettoMissingError, match="libsodium23"):
            oprf.blind(b"1")
    finally:
        ristretto._library.cache_clear()
