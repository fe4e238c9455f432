"""What is left of a condition when a field is known, when it is not, and when only passing counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lsi_match.criteria import meaning as m


def assume(condition: m.Condition, name: str, known: bool) -> m.Condition:
    """The condition for records in which this one field is known, or is unknown."""
    assumed: m.Condition = _assumed(condition, name, known)
    return assumed


def _assumed(node: Any, name: str, known: bool) -> Any:
    """The same of a value or a condition."""
    if name not in m.used_fields(node):
        return node
    match node:
        case m.FieldValue():
            return replace(node, known=True) if known else m.Null()
        case m.Holds(field, negated):
            return m.Holds(replace(field, known=True), negated) if known else m.UNDECIDED
        case m.Unknown(field, negated):
            return m.negation(m.NO if known else m.YES) if negated else m.NO if known else m.YES
    return m.rebuilt(node, lambda part: _assumed(part, name, known))


#: Conditions on being known, within each other, that are still written out: each doubles or triples the text.
_MAX_NESTED = 3


def simplify(condition: m.Condition) -> m.Condition:
    """A simpler condition that is true exactly when this one is; where this is unknown it may be false.

    What is said about a condition being known or true becomes something about its fields:
    `(a > 1 AND f) IS NOT TRUE` passes where a is at most 1 or unknown, or f is false or unknown.
    """
    match condition:
        case m.Truth(value):
            return m.Truth(bool(value))
        case m.All(parts):
            return m.all_of([simplify(part) for part in parts])
        case m.AnyOf(parts):
            return m.any_of([simplify(part) for part in parts])
        case m.Like(value, pattern, negated) if pattern and not pattern.strip("%"):
            return m.NO if negated else m.negation(m.unknown(value))
    if _nested(condition) > _MAX_NESTED:
        return condition
    match condition:
        case m.IsTrue(inner, negated):
            return _not_true(inner) if negated else simplify(inner)
        case m.Undecided(inner, negated):
            if negated:
                return m.any_of([simplify(inner), simplify(m.negation(inner))])
            return m.all_of([_not_true(inner), _not_true(m.negation(inner))])
        case m.FirstKnown((first, *others)):
            if others[0] == m.Truth(True):
                return _not_true(m.negation(first))
            return m.any_of(
                [simplify(first), m.all_of([simplify(m.undecided(first)), simplify(m.first_known(others))])]
            )
    return condition


def _not_true(condition: m.Condition) -> m.Condition:
    """False or unknown."""
    match condition:
        case m.Truth(value):
            return m.Truth(value is not True)
        case m.All(parts):
            return m.any_of([_not_true(part) for part in parts])
        case m.AnyOf(parts):
            return m.all_of([_not_true(part) for part in parts])
        case m.Holds(field) if not field.known:
            return m.IsTrue(condition, negated=True)
    return simplify(m.any_of([m.negation(condition), m.undecided(condition)]))


def _nested(condition: m.Condition) -> int:
    below = max((_nested(part) for part in m.children(condition) if isinstance(part, m.Condition)), default=0)
    return below + isinstance(condition, m.IsTrue | m.Undecided | m.FirstKnown)
