"""A first mapping for an extract: which column is which field of the manifest, as far as the names tell."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
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
        try:
            source = open_source(con, file, asked)
        except TableUnreadable as problem:
            if problem.kind != "other_encoding" or asked.encoding != "utf-8":
                raise
            asked = replace(asked, encoding="windows-1252")
            source = open_source(con, file, asked)
        names = [name for name in source.names if name]
        found = _nearest(list(selection.fields), names)
        there = list(found.values())
        stored = dict(zip(there, source.stored(there), strict=True))
    except TableUnreadable as problem:
        raise told_of(file, problem) from None
    finally:
        con.close()
    used = set(there)
    left = [name for name in names if name not in used]
    record_id = next(
        iter(_nearest(["record_id", "kenmerk", "id", "zaaknummer", "dossiernummer"], left).values()), None
    )
    lines = ["selections:", f"  {selection.id}:", f"    extract: {_quoted(file.name)}"]
    said = {name: getattr(asked, name) for name in ("table", "sheet", "encoding", "separator")}
    lines += [f"    {name}: {_quoted(value)}" for name, value in said.items() if value and value != "utf-8"]
    lines += [f"    header: {asked.header}"] if asked.header else []
    lines += [f"    record_id: {_quoted(record_id or '?')}", "    columns:"]
    for field in selection.fields:
        column = found.get(field)
        meaning = " ".join(selection.fields[field].meaning.split())
        lines.append(f"      {field}: {_quoted(column or '?')}  # {meaning}")
    settled = []
    for field, column in found.items():
        refusal = cell_of(selection, field, "x", stored[column], PLAIN).refusal
        if refusal is not None and refusal.line:
            settled.append(f"      {field}: {{{refusal.line}}}")
    lines += ["    reading:", *settled] if settled else []
    # Of a file in which no name is like a field the first row may be a record.
    others = [" ".join(name.split()) for name in left if name != record_id and found]
    lines += [f"# {', '.join(others)}"] if others else []
    return "\n".join(lines) + "\n"


def _nearest(wanted: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Of those wanted the name that is most like it, if one is; each name once, the most alike first."""
    pairs = [(_like(one, name), -at, one, name) for at, name in enumerate(names) for one in wanted]
    found: dict[str, str] = {}
    for score, _, one, name in sorted(pairs, reverse=True):
        if score >= _ALIKE and one not in found and name not in found.values():
            found[one] = name
    return found


def _like(one: str, other: str) -> float:
    """How much two names are alike, 1 at most; `Datum einde` is `einde datum` too."""
    words = [word for word in re.split(r"[\W_]+", other.lower()) if word]
    a = re.sub(r"[\W_]", "", one.lower())
    return max(_letters_alike(a, "".join(each)) for each in (words, words[::-1]))


def _letters_alike(a: str, b: str) -> float:
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
    if any(ord(letter) < 32 for letter in text):
        return json.dumps(text, ensure_ascii=False)
    return text if plain else "'" + text.replace("'", "''") + "'"
