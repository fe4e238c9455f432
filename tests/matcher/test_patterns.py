"""What two records are seen to agree in, from the person keys that they share."""

from __future__ import annotations

import pytest

from lsi_match.manifest.person_keys import PERSON_KEYS
from lsi_match.matcher.engine.patterns import Known, Level, Pattern, no_weaker, pattern_of, stand_ins

ALL = frozenset(PERSON_KEYS)
#: Everything known, nothing seen.
NOTHING = pattern_of([], ALL)


def agreeing(parts: set[str]) -> Pattern:
    """Two records that have everything and agree on these parts."""
    return pattern_of([name for name, key in PERSON_KEYS.items() if set(key.parts) <= parts], ALL)


HOME = {"postcode", "house", "street_letters", "place"}
NAMES = {part for key in PERSON_KEYS.values() for part in key.parts if "_" in part or part == "names"} - {
    "birth_year",
    "birth_year_month",
    "birth_day",
    "street_letters",
}
BIRTH = {"birth", "birth_year", "birth_year_month", "birth_day"}
SURNAME = {"surname_name", "surname_sound", "surname_end", "last_letters"}


def test_whoever_agrees_in_everything_is_surely_one() -> None:
    same = agreeing(HOME | NAMES | BIRTH)
    assert same[:4] == (Level.SAME,) * 4
    assert same.surely_one
    assert same.likely_one
    assert same.core == 2


def test_twins_are_seen_to_have_other_initials() -> None:
    twins = agreeing(HOME | BIRTH | SURNAME)
    assert (twins.given, twins.birth) == (Level.DIFFERS, Level.SAME)
    assert not twins.likely_one
    assert twins.contradicts
    assert twins.core == 1


def test_a_call_name_is_the_name_but_for_what_is_written() -> None:
    called = agreeing(HOME | BIRTH | SURNAME | {"given_call"})
    assert called.given is Level.CLOSE
    assert called.likely_one
    assert not called.contradicts


@pytest.mark.parametrize(
    "parts", [{"given_other_call"}, {"given_letters", "given_end"}, {"given_letters", "surname_head"}]
)
def test_two_ways_in_which_a_name_is_alike_say_more_than_one(parts: set[str]) -> None:
    found, one = (
        agreeing({"birth", "surname_sound", *parts}),
        agreeing({"birth", "given_letters", "given_end"}),
    )
    assert (found.given, one.surname) != (Level.ALIKE, Level.ALIKE)
    assert Level.CLOSE in (found.given, found.surname)


@pytest.mark.parametrize(
    ("parts", "level"),
    [
        ({"postcode", "house"}, Level.SAME),
        ({"postcode", "street_letters"}, Level.SAME),
        ({"place", "street_letters", "house"}, Level.SAME),
        ({"street_letters", "house"}, Level.CLOSE),
        ({"postcode", "place"}, Level.CLOSE),
        ({"place", "street_letters"}, Level.ALIKE),
        ({"place", "house"}, Level.PART),
    ],
)
def test_an_address_is_the_same_with_a_postcode_or_without(parts: set[str], level: Level) -> None:
    assert agreeing(parts | NAMES | BIRTH).address is level


def test_the_year_is_seen_where_the_day_is_another_one_and_the_names_are_misspelt() -> None:
    misspelt = agreeing(HOME | {"given_initial", "birth_year"})
    assert misspelt.birth is Level.PART
    assert misspelt.against == (True, False)


def test_twins_of_one_initial_are_seen_to_have_other_names() -> None:
    twins = agreeing(HOME | BIRTH | SURNAME | {"given_initial"})
    assert twins.given is Level.PART
    assert twins.against == (True, False)


def test_a_namesake_child_has_the_birth_date_against_it() -> None:
    child = agreeing(HOME | NAMES)
    assert child.given is Level.ALIKE or child.given is Level.CLOSE
    assert child.against == (False, True)
    assert child.core == 1


def test_a_family_has_nothing_of_the_core() -> None:
    assert agreeing(HOME | SURNAME).core == 0


def test_what_one_record_does_not_have_is_unknown_and_not_against_it() -> None:
    without = frozenset(n for n, k in PERSON_KEYS.items() if not BIRTH & set(k.parts))
    pattern = pattern_of(["letters_postcode", "letters_street_house", "given_address"], without)
    assert pattern.birth is Level.UNKNOWN
    assert not pattern.known & Known.BIRTH_DATE
    assert pattern.against == (False, False)
    assert pattern.core == 2


def test_decoys_stand_in_for_records_of_whom_less_is_known() -> None:
    without = frozenset(n for n, k in PERSON_KEYS.items() if not BIRTH & set(k.parts))
    namesakes, unknown = agreeing(HOME | NAMES), pattern_of(list(without), without)
    everything, nothing_known = agreeing(HOME | NAMES | BIRTH), pattern_of(list(without), ALL)
    family = agreeing(HOME | SURNAME)
    patterns = [unknown, everything, nothing_known, namesakes, family]
    found = stand_ins(patterns)
    assert found[0].tolist() == [True, True, True, True, False]
    assert not found[3][0]
    assert found.diagonal().all()


@pytest.mark.parametrize("more", [{"birth"}, {"postcode"}, {"given_initial"}])
def test_more_agreement_is_never_a_lower_level(more: set[str]) -> None:
    few = agreeing(SURNAME | {"house", "place"})
    many = agreeing(SURNAME | {"house", "place"} | more)
    assert all(a >= b for a, b in zip(many[:4], few[:4], strict=True) if a is not Level.DIFFERS)
    assert no_weaker([few])[0, 0]
    assert NOTHING.known == few.known
