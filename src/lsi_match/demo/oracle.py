"""The cases that must come out, worked out from the plain extracts by another route than the chain's.

Plain Python, one row at a time: conditions written by hand, an eleven-test, an address rule and a
union-find of its own. Nothing here knows the manifest, SQL, DuckDB or the code of any party, so that a
mistake there does not hide behind the same mistake here. No party could do this: it reads every
register.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from math import nan
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from lsi_match.demo.population import REFERENCE_DATE

Case = frozenset[tuple[str, str, str]]
Row = dict[str, Any]
RowTest = Callable[[Row], bool]
#: Kind and value, for example `("bsn", "999990019")`.
Identifier = tuple[str, str]
#: Partner → its signals about one subject.
Profile = dict[str, set[str]]


@dataclass(frozen=True)
class OracleSource:
    """One selection of one partner, by hand. Criteria stand in the order of the manifest."""

    partner: str
    selection: str
    file: str
    record_id: str
    criteria: tuple[RowTest, ...]
    signals: dict[str, RowTest]
    identify: Callable[[Row], list[Identifier | None]]


@dataclass(frozen=True)
class Sent:
    """A record that its partner sends."""

    partner: str
    selection: str
    record: str
    signals: frozenset[str]
    identifiers: tuple[Identifier, ...]


def expected_cases(project_id: str, folder: Path) -> set[Case]:
    """The cases of the round on the reference date of the made-up town.

    Args:
        project_id: `samenloop` or `wijk`.
        folder: the eight extracts.

    Returns:
        Per case the (partner, selection, record id) of every record in it.
    """
    sources, rule = PROJECTS[project_id]
    sent = [record for source in sources for record in sent_records(source, folder)]
    return {
        frozenset((record.partner, record.selection, record.record) for record in subject)
        for subject in subjects(sent)
        if rule(_profile(subject))
    }


def sent_records(source: OracleSource, folder: Path) -> Iterator[Sent]:
    """The records that pass every criterion, have a signal, and at least one usable identifier."""
    for row in rows(folder / source.file):
        if not all(passes(row) for passes in source.criteria):
            continue
        signals = frozenset(name for name, applies in source.signals.items() if applies(row))
        identifiers = tuple(found for found in source.identify(row) if found is not None)
        if signals and identifiers:
            yield Sent(source.partner, source.selection, str(row[source.record_id]), signals, identifiers)


def rows(file: Path) -> Iterator[Row]:
    """Every row of an extract, nothing (None) for an empty cell."""
    if file.suffix == ".parquet":
        for batch in pq.ParquetFile(file).iter_batches():
            yield from batch.to_pylist()
    else:
        with file.open(encoding="utf-8", newline="") as text:
            for row in csv.DictReader(text):
                yield {name: value.strip() or None for name, value in row.items()}


def subjects(sent: list[Sent]) -> Iterator[list[Sent]]:
    """The records per subject: joined through shared identifiers, but never two BSNs in one subject.

    Where that would happen each BSN is a subject of its own, and the records without a BSN belong to none.
    """
    parent: dict[Identifier, Identifier] = {}

    def root(node: Identifier) -> Identifier:
        while (above := parent.setdefault(node, node)) != node:
            parent[node] = node = parent.setdefault(above, above)
        return node

    for record in sent:
        first, *others = record.identifiers
        root(first)
        for other in others:
            parent[root(other)] = root(first)
    groups: dict[Identifier, list[Sent]] = {}
    for record in sent:
        groups.setdefault(root(record.identifiers[0]), []).append(record)
    for group in groups.values():
        numbers = {number for record in group for number in record.identifiers if number[0] == "bsn"}
        if len(numbers) < 2:
            yield group
        else:
            for number in numbers:
                yield [record for record in group if number in record.identifiers]


def _profile(subject: list[Sent]) -> Profile:
    profile: Profile = {}
    for record in subject:
        profile.setdefault(record.partner, set()).update(record.signals)
    return profile


# Values. What is missing is not-a-number, of which no comparison is true.


def num(value: Any) -> float:
    return nan if value is None else float(value)


def yes(value: Any) -> bool:
    return value is True or value == "true"


@lru_cache(maxsize=200_000)
def _date(value: str) -> date:
    return date.fromisoformat(value)


def days_ago(value: Any) -> float:
    """Days from a date to the reference date; negative in the future."""
    return nan if value is None else (REFERENCE_DATE - _date(str(value))).days


def months_ago(value: Any) -> float:
    """Turns of the month from a date to the reference date."""
    if value is None:
        return nan
    day = _date(str(value))
    return (REFERENCE_DATE.year - day.year) * 12 + REFERENCE_DATE.month - day.month


def years_ago(value: Any) -> float:
    return nan if value is None else REFERENCE_DATE.year - _date(str(value)).year


# Identifiers


def bsn(value: Any) -> Identifier | None:
    """Nine digits, spaces and dots aside; eight get back their zero; 9a+8b+…+2h−i is a multiple of eleven. Eight equal
    digits, and the example that everybody uses, are nobody's."""
    digits = re.sub(r"[ .]", "", value or "")
    if len(digits) == 8:
        digits = "0" + digits
    if not re.fullmatch(r"[0-9]{9}", digits) or len(set(digits[:8])) == 1 or digits == "123456782":
        return None
    nine = [int(digit) for digit in digits]
    total = sum((9 - place) * digit for place, digit in enumerate(nine[:8])) - nine[8]
    return ("bsn", digits) if total % 11 == 0 else None


