"""The papers that the entries of a log name: which, where they lie, and as one file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.base.files import read_bytes, read_folder, write_whole
from lsi_match.log import events
from lsi_match.log.events import Recorded, read_sound
from lsi_match.log.store import Log
from lsi_match.protocol.place_files import PAPERS_SUFFIX


def papers_in(places: Iterable[Path]) -> dict[str, bytes]:
    """Digest → document, of everything in these files (`PAPERS_SUFFIX`) and folders (every `.json`).

    Raises:
        PapersUnreadableError: a file with papers that is none.
    """
    found: dict[str, bytes] = {}
    for place in places:
        documents = read_folder(place, "*.json") if place.is_dir() else {place.stem: read_bytes(place)}
        for name, data in documents.items():
            several = name.endswith(PAPERS_SUFFIX.removesuffix(".json"))
            for one in _texts(data, name) if several else [data]:
                found[digest_of_bytes(one)] = one
    return found


def _texts(data: bytes, name: str) -> list[bytes]:
    try:
        value = json.loads(data)
    except ValueError:
        value = None
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise LsiError("PapersUnreadableError", file=name)
    return [one.encode(errors="replace") for one in value]


def export_papers(log: Log, file: Path) -> int:
    """Write all papers that the entries of a log name, as one file; how many."""
    found = [one.decode() for one in papers_of(log)]
    write_whole(file, json.dumps(found, ensure_ascii=False).encode(), replace=True)
    return len(found)


def named_by(log: Log) -> dict[str, int]:
    """The digests of all papers that the entries of a log name, in the order of the log → the first entry that does."""
    found: dict[str, int] = {}
    for one in read_sound(log.entries()):
        for digest in _named(one):
            found.setdefault(digest, one.position)
    return found


def papers_of(
    log: Log, first: int = 0, end: int | None = None, named: Mapping[str, int] | None = None
) -> list[bytes]:
    """The papers that are first named from entry `first` on and before `end`. They lie in `documents/` beside the log."""
    folder, end = log.path.with_name("documents"), log.size if end is None else end
    named = named_by(log) if named is None else named
    kept = [folder / f"{one.removeprefix('sha256:')}.json" for one, at in named.items() if first <= at < end]
    return [read_bytes(one) for one in kept if one.exists()]


def _named(recorded: Recorded) -> Iterator[str]:
    yield recorded.manifest
    match recorded.event:
        case (
            events.ManifestRegistered(papers=papers)
            | events.PapersTakenIn(papers=papers)
            | events.Justified(papers=papers)
        ):
            yield from papers.values()
        case (
            events.RoundOpened(opening=document)
            | events.EvaluationsAsked(ask=document)
            | events.AccessAsked(ask=document)
            | events.EvaluatorsNamed(evaluators=document)
            | events.OutcomeTakenIn(outcome=document)
            | events.OfficeCounted(office=document)
            | events.ForkExplained(explanation=document)
            | events.DropAccepted(drop=document)
        ):
            yield document
        case events.Counted(overview=overview, findings=findings, table=table):
            yield from filter(None, (overview, findings, table))
        case _:
            pass
