"""Random predicates and rows for comparing databases: odd texts, ties, leap days, unknown values.

Field `k` holds texts of ASCII letters only; `lower` and `upper` are made of it and of nothing else, since databases
differ about other letters and the statement says so. The numbers stay small, so that nothing overflows.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

from hypothesis import strategies as st

from lsi_match.criteria.parse import FieldType

FIELDS = {
    "a": FieldType.INTEGER,
    "b": FieldType.INTEGER,
    "c": FieldType.DECIMAL,
    "e": FieldType.DECIMAL,
    "d": FieldType.DATE,
    "f": FieldType.DATE,
    "s": FieldType.TEXT,
    "t": FieldType.TEXT,
    "k": FieldType.TEXT,
    "p": FieldType.BOOLEAN,
    "q": FieldType.BOOLEAN,
}
REFERENCE = date(2026, 7, 15)

_DATES = tuple(
    date.fromisoformat(day)
    for day in (
        "1900-01-01", "1999-12-31", "2000-02-29", "2024-02-29", "2025-12-31", "2026-01-01", "2026-01-31", "2026-02-01",
        "2026-07-14", "2026-07-15", "2026-07-16", "9999-12-31",
    )
)  # fmt: skip
_TEXTS = (
    "", " ", "WW", "ww", "WW ", " WW", "W", "it's", "'", "''", "100%", "%", "_", "a_b", "aXb", "a\\b", "a\\_b", "\\", "[W]", "*", "?",
    "[", "]", "a*b", "Zoë", "zoë", "ZOË", "Zoe\u0308", "ß", "ss", "日本", "😀", "a😀b", "é", "--", "/*", ";", '"', "$1", "x\ny",
    "x\\\ny", "\t", "|", ".", "WW.", "NULL", "1", "01",
)  # fmt: skip
_LETTERS = ("", "a", "A", "ab", "AB", "aB", "Ab ", "b", "B_", "b%")
_PATTERNS = (
    "%", "", "_", "__", "W%", "%W", "w_", "W_", "%W%", "a_b", "a\\_b", "%\\%", "%[%", "[W]", "%]", "*", "%?%", "a*%", "%\\",
    "Zo_", "Z%ë", "_日%", "日_", "%😀%", "a_b%", "%'%", "''", " %", "% ", "x%y", "%\n%", "A%", "a%", "_B", "%.",
)  # fmt: skip
_INTEGERS = (-7, -2, -1, 0, 1, 2, 3, 12)
_DECIMALS = ("-1.5", "-0.0001", "0", "0.1", "0.2", "0.3", "0.25", "1", "1.0001", "175.50", "1000")

VALUES: dict[FieldType, tuple[Any, ...]] = {
    FieldType.INTEGER: _INTEGERS,
    FieldType.DECIMAL: tuple(map(Decimal, _DECIMALS)),
    FieldType.DATE: _DATES,
    FieldType.TEXT: _TEXTS,
    FieldType.BOOLEAN: (True, False),
}


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def fields_of(kind: FieldType) -> st.SearchStrategy[str]:
    return st.sampled_from([name for name, one in FIELDS.items() if one is kind and name != "k"])


@cache
def _numbers(depth: int) -> st.SearchStrategy[str]:
    literals = st.sampled_from((*map(str, _INTEGERS), *_DECIMALS, "0.000001", "2.5"))
    leaves = st.one_of(fields_of(FieldType.INTEGER), fields_of(FieldType.DECIMAL), literals)
    if depth == 0:
        return leaves
    below = _numbers(depth - 1)
    unit = st.sampled_from(("day", "month", "year"))
    return st.one_of(
        leaves,
        st.tuples(below, st.sampled_from(("+", "-")), below).map(" ".join),
        st.tuples(below, st.sampled_from(("+", "-")), below).map(lambda x: f"({' '.join(x)})"),
        st.tuples(leaves, leaves).map(" * ".join),
        st.tuples(fields_of(FieldType.INTEGER), below).map(lambda x: f"{x[0]} * ({x[1]})"),
        below.map(lambda x: f"-({x})"),
        leaves.map(lambda x: f"- {x}"),
        st.lists(below, min_size=1, max_size=3).map(lambda x: f"coalesce({', '.join(x)})"),
        _texts(1).map(lambda x: f"length({x})"),
        st.tuples(unit, _dates(1), _dates(1)).map(lambda x: f"date_diff('{x[0]}', {x[1]}, {x[2]})"),
    )


@cache
def _dates(depth: int) -> st.SearchStrategy[str]:
    literals = st.sampled_from(_DATES).map(lambda day: f"DATE '{day}'")
    leaves = st.one_of(fields_of(FieldType.DATE), fields_of(FieldType.DATE), st.just("peildatum"), literals)
    if depth == 0:
        return leaves
    return leaves | st.lists(leaves, min_size=1, max_size=3).map(lambda x: f"coalesce({', '.join(x)})")


@cache
def _texts(depth: int) -> st.SearchStrategy[str]:
    leaves = st.one_of(
        fields_of(FieldType.TEXT), fields_of(FieldType.TEXT), st.sampled_from(_TEXTS).map(quoted)
    )
    if depth == 0:
        return leaves
    letters = st.just("k") | st.sampled_from(_LETTERS).map(quoted)
    known = letters | st.tuples(st.just("k"), letters).map(lambda x: f"coalesce({x[0]}, {x[1]})")
    cased = st.tuples(st.sampled_from(("lower", "upper")), known).map(lambda x: f"{x[0]}({x[1]})")
    below = _texts(depth - 1)
    return st.one_of(leaves, cased, st.lists(below, min_size=1, max_size=3).map(lambda x: f"coalesce({', '.join(x)})"))  # fmt: skip


def _list(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(values, min_size=1, max_size=4).map(", ".join)


@cache
def _leaves() -> st.SearchStrategy[str]:
    numbers, dates, texts = _numbers(2), _dates(1), _texts(2)
    order = st.sampled_from(("=", "<>", "!=", "<", "<=", ">", ">="))
    equal = st.sampled_from(("=", "<>", "!="))
    no = st.sampled_from(("", "NOT "))
    days = st.sampled_from(_DATES).map(lambda day: f"DATE '{day}'")
    patterns = st.sampled_from((*_PATTERNS, *_TEXTS)).map(quoted)
    return st.one_of(
        st.tuples(numbers, order, numbers).map(" ".join),
        st.tuples(dates, order, dates).map(" ".join),
        st.tuples(texts, equal, texts).map(" ".join),
        st.tuples(texts, equal, texts).map(" ".join),
        st.tuples(texts, no, patterns).map(lambda x: f"{x[0]} {x[1]}LIKE {x[2]}"),
        st.tuples(texts, no, patterns).map(lambda x: f"{x[0]} {x[1]}LIKE {x[2]}"),
        st.tuples(texts, no, _list(st.sampled_from(_TEXTS).map(quoted))).map(lambda x: f"{x[0]} {x[1]}IN ({x[2]})"),
        st.tuples(numbers, no, _list(st.sampled_from((*map(str, _INTEGERS), *_DECIMALS)))).map(lambda x: f"{x[0]} {x[1]}IN ({x[2]})"),
        st.tuples(dates, no, _list(days)).map(lambda x: f"{x[0]} {x[1]}IN ({x[2]})"),
        st.tuples(numbers, no, numbers, numbers).map(lambda x: f"{x[0]} {x[1]}BETWEEN {x[2]} AND {x[3]}"),
        st.tuples(dates, no, dates, dates).map(lambda x: f"{x[0]} {x[1]}BETWEEN {x[2]} AND {x[3]}"),
        st.tuples(st.one_of(numbers, dates, texts, fields_of(FieldType.BOOLEAN)), no).map(lambda x: f"({x[0]}) IS {x[1]}NULL"),
        st.tuples(fields_of(FieldType.BOOLEAN), no, st.sampled_from(("TRUE", "FALSE"))).map(lambda x: f"{x[0]} IS {x[1]}{x[2]}"),
        st.tuples(fields_of(FieldType.BOOLEAN), equal, fields_of(FieldType.BOOLEAN) | st.just("TRUE")).map(" ".join),
        fields_of(FieldType.BOOLEAN),
        st.sampled_from(("TRUE", "FALSE")),
    )  # fmt: skip


def _joined(below: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    bracketed = below.map(lambda x: f"({x})")
    no = st.sampled_from(("", "NOT "))
    return st.one_of(
        st.lists(below | bracketed, min_size=2, max_size=3).map(" AND ".join),
        st.lists(below | bracketed, min_size=2, max_size=3).map(" OR ".join),
        below.map(lambda x: f"NOT {x}"),
        bracketed.map(lambda x: f"NOT {x}"),
        st.lists(below, min_size=1, max_size=3).map(lambda x: f"coalesce({', '.join(x)})"),
        st.tuples(bracketed, no, st.sampled_from(("NULL", "TRUE", "FALSE"))).map(lambda x: f"{x[0]} IS {x[1]}{x[2]}"),
        st.tuples(bracketed, st.sampled_from(("=", "<>")), bracketed).map(" ".join),
    )  # fmt: skip


def predicates(max_leaves: int = 5) -> st.SearchStrategy[str]:
    """The text of a predicate over `FIELDS`; a few are refused all the same, as too deep."""
    return st.recursive(_leaves(), _joined, max_leaves=max_leaves)


@cache
def rows() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Records over `FIELDS`, with ties and unknown values."""
    values = {
        name: st.none() | st.sampled_from(_LETTERS if name == "k" else VALUES[kind])
        for name, kind in FIELDS.items()
    }
    return st.lists(st.fixed_dictionaries(values), min_size=6, max_size=14)
