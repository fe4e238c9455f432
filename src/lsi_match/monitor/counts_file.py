"""Reading a table of counts of somebody's own: the whole `CountsTable` as YAML or JSON, or a plain CSV or spreadsheet.

The CSV (or spreadsheet) has a heading. Columns that hold text are dimensions, in each row the group; the other columns are stages in
their order, the first the reference, and hold whole numbers. An empty cell, `<10` or `*` is a withheld count. Each
stage is compared with the first and with the one before it. Semicolons and commas are both read. A group `unknown` or
`onbekend` holds those of whom it is not known.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from lsi_match.base.errors import Fact, LsiError, all_wrong, problem, words
from lsi_match.base.files import read_text
from lsi_match.base.yaml_positions import parse_yaml
from lsi_match.monitor.groups import UNKNOWN
from lsi_match.monitor.plausible import implausible
from lsi_match.monitor.table import SEPARATOR, CountsTable
from lsi_match.tables.rows import TableRows
from lsi_match.tables.unreadable import TableUnreadable

_LARGEST = 10_000
_WITHHELD = ("", "*", "-", "x", ".")
_NUMBER = re.compile(r"[-+]?\d[\d.,'’\s]*[%*]?")
#: What the group of those is called of whom it is not known.
_UNKNOWN = ("unknown", "onbekend")


class CountsFileError(LsiError): ...


class CountsImpossibleError(LsiError): ...


def read_counts(file: Path) -> CountsTable:
    """The counts in `file`.

    Raises:
        CountsFileError: file, row and column of what cannot be read, or cannot be (`implausible`).
        CountsImpossibleError: file, group and stage of what cannot be, where there are no rows.
        FileMissingError, and what `parse_yaml` raises: as named.
    """
    if file.suffix.lower() in (".yaml", ".yml", ".json"):
        table = parse_yaml(read_text(file).removeprefix("\ufeff"), file.name, CountsTable)
        for found in implausible(table):
            raise CountsImpossibleError.saying(
                found.nl, found.en, file=file.name, group=found.cell, stage=found.stage or "-"
            )
        return table
    return _from_rows(rows_in(file))


def rows_in(file: Path, wanted: Collection[str] = ()) -> TableRows:
    """The rows of a table of counts or figures.

    Raises:
        CountsFileError, FileMissingError: as named.
    """
    try:
        return TableRows.of(file, wanted)
    except TableUnreadable as unreadable:
        wrong = WrongCells(file.name)
        wrong.say(unreadable.row or 1, unreadable.column or "-", unreadable.told("nl"), unreadable.told("en"))
        raise wrong.error from None


class WrongCells:
    """What is wrong in the cells of a table, all of it, before anything is made of them."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._rows: dict[tuple[str, str, str], list[int]] = {}

    def add(self, row: int, column: str, key: str, /, **facts: Fact) -> None:
        """One more; the same in several rows of a column is told once."""
        nl, en = problem(key, **facts)
        self.say(row, column, nl, en)

    def say(self, row: int, column: str, nl: str, en: str) -> None:
        """One more, in words."""
        self._rows.setdefault((column, nl, en), []).append(row)

    @property
    def error(self) -> CountsFileError:
        """All that is wrong; there is something."""
        told = (
            problem(
                "monitor.in_rows",
                file=self._file,
                rows=_first_of(rows),
                column=column,
                **words("problem", nl, en),
            )
            for (column, nl, en), rows in self._rows.items()
        )
        return CountsFileError(**all_wrong(told, "\n"))

    def check(self) -> None:
        """Raises CountsFileError where anything is wrong."""
        if self._rows:
            raise self.error


def _first_of(rows: Sequence[int]) -> str:
    return ", ".join(map(str, rows[:8])) + (f" … ({len(rows)})" if len(rows) > 8 else "")


def _from_rows(read: TableRows) -> CountsTable:
    wrong, names = WrongCells(read.file), read.names
    rows = [
        (at, [UNKNOWN if cell.lower() in _UNKNOWN else cell for cell in row])
        for at, row in read.rows[:_LARGEST]
    ]
    if not rows:
        wrong.add(read.head, "-", "monitor.no_rows")
    if len(set(names)) < len(names) or "" in names:
        wrong.add(read.head, "-", "monitor.same_names")
    for at, row in rows:
        if len(row) != len(names):
            wrong.add(at, "-", "monitor.uneven_row", values=len(row), names=len(names))
    wrong.check()
    numbers, body = [at for at, _ in rows], [row for _, row in rows]
    counted = [at for at in range(len(names)) if _holds_counts([row[at] for row in body])]
    textual = [at for at in range(len(names)) if at not in counted]
    if textual != list(range(len(textual))) or not 1 <= len(textual) <= 4 or len(counted) < 2:
        at = next((at for at in textual if at > min(counted, default=0)), len(names) - 1)
        wrong.add(read.head, names[at], "monitor.order_of_columns")
        wrong.check()
    for row_at, row in rows:
        for at in counted:
            if not _is_count(row[at]):
                wrong.add(row_at, names[at], "monitor.count_written_otherwise")
    cells = [SEPARATOR.join(row[at] for at in textual) for row in body]
    for place, (at, cell) in enumerate(zip(numbers, cells, strict=True)):
        if cell in cells[:place]:
            wrong.add(at, names[0], "monitor.groups_twice")
        if any(not group or SEPARATOR in group for group in (body[place][n] for n in textual)):
            wrong.add(at, names[0], "monitor.unnamed_group")
    wrong.check()
    table = CountsTable.model_validate(
        {
            "title": Path(read.file).stem,
            "dimensions": [
                {"id": names[at], "label": names[at], "groups": {row[at]: row[at] for row in body}}
                for at in textual
            ],
            "stages": [
                {
                    "id": names[at],
                    "label": names[at],
                    "kind": "criterion" if position else "reference",
                    "against": list(_before(counted, position, names)),
                    "counts": {cell: _number(row[at]) for cell, row in zip(cells, body, strict=True)},
                }
                for position, at in enumerate(counted)
            ],
        }
    )
    for found in implausible(table):
        wrong.say(numbers[cells.index(found.cell)], found.stage or names[0], found.nl, found.en)
    wrong.check()
    return table


def _before(counted: list[int], position: int, names: Sequence[str]) -> Iterator[str]:
    if position:
        yield names[counted[0]]
    if position > 1:
        yield names[counted[position - 1]]


def _holds_counts(cells: Sequence[str]) -> bool:
    """Whether a column is one of counts: half of it or more looks like numbers, however they are written."""
    return sum(_is_count(cell) or _NUMBER.fullmatch(cell) is not None for cell in cells) * 2 >= len(cells)


def _is_count(text: str) -> bool:
    return is_withheld(text) or (text.isascii() and text.isdigit())


def is_withheld(text: str) -> bool:
    """Whether a cell says that its number is not told."""
    return text in _WITHHELD or text.startswith("<")


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None
