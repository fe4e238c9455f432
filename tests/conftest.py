"""What holds for every test. It imports nothing of the program: a test of one module starts as fast as that module."""

from __future__ import annotations

import gc
import os
import sqlite3
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from operation import Operation

# How long a machine takes is measured by `make bench`, and fails no test.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


class _NotWaiting(sqlite3.Connection):
    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        return super().execute("PRAGMA synchronous = OFF" if "PRAGMA synchronous" in sql else sql, *values)


# What a process wrote outlives it; only a machine that stops needs the wait for the disk, and none does here.
os.fsync = lambda fd: None
sqlite3.connect = partial(sqlite3.connect, factory=_NotWaiting)

# What somebody set for its own work ('lsi-match use') is nothing to tests, nor the other way round.
os.environ["XDG_CONFIG_HOME"] = "/nonexistent/config"

#: The files of tests that take longest, which begin first, so that processes side by side end together.
LONGEST = (
    "service/test_service.py",
    "month/test_month.py",
    "partner/test_every_writing.py",
    "chain/test_cases.py",
    "docs/test_docs.py",
    "chain/test_gates_of_the_flow.py",
    "chain/test_runners.py",
    "faults/test_partner_kills.py",
    "faults/test_kills.py",
    "chain/test_hold.py",
    "chain/test_small_worlds.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    rank = {here / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


def pytest_collection_finish() -> None:
    """What is there for all tests stays, and is not looked through again and again for what can go.

    Nothing is withheld by lot (`protocol.withhold.drawn`) but where a test is about that: keys are new in each test.
    """
    gc.freeze()
    if module := sys.modules.get("lsi_match.protocol.withhold"):
        module.ONE_IN = 2**64  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _dutch() -> None:
    """Each test starts in the language of the program and writes for people, whatever the one before it did."""
    if console := sys.modules.get("lsi_match.cli.console"):
        console.set_language("nl")
        console.set_json(False)


@pytest.fixture(scope="session")
def _weekly(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    from operation import weekly

    made = weekly(tmp_path_factory.mktemp("weekly"))
    made.reconcile()
    return made


@pytest.fixture
def operation(_weekly: Operation, tmp_path: Path) -> Operation:
    """A weekly project whose first round is open, to be changed at will."""
    return _weekly.copy(tmp_path / "operation")
