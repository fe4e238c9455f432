"""What should have happened by now and did not, and what ends: two lists, which alarms, status, metrics and notices show.

| what | should have happened | at the latest |
| --- | --- | --- |
| `opening` | the round of the last hour at which one opens by itself, while the manifest allows one | an hour after it |
| `look` | a look at a project that runs by itself | an hour after the last one that came to its end |
| `checkpoint` | the checkpoint of a day, until nothing of the project has a term any more | two days after the last |

What ends is told by `agreement.endings`; here come those ends that follow from the rounds. Whether the next round will open is
found out by the gates themselves, at the hour at which it is to open (`next_opening`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from lsi_match.agreement.endings import End, ends_of_agreement
from lsi_match.base.clock import minute
from lsi_match.base.errors import LsiError, problem
from lsi_match.log.view import ProjectView
from lsi_match.manifest import Manifest
from lsi_match.matcher.operate.agenda import is_over, unopened
from lsi_match.matcher.operate.observed_state import LastReconciled
from lsi_match.matcher.round.open_round import refusal
from lsi_match.matcher.site.site import Project

HOUR = timedelta(hours=1)
_CHECKPOINT_WITHIN = timedelta(days=2)


@dataclass(frozen=True)
class Missed:
    """Something that should have happened and did not: what (the table above), which one, since when it is missing, and in
    both languages what is the matter."""

    what: str
    name: str
    since: datetime
    nl: str
    en: str


def missed(project: Project, view: ProjectView, looks: LastReconciled, now: datetime) -> Iterator[Missed]:
    """Everything that should have happened by now and did not."""
    manifest = project.manifest()
    yield from _openings(project, manifest, view, now)
    if not (looks.at or (project.folder / "delivery.yaml").exists()):
        return  # it does not run by itself
    began = view.began or now
    at = looks.at or began
    if now - at > HOUR:
        yield Missed("look", "look", at + HOUR, *problem("matcher.operate.not_looked", at=minute(at)))
    at = view.last_checkpoint or began
    if now - at > _CHECKPOINT_WITHIN and not is_over(manifest, now):
        told = problem("matcher.operate.no_checkpoint", at=minute(at))
        yield Missed("checkpoint", "log", at + _CHECKPOINT_WITHIN, *told)


def _openings(project: Project, manifest: Manifest, view: ProjectView, now: datetime) -> Iterator[Missed]:
    hour = unopened(manifest, view, now)
    name = hour.date().isoformat() if hour else ""
    if hour is None or (now - hour <= HOUR and (view.shut is None or view.shut.round != name)):
        return
    nl, en = problem("matcher.operate.should_have_opened", round=name, at=minute(hour))
    if manifest.schedule.hour_of(now) is None:
        late = problem("matcher.operate.not_any_more")
        nl, en = f"{nl}; {late[0]}", f"{en}; {late[1]}"
    elif (error := refusal(project, now)) is not None:
        nl, en = f"{nl}. {error.text('nl')}", f"{en}. {error.text('en')}"
    yield Missed("opening", name, hour, nl, en)


@dataclass(frozen=True)
class NextOpening:
    """When the next round opens by itself (UTC), None where that is done by hand; and what will keep it from opening, by the
    gates as they stand at that hour."""

    at: datetime | None
    refused: LsiError | None


def next_opening(project: Project, now: datetime) -> NextOpening | None:
    """The next round of a project; None when no round is to come any more."""
    manifest = project.manifest()
    schedule, period = manifest.schedule, manifest.project.period
    begins = datetime.combine(period.first, time.min, ZoneInfo(schedule.timezone))
    from_then = max(now, begins - timedelta(seconds=1))
    at = next(schedule.openings(from_then), None)
    if (schedule.opens and at is None) or schedule.day(at or from_then) > period.last:
        return None
    if project.view().spent(schedule.rounds_at_most):
        return None
    return NextOpening(at and at.astimezone(UTC), refusal(project, max(at or now, begins)))


def ends(project: Project, view: ProjectView, now: datetime) -> list[End]:
    """Everything of a project that ends by itself, the first first; nothing once nothing of it has a term any more. That
    its period ended is no more told than that: it was to."""
    manifest = project.manifest()
    if is_over(manifest, now):
        return []
    agreed = ends_of_agreement(manifest, project.trust(now), project.papers().values())
    found = [*agreed, *_of_rounds(manifest, view, now)]
    found = [one for one in found if one.what != "period" or now < one.at]
    return sorted(found, key=lambda one: (one.at, one.what, one.name))


@dataclass(frozen=True)
class Ahead:
    """What lies ahead of a project: its next round, and all that ends; `error` where that cannot be told."""

    opening: NextOpening | None = None
    ends: Sequence[End] = ()
    error: LsiError | None = None


def ahead(project: Project, now: datetime) -> Ahead:
    """As `next_opening` and `ends`; every gate is judged once for both."""
    try:
        return Ahead(next_opening(project, now), ends(project, project.view(), now))
    except LsiError as error:
        return Ahead(error=error)


def _of_rounds(manifest: Manifest, view: ProjectView, now: datetime) -> Iterator[End]:
    everybody, began = tuple(manifest.controllers), view.began or now
    at_most = manifest.schedule.rounds_at_most
    if at_most is not None and manifest.schedule.opens is not None and not view.spent(at_most):
        left = at_most - len(view.opened()) - (unopened(manifest, view, now) is not None)
        at = manifest.schedule.opening_after(left, now, manifest.project.period.last)
        if at is not None:
            yield End("rounds", f"{at_most + 1}", began, at, everybody)
    for one in view.live.values():
        if one.state == "held" and one.hold is not None:
            yield End("hold", one.name, one.hold.mark.at, one.hold.until, everybody)
        if one.release is None:
            continue
        until = manifest.released_until(one.release.mark.at)
        if one.waits and now < until:
            yield End("cosignatures", one.name, one.release.mark.at, until, everybody)
        if one.waits:
            continue
        not_yet = {
            name for name, digest in one.release.to.items() if digest not in {*one.openings, *one.expired}
        }
        for name in sorted(not_yet) if now < until else ():
            yield End("release", one.name, one.release.mark.at, until, (name,))
