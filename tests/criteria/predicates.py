"""Random predicates of the criteria language, and records to try them on.

`predicates()` gives texts over `FIELDS`; `records()` gives rows in which every field can be unknown.
`verdicts` asks DuckDB, once for all rows, which of them a predicate is true, false or unknown for.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

import duckdb
import polars as pl
from hypothesis import strategies as st

from lsi_match.criteria.parse import FieldType, Predicate

FIELDS = {
    "a": FieldType.INTEGER,
    "b": FieldType.INTEGER,
    "c": FieldType.DECIMAL,
    "d": FieldType.DATE,
    "e": FieldType.DATE,
    "s": FieldType.TEXT,
    "t": FieldType.TEXT,
    "f": FieldType.BOOLEAN,
}
REFERENCE = date(2026, 7, 15)
SQL_TYPES = {
    FieldType.INTEGER: "BIGINT",
    FieldType.DECIMAL: "DECIMAL(18, 4)",
    FieldType.DATE: "DATE",
    FieldType.TEXT: "VARCHAR",
    FieldType.BOOLEAN: "BOOLEAN",
}

_INTEGERS = (-3, -1, 0, 1, 2, 3, 5, 7)
_DECIMALS = ("-1.5", "0", "0.25", "2.5", "3", "1000.50")
_DATES = ("2020-02-29", "2026-01-01", "2026-01-31", "2026-02-01", "2026-06-30", "2026-07-15", "2027-01-01")
_TEXTS = ("", "WW", "ww", "WIA", "a_b", "50%", "it's", "Zoë", "W")
_PATTERNS = ("W%", "%W", "%i%", "W_", "WW", "%", "", "_", "W%A", "a\\_b", "%W_%", "__", "WI%", "w%")
_COMPARISONS = ("=", "<>", "!=", "<", "<=", ">", ">=")

#: Values for records: those in the predicates, and others between and around them.
VALUES: dict[str, tuple[Any, ...]] = {
    "a": (None, *range(-4, 9)),
    "b": (None, *range(-4, 9)),
    "c": (None, "-1.5", "-0.7500", "0", "0.1", "0.25", "1", "2.5", "3", "3.0001", "1000.5", "2000"),
    "d": (None, *(date.fromisoformat(day) for day in _DATES), date(2025, 12, 31), date(2026, 2, 28), date(2030, 5, 5)),
    "e": (None, *(date.fromisoformat(day) for day in _DATES), date(2024, 1, 1), date(2026, 7, 14), date(2026, 8, 1)),
    "s": (None, *_TEXTS, "x", "WA", "iWi", "wia", "aXb"),
    "t": (None, *_TEXTS, "y", "Wa", "a\\_b"),
    "f": (None, True, False),
}  # fmt: skip


def literal(text: str) -> str:
    """A text between quotes."""
    return "'" + text.replace("'", "''") + "'"


def _numbers(depth: int) -> st.SearchStrategy[str]:
    constants = st.sampled_from(_INTEGERS).map(str) | st.sampled_from(_DECIMALS)
    leaves = st.sampled_from(("a", "b", "a", "b", "c")) | constants
    if depth == 0:
        return leaves
    below = st.deferred(lambda: _numbers(depth - 1))
    return st.one_of(
        leaves,
        leaves,
        st.tuples(below, st.sampled_from("+-"), below).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        st.tuples(leaves, constants).map(lambda p: f"{p[0]} * {p[1]}"),
        st.just("a * b"),
        below.map(lambda n: f"-({n})"),
        st.tuples(st.sampled_from(("a", "b")), leaves).map(lambda p: f"coalesce({p[0]}, {p[1]})"),
        st.tuples(below, below).map(lambda p: f"coalesce({p[0]}, {p[1]}, 0)"),
        _texts(depth - 1).map(lambda s: f"length({s})"),
        st.tuples(st.sampled_from(("day", "month", "year")), _dates(depth - 1), _dates(depth - 1)).map(
            lambda p: f"date_diff('{p[0]}', {p[1]}, {p[2]})"
        ),
    )


def _dates(depth: int) -> st.SearchStrategy[str]:
    leaves = st.sampled_from(("d", "e", "peildatum")) | st.sampled_from(_DATES).map(
        lambda day: f"DATE '{day}'"
    )
    if depth == 0:
        return leaves
    return leaves | st.tuples(_dates(depth - 1), leaves).map(lambda p: f"coalesce({p[0]}, {p[1]})")


def _texts(depth: int) -> st.SearchStrategy[str]:
    leaves = st.sampled_from(("s", "t")) | st.sampled_from(_TEXTS).map(literal)
    if depth == 0:
        return leaves
    below = st.deferred(lambda: _texts(depth - 1))
    return st.one_of(
        leaves,
        below.map(lambda s: f"lower({s})"),
        below.map(lambda s: f"upper({s})"),
        st.tuples(below, leaves).map(lambda p: f"coalesce({p[0]}, {p[1]})"),
    )


def _listed(constants: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(constants, min_size=1, max_size=3).map(", ".join)


def _atoms() -> st.SearchStrategy[str]:
    numbers, dates, texts = (
        st.deferred(made) for made in (lambda: _numbers(2), lambda: _dates(1), lambda: _texts(1))
    )
    integers = st.sampled_from(_INTEGERS).map(str)
    days = st.sampled_from(_DATES).map(lambda day: f"DATE '{day}'")
    words = st.sampled_from(_TEXTS).map(literal)
    order = st.sampled_from(_COMPARISONS)
    no = st.sampled_from(("", "NOT "))
    one_field = st.sampled_from(("a", "b", "c"))
    units = st.sampled_from(("day", "month", "year"))
    span = st.tuples(
        units, st.sampled_from(("d", "e", "DATE '2026-01-31'")), st.sampled_from(("peildatum", "e", "d"))
    )
    spans = span.map(lambda p: f"date_diff('{p[0]}', {p[1]}, {p[2]})")
    return st.one_of(
        st.tuples(one_field, order, integers).map(" ".join),
        st.tuples(st.sampled_from(("d", "e")), order, days | st.just("peildatum")).map(" ".join),
        st.tuples(numbers, order, numbers).map(" ".join),
        st.tuples(dates, order, dates).map(" ".join),
        st.tuples(spans, order, integers).map(" ".join),
        st.tuples(spans, no, integers, integers).map(lambda p: f"{p[0]} {p[1]}BETWEEN {p[2]} AND {p[3]}"),
        st.tuples(texts, st.sampled_from(("=", "<>")), texts).map(" ".join),
        st.tuples(numbers, no, numbers, numbers).map(lambda p: f"{p[0]} {p[1]}BETWEEN {p[2]} AND {p[3]}"),
        st.tuples(dates, no, dates, dates).map(lambda p: f"{p[0]} {p[1]}BETWEEN {p[2]} AND {p[3]}"),
        st.tuples(texts, no, _listed(words)).map(lambda p: f"{p[0]} {p[1]}IN ({p[2]})"),
        st.tuples(numbers, no, _listed(integers)).map(lambda p: f"{p[0]} {p[1]}IN ({p[2]})"),
        st.tuples(dates, no, _listed(days)).map(lambda p: f"{p[0]} {p[1]}IN ({p[2]})"),
        st.tuples(texts, no, st.sampled_from(_PATTERNS).map(literal)).map(lambda p: f"{p[0]} {p[1]}LIKE {p[2]}"),
        st.tuples(st.one_of(numbers, dates, texts, st.just("f")), no).map(lambda p: f"{p[0]} IS {p[1]}NULL"),
        st.tuples(no, st.sampled_from(("TRUE", "FALSE"))).map(lambda p: f"f IS {p[0]}{p[1]}"),
        st.sampled_from(("f", "f", "f", "NOT f", "TRUE", "FALSE", "f = TRUE", "f <> (a > 1)", "coalesce(f, b = 2)")),
    )  # fmt: skip


@st.composite
def predicates(draw: st.DrawFn, max_leaves: int = 6) -> str:
    """The text of an allowed predicate over `FIELDS`, at most a few levels deep."""
    return draw(_predicates(max_leaves))


@cache
def _predicates(max_leaves: int) -> st.SearchStrategy[str]:
    def joined(below: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        bracketed = below.map(lambda p: f"({p})")
        return st.one_of(
            st.lists(bracketed, min_size=2, max_size=3).map(" AND ".join),
            st.lists(bracketed, min_size=2, max_size=3).map(" OR ".join),
            bracketed.map(lambda p: f"NOT {p}"),
            st.tuples(bracketed, st.sampled_from(("TRUE", "FALSE", "f"))).map(
                lambda p: f"coalesce({p[0]}, {p[1]})"
            ),
            st.tuples(bracketed, st.sampled_from(("NULL", "NOT NULL", "TRUE", "NOT TRUE", "NOT FALSE"))).map(
                lambda p: f"{p[0]} IS {p[1]}"
            ),
            st.tuples(bracketed, st.sampled_from(("=", "<>")), bracketed).map(" ".join),
        )

    return st.recursive(st.deferred(_atoms), joined, max_leaves=max_leaves)


def records(count: int = 60) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Rows over `FIELDS`; each value can be unknown."""
    row = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in VALUES.items()})
    return st.lists(row, min_size=count, max_size=count)


class Engine:
    """DuckDB with one table of records."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.connection = duckdb.connect()
        columns = ", ".join(f"{name} {SQL_TYPES[kind]}" for name, kind in FIELDS.items())
        self.connection.execute(f"CREATE TABLE records (nr BIGINT, {columns}, peildatum DATE)")
        frame = pl.DataFrame(
            rows,
            schema={name: pl.String if kind is FieldType.DECIMAL else None for name, kind in FIELDS.items()},
        )
        frame = frame.with_row_index("nr").with_columns(peildatum=pl.lit(REFERENCE))
        self.connection.execute("INSERT INTO records SELECT * FROM frame")

    def simplify(self, predicate: Predicate, where: str = "TRUE") -> set[int]:
        """The numbers of the rows that pass."""
        found = self.connection.execute(
            f"SELECT nr FROM records WHERE ({where}) AND ({predicate.sql('duckdb')})"
        ).fetchall()
        return {nr for (nr,) in found}

    def numbers(self, where: str) -> set[int]:
        return {nr for (nr,) in self.connection.execute(f"SELECT nr FROM records WHERE {where}").fetchall()}
