"""The registers of the eight partners, each with its own column names and its own way of writing things.

Who receives what is drawn once for the whole town (`Lives`), so that the registers agree on the people as
real ones do; each register then adds the history, the gaps and the errors of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from lsi_match.demo import dirt
from lsi_match.demo.population import REFERENCE_DATE, Flags, RowNumbers, Town, days_before, pick

_SECTORS: Final = {
    "BOUW": 0.06,
    "HORECA": 0.06,
    "SCHOONMAAK": 0.04,
    "UITZENDBUREAU": 0.09,
    "AGRARISCH": 0.03,
    "ZORG": 0.16,
    "ONDERWIJS": 0.08,
    "OVERHEID": 0.08,
    "DETAILHANDEL": 0.14,
    "VERVOER": 0.07,
    "INDUSTRIE": 0.12,
    "ICT": 0.07,
}
_SCHEMES: Final = {"PW": 0.7, "IOAW": 0.06, "IOAZ": 0.02, "BBZ": 0.04, "BIJZ_BIJSTAND": 0.18}
_GOALS: Final = {"ARBEID": 0.36, "STUDIE": 0.09, "GEZIN": 0.30, "ASIEL": 0.22, "UITWISSELING": 0.03}
#: Where the goal of a permit limits work.
_WORK: Final = {**dict.fromkeys(_GOALS, "VRIJ"), "STUDIE": "16_UUR", "UITWISSELING": "NIET"}
_VIOLATIONS: Final = {"WML": 0.3, "WAV": 0.25, "ATW": 0.2, "ARBO": 0.15, "WAADI": 0.1}
_PROFITS: Final = {"VERLIES": 0.1, "0-10K": 0.3, "10-25K": 0.28, "25-50K": 0.2, "50K+": 0.12}


@dataclass(frozen=True)
class Lives:
    """Per person of the town (row number in `people`), what it lives on today."""

    uwv: Flags
    assistance: Flags
    aow: Flags
    aio: Flags
    anw: Flags
    employed: Flags
    self_employed: Flags
    permit: Flags


def lead_lives(town: Town, rng: np.random.Generator) -> Lives:
    """Draw who works, receives or holds what. Only a permit depends on origin."""
    age = town.people["age"].to_numpy()
    count = len(age)
    working_age = (age >= 18) & (age < 67)
    uwv = working_age & (rng.random(count) < 0.060)
    assistance = working_age & ~uwv & (rng.random(count) < 0.036)
    anw = working_age & ~uwv & ~assistance & (age > 35) & (rng.random(count) < 0.004)
    aow = age >= 67
    aio = aow & (rng.random(count) < 0.04)
    works = np.select([uwv, assistance, anw, working_age, aio, aow], [0.22, 0.14, 0.45, 0.74, 0.12, 0.05], 0)
    self_employed = working_age & (rng.random(count) < np.where(uwv | assistance, 0.05, 0.11))
    return Lives(
        uwv=uwv,
        assistance=assistance,
        aow=aow,
        aio=aio,
        anw=anw,
        employed=rng.random(count) < works,
        self_employed=self_employed,
        permit=town.people["v_number"].is_not_null().to_numpy(),
    )


def _declared(working: Flags, rng: np.random.Generator, low: int, high: int) -> pl.Series:
    """Monthly income declared to a paying body: most who work declare it; of the others a few had some."""
    said = np.where(working, rng.random(len(working)) < 0.72, rng.random(len(working)) < 0.05)
    amount = pl.Series(rng.integers(low // 10, high // 10, len(working)) * 10)
    return pl.DataFrame({"a": amount, "s": said}).select(pl.when("s").then("a")).to_series()


def _initials(people: pl.DataFrame) -> pl.Series:
    return people.select(
        pl.concat_str(
            [pl.col("given").str.slice(0, 1) + ".", "prefix", "surname"], separator=" ", ignore_nulls=True
        )
    ).to_series()


def _ids(prefix: str, count: int, width: int, rng: np.random.Generator) -> pl.Series:
    """`count` different record ids in random order."""
    return prefix + pl.Series(rng.permutation(count * 3)[:count] + 1).cast(pl.String).str.zfill(width)


def _some_missing(column: pl.Series, share: float, rng: np.random.Generator) -> pl.Series:
    frame = pl.DataFrame({"c": column, "keep": rng.random(len(column)) >= share})
    return frame.select(pl.when("keep").then("c")).to_series()


def _ending(running: Flags, rng: np.random.Generator) -> pl.Series:
    """End dates: none or in the coming year for what runs, in the past for what does not."""
    ended = _dates(rng, len(running), 1, 1500)
    coming = _dates(rng, len(running), -400, 0)
    frame = pl.DataFrame({"e": ended, "c": coming, "r": running, "open": rng.random(len(running)) < 0.7})
    return frame.select(
        pl.when(~pl.col("r")).then("e").when("open").then(None).otherwise(pl.col("c")).alias("end")
    ).to_series()


def _dates(rng: np.random.Generator, count: int, least: int, most: int) -> pl.Series:
    return pl.Series(days_before(rng, count, least, most)).cast(pl.Date)


def _by_share(rng: np.random.Generator, shares: dict[str, float], count: int) -> pl.Series:
    return pick(rng, tuple(shares), count, tuple(shares.values()))


def _money(rng: np.random.Generator, count: int, low: float, high: float) -> pl.Series:
    return pl.Series(rng.integers(int(low * 100), int(high * 100), count) / 100)


def uwv(town: Town, lives: Lives, rng: np.random.Generator) -> pl.DataFrame:
    """WW, WIA, ZW and WAO, running and ended. The house number with all that belongs to it is one column."""
    age = town.people["age"].to_numpy()
    once = ~lives.uwv & (age >= 20) & (age < 70) & (rng.random(len(age)) < 0.05)
    rows = dirt.some_twice(np.flatnonzero(lives.uwv | once), rng)
    running, working = lives.uwv[rows], lives.employed[rows] | lives.self_employed[rows]
    people, address = town.people[rows], town.addresses[town.people["address"].to_numpy()[rows]]
    count = len(rows)
    return pl.DataFrame(
        {
            "UITK_ID": _ids("U", count, 9, rng),
            "BSN": dirt.written_bsn(people["bsn"], rng),
            "NAAM": _initials(people),
            "GEB_DAT": _some_missing(people["birth_date"], 0.01, rng),
            "SRT_UITK": pick(rng, ("WW", "WIA", "ZW", "WAO"), count, (0.35, 0.45, 0.15, 0.05)),
            "DT_INGANG": _some_missing(_dates(rng, count, 20, 2600), 0.004, rng),
            "DT_EINDE": _ending(running, rng),
            "DAGBEDRAG": _money(rng, count, 12, 190),
            "INK_OPGAVE": _declared(working, rng, 20, 2200),
            "POST_RETOUR": rng.random(count) < np.where(people["residents"].to_numpy() > 5, 0.55, 0.16),
            "POSTCODE": dirt.written_postcode(address["postcode"], rng),
            "HUISNR": dirt.written_in_one(address, rng),
            "AANT_BEW": people["residents"],
        }
    )


def svb(town: Town, lives: Lives, rng: np.random.Generator) -> pl.DataFrame:
    """AOW, AIO and Anw. Someone with AIO has AOW as well, under another reference."""
    aow, aio, anw = (dirt.some_twice(np.flatnonzero(flag), rng) for flag in (lives.aow, lives.aio, lives.anw))
    rows = np.concatenate([aow, aio, anw])
    people, address = town.people[rows], town.addresses[town.people["address"].to_numpy()[rows]]
    count = len(rows)
    working = lives.employed[rows] | lives.self_employed[rows]
    alone = people["residents"].to_numpy() == 1
    claims_alone = np.where(alone, rng.random(count) < 0.97, rng.random(count) < 0.02)
    parts = dirt.written_in_parts(address, rng)
    return pl.DataFrame(
        {
            "kenmerk": _ids("SVB-", count, 8, rng),
            "bsn": dirt.written_bsn(people["bsn"], rng),
            "naam": _initials(people),
            "gebdatum": people["birth_date"],
            "regeling": np.repeat(["AOW", "AIO", "ANW"], [len(aow), len(aio), len(anw)]),
            "ingang": _dates(rng, count, 20, 5000),
            "einde": _ending(rng.random(count) < 0.96, rng),
            "leefvorm": np.where(claims_alone, "ALLEEN", "SAMEN"),
            "maandbedrag": _money(rng, count, 150, 1500),
            "andere_inkomsten": _declared(working, rng, 10, 1500),
            "pc": dirt.written_postcode(address["postcode"], rng),
            "hnr": parts["number"],
            "hltr": parts["letter"],
            "htoev": parts["addition"],
            "bewoners": _some_missing(people["residents"], 0.01, rng),
        }
    )


def gemeente(town: Town, lives: Lives, rng: np.random.Generator) -> pl.DataFrame:
    """Social assistance; the only register with BSN and v-number side by side for everyone who has both."""
    age = town.people["age"].to_numpy()
    once = ~lives.assistance & (age >= 18) & (rng.random(len(age)) < 0.02)
    rows = dirt.some_twice(np.flatnonzero(lives.assistance | once), rng)
    running, working = lives.assistance[rows], lives.employed[rows] | lives.self_employed[rows]
    people, address = town.people[rows], town.addresses[town.people["address"].to_numpy()[rows]]
    count = len(rows)
    residents = people["residents"].to_numpy()
    parts = dirt.written_in_parts(address, rng)
    known = np.maximum(residents - 1 - (rng.random(count) < 0.22) * rng.integers(1, 4, count), 0)
    single, child = people["household_size"].to_numpy() == 1, people["position"].to_numpy() > 1
    return pl.DataFrame(
        {
            "dossiernummer": _ids("WZ/2026/", count, 7, rng),
            "burgerservicenummer": dirt.written_bsn(_wrong_person(people["bsn"], 0.003, rng), rng),
            "vreemdelingennummer": dirt.written_v_number(people["v_number"], rng),
            "voornamen": people["given"],
            "voorvoegsel": people["prefix"],
            "geslachtsnaam": people["surname"],
            "geboortedatum": _some_missing(people["birth_date"], 0.02, rng),
            "regeling": _by_share(rng, _SCHEMES, count),
            "datum_ingang": _dates(rng, count, 5, 4000),
            "datum_einde": _ending(running, rng),
            "leefvorm": np.select([single, child], ["ALLEENSTAAND", "KOSTENDELER"], "GEHUWD"),
            "kostendelers": _some_missing(pl.Series(known), 0.02, rng),
            "opgegeven_inkomen": _declared(working, rng, 10, 1100),
            "aantal_ingeschrevenen": people["residents"],
            "meldingen_adres": rng.poisson(np.where(residents > 5, 1.6, 0.35)),
            "straatnaam": address["street"],
            "huisnummer": parts["number"],
            "huisletter": parts["letter"],
            "huisnummertoevoeging": parts["addition"],
            "postcode": dirt.written_postcode(address["postcode"], rng),
        }
    )


def _wrong_person(bsn: pl.Series, share: float, rng: np.random.Generator) -> pl.Series:
    """A share of the BSNs replaced by that of another client: a number that passes, of someone else."""
    other = bsn.gather(rng.permutation(len(bsn)))
    frame = pl.DataFrame({"b": bsn, "o": other, "swap": rng.random(len(bsn)) < share})
    return frame.select(pl.when("swap").then("o").otherwise(pl.col("b"))).to_series()


def belastingdienst(town: Town, lives: Lives, rng: np.random.Generator) -> pl.DataFrame:
    """One row per employment, this year's and some that ended. Record ids are numbers."""
    age = town.people["age"].to_numpy()
    second = lives.employed & (rng.random(len(age)) < 0.12)
    former = (age >= 16) & (age < 75) & (rng.random(len(age)) < 0.20)
    parts_of = [dirt.some_twice(np.flatnonzero(flag), rng) for flag in (lives.employed, second, former)]
    rows = np.concatenate(parts_of)
    count = len(rows)
    current = np.arange(count) < len(parts_of[0]) + len(parts_of[1])
    people, address = town.people[rows], town.addresses[town.people["address"].to_numpy()[rows]]
    benefit = (lives.uwv | lives.assistance | lives.aow)[rows]
    year = np.clip(rng.lognormal(np.where(benefit, 9.2, 10.15), 0.7), 150, 180_000).round(2)
    recent = rng.choice([1, 2, 3, 4], count, p=[0.55, 0.35, 0.07, 0.03])
    months_ago = np.where(current, recent, rng.integers(5, 40, count))
    last_month = np.datetime64(REFERENCE_DATE, "M") - months_ago.astype("timedelta64[M]")
    no_tax = rng.random(count) < np.where(people["residents"].to_numpy() > 5, 0.05, 0.006)
    debt = _some_missing(pl.Series((rng.lognormal(7.2, 1.0, count)).round(2)), 0.85, rng)
    employers = town.companies.gather((rng.beta(0.6, 3, count) * len(town.companies)).astype(np.int64))
    return pl.DataFrame(
        {
            "IKV_NR": pl.Series(10_000_000 + rng.permutation(count * 2)[:count]).cast(pl.Int64),
            "BSN": dirt.written_bsn(people["bsn"], rng),
            "LHNR": employers + "L01",
            "GEB_DATUM": people["birth_date"],
            "SECTOR": _by_share(rng, _SECTORS, count),
            "LOON_JAAR": year,
            "LOONHEFFING": np.where(no_tax, 0.0, (year * 0.27).round(2)),
            "LAATSTE_MND": pl.Series(last_month.astype("datetime64[D]")).cast(pl.Date),
            "SCHULD_OPEN": debt,
            "PCODE": dirt.written_postcode(address["postcode"], rng),
            "HNR": address["number"].cast(pl.String),
            "HTOEV": dirt.written_tail(address, rng),
            "BEWONERS": people["residents"].cast(pl.Int32),
        }
    )


