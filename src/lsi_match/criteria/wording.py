"""Words, numbers and dates, in Dutch and English, for the explanation of criteria."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

from lsi_match.base.catalogue import catalogue, with_separators
from lsi_match.base.errors import Language
from lsi_match.criteria.letters import IN_QUOTES

_WORDS = Path(__file__).with_suffix(".toml")


def say(lang: Language, key: str, **facts: str | int) -> str:
    """The words for `key`, with the facts filled in."""
    text: str = catalogue(_WORDS)[key][lang]
    return text.format(**facts) if facts else text


def forms_of(lang: Language, key: str) -> list[str]:
    """The words for `key`, where they are several."""
    return list(catalogue(_WORDS)[key][lang])


def sentence(text: str) -> str:
    """With a capital at the start and a full stop at the end."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((":", ".", ".)")) else text + "."


def number(value: Decimal, lang: Language, euro: bool = False) -> str:
    """`1.234,50` in Dutch, `1,234.50` in English. Four whole digits stand together, as in a year, unless euros."""
    if value == value.to_integral_value():
        plain = f"{abs(value):.0f}"
        grouped = f"{abs(value):,.0f}" if euro or len(plain) > 4 else plain
    else:
        places = (
            max(2, -int(value.normalize().as_tuple().exponent)) if euro else -int(value.as_tuple().exponent)
        )
        grouped = f"{abs(value):,.{places}f}"
    return ("-" if value < 0 else "") + ("€ " if euro else "") + with_separators(grouped, lang)


def day(value: date, lang: Language) -> str:
    """`1 januari 2026`."""
    return f"{value.day} {forms_of(lang, 'months')[value.month - 1]} {value.year}"


def in_quotes(text: str, lang: Language) -> str:
    """A text as it must stand in a record. What Dutch does not need is shown by its number (⟨U+200B⟩), and so are quotes, and spaces
    at an end or beside another: no two texts look the same, and none can end its own quotes."""
    if not text:
        return say(lang, "empty")
    around = f" {text} "
    shown = (
        sign
        if sign in IN_QUOTES and (sign != " " or " " not in around[at : at + 3 : 2])
        else f"⟨U+{ord(sign):04X}⟩"
        for at, sign in enumerate(text)
    )
    return f"“{''.join(shown)}”"


def straight(text: str) -> str:
    """A name with straight quotes in it only, so that it fits between others."""
    return text.translate(_STRAIGHT)


def named(text: str) -> str:
    """A name in single quotes, which stand nowhere inside it."""
    return f"‘{straight(text)}’"


_STRAIGHT = str.maketrans("‘’“”", "''\"\"")


def listed(items: Sequence[str], lang: Language, word: str = "or") -> str:
    """`a, b of c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {say(lang, word)} {items[-1]}"


def short_name(meaning: str) -> tuple[str, str]:
    """The first part of a meaning, to name a field by, and the rest: 'Laatste dag; leeg als …'."""
    whole = " ".join(meaning.split())
    parts = re.split(r"\s*[;:]\s+", whole, maxsplit=1)
    if len(parts) == 2 and len(parts[0]) > 2:
        return parts[0], parts[1].rstrip(".")
    return whole.rstrip("."), ""


def in_euros(meaning: str) -> bool:
    """Whether a meaning says that the number is an amount in euros."""
    return re.search(r"€|\beuro('s)?\b", meaning, re.IGNORECASE) is not None


def markdown_safe(text: str) -> str:
    """One line in which signs that Markdown or HTML would read as markup are kept as signs."""
    return re.sub(r"([\\`*_{}\[\]<>#|!&~])", r"\\\1", " ".join(text.split()))
