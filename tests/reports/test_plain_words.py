"""Advice on words: what is hard is told with its sentence, what is plain is not."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from lsi_match.base.catalogue import catalogue
from lsi_match.base.yaml_positions import read_yaml
from lsi_match.reports import plain_words, public
from lsi_match.reports.plain_words import advice, flesch_douma

ROOT = Path(__file__).parents[2]
LONG = "Dit is een zin die maar doorgaat en doorgaat met steeds nog een woord en nog een woord erbij tot hij te lang is."


def test_a_long_sentence_and_a_word_of_officials_are_told_with_the_sentence() -> None:
    plain = "Wij kijken naar uw brief. U hoort snel van ons."
    (first, *_) = advice({"rights": f"{plain} {LONG}"}, "nl")
    assert first == f"rights: een zin van 24 woorden: “{LONG}”"
    assert advice({"rights": plain}, "nl") == []
    told = advice({"why": "Wij doen dit teneinde u te helpen. Ja."}, "en")
    assert told == ["why: “teneinde” → “om”: “Wij doen dit teneinde u te helpen.”"]
    assert not [one for one in advice({"x": "De eindtijd staat vast."}, "nl") if "→" in one], "whole words"


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("", 100, 100),
        ("De kat zit op de mat.", 100, 125),
        ("Uitvoeringsorganisaties verantwoorden gegevensverwerkingsactiviteiten.", -400, 0),
    ],
)
def test_short_words_and_sentences_read_easily(text: str, least: int, most: int) -> None:
    assert least <= flesch_douma(text) <= most


@pytest.mark.parametrize(
    ("word", "syllables"),
    [("zee", 1), ("zeeën", 2), ("mooi", 1), ("ruit", 1), ("beantwoorden", 4), ("aaien", 2)],
)
def test_syllables_are_counted_as_they_sound(word: str, syllables: int) -> None:
    assert flesch_douma(word) == pytest.approx(206.84 - 77 * syllables - 0.93)


def test_the_public_texts_of_the_examples_and_of_the_pages_are_plain() -> None:
    for project in ("samenloop", "wijk"):
        sheet = read_yaml((ROOT / "configs" / project / "publication.yaml").read_text(), "publication.yaml")
        texts = {"rights": sheet["rights"], **sheet["shared"]}
        assert advice(texts, "nl") == []
    pages = tomllib.loads(Path(public.__file__).with_name("texts.toml").read_text("utf-8"))
    said = {name: one["nl"].replace("{", "").replace("}", "") for name, one in pages.items()}
    assert (
        advice(
            {
                name: one
                for name, one in said.items()
                if len(re.findall(r"[.?]", one)) > 1 and not name.endswith("_did")
            },
            "nl",
        )
        == []
    )
    assert all(word == word.lower() for word in catalogue(plain_words._WORDS))
