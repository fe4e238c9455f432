"""What follows from counts that are told, in whole numbers: between what every other count must then lie. Pure.

Every count is a sum over unknowns, numbers of people that are whole and not negative. What is told of a count bounds its
sum; the least and the most that another count can be is an integer program (`protocol.integer_program`).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, TypeVar

Key = TypeVar("Key", bound=Hashable)
#: Unknown → how often it counts.
Sum = Mapping[Any, int]


class ImpossibleError(Exception):
    """No numbers of people give what is told."""


@dataclass(frozen=True)
class Told:
    """What is told of a sum: at least `low`, at most `high`."""

    of: Sum
    low: float
    high: float = inf

    @classmethod
    def exactly(cls, of: Sum, count: int) -> Told:
        return cls(of, count, count)


def narrow(
    told: Sequence[Told], asked: Mapping[Key, Sum], smallest: int, settled: set[Key]
) -> dict[Key, frozenset[int]]:
    """The counts asked about that are left fewer than `width(smallest)` + 1 values and may be small, and which of what is
    told the bounds of each rest on.

    What can only be 0 points at nobody, and what is at least `smallest` is no small count.

    Args:
        settled: those left enough values. That stays so when less is told: they are not asked about, and more are added.

    Raises:
        ImpossibleError: no numbers of people give what is told.
    """
    left = {key: of for key, of in asked.items() if of and key not in settled}
    if not left:
        return {}
    from lsi_match.protocol.integer_program import ends  # takes half a second to load

    found, least = dict[Key, frozenset[int]](), width(smallest)
    for key, its in zip(left, ends(told, list(left.values()), smallest), strict=True):
        if its.low >= smallest or not its.high:
            continue
        if its.high - its.low < least:
            found[key] = its.rests_on
        else:
            settled.add(key)
    return found


def width(smallest: int) -> int:
    """How far the least and the most that a small count can be are apart: half of the values that it can have."""
    return (smallest - 1) // 2
