"""Whatever a round is spread over, the same comes out, and nothing of the round goes to what spreads it: of a round on numbers
the buckets, of one on person keys the pieces of linking too.

Dask and Ray: `make test-clusters`.
"""

from __future__ import annotations

import multiprocessing
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import cloudpickle
import numpy as np
import pytest
from parent_process import draw, used
from servers import free_port, wait_for

from lsi_match.base.clock import utc_now
from lsi_match.base.errors import LsiError, WrongUseError
from lsi_match.base.files import write_whole
from lsi_match.crypto.sealing import unseal
from lsi_match.crypto.signing import peek
from lsi_match.demo import febrl
from lsi_match.demo.oracle import expected_cases
from lsi_match.demo.world import World
from lsi_match.flows import match as match_flow
from lsi_match.flows import runners
from lsi_match.flows.settings import end_with_parent
from lsi_match.log.steps import Step
from lsi_match.matcher.engine import buckets, execution_config, intake, linking
from lsi_match.matcher.engine.execution_config import ExecutionConfig
from lsi_match.matcher.operate.runner import run_match
from lsi_match.matcher.round import open_round, work
from lsi_match.matcher.round.run import Run
from lsi_match.protocol.documents import ReleaseDescriptor

from .conftest import ROUND, STEPS, Town, build, copy_of
from .test_leaks import Marks, pseudonyms, search, telling_values

#: Rows of a bucket, and half the tokens of a piece of linking, so that there are several.
MOST = 300
#: One in so many people of FEBRL4.
ONE_OF = 8


