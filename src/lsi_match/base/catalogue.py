"""Texts for people: in a file of their own, so that who is no programmer can correct a sentence."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lsi_match.base.errors import Language

_WORDS = Path(__file__).with_name("words.toml")


@cache
def catalogue(file: Path) -> dict[str, Any]:
    """The texts in a TOML file of this package, by key; none where there is no such file."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def text(file: Path, key: str, language: Language, /, **facts: object) -> str:
    """A text of a catalogue, with these facts filled in: what is several (none) is told with commas (a dash)."""
    said = str(catalogue(file)[key][language])
    return said.format(**{name: _told(one) for name, one in facts.items()}) if facts else said


def _told(value: object) -> object:
    return ", ".join(map(str, value)) or "-" if isinstance(value, list | tuple) else value


def word(kind: str, name: str, language: Language) -> str:
    """How a name is called that the log, the manifest and the commands use (`words.toml`); a name that is not there is its own word."""
    found: dict[str, dict[str, str]] = catalogue(_WORDS)[kind]
    return found[name][language] if name in found else name


def in_english(kind: str, dutch: str) -> str:
    """The same of what a document has in Dutch."""
    return next((one["en"] for one in catalogue(_WORDS)[kind].values() if one["nl"] == dutch), dutch)


def with_separators(number: str, language: Language) -> str:
    """A number as Python writes it (1,234.5) with the separators of this language."""
    return number.translate(str.maketrans(",.", ".,")) if language == "nl" else number
