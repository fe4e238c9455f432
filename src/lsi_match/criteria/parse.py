"""The criteria language: SQL predicates over declared fields, and nothing else of SQL.

A criterion is agreed as text in the manifest. `sqlglot` parses it and one walk over the tree checks that it is
made of allowed parts only and that the types fit; the walk below *is* the list of what is allowed. What it
does not name is refused: no subquery, no clock, no randomness, no file, no function beyond those in
`FUNCTIONS`, no comment that could hide something from a reader, no field that the manifest does not declare.

Unknown (NULL) follows SQL's three-valued logic: a record passes a criterion only when it is *true*, so a
record with an unknown value in a compared field does not pass, unless the criterion says `IS NULL`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Literal

import sqlglot
from sqlglot import Token, TokenType, exp
from sqlglot.errors import SqlglotError

from lsi_match.base.catalogue import word
from lsi_match.base.errors import Language, LsiError, words
from lsi_match.base.validation import NAME


class Unit(StrEnum):
    """What a case is about."""

    PERSON = "person"
    ADDRESS = "address"
    ENTERPRISE = "enterprise"


#: The date a round looks at. A parameter of every predicate, never the clock.
REFERENCE_DATE = "peildatum"

FIELD_NAME = re.compile(NAME)
_DATE_UNITS = {"DAY", "MONTH", "YEAR"}
_DUCKDB = sqlglot.Dialect.get_or_raise("duckdb")
#: How deep expressions may stand in each other. A row of ANDs counts each of them.
_MAX_DEPTH = 60
#: Decimals of a product: three amounts, or two amounts and a factor. Engines round, or stop, beyond what they can hold.
_MAX_DECIMALS = 12
#: Brackets within brackets. A fixed bound, so that what is allowed does not hang on how deep the caller stands.
_MAX_BRACKETS = 12


class FieldType(StrEnum):
    """What a declared field holds."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DATE = "date"
    BOOLEAN = "boolean"


class CriterionError(LsiError):
    """A predicate that is not in the criteria language. `column` counts from 1, and is 0 or absent when the place is not known."""

    def text(self, language: Language = "nl") -> str:
        """With a mark under the place, where it is known."""
        said = super().text(language)
        criterion, column = str(self.facts["criterion"]), int(self.facts.get("column", 0))
        if 0 < column <= len(criterion) and "\n" not in criterion:
            said += f"\n  {criterion}\n  {' ' * (column - 1)}^"
        return said


class CriterionSyntaxError(CriterionError): ...


class CriterionForbiddenError(CriterionError): ...


class CriterionTypeError(CriterionError): ...


@dataclass(frozen=True)
class Predicate:
    """A parsed, allowed, type-checked predicate.

    Attributes:
        text: as it stands in the manifest.
        fields: the declared fields it looks at, sorted (the reference date is not one of them).
        tree: the parse, from which everything else is made.
    """

    text: str
    fields: tuple[str, ...]
    tree: exp.Expression

    def sql(self, dialect: str = "duckdb") -> str:
        """The predicate in the SQL of `dialect`, every field name quoted."""
        return self.tree.sql(dialect=dialect, identify=True)

    def compared_texts(self) -> Iterator[tuple[str, str]]:
        """(field, text) of every comparison of a field with a whole text: `=`, `<>` and `IN`."""
        return self._compared(exp.EQ, exp.NEQ, exp.In)

    def asks_empty(self) -> frozenset[str]:
        """The fields of which it asks whether they are empty, to count who has nothing: `IS NULL`, `coalesce`."""
        null = (one for one in self.tree.find_all(exp.Is) if not isinstance(one.parent, exp.Not))
        asking = (*null, *self.tree.find_all(exp.Coalesce))
        return frozenset(column.name for one in asking for column in one.find_all(exp.Column)) & {
            *self.fields
        }

    def compared_patterns(self) -> Iterator[tuple[str, str]]:
        """(field, pattern) of every `LIKE`."""
        return self._compared(exp.Like)

    def wanted(self) -> Iterator[tuple[str, str]]:
        """(field, text or pattern) of every comparison that is no denial: a record that meets this has such a text."""
        return self._compared(exp.EQ, exp.In, exp.Like, denied=False)

    def bounds(self) -> Iterator[tuple[str, float]]:
        """(field, number) of every comparison of a field with a number that says more or less than it."""
        for node in self.tree.find_all(exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between):
            numbers = [one for one in node.find_all(exp.Literal) if not one.is_string]
            fields = [
                one.name for one in (node.this, node.args.get("expression")) if isinstance(one, exp.Column)
            ]
            yield from ((name, float(str(one.this))) for name in fields for one in numbers)

    def _compared(self, *by: type[exp.Expression], denied: bool = True) -> Iterator[tuple[str, str]]:
        for node in self.tree.find_all(*by):
            if not denied and node.find_ancestor(exp.Not):
                continue
            sides = [
                side.unnest() for side in (node.this, node.args.get("expression"), *node.expressions) if side
            ]
            texts = [str(side.this) for side in sides if isinstance(side, exp.Literal) and side.is_string]
            yield from ((side.name, text) for side in sides if isinstance(side, exp.Column) for text in texts)


