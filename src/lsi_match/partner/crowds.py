"""Numbers and addresses that stand at more records than one person, address or enterprise can have: somebody put them where
none was known. They are found while the extracts are read, and left out when these are read again.

Counted is by pseudonym: in two tables, each at a place that follows from other bits of it. What is over the bound in both
is a crowd; that another value is over it in both by chance happens once in a million registers of the whole country.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol

import numpy as np

_BITS = 21
_SHIFTS = (0, _BITS)


class _Columns(Protocol):
    def __getitem__(self, name: str) -> np.ndarray: ...


class Crowds:
    """The crowds among the values of `kinds`: those that stand at more than `bound` records."""

    def __init__(self, kinds: Collection[str], bound: int) -> None:
        self._counts = {kind: [np.zeros(1 << _BITS, np.uint32) for _ in _SHIFTS] for kind in kinds}
        self._bound = bound
        self._known = False

    def count(self, parts: Iterable[_Columns]) -> None:
        """Count the values of these rows, until the crowds are known."""
        for rows in () if self._known else parts:
            for kind, tables in self._counts.items():
                heads = _heads(rows[kind])
                heads = heads[heads != 0]
                for table, shift in zip(tables, _SHIFTS, strict=True):
                    np.add.at(table, _places(heads, shift), 1)

    def settle(self) -> bool:
        """All was counted. True, once, when there are crowds: what was read has to be read again without them."""
        again = not self._known and any(
            all((table > self._bound).any() for table in tables) for tables in self._counts.values()
        )
        self._known = again or self._known
        return again

    def holds(self, kind: str, blocks: np.ndarray) -> np.ndarray | None:
        """Which of these pseudonyms of a kind are of a crowd; None while that is not known."""
        if not self._known or kind not in self._counts:
            return None
        heads = _heads(blocks)
        over = [
            table[_places(heads, shift)] > self._bound
            for table, shift in zip(self._counts[kind], _SHIFTS, strict=True)
        ]
        return np.asarray(over[0] & over[1])


def _heads(blocks: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(blocks).view(np.uint64)[:, 0]


def _places(heads: np.ndarray, shift: int) -> np.ndarray:
    return (heads >> np.uint64(shift)) & np.uint64((1 << _BITS) - 1)
