"""What is left of a difference when a legitimate characteristic is held equal, and whether it is the same throughout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lsi_match.monitor.findings import Conditional, Ratio, Stratum, Verdict
from lsi_match.monitor.groups import View, over
from lsi_match.monitor.heterogeneity import heterogeneity
from lsi_match.monitor.intervals import (
    CountRange,
    Interval,
    ratio_between,
    stratified_interval,
    stratified_ratio,
)
from lsi_match.monitor.table import SEPARATOR, CountsTable, Dimension, Stage

#: Of one group of the legitimate dimension: of the group here and there, of the others here and there.
_Counts = tuple[CountRange, CountRange, CountRange, CountRange]
#: The groups of the legitimate dimension in which there are people to compare.
Strata = dict[str, _Counts]


@dataclass(frozen=True)
class Question:
    """One group at one stage beside another, within the groups of the legitimate dimension `given`, which is at place
    `at` among the dimensions."""

    view: View
    group: str
    stage: Stage
    against: Stage
    at: int
    given: Dimension


def conditional(
    question: Question,
    strata: Strata,
    table: CountsTable,
    confidences: tuple[float, float],
    judge: Callable[[Interval | None, float], Verdict],
) -> Conditional:
    """The pooled ratio of a group over the others within the groups of a legitimate dimension, and the ratio in each.

    Args:
        confidences: of the pooled ratio, and of each stratum and test.
    """
    confidence, closer = confidences
    told = [tuple(count.told for count in stratum) for stratum in strata.values()]
    crude, value, decides, differs, reverses = None, None, False, False, False
    if all(number is not None for stratum in told for number in stratum):
        a, b, c, d = (sum(column) for column in zip(*told, strict=True)) if told else (0, 0, 0, 0)
        crude, value = over(over(a, b), over(c, d)), stratified_ratio(told)  # type: ignore[arg-type]
        decides = all(own in (0, start) and its in (0, its_start) for own, start, its, its_start in told)
        found = heterogeneity(told, question.stage.rounded_to)  # type: ignore[arg-type]
        differs, reverses = (chance < 1 - closer for chance in (found.differs, found.reverses))
    interval = None if decides else _pooled(list(strata.values()), confidence)
    return Conditional(
        stage=question.stage.id,
        against=question.against.id,
        dimension=question.view.name,
        group=question.group,
        others=question.view.others,
        given=question.given.id,
        crude=crude,
        ratio=Ratio.of(None if decides else value, interval),
        verdict=judge(interval, table.tolerance),
        decides=decides,
        direction=question.stage.direction,
        strata=() if decides else tuple(_stratum(one, strata[one], table, closer, judge) for one in strata),
        differs=differs and not decides,
        reverses=reverses and not decides,
    )


def _stratum(
    level: str,
    counts: _Counts,
    table: CountsTable,
    confidence: float,
    judge: Callable[[Interval | None, float], Verdict],
) -> Stratum:
    here, there, others, others_there = counts
    interval = ratio_between(here, there, others, others_there, confidence)
    value = over(over(here.told, there.told), over(others.told, others_there.told))
    return Stratum(level=level, ratio=Ratio.of(value, interval), verdict=judge(interval, table.tolerance))


def _pooled(strata: list[_Counts], confidence: float) -> Interval:
    """Over every count that is possible: the group at its least and the others at their most, and the other way."""
    least = [(a.low, max(a.low, b.high), c.high, max(c.high, d.low)) for a, b, c, d in strata]
    most = [(a.high, max(a.high, b.low), c.low, max(c.low, d.high)) for a, b, c, d in strata]
    return stratified_interval(least, confidence).joined(stratified_interval(most, confidence))


def strata_of(question: Question) -> Strata | None:
    """The counts within each group of the legitimate dimension; None where they are not told. A group in which there is
    nobody of the one or of the other, or from which nobody of either gets through, compares nothing and is left out."""
    view, strata = question.view, {}
    for level in question.given.groups:

        def inside(cell: str, level: str = level) -> bool:
            return cell.split(SEPARATOR)[question.at] == level

        row = [
            view.count_where(one, wanted, inside)
            for wanted in (view.is_group(question.group), view.is_other(question.group))
            for one in (question.stage, question.against)
        ]
        here, there, others, others_there = row
        if here is None or there is None or others is None or others_there is None:
            return None
        if there.high and others_there.high and (here.high or others.high):
            strata[level] = (here, there, others, others_there)
    return strata
