"""What is left of a condition when a field is known, when it is not, and when only passing counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from lsi_match.protocol.meaning import (
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


def passing(condition: Condition) -> Condition:
    """A simpler condition that is true exactly when this one is; where this is unknown it may be false."""
    match condition:
        case Truth(value):
            return Truth(bool(value))
        case All(parts):
            return all_of([passing(part) for part in parts])
        case AnyOf(parts):
            return any_of([passing(part) for part in parts])
        case IsTrue(inner, negated):
            if not negated:
                return passing(inner)
            if isinstance(inner, Holds):
                return condition
            return passing(any_of([negation(inner), undecided(inner)]))
        case FirstKnown(conditions) if isinstance(conditions[-1], Truth) and len(conditions) == 2:
            if not conditions[-1].value:
                return passing(conditions[0])
            missing = undecided(conditions[0])
            return condition if isinstance(missing, Undecided) else passing(any_of([conditions[0], missing]))
    return condition
