"""A partner keeps to what its own organisation signed: the matcher's key opens no round that was not agreed to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from handmade import NOW, PROJECT, RECORD, document, selection, write_csv
from homes import Homes, mapping
from refusals import raises

from lsi_match.agreement.gates import (
    Gate,
    evaluate,
)
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.crypto.signing import peek
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


def given_in_the_opening(draft: Draft) -> None:
    draft["schedule"]["reference_date"] = {"first": "2026-05-01", "last": "2026-06-01"}


def read(opening: bytes) -> Opening:
    return peek(opening, Opening, what="opening", party="matcher")


def deliver(made: Homes, place: Path, opening: bytes, now: datetime = NOW) -> Path:
    write_csv(place / "extract.csv", [RECORD])
    return prepare(
        made.home(PARTNER),
        made.logged(opening),
        mapping({"lijst": "extract.csv"}),
        place,
        place / "out",
        PROJECT,
        now,
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
    with raises("OpeningGateError"):
        deliver(made, tmp_path, made.opening(**changes), now)
    assert not (tmp_path / "out").exists()


def test_after_the_period_nothing_is_answered(tmp_path: Path) -> None:
    made = parties(tmp_path)
    later = datetime(2027, 1, 2, 12, tzinfo=UTC)
    with raises("PeriodGateError"):
        deliver(made, tmp_path, made.opening(), later)


def test_a_second_opening_of_one_name_is_not_answered_and_is_remembered(tmp_path: Path) -> None:
    """Seen: two reference dates under one round name gave the same pseudonyms, so that people could be followed."""
    made = parties(tmp_path, given_in_the_opening)
    opening = made.opening()
    first = deliver(made, tmp_path, opening)
    assert deliver(made, tmp_path, opening) != first, "the same opening may be answered again"
    with raises("OpeningChangedError"):
        deliver(made, tmp_path, made.opening(reference_date=date(2026, 5, 1)))
    assert deliver(made, tmp_path, made.opening(round="r2", reference_date=date(2026, 5, 1))).exists()


def test_the_partner_judges_the_gates_of_the_document_itself(tmp_path: Path) -> None:
    made = parties(tmp_path, lambda draft: draft["dpo_advice"].pop("uwv"))
    with raises("DpoAdviceGateError"):
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


# the schedule, the number of rounds and the rule for the reference date


def at(text: str) -> datetime:
    """A moment in Amsterdam."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Amsterdam"))


def scheduled(**schedule: Any) -> Callable[[Draft], None]:
    """Monthly, on the first at six, five days to deliver."""

    def change(draft: Draft) -> None:
        draft["schedule"] |= {"opens": "0 6 1 * *", "deadline_days": 5, **schedule}

    return change


def june(draft: Draft) -> None:
    """What was signed in the scene: June 2026, one round, monthly, five days."""
    scheduled(rounds_at_most=1)(draft)
    draft["project"]["period"] = {"first": "2026-06-01", "last": "2026-06-30"}


def opened(made: Homes, moment: datetime, reference_date: str = "", days: int = 5, **changes: Any) -> bytes:
    """An opening that the matcher's key signed at this moment."""
    return made.opening(
        opened_at=moment,
        deadline=moment + timedelta(days=days),
        reference_date=reference_date or moment.date(),
        **changes,
    )


def refused(made: Homes, place: Path, opening: bytes, now: datetime) -> str:
    """Why an opening is not answered; that no drop was written."""
    before = sorted(place.rglob("out/*"))
    with raises("OpeningGateError", "PeriodGateError") as found:
        deliver(made, place, opening, now)
    assert sorted(place.rglob("out/*")) == before
    return found.value.text("en")


def test_in_december_nothing_is_answered_that_was_signed_for_june(tmp_path: Path) -> None:
    """Seen: six openings, with reference dates from 1990 to 2040, were all answered."""
    made = parties(tmp_path, june)
    now = at("2026-12-01 12:00")
    for number, year in enumerate((1990, 2000, 2010, 2020, 2030, 2040)):
        moment = now + timedelta(minutes=number)
        opening = opened(made, moment, f"{year}-01-01", round=f"r{number}")
        assert "from 2026-06-01 to 2026-06-30" in refused(made, tmp_path, opening, moment)


def test_in_june_one_opening_is_answered_and_none_of_the_six(tmp_path: Path) -> None:
    made = parties(tmp_path, june)
    now = at("2026-06-01 15:00")
    for number, year in enumerate((1990, 2000, 2010, 2020, 2030, 2040)):
        opening = opened(made, now, f"{year}-01-01", round=f"r{number}")
        assert f"the reference date is {year}-01-01" in refused(made, tmp_path, opening, now)
    assert deliver(made, tmp_path, opened(made, now), now).exists()
    said = refused(made, tmp_path, opened(made, now, round="again"), now)
    assert "one round for 2026-06-01" in said
    assert "1 rounds were opened already; the manifest allows 1" in said


