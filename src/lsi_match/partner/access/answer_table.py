"""The answer to a person as a table: what happened when, with the entry of the log that says so."""

from __future__ import annotations

from collections.abc import Iterator

from lsi_match.base.errors import Language
from lsi_match.base.spreadsheet import Cell
from lsi_match.partner.access.letter import selection_of, unasked
from lsi_match.partner.access.request import Answered
from lsi_match.protocol.access_documents import AccessEvent, RoundAnswer
from lsi_match.reports.document import Writer

Row = tuple[Cell, ...]


def answer_header(lang: Language) -> tuple[str, ...]:
    text = Writer("letter", lang).text
    return (text("row_round"), text("row_what"), text("row_organisation"), text("row_source"),
            text("row_signals"), text("row_date"), text("row_log_entry"))  # fmt: skip


def answer_rows(answered: Answered, lang: Language) -> Iterator[Row]:
    """A row per event of each round, in the order of the letter; one that says so for a round about which nothing is known."""
    text = Writer("letter", lang).text
    for one in answered.answer.rounds:
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
