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
from lsi_match.log.entry import LogEntry
from lsi_match.log.round_state import fold
from lsi_match.log.steps import Step
from lsi_match.matcher.operate.agenda import DONE, RoundNow
from lsi_match.matcher.operate.alarms import NAMES, alarms, waiting
from lsi_match.matcher.operate.reconcile import last_reconciled, rounds_now
from lsi_match.matcher.operate.retention import due
from lsi_match.matcher.round.near_duplicate_rounds import rounds_that_count
from lsi_match.matcher.site.checkpoint import cosigned_at
from lsi_match.matcher.site.site import Project, Site


@dataclass(frozen=True)
class Advice:
    """A round: its state as in `log.round_state`, its last step, its refusals, and what it waits for in both languages."""

    round: str
    state: str
    last_step: str
    refusals: int
    nl: str
    en: str


def advice(project: Project, now: datetime) -> list[Advice]:
    """What every round waits for, and who has to do what."""
    entries = project.entries()
    known = {one.round: one for one in rounds_now(project, entries)[0]}
    found = []
    for state in fold(entries):
        nl, en = _waits_for(project, known.get(state.round), entries, now)
        if state.waits:
            least = _cosignatures(entries, state.round)
            nl = f"medeondertekening door {least} partijen ('log cosign', 'log add-cosignature'); daarna uitreiken"
            en = f"cosignatures of {least} controllers ('log cosign', 'log add-cosignature'); then it is handed out"
        found.append(Advice(state.round, state.state, state.last_step, state.refusals, nl, en))
    return found


def next_opening(project: Project, now: datetime) -> datetime | None:
    """When the next round opens by itself (UTC); None when that is done by hand, or no round is to come any more."""
    manifest = project.manifest()
    schedule, period = manifest.schedule, manifest.project.period
    spent = schedule.rounds_at_most is not None and (
        len(rounds_that_count(project.entries())) >= schedule.rounds_at_most
    )
    begins = datetime.combine(period.first, time.min, ZoneInfo(schedule.timezone))
    at = schedule.next_opening(max(now, begins - timedelta(seconds=1)))
    return None if spent or at is None or at.date() > period.last else at.astimezone(UTC)


def _waits_for(
    project: Project, round_: RoundNow | None, entries: list[LogEntry], now: datetime
) -> tuple[str, str]:
    if round_ is None or round_.state in DONE:
        return "klaar", "done"
    if round_.state == "released":
        return "vrijgave afmaken: 'match run'", "finish the release: 'match run'"
    if round_.held_until is not None:
        until = f"{round_.held_until:%Y-%m-%d %H:%M} UTC"
        return (
            f"rechtvaardiging van alle partijen vóór {until} ('monitor report', 'monitor justify')",
            f"a justification of every controller before {until} ('monitor report', 'monitor justify')",
        )
    if round_.state == "refused":
        why = _refusal(entries, round_.round)
        return f"herstel: {why}", f"to be mended: {why}"
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


def _cosignatures(entries: list[LogEntry], round_id: str) -> int:
    asked = [
        int(e.attributes["lsi.cosignatures"])
        for e in entries
        if e.attributes.get("lsi.round") == round_id and "lsi.cosignatures" in e.attributes
    ]
    return asked[-1]


def _refusal(entries: list[LogEntry], round_id: str) -> str:
    said = [
        str(entry.attributes.get("exception.message", ""))
        for entry in entries
        if entry.status == "Error" and entry.attributes.get("lsi.round") == round_id
    ]
    return said[-1] if said else ""


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
    for project in site.projects():
        for name in NAMES:
            alarm.labels(project.id, name).set(0)
        for one in alarms(project, now):
            alarm.labels(project.id, one.name).set(1)
        for duty, at in last_reconciled(project).at.items():
            look.labels(project.id, duty).set((now - at).total_seconds())
        try:
            entries = project.entries()
            known, _ = rounds_now(project, entries)
            partners = project.manifest().partners
        except LsiError:
            continue  # the alarm `log` or `manifest` is on
        states = fold(entries)
        for state, number in Counter(one.state for one in states).items():
            rounds.labels(project.id, state).set(number)
        for outcome, step in (("begun", Step.GATES), ("released", Step.RELEASE)):
            runs.labels(project.id, outcome).set(
                sum(e.name == step.value and e.status == "Ok" for e in entries)
            )
        refusals.labels(project.id).set(sum(one.refusals for one in states))
        last.labels(project.id).set((now - entries[-1].moment).total_seconds())
        with suppress(LsiError):
            for partner, at_ in cosigned_at(project, now).items():
                if at_ is not None:
                    cosigned.labels(project.id, partner).set((now - at_).total_seconds())
        ongoing = [one for one in known if one.state not in DONE]
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
        since = min(waiting(entries).values(), default=now)
        waits.labels(project.id).set((now - since).total_seconds())
        with suppress(LsiError, OSError):
            overdue.labels(project.id).set(len(due(project, now)))
    return generate_latest(registry)
