"""The people, households and addresses of the made-up town. Vectorised; the same seed gives the same town.

Numbers of persons pass the eleven-test and are made up. They are counted down from 999999999, so that the first
nine thousand begin with 9999, the beginning that RvIG's published list of test numbers uses; a larger town goes on
below that, in the 9xxxxxxxx range, on the assumption that no number there has been given to anyone. Some begin
with zeros, as old numbers do: those are counted up from 000000000, on the assumption that no real number has
fewer than eight digits. The numbers of companies (RSIN) are counted up from 900000000. Postcodes and streets are
made up too; that some postcode exists elsewhere means nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

#: The day the demo round looks at; the registers are made around it.
REFERENCE_DATE: Final = date(2026, 10, 1)

Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]

#: Share of the people without a BSN among those with a v-number, and of those with one in the whole town.
_FOREIGN = 0.10
_WITHOUT_BSN = 0.03
_PC4: Final = tuple(str(code) for code in range(7601, 7611))
_STREET_HEADS = (
    "Duin", "Helm", "Meeuwen", "Wulpen", "Dorps", "Kerk", "Molen", "Beatrix", "Willem de Zwijger", "Anna Blaman",
    "Zilverschoon", "Kamperfoelie", "Schelpen", "Vuurtoren", "Haven", "Strand", "Brem", "Vlier", "Tjalk", "Botter",
)  # fmt: skip
_STREET_TAILS = ("straat", "laan", "weg", "plein", "hof", "pad", "kade", "dreef")

_GIVEN_DUTCH = (
    "Jan", "Anna", "Pieter", "Maria", "Cornelis", "Johanna", "Willem", "Elisabeth", "Sjoerd", "Fenna", "Daan", "Emma",
    "Lucas", "Sanne", "Bram", "Lotte", "Thijs", "Femke", "Ruben", "Iris", "René", "Renée", "André", "Zoë", "Chloë",
    "Joël", "Noëlle", "Loïs", "Hélène", "Desirée", "Jurriën", "Maaike", "Gerrit", "Trijntje", "Hendrik", "Geertje",
)  # fmt: skip
_GIVEN_OTHER = (
    "Mohamed", "Fatima", "Ahmed", "Aïcha", "Yusuf", "Elif", "Mehmet", "Ayşe", "Hakan", "Gülsen", "Samira", "Omar",
    "Agnieszka", "Paweł", "Małgorzata", "Jakub", "Ioana", "Ștefan", "Shanice", "Rajesh", "Anjali", "Winston", "Xiu",
    "Wei", "Amanuel", "Selam", "Olena", "Oleksandr", "João", "Conceição", "Jürgen", "Søren", "Nguyễn", "Priya",
)  # fmt: skip
_SURNAME_DUTCH = (
    ("", "Jansen"), ("de", "Vries"), ("van den", "Berg"), ("van", "Dijk"), ("", "Bakker"), ("", "Visser"), ("", "Smit"),
    ("", "Mulder"), ("de", "Boer"), ("van der", "Meer"), ("", "Bos"), ("van", "Leeuwen"), ("", "Dekker"),
    ("de", "Bruijn"), ("van der", "Linden"), ("", "Kuipers"), ("van 't", "Hof"), ("in 't", "Veld"), ("ter", "Horst"),
    ("op de", "Beek"), ("", "Hoekstra"), ("", "IJzerman"), ("van", "IJsseldijk"), ("", "Thijssen"), ("", "Coëlho"),
    ("", "Reünis"), ("", "Daniëls"), ("den", "Ouden"), ("'t", "Hart"), ("uit den", "Bogaard"), ("", "Prinsen-Vermeulen"),
    ("van der", "Heijden"), ("", "Postma"), ("", "Dijkstra"), ("te", "Riele"), ("", "Böhm"), ("", "Cornelissen"),
)  # fmt: skip
_SURNAME_OTHER = (
    ("", "Yılmaz"), ("", "Öztürk"), ("", "Şahin"), ("", "El Idrissi"), ("", "Benali"), ("", "Bouzid"), ("el", "Amrani"),
    ("", "Kowalczyk"), ("", "Wiśniewski"), ("", "Łukasik"), ("", "Ionescu"), ("", "Ramdin"), ("", "Singh"), ("", "Chen"),
    ("", "Tesfay"), ("", "Nguyễn"), ("", "Shevchenko"), ("", "da Silva"), ("dos", "Santos"), ("", "Müller"),
    ("", "García"), ("", "Kaya"), ("", "Doğan"), ("", "Hadžić"), ("", "Osei"), ("", "Martina"), ("", "Abdi"),
)  # fmt: skip


@dataclass(frozen=True)
class Town:
    """People and addresses, one row each; `people.address` is a row number in `addresses`.

    Attributes:
        people: bsn, v_number, given, prefix, surname, birth_date, age, household, household_size, position,
            address, residents (registered at the address).
        addresses: street, postcode, number, letter, addition, residents. The last ones have no residents:
            they are premises of businesses.
        crowded: the rows of `addresses` where many people without ties are registered.
        companies: numbers (RSIN) of companies.
    """

    people: pl.DataFrame
    addresses: pl.DataFrame
    crowded: Rows
    companies: pl.Series


def make_town(people: int, rng: np.random.Generator) -> Town:
    """A town of `people` inhabitants."""
    household, position, size = _households(people, rng)
    address_of_household, crowded = _homes(size, rng)
    homes = int(address_of_household.max()) + 1
    address = address_of_household[household]
    residents = np.bincount(address, minlength=homes + max(20, homes // 25))
    age_days = _ages(household, position, size, rng)
    birth = np.datetime64(REFERENCE_DATE) - age_days.astype("timedelta64[D]")
    foreign = rng.random(people) < _FOREIGN
    frame = pl.DataFrame(
        {
            "bsn": pl.Series(person_numbers(people, rng)),
            "v_number": _v_numbers(people, rng),
            **_names(household, foreign, rng),
            "birth_date": birth,
            "age": age_days // 365.25,
            "household": household,
            "household_size": size[household],
            "position": position,
            "address": address,
            "residents": residents[address],
        }
    ).with_columns(
        pl.col("age").cast(pl.Int64),
        pl.when(pl.Series(foreign)).then("v_number"),
        pl.when(pl.Series(~foreign | (rng.random(people) >= _WITHOUT_BSN))).then("bsn"),
    )
    return Town(frame, _addresses(residents), crowded, company_numbers(max(20, people // 30)))


def pick(rng: np.random.Generator, values: tuple[Any, ...], count: int, weights: tuple[float, ...] = ()) -> pl.Series:
    """`count` draws from `values`, by `weights` if given."""
    share = np.array(weights) / sum(weights) if weights else None
    chosen = rng.choice(len(values), count, p=share)
    return pl.Series(list(values)).gather(chosen)


def days_before(rng: np.random.Generator, count: int, least: int, most: int) -> NDArray[np.datetime64]:
    """Days between `least` and `most` days before the reference date (negative: after it)."""
    return np.datetime64(REFERENCE_DATE) - rng.integers(least, most, count, endpoint=True).astype("timedelta64[D]")


def person_numbers(count: int, rng: np.random.Generator) -> pl.Series:
    """`count` different made-up BSNs in random order, about 3% of them beginning with 0000 (see the top)."""
    with_zeros = max(1, count // 33)
    zeros = _pass_eleven_test(np.arange(1, with_zeros * 2 + 20))[:with_zeros]
    nines = _pass_eleven_test(99_999_999 - np.arange(int((count - with_zeros) * 1.15) + 50))[: count - with_zeros]
    numbers = np.concatenate([zeros, nines])
    return pl.Series(rng.permutation(numbers)).cast(pl.String).str.zfill(9)


def company_numbers(count: int) -> pl.Series:
    """`count` different made-up RSINs."""
    return pl.Series(_pass_eleven_test(90_000_000 + np.arange(int(count * 1.15) + 50))[:count]).cast(pl.String)


def _pass_eleven_test(first_eight: Rows) -> Rows:
    """The nine-digit numbers that begin with `first_eight` and pass; a beginning without a ninth digit is dropped."""
    total = sum(weight * (first_eight // 10**place % 10) for place, weight in zip(range(8), range(2, 10), strict=True))
    last = np.asarray(total) % 11
    return (first_eight * 10 + last)[last < 10]


def _v_numbers(count: int, rng: np.random.Generator) -> pl.Series:
    return pl.Series(9_900_000_000 + rng.permutation(count * 3)[:count]).cast(pl.String)


def _households(people: int, rng: np.random.Generator) -> tuple[Rows, Rows, Rows]:
    """Per person its household and its place in it (0: head); per household its size."""
    size = rng.choice([1, 2, 3, 4, 5, 6], people, p=[0.39, 0.32, 0.12, 0.12, 0.04, 0.01])
    count = int(np.searchsorted(np.cumsum(size), people)) + 1
    size = size[:count]
    household = np.repeat(np.arange(count), size)[:people]
    size = np.bincount(household)
    starts = np.cumsum(size) - size
    return household, np.arange(people) - starts[household], size


def _homes(size: Rows, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Per household its address, and which addresses are crowded: those hold six single people."""
    crowd = np.zeros(len(size), dtype=bool)
    singles = np.flatnonzero(size == 1)
    lodging = rng.permutation(singles)[: len(singles) // 16]
    crowd[lodging] = True
    address = np.empty(len(size), dtype=np.int64)
    ordinary = np.flatnonzero(~crowd)
    # Two in a hundred households share an address with the household before it.
    address[ordinary] = np.cumsum(rng.random(len(ordinary)) >= 0.02)
    first = int(address[ordinary].max()) + 1
    address[lodging] = first + np.arange(len(lodging)) // 6
    crowded_rows = np.unique(address[lodging])
    # Spread them over the town: street order is number order.
    shuffle = rng.permutation(int(address.max()) + 1)
    return shuffle[address], shuffle[crowded_rows]


def _ages(household: Rows, position: Rows, size: Rows, rng: np.random.Generator) -> Rows:
    """Age in days: heads by size of household, partners near them, children a generation younger."""
    single = np.where(rng.random(len(size)) < 0.45, rng.uniform(65, 96, len(size)), rng.uniform(18, 65, len(size)))
    couple = np.where(rng.random(len(size)) < 0.45, rng.uniform(64, 90, len(size)), rng.uniform(22, 64, len(size)))
    head = np.where(size == 1, single, np.where(size == 2, couple, rng.uniform(26, 58, len(size))))
    partner = np.clip(head + rng.normal(0, 4, len(size)), 18, 98)
    child = rng.uniform(0, 1, len(household)) * np.clip(head[household] - 22, 1, 24)
    age = np.where(position == 0, head[household], np.where(position == 1, partner[household], child))
    return (age * 365.25).astype(np.int64)


def _names(household: Rows, foreign: Flags, rng: np.random.Generator) -> dict[str, pl.Series]:
    """Given names, tussenvoegsel and surname; a household mostly shares a surname."""
    other_household = rng.random(int(household.max()) + 1) < 0.16
    other = other_household[household] | (foreign & (rng.random(len(household)) < 0.8))
    seed = np.where(rng.random(len(household)) < 0.8, household, rng.integers(0, len(household), len(household)))
    scatter = seed * 2_654_435_761 % 4_294_967_296
    names = _SURNAME_DUTCH + _SURNAME_OTHER
    row = np.where(other, len(_SURNAME_DUTCH) + scatter % len(_SURNAME_OTHER), scatter % len(_SURNAME_DUTCH))
    given = np.where(
        other,
        len(_GIVEN_DUTCH) + rng.integers(0, len(_GIVEN_OTHER), len(household)),
        rng.integers(0, len(_GIVEN_DUTCH), len(household)),
    )
    return {
        "given": pl.Series(_GIVEN_DUTCH + _GIVEN_OTHER).gather(given),
        "prefix": pl.Series([prefix or None for prefix, _ in names]).gather(row),
        "surname": pl.Series([surname for _, surname in names]).gather(row),
    }


def _addresses(residents: Rows) -> pl.DataFrame:
    """Different addresses in streets of one postcode each; some house numbers are split by letter or addition."""
    count = len(residents)
    row = np.arange(count)
    streets = min(max(10, count // 40), len(_PC4) * 676)
    street = row % streets
    number = row // streets + 1
    # Every seventh house is split in three, and those get a letter, an addition, or both.
    split = number % 7
    base = np.where(split == 5, number - 1, np.where(split == 6, number - 2, number))
    letter = np.select([split == 5, split == 6], ["A", "B"], "")
    addition = np.select([number % 22 == 3, number % 26 == 5, number % 44 == 9], ["2", "bis", "hs"], "")
    within = street // len(_PC4)
    letters = np.array([chr(65 + a) + chr(65 + b) for a in range(26) for b in range(26)])
    heads, tails = np.array(_STREET_HEADS), np.array(_STREET_TAILS)
    name = np.char.add(heads[street % len(heads)], tails[street // len(heads) % len(tails)])
    return pl.DataFrame(
        {
            "street": name,
            "postcode": np.char.add(np.array(_PC4)[street % len(_PC4)], letters[within]),
            "number": base,
            "letter": letter,
            "addition": addition,
            "residents": residents,
        }
    ).with_columns(pl.col("letter", "addition").replace("", None))
