"""Evaluating identifiers together: partners end with the same pseudonyms, nobody can test a guess alone, and every cheat has a name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import polars as pl
import pytest
from refusals import raises

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.crypto import oprf, ristretto
from lsi_match.crypto.evaluation import (
    Asked,
    Evaluation,
    Evaluator,
    RoundKeysMissingError,
    ask,
    draw,
    finish,
)
from lsi_match.crypto.keys import Identity, make_identity, make_round_key
from lsi_match.crypto.oprf import HolderKey
from lsi_match.crypto.project_key import ProjectKey
from lsi_match.crypto.pseudonyms import SharedPseudonyms
from lsi_match.crypto.ristretto import split
from lsi_match.crypto.sealing import SealBrokenError, seal, unseal
from lsi_match.crypto.signing import peek, sign
from lsi_match.protocol.documents import PublicKeys
from lsi_match.protocol.evaluation_documents import EvaluationAnswer, EvaluationAsk, Evaluators, RoundKeys

if not ristretto.available():
    pytest.skip("libsodium is not here (libsodium23)", allow_module_level=True)

NAMES = ("gemeente", "svb", "uwv")
KINDS = ("bsn", "kvk")
MANIFEST = "sha256:" + "a" * 64
BSNS = {
    "gemeente": ["999990019", "999990020", "999990032"],
    "svb": ["999990019", "999990044"],
    "uwv": ["999990032", "999990019"],
}


@dataclass
class Round:
    """Every partner of a round, after each did what it should."""

    identities: dict[str, Identity]
    name: str = "r1"
    bsns: dict[str, list[str]] = field(default_factory=lambda: dict(BSNS))
    most: int = 3
    given: dict[str, dict[str, tuple[bytes, bytes]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        cards = {name: PublicKeys.model_validate(one.card) for name, one in self.identities.items()}
        most = dict.fromkeys(NAMES, self.most)
        self.evaluation = Evaluation("proef", MANIFEST, self.name, KINDS, cards, most)
        self.secrets: dict[str, dict[str, HolderKey]] = {}
        self.published: dict[str, bytes] = {}
        for name, identity in self.identities.items():
            self.secrets[name], self.published[name] = draw(self.evaluation, identity)
        self.evaluators = {
            name: Evaluator(
                self.evaluation,
                self.identities[name],
                self.secrets[name],
                digest_of_bytes(self.published[name]),
            )
            for name in NAMES
        }
        self.asks = {
            name: ask(self.evaluation, {"bsn": self.bsns[name]}, self.identities[name]) for name in NAMES
        }

    def answers(self, to: str) -> dict[str, tuple[bytes, bytes]]:
        """Of every evaluator, made once, as each keeps them."""
        asked = self.asks[to]
        digest = digest_of_bytes(asked.document)
        if digest not in self.given:
            self.given[digest] = {
                name: one.answer(asked.document, asked.elements) for name, one in self.evaluators.items()
            }
        return self.given[digest]

    def named(self, *names: str, **changed: object) -> Evaluators:
        keys = {name: digest_of_bytes(self.published[name]) for name in names or NAMES}
        return Evaluators.model_validate(self.evaluation.names | {"keys": keys, "asks": keys} | changed)

    def finish(
        self, who: str, *, named: Evaluators | None = None, keys: dict[str, bytes] | None = None,
        answers: dict[str, tuple[bytes, bytes]] | None = None, asked: Asked | None = None,
    ) -> dict[str, dict[str, bytes]]:  # fmt: skip
        return finish(
            self.evaluation, asked or self.asks[who], named or self.named(),
            (keys or self.published).values(), (answers or self.answers(who)).values(), self.identities[who],
        )  # fmt: skip


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Identity]:
    return {name: make_identity(name, tmp_path_factory.mktemp(name)) for name in NAMES}


@pytest.fixture
def round_(identities: dict[str, Identity]) -> Round:
    return Round(identities)


def sum_of(keys: list[HolderKey]) -> HolderKey:
    secret = keys[0].secret
    for one in keys[1:]:
        secret = ristretto.scalar_add(secret, one.secret)
    return HolderKey.of(secret)


def test_every_partner_has_the_same_bytes_for_the_same_identifier(round_: Round) -> None:
    found = {name: round_.finish(name)["bsn"] for name in NAMES}
    assert {name: set(one) for name, one in found.items()} == {n: set(b) for n, b in BSNS.items()}
    whole = sum_of([round_.secrets[name]["bsn"] for name in NAMES])
    for of in found.values():
        for bsn, made in of.items():
            assert made == oprf.direct(whole, bsn.encode())


def test_pseudonyms_meet_between_partners_and_not_between_rounds(identities: dict[str, Identity]) -> None:
    key = ProjectKey.make("proef", 1)
    made = []
    for name in ("r1", "r2"):
        one = Round(identities, name)
        makers = {who: SharedPseudonyms(key, one.finish(who)) for who in NAMES}
        made.append({
            who: maker.pseudonyms(pl.Series([*BSNS[who], None], dtype=pl.String), name, "bsn").to_list()
            for who, maker in makers.items()
        })  # fmt: skip
    first, second = made
    assert first["gemeente"][0] == first["svb"][0] == first["uwv"][1]
    assert first["gemeente"][2] == first["uwv"][0]
    assert len({block for of in first.values() for block in of}) == 4 + 1
    assert first["svb"][-1] is None
    both = [{block for of in one.values() for block in of if block} for one in made]
    assert not both[0] & both[1], second
    plain = key.pseudonyms(pl.Series(BSNS["svb"]), "r1", "bsn").to_list()
    assert not set(plain) & both[0]


def test_all_without_you_cannot_test_a_guess_about_your_drop(round_: Round) -> None:
    """Under scheme 1 any holder of the project key can: the control."""
    key = ProjectKey.make("proef", 1)
    bsn = BSNS["svb"][1]
    mine = SharedPseudonyms(key, round_.finish("svb")).pseudonyms(pl.Series([bsn]), "r1", "bsn").to_list()
    guesses = [f"{number}" for number in range(999990030, 999990060)]

    def found(keys: list[HolderKey]) -> list[str]:
        outputs = {one: oprf.direct(sum_of(keys), one.encode()) for one in guesses}
        blocks = SharedPseudonyms(key, {"bsn": outputs}).pseudonyms(pl.Series(guesses), "r1", "bsn").to_list()
        return [one for one, block in zip(guesses, blocks, strict=True) if block == mine[0]]

    assert found([round_.secrets[name]["bsn"] for name in NAMES]) == [bsn]
    assert found([round_.secrets[name]["bsn"] for name in NAMES if name != "svb"]) == []
    under_scheme_1 = key.pseudonyms(pl.Series([bsn]), "r1", "bsn").to_list()
    assert key.pseudonyms(pl.Series(guesses), "r1", "bsn").to_list().count(under_scheme_1[0]) == 1


def test_under_scheme_1_nobody_tests_a_guess_without_both_the_key_and_the_drop(
    identities: dict[str, Identity],
) -> None:
    """The matching environment alone has no key of the project, a partner alone opens no drop."""
    key, other = ProjectKey.make("proef", 1), ProjectKey.make("proef", 1)
    guesses = pl.Series(BSNS["svb"])
    assert key.pseudonyms(guesses, "r1", "bsn").to_list() == key.pseudonyms(guesses, "r1", "bsn").to_list()
    assert not {*key.pseudonyms(guesses, "r1", "bsn").to_list()} & {
        *other.pseudonyms(guesses, "r1", "bsn").to_list()
    }
    _, recipient = make_round_key()
    with pytest.raises(SealBrokenError):
        unseal(seal(b"rows", recipient), identities["uwv"].encryption, what="drop", party="svb")


def test_a_sum_of_your_key_alone_gives_the_others_no_guess(round_: Round) -> None:
    """As a matching environment could name. What others asked of you stays what they can test."""
    mine = round_.finish("svb", named=round_.named("svb"))["bsn"]
    others = [round_.secrets[name]["bsn"] for name in ("gemeente", "uwv")]
    known = {oprf.direct(key, one.encode()) for key in (*others, sum_of(others)) for one in BSNS["svb"]}
    assert not known & set(mine.values())


def test_numbers_asked_as_another_kind_say_nothing_of_the_kind_they_are(round_: Round) -> None:
    asked = ask(round_.evaluation, {"kvk": BSNS["svb"]}, round_.identities["uwv"])
    round_.asks["uwv"] = asked
    found = round_.finish("uwv")["kvk"]
    assert found.keys() == set(BSNS["svb"])
    assert not set(found.values()) & set(round_.finish("svb")["bsn"].values())


def test_who_is_late_is_left_out_and_the_others_meet(round_: Round) -> None:
    named = round_.named("gemeente", "uwv")
    gemeente, uwv = round_.finish("gemeente", named=named), round_.finish("uwv", named=named)
    shared = set(BSNS["gemeente"]) & set(BSNS["uwv"])
    assert all(gemeente["bsn"][one] == uwv["bsn"][one] for one in shared)
    with raises("NotAmongEvaluatorsError"):
        round_.finish("svb", named=named)
    assert round_.finish("gemeente")["bsn"] != gemeente["bsn"]


def test_an_ask_holds_each_identifier_once_in_another_order_each_time(
    identities: dict[str, Identity],
) -> None:
    many = [f"{number}" for number in range(100, 140)]
    of = Round(identities=identities, bsns=dict.fromkeys(NAMES, many * 2), most=40)
    orders = {tuple(one for one, _ in of.asks[name].blinds["bsn"]) for name in NAMES}
    assert len(orders) == 3
    assert {tuple(sorted(one)) for one in orders} == {tuple(many)}
    assert len({element for name in NAMES for element in split(of.asks[name].elements)}) == 3 * 40


def test_nothing_of_an_identifier_or_a_secret_leaves(round_: Round) -> None:
    sent = [*round_.published.values()]
    for name in NAMES:
        sent += [round_.asks[name].document, round_.asks[name].elements]
        sent += [part for answer in round_.answers(name).values() for part in answer]
    whole = b"".join(sent)
    hidden = [bsn.encode() for of in BSNS.values() for bsn in of]
    hidden += [key.secret for of in round_.secrets.values() for key in of.values()]
    hidden += [factor for asked in round_.asks.values() for of in asked.blinds.values() for _, factor in of]
    for one in hidden:
        assert one not in whole
        assert one.hex().encode() not in whole


# who evaluates


def test_more_than_the_volume_is_asked_by_nobody_and_answered_by_nobody(round_: Round) -> None:
    many = ["1", "2", "3", "4"]
    with raises("AskTooLargeError"):
        ask(round_.evaluation, {"bsn": many}, round_.identities["uwv"])
    greedy = replace(round_.evaluation, at_most=dict.fromkeys(NAMES, 9))
    asked = ask(greedy, {"bsn": many}, round_.identities["uwv"])
    with raises("AskTooLargeError"):
        round_.evaluators["svb"].answer(asked.document, asked.elements)


def changed_ask(round_: Round, **update: object) -> bytes:
    document = peek(round_.asks["uwv"].document, EvaluationAsk, what="ask", party="uwv")
    return sign(document.model_copy(update=update), round_.identities["uwv"])


REFUSED_ASKS: dict[str, tuple[Callable[[Round], tuple[bytes, bytes]], str]] = {
    "another round": (
        lambda r: (changed_ask(r, round="r2"), r.asks["uwv"].elements),
        "EvaluationOfOtherError",
    ),
    "another manifest": (
        lambda r: (changed_ask(r, manifest="sha256:" + "b" * 64), r.asks["uwv"].elements),
        "EvaluationOfOtherError",
    ),
    "the name of another": (
        lambda r: (changed_ask(r, partner="svb"), r.asks["uwv"].elements),
        "SignatureMissingError",
    ),
    "a stranger": (
        lambda r: (changed_ask(r, partner="ind"), r.asks["uwv"].elements),
        "EvaluationStrangerError",
    ),
    "another file": (lambda r: (r.asks["uwv"].document, r.asks["svb"].elements), "AskMalformedError"),
    "a shorter file": (
        lambda r: (
            changed_ask(r, elements=digest_of_bytes(r.asks["uwv"].elements[:32])),
            r.asks["uwv"].elements[:32],
        ),
        "AskMalformedError",
    ),
    "another kind": (
        lambda r: (changed_ask(r, asked={"bsn": 2, "rsin": 0}), r.asks["uwv"].elements),
        "AskMalformedError",
    ),
    "no element": (
        lambda r: (changed_ask(r, elements=digest_of_bytes(bytes(64))), bytes(64)),
        "NoElementError",
    ),
}


@pytest.mark.parametrize(("attack", "error"), REFUSED_ASKS.values(), ids=REFUSED_ASKS)
def test_an_ask_that_is_not_in_order_is_refused(
    round_: Round, attack: Callable[[Round], tuple[bytes, bytes]], error: str
) -> None:
    with raises(error):
        round_.evaluators["svb"].answer(*attack(round_))


# keys


def published(round_: Round, name: str, kind: str, key: str, proof: str) -> dict[str, bytes]:
    """The keys of the round, with another one of a partner, signed by it."""
    word = peek(round_.published[name], RoundKeys, what="round keys", party=name)
    one = word.keys[kind].model_copy(update={"key": key, "proof": proof})
    document = sign(word.model_copy(update={"keys": word.keys | {kind: one}}), round_.identities[name])
    return round_.published | {name: document}


def test_a_copied_key_is_refused(round_: Round) -> None:
    """Who copies the key of another would answer with the evaluations of that other."""
    other = peek(round_.published["svb"], RoundKeys, what="round keys", party="svb").keys["bsn"]
    with raises("KeyUnprovenError"):
        round_.evaluation.round_keys(published(round_, "uwv", "bsn", other.key, other.proof).values())


def test_a_key_that_cancels_the_others_is_refused(round_: Round) -> None:
    own = HolderKey.make()
    rest = ristretto.total([round_.secrets[name]["bsn"].public for name in ("svb", "gemeente")])
    minus = ristretto.times((ristretto.ORDER - 1).to_bytes(32, "little"), rest)
    rogue = ristretto.plus(own.public, minus)
    proof = oprf.prove_key(HolderKey(own.secret, rogue), round_.evaluation.about("bsn", "uwv")).hex()
    with raises("KeyUnprovenError"):
        round_.evaluation.round_keys(published(round_, "uwv", "bsn", rogue.hex(), proof).values())


def test_the_key_of_another_kind_or_round_is_refused(round_: Round, identities: dict[str, Identity]) -> None:
    word = peek(round_.published["uwv"], RoundKeys, what="round keys", party="uwv")
    before = peek(Round(identities, "r0").published["uwv"], RoundKeys, what="round keys", party="uwv")
    for one in (word.keys["kvk"], before.keys["bsn"]):
        with raises("KeyUnprovenError"):
            round_.evaluation.round_keys(published(round_, "uwv", "bsn", one.key, one.proof).values())


def test_keys_for_some_kinds_only_or_two_sets_are_refused(round_: Round) -> None:
    word = peek(round_.published["uwv"], RoundKeys, what="round keys", party="uwv")
    some = sign(word.model_copy(update={"keys": {"bsn": word.keys["bsn"]}}), round_.identities["uwv"])
    with pytest.raises(RoundKeysMissingError):
        round_.evaluation.round_keys([some])
    _, again = draw(round_.evaluation, round_.identities["uwv"])
    with raises("EvaluationTwiceError"):
        round_.evaluation.round_keys([*round_.published.values(), again])


# answers


def changed_answer(
    round_: Round, evaluations: bytes | None = None, **update: object
) -> dict[str, tuple[bytes, bytes]]:
    """The answers to uwv, with that of svb changed and signed by svb again."""
    answers = round_.answers("uwv")
    document, sealed = answers["svb"]
    if evaluations is not None:
        sealed = seal(evaluations, round_.evaluation.cards["uwv"].encryption_key)
        update["evaluations"] = digest_of_bytes(sealed)
    word = peek(document, EvaluationAnswer, what="answer", party="svb")
    return answers | {"svb": (sign(word.model_copy(update=update), round_.identities["svb"]), sealed)}


def evaluations_of_svb(round_: Round) -> bytes:
    sealed = round_.answers("uwv")["svb"][1]
    return unseal(sealed, round_.identities["uwv"].encryption, what="answer", party="svb")


def swapped(whole: bytes) -> bytes:
    return whole[32:64] + whole[:32] + whole[64:]


REFUSED_ANSWERS: dict[str, tuple[Callable[[Round], dict[str, tuple[bytes, bytes]]], str]] = {
    "two swapped": (lambda r: changed_answer(r, swapped(evaluations_of_svb(r))), "AnswerUnprovenError"),
    "by another key": (
        lambda r: changed_answer(r, oprf.evaluate(HolderKey.make(), r.asks["uwv"].elements)),
        "AnswerUnprovenError",
    ),
    "the ask itself": (lambda r: changed_answer(r, r.asks["uwv"].elements), "AnswerUnprovenError"),
    "no elements": (lambda r: changed_answer(r, bytes(64)), "AnswerUnprovenError"),
    "fewer": (lambda r: changed_answer(r, evaluations_of_svb(r)[:32]), "AskMalformedError"),
    "no proof": (lambda r: changed_answer(r, proofs={}), "AnswerUnprovenError"),
    "another ask": (lambda r: changed_answer(r, ask="sha256:" + "0" * 64), "EvaluationOfOtherError"),
    "other keys": (lambda r: changed_answer(r, keys="sha256:" + "0" * 64), "EvaluationOfOtherError"),
    "another round": (lambda r: changed_answer(r, round="r2"), "EvaluationOfOtherError"),
    "to another": (lambda r: changed_answer(r, to="gemeente"), "EvaluationOfOtherError"),
    "an answer of another partner": (
        lambda r: r.answers("uwv") | {"svb": r.answers("uwv")["gemeente"]},
        "RoundKeysMissingError",
    ),
    "the answer to another": (
        lambda r: r.answers("uwv") | {"svb": r.answers("gemeente")["svb"]},
        "EvaluationOfOtherError",
    ),
    "a file that was replaced": (
        lambda r: r.answers("uwv") | {"svb": (r.answers("uwv")["svb"][0], r.answers("uwv")["gemeente"][1])},
        "AskMalformedError",
    ),
    "withheld": (
        lambda r: {name: one for name, one in r.answers("uwv").items() if name != "svb"},
        "RoundKeysMissingError",
    ),
}


@pytest.mark.parametrize(("attack", "error"), REFUSED_ANSWERS.values(), ids=REFUSED_ANSWERS)
def test_an_answer_that_is_not_in_order_is_refused(
    round_: Round, attack: Callable[[Round], dict[str, tuple[bytes, bytes]]], error: type[Exception]
) -> None:
    with raises(error):
        round_.finish("uwv", answers=attack(round_))
    assert round_.finish("uwv")


def test_an_answer_can_be_opened_by_who_asked_only(round_: Round) -> None:
    sealed = round_.answers("uwv")["svb"][1]
    with pytest.raises(SealBrokenError):
        unseal(sealed, round_.identities["gemeente"].encryption, what="answer", party="svb")


def test_the_matcher_cannot_swap_keys_or_the_round_in_the_sum(
    round_: Round, identities: dict[str, Identity]
) -> None:
    for named in (
        round_.named(round="r2"),
        round_.named(manifest="sha256:" + "b" * 64),
        round_.named(keys=dict.fromkeys(NAMES, "sha256:" + "0" * 64)),
    ):
        with raises("EvaluationOfOtherError"):
            round_.finish("uwv", named=named)
    with raises("NotAmongEvaluatorsError"):
        round_.finish("uwv", named=round_.named("svb", "gemeente"))


def test_no_text_of_an_error_holds_an_identifier_or_an_element(round_: Round) -> None:
    greedy = replace(round_.evaluation, at_most=dict.fromkeys(NAMES, 0))
    with raises("AskTooLargeError") as error:
        ask(greedy, {"bsn": BSNS["uwv"]}, round_.identities["uwv"])
    for lang in ("nl", "en"):
        text = error.value.text(lang)  # type: ignore[arg-type]
        assert "uwv" in text
        assert not any(bsn in text for bsn in BSNS["uwv"])
