"""A predicate as a condition in the SQL of a database.

Every expression is printed by the class below, construct by construct, and not by a general translator: what a
predicate means is fixed (see docs/criteria.md), and databases differ in exactly the places where a translation looks
the same. `dialects.DIALECTS` is the whole list of databases and says per database how each construct is written.
Where a database cannot be made to follow the language, `caveats` gathers it, for the head of the statement.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from lsi_match.base.errors import LsiError
from lsi_match.criteria.dialects import DIALECTS, Caveat, Dialect, LikeSyntax, Quotes
from lsi_match.criteria.parse import COMPARISONS, CONDITIONS, REFERENCE_DATE, FieldType


class StatementError(LsiError):
    """A statement that cannot be made."""


def dialect_named(name: str) -> Dialect:
    """The database of that name.

    Raises:
        UnknownDialectError: not in `DIALECTS`.
    """
    if name not in DIALECTS:
        raise StatementError("UnknownDialectError", dialect=name, known=", ".join(DIALECTS), problem=name)
    return DIALECTS[name]


# how tightly a construct binds; an operand that binds less goes between brackets
_OR, _AND, _NOT, _COMPARISON, _SUM, _PRODUCT, _SIGN, _ATOM = range(1, 9)
_LEVELS: dict[type[exp.Expression], int] = {
    exp.Or: _OR,
    exp.And: _AND,
    exp.Not: _NOT,
    exp.Add: _SUM,
    exp.Sub: _SUM,
    exp.Mul: _PRODUCT,
    exp.Neg: _SIGN,
}
_OPERATORS: dict[type[exp.Expression], str] = {**COMPARISONS, exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}
#: Oracle takes at most a thousand values in a list.
_LONGEST_LIST = 1000


def _bare(node: exp.Expression) -> exp.Expression:
    while isinstance(node, exp.Paren) or (isinstance(node, exp.Coalesce) and not node.expressions):
        node = node.this
    return node


@dataclass
class Printer:
    dialect: Dialect
    fields: Mapping[str, FieldType]
    caveats: set[Caveat] = field(default_factory=set)

    # conditions

    def condition(self, node: exp.Expression) -> str:
        """Something that is true, false or unknown, where a condition is asked for."""
        node = _bare(node)
        if isinstance(node, exp.And | exp.Or):
            word, level = (" AND ", _AND) if isinstance(node, exp.And) else (" OR ", _OR)
            return word.join((self._within(node.this, level), self._within(node.expression, level + 1)))
        if isinstance(node, exp.Not):
            return self._negation(_bare(node.this))
        if isinstance(node, CONDITIONS):
            return self._test(node, "")
        # a boolean field, TRUE, FALSE or coalesce
        if self.dialect.booleans:
            return self.value(node)
        if isinstance(node, exp.Boolean):
            return "1 = 1" if node.this else "1 = 0"
        return f"{self.value(node)} = 1"

    def _within(self, node: exp.Expression, level: int) -> str:
        return self._bracketed(self.condition(node), self._level(node, condition=True) < level)

    @staticmethod
    def _bracketed(sql: str, needed: bool) -> str:
        return f"({sql})" if needed else sql

    def _level(self, node: exp.Expression, *, condition: bool = False) -> int:
        node = _bare(node)
        if isinstance(node, exp.Not) and isinstance(
            _bare(node.this), exp.In | exp.Is | exp.Like | exp.Between
        ):
            return _COMPARISON
        if isinstance(node, CONDITIONS):
            return _LEVELS.get(type(node), _COMPARISON)
        if condition and not self.dialect.booleans:
            return _COMPARISON
        return _LEVELS.get(type(node), _ATOM)

    def _negation(self, node: exp.Expression) -> str:
        if isinstance(node, exp.In | exp.Is | exp.Like | exp.Between):
            return self._test(node, "NOT ")
        return f"NOT {self._within(node, _ATOM)}"

    def _test(self, node: exp.Expression, negation: str) -> str:
        if isinstance(node, exp.Is):
            return self._is(node, negation)
        if isinstance(node, exp.Like):
            return self._like(node, negation)
        if isinstance(node, exp.In):
            return self._in(node, negation)
        if isinstance(node, exp.Between):
            middle, low, high = self._alike([node.this, node.args["low"], node.args["high"]])
            return f"{middle} {negation}BETWEEN {low} AND {high}"
        left, right = self._alike([node.this, node.expression])
        return f"{left} {_OPERATORS[type(node)]} {right}"

    def _is(self, node: exp.Expression, negation: str) -> str:
        if isinstance(node.expression, exp.Null):
            return f"{self._operand(node.this)} IS {negation}NULL"
        truth = bool(node.expression.this)
        inner = self.condition(node.this)
        if not truth:
            inner = f"NOT ({inner})"
        return f"CASE WHEN {inner} THEN 1 ELSE 0 END = {0 if negation else 1}"

    def _in(self, node: exp.Expression, negation: str) -> str:
        subject, *values = self._alike([node.this, *node.expressions])
        lists = [
            f"{subject} {negation}IN ({', '.join(values[start : start + _LONGEST_LIST])})"
            for start in range(0, len(values), _LONGEST_LIST)
        ]
        return lists[0] if len(lists) == 1 else f"({(' AND ' if negation else ' OR ').join(lists)})"

    def _like(self, node: exp.Expression, negation: str) -> str:
        subject, pattern = _bare(node.this), str(node.expression.this)
        self.caveats.add(Caveat.TEXT)
        if "_" in pattern:
            self.caveats.add(Caveat.UNDERSCORE)
        known, last = self._alternatives(subject)
        if self.dialect.empty and last == "":
            return f"{negation}({self._like_or_empty(known, pattern)})"
        left = self._exactly(self._operand(subject), [subject])
        return f"{left} {negation}{'GLOB' if self.dialect.like is LikeSyntax.GLOB else 'LIKE'} {self._pattern(pattern)}"

    def _like_or_empty(self, known: str, pattern: str) -> str:
        """LIKE of a text that is empty, and not unknown, where `known` is unknown."""
        matches = not pattern.strip("%")
        if not known:
            return "1 = 1" if matches else "1 = 0"
        liked = f"{known} LIKE {self._text(pattern)}"
        return f"{liked} OR {known} IS NULL" if matches else f"{liked} AND {known} IS NOT NULL"

    # values

    def value(self, node: exp.Expression) -> str:
        """Something with a value: a text, number, date, or a boolean as the database keeps it."""
        node = _bare(node)
        if isinstance(node, CONDITIONS):
            return self._boolean_value(node)
        return self._number(node)[0]

    def _boolean_value(self, node: exp.Expression) -> str:
        condition = self.condition(node)
        if self.dialect.booleans:
            return condition
        never_unknown = isinstance(_bare(node.this) if isinstance(node, exp.Not) else node, exp.Is)
        if never_unknown:
            return f"CASE WHEN {condition} THEN 1 ELSE 0 END"
        return f"CASE WHEN {condition} THEN 1 WHEN NOT ({condition}) THEN 0 END"

    def _operand(self, node: exp.Expression, level: int = _SUM) -> str:
        return self._bracketed(self.value(node), self._value_level(node) < level)

    def _value_level(self, node: exp.Expression) -> int:
        if isinstance(_bare(node), CONDITIONS) and not self.dialect.booleans:
            return _ATOM
        return self._level(node)

    def _number(self, node: exp.Expression) -> tuple[str, int]:
        """A value and, where decimals are kept as whole numbers, how many of its digits are decimals."""
        node = _bare(node)
        if isinstance(node, exp.Column):
            return self.name(node.name), self._column(node.name)
        if isinstance(node, exp.Literal):
            return self._literal(node)
        if isinstance(node, exp.Boolean):
            if self.dialect.booleans:
                return ("TRUE" if node.this else "FALSE"), 0
            return ("1" if node.this else "0"), 0
        if isinstance(node, exp.Cast):
            return self.dialect.date.format(d=node.this.this), 0
        if isinstance(node, exp.Neg):
            self.caveats.add(Caveat.WHOLE_NUMBERS)
            sql, scale = self._number(node.this)
            sql = self._bracketed(sql, self._level(node.this) < _SIGN)
            return f"-{' ' if sql.startswith('-') else ''}{sql}", scale
        if isinstance(node, exp.Add | exp.Sub | exp.Mul):
            return self._arithmetic(node)
        if isinstance(node, exp.DateDiff):
            return self._date_diff(node), 0
        if isinstance(node, exp.Coalesce):
            found, scale = self._same_scale([node.this, *node.expressions])
            return f"COALESCE({', '.join(sql for sql, _ in found)})", scale
        return self._text_function(node), 0

    def _column(self, name: str) -> int:
        kind = FieldType.DATE if name == REFERENCE_DATE else self.fields[name]
        if kind in (FieldType.DATE, FieldType.DECIMAL):
            self.caveats.add(Caveat.DATE if kind is FieldType.DATE else Caveat.DECIMAL)
        return 4 if kind is FieldType.DECIMAL and self.dialect.tenths else 0

    def _literal(self, node: exp.Expression) -> tuple[str, int]:
        if node.args["is_string"]:
            return self._text(node.this), 0
        whole, _, decimals = str(node.this).partition(".")
        if not decimals:
            return str(int(whole)), 0
        if self.dialect.tenths:
            return str(int(whole + decimals)), len(decimals)
        return self.dialect.number.format(x=f"{int(whole)}.{decimals}"), 0

    def _arithmetic(self, node: exp.Expression) -> tuple[str, int]:
        self.caveats.add(Caveat.WHOLE_NUMBERS)
        if isinstance(node, exp.Mul) and sum(map(self._amounts, (node.this, node.expression))) > 2:
            self.caveats.add(Caveat.PRODUCT)
        level = _PRODUCT if isinstance(node, exp.Mul) else _SUM
        (left, left_scale), (right, right_scale) = self._number(node.this), self._number(node.expression)
        scale = left_scale + right_scale
        left_level, right_level = self._level(node.this), self._level(node.expression)
        if not isinstance(node, exp.Mul):
            scale = max(left_scale, right_scale)
            left, left_level = self._scaled(left, left_level, scale - left_scale)
            right, right_level = self._scaled(right, right_level, scale - right_scale)
        if self.dialect.wide and not (self._is_wide(node.this) or self._is_wide(node.expression)):
            left, left_level = self.dialect.wide.format(x=left), _ATOM
        left = self._bracketed(left, left_level < level)
        right = self._bracketed(right, right_level <= level)
        return f"{left} {_OPERATORS[type(node)]} {right}", scale

    def _scaled(self, sql: str, level: int, digits: int) -> tuple[str, int]:
        if not digits:
            return sql, level
        if re.fullmatch(r"\d+", sql):
            return str(int(sql + "0" * digits)), _ATOM
        return f"{self._bracketed(sql, level < _PRODUCT)} * {10**digits}", _PRODUCT

    def _amounts(self, node: exp.Expression) -> int:
        """How many factors with decimals there are in a product."""
        node = _bare(node)
        if isinstance(node, exp.Mul):
            return self._amounts(node.this) + self._amounts(node.expression)
        if isinstance(node, exp.Neg):
            return self._amounts(node.this)
        if isinstance(node, exp.Column):
            return int(self.fields.get(node.name) is FieldType.DECIMAL)
        if isinstance(node, exp.Literal):
            return int("." in node.this)
        return max((self._amounts(child) for child in node.iter_expressions()), default=0)

    def _is_wide(self, node: exp.Expression) -> bool:
        """Whether the database keeps this number in 64 bits or more by itself."""
        node = _bare(node)
        if isinstance(node, exp.Literal):
            return "." in node.this or int(node.this) >= 2**31
        if isinstance(node, exp.Coalesce):
            return any(self._is_wide(x) for x in (node.this, *node.expressions))
        if isinstance(node, exp.Neg):
            return self._is_wide(node.this)
        return not isinstance(node, exp.Length | exp.DateDiff)

    def _date_diff(self, node: exp.Expression) -> str:
        unit = str(node.args["unit"]).lower()
        if unit == "day":
            self.caveats.add(Caveat.DAYS)
        template = {"day": self.dialect.day, "month": self.dialect.month, "year": self.dialect.year}[unit]
        # date_diff(unit, from, to) is parsed as the difference `to` - `from`.
        return template.format(a=self._operand(node.expression), b=self._operand(node.this))

    def _same_scale(self, nodes: list[exp.Expression]) -> tuple[list[tuple[str, int]], int]:
        """Values, each with how tightly it binds, and how many of their digits are decimals."""
        found = [
            (self.value(node), 0) if isinstance(_bare(node), CONDITIONS) else self._number(node)
            for node in nodes
        ]
        most = max(scale for _, scale in found)
        return [
            self._scaled(sql, self._value_level(node), most - scale)
            for node, (sql, scale) in zip(nodes, found, strict=True)
        ], most

    def _alike(self, nodes: list[exp.Expression]) -> list[str]:
        """The sides of a comparison, such that they compare as the language says."""
        found, _ = self._same_scale(nodes)
        sides = [self._bracketed(sql, level < _SUM) for sql, level in found]
        if not self._is_text(nodes[0]):
            return sides
        self.caveats.add(Caveat.TEXT)
        literals = [literal for node in nodes for literal in node.find_all(exp.Literal)]
        if self.dialect.pads and any(str(literal.this).endswith(" ") for literal in literals):
            sides = [f"({self.dialect.append.format(x=side)})" for side in sides]
        return [self._exactly(sides[0], nodes), *sides[1:]]

    def _exactly(self, sql: str, nodes: list[exp.Expression]) -> str:
        """The left side of a comparison of texts, compared sign by sign."""
        if not any(node.find(exp.Column) for node in nodes):
            sql = self.dialect.constant.format(x=sql)
        return self.dialect.exactly.format(x=sql)

    # texts

    def _is_text(self, node: exp.Expression) -> bool:
        node = _bare(node)
        if isinstance(node, exp.Column):
            return self.fields.get(node.name) is FieldType.TEXT
        if isinstance(node, exp.Coalesce):
            return self._is_text(node.this)
        return isinstance(node, exp.Lower | exp.Upper) or (isinstance(node, exp.Literal) and node.is_string)

    def _text(self, text: str) -> str:
        """A text between quotes."""
        if text == "" and self.dialect.empty:
            return self.dialect.empty
        if "\\" in text:
            self.caveats.add(Caveat.BACKSLASH)
        quotes = self.dialect.quotes
        if quotes is Quotes.ESCAPED:
            escapes = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t"}
            return f"'{''.join(escapes.get(sign, sign) for sign in text)}'"
        doubled = text.replace("'", "''")
        if quotes is Quotes.DOUBLED_BACKSLASH:
            doubled = doubled.replace("\\", "\\\\")
        if quotes is Quotes.NATIONAL:
            # A backslash at the end of a line would join the lines.
            parts = doubled.split("\\\n")
            joined = "\\' + N'\n".join(parts)
            return f"N'{joined}'" if len(parts) == 1 else f"(N'{joined}')"
        return f"'{doubled}'"

    def _pattern(self, pattern: str) -> str:
        """What LIKE compares with; % and _ are the only signs with a meaning."""
        if self.dialect.like is LikeSyntax.BACKSLASH:
            pattern = pattern.replace("\\", "\\\\")
        elif self.dialect.like is LikeSyntax.BRACKETS:
            pattern = pattern.replace("[", "[[]")
        elif self.dialect.like is LikeSyntax.GLOB:
            globs = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
            pattern = "".join(globs.get(sign, sign) for sign in pattern)
        return self._text(pattern)

    def _text_function(self, node: exp.Expression) -> str:
        if isinstance(node, exp.Length):
            self.caveats.add(Caveat.LENGTH)
            known, last = self._alternatives(node.this)
            if self.dialect.empty and last == "":
                return f"COALESCE({self.dialect.length.format(x=known)}, 0)" if known else "0"
            return self.dialect.length.format(x=self._operand(node.this, _ATOM))
        self.caveats.add(Caveat.NOT_ASCII_CASE)
        return self._cased(node, self._operand(node.this, _ATOM))

    def _cased(self, node: exp.Expression, text: str) -> str:
        return (self.dialect.lower if isinstance(node, exp.Lower) else self.dialect.upper).format(x=text)

    def _alternatives(self, node: exp.Expression) -> tuple[str, str | None]:
        """Of a text that is the first known of some: the fields among them, and the literal that stands after them."""
        fields, last = self._first_known(node)
        return (f"COALESCE({', '.join(fields)})" if len(fields) > 1 else "".join(fields)), last

    def _first_known(self, node: exp.Expression) -> tuple[list[str], str | None]:
        node = _bare(node)
        if isinstance(node, exp.Literal):
            return [], str(node.this)
        if isinstance(node, exp.Column):
            return [self.name(node.name)], None
        if isinstance(node, exp.Lower | exp.Upper):
            fields, last = self._first_known(node.this)
            return [self._cased(node, x) for x in fields], last
        found: list[str] = []
        for one in (node.this, *node.expressions):
            fields, last = self._first_known(one)
            found += fields
            if last is not None:
                return found, last
        return found, None

    def name(self, name: str) -> str:
        before, after = self.dialect.quote
        return f"{before}{name.replace(after, after * 2) if after else name}{after}"
