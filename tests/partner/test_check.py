"""Looking at an extract before it is delivered: all that is wrong is told at once, and what would be delivered."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from handmade import BSNS, NOW, PROJECT, selection, write_csv
from handmade import manifest as agreed

from lsi_match.cli.main import run
from lsi_match.crypto.keys import Identity, make_identity
from lsi_match.crypto.signing import sign
from lsi_match.manifest import Manifest
from lsi_match.partner.extract.profile import profile
from lsi_match.protocol.documents import DropDescriptor, SelectionCounts
from lsi_match.tables.source import Asked

NAMES = ("kenmerk", "nummer", "bedrag", "begin", "soort", "actief", "naam")


@pytest.fixture
def said(tmp_path: Path) -> dict[str, str]:
    """The options with which an extract in `tmp_path` is checked."""
    manifest = agreed({n: [selection()] for n in ("gemeente", "uwv")})
    (tmp_path / "manifest.json").write_bytes(manifest.canonical())
    return {
        "--manifest": str(tmp_path / "manifest.json"),
        "--name": "gemeente",
        "--mapping": str(tmp_path / "mapping.yaml"),
    }


def mapping(place: Path, extract: str, **changes: str) -> None:
    columns = {name: name for name in NAMES[1:6]} | changes
    lines = [f"      {field}: {column}" for field, column in columns.items()]
    text = f"selections:\n  lijst:\n    extract: {extract}\n    record_id: kenmerk\n    columns:\n"
    (place / "mapping.yaml").write_text(text + "\n".join(lines) + "\n")


def row(n: int, **changes: Any) -> dict[str, Any]:
    return {
        "kenmerk": f"K{n}", "nummer": BSNS[n % len(BSNS)], "bedrag": "150.50", "begin": "2026-05-01", "soort": "WW", "actief": "ja",
        "naam": "x", **changes,
    }  # fmt: skip


def check(
    place: Path, extract: str, said: dict[str, str], capsys: pytest.CaptureFixture[str], *more: str
) -> tuple[int, Any]:
    options = [word for pair in said.items() for word in pair]
    status = run(
        [
            "partner",
            "check",
            str(place / extract),
            *options,
            "--reference-date",
            "2026-06-01",
            "--json",
            *more,
        ]
    )
    return status, json.loads(capsys.readouterr().out)


def test_ten_things_that_are_wrong_in_a_spreadsheet_are_told_at_once(
    tmp_path: Path, said: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with xlsxwriter.Workbook(tmp_path / "lijst.xlsx") as book:
        page, day = book.add_worksheet("Blad1"), book.add_format({"num_format": "dd-mm-yyyy hh:mm"})
        page.write(0, 0, "Uitdraai van het register")
        # 1: one name twice.
        page.write_row(2, 0, ["kenmerk", "nummer", "bedrag", "begin", "soort", "actief", "naam", "naam"])
        rows = [list(row(n).values()) for n in range(20)]
        rows[3][2] = "1.332"  # 2: thousands or decimals
        rows[5][3] = "31-02-2026"  # 3: no day
        rows[6][4] = "NULL"  # 4: a word for nothing
        rows[7][4] = "cafÃ©"  # 5: spoiled letters
        rows[8][5] = "misschien"  # 6: neither yes nor no
        rows[9][1] = "999990019.0"  # 7: a number that became a float
        rows[10][4] = "12.0"  # 8: a code that did
        rows[11][0] = "NaN"  # 9: a record id that is none
        for at, cells in enumerate(rows, 3):
            page.write_row(at, 0, cells)
        page.write_datetime(15, 3, datetime(2026, 1, 2, 13, 30), day)
    # 10: a field whose column is not there.
    mapping(tmp_path, "lijst.xlsx", soort="soort", bedrag="bedrag", actief="actief")
    text = (tmp_path / "mapping.yaml").read_text()
    (tmp_path / "mapping.yaml").write_text(text.replace("begin: begin", "begin: begindatum"))
    status, told = check(tmp_path, "lijst.xlsx", said, capsys)
    problems = told["lijst"]["problems"]
    assert status == 1
    assert told["lijst"]["counts"] is None
    texts = [one["text"] for one in problems]
    expected = (
        ("naam", "rij 3", "twee keer"), ("begindatum", "begin"), ("bedrag", "rij 7", 'decimal: ","'), ("soort", "rij 10", "empty: ['NULL']"),
        ("soort", "rij 11", "bedorven"), ("actief", "rij 12", "boolean"), ("nummer", "rij 13", "as: whole_number, digits: 9"),
        ("soort", "rij 14", "as: whole_number"), ("kenmerk", "rij 15", "empty: ['NaN']"),
    )  # fmt: skip
    for parts in expected:
        assert any(all(part in text for part in parts) for text in texts), (parts, texts)
    # The same with the column of days that is there: its two faults are told in the place of the one of the name.
    (tmp_path / "mapping.yaml").write_text(text)
    status, told = check(tmp_path, "lijst.xlsx", said, capsys)
    days = [one for one in told["lijst"]["problems"] if one.get("column") == "begin"]
    assert [(one["row"], one["count"]) for one in days] == [(9, 2)]
    assert len(told["lijst"]["problems"]) == len(texts)
    for secret in ("misschien", "999990019", "caf"):
        assert secret not in " ".join(texts)


def test_a_row_that_cannot_be_read_does_not_hide_what_else_is_wrong(
    tmp_path: Path, said: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    mapping(tmp_path, "lijst.csv")
    rows = [row(n) for n in range(10)]
    rows[8]["begin"] = "1/2/2026"
    write_csv(tmp_path / "lijst.csv", rows)
    lines = (tmp_path / "lijst.csv").read_text().splitlines()
    separator = ";" if ";" in lines[0] else ","
    lines[3] += f"{separator}te{separator}veel"
    (tmp_path / "lijst.csv").write_text("\n".join([*lines, ""]))
    status, told = check(tmp_path, "lijst.csv", said, capsys)
    texts = [one["text"] for one in told["lijst"]["problems"]]
    assert status == 1
    assert len(texts) == 2
    assert "rij 4" in texts[0]
    assert "rij 10" in texts[1]
    assert "dates: dmy" in texts[1]


def test_what_would_be_delivered_is_counted_and_compared_with_the_round_before(
    tmp_path: Path, said: dict[str, str], capsys: pytest.CaptureFixture[str], identity: Identity
) -> None:
    mapping(tmp_path, "lijst.csv")
    write_csv(
        tmp_path / "lijst.csv", [row(n, actief="ja" if n % 2 else "nee", bedrag=str(n)) for n in range(100)]
    )
    folder = tmp_path / "home" / "projects" / PROJECT / "counts"
    folder.mkdir(parents=True)
    earlier = {
        "read": 100,
        "after": {"lopend": 3},
        "with_signal": 48,
        "invalid": {"bsn_missing": 40},
        "written": 8,
    }
    (folder / "r0.1").write_bytes(signed_drop(identity, "r0", 1, earlier))
    (folder / "r1.2").write_bytes(signed_drop(identity, "r1", 2, earlier | {"with_signal": 3}))
    status, told = check(tmp_path, "lijst.csv", said, capsys, "--home", str(tmp_path / "home"))
    assert status == 0
    counts = told["lijst"]["counts"]
    assert [counts[name] for name in ("read", "after", "with_signal", "written")] == [
        100,
        {"lopend": 50},
        50,
        50,
    ]
    assert counts["signals"] == {"hoog": 0, "kort": 50}
    unusual = {"after lopend": [3, 50], "bsn_missing": [40, 0], "with_signal": [3, 50], "written": [8, 50]}
    assert told["lijst"]["unusual"] == unusual, "compared with the newest of the drops that are remembered"
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "home",
        "lijst.csv",
        "manifest.json",
        "mapping.yaml",
    ], "nothing is written"


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity("gemeente", tmp_path_factory.mktemp("keys") / "keys")


def signed_drop(identity: Identity, round_id: str, hour: int, counts: dict[str, Any]) -> bytes:
    selections = {"lijst": SelectionCounts(without_identifier=0, duplicates=0, groups=None, **counts)}
    made = DropDescriptor(
        project=PROJECT, manifest=f"sha256:{0:064x}", opening=f"sha256:{0:064x}", round=round_id, partner="gemeente", key_check="0",
        made_at=NOW.replace(hour=hour), span_id="0" * 16, selections=selections, parts=(),
    )  # fmt: skip
    return sign(made, identity)


def bounded(said: dict[str, str], **bounds: Any) -> None:
    made = agreed({n: [selection()] for n in ("gemeente", "uwv")}).model_dump(mode="json", exclude_unset=True)
    made["partners"]["gemeente"]["selections"][0]["bounds"] = bounds
    Path(said["--manifest"]).write_bytes(Manifest.model_validate(made).canonical())


def test_what_is_outside_the_agreed_bounds_is_wrong_and_all_of_it_is_told(
    tmp_path: Path, said: dict[str, str], capsys: pytest.CaptureFixture[str], identity: Identity
) -> None:
    mapping(tmp_path, "lijst.csv")
    write_csv(
        tmp_path / "lijst.csv",
        [row(n, nummer="-" if n % 4 == 0 else BSNS[n % len(BSNS)], bedrag="1") for n in range(40)],
    )
    bounded(said, valid={"bsn": 75}, after={"lopend": {"at_least": 40, "at_most": 40}}, change=10)
    status, told = check(tmp_path, "lijst.csv", said, capsys)
    assert (status, told["lijst"]["problems"]) == (0, [])
    folder = tmp_path / "home" / "projects" / PROJECT / "counts"
    folder.mkdir(parents=True)
    earlier = {"read": 37, "after": {"lopend": 36}, "with_signal": 36, "invalid": {}, "written": 36}
    (folder / "r0.1").write_bytes(signed_drop(identity, "r0", 1, earlier))
    bounded(said, valid={"bsn": 76}, after={"lopend": {"at_least": 0, "at_most": 39}}, change=10)
    status, told = check(tmp_path, "lijst.csv", said, capsys, "--home", str(tmp_path / "home"))
    texts = [one["text"] for one in told["lijst"]["problems"]]
    assert status == 1
    for parts in (("geldig bsn: 75.0%", "ten minste 76%"), ("criterium lopend: 40", "0 tot en met 39"), ("after lopend: 36 → 40", "10%"),
                  ("with_signal: 36 → 40",), ("written: 36 → 30",)):  # fmt: skip
        assert any(all(part in text for part in parts) for text in texts), (parts, texts)
    assert len(texts) == 5, "37 and 40 read differ less than a tenth"


def test_a_bound_names_what_there_is(said: dict[str, str]) -> None:
    for bounds, what in (
        ({"valid": {"kvk": 1}}, "kvk"),
        ({"after": {"ooit": {"at_least": 0, "at_most": 1}}}, "ooit"),
    ):
        with pytest.raises(ValueError, match=what):
            bounded(said, **bounds)


def test_a_profile_shows_shapes_and_no_value(tmp_path: Path) -> None:
    write_csv(
        tmp_path / "lijst.csv", [row(n, begin=f"{n % 28 + 1:02}-05-2026", naam="Jansen") for n in range(30)]
    )
    seen = profile(tmp_path / "lijst.csv", Asked())
    by_name = {one.name: one for one in seen.columns}
    assert seen.records == 30
    assert by_name["begin"].shapes == (("99-99-9999", 30),)
    assert (by_name["begin"].first, by_name["begin"].last) == (date(2026, 5, 1), date(2026, 5, 28))
    assert (by_name["naam"].distinct, by_name["naam"].commonest, by_name["naam"].shapes) == (
        1,
        30,
        (("Aa", 30),),
    )
    assert "Jansen" not in repr(seen)


def test_a_mapping_is_proposed_with_the_lines_that_it_needs(
    tmp_path: Path, said: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = pa.table({"KENMERK": ["K1"], "Nummer": [999990019.0], "bedrag_eur": [1.5], "begindatum": [date(2026, 5, 1)], "srt": ["x"], "ACTIEF": [True]})  # noqa: E501  # fmt: skip
    pq.write_table(made, tmp_path / "lijst.parquet")
    status = run(
        [
            "partner",
            "mapping",
            "new",
            str(tmp_path / "lijst.parquet"),
            "--manifest",
            said["--manifest"],
            "--name",
            "gemeente",
        ]
    )
    text = capsys.readouterr().out
    assert status == 0
    for line in (
        "record_id: KENMERK",
        "nummer: Nummer",
        "bedrag: bedrag_eur",
        "begin: begindatum",
        "nummer: {as: whole_number, digits: 9}",
    ):
        assert line in text


def test_a_delivery_tells_everything_too(tmp_path: Path) -> None:
    from lsi_match.base.errors import LsiError
    from lsi_match.base.yaml_positions import parse_yaml
    from lsi_match.partner.extract.column_mapping import ColumnMapping
    from lsi_match.partner.select import SelectionTask, select

    mapping(tmp_path, "lijst.csv")
    write_csv(
        tmp_path / "lijst.csv",
        [row(n, bedrag="veel" if n == 4 else "1", begin="?" if n == 2 else "2026-05-01") for n in range(9)],
    )
    file = tmp_path / "lijst.csv"
    file.write_text(file.read_text() + "een waarde\n")
    manifest = agreed({n: [selection()] for n in ("gemeente", "uwv")})
    local = parse_yaml((tmp_path / "mapping.yaml").read_text(), "mapping.yaml", ColumnMapping).selections[
        "lijst"
    ]
    with pytest.raises(LsiError) as refused:
        select(
            SelectionTask(
                "gemeente",
                manifest.partners["gemeente"].selections[0],
                local,
                tmp_path,
                manifest,
                date(2026, 6, 1),
            )
        )
    text = refused.value.text("nl")
    assert refused.value.reason == "ExtractProblemsError"
    assert all(part in text for part in ("rij 11", "rij 6, kolom 'bedrag'", "rij 4, kolom 'begin'")), text
