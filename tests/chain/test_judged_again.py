"""A log of a real round, judged again from the signed papers; and two histories, shown to every command."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from lsi_match.base.clock import utc_now
from lsi_match.cli.main import run
from lsi_match.demo.world import World
from lsi_match.log.events import Counted, Held, Justified, Matched, Released, RetentionApplied
from lsi_match.log.writer import LogWriter
from lsi_match.matcher.site.site import Site
from lsi_match.partner.home import Home

from .conftest import ROUND, run_steps

NOTHING = "sha256:" + "0" * 64


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, object]]:
    capsys.readouterr()
    status = run([*map(str, arguments), "--json"])
    return status, json.loads(capsys.readouterr().out)


def handed(world: World, to: Path) -> tuple[Path, Path]:
    """The log and the papers, as they are handed to others."""
    log, papers = to / "log.sqlite", to / "samenloop.papers.json"
    for form, file in (("log", log), ("papers", papers)):
        assert run(["log", "export", str(world.project.folder), "--form", form, "--out", str(file)]) == 0
    return log, papers


def test_a_round_is_judged_again_by_who_has_the_papers(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_steps(world)
    log, papers = handed(world, tmp_path / "handed")
    uwv, manifest = world.home("uwv").folder, world.project.folder / "manifest.json"
    verify = ("log", "verify", log, "--manifest", manifest)
    assert said(capsys, *verify)[1]["judged"] is None
    assert run([str(one) for one in verify]) == 0
    assert "NIET opnieuw beoordeeld" in capsys.readouterr().out
    status, found = said(capsys, *verify, "--home", uwv, "--papers", papers)
    assert (status, found["problems"]) == (0, [])
    assert found["judged"] == {
        "trust root": 1, "register manifest": 1, "open round": 1, "gates": 1, "count": 1, "release": 1,
    }  # fmt: skip
    assert said(capsys, "log", "verify", world.project.folder, "--manifest", manifest, "--home", uwv)[1][
        "judged"
    ]
    cosign = ("log", "cosign", "svb", world.home("svb").folder, "samenloop", log, "--out", tmp_path / "out")
    assert said(capsys, *cosign)[1]["judged"] is False
    assert said(capsys, *cosign, "--papers", papers)[1]["judged"] is True
    few = tmp_path / "few.papers.json"
    few.write_text(json.dumps(json.loads(papers.read_text())[:-1]))
    assert said(capsys, *verify, "--home", uwv, "--papers", few)[0] == 1
    assert said(capsys, *cosign, "--papers", few)[1]["error"] == "PaperNotGivenError"


@pytest.mark.parametrize("asked", [("uwv",), ("gemeente", "svb", "uwv")], ids=["one asked", "all asked"])
def test_a_held_round_that_papers_of_nothing_released_does_not_verify(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], asked: tuple[str, ...]
) -> None:
    run_steps(world, steps=("gates", "intake", "match", "count"))
    counted = world.project.view().rounds[ROUND].counts
    assert counted is not None
    asked = tuple(name for name in world.project.manifest().controllers if name in asked)
    findings, now = str(counted.findings), utc_now()
    with world.project.writer() as log:
        for event in (
            Matched(round=ROUND, cases=1, subjects=NOTHING),
            Counted(round=ROUND, overview=counted.overview, table=counted.table, findings=findings, alerts=1),
            Held(round=ROUND, findings=findings, alerts=1, until=now.replace(microsecond=0) + timedelta(days=1), controllers=asked),
            Justified(
                round=ROUND, findings=findings, papers=dict.fromkeys(asked, NOTHING), decisions=dict.fromkeys(asked, "release")
            ),
            Matched(round=ROUND, cases=1, subjects=NOTHING),
            Released(round=ROUND, cases=1),
        ):  # fmt: skip
            log.record(event, now, manifest=world.project.manifest().digest)
    copy, papers = handed(world, tmp_path / "handed")
    uwv, manifest = world.home("uwv").folder, world.project.folder / "manifest.json"
    status, found = said(
        capsys, "log", "verify", copy, "--manifest", manifest, "--home", uwv, "--papers", papers
    )
    assert (status, found["verified"]) == (1, False)
    status, _ = said(
        capsys, "log", "cosign", "uwv", uwv, "samenloop", copy, "--papers", papers, "--out", tmp_path / "out"
    )
    assert status == 1
    assert not (tmp_path / "out").exists()


def test_two_histories_are_refused_at_every_command(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Seen: `partner receipt` accepted the contradicting receipts of both; only `log cosign` remembered."""
    other = tmp_path / "other"
    shutil.copytree(world.folder, other)
    twin = World(other, world.config, world.extracts, world.clock)
    for one, days in ((world, 1), (twin, 2)):
        site = Site(one.site.folder).project("samenloop")
        with LogWriter.existing(site.log_file, "samenloop", one.site.identity, site.log_keys) as log:
            log.record(RetentionApplied(temporary=days), utc_now(), manifest=site.manifest().digest)
        one.open_round("r2", "2026-10-01")
        run_steps(one)
    assert world.project.view().size == twin.project.view().size
    manifest, home = world.project.folder / "manifest.json", world.home("uwv")
    opening = (
        "partner",
        "prepare",
        "uwv",
        home.folder,
        "samenloop",
        "--mapping",
        world.config / "mappings" / "uwv.yaml",
    )
    opening += ("--extracts", world.extracts, "--to", tmp_path / "drop", "--opening")
    commands = {
        "prepare": lambda of: (*opening, of.project.round_folder("r2") / "opening.json"),
        "open": lambda of: (
            "partner", "open", "uwv", home.folder, "samenloop", of.release_file("uwv", ROUND), "--to", tmp_path / "cases.csv",
        ),
        "check-proof": lambda of: (
            "log", "check-proof", next(of.project.folder.glob("proofs/*.tlog-proof")), "--manifest", manifest, "--home", home.folder,
        ),
        "verify": lambda of: ("log", "verify", of.project.log_file, "--manifest", manifest, "--home", home.folder),
        "cosign": lambda of: ("log", "cosign", "uwv", home.folder, "samenloop", of.project.log_file, "--out", tmp_path / "co"),
    }  # fmt: skip
    for number, first in enumerate(commands.values()):
        kept = home.log("samenloop").file
        for file in kept.parent.glob("log-seen*"):
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        assert said(capsys, *first(world))[0] == 0
        # After the first of them all are tried; after each other one, which remembers the same, one.
        for name, command in list(commands.items())[: None if number == 0 else 1]:
            status, found = said(capsys, *command(twin))
            assert status == 1, name
            told = found.get("error") or found["problems"]
            assert told == "SplitViewError" or "spreken" in str(told), name
        assert list(
            Home(home.folder, "uwv").log("samenloop").file.parent.glob("log-seen.evidence/*/given.checkpoint")
        )
        assert said(capsys, *first(world))[0] == 0
