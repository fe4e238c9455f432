"""Prefect's own database damaged, gone or kept locked: a run goes on with another, and the log says what was done."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from operation import ROUND
from parent_process import used

from lsi_match.flows import database
from lsi_match.flows.database import ASIDE, FILE, make_usable
from lsi_match.matcher.operate.events_file import FILE as EVENTS
from lsi_match.matcher.operate.runner import run_match

from .conftest import Weekly

pytestmark = pytest.mark.slow


def made(file: Path) -> None:
    """A database in WAL, as Prefect has it, of many pages."""
    with closing(sqlite3.connect(file, isolation_level=None)) as new:
        new.execute("PRAGMA journal_mode = WAL")
        new.execute("CREATE TABLE flow_run (id INTEGER PRIMARY KEY, name TEXT)")
        new.executemany("INSERT INTO flow_run (name) VALUES (?)", [("x" * 200,)] * 2000)


def sound(file: Path) -> None: ...


def gone(file: Path) -> None:
    file.unlink()


def garbage(file: Path) -> None:
    file.write_bytes(b"no database at all" * 1000)


def torn(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2 // 4096 * 4096)


def overwritten(file: Path) -> None:
    with file.open("r+b") as handle:
        for page in range(2, file.stat().st_size // 4096, 3):
            handle.seek(page * 4096)
            handle.write(b"\xa5" * 4096)


@pytest.mark.parametrize(
    ("harm", "said"),
    [(sound, None), (gone, None), (garbage, "damaged"), (torn, "damaged"), (overwritten, "damaged")],
)
def test_what_is_damaged_is_set_aside_and_what_is_sound_is_not(
    tmp_path: Path, harm: Callable[[Path], None], said: str | None
) -> None:
    file = tmp_path / FILE
    made(file)
    harm(file)
    before = file.read_bytes() if file.exists() else None
    assert make_usable(tmp_path) == said
    assert file.exists() == (said is None and before is not None)
    if said:
        assert (tmp_path / (FILE + ASIDE)).read_bytes() == before
    assert make_usable(tmp_path) is None


@contextmanager
def locked(file: Path) -> Iterator[None]:
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        yield
        holder.execute("ROLLBACK")


def test_a_lock_is_waited_for_and_one_that_stays_is_left_to_its_holder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path / FILE)
    with ExitStack() as stack:
        stack.enter_context(locked(tmp_path / FILE))
        soon = threading.Timer(0.3, stack.close)
        soon.start()
        assert make_usable(tmp_path) is None
        soon.join()
    monkeypatch.setattr(database, "LOCKED_SECONDS", 0.2)
    with locked(tmp_path / FILE):
        assert make_usable(tmp_path) == "locked"
        assert not (tmp_path / FILE).exists()
        assert make_usable(tmp_path) is None


def test_a_run_goes_on_with_a_new_database_and_tells_so(
    project: Weekly, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.put_back("run")
    site = project.operation.world.site.folder
    home = site / "prefect"
    home.mkdir()
    garbage(home / FILE)
    # The clock of its process is the real one, by which the round's time is over or to come: it is refused, by its gates.
    used(monkeypatch, LOOK="no")
    outcome = run_match(site, project.operation.project.id, ROUND)
    assert outcome["state"] == "refused", outcome
    assert outcome["reason"] != "UnexpectedError", outcome
    with closing(sqlite3.connect(home / FILE)) as new:
        assert new.execute("SELECT count(*) FROM flow_run").fetchone()[0] >= 1
    events = [json.loads(line) for line in (site / EVENTS).read_text().splitlines()]
    assert [one["reason"] for one in events if one["event"] == "prefect database set aside"] == ["damaged"]
    project.put_back("run")
    project.look()
    assert project.end()["rounds"] == {ROUND: "destroyed"}
