"""From counts to verdicts, attributions and outcomes."""

from __future__ import annotations

import math
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lsi_match.monitor.analyse import analyse, verdict
from lsi_match.monitor.attribution import shares
from lsi_match.monitor.findings import Findings, Verdict
from lsi_match.monitor.intervals import Interval
from lsi_match.monitor.table import CountsTable

AGE = {"id": "age", "label": "Leeftijd", "groups": {"young": "jong", "middle": "midden", "old": "oud"}}
PLACE = {"id": "place", "label": "Woonplaats", "groups": {"near": "dichtbij", "far": "ver"}}
KIND = {"id": "kind", "label": "Soort", "role": "legitimate", "groups": {"a": "A", "b": "B"}}


def table(
    *stages: dict[str, int | None], dimensions: tuple[dict[str, Any], ...] = (AGE,), **changes: Any
) -> CountsTable:
    """Stages s0, s1 …, each beside the first and the one before it."""
    made = [
        {
            "id": f"s{at}", "label": f"s{at}", "kind": "criterion" if at else "reference", "counts": counts,
            "against": list(dict.fromkeys(["s0", f"s{at - 1}"])) if at else [],
        }
        for at, counts in enumerate(stages)
    ]  # fmt: skip
    return CountsTable.model_validate({"title": "proef", "dimensions": dimensions, "stages": made} | changes)


def verdicts(found: Findings, stage: str = "s1") -> dict[str, Verdict]:
    return {f.group: f.verdict for f in found.findings if f.stage == stage}


def test_twice_the_chance_is_over_and_the_others_are_under() -> None:
    found = analyse(table({"young": 50_000, "middle": 50_000, "old": 50_000}, {"young": 2000, "middle": 1000, "old": 1000}))  # fmt: skip
    assert verdicts(found) == {"young": Verdict.OVER, "middle": Verdict.UNDER, "old": Verdict.UNDER}
    assert found.alert


def test_equal_chances_are_shown_to_be_within_the_tolerance_only_with_enough_people() -> None:
    many = {"young": 50_000, "middle": 50_000, "old": 50_000}
    assert set(verdicts(analyse(table(many, dict.fromkeys(many, 5000)))).values()) == {Verdict.WITHIN}
    assert set(verdicts(analyse(table(many, dict.fromkeys(many, 20)))).values()) == {Verdict.TOO_LITTLE}


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1.26, 9, "over"),
        (0.1, 0.79, "under"),
        (0.8, 1.25, "within"),
        (0.79, 1.2, "too_little"),
        (0.9, 1.3, "too_little"),
        (1.2, 1.3, "more"),
        (0.7, 0.85, "less"),
    ],
)
def test_a_verdict_looks_at_the_whole_interval(low: float, high: float, expected: str) -> None:
    assert verdict(Interval(low, high), 1.25).value == expected
    assert verdict(None, 1.25) is Verdict.TOO_LITTLE


def test_more_comparisons_and_more_runs_ask_for_more() -> None:
    counts = ({"young": 5000, "middle": 5000, "old": 5000}, {"young": 100, "middle": 100, "old": 100})
    once, often = analyse(table(*counts)), analyse(table(*counts, looks=20))
    assert once.comparisons == 3
    assert once.confidence == pytest.approx(1 - 0.05 / 3)
    assert often.confidence == pytest.approx(1 - 0.05 / 60)
    assert often.findings[0].ratio.low < once.findings[0].ratio.low  # type: ignore[operator]


def test_a_withheld_count_is_never_read_as_zero() -> None:
    population = {"young": 50_000, "middle": 50_000, "old": 50_000}
    found = analyse(table(population, {"young": None, "middle": 5000, "old": 5000}))
    assert verdicts(found)["young"] is Verdict.TOO_LITTLE
    unknown = analyse(table({**population, "young": None}, {"young": 10, "middle": 5000, "old": 5000}))
    assert verdicts(unknown)["young"] is Verdict.TOO_LITTLE
    assert next(f for f in unknown.findings if f.group == "young").ratio.low is None


def test_rounded_counts_have_wider_intervals() -> None:
    counts = ({"young": 50_000, "middle": 50_000, "old": 50_000}, {"young": 100, "middle": 50, "old": 50})
    exact, rounded = table(*counts), table(*counts).model_dump()
    for stage in rounded["stages"]:
        stage["rounded_to"] = 10
    plain, wide = (analyse(one).findings[0].ratio for one in (exact, CountsTable.model_validate(rounded)))
    assert wide.low < plain.low < plain.high < wide.high  # type: ignore[operator]


