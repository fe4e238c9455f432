"""The table of a statistics office, at its client: read, held against what was asked, and signed."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from lsi_match.base.errors import LsiError, wrong
from lsi_match.crypto.signing import sign
from lsi_match.manifest import Office
from lsi_match.monitor.counts_file import read_counts
from lsi_match.partner.home import Home
from lsi_match.partner.office import asked_of
from lsi_match.protocol.documents import CellCounts, OfficeCounts
from lsi_match.protocol.group_cells import SEPARATOR
from lsi_match.protocol.office import REQUEST, groups_of, impossible, tables_of
from lsi_match.protocol.place_files import OFFICE_COUNTS_SUFFIX


def take_back(home: Home, opening_file: Path, tables: Path, project: str, now: datetime) -> tuple[str, bytes]:
    """The table of a statistics office, as a signed document for the matching environment, and the name of its file.

    Args:
        tables: a folder with a file per selection that was delivered, `<partner>.<selection>.csv` or .xlsx, as `read_counts`
            reads it.

    Raises:
        OfficeNotAskedError: the manifest has no office, or names another client.
        OfficeTableRefusedError: of another round or manifest, or numbers that cannot be.
        CountsFileError, FileMissingError, and what `read_opening` raises: as named.
    """
    manifest, office, opening, asked = asked_of(home, opening_file, project, now)
    if home.name != office.client:
        raise LsiError("OfficeNotAskedError", partner=home.name)
    files = {name: tables / f"{name}{kind}" for name in tables_of(manifest) for kind in (".xlsx", ".csv")}
    found = {name: _table(file, name, office, asked) for name, file in files.items() if file.exists()}
    if problem := impossible(manifest, office, found):
        raise LsiError("OfficeTableRefusedError", **problem)
    document = OfficeCounts(
        project=project,
        manifest=manifest.digest,
        opening=asked,
        round=opening.round,
        partner=home.name,
        tables=found,
        at=now,
    )
    return f"{project}.{opening.round}.{home.name}{OFFICE_COUNTS_SUFFIX}", sign(document, home.identity())


def _table(file: Path, name: str, office: Office, asked: str) -> dict[str, CellCounts]:
    """Column → group cell → count, of one table."""
    read = read_counts(file)
    wanted = [REQUEST, *groups_of(office)]
    if [one.id for one in read.dimensions] != wanted:
        raise LsiError(
            "OfficeTableRefusedError", **wrong("library.office_columns", table=name, names=", ".join(wanted))
        )
    if set(read.dimensions[0].groups) != {asked}:
        raise LsiError("OfficeTableRefusedError", **wrong("library.office_other_round", table=name))
    return {
        stage.id: {cell.partition(SEPARATOR)[2]: count for cell, count in stage.counts.items()}
        for stage in read.stages
    }
