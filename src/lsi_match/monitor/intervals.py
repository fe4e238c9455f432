"""Intervals for shares and ratios of counts that keep their coverage where counts are small.

Chosen by computing the coverage of the candidates (benchmarks/coverage.py, tables in docs/monitor.md): at a nominal
95% the exact interval of a share never falls under it, while mid-P falls to 91.7% and Wilson's to 87.5% at an expected
count of a few. For a ratio of two shares the score interval is kept where every cell holds at least `SCORE_FROM`.
Below that limits of the two shares are put together (MOVER): it knows how many there were on both sides, where an
interval given the total forgets that and is up to nine times too wide when nearly everybody gets through. The limits
lie between those of Clopper and Pearson (`BETWEEN` 0), which are a sixth too wide, and of Jeffreys (1/2), which fall to
93%. With strata, that of Greenland and Robins falls to 62% at an expected count of one.

Sources: Clopper and Pearson, Biometrika 26 (1934) 404-413; Koopman, Biometrics 40 (1984) 513-517; Donner and Zou,
Statistical Methods in Medical Research 21 (2012) 347-359 (MOVER for ratios); Przyborowski and Wilenski, Biometrika 31
(1940) 313-323 (the conditional test); Greenland and Robins, Biometrics 41 (1985) 55-68; Miettinen and Nurminen,
Statistics in Medicine 4 (1985) 213-226 (score test with strata).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import bdtr, betaincinv, expit, ndtr, ndtri

#: From this number in every cell on, the score interval of a ratio keeps its coverage within one percentage point.
SCORE_FROM = 20
#: The same for the interval of Greenland and Robins, over all strata together.
STRATA_FROM = 100
#: Between the limits of Clopper and Pearson (0) and those of Jeffreys (1/2).
BETWEEN = 0.25
#: Up to this number the distribution of a sum of binomial counts is computed, above it the normal one is as good.
_EXACT_SUM = 400
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
    cells = (count, total - count, other_count, other_total - other_count)
    if min(cells) >= SCORE_FROM:
        return _score(count, total, other_count, other_total, confidence)
    return _from_limits(count, total, other_count, other_total, confidence)


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


def stratified_ratio(strata: Iterable[Sequence[int]], confidence: float) -> tuple[float, Interval]:
    """The ratio of two shares with strata held equal (Mantel-Haenszel), and its interval.

    The interval is that of Greenland and Robins where all strata together hold at least `STRATA_FROM` in every cell.
    Below that it is the exact one given the total of each stratum, of which `ratio_interval` is the case of one.

    Args:
        strata: per stratum: count, total, other count, other total.
    """
    both = [stratum for stratum in strata if stratum[1] and stratum[3]]
    top = sum(count * other_total / (total + other_total) for count, total, _, other_total in both)
    bottom = sum(other * total / (total + other_total) for _, total, other, other_total in both)
    ratio = top / bottom if bottom else math.inf if top else math.nan
    cells = [(count, total - count, other, other_total - other) for count, total, other, other_total in both]
    if not both or min(map(sum, zip(*cells, strict=True))) < STRATA_FROM:
        return ratio, _given_totals(both, (1 - confidence) / 2)
    spread = sum(
        (total * other_total * (count + other) - count * other * (total + other_total))
        / (total + other_total) ** 2
        for count, total, other, other_total in both
    )
    width = float(ndtri((1 + confidence) / 2)) * math.sqrt(spread / (top * bottom))
    return ratio, Interval(ratio * math.exp(-width), ratio * math.exp(width))


def _given_totals(strata: Sequence[Sequence[int]], tail: float) -> Interval:
    """The ratios that the conditional test does not refuse: given how many there are of both in each stratum, the number
    of the one is a sum of binomial counts."""
    count, other = sum(stratum[0] for stratum in strata), sum(stratum[2] for stratum in strata)
    if count > other:
        turned = _given_totals([(c, d, a, b) for a, b, c, d in strata], tail)
        return Interval(
            0.0 if math.isinf(turned.high) else 1 / turned.high,
            math.inf if not turned.low else 1 / turned.low,
        )
    met = [(a + c, math.log(b / d)) for a, b, c, d in strata if a + c]

    def at_most(number: int, log_ratio: float) -> float:
        shares = [(several, float(expit(log_ratio + offset))) for several, offset in met]
        if number > _EXACT_SUM:
            mean = sum(several * share for several, share in shares)
            spread = math.sqrt(sum(several * share * (1 - share) for several, share in shares))
            return float(ndtr((number + 0.5 - mean) / max(spread, 1e-12)))
        each = np.arange(number + 1)
        chance = np.ones(1)
        for several, share in shares:
            binomial = np.diff(bdtr(np.minimum(each, several), several, share), prepend=0.0)
            chance = np.convolve(chance, binomial)[: number + 1]
        return float(chance.sum())

    low, high = 0.0, math.inf
    if count:
        low = math.exp(brentq(lambda x: 1 - at_most(count - 1, x) - tail, -_FAR, _FAR))
    if other:
        high = math.exp(brentq(lambda x: at_most(count, x) - tail, -_FAR, _FAR))
    return Interval(low, high)


def _check(count: int, total: int) -> None:
    if not 0 <= count <= total:
        raise ValueError(f"a count of {count} among {total}")


def _possible(count: int, total: int) -> tuple[int, int]:
    return count, max(count, total)


def _from_limits(count: int, total: int, other_count: int, other_total: int, confidence: float) -> Interval:
    """The limits of both shares put together: the method of variance estimates recovery, for a ratio."""
    share, other = count / total, other_count / other_total
    own, its = _limits(count, total, confidence), _limits(other_count, other_total, confidence)
    low, high = 0.0, math.inf
    if count:
        least = own.low * (2 * share - own.low)
        inside = (share * other) ** 2 - least * its.high * (2 * other - its.high)
        low = least / (share * other + math.sqrt(max(inside, 0.0)))
    if other_count:
        least = its.low * (2 * other - its.low)
        inside = (share * other) ** 2 - least * own.high * (2 * share - own.high)
        high = (share * other + math.sqrt(max(inside, 0.0))) / least
    return Interval(low, high)


def _limits(count: int, total: int, confidence: float) -> Interval:
    tail, missed = (1 - confidence) / 2, total - count
    low = float(betaincinv(count + BETWEEN, missed + 1 - BETWEEN, tail)) if count else 0.0
    high = float(betaincinv(count + 1 - BETWEEN, missed + BETWEEN, 1 - tail)) if missed else 1.0
    return Interval(low, high)


def _score(count: int, total: int, other_count: int, other_total: int, confidence: float) -> Interval:
    """Koopman's interval: the ratios that a score test at this level does not refuse."""
    first, second = count / total, other_count / other_total
    limit = float(ndtri((1 + confidence) / 2)) ** 2

    def over(log_ratio: float) -> float:
        ratio = math.exp(log_ratio)
        a = (total + other_total) * ratio
        b = total * ratio + count + other_total + other_count * ratio
        shared = (b - math.sqrt(max(b * b - 4 * a * (count + other_count), 0.0))) / (2 * a)
        spread = (
            ratio * shared * (1 - ratio * shared) / total + ratio**2 * shared * (1 - shared) / other_total
        )
        return (first - ratio * second) ** 2 / spread - limit

    centre = math.log(first / second)
    step = math.sqrt(limit) * math.sqrt(1 / count + 1 / other_count) + 1e-9
    low, high = centre - step, centre + step
    while over(low) < 0:
        low -= step
    while over(high) < 0:
        high += step
    return Interval(math.exp(brentq(over, low, centre)), math.exp(brentq(over, centre, high)))
