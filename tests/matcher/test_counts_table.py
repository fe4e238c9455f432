"""In a round as in a table of one's own: who has no known value of a criterion cannot be hit by it, and is told apart."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from handmade import dimension, manifest, selection, write_csv

from lsi_match.manifest import Manifest
from lsi_match.matcher.round.counts_table import counts_table
from lsi_match.monitor.analyse import analyse
from lsi_match.monitor.table import CountsTable
from lsi_match.monitor.verdict import Kind, conclude
from lsi_match.partner.extract.column_mapping import Reading, SelectionMapping
from lsi_match.partner.group_counts import group_counts
from lsi_match.partner.select import SelectionTask, select
from lsi_match.protocol.documents import GroupCounts
from lsi_match.reports.monitor_report import report

INCOME = [{"id": "laag", "when": "bedrag < 1000", "rationale": "Alleen lage inkomens."}]
AGREED = manifest(
    {"gemeente": [selection(criteria=INCOME)], "uwv": [selection()]}, dimensions=[dimension(when="actief")]
)
SELECTION = AGREED.partners["gemeente"].selections[0]
#: Places of the groups jong and oud.
YOUNG, OLD = 0, 1


def rows(young: tuple[int, int, int], old: tuple[int, int, int]) -> list[dict[str, str]]:
    """Of either group: who meets the criterion, who does not, and of whom it is not known."""
    made = [
        ("ja" if group == YOUNG else "nee", amount)
        for group, counts in ((YOUNG, young), (OLD, old))
        for amount, count in zip(("500", "5000", ""), counts, strict=True)
        for _ in range(count)
    ]
    return [
        {"id": str(at), "nummer": "", "bedrag": amount, "begin": "2026-01-01", "soort": "a", "actief": active}
        for at, (active, amount) in enumerate(made)
    ]


def counted(folder: Path, young: tuple[int, int, int], old: tuple[int, int, int]) -> GroupCounts:
    write_csv(folder / "register.csv", rows(young, old))
    fields = {name: name for name in SELECTION.fields}
    whole = {"bedrag": Reading(decimals=0)}
    mapping = SelectionMapping(extract="register.csv", record_id="id", columns=fields, reading=whole)
    found = select(SelectionTask("gemeente", SELECTION, mapping, folder, AGREED, date(2026, 6, 1)))
    groups = group_counts(AGREED, SELECTION, found.met, found.unknown)
    assert groups is not None
    return groups


def test_who_has_no_known_value_is_counted_by_group(tmp_path: Path) -> None:
    groups = counted(tmp_path, (60, 40, 100), (60, 140, 3))
    assert groups.unknown == {"laag": {"jong": 100, "oud": 0, "unknown": 0}}
    assert groups.after["laag"] == {"jong": 60, "oud": 60, "unknown": 0}


def table(agreed: Manifest, groups: GroupCounts) -> CountsTable:
    there = {"lijst": SimpleNamespace(groups=groups)}
    nobody = {stage: {"jong": 0, "oud": 0, "unknown": 0} for stage in ("subjects", "matched", "cases")}
    drops: Any = {"gemeente": SimpleNamespace(selections=there)}
    made = counts_table(agreed, "r", 1, drops, nobody, {})
    assert made is not None
    return made


def test_a_difference_among_those_who_are_known_holds_a_round_that_is_calm_of_all(tmp_path: Path) -> None:
    """Of all both groups get through alike; of those with a known value the young do nearly twice as often."""
    met = {(3, YOUNG): 10_000, (0, YOUNG): 40_000, (3, OLD): 11_000, (0, OLD): 39_000}
    unknown = {(0, YOUNG): 25_000, (0, OLD): 1_000}
    groups = group_counts(AGREED, SELECTION, met, unknown)
    assert groups is not None
    made = table(AGREED, groups)
    found = analyse(made)
    alerts = conclude(found).alerts
    assert {(row.kind, row.group, row.given) for row in alerts} == {(Kind.KNOWN_ONLY, "jong", "laag")}
    assert all(1.6 < (row.ratio.value or 0) < 1.9 for row in alerts)
    page = report(made, found, "nl").first
    assert "laag niet bekend" in " ".join(page.split())
    calm = table(AGREED, groups.model_copy(update={"unknown": {}}))
    assert not conclude(analyse(calm)).alerts
    assert not any(stage.kind == "missing" for stage in calm.stages), "as it was where nothing is told of it"
