"""Every alarm goes on when it should and off when it is over; one screen and one exit status tell."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import handmade
import pytest
from operation import PARTNERS, ROUND, Operation, days

from lsi_match.cli import main
from lsi_match.flows.service import is_due
from lsi_match.matcher.operate import alarms as module
from lsi_match.matcher.operate import retention
from lsi_match.matcher.operate.alarms import COSIGNED_WITHIN, OVERDUE, alarms
from lsi_match.matcher.operate.events_file import FILE
from lsi_match.matcher.operate.metrics import metrics
from lsi_match.matcher.operate.reconcile import LAST_RECONCILED, reconcile_site
from lsi_match.matcher.site.site import Project
from lsi_match.transport.endpoints import set_up


def on(operation: Operation) -> set[str]:
    return {alarm.name for alarm in alarms(operation.project, operation.clock())}


def later(operation: Operation, by: timedelta) -> None:
    operation.clock.to(operation.clock() + by)


def test_a_project_that_runs_well_has_no_alarm(operation: Operation) -> None:
    assert on(operation) == set()
    for partner in PARTNERS:
        operation.deliver(partner, ROUND)
    operation.reconcile()
    assert on(operation) == set()


def test_silence_is_told_after_an_hour_until_the_next_look(operation: Operation) -> None:
    later(operation, timedelta(hours=1))
    assert on(operation) == set()
    later(operation, timedelta(seconds=1))
    assert on(operation) == {"silent"}
    (operation.project.folder / LAST_RECONCILED).write_text("[]")  # whatever lies there
    assert on(operation) == {"silent"}
    operation.reconcile()
    assert on(operation) == set()


def test_a_place_that_is_away_is_told_until_it_is_back(operation: Operation) -> None:
    away = Path(operation.places["svb"].url)
    shutil.rmtree(away)
    away.write_text("no folder")
    operation.reconcile()
    assert on(operation) == {"place"}
    away.unlink()
    operation.reconcile()
    assert on(operation) == {"place"}  # nothing is made anew where a share may only be unmounted
    set_up(operation.places["svb"])
    operation.reconcile()
    assert on(operation) == set()


def test_lateness_refusals_and_breakage_of_rounds_are_told(operation: Operation) -> None:
    for partner in PARTNERS[:2]:
        operation.deliver(partner, ROUND)
    operation.reconcile()
    later(operation, days(5) - timedelta(seconds=1))
    operation.reconcile()
    assert on(operation) == set()
    later(operation, timedelta(seconds=1))
    assert on(operation) == {"late"}
    operation.run(operation.project, ROUND)  # refused: incomplete
    assert on(operation) == {"refused", "late"}


def test_a_run_that_broke_off_is_told_after_an_hour(operation: Operation) -> None:
    for partner in PARTNERS:
        operation.deliver(partner, ROUND)
    operation.reconcile(kill_after="intake")
    assert on(operation) == set()
    later(operation, timedelta(hours=1, seconds=1))
    assert "broken" in on(operation)
    operation.reconcile()
    assert on(operation) == set()


def test_what_is_past_its_term_is_told_after_two_hours(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for partner in PARTNERS:
        operation.deliver(partner, ROUND)
    operation.reconcile()

    def stuck(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(retention, "destroy", stuck)
    later(operation, days(operation.project.manifest().release.keep_days) + OVERDUE)
    operation.reconcile()
    assert "overdue" not in on(operation)
    later(operation, timedelta(minutes=1))
    assert "overdue" in on(operation)
    monkeypatch.undo()
    operation.reconcile()
    assert "overdue" not in on(operation)


def test_who_does_not_cosign_is_told(operation: Operation) -> None:
    later(operation, COSIGNED_WITHIN)
    operation.reconcile()
    assert "cosignature" not in on(operation)
    later(operation, timedelta(minutes=1))
    (one,) = [a for a in alarms(operation.project, operation.clock()) if a.name == "cosignature"]
    assert one.en == "none of gemeente, svb, uwv"


def test_a_clock_that_is_behind_and_a_log_that_is_gone_are_told(operation: Operation) -> None:
    later(operation, -days(1))
    assert "clock" in on(operation)
    operation.project.log_file.write_bytes(b"no log")
    assert on(operation) == {"log"}


def test_a_manifest_that_cannot_be_read_is_told_and_holds_up_no_other_project(
    operation: Operation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site = operation.world.site
    other = Project(site, "ander")
    shutil.copytree(operation.project.folder, other.folder)
    (other.folder / "manifest.json").write_text("{}")
    (seen, well) = reconcile_site(site, operation.clock, operation.run, clock_is_right=True)
    assert [one.error.reason for one in seen.troubles] == ["ManifestAlteredError"]
    assert (well.project, well.failed) == ("proef", False)
    assert {alarm.name for alarm in alarms(other, operation.clock())} == {"manifest"}
    assert on(operation) == set()
    assert not is_due(other, operation.clock(), operation.clock())  # it does not stop the service
    said = metrics(site, operation.clock()).decode()
    assert 'lsi_match_alarm{name="manifest",project="ander"} 1.0' in said
    assert 'lsi_match_rounds{project="proef",state="open"} 1.0' in said
    monkeypatch.setattr("lsi_match.cli.match.utc_now", operation.clock)
    monkeypatch.setattr("lsi_match.cli.site.utc_now", operation.clock)
    monkeypatch.setattr("lsi_match.base.clock.utc_now", operation.clock)
    assert main.run(["site", "health", str(site.folder)]) == 1
    assert main.run(["match", "status", str(site.folder)]) == 0
    shown = capsys.readouterr()
    assert "lsi-match docs nl/alarmen/manifest" in shown.err
    assert ROUND in shown.out


@pytest.mark.parametrize(("free", "told"), [(2**20, {"disk"}), (2**40, set())])
def test_a_disk_that_fills_up_is_told(
    operation: Operation, monkeypatch: pytest.MonkeyPatch, free: int, told: set[str]
) -> None:
    usage = type(shutil.disk_usage("/"))(2**41, 2**41 - free, free)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage)
    assert on(operation) == told


def test_one_screen_and_one_exit_status(
    operation: Operation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said: Callable[[], str] = lambda: capsys.readouterr().out  # noqa: E731
    site = str(operation.world.site.folder)
    monkeypatch.setattr("lsi_match.cli.match.utc_now", operation.clock)
    monkeypatch.setattr("lsi_match.cli.site.utc_now", operation.clock)
    monkeypatch.setattr("lsi_match.base.clock.utc_now", operation.clock)
    assert main.run(["site", "health", site, "--json"]) == 0
    assert json.loads(said()) == {"healthy": True, "alarms": []}
    later(operation, days(6))
    assert main.run(["site", "health", site, "--json"]) == 1
    assert {alarm["name"] for alarm in json.loads(said())["alarms"]} == {
        "clock", "silent", "late", "checkpoint"
    }  # fmt: skip
    assert main.run(["match", "status", site]) == 0
    shown = capsys.readouterr()
    assert "lsi-match docs nl/alarmen/late" in shown.err
    assert ROUND in shown.out


def test_events_are_lines_for_machines_without_names_of_files_or_persons(operation: Operation) -> None:
    for partner in PARTNERS:
        operation.deliver(partner, ROUND)
    operation.reconcile()
    file = operation.world.site.folder / FILE
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert {"event": "task", "task": "Run", "about": ROUND, "outcome": "released"}.items() <= lines[
        -1
    ].items()
    assert {line["event"] for line in lines} == {"task", "drop"}
    assert all({"at", "project", "event"} <= line.keys() for line in lines)
    text = file.read_text()
    assert ".drop.json" not in text
    assert not any(bsn in text for bsn in handmade.BSNS)
    assert file.stat().st_mode & 0o077 == 0
