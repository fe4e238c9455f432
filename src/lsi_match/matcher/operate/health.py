"""How a site is doing, for people and for what watches machines: one line of advice per round, and metrics.

Metrics are in the text form of Prometheus, made by its own client. They hold names of projects and partners, counts of
rounds and refusals, and ages in seconds; nothing of a drop or a person.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from lsi_match.base.errors import LsiError
from lsi_match.log.view import RoundView
from lsi_match.matcher.operate.agenda import RoundNow
from lsi_match.matcher.operate.alarms import NAMES, alarms
from lsi_match.matcher.operate.observed_state import last_reconciled, rounds_now
from lsi_match.matcher.operate.retention import due
from lsi_match.matcher.site.checkpoint import cosigned_at
from lsi_match.matcher.site.site import Project, Site

_DONE = ("klaar", "done")


@dataclass(frozen=True)
class Advice:
    """A round: its state as in `log.view`, its last step, its refusals, and what it waits for in both languages."""

    round: str
    state: str
    last_step: str
    refusals: int
    nl: str
    en: str


def advice(project: Project, now: datetime) -> list[Advice]:
    """What every round waits for, and who has to do what."""
    view = project.view()
    known = {one.round: one for one in rounds_now(project, view)}
    found = [Advice(o.name, o.state, o.last_step, o.refusals, *_DONE) for o in view.put_away.values()]
    for one in view.live.values():
        nl, en = _waits_for(project, one, known.get(one.name), now)
        if one.waits and one.release:
            least = one.release.cosignatures
            nl = f"medeondertekening door {least} partijen ('log cosign', 'log add-cosignature'); daarna uitreiken"
            en = f"cosignatures of {least} controllers ('log cosign', 'log add-cosignature'); then it is handed out"
        found.append(Advice(one.name, one.state, one.last_step, one.refusals, nl, en))
    return found


def next_opening(project: Project, now: datetime) -> datetime | None:
    """When the next round opens by itself (UTC); None when that is done by hand, or no round is to come any more."""
    manifest = project.manifest()
    schedule, period = manifest.schedule, manifest.project.period
    most = schedule.rounds_at_most
    spent = most is not None and len(project.view().opened()) >= most
    begins = datetime.combine(period.first, time.min, ZoneInfo(schedule.timezone))
    at = next(schedule.openings(max(now, begins - timedelta(seconds=1))), None)
    return None if spent or at is None or at.date() > period.last else at.astimezone(UTC)


def _waits_for(project: Project, one: RoundView, round_: RoundNow | None, now: datetime) -> tuple[str, str]:
    if round_ is None:
        return _DONE
    if round_.state == "released":
        return "vrijgave afmaken: 'match run'", "finish the release: 'match run'"
    if round_.held_until is not None:
        until = f"{round_.held_until:%Y-%m-%d %H:%M} UTC"
        return (
            f"rechtvaardiging van alle partijen vóór {until} ('monitor report', 'monitor justify')",
            f"a justification of every controller before {until} ('monitor report', 'monitor justify')",
        )
    if round_.state == "refused":
        return f"herstel: {one.refusal}", f"to be mended: {one.refusal}"
    late = [name for name in project.manifest().partners if name not in round_.delivered]
    deadline = f"{round_.deadline:%Y-%m-%d %H:%M} UTC"
    if late:
        passed = now >= round_.deadline
        return (
            f"levering van {', '.join(late)} ({'te laat sinds' if passed else 'tot'} {deadline})",
            f"a drop of {', '.join(late)} ({'late since' if passed else 'until'} {deadline})",
        )
    if round_.tried is not None:
        return "afgebroken run: 'match run' maakt hem af", "a run that broke off: 'match run' finishes it"
    return "alles is er: 'match run'", "everything is there: 'match run'"


def metrics(site: Site, now: datetime) -> bytes:
    """The metrics of a site in the text form of Prometheus."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()

    def gauge(name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"lsi_match_{name}", text, ("project", *labels), registry=registry)

    rounds = gauge("rounds", "Rounds by state", "state")
    runs = gauge(
        "runs", "Runs that were begun since the project began, and that ended in a release", "outcome"
    )
    refusals = gauge("refusals", "Refused drops and runs since the project began")
    late = gauge(
        "late_seconds", "How long the latest drop that is missing is overdue; 0 when none is", "partner"
    )
    last = gauge(
        "last_checkpoint_age_seconds", "Time since the last entry of the log, which is signed with it"
    )
    cosigned = gauge(
        "cosigned_age_seconds",
        "Time since a controller co-signed the log; absent when it never did",
        "partner",
    )
    held = gauge(
        "hold_seconds_left", "Time left to justify the round whose term ends first; absent when none is held"
    )
    waits = gauge(
        "release_waiting_seconds",
        "How long the release that waits longest for cosignatures does; 0 when none does",
    )
    overdue = gauge("destruction_overdue", "Things that are past their term and not destroyed yet")
    look = gauge("last_look_age_seconds", "Time since a duty was last done to the end", "duty")
    alarm = gauge("alarm", "1 for every alarm that is on, by its name in the operator's guide", "name")
    for one_of_them in site.projects():
        with one_of_them.reading() as project:
            for name in NAMES:
                alarm.labels(project.id, name).set(0)
            for one in alarms(project, now):
                alarm.labels(project.id, one.name).set(1)
            for duty, at in last_reconciled(project).at.items():
                look.labels(project.id, duty).set((now - at).total_seconds())
            try:
                view = project.view()
                ongoing = rounds_now(project, view)
                partners = project.manifest().partners
            except LsiError:
                continue  # the alarm `log` or `manifest` is on
            states = view.summaries()
            for state, number in Counter(one.state for one in states).items():
                rounds.labels(project.id, state).set(number)
            runs.labels(project.id, "begun").set(sum(one.runs for one in states))
            runs.labels(project.id, "released").set(sum(one.released for one in states))
            refusals.labels(project.id).set(sum(one.refusals for one in states))
            last.labels(project.id).set((now - (view.last or now)).total_seconds())
            with suppress(LsiError):
                for partner, at_ in cosigned_at(project, now).items():
                    if at_ is not None:
                        cosigned.labels(project.id, partner).set((now - at_).total_seconds())
            for partner in partners:
                missing = [
                    now - one.deadline
                    for one in ongoing
                    if partner not in one.delivered and one.held_until is None
                ]
                late.labels(project.id, partner).set(max(0.0, *(age.total_seconds() for age in missing), 0.0))
            terms = [one.held_until for one in ongoing if one.held_until is not None]
            if terms:
                held.labels(project.id).set((min(terms) - now).total_seconds())
            since = min(view.waiting().values(), default=now)
            waits.labels(project.id).set((now - since).total_seconds())
            with suppress(LsiError, OSError):
                overdue.labels(project.id).set(len(due(project, now)))
    return generate_latest(registry)
