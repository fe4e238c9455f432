"""The figure of docs/speed.md is the one of its table, and can be drawn of any table that the benchmark writes."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from benchmarks.country import BEGIN, DRAWN, END, PAGE, RUNNERS, figure_of, write


def measured(partners: int, rows: int, runner: str) -> dict[str, object]:
    records = partners * rows
    seconds = {
        "group_by": records * 4e-8,
        "total": records * 1e-7,
        "arrival": records * 4e-8,
        "match": records * 5e-8,
    }
    cpu = {"group_by_cpu": records * 8e-8, "cpu": records * 2e-7}
    memory = {"peak_mib": 900, "spilled": 0}
    return {"code": "abc", "partners": partners, "rows": rows, "runner": runner, **seconds, **cpu, **memory}


def test_the_figure_beside_the_page_is_of_its_table() -> None:
    figure = figure_of(PAGE.read_text(encoding="utf-8"))
    assert (DRAWN.read_text(encoding="utf-8") if DRAWN.exists() else None) == figure


def test_a_page_is_written_with_a_table_and_its_figure(tmp_path: Path) -> None:
    page, drawn = tmp_path / "page.md", tmp_path / "drawn.svg"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    rows = [measured(p, n, r) for p in (1, 8) for n in (1_000_000, 17_800_000) for r in RUNNERS]
    for _ in range(2):
        write(rows, page, drawn)
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\n![")
    assert text.endswith(f"{END}\nafter\n")
    assert "| 8 | 17,800,000 | threads | 5.70 | 5.70 | 8.54 | 2.5 | 1.5 | 1.2 | 2.5 | 900 | 0 |" in text
    assert sum(line.startswith("| ") for line in text.splitlines()) == 2 + len(rows)
    assert figure_of(text) == drawn.read_text()
    points = ElementTree.fromstring(drawn.read_text()).findall(".//{*}circle")
    assert len(points) == 2 * 4, "each size of the runner threads, in both panels"
