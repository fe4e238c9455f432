"""Conditions as sentences and values as words, in Dutch and English; fields are called by their meaning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from lsi_match.base.errors import Language
from lsi_match.criteria import meaning as m
from lsi_match.criteria.letters import skeleton
from lsi_match.criteria.parse import REFERENCE_DATE, FieldType
from lsi_match.criteria.periods import Span, dates, example, period
from lsi_match.criteria.wording import (
    day,
    in_euros,
    in_quotes,
    listed,
    named,
    number,
    say,
    sentence,
    short_name,
)

#: The reference date of the examples that go with calendar months and years.
EXAMPLE_DATE = date(2026, 7, 15)


class Declared(Protocol):
    """What the manifest says about a field."""

    @property
    def meaning(self) -> str: ...
    @property
    def type(self) -> FieldType: ...


@dataclass(frozen=True)
class Line:
    """A sentence with the lines below it."""

    text: str
    lines: tuple[Line, ...] = ()


class Names:
    """What fields are called, from their declared meaning."""

    def __init__(self, fields: Mapping[str, Declared], lang: Language) -> None:
        self.lang = lang
        self.fields = fields
        short = {name: short_name(field.meaning)[0] for name, field in fields.items()}
        alike = Counter(map(skeleton, short.values()))
        self.short = {k: named(v) + (f" ({k})" if alike[skeleton(v)] > 1 else "") for k, v in short.items()}

    @property
    def types(self) -> dict[str, FieldType]:
        return {name: field.type for name, field in self.fields.items()}

    def name(self, field: m.FieldValue) -> str:
        return say(self.lang, "reference") if field.name == REFERENCE_DATE else self.short[field.name]

    def rest(self, field: str) -> str:
        return short_name(self.fields[field].meaning)[1]

    def euros(self, field: m.FieldValue) -> bool:
        return field.name in self.fields and in_euros(self.fields[field.name].meaning)

    def holds(self, field: m.FieldValue, truth: bool) -> str:
        return say(self.lang, "yes" if truth else "no", x=self.name(field))

    def counted(self, operator: str, field: m.FieldValue, value: Decimal) -> str | None:
        """A comparison that is not said with "is"; None when it is."""
        return None

    def together(self, fields: Sequence[m.FieldValue], every: bool) -> Line | None:
        """Several true fields in one line; None when each has its own."""
        return None


class Verbalizer:
    """Says conditions as lines and values as words within a line."""

    def __init__(self, names: Names, example_date: date = EXAMPLE_DATE) -> None:
        self.names = names
        self.lang = names.lang
        self.example_date = example_date

    def line(self, condition: m.Condition) -> Line:
        match condition:
            case m.All(parts):
                return self._group("all", parts)
            case m.AnyOf(parts):
                return self._group("any", parts)
            case m.Same(left, right, negated):
                return self._group("not_same" if negated else "same", (left, right))
            case m.FirstKnown(conditions):
                return self._group("first_known", conditions)
            case m.IsTrue(m.Holds(field, no), True):
                return self._say("not_no" if no else "not_yes", x=self.names.name(field))
            case m.IsTrue(inner, negated):
                return self._group("not_true" if negated else "is_true", (inner,))
            case m.Undecided(inner, negated):
                return self._group("decided" if negated else "undecided", (inner,))
            case m.Truth(value):
                return self._say("open" if value is None else "everybody" if value else "nobody")
            case m.Holds(field, negated):
                return Line(sentence(self.names.holds(field, not negated)))
            case m.Unknown(field, negated):
                return self._say("known" if negated else "unknown", x=self.names.name(field))
            case m.Compare(operator, left, right):
                return self._compare(operator, left, right)
            case m.Between(value, low, high, negated):
                return self._between(value, low, high, negated)
            case m.OneOf(value, values, negated):
                return self._one_of(value, values, negated)
            case m.Like(value, pattern, negated):
                return self._like(value, pattern, negated)

    def _say(self, key: str, **facts: str) -> Line:
        return Line(sentence(say(self.lang, key, **facts)))

    def _group(self, key: str, parts: Sequence[m.Condition]) -> Line:
        held = [p.field for p in parts if isinstance(p, m.Holds) and not p.negated]
        joined = self.names.together(held, key == "all") if key in ("all", "any") else None
        if joined is None:
            return Line(say(self.lang, key), tuple(map(self.line, parts)))
        others = [p for p in parts if not (isinstance(p, m.Holds) and p.field in held and not p.negated)]
        if not others:
            return joined
        return Line(say(self.lang, key), (joined, *map(self.line, others)))

    def _compare(self, operator: str, left: m.Value, right: m.Value) -> Line:
        if isinstance(left, m.FieldValue) and isinstance(right, m.Const) and isinstance(right.value, Decimal):
            said = self.names.counted(operator, left, right.value)
            if said is not None:
                return Line(sentence(said))
        if isinstance(left, m.DateDiff) and isinstance(right, m.Const) and isinstance(right.value, Decimal):
            whole = int(right.value)
            spans: dict[str, Span] = {
                "=": (whole, whole), "<>": (whole, whole), "<=": (None, whole), "<": (None, whole - 1),
                ">=": (whole, None), ">": (whole + 1, None),
            }  # fmt: skip
            if right.value == whole:
                said_period = self._period(left, spans[operator], operator == "<>", operator in "<>")
                if said_period is not None:
                    return said_period
        left, right, extra = self._without_case(left, [right])
        euro = self._euros(left) or self._euros(right)
        key = ("date" if _is_date(left) else "") + operator
        said = say(self.lang, key, x=self.value(left, euro), y=self.value(right, euro))
        return Line(sentence(said + extra))

    def _between(self, value: m.Value, low: m.Value, high: m.Value, negated: bool) -> Line:
        if isinstance(value, m.DateDiff) and isinstance(low, m.Const) and isinstance(high, m.Const):
            first, last = low.value, high.value
            if isinstance(first, Decimal) and isinstance(last, Decimal) and first <= last:
                if negated:
                    return self.line(m.any_of([m.compare("<", value, low), m.compare(">", value, high)]))
                if first == int(first) and last == int(last):
                    said = self._period(value, (int(first), int(last)))
                    if said is not None:
                        return said
        euro = any(self._euros(part) for part in (value, low, high))
        key = ("not_" if negated else "") + ("date_between" if _is_date(value) else "between")
        return self._say(key, x=self.value(value, euro), y=self.value(low, euro), z=self.value(high, euro))

    def _one_of(self, value: m.Value, values: Sequence[m.Const], negated: bool) -> Line:
        if isinstance(value, m.DateDiff):
            parts: list[m.Condition] = [m.Compare("=", value, constant) for constant in values]
            return self.line(m.negation(m.any_of(parts)) if negated else m.any_of(parts))
        euro = self._euros(value)
        plain, _, extra = self._without_case(value, values)
        items = listed([self.value(constant, euro) for constant in values], self.lang)
        said = say(self.lang, "not_one_of" if negated else "one_of", x=self.value(plain), y=items)
        return Line(sentence(said + extra))

    def _like(self, value: m.Value, pattern: str, negated: bool) -> Line:
        plain, _, extra = self._without_case(value, [m.Const(pattern)])
        core = pattern.strip("%")
        no = "not_" if negated else ""
        x = self.value(plain)
        if (core or not pattern) and not set(core) & set("%_"):
            ends = (pattern.startswith("%"), pattern.endswith("%"))
            key = {(False, True): "starts", (True, False): "ends", (True, True): "holds"}.get(ends)
            if key is None:
                key, no = ("<>" if negated else "="), ""
            return Line(sentence(say(self.lang, no + key, x=x, y=in_quotes(core, self.lang)) + extra))
        y = say(self.lang, "then").join(self._pattern(pattern))
        return Line(sentence(say(self.lang, no + "pattern", x=x, y=y) + extra))

    def _pattern(self, pattern: str) -> Iterator[str]:
        """`W%A_` as “W”, any text, “A”, one character."""
        start = 0
        while start < len(pattern):
            kind, end = _sign_kind(pattern[start]), start
            while end < len(pattern) and _sign_kind(pattern[end]) == kind:
                end += 1
            if kind == "%":
                yield say(self.lang, "any_text")
            elif kind == "_":
                yield say(self.lang, "sign" if end - start == 1 else "signs", n=end - start)
            else:
                yield in_quotes(pattern[start:end], self.lang)
            start = end

    def _without_case(self, value: m.Value, others: Sequence[m.Value]) -> tuple[m.Value, m.Value, str]:
        """lower(x) = 'ww' as x = 'ww' plus a remark, where that is the same."""
        if isinstance(value, m.Cased) and isinstance(value.text, m.FieldValue):
            texts = [c.value for c in others if isinstance(c, m.Const) and isinstance(c.value, str)]
            fitting = all(
                t.isascii() and (t.lower() if value.case == "lower" else t.upper()) == t for t in texts
            )
            if len(texts) == len(others) and fitting:
                return value.text, others[0], say(self.lang, "any_case")
        return value, others[0], ""

    def _period(
        self, counted: m.DateDiff, span: Span, negated: bool = False, strict: bool = False
    ) -> Line | None:
        """A bound on date_diff as: where one date lies, seen from the other."""
        x, r = counted.start, counted.end
        turned = not isinstance(r, m.Const) and (
            isinstance(x, m.Const) or (_is_reference(x) and not _is_reference(r))
        )
        if turned:
            x, r = r, x
        else:
            span = (None if span[1] is None else -span[1], None if span[0] is None else -span[0])
        if x == r or isinstance(x, m.Const):
            return None
        if isinstance(r, m.Const) and isinstance(r.value, date):
            found = dates(counted.unit, r.value, span)
            return None if found is None else self._lies(x, *found, negated)
        said = period(counted.unit, self.value(x), self.value(r), span, self.lang, negated, strict)
        if said is None:
            return None
        shown = (
            example(counted.unit, span, self.example_date, self.lang)
            if _is_reference(r) and not negated
            else None
        )
        return Line(sentence(said), (Line(shown),) if shown else ())

    def _lies(self, x: m.Value, start: date | None, end: date | None, negated: bool) -> Line | None:
        if start and end and start > end:
            return None
        if start and end and start != end:
            return self._between(x, m.Const(start), m.Const(end), negated)
        if start and end:
            return self._compare("<>" if negated else "=", x, m.Const(start))
        return self._compare(">=" if start else "<=", x, m.Const(start or end or date.max))

    def _euros(self, value: m.Value) -> bool:
        match value:
            case m.FieldValue():
                return self.names.euros(value)
            case m.Coalesce(values):
                return any(map(self._euros, values))
            case m.Arithmetic("*", left, right):
                return self._euros(left) is not self._euros(right)
            case m.Arithmetic(_, left, right):
                return self._euros(left) or self._euros(right)
        return False

    def value(self, value: m.Value, euro: bool = False, inner: bool = False) -> str:
        """A value within a sentence; constants in euros when what they stand beside is in euros."""
        match value:
            case m.Const(str() as text):
                return in_quotes(text, self.lang)
            case m.Const(Decimal() as amount):
                return number(amount, self.lang, euro)
            case m.Const(date() as moment):
                return day(moment, self.lang)
            case m.FieldValue():
                return self.names.name(value)
            case m.Arithmetic(sign, left, right):
                # A factor of an amount is a number, not an amount.
                beside = (euro, euro) if sign != "*" else (self._euros(left), self._euros(right))
                x, y = (self.value(v, e, inner=True) for v, e in zip((left, right), beside, strict=True))
                said = say(self.lang, {"+": "plus", "-": "minus", "*": "times"}[sign], x=x, y=y)
                return f"({said})" if inner else said
            case m.Cased(case, text):
                return say(self.lang, case, x=self.value(text, inner=True))
            case m.Length(text):
                return say(self.lang, "length", x=self.value(text, inner=True))
            case m.DateDiff(unit, start, end):
                said = say(self.lang, f"{unit}_count", x=self.value(start), y=self.value(end))
                return f"({said})" if inner else said
            case m.Coalesce(values):
                first, *others = [self.value(v, euro, inner=True) for v in values]
                rest = others.pop(0)
                for other in others:
                    rest = say(self.lang, "or_else_again", y=rest, z=other)
                said = say(self.lang, "or_else", x=first, y=rest)
                return f"({said})" if inner else said
            case m.Null() | m.Const():
                return say(self.lang, "open")


def _is_date(value: m.Value) -> bool:
    match value:
        case m.FieldValue():
            return value.type is FieldType.DATE
        case m.Const():
            return isinstance(value.value, date)
        case m.Coalesce(values):
            return _is_date(values[0])
    return False


def _is_reference(value: m.Value) -> bool:
    return isinstance(value, m.FieldValue) and value.name == REFERENCE_DATE


def _sign_kind(sign: str) -> str:
    return sign if sign in "%_" else ""
