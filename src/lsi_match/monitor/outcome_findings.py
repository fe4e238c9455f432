"""What came of the cases: the outcome test, and appeals, each per group and with what it cannot say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lsi_match.monitor.findings import Appeal, Finding, Outcome, Ratio
from lsi_match.monitor.groups import View, over, shown_count
from lsi_match.monitor.intervals import CountRange, Interval, ratio_interval
from lsi_match.monitor.table import CountsTable, Stage


def outcomes(table: CountsTable, seen: Iterable[View], found: Iterable[Finding]) -> Iterator[Outcome]:
    """Per group the share of grounded cases among those that were judged."""
    stages = _of_kinds(table, "grounded", "not_grounded")
    if stages is None:
        return
    more = {(f.dimension, f.group) for f in found if (f.ratio.low or 0) > 1}
    pairs = [(view, group) for view in seen for group in view.groups]
    confidence = 1 - (1 - table.confidence) / max(1, len(pairs)) / table.looks
    for view, group in pairs:
        good, bad, other_good, other_bad = (
            view.count(stage, wanted)
            for wanted in (view.is_group(group), view.is_other(group))
            for stage in stages
        )
        interval, value, judged, others_judged = None, None, None, None
        if good and bad and other_good and other_bad:
            judged, others_judged = good + bad, other_good + other_bad
            value = over(over(good.told, judged.told), over(other_good.told, others_judged.told))
            interval = _interval(good, bad, other_good, other_bad, confidence)
        yield Outcome(
            dimension=view.name,
            group=group,
            others=view.others,
            grounded=shown_count(good),
            judged=shown_count(judged),
            others_grounded=shown_count(other_good),
            others_judged=shown_count(others_judged),
            ratio=Ratio.of(value, interval),
            lower=None if interval is None else interval.high < 1,
            selected_more=(view.name, group) in more,
        )


def _interval(
    good: CountRange, bad: CountRange, other_good: CountRange, other_bad: CountRange, confidence: float
) -> Interval:
    low = ratio_interval(
        good.low, good.low + bad.high, other_good.high, other_good.high + other_bad.low, confidence
    )
    high = ratio_interval(
        good.high, good.high + bad.low, other_good.low, other_good.low + other_bad.high, confidence
    )
    return low.joined(high)


def appeals(table: CountsTable, seen: Iterable[View]) -> Iterator[Appeal]:
    """Per group, the baseline included, how many decisions there were, who appealed, and how that ended."""
    stages = _of_kinds(table, "grounded", "appealed", "appeal_upheld")
    if stages is None:
        return
    for view in seen:
        for group in (*((view.baseline,) if view.baseline else ()), *view.groups):
            decided, appealed, upheld = (
                shown_count(view.count(stage, view.is_group(group))) for stage in stages
            )
            yield Appeal(dimension=view.name, group=group, decided=decided, appealed=appealed, upheld=upheld)


def _of_kinds(table: CountsTable, *kinds: str) -> list[Stage] | None:
    stages = {stage.kind: stage for stage in table.stages}
    return [stages[kind] for kind in kinds] if all(kind in stages for kind in kinds) else None  # type: ignore[index]
