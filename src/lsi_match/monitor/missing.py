"""Who is not known: of a criterion, who has no known value; of a dimension, who has no known group. Pure.

Who has no known value of a criterion cannot be hit by it, so that a group that is unknown more often looks calmer than
it is. Beside the ratio of all stands that of those with a known value. Those of whom the group is unknown can have been
anybody: then the ratio has bounds, from the one way to divide them over the groups to the other (Manski, Partial
Identification of Probability Distributions, 2003, ch. 1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from lsi_match.monitor.findings import KnownOnly, Missing, Ratio, Verdict
from lsi_match.monitor.groups import UNKNOWN, View, over, shown_count
from lsi_match.monitor.intervals import CountRange, Interval, ratio_between
from lsi_match.monitor.table import CountsTable, Stage

#: From this share of a group on, a criterion says nothing of a large part of it.
BLIND_FROM = 0.2
_Judge = Callable[[Interval | None, float], Verdict]


@dataclass(frozen=True)
class KnownQuestion:
    """One group at one stage, of those with a known value of a criterion: here, there, and the same of the others."""

    stage: Stage
    against: Stage
    view: View
    group: str
    criterion: str
    counts: tuple[CountRange, CountRange, CountRange, CountRange]

    def judged(self, tolerance: float, confidence: float, judge: _Judge) -> KnownOnly:
        """The ratio and its verdict."""
        here, there, others, others_there = self.counts
        interval = ratio_between(here, there, others, others_there, confidence)
        value = over(over(here.told, there.told), over(others.told, others_there.told))
        return KnownOnly(
            stage=self.stage.id,
            against=self.against.id,
            dimension=self.view.name,
            group=self.group,
            others=self.view.others,
            criterion=self.criterion,
            ratio=Ratio.of(value, interval),
            verdict=judge(interval, tolerance),
            direction=self.stage.direction,
        )


def questions_of_the_known(
    table: CountsTable, compared: Iterable[tuple[Stage, Stage]], seen: list[View]
) -> Iterator[KnownQuestion]:
    """Every comparison with a stage in which it was counted who has no known value of a criterion.

    A stage of kind `missing` that stands against a later stage says how many of those got through all the same; without
    it nobody did.
    """
    gaps = [stage for stage in table.stages if stage.kind == "missing" and stage.against]
    for stage, against in compared:
        for gap in gaps:
            other_criterion = stage.criterion not in (None, gap.criterion)
            if gap.against[0] != against.id or other_criterion or against.sampled:
                continue
            through = [g for g in gaps if (g.against[0], g.criterion) == (stage.id, gap.criterion)]
            for view in seen:
                for group in view.groups:
                    counts = _known(view, group, (stage, through), (against, [gap]))
                    if counts is not None:
                        yield KnownQuestion(stage, against, view, group, gap.criterion or "", counts)


def _known(
    view: View, group: str, here: tuple[Stage, list[Stage]], there: tuple[Stage, list[Stage]]
) -> tuple[CountRange, CountRange, CountRange, CountRange] | None:
    found = []
    for wanted in (view.is_group(group), view.is_other(group)):
        for stage, gaps in (here, there):
            count = view.count(stage, wanted)
            for gap in gaps:
                less = view.count(gap, wanted)
                count = None if count is None or less is None else _less(count, less)
            if count is None:
                return None
            found.append(count)
    return found[0], found[1], found[2], found[3]


def _less(count: CountRange, less: CountRange) -> CountRange:
    told = None if count.told is None or less.told is None else max(0, count.told - less.told)
    return CountRange(max(0, count.low - less.high), max(0, count.high - less.low), told)


def missing(table: CountsTable, seen: list[View], confidence: float) -> Iterator[Missing]:
    """Per criterion and group, of how many nothing is known."""
    for gap in table.stages:
        if gap.kind != "missing" or not gap.against:
            continue
        start = table.stage(gap.against[0])
        if start.kind in ("criterion", "selection"):
            continue
        for view in seen:
            for group in view.groups:
                counts = [
                    view.count(stage, wanted)
                    for wanted in (view.is_group(group), view.is_other(group))
                    for stage in (gap, start)
                ]
                told = [shown_count(count) for count in counts]
                interval = None
                here, there, others, others_there = counts
                if here and there and others and others_there:
                    interval = ratio_between(here, there, others, others_there, confidence)
                share = over(told[0], told[1])
                value = over(share, over(told[2], told[3]))
                yield Missing(
                    criterion=gap.criterion or "",
                    against=start.id,
                    dimension=view.name,
                    group=group,
                    others=view.others,
                    count=told[0],
                    reference_count=told[1],
                    others_count=told[2],
                    others_reference_count=told[3],
                    ratio=Ratio.of(value, interval),
                    blind=(share or 0.0) >= BLIND_FROM,
                )


def worst_case(view: View, group: str, stage: Stage, against: Stage) -> Ratio | None:
    """The lowest and the highest ratio of what was counted, whoever those are of whom the group is not known."""
    sides = [
        view.count(one, wanted)
        for wanted in (view.is_group(group), view.is_other(group), view.is_group(UNKNOWN))
        for one in (stage, against)
    ]
    if any(count is None for count in sides):
        return None
    here, there, others, others_there, through, unknown = (count for count in sides if count is not None)
    if not unknown.high:
        return None
    stayed = max(0, unknown.high - through.low)
    low = over(
        over(here.low, there.high + stayed), over(others.high + through.high, others_there.low + through.high)
    )
    high = over(
        over(here.high + through.high, there.low + through.high), over(others.low, others_there.high + stayed)
    )
    return Ratio(value=None, low=low or 0.0, high=high)
