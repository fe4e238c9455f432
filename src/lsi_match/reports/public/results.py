"""What came of a project, per year, as everybody may know it. Pure.

Counts of rounds are exact: they are about nobody. Counts of people and things are of a whole (no group), and rounded as the
monitor rounds what it tells of all partners together (`protocol.withhold.blur`); what organisations found is rounded down for
each of them, since each knows its own count and, from the log, all others. They are told once: from 1 April of the next
year on, of what the log had by then, and to the smallest cell of the manifests that it had by then, so that the figures of a
year never change and no difference between two publications tells about somebody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
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
        records, cases, requests: rounded counts; None where they are fewer than `smallest`.
        grounded: how many at least (`at_least`).
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
            "requests": requests[year],
        }
        rounded = {name: blur(count, told.smallest) for name, count in counts.items()}
        rounded["grounded"] = at_least(_grounded(rounds, outcomes), counts["cases"], told.smallest)
        found.append(Year(**{**vars(told), **rounded}) if told.final else told)
    return found[::-1]


def _grounded(rounds: Iterable[RoundView], outcomes: Callable[[str], OutcomeCounts | None]) -> Counter[str]:
    """Organisation → the cases that it found grounded, as far as it told; one case counts at each organisation."""
    found = Counter[str]()
    for name, digest in (one for round_ in rounds for one in round_.outcomes.items()):
        if paper := outcomes(digest):
            found[name] += sum(count or 0 for count in paper.grounded.values())
    return found


def at_least(counts: Mapping[str, int], cases: int, smallest: int) -> int | None:
    """How many of so many cases were grounded at least, each organisation that told it rounded down by itself; None for none.

    Below `smallest`, and above what leaves fewer than that, all counts of an organisation read the same: whoever knows the cases
    and the counts of all others still has `smallest` values for the last one.
    """
    most = max(0, cases // smallest - 1) * smallest
    return sum(min(count // smallest * smallest, most) for count in counts.values()) or None
