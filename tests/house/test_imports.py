"""Rooms that need no engine import none, so that their tests, and a party that only reads, start in a moment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "lsi_match"
ENGINES = {"duckdb", "polars", "polars_hash", "prefect", "pyarrow", "numpy", "scipy", "rich", "lsi_match.partner", "lsi_match.matcher"}  # fmt: skip
#: What a module is about it may import.
NEEDED = {
    "lsi_match.protocol.tables": {"numpy", "pyarrow"},
    "lsi_match.protocol.integer_program": {"numpy", "scipy"},
    "lsi_match.cli.schemas": {"duckdb", "numpy", "scipy"},
}
OF_ROOM = {"monitor": {"numpy", "scipy"}, "cli": {"rich", "lsi_match.partner", "lsi_match.matcher"}}

#: Each module of a room is loaded in turn, those that may have an engine last; it is told with the engines that came with it.
LOADED = """
import importlib, sys
names, engines = sys.argv[1].split(), sys.argv[2].split()
for name in names:
    before = set(sys.modules)
    importlib.import_module(name)
    print(name, *(engine for engine in engines if engine in sys.modules.keys() - before))
"""


@pytest.mark.parametrize("room", ["criteria", "manifest", "protocol", "agreement", "log", "monitor", "cli"])
def test_a_room_imports_no_engine(room: str) -> None:
    names = [f"lsi_match.{room}.{file.stem}" for file in (SOURCE / room).glob("[a-z]*.py")]
    assert names
    names.sort(key=NEEDED.keys().__contains__)
    done = subprocess.run(
        [sys.executable, "-c", LOADED, " ".join(names), " ".join(ENGINES)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = {name: set(engines) for name, *engines in map(str.split, done.stdout.splitlines())}
    assert found.keys() == set(names)
    allowed = OF_ROOM.get(room, set())
    too_many = {name: found[name] - allowed - NEEDED.get(name, set()) for name in found}
    assert {name: engines for name, engines in too_many.items() if engines} == {}
