"""What is in an extract, for who looks at it before it is used: of each column how it is stored, how much of it is filled,
how many different values it has and how they look. Never a value, but for the first and the last date."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa

from lsi_match.base.duckdb_locked import locked_connection, one_row
from lsi_match.base.errors import words
from lsi_match.base.files import FileMissingError
from lsi_match.criteria.parse import FieldType
from lsi_match.partner.extract.cell_types import Cell, Role, text
from lsi_match.partner.extract.problems import ExtractError, ExtractUnreadableError
from lsi_match.tables.source import Asked, Source, Stored, open_source
from lsi_match.tables.stored import Kind
from lsi_match.tables.unreadable import TableUnreadable

#: With more records than this different values are counted roughly.
_EXACT = 1_000_000
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
        source = open_source(con, file, replace(asked, lenient=True))
        names = [name for at, name in enumerate(source.names) if name and name not in source.names[:at]]
        columns = tuple(
            _column(con, source, name, one) for name, one in zip(names, source.stored(names), strict=True)
        )
        source.lay(con, names[:1])
        records = int(one_row(con, "SELECT count(*) FROM raw")[0])
        wrong = tuple(told_of(file, problem) for problem in source.wrong)
        return Profile(file.name, source.found, records, columns, wrong)
    except TableUnreadable as problem:
        raise told_of(file, problem) from None
    except (duckdb.Error, pa.ArrowException):
        raise told_of(file, TableUnreadable("broken_off")) from None
    finally:
        con.close()


def told_of(file: Path, problem: TableUnreadable) -> ExtractUnreadableError:
    """What stands in the way of reading a file, of nobody in particular."""
    return ExtractUnreadableError(
        partner="-", file=file.name, **words("problem", problem.text("nl"), problem.text("en"))
    )


def _column(con: duckdb.DuckDBPyConnection, source: Source, name: str, stored: Stored) -> ColumnProfile:
    source.lay(con, [name])
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE found AS SELECT x, count(*) AS n FROM (SELECT {text('c0')} AS x FROM raw) GROUP BY x"
    )
    filled, distinct, commonest = one_row(
        con,
        "SELECT coalesce(sum(n), 0)::BIGINT, count(*), coalesce(max(n), 0)::BIGINT FROM found WHERE x IS NOT NULL",
    )
    shapes = con.execute(
        "SELECT regexp_replace(regexp_replace(regexp_replace(x, '[0-9]', '9', 'g'), '\\p{Lu}+', 'A', 'g'), '\\p{Ll}+', 'a', 'g') "
        f"AS shape, sum(n)::BIGINT FROM found WHERE x IS NOT NULL GROUP BY shape ORDER BY 2 DESC, 1 LIMIT {_SHAPES}"
    ).fetchall()
    day = Cell("x", FieldType.DATE, Role.PLAIN, Stored(frozenset({Kind.TEXT}))).value("x")
    first, last, days = one_row(
        con,
        f"SELECT min({day}), max({day}), coalesce(sum(n) FILTER (WHERE {day} IS NOT NULL), 0)::BIGINT FROM found",
    )
    is_date = filled and days >= 0.9 * filled and Kind.WHOLE not in stored.kinds
    kinds = tuple(sorted(stored.kinds))
    shown = tuple((str(shape)[:30], int(count)) for shape, count in shapes)
    return ColumnProfile(
        name, kinds, filled, distinct, shown, commonest, first if is_date else None, last if is_date else None
    )
