"""What a predicate says, apart from how it is written: a small tree without NOT, to explain and to compare.

Every rewriting here keeps the three-valued meaning exactly: NOT is moved to the leaves (De Morgan holds for
unknown too), `IS NULL` of an expression becomes `IS NULL` of the fields in it, and constants are folded.
Only `assumptions.passing` gives up the difference between false and unknown, which does not matter where a
record passes when the whole is true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from lsi_match.criteria.parse import FieldType

Operator = Literal["=", "<>", "<", "<=", ">", ">="]
OPPOSITE: dict[Operator, Operator] = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
MIRRORED: dict[Operator, Operator] = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


@dataclass(frozen=True)
class Const:
    value: str | Decimal | date


@dataclass(frozen=True)
class Null:
    pass


@dataclass(frozen=True)
class FieldValue:
    name: str
    type: FieldType
    known: bool = False


@dataclass(frozen=True)
class Arithmetic:
    sign: Literal["+", "-", "*"]
    left: Value
    right: Value


@dataclass(frozen=True)
class Cased:
    """A text in lower or upper case."""

    case: Literal["lower", "upper"]
    text: Value


@dataclass(frozen=True)
class Length:
    text: Value


@dataclass(frozen=True)
class DateDiff:
    unit: Literal["day", "month", "year"]
    start: Value
    end: Value


@dataclass(frozen=True)
class Coalesce:
    values: tuple[Value, ...]


Value: TypeAlias = Const | Null | FieldValue | Arithmetic | Cased | Length | DateDiff | Coalesce


@dataclass(frozen=True)
class Truth:
    value: bool | None


@dataclass(frozen=True)
class Holds:
    """A boolean field that is true (or, negated, false)."""

    field: FieldValue
    negated: bool = False


@dataclass(frozen=True)
class Unknown:
    """A field that is NULL (or, negated, is not)."""

    field: FieldValue
    negated: bool = False


@dataclass(frozen=True)
class Compare:
    operator: Operator
    left: Value
    right: Value


@dataclass(frozen=True)
class Between:
    """Both ends are never unknown; others become two comparisons."""

    value: Value
    low: Value
    high: Value
    negated: bool = False


@dataclass(frozen=True)
class OneOf:
    value: Value
    values: tuple[Const, ...]
    negated: bool = False


@dataclass(frozen=True)
class Like:
    value: Value
    pattern: str
    negated: bool = False


@dataclass(frozen=True)
class IsTrue:
    """True when the condition is true, false when it is false or unknown; negated the other way round."""

    condition: Condition
    negated: bool = False


@dataclass(frozen=True)
class Undecided:
    """True when the condition is unknown; negated, when it is true or false."""

    condition: Condition
    negated: bool = False


@dataclass(frozen=True)
class Same:
    """Two conditions that are both true or both false; negated, one of each."""

    left: Condition
    right: Condition
    negated: bool = False


@dataclass(frozen=True)
class FirstKnown:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class All:
    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class AnyOf:
    parts: tuple[Condition, ...]


Condition: TypeAlias = (
    Truth
    | Holds
    | Unknown
    | Compare
    | Between
    | OneOf
    | Like
    | IsTrue
    | Undecided
    | Same
    | FirstKnown
    | All
    | AnyOf
)

YES, NO, UNDECIDED = Truth(True), Truth(False), Truth(None)


def arithmetic(sign: Any, left: Value, right: Value) -> Value:
    return Null() if Null() in (left, right) else Arithmetic(sign, left, right)


def cased(case: Any, text: Value) -> Value:
    return text if isinstance(text, Null) else Cased(case, text)


def length(text: Value) -> Value:
    return text if isinstance(text, Null) else Length(text)


def date_diff(unit: Any, start: Value, end: Value) -> Value:
    return Null() if Null() in (start, end) else DateDiff(unit, start, end)


def coalesce(values: Iterable[Value]) -> Value:
    kept: list[Value] = []
    for value in values:
        if not isinstance(value, Null) and value not in kept:
            kept.append(value)
        if unknown(value) == NO:
            break
    if not kept:
        return Null()
    return kept[0] if len(kept) == 1 else Coalesce(tuple(kept))


def unknown(value: Value) -> Condition:
    """When a value is unknown, in terms of its fields."""
    match value:
        case Const():
            return NO
        case Null():
            return YES
        case FieldValue():
            return NO if value.known else Unknown(value)
        case Coalesce():
            return all_of([unknown(part) for part in value.values])
    return any_of([unknown(part) for part in children(value)])


def compare(operator: Operator, left: Value, right: Value) -> Condition:
    if Null() in (left, right):
        return UNDECIDED
    if isinstance(left, Const) and not isinstance(right, Const):
        return Compare(MIRRORED[operator], right, left)
    return Compare(operator, left, right)


def between(value: Value, low: Value, high: Value) -> Condition:
    if unknown(low) == NO and unknown(high) == NO:
        return UNDECIDED if isinstance(value, Null) else Between(value, low, high)
    return all_of([compare(">=", value, low), compare("<=", value, high)])


def one_of(value: Value, values: Iterable[Value]) -> Condition:
    listed = tuple(dict.fromkeys(values))
    constants = tuple(part for part in listed if isinstance(part, Const))
    if len(constants) < len(listed) or len(listed) == 1:
        return any_of([compare("=", value, part) for part in listed])
    return UNDECIDED if isinstance(value, Null) else OneOf(value, constants)


def like(value: Value, pattern: str) -> Condition:
    return UNDECIDED if isinstance(value, Null) else Like(value, pattern)


def all_of(parts: Iterable[Condition]) -> Condition:
    flat = _flat(All, parts)
    if NO in flat:
        return NO
    flat = [part for part in flat if part != YES]
    return YES if not flat else flat[0] if len(flat) == 1 else All(tuple(flat))


def any_of(parts: Iterable[Condition]) -> Condition:
    flat = _flat(AnyOf, parts)
    if YES in flat:
        return YES
    flat = [part for part in flat if part != NO]
    return NO if not flat else flat[0] if len(flat) == 1 else AnyOf(tuple(flat))


def _flat(kind: type[All] | type[AnyOf], parts: Iterable[Condition]) -> list[Condition]:
    flat: dict[Condition, None] = {}
    for part in parts:
        flat.update(dict.fromkeys(part.parts if isinstance(part, kind) else (part,)))
    return list(flat)


def first_known(conditions: Iterable[Condition]) -> Condition:
    kept: list[Condition] = []
    for part in conditions:
        if part != UNDECIDED and part not in kept:
            kept.append(part)
        if undecided(part) == NO:
            break
    if not kept:
        return UNDECIDED
    return kept[0] if len(kept) == 1 else FirstKnown(tuple(kept))


def is_true(condition: Condition) -> Condition:
    if isinstance(condition, Truth):
        return YES if condition.value else NO
    return condition if undecided(condition) == NO else IsTrue(condition)


def same(left: Condition, right: Condition) -> Condition:
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Truth):
            return UNDECIDED if one.value is None else other if one.value else negation(other)
    return Same(left, right)


def undecided(condition: Condition) -> Condition:
    """When a condition is unknown: in terms of its fields where only they decide that."""
    match condition:
        case Truth():
            return YES if condition.value is None else NO
        case Unknown() | IsTrue() | Undecided():
            return NO
        case FirstKnown():
            return all_of([undecided(part) for part in condition.conditions])
        case Same():
            return any_of([undecided(condition.left), undecided(condition.right)])
        case All() | AnyOf():
            parts = [undecided(part) for part in condition.parts]
            return NO if all(part == NO for part in parts) else Undecided(condition)
    return any_of([unknown(part) for part in children(condition)])


def negation(condition: Condition) -> Condition:
    """NOT, moved inwards. Exact for true, false and unknown."""
    match condition:
        case Truth(value):
            return UNDECIDED if value is None else Truth(not value)
        case All(parts):
            return any_of([negation(part) for part in parts])
        case AnyOf(parts):
            return all_of([negation(part) for part in parts])
        case FirstKnown(conditions):
            return FirstKnown(tuple(negation(part) for part in conditions))
        case Compare(operator, left, right):
            return Compare(OPPOSITE[operator], left, right)
    return replace(condition, negated=not condition.negated)


def children(node: Value | Condition) -> Iterator[Any]:
    """The values and conditions directly below."""
    for item in fields(node):
        below = getattr(node, item.name)
        yield from (
            part
            for part in (below if isinstance(below, tuple) else (below,))
            if hasattr(part, "__match_args__")
        )


def used_fields(node: Value | Condition) -> dict[str, FieldValue]:
    """Every field below, in order of appearance, the reference date too."""
    if isinstance(node, FieldValue):
        return {node.name: node}
    found: dict[str, FieldValue] = {}
    for part in children(node):
        found.update({k: v for k, v in used_fields(part).items() if k not in found})
    return found


#: What makes a value or condition anew of what is below it.
_MAKE: dict[type, Callable[..., Any]] = {
    All: all_of,
    AnyOf: any_of,
    Arithmetic: arithmetic,
    Between: between,
    Cased: cased,
    Coalesce: coalesce,
    Compare: compare,
    DateDiff: date_diff,
    FirstKnown: first_known,
    IsTrue: is_true,
    Length: length,
    Like: like,
    OneOf: one_of,
    Same: same,
    Undecided: undecided,
}


def rebuilt(node: Any, change: Callable[[Any], Any]) -> Any:
    """`node` with `change` made of every value and condition directly below it."""

    def changed(below: Any) -> Any:
        if isinstance(below, tuple):
            return tuple(map(changed, below))
        return change(below) if hasattr(below, "__match_args__") else below

    members = {item.name: getattr(node, item.name) for item in fields(node)}
    negated = members.pop("negated", False)
    made = _MAKE[type(node)](*map(changed, members.values()))
    return negation(made) if negated else made
