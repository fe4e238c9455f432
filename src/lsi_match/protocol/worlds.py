"""Can a condition be true at all? Decided by trying every kind of record that it can tell apart.

A condition divides the values of a field into few parts: with `a > 5 AND a < 9` it only matters whether `a`
is unknown, up to 5, between, or from 9. `satisfiable` walks through the combinations of those parts and stops
a branch as soon as its outcome is certain. "No" is a proof. "Yes" is certain where every comparison
concerns one field; quantities over more fields (`a - b`, `s = t`) count as independent of the fields
in them, so there "yes" means "not excluded".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import combinations, pairwise
from typing import Any, TypeAlias

from lsi_match.protocol.criteria import FieldType
from lsi_match.protocol.meaning import (
    YES,
    All,
    AnyOf,
    Arithmetic,
    Between,
    Cased,
    Compare,
    Condition,
    Const,
    DateDiff,
    FieldValue,
    FirstKnown,
    Holds,
    IsTrue,
    Length,
    Like,
    OneOf,
    Same,
    Truth,
    Undecided,
    Unknown,
    Value,
    all_of,
    assume,
    is_true,
    negation,
    passing,
    used_fields,
)

#: How many evaluations are tried before the question is left open, and how many LIKE patterns on one text.
_BUDGET = 20_000
_MAX_PATTERNS = 6
_T, _F, _U = 1, 2, 4

World: TypeAlias = dict[Hashable, Any]
Outcomes: TypeAlias = Callable[[World], int]
Linear: TypeAlias = dict[tuple[Any, ...], Fraction]


class _TooManyError(Exception):
    """More combinations than are tried."""


def satisfiable(condition: Condition) -> bool | None:
    """Whether some record makes the condition true; None when there are too many kinds of record to try."""
    try:
        return _Search().any_world(passing(condition))
    except _TooManyError:
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
            raise _TooManyError

    def any_world(self, condition: Condition) -> bool:
        """First which fields are known, then, with those known, which values they have."""
        self.count()
        if isinstance(condition, Truth):
            return condition.value is True
        open_field = next((f.name for f in used_fields(condition).values() if not f.known), None)
        if open_field is None:
            return self.any_values(condition)
        return any(self.any_world(passing(assume(condition, open_field, known))) for known in (True, False))

    def any_values(self, condition: Condition) -> bool:
        atoms = _Atoms()
        outcomes = atoms.outcomes(condition)
        cells = [(key, list(quantity.cells())) for key, quantity in atoms.quantities.items()]

        def search(world: World, depth: int) -> bool:
            self.count()
            possible = outcomes(world)
            if depth == len(cells) or not possible & _T or possible == _T:
                return possible & _T > 0
            key, values = cells[depth]
            return any(search({**world, key: value}, depth + 1) for value in values)

        return search({}, 0)


@dataclass
class _YesNo:
    def cells(self) -> Iterator[bool]:
        yield from (True, False)


@dataclass
class _Number:
    """A quantity that is compared with numbers: what matters is where it lies among them."""

    whole: bool
    lowest: int | None
    highest: int | None
    limits: set[Fraction] = field(default_factory=set)

    def cells(self) -> Iterator[Fraction]:
        bounds = {Fraction(bound) for bound in (self.lowest, self.highest) if bound is not None}
        edges = sorted(self.limits | bounds)
        inside = [self._inside(low, high) for low, high in pairwise(edges)]
        found = [*edges, *inside, self._below(edges[0]), self._above(edges[-1])]
        for value in found:
            if value is None or (self.whole and value.denominator > 1):
                continue
            if (self.lowest is None or value >= self.lowest) and (
                self.highest is None or value <= self.highest
            ):
                yield value

    def _inside(self, low: Fraction, high: Fraction) -> Fraction | None:
        if not self.whole:
            return (low + high) / 2
        first = Fraction(math.floor(low) + 1)
        return first if first < high else None

    def _below(self, edge: Fraction) -> Fraction:
        return Fraction(math.ceil(edge) - 1)

    def _above(self, edge: Fraction) -> Fraction:
        return Fraction(math.floor(edge) + 1)


@dataclass
class _Text:
    """A text that is compared with texts and patterns: one of those texts, or another that fits some patterns."""

    case: str
    texts: set[str] = field(default_factory=set)
    patterns: set[str] = field(default_factory=set)

    def cells(self) -> Iterator[tuple[str | None, frozenset[str]]]:
        for text in sorted(self.texts):
            if self._can_be(text):
                yield text, frozenset(p for p in self.patterns if fits(text, p))
        usable = sorted(p for p in self.patterns if self._can_be(p))
        if len(usable) > _MAX_PATTERNS:
            raise _TooManyError
        for size in range(len(usable) + 1):
            for chosen in combinations(usable, size):
                left = [p for p in usable if p not in chosen]
                if any(within(p, q) for p in chosen for q in left):
                    continue
                if not any(apart(p, q) for p, q in combinations(chosen, 2)):
                    yield None, frozenset(chosen)

    def _can_be(self, text: str) -> bool:
        if not text.isascii():
            return True
        return {"lower": text.lower(), "upper": text.upper()}.get(self.case, text) == text


def fits(text: str, pattern: str) -> bool:
    """LIKE: `%` any text, `_` one character."""
    parts = [{"%": ".*", "_": "."}.get(sign, re.escape(sign)) for sign in pattern]
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def within(narrow: str, wide: str) -> bool:
    """Whether every text that fits `narrow` surely fits `wide`."""
    parts = [{"%": ".*", "_": "[^%]"}.get(sign, re.escape(sign)) for sign in wide]
    return re.fullmatch("".join(parts), narrow, re.DOTALL) is not None


def apart(one: str, other: str) -> bool:
    """Whether surely no text fits both: they begin or end differently."""
    for left, right in ((one, other), (one[::-1], other[::-1])):
        for a, b in zip(left, right, strict=False):
            if "%" in (a, b):
                break
            if a != b and "_" not in (a, b):
                return True
    return False


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
                self.quantities.setdefault(known.name, _YesNo())
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
                return self._like(_fixed_case(value), pattern, negated)
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

    def _compare(self, operator: str, left: Value, right: Value) -> Outcomes:
        if _is_text(left):
            return self._text(_fixed_case(left), _fixed_case(right), operator == "=")
        difference = _plus(_linear(left), _linear(right), -1)
        constant = difference.pop((), Fraction(0))
        if not difference:
            fixed = _T if _TESTS[operator](constant, Fraction(0)) else _F
            return lambda world: fixed
        key, scale = _primitive(difference)
        limit = -constant * scale
        if key not in self.quantities:
            self.quantities[key] = _Number(_whole(key), *_bounds(key))
        self.quantities[key].limits.add(limit)
        test = _TESTS[operator] if scale > 0 else _TESTS[_MIRRORED[operator]]
        return self._atom(key, lambda cell: test(cell, limit))

    def _text(self, left: Value, right: Value, equal: bool) -> Outcomes:
        if isinstance(left, Const) and not isinstance(right, Const):
            left, right = right, left
        if left == right or isinstance(left, Const):
            fixed = _T if (left == right) is equal else _F
            return lambda world: fixed
        if isinstance(right, Const):
            text = str(right.value)
            self.quantities.setdefault(left, _Text(left.case if isinstance(left, Cased) else ""))
            self.quantities[left].texts.add(text)
            return self._atom(left, lambda cell: (cell[0] == text) is equal)
        pair = frozenset((left, right))
        self.quantities.setdefault(pair, _YesNo())
        return self._atom(pair, lambda cell: cell is equal)

    def _like(self, value: Value, pattern: str, negated: bool) -> Outcomes:
        if not set(pattern) & set("%_"):
            return self._text(value, Const(pattern), not negated)
        if isinstance(value, Const) or not pattern.strip("%"):
            matches = not pattern.strip("%") or fits(str(getattr(value, "value", "")), pattern)
            fixed = _T if matches is not negated else _F
            return lambda world: fixed
        self.quantities.setdefault(value, _Text(value.case if isinstance(value, Cased) else ""))
        self.quantities[value].patterns.add(pattern)
        return self._atom(value, lambda cell: (pattern in cell[1]) is not negated)


def _kleene(parts: list[Outcomes], decisive: int, neutral: int) -> Outcomes:
    """AND (false decides) or OR (true decides)."""

    def outcomes(world: World) -> int:
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

    def outcomes(world: World) -> int:
        one, other = left(world), right(world)
        equal = yes if one & other & (_T | _F) else 0
        unequal = no if (one & _T and other & _F) or (one & _F and other & _T) else 0
        return equal | unequal | ((one | other) & _U)

    return outcomes


def _first(parts: list[Outcomes]) -> Outcomes:
    def outcomes(world: World) -> int:
        found = 0
        for part in parts:
            possible = part(world)
            found |= possible & (_T | _F)
            if not possible & _U:
                return found
        return found | _U

    return outcomes


_TESTS: dict[str, Callable[[Fraction, Fraction], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_MIRRORED = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


def _is_text(value: Value) -> bool:
    match value:
        case Cased():
            return True
        case Const():
            return isinstance(value.value, str)
        case FieldValue():
            return value.type is FieldType.TEXT
    return False


def _fixed_case(value: Value) -> Value:
    """A constant in lower or upper case as the constant it gives."""
    if isinstance(value, Cased):
        inner = _fixed_case(value.text)
        if isinstance(inner, Const) and str(inner.value).isascii():
            text = str(inner.value)
            return Const(text.lower() if value.case == "lower" else text.upper())
        return Cased(value.case, inner)
    return value


def _linear(value: Value) -> Linear:
    """A number or date as a sum of products of quantities; dates count in days."""
    match value:
        case Const(Decimal() as number):
            return {(): Fraction(number)}
        case Const(date() as day):
            return {(): Fraction(day.toordinal())}
        case Arithmetic("*", left, right):
            product: Linear = {}
            for one, factor in _linear(left).items():
                for other, times in _linear(right).items():
                    key = tuple(sorted((*one, *other), key=repr))
                    product[key] = product.get(key, Fraction(0)) + factor * times
            return _without_zeros(product)
        case Arithmetic(sign, left, right):
            return _plus(_linear(left), _linear(right), 1 if sign == "+" else -1)
        case DateDiff("day", start, end):
            return _plus(_linear(end), _linear(start), -1)
        case DateDiff(unit, start, end):
            return _plus(_counted(unit, end), _counted(unit, start), -1)
        case Length(text):
            inner = _fixed_case(text)
            if isinstance(inner, Const) and str(inner.value).isascii():
                return {(): Fraction(len(str(inner.value)))}
    return {(value,): Fraction(1)}


def _counted(unit: str, value: Value) -> Linear:
    """The number of the month or year of a date."""
    if isinstance(value, Const) and isinstance(value.value, date):
        day = value.value
        return {(): Fraction(day.year if unit == "year" else day.year * 12 + day.month - 1)}
    return {((unit, value),): Fraction(1)}


def _plus(one: Linear, other: Linear, times: int) -> Linear:
    total = dict(one)
    for key, factor in other.items():
        total[key] = total.get(key, Fraction(0)) + times * factor
    return _without_zeros(total)


def _without_zeros(linear: Linear) -> Linear:
    return {key: factor for key, factor in linear.items() if factor or key == ()}


def _primitive(linear: Linear) -> tuple[tuple[tuple[Any, int], ...], Fraction]:
    """One way of writing for all multiples: whole factors without a common divisor, the first positive."""
    ordered = sorted(linear.items(), key=lambda item: repr(item[0]))
    common = math.lcm(*(factor.denominator for _, factor in ordered))
    divisor = math.gcd(*(int(factor * common) for _, factor in ordered))
    scale = Fraction(common, divisor) * (1 if ordered[0][1] > 0 else -1)
    return tuple((monomial, int(factor * scale)) for monomial, factor in ordered), scale


def _whole(key: tuple[tuple[Any, int], ...]) -> bool:
    bases = [base for monomial, _ in key for base in monomial]
    return not any(isinstance(b, FieldValue) and b.type is FieldType.DECIMAL for b in bases)


def _bounds(key: tuple[tuple[Any, int], ...]) -> tuple[int | None, int | None]:
    """A length is not negative; no date lies after the year 9999."""
    if len(key) != 1 or len(key[0][0]) != 1:
        return None, None
    match key[0][0][0]:
        case Length():
            return 0, None
        case FieldValue(_, FieldType.DATE):
            return None, date.max.toordinal()
        case ("month", _):
            return None, 9999 * 12 + 11
        case ("year", _):
            return None, 9999
    return None, None


def never(condition: Condition) -> bool:
    """Proven to be true of no record."""
    return satisfiable(condition) is False


def always(condition: Condition) -> bool:
    """Proven to be true of every record."""
    return implies(YES, condition)
