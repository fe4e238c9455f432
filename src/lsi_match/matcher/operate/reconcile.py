"""Running by itself: look what there is to do, and do it. Safe to call at any time, and again after any stop.

`reconcile` is the heart: it takes in what partners delivered, does what the agenda says (`matcher.operate.agenda`), destroys what
is past its term (`matcher.operate.retention`), and puts what partners have to have at their places. It keeps nothing between two
calls but when it looked: what was done stands in the log.

Of one project there is one look at a time, so also one run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime

from lsi_match.base.clock import CLOCK_SKEW, Clock, minute
from lsi_match.base.errors import LsiError, UnexpectedError, problem
from lsi_match.base.files import locked, write_whole
from lsi_match.log.events import Reminded
from lsi_match.matcher.operate import events_file
from lsi_match.matcher.operate.agenda import (
    Abandon,
    MakeCheckpoint,
    NameEvaluators,
    Open,
    Remind,
    Task,
    agenda,
)
from lsi_match.matcher.operate.observed_state import (
    LAST_RECONCILED,
    delivered,
    leapt_from,
    rounds_now,
)
from lsi_match.matcher.operate.retention import Destroyed, abandon, destroy_due, staged
from lsi_match.matcher.operate.transfers import (
    DeliveryError,
    IncomingDrop,
    ask_witnesses,
    check_not_behind,
    collect,
    exchange,
    publish,
)
from lsi_match.matcher.round.evaluating import name_evaluators
from lsi_match.matcher.round.open_round import open_round
from lsi_match.matcher.round.run import Run
from lsi_match.matcher.site import checkpoint
from lsi_match.matcher.site.site import Project, Site, json_document

#: Runs a round in a process of its own and tells the outcome: `state` is released, refused, held or broken.
Runner = Callable[[Project, str], dict[str, object]]


#: Outcomes of tasks that need nobody, or that a round waits for people with (the alarm `held`).
_WELL = frozenset({"done", "released", "held"})


class ProjectBusyError(LsiError): ...


@dataclass
class ReconcileResult:
    """What one look at a project gave: names, counts and reasons, never anything of a person."""

    project: str
    arrivals: list[IncomingDrop] = field(default_factory=list)
    troubles: list[DeliveryError] = field(default_factory=list)
    done: list[tuple[Task, str]] = field(default_factory=list)
    #: Of those tasks, what was refused and why; a run tells that by itself.
    refused: list[tuple[Task, LsiError]] = field(default_factory=list)
    #: Rounds whose release was handed out now that enough controllers co-signed the log.
    handed_out: list[str] = field(default_factory=list)
    destroyed: Destroyed = field(default_factory=Destroyed)

    @property
    def failed(self) -> bool:
        """Whether something needs somebody: a place out of reach, a task that was refused or broke, what could not be destroyed."""
        stopped = any(outcome not in _WELL for _, outcome in self.done)
        return bool(self.troubles) or stopped or bool(self.destroyed.failed)


def reconcile_site(
    site: Site,
    clock: Clock,
    runner: Runner,
    *,
    clock_is_right: bool = False,
) -> list[ReconcileResult]:
    """Watch every project of a site; one that fails does not hold up the others."""
    seen = [
        reconcile_whole(project, clock, runner, clock_is_right=clock_is_right) for project in site.projects()
    ]
    return [*seen, *(reconcile_begun(project, clock()) for project in site.begun())]


def reconcile_begun(project: Project, now: datetime) -> ReconcileResult:
    """One look at a project that has no manifest yet: files change hands."""
    try:
        with _alone(project):
            return ReconcileResult(project.id, troubles=exchange(project, now))
    except LsiError as error:
        return ReconcileResult(project.id, troubles=[DeliveryError("matcher", error)])


def reconcile_whole(
    project: Project,
    clock: Clock,
    runner: Runner,
    *,
    clock_is_right: bool = False,
) -> ReconcileResult:
    """One look, as `reconcile`; what keeps it from being done is a trouble of it."""
    try:
        return reconcile(project, clock, runner, clock_is_right=clock_is_right)
    except (LsiError, OSError) as error:  # as a full or read-only disk
        return ReconcileResult(project.id, troubles=[DeliveryError("matcher", UnexpectedError.of(error))])


def reconcile(
    project: Project,
    clock: Clock,
    runner: Runner,
    *,
    clock_is_right: bool = False,
) -> ReconcileResult:
    """One look: collect, do what the agenda says, destroy what is past its term, publish.

    Args:
        clock_is_right: somebody looked at the clock and says so; without, one that leapt ahead is not believed.

    Raises:
        ProjectBusyError: another process is at it; nothing was done.
        ClockBehindError: by the log it is later than by the clock; nothing was done.
        ClockAheadError: by the clock nobody looked for longer than `BELIEVED`; nothing was done.
        LogBehindError: an older log lies here than at a place; nothing was done.
    """
    with _alone(project), project.opened() as project:
        _check_clock(project, clock())
        if not clock_is_right and (last := leapt_from(project, project.view(), clock())):
            raise LsiError("ClockAheadError", project=project.id, **_shown(clock(), last))
        seen, began = ReconcileResult(project.id), time.monotonic()
        check_not_behind(project, clock())
        for one in collect(project, clock()):
            (seen.arrivals if isinstance(one, IncomingDrop) else seen.troubles).append(one)  # type: ignore[arg-type]
        for task in agenda(project.manifest(), project.view(), rounds_now(project, project.view()), clock()):
            try:
                seen.done.append((task, _do(project, task, clock, runner)))
            except (LsiError, OSError) as failure:  # it holds nothing else up
                error = UnexpectedError.of(failure)
                seen.done.append((task, error.reason))
                seen.refused.append((task, error))
        seen.troubles += ask_witnesses(project, clock())
        try:
            seen.handed_out = publish_cosigned_releases(project, clock)
        except LsiError as error:  # it holds nothing else up
            seen.troubles.append(DeliveryError("matcher", error))
        seen.destroyed = destroy_due(project, clock)
        checkpoint.export_parts(project)
        seen.troubles += publish(project, clock())
        _remember(project, seen, clock(), time.monotonic() - began)
        events_file.write(project.site.folder, seen, clock())
        return seen


def _alone(project: Project) -> AbstractContextManager[None]:
    """One process at a time."""
    return locked(project.folder / "watch.lock", ProjectBusyError(project=project.id))


def _remember(project: Project, seen: ReconcileResult, now: datetime, seconds: float) -> None:
    troubles = {one.partner: one.error.reason for one in seen.troubles}
    said = {"at": now.isoformat(), "troubles": troubles, "seconds": round(seconds, 3)}
    write_whole(project.folder / LAST_RECONCILED, json_document(said), replace=True)


def _check_clock(project: Project, now: datetime) -> None:
    last = project.view().last
    if last is not None and now < last - CLOCK_SKEW:
        raise LsiError("ClockBehindError", project=project.id, **_shown(now, last))


def _shown(now: datetime, last: datetime) -> dict[str, str]:
    return {"now": f"{now:%Y-%m-%d %H:%M}", "last": f"{last:%Y-%m-%d %H:%M}"}


def _do(project: Project, task: Task, clock: Clock, runner: Runner) -> str:
    """Do one task; its outcome in one word: done, or the state of a run. Raises what refused it."""
    if isinstance(task, Open):
        open_round(project, task.round, None, clock())
    elif isinstance(task, Remind):
        _remind(project, task, clock())
    elif isinstance(task, NameEvaluators):
        name_evaluators(project, task.round, clock())
    elif isinstance(task, Abandon):
        abandon(project, task.round, clock)
    elif isinstance(task, MakeCheckpoint):
        checkpoint.make_checkpoint(project, clock())
    else:
        return str(runner(project, task.round)["state"])
    return "done"


def remind_by_hand(project: Project, round_id: str, now: datetime) -> tuple[str, ...]:
    """Remind every partner of which no drop lies here for a round that is open; whom.

    Raises:
        RoundUnknownError, RoundNotOpenError: there is no such round, or it takes no drops any more.
    """
    opening, _ = project.opening(round_id)
    if not project.takes_drops(round_id):
        raise LsiError("RoundNotOpenError", round=round_id, project=project.id)
    there, known = delivered(project, round_id), project.view().live[round_id]
    late = tuple(name for name in known.expected(project.manifest().partners) if name not in there)
    if late:
        _remind(project, Remind(round_id, late, max(0, (opening.deadline - now).days)), now)
        publish(project, now)
    return late


def _remind(project: Project, task: Remind, now: datetime) -> None:
    """Put a reminder where each late partner finds it (`delivery.publish`), and log it."""
    opening, _ = project.opening(task.round)
    until = minute(opening.deadline)
    until_nl = f"{opening.deadline:%d-%m-%Y %H:%M} UTC"
    nl, en = problem("matcher.operate.reminder", round=task.round, until=until, until_nl=until_nl)
    for partner in task.partners:
        document = {
            "round": task.round,
            "deadline": opening.deadline.isoformat(),
            "nl": nl,
            "en": en,
        }
        file = project.round_folder(task.round) / "reminders" / f"{partner}.json"
        write_whole(file, json_document(document), replace=True)
    project.record(Reminded(round=task.round, days=task.days, partners=task.partners), now)


def publish_cosigned_releases(project: Project, clock: Clock) -> list[str]:
    """Hand out the releases that waited for cosignatures and have enough of them now; the names of the rounds.

    What the log calls handed out and still lies here, since a process was killed in between, is handed out as well.
    """
    done = []
    for name in dict.fromkeys(file.parts[-3] for file in staged(project, project.view())):
        run = Run(project, name, clock)
        try:
            run.release()
            done += [] if run.lacking else [name]
        finally:
            run.close()
    return done
