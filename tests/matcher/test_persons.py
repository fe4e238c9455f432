"""Who is linked to whom on person keys: small worlds written out by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from pydantic import ValidationError
from scipy.stats import poisson

from benchmarks.linkage import SAME, Task, blocks, pairs_in
from benchmarks.people import make_registers
from lsi_match.manifest import Subject
from lsi_match.manifest.identifiers import CROWD_OF, IdentifierKind, Unit
from lsi_match.manifest.person_keys import CROWD, FALSE_LINKS, PERSON_KEYS
from lsi_match.matcher.engine import linking as engine
from lsi_match.matcher.engine.calibration import KNOWN, Calibration, Counted, Stands
from lsi_match.matcher.engine.linking import Linking
from lsi_match.matcher.engine.patterns import pattern_of
from lsi_match.partner.normalise import person_keys

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


def links(
    *registers: list[Person], numbers: list[list[str | None]] | None = None, false_links: float = FALSE_LINKS
) -> set[tuple[int, int]]:
    """Pairs of records that became one subject; records are numbered through all registers."""
    names = list(PERSON_KEYS)
    kinds = [*(["bsn"] if numbers else []), *(f"pk_{name}" for name in names)]
    linking = Linking(kinds, sum(map(len, registers)), CROWD_OF[Unit.PERSON] * len(registers), false_links)
    start = 0
    for i, people in enumerate(registers):
        frame = pl.DataFrame(people, schema=dict.fromkeys(JAN, pl.String), orient="row")
        keys = person_keys(frame, SAME, names)
        if numbers:
            keys = keys.with_columns(pl.Series("bsn", numbers[i], dtype=pl.String))
        columns = {kind: pa.chunked_array([blocks(keys.get_column(kind))]) for kind in kinds}
        linking.add(i, np.arange(start, start + len(people)), columns)
        start += len(people)
    linking.link()
    return {(one, other) for one, other in pairs_in(linking.component).tolist()}


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


def town(count: int, letters: str = "ABCDEFGHKLMNOPRSTVWZ") -> list[Person]:
    """People of whom each lives alone."""
    names = [a + b.lower() + c.lower() for a in letters for b in "AEIO" for c in letters]
    return [
        {
            "given_name": names[7 * i % len(names)] + "nik",
            "surname": names[11 * i % len(names)] + "stra",
            "birth_date": f"{1940 + i % 60}-{1 + i % 12:02d}-{1 + i % 28:02d}",
            "postcode": f"{1000 + i}AB",
            "house_number": str(1 + i % 9),
            "street": f"{names[13 * i % len(names)]}straat",
            "place": f"Dorp {names[i % 20]}",
        }
        for i in range(count)
    ]


def pairs(people: int, places: int = 2) -> set[tuple[int, int]]:
    """Who stands at the same number of every place, as pairs of records."""
    return {(i + people * a, i + people * b) for i in range(people) for b in range(places) for a in range(b)}


def test_what_a_pattern_is_worth_is_seen_in_the_round() -> None:
    """Where everybody lives alone, the address tells; where families do, it does not."""
    unseen = {"given_name": None, "birth_date": None}
    people, some = town(120), range(100, 120, 2)
    assert links([people[100]], [people[100] | unseen]) == set()
    assert links(people, [*people[:100], *(one | unseen for one in people[100:])]) == pairs(120)
    for i in range(0, 120, 2):
        home = ("surname", "postcode", "house_number", "street", "place")
        people[i + 1] |= {name: people[i][name] for name in home}
    one = [*people[:100], *(people[i] for i in some)]
    found = links(one, [*people[:100], *(people[i + 1] | unseen for i in some)])
    assert found == {(i, i + 110) for i in range(100)}


def test_a_twin_who_stands_in_one_register_only_is_not_the_other_twin() -> None:
    people = town(60)
    twin = people[-1] | {"given_name": "Xander"}
    assert links(people, [*people[:-1], twin]) == pairs(60) - {(59, 119)}


def test_people_with_several_records_in_each_place_are_one() -> None:
    people = town(80)
    worse = [one | {"surname": f"{one['surname']}a", "postcode": None} for one in people]
    found = links([*people, *worse], [*people, *worse])
    assert found == {(a, b) for a in range(320) for b in range(a + 1, 320) if a % 80 == b % 80}


def test_where_nobody_stands_twice_nobody_is_joined_in_one_place() -> None:
    people = town(80)
    brother = people[0] | {"given_name": f"{people[0]['given_name']}el", "postcode": "9999ZZ"}
    assert links([*people, brother], people) == {(i, i + 81) for i in range(80)}


def test_a_chain_does_not_join_two_who_differ() -> None:
    """A record that fits both of two twins brings neither to the other one."""
    people = town(80)
    worse = [one | {"surname": f"{one['surname']}a", "postcode": None} for one in people]
    twin = people[0] | {"given_name": "Xander"}
    unnamed = people[0] | {"given_name": None, "house_number": None}
    found = links([*people, *worse, twin], [*people, unnamed])
    assert (0, 160) not in found
    assert (80, 160) not in found
    assert (0, 161) in found


def test_a_round_is_linked_the_same_again_whatever_the_order_of_its_records(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registers = make_registers(400)
    people = [register.select(list(JAN)).to_dicts() for register in (registers.left, registers.right)]
    count = len(people[0])
    found = links(*people)
    assert links(*people) == found
    monkeypatch.setattr(engine, "PIECE", 47)
    monkeypatch.setattr(engine, "ROOM", 10_000)
    assert links(*people) == found, "and in however many pieces, in memory or on disk"
    turned = links(people[0][::-1], people[1])
    assert {(count - 1 - a, b) if a < count else (a, b) for a, b in turned} == found


def test_a_pattern_that_failed_too_early_gets_a_second_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """While most have no counterpart yet, much may be a coincidence that is none when others are linked."""
    people, failing, calls = town(120), Calibration.failing, []

    def at_first(self: Calibration) -> np.ndarray:
        calls.append(self)
        return self._linked > 0 if len(calls) == 1 else failing(self)

    monkeypatch.setattr(Calibration, "failing", at_first)
    away = dict.fromkeys(("postcode", "house_number", "street", "place"))
    assert links(people, [*people[:115], *(one | away for one in people[115:])]) == pairs(120)


def test_how_many_links_are_false_is_estimated() -> None:
    registers = make_registers(1000)
    task = Task.of(registers.left, registers.right)
    found = task.link()
    assert found.quality.links == found.found > 600
    assert found.found - found.right <= found.quality.at_most <= found.found * 0.02
    assert found.recall > 0.96
    assert found.precision > 0.99


def test_how_many_are_false_at_most_leaves_room_for_chance() -> None:
    """However well decoys tell what is to be expected: how many there are is drawn around it."""
    pattern = pattern_of(["letters_birth"], ["letters_birth"])
    all_pairs = np.zeros((3, KNOWN))
    all_pairs[Stands.OPEN, pattern.known], all_pairs[Stands.DECOYS] = 1, 10_000 / KNOWN
    counted = Counted([pattern], np.array([[0], [1_000_000], [0]]), np.array([9_000]), all_pairs)
    false, at_most = Calibration(FALSE_LINKS, counted).estimate()
    assert false > 50
    assert poisson.cdf(at_most, false) > 0.95


def test_the_bound_of_the_manifest_decides() -> None:
    """What so small a round cannot show to be right links at a wider bound only."""
    registers = make_registers(300)
    people = [register.select(list(JAN)).to_dicts() for register in (registers.left, registers.right)]
    few, many = (links(*people, false_links=bound) for bound in (0.00001, FALSE_LINKS))
    assert few < many


def test_the_bound_has_a_default_and_no_bound_is_large() -> None:
    assert Subject(unit=Unit.PERSON, identifiers=(IdentifierKind.BSN,)).false_links == FALSE_LINKS
    with pytest.raises(ValidationError):
        Subject(unit=Unit.PERSON, identifiers=(IdentifierKind.BSN,), false_links=0.2)
