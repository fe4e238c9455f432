"""The flows of operation, thin: one per duty of `lsi_match.matcher.operate.reconcile`, each a look at one project.

They are told the folder of a site and the names of a project and a round, and give back counts and words. Rules stand
in `lsi_match.matcher`. A look can be repeated at any time, so one that finds the project busy or a place away is tried
again; a run never is: the agenda does that, since it knows why the run stopped.

Artifacts show how far a run is, and its counts as every controller may see them, small ones withheld.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from lsi_match.base.clock import utc_now
from lsi_match.base.errors import LsiError, UnexpectedError
from lsi_match.flows.tasks import ONCE
from lsi_match.matcher.engine.execution_config import ExecutionConfig
from lsi_match.matcher.operate import key_socket
from lsi_match.matcher.operate.agenda import JobKind
from lsi_match.matcher.operate.events_file import events
from lsi_match.matcher.operate.reconcile import ProjectBusyError, reconcile, run_alone
from lsi_match.matcher.operate.runner import run_match
from lsi_match.matcher.site.site import Project, Site
from lsi_match.monitor.overview import Overview

#: Of every flow: nothing of what it was told or gives is kept, but its state.
_OPTIONS: dict[str, Any] = {"persist_result": False, "log_prints": False}
#: Of looks: they can be repeated.
_AGAIN: dict[str, Any] = {"retries": 2, "retry_delay_seconds": 300}
_PATIENCE = timedelta(minutes=10)
_STEPS = ("gates", "intake", "match", "count", "release", "destroy")


@flow(
    name="watch-drops",
    description="Take in what one project's partners delivered; open, remind, run and end rounds as its manifest says.",
    flow_run_name="watch drops of {project}",
    **_OPTIONS,
)
def watch_drops(site: str, project: str, memory_limit: str | None = None) -> State[Any]:
    """The duties of every ten minutes. Not tried again: the next look is near."""
    return _look(site, project, {JobKind.DROPS, JobKind.MATCH}, memory_limit, timedelta(0))


@flow(
    name="match",
    description="Run one round of one project, by hand. By itself it is run from watch-drops.",
    flow_run_name="match {project} {round_id}",
    **_OPTIONS,
)
def match(site: str, project: str, round_id: str, memory_limit: str | None = None) -> State[Any]:
    """One run, when no other look is at the project."""
    os.umask(0o077)
    try:
        key_socket.use_if_there(Path(site))
        found = Site(Path(site)).project(project)
        outcome = run_alone(found, lambda: _run(found, round_id, memory_limit), _PATIENCE)
    except LsiError as error:
        return Failed(message=str(error))
    return _state(outcome)


@flow(
    name="release-held",
    description="Release the rounds of one project that were held and that every controller justified since.",
    flow_run_name="release what was held of {project}",
    **_OPTIONS,
    **_AGAIN,
)
def release_held(site: str, project: str, memory_limit: str | None = None) -> State[Any]:
    """Looks for rounds that are held and of which news came in."""
    return _look(site, project, {JobKind.HELD}, memory_limit, _PATIENCE)


@flow(
    name="retention",
    description="Destroy what is past its term in one project, prove it in the log, tell what could not be destroyed.",
    flow_run_name="retention of {project}",
    **_OPTIONS,
    **_AGAIN,
)
def retention(site: str, project: str) -> State[Any]:
    """Everything that is due today."""
    return _look(site, project, {JobKind.RETENTION}, "", _PATIENCE)


@flow(
    name="checkpoint",
    description="Make the daily checkpoint of one project's log and ask the controllers to co-sign it.",
    flow_run_name="checkpoint of {project}",
    **_OPTIONS,
    **_AGAIN,
)
def checkpoint(site: str, project: str) -> State[Any]:
    """At most one a day."""
    return _look(site, project, {JobKind.CHECKPOINT}, "", _PATIENCE)


def _look(
    site: str, project: str, duties: set[JobKind], memory_limit: str | None, patience: timedelta
) -> State[Any]:
    os.umask(0o077)

    def run(of: Project, round_id: str) -> dict[str, object]:
        return _run(of, round_id, memory_limit)

    try:
        key_socket.use_if_there(Path(site))
        seen = reconcile(Site(Path(site)).project(project), utc_now, run, duties, patience)
    except ProjectBusyError as busy:
        # The look that is at it does the same; those with patience are tried again.
        return Failed(message=str(busy)) if patience else Completed(name="Busy", message=str(busy))
    except LsiError as error:
        return Failed(message=str(error))
    except Exception as error:  # its text could hold anything
        return Failed(message=str(UnexpectedError.of(error)))
    said = "; ".join(" ".join(map(str, event.values())) for event in events(seen)) or "nothing to do"
    return (Failed if seen.failed else Completed)(message=said)


# a run, with its artifacts

_outcomes: dict[tuple[str, str], dict[str, Any]] = {}


def _run(project: Project, round_id: str, memory_limit: str | None) -> dict[str, Any]:
    _run_task(str(project.site.folder), project.id, round_id, memory_limit, return_state=True)
    return _outcomes.pop((project.id, round_id), {"state": "broken"})


@task(
    name="run",
    description="One round, in a process of its own: gates, intake, match, count, release, destroy.",
    task_run_name="run {project} {round_id}",
    **ONCE,
)
def _run_task(site: str, project: str, round_id: str, memory_limit: str | None) -> State[Any]:
    key = re.sub("[^a-z0-9]+", "-", f"{project}-{round_id}")
    steps: list[dict[str, Any]] = []
    shown: Any = None
    with suppress(Exception):  # a server that is away stops no run
        shown = create_progress_artifact(
            0.0, key=f"progress-{key}", description=f"{project} {round_id}: begins"
        )

    def on_step(step: dict[str, Any]) -> None:
        steps.append({name: step[name] for name in ("step", "seconds", "peak_mib", "refused")})
        done = 100.0 * sum(not one["refused"] for one in steps) / len(_STEPS)
        with suppress(Exception):
            update_progress_artifact(
                shown, min(done, 100.0), description=f"{project} {round_id}: {step['step']}"
            )

    config = ExecutionConfig.of_site(Path(site), memory_limit=memory_limit or None)
    outcome = run_match(Path(site), project, round_id, config=config, on_step=on_step)
    _outcomes[project, round_id] = outcome
    with suppress(Exception):
        create_table_artifact(steps, key=f"steps-{key}", description=f"Steps of {project} {round_id}")
        overview = Site(Path(site)).project(project).overview(round_id)
        if overview is not None:
            text = f"Counts of {project} {round_id}; '<{overview.smallest_cell}' is a small one, withheld"
            create_table_artifact(counts(overview), key=f"counts-{key}", description=text)
    return _state(outcome)


def counts(overview: Overview) -> list[dict[str, str]]:
    """The counts of a round that every controller may see, as rows; small ones withheld."""
    rows = {f"drop of {name}": number for name, number in overview.delivered.items()} | overview.totals
    return [
        {"what": name, "count": f"<{overview.smallest_cell}" if number is None else str(number)}
        for name, number in rows.items()
    ]


def _state(outcome: dict[str, Any]) -> State[Any]:
    if outcome["state"] == "released":
        return Completed(name="Released", message="released and destroyed")
    if outcome["state"] == "broken":
        return Failed(name="Broken", message="the process ended before it was done; it is started again")
    return Failed(name=str(outcome["state"]).capitalize(), message=str(outcome.get("en", "")))
