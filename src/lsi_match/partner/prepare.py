"""From a partner's extracts to a sealed, signed drop: select, normalise, pseudonymise, order, seal, sign."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from lsi_match.errors import LsiError
from lsi_match.files import private_folder, whole_file, write_whole
from lsi_match.partner.group_counts import group_counts
from lsi_match.partner.home import Home, References
from lsi_match.partner.mapping import Mapping
from lsi_match.partner.references import long_ids, make_references, new_key
from lsi_match.partner.rows import WORKERS, Rows, pseudonymised, summed
from lsi_match.partner.select import Selected, select_pieces
from lsi_match.protocol.canonical import digest_of_bytes
from lsi_match.protocol.documents import (
    DropDescriptor,
    GroupCounts,
    Opening,
    Part,
    SelectionCounts,
    drop_stem,
    part_name,
)
from lsi_match.protocol.manifest import Selection
from lsi_match.protocol.tables import SELECTION, Column, drop_columns
from lsi_match.tables import parquet_buffer
from lsi_match.trust.sealing import seal_into
from lsi_match.trust.signing import sign, verify

DROP = "drop"
OPENING = "opening"

Progress = Callable[[str], None]


class NotAPartnerError(LsiError):
    nl = "{partner} levert volgens het manifest van {project} niets. Controleer de naam of het manifest."
    en = "{partner} delivers nothing under the manifest of {project}. Check the name or the manifest."


class OpeningNotForManifestError(LsiError):
    nl = "{partner}: deze ronde is geopend onder een ander manifest dan hier is ondertekend. Haal het nieuwe op en keur het goed."
    en = "{partner}: this round was opened under another manifest than was signed here. Fetch and approve the new one."


class RoundClosedError(LsiError):
    nl = "{partner}: de ronde {round} is gesloten; leveren kan niet meer."
    en = "{partner}: the round {round} is closed; nothing can be delivered any more."


class SelectionUnmappedError(LsiError):
    nl = "{partner}: de mapping noemt selectie '{selection}' niet. Voeg haar toe."
    en = "{partner}: the mapping does not name selection '{selection}'. Add it."


class NoValidIdentifierError(LsiError):
    nl = (
        "{partner}: in {file} heeft geen enkel geselecteerd record een geldig nummer ({invalid}). "
        "Controleer in de mapping of de goede kolom is gekozen."
    )
    en = (
        "{partner}: in {file} not one selected record has a valid identifier ({invalid}). "
        "Check in the mapping that the right column was chosen."
    )


class VolumeOutOfBoundsError(LsiError):
    nl = (
        "{partner}: selectie '{selection}' geeft {count} records; afgesproken is {at_least} tot en met {at_most}. "
        "Er wordt niets geleverd. Klopt het extract, pas dan samen het manifest aan."
    )
    en = (
        "{partner}: selection '{selection}' gives {count} records; agreed is {at_least} to {at_most}. "
        "Nothing is delivered. If the extract is right, change the manifest together."
    )


@dataclass(frozen=True)
class Prepared:
    """A drop that was written: its descriptor file and what it says."""

    file: Path
    descriptor: DropDescriptor


def prepare(
    home: Home,
    opening_document: bytes,
    mapping: Mapping,
    extracts: Path,
    out: Path,
    project: str,
    now: datetime,
    progress: Progress = lambda _: None,
) -> Prepared:
    """Make the drop of `home` for the round of `opening_document` and write it into the folder `out`.

    Parts come first, the signed descriptor last, each written beside and renamed: a drop without its descriptor
    is no drop, and running again after a failure makes a whole new one.

    Args:
        extracts: the folder that the mapping's files are in.
        project: whose manifest, as approved in `home`.
        now: the time, for the descriptor and the checks against the round.
        progress: told the name of each step.

    Raises:
        LsiError: what is wrong with manifest, opening, mapping or extract; then no descriptor was written.
    """
    manifest = home.agreed_manifest(project, now)
    if home.name not in manifest.partners:
        raise NotAPartnerError(partner=home.name, project=project)
    home.check_trust(manifest, now)
    opening = verify(
        opening_document, OPENING, Opening, manifest.matcher.signing_key, what="opening", party="matcher"
    )
    if opening.manifest != manifest.digest or opening.project != project:
        raise OpeningNotForManifestError(partner=home.name)
    if manifest.schedule.when_late != "wait" and now >= opening.deadline:
        raise RoundClosedError(partner=home.name, round=opening.round)
    key = home.project_key(manifest)
    partner = manifest.partners[home.name]
    parts: list[list[Rows]] = [[] for _ in range(opening.parts)]
    found: list[tuple[Selected, dict[str, int], int]] = []
    for position, selection in enumerate(partner.selections):
        if selection.id not in mapping.selections:
            raise SelectionUnmappedError(partner=home.name, selection=selection.id)
        progress(f"select and pseudonymise {selection.id}")
        local = mapping.selections[selection.id]
        pieces = select_pieces(home.name, selection, local, extracts, manifest, opening.reference_date)
        counted = []
        sendable = 0
        for piece in pseudonymised(manifest, home.name, position, pieces, key, opening):
            counted.append((piece.selected, piece.invalid))
            sendable += sum(len(rows) for rows in piece.parts)
            for part, rows in zip(parts, piece.parts, strict=True):
                part.append(rows)
        selected = Selected.together([selected for selected, _ in counted])
        invalid = summed([invalid for _, invalid in counted])
        if selected.with_signal and not sendable:
            reasons = ", ".join(f"{reason}: {n}" for reason, n in invalid.items()) or "-"
            raise NoValidIdentifierError(partner=home.name, file=local.extract, invalid=reasons)
        found.append((selected, invalid, sendable))
    progress("order")
    with ThreadPoolExecutor(WORKERS) as pool:
        drop = list(pool.map(_in_order, parts))
    counts = {
        selection.id: _counts(
            *found[position], position, drop, group_counts(manifest, selection, found[position][0].met)
        )
        for position, selection in enumerate(partner.selections)
    }
    for selection in partner.selections:
        _check_volume(home.name, selection, counts[selection.id].written)
    progress("seal")
    references = References(new_key(), tuple(name for part in drop for name in long_ids(part.record_ids)))
    span = secrets.token_hex(8)
    stem = drop_stem(project, opening.round, home.name, span)
    private_folder(out)
    file = out / f"{stem}.drop.json"
    with _all_or_nothing(out, stem):
        descriptor = DropDescriptor(
            project=project,
            manifest=manifest.digest,
            opening=digest_of_bytes(opening_document),
            round=opening.round,
            partner=home.name,
            key_check=key.check_value,
            made_at=now,
            span_id=span,
            selections=counts,
            parts=_write_parts(drop, drop_columns(manifest, partner), references.key, opening, out, stem),
        )
        document = sign(descriptor, DROP, home.identity())
        home.keep_references(project, opening.round, digest_of_bytes(document), references)
        write_whole(file, document)
    return Prepared(file, descriptor)


@contextmanager
def _all_or_nothing(out: Path, stem: str) -> Iterator[None]:
    """Without its descriptor no part of a drop stays."""
    try:
        yield
    except BaseException:
        for part in out.glob(f"{stem}.*"):
            part.unlink()
        raise


def _in_order(pieces: list[Rows]) -> Rows:
    together = Rows.together(pieces)
    pieces.clear()
    return together.in_pseudonym_order().without_duplicates()


def _counts(
    selected: Selected,
    invalid: dict[str, int],
    sendable: int,
    position: int,
    drop: list[Rows],
    groups: GroupCounts | None,
) -> SelectionCounts:
    written = sum(int(np.count_nonzero(part.values[SELECTION] == position)) for part in drop)
    return SelectionCounts(
        read=selected.read,
        after=selected.after,
        with_signal=selected.with_signal,
        invalid=invalid,
        without_identifier=selected.with_signal - sendable,
        duplicates=sendable - written,
        written=written,
        groups=groups,
    )


def _check_volume(partner: str, selection: Selection, count: int) -> None:
    volume = selection.volume
    if not volume.at_least <= count <= volume.at_most:
        raise VolumeOutOfBoundsError(
            partner=partner,
            selection=selection.id,
            count=count,
            at_least=volume.at_least,
            at_most=volume.at_most,
        )


def _write_parts(
    drop: list[Rows], columns: Sequence[Column], key: bytes, opening: Opening, out: Path, stem: str
) -> tuple[Part, ...]:
    """Every part as a sealed file, several at a time."""
    long_before = np.cumsum([0, *(len(long_ids(part.record_ids)) for part in drop)]).tolist()

    def write(number: int) -> Part:
        rows = drop[number]
        table = rows.table(columns, make_references(rows.record_ids, key, long_before[number]))
        name = part_name(stem, number)
        with whole_file(out / name) as file:
            digest = seal_into(pa.BufferReader(parquet_buffer(table)), opening.recipient, file)
        return Part(file=name, digest=digest, rows=len(rows))

    with ThreadPoolExecutor(WORKERS) as pool:
        return tuple(pool.map(write, range(opening.parts)))
