"""What happens to machines: a disk that is full or cannot be written, a log that is locked or gone, a clock that jumps."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from end_state import end_state
from operation import PARTNERS, ROUND
from refusals import raises
from site_process import SiteProcess

from lsi_match.cli import main
from lsi_match.log import log_file
from lsi_match.log.log_file import LogMissingError
from lsi_match.matcher.operate.alarms import alarms
from lsi_match.matcher.operate.health import advice
from lsi_match.matcher.operate.reconcile import LAST_RECONCILED, reconcile_site
from lsi_match.matcher.round.open_round import RoundBusyError
from lsi_match.matcher.round.run import Run

from .conftest import Weekly, weekly

pytestmark = pytest.mark.slow


def troubles(seen: dict[str, Any]) -> set[str]:
    """The reasons that a look gave for what it could not do."""
    return {one["reason"] for project in seen["projects"] for one in project["troubles"]} | {
        one["outcome"] for project in seen["projects"] for one in project["done"] if one["outcome"].endswith("Error")
    }  # fmt: skip


def alarm_names(project: Weekly) -> set[str]:
    return {one.name for one in alarms(project.operation.project, project.operation.clock())}


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory, process: SiteProcess) -> Iterator[Weekly]:
    """The project on a disk of its own of 24 MiB."""
    folder = tmp_path_factory.mktemp("disk")
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], capture_output=True
    ).returncode:
        pytest.skip("needs to mount a disk (run as root)")
    try:
        yield weekly(folder, process, tmp_path_factory.mktemp("saved"))
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def full(folder: Path, left: int) -> Iterator[None]:
    """No more than `left` bytes are free."""
    filler = folder / "filler"
    with filler.open("wb") as handle:
        handle.truncate(0)
        size = max(0, shutil.disk_usage(folder).free - left)
        handle.write(bytes(size))
    try:
        yield
    finally:
        filler.unlink()


@pytest.mark.parametrize("left", [0, 60_000, 100_000])
def test_a_full_disk_is_told_and_harms_nothing(small_disk: Weekly, left: int) -> None:
    for phase in ("run", "expire"):
        small_disk.put_back(phase)
        small_disk.look()
        expected = small_disk.end()
        small_disk.put_back(phase)
        with full(small_disk.operation.folder, left):
            seen = small_disk.look()
            assert seen["failed"]
            found = troubles(seen) | {d["problem"] for p in seen["projects"] for d in p["not_destroyed"]}
            assert found <= {"DiskFullError", "No space left on device"}, found
            assert "disk" in alarm_names(small_disk)
            assert advice(small_disk.operation.project, small_disk.operation.clock())
        small_disk.look(timedelta(minutes=20))
        assert small_disk.end() == expected


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)


def test_a_read_only_disk_is_told_and_harms_nothing(small_disk: Weekly) -> None:
    small_disk.put_back("run")
    small_disk.look()
    expected = small_disk.end()
    small_disk.put_back("run")
    with read_only(small_disk.operation.folder):
        seen = small_disk.look()
        assert troubles(seen) == {"DiskReadOnlyError"}
        assert "disk" in alarm_names(small_disk)
        assert [one.state for one in advice(small_disk.operation.project, small_disk.operation.clock())] == [
            "open"
        ]
    small_disk.look(timedelta(minutes=20))
    assert small_disk.end() == expected


def test_a_log_that_is_locked_is_waited_for_and_then_told(
    project: Weekly, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.put_back("run")
    monkeypatch.setattr(log_file, "BUSY_SECONDS", 0.2)
    operation = project.operation
    other = sqlite3.connect(operation.project.log_file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    (seen,) = reconcile_site(operation.world.site, operation.clock, operation.run)
    assert [trouble.error.reason for trouble in seen.troubles] == ["LogBusyError"]
    assert {one.name for one in alarms(operation.project, operation.clock())} >= {"log"}
    other.execute("ROLLBACK")

    def meanwhile(*_: object) -> dict[str, object]:
        """A run in the midst of which something else takes the log."""
        run = Run(operation.project, ROUND, operation.clock)
        for step in ("gates", "intake", "match", "count"):
            getattr(run, step)()
        other.execute("BEGIN EXCLUSIVE")
        with raises("LogBusyError"):
            run.release()
        run.close()
        other.execute("ROLLBACK")
        return {"state": "refused"}

    reconcile_site(operation.world.site, operation.clock, meanwhile)
    other.close()
    assert not list((operation.project.folder / "releases").rglob("*.json"))
    project.look(timedelta(minutes=20))
    found = project.end()
    assert (found["rounds"], found["twice"]) == ({ROUND: "destroyed"}, [])


def test_a_log_that_is_gone_is_told_and_not_made_anew(project: Weekly) -> None:
    project.put_back("run")
    file, operation = project.operation.project.log_file, project.operation
    kept = file.rename(file.with_name("away"))
    assert troubles(project.look()) == {"LogMissingError"}
    with pytest.raises(LogMissingError):
        Run(operation.project, ROUND, operation.clock)
    assert not file.exists()
    assert {one.name for one in alarms(operation.project, operation.clock())} >= {"log"}
    kept.rename(file)
    project.look(timedelta(minutes=20))
    assert project.end()["rounds"] == {ROUND: "destroyed"}


def test_a_log_whose_writer_was_stopped_halfway_is_mended_by_the_next_look(project: Weekly) -> None:
    project.put_back("run")
    file = project.operation.project.log_file
    kept = file.with_name("kept")
    writer = sqlite3.connect(file, isolation_level=None)
    writer.execute("PRAGMA cache_size = 1")
    writer.execute("BEGIN")
    writer.execute("UPDATE leaves SET leaf = zeroblob(length(leaf))")
    journal = Path(f"{file}-journal")
    shutil.copy(file, kept)
    shutil.copy(journal, f"{kept}-journal")
    writer.execute("ROLLBACK")
    writer.close()
    kept.rename(file)
    Path(f"{kept}-journal").rename(journal)
    assert [one.state for one in advice(project.operation.project, project.operation.clock())] == ["open"]
    assert troubles(project.look()) == set()
    assert project.end()["rounds"] == {ROUND: "destroyed"}


def test_two_looks_at_once_are_one(project: Weekly) -> None:
    project.put_back("run")
    found: list[dict[str, Any]] = []
    with SiteProcess() as other:
        now, site = project.operation.clock(), project.operation.world.site.folder
        both = [
            threading.Thread(target=lambda p=one: found.append(p.look(site, now)))
            for one in (project.process, other)
        ]
        for one in both:
            one.start()
        for one in both:
            one.join()
    runs = [d["outcome"] for seen in found for p in seen["projects"] for d in p["done"] if d["task"] == "Run"]
    assert runs == ["released"]
    assert set().union(*map(troubles, found)) <= {"ProjectBusyError"}
    end = project.end()
    assert (end["rounds"], end["twice"]) == ({ROUND: "destroyed"}, [])


def test_two_workers_that_pick_one_run_make_one_run(project: Weekly) -> None:
    project.put_back("run")
    operation = project.operation

    def run(*_: object) -> dict[str, object]:
        first = Run(operation.project, ROUND, operation.clock)
        with pytest.raises(RoundBusyError):
            Run(operation.project, ROUND, operation.clock)
        first.close()
        return {"state": "broken"}

    reconcile_site(operation.world.site, operation.clock, run)
    project.look(timedelta(minutes=20))
    assert project.end()["rounds"] == {ROUND: "destroyed"}


def test_a_reboot_leaves_locks_and_half_files_that_hold_up_nothing(project: Weekly) -> None:
    project.put_back("run")
    folder = project.operation.project.folder
    for name in ("watch.lock", f"rounds/{ROUND}/lock"):
        (folder / name).write_text("12345")
    for name in (
        "inbox/uwv/.half.part-0000.age.0123abcd.tmp",
        f"rounds/{ROUND}/.round.key.0123abcd.tmp",
        "documents/.x.json.0123abcd.tmp",
    ):
        (folder / name).write_bytes(bytes(40))
    assert troubles(project.look()) == set()
    assert project.end()["rounds"] == {ROUND: "destroyed"}
    assert not (folder / f"rounds/{ROUND}/.round.key.0123abcd.tmp").exists()


@pytest.mark.parametrize("minutes", [-60 * 24 * 400, -90, 90])
def test_a_clock_that_jumps_and_is_set_right(project: Weekly, minutes: int) -> None:
    """Backwards nothing is done until it is right again; forwards within a term nothing is lost."""
    project.put_back("run")
    right = project.operation.clock.now
    wrong = project.look(timedelta(minutes=minutes))
    assert troubles(wrong) == ({"ClockBehindError"} if minutes < 0 else set())
    project.operation.clock.to(right + timedelta(minutes=max(0, minutes) + 20))
    project.look()
    end = project.end()
    assert (end["rounds"], end["twice"]) == ({ROUND: "destroyed"}, [])
    assert [project.operation.cases(name, ROUND) for name in PARTNERS] == [3, 4, 4]


@pytest.mark.parametrize("days_ahead", [4, 31, 4000])
def test_a_clock_that_leaps_ahead_destroys_and_closes_nothing(project: Weekly, days_ahead: int) -> None:
    project.put_back("run")
    project.look()
    expected = project.end()
    project.put_back("run")
    right, entries = project.operation.clock.now, len(project.operation.project.entries())
    before = end_state(project.operation)
    wrong = project.look(timedelta(days=days_ahead, hours=1), doubt=True)
    assert troubles(wrong) == {"ClockAheadError"}
    assert wrong["failed"]
    assert "clock" in alarm_names(project)
    assert end_state(project.operation) == before
    assert len(project.operation.project.entries()) == entries
    project.operation.clock.to(right)  # it was set right
    assert "clock" not in alarm_names(project)
    assert troubles(project.look(doubt=True)) == set()
    assert project.end() == expected


def test_a_site_that_stood_still_for_weeks_goes_on_when_the_clock_is_said_to_be_right(
    project: Weekly, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project.put_back("expire")
    operation, site = project.operation, str(project.operation.world.site.folder)
    monkeypatch.setattr("lsi_match.cli.match.utc_now", operation.clock)
    monkeypatch.setattr("lsi_match.base.clock.utc_now", operation.clock)
    lying = end_state(operation)["lying"]
    assert main.run(["match", "watch", site, "--lang", "en"]) == 1
    assert "--clock-is-right" in capsys.readouterr().out
    assert end_state(operation)["lying"] == lying
    main.run(["match", "watch", site, "--clock-is-right"])
    assert end_state(operation)["rounds"][ROUND] == "destroyed"
    assert end_state(operation)["lying"] != lying
    assert "clock" not in alarm_names(project)
    assert "ClockAheadError" not in troubles(project.look(timedelta(minutes=20), doubt=True))  # said once


def test_a_long_weekend_is_no_reason_to_doubt_the_clock(project: Weekly) -> None:
    project.put_back("run")
    assert troubles(project.look(timedelta(days=4, hours=-1), doubt=True)) == set()


def test_without_its_last_look_the_log_says_when_it_lived(project: Weekly) -> None:
    project.put_back("run")
    (project.operation.project.folder / LAST_RECONCILED).write_text("[]")
    assert troubles(project.look(timedelta(days=5), doubt=True)) == {"ClockAheadError"}
