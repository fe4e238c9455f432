"""The report for the FG: what was done in a project or a period, from the log and the documents that it names.

Everything follows from entries and from documents with the digest that an entry gives. Counts of people come from the
overviews, in which small ones are withheld already; no count of an entry is shown in their place.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import Language, LsiError
from lsi_match.base.files import read_bytes
from lsi_match.log.audit_terms import destroyed
from lsi_match.log.entry import LogEntry
from lsi_match.log.round_state import RoundState, fold
from lsi_match.log.steps import Step
from lsi_match.log.subject_files import GRACE, Standings, due_rounds
from lsi_match.log.verify import Verification
from lsi_match.manifest import Manifest
from lsi_match.monitor.overview import Overview
from lsi_match.protocol.documents import Justification
from lsi_match.reports.document_model import Block, Heading, Items, Paragraph, Table, as_html, as_markdown

_STATES = {
    "open": ("open", "open"),
    "refused": ("tegengehouden", "refused"),
    "matched": ("gekoppeld", "matched"),
    "held": ("aangehouden", "held"),
    "released": ("vrijgegeven", "released"),
    "destroyed": ("vrijgegeven en vernietigd", "released and destroyed"),
    "abandoned": ("vernietigd zonder vrijgave", "destroyed without a release"),
}


@dataclass(frozen=True)
class Period:
    """The days that a report is about, both included."""

    first: date
    last: date

    def holds(self, entry: LogEntry) -> bool:
        return self.first <= entry.moment.date() <= self.last


@dataclass(frozen=True)
class Evidence:
    """What a report is made from: the entries, the folder of documents, and what the checks found."""

    origin: str
    entries: Sequence[LogEntry]
    documents: Path
    verified: Verification
    subjects: Standings
    #: When the report is made.
    now: datetime
    #: What is wrong with the audit records (`log.audit_terms`).
    details: tuple[LsiError, ...] = ()

    @property
    def problems(self) -> tuple[LsiError, ...]:
        """What is wrong beside the log itself."""
        return (*self.subjects.problems, *self.details)

    def document(self, digest: object) -> bytes | None:
        """The document with this digest, when it is there and has it."""
        file = self.documents / f"{str(digest).removeprefix('sha256:')}.json"
        data = read_bytes(file) if file.exists() else b""
        return data if digest_of_bytes(data) == digest else None


def html(evidence: Evidence, lang: Language, period: Period | None = None) -> str:
    """The report as one HTML page without a script."""
    report = _Report(evidence, lang, period)
    return as_html(report.title, lang, list(report.first_page()), list(report.rest()))


def markdown(evidence: Evidence, lang: Language, period: Period | None = None) -> str:
    """The report as Markdown."""
    report = _Report(evidence, lang, period)
    return as_markdown([*report.first_page(), *report.rest()])


class _Report:
    def __init__(self, evidence: Evidence, lang: Language, period: Period | None) -> None:
        self._evidence = evidence
        self._lang = lang
        self._period = period
        self._all = [(n, e) for n, e in enumerate(evidence.entries)]
        self._chosen = [(n, e) for n, e in self._all if period is None or period.holds(e)]
        mentioned = {str(e.attributes["lsi.round"]) for _, e in self._chosen if "lsi.round" in e.attributes}
        self._rounds = [one for one in fold(evidence.entries) if one.round in mentioned]

    def say(self, nl: str, en: str) -> str:
        return nl if self._lang == "nl" else en

    @property
    def title(self) -> str:
        return self.say(
            f"Verantwoording van het logboek {self._evidence.origin}",
            f"Account of the log {self._evidence.origin}",
        )

    def day(self, entry: LogEntry) -> str:
        return self._date(entry.moment)

    def _date(self, at: datetime) -> str:
        return f"{at:%d-%m-%Y}" if self._lang == "nl" else f"{at:%Y-%m-%d}"

    def count(self, value: int | None) -> str:
        if value is None:
            return self.say("niet getoond", "withheld")
        text = f"{value:,}"
        return text.replace(",", ".") if self._lang == "nl" else text

    def _of(self, *steps: Step, status: str = "Ok") -> Iterator[tuple[int, LogEntry]]:
        names = {step.value for step in steps}
        return ((n, e) for n, e in self._chosen if e.name in names and e.status == status)

    # the first page

    def first_page(self) -> Iterator[Block]:
        say = self.say
        yield Heading(1, self.title)
        if self._chosen:
            first, last = self._chosen[0][1], self._chosen[-1][1]
            yield Paragraph(
                say(f"Van {self.day(first)} tot en met {self.day(last)}: regels {self._chosen[0][0]} tot en met {self._chosen[-1][0]}.",
                    f"From {self.day(first)} to {self.day(last)}: entries {self._chosen[0][0]} to {self._chosen[-1][0]}.")
            )  # fmt: skip
        found = self._evidence.verified
        root = found.root.hex() if found.root else "-"
        if found.ok:
            yield Paragraph(
                say(f"Het logboek klopt: {self.count(found.size)} regels, niets veranderd, niets weg. Wortel: {root}",
                    f"The log verifies: {self.count(found.size)} entries, nothing altered, nothing gone. Root: {root}"), strong=True,
            )  # fmt: skip
        else:
            yield Paragraph(
                say(
                    "Het logboek klopt NIET. Vertrouw de rest van dit rapport niet.",
                    "The log does NOT verify. Do not rely on the rest.",
                ),
                strong=True,
            )
            yield Items(tuple(found.texts(self._lang)))
        problems = self._evidence.problems
        if problems:
            yield Paragraph(
                say(
                    "Wat bij het logboek hoort, is NIET in orde:",
                    "What belongs to the log is NOT in order:",
                ),
                strong=True,
            )
            yield Items(tuple(problem.text(self._lang) for problem in problems))
        refusals = sum(1 for _ in self._of(*Step, status="Error"))
        told = [
            (say("Rondes", "Rounds"), len(self._rounds)),
            (say("Weigeringen", "Refusals"), refusals),
            (say("Aangehouden rondes", "Held rounds"), len(self._held())),
            (say("Vrijgaven", "Releases"), sum(1 for _ in self._of(Step.RELEASE))),
            (say("Geopende vrijgaven", "Openings of releases"), sum(1 for _ in self._of(Step.OPENED))),
            (say("Inzageverzoeken", "Access requests"), sum(1 for _ in self._of(Step.ACCESS))),
            (
                say("Vertrouwenslijsten (nieuwe sleutels)", "Trust roots (new keys)"),
                sum(1 for _ in self._of(Step.TRUST_ROOT)),
            ),
        ]
        yield Table(
            say("In het kort", "In short"),
            (say("wat", "what"), say("aantal", "number")),
            tuple((name, self.count(number)) for name, number in told),
        )

    # the rest

    def rest(self) -> Iterator[Block]:
        yield from self._runs()
        yield from self._refusals()
        yield from self._holds()
        yield from self._destruction()
        yield from self._access()

    def _runs(self) -> Iterator[Block]:
        say = self.say
        yield Heading(2, say("Rondes en aantallen", "Rounds and volumes"))
        if not self._rounds:
            yield Paragraph(say("Er was geen ronde.", "There was no round."))
            return
        rows = []
        for one in self._rounds:
            overview = self._overview(one.round)
            totals = overview.totals if overview else {}
            cells = [
                self.count(totals[name]) if name in totals else "–"
                for name in ("subjects", "matched", "cases")
            ]
            delivered = sum(1 for _, e in self._of_round(one.round, Step.INTAKE))
            rows.append((one.round, say(*_STATES[one.state]), str(delivered), *cells))
        yield Table(
            say("Per ronde", "Per round"),
            (say("ronde", "round"), say("stand", "state"), say("leveringen", "drops"), say("betrokkenen", "subjects"),
             say("bij twee of meer", "at two or more"), say("casussen", "cases")), tuple(rows), texts=2,
        )  # fmt: skip
        yield Paragraph(
            say("Dit zijn aantallen van hele rondes. Aantallen per groep staan in het overzicht van een ronde; kleine zijn daar niet getoond.",
                "These are numbers of whole rounds. Numbers per group are in the overview of a round, small ones withheld.")
        )  # fmt: skip
        for one in self._rounds:
            counted = [e.attributes.get("lsi.like") for _, e in self._of_round(one.round, Step.COUNT)]
            if counted and counted[-1]:
                yield Paragraph(
                    say(f"Let op: ronde {one.round} lijkt op {counted[-1]}. Per deelnemer scheelt het maar een paar records. "
                        "Uit zo'n herhaling kan iets over één persoon volgen. Vraag waarom zij nodig was.",
                        f"Note: round {one.round} is like {counted[-1]}. Per partner only a few records differ. "
                        "Such a repeat can tell about one person. Ask why it was needed."),
                    strong=True,
                )  # fmt: skip

    def _of_round(self, name: str, *steps: Step) -> list[tuple[int, LogEntry]]:
        return [(n, e) for n, e in self._of(*steps) if e.attributes.get("lsi.round") == name]

    def _overview(self, name: str) -> Overview | None:
        counted = self._of_round(name, Step.COUNT)
        data = self._evidence.document(counted[-1][1].attributes.get("lsi.overview")) if counted else None
        return Overview.model_validate_json(data) if data else None

    def _refusals(self) -> Iterator[Block]:
        say = self.say
        yield Heading(2, say("Weigeringen", "Refusals"))
        found = Counter(
            (
                e.name,
                str(e.attributes.get("lsi.partner", "–")),
                str(e.attributes.get("exception.type", "–")),
            )
            for _, e in self._of(*Step, status="Error")
        )
        if not found:
            yield Paragraph(say("Er is niets geweigerd.", "Nothing was refused."))
            return
        dutch = {step.value: step.dutch for step in Step}
        yield Table(
            say("Wat is geweigerd", "What was refused"),
            (
                say("stap", "step"),
                say("deelnemer", "partner"),
                say("reden", "reason"),
                say("aantal", "number"),
            ),
            tuple(
                (say(dutch.get(step, step), step), partner, reason, self.count(number))
                for (step, partner, reason), number in sorted(found.items())
            ),
            texts=3,
        )

    def _held(self) -> dict[str, tuple[int, LogEntry]]:
        """Round → the entry with which it was held first."""
        found: dict[str, tuple[int, LogEntry]] = {}
        for n, entry in self._of(Step.HOLD):
            found.setdefault(str(entry.attributes["lsi.round"]), (n, entry))
        return found

    def _holds(self) -> Iterator[Block]:
        say = self.say
        yield Heading(2, say("Aangehouden, en de rechtvaardiging", "Held, and the justification"))
        held = self._held()
        if not held:
            yield Paragraph(say("Er is geen ronde aangehouden.", "No round was held."))
        for name, (n, entry) in held.items():
            yield Heading(3, f"{say('Ronde', 'Round')} {name}")
            alerts = self.count(int(str(entry.attributes.get("lsi.alerts", 0))))
            yield Paragraph(
                say(f"Aangehouden op {self.day(entry)} (regel {n}); {alerts} keer valt een groep op.",
                    f"Held on {self.day(entry)} (entry {n}); {alerts} times a group stands out.")
            )  # fmt: skip
            said = list(self._justifications(name))
            if said:
                yield Items(tuple(said))
            else:
                yield Paragraph(
                    say("Niemand heeft gerechtvaardigd.", "Nobody justified it."),
                    strong=True,
                )

    def _justifications(self, round_id: str) -> Iterator[str]:
        for n, entry in self._of_round(round_id, Step.JUSTIFY):
            for name, digest in sorted(entry.attributes.items()):
                if name.startswith("lsi.paper."):
                    paper = _justification(self._evidence.document(digest))
                    reason = (
                        paper.reason if paper else self.say("het stuk is er niet", "the paper is not there")
                    )
                    decision = str(
                        entry.attributes.get(f"lsi.decision.{name.removeprefix('lsi.paper.')}", "–")
                    )
                    told = {
                        "release": self.say("vrijgeven", "release"),
                        "change": self.say("ander manifest", "another manifest"),
                    }
                    yield (
                        f"{name.removeprefix('lsi.paper.')} ({self.day(entry)}, {self.say('regel', 'entry')} {n}): "
                        f"{told.get(decision, decision)}. {reason}"
                    )

    def _destruction(self) -> Iterator[Block]:
        say = self.say
        yield Heading(2, say("Vrijgave en vernietiging", "Release and destruction"))
        due = {one.round: one for one in due_rounds(self._evidence.entries, self._term)}
        rows = []
        for one in self._rounds:
            gone = due.get(one.round)
            rows.append(
                (
                    one.round,
                    self._when(one.round, Step.RELEASE) + self._cosigned(one),
                    self._destroyed(one.round),
                    self._removed(one.round),
                    say("nog niet aan de orde", "not due yet") if gone is None else self._date(gone.at),
                    self._when(one.round, Step.DESTROY_SUBJECTS),
                )
            )
        if rows:
            yield Table(
                say("Per ronde, met de regel in het logboek", "Per round, with the entry of the log"),
                (say("ronde", "round"), say("vrijgegeven", "released"), say("leveringen vernietigd", "drops destroyed"),
                 say("vrijgaven verwijderd", "releases removed"), say("betrokkenen weg uiterlijk", "subjects gone by"),
                 say("betrokkenen vernietigd", "subjects destroyed")), tuple(rows), texts=6,
            )  # fmt: skip
        files = self._evidence.subjects
        yield Paragraph(
            say(f"Lijsten met betrokkenen: {files.count('present')} aanwezig en niet veranderd, {files.count('destroyed')} op tijd vernietigd, "
                f"{files.count('late')} te laat vernietigd, {len(files.problems)} niet in orde.",
                f"Files of data subjects: {files.count('present')} there and unaltered, {files.count('destroyed')} destroyed on time, "
                f"{files.count('late')} destroyed late, {len(files.problems)} not in order.")
        )  # fmt: skip
        kept = self.count(sum(e.details_hash is not None for e in self._evidence.entries))
        over = self.count(len(destroyed(self._evidence.entries)))
        yield Paragraph(
            say(
                f"Wie een stap uitvoerde: vastgelegd bij {kept} regels, waarvan {over} na de termijn vernietigd.",
                f"Who did a step: kept with {kept} entries, {over} of them destroyed after the term.",
            )
        )

    def _when(self, round_id: str, step: Step) -> str:
        found = self._of_round(round_id, step)
        return f"{self.day(found[-1][1])} ({found[-1][0]})" if found else "–"

    def _cosigned(self, one: RoundState) -> str:
        """What became of the cosignatures that a release waits for, where it does."""
        if one.waits:
            return self.say("; wacht op medeondertekening", "; waits for cosignatures")
        found = self._of_round(one.round, Step.HAND_OUT)
        return "".join(
            self.say(f"; uitgereikt {self.day(e)} ({n}), medeondertekend door {e.attributes['lsi.cosigners']}",
                     f"; handed out {self.day(e)} ({n}), co-signed by {e.attributes['lsi.cosigners']}")
            for n, e in found
        )  # fmt: skip

    def _destroyed(self, round_id: str) -> str:
        """When the drops were destroyed; or that it began and was not finished."""
        begun = [
            (n, e)
            for n, e in self._of(Step.DESTROY, status="Unset")
            if e.attributes.get("lsi.round") == round_id
        ]
        if begun and not self._of_round(round_id, Step.DESTROY):
            n, entry = begun[-1]
            return self.say(f"BEGONNEN {self.day(entry)} ({n}), niet afgerond", f"BEGUN {self.day(entry)} ({n}), not finished")  # fmt: skip
        return self._when(round_id, Step.DESTROY)

    def _removed(self, round_id: str) -> str:
        """How many of the releases were removed on time, too late, and not yet while their term is over."""
        released = self._of_round(round_id, Step.RELEASE)
        if not released:
            return "–"
        _, made = released[-1]
        due = made.moment + timedelta(days=self._kept_days(str(made.attributes["lsi.manifest"]))) + GRACE
        removed = self._of_round(round_id, Step.EXPIRE)
        late = sum(e.moment > due for _, e in removed)
        partners = sum(name.startswith("lsi.release.") for name in made.attributes)
        told = self.say(f"{len(removed) - late} op tijd", f"{len(removed) - late} on time")
        if late:
            told += self.say(f", {late} TE LAAT", f", {late} LATE")
        if self._evidence.now > due and len(removed) < partners:
            left = partners - len(removed)
            told += self.say(f", {left} NIET VERWIJDERD", f", {left} NOT REMOVED")
        return told

    def _kept_days(self, manifest: str) -> int:
        data = self._evidence.document(manifest)
        return Manifest.model_validate_json(data).release.keep_days if data else 0

    def _term(self, manifest: str) -> int:
        data = self._evidence.document(manifest)
        return Manifest.model_validate_json(data).retention.log_details_days if data else 0

    def _access(self) -> Iterator[Block]:
        say = self.say
        yield Heading(
            2, say("Wie keek: openingen en inzageverzoeken", "Who looked: openings and access requests")
        )
        opened = Counter(str(e.attributes.get("lsi.partner")) for _, e in self._of(Step.OPENED))
        asked = Counter(str(e.attributes.get("lsi.partner")) for _, e in self._of(Step.ACCESS))
        names = sorted(opened.keys() | asked.keys())
        if not names:
            yield Paragraph(say("Niemand.", "Nobody."))
            return
        yield Table(
            say("Per deelnemer", "Per partner"),
            (
                say("deelnemer", "partner"),
                say("openingen", "openings"),
                say("inzageverzoeken", "access requests"),
            ),
            tuple((name, self.count(opened[name]), self.count(asked[name])) for name in names),
        )


def _justification(data: bytes | None) -> Justification | None:
    """The paper in an envelope whose digest the log gives; its signature was checked when it was taken in."""
    if data is None:
        return None
    return Justification.model_validate_json(base64.b64decode(json.loads(data)["payload"]))
