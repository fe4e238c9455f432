"""Read the parse of a predicate as its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from sqlglot import exp

from lsi_match.criteria import meaning as m
from lsi_match.criteria.parse import COMPARISONS, CONDITIONS, REFERENCE_DATE, FieldType, Predicate


def condition_of(predicate: Predicate, types: Mapping[str, FieldType]) -> m.Condition:
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

    def field(self, node: exp.Expression) -> m.FieldValue:
        if node.name == REFERENCE_DATE:
            return m.FieldValue(REFERENCE_DATE, FieldType.DATE, known=True)
        return m.FieldValue(node.name, self.types[node.name])

    def condition(self, node: exp.Expression) -> m.Condition:
        match node:
            case exp.Paren():
                return self.condition(node.this)
            case exp.And():
                return m.all_of([self.condition(node.this), self.condition(node.expression)])
            case exp.Or():
                return m.any_of([self.condition(node.this), self.condition(node.expression)])
            case exp.Not():
                return m.negation(self.condition(node.this))
            case exp.Boolean():
                return m.Truth(bool(node.this))
            case exp.Column():
                return m.Holds(self.field(node))
            case exp.Coalesce():
                return m.first_known([self.condition(part) for part in (node.this, *node.expressions)])
            case exp.Between():
                return m.between(*(self.value(node.args[part]) for part in ("this", "low", "high")))
            case exp.In():
                return m.one_of(self.value(node.this), [self.value(part) for part in node.expressions])
            case exp.Like():
                return m.like(self.value(node.this), str(node.expression.this))
            case exp.Is() if isinstance(node.expression, exp.Null):
                if self.is_condition(node.this):
                    return m.undecided(self.condition(node.this))
                return m.unknown(self.value(node.this))
            case exp.Is():
                inner = self.condition(node.this)
                return m.is_true(inner if node.expression.this else m.negation(inner))
        if self.is_condition(node.this):
            both = m.same(self.condition(node.this), self.condition(node.expression))
            return both if isinstance(node, exp.EQ) else m.negation(both)
        return m.compare(COMPARISONS[type(node)], self.value(node.this), self.value(node.expression))

    def value(self, node: exp.Expression) -> m.Value:
        match node:
            case exp.Paren():
                return self.value(node.this)
            case exp.Column():
                return self.field(node)
            case exp.Literal():
                return m.Const(str(node.this) if node.is_string else Decimal(node.this))
            case exp.Cast():
                return m.Const(date.fromisoformat(node.this.this))
            case exp.Neg():
                inner = self.value(node.this)
                if isinstance(inner, m.Const) and isinstance(inner.value, Decimal):
                    return m.Const(-inner.value)
                return m.Arithmetic("-", m.Const(Decimal(0)), inner)
            case exp.Lower():
                return m.cased("lower", self.value(node.this))
            case exp.Upper():
                return m.cased("upper", self.value(node.this))
            case exp.Length():
                return m.length(self.value(node.this))
            case exp.DateDiff():
                start, end = self.value(node.expression), self.value(node.this)
                return m.date_diff(str(node.args["unit"]).lower(), start, end)
            case exp.Coalesce():
                return m.coalesce([self.value(part) for part in (node.this, *node.expressions)])
        sign = "+" if isinstance(node, exp.Add) else "-" if isinstance(node, exp.Sub) else "*"
        return m.arithmetic(sign, self.value(node.this), self.value(node.expression))
