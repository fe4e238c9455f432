"""`python -m benchmarks.country`: whole rounds up to the size of the country, each in a process of its own.

A world of `partners` × `rows` sealed records, nearly all of the same people at every partner, is prepared once. Then the site
does, with each runner on a copy, what it does of itself: arrival (open, check, judge) and a run, gates → intake → match (open,
re-key, match) → count → release → destroy, with a memory limit of 2 GiB. Both count. Beside it, just before and after, in a process of its own, a bare DuckDB
`GROUP BY` over as many keys: all of them in memory already, in DuckDB's own form, on as many threads, without a limit
that it could reach. No matching can do with less. With one partner, a second delivers nothing: there is no round of one.

Without options all sizes are measured with all runners (`make test-clusters` installs Dask and Ray), which takes half an
hour on two quiet processors and 20 GB in TMPDIR; then the table and the figure of docs/speed.md are written. What was
measured of this very code is not measured again: the command can be broken off and given once more. Seconds by the clock
and seconds of processors are both told: on a machine that others use too, the latter are steadier.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import polars as pl
import pyarrow as pa

from benchmarks.figure import growth
from lsi_match.base.clock import utc_now
from lsi_match.base.duckdb_locked import locked_connection
from lsi_match.demo.world import World
from lsi_match.matcher.engine.engine import Engine
from lsi_match.matcher.engine.execution_config import ExecutionConfig, RunnerName
from lsi_match.matcher.engine.intake import Drop
from lsi_match.matcher.operate.runner import run_match
from lsi_match.matcher.operate.transfers import DeliveryError, collect
from lsi_match.matcher.round.run import Run

OUT = Path(__file__).parent / "out" / "country.json"
DOCS = Path(__file__).parents[1] / "docs"
PAGE, DRAWN = DOCS / "speed.md", DOCS / "growth.svg"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
GRID = tuple((partners, rows) for partners in (1, 2, 4, 8) for rows in (1_000_000, 5_000_000, 17_800_000))
RUNNERS: tuple[RunnerName, ...] = ("threads", "processes", "dask", "ray")
#: Those that need no cluster of somebody else. What stands there of Ray was measured when a run could still make one itself.
MEASURED = RUNNERS[:3]
MEMORY = "2GiB"
#: The largest volume that a manifest may agree.
MOST = 20_000_000


def make(place: Path, partners: int, rows: int) -> World:
    """A world whose partners have all delivered."""
    from benchmarks.__main__ import agreed, config, made_up_bsns
    from benchmarks.once import prepare_apart

    extracts = place / "extracts"
    extracts.mkdir(parents=True)
    bsns = made_up_bsns(rows, 2)
    settings = config(
        place / "config", max(2, partners), "parquet", at_most=min(MOST, max(1_000_000, rows * 6 // 5))
    )
    world = World(place / "world", settings, extracts, utc_now)
    opening = place / "opening.json"
    opening.write_bytes(agreed(world))
    for i, name in enumerate(world.partners):
        amounts = pl.Series("bedrag", np.random.default_rng(i).integers(0, 1000, len(bsns)))
        ids = pl.int_range(len(bsns), eager=True).cast(pl.String).alias("id")
        file = extracts / f"{name}.parquet"
        everybody = pl.DataFrame([ids, bsns.shuffle(seed=i), amounts])
        everybody.head(len(bsns) if i < partners else 0).write_parquet(file)
        prepare_apart(world, name, opening)
        file.unlink()
        print(f"  {name} delivered", file=sys.stderr, flush=True)
    return world


def run(place: Path, runner: RunnerName) -> dict[str, Any]:
    """One run: seconds per step, of processors too, and the peak memory and most bytes spilled of all its processes."""
    from benchmarks.__main__ import ROUND

    world = World(place / "world", place / "config", place, utc_now)
    steps: dict[str, float] = {}
    before = _processors()
    with Watch(place) as watch:
        start = time.perf_counter()
        arrive(place)
        steps["arrival"] = round(time.perf_counter() - start, 3)
        outcome = run_match(
            world.site.folder,
            world.project_id,
            ROUND,
            config=ExecutionConfig(runner=runner, memory_limit=MEMORY),
            on_step=lambda step: steps.update({step["step"]: step["seconds"]}),
        )
    if outcome["state"] != "released":
        raise RuntimeError(f"the run was {outcome}")
    return {
        "runner": runner,
        "total": round(sum(steps.values()), 3),  # arrival too
        "cpu": round(_processors() - before, 3),
        "peak_mib": watch.peak_mib,
        "spilled": watch.spilled,
        "cases": outcome["cases"],
        **steps,
    }


def arrive(place: Path) -> None:
    """Have what was delivered judged, in a process of its own, as the service does."""
    subprocess.run([sys.executable, "-m", "benchmarks.country", "--arrive", str(place)], check=True)


def judge(place: Path) -> None:
    world = World(place / "world", place / "config", place, utc_now)
    found = collect(world.project, utc_now())
    if any(isinstance(one, DeliveryError) or one.outcome != "taken" for one in found):
        raise RuntimeError(f"what arrived was {found}")


#: What a bucket is made of, as the docs call it.
PARTS = {"opening": (Drop, "part"), "re-keying": (Engine, "add"), "matching": (Engine, "match")}


def inside(place: Path) -> dict[str, float]:
    """Seconds of the step `match` in a run of a world in this process, and of the parts of its buckets: the time of all
    threads divided by how many buckets are matched at once."""
    from benchmarks.__main__ import ROUND

    world = World(place / "world", place / "config", place, utc_now)
    config = ExecutionConfig(memory_limit=MEMORY)
    judge(place)
    run = Run(world.project, ROUND, utc_now, config)
    spent, lock = dict.fromkeys(PARTS, 0.0), threading.Lock()

    def timed(part: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        def measured(*arguments: Any) -> Any:
            start = time.perf_counter()
            try:
                return plain(*arguments)
            finally:
                with lock:
                    spent[part] += time.perf_counter() - start

        return measured

    with ExitStack() as stack:
        stack.callback(run.close)
        run.gates()
        run.intake()
        for part, (owner, name) in PARTS.items():
            stack.enter_context(patch.object(owner, name, timed(part, getattr(owner, name))))
        start = time.perf_counter()
        run.match()
        whole = time.perf_counter() - start
    return {"match": round(whole, 3)} | {part: round(s / config.at_once, 3) for part, s in spent.items()}


def _processors() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Watch:
    """The most memory that the processes below this one held together (each shared page counted once), and the most
    bytes in files of DuckDB that look spilled, here and in the folder of the world."""

    def __init__(self, place: Path) -> None:
        self._places = (place, Path.cwd())
        self.peak_mib = self.spilled = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.5):
            held = sum(_held(process) for process in _below(os.getpid()))
            self.peak_mib = max(self.peak_mib, held // 1024)
            found = [file for place in self._places for file in place.glob("**/duckdb_temp*")]
            self.spilled = max(self.spilled, sum(file.stat().st_size for file in found if file.exists()))


def _below(process: int) -> list[int]:
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return []
    return [one for child in children for one in (int(child), *_below(int(child)))]


def _held(process: int) -> int:
    """KiB of memory of one process, its part of what it shares; without the API server of Prefect, which is no matching."""
    try:
        if b"uvicorn" in Path(f"/proc/{process}/cmdline").read_bytes():
            return 0
        told = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0
    return int(re.findall(r"^Pss:\s+(\d+) kB", told, re.MULTILINE)[0])


def group_by(partners: int, rows: int) -> dict[str, float]:
    """Seconds, also of processors, of one bare GROUP BY over `partners` × `rows` random UUIDs, each present at every partner."""
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
    start, used = time.perf_counter(), time.process_time()
    con.execute(sql).fetchall()
    found = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - used}
    con.close()
    return found


def apart(*arguments: str) -> dict[str, Any]:
    """What this module prints when it is run with these arguments, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.country", *arguments]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
    )
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def measure(partners: int, rows: int, runners: Sequence[RunnerName] = ("threads",)) -> list[dict[str, Any]]:
    """One size: the runs against the mean of the baseline just before and just after each."""
    found: list[dict[str, Any]] = []
    if not runners:
        return found
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "made"
        make(place, partners, rows)
        after = apart("--group-by", str(partners), str(rows))
        for runner in runners:
            before = after
            copy = Path(shutil.copytree(place, Path(folder) / "run"))
            took = apart("--run", str(copy), runner)
            shutil.rmtree(copy)
            after = apart("--group-by", str(partners), str(rows))
            mean = {key: round((before[key] + after[key]) / 2, 3) for key in before}
            both = {
                "code": code(),
                "partners": partners,
                "rows": rows,
                "group_by": mean["seconds"],
                "group_by_cpu": mean["cpu"],
            }
            found.append({**both, **took})
            keep(found[-1])
            print(json.dumps(found[-1]), flush=True)
    return found


