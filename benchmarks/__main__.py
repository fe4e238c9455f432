"""`python -m benchmarks [--quick | --report]`: writes `benchmarks/out/results.json` and prints it as a table.

Absolute times say more about the machine than about the program; the ratio of two times of one run is what to read.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import polars_hash as plh
from rich.console import Console

from benchmarks import look
from benchmarks.commands import starts
from benchmarks.country import measure
from benchmarks.coverage import smallest, write_tables
from benchmarks.evidence import year
from benchmarks.linkage import Task, by_group, gap, group_table
from benchmarks.lookup import lookup
from benchmarks.once import prepare_apart
from benchmarks.pages import pages
from benchmarks.peers import links, tokens_per_second
from benchmarks.people import make_registers
from benchmarks.small_run import small
from benchmarks.timing import timed
from benchmarks.together import together
from lsi_match.base.clock import utc_now
from lsi_match.cli.console import table
from lsi_match.crypto.keys import make_identity
from lsi_match.demo import febrl
from lsi_match.demo.world import World, configs_folder
from lsi_match.log.entry import LogEntry
from lsi_match.log.events import DropArrivalRefused
from lsi_match.log.note import VerifierKey
from lsi_match.log.store import Log
from lsi_match.log.verify import verify_log
from lsi_match.matcher.round.run import Run
from lsi_match.partner.select import PIECE

OUT = Path(__file__).parent / "out" / "results.json"
ROUND = "bench"


@dataclass
class Result:
    """A figure: `value` in `unit`, its `baseline` in the same unit, and how they compare at `size` rows."""

    value: float
    unit: str
    baseline: float | None
    ratio: float | None
    size: int


def made_up_bsns(count: int, seed: int) -> pl.Series:
    """`count` different numbers of nine digits that pass the eleven-test, in random order."""
    rng = np.random.default_rng(seed)
    heads = rng.choice(100_000_000, size=min(100_000_000, count + count // 8 + 1000), replace=False)
    check = sum((heads // 10 ** (7 - i)) % 10 * (9 - i) for i in range(8)) % 11
    good = (check < 10) & (heads > 0)
    numbers = (heads * 10 + check)[good][:count]
    return pl.Series("bsn", numbers).cast(pl.String).str.zfill(9)


MANIFEST = """
format: lsi-match/manifest/v2
project: {{id: bench, title: Bench, type: theme, place: Nergens, period: {{first: 2020-01-01, last: 2099-12-31}}, leader: bench}}
basis: {{{basis}}}
controllers: {{{controllers}}}
matcher: {{title: Matcher, oin: "00000000000000000999", domain: bench.example}}
dpia: {{reference: bench, date: 2020-01-01}}
dpo_advice: {{{advice}}}
work_instruction: {{title: bench, digest: "sha256:{instruction}", acknowledged_by: [bench]}}
pseudonyms: {{scheme: v1, epoch: 1}}
subject: {{unit: person, identifiers: [bsn]}}
partners: {{{partners}}}
match: {{rule: "partners >= 2 AND p0_hoog AND p1_hoog", rationale: bench}}
release: {{max_cases: 1000000, keep_days: 1, to: {{{to}}}}}
schedule: {{deadline_days: 1, rounds_at_most: 1000, reference_date: {{first: 2026-01-01, last: 2026-12-31}}}}
retention: {{log_details_days: 1, hold_days: 1}}
"""
SELECTION = (
    "{{selections: [{{id: s, source: bench, fields: {{bsn: {{type: text, meaning: BSN}}, bedrag: {{type: integer, "
    'meaning: Bedrag}}}}, identifiers: [{{kind: bsn, fields: [bsn]}}], criteria: [{{id: alle, when: "bedrag >= 0", '
    'rationale: bench}}], signals: [{{id: hoog, when: "bedrag >= 990", label: hoog}}, {{id: laag, when: "bedrag < 990", '
    "label: laag}}], volume: {{at_least: 0, at_most: {at_most}}}}}]}}"
)


def config(folder: Path, partners: int, form: str, at_most: int = 20_000_000) -> Path:
    """A project of `partners` partners that each deliver everybody, `at_most` records, in an extract `p<i>.<form>`."""
    names = [f"p{i}" for i in range(partners)]
    parts = ("legal_basis", "purpose", "necessity", "proportionality", "subsidiarity", "intrusion")
    fill = {
        "basis": ", ".join(
            f"{part}: Over {part} staat hier net genoeg om een manifest te zijn"
            for part in (*parts, "personal_data", "equal_treatment")
        ),
        "controllers": ", ".join(
            f'{n}: {{title: {n}, oin: "{i:020d}", dpo_contact: x}}' for i, n in enumerate(names)
        ),
        "advice": ", ".join(f"{n}: {{date: 2020-01-01, outcome: positive, reference: x}}" for n in names),
        "partners": ", ".join(f"{n}: {SELECTION.format(at_most=at_most)}" for n in names),
        "to": ", ".join(f"{n}: {{signals_of: [{names[(i + 1) % partners]}]}}" for i, n in enumerate(names)),
        "instruction": hashlib.sha256(b"bench").hexdigest(),
    }
    (folder / "mappings").mkdir(parents=True)
    (folder / "manifest.yaml").write_text(MANIFEST.format(**fill))
    for name in names:
        mapping = {
            "extract": f"{name}.{form}",
            "record_id": "id",
            "columns": {"bsn": "bsn", "bedrag": "bedrag"},
        }
        (folder / "mappings" / f"{name}.yaml").write_text(json.dumps({"selections": {"s": mapping}}))
    return folder


def agreed(world: World, reference_date: str | None = "2026-10-01") -> bytes:
    """A world whose project is agreed and whose round is open; the opening."""
    world.make_keys()
    manifest = world.complete(world.make_project_key())
    world.agree(manifest, world.approve(manifest))
    return world.open_round(ROUND, reference_date)


def prepare(place: Path, rows: int) -> dict[str, Result]:
    """`partner prepare` from Parquet and CSV, in a process of its own, against bare HMAC over the same column.

    Bare is one call of polars-hash over the column in memory: in one piece, which it hashes on one processor, and for
    `spread` in pieces, which it hashes on all. The baseline is the mean of the times just before and just after, so that
    a machine that grows slower or faster meanwhile does not look like a better or worse ratio.
    """
    bsns = made_up_bsns(rows, 1)
    frame = pl.DataFrame({"id": pl.int_range(len(bsns), eager=True).cast(pl.String), "bsn": bsns})
    frame = frame.with_columns(pl.lit(501).alias("bedrag"))
    whole = frame.select("bsn")
    pieces = pl.concat(list(whole.iter_slices(PIECE)), rechunk=False)

    def hashing() -> tuple[float, float, float]:
        hmac = plh.col("bsn").chash.hmac_sha256(key="0" * 64)
        spread = timed(lambda: pieces.select(hmac))
        busy = time.process_time()
        seconds = timed(lambda: whole.select(hmac))
        return seconds, time.process_time() - busy, spread

    found = {}
    for form in ("parquet", "csv"):
        folder = place / f"prepare-{form}"
        extracts = folder / "extracts"
        extracts.mkdir(parents=True)
        file = extracts / f"p0.{form}"
        frame.write_parquet(file) if form == "parquet" else frame.write_csv(file)
        world = World(folder / "world", config(folder / "config", 2, form), extracts, utc_now)
        opening = folder / "opening.json"
        opening.write_bytes(agreed(world))
        before = hashing()
        took = prepare_apart(world, "p0", opening)
        after = hashing()
        baseline, busy, spread = ((one + other) / 2 for one, other in zip(before, after, strict=True))
        found[f"prepare.{form}"] = Result(took.seconds, "s", baseline, took.seconds / baseline, len(bsns))
        found[f"prepare.{form}.rows_per_second"] = Result(
            len(bsns) / took.seconds, "rows/s", len(bsns) / baseline, took.seconds / baseline, len(bsns)
        )
        found[f"prepare.{form}.spread"] = Result(took.seconds, "s", spread, took.seconds / spread, len(bsns))
        # On a machine that others use too, the work of both can be compared where the time cannot.
        found[f"prepare.{form}.processor"] = Result(
            took.processor, "s", busy, took.processor / busy, len(bsns)
        )
        found[f"prepare.{form}.peak"] = Result(took.peak_mib, "MiB", None, None, len(bsns))
        shutil.rmtree(folder)
    return found


def match(rows: int, partners: int) -> dict[str, Result]:
    """A whole run as an operator gives it, and its match step, against a bare GROUP BY over as many keys."""
    (took,) = measure(partners, rows)
    size = rows * partners

    def against(value: float, baseline: float) -> Result:
        return Result(value, "s", baseline, value / baseline, size)

    return {
        "match.total": against(took["total"], took["group_by"]),
        "match.step": against(took["match"], took["group_by"]),
        "match.processors": against(took["cpu"], took["group_by_cpu"]),
        "match.peak": Result(took["peak_mib"], "MiB", None, None, size),
        "match.spilled": Result(took["spilled"], "bytes", None, None, size),
    }


def start(place: Path) -> dict[str, Result]:
    """What commands take before they do anything; see `benchmarks.commands`."""
    world = World(place / "start", configs_folder() / "samenloop", place, utc_now)
    agreed(world)
    return {
        f"start.{name}": Result(seconds, "s of processor", pydantic, seconds / pydantic, 0)
        for name, (seconds, pydantic) in starts(world.site.folder).items()
    }


def run(place: Path) -> dict[str, Result]:
    """A round of 1,000 records, from the command to the release; see `benchmarks.small_run`."""
    extracts = place / "small"
    extracts.mkdir()
    for seed in range(2):
        bsns = made_up_bsns(500, 1)
        pl.DataFrame({"id": bsns, "bsn": bsns, "bedrag": [990] * 500}).write_csv(extracts / f"p{seed}.csv")
    world = World(place / "small-world", config(place / "small-config", 2, "csv"), extracts, utc_now)
    agreed(world)
    return {
        f"run.{name}": Result(seconds, "s", imports, seconds / imports, 1000)
        for name, (seconds, imports) in small(world, "2026-10-01").items()
    }


def linkage(place: Path) -> dict[str, Result]:
    """FEBRL4 on person keys, and a tenth of its people, through the chain (no baseline: quality)."""
    whole, small = _febrl4(place / "whole", 1), _febrl4(place / "tenth", 10)
    figures = {"f1": whole.f1, "precision": whole.precision, "recall": whole.recall}
    return {
        **{f"linkage.febrl4.{name}": Result(value, "", None, None, 5000) for name, value in figures.items()},
        "linkage.small.f1": Result(small.f1, "", None, None, 500),
        "linkage.small.precision": Result(small.precision, "", None, None, 500),
    }


def _febrl4(place: Path, one_of: int) -> febrl.Quality:
    extracts = place / "extracts"
    febrl.write_extracts(extracts, one_of)
    world = World(place / "febrl4", configs_folder() / "febrl4", extracts, utc_now)
    opening = agreed(world, None)
    for name in world.partners:
        world.prepare(name, opening)
    run = Run(world.project, ROUND, utc_now)
    for step in ("gates", "intake", "match", "count", "release", "destroy"):
        getattr(run, step)()
    run.close()
    return febrl.quality(febrl.pairs(world.found_cases(ROUND)), 5000 // one_of)


def population(place: Path, people: int) -> dict[str, Result]:
    """Two registers of a made-up Dutch population, linked on person keys (no baseline: quality); by group, what is missed and
    what is false, and how large the gap between groups is."""
    registers = make_registers(people)
    found = Task.of(registers.left, registers.right).link()
    groups = by_group(registers, found)
    print(group_table(groups), file=sys.stderr)
    figures = {"precision": found.precision, "recall": found.recall, "f1": found.f1}
    return {
        **{
            f"linkage.population.{name}": Result(value, "", None, None, people)
            for name, value in figures.items()
        },
        **{
            f"linkage.missed.{name}": Result(one.missed, "", None, None, one.pairs)
            for name, one in groups.items()
        },
        **{
            f"linkage.false.{name}": Result(one.false, "", None, None, one.pairs)
            for name, one in groups.items()
        },
        "linkage.gap": Result(gap(groups), "", None, None, people),
        **_linked_by_others(place, people),
    }


#: Peers compare every record with every other one, or take long.
_OTHERS = 20_000


def _linked_by_others(place: Path, people: int) -> dict[str, Result]:
    registers = make_registers(min(people, _OTHERS))
    ours = Task.of(registers.left, registers.right).link()
    found = {"lsi-match": (ours.precision, ours.recall), **links(place, registers)}
    return {
        f"peers.{name}.{figure}": Result(value, "", None, None, len(registers.population))
        for name, figures in found.items()
        for figure, value in zip(("precision", "recall"), figures, strict=True)
    }


def log(place: Path, entries: int) -> dict[str, Result]:
    """Appending and verifying against hashing the same leaves once."""
    identity = make_identity("matcher", place / "log-keys")
    refused = DropArrivalRefused(partner="p0", reason="DropTimeError", message="te laat")
    entry = LogEntry(
        trace_id="0" * 32,
        span_id="0" * 16,
        name=refused.step.value,
        status=refused.status,
        start_time=0,
        end_time=1,
        attributes=refused.attributes(),
    )
    leaf = entry.leaf()
    hashing = timed(lambda: [hashlib.sha256(b"\x00" + leaf).digest() for _ in range(entries)])
    file = place / "log.sqlite"
    with Log.create(file, "bench.example/bench") as made:
        batch = [(entry, None)] * 10_000
        append = timed(
            lambda: [
                made.append_and_sign(batch, identity.signing, "bench.example")
                for _ in range(entries // len(batch))
            ]
        )
    key = VerifierKey.of("bench.example", identity.signing)
    verify = timed(lambda: verify_log(file, key))
    return {
        "log.append": Result(entries / append, "entries/s", entries / hashing, append / hashing, entries),
        "log.verify": Result(entries / verify, "entries/s", entries / hashing, verify / hashing, entries),
    }


def looks(place: Path) -> dict[str, Result]:
    """A look at, and the status, alarms and metrics of, a project with a long log; see `benchmarks.look`."""
    return {
        name: Result(long, "s", short, long / short, look.LONG)
        for name, (long, short) in look.look(place / "looks").items()
    }


def desk(place: Path) -> dict[str, Result]:
    """Pages of the desk beside the calls behind them; see `benchmarks.pages`."""
    return {
        name: Result(value, "s", baseline, value / baseline, look.SHORT)
        for name, (value, baseline) in pages(place / "pages").items()
    }


def one_of_many(place: Path, partners: int, rows: int) -> dict[str, Result]:
    """Looking up one subject among those of all partners; see `benchmarks.lookup`."""
    return {
        name: Result(value, unit, baseline, value / baseline if baseline else None, partners * rows)
        for name, (value, unit, baseline) in lookup(place, partners, rows).items()
    }


def evaluated(place: Path, partners: int, rows: int) -> dict[str, Result]:
    """Evaluating together against HMAC in the same process; see `benchmarks.together`."""
    found = together(place, made_up_bsns(rows, 1), partners)
    return {
        name: Result(value, unit, baseline, value / baseline, partners * rows)
        for name, (value, unit, baseline) in found.items()
    }


def peers(place: Path, people: int) -> dict[str, Result]:
    """Tokens per second of other tools (no baseline) and ours, over one register; `ratio` is ours divided by theirs."""
    found = tokens_per_second(place, people)
    ours = found.pop("lsi-match")
    unit = "tokens/s"
    return {
        "peers.lsi-match.tokens_per_second": Result(ours, unit, None, None, people),
        **{
            f"peers.{name}.tokens_per_second": Result(theirs, unit, ours, ours / theirs, people)
            for name, theirs in found.items()
        },
    }


def monitor() -> dict[str, Result]:
    """The smallest coverage of any interval that the monitor uses, less its confidence, in percentage points; and how
    often a year of rounds alerts: a true doubling at 50 selected a week, one and a half at 200, and nothing at all."""
    write_tables()
    least, ratios = smallest()
    years = {
        "monitor.power.double": year(50, 2.0, 300).found,
        "monitor.power.half_more": year(200, 1.5, 300).found,
        "monitor.false_alerts": max(year(selected, 1.0, 300).false for selected in (50, 200, 1000)),
    }
    return {
        **{name: Result(100 * value, "% of years", None, None, 300) for name, value in years.items()},
        "monitor.coverage.min": Result(100 * least, "percentage points from nominal", None, None, 0),
        "monitor.coverage.ratios": Result(100 * ratios, "percentage points from nominal", None, None, 0),
    }


def report(results: dict[str, dict[str, Any]]) -> None:
    rows = [
        [name, _figure(r["value"]), r["unit"], _figure(r["baseline"]), _figure(r["ratio"]), f"{r['size']:,}"]
        for name, r in results.items()
    ]
    Console().print(table("", ["figure", "value", "unit", "baseline", "ratio", "size"], rows))


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, in minutes")
    parser.add_argument("--report", action="store_true", help="print the last results")
    parser.add_argument("--only", action="append", help="only this part, for example log; can be given again")
    options = parser.parse_args()
    if not options.report:
        rows, partners, matched, people, entries, sample, apart = (
            (500_000, 4, 300_000, 100_000, 50_000, 5_000, 2_000)
            if options.quick
            else (17_800_000, 8, 17_800_000, 1_000_000, 1_000_000, 50_000, 100_000)
        )
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            results: dict[str, Result] = {}
            for name, work in (
                ("start", lambda: start(place)),
                ("run", lambda: run(place)),
                ("prepare", lambda: prepare(place, rows)),
                ("match", lambda: match(matched, partners)),
                ("linkage", lambda: linkage(place)),
                ("population", lambda: population(place, people)),
                ("log", lambda: log(place, entries)),
                ("look", lambda: looks(place)),
                ("desk", lambda: desk(place)),
                ("lookup", lambda: one_of_many(place, partners, rows)),
                ("together", lambda: evaluated(place, partners, apart)),
                ("monitor", monitor),
                ("peers", lambda: peers(place, sample)),
            ):
                if options.only and name not in options.only:
                    continue
                print(f"{name} …", file=sys.stderr, flush=True)
                results |= work()
        OUT.parent.mkdir(exist_ok=True)
        kept = json.loads(OUT.read_text()) if options.only and OUT.exists() else {}
        OUT.write_text(json.dumps(kept | {name: asdict(r) for name, r in results.items()}, indent=2) + "\n")
    if not OUT.exists():
        print("There are no results yet: run make bench or make bench-quick first.", file=sys.stderr)
        return 1
    report(json.loads(OUT.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
