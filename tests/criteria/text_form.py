"""A predicate printed in the language of the manifest, by the printer of SQL: what it prints can be read again, so brackets and order are right."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from lsi_match.criteria.dialects import Dialect
from lsi_match.criteria.parse import FieldType, Predicate
from lsi_match.criteria.printer import _NOT, Printer

#: The language itself.
LANGUAGE = Dialect(
    product="", quote=("", ""), read={}, parameter="", set_parameter="",
    day="date_diff('day', {a}, {b})", month="date_diff('month', {a}, {b})", year="date_diff('year', {a}, {b})",
    length="length({x})", lower="lower({x})", upper="upper({x})",
)  # fmt: skip
_NEGATED = exp.In | exp.Is | exp.Like | exp.Between


class _Language(Printer):
    """Without brackets that are not needed, functions in lower case."""

    def _negation(self, node: exp.Expression) -> str:
        return super()._negation(node) if isinstance(node, _NEGATED) else f"NOT {self._within(node, _NOT)}"

    def _is(self, node: exp.Expression, negation: str) -> str:
        if isinstance(node.expression, exp.Null):
            return super()._is(node, negation)
        return f"{self._operand(node.this)} IS {negation}{'TRUE' if node.expression.this else 'FALSE'}"

    def _in(self, node: exp.Expression, negation: str) -> str:
        subject, *values = self._alike([node.this, *node.expressions])
        return f"{subject} {negation}IN ({', '.join(values)})"

    def _number(self, node: exp.Expression) -> tuple[str, int]:
        sql, scale = super()._number(node)
        return sql.replace("COALESCE(", "coalesce(", 1) if sql.startswith("COALESCE(") else sql, scale


def text_form(predicate: Predicate, fields: Mapping[str, FieldType]) -> str:
    """The predicate as the manifest would write it."""
    return _Language(LANGUAGE, fields).condition(predicate.tree)