def parts(partners: int, rows: int) -> dict[str, float]:
    """Of one size, what `inside` finds, and as `… / GROUP BY` what that is to the mean of the baseline before and after."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "made"
        make(place, partners, rows)
        before = apart("--group-by", str(partners), str(rows))
        found = apart("--inside", str(place))
        after = apart("--group-by", str(partners), str(rows))
    base = (before["seconds"] + after["seconds"]) / 2
    return found | {f"{part} / GROUP BY": round(seconds / base, 2) for part, seconds in found.items()}


def code() -> str:
    """Which version of the code this is: the commit, and whether there is more than that."""
    command = ["git", "describe", "--always", "--abbrev=12", "--dirty", "--exclude=*"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=DOCS).stdout.strip()


def kept() -> list[dict[str, Any]]:
    """All measurements that were made, the last one of each."""
    return json.loads(OUT.read_text()) if OUT.exists() else []


def keep(found: dict[str, Any]) -> None:
    """Add a measurement to those that were made, in the place of an older one of the same."""

    def which(row: dict[str, Any]) -> tuple[int, int, int]:
        return row["partners"], row["rows"], RUNNERS.index(row["runner"])

    rows = sorted([r for r in kept() if which(r) != which(found)] + [found], key=which)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=2) + "\n")


def lacking(partners: int, rows: int, runners: Sequence[RunnerName]) -> list[RunnerName]:
    """The runners with which this size was not measured with this very code."""
    now = code()
    done = {r["runner"] for r in kept() if (r["partners"], r["rows"], r.get("code")) == (partners, rows, now)}
    return [runner for runner in runners if now.endswith("-dirty") or runner not in done]


HEAD = (
    *("partners", "records of each", "runner", "`GROUP BY`, s", "arrival, s", "run, s"),
    *("ratio of both", "ratio of the run", "ratio of the match step"),
    *("ratio of processor time", "peak memory, MiB", "spilled, bytes"),
)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The measurements in Markdown; ratios are to the bare `GROUP BY`."""
    lines = [HEAD, ("---:", "---:", "---", *["---:"] * (len(HEAD) - 3))]
    for r in rows:
        run, cpu = r["total"] - r["arrival"], r["cpu"] / r["group_by_cpu"]
        ratios = (*(seconds / r["group_by"] for seconds in (r["total"], run, r["match"])), cpu)
        size = (
            str(r["partners"]),
            f"{r['rows']:,}",
            r["runner"],
            f"{r['group_by']:.2f}",
            f"{r['arrival']:.2f}",
            f"{run:.2f}",
        )
        lines.append(
            (*size, *(f"{ratio:.1f}" for ratio in ratios), f"{r['peak_mib']:,}", f"{r['spilled']:,}")
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def figure_of(page: str) -> str | None:
    """The figure that belongs to the table of a page; None where there is no table yet."""
    rows = []
    for line in page[page.index(BEGIN) : page.index(END)].splitlines():
        cells = dict(zip(HEAD, line.strip("| ").replace(",", "").split(" | "), strict=False))
        if line.startswith("| ") and cells.get("runner") == "threads":
            size = {"partners": int(cells["partners"]), "rows": int(cells["records of each"])}
            seconds = {
                "group_by": float(cells["`GROUP BY`, s"]),
                "total": float(cells["arrival, s"]) + float(cells["run, s"]),
            }
            rows.append({**size, **seconds, "peak_mib": int(cells["peak memory, MiB"])})
    return growth(rows) if rows else None


def write(rows: Sequence[dict[str, Any]], page: Path = PAGE, drawn: Path = DRAWN) -> None:
    """Put these measurements in a page as a table, and draw the figure of it."""
    text = page.read_text()
    versions = ", ".join(f"`{one}`" for one in sorted({row["code"] for row in rows}))
    figure = f"![Seconds and peak memory of a run against its number of records]({drawn.name})"
    made = f"{BEGIN}\n{figure}\n\n{table(rows)}\n\nMeasured of version {versions}.\n"
    text = text[: text.index(BEGIN)] + made + text[text.index(END) :]
    page.write_text(text)
    drawn.write_text(figure_of(text) or "")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.country",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--group-by", nargs=2, type=int, metavar=("PARTNERS", "ROWS"), help="the baseline only"
    )
    parser.add_argument("--run", nargs=2, metavar=("PLACE", "RUNNER"), help="a run of a world that was made")
    parser.add_argument(
        "--arrive", metavar="PLACE", help="judging what was delivered in a world that was made"
    )
    parser.add_argument(
        "--inside", metavar="PLACE", help="the parts of the step match, in a world that was made"
    )
    parser.add_argument("--parts", action="store_true", help="with --size: the parts of the step match only")
    parser.add_argument("--size", nargs=2, type=int, metavar=("PARTNERS", "ROWS"), help="one size only")
    parser.add_argument("--runners", nargs="+", default=MEASURED, choices=MEASURED, help="these runners only")
    parser.add_argument(
        "--write", action="store_true", help="write docs/speed.md of what was measured, measure nothing"
    )
    options = parser.parse_args()
    if options.group_by:
        print(json.dumps(group_by(*options.group_by)))
    elif options.run:
        print(json.dumps(run(Path(options.run[0]), options.run[1])))
    elif options.arrive:
        judge(Path(options.arrive))
    elif options.inside:
        print(json.dumps(inside(Path(options.inside))))
    elif options.parts and options.size:
        print(json.dumps(parts(*options.size)))
    elif options.write:
        if not kept():
            parser.error("nothing was measured yet")
        write(kept())
    elif options.size:
        measure(*options.size, options.runners)
    else:
        for partners, rows in GRID:
            print(f"{partners} × {rows:,} …", file=sys.stderr, flush=True)
            measure(partners, rows, lacking(partners, rows, options.runners))
        write([row for row in kept() if (row["partners"], row["rows"]) in GRID])
    return 0


if __name__ == "__main__":
    sys.exit(main())
