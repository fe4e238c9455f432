"""The yardstick: the published counts of the student-grant checks of 2014, and of the random samples beside them.

Source: Statistics Netherlands (CBS), published May 2024 with the audit of the control process of DUO; counts are
rounded to tens. Columns: a category, the total, and the counts per origin. Where the files are absent, so are these
tests.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lsi_match.cli import console
from lsi_match.cli.main import run
from lsi_match.monitor.analyse import analyse
from lsi_match.monitor.findings import Conditional, Finding, Findings, Verdict
from lsi_match.monitor.table import CountsTable
from lsi_match.reports.monitor_report import report

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
    "groups": {"nl": "herkomst Nederland", "europe": "herkomst Europa", "outside": "herkomst buiten Europa"},
}  # fmt: skip
RISK = {"id": "risk", "label": "Risicocategorie", "role": "legitimate", "groups": {str(n): f"categorie {n}" for n in range(1, 7)}}  # fmt: skip
PLAIN = {
    "tolerance": 1.25,
    "confidence": 0.95,
    "smallest_cell": 10,
    "title": "Controles uitwonendenbeurs 2014",
    "source": "CBS, mei 2024, bij het onderzoek naar het controleproces van DUO; afgerond op tientallen",
}


@cache
def counts(file: str) -> dict[str, dict[str, int]]:
    """Category → origin → count."""
    with (DATA / file).open(newline="") as source:
        return {
            row["Category"]: {
                origin: int(row[column]) for origin, column in ORIGINS.items() if row.get(column)
            }
            for row in csv.DictReader(source)
        }


def by_risk(suffix: str, levels: str = "123456") -> dict[str, int]:
    found = counts("duo_cub_2014.csv")
    return {
        f"{origin}|{level}": found[f"Risk category {level}{suffix}"][origin]
        for level in levels
        for origin in ORIGINS
    }


def summed(*names: str) -> dict[str, int]:
    found = counts("duo_cub_2014.csv")
    return {origin: sum(found[name][origin] for name in names) for origin in ORIGINS}


def values() -> list[dict[str, Any]]:
    """The values of what the profile looked at: education, and distance to the parents."""
    found = counts("duo_cub_2014.csv")
    return [
        {
            "id": name, "label": name.removeprefix(f"{head}: "), "kind": "value", "criterion": criterion,
            "margins": {"origin": its}, "against": ["population"],
        }
        for head, criterion in (("Education", "opleiding"), ("Distance", "afstand tot de ouders"))
        for name, its in found.items()
        if name.startswith(f"{head}: ") and "&" not in name
    ]  # fmt: skip


def checks() -> CountsTable:
    """Population → risk profile (categories 1 and 2) and → selected for a visit → outcome of the visit → appeal."""
    yes = " & Selected for control: yes"
    stages: list[dict[str, Any]] = [
        {"id": "population", "label": "alle uitwonende studenten", "kind": "reference",
         "counts": by_risk(""), "margins": {"origin": summed("Total")}},
        {"id": "profile", "label": "risicoprofiel (categorie 1 en 2)", "kind": "criterion",
         "counts": by_risk("", "12"), "against": ["population"]},
        {"id": "selected", "label": "gekozen voor controle", "kind": "selection", "counts": by_risk(yes),
         "margins": {"origin": summed("Selected for control: yes")}, "against": ["population"]},
        *values(),
        {"id": "unduly", "label": "onterecht", "kind": "grounded", "margins": {"origin": summed("Outcome house visit: unduly")}},
        {"id": "duly", "label": "terecht", "kind": "not_grounded", "margins": {"origin": summed("Outcome house visit: duly")}},
        {"id": "appealed", "label": "bezwaar", "kind": "appealed", "margins": {"origin": summed("Unduly, appeal")}},
        {"id": "upheld", "label": "bezwaar gegrond", "kind": "appeal_upheld",
         "margins": {"origin": summed("Unduly, appeal successful", "Unduly, appeal partly successful")}},
    ]  # fmt: skip
    for stage in stages:
        stage["rounded_to"] = 10
    return CountsTable.model_validate(PLAIN | {"dimensions": [ORIGIN, RISK], "stages": stages})


@pytest.fixture(scope="module")
def found() -> Findings:
    return analyse(checks())


def of(found: Findings, stage: str, group: str = "outside") -> Finding:
    return next(f for f in found.findings if (f.stage, f.group) == (stage, group))


def test_the_group_is_over_represented_at_the_risk_profile(found: Findings) -> None:
    profile = of(found, "profile")
    assert profile.verdict is Verdict.OVER
    assert profile.reference_count / profile.reference_total == pytest.approx(0.220, abs=0.0005)  # type: ignore[operator]
    assert profile.count / profile.total == pytest.approx(0.360, abs=0.0005)  # type: ignore[operator]


def test_and_again_and_beyond_it_at_the_manual_selection(found: Findings) -> None:
    selected = of(found, "selected")
    assert selected.count / selected.total == pytest.approx(0.632, abs=0.0005)  # type: ignore[operator]
    assert selected.ratio.value == pytest.approx(6.2, abs=0.05)
    assert selected.verdict is Verdict.OVER
    given: Conditional = next(c for c in found.conditionals if (c.stage, c.group) == ("selected", "outside"))
    assert given.given == "risk"
    assert given.ratio.value == pytest.approx(3.6, abs=0.05)
    assert given.verdict is Verdict.OVER
    assert found.alert


def test_the_profile_is_not_explained_away_by_the_category_that_it_is_made_of(found: Findings) -> None:
    """Within a risk category everybody or nobody has the profile, so that nothing is compared."""
    given = next(c for c in found.conditionals if (c.stage, c.group) == ("profile", "outside"))
    assert given.decides
    assert given.ratio.value is None
    assert given.verdict is Verdict.TOO_LITTLE


def test_it_shows_in_which_values_of_the_criteria_the_group_is_concentrated(found: Findings) -> None:
    """Low education and a short distance to the parents, which is what the profile gave points for."""
    seen = {
        verdict: {
            f"{one.criterion}: {one.value}"
            for one in found.concentrations
            if one.group == "outside" and one.verdict is verdict
        }
        for verdict in Verdict
    }
    assert seen[Verdict.OVER] == {
        "opleiding: mbo 1-2", "opleiding: mbo 3-4", "afstand tot de ouders: unknown", "afstand tot de ouders: 0km",
        "afstand tot de ouders: 1m-1km", "afstand tot de ouders: 1-2km", "afstand tot de ouders: 2-5km",
    }  # fmt: skip
    assert {"opleiding: wo", "afstand tot de ouders: 20-50km", "afstand tot de ouders: 50-500km"} <= seen[
        Verdict.UNDER
    ]


def test_a_higher_share_of_unduly_does_not_absolve_and_the_finding_says_that_it_cannot(
    found: Findings,
) -> None:
    outcome = next(o for o in found.outcomes if o.group == "outside")
    assert outcome.selected_more
    assert outcome.lower is False
    assert outcome.ratio.value == pytest.approx((1060 / 1690) / (130 / 990), rel=0.001)
    assert found.alert, "whatever the outcomes, the alert stands"


def test_appeals_are_counted_from_the_decisions_on(found: Findings) -> None:
    told = {one.group: (one.decided, one.appealed, one.upheld) for one in found.appeals}
    assert told["outside"] == (1060, 800, 170)
    assert told["nl"] == (130, 100, 30)


@pytest.mark.parametrize(
    ("lang", "sentences"),
    [
        ("nl", [
            r"Waarschuwing",
            r"herkomst buiten Europa: 1,98 keer .* naar “risicoprofiel \(categorie 1 en 2\)” als herkomst Nederland .* van 22,0% naar 36,0%",
            r"herkomst buiten Europa: 6,22 keer .* naar “gekozen voor controle” als herkomst Nederland .* van 22,0% naar 63,2%",
            r"Risicocategorie verklaart dat niet: met risicocategorie gelijk gehouden is het nog 3,63 keer",
            r"herkomst buiten Europa komt vaker voor bij deze waarden van de criteria: opleiding: mbo 1-2 .*afstand tot de ouders: 0km",
            r"Een hoger aandeel “terecht” in een groep spreekt de selectie niet vrij",
            r"geslaagde bezwaren spreken de selectie dus niet vrij",
        ]),
        ("en", [
            r"Alert", r"6\.22 times as often .* from 22\.0% to 63\.2%", r"still 3\.63 times", r"does not absolve the selection",
            r"It tells nothing of the selection|it tells nothing of the selection",
        ]),
    ],
)  # fmt: skip
def test_the_command_writes_it_all_down(
    lang: str, sentences: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(console._settings, "language", "nl")
    file, to = tmp_path / "controles.json", tmp_path / "rapport.md"
    file.write_text(checks().model_dump_json(), encoding="utf-8")
    assert run(["monitor", "counts", str(file), "--to", str(to), "--lang", lang]) == 0
    text = to.read_text(encoding="utf-8").replace("\\", "")
    for sentence in sentences:
        assert re.search(sentence, text), sentence


def sample(stages: list[str]) -> CountsTable:
    drawn = counts("duo_cub_2014_random.csv")
    made = [
        {"id": "population", "label": "alle uitwonende studenten", "kind": "reference",
         "counts": summed("Total"), "rounded_to": 10},
        *({"id": name, "label": name, "kind": "selection", "counts": drawn[name], "rounded_to": 10, "against": ["population"]}
          for name in stages),
    ]  # fmt: skip
    return CountsTable.model_validate(PLAIN | {"dimensions": [ORIGIN], "stages": made})


def test_the_random_sample_raises_no_alert_and_says_where_there_is_too_little_data() -> None:
    table = sample(["Total"])
    findings = analyse(table)
    assert not findings.alert
    assert of(findings, "Total", "europe").verdict is Verdict.TOO_LITTLE
    assert of(findings, "Total").verdict in (Verdict.TOO_LITTLE, Verdict.WITHIN)
    page = report(table, findings, "nl").first
    assert "Geen waarschuwing. Maar voor een deel zijn er te weinig gegevens" in page
    assert "niet aangetoond, maar ook niet uitgesloten" in page


def test_no_part_of_the_random_sample_raises_an_alert_either() -> None:
    """By education, age, distance and risk category: each part of the sample beside the same part of the population."""
    drawn = counts("duo_cub_2014_random.csv")
    parts = [
        name
        for name in drawn
        if name.startswith(("Education", "Age", "Distance", "Risk")) and "&" not in name
    ]
    assert len(parts) == 24
    stages: list[dict[str, Any]] = []
    for name in parts:
        stages += [
            {"id": f"all {name}", "label": name, "kind": "reference", "counts": summed(name), "rounded_to": 10},
            {"id": name, "label": name, "kind": "selection", "counts": drawn[name], "rounded_to": 10, "against": [f"all {name}"]},
        ]  # fmt: skip
    findings = analyse(CountsTable.model_validate(PLAIN | {"dimensions": [ORIGIN], "stages": stages}))
    assert findings.comparisons == 72, "two groups, and the baseline itself, of 24 parts"
    assert not findings.alert
    assert len(findings.of(Verdict.TOO_LITTLE)) == 48


def test_the_page_about_the_monitor_shows_these_figures(found: Findings) -> None:
    page = (Path(__file__).parents[2] / "docs" / "monitor.md").read_text(encoding="utf-8")
    profile, selected = of(found, "profile"), of(found, "selected")
    given = next(c for c in found.conditionals if (c.stage, c.group) == ("selected", "outside"))
    rows = [
        ("risk categories 1 and 2", f"{profile.count / profile.total:.1%}", 2, profile.ratio),  # type: ignore[operator]
        ("selected for a visit", f"{selected.count / selected.total:.1%}", 1, selected.ratio),  # type: ignore[operator]
        ("selected for a visit, risk category held equal (Mantel-Haenszel)", "", 1, given.ratio),
    ]
    for name, share, digits, ratio in rows:
        shown = f"| {name} | {share} | {ratio.value:.{digits}f} | {ratio.low:.2f} – {ratio.high:.2f} |"
        assert shown.replace("|  |", "| |") in page
