"""A part for people: what its columns are, and what one row says by the manifest."""

from __future__ import annotations

from collections.abc import Sequence

from lsi_match.base.errors import LsiError
from lsi_match.manifest import UNKNOWN, Manifest, Partner
from lsi_match.protocol.columns import (
    GROUP,
    SELECTION,
    SIGNALS,
    Column,
    attribute_column,
    drop_columns,
    row_width,
)
from lsi_match.protocol.group_cells import cell_names


def row_of(part: bytes, manifest: Manifest, partner: Partner, number: int) -> dict[str, str]:
    """Row `number` (from 1 on) of an opened part of a drop: column → its bytes in hex, or what its number means.

    Raises:
        RowUnreadableError: the part is no whole number of rows, or has fewer.
    """
    columns = drop_columns(manifest, partner)
    rows, rest = divmod(len(part), row_width(columns))
    if rest or not 1 <= number <= rows:
        raise LsiError("RowUnreadableError", bytes=len(part), width=row_width(columns), row=number)
    return {
        column.name: _meaning(column, part[start : start + column.width], manifest, partner)
        for column, start in _cells(columns, rows, number)
    }


def _cells(columns: Sequence[Column], rows: int, number: int) -> list[tuple[Column, int]]:
    """Where the cells of a row begin."""
    found, start = [], 0
    for column in columns:
        found.append((column, start + (number - 1) * column.width))
        start += rows * column.width
    return found


def _meaning(column: Column, cell: bytes, manifest: Manifest, partner: Partner) -> str:
    if column.type in ("block", "sealed"):
        return cell.hex()
    number = int.from_bytes(cell, "little")
    try:
        if column.name == SELECTION:
            return f"{number} ({partner.selections[number].id})"
        if column.name == SIGNALS:
            set_ = [signal.id for bit, signal in enumerate(partner.signals) if number >> bit & 1]
            return f"{number} ({', '.join(set_)})"
        if column.name == GROUP:
            return f"{number} ({cell_names(manifest.monitor)[number] or UNKNOWN})"
        (attribute, *_) = (a for a in partner.attributes if attribute_column(a.id) == column.name)
        return f"{number} ({attribute.label(number)})"
    except LookupError:
        return f"{number} (?)"
