"""One screen says what every round waits for; metrics say when something is late, held too long or not destroyed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from operation import MONDAY, PARTNERS, ROUND, Operation, days, folders, weekly
from prometheus_client.parser import text_string_to_metric_families

from lsi_match.matcher.operate.expected import next_opening
from lsi_match.matcher.operate.health import advice
from lsi_match.matcher.operate.metrics import metrics

pytestmark = pytest.mark.slow


def waits(operation: Operation) -> str:
    return next(one.nl for one in advice(operation.project, operation.clock()) if one.round == ROUND)


def values(operation: Operation) -> dict[tuple[str, ...], float]:
    text = metrics(operation.world.site, operation.clock()).decode()
    return {
        (
            sample.name.removeprefix("lsi_match_"),
            *(text for name, text in sample.labels.items() if name != "project"),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_round_says_for_whom_it_waits_until_it_is_done(operation: Operation) -> None:
    operation.deliver("uwv", ROUND)
    operation.reconcile()
    assert waits(operation) == "levering van gemeente, svb (tot 2026-06-13 04:00 UTC)"
    operation.clock.to(MONDAY + days(6))
    assert "te laat sinds" in waits(operation)
    for partner in ("gemeente", "svb"):
        operation.deliver(partner, ROUND)
    operation.reconcile(kill_after="match")
    assert "afgebroken" in waits(operation)
    operation.clock.to(MONDAY + days(6) + timedelta(hours=1))
    operation.reconcile()
    assert waits(operation) == "klaar"


def test_lateness_and_what_is_not_destroyed_in_time_are_measured(operation: Operation) -> None:
    for partner in PARTNERS[:2]:
        operation.deliver(partner, ROUND)
    operation.reconcile()
    operation.clock.to(MONDAY + days(6))
    assert values(operation)["drop_deadline_timestamp_seconds", "uwv"] == (MONDAY + days(5)).timestamp()
    assert ("drop_deadline_timestamp_seconds", "svb") not in values(operation)
    assert values(operation)["last_checkpoint_timestamp_seconds",] == MONDAY.timestamp()
    operation.deliver("uwv", ROUND)
    operation.reconcile()
    assert values(operation)["rounds", "destroyed"] == 1
    assert values(operation)["destruction_overdue",] == 0
    operation.clock.to(MONDAY + days(40))
    assert values(operation)["destruction_overdue",] == len(PARTNERS)
    operation.reconcile()
    assert values(operation)["destruction_overdue",] == 0


def test_metrics_name_nothing_of_a_person(operation: Operation) -> None:
    import handmade

    for partner in PARTNERS:
        operation.deliver(partner, ROUND)
    operation.reconcile()
    text = metrics(operation.world.site, operation.clock()).decode()
    assert not any(bsn in text for bsn in handmade.BSNS)
    assert set(PARTNERS) <= {word for line in text.splitlines() for word in line.split('"')}


def test_the_next_round_is_told_while_there_is_one_to_come(operation: Operation) -> None:
    def opens(at: datetime) -> datetime | None:
        comes = next_opening(operation.project, at)
        return comes and comes.at

    assert opens(MONDAY) == MONDAY + days(7)  # six o'clock in Amsterdam, in summer
    assert opens(MONDAY + days(7) - timedelta(seconds=1)) == MONDAY + days(7)
    assert opens(datetime(2019, 1, 1, tzinfo=UTC)) == datetime(
        2020, 1, 6, 5, 0, tzinfo=UTC
    )  # its period begins then
    assert opens(datetime(2099, 12, 28, 4, 59, tzinfo=UTC)) == datetime(2099, 12, 28, 5, 0, tzinfo=UTC)
    assert opens(datetime(2099, 12, 28, 5, 0, tzinfo=UTC)) is None


@pytest.mark.parametrize(("at_most", "comes"), [(1, False), (2, True)])
def test_no_round_is_told_that_the_manifest_does_not_allow(tmp_path: Path, at_most: int, comes: bool) -> None:
    limited = weekly(tmp_path, rounds_at_most=at_most)
    limited.reconcile()
    assert (next_opening(limited.project, MONDAY) is not None) == comes


def test_a_project_whose_rounds_are_opened_by_hand_tells_no_hour(tmp_path: Path) -> None:
    comes = next_opening(Operation(tmp_path, PARTNERS, folders(tmp_path, PARTNERS)).project, MONDAY)
    assert comes is not None
    assert (comes.at, comes.refused) == (None, None)
