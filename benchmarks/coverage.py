"""How often the intervals of the monitor hold what they should, and how often its verdicts are right.

`make bench` prints the tables of docs/monitor.md and keeps them in benchmarks/out/coverage.md;
`python -m benchmarks.coverage --write` puts them into the page. Coverage of a share and of a ratio is computed: the
chance of every count that can come out, summed over those whose interval holds the truth. With strata, a sampled
reference or rounded counts it is simulated; the draws are the same every time.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
from scipy.special import gammaln
from scipy.stats import beta, binom, norm

from lsi_match.monitor.analyse import analyse
from lsi_match.monitor.findings import Verdict
from lsi_match.monitor.intervals import (
    WHOLE,
    CountRange,
    ratio_between,
    share_interval,
)
from lsi_match.monitor.table import CountsTable

PAGE = Path(__file__).parents[1] / "docs" / "monitor.md"
OUT = Path(__file__).parent / "out" / "coverage.md"
BEGIN, END = "<!-- coverage: begin -->", "<!-- coverage: end -->"
EXPECTED = (1, 2, 3, 5, 10, 20, 30, 50, 100, 300, 1000)
SHARES = (0.001, 0.01, 0.05, 0.2, 0.5)
#: Truths just beside the round ones: coverage goes up and down with them.
BESIDE = (0.97, 0.985, 1.0, 1.015, 1.03)
CONFIDENCES = (0.95, 0.999)

Ends = Callable[[int, int, float], tuple[float, float]]


def exact(count: int, total: int, confidence: float) -> tuple[float, float]:
    found = share_interval(count, total, confidence)
    return found.low, found.high


def wilson(count: int, total: int, confidence: float) -> tuple[float, float]:
    z = float(norm.ppf((1 + confidence) / 2))
    centre, scale = (count + z * z / 2) / (total + z * z), total + z * z
    half = z * math.sqrt(count * (total - count) / total + z * z / 4) / scale
    return centre - half, centre + half


def jeffreys(count: int, total: int, confidence: float) -> tuple[float, float]:
    tail, a, b = (1 - confidence) / 2, count + 0.5, total - count + 0.5
    low = 0.0 if count == 0 else float(beta.ppf(tail, a, b))
    return low, 1.0 if count == total else float(beta.ppf(1 - tail, a, b))


def share_coverage(method: Ends, share: float, total: int, confidence: float) -> float:
    """The chance that the interval of a count out of `total` holds `share`."""
    low, high = (int(binom.ppf(q, total, share)) for q in (1e-8, 1 - 1e-8))
    counts = np.arange(low, high + 1)
    held = [ends[0] <= share <= ends[1] for ends in (method(int(k), total, confidence) for k in counts)]
    return float(binom.pmf(counts[held], total, share).sum())


def mid_p_coverage(share: float, total: int, confidence: float) -> float:
    """The same for the mid-P interval, by its test: a truth is held when neither tail, with half of the count itself,
    is smaller than half of what is left."""
    counts = np.arange(*(int(binom.ppf(q, total, share)) + more for q, more in ((1e-8, 0), (1 - 1e-8, 1))))
    each = binom.pmf(counts, total, share)
    above, below = binom.sf(counts, total, share) + each / 2, binom.cdf(counts - 1, total, share) + each / 2
    return float(each[np.minimum(above, below) >= (1 - confidence) / 2].sum())


def of_shares() -> Iterator[tuple[str, float, float]]:
    """Per method and confidence the smallest coverage over all expected counts and shares."""
    methods: dict[str, Callable[[float, int, float], float]] = {
        "exact (Clopper-Pearson), used": lambda p, n, c: share_coverage(exact, p, n, c),
        "mid-P": mid_p_coverage,
        "Wilson": lambda p, n, c: share_coverage(wilson, p, n, c),
        "Jeffreys": lambda p, n, c: share_coverage(jeffreys, p, n, c),
    }
    for name, cover in methods.items():
        for confidence in CONFIDENCES:
            least = min(
                cover(share * beside, max(1, round(expected / share)), confidence)
                for expected, share, beside in product(EXPECTED, SHARES, BESIDE)
            )
            yield name, confidence, least


def ratio_coverage(
    share: float, total: int, other_share: float, other_total: int, confidence: float
) -> dict[str, float]:
    """The chance that the interval of the ratio of two shares holds it: Koopman's score, given the total, the limits of both
    shares put together, and as used here."""
    ratio, tail = share / other_share, (1 - confidence) / 2
    x, y = (_window(n, p) for n, p in ((total, share), (other_total, other_share)))
    weight = binom.pmf(x, total, share)[:, None] * binom.pmf(y, other_total, other_share)[None, :]
    a, b = x[:, None].astype(float), y[None, :].astype(float)
    top, half = (total + other_total) * ratio, total * ratio + a + other_total + b * ratio
    shared = (half - np.sqrt(np.maximum(half * half - 4 * top * (a + b), 0))) / (2 * top)
    spread = ratio * shared * (1 - ratio * shared) / total + ratio**2 * shared * (1 - shared) / other_total
    off = (a / total - ratio * b / other_total) ** 2
    score = off <= float(norm.ppf(1 - tail)) ** 2 * np.where(spread > 0, spread, np.inf)
    split = ratio * total / (ratio * total + other_total)
    given = np.minimum(binom.sf(a - 1, a + b, split), binom.cdf(a, a + b, split)) >= tail
    limits = _limits_hold(a, total, b, other_total, ratio, tail)
    cells = (np.broadcast_to(one, weight.shape)[..., None] for one in (a, b))
    used = _score_holds(*cells, np.array([total]), np.array([other_total]), ratio, confidence)
    found = {"score": score, "given": given, "limits": limits, "used": used}
    return {name: float(weight[held].sum()) for name, held in found.items()}


def _score_holds(
    a: np.ndarray, b: np.ndarray, n: np.ndarray, m: np.ndarray, ratio: float, confidence: float
) -> np.ndarray:
    """Whether the interval that is used holds the ratio: by the test itself, for whole arrays; the last axis are strata."""
    both, z = n + m, float(norm.ppf((1 + confidence) / 2))
    weight, half = n * m / both, n * ratio + a + m + b * ratio
    root = np.sqrt(np.maximum(half * half - 4 * both * ratio * (a + b), 0))
    share = np.minimum(2 * (a + b) / (half + root), min(1, 1 / ratio))
    own = weight**2 * ratio * share * (1 - ratio * share) / n
    its = (weight * ratio) ** 2 * share * (1 - share) / m
    seen = (weight * (a / n - ratio * b / m)).sum(-1)
    variance = ((own + its) * both / (both - 1)).sum(-1)
    steps = ((own * m + its * ratio * n) / both).sum(-1)
    skewness = (weight * (own * (1 - 2 * ratio * share) / n - its * ratio * (1 - 2 * share) / m)).sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.sign(seen) * np.maximum(np.abs(seen) - WHOLE * steps / variance, 0) / np.sqrt(variance)
        skewed = skewness / (6 * variance**1.5) * (z * z - 1)
        inside = (off <= z + np.maximum(skewed, 0)) & (off >= -z + np.minimum(skewed, 0))
    return np.where(variance > 0, inside, True)


#: The limits lie between those of Clopper and Pearson (0) and those of Jeffreys (1/2).
BETWEEN = 0.25


def _limits_hold(
    a: np.ndarray, total: int, b: np.ndarray, other_total: int, ratio: float, tail: float
) -> np.ndarray:
    """Whether the limits of both shares, put together, hold the ratio."""
    (share, low, high), (other, its_low, its_high) = _beta(a, total, tail), _beta(b, other_total, tail)
    both = share * other
    up = both**2 - low * (2 * share - low) * its_high * (2 * other - its_high)
    down = both**2 - its_low * (2 * other - its_low) * high * (2 * share - high)
    with np.errstate(divide="ignore", invalid="ignore"):
        lowest = np.where(a > 0, low * (2 * share - low) / (both + np.sqrt(np.maximum(up, 0))), 0.0)
        highest = (both + np.sqrt(np.maximum(down, 0))) / (its_low * (2 * other - its_low))
    return (lowest <= ratio) & (ratio <= np.where(b > 0, highest, np.inf))


def _beta(count: np.ndarray, total: int, tail: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    missed = total - count
    with np.errstate(invalid="ignore"):
        low = np.where(count > 0, beta.ppf(tail, count + BETWEEN, missed + 1 - BETWEEN), 0.0)
        high = np.where(missed > 0, beta.ppf(1 - tail, count + 1 - BETWEEN, missed + BETWEEN), 1.0)
    return count / total, low, high


def _window(total: int, share: float) -> np.ndarray:
    middle, spread = total * share, math.sqrt(total * share * (1 - share))
    return np.arange(max(0, int(middle - 7 * spread - 3)), min(total, int(middle + 8 * spread + 12)) + 1)


@cache
def of_ratios() -> dict[tuple[str, float, int], float]:
    """Method, confidence, smaller expected count → the smallest coverage over shares and ratios."""
    least: dict[tuple[str, float, int], float] = {}
    for confidence, share, ratio in product(
        CONFIDENCES, (*SHARES, 0.8, 0.95, 0.99), (0.5, 0.8, 1.0, 1.25, 2.0)
    ):
        if share * ratio > 0.99:
            continue
        for expected, other in product((1, 3, 10, 20, 30, 100, 300, 1000), repeat=2):
            if max(expected, other) > 300 and min(expected, other) not in (1, 30, 1000):
                continue
            total, other_total = round(expected / (share * ratio)), round(other / share)
            found = ratio_coverage(share * ratio, total, share, other_total, confidence)
            for name, covered in found.items():
                key = (name, confidence, min(expected, other))
                least[key] = min(least.get(key, 1.0), covered)
    return least


#: The smaller and the larger of two expected counts.
PAIRS = ((1, 1), (1, 30), (1, 1000), (3, 3), (3, 100), (10, 10), (10, 1000), (20, 20), (30, 30), (30, 1000), (100, 100), (1000, 1000))  # fmt: skip
DRAWS = 20_000


@cache
def of_strata(draws: int = DRAWS) -> dict[tuple[str, float, int], float]:
    """The same for a ratio with strata held equal: one, two, six or fifteen strata, of unequal size and unequal chances."""
    rng = np.random.default_rng(101)
    least: dict[tuple[str, float, int], float] = {}
    for number, share, ratio, (one, two) in product((1, 2, 6, 15), (0.001, 0.4, 0.8), (0.5, 1.0, 2.0), PAIRS):
        for expected, other in {(one, two), (two, one)}:
            weight = np.arange(1, number + 1) / np.arange(1, number + 1).sum()
            chance = share * np.linspace(0.5, 1.2, number)
            if max(ratio, 1) * chance.max() > 0.99:
                continue
            totals = np.maximum(1, np.round(expected * weight / (chance * ratio))).astype(int)
            other_totals = np.maximum(1, np.round(other * weight[::-1] / chance)).astype(int)
            a = rng.binomial(totals, chance * ratio, (draws, number))
            b = rng.binomial(other_totals, chance, (draws, number))
            for confidence in CONFIDENCES:
                pooled = _pooled_holds(a, totals, b, other_totals, ratio, confidence)
                used = _score_holds(a, b, totals, other_totals, ratio, confidence)
                for name, held in (("used", used), ("pooled", pooled)):
                    key = (name, confidence, min(expected, other))
                    least[key] = min(least.get(key, 1.0), float(held.mean()))
    return least


def _pooled_holds(
    a: np.ndarray, n: np.ndarray, b: np.ndarray, m: np.ndarray, ratio: float, confidence: float
) -> np.ndarray:
    """Whether the interval of Greenland and Robins holds the ratio, per draw (row); columns are strata."""
    whole = n + m
    top, bottom = (a * m / whole).sum(1), (b * n / whole).sum(1)
    spread = ((n * m * (a + b) - a * b * whole) / whole**2).sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.abs(np.log(top / bottom) - math.log(ratio))
        width = float(norm.ppf((1 + confidence) / 2)) * np.sqrt(spread / (top * bottom))
    return np.where((top == 0) | (bottom == 0), True, off <= width)


@cache
def of_samples(draws: int = DRAWS) -> dict[tuple[float, int], float]:
    """Confidence, smaller expected count → the smallest coverage of the odds ratio beside a sampled reference."""
    rng = np.random.default_rng(2)
    least: dict[tuple[float, int], float] = {}
    for share, ratio, (one, two) in product((0.001, 0.05, 0.5), (0.5, 1.0, 2.0), PAIRS):
        for expected, other in {(one, two), (two, one)}:
            odds = ratio * share / (1 - share)
            total, other_total = round(expected * (1 + odds) / odds), round(other / share)
            a, c = rng.binomial(total, odds / (1 + odds), draws), rng.binomial(other_total, share, draws)
            cells, times = np.unique(
                np.stack([a, total - a, c, other_total - c], 1), axis=0, return_counts=True
            )
            for confidence in CONFIDENCES:
                held = _odds_holds(cells, ratio, confidence)
                key = (confidence, min(expected, other))
                least[key] = min(least.get(key, 1.0), float(held @ times / draws))
    return least


#: As the monitor has it.
LARGE = 20


def _odds_holds(cells: np.ndarray, ratio: float, confidence: float) -> np.ndarray:
    """Whether the interval holds the ratio of odds: on logarithms where every cell is large enough, else by the exact
    test, which is the tail of a noncentral hypergeometric count."""
    a, b, c, d = cells.T
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.abs(np.log(a * d / (b * c)) - math.log(ratio))
        large = off <= float(norm.ppf((1 + confidence) / 2)) * np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    held, few = large.copy(), cells.min(axis=1) < LARGE
    for both in np.unique((a + c)[few]):
        rows = np.flatnonzero(few & (a + c == both))
        own, other = (a + b)[0], (c + d)[0]
        counts = np.arange(max(0, both - other), min(both, own) + 1)
        weight = (
            counts * math.log(ratio)
            - (gammaln(counts + 1) + gammaln(own - counts + 1))
            - (gammaln(both - counts + 1) + gammaln(other - both + counts + 1))
        )
        chance = np.exp(weight - weight.max())
        below = np.cumsum(chance / chance.sum())
        at = a[rows] - counts[0]
        above = 1 - np.where(at > 0, below[np.maximum(at - 1, 0)], 0.0)
        held[rows] = np.minimum(below[at], above) >= (1 - confidence) / 2
    return held


@cache
def of_rounded(draws: int = 2_000) -> dict[tuple[float, int], float]:
    """Confidence, expected count → the smallest coverage of the ratio of two shares when counts are rounded to tens."""
    rng = np.random.default_rng(3)
    least: dict[tuple[float, int], float] = {}
    for expected, share, ratio in product((1, 10, 100, 1000), (0.001, 0.2), (1.0, 2.0)):
        total, other_total = round(expected / (share * ratio)), round(expected / share)
        drawn = np.stack(
            [rng.binomial(total, share * ratio, draws), rng.binomial(other_total, share, draws)], 1
        )
        pairs, times = np.unique(np.rint(drawn / 10).astype(int) * 10, axis=0, return_counts=True)
        for confidence in CONFIDENCES:
            held = [_between(int(x), total, int(y), other_total, confidence, ratio) for x, y in pairs]
            key = (confidence, expected)
            least[key] = min(least.get(key, 1.0), float(np.array(held) @ times / draws))
    return least


def _between(count: int, total: int, other: int, other_total: int, confidence: float, ratio: float) -> bool:
    counts = [CountRange(max(0, n - 5), n + 5, n) for n in (count, other)]
    totals = [CountRange(n, n, n) for n in (total, other_total)]
    found = ratio_between(counts[0], totals[0], counts[1], totals[1], confidence)
    return found.low <= ratio <= found.high


def verdicts(
    population: int, chance: float, ratio: float, looks: int, tries: int, seed: int
) -> tuple[float, float]:
    """How often a group of a tenth, of which `ratio` times the others' chance is selected, gives an alert: in one run,
    and in any of `looks` runs over fresh draws. Two dimensions of three groups are looked at."""
    rng = np.random.default_rng(seed)
    groups = {"a": 0.1, "b": 0.4, "c": 0.5}
    once = ever = 0
    for _ in range(tries):
        alerts = [_alert(rng, population, groups, chance, ratio, looks) for _ in range(looks)]
        once += alerts[0]
        ever += any(alerts)
    return once / tries, ever / tries


def _alert(
    rng: np.random.Generator,
    population: int,
    groups: dict[str, float],
    chance: float,
    ratio: float,
    looks: int,
) -> bool:
    there = {group: round(population * share) for group, share in groups.items()}
    here = {
        group: int(rng.binomial(n, min(1.0, chance * (ratio if group == "a" else 1))))
        for group, n in there.items()
    }
    stages = [
        {"id": "register", "label": "register", "kind": "reference", "counts": there},
        {
            "id": "selection",
            "label": "selection",
            "kind": "selection",
            "against": ["register"],
            "counts": here,
        },
    ]
    dimension = {"id": "d", "label": "d", "groups": {group: group for group in groups}}
    found = analyse(
        CountsTable.model_validate(
            {"title": "t", "dimensions": [dimension], "stages": stages, "looks": looks}
        )
    )
    return any(f.verdict is Verdict.OVER and f.group == "a" for f in found.findings)


def tables() -> str:
    """The tables as Markdown."""
    lines = ["Smallest coverage of the interval of a share, for expected counts from 1 to 1,000 and shares from 0.1% to 50%:", "",
             "| method | nominal 95% | nominal 99.9% |", "| --- | ---: | ---: |"]  # fmt: skip
    shares: dict[str, list[float]] = {}
    for name, _, least in of_shares():
        shares.setdefault(name, []).append(least)
    lines += [f"| {name} | {100 * low:.2f}% | {100 * high:.3f}% |" for name, (low, high) in shares.items()]
    ratios = of_ratios()
    lines += ["", "Smallest coverage of the interval of a ratio of two shares, by the smaller of the two expected counts:", "",
              "| smaller expected count | used, 95% | score only, 95% | given the total only, 95% | used, 99.9% | score only, 99.9% |",
              "| ---: | ---: | ---: | ---: | ---: | ---: |"]  # fmt: skip
    for expected in sorted({key[2] for key in ratios}):
        row = [ratios[(name, c, expected)] for name, c in (("used", 0.95), ("score", 0.95), ("given", 0.95), ("used", 0.999), ("score", 0.999))]  # fmt: skip
        lines.append(f"| {expected:,} | " + " | ".join(f"{100 * one:.2f}%" for one in row) + " |")
    strata, samples, rounded = of_strata(), of_samples(), of_rounded()
    lines += ["", "Smallest coverage with strata held equal (one, two, six and fifteen strata), by the smaller of the two expected counts, simulated:", "",
              "| smaller expected count | used, 95% | Greenland-Robins only, 95% | used, 99.9% | Greenland-Robins only, 99.9% |",
              "| ---: | ---: | ---: | ---: | ---: |"]  # fmt: skip
    for expected in sorted({key[2] for key in strata}):
        row = [strata[(name, c, expected)] for c in CONFIDENCES for name in ("used", "pooled")]
        lines.append(f"| {expected:,} | " + " | ".join(f"{100 * one:.2f}%" for one in row) + " |")
    lines += ["", "Smallest coverage beside a sampled reference (odds ratio), and of a ratio when counts are rounded to tens, simulated:", "",
              "| smaller expected count | sampled, 95% | sampled, 99.9% | rounded, 95% | rounded, 99.9% |",
              "| ---: | ---: | ---: | ---: | ---: |"]  # fmt: skip
    for expected in sorted({key[1] for key in samples}):
        told = [samples.get((c, expected)) for c in CONFIDENCES] + [
            rounded.get((c, expected)) for c in CONFIDENCES
        ]
        lines.append(
            f"| {expected:,} | "
            + " | ".join("" if one is None else f"{100 * one:.2f}%" for one in told)
            + " |"
        )
    lines += ["", "Alerts on a group of a tenth of the population, tolerance 1.25, 20 runs foreseen, simulated:", "",
              "| population | selected | true ratio | alert in one run | alert in any of 20 runs |", "| ---: | ---: | ---: | ---: | ---: |"]  # fmt: skip
    for population, chance in ((10_000, 0.02), (50_000, 0.02), (200_000, 0.02), (50_000, 0.2)):
        for ratio in (1.0, 1.25, 1.5, 2.0):
            once, ever = verdicts(population, chance, ratio, looks=20, tries=100, seed=1)
            lines.append(f"| {population:,} | {chance:.0%} | {ratio:g} | {once:.0%} | {ever:.0%} |")
    return "\n".join(lines)


def smallest() -> tuple[float, float]:
    """The smallest coverage of every interval that is used, over all of the above, less its confidence; and the same of
    the ratios only."""
    shares = min(least - confidence for name, confidence, least in of_shares() if "used" in name)
    ratios = min(least - key[1] for key, least in of_ratios().items() if key[0] == "used")
    strata = min(least - key[1] for key, least in of_strata().items() if key[0] == "used")
    others = min(least - key[0] for found in (of_samples(), of_rounded()) for key, least in found.items())
    return min(shares, ratios, strata, others), min(ratios, strata, others)


def write_tables() -> None:
    """Keep the tables beside the other results."""
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(tables() + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/monitor.md")
    options = parser.parse_args()
    text = tables()
    if options.write:
        page = PAGE.read_text()
        PAGE.write_text(page[: page.index(BEGIN) + len(BEGIN)] + f"\n{text}\n" + page[page.index(END) :])
    else:
        print(text)


if __name__ == "__main__":
    main()
