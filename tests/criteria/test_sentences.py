"""What is read is what is done: the sentence of a predicate, read back, passes the same records, and has one reading."""

from __future__ import annotations

import os
import random

import pytest
from criteria.predicates import FIELDS, VALUES, Engine, predicates
from criteria.sentences import read
from criteria.test_compare import mutated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lsi_match.base.errors import Language
from lsi_match.criteria.explain import Explanation, as_text, explain
from lsi_match.criteria.parse import CriterionError, FieldType, Predicate, parse_predicate
from lsi_match.manifest import SourceField

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")
EXAMPLES = int(os.environ.get("LSI_MATCH_SENTENCES", "300"))
LANGUAGES: tuple[Language, ...] = ("nl", "en")

#: Meanings that look like sentences, and two that read alike.
MEANINGS = {
    "a": "Aantal; leeg zonder opgave",
    "b": "AantaI",
    "c": "Bedrag ‘per maand’ in euro",
    "d": "Dag’ ligt na ‘Dag",
    "e": "de peildatum",
    "s": "Soort is “WW” of iets anders dan",
    "t": "Tekst (of, als dat niet bekend is",
    "f": "is bekend",
}
DECLARED = {name: SourceField(type=kind, meaning=MEANINGS[name]) for name, kind in FIELDS.items()}
#: How a reader sees the fields called.
NAMES: dict[str, tuple[str, FieldType]] = {
    "‘Aantal’ (a)": ("a", FieldType.INTEGER),
    "‘AantaI’ (b)": ("b", FieldType.INTEGER),
    "‘Bedrag 'per maand' in euro’": ("c", FieldType.DECIMAL),
    "‘Dag' ligt na 'Dag’": ("d", FieldType.DATE),
    "‘de peildatum’": ("e", FieldType.DATE),
    '‘Soort is "WW" of iets anders dan’': ("s", FieldType.TEXT),
    "‘Tekst (of, als dat niet bekend is’": ("t", FieldType.TEXT),
    "‘is bekend’": ("f", FieldType.BOOLEAN),
}
#: Texts that look like the words around them, or like each other.
ODD = (
    "AOW” of “Anw", "AOW", "Anw", "WW\u3164", "W\u00a0W", "W W", "W  W", " W", "W ", "О", "O", "’s", "'s", "⟨U+3164⟩", "\u3164",
    "x (hoofdletters maken niet uit)", "a, b", "Zoe\u0308", "\ufe0fWW", "W\u034fW", "\u2800", '"', "``", "W–W", "W-W", "ı", "ſ",
)  # fmt: skip


def shown(predicate: Predicate, lang: Language) -> str:
    """The sentence, as the statement and the explanation have it."""
    explained = explain(predicate, DECLARED, lang)
    return as_text(Explanation(lang, explained.condition, ()))


def rows(count: int) -> list[dict[str, object]]:
    chance = random.Random(29112026)
    texts = (*VALUES["s"], *ODD)
    values = {**VALUES, "s": texts, "t": texts}
    return [{name: chance.choice(some) for name, some in values.items()} for _ in range(count)]


ENGINE = Engine(rows(1500))


def check(predicate: Predicate) -> None:
    passing = ENGINE.simplify(predicate)
    for lang in LANGUAGES:
        sentence = shown(predicate, lang)
        readings = read(sentence, lang, NAMES)
        assert readings, f"nobody can read: {sentence}"
        for reading in readings:
            assert ENGINE.numbers(reading) == passing, f"{sentence}\nread as {reading}"


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize(
    "form",
    ["s = {}", "s <> {}", "s IN ({}, 'x')", "s NOT IN ('AOW', {})", "coalesce(s, {}) = t", "lower(s) = {}"],
)
def test_an_odd_text_reads_as_itself(text: str, form: str) -> None:
    check(parse_predicate(form.format("'" + text.replace("'", "''") + "'"), FIELDS))


@pytest.mark.parametrize("text", [text for text in ODD if not set(text) & set("%_")])
@pytest.mark.parametrize("form", ["{}%", "%{}", "%{}%", "_{}%", "W%{}_"])
def test_an_odd_pattern_reads_as_itself(text: str, form: str) -> None:
    check(parse_predicate(f"s LIKE '{form.format(text.replace(chr(39), chr(39) * 2))}'", FIELDS))


@pytest.mark.parametrize(
    "text",
    [
        "a = 12000", "a <> 2026", "c >= 1234567.5", "c < 0.05", "c = 10000", "a BETWEEN -20000 AND 12500", "c IN (0.5, 2, 15000)",
        "a NOT IN (1, 1000000)", "-1.5 = -(coalesce(a, -1.5))", "f = (s LIKE '%')", "c * 12 < 1200000", "a > -1.25", "d < DATE '0987-03-01'",
        "d BETWEEN DATE '2026-01-01' AND peildatum",
    ],
)  # fmt: skip
def test_a_number_or_day_reads_as_itself(text: str) -> None:
    check(parse_predicate(text, FIELDS))


def test_a_quote_inside_a_text_does_not_end_it() -> None:
    """Seen: one criterion that leaves out a strange text read as one that leaves out two."""
    one, two = (parse_predicate(text, FIELDS) for text in ("s <> 'AOW” of “Anw'", "s NOT IN ('AOW', 'Anw')"))
    for lang in LANGUAGES:
        assert shown(one, lang) != shown(two, lang)
        assert "”" not in shown(one, lang).replace("”.", "")


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(predicates())
def test_a_sentence_reads_back_into_what_it_says(text: str) -> None:
    check(parse_predicate(text, FIELDS))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(predicates(), predicates(max_leaves=2), st.integers(0, 2**32))
def test_predicates_that_differ_in_meaning_differ_in_words(text: str, other: str, seed: int) -> None:
    chance = random.Random(seed)
    one = parse_predicate(text, FIELDS)
    for changed in [other, *(mutated(text, other, chance) for _ in range(3))]:
        try:
            two = parse_predicate(changed, FIELDS)
        except CriterionError:
            continue
        if ENGINE.simplify(one) != ENGINE.simplify(two):
            for lang in LANGUAGES:
                assert shown(one, lang) != shown(two, lang)
