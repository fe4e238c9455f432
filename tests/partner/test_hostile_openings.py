"""A partner keeps to what its own organisation signed: the matcher's key opens no round that was not agreed to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from handmade import BSNS, NOW, PROJECT, document, selection, write_csv
from homes import Homes, mapping

from lsi_match.agreement.gates import (
    DpoAdviceGateError,
    Gate,
    OpeningGateError,
    PeriodGateError,
    evaluate,
)
from lsi_match.crypto.signing import peek
from lsi_match.partner.home import OpeningChangedError
from lsi_match.partner.prepare import prepare
from lsi_match.protocol.documents import Opening

PARTNER = "gemeente"
Draft = dict[str, Any]


def parties(folder: Path, change: Callable[[Draft], object] = lambda _: None) -> Homes:
    draft = document({name: [selection()] for name in ("gemeente", "uwv")})
    change(draft)
    made = Homes(folder / "parties", draft)
    made.join()
    return made


def read(opening: bytes) -> Opening:
    return peek(opening, Opening, what="opening", party="matcher")


def deliver(made: Homes, place: Path, opening: bytes, now: datetime = NOW) -> Path:
    record = {
        "kenmerk": "K1",
        "nummer": BSNS[0],
        "bedrag": "200",
        "begin": "2026-05-01",
        "soort": "x",
        "actief": "ja",
    }
    write_csv(place / "extract.csv", [record])
    return prepare(
        made.home(PARTNER), opening, mapping({"lijst": "extract.csv"}), place, place / "out", PROJECT, now
    ).file


@pytest.mark.parametrize(
    ("changes", "now"),
    [
        ({"reference_date": date(1990, 1, 1)}, NOW),
        ({"reference_date": date(2040, 1, 1)}, NOW),
        ({"deadline": datetime(2027, 6, 1, 12, tzinfo=UTC)}, NOW),
        ({"deadline": NOW + timedelta(days=1)}, NOW),
        (
            {"opened_at": datetime(2025, 12, 1, tzinfo=UTC), "deadline": datetime(2025, 12, 15, tzinfo=UTC)},
            NOW,
        ),
        ({"opened_at": NOW + timedelta(days=3), "deadline": NOW + timedelta(days=17)}, NOW),
    ],
    ids=[
        "long before",
        "long after",
        "a year to deliver",
        "a day to deliver",
        "opened before the period",
        "opened tomorrow",
    ],
)
def test_an_opening_that_was_not_agreed_is_not_answered(
    changes: dict[str, Any], now: datetime, tmp_path: Path
) -> None:
    made = parties(tmp_path)
    with pytest.raises(OpeningGateError):
        deliver(made, tmp_path, made.opening(**changes), now)
    assert not (tmp_path / "out").exists()


def test_after_the_period_nothing_is_answered(tmp_path: Path) -> None:
    made = parties(tmp_path)
    later = datetime(2027, 1, 2, 12, tzinfo=UTC)
    with pytest.raises(PeriodGateError):
        deliver(made, tmp_path, made.opening(), later)


def test_a_second_opening_of_one_name_is_not_answered_and_is_remembered(tmp_path: Path) -> None:
    """Seen: two reference dates under one round name gave the same pseudonyms, so that people could be followed."""
    made = parties(tmp_path)
    opening = made.opening()
    first = deliver(made, tmp_path, opening)
    assert deliver(made, tmp_path, opening) != first, "the same opening may be answered again"
    with pytest.raises(OpeningChangedError):
        deliver(made, tmp_path, made.opening(reference_date=date(2026, 5, 1)))
    assert deliver(made, tmp_path, made.opening(round="r2", reference_date=date(2026, 5, 1))).exists()


def test_the_partner_judges_the_gates_of_the_document_itself(tmp_path: Path) -> None:
    made = parties(tmp_path, lambda draft: draft["dpo_advice"].pop("uwv"))
    with pytest.raises(DpoAdviceGateError):
        deliver(made, tmp_path, made.opening())


def test_the_partner_judges_what_was_signed_itself(tmp_path: Path) -> None:
    made = parties(tmp_path)
    made.home("uwv").join(made.manifest.canonical(), made.approvals, made.share("uwv"), NOW)
    own = made.home("uwv").evidence(PROJECT, NOW, read(made.opening()))
    assert {v.gate for v in evaluate(made.manifest, replace(own, papers=made.approvals)) if v.error} == {
        Gate.INSTRUCTION
    }


def test_the_partner_judges_every_gate_that_the_matcher_judges(tmp_path: Path) -> None:
    made = parties(tmp_path)
    opening = made.opening()
    verdicts = evaluate(made.manifest, made.home(PARTNER).evidence(PROJECT, NOW, read(opening)))
    assert {verdict.gate for verdict in verdicts} == set(Gate)
    assert [verdict.error for verdict in verdicts if verdict.error] == []
