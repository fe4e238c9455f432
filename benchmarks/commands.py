"""What a command takes before it does anything, beside `python -c "import pydantic"`: processor time, the least of several."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TURNS = 10
_PYDANTIC = ("-c", "import pydantic")
#: As on a site: without boto3, which comes with the tests, and the extra for devices; the library of signatures loads both.
_MAIN = (
    "-c",
    "import sys; sys.modules.update(boto3=None, pkcs11=None); from lsi_match.cli.main import main; main()",
)


def starts(site: Path) -> dict[str, tuple[float, float]]:
    """`help` and `status` → seconds of processor, and those of the baseline: the least of turns, in which each takes one."""
    commands = {
        "help": (*_MAIN, "--help"),
        "status": (*_MAIN, "match", "status", str(site)),
        "baseline": _PYDANTIC,
    }
    turns = [{name: _took(command) for name, command in commands.items()} for _ in range(TURNS)]
    took = {name: min(turn[name] for turn in turns) for name in commands}
    baseline = took.pop("baseline")
    return {name: (seconds, baseline) for name, seconds in took.items()}


def _took(arguments: tuple[str, ...]) -> float:
    """Seconds of processor of a new Python process."""
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise subprocess.CalledProcessError(status, arguments)
    return used.ru_utime + used.ru_stime
