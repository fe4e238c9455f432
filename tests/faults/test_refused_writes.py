"""A disk that refuses one write, or every write from some moment on, wherever that is: it is told in words, nothing is lost or
half there, and once the disk takes writes again the next looks come to the same end."""

from __future__ import annotations

import re
from typing import Any, Literal

import pytest
from site_process import Kill

from .conftest import Weekly

pytestmark = pytest.mark.slow

#: What a look may say of a disk that is full, over its quota, or fails.
TOLD = {
    "ENOSPC": {"DiskFullError", "No space left on device"},
    "EDQUOT": {"DiskFullError", "Disk quota exceeded"},
    "EIO": {"UnexpectedError", "LogNotWrittenError", "PlaceUnreachableError", "FileUnreadableError", "Input/output error"},
}  # fmt: skip
EVERYWHERE: list[tuple[str, Literal["look", "run"]]] = [
    ("open", "look"), ("run", "look"), ("run", "run"), ("expire", "look"),
]  # fmt: skip


#: In so many tests, each of some minutes.
SHARES = 4


def told(seen: dict[str, Any]) -> set[str]:
    """Every reason that a look gave."""
    found: set[str] = set()
    for one in seen["projects"]:
        found |= {trouble["reason"] for trouble in one["troubles"]} | {r["reason"] for r in one["refused"]}
        found |= {failed["problem"] for failed in one["not_destroyed"]}
    return found


def refused(project: Weekly, phase: str, kill: Kill) -> set[str]:
    """What a look says while its disk refuses; it ended by itself, and said so where it could not do all."""
    project.put_back(phase)
    seen = project.look(kill=kill)
    assert "projects" in seen, (phase, kill, "ended without a word")
    return told(seen)


def harmed(project: Weekly, phase: str, kill: Kill, expected: dict[str, Any]) -> list[str]:
    """What is wrong after the disk refused there."""
    assert kill.error is not None
    said = refused(project, phase, kill)
    wrong = [f"{kill}: said {one}" for one in sorted(said - TOLD[kill.error])]
    try:
        found = project.end()
    except AssertionError as error:
        return [*wrong, f"{kill}: {str(error)[:300]}"]
    found, expected = whenever(found), whenever(expected)
    return wrong + [f"{kill}: {name}: {found[name]}" for name in found if found[name] != expected[name]]


def whenever(end: dict[str, Any]) -> dict[str, Any]:
    """The end, whether the second drop of a partner came while its round was there or, after a write that was refused, when the
    round was over: it is refused and told either way, and set aside under the round or under none."""
    lying = [
        re.sub(r"/[^/]+/reason", "/reason", name)
        for name in end["lying"]
        if not name.startswith("quarantine/") or name.endswith("/reason.json")
    ]
    places = {
        side: sorted(re.sub(r"\.[^.]+\.\*\.refused\.", ".refused.", name) for name in names)
        for side, names in end["places"].items()
    }
    return end | {"lying": sorted(lying), "places": places}


def unharmed(project: Weekly, phase: str, who: str) -> tuple[dict[str, Any], int]:
    """The end that a phase comes to, and how many writes a look or its runs make in it."""
    expected, seen = project.unharmed(phase)
    return expected, seen["effects" if who == "look" else "effects of runs"]


@pytest.mark.parametrize(("phase", "who"), EVERYWHERE)
def test_a_write_that_is_refused_changes_nothing_of_the_end(
    project: Weekly, phase: str, who: Literal["look", "run"]
) -> None:
    """Three writes of each phase. Each error is tried once, and from a moment on, in one phase or another."""
    expected, number = unharmed(project, phase, who)
    assert number > 10
    for place, error in enumerate(TOLD):
        lasts = (place + EVERYWHERE.index((phase, who))) % 2 == 0
        kill = Kill(who, 1 + place * (number // 3), error, lasts)
        assert harmed(project, phase, kill, expected) == []


@pytest.mark.soak
@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize(("error", "lasts"), [("ENOSPC", True), ("EDQUOT", False), ("EIO", False)])
@pytest.mark.parametrize(("phase", "who"), EVERYWHERE)
def test_refused_at_every_write(
    project: Weekly, phase: str, who: Literal["look", "run"], error: str, lasts: bool, share: int
) -> None:
    expected, number = unharmed(project, phase, who)
    wrong, every = [], range(1 + share, number + 1, SHARES)
    for at in every:
        wrong += harmed(project, phase, Kill(who, at, error, lasts), expected)
    print(f"\n{phase} {who}: {error} at {len(every)} of {number} writes")
    assert wrong == []
