"""Advice on Dutch texts for people: long sentences, how readable a text is, words of officials. Pure.

It is a floor that a program can check, no proof of level B1: a text can pass and be hard to read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from lsi_match.base.catalogue import catalogue
from lsi_match.base.errors import Language, problem

LONGEST, MEAN, READABLE = 20, 12, 65
_WORDS = Path(__file__).with_name("plain_words.toml")
_SENTENCE = re.compile(r"(?<=[.!?:])\s+|\n+")
_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
#: A syllable of Dutch has one sound of vowels: these letters together are one, other vowels beside each other are more.
_VOWELS = re.compile(
    r"aai|eeuw|ieuw|ooi|oei|aa|ee|oo|uu|ij|ei|ui|ie|oe|eu|ou|au|[aeiouyàáâäèéêëìíîïòóôöùúûü]"
)


def advice(texts: Mapping[str, str], lang: Language) -> list[str]:
    """What could be plainer, by the name of each text, with the sentence or the word.

    Flesch-Douma: 206.84 - 77 syllables per word - 0.93 words per sentence (Douma 1960); 65 or more reads easily.
    """
    return [
        f"{name}: {nl if lang == 'nl' else en}" for name, text in texts.items() for nl, en in _of_text(text)
    ]


def flesch_douma(text: str) -> float:
    """How readable a text is, from about 0 to 100; of one without words, 100."""
    sentences = [found for one in _SENTENCE.split(text) if (found := _WORD.findall(one))]
    words = [word for sentence in sentences for word in sentence]
    if not words:
        return 100.0
    syllables = sum(max(1, len(_VOWELS.findall(word.lower()))) for word in words)
    return 206.84 - 77 * syllables / len(words) - 0.93 * len(words) / len(sentences)


def _of_text(text: str) -> Iterator[tuple[str, str]]:
    lengths = []
    for sentence in filter(None, map(str.strip, _SENTENCE.split(text))):
        words = _WORD.findall(sentence)
        lengths += [len(words)] * bool(words)
        if len(words) > LONGEST:
            yield problem("reports.long_sentence", words=len(words), sentence=sentence)
        for word in dict.fromkeys(map(str.lower, words)):
            if word in catalogue(_WORDS):
                yield (f"“{word}” → “{catalogue(_WORDS)[word]}”: “{sentence}”",) * 2
    if lengths and sum(lengths) / len(lengths) > MEAN:
        yield problem("reports.long_on_average", mean=round(sum(lengths) / len(lengths)))
    if (score := flesch_douma(text)) < READABLE:
        yield problem("reports.not_readable", score=f"{score:.0f}", least=READABLE)