def parse_predicate(text: str, fields: Mapping[str, FieldType]) -> Predicate:
    """Parse `text` as a predicate over `fields` (name → type).

    Raises:
        CriterionSyntaxError: not one SQL expression.
        CriterionForbiddenError: an expression outside the language.
        CriterionFieldError: a field that is not declared.
        CriterionTypeError: types that cannot be compared, or a result that is not true or false.
    """
    return _predicate(text, frozenset(fields.items()))


@lru_cache(maxsize=1024)  # a manifest reads each of its predicates several times
def _predicate(text: str, fields: frozenset[tuple[str, FieldType]]) -> Predicate:
    tree, _ = _parse(text)
    checker = _Checker(text, {**dict(fields), REFERENCE_DATE: FieldType.DATE})
    result = checker.type_of(tree)
    if result is not FieldType.BOOLEAN:
        raise CriterionTypeError.because("criteria.no_truth", criterion=text)
    return Predicate(text, tuple(sorted(checker.used - {REFERENCE_DATE})), _read_in_full(text))


#: The spaces of Unicode (category Zs) beside U+0020.
SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"


def one_form(text: str) -> str:
    """A text as criteria compare it: a letter and its mark as one character (NFC), and one kind of space."""
    return unicodedata.normalize("NFC", text.translate(dict.fromkeys(map(ord, SPACES), " ")))


def _too_deep(text: str) -> CriterionError:
    return CriterionForbiddenError.because("criteria.too_deep", criterion=text[:40] + "…")


