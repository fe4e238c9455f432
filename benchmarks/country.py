"""`python -m benchmarks.country`: whole rounds at the size of the country, each in a process of its own.

A world of `partners` × `rows` sealed records, nearly all of the same people at every partner, is prepared once and then
run: gates → intake (open, check) → match (open, re-key, match) → count → release → destroy. Beside it, in another
process, a bare DuckDB `GROUP BY` over as many keys, in memory, without a limit: what no matching can do without.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from benchmarks.figure import growth
from lsi_match.demo.world import World
from lsi_match.matcher.run import Run
from lsi_match.matcher.site import utc_now
from lsi_match.measure import measured
from lsi_match.sql import locked_connection

OUT = Path(__file__).parent / "out" / "country.json"
FIGURE = OUT.with_name("growth.svg")
STEPS = ("gates", "intake", "match", "count", "release", "destroy")
COUNTRY = (8, 17_800_000)
GRID = tuple((partners, rows) for partners in (2, 4, 8) for rows in (1_000_000, 5_000_000, 17_800_000))
MEMORY = "2GiB"


def make(place: Path, partners: int, rows: int) -> World:
    """A world whose partners have all delivered."""
    from benchmarks.__main__ import agreed, config, made_up_bsns
    from benchmarks.once import prepare_apart

    extracts = place / "extracts"
    extracts.mkdir(parents=True)
    bsns = made_up_bsns(rows, 2)
    world = World(place / "world", config(place / "config", partners, "parquet"), extracts, utc_now)
    opening = place / "opening.json"
    opening.write_bytes(agreed(world))
    for i, name in enumerate(world.partners):
        amounts = pl.Series("bedrag", np.random.default_rng(i).integers(0, 1000, len(bsns)))
        ids = pl.int_range(len(bsns), eager=True).cast(pl.String).alias("id")
        file = extracts / f"{name}.parquet"
        pl.DataFrame([ids, bsns.shuffle(seed=i), amounts]).write_parquet(file)
        prepare_apart(world, name, opening)
        file.unlink()
        print(f"  {name} delivered", file=sys.stderr, flush=True)
    return world


def run(place: Path, partners: int) -> dict[str, Any]:
    """One run: seconds per step, peak memory of the process, and the most that lay in its temporary folders."""
    from benchmarks.__main__ import ROUND, config

    folder = place / "config"
    world = World(
        place / "world", folder if folder.exists() else config(folder, partners, "parquet"), place, utc_now
    )
    one = Run(world.project, ROUND, utc_now, MEMORY)
    seconds = {}
    with Spills(Path.cwd()) as spills, measured("run") as whole:
        for step in STEPS:
            start = time.perf_counter()
            getattr(one, step)()
            seconds[step] = round(time.perf_counter() - start, 3)
    one.close()
    return {"total": whole.seconds, "peak_mib": whole.peak_mib, "spilled": spills.most, **seconds}


class Spills:
    """The most bytes that DuckDB had spilled at any moment (`.tmp` under a folder, where it spills by default)."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.most, self._over = folder, 0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Spills:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.2):
            files = [*self.folder.glob("*.tmp/*"), *self.folder.glob(".tmp/*")]
            self.most = max(self.most, sum(file.stat().st_size for file in files if file.exists()))


def group_by(partners: int, rows: int) -> float:
    """Seconds of one bare GROUP BY over `partners` × `rows` random UUIDs, each present at every partner."""
    con = locked_connection(memory_limit="16GB")
    keys = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(16), rows, [None, pa.py_buffer(secrets.token_bytes(16 * rows))]
    )
    con.register("k", pa.table({"k": keys}))
    # Every partner in an order of its own, as its drop under another key would have it.
    con.execute("CREATE TABLE keys (k UUID, p UTINYINT)")
    for partner in range(partners):
        shuffled = keys.take(pa.array(np.random.default_rng(partner).permutation(rows)))
        con.unregister("k")
        con.register("k", pa.table({"k": shuffled}))
        con.execute(f"INSERT INTO keys SELECT k::UUID, {partner} FROM k")
    sql = "SELECT count(*) FROM (SELECT k, bit_or(1::UBIGINT << p) AS m FROM keys GROUP BY k HAVING bit_count(m) >= 2)"
    start = time.perf_counter()
    con.execute(sql).fetchall()
    seconds = time.perf_counter() - start
    con.close()
    return seconds


def apart(*arguments: str) -> dict[str, Any]:
    """What this module prints when it is run with these arguments, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.country", *arguments]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
    )
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def measure(partners: int, rows: int) -> dict[str, Any]:
    """One size: the run against the mean of the baseline just before and just after it."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        make(place, partners, rows)
        before = apart("--group-by", str(partners), str(rows))["seconds"]
        took = apart("--run", str(place), str(partners))
        after = apart("--group-by", str(partners), str(rows))["seconds"]
        shutil.rmtree(place / "world")
    baseline = (before + after) / 2
    return {
        "partners": partners,
        "rows": rows,
        "group_by": baseline,
        "group_by_each": [before, after],
        **took,
    }


def keep(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Add a measurement to those that were made, in the place of an older one of the same size; all of them."""
    rows = json.loads(OUT.read_text()) if OUT.exists() else []
    size = (found["partners"], found["rows"])
    rows = sorted(
        [r for r in rows if (r["partners"], r["rows"]) != size] + [found],
        key=lambda r: (r["partners"], r["rows"]),
    )
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=2) + "\n")
    FIGURE.write_text(growth(rows))
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.country", description=__doc__)
    parser.add_argument("--group-by", nargs=2, type=int, metavar=("PARTNERS", "ROWS"))
    parser.add_argument("--run", nargs=2, metavar=("PLACE", "PARTNERS"))
    parser.add_argument("--size", nargs=2, type=int, metavar=("PARTNERS", "ROWS"), help="one size only")
    options = parser.parse_args()
    if options.group_by:
        print(json.dumps({"seconds": group_by(*options.group_by)}))
    elif options.run:
        print(json.dumps(run(Path(options.run[0]), int(options.run[1]))))
    else:
        for partners, rows in [tuple(options.size)] if options.size else GRID:
            print(f"{partners} × {rows:,} …", file=sys.stderr, flush=True)
            found = measure(partners, rows)
            keep(found)
            print(json.dumps(found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