def bsn_of_employer(value: Any) -> Identifier | None:
    """The BSN at the head of a sole trader's loonheffingennummer."""
    return bsn(value[:9]) if value and re.fullmatch(r"[0-9]{9}L[0-9]{2}", value) else None


def v_number(value: Any) -> Identifier | None:
    known = value and re.fullmatch(r"[0-9]{10}", value) and value != "0000000000"
    return ("v_number", value) if known else None


def address(postcode: Any, house: Any, *rest: Any) -> Identifier | None:
    """Postcode, house number, and the letters and digits of whatever comes behind it, however written; what the town
    adds to a number as the BAG has it: `bis` is BS."""
    code = "".join((postcode or "").split()).upper()
    house_number = str(house or "").strip()
    number = re.match(r"[0-9]+", house_number)
    if not re.fullmatch(r"[1-9][0-9]{3}[A-Z]{2}", code) or not number or not 1 <= int(number[0]) <= 99_999:
        return None
    behind = house_number[number.end() :] + "".join(part or "" for part in rest)
    suffix = "".join(sign for sign in behind.upper() if sign in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
    if suffix.endswith("BIS"):
        suffix = suffix.removesuffix("BIS") + "BS"
    return ("address", f"{code}|{int(number[0])}|{suffix}")


# Theme project: benefit and income side by side

_SHORT_JOBS = {"BOUW", "HORECA", "SCHOONMAAK", "UITZENDBUREAU", "AGRARISCH"}


def _runs(end: Any) -> bool:
    """Not ended before the reference date."""
    return end is None or days_ago(end) <= 0


def _runs_on(end: Any) -> bool:
    """Not ended on or before the reference date."""
    return end is None or days_ago(end) < 0


SAMENLOOP = (
    OracleSource(
        "uwv",
        "uitkering",
        "uwv_uitkeringen.csv",
        "UITK_ID",
        (
            lambda r: r["SRT_UITK"] in {"WW", "WIA", "ZW"},
            lambda r: _runs(r["DT_EINDE"]),
            lambda r: 3 <= months_ago(r["DT_INGANG"]) <= 60,
            lambda r: num(r["DAGBEDRAG"]) >= 20,
        ),
        {
            "geen_opgave": lambda r: r["INK_OPGAVE"] is None,
            "lage_opgave": lambda r: 0 <= num(r["INK_OPGAVE"]) <= 250,
        },
        lambda r: [bsn(r["BSN"])],
    ),
    OracleSource(
        "svb",
        "aio",
        "svb_regelingen.csv",
        "kenmerk",
        (
            lambda r: r["regeling"] == "AIO",
            lambda r: _runs(r["einde"]),
            lambda r: num(r["maandbedrag"]) > 175.5,
        ),
        {"aio_geen_opgave": lambda r: r["andere_inkomsten"] is None or num(r["andere_inkomsten"]) == 0},
        lambda r: [bsn(r["bsn"])],
    ),
    OracleSource(
        "svb",
        "anw",
        "svb_regelingen.csv",
        "kenmerk",
        (
            lambda r: r["regeling"] == "ANW",
            lambda r: _runs_on(r["einde"]),
            lambda r: days_ago(r["ingang"]) > 0 and years_ago(r["ingang"]) <= 10,
        ),
        {
            "anw_geen_opgave": lambda r: r["andere_inkomsten"] is None,
            "anw_lage_opgave": lambda r: num(r["andere_inkomsten"]) < 200,
        },
        lambda r: [bsn(r["bsn"])],
    ),
    OracleSource(
        "gemeente",
        "bijstand",
        "gemeente_bijstand.csv",
        "dossiernummer",
        (
            lambda r: r["regeling"] in {"PW", "IOAW", "IOAZ"},
            lambda r: _runs(r["datum_einde"]),
            lambda r: days_ago(r["datum_ingang"]) > 90,
        ),
        {
            "geen_opgave": lambda r: r["opgegeven_inkomen"] is None,
            "lage_opgave": lambda r: num(r["opgegeven_inkomen"]) <= 200,
        },
        lambda r: [bsn(r["burgerservicenummer"]), v_number(r["vreemdelingennummer"])],
    ),
    OracleSource(
        "belastingdienst",
        "loon",
        "belastingdienst_loon.parquet",
        "IKV_NR",
        (
            lambda r: r["SECTOR"] in _SHORT_JOBS,
            lambda r: months_ago(r["LAATSTE_MND"]) <= 2,
            lambda r: 2500 <= num(r["LOON_JAAR"]) <= 90_000,
        ),
        {
            "loon_hoog": lambda r: num(r["LOON_JAAR"]) >= 18_000,
            "loon_deel": lambda r: num(r["LOON_JAAR"]) < 18_000,
            "geen_heffing": lambda r: num(r["LOONHEFFING"]) == 0,
        },
        lambda r: [bsn(r["BSN"])],
    ),
    OracleSource(
        "toeslagen",
        "toeslag",
        "toeslagen_beschikkingen.parquet",
        "BESCHIKKING_ID",
        (
            lambda r: r["SRT_TOESLAG"] in {"HT", "ZT"},
            lambda r: r["BEREKENINGSJAAR"] >= 2026 and not yes(r["IND_STOPGEZET"]),
            lambda r: num(r["TOETSINGSINKOMEN"]) < 16_000,
        ),
        {
            "laag_inkomen": lambda r: num(r["TOETSINGSINKOMEN"]) <= 12_000,
            "geschat": lambda r: yes(r["IND_GESCHAT"]),
        },
        lambda r: [bsn(r["BSN"])],
    ),
    OracleSource(
        "ind",
        "verblijf",
        "ind_verblijf.csv",
        "zaaknummer",
        (
            lambda r: r["status"] == "VERLEEND" and days_ago(r["geldig_tot"]) <= 0,
            lambda r: r["arbeid"] in {"16_UUR", "NIET"} or r["verblijfsdoel"] in {"STUDIE", "GEZIN"},
        ),
        {
            "arbeid_beperkt": lambda r: r["arbeid"] in {"16_UUR", "NIET"},
            "eigen_middelen": lambda r: r["verblijfsdoel"] in {"STUDIE", "GEZIN"},
        },
        lambda r: [v_number(r["v_nummer"]), bsn(r["bsn"])],
    ),
    OracleSource(
        "arbeidsinspectie",
        "eenmanszaak",
        "arbeidsinspectie_besluiten.csv",
        "zaak",
        (
            lambda r: (r["rechtsvorm"] or "").casefold() == "eenmanszaak",
            lambda r: r["onherroepelijk"] == "J",
            lambda r: 0 <= months_ago(r["besluit"]) <= 36,
            lambda r: r["overtreding"] in {"WML", "WAV", "WAADI", "ATW"},
        ),
        {
            "onderbetaling": lambda r: r["overtreding"] in {"WML", "ATW"},
            "tewerkstelling": lambda r: r["overtreding"] in {"WAV", "WAADI"},
        },
        lambda r: [bsn_of_employer(r["lhnr"])],
    ),
    OracleSource(
        "belastingdienst_mkb",
        "ondernemer",
        "mkb_ondernemers.csv",
        "ondernemer_id",
        (
            lambda r: _runs_on(r["einde"]) and days_ago(r["start"]) >= 0,
            lambda r: r["winstklasse"] in {"10-25K", "25-50K", "50K+"} or num(r["gemiste_aangiften"]) >= 2,
        ),
        {
            "winst_hoog": lambda r: r["winstklasse"] in {"25-50K", "50K+"},
            "winst_deel": lambda r: r["winstklasse"] == "10-25K",
            "geen_aangifte": lambda r: num(r["gemiste_aangiften"]) >= 2,
        },
        lambda r: [bsn(r["bsn"])],
    ),
)


def samenloop_rule(about: Profile) -> bool:
    """Benefit with income; low assessed income with high wages or profit; a condition that does not fit."""
    benefit = about.keys() & {"uwv", "svb", "gemeente"}
    income = about.keys() & {"belastingdienst", "belastingdienst_mkb", "arbeidsinspectie"}
    high_wage = "loon_hoog" in about.get("belastingdienst", ())
    high_profit = "winst_hoog" in about.get("belastingdienst_mkb", ())
    permit = about.get("ind", set())
    return len(about) >= 2 and bool(
        (benefit and income)
        or ("laag_inkomen" in about.get("toeslagen", ()) and (high_wage or high_profit))
        or ("arbeid_beperkt" in permit and high_wage)
        or ("eigen_middelen" in permit and "gemeente" in about)
    )


# Neighbourhood project: signals on one address


def _in_district(postcode: Any) -> bool:
    return (postcode or "")[:4] in {"7604", "7605"}


WIJK = (
    OracleSource(
        "uwv",
        "uitkering_adres",
        "uwv_uitkeringen.csv",
        "UITK_ID",
        (
            lambda r: _in_district(r["POSTCODE"]),
            lambda r: r["SRT_UITK"] in {"WW", "WIA", "ZW"},
            lambda r: _runs(r["DT_EINDE"]),
        ),
        {
            "post_retour": lambda r: yes(r["POST_RETOUR"]),
            "veel_bewoners": lambda r: num(r["AANT_BEW"]) >= 6 and r["INK_OPGAVE"] is None,
        },
        lambda r: [address(r["POSTCODE"], r["HUISNR"])],
    ),
    OracleSource(
        "svb",
        "aow_adres",
        "svb_regelingen.csv",
        "kenmerk",
        (
            lambda r: _in_district(r["pc"]),
            lambda r: r["regeling"] in {"AOW", "AIO"},
            lambda r: _runs_on(r["einde"]),
            lambda r: r["leefvorm"] == "ALLEEN",
        ),
        {"meer_bewoners": lambda r: num(r["bewoners"]) >= 3},
        lambda r: [address(r["pc"], r["hnr"], r["hltr"], r["htoev"])],
    ),
    OracleSource(
        "gemeente",
        "bijstand_adres",
        "gemeente_bijstand.csv",
        "dossiernummer",
        (
            lambda r: _in_district(r["postcode"]),
            lambda r: r["regeling"] in {"PW", "IOAW", "IOAZ"},
            lambda r: _runs(r["datum_einde"]),
        ),
        {
            "kostendelers": lambda r: num(r["aantal_ingeschrevenen"]) - num(r["kostendelers"]) >= 3,
            "meldingen": lambda r: num(r["meldingen_adres"]) >= 2,
        },
        lambda r: [address(r["postcode"], r["huisnummer"], r["huisletter"], r["huisnummertoevoeging"])],
    ),
    OracleSource(
        "belastingdienst",
        "loon_adres",
        "belastingdienst_loon.parquet",
        "IKV_NR",
        (
            lambda r: _in_district(r["PCODE"]),
            lambda r: 0 < days_ago(r["LAATSTE_MND"]) <= (REFERENCE_DATE - date(2026, 1, 1)).days,
            lambda r: 1000 < num(r["LOON_JAAR"]) < 100_000,
        ),
        {
            "geen_heffing": lambda r: num(r["LOONHEFFING"]) == 0,
            "schuld": lambda r: num(r["SCHULD_OPEN"]) >= 1500,
        },
        lambda r: [address(r["PCODE"], r["HNR"], r["HTOEV"])],
    ),
    OracleSource(
        "toeslagen",
        "huurtoeslag_adres",
        "toeslagen_beschikkingen.parquet",
        "BESCHIKKING_ID",
        (
            lambda r: _in_district(r["POSTCODE"]),
            lambda r: r["SRT_TOESLAG"] == "HT",
            lambda r: r["BEREKENINGSJAAR"] in {2026, 2027},
            lambda r: not yes(r["IND_STOPGEZET"]) and num(r["MAANDBEDRAG"]) > 50,
        ),
        {
            "meer_bewoners": lambda r: r["AANT_INGESCHREVEN"] > r["AANT_HUISHOUDEN"] + 1,
            "minder_bewoners": lambda r: r["AANT_INGESCHREVEN"] < r["AANT_HUISHOUDEN"],
        },
        lambda r: [address(r["POSTCODE"], r["HUISNUMMER"], r["HUISLETTER"], r["TOEVOEGING"])],
    ),
    OracleSource(
        "ind",
        "verblijf_adres",
        "ind_verblijf.csv",
        "zaaknummer",
        (
            lambda r: _in_district(r["postcode"]),
            lambda r: r["status"] == "INGETROKKEN",
            lambda r: 29 <= days_ago(r["geldig_tot"]) <= 180,
        ),
        {"nog_ingeschreven": lambda r: num(r["bewoners"]) >= 1},
        lambda r: [address(r["postcode"], r["huisnr_toev"])],
    ),
    OracleSource(
        "arbeidsinspectie",
        "overtreding_adres",
        "arbeidsinspectie_besluiten.csv",
        "zaak",
        (
            lambda r: _in_district(r["pc"]),
            lambda r: r["onherroepelijk"] == "J" and r["boete"] is not None,
            lambda r: months_ago(r["besluit"]) <= 36,
        ),
        {
            "loon_en_tijd": lambda r: r["overtreding"] in {"WML", "ATW"},
            "tewerkstelling": lambda r: r["overtreding"] in {"WAV", "WAADI"},
            "veiligheid": lambda r: r["overtreding"] == "ARBO",
        },
        lambda r: [address(r["pc"], r["nr"], r["ltr"], r["toev"])],
    ),
    OracleSource(
        "belastingdienst_mkb",
        "onderneming_adres",
        "mkb_ondernemers.csv",
        "ondernemer_id",
        (
            lambda r: _in_district(r["vest_pc"]),
            lambda r: _runs(r["einde"]),
            lambda r: months_ago(r["start"]) >= 6,
            lambda r: r["branche"] not in {"ZORG", "ONDERWIJS", "OVERHEID", None},
        ),
        {
            "gemiste_aangiften": lambda r: num(r["gemiste_aangiften"]) >= 2,
            "geen_omzet": lambda r: r["omzet"] is None or num(r["omzet"]) < 500,
        },
        lambda r: [address(r["vest_pc"], r["vest_nr"], r["vest_ltr"], r["vest_toev"])],
    ),
)


def wijk_rule(about: Profile) -> bool:
    """A benefit or allowance, and beside it work, business, tax or residence, or reports with two others."""
    support = about.keys() & {"uwv", "svb", "gemeente", "toeslagen"}
    other = about.keys() & {"arbeidsinspectie", "belastingdienst_mkb", "belastingdienst", "ind"}
    reported = "meldingen" in about.get("gemeente", ()) and len(about) >= 3
    return len(about) >= 2 and bool(support and (other or reported))


#: Project → its selections and its match rule.
PROJECTS: dict[str, tuple[tuple[OracleSource, ...], Callable[[Profile], bool]]] = {
    "samenloop": (SAMENLOOP, samenloop_rule),
    "wijk": (WIJK, wijk_rule),
}
