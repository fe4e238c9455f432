"""What holds for every test."""

from __future__ import annotations

import pytest
from hypothesis import settings

from lsi_match.cli import console

# How long a machine takes is measured by `make bench`, and fails no test.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _dutch() -> None:
    """Each test starts in the language of the program, whatever the one before it spoke."""
    console.set_language("nl")
