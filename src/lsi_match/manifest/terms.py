"""When rounds run, and how long what is kept is kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import Field, model_validator

from lsi_match.base.validation import RuleViolation
from lsi_match.manifest.base import Document, Text


class Schedule(Document):
    """When rounds open, how long partners have, and what happens when one is late.

    `opens` has the five fields of cron, read in `timezone`; without it rounds are opened by hand. A round opened so
    is called after its day, which is its reference date too. `remind_days` are days before the deadline.
    """

    when_late: Literal["wait", "proceed", "refuse"] = "wait"
    deadline_days: int = Field(gt=0, le=365)
    opens: Text | None = None
    timezone: Text = "Europe/Amsterdam"
    rounds_at_most: int | None = Field(default=None, gt=0)
    remind_days: tuple[Annotated[int, Field(strict=True, ge=0, le=365)], ...] = Field(
        default=(), max_length=5
    )

    @model_validator(mode="after")
    def _keeps_time(self) -> Schedule:
        try:
            zone = ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise RuleViolation(
                f"tijdzone {self.timezone!r} bestaat niet",
                f"timezone {self.timezone!r} is not known",
                "timezone",
            ) from None
        if any(days >= self.deadline_days for days in self.remind_days):
            raise RuleViolation(
                "remind_days: een herinnering komt na de opening, dus onder deadline_days",
                "remind_days: a reminder comes after the opening, so under deadline_days",
                "remind_days",
            )
        if self.opens is not None:
            try:
                fires = list(islice(CronSim(self.opens, datetime(2026, 1, 1, tzinfo=zone)), 60))
            except CronSimError:
                raise RuleViolation(
                    f"opens {self.opens!r} is geen cron-tekst van vijf velden",
                    f"opens {self.opens!r} is no cron expression of five fields",
                    "opens",
                ) from None
            days = [fire.date() for fire in fires]
            if not days or len(set(days)) < len(days):
                raise RuleViolation(
                    "opens: rondes gaan hoogstens een keer per dag open, en ooit wel",
                    "opens: rounds open at most once a day, and do open",
                    "opens",
                )
        return self

    def last_opening(self, now: datetime) -> datetime | None:
        """The latest moment up to `now` at which a round was to open; None when rounds are opened by hand."""
        if self.opens is None:
            return None
        here = now.astimezone(ZoneInfo(self.timezone)) + timedelta(seconds=1)
        return next(CronSim(self.opens, here, reverse=True), None)

    def next_opening(self, now: datetime) -> datetime | None:
        """The first moment after `now` at which a round is to open; None when rounds are opened by hand."""
        if self.opens is None:
            return None
        return next(CronSim(self.opens, now.astimezone(ZoneInfo(self.timezone))), None)


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
