"""Criteria in plain words: everything the language allows, true words for dates, and what unknown values do."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from datetime import date
from itertools import product
from pathlib import Path

import duckdb
import pytest
from criteria.predicates import FIELDS, VALUES, Engine, predicates
from hypothesis import HealthCheck, given, settings
from ruamel.yaml import YAML
from sqlglot import exp

from lsi_match.base.errors import Language
from lsi_match.criteria.explain import (
    EXAMPLE_DATE,
    Explanation,
    RuleColumn,
    as_items,
    as_text,
    explain,
    explain_match_rule,
)
from lsi_match.criteria.parse import _HANDLERS, FieldType, Unit, parse_predicate
from lsi_match.manifest import SourceField

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

CONFIGS = Path(__file__).parents[2] / "configs"
MEANINGS = {
    "a": "Aantal kinderen; leeg zonder opgave",
    "b": "Aantal kamers",
    "c": "Bedrag per maand in euro",
    "d": "Eerste dag",
    "e": "Laatste dag; leeg als die niet vaststaat",
    "s": "Soort: WW, WIA of ZW",
    "t": "Toelichting",
    "f": "Is geschat",
}
DECLARED = {name: SourceField(type=kind, meaning=MEANINGS[name]) for name, kind in FIELDS.items()}
NL: Language = "nl"

#: Each kind of node the language allows → predicate, what its Dutch explanation says.
EXAMPLES: dict[type[exp.Expression], tuple[str, str]] = {
    exp.And: ("a = 1 AND b = 2", "Alle volgende punten zijn waar:\n  - ‘Aantal kinderen’ is 1.\n  - ‘Aantal kamers’ is 2."),
    exp.Or: ("a = 1 OR f", "Minstens één van deze punten is waar:\n  - ‘Aantal kinderen’ is 1.\n  - ‘Is geschat’ staat op ja."),
    exp.Not: ("NOT (a < 5 OR f)", "Alle volgende punten zijn waar:\n  - ‘Aantal kinderen’ is minstens 5.\n  - ‘Is geschat’ staat op nee."),
    exp.EQ: ("s = 'WW'", "‘Soort’ is “WW”."),
    exp.NEQ: ("d <> DATE '2026-01-01'", "‘Eerste dag’ is een andere dag dan 1 januari 2026."),
    exp.GT: ("c > 1234.50", "‘Bedrag per maand in euro’ is meer dan € 1.234,50."),
    exp.GTE: ("d >= peildatum", "‘Eerste dag’ ligt op of na de peildatum."),
    exp.LT: ("a < -1.5", "‘Aantal kinderen’ is minder dan -1,5."),
    exp.LTE: ("a <= 12000", "‘Aantal kinderen’ is hoogstens 12.000."),
    exp.Between: ("d NOT BETWEEN DATE '2026-01-01' AND peildatum", "‘Eerste dag’ ligt vóór 1 januari 2026 of na de peildatum."),
    exp.In: ("s NOT IN ('A', 'B', 'C')", "‘Soort’ is iets anders dan “A”, “B” of “C”."),
    exp.Is: ("f IS NOT TRUE", "‘Is geschat’ staat op nee, of is niet bekend."),
    exp.Like: ("s LIKE 'W%'", "‘Soort’ begint met “W”."),
    exp.Paren: ("(a + 1) * b = 2", "(‘Aantal kinderen’ plus 1) keer ‘Aantal kamers’ is 2."),
    exp.Neg: ("-a > 1", "0 min ‘Aantal kinderen’ is meer dan 1."),
    exp.Add: ("c + 100 > 1000", "‘Bedrag per maand in euro’ plus € 100 is meer dan € 1.000."),
    exp.Sub: ("a - b >= 3", "‘Aantal kinderen’ min ‘Aantal kamers’ is minstens 3."),
    exp.Mul: ("c * 12 < 1200000", "‘Bedrag per maand in euro’ keer 12 is minder dan € 1.200.000."),
    exp.Column: ("f", "‘Is geschat’ staat op ja."),
    exp.Literal: ("t = 'x'", "‘Toelichting’ is “x”."),
    exp.Boolean: ("TRUE", "Dit geldt voor elk record."),
    exp.Cast: ("d = DATE '2024-02-29'", "‘Eerste dag’ is 29 februari 2024."),
    exp.DateDiff: ("date_diff('day', d, peildatum) BETWEEN 0 AND 30", "‘Eerste dag’ ligt op de peildatum, of hoogstens 30 dagen ervoor."),
    exp.Coalesce: ("coalesce(a, b, 0) = 0",
        "‘Aantal kinderen’ (of, als dat niet bekend is: ‘Aantal kamers’; of, als ook dat niet bekend is: 0) is 0."),
    exp.Lower: ("lower(s) LIKE 'w%'", "‘Soort’ begint met “w” (hoofdletters maken niet uit)."),
    exp.Upper: ("upper(s) IN ('A', 'B')", "‘Soort’ is “A” of “B” (hoofdletters maken niet uit)."),
    exp.Length: ("length(t) > 3", "Het aantal tekens van ‘Toelichting’ is meer dan 3."),
}  # fmt: skip

WORDS = {
    "s LIKE '%W'": "‘Soort’ eindigt op “W”.",
    "s NOT LIKE '%W%'": "‘Soort’ bevat “W” niet.",
    "s LIKE 'W'": "‘Soort’ is “W”.",
    "s LIKE '%'": "‘Soort’ is bekend.",
    "s NOT LIKE '%'": "Dit geldt voor geen enkel record.",
    "s LIKE '1234__%x'": "‘Soort’ past bij dit patroon: “1234”, daarna precies 2 tekens, daarna willekeurige tekst (of niets), daarna “x”.",
    "lower(s) = 'WW'": "‘Soort’ in kleine letters is “WW”.",
    "s = ''": "‘Soort’ is een lege tekst.",
    "s = 'a\tb'": "‘Soort’ is “a⟨U+0009⟩b”.",
    "(a > 1 AND f) IS NOT TRUE": (
        "Minstens één van deze punten is waar:\n  - ‘Aantal kinderen’ is hoogstens 1.\n"
        "  - ‘Aantal kinderen’ is niet bekend.\n  - ‘Is geschat’ staat op nee, of is niet bekend."
    ),
    "coalesce(f, a = 1)": (
        "Minstens één van deze punten is waar:\n  - ‘Is geschat’ staat op ja.\n  - Alle volgende punten zijn waar:\n"
        "    - ‘Is geschat’ is niet bekend.\n    - ‘Aantal kinderen’ is 1."
    ),
    "f <> (a > 1)": (
        "Van deze twee punten is er één waar en één niet waar (alle gegevens daarvoor zijn bekend):\n"
        "  - ‘Is geschat’ staat op ja.\n  - ‘Aantal kinderen’ is meer dan 1."
    ),
    "f IS FALSE": "‘Is geschat’ staat op nee.",
    "f = FALSE": "‘Is geschat’ staat op nee.",
    "a IS NOT NULL": "‘Aantal kinderen’ is bekend.",
    "coalesce(d >= peildatum, FALSE)": "‘Eerste dag’ ligt op of na de peildatum.",
    "5 < a": "‘Aantal kinderen’ is meer dan 5.",
    "a = 2026": "‘Aantal kinderen’ is 2026.",
    "c = 0.05": "‘Bedrag per maand in euro’ is € 0,05.",
    "date_diff('month', d, peildatum) BETWEEN 0 AND 6":
        "‘Eerste dag’ ligt in de kalendermaand van de peildatum, of in een van de 6 kalendermaanden ervoor.",
    "date_diff('year', d, peildatum) BETWEEN 0 AND 6":
        "‘Eerste dag’ ligt in het kalenderjaar van de peildatum, of in een van de 6 kalenderjaren ervoor.",
    "date_diff('year', d, peildatum) >= 67": "Het kalenderjaar van ‘Eerste dag’ ligt minstens 67 jaar vóór dat van de peildatum.",
    "date_diff('month', peildatum, e) = 1": "De kalendermaand van ‘Laatste dag’ ligt precies 1 maand na die van de peildatum.",
    "date_diff('month', d, e) <> 0": "‘Eerste dag’ ligt niet in dezelfde kalendermaand als ‘Laatste dag’.",
    "date_diff('month', d, DATE '2026-05-12') <= 3": "‘Eerste dag’ ligt op of na 1 februari 2026.",
    "date_diff('day', d, peildatum) > 90": "‘Eerste dag’ ligt meer dan 90 dagen vóór de peildatum.",
    "date_diff('day', d, peildatum) <= 30": "‘Eerste dag’ ligt hoogstens 30 dagen vóór de peildatum, op die dag zelf, of later.",
    "date_diff('day', d, peildatum) < a":
        "Het aantal dagen van ‘Eerste dag’ tot de peildatum (onder nul als de peildatum eerder is) is minder dan ‘Aantal kinderen’.",
}  # fmt: skip


def first_lines(explanation: Explanation) -> str:
    """The condition only, without examples of dates."""
    lines = as_text(Explanation(explanation.lang, explanation.condition, ())).splitlines()
    return "\n".join(line for line in lines if "Voorbeeld" not in line)


def test_everything_the_language_allows_has_an_example() -> None:
    assert set(EXAMPLES) == set(_HANDLERS)


@pytest.mark.parametrize(("text", "said"), [*EXAMPLES.values(), *WORDS.items()])
def test_plain_words(text: str, said: str) -> None:
    predicate = parse_predicate(text, FIELDS)
    assert first_lines(explain(predicate, DECLARED, NL)) == said
    english = as_text(explain(predicate, DECLARED, "en"))
    assert not re.search(r"\b(peildatum|ligt|niet bekend|minstens|hoogstens|daarna)\b", english)


@pytest.mark.parametrize(
    ("text", "outcomes"),
    [
        ("a > 1", {"a": "never"}),
        ("e IS NULL OR e >= peildatum", {"e": "always"}),
        ("coalesce(e, DATE '9999-12-31') >= peildatum", {"e": "always"}),
        ("coalesce(a, 0) = 0 AND b > 1", {"a": "depends", "b": "never"}),
        ("s <> 'WW' OR a > 1", {"s": "depends", "a": "depends"}),
        ("a > 1 AND FALSE", {"a": "never"}),
        ("a > 1 OR TRUE", {"a": "always"}),
        ("a IS NULL AND b > 3 AND b < 4", {"a": "never", "b": "never"}),
        ("a IS NULL OR b > 3 OR b <= 3", {"a": "always", "b": "depends"}),
        ("(a > 1) IS NULL AND s LIKE 'AB%' AND s LIKE 'AC%'", {"a": "never", "s": "never"}),
        ("NOT (a > 1 AND f)", {"a": "depends", "f": "depends"}),
    ],
)
def test_what_an_unknown_value_does(text: str, outcomes: dict[str, str]) -> None:
    explanation = explain(parse_predicate(text, FIELDS), DECLARED, NL)
    assert {note.field: note.outcome for note in explanation.unknown} == outcomes


def test_depends_says_on_what() -> None:
    explanation = explain(parse_predicate("s <> 'WW' OR a > 1", FIELDS), DECLARED, NL)
    assert as_text(explanation) == (
        "Minstens één van deze punten is waar:\n"
        "  - ‘Soort’ is niet “WW”.\n"
        "  - ‘Aantal kinderen’ is meer dan 1.\n"
        "‘Soort’ (WW, WIA of ZW): is dit niet bekend, dan telt het record alleen mee als dit waar is:\n"
        "  - ‘Aantal kinderen’ is meer dan 1.\n"
        "‘Aantal kinderen’ (leeg zonder opgave): is dit niet bekend, dan telt het record alleen mee als dit waar is:\n"
        "  - ‘Soort’ is niet “WW”."
    )
    signal = explain(parse_predicate("b = 1", FIELDS), DECLARED, NL, use="signal")
    assert (
        signal.unknown[0].line.text
        == "Is ‘Aantal kamers’ niet bekend, dan krijgt het record dit signaal nooit."
    )


def test_deep_and_long_predicates_are_explained_in_time() -> None:
    deep = "f"
    for number in range(8):
        deep = (
            f"coalesce(({deep}) IS NULL, a = {number}, f)"
            if number % 2
            else f"coalesce({deep}, b = {number})"
        )
    long = " AND ".join(f"(a <> {n} OR c > {n} OR s LIKE '{n}%')" for n in range(45))
    for text in (deep, long):
        assert explain(parse_predicate(text, FIELDS), DECLARED, NL).unknown


def test_two_fields_of_one_meaning_are_told_apart() -> None:
    declared = {name: SourceField(type="integer", meaning="Huisnummer") for name in ("een", "twee")}
    predicate = parse_predicate("een = twee", dict.fromkeys(declared, FieldType.INTEGER))
    assert explain(predicate, declared, NL).condition.text == "‘Huisnummer’ (een) is ‘Huisnummer’ (twee)."


def test_markdown_keeps_signs_as_signs() -> None:
    shown = as_items(explain(parse_predicate("s = '<b>*x*' AND f", FIELDS), DECLARED, NL).lines)
    assert shown[1] == "  - ‘Soort’ is “\\<b\\>\\*x\\*”."


MONTHS = "januari februari maart april mei juni juli augustus september oktober november december".split()  # noqa: SIM905


def days_of(said: str) -> tuple[date, date]:
    """The range that a Dutch line gives."""
    found = [
        date(int(y), MONTHS.index(m) + 1, int(d)) for d, m, y in re.findall(r"(\d+) ([a-z]+) (\d{4})", said)
    ]
    if "of later" in said or "op of na" in said:
        return found[-1], date.max
    if "of eerder" in said or "op of vóór" in said:
        return date.min, found[-1]
    return found[-2] if "tot en met" in said else found[-1], found[-1]


BOUNDS = ["= {n}", "<= {n}", "< {n}", ">= {n}", "> {n}", "BETWEEN {n} AND 4", "BETWEEN -2 AND {n}"]


@pytest.mark.parametrize(
    "text",
    [
        f"date_diff('{unit}', {dates}) {bound.format(n=n)}"
        for unit, dates, bound, n in product(
            ("month", "year"),
            ("d, peildatum", "peildatum, d", f"d, DATE '{EXAMPLE_DATE}'"),
            BOUNDS,
            (-2, -1, 0, 1, 4),
        )
    ]
    + [
        f"date_diff('day', d, DATE '{EXAMPLE_DATE}') {bound.format(n=n)}"
        for bound, n in product(BOUNDS, (-2, 0, 4))
    ],
)
def test_calendar_periods_are_exactly_those_days(text: str) -> None:
    explanation = explain(parse_predicate(text, FIELDS), DECLARED, NL)
    line = explanation.condition
    said = line.lines[0].text.partition("is dat ")[2] if line.lines else line.text
    if str(EXAMPLE_DATE) in text:
        said = said.removeprefix("Voorbeeld: ")
    first, last = days_of(said)
    found = (
        duckdb.connect()
        .execute(
            f"SELECT min(d), max(d), count(*) FROM (SELECT unnest(generate_series(DATE '2010-01-01', DATE '2040-12-31', "
            f"INTERVAL 1 DAY))::DATE AS d, DATE '{EXAMPLE_DATE}' AS peildatum) WHERE {text}"
        )
        .fetchone()
    )
    assert found is not None
    low, high = max(first, date(2010, 1, 1)), min(last, date(2040, 12, 31))
    assert found == (low, high, (high - low).days + 1)


def rows(count: int) -> list[dict[str, object]]:
    chance = random.Random(20260715)
    return [{name: chance.choice(values) for name, values in VALUES.items()} for _ in range(count)]


ENGINE = Engine(rows(2500))


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(predicates())
def test_any_predicate_is_explained_and_unknown_values_do_what_it_says(text: str) -> None:
    predicate = parse_predicate(text, FIELDS)
    for lang in ("nl", "en"):
        explanation = explain(predicate, DECLARED, lang)
        shown = as_text(explanation)
        assert as_items(explanation.lines)
        for name in predicate.fields:
            first, _, rest = MEANINGS[name].partition("; " if ";" in MEANINGS[name] else ": ")
            assert f"‘{first}’" in shown
            assert rest in shown
    assert sorted(note.field for note in explanation.unknown) == list(predicate.fields)
    for note in explanation.unknown:
        unknown = f"{note.field} IS NULL"
        found = ENGINE.simplify(predicate, unknown)
        if note.outcome == "never":
            assert not found
        if note.outcome == "always":
            assert found == ENGINE.numbers(unknown)


@dataclass(frozen=True)
class Rule:
    text: str
    said: str


COLUMNS = {
    "partners": RuleColumn(),
    "uwv": RuleColumn("UWV"),
    "svb": RuleColumn("SVB"),
    "gemeente": RuleColumn("Gemeente Zandstad"),
    "gemeente_geen_opgave": RuleColumn("Gemeente Zandstad", "Geen inkomen opgegeven"),
    "uwv_records": RuleColumn("UWV", value="records"),
    "uwv_sinds_last": RuleColumn("UWV", value="last", of="Begindatum"),
}


@pytest.mark.parametrize(
    "rule",
    [
        Rule("partners >= 2", "De persoon komt voor bij minstens 2 organisaties."),
        Rule("partners = 1", "De persoon komt voor bij precies 1 organisatie."),
        Rule("partners < 3", "De persoon komt voor bij hoogstens 2 organisaties."),
        Rule(
            "partners <> 2", "Het aantal organisaties waar de persoon voorkomt is niet 2."
        ),
        Rule(
            "uwv OR svb",
            "De persoon komt voor bij minstens één van deze organisaties:\n  - UWV\n  - SVB",
        ),
        Rule("NOT uwv", "De persoon komt niet voor bij UWV."),
        Rule("gemeente_geen_opgave", "Gemeente Zandstad heeft dit signaal: ‘Geen inkomen opgegeven’."),
        Rule(
            "partners > 1 AND NOT (uwv AND gemeente_geen_opgave)",
            "Alle volgende punten zijn waar:\n"
            "  - De persoon komt voor bij minstens 2 organisaties.\n"
            "  - Minstens één van deze punten is waar:\n"
            "    - De persoon komt niet voor bij UWV.\n"
            "    - Gemeente Zandstad heeft dit signaal niet: ‘Geen inkomen opgegeven’.",
        ),
        Rule("uwv IS NULL", "Dit geldt voor geen enkel record."),
        Rule("uwv_records >= 2", "UWV heeft minstens 2 records van de persoon."),
        Rule("uwv_records < 2", "UWV heeft hoogstens 1 record van de persoon."),
        Rule(
            "uwv_records > partners",
            "Het aantal records van de persoon bij UWV is meer dan het aantal organisaties waar de persoon voorkomt.",
        ),
        Rule(
            "uwv_sinds_last >= DATE '2026-01-01'",
            "De laatste maand van ‘Begindatum’ bij UWV ligt op of na 1 januari 2026.\n"
            "Is de laatste maand van ‘Begindatum’ bij UWV niet bekend, dan is het nooit een casus.",
        ),
        Rule(
            "svb OR uwv_sinds_last < peildatum",
            "Minstens één van deze punten is waar:\n"
            "  - De persoon komt voor bij SVB.\n"
            "  - De laatste maand van ‘Begindatum’ bij UWV ligt vóór de peildatum.\n"
            "Is de laatste maand van ‘Begindatum’ bij UWV niet bekend, dan is het alleen een casus als dit waar is:\n"
            "  - De persoon komt voor bij SVB.",
        ),
    ],
    ids=lambda rule: rule.text,
)  # fmt: skip
def test_the_match_rule(rule: Rule) -> None:
    types = {name: column.type for name, column in COLUMNS.items()}
    explanation = explain_match_rule(parse_predicate(rule.text, types), COLUMNS, NL, Unit.PERSON)
    assert as_text(explanation) == rule.said


@pytest.mark.parametrize("config", ["samenloop", "wijk", "febrl4"])
def test_the_example_projects_are_explained_without_names_of_fields(config: str) -> None:
    draft = YAML(typ="safe").load((CONFIGS / config / "manifest.yaml").read_text())
    for partner in draft["partners"].values():
        for selection in partner["selections"]:
            declared = {name: SourceField(**field) for name, field in selection["fields"].items()}
            types = {name: field.type for name, field in declared.items()}
            for rule in selection["criteria"] + selection["signals"]:
                shown = as_text(explain(parse_predicate(rule["when"], types), declared, NL))
                unquoted = re.sub(r"‘[^’]*’|“[^”]*”|\([^)]*\):", "", shown)
                assert not re.search(r"_|\b(AND|OR|NOT|NULL|IN|LIKE|date_diff|coalesce)\b", unquoted)
