"""The answer to a person, ready to be put in a letter: plain Dutch (B1), and English; and as a table of what happened when, with the
entry of the log that says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from lsi_match.base.errors import Language
from lsi_match.base.spreadsheet import Cell
from lsi_match.criteria.explain import explain, explain_match_rule
from lsi_match.criteria.verbalizer import Line
from lsi_match.manifest import Manifest, Selection
from lsi_match.partner.access.request import Answered
from lsi_match.protocol.access_documents import AccessEvent, Handed, InDrop, RoundAnswer
from lsi_match.reports.document import Document, Writer
from lsi_match.reports.manifest_page import match_columns


def letter(answered: Answered, lang: Language = "nl") -> Document:
    """The text; nothing in it names the person, whose name and address stand on the letter itself."""
    rounds = answered.answer.rounds
    return Writer("letter", lang).document(
        "letter.md",
        answered=answered,
        answer=answered.answer,
        known=[one for one in rounds if one.known == "yes"],
        not_in=[one.round for one in rounds if one.known == "no"],
        gone=[one for one in rounds if one.known == "gone" and one.forgotten],
        untraceable=[one.round for one in rounds if one.known == "untraceable"],
        counted=_counted(answered),
        missing=unasked(answered),
        contact=_contact(answered),
        explain=explain,
        selection_of=selection_of,
        match_rule=partial(_match_rule, lang),
        shown_titles=_shown_titles,
        opened_at=partial(_opened_at, answered),
    )


def unasked(answered: Answered) -> list[str]:
    """The rounds that the request did not ask about, or the answer does not tell of: then the letter is not complete."""
    rounds = answered.answer.rounds
    missing = {*answered.asked} - {one.round for one in rounds}
    return sorted({one.round for one in rounds if one.known == "not_asked"} | missing)


def selection_of(manifest: Manifest, record: InDrop) -> Selection:
    """The selection that a record came from."""
    return next(one for one in manifest.partners[record.partner].selections if one.id == record.selection)


def _match_rule(lang: Language, manifest: Manifest) -> Line:
    rule = manifest.match_predicate()
    return explain_match_rule(rule, match_columns(manifest), lang, manifest.subject.unit).condition


def _shown_titles(manifest: Manifest, recipient: str) -> str:
    """Of whom a recipient was told something."""
    show = manifest.release.to[recipient]
    return ", ".join(
        manifest.controllers[name].title
        for name in manifest.partners
        if name in show.signals_of or name in show.attributes_of
    )


def _opened_at(answered: Answered, round_id: str, handed: Handed) -> datetime | None:
    """When a release was first opened: of one's own by what was kept of that, of others by the log."""
    own = [one.at for one in answered.opened if one.round == round_id and handed.partner == answered.partner]
    return next(iter([*own, *(one.at for one in handed.opened)]), None)


def _contact(answered: Answered) -> str:
    """How the DPO of the own organisation is reached, by the newest manifest that names it."""
    named = [one.controllers.get(answered.partner) for one in reversed(answered.manifests.values())]
    return next((one.dpo_contact for one in named if one), "")


def _counted(answered: Answered) -> dict[str, Manifest]:
    """The rounds in which a statistics partner may have told a group of everybody it knows, each with its manifest."""
    manifests = {one.round: answered.manifests[one.manifest] for one in answered.answer.rounds}
    return {name: one for name, one in manifests.items() if one.monitor.statistics}


Row = tuple[Cell, ...]


def answer_header(lang: Language) -> tuple[str, ...]:
    text = Writer("letter", lang).text
    return (text("row_round"), text("row_what"), text("row_organisation"), text("row_source"),
            text("row_signals"), text("row_date"), text("row_log_entry"))  # fmt: skip


def answer_rows(answered: Answered, lang: Language) -> Iterator[Row]:
    """A row per event of each round, in the order of the letter; one that says so for a round about which nothing is known."""
    text, counted = Writer("letter", lang).text, _counted(answered)
    for one in answered.answer.rounds:
        if (manifest := counted.get(one.round)) and manifest.monitor.statistics:
            who = manifest.monitor.statistics.partner
            source = manifest.partners[who].selections[0].source
            yield _row(one, text("row_counted"), None, manifest.controllers[who].title, source)
        if one.known == "yes":
            yield from _of_round(answered, one, lang)
        elif one.known == "no":
            yield (one.round, text("row_not_found"), "", "", "", "", None)
        elif one.known == "gone":
            yield _row(one, text("row_lists_destroyed"), one.forgotten)
        elif one.known == "untraceable":
            yield _row(one, text("row_untraceable"), one.destroyed)
    for name in unasked(answered):
        yield (name, text("row_not_checked_yet"), "", "", "", "", None)


def _of_round(answered: Answered, one: RoundAnswer, lang: Language) -> Iterator[Row]:
    text, manifest = Writer("letter", lang).text, answered.manifests[one.manifest]
    titles = {name: controller.title for name, controller in manifest.controllers.items()}
    yield _row(one, text("row_round_began"), one.opened)
    for record in one.delivered:
        selection = selection_of(manifest, record)
        labels = "; ".join(s.label for s in selection.signals if s.id in record.signals)
        what = text("row_delivered")
        if record.through_other:
            what = text("row_delivered_under_another_number")
        yield _row(one, what, record.entry, titles[record.partner], selection.source, labels)
    if one.case is None:
        yield _row(one, text("row_not_compared"), None)
    else:
        case = text("row_became_a_case") if one.case else text("row_became_no_case")
        yield _row(one, case, one.matched)
    for handed in one.handed:
        title = titles[handed.partner]
        yield _row(one, text("row_was_told"), handed.entry, title)
        for opened in handed.opened:
            yield _row(one, text("row_opened_what_it_was_told"), opened, title)
        if handed.removed:
            yield _row(one, text("row_file_removed"), handed.removed, title)
    if one.destroyed:
        yield _row(one, text("row_destroyed"), one.destroyed)


def _row(
    one: RoundAnswer,
    what: str,
    event: AccessEvent | None,
    title: str = "",
    source: str = "",
    signals: str = "",
) -> Row:
    at = f"{event.at:%Y-%m-%d}" if event else ""
    return (one.round, what, title, source, signals, at, event.position if event else None)