def toeslagen(town: Town, lives: Lives, rng: np.random.Generator) -> pl.DataFrame:
    """Rent, care and child allowance. House numbers are numbers; record ids are long."""
    age = town.people["age"].to_numpy()
    adult = (age >= 18) & town.people["bsn"].is_not_null().to_numpy()
    head = town.people["position"].to_numpy() == 0
    care = adult & (rng.random(len(age)) < 0.30)
    rent = adult & head & (rng.random(len(age)) < 0.27)
    child = adult & head & (town.people["household_size"].to_numpy() > 2) & (rng.random(len(age)) < 0.15)
    groups = [dirt.some_twice(np.flatnonzero(flag), rng) for flag in (care, rent, child)]
    rows = np.concatenate(groups)
    count = len(rows)
    people, address = town.people[rows], town.addresses[town.people["address"].to_numpy()[rows]]
    # What was assessed follows what was earned, except where it is an estimate that was never corrected.
    estimated = rng.random(count) < 0.20
    earns = (lives.employed | lives.self_employed)[rows] & ~(estimated & (rng.random(count) < 0.2))
    income = np.clip(rng.normal(np.where(earns, 27_000, 13_000), 5_500), 0, 60_000).astype(np.int64)
    # Most applicants give the household as it is; some leave people out, a few count one who moved away.
    household = people["household_size"].to_numpy()
    left_out = rng.choice([0, 1, 2, 3, -1], count, p=[0.82, 0.04, 0.07, 0.03, 0.04])
    return pl.DataFrame(
        {
            "BESCHIKKING_ID": _ids("TSL-2026-000000-", count, 10, rng),
            "BSN": dirt.written_bsn(people["bsn"], rng),
            "GEBOORTEDATUM": people["birth_date"],
            "SRT_TOESLAG": np.repeat(["ZT", "HT", "KGB"], [len(group) for group in groups]),
            "BEREKENINGSJAAR": rng.choice([2024, 2025, 2026], count, p=[0.1, 0.15, 0.75]).astype(np.int32),
            "TOETSINGSINKOMEN": _some_missing(pl.Series(income), 0.01, rng).cast(pl.Int32),
            "IND_GESCHAT": estimated,
            "IND_STOPGEZET": rng.random(count) < 0.06,
            "MAANDBEDRAG": _money(rng, count, 20, 420),
            "AANT_HUISHOUDEN": np.maximum(household - left_out, 1).astype(np.int32),
            "AANT_INGESCHREVEN": people["residents"].cast(pl.Int32),
            "POSTCODE": dirt.written_postcode(address["postcode"], rng),
            "HUISNUMMER": address["number"].cast(pl.Int32),
            "HUISLETTER": _lower_some(address["letter"], rng),
            "TOEVOEGING": _lower_some(address["addition"], rng),
        }
    )


