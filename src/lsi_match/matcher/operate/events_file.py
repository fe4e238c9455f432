"""What happens at a site as JSON lines in `SITE/events.jsonl`, for whoever collects logs of machines.

One object a line (`EventLine`, schemas/site-event.schema.json): when, of which project, how grave, what, and what it is about
in names and counts; never anything of a person. A log for machines and for looking back a while; what counts stands in
the log of the project. A look that gave nothing writes a heartbeat, once an hour: when there is none, nobody looks.

Who may read it beside its owner is said once, by `chgrp` and `chmod g+r`: that stays when the file is set aside.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from lsi_match.base.files import keep_readers
from lsi_match.matcher.operate.agenda import about
from lsi_match.matcher.operate.retention import problem_of

if TYPE_CHECKING:
    from lsi_match.matcher.operate.reconcile import ReconcileResult

FILE = "events.jsonl"
#: In the place of a project, of what is about the whole site.
SITE = "-"
#: Beyond this size (bytes) the file is set aside as `events.1.jsonl`, over the one before.
LARGEST = 10 * 2**20

#: After so long without a line a look writes one.
HEARTBEAT = timedelta(hours=1)
#: Events that somebody has to look at; refused tasks and drops, and rounds that are held, are told as warnings.
_ERRORS = ("trouble", "not destroyed", "look ended", "part ", "service ")
_WELL = frozenset({"done", "released", "taken", "known", "waiting"})

Event = dict[str, str | int]


class EventLine(BaseModel):
    """One line of `events.jsonl`; beside these members a name or a count of what it is about."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, str | int]

    at: datetime
    project: str
    level: Literal["info", "warning", "error"]
    event: str


def level(event: Event) -> Literal["info", "warning", "error"]:
    """How grave an event is."""
    if str(event["event"]).startswith(_ERRORS) or event.get("outcome") == "broken":
        return "error"
    return "warning" if event.get("outcome", "done") not in _WELL or "reason" in event else "info"


def events(seen: ReconcileResult) -> Iterator[Event]:
    """What one look gave. Names of files are left out: they are what somebody typed."""
    for arrival in seen.arrivals:
        yield {"event": "drop", "partner": arrival.partner, "outcome": arrival.outcome}
    for task, how in seen.done:
        yield {"event": "task", "task": type(task).__name__, "about": about(task), "outcome": how}
    for round_id in seen.handed_out:
        yield {"event": "handed out", "about": round_id}
    for trouble in seen.troubles:
        yield {"event": "trouble", "partner": trouble.partner, "reason": trouble.error.reason}
    for kind, count in seen.destroyed.counts().items():
        yield {"event": "destroyed", "kind": kind, "count": count}
    failed = Counter((one.kind, problem_of(error)) for one, error in seen.destroyed.failed)
    for (kind, problem), count in sorted(failed.items()):
        yield {"event": "not destroyed", "kind": kind, "count": count, "problem": problem}


def write(site: Path, seen: ReconcileResult, at: datetime) -> None:
    """Append what a look gave; of looks that gave nothing a heartbeat, when there was no line for an hour."""
    found = list(events(seen))
    last = _last(site / FILE)
    append(
        site,
        seen.project,
        found if found or (last and at - last < HEARTBEAT) else [{"event": "heartbeat"}],
        at,
    )


def _last(file: Path) -> datetime | None:
    """When the last line was written; None where there is none, or none that can be read."""
    try:
        with file.open("rb") as handle:
            handle.seek(max(0, file.stat().st_size - 4096))
            return datetime.fromisoformat(json.loads(handle.read().splitlines()[-1])["at"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def append(site: Path, project: str, found: Iterable[Event], at: datetime) -> None:
    """Append what happened in a project."""
    lines = [
        json.dumps({"at": at.isoformat(), "project": project, "level": level(event), **event})
        for event in found
    ]
    if not lines:
        return
    file = site / FILE
    before = None
    if file.exists() and file.stat().st_size > LARGEST:
        before = file.stat()
        file.replace(site / "events.1.jsonl")
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        if before is not None:
            keep_readers(descriptor, before)
        os.write(descriptor, ("\n".join(lines) + "\n").encode())  # in one go: processes do not mix
    finally:
        os.close(descriptor)
