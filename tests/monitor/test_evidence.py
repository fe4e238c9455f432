"""Evidence over rounds: it adds up, it holds whenever one looks, and a year of rounds shows what is there."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.evidence import year
from lsi_match.cli.main import run
from lsi_match.monitor.analyse import analyse
from lsi_match.monitor.evidence import adjusted, evidence, likelihoods, rounds_until_seen, sequence, trend
from lsi_match.monitor.findings import Verdict
from lsi_match.monitor.table import CountsTable

GROUP = {"id": "group", "label": "Groep", "groups": {"A": "groep A", "B": "groep B"}}


def week(number: int, chosen: dict[str, int | None], **changes: Any) -> CountsTable:
    stages = [
        {"id": "all", "label": "allen", "kind": "reference", "counts": {"A": 10_000, "B": 90_000}},
        {"id": "chosen", "label": "gekozen", "kind": "selection", "against": ["all"], "counts": chosen} | changes,
    ]  # fmt: skip
    return CountsTable.model_validate(
        {"title": f"week {number}", "dimensions": [GROUP], "stages": stages, "looks": 52}
    )


def test_what_no_round_shows_the_rounds_together_do() -> None:
    weeks = [week(n, {"A": 9, "B": 41}) for n in range(1, 31)]
    assert {f.verdict for one in weeks for f in analyse(one).findings} == {Verdict.TOO_LITTLE}
    found = trend(weeks)
    line = found.alerts[0]
    assert (line.group, line.whole) == ("A", True)
    assert line.so_far[-1].value == pytest.approx((9 / 41) / (1 / 9), rel=1e-3)
    assert line.alert is not None
    assert line.shown is not None
    assert line.shown < line.alert < 20
    assert line.so_far[-1].low > 1.25  # type: ignore[operator]
    assert [one.group for one in found.alerts] == ["A"]


def test_where_the_step_is_good_for_people_less_often_alerts() -> None:
    found = trend([week(n, {"A": 9, "B": 41}, direction="benefit") for n in range(30)])
    assert [line.group for line in found.alerts] == ["B"]


def test_a_count_that_is_withheld_speaks_for_nobody() -> None:
    hidden = trend([week(n, {"A": None, "B": 41}) for n in range(30)])
    assert not any(line.group == "A" for line in hidden.alerts)
    assert {line.so_far[-1].high for line in hidden.lines if line.group == "A"} == {None}


def test_the_group_that_others_are_compared_with_alerts_where_it_is_worse_off_than_each() -> None:
    """Beside the one that it is least worse off than; and not where one of them is as badly off."""
    three = {
        "id": "group", "label": "Groep", "groups": {name: name for name in ("A", "B", "C")}, "baseline": "A",
    }  # fmt: skip

    def weeks(**chosen: int | None) -> list[CountsTable]:
        made = []
        for n in range(30):
            one = week(n, {"A": 1}).model_dump(mode="json") | {"dimensions": [three]}
            one["stages"][0]["counts"] = {"A": 20_000, "B": 40_000, "C": 40_000}
            one["stages"][1]["counts"] = chosen
            made.append(CountsTable.model_validate(one))
        return made

    found = trend(weeks(A=30, B=20, C=15))
    assert [(line.group, line.others) for line in found.alerts] == [("A", "B")]
    assert found.alerts[0].so_far[-1].value == pytest.approx(3.0)
    both = trend(weeks(A=30, B=60, C=15))
    assert [line.group for line in both.alerts] == []
    assert [line.group for line in trend(weeks(A=30, B=20, C=None)).alerts] == []


def test_an_e_value_is_at_most_one_in_the_mean_whatever_the_ratio_that_is_true() -> None:
    rng = np.random.default_rng(1)
    for ratio in (1.25, 1.0, 0.5):
        chance = ratio * 0.1 / (ratio * 0.1 + 0.9)
        counts = rng.binomial(40, chance, (4000, 5)).astype(float)
        logs = evidence(likelihoods(counts, 40 - counts, np.full(5, 0.1), 161), 1.25, True)
        assert np.exp(logs[:, -1]).mean() <= 1.1
        # Ville: over all rounds together, not only at the last.
        assert (logs.max(axis=1) >= np.log(20)).mean() <= 0.05


@pytest.mark.parametrize("ratio", [0.6, 1.0, 2.5])
def test_the_true_ratio_stays_in_the_sequence_at_every_round(ratio: float) -> None:
    rng = np.random.default_rng(2)
    chance = ratio * 0.2 / (ratio * 0.2 + 0.8)
    missed = 0
    for _ in range(300):
        counts = rng.binomial(60, chance, 40).astype(float)
        low, high = sequence(likelihoods(counts, 60 - counts, np.full(40, 0.2), 301), 0.05)
        missed += bool(((low > ratio) | (high < ratio)).any())
    assert missed / 300 <= 0.05


def test_closed_testing_takes_the_smallest_mean_of_any_set() -> None:
    rng = np.random.default_rng(3)
    logs = rng.normal(0, 3, 6)
    values = np.exp(logs)
    for at, found in enumerate(np.exp(adjusted(logs))):
        sets = [s for size in range(1, 7) for s in combinations(range(6), size) if at in s]
        assert found == pytest.approx(min(values[list(s)].mean() for s in sets))


def test_a_year_of_rounds() -> None:
    """Few years here; `make bench` takes many."""
    assert year(50, 1.0, 20).false == 0
    assert year(50, 1.25, 20).false <= 0.1
    assert year(50, 2.0, 20).found == 1
    assert year(200, 1.5, 10).found == 1


def test_it_is_known_beforehand_what_would_be_seen_and_by_when() -> None:
    asked = {"tolerance": 1.25, "confidence": 0.95, "rounds": 52}
    double = rounds_until_seen(2.0, 0.1, 50, 10, **asked)
    assert double is not None
    assert 5 <= double <= 30
    assert rounds_until_seen(1.3, 0.1, 50, 10, **asked) is None
    assert rounds_until_seen(2.0, 0.1, 500, 10, **asked) < double  # type: ignore[operator]


def test_the_command_adds_rounds_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = []
    for n in range(1, 21):
        files.append(str(tmp_path / f"week{n:02}.csv"))
        Path(files[-1]).write_text("groep;allen;gekozen\nA;10000;9\nB;90000;41\n", encoding="utf-8")
    to = tmp_path / "verloop.md"
    assert run(["monitor", "trend", *files, "--to", str(to), "--fail-on-alert"]) == 1
    page = to.read_text(encoding="utf-8").replace("\\", "")
    assert "Waarschuwing: over de rondes samen" in page
    assert "A komt 1,98 keer zo vaak van “allen” naar “gekozen”" in page
    assert "sinds ronde" in page
    assert run(["monitor", "trend", files[0], "--fail-on-alert"]) == 0
    assert "niet uitgesloten" in capsys.readouterr().out
    assert run(["monitor", "trend"]) == 2
