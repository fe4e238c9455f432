"""What runs in a process of its own, forked from one that loaded the program and never had data (`operation.PROCESSES`): the
steps of a run, at a told time, which kill themselves after the step that is named; and any code of a test."""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path

from lsi_match.base.errors import LsiError
from lsi_match.matcher.round.run import Run
from lsi_match.matcher.site.site import Site

STEPS = ("gates", "intake", "match", "count", "release", "destroy")


def run_steps(
    answer: Connection, site: Path, project: str, round_id: str, now: datetime, kill_after: str | None
) -> None:
    """Gives the outcome as `answer`, as `lsi_match.flows.match` does."""
    run = Run(Site(site).project(project), round_id, lambda: now)
    try:
        for step in STEPS[4:] if run.released else STEPS:
            getattr(run, step)()
            if step == kill_after:
                os.kill(os.getpid(), signal.SIGKILL)
        answer.send({"state": "released"})
    except LsiError as error:
        answer.send({"state": "refused", "reason": error.reason})


def execute(code: str, arguments: tuple[str, ...]) -> None:
    """As `python -c code arguments`."""
    sys.argv = ["-c", *arguments]
    exec(code, {"__name__": "__main__"})
