"""What the threat model says of a coalition or of an attack is shown by a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "threat-model.md").read_text()
NAMED = re.compile(r"`(test_\w+?)(?:\.py)?`")


def table(start: str) -> list[list[str]]:
    """The cells of the rows under the table that has this head."""
    lines = PAGE[PAGE.index(start) :].splitlines()[2:]
    rows = [line for line in lines[: lines.index("")] if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_every_test_that_the_page_names_exists() -> None:
    files = list((ROOT / "tests").rglob("test_*.py"))
    there = {one.stem for one in files}
    for file in files:
        there.update(re.findall(r"^\s*(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE))
    assert sorted(set(NAMED.findall(PAGE)) - there) == []


def test_what_stays_possible_is_said_first_and_every_cell_of_a_coalition_names_its_test() -> None:
    head = "| who works together | scheme 1 (`v1`) | scheme 2 (`v2`) |"
    assert 0 < PAGE.index("**What stays possible under scheme 2.**") < PAGE.index(head)
    rows = table(head)
    assert len(rows) >= 6
    assert [who for who, *cells in rows if not all(map(NAMED.search, cells))] == []


def test_every_way_to_cheat_names_its_test() -> None:
    rows = table("| it | what happens | shown by |")
    assert len(rows) >= 13
    assert [what for what, _, by in rows if not NAMED.search(by)] == []