@lru_cache(maxsize=1024)  # groups are written alike for every selection, whatever fields it has
def _parse(text: str) -> tuple[exp.Expression, list[Token]]:
    if len(text) > 4000:
        raise CriterionForbiddenError.because("criteria.too_long", criterion=text[:40] + "…")
    if any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" for c in text):
        raise CriterionForbiddenError.because("criteria.control_character", criterion="…")
    unquoted = outside_quotes(text)
    strange = next((at for at, sign in enumerate(unquoted) if not sign.isascii()), None)
    if strange is not None:
        sign = f"U+{ord(text[strange]):04X} {unicodedata.name(text[strange], '')}".strip()
        raise CriterionForbiddenError.because(
            "criteria.strange_letter", sign=sign, criterion=text, column=strange + 1
        )
    mark = re.search(r"--|/\*|\*/|#|//|;|\$|\{|@|\\|`|\"", unquoted)
    if mark:
        raise CriterionForbiddenError.because(
            "criteria.strange_token", criterion=text, column=mark.start() + 1
        )
    if _brackets(unquoted) > _MAX_BRACKETS:
        raise _too_deep(text)
    _closed(text, unquoted)
    try:
        tokens = _DUCKDB.tokenize(text)
        trees = _DUCKDB.parser().parse_into(exp.Condition, tokens, text)
    except SqlglotError as error:
        details = (getattr(error, "errors", None) or [{}])[0]
        # The parser tells where the word ends that it stumbled over.
        end, word = int(details.get("col") or 0), str(details.get("highlight") or "")
        column = max(end - len(word) + 1, 1) if end else 0
        stops = end >= len(text.rstrip()) and re.search(_UNFINISHED, text, re.IGNORECASE)
        unfinished = stops or "missing" in str(error)
        key = "criteria.unfinished" if unfinished else "criteria.unexpected"
        raise CriterionSyntaxError.because(key, criterion=text, column=column) from None
    except RecursionError:
        raise _too_deep(text) from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        # The parser stumbles over some texts instead of refusing them.
        raise CriterionSyntaxError.because("criteria.unreadable", criterion=text, column=0) from None
    if len(trees) != 1 or not isinstance(trees[0], exp.Expression):
        raise CriterionSyntaxError.because("criteria.one_expression", criterion=text, column=0)
    if _depth(trees[0]) > _MAX_DEPTH:
        raise _too_deep(text)
    if any(node.comments for node in trees[0].walk()):
        raise CriterionForbiddenError.because("criteria.comment", criterion=text)
    return trees[0].transform(_negation_outside, copy=False), tokens


def _closed(text: str, unquoted: str) -> None:
    """Refuse a quote or bracket that is not closed, or closed without being opened, where it stands."""
    if unquoted.count("'") % 2:
        # Pairs are quoted texts; what stands after the last of them is the one that is open.
        column = re.sub(r"'[^']*'", lambda quoted: " " * len(quoted[0]), unquoted).index("'") + 1
        raise CriterionSyntaxError.because("criteria.open_quote", criterion=text, column=column)
    opened = []
    for at, sign in enumerate(unquoted):
        if sign == "(":
            opened.append(at)
        elif sign == ")" and not opened:
            raise CriterionSyntaxError.because("criteria.closes_nothing", criterion=text, column=at + 1)
        elif sign == ")":
            opened.pop()
    if opened:
        raise CriterionSyntaxError.because("criteria.open_bracket", criterion=text, column=opened[-1] + 1)


@lru_cache(maxsize=1024)
def _read_in_full(text: str) -> exp.Expression:
    """What was read in a text, its values in one form; refuses a text that is not what was read in it.

    The parser is lenient: it passes over words that it does not need (a fourth argument, a `+`), fills in those that
    are missing (the AND of BETWEEN) and knows other names for things. What is signed is the text, and what
    runs is the tree, so the tree has to hold the same words in the same order. Only NOT and DATE may have moved.
    """
    tree, tokens = _parse(text)
    printed = tree.sql(dialect="duckdb")
    if _words(tokens) != _words(_DUCKDB.tokenize(printed)) or re.search(_ODD, outside_quotes(text)):
        raise CriterionForbiddenError.because("criteria.read_otherwise", value=printed[:200], criterion=text)
    return tree.transform(_in_one_form)


def _words(tokens: Iterable[Token]) -> tuple[list[str], dict[str, int]]:
    """The words of a text in order (from its tokens), and how often those occur that may stand elsewhere."""
    words = [
        f"'{token.text.upper()}'" if token.token_type is TokenType.STRING else token.text.upper()
        for token in tokens
    ]
    words = ["<>" if word == "!=" else word for word in words]
    return [word for word in words if word not in _MOVING], {x: words.count(x) for x in ("NOT", "DATE")}


#: Other orders, other ways to write a number, and `!=-`, which databases read as one sign: what the words do not tell.
_ODD = re.compile(r"\bNOT\s+IS\b|\b\d+_|!=-", re.IGNORECASE)
#: Nothing ends with these: something has to follow.
_UNFINISHED = r"(\b(AND|OR|NOT|IN|IS|LIKE|BETWEEN)|[=<>+*(,-])\s*$"
#: `x NOT IN y` is printed as NOT x IN y, `DATE 'x'` as CAST('x' AS DATE), and brackets are added.
_MOVING = {"NOT", "DATE", "CAST", "AS", "(", ")"}


