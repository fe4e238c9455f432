"""Kinds of identifier, what they identify, and how many fields each is made from.

The rules of normalisation stand in docs/protocol.md section 2; they are carried out where the identifiers
are, at the partner (`lsi_match.partner.normalise`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from lsi_match.criteria.unit import Unit


class IdentifierKind(StrEnum):
    """A kind of identifier. Each has subkeys of its own, so equal numbers of two kinds share no pseudonym."""

    BSN = "bsn"
    V_NUMBER = "v_number"
    ADDRESS = "address"
    BAG = "bag"
    RSIN = "rsin"
    KVK = "kvk"
    VESTIGING = "vestiging"
    LOONHEFFING = "loonheffing"


class IdentifierForm(StrEnum):
    """How a source writes an identifier, where that is not the identifier itself."""

    PLAIN = "plain"
    #: The BSN or RSIN is the first nine digits of a loonheffingennummer.
    LOONHEFFING = "loonheffing"


#: The unit that each kind identifies. A manifest links a subject through kinds of its own unit only.
UNIT_OF: Final[dict[IdentifierKind, Unit]] = {
    IdentifierKind.BSN: Unit.PERSON,
    IdentifierKind.V_NUMBER: Unit.PERSON,
    IdentifierKind.ADDRESS: Unit.ADDRESS,
    IdentifierKind.BAG: Unit.ADDRESS,
    IdentifierKind.RSIN: Unit.ENTERPRISE,
    IdentifierKind.KVK: Unit.ENTERPRISE,
    IdentifierKind.VESTIGING: Unit.ENTERPRISE,
    IdentifierKind.LOONHEFFING: Unit.ENTERPRISE,
}

#: The parts of a Dutch address, in the order in which a selection names its fields.
ADDRESS_PARTS: Final = ("postcode", "house_number", "house_letter", "addition")

#: What a person key may be made of; a selection maps each part it has to a field.
PERSON_PARTS: Final = ("given_name", "surname", "birth_date", "postcode", "house_number", "street", "place")


class InvalidReason(StrEnum):
    """Why a value is no identifier. Counted per reason; the value itself is never shown and never hashed."""

    MISSING = "missing"
    NOT_DIGITS = "not_digits"
    WRONG_LENGTH = "wrong_length"
    CHECK_FAILED = "check_failed"
    UNKNOWN_VALUE = "unknown_value"
    WRONG_SHAPE = "wrong_shape"
