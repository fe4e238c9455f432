"""A partner that delivers on a timer: once per round, again after a stop, and never again what was refused."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from operation import MONDAY, PARTNERS, PROJECT, ROUND, Operation, days, weekly

from lsi_match.matcher.operate.retention import abandon
from lsi_match.matcher.operate.transfers import publish
from lsi_match.partner import deliver, transfer
from lsi_match.partner.deliver import Delivered
from lsi_match.transport.endpoints import Endpoint, PlaceUnreachableError, open_endpoint


@pytest.fixture
def operation(tmp_path: Path) -> Operation:
    return weekly(tmp_path, when_late="proceed")


def tick(operation: Operation, partner: str = "uwv") -> Delivered:
    world = operation.world
    return deliver.deliver(
        world.home(partner), PROJECT, operation.places[partner], world.mapping(partner), world.extracts,
        operation.folder / "by-itself" / partner, operation.clock(),
    )  # fmt: skip


def test_a_round_is_delivered_once_and_its_receipt_ends_it(operation: Operation) -> None:
    assert tick(operation).sent == ()
    operation.reconcile()
    assert tick(operation).sent == (ROUND,)
    operation.reconcile()
    found = tick(operation)
    assert found.sent == ()
    assert [one.round for one in found.receipts] == [ROUND]
    assert list((operation.folder / "by-itself" / "uwv" / "out").iterdir()) == []
    for partner in PARTNERS[:2]:
        tick(operation, partner)
    operation.reconcile()
    assert operation.state(ROUND) == "destroyed"
    assert (tick(operation).sent, tick(operation).problems) == ((), ())
    assert any(".release." in file.name for file in (operation.folder / "by-itself" / "uwv" / "in").iterdir())


def test_a_drop_that_was_not_brought_whole_is_brought_again_the_same(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation.reconcile()
    give = Endpoint.give

    def away(self: Endpoint, side: object, name: str, data: object) -> None:
        if name.endswith(".drop.json"):
            raise PlaceUnreachableError(place="x", problem="away")
        give(self, side, name, data)  # type: ignore[arg-type]

    monkeypatch.setattr(Endpoint, "give", away)
    found = tick(operation)
    assert [(round_id, error.reason) for round_id, error in found.problems] == [
        (ROUND, "PlaceUnreachableError")
    ]
    (made,) = (operation.folder / "by-itself" / "uwv" / "out").glob("*.drop.json")
    monkeypatch.undo()
    assert tick(operation).sent == (ROUND,)
    assert made.name in operation.lying("uwv")
    assert tick(operation).sent == (ROUND,)  # no receipt yet: the same drop
    assert sum(name.endswith(".drop.json") for name in operation.lying("uwv")) == 1


def test_a_refused_drop_is_told_and_not_made_again(operation: Operation) -> None:
    operation.reconcile()
    tick(operation)
    (part,) = [name for name in operation.lying("uwv") if name.endswith(".age")]
    with open_endpoint(operation.places["uwv"]) as there:
        there.give("in", part, b"broken")
    operation.reconcile()
    found = tick(operation)
    assert [one.refused is not None for one in found.receipts] == [True]
    assert any(".refused.json" in text for text in found.messages)
    assert tick(operation).sent == ()


def test_a_drop_that_is_refused_unread_is_not_made_again_either(operation: Operation) -> None:
    """Its signature does not hold, so the site cannot say for which round it was."""
    operation.reconcile()
    operation.clock.to(operation.clock() + timedelta(minutes=1))
    tick(operation)
    keys = operation.world.home("uwv").folder / "keys"
    other = operation.world.home("svb").folder / "keys"
    shutil.rmtree(operation.folder / "by-itself" / "uwv" / "out")
    with open_endpoint(operation.places["uwv"]) as there:
        for name in there.listing("in"):
            there.remove("in", name)
    kept = shutil.move(keys / "signing.pem", keys / "kept.pem")
    shutil.copy(other / "signing.pem", keys / "signing.pem")
    assert tick(operation).sent == (ROUND,)
    shutil.move(kept, keys / "signing.pem")
    operation.reconcile()
    assert [one.refused is not None for one in tick(operation).receipts] == [True]
    assert tick(operation).sent == ()


def test_what_somebody_lays_at_the_place_is_told_and_holds_nothing_up(operation: Operation) -> None:
    operation.reconcile()
    with open_endpoint(operation.places["uwv"]) as there:
        there.give("out", f"{PROJECT}.uwv.{'0' * 32}.receipt.tlog-proof", b"nothing")
        there.give("out", f"{PROJECT}.another.opening.json", b"nothing")
    found = tick(operation)
    assert found.sent == (ROUND,)
    assert sorted(error.reason for _, error in found.problems) == [
        "ProofRefusedError",
        "SignedDocumentInvalidError",
    ]


@pytest.mark.parametrize(("when_late", "sent"), [("proceed", ()), ("refuse", ()), ("wait", (ROUND,))])
def test_past_its_deadline_a_drop_is_made_only_where_the_manifest_waits_for_it(
    tmp_path: Path, when_late: str, sent: tuple[str, ...]
) -> None:
    operation = weekly(tmp_path, when_late=when_late)
    operation.reconcile()
    operation.clock.to(MONDAY + days(5))
    found = tick(operation)
    assert (found.sent, found.problems) == (sent, ())
    assert [name.split(".")[1] for name in operation.lying("uwv") if name.endswith(".drop.json")] == [*sent]
    if sent:  # and what comes late is taken
        assert [one.outcome for one in operation.reconcile().arrivals] == ["taken"]


def test_for_a_round_that_was_given_up_nothing_is_made_however_long_it_would_be_waited_for(
    tmp_path: Path,
) -> None:
    operation = weekly(tmp_path, when_late="wait")
    operation.reconcile()
    operation.fetch("uwv")
    (operation.folder / "by-itself").mkdir()
    shutil.copytree(operation.folder / "mail" / "uwv", operation.folder / "by-itself" / "uwv" / "in")
    abandon(operation.project, ROUND, operation.clock)
    publish(operation.project, operation.clock())
    found = tick(operation)
    assert (found.sent, found.problems) == ((), ())


def at_the_place(operation: Operation, name: str, data: bytes) -> None:
    with open_endpoint(operation.places["uwv"]) as there:
        there.give("out", name, data)


def fetched(operation: Operation, to: Path) -> tuple[list[str], list[tuple[str, str]]]:
    found = transfer.fetch(operation.places["uwv"], to)
    return [file.name for file in found.files], [(name, error.reason) for name, error in found.problems]


def test_what_is_fetched_never_takes_the_place_of_a_file_that_was_not(operation: Operation) -> None:
    """Whoever writes at the place knows what files are called here, and where somebody fetches to."""
    to, taken = operation.folder / "here", "FileExistsAlreadyError"
    to.mkdir()
    (to / "a.report.json").write_text("my own")
    (to / "linked").write_text("my own")
    (to / "b.report.json").symlink_to(to / "linked")
    (to / "mapping.yaml").write_text("my own")
    for name in ("a.report.json", "b.report.json", "c.report.json", "mapping.yaml", "d.sh"):
        at_the_place(operation, name, b"theirs")
    assert fetched(operation, to) == (["c.report.json"], [("a.report.json", taken), ("b.report.json", taken)])
    assert [(to / name).read_text() for name in ("a.report.json", "linked", "mapping.yaml")] == ["my own"] * 3
    at_the_place(operation, "c.report.json", b"THEIRS")  # of the same size
    assert fetched(operation, to)[0] == ["c.report.json"]
    assert (to / "c.report.json").read_text() == "THEIRS"
    (to / "c.report.json").write_text("edited")
    at_the_place(operation, "c.report.json", b"others")
    assert ("c.report.json", taken) in fetched(operation, to)[1]
    assert (to / "c.report.json").read_text() == "edited"
    assert not (to / "d.sh").exists()


def test_what_was_fetched_and_not_noted_is_known_by_what_it_holds(operation: Operation) -> None:
    to = operation.folder / "here"
    at_the_place(operation, "a.report.json", b"theirs")
    assert fetched(operation, to) == (["a.report.json"], [])
    for said in (b"", b"[]", b'{"a.report.json": 1}'):
        (to / transfer.TALLY).write_bytes(said)
        assert fetched(operation, to) == ([], [])
    at_the_place(operation, "a.report.json", b"others")
    assert fetched(operation, to) == (["a.report.json"], [])


def test_what_is_larger_than_it_can_be_or_than_fits_is_not_fetched(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    to, large = operation.folder / "here", "TooLargeToFetchError"
    at_the_place(operation, "a.refused.json", bytes(2**20 + 1))
    assert fetched(operation, to) == ([], [("a.refused.json", large)])
    at_the_place(operation, "a.release.age", bytes(100))
    usage = shutil.disk_usage("/")._replace(total=20_000, free=1_099)
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda _: usage)
    assert fetched(operation, to) == ([], [("a.release.age", large), ("a.refused.json", large)])
    assert sum(file.stat().st_size for file in to.iterdir()) == 0
