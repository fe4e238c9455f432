"""The parts of person keys, made of names, birth dates and addresses, and the keys made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from functools import cache
from typing import Any, Final

import numpy as np
import polars as pl

from lsi_match.manifest.identifiers import InvalidReason
from lsi_match.manifest.person_keys import PERSON_KEYS
from lsi_match.partner.normalise import addresses, lists

#: Columns to work out, by name.
Parts = dict[str, pl.Expr]
#: Which values of a kind stand at more records than the kind can have, of so many hashes (0: no value); None while unknown.
Crowd = Callable[[str, np.ndarray], np.ndarray | None]

_PARTICLES = "VAN|DER|DEN|DE|HET|'T|'S|TEN|TER|TE|OP|IN|UIT|AAN|BY|VOOR|ONDER|OVER|TOT|VD|VON|ZU|DI|DA|DOS|DU|LA|LE|LES|EL|AL"
_APOSTROPHES = ["’", "‘", "ʼ", "ʻ", "ʿ", "ʾ", "`", "´"]
_LETTERS = {row["letter"]: row["latin"] for row in lists.rows_of("letters")}
#: Signs that may go from a name, a street or a place, beside white space: hyphens, stops, brackets, and what is not to be seen.
_SIGNS = "\\-\u2010-\u2014.,/'\"()\u00b7\u00ad\u200b-\u200d\u2060\ufeff"
#: Nobody was born longer before the reference date.
OLDEST: Final = 120


def _folded(text: pl.Expr) -> pl.Expr:
    """Upper case, letters without marks or as the list has them, ij and ÿ as y; all other signs kept. Null when
    there is no letter or digit."""
    upper = pl.when(text.str.contains(r"[\p{L}\p{N}]")).then(text.str.to_uppercase())
    plain = upper.str.replace_many(_APOSTROPHES, ["'"]).str.normalize("NFKD").str.replace_all(r"\p{M}", "")
    return plain.str.replace_many([*_LETTERS, "IJ"], [*_LETTERS.values(), "Y"])


def _letters(folded: pl.Expr) -> pl.Expr:
    return folded.str.replace_all("[^A-Z]", "")


def _listed(field: str) -> list[str]:
    """The placeholders of a field, folded as the texts are."""
    values = pl.Series("text", lists.placeholders(field), dtype=pl.String).to_frame()
    return values.select(_letters(_folded(pl.col("text")))).to_series().to_list()


def _bare(folded: pl.Expr) -> pl.Expr:
    """The words of a name without its tussenvoegsels, wherever these stand."""
    plain = folded.str.replace_all("V/D", "VD", literal=True).str.replace_all(".", "", literal=True)
    bare = plain.str.replace_all(rf"(^|[\s,\-])(?:(?:{_PARTICLES})[\s,\-]+)+", " ")
    return bare.str.replace_all(rf"[\s,\-]+(?:{_PARTICLES})$", "")


def _name(folded: pl.Expr) -> pl.Expr:
    """Letters A–Z of a name without its tussenvoegsels; with them where nothing else is there."""
    bare = _letters(_bare(folded))
    return pl.when(bare == "").then(_letters(folded)).otherwise(bare)


#: The ways to write a date, or what is known of it: whole (a database puts a time behind it), year and month, year.
_TIME = r"(?:[ T][0-9]{2}:[0-9]{2}[0-9:.+Z\-]*)?$"
_DATES = (
    r"^(?<y>[0-9]{4})[-/]?(?<m>[0-9]{2})[-/]?(?<d>[0-9]{2})" + _TIME,
    r"^(?<d>[0-9]{1,2})[-/.](?<m>[0-9]{1,2})[-/.](?<y>[0-9]{4})" + _TIME,
    r"^(?<d>)(?<y>[0-9]{4})[-/](?<m>[0-9]{2})$",
    r"^(?<d>)(?<m>[0-9]{1,2})[-/.](?<y>[0-9]{4})$",
    r"^(?<d>)(?<m>)(?<y>[0-9]{4})$",
)


def _birth(text: pl.Expr) -> Parts:
    """Year, and the two others as written in day-month order; 0 for what is unknown or not there."""
    clean = text.str.strip_chars()
    found = [clean.str.extract_groups(pattern).struct for pattern in _DATES]
    year, month, day = (
        pl.coalesce(pl.when(one.field(part) != "").then(one.field(part)) for one in found).cast(
            pl.Int32, strict=False
        )
        for part in "ymd"
    )
    return {"y": year, "m": month.fill_null(0), "d": day.fill_null(0)}


def _birth_reason(reference_date: date | None) -> pl.Expr:
    """Why a birth date is of no use: no date, one that stands for unknown, or impossible on the reference date."""
    text, y, m, d = (pl.col(name) for name in ("text", "y", "m", "d"))
    number = y * 10_000 + m * 100 + d
    unknown = [int(value.replace("-", "")) for value in lists.placeholders("birth_date")]
    reason = (
        _reason(text, InvalidReason.UNKNOWN_VALUE, _letters(_folded(text)).is_in(_listed("word")))
        .when(number.is_in(unknown) | ((y == 1900) & (m <= 1) & (d <= 1)))
        .then(pl.lit(InvalidReason.UNKNOWN_VALUE.value))
        .when(y.is_null() | ~y.is_between(1850, 2100) | (m > 12) | (d > 31))
        .then(pl.lit(InvalidReason.WRONG_SHAPE.value))
    )
    if reference_date is not None:
        at = reference_date.year * 10_000 + reference_date.month * 100 + reference_date.day
        impossible = (number > at) | (y < reference_date.year - OLDEST)
        reason = reason.when(impossible).then(pl.lit(InvalidReason.IMPLAUSIBLE.value))
    judged: pl.Expr = reason.otherwise(None)
    return judged


def _reason(text: pl.Expr, name: InvalidReason, failed: pl.Expr) -> Any:
    """The start of a chain: missing, or the first check."""
    missing = text.is_null() | ~text.str.contains(r"[\p{L}\p{N}]")
    return pl.when(missing).then(pl.lit(InvalidReason.MISSING.value)).when(failed).then(pl.lit(name.value))


#: How letters that sound alike in Dutch, or are written in two ways in names from elsewhere, become one; in this
#: order. Vowels go afterwards, but for the first letter (after Soundex, R. Russell, US patent 1,261,167, 1918,
#: with the classes of Dutch instead of English).
_SOUNDS = (
    (("SCH", "SJ", "SH"), "S"),
    (("TSCH", "TCH", "CZ", "TJ"), "S"),
    (("CH", "GH", "KH"), "G"),
    (("PH",), "F"),
    (("DT", "TH", "DH"), "T"),
    (("CK", "QU", "CQ"), "K"),
    (("CE", "CI", "CY"), "S"),
    (("X",), "KS"),
    (("C", "Q"), "K"),
    (("D",), "T"),
    (("V", "W"), "F"),
    (("Z",), "S"),
    (("B",), "P"),
    (("M",), "N"),
)


def _sound(letters: pl.Expr) -> pl.Expr:
    """How a name of letters A–Z sounds, roughly: its first letter's class and its consonants, doubles once."""
    for many, after in _SOUNDS:
        letters = letters.str.replace_many(list(many), [after] * len(many))
    first = letters.str.slice(0, 1).str.replace("[AEIOUYJH]", "A")
    code = first + letters.str.slice(1).str.replace_all("[AEIOUYJH]", "")
    twice = [letter * 2 for letter in "FGKLNPRST"]
    code = code.str.replace_many(twice, list("FGKLNPRST"))
    return pl.when(code.str.len_bytes() > 1).then(code)


