"""Nothing that was withheld follows from everything that a reader of a round holds together.

The reader has every descriptor's counts, the table, the overview, and from the log every total. What is asked is
whether a withheld count is determined, by linear algebra. That counts are whole and not negative, and how far rounding can be
off, is known to `determined(whole_numbers=True)` (integer programming), which these tests do not ask for: what follows so, and
for a partner that knows its own rows, is not guaranteed yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations, product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from handmade import dimension, manifest, selection
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from lsi_match.matcher.round import counts_table as module
from lsi_match.matcher.round.counts_table import counts_table, published
from lsi_match.monitor.table import CountsTable
from lsi_match.partner.group_counts import group_counts
from lsi_match.partner.release.outcomes import _told
from lsi_match.protocol.group_cells import cell_names

CELLS = ("jong", "oud", "unknown")
#: Of one criterion and the condition of having a signal: both met, only the criterion, only the signal, neither.
PATTERNS = (3, 1, 2, 0)
SMALLEST = 5

Unknown = tuple[Any, ...]
World = dict[Unknown, int]


def names(number: int) -> tuple[str, ...]:
    return ("gemeente", "uwv", "svb")[:number]


def unknowns(number: int) -> list[Unknown]:
    """Records that a partner did not send, by partner, pattern and cell; subjects by the partners that sent them."""
    kept = [("kept", p, pattern, cell) for p in range(number) for pattern in PATTERNS[1:] for cell in CELLS]
    groups = [s for size in range(1, number + 1) for s in combinations(range(number), size)]
    return [*kept, *(("sent", s, cell) for s in groups for cell in CELLS)]


@st.composite
def worlds(draw: st.DrawFn) -> tuple[int, World]:
    number = draw(st.sampled_from([2, 3]))
    few = st.sampled_from([0, 0, 1, 2, 3, 5, 9, 10, 12, 40, 500])
    return number, {name: draw(few) for name in unknowns(number)}


@dataclass
class Reader:
    """What is told, as rows over the unknowns: each with the least and the most that it can be."""

    number: int
    world: World
    rows: list[tuple[np.ndarray, float, float]] = field(default_factory=list)
    withheld: list[tuple[str, np.ndarray]] = field(default_factory=list)

    def row(self, wanted: Any) -> np.ndarray:
        return np.array([wanted(name) for name in unknowns(self.number)], float)

    def value(self, row: np.ndarray) -> int:
        return int(row @ np.array(list(self.world.values()), float))

    def told(self, what: str, row: np.ndarray, shown: int | None, slack: int = 0) -> None:
        true = self.value(row)
        if shown is not None:
            assert abs(true - shown) <= slack, what
            self.rows.append((row, max(0, shown - slack), shown + max(0, slack - 1)))
            if slack and 0 < true < SMALLEST:
                self.withheld.append((what, row))
        elif true:  # a zero points at nobody
            self.withheld.append((what, row))

    def total(self, row: np.ndarray) -> None:
        self.rows.append((row, self.value(row), self.value(row)))

    def determined(self, whole_numbers: bool = False) -> Iterator[str]:
        """What follows from the rest: by linear algebra, or also by what whole numbers of people are possible."""
        exact = np.array([row for row, low, high in self.rows if low == high])
        rank = np.linalg.matrix_rank(exact)
        everything = LinearConstraint(*(np.array(part) for part in zip(*self.rows, strict=True)))
        for what, row in self.withheld:
            if np.linalg.matrix_rank(np.vstack([exact, row])) == rank:
                yield f"{what} (linear)"
            if not whole_numbers:
                continue
            ends = [
                milp(
                    sign * row,
                    constraints=everything,
                    integrality=np.ones(len(row)),
                    bounds=Bounds(0, 10_000),
                )
                for sign in (1, -1)
            ]
            assert all(end.success for end in ends)
            if round(ends[0].fun) == round(-ends[1].fun):
                yield f"{what} (whole numbers)"


def in_cell(cell: str | None) -> Any:
    return lambda name: cell is None or name[-1] == cell


def reaches(partner: int, first: int, cell: str | None) -> Any:
    """The records of a partner that meet the first so many conditions."""
    mask = (1 << first) - 1

    def wanted(name: Unknown) -> bool:
        if cell is not None and name[-1] != cell:
            return False
        if name[0] == "sent":
            return partner in name[1]
        return name[1] == partner and name[2] & mask == mask

    return wanted


def has_pattern(partner: int, pattern: int, cell: str) -> Any:
    if pattern == 3:
        return reaches(partner, 2, cell)
    return lambda name: name == ("kept", partner, pattern, cell)


def sent(cell: str | None, at_least: int = 1, together: tuple[int, ...] = ()) -> Any:
    return lambda name: (
        name[0] == "sent"
        and in_cell(cell)(name)
        and len(name[1]) >= at_least
        and set(together) <= set(name[1])
    )


def read(number: int, world: World, rounding: int = SMALLEST) -> Reader:
    """Everything that is told of a world in which cases are what the first two partners both sent."""
    partners = names(number)
    agreed = manifest({name: [selection()] for name in partners}, dimensions=[dimension()])
    numbers = {name: cell for cell, name in cell_names(agreed.monitor).items()}
    reader = Reader(number, world)
    descriptors: dict[str, Any] = {}
    for at, name in enumerate(partners):
        met = {
            (pattern, numbers[cell]): count
            for pattern, cell in product(PATTERNS, CELLS)
            if (count := reader.value(reader.row(has_pattern(at, pattern, cell))))
        }
        groups = group_counts(agreed, agreed.partners[name].selections[0], met, {})
        assert groups is not None
        descriptors[name] = SimpleNamespace(selections={"lijst": SimpleNamespace(groups=groups)})
        for first, stage in enumerate((groups.reference, groups.after["lopend"], groups.with_signal)):
            reader.total(reader.row(reaches(at, first, None)))
            for cell in CELLS:
                reader.told(f"{name} {first} {cell}", reader.row(reaches(at, first, cell)), stage[cell])
        for pattern, cell in product(PATTERNS, CELLS):
            text = "".join(str(pattern >> bit & 1) for bit in range(2))
            shown = groups.met[text][cell] if text in groups.met else 0
            reader.told(f"{name} {text} {cell}", reader.row(has_pattern(at, pattern, cell)), shown)
    rows = {
        "subjects": lambda cell: reader.row(sent(cell)),
        "matched": lambda cell: reader.row(sent(cell, at_least=2)),
        "cases": lambda cell: reader.row(sent(cell, together=(0, 1))),
    }
    counted = {
        stage: {numbers[cell]: reader.value(row(cell)) for cell in CELLS} for stage, row in rows.items()
    }
    overview = published(agreed.monitor, descriptors, counted)
    table = counts_table(agreed, "r", 1, descriptors, overview, {})
    assert isinstance(table, CountsTable)
    for stage, row in rows.items():
        slack = rounding if stage == "subjects" else 0
        reader.total(row(None))
        for cell in CELLS:
            shown = overview[stage][cell]
            reader.told(f"{stage} {cell}", row(cell), shown, slack)
        its = table.stage(stage).counts
        assert its == {cell: overview[stage][cell] for cell in its}, "the table tells nothing more"
    return reader


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_no_withheld_count_follows_from_all_documents_together(made: tuple[int, World]) -> None:
    assert list(read(*made).determined()) == []


#: One young person of uwv, beside hundreds of gemeente; three people known to both.
EXAMPLE: World = dict.fromkeys(unknowns(2), 0) | {
    ("sent", (0,), "jong"): 100, ("sent", (0,), "oud"): 300, ("sent", (1,), "jong"): 1, ("sent", (1,), "oud"): 200,
    ("sent", (0, 1), "jong"): 0, ("sent", (0, 1), "oud"): 40, ("kept", 0, 0, "jong"): 90, ("kept", 0, 0, "oud"): 90,
    ("kept", 1, 0, "jong"): 60, ("kept", 1, 0, "oud"): 70,
}  # fmt: skip


def test_the_reader_finds_what_exact_sums_would_give_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """The defence taken away: were the sums over all partners told as they are, the one person would be found."""
    assert list(read(2, EXAMPLE).determined()) == []
    monkeypatch.setattr(module, "coarse", lambda count, smallest: count)
    assert "uwv 2 jong (linear)" in list(read(2, EXAMPLE, rounding=0).determined())


def outcome_table(rows: list[list[int]]) -> list[list[int | None]]:
    agreed = manifest({"gemeente": [selection()], "uwv": [selection()]}, dimensions=[dimension()])
    numbers = cell_names(agreed.monitor)
    told = _told(agreed, {str(at): dict(zip(numbers, row, strict=True)) for at, row in enumerate(rows)})
    return [[told[str(at)][name] for name in numbers.values()] for at in range(3)]


@settings(max_examples=200, deadline=None)
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
    lines = [np.array([float(r == at) for r, _ in places]) for at in range(3)]
    lines += [np.array([float(c == at) for _, c in places]) for at in range(3)]
    units = {place: np.array([float(place == other) for other in places]) for place in places}
    known = np.array([*lines, *(units[r, c] for r, c in places if told[r][c] is not None)])
    rank = np.linalg.matrix_rank(known)
    for (r, c), unit in units.items():
        assert told[r][c] in (None, rows[r][c])
        if told[r][c] is None and rows[r][c]:
            assert np.linalg.matrix_rank(np.vstack([known, unit])) > rank
