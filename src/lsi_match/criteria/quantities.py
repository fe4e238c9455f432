"""The quantities that conditions compare, and the few kinds of value each can have as far as they can tell."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import combinations, pairwise
from typing import Any, TypeAlias

from lsi_match.criteria.meaning import Arithmetic, Cased, Const, DateDiff, FieldValue, Length, Value
from lsi_match.criteria.parse import FieldType

#: More LIKE patterns than this on one text are not tried.
_MAX_PATTERNS = 6

Linear: TypeAlias = dict[tuple[Any, ...], Fraction]


class TooManyError(Exception):
    """More combinations than are tried."""


@dataclass
class YesNo:
    def cells(self) -> Iterator[bool]:
        yield from (True, False)


@dataclass
class NumberQuantity:
    """A quantity that is compared with numbers: what matters is where it lies among them."""

    whole: bool
    lowest: int | None
    highest: int | None
    limits: set[Fraction] = field(default_factory=set)

    def cells(self) -> Iterator[Fraction]:
        bounds = {Fraction(bound) for bound in (self.lowest, self.highest) if bound is not None}
        edges = sorted(self.limits | bounds)
        inside = [self._inside(low, high) for low, high in pairwise(edges)]
        found = [*edges, *inside, Fraction(math.ceil(edges[0]) - 1), Fraction(math.floor(edges[-1]) + 1)]
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


@dataclass
class TextQuantity:
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
            raise TooManyError
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


TESTS: dict[str, Callable[[Fraction, Fraction], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def is_text(value: Value) -> bool:
    match value:
        case Cased():
            return True
        case Const():
            return isinstance(value.value, str)
        case FieldValue():
            return value.type is FieldType.TEXT
    return False


def fixed_case(value: Value) -> Value:
    """A constant in lower or upper case as the constant it gives."""
    if isinstance(value, Cased):
        inner = fixed_case(value.text)
        if isinstance(inner, Const) and str(inner.value).isascii():
            text = str(inner.value)
            return Const(text.lower() if value.case == "lower" else text.upper())
        return Cased(value.case, inner)
    return value


def linear(value: Value) -> Linear:
    """A number or date as a sum of products of quantities; dates count in days."""
    match value:
        case Const(Decimal() as number):
            return {(): Fraction(number)}
        case Const(date() as day):
            return {(): Fraction(day.toordinal())}
        case Arithmetic("*", left, right):
            product: Linear = {}
            for one, factor in linear(left).items():
                for other, times in linear(right).items():
                    key = tuple(sorted((*one, *other), key=repr))
                    product[key] = product.get(key, Fraction(0)) + factor * times
            return _without_zeros(product)
        case Arithmetic(sign, left, right):
            return plus(linear(left), linear(right), 1 if sign == "+" else -1)
        case DateDiff("day", start, end):
            return plus(linear(end), linear(start), -1)
        case DateDiff(unit, start, end):
            return plus(_counted(unit, end), _counted(unit, start), -1)
        case Length(text):
            inner = fixed_case(text)
            if isinstance(inner, Const) and str(inner.value).isascii():
                return {(): Fraction(len(str(inner.value)))}
    return {(value,): Fraction(1)}


def _counted(unit: str, value: Value) -> Linear:
    """The number of the month or year of a date."""
    if isinstance(value, Const) and isinstance(value.value, date):
        day = value.value
        return {(): Fraction(day.year if unit == "year" else day.year * 12 + day.month - 1)}
    return {((unit, value),): Fraction(1)}


def plus(one: Linear, other: Linear, times: int) -> Linear:
    total = dict(one)
    for key, factor in other.items():
        total[key] = total.get(key, Fraction(0)) + times * factor
    return _without_zeros(total)


def _without_zeros(linear: Linear) -> Linear:
    return {key: factor for key, factor in linear.items() if factor or key == ()}


def primitive(linear: Linear) -> tuple[tuple[tuple[Any, int], ...], Fraction]:
    """One way of writing for all multiples: whole factors without a common divisor, the first positive."""
    ordered = sorted(linear.items(), key=lambda item: repr(item[0]))
    common = math.lcm(*(factor.denominator for _, factor in ordered))
    divisor = math.gcd(*(int(factor * common) for _, factor in ordered))
    scale = Fraction(common, divisor) * (1 if ordered[0][1] > 0 else -1)
    return tuple((monomial, int(factor * scale)) for monomial, factor in ordered), scale


def is_whole(key: tuple[tuple[Any, int], ...]) -> bool:
    bases = [base for monomial, _ in key for base in monomial]
    return not any(isinstance(b, FieldValue) and b.type is FieldType.DECIMAL for b in bases)


def bounds_of(key: tuple[tuple[Any, int], ...]) -> tuple[int | None, int | None]:
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
