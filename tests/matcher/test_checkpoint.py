"""Once a day the log is laid ready to be co-signed, and what controllers send back comes in by itself."""

from __future__ import annotations

import json
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from operation import PROJECT, Operation, days, folders

from lsi_match.cli.main import run
from lsi_match.log.events import CheckpointMade
from lsi_match.log.policy import log_keys
from lsi_match.log.store import Log
from lsi_match.log.tail import parts_of
from lsi_match.log.verify import verify_log
from lsi_match.matcher.site import checkpoint
from lsi_match.matcher.site.checkpoint import cosigned
from lsi_match.partner import transfer
from lsi_match.partner.cosign import cosign_log
from lsi_match.transport.endpoints import open_endpoint

PARTNERS = ("gemeente", "svb", "uwv")
NIGHT = datetime(2026, 6, 8, 4, 0, tzinfo=UTC)


@pytest.fixture
def operation(tmp_path: Path) -> Operation:
    made = Operation(tmp_path, PARTNERS, folders(tmp_path, PARTNERS))
    made.clock.to(NIGHT)
    made.reconcile()
    return made


def made(operation: Operation) -> int:
    return sum(entry.name == "checkpoint" for entry in operation.project.entries())


def fetched(operation: Operation, partner: str) -> Path:
    operation.fetch(partner)
    (copy,) = (operation.folder / "mail" / partner).glob("*.log.sqlite")
    return copy


def lying_parts(operation: Operation) -> list[tuple[int, int]]:
    names = [name for name in operation.lying("uwv", "out") if name.endswith(".log-part.json")]
    assert names == [file.name for file in checkpoint.parts(operation.project)]
    return sorted((int(a), int(b)) for a, b in (name.split(".")[1].split("-") for name in names))


def test_there_is_one_a_day_and_the_log_lies_ready_in_parts(operation: Operation) -> None:
    assert made(operation) == 1
    operation.clock.to(NIGHT + timedelta(hours=3))
    operation.reconcile()
    assert made(operation) == 1
    for day in (1, 2):
        operation.clock.to(NIGHT + days(day))
        operation.reconcile()
    assert made(operation) == 3
    assert lying_parts(operation) == list(parts_of(len(operation.project.entries())))


def test_older_parts_and_copies_that_a_stop_left_go_with_the_next_look(operation: Operation) -> None:
    lying, before = checkpoint.parts(operation.project), lying_parts(operation)
    for name in ("0-2.log-part.json", "3.log.sqlite", "3.papers.json"):
        shutil.copy(lying[0], lying[0].with_name(f"{PROJECT}.{name}"))
    operation.reconcile()
    assert lying_parts(operation) == before
    assert {file.name for file in lying[0].parent.iterdir() if file.is_file()} == {one.name for one in lying}


def test_parts_are_brought_once_and_give_the_whole_log_whatever_its_age(
    operation: Operation, tmp_path: Path
) -> None:
    """Of a year of days each part is brought and fetched once; and a log that was altered does not pass for the same."""
    brought = dict[str, int]()
    with operation.project.writer() as log:
        log.log._connection.execute("PRAGMA synchronous = OFF")
        for day in range(1, 200):
            log.record(
                CheckpointMade(asked=PARTNERS),
                NIGHT + days(day),
                manifest=operation.project.manifest().digest,
            )
            if day % 20 == 0:
                checkpoint.export_parts(operation.project)
                brought |= {f.name: f.stat().st_size for f in checkpoint.parts(operation.project)}
    operation.clock.to(NIGHT + days(200))
    operation.reconcile()
    copy = fetched(operation, "uwv")
    found = verify_log(copy, log_keys(operation.project.manifest()))
    assert (found.ok, found.size) == (True, len(operation.project.entries()))
    assert sum(brought.values()) < 4 * sum(f.stat().st_size for f in checkpoint.parts(operation.project))
    assert transfer.fetch(operation.places["uwv"], copy.parent).files == (), "nothing is new"
    part = next(copy.parent.glob(f"{PROJECT}.0-*.log-part.json"))
    told = json.loads(part.read_text())
    with open_endpoint(operation.places["uwv"]) as there:
        for damage in (
            {"leaves": told["leaves"][1:]},
            {"leaves": ["!"]},
            {"notes": ["\ud800"]},
            {"first": "a"},
        ):
            there.give("out", part.name, json.dumps(told | damage).encode())
            seen = transfer.fetch(operation.places["uwv"], copy.parent)
            assert [name for name, _ in seen.problems] == [copy.name], damage
            assert copy.name not in seen.lying
        there.remove("out", part.name)
    assert copy.name not in transfer.fetch(operation.places["uwv"], copy.parent).lying, (
        "parts of no whole log"
    )