def _each_once(texts: pl.Series, *strokes: Parts) -> pl.DataFrame:
    """Columns made of `text`, stroke by stroke, worked out once for every different text: names, dates and
    streets return so often that this is several times faster."""
    frame = texts.alias("text").to_frame()
    made = frame.unique()
    for stroke in strokes:
        made = made.with_columns(**stroke)
    return frame.join(made, on="text", how="left", nulls_equal=True, maintain_order="left").drop("text")


def _judge(text: pl.Expr, *checks: tuple[InvalidReason, pl.Expr]) -> pl.Expr:
    """Missing, or the first of the checks that is true; null for a text that is of use."""
    reason = _reason(text, *checks[0])
    for name, failed in checks[1:]:
        reason = reason.when(failed).then(pl.lit(name.value))
    judged: pl.Expr = reason.otherwise(None)
    return judged


def _of_use(part: pl.Expr) -> pl.Expr:
    return pl.when(pl.col("reason").is_null()).then(part)


def _name_strokes() -> tuple[Parts, ...]:
    text, folded, name = pl.col("text"), pl.col("folded"), pl.col("name")
    reason = _judge(
        text,
        (InvalidReason.OTHER_SIGN, folded.str.contains(rf"[^A-Z\s{_SIGNS}]")),
        (InvalidReason.UNKNOWN_VALUE, name.is_in(_listed("name")) | name.str.contains("^X+$")),
        (InvalidReason.MISSING, name == ""),
    )
    whole = pl.when(name.str.len_bytes() > 1).then(name)
    return (
        {"folded": _folded(text)},
        {"name": _name(folded)},
        {"reason": reason},
        {"name": _of_use(name)},
        {
            "name": whole,
            "initial": name.str.slice(0, 1),
            "letters": whole.str.slice(0, 3),
            "end": whole.str.slice(-3),
            "sound": _sound(whole),
            "call": _known_as(whole, "name"),
            "other_call": _known_as(whole, "also"),
            "head": _word(r"^[\s,\-]*([^\s,\-]+)", whole).str.slice(0, 5),
            "tail": _word(r"([^\s,\-]+)[\s,\-]*$", whole).str.slice(-5),
        },
    )


