"""Person keys: named combinations of name, birth date and address, each a kind of pseudonym of its own.

Two records agree when one of these combinations is equal in both; each must therefore be rare enough to stand
for one person on its own. A part that is missing makes the key missing, never an empty match.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class PersonKey:
    """A combination of parts (`lsi_match.partner.normalise` makes the parts) and why it may link two records."""

    parts: tuple[str, ...]
    reason: str


#: Parts: given, surname: normalised names · given3, surname3: their first three letters · names: given and
#: surname in alphabetical order · birth: year, then day and month in ascending order, so that a swapped day
#: and month agree · birth_year, birth_day (day and month) · postcode, house, street.
PERSON_KEYS: Final[dict[str, PersonKey]] = {
    "names_birth": PersonKey(("names", "birth"), "names in each other's field, day and month swapped"),
    "given_birth_postcode": PersonKey(("given", "birth", "postcode"), "a changed or misspelt surname"),
    "given_birth_street": PersonKey(("given", "birth", "street"), "a changed surname, a misspelt postcode"),
    "given_birth_house": PersonKey(
        ("given", "surname3", "birth", "house"), "a surname that differs at its end"
    ),
    "initial_birth_postcode_house": PersonKey(
        ("given1", "birth", "postcode", "house"), "both names misspelt"
    ),
    "initial_birth_postcode_street": PersonKey(
        ("given1", "birth", "postcode", "street"), "the same, without number"
    ),
    "surname_birth_postcode": PersonKey(
        ("given1", "surname", "birth", "postcode"), "an initial instead of a name"
    ),
    "surname_birth_street": PersonKey(
        ("given1", "surname", "birth", "street"), "an initial, a misspelt postcode"
    ),
    "surname_birth_house": PersonKey(
        ("given1", "surname", "birth", "house"), "an initial, a misspelt street"
    ),
    "letters_birth_postcode": PersonKey(
        ("given3", "surname3", "birth", "postcode"), "errors at the end of both names"
    ),
    "letters_birth_street": PersonKey(("given3", "surname3", "birth", "street"), "the same, with the street"),
    "names_postcode_house": PersonKey(("names", "postcode", "house"), "a wrong or missing birth date"),
    "names_street_postcode": PersonKey(("names", "street", "postcode"), "the same, without house number"),
    "names_street_house": PersonKey(("names", "street", "house"), "the same, with a misspelt postcode"),
    "given_address": PersonKey(("given", "surname3", "street", "house"), "no birth date, a misspelt surname"),
    "surname_address": PersonKey(
        ("given3", "surname", "postcode", "house"), "no birth date, a misspelt given name"
    ),
}
