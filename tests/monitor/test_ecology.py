"""Bounds from areas hold whatever the people are, and are reached."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsi_match.monitor.ecological_bounds import Area, bounds


@st.composite
def towns(draw: st.DrawFn) -> list[tuple[int, int, int, int]]:
    """Per area: having and selected, having only, selected only, neither."""
    few = st.integers(0, 4)
    return draw(st.lists(st.tuples(few, few, few, few), min_size=1, max_size=3))


def areas_of(town: list[tuple[int, int, int, int]]) -> list[Area]:
    return [Area(sum(cells), cells[0] + cells[1], cells[0] + cells[2]) for cells in town]


@given(towns())
def test_the_truth_lies_within_the_bounds_and_both_ends_are_possible(
    town: list[tuple[int, int, int, int]],
) -> None:
    areas = areas_of(town)
    having, others = sum(a.having for a in areas), sum(a.people - a.having for a in areas)
    if not having or not others:
        with pytest.raises(ValueError, match="nobody"):
            bounds(areas)
        return
    found = bounds(areas)
    truth = sum(cells[0] for cells in town) / having
    assert found.having.low <= truth <= found.having.high
    possible = [
        sum(chosen)
        for chosen in product(*(range(min(a.having, a.selected) + 1) for a in areas))
        if all(a.selected - both <= a.people - a.having for a, both in zip(areas, chosen, strict=True))
    ]
    assert found.having.low == pytest.approx(min(possible) / having)
    assert found.having.high == pytest.approx(max(possible) / having)


def test_where_areas_are_mixed_they_say_nothing_and_where_they_are_not_they_do() -> None:
    mixed = [Area(1000, 300, 50), Area(1000, 100, 20)]
    assert not bounds(mixed).says
    apart = [Area(1000, 990, 100), Area(1000, 10, 20)]
    assert bounds(apart).says


def test_impossible_areas_are_refused() -> None:
    with pytest.raises(ValueError, match="more people"):
        Area(10, 11, 0)
