"""A command loads only what it needs: a machine of a party that does not match need not have the engine."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: What a partner or the matching environment works with.
ENGINES = {
    "duckdb",
    "polars",
    "polars_hash",
    "pyarrow",
    "numpy",
    "scipy",
    "prefect",
    "fsspec",
    "prometheus_client",
}
#: What only manifests and signatures need.
DOCUMENTS = {"pydantic", "sqlglot", "securesystemslib", "ruamel", "cryptography"}


def loaded(code: str) -> set[str]:
    """The top-level packages that a new process has loaded after `code`."""
    tell = "import sys; print('\\n' + ' '.join({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{tell}"], capture_output=True, text=True, check=True, timeout=120
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["log"]], ids=" ".join)
def test_help_loads_no_engine(arguments: list[str]) -> None:
    found = loaded(f"from lsi_match.cli.main import run; run({arguments})")
    assert not found & ENGINES
    assert arguments == ["log"] or not found & DOCUMENTS


def test_what_stands_is_told_without_the_engine() -> None:
    """Of a site, and everything that status, health and the alarms read."""
    found = loaded(
        "import lsi_match.matcher.operate.health, lsi_match.matcher.operate.alarms, lsi_match.cli.match"
    )
    assert not found & ENGINES


@pytest.mark.parametrize(
    "room",
    [
        "agreement",
        "base",
        "criteria",
        "crypto",
        "library.manifests",
        "log",
        "manifest",
        "protocol",
        "reports",
    ],
)
def test_a_room_of_everybody_loads_no_engine(room: str) -> None:
    """None but what its arrays need: numbers of the monitor, columns of a drop."""
    arrays = {
        "crypto.pseudonyms",
        "protocol.tables",
    }
    code = f"""
import importlib, pkgutil, lsi_match.{room} as room
for one in pkgutil.walk_packages(getattr(room, "__path__", []), room.__name__ + "."):
    if one.name.removeprefix("lsi_match.") not in {arrays}:
        importlib.import_module(one.name)
"""
    assert not loaded(code) & (ENGINES - {"numpy", "scipy"})
