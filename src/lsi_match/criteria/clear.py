"""What a predicate may not hold although it can be run: a number that reads in two ways, and one person.

A predicate chooses people by what they have in common. So the fields that say who somebody is stand in none, and no value in
one may be a number that belongs to somebody.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import permutations

from sqlglot import exp

from lsi_match.base.validation import two_readings
from lsi_match.criteria import meaning as m
from lsi_match.criteria.parse import CriterionError, FieldType, Predicate, outside_quotes
from lsi_match.criteria.reading import condition_of


def check_clear(
    predicate: Predicate,
    types: Mapping[str, FieldType],
    identifying: Collection[str] = (),
    postcodes: Collection[str] = (),
) -> None:
    """Refuse a predicate that reads in two ways, or is about one person.

    Args:
        types: of its fields.
        identifying: the fields that say who somebody is.
        postcodes: those of them that hold a postcode.

    Raises:
        CriterionAmbiguousError, CriterionIdentityError, CriterionPersonError: with the place.
    """
    text = predicate.text
    for literal in predicate.tree.find_all(exp.Literal):
        value = str(literal.this)
        if not literal.is_string and (readings := two_readings(value)):
            at = re.search(rf"(?<![\w.]){re.escape(value)}(?![\w.])", outside_quotes(text))
            facts = {"number": value, "small": readings[0], "large": readings[1]}
            raise CriterionError(
                "CriterionAmbiguousError", criterion=text, column=at.start() + 1 if at else 0, **facts
            )
        if looks_like_somebody(value):
            # The value itself is shown to nobody.
            raise CriterionError(
                "CriterionPersonError", criterion=re.sub(r"\d", "9", text), column=text.find(value) + 1
            )
    condition = condition_of(predicate, types)
    if any(looks_like_somebody(str(abs(number))) for number in _compared_with(condition)):
        raise CriterionError("CriterionPersonError", criterion=re.sub(r"\d", "9", text), column=1)
    for field in _named(condition, set(identifying), set(postcodes)):
        at = re.search(rf"\b{field}\b", outside_quotes(text))
        raise CriterionError(
            "CriterionIdentityError", criterion=text, field=field, column=at.start() + 1 if at else 0
        )


def singled_out(parts: Iterable[m.Condition]) -> str | None:
    """A field of which conditions that hold together ask, piece by piece, what can be the number of somebody; None where no
    field is. `LIKE '1234%'` and `LIKE '%5678'` are one number, in whichever criteria they stand."""
    for field, pieces in _pieces(m.All(tuple(parts))).items():
        orders = permutations(pieces) if len(pieces) <= _PIECES else ()
        if _digits(pieces) >= _SOMEBODY or any(
            looks_like_somebody(between.join(one)) for one in orders for between in ("", " ")
        ):
            return field
    return None


#: With more pieces than this, only their digits are counted; and so many digits can be somebody's.
_PIECES, _SOMEBODY = 5, 8


def _pieces(part: m.Condition) -> dict[str, tuple[str, ...]]:
    """Field → the pieces of its text that have to be there all together. Of what may be one or the other, that with most
    digits."""
    found: dict[str, tuple[str, ...]] = {}
    match part:
        case m.Like(value, pattern, negated=False) if name := _field(value):
            found = {name: (re.sub(r"[%_\\]", "", pattern),)}
        case m.Compare("=", left, m.Const(str() as text)) if name := _field(left):
            found = {name: (text,)}
        case m.IsTrue(condition, negated=False):
            found = _pieces(condition)
        case m.All(parts):
            for name, pieces in (pair for one in parts for pair in _pieces(one).items()):
                found[name] = (*found.get(name, ()), *pieces)
        case m.AnyOf(parts) | m.FirstKnown(parts):
            for name, pieces in (pair for one in parts for pair in _pieces(one).items()):
                found[name] = max(found.get(name, ()), pieces, key=_digits)
    return found


def _digits(pieces: tuple[str, ...]) -> int:
    return sum(sign.isdigit() for piece in pieces for sign in piece)


def _field(value: m.Value) -> str:
    match value:
        case m.FieldValue(name):
            return name
        case m.Cased(_, text):
            return _field(text)
        case m.Coalesce((first, *_)):
            return _field(first)
    return ""


def _named(part: m.Condition | m.Value, identifying: set[str], postcodes: set[str]) -> list[str]:
    """The identifying fields of which more is asked than whether they are known, or in which area they lie."""
    match part:
        case m.FieldValue(name):
            return [name] if name in identifying else []
        case m.Unknown():
            return []
        case m.Like(m.FieldValue(name), pattern) if name in postcodes and re.fullmatch(r"\d{1,4}%", pattern):
            return []
    return [name for below in m.children(part) for name in _named(below, identifying, postcodes)]


def _compared_with(part: m.Condition | m.Value) -> Iterator[int]:
    """The whole numbers that sums come down to: of `field - 19 = 999` it is 1018."""
    pairs: list[tuple[m.Value, m.Value]] = []
    match part:
        case m.Compare(_, left, right):
            pairs = [(left, right)]
        case m.Between(value, low, high):
            pairs = [(value, low), (value, high)]
        case m.OneOf(value, values):
            pairs = [(value, one) for one in values]
    for left, right in pairs:
        ends = [(_at(left, x), _at(right, x)) for x in (Decimal(0), Decimal(1))]
        (first, second) = (None if a is None or b is None else a - b for a, b in ends)
        if first is not None and second is not None and first != second:
            found = first / (first - second)
            if found == found.to_integral_value():
                yield int(found)
    for below in m.children(part):
        yield from _compared_with(below)


def _at(value: m.Value, x: Decimal) -> Decimal | None:
    """A sum with this number in the place of its fields; None for what is none."""
    match value:
        case m.Const(Decimal() as number):
            return number
        case m.FieldValue(_, FieldType.INTEGER | FieldType.DECIMAL):
            return x
        case m.Arithmetic(sign, left, right):
            a, b = _at(left, x), _at(right, x)
            if a is None or b is None:
                return None
            return a + b if sign == "+" else a - b if sign == "-" else a * b
        case m.Coalesce((first, *_)):
            return _at(first, x)
    return None


#: An address of e-mail names somebody, or a group that is one.
_MAIL = re.compile(r"[^\s@]@[^\s@]+\.\w")
#: Nine digits as a BSN is written: alone, and in a text.
_BSN = re.compile(r"(?<![^\W_])(?:\d{9}|\d{4}[. -]\d\d[. -]\d{3}|\d{3}[. -]\d{3}[. -]\d{3})(?![^\W_])")


def names_somebody(text: str) -> bool:
    """Whether a text for people holds a number that passes the eleven test, written as a BSN is."""
    found = (re.sub(r"\D", "", one[0]) for one in _BSN.finditer(text))
    return any(passes_eleven_test(digits) for digits in found)


def looks_like_somebody(text: str) -> bool:
    """Whether a value can be the number of a person, enterprise or address: by the eleven test (BSN, RSIN), or by its length.

    Amounts are round, and what stands for "no end" is all nines.
    """
    if re.search(r"\b\d{4}\s?[A-Z]{2}\b\W*\d", text, re.IGNORECASE) or _MAIL.search(text):
        return True
    if re.fullmatch(r"\d+\.\d+", text):
        text = text.split(".")[0]
    digits = re.sub(r"\D", "", text)
    if (
        re.fullmatch(r"\d{4}-?\d\d-?\d\d", text)
        and digits[:4] > "1800"
        and digits[4:6] <= "12"
        and digits[6:] <= "31"
    ):
        return False  # a day
    if len(digits) < 8 or not digits.strip("9") or digits.endswith("000"):
        return passes_eleven_test(digits)
    return True


def passes_eleven_test(digits: str) -> bool:
    """The test of a BSN and an RSIN: nine digits, or eight where the zero in front is left out."""
    if len(digits) not in (8, 9):
        return False
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return sum(w * int(d) for w, d in zip(weights, digits.zfill(9), strict=True)) % 11 == 0 and bool(
        int(digits)
    )
