"""What holds for every test."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from operation import Operation, weekly

from lsi_match.cli import console

# How long a machine takes is measured by `make bench`, and fails no test.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _dutch() -> None:
    """Each test starts in the language of the program, whatever the one before it spoke."""
    console.set_language("nl")


@pytest.fixture(scope="session")
def _weekly(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    made = weekly(tmp_path_factory.mktemp("weekly"))
    made.watch()
    return made


@pytest.fixture
def operation(_weekly: Operation, tmp_path: Path) -> Operation:
    """A weekly project whose first round is open, to be changed at will."""
    return _weekly.copy(tmp_path / "operation")
