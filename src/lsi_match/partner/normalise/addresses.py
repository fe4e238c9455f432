"""An address, from its parts, as `POSTCODE|NUMBER|SUFFIX`; what is written behind a house number has one form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from lsi_match.manifest.identifiers import InvalidReason
from lsi_match.partner.normalise.lists import (
    in_words,
    placeholders,
    replace_phrases,
    words_of,
)
from lsi_match.partner.normalise.numbers import Recipe, says_unknown, trimmed

#: Separates the parts of a combined identifier; stands in no part.
PART_SEPARATOR = "|"

_WORDS = "house_number_words"
#: Starts of postcodes → what a `H` alone stands for there.
_H_IN = words_of(_WORDS, "postcode_of_h")
_PARTS = ("rest", "letter", "addition")
#: Behind a house letter that stands in a field of its own: it is no Roman number, and no `H` of huis.
_OWN = "~"
#: How a whole number looks in a register that keeps it as a decimal one.
_DECIMAL = r"^([0-9]+)[.,]0+$"
_HOUSE = r"^0*([1-9][0-9]{0,4})(?:[^0-9]|$)"
#: Signs that may go from what is behind a house number, beside white space.
_SIGNS = r"""\-–.,/\\'"()_:;"""
_STRANGE = rf"[^A-Z0-9\s{_SIGNS}]"


def postcode_of(text: pl.Expr) -> pl.Expr:
    """Four digits and two letters, or what stands there in upper case; white space goes, and `-` or `.` between the two."""
    written = trimmed(text).str.replace_all(r"\s", "")
    return written.str.replace("^([1-9][0-9]{3})[.-]([A-Z]{2})$", "${1}${2}")


def postcode_checks(postcode: pl.Expr) -> list[tuple[InvalidReason, pl.Expr]]:
    """What must not be true of what `postcode_of` makes."""
    return [
        (InvalidReason.UNKNOWN_VALUE, says_unknown(postcode) | postcode.is_in(placeholders("postcode"))),
        (InvalidReason.INCOMPLETE, postcode.str.contains("^[1-9][0-9]{3}$")),
        (InvalidReason.WRONG_SHAPE, ~postcode.str.contains("^[1-9][0-9]{3}[A-Z]{2}$")),
    ]


def house_number_of(text: pl.Expr) -> pl.Expr:
    """What stands in the field of the house number, from its first digit on: `nr. 12 A` and `12.0` are `12 A` and `12`."""
    before = "|".join(words_of(_WORDS, "before"))
    return trimmed(text).str.replace(rf"^(?:{before})[\s.:]*([0-9])", "${1}").str.replace(_DECIMAL, "${1}")


def house_number_checks(house: pl.Expr) -> list[tuple[InvalidReason, pl.Expr]]:
    """What must not be true of what `house_number_of` makes, with all that is behind it."""
    return [
        (InvalidReason.UNKNOWN_VALUE, says_unknown(house)),
        (InvalidReason.OTHER_SIGN, house.str.contains(_STRANGE)),
        (InvalidReason.WRONG_SHAPE, ~house.str.contains(_HOUSE)),
    ]


def digits_of_house(house: pl.Expr) -> pl.Expr:
    """The number at the start, 1 to 99999, without leading zeros."""
    return house.str.extract(_HOUSE, 1)


def address(fields: Sequence[str]) -> Recipe:
    """`POSTCODE|NUMBER|SUFFIX`; `suffixes` has made the column `suffix`."""
    postcode, house = postcode_of(pl.col(fields[0])), house_number_of(pl.col(fields[1]))
    behind = [pl.col(name).fill_null("").str.to_uppercase() for name in fields[2:]]
    there = pl.col("postcode").is_not_null() & pl.col("house").is_not_null()
    whole = pl.concat_str(
        ["postcode", digits_of_house(pl.col("house")), "suffix"], separator=PART_SEPARATOR, ignore_nulls=True
    )
    # What is wrong with the number first: it says more than a postcode that is not there.
    return {
        "postcode": postcode,
        "house": house,
        "all": pl.concat_str([house, *behind], ignore_nulls=True),
        "value": pl.when(there).then(whole),
    }, [
        *postcode_checks(pl.col("postcode")),
        (InvalidReason.UNKNOWN_VALUE, says_unknown(pl.col("house"))),
        (InvalidReason.OTHER_SIGN, pl.col("all").str.contains(_STRANGE)),
        (InvalidReason.WRONG_SHAPE, ~pl.col("house").str.contains(_HOUSE)),
    ]


