"""What is left of a difference when a legitimate characteristic is held equal."""

from __future__ import annotations

from collections.abc import Callable

from lsi_match.monitor.findings import Conditional, Ratio, Verdict
from lsi_match.monitor.groups import View, over
from lsi_match.monitor.intervals import CountRange, Interval, stratified_ratio
from lsi_match.monitor.table import SEPARATOR, CountsTable, Dimension, Stage

#: Of one group of the legitimate dimension: of the group here and there, of the others here and there.
_Stratum = tuple[CountRange, CountRange, CountRange, CountRange]


def conditional(
    view: View,
    group: str,
    stage: Stage,
    against: Stage,
    given: tuple[int, Dimension],
    table: CountsTable,
    confidence: float,
    judge: Callable[[Interval | None, float], Verdict],
) -> Conditional | None:
    """The pooled ratio of `group` over the others within the groups of `given`; None where counts are not told.

    Args:
        given: the place of the legitimate dimension among the dimensions, and the dimension.
    """
    at, dimension = given
    strata = _strata(view, group, stage, against, at, dimension)
    if strata is None:
        return None
    told = [tuple(count.told for count in stratum) for stratum in strata]
    crude, value, decides = None, None, False
    if all(number is not None for stratum in told for number in stratum):
        a, b, c, d = (sum(column) for column in zip(*told, strict=True))
        crude, value = over(over(a, b), over(c, d)), stratified_ratio(told, confidence)[0]  # type: ignore[arg-type]
        decides = all(own in (0, start) and its in (0, its_start) for own, start, its, its_start in told)
    interval = None if decides else _interval(strata, confidence)
    return Conditional(
        stage=stage.id,
        against=against.id,
        dimension=view.name,
        group=group,
        others=view.others,
        given=dimension.id,
        crude=crude,
        ratio=Ratio.of(None if decides else value, interval),
        verdict=judge(interval, table.tolerance),
        decides=decides,
    )


def _interval(strata: list[_Stratum], confidence: float) -> Interval:
    """Over every count that is possible: the group at its least and the others at their most, and the other way."""
    least = [(a.low, max(a.low, b.high), c.high, max(c.high, d.low)) for a, b, c, d in strata]
    most = [(a.high, max(a.high, b.low), c.low, max(c.low, d.high)) for a, b, c, d in strata]
    return stratified_ratio(least, confidence)[1].joined(stratified_ratio(most, confidence)[1])


def _strata(
    view: View, group: str, stage: Stage, against: Stage, at: int, given: Dimension
) -> list[_Stratum] | None:
    strata = []
    for level in given.groups:

        def inside(cell: str, level: str = level) -> bool:
            return cell.split(SEPARATOR)[at] == level

        row = [
            view.count_where(one, wanted, inside)
            for wanted in (view.is_group(group), view.is_other(group))
            for one in (stage, against)
        ]
        if None in row:
            return None
        strata.append(tuple(row))
    return strata  # type: ignore[return-value]
