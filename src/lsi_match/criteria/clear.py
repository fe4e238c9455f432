"""What a predicate may not hold although it can be run: a number that reads in two ways, and one person.

A predicate chooses people by what they have in common. So the fields that say who somebody is stand in none, and no value in
one may be a number that belongs to somebody.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from sqlglot import exp

from lsi_match.base.validation import two_readings
from lsi_match.criteria.meaning import Condition, FieldValue, Like, Unknown, Value, children
from lsi_match.criteria.parse import CriterionError, FieldType, Predicate, outside_quotes
from lsi_match.criteria.reading import condition_of


class CriterionAmbiguousError(CriterionError): ...


class CriterionIdentityError(CriterionError): ...


class CriterionPersonError(CriterionError): ...


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
            raise CriterionAmbiguousError(criterion=text, column=at.start() + 1 if at else 0, **facts)
        if looks_like_somebody(value):
            # The value itself is shown to nobody.
            raise CriterionPersonError(criterion=re.sub(r"\d", "9", text), column=text.find(value) + 1)
    for field in _named(condition_of(predicate, types), set(identifying), set(postcodes)):
        at = re.search(rf"\b{field}\b", outside_quotes(text))
        raise CriterionIdentityError(criterion=text, field=field, column=at.start() + 1 if at else 0)


def _named(part: Condition | Value, identifying: set[str], postcodes: set[str]) -> list[str]:
    """The identifying fields of which more is asked than whether they are known, or in which area they lie."""
    match part:
        case FieldValue(name):
            return [name] if name in identifying else []
        case Unknown():
            return []
        case Like(FieldValue(name), pattern) if name in postcodes and re.fullmatch(r"\d{1,4}%", pattern):
            return []
    return [name for below in children(part) for name in _named(below, identifying, postcodes)]


def looks_like_somebody(text: str) -> bool:
    """Whether a value can be the number of a person, enterprise or address: by the eleven test (BSN, RSIN), or by its length.

    Amounts are round, and what stands for "no end" is all nines.
    """
    if re.search(r"\b\d{4}\s?[A-Z]{2}\b\W*\d", text, re.IGNORECASE):
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
