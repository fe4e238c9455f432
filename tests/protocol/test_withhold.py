"""What is withheld of counts, beside an oracle that goes through every way in which people could be divided."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from itertools import combinations_with_replacement, product

import pytest

from lsi_match.protocol.audit import ImpossibleError, Told, narrow, width
from lsi_match.protocol.withhold import blur, coarse, withheld, withhold_table

Shown = tuple[int | None, ...]


def withhold(counts: tuple[int, ...], smallest: int, rank: Mapping[int, int] | None = None) -> Shown:
    """The counts of one stage, of which the total is known."""
    its = {at: Told.exactly({at: 1}, count) for at, count in enumerate(counts)}
    known = [Told.exactly(dict.fromkeys(its, 1), sum(counts))]
    hidden = withheld(its, {}, known, smallest, (), lambda at: (rank or {}).get(at, 0))
    return tuple(None if at in hidden else count for at, count in enumerate(counts))


def possible(shown: Shown, total: int) -> list[tuple[int, ...]]:
    """Every way in which so many people can be divided, as told."""
    ways = [range(total + 1) if count is None else [count] for count in shown]
    return [way for way in product(*ways) if sum(way) == total]


def spread(values: Iterable[int]) -> int:
    found = set(values)
    return max(found) - min(found)


@pytest.mark.parametrize("smallest", [2, 4, 5])
def test_each_count_that_may_be_small_keeps_its_values(smallest: int) -> None:
    """As far as the total leaves them, each withheld count can be one of so many as are asked."""
    for counts in combinations_with_replacement(range(8), 3):
        shown, total = withhold(counts, smallest), sum(counts)
        worlds = possible(shown, total)
        for at, count in enumerate(counts):
            assert shown[at] == count or shown[at] is None
            assert shown[at] is None or not 0 < count < smallest
            values = {world[at] for world in worlds}
            if shown[at] is None and min(values) < smallest and max(values):
                assert spread(values) >= min(width(smallest), total), (counts, shown)


def test_no_more_is_withheld_than_has_to_be() -> None:
    assert withhold((5, 0, 20), 5) == (5, 0, 20)
    assert withhold((3, 10, 20), 5) == (None, None, 20), "the smallest of the others"
    assert withhold((3, 10, 20), 5, {1: 1}) == (None, 10, None), "or what is of a lower rank"
    assert withhold((4, 0, 20), 5) == (None, 0, None), "a zero last"
    assert withhold((3, 4, 20), 5) == (None, None, 20)
    assert withhold((1, 1, 20), 5) == (None, None, 20), "two people may be anybody's"


def test_what_follows_from_the_total_alone_is_not_judged() -> None:
    assert withhold((1, 0, 0), 5) == (None, None, 0)
    its = {0: Told.exactly({0: 1}, 3), 1: Told.exactly({1: 1}, 20)}
    known = [Told.exactly({0: 1}, 3)]
    assert withheld(its, {}, known, 5, ()) == {0}


def test_a_difference_is_judged_though_nobody_tells_it() -> None:
    """Of 60 all but two are left: one of both is withheld, the smaller."""
    its = {"before": Told.exactly({"left": 1, "gone": 1}, 60), "after": Told.exactly({"left": 1}, 58)}
    assert withheld(its, {}, [], 5, ()) == set()
    assert withheld(its, {"gone": {"gone": 1}}, [], 5, ()) == {"after"}


def test_whole_numbers_are_reckoned_with() -> None:
    """Twice a number lies between 5 and 7: it is 3, though half of that is anything from 2.5 to 3.5."""
    told = [Told({"a": 2}, 5, 7)]
    assert narrow(told, {"a": {"a": 1}}, 5, set()) == {"a": {0}}
    assert withheld({"two": told[0]}, {"a": {"a": 1}}, [], 5, ()) == {"two"}


def test_what_cannot_be_is_told_to_the_caller() -> None:
    with pytest.raises(ImpossibleError):
        narrow([Told({"a": 1}, 5), Told({"a": 1}, 0, 4)], {"a": {"a": 1}}, 5, set())


def test_what_has_no_end_is_open() -> None:
    assert narrow([], {"a": {"a": 1}}, 5, set()) == {}
    settled = set[str]()
    assert narrow([Told({"a": 1}, 3)], {"a": {"a": 1}, "none": {}}, 5, settled) == {}
    assert settled == {"a"}


def test_of_a_rounded_count_is_judged_what_it_leaves() -> None:
    """Told as 0 it is at most 4. Beside the whole, of which 3 are elsewhere, it would be one of two."""
    its = {"rounded": Told({"a": 1}, -5, 4)}
    assert withheld(its, {}, [], 5, ()) == set()
    known = [Told({"a": 1, "b": 1}, 6, 6), Told({"b": 1}, 0, 3)]
    assert withheld(its, {}, known, 5, ()) == {"rounded"}


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_of_a_table_no_count_follows_from_the_totals_of_rows_and_keys(number: int) -> None:
    for values in ((0, 2, 4, 7), (3, 12, 30, 9), (40, 1, 2, 60), (0, 4, 4, 0)):
        rows = [dict(zip("abc", (*values, 11, 25)[at : at + 3], strict=True)) for at in range(number)]
        made = withhold_table(rows, 5)
        for row, shown in zip(rows, made, strict=True):
            assert all(shown[key] in (None, count) for key, count in row.items())
            assert all(shown[key] is None for key, count in row.items() if 0 < count < 5)
        if number > 1:
            for row, shown in zip(rows, made, strict=True):
                for key in (key for key, count in row.items() if 0 < count < 5):
                    assert list(shown.values()).count(None) > 1, (rows, made)
                    assert [one[key] for one in made].count(None) > 1, (rows, made)


def test_of_a_table_of_large_counts_everything_is_told() -> None:
    rows = [{"a": 10, "b": 20}, {"a": 30, "b": 40}]
    assert withhold_table(rows, 5) == rows
    assert withhold_table([], 5) == []


@pytest.mark.parametrize(
    ("count", "blurred"), [(0, None), (4, None), (5, 5), (7, 5), (8, 10), (12, 10), (13, 15), (100, 100)]
)
def test_a_blurred_count_is_a_multiple_and_a_small_one_is_none(count: int, blurred: int | None) -> None:
    assert blur(count, 5) == blurred


@pytest.mark.parametrize(("count", "told"), [(0, 0), (4, 0), (5, 10), (14, 10), (15, 20)])
def test_of_a_coarse_count_no_small_one_is_told(count: int, told: int) -> None:
    assert coarse(count, 5) == told


def test_the_same_counts_are_told_alike_by_every_process() -> None:
    """Also where several counts would do as well: a reader of two reports learns nothing of the choice."""
    asked = """
from lsi_match.protocol.withhold import withhold_table
print(withhold_table([dict(zip("abcdef", row)) for row in ((3, 20, 20, 20, 20, 0), (20, 2, 20, 20, 20, 0), (20, 20, 1, 20, 20, 0))], 5))
"""
    told = {
        subprocess.run(
            [sys.executable, "-c", asked],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(told) == 1
    assert "None" in told.pop()
