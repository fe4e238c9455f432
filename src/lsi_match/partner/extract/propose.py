"""A first mapping for an extract: which column is which field of the manifest, as far as the names tell."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from pathlib import Path

from lsi_match.base.duckdb_locked import locked_connection
from lsi_match.manifest import Selection
from lsi_match.partner.extract.cell_types import cell_of
from lsi_match.partner.extract.column_mapping import PLAIN
from lsi_match.partner.extract.profile import told_of
from lsi_match.tables.source import Asked, open_source
from lsi_match.tables.unreadable import TableUnreadable

#: From here on two names are enough alike to propose one for the other.
_ALIKE = 0.6


def propose(file: Path, selection: Selection, asked: Asked) -> str:
    """The mapping of a selection as YAML, to be read and completed: a field of which no column is like its name has a
    question mark, one whose column cannot be read in one way has the line that settles it.

    Raises:
        ExtractUnreadableError: the file cannot be read at all.
    """
    con = locked_connection([file.parent])
    try:
        source = open_source(con, file, asked)
        names = [name for name in source.names if name]
        found = {field: _nearest([field], names) for field in selection.fields}
        there = [column for column in dict.fromkeys(found.values()) if column]
        stored = dict(zip(there, source.stored(there), strict=True))
    except TableUnreadable as problem:
        raise told_of(file, problem) from None
    finally:
        con.close()
    used = set(there)
    record_id = _nearest(
        ["record_id", "kenmerk", "id", "zaaknummer", "dossiernummer"], [n for n in names if n not in used]
    )
    lines = ["selections:", f"  {selection.id}:", f"    extract: {_quoted(file.name)}"]
    lines += [
        f"    {name}: {_quoted(value)}"
        for name, value in (("table", asked.table), ("sheet", asked.sheet))
        if value
    ]
    lines += [f"    record_id: {_quoted(record_id or '?')}", "    columns:"]
    for field, column in found.items():
        meaning = " ".join(selection.fields[field].meaning.split())
        lines.append(f"      {field}: {_quoted(column or '?')}  # {meaning}")
    settled = []
    for field, column in found.items():
        refusal = cell_of(selection, field, "x", stored[column], PLAIN).refusal if column else None
        if refusal is not None and refusal.line:
            settled.append(f"      {field}: {{{refusal.line}}}")
    lines += ["    reading:", *settled] if settled else []
    left = [name for name in names if name not in used and name != record_id]
    lines += [f"# {', '.join(left)}"] if left else []
    return "\n".join(lines) + "\n"


def _nearest(wanted: list[str], names: list[str]) -> str | None:
    """The name that is most like one of those wanted, if any is like it."""
    scores = [(_like(one, name), -at, name) for at, name in enumerate(names) for one in wanted]
    best = max(scores, default=(0.0, 0, ""))
    return best[2] if best[0] >= _ALIKE else None


def _like(one: str, other: str) -> float:
    a, b = (re.sub(r"[\W_]", "", name.lower()) for name in (one, other))
    inside = 0.8 if min(len(a), len(b)) >= 3 and (a in b or b in a) else 0.0
    return max(inside, SequenceMatcher(None, a, b).ratio())


def _quoted(text: str) -> str:
    plain = re.fullmatch(r"[A-Za-z][\w.-]*", text) and text.lower() not in (
        "yes",
        "no",
        "true",
        "false",
        "null",
        "on",
        "off",
    )
    return text if plain else "'" + text.replace("'", "''") + "'"
