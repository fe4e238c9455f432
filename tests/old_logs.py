"""Logs of the program as it was before the log had typed events, and what its readers said of them then.

`tests/vectors/make_logs.py` made them; they are kept as they are. `python -m tests.old_logs` writes down how the view of
each reads today, whole: only where what is read differently ought to be.
"""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from lsi_match.log.entry import LogEntry
from lsi_match.log.view import ProjectView

FOLDER = Path(__file__).parent / "log" / "logs"
NAMES = tuple(sorted(file.name.removesuffix(".jsonl.gz") for file in FOLDER.glob("*.jsonl.gz")))


@cache
def old_log(name: str) -> tuple[LogEntry, ...]:
    """The entries of the log of that name."""
    leaves = gzip.decompress((FOLDER / f"{name}.jsonl.gz").read_bytes()).splitlines()
    return tuple(LogEntry.from_leaf(leaf, position) for position, leaf in enumerate(leaves))


@cache
def answers() -> dict[str, Any]:
    """Log → what readers said of it then."""
    said: dict[str, Any] = json.loads(gzip.decompress((FOLDER / "answers.json.gz").read_bytes()))
    return said


def whole_view(name: str) -> dict[str, Any]:
    """Everything that the view of a log holds, as JSON has it; sets in order."""
    held = TypeAdapter(ProjectView).dump_python(ProjectView.of(old_log(name)))
    written: dict[str, Any] = json.loads(
        json.dumps(held, default=lambda one: sorted(one) if isinstance(one, set) else one.isoformat())
    )
    return written


@cache
def views() -> dict[str, dict[str, Any]]:
    """Log → what its view held when that was written down."""
    said: dict[str, dict[str, Any]] = json.loads(gzip.decompress((FOLDER / "views.json.gz").read_bytes()))
    return said


if __name__ == "__main__":
    text = json.dumps({name: whole_view(name) for name in NAMES}, sort_keys=True)
    (FOLDER / "views.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
