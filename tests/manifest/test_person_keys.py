"""The rule of what may link two records, case by case, and the bounds every key keeps."""

from __future__ import annotations

import polars as pl
import pytest

from benchmarks.people import FIELDS, make_registers
from lsi_match.manifest.person_keys import (
    COMMONEST,
    FIELDS_OF,
    PERSON_KEYS,
    Core,
    Strength,
    core_of,
    may_link,
)
from lsi_match.partner.normalise import person_keys

GIVEN, BIRTH = Core.GIVEN_NAME, Core.BIRTH_DATE
BOTH = (GIVEN, BIRTH)


@pytest.mark.parametrize(
    ("agreed", "known", "proven", "links"),
    [
        (["letters_birth"], BOTH, [], True),
        # Twins at one address agree on all but the given name.
        (["birth_postcode", "birth_street_house", "surname_birth_place"], BOTH, [], False),
        (["birth_postcode", "surname_birth_place"], [BIRTH], [], True),
        # A parent and a namesake child agree on all but the birth date.
        (["letters_postcode", "letters_street_house"], BOTH, [], False),
        (["letters_postcode"], [GIVEN], [], True),
        # Two keys hold together what neither holds alone.
        (["letters_postcode", "birth_postcode"], BOTH, [], True),
        (["birth_house", "given_address", "surname_house"], BOTH, [], False),
        (["birth_house"], BOTH, ["birth_house"], True),
        (["birth_house"], BOTH, ["birth_place"], False),
        ([], [], list(PERSON_KEYS), False),
    ],
)
def test_may_link(agreed: list[str], known: list[Core], proven: list[str], links: bool) -> None:
    assert may_link(agreed, known, proven) is links


@pytest.mark.parametrize(
    ("names", "held"),
    [
        (["letters_birth"], {GIVEN, BIRTH}),
        (["birth_postcode"], {BIRTH}),
        (["surname_house"], set()),
        (["first_street_house"], set()),
        (["first_street_house", "last_street_house"], {GIVEN}),
        (["given_address"], {GIVEN}),
    ],
)
def test_what_of_the_core_keys_hold(names: list[str], held: set[Core]) -> None:
    assert core_of(names) == held


def test_every_key_is_made_of_known_parts_and_no_two_of_the_same() -> None:
    assert all(part in FIELDS_OF for key in PERSON_KEYS.values() for part in key.parts)
    assert len({frozenset(key.parts) for key in PERSON_KEYS.values()}) == len(PERSON_KEYS)


def test_a_sure_key_holds_both_names_the_birth_date_and_an_address() -> None:
    for key in PERSON_KEYS.values():
        if key.strength is Strength.SURE:
            fields = {field for part in key.parts for field in FIELDS_OF[part]}
            assert fields >= {"given_name", "surname", "birth_date", "postcode"}


def test_no_key_has_a_value_that_many_people_share() -> None:
    """Among 200,000 made-up people; docs/person-keys.md has the same for a million."""
    people = make_registers(200_000).population
    made = person_keys(people, {name: name for name in FIELDS}, list(PERSON_KEYS))
    for column in made.columns:
        counts = made.get_column(column).drop_nulls().value_counts().get_column("count")
        assert pl.Series(counts).max() <= COMMONEST * len(people), column