NOT_AGREED: dict[str, tuple[dict[str, Any], str, str, int, str]] = {
    "shorter": ({}, "2026-06-01 15:00", "", 4, "the deadline is not 5 days"),
    "longer": ({}, "2026-06-01 15:00", "", 6, "the deadline is not 5 days"),
    "between two hours": ({}, "2026-06-15 06:00", "2026-06-01", 5, "no round opens on 2026-06-15"),
    "before the hour": ({}, "2026-07-01 05:59", "", 5, "no round opens on 2026-07-01"),
    "too late after it": ({}, "2026-06-09 12:00", "2026-06-01", 5, "no round opens on 2026-06-09"),
    "last month": ({"reference_date": "first_of_month"}, "2026-06-01 15:00", "2026-05-01", 5, "must be: 2026-06-01"),
    "a day after": ({}, "2026-06-01 15:00", "2026-06-02", 5, "must be: 2026-06-01"),
    "a day before": ({}, "2026-06-01 15:00", "2026-05-31", 5, "must be: 2026-06-01"),
    "not the day": (
        {"opens": "0 6 15 * *", "reference_date": "day_of_opening"}, "2026-06-15 08:00", "2026-06-14", 5,
        "must be: 2026-06-15",
    ),
    "not in the month": ({"opens": None}, "2026-06-15 08:00", "2026-05-31", 5, "between 2026-06-01 and 2026-06-15"),
    "after the day": ({"opens": None}, "2026-06-15 08:00", "2026-06-16", 5, "between 2026-06-01 and 2026-06-15"),
    "outside what is given": (
        {"opens": None, "reference_date": {"first": "2026-04-01", "last": "2026-04-30"}},
        "2026-06-15 08:00", "2026-05-01", 5, "between 2026-04-01 and 2026-04-30",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("schedule", "moment", "reference_date", "days", "why"), NOT_AGREED.values(), ids=list(NOT_AGREED)
)
def test_an_opening_beside_the_schedule_is_told_why(
    schedule: dict[str, Any], moment: str, reference_date: str, days: int, why: str, tmp_path: Path
) -> None:
    made, now = parties(tmp_path, scheduled(**schedule)), at(moment)
    assert why in refused(made, tmp_path, opened(made, now, reference_date, days), now)


@pytest.mark.parametrize(
    ("schedule", "moment", "reference_date"),
    [
        ({}, "2026-06-01 15:00", "2026-06-01"),
        ({}, "2026-06-05 23:00", "2026-06-01"),  # the site was down for some days
        ({"reference_date": "first_of_month", "opens": "0 6 15 * *"}, "2026-06-16 01:00", "2026-06-01"),
        ({"opens": None}, "2026-06-15 08:00", "2026-06-03"),
        ({"opens": None, "reference_date": {"first": "2025-12-31", "last": "2025-12-31"}}, "2026-06-15 08:00", "2025-12-31"),
    ],
)  # fmt: skip
def test_an_opening_as_agreed_is_answered(
    schedule: dict[str, Any], moment: str, reference_date: str, tmp_path: Path
) -> None:
    made, now = parties(tmp_path, scheduled(**schedule)), at(moment)
    assert deliver(made, tmp_path, opened(made, now, reference_date), now).exists()


def test_a_second_round_of_a_month_is_not_answered_and_the_next_month_is(tmp_path: Path) -> None:
    made, first = parties(tmp_path, scheduled()), at("2026-06-01 15:00")
    later, next_month = at("2026-06-03 09:00"), at("2026-07-01 06:00")
    deliver(made, tmp_path, opened(made, first), first)
    said = refused(made, tmp_path, opened(made, later, "2026-06-01", round="extra"), later)
    assert "one round for 2026-06-01, and there is one already" in said
    deliver(made, tmp_path, opened(made, next_month, round="r2"), next_month)
    # dated back to a month that had its round
    late = opened(made, later, "2026-06-01", round="back")
    assert "there is one already" in refused(made, tmp_path, late, next_month)


def test_a_jump_in_names_of_rounds_makes_no_more_of_them(tmp_path: Path) -> None:
    made = parties(tmp_path, lambda draft: draft["schedule"].update(rounds_at_most=2, deadline_days=5))
    deliver(made, tmp_path, opened(made, NOW, round="2026-01"), NOW)
    deliver(made, tmp_path, opened(made, NOW, round="2026-99"), NOW)
    for name in ("2026-02", "2030-01", "r1000"):
        said = refused(made, tmp_path, opened(made, NOW, round=name), NOW)
        assert "2 rounds were opened already; the manifest allows 2 at most" in said
    deliver(made, tmp_path, opened(made, NOW, round="2026-99"), NOW)  # answered before


def test_a_round_of_which_only_a_digest_was_kept_counts_too(tmp_path: Path) -> None:
    made = parties(tmp_path, lambda draft: draft["schedule"].update(rounds_at_most=1, deadline_days=5))
    opening = opened(made, NOW)
    deliver(made, tmp_path, opening)
    kept = made.home(PARTNER).project(PROJECT) / "openings" / "r1"
    kept.write_bytes(digest_of_bytes(opening).encode())
    deliver(made, tmp_path, opening)
    assert "1 rounds were opened already" in refused(made, tmp_path, opened(made, NOW, round="r2"), NOW)


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        ("2026-05-31 23:59:59", False),
        ("2026-06-01 00:00:00", True),
        ("2026-06-30 23:59:59", True),
        ("2026-07-01 00:00:00", False),
    ],
)
def test_a_month_ends_at_midnight_where_the_project_is(moment: str, holds: bool, tmp_path: Path) -> None:
    """Midnight in Amsterdam is ten o'clock in the evening in UTC, in summer."""

    def change(draft: Draft) -> None:
        draft["project"]["period"] = {"first": "2026-06-01", "last": "2026-06-30"}
        draft["schedule"] |= {"deadline_days": 5, "reference_date": "first_of_month"}

    made, now = parties(tmp_path, change), at(moment)
    judged = evaluate(
        made.manifest,
        replace(made.home(PARTNER).evidence(PROJECT, NOW, read(opened(made, now, "2026-06-01"))), now=now),
    )
    closed = {verdict.gate for verdict in judged if verdict.error} - {Gate.APPROVAL, Gate.INSTRUCTION}
    assert closed == (set() if holds else {Gate.PERIOD, Gate.ROUND})
