"""Seconds and peak memory of a step."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


@dataclass
class Measured:
    """What a step took. `peak_mib` is the largest resident memory of this process during it; 0 where unknown."""

    name: str
    seconds: float = 0.0
    peak_mib: int = 0


@contextmanager
def measured(name: str) -> Iterator[Measured]:
    """Measure what runs inside the `with` block (peak memory on Linux only)."""
    result = Measured(name)
    with suppress(OSError):
        _CLEAR.write_text("5")
    start = time.perf_counter()
    try:
        yield result
    finally:
        result.seconds = round(time.perf_counter() - start, 3)
        result.peak_mib = _peak_mib()


def _peak_mib() -> int:
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text())
    except OSError:
        return 0
    return int(found[1]) // 1024 if found else 0
