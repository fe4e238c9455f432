"""The report says what was found, in both languages, on a page that needs nothing else; any table of counts will do."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lsi_match.base.catalogue import word
from lsi_match.base.errors import Language, LsiError
from lsi_match.cli.main import run
from lsi_match.monitor.analyse import analyse
from lsi_match.monitor.counts_file import read_counts
from lsi_match.monitor.findings import (
    Appeal,
    Attribution,
    Concentration,
    Findings,
    Missing,
    Outcome,
    Ratio,
    Share,
    Verdict,
)
from lsi_match.monitor.table import CountsTable
from lsi_match.reports.document import Document, Writer
from lsi_match.reports.monitor_report import report

GOOD = "leeftijd;register;selectie;casus\njong;50000;4000;200\nmidden;50000;2000;80\noud;40000;1500;<10\n"
CALM = "leeftijd,register,selectie\njong,500000,50000\noud,500000,50100\n"


def written(folder: Path, text: str, name: str = "telling.csv") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def everything() -> tuple[CountsTable, Findings]:
    """A table of two steps of one partner, and one finding of every kind."""
    group = {"id": "leeftijd", "label": "Leeftijd", "groups": {"jong": "jong", "oud": "oud"}}
    kind = {"id": "soort", "label": "Soort", "role": "legitimate", "groups": {"x": "soort X", "y": "soort Y"}}
    start = {"jong|x": 5000, "jong|y": 5000, "oud|x": 5000, "oud|y": 5000}
    chosen = {"jong|x": 900, "jong|y": 300, "oud|x": 300, "oud|y": None}
    of = {"partner": "uwv", "selection": "lijst"}
    table = CountsTable.model_validate({
        "title": "Alles", "source": "een bron", "dimensions": [group, kind], "smallest_cell": 10, "look": 2, "looks": 12,
        "stages": [
            {"id": "r", "label": "UWV: hele register", "kind": "reference", "counts": start, **of},
            {"id": "c", "label": "UWV: na lopend", "kind": "selection", "criterion": "lopend", "against": ["r"],
             "counts": chosen, **of},
        ],
    })  # fmt: skip
    ratio = Ratio(value=2.4, low=1.9, high=None)
    compared = {"dimension": "leeftijd", "others": "oud", "group": "jong", "ratio": ratio}
    share = Share(criterion="lopend", in_order=2.1, left_out=1.9, shapley=2.0, interval=ratio)
    more = {
        "attributions": [Attribution(**compared | {"ratio": 2.4}, partner="uwv", selection="lijst", shares=(share, share), sure=sure)
                         for sure in (True, False)],
        "concentrations": [Concentration(**compared, criterion="lopend", value="ja", count=None, reference_count=90,
                                         verdict=Verdict.OVER)],
        "outcomes": [Outcome(**compared, grounded=8, judged=20, others_grounded=11, others_judged=None, lower=True,
                             selected_more=True)],
        "appeals": [Appeal(dimension="leeftijd", group="jong", decided=1200, appealed=100, upheld=None)],
        "missing": [Missing(**compared, criterion="lopend", against="r", count=40, reference_count=100, others_count=10,
                            others_reference_count=100, blind=True)],
    }  # fmt: skip
    return table, analyse(table).model_copy(update={name: tuple(its) for name, its in more.items()})


@pytest.mark.parametrize("lang", ["nl", "en"])
def test_everything_that_was_found_has_its_place(lang: Language) -> None:
    """Every text of the catalogue that is about a part of the report, and each number once more in the tables."""
    made = report(*everything(), lang)
    parts = made.parts
    text = Writer("monitor", lang).text
    headings = [one["heading"] for one in parts if "heading" in one]
    for key in (
        "in_short",
        "found",
        "which",
        "looked_at",
        "how_to_read",
        "remains",
        "how_much",
        "at_values",
        "outcomes",
        "appeals",
    ):
        assert headings.count(text(key)) == 1, key
    tables = {one["table"]: one["rows"] for one in parts if "table" in one}
    beside = text("beside", stage=word("stage", "whole_register", lang))
    assert tables["Leeftijd"][0] == [beside]
    jong = tables["Leeftijd"][1]
    assert jong[:2] == ["jong", "1.200" if lang == "nl" else "1,200"]
    assert [row[0] for row in tables["uwv, lijst: jong"]] == ["lopend", "lopend"]
    withheld = text("withheld")
    assert tables["jong"][1][:2] == ["ja", withheld]
    assert tables[text("grounded_share")][0][2:6:3] == ["8", "–"]
    assert tables[text("who_appealed")][0][-2:] == [withheld, "–"]
    assert text("low_threshold", names="jong") in [one.get("text") for one in parts]
    assert text("source", source="een bron") in [one.get("text") for one in parts]


@pytest.mark.parametrize(
    ("lang", "alert", "over"), [("nl", "Waarschuwing", "2,06 keer"), ("en", "Alert", "2.06 times")]
)
def test_the_first_page_says_who_where_and_how_much(tmp_path: Path, lang: str, alert: str, over: str) -> None:
    table = read_counts(written(tmp_path, GOOD))
    page = report(table, analyse(table), lang).first  # type: ignore[arg-type]
    assert alert in page
    assert over in page
    assert "jong" in page


def test_an_alert_on_withheld_counts_has_a_least_number_and_no_other(tmp_path: Path) -> None:
    """The others are withheld, and at most as many as before: the group is over-represented whatever they are."""
    text = "leeftijd;register;eerst;daarna\njong;5000;500;500\noud;50000;9;<10\nelders;50000;9;<10\n"
    few = read_counts(written(tmp_path, text))
    found = analyse(few)
    alert = next(f for f in found.of(Verdict.OVER) if f.stage == "daarna")
    assert alert.ratio.value is None
    assert "jong: vrijwel zeker minstens" in report(few, found, "nl").first
    assert "– keer" not in report(few, found, "nl").first


def test_no_alert_is_said_as_such(tmp_path: Path) -> None:
    table = read_counts(written(tmp_path, CALM))
    assert "alle verschillen liggen binnen" in report(table, analyse(table), "nl").first


def test_the_page_needs_no_script_and_no_other_file_and_its_figures_speak(tmp_path: Path) -> None:
    table = read_counts(written(tmp_path, GOOD))
    page = report(table, analyse(table), "nl").html
    assert "<script" not in page
    assert re.findall(r'(?:src|href)="[^"]*"', page) == []
    assert '<html lang="nl">' in page
    figures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(figures) == 2
    for figure in figures:
        tree = ElementTree.fromstring(figure)
        assert tree.get("role") == "img"
        described = tree.findtext("{http://www.w3.org/2000/svg}desc") or ""
        assert all(group in described for group in ("jong", "midden", "oud"))
        assert "vaker" in described or "te weinig gegevens" in described


def test_a_withheld_count_is_not_shown_as_a_number(tmp_path: Path) -> None:
    table = read_counts(written(tmp_path, GOOD))
    found = analyse(table)
    assert table.stages[2].counts["oud"] is None
    assert "Zij tellen nooit als nul" in report(table, found, "nl").markdown
    row = next(f for f in found.findings if (f.stage, f.group) == ("casus", "oud"))
    assert row.count is None
    assert row.ratio.value is None
    assert row.verdict is Verdict.TOO_LITTLE


def test_what_a_file_says_does_not_become_a_sign(tmp_path: Path) -> None:
    evil, shown = "<b>x</b> [y](z) `q` *r*", "&lt;b&gt;x&lt;/b&gt; [y](z) `q` *r*"
    table = read_counts(written(tmp_path, GOOD.replace("jong", evil).replace("leeftijd", evil)))
    found = analyse(table)
    page = report(table, found, "nl").html
    assert "<b>" not in page
    assert "href" not in page
    assert f"{shown}: 2,06 keer" in page
    assert f'<th scope="row">{shown}</th>' in page
    assert f"<caption>{shown}</caption>" in page
    first = report(table, found, "nl").first
    assert "- \\<b\\>x\\</b\\> \\[y\\](z) \\`q\\` \\*r\\*: 2,06 keer" in first


def test_a_heading_within_a_table_is_one_for_the_rows_under_it() -> None:
    source = """**T**

