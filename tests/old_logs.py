"""Logs of the program as it was before the log had typed events, and what its readers said of them then.

`tests/vectors/make_logs.py` made them; they are kept as they are.
"""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

from lsi_match.log.entry import LogEntry

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
