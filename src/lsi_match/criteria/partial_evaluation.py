"""What is left of a condition when a field is known, when it is not, and when only passing counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lsi_match.criteria.meaning import (
    NO,
    UNDECIDED,
    YES,
    All,
    AnyOf,
    Condition,
    FieldValue,
    FirstKnown,
    Holds,
    IsTrue,
    Like,
    Null,
    Truth,
    Undecided,
    Unknown,
    all_of,
    any_of,
    children,
    first_known,
    negation,
    rebuilt,
    undecided,
    unknown,
    used_fields,
)


def assume(condition: Condition, name: str, known: bool) -> Condition:
    """The condition for records in which this one field is known, or is unknown."""
    assumed: Condition = _assumed(condition, name, known)
    return assumed


def _assumed(node: Any, name: str, known: bool) -> Any:
    """The same of a value or a condition."""
    if name not in used_fields(node):
        return node
    match node:
        case FieldValue():
            return replace(node, known=True) if known else Null()
        case Holds(field, negated):
            return Holds(replace(field, known=True), negated) if known else UNDECIDED
        case Unknown(field, negated):
            return negation(NO if known else YES) if negated else NO if known else YES
    return rebuilt(node, lambda part: _assumed(part, name, known))


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
        case Like(value, pattern, negated) if pattern and not pattern.strip("%"):
            return NO if negated else negation(unknown(value))
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
