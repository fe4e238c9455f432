"""What a sample tells: whether a selection finds more than chance, whom it misses, and what is not known."""

from __future__ import annotations

from typing import Any

import pytest

from lsi_match.monitor.analyse import analyse
from lsi_match.monitor.evidence import trend
from lsi_match.monitor.table import CountsTable
from lsi_match.reports import monitor_trend
from lsi_match.reports.monitor_report import report

GROUPS = {"jong": "Jong", "oud": "Oud"}
Counts = tuple[int | None, int | None]


def table(good: Counts, bad: Counts, drawn: Counts, drawn_bad: Counts, total: int = 0) -> CountsTable:
    def stage(kind: str, counts: Counts, **more: Any) -> dict[str, Any]:
        return {
            "id": kind,
            "label": kind,
            "kind": kind,
            "counts": dict(zip(GROUPS, counts, strict=True)),
            **more,
        }

    stages = [
        stage("reference", (10_000, 10_000)),
        stage("case", (400, 400), against=["reference"]),
        stage("grounded", good, against=["case"]),
        stage("not_grounded", bad, against=["case"]),
        stage("sample_grounded", drawn, total=total or sum(map(int, filter(None, drawn)))),
        stage("sample_not_grounded", drawn_bad, total=sum(map(int, filter(None, drawn_bad)))),
    ]
    own = [{"id": "leeftijd", "label": "Leeftijd", "groups": GROUPS}]
    return CountsTable.model_validate({"title": "t", "dimensions": own, "stages": stages})


@pytest.mark.parametrize(
    ("counts", "better"),
    [
        (((200, 200), (200, 200), (20, 20), (380, 380)), True),
        (((20, 20), (380, 380), (200, 200), (200, 200)), False),
        (((40, 40), (360, 360), (40, 40), (360, 360)), None),
    ],
)
def test_a_selection_is_held_against_chance(
    counts: tuple[Counts, Counts, Counts, Counts], better: bool | None
) -> None:
    found = analyse(table(*counts))
    assert [one.better for one in found.hit_rates] == [better] * 3
    assert [one.group for one in found.hit_rates] == ["", "jong", "oud"]
    # What is told of a sample decides no comparison of groups.
    assert {one.stage for one in found.findings} == {"case"}
    told = {True: "De keuze vindt vaker iets", False: "minder vaak iets", None: "niet aangetoond"}[better]
    assert told in report(table(*counts), found, "nl").markdown


def test_a_group_in_which_more_is_missed_has_the_higher_share_and_everybody_is_the_sum() -> None:
    whole, jong, oud = analyse(table((200, 200), (200, 200), (100, 10), (300, 390))).hit_rates
    assert (jong.drawn.low or 0) > (oud.drawn.high or 0)
    assert (whole.drawn_grounded, whole.drawn_judged) == (110, 800)


def test_what_is_withheld_of_a_sample_is_a_range_and_never_zero() -> None:
    whole, jong, _ = analyse(table((200, 200), (200, 200), (None, None), (396, 397), total=7)).hit_rates
    assert (whole.drawn_grounded, whole.drawn_judged) == (7, 800)
    assert jong.drawn_grounded is None
    assert jong.drawn.low == 0
    assert (jong.drawn.high or 0) > 7 / 403


def test_without_a_sample_nothing_is_said_of_one() -> None:
    plain = table((200, 200), (200, 200), (20, 20), (380, 380))
    plain = plain.model_copy(update={"stages": plain.stages[:4]})
    found = analyse(plain)
    assert found.hit_rates == ()
    assert "hit_rates" not in found.model_dump_json()
    assert "total" not in plain.model_dump_json()


def test_after_a_change_of_criteria_it_is_told_whether_it_helped() -> None:
    before = table((100, 100), (300, 300), (40, 40), (360, 360)).model_copy(
        update={"source": "p r1, manifest a"}
    )
    after = table((200, 200), (200, 200), (10, 10), (390, 390)).model_copy(
        update={"source": "p r3, manifest b"}
    )
    found = trend([before, before, after, after]).helped
    assert [(one.of, one.since, one.better) for one in found] == [("cases", 2, True), ("sample", 2, True)]
    assert (found[0].grounded_before, found[0].judged, found[1].grounded) == (400, 1600, 40)
    assert [one.better for one in trend([after, before]).helped] == [False, False]
    assert [
        one.better for one in trend([before, before.model_copy(update={"source": "p r2, manifest b"})]).helped
    ] == [None] * 2
    # One manifest, or outcomes on one side only: nothing can be said.
    assert trend([before, before]).helped == ()
    assert trend([before.model_copy(update={"stages": before.stages[:2]}), after]).helped == ()
    page = monitor_trend.page([before, after], trend([before, after]), "nl").first
    assert "Dat hielp: een casus is vaker terecht (50,0%, was 25,0%" in page
    assert "er wordt minder gemist" in page
