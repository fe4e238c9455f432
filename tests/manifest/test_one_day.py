"""One meaning of a day: that of the zone that the manifest names, whatever the zone of a machine."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from typing import Any

import pytest

from lsi_match.manifest.terms import Schedule

#: The last hour before the clock goes forward, and back, in the Netherlands.
SPRING, AUTUMN = datetime(2027, 3, 27, 22, 30, tzinfo=UTC), datetime(2026, 10, 24, 21, 30, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland", "America/Los_Angeles"])
def test_a_day_and_a_deadline_are_those_of_the_project_on_every_machine(
    monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        schedule = Schedule(deadline_days=1, reference_date="day_of_opening")
        for opened in (SPRING, AUTUMN, AUTUMN.astimezone()):
            assert schedule.day(opened) == opened.astimezone(UTC).date()
            assert schedule.reference_dates(opened).last == opened.astimezone(UTC).date()
        assert schedule.day(datetime(2026, 7, 1, 22, 30, tzinfo=UTC)) == date(2026, 7, 2)
        assert schedule.deadline(SPRING) == datetime(2027, 3, 28, 21, 30, tzinfo=UTC)
        assert schedule.deadline(AUTUMN) == datetime(2026, 10, 25, 22, 30, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(("days", "until"), [(0, AUTUMN), (-1, datetime(2026, 10, 23, 21, 30, tzinfo=UTC))])
def test_days_are_counted_on_the_calendar(days: int, until: Any) -> None:
    assert Schedule(deadline_days=1).days_later(AUTUMN, days) == until