def _lower_some(column: pl.Series, rng: np.random.Generator) -> pl.Series:
    frame = pl.DataFrame({"c": column, "low": rng.random(len(column)) < 0.2})
    lowered = pl.when("low").then(pl.col("c").str.to_lowercase()).otherwise(pl.col("c"))
    return frame.select(lowered.alias("c")).to_series()


def ind(town: Town, lives: Lives, rng: np.random.Generator) -> pl.DataFrame:
    """Residence permits by v-number, some people with two; of one in six the BSN was never added."""
    rows = dirt.some_twice(np.flatnonzero(lives.permit), rng, share=0.15)
    people, address = town.people[rows], town.addresses[town.people["address"].to_numpy()[rows]]
    count = len(rows)
    goal = _by_share(rng, _GOALS, count)
    status = pick(rng, ("VERLEEND", "INGETROKKEN", "IN_BEHANDELING"), count, (0.88, 0.05, 0.07))
    valid = days_before(rng, count, -1500, 0)
    over = days_before(rng, count, 1, 900)
    until = np.where(status.to_numpy() == "INGETROKKEN", over, valid)
    return pl.DataFrame(
        {
            "zaaknummer": _ids("IND-2026-VVR-", count, 9, rng),
            "v_nummer": dirt.written_v_number(people["v_number"], rng),
            "bsn": _some_missing(dirt.written_bsn(_wrong_person(people["bsn"], 0.03, rng), rng), 0.16, rng),
            "achternaam": people["surname"],
            "voornamen": people["given"],
            "geboortedatum": _some_missing(people["birth_date"], 0.05, rng),
            "verblijfsdoel": goal,
            "arbeid": goal.replace_strict(_WORK),
            "status": status,
            "geldig_vanaf": _dates(rng, count, 905, 3000),
            "geldig_tot": _some_missing(pl.Series(until).cast(pl.Date), 0.03, rng),
            "bewoners": people["residents"],
            "postcode": dirt.written_postcode(address["postcode"], rng),
            "huisnr_toev": dirt.written_in_one(address, rng),
        }
    )


