"""What there is to do now for a project that runs by itself: a pure function of the agreement, the rounds and the clock.

Rules, per round that is open:

- every partner has delivered → run;
- the deadline has passed and the manifest says `proceed` → run with the drops that are there, if there are two;
- the deadline has passed, someone is late and the manifest says `refuse` (or `proceed`, with fewer than two drops)
  → give the round up: its key and drops are destroyed;
- a run that was refused is tried again when something new came in, and else once a day; one that broke off (its
  process was killed, the machine went down) after a quarter of an hour;
- a run that is held is tried again when a justification came in; when its term is over it is destroyed
  (`matcher.operate.retention`);
- a release that was made but not finished (the process was killed) is finished;
- the project is over, or the round's key is gone → give up what is still open;
- where partners evaluate together: everybody asked and answered, or the time for it is over → name those who did; from then
  on only their drops are waited for. Are they fewer than two → give the round up;
- so many days before the deadline as the manifest says, whoever has not delivered is reminded, once.

And per project: a round opens when its hour has come, unless one was opened for it by hand. Of the hours that passed
while nothing ran only the last one counts, when it is not too long ago, never one from before the project began here, and
none that the manifest does not allow any more. Once a day there is a checkpoint, until nothing of the project can have a
term any more.

What has to be destroyed on a day is not here but in `matcher.operate.retention`, which also looks at what lies on the disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from lsi_match.log.view import ProjectView
from lsi_match.manifest import Manifest

#: How long a refused run waits when nothing new came in, and how long one that broke off does.
TRY_AGAIN = timedelta(days=1)
TRY_BROKEN = timedelta(minutes=15)


@dataclass(frozen=True)
class RoundNow:
    """A round that is not over, as it stands. `state` is that of `log.view`; `delivered` are the partners whose drop waits in
    the inbox; `reminded` the numbers of days of which a reminder was sent; `tried` when it last ran; `news` whether
    a drop or a paper came in since; `held_until` when the term of a held round ends; `key` whether its key is there;
    `broke_off` whether a run of a held round ended without a word. Where partners evaluate together, `left_out` are those who
    did not in time, `evaluators` is how many are done with it, and `answers_until` when it ends, until they are named."""

    round: str
    state: str
    opened_at: datetime
    deadline: datetime
    delivered: frozenset[str] = frozenset()
    reminded: frozenset[int] = frozenset()
    tried: datetime | None = None
    news: bool = False
    held_until: datetime | None = None
    key: bool = True
    broke_off: bool = False
    left_out: frozenset[str] = frozenset()
    evaluators: int = 0
    answers_until: datetime | None = None


@dataclass(frozen=True)
class Open:
    """Open a round; it is called after the day of the hour at which it was to open."""

    round: str


@dataclass(frozen=True)
class Remind:
    """Tell partners that their drop is not there yet, so many days before the deadline."""

    round: str
    partners: tuple[str, ...]
    days: int


@dataclass(frozen=True)
class NameEvaluators:
    """Say which partners evaluated together in time, and so may deliver."""

    round: str


@dataclass(frozen=True)
class Run:
    """Run a round, or finish one."""

    round: str


@dataclass(frozen=True)
class ReleaseHeld:
    """Run a round that was held once more, now that someone justified it."""

    round: str


@dataclass(frozen=True)
class Abandon:
    """End a round without a release."""

    round: str
    late: tuple[str, ...]


@dataclass(frozen=True)
class MakeCheckpoint:
    """Make the checkpoint of a day (ISO date) and ask for cosignatures."""

    day: str


Task = Open | Remind | NameEvaluators | Run | ReleaseHeld | Abandon | MakeCheckpoint


def about(task: Task) -> str:
    """What a task is about: a round, or a day."""
    return task.day if isinstance(task, MakeCheckpoint) else task.round


#: States in which a round waits for people.
_HELD = frozenset({"held"})


def agenda(manifest: Manifest, view: ProjectView, rounds: Iterable[RoundNow], now: datetime) -> list[Task]:
    """The tasks of this moment, in the order in which to do them.

    Args:
        view: of the project.
        rounds: its rounds that are not over.
        now: the time, with its zone.
    """
    tasks: list[Task] = []
    for round_ in rounds:
        tasks += _for_round(manifest, round_, now)
    return [*tasks, *_opening(manifest, view, now), *_checkpoint(manifest, now, view.last_checkpoint)]


def _checkpoint(manifest: Manifest, now: datetime, checked: datetime | None) -> Iterator[MakeCheckpoint]:
    today = manifest.schedule.day(now)
    if not is_over(manifest, now) and (checked is None or manifest.schedule.day(checked) < today):
        yield MakeCheckpoint(today.isoformat())


def is_over(manifest: Manifest, now: datetime) -> bool:
    """Whether nothing of a project can have a term any more: its period ended that long ago."""
    longest = max(
        manifest.retention.log_details_days, manifest.retention.hold_days, manifest.release.keep_days
    )
    last = manifest.project.period.last + timedelta(days=manifest.schedule.deadline_days + longest)
    return manifest.schedule.day(now) > last


def unopened(manifest: Manifest, view: ProjectView, now: datetime) -> datetime | None:
    """The last hour up to now at which a round was to open by itself, while none was opened for it; None where there is none,
    or where the manifest does not allow one any more."""
    schedule, period = manifest.schedule, manifest.project.period
    hour = schedule.last_hour(now)
    if hour is None or view.began is None or hour < view.began or view.spent(schedule.rounds_at_most):
        return None
    opened = view.has(hour.date().isoformat()) or hour in map(schedule.last_hour, view.opened().values())
    return hour if period.first <= hour.date() <= period.last and not opened else None


def _opening(manifest: Manifest, view: ProjectView, now: datetime) -> Iterator[Open]:
    hour = unopened(manifest, view, now)
    if hour is not None and hour == manifest.schedule.hour_of(now):
        yield Open(hour.date().isoformat())


def _for_round(manifest: Manifest, round_: RoundNow, now: datetime) -> Iterator[Task]:
    if round_.state == "released":
        yield Run(round_.round)  # only what is left: hand out, destroy
        return
    late = tuple(name for name in manifest.partners if name not in round_.delivered | round_.left_out)
    if not round_.key:
        yield Abandon(round_.round, late)  # nobody can open its drops any more
        return
    if round_.state in _HELD:
        again = round_.broke_off and round_.tried is not None and now - round_.tried >= TRY_BROKEN
        if (round_.news or again) and (round_.held_until is None or now < round_.held_until):
            yield ReleaseHeld(round_.round)
        return
    if manifest.schedule.day(now) > manifest.project.period.last:
        yield Abandon(round_.round, late)
        return
    if (until := round_.answers_until) and (round_.evaluators == len(manifest.partners) or now >= until):
        yield NameEvaluators(round_.round) if round_.evaluators >= 2 else Abandon(round_.round, late)
        return
    over = now >= round_.deadline
    if not late or (over and manifest.schedule.when_late == "proceed" and len(round_.delivered) >= 2):
        wait = TRY_AGAIN if round_.state == "refused" else TRY_BROKEN
        if round_.tried is None or round_.news or now - round_.tried >= wait:
            yield Run(round_.round)
    elif over and manifest.schedule.when_late != "wait":
        yield Abandon(round_.round, late)
    else:
        yield from _reminder(manifest, round_, late, now)


def _reminder(manifest: Manifest, round_: RoundNow, late: tuple[str, ...], now: datetime) -> Iterator[Remind]:
    """The reminder whose day has come; of several that passed unseen only the last."""
    days_later = manifest.schedule.days_later
    due = [days for days in manifest.schedule.remind_days if now >= days_later(round_.deadline, -days)]
    if due and min(due) not in round_.reminded and now < round_.deadline:
        yield Remind(round_.round, late, min(due))
