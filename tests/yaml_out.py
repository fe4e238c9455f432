"""Write plain values as YAML, for tests that need files as people write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML


def write(file: Path, value: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8") as sink:
        YAML(typ="safe").dump(value, sink)
