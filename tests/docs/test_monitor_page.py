"""The tables that docs/monitor.md shows can be read, and give what a reader expects."""

from __future__ import annotations

import re
from pathlib import Path

from lsi_match.monitor.analyse import analyse
from lsi_match.monitor.counts_file import read_counts

PAGE = Path(__file__).parents[2] / "docs" / "monitor.md"


def shown(language: str, beginning: str) -> str:
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return next(block for block in blocks if block.startswith(beginning))


def test_the_csv_of_the_page_is_read(tmp_path: Path) -> None:
    file = tmp_path / "telling.csv"
    file.write_text(shown("text", "leeftijd;"), encoding="utf-8")
    table = read_counts(file)
    assert [stage.id for stage in table.stages] == ["register", "selectie", "casus"]
    assert table.stages[2].counts["oud"] is None


def test_the_yaml_of_the_page_is_read_and_alerts(tmp_path: Path) -> None:
    file = tmp_path / "telling.yaml"
    file.write_text(shown("yaml", "title:"), encoding="utf-8")
    found = analyse(read_counts(file))
    assert [(f.stage, f.group) for f in found.findings if found.alert] == [("gekozen", "elders")]
    assert [outcome.group for outcome in found.outcomes] == ["elders"]
