"""The cases of a release as one page to read at the casustafel: no script, nothing from elsewhere, fit for print."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from lsi_match.base.catalogue import translator
from lsi_match.base.errors import Language
from lsi_match.criteria.wording import day
from lsi_match.manifest import Manifest
from lsi_match.partner.select import RECORD_ID
from lsi_match.protocol.columns import CASE, SELECTION, ReleasedColumn, release_columns
from lsi_match.protocol.documents import ReleaseDescriptor
from lsi_match.reports.document import Document
from lsi_match.reports.document_model import Block, Heading, Items, Paragraph, Table, as_document


def page(manifest: Manifest, descriptor: ReleaseDescriptor, frame: pl.DataFrame, lang: Language) -> Document:
    """The table of `open_release` to be read: case by case the own records, and of the others what they may be told by.

    Args:
        frame: as `open_release` gives it.
    """
    first, rest = blocks(manifest, descriptor, frame, lang)
    return as_document(lang, first, rest)


def _title(manifest: Manifest, descriptor: ReleaseDescriptor, lang: Language) -> str:
    own = manifest.controllers[descriptor.partner].title
    return translator(lang)(f"Casussen voor {own}", f"Cases for {own}")


def blocks(
    manifest: Manifest, descriptor: ReleaseDescriptor, frame: pl.DataFrame, lang: Language
) -> tuple[list[Block], list[Block]]:
    """What `page` shows: the first sheet, and the rest."""
    say = translator(lang)
    cases = say(*_counted(descriptor.cases, ("casus", "casussen"), ("case", "cases")))
    records = say(*_counted(len(frame), ("eigen record", "eigen records"), ("own record", "own records")))
    until = day(descriptor.expires_at, lang)
    title = _title(manifest, descriptor, lang)
    first: list[Block] = [
        Heading(1, title),
        Paragraph(say(f"{manifest.project.title}, ronde {descriptor.round}: {cases}, {records}.",
                      f"{manifest.project.title}, round {descriptor.round}: {cases}, {records}.")),
        Paragraph(say("Een casus is een reden om iets te vragen. Het is geen bewijs en geen verdenking.",
                      "A case is a reason to ask. It is no proof and no suspicion."), strong=True),
        Items((
            say("Lees eerst de werkinstructie, en controleer in uw eigen systeem of het signaal nog klopt.",
                "Read the work instruction first, and check in your own system whether the signal still holds."),
            say("Bespreek een casus alleen met de organisaties die erin zitten.",
                "Discuss a case with the organisations in it only."),
            say(f"Gebruik dit niet na {until}; verwijder het dan.", f"Do not use this after {until}; remove it then."),
        )),
    ]  # fmt: skip
    if frame.is_empty():
        return first, [Paragraph(say("Er zijn geen casussen.", "There are no cases."))]
    columns = release_columns(manifest, descriptor.partner)
    names = say("ook bekend bij", "also known to")
    rest: list[Block] = [
        Table(
            say("Per casus", "By case"),
            (say("eigen kenmerk", "own record"), say("selectie", "selection"), names),
            tuple(_rows(manifest, descriptor.partner, frame, columns, lang)),
            texts=3,
        )
    ]
    return first, rest


def _counted(count: int, nl: tuple[str, str], en: tuple[str, str]) -> tuple[str, str]:
    return f"{count} {nl[count != 1]}", f"{count} {en[count != 1]}"


def _rows(
    manifest: Manifest, partner: str, frame: pl.DataFrame, columns: tuple[ReleasedColumn, ...], lang: Language
) -> Iterator[tuple[str, ...]]:
    sources = {one.id: one.source for one in manifest.partners[partner].selections}
    case = None
    for row in frame.iter_rows(named=True):
        if row[CASE] != case:
            case = row[CASE]
            yield (f"{'casus' if lang == 'nl' else 'case'} {case}",)
        told = "; ".join(_told(manifest, columns, row)) or "–"
        yield row[RECORD_ID], f"{row[SELECTION]}: {sources[row[SELECTION]]}", told


def _told(manifest: Manifest, columns: tuple[ReleasedColumn, ...], row: dict[str, object]) -> Iterator[str]:
    """Per other partner in the case its name, the labels of its signals and its attributes."""
    for column in columns:
        if column.source != "partner" or not row[column.name]:
            continue
        labels = {signal.id: signal.label for signal in manifest.partners[column.other].signals}
        signals = [
            labels[one.item]
            for one in columns
            if one.source == "signal" and one.other == column.other and row[one.name]
        ]
        attributes = manifest.partners[column.other].shown_attribute_ids
        values = [f"{one} {told}" for one in attributes if (told := row.get(f"{column.other}.{one}"))]
        title = manifest.controllers[column.other].title
        yield f"{title} ({', '.join([*signals, *values])})" if signals or values else title
