"""Whether what was promised for a difference worked: the same comparison then, in the round that was held for it, and now. Pure.

1. Of every difference that was answered one comparison is followed: the surest one that is made again; where none is (the
   criterion is gone, say), the last step of the same selection.
2. What is said of it rests on both intervals. That the alert is gone is no answer: fewer people give no alert either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from lsi_match.base.validation import Closed
from lsi_match.monitor.verdict import Answer, Kind, Row


class Effect(StrEnum):
    """`gone`: shown to be small now, or to the other side. `smaller` and `larger`: shown, since the intervals lie apart.
    `still`: an alert again, not shown to be smaller. `unknown`: none of these is shown."""

    GONE = "gone"
    SMALLER = "smaller"
    STILL = "still"
    LARGER = "larger"
    UNKNOWN = "unknown"


class Promise(Closed):
    """What controllers answered to one difference of an earlier round: `said` (controller → what is done about it), when
    that is looked at again at the latest, and the comparison that is followed, as it was `then`."""

    round: str
    difference: str
    then: Row
    said: dict[str, str]
    review: date | None = None


@dataclass(frozen=True)
class Followed:
    """A promise and the same comparison of now; None where it is not made any more."""

    promise: Promise
    now: Row | None

    @property
    def effect(self) -> Effect:
        then, now = self.promise.then, self.now
        if now is None or now.ratio.low is None:
            return Effect.UNKNOWN
        if now.answer is Answer.SMALL or (now.answer is Answer.LARGE and not now.harms):
            return Effect.GONE
        if now.certain > _most(then):
            return Effect.LARGER
        if _most(now) < then.certain:
            return Effect.SMALLER
        return Effect.STILL if now.alerts else Effect.UNKNOWN


def _most(row: Row) -> float:
    """The largest factor, at the disadvantage of the group, that the interval allows (`Row.certain` is the smallest)."""
    end = row.ratio.high if row.direction == "burden" else row.ratio.low
    if row.direction == "burden":
        return float("inf") if end is None else end
    return 1 / end if end else float("inf")


def promised(
    round_id: str,
    differences: Mapping[str, tuple[Row, ...]],
    before: Iterable[Row],
    now: Iterable[Row],
    said: Mapping[str, Mapping[str, str]],
    review: Mapping[str, date],
) -> Iterator[Promise]:
    """A promise for every difference that somebody answered.

    Args:
        differences: of the report that held the round, as `RoundFindings.differences`.
        before, now: all comparisons of that report, and of this one.
        said: digest of a difference → controller → what it does about it.
        review: digest → when that is looked at again.
    """
    made = {_place(row) for row in now}
    every = list(before)
    for digest, rows in differences.items():
        if not said.get(digest):
            continue
        alike = [row for row in every if row.kind is Kind.CRUDE and row.cause == rows[0].cause]
        followed = next((row for row in (*rows, *reversed(alike)) if _place(row) in made), rows[0])
        yield Promise(
            round=round_id,
            difference=digest,
            then=followed,
            said=dict(said[digest]),
            review=review.get(digest),
        )


def followed(promises: Iterable[Promise], now: Iterable[Row]) -> list[Followed]:
    """Every promise, with the comparison of now."""
    rows = {_place(row): row for row in now}
    return [Followed(one, rows.get(_place(one.then))) for one in promises]


def _place(row: Row) -> tuple[str, ...]:
    return row.kind, row.stage, row.against, row.dimension, row.group, row.others, row.given, row.level
