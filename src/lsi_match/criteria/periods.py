"""`date_diff` in words: in which calendar months, years or days a date lies, seen from another date.

`date_diff('month', from, to)` counts how often a new month begins. That is the distance between two calendar
months, so every bound on it says in which calendar months a date lies: exact, and without counting.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal, TypeAlias

from lsi_match.base.errors import Language
from lsi_match.criteria.wording import day, forms_of, say

CalendarUnit: TypeAlias = Literal["day", "month", "year"]
#: First and last distance after the other date (before it is negative); None is without end.
Span: TypeAlias = tuple[int | None, int | None]


def period(
    unit: CalendarUnit,
    x: str,
    r: str,
    span: Span,
    lang: Language,
    negated: bool = False,
    strict: bool = False,
) -> str | None:
    """In words that `x` lies in `span`, seen from `r`; None when there is no such date.

    `negated` only goes with a single distance; `strict` says "more than 90" for "at least 91".
    """
    first, last = span
    if first is not None and last is not None and first > last:
        return None
    kind, m, n, before = _kind(first, last)
    the, calendar, same, one, more, that = forms_of(lang, f"unit_{unit}")
    side, by, earlier = forms_of(lang, "before" if before else "after")
    other_side, by_other, _ = forms_of(lang, "after" if before else "before")
    strict = strict and kind == "open_far" and n > 1
    if strict:
        n -= 1
    least = say(lang, "more_than" if strict else "at_least", n=n)
    return say(
        lang, f"{'days' if unit == 'day' else 'calendar'}_{kind}",
        x=x, r=r, m=m, n=n, least=least, the=the, calendar=calendar, same=same, side=side, by=by, earlier=earlier,
        other_side=other_side, by_other=by_other, that=that, no=say(lang, "not") if negated else "",
        units_m=one if m == 1 else more, units_n=one if n == 1 else more,
    )  # fmt: skip


def _kind(first: int | None, last: int | None) -> tuple[str, int, int, bool]:
    """The kind of span, its near and far distance, and whether it lies (or is open) before the other date."""
    if first is None or last is None:
        before = first is None
        edge = (last if before else first) or 0
        beyond = -edge if before else edge
        if beyond == 0:
            return "open_same", 0, 0, before
        if beyond > 0:
            return "open_far", 0, beyond, before
        return ("open_one" if beyond == -1 else "open_near"), 0, -beyond, before
    if first == last:
        return ("same" if first == 0 else "exactly"), 0, abs(first), first < 0
    if first < 0 < last:
        return "around", -first, last, True
    near, far = sorted((abs(first), abs(last)))
    if near == 0:
        return ("same_or_one" if far == 1 else "same_or_more"), 0, far, first < 0
    return "from_to", near, far, first < 0


def dates(unit: CalendarUnit, other: date, span: Span) -> tuple[date | None, date | None] | None:
    """The first and last day of `span` seen from `other`; None when that leaves the calendar."""
    try:
        start = None if span[0] is None else _first_day(unit, other, span[0])
        end = None if span[1] is None else _last_day(unit, other, span[1])
    except (ValueError, OverflowError):
        return None
    return start, end


def _first_day(unit: CalendarUnit, other: date, distance: int) -> date:
    if unit == "day":
        return other + timedelta(days=distance)
    if unit == "year":
        return date(other.year + distance, 1, 1)
    year, month = divmod(other.year * 12 + other.month - 1 + distance, 12)
    return date(year, month + 1, 1)


def _last_day(unit: CalendarUnit, other: date, distance: int) -> date:
    if unit == "day":
        return other + timedelta(days=distance)
    if unit == "year":
        return date(other.year + distance, 12, 31)
    year, month = divmod(other.year * 12 + other.month - 1 + distance, 12)
    return (date(year, month + 1, 28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def range_words(start: date | None, end: date | None, lang: Language) -> str:
    """`van 1 juli 2021 tot en met 30 april 2026`, `1 juli 2021 of later`."""
    if start and end and start != end:
        return say(lang, "range", y=day(start, lang), z=day(end, lang))
    if start and end:
        return day(start, lang)
    if start:
        return say(lang, "or_later", y=day(start, lang))
    assert end is not None
    return say(lang, "or_earlier", z=day(end, lang))


def example(unit: CalendarUnit, span: Span, reference: date, lang: Language) -> str | None:
    """Which days a span means for one reference date."""
    found = dates(unit, reference, span)
    if found is None or unit == "day":
        return None
    return say(lang, "example", day=day(reference, lang), range=range_words(*found, lang))
