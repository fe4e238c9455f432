"""Grounds of discrimination and their proxies: which fields of a manifest have to do with one, and where they count.

A manifest says of each field whether it has to do with such a characteristic (`SourceField.characteristic`), and in
one place (`Manifest.characteristics`) why that is justified. What a predicate looks at is found through its parse, so
a field deep inside an expression counts as well. Names that betray a characteristic nobody declared are found with the
list `data/characteristics.csv`: one characteristic a line, with its source. Lengthen it there.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lsi_match.manifest import Manifest, Selection


class CharacteristicKind(StrEnum):
    """`ground`: a ground of discrimination. `proxy`: often goes together with one."""

    GROUND = "ground"
    PROXY = "proxy"


@dataclass(frozen=True)
class Known:
    """A line of the list: what it is called, by which words a field betrays it, and who says so. `special` is the
    article of the GDPR that makes it a special category of personal data (9, or 10), or empty."""

    name: str
    kind: CharacteristicKind
    special: str
    nl: str
    en: str
    words: tuple[str, ...]
    source: str


@cache
def known_characteristics() -> dict[str, Known]:
    """The list, by name."""
    text = files("lsi_match.manifest").joinpath("data/characteristics.csv").read_text("utf-8")
    return {
        row["name"]: Known(
            row["name"],
            CharacteristicKind(row["kind"]),
            row["special"],
            row["nl"],
            row["en"],
            tuple(row["words"].split()),
            row["source"],
        )
        for row in csv.DictReader(text.splitlines())
    }


@dataclass(frozen=True)
class CharacteristicUse:
    """A place where a characteristic counts.

    Attributes:
        place: `partner.selection.part.id`, of which part is `criteria`, `signals` or `attributes`.
        field: the field through which.
    """

    characteristic: str
    place: str
    field: str


def uses(manifest: Manifest) -> list[CharacteristicUse]:
    """Every place where a declared characteristic helps decide who is selected, why, or what is told of them. The
    groups of the monitor do not: they are what it is for."""
    return [
        CharacteristicUse(characteristic, f"{partner}.{selection.id}.{part}", field)
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
    """Fields whose name holds a word of the list and that declare no characteristic, but for those that only say who or
    where somebody is; of fields that help decide, the meaning is looked at as well."""
    found = []
    for partner, selection in manifest.selections():
        decides = {field for _, field in _looked_at(selection)}
        identifies = {name for source in selection.identifiers for name in source.fields}
        identifies |= set(selection.person.values())
        for name, field in selection.fields.items():
            if field.characteristic is not None or name in identifies - decides:
                continue
            known = _betrayed(name.split("_"), name)
            if known is None and name in decides:
                known = _betrayed(re.split(r"[\W_]+", field.meaning.lower()))
            if known:
                found.append(Undeclared(partner, selection.id, name, known))
    return found


#: Words of at least so many letters are found at the begin and end of longer ones as well: `herkomstland`.
_LONG = 7


def _betrayed(parts: list[str], name: str = "") -> Known | None:
    for known in known_characteristics().values():
        for word in known.words:
            if word == name or any(_is_in(word, part) for part in parts):
                return known
    return None


def _is_in(word: str, part: str) -> bool:
    return part == word or (len(word) >= _LONG and (part.startswith(word) or part.endswith(word)))


@dataclass(frozen=True)
class SpecialGroup:
    """A dimension of the monitor that would count people by a special category of personal data.

    Attributes:
        word: the field, or the name or label of the dimension or group, that shows it.
    """

    dimension: str
    word: str
    known: Known


def special_groups(manifest: Manifest) -> list[SpecialGroup]:
    """Dimensions that look at a special category (art. 9 and 10 GDPR): through the characteristic that a field
    declares, or by a word of the list in the name of a field, a dimension or a group, or in a label."""
    found = []
    for dimension in manifest.monitor.dimensions:
        names = [dimension.id, dimension.label, *(text for g in dimension.groups for text in (g.id, g.label))]
        words = {name: known for name in names if (known := _special_word(name))}
        for _, selection in manifest.selections():
            for predicate in manifest.group_predicates(selection).get(dimension.id, {}).values():
                for field in predicate.fields:
                    declared = known_characteristics().get(selection.fields[field].characteristic or "")
                    known = declared if declared and declared.special else _special_word(field)
                    if known:
                        words[field] = known
        found += [SpecialGroup(dimension.id, word, known) for word, known in words.items()]
    return found


def _special_word(text: str) -> Known | None:
    parts = set(re.split(r"[\W_]+", text.lower())) | {text}
    return next((k for k in known_characteristics().values() if k.special and parts & set(k.words)), None)
