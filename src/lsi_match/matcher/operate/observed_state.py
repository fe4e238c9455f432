"""What is seen of a project beside its log: when it was last looked at, and what lies in its folders."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lsi_match.base.errors import LsiError
from lsi_match.base.files import read_bytes
from lsi_match.log.view import ProjectView
from lsi_match.matcher.operate.agenda import RoundNow
from lsi_match.matcher.site import inbox
from lsi_match.matcher.site.site import Project, Site

#: In the folder of a project: when a look at it last came to its end.
LAST_RECONCILED = "last_reconciled.json"
#: In the folder of a site: since when the part of the service with Prefect does not start.
PART_STOPPED = "serve/stopped.json"
#: How long after the last sign of life the clock is believed: a long weekend. Then someone has to say that it is right.
BELIEVED = timedelta(days=4)


@dataclass(frozen=True)
class LastReconciled:
    """When a look last came to its end, what was the matter with places then (partner → name of the problem), and how many
    seconds it took."""

    at: datetime | None = None
    troubles: dict[str, str] = field(default_factory=dict)
    seconds: float | None = None


def last_reconciled(project: Project) -> LastReconciled:
    """What `last_reconciled.json` tells; nothing when it is not there or not readable."""
    try:
        said = json.loads(read_bytes(project.folder / LAST_RECONCILED))
        troubles = {str(name): str(reason) for name, reason in said["troubles"].items()}
        return LastReconciled(
            datetime.fromisoformat(said["at"]),
            troubles,
            float(said["seconds"]) if "seconds" in said else None,
        )
    except (LsiError, ValueError, TypeError, KeyError, AttributeError):
        return LastReconciled()


def part_stopped(site: Site) -> datetime | None:
    """Since when the part of the service with Prefect does not start; None when nothing is the matter."""
    try:
        return datetime.fromisoformat(json.loads(read_bytes(site.folder / PART_STOPPED))["since"])
    except (LsiError, ValueError, TypeError, KeyError):
        return None


def leapt_from(project: Project, view: ProjectView, now: datetime) -> datetime | None:
    """The last sign of life of a project (a look, an entry), when it is so long ago that the clock may have leapt ahead;
    None when there is no doubt, or nobody ever looked."""
    if not (project.folder / LAST_RECONCILED).exists():
        return None
    entry, look = view.last or now, last_reconciled(project).at
    last = max(entry, look or entry)
    return last if now - last > BELIEVED else None


def rounds_now(project: Project, view: ProjectView) -> list[RoundNow]:
    """Every round of a project that is not over nor about to be (`matcher.operate.retention`), as it stands: by the log, and with
    what lies in its folder and the inboxes."""
    found = []
    for one in view.live.values():
        if one.over or one.asks_change or not (project.round_folder(one.name) / "opening.json").exists():
            continue
        opening, _ = project.opening(one.name)
        found.append(
            RoundNow(
                one.name,
                one.state,
                opening.opened_at,
                opening.deadline,
                delivered=delivered(project, one.name),
                reminded=frozenset(one.reminded),
                tried=one.tried.at if one.tried else None,
                news=view.news(one),
                held_until=one.hold.until if one.hold else None,
                key=project.takes_drops(one.name),
                broke_off=one.tried is not None and one.state == "held" and not one.concluded,
                left_out=frozenset(one.together.left_out),
                evaluators=len(one.together.complete()),
                answers_until=None if one.together.named else opening.answers_until,
            )
        )
    return found


def delivered(project: Project, round_id: str) -> frozenset[str]:
    """Partners of whom the descriptor of a drop for this round lies here."""
    ours = f"{project.id}.{round_id}."
    return frozenset(
        name
        for name in inbox.inboxes(project)
        if any(file.startswith(ours) for file in inbox.delivered(project, name))
    )
