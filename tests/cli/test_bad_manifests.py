"""What a project leader sees of a manifest that is wrong: the file, the line, the column, and words, never a traceback."""

from __future__ import annotations

import json
import re
import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from lsi_match.base.canonical import canonical_json
from lsi_match.cli.main import run
from lsi_match.crypto.keys import make_identity

TEMPLATE = files("lsi_match.manifest").joinpath("data/template.yaml").read_text("utf-8")
MARK = "➤"
WHEN = "einddatum IS NULL OR einddatum >= peildatum"

#: What is wrong: what to replace, by what, what the place begins with (`MARK` in the new text), words in Dutch, in English.
BAD: dict[str, tuple[str, str, str, str]] = {
    "a name twice": ("  place: Plaats", "  ➤title: Nog eens\n  place: Plaats", "staat hier twee keer", "duplicate key"),
    "an anchor": ("type: theme", "type: ➤&x theme", "kunnen hier niet", "anchors and aliases"),
    "anchors that explode": (
        "format: lsi", "a: ➤&a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nformat: lsi", "kunnen hier niet", "anchors and aliases"),
    "a tab": ("  id: mijn-project ", "➤\tid: mijn-project ", "geen tabs", "cannot start"),
    "a day that does not exist": ("first: 2027-01-01", "first: ➤2027-02-31", "datum of getal dat niet bestaat", "does not exist"),
    "another kind of project": ("type: theme", "type: ➤thema", "kies uit 'theme' of 'neighbourhood'", "choose 'theme' or"),
    "a text for a number": ("max_cases: 1000", "max_cases: ➤veel", "geheel getal", "whole number"),
    "a number for a text": ('oin: "00000000000000000001"', "oin: ➤1", "tussen aanhalingstekens", "in quotes"),
    "a list for a text": ("place: Plaats of gebied", "place: ➤[a, b]", "hier hoort tekst te staan", "a text is needed"),
    "a text for a list": (
        "acknowledged_by: [datasteward, projectleider, beheerder, casustafel]", "acknowledged_by: ➤datasteward",
        "een lijst", "a list"),
    "no date": ("date: 2026-12-01}\n\ndpo", "date: ➤gisteren}\n\ndpo", "een datum", "a date"),
    "an unknown part": ("max_cases: 1000", "max_cases: 1000\n  ➤maxcases: 10", "bestaat niet", "no such part"),
    "a part that is missing": (
        "\nretention: {log_details_days: 1825, hold_days: 30}", "\nretention: ➤{hold_days: 30}",
        "dit ontbreekt", "this is missing"),
    "a syntax error": (WHEN, f"➤{WHEN} = OR", "is niet te lezen", "cannot be parsed"),
    "a criterion that is not finished": (WHEN, "➤einddatum IS NULL OR", "is niet af", "not complete"),
    "a subquery": (WHEN, "➤einddatum > (SELECT max(d) FROM andere)", "iets wat niet mag", "not allowed"),
    "a function that reads files": (WHEN, "➤\"length(read_text('/etc/passwd')) > 1\"", "iets wat niet mag", "not allowed"),
    "a comment that hides code": (WHEN, "➤einddatum IS NULL /* OR TRUE */", "commentaar", "a comment"),
    "a look-alike in a criterion": (WHEN, "➤einddаtum IS NULL", "U+0430 CYRILLIC SMALL LETTER A", "U+0430 CYRILLIC SMALL LETTER A"),
    "a look-alike in a field": ("          einddatum: {", "          ➤einddаtum: {", "alleen kleine letters", "lower-case letters"),
    "a field that is not declared": (WHEN, "➤begindatum IS NULL", "noemt het veld 'begindatum'", "names the field 'begindatum'"),
    "types that do not fit": (WHEN, "➤einddatum = 'x'", "een datum en wordt vergeleken met een tekst", "is compared with text"),
    "a match rule of nobody": (
        "partners >= 2 AND eerste_laag AND tweede_hoog", "➤partners >= 2 AND derde",
        "noemt het veld 'derde'", "names the field 'derde'"),
    "a group of an unknown field": ('when: "inkomen < 250"', 'when: ➤"vermogen < 250"', "noemt het veld 'vermogen'", "names the field 'vermogen'"),
    "one OIN for two": ('oin: "00000000000000000002"', 'oin: ➤"00000000000000000001"', "hetzelfde OIN", "the same OIN"),
    "a character that cannot be seen": ("place: Plaats of", "place: ➤Plaats\u200b of", "niet te zien", "cannot be seen"),
    "a Dutch thousand in a number": (
        "at_most: 10000}\n  tweede", "at_most: ➤10.000}\n  tweede", "lezen als 10 of als 10000", "read as 10 or as 10000"),
    "a Dutch thousand in a list": (
        "edges: [10000, 20000, 40000]", "edges: [10000, ➤20.500, 40000]", "lezen als 20.5 of als 20500", "read as 20.5 or as 20500"),
    "an English thousand in a list": ("edges: [10000, 20000, 40000]", "edges: [10,➤000]", "begint met een nul", "begins with a zero"),
    "a number in quotes": ("at_most: 10000}\n  tweede", "at_most: ➤\"10.000\"}\n  tweede", "zonder aanhalingstekens", "without quotes"),
    "a Dutch thousand in a criterion": (
        "when: bedrag >= 10000,", "when: ➤bedrag >= 10.000,", "lezen als 10 of als 10000", "read as 10 or as 10000"),
    "a Dutch thousand in a signal": (
        "when: bedrag >= 20000,", "when: ➤bedrag >= 20.500,", "lezen als 20.5 of als 20500", "read as 20.5 or as 20500"),
    "a Dutch thousand in the match rule": (
        "rule: partners >= 2", "rule: ➤partners >= 2.000", "lezen als 2 of als 2000", "read as 2 or as 2000"),
    "one person in a criterion": (WHEN, "➤bsn = 'x'", "'bsn', en daar staat in wie iemand is", "'bsn', which says who somebody is"),
    "one person in a signal": (
        'when: "inkomen < 500"', "when: ➤\"length(bsn) = 9\"", "'bsn', en daar staat in wie iemand is", "'bsn', which says who somebody is"),
    "one person in a group": (
        'when: "inkomen < 250"', "when: ➤\"inkomen < 250 OR bsn LIKE '1%'\"", "'bsn', en daar staat in", "'bsn', which says"),
    "one person in what goes along": (
        "{id: bedrag, field: bedrag, kind: band, edges: [10000, 20000, 40000],", "{id: bedrag, field: ➤bsn, kind: listed, values: [a],",
        "'bsn', en daar staat in", "'bsn', which says"),
    "a BSN as a text": (
        WHEN, "➤einddatum IS NULL OR naam = '999.990.019'", "lijkt op een nummer van iemand", "looks like a number of somebody"),
    "a BSN as a number": (
        'when: "inkomen < 500"', "when: ➤\"inkomen <> 999990019\"", "lijkt op een nummer van iemand", "looks like a number of somebody"),
    "an address": (
        WHEN, "➤naam = '1234 AB 12'", "lijkt op een nummer van iemand", "looks like a number of somebody"),
    "a BSN as a value that goes along": (
        "field: bedrag, kind: band, edges: [10000, 20000, 40000],", "field: naam, kind: listed, values: [x, ➤\"999990019\"],",
        "lijkt op een nummer van iemand", "looks like a number of somebody"),
    "a BSN as the sum of a criterion": (
        "when: bedrag >= 10000,", "when: ➤bedrag - 19 = 999990000,", "lijkt op een nummer van iemand", "looks like a number of somebody"),
    "a BSN as an edge": (
        "edges: [10000, 20000, 40000]", "edges: [10000, ➤999990019]", "lijkt op een nummer van iemand", "looks like a number of somebody"),
    "a BSN in a rationale": (
        "rationale: Waarom dit samen", "rationale: ➤Waarom 9999.90.019 samen", "nummer dat van iemand kan zijn", "number that can be somebody's"),
    "a BSN in a label": (
        "label: Bedrag van 20.000", "label: ➤Bedrag van 999990019 of 20.000", "nummer dat van iemand kan zijn", "number that can be somebody's"),
    "a BSN in an id": (
        "- {id: bedrag, when: bedrag >= 10000,", "- {id: ➤bedrag_999990019, when: bedrag >= 10000,", "nummer dat van iemand kan zijn",
        "number that can be somebody's"),
    "an address of e-mail": (
        WHEN, "➤naam = 'jan@voorbeeld.nl'", "lijkt op een nummer van iemand", "looks like a number of somebody"),
    "two organisations that read alike": (
        "title: Volledige naam van de tweede", "title: ➤VoIledige  naam van de eerste", "lezen hetzelfde", "read alike"),
    "the matcher reads as a controller": (
        "title: Naam van de koppelomgeving", "title: ➤Volledige naam van de tweede 0rganisatie", "lezen hetzelfde", "read alike"),
    "two signals that read alike": (
        'label: Inkomen onder 500 euro per maand}', "label: Inkomen onder 500 euro per maand}\n          - {id: nog, when: einddatum IS NULL, "
        "label: ➤inkomen onder 500 euro per maand}", "lezen hetzelfde", "read alike"),
    "two ids that read alike": (
        'label: Inkomen onder 500 euro per maand}', "label: Inkomen onder 500 euro per maand}\n          - {id: ➤iaag, when: einddatum IS NULL, "
        "label: Nog zonder einde}", "lezen hetzelfde", "read alike"),
    "another alphabet in a title": ("title: Titel zoals", "title: ➤Tit\u0435l zoals", "U+0435", "U+0435"),
    "a Hangul filler in a meaning": ("meaning: Bedrag per", "meaning: ➤Bedrag\u3164 per", "U+3164", "U+3164"),
    "a no-break space in a label": ("label: Bedrag van", "label: ➤Bedrag\u00a0van", "U+00A0", "U+00A0"),
    "a letter in two parts": ("title: Titel zoals", "title: ➤Tite\u0301l zoals", "U+0301", "U+0301"),
    "a joiner in a rationale": ("rationale: Waarom dit mee", "rationale: ➤Waarom\u034f dit mee", "U+034F", "U+034F"),
    "a proxy called a ground": (
        "    kind: proxy\n    label: H", "    kind: ➤ground\n    label: H",
        "is een proxy, geen ground", "is a proxy, not a ground"),
}  # fmt: skip


