"""From what people wrote to the one text that is hashed (docs/protocol.md section 2).

Every rule is a Polars expression over text columns. What may go from a text, and what stands for unknown, is listed; a value
in which anything else stands becomes null and is counted by reason. It is never guessed, shown or hashed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl

from lsi_match.manifest import IdentifierSource
from lsi_match.manifest.identifiers import DIGITS, IdentifierForm, InvalidReason
from lsi_match.partner.normalise.addresses import address, suffixes
from lsi_match.partner.normalise.numbers import as_it_should_be, number
from lsi_match.partner.normalise.people import person_keys, persons

__all__ = ["Normalised", "normalise", "person_keys", "persons"]


BagLookup = Callable[[pl.Series], pl.Series]


@dataclass(frozen=True)
class Normalised:
    """One identifier column: `values` (String, null where invalid) and how many were invalid, per reason. `ways`: of addresses
    in which field a letter stands (see `suffixes`)."""

    values: pl.Series
    invalid: dict[str, int]
    ways: pl.Series | None = None


def normalise(frame: pl.DataFrame, source: IdentifierSource, bag: BagLookup | None = None) -> Normalised:
    """The identifier of `source` for every row of `frame`, whose text columns are the declared fields.

    Numbers already written as they should be, which most are, need no cleaning.

    Args:
        bag: addresses in their normal form → their BAG numbers, null where there is none; for the form `address`.
    """
    if source.form is IdentifierForm.ADDRESS:
        found = _judged(frame, source)
        if bag is None:
            raise ValueError("an address is looked up without the BAG")
        numbers = bag(found.values).alias(source.kind.value)
        lost = int(found.values.is_not_null().sum()) - int(numbers.is_not_null().sum())
        return Normalised(numbers, found.invalid | ({InvalidReason.NOT_FOUND.value: lost} if lost else {}))
    if source.kind not in DIGITS or source.form is not IdentifierForm.PLAIN:
        return _judged(frame, source)
    text = frame.get_column(source.fields[0]).alias(source.kind.value)
    odd = (~as_it_should_be(text, source.kind)).arg_true()
    if not len(odd):
        return Normalised(text, {})
    judged = _judged(frame[odd], source)
    return Normalised(text.scatter(odd, judged.values), judged.invalid)


def _judged(frame: pl.DataFrame, source: IdentifierSource) -> Normalised:
    """`normalise` for rows of any kind."""
    # Under names that no field can have.
    frame = frame.select(pl.col(name).alias(f"field {at}") for at, name in enumerate(source.fields))
    fields = frame.columns
    if source.of_address:
        frame = frame.hstack(suffixes(frame, fields))
        parts, checks = address(fields)
    else:
        parts, checks = number(pl.col(fields[0]), source.kind, source.form)
    # Stroke by stroke, since an expression that is used in several checks would be worked out for each of them.
    for name, part in parts.items():
        frame = frame.with_columns(part.alias(name))
    value = pl.col("value")
    reason: Any = pl.when(value.is_null()).then(pl.lit(InvalidReason.MISSING.value))
    for name, failed in checks:
        reason = reason.when(failed).then(pl.lit(name.value))
    judged = frame.select(value, reason.otherwise(None).alias("reason"))
    counts = judged.filter(pl.col("reason").is_not_null()).group_by("reason").len().sort("reason")
    good = judged.select(pl.when(pl.col("reason").is_null()).then(value))
    ways = frame.get_column("way") if source.of_address else None
    return Normalised(good.to_series().alias(source.kind.value), dict(counts.iter_rows()), ways)
