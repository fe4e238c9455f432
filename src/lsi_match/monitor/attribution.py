"""Which criterion carries a difference between groups, from counts of the combinations that were met.

The value of a set of criteria is the logarithm of the chance of the group to meet all of them over that of the
others. Three readings: the change in the order of the manifest, the change when one criterion is left out, and the
mean change over all orders (Shapley, in: Contributions to the Theory of Games II, 1953, 307-317), which shares the
whole out without favour to any order. Half a person is added to every count, so that nobody meeting a set of
criteria does not make it infinite (Haldane 1956, Anscombe 1956). One criterion is named as sure only where it does more
than each other one beyond what chance gives, and whatever the withheld counts are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import combinations
from math import factorial

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from lsi_match.monitor.findings import Attribution, Ratio, Share
from lsi_match.monitor.groups import UNKNOWN
from lsi_match.monitor.table import SEPARATOR, Combinations, CountsTable, Dimension

#: More criteria than this have too many combinations to count; the order of the manifest is all that is told then.
MOST_CRITERIA = 12


def attributions(table: CountsTable) -> tuple[Attribution, ...]:
    """For every selection with counts of combinations, every group of every protected dimension."""
    starts = {stage.id: stage.counts for stage in table.stages}
    return tuple(
        _attribution(found, starts[found.start], at, dimension, group, table.confidence)
        for found in table.combinations
        if 0 < len(found.criteria) <= MOST_CRITERIA
        for at, dimension in enumerate(table.dimensions_of(None))
        if dimension.role == "protected"
        for group in dimension.groups
        if group not in (UNKNOWN, dimension.baseline)
    )


def _attribution(
    found: Combinations,
    start: Mapping[str, int | None],
    at: int,
    dimension: Dimension,
    group: str,
    confidence: float,
) -> Attribution:
    def own(cell: str) -> bool:
        return cell.split(SEPARATOR)[at] == group

    def others(cell: str) -> bool:
        its = cell.split(SEPARATOR)[at]
        return its == dimension.baseline if dimension.baseline else its not in (group, UNKNOWN)

    sides = [_met_by(found, start, wanted) for wanted in (own, others)]
    begin = [side(frozenset())[1] for side in sides]
    value = cache(lambda some: _value([side(some)[1] for side in sides], begin))
    every = frozenset(range(len(found.criteria)))
    effects = _Effects.of(found, (own, others), sides)
    told = tuple(
        share.model_copy(update={"interval": effects.interval(at, share.shapley, confidence)})
        for at, share in enumerate(shares(value, found.criteria))
    )
    return Attribution(
        partner=found.partner,
        selection=found.selection,
        dimension=dimension.id,
        group=group,
        others=dimension.baseline or "others",
        ratio=math.exp(value(every)),
        shares=told,
        sure=_sure(sides, len(found.criteria)) and effects.one_is_first(told, confidence),
    )


SetValue = Callable[[frozenset[int]], float]
#: How many meet a set of criteria: at least, probably, at most.
Meet = Callable[[frozenset[int]], tuple[float, float, float]]


def _met_by(found: Combinations, start: Mapping[str, int | None], wanted: Callable[[str], bool]) -> Meet:
    """Counts of those in the wanted cells who meet a set of criteria.

    What is withheld of a cell is what its known patterns leave of its count at the start; how that is spread over
    the withheld patterns is not known, so each may hold all of it or none. Probably: evenly.
    """
    patterns = {
        pattern: frozenset(i for i, sign in enumerate(pattern) if sign == "1") for pattern in found.met
    }
    cells = [cell for cell in start if wanted(cell)]

    def meet(criteria: frozenset[int]) -> tuple[float, float, float]:
        low = middle = high = 0.0
        for cell in cells:
            counts = {pattern: its.get(cell, 0) for pattern, its in found.met.items()}
            hidden = [pattern for pattern, count in counts.items() if count is None]
            inside = [pattern for pattern in hidden if criteria <= patterns[pattern]]
            known = sum(count or 0 for pattern, count in counts.items() if criteria <= patterns[pattern])
            whole = start[cell]
            rest = math.inf if whole is None else max(0, whole - sum(count or 0 for count in counts.values()))
            low += known + (rest if hidden and len(inside) == len(hidden) and whole is not None else 0)
            high += known + (rest if inside else 0)
            even = 0.0 if whole is None else rest
            middle += known + (even * len(inside) / len(hidden) if hidden else 0)
        return low, middle, high

    return cache(meet)


def _value(here: list[float], there: list[float]) -> float:
    (group, others), (group_start, others_start) = ([n + 0.5 for n in counts] for counts in (here, there))
    return math.log(group / group_start) - math.log(others / others_start)


class _Effects:
    """How sure the mean effects are, as far as they come from counts of people: by the delta method, each side being a
    multinomial count of patterns."""

    def __init__(self, slopes: list[NDArray[np.float64]], counts: list[NDArray[np.float64]]) -> None:
        #: Per side: criteria by patterns, what one person more with a pattern does to the logarithm of an effect.
        self._slopes = slopes
        self._counts = counts

    @classmethod
    def of(
        cls, found: Combinations, wanted: tuple[Callable[[str], bool], ...], sides: list[Meet]
    ) -> _Effects:
        number = len(found.criteria)
        sets = [frozenset(i for i in range(number) if mask >> i & 1) for mask in range(2**number)]
        patterns = [frozenset(i for i, sign in enumerate(one) if sign == "1") for one in found.met]
        inside = np.array([[some <= pattern for some in sets] for pattern in patterns], float)
        weights = np.zeros((number, len(sets)))
        for at, some in enumerate(sets):
            for position in range(number):
                size = len(some) - (position in some)
                weight = factorial(size) * factorial(number - size - 1) / factorial(number)
                weights[position, at] = weight if position in some else -weight
        slopes, counts = [], []
        for cells, meet in zip(wanted, sides, strict=True):
            met = np.array([meet(some)[1] + 0.5 for some in sets])
            slopes.append((weights / met) @ inside.T)
            counts.append(np.array([sum(n or 0 for cell, n in its.items() if cells(cell)) for its in found.met.values()], float))  # fmt: skip
        return cls(slopes, counts)

    def _error(self, *positions: int) -> float:
        """The standard error of an effect, or of the difference of two, on logarithms."""
        variance = 0.0
        for slopes, counts in zip(self._slopes, self._counts, strict=True):
            slope = slopes[positions[0]] - (slopes[positions[1]] if len(positions) > 1 else 0.0)
            variance += float((counts * slope**2).sum())
        return math.sqrt(variance)

    def interval(self, position: int, effect: float | None, confidence: float) -> Ratio:
        """The factor of a criterion, from where to where."""
        if not effect:
            return Ratio(value=effect, low=None, high=None)
        width = float(ndtri((1 + confidence) / 2)) * self._error(position)
        return Ratio(value=effect, low=effect * math.exp(-width), high=effect * math.exp(width))

    def one_is_first(self, told: tuple[Share, ...], confidence: float) -> bool:
        """Whether the criterion that seems to do most is shown to do more than each of the others."""
        logs = [abs(math.log(share.shapley or 1.0)) for share in told]
        first = max(range(len(told)), key=logs.__getitem__)
        limit = float(ndtri(1 - (1 - confidence) / 2 / max(1, len(told) - 1)))
        return all(
            logs[first] - logs[other] > limit * self._error(first, other)
            for other in range(len(told))
            if other != first
        )


def _sure(sides: list[Meet], number: int) -> bool:
    """Whether one criterion does most whatever the withheld counts are. Each step between two sets of criteria is
    taken at its least and its most, so this says yes too seldom rather than too often."""

    @cache
    def ends(some: frozenset[int]) -> tuple[float, float]:
        (low, _, high), (other_low, _, other_high) = (side(some) for side in sides)
        return math.log(low + 0.5) - math.log(other_high + 0.5), math.log(high + 0.5) - math.log(
            other_low + 0.5
        )

    bounds = []
    for position in range(number):
        least = most = 0.0
        for weight, some in _steps(number, position):
            (low, high), (low_with, high_with) = ends(some), ends(some | {position})
            if math.isinf(high) or math.isinf(low) or math.isinf(high_with) or math.isinf(low_with):
                return False
            least += weight * (low_with - high)
            most += weight * (high_with - low)
        smallest = 0.0 if least <= 0 <= most else min(abs(least), abs(most))
        bounds.append((smallest, max(abs(least), abs(most))))
    first = max(range(number), key=lambda position: bounds[position][0])
    return all(bounds[first][0] > bounds[other][1] for other in range(number) if other != first)


def _steps(number: int, position: int) -> Iterator[tuple[float, frozenset[int]]]:
    """The sets that a criterion can be added to, each with its weight among all orders."""
    rest = [other for other in range(number) if other != position]
    for size in range(number):
        weight = factorial(size) * factorial(number - size - 1) / factorial(number)
        for some in combinations(rest, size):
            yield weight, frozenset(some)


def shares(value: SetValue, criteria: tuple[str, ...]) -> tuple[Share, ...]:
    """The three readings of every criterion; `value` gives the logarithm of the ratio of a set of positions."""
    number, everything = len(criteria), frozenset(range(len(criteria)))
    found = []
    for position, name in enumerate(criteria):
        before, rest = frozenset(range(position)), everything - {position}
        mean = sum(
            weight * (value(some | {position}) - value(some)) for weight, some in _steps(number, position)
        )
        found.append(
            Share(
                criterion=name,
                in_order=math.exp(value(before | {position}) - value(before)),
                left_out=math.exp(value(everything) - value(rest)),
                shapley=math.exp(mean),
            )
        )
    return tuple(found)
