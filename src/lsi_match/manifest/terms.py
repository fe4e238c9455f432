"""When rounds run, and how long what is kept is kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import islice, takewhile
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import Field, model_validator

from lsi_match.base.validation import RuleViolation
from lsi_match.manifest.base import Document, Text
from lsi_match.manifest.plan import Period

#: How long after its hour a round may still be opened: what opens it may have been away.
LATE = timedelta(days=7)


class Schedule(Document):
    """When rounds open, how long partners have, and what happens when one is late.

    `timezone` says which day it is, for all parties: for reference dates, the period and deadlines. `opens` has the five fields of
    cron; without it rounds are opened by hand. A round opened so
    is called after its day. `reference_date` is the rule for the date that criteria look at: the day of the opening, the
    first of its month, or a period in which it is given with the opening. `remind_days` are days before the deadline.
    """

    when_late: Literal["wait", "proceed", "refuse"] = "wait"
    deadline_days: int = Field(gt=0, le=365)
    opens: Text | None = None
    timezone: Text = "Europe/Amsterdam"
    reference_date: Literal["day_of_opening", "first_of_month"] | Period | None = None
    rounds_at_most: int | None = Field(default=None, gt=0, le=10_000)
    remind_days: tuple[Annotated[int, Field(strict=True, ge=0, le=365)], ...] = Field(
        default=(), max_length=5
    )

    @model_validator(mode="after")
    def _keeps_time(self) -> Schedule:
        try:
            zone = ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise RuleViolation.because("manifest.timezone", "timezone", timezone=self.timezone) from None
        if any(days >= self.deadline_days for days in self.remind_days):
            raise RuleViolation.because("manifest.remind_days", "remind_days")
        if self.opens is not None:
            try:
                once = _once_a_day(self.opens, zone)
            except CronSimError:
                raise RuleViolation.because("manifest.no_cron", "opens", opens=self.opens) from None
            if not once:
                raise RuleViolation.because("manifest.opens", "opens")
            if isinstance(self.reference_date, Period):
                raise RuleViolation.because("manifest.reference_date", "reference_date")
        return self

    def day(self, moment: datetime) -> date:
        """The day of a moment, where the project is."""
        return moment.astimezone(ZoneInfo(self.timezone)).date()

    def days_later(self, moment: datetime, days: int) -> datetime:
        """The same time of day so many days of the calendar later, where the project is: a day on which the clock goes back
        has 25 hours."""
        return (moment.astimezone(ZoneInfo(self.timezone)) + timedelta(days=days)).astimezone(UTC)

    def deadline(self, opened: datetime) -> datetime:
        """Until when partners of a round that is opened at this moment can deliver."""
        return self.days_later(opened, self.deadline_days)

    def evaluation_deadlines(self, opened: datetime) -> tuple[datetime, datetime]:
        """Until when partners that evaluate together can ask, and answer: a third and two thirds of the time to deliver."""
        third = (self.deadline(opened) - opened) / 3
        return opened + third, opened + 2 * third

    def last_hour(self, now: datetime) -> datetime | None:
        """The last hour up to now at which a round was to open; None when they are opened by hand."""
        if self.opens is None:
            return None
        here = now.astimezone(ZoneInfo(self.timezone))
        return next(CronSim(self.opens, here + timedelta(seconds=1), reverse=True), None)

    def hour_of(self, opened: datetime) -> datetime | None:
        """The hour for which a round is opened at this moment: the last one up to it, at most `LATE` before. None when
        there is no such hour, or rounds are opened by hand."""
        hour = self.last_hour(opened)
        return hour if hour is not None and opened - hour <= LATE else None

    def reference_dates(self, opened: datetime) -> Period:
        """Between which days the reference date of a round lies that is opened at this moment. Without a rule: in the month
        of the opening, not after its day."""
        day = self.day(self.hour_of(opened) or opened)
        month = day.replace(day=1)
        match self.reference_date:
            case "day_of_opening":
                return Period(first=day, last=day)
            case "first_of_month":
                return Period(first=month, last=month)
            case None:
                return Period(first=month, last=day)
            case given:
                return given

    def openings(self, now: datetime) -> Iterator[datetime]:
        """The moments after `now` at which rounds are to open; none when they are opened by hand."""
        return CronSim(self.opens, now.astimezone(ZoneInfo(self.timezone))) if self.opens else iter(())

    def opening_after(self, others: int, now: datetime, last: date) -> datetime | None:
        """The moment at which a round is to open after so many others from `now` on; None when that is after the day `last`,
        or rounds are opened by hand."""
        first = next(self.openings(now), None)
        return _later(self.opens, first, others, last) if self.opens and first else None


@lru_cache(maxsize=256)  # a manifest is read often, and each of these takes a step of the clock at a time
def _once_a_day(opens: str, zone: ZoneInfo) -> bool:
    """Whether an hour comes at all, and never twice on a day."""
    days = [fire.date() for fire in islice(CronSim(opens, datetime(2026, 1, 1, tzinfo=zone)), 60)]
    return 0 < len(days) == len(set(days))


@lru_cache(maxsize=256)
def _later(opens: str, first: datetime, others: int, last: date) -> datetime | None:
    fires = CronSim(opens, first - timedelta(seconds=1))
    return next(islice(takewhile(lambda at: at.date() <= last, fires), others, None), None)


class Certificates(Document):
    """What counts for who signs with a certificate: how old a list of what was revoked may be."""

    revocation_list_days: int = Field(default=7, gt=0, le=90)

    @property
    def list_age(self) -> timedelta:
        """How old a revocation list may be when a paper is taken in."""
        return timedelta(days=self.revocation_list_days)


#: Answers to access requests a day, where the manifest does not say.
_ANSWERS = 20


class Retention(Document):
    """How long what is not destroyed with the round is kept, and how often a controller may ask about somebody in it."""

    log_details_days: int = Field(gt=0, le=3650)
    hold_days: int = Field(gt=0, le=365)
    access_requests_a_day: int | None = Field(default=None, gt=0, le=1000)

    @property
    def answers_a_day(self) -> int:
        """How many access requests of one controller are answered within a day."""
        return self.access_requests_a_day or _ANSWERS
