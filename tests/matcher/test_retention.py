"""What is past its term is destroyed and the log says so; what cannot be destroyed is told; nothing goes too early."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from operation import MONDAY, PARTNERS, ROUND, Operation, days, execute

from lsi_match.log.log_proof import LogProof
from lsi_match.log.policy import log_keys
from lsi_match.log.verify import verify_log
from lsi_match.matcher.operate import retention, transfers
from lsi_match.matcher.operate.retention import DAY, REFUSED, TERMS, destroy_due, due
from lsi_match.matcher.round.open_round import open_round
from lsi_match.matcher.round.run import Run
from lsi_match.matcher.round.work import WORK
from lsi_match.transport.endpoints import open_endpoint


def released(operation: Operation) -> Operation:
    for partner in PARTNERS:
        operation.deliver(partner, ROUND)
    operation.reconcile()
    assert operation.state(ROUND) == "destroyed"
    return operation


def kinds(operation: Operation) -> set[str]:
    return {one.kind for one in due(operation.project, operation.clock())}


def entries(operation: Operation, name: str) -> list[str]:
    return [e.status for e in operation.project.entries() if e.name == name]


def test_a_round_whose_work_cannot_be_removed_is_not_destroyed_yet(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk refused to remove what lay in the folder of the matching: the round counted as destroyed, and it stayed."""
    for partner in PARTNERS:
        operation.deliver(partner, ROUND)
    transfers.collect(operation.project, operation.clock())
    left = operation.project.round_folder(ROUND) / WORK / "order.box"
    with closing(Run(operation.project, ROUND, operation.clock)) as run:
        for step in (run.gates, run.intake, run.match, run.count, run.release):
            step()
        assert left.exists()
        with monkeypatch.context() as patch:
            patch.setattr(os, "unlink", failing(os.unlink))
            with pytest.raises(OSError, match="Input/output"):
                run.destroy()
    assert operation.state(ROUND) == "released"
    with closing(Run(operation.project, ROUND, operation.clock)) as run:
        run.destroy()
    assert operation.state(ROUND) == "destroyed"
    assert not left.exists()


