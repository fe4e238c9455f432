"""The answer to a person as a table: what happened when, with the entry of the log that says so."""

from __future__ import annotations

from collections.abc import Iterator

from lsi_match.base.catalogue import translator
from lsi_match.base.errors import Language
from lsi_match.base.spreadsheet import Cell
from lsi_match.partner.access.letter import unasked
from lsi_match.partner.access.request import Answered
from lsi_match.protocol.access_documents import AccessEvent, RoundAnswer

Row = tuple[Cell, ...]


def answer_header(lang: Language) -> tuple[str, ...]:
    say = translator(lang)
    return (say("ronde", "round"), say("wat", "what"), say("organisatie", "organisation"), say("bron", "source"),
            say("signalen", "signals"), say("datum", "date"), say("logregel", "log entry"))  # fmt: skip


def answer_rows(answered: Answered, lang: Language) -> Iterator[Row]:
    """A row per event of each round, in the order of the letter; one that says so for a round about which nothing is known."""
    say = translator(lang)
    for one in answered.answer.rounds:
        if one.known == "yes":
            yield from _of_round(answered, one, lang)
        elif one.known == "no":
            yield (one.round, say("niet gevonden", "not found"), "", "", "", "", None)
        elif one.known == "gone":
            yield _row(one, say("lijsten vernietigd", "lists destroyed"), one.forgotten)
    for name in unasked(answered):
        yield (name, say("nog niet nagegaan", "not checked yet"), "", "", "", "", None)


def _of_round(answered: Answered, one: RoundAnswer, lang: Language) -> Iterator[Row]:
    say, manifest = translator(lang), answered.manifests[one.manifest]
    titles = {name: controller.title for name, controller in manifest.controllers.items()}
    yield _row(one, say("ronde begon", "round began"), one.opened)
    for record in one.delivered:
        selection = next(s for s in manifest.partners[record.partner].selections if s.id == record.selection)
        labels = "; ".join(s.label for s in selection.signals if s.id in record.signals)
        what = say("geleverd", "delivered")
        if record.through_other:
            what = say("geleverd onder een ander nummer", "delivered under another number")
        yield _row(one, what, record.entry, titles[record.partner], selection.source, labels)
    if one.case is None:
        yield _row(one, say("niet vergeleken", "not compared"), None)
    else:
        case = (
            say("werd een casus", "became a case") if one.case else say("werd geen casus", "became no case")
        )
        yield _row(one, case, one.matched)
    for handed in one.handed:
        title = titles[handed.partner]
        yield _row(one, say("kreeg bericht", "was told"), handed.entry, title)
        for opened in handed.opened:
            yield _row(one, say("opende het bericht", "opened what it was told"), opened, title)
        if handed.removed:
            yield _row(one, say("bestand verwijderd", "file removed"), handed.removed, title)
    if one.destroyed:
        yield _row(one, say("vernietigd", "destroyed"), one.destroyed)


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
