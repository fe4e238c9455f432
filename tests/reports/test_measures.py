"""Which measures worked: what is told of a log is what its entries say, each number with those that show it."""

from __future__ import annotations

import handmade
import pytest
from logged import DIGEST, WHY, counted, entry, held, opened, ran, run

from lsi_match.log import events
from lsi_match.log.events import Event, Recorded, read
from lsi_match.manifest import Manifest
from lsi_match.reports.public.measures import MEASURES, Effect, effects


def told(*some: Event, manifests: tuple[Manifest, ...] = ()) -> dict[str, Effect]:
    return {one.measure: one for one in effects(logged(*some), manifests)}


def logged(*some: Event) -> list[Recorded]:
    return [read(position, entry(event)) for position, event in enumerate(some)]


def under(manifest: Manifest, start: int, *some: Event) -> list[Recorded]:
    return [
        read(start + number, entry(event, **{"lsi.manifest": manifest.digest}))
        for number, event in enumerate(some)
    ]


def justified(name: str, **decisions: str) -> Event:
    papers = dict.fromkeys(decisions, DIGEST)
    return events.Justified(round=name, findings=DIGEST, papers=papers, decisions=decisions)


def released(name: str) -> Event:
    return events.Released(round=name, cases=1, releases={"uwv": DIGEST})


def test_a_round_in_which_nothing_was_wrong_shows_no_measure() -> None:
    assert told(*ran("een", uwv=5)) == {}


@pytest.mark.parametrize(
    ("measure", "refusal"),
    [
        ("gates", events.GatesRefused(round="een", **WHY)),
        ("deliveries", events.DropRefused(round="een", partner="uwv", **WHY)),
        ("deliveries", events.DropArrivalRefused(partner="uwv", **WHY)),
        ("cases", events.MatchRefused(round="een", **WHY)),
        ("access", events.AccessRefused(partner="uwv", **WHY)),
    ],
)
def test_a_refusal_is_told_of_its_measure_with_its_entry(measure: str, refusal: Event) -> None:
    found = told(opened("een"), refusal, refusal)
    assert found.keys() == {measure}
    assert found[measure].facts == {"times": 2}
    assert [one.position for one in found[measure].entries] == [1, 2]


def test_every_hold_is_told_by_how_it_ended() -> None:
    found = told(
        *run("een", uwv=1), counted("een", 2), held("een", "uwv", "svb"),
        justified("een", uwv="release"), justified("een", svb="release"), counted("een", 2), released("een"),
        *run("twee", uwv=1), counted("twee", 1), held("twee", "uwv", "svb"),
        justified("twee", uwv="change"), events.Destroyed(round="twee", files=1),
        *run("drie", uwv=1), counted("drie", 1), held("drie", "uwv", "svb"),
        *ran("vier", uwv=1),
    )  # fmt: skip
    assert found["hold"].facts == {"rounds": 3, "released": 1, "destroyed": 1, "open": 1}
    assert [one.round for one in found["hold"].entries] == ["een", "twee", "drie"]
    assert found["justification"].facts == {"release": 2, "change": 1}
    assert found["monitor"].facts == {"rounds": 4, "alerted": 3}


def test_a_round_that_was_released_and_destroyed_after_it_is_released() -> None:
    found = told(held("een", "uwv"), released("een"), events.Destroyed(round="een", files=1))
    assert found["hold"].facts == {"rounds": 1, "released": 1, "destroyed": 0, "open": 0}


def changed(manifest: Manifest, when: str) -> Manifest:
    uwv = manifest.partners["uwv"]
    rule = uwv.selections[0].criteria[0].model_copy(update={"when": when})
    selection = uwv.selections[0].model_copy(update={"criteria": (rule, *uwv.selections[0].criteria[1:])})
    partners = manifest.partners | {"uwv": uwv.model_copy(update={"selections": (selection,)})}
    return manifest.model_copy(update={"partners": partners})


def test_after_a_change_of_criteria_the_last_count_before_and_the_first_after_are_told() -> None:
    first = handmade.manifest()
    rule = first.partners["uwv"].selections[0].criteria[0]
    second = changed(first, f"{rule.when} AND {rule.when}")
    log = under(first, 0, counted("een", 7), counted("twee", 3))
    log += under(second, 2, counted("drie", 0), counted("vier", 9))
    found = {one.measure: one for one in effects(log, [first, second])}["criteria"]
    assert found.facts == {"names": first.controllers["uwv"].title, "before": 3, "after": 0}, (
        "whose, not which rule"
    )
    assert [one.position for one in found.entries] == [1, 2]


def test_another_version_with_the_same_criteria_or_without_a_count_is_no_change() -> None:
    first = handmade.manifest()
    title = first.project.model_copy(update={"title": "Anders"})
    same = first.model_copy(update={"project": title})
    other = changed(first, f"NOT ({first.partners['uwv'].selections[0].criteria[0].when})")
    log = under(first, 0, counted("een", 7)) + under(same, 1, counted("twee", 0))
    assert "criteria" not in {one.measure for one in effects(log, [first, same, other])}


def test_measures_are_told_in_the_order_of_a_round() -> None:
    found = list(told(
        events.AccessRefused(partner="uwv", **WHY), held("een", "uwv"), counted("een", 1),
        events.GatesRefused(round="een", **WHY), justified("een", uwv="release"),
    ))  # fmt: skip
    assert found == ["gates", "monitor", "hold", "justification", "access"]
    assert set(found) <= set(MEASURES)