def failing(unlink: Callable[..., None]) -> Callable[..., None]:
    def refusing(path: Any, *args: Any, **how: Any) -> None:
        if os.fspath(path).endswith(".box"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        unlink(path, *args, **how)

    return refusing


def test_a_released_round_leaves_nothing_that_is_due_until_its_terms_end(operation: Operation) -> None:
    released(operation)
    assert due(operation.project, operation.clock()) == []
    manifest = operation.project.manifest()
    operation.clock.to(operation.clock() + days(manifest.release.keep_days) - timedelta(seconds=1))
    assert kinds(operation) == set()
    operation.clock.to(operation.clock() + timedelta(seconds=1))
    assert kinds(operation) == {"release"}
    assert destroy_due(operation.project, operation.clock).counts() == {"release": len(PARTNERS)}
    assert not list((operation.project.folder / "releases").rglob("*.release.*"))
    operation.clock.to(MONDAY + days(manifest.retention.log_details_days))
    assert kinds(operation) == {"subjects", "details", "letter"}
    destroy_due(operation.project, operation.clock)
    assert kinds(operation) == set()
    assert entries(operation, "expire") == ["Ok"] * len(PARTNERS)
    assert entries(operation, "destroy subjects") == ["Ok"]
    key = log_keys(manifest)
    assert verify_log(operation.project.log_file, key).ok


def test_proofs_of_destruction_that_a_kill_left_out_are_made_up_for(operation: Operation) -> None:
    released(operation)
    operation.clock.to(operation.clock() + days(operation.project.manifest().retention.log_details_days))
    destroy_due(operation.project, operation.clock)
    proofs = sorted((operation.project.folder / "proofs").iterdir())
    assert [file.name.split(".", 2)[2] for file in proofs] == [
        "destroy-subjects.tlog-proof",
        "destroy.tlog-proof",
        *(f"{partner}.expire.tlog-proof" for partner in sorted(PARTNERS)),
    ]
    for file in proofs:  # a process that is killed has logged what it did, and no more
        file.unlink()
    assert destroy_due(operation.project, operation.clock).failed == []
    for file in proofs:
        LogProof.parse(file.read_text())


def test_what_lies_there_of_a_round_that_is_over_is_due_at_once(operation: Operation) -> None:
    drop = operation.deliver("uwv", ROUND)
    operation.reconcile()
    sealed = drop.parent.joinpath(next(drop.parent.glob("*.age")).name).read_bytes()
    key = (operation.project.round_folder(ROUND) / "round.key").read_bytes()
    retention.abandon(operation.project, ROUND, operation.clock)
    inbox = operation.project.folder / "inbox" / "uwv" / f"proef.{ROUND}.uwv.0000000000000000.part-0000.age"
    staged = operation.project.folder / "staging" / ROUND / "uwv" / f"proef.{ROUND}.uwv.release.age"
    again = operation.project.round_folder(ROUND) / "round.key"
    received = operation.project.folder / "received" / "uwv" / inbox.name
    for file, data in ((inbox, sealed), (received, sealed), (staged, sealed), (again, key)):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    assert {one.name.split("/")[0] for one in due(operation.project, operation.clock())} == {
        "inbox", "received", "staging", "rounds",
    }  # fmt: skip
    assert destroy_due(operation.project, operation.clock).counts() == {"drop": 4}
    assert not any(file.exists() for file in (inbox, received, staged, again))
    assert entries(operation, "retention") == ["Ok"]


def test_drops_of_an_open_round_and_its_key_are_never_due(operation: Operation) -> None:
    operation.deliver("uwv", ROUND)
    operation.reconcile()
    operation.clock.to(operation.clock() + days(400))
    assert kinds(operation) <= {"letter", "details"}


def test_a_refused_drop_of_no_round_goes_after_a_week_and_a_stray_file_after_a_day(
    operation: Operation,
) -> None:
    with open_endpoint(operation.places["uwv"]) as there:
        there.give("in", "proef.2020-01-01.uwv.0000000000000000.drop.json", b'{"no": "drop"}')
    operation.reconcile()
    stray = operation.project.folder / "inbox" / "uwv" / "jansen.csv"
    stray.write_text("999990019")
    at = operation.clock().timestamp()
    os.utime(stray, (at, at))
    operation.clock.to(MONDAY + DAY - timedelta(seconds=1))
    assert kinds(operation) == set()
    operation.clock.to(MONDAY + DAY)
    assert [one.name for one in due(operation.project, operation.clock())] == ["inbox/uwv/jansen.csv"]
    operation.clock.to(MONDAY + REFUSED)
    assert destroy_due(operation.project, operation.clock).counts() == {"drop": 2}
    assert not list((operation.project.folder / "quarantine").rglob("*.drop.json"))
    assert list((operation.project.folder / "quarantine").rglob("reason.json"))
    assert "jansen" not in str(operation.project.entries())


def test_what_a_killed_process_left_half_goes_after_a_day(operation: Operation) -> None:
    """Of the site after an hour; in an inbox, where somebody may still be writing it, after a day."""
    folder = operation.project.folder
    halves = [folder / name / "uwv" / ".part.age.0a1b2c3d.tmp" for name in ("received", "inbox")]
    for half in halves:
        half.parent.mkdir(parents=True, exist_ok=True)
        half.write_bytes(b"half")
        at = operation.clock().timestamp()
        os.utime(half, (at, at))
    operation.clock.to(MONDAY + timedelta(hours=1))
    assert kinds(operation) == {"temporary"}
    operation.clock.to(MONDAY + DAY)
    assert "drop" in kinds(operation)
    destroy_due(operation.project, operation.clock)
    assert not any(half.exists() for half in halves)


def test_a_link_is_removed_and_not_followed(operation: Operation, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("not ours")
    link = operation.project.folder / "inbox" / "uwv" / "link"
    link.symlink_to(elsewhere)
    at = operation.clock().timestamp()
    os.utime(link, (at, at), follow_symlinks=False)
    operation.clock.to(MONDAY + DAY)
    assert destroy_due(operation.project, operation.clock).counts() == {"drop": 1}
    assert elsewhere.read_text() == "not ours"
    assert not link.is_symlink()


def test_what_cannot_be_destroyed_is_told_and_logged_once_a_day_and_the_rest_goes_on(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    released(operation)
    operation.clock.to(operation.clock() + days(31))
    destroy = retention.destroy

    def stuck(path: Path) -> None:
        if "svb" in path.name:
            raise OSError(30, "Read-only file system")
        destroy(path)

    monkeypatch.setattr(retention, "destroy", stuck)
    for _ in range(3):
        seen = operation.reconcile()
    assert seen.failed
    assert [one.name for one, _ in seen.destroyed.failed] == [f"proef.{ROUND}.svb.release.json"]
    assert entries(operation, "retention") == ["Error"]
    said = next(e for e in operation.project.entries() if e.name == "retention")
    assert "Read-only file system" in str(said.attributes["exception.message"])
    assert operation.state(ROUND) == "destroyed"
    operation.clock.to(operation.clock() + DAY)
    operation.reconcile()
    assert entries(operation, "retention") == ["Error", "Error"]
    monkeypatch.undo()
    assert not operation.reconcile().failed
    assert kinds(operation) == set()


def test_every_kind_that_is_due_is_told_in_both_languages() -> None:
    from lsi_match.base.catalogue import word

    assert all(word("expired", term.kind, "nl") != term.kind for term in TERMS)


def test_an_opening_that_was_broken_off_before_it_was_logged_is_made_anew(
    tmp_path: Path, operation: Operation
) -> None:
    script = (
        "import os, sys; from pathlib import Path; from datetime import datetime\n"
        "from lsi_match.log.writer import LogWriter; from lsi_match.matcher.round.open_round import open_round\n"
        "from lsi_match.matcher.site.site import Site\n"
        "LogWriter.record = lambda *a, **k: os._exit(9)\n"
        "open_round(Site(Path(sys.argv[1])).project('proef'), 'hand', None, datetime.fromisoformat(sys.argv[2]))\n"
    )
    site, now = operation.world.site.folder, operation.clock() + 7 * DAY
    assert execute(script, site, now.isoformat()) == 9
    assert operation.state("hand") == "absent"
    open_round(operation.project, "hand", None, now + timedelta(minutes=1))
    mine = [
        e for e in operation.project.entries()
        if e.name == "open round" and e.attributes["lsi.round"] == "hand"
    ]  # fmt: skip
    opening, _data = operation.project.opening("hand")
    assert len(mine) == 1
    assert opening.opened_at == now + timedelta(minutes=1)
    run = Run(operation.project, "hand", operation.clock)
    run.destroy()
    run.close()
