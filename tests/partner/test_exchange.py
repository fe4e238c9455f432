"""What is made here for others is brought once, and again when it changed; a case has a number that can be read out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from refusals import raises

from lsi_match.crypto.keys import make_identity
from lsi_match.partner.begin import Beginning, DraftMissingError
from lsi_match.partner.exchange import Exchange, described
from lsi_match.partner.home import Home
from lsi_match.partner.release.case_page import short_numbers
from lsi_match.transport.endpoints import EndpointSettings, open_endpoint, set_up

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def exchange(tmp_path: Path) -> Exchange:
    make_identity("uwv", tmp_path / "uwv" / "keys")
    (tmp_path / "in").mkdir()
    return Exchange(Home(tmp_path / "uwv", "uwv"), "proef", tmp_path / "in")


def test_what_lies_ready_is_brought_once_and_again_when_it_changed(
    exchange: Exchange, tmp_path: Path
) -> None:
    place = EndpointSettings(url=str(tmp_path / "place"))
    set_up(place)
    assert exchange.bring(place) == []
    exchange.put_shared("", ".draft.yaml", b"a: 1\n")
    exchange.put("proef.x.outcome.json", b"{}")
    assert exchange.bring(place) == ["proef.uwv.draft.yaml", "proef.x.outcome.json"]
    with open_endpoint(place) as there:
        for name in there.listing("in"):
            there.remove("in", name)  # the matching environment took it
    exchange.put_shared("", ".draft.yaml", b"a: 1\n")
    assert exchange.bring(place) == []
    exchange.put_shared("", ".draft.yaml", b"a: 2\n")
    assert exchange.bring(place) == ["proef.uwv.draft.yaml"]


def test_drafts_of_two_parties_are_told(exchange: Exchange, tmp_path: Path) -> None:
    beginning = Beginning(exchange)
    with pytest.raises(DraftMissingError):
        beginning.draft()
    beginning.go_on(NOW)
    (tmp_path / "in" / "proef.svb.draft.yaml").write_text("controllers: {uwv: {}}\npartners: {uwv: {}}\n")
    assert list(beginning.draft()["controllers"]) == ["uwv"]
    beginning.go_on(NOW)
    assert [one.name for one in exchange.unsent()] == ["proef.uwv.card.json"], (
        "a draft that names this party asks for its keys"
    )
    exchange.put_shared("", ".draft.yaml", b"controllers: {}\n")
    with raises("DraftsDifferError"):
        beginning.go_on(NOW)


def test_a_draft_that_does_not_name_this_party_asks_nothing_of_it(exchange: Exchange, tmp_path: Path) -> None:
    for text in (
        "controllers: {svb: {}}\n",
        "[]\n",
        "controllers: 3\n",
        "controllers: {uwv: {}}\npartners: 7\n",
    ):
        (tmp_path / "in" / "proef.svb.draft.yaml").write_text(text)
        Beginning(exchange).go_on(NOW)
    assert [one.name for one in exchange.unsent()] in ([], ["proef.uwv.card.json"])


def test_keys_count_under_the_name_of_who_brought_them(exchange: Exchange, tmp_path: Path) -> None:
    card = (tmp_path / "uwv" / "keys" / "card.json").read_bytes()
    (tmp_path / "in" / "proef.svb.card.json").write_bytes(card)
    (tmp_path / "in" / "proef.gemeente.card.json").write_bytes(b"{}")
    assert Beginning(exchange).keys() == {}
    exchange.put_shared("", ".card.json", card)
    assert Beginning(exchange).keys()["uwv"].signing_key == json.loads(card)["signing_key"]


def test_what_came_is_told_by_its_kind() -> None:
    names = [
        "p.r.opening.json",
        "p.r.opening.tlog-proof",
        "p.1.log.sqlite",
        "p.2.log.sqlite",
        "p.uwv.x.paper.json",
    ]
    assert described(names, "en") == ["opening of a round", "log (2)", "signed paper about a manifest"]


def test_a_number_is_six_digits_and_longer_where_two_are_alike() -> None:
    one, other, third = f"{1:032x}", f"{10**12 + 2:032x}", f"{999_999_000_001:032x}"
    found = short_numbers([one, other, third])
    assert found == {one: "000-000-000-001", other: "000-000-000-002", third: "999-999"}
    assert short_numbers([one]) == {one: "000-000"}, "the same beginning, whoever else is in the list"
