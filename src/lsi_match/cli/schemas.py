"""JSON Schemas of every document that leaves a party, made from the models: `python -m lsi_match.cli.schemas FOLDER`.

The table of steps in docs/log.md, beside the folder, is made too.
With `--check` nothing is written; the process ends with 1 when a file in FOLDER differs from its model. A document
that a person writes (manifest, mapping) may leave out what has a default. All others travel as canonical JSON,
where every member is present. `manifest-draft` is for editors: what a project leader writes, without what
`manifest complete` fills in.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core.core_schema import DataclassField, ModelField, TypedDictField

from lsi_match.crypto.signing import kind_of
from lsi_match.log import events
from lsi_match.log.entry import LogEntry
from lsi_match.manifest import Document, Manifest
from lsi_match.manifest.draft import KEYS
from lsi_match.matcher.operate.events_file import EventLine
from lsi_match.monitor.overview import Overview
from lsi_match.monitor.round_findings import RoundFindings
from lsi_match.monitor.table import CountsTable
from lsi_match.partner.extract.column_mapping import ColumnMapping
from lsi_match.protocol import access_documents, documents, evaluation_documents, publication, trust_root
from lsi_match.protocol.publication import Sheet

#: What a draft of a manifest does not have yet.
FILLED_IN = (*KEYS, "key_check")
DIALECT = "https://json-schema.org/draft/2020-12/schema"

#: Name of the document → its model.
WRITTEN: dict[str, type[BaseModel]] = {
    "manifest": Manifest,
    "mapping": ColumnMapping,
    "site-event": EventLine,
    "publication-sheet": Sheet,
}
SENT: dict[str, type[BaseModel]] = {
    kind_of(model).replace("opened", "release-opened"): model
    for room in (access_documents, documents, evaluation_documents, publication, trust_root)
    for model in vars(room).values()
    if isinstance(model, type) and issubclass(model, Document) and "format" in model.model_fields
} | {
    "card": documents.PublicKeys,
    "log-entry": LogEntry,
    "monitor-counts": CountsTable,
    "overview": Overview,
    "round-findings": RoundFindings,
}


class _EveryMember(GenerateJsonSchema):
    """Canonical JSON leaves nothing out, so every member is required."""

    def field_is_required(self, field: ModelField | DataclassField | TypedDictField, total: bool) -> bool:
        return True


def schemas() -> dict[str, dict[str, Any]]:
    """File name → schema, by name."""
    made = {name: model.model_json_schema() for name, model in WRITTEN.items()}
    made["manifest-draft"] = _draft(Manifest.model_json_schema())
    made |= {
        name: _sent(model.model_json_schema(schema_generator=_EveryMember)) for name, model in SENT.items()
    }
    made["log-event"] = events.schema()
    return {
        f"{name}.schema.json": {"$schema": DIALECT, "$id": f"urn:lsi-match:{name}:v1", **made[name]}
        for name in sorted(made)
    }


def _sent(schema: dict[str, Any]) -> dict[str, Any]:
    """Who made a document need not say with which program; and of some rounds there is less to say."""
    schema["required"] = [
        name for name in schema["required"] if name not in {"program", *documents.SOMETIMES}
    ]
    return schema


def _draft(schema: dict[str, Any]) -> dict[str, Any]:
    for part in schema["$defs"].values():
        if "required" in part:
            part["required"] = [name for name in part["required"] if name not in FILLED_IN]
    return schema


def drift(folder: Path) -> dict[Path, str | None]:
    """The schemas in `folder`, and the pages in docs beside it, that are other than their model: what they should say; None
    for a schema of no model."""
    log, members = (folder.absolute().parent / "docs" / page for page in ("log.md", "nl/manifest.md"))
    wanted: dict[Path, str | None] = dict.fromkeys(sorted(folder.glob("*.schema.json")))
    for name, schema in schemas().items():
        wanted[folder / name] = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
    if log.exists():
        wanted[members] = members_in_dutch(members.read_text(encoding="utf-8"))
        wanted[log] = with_table(log.read_text(encoding="utf-8"))
    return {
        file: text
        for file, text in wanted.items()
        if text != (file.read_text(encoding="utf-8") if file.exists() else None)
    }


def with_table(page: str) -> str:
    """The page about the log, with the table of steps as the events have it."""
    before, _, rest = page.partition("| `name` |")
    lines = rest.split("\n")
    after = next((n for n, line in enumerate(lines) if n and not line.startswith("|")), len(lines))
    return before + events.table_of_steps() + "\n".join(lines[after:])


def members_in_dutch(page: str) -> str:
    """The page about every part of the manifest, in Dutch: how it begins, and then what the catalogue says of its members."""
    table = "\n\n| onderdeel | betekenis |\n| --- | --- |"
    lines = [page.partition(table)[0] + table]
    parts: list[tuple[str, type[Document]]] = [("", Manifest)]
    for at, part in parts:
        lines += [f"\n## `{at}`{table}"] if at else []
        for name, field in part.model_fields.items():
            lines.append(f"| `{name}` | {part.meaning_of(name).get('nl', '').replace('|', '&#124;')} |")
            parts += [(f"{at}.{name}" if at else name, inner) for inner in _documents(field.annotation)]
    return "\n".join(lines) + "\n"


def _documents(kind: Any) -> list[type[Document]]:
    """The parts of the manifest in a type: itself, or those in a mapping, list or choice."""
    if isinstance(kind, type) and issubclass(kind, Document):
        return [kind]
    return [found for inner in get_args(kind) for found in _documents(inner)]


def main(arguments: list[str] | None = None) -> int:
    """Write or check; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m lsi_match.cli.schemas", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 on a difference")
    options = parser.parse_args(arguments)
    differing = drift(options.folder)
    if options.check:
        for file in differing:
            print(f"{file} differs from its model. Write it again: make schemas", file=sys.stderr)
        return int(bool(differing))
    options.folder.mkdir(parents=True, exist_ok=True)
    for file, text in differing.items():
        if text is None:
            file.unlink()
        else:
            file.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
