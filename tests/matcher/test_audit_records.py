"""Who did a step stands in the audit record of its entry, and nowhere else; after its term nowhere at all."""

from __future__ import annotations

import os
import pwd
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from operation import Operation, days, folders

from lsi_match.log import writer
from lsi_match.log.audit_terms import details_problems, positions_in, ranges
from lsi_match.log.export import export_copy
from lsi_match.log.policy import log_keys
from lsi_match.log.steps import Step
from lsi_match.log.store import Log
from lsi_match.log.verify import Verification, verify_log
from lsi_match.matcher.site import audit_records as records
from lsi_match.matcher.site.audit_records import remove

PARTNERS = ("gemeente", "svb")
#: Not a name that could stand in a log for another reason.
USER = "operator-k7f3q9"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    before, writer._user = writer._user, lambda: USER
    try:
        folder = tmp_path_factory.mktemp("audit")
        made = Operation(folder, PARTNERS, folders(folder, PARTNERS))
        made.run_here("r1")
    finally:
        writer._user = before
    return made


@pytest.fixture
def op(base: Operation, tmp_path: Path) -> Operation:
    return base.copy(tmp_path / "op")


def verified(op: Operation, file: Path | None = None) -> Verification:
    return verify_log(file or op.project.log_file, log_keys(op.project.manifest()))


def problems(op: Operation) -> list[str]:
    with Log.open(op.project.log_file, read_only=True) as log:
        bound = [position for position, entry in log.entries() if entry.details_hash is not None]
        found = details_problems(op.project.view(), bound, list(log.details_positions()))
    return [one.reason for one in found]


def to_the_end_of_the_term(op: Operation) -> None:
    op.clock.to(op.clock() + days(op.project.manifest().retention.log_details_days))


def test_it_is_the_account_by_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    monkeypatch.delenv("SUDO_USER", raising=False)
    assert writer._user() == pwd.getpwuid(os.getuid()).pw_name
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setenv("SUDO_USER", "jansen")
    assert writer._user() == "jansen (root)"


def test_every_entry_has_one_that_refers_to_its_span_and_names_nobody_itself(op: Operation) -> None:
    with Log.open(op.project.log_file, read_only=True) as log:
        entries = list(log.entries())
        assert len(entries) > 10
        for position, entry in entries:
            assert log.details(position) == {"span_id": entry.span_id, "user": USER}
            assert USER not in entry.leaf().decode()
    assert problems(op) == []
    elsewhere = [f for f in op.project.folder.rglob("*") if f.is_file() and f != op.project.log_file]
    assert [file.name for file in elsewhere if USER.encode() in file.read_bytes()] == []


def test_a_copy_for_others_verifies_and_names_nobody(op: Operation, tmp_path: Path) -> None:
    copy = tmp_path / "out" / "log.sqlite"
    with Log.open(op.project.log_file, read_only=True) as log:
        assert export_copy(log, copy) == log.size
        assert export_copy(log, copy) == log.size, "in place of an older one"
        root = log.root()
    assert USER.encode() in op.project.log_file.read_bytes()
    assert USER.encode() not in copy.read_bytes()
    assert [file.name for file in copy.parent.iterdir()] == [copy.name]
    assert copy.stat().st_mode & 0o777 == 0o600
    found = verified(op, copy)
    assert (found.ok, found.root, found.details_present) == (True, root, 0)


def test_at_the_end_of_their_term_they_go_and_the_log_stays_verifiable(op: Operation) -> None:
    before = verified(op)
    last = op.clock()
    to_the_end_of_the_term(op)
    op.clock.to(op.clock() - timedelta(milliseconds=1))
    assert remove(op.project, op.clock()) < before.size, "not all were written at the end"
    op.clock.to(op.clock() + timedelta(milliseconds=1))
    assert op.clock() > last
    remove(op.project, op.clock())
    assert USER.encode() not in op.project.log_file.read_bytes()
    after = verified(op)
    assert (after.ok, after.details_present) == (True, 0)
    told = [e for e in op.project.entries() if e.name == Step.DESTROY_DETAILS.value]
    assert {p for e in told for p in positions_in(str(e.attributes["lsi.entries"]))} == set(
        range(before.size)
    )
    assert problems(op) == []
    to_the_end_of_the_term(op)
    assert remove(op.project, op.clock()) == 0, "an end"
    assert verified(op).size == after.size


def test_what_was_told_and_not_done_is_done_the_next_time_and_told_once(
    op: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    to_the_end_of_the_term(op)
    monkeypatch.setattr(records, "AT_ONCE", 5)
    with monkeypatch.context() as broken:
        broken.setattr(Log, "destroy_details", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            remove(op.project, op.clock())
    assert problems(op) == ["DetailsLeftError"]
    size = verified(op).size
    remove(op.project, op.clock())
    assert problems(op) == []
    assert verified(op).size == size


def test_one_that_is_gone_without_a_word_is_found(op: Operation) -> None:
    with sqlite3.connect(op.project.log_file) as connection:
        connection.execute("DELETE FROM details WHERE position = 3")
    connection.close()
    assert problems(op) == ["DetailsMissingError"]


def test_ranges_come_back_as_they_were() -> None:
    for positions in ([], [0], [0, 1, 2], [0, 2, 3, 4, 9], [7, 3, 3, 4]):
        assert positions_in(ranges(positions)) == set(positions)
    assert ranges([4, 3, 9]) == "3-4, 9"
