"""What counts per area can say of a characteristic that nobody may record, and what they cannot.

Of an area one knows how many live there, what share has the characteristic (public figures, for example of Statistics
Netherlands per postcode), and how many were selected. Who of those selected has it, one does not know. All that
follows is a lowest and a highest number (Duncan and Davis, American Sociological Review 18 (1953) 665-666); anything
closer supposes that people are like their neighbours, which is the ecological fallacy (Robinson, ibid. 15 (1950)
351-357). So there is no estimate here, only bounds, and never of one person.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lsi_match.monitor.intervals import Interval


@dataclass(frozen=True)
class Area:
    """An area: people who live there, how many of them have the characteristic, and how many were selected."""

    people: int
    having: int
    selected: int

    def __post_init__(self) -> None:
        if not (0 <= self.having <= self.people and 0 <= self.selected <= self.people):
            raise ValueError("more people than live there")


@dataclass(frozen=True)
class Bounds:
    """The chance of being selected of those who have the characteristic, of those who have not, and their ratio: what
    is possible, given the counts. `says` is false when the ratio may lie on either side of one."""

    having: Interval
    others: Interval
    ratio: Interval

    @property
    def says(self) -> bool:
        return self.ratio.low > 1 or self.ratio.high < 1


def bounds(areas: Iterable[Area]) -> Bounds:
    """The bounds over all areas together; an area of people who all, or none, have the characteristic narrows them.

    Raises:
        ValueError: nobody has the characteristic, or everybody.
    """
    known = list(areas)
    having = sum(area.having for area in known)
    others = sum(area.people - area.having for area in known)
    if not having or not others:
        raise ValueError("nobody has the characteristic, or everybody")
    selected = sum(area.selected for area in known)
    least = sum(max(0, area.selected - (area.people - area.having)) for area in known)
    most = sum(min(area.having, area.selected) for area in known)
    low, high = least / having, most / having
    other_low, other_high = (selected - most) / others, (selected - least) / others
    return Bounds(
        Interval(low, high),
        Interval(other_low, other_high),
        Interval(low / other_high if other_high else 0.0, high / other_low if other_low else float("inf")),
    )
