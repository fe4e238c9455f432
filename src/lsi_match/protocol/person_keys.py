"""Person keys: named combinations of name, birth date and address, each a kind of pseudonym of its own.

A part that is missing makes the key missing, never an empty match. How far one agreement goes is the key's
strength; the rules are carried out in `lsi_match.matcher.engine`, what they reach is in docs/person-keys.md.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import Final


class Strength(StrEnum):
    """What it says that two records agree on a key."""

    #: One agreement joins records, as an identifier does, within one register too.
    SURE = "sure"
    #: One agreement joins two records of different partners where no other record fits as well.
    TELLING = "telling"
    #: Two agreements that share no part count as one that is telling; a single one counts for nothing, unless the
    #: key has proved itself in the round.
    WEAK = "weak"


@dataclass(frozen=True)
class PersonKey:
    """A combination of parts (`lsi_match.partner.normalise` makes the parts) and why it may link two records."""

    parts: tuple[str, ...]
    reason: str
    strength: Strength = Strength.TELLING

    @property
    def sources(self) -> frozenset[str]:
        """What its parts are made from: two keys share a part when they share a source."""
        return frozenset(source for part in self.parts for source in SOURCES[part])


#: A value of a key that more records than this share links nothing: it is somebody's placeholder or a crowd.
CROWD: Final = 50
#: A weak key proves itself in a round when, of at least so many agreements between records that both have a
#: counterpart already, at least this share is with that counterpart. Then it tells, for records without one.
PROOF: Final = 1_000
PROVEN: Final = 0.99
#: No key is used whose commonest value more than this share of a population has (docs/person-keys.md).
COMMONEST: Final = 1 / 10_000

#: Part → what it is made from. `first_…` and `last_…` are the two names in alphabetical order, so that names in
#: each other's field agree; which of them is the surname is therefore unknown.
SOURCES: Final[dict[str, tuple[str, ...]]] = {
    "names": ("first_name", "last_name"),
    "first_letters": ("first_name",),
    "last_letters": ("last_name",),
    "first_sound": ("first_name",),
    "last_sound": ("last_name",),
    "given_end": ("first_name", "last_name"),
    "surname_sound": ("first_name", "last_name"),
    "surname_end": ("first_name", "last_name"),
    "birth": ("birth_date",),
    "birth_year_month": ("birth_date",),
    "birth_day": ("birth_date",),
    "postcode": ("postcode",),
    "house": ("house_number",),
    "street": ("street",),
    "street_letters": ("street",),
    "place": ("place",),
}

SURE, WEAK = Strength.SURE, Strength.WEAK
PERSON_KEYS: Final[dict[str, PersonKey]] = {
    "names_birth_postcode": PersonKey(
        ("names", "birth", "postcode"), "nothing but names in each other's field, day and month swapped", SURE
    ),
    "letters_birth": PersonKey(
        ("first_letters", "last_letters", "birth"), "moved house, errors further on in the names"
    ),
    "sound_birth": PersonKey(
        ("first_sound", "last_sound", "birth"), "moved house, names spelt in another way"
    ),
    "ends_birth": PersonKey(
        ("given_end", "surname_end", "birth"), "moved house, errors at the beginning of the names"
    ),
    "names_birth_month": PersonKey(
        ("names", "birth_year_month", "place"), "moved within the place, another day of birth"
    ),
    "names_birth_day": PersonKey(("names", "birth_day", "place"), "moved, another year of birth"),
    "birth_postcode": PersonKey(("birth", "postcode"), "other names altogether: married, called by another"),
    "birth_street_house": PersonKey(
        ("birth", "street_letters", "house"), "the same, with a misspelt postcode"
    ),
    "birth_place_street": PersonKey(
        ("birth", "place", "street_letters"), "the same, without the house number", WEAK
    ),
    "surname_birth_place": PersonKey(("surname_sound", "birth", "place"), "another given name, moved nearby"),
    "letters_postcode": PersonKey(
        ("first_letters", "last_letters", "postcode"), "a wrong or missing birth date"
    ),
    "sound_postcode": PersonKey(
        ("first_sound", "last_sound", "postcode"), "the same, names spelt in another way", WEAK
    ),
    "letters_street_house": PersonKey(
        ("first_letters", "last_letters", "street_letters", "house"),
        "a wrong or missing birth date and postcode",
        WEAK,
    ),
    "first_birth": PersonKey(("first_letters", "birth"), "the second name wrong", WEAK),
    "last_birth": PersonKey(("last_letters", "birth"), "the first name wrong", WEAK),
    "birth_house": PersonKey(("birth", "house"), "street and postcode misspelt", WEAK),
    "birth_place": PersonKey(("birth", "place"), "postcode and number misspelt", WEAK),
    "first_postcode": PersonKey(("first_letters", "postcode"), "the second name wrong, no birth date", WEAK),
    "last_postcode": PersonKey(("last_letters", "postcode"), "the first name wrong, no birth date", WEAK),
    "first_street_house": PersonKey(
        ("first_letters", "street_letters", "house"), "the same, without the postcode", WEAK
    ),
    "last_street_house": PersonKey(
        ("last_letters", "street_letters", "house"), "the same, without the postcode", WEAK
    ),
}


def may_link(agreed: Sequence[str], proven: Collection[str] = ()) -> bool:
    """Whether agreement on these keys makes two records candidates: one that is telling or `proven`, or two weak
    ones that share no part and together hold the birth date or both names (a family shares a name and an
    address)."""
    keys = [PERSON_KEYS[name] for name in agreed]
    if any(name in proven or key.strength is not WEAK for name, key in zip(agreed, keys, strict=True)):
        return True
    return any(not a.sources & b.sources and _tells(a.sources | b.sources) for a, b in combinations(keys, 2))


def _tells(sources: frozenset[str]) -> bool:
    return "birth_date" in sources or sources >= {"first_name", "last_name"}
