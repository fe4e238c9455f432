"""From a partner's extracts to a sealed, signed drop: select, normalise, pseudonymise, order, seal, sign."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from lsi_match.errors import LsiError
from lsi_match.files import private_folder, write_whole
from lsi_match.partner.home import Home
from lsi_match.partner.mapping import Mapping
from lsi_match.partner.normalise import normalise, person_keys
from lsi_match.partner.references import make_references
from lsi_match.partner.select import RECORD_ID, Selected, select
from lsi_match.protocol.canonical import digest_of_bytes
from lsi_match.protocol.documents import DropDescriptor, Opening, Part, SelectionCounts
from lsi_match.protocol.manifest import NO_VALUE, Manifest, Selection
from lsi_match.protocol.tables import GROUP, REFERENCE, SELECTION, SIGNALS, attribute_column, drop_columns
from lsi_match.tables import BLOCK, schema_of, to_parquet
from lsi_match.trust.project_key import ProjectKey
from lsi_match.trust.sealing import seal
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
    opening = verify(
        opening_document, OPENING, Opening, manifest.matcher.signing_key, what="opening", party="matcher"
    )
    if opening.manifest != manifest.digest or opening.project != project:
        raise OpeningNotForManifestError(partner=home.name)
    if now >= opening.deadline:
        raise RoundClosedError(partner=home.name, round=opening.round)
    key = home.project_key(manifest)
    partner = manifest.partners[home.name]
    frames, counts = [], {}
    for position, selection in enumerate(partner.selections):
        if selection.id not in mapping.selections:
            raise SelectionUnmappedError(partner=home.name, selection=selection.id)
        progress(f"select {selection.id}")
        local = mapping.selections[selection.id]
        selected = select(home.name, selection, local, extracts, manifest, opening.reference_date)
        progress(f"pseudonymise {selection.id}")
        frame, count = _pseudonymised(manifest, selection, position, selected, key, opening.round)
        if selected.with_signal and not count.written:
            reasons = ", ".join(f"{reason}: {n}" for reason, n in count.invalid.items()) or "-"
            raise NoValidIdentifierError(partner=home.name, file=local.extract, invalid=reasons)
        volume = selection.volume
        if not volume.at_least <= count.written <= volume.at_most:
            raise VolumeOutOfBoundsError(
                partner=home.name,
                selection=selection.id,
                count=count.written,
                at_least=volume.at_least,
                at_most=volume.at_most,
            )
        frames.append(frame)
        counts[selection.id] = count
    progress("seal")
    frame = _in_pseudonym_order(pl.concat(frames, how="diagonal"), manifest.subject.kinds)
    references, keep = make_references(frame.get_column(RECORD_ID))
    table = _drop_table(manifest, home.name, frame, references)
    span = secrets.token_hex(8)
    stem = f"{project}.{opening.round}.{home.name}.{span}"
    private_folder(out)
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
        parts=_write_parts(
            table, _part_numbers(frame, manifest.subject.kinds, opening.parts), opening, out, stem
        ),
    )
    document = sign(descriptor, DROP, home.identity())
    home.keep_references(project, opening.round, digest_of_bytes(document), keep)
    file = out / f"{stem}.drop.json"
    write_whole(file, document)
    return Prepared(file, descriptor)


def _pseudonymised(
    manifest: Manifest,
    selection: Selection,
    position: int,
    selected: Selected,
    key: ProjectKey,
    round_id: str,
) -> tuple[pl.DataFrame, SelectionCounts]:
    """The records of one selection with pseudonyms for identifiers, duplicates joined, and the counts."""
    raw = pl.DataFrame(pl.from_arrow(selected.table))
    texts = raw.with_columns(pl.col(name).cast(pl.String) for name in _text_fields(selection))
    columns: dict[str, pl.Series] = {}
    invalid: dict[str, int] = {}
    for source in selection.identifiers:
        found = normalise(texts, source)
        columns[source.kind.value] = found.values
        invalid |= {f"{source.kind.value}_{reason}": count for reason, count in found.invalid.items()}
    if selection.person:
        keys = person_keys(
            texts,
            {str(part): field for part, field in selection.person.items()},
            manifest.subject.person_keys,
        )
        columns |= {name: keys.get_column(name) for name in keys.columns}
    kinds = manifest.subject.kinds
    pseudonyms = [
        key.pseudonyms(columns[kind], round_id, kind)
        if kind in columns
        else pl.Series(kind, [None], dtype=pl.Binary).new_from_index(0, len(raw))
        for kind in kinds
    ]
    carried = [RECORD_ID, SIGNALS, GROUP, *(attribute_column(a.id) for a in selection.attributes)]
    frame = (
        raw.select(carried).with_columns(pseudonyms).with_columns(pl.lit(position, pl.UInt8).alias(SELECTION))
    )
    sendable = frame.filter(pl.any_horizontal(pl.col(kind).is_not_null() for kind in kinds))
    distinct = _joined_duplicates(sendable, [SELECTION, RECORD_ID, *kinds])
    return distinct, SelectionCounts(
        read=selected.read,
        after=selected.after,
        with_signal=selected.with_signal,
        invalid=invalid,
        without_identifier=len(frame) - len(sendable),
        duplicates=len(sendable) - len(distinct),
        written=len(distinct),
    )


def _text_fields(selection: Selection) -> list[str]:
    names = [name for source in selection.identifiers for name in source.fields] + list(
        selection.person.values()
    )
    return list(dict.fromkeys(names))


def _joined_duplicates(frame: pl.DataFrame, same: list[str]) -> pl.DataFrame:
    """One row per record: rows with the same record id and identifiers become one, with all their signals."""
    repeated = pl.col(RECORD_ID).is_duplicated()
    alone, twins = frame.filter(~repeated), frame.filter(repeated)
    if twins.is_empty():
        return frame
    rest = [name for name in frame.columns if name not in (*same, SIGNALS)]
    joined = twins.group_by(same).agg(pl.col(SIGNALS).bitwise_or(), *(pl.col(name).min() for name in rest))
    return pl.concat([alone, joined.select(frame.columns)])


def _order_key(kinds: tuple[str, ...]) -> pl.Expr:
    return pl.coalesce(kinds)


def _in_pseudonym_order(frame: pl.DataFrame, kinds: tuple[str, ...]) -> pl.DataFrame:
    """Rows by their first pseudonym (then by the others), so that nothing is left of the order of the register."""
    return frame.sort([_order_key(kinds), *(pl.col(kind) for kind in kinds)])


def _part_numbers(frame: pl.DataFrame, kinds: tuple[str, ...], parts: int) -> pl.Series:
    """The part of each row: equal ranges of the first 16 bits of its first pseudonym."""
    first = frame.select(_order_key(kinds).bin.slice(0, 2).bin.reinterpret(dtype=pl.UInt16, endianness="big"))
    return (first.to_series().cast(pl.UInt32) * parts // 65_536).alias("part")


def _drop_table(manifest: Manifest, partner: str, frame: pl.DataFrame, references: pa.Array) -> pa.Table:
    columns = drop_columns(manifest, manifest.partners[partner])
    arrays = []
    for column in columns:
        if column.name == REFERENCE:
            arrays.append(references)
            continue
        series = frame.get_column(column.name)
        if column.type == "uint16":
            series = series.fill_null(NO_VALUE)
        array = series.to_arrow()
        arrays.append(array.cast(BLOCK) if column.type == "block" else array)
    return pa.table(arrays, schema=schema_of(columns))


def _write_parts(
    table: pa.Table, numbers: pl.Series, opening: Opening, out: Path, stem: str
) -> tuple[Part, ...]:
    starts = np.searchsorted(numbers.to_numpy(), np.arange(opening.parts + 1)).tolist()
    parts = []
    for number, (start, end) in enumerate(pairwise(starts)):
        sealed = seal(to_parquet(table.slice(start, end - start)), opening.recipient)
        name = f"{stem}.part-{number:04d}.age"
        write_whole(out / name, sealed)
        parts.append(Part(file=name, digest=digest_of_bytes(sealed), rows=end - start))
    return tuple(parts)