def _premises(town: Town, homes: RowNumbers, in_crowded: float, rng: np.random.Generator) -> RowNumbers:
    """Where businesses are: at home, in premises where nobody lives, or in a crowded house."""
    empty = np.flatnonzero(town.addresses["residents"].to_numpy() == 0)
    place = rng.random(len(homes))
    elsewhere = np.where(place < 0.25, rng.choice(empty, len(homes)), homes)
    if not len(town.crowded):
        return elsewhere
    return np.where(place >= 1 - in_crowded, rng.choice(town.crowded, len(homes)), elsewhere)


def arbeidsinspectie(town: Town, lives: Lives, rng: np.random.Generator) -> pl.DataFrame:
    """Decisions on employers, by loonheffingennummer: a BSN for a sole trader, an RSIN for a company."""
    traders = np.flatnonzero(lives.self_employed & town.people["bsn"].is_not_null().to_numpy())
    traders = traders[rng.random(len(traders)) < 0.06]
    firms = len(town.companies) // 12
    count = len(traders) + firms
    homes = town.people["address"].to_numpy()
    anywhere = rng.choice(homes, firms)
    address = town.addresses[_premises(town, np.concatenate([homes[traders], anywhere]), 0.25, rng)]
    company = town.companies.gather(rng.choice(len(town.companies), firms, replace=False))
    number = pl.concat([town.people["bsn"].gather(traders), company])
    parts = dirt.written_in_parts(address, rng)
    return pl.DataFrame(
        {
            "zaak": _ids("AI", count, 7, rng),
            "lhnr": _written_employer(number, rng),
            "rechtsvorm": pl.concat(
                [
                    pick(rng, ("Eenmanszaak", "eenmanszaak", "EENMANSZAAK"), len(traders), (0.8, 0.15, 0.05)),
                    pick(rng, ("BV", "VOF", "Stichting", "NV"), firms, (0.6, 0.3, 0.07, 0.03)),
                ]
            ),
            "overtreding": _by_share(rng, _VIOLATIONS, count),
            "besluit": _dates(rng, count, 1, 1400),
            "boete": _some_missing(_money(rng, count, 0, 24_000), 0.05, rng),
            "onherroepelijk": pick(rng, ("J", "N"), count, (0.85, 0.15)),
            "pc": dirt.written_postcode(address["postcode"], rng),
            "nr": parts["number"],
            "ltr": parts["letter"],
            "toev": parts["addition"],
        }
    )


