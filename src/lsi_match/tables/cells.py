"""Cells of a spreadsheet or an SQLite table, each of a type of its own, as the text that a person would write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from lsi_match.tables.stored import Kind

if TYPE_CHECKING:
    import pyarrow as pa

#: From here a spreadsheet, and a float, no longer hold every whole number.
_EXACT = 10**15


@dataclass(frozen=True)
class NoValue:
    """A cell of which nobody can tell what should stand there, and why: a formula that was not calculated or gave an error, or a
    cell that is merged with another."""

    kind: Kind

    def __str__(self) -> str:
        return "#" if self.kind is Kind.NO_RESULT else ""


def kind_of_cell(value: Any) -> Kind:
    """What one cell holds."""
    if isinstance(value, NoValue):
        return value.kind
    if value is None or value == "":
        return Kind.NOTHING
    if isinstance(value, bool):
        return Kind.BOOLEAN
    if isinstance(value, int):
        return Kind.WHOLE
    if isinstance(value, float):
        return Kind.WHOLE if value.is_integer() and abs(value) < _EXACT else Kind.FLOAT
    if isinstance(value, datetime):
        return Kind.DATE if value.time() == time() else Kind.MOMENT
    if isinstance(value, date):
        return Kind.DATE
    if isinstance(value, (time, timedelta)):
        return Kind.TIME
    return Kind.TEXT if isinstance(value, str) else Kind.BINARY


def text_of_cell(value: Any) -> str | None:
    """One cell as text: nothing for an empty one, 4 decimals at least for what is no whole number, ISO 8601 for a day."""
    kind = kind_of_cell(value)
    if kind is Kind.NOTHING:
        return None
    if kind is Kind.WHOLE:
        return str(int(value))
    if kind is Kind.FLOAT:
        near = round(value, 4)
        exact = f"{Decimal(repr(near if abs(value - near) <= 1e-9 * max(1.0, abs(value)) else value)):f}"
        whole, _, decimals = exact.partition(".")
        return f"{whole}.{decimals.ljust(4, '0')}" if whole.lstrip("-").isdigit() else exact
    if kind is Kind.BOOLEAN:
        return "true" if value else "false"
    if kind is Kind.DATE:
        return f"{value:%Y-%m-%d}" if value.year > 999 else value.isoformat()[:10]
    return value if isinstance(value, str) else str(value)


def batch_of(
    rows: Sequence[Sequence[Any]], places: Iterable[int], digits: Sequence[int] = ()
) -> pa.RecordBatch:
    """The cells at these places of each row, as text, in columns c0, c1 …; whole numbers with zeros before them, to so
    many digits."""
    import pyarrow as pa

    places = list(places)
    widths = digits or [0] * len(places)

    def texts(at: int, width: int) -> list[str | None]:
        cells = [row[at] if at < len(row) else None for row in rows]
        if not width:
            return [text_of_cell(cell) for cell in cells]
        return [
            str(text_of_cell(cell)).zfill(width) if kind_of_cell(cell) is Kind.WHOLE else text_of_cell(cell)
            for cell in cells
        ]

    columns = [pa.array(texts(at, width), pa.string()) for at, width in zip(places, widths, strict=True)]
    return pa.RecordBatch.from_arrays(columns, [f"c{at}" for at in range(len(columns))])
