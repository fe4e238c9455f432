"""What two records agree in, field by field, worked out from the person keys that they share. Pure.

No part of a key reaches the matcher, only that whole keys are equal. From these follows a lower bound per field: who
agree on `letters_birth` agree on the beginnings of both names and on the birth date. And sometimes that a field differs: who
agree on `birth_postcode` and both have `initial_birth_postcode`, but not the same, have another initial.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from enum import IntEnum, IntFlag
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np

from lsi_match.manifest.person_keys import PERSON_KEYS


class Level(IntEnum):
    """How far two records are seen to agree in a field, in order."""

    DIFFERS = 0
    UNSEEN = 1
    UNKNOWN = 2  # at least one of the two does not have the field
    PART = 3  # an initial; one of two names; the year; the place or house
    ALIKE = 4  # names alike in one way; day and month, or year and month; street and place
    CLOSE = 5  # names alike in two ways, a call name, half of a surname; the postcode, or street and house
    SAME = 6


class Known(IntFlag):
    """What two records both have."""

    INITIAL = 1
    GIVEN_NAME = 2
    SURNAME = 4
    YEAR = 8
    BIRTH_DATE = 16
    ADDRESS = 32


class Pattern(NamedTuple):
    """What two records agree in, and what of them is known."""

    given: Level
    surname: Level
    birth: Level
    address: Level
    known: Known

    @property
    def surely_one(self) -> bool:
        """Names, birth date and address: whoever agrees in these is one person, at one partner too."""
        names = min(self.given, self.surname)
        return names >= Level.CLOSE and self.birth == Level.SAME and self.address >= Level.CLOSE

    @property
    def likely_one(self) -> bool:
        """Both names alike, and the birth date: where the first links of a round come from."""
        return min(self.given, self.surname) >= Level.ALIKE and self.birth == Level.SAME

    @property
    def against(self) -> tuple[bool, bool]:
        """Whether the given name, and the birth date, is seen to be another one, or agrees in nothing though both have it."""
        return (
            self.given is Level.DIFFERS or (bool(self.known & Known.GIVEN_NAME) and self.given < Level.ALIKE),
            self.birth is Level.DIFFERS or (bool(self.known & Known.BIRTH_DATE) and self.birth < Level.PART),
        )

    @property
    def core(self) -> int:
        """0 when given name and birth date say nothing for it: then two people of one house look like this. 1 when one
        of them agrees and the other one speaks against it: twins, a parent and a namesake child; or neither surname nor
        address agrees with it. 2 when nothing does."""
        agrees = max(self.given, self.birth) >= Level.PART
        alone = self.known & Known.SURNAME and max(self.surname, self.address) < Level.PART
        return agrees * (2 - bool(any(self.against) or alone))

    @property
    def relatives(self) -> bool:
        """Whether two relatives of one house look like this who have the birth date, or the given name, in common."""
        return self.core == 1 and self.surname >= Level.ALIKE and self.address >= Level.CLOSE

    @property
    def as_relatives(self) -> bool:
        """Whether people of one house may look like this of whom the birth date or the given name is another one: there
        are no more of these than of relatives of whom both are."""
        born = self.birth is Level.SAME or self.surname >= Level.ALIKE
        return self.core == 1 and self.address >= Level.CLOSE and born

    @property
    def household(self) -> bool:
        """Whether these are two relatives of one house who have no more in common."""
        return (
            all(self.against)
            and self.surname >= Level.ALIKE
            and self.address >= Level.CLOSE
            and self.core == 0
        )

    @property
    def contradicts(self) -> bool:
        """Whether given name or birth date is seen to be another one."""
        return Level.DIFFERS in (self.given, self.birth)


def no_weaker(patterns: Sequence[Pattern]) -> np.ndarray:
    """For each pattern (rows) which ones (columns) agree at least as far in every field, and have the same against them."""
    levels, against = _levels(patterns), np.array([one.against for one in patterns], bool).reshape(-1, 2)
    same: np.ndarray = (against[:, None] == against).all(axis=2)
    return same & (levels >= levels[:, None]).all(axis=2)


def stand_ins(patterns: Sequence[Pattern]) -> np.ndarray:
    """For each pattern (rows) which ones (columns) could be it if no more were known of both records than it knows. Then
    less would be seen of what they agree in, too."""
    levels, known = _levels(patterns), np.array([one.known for one in patterns], np.int64)
    this = levels[:, None]
    seen = np.where(this >= Level.PART, levels >= this, levels < Level.PART) | (this == Level.UNKNOWN)
    more = (known & known[:, None] == known[:, None])[:, :, None] & seen
    found: np.ndarray = np.where((known == known[:, None])[:, :, None], levels == this, more).all(axis=2)
    return found


def _levels(patterns: Sequence[Pattern]) -> np.ndarray:
    return np.array([one[:4] for one in patterns], np.int8).reshape(-1, 4)


_ALIKE: Final = (
    {"first_letters", "last_letters"},
    {"first_sound", "last_sound"},
    {"given_end", "surname_end"},
)
_BOTH_NAMES: Final = {"names", *_ALIKE[0], *_ALIKE[1]}
_CALL: Final = {"given_call", "given_other_call"}
_HALVES: Final = {"surname_head", "surname_tail"}
_GIVEN: Final = {*_BOTH_NAMES, *_CALL, "given_letters", "given_end"}
_SURNAME: Final = {*_BOTH_NAMES, *_HALVES, "surname_name", "surname_sound", "surname_end"}
_YEAR: Final = {"birth", "birth_year", "birth_year_month"}
_BIRTH: Final = {*_YEAR, "birth_day"}
_ADDRESS: Final = {"postcode", "house", "street_letters", "place"}


@lru_cache(1 << 16)
def known_of(keys: frozenset[str]) -> Known:
    """What is known of records that have these keys."""
    parts = _parts(keys)
    known = Known(0)
    for flag, names in (
        (Known.INITIAL, {*_GIVEN, "given_initial"}),
        (Known.GIVEN_NAME, _GIVEN),
        (Known.SURNAME, _SURNAME),
        (Known.YEAR, _BIRTH),
        (Known.BIRTH_DATE, {"birth"}),
        (Known.ADDRESS, _ADDRESS - {"house"}),
    ):
        if parts & names:
            known |= flag
    return known


def pattern_of(agreed: Collection[str], shared: Collection[str]) -> Pattern:
    """The pattern of two records that agree on the keys `agreed`, of the keys `shared` that both have."""
    same, known = _parts(agreed), known_of(frozenset(shared))
    # Where all other parts of a key agree and the key does not, the one part that is left differs.
    differing: set[str] = set()
    for key in shared:
        left = set(PERSON_KEYS[key].parts) - same
        if key not in agreed and len(left) == 1:
            differing |= left
    alike = sum(ways <= same for ways in _ALIKE)
    return Pattern(
        _given(same, differing, alike, known),
        _surname(same, differing, alike, known),
        _birth(same, differing, known),
        _address(same, known),
        known,
    )


def _parts(keys: Iterable[str]) -> set[str]:
    return {part for key in keys for part in PERSON_KEYS[key].parts}


def _given(same: set[str], differing: set[str], alike: int, known: Known) -> Level:
    if not known & Known.INITIAL:
        return Level.UNKNOWN
    if "names" in same:
        return Level.SAME
    if alike > 1 or same & _CALL or {"given_letters", "given_end"} <= same:
        return Level.CLOSE
    if alike or same & {"given_end", "given_letters"}:
        return Level.ALIKE
    if "given_initial" in same:
        return Level.PART
    return Level.DIFFERS if "given_initial" in differing else Level.UNSEEN


def _surname(same: set[str], differing: set[str], alike: int, known: Known) -> Level:
    if not known & Known.SURNAME:
        return Level.UNKNOWN
    if same & {"names", "surname_name"}:
        return Level.SAME
    if alike > 1 or same & _HALVES:
        return Level.CLOSE
    if alike or same & {"surname_sound", "surname_end"}:
        return Level.ALIKE
    if same & _ALIKE[0]:
        return Level.PART
    return Level.DIFFERS if "surname_sound" in differing else Level.UNSEEN


def _birth(same: set[str], differing: set[str], known: Known) -> Level:
    if not known & Known.YEAR:
        return Level.UNKNOWN
    if "birth" in same:
        return Level.SAME
    if same & {"birth_year_month", "birth_day"}:
        return Level.ALIKE
    if "birth_year" in same:
        return Level.PART
    return Level.DIFFERS if differing & _BIRTH else Level.UNSEEN


def _address(same: set[str], known: Known) -> Level:
    if not known & Known.ADDRESS:
        return Level.UNKNOWN
    postcode, street = "postcode" in same, {"house", "street_letters"} <= same
    if (postcode and same & {"house", "street_letters"}) or (street and "place" in same):
        return Level.SAME
    if postcode or street:
        return Level.CLOSE
    if {"place", "street_letters"} <= same:
        return Level.ALIKE
    return Level.PART if same & _ADDRESS else Level.UNSEEN
