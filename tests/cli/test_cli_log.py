"""The commands that read a log and have it co-signed, as people give them."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from operation import PROJECT, Clock, Operation, folders

from lsi_match.base.clock import utc_now
from lsi_match.cli.main import run
from lsi_match.log.entry import MAX_WHOLE, LogEntry
from lsi_match.log.steps import Step
from lsi_match.log.store import Log

PARTNERS = ("gemeente", "svb")
USER = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    """A round that waits for the cosignature of one controller."""
    folder = tmp_path_factory.mktemp("log")
    operation = Operation(
        folder, PARTNERS, folders(folder, PARTNERS), clock=Clock(utc_now()), release={"cosignatures": 1}
    )
    operation.run_here("r1")
    return operation


def given(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = 0) -> Any:
    capsys.readouterr()
    assert run([*map(str, arguments), "--json"]) == status
    return json.loads(capsys.readouterr().out)


def test_of_a_site_the_entries_of_all_projects_are_shown_by_time(
    made: Operation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = made.world.site.folder
    one = given(capsys, "log", "show", made.project.folder)
    assert [e["index"] for e in one] == list(range(len(one)))
    assert given(capsys, "log", "show", site) == one
    assert given(capsys, "log", "show", site, "--project", PROJECT) == one
    two = tmp_path / "site"
    for name in (PROJECT, "ander"):
        shutil.copytree(made.project.folder, two / "projects" / name)
    assert len(given(capsys, "log", "show", two)) == 2 * len(one)
    assert given(capsys, "log", "show", two, "--project", "ander", "--step", "release") == [
        e for e in one if e["name"] == "release"
    ]
    assert run(["log", "show", str(two), "--project", "geen"]) == 1
    assert run(["log", "show", str(made.project.folder), "--project", PROJECT]) == 2


def test_until_when_a_round_is_held_is_shown_as_a_date(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log.sqlite"
    attributes = {"lsi.round": "r1", "lsi.alerts": 2, "lsi.until": 1_790_000_000}
    held = LogEntry(
        trace_id="1" * 32, span_id="1" * 16, status="Ok", name=Step.HOLD.value, start_time=0, end_time=0, attributes=attributes
    )  # fmt: skip
    beyond = held.model_copy(update={"attributes": {**attributes, "lsi.until": MAX_WHOLE}})
    with Log.create(log, "koppeling.example/proef") as made:
        made.append([(held, None), (beyond, None)])
    assert run(["log", "show", str(log)]) == 0
    shown = capsys.readouterr().out
    assert "until=2026-09-21" in shown
    assert f"until={MAX_WHOLE}" in shown
    assert given(capsys, "log", "show", log)[0]["attributes"] == attributes


def test_who_did_it_is_shown_on_demand_and_not_in_a_copy_for_others(
    made: Operation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, copy = made.project.folder, tmp_path / "log.sqlite"
    assert "user" not in given(capsys, "log", "show", folder)[0]
    assert {e["user"] for e in given(capsys, "log", "show", folder, "--who")} == {USER}
    count = given(capsys, "log", "export", folder, "--form", "log", "--out", copy)["entries"]
    assert {e["user"] for e in given(capsys, "log", "show", copy, "--who")} == {"–"}
    checked = given(capsys, "log", "verify", copy, "--manifest", folder / "manifest.json")
    assert (checked["verified"], checked["entries"]) == (True, count)


def test_a_log_is_verified_by_the_keys_of_a_trust_root(
    made: Operation, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["log", "verify", made.project.folder, "--manifest", made.project.folder / "manifest.json"]
    assert given(capsys, *arguments, "--root", made.world.home("svb").folder)["verified"]
    assert given(capsys, *arguments, "--root", made.world.site.folder)["verified"]


def test_a_cosignature_hands_out_what_waited_for_it(
    made: Operation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    op = made.copy(tmp_path / "op")
    site, log = op.world.site.folder, tmp_path / "log.sqlite"
    (told,) = given(capsys, "match", "status", site, PROJECT)["rounds"]
    assert "cosignatures of 1 controllers" in told["en"]
    given(capsys, "log", "export", op.project.folder, "--form", "log", "--out", log)
    home = op.world.home("svb").folder
    signed = given(capsys, "log", "cosign", "svb", home, PROJECT, log, "--out", tmp_path / "signed")
    assert len(signed["checkpoints"]) == 2, "that of the release, and the newest"
    release = op.project.folder / "releases" / "svb" / f"{PROJECT}.r1.svb.release.json"
    assert not release.exists()
    taken = given(capsys, "log", "add-cosignature", site, PROJECT, *signed["checkpoints"])
    assert taken == {"cosigners": ["svb"], "handed_out": ["r1"]}
    assert release.exists()
    verified = given(
        capsys, "log", "verify", op.project.folder, "--manifest", op.project.folder / "manifest.json"
    )
    assert verified["cosigned"] == {"svb": signed["entries"]}
    policy = tmp_path / "policy"
    given(capsys, "log", "policy", op.project.folder / "manifest.json", "--out", policy, "--cosigned")
    assert "group controllers 1 " in policy.read_text()
    proof = release.with_name(release.name.replace(".json", ".tlog-proof"))
    manifest = op.project.folder / "manifest.json"
    assert (
        given(capsys, "log", "check-proof", proof, "--manifest", manifest, "--policy", policy)["name"]
        == "release"
    )


def test_the_account_ends_with_status_1_when_an_audit_record_is_gone(
    made: Operation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    op = made.copy(tmp_path / "op")
    page = tmp_path / "account.html"
    arguments = [
        "log",
        "report",
        op.project.folder,
        "--manifest",
        op.project.folder / "manifest.json",
        "--to",
        page,
    ]
    assert given(capsys, *arguments)["ok"]
    connection = sqlite3.connect(op.project.log_file)
    connection.execute("DELETE FROM details WHERE position = 2")
    connection.commit()
    connection.close()
    assert not given(capsys, *arguments, status=1)["ok"]
    assert "NIET in orde" in page.read_text()


def test_the_account_takes_the_copy_of_the_log_that_an_fg_has_and_says_what_it_could_not_check(
    made: Operation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A copy, the manifest that its own organisation signed, and the trust root in its own folder: no site."""
    copy, page, signed = (tmp_path / name for name in ("fg.log.sqlite", "account.md", "manifest.json"))
    with Log.open(made.project.log_file, read_only=True) as log:
        log.copy_without_details(copy)
    signed.write_bytes(made.project.manifest().canonical())
    root = made.world.home("svb").folder
    arguments = ["log", "report", copy, "--manifest", signed, "--root", root, "--to", page]
    assert given(capsys, *arguments)["ok"]
    told = page.read_text()
    assert "| r1 | vrijgegeven en vernietigd | 2 |" in told
    assert "kopie van het logboek" in told
    (waits,) = made.project.view().rounds.values()
    assert waits.release is not None
    assert f"({waits.release.mark.position}); wacht op medeondertekening" in told
    connection = sqlite3.connect(copy)
    connection.execute("DELETE FROM checkpoints")
    connection.commit()
    connection.close()
    assert not given(capsys, *arguments, status=1)["ok"]
    assert "klopt NIET" in page.read_text()
