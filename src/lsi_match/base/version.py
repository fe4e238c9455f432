"""The version of this program, which stands in what it makes; and what to say of what another version made."""

from __future__ import annotations

import json

VERSION = "0.2.0"


def format_of(data: bytes) -> str:
    """What a document says in `format`; empty where it says nothing. Nothing else of it is believed."""
    try:
        value = json.loads(data)
    except ValueError:
        return ""
    found = value.get("format") if isinstance(value, dict) else None
    return found if isinstance(found, str) and len(found) <= 100 and found.isprintable() else ""


def numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version, which tell what came later; none of what is no version."""
    parts = version.split(".")
    return tuple(map(int, parts)) if all(map(str.isdecimal, parts)) else ()
