"""Exactly the right cases come out, to exactly those who may see them, once."""

from __future__ import annotations

import signal
import sqlite3
from pathlib import Path

import polars as pl
import pytest
from operation import execute
from refusals import raises

from lsi_match.base.clock import utc_now
from lsi_match.base.errors import LsiError
from lsi_match.cli.main import run as main
from lsi_match.demo import town
from lsi_match.demo.oracle import expected_cases
from lsi_match.demo.world import Case, World
from lsi_match.log.policy import log_keys
from lsi_match.log.verify import verify_log
from lsi_match.matcher.engine.execution_config import ExecutionConfig
from lsi_match.matcher.round.open_round import RoundBusyError
from lsi_match.matcher.round.run import (
    Run,
)
from lsi_match.partner.release.open import open_release
from lsi_match.protocol.columns import release_columns

from .conftest import ROUND, STEPS, Town, build, copy_of, run_steps


def verified(world: World) -> bool:
    return verify_log(world.project.log_file, log_keys(world.project.manifest())).ok


@pytest.mark.parametrize("config", ["samenloop", "wijk"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_cases_equal_those_worked_out_from_the_plain_records(
    config: str, seed: int, tmp_path: Path
) -> None:
    extracts = tmp_path / "extracts"
    town.generate(extracts, people=8_000, seed=seed)
    world = build(tmp_path / "world", config, extracts)
    run_steps(world)
    assert world.found_cases(ROUND) == expected_cases(config, extracts)
    assert verified(world)


@pytest.mark.parametrize("config", ["samenloop", "wijk"])
def test_a_partner_receives_only_the_columns_and_own_records_the_manifest_allows(
    made: Town, config: str, tmp_path: Path
) -> None:
    world = copy_of(made.worlds[config], tmp_path)
    run_steps(world)
    manifest = world.project.manifest()
    for partner in world.partners:
        frame = world.open(partner, ROUND)
        allowed = {column.name for column in release_columns(manifest, partner)}
        allowed |= {
            f"{other}.{attribute}"
            for other in manifest.release.to[partner].attributes_of
            for attribute in manifest.partners[other].shown_attribute_ids
        }
        assert set(frame.columns) == (allowed - {"reference"}) | {"record_id"}
        own = {record for case in made.expected[config] for name, _, record in case if name == partner}
        assert set(frame.get_column("record_id").to_list()) == own
        others = {record for case in made.expected[config] for name, _, record in case if name != partner}
        text = frame.drop("record_id").write_csv()
        assert not [record for record in others if record in text], "no record id of another partner"


def test_a_partner_without_a_case_gets_an_empty_release(world: World, made: Town, tmp_path: Path) -> None:
    wijk = copy_of(made.worlds["wijk"], tmp_path / "wijk")
    run_steps(wijk)
    with_cases = {name for case in made.expected["wijk"] for name, _, _ in case}
    without = set(wijk.partners) - with_cases
    assert without
    for partner in without:
        assert wijk.open(partner, ROUND).is_empty()


def test_an_empty_register_delivers_an_empty_drop(tmp_path: Path) -> None:
    extracts = tmp_path / "extracts"
    town.generate(extracts, people=6_000, seed=5, empty=("ind", "arbeidsinspectie"))
    world = build(tmp_path / "world", "samenloop", extracts)
    run_steps(world)
    assert world.open("ind", ROUND).is_empty()
    assert world.found_cases(ROUND) == expected_cases("samenloop", extracts)


def test_a_partner_cannot_open_the_release_of_another(world: World) -> None:
    run_steps(world)
    with raises("ReleaseNotOursError"):
        open_release(world.home("svb"), world.release_file("uwv", ROUND), "samenloop", utc_now())
    pretender = world.home("uwv").folder
    stolen = type(world.home("uwv"))(world.home("svb").folder, "uwv")
    with pytest.raises(LsiError):
        open_release(stolen, world.release_file("uwv", ROUND), "samenloop", utc_now())
    assert pretender.exists()


def test_an_expired_release_is_not_opened(world: World) -> None:
    run_steps(world)
    late = utc_now().replace(year=utc_now().year + 12)
    with raises("ReleaseExpiredError"):
        open_release(world.home("uwv"), world.release_file("uwv", ROUND), "samenloop", late)


def test_more_cases_than_agreed_releases_nothing(made: Town, tmp_path: Path) -> None:
    world = World(tmp_path / "world", made.worlds["samenloop"].config, made.extracts, utc_now)
    world.draft["project"]["period"] = {"first": "2020-01-01", "last": "2099-12-31"}
    world.draft["release"]["max_cases"] = 1
    world.make_keys()
    manifest = world.complete(world.make_project_key())
    world.agree(manifest, world.approve(manifest))
    opening = world.open_round(ROUND, town.REFERENCE_DATE.isoformat())
    for partner in world.partners:
        world.prepare(partner, opening)
    with raises("TooManyCasesError"):
        run_steps(world)
    assert not list(world.project.folder.glob("releases/*/*"))


def test_a_late_partner_is_left_out_when_the_manifest_says_proceed(made: Town, tmp_path: Path) -> None:
    world = World(tmp_path / "world", made.worlds["samenloop"].config, made.extracts, utc_now)
    world.draft["project"]["period"] = {"first": "2020-01-01", "last": "2099-12-31"}
    world.draft["schedule"]["when_late"] = "proceed"
    world.make_keys()
    manifest = world.complete(world.make_project_key())
    world.agree(manifest, world.approve(manifest))
    opening = world.open_round(ROUND, town.REFERENCE_DATE.isoformat())
    for partner in world.partners:
        if partner != "toeslagen":
            world.prepare(partner, opening)
    with raises("DropsIncompleteError"):
        run_steps(world, steps=("gates", "intake"))  # before the deadline it waits
    late = world.project.opening(ROUND)[0].deadline
    run = Run(world.project, ROUND, lambda: late)
    for step in STEPS:
        getattr(run, step)()
    run.close()
    assert world.open("toeslagen", ROUND).is_empty()
    found = world.found_cases(ROUND)
    assert found
    assert not [case for case in found if any(partner == "toeslagen" for partner, _, _ in case)]


def test_a_round_runs_once(world: World) -> None:
    run_steps(world)
    with raises("RoundEndedError"):
        run_steps(world, steps=("gates",))
    with raises("RoundExistsError"):
        world.open_round(ROUND, "2026-10-01")


def test_a_round_can_be_ended_without_a_release(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    destroy = ["match", "destroy", str(world.site.folder), "samenloop", ROUND]
    assert main(destroy) == 0
    assert "zijn vernietigd" in capsys.readouterr().out
    assert not (world.project.round_folder(ROUND) / "round.key").exists()
    assert not list(world.project.folder.glob("inbox/*/*"))
    assert not list(world.project.folder.glob("received/*/*.*"))
    assert not list(world.project.folder.glob("releases/*/*"))
    assert [round_.state for round_ in world.project.view().rounds.values()] == ["abandoned"]
    entries = len(world.project.entries())
    assert main(destroy) == 0
    assert "was al beëindigd" in capsys.readouterr().out
    assert len(world.project.entries()) == entries
    with raises("RoundEndedError"):
        run_steps(world)


def test_a_run_that_does_not_fit_in_memory_says_so_and_releases_nothing(world: World) -> None:
    run = Run(world.project, ROUND, utc_now, ExecutionConfig(memory_limit="1MB"))
    run.gates()
    run.intake()
    with raises("MemoryLimitError"):
        run.match()
    run.close()
    run_steps(world)
    assert world.found_cases(ROUND)


def test_two_processes_cannot_run_one_round(world: World) -> None:
    first = Run(world.project, ROUND, utc_now)
    with pytest.raises(RoundBusyError):
        Run(world.project, ROUND, utc_now)
    first.close()
    Run(world.project, ROUND, utc_now).close()


KILLED = """
import os, signal, sys
from pathlib import Path
from lsi_match.matcher.round.run import Run
from lsi_match.base.clock import utc_now
from lsi_match.matcher.site.site import Site
run = Run(Site(Path(sys.argv[1])).project("samenloop"), "r1", utc_now)
for step in ("gates", "intake", "match", "count", "release", "destroy"):
    if step == sys.argv[2]:
        record = run._record
        def dying(*args, **kwargs):
            if sys.argv[3] == "after":
                record(*args, **kwargs)
            os.kill(os.getpid(), signal.SIGKILL)
        run._record = dying
    getattr(run, step)()
"""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_run_killed_at_any_step_and_started_again_gives_the_same_cases_once(
    world: World, expected: set[Case], step: str, when: str
) -> None:
    """Killed just before or just after the step's own entry is on disk: the two sides of its commit."""
    assert execute(KILLED, world.site.folder, step, when) == -signal.SIGKILL
    run = Run(world.project, ROUND, utc_now)
    for next_step in ("release", "destroy") if run.released else STEPS:
        if not (run.ended and next_step == "destroy"):
            getattr(run, next_step)()
    run.close()
    assert world.found_cases(ROUND) == expected
    assert len(list(world.project.folder.glob("releases/*/*.release.json"))) == len(world.partners)
    assert not list(world.project.folder.glob("staging/*"))
    assert not (world.project.round_folder(ROUND) / "round.key").exists()
    released = [e for e in world.project.entries() if e.name == "release" and e.status == "Ok"]
    assert len(released) == 1
    assert verified(world)


def test_one_changed_byte_in_the_log_is_found(world: World) -> None:
    run_steps(world)
    assert verified(world)
    with sqlite3.connect(world.project.log_file) as log:
        table, column = next(
            (t, c)
            for (t,) in log.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for c in [row[1] for row in log.execute(f"PRAGMA table_info({t})")]
            if isinstance(log.execute(f"SELECT {c} FROM {t}").fetchone()[0], bytes)
            and b'"lsi.round"'
            in b"".join(r[0] for r in log.execute(f"SELECT {c} FROM {t}") if isinstance(r[0], bytes))
        )
        rowid, leaf = next(
            r for r in log.execute(f"SELECT rowid, {column} FROM {table}") if b"lsi.rows" in r[1]
        )
        log.execute(
            f"UPDATE {table} SET {column} = ? WHERE rowid = ?",
            (leaf.replace(b"lsi.rows", b"lsi.rovs"), rowid),
        )
    assert not verified(world)


def test_small_groups_are_withheld_in_the_overview(world: World) -> None:
    run_steps(world)
    overview = world.project.overview(ROUND)
    assert overview is not None
    shown = [count for stage in overview.groups.values() for count in stage.values() if count]
    assert shown
    assert min(shown) >= overview.smallest_cell


def test_releases_open_as_tables_with_text_and_truth_values_only(world: World) -> None:
    run_steps(world)
    assert set(world.open("uwv", ROUND).dtypes) <= {pl.String, pl.Boolean}
