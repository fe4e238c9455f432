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
