"""The report for the FG: what was done in a project or a period, from the log and the documents that it names.

Everything follows from entries and from documents with the digest that an entry gives. Counts of people come from the
overviews, in which small ones are withheld already; no count of an entry is shown in their place.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TypeVar

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.catalogue import word
from lsi_match.base.errors import Language, LsiError
from lsi_match.base.files import read_bytes
from lsi_match.log import events
from lsi_match.log.audit_terms import destroyed
from lsi_match.log.events import Event, Recorded
from lsi_match.log.steps import Step
from lsi_match.log.subject_files import GRACE, Standings, due_at
from lsi_match.log.verify import Verification
from lsi_match.log.view import RoundView
from lsi_match.manifest import Manifest
from lsi_match.monitor.overview import Overview
from lsi_match.protocol.documents import Justification
from lsi_match.reports.document import Document, Writer

E = TypeVar("E", bound=Event)


@dataclass(frozen=True)
class Period:
    """The days that a report is about, both included."""

    first: date
    last: date

    def holds(self, one: Recorded) -> bool:
        return self.first <= one.at.date() <= self.last


@dataclass(frozen=True)
class Evidence:
    """What a report is made from: the events, the documents that are there, and what the checks found."""

    origin: str
    events: Sequence[Recorded]
    verified: Verification
    #: The files of data subjects; None where they are not, with a copy of the log.
    subjects: Standings | None
    #: When the report is made.
    now: datetime
    #: The folder of documents of a site; the papers that came with a copy of a log; and the manifest that whoever asks for the
    #: report has itself.
    documents: Path | None = None
    papers: Mapping[str, bytes] = field(default_factory=dict)
    manifest: bytes = b""
    #: What is wrong with the audit records (`log.audit_terms`).
    details: tuple[LsiError, ...] = ()

    @property
    def problems(self) -> tuple[LsiError, ...]:
        """What is wrong beside the log itself."""
        return (*(self.subjects.problems if self.subjects else ()), *self.details)

    def document(self, digest: str | None) -> bytes | None:
        """The document with this digest, when it is there and has it."""
        file = self.documents and digest and self.documents / f"{digest.removeprefix('sha256:')}.json"
        data = read_bytes(file) if file and file.exists() else self.papers.get(digest or "", self.manifest)
        return data if digest_of_bytes(data) == digest else None


def account(evidence: Evidence, lang: Language, period: Period | None = None) -> Document:
    """The report, of a period or of all that is in the log."""
    report, found = _Report(evidence, period), evidence.verified
    return Writer("log", lang).document(
        "account.md",
        report=report,
        found=found,
        judged=judged_again(found.judged, lang),
        unknown=", ".join(f"{step} ({one.count}, {one.first})" for step, one in found.view.unknown.items()),
        problems=evidence.problems,
        totals=report.totals(),
        refusals=report.refusals(),
        held=report.held(),
        files=evidence.subjects,
        kept=found.details_present + len(found.details_absent),
        over=len(destroyed(found.view)),
        looked=report.looked(),
        counted=lambda names: ", ".join(f"{one} ({n})" for one, n in sorted(Counter[str](names).items())),
    )


def verified(found: Verification, lang: Language) -> str:
    """That a log verifies."""
    return Writer("log", lang).text("verifies", size=found.size, root=found.root.hex() if found.root else "–")


def judged_again(judged: Mapping[str, int] | None, lang: Language) -> str:
    """What was judged again from the signed papers, how often; or that it was not."""
    text = Writer("log", lang).text
    if judged is None:
        return text("not_judged")
    return text(
        "judged", counts=", ".join(f"{word('step', step, lang)} ({count})" for step, count in judged.items())
    )


@dataclass(frozen=True)
class Removed:
    """How many of the releases of a round were removed on time, too late, and not yet while their term is over."""

    on_time: int
    late: int
    left: int


class _Report:
    """What the template asks for, of the events of a period."""

    def __init__(self, evidence: Evidence, period: Period | None) -> None:
        self._evidence = evidence
        self.origin = evidence.origin
        self.chosen = [one for one in evidence.events if period is None or period.holds(one)]
        mentioned = {one.round for one in self.chosen}
        self.rounds = [one for one in evidence.verified.view.rounds.values() if one.name in mentioned]

    def _of(self, model: type[E], round_id: str | None = None) -> list[tuple[Recorded, E]]:
        """The events of a kind, of all rounds or of one."""
        return [
            (one, one.event)
            for one in self.chosen
            if isinstance(one.event, model) and round_id in (None, one.round)
        ]

    def of(self, kind: str, round_id: str) -> list[tuple[Recorded, Event]]:
        """The events of a round, of the kind with this name."""
        return self._of(getattr(events, kind), round_id)

    def totals(self) -> dict[str, int]:
        return {
            "rounds": len(self.rounds),
            "refusals": len(self._of(events.Refusal)),
            "held": len(self.held()),
            "releases": len(self._of(events.Released)),
            "opened": len(self._of(events.ReleaseOpened)),
            "requests": len(self._of(events.AccessAnswered)),
            "roots": len(self._of(events.TrustRootTakenIn)),
        }

    def drops(self, name: str) -> int:
        """A run that is started again takes in every drop again: each counts once."""
        return len({event.drop for _, event in self._of(events.DropAccepted, name)})

    def volumes(self, name: str) -> list[int | str | None]:
        """Subjects, those at two or more partners, and cases; "–" where nobody counted."""
        counted = self._of(events.Counted, name)
        data = self._evidence.document(counted[-1][1].overview) if counted else None
        totals = Overview.model_validate_json(data).totals if data else {}
        return [totals.get(one, "–") for one in ("subjects", "matched", "cases")]

    def links(self, name: str) -> tuple[int, int, int] | None:
        """Of the links that were made without a shared number: how many, and how many are false by the estimate, and at most."""
        matched = self._of(events.Matched, name)
        told = matched[-1][1] if matched else None
        if told is None or told.links is None:
            return None
        return told.links, told.false_links or 0, told.false_links_at_most or 0

    def like(self, name: str) -> tuple[str, ...]:
        """The rounds that a round repeats but for a few records."""
        counted = self._of(events.Counted, name)
        return tuple(counted[-1][1].like or ()) if counted else ()

    def refusals(self) -> list[tuple[tuple[Step, str, str], int]]:
        """Step, partner and reason, and how often."""
        return sorted(
            Counter(
                (event.step, str(getattr(event, "partner", None) or "–"), event.reason)
                for _, event in self._of(events.Refusal)
            ).items()
        )

    def held(self) -> dict[str, tuple[Recorded, events.Held]]:
        """Round → the event with which it was held first."""
        found: dict[str, tuple[Recorded, events.Held]] = {}
        for one, event in self._of(events.Held):
            found.setdefault(event.round, (one, event))
        return found

    def justifications(self, round_id: str) -> Iterator[tuple[Recorded, str, str, str]]:
        """Who said what to a held round, and why; no reason where the paper is not there."""
        for one, event in self._of(events.Justified, round_id):
            for name, digest in sorted(event.papers.items()):
                envelope = self._evidence.document(digest)  # its signature was checked when it was taken in
                said = base64.b64decode(json.loads(envelope)["payload"]) if envelope else None
                why = Justification.model_validate_json(said).said if said else ""
                yield one, name, event.decisions.get(name, "–"), why

    def due(self, one: RoundView) -> datetime | None:
        """When its files of data subjects are gone."""
        return due_at(one, self._manifest_of)

    def removed(self, round_id: str) -> Removed | None:
        """What became of the releases of a round; None where there are none."""
        released = self._of(events.Released, round_id)
        if not released:
            return None
        made, event = released[-1]
        agreed = self._manifest_of(made.manifest)
        due = (agreed.released_until(made.at) if agreed else made.at) + GRACE
        removed = self._of(events.ReleaseExpired, round_id)
        late = sum(one.at > due for one, _ in removed)
        left = len(event.releases) - len(removed) if self._evidence.now > due else 0
        return Removed(len(removed) - late, late, max(0, left))

    def _manifest_of(self, digest: str) -> Manifest | None:
        data = self._evidence.document(digest)
        return Manifest.model_validate_json(data) if data else None

    def looked(self) -> dict[str, tuple[int, int]]:
        """Partner → how often it opened a release, and asked for access."""
        opened = Counter(event.partner for _, event in self._of(events.ReleaseOpened))
        asked = Counter(event.partner for _, event in self._of(events.AccessAnswered))
        return {name: (opened[name], asked[name]) for name in sorted(opened.keys() | asked.keys())}
