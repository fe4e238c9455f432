"""The lists of the normal forms, read from `data/`: one line each, with its source. They are part of the protocol (docs/protocol.md
section 2): a line more or less makes other pseudonyms.

    letters.csv              letters that are no letter with a mark → letters A–Z
    house_number_words.csv   what is written behind a house number → the form of it
    street_words.csv         words in street names, and their endings → the short form
    call_names.csv           call names and other forms of given names → one of the names that they stand for
    place_names.csv          other names of places → the name in the BAG
    placeholders.csv         field → values that stand for unknown
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

import polars as pl

from lsi_match.base.canonical import canonical_json, digest_of_bytes

_DATA = files("lsi_match.partner.normalise").joinpath("data")


@cache
def rows_of(table: str) -> list[dict[str, str]]:
    """The lines of a table, by column."""
    return list(csv.DictReader(_DATA.joinpath(f"{table}.csv").read_text("utf-8").splitlines()))


@cache
def version_of_lists() -> str:
    """The digest of all tables together: equal lists have equal digests."""
    tables = sorted(
        (file for file in _DATA.iterdir() if file.name.endswith(".csv")), key=lambda file: file.name
    )
    return digest_of_bytes(canonical_json({file.name: digest_of_bytes(file.read_bytes()) for file in tables}))


@cache
def placeholders(field: str) -> list[str]:
    """The values of `field` that stand for unknown."""
    return [row["value"] for row in rows_of("placeholders") if row["field"] == field]


def words_of(table: str, kind: str) -> dict[str, str]:
    """What is written → its form, of the lines of a kind."""
    return {row["written"]: row["form"] for row in rows_of(table) if row["kind"] == kind}


# Words between spaces of their own: ` 2  HOOG `, so that a phrase is found by its text alone.


def in_words(text: pl.Expr) -> pl.Expr:
    """Each run of letters A–Z and each run of digits 0–9 with a space on either side; all else goes."""
    return (
        text.str.replace_all("[^A-Z0-9]+", "-")
        .str.replace_all("([A-Z]+|[0-9]+)", " $1 ")
        .str.replace_all("-", "", literal=True)
    )


def as_words(phrase: str) -> str:
    """The same of `HOOG` or `BEGANE GROND`, words with a space between."""
    return "".join(f" {word} " for word in phrase.split())


def replace_phrases(words: pl.Expr, forms: dict[str, str]) -> pl.Expr:
    """Phrases in words by their forms, from left to right, the longest first."""
    longest_first = sorted(forms, key=lambda phrase: (-len(as_words(phrase)), phrase))
    return words.str.replace_many(
        [as_words(phrase) for phrase in longest_first],
        [as_words(forms[phrase]) for phrase in longest_first],
        leftmost=True,
    )
