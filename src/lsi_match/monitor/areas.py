"""Public figures per area (StatLine of Statistics Netherlands, or any CSV) beside counts per area: bounds.

Two tables with a heading (CSV or a spreadsheet): the figures, of which three columns are named (area, people, and how many or what
percentage have the characteristic), and the counts: area, and how many were selected. Decimal commas
are read too. Areas without a figure (`.`, an empty cell), or of which the count is withheld (`<10`), are left
out, and told. A last line of one value is a note: StatLine ends with its source.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lsi_match.monitor.counts_file import WITHHELD, rows_in, wrong_in
from lsi_match.monitor.ecological_bounds import Area, Bounds, bounds
from lsi_match.tables.rows import TableRows

_UNKNOWN = ("", ".", "-", "x")


@dataclass(frozen=True)
class Areas:
    """The areas that both files know, the names of those left out, and what they say together."""

    known: tuple[Area, ...]
    left_out: tuple[str, ...]
    found: Bounds


def read_areas(figures: Path, counts: Path, *, area: str, people: str, having: str, percent: bool) -> Areas:
    """Lay the two files side by side.

    Args:
        area, people, having: names of columns of `figures`; `area` is the first column of `counts` too, by any name.
        percent: whether `having` is a percentage of the people.

    Raises:
        CountsFileError: file, row and column of what cannot be read, or that nothing is left.
    """
    selection, table = rows_in(counts), rows_in(figures, (area, people, having))
    by_area = {row[0]: (at, row[1]) for at, row in _rows(selection, 2)}
    selected = {
        name: _whole(number, selection, at, "2")
        for name, (at, number) in by_area.items()
        if not _withheld(number)
    }
    known, left_out = [], set(by_area)
    head = table.names
    for name in (area, people, having):
        if name not in head:
            raise wrong_in(table, table.head, name, "monitor.no_such_column")
    for at, row in _rows(table, len(head)):
        name, lives, has = (row[head.index(column)] for column in (area, people, having))
        if name not in selected or lives in _UNKNOWN or has in _UNKNOWN:
            continue
        inhabitants = _whole(lives, table, at, people)
        number = _number(has, table, at, having)
        having_it = round(inhabitants * number / 100) if percent else round(number)
        if having_it > inhabitants or selected[name] > inhabitants:
            raise wrong_in(table, at, having, "monitor.more_than_live_there")
        known.append(Area(inhabitants, having_it, selected[name]))
        left_out.discard(name)
    try:
        return Areas(tuple(known), tuple(sorted(left_out)), bounds(known))
    except ValueError:
        raise wrong_in(table, table.head, having, "monitor.nobody_or_all") from None


def _withheld(text: str) -> bool:
    return text in WITHHELD or text.startswith("<")


def _rows(table: TableRows, width: int) -> tuple[tuple[int, list[str]], ...]:
    """The rows under the heading, without a note at the end."""
    rows = table.rows
    if rows and len(rows[-1][1]) == 1 < width:
        rows = rows[:-1]
    for at, row in rows:
        if len(row) != width:
            raise wrong_in(table, at, "-", "monitor.other_width", values=len(row), width=width)
    return rows


def _number(text: str, table: TableRows, row: int, column: str) -> float:
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e10:
        raise wrong_in(table, row, column, "monitor.no_number")
    return number


def _whole(text: str, table: TableRows, row: int, column: str) -> int:
    number = _number(text, table, row, column)
    if number != int(number):
        raise wrong_in(table, row, column, "monitor.no_whole_number")
    return int(number)
