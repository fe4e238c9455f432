"""The flows of operation: what a schedule starts, thin. Rules stand in `lsi_match.matcher`.

They are told the folder of the site and nothing else, and give back counts and words. Each does its work once and
ends; a schedule starts it anew. Nothing is retried by Prefect: the next look does what is left.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from lsi_match.matcher.agenda import about
from lsi_match.matcher.operate import Watched, watch_site
from lsi_match.matcher.site import Project, Site, utc_now
from lsi_match.runner import run_match

_OPTIONS: dict[str, Any] = {"persist_result": False, "log_prints": False, "retries": 0}


@flow(
    name="watch-drops",
    description="Take in what partners delivered; open, remind, run and end rounds as the manifests say; hand out.",
    flow_run_name="watch drops",
    **_OPTIONS,
)
def watch_drops(site: str, memory_limit: str = "2GiB") -> State[Any]:
    """One look at every project of the site in the folder `site`."""
    os.umask(0o077)

    def run(project: Project, round_id: str) -> dict[str, object]:
        return run_match(project.site.folder, project.id, round_id, memory_limit=memory_limit)

    seen = watch_site(Site(Path(site)), utc_now, run)
    said = "; ".join(line for one in seen for line in told(one)) or "nothing to do"
    return (Failed if any(one.failed for one in seen) else Completed)(message=said)


def told(seen: Watched) -> Iterable[str]:
    """What happened in one project, in names of projects, rounds and partners, and counts."""
    for outcome in ("taken", "waiting", "known", "refused"):
        if count := sum(arrival.outcome == outcome for arrival in seen.arrivals):
            yield f"{seen.project}: {count} drops {outcome}"
    for task, how in seen.done:
        yield f"{seen.project}: {type(task).__name__} {about(task)}: {how}"
    for trouble in seen.troubles:
        yield f"{seen.project}: {trouble.partner}: {trouble.error.reason}"
