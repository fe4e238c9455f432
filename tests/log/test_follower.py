"""A view that was kept is used when it is of this log, of this version and signed by its writer; else it is made anew."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from logged import DIGEST, entry
from old_logs import NAMES, old_log
from refusals import raises

from lsi_match.log import events, follower
from lsi_match.log.follower import KEPT, LogReader
from lsi_match.log.note import VerifierKey
from lsi_match.log.store import Log
from lsi_match.log.view import QUIET, ProjectView
from lsi_match.matcher.site.make_receipts import LETTERS

KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
NAME = "koppeling.example"


@pytest.fixture(autouse=True)
def _always_worth_keeping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "WORTH", 1)


def made(path: Path, name: str, size: int | None = None) -> Log:
    """The first entries of a log of before, in a file, signed anew."""
    log = Log.create(path, f"{NAME}/proef")
    entries = [entry.model_copy(update={"details_hash": None}) for entry in old_log(name)]
    log.append_and_sign([(entry, None) for entry in entries[:size]], KEY, NAME)
    return log


def keys() -> tuple[VerifierKey, ...]:
    return (VerifierKey.of(NAME, KEY),)


def reader(path: Path) -> LogReader:
    return LogReader.open(path, keys)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of which the view of the first 20 entries was kept."""
    made(tmp_path / "whole.sqlite", "two-rounds").close()
    path = tmp_path / "log.sqlite"
    with made(path, "two-rounds", 20) as some:
        first = LogReader(some, keys)
        assert first.view.size == 20
        first.keep(KEY, NAME)
        rest = [entry.model_copy(update={"details_hash": None}) for entry in old_log("two-rounds")[20:]]
        some.append_and_sign([(entry, None) for entry in rest], KEY, NAME)
    return path


def read_from(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[ProjectView, int]:
    """The view, and from which position on entries were read for it."""
    started: list[int] = []
    honest = Log.entries

    def entries(self: Log, start: int = 0) -> Iterator[object]:
        started.append(start)
        return honest(self, start)

    monkeypatch.setattr(Log, "entries", entries)
    with reader(path) as opened:
        view = opened.view
    return view, started[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_view_that_goes_on_from_any_size_is_the_view_of_the_whole_log(name: str) -> None:
    entries = old_log(name)
    view, whole = ProjectView(), ProjectView.of(entries)
    for position, old in enumerate(entries):
        view.apply(position, old)
        kept = follower._form().validate_json(follower._form().dump_json(view))
        assert kept == view
        view = copy.copy(kept)
    assert view == whole


def test_reading_goes_on_from_the_size_that_was_seen_last(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    view, start = read_from(log, monkeypatch)
    assert start == 20
    assert view == ProjectView.of(old_log("two-rounds"))


def test_what_is_appended_while_a_log_is_open_is_taken_in(log: Path) -> None:
    with Log.open(log) as writing, reader(log) as opened:
        before = opened.view.size
        (last,) = [e for _, e in writing.entries(before - 1)]
        entry = last.model_copy(update={"details_hash": None, "name": "something new"})
        writing.append_and_sign([(entry, None)], KEY, NAME)
        assert (opened.view.size, set(opened.view.unknown)) == (before + 1, {"something new"})


def altered(data: bytes) -> bytes:
    head, _, body = data.rpartition(b"\n")
    value = json.loads(body)
    value["live"]["2026-06-08"]["state"] = "held"
    return head + b"\n" + json.dumps(value).encode()


def signed_by_another(data: bytes) -> bytes:
    head, _, body = data.rpartition(b"\n")
    text = head.decode().rpartition("\n\n")[0] + "\n"
    return follower.note.sign_note(text, OTHER, NAME).encode() + body


@pytest.mark.parametrize(
    "change",
    [altered, signed_by_another, lambda data: data[:-1], lambda data: b"", lambda data: b"\xff" + data],
    ids=["altered", "signer", "cut", "empty", "bytes"],
)
def test_a_view_that_was_changed_changes_no_answer(
    log: Path, change: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = log.with_name(KEPT)
    file.write_bytes(change(file.read_bytes()))  # type: ignore[operator]
    view, start = read_from(log, monkeypatch)
    assert start == 0
    assert view == ProjectView.of(old_log("two-rounds"))


def test_a_view_of_another_version_or_of_another_history_is_made_anew(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(follower, "VERSION", follower.VERSION + 1)
        assert read_from(log, newer)[1] == 0
    other = tmp_path / "other" / "log.sqlite"
    other.parent.mkdir()
    made(other, "held-then-released").close()
    other.with_name(KEPT).write_bytes(log.with_name(KEPT).read_bytes())
    view, start = read_from(other, monkeypatch)
    assert start == 0
    assert view == ProjectView.of(old_log("held-then-released"))


def test_who_has_no_key_of_the_log_reads_all_of_it(log: Path) -> None:
    with LogReader.open(log) as opened:
        assert opened.view == ProjectView.of(old_log("two-rounds"))
        assert opened._kept_size == 0


def test_what_is_signed_over_a_view_is_no_checkpoint(log: Path) -> None:
    head, _, _ = log.with_name(KEPT).read_bytes().rpartition(b"\n")
    with raises("CheckpointMalformedError"):
        follower.note.Checkpoint.of_note(head + b"\n")


# rounds that are done with


@pytest.fixture
def done(tmp_path: Path) -> Path:
    """A log whose two rounds are over and forgotten, and its view, in which they were put away."""
    path = tmp_path / "log.sqlite"
    with made(path, "expired-and-forgotten") as some:
        first = LogReader(some, keys)
        assert len(first.view.rounds) == 2
        first.keep(KEY, NAME)
    return path


def without(view: ProjectView) -> ProjectView:
    """To be compared: with every round got back."""
    assert view.rounds
    return view


def test_a_round_that_is_done_with_is_read_only_when_it_is_asked_for(done: Path) -> None:
    whole = ProjectView.of(old_log("expired-and-forgotten"))
    with reader(done) as opened:
        view = opened.view
        assert (len(view.live), len(view.put_away)) == (0, 2)
        assert view.summaries() == whole.summaries()
        assert view.opened() == whole.opened()
        assert all(view.has(name) for name in whole.rounds)
        assert (len(view.live), len(view.put_away)) == (0, 2), "so far nothing was needed of them"
        assert view.rounds == whole.rounds
        assert without(view) == whole


@pytest.mark.parametrize("damage", [b"", b"{}", b"not json"])
def test_rounds_that_were_put_away_and_changed_come_from_the_log(done: Path, damage: bytes) -> None:
    done.with_name(follower.AWAY).write_bytes(damage)
    with reader(done) as opened:
        assert opened.view.rounds == ProjectView.of(old_log("expired-and-forgotten")).rounds


def test_what_comes_late_about_a_round_that_was_put_away_is_taken_in(done: Path) -> None:
    told = entry(events.OutcomeTakenIn(round="2026-06-08", partner="uwv", outcome=DIGEST))
    with Log.open(done) as log:
        log.append_and_sign([(told, None)], KEY, NAME)
    with reader(done) as opened:
        assert without(opened.view) == ProjectView.of([*old_log("expired-and-forgotten"), told])
        assert opened.view.rounds["2026-06-08"].outcomes == {"uwv": DIGEST}


def test_receipts_and_reasons_do_not_lie_ready_longer_than_their_round_is_kept_at_hand() -> None:
    assert QUIET > LETTERS