def refused(text: str, folder: Path, capsys: pytest.CaptureFixture[str], language: str) -> str:
    file = folder / "concept.yaml"
    file.write_text(text, "utf-8")
    assert run(["manifest", "check", str(file), "--lang", language]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Traceback" not in shown.err
    return shown.err


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_told_with_its_place(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new, nl, en = BAD[case]
    template = TEMPLATE
    if "naam" in new:
        template = template.replace(
            "          bsn: {", "          naam: {type: text, meaning: Naam van iets}\n          bsn: {"
        )
    assert template.count(old) >= 1
    marked = template.replace(old, new, 1)
    at = marked.index(MARK)
    line, column = marked.count("\n", 0, at) + 1, at - marked.rfind("\n", 0, at)
    for language, words, place in (
        ("nl", nl, f"regel {line}, kolom {column}"),
        ("en", en, f"line {line}, column {column}"),
    ):
        said = refused(marked.replace(MARK, "", 1), tmp_path, capsys, language)
        assert "concept.yaml" in said
        assert f" {line}:{column} " in said or place in said, said
        assert words in said


def test_a_mark_stands_under_the_place_in_a_criterion(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for wrong, sign in (
        ("einddatum >= = peildatum", "= p"),
        ("einddatum >= begindatum", "begindatum"),
        ("einddatum IS NULL OR", "OR"),
        ("(einddatum IS NULL OR (einddatum >= peildatum)", "(eind"),
        ("einddatum IS NULL)", ")"),
        ("length('its) > 2 OR TRUE", "'its"),
        ("einddatum IS NULL -- OR TRUE", "--"),
        ("einddatum IS NULL OR einddаtum > peildatum", "аtum"),
    ):
        said = refused(TEMPLATE.replace(WHEN, wrong, 1), tmp_path, capsys, "nl").splitlines()
        shown = next(i for i, row in enumerate(said) if row.strip() == wrong)
        assert said[shown + 1].strip() == "^"
        assert said[shown + 1].index("^") == said[shown].index(sign), wrong


def test_every_fault_is_told_at_once_and_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same criterion can stand with two partners, of which one declares its field: the right one is named."""
    text = TEMPLATE.replace("when: bedrag >= 10000", f"when: {WHEN}", 1).replace(
        "max_cases: 1000", "max_cases: 0"
    )
    said = refused(text, tmp_path, capsys, "nl")
    assert "2 plaats(en)" in said
    assert re.findall(r"^ +\d+:\d+ (\S+):", said, re.MULTILINE) == [
        "partners.tweede.selections.0.criteria.0.when",
        "release.max_cases",
    ]


def test_two_parties_with_one_key_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Keys are not in the draft: they come with the cards."""
    draft, cards = tmp_path / "concept.yaml", tmp_path / "cards"
    draft.write_text(TEMPLATE)
    cards.mkdir()
    for name in ("eerste", "tweede", "matcher"):
        make_identity(name, tmp_path / name)
        shutil.copy(tmp_path / name / "card.json", cards / f"{name}.json")
    other = json.loads((cards / "tweede.json").read_text()) | {
        "signing_key": json.loads((cards / "eerste.json").read_text())["signing_key"]
    }
    (cards / "tweede.json").write_bytes(canonical_json(other))
    out = tmp_path / "manifest.json"
    arguments = [
        "manifest",
        "complete",
        str(draft),
        "--cards",
        str(cards),
        "--key-check",
        "0" * 32,
        "--out",
        str(out),
    ]
    assert run([*arguments, "--lang", "nl"]) == 1
    said = capsys.readouterr().err
    line = next(i for i, row in enumerate(TEMPLATE.splitlines(), 1) if row == "  tweede:")
    assert (
        f" {line + 1}:5 controllers.tweede: eerste en tweede hebben dezelfde sleutel; ieder maakt een eigen"
        in said
    )
    assert not out.exists()


@pytest.mark.parametrize(
    "text", ["", "# niets\n", "null\n", "- a\n", "7\n", "controllers: 3\n", "partners: [a]\n"]
)
def test_a_file_that_holds_no_manifest_at_all_says_so(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for language, words in (
        ("nl", ("naam: waarde", "dit ontbreekt")),
        ("en", ("name: value", "this is missing")),
    ):
        said = refused(text, tmp_path, capsys, language)
        assert " 1:1 " in said
        assert any(one in said for one in words)
