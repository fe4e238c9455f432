"""Texts for people that stand in a file of their own, so that who is no programmer can correct a sentence."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any


@cache
def catalogue(file: Path) -> dict[str, Any]:
    """The texts in a TOML file of this package, by key."""
    return tomllib.loads(file.read_text(encoding="utf-8"))