def outside_quotes(text: str) -> str:
    """The text with what stands in quotes blanked out, so that places in it stay the same."""
    return re.sub(r"'(?:[^']|'')*'", lambda quoted: f"'{' ' * (len(quoted[0]) - 2)}'", text)


def _brackets(text: str) -> int:
    deepest = depth = 0
    for sign in text:
        depth += (sign == "(") - (sign == ")")
        deepest = max(deepest, depth)
    return deepest


def _depth(tree: exp.Expression) -> int:
    depth: dict[int, int] = {}
    for node in tree.walk():
        depth[id(node)] = depth.get(id(node.parent), 0) + 1
    return max(depth.values())


def _in_one_form(node: exp.Expression) -> exp.Expression:
    return (
        exp.Literal.string(one_form(node.this)) if isinstance(node, exp.Literal) and node.is_string else node
    )


def _negation_outside(node: exp.Expression) -> exp.Expression:
    """`x NOT LIKE y` as NOT (x LIKE y), the way sqlglot already reads NOT IN and NOT BETWEEN."""
    if isinstance(node, exp.Like) and node.args.get("negate"):
        return exp.Not(this=exp.Like(this=node.this, expression=node.expression))
    return node


#: Comparisons, and how each is written.
COMPARISONS: dict[type[exp.Expression], Literal["=", "<>", "<", "<=", ">", ">="]] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_ORDERED = (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between)
_NUMBERS = (FieldType.INTEGER, FieldType.DECIMAL)
#: What is true, false or unknown by itself. Inside a comparison it stands in brackets: how `a = b IS NULL` and
#: `a = b = c` are read differs from engine to engine, and some refuse them.
CONDITIONS: tuple[type[exp.Expression], ...] = (
    exp.And,
    exp.Or,
    exp.Not,
    *COMPARISONS,
    exp.Between,
    exp.In,
    exp.Is,
    exp.Like,
)


def _dutch(kind: FieldType) -> str:
    return word("typed", kind, "nl")


