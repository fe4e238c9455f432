"""The least and the most that sums of unknown whole numbers can be, given what is told of other sums (HiGHS). Pure."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array

from lsi_match.protocol.audit import ImpossibleError, Sum, Told

#: No number of people is larger.
MOST = 10**9


class IntegerProgram:
    """What is told, the sums asked about, and the solutions found so far."""

    def __init__(self, told: Sequence[Told], asked: Sequence[Sum]) -> None:
        columns: dict[Hashable, list[tuple[int, int]]] = {}
        for at, of in enumerate([*(one.of for one in told), *asked]):
            for unknown, times in of.items():
                columns.setdefault(unknown, []).append((at, times))
        alike = dict.fromkeys(map(tuple, columns.values()))  # unknowns that always stand together are one
        matrix = np.zeros((len(told) + len(asked), len(alike)))
        for number, column in enumerate(alike):
            for at, times in column:
                matrix[at, number] = times
        self._told, self._asked = matrix[: len(told)], matrix[len(told) :]
        self._low = np.array([one.low for one in told], float)
        self._high = np.array([one.high for one in told], float)
        self._constraints = LinearConstraint(csr_array(self._told), self._low, self._high)
        self._found = np.zeros((0, len(alike)))

    def seen(self, at: int) -> float:
        """How far the values of a sum are apart in the solutions so far."""
        return float(np.ptp(self._found @ self._asked[at])) if len(self._found) else 0.0

    def end(self, at: int, sign: int) -> float:
        """The least (1) or the most (-1) that a sum can be; raises ImpossibleError."""
        weights = sign * self._asked[at]
        constraints = self._constraints if len(self._told) else ()
        result = milp(
            weights, constraints=constraints, integrality=np.ones(len(weights)), bounds=Bounds(0, MOST)
        )
        if result.x is None:
            raise ImpossibleError
        self._found = np.vstack([self._found, np.round(result.x)])
        return float(self._found[-1] @ self._asked[at])

    def rests_on(self, at: int) -> set[int]:
        """Which of what is told bounds a sum from below or from above."""
        exact = self._low == self._high
        above, below = (np.isfinite(ends) & ~exact for ends in (self._high, self._low))
        numbers = np.concatenate([np.flatnonzero(one) for one in (exact, above, below)])
        found = set[int]()
        for sign in (1, -1):
            result = linprog(
                sign * self._asked[at],
                A_eq=self._told[exact],
                b_eq=self._low[exact],
                A_ub=np.vstack([self._told[above], -self._told[below]]),
                b_ub=np.concatenate([self._high[above], -self._low[below]]),
                method="highs-ds",
            )
            if result.success:
                weights = np.concatenate([result.eqlin.marginals, result.ineqlin.marginals])
                found |= set(numbers[np.abs(weights) > 1e-9].tolist())
        return found
