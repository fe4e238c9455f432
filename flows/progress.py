"""How far a run is, and its counts as every controller may see them, small ones withheld: artifacts of Prefect."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact

from lsi_match.flows.steps import tell
from lsi_match.matcher.site.site import Project
from lsi_match.monitor.overview import Overview

_STEPS = ("gates", "intake", "match", "count", "release", "destroy")


class Progress:
    """Takes the steps of one run, tells each, and shows it where `shown` says so. A server that is away stops no run."""

    def __init__(self, project: str, round_id: str, *, shown: bool) -> None:
        self._name = f"{project} {round_id}"
        self._round = round_id
        self._key = re.sub("[^a-z0-9]+", "-", f"{project}-{round_id}")
        self._shown = shown
        self._steps: list[dict[str, Any]] = []
        self._bar: Any = None
        if shown:
            with suppress(Exception):
                text = f"{self._name}: begins"
                self._bar = create_progress_artifact(0.0, key=f"progress-{self._key}", description=text)

    def __call__(self, step: dict[str, Any]) -> None:
        """A step was taken."""
        tell(step)
        self._steps.append(step)
        if self._shown:
            done = 100.0 * sum(not one["refused"] for one in self._steps) / len(_STEPS)
            with suppress(Exception):
                text = f"{self._name}: {step['step']}"
                update_progress_artifact(self._bar, min(done, 100.0), description=text)

    def end(self, project: Project) -> None:
        """The run has ended."""
        if not self._shown:
            return
        with suppress(Exception):
            create_table_artifact(self._steps, key=f"steps-{self._key}", description=f"Steps of {self._name}")
            overview = project.overview(self._round)
            if overview is not None:
                text = f"Counts of {self._name}; '<{overview.smallest_cell}' is a small one, withheld"
                create_table_artifact(counts(overview), key=f"counts-{self._key}", description=text)


def counts(overview: Overview) -> list[dict[str, str]]:
    """The counts of a round that every controller may see, as rows; small ones withheld."""
    rows = {f"drop of {name}": number for name, number in overview.delivered.items()} | overview.totals
    return [
        {"what": name, "count": f"<{overview.smallest_cell}" if number is None else str(number)}
        for name, number in rows.items()
    ]
