"""From counts to findings: pure functions over a `CountsTable`.

The verdict on a group looks at the ratio between groups: the chance of its members to get from one stage to the next
over that of the others. Every comparison is made at a confidence such that, over all comparisons of the report and
all runs that are foreseen, the chance of any false `over` or `under` stays under one minus the report's confidence
(Bonferroni: comparisons of nested stages and of runs over the same people depend on each other in ways that nobody
knows, and this holds whatever they are).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import combinations

from scipy.stats import norm
from scipy.stats.contingency import odds_ratio

from lsi_match.monitor.attribution import attributions
from lsi_match.monitor.findings import Conditional, Finding, Findings, Outcome, Ratio, Verdict
from lsi_match.monitor.intervals import (
    Between,
    Interval,
    ratio_between,
    ratio_interval,
    share_between,
    stratified_ratio,
)
from lsi_match.monitor.table import SEPARATOR, CountsTable, Dimension, Stage
from lsi_match.protocol.canonical import canonical_json, digest_of_bytes

#: The group of those of whom it is not known; it is counted among the others and not compared itself.
UNKNOWN = "unknown"
ALL_OTHERS = "others"
TIMES = " × "
_OUTCOMES = ("grounded", "not_grounded", "outcome_unknown")
#: Above this many people the exact interval of an odds ratio is slow, and the one on logarithms as good.
_EXACT_ODDS = 2_000

_Stratum = tuple[Between, Between, Between, Between]


def analyse(table: CountsTable) -> Findings:
    """Every group, at every stage that is compared, of every protected dimension."""
    compared = [(stage, _stage(table, name)) for stage in table.stages if stage.kind not in _OUTCOMES for name in stage.against]  # fmt: skip
    views = list(_views(table))
    pairs = [(view, group) for view in views for group in view.groups]
    comparisons = max(1, len(compared) * len(pairs))
    confidence = 1 - (1 - table.confidence) / comparisons / table.looks
    found = tuple(
        _finding(view, group, stage, against, table, confidence)
        for stage, against in compared
        for view, group in pairs
    )
    return Findings(
        counts=digest_of_bytes(canonical_json(table.model_dump(mode="json"))),
        comparisons=comparisons,
        confidence=confidence,
        tolerance=table.tolerance,
        findings=found,
        conditionals=tuple(_conditionals(table, compared, confidence)),
        attributions=attributions(table),
        outcomes=tuple(_outcomes(table, found)),
        alert=any(finding.verdict is Verdict.OVER for finding in found),
    )


def verdict(ratio: Interval | None, tolerance: float) -> Verdict:
    """What an interval of a ratio says, see `Verdict`."""
    if ratio is None:
        return Verdict.TOO_LITTLE
    if ratio.low > tolerance:
        return Verdict.OVER
    if ratio.high < 1 / tolerance:
        return Verdict.UNDER
    if ratio.low >= 1 / tolerance and ratio.high <= tolerance:
        return Verdict.WITHIN
    return Verdict.TOO_LITTLE


# counts of groups


class _View:
    """One protected dimension, or two crossed: which cells are of a group, and which of those it is compared with."""

    def __init__(
        self, name: str, groups: tuple[str, ...], baseline: str | None, of: Callable[[str], str]
    ) -> None:
        self.name = name
        self.groups = tuple(group for group in groups if group != baseline)
        self.baseline = baseline
        self._of = of

    @property
    def others(self) -> str:
        return self.baseline or ALL_OTHERS

    def is_group(self, group: str) -> Callable[[str], bool]:
        return lambda cell: self._of(cell) == group

    def is_other(self, group: str) -> Callable[[str], bool]:
        if self.baseline:
            return self.is_group(self.baseline)
        return lambda cell: self._of(cell) != group


def _views(table: CountsTable) -> Iterator[_View]:
    protected = [(at, one) for at, one in enumerate(table.dimensions) if one.role == "protected"]
    for at, dimension in protected:
        groups = tuple(group for group in dimension.groups if group != UNKNOWN)
        yield _View(dimension.id, groups, dimension.baseline, _reader(at))
    for (at, first), (other_at, second) in combinations(protected, 2):
        crossed = tuple(
            f"{a}{SEPARATOR}{b}"
            for a in first.groups
            for b in second.groups
            if UNKNOWN not in (a, b) and _large_enough(table, {at: a, other_at: b})
        )
        if crossed:
            yield _View(f"{first.id}{TIMES}{second.id}", crossed, None, _reader(at, other_at))


def _reader(*positions: int) -> Callable[[str], str]:
    def groups_of(cell: str) -> str:
        parts = cell.split(SEPARATOR)
        return SEPARATOR.join(parts[at] for at in positions)

    return groups_of


def _large_enough(table: CountsTable, groups: dict[int, str]) -> bool:
    """Whether the reference holds enough of a crossed group to be told apart from a person."""
    stage = table.stages[0]
    cells = [cell for cell in stage.counts if all(cell.split(SEPARATOR)[at] == g for at, g in groups.items())]
    counts = [stage.counts[cell] for cell in cells]
    return None not in counts and sum(count or 0 for count in counts) >= 10 * table.smallest_cell


def _stage(table: CountsTable, name: str) -> Stage:
    return next(stage for stage in table.stages if stage.id == name)


def _count(
    table: CountsTable, stage: Stage, wanted: Callable[[str], bool] = lambda cell: True
) -> Between | None:
    """How many of the stage are in the wanted cells; None when a withheld count has no bound.

    A withheld count lies between zero and the least count of the same cell in a stage this one is compared with.
    """
    whole = Between(0, 0, 0)
    for cell, count in stage.counts.items():
        if not wanted(cell):
            continue
        if count is not None:
            slack = stage.rounded_to // 2
            whole += Between(max(0, count - slack), count + slack, count)
            continue
        bounds = [_count(table, _stage(table, name), _only(cell)) for name in stage.against]
        known = [bound.high for bound in bounds if bound is not None]
        if not known:
            return None
        whole += Between(0, min(known), None)
    return whole


def _only(wanted: str) -> Callable[[str], bool]:
    return lambda cell: cell == wanted


# findings


def _finding(
    view: _View, group: str, stage: Stage, against: Stage, table: CountsTable, confidence: float
) -> Finding:
    here, there = _count(table, stage, view.is_group(group)), _count(table, against, view.is_group(group))
    others, others_there = (
        _count(table, stage, view.is_other(group)),
        _count(table, against, view.is_other(group)),
    )
    total, total_there = _count(table, stage), _count(table, against)
    representation, ratio = Ratio.of(None, None), None
    value = None
    if here and there and total and total_there and others and others_there:
        representation = _representation(here, total, there, total_there, against.sampled, confidence)
        if against.sampled:
            value, ratio = _odds(here, others, there, others_there, confidence)
        elif there.high and others_there.high:
            value = _over(_over(here.told, there.told), _over(others.told, others_there.told))
            ratio = ratio_between(here, there, others, others_there, confidence)
    return Finding(
        stage=stage.id,
        against=against.id,
        dimension=view.name,
        group=group,
        others=view.others,
        count=_whole(here),
        total=_whole(total),
        reference_count=_whole(there),
        reference_total=_whole(total_there),
        representation=representation,
        ratio=Ratio.of(value, ratio),
        verdict=verdict(ratio, table.tolerance),
    )


def _representation(
    here: Between, total: Between, there: Between, total_there: Between, sampled: bool, confidence: float
) -> Ratio:
    """The share of a group here over its share there."""
    value = _over(_over(here.told, total.told), _over(there.told, total_there.told))
    if sampled:
        return Ratio.of(value, ratio_between(here, total, there, total_there, confidence))
    share = share_between(here, total, confidence)
    lowest = _over(there.low, total_there.high) or 0.0
    highest = _over(there.high, total_there.low) or 0.0
    low = share.low / highest if highest else 0.0
    return Ratio.of(value, Interval(low, share.high / lowest if lowest else math.inf))


def _odds(
    here: Between, others: Between, there: Between, others_there: Between, confidence: float
) -> tuple[float | None, Interval]:
    """The ratio beside a sampled reference: of the odds of the group here and there, with the sample's own doubt."""
    value = _over(_over(here.told, others.told), _over(there.told, others_there.told))
    low = _odds_interval(here.low, others.high, there.high, others_there.low, confidence)
    return value, low.joined(_odds_interval(here.high, others.low, there.low, others_there.high, confidence))


