"""Read the parse of a predicate as its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from sqlglot import exp

from lsi_match.criteria.meaning import (
    Arithmetic,
    Condition,
    Const,
    FieldValue,
    Holds,
    Truth,
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
)
from lsi_match.criteria.parse import COMPARISONS, CONDITIONS, REFERENCE_DATE, FieldType, Predicate


def condition_of(predicate: Predicate, types: Mapping[str, FieldType]) -> Condition:
    """The meaning of `predicate` over fields of these types; the reference date is always known."""
    return _Reader(types).condition(predicate.tree)


class _Reader:
    def __init__(self, types: Mapping[str, FieldType]) -> None:
        self.types = types

    def is_condition(self, node: exp.Expression) -> bool:
        if isinstance(node, exp.Paren | exp.Coalesce):
            return self.is_condition(node.this)
        if isinstance(node, exp.Column):
            return self.field(node).type is FieldType.BOOLEAN
        return isinstance(node, (*CONDITIONS, exp.Boolean))

    def field(self, node: exp.Expression) -> FieldValue:
        if node.name == REFERENCE_DATE:
            return FieldValue(REFERENCE_DATE, FieldType.DATE, known=True)
        return FieldValue(node.name, self.types[node.name])

    def condition(self, node: exp.Expression) -> Condition:
        match node:
            case exp.Paren():
                return self.condition(node.this)
            case exp.And():
                return all_of([self.condition(node.this), self.condition(node.expression)])
            case exp.Or():
                return any_of([self.condition(node.this), self.condition(node.expression)])
            case exp.Not():
                return negation(self.condition(node.this))
            case exp.Boolean():
                return Truth(bool(node.this))
            case exp.Column():
                return Holds(self.field(node))
            case exp.Coalesce():
                return first_known([self.condition(part) for part in (node.this, *node.expressions)])
            case exp.Between():
                return between(*(self.value(node.args[part]) for part in ("this", "low", "high")))
            case exp.In():
                return one_of(self.value(node.this), [self.value(part) for part in node.expressions])
            case exp.Like():
                return like(self.value(node.this), str(node.expression.this))
            case exp.Is() if isinstance(node.expression, exp.Null):
                if self.is_condition(node.this):
                    return undecided(self.condition(node.this))
                return unknown(self.value(node.this))
            case exp.Is():
                inner = self.condition(node.this)
                return is_true(inner if node.expression.this else negation(inner))
        if self.is_condition(node.this):
            both = same(self.condition(node.this), self.condition(node.expression))
            return both if isinstance(node, exp.EQ) else negation(both)
        return compare(COMPARISONS[type(node)], self.value(node.this), self.value(node.expression))

    def value(self, node: exp.Expression) -> Value:
        match node:
            case exp.Paren():
                return self.value(node.this)
            case exp.Column():
                return self.field(node)
            case exp.Literal():
                return Const(str(node.this) if node.is_string else Decimal(node.this))
            case exp.Cast():
                return Const(date.fromisoformat(node.this.this))
            case exp.Neg():
                inner = self.value(node.this)
                if isinstance(inner, Const) and isinstance(inner.value, Decimal):
                    return Const(-inner.value)
                return Arithmetic("-", Const(Decimal(0)), inner)
            case exp.Lower():
                return cased("lower", self.value(node.this))
            case exp.Upper():
                return cased("upper", self.value(node.this))
            case exp.Length():
                return length(self.value(node.this))
            case exp.DateDiff():
                start, end = self.value(node.expression), self.value(node.this)
                return date_diff(str(node.args["unit"]).lower(), start, end)
            case exp.Coalesce():
                return coalesce([self.value(part) for part in (node.this, *node.expressions)])
        sign = "+" if isinstance(node, exp.Add) else "-" if isinstance(node, exp.Sub) else "*"
        return arithmetic(sign, self.value(node.this), self.value(node.expression))
