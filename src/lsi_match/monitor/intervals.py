"""Intervals for shares and ratios of counts that keep their coverage where counts are small.

Chosen by computing the coverage of the candidates (benchmarks/coverage.py, tables in docs/monitor.md): at a nominal
95% the exact interval of a share never falls under it, while mid-P falls to 91.7% and Wilson's to 87.5% at an expected
count of a few. A ratio of two shares, with strata held equal or as it is, has one interval: the ratios that the score
test of Miettinen and Nurminen does not refuse. It knows how many there were on both sides, so it is narrow where nearly
everybody gets through. By itself it falls to 81% at an expected count of one, and misses upwards ten times too often at
99.9%. So it is corrected for skewness (Gart and Nam), where that makes it wider, and for counts being whole numbers, by
`WHOLE` of a step. ADR 104 has the candidates.

Sources: Clopper and Pearson, Biometrika 26 (1934) 404-413; Miettinen and Nurminen, Statistics in Medicine 4 (1985)
213-226 (score test, with strata); Gart and Nam, Biometrics 44 (1988) 323-338 (correction for skewness); Laud,
Pharmaceutical Statistics 16 (2017) 334-348 (both, with strata).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scipy.optimize import brentq
from scipy.special import betaincinv, ndtri

#: The part of a step from one count to the next by which a difference is taken smaller than it is.
WHOLE = 1 / 12
#: No ratio lies beyond the exponential of this.
_FAR = 60.0


@dataclass(frozen=True)
class Interval:
    """From `low` to `high`, both included; `high` may be infinite."""

    low: float
    high: float

    def joined(self, other: Interval) -> Interval:
        """The smallest interval that holds both."""
        return Interval(min(self.low, other.low), max(self.high, other.high))


@dataclass(frozen=True)
class CountRange:
    """A count that is known only to lie between `low` and `high`: it was rounded, or withheld. `told` is the number
    that was published, None where it was withheld."""

    low: int
    high: int
    told: int | None

    def __add__(self, other: CountRange) -> CountRange:
        told = None if self.told is None or other.told is None else self.told + other.told
        return CountRange(self.low + other.low, self.high + other.high, told)


def share_interval(count: int, total: int, confidence: float) -> Interval:
    """The exact interval (Clopper-Pearson) of a share of which `count` of `total` was seen."""
    _check(count, total)
    if total == 0:
        return Interval(0.0, 1.0)
    tail = (1 - confidence) / 2
    low = 0.0 if count == 0 else float(betaincinv(count, total - count + 1, tail))
    high = 1.0 if count == total else float(betaincinv(count + 1, total - count, 1 - tail))
    return Interval(low, high)


def ratio_interval(count: int, total: int, other_count: int, other_total: int, confidence: float) -> Interval:
    """The interval of the ratio of two shares: `count` of `total` over `other_count` of `other_total`.

    Raises:
        ValueError: a count that is larger than its total.
    """
    _check(count, total)
    _check(other_count, other_total)
    if total == 0 or other_total == 0:
        return Interval(0.0, math.inf)
    return _score([(count, total, other_count, other_total)], confidence)


def ratio_between(
    count: CountRange, total: CountRange, other_count: CountRange, other_total: CountRange, confidence: float
) -> Interval:
    """The same over every count that is possible: from the lowest ratio that they allow to the highest."""
    low = ratio_interval(
        *_possible(count.low, total.high), *_possible(other_count.high, other_total.low), confidence
    )
    high = ratio_interval(
        *_possible(count.high, total.low), *_possible(other_count.low, other_total.high), confidence
    )
    return low.joined(high)


def share_between(count: CountRange, total: CountRange, confidence: float) -> Interval:
    """`share_interval` over every count that is possible."""
    low = share_interval(*_possible(count.low, total.high), confidence)
    return low.joined(share_interval(*_possible(count.high, total.low), confidence))


def stratified_ratio(strata: Iterable[Sequence[int]]) -> float:
    """The ratio of two shares with strata held equal (Mantel-Haenszel); infinite, or no number, where the others are none.

    Args:
        strata: per stratum: count, total, other count, other total. One without either of the two says nothing.
    """
    both = _compared(strata)
    top = sum(count * other_total / (total + other_total) for count, total, _, other_total in both)
    bottom = sum(other * total / (total + other_total) for _, total, other, other_total in both)
    return top / bottom if bottom else math.inf if top else math.nan


def stratified_interval(strata: Iterable[Sequence[int]], confidence: float) -> Interval:
    """The interval of `stratified_ratio`. `ratio_interval` is the case of one stratum."""
    return _score(_compared(strata), confidence)


def _compared(strata: Iterable[Sequence[int]]) -> list[Sequence[int]]:
    return [stratum for stratum in strata if stratum[1] and stratum[3]]


def _score(strata: Sequence[Sequence[int]], confidence: float) -> Interval:
    """The ratios that the test does not refuse. The other way round it is the same test of one over the ratio."""
    z = float(ndtri((1 + confidence) / 2))
    turned = _least([(c, d, a, b) for a, b, c, d in strata], z)
    return Interval(_least(strata, z), 1 / turned if turned else math.inf)


def _least(strata: Sequence[Sequence[int]], z: float) -> float:
    """The smallest ratio at which the group is not seen too often; nought where there is none."""
    if not any(stratum[0] for stratum in strata) or _excess(strata, z, -_FAR) <= 0:
        return 0.0
    return math.exp(brentq(lambda log_ratio: _excess(strata, z, log_ratio), -_FAR, _FAR))


def _excess(strata: Sequence[Sequence[int]], z: float, log_ratio: float) -> float:
    """By how much the group is seen more often than `log_ratio` allows, in standard deviations.

    Of each stratum the shares are the most likely ones that have this ratio. Strata are weighed as by Mantel and Haenszel.
    """
    ratio = math.exp(log_ratio)
    seen = variance = steps = skewness = 0.0
    for count, total, other, other_total in strata:
        both = total + other_total
        weight = total * other_total / both
        half = total * ratio + count + other_total + other * ratio
        root = math.sqrt(max(half * half - 4 * both * ratio * (count + other), 0.0))
        share = min(2 * (count + other) / (half + root), 1.0, 1 / ratio)
        own = weight**2 * ratio * share * (1 - ratio * share) / total
        its = (weight * ratio) ** 2 * share * (1 - share) / other_total
        seen += weight * (count / total - ratio * other / other_total)
        variance += (own + its) * both / (both - 1)
        steps += (own * other_total + its * ratio * total) / both
        skewness += weight * (
            own * (1 - 2 * ratio * share) / total - its * ratio * (1 - 2 * share) / other_total
        )
    if variance <= 0:
        return -z
    deviation = math.sqrt(variance)
    skewed = max(skewness / (6 * variance * deviation) * (z * z - 1), 0.0)
    return (seen - WHOLE * steps / variance) / deviation - z - skewed


def _check(count: int, total: int) -> None:
    if not 0 <= count <= total:
        raise ValueError(f"a count of {count} among {total}")


def _possible(count: int, total: int) -> tuple[int, int]:
    return count, max(count, total)