class _Checker:
    """Walks a tree once; knows every allowed kind of node; collects the fields used."""

    def __init__(self, text: str, fields: Mapping[str, FieldType]) -> None:
        self.text = text
        self.fields = fields
        self.used: set[str] = set()

    def type_of(self, node: exp.Expression) -> FieldType:
        handler = _HANDLERS.get(type(node))
        if handler is None:
            raise CriterionForbiddenError(criterion=self.text, **self._quoted(node))
        extra = {k for k, v in node.args.items() if v not in (None, False, [])} - _ALLOWED_ARGS.get(
            type(node), _PLAIN
        )
        if extra:
            raise CriterionForbiddenError(criterion=self.text, **self._quoted(node))
        return handler(self, node)

    def _mistyped(self, key: str, /, **facts: str) -> CriterionError:
        return CriterionTypeError.because(key, criterion=self.text, **facts)

    def _forbidden(self, key: str, /, **facts: str) -> CriterionError:
        return CriterionForbiddenError.because(key, criterion=self.text, **facts)

    def _quoted(self, node: exp.Expression) -> dict[str, str]:
        said = f"'{node.sql()[:60]}'"
        return words("problem", said, said)

    def _bracketed(self, *nodes: exp.Expression) -> None:
        for node in nodes:
            if isinstance(node, CONDITIONS):
                raise self._forbidden("criteria.no_brackets", part=node.sql()[:60])

    def _need(self, node: exp.Expression, *wanted: FieldType) -> FieldType:
        found = self.type_of(node)
        if found not in wanted:
            raise self._mistyped(
                "criteria.other_type",
                part=node.sql()[:60],
                found=found.value,
                found_nl=_dutch(found),
                wanted=" or ".join(wanted),
                wanted_nl=" of ".join(map(_dutch, wanted)),
            )
        return found

    def _same(self, *nodes: exp.Expression, ordered: bool = False) -> FieldType:
        kinds = [self.type_of(node) for node in nodes]
        groups = {"number" if kind in _NUMBERS else kind.value for kind in kinds}
        if len(groups) > 1:
            raise self._mistyped(
                "criteria.compared",
                part=nodes[0].sql()[:60],
                first=kinds[0].value,
                first_nl=_dutch(kinds[0]),
                other=kinds[-1].value,
                other_nl=_dutch(kinds[-1]),
            )
        if ordered and groups & {"boolean", "text"}:
            # The order of text depends on the collation of each database, so it is not agreed by the text alone.
            raise self._mistyped("criteria.no_order", part=nodes[0].sql()[:60])
        return FieldType.DECIMAL if FieldType.DECIMAL in kinds else kinds[0]

    def logic(self, node: exp.Expression) -> FieldType:
        for child in (node.this, node.args.get("expression")):
            if child is not None:
                self._need(child, FieldType.BOOLEAN)
        return FieldType.BOOLEAN

    def comparison(self, node: exp.Expression) -> FieldType:
        self._bracketed(node.this, node.expression)
        self._same(node.this, node.expression, ordered=isinstance(node, _ORDERED))
        return FieldType.BOOLEAN

    def between(self, node: exp.Expression) -> FieldType:
        self._same(node.this, node.args["low"], node.args["high"], ordered=True)
        return FieldType.BOOLEAN

    def listed(self, node: exp.Expression) -> FieldType:
        if not node.expressions:
            raise self._forbidden("criteria.empty_in")
        for value in node.expressions:
            negative = isinstance(value, exp.Neg) and not value.find(exp.Column, exp.Func)
            if not (negative or isinstance(value, exp.Literal | exp.Cast)):
                raise self._forbidden("criteria.in_others")
            self._same(node.this, value)
        return FieldType.BOOLEAN

    def is_(self, node: exp.Expression) -> FieldType:
        self._bracketed(node.this)
        if isinstance(node.expression, exp.Null):
            self.type_of(node.this)
        elif isinstance(node.expression, exp.Boolean):
            self._need(node.this, FieldType.BOOLEAN)
        else:
            raise self._forbidden("criteria.is_others")
        return FieldType.BOOLEAN

    def same_type(self, node: exp.Expression) -> FieldType:
        return self.type_of(node.this)

    def negative(self, node: exp.Expression) -> FieldType:
        return self._need(node.this, *_NUMBERS)

    def arithmetic(self, node: exp.Expression) -> FieldType:
        kinds = {self._need(node.this, *_NUMBERS), self._need(node.expression, *_NUMBERS)}
        if self._decimals(node) > _MAX_DECIMALS:
            raise self._forbidden("criteria.too_many_decimals", most=str(_MAX_DECIMALS))
        return FieldType.DECIMAL if FieldType.DECIMAL in kinds else FieldType.INTEGER

    def _decimals(self, node: exp.Expression) -> int:
        """How many decimals a number can have."""
        if isinstance(node, exp.Literal):
            return len(node.this.partition(".")[2])
        if isinstance(node, exp.Column):
            return 4 if self.fields[node.name] is FieldType.DECIMAL else 0
        if isinstance(node, exp.Length | exp.DateDiff):
            return 0
        parts = [self._decimals(part) for part in node.iter_expressions()]
        return sum(parts) if isinstance(node, exp.Mul) else max(parts)

    def column(self, node: exp.Expression) -> FieldType:
        name = node.this.this if isinstance(node.this, exp.Identifier) else ""
        if name not in self.fields or not FIELD_NAME.match(name):
            written = re.search(rf"\b{re.escape(name)}\b", outside_quotes(self.text)) if name else None
            column = written.start() + 1 if written else 0
            raise CriterionError(
                "CriterionFieldError", criterion=self.text, field=name or node.sql()[:60], column=column
            )
        self.used.add(name)
        return self.fields[name]

    def literal(self, node: exp.Expression) -> FieldType:
        if node.args["is_string"]:
            return FieldType.TEXT
        if not re.fullmatch(r"(0|[1-9]\d{0,14})(\.\d{1,6})?", node.this):
            raise self._forbidden("criteria.number", part=node.this[:40])
        return FieldType.DECIMAL if "." in node.this else FieldType.INTEGER

    def boolean(self, node: exp.Expression) -> FieldType:
        return FieldType.BOOLEAN

    def date_literal(self, node: exp.Expression) -> FieldType:
        value, kind = node.this, node.args["to"]
        if not (kind.this == exp.DType.DATE and isinstance(value, exp.Literal) and value.is_string):
            raise self._forbidden("criteria.cast")
        try:
            datetime.strptime(value.this, "%Y-%m-%d")
            written_in_full = len(value.this) == 10
        except ValueError:
            written_in_full = False
        if not written_in_full:
            raise self._mistyped("criteria.no_date")
        return FieldType.DATE

    def date_diff(self, node: exp.Expression) -> FieldType:
        unit = str(node.args.get("unit") or "").upper()
        if unit not in _DATE_UNITS:
            raise self._forbidden("criteria.date_diff")
        self._need(node.this, FieldType.DATE)
        self._need(node.expression, FieldType.DATE)
        return FieldType.INTEGER

    def text_function(self, node: exp.Expression) -> FieldType:
        self._need(node.this, FieldType.TEXT)
        return FieldType.TEXT

    def length(self, node: exp.Expression) -> FieldType:
        self._need(node.this, FieldType.TEXT)
        return FieldType.INTEGER

    def like(self, node: exp.Expression) -> FieldType:
        self._need(node.this, FieldType.TEXT)
        if not (isinstance(node.expression, exp.Literal) and node.expression.is_string):
            raise self._forbidden("criteria.like")
        return FieldType.BOOLEAN

    def coalesce(self, node: exp.Expression) -> FieldType:
        return self._same(node.this, *node.expressions)


