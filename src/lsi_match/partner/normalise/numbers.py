"""Numbers of fixed length: the list of what may go from them, and what is wrong with all other texts.

Between groups of digits may stand a separator: white space, `-` or `.`, the same throughout, in a grouping of `GROUPS`. So
`1234567.0`, `-12345678`, `01-02-1980` and `06-12345678` are no numbers of these kinds, though they hold as many digits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from lsi_match.manifest.identifiers import DIGITS, IdentifierForm, IdentifierKind, InvalidReason
from lsi_match.partner.normalise.lists import placeholders

#: Columns to work out first, of which `value` is the identifier, and what must not be true of them.
Recipe = tuple[dict[str, pl.Expr], Sequence[tuple[InvalidReason, pl.Expr]]]

FISCAL = (IdentifierKind.BSN, IdentifierKind.RSIN)
#: The groups of digits in which people write a number. Two groups are not taken with a dot: that is a decimal number.
_NINE = ((3, 3, 3), (4, 2, 3), (2, 2, 2, 3), (2, 3, 3), (4, 4))
GROUPS = {
    IdentifierKind.BSN: _NINE,
    IdentifierKind.RSIN: _NINE,
    IdentifierKind.V_NUMBER: ((1, 3, 3, 3), (3, 3, 4), (4, 3, 3), (2, 3, 3, 2)),
    IdentifierKind.KVK: ((2, 3, 3), (4, 4), (2, 2, 2, 2)),
    IdentifierKind.VESTIGING: ((3, 3, 3, 3), (4, 4, 4), (4, 8)),
    IdentifierKind.BAG: ((4, 4, 4, 4), (4, 2, 10), (4, 12), (1, 3, 3, 3, 3, 3)),
}
#: Kinds of BAG objects that stand for one address: verblijfsobject, ligplaats, standplaats, nummeraanduiding.
_OBJECTS = "(?:01|02|03|20)"
#: A BAG number without the zeros that it began with. Where the type stands shows how many are gone.
_SHORT_BAG = rf"^[1-9][0-9]{{0,2}}{_OBJECTS}[0-9]{{10}}$"
_DECIMAL = r"^[+-]?[0-9.,\s]*[0-9][.,][0-9]+(?:E[+-]?[0-9]+)?$|^[+-]?[0-9]+E[+-]?[0-9]+$"


def _grouped(kind: IdentifierKind) -> str:
    """A pattern of the groupings of a kind."""
    ways = [
        separator.join(f"[0-9]{{{n}}}" for n in groups)
        for groups in GROUPS[kind]
        for separator in (r"\s+", "-", *([r"\."] if len(groups) > 2 else []))
    ]
    return f"(?:{'|'.join(ways)})"


_SHAPE = {kind: rf"^(?:[0-9]+|{_grouped(kind)})$" for kind in DIGITS}
_WAGE_NUMBER = rf"^(?:[0-9]{{9}}|{_grouped(IdentifierKind.BSN)})[\s.-]?L[\s.-]?[0-9]{{2}}$"


def trimmed(text: pl.Expr) -> pl.Expr:
    """In upper case without white space around it; null when nothing is left but signs."""
    upper = text.str.strip_chars().str.to_uppercase()
    return pl.when(upper.str.contains(r"[\p{L}\p{N}]")).then(upper)


def says_unknown(written: pl.Expr) -> pl.Expr:
    """A word in the place of a value, such as `n.v.t.`."""
    return written.str.replace_all(r"[\s.\-/]+", "").is_in(placeholders("word"))


def number(text: pl.Expr, kind: IdentifierKind, form: IdentifierForm) -> Recipe:
    """A number of its kind, or why it is none. Eight digits of a BSN or RSIN lost a leading zero, and so did a BAG number
    that is too short and has its type where it then stands; of other kinds it cannot be told."""
    written, value = trimmed(text), pl.col("value")
    digits = pl.col("written").str.replace_all(r"[\s.\-]", "")
    first = [(InvalidReason.UNKNOWN_VALUE, says_unknown(pl.col("written")))]
    is_wage_number = pl.col("written").str.contains(_WAGE_NUMBER)
    if kind is IdentifierKind.LOONHEFFING:
        nine = value.str.slice(0, 9)
        return {"written": written, "value": pl.when(is_wage_number).then(digits).otherwise("written")}, [
            *first,
            (InvalidReason.WRONG_SHAPE, ~is_wage_number | (value.str.len_bytes() != 12)),
            (InvalidReason.UNKNOWN_VALUE, nine.is_in(placeholders(IdentifierKind.BSN))),
            (InvalidReason.CHECK_FAILED, ~_eleven_test(nine)),
        ]
    checks = [*first]
    if form is IdentifierForm.LOONHEFFING:
        checks.append((InvalidReason.NOT_DIGITS, ~is_wage_number))
        clean = (
            pl.when(is_wage_number).then(digits.str.slice(0, digits.str.len_bytes() - 3)).otherwise("written")
        )
    else:
        in_shape = pl.col("written").str.contains(_SHAPE[kind])
        clean = pl.when(in_shape).then(digits).otherwise("written")
        checks += [
            (InvalidReason.DECIMAL_NUMBER, ~in_shape & pl.col("written").str.contains(_DECIMAL)),
            (InvalidReason.NOT_DIGITS, pl.col("written").str.contains(r"[^0-9\s.\-]")),
            (InvalidReason.WRONG_GROUPS, ~in_shape),
        ]
    length = DIGITS[kind]
    if kind in FISCAL:
        clean = pl.when(clean.str.len_bytes() == 8).then(pl.lit("0") + clean).otherwise(clean)
    if kind is IdentifierKind.BAG:
        clean = pl.when(clean.str.contains(_SHORT_BAG)).then(clean.str.zfill(length)).otherwise(clean)
    return {"written": written, "value": clean}, [*checks, *_of_digits(kind)]


def _of_digits(kind: IdentifierKind) -> list[tuple[InvalidReason, pl.Expr]]:
    """What must not be true of digits."""
    value = pl.col("value")
    placeholder = placeholders(IdentifierKind.BSN if kind in FISCAL else kind)
    checks = [
        (InvalidReason.WRONG_LENGTH, value.str.len_bytes() != DIGITS[kind]),
        (InvalidReason.UNKNOWN_VALUE, value.is_in(placeholder)),
    ]
    if kind in FISCAL:
        checks.append((InvalidReason.CHECK_FAILED, ~_eleven_test(value)))
    if kind is IdentifierKind.BAG:
        checks.append((InvalidReason.WRONG_SHAPE, ~value.str.contains(f"^[0-9]{{4}}{_OBJECTS}")))
    return checks


def as_it_should_be(text: pl.Series, kind: IdentifierKind) -> pl.Series:
    """Which texts are valid numbers as they stand, null or not."""
    if kind in FISCAL:
        nine = (text.str.len_bytes() == 9) & ~text.str.starts_with("+")
        numbers = text.cast(pl.UInt32, strict=False).fill_null(0)
        good = nine & _passes_eleven_test(numbers) & ~_is_placeholder(numbers)
    else:
        value = pl.col("value")
        failed = [~value.str.contains("^[0-9]+$"), *(failed for _, failed in _of_digits(kind))]
        good = text.alias("value").to_frame().select(~pl.any_horizontal(failed)).to_series()
    return good.fill_null(False)


def _is_placeholder(numbers: pl.Series) -> pl.Series:
    n = numbers.to_numpy()
    found = n == 0
    for one in placeholders(IdentifierKind.BSN):
        found |= n == int(one)
    return pl.Series(found)


def _eleven_test(nine: pl.Expr) -> pl.Expr:
    """What `_passes_eleven_test` says of texts; not of one that is no number."""
    numbers = nine.cast(pl.UInt32, strict=False).fill_null(_NO_NUMBER)
    return numbers.map_batches(_passes_eleven_test, return_dtype=pl.Boolean)


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
