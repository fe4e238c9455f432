"""Reading a table of counts of somebody's own: the whole `CountsTable` as YAML or JSON, or a plain CSV or spreadsheet.

The CSV (or spreadsheet) has a heading. Columns that hold text are dimensions, in each row the group; the other columns are stages in
their order, the first the reference, and hold whole numbers. An empty cell, `<10` or `*` is a withheld count. Each
stage is compared with the first and with the one before it. Semicolons and commas are both read. A group `unknown` or
`onbekend` holds those of whom it is not known.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from lsi_match.base.errors import LsiError
from lsi_match.base.files import read_text
from lsi_match.base.yaml_positions import parse_yaml
from lsi_match.monitor.groups import UNKNOWN
from lsi_match.monitor.plausible import implausible
from lsi_match.monitor.table import SEPARATOR, CountsTable
from lsi_match.tables.rows import TableRows
from lsi_match.tables.unreadable import TableUnreadable

_LARGEST = 10_000
WITHHELD = ("", "*", "-", "x")
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
    except TableUnreadable as problem:
        raise CountsFileError.saying(
            problem.told("nl"),
            problem.told("en"),
            file=file.name,
            row=problem.row or 1,
            column=problem.column or "-",
        ) from None


def wrong_in(table: TableRows, row: int, column: str, key: str, **facts: int) -> LsiError:
    """What is wrong in a row, to be raised."""
    return CountsFileError.because(key, file=table.file, row=row, column=column, **facts)


def _from_rows(read: TableRows) -> CountsTable:
    if not read.rows:
        raise wrong_in(read, read.head, "-", "monitor.no_rows")
    names, numbers = read.names, [at for at, _ in read.rows[:_LARGEST]]
    body = [
        [UNKNOWN if cell.lower() in _UNKNOWN else cell for cell in row] for _, row in read.rows[:_LARGEST]
    ]
    for at, row in zip(numbers, body, strict=True):
        if len(row) != len(names):
            raise wrong_in(read, at, "-", "monitor.uneven_row", values=len(row), names=len(names))
    if len(set(names)) < len(names) or "" in names:
        raise wrong_in(read, read.head, "-", "monitor.same_names")
    counted = [at for at in range(len(names)) if all(_is_count(row[at]) for row in body)]
    textual = [at for at in range(len(names)) if at not in counted]
    if textual != list(range(len(textual))) or not 1 <= len(textual) <= 4 or len(counted) < 2:
        at = next((at for at in textual if at > min(counted, default=0)), len(names) - 1)
        row_at = next((n for n, row in zip(numbers, body, strict=True) if not _is_count(row[at])), read.head)
        raise wrong_in(read, row_at, names[at], "monitor.order_of_columns")
    cells = [SEPARATOR.join(row[at] for at in textual) for row in body]
    for place, (at, cell) in enumerate(zip(numbers, cells, strict=True)):
        if cell in cells[:place]:
            raise wrong_in(read, at, names[0], "monitor.groups_twice")
        if any(not row_cell or SEPARATOR in row_cell for row_cell in (body[place][n] for n in textual)):
            raise wrong_in(read, at, names[0], "monitor.unnamed_group")
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
        at, column = numbers[cells.index(found.cell)], found.stage or names[0]
        raise CountsFileError.saying(found.nl, found.en, file=read.file, row=at, column=column)
    return table


def _before(counted: list[int], position: int, names: Sequence[str]) -> Iterator[str]:
    if position:
        yield names[counted[0]]
    if position > 1:
        yield names[counted[position - 1]]


def _is_count(text: str) -> bool:
    return text in WITHHELD or text.startswith("<") or (text.isascii() and text.isdigit())


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None
