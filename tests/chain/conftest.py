"""One small town, agreed and delivered once; every test gets a copy of its own to break."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from lsi_match.base.clock import utc_now
from lsi_match.demo import town
from lsi_match.demo.oracle import expected_cases
from lsi_match.demo.world import Case, World, configs_folder
from lsi_match.matcher.round.run import Run

ROUND = "r1"
STEPS = ("gates", "intake", "match", "count", "release", "destroy")
#: Large enough for cases in both projects, small enough to copy.
PEOPLE = 12_000


def build(folder: Path, config: str, extracts: Path, round_id: str = ROUND) -> World:
    """A world whose project is agreed, whose round is open and whose partners have all delivered."""
    world = World(folder, configs_folder() / config, extracts, utc_now)
    world.draft["project"]["period"] = {"first": "2020-01-01", "last": "2099-12-31"}
    world.draft["schedule"]["reference_date"] = {"first": "2026-10-01", "last": "2026-12-31"}
    # What the monitor holds is shown in test_hold; here a difference between groups holds nothing.
    world.draft["monitor"]["tolerance"] = 10
    world.make_keys()
    manifest = world.complete(world.make_project_key())
    world.agree(manifest, world.approve(manifest))
    deliver(world, round_id)
    return world


def deliver(world: World, round_id: str) -> bytes:
    """Open a round and have every partner deliver; the opening."""
    opening = world.open_round(round_id, town.REFERENCE_DATE.isoformat())
    for partner in world.partners:
        world.prepare(partner, opening)
    return opening


def run_steps(world: World, round_id: str = ROUND, steps: tuple[str, ...] = STEPS) -> None:
    """The steps of a run in this process, without Prefect."""
    run = Run(world.project, round_id, utc_now)
    try:
        for step in steps:
            getattr(run, step)()
    finally:
        run.close()


@dataclass(frozen=True)
class Town:
    extracts: Path
    worlds: dict[str, World]
    expected: dict[str, set[Case]]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """The town, both projects delivered, and the cases worked out from the plain extracts."""
    place = tmp_path_factory.mktemp("town")
    extracts = place / "extracts"
    town.generate(extracts, people=PEOPLE, seed=3)
    worlds = {config: build(place / config, config, extracts) for config in ("samenloop", "wijk")}
    expected = {config: expected_cases(config, extracts) for config in worlds}
    assert all(expected.values()), "the town is too small to prove anything"
    return Town(extracts, worlds, expected)


def copy_of(world: World, place: Path) -> World:
    """A copy of a world and its extracts, to be changed at will."""
    shutil.copytree(world.folder, place / "world")
    shutil.copytree(world.extracts, place / "extracts")
    return World(place / "world", world.config, place / "extracts", world.clock)


@pytest.fixture
def world(made: Town, tmp_path: Path) -> World:
    """A copy of the theme project, delivered and not yet run."""
    return copy_of(made.worlds["samenloop"], tmp_path)


@pytest.fixture
def expected(made: Town) -> set[Case]:
    """The cases that the theme project must give."""
    return made.expected["samenloop"]
