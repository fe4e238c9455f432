"""What came of the cases, as counts per group: nothing of a case leaves the partner.

The case table enters one outcome per case, by case id or by own record id. The group of a case follows from the own
records in it, read again from the extract: nothing about groups is kept for this, and no release holds any.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import polars as pl

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.base.files import read_bytes, write_whole
from lsi_match.base.spreadsheet import unmarked
from lsi_match.crypto.signing import sign
from lsi_match.manifest import Manifest
from lsi_match.partner.extract.column_mapping import ColumnMapping
from lsi_match.partner.home import Home
from lsi_match.partner.opening import read_opening
from lsi_match.partner.release.open import open_release
from lsi_match.partner.sample import draw_sample
from lsi_match.partner.select import RECORD_ID, SelectionTask, group_cells
from lsi_match.protocol.columns import CASE, SELECTION
from lsi_match.protocol.documents import CellCounts, Opening, OutcomeCounts, SampleCounts
from lsi_match.protocol.group_cells import by_name, first_known_cell
from lsi_match.protocol.withhold import withhold_table
from lsi_match.tables.rows import TableRows
from lsi_match.tables.unreadable import TableUnreadable

GROUNDED, NOT_GROUNDED, OUTCOME_UNKNOWN = "grounded", "not_grounded", "outcome_unknown"
#: What may be entered, in Dutch or English → what it means.
WORDS = {
    "gegrond": GROUNDED,
    "niet gegrond": NOT_GROUNDED,
    "onbekend": OUTCOME_UNKNOWN,
    "grounded": GROUNDED,
    "not grounded": NOT_GROUNDED,
    "unknown": OUTCOME_UNKNOWN,
    "": OUTCOME_UNKNOWN,
}


class OutcomesUnreadableError(LsiError): ...


def count_outcomes(
    home: Home,
    release: Path,
    opening_file: Path,
    outcomes: Path | Mapping[str, str],
    mapping: ColumnMapping,
    extracts: Path,
    project: str,
    now: datetime,
) -> tuple[OutcomeCounts, bytes]:
    """The counts of one release, and the same as a signed document.

    Args:
        outcomes: CSV or spreadsheet with `outcome`, and `case_id` or `record_id`; or as `kept_outcomes` gives them, then without
            who was drawn. A case that is not in it is unknown, and so is a record that was drawn (`partner.sample`).

    Raises:
        LsiError: see `partner.release.open`, `partner.select`, and the errors above.
    """
    manifest = home.agreed_manifest(project, now)
    descriptor, frame = open_release(home, release, project, now)
    opening, signed = read_opening(home, opening_file, project, now)
    if opening.round != descriptor.round:
        raise LsiError("OpeningOfOtherRoundError", partner=home.name)
    drawn = None
    if isinstance(outcomes, Path):
        drawn = draw_sample(home, manifest, opening, signed, mapping, extracts)
    of_drawn = drawn.frame if drawn else frame.clear()
    entered = (
        _entered(outcomes, pl.concat([frame.select(of_drawn.columns), of_drawn]))
        if isinstance(outcomes, Path)
        else outcomes
    )
    found = [
        _found(_cell_of_cases(home.name, manifest, mapping, extracts, opening, its), entered)
        for its in (frame, of_drawn)
    ]
    of_cases, of_sample = (_told(manifest, its, home.identity().lots) for its in found)
    of_all, totals = ({name: sum(counts.values()) for name, counts in its.items()} for its in found)
    document = OutcomeCounts(
        project=project,
        manifest=manifest.digest,
        round=descriptor.round,
        partner=home.name,
        release=digest_of_bytes(read_bytes(release)),
        sample=SampleCounts(people=drawn.people, drawn=drawn.size, totals=totals, cases=of_all, **of_sample)
        if drawn
        else None,
        at=now,
        **of_cases,
    )
    return document, sign(document, home.identity())


def kept_outcomes(home: Home, project: str, round_id: str) -> dict[str, str]:
    """Case id → what was entered here of it so far (`keep_outcomes`)."""
    file = _kept(home, project, round_id)
    return dict(json.loads(read_bytes(file))) if file.exists() else {}


def keep_outcomes(home: Home, project: str, round_id: str, entered: Mapping[str, str]) -> None:
    """Keep what was entered, beside what was kept before; ids of cases and outcomes, nothing of a person.

    Raises:
        OutcomesUnreadableError: what is entered is no outcome.
    """
    if not set(entered.values()) <= {GROUNDED, NOT_GROUNDED, OUTCOME_UNKNOWN}:
        raise OutcomesUnreadableError(file="-", row=0, problem="outcome")
    kept = kept_outcomes(home, project, round_id) | dict(entered)
    write_whole(_kept(home, project, round_id), json.dumps(kept).encode(), replace=True)


def _kept(home: Home, project: str, round_id: str) -> Path:
    return home.project(project) / "outcomes" / f"{round_id}.json"


def _found(cells: Mapping[str, int], entered: Mapping[str, str]) -> dict[str, dict[int, int]]:
    """Outcome → group cell → cases."""
    found: dict[str, dict[int, int]] = {GROUNDED: {}, NOT_GROUNDED: {}, OUTCOME_UNKNOWN: {}}
    for case, cell in cells.items():
        counts = found[entered.get(case, OUTCOME_UNKNOWN)]
        counts[cell] = counts.get(cell, 0) + 1
    return found


def _told(
    manifest: Manifest, found: Mapping[str, Mapping[int, int]], secret: bytes | None = None
) -> dict[str, CellCounts]:
    """Withheld as one table: how many cases there are of a group in all is told elsewhere."""
    rows = [by_name(manifest.monitor, counts) for counts in found.values()]
    return dict(zip(found, withhold_table(rows, manifest.monitor.smallest_cell, secret), strict=True))


def _entered(file: Path, frame: pl.DataFrame) -> dict[str, str]:
    """Case id → outcome."""
    cases: dict[str, set[str]] = {}
    for case, record in frame.select(CASE, RECORD_ID).iter_rows():
        cases.setdefault(record, set()).add(case)
    try:
        table = TableRows.of(file, ("outcome",))
    except TableUnreadable as problem:
        raise OutcomesUnreadableError.saying(
            problem.told("nl"), problem.told("en"), file=file.name, row=problem.row or 1
        ) from None
    if "outcome" not in table.names or not {CASE, RECORD_ID} & set(table.names):
        raise OutcomesUnreadableError(file=file.name, row=table.head, problem="outcome")
    known = set(frame.get_column(CASE))
    found: dict[str, str] = {}
    for number, cells in table.rows:
        row = dict(zip(table.names, cells, strict=False))
        word = WORDS.get((row.get("outcome") or "").strip().lower().replace("_", " "))
        named, record = (unmarked(row.get(column) or "") for column in (CASE, RECORD_ID))
        meant = {named} & known if named else cases.get(record, set())
        if word is None or not meant:
            raise OutcomesUnreadableError(
                file=file.name, row=number, problem="outcome" if word is None else CASE
            )
        for case in meant:
            if found.setdefault(case, word) != word:
                raise LsiError("OutcomesDifferError", file=file.name, row=number)
    return found


def _cell_of_cases(
    partner: str,
    manifest: Manifest,
    mapping: ColumnMapping,
    extracts: Path,
    opening: Opening,
    frame: pl.DataFrame,
) -> dict[str, int]:
    """Case id → the group cell of the own records in it; unknown where the extract has none of them any more."""
    cells: dict[tuple[str, str], list[int]] = {}
    for selection in manifest.partners[partner].selections:
        wanted = frame.filter(pl.col(SELECTION) == selection.id).get_column(RECORD_ID).to_list()
        if wanted:
            local, day = mapping.selections[selection.id], opening.reference_date
            task = SelectionTask(partner, selection, local, extracts, manifest, day)
            for record, cell in group_cells(task, wanted):
                cells.setdefault((selection.id, record), []).append(cell)
    of_case: dict[str, list[int]] = {}
    for case, selection_id, record in frame.select(CASE, SELECTION, RECORD_ID).iter_rows():
        of_case.setdefault(case, []).extend(cells.get((selection_id, record), []))
    return {case: first_known_cell(manifest.monitor, own) for case, own in of_case.items()}
