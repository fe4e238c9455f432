"""Intervals: as published, as brute force gives them, and covering what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from lsi_match.monitor.intervals import (
    CountRange,
    ratio_between,
    ratio_interval,
    share_between,
    share_interval,
    stratified_interval,
    stratified_ratio,
)

totals = st.integers(1, 3000)


@st.composite
def counted(draw: st.DrawFn) -> tuple[int, int]:
    total = draw(totals)
    return draw(st.integers(0, total)), total


@given(counted(), st.sampled_from([0.9, 0.95, 0.999]))
def test_a_share_has_the_interval_of_the_exact_test(pair: tuple[int, int], confidence: float) -> None:
    expected = binomtest(*pair).proportion_ci(confidence, method="exact")
    found = share_interval(*pair, confidence)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize("confidence", [0.95, 0.999])
@pytest.mark.parametrize("expected", [1, 3, 10, 100, 1000])
@pytest.mark.parametrize("share", [0.001, 0.03, 0.5])
def test_the_interval_of_a_share_covers_it_as_often_as_it_says(
    share: float, expected: int, confidence: float
) -> None:
    total = round(expected / share)
    low, high = (int(binom.ppf(q, total, share)) for q in (1e-9, 1 - 1e-9))
    covered = sum(
        binom.pmf(k, total, share)
        for k in range(low, high + 1)
        if (found := share_interval(k, total, confidence)).low <= share <= found.high
    )
    assert covered >= confidence - 1e-6


@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.0])
@pytest.mark.parametrize(("expected", "other"), [(1, 1), (3, 30), (22, 18), (25, 60)])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.4])
def test_the_interval_of_a_ratio_covers_it_within_one_percentage_point(
    share: float, expected: int, other: int, ratio: float
) -> None:
    """By every pair of counts that can come out."""
    total, other_total = round(expected / (share * ratio)), round(other / share)
    truth = (share * ratio, share)
    ends = [
        [int(binom.ppf(q, n, p)) for q in (1e-6, 1 - 1e-6)]
        for n, p in zip((total, other_total), truth, strict=True)
    ]
    covered = 0.0
    for a in range(ends[0][0], ends[0][1] + 1):
        weight = binom.pmf(a, total, truth[0])
        for b in range(ends[1][0], ends[1][1] + 1):
            found = ratio_interval(a, total, b, other_total, 0.95)
            covered += weight * binom.pmf(b, other_total, truth[1]) * (found.low <= ratio <= found.high)
    assert covered >= 0.94


@pytest.mark.parametrize("confidence", [0.95, 0.999])
@pytest.mark.parametrize("ratio", [0.8, 1.0, 1.1])
@pytest.mark.parametrize(("total", "other_total"), [(30, 30), (40, 200), (150, 60)])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.88, 0.9])
def test_and_where_nearly_everybody_gets_through(
    share: float, total: int, other_total: int, ratio: float, confidence: float
) -> None:
    truth = (share * ratio, share)
    weights = [binom.pmf(range(n + 1), n, p) for n, p in zip((total, other_total), truth, strict=True)]
    covered = 0.0
    for a, one in enumerate(weights[0]):
        for b, other in enumerate(weights[1]):
            if one * other > 1e-8:
                found = ratio_interval(a, total, b, other_total, confidence)
                covered += one * other * (found.low <= ratio <= found.high)
    assert covered >= confidence - (0.01 if confidence < 0.99 else 0.002)


def test_an_interval_knows_how_many_there_were() -> None:
    """95 of 100 beside 90 of 100: given the total only it would be 0.79 to 1.41."""
    found = ratio_interval(95, 100, 90, 100, 0.95)
    assert (found.low, found.high) == pytest.approx((0.974, 1.151), abs=0.01)


def test_large_counts_have_the_interval_of_the_score_test() -> None:
    """A worked example: Koopman, Biometrics 40 (1984): 36 of 40 and 16 of 80 give 2.94 to 7.15 without corrections."""
    found = ratio_interval(36, 40, 16, 80, 0.95)
    assert (found.low, found.high) == pytest.approx((2.94, 7.15), rel=0.05)
    assert found.low < 2.94
    assert found.high > 7.15
    large = ratio_interval(36_000, 40_000, 16_000, 80_000, 0.95)
    wald = 1.959964 * math.sqrt(1 / 36_000 - 1 / 40_000 + 1 / 16_000 - 1 / 80_000)
    assert (large.low, large.high) == pytest.approx((4.5 * math.exp(-wald), 4.5 * math.exp(wald)), rel=2e-4)


@given(counted(), counted())
def test_the_other_way_round_is_one_over_it(one: tuple[int, int], other: tuple[int, int]) -> None:
    found, turned = ratio_interval(*one, *other, 0.95), ratio_interval(*other, *one, 0.95)
    assert found.low == pytest.approx(0 if math.isinf(turned.high) else 1 / turned.high, rel=1e-6, abs=1e-9)


@given(counted(), counted())
def test_a_ratio_lies_in_its_own_interval_and_more_confidence_makes_it_wider(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    narrow, wide = ratio_interval(*one, *other, 0.9), ratio_interval(*one, *other, 0.99)
    assert wide.low <= narrow.low <= narrow.high <= wide.high
    if one[0] and other[0]:
        assert narrow.low <= (one[0] / one[1]) / (other[0] / other[1]) <= narrow.high


@settings(max_examples=50)
@given(counted(), counted(), st.integers(0, 4), st.integers(0, 4))
def test_a_count_that_is_not_known_widens_over_all_that_it_can_be(
    one: tuple[int, int], other: tuple[int, int], less: int, more: int
) -> None:
    count = CountRange(max(0, one[0] - less), one[0] + more, one[0])
    total, others = CountRange(one[1] + 4, one[1] + 4, one[1] + 4), [CountRange(n, n, n) for n in other]
    whole = ratio_between(count, total, others[0], others[1], 0.95)
    share = share_between(count, total, 0.95)
    for possible in range(count.low, count.high + 1):
        found = ratio_interval(possible, total.low, *other, 0.95)
        # Where the method changes within the range, the ends of the range may differ from the extremes by a little.
        assert whole.low <= found.low * 1.05 + 1e-9
        assert whole.high * 1.05 >= found.high or math.isinf(whole.high)
        exact = share_interval(possible, total.low, 0.95)
        assert share.low <= exact.low <= exact.high <= share.high


def test_one_stratum_is_the_crude_ratio() -> None:
    assert stratified_ratio([(30, 100, 20, 200)]) == pytest.approx(3.0)


def test_large_strata_have_nearly_the_interval_of_greenland_and_robins() -> None:
    """Greenland and Robins, Biometrics 41 (1985) 55-68: what both come to where counts are large."""
    strata = [(800, 10600, 500, 12000), (2200, 9800, 1600, 8500)]
    top = 800 * 12000 / 22600 + 2200 * 8500 / 18300
    bottom = 500 * 10600 / 22600 + 1600 * 9800 / 18300
    spread = (10600 * 12000 * 1300 - 800 * 500 * 22600) / 22600**2
    spread += (9800 * 8500 * 3800 - 2200 * 1600 * 18300) / 18300**2
    value, found = stratified_ratio(strata), stratified_interval(strata, 0.95)
    assert value == pytest.approx(top / bottom)
    for end in (value / found.low, found.high / value):
        assert math.log(end) == pytest.approx(1.959964 * math.sqrt(spread / (top * bottom)), rel=0.01)


@pytest.mark.parametrize(("expected", "other"), [(1, 30), (3, 3), (30, 3)])
@pytest.mark.parametrize("share", [0.02, 0.4, 0.8])
@pytest.mark.parametrize("number", [2, 6])
def test_the_interval_of_strata_covers_the_ratio_within_one_percentage_point(
    number: int, share: float, expected: int, other: int
) -> None:
    """Strata of unequal size and unequal chances; 600 draws, less four standard deviations of them."""
    rng = np.random.default_rng(11)
    chance = share * np.linspace(0.5, 1.2, number)
    weight = np.arange(1, number + 1) / np.arange(1, number + 1).sum()
    totals = np.maximum(1, np.round(expected * weight / chance)).astype(int)
    other_totals = np.maximum(1, np.round(other * weight[::-1] / chance)).astype(int)
    held = 0
    for _ in range(600):
        a, b = rng.binomial(totals, chance), rng.binomial(other_totals, chance)
        found = stratified_interval(list(zip(a, totals, b, other_totals, strict=True)), 0.95)
        held += found.low <= 1 <= found.high
    assert held / 600 >= 0.94 - 4 * math.sqrt(0.94 * 0.06 / 600)


def test_the_interval_of_strata_knows_how_many_there_were() -> None:
    """Given the totals of the strata only it would be 0.67 to 1.60, and by Greenland and Robins 0.98 to 1.12."""
    found = stratified_interval([(47, 50, 90, 100), (48, 50, 92, 100)], 0.95)
    assert 0.95 < found.low < 1.04 < found.high < 1.13


def test_where_everybody_gets_through_the_interval_of_strata_is_not_a_point() -> None:
    """The variance of Greenland and Robins is nought there, whatever the numbers are."""
    found = stratified_interval([(5, 5, 7, 7), (9, 9, 3, 3)], 0.95)
    assert found.low < 0.8 < 1.25 < found.high


@given(counted(), counted(), counted(), counted())
@settings(max_examples=30, deadline=None)
def test_strata_the_other_way_round_are_one_over_it(
    a: tuple[int, int], b: tuple[int, int], c: tuple[int, int], d: tuple[int, int]
) -> None:
    found, turned = (
        stratified_interval([(*a, *b), (*c, *d)], 0.95),
        stratified_interval([(*b, *a), (*d, *c)], 0.95),
    )
    assert found.low == pytest.approx(0 if math.isinf(turned.high) else 1 / turned.high, rel=1e-4, abs=1e-9)


def test_a_stratum_without_one_of_the_two_says_nothing() -> None:
    assert stratified_ratio([(30, 100, 20, 200), (5, 10, 0, 0)]) == pytest.approx(3.0)
    assert stratified_interval([(0, 10, 0, 0)], 0.95).high == math.inf


def test_more_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="3 among 2"):
        share_interval(3, 2, 0.95)
