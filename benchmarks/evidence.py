"""How often evidence over rounds alerts within a year: 52 rounds, ten groups of a tenth, three comparisons of each.

The process has two steps: the first takes four times as many as the second. Of each group are compared the whole
process, the first step and the second. The draws are the same every time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lsi_match.monitor.evidence import WHOLE, Array, adjusted, evidence, likelihoods

GROUPS, ROUNDS, POINTS = 10, 52, 161
TOLERANCE, CONFIDENCE = 1.25, 0.95


@dataclass(frozen=True)
class Year:
    """Shares of simulated years: with any false alert, with the true difference alerted, and the round by which half
    of the years had it (0: they had not)."""

    false: float
    found: float
    by: int


def year(selected: int, ratio: float, tries: int, seed: int = 5) -> Year:
    """Years in which one group of ten has `ratio` times the chance of the others, in the first step."""
    rng = np.random.default_rng(seed)
    weight = np.ones(GROUPS)
    weight[0] = ratio
    false = found = 0
    rounds: list[int] = []
    for _ in range(tries):
        first = rng.multinomial(4 * selected, weight / weight.sum(), ROUNDS).astype(float)
        second = np.stack(
            [rng.multivariate_hypergeometric(row.astype(int), selected) for row in first]
        ).astype(float)
        whole = _alerts(second, np.full_like(second, 1 / GROUPS), WHOLE)
        shares = first / first.sum(axis=1, keepdims=True)
        where = np.concatenate([_logs(first, np.full_like(first, 1 / GROUPS)), _logs(second, shares)], axis=1)
        steps = _reached(where, 1 - WHOLE)
        wrong = (whole[:, 1:].any() or steps[:, 1:GROUPS].any() or steps[:, GROUPS:].any()) or (
            ratio <= TOLERANCE and (whole.any() or steps.any())
        )
        false += bool(wrong)
        if whole[:, 0].any():
            found += 1
            rounds.append(int(whole[:, 0].argmax()) + 1)
    by = int(np.median(rounds)) if len(rounds) > tries / 2 else 0
    return Year(false / tries, found / tries, by)


def _alerts(counts: Array, shares: Array, part: float) -> np.ndarray:
    return _reached(_logs(counts, shares), part)


def _logs(counts: Array, shares: Array) -> Array:
    """Per round and group the logarithm of the e-value."""
    others = counts.sum(axis=1, keepdims=True) - counts
    curve = likelihoods(counts.T, others.T, np.clip(shares.T, 1e-9, 1 - 1e-9), POINTS)
    return evidence(curve, TOLERANCE, True).T


def _reached(logs: Array, part: float) -> np.ndarray:
    return adjusted(logs) >= np.log(1 / ((1 - CONFIDENCE) * part))


def table(tries: int = 400) -> list[tuple[int, float, Year]]:
    """Selected per week, true ratio, and what came of it."""
    return [
        (selected, ratio, year(selected, ratio, tries))
        for selected in (50, 200, 1000)
        for ratio in (1.0, 1.25, 1.5, 2.0)
    ]


def main() -> None:
    print(
        "| selected a week | true ratio | years with a false alert | years in which it is alerted | half of them by week |"
    )
    print("| ---: | ---: | ---: | ---: | ---: |")
    for selected, ratio, one in table():
        by = one.by or "–"
        print(f"| {selected:,} | {ratio:g} | {one.false:.1%} | {one.found:.1%} | {by} |")


if __name__ == "__main__":
    main()
