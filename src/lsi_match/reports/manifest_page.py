"""A manifest as a page in plain words, and what changed between two, for readers who know no SQL.

Both are Markdown: they read as they are in a terminal, and print well. What a predicate means is worked out from its
parse (`protocol.explain`, `protocol.compare`); everything else is told as it stands in the manifest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, time, timedelta
from decimal import Decimal
from itertools import islice, pairwise
from typing import Any, get_args
from zoneinfo import ZoneInfo

from lsi_match.base.catalogue import translator
from lsi_match.base.errors import Language
from lsi_match.criteria.compare import Change, compare, compare_match_rules
from lsi_match.criteria.explain import PredicateUse, RuleColumn, explain, explain_match_rule
from lsi_match.criteria.meaning import FieldValue
from lsi_match.criteria.parse import Predicate
from lsi_match.criteria.unit import Unit
from lsi_match.criteria.verbalizer import Line, Names
from lsi_match.criteria.wording import day, in_euros, in_quotes, listed, markdown_safe, number, short_name
from lsi_match.manifest import Attribute, Dimension, Document, Manifest, Reference, Selection
from lsi_match.manifest.accountability import Measure, Transfers, term
from lsi_match.manifest.equality import CharacteristicKind, undeclared, uses
from lsi_match.manifest.plan import Paper
from lsi_match.manifest.terms import LATE, Schedule

_BASIS = {
    "legal_basis": ("Grondslag", "Legal basis"),
    "purpose": ("Doel", "Purpose"),
    "necessity": ("Noodzaak", "Necessity"),
    "proportionality": ("Proportionaliteit", "Proportionality"),
    "subsidiarity": ("Subsidiariteit: kan het lichter", "Subsidiarity: is there a lighter way"),
    "intrusion": ("Hoe ver het ingrijpt", "How far it intrudes"),
    "personal_data": ("Gevolgen voor persoonsgegevens", "Consequences for personal data"),
    "equal_treatment": ("Gevolgen voor gelijke behandeling", "Consequences for equal treatment"),
}
KIND_WORDS = {
    CharacteristicKind.GROUND: ("grond van discriminatie", "ground of discrimination"),
    CharacteristicKind.PROXY: ("hangt vaak samen met zo'n grond", "often goes together with such a ground"),
}


class _Page:
    """Lines of Markdown in one language."""

    def __init__(self, lang: Language) -> None:
        self.lang = lang
        self.lines: list[str] = []
        self.say = translator(lang)

    def count(self, value: int) -> str:
        return number(Decimal(value), self.lang)

    def head(self, level: int, text: str) -> None:
        self.lines += ["", f"{'#' * level} {markdown_safe(text)}", ""]

    def text(self, text: str) -> None:
        self.lines += [markdown_safe(text), ""]

    def item(self, text: str, depth: int = 0, below: tuple[Line, ...] = ()) -> None:
        self.lines.append(f"{'  ' * depth}- {text}")
        for line in below:
            self.item(markdown_safe(line.text), depth + 1, line.lines)

    def whole(self) -> str:
        return "\n".join(self.lines).strip() + "\n"


def explained(
    manifest: Manifest, lang: Language, *, digest: str | None = None, partner: str | None = None
) -> str:
    """The whole manifest in plain words.

    Args:
        digest: of the manifest; none for a draft.
        partner: tell what this partner selects only; the rest of the page stays.
    """
    page = _Page(lang)
    page.head(1, manifest.project.title)
    page.text(
        page.say(f"Kenmerk van dit manifest: {digest}", f"Digest of this manifest: {digest}")
        if digest
        else page.say(
            "Concept: nog zonder sleutels en zonder kenmerk.", "Draft: still without keys and digest."
        )
    )
    return page.whole() + "\n" + agreed(manifest, lang, partner=partner)


def agreed(manifest: Manifest, lang: Language, *, partner: str | None = None) -> str:
    """Everything that a manifest says: the one text of the explanation and of what controllers sign.

    Only keys, and digests that go with files, are left out: nobody reads those.
    """
    page = _Page(lang)
    _project(page, manifest)
    _characteristics(page, manifest)
    page.head(2, page.say("Wat iedere deelnemer selecteert", "What each partner selects"))
    _linked(page, manifest)
    for name, selection in manifest.selections():
        if partner in (None, name):
            _selection(page, manifest, name, selection)
    _cases(page, manifest)
    _terms(page, manifest)
    _accountability(page, manifest)
    return page.whole()


def _project(page: _Page, manifest: Manifest) -> None:
    project, say = manifest.project, page.say
    page.head(2, say("Het project", "The project"))
    kind = (
        say("Themaproject", "Theme project")
        if project.type == "theme"
        else say("Wijkproject", "Neighbourhood project")
    )
    first, last = (day(moment, page.lang) for moment in (project.period.first, project.period.last))
    page.text(say(f"{kind} in {project.place}, van {first} tot en met {last}. Leiding: {project.leader}.",
                  f"{kind} in {project.place}, from {first} to {last}. Led by: {project.leader}."))  # fmt: skip
    page.text(say(f"De korte naam is {project.id}. DPIA: {manifest.dpia.reference}, van {day(manifest.dpia.date, 'nl')}.",
                  f"The short name is {project.id}. DPIA: {manifest.dpia.reference}, of {day(manifest.dpia.date, 'en')}."))  # fmt: skip
    page.head(2, say("Waarom dit project", "Why this project"))
    for part, text in manifest.basis:
        page.item(f"**{say(*_BASIS[part])}.** {markdown_safe(text)}")
    page.head(2, say("Wie er samen verantwoordelijk zijn", "Who is responsible together"))
    for name, controller in manifest.controllers.items():
        advice = manifest.dpo_advice.get(name)
        told = say("nog geen advies van de FG", "no advice of the DPO yet")
        if advice is not None:
            outcome = (
                say("positief", "positive") if advice.outcome == "positive" else say("negatief", "negative")
            )
            told = say(f"advies van de FG: {outcome}, {day(advice.date, 'nl')} ({advice.reference})",
                       f"advice of the DPO: {outcome}, {day(advice.date, 'en')} ({advice.reference})")  # fmt: skip
        page.item(
            f"**{markdown_safe(controller.title)}** (`{name}`, OIN {controller.oin}); {markdown_safe(told)}"
        )
        if advice is not None and advice.characteristics:
            about = ", ".join(
                manifest.characteristics[one].label if one in manifest.characteristics else one
                for one in advice.characteristics
            )
            page.item(
                say("Het advies gaat ook over: ", "The advice is about this too: ") + markdown_safe(about), 1
            )
        if advice is not None and advice.answer:
            page.item(
                say("Wat ermee is gedaan: ", "What was done with it: ") + markdown_safe(advice.answer), 1
            )
        page.item(
            say("De FG is te bereiken via: ", "The DPO can be reached at: ")
            + markdown_safe(controller.dpo_contact),
            1,
        )
    matcher = manifest.matcher
    page.item(
        say("De gegevens worden vergeleken door: ", "The data are compared by: ")
        + f"**{markdown_safe(matcher.title)}** (OIN {matcher.oin}, {matcher.domain})"
    )


def _characteristics(page: _Page, manifest: Manifest) -> None:
    say, used = page.say, uses(manifest)
    suspect = undeclared(manifest)
    if not manifest.characteristics and not suspect:
        return
    page.head(2, say("Kenmerken die met discriminatie te maken hebben", "What has to do with discrimination"))
    for name, characteristic in manifest.characteristics.items():
        page.item(
            f"**{markdown_safe(characteristic.label)}** ({say(*KIND_WORDS[characteristic.kind])}). {markdown_safe(characteristic.rationale)}"
        )
        if characteristic.legal_basis:
            page.item(
                say("Wettelijke rechtvaardiging: ", "Legal justification: ")
                + markdown_safe(characteristic.legal_basis),
                1,
            )
        places = list(dict.fromkeys(use.place for use in used if use.characteristic == name))
        where = ", ".join(f"`{place}`" for place in places)
        page.item(say("Telt mee in: ", "Counts in: ") + where if places else
                  say("Geen criterium, signaal of meegeleverd gegeven kijkt ernaar.",
                      "No criterion, signal or value that goes along looks at it."), 1)  # fmt: skip
    for found in suspect:
        label = say(found.characteristic.nl, found.characteristic.en)
        place = f"`{found.partner}.{found.selection}`"
        page.item(
            say(
                f"**Let op:** {place} noemt het veld `{found.field}`. Dat lijkt te gaan over: {label}. Daarover zegt het manifest niets.",
                f"**Mind:** {place} names the field `{found.field}`. That seems to be about: {label}. The manifest says nothing of it.",
            )
        )


_UNITS = {
    Unit.PERSON: ("een persoon", "a person"),
    Unit.ADDRESS: ("een adres", "an address"),
    Unit.ENTERPRISE: ("een onderneming", "an enterprise"),
}


def _linked(page: _Page, manifest: Manifest) -> None:
    """What a case is about, and through what records come together."""
    say, subject = page.say, manifest.subject
    kinds = listed(
        [called(kind, page.lang) for kind in (*subject.identifiers, *subject.person_keys)], page.lang
    )
    unit = say(*_UNITS[subject.unit])
    page.text(say(f"Een casus gaat over {unit}. Records horen bij elkaar als ze hetzelfde nummer of dezelfde sleutel hebben: {kinds}. "
                  f"Die worden eerst vervangen (pseudoniemen {manifest.pseudonyms.scheme}, projectsleutel {manifest.pseudonyms.epoch}).",
                  f"A case is about {unit}. Records belong together when they have the same number or key: {kinds}. "
                  f"These are replaced first (pseudonyms {manifest.pseudonyms.scheme}, project key {manifest.pseudonyms.epoch})."))  # fmt: skip
    if subject.person_keys:
        share = f"{100 * subject.false_links:.3g}%"
        page.text(
            say(
                "Persoonssleutels zeggen niet zeker dat twee records van één persoon zijn. De koppelomgeving schat in elke "
                f"ronde hoe vaak een soort overeenkomst verkeerd koppelt. Boven {share.replace('.', ',')} koppelt die soort "
                "niet. Het geschatte aantal verkeerde koppelingen staat in het logboek.",
                "Person keys do not say for certain that two records are of one person. The matcher estimates in every "
                f"round how often a kind of agreement links wrongly. Above {share} that kind does not link. The estimated "
                "number of false links stands in the log.",
            )
        )


#: Kinds of identifier and of field, as a reader calls them.
_CALLED = {
    "bsn": ("BSN", "BSN"),
    "v_number": ("vreemdelingennummer", "alien number"),
    "address": ("adres", "address"),
    "bag": ("BAG-nummer", "BAG number"),
    "rsin": ("RSIN", "RSIN"),
    "kvk": ("KvK-nummer", "KvK number"),
    "vestiging": ("vestigingsnummer", "branch number"),
    "loonheffing": ("loonheffingennummer", "payroll tax number"),
    "text": ("tekst", "text"),
    "integer": ("geheel getal", "whole number"),
    "decimal": ("getal", "number"),
    "date": ("datum", "date"),
    "boolean": ("ja of nee", "yes or no"),
}


def called(kind: str, lang: Language) -> str:
    """A kind of identifier or of field, as a reader calls it."""
    return translator(lang)(*_CALLED[kind]) if kind in _CALLED else kind


def _fields(page: _Page, manifest: Manifest, selection: Selection) -> None:
    """Every field that is asked for, and which of them link."""
    say = page.say
    page.lines.append("")
    page.text(
        say(
            "Dit zijn alle velden die hiervoor worden gebruikt:",
            "These are all fields that are used for this:",
        )
    )
    for name, field in selection.fields.items():
        links = [
            called(source.kind, page.lang)
            + (
                ""
                if source.form == "plain"
                else say(" uit een ", " out of a ") + called(source.form, page.lang)
            )
            for source in selection.identifiers
            if name in source.fields
        ]
        links += [
            say("persoonssleutel", "person key") + f" ({part})"
            for part, one in selection.person.items()
            if one == name
        ]
        page.item(
            f"{markdown_safe(field.meaning)} ({called(field.type, page.lang)})."
            + (
                say(" Hierop wordt gekoppeld: ", " Linked on this: ") + markdown_safe(", ".join(links)) + "."
                if links
                else ""
            )
            + (
                say(" Heeft te maken met: ", " Has to do with: ")
                + markdown_safe(manifest.characteristics[field.characteristic].label)
                + "."
                if field.characteristic
                else ""
            )
        )


def _seen_by(page: _Page, manifest: Manifest, partner: str, what: str) -> str:
    """Who gets to see the signals, or the attributes, of a partner."""
    seen = [
        manifest.controllers[name].title
        for name, show in manifest.release.to.items()
        if partner in getattr(show, what)
    ]
    nobody = page.say("geen andere deelnemer", "no other partner")
    return markdown_safe(page.say("Te zien voor: ", "Shown to: ") + ("; ".join(seen) or nobody) + ".")


def _selection(page: _Page, manifest: Manifest, partner: str, selection: Selection) -> None:
    say = page.say
    page.head(3, f"{manifest.controllers[partner].title}: {selection.source} ({selection.id})")
    least, most = page.count(selection.volume.at_least), page.count(selection.volume.at_most)
    page.text(say(f"Afgesproken aantal records: {least} tot en met {most}. Daarbuiten wordt niets geleverd.",
                  f"Agreed number of records: {least} to {most}. Outside that nothing is delivered."))  # fmt: skip
    _bounds(page, selection)
    page.text(say("Een record wordt geselecteerd als het aan al deze criteria voldoet:",
                  "A record is selected when it meets all of these criteria:"))  # fmt: skip
    predicates = selection.predicates()
    for rule in selection.criteria:
        _told(page, selection, rule.id, predicates[rule.id], "criterion")
        page.item(say("Waarom: ", "Why: ") + markdown_safe(rule.rationale), 1)
    page.lines.append("")
    page.text(say("Waarom deze deelnemer een record aanlevert (een record zonder zo'n signaal gaat niet mee):",
                  "Why this partner delivers a record (a record without such a signal does not go along):"))  # fmt: skip
    signals = selection.signal_predicates()
    for signal in selection.signals:
        _told(page, selection, signal.label, signals[signal.id], "signal", signal.id)
    page.item(_seen_by(page, manifest, partner, "signals_of"))
    if selection.attributes:
        page.lines.append("")
        page.text(
            say(
                "Dit gaat er verder mee naar de koppelomgeving:",
                "This goes along to the matching environment:",
            )
        )
        names = Names(selection.fields, page.lang)
        for attribute in selection.attributes:
            name = names.name(FieldValue(attribute.field, names.types[attribute.field]))
            shown = markdown_safe(
                _shown(page, attribute, in_euros(selection.fields[attribute.field].meaning))
            )
            page.item(f"{markdown_safe(name)} (`{attribute.id}`): {shown}.{_used(page, attribute)}")
            page.item(say("Waarom: ", "Why: ") + markdown_safe(attribute.rationale), 1)
        page.item(_seen_by(page, manifest, partner, "attributes_of"))
    _fields(page, manifest, selection)


def _bounds(page: _Page, selection: Selection) -> None:
    """What is usual for a selection, beside its volume."""
    say, bounds = page.say, selection.bounds
    if bounds is None or not (bounds.valid or bounds.after or bounds.change):
        return
    page.text(say("Ook dit is afgesproken; daarbuiten wordt niets geleverd:",
                  "This is agreed as well; outside it nothing is delivered:"))  # fmt: skip
    for name, percent in bounds.valid.items():
        what = markdown_safe(called(name, page.lang))
        page.item(say(f"Van de records met een signaal heeft ten minste {percent}% een geldig gegeven: {what}.",
                      f"Of the records with a signal at least {percent}% has a valid value: {what}."))  # fmt: skip
    for name, kept in bounds.after.items():
        least, most = page.count(kept.at_least), page.count(kept.at_most)
        page.item(say(f"Na criterium **{markdown_safe(name)}** blijven {least} tot en met {most} records over.",
                      f"After criterion **{markdown_safe(name)}** {least} to {most} records are left."))  # fmt: skip
    if bounds.change is not None:
        page.item(say(f"Geen aantal verschilt meer dan {bounds.change}% van de vorige ronde.",
                      f"No count differs more than {bounds.change}% from the round before."))  # fmt: skip
    page.lines.append("")


def _told(
    page: _Page, selection: Selection, name: str, predicate: Predicate, use: PredicateUse, code: str = ""
) -> None:
    told = explain(predicate, selection.fields, page.lang, use)
    mark = f" (`{code}`)" if code else ""
    page.item(
        f"**{markdown_safe(name)}**{mark}. {markdown_safe(told.condition.text)}", 0, told.condition.lines
    )
    for note in told.unknown:
        page.item(markdown_safe(note.line.text), 1, note.line.lines)


def _used(page: _Page, attribute: Attribute) -> str:
    """Whether the matching environment can read it, which is where the match rule looks at it."""
    if not attribute.for_rule:
        return page.say(" Verzegeld: de koppelomgeving kan dit niet lezen.",
                        " Sealed: the matching environment cannot read this.")  # fmt: skip
    if attribute.shown:
        return page.say(" De koppelregel kijkt er ook naar, dus de koppelomgeving kan dit lezen.",
                        " The match rule looks at it as well, so the matching environment can read it.")  # fmt: skip
    return page.say(" Alleen voor de koppelregel, dus de koppelomgeving kan dit lezen; niemand krijgt het te zien.",
                    " For the match rule only, so the matching environment can read it; nobody gets to see it.")  # fmt: skip


def _shown(page: _Page, attribute: Attribute, euro: bool) -> str:
    say = page.say
    if attribute.kind == "month":
        return say("alleen jaar en maand", "year and month only")
    if attribute.kind == "boolean":
        return say("ja of nee", "yes or no")
    if attribute.kind == "listed":
        return say("een van ", "one of ") + ", ".join(
            in_quotes(value, page.lang) for value in attribute.values
        )
    edges = [number(Decimal(edge), page.lang, euro) for edge in attribute.edges]
    inner = [say(f"{low} tot {high}", f"{low} to {high}") for low, high in pairwise(edges)]
    return "; ".join(
        [
            say(f"minder dan {edges[0]}", f"less than {edges[0]}"),
            *inner,
            say(f"{edges[-1]} of meer", f"{edges[-1]} or more"),
        ]
    )


def _cases(page: _Page, manifest: Manifest) -> None:
    say, subject = page.say, manifest.subject
    page.head(2, say("Wanneer het een casus is", "When it is a case"))
    told = explain_match_rule(manifest.match_predicate(), match_columns(manifest), page.lang, subject.unit)
    page.item(markdown_safe(told.condition.text), 0, told.condition.lines)
    for note in told.unknown:
        page.item(markdown_safe(note.line.text), 1, note.line.lines)
    page.item(say("Waarom: ", "Why: ") + markdown_safe(manifest.match.rationale))
    page.head(2, say("Wie wat te zien krijgt", "Who gets to see what"))
    most = page.count(manifest.release.max_cases)
    page.text(say(
        f"Iedere deelnemer krijgt alleen zijn eigen records in een casus terug. Bij meer dan {most} casussen wordt niets vrijgegeven.",
        f"Each partner gets back its own records in a case, no other. With more than {most} cases nothing is released."))  # fmt: skip
    for recipient, show in manifest.release.to.items():
        page.item(f"**{markdown_safe(manifest.controllers[recipient].title)}**")
        for others, what in ((show.signals_of, say("de signalen van", "the signals of")),
                             (show.attributes_of, say("de meegeleverde gegevens van", "what went along from"))):  # fmt: skip
            if others:
                names = ", ".join(manifest.controllers[other].title for other in others)
                page.item(markdown_safe(f"{what} {names}"), 1)
        if not show.signals_of and not show.attributes_of:
            page.item(say("niets van de anderen", "nothing of the others"), 1)


def _terms(page: _Page, manifest: Manifest) -> None:
    say = page.say
    page.head(2, say("Toezicht en termijnen", "Oversight and terms"))
    _monitor(page, manifest)
    kept = manifest.release.keep_days
    _rounds(page, manifest)
    page.item(say(f"Leveringen worden vernietigd zodra een ronde klaar is; casussen zijn {kept} dagen te openen.",
                  f"Drops are destroyed as soon as a round is done; cases can be opened for {kept} days."))  # fmt: skip
    days = manifest.retention.log_details_days
    page.item(say(f"Wie in een ronde voorkwam en wie de stappen uitvoerde, is nog {days} dagen na te gaan; daarna wordt dat vernietigd.",
                  f"Who was in a round, and who did the steps, can be looked up for {days} days; then that is destroyed."))  # fmt: skip
    if (most := manifest.retention.access_requests_a_day) is not None:
        page.item(say(f"Per organisatie worden er hoogstens {most} inzageverzoeken per dag beantwoord.",
                      f"Of each controller at most {most} access requests a day are answered."))  # fmt: skip
    if asked := manifest.release.cosignatures:
        page.item(say(f"Een vrijgave wordt uitgereikt als {asked} partijen het logboek waar zij in staat hebben medeondertekend.",
                      f"A release is handed out once {asked} controllers co-signed the log that has it."))  # fmt: skip
        if outside := manifest.release.witness_cosignatures:
            page.item(say(f"Bovendien ondertekenen dan {outside} getuigen van buiten het logboek.",
                          f"Besides, {outside} witnesses from outside co-signed the log by then."))  # fmt: skip
    else:
        page.item(say("Een vrijgave wacht niet op medeondertekening van het logboek. Laat de koppelomgeving twee partijen "
                      "een verschillend logboek zien, dan blijkt dat pas nadat de casussen zijn uitgereikt.",
                      "A release does not wait for cosignatures of the log. If the matching environment shows two parties "
                      "different logs, that is found only after the cases were handed out."))  # fmt: skip
    for name, key in manifest.release.witnesses.items():
        page.item(markdown_safe(say(f"Getuige van buiten die het logboek mag medeondertekenen: {name}, sleutel {key}.",
                                    f"Witness from outside that may co-sign the log: {name}, key {key}.")))  # fmt: skip
    age = manifest.certificates.revocation_list_days
    page.item(say(f"Wie met een certificaat tekent: de lijst van ingetrokken certificaten is hoogstens {age} dagen oud als het stuk wordt opgenomen.",
                  f"Who signs with a certificate: the list of revoked ones is at most {age} days old when the paper is taken in."))  # fmt: skip
    roles = ", ".join(manifest.work_instruction.acknowledged_by)
    page.item(markdown_safe(say(f"Werkinstructie: {manifest.work_instruction.title}. Te lezen door: {roles}.",
                                f"Work instruction: {manifest.work_instruction.title}. To be read by: {roles}.")))  # fmt: skip


def _accountability(page: _Page, manifest: Manifest) -> None:
    """What registers ask. What is left out is not told: that it is missing says `manifest check`."""
    say, parts = page.say, manifest.accountability
    told = {name: value for name, value in parts if value}
    if not told:
        return
    page.head(2, say("Verantwoording", "Accountability"))
    for name, value in told.items():
        page.item(f"**{parts.meaning_of(name)[page.lang]}** {_accounted(page, name, value)}")


def _accounted(page: _Page, name: str, value: Any) -> str:
    say = page.say
    kinds = {
        "organisational": say("organisatorisch", "organisational"),
        "technical": say("technisch", "technical"),
    }
    match value:
        case Paper(reference=reference, date=date):
            text = f"{reference}, {day(date, page.lang)}"
        case Transfers(outside_eu=outside, text=why):
            text = (say("Ja. ", "Yes. ") if outside else say("Nee. ", "No. ")) + why
        case (Measure(), *_):
            text = "; ".join(f"{one.text} ({kinds[one.kind]})" for one in value)
        case tuple():
            text = ", ".join(f"{term(name, one, page.lang)} (dpv:{one})" for one in value)
        case _:
            text = str(value)
    return markdown_safe(text)


def _rounds(page: _Page, manifest: Manifest) -> None:
    """How many rounds open, when, with which reference date, and how long partners have."""
    say, schedule, period = page.say, manifest.schedule, manifest.project.period
    late = {
        "wait": say("wacht de ronde", "the round waits"),
        "proceed": say("gaat de ronde na de uiterste dag door zonder die deelnemer", "the round goes on without it after the deadline"),
        "refuse": say("vervalt de ronde na de uiterste dag", "the round is given up after the deadline"),
    }[schedule.when_late]  # fmt: skip
    if schedule.opens:
        begin = datetime.combine(period.first, time.min, ZoneInfo(schedule.timezone))
        hours = islice(schedule.openings(begin - timedelta(seconds=1)), 3)
        told = [f"{day(hour.date(), page.lang)} {hour:%H:%M}" for hour in hours if hour.date() <= period.last]
        page.item(say(f"Rondes gaan vanzelf open: `{schedule.opens}` (cron, tijd in {schedule.timezone}). "
                      f"Voor ieder moment is dat hoogstens één ronde, hoogstens {LATE.days} dagen later.",
                      f"Rounds open by themselves: `{schedule.opens}` (cron, time in {schedule.timezone}). "
                      f"For each moment that is one round at most, at most {LATE.days} days later."))  # fmt: skip
        first = ", ".join(told) or say("geen in de looptijd", "none in the period")
        page.item(say(f"De eerste momenten: {first}.", f"The first moments: {first}."), 1)
    else:
        page.item(
            say("Rondes worden met de hand geopend.", "Rounds are opened by hand.")
            + f" ({schedule.timezone})"
        )
    page.item(_reference_date(page, schedule))
    page.item(
        say("Iedere naam van een ronde heeft één opening.", "Each name of a round has one opening.")
        + " "
        + (
            say(f"Er worden hoogstens {schedule.rounds_at_most} rondes geopend, ook als zij zonder vrijgave eindigen.",
                f"At most {schedule.rounds_at_most} rounds are opened, also when they end without a release.")
            if schedule.rounds_at_most is not None
            else say("Er gaan niet meer rondes open dan het schema geeft.", "No more rounds open than the schedule gives.")
            if schedule.opens is not None
            else say("Aan het aantal rondes is geen grens gesteld.", "No bound is set on the number of rounds.")
        )
    )  # fmt: skip
    if schedule.remind_days:
        reminded = listed([str(one) for one in schedule.remind_days], page.lang, "and")
        page.item(
            say(
                f"Een herinnering gaat uit {reminded} dagen voor de uiterste dag.",
                f"A reminder goes out {reminded} days before the deadline.",
            )
        )
    page.item(say(f"Deelnemers hebben {schedule.deadline_days} dagen om te leveren. Is iemand te laat, dan {late}.",
                  f"Partners have {schedule.deadline_days} days to deliver. When one is late, {late}."))  # fmt: skip


def _reference_date(page: _Page, schedule: Schedule) -> str:
    """The rule for the reference date."""
    match schedule.reference_date:
        case "day_of_opening":
            return page.say("De peildatum van een ronde is de dag waarop zij opengaat.",
                            "The reference date of a round is the day on which it opens.")  # fmt: skip
        case "first_of_month":
            return page.say("De peildatum van een ronde is de eerste dag van de maand waarin zij opengaat.",
                            "The reference date of a round is the first day of the month in which it opens.")  # fmt: skip
        case None:
            return page.say("Voor de peildatum van een ronde is geen regel gesteld. "
                            "Daarom ligt hij in de maand waarin zij opengaat, niet na die dag, en in de looptijd.",
                            "No rule is set for the reference date of a round. "
                            "So it lies in the month in which the round opens, not after that day, and in the period.")  # fmt: skip
        case given:
            first, last = (day(moment, page.lang) for moment in (given.first, given.last))
            if first == last:
                return page.say(f"De peildatum van iedere ronde is {first}.",
                                f"The reference date of every round is {first}.")  # fmt: skip
            return page.say(f"De peildatum van een ronde wordt bij de opening gegeven en ligt van {first} tot en met {last}.",
                            f"The reference date of a round is given when it opens, and lies from {first} to {last}.")  # fmt: skip


def _monitor(page: _Page, manifest: Manifest) -> None:
    monitor, hold_days = manifest.monitor, manifest.retention.hold_days
    say, table = page.say, monitor.reference
    if (shared := monitor.smallest_combination) > 1:
        page.item(
            say(
                "Wat de koppelomgeving van een rij ziet (signalen, groep, gegevens voor de koppelregel), "
                f"hebben in een levering nooit minder dan {shared} rijen.",
                "What the matching environment sees of a row (signals, group, values for the match rule), "
                f"never fewer than {shared} rows of a drop have.",
            )
        )
    if not monitor.dimensions:
        page.item(say("De monitor telt geen groepen.", "The monitor counts no groups."))
        return
    cell = monitor.smallest_cell
    page.item(
        say(
            f"De monitor telt bij iedere stap per groep. Aantallen onder {cell} worden niet getoond.",
            f"The monitor counts per group at every step. Numbers below {cell} are not shown.",
        )
    )
    within = say(" (waarbinnen wordt vergeleken)", " (within which groups are compared)")
    for dimension in monitor.dimensions:
        role = within if dimension.role == "legitimate" else ""
        page.item(f"**{markdown_safe(dimension.label)}**{role} (`{dimension.id}`)", 1)
        _groups(page, manifest, dimension)
    with_what = (
        markdown_safe(
            say(f"met deze tabel: {table.source}", f"with this table: {table.source}") + _counts(page, table)
        )
        if isinstance(table, Reference)
        else say("met het hele register van de deelnemer", "with the whole register of the partner")
    )
    page.item(say("Er wordt vergeleken ", "The comparison is ") + with_what + ".")
    ratio, surely = (
        number(Decimal(str(value)), page.lang) for value in (monitor.tolerance, monitor.confidence * 100)
    )
    page.item(
        say(
            f"Een groep mag daarbij hoogstens {ratio} keer zo vaak voorkomen als de groep waarmee zij wordt vergeleken "
            f"(zekerheid {surely}%, over {monitor.looks} rondes samen).",
            f"A group may occur at most {ratio} times as often as the one it is compared with "
            f"(confidence {surely}%, over {monitor.looks} rounds together).",
        )
    )
    page.item(
        say(
            "Komt een groep vaker voor, dan wordt niets vrijgegeven tot alle partijen dat schriftelijk hebben "
            f"gerechtvaardigd. Is dat er na {hold_days} dagen niet, dan wordt alles vernietigd.",
            "When a group occurs more often, nothing is released until all parties justified that in writing. "
            f"If they have not after {hold_days} days, everything is destroyed.",
        )
    )
    if monitor.hold_on_too_little:
        page.item(
            say(
                "Ook bij te weinig gegevens om iets te zeggen wordt de vrijgave aangehouden.",
                "A release is held as well where there is too little data to say anything.",
            )
        )


def _groups(page: _Page, manifest: Manifest, dimension: Dimension) -> None:
    """Who belongs to each group, in the words of the first selection that can count it."""
    say = page.say
    told = next(
        ((s, found[dimension.id]) for _, s in manifest.selections()
         if dimension.id in (found := manifest.group_predicates(s))), None,
    )  # fmt: skip
    for group in dimension.groups:
        base = (
            say(" (waarmee wordt vergeleken)", " (which others are compared with)")
            if group.id == dimension.baseline
            else ""
        )
        name = f"{markdown_safe(group.label)} (`{group.id}`){base}"
        if told is None:
            page.item(
                f"{name}. "
                + say("Geen selectie heeft de velden daarvoor.", "No selection has the fields for that.")
                + f" `{group.when}`",
                2,
            )
            continue
        selection, predicates = told
        line = explain(predicates[group.id], selection.fields, page.lang, "group").condition
        page.item(f"{name}. {markdown_safe(line.text)}", 2, line.lines)


def _counts(page: _Page, table: Reference) -> str:
    """The numbers of a reference table, and how exact they are."""
    counts = "; ".join(
        f"{cell.replace('|', ' + ')}: {page.count(number)}" for cell, number in table.counts.items()
    )
    sampled = page.say(", een steekproef", ", a sample") if table.sampled else ""
    rounded = (
        page.say(f", afgerond op {table.rounded_to}", f", rounded to {table.rounded_to}")
        if table.rounded_to > 1
        else ""
    )
    return f" ({counts}{sampled}{rounded})"


# what changed


def difference(old: Manifest, new: Manifest, lang: Language, *, names: tuple[str, str]) -> str:
    """What changed between two manifests: predicates by their meaning, everything else as it stands.

    Args:
        names: how to call both: their digests, or the files of drafts.
    """
    page = _Page(lang)
    page.head(1, page.say(f"Wat er verandert in {new.project.title}", f"What changes in {new.project.title}"))
    page.text(" → ".join(names))
    changes = [*_rule_changes(page, old, new)]
    if changes:
        page.head(2, page.say("Criteria, signalen en regels", "Criteria, signals and rules"))
        for place, line in changes:
            page.item(f"`{place}`: {markdown_safe(line.text)}", 0, line.lines)
    characteristics = _characteristic_changes(page, old, new)
    if characteristics:
        page.head(2, page.say("Wat met discriminatie te maken heeft", "What has to do with discrimination"))
        for line in characteristics:
            page.item(line.text, 0, line.lines)
    told = {f"characteristics.{name}" for name in old.characteristics.keys() ^ new.characteristics.keys()}
    others = [
        change
        for change in _other_changes("", _without_predicates(old), _without_predicates(new))
        if change[0] not in told
    ]
    if others:
        page.head(2, page.say("Al het andere", "Everything else"))
        for place, was, now in others:
            if was is None:
                page.item(f"`{place}`: {page.say('nieuw', 'new')}: {_value(now)}")
            elif now is None:
                page.item(f"`{place}`: {page.say('vervalt', 'goes')}: {_value(was)}")
            else:
                page.item(f"`{place}`: {page.say('was', 'was')} {_value(was)}")
                page.item(f"{page.say('wordt', 'becomes')} {_value(now)}", 1)
            if meaning := _meaning(place, page.lang):
                page.item(page.say("Wat dit is: ", "What this is: ") + meaning, 1)
    if not changes and not characteristics and not others:
        page.text(page.say("Er verandert niets.", "Nothing changes."))
    return page.whole()


def _rules(manifest: Manifest) -> dict[str, tuple[Predicate, Selection]]:
    """Every predicate over fields by its place."""
    found = {}
    for partner, selection in manifest.selections():
        parts = {"criteria": selection.predicates(), "signals": selection.signal_predicates()}
        parts |= {f"groups.{name}": groups for name, groups in manifest.group_predicates(selection).items()}
        for part, predicates in parts.items():
            for name, predicate in predicates.items():
                found[f"{partner}.{selection.id}.{part}.{name}"] = (predicate, selection)
    return found


def _rule_changes(page: _Page, old: Manifest, new: Manifest) -> Iterator[tuple[str, Line]]:
    before, after = _rules(old), _rules(new)
    for place in dict.fromkeys([*before, *after]):
        if place not in after or place not in before:
            predicate, selection = before[place] if place in before else after[place]
            told = explain(predicate, selection.fields, page.lang).condition
            gone = place in before
            effect = _effect(page, place, gone)
            looks = _looks_at(page, old if gone else new, selection, predicate)
            yield (
                place,
                Line(
                    (page.say("vervalt", "goes") if gone else page.say("nieuw", "new")) + effect,
                    (told, *looks),
                ),
            )
            continue
        (was, old_selection), (now, new_selection) = before[place], after[place]
        fields = {**old_selection.fields, **new_selection.fields}
        if was.text != now.text:
            line = _words(page, compare(was, now, fields))
            yield place, Line(line.text, (*line.lines, *_looks_at(page, new, new_selection, now)))
    if old.match.rule != new.match.rule:
        columns = {**match_columns(old), **match_columns(new)}
        change = compare_match_rules(old.match_predicate(), new.match_predicate(), columns, new.subject.unit)
        yield "match.rule", _words(page, change)


def _looks_at(
    page: _Page, manifest: Manifest, selection: Selection, predicate: Predicate
) -> tuple[Line, ...]:
    """Which grounds and proxies a predicate looks at."""
    named = [selection.fields[field].characteristic for field in predicate.fields]
    kinds = {
        CharacteristicKind.GROUND: page.say("een grond van discriminatie", "a ground of discrimination"),
        CharacteristicKind.PROXY: page.say(
            "hangt vaak samen met een grond van discriminatie",
            "often goes together with a ground of discrimination",
        ),
    }
    return tuple(
        Line(page.say("Kijkt naar: ", "Looks at: ") + f"{one.label} ({kinds[one.kind]}).")
        for one in (manifest.characteristics[name] for name in dict.fromkeys(named) if name)
    )


def _characteristic_changes(page: _Page, old: Manifest, new: Manifest) -> list[Line]:
    """Grounds and proxies that came, went, or count in other places than before."""
    say = page.say
    before, after = ({(use.characteristic, use.place): None for use in uses(one)} for one in (old, new))
    lines = []
    for name in dict.fromkeys([*old.characteristics, *new.characteristics]):
        came, went = name not in old.characteristics, name not in new.characteristics
        one = old.characteristics[name] if went else new.characteristics[name]
        below = []
        for what, places in (
            (say("Telt nu ook mee in: ", "Counts now as well in: "), [p for n, p in after if n == name and (n, p) not in before]),
            (say("Telt niet meer mee in: ", "Counts no longer in: "), [p for n, p in before if n == name and (n, p) not in after]),
        ):  # fmt: skip
            below += [Line(what + ", ".join(places))] if places else []
        if not (came or went or below):
            continue
        state = say("nieuw", "new") if came else say("vervalt", "goes") if went else ""
        text = f"**{markdown_safe(one.label)}** ({say(*KIND_WORDS[one.kind])})" + (
            f": {state}." if state else "."
        )
        if came:
            text += f" {markdown_safe(one.rationale)}"
            if one.legal_basis:
                below.insert(
                    0, Line(say("Wettelijke rechtvaardiging: ", "Legal justification: ") + one.legal_basis)
                )
        lines.append(Line(text, tuple(below)))
    seen = {(found.partner, found.selection, found.field) for found in undeclared(old)}
    for found in undeclared(new):
        if (found.partner, found.selection, found.field) not in seen:
            place, label = (
                f"`{found.partner}.{found.selection}`",
                say(found.characteristic.nl, found.characteristic.en),
            )
            lines.append(Line(say(
                f"**Let op:** {place} noemt het veld `{found.field}`. Dat lijkt te gaan over: {label}. Daarover zegt het manifest niets.",
                f"**Mind:** {place} names the field `{found.field}`. That seems to be about: {label}. The manifest says nothing of it.",
            )))  # fmt: skip
    return lines


def _effect(page: _Page, place: str, gone: bool) -> str:
    """What it means for a selection that a rule came or went."""
    if ".criteria." not in place:
        return ""
    return page.say("; er voldoen meer records" if gone else "; er voldoen minder records",
                    "; more records pass" if gone else "; fewer records pass")  # fmt: skip


def _words(page: _Page, change: Change) -> Line:
    return change.nl if page.lang == "nl" else change.en


def _without_predicates(manifest: Manifest) -> Any:
    """The plain value, lists of things with an id as mappings by that id, without what is compared by meaning."""
    return _by_id(manifest.model_dump(mode="json"))


def _by_id(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _by_id(inner) for name, inner in value.items() if name not in ("when", "rule")}
    if isinstance(value, list) and value and all(isinstance(item, dict) and "id" in item for item in value):
        return {item["id"]: _by_id({k: v for k, v in item.items() if k != "id"}) for item in value}
    return value


def _other_changes(place: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in dict.fromkeys([*old, *new]):
            yield from _other_changes(f"{place}.{name}" if place else str(name), old.get(name), new.get(name))
    elif old != new:
        yield place, old, new


def _is_part(part: Any) -> bool:
    return isinstance(part, type) and issubclass(part, Document)


def _meaning(place: str, lang: Language) -> str:
    """What the member at `place` is for, as its catalogue says; nothing for a name that somebody chose."""
    part: Any = Manifest
    said = ""
    for step in place.split("."):
        if _is_part(part):
            if step not in part.model_fields:
                return ""
            said = part.meaning_of(step).get(lang, "")
            part = part.model_fields[step].annotation
        else:  # a name in a mapping, or an id in a list
            part, said = next(filter(_is_part, get_args(part)), None), ""
    return said


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_value(item) for item in value)
    if isinstance(value, Mapping):
        return "; ".join(
            f"{name}: {_value(inner)}" for name, inner in value.items() if inner not in (None, [], {})
        )
    return markdown_safe(str(value))


def match_columns(manifest: Manifest) -> dict[str, RuleColumn]:
    """The columns of the match rule with the titles of partners, the labels of signals, and the meanings of fields."""
    columns = {"partners": RuleColumn()}
    for name, partner in manifest.partners.items():
        title = manifest.controllers[name].title
        columns[name] = RuleColumn(title)
        columns.update({f"{name}_{signal.id}": RuleColumn(title, signal.label) for signal in partner.signals})
        for selection in partner.selections:
            for attribute in selection.attributes:
                if attribute.for_rule:
                    of = short_name(selection.fields[attribute.field].meaning)[0]
                    columns.setdefault(
                        f"{name}_{attribute.id}_first", RuleColumn(title, value="first", of=of)
                    )
                    columns.setdefault(f"{name}_{attribute.id}_last", RuleColumn(title, value="last", of=of))
        if name in manifest.match.records_of:
            columns[f"{name}_records"] = RuleColumn(title, value="records")
    return columns
