"""No small count follows from everything that a reader of a round holds together, in whole numbers (`tests.withheld_readers`)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from handmade import dimension, manifest, selection
from hypothesis import given, settings
from hypothesis import strategies as st
from manifest.test_statistics import draft

from lsi_match.manifest import Manifest
from lsi_match.matcher.round import published as module
from lsi_match.partner.release.outcomes import _told
from lsi_match.protocol import withhold
from lsi_match.protocol.audit import Told, width
from lsi_match.protocol.documents import CellCounts
from lsi_match.protocol.group_cells import cell_names
from lsi_match.protocol.withhold import drawn, withheld
from tests.withheld_readers import (
    Ends,
    World,
    documents,
    follows,
    ordinary_world,
    small_world,
    trial,
    unknowns,
)

KINDS = [small_world, ordinary_world]


@pytest.fixture(autouse=True)
def lots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one stage in ten."""
    monkeypatch.setattr(withhold, "ONE_IN", 10)


@pytest.mark.parametrize("kind", KINDS)
def test_no_small_count_follows_for_an_outsider_or_a_partner(
    kind: Callable[[random.Random, int], World],
) -> None:
    chance = random.Random(11)
    for at in range(6):
        number = chance.choice((2, 3))
        assert follows(number, kind(chance, number)) == [], at


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_nor_in_a_thousand_worlds(kind: Callable[[random.Random, int], World]) -> None:
    found = trial(kind, 1000)
    assert not found["exact, outsider"] + found["exact, partner"], found


#: One young person of uwv, beside hundreds of gemeente; three people known to both.
EXAMPLE: World = dict.fromkeys(unknowns(2), 0) | {
    ("sent", (0,), "jong"): 100, ("sent", (0,), "oud"): 300, ("sent", (1,), "jong"): 1, ("sent", (1,), "oud"): 200,
    ("sent", (0, 1), "jong"): 0, ("sent", (0, 1), "oud"): 40, ("kept", 0, 0, "jong"): 90, ("kept", 0, 0, "oud"): 90,
    ("kept", 1, 0, "jong"): 60, ("kept", 1, 0, "oud"): 70,
}  # fmt: skip


