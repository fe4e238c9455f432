"""One meaning of a day: that of the zone that the manifest names, whatever the zone of a machine."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from handmade import manifest

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


def test_every_term_ends_at_the_same_hour_of_a_later_day_also_when_the_clock_changes() -> None:
    """What is kept for a week from noon is kept until noon, where the project is: 169 hours in October, 167 in March."""
    made = manifest()
    terms = (
        (made.released_until, made.release.keep_days),
        (made.held_until, made.retention.hold_days),
        (made.details_until, made.retention.log_details_days),
        (made.schedule.deadline, made.schedule.deadline_days),
    )
    here = ZoneInfo(made.schedule.timezone)
    for first in (datetime(2026, 10, 20, 12, tzinfo=here), datetime(2026, 3, 27, 12, tzinfo=here)):
        for until, days in terms:
            end = until(first.astimezone(UTC)).astimezone(here)
            assert (end.date() - first.date()).days == days
            assert (end.hour, end.minute) == (12, 0)
