"""What happens at a site as JSON lines in `SITE/events.jsonl`, for whoever collects logs of machines.

One object a line: `at`, `project`, `event`, and what it is about, in names and counts; never anything of a person. A log
for machines and for looking back a while; what counts stands in the log of the project.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lsi_match.matcher.operate.agenda import about
from lsi_match.matcher.operate.retention import problem_of

if TYPE_CHECKING:
    from lsi_match.matcher.operate.reconcile import ReconcileResult

FILE = "events.jsonl"
#: In the place of a project, of what is about the whole site.
SITE = "-"
#: Beyond this size (bytes) the file is set aside as `events.1.jsonl`, over the one before.
LARGEST = 10 * 2**20

Event = dict[str, str | int]


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
    """Append what a look gave; a look that gave nothing writes nothing."""
    append(site, seen.project, events(seen), at)


def append(site: Path, project: str, found: Iterable[Event], at: datetime) -> None:
    """Append what happened in a project."""
    lines = [json.dumps({"at": at.isoformat(), "project": project, **event}) for event in found]
    if not lines:
        return
    file = site / FILE
    if file.exists() and file.stat().st_size > LARGEST:
        file.replace(site / "events.1.jsonl")
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, ("\n".join(lines) + "\n").encode())  # in one go: processes do not mix
    finally:
        os.close(descriptor)
