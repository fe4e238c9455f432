"""What there is to do now for a project that runs by itself: a pure function of the agreement, the rounds and the clock.

Rules, per round that is open:

- every partner has delivered → run;
- the deadline has passed and the manifest says `proceed` → run with the drops that are there, if there are two;
- the deadline has passed, someone is late and the manifest says `refuse` (or `proceed`, with fewer than two drops)
  → give the round up: its key and drops are destroyed;
- a run that was refused is tried again when something new came in, and else once a day; one that broke off (its
  process was killed, the machine went down) after a quarter of an hour;
- a run that is held is tried again when a justification came in, and when its term is over (which destroys it);
- a release that was made but not finished (the process was killed) is finished;
- the project is over → give up what is still open;
- so many days before the deadline as the manifest says, whoever has not delivered is reminded, once.

And per project: a round opens when its hour has come. Of the hours that passed while nothing ran only the last one
counts, and never one from before the project began here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from lsi_match.protocol.manifest import Manifest

#: How long a refused run waits when nothing new came in, and how long one that broke off does.
TRY_AGAIN = timedelta(days=1)
TRY_BROKEN = timedelta(minutes=15)


@dataclass(frozen=True)
class RoundNow:
    """A round as it stands. `state` is that of `oversight.state`; `delivered` are the partners whose drop waits in
    the inbox; `reminded` the numbers of days of which a reminder was sent; `tried` when it last ran; `news` whether
    a drop or a paper came in since; `held_until` when the term of a held round ends."""

    round: str
    state: str
    opened_at: datetime
    deadline: datetime
    delivered: frozenset[str] = frozenset()
    reminded: frozenset[int] = frozenset()
    tried: datetime | None = None
    news: bool = False
    held_until: datetime | None = None


@dataclass(frozen=True)
class Open:
    """Open a round; `reference_date` is the ISO date of the hour at which it was to open."""

    round: str
    reference_date: str


@dataclass(frozen=True)
class Remind:
    round: str
    partners: tuple[str, ...]
    days: int


@dataclass(frozen=True)
class Run:
    round: str


@dataclass(frozen=True)
class GiveUp:
    round: str
    late: tuple[str, ...]


Task = Open | Remind | Run | GiveUp

#: States in which nothing is left to do for a round, and those in which it waits for people.
_DONE = frozenset({"destroyed", "abandoned"})
_HELD = frozenset({"held"})


def agenda(manifest: Manifest, rounds: Iterable[RoundNow], began: datetime, now: datetime) -> list[Task]:
    """The tasks of this moment, in the order in which to do them.

    Args:
        rounds: every round of the project.
        began: when the manifest was registered here.
        now: the time, with its zone.
    """
    known = list(rounds)
    tasks: list[Task] = []
    for round_ in known:
        tasks += _for_round(manifest, round_, now)
    return [*tasks, *_opening(manifest, known, began, now)]


def _opening(manifest: Manifest, rounds: list[RoundNow], began: datetime, now: datetime) -> Iterator[Open]:
    hour = manifest.schedule.last_opening(now)
    if hour is None or hour < began:
        return
    day = hour.astimezone(ZoneInfo(manifest.schedule.timezone)).date()
    period = manifest.project.period
    name = day.isoformat()
    if period.first <= day <= period.last and all(round_.round != name for round_ in rounds):
        yield Open(name, name)


def _for_round(manifest: Manifest, round_: RoundNow, now: datetime) -> Iterator[Task]:
    if round_.state in _DONE:
        return
    if round_.state == "released":
        yield Run(round_.round)  # only what is left: hand out, destroy
        return
    if round_.state in _HELD:
        if round_.news or (round_.held_until is not None and now >= round_.held_until):
            yield Run(round_.round)  # it releases what is justified, and destroys what is not in time
        return
    late = tuple(name for name in manifest.partners if name not in round_.delivered)
    if now.astimezone(ZoneInfo(manifest.schedule.timezone)).date() > manifest.project.period.last:
        yield GiveUp(round_.round, late)
        return
    over = now >= round_.deadline
    if not late or (over and manifest.schedule.when_late == "proceed" and len(round_.delivered) >= 2):
        wait = TRY_AGAIN if round_.state == "refused" else TRY_BROKEN
        if round_.tried is None or round_.news or now - round_.tried >= wait:
            yield Run(round_.round)
    elif over and manifest.schedule.when_late != "wait":
        yield GiveUp(round_.round, late)
    else:
        yield from _reminder(manifest, round_, late, now)


def _reminder(manifest: Manifest, round_: RoundNow, late: tuple[str, ...], now: datetime) -> Iterator[Remind]:
    """The reminder whose day has come; of several that passed unseen only the last."""
    due = [days for days in manifest.schedule.remind_days if now >= round_.deadline - timedelta(days=days)]
    if due and min(due) not in round_.reminded and now < round_.deadline:
        yield Remind(round_.round, late, min(due))
