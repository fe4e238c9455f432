"""The cases of a release as one page to read at the casustafel: no script, nothing from elsewhere, fit for print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import polars as pl

from lsi_match.base.errors import Language
from lsi_match.manifest import Manifest
from lsi_match.partner.select import RECORD_ID
from lsi_match.protocol.columns import CASE, SELECTION, ReleasedColumn, release_columns
from lsi_match.protocol.documents import ReleaseDescriptor
from lsi_match.reports.document import Document, Writer


def page(manifest: Manifest, descriptor: ReleaseDescriptor, frame: pl.DataFrame, lang: Language) -> Document:
    """The table of `open_release` to be read: case by case the own records, and of the others what they may be told by.

    Args:
        frame: as `open_release` gives it.
    """
    return Writer("cases", lang).document(
        "cases.md",
        name=manifest.controllers[descriptor.partner].title,
        project=manifest.project.title,
        descriptor=descriptor,
        records=len(frame),
        cases=cases_of(manifest, descriptor.partner, frame, lang),
    )


@dataclass(frozen=True)
class ShownCase:
    """A case: its id, the number that it is called by at the table, and of each own record in it the record id, the selection,
    and what the others may be told by."""

    id: str
    number: str
    records: tuple[tuple[str, str, str], ...]


def cases_of(manifest: Manifest, partner: str, frame: pl.DataFrame, lang: Language) -> list[ShownCase]:
    """The cases of a release, in the order of the table that `open_release` gives."""
    columns = release_columns(manifest, partner)
    sources = {one.id: one.source for one in manifest.partners[partner].selections}
    found: dict[str, list[tuple[str, str, str]]] = {}
    for row in frame.iter_rows(named=True):
        told = "; ".join(_told(manifest, columns, row)) or "–"
        selection = f"{row[SELECTION]}: {sources[row[SELECTION]]}"
        found.setdefault(row[CASE], []).append((row[RECORD_ID], selection, told))
    numbers = short_numbers(found)
    return [ShownCase(id_, numbers[id_], tuple(records)) for id_, records in found.items()]


def short_numbers(cases: Collection[str]) -> dict[str, str]:
    """Id of a case → a number that can be read out, the same at every partner: six digits of the id, and more of them where two
    of these cases share those."""
    digits = {one: f"{int(one, 16) % 10**12:012d}" for one in cases}
    like = Counter(every[:6] for every in digits.values())
    found = {}
    for one, every in digits.items():
        shown = every[: 6 if like[every[:6]] == 1 else 12]
        found[one] = "-".join(shown[at : at + 3] for at in range(0, len(shown), 3))
    return found


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
