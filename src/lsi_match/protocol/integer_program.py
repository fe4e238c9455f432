"""The least and the most that sums of unknown whole numbers can be, given what is told of other sums (HiGHS). Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array, eye_array, kron

from lsi_match.protocol.audit import ImpossibleError, Sum, Told, width

#: No number of people is larger.
MOST = 10**9
#: So many unknowns are solved for at once: a program for each end of each sum, side by side.
_AT_ONCE = 20_000
_CLOSE = 1e-6

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Ends:
    """The least and the most that a sum can be, and which of what is told bounds it (by the dual of the linear program)."""

    low: int
    high: int
    rests_on: frozenset[int]


def ends(told: Sequence[Told], asked: Sequence[Sum], smallest: int) -> Iterator[Ends]:
    """Of each sum, as far as it matters where small counts are below `smallest`: what is left too little room may have less,
    and of what is exactly 0 or no small count it is not told what it rests on.

    Raises:
        ImpossibleError: no numbers of people give what is told.
    """
    matrix = _matrix([*(one.of for one in told), *asked])
    rows, sums = matrix[: len(told)], matrix[len(told) :]
    low, high = (np.array([getattr(one, end) for one in told], float) for end in ("low", "high"))
    programs, pinned = _Programs(rows, low, high), _pinned(rows[low == high], low[low == high], sums)
    open_ = [at for at, value in enumerate(pinned) if value is None or 0 < value < smallest]
    step = max(1, _AT_ONCE // (2 * max(1, matrix.shape[1])))
    solved = (
        its
        for at in range(0, len(open_), step)
        for its in programs.ends(sums[open_[at : at + step]], smallest)
    )
    found = dict(zip(open_, solved, strict=True))
    for at, value in enumerate(pinned):
        yield found[at] if value is None or at in found else Ends(value, value, frozenset())


def _matrix(sums: Sequence[Sum]) -> Array:
    """A row of each sum; unknowns that always stand together are one column."""
    columns: dict[Hashable, list[tuple[int, int]]] = {}
    for at, of in enumerate(sums):
        for unknown, times in of.items():
            columns.setdefault(unknown, []).append((at, times))
    alike = dict.fromkeys(map(tuple, columns.values()))
    matrix = np.zeros((len(sums), len(alike)))
    for number, column in enumerate(alike):
        for at, times in column:
            matrix[at, number] = times
    return matrix


def _pinned(rows: Array, counts: Array, sums: Array) -> list[int | None]:
    """What each sum is, as far as that follows by adding and subtracting counts (Gauss and Jordan): most do, and need no
    program."""
    told, asked = np.column_stack([rows, counts]), np.column_stack([sums, np.zeros(len(sums))])
    top = 0
    for column in range(rows.shape[1]):
        at = top + int(np.abs(told[top:, column]).argmax()) if top < len(told) else -1
        if at < 0 or abs(told[at, column]) < _CLOSE:
            continue
        told[[top, at]] = told[[at, top]]
        pivot = told[top] / told[top, column]
        for table in (told, asked):
            its = np.flatnonzero(table[:, column])
            table[its] -= np.outer(table[its, column], pivot)
        told[top] = pivot
        top += 1
    return [round(-row[-1]) if (np.abs(row[:-1]) < _CLOSE).all() else None for row in asked]


class _Programs:
    """For the least and the most of each sum the same program, all of them solved as one."""

    def __init__(self, rows: Array, low: Array, high: Array) -> None:
        self._all = LinearConstraint(csr_array(rows), low, high) if len(rows) else ()
        exact = low == high
        above, below = np.isfinite(high) & ~exact, np.isfinite(low) & ~exact
        self._numbers = np.concatenate([np.flatnonzero(one) for one in (exact, above, below)])
        self._equal, self._count = csr_array(rows[exact]), low[exact]
        self._under = csr_array(np.vstack([rows[above], -rows[below]]))
        self._limit = np.concatenate([high[above], -low[below]])

    def ends(self, sums: Array, smallest: int) -> Iterator[Ends]:
        weights = np.stack([sums, -sums], axis=1).reshape(-1, sums.shape[1])
        copies = eye_array(len(weights))
        result = linprog(
            weights.ravel(),
            A_eq=kron(copies, self._equal, "csr"),
            b_eq=np.tile(self._count, len(weights)),
            A_ub=kron(copies, self._under, "csr"),
            b_ub=np.tile(self._limit, len(weights)),
            bounds=(0, MOST),
            method="highs-ds",
        )
        if result.x is None:
            raise ImpossibleError
        found = result.x.reshape(weights.shape)
        whole = (np.abs(found - np.round(found)) < _CLOSE).reshape(len(sums), -1).all(axis=1)
        low, high = ((found * weights).sum(axis=1).reshape(-1, 2) * [1, -1]).T
        duals = np.hstack(
            [part.marginals.reshape(len(weights), -1) for part in (result.eqlin, result.ineqlin)]
        )
        rests_on = (np.abs(duals) > _CLOSE).reshape(len(sums), 2, -1).any(axis=1)
        for at, (least, most) in enumerate(zip(np.ceil(low - _CLOSE), np.floor(high + _CLOSE), strict=True)):
            if not whole[at] and most - least >= width(smallest):
                least, most = (sign * self._least(sign * sums[at]) for sign in (1, -1))
            yield Ends(int(least), int(most), frozenset(self._numbers[rests_on[at]].tolist()))

    def _least(self, weights: Array) -> int:
        """In whole numbers, where the linear program has fractions."""
        result = milp(
            weights, constraints=self._all, integrality=np.ones(len(weights)), bounds=Bounds(0, MOST)
        )
        if result.x is None:
            raise ImpossibleError
        least: int = round(result.fun)
        return least
