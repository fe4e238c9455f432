"""`make quick` runs the tests that a change touches, and leaves those that it does not."""

from __future__ import annotations

import grimp
import pytest

from tests.quick import graph, selected


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return graph()


@pytest.mark.parametrize(
    ("changed", "run", "left"),
    [
        ("src/lsi_match/agreement/gates.py", "agreement/test_gates.py", "monitor/test_intervals.py"),
        ("src/lsi_match/monitor/intervals.py", "monitor/test_intervals.py", "agreement/test_gates.py"),
        # Only `round/counts_table.py` of the matcher stands between.
        ("src/lsi_match/protocol/withhold.py", "matcher/test_nothing_follows.py", "criteria/test_parse.py"),
        ("flows/match.py", "chain/test_runners.py", "criteria/test_parse.py"),
        ("src/lsi_match/__init__.py", "library/test_library.py", "criteria/test_parse.py"),
        ("tests/parties.py", "agreement/test_gates.py", "criteria/test_parse.py"),
        ("tests/homes.py", "partner/test_prepare.py", "agreement/test_gates.py"),
        ("tests/log/test_note.py", "log/test_note.py", "log/test_merkle.py"),
        ("docs/log.md", "docs", "log/test_note.py"),
    ],
)
def test_a_change_runs_the_tests_of_its_room_and_of_those_that_import_it(
    imports: grimp.ImportGraph, changed: str, run: str, left: str
) -> None:
    chosen = selected([changed], imports)
    assert f"tests/{run}" in chosen
    assert f"tests/{left}" not in chosen


def test_what_no_test_of_a_room_is_about_runs_nothing(imports: grimp.ImportGraph) -> None:
    assert selected(["README.md", "src/lsi_match/gone.py", "tests/gone.py"], imports) == []