#: Functions of the language, as a reader writes them; all others are refused.
FUNCTIONS = ("date_diff", "coalesce", "lower", "upper", "length")

_HANDLERS: dict[type[exp.Expression], Callable[[_Checker, exp.Expression], FieldType]] = {
    exp.And: _Checker.logic,
    exp.Or: _Checker.logic,
    exp.Not: _Checker.logic,
    **dict.fromkeys(COMPARISONS, _Checker.comparison),
    exp.Between: _Checker.between,
    exp.In: _Checker.listed,
    exp.Is: _Checker.is_,
    exp.Like: _Checker.like,
    exp.Paren: _Checker.same_type,
    exp.Neg: _Checker.negative,
    exp.Add: _Checker.arithmetic,
    exp.Sub: _Checker.arithmetic,
    exp.Mul: _Checker.arithmetic,
    exp.Column: _Checker.column,
    exp.Literal: _Checker.literal,
    exp.Boolean: _Checker.boolean,
    exp.Cast: _Checker.date_literal,
    exp.DateDiff: _Checker.date_diff,
    exp.Coalesce: _Checker.coalesce,
    exp.Lower: _Checker.text_function,
    exp.Upper: _Checker.text_function,
    exp.Length: _Checker.length,
}

_PLAIN = {"this", "expression"}
_ALLOWED_ARGS: dict[type[exp.Expression], set[str]] = {
    exp.Between: {"this", "low", "high"},
    exp.In: {"this", "expressions"},
    exp.Cast: {"this", "to"},
    exp.Literal: {"this", "is_string"},
    exp.DateDiff: {"this", "expression", "unit", "date_part_boundary"},
    exp.Coalesce: {"this", "expressions"},
}
