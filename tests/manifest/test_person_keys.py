"""The bounds that every person key keeps."""

from __future__ import annotations

import polars as pl

from benchmarks.people import FIELDS, make_registers
from lsi_match.manifest.person_keys import (
    COMMONEST,
    FIELDS_OF,
    PERSON_KEYS,
)
from lsi_match.partner.normalise import person_keys


def test_every_key_is_made_of_known_parts_and_no_two_of_the_same() -> None:
    assert all(part in FIELDS_OF for key in PERSON_KEYS.values() for part in key.parts)
    assert len({frozenset(key.parts) for key in PERSON_KEYS.values()}) == len(PERSON_KEYS)


def test_a_sure_key_holds_both_names_the_birth_date_and_an_address() -> None:
    for key in PERSON_KEYS.values():
        if key.sure:
            fields = {field for part in key.parts for field in FIELDS_OF[part]}
            assert fields >= {"given_name", "surname", "birth_date", "postcode"}


def test_no_key_has_a_value_that_many_people_share() -> None:
    """Among 200,000 made-up people; docs/person-keys.md has the same for a million."""
    people = make_registers(200_000).population
    made = person_keys(people, {name: name for name in FIELDS}, list(PERSON_KEYS))
    for column in made.columns:
        counts = made.get_column(column).drop_nulls().value_counts().get_column("count")
        assert pl.Series(counts).max() <= COMMONEST * len(people), column
