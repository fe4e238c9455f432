"""A partner that delivers on a timer: once per round, again after a stop, and never again what was refused."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from operation import PROJECT, Operation, days, folders

from lsi_match.partner import courier, deliver
from lsi_match.partner.deliver import Delivered
from lsi_match.places import Place, PlaceUnreachableError, place

PARTNERS = ("gemeente", "svb", "uwv")
MONDAY = datetime(2026, 6, 8, 4, 0, tzinfo=UTC)
ROUND = "2026-06-08"


@pytest.fixture
def operation(tmp_path: Path) -> Operation:
    schedule = {"opens": "0 6 * * 1", "deadline_days": 5}
    made = Operation(tmp_path, PARTNERS, folders(tmp_path, PARTNERS), schedule=schedule)
    made.clock.to(MONDAY)
    return made


def tick(operation: Operation, partner: str = "uwv") -> Delivered:
    world = operation.world
    return deliver.deliver(
        world.home(partner), PROJECT, operation.places[partner], world.mapping(partner), world.extracts,
        operation.folder / "by-itself" / partner, operation.clock(),
    )  # fmt: skip


def test_a_round_is_delivered_once_and_its_receipt_ends_it(operation: Operation) -> None:
    assert tick(operation).sent == ()
    operation.watch()
    assert tick(operation).sent == (ROUND,)
    operation.watch()
    found = tick(operation)
    assert found.sent == ()
    assert [one.round for one in found.receipts] == [ROUND]
    assert list((operation.folder / "by-itself" / "uwv" / "out").iterdir()) == []
    for partner in PARTNERS[:2]:
        tick(operation, partner)
    operation.watch()
    assert operation.state(ROUND) == "destroyed"
    assert (tick(operation).sent, tick(operation).problems) == ((), ())
    assert any(".release." in file.name for file in (operation.folder / "by-itself" / "uwv" / "in").iterdir())


def test_a_drop_that_was_not_brought_whole_is_brought_again_the_same(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation.watch()
    give = Place.give

    def away(self: Place, side: object, name: str, data: object) -> None:
        if name.endswith(".drop.json"):
            raise PlaceUnreachableError(place="x", problem="away")
        give(self, side, name, data)  # type: ignore[arg-type]

    monkeypatch.setattr(Place, "give", away)
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
    operation.watch()
    tick(operation)
    (part,) = [name for name in operation.lying("uwv") if name.endswith(".age")]
    with place(operation.places["uwv"]) as there:
        there.give("in", part, b"broken")
    operation.watch()
    found = tick(operation)
    assert [one.refused is not None for one in found.receipts] == [True]
    assert any(".refused.json" in text for text in found.messages)
    assert tick(operation).sent == ()


def test_a_drop_that_is_refused_unread_is_not_made_again_either(operation: Operation) -> None:
    """Its signature does not hold, so the site cannot say for which round it was."""
    operation.watch()
    operation.clock.to(operation.clock() + timedelta(minutes=1))
    tick(operation)
    keys = operation.world.home("uwv").folder / "keys"
    other = operation.world.home("svb").folder / "keys"
    shutil.rmtree(operation.folder / "by-itself" / "uwv" / "out")
    with place(operation.places["uwv"]) as there:
        for name in there.listing("in"):
            there.remove("in", name)
    kept = shutil.move(keys / "signing.pem", keys / "kept.pem")
    shutil.copy(other / "signing.pem", keys / "signing.pem")
    assert tick(operation).sent == (ROUND,)
    shutil.move(kept, keys / "signing.pem")
    operation.watch()
    assert [one.refused is not None for one in tick(operation).receipts] == [True]
    assert tick(operation).sent == ()


def test_what_somebody_lays_at_the_place_is_told_and_holds_nothing_up(operation: Operation) -> None:
    operation.watch()
    with place(operation.places["uwv"]) as there:
        there.give("out", f"{PROJECT}.uwv.{'0' * 32}.receipt.tlog-proof", b"nothing")
        there.give("out", f"{PROJECT}.another.opening.json", b"nothing")
    found = tick(operation)
    assert found.sent == (ROUND,)
    assert sorted(error.reason for _, error in found.problems) == [
        "ReceiptWrongError",
        "SignedDocumentInvalidError",
    ]


def test_past_its_deadline_nothing_is_made(operation: Operation) -> None:
    operation.watch()
    courier.fetch(operation.places["uwv"], operation.folder / "by-itself" / "uwv" / "in")
    operation.clock.to(MONDAY + days(5) + timedelta(seconds=1))
    assert tick(operation).sent == ()
    assert not list((operation.folder / "by-itself" / "uwv" / "out").glob("*.drop.json"))
