"""The report for the FG: what was done in a project or a period, from the log and the documents that it names.

Everything follows from entries and from documents with the digest that an entry gives. Counts of people come from the
overviews, in which small ones are withheld already; no count of an entry is shown in their place.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from lsi_match.log.subject_files import GRACE, Standings, due_at
from lsi_match.log.verify import Verification
from lsi_match.log.view import Mark, RoundView
from lsi_match.manifest import Manifest
from lsi_match.monitor.overview import Overview
from lsi_match.protocol.documents import Justification
from lsi_match.reports.document import Document
from lsi_match.reports.document_model import Block, Heading, Items, Paragraph, Table, as_document

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
    #: The folder of documents of a site, and the manifest that whoever asks for the report has itself.
    documents: Path | None = None
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
        data = read_bytes(file) if file and file.exists() else self.manifest
        return data if digest_of_bytes(data) == digest else None


def account(evidence: Evidence, lang: Language, period: Period | None = None) -> Document:
    """The report, of a period or of all that is in the log."""
    report = _Report(evidence, lang, period)
    return as_document(lang, list(report.first_page()), list(report.rest()))


def judged_again(judged: Mapping[str, int] | None, lang: Language) -> str:
    """What was judged again from the signed papers, how often; or that it was not."""
    if judged is None:
        return (
            "NIET opnieuw beoordeeld: poorten, goedkeuringen, aanhoudingen en rechtvaardigingen. Daarvan staat er wat de"
            " koppelomgeving zegt. Geef uw vertrouwenslijst (--home of --root) en de stukken (--papers)."
            if lang == "nl"
            else "NOT judged again: gates, approvals, holds and justifications. Of these there is what the matching"
            " environment says. Give your trust root (--home or --root) and the papers (--papers)."
        )
    counts = ", ".join(f"{word('step', step, lang)} ({count})" for step, count in judged.items())
    head = (
        "Opnieuw beoordeeld uit de getekende stukken"
        if lang == "nl"
        else "Judged again from the signed papers"
    )
    return f"{head}: {counts}."


class _Report:
    def __init__(self, evidence: Evidence, lang: Language, period: Period | None) -> None:
        self._evidence = evidence
        self._lang = lang
        self._period = period
        self._view = evidence.verified.view
        self._chosen = [one for one in evidence.events if period is None or period.holds(one)]
        mentioned = {one.round for one in self._chosen}
        self._rounds = [one for one in self._view.rounds.values() if one.name in mentioned]

    def say(self, nl: str, en: str) -> str:
        return nl if self._lang == "nl" else en

    @property
    def title(self) -> str:
        return self.say(
            f"Verantwoording van het logboek {self._evidence.origin}",
            f"Account of the log {self._evidence.origin}",
        )

    def _date(self, at: datetime) -> str:
        return f"{at:%d-%m-%Y}" if self._lang == "nl" else f"{at:%Y-%m-%d}"

    def count(self, value: int | None) -> str:
        if value is None:
            return self.say("niet getoond", "withheld")
        text = f"{value:,}"
        return text.replace(",", ".") if self._lang == "nl" else text

    def _of(self, model: type[E], round_id: str | None = None) -> list[tuple[Recorded, E]]:
        """The events of a kind, of all rounds or of one."""
        return [
            (one, one.event)
            for one in self._chosen
            if isinstance(one.event, model) and round_id in (None, one.round)
        ]

    def _place(self, one: Recorded | Mark) -> str:
        return f"{self._date(one.at)} ({one.position})"

    # the first page

    def first_page(self) -> Iterator[Block]:
        say = self.say
        yield Heading(1, self.title)
        if self._chosen:
            first, last = self._chosen[0], self._chosen[-1]
            days = self._date(first.at), self._date(last.at)
            yield Paragraph(
                say(f"Van {days[0]} tot en met {days[1]}: regels {first.position} tot en met {last.position}.",
                    f"From {days[0]} to {days[1]}: entries {first.position} to {last.position}.")
            )  # fmt: skip
        found = self._evidence.verified
        root = found.root.hex() if found.root else "-"
        if found.ok:
            yield Paragraph(
                say(f"Het logboek klopt: {self.count(found.size)} regels, niets veranderd, niets weg. Wortel: {root}",
                    f"The log verifies: {self.count(found.size)} entries, nothing altered, nothing gone. Root: {root}"), strong=True,
            )  # fmt: skip
            yield Paragraph(judged_again(found.judged, self._lang))
        else:
            yield Paragraph(
                say(
                    "Het logboek klopt NIET. Vertrouw de rest van dit rapport niet.",
                    "The log does NOT verify. Do not rely on the rest.",
                ),
                strong=True,
            )
            yield Items(tuple(found.texts(self._lang)))
        if unknown := ", ".join(
            f"{step} ({one.count}, {one.first})" for step, one in self._view.unknown.items()
        ):
            yield Paragraph(
                say(f"Stappen van een nieuwere versie, die dit programma niet kent en overslaat (aantal, eerste regel): {unknown}.",
                    f"Steps of a newer version, which this program does not know and passes over (number, first entry): {unknown}."),
                strong=True,
            )  # fmt: skip
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
        told = [
            (say("Rondes", "Rounds"), len(self._rounds)),
            (say("Weigeringen", "Refusals"), len(self._of(events.Refusal))),
            (say("Aangehouden rondes", "Held rounds"), len(self._held())),
            (say("Vrijgaven", "Releases"), len(self._of(events.Released))),
            (say("Geopende vrijgaven", "Openings of releases"), len(self._of(events.ReleaseOpened))),
            (say("Inzageverzoeken", "Access requests"), len(self._of(events.AccessAnswered))),
            (
                say("Vertrouwenslijsten (nieuwe sleutels)", "Trust roots (new keys)"),
                len(self._of(events.TrustRootTakenIn)),
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
            overview = self._overview(one.name)
            totals = overview.totals if overview else {}
            cells = [
                self.count(totals[name]) if name in totals else "–"
                for name in ("subjects", "matched", "cases")
            ]
            # A run that is started again takes in every drop again: each counts once.
            delivered = len({drop.drop for _, drop in self._of(events.DropAccepted, one.name)})
            rows.append((one.name, word("state", one.state, self._lang), str(delivered), *cells))
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
            yield from self._links(one.name)
        for one in self._rounds:
            counted = self._of(events.Counted, one.name)
            if like := ", ".join(counted[-1][1].like or () if counted else ()):
                yield Paragraph(
                    say(f"Let op: ronde {one.name} lijkt op {like}. Per deelnemer scheelt het maar een paar records. "
                        "Uit zo'n herhaling kan iets over één persoon volgen. Vraag waarom zij nodig was.",
                        f"Note: round {one.name} is like {like}. Per partner only a few records differ. "
                        "Such a repeat can tell about one person. Ask why it was needed."),
                    strong=True,
                )  # fmt: skip

    def _links(self, name: str) -> Iterator[Block]:
        """What is known of links that were made without a shared number."""
        matched = self._of(events.Matched, name)
        told = matched[-1][1] if matched else None
        if told is None or told.links is None:
            return
        links, false, most = (
            self.count(number or 0) for number in (told.links, told.false_links, told.false_links_at_most)
        )
        yield Paragraph(
            self.say(f"Ronde {name}: van {links} koppelingen op persoonssleutels zijn er naar schatting {false} verkeerd (hoogstens {most}).",
                     f"Round {name}: of {links} links on person keys, an estimated {false} are false (at most {most}).")
        )  # fmt: skip

    def _overview(self, name: str) -> Overview | None:
        counted = self._of(events.Counted, name)
        data = self._evidence.document(counted[-1][1].overview) if counted else None
        return Overview.model_validate_json(data) if data else None

    def _refusals(self) -> Iterator[Block]:
        say = self.say
        yield Heading(2, say("Weigeringen", "Refusals"))
        found = Counter(
            (event.step, str(getattr(event, "partner", None) or "–"), event.reason)
            for _, event in self._of(events.Refusal)
        )
        if not found:
            yield Paragraph(say("Er is niets geweigerd.", "Nothing was refused."))
            return
        yield Table(
            say("Wat is geweigerd", "What was refused"),
            (
                say("stap", "step"),
                say("deelnemer", "partner"),
                say("reden", "reason"),
                say("aantal", "number"),
            ),
            tuple(
                (word("step", step, self._lang), partner, reason, self.count(number))
                for (step, partner, reason), number in sorted(found.items())
            ),
            texts=3,
        )

    def _held(self) -> dict[str, tuple[Recorded, events.Held]]:
        """Round → the event with which it was held first."""
        found: dict[str, tuple[Recorded, events.Held]] = {}
        for one, event in self._of(events.Held):
            found.setdefault(event.round, (one, event))
        return found

    def _holds(self) -> Iterator[Block]:
        say = self.say
        yield Heading(2, say("Aangehouden, en de rechtvaardiging", "Held, and the justification"))
        held = self._held()
        if not held:
            yield Paragraph(say("Er is geen ronde aangehouden.", "No round was held."))
        for name, (one, event) in held.items():
            yield Heading(3, f"{say('Ronde', 'Round')} {name}")
            alerts, day = self.count(event.alerts), self._date(one.at)
            yield Paragraph(
                say(f"Aangehouden op {day} (regel {one.position}); {alerts} keer valt een groep op.",
                    f"Held on {day} (entry {one.position}); {alerts} times a group stands out.")
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
        told = {
            "release": self.say("vrijgeven", "release"),
            "change": self.say("ander manifest", "another manifest"),
        }
        for one, event in self._of(events.Justified, round_id):
            for name, digest in sorted(event.papers.items()):
                paper = _justification(self._evidence.document(digest))
                reason = paper.reason if paper else self.say("het stuk is er niet", "the paper is not there")
                decision = event.decisions.get(name, "–")
                yield (
                    f"{name} ({self._date(one.at)}, {self.say('regel', 'entry')} {one.position}): "
                    f"{told.get(decision, decision)}. {reason}"
                )

    def _destruction(self) -> Iterator[Block]:
        say = self.say
        yield Heading(2, say("Vrijgave en vernietiging", "Release and destruction"))
        rows = []
        for one in self._rounds:
            due = due_at(one, self._manifest_of)
            rows.append(
                (
                    one.name,
                    self._when(one.name, events.Released) + self._cosigned(one),
                    self._destroyed(one.name),
                    self._removed(one.name),
                    say("nog niet aan de orde", "not due yet") if due is None else self._date(due),
                    self._when(one.name, events.SubjectsDestroyed),
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
            say("Lijsten met betrokkenen: niet nagegaan, want zij staan bij de koppelomgeving. Dit is een kopie van het logboek.",
                "Files of data subjects: not checked, since they are at the matching environment. This is a copy of the log.")
            if files is None else
            say(f"Lijsten met betrokkenen: {files.count('present')} aanwezig en niet veranderd, {files.count('destroyed')} op tijd vernietigd, "
                f"{files.count('late')} te laat vernietigd, {len(files.problems)} niet in orde.",
                f"Files of data subjects: {files.count('present')} there and unaltered, {files.count('destroyed')} destroyed on time, "
                f"{files.count('late')} destroyed late, {len(files.problems)} not in order.")
        )  # fmt: skip
        found = self._evidence.verified
        kept = self.count(found.details_present + len(found.details_absent))
        over = self.count(len(destroyed(self._view)))
        yield Paragraph(
            say(
                f"Wie een stap uitvoerde: vastgelegd bij {kept} regels, waarvan {over} na de termijn vernietigd.",
                f"Who did a step: kept with {kept} entries, {over} of them destroyed after the term.",
            )
        )

    def _when(self, round_id: str, model: type[events.OfRound]) -> str:
        found = self._of(model, round_id)
        return self._place(found[-1][0]) if found else "–"

    def _cosigned(self, one: RoundView) -> str:
        """What became of the cosignatures that a release waits for, where it does."""
        if one.waits:
            return self.say("; wacht op medeondertekening", "; waits for cosignatures")
        return "".join(
            self.say(f"; uitgereikt {self._place(out)}, medeondertekend door {', '.join(event.cosigners)}",
                     f"; handed out {self._place(out)}, co-signed by {', '.join(event.cosigners)}")
            for out, event in self._of(events.HandedOut, one.name)
        )  # fmt: skip

    def _destroyed(self, round_id: str) -> str:
        """When the drops were destroyed; or that it began and was not finished."""
        begun = self._of(events.DestructionBegun, round_id)
        if begun and not self._of(events.Destroyed, round_id):
            at = self._place(begun[-1][0])
            return self.say(f"BEGONNEN {at}, niet afgerond", f"BEGUN {at}, not finished")
        return self._when(round_id, events.Destroyed)

    def _removed(self, round_id: str) -> str:
        """How many of the releases were removed on time, too late, and not yet while their term is over."""
        released = self._of(events.Released, round_id)
        if not released:
            return "–"
        made, event = released[-1]
        agreed = self._manifest_of(made.manifest)
        due = (agreed.released_until(made.at) if agreed else made.at) + GRACE
        removed = self._of(events.ReleaseExpired, round_id)
        late = sum(one.at > due for one, _ in removed)
        partners = len(event.releases)
        told = self.say(f"{len(removed) - late} op tijd", f"{len(removed) - late} on time")
        if late:
            told += self.say(f", {late} TE LAAT", f", {late} LATE")
        if self._evidence.now > due and len(removed) < partners:
            left = partners - len(removed)
            told += self.say(f", {left} NIET VERWIJDERD", f", {left} NOT REMOVED")
        return told

    def _manifest_of(self, digest: str) -> Manifest | None:
        data = self._evidence.document(digest)
        return Manifest.model_validate_json(data) if data else None

    def _access(self) -> Iterator[Block]:
        say = self.say
        yield Heading(
            2, say("Wie keek: openingen en inzageverzoeken", "Who looked: openings and access requests")
        )
        opened = Counter(event.partner for _, event in self._of(events.ReleaseOpened))
        asked = Counter(event.partner for _, event in self._of(events.AccessAnswered))
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
