"""Entries and views of made-up events, for tests of what is read from a log."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from lsi_match.log import events
from lsi_match.log.entry import LogEntry
from lsi_match.log.events import Event
from lsi_match.log.view import ProjectView

DIGEST = "sha256:" + "0" * 64
WHY = {"reason": "DiskFullError", "message": "vol"}
LATER = datetime(2030, 1, 1, tzinfo=UTC)


def entry(event: Event, **attributes: Any) -> LogEntry:
    """The entry of an event, with more or other attributes."""
    return LogEntry(
        trace_id="0" * 32, span_id="0" * 16, name=event.step.value, status=event.status, start_time=0, end_time=1,
        attributes={"lsi.manifest": DIGEST, **event.attributes(), **attributes},
    )  # fmt: skip


def view_of(some: Iterable[Event]) -> ProjectView:
    return ProjectView.of(entry(event) for event in some)


def opened(name: str) -> Event:
    return events.RoundOpened(round=name, opening=DIGEST)


def accepted(name: str, partner: str, rows: int = 1) -> Event:
    return events.DropAccepted(round=name, partner=partner, drop=DIGEST, rows=rows, parts=1, subjects=DIGEST)


def counted(name: str, alerts: int | None = None) -> Event:
    return events.Counted(round=name, overview=DIGEST, table=DIGEST, findings=DIGEST, alerts=alerts)


def held(name: str, *controllers: str, findings: str = DIGEST) -> Event:
    return events.Held(round=name, findings=findings, alerts=1, until=LATER, controllers=controllers)


def ran(name: str, *, released: bool = True, **rows: int) -> list[Event]:
    """The events of a round, up to its destruction. `rows`: partner → records in its drop."""
    found = [opened(name), *run(name, **rows)]
    if released:
        found.append(events.Released(round=name, cases=1, releases=dict.fromkeys(rows, DIGEST)))
    return [*found, events.DestructionBegun(round=name), events.Destroyed(round=name, files=1)]


def run(name: str, **rows: int) -> list[Event]:
    """The events of a run, up to the count."""
    return [
        events.GatesPassed(round=name),
        *(accepted(name, partner, count) for partner, count in rows.items()),
        events.DropsComplete(round=name, drops=len(rows), late=()),
        events.Matched(round=name, cases=1, subjects=DIGEST),
        counted(name),
    ]


def of_round(name: str) -> list[Event]:
    """One event of every step of a round, refusals and beginnings too."""
    counts = {"overview": DIGEST, "table": DIGEST, "findings": DIGEST, "alerts": 1, "too_little": 0}
    return [
        opened(name),
        events.EvaluationsAsked(round=name, partner="uwv", ask=DIGEST, keys=DIGEST, asked={"bsn": 1}),
        events.EvaluationsRefused(round=name, partner="uwv", reason="NoElementError", message="x"),
        events.EvaluationsAnswered(round=name, partner="uwv", to="svb", answer=DIGEST),
        events.EvaluatorsNamed(round=name, evaluators=DIGEST, partners=("svb", "uwv"), left_out=()),
        events.RoundKeysGone(round=name, partner="uwv", keys=DIGEST, destroyed=DIGEST),
        events.AccessAsked(round=name, partner="uwv", ask=DIGEST, asked={"bsn": 1}),
        events.DropArrived(round=name, partner="uwv", drop=DIGEST),
        events.DropArrivalRefused(round=name, partner="uwv", **WHY),
        events.Reminded(round=name, days=1, partners=("uwv",)),
        events.GatesPassed(round=name),
        events.GatesRefused(round=name, **WHY),
        accepted(name, "uwv"),
        events.DropRefused(round=name, partner="uwv", **WHY),
        events.DropsComplete(round=name, drops=2, late=()),
        events.DropsIncomplete(round=name, late=("uwv",), **WHY),
        events.Matched(round=name, cases=1, subjects=DIGEST),
        events.MatchRefused(round=name, **WHY),
        events.Counted(round=name, **counts),
        events.CountRefused(round=name, **counts, **WHY),
        held(name, "uwv"),
        events.Justified(round=name, findings=DIGEST, papers={"uwv": DIGEST}, decisions={"uwv": "release"}),
        events.OfficeCounted(round=name, partner="uwv", office=DIGEST),
        events.Released(round=name, cases=1, releases={"uwv": DIGEST}, cosignatures=1),
        events.HandedOut(round=name, size=3, cosigners=("uwv",)),
        events.OutcomeTakenIn(round=name, partner="uwv", outcome=DIGEST),
        events.DestructionBegun(round=name),
        events.Destroyed(round=name, files=1),
        events.ReleaseOpened(round=name, partner="uwv", release=DIGEST, opened=DIGEST, opened_at=LATER),
        events.ReleaseExpired(round=name, partner="uwv", release=DIGEST),
        events.SubjectsDestroyed(round=name, files=1, due=LATER),
    ]
