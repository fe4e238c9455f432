"""The columns of a drop and of a release, as both sides must make and check them.

A drop holds one row per record: fixed-width columns only, so that its size tells nothing but its row count,
and positions instead of texts, so that nothing can be written into it that the manifest does not list.
A part is its columns one after another, so that its length is the whole check of its form (`protocol.tables`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from lsi_match.base.errors import LsiError
from lsi_match.manifest import UNKNOWN, Manifest, Partner
from lsi_match.protocol.group_cells import cell_names

ColumnType = Literal["block", "uint64", "uint16", "uint8", "boolean", "sealed"]

REFERENCE: Final = "reference"
SELECTION: Final = "selection"
SIGNALS: Final = "signals"
GROUP: Final = "group"
#: Of a record in the matcher: the group cell that a statistics partner tells. No name of a column can begin so.
WATCHED: Final = " watched"
CASE: Final = "case_id"
SEALED: Final = "sealed"

#: What sealing adds to a cell: the nonce and the tag of AES-GCM.
SEAL_BYTES: Final = 12 + 16
#: Bytes of one cell. A boolean is 0 or 1. How wide a sealed cell is, follows from what is in it.
WIDTH: Final[dict[str, int]] = {"block": 16, "uint64": 8, "uint16": 2, "uint8": 1, "boolean": 1}


@dataclass(frozen=True)
class Column:
    """A column, without empty cells: `block` is 16 bytes of fixed width, `sealed` holds so many attributes."""

    name: str
    type: ColumnType
    attributes: int = 0

    @property
    def width(self) -> int:
        """Bytes of one cell."""
        if self.type == "sealed":
            return WIDTH["uint16"] * self.attributes + SEAL_BYTES
        return WIDTH[self.type]


def row_width(columns: Sequence[Column]) -> int:
    """Bytes of one row."""
    return sum(column.width for column in columns)


def attribute_column(attribute: str) -> str:
    """The drop column of an attribute."""
    return f"attribute_{attribute}"


def drop_columns(manifest: Manifest, partner: Partner) -> tuple[Column, ...]:
    """The columns of a drop of `partner`, in order: the widest first, so that every number is where processors want it.

    One `block` per kind of pseudonym of the subject (16 zero bytes where the record has none, so that how many have
    one does not show in the size), the record reference, the signals as bits in the order of `Partner.signals`, one
    position per attribute that the match rule looks at (65535: no value), the position of the selection in the
    partner's list, and the group cell of the monitor (255: unknown). Attributes for other partners are sealed, in one
    cell. A statistics partner tells the first kind of pseudonym, the selection and the group, and nothing else.
    """
    if partner.counts_only:
        return Column(manifest.subject.kinds[0], "block"), Column(SELECTION, "uint8"), Column(GROUP, "uint8")
    return (*_row_columns(manifest, partner.rule_attribute_ids), *_sealed(partner))


def columns_to_seal(manifest: Manifest, partner: Partner) -> tuple[Column, ...]:
    """The columns of a drop while it is made: with all attributes, before those for other partners are sealed."""
    return _row_columns(manifest, partner.attribute_ids)


def _row_columns(manifest: Manifest, attributes: Sequence[str]) -> tuple[Column, ...]:
    return (
        *(Column(kind, "block") for kind in manifest.subject.kinds),
        Column(REFERENCE, "block"),
        Column(SIGNALS, "uint64"),
        *(Column(attribute_column(a), "uint16") for a in attributes),
        Column(SELECTION, "uint8"),
        Column(GROUP, "uint8"),
    )


def _sealed(partner: Partner) -> tuple[Column, ...]:
    shown = len(partner.shown_attribute_ids)
    return (Column(SEALED, "sealed", shown),) if shown else ()


@dataclass(frozen=True)
class ReleasedColumn(Column):
    """A column of a release and where it comes from.

    `source` is `case`, `reference` or `selection` (the recipient's own), `partner` (is `other` in the case) or
    `signal` (has any record of `other` in the case this signal).
    """

    source: Literal["case", "reference", "selection", "partner", "signal"] = "case"
    other: str = ""
    item: str = ""


def release_columns(manifest: Manifest, recipient: str) -> tuple[ReleasedColumn, ...]:
    """What `recipient` may get of each case, but for attributes. What is not listed here is never written.

    One row per own record in a case: the case id, the own reference and selection; for every other partner
    named in `release.to` whether it is in the case, and its signals (`<partner>_<signal>`) where named there.
    """
    show = manifest.release.to[recipient]
    columns = [
        ReleasedColumn(CASE, "block"),
        ReleasedColumn(REFERENCE, "block", source="reference"),
        ReleasedColumn(SELECTION, "uint8", source="selection"),
    ]
    for other, partner in manifest.partners.items():
        if other in show.signals_of or other in show.attributes_of:
            columns.append(ReleasedColumn(other, "boolean", source="partner", other=other))
        if other in show.signals_of:
            columns += [
                ReleasedColumn(f"{other}_{s.id}", "boolean", source="signal", other=other, item=s.id)
                for s in partner.signals
            ]
    return tuple(columns)


def released_attribute_columns(partner: Partner) -> tuple[Column, ...]:
    """What a recipient gets of the attributes of `partner`: one row per record of it in a case of the recipient, with
    what its sealed attributes are bound to."""
    bound = (Column(CASE, "block"), Column(REFERENCE, "block"), Column(SELECTION, "uint8"))
    return (*bound, *_sealed(partner))


def attribute_sources(manifest: Manifest, recipient: str) -> tuple[str, ...]:
    """The partners of which `recipient` gets attributes, in the order of the manifest."""
    named = manifest.release.to[recipient].attributes_of
    return tuple(name for name, one in manifest.partners.items() if name in named and one.shown_attribute_ids)


def attribute_recipients(manifest: Manifest, source: str) -> tuple[str, ...]:
    """Who gets the attributes of `source`, in order."""
    return tuple(sorted(name for name in manifest.release.to if source in attribute_sources(manifest, name)))


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
            monitor = manifest.monitor_for(partner.selections[0])
            return f"{number} ({cell_names(monitor)[number] or UNKNOWN})"
        (attribute, *_) = (a for a in partner.attributes if attribute_column(a.id) == column.name)
        return f"{number} ({attribute.label(number)})"
    except LookupError:
        return f"{number} (?)"
