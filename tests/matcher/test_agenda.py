"""What a project that runs by itself has to do at a moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import handmade
import pytest

from lsi_match.log.view import OVER, Mark, ProjectView, RoundView
from lsi_match.manifest import Manifest
from lsi_match.matcher.operate.agenda import (
    Abandon,
    MakeCheckpoint,
    Open,
    ReleaseHeld,
    Remind,
    RoundNow,
    Run,
    Task,
    about,
    agenda,
)

ALL = frozenset(handmade.PARTNERS)
OPENED = datetime(2026, 6, 1, 4, 0, tzinfo=UTC)
DEADLINE = OPENED + timedelta(days=14)
DAY = timedelta(days=1)


def agreed(**schedule: Any) -> Manifest:
    document = handmade.document()
    document["schedule"] |= schedule
    return Manifest.model_validate(document)


def round_(**changes: Any) -> RoundNow:
    members: dict[str, Any] = {
        "round": "2026-06-01", "state": "open", "opened_at": OPENED, "deadline": DEADLINE, "delivered": ALL,
    }  # fmt: skip
    return RoundNow(**(members | changes))


def tasks(now: datetime, *rounds: RoundNow, **schedule: Any) -> list[Task]:
    """What there is to do, on a day that has its checkpoint."""
    over = {r.round for r in rounds if r.state in OVER}
    live = {
        r.round: RoundView(r.round, 1, "", "", "", Mark(0, r.opened_at), r.opened_at, state=r.state)
        for r in rounds
    }
    view = ProjectView(began=OPENED - DAY, last_checkpoint=now, live=live)
    return agenda(agreed(**schedule), view, [r for r in rounds if r.round not in over], now)


def test_it_runs_when_everybody_has_delivered() -> None:
    assert tasks(OPENED + DAY, round_()) == [Run("2026-06-01")]
    assert tasks(OPENED + DAY, round_(delivered=frozenset({"uwv", "svb"}))) == []


@pytest.mark.parametrize("state", ["destroyed", "abandoned", "held"])
def test_a_round_that_is_over_or_held_is_left_alone(state: str) -> None:
    assert tasks(DEADLINE + DAY, round_(state=state), when_late="refuse") == []


def test_a_held_round_runs_again_when_there_is_news_within_its_term() -> None:
    until = OPENED + 30 * DAY
    held = round_(state="held", held_until=until)
    assert tasks(OPENED + DAY, held) == []
    assert tasks(OPENED + DAY, round_(state="held", held_until=until, news=True)) == [
        ReleaseHeld("2026-06-01")
    ]
    assert tasks(until, round_(state="held", held_until=until, news=True)) == []  # retention destroys it
    assert tasks(until, round_(state="held", held_until=None, news=True)) == [ReleaseHeld("2026-06-01")]


def test_a_held_round_whose_run_broke_off_is_tried_again_after_a_quarter_of_an_hour() -> None:
    """Killed after it began, it would else wait for news that came already, until all is destroyed."""
    tried = OPENED + DAY
    broken = round_(state="held", held_until=OPENED + 30 * DAY, tried=tried, broke_off=True)
    assert tasks(tried + timedelta(minutes=14), broken) == []
    assert tasks(tried + timedelta(minutes=15), broken) == [ReleaseHeld("2026-06-01")]
    whole = round_(state="held", held_until=OPENED + 30 * DAY, tried=tried)
    assert tasks(tried + DAY, whole) == []
    never = round_(state="held", held_until=OPENED + 30 * DAY, broke_off=True)
    assert tasks(tried + DAY, never) == []


@pytest.mark.parametrize("state", ["open", "refused", "matched", "held"])
def test_a_round_whose_key_is_gone_is_ended(state: str) -> None:
    assert tasks(OPENED + DAY, round_(state=state, key=False, news=True)) == [Abandon("2026-06-01", ())]


def test_there_is_one_checkpoint_a_day_in_local_time_until_nothing_can_have_a_term() -> None:
    late, last = (
        datetime(2026, 6, 8, 21, 59, tzinfo=UTC),
        datetime(2026, 6, 8, 22, 1, tzinfo=UTC),
    )  # around midnight
    weekly = agreed()
    new, made = (
        ProjectView(began=OPENED),
        ProjectView(began=OPENED, last_checkpoint=late - timedelta(hours=20)),
    )
    assert agenda(weekly, new, [], late) == [MakeCheckpoint("2026-06-08")]
    assert agenda(weekly, made, [], late) == []
    assert agenda(weekly, ProjectView(began=OPENED, last_checkpoint=late), [], last) == [
        MakeCheckpoint("2026-06-09")
    ]
    assert agenda(weekly, new, [], datetime(2040, 1, 1, tzinfo=UTC)) == []


@pytest.mark.parametrize(
    ("section", "term"),
    [("retention", "log_details_days"), ("retention", "hold_days"), ("release", "keep_days")],
)
def test_the_last_checkpoint_is_of_the_day_on_which_the_longest_term_ends(section: str, term: str) -> None:
    document = handmade.document()
    document["retention"]["log_details_days"] = 30
    document[section][term] = 60
    last = datetime(2026, 12, 31, 12, tzinfo=UTC) + timedelta(days=14 + 60)  # a round of the last day
    made = [MakeCheckpoint(last.date().isoformat())]
    assert agenda(Manifest.model_validate(document), ProjectView(began=OPENED), [], last) == made
    assert agenda(Manifest.model_validate(document), ProjectView(began=OPENED), [], last + DAY) == []


def test_a_task_is_about_its_round_or_its_day() -> None:
    assert about(Run("2026-06-01")) == "2026-06-01"
    assert about(MakeCheckpoint("2026-06-02")) == "2026-06-02"


def test_a_release_that_was_not_finished_is_finished() -> None:
    assert tasks(DEADLINE + DAY, round_(state="released", delivered=frozenset())) == [Run("2026-06-01")]
    assert tasks(DEADLINE + DAY, round_(state="released", key=False)) == [Run("2026-06-01")]


@pytest.mark.parametrize(
    ("when_late", "delivered", "expected"),
    [
        ("wait", {"uwv", "svb"}, []),
        ("proceed", {"uwv", "svb"}, [Run("2026-06-01")]),
        ("proceed", {"uwv"}, [Abandon("2026-06-01", ("gemeente", "svb"))]),
        ("refuse", {"uwv", "svb"}, [Abandon("2026-06-01", ("gemeente",))]),
        ("refuse", ALL, [Run("2026-06-01")]),
    ],
)
def test_past_the_deadline_the_manifest_says_what_happens(
    when_late: str, delivered: set[str], expected: list[Task]
) -> None:
    late = round_(delivered=frozenset(delivered))
    assert tasks(DEADLINE, late, when_late=when_late) == expected
    if delivered != ALL:
        assert tasks(DEADLINE - timedelta(seconds=1), late, when_late=when_late) == []


def test_a_refused_run_waits_for_news_or_a_day() -> None:
    tried = OPENED + DAY
    assert tasks(tried + timedelta(hours=23), round_(state="refused", tried=tried)) == []
    assert tasks(tried + timedelta(hours=1), round_(state="refused", tried=tried, news=True)) == [
        Run("2026-06-01")
    ]
    assert tasks(tried + DAY, round_(state="refused", tried=tried)) == [Run("2026-06-01")]


def test_a_run_that_broke_off_is_tried_again_soon() -> None:
    tried = OPENED + DAY
    assert tasks(tried + timedelta(minutes=14), round_(state="matched", tried=tried)) == []
    assert tasks(tried + timedelta(minutes=15), round_(state="matched", tried=tried)) == [Run("2026-06-01")]


def test_whoever_is_late_is_reminded_once_per_agreed_day() -> None:
    late = frozenset({"uwv", "svb"})
    when = {"remind_days": (7, 2)}
    assert tasks(DEADLINE - 8 * DAY, round_(delivered=late), **when) == []
    assert tasks(DEADLINE - 7 * DAY, round_(delivered=late), **when) == [
        Remind("2026-06-01", ("gemeente",), 7)
    ]
    assert tasks(DEADLINE - 6 * DAY, round_(delivered=late, reminded=frozenset({7})), **when) == []
    # nothing ran for a week: one reminder, not two
    assert tasks(DEADLINE - DAY, round_(delivered=late), **when) == [Remind("2026-06-01", ("gemeente",), 2)]
    assert tasks(DEADLINE - DAY, round_(delivered=late, reminded=frozenset({2})), **when) == []
    assert tasks(DEADLINE - DAY, round_(), **when) == [Run("2026-06-01")]
    # from the deadline on it is too late to remind
    assert tasks(DEADLINE, round_(delivered=late), **when, when_late="wait") == []


def test_a_round_opens_at_its_hour_in_local_time() -> None:
    weekly = {"opens": "0 6 * * 1", "timezone": "Europe/Amsterdam"}
    monday = datetime(2026, 6, 8, 4, 0, tzinfo=UTC)  # 06:00 in Amsterdam, in summer
    done = round_(state="destroyed")
    assert tasks(monday - timedelta(seconds=2), done, **weekly) == []
    assert tasks(monday, done, **weekly) == [Open("2026-06-08")]
    assert tasks(monday + 3 * DAY, done, **weekly) == [Open("2026-06-08")]
    opened = round_(round="2026-06-08", state="destroyed")
    assert tasks(monday + 3 * DAY, done, opened, **weekly) == []


def test_of_the_rounds_that_passed_unseen_only_the_last_opens() -> None:
    weekly = {"opens": "0 6 * * 1"}
    assert tasks(datetime(2026, 7, 1, tzinfo=UTC), round_(state="destroyed"), **weekly) == [
        Open("2026-06-29")
    ]


def test_no_round_opens_for_a_time_before_or_after_the_project() -> None:
    weekly = agreed(opens="0 6 * * 1")
    wednesday = datetime(2026, 6, 3, 12, tzinfo=UTC)
    for began, now in (
        (wednesday - timedelta(hours=1), wednesday),
        (OPENED, datetime(2027, 1, 20, tzinfo=UTC)),
    ):
        assert agenda(weekly, ProjectView(began=began, last_checkpoint=now), [], now) == []


@pytest.mark.parametrize("day", ["2026-01-01", "2026-12-31"])
def test_a_round_opens_on_the_first_and_the_last_day_and_from_the_moment_the_project_is_here(
    day: str,
) -> None:
    hour = datetime.fromisoformat(f"{day}T06:00:00+01:00")  # in Amsterdam
    assert agenda(agreed(opens="0 6 * * *"), ProjectView(began=hour, last_checkpoint=hour), [], hour) == [
        Open(day)
    ]


def test_what_is_open_when_the_project_ends_is_given_up() -> None:
    after = datetime(2027, 1, 1, 0, 0, tzinfo=UTC)
    assert tasks(after, round_()) == [Abandon("2026-06-01", ())]
    assert tasks(after - timedelta(hours=2), round_()) == [Run("2026-06-01")]


@pytest.mark.parametrize(
    ("schedule", "problem"),
    [
        ({"opens": "every monday"}, "cron"),
        ({"opens": "* * * * *"}, "once a day"),
        ({"opens": "0 6,18 * * *"}, "once a day"),
        ({"opens": "0 6 31 2 *"}, "once a day|cron"),
        ({"timezone": "Europe/Zandstad"}, "not known"),
        ({"timezone": "../../etc/passwd"}, "not known"),
        ({"remind_days": (14,)}, "remind_days"),
    ],
)
def test_a_schedule_that_cannot_be_kept_is_refused(schedule: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        agreed(**schedule)
