"""Can a condition be true at all? Decided by trying every kind of record that it can tell apart.

A condition divides the values of a field into few parts: with `a > 5 AND a < 9` it only matters whether `a`
is unknown, up to 5, between, or from 9. `satisfiable` walks through the combinations of those parts and stops
a branch as soon as its outcome is certain. "No" is a proof. "Yes" is certain where every comparison
concerns one field; quantities over more fields (`a - b`, `s = t`) count as independent of the fields
in them, so there "yes" means "not excluded".
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from lsi_match.criteria import meaning as m
from lsi_match.criteria import quantities
from lsi_match.criteria.partial_evaluation import assume, simplify

#: How many evaluations are tried before the question is left open.
_BUDGET = 20_000
_T, _F, _U = 1, 2, 4

Assignment: TypeAlias = dict[Hashable, Any]
Outcomes: TypeAlias = Callable[[Assignment], int]


def satisfiable(condition: m.Condition) -> bool | None:
    """Whether some record makes the condition true; None when there are too many kinds of record to try."""
    try:
        return _Search().any_world(simplify(condition))
    except quantities.TooManyError:
        return None


def implies(one: m.Condition, other: m.Condition) -> bool:
    """Whether it is proven that every record that passes `one` passes `other`."""
    return satisfiable(m.all_of([one, m.negation(m.is_true(other))])) is False


@dataclass
class _Search:
    tried: int = 0

    def count(self) -> None:
        self.tried += 1
        if self.tried > _BUDGET:
            raise quantities.TooManyError

    def any_world(self, condition: m.Condition) -> bool:
        """First which fields are known, then, with those known, which values they have."""
        self.count()
        if isinstance(condition, m.Truth):
            return condition.value is True
        open_field = next((f.name for f in m.used_fields(condition).values() if not f.known), None)
        if open_field is None:
            return self.any_values(condition)
        return any(self.any_world(simplify(assume(condition, open_field, known))) for known in (True, False))

    def any_values(self, condition: m.Condition) -> bool:
        atoms = _Atoms()
        outcomes = atoms.outcomes(condition)
        cells = [(key, list(quantity.cells())) for key, quantity in atoms.quantities.items()]

        def search(world: Assignment, depth: int) -> bool:
            self.count()
            possible = outcomes(world)
            if depth == len(cells) or not possible & _T or possible == _T:
                return possible & _T > 0
            key, values = cells[depth]
            return any(search({**world, key: value}, depth + 1) for value in values)

        return search({}, 0)


class _Atoms:
    """Turns a condition over known fields into a function of a world, and collects its quantities."""

    def __init__(self) -> None:
        self.quantities: dict[Hashable, Any] = {}

    def outcomes(self, condition: m.Condition) -> Outcomes:
        """Which of true, false and unknown the condition can be, in a world in which some quantities are given."""
        match condition:
            case m.Truth(value):
                fixed = _U if value is None else _T if value else _F
                return lambda world: fixed
            case m.Holds(known, negated):
                self.quantities.setdefault(known.name, quantities.YesNo())
                return self._atom(known.name, lambda cell: cell is not negated)
            case m.Compare(operator, left, right):
                return self._compare(operator, left, right)
            case m.Between(value, low, high, negated):
                both: m.Condition = m.all_of([m.Compare(">=", value, low), m.Compare("<=", value, high)])
                return self.outcomes(m.negation(both) if negated else both)
            case m.OneOf(value, values, negated):
                parts = tuple(m.Compare("=", value, constant) for constant in values)
                return self.outcomes(m.negation(m.AnyOf(parts)) if negated else m.AnyOf(parts))
            case m.Like(value, pattern, negated):
                return self._like(quantities.fixed_case(value), pattern, negated)
            case m.All(parts):
                return _kleene([self.outcomes(part) for part in parts], _F, _T)
            case m.AnyOf(parts):
                return _kleene([self.outcomes(part) for part in parts], _T, _F)
            case m.IsTrue(inner, negated):
                return _mapped(self.outcomes(inner), _T, negated)
            case m.Undecided(inner, negated):
                return _mapped(self.outcomes(inner), _U, negated)
            case m.Same(left, right, negated):
                return _same(self.outcomes(left), self.outcomes(right), negated)
            case m.FirstKnown(conditions):
                return _first([self.outcomes(part) for part in conditions])
            case m.Unknown():
                raise AssertionError("every field has been settled before")

    def _atom(self, key: Hashable, test: Callable[[Any], bool]) -> Outcomes:
        return lambda world: (_T if test(world[key]) else _F) if key in world else _T | _F

    def _compare(self, operator: m.Operator, left: m.Value, right: m.Value) -> Outcomes:
        if quantities.is_text(left):
            return self._text(quantities.fixed_case(left), quantities.fixed_case(right), operator == "=")
        difference = quantities.plus(quantities.linear(left), quantities.linear(right), -1)
        constant = difference.pop((), Fraction(0))
        if not difference:
            fixed = _T if quantities.TESTS[operator](constant, Fraction(0)) else _F
            return lambda world: fixed
        key, scale = quantities.primitive(difference)
        limit = -constant * scale
        if key not in self.quantities:
            self.quantities[key] = quantities.NumberQuantity(
                quantities.is_whole(key), *quantities.bounds_of(key)
            )
        self.quantities[key].limits.add(limit)
        test = quantities.TESTS[operator] if scale > 0 else quantities.TESTS[m.MIRRORED[operator]]
        return self._atom(key, lambda cell: test(cell, limit))

    def _text(self, left: m.Value, right: m.Value, equal: bool) -> Outcomes:
        if isinstance(left, m.Const) and not isinstance(right, m.Const):
            left, right = right, left
        if left == right or isinstance(left, m.Const):
            fixed = _T if (left == right) is equal else _F
            return lambda world: fixed
        if isinstance(right, m.Const):
            text = str(right.value)
            self.quantities.setdefault(
                left, quantities.TextQuantity(left.case if isinstance(left, m.Cased) else "")
            )
            self.quantities[left].texts.add(text)
            return self._atom(left, lambda cell: (cell[0] == text) is equal)
        pair = frozenset((left, right))
        self.quantities.setdefault(pair, quantities.YesNo())
        return self._atom(pair, lambda cell: cell is equal)

    def _like(self, value: m.Value, pattern: str, negated: bool) -> Outcomes:
        if not set(pattern) & set("%_"):
            return self._text(value, m.Const(pattern), not negated)
        if isinstance(value, m.Const) or not pattern.strip("%"):
            matches = not pattern.strip("%") or quantities.fits(str(getattr(value, "value", "")), pattern)
            fixed = _T if matches is not negated else _F
            return lambda world: fixed
        self.quantities.setdefault(
            value, quantities.TextQuantity(value.case if isinstance(value, m.Cased) else "")
        )
        self.quantities[value].patterns.add(pattern)
        return self._atom(value, lambda cell: (pattern in cell[1]) is not negated)


def _kleene(parts: list[Outcomes], decisive: int, neutral: int) -> Outcomes:
    """AND (false decides) or OR (true decides)."""

    def outcomes(world: Assignment) -> int:
        some, every, never_decisive = 0, neutral, True
        for part in parts:
            possible = part(world)
            if possible == decisive:
                return decisive
            some |= possible
            every &= possible
            never_decisive &= possible & (neutral | _U) > 0
        return some & decisive | every | (some & _U if never_decisive else 0)

    return outcomes


def _mapped(inner: Outcomes, wanted: int, negated: bool) -> Outcomes:
    yes, no = (_F, _T) if negated else (_T, _F)
    return lambda world: (yes if (found := inner(world)) & wanted else 0) | (no if found & ~wanted else 0)


def _same(left: Outcomes, right: Outcomes, negated: bool) -> Outcomes:
    yes, no = (_F, _T) if negated else (_T, _F)

    def outcomes(world: Assignment) -> int:
        one, other = left(world), right(world)
        equal = yes if one & other & (_T | _F) else 0
        unequal = no if (one & _T and other & _F) or (one & _F and other & _T) else 0
        return equal | unequal | ((one | other) & _U)

    return outcomes


def _first(parts: list[Outcomes]) -> Outcomes:
    def outcomes(world: Assignment) -> int:
        found = 0
        for part in parts:
            possible = part(world)
            found |= possible & (_T | _F)
            if not possible & _U:
                return found
        return found | _U

    return outcomes


def never(condition: m.Condition) -> bool:
    """Proven to be true of no record."""
    return satisfiable(condition) is False


def always(condition: m.Condition) -> bool:
    """Proven to be true of every record."""
    return implies(m.YES, condition)