| groep | aantal |
| --- | ---: |
| **samen** |  |
| jong | 1 |
| **apart** |  |
| oud | 2 |
"""
    page = Document("nl", source).html
    tree = ElementTree.fromstring(re.findall(r"<table.*</table>", page)[0])
    bodies = [[[cell.text for cell in row] for row in body] for body in tree.findall("tbody")]
    assert bodies == [[["samen"], ["jong", "1"]], [["apart"], ["oud", "2"]]]
    assert [th.get("scope") for th in tree.iter("th")] == ["col", "col", "rowgroup", "row", "rowgroup", "row"]


def test_what_is_wider_than_a_small_screen_scrolls_by_keyboard_too(tmp_path: Path) -> None:
    table = read_counts(written(tmp_path, GOOD))
    page = report(table, analyse(table), "nl").html
    for wide in ("<table", "<figure><svg"):
        inside = re.findall(f'<div class="wide" role="group" aria-label="[^"]+" tabindex="0">{wide}', page)
        assert len(inside) == page.count(wide) > 0


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", r"row 1"),
        ("leeftijd;register;selectie\n", r"row 1"),
        ("leeftijd;register;selectie\njong;10;5\noud;10\n", r"row 3"),
        ("leeftijd;register;selectie\njong;10;5\noud;10;vijf\n", r"row 3, column 'selectie'"),
        ("leeftijd;register;selectie\njong;10;5\njong;10;5\n", r"row 3, column 'leeftijd'"),
        ("leeftijd;register;register\njong;10;5\n", r"row 1"),
        ("leeftijd;register;selectie\nj|ong;10;5\n", r"row 2, column 'leeftijd'"),
        ("register;selectie\n10;5\n", r"row \d"),
        ("leeftijd;register;selectie\njong;1000;1200\noud;5000;100\n", r"row 2, column 'selectie': .*1200"),
        ("leeftijd;selectie;register\njong;100;1000\noud;90;5000\n", r"row 2, column 'register'"),
        (
            "leeftijd;register;selectie\njong;1000;20\noud;5000;100\nTotaal;6000;120\n",
            r"row 4, column 'leeftijd': .*twice",
        ),
        (
            "leeftijd;register;selectie\nx;1000;20\ny;5000;100\nz;6000;120\n",
            r"row 4, column 'leeftijd': .*twice",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_told_with_row_and_column(
    tmp_path: Path, text: str, place: str
) -> None:
    with pytest.raises(LsiError, match=place):
        read_counts(written(tmp_path, text))


@pytest.mark.parametrize("count", ["1.200", "1,200", '"1 200"', "1200,0", "5,0%", "-5", "1200*", "’1200"])
def test_a_count_that_is_written_otherwise_is_never_guessed(tmp_path: Path, count: str) -> None:
    """A point may stand for thousands, or for a decimal; all of them are told at once, and the columns stay what they are."""
    text = f"leeftijd;register;selectie\njong;{count};40\noud;5000;{count}\nmidden;4000;50\nrest;<10;.\n"
    with pytest.raises(LsiError) as refused:
        read_counts(written(tmp_path, text))
    told = refused.value.text("en").splitlines()
    assert [line.partition(": ")[0] for line in told] == [
        "telling.csv, row 2, column 'register'",
        "telling.csv, row 3, column 'selectie'",
    ]
    assert all("not a whole number" in line and "1200" not in line for line in told)


def test_a_table_as_yaml_is_read_whole_and_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(LsiError, match="title"):
        read_counts(written(tmp_path, "dimensions: []\n", "t.yaml"))


def test_a_table_as_yaml_that_cannot_be_is_refused_with_its_group_and_stage(tmp_path: Path) -> None:
    text = """title: t