def test_a_sampled_reference_carries_its_own_doubt() -> None:
    counts = ({"young": 500, "middle": 500, "old": 500}, {"young": 200, "middle": 100, "old": 100})
    known = analyse(table(*counts)).findings[0]
    doubtful = table(*counts).model_dump()
    doubtful["stages"][0]["sampled"] = True
    sampled = analyse(CountsTable.model_validate(doubtful)).findings[0]
    assert sampled.representation.low < known.representation.low  # type: ignore[operator]
    assert sampled.ratio.value == pytest.approx((200 / 200) / (500 / 1000))


def test_a_difference_that_a_legitimate_characteristic_explains_goes_away_given_it() -> None:
    """Kind `a` is selected ten times as often, and the young are mostly of kind `a`; within a kind there is no difference."""
    population = {"young|a": 40_000, "young|b": 10_000, "old|a": 10_000, "old|b": 40_000}
    selected = {"young|a": 4000, "young|b": 100, "old|a": 1000, "old|b": 400}
    age = AGE | {"groups": {"young": "jong", "old": "oud"}}
    found = analyse(table(population, selected, dimensions=(age, KIND)))
    assert verdicts(found)["young"] is Verdict.OVER
    given_kind = next(c for c in found.conditionals if c.group == "young")
    assert given_kind.crude == pytest.approx(4100 / 1400)
    assert given_kind.ratio.value == pytest.approx(1.0)
    assert given_kind.verdict is Verdict.WITHIN


def test_two_characteristics_together_are_looked_at_where_there_are_enough() -> None:
    cells = [f"{a}|{b}" for a, b in product(AGE["groups"], PLACE["groups"])]
    population = dict.fromkeys(cells, 20_000) | {"old|far": 30}
    selected = dict.fromkeys(cells, 400) | {"young|near": 1200, "old|far": 1}
    found = analyse(table(population, selected, dimensions=(AGE, PLACE)))
    crossed = {f.group: f.verdict for f in found.findings if f.dimension == "age × place"}
    assert crossed["young|near"] is Verdict.OVER
    assert "old|far" not in crossed


def test_the_criterion_that_does_it_is_found_and_the_factors_multiply_to_the_ratio() -> None:
    """`distance` passes half of the young and a fifth of the others; `income` passes everyone alike."""
    met = {
        "11": {"young": 250, "middle": 100, "old": 100}, "10": {"young": 250, "middle": 100, "old": 100},
        "01": {"young": 250, "middle": 400, "old": 400}, "00": {"young": 250, "middle": 400, "old": 400},
    }  # fmt: skip
    combos = {"partner": "p", "selection": "s", "start": "s0", "criteria": ["distance", "income"], "met": met}
    counts = ({"young": 1000, "middle": 1000, "old": 1000}, {"young": 250, "middle": 100, "old": 100})
    found = analyse(table(*counts, combinations=[combos])).attributions[0]
    by_name = {share.criterion: share for share in found.shares}
    assert found.sure
    assert found.ratio == pytest.approx(2.5, rel=0.02)
    assert by_name["distance"].shapley == pytest.approx(2.5, rel=0.02)
    assert by_name["income"].shapley == pytest.approx(1.0, rel=0.02)
    assert math.prod(share.shapley or 0 for share in found.shares) == pytest.approx(found.ratio, rel=1e-4)


def _of_two(group: tuple[int, int, int, int], others: tuple[int, int, int, int]) -> Any:
    """The attribution to two criteria, from how many met both, the first only, the second only, and neither."""
    names = ("11", "10", "01", "00")
    met = {name: {"young": a, "old": b} for name, a, b in zip(names, group, others, strict=True)}
    combos = {"partner": "p", "selection": "s", "start": "s0", "criteria": ["x", "y"], "met": met}
    counts = ({"young": sum(group), "old": sum(others)}, met["11"])
    age = AGE | {"groups": {"young": "jong", "old": "oud"}}
    return analyse(table(*counts, dimensions=(age,), combinations=[combos])).attributions[0]


