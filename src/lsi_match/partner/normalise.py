"""From what people wrote to the one text that is hashed (docs/protocol.md section 2).

Every rule is a Polars expression over text columns. A value that is no valid identifier becomes null and is
counted by reason; it is never guessed, shown or hashed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from lsi_match.manifest import IdentifierSource
from lsi_match.manifest.identifiers import IdentifierForm, IdentifierKind, InvalidReason
from lsi_match.manifest.person_keys import PERSON_KEYS

#: Separates the parts of a combined identifier; removed from every part.
PART_SEPARATOR = "|"


@dataclass(frozen=True)
class Normalised:
    """One identifier column: `values` (String, null where invalid) and how many were invalid, per reason."""

    values: pl.Series
    invalid: dict[str, int]


def normalise(frame: pl.DataFrame, source: IdentifierSource) -> Normalised:
    """The identifier of `source` for every row of `frame`, whose text columns are the declared fields.

    Numbers already written as they should be, which most are, need no cleaning.
    """
    if source.kind not in _LENGTH or source.form is not IdentifierForm.PLAIN:
        return _judged(frame, source)
    text = frame.get_column(source.fields[0]).alias(source.kind.value)
    odd = (~_as_it_should_be(text, source.kind)).arg_true()
    if not len(odd):
        return Normalised(text, {})
    judged = _judged(frame[odd], source)
    return Normalised(text.scatter(odd, judged.values), judged.invalid)


def _as_it_should_be(text: pl.Series, kind: IdentifierKind) -> pl.Series:
    """Which texts are valid numbers as they stand, null or not."""
    if kind in _FISCAL:
        nine = (text.str.len_bytes() == 9) & ~text.str.starts_with("+")
        number = text.cast(pl.UInt32, strict=False).fill_null(0)
        good = nine & (number > 0) & _passes_eleven_test(number)
    else:
        failed = pl.any_horizontal(
            failed for _, failed in _number(pl.col("value"), kind, IdentifierForm.PLAIN)[1]
        )
        good = text.alias("value").to_frame().select(~failed).to_series()
    return good.fill_null(False)


def _judged(frame: pl.DataFrame, source: IdentifierSource) -> Normalised:
    """`normalise` for rows of any kind."""
    if source.kind is IdentifierKind.ADDRESS:
        parts, checks = _address([pl.col(name) for name in source.fields])
    else:
        parts, checks = _number(pl.col(source.fields[0]), source.kind, source.form)
    # In two strokes, since an expression that is used in several checks would be worked out for each of them.
    value = pl.col("value")
    reason: Any = pl.when(value.is_null()).then(pl.lit(InvalidReason.MISSING.value))
    for name, failed in checks:
        reason = reason.when(failed).then(pl.lit(name.value))
    judged = frame.select(**parts).select(value, reason.otherwise(None).alias("reason"))
    counts = judged.filter(pl.col("reason").is_not_null()).group_by("reason").len().sort("reason")
    good = judged.select(pl.when(pl.col("reason").is_null()).then(value))
    return Normalised(good.to_series().alias(source.kind.value), dict(counts.iter_rows()))


#: Columns to work out first, of which `value` is the identifier, and what must not be true of them.
Recipe = tuple[dict[str, pl.Expr], Sequence[tuple[InvalidReason, pl.Expr]]]

_LENGTH = {
    IdentifierKind.BSN: 9,
    IdentifierKind.RSIN: 9,
    IdentifierKind.V_NUMBER: 10,
    IdentifierKind.KVK: 8,
    IdentifierKind.VESTIGING: 12,
    IdentifierKind.BAG: 16,
}
_FISCAL = (IdentifierKind.BSN, IdentifierKind.RSIN)


def _empty_to_null(text: pl.Expr) -> pl.Expr:
    return pl.when(text != "").then(text)


def _without_signs(text: pl.Expr) -> pl.Expr:
    """Upper case, without spaces, dots and hyphens."""
    return text.str.to_uppercase().str.replace_all(r"[\s.\-]", "")


def _number(text: pl.Expr, kind: IdentifierKind, form: IdentifierForm) -> Recipe:
    """A number of fixed length: spaces, dots and hyphens go; eight digits of a BSN or RSIN lost a leading zero."""
    clean = _empty_to_null(_without_signs(text))
    value = pl.col("value")
    if kind is IdentifierKind.LOONHEFFING:
        return {"value": clean}, [
            (InvalidReason.WRONG_SHAPE, ~value.str.contains(r"^[0-9]{9}L[0-9]{2}$")),
            (InvalidReason.UNKNOWN_VALUE, value.str.starts_with("000000000")),
            (InvalidReason.CHECK_FAILED, ~_eleven_test(value.str.slice(0, 9))),
        ]
    if form is IdentifierForm.LOONHEFFING:
        head = clean.str.extract(r"^([0-9]{9})L[0-9]{2}$", 1)
        clean = pl.when(clean.is_not_null()).then(head.fill_null("?"))
    length = _LENGTH[kind]
    if kind in _FISCAL:
        clean = pl.when(clean.str.len_bytes() == 8).then(pl.lit("0") + clean).otherwise(clean)
    checks = [
        (InvalidReason.NOT_DIGITS, ~value.str.contains(r"^[0-9]+$")),
        (InvalidReason.WRONG_LENGTH, value.str.len_bytes() != length),
        (InvalidReason.UNKNOWN_VALUE, value == "0" * length),
    ]
    if kind in _FISCAL:
        checks.append((InvalidReason.CHECK_FAILED, ~_eleven_test(value)))
    if kind is IdentifierKind.BAG:
        checks.append((InvalidReason.WRONG_SHAPE, value.str.slice(4, 2) != "20"))
    return {"value": clean}, checks


def _eleven_test(nine: pl.Expr) -> pl.Expr:
    """What `_passes_eleven_test` says of texts; not of one that is no number."""
    number = nine.cast(pl.UInt32, strict=False).fill_null(_NO_NUMBER)
    return number.map_batches(_passes_eleven_test, return_dtype=pl.Boolean)


def _passes_eleven_test(numbers: pl.Series) -> pl.Series:
    """The weighted sum of nine digits with 9, 8, …, 2, −1 is divisible by 11. Three digits at a time, from a table."""
    n = numbers.to_numpy()
    inside = n < _NO_NUMBER
    n = np.where(inside, n, 0)
    total = _SUMS[0].take(n // 1_000_000) + _SUMS[1].take(n // 1000 % 1000) + _SUMS[2].take(n % 1000)
    return pl.Series(inside & (total % 11 == 0))


#: The first that has more than nine digits.
_NO_NUMBER = 1_000_000_000


def _sums(weights: tuple[int, int, int]) -> np.ndarray:
    """The weighted sum of the digits of 000 to 999."""
    n = np.arange(1000)
    return np.asarray(n // 100 * weights[0] + n // 10 % 10 * weights[1] + n % 10 * weights[2], dtype=np.int16)


_SUMS = (_sums((9, 8, 7)), _sums((6, 5, 4)), _sums((3, 2, -1)))


#: What is added to a house number, written in several ways, and how it is in the BAG; in this order.
_ADDITIONS = (
    (r"^I(?:HOOG|HG)+$", "1"),
    (r"^II(?:HOOG|HG)*$", "2"),
    (r"^III(?:HOOG|HG)*$", "3"),
    (r"^IV(?:HOOG|HG)*$", "4"),
    (r"([0-9])(?:HOOG|HG)+$", "${1}"),
    (r"(?:HUIS|HS)$", "H"),
    (r"BIS([A-Z0-9]?)$", "BS${1}"),
    (r"ROOD$", "RD"),
    (r"ZWART$", "ZW"),
    (r"TEGENOVER$", "TO"),
)
#: How a whole number looks in a register that keeps it as a decimal one.
_DECIMAL = r"^(\s*[0-9]+)[.,]0+(\s*)$"


def _address(fields: Sequence[pl.Expr]) -> Recipe:
    """`POSTCODE|NUMBER|SUFFIX`: the suffix is what follows the number, then letter, then addition, letters and
    digits only, so that '12 A', '12-a' and 12 with letter A are one address."""
    postcode = _empty_to_null(_without_signs(fields[0]))
    written = [part.str.replace(_DECIMAL, "${1}${2}") for part in fields[1:]]
    number = _empty_to_null(written[0].str.strip_chars())
    house = number.str.extract(r"^([0-9]+)", 1).cast(pl.Int64, strict=False)
    rest, letter, addition = (
        part.fill_null("").str.to_uppercase().str.replace_all(r"[^A-Z0-9]", "")
        for part in (number.str.replace(r"^[0-9]+", ""), *written[1:], *[pl.lit("")] * (4 - len(fields)))
    )
    # Some registers have '12A' as the number, and A as the letter too.
    after = pl.concat_str([letter, addition])
    suffix = pl.when((rest == letter) | (rest == after)).then(after).otherwise(pl.concat_str([rest, after]))
    for pattern, one in _ADDITIONS:
        suffix = suffix.str.replace(pattern, one)
    whole = pl.concat_str([postcode, house.cast(pl.String), suffix], separator=PART_SEPARATOR)
    value = pl.when(postcode.is_not_null() & number.is_not_null()).then(whole.fill_null("?"))
    return {"value": value, "postcode": postcode, "house": house}, [
        (InvalidReason.WRONG_SHAPE, ~pl.col("postcode").str.contains(r"^[1-9][0-9]{3}[A-Z]{2}$")),
        (InvalidReason.WRONG_SHAPE, pl.col("house").is_null() | ~pl.col("house").is_between(1, 99_999)),
    ]


_PARTICLES = "VAN|DER|DEN|DE|HET|'T|'S|TEN|TER|TE|OP|IN|UIT|AAN|BY|VOOR|ONDER|OVER|TOT|VD|VON|ZU|DI|DA|DOS|DU|LA|LE|LES|EL|AL"
_APOSTROPHES = ["’", "‘", "ʼ", "`", "´"]
_LETTERS = {
    "ẞ": "SS",
    "Ł": "L",
    "Ø": "O",
    "Æ": "AE",
    "Œ": "OE",
    "Đ": "D",
    "Ð": "D",
    "Þ": "TH",
}
_UNKNOWN_NAMES = ["ONBEKEND", "UNKNOWN", "NNB", "NVT", "NAAMLOOS", "GEENVOORNAAM", "TEST"]


def _folded(text: pl.Expr) -> pl.Expr:
    """Upper case, letters without marks, ij and ÿ as y; spaces kept."""
    upper = text.str.replace_many(_APOSTROPHES, ["'"]).str.to_uppercase()
    plain = upper.str.normalize("NFKD").str.replace_all(r"\p{M}", "")
    return plain.str.replace_many([*_LETTERS, "IJ"], [*_LETTERS.values(), "Y"])


def _name(text: pl.Expr) -> pl.Expr:
    """Letters A–Z of a name without its tussenvoegsels, wherever these stand; null when nothing is left."""
    folded = _folded(text).str.replace_all("V/D", "VD", literal=True).str.replace_all(".", "", literal=True)
    bare = folded.str.replace_all(rf"(^|[\s,\-])(?:(?:{_PARTICLES})[\s,\-]+)+", " ")
    bare = bare.str.replace_all(rf"[\s,\-]+(?:{_PARTICLES})$", "").str.replace_all(r"[^A-Z]", "")
    letters = pl.when(bare == "").then(folded.str.replace_all(r"[^A-Z]", "")).otherwise(bare)
    return pl.when((letters != "") & ~letters.is_in(_UNKNOWN_NAMES)).then(letters)


#: The ways to write a date, or what is known of it: whole (a database puts a time behind it), year and month, year.
_TIME = r"(?:[ T][0-9]{2}:[0-9]{2}[0-9:.+Z\-]*)?$"
_DATES = (
    r"^(?<y>[0-9]{4})[-/]?(?<m>[0-9]{2})[-/]?(?<d>[0-9]{2})" + _TIME,
    r"^(?<d>[0-9]{1,2})[-/.](?<m>[0-9]{1,2})[-/.](?<y>[0-9]{4})" + _TIME,
    r"^(?<d>)(?<y>[0-9]{4})[-/](?<m>[0-9]{2})$",
    r"^(?<d>)(?<m>[0-9]{1,2})[-/.](?<y>[0-9]{4})$",
    r"^(?<d>)(?<m>)(?<y>[0-9]{4})$",
)


def _birth(text: pl.Expr) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """Year, and the two others as written in day-month order. What is unknown (00, or not there) is null, and so is
    what is less telling than that; all is null when anything is impossible."""
    clean = text.str.strip_chars()
    found = [clean.str.extract_groups(pattern).struct for pattern in _DATES]
    year, month, day = (
        pl.coalesce(_empty_to_null(date.field(part)) for date in found).cast(pl.Int32, strict=False)
        for part in "ymd"
    )
    month, day = month.fill_null(0), day.fill_null(0)
    usable = year.is_between(1850, 2100) & month.is_between(0, 12) & day.is_between(0, 31)
    usable &= ~((year == 1900) & (month <= 1) & (day <= 1))
    return (
        pl.when(usable).then(year),
        pl.when(usable & (month > 0)).then(month),
        pl.when(usable & (month > 0) & (day > 0)).then(day),
    )


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


Parts = dict[str, pl.Expr]


def _each_once(texts: pl.Series, *strokes: Parts) -> pl.DataFrame:
    """Columns made of `text` in one stroke or more, worked out once for every different text: names, dates and
    streets return so often that this is several times faster."""
    frame = texts.alias("text").to_frame()
    made = frame.unique()
    for stroke in strokes:
        made = made.with_columns(**stroke)
    return frame.join(made, on="text", how="left", nulls_equal=True, maintain_order="left").drop("text")


def _name_parts() -> Parts:
    name = pl.col("name")
    whole = pl.when(name.str.len_bytes() > 1).then(name)
    return {
        "name": whole,
        "initial": name.str.slice(0, 1),
        "letters": whole.str.slice(0, 3),
        "end": whole.str.slice(-3),
        "sound": _sound(whole),
    }


def _birth_parts() -> tuple[Parts, Parts]:
    year, month, day = _birth(pl.col("text"))
    y, m, d = pl.col("y"), pl.col("m"), pl.col("d")
    two = [part.cast(pl.String).str.zfill(2) for part in (pl.min_horizontal(m, d), pl.max_horizontal(m, d))]
    days = pl.when(d.is_not_null()).then(pl.concat_str(two))
    return {"y": year, "m": month, "d": day}, {
        "birth": pl.concat_str([y.cast(pl.String), days]),
        "birth_year": y.cast(pl.String),
        "birth_year_month": pl.concat_str([y, m], separator="-"),
        "birth_day": days,
    }


def _person_parts(frame: pl.DataFrame, fields: dict[str, str]) -> pl.DataFrame:
    """Every part of `FIELDS_OF`, null where the fields do not give it."""

    def column(name: str) -> pl.Series:
        nothing = pl.Series([None], dtype=pl.String).new_from_index(0, len(frame))
        return frame.get_column(fields[name]) if name in fields else nothing

    text, street = pl.col("text"), pl.col("street")
    given, surname = (
        _each_once(column(name), {"name": _name(text)}, _name_parts()) for name in ("given_name", "surname")
    )
    letters = {"text": _empty_to_null(_folded(text).str.replace_all(r"[^A-Z]", ""))}
    parts = pl.concat(
        [
            given.select(pl.all().name.prefix("given_")),
            surname.select(pl.all().name.prefix("surname_")),
            _each_once(column("birth_date"), *_birth_parts()).drop("y", "m", "d"),
            _each_once(
                column("postcode"),
                {"postcode": _empty_to_null(text.str.to_uppercase().str.replace_all(r"[^A-Z0-9]", ""))},
            ),
            _each_once(
                column("house_number"),
                {"house": _empty_to_null(text.str.extract(r"([0-9]+)", 1).str.strip_chars_start("0"))},
            ),
            _each_once(
                column("street"),
                {"street": letters["text"]},
                {"street_letters": pl.when(street.str.len_bytes() >= 4).then(street.str.slice(0, 6))},
            ),
            _each_once(column("place"), {"place": letters["text"]}),
        ],
        how="horizontal",
    )

    def ordered(kind: str) -> tuple[pl.Expr, pl.Expr]:
        """Both names' `kind` in alphabetical order. With one name missing it is unknown which of the two is here,
        and a lone name must not stand for both."""
        both = f"given_{kind}", f"surname_{kind}"
        there = pl.all_horizontal(pl.col(name).is_not_null() for name in both)
        return tuple(pl.when(there).then(end(*both)) for end in (pl.min_horizontal, pl.max_horizontal))  # type: ignore[return-value]

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


def person_keys(frame: pl.DataFrame, fields: dict[str, str], names: Sequence[str]) -> pl.DataFrame:
    """The keys that `persons` makes."""
    return persons(frame, fields, names)[0]


def persons(
    frame: pl.DataFrame, fields: dict[str, str], names: Sequence[str]
) -> tuple[pl.DataFrame, dict[str, int]]:
    """One text column `pk_<name>` per person key, null when one of its parts is missing; and of how many records
    a field is of no use, by field and reason.

    Args:
        frame: text columns.
        fields: person part (`given_name`, `surname`, `birth_date` …) → column of `frame`.
        names: keys of `PERSON_KEYS`, in order.
    """
    parts = _person_parts(frame, fields)
    keys = parts.select(
        pl.concat_str([pl.col(part) for part in PERSON_KEYS[name].parts], separator=PART_SEPARATOR).alias(
            f"pk_{name}"
        )
        for name in names
    )
    useless: dict[str, int] = {}
    for field, column in fields.items():
        part, reason = _MADE_OF[field]
        missing = frame.get_column(column).null_count()
        other = parts.get_column(part).null_count() - missing
        counts = {InvalidReason.MISSING: missing, reason: other}
        useless |= {f"{field}_{name.value}": count for name, count in counts.items() if count}
    return keys, useless


#: Field → the part that is made of it alone whenever it is of use, and what it is when there is a text but no part.
_MADE_OF = {
    "given_name": ("given_initial", InvalidReason.UNKNOWN_VALUE),
    "surname": ("surname_initial", InvalidReason.UNKNOWN_VALUE),
    "birth_date": ("birth_year", InvalidReason.WRONG_SHAPE),
    "postcode": ("postcode", InvalidReason.WRONG_SHAPE),
    "house_number": ("house", InvalidReason.WRONG_SHAPE),
    "street": ("street", InvalidReason.WRONG_SHAPE),
    "place": ("place", InvalidReason.WRONG_SHAPE),
}
