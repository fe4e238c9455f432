"""Person keys: named combinations of name, birth date and address, each a kind of pseudonym of its own.

A part that is missing makes the key missing, never an empty match. What it says that two records agree on keys is worked
out in the round (`lsi_match.matcher.engine.linking`); what that reaches is in docs/person-keys.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class PersonKey:
    """A combination of parts (`lsi_match.partner.normalise` makes them) and in spite of what it links two records.

    Attributes:
        sure: nobody else has the same value: who knows the parts may ask for what is kept under it.
    """

    parts: tuple[str, ...]
    reason: str
    sure: bool = False


#: A value of a key that more records than this share links nothing: it is somebody's placeholder or a crowd.
CROWD: Final = 50
#: No pattern of agreement links of whose links a larger share is estimated to be false.
FALSE_LINKS: Final = 0.02
#: No key is used whose commonest value more than this share of a population has (docs/person-keys.md).
COMMONEST: Final = 1 / 10_000

#: Part → the fields it is made from. `first_…` and `last_…` are the two names in alphabetical order, so that names
#: in each other's field agree; which of them is the surname is then unknown.
FIELDS_OF: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(
        ("names", "first_letters", "last_letters", "first_sound", "last_sound"), ("given_name", "surname")
    ),
    **dict.fromkeys(
        ("given_initial", "given_letters", "given_end", "given_call", "given_other_call"), ("given_name",)
    ),
    **dict.fromkeys(
        ("surname_name", "surname_sound", "surname_end", "surname_head", "surname_tail"), ("surname",)
    ),
    **dict.fromkeys(("birth", "birth_year", "birth_year_month", "birth_day"), ("birth_date",)),
    "postcode": ("postcode",),
    "house": ("house_number",),
    "street_letters": ("street",),
    "place": ("place",),
}

PERSON_KEYS: Final[dict[str, PersonKey]] = {
    "names_birth_postcode": PersonKey(
        ("names", "birth", "postcode"), "names in each other's field, day and month swapped", sure=True
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
    "initial_surname_birth": PersonKey(
        ("given_initial", "surname_name", "birth"), "moved house, an initial for the given name"
    ),
    "names_birth_month": PersonKey(
        ("names", "birth_year_month", "place"), "moved within the place, another day of birth"
    ),
    "names_birth_day": PersonKey(
        ("names", "birth_day", "place"), "moved within the place, another year of birth"
    ),
    "names_birth_year": PersonKey(("names", "birth_year", "postcode"), "another day or month of birth"),
    "initial_birth_postcode": PersonKey(
        ("given_initial", "birth", "postcode"), "another surname, as after marriage; a misspelt given name"
    ),
    "initial_birth_street": PersonKey(
        ("given_initial", "birth", "street_letters", "house"), "the same, no postcode or a wrong one"
    ),
    "surname_birth_place": PersonKey(
        ("surname_sound", "birth", "place"), "no given name, moved within the place"
    ),
    "surname_birth": PersonKey(("surname_sound", "birth"), "moved house, another given name, as a call name"),
    "given_birth": PersonKey(
        ("given_letters", "given_end", "birth"), "moved house, another surname, as after marriage"
    ),
    "call_birth": PersonKey(
        ("given_call", "surname_sound", "birth"), "moved house, a call name for the given name"
    ),
    "other_call_birth": PersonKey(
        ("given_other_call", "surname_sound", "birth"), "the same, a call name that stands for two names"
    ),
    "head_birth": PersonKey(
        ("given_letters", "surname_head", "birth"), "moved house, a second surname behind it, errors at its end"
    ),
    "tail_birth": PersonKey(
        ("given_letters", "surname_tail", "birth"), "moved house, a second surname before it, errors at its beginning"
    ),
    "surname_name_birth": PersonKey(("surname_name", "birth"), "moved house, no given name"),
    "initial_year_postcode": PersonKey(
        ("given_initial", "birth_year", "postcode"), "an unknown or wrong day of birth, names misspelt"
    ),
    "sound_birth_month": PersonKey(
        ("first_sound", "last_sound", "birth_year_month"), "names spelt in another way, another day of birth or none"
    ),
    "birth_postcode": PersonKey(("birth", "postcode"), "no given name, another surname"),
    "birth_street_house": PersonKey(
        ("birth", "street_letters", "house"), "the same, no postcode or a wrong one"
    ),
    "letters_postcode": PersonKey(("first_letters", "last_letters", "postcode"), "no birth date"),
    "letters_street_house": PersonKey(
        ("first_letters", "last_letters", "place", "street_letters", "house"),
        "no birth date, no postcode or a wrong one",
    ),
    "birth_house": PersonKey(("birth", "house"), "names, street and postcode misspelt"),
    "birth_place": PersonKey(("birth", "place"), "names, street, postcode and number misspelt"),
    "letters_street": PersonKey(
        ("first_letters", "last_letters", "place", "street_letters"),
        "no birth date, no postcode or house number or a wrong one"),
    "first_street_house": PersonKey(
        ("first_letters", "street_letters", "house"), "one name misspelt, no birth date or postcode"
    ),
    "last_street_house": PersonKey(
        ("last_letters", "street_letters", "house"), "the other name misspelt, no birth date or postcode"
    ),
    "given_address": PersonKey(
        ("given_letters", "postcode", "house"), "another surname, no birth date"
    ),
    "surname_street": PersonKey(
        ("surname_sound", "postcode", "street_letters"), "no given name, birth date or house number"
    ),
    "surname_house": PersonKey(
        ("surname_sound", "place", "house"), "no given name or birth date, street and postcode misspelt"
    ),
}  # fmt: skip
