"""A round in which partners evaluate together, over the places: who asked and answered in time delivers, and nobody else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import handmade
import pytest
import yaml_out
from operation import MONDAY, PARTNERS, PROJECT, ROUND, Operation, days, folders, weekly
from refusals import raises

import lsi_match
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.clock import utc_now
from lsi_match.crypto import oprf, ristretto
from lsi_match.crypto.evaluation import (
    Evaluation,
    ask,
    draw,
)
from lsi_match.crypto.oprf import HolderKey
from lsi_match.crypto.project_key import ProjectKey
from lsi_match.crypto.pseudonyms import SharedPseudonyms
from lsi_match.crypto.sealing import unseal
from lsi_match.crypto.signing import peek, sign
from lsi_match.log.events import EvaluationsAsked, EvaluatorsNamed, read
from lsi_match.log.judge import judge_log
from lsi_match.log.papers import papers_of
from lsi_match.log.policy import log_keys
from lsi_match.log.store import Log
from lsi_match.log.verify import verify_log
from lsi_match.log.view import Together
from lsi_match.manifest.person_keys import PERSON_KEYS
from lsi_match.matcher.round import evaluating as at_site
from lsi_match.matcher.site.site import Project
from lsi_match.matcher.subjects.access_answers import answer
from lsi_match.monitor.round_findings import checked_findings
from lsi_match.partner import deliver, evaluating
from lsi_match.partner.access.letter import letter
from lsi_match.partner.access.request import make_request, open_answer
from lsi_match.partner.deliver import Delivered
from lsi_match.partner.extract.column_mapping import ColumnMapping
from lsi_match.partner.prepare import prepare
from lsi_match.protocol.access_documents import AccessRequest
from lsi_match.protocol.evaluation_documents import Evaluators, unpack
from lsi_match.reports.log_report import Evidence, account
from lsi_match.transport.endpoints import PlaceUnreachableError, open_endpoint

if not ristretto.available():
    pytest.skip("libsodium is not here (libsodium23)", allow_module_level=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    return weekly(tmp_path_factory.mktemp("together"), sections={"pseudonyms": {"scheme": "v2"}})


@pytest.fixture
def operation(made: Operation, tmp_path: Path) -> Operation:
    return made.copy(tmp_path / "copy")


def tick(operation: Operation, partner: str) -> Delivered:
    world = operation.world
    return deliver.deliver(
        world.home(partner), PROJECT, operation.places[partner], world.mapping(partner), world.extracts,
        operation.folder / "by-itself" / partner, operation.clock(),
    )  # fmt: skip


def step(operation: Operation, *partners: str) -> dict[str, Delivered]:
    """A look of the site, and a pass of these partners, of all where none is named."""
    seen = operation.reconcile()
    assert not seen.troubles, seen.troubles
    return {name: tick(operation, name) for name in partners or PARTNERS}


def together(operation: Operation) -> Together:
    return operation.project.view().rounds[ROUND].together


def secrets_of(operation: Operation, partner: str) -> list[str]:
    home = operation.world.home(partner).project(PROJECT)
    return sorted(file.name for file in home.glob("evaluation/*/*.age"))


def test_a_round_goes_from_the_opening_to_its_release(operation: Operation) -> None:
    """The log says who asked how many of whom; no secret is left, and no identifier ever left a home."""
    for secrets in (["blinds.age", "keys.age"], ["blinds.age", "keys.age"], []):
        assert not any(one.problems for one in step(operation).values())
        assert [secrets_of(operation, name) for name in PARTNERS] == [secrets] * len(PARTNERS)
    step(operation)
    assert operation.state(ROUND) == "destroyed"
    assert operation.cases("uwv", ROUND) == 4
    said = together(operation)
    assert said.asked == {"gemeente": {"bsn": 3}, "svb": {"bsn": 4}, "uwv": {"bsn": 5}}
    assert {one: set(to) for one, to in said.answers.items()} == {
        name: set(PARTNERS) - {name} for name in PARTNERS
    }
    assert (said.partners, said.left_out, set(said.destroyed)) == (PARTNERS, (), set(PARTNERS))
    for name in PARTNERS:
        home = operation.world.home(name).project(PROJECT)
        assert not list(home.glob("evaluation/*"))
        left = [one.name for one in (home / "outgoing").iterdir() if ROUND in one.name]
        assert left == [f"{PROJECT}.{ROUND}.{name}.round-keys-destroyed.json"]
    places = [*(operation.folder / "places").rglob("*"), *operation.project.folder.rglob("*")]
    data = b"".join(one.read_bytes() for one in places if one.is_file())
    assert not any(bsn.encode() in data for bsn in handmade.BSNS)
    # Nobody can be looked up in it: nothing is kept for that, and the letter says so.
    assert not list(operation.project.folder.glob("subjects/*"))
    assert operation.project.view().rounds[ROUND].subject_files == []
    home, now = operation.world.home("uwv"), operation.clock()
    request = make_request(home, PROJECT, {"bsn": handmade.BSNS[0]}, "vraag-1", [], now)
    answered = open_answer(home, PROJECT, "vraag-1", answer(operation.project, request, now), now)
    assert [one.known for one in answered.answer.rounds] == ["untraceable"]
    assert f"samen vervangen, met sleutels die daarna zijn vernietigd: {ROUND}." in letter(answered).markdown
    # Nor is a pseudonym of scheme 1 given of a round that this partner was not in.
    request = make_request(home, PROJECT, {"bsn": handmade.BSNS[0]}, "vraag-2", ["elders"], now)
    opened = unseal(request, operation.world.site.identity().encryption, what="request", party="matcher")
    assert peek(opened, AccessRequest, what="request", party="uwv").pseudonyms == {}


def test_who_asks_and_answers_in_one_pass_is_not_refused(tmp_path: Path) -> None:
    """Two partners, the names of which come before those of every kind of file."""
    names = ("aa", "bb")
    made = Operation(
        tmp_path, names, folders(tmp_path, names), schedule={"opens": "0 6 * * 1", "deadline_days": 5},
        sections={"pseudonyms": {"scheme": "v2"}},
    )  # fmt: skip
    made.clock.to(MONDAY)
    for name in ("aa", "bb", "aa", "bb"):
        step(made, name)
    step(made, "aa")
    made.reconcile()
    assert made.state(ROUND) == "destroyed"


def test_who_is_late_is_left_out_and_the_others_meet_without_doing_anything_again(
    operation: Operation,
) -> None:
    step(operation, "gemeente", "uwv")
    (waits,) = step(operation, "gemeente", "uwv")["uwv"].messages
    assert waits.startswith(f"Ronde {ROUND}: de deelnemers pseudonimiseren samen.")
    asked = {name: together(operation).asks[name] for name in ("gemeente", "uwv")}
    operation.clock.to(MONDAY + days(1.7))
    operation.reconcile()  # the time to ask is over
    late = step(operation, "svb")["svb"]
    assert [error.reason for _, error in late.problems] == ["AskedTooLateError"]
    of, identity = (
        Evaluation.of(operation.project.manifest(), ROUND),
        operation.world.home("svb").identity(),
    )
    too_late = ask(of, {"bsn": handmade.BSNS[:2]}, identity)  # as a partner with another clock would
    data = draw(of, identity)[1] + too_late.document + too_late.elements
    give(operation, "svb", f"{PROJECT}.{ROUND}.svb.evaluation-ask", data)
    (trouble,) = operation.reconcile().troubles
    assert trouble.error.reason == "EvaluationLateError"
    operation.clock.to(MONDAY + days(3.4))
    step(operation)
    step(operation)
    assert together(operation).left_out == ("svb",)
    assert together(operation).asks == asked
    operation.reconcile()
    assert operation.state(ROUND) == "destroyed"
    assert operation.cases("uwv", ROUND) == 3
    told = report(operation)
    assert "Round 2026-06-08: evaluated together.** Not in time, and so without a drop: svb." in told
    assert "| uwv | gemeente | 5 | 0 | yes |" in told


def report(operation: Operation) -> str:
    project = operation.project
    read_ = [read(position, entry) for position, entry in enumerate(project.entries())]
    verified = verify_log(project.log_file, log_keys(project.manifest()))
    return account(Evidence("koppel.example/proef", read_, verified, None, operation.clock()), "en").markdown


def test_who_asked_and_did_not_answer_is_left_out(operation: Operation) -> None:
    step(operation)
    step(operation, "gemeente", "uwv")
    operation.clock.to(MONDAY + days(3.4))
    found = step(operation)
    assert together(operation).left_out == ("svb",)
    assert [error.reason for _, error in found["svb"].problems] == ["NotAmongEvaluatorsError"]
    assert not (operation.world.home("svb").project(PROJECT) / "evaluation" / ROUND / "keys.age").exists()
    operation.reconcile()
    assert operation.state(ROUND) == "destroyed"


@pytest.mark.soak
def test_one_partner_late_each_week_for_a_month(operation: Operation) -> None:
    for week, late in enumerate((*PARTNERS, "uwv")):
        operation.clock.to(MONDAY + days(7 * week))
        others = [name for name in PARTNERS if name != late]
        step(operation, *others)
        step(operation, *others)
        operation.clock.to(MONDAY + days(7 * week + 3.4))
        step(operation)
        step(operation, *others)
        operation.reconcile()
        round_ = (MONDAY + days(7 * week)).date().isoformat()
        assert operation.state(round_) == "destroyed"
        assert operation.project.view().rounds[round_].together.left_out == (late,)


def test_fewer_than_two_in_time_end_the_round(operation: Operation) -> None:
    step(operation, "uwv")
    operation.clock.to(MONDAY + days(3.4))
    operation.reconcile()
    assert operation.state(ROUND) == "abandoned"
    step(operation, "uwv")
    assert not secrets_of(operation, "uwv")


def test_secrets_are_destroyed_at_their_date_whatever_the_site_does(operation: Operation) -> None:
    step(operation)
    operation.clock.to(MONDAY + days(3.4))
    tick(operation, "uwv")
    assert secrets_of(operation, "uwv") == ["blinds.age"]
    operation.reconcile()
    assert set(together(operation).destroyed) == {"uwv"}


def test_an_ask_again_is_the_same_and_a_second_one_is_refused_and_told(operation: Operation) -> None:
    step(operation)
    ask = f"{PROJECT}.{ROUND}.uwv.evaluation-ask"
    first = (operation.world.home("uwv").project(PROJECT) / "outgoing" / ask).read_bytes()
    operation.reconcile()
    size = operation.project.view().size
    give(operation, "uwv", ask, first)
    operation.reconcile()
    assert operation.project.view().size == size
    shutil.rmtree(operation.world.home("uwv").project(PROJECT) / "evaluation")
    tick(operation, "uwv")  # as a partner with another program would
    seen = operation.reconcile()
    # Its answers are by the keys of that second ask.
    errors = [one.error.reason for one in seen.troubles]
    assert errors == ["EvaluationTwiceError", *["EvaluationOfOtherError"] * 2]
    assert together(operation).refused == {"uwv": 3}
    assert not step(operation, "svb")["svb"].problems
    # A site that passes the second one on all the same gets no answer to it.
    tick(operation, "gemeente")
    second = (operation.world.home("uwv").project(PROJECT) / "outgoing" / ask).read_bytes()
    assert second != first
    give(operation, "gemeente", ask, second, "out")
    found = tick(operation, "gemeente")
    assert [error.reason for _, error in found.problems] == ["EvaluationTwiceError"]


def test_more_than_the_manifest_gives_is_refused_by_the_site_and_by_every_partner(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = Evaluation.of(operation.project.manifest(), ROUND)
    greedy = replace(of, at_most=dict.fromkeys(PARTNERS, 10**6))
    identity = operation.world.home("uwv").identity()
    step(operation, "gemeente")
    many = [str(number) for number in range(100_001)]
    monkeypatch.setattr(oprf, "blind", lambda data: (b"", ristretto.base_times(b"\1" + bytes(31))))
    asked = ask(greedy, {"bsn": many}, identity)
    monkeypatch.undo()
    data = draw(of, identity)[1] + asked.document + asked.elements
    name = f"{PROJECT}.{ROUND}.uwv.evaluation-ask"
    give(operation, "uwv", name, data)
    seen = operation.reconcile()
    assert [one.error.reason for one in seen.troubles] == ["AskTooLargeError"]
    assert "uwv" not in together(operation).asks
    # A site that passes it on all the same gets no answer.
    give(operation, "gemeente", name, data, "out")
    found = tick(operation, "gemeente")
    assert [error.reason for _, error in found.problems] == ["AskTooLargeError"]
    assert not (
        operation.world.home("gemeente").project(PROJECT) / "evaluation" / ROUND / "answers" / "uwv"
    ).exists()


def test_an_ask_under_the_name_of_another_is_not_answered(operation: Operation) -> None:
    """Tried: the site withheld the ask of one partner, and laid a second one of its accomplice under that name."""
    step(operation)
    operation.reconcile()
    withheld = out_of(operation, "gemeente") / f"{PROJECT}.{ROUND}.svb.evaluation-ask"
    withheld.unlink()
    assert not tick(operation, "gemeente").problems
    identity = operation.world.home("uwv").identity()
    of = Evaluation.of(operation.project.manifest(), ROUND)
    second = ask(of, {"bsn": [handmade.BSNS[6]]}, identity)
    withheld.write_bytes(draw(of, identity)[1] + second.document + second.elements)
    for _ in range(2):
        found = tick(operation, "gemeente")
        assert [error.reason for _, error in found.problems] == ["EvaluationOfOtherError"]
    home = operation.world.home("gemeente").project(PROJECT)
    assert {one.name for one in home.glob("evaluation/*/answers/*")} == {"gemeente", "uwv"}
    assert not list(home.glob("outgoing/*.to-svb.evaluation-answer"))


def test_no_drop_is_made_after_an_ask_that_the_log_does_not_have(operation: Operation) -> None:
    """Tried: the site passed an ask of its accomplice on and wrote nothing down, so that nobody counted it."""
    step(operation, "gemeente", "svb")
    operation.reconcile()
    identity, of = operation.world.home("uwv").identity(), Evaluation.of(operation.project.manifest(), ROUND)
    hidden = ask(of, {"bsn": handmade.BSNS}, identity)
    data = draw(of, identity)[1] + hidden.document + hidden.elements
    (out_of(operation, "svb") / f"{PROJECT}.{ROUND}.uwv.evaluation-ask").write_bytes(data)
    tick(operation, "gemeente")
    tick(operation, "svb")
    answered = f"{PROJECT}.{ROUND}.svb.to-uwv.evaluation-answer"
    (operation.folder / "places" / "svb" / "in" / answered).unlink()
    operation.clock.to(MONDAY + days(3.4))
    found = step(operation, "gemeente", "svb")
    assert (found["gemeente"].sent, found["svb"].sent) == ((ROUND,), ())
    assert [error.reason for _, error in found["svb"].problems] == ["EvaluationUntoldError"]
    assert not secrets_of(operation, "gemeente")


def test_the_log_is_judged_by_the_asks_and_evaluators_themselves(operation: Operation) -> None:
    step(operation)
    step(operation)
    operation.reconcile()
    project, now = operation.project, operation.clock()
    trust = operation.world.home("uwv").trust(PROJECT, now)

    def judged() -> list[str]:
        with Log.open(project.log_file, read_only=True) as log:
            papers = {digest_of_bytes(one): one for one in papers_of(log)}
        found = judge_log(project.log_file, project.manifest(), trust, papers, checked_findings)
        return [one.text("en") for one in found.problems]

    assert judged() == []
    said, manifest = together(operation), project.manifest().digest
    changed = sign(
        Evaluators(
            project=PROJECT, manifest=manifest, round=ROUND, keys=said.keys, asks={"uwv": said.asks["uwv"]}
        ),
        project.site.identity(),
    )
    with project.writer() as log:
        log.record(
            EvaluationsAsked(
                round=ROUND, partner="uwv", ask=said.asks["uwv"], keys=said.keys["uwv"], asked={"bsn": 4}
            ),
            now,
            manifest=manifest,
        )
        log.record(
            EvaluatorsNamed(round=ROUND, evaluators=project.keep(changed), partners=PARTNERS, left_out=()),
            now,
            manifest=manifest,
        )
    fewer, again = judged()
    assert "the ask is of another, or for another number" in fewer
    assert "this was said before" in again


def test_an_opening_that_is_hidden_and_laid_again_brings_no_second_ask_or_answer(
    operation: Operation,
) -> None:
    step(operation)
    step(operation)
    opening = out_of(operation, "uwv") / f"{PROJECT}.{ROUND}.opening.json"
    signed = opening.read_bytes()
    opening.unlink()
    tick(operation, "uwv")
    home = operation.world.home("uwv").project(PROJECT)
    place = operation.folder / "places" / "uwv" / "in"
    for file in (*place.glob("*.round-keys-destroyed.json"), *place.glob("*.evaluation-*")):
        file.unlink()
    opening.write_bytes(signed)
    for _ in range(2):
        assert [error.reason for _, error in tick(operation, "uwv").problems] == ["AskedTooLateError"]
        assert not list(home.glob("evaluation/*/*"))
        assert not list(place.glob("*.evaluation-*"))


def test_secrets_are_destroyed_at_their_date_where_the_place_cannot_be_reached(operation: Operation) -> None:
    step(operation)
    operation.clock.to(MONDAY + days(3.4))
    (operation.folder / "places" / "uwv").rename(operation.folder / "away")
    with pytest.raises(PlaceUnreachableError):
        tick(operation, "uwv")
    assert secrets_of(operation, "uwv") == ["blinds.age"]


def out_of(operation: Operation, partner: str) -> Path:
    return operation.folder / "places" / partner / "out"


def give(operation: Operation, partner: str, name: str, data: bytes, side: Any = "in") -> None:
    with open_endpoint(operation.places[partner]) as there:
        there.give(side, name, data)


@pytest.mark.parametrize("what", ["swapped", "withheld", "replayed", "of another"])
def test_a_carrier_that_meddles_with_answers_makes_no_drop(operation: Operation, what: str) -> None:
    step(operation)
    step(operation)
    operation.reconcile()
    out = out_of(operation, "uwv")
    from_svb, from_gemeente = (
        out / f"{PROJECT}.{ROUND}.{name}.to-uwv.evaluation-answer" for name in ("svb", "gemeente")
    )
    if what == "withheld":
        from_svb.unlink()
    elif what == "replayed":
        from_svb.write_bytes(from_gemeente.read_bytes())
    elif what == "swapped":
        one, other = from_svb.read_bytes(), from_gemeente.read_bytes()
        document, _ = unpack(one, 1)
        from_svb.write_bytes(document + unpack(other, 1)[1])
    else:
        to_gemeente = out_of(operation, "gemeente") / f"{PROJECT}.{ROUND}.svb.to-gemeente.evaluation-answer"
        from_svb.write_bytes(to_gemeente.read_bytes())
    found = tick(operation, "uwv")
    assert found.sent == ()
    assert len(found.problems) == 1
    assert not list((operation.folder / "by-itself" / "uwv" / "out").glob("*"))
    if what == "withheld":  # it can go on when it comes
        operation.reconcile()
        assert tick(operation, "uwv").sent == (ROUND,)


def test_wrong_evaluations_are_seen_by_who_asked(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    step(operation)
    operation.reconcile()
    right = oprf.evaluate
    monkeypatch.setattr(oprf, "evaluate", lambda key, blinded: right(HolderKey.make(), blinded))
    tick(operation, "svb")
    monkeypatch.undo()
    for name in ("gemeente", "uwv"):
        tick(operation, name)
    found = step(operation)
    assert [error.reason for _, error in found["uwv"].problems] == ["AnswerUnprovenError"]


def test_an_extract_with_new_people_in_it_is_refused_with_their_number(operation: Operation) -> None:
    step(operation)
    step(operation)
    file = operation.world.extracts / "uwv.csv"
    kept = file.read_text()
    file.write_text(kept + kept.splitlines()[-1].replace(handmade.BSNS[4], handmade.BSNS[6]) + "\n")
    found = step(operation, "uwv")["uwv"]
    assert [error.reason for _, error in found.problems] == ["IdentifierNotAskedError"]
    file.write_text(kept)
    assert tick(operation, "uwv").sent == (ROUND,)


def test_a_drop_under_no_or_other_evaluators_is_refused(operation: Operation) -> None:
    """As a partner would bring that makes pseudonyms by itself."""
    step(operation)
    world = operation.world
    home = world.home("uwv")
    key, made = home.project_key(operation.project.manifest()), dict.fromkeys(handmade.BSNS, bytes(64))
    alone = SharedPseudonyms(key, {"bsn": made}, "sha256:" + "0" * 64)
    opening = operation.folder / "by-itself" / "uwv" / "in" / f"{PROJECT}.{ROUND}.opening.json"
    arguments = (home, opening, world.mapping("uwv"), world.extracts, operation.folder / "alone", PROJECT)
    with raises("EvaluationNeededError"):
        prepare(*arguments, operation.clock())
    drop = prepare(*arguments, operation.clock(), shared=alone)
    operation.send("uwv", drop.file)
    (arrival,) = operation.reconcile().arrivals
    assert (arrival.partner, arrival.outcome) == ("uwv", "refused")


def test_a_pass_that_is_cut_off_anywhere_goes_on_as_if_it_was_not(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Passes of partners and looks of the site end at the 1st, 3rd, 6th, 10th … call of what they write, sign, seal and destroy with."""
    calls, cut = 0, [n * (n + 1) // 2 for n in range(1, 20)]

    def cutting(real: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **more: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls in cut:
                raise KeyboardInterrupt
            return real(*arguments, **more)

        return called

    for name in ("seal", "sign", "write_whole", "destroy", "finish"):
        monkeypatch.setattr(evaluating, name, cutting(getattr(evaluating, name)))
    for name in ("sign", "write_whole"):
        monkeypatch.setattr(at_site, name, cutting(getattr(at_site, name)))
    monkeypatch.setattr(Project, "record", cutting(Project.record))
    ended = 0
    while operation.state(ROUND) != "destroyed":
        for look in (operation.reconcile, *(partial(tick, operation, name) for name in PARTNERS)):
            try:
                assert not getattr(look(), "problems", ())
            except KeyboardInterrupt:
                ended += 1
    assert ended > 7
    assert (together(operation).left_out, together(operation).refused) == ((), {})
    assert operation.cases("uwv", ROUND) == 4


def test_parts_of_person_keys_are_never_evaluated_apart(tmp_path: Path) -> None:
    """A birth date or a postcode by itself is guessed in no time; only whole keys are asked, each as a kind of its own."""
    fields = {
        "voornaam": ("given_name", "Jannetje"), "achternaam": ("surname", "Dijkstra"), "geboren": ("birth_date", "1980-03-17"),
        "postcode": ("postcode", "9712AB"), "huisnummer": ("house_number", "14"), "straat": ("street", "Korenbloemweg"),
        "plaats": ("place", "Zuidlaren"),
    }  # fmt: skip
    selection = handmade.selection(
        fields={name: {"type": "date" if name == "geboren" else "text", "meaning": name} for name in fields}
        | {"actief": {"type": "boolean", "meaning": "Loopt nog"}},
        identifiers=[],
        person={field: name for name, (field, _) in fields.items()},
        signals=[{"id": "hier", "when": "plaats = 'Zuidlaren'", "label": "Woont hier"}],
    )  # fmt: skip
    partners = {name: [selection] for name in PARTNERS}
    manifest = handmade.manifest(partners, identifiers=(), person_keys=list(PERSON_KEYS))
    columns = {name: name for name in (*fields, "actief")}
    mapping = {"selections": {"lijst": {"extract": "uwv.csv", "record_id": "kenmerk", "columns": columns}}}
    texts = {name: text for name, (_, text) in fields.items()}
    handmade.write_csv(tmp_path / "uwv.csv", [{"kenmerk": "K1", "actief": "ja"} | texts])
    home: Any = SimpleNamespace(name="uwv", project_key=lambda of: ProjectKey.make(PROJECT, 1))
    found = evaluating.identifiers(
        home, manifest, handmade.opening(manifest), ColumnMapping.model_validate(mapping), tmp_path
    )
    assert set(found) == set(manifest.subject.kinds) == {f"pk_{name}" for name in PERSON_KEYS}
    assert all(len(key.parts) > 1 for key in PERSON_KEYS.values())
    bare = {re.sub(r"\W", "", text).lower() for text in (*texts.values(), "17-03-1980", "1980")}
    asked = {re.sub(r"[^\w]|_", "", one).lower() for some in found.values() for one in some}
    assert len(asked) >= len(PERSON_KEYS) // 2
    assert not asked & bare


def test_without_libsodium_the_program_names_the_package_and_does_nothing(tmp_path: Path) -> None:
    """Started where the loader finds a file of that name that is no library; then with what this machine has."""
    operation = Operation(
        tmp_path, PARTNERS, folders(tmp_path, PARTNERS), schedule={"deadline_days": 5, "rounds_at_most": 9},
        sections={"pseudonyms": {"scheme": "v2"}},
    )  # fmt: skip
    operation.clock.to(utc_now().replace(microsecond=0))
    world, day = operation.world, operation.clock().date().isoformat()
    world.open_round("los", day)
    operation.reconcile()
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libsodium.so.23").write_bytes(b"no library")
    yaml_out.write(tmp_path / "place.yaml", {"url": operation.places["uwv"].url})
    home = world.home("uwv").folder
    deliver_ = [
        "partner",
        "deliver",
        "uwv",
        home,
        PROJECT,
        "--place",
        tmp_path / "place.yaml",
        "--folder",
        tmp_path / "work",
    ]
    deliver_ += ["--mapping", tmp_path / "config" / "mappings" / "uwv.yaml", "--extracts", world.extracts]
    open_ = ["match", "open", world.site.folder, PROJECT, "nog", "--reference-date", day]
    for command in (deliver_, open_):
        refused = run_program(command, LD_LIBRARY_PATH=str(tmp_path / "lib"))
        said = refused.stdout + refused.stderr
        assert refused.returncode == 1, said
        assert "libsodium23" in said
        assert "Traceback" not in said
    assert not list((world.home("uwv").project(PROJECT) / "evaluation").glob("*/*"))
    assert not operation.project.view().has("nog")
    partner = lsi_match.Partner("uwv", home, PROJECT)
    mapping, work = tmp_path / "config" / "mappings" / "uwv.yaml", tmp_path / "work"
    done = partner.deliver(tmp_path / "place.yaml", mapping, world.extracts, work)
    assert (done.problems, len(done.messages)) == ((), 1)
    assert secrets_of(operation, "uwv") == ["blinds.age", "keys.age"]


def run_program(command: Sequence[object], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lsi_match", *map(str, command)],
        env=os.environ | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