def _written_employer(number: pl.Series, rng: np.random.Generator) -> pl.Series:
    """Loonheffingennummers, a few absent or with a typing error."""
    frame = pl.DataFrame({"n": number, "way": rng.random(len(number))})
    digit = ((pl.col("n").str.slice(8, 1).cast(pl.Int64) + 3) % 10).cast(pl.String)
    written = (
        pl.when(pl.col("way") < 0.01)
        .then(None)
        .when(pl.col("way") < 0.02)
        .then(pl.col("n").str.slice(0, 8) + digit + "L01")
        .otherwise(pl.col("n") + "L01")
    )
    return frame.select(written.alias("n")).to_series()


def belastingdienst_mkb(town: Town, lives: Lives, rng: np.random.Generator) -> pl.DataFrame:
    """The self-employed, and those who stopped; the address is that of the business."""
    age = town.people["age"].to_numpy()
    stopped = ~lives.self_employed & (age >= 20) & (age < 75) & (rng.random(len(age)) < 0.03)
    rows = dirt.some_twice(np.flatnonzero(lives.self_employed | stopped), rng)
    count = len(rows)
    people = town.people[rows]
    address = town.addresses[_premises(town, people["address"].to_numpy(), 0.05, rng)]
    parts = dirt.written_in_parts(address, rng)
    return pl.DataFrame(
        {
            "ondernemer_id": _ids("MKB", count, 8, rng),
            "kvk_nr": pl.Series(90_000_000 + rng.permutation(count * 2)[:count]).cast(pl.String),
            "bsn": dirt.written_bsn(people["bsn"], rng),
            "geb_dt": people["birth_date"],
            "start": _dates(rng, count, 10, 7000),
            "einde": _ending(lives.self_employed[rows], rng),
            "winstklasse": _by_share(rng, _PROFITS, count),
            "omzet": _some_missing(_money(rng, count, 0, 120_000), 0.08, rng),
            "branche": pick(rng, tuple(_SECTORS), count),
            "gemiste_aangiften": rng.poisson(0.40, count),
            "vest_pc": dirt.written_postcode(address["postcode"], rng),
            "vest_nr": parts["number"],
            "vest_ltr": parts["letter"],
            "vest_toev": parts["addition"],
        }
    )


Register = Callable[[Town, Lives, np.random.Generator], pl.DataFrame]

#: Partner → the file of its extract and what fills it.
REGISTERS: Final[dict[str, tuple[str, Register]]] = {
    "uwv": ("uwv_uitkeringen.csv", uwv),
    "svb": ("svb_regelingen.csv", svb),
    "gemeente": ("gemeente_bijstand.csv", gemeente),
    "belastingdienst": ("belastingdienst_loon.parquet", belastingdienst),
    "toeslagen": ("toeslagen_beschikkingen.parquet", toeslagen),
    "ind": ("ind_verblijf.csv", ind),
    "arbeidsinspectie": ("arbeidsinspectie_besluiten.csv", arbeidsinspectie),
    "belastingdienst_mkb": ("mkb_ondernemers.csv", belastingdienst_mkb),
}


def register(partner: str, town: Town, lives: Lives, seed: int) -> pl.DataFrame:
    """The extract of one partner, with its dirt; the other partners' draws do not influence it."""
    rng = np.random.default_rng([seed, list(REGISTERS).index(partner) + 1])
    return dirt.finished(REGISTERS[partner][1](town, lives, rng), rng)
