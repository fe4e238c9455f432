"""What a partner seals to the statistics office about its own records.

A partner tells of its own records only what it knows itself: it does not learn who else knows somebody, and the matching
environment learns nothing from this. `protocol.office` says what stands in the files.
"""

from __future__ import annotations

import io
from datetime import datetime
from pathlib import Path

import polars as pl

from lsi_match.agreement.gates import require
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.clock import minute
from lsi_match.base.errors import LsiError, wrong
from lsi_match.base.files import write_whole
from lsi_match.crypto.sealing import seal
from lsi_match.crypto.signing import sign
from lsi_match.manifest import IdentifierSource, Manifest, Office
from lsi_match.partner.extract.column_mapping import ColumnMapping
from lsi_match.partner.home import Home, References
from lsi_match.partner.normalise import normalise
from lsi_match.partner.opening import read_opening
from lsi_match.partner.references import LongIds, id_blocks, make_references
from lsi_match.partner.select import REACHED, RECORD_ID, SelectionTask, reached
from lsi_match.protocol.documents import Opening
from lsi_match.protocol.office import counted_selections, request_of, tables_of, totals_of


def write_request(
    home: Home,
    opening_file: Path,
    mapping: ColumnMapping,
    extracts: Path,
    to: Path,
    project: str,
    now: datetime,
) -> list[Path]:
    """Write what the statistics office needs of the own records in a round: the sealed file, and a signed document beside it
    that says what to count. After the drop was made, of the same extracts.

    Raises:
        OfficeNotAskedError: the manifest has no office, or no records of this partner for it.
        OfficeTooLateError: no round can wait any more for a table.
        OfficeDropNeededError: no drop was made for the round.
        LsiError: a gate does not hold; or what is wrong with opening, mapping or extract.
    """
    manifest, office, opening, asked = asked_of(home, opening_file, project, now)
    if not tables_of(manifest, home.name):
        raise LsiError("OfficeNotAskedError", partner=home.name)
    if now > (until := manifest.held_until(opening.deadline)):
        raise LsiError("OfficeTooLateError", round=opening.round, until=minute(until))
    require(manifest, home.evidence(project, now, opening))
    made = home.drop_of(project, opening.round)
    if made is None:
        raise LsiError(
            "OfficeDropNeededError", partner=home.name, round=opening.round, **wrong("partner.office_no_drop")
        )
    drop, keep = made
    parts = []
    for name, selection, source in counted_selections(manifest):
        if name == home.name:
            local = mapping.selections[selection.id]
            task = SelectionTask(name, selection, local, extracts, manifest, opening.reference_date)
            parts.append(_rows(task, source, keep))
            totals = totals_of(selection, drop.selections[selection.id])
            came = parts[-1].get_column(REACHED)
            if totals != tuple(int((came > at).sum()) for at in range(len(totals))):
                raise LsiError(
                    "OfficeDropNeededError",
                    partner=home.name,
                    round=opening.round,
                    **wrong("partner.office_other_extract"),
                )
    rows, sink = pl.concat(parts), io.BytesIO()
    rows.write_csv(sink, separator=";")
    sealed = seal(sink.getvalue(), office.encryption_key)
    request = request_of(manifest, office, opening.round, asked, home.name, sealed, len(rows), now)
    files = {to / request.sealed.file: sealed, to / request.file: sign(request, home.identity())}
    for file, data in files.items():
        write_whole(file, data, replace=True)
    return list(files)


def _rows(task: SelectionTask, source: IdentifierSource, keep: References) -> pl.DataFrame:
    """What is told of every record of a selection (`protocol.office`)."""
    last, long_ids = len(task.selection.criteria) + 1, LongIds(keep.long_ids)
    text = {"selection": pl.String, REACHED: pl.Int64, "bsn": pl.String, "row": pl.String}
    found = [pl.DataFrame(schema=text)]
    for table in reached(task, source):
        frame = pl.DataFrame(pl.from_arrow(table)).drop_nulls(RECORD_ID)
        blocks = make_references(id_blocks(frame.get_column(RECORD_ID), long_ids), keep.key)
        rows = pl.Series(blocks.tobytes().hex(" ", blocks.shape[1]).split(), dtype=pl.String)
        came = frame.get_column(REACHED).cast(pl.Int64)
        told = pl.DataFrame({REACHED: came + 1, "bsn": normalise(frame, source).values, "row": rows})
        told = told.with_columns(
            pl.lit(task.selection.id).alias("selection"),
            pl.when(pl.col(REACHED) > last).then(pl.col("row")),
        )
        found.append(told.select(list(text)))
    return pl.concat(found)


def asked_of(
    home: Home, opening_file: Path, project: str, now: datetime
) -> tuple[Manifest, Office, Opening, str]:
    """The manifest, its statistics office, and the opening of the round with the digest by which a table says which round it
    is of. Raises OfficeNotAskedError, and what `read_opening` raises."""
    manifest = home.agreed_manifest(project, now)
    if manifest.monitor.office is None:
        raise LsiError("OfficeNotAskedError", partner=home.name)
    opening, document = read_opening(home, opening_file, project, now)
    return manifest, manifest.monitor.office, opening, digest_of_bytes(document)
