"""Who is linked to whom on person keys: small worlds written out by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from benchmarks.linkage import SAME, blocks
from lsi_match.manifest import Manifest, Partner, Subject
from lsi_match.manifest.identifiers import IdentifierKind, Unit
from lsi_match.manifest.person_keys import CROWD, PERSON_KEYS, PROOF
from lsi_match.matcher.engine.engine import Engine
from lsi_match.partner.normalise import person_keys
from lsi_match.protocol.columns import GROUP, REFERENCE, SELECTION, SIGNALS

JAN = {
    "given_name": "Jan",
    "surname": "de Wolf",
    "birth_date": "1980-04-12",
    "postcode": "2511CV",
    "house_number": "12",
    "street": "Voorhout",
    "place": "Den Haag",
}
Person = dict[str, str | None]


def links(*registers: list[Person], numbers: list[list[str | None]] | None = None) -> set[tuple[int, int]]:
    """Pairs of records that became one subject; records are numbered through all registers."""
    names = list(PERSON_KEYS)
    partners = {f"p{i}": Partner.model_construct(selections=()) for i in range(len(registers))}
    identifiers = (IdentifierKind.BSN,) if numbers else ()
    subject = Subject(unit=Unit.PERSON, identifiers=identifiers, person_keys=tuple(names))
    engine = Engine(Manifest.model_construct(subject=subject, partners=partners))
    start = 0
    for i, people in enumerate(registers):
        frame = pl.DataFrame(people, schema=dict.fromkeys(JAN, pl.String), orient="row")
        keys = person_keys(frame, SAME, names)
        count = len(people)
        bsn = {"bsn": blocks(pl.Series(numbers[i], dtype=pl.String))} if numbers else {}
        table = pa.table(
            {
                **bsn,
                **{kind: blocks(keys.get_column(kind)) for kind in keys.columns},
                REFERENCE: blocks(pl.int_range(count, eager=True).cast(pl.String)),
                SELECTION: np.zeros(count, np.uint8),
                SIGNALS: np.ones(count, np.uint64),
                GROUP: np.full(count, 255, np.uint8),
            }
        )
        engine.add(f"p{i}", table, np.arange(start, start + count))
        start += count
    engine.link()
    found = engine.rows(
        "SELECT a.record, b.record FROM component a JOIN component b USING (component) WHERE a.record < b.record"
    )
    engine.close()
    return set(found)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"given_name": "de Wolf", "surname": "Jan"},
        {"birth_date": "1980-12-04"},
        {"surname": "de Wolff"},
        {"surname": "Wolf, de"},
        {"given_name": "J."},
        {"given_name": None},
        {"given_name": "Jann"},
        {"surname": "Bakker"},
        {"surname": None},
        {"birth_date": "1980-04-13"},
        {"birth_date": "1980-05-12"},
        {"birth_date": "1981-04-12"},
        {"birth_date": None},
        {"postcode": None},
        {"postcode": "2512CV", "birth_date": None},
        {"postcode": "9711AA", "house_number": "3", "street": "Brink", "place": "Groningen"},
        {"house_number": None, "street": None},
    ],
)
def test_a_person_is_found_in_spite_of(change: Person) -> None:
    assert links([JAN], [JAN | change]) == {(0, 1)}


@pytest.mark.parametrize(
    "other",
    [
        {"given_name": "Piet"},  # a twin
        {"given_name": "P."},  # a twin, of whom the initial is known
        {"birth_date": "2010-04-13"},  # a namesake child
        {"given_name": "Marie", "birth_date": "1982-07-30"},  # a wife
        {"given_name": "Marie", "surname": "Bakker", "birth_date": "1982-07-30"},  # somebody in the same house
        {"surname": "Bakker", "postcode": "9711AA", "house_number": "3", "street": "Brink", "place": "Groningen"},
        {"given_name": None, "birth_date": None},  # the family
    ],
)  # fmt: skip
def test_another_person_is_not(other: Person) -> None:
    assert links([JAN], [JAN | other]) == set()


def test_a_twin_does_not_take_the_place_of_the_person_who_is_there() -> None:
    piet = JAN | {"given_name": "Piet"}
    assert links([JAN, piet], [JAN, piet]) == {(0, 2), (1, 3)}
    unnamed = JAN | {"given_name": None}
    assert links([JAN, piet], [JAN, unnamed]) == {(0, 2), (1, 3)}


def test_when_two_fit_as_well_nobody_is_linked() -> None:
    piet = JAN | {"given_name": "Piet"}
    assert links([JAN, piet], [JAN | {"given_name": None}]) == set()


def test_records_with_different_numbers_are_never_one_person() -> None:
    assert links([JAN], [JAN], numbers=[["999990019"], [None]]) == {(0, 1)}
    joined = links([JAN], [JAN | {"given_name": "Jann"}], numbers=[["999990019"], ["999990020"]])
    assert joined == set()


def test_a_value_that_a_crowd_shares_links_nothing() -> None:
    shared = {**dict.fromkeys(JAN), "birth_date": "1980-04-12", "postcode": "2511CV"}
    assert links([shared], [shared]) == {(0, 1)}
    assert links([shared] * CROWD, [shared]) == set()


def many(count: int) -> list[Person]:
    """People of whom each lives alone."""
    letters = [chr(65 + i // 26**p % 26) for i in range(count) for p in range(3)]
    return [
        {
            "given_name": "Kim" + "".join(letters[3 * i : 3 * i + 3]),
            "surname": "".join(letters[3 * i : 3 * i + 3]) + "stra",
            "birth_date": f"{1940 + i % 60}-{1 + i % 12:02d}-{1 + i % 28:02d}",
            "postcode": f"{1000 + i}AB",
            "house_number": "1",
            "street": "Dorpsstraat",
            "place": "Dorp",
        }
        for i in range(count)
    ]


def test_a_weak_key_counts_only_where_it_has_proved_itself() -> None:
    hidden: Person = {"birth_date": None, "surname": None}
    for enough, count in ((True, PROOF), (False, PROOF - 1)):
        people = many(count + 1)
        found = links(people, [*people[:-1], people[-1] | hidden])
        assert ((count, 2 * count + 1) in found) is enough
