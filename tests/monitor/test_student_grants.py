"""The yardstick: the published counts of the student-grant checks of 2014, and of the random samples beside them.

Counts are rounded to tens. Columns: a category, the total, and the counts per origin. Where the files are absent, so
are these tests.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lsi_match.monitor.analyse import analyse
from lsi_match.monitor.findings import Conditional, Finding, Findings, Verdict
from lsi_match.monitor.table import CountsTable

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(
    not (DATA / "duo_cub_2014.csv").exists(), reason="the published counts are not here"
)

ORIGINS = {
    "nl": "Country of origin: NL",
    "europe": "Country of origin: Europe (excl. NL)",
    "outside": "Country of origin: Outside Europe",
}
ORIGIN = {
    "id": "origin", "label": "Herkomst", "baseline": "nl",
    "groups": {"nl": "Nederland", "europe": "Europa buiten Nederland", "outside": "buiten Europa"},
}  # fmt: skip
RISK = {"id": "risk", "label": "Risicoklasse", "role": "legitimate", "groups": {str(n): f"klasse {n}" for n in range(1, 7)}}  # fmt: skip
PLAIN = {
    "tolerance": 1.25,
    "confidence": 0.95,
    "smallest_cell": 10,
    "title": "Controles uitwonendenbeurs 2014",
}


@cache
def counts(file: str) -> dict[str, dict[str, int]]:
    """Category → origin → count."""
    with (DATA / file).open(newline="") as source:
        return {
            row["Category"]: {origin: int(row[column]) for origin, column in ORIGINS.items() if row[column]}
            for row in csv.DictReader(source)
        }


def by_risk(found: dict[str, dict[str, int]], suffix: str, levels: str = "123456") -> dict[str, int]:
    return {
        f"{origin}|{level}": found[f"Risk category {level}{suffix}"][origin]
        for level in levels
        for origin in ORIGINS
    }


def checks() -> CountsTable:
    """Population → risk profile (classes 1 and 2) and → selected for a visit → outcome of the visit."""
    found = counts("duo_cub_2014.csv")
    stages: list[dict[str, Any]] = [
        {"id": "population", "kind": "reference", "counts": by_risk(found, "")},
        {"id": "profile", "kind": "criterion", "counts": by_risk(found, "", "12"), "against": ["population"]},
        {"id": "selected", "kind": "selection", "counts": by_risk(found, " & Selected for control: yes"), "against": ["population"]},
        {"id": "unduly", "kind": "grounded", "counts": by_risk(found, " & Outcome house visit: unduly")},
        {"id": "duly", "kind": "not_grounded", "counts": by_risk(found, " & Outcome house visit: duly")},
    ]  # fmt: skip
    for stage in stages:
        stage |= {"label": stage["id"], "rounded_to": 10}
    return CountsTable.model_validate(PLAIN | {"dimensions": [ORIGIN, RISK], "stages": stages})


@pytest.fixture(scope="module")
def found() -> Findings:
    return analyse(checks())


def of(found: Findings, stage: str, group: str = "outside") -> Finding:
    return next(f for f in found.findings if (f.stage, f.group) == (stage, group))


def test_the_group_is_over_represented_at_the_risk_profile(found: Findings) -> None:
    profile = of(found, "profile")
    assert profile.verdict is Verdict.OVER
    assert profile.reference_count / profile.reference_total == pytest.approx(0.220, abs=0.001)  # type: ignore[operator]
    assert profile.count / profile.total == pytest.approx(0.360, abs=0.001)  # type: ignore[operator]


def test_and_again_and_beyond_it_at_the_manual_selection(found: Findings) -> None:
    selected = of(found, "selected")
    assert selected.count / selected.total == pytest.approx(0.632, abs=0.005)  # type: ignore[operator]
    assert selected.ratio.value == pytest.approx(6.2, abs=0.1)
    assert selected.verdict is Verdict.OVER
    given: Conditional = next(c for c in found.conditionals if (c.stage, c.group) == ("selected", "outside"))
    assert given.given == "risk"
    assert given.ratio.value == pytest.approx(3.6, abs=0.05)
    assert given.verdict is Verdict.OVER
    assert found.alert


@pytest.mark.parametrize(
    ("criterion", "over", "under"),
    [
        ("Education", ["mbo 1-2", "mbo 3-4"], {"wo"}),
        ("Distance", ["unknown", "1m-1km", "0km", "1-2km", "2-5km"], {"20-50km", "50-500km"}),
    ],
)
def test_it_shows_in_which_values_of_the_criteria_the_group_is_concentrated(
    criterion: str, over: list[str], under: set[str]
) -> None:
    """Low education and a short distance to the parents, which is what the profile gave points for."""
    rows, head = counts("duo_cub_2014.csv"), f"{criterion}: "
    values = {name.removeprefix(head): name for name in rows if name.startswith(head) and "&" not in name}
    stages: list[dict[str, Any]] = [{"id": "all", "kind": "reference", "counts": rows["Total"]}]
    stages += [
        {"id": value, "kind": "criterion", "counts": rows[name], "against": ["all"]}
        for value, name in values.items()
    ]
    for stage in stages:
        stage |= {"label": stage["id"], "rounded_to": 10}
    findings = analyse(CountsTable.model_validate(PLAIN | {"dimensions": [ORIGIN], "stages": stages}))
    assert [f.stage for f in findings.of(Verdict.OVER) if f.group == "outside"] == over
    assert under <= {f.stage for f in findings.of(Verdict.UNDER) if f.group == "outside"}


def test_a_higher_share_of_unduly_does_not_absolve_and_the_finding_says_that_it_cannot(
    found: Findings,
) -> None:
    outcome = next(o for o in found.outcomes if o.group == "outside")
    assert outcome.selected_more
    assert outcome.lower is False
    assert outcome.ratio.value is not None
    assert outcome.ratio.value > 1
    assert found.alert, "whatever the outcomes, the alert stands"


def test_random_samples_raise_no_alert_and_say_where_there_is_too_little_data() -> None:
    rows, sample = counts("duo_cub_2014.csv"), counts("duo_cub_2014_random.csv")
    stages = [
        {"id": "population", "label": "", "kind": "reference", "counts": rows["Total"], "rounded_to": 10},
        {"id": "sample", "label": "", "kind": "selection", "counts": sample["Total"], "rounded_to": 10, "against": ["population"]},
    ]  # fmt: skip
    findings = analyse(CountsTable.model_validate(PLAIN | {"dimensions": [ORIGIN], "stages": stages}))
    assert not findings.alert
    assert of(findings, "sample", "europe").verdict is Verdict.TOO_LITTLE
    assert of(findings, "sample").verdict in (Verdict.TOO_LITTLE, Verdict.WITHIN)
