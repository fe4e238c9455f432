"""Whatever process is killed, and wherever: the looks that follow bring it to the same end."""

from __future__ import annotations

from typing import Any

import pytest
from site_process import Kill

from .conftest import Weekly

pytestmark = pytest.mark.slow

#: A few points in `make test`; every one of them in `make soak`.
POINTS = [
    ("open", "look", (9, 17, 24)),
    ("run", "look", (14, 23, 40, 95)),
    ("run", "run", (5, 60, 125, 170)),
    ("run", "machine", (60,)),
    ("expire", "look", (6, 21)),
]


def killed(project: Weekly, phase: str, kill: Kill) -> bool:
    """Kill in the look of a phase; whether it came to that point."""
    project.put_back(phase)
    seen = project.look(kill=kill)
    return "killed" in seen or any(d["outcome"] == "broken" for p in seen["projects"] for d in p["done"])


@pytest.mark.parametrize(("phase", "who", "points"), POINTS)
def test_a_process_that_is_killed_changes_nothing_of_the_end(
    project: Weekly, phase: str, who: Any, points: tuple[int, ...]
) -> None:
    expected, _ = project.unharmed(phase)
    assert expected["twice"] == []
    for point in points:
        assert killed(project, phase, Kill(who, point)), "it was killed"
        assert project.end() == expected, (phase, who, point)


@pytest.mark.soak
@pytest.mark.parametrize(
    ("phase", "who"), [("open", "look"), ("run", "look"), ("run", "run"), ("expire", "look")]
)
def test_killed_at_every_point(project: Weekly, phase: str, who: Any) -> None:
    expected, point, wrong = project.unharmed(phase)[0], 1, {}
    while killed(project, phase, Kill(who, point)):
        found = project.end()
        if found != expected:
            wrong[point] = {name: found[name] for name in found if found[name] != expected[name]}
        point += 1
    print(f"{phase} {who}: killed at {point - 1} points")
    assert wrong == {}
    assert point > 10


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1, 200, 13))
def test_killed_again_while_it_makes_good(project: Weekly, first: int) -> None:
    expected, _ = project.unharmed("run")
    for second in (3, 11, 29, 60):
        killed(project, "run", Kill("look", first))
        for again in range(3):
            project.look(kill=Kill("machine" if again % 2 else "run", second))
        assert project.end() == expected, (first, second)
