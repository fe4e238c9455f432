"""What is withheld of counts, beside an oracle that tries every other way in which people could be divided."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import pytest

from lsi_match.protocol.withhold import blur, withhold, withhold_stages, withhold_table

Counts = dict[str, int | None]


def counts(*values: int) -> dict[str, int]:
    return dict(zip("abcd", values, strict=False))


def told(*values: int | None) -> Counts:
    return dict(zip("abcd", values, strict=False))


def left_open(hidden: Mapping[str, int], smallest: int, caps: Mapping[str, int]) -> bool:
    """Whether of each small count at least half of the values that it can have are possible beside its own, for whoever
    knows the total and the caps."""
    total = sum(hidden.values())
    if len(hidden) < 2 or total < smallest:
        return False
    most = [range(min(caps.get(key, total), total) + 1) for key in hidden]
    possible = [world for world in product(*most) if sum(world) == total]
    for at, count in enumerate(hidden.values()):
        others = {world[at] for world in possible} & set(range(smallest)) - {count}
        if 0 < count < smallest and len(others) < (smallest - 1) // 2:
            return False
    return True


def expected(all_counts: Mapping[str, int], smallest: int, caps: Mapping[str, int]) -> Counts:
    """The small counts, and then as few others as leave enough open: the smallest first, zeros last of all."""
    hidden = [key for key, count in all_counts.items() if 0 < count < smallest]
    others = sorted(
        all_counts.keys() - set(hidden), key=lambda key: (not all_counts[key], all_counts[key], key)
    )
    for more in (others[:number] for number in range(len(others) + 1)):
        together = {key: all_counts[key] for key in (*hidden, *more)}
        if not hidden or more == others or left_open(together, smallest, caps):
            return {key: None if key in together and hidden else count for key, count in all_counts.items()}
    raise AssertionError("never reached")


@pytest.mark.parametrize("smallest", [2, 3, 4, 5])
def test_no_more_and_no_less_is_withheld_than_leaves_enough_open(smallest: int) -> None:
    for values in product(range(8), repeat=3):
        made = counts(*values)
        assert withhold(made, smallest) == expected(made, smallest, {}), made


@pytest.mark.parametrize("smallest", [2, 4, 5])
def test_what_is_told_of_how_large_a_count_can_be_is_reckoned_with(smallest: int) -> None:
    for values, room in product(product((0, 1, 4, 5, 7), repeat=3), product((0, 2, None), repeat=3)):
        made = counts(*values)
        at_most = told(
            *(None if more is None else count + more for count, more in zip(values, room, strict=True))
        )
        caps = {key: cap for key, cap in at_most.items() if cap is not None}
        assert withhold(made, smallest, at_most) == expected(made, smallest, caps), (made, at_most)


def test_nobody_is_in_a_zero_and_a_count_of_the_smallest_size_is_no_small_one() -> None:
    assert withhold(counts(5, 0, 20), 5) == told(5, 0, 20)
    assert withhold(counts(4, 0, 20), 5) == told(None, 0, None)
    assert withhold(counts(4, 0), 5) == told(None, None)
    assert withhold({}, 5) == {}


def test_what_stays_the_same_from_stage_to_stage_is_told_in_both_or_in_neither() -> None:
    """Nobody of `b` leaves at the second stage. It is withheld there, since with its 6 told the 3 of `a` are known;
    so it is withheld at the first as well, which needs a second there: the smallest of the others."""
    assert withhold_stages([counts(30, 6, 40), counts(3, 6, 20)], 5) == [
        told(None, None, 40),
        told(None, None, None),
    ]
    assert withhold_stages([counts(30, 7, 40), counts(3, 6, 20)], 5) == [
        told(30, 7, 40),
        told(None, None, 20),
    ]


def test_what_goes_through_a_stage_in_the_middle_comes_out_at_both_ends() -> None:
    stages = [counts(9, 50, 70), counts(9, 50, 60), counts(9, 3, 59)]
    assert withhold_stages(stages, 5) == [told(None, None, 70), told(None, None, 60), told(None, None, None)]
    assert withhold_stages(stages[::-1], 5) == [
        told(None, None, 59),
        told(None, None, 60),
        told(None, None, 70),
    ]


def test_a_stage_is_bounded_by_what_is_told_of_the_one_before() -> None:
    """Of 5 and 5 there are 4 and 4 left: with both told, 4 of 8 can hardly be otherwise."""
    assert withhold_stages([counts(5, 5, 50), counts(4, 4, 40)], 5) == [
        told(5, 5, 50),
        told(None, None, None),
    ]
    assert withhold_stages([counts(90, 90, 50), counts(4, 4, 40)], 5)[1] == told(None, None, 40)
    assert withhold_stages([counts(4, 4, 40)], 5, told(4, 4, 50)) == [told(None, None, None)]
    assert withhold_stages([counts(4, 4, 40)], 5, told(None, None, 50)) == [told(None, None, 40)]
    assert withhold_stages([counts(4, 4, 40)], 5) == [told(None, None, 40)]
    thirds = withhold_stages([counts(90, 90, 50), counts(5, 5, 50), counts(4, 4, 40)], 5)
    assert thirds == [told(90, 90, 50), told(5, 5, 50), told(None, None, None)]
    assert withhold_stages([], 5) == []


def test_a_zero_that_is_withheld_along_needs_no_room_of_its_own() -> None:
    """`b`, empty at both stages, is withheld at the second, and so at the first; of a zero nobody has to stay unknown."""
    stages = [counts(9, 0, 50, 60), counts(3, 0, 0, 0)]
    assert withhold_stages(stages, 5, told(None, 0, None, None)) == [
        told(None, None, 50, 60), told(None, None, None, None),
    ]  # fmt: skip


def safe_line(line: list[tuple[int, int | None]], smallest: int) -> bool:
    """Nothing withheld; or everything that somebody is in; or two counts that together are no small one."""
    hidden = [count for count, shown in line if shown is None]
    everything = all(shown is None for _, shown in line)
    return not hidden or everything or (len(hidden) >= 2 and sum(hidden) >= smallest)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_in_a_table_no_row_and_no_column_has_one_withheld_count(number: int) -> None:
    for values in product((0, 2, 4, 7), repeat=2 * number):
        rows = [counts(*values[at : at + 2], 11) for at in range(0, 2 * number, 2)]
        made = withhold_table(rows, 5)
        for row, shown in zip(rows, made, strict=True):
            assert all(shown[key] in (None, count) for key, count in row.items())
            assert all(shown[key] is None for key, count in row.items() if 0 < count < 5)
            assert safe_line([(row[key], shown[key]) for key in row], 5), (rows, made)
        for key in "abc":
            assert safe_line([(row[key], shown[key]) for row, shown in zip(rows, made, strict=True)], 5)


def test_of_a_table_no_more_is_withheld_than_has_to_be() -> None:
    assert withhold_table([counts(10, 20), counts(30, 40)], 5) == [told(10, 20), told(30, 40)]
    assert withhold_table([counts(4, 20, 90), counts(30, 40, 91), counts(50, 60, 92)], 5) == [
        told(None, None, 90), told(None, None, 91), told(50, 60, 92),
    ]  # fmt: skip
    assert withhold_table([], 5) == []


def test_a_table_of_four_rows_is_refused() -> None:
    """One withheld count may follow from the others there."""
    with pytest.raises(ValueError, match="more than three"):
        withhold_table([counts(10, 20)] * 4, 5)


@pytest.mark.parametrize(
    ("count", "blurred"), [(0, None), (4, None), (5, 5), (7, 5), (8, 10), (12, 10), (13, 15), (100, 100)]
)
def test_a_blurred_count_is_a_multiple_and_a_small_one_is_none(count: int, blurred: int | None) -> None:
    assert blur(count, 5) == blurred
