"""What a partner tells of its groups is true, adds up, and gives no withheld count away."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from handmade import dimension, manifest, selection
from hypothesis import given, settings
from hypothesis import strategies as st

from lsi_match.partner.group_counts import group_counts
from lsi_match.protocol.documents import GroupCounts, SelectionCounts
from lsi_match.protocol.group_cells import cell_names
from lsi_match.protocol.group_counts_rules import add_up
from lsi_match.protocol.withhold import coarse

CRITERIA = [{"id": f"c{i}", "when": "actief", "rationale": "r"} for i in range(2)]
AGREED = manifest(
    {"gemeente": [selection(criteria=CRITERIA)], "uwv": [selection()]}, dimensions=[dimension()]
)
SELECTION = AGREED.partners["gemeente"].selections[0]
NAMES = cell_names(AGREED.monitor)
BITS = 3
SMALLEST = AGREED.monitor.smallest_cell

Met = dict[tuple[int, int], int]
counted = st.dictionaries(
    st.tuples(st.integers(0, 7), st.sampled_from(sorted(NAMES))), st.sampled_from([1, 2, 3, 4, 6, 9, 40, 500])
)


def made(met: Met, unknown: Met | None = None) -> GroupCounts:
    found = group_counts(AGREED, SELECTION, met, unknown or {})
    assert found is not None
    return found


def reaching(met: Met, first: int) -> Met:
    return {(p, c): n for (p, c), n in met.items() if p & (1 << first) - 1 == (1 << first) - 1}


def told(met: Met) -> SelectionCounts:
    totals = [sum(reaching(met, first).values()) for first in range(BITS + 1)]
    return SelectionCounts(
        read=totals[0], after={"c0": totals[1], "c1": totals[2]}, with_signal=totals[3], invalid={},
        without_identifier=0, duplicates=0, written=totals[3], groups=made(met),
    )  # fmt: skip


def quantities(met: Met) -> list[tuple[np.ndarray, int, int | None]]:
    """Everything that can be told, over the unknowns (combination, cell): coefficients, true value, told value."""
    unknowns = [(p, c) for p in range(1 << BITS) for c in NAMES]
    groups = made(met)
    found = []
    stages = [groups.reference, *groups.after.values(), groups.with_signal]
    for first, stage in enumerate(stages):
        reach = [(p & (1 << first) - 1) == (1 << first) - 1 for p, _ in unknowns]
        total = sum(reaching(met, first).values())
        found.append((np.array(reach, float), total, total))
        for cell, name in NAMES.items():
            row = np.array([r and c == cell for r, (_, c) in zip(reach, unknowns, strict=True)], float)
            value = sum(n for (p, c), n in reaching(met, first).items() if c == cell)
            found.append((row, value, stage[name]))
    for pattern in range(1 << BITS):
        for cell, name in NAMES.items():
            row = np.array([u == (pattern, cell) for u in unknowns], float)
            text = "".join(str(pattern >> bit & 1) for bit in range(BITS))
            # A combination that is not there says that it counts nothing.
            shown = groups.met[text][name] if text in groups.met else 0
            found.append((row, met.get((pattern, cell), 0), shown))
    return found


@settings(max_examples=40, deadline=None)
@given(counted)
def test_no_withheld_count_follows_from_what_is_told(met: Met) -> None:
    everything = quantities(met)
    known = np.array([row for row, _, shown in everything if shown is not None])
    rank = np.linalg.matrix_rank(known)
    for row, value, shown in everything:
        if shown is None and 0 < value < SMALLEST:  # a zero points at nobody
            assert np.linalg.matrix_rank(np.vstack([known, row])) > rank, "a withheld count is determined"


@settings(max_examples=40, deadline=None)
@given(counted)
def test_what_is_told_is_true_adds_up_and_no_stage_shows_a_small_count(met: Met) -> None:
    assert all(shown in (None, value) for _, value, shown in quantities(met))
    assert add_up(AGREED, SELECTION, told(met))
    groups = made(met)
    for stage in (groups.reference, *groups.after.values(), groups.with_signal):
        assert not any(count and count < SMALLEST for count in stage.values())


def test_large_counts_are_all_told() -> None:
    met = {(p, c): 100 + p for p in range(8) for c in NAMES}
    assert all(shown is not None for _, _, shown in quantities(met))


def test_a_selection_without_the_fields_of_any_dimension_tells_nothing() -> None:
    bare = selection(fields={k: v for k, v in selection()["fields"].items() if k != "begin"},
                     signals=[{"id": "s", "when": "actief", "label": "S"}])  # fmt: skip
    agreed = manifest({"gemeente": [bare], "uwv": [selection()]}, dimensions=[dimension()])
    chosen = agreed.partners["gemeente"].selections[0]
    assert group_counts(agreed, chosen, {(3, 255): 100}, {}) is None


@pytest.mark.parametrize("smallest", [5, 7, 10])
def test_of_how_many_nothing_is_known_gives_no_small_count_away_whatever_bounds_it(smallest: int) -> None:
    told_as: dict[int, set[int]] = {}
    for count in range(6 * smallest):
        told_as.setdefault(coarse(count, smallest), set()).add(count)
        assert abs(coarse(count, smallest) - count) <= smallest, (
            "within half a unit, as `Stage.rounded_to` says"
        )
    for counts in told_as.values():
        for count, at_most in product(counts, range(1, 6 * smallest)):
            possible = {one for one in counts if one <= at_most}
            if 0 < count < smallest and count <= at_most:
                assert possible >= set(range(min(at_most, smallest - 1) + 1))


def test_a_criterion_of_which_nearly_everything_is_known_is_left_out() -> None:
    assert made(MET, {(1, 0): 3, (1, 1): 4}).unknown == {}
    groups = made(MET, {(1, 0): 3, (1, 1): 23})
    assert groups.unknown == {"c1": {"jong": 0, "oud": 20, "unknown": 0}}
    assert GroupCounts.model_validate_json(groups.model_dump_json()) == groups
    assert "unknown" not in GroupCounts.model_validate(made(MET)).model_dump(), (
        "a drop of before is as it was"
    )


MET: Met = {(p, c): 100 for p in range(8) for c in NAMES}


LIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a criterion that lets more through than came": lambda g: (
        g["after"]["c0"].update(jong=900, oud=300, unknown=0)),
    "a group that grows, with the totals as they were": lambda g: (
        g["after"]["c1"].update(jong=450, oud=150, unknown=0), g["met"].clear()),
    "a stage larger than the register": lambda g: g["with_signal"].update(jong=801, oud=0, unknown=0),
    "a stage that does not reach its total": lambda g: g["reference"].update(jong=799),
    "a stage over its total though something is withheld": lambda g: g["reference"].update(jong=None, oud=2500),
    "combinations that do not make the stage": lambda g: g["met"]["111"].update(jong=101),
    "combinations over the stage though one is withheld": lambda g: (
        g["met"]["111"].update(jong=None), g["met"]["110"].update(jong=201)),
    "a cell that nobody agreed on": lambda g: g["reference"].update(rijk=0),
    "a cell too few": lambda g: g["reference"].pop("unknown"),
    "a combination of another number of criteria": lambda g: g["met"].update({"1111": g["met"].pop("111")}),
    "a criterion too few": lambda g: g["after"].pop("c1"),
    "more unknown than there are": lambda g: g.update(unknown={"c1": {"jong": 810, "oud": 0, "unknown": 0}}),
    "a small count of who is unknown": lambda g: g.update(unknown={"c1": {"jong": 3, "oud": 0, "unknown": 0}}),
    "unknown of a criterion that is not there": lambda g: g.update(unknown={"c7": {"jong": 20, "oud": 0, "unknown": 0}}),
    "unknown of a cell too few": lambda g: g.update(unknown={"c1": {"jong": 20, "oud": 0}}),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_group_counts_that_cannot_be_true_are_seen(lie: str) -> None:
    honest = told(MET)
    assert add_up(AGREED, SELECTION, honest)
    value = honest.model_dump()
    LIES[lie](value["groups"])
    assert not add_up(AGREED, SELECTION, SelectionCounts.model_validate(value))


def test_group_counts_that_are_missing_are_seen() -> None:
    assert not add_up(AGREED, SELECTION, told(MET).model_copy(update={"groups": None}))
