"""The people, households and addresses of the made-up town. Vectorised; the same seed gives the same town.

Numbers of persons pass the eleven-test and are made up. They are counted down from 999999999, so that
the first nine thousand begin with 9999, as the test numbers that RvIG publishes do; a larger town goes
on below that, in the 9xxxxxxxx range, on the assumption (we have no source for it) that no number there
belongs to anyone. Some begin with zeros, as old numbers do: those are counted up from 000000000, on the
assumption that no real number has fewer than eight digits. The numbers of companies (RSIN) are counted
up from 900000000. Postcodes and streets are made up too; that a postcode may exist elsewhere means
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

#: The day the demo round looks at; the registers are made around it.
REFERENCE_DATE: Final = date(2026, 10, 1)

RowNumbers = NDArray[np.int64]
Flags = NDArray[np.bool_]

#: Share of the people with a v-number, and of those the share without a BSN.
_FOREIGN = 0.10
_WITHOUT_BSN = 0.03
_PC4: Final = tuple(str(code) for code in range(7601, 7611))
#: The postcodes that the neighbourhood project looks at.
DISTRICT: Final = ("7604", "7605")


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


_STREET_HEADS = _listed(
    "Duin, Helm, Meeuwen, Wulpen, Dorps, Kerk, Molen, Beatrix, Willem de Zwijger, Anna Blaman, "
    "Zilverschoon, Kamperfoelie, Schelpen, Vuurtoren, Haven, Strand, Brem, Vlier, Tjalk, Botter"
)
_STREET_TAILS = _listed("straat, laan, weg, plein, hof, pad, kade, dreef")

_GIVEN_DUTCH = _listed(
    "Jan, Anna, Pieter, Maria, Cornelis, Johanna, Willem, Elisabeth, Sjoerd, Fenna, Daan, Emma, Lucas, "
    "Sanne, Bram, Lotte, Thijs, Femke, Ruben, Iris, René, Renée, André, Zoë, Chloë, Joël, Noëlle, Loïs, "
    "Hélène, Desirée, Jurriën, Maaike, Gerrit, Trijntje, Hendrik, Geertje"
)
_GIVEN_OTHER = _listed(
    "Mohamed, Fatima, Ahmed, Aïcha, Yusuf, Elif, Mehmet, Ayşe, Hakan, Gülsen, Samira, Omar, Agnieszka, "
    "Paweł, Małgorzata, Jakub, Ioana, Ștefan, Shanice, Rajesh, Anjali, Winston, Xiu, Wei, Amanuel, "
    "Selam, Olena, Oleksandr, João, Conceição, Jürgen, Søren, Nguyễn, Priya"
)
#: Tussenvoegsel and surname, with a stroke between them.
_SURNAME_DUTCH = _listed(
    "Jansen, de/Vries, van den/Berg, van/Dijk, Bakker, Visser, Smit, Mulder, de/Boer, van der/Meer, "
    "Bos, van/Leeuwen, Dekker, de/Bruijn, van der/Linden, Kuipers, van 't/Hof, in 't/Veld, ter/Horst, "
    "op de/Beek, Hoekstra, IJzerman, van/IJsseldijk, Thijssen, Coëlho, Reünis, Daniëls, den/Ouden, "
    "'t/Hart, uit den/Bogaard, Prinsen-Vermeulen, van der/Heijden, Postma, Dijkstra, te/Riele, Böhm, "
    "Cornelissen"
)
_SURNAME_OTHER = _listed(
    "Yılmaz, Öztürk, Şahin, El Idrissi, Benali, Bouzid, el/Amrani, Kowalczyk, Wiśniewski, Łukasik, "
    "Ionescu, Ramdin, Singh, Chen, Tesfay, Nguyễn, Shevchenko, da/Silva, dos/Santos, Müller, García, "
    "Kaya, Doğan, Hadžić, Osei, Martina, Abdi"
)


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
    crowded: RowNumbers
    companies: pl.Series


def make_town(people: int, rng: np.random.Generator) -> Town:
    """A town of `people` inhabitants."""
    household, position, size = _households(people, rng)
    address_of_household, crowded = _homes(size, rng)
    homes = int(address_of_household.max()) + 1
    address = address_of_household[household]
    residents = np.bincount(address, minlength=homes + max(20, homes // 25))
    moved = _into_the_district(residents)
    address, crowded, residents = moved[address], moved[crowded], residents[np.argsort(moved)]
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


Weights = tuple[float, ...]


def pick(rng: np.random.Generator, values: tuple[str, ...], count: int, weights: Weights = ()) -> pl.Series:
    """`count` draws from `values`, by `weights` if given."""
    share = np.array(weights) / sum(weights) if weights else None
    chosen = rng.choice(len(values), count, p=share)
    return pl.Series(list(values)).gather(chosen)


def days_before(rng: np.random.Generator, count: int, least: int, most: int) -> NDArray[np.datetime64]:
    """Days between `least` and `most` days before the reference date (negative: after it)."""
    days = rng.integers(least, most, count, endpoint=True)
    return np.datetime64(REFERENCE_DATE) - days.astype("timedelta64[D]")


def person_numbers(count: int, rng: np.random.Generator) -> pl.Series:
    """`count` different made-up BSNs in random order, about 3% of them beginning with 0000 (see the top)."""
    with_zeros = max(1, count // 33)
    zeros = _pass_eleven_test(1 + _enough_for(with_zeros))[:with_zeros]
    nines = _pass_eleven_test(99_999_999 - _enough_for(count))[: count - with_zeros]
    return pl.Series(rng.permutation(np.concatenate([zeros, nines]))).cast(pl.String).str.zfill(9)


def company_numbers(count: int) -> pl.Series:
    """`count` different made-up RSINs."""
    return pl.Series(_pass_eleven_test(90_000_000 + _enough_for(count))[:count]).cast(pl.String)


def _enough_for(count: int) -> RowNumbers:
    """0, 1, 2 … so far that `count` numbers are left when one in eleven has no ninth digit that passes."""
    return np.arange(int(count * 1.15) + 50)


def _pass_eleven_test(first_eight: RowNumbers) -> RowNumbers:
    """The nine-digit numbers that begin with `first_eight` and pass, where there is one."""
    last = np.zeros_like(first_eight)
    for place in range(8):
        last += (place + 2) * (first_eight // 10**place % 10)
    last %= 11
    numbers: RowNumbers = (first_eight * 10 + last)[last < 10]
    return numbers


def _v_numbers(count: int, rng: np.random.Generator) -> pl.Series:
    return pl.Series(9_900_000_000 + rng.permutation(count * 3)[:count]).cast(pl.String)


def _households(people: int, rng: np.random.Generator) -> tuple[RowNumbers, RowNumbers, RowNumbers]:
    """Per person its household and its place in it (0: head); per household its size."""
    size = rng.choice([1, 2, 3, 4, 5, 6], people, p=[0.39, 0.32, 0.12, 0.12, 0.04, 0.01])
    count = int(np.searchsorted(np.cumsum(size), people)) + 1
    size = size[:count]
    household = np.repeat(np.arange(count), size)[:people]
    size = np.bincount(household)
    starts = np.cumsum(size) - size
    return household, np.arange(people) - starts[household], size


def _homes(size: RowNumbers, rng: np.random.Generator) -> tuple[RowNumbers, RowNumbers]:
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


def _into_the_district(residents: RowNumbers) -> RowNumbers:
    """Per address where it moves to: every third home of five people or more changes places with a smaller one in the
    district of the neighbourhood project. So a criterion on postcode hits large homes there, which the monitor sees."""
    row = np.arange(len(residents))
    inside = np.isin(row % _streets(len(residents)) % len(_PC4), [_PC4.index(code) for code in DISTRICT])
    large = residents >= 5
    out = np.flatnonzero(large & ~inside)[1::3]
    back = np.flatnonzero(~large & inside & (residents > 0))
    back = back[:: max(1, len(back) // max(1, len(out)))][: len(out)]
    out = out[: len(back)]
    row[out], row[back] = back, out
    return row


def _streets(addresses: int) -> int:
    return min(max(10, addresses // 40), len(_PC4) * 676)


def _ages(
    household: RowNumbers, position: RowNumbers, size: RowNumbers, rng: np.random.Generator
) -> RowNumbers:
    """Age in days: heads by size of household, partners near them, children a generation younger."""
    count = len(size)
    old = rng.random(count) < 0.45
    single = np.where(old, rng.uniform(65, 96, count), rng.uniform(18, 65, count))
    couple = np.where(old, rng.uniform(64, 90, count), rng.uniform(22, 64, count))
    head = np.where(size == 1, single, np.where(size == 2, couple, rng.uniform(26, 58, count)))
    partner = np.clip(head + rng.normal(0, 4, count), 18, 98)
    child = rng.uniform(0, 1, len(household)) * np.clip(head[household] - 22, 1, 24)
    age = np.where(position == 0, head[household], np.where(position == 1, partner[household], child))
    return (age * 365.25).astype(np.int64)


def _names(household: RowNumbers, foreign: Flags, rng: np.random.Generator) -> dict[str, pl.Series]:
    """Given names, tussenvoegsel and surname; a household mostly shares a surname."""
    other_household = rng.random(int(household.max()) + 1) < 0.16
    count = len(household)
    other = other_household[household] | (foreign & (rng.random(count) < 0.8))
    seed = np.where(rng.random(count) < 0.8, household, rng.integers(0, count, count))
    scatter = seed * 2_654_435_761 % 4_294_967_296
    names = _SURNAME_DUTCH + _SURNAME_OTHER
    row = np.where(other, len(_SURNAME_DUTCH) + scatter % len(_SURNAME_OTHER), scatter % len(_SURNAME_DUTCH))
    given = np.where(
        other,
        len(_GIVEN_DUTCH) + rng.integers(0, len(_GIVEN_OTHER), count),
        rng.integers(0, len(_GIVEN_DUTCH), count),
    )
    return {
        "given": pl.Series(_GIVEN_DUTCH + _GIVEN_OTHER).gather(given),
        "prefix": pl.Series([name.rpartition("/")[0] or None for name in names]).gather(row),
        "surname": pl.Series([name.rpartition("/")[2] for name in names]).gather(row),
    }


def _addresses(residents: RowNumbers) -> pl.DataFrame:
    """Different addresses in streets of one postcode each; some houses are split by letter or addition."""
    count = len(residents)
    row = np.arange(count)
    streets = _streets(count)
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
