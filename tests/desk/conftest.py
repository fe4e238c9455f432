"""What the tests of the desk share."""

from __future__ import annotations

from pathlib import Path

import pytest
from desks import use
from operation import Operation


@pytest.fixture
def op(made: Operation, tmp_path: Path) -> Operation:
    """A copy of what the module made, to be changed at will, with the desk's own settings."""
    copied = made.copy(tmp_path / "copy")
    use(copied)
    return copied