def _known_as(name: pl.Expr, which: str) -> pl.Expr:
    names = _call_names(which)
    return name.replace(list(names), list(names.values()))


def _word(pattern: str, whole: pl.Expr) -> pl.Expr:
    """The letters of one word of a name without tussenvoegsels, as either half of a double name; the whole name where these are
    fewer than two."""
    word = _letters(_bare(pl.col("folded")).str.extract(pattern))
    return pl.when(whole.is_not_null()).then(pl.when(word.str.len_bytes() > 1).then(word).otherwise(whole))


@cache
def _call_names(which: str) -> dict[str, str]:
    """Call name, or another form of a name → a name that it stands for, both as letters: the first, or the other one (`also`)
    where there are two."""
    rows = pl.DataFrame(lists.rows_of("call_names"))
    name = pl.when(pl.col(which) != "").then(which).otherwise("name")
    return dict(rows.select(_letters(_folded(one)) for one in (pl.col("written"), name)).rows())


def _birth_strokes(reference_date: date | None) -> tuple[Parts, ...]:
    y, m, d = pl.col("y"), pl.col("m"), pl.col("d")
    two = [part.cast(pl.String).str.zfill(2) for part in (pl.min_horizontal(m, d), pl.max_horizontal(m, d))]
    days = pl.when(d.is_not_null()).then(pl.concat_str(two))
    return (
        _birth(pl.col("text")),
        {"reason": _birth_reason(reference_date)},
        {
            "y": _of_use(y),
            "m": _of_use(pl.when(m > 0).then(m)),
            "d": _of_use(pl.when((m > 0) & (d > 0)).then(d)),
        },
        {
            "birth": pl.concat_str([y.cast(pl.String), days]),
            "birth_year": y.cast(pl.String),
            "birth_year_month": pl.concat_str([y, m], separator="-"),
            "birth_day": days,
        },
    )


def _postcode_strokes() -> tuple[Parts, ...]:
    postcode = pl.col("postcode")
    return (
        {"postcode": addresses.postcode_of(pl.col("text"))},
        {"reason": _judge(pl.col("text"), *addresses.postcode_checks(postcode))},
        {"postcode": _of_use(postcode)},
    )


def _house_strokes() -> tuple[Parts, ...]:
    house = pl.col("house")
    return (
        {"house": addresses.house_number_of(pl.col("text"))},
        {"reason": _judge(pl.col("text"), *addresses.house_number_checks(house))},
        {"house": _of_use(addresses.digits_of_house(house))},
    )


_STREET = {**lists.words_of("street_words", "word")}
_ENDINGS = lists.words_of("street_words", "ending")
_STREET_ORDINALS = "|".join(lists.words_of("street_words", "ordinal"))
#: Words between words in names of places: `a/d` is `aan den`.
_BETWEEN = dict.fromkeys(("AAN DEN", "AAN DE", "AAN HET", "A D"), "AD")


def _ascii_folded(phrases: dict[str, str]) -> dict[str, str]:
    return {written.replace("IJ", "Y"): form.replace("IJ", "Y") for written, form in phrases.items()}


