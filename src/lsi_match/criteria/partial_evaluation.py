"""What is left of a condition when a field is known, when it is not, and when only passing counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from lsi_match.criteria.meaning import (
    UNDECIDED,
    All,
    AnyOf,
    Arithmetic,
    Between,
    Cased,
    Coalesce,
    Compare,
    Condition,
    DateDiff,
    FieldValue,
    FirstKnown,
    Holds,
    IsTrue,
    Length,
    Like,
    Null,
    OneOf,
    Same,
    Truth,
    Undecided,
    Unknown,
    Value,
    all_of,
    any_of,
    arithmetic,
    between,
    cased,
    children,
    coalesce,
    compare,
    date_diff,
    first_known,
    is_true,
    length,
    like,
    negation,
    one_of,
    same,
    undecided,
    unknown,
    used_fields,
)


def assume(condition: Condition, name: str, known: bool) -> Condition:
    """The condition for records in which this one field is known, or is unknown."""
    return _Assumption(name, known).condition(condition)


@dataclass(frozen=True)
class _Assumption:
    name: str
    known: bool

    def value(self, value: Value) -> Value:
        if self.name not in used_fields(value):
            return value
        match value:
            case FieldValue():
                return replace(value, known=True) if self.known else Null()
            case Coalesce(values):
                return coalesce([self.value(part) for part in values])
            case Arithmetic(sign, left, right):
                return arithmetic(sign, self.value(left), self.value(right))
            case Cased(case, text):
                return cased(case, self.value(text))
            case Length(text):
                return length(self.value(text))
            case DateDiff(unit, start, end):
                return date_diff(unit, self.value(start), self.value(end))
        return value

    def condition(self, condition: Condition) -> Condition:
        if self.name not in used_fields(condition):
            return condition
        again: Callable[[Condition], Condition] = self.condition
        match condition:
            case All(parts):
                return all_of([again(part) for part in parts])
            case AnyOf(parts):
                return any_of([again(part) for part in parts])
            case FirstKnown(conditions):
                return first_known([again(part) for part in conditions])
            case Compare(operator, left, right):
                return compare(operator, self.value(left), self.value(right))
            case Holds(field):
                made: Condition = Holds(replace(field, known=True)) if self.known else UNDECIDED
            case Unknown(field):
                made = unknown(self.value(field))
            case Between(value, low, high):
                made = between(self.value(value), self.value(low), self.value(high))
            case OneOf(value, values):
                made = one_of(self.value(value), values)
            case Like(value, pattern):
                made = like(self.value(value), pattern)
            case IsTrue(inner):
                made = is_true(again(inner))
            case Undecided(inner):
                made = undecided(again(inner))
            case Same(left, right):
                made = same(again(left), again(right))
            case Truth():
                return condition
        return negation(made) if condition.negated else made


#: Conditions on being known, within each other, that are still written out: each doubles or triples the text.
_MAX_NESTED = 3


def simplify(condition: Condition) -> Condition:
    """A simpler condition that is true exactly when this one is; where this is unknown it may be false.

    What is said about a condition being known or true becomes something about its fields:
    `(a > 1 AND f) IS NOT TRUE` passes where a is at most 1 or unknown, or f is false or unknown.
    """
    match condition:
        case Truth(value):
            return Truth(bool(value))
        case All(parts):
            return all_of([simplify(part) for part in parts])
        case AnyOf(parts):
            return any_of([simplify(part) for part in parts])
    if _nested(condition) > _MAX_NESTED:
        return condition
    match condition:
        case IsTrue(inner, negated):
            return _not_true(inner) if negated else simplify(inner)
        case Undecided(inner, negated):
            if negated:
                return any_of([simplify(inner), simplify(negation(inner))])
            return all_of([_not_true(inner), _not_true(negation(inner))])
        case FirstKnown((first, *others)):
            if others[0] == Truth(True):
                return _not_true(negation(first))
            return any_of(
                [simplify(first), all_of([simplify(undecided(first)), simplify(first_known(others))])]
            )
    return condition


def _not_true(condition: Condition) -> Condition:
    """False or unknown."""
    match condition:
        case Truth(value):
            return Truth(value is not True)
        case All(parts):
            return any_of([_not_true(part) for part in parts])
        case AnyOf(parts):
            return all_of([_not_true(part) for part in parts])
        case Holds(field) if not field.known:
            return IsTrue(condition, negated=True)
    return simplify(any_of([negation(condition), undecided(condition)]))


def _nested(condition: Condition) -> int:
    below = max((_nested(part) for part in children(condition) if isinstance(part, Condition)), default=0)
    return below + isinstance(condition, IsTrue | Undecided | FirstKnown)
