"""What came of a project, per year, as everybody may know it. Pure.

Counts of rounds are exact: they are about nobody. Counts of people and things are of a whole (no group), and rounded as the
monitor rounds what it tells of all partners together (`protocol.withhold.blur`). They are told once: from 1 April of the next
year on, of what the log had by then, and to the smallest cell of the manifests that it had by then, so that the figures of a
year never change and no difference between two publications tells about somebody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from lsi_match.log import events
from lsi_match.log.events import Recorded
from lsi_match.log.view import ProjectView, RoundView
from lsi_match.protocol.documents import OutcomeCounts
from lsi_match.protocol.withhold import blur


@dataclass(frozen=True)
class Year:
    """The figures of the rounds that were opened in one year.

    Attributes:
        rounds, held, released, destroyed: numbers of rounds.
        smallest: to what the counts below are rounded; fewer are not told.
        final: whether the counts below are told already.
        records, cases, grounded, requests: rounded counts; None where they are fewer than `smallest`. Of `grounded` nothing
            is told where `cases` are fewer.
    """

    year: int
    rounds: int
    held: int
    released: int
    destroyed: int
    smallest: int
    final: bool
    records: int | None = None
    cases: int | None = None
    grounded: int | None = None
    requests: int | None = None


@dataclass(frozen=True)
class Use:
    """Since when rounds are opened, and until when; by the log."""

    begin: datetime | None = None
    end: datetime | None = None


def use(recorded: Sequence[Recorded], last_day: date, now: datetime) -> Use:
    """From the first opening to the last end, which is only told once the period is over and every round has ended."""
    opened = {one.round: one.at for one in recorded if isinstance(one.event, events.RoundOpened)}
    ended = {one.round: one.at for one in recorded if isinstance(one.event, events.Destroyed)}
    over = now.date() > last_day and opened.keys() <= ended.keys()
    return Use(min(opened.values(), default=None), max(ended.values(), default=None) if over else None)


def per_year(
    recorded: Sequence[Recorded],
    outcomes: Callable[[str], OutcomeCounts | None],
    smallest: Mapping[str, int],
    now: datetime,
) -> list[Year]:
    """The figures of each year in which a round was opened or an access request answered, the newest first.

    Args:
        recorded: every event of the log.
        outcomes: the counts of outcomes that have a digest; None where they are not here.
        smallest: digest of each manifest → its smallest cell; counts are rounded to the largest of those that ran by then.
    """
    counted = events.RoundOpened | events.AccessAnswered
    years = sorted({one.at.year for one in recorded if isinstance(one.event, counted)})
    view, requests, at = ProjectView(), Counter[int](), 0
    found = []
    for year in years:
        closes = datetime(year + 1, 4, 1, tzinfo=UTC)
        while at < len(recorded) and recorded[at].at < closes:
            view.take(recorded[at])
            requests[recorded[at].at.year] += isinstance(recorded[at].event, events.AccessAnswered)
            at += 1
        rounds = [one for one in view.rounds.values() if one.opened.at.year == year]
        told = Year(
            year=year,
            rounds=len(rounds),
            held=sum(one.hold is not None for one in rounds),
            released=sum(one.release is not None for one in rounds),
            destroyed=sum(one.destroyed is not None for one in rounds),
            smallest=max(smallest[one] for one in {one.manifest for one in recorded[:at]} & smallest.keys()),
            final=closes <= now,
        )
        counts = {
            "records": sum(drop.rows for one in rounds for drop in one.drops.values()),
            "cases": sum(one.release.cases for one in rounds if one.release),
            "grounded": sum(_grounded(one, outcomes) for one in rounds),
            "requests": requests[year],
        }
        rounded = {name: blur(count, told.smallest) for name, count in counts.items()}
        if rounded["cases"] is None:
            rounded["grounded"] = None  # each organisation counts: five of them would be three cases or four
        found.append(Year(**{**vars(told), **rounded}) if told.final else told)
    return found[::-1]


def _grounded(round_: RoundView, outcomes: Callable[[str], OutcomeCounts | None]) -> int:
    """Cases of the round that were grounded, as far as they were told; one case counts at each organisation."""
    papers = [outcomes(digest) for digest in round_.outcomes.values()]
    return sum(count or 0 for paper in papers if paper for count in paper.grounded.values())
