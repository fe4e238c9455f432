"""The answer to a person, ready to be put in a letter: plain Dutch (B1), and English."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from lsi_match.base.catalogue import translator
from lsi_match.base.errors import Language
from lsi_match.criteria.explain import as_items, explain, explain_match_rule
from lsi_match.criteria.unit import Unit
from lsi_match.criteria.verbalizer import Line
from lsi_match.criteria.wording import day, markdown_safe
from lsi_match.manifest import Manifest
from lsi_match.partner.access.request import Answered
from lsi_match.protocol.access_documents import AccessEvent, Handed, InDrop, RoundAnswer
from lsi_match.reports.manifest_page import match_columns


def letter(answered: Answered, lang: Language = "nl") -> str:
    """The text, as Markdown; nothing in it names the person, whose name and address stand on the letter itself."""
    return "\n".join(_Letter(answered, lang).lines()) + "\n"


def unasked(answered: Answered) -> list[str]:
    """The rounds that the request did not ask about, or the answer does not tell of: then the letter is not complete."""
    rounds = answered.answer.rounds
    missing = {*answered.asked} - {one.round for one in rounds}
    return sorted({one.round for one in rounds if one.known == "not_asked"} | missing)


def _points(name: str, line: Line) -> Iterator[str]:
    """A condition with everything below it, as an item of a list within another."""
    for number, said in enumerate(as_items((line,), depth=1)):
        yield said.replace("- ", f"- {name}", 1) if number == 0 else said


class _Letter:
    def __init__(self, answered: Answered, lang: Language) -> None:
        self._answered = answered
        self._lang = lang
        self.say = translator(lang)

    def day(self, moment: datetime) -> str:
        return day(moment, self._lang)

    def event(self, event: AccessEvent) -> str:
        return self.say(
            f"{self.day(event.at)} (logregel {event.position})",
            f"{self.day(event.at)} (log entry {event.position})",
        )

    def lines(self) -> Iterator[str]:
        answer = self._answered.answer
        say = self.say
        yield say("# Antwoord op uw inzageverzoek", "# Answer to your request for access")
        yield ""
        yield say(f"Ons kenmerk: {self._answered.reference}. Stand van {self.day(answer.at)}.",
                  f"Our reference: {self._answered.reference}. As on {self.day(answer.at)}.")  # fmt: skip
        yield ""
        yield say(
            "U vroeg of wij uw gegevens hebben gebruikt, en waarvoor. Wij keken in onze eigen administratie en vroegen het "
            f"aan de omgeving waar de gegevens zijn vergeleken. Het gaat om het project `{answer.project}`.",
            "You asked whether we used your data, and what for. We looked in our own records and asked the environment "
            f"where the data were compared. This is about the project `{answer.project}`.",
        )
        known = [one for one in answer.rounds if one.known == "yes"]
        yield ""
        if not known:
            yield say("**Er is over u niets bekend** in de rondes die wij konden nagaan.",
                      "**Nothing is known about you** in the rounds that we could check.")  # fmt: skip
        for one in known:
            yield from self._round(one)
        yield from self._others()
        yield from self._rights()

    def _round(self, one: RoundAnswer) -> Iterator[str]:
        manifest = self._answered.manifests[one.manifest]
        say = self.say
        yield f"## {manifest.project.title}: {say('ronde', 'round')} {one.round}"
        yield ""
        yield say(f"Deze ronde begon op {self.event(one.opened)}.", f"This round began on {self.event(one.opened)}.")  # fmt: skip
        yield say(f"Doel: {manifest.basis.purpose}", f"Purpose: {manifest.basis.purpose}")
        yield say(f"Grondslag in de wet: {manifest.basis.legal_basis}", f"Legal basis: {manifest.basis.legal_basis}")  # fmt: skip
        yield ""
        yield say("Deze organisaties leverden gegevens over u:", "These organisations delivered data about you:")  # fmt: skip
        yield ""
        for record in one.delivered:
            yield from self._record(manifest, record)
        yield ""
        if one.several:
            yield say(
                "Let op: dit nummer staat bij meer dan één persoon. Een deel van dit antwoord kan over een ander gaan. "
                "Vraag ons om het na te kijken.",
                "Please note: this number stands with more than one person. Part of this answer may be about someone else. "
                "Ask us to check.",
            )
            yield ""
        yield from self._outcome(manifest, one)
        yield from self._gone(one)
        yield ""

    def _record(self, manifest: Manifest, record: InDrop) -> Iterator[str]:
        partner = manifest.partners[record.partner]
        selection = next(s for s in partner.selections if s.id == record.selection)
        title = manifest.controllers[record.partner].title
        if record.through_other:
            yield self.say(
                f"- **{title}**, uit: {selection.source}. Deze gegevens kwamen onder een ander nummer binnen, en zijn bij het "
                f"vergelijken bij u gevoegd op {self.event(record.entry)}.",
                f"- **{title}**, from: {selection.source}. These data came in under another number, and were joined with yours "
                f"when compared on {self.event(record.entry)}.",
            )
        else:
            yield self.say(
                f"- **{title}**, uit: {selection.source}. Ontvangen op {self.event(record.entry)}.",
                f"- **{title}**, from: {selection.source}. Received on {self.event(record.entry)}.",
            )
        yield self.say("  U bent geselecteerd omdat u aan al deze voorwaarden voldeed:",
                       "  You were selected because you met all of these conditions:")  # fmt: skip
        for rule, predicate in zip(selection.criteria, selection.predicates().values(), strict=True):
            yield from _points("", explain(predicate, selection.fields, self._lang).condition)
            yield f"    - {self.say('Reden', 'Reason')}: {markdown_safe(rule.rationale)}"
        yield (
            self.say("  Uw gegevens zijn geleverd om deze reden:", "  Your data were delivered for this reason:")
            if len(record.signals) == 1
            else self.say("  Uw gegevens zijn geleverd om al deze redenen:", "  Your data were delivered for all of these reasons:")
            if record.signals
            else self.say(
                "  Uw gegevens zijn geleverd omdat er minstens één van deze signalen bij hoorde. Welke dat was, is niet bewaard:",
                "  Your data were delivered because they had at least one of these signals. Which one was not kept:",
            )
        )  # fmt: skip
        for signal, predicate in zip(selection.signals, selection.signal_predicates().values(), strict=True):
            if not record.signals or signal.id in record.signals:
                name = f"**{markdown_safe(signal.label)}.** "
                yield from _points(name, explain(predicate, selection.fields, self._lang, "signal").condition)

    def _outcome(self, manifest: Manifest, one: RoundAnswer) -> Iterator[str]:
        say = self.say
        if one.case is None:
            yield say("De gegevens zijn in deze ronde niet vergeleken. Niemand kreeg er iets over.",
                      "The data were not compared in this round. Nobody received anything about them.")  # fmt: skip
        elif not one.case:
            yield say("De gegevens zijn vergeleken. **U werd geen casus.** Niemand kreeg een bericht over u.",
                      "The data were compared. **You did not become a case.** Nobody received a message about you.")  # fmt: skip
        elif not one.handed:
            yield say("De gegevens zijn vergeleken. **U werd een casus**, maar er is niets vrijgegeven. Niemand kreeg er iets over.",
                      "The data were compared. **You became a case**, but nothing was released. Nobody received anything about it.")  # fmt: skip
        else:
            what = {
                Unit.PERSON: ("U werd een casus", "You became a case"),
                Unit.ADDRESS: ("Uw adres werd een casus", "Your address became a case"),
                Unit.ENTERPRISE: ("Uw onderneming werd een casus", "Your enterprise became a case"),
            }[manifest.subject.unit]
            yield say(
                f"De gegevens zijn vergeleken. **{what[0]}.** De regel daarvoor: {manifest.match.rationale}",
                f"The data were compared. **{what[1]}.** The rule for that: {manifest.match.rationale}",
            )
            rule = explain_match_rule(
                manifest.match_predicate(), match_columns(manifest), self._lang, manifest.subject.unit
            )
            yield from _points("", rule.condition)
            yield ""
            yield say(
                "Deze organisaties kregen dat te horen:",
                "These organisations were told:",
            )
            yield ""
            for handed in one.handed:
                yield from self._handed(manifest, one.round, handed)

    def _handed(self, manifest: Manifest, round_id: str, handed: Handed) -> Iterator[str]:
        say = self.say
        show = manifest.release.to[handed.partner]
        titles = [
            manifest.controllers[name].title
            for name in manifest.partners
            if name in show.signals_of or name in show.attributes_of
        ]
        about = ", ".join(titles)
        yield say(
            f"- **{manifest.controllers[handed.partner].title}**, op {self.event(handed.entry)}"
            + (f". Met wat er bekend was van: {about}." if about else "."),
            f"- **{manifest.controllers[handed.partner].title}**, on {self.event(handed.entry)}"
            + (f". With what was known of: {about}." if about else "."),
        )
        own = handed.partner == self._answered.partner
        times = [one.at for one in self._answered.opened if one.round == round_id] if own else []
        times = times or [one.at for one in handed.opened]
        if times:
            yield say(f"  Geopend op {self.day(times[0])}.", f"  Opened on {self.day(times[0])}.")
        if handed.removed:
            yield say(f"  Het bestand is verwijderd op {self.event(handed.removed)}.",
                      f"  The file was removed on {self.event(handed.removed)}.")  # fmt: skip
        else:
            yield say(
                f"  Dit mag na de vrijgave {manifest.release.keep_days} dagen worden bewaard.",
                f"  This may be kept for {manifest.release.keep_days} days after the release.",
            )

    def _gone(self, one: RoundAnswer) -> Iterator[str]:
        say = self.say
        yield ""
        if one.destroyed:
            yield say(f"Wat is geleverd en vergeleken, is in de omgeving vernietigd op {self.event(one.destroyed)}.",
                      f"What was delivered and compared was destroyed in the environment on {self.event(one.destroyed)}.")  # fmt: skip
        else:
            yield say("Wat is geleverd, is nog niet vernietigd: de ronde loopt nog.",
                      "What was delivered was not destroyed yet: the round still runs.")  # fmt: skip
        if one.round in self._answered.kept:
            yield say("Wij leverden zelf aan deze ronde, en bewaren de sleutel waarmee wij onze eigen levering terugvinden.",
                      "We delivered to this round ourselves, and keep the key with which we find our own delivery back.")  # fmt: skip

    def _others(self) -> Iterator[str]:
        say = self.say
        rounds = self._answered.answer.rounds
        no = [one.round for one in rounds if one.known == "no"]
        gone = [one for one in rounds if one.known == "gone"]
        yield ""
        if no:
            yield say(f"In deze rondes kwam u niet voor: {', '.join(no)}.", f"You were not in these rounds: {', '.join(no)}.")  # fmt: skip
        for one in gone:
            if one.forgotten:
                yield say(
                    f"Van ronde {one.round} zijn de lijsten vernietigd op {self.event(one.forgotten)}. Wie daarin voorkwam, kan niemand meer nagaan.",
                    f"Of round {one.round} the lists were destroyed on {self.event(one.forgotten)}. Nobody can tell any more who was in it.",
                )
        if left := unasked(self._answered):
            yield say(f"Nog niet nagegaan: {', '.join(left)}.", f"Not checked yet: {', '.join(left)}.")

    def _rights(self) -> Iterator[str]:
        manifests = self._answered.manifests
        contact = next(
            (m.controllers[self._answered.partner].dpo_contact for m in reversed(manifests.values())
             if self._answered.partner in m.controllers), "",
        )  # fmt: skip
        yield ""
        yield self.say(
            "Klopt er iets niet? U kunt ons vragen het te verbeteren of te verwijderen, en u kunt bezwaar maken. "
            f"Onze functionaris gegevensbescherming: {contact} Een klacht kunt u indienen bij de Autoriteit Persoonsgegevens.",
            "Is something wrong? You can ask us to correct or delete it, and you can object. "
            f"Our data protection officer: {contact} You can complain to the Autoriteit Persoonsgegevens.",
        )
