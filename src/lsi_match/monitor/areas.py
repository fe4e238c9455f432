"""Public figures per area (StatLine of Statistics Netherlands, or any CSV) beside counts per area: bounds.

Two tables with a heading (CSV or a spreadsheet): the figures, of which three columns are named (area, people, and how many or what
percentage have the characteristic), and the counts: area, and how many were selected. Decimal commas
are read in percentages. Areas without a figure (`.`, an empty cell), or of which the count is withheld (`<10`), are left
out, and told. A last line of one value is a note: StatLine ends with its source.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lsi_match.monitor.counts_file import WrongCells, is_withheld, rows_in
from lsi_match.monitor.ecological_bounds import Area, Bounds, bounds
from lsi_match.tables.rows import TableRows

_WHOLE, _DECIMAL = re.compile(r"\d{1,9}([.,]0)?"), re.compile(r"\d{1,9}([.,]\d+)?")


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
    selected, names = _selected(selection), table.names
    wrong = WrongCells(table.file)
    for name in (area, people, having):
        if name not in names:
            wrong.add(table.head, name, "monitor.no_such_column")
    wrong.check()
    known: dict[str, Area] = {}
    for at, row in _rows(table, len(names), wrong):
        name, lives, has = (row[names.index(column)] for column in (area, people, having))
        chosen = selected.get(name)
        if chosen is None or is_withheld(lives) or is_withheld(has):
            continue
        inhabitants = _number(lives, wrong, at, people)
        number = _number(has, wrong, at, having, whole=not percent)
        if inhabitants is None or number is None:
            continue
        its = round(inhabitants), round(inhabitants * number / 100 if percent else number), chosen
        if max(its) > its[0]:
            wrong.add(at, having, "monitor.more_than_live_there")
            continue
        if name in known:
            wrong.add(at, area, "monitor.groups_twice")
        known[name] = Area(*its)
    wrong.check()
    try:
        return Areas(tuple(known.values()), tuple(sorted(selected.keys() - known)), bounds([*known.values()]))
    except ValueError:
        wrong.add(table.head, having, "monitor.nobody_or_all")
        raise wrong.error from None


def _selected(table: TableRows) -> dict[str, int | None]:
    """How many of each area; None where that is withheld."""
    wrong = WrongCells(table.file)
    selected: dict[str, int | None] = {}
    for at, (name, count) in _rows(table, 2, wrong):
        if name in selected:
            wrong.add(at, table.names[0], "monitor.groups_twice")
        number = None if is_withheld(count) else _number(count, wrong, at, table.names[1])
        selected[name] = None if number is None else round(number)
    wrong.check()
    return selected


def _rows(table: TableRows, width: int, wrong: WrongCells) -> tuple[tuple[int, list[str]], ...]:
    """The rows under the heading, without a note at the end."""
    rows = table.rows
    if rows and len(rows[-1][1]) == 1 < width:
        rows = rows[:-1]
    for at, row in rows:
        if len(row) != width:
            wrong.add(at, "-", "monitor.other_width", values=len(row), width=width)
    wrong.check()
    return rows


def _number(text: str, wrong: WrongCells, row: int, column: str, *, whole: bool = True) -> float | None:
    """A number of zero or more; with decimals only where it is not a `whole` one, since a point may stand for thousands."""
    if (_WHOLE if whole else _DECIMAL).fullmatch(text):
        return float(text.replace(",", "."))
    wrong.add(row, column, "monitor.count_written_otherwise" if whole else "monitor.no_number")
    return None
