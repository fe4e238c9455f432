"""The clock: only shells ask it for the time; rules are told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

#: Tells the time, with its zone.
Clock = Callable[[], datetime]
#: How far the clock of another party may run ahead of ours.
CLOCK_SKEW = timedelta(minutes=5)


def utc_now() -> datetime:
    """Now, in whole milliseconds, with its zone."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def minute(at: datetime) -> str:
    """A moment in UTC, to the minute, as messages tell it."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
