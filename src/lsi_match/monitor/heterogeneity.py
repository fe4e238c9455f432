"""Whether a ratio is one and the same in all strata, and whether it points the same way in each. Pure.

Sources: Cochran, Biometrics 10 (1954) 417-451 (Q); Gail and Simon, Biometrics 41 (1985) 361-372 (qualitative
interaction). Half a person is added to every count. A stratum in which fewer than `FEWEST` of both together got
through, or did not, says too little for either test and is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import binom, chdtrc

FEWEST = 10


@dataclass(frozen=True)
class Heterogeneity:
    """The chance of differences between strata this large when there are none (`differs`), and when the ratio points
    the same way in all of them (`reverses`)."""

    differs: float
    reverses: float


def heterogeneity(strata: Sequence[Sequence[int]], rounded_to: int = 1) -> Heterogeneity:
    """Both tests.

    Args:
        strata: per stratum: count, total, other count, other total.
        rounded_to: the unit that the counts were rounded to.
    """
    told = [one for stratum in strata if (one := _log_ratio(stratum, rounded_to)) is not None]
    if len(told) < 2:
        return Heterogeneity(1.0, 1.0)
    weights = [1 / variance for _, variance in told]
    mean = sum(w * value for w, (value, _) in zip(weights, told, strict=True)) / sum(weights)
    spread = sum(w * (value - mean) ** 2 for w, (value, _) in zip(weights, told, strict=True))
    more = sum(value**2 / variance for value, variance in told if value > 0)
    less = sum(value**2 / variance for value, variance in told if value < 0)
    return Heterogeneity(float(chdtrc(len(told) - 1, spread)), _one_way(min(more, less), len(told)))


def _one_way(statistic: float, number: int) -> float:
    """Gail and Simon's tail for `number` strata."""
    if not statistic:
        return 1.0
    return float(
        sum(binom(number - 1, of) * chdtrc(of, statistic) for of in range(1, number)) / 2 ** (number - 1)
    )


def _log_ratio(stratum: Sequence[int], rounded_to: int) -> tuple[float, float] | None:
    """The logarithm of the ratio and its variance."""
    a, n, b, m = stratum
    if min(a + b, n + m - a - b) < FEWEST or not n or not m:
        return None
    value = math.log((a + 0.5) / (n + 0.5)) - math.log((b + 0.5) / (m + 0.5))
    variance = 1 / (a + 0.5) - 1 / (n + 1) + 1 / (b + 0.5) - 1 / (m + 1)
    unit = (rounded_to**2 - 1) / 12
    return value, variance + unit / (a + 0.5) ** 2 + unit / (b + 0.5) ** 2
