"""The databases that a statement can be made for, and how each of them writes what the criteria language knows.

The databases themselves stand in `dialects.toml`. See docs/statements.md for what each of them does otherwise than the
language, and what is done about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from lsi_match.base.catalogue import catalogue
from lsi_match.base.errors import Language
from lsi_match.criteria.parse import FieldType


class Caveat(StrEnum):
    """What a predicate uses of which a database may have something to say."""

    TEXT = "text"
    NOT_ASCII_CASE = "case"
    LENGTH = "length"
    UNDERSCORE = "underscore"
    BACKSLASH = "backslash"
    PRODUCT = "product"
    WHOLE_NUMBERS = "whole numbers"
    DECIMAL = "decimal"
    DATE = "date"
    DAYS = "days"


class Quotes(StrEnum):
    """How a text is written between quotes."""

    DOUBLED = "a quote is doubled"
    NATIONAL = "N'…', a quote is doubled"
    DOUBLED_BACKSLASH = "a quote is doubled, and a backslash"
    ESCAPED = "a quote has a backslash before it, and so has a backslash"


class LikeSyntax(StrEnum):
    """What LIKE takes for special beside % and _."""

    PLAIN = "nothing"
    BACKSLASH = "a backslash"
    BRACKETS = "[ ]"
    GLOB = "not LIKE but GLOB"


@dataclass(frozen=True)
class Dialect:
    """How one database writes what the language knows.

    Attributes:
        product: the database and the first version that it is written for.
        quote: before and after a name; the last one is doubled inside.
        read: how a field is read from the partner's own column `{x}`, per type.
        parameter: the reference date as a parameter.
        set_parameter: how to set it; `{d}` is a date.
        day, month, year: boundaries between dates `{a}` and `{b}`.
        booleans: whether a condition is a value. If not, booleans are 1 and 0.
        pads: `=` does not see spaces at the end, in some comparison.
        append: `{x}` with a full stop after it.
        constant: a comparison in which no field occurs: its left side.
        exactly: the left side of any comparison of texts.
        empty: a text literal for an empty text where an empty text is unknown.
        tenths: decimals are kept as whole ten-thousandths.
        number: how a literal with decimals is written.
        wide: `{x}`, a small whole number, such that counting with it does not overflow.
        notes: what to know when a construct is used, in Dutch and English.
    """

    product: str
    read: Mapping[FieldType, str]
    parameter: str
    set_parameter: str
    day: str
    month: str = (
        "((EXTRACT(YEAR FROM {b}) * 12 + EXTRACT(MONTH FROM {b}))"
        " - (EXTRACT(YEAR FROM {a}) * 12 + EXTRACT(MONTH FROM {a})))"
    )
    year: str = "(EXTRACT(YEAR FROM {b}) - EXTRACT(YEAR FROM {a}))"
    quote: tuple[str, str] = ('"', '"')
    booleans: bool = True
    quotes: Quotes = Quotes.DOUBLED
    like: LikeSyntax = LikeSyntax.PLAIN
    date: str = "DATE '{d}'"
    length: str = "LENGTH({x})"
    lower: str = "LOWER({x})"
    upper: str = "UPPER({x})"
    pads: bool = False
    append: str = "{x} || '.'"
    constant: str = "{x}"
    exactly: str = "{x}"
    empty: str | None = None
    tenths: bool = False
    number: str = "{x}"
    wide: str | None = None
    notes: Mapping[Caveat, Mapping[Language, str]] = field(default_factory=dict)


def _dialect(written: Mapping[str, Any], notes: Mapping[str, Mapping[Language, str]]) -> Dialect:
    """A database as `dialects.toml` has it."""
    plain = {name: value for name, value in written.items() if name not in ("read", "notes")}
    if "quote" in plain:
        plain["quote"] = tuple(plain["quote"])
    if "quotes" in plain:
        plain["quotes"] = Quotes[plain["quotes"].upper()]
    if "like" in plain:
        plain["like"] = LikeSyntax[plain["like"].upper()]
    boolean = "{x}" if plain.get("booleans", True) else "CASE WHEN {x} = 1 THEN 1 WHEN {x} = 0 THEN 0 END"
    read = {FieldType.BOOLEAN: boolean} | {FieldType(kind): how for kind, how in written["read"].items()}
    told = {Caveat[name.upper()]: notes[note] for name, note in written.get("notes", {}).items()}
    return Dialect(read=read, notes=told, **plain)


_WRITTEN = catalogue(Path(__file__).with_suffix(".toml"))
#: Every database that a statement can be made for.
DIALECTS = {
    name: _dialect(written, _WRITTEN["notes"]) for name, written in _WRITTEN.items() if name != "notes"
}
