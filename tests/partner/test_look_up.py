"""Looking somebody up in a round whose evaluators keep their keys: one number an ask, answered by all, counted by all."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import handmade
import pytest
from operation import MONDAY, PARTNERS, PROJECT, ROUND, Operation, days, weekly

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.crypto import oprf, ristretto
from lsi_match.crypto.evaluation import (
    Asked,
    Evaluation,
    ask,
    draw,
)
from lsi_match.crypto.keys import make_identity
from lsi_match.crypto.oprf import HolderKey
from lsi_match.crypto.signing import peek, sign
from lsi_match.log.events import read
from lsi_match.log.judge import judge_log
from lsi_match.log.log_proof import SUFFIX
from lsi_match.log.papers import papers_of
from lsi_match.log.policy import log_keys
from lsi_match.log.store import Log
from lsi_match.log.verify import verify_log
from lsi_match.matcher.round import look_ups
from lsi_match.matcher.round.evaluating import name_evaluators
from lsi_match.monitor.round_findings import checked_findings
from lsi_match.partner import deliver
from lsi_match.partner.access import request
from lsi_match.partner.access.letter import letter, unasked
from lsi_match.partner.access.request import Answered, make_request, open_answer
from lsi_match.partner.deliver import Delivered
from lsi_match.partner.home import Home
from lsi_match.partner.kept_keys import kept_rounds
from lsi_match.protocol.evaluation_documents import AccessAsk
from lsi_match.reports.log_report import Evidence, account
from lsi_match.transport.endpoints import PlaceUnreachableError

if not ristretto.available():
    pytest.skip("libsodium is not here (libsodium23)", allow_module_level=True)

KEEP = {
    "pseudonyms": {"scheme": "v2", "round_keys": "until_subjects_destroyed"},
    "retention": {"log_details_days": 60, "hold_days": 30, "access_requests_a_day": 2},
}
#: At uwv and at others; and nowhere.
IN, NOWHERE = handmade.BSNS[0], handmade.BSNS[6]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    """A round that is over."""
    operation = weekly(tmp_path_factory.mktemp("looked-up"), sections=KEEP)
    for _ in range(3):
        step(operation)
    operation.reconcile()
    step(operation)
    assert operation.state(ROUND) == "destroyed"
    return operation


@pytest.fixture
def operation(made: Operation, tmp_path: Path) -> Operation:
    copied = made.copy(tmp_path / "copy")
    copied.clock.to(copied.clock() + timedelta(hours=1))
    return copied


def tick(operation: Operation, partner: str) -> Delivered:
    world = operation.world
    return deliver.deliver(
        world.home(partner), PROJECT, operation.places[partner], world.mapping(partner), world.extracts,
        operation.folder / "by-itself" / partner, operation.clock(),
    )  # fmt: skip


def step(operation: Operation, *partners: str) -> dict[str, list[str]]:
    """A look of the site, and a pass of these partners; what was wrong, by who saw it."""
    found = {"site": [one.error.reason for one in operation.reconcile().troubles]}
    for name in partners or PARTNERS:
        found[name] = [error.reason for _, error in tick(operation, name).problems]
    return {name: wrong for name, wrong in found.items() if wrong}


def asked(operation: Operation, number: str = IN, partner: str = "uwv", reference: str = "ink-1") -> None:
    """The request of a partner, as far as its ask."""
    home = operation.world.home(partner)
    assert make_request(home, PROJECT, {"bsn": number}, reference, [], operation.clock()) is None


def answered(operation: Operation, reference: str = "ink-1") -> Answered:
    """The answer to the one request of uwv that lies at its place."""
    out = operation.folder / "places" / "uwv" / "out"
    (file,) = out.glob("*.access-answer.age")
    home = operation.world.home("uwv")
    return open_answer(home, PROJECT, reference, file.read_bytes(), operation.clock())


def evaluation(operation: Operation, partner: str = "uwv") -> Any:
    return kept_rounds(operation.world.home(partner).project(PROJECT))[ROUND].about_one


def report(operation: Operation) -> str:
    """What an FG reads of the log."""
    project = operation.project
    entries = [read(position, entry) for position, entry in enumerate(project.entries())]
    verified = verify_log(project.log_file, log_keys(project.manifest()))
    return account(
        Evidence("koppel.example/proef", entries, verified, None, operation.clock()), "en"
    ).markdown


def hostile(operation: Operation, made: Asked, partner: str = "uwv", side: str = "in", at: str = "") -> str:
    """Lay an ask of a changed program at a place; its name."""
    name = f"{PROJECT}.{ROUND}.{partner}.{digest_of_bytes(made.document)[7:23]}.access-ask"
    (operation.folder / "places" / (at or partner) / side / name).write_bytes(made.document + made.elements)
    return name


def identity(operation: Operation, partner: str = "uwv") -> Any:
    return operation.world.home(partner).identity()


def answers_given(operation: Operation, partner: str) -> list[str]:
    home = operation.world.home(partner).project(PROJECT)
    return sorted(one.name.partition(".")[2] for one in home.glob("evaluation/*/looked-up/*"))


def test_somebody_is_found_once_all_answered_and_the_log_counts_it(operation: Operation) -> None:
    asked(operation)
    home = operation.world.home("uwv").project(PROJECT)
    assert [one.name for one in sorted((home / "access").iterdir())] == ["ink-1.age", "ink-1.json"]
    for _ in range(3):
        assert step(operation) == {}
    operation.reconcile()
    assert [one.name for one in sorted((home / "access").iterdir())] == ["ink-1.json"]
    found = answered(operation)
    (round_,) = found.answer.rounds
    assert (round_.known, round_.case) == ("yes", True)
    assert {one.partner for one in round_.delivered} == set(PARTNERS)
    assert f": ronde {ROUND}" in letter(found).markdown
    assert unasked(found) == []
    (looked_up,) = operation.project.view().rounds[ROUND].together.looked_up.values()
    assert looked_up.partner == "uwv"
    assert "Had somebody looked up afterwards (access request): uwv (1)." in report(operation)
    places = [
        *(operation.folder / "places").rglob("*"),
        *operation.project.folder.rglob("*"),
        *home.rglob("*"),
    ]
    data = b"".join(one.read_bytes() for one in places if one.is_file())
    assert IN.encode() not in data
    with Log.open(operation.project.log_file, read_only=True) as log:
        papers = {digest_of_bytes(one): one for one in papers_of(log)}
    trust = operation.world.home("uwv").trust(PROJECT, operation.clock())
    project = operation.project
    assert judge_log(project.log_file, project.manifest(), trust, papers, checked_findings).problems == ()


def test_who_is_in_no_drop_is_found_in_none(operation: Operation) -> None:
    asked(operation, NOWHERE)
    for _ in range(3):
        assert step(operation) == {}
    operation.reconcile()
    assert [one.known for one in answered(operation).answer.rounds] == ["no"]


def test_keys_stay_as_long_as_files_of_subjects_and_are_gone_with_them(operation: Operation) -> None:
    homes = [operation.world.home(name).project(PROJECT) for name in PARTNERS]
    for home in homes:
        assert {one.name for one in (home / "evaluation" / ROUND).iterdir()} == {"keys.age", "kept.json"}
    assert operation.project.view().rounds[ROUND].together.destroyed == {}
    deadline = MONDAY + days(5)
    operation.clock.to(deadline + days(60) - timedelta(hours=2))
    for name in PARTNERS:
        tick(operation, name)
    assert all((home / "evaluation" / ROUND / "keys.age").exists() for home in homes)
    operation.clock.to(deadline + days(60) + timedelta(hours=2))
    for name in PARTNERS:
        tick(operation, name)
    operation.reconcile()
    view = operation.project.view().rounds[ROUND]
    assert not any((home / "evaluation" / ROUND).exists() for home in homes)
    assert (set(view.together.destroyed), view.forgotten is not None) == (set(PARTNERS), True)
    assert make_request(operation.world.home("uwv"), PROJECT, {"bsn": IN}, "ink-9", [], operation.clock())


def test_who_is_told_after_the_last_moment_that_it_is_an_evaluator_keeps_its_keys(tmp_path: Path) -> None:
    operation = weekly(tmp_path, sections=KEEP)
    step(operation, "gemeente", "uwv")
    step(operation, "gemeente", "uwv")
    operation.clock.to(MONDAY + days(3.4))  # svb did not ask
    step(operation, "gemeente", "uwv")
    assert operation.project.view().rounds[ROUND].together.left_out == ("svb",)
    for name in ("gemeente", "uwv"):
        home = operation.world.home(name).project(PROJECT)
        assert set(kept_rounds(home)[ROUND].keys) == {"gemeente", "uwv"}
        assert (home / "evaluation" / ROUND / "keys.age").exists()
    operation.clock.to(MONDAY + days(5.1))
    tick(operation, "svb")
    assert kept_rounds(operation.world.home("svb").project(PROJECT)) == {}


def test_no_ask_of_the_round_is_answered_any_more_once_its_evaluators_are_named(tmp_path: Path) -> None:
    """As a site would try that names them early, and passes an ask of who was left out on to kept keys."""
    operation = weekly(tmp_path, sections=KEEP)
    step(operation, "gemeente", "uwv")
    step(operation, "gemeente", "uwv")
    operation.reconcile()
    name_evaluators(operation.project, ROUND, operation.clock())
    operation.reconcile()
    out = operation.folder / "places" / "gemeente" / "out"
    withheld = out / f"{PROJECT}.{ROUND}.uwv.to-gemeente.evaluation-answer"
    answer = withheld.read_bytes()
    withheld.unlink()
    assert [error.reason for _, error in tick(operation, "gemeente").problems] == ["RoundKeysMissingError"]
    of, who = Evaluation.of(operation.project.manifest(), ROUND), identity(operation, "svb")
    hidden = ask(of, {"bsn": [IN, NOWHERE]}, who)
    data = draw(of, who)[1] + hidden.document + hidden.elements
    (out / f"{PROJECT}.{ROUND}.svb.evaluation-ask").write_bytes(data)
    tick(operation, "gemeente")
    home = operation.world.home("gemeente").project(PROJECT)
    assert (home / "evaluation" / ROUND / "keys.age").exists()
    assert not list(home.glob("outgoing/*.to-svb.evaluation-answer"))
    withheld.write_bytes(answer)
    assert tick(operation, "gemeente").sent == (ROUND,)


def test_an_ask_about_two_people_is_answered_by_nobody(operation: Operation) -> None:
    greedy = evaluation(operation)
    greedy = type(greedy)(**vars(greedy) | {"at_most": dict.fromkeys(PARTNERS, 9)})
    two = ask(greedy, {"bsn": [IN, NOWHERE]}, identity(operation), operation.clock())
    hostile(operation, two)
    assert step(operation)["site"] == ["AskTooLargeError"]
    # A site that passes it on all the same, with a proof of something else, gets no answer.
    name = hostile(operation, two, side="out", at="svb")
    proof = operation.folder / "places" / "svb" / "out" / f"{name}{SUFFIX}"
    proof.write_bytes(
        next((operation.folder / "by-itself" / "svb" / "in").glob("*.opening.tlog-proof")).read_bytes()
    )
    assert [error.reason for _, error in tick(operation, "svb").problems] == ["AskTooLargeError"]
    assert answers_given(operation, "svb") == []
    assert operation.project.view().rounds[ROUND].together.looked_up == {}


def test_an_ask_that_the_log_does_not_have_is_not_answered(operation: Operation) -> None:
    """As of one partner together with the matching environment, to be counted by nobody."""
    hidden = ask(evaluation(operation), {"bsn": [IN]}, identity(operation), operation.clock())
    name = hostile(operation, hidden, side="out", at="svb")
    assert tick(operation, "svb").problems == ()
    proof = operation.folder / "places" / "svb" / "out" / f"{name}{SUFFIX}"
    proof.write_bytes(
        next((operation.folder / "by-itself" / "svb" / "in").glob("*.opening.tlog-proof")).read_bytes()
    )
    assert [error.reason for _, error in tick(operation, "svb").problems] == ["ProofRefusedError"]
    # Nor with the proof of another ask.
    asked(operation, NOWHERE)
    tick(operation, "uwv")
    operation.reconcile()
    (other,) = (one for one in proof.parent.glob(f"*.access-ask{SUFFIX}") if one != proof)
    hostile(operation, hidden, side="out", at="svb")
    proof.write_bytes(other.read_bytes())
    assert [error.reason for _, error in tick(operation, "svb").problems] == ["ProofRefusedError"]
    assert len(answers_given(operation, "svb")) == 1


def test_the_same_ask_again_has_the_same_answer_and_counts_once(operation: Operation) -> None:
    asked(operation)
    step(operation)
    step(operation)
    (again,) = (operation.world.home("uwv").project(PROJECT) / "outgoing").glob("*.access-ask")
    (given,) = (operation.world.home("svb").project(PROJECT) / "outgoing").glob("*.access-evaluation")
    first = given.read_bytes()
    for place in ("uwv/in", "svb/out"):
        (operation.folder / "places" / place / again.name).write_bytes(again.read_bytes())
    assert step(operation) == {}
    assert (len(answers_given(operation, "svb")), given.read_bytes()) == (1, first)
    assert len(operation.project.view().rounds[ROUND].together.looked_up) == 1


def test_more_asks_about_a_round_a_day_than_agreed_are_refused_by_all(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [
        ask(evaluation(operation), {"bsn": [IN]}, identity(operation), operation.clock()) for _ in range(3)
    ]
    for one in made:
        hostile(operation, one)
    assert step(operation) == {"site": ["AccessTooOftenError"]}
    assert len(answers_given(operation, "svb")) == 2
    # A site that counts otherwise: each partner counts by itself.
    monkeypatch.setattr(look_ups, "DAY", timedelta(0))
    hostile(operation, ask(evaluation(operation), {"bsn": [IN]}, identity(operation), operation.clock()))
    assert step(operation, "svb") == {"svb": ["AccessAskedTooOftenError"]}
    operation.clock.to(operation.clock() + days(1))
    assert step(operation, "svb") == {}
    assert len(answers_given(operation, "svb")) == 3


def test_who_may_not_ask_has_no_answer(operation: Operation) -> None:
    of, now = evaluation(operation), operation.clock()
    mine = ask(of, {"bsn": [IN]}, identity(operation), now)
    word = peek(mine.document, AccessAsk, what="ask", party="uwv")

    def changed(**update: object) -> Asked:
        return Asked(sign(word.model_copy(update=update), identity(operation)), mine.elements, mine.blinds)

    for update, by_site, by_partner in (
        ({"partner": "svb"}, "SignatureMissingError", "SignatureMissingError"),
        ({"partner": "ind"}, "EvaluationStrangerError", "EvaluationStrangerError"),
        ({"round": "2026-06-01"}, "RoundUnknownError", "AccessKeysGoneError"),
        ({"manifest": "sha256:" + "b" * 64}, "EvaluationOfOtherError", "EvaluationOfOtherError"),
        ({"at": now - days(40)}, "AccessRefusedError", "ProofRefusedError"),
    ):
        one = changed(**update)
        hostile(operation, one)
        assert step(operation, "uwv") == {"site": [by_site]}, update
        name = hostile(operation, one, side="out", at="gemeente")
        out = operation.folder / "places" / "gemeente" / "out"
        opening = next((operation.folder / "by-itself" / "gemeente" / "in").glob("*.opening.tlog-proof"))
        (out / f"{name}{SUFFIX}").write_bytes(opening.read_bytes())
        assert [error.reason for _, error in tick(operation, "gemeente").problems] == [by_partner], update
        (out / name).unlink()
        (out / f"{name}{SUFFIX}").unlink()
    # The ask of one that another carries to its own place.
    hostile(operation, mine, at="svb")
    assert step(operation, "uwv") == {"site": ["EvaluationOfOtherError"]}
    assert answers_given(operation, "gemeente") == []
    assert operation.project.view().rounds[ROUND].together.looked_up == {}


def test_wrong_answers_and_missing_ones_give_no_pseudonym_and_the_letter_says_so(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(operation)
    tick(operation, "uwv")
    operation.reconcile()
    right = oprf.evaluate
    monkeypatch.setattr(oprf, "evaluate", lambda key, blinded: right(HolderKey.make(), blinded))
    tick(operation, "svb")
    monkeypatch.undo()
    tick(operation, "gemeente")
    assert step(operation, "uwv") == {"uwv": ["AnswerUnprovenError"]}
    operation.clock.to(operation.clock() + days(15))
    step(operation, "uwv")
    operation.reconcile()
    found = answered(operation)
    assert [one.known for one in found.answer.rounds if one.round == ROUND] == ["not_asked"]
    assert ROUND in unasked(found)


def test_a_round_of_an_earlier_project_key_is_still_looked_up(operation: Operation) -> None:
    world = operation.world
    world.draft["pseudonyms"]["epoch"] = 2
    manifest = world.complete(world.make_project_key())
    world.agree(manifest, world.approve(manifest))
    assert operation.project.manifest().pseudonyms.epoch == 2
    asked(operation)
    for _ in range(3):
        assert step(operation) == {}
    operation.reconcile()
    assert [(one.known, one.case) for one in answered(operation).answer.rounds] == [("yes", True)]


def test_a_request_that_was_cut_off_is_made_and_never_holds_deliveries_up(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = operation.world.home("uwv").project(PROJECT)
    with monkeypatch.context() as broken:
        broken.setattr(request, "write_whole", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            asked(operation)
    assert [one.name for one in (home / "access").iterdir()] == ["ink-1.age"]
    (home / "access" / "other.age").write_bytes(b"damaged")
    for _ in range(3):
        assert step(operation) == {"uwv": ["SealBrokenError"]}
    assert sorted(one.name for one in (home / "access").iterdir()) == ["ink-1.json", "other.age"]


def test_secrets_that_are_gone_already_hold_no_request_up(operation: Operation) -> None:
    """The rest of the folder goes once the place was seen."""
    home = operation.world.home("uwv")
    (home.project(PROJECT) / "evaluation" / ROUND / "keys.age").unlink()
    assert make_request(home, PROJECT, {"bsn": IN}, "ink-1", [], operation.clock())


def test_an_ask_is_passed_on_to_evaluators_while_there_are_keys(operation: Operation) -> None:
    asked(operation)
    tick(operation, "uwv")
    operation.reconcile()
    project, now = operation.project, operation.clock()
    assert len(list(look_ups.for_partner(project, "svb", now))) == 2
    assert list(look_ups.for_partner(project, "ind", now)) == []
    operation.clock.to(MONDAY + days(5) + days(60) + timedelta(hours=1))
    step(operation)
    assert step(operation) == {}


def test_who_left_or_has_other_keys_since_has_no_answer(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a thief of a home whose keys were replaced."""
    asked(operation)
    tick(operation, "uwv")
    operation.reconcile()
    manifest = operation.project.manifest()
    other = manifest.controllers["svb"].signing_key
    replaced = manifest.controllers["uwv"].model_copy(update={"signing_key": other})
    later = manifest.model_copy(update={"controllers": {**manifest.controllers, "uwv": replaced}})
    monkeypatch.setattr(Home, "agreed_manifest", lambda *_: later)
    assert [error.reason for _, error in tick(operation, "svb").problems] == ["EvaluationStrangerError"]
    assert answers_given(operation, "svb") == []


def test_a_number_does_not_lie_longer_than_its_answer_is_due_where_the_place_cannot_be_reached(
    operation: Operation,
) -> None:
    asked(operation)
    operation.clock.to(operation.clock() + days(30))
    (operation.folder / "places" / "uwv").rename(operation.folder / "away")
    with pytest.raises(PlaceUnreachableError):
        tick(operation, "uwv")
    home = operation.world.home("uwv").project(PROJECT)
    assert [one.name for one in (home / "access").iterdir()] == ["ink-1.json"]


def test_a_round_of_other_own_keys_is_passed_over(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They cannot open the secrets, and the others do not know them from then."""
    home = operation.world.home("uwv")
    folder = operation.folder / "new-keys"
    new = make_identity("uwv", folder)
    manifest = home.agreed_manifest(PROJECT, operation.clock())
    keys = home.project_keys(PROJECT)
    monkeypatch.setattr(Home, "identity", lambda *_: new)
    monkeypatch.setattr(Home, "agreed_manifest", lambda *_: manifest)
    monkeypatch.setattr(Home, "project_keys", lambda *_: keys)
    assert make_request(home, PROJECT, {"bsn": IN}, "ink-1", [], operation.clock())
