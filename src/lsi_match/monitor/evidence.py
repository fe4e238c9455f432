"""Evidence over rounds: what one round cannot show, several together do; valid whenever one looks. Pure.

Of the people that a step took from the two sides together (a group and the others), the share of the group is
r·N / (r·N + M) when its members have r times the chance of the others, with N and M in the stage before. So each round
gives a likelihood of r, and the rounds multiply. An average of likelihoods over all r (`PRIOR`), divided by the
likelihood of one r, is an e-value against that r: its chance ever to exceed 1/a, over any number of rounds, is at most a
(Ville). The ratios that are not refused are a confidence sequence (Robbins, Annals of Mathematical Statistics 41 (1970)
1397-1409; Ramdas and others, Statistical Science 38 (2023) 576-601).

Over several groups e-values are adjusted by closed testing: of every set that holds the group the mean is an e-value
against all of it, and the smallest of these means counts (Vovk and Wang, Annals of Statistics 49 (2021) 1736-1754). The
chance of a false alert is spent on the whole process first (`WHOLE`), and the rest on where in it. The group that others
are compared with is worse off where it is so beside each of them: the smallest of their e-values is one against that.

Where nearly everybody gets through, or people are taken without putting back, counts vary less than this supposes, so
that it alerts later. It supposes that rounds are about different people: who is selected again in every round counts
again. A matcher cannot know who was there before, since pseudonyms differ by round; so these are counts per round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lsi_match.monitor.findings import Helped, Ratio
from lsi_match.monitor.groups import UNKNOWN, View, views
from lsi_match.monitor.intervals import CountRange, stratified_ratio
from lsi_match.monitor.outcome_findings import helped
from lsi_match.monitor.table import CountsTable, Direction, Stage

Array = NDArray[np.float64]
#: The part of the chance of a false alert that is spent on the whole process; the rest on where in it.
WHOLE = 0.8
#: Ratios that are tried: their logarithms, and how likely each is before anything was counted.
_FAR, _POINTS, _WIDTH = float(np.log(32)), 1501, 0.7
#: A number of evidence beyond which nobody needs to know more.
_MOST = 600.0


def ratios(points: int = _POINTS) -> tuple[Array, Array]:
    """The logarithms of the ratios that are tried, and the logarithm of the weight of each."""
    tried = np.linspace(-_FAR, _FAR, points)
    weight = -(tried**2) / (2 * _WIDTH**2)
    return tried, weight - np.logaddexp.reduce(weight)


def likelihoods(counts: Array, others: Array, shares: Array, points: int = _POINTS) -> Array:
    """Per ratio (first axis) the logarithm of the likelihood of all rounds up to each (last axis).

    Args:
        counts: people of the group that a round took.
        others: and of the others.
        shares: the share of the group among both in the stage before.
    """
    tried = ratios(points)[0].reshape(-1, *(1,) * counts.ndim)
    odds = tried + np.log(shares) - np.log1p(-shares)
    each = counts * -np.logaddexp(0, -odds) + others * -np.logaddexp(0, odds)
    found: Array = np.cumsum(each, axis=-1)
    return found


def evidence(curve: Array, null: float, more: bool) -> Array:
    """The logarithm of the e-value, after every round, against a ratio of at most `null` (or, not `more`, at least).

    Args:
        curve: `likelihoods`.
    """
    tried, weight = ratios(len(curve))
    inside = tried <= np.log(null) if more else tried >= np.log(null)
    average = np.logaddexp.reduce(curve + weight.reshape(-1, *(1,) * (curve.ndim - 1)), axis=0)
    found: Array = np.minimum(average - curve[inside].max(axis=0), _MOST)
    return found


def sequence(curve: Array, chance: float) -> tuple[Array, Array]:
    """The lowest and the highest ratio that are not refused after every round."""
    tried, weight = ratios(len(curve))
    average = np.logaddexp.reduce(curve + weight[:, None], axis=0)
    kept = average - curve < np.log(1 / chance)
    step = tried[1] - tried[0]
    low = np.exp(tried[kept.argmax(axis=0)] - step)
    high = np.exp(tried[len(tried) - 1 - kept[::-1].argmax(axis=0)] + step)
    return np.where(kept[0], 0.0, low), np.where(kept[-1], np.inf, high)


def adjusted(evidences: Array) -> Array:
    """Closed testing over the last axis, on logarithms: the smallest mean of any set that holds each."""
    order = np.argsort(evidences, axis=-1)
    ordered = np.exp(np.take_along_axis(evidences, order, axis=-1))
    sums = np.cumsum(ordered, axis=-1)
    number = ordered.shape[-1]
    sizes = np.arange(1, number + 1)
    found = np.empty_like(ordered)
    for rank in range(number):
        below = np.concatenate([np.zeros_like(sums[..., :1]), sums[..., :rank]], axis=-1)
        smaller = (ordered[..., rank, None] + below) / sizes[: rank + 1]
        larger = sums[..., rank:] / sizes[rank:]
        found[..., rank] = np.minimum(smaller.min(axis=-1), larger.min(axis=-1))
    back = np.empty_like(found)
    np.put_along_axis(back, order, found, axis=-1)
    logs: Array = np.log(back)
    return logs


@dataclass(frozen=True)
class Line:
    """One group at one step over the rounds.

    `counts` and `totals` are per round (None where not told); `so_far` the ratio of all rounds up to each, with its
    confidence sequence; `alert` the first round after which a difference larger than the tolerance is shown, and `shown`
    the first after which any difference to the disadvantage of the group is. Rounds count from 0.
    """

    stage: str
    against: str
    dimension: str
    group: str
    others: str
    direction: Direction
    whole: bool
    counts: tuple[int | None, ...]
    totals: tuple[int | None, ...]
    so_far: tuple[Ratio, ...]
    shown: int | None
    alert: int | None


@dataclass(frozen=True)
class Trend:
    """All lines; those of the whole process first."""

    rounds: tuple[str, ...]
    lines: tuple[Line, ...]
    #: Whether the last change of the manifest helped, as far as outcomes tell.
    helped: tuple[Helped, ...] = ()

    @property
    def alerts(self) -> tuple[Line, ...]:
        """What is shown to be beyond the tolerance, the earliest first."""
        found = [line for line in self.lines if line.alert is not None]
        return tuple(sorted(found, key=lambda line: (not line.whole, line.alert)))


@dataclass(frozen=True)
class _Series:
    view: View
    group: str
    others: str
    stage: Stage
    against: Stage
    whole: bool
    rows: tuple[tuple[CountRange, CountRange, CountRange, CountRange] | None, ...]

    @property
    def more(self) -> bool:
        return self.stage.direction == "burden"

    @property
    def turned(self) -> _Series:
        """The same rounds, of the others with the group."""
        rows = tuple(None if row is None else (*row[2:], *row[:2]) for row in self.rows)
        return replace(self, group=self.others, others=self.group, rows=rows)

    def curve(self, more: bool) -> Array:
        """The likelihoods where counts that are not known are as they speak least for `more` (or less)."""
        counts, others, shares = (np.zeros(len(self.rows)) for _ in range(3))
        shares += 0.5
        for at, row in enumerate(self.rows):
            if row is not None:
                here, there, its, its_there = row
                counts[at], others[at] = (here.low, its.high) if more else (here.high, its.low)
                top, bottom = (there.high, its_there.low) if more else (there.low, its_there.high)
                shares[at] = min(max(top / max(top + bottom, 1), 1e-9), 1 - 1e-9)
        return likelihoods(counts, others, shares)


def trend(tables: Sequence[CountsTable]) -> Trend:
    """The evidence of the rounds together, in their order; groups and steps are those of the last table."""
    series = list(_series(tables))
    last = tables[-1]
    lines: list[Line] = []
    for whole, part in ((True, WHOLE), (False, 1 - WHOLE)):
        family = [those for those in series if those[0].whole is whole]
        if family:
            lines += _judged(family, last, (1 - last.confidence) * part)
    return Trend(tuple(table.title for table in tables), tuple(lines), tuple(helped(tables)))


def _judged(family: Sequence[Sequence[_Series]], table: CountsTable, chance: float) -> list[Line]:
    """A line of each member of the family: of several series that have to show it all, the one that does so least."""
    each = [[(one, one.curve(one.more)) for one in those] for those in family]
    first = []
    for null in (table.tolerance, 1.0):
        found = [
            np.stack([evidence(curve, null if one.more else 1 / null, one.more) for one, curve in those])
            for those in each
        ]
        first.append(
            _first(adjusted(np.stack([its.min(axis=0) for its in found], axis=-1)) >= np.log(1 / chance))
        )
    lines = []
    for at, its in enumerate(found):
        one = family[at][int(its[:, -1].argmin())]
        low = sequence(one.curve(True), chance / len(family))[0]
        high = sequence(one.curve(False), chance / len(family))[1]
        lines.append(
            Line(
                stage=one.stage.id,
                against=one.against.id,
                dimension=one.view.name,
                group=one.group,
                others=one.others,
                direction=one.stage.direction,
                whole=one.whole,
                counts=tuple(None if row is None else row[0].told for row in one.rows),
                totals=tuple(None if row is None else (row[0] + row[2]).told for row in one.rows),
                so_far=tuple(
                    Ratio(value=_so_far(one.rows[: n + 1]), low=float(low[n]), high=float(high[n]))
                    for n in range(len(one.rows))
                ),
                alert=first[0][at],
                shown=first[1][at],
            )
        )
    return lines


def _first(reached: NDArray[np.bool_]) -> list[int | None]:
    """Per column the first row that is true."""
    return [int(column.argmax()) if column.any() else None for column in reached.T]


def _so_far(rows: Sequence[tuple[CountRange, CountRange, CountRange, CountRange] | None]) -> float | None:
    told = [tuple(count.told for count in row) for row in rows if row is not None]
    strata = [tuple(n for n in row if n is not None) for row in told]
    kept = [row for row in strata if len(row) == 4]
    value = stratified_ratio(kept) if kept else None
    return None if value is None or not np.isfinite(value) else value


def _series(tables: Sequence[CountsTable]) -> list[tuple[_Series, ...]]:
    """Of each step every group beside the others; and the one that others are compared with, beside each of them."""
    last = tables[-1]
    found: list[tuple[_Series, ...]] = []
    steps = [
        stage
        for stage in last.stages
        if stage.kind in ("criterion", "selection", "match", "case") and stage.against
    ]
    ends = {(stage.partner, stage.selection): stage.id for stage in steps}
    every = [{view.name: view for view in views(table) if not view.crossed} for table in tables]
    for stage in steps:
        for name in stage.against:
            whole = ends[stage.partner, stage.selection] == stage.id and name == stage.against[0]
            for view in every[-1].values():
                its_groups = []
                for group in view.groups if view.counted_by == stage.counted_by else ():
                    if group == UNKNOWN or last.stage(name).sampled:
                        continue
                    rows = tuple(
                        _row(its.get(view.name), group, table, stage.id, name)
                        for table, its in zip(tables, every, strict=True)
                    )
                    its_groups.append(_Series(view, group, view.others, stage, last.stage(name), whole, rows))
                found += [(one,) for one in its_groups]
                if view.baseline and its_groups:
                    found.append(tuple(one.turned for one in its_groups))
    return found


def _row(
    view: View | None, group: str, table: CountsTable, stage: str, against: str
) -> tuple[CountRange, CountRange, CountRange, CountRange] | None:
    stages = {one.id: one for one in table.stages}
    if view is None or group not in view.groups or stage not in stages or against not in stages:
        return None
    row = [
        view.count(stages[name], wanted)
        for wanted in (view.is_group(group), view.is_other(group))
        for name in (stage, against)
    ]
    here, there, others, others_there = row
    if here is None or there is None or others is None or others_there is None:
        return None
    return (here, there, others, others_there) if there.high and others_there.high else None


def rounds_until_seen(
    ratio: float,
    share: float,
    selected: int,
    comparisons: int,
    *,
    tolerance: float,
    confidence: float,
    rounds: int,
) -> int | None:
    """After how many rounds a group, that has `ratio` times the chance of the others, is shown to be beyond the tolerance
    in 95 of 100 projects; None when that takes more than `rounds`, or 260. Drawn, with the same draws every time.

    Args:
        share: of the group in the population.
        selected: people selected in a round.
        comparisons: groups that are compared over the whole process.
    """
    rounds = min(rounds, 260)
    rng, tries, points = np.random.default_rng(11), 100, 161
    chance = ratio * share / (ratio * share + 1 - share)
    counts = rng.binomial(selected, chance, (tries, rounds)).astype(float)
    curve = likelihoods(counts, selected - counts, np.full(rounds, share), points)
    found = evidence(curve, tolerance, True) >= np.log(comparisons / ((1 - confidence) * WHOLE))
    seen = np.where(found.any(axis=1), found.argmax(axis=1) + 1, rounds + 1)
    needed = int(np.sort(seen)[int(np.ceil(0.95 * tries)) - 1])
    return needed if needed <= rounds else None
