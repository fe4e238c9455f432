"""Delivering on a timer watches the log as well: it co-signs by itself, reads what others co-signed, and stops at two logs."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml_out
from operation import PROJECT, ROUND, Operation, days, folders, weekly

from lsi_match.cli.main import run
from lsi_match.library.judging import judging
from lsi_match.log.events import Released, RetentionApplied
from lsi_match.log.remembered import SplitViewError
from lsi_match.matcher.site.checkpoint import cosigned as cosigned_so_far
from lsi_match.partner.deliver import Delivered, deliver
from lsi_match.transport.endpoints import open_endpoint

PARTNERS = ("gemeente", "svb", "uwv")


def tick(operation: Operation, partner: str = "uwv") -> Delivered:
    world = operation.world
    return deliver(
        world.home(partner), PROJECT, operation.places[partner], world.mapping(partner), world.extracts,
        operation.folder / "by-itself" / partner, operation.clock(), judging=judging,
    )  # fmt: skip


@pytest.fixture
def operation(tmp_path: Path) -> Operation:
    """Three partners of which the places lie ready, a night in which nothing happened."""
    made = weekly(tmp_path / "one")
    made.reconcile()
    return made


def cosigned(operation: Operation) -> dict[str, datetime | None]:
    return {name: one.at for name, one in cosigned_so_far(operation.project, operation.clock()).items()}


def test_the_log_is_cosigned_without_people_once_and_the_others_are_told(operation: Operation) -> None:
    assert tick(operation).others == {"gemeente": None, "svb": None}
    (sent,) = [name for name in operation.lying("uwv") if name.endswith(".checkpoint")]
    operation.reconcile()
    assert cosigned(operation)["uwv"] is not None
    tick(operation)
    assert not any(name.endswith(".checkpoint") for name in operation.lying("uwv"))
    size = int(sent.split(".")[1])
    assert tick(operation, "svb").others == {"gemeente": None, "uwv": size}
    operation.clock.to(operation.clock() + days(1))
    operation.reconcile()
    found = tick(operation, "gemeente")
    assert (found.others, found.problems) == ({"svb": size, "uwv": size}, ())


def test_a_release_that_waits_for_all_is_handed_out_without_people(tmp_path: Path) -> None:
    op = Operation(tmp_path, PARTNERS, folders(tmp_path, PARTNERS), release={"cosignatures": 3})
    op.run_here("r1")
    op.reconcile()
    assert not list(op.project.folder.glob("releases/*/*.release.json"))
    for partner in PARTNERS:
        assert tick(op, partner).problems == ()
        op.clock.to(op.clock() + timedelta(minutes=1))
        op.reconcile()
    assert op.project.view().rounds["r1"].handed_out is not None
    assert op.cases("uwv", "r1") is not None


def part(*copies: Operation) -> None:
    """Let the logs of copies of one operation go on in different ways, for a day."""
    for number, one in enumerate(copies):
        with one.project.writer() as log:
            log.record(
                RetentionApplied(temporary=number), one.clock(), manifest=one.project.manifest().digest
            )
        one.clock.to(one.clock() + days(1))
        one.reconcile()


def test_what_another_cosigned_of_another_log_stops_everything_and_is_kept(
    operation: Operation, tmp_path: Path
) -> None:
    """The matching environment shows two partners two logs, of the same size."""
    twin = operation.copy(tmp_path / "two")
    part(operation, twin)
    assert tick(twin, "svb").problems == ()
    twin.reconcile()
    shown = twin.folder / "places" / "uwv" / "out" / f"{PROJECT}.svb.cosigned.tlog-proof"
    assert operation.project.view().size + 1 >= twin.project.view().size
    with open_endpoint(operation.places["uwv"]) as there:
        there.give("out", shown.name, shown.read_bytes())
    for _ in range(2):
        with pytest.raises(SplitViewError) as refused:
            tick(operation)
        assert (Path(str(refused.value.facts["folder"])) / "given.checkpoint").exists()
    assert not any(name.endswith(".drop.json") for name in operation.lying("uwv"))


def test_the_command_line_refuses_two_logs_and_says_where_the_evidence_lies(
    operation: Operation, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lsi_match.cli.partner.utc_now", operation.clock)
    twin = operation.copy(tmp_path / "two")
    home, config = operation.world.home("uwv"), operation.folder / "config"
    place = tmp_path / "place.yaml"

    def command(of: Operation) -> tuple[int, dict[str, object]]:
        yaml_out.write(place, json.loads(of.places["uwv"].model_dump_json(exclude_none=True)))
        arguments = ["partner", "deliver", "uwv", home.folder, PROJECT, "--place", place]
        arguments += ["--mapping", config / "mappings" / "uwv.yaml", "--extracts", operation.world.extracts]
        status = run([*map(str, arguments), "--folder", str(tmp_path / of.folder.name), "--json"])
        return status, json.loads(capsys.readouterr().out)

    part(operation, twin)
    status, said = command(operation)
    assert (status, said["sent"], said["others"]) == (0, [ROUND], {"gemeente": None, "svb": None})
    status, said = command(twin)
    assert (status, said["error"]) == (1, "SplitViewError")
    assert "log-seen.evidence" in str(said)


def test_what_another_did_not_sign_counts_for_nothing(operation: Operation) -> None:
    tick(operation, "svb")
    operation.reconcile()
    out = operation.folder / "places" / "uwv" / "out"
    theirs = (out / f"{PROJECT}.svb.cosigned.tlog-proof").read_bytes()
    with open_endpoint(operation.places["uwv"]) as there:
        there.give("out", f"{PROJECT}.gemeente.cosigned.tlog-proof", theirs)
    found = tick(operation)
    assert [error.reason for _, error in found.problems] == ["ProofRefusedError"]
    assert found.others == {}
    assert found.sent == (ROUND,), "rubbish at a place holds nothing up"


def test_a_log_that_does_not_hold_is_told_and_not_cosigned(operation: Operation) -> None:
    manifest = operation.project.manifest()
    for part in (operation.project.folder / "checkpoint").glob("*.log-part.json"):
        told = json.loads(part.read_text())
        part.write_text(json.dumps(told | {"papers": told.get("papers", [])[:1]}))
    operation.reconcile()
    found = tick(operation)
    assert [(what, error.reason) for what, error in found.problems] == [("log.sqlite", "PaperNotGivenError")]
    assert not any(name.endswith(".checkpoint") for name in operation.lying("uwv"))
    assert manifest.release.cosignatures == 0
    assert Released.step.value not in {entry.name for entry in operation.project.entries()}


def test_what_is_held_back_from_one_partner_is_told_after_a_while(operation: Operation) -> None:
    """Its place shows nothing of svb, which co-signs every day; then nothing new at all."""
    out = operation.folder / "places" / "uwv" / "out"

    def day() -> list[str]:
        operation.clock.to(operation.clock() + days(1))
        operation.reconcile()
        for partner in ("gemeente", "svb"):
            tick(operation, partner)
        operation.reconcile()
        (out / f"{PROJECT}.svb.cosigned.tlog-proof").unlink(missing_ok=True)
        return sorted(error.reason for _, error in tick(operation).problems)

    told = [day() for _ in range(3)]
    operation.clock.to(operation.clock() + days(12))
    told += [day(), day()]
    assert told == [[], [], [], ["CosignaturesUnseenError"], ["CosignaturesUnseenError"]]
    operation.reconcile()
    assert tick(operation).problems == ()
    operation.clock.to(operation.clock() + days(15))
    found = tick(operation).problems
    assert [error.reason for _, error in found] == ["LogStandsStillError"]
    for language in ("nl", "en"):
        assert "14" in found[0][1].text(language)