def _odds_interval(a: int, b: int, c: int, d: int, confidence: float) -> Interval:
    if not (a or c) or not (b or d) or not (a or b) or not (c or d):
        return Interval(0.0, math.inf)
    if min(a, b, c, d) and a + b + c + d > _EXACT_ODDS:
        width = float(norm.ppf((1 + confidence) / 2)) * math.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
        centre = math.log(a * d / (b * c))
        return Interval(math.exp(centre - width), math.exp(centre + width))
    found = odds_ratio([[a, b], [c, d]]).confidence_interval(confidence)
    return Interval(float(found.low), float(found.high))


def _conditionals(
    table: CountsTable, compared: list[tuple[Stage, Stage]], confidence: float
) -> Iterator[Conditional]:
    """For every group and stage: what is left of the ratio within the groups of a legitimate dimension."""
    legitimate = [(at, one) for at, one in enumerate(table.dimensions) if one.role == "legitimate"]
    views = [view for view in _views(table) if TIMES not in view.name]
    nested = [(stage, against) for stage, against in compared if not against.sampled]
    for stage, against in nested:
        for at, given in legitimate:
            for view in views:
                for group in view.groups:
                    strata = _strata(table, stage, against, view, group, at, given)
                    if strata is not None:
                        yield _conditional(strata, stage, against, view, group, given.id, table, confidence)


