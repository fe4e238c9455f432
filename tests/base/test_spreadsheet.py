"""A table for people holds what it holds: no formula, no number in the place of a text, whatever stands in a cell."""

from __future__ import annotations

import csv
import io
import unicodedata
import zipfile
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from refusals import raises

from lsi_match.base.spreadsheet import marked, spreadsheet, unmarked

HEADER = ("case_id", "record_id", "uwv", "uwv.soort")
FORMULAS = (
    '=HYPERLINK("http://example.invalid/"&A1;"klik")',
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    " =1+1",
    "\u00a0=1+1",
    "\u200b=1+1",
    "\ufeff=1+1",
    "＝1+1",
    "＋1+1",
    "－1+1",
    "＠SUM(A1)",
    "﹦1+1",
    "−1+1",
    "–1+1",
    "%0A=1+1",
    "'=1+1",
)
#: What a spreadsheet would write in another way.
REWRITTEN = (
    "0012",
    "000000012",
    "1234567890123456",
    "1E5",
    "12e45678",
    "2026-06",
    "1-2",
    "3 mei",
    "mei-26",
    "MRT1",
    "1.000",
    "1,5",
    ".5",
    "００１２",
    "2026-06-01",
    "12:30",
    "3 p",
    "€ 5",
    "10%",
    "1 1/2",
    "WAAR",
    "1e-5",
    "(5)",
    "(1.000)",
    "#N/B",
)
PLAIN = (
    "K-123",
    "12",
    "0",
    "999990019",
    "123456789012345",
    "WW",
    "minder dan 100",
    "één",
    "https://example.invalid",
    "meisje",
    "100 tot 250",
    "0004c726176630a0888cc1b8cb9f9373",
    "12A34",
)


def read_csv(data: bytes) -> list[list[str]]:
    assert data.startswith(b"\xef\xbb\xbf"), "with a BOM"
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=";"))


def read_xlsx(data: bytes) -> list[list[tuple[str, str]]]:
    """Per cell its type and value, a text out of the table of texts."""
    space = {"x": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        texts = []
        if "xl/sharedStrings.xml" in book.namelist():
            shared = ElementTree.fromstring(book.read("xl/sharedStrings.xml"))
            texts = ["".join(t.text or "" for t in si.iter(f"{{{space['x']}}}t")) for si in shared]
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
        assert sheet.find(".//x:f", space) is None, "no formula"
        assert sheet.find(".//x:hyperlink", space) is None
        styles = ElementTree.fromstring(book.read("xl/styles.xml"))
        formats = [one.get("numFmtId") for one in styles.findall("x:cellXfs/x:xf", space)]
    rows = []
    for row in sheet.iterfind(".//x:row", space):
        cells = []
        for cell in row:
            value = cell.findtext("x:v", "", space)
            if cell.get("t") == "s":
                assert formats[int(cell.get("s", "0"))] == "49", "of the type text"
                value = texts[int(value)]
            cells.append((cell.get("t", "n"), value))
        rows.append(cells)
    return rows


@pytest.mark.parametrize("text", [*FORMULAS, *REWRITTEN])
def test_in_a_csv_what_a_spreadsheet_would_not_take_for_text_is_marked(text: str) -> None:
    made = spreadsheet(".csv", (text, "b"), [[text, None]], "nl")
    assert read_csv(made) == [["'" + text, "b"], ["'" + text, ""]]


@pytest.mark.parametrize("text", PLAIN)
def test_in_a_csv_an_ordinary_text_stands_as_it_is(text: str) -> None:
    assert read_csv(spreadsheet(".csv", HEADER, [[text]], "nl"))[1] == [text]


def test_a_csv_has_semicolons_and_what_is_in_a_cell_stays_in_it() -> None:
    made = spreadsheet(".csv", HEADER, [["a;=1+1", 'b"\r\n=1+1', True, False]], "nl")
    assert made.decode("utf-8-sig").splitlines()[0] == "case_id;record_id;uwv;uwv.soort"
    assert read_csv(made)[1] == ["a;=1+1", 'b"\r\n=1+1', "ja", "nee"]
    assert read_csv(spreadsheet(".csv", HEADER, [[True, 5]], "en"))[1] == ["yes", "5"]


@pytest.mark.parametrize("text", [*FORMULAS, *REWRITTEN, *PLAIN, "_x0041_"])
def test_in_an_xlsx_every_text_is_a_cell_of_type_text(text: str) -> None:
    rows = read_xlsx(spreadsheet(".xlsx", (text, "b"), [[text, "b", True, 5, None]], "nl"))
    said = text.replace("\r", "_x000D_").replace("_x0041_", "_x005F_x0041_")
    assert rows[0][0] == ("s", said) or rows[0][0][1] == text
    assert rows[1][0] == rows[0][0]
    assert rows[1][2:] == [("s", "ja"), ("n", "5")]


@example("'")
@example("''=1")
@given(st.text(max_size=12))
def test_the_mark_can_be_taken_away_again(text: str) -> None:
    assert unmarked(marked(text)) == text
    plain = unicodedata.normalize("NFKC", marked(text)).strip()
    assert not plain.startswith(("=", "+", "-", "@"))


def test_what_somebody_typed_in_is_read_as_it_stands() -> None:
    assert unmarked("K-1") == "K-1"
    assert unmarked("'K-1") == "'K-1"
    assert unmarked("'0012") == unmarked("0012") == "0012"


def test_a_text_that_a_cell_has_no_room_for_is_told_and_not_left_out() -> None:
    spreadsheet(".xlsx", HEADER, [["x" * 32_767]], "nl")
    with raises("SpreadsheetTooLargeError"):
        spreadsheet(".xlsx", HEADER, [["x" * 32_768]], "nl")
