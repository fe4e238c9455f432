"""A project that runs by itself: deliveries come in once and whole, rounds do what the manifest says, stops do no harm."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from operation import MONDAY, PARTNERS, ROUND, Operation, days, weekly

from lsi_match.base.errors import LsiError
from lsi_match.log import log_file
from lsi_match.log.entry import LogEntry
from lsi_match.matcher.operate.alarms import alarms
from lsi_match.matcher.operate.expected import next_opening
from lsi_match.matcher.operate.health import advice
from lsi_match.matcher.operate.metrics import metrics
from lsi_match.matcher.operate.reconcile import reconcile, remind_by_hand
from lsi_match.matcher.operate.retention import abandon
from lsi_match.transport.endpoints import open_endpoint

pytestmark = pytest.mark.slow


@pytest.fixture
def operation(tmp_path: Path) -> Operation:
    """A weekly project whose first round is open and whose partners have its opening."""
    made = weekly(tmp_path, remind_days=[2], when_late="proceed")
    made.reconcile()
    for partner in PARTNERS:
        made.fetch(partner)
    return made


def outcomes(seen: object) -> list[str]:
    return [arrival.outcome for arrival in seen.arrivals]  # type: ignore[attr-defined]


def test_a_drop_without_its_descriptor_is_on_its_way_and_left_alone(operation: Operation) -> None:
    drop = operation.prepare("uwv", ROUND)
    part = next(drop.parent.glob("*.age"))
    with open_endpoint(operation.places["uwv"]) as there:
        there.give("in", part.name, part)
    before = operation.lying("uwv")
    assert outcomes(operation.reconcile()) == []
    assert operation.lying("uwv") == before
    with open_endpoint(operation.places["uwv"]) as there:
        there.give("in", drop.name, drop)
    assert outcomes(operation.reconcile()) == ["taken"]
    assert operation.lying("uwv") == []


def test_a_descriptor_that_came_before_its_parts_waits_for_them(operation: Operation) -> None:
    drop = operation.prepare("uwv", ROUND)
    with open_endpoint(operation.places["uwv"]) as there:
        there.give("in", drop.name, drop)
    assert outcomes(operation.reconcile()) == ["waiting"]
    assert operation.lying("uwv") == [drop.name]
    operation.send("uwv", drop)
    assert outcomes(operation.reconcile()) == ["taken"]


def test_a_file_that_grows_while_it_is_read_is_left_for_the_next_look(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop = operation.prepare("uwv", ROUND)
    operation.send("uwv", drop)
    part = next(name for name in operation.lying("uwv") if name.endswith(".age"))
    lying = Path(operation.places["uwv"].url) / "in" / part
    whole = lying.read_bytes()
    lying.write_bytes(whole[:-10])
    from lsi_match.transport.endpoints import Endpoint

    fetch = Endpoint.fetch

    def growing(self: Endpoint, side: object, name: str, to: Path, at_most: int | None = None) -> None:
        fetch(self, side, name, to, at_most)  # type: ignore[arg-type]
        lying.write_bytes(whole)

    monkeypatch.setattr(Endpoint, "fetch", growing)
    assert outcomes(operation.reconcile()) == ["waiting"]
    assert list((operation.project.folder / "received" / "uwv").glob("*.*")) == []
    monkeypatch.undo()
    assert outcomes(operation.reconcile()) == ["taken"]


def test_the_same_drop_twice_is_one_drop(operation: Operation) -> None:
    drops = {partner: operation.deliver(partner, ROUND) for partner in PARTNERS[:2]}
    assert outcomes(operation.reconcile()) == ["taken", "taken"]
    operation.send("svb", drops["svb"])
    assert outcomes(operation.reconcile()) == ["known"]
    operation.deliver("uwv", ROUND)
    operation.reconcile()
    assert operation.state(ROUND) == "destroyed"
    operation.send("svb", drops["svb"])  # and again when the round is over
    assert outcomes(operation.reconcile()) == ["known"]
    assert operation.lying("svb") == []


def test_two_rounds_that_are_open_at_once_each_keep_their_drops(tmp_path: Path) -> None:
    operation, extra = weekly(tmp_path, deadline_days=10), "2026-06-15"
    operation.reconcile()
    operation.clock.to(MONDAY + days(7))
    operation.reconcile()
    for partner in PARTNERS:
        operation.fetch(partner)
    early = operation.deliver("uwv", extra)
    operation.reconcile()
    for partner in PARTNERS:
        operation.deliver(partner, ROUND)
    operation.reconcile()
    assert operation.state(ROUND) == "destroyed"
    assert (operation.project.folder / "received" / "uwv" / early.name).exists()
    for partner in PARTNERS[:2]:
        operation.deliver(partner, extra)
    operation.reconcile()
    assert operation.state(extra) == "destroyed"
    assert operation.cases("uwv", extra) == operation.cases("uwv", ROUND) != 0


def test_a_drop_for_a_round_that_is_over_is_refused_and_its_partner_finds_the_reason(
    operation: Operation,
) -> None:
    drops = {partner: operation.prepare(partner, ROUND) for partner in PARTNERS}
    late = operation.prepare("uwv", ROUND)
    for partner in PARTNERS:
        operation.send(partner, drops[partner])
    operation.reconcile()
    assert operation.state(ROUND) == "destroyed"
    operation.send("uwv", late)
    assert outcomes(operation.reconcile()) == ["refused"]
    assert any(name.endswith(".refused.json") for name in operation.fetch("uwv"))
    assert operation.lying("uwv") == []


def test_a_refused_drop_that_stays_at_its_place_is_told_once(operation: Operation) -> None:
    """As a place does that fails when something is taken away, in the look in which its round ends."""
    drops = {partner: operation.prepare(partner, ROUND) for partner in PARTNERS}
    second = operation.prepare("uwv", ROUND)
    for partner in PARTNERS:
        operation.send(partner, drops[partner])
    operation.send("uwv", second)
    assert "refused" in outcomes(operation.reconcile())
    assert operation.state(ROUND) == "destroyed"
    told = [name for name in operation.fetch("uwv") if name.endswith(".refused.json")]
    for drop in (drops["uwv"], second):
        operation.send("uwv", drop)
    assert outcomes(operation.reconcile()) == ["known", "known"]
    assert operation.lying("uwv") == []
    assert [name for name in operation.fetch("uwv") if name.endswith(".refused.json")] in ([], told)
    assert len(told) == 1


def test_what_is_no_drop_is_refused_with_a_reason_and_the_others_stay(operation: Operation) -> None:
    for partner in PARTNERS[:2]:
        operation.deliver(partner, ROUND)
    with open_endpoint(operation.places["uwv"]) as there:
        there.give("in", f"proef.{ROUND}.uwv.0000000000000000.drop.json", b'{"no": "drop"}')
    assert outcomes(operation.reconcile()) == ["taken", "taken", "refused"]
    assert operation.state(ROUND) == "open"
    assert any(name.endswith(".refused.json") for name in operation.fetch("uwv"))
    operation.clock.to(operation.clock.now + timedelta(hours=1))
    operation.deliver("uwv", ROUND)
    operation.reconcile()
    assert operation.state(ROUND) == "destroyed"


def test_another_partners_drop_is_not_taken_for_ones_own(operation: Operation) -> None:
    drop = operation.prepare("svb", ROUND)
    with open_endpoint(operation.places["uwv"]) as there:
        for file in sorted(drop.parent.iterdir(), key=lambda file: file.suffix == ".json"):
            there.give("in", file.name, file)
    for partner in PARTNERS[:2]:
        operation.deliver(partner, ROUND)
    assert outcomes(operation.reconcile()) == ["taken", "taken", "refused"]
    assert operation.state(ROUND) == "open"
    assert any(name.endswith(".refused.json") for name in operation.fetch("uwv"))


def test_a_place_that_is_away_does_not_hold_up_the_others(operation: Operation) -> None:
    for partner in PARTNERS:
        operation.deliver(partner, ROUND)
    away = Path(operation.places["svb"].url)
    hidden = away.with_name("away")
    away.rename(hidden)
    away.write_text("not a folder")
    seen = operation.reconcile()
    assert [trouble.partner for trouble in seen.troubles] == ["svb", "svb"]
    assert outcomes(seen) == ["taken", "taken"]
    away.unlink()
    hidden.rename(away)
    operation.reconcile()
    assert operation.state(ROUND) == "destroyed"


def test_one_process_at_a_time_watches_a_project(operation: Operation) -> None:
    def again(project: object, round_id: str) -> dict[str, object]:
        with pytest.raises(LsiError) as refused:
            operation.reconcile()
        assert refused.value.reason == "ProjectBusyError"
        return {"state": "broken"}

    for partner in PARTNERS:
        operation.deliver(partner, ROUND)
    assert [outcome for _, outcome in reconcile(operation.project, operation.clock, again).done] == ["broken"]


def test_a_clock_that_jumps_opens_no_round_twice_and_destroys_nothing_early(operation: Operation) -> None:
    for partner in PARTNERS[:2]:
        operation.deliver(partner, ROUND)
    operation.clock.to(MONDAY + days(1))
    operation.reconcile()
    for back in (-30, 0, 0.5):
        operation.clock.to(MONDAY + days(back))
        with pytest.raises(LsiError) as refused:
            operation.reconcile()
        assert refused.value.reason == "ClockBehindError"
    operation.clock.to(MONDAY + days(1) + timedelta(hours=3))
    operation.reconcile()
    assert operation.state(ROUND) == "open"
    operation.deliver("uwv", ROUND)
    operation.reconcile()
    assert operation.state(ROUND) == "destroyed"
    assert operation.cases("uwv", ROUND) is not None


def test_a_release_past_its_term_is_removed_everywhere_and_the_log_says_so_once(operation: Operation) -> None:
    for partner in PARTNERS:
        operation.deliver(partner, ROUND)
    operation.reconcile()
    assert any(name.endswith(".release.json") for name in operation.lying("uwv", "out"))
    operation.clock.to(operation.clock.now + days(29))
    assert operation.reconcile().destroyed.counts() == {}
    operation.clock.to(operation.clock.now + days(2))
    assert operation.reconcile().destroyed.counts() == {"release": len(PARTNERS)}
    assert operation.reconcile().destroyed.counts() == {}
    assert not any(".release." in name for name in operation.lying("uwv", "out"))
    assert not list((operation.project.folder / "releases").rglob("*.release.*"))
    assert operation.state(ROUND) == "destroyed"
    assert [e.name for e in operation.project.entries()].count("expire") == len(PARTNERS)


def test_projects_may_share_a_place_and_leave_each_others_files_alone(operation: Operation) -> None:
    other = operation.world.site.folder / "projects" / "ander"
    other.mkdir()
    (other / "manifest.json").write_bytes(b"{}")
    theirs = {
        "in": ["ander.r1.uwv.0000000000000000.drop.json", "ander.r1.uwv.justification.json"],
        "out": ["ander.r1.opening.json"],
    }
    with open_endpoint(operation.places["uwv"]) as there:
        for side, names in theirs.items():
            for name in names:
                there.give(side, name, b"{}")  # type: ignore[arg-type]
        there.give("out", "of-nobody.json", b"{}")
    seen = operation.reconcile()
    assert (seen.arrivals, seen.troubles) == ([], [])
    assert operation.lying("uwv") == theirs["in"]
    lying = operation.lying("uwv", "out")
    assert theirs["out"][0] in lying
    assert "of-nobody.json" not in lying


def test_a_partner_is_reminded_by_hand_as_by_schedule(operation: Operation) -> None:
    for partner in PARTNERS[:2]:
        operation.deliver(partner, ROUND)
    operation.reconcile()
    assert remind_by_hand(operation.project, ROUND, operation.clock()) == ("uwv",)
    assert f"proef.{ROUND}.reminder.json" in operation.lying("uwv", "out")
    assert f"proef.{ROUND}.reminder.json" not in operation.lying("svb", "out")
    assert [e.attributes["lsi.partners"] for e in operation.project.entries() if e.name == "remind"] == [
        "uwv"
    ]
    abandon(operation.project, ROUND, operation.clock)
    with pytest.raises(LsiError) as refused:
        remind_by_hand(operation.project, ROUND, operation.clock())
    assert refused.value.reason == "RoundNotOpenError"


def test_settings_that_are_wrong_are_told_with_their_line_and_terms_go_on(operation: Operation) -> None:
    operation.deliver("uwv", ROUND)
    operation.reconcile()
    (operation.project.folder / "delivery.yaml").write_text("partners:\n  uwv: {url: 'ftp://example.org'}\n")
    operation.clock.to(operation.clock() + days(6))
    seen = operation.reconcile()
    assert {one.partner for one in seen.troubles} == {"delivery.yaml"}
    assert re.search(r"(?s)delivery\.yaml.*2:14", str(seen.troubles[0].error))
    assert operation.state(ROUND) == "abandoned"  # it was to be given up, and was
    assert "place" in {alarm.name for alarm in alarms(operation.project, operation.clock())}


def test_a_look_opens_the_log_once_and_reads_each_entry_once(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it logs something itself, and for the status, alarms and metrics of a project."""
    opened: list[bool] = []
    seen: list[int] = []
    connect, read = log_file.connect, LogEntry.from_leaf

    def connecting(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
        opened.append(read_only)
        return connect(path, read_only=read_only)

    def reading(leaf: bytes, position: int = 0) -> LogEntry:
        seen.append(position)
        return read(leaf, position)

    monkeypatch.setattr(log_file, "connect", connecting)
    monkeypatch.setattr(LogEntry, "from_leaf", reading)
    operation.deliver("uwv", ROUND)
    size = len(operation.project.entries())

    def once(work: Callable[[], object], connections: int = 1) -> bool:
        """Every entry was read once; but the first, whose time says how long its audit record may stay."""
        opened.clear()
        seen.clear()
        work()
        assert len(opened) == connections
        return [seen.count(position) for position in range(1, size + 1)] == [1] * size

    assert once(lambda: reconcile(operation.project, operation.clock, operation.run))
    assert once(lambda: reconcile(operation.project, operation.clock, operation.run))
    assert once(lambda: metrics(operation.world.site, operation.clock()))
    with operation.project.reading() as project:
        now = operation.clock()
        assert once(lambda: (alarms(project, now), advice(project, now), next_opening(project, now)), 0)
