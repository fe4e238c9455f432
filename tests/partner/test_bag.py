"""The BAG at a partner: addresses are looked up in it, and matched by the number of their object."""

from __future__ import annotations

import json
import sqlite3
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from handmade import manifest as agreed
from handmade import selection, write_csv

from lsi_match.cli.main import run
from lsi_match.manifest import IdentifierSource
from lsi_match.partner.bag import Bag
from lsi_match.partner.check import check
from lsi_match.partner.extract.column_mapping import ColumnMapping
from lsi_match.partner.home import Home
from lsi_match.partner.normalise import normalise

#: Postcode, number, letter, addition, number of the object, status.
ROWS: list[tuple[Any, ...]] = [
    ("1011AA", 12, None, None, "0363010000000001", "Verblijfsobject in gebruik"),
    ("1011AA", 12, "A", None, "0363010000000002", "Verblijfsobject in gebruik"),
    ("1011AA", 12, None, "2", "0363010000000003", "Verblijfsobject in gebruik (niet ingemeten)"),
    ("1011AA", 12, None, "hs", "0363010000000004", "Verblijfsobject ingetrokken"),
    ("1011AB", 1, None, None, "0363020000000005", "Plaats aangewezen"),
    (None, 9, None, None, "0363010000000006", "Verblijfsobject in gebruik"),
    ("1011AC", 7, None, None, "0363010000000007", "Verblijfsobject in gebruik"),
    ("1011AC", 7, None, None, "0363010000000008", "Verblijfsobject in gebruik"),
]
NLEXTRACT = (
    "postcode",
    "huisnummer",
    "huisletter",
    "huisnummertoevoeging",
    "object_id",
    "verblijfsobjectstatus",
)
PDOK = ("postcode", "huisnummer", "huisletter", "toevoeging", "identificatie", "status")


def csv(file: Path) -> None:
    lines = [
        ";".join(NLEXTRACT),
        *(";".join("" if cell is None else str(cell) for cell in row) for row in ROWS),
    ]
    file.write_text("\n".join(lines) + "\n")


def gpkg(file: Path) -> None:
    with sqlite3.connect(file) as con:
        for table, rows in (("verblijfsobject", ROWS[:4] + ROWS[5:]), ("ligplaats", ROWS[4:5])):
            con.execute(f"CREATE TABLE {table} (feature_id INTEGER, geom BLOB, {', '.join(PDOK)})")
            con.executemany(f"INSERT INTO {table} VALUES (1, x'00', ?, ?, ?, ?, ?, ?)", rows)


def parquet(file: Path) -> None:
    pl.DataFrame(ROWS, schema=list(PDOK), orient="row").write_parquet(file)


@pytest.mark.parametrize(
    ("make", "name"), [(csv, "bagadres-full.csv"), (gpkg, "bag-light.gpkg"), (parquet, "bag.parquet")]
)
def test_addresses_are_found_whatever_the_extract_is_kept_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make: Any, name: str
) -> None:
    make(tmp_path / name)
    assert (
        run(
            [
                "partner",
                "reference",
                "bag",
                str(tmp_path / name),
                "--home",
                str(tmp_path / "home"),
                "--name",
                "svb",
                "--json",
            ]
        )
        == 0
    )
    told = json.loads(capsys.readouterr().out)
    counted = {part: told[part] for part in ("rows", "ended", "useless", "ambiguous", "kept")}
    assert counted == {"rows": 8, "ended": 1, "useless": 1, "ambiguous": 1, "kept": 4}
    bag = Bag(tmp_path / "home" / "bag.parquet")
    assert bag.version == told["version"]
    written = pl.DataFrame({"pc": ["1011 aa", "1011AA", "1011AA", "1011ab", "1011AC", "1011AA", "?"],
                            "nr": ["12", "12a", "12-2", "nr. 1", "7", "13", "1"]})  # fmt: skip
    found = normalise(written, IdentifierSource(kind="bag", form="address", fields=("pc", "nr")), bag.lookup)
    assert [number and number[-1] for number in found.values] == ["1", "2", "3", "5", None, None, None]
    assert found.invalid == {"missing": 1, "not_found": 2}


def test_what_is_no_bag_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.csv").write_text("postcode;huisnummer\n1011AA;1\n")
    assert (
        run(
            [
                "partner",
                "reference",
                "bag",
                str(tmp_path / "x.csv"),
                "--home",
                str(tmp_path / "h"),
                "--name",
                "svb",
            ]
        )
        == 1
    )
    assert "object_id, huisletter, huisnummertoevoeging" in capsys.readouterr().err
    (tmp_path / "x.gpkg").write_bytes(b"no database")
    assert (
        run(
            [
                "partner",
                "reference",
                "bag",
                str(tmp_path / "x.gpkg"),
                "--home",
                str(tmp_path / "h"),
                "--name",
                "svb",
            ]
        )
        == 1
    )
    assert not (tmp_path / "h" / "bag.parquet").exists()


def test_a_selection_that_looks_addresses_up_tells_the_share_that_was_found(tmp_path: Path) -> None:
    csv(tmp_path / "bag.csv")
    fields = {name: {"type": "text", "meaning": name} for name in ("pc", "nr", "soort")}
    sources = [
        {"kind": "address", "fields": ["pc", "nr"]},
        {"kind": "bag", "form": "address", "fields": ["pc", "nr"]},
    ]
    changes = {"fields": fields, "identifiers": sources, "criteria": [{"id": "alle", "when": "soort = 'x'", "rationale": "Alle."}],
               "signals": [{"id": "er", "when": "TRUE", "label": "Er"}], "attributes": [], "bounds": {"valid": {"bag": 60}}}  # fmt: skip
    selections = {name: [selection(**changes)] for name in ("gemeente", "uwv")}
    manifest = agreed(selections, unit="address", identifiers=("address", "bag"))
    write_csv(
        tmp_path / "e.csv",
        [{"id": str(n), "pc": "1011AA", "nr": nr, "soort": "x"} for n, nr in enumerate(["12", "12 A", "13"])],
    )
    mapping = ColumnMapping.model_validate(
        {
            "selections": {
                "lijst": {"extract": "e.csv", "record_id": "id", "columns": {name: name for name in fields}}
            }
        }
    )
    home = Home(tmp_path / "home", "gemeente")
    arguments = ("gemeente", manifest, mapping, tmp_path, date(2026, 6, 1))
    with pytest.raises(Exception, match="partner reference bag"):
        check(*arguments, home)
    assert (
        run(
            [
                "partner",
                "reference",
                "bag",
                str(tmp_path / "bag.csv"),
                "--home",
                str(home.folder),
                "--name",
                "gemeente",
            ]
        )
        == 0
    )
    (found,) = check(*arguments, home)
    assert not found.problems
    assert found.counts is not None
    assert (found.counts.invalid, found.counts.written) == ({"bag_not_found": 1}, 3), (
        "without its number it has its address"
    )
