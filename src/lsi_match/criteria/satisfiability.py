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

from lsi_match.criteria.meaning import (
    MIRRORED,
    YES,
    All,
    AnyOf,
    Between,
    Cased,
    Compare,
    Condition,
    Const,
    FirstKnown,
    Holds,
    IsTrue,
    Like,
    OneOf,
    Operator,
    Same,
    Truth,
    Undecided,
    Unknown,
    Value,
    all_of,
    is_true,
    negation,
    used_fields,
)
from lsi_match.criteria.partial_evaluation import assume, simplify
from lsi_match.criteria.quantities import (
    TESTS,
    NumberQuantity,
    TextQuantity,
    TooManyError,
    YesNo,
    bounds_of,
    fits,
    fixed_case,
    is_text,
    is_whole,
    linear,
    plus,
    primitive,
)

#: How many evaluations are tried before the question is left open.
_BUDGET = 20_000
_T, _F, _U = 1, 2, 4

Assignment: TypeAlias = dict[Hashable, Any]
Outcomes: TypeAlias = Callable[[Assignment], int]


def satisfiable(condition: Condition) -> bool | None:
    """Whether some record makes the condition true; None when there are too many kinds of record to try."""
    try:
        return _Search().any_world(simplify(condition))
    except TooManyError:
        return None


def implies(one: Condition, other: Condition) -> bool:
    """Whether it is proven that every record that passes `one` passes `other`."""
    return satisfiable(all_of([one, negation(is_true(other))])) is False


@dataclass
class _Search:
    tried: int = 0

    def count(self) -> None:
        self.tried += 1
        if self.tried > _BUDGET:
            raise TooManyError

    def any_world(self, condition: Condition) -> bool:
        """First which fields are known, then, with those known, which values they have."""
        self.count()
        if isinstance(condition, Truth):
            return condition.value is True
        open_field = next((f.name for f in used_fields(condition).values() if not f.known), None)
        if open_field is None:
            return self.any_values(condition)
        return any(self.any_world(simplify(assume(condition, open_field, known))) for known in (True, False))

    def any_values(self, condition: Condition) -> bool:
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

    def outcomes(self, condition: Condition) -> Outcomes:
        """Which of true, false and unknown the condition can be, in a world in which some quantities are given."""
        match condition:
            case Truth(value):
                fixed = _U if value is None else _T if value else _F
                return lambda world: fixed
            case Holds(known, negated):
                self.quantities.setdefault(known.name, YesNo())
                return self._atom(known.name, lambda cell: cell is not negated)
            case Compare(operator, left, right):
                return self._compare(operator, left, right)
            case Between(value, low, high, negated):
                both: Condition = all_of([Compare(">=", value, low), Compare("<=", value, high)])
                return self.outcomes(negation(both) if negated else both)
            case OneOf(value, values, negated):
                parts = tuple(Compare("=", value, constant) for constant in values)
                return self.outcomes(negation(AnyOf(parts)) if negated else AnyOf(parts))
            case Like(value, pattern, negated):
                return self._like(fixed_case(value), pattern, negated)
            case All(parts):
                return _kleene([self.outcomes(part) for part in parts], _F, _T)
            case AnyOf(parts):
                return _kleene([self.outcomes(part) for part in parts], _T, _F)
            case IsTrue(inner, negated):
                return _mapped(self.outcomes(inner), _T, negated)
            case Undecided(inner, negated):
                return _mapped(self.outcomes(inner), _U, negated)
            case Same(left, right, negated):
                return _same(self.outcomes(left), self.outcomes(right), negated)
            case FirstKnown(conditions):
                return _first([self.outcomes(part) for part in conditions])
            case Unknown():
                raise AssertionError("every field has been settled before")

    def _atom(self, key: Hashable, test: Callable[[Any], bool]) -> Outcomes:
        return lambda world: (_T if test(world[key]) else _F) if key in world else _T | _F

    def _compare(self, operator: Operator, left: Value, right: Value) -> Outcomes:
        if is_text(left):
            return self._text(fixed_case(left), fixed_case(right), operator == "=")
        difference = plus(linear(left), linear(right), -1)
        constant = difference.pop((), Fraction(0))
        if not difference:
            fixed = _T if TESTS[operator](constant, Fraction(0)) else _F
            return lambda world: fixed
        key, scale = primitive(difference)
        limit = -constant * scale
        if key not in self.quantities:
            self.quantities[key] = NumberQuantity(is_whole(key), *bounds_of(key))
        self.quantities[key].limits.add(limit)
        test = TESTS[operator] if scale > 0 else TESTS[MIRRORED[operator]]
        return self._atom(key, lambda cell: test(cell, limit))

    def _text(self, left: Value, right: Value, equal: bool) -> Outcomes:
        if isinstance(left, Const) and not isinstance(right, Const):
            left, right = right, left
        if left == right or isinstance(left, Const):
            fixed = _T if (left == right) is equal else _F
            return lambda world: fixed
        if isinstance(right, Const):
            text = str(right.value)
            self.quantities.setdefault(left, TextQuantity(left.case if isinstance(left, Cased) else ""))
            self.quantities[left].texts.add(text)
            return self._atom(left, lambda cell: (cell[0] == text) is equal)
        pair = frozenset((left, right))
        self.quantities.setdefault(pair, YesNo())
        return self._atom(pair, lambda cell: cell is equal)

    def _like(self, value: Value, pattern: str, negated: bool) -> Outcomes:
        if not set(pattern) & set("%_"):
            return self._text(value, Const(pattern), not negated)
        if isinstance(value, Const) or not pattern.strip("%"):
            matches = not pattern.strip("%") or fits(str(getattr(value, "value", "")), pattern)
            fixed = _T if matches is not negated else _F
            return lambda world: fixed
        self.quantities.setdefault(value, TextQuantity(value.case if isinstance(value, Cased) else ""))
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
    return lambda world: (yes if (m := inner(world)) & wanted else 0) | (no if m & ~wanted else 0)


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


def never(condition: Condition) -> bool:
    """Proven to be true of no record."""
    return satisfiable(condition) is False


def always(condition: Condition) -> bool:
    """Proven to be true of every record."""
    return implies(YES, condition)
