"""Other tools beside ours on this machine: tokens per second over one made-up register, and how well two registers are linked.

The others are installed for this only, in `benchmarks/.peers`. Each gets the fields that it can use, and all
processors; every token that it makes counts (spindle-token: five of names, gender and birth date; clkhash: one Bloom
filter a record; ours: one per person key that the record has the parts for). Each makes its tokens twice and the second
time counts, so that starting up does not; reading the register does not count either.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.linkage import SAME
from benchmarks.people import Registers, make_population
from lsi_match.crypto.project_key import ProjectKey
from lsi_match.manifest.person_keys import PERSON_KEYS
from lsi_match.partner.normalise import person_keys

HERE = Path(__file__).parent
VENV = HERE / ".peers"
#: What is installed, and the script that runs it. clkhash asks for pkg_resources, which later setuptools lack.
PEERS = {
    "spindle-token": (("spindle-token==2.4.2", "pyspark==4.1.4"), "spindle_tokens.py"),
    "clkhash": (("clkhash==0.17.0", "setuptools<81"), "clkhash_tokens.py"),
}
#: The same of tools that link, and the threshold that they are given. Splink sees the plain text; anonlink Bloom filters.
LINKERS = {
    "splink": (("splink==5.0.0", "pandas"), "splink_links.py", "0.95"),
    "anonlink": (("clkhash==0.18.3", "anonlink==0.15.3", "setuptools<81"), "anonlink_links.py", "0.8"),
}


def tokens_per_second(place: Path, people: int) -> dict[str, float]:
    """Name → tokens per second over a register of `people`; a tool that cannot be installed or run is left out, with
    a line that says so."""
    population = make_population(people, np.random.default_rng(11))
    register = population.select(
        pl.col("given_name", "surname"),
        pl.when(pl.col("woman")).then(pl.lit("F")).otherwise(pl.lit("M")).alias("gender"),
        pl.col("birth_date").str.to_date("%Y%m%d", strict=False).cast(pl.String),
        pl.col("postcode", "house_number", "street", "place"),
    ).drop_nulls("birth_date")
    file = place / "register.csv"
    register.write_csv(file)
    found = {"lsi-match": _ours(register)}
    for name, (packages, script) in PEERS.items():
        try:
            said = _said(name, packages, script, file)
            found[name] = float(said["tokens"]) / float(said["seconds"])
        except (OSError, subprocess.SubprocessError) as error:
            _left_out(name, error)
    return found


def links(place: Path, registers: Registers) -> dict[str, tuple[float, float]]:
    """Name → precision and recall over these two registers; what cannot be installed or run is left out, and said."""
    files = []
    for name, register in (("left", registers.left), ("right", registers.right)):
        files.append(place / f"{name}.csv")
        register.write_csv(files[-1])
    there = len(registers.left.join(registers.right, on="person", how="semi"))
    found = {}
    for name, (packages, script, threshold) in LINKERS.items():
        try:
            pairs = np.array(_said(name, packages, script, *files, threshold)["pairs"]).reshape(-1, 2)
        except (OSError, subprocess.SubprocessError) as error:
            _left_out(name, error)
            continue
        right = int((pairs[:, 0] == pairs[:, 1]).sum())
        found[name] = (right / max(1, len(pairs)), right / there)
    return found


def _ours(register: pl.DataFrame) -> float:
    """Reading names, dates and addresses as they are written, making every person key, and a pseudonym of each."""
    key = ProjectKey.make("bench", 1)
    fields = register.drop("gender")

    def tokens() -> int:
        keys = person_keys(fields, SAME, list(PERSON_KEYS))
        made = [key.pseudonyms(keys.get_column(name), "bench", name) for name in keys.columns]
        return sum(int(blocks.valid.sum()) for blocks in made)

    tokens()
    start = time.perf_counter()
    made = tokens()
    return made / (time.perf_counter() - start)


def _left_out(name: str, error: Exception) -> None:
    output = getattr(error, "stderr", None) or str(error)
    print(f"{name} is left out: {output.strip().splitlines()[-1]}", file=sys.stderr)


def _said(name: str, packages: tuple[str, ...], script: str, *arguments: str | Path) -> dict[str, Any]:
    """What the script of a tool prints, in an environment of its own."""
    python = VENV / name / "bin" / "python"
    if not python.exists():
        _run(sys.executable, "-m", "venv", VENV / name)
    _run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages)
    said: dict[str, Any] = json.loads(_run(python, HERE / script, *arguments).splitlines()[-1])
    return said


def _run(*command: str | Path) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(part) for part in command], check=True, capture_output=True, text=True, env=clean
    )
    return done.stdout
