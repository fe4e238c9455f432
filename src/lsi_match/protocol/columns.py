"""The columns of a drop and of a release, as both sides must make and check them.

A drop holds one row per record: fixed-width columns only, so that its size tells nothing but its row count,
and positions instead of texts, so that nothing can be written into it that the manifest does not list.
A part is its columns one after another, so that its length is the whole check of its form (`protocol.tables`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from lsi_match.manifest import Manifest, Partner

ColumnType = Literal["block", "uint64", "uint16", "uint8", "boolean"]

REFERENCE: Final = "reference"
SELECTION: Final = "selection"
SIGNALS: Final = "signals"
GROUP: Final = "group"
CASE: Final = "case_id"

#: Bytes of one cell. A boolean is 0 or 1.
WIDTH: Final[dict[str, int]] = {"block": 16, "uint64": 8, "uint16": 2, "uint8": 1, "boolean": 1}


@dataclass(frozen=True)
class Column:
    """A column, without empty cells: `block` is 16 bytes of fixed width."""

    name: str
    type: ColumnType

    @property
    def width(self) -> int:
        """Bytes of one cell."""
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
    position per attribute (65535: no value), the position of the selection in the partner's list, and the group cell
    of the monitor (255: unknown).
    """
    return (
        *(Column(kind, "block") for kind in manifest.subject.kinds),
        Column(REFERENCE, "block"),
        Column(SIGNALS, "uint64"),
        *(Column(attribute_column(a), "uint16") for a in partner.attribute_ids),
        Column(SELECTION, "uint8"),
        Column(GROUP, "uint8"),
    )


@dataclass(frozen=True)
class ReleasedColumn(Column):
    """A column of a release and where it comes from.

    `source` is `case`, `reference` or `selection` (the recipient's own), `partner` (is `other` in the case) or
    `signal` (has any record of `other` in the case this signal).
    """

    source: Literal["case", "reference", "selection", "partner", "signal"]
    other: str = ""
    item: str = ""


def release_columns(manifest: Manifest, recipient: str) -> tuple[ReleasedColumn, ...]:
    """What `recipient` may get of each case, but for attributes. What is not listed here is never written.

    One row per own record in a case: the case id, the own reference and selection; for every other partner
    named in `release.to` whether it is in the case, and its signals (`<partner>_<signal>`) where named there.
    """
    show = manifest.release.to[recipient]
    columns = [
        ReleasedColumn(CASE, "block", "case"),
        ReleasedColumn(REFERENCE, "block", "reference"),
        ReleasedColumn(SELECTION, "uint8", "selection"),
    ]
    for other, partner in manifest.partners.items():
        if other in show.signals_of or other in show.attributes_of:
            columns.append(ReleasedColumn(other, "boolean", "partner", other))
        if other in show.signals_of:
            columns += [
                ReleasedColumn(f"{other}_{s.id}", "boolean", "signal", other, s.id) for s in partner.signals
            ]
    return tuple(columns)


def released_attribute_columns(partner: Partner) -> tuple[Column, ...]:
    """What a recipient gets of the attributes of `partner`: one row per record of it in a case of the recipient."""
    attributes = (Column(attribute_column(a), "uint16") for a in partner.shown_attribute_ids)
    return (Column(CASE, "block"), *attributes)


def attribute_sources(manifest: Manifest, recipient: str) -> tuple[str, ...]:
    """The partners of which `recipient` gets attributes, in the order of the manifest."""
    named = manifest.release.to[recipient].attributes_of
    return tuple(name for name, one in manifest.partners.items() if name in named and one.shown_attribute_ids)
