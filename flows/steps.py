"""The steps of a run without Prefect: each is measured, and told as a line of JSON on standard output."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from lsi_match.base.clock import utc_now
from lsi_match.base.errors import LsiError, UnexpectedError
from lsi_match.base.measure import measured
from lsi_match.matcher.engine.execution_config import ExecutionConfig
from lsi_match.matcher.round.hold import RunHeldError
from lsi_match.matcher.round.run import Run
from lsi_match.matcher.site.site import Site


def tell(line: dict[str, Any]) -> None:
    """One document on standard output."""
    print(json.dumps(line), flush=True)


def take(run: Run, name: str, told: Callable[[dict[str, Any]], object] = tell) -> LsiError | None:
    """Take one step; what refused it. Of an unexpected error only its kind and its place in our code are told."""
    refusal: LsiError | None = None
    with measured(name) as took:
        try:
            getattr(run, name)()
        except Exception as error:
            refusal = UnexpectedError.of(error)
    told({"step": name, "seconds": took.seconds, "peak_mib": took.peak_mib, "refused": refusal is not None})
    return refusal


def refused(error: LsiError) -> dict[str, Any]:
    """The outcome of a run that was refused."""
    state = "held" if isinstance(error, RunHeldError) else "refused"
    return {"state": state, "reason": error.reason, "nl": error.text("nl"), "en": error.text("en")}


def refuse(site: Path, project: str, round_id: str, config: ExecutionConfig) -> dict[str, Any] | None:
    """The outcome of a run that cannot go on (`matcher.round.readiness`): refused and logged by the step that refuses it.
    None when it can by now."""
    try:
        with closing(Run(Site(site).project(project), round_id, utc_now, config)) as run:
            for name in ("gates", "intake"):
                if error := take(run, name):
                    return refused(error)
    except LsiError as error:
        return refused(error)
    return None
