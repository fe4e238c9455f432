"""The columns of a drop and of a release, as both sides must make and check them.

A drop holds one row per record: fixed-width columns only, so that its size tells nothing but its row count,
and positions instead of texts, so that nothing can be written into it that the manifest does not list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from lsi_match.manifest import Manifest, Partner

ColumnType = Literal["block", "uint8", "uint16", "uint64", "text", "boolean"]

REFERENCE: Final = "reference"
SELECTION: Final = "selection"
SIGNALS: Final = "signals"
GROUP: Final = "group"
CASE: Final = "case_id"


@dataclass(frozen=True)
class Column:
    """A column, without empty cells: `block` is 16 bytes of fixed width."""

    name: str
    type: ColumnType


#: Bytes of one cell of a drop.
WIDTH: Final[dict[str, int]] = {"block": 16, "uint8": 1, "uint16": 2, "uint64": 8}


def attribute_column(attribute: str) -> str:
    """The drop column of an attribute."""
    return f"attribute_{attribute}"


def drop_columns(manifest: Manifest, partner: Partner) -> tuple[Column, ...]:
    """The columns of a drop of `partner`, in order.

    One `block` per kind of pseudonym of the subject (16 zero bytes where the record has none, so that how many have
    one does not show in the size), the record reference, the
    position of the selection in the partner's list, the signals as bits in the order of `Partner.signals`, the
    group cell of the monitor (255: unknown), and one position per attribute (65535: no value).
    """
    return (
        *(Column(kind, "block") for kind in manifest.subject.kinds),
        Column(REFERENCE, "block"),
        Column(SELECTION, "uint8"),
        Column(SIGNALS, "uint64"),
        Column(GROUP, "uint8"),
        *(Column(attribute_column(a), "uint16") for a in partner.attribute_ids),
    )


@dataclass(frozen=True)
class ReleasedColumn:
    """A column of a release and where it comes from.

    `source` is `case`, `reference` or `selection` (the recipient's own), `partner` (is `other` in the case),
    `signal` (has any record of `other` in the case this signal) or `attribute` (its values, as text).
    """

    name: str
    type: ColumnType
    source: Literal["case", "reference", "selection", "partner", "signal", "attribute"]
    other: str = ""
    item: str = ""


def release_columns(manifest: Manifest, recipient: str) -> tuple[ReleasedColumn, ...]:
    """Everything `recipient` may get, field by field. What is not listed here is never written.

    One row per own record in a case: the case id, the own reference and selection; for every other partner
    named in `release.to` whether it is in the case, its signals (`<partner>_<signal>`) and its attributes
    (`<partner>.<attribute>`) as far as named there.
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
        if other in show.attributes_of:
            columns += [
                ReleasedColumn(f"{other}.{a}", "text", "attribute", other, a)
                for a in partner.shown_attribute_ids
            ]
    return tuple(columns)
