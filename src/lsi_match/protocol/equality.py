"""Grounds of discrimination and their proxies: which fields of a manifest have to do with one, and where they count.

A manifest says of each field whether it has to do with such a characteristic (`SourceField.characteristic`), and in
one place (`Manifest.characteristics`) why that is justified. What a predicate looks at is found through its parse, so
a field deep inside an expression counts as well. Names that betray a characteristic nobody declared are found with the
list `data/characteristics.csv`: one characteristic a line, with its source. Lengthen it there.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lsi_match.protocol.manifest import Manifest, Selection


class CharacteristicKind(StrEnum):
    """`ground`: a ground of discrimination. `proxy`: often goes together with one."""

    GROUND = "ground"
    PROXY = "proxy"


@dataclass(frozen=True)
class Known:
    """A line of the list: what it is called, by which words a field betrays it, and who says so."""

    name: str
    kind: CharacteristicKind
    nl: str
    en: str
    words: tuple[str, ...]
    source: str


@cache
def known_characteristics() -> dict[str, Known]:
    """The list, by name."""
    text = files("lsi_match.protocol").joinpath("data/characteristics.csv").read_text("utf-8")
    return {
        row["name"]: Known(
            row["name"],
            CharacteristicKind(row["kind"]),
            row["nl"],
            row["en"],
            tuple(row["words"].split()),
            row["source"],
        )
        for row in csv.DictReader(text.splitlines())
    }


@dataclass(frozen=True)
class Use:
    """A place where a characteristic counts.

    Attributes:
        place: `partner.selection.part.id`, of which part is `criteria`, `signals` or `attributes`.
        field: the field through which.
    """

    characteristic: str
    place: str
    field: str


def uses(manifest: Manifest) -> list[Use]:
    """Every place where a declared characteristic helps decide who is selected, why, or what is told of them. The
    groups of the monitor do not: they are what it is for."""
    return [
        Use(characteristic, f"{partner}.{selection.id}.{part}", field)
        for partner, selection in manifest.selections()
        for part, field in _looked_at(selection)
        if (characteristic := selection.fields[field].characteristic)
    ]


def _looked_at(selection: Selection) -> Iterator[tuple[str, str]]:
    for part, predicates in (
        ("criteria", selection.predicates()),
        ("signals", selection.signal_predicates()),
    ):
        for name, predicate in predicates.items():
            for field in predicate.fields:
                yield f"{part}.{name}", field
    for attribute in selection.attributes:
        yield f"attributes.{attribute.id}", attribute.field


@dataclass(frozen=True)
class Undeclared:
    """A field that seems to have to do with a characteristic, of which the manifest says nothing."""

    partner: str
    selection: str
    field: str
    characteristic: Known


def undeclared(manifest: Manifest) -> list[Undeclared]:
    """Fields that help decide, whose name holds a word of the list, and that declare no characteristic."""
    return [
        Undeclared(partner, selection.id, name, known)
        for partner, selection in manifest.selections()
        for name in dict.fromkeys(field for _, field in _looked_at(selection))
        if selection.fields[name].characteristic is None and (known := _betrayed(name))
    ]


def _betrayed(name: str) -> Known | None:
    parts = set(name.split("_")) | {name}
    return next((known for known in known_characteristics().values() if parts & set(known.words)), None)
