"""What is in an extract, for who looks at it before it is used: of each column how it is stored, how much of it is filled,
how many different values it has and how they look. Never a value, but for the first and the last date."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from lsi_match.base.duckdb_locked import locked_connection, one_row, quoted_text
from lsi_match.base.errors import words
from lsi_match.base.files import FileMissingError
from lsi_match.criteria.parse import FieldType
from lsi_match.partner.extract.cell_types import Cell, Role, text
from lsi_match.partner.extract.problems import ExtractError
from lsi_match.tables.source import Asked, Source, Stored, open_source
from lsi_match.tables.stored import Kind
from lsi_match.tables.unreadable import TableUnreadable

#: With more values than this, in all columns together, different ones are counted roughly: memory holds them.
_EXACT = 2_000_000
_SHAPES = 3


@dataclass(frozen=True)
class ColumnProfile:
    """One column: how it is stored, records that have a value, different values, shapes (`99-99-9999`) with how many
    values have them, most records with one value, and the first and the last day if it holds days."""

    name: str
    kinds: tuple[Kind, ...]
    filled: int
    distinct: int
    shapes: tuple[tuple[str, int], ...]
    commonest: int
    first: date | None
    last: date | None


@dataclass(frozen=True)
class Profile:
    """A file: how it is written (what, how), its records, its columns, and what is wrong with its header and rows."""

    file: str
    found: tuple[tuple[str, str], ...]
    records: int
    columns: tuple[ColumnProfile, ...]
    wrong: tuple[ExtractError, ...]


def profile(file: Path, asked: Asked) -> Profile:
    """Look at a file.

    Raises:
        FileMissingError, ExtractUnreadableError: it cannot be read at all.
    """
    if not file.is_file():
        raise FileMissingError(file=str(file))
    con = locked_connection([file.parent])
    try:
        return profile_of(con, file, open_source(con, file, replace(asked, lenient=True)))
    except TableUnreadable as problem:
        raise told_of(file, problem) from None
    except (duckdb.Error, pa.ArrowException):
        raise told_of(file, TableUnreadable("broken_off")) from None
    finally:
        con.close()


def profile_of(con: duckdb.DuckDBPyConnection, file: Path, source: Source) -> Profile:
    """Look at a table that is open, in two readings, however many columns it has. Memory does not grow with the records."""
    names = [name for at, name in enumerate(source.names) if name and name not in source.names[:at]]
    stored = source.stored(names)
    columns = [f"c{at}" for at in range(len(names))]

    def asked(each: Iterable[str]) -> tuple[Any, ...]:
        source.lay(con, names)
        texts = ", ".join(f"{text(column)} AS {column}" for column in columns)
        return one_row(con, f"SELECT count(*), {', '.join(each)} FROM (SELECT {texts} FROM raw)")

    records, *first = asked(
        f"count({x}), approx_count_distinct({x}), approx_top_k({x}, 1), approx_top_k({_shape(x)}, {_SHAPES})"
        for x in columns
    )
    filled, distinct, commonest, shapes = (first[at::4] for at in range(4))
    exact = records * len(names) <= _EXACT
    day = [Cell(x, FieldType.DATE, Role.PLAIN, Stored(frozenset({Kind.TEXT}))).value(x) for x in columns]
    _, *second = asked(
        f"{_counted(x, most, exact=exact)}, {_shapes(x, common, exact=exact)}, count({d}), min({d}), max({d})"
        for x, d, most, common in zip(columns, day, commonest, shapes, strict=True)
    )
    found = []
    for at, name in enumerate(names):
        (different, most), counts, days, earliest, latest = second[5 * at : 5 * at + 5]
        is_date = filled[at] and days >= 0.9 * filled[at] and Kind.WHOLE not in stored[at].kinds
        shown = sorted(zip(*(counts or ((), ())), strict=True), key=lambda one: (-int(one[1]), one[0]))
        found.append(
            ColumnProfile(
                name,
                tuple(sorted(stored[at].kinds)),
                filled[at],
                different if exact else min(distinct[at], filled[at]),
                tuple((str(shape)[:30], int(count)) for shape, count in shown[:_SHAPES]),
                most or 0,
                *((earliest, latest) if is_date else (None, None)),
            )
        )  # fmt: skip
    return Profile(
        file.name, source.found, records, tuple(found), tuple(told_of(file, one) for one in source.wrong)
    )


def told_of(file: Path, problem: TableUnreadable) -> ExtractError:
    """What stands in the way of reading a file, of nobody in particular."""
    return ExtractError(
        "ExtractUnreadableError",
        partner="-",
        file=file.name,
        **words("problem", problem.text("nl", mapped=True), problem.text("en", mapped=True)),
    )


def _shape(x: str) -> str:
    """How a text looks, in SQL."""
    return f"regexp_replace(regexp_replace(regexp_replace({x}, '[0-9]', '9', 'g'), '\\p{{Lu}}+', 'A', 'g'), '\\p{{Ll}}+', 'a', 'g')"


def _counted(x: str, most: Sequence[str] | None, *, exact: bool) -> str:
    """How many different values there are, and at how many records the commonest stands; not exactly: how often the likeliest
    stands there."""
    if exact:
        return f"(count(DISTINCT {x}), list_max(map_values(histogram({x}))))"
    return f"(0, count(*) FILTER ({_one_of(x, most)}))"


def _shapes(x: str, common: Sequence[str] | None, *, exact: bool) -> str:
    """The shapes, and how many values have each; not exactly: those of the likeliest."""
    if exact:
        return f"[map_keys(histogram({_shape(x)})), map_values(histogram({_shape(x)}))::VARCHAR[]]"
    each = [f"count(*) FILTER ({_one_of(_shape(x), [shape])})::VARCHAR" for shape in common or ()]
    return f"[[{', '.join(map(quoted_text, common or ()))}], [{', '.join(each)}]]"


def _one_of(x: str, values: Sequence[str] | None) -> str:
    return f"{x} IN ({', '.join(map(quoted_text, values))})" if values else "FALSE"