def test_of_two_criteria_with_the_same_effect_none_is_called_the_heaviest() -> None:
    same = _of_two((410, 600, 590, 400), (230, 400, 420, 950))
    assert not same.sure
    clear = _of_two((4100, 2900, 1100, 900), (1000, 1100, 3000, 2900))
    assert clear.sure
    assert type(clear).model_validate_json(clear.model_dump_json()) == clear


def test_the_interval_of_an_effect_holds_it_as_often_as_it_says() -> None:
    rng = np.random.default_rng(8)
    chances = ([0.2, 0.3, 0.25, 0.25], [0.1, 0.2, 0.3, 0.4])
    truth = _of_two(*(tuple(round(1e8 * p) for p in its) for its in chances)).shares[0].shapley
    held = 0
    for _ in range(400):
        group, others = (tuple(int(n) for n in rng.multinomial(2000, its)) for its in chances)
        interval = _of_two(group, others).shares[0].interval
        held += interval.low <= truth <= interval.high
    assert held / 400 >= 0.92


def test_where_withheld_counts_decide_nothing_is_sure() -> None:
    met = {"11": {"young": None, "middle": 10, "old": 10}, "10": {"young": None, "middle": None, "old": 12},
           "01": {"young": None, "middle": 11, "old": None}, "00": {"young": 12, "middle": 10, "old": 10}}  # fmt: skip
    combos = {"partner": "p", "selection": "s", "start": "s0", "criteria": ["x", "y"], "met": met}
    counts = ({"young": 30, "middle": 30, "old": 30}, {"young": None, "middle": 10, "old": 10})
    assert not analyse(table(*counts, combinations=[combos])).attributions[0].sure


@settings(max_examples=40)
@given(st.lists(st.floats(-2, 2), min_size=8, max_size=8))
def test_shapley_is_the_mean_over_all_orders(numbers: list[float]) -> None:
    def value(some: frozenset[int]) -> float:
        return numbers[sum(2**i for i in some)] if some else 0.0

    names = ("x", "y", "z")
    found = {share.criterion: share.shapley for share in shares(value, names)}
    for at, name in enumerate(names):
        steps = []
        for order in permutations(range(3)):
            before = frozenset(order[: order.index(at)])
            steps.append(value(before | {at}) - value(before))
        assert found[name] == pytest.approx(math.exp(sum(steps) / len(steps)), rel=1e-4)


def test_a_lower_share_of_grounded_cases_in_a_group_selected_more_is_told() -> None:
    made = table({"young": 50_000, "old": 50_000}, {"young": 2000, "old": 1000},
                 dimensions=(AGE | {"groups": {"young": "jong", "old": "oud"}},)).model_dump()  # fmt: skip
    for kind, counts in (
        ("grounded", {"young": 400, "old": 500}),
        ("not_grounded", {"young": 1600, "old": 500}),
    ):
        made["stages"] += ({"id": kind, "label": kind, "kind": kind, "counts": counts},)
    young = next(o for o in analyse(CountsTable.model_validate(made)).outcomes if o.group == "young")
    assert young.lower
    assert young.selected_more
    assert young.ratio.value == pytest.approx(0.2 / 0.5)


def test_the_same_counts_give_the_same_document() -> None:
    made = table({"young": 5000, "middle": 5000, "old": 5000}, {"young": 100, "middle": 90, "old": 80})
    again = CountsTable.model_validate_json(made.model_dump_json())
    assert analyse(made).model_dump_json() == analyse(again).model_dump_json()
    assert Findings.model_validate_json(analyse(made).model_dump_json()) == analyse(made)


@pytest.mark.parametrize(
    "stages",
    [
        [{"id": "a", "label": "a", "kind": "reference", "counts": {"young|x": 1}}] * 2,
        [{"id": "a", "label": "a", "kind": "reference", "counts": {"unborn": 1}}, {"id": "b", "label": "b", "kind": "case", "counts": {}}],
        [{"id": "a", "label": "a", "kind": "reference", "counts": {}, "against": ["b"]}, {"id": "b", "label": "b", "kind": "case", "counts": {}}],
    ],
)  # fmt: skip
def test_a_table_that_does_not_hang_together_is_refused(stages: list[dict[str, Any]]) -> None:
    with pytest.raises(ValidationError):
        CountsTable.model_validate({"title": "t", "dimensions": [AGE], "stages": stages})