def _street_strokes() -> tuple[Parts, ...]:
    folded, words, street = pl.col("folded"), pl.col("words"), pl.col("street")
    endings = _ascii_folded(_ENDINGS)
    short = lists.replace_phrases(words, _ascii_folded(_STREET)).str.replace_many(
        [f"{ending} " for ending in sorted(endings, key=len, reverse=True)],
        [f"{endings[ending]} " for ending in sorted(endings, key=len, reverse=True)],
        leftmost=True,
    )
    short = short.str.replace_all(f" ([0-9]+)  (?:{_STREET_ORDINALS}) ", " ${1}  E ").str.replace_all(" ", "")
    box = pl.any_horizontal(
        words.str.starts_with(lists.as_words(one)) for one in lists.placeholders("po_box")
    )
    unknown = _letters(folded).is_in([*_listed("street"), *_listed("word")])
    return (
        {"folded": _folded(pl.col("text"))},
        {"words": lists.in_words(folded)},
        {
            "reason": _judge(
                pl.col("text"),
                (InvalidReason.OTHER_SIGN, folded.str.contains(rf"[^A-Z0-9\s&+{_SIGNS}]")),
                (InvalidReason.PO_BOX, box),
                (InvalidReason.UNKNOWN_VALUE, unknown | words.str.contains("^ X+ $")),
                (InvalidReason.WRONG_SHAPE, ~words.str.contains("[A-Z]")),
            ),
            "street": short,
        },
        {"street": _of_use(street)},
        {"street_letters": pl.when(street.str.len_bytes() >= 4).then(street.str.slice(0, 6))},
    )


def _place_words(folded: pl.Expr) -> pl.Expr:
    return lists.replace_phrases(lists.in_words(folded), _BETWEEN).str.replace_all(" ", "")


def _place_names() -> dict[str, str]:
    """Other name → name, both as `_place_words`."""
    rows = pl.DataFrame(lists.rows_of("place_names"))
    made = rows.select(_place_words(_folded(pl.col(name))) for name in ("written", "name"))
    return dict(made.rows())


def _place_strokes() -> tuple[Parts, ...]:
    folded, place, others = pl.col("folded"), pl.col("place"), _place_names()
    unknown = place.is_in([*_listed("place"), *_listed("word")]) | place.str.contains("^X+$")
    return (
        {"folded": _folded(pl.col("text"))},
        {"place": _place_words(folded)},
        {
            "reason": _judge(
                pl.col("text"),
                (InvalidReason.OTHER_SIGN, folded.str.contains(rf"[^A-Z0-9\s&+{_SIGNS}]")),
                (InvalidReason.UNKNOWN_VALUE, unknown),
                (InvalidReason.WRONG_SHAPE, ~place.str.contains("[A-Z]")),
            )
        },
        {"place": _of_use(place.replace(list(others), list(others.values())))},
    )


def _person_parts(
    frame: pl.DataFrame, fields: dict[str, str], reference_date: date | None, crowds: Crowd
) -> pl.DataFrame:
    """Every part of `FIELDS_OF`, null where the fields do not give it, and `<field> reason`, null where a field is of use."""

    def column(name: str) -> pl.Series:
        nothing = pl.Series([None], dtype=pl.String).new_from_index(0, len(frame))
        return frame.get_column(fields[name]) if name in fields else nothing

    def made(field: str, *strokes: Parts) -> pl.DataFrame:
        return _each_once(column(field), *strokes).rename({"reason": f"{field} reason"})

    parts = pl.concat(
        [
            *(
                made(name, *_name_strokes()).select(
                    pl.exclude("folded", f"{name} reason").name.prefix(f"{name.removesuffix('_name')}_"),
                    f"{name} reason",
                )
                for name in ("given_name", "surname")
            ),
            made("birth_date", *_birth_strokes(reference_date)).drop("y", "m", "d"),
            made("postcode", *_postcode_strokes()),
            made("house_number", *_house_strokes()),
            made("street", *_street_strokes()).drop("folded", "words"),
            made("place", *_place_strokes()).drop("folded"),
        ],
        how="horizontal",
    )
    # A box is no home: the postcode and the number are those of the box.
    boxed = pl.col("street reason") == InvalidReason.PO_BOX.value
    parts = parts.with_columns(
        *(pl.when(boxed).then(None).otherwise(part).alias(part) for part in ("postcode", "house")),
        *(
            pl.when(boxed & pl.col(f"{field} reason").is_null())
            .then(pl.lit(InvalidReason.PO_BOX.value))
            .otherwise(f"{field} reason")
            .alias(f"{field} reason")
            for field in ("postcode", "house_number")
        ),
    )

    def ordered(kind: str) -> tuple[pl.Expr, pl.Expr]:
        """Both names' `kind` in alphabetical order. With one name missing it is unknown which of the two is here,
        and a lone name must not stand for both."""
        both = f"given_{kind}", f"surname_{kind}"
        there = pl.all_horizontal(pl.col(name).is_not_null() for name in both)
        return tuple(pl.when(there).then(end(*both)) for end in (pl.min_horizontal, pl.max_horizontal))  # type: ignore[return-value]

    parts = _without_crowds(parts, crowds)
    first, last = ordered("name")
    first_letters, last_letters = ordered("letters")
    first_sound, last_sound = ordered("sound")
    return parts.with_columns(
        names=pl.concat_str([first, last], separator="+"),
        first_letters=first_letters,
        last_letters=last_letters,
        first_sound=first_sound,
        last_sound=last_sound,
    )