dimensions: [{id: d, label: D, groups: {a: A, b: B}}]
stages:
  - {id: alle, label: alle, kind: reference, counts: {a: 10, b: 90}}
  - {id: gekozen, label: gekozen, kind: selection, against: [alle], counts: {a: 12, b: 9}}
"""
    with pytest.raises(LsiError, match=r"group a, stage gekozen: 12 .* more than the 10"):
        read_counts(written(tmp_path, text, "t.yaml"))


def test_the_command_writes_the_report_and_can_fail_on_an_alert(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, to = str(written(tmp_path, GOOD)), tmp_path / "rapport.html"
    assert run(["monitor", "counts", file, "--to", str(to)]) == 0
    assert "Waarschuwing" in to.read_text()
    assert run(["monitor", "counts", file, "--to", str(tmp_path / "rapport.json")]) == 0
    assert Findings.model_validate_json((tmp_path / "rapport.json").read_bytes()) == analyse(
        read_counts(Path(file))
    )
    assert run(["monitor", "counts", file, "--fail-on-alert"]) == 1
    assert run(["monitor", "counts", str(written(tmp_path, CALM, "kalm.csv")), "--fail-on-alert"]) == 0
    assert run(["monitor", "counts", file, "--to", str(tmp_path / "rapport.pdf")]) == 2
    assert run(["monitor", "counts", str(tmp_path / "absent.csv")]) == 1
    capsys.readouterr()
    assert run(["monitor", "counts", file, "--json"]) == 0
    assert '"alert": true' in capsys.readouterr().out


def test_a_step_can_be_named_as_good_for_people_and_a_group_as_unknown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "groep;gevraagd;gekregen\nA;10000;3400\nB;10000;5000\nonbekend;2000;600\n"
    file = str(written(tmp_path, text))
    assert read_counts(Path(file)).stages[0].counts == {"A": 10000, "B": 10000, "unknown": 2000}
    assert run(["monitor", "counts", file, "--benefit", "gekregen", "--fail-on-alert"]) == 1
    assert "Voor wie: A en mensen van wie groep onbekend is" in capsys.readouterr().out
    assert run(["monitor", "counts", file, "--benefit", "geweigerd"]) == 2
