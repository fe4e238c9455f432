"""One projection of the log: logs of before read as they did, what does not fit is told, and nothing is guessed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from logged import DIGEST, LATER, WHY, entry, held, of_round, opened, ran, run, view_of
from old_logs import NAMES, answers, old_log, views, whole_view
from refusals import raises

from lsi_match.base.errors import LsiError
from lsi_match.log import events
from lsi_match.log.entry import LogEntry
from lsi_match.log.events import EVENTS, Event, EventMalformedError, read
from lsi_match.log.export import LARGEST_LEAF, standard_entry
from lsi_match.log.view import (
    OVER,
    QUIET,
    RELEASED,
    TRANSITIONS,
    HoldRule,
    ProjectView,
    RoundView,
    State,
)
from lsi_match.manifest.base import MAX_PARTNERS

#: The faults that typed events mended: log → round → what was said falsely.
MENDED = {"outcomes": {"held": {"state": ("abandoned", "destroyed"), "last_step": ("outcome", "destroy")}}}


# logs of before


def told(view: ProjectView, one: RoundView) -> dict[str, Any]:
    rows = {partner: drop.rows for partner, drop in one.drops.items()}
    return {
        "state": one.state,
        "last_step": one.last_step,
        "refusals": one.refusals,
        "waits": sorted(one.waits),
        "hold": [one.hold.findings, one.hold.until.isoformat()] if one.hold else None,
        "tried": one.tried.at.isoformat() if one.tried else None,
        "news": view.news(one),
        "concluded": one.concluded,
        "reminded": sorted(one.reminded),
        "like_earlier": view.like("other", rows, 5),
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_log_of_before_tells_of_every_round_what_it_told(name: str) -> None:
    view = ProjectView.of(old_log(name))
    said = answers()[name]
    for round_id, before in said["rounds"].items():
        for what, (was, is_) in MENDED.get(name, {}).get(round_id, {}).items():
            assert before[what] == was
            before = before | {what: is_}
        assert told(view, view.rounds[round_id]) == before, round_id
    assert view.rounds.keys() == said["rounds"].keys()
    assert view.unknown == {}


@pytest.mark.parametrize("name", NAMES)
def test_a_log_of_before_tells_of_the_project_what_it_told(name: str) -> None:
    view, said = ProjectView.of(old_log(name)), answers()[name]
    assert view.opened() == {name: one.opened.at for name, one in view.rounds.items()}
    files = [
        [one.mark.position, round_.name, one.about, one.digest]
        for round_ in view.rounds.values()
        for one in round_.subject_files
    ]
    assert sorted(files) == sorted(said["subject_files"])
    assert {str(version): digest for version, digest in view.roots.items()} == said["roots"]
    papers = {digest: [seen.version, seen.at.isoformat()] for digest, seen in view.papers.items()}
    assert papers == said["papers"]
    for digest, before in said["taken_in"].items():
        about = view.manifests.get(digest)
        assert (about.papers if about else {}) == before
        sharing = about.sharing if about else {}
        assert {
            party: [one.given and one.given.isoformat(), one.answered and one.answered.isoformat()]
            for party, one in sharing.items()
        } == said["sharing"][digest]
    assert view.withdrawals() == said["withdrawals"]
    checkpoints = [at and at.isoformat() for at in (view.first_checkpoint, view.last_checkpoint)]
    assert checkpoints == said["checkpoints"]
    assert {round_: at.isoformat() for round_, at in view.waiting().items()} == said["waiting"]


@pytest.mark.parametrize("name", NAMES)
def test_the_view_of_a_log_of_before_is_what_it_was_in_everything(name: str) -> None:
    """Members that came since may stand beside."""

    def same(now: Any, then: Any) -> bool:
        if isinstance(then, dict):
            return isinstance(now, dict) and all(same(now.get(key), then[key]) for key in then)
        if isinstance(then, list):
            return len(now) == len(then) and all(map(same, now, then))
        return bool(now == then)

    now = whole_view(name)
    assert [member for member, then in views()[name].items() if not same(now[member], then)] == []


def test_a_rule_of_a_hold_is_broken_by_whoever_did_not_say_release() -> None:
    assert HoldRule().breach() is None
    assert HoldRule(alerts=True).breach() == ()
    held = HoldRule(True, DIGEST, ("uwv", "svb"), {"uwv": "release"})
    assert held.breach() == ("svb",)
    assert HoldRule(True, DIGEST, ("uwv", "svb"), {"uwv": "change", "svb": "release"}).breach() == ("uwv",)
    assert HoldRule(True, DIGEST, ("uwv",), {"uwv": "release"}).breach() is None


@pytest.mark.parametrize("state", get_args(State))
def test_a_round_knows_whether_it_has_a_release_and_is_over(state: State) -> None:
    opened = ProjectView.of([entry(events.RoundOpened(round="r1", opening=DIGEST))]).rounds["r1"]
    opened.state = state
    assert opened.has_release is (state in ("released", "destroyed"))
    assert opened.over is (state in ("destroyed", "abandoned"))


def test_there_is_a_log_of_before_for_every_state_and_every_step() -> None:
    states = {one.state for name in NAMES for one in ProjectView.of(old_log(name)).rounds.values()}
    assert states == set(get_args(State))
    seen = {type(read(n, old).event) for name in NAMES for n, old in enumerate(old_log(name))}
    # A drop whose arrival was logged is refused by a run in the same form; `test_entries` has one.
    later = {events.Restored, events.ForkReported, events.ForkExplained}
    later |= {events.EvaluationsAsked, events.EvaluationsRefused, events.EvaluationsAnswered}
    later |= {events.EvaluatorsNamed, events.RoundKeysGone, events.AccessAsked, events.OfficeCounted}
    assert set(EVENTS) - seen - later == {events.DropRefused}


@pytest.mark.parametrize("name", NAMES)
def test_every_event_of_a_log_of_before_is_written_as_it_was_read(name: str) -> None:
    ours = ("lsi.", "exception.")
    for position, old in enumerate(old_log(name)):
        event = read(position, old).event
        stood = {k: v for k, v in old.attributes.items() if k.startswith(ours) and k != "lsi.manifest"}
        assert event.attributes() == stood


# what does not fit


def test_an_unknown_step_is_told_and_changes_nothing() -> None:
    opened = entry(events.RoundOpened(round="r1", opening=DIGEST))
    strange = opened.model_copy(
        update={"name": "unrelease", "attributes": {"lsi.round": "r1", "lsi.opening": 4}}
    )
    view = ProjectView.of([opened, strange, strange])
    assert {name: (one.count, one.first) for name, one in view.unknown.items()} == {"unrelease": (2, 1)}
    assert (view.rounds["r1"].state, view.rounds["r1"].last_step) == ("open", "open round")


def test_a_refusal_as_version_0_1_wrote_it_is_the_same_event_and_no_error_of_the_standard() -> None:
    now = entry(events.DropArrivalRefused(partner="uwv", reason="DropTimeError", message="x"))
    before = now.model_copy(update={"status": "Error"})
    assert read(0, now).event == read(0, before).event
    assert (now.status, before.status) == ("Unset", "Error")
    assert standard_entry(before) == standard_entry(now)
    failed = entry(events.RetentionFailed(reason="OSError", message="x"))
    assert standard_entry(failed)["status"] == failed.status == "Error"


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"attributes": {"lsi.round": "r1"}}, "lsi.opening is missing"),
        (
            {"attributes": {"lsi.round": 1, "lsi.opening": DIGEST}},
            "lsi.round does not belong there like that",
        ),
        (
            {"attributes": {"round": "r1", "lsi.opening": DIGEST}},
            "lsi.round is missing",
        ),
        ({"attributes": {"lsi.round": "r1", "lsi.opening": "secret"}}, "lsi.opening does not belong"),
        (
            {"attributes": {"lsi.round": "r1", "lsi.opening": DIGEST, "lsi.more": 1}},
            "lsi.more does not belong",
        ),
        ({"status": "Error"}, "status Error"),
    ],
)
def test_a_known_step_with_other_attributes_is_an_error_that_says_where_and_what(
    changed: dict[str, Any], problem: str
) -> None:
    opened = entry(events.RoundOpened(round="r1", opening=DIGEST)).model_copy(update=changed)
    with pytest.raises(EventMalformedError) as told_:
        read(7, opened)
    assert "Entry 7" in told_.value.text("en")
    assert problem in told_.value.text("en")
    assert "secret" not in told_.value.text("en")


def test_a_step_out_of_place_names_the_step_and_the_state_and_changes_nothing() -> None:
    opened = entry(events.RoundOpened(round="r1", opening=DIGEST))
    view = ProjectView.of([opened])
    before = repr(view)
    for event, state in (
        (events.Released(round="r1", cases=1), "open"),
        (events.RoundOpened(round="r1", opening=DIGEST), "open"),
        (events.OutcomeTakenIn(round="r1", partner="uwv", outcome=DIGEST), "open"),
        (events.GatesPassed(round="r2"), "-"),
    ):
        with raises("StepOutOfPlaceError") as told_:
            view.apply(1, entry(event))
        facts = told_.value.facts
        assert (facts["step"], facts["round"], facts["state"]) == (event.step.value, event.round, state)
        assert repr(view) == before


# properties


def test_the_table_of_transitions_has_a_row_for_every_step_of_a_round() -> None:
    steps = {type(event) for event in of_round("r")}
    assert {model for model in EVENTS if "round" in model.model_fields} == steps
    assert TRANSITIONS.keys() == steps - {events.RoundOpened}


@given(st.lists(st.sampled_from([*of_round("a"), *of_round("b")]), max_size=60))
def test_no_entry_after_a_release_makes_a_round_unreleased(some: list[Event]) -> None:
    view, released, over = ProjectView(), set[str](), set[str]()
    for event in some:
        try:
            view.apply(view.size, entry(event))
        except LsiError as error:
            if error.reason != "StepOutOfPlaceError":
                raise
            continue
        released |= {
            one.name
            for one in view.rounds.values()
            if isinstance(event, events.Released) and one.name == event.round
        }
        over |= {one.name for one in view.rounds.values() if one.over}
        for name in released:
            assert view.rounds[name].state in RELEASED
        for name in over:
            assert view.rounds[name].state in OVER


def test_the_table_by_itself_leads_from_no_released_state_back() -> None:
    for row in TRANSITIONS.values():
        for before, after in row.items():
            if before in RELEASED:
                assert after in RELEASED
            if before in OVER:
                assert after == before


# what a round is told to be, beside its state


def test_a_run_after_a_release_finishes_it_and_takes_no_drop_away() -> None:
    released = [
        opened("r"),
        *run("r", uwv=3, svb=4),
        events.Released(round="r", cases=1, releases={"uwv": DIGEST}),
    ]
    again = view_of([*released, events.GatesPassed(round="r")]).rounds["r"]
    assert (again.state, set(again.drops)) == ("released", {"uwv", "svb"})
    refused = view_of([*released, events.GatesRefused(round="r", **WHY)]).rounds["r"]
    assert (refused.state, refused.concluded) == ("released", True)
    anew = view_of([opened("r"), *run("r", uwv=3, svb=4), events.GatesPassed(round="r")]).rounds["r"]
    assert anew.drops == {}, "before a release, every drop is taken in again"


def test_only_what_was_said_to_the_last_report_counts_for_its_hold() -> None:
    before, last = DIGEST, "sha256:" + "1" * 64
    begun = [
        opened("r"),
        *run("r", uwv=3),
        held("r", "uwv", findings=before),
        *run("r", uwv=3),
        held("r", "uwv", findings=last),
    ]
    for findings, breach in ((before, ("uwv",)), (last, None)):
        said = events.Justified(
            round="r", findings=findings, papers={"uwv": DIGEST}, decisions={"uwv": "release"}
        )
        view = view_of([*begun, said])
        assert view.rounds["r"].hold_rule.breach() == breach


def test_the_table_of_an_office_ends_the_hold_for_a_report_without_it() -> None:
    said = events.Justified(round="r", findings=DIGEST, papers={"uwv": DIGEST}, decisions={"uwv": "release"})
    counted = events.OfficeCounted(round="r", partner="uwv", office=DIGEST)
    view = view_of([opened("r"), *run("r", uwv=3), held("r", "uwv"), said, counted])
    now = view.rounds["r"]
    assert (now.state, now.hold, now.justifications, now.office) == ("open", None, set(), DIGEST)
    assert now.hold_rule.breach() is None
    assert view.news(now)
    with raises("StepOutOfPlaceError"):
        view_of([opened("r"), counted])


def test_a_refused_drop_leaves_a_run_that_was_concluded_so() -> None:
    refused = events.DropArrivalRefused(round="r", partner="uwv", **WHY)
    held_ = [opened("r"), *run("r", uwv=3), held("r", "uwv")]
    assert view_of([*held_, refused]).rounds["r"].concluded
    assert not view_of([opened("r"), *run("r", uwv=3), refused]).rounds["r"].concluded


def test_a_round_is_like_released_ones_with_the_same_partners_and_nearly_the_same_records() -> None:
    view = view_of([
        *ran("same", uwv=100, svb=200),
        *ran("other partners", uwv=100, gemeente=200),
        *ran("one partner", uwv=100),
        *ran("one far off", uwv=100, svb=205),
        *ran("unreleased", released=False, uwv=100, svb=200),
        *ran("four more", uwv=104, svb=196),
    ])  # fmt: skip
    rows = {"uwv": 100, "svb": 200}
    assert view.like("r", rows, 5) == ["same", "four more"]
    assert view.like("same", rows, 5) == ["four more"], "no round is like itself"


def test_a_drop_is_news_to_a_refused_round_and_not_to_a_held_one() -> None:
    came = events.DropArrived(round="r", partner="svb", drop=DIGEST)
    begun = [opened("r"), *run("r", uwv=3)]
    for last, news in ((held("r", "uwv"), False), (events.MatchRefused(round="r", **WHY), True)):
        view = view_of([*begun, last, came])
        assert view.news(view.rounds["r"]) is news
    quiet = view_of(begun)
    quiet.rounds["r"].last_justified = quiet.rounds["r"].tried.position  # type: ignore[union-attr]
    assert not quiet.news(quiet.rounds["r"]), "what came with the try itself is no news since"


def test_an_empty_view_knows_nothing() -> None:
    view = ProjectView()
    assert (view.size, view.asks, view.last_agreement, view.withdrawals(), view.waiting()) == (
        0,
        -1,
        -1,
        {},
        {},
    )


def test_a_release_waits_only_until_it_was_handed_out() -> None:
    asks = events.Released(round="een", cases=1, releases={"uwv": DIGEST}, cosignatures=1)
    begun = [*ran("twee", uwv=1), opened("een"), *run("een", uwv=1), asks]
    assert set(view_of(begun).waiting()) == {"een"}, "a release that asks for no cosignatures never waits"
    assert view_of([*begun, events.HandedOut(round="een", size=9, cosigners=("uwv",))]).waiting() == {}


def test_a_manifest_was_given_when_it_was_shared_first() -> None:
    view = view_of([events.ManifestShared(to=("uwv",))])
    first = view.manifests[DIGEST].sharing["uwv"].given
    later = entry(events.ManifestShared(to=("uwv",))).model_copy(update={"end_time": 99_000})
    assert view.apply(1, later).event == events.ManifestShared(to=("uwv",)), "what was read is given back"
    assert view.manifests[DIGEST].sharing["uwv"].given == first


def test_a_paper_is_judged_by_the_trust_root_of_when_it_was_seen_first() -> None:
    root = events.TrustRootTakenIn(version=1, root=DIGEST, changed=())
    paper = events.PapersTakenIn(papers={"uwv": DIGEST})
    assert view_of([paper]).papers[DIGEST].version == 0, "there was none"
    assert view_of([paper, root, paper]).papers[DIGEST].version == 0
    assert view_of([root, paper]).papers[DIGEST].version == 1


# rounds that are put away


def finished() -> ProjectView:
    """A round that was released, destroyed and forgotten, of which the release was removed."""
    return view_of(
        [
            *ran("een", uwv=3),
            events.ReleaseExpired(round="een", partner="uwv", release=DIGEST),
            events.SubjectsDestroyed(round="een", files=2, due=LATER),
        ]
    )


def test_a_round_is_done_with_once_nothing_of_it_is_left_and_nothing_was_heard_for_long() -> None:
    one = finished().rounds["een"]
    assert one.done_with(one.last + QUIET + timedelta(milliseconds=1))
    assert not one.done_with(one.last + QUIET)
    later = one.last + 2 * QUIET
    assert one.done_with(later) is True
    assert not replace(one, state="released").done_with(later), "it is not over"
    assert not replace(one, expired={}).done_with(later), "its release can be opened still"
    assert replace(one, expired={**one.expired, "sha256:" + "1" * 64: one.opened}).done_with(later)
    assert replace(one, release=None, expired={}).done_with(later), "nothing was released"
    assert not replace(one, forgotten=None).done_with(later), "its files of data subjects are there"
    assert replace(one, forgotten=None, subject_files=[]).done_with(later), "it has none"
    assert timedelta(days=30) < QUIET < timedelta(days=366)


def test_a_summary_says_how_a_round_ended() -> None:
    one = finished().rounds["een"]
    assert one.summary.released
    assert one.destroyed is not None
    assert one.summary.ended == one.destroyed.at
    assert not view_of([opened("een")]).rounds["een"].summary.released
    assert view_of([opened("een")]).rounds["een"].summary.ended is None


def test_a_round_that_was_put_away_is_there_for_who_asks() -> None:
    view = view_of([*ran("een", uwv=3), opened("twee")])
    whole = dict(view.live)
    view.put_away, view.get_back = {"een": view.live.pop("een").summary}, lambda: {"een": whole["een"]}
    assert view.has("een")
    assert [one.name for one in view.summaries()] == ["een", "twee"]
    assert set(view.live) == {"twee"}, "nothing was needed of it so far"
    assert view.round("drie") is None
    assert set(view.live) == {"twee"}
    assert view.round("een") == whole["een"]
    assert (list(view.rounds), view.put_away) == (["een", "twee"], {})
    asked = replace(view, get_back=lambda: pytest.fail("nothing is away"))
    assert set(asked.rounds) == {"een", "twee"}
    lost = replace(view, put_away={"een": whole["een"].summary}, live={"twee": whole["twee"]}, get_back=None)
    assert set(lost.rounds) == {"twee"}


def test_the_number_of_rounds_that_a_manifest_allows_is_spent_by_every_round_that_was_opened() -> None:
    view = view_of([*ran("een", released=False), opened("twee")])
    assert view.spent(1) is True
    assert view.spent(2) is True
    assert view.spent(3) is False
    assert view.spent(None) is False


def test_every_drop_that_came_in_is_told_accepted_or_not() -> None:
    came = events.DropArrived(round="een", partner="uwv", drop=DIGEST)
    refused = events.DropArrivalRefused(round="een", partner="svb", drop=DIGEST, **WHY)
    stray = events.DropArrivalRefused(round=None, partner="gemeente", drop=DIGEST, **WHY)
    view = view_of([opened("een"), came, refused, stray])
    told = {(one.partner, one.accepted) for one in view.all_arrivals()}
    assert told == {("uwv", True), ("svb", False), ("gemeente", False)}


def test_access_requests_count_for_a_day() -> None:
    def asked(number: int, hours: float) -> LogEntry:
        digest = f"sha256:{number:064x}"
        event = events.AccessAnswered(partner="uwv", request=digest, answer=DIGEST, asked=1)
        return entry(event).model_copy(update={"end_time": int(hours * 3_600_000)})

    view = ProjectView.of([asked(1, 1), asked(2, 2), asked(3, 25), asked(4, 26.5)])
    assert [at.hour for at in view.asked["uwv"]] == [1, 2], "the first two are a day ago, and more"
    assert len(view.requests) == 4


def test_an_entry_holds_as_many_partners_as_a_manifest_may_name() -> None:
    names = [f"{number:03d}".join(("p", "x" * 59)) for number in range(MAX_PARTNERS)]
    digests = dict.fromkeys(names, "sha256:" + "a" * 64)
    for event in (
        events.Released(round="r1", cases=1, releases=digests, subjects=digests),
        events.DropsIncomplete(round="r1", late=tuple(names), reason="drops-incomplete", message="x" * 1000),
    ):
        one = LogEntry(
            trace_id="1" * 32, span_id="1" * 16, name=event.step.value, status=event.status, start_time=0, end_time=0,
            attributes=event.attributes(),
        )  # fmt: skip
        assert read(0, one).event == event
        assert len(one.leaf()) < LARGEST_LEAF - 2000