_IS_FIRST = pl.col("birth").str.ends_with("0101")
#: Kind of crowd → the value that is counted, how the names of the parts begin that go where it is one, and the fields that are told
#: to be of no use.
_CROWDS: dict[str, tuple[pl.Expr, tuple[str, ...], tuple[str, ...]]] = {
    "given_name": (pl.col("given_name"), ("given_",), ("given_name",)),
    "surname": (pl.col("surname_name"), ("surname_",), ("surname",)),
    "birth_date": (pl.when(~_IS_FIRST).then("birth"), ("birth",), ("birth_date",)),
    "first_of_year": (pl.when(_IS_FIRST).then("birth"), ("birth",), ("birth_date",)),
    "home": (pl.concat_str("postcode", "house", separator=addresses.PART_SEPARATOR), ("postcode", "house"), ("postcode", "house_number")),
}  # fmt: skip


def _without_crowds(parts: pl.DataFrame, crowds: Crowd) -> pl.DataFrame:
    """The parts without values that stand at more records than their kind can have (`partner.crowds`)."""
    values = parts.select(value.alias(kind) for kind, (value, _, _) in _CROWDS.items())
    for kind, (_, gone, fields) in _CROWDS.items():
        value = values.get_column(kind)
        crowd = crowds(kind, value.hash().set(value.is_null(), 0).to_numpy())
        if crowd is not None and crowd.any():
            is_one = pl.lit(pl.Series(crowd))
            parts = parts.with_columns(
                *(
                    pl.when(~is_one).then(name).alias(name)
                    for name in parts.columns
                    if name.startswith(gone) and not name.endswith(" reason")
                ),
                *(
                    pl.when(is_one).then(pl.lit(InvalidReason.CROWD.value)).otherwise(f"{field} reason").alias(f"{field} reason")
                    for field in fields
                ),
            )  # fmt: skip
    return parts


def person_keys(frame: pl.DataFrame, fields: dict[str, str], names: Sequence[str]) -> pl.DataFrame:
    """The keys that `persons` makes."""
    return persons(frame, fields, names)[0]


def persons(
    frame: pl.DataFrame,
    fields: dict[str, str],
    names: Sequence[str],
    reference_date: date | None = None,
    crowds: Crowd = lambda *_: None,
) -> tuple[pl.DataFrame, dict[str, int]]:
    """One text column `pk_<name>` per person key, null when one of its parts is missing; and of how many records
    a field is of no use, by field and reason.

    Args:
        frame: text columns.
        fields: person part (`given_name`, `surname`, `birth_date` …) → column of `frame`.
        names: keys of `PERSON_KEYS`, in order.
        reference_date: on which a birth date must be possible.
        crowds: which values stand at more records than their kind can have.
    """
    parts = _person_parts(frame, fields, reference_date, crowds)
    keys = parts.select(
        pl.concat_str(
            [pl.col(part) for part in PERSON_KEYS[name].parts], separator=addresses.PART_SEPARATOR
        ).alias(f"pk_{name}")
        for name in names
    )
    useless: dict[str, int] = {}
    for field in fields:
        reasons = parts.get_column(f"{field} reason").drop_nulls().value_counts(sort=True)
        useless |= {f"{field}_{reason}": count for reason, count in sorted(reasons.iter_rows())}
    return keys, useless
