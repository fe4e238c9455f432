"""The steps of a run in a process of its own, at a told time, which kills itself after the step that is named.

Arguments: site, project, round, time, step or `-`. Prints the outcome, as `lsi_match.flows.match` does.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from datetime import datetime
from pathlib import Path

from lsi_match.base.errors import LsiError
from lsi_match.matcher.round.run import Run
from lsi_match.matcher.site.site import Site

STEPS = ("gates", "intake", "match", "count", "release", "destroy")


def main(site: str, project: str, round_id: str, now: str, kill_after: str) -> None:
    moment = datetime.fromisoformat(now)
    run = Run(Site(Path(site)).project(project), round_id, lambda: moment)
    try:
        for step in STEPS[4:] if run.released else STEPS:
            getattr(run, step)()
            if step == kill_after:
                os.kill(os.getpid(), signal.SIGKILL)
        print(json.dumps({"state": "released"}))
    except LsiError as error:
        print(json.dumps({"state": "refused", "reason": error.reason}))


if __name__ == "__main__":
    main(*sys.argv[1:])