def test_the_reader_finds_what_is_told_without_the_auditor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The defence taken away: only small counts are withheld, and the one person is found."""
    assert follows(2, EXAMPLE) == []
    monkeypatch.setattr(withhold, "narrow", lambda *_: {})
    assert "uwv 2 jong (reader None)" in follows(2, EXAMPLE)


def test_what_a_criterion_leaves_out_is_a_count_as_well() -> None:
    """Of 60 young people all but two carry a signal: the two follow where both stages are told."""
    world: World = EXAMPLE | {
        ("sent", (1,), "jong"): 58,
        ("kept", 1, 1, "jong"): 2,
        ("kept", 1, 0, "jong"): 60,
    }
    groups = documents(2, world).groups["uwv"]
    assert None in (groups.after["lopend"]["jong"], groups.with_signal["jong"])
    assert follows(2, world) == []


def test_the_same_people_are_told_alike_in_every_round() -> None:
    chance = random.Random(3)
    for _ in range(3):
        world = small_world(chance, 2)
        assert documents(2, world) == documents(2, dict(world))


def told(counts: tuple[int, ...], lots: set[int], smallest: int) -> tuple[int | None, ...]:
    """One stage: its groups, of which the total is known."""
    its = {at: Told.exactly({at: 1}, count) for at, count in enumerate(counts)}
    known = [Told.exactly(dict.fromkeys(its, 1), sum(counts))]
    hidden = withheld(its, {}, known, smallest, lots)
    return tuple(None if at in hidden else count for at, count in enumerate(counts))


def test_who_knows_the_program_learns_no_more_of_a_small_count() -> None:
    """Every way in which three groups of at most eight can be divided, and every lot: all that is told alike leaves each small
    count as many values as the auditor asks, where the total leaves them."""
    smallest, everyone = 5, Counter[int]()
    worlds: dict[tuple[int, tuple[int | None, ...]], list[tuple[int, ...]]] = {}
    lots = [{at for at in range(3) if mask >> at & 1} for mask in range(8)]
    for counts in product(range(9), repeat=3):
        for its in lots:
            worlds.setdefault((sum(counts), told(counts, its, smallest)), []).append(counts)
    for (total, shown), alike in worlds.items():
        for at in range(3):
            values = {counts[at] for counts in alike}
            if shown[at] is None and any(0 < one < smallest for one in values):
                anyway = min(total, 8) - max(0, total - 16)
                assert max(values) - min(values) >= min(width(smallest), anyway), (total, shown, at)
                everyone[len(values)] += 1
    assert everyone


def test_lots_fall_on_any_count_and_depend_on_all_of_them() -> None:
    stages = [{at: Told.exactly({at: 1}, 100 * number + at) for at in range(4)} for number in range(300)]
    lots = [drawn(stage, b"of one") for stage in stages]
    assert 10 < sum(map(bool, lots)) < 60, "one stage in ten"
    assert set[int]().union(*lots) == set(range(4))
    assert lots == [drawn(dict(reversed(stage.items())), b"of one") for stage in stages]
    assert lots != [drawn(stage, b"of another") for stage in stages]
    assert lots != [drawn(stage | {0: Told.exactly({0: 1}, 7)}, b"of one") for stage in stages]
    assert not any(drawn(stage, None) for stage in stages)


def test_what_partners_told_bounds_nothing_where_it_cannot_be() -> None:
    """A subject counts as young by the record of one partner, and its other partner does not know: more young subjects are known
    to both than that one told."""
    agreed = manifest({name: [selection()] for name in ("gemeente", "uwv")}, dimensions=[dimension()])
    numbers = {name: cell for cell, name in cell_names(agreed.monitor).items()}
    stage = {"jong": 0, "oud": 60, "unknown": 40}
    groups = SimpleNamespace(reference=stage, after={"lopend": stage}, with_signal=stage, met={})
    its = SimpleNamespace(groups=groups, read=100, after={"lopend": 100}, with_signal=100, written=100)
    descriptors: Any = {name: SimpleNamespace(selections={"lijst": its}) for name in ("gemeente", "uwv")}
    counted = {stage: {numbers["jong"]: 30, numbers["oud"]: 40} for stage in ("subjects", "matched", "cases")}
    shown = module.published(agreed.monitor, descriptors, counted)
    assert shown["matched"] == {"jong": 30, "oud": 40, "unknown": 0}


def test_of_the_groups_of_a_statistics_partner_no_small_count_follows_either() -> None:
    """Two matched people of a small group are withheld, and another group beside them; so is one of both where all but one of a
    group are a case. Where one person counts as two, its population bounds nothing."""
    agreed = Manifest.model_validate(draft())
    monitor = agreed.monitor.statistical
    numbers = {name: cell for cell, name in cell_names(monitor).items()}
    population: dict[str, int | None] = {"nl": 900, "buiten": 80, "unknown": 0}
    its = SimpleNamespace(groups=SimpleNamespace(with_signal=population))
    descriptors: Any = {"bureau": SimpleNamespace(selections={"bevolking": its})}

    def told(matched: tuple[int, ...], cases: tuple[int, ...]) -> dict[str, CellCounts]:
        stages = {"subjects": (500, 60, 40), "matched": matched, "cases": cases}
        counted = {
            f"bureau.{stage}": dict(zip((numbers[name] for name in population), its, strict=True))
            for stage, its in stages.items()
        }
        return module.statistics(agreed, descriptors, counted)

    calm = told((100, 30, 20), (50, 15, 10))
    assert calm["bureau.matched"] == {"nl": 100, "buiten": 30, "unknown": 20}
    assert calm["bureau.cases"] == {"nl": 50, "buiten": 15, "unknown": 10}
    small = told((100, 2, 20), (50, 0, 10))["bureau.matched"]
    assert small == {"nl": 100, "buiten": None, "unknown": None}
    left = told((100, 30, 20), (50, 29, 10))
    assert None in (left["bureau.matched"]["buiten"], left["bureau.cases"]["buiten"])
    population["buiten"] = 10
    assert told((100, 30, 20), (50, 15, 10))["bureau.cases"] == calm["bureau.cases"]


def outcome_table(rows: list[list[int]]) -> list[list[int | None]]:
    agreed = manifest({"gemeente": [selection()], "uwv": [selection()]}, dimensions=[dimension()])
    numbers = cell_names(agreed.monitor)
    told = _told(agreed, {str(at): dict(zip(numbers, row, strict=True)) for at, row in enumerate(rows)})
    return [[told[str(at)][name] for name in numbers.values()] for at in range(3)]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from([0, 0, 1, 3, 9, 10, 12, 80]), min_size=3, max_size=3), min_size=3, max_size=3
    )
)
def test_no_outcome_follows_from_how_many_cases_there_are_per_group_and_per_outcome(
    rows: list[list[int]],
) -> None:
    told = outcome_table(rows)
    places = list(product(range(3), range(3)))
    lines = [[float(one[side] == at) for one in places] for side in (0, 1) for at in range(3)]
    counts = np.array([rows[r][c] for r, c in places])
    totals = [(np.array(line), line @ counts, line @ counts) for line in lines]
    units = {place: np.array([float(place == other) for other in places]) for place in places}
    shown = [(units[r, c], rows[r][c], rows[r][c]) for r, c in places if told[r][c] is not None]
    assert all(told[r][c] in (None, rows[r][c]) for r, c in places)
    everything, anyway = Ends([*totals, *shown]), Ends(totals)
    for (r, c), unit in units.items():
        if 0 < rows[r][c] < 5:
            assert told[r][c] is None
            assert not everything.are_one(unit) or anyway.are_one(unit)