def _conditional(
    strata: list[_Stratum], stage: Stage, against: Stage, view: _View, group: str, given: str,
    table: CountsTable, confidence: float,
) -> Conditional:  # fmt: skip
    told = [tuple(count.told for count in stratum) for stratum in strata]
    crude, value = None, None
    if all(number is not None for stratum in told for number in stratum):
        a, b, c, d = (sum(column) for column in zip(*told, strict=True))
        crude, value = _over(_over(a, b), _over(c, d)), stratified_ratio(told, confidence)[0]  # type: ignore[arg-type]
    least = [(a.low, max(a.low, b.high), c.high, max(c.high, d.low)) for a, b, c, d in strata]
    most = [(a.high, max(a.high, b.low), c.low, max(c.low, d.high)) for a, b, c, d in strata]
    interval = stratified_ratio(least, confidence)[1].joined(stratified_ratio(most, confidence)[1])
    return Conditional(
        stage=stage.id,
        against=against.id,
        dimension=view.name,
        group=group,
        others=view.others,
        given=given,
        crude=crude,
        ratio=Ratio.of(value, interval),
        verdict=verdict(interval, table.tolerance),
    )


def _strata(
    table: CountsTable, stage: Stage, against: Stage, view: _View, group: str, at: int, given: Dimension
) -> list[_Stratum] | None:
    """Per group of the legitimate dimension: of the group here and there, of the others here and there."""
    strata = []
    for level in given.groups:
        row = [
            _count(table, one, _both(wanted, at, level))
            for wanted in (view.is_group(group), view.is_other(group))
            for one in (stage, against)
        ]
        if None in row:
            return None
        strata.append(tuple(row))
    return strata  # type: ignore[return-value]


def _both(wanted: Callable[[str], bool], at: int, level: str) -> Callable[[str], bool]:
    return lambda cell: wanted(cell) and cell.split(SEPARATOR)[at] == level


def _outcomes(table: CountsTable, found: tuple[Finding, ...]) -> Iterator[Outcome]:
    """Per group the share of grounded cases among those that were judged."""
    stages = {stage.kind: stage for stage in table.stages if stage.kind in ("grounded", "not_grounded")}
    if len(stages) < 2:
        return
    more = {(f.dimension, f.group) for f in found if (f.ratio.low or 0) > 1}
    views = [view for view in _views(table) if TIMES not in view.name]
    pairs = [(view, group) for view in views for group in view.groups]
    confidence = 1 - (1 - table.confidence) / max(1, len(pairs)) / table.looks
    for view, group in pairs:
        counts = [
            _count(table, stages[kind], wanted)
            for wanted in (view.is_group(group), view.is_other(group))
            for kind in ("grounded", "not_grounded")
        ]
        interval, value = None, None
        if all(counts):
            good, bad, other_good, other_bad = (count for count in counts if count)
            value = _over(
                _over(good.told, (good + bad).told), _over(other_good.told, (other_good + other_bad).told)
            )
            low = ratio_interval(
                good.low, good.low + bad.high, other_good.high, other_good.high + other_bad.low, confidence
            )
            high = ratio_interval(
                good.high, good.high + bad.low, other_good.low, other_good.low + other_bad.high, confidence
            )
            interval = low.joined(high)
        yield Outcome(
            dimension=view.name,
            group=group,
            others=view.others,
            grounded=_whole(counts[0]),
            judged=_whole(counts[0] + counts[1]) if counts[0] and counts[1] else None,
            others_grounded=_whole(counts[2]),
            others_judged=_whole(counts[2] + counts[3]) if counts[2] and counts[3] else None,
            ratio=Ratio.of(value, interval),
            lower=None if interval is None else interval.high < 1,
            selected_more=(view.name, group) in more,
        )


def _over(top: float | None, bottom: float | None) -> float | None:
    return None if top is None or not bottom else top / bottom


def _whole(count: Between | None) -> int | None:
    """The number to show; None where part of it was withheld."""
    return None if count is None else count.told
