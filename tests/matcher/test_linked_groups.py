"""Whom linking misses: groups of the made-up population beside each other, and people who stand in one register more than once."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from benchmarks.linkage import Task, by_group, gap
from benchmarks.people import make_registers, several


def test_no_group_is_missed_much_more_than_another_one() -> None:
    """Bounds wider than what docs/person-keys.md shows of a larger population: this one is small."""
    registers = make_registers(12_000)
    groups = by_group(registers, Task.of(registers.left, registers.right).link())
    missed = {name: one.missed for name, one in groups.items() if one.pairs >= 100}
    assert set(missed) >= {"dutch", "moroccan", "arabic", "moved"}
    assert missed.pop("moved") < 0.07
    assert missed.pop("call_name") < 0.16
    assert max(missed.values()) < 0.1
    assert missed["dutch"] < 0.02


def test_the_gap_is_between_the_groups_that_are_missed_most_and_least() -> None:
    registers = make_registers(3_000)
    groups = by_group(registers, Task.of(registers.left, registers.right).link())
    large = [one.missed for one in groups.values() if one.pairs >= 1_000]
    assert gap(groups) >= 1
    assert gap(groups) == max(large) / max(min(large), 0.001)


@pytest.mark.parametrize("places", [1, 2])
def test_people_who_stand_in_a_register_several_times_are_found(places: int) -> None:
    register = several(800, seed=5)
    at = np.random.default_rng(1).integers(0, places, len(register))
    task = Task.of(*(register.filter(pl.Series(at == place)) for place in range(places)))
    found = task.link()
    assert found.recall > 0.85
    assert found.precision > 0.995