def test_the_copy_verifies_and_has_no_details(operation: Operation) -> None:
    from lsi_match.log.entry import LogEntry

    with Log.open(operation.project.log_file) as log:
        entry = operation.project.entries()[0]
        again = LogEntry.model_validate(entry.model_dump() | {"details_hash": None})
        identity = operation.world.site.identity()
        log.append_and_sign([(again, {"secret": "detail-of-somebody"})], identity.log_key, log.origin)
    operation.clock.to(NIGHT + days(1))
    operation.reconcile()
    copy = fetched(operation, "uwv")
    found = verify_log(copy, log_keys(operation.project.manifest()))
    assert found.ok, found.texts("en")
    assert found.details_present == 0
    assert b"detail-of-somebody" not in copy.read_bytes()
    assert b"detail-of-somebody" in operation.project.log_file.read_bytes()
    with sqlite3.connect(operation.project.log_file) as connection:
        assert connection.execute("SELECT count(*) FROM details").fetchone() == (
            len(operation.project.entries()),
        )


def test_a_cosignature_comes_back_by_itself(operation: Operation, tmp_path: Path) -> None:
    def at() -> dict[str, datetime | None]:
        return {name: one.at for name, one in cosigned(operation.project, operation.clock()).items()}

    assert at() == dict.fromkeys(PARTNERS)
    home = operation.world.home("uwv")
    (signed,) = cosign_log(home, fetched(operation, "uwv"), PROJECT, operation.clock())
    file = tmp_path / f"{PROJECT}.{signed.checkpoint.size}.uwv.checkpoint"
    file.write_text(signed.note)
    assert transfer.send(home, file, operation.places["uwv"]) == 1
    operation.clock.to(NIGHT + timedelta(minutes=10))
    assert not operation.reconcile().failed
    assert at() == {"gemeente": None, "svb": None, "uwv": NIGHT}
    assert operation.lying("uwv") == []


def test_what_is_no_cosignature_is_told_and_taken_away(operation: Operation) -> None:
    with open_endpoint(operation.places["svb"]) as there:
        there.give(
            "in", f"{PROJECT}.7.svb.checkpoint", b"a.example/proef\n7\nAAAA\n\n\xe2\x80\x94 svb AAAA\n"
        )
    assert [trouble.partner for trouble in operation.reconcile().troubles] == ["svb"]
    assert operation.lying("svb") == []
    assert not operation.reconcile().failed


def test_a_copy_that_a_stop_prevented_is_made_the_next_time(operation: Operation) -> None:
    before = lying_parts(operation)
    checkpoint.parts(operation.project)[0].unlink()
    operation.reconcile()
    assert lying_parts(operation) == before
    assert made(operation) == 1


def test_a_log_that_is_not_the_one_seen_before_is_not_cosigned(operation: Operation, tmp_path: Path) -> None:
    first = fetched(operation, "uwv").read_bytes()
    operation.clock.to(NIGHT + days(1))
    operation.reconcile()
    home = operation.world.home("uwv").folder
    out = tmp_path / "cosigned"
    command = ["log", "cosign", "uwv", str(home), PROJECT]
    assert run([*command, str(fetched(operation, "uwv")), "--out", str(out), "--json"]) == 0
    older = tmp_path / "older.sqlite"
    older.write_bytes(first)
    assert run([*command, str(older), "--out", str(out), "--json"]) == 1
