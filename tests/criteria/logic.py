"""A predicate in the logic of Z3, from its parse alone: a second opinion on what the tool says it has proven.

Every value has a companion that says whether it is unknown. What Z3 is not told (how the letters of a text change with `lower`, how
many days a month has) leaves it free: it may then find a difference that is none, and misses none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import z3
from sqlglot import exp

from lsi_match.criteria.parse import FieldType, Predicate

_COMPARE: dict[type[exp.Expression], str] = {
    exp.EQ: "eq", exp.NEQ: "ne", exp.LT: "lt", exp.LTE: "le", exp.GT: "gt", exp.GTE: "ge",
}  # fmt: skip
_MONTH, _YEAR = (z3.Function(name, z3.IntSort(), z3.IntSort()) for name in ("month", "year"))
_LOWER, _UPPER = (z3.Function(name, z3.StringSort(), z3.StringSort()) for name in ("lower", "upper"))


@dataclass(frozen=True)
class Known:
    """A value, or a condition, and when it is unknown."""

    value: Any
    unknown: Any


class Logic:
    """Predicates over the same fields, and what holds of the values in them."""

    def __init__(self, fields: Mapping[str, FieldType]) -> None:
        self.facts: list[Any] = []
        made = {
            FieldType.INTEGER: z3.Int, FieldType.DECIMAL: z3.Real, FieldType.DATE: z3.Int, FieldType.TEXT: z3.String,
            FieldType.BOOLEAN: z3.Bool,
        }  # fmt: skip
        self.fields = {
            name: Known(made[kind](name), z3.Bool(f"{name} unknown")) for name, kind in fields.items()
        }
        self.fields["peildatum"] = Known(z3.Int("peildatum"), z3.BoolVal(False))
        for name, kind in {**fields, "peildatum": FieldType.DATE}.items():
            if kind is FieldType.DATE:
                self.facts.append(self.fields[name].value <= date.max.toordinal())

    def passes(self, predicate: Predicate) -> Any:
        """When a record passes: the predicate is true, not false and not unknown."""
        read = self.read(predicate.tree)
        return z3.And(read.value, z3.Not(read.unknown))

    def differ(self, one: Predicate, other: Predicate, seconds: float = 2) -> bool | None:
        """Whether some record passes `one` and not `other`; None when Z3 cannot tell in time."""
        solver = z3.Solver()
        solver.set("timeout", int(seconds * 1000))
        first, second = self.passes(one), self.passes(other)
        solver.add(*self.facts, first, z3.Not(second))
        found = solver.check()
        return None if found == z3.unknown else found == z3.sat

    def read(self, node: exp.Expression) -> Known:
        no = z3.BoolVal(False)
        match node:
            case exp.Paren():
                return self.read(node.this)
            case exp.Column():
                return self.fields[node.name]
            case exp.Boolean():
                return Known(z3.BoolVal(bool(node.this)), no)
            case exp.Literal():
                made = z3.StringVal if node.is_string else z3.RealVal if "." in node.this else z3.IntVal
                return Known(made(node.this), no)
            case exp.Cast():
                return Known(z3.IntVal(date.fromisoformat(node.this.this).toordinal()), no)
            case exp.And() | exp.Or():
                return self._junction(
                    self.read(node.this), self.read(node.expression), isinstance(node, exp.And)
                )
            case exp.Not():
                inner = self.read(node.this)
                return Known(z3.Not(inner.value), inner.unknown)
            case exp.Is() if isinstance(node.expression, exp.Null):
                return Known(self.read(node.this).unknown, no)
            case exp.Is():
                inner = self.read(node.this)
                wanted = inner.value if node.expression.this else z3.Not(inner.value)
                return Known(z3.And(wanted, z3.Not(inner.unknown)), no)
            case exp.Coalesce():
                parts = [self.read(part) for part in (node.this, *node.expressions)]
                made = parts[-1]
                for part in reversed(parts[:-1]):
                    value, other = _alike(part.value, made.value)
                    made = Known(z3.If(part.unknown, other, value), z3.And(part.unknown, made.unknown))
                return made
            case exp.Between():
                value, low, high = (self.read(node.args[part]) for part in ("this", "low", "high"))
                return self._junction(_compared("ge", value, low), _compared("le", value, high), True)
            case exp.In():
                value, parts = self.read(node.this), [self.read(part) for part in node.expressions]
                made = _compared("eq", value, parts[0])
                for part in parts[1:]:
                    made = self._junction(made, _compared("eq", value, part), False)
                return made
            case exp.Like():
                value = self.read(node.this)
                return Known(z3.InRe(value.value, _pattern(str(node.expression.this))), value.unknown)
        return self._value(node)

    def _value(self, node: exp.Expression) -> Known:
        match node:
            case exp.Neg():
                inner = self.read(node.this)
                return Known(-inner.value, inner.unknown)
            case exp.Lower() | exp.Upper():
                inner = self.read(node.this)
                return Known(self._cased(inner.value, isinstance(node, exp.Lower)), inner.unknown)
            case exp.Length():
                inner = self.read(node.this)
                return Known(z3.Length(inner.value), inner.unknown)
            case exp.DateDiff():
                end, start = self.read(node.this), self.read(node.expression)
                unit = str(node.args["unit"]).lower()
                value = self._counted(unit, end.value) - self._counted(unit, start.value)
                return Known(value, z3.Or(start.unknown, end.unknown))
        left, right = self.read(node.this), self.read(node.expression)
        if type(node) in _COMPARE:
            return _compared(_COMPARE[type(node)], left, right)
        one, other = _alike(left.value, right.value)
        value = (
            one + other
            if isinstance(node, exp.Add)
            else one - other
            if isinstance(node, exp.Sub)
            else one * other
        )
        return Known(value, z3.Or(left.unknown, right.unknown))

    def _junction(self, one: Known, other: Known, both: bool) -> Known:
        """AND and OR: false, and true, win from unknown."""
        wins = [z3.And(z3.Not(p.unknown), z3.Not(p.value) if both else p.value) for p in (one, other)]
        unknown = z3.And(z3.Or(one.unknown, other.unknown), z3.Not(z3.Or(*wins)))
        return Known((z3.And if both else z3.Or)(one.value, other.value), unknown)

    def _cased(self, text: Any, lower: bool) -> Any:
        text = z3.simplify(text)
        if z3.is_app_of(text, z3.Z3_OP_ITE):
            which, one, other = text.children()
            return z3.If(which, self._cased(one, lower), self._cased(other, lower))
        if z3.is_string_value(text) and text.as_string().isascii() and "\\" not in text.as_string():
            plain = text.as_string()
            return z3.StringVal(plain.lower() if lower else plain.upper())
        made = (_LOWER if lower else _UPPER)(text)
        # No capital is left in lower case, nor the other way round.
        letters = z3.Range("A", "Z") if lower else z3.Range("a", "z")
        self.facts.append(
            z3.InRe(
                made, z3.Star(z3.Intersect(z3.AllChar(z3.ReSort(z3.StringSort())), z3.Complement(letters)))
            )
        )
        return made

    def _counted(self, unit: str, day: Any) -> Any:
        if unit == "day":
            return day
        day = z3.simplify(day)
        if z3.is_app_of(day, z3.Z3_OP_ITE):
            which, one, other = day.children()
            return z3.If(which, self._counted(unit, one), self._counted(unit, other))
        count, most = (_YEAR, 9999) if unit == "year" else (_MONTH, 9999 * 12 + 11)
        made = count(day)
        self.facts.append(made <= most)
        if z3.is_int_value(day):
            found = date.fromordinal(day.as_long())
            self.facts.append(made == (found.year if unit == "year" else found.year * 12 + found.month - 1))
        return made


def _alike(one: Any, other: Any) -> tuple[Any, Any]:
    """Two numbers of one sort."""
    if z3.is_arith(one) and one.sort() != other.sort():
        return (z3.ToReal(one), other) if one.is_int() else (one, z3.ToReal(other))
    return one, other


def _compared(operator: str, left: Known, right: Known) -> Known:
    one, other = _alike(left.value, right.value)
    value = {
        "eq": lambda: one == other, "ne": lambda: one != other, "lt": lambda: one < other, "le": lambda: one <= other,
        "gt": lambda: one > other, "ge": lambda: one >= other,
    }[operator]()  # fmt: skip
    return Known(value, z3.Or(left.unknown, right.unknown))


def _pattern(pattern: str) -> Any:
    sort = z3.ReSort(z3.StringSort())
    parts = [
        z3.Full(sort) if sign == "%" else z3.AllChar(sort) if sign == "_" else z3.Re(sign) for sign in pattern
    ]
    return z3.Re("") if not parts else parts[0] if len(parts) == 1 else z3.Concat(*parts)
