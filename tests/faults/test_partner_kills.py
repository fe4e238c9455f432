"""A partner's process killed while it delivers, fetches or opens: given again it brings one drop and opens one release."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from operation import MONDAY, PARTNERS, ROUND
from site_process import Kill

from .conftest import Weekly

pytestmark = pytest.mark.slow

MINUTES = timedelta(minutes=20)


def opened(project: Weekly) -> None:
    """The round is open, and nobody but uwv delivered nothing."""
    project.put_back("open")
    project.look()
    project.operation.clock.to(MONDAY + timedelta(hours=1))
    for name in PARTNERS[:2]:
        project.operation.deliver(name, ROUND)


def finish(project: Weekly) -> dict[str, Any]:
    """uwv delivers again until it has its receipt; the site runs the round, and uwv opens its release."""
    operation = project.operation
    for _ in range(2):
        operation.deliver_all("uwv")
        assert not any(one["troubles"] for one in project.look(MINUTES)["projects"])
    cases = operation.cases("uwv", ROUND)
    left = sorted(one.name for one in (operation.folder / "delivering" / "uwv" / "out").glob("*"))
    drops = [
        e for e in operation.project.entries()
        if e.name == "arrive" and e.status == "Ok" and e.attributes["lsi.partner"] == "uwv"
    ]  # fmt: skip
    return {
        "cases": cases,
        "left": left,
        "drops": len({str(e.attributes["lsi.drop"]) for e in drops}),
        "state": operation.state(ROUND),
    }


def unharmed(project: Weekly) -> tuple[dict[str, Any], int]:
    """The end that a delivery comes to, and how many effects it has."""
    opened(project)
    effects = project.process.partner(project.operation, "deliver_all", "uwv")["effects"]
    expected = finish(project)
    assert expected == {"cases": expected["cases"], "left": [], "drops": 1, "state": "destroyed"}
    assert expected["cases"]
    return expected, effects


def killed(project: Weekly, point: int) -> dict[str, Any]:
    """The end after a kill at this point of a delivery."""
    opened(project)
    said = project.process.partner(project.operation, "deliver_all", "uwv", kill=Kill("partner", point))
    assert said == {"killed": True}
    seen = project.look()["projects"]
    assert not any(one["troubles"] for one in seen), "what is half there is left alone"
    return finish(project)


def test_killed_while_it_delivers(project: Weekly) -> None:
    expected, effects = unharmed(project)
    assert effects > 31
    for point in (2, 9, 16, 24, 31):
        assert killed(project, point) == expected, point


@pytest.mark.soak
def test_killed_at_every_point_of_a_delivery(project: Weekly) -> None:
    expected, effects = unharmed(project)
    for point in range(1, effects):
        assert killed(project, point) == expected, point


def fetched_and_opened(project: Weekly, kill: Kill | None = None) -> dict[str, Any]:
    project.put_back("expire")
    project.operation.clock.to(MONDAY + timedelta(hours=2))
    return project.process.partner(project.operation, "cases", "uwv", ROUND, kill=kill)


def opened_again(project: Weekly, points: range) -> dict[int, Any]:
    """How many cases are read after a kill at each of these points while a release was fetched and opened."""
    found = {}
    for point in points:
        assert fetched_and_opened(project, Kill("partner", point)) == {"killed": True}, point
        found[point] = project.process.partner(project.operation, "cases", "uwv", ROUND)["done"]
    return found


def test_killed_while_it_fetches_and_opens(project: Weekly) -> None:
    unharmed = fetched_and_opened(project)
    points = range(3, unharmed["effects"], 7)
    assert len(points) > 5
    assert opened_again(project, points) == dict.fromkeys(points, 4)


@pytest.mark.soak
def test_killed_at_every_point_while_it_fetches_and_opens(project: Weekly) -> None:
    unharmed = fetched_and_opened(project)
    points = range(1, unharmed["effects"] + 1)
    assert opened_again(project, points) == dict.fromkeys(points, 4)
    after = fetched_and_opened(project, Kill("partner", unharmed["effects"] + 1))
    assert after == unharmed