def suffixes(frame: pl.DataFrame, fields: Sequence[str]) -> pl.DataFrame:
    """What follows the number, then letter, then addition, in one form; worked out once for every different one.

    Returns:
        `suffix`, and `way`: how it is written, where two ways may be two addresses of the BAG; null where only one field has
        it all. `letter` is a house letter in a field of its own, `addition` an addition that begins with a letter, `h` a `H` for
        huis, `number` one that begins with a digit; behind it how a number is written (`_written_number`).
    """
    house = house_number_of(pl.col(fields[1])).fill_null("")
    parts = {
        "rest": house.str.replace("^[0-9]+", ""),
        "letter": _written(pl.col(fields[2])) if len(fields) > 2 else pl.lit(""),
        "addition": _written(pl.col(fields[3])) if len(fields) > 3 else pl.lit(""),
        "h": _h_in(postcode_of(pl.col(fields[0]))),
    }
    texts = frame.select(**parts)
    made = texts.unique()
    made = made.with_columns(pl.col(name).pipe(_in_words).alias(f"{name} words") for name in _PARTS)
    rest, letter, addition = (pl.col(f"{name} words") for name in _PARTS)
    if len(fields) > 3:
        letter = letter.str.replace("^ ([A-Z]) $", f" ${{1}}{_OWN} ")
    forms = {
        "rest form": _form(rest),
        "letter form": _form(letter),
        "after form": _form(letter + addition),
        "whole form": _form(rest + letter + addition),
    }
    made = made.with_columns(**forms)
    # Some registers have `12A` as the number, and A as the letter too.
    again = (pl.col(name).str.replace(_OWN, "", literal=True) for name in ("letter form", "after form"))
    twice = pl.any_horizontal(pl.col("rest form") == one for one in again)
    form = pl.when(twice).then("after form").otherwise("whole form")
    suffix = pl.when(form == "H").then("h").otherwise(form.str.replace(_OWN, "", literal=True))
    own = form.str.contains(_OWN, literal=True)
    in_addition = (pl.col("letter") == "") & form.str.contains("^[A-Z]")
    huis = (form == "H") & (pl.col("h") != "H")
    where = pl.when(own).then(pl.lit("letter")).when(in_addition & huis).then(pl.lit("h"))
    where = (
        where.when(in_addition)
        .then(pl.lit("addition"))
        .when(form.str.contains("^[0-9]"))
        .then(pl.lit("number"))
    )
    whole = pl.concat_str(where, *_written_number(pl.col("addition words")), separator=" ")
    way = pl.when((own | (pl.col("rest") == "")) & (len(fields) > 3)).then(whole)
    made = made.select(*parts, suffix.alias("suffix"), way.alias("way"))
    return texts.join(made, on=list(parts), how="left", maintain_order="left").select("suffix", "way")


def _written_number(words: pl.Expr) -> Iterator[pl.Expr]:
    """How a number in an addition is written, that another may be as well: `2` is not surely `II`, `2HG`, `APP 2` or `02`."""
    for words_for in (_FLOORS, words_of(_WORDS, "before"), ("II", "III", "IV")):
        written = words.str.contains(rf" (?:{'|'.join(words_for)}) ")
        yield pl.when(written).then(pl.lit("x")).otherwise(pl.lit(""))
    yield (
        pl.when(words.str.contains(" 0[0-9]"))
        .then(words.str.replace_all("[^0-9]+", "-"))
        .otherwise(pl.lit(""))
    )


def _h_in(postcode: pl.Expr) -> pl.Expr:
    """What a `H` alone behind a house number stands for, by the postcode."""
    form = pl.lit("H")
    for start, instead in _H_IN.items():
        form = pl.when(postcode.str.starts_with(start)).then(pl.lit(instead)).otherwise(form)
    return form


def _written(text: pl.Expr) -> pl.Expr:
    """A letter or addition; of a whole number that is kept as a decimal one the whole number."""
    return text.fill_null("").str.strip_chars().str.to_uppercase().str.replace(_DECIMAL, "${1}")


#: `b.g.` and `t/o` are one word, and `Abis` is a letter and a word.
_LONG = "|".join(word for word in words_of(_WORDS, "word") if len(word) > 1 and " " not in word)
_ONE_WORD = (
    ("(^|[^A-Z])([A-Z])[./]([A-Z])[./]([A-Z])([^A-Z]|$)", "${1}${2}${3}${4}${5}"),
    ("(^|[^A-Z])([A-Z])[./]([A-Z])([^A-Z]|$)", "${1}${2}${3}${4}"),
)
_TWO_WORDS = ((f" ([A-Z])({_LONG}) ", " ${1}  ${2} "), (f" ({_LONG})([A-Z]) ", " ${1}  ${2} "))


def _in_words(text: pl.Expr) -> pl.Expr:
    """`in_words`, and nothing where the whole says that there is none."""
    nothing = text.str.replace_all(r"[\s.]", "").is_in(list(words_of(_WORDS, "nothing")))
    for pattern, instead in _ONE_WORD:
        text = text.str.replace_all(pattern, instead)
    words = in_words(text)
    for pattern, instead in _TWO_WORDS:
        words = words.str.replace_all(pattern, instead)
    return pl.when(nothing).then(pl.lit("")).otherwise(words)


_FLOORS = words_of(_WORDS, "floor")
_RANKS = words_of(_WORDS, "rank")
_ORDINALS = "|".join(words_of(_WORDS, "ordinal"))
_BEFORE = "|".join(words_of(_WORDS, "before"))
#: After the words: floors are `^`. In this order.
_RULES = (
    (r"( \^ )+", " ^ "),
    (rf" ([0-9]+)  (?:{_ORDINALS})  \^ ", " ${1}  ^ "),
    *((rf" {rank}  \^ ", f" {number}  ^ ") for rank, number in _RANKS.items()),
    *((rf"^ {rank} $", f" {number} ") for rank, number in _RANKS.items() if rank in ("II", "III", "IV")),
    (r" ([0-9]+)  \^ ", " ${1} "),
    (r" \^  ([0-9]+) ", " ${1} "),
    (r" \^ ", " HG "),
    (rf" (?:{_BEFORE})  ([0-9]+) ", " ${1} "),
    (r" 0+([0-9]+) ", " ${1} "),
    # Two numbers stay apart: 1-11 is not 11-1. Twice, since what was found is passed over.
    *[(r"([0-9])  ([0-9])", "${1}-${2}")] * 2,
    (" ", ""),
)


def _form(words: pl.Expr) -> pl.Expr:
    """The one form of what is written behind a house number, from its words."""
    form = replace_phrases(words, {**words_of(_WORDS, "word"), **dict.fromkeys(_FLOORS, "^")})
    for pattern, instead in _RULES:
        form = form.str.replace_all(pattern, instead)
    return form
