"""Counts of a statistics office beside those of the partners: each with its own dimensions, in one report."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
from manifest.test_office import draft
from pydantic import ValidationError
from refusals import raises

from lsi_match.manifest import Manifest
from lsi_match.monitor.analyse import analyse
from lsi_match.monitor.evidence import trend
from lsi_match.monitor.round_findings import checked_findings, findings_of
from lsi_match.monitor.table import CountsTable
from lsi_match.monitor.verdict import State, conclude

OWN = [{"id": "leeftijd", "label": "Leeftijd", "groups": {"jong": "Jong", "oud": "Oud"}}]
THEIRS = [{"id": "herkomst", "label": "Herkomst", "groups": {"nl": "N", "b": "B"}, "counted_by": "cbs"}]


def stages(name: str, groups: tuple[str, str], hit: tuple[int, int], **members: Any) -> list[dict[str, Any]]:
    return [
        {"id": name, "label": name, "kind": "reference", "counts": dict.fromkeys(groups, 100_000), **members},
        {
            "id": f"{name}.a", "label": "a", "kind": "criterion", "criterion": "a", "against": [name],
            "counts": dict(zip(groups, hit, strict=True)), **members,
        },
    ]  # fmt: skip


def table(*their_hit: int, **members: Any) -> CountsTable:
    found = stages("uwv", ("jong", "oud"), (30_000, 30_000))
    if their_hit:
        found += stages("cbs:uwv", ("nl", "b"), their_hit[:2], counted_by="cbs", rounded_to=10)  # type: ignore[arg-type]
    return CountsTable.model_validate({"title": "t", "dimensions": OWN + THEIRS, "stages": found} | members)


def test_nothing_is_calm_while_an_office_did_not_count() -> None:
    found = analyse(table())
    assert (found.awaited, conclude(found).state) == (("herkomst",), State.LOOK)
    assert {one.dimension for one in found.findings} == {"leeftijd"}


def test_each_stage_is_compared_by_who_counted_it() -> None:
    calm = analyse(table(30_000, 30_000))
    assert (calm.awaited, conclude(calm).state) == ((), State.CALM)
    assert {(one.stage, one.dimension) for one in calm.findings} == {
        ("uwv.a", "leeftijd"),
        ("cbs:uwv.a", "herkomst"),
    }
    alerts = conclude(analyse(table(10_000, 30_000))).alerts
    assert {(row.stage, row.dimension, row.group) for row in alerts} == {("cbs:uwv.a", "herkomst", "b")}
    assert trend([table(10_000, 30_000)] * 3).alerts


def test_a_table_without_an_office_is_what_it_was() -> None:
    plain = CountsTable.model_validate(
        {"title": "t", "dimensions": OWN, "stages": stages("uwv", ("jong", "oud"), (30_000, 30_000))}
    )
    assert "counted_by" not in plain.model_dump_json()
    assert "awaited" not in analyse(plain).model_dump_json()


def test_a_cell_has_the_groups_of_who_counted_it() -> None:
    with pytest.raises(ValidationError):
        table(stages=stages("uwv", ("nl", "b"), (1, 1)))


def test_a_report_without_the_dimension_that_an_office_has_to_count_is_no_report_of_the_round() -> None:
    """Else the matching environment could leave it out, and nothing would be awaited."""
    manifest = Manifest.model_validate(draft())
    agreed = manifest.monitor.model_dump(include={"tolerance", "confidence", "looks", "smallest_cell"})
    groups = {"jong": "Jong", "oud": "Oud"}
    own = {"id": "leeftijd", "label": "Leeftijd", "groups": groups}
    theirs = {"id": "etniciteit", "label": "E", "groups": {"een": "E", "ander": "A"}, "counted_by": "cbs"}
    for dimensions in (
        [own, theirs],
        [own],
        [theirs | {"id": "leeftijd", "groups": groups} | {"counted_by": None}, theirs | {"id": "anders"}],
    ):
        counts = table(**agreed, dimensions=dimensions).model_dump_json().encode()
        report = findings_of(manifest, "r1", counts).written()
        with (
            nullcontext()
            if len(dimensions) == 2 and dimensions[0] is own
            else raises("ReportNotOfCountsError")
        ):
            checked_findings(report, counts, manifest)