@pytest.fixture(scope="module")
def parted(made: Town, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The theme project, persons by BSN and v-number, delivered in many parts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(open_round, "ROWS_PER_PART", 4_000)
        world = build(tmp_path_factory.mktemp("parted") / "world", "samenloop", made.extracts)
    # The files of data subjects have ids under this key: with the same one they can be compared.
    write_whole(world.project.folder / "subjects" / ROUND / "log.key", bytes(range(32)))
    assert world.project.opening(ROUND)[0].parts >= 4
    return world


@pytest.fixture(scope="module")
def by_keys(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A project on person keys only."""
    place = tmp_path_factory.mktemp("by_keys")
    febrl.write_extracts(place / "extracts", ONE_OF)
    world = build(place / "world", "febrl4", place / "extracts")
    write_whole(world.project.folder / "subjects" / ROUND / "log.key", bytes(range(32)))
    return world


@dataclass
class Came:
    """What came of a run, in bytes."""

    releases: dict[str, bytes]
    facts: dict[str, Any]
    outcome: dict[str, Any] = field(default_factory=dict)


def came_of(world: World) -> Came:
    releases = {}
    for partner in world.partners:
        file = world.release_file(partner, ROUND)
        descriptor = peek(file.read_bytes(), ReleaseDescriptor, what="release", party="matcher")
        for part in descriptor.parts:
            sealed = (file.parent / part.file).read_bytes()
            identity = world.home(partner).identity().encryption
            releases[partner] = unseal(sealed, identity, what="release", party=partner)
    facts = {
        f"{entry.name}: {name}": value
        for entry in world.project.entries()
        if entry.name in (Step.MATCH.value, Step.COUNT.value, Step.RELEASE.value)
        for name, value in entry.attributes.items()
        if name in ("lsi.cases", "lsi.subjects", "lsi.overview", "lsi.findings", "lsi.table")
        or name.startswith("lsi.subjects.")
    }
    return Came(releases, facts)


def here(world: World, do: Any = None) -> Came:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buckets, "ROWS", MOST)
        patch.setattr(linking, "PIECE", 2 * MOST)
        patch.setattr(buckets.Matching.__init__, "__defaults__", (draw,))
        one = Run(world.project, ROUND, utc_now, ExecutionConfig(workers=1), do)
        try:
            for step in STEPS:
                getattr(one, step)()
        finally:
            one.close()
    return came_of(world)


@pytest.fixture(scope="module")
def plain(parted: World, tmp_path_factory: pytest.TempPathFactory) -> Came:
    """One bucket after another, in this process."""
    world = copy_of(parted, tmp_path_factory.mktemp("plain"))
    came = here(world)
    assert world.found_cases(ROUND) == expected_cases("samenloop", world.extracts)
    return came


@pytest.fixture(scope="module")
def plain_by_keys(by_keys: World, tmp_path_factory: pytest.TempPathFactory) -> Came:
    world = copy_of(by_keys, tmp_path_factory.mktemp("plain_by_keys"))
    came = here(world)
    assert febrl.quality(febrl.pairs(world.found_cases(ROUND)), 5000 // ONE_OF).f1 > 0.98
    return came


@pytest.fixture(params=["numbers", "keys"])
def round_(request: pytest.FixtureRequest) -> tuple[World, Came]:
    """A round that was delivered, and what comes of it here."""
    names = {"numbers": ("parted", "plain"), "keys": ("by_keys", "plain_by_keys")}[request.param]
    made, came = (request.getfixturevalue(name) for name in names)
    return made, came


def test_processes_that_know_no_more_than_a_number_give_the_same(
    round_: tuple[World, Came], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And they put their rows of the file of data subjects in order, under their log ids: here these are only written."""
    made, plain = round_
    world = copy_of(made, tmp_path)
    told: list[tuple[str, int]] = []
    monkeypatch.delattr(work, "matched_rows")
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:

        def do(stage: str, numbers: Sequence[int]) -> Any:
            told.extend((stage, number) for number in numbers)
            for word in pool.map(
                partial(work.do_piece, world.site.folder, world.project_id, ROUND, stage), numbers
            ):
                assert word == work.DONE
                yield word

        came = here(world, do)
    assert len(told) > 3
    assert {stage for stage, _ in told} == ({"pairs", "bucket"} if "keys" in str(made.folder) else {"bucket"})
    assert came == plain


def test_parts_of_a_drop_are_judged_at_once_and_give_the_same(
    parted: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with its rows of the file of data subjects."""
    monkeypatch.setattr(execution_config, "_processors", lambda: 2)

    def judged(name: str, memory: str) -> list[Any]:
        (tmp_path / name).mkdir()
        world = copy_of(parted, tmp_path / name)
        with closing(Run(world.project, ROUND, utc_now, ExecutionConfig(memory_limit=memory))) as run:
            run.gates()
            run.intake()
        entries = [entry for entry in world.project.entries() if entry.name == Step.INTAKE.value]
        return [(entry.attributes["lsi.partner"], entry.attributes["lsi.subjects"]) for entry in entries]

    plain, both, in_order = intake._checked_part, Barrier(2), judged("in_order", "1GiB")

    def checked(drop: Any, number: int) -> Any:
        if number < 2:
            both.wait(60)
        return plain(drop, number)

    monkeypatch.setattr(intake, "_checked_part", checked)
    assert judged("at_once", "2GiB") == in_order
    assert len(in_order) == len(parted.partners)


def test_what_a_worker_did_not_do_is_done_by_the_run(parted: World, plain: Came, tmp_path: Path) -> None:
    """Every second bucket is lost, and one comes back damaged."""
    world = copy_of(parted, tmp_path)
    folder = world.project.round_folder(ROUND) / work.WORK

    def do(stage: str, numbers: Sequence[int]) -> Any:
        for number in numbers:
            if number % 2:
                work.do_piece(world.site.folder, world.project_id, ROUND, stage, number)
            if number == 1:
                file = folder / "bucket-1.box"
                file.write_bytes(file.read_bytes()[:-1] + b"x")
            yield "lost"

    assert here(world, do) == plain


def test_a_killed_run_goes_on_with_the_buckets_that_were_done(
    parted: World, plain: Came, tmp_path: Path
) -> None:
    world = copy_of(parted, tmp_path)

    def dying(stage: str, numbers: Sequence[int]) -> Any:
        for number in numbers[:2]:
            yield work.do_piece(world.site.folder, world.project_id, ROUND, stage, number)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        here(world, dying)
    seen: list[int] = []

    def going_on(stage: str, numbers: Sequence[int]) -> Any:
        for number in numbers:
            seen.append(number)
            yield work.do_piece(world.site.folder, world.project_id, ROUND, stage, number)

    assert here(world, going_on) == plain
    assert seen
    assert min(seen) == 2


def test_pieces_of_linking_that_others_did_are_the_same_and_nothing_of_them_is_left(
    parted: World, tmp_path: Path
) -> None:
    """One is lost, and one lies there of an earlier run, whose tokens are others."""
    world = copy_of(parted, tmp_path)
    folder = world.project.round_folder(ROUND)
    there = work.Work(world.project, ROUND, (folder / "round.key").read_text())
    round_ = SimpleNamespace(opening_digest="sha256:opening")
    drops = [SimpleNamespace(round_=round_, partner="uwv", digest="sha256:drop")]
    manifest = SimpleNamespace(digest="sha256:manifest")
    plan: Any = SimpleNamespace(manifest=manifest, drops=drops, most=1, memory_limit="1GB", threads=1)
    rng = np.random.default_rng(1)

    def inputs() -> list[Any]:
        tokens = [rng.integers(0, 40, (3, 100)).astype(np.uint64) for _ in range(4)]
        return [
            partial(np.concatenate([np.array([4, 0, 1], np.uint64), one.ravel()]).tobytes) for one in tokens
        ]

    told: list[tuple[str, int]] = []

    def do(stage: str, numbers: Sequence[int]) -> Any:
        for number in numbers:
            told.append((stage, number))
            if number != 2:
                assert work.do_piece(world.site.folder, world.project_id, ROUND, stage, number) == work.DONE
            yield "done or lost"

    def dying(stage: str, numbers: Sequence[int]) -> Any:
        yield from do(stage, numbers[:2])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(there.linking(plan, dying)("pairs", inputs()))
    now = inputs()
    told.clear()
    assert list(there.linking(plan, do)("pairs", now)) == list(linking.in_turn("pairs", now))
    assert told == [("pairs", number) for number in range(4)]
    assert [file.name for file in (folder / work.WORK).iterdir()] == ["order.box"]


def test_what_was_done_with_other_drops_is_not_used(parted: World, tmp_path: Path) -> None:
    """A partner delivers again after the run was killed: every bucket is made anew."""
    world = copy_of(parted, tmp_path)
    work_of = work.Work(world.project, ROUND, (world.project.round_folder(ROUND) / "round.key").read_text())
    work_of.write("bucket-0", "sha256:of other drops", b"planted")
    seen: list[int] = []

    def do(stage: str, numbers: Sequence[int]) -> Any:
        for number in numbers:
            seen.append(number)
            yield work.do_piece(world.site.folder, world.project_id, ROUND, stage, number)

    here(world, do)
    assert seen[0] == 0


def test_the_work_of_a_round_is_sealed_and_goes_with_its_key(parted: World, tmp_path: Path) -> None:
    world = copy_of(parted, tmp_path)
    marks = Marks(telling_values(world.extracts), blocks=pseudonyms(world, world.extracts))
    folder = world.project.round_folder(ROUND)
    marks.secrets["round key"] = (folder / "round.key").read_bytes()
    found: list[dict[str, set[str]]] = []

    def do(stage: str, numbers: Sequence[int]) -> Any:
        for number in numbers:
            yield work.do_piece(world.site.folder, world.project_id, ROUND, stage, number)
        assert len(list((folder / work.WORK).iterdir())) > len(numbers)
        found.append(search(marks, [folder / work.WORK]))

    here(world, do)
    assert found == [{}]
    assert not (folder / work.WORK).exists()


def test_what_is_pickled_of_the_flow_takes_nothing_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task runner sends the flow and the step that it is in along with every bucket."""
    monkeypatch.setitem(match_flow._runs, "p.r", b"AGE-SECRET-KEY-MARK")  # type: ignore[arg-type]
    for one in (match_flow.match, match_flow.piece, match_flow.match_drops):
        assert b"AGE-SECRET-KEY-MARK" not in cloudpickle.dumps(one)


def test_a_worker_that_is_a_process_ends_with_its_run() -> None:
    """It has a part of the drops in its memory, and would go on speaking to a server that is gone."""
    runner = runners._processes(ExecutionConfig(runner="processes", workers=1), "")
    assert runner._initializer is end_with_parent  # type: ignore[attr-defined]


def test_a_runner_needs_its_own_settings_only() -> None:
    with pytest.raises(ValueError, match="a cluster is for"):
        ExecutionConfig(runner="threads", cluster="tcp://x:1")
    with pytest.raises(ValueError, match="its own workers"):
        ExecutionConfig(runner="dask", cluster="tcp://x:1", workers=3)
    with pytest.raises(ValueError, match="open to every user"):
        ExecutionConfig(runner="ray")
    with pytest.raises(ValueError, match="memory limit"):
        ExecutionConfig(memory_limit="much")
    assert ExecutionConfig(workers=4, memory_limit="2GiB").memory_each == "524288KiB"


def test_the_site_says_what_runs_are_spread_over(tmp_path: Path) -> None:
    assert ExecutionConfig.of_site(tmp_path) == ExecutionConfig()
    (tmp_path / "runner.yaml").write_text("runner: ray\ncluster: ray://head:10001\nmemory_limit: 4GiB\n")
    assert ExecutionConfig.of_site(tmp_path).cluster == "ray://head:10001"
    assert ExecutionConfig.of_site(tmp_path, memory_limit="1GiB").cluster == "ray://head:10001"
    assert ExecutionConfig.of_site(tmp_path, runner="threads") == ExecutionConfig(memory_limit="4GiB")
    with pytest.raises(WrongUseError, match="its own workers"):
        ExecutionConfig.of_site(tmp_path, workers=2)
    (tmp_path / "runner.yaml").write_text("runner: spark\n")
    with pytest.raises(LsiError, match=r"runner\.yaml"):
        ExecutionConfig.of_site(tmp_path)


# through the real flow


def flow(world: World, place: Path, short: Path, config: ExecutionConfig) -> tuple[Came, bytes]:
    """The flow in a process of its own; what came of it, and all that it pickled."""
    pickled = place / "pickled"
    pickled.write_bytes(b"")
    with pytest.MonkeyPatch.context() as patch:
        used(patch, PICKLED=str(pickled), ROWS=str(MOST))
        patch.setenv("TMPDIR", str(short))
        outcome = run_match(world.site.folder, world.project_id, ROUND, config=config)
    assert outcome["state"] == "released", outcome
    return came_of(world), pickled.read_bytes()


@contextmanager
def ray_cluster(folder: Path) -> Iterator[str]:
    """The address of a cluster of Ray that somebody else set up, on this machine."""
    port = free_port()
    command = [
        Path(sys.executable).with_name("ray"),
        "start",
        "--head",
        "--block",
        f"--port={port}",
        "--num-cpus=2",
    ]
    command += ["--node-ip-address=127.0.0.1", "--include-dashboard=false", f"--temp-dir={folder}/ray"]
    command += ["--object-store-memory=83886080", "--disable-usage-stats"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as head:
        try:
            wait_for(port)
            yield f"127.0.0.1:{port}"
        finally:
            head.terminate()


@pytest.mark.parametrize("runner", ["threads", "processes", "dask", "ray"])
def test_every_runner_gives_the_same_byte_for_byte_and_is_told_nothing(
    round_: tuple[World, Came], runner: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made, plain = round_
    on_keys = "keys" in str(made.folder)
    if not (on_keys and runner == "processes"):  # one of them always; all take minutes
        for package in ("prefect_dask", "prefect_ray"):
            pytest.importorskip(package, reason="make test-clusters")
    place, short = tmp_path_factory.mktemp(runner), Path(tempfile.mkdtemp(dir="/tmp"))
    world = copy_of(made, place)
    blocks = set() if on_keys else pseudonyms(world, world.extracts)
    marks = Marks(telling_values(world.extracts), blocks=blocks)
    marks.secrets["round key"] = (world.project.round_folder(ROUND) / "round.key").read_bytes()
    with ray_cluster(short) if runner == "ray" else nullcontext() as cluster:
        config = ExecutionConfig(runner=runner, cluster=cluster, workers=None if cluster else 2)  # type: ignore[arg-type]
        came, pickled = flow(world, place, short, config)
    assert came == plain
    if runner != "threads":
        assert b"bucket" in pickled, "what was sent was seen"
        assert (b"pairs" in pickled) == on_keys
    assert marks.found_in(pickled) == set()
    assert search(marks, [world.site.folder, short]) == {}
    shutil.rmtree(short)


@pytest.mark.parametrize("runner", ["dask", "ray"])
def test_a_cluster_that_is_not_there_is_told(parted: World, runner: str, tmp_path: Path) -> None:
    world = copy_of(parted, tmp_path)
    outcome = match_flow.run(
        world.site.folder, world.project_id, ROUND, ExecutionConfig(runner=runner, cluster="tcp://127.0.0.1:9")  # type: ignore[arg-type]
    )  # fmt: skip
    assert outcome["reason"] == "ClusterUnreachableError"
    assert "127.0.0.1:9" in outcome["nl"]
    assert not list(world.project.folder.glob("releases/*/*"))
