"""Kinds of identifier, what they identify, and how many fields each is made from.

The rules of normalisation stand in docs/protocol.md section 2; they are carried out where the identifiers
are, at the partner (`lsi_match.partner.normalise`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from lsi_match.criteria.parse import Unit


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
    #: The BAG number is that of an address, found in the BAG that the partner took in.
    ADDRESS = "address"


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

#: A number or address that stands at more records of one partner than this is nobody's: somebody put it where none was
#: known. A person returns in a register as often as a benefit is paid, at an address live hundreds, a firm has a record
#: for everybody who works there.
CROWD_OF: Final[dict[Unit, int]] = {Unit.PERSON: 100, Unit.ADDRESS: 2_000, Unit.ENTERPRISE: 20_000}

#: The parts of a Dutch address, in the order in which a selection names its fields.
ADDRESS_PARTS: Final = ("postcode", "house_number", "house_letter", "addition")

#: What a person key may be made of; a selection maps each part it has to a field.
PERSON_PARTS: Final = ("given_name", "surname", "birth_date", "postcode", "house_number", "street", "place")


#: Digits of the numbers that have a fixed length, zeros in front of them too.
DIGITS: Final = {
    IdentifierKind.BSN: 9,
    IdentifierKind.RSIN: 9,
    IdentifierKind.V_NUMBER: 10,
    IdentifierKind.KVK: 8,
    IdentifierKind.VESTIGING: 12,
    IdentifierKind.BAG: 16,
}


class InvalidReason(StrEnum):
    """Why a value is no identifier. Counted per reason; the value itself is never shown and never hashed."""

    MISSING = "missing"
    #: A word or value that people put where nothing is known.
    UNKNOWN_VALUE = "unknown_value"
    #: Written as a decimal number, or with a power of ten: which number it was cannot be told.
    DECIMAL_NUMBER = "decimal_number"
    NOT_DIGITS = "not_digits"
    #: Separators between other groups of digits than people write such a number in: it may be a date or a telephone number.
    WRONG_GROUPS = "wrong_groups"
    WRONG_LENGTH = "wrong_length"
    CHECK_FAILED = "check_failed"
    WRONG_SHAPE = "wrong_shape"
    #: A letter of another script, a digit in a name, `²`: a sign that may not go and cannot stay.
    OTHER_SIGN = "other_sign"
    #: A postcode of four digits.
    INCOMPLETE = "incomplete"
    #: The address of a post box: nobody lives there.
    PO_BOX = "po_box"
    #: Impossible on the reference date.
    IMPLAUSIBLE = "implausible"
    #: An address that the BAG does not have, or has for two objects.
    NOT_FOUND = "not_found"
    #: Two addresses of one register that have the same form: `A` as house letter, and as addition.
    AMBIGUOUS = "ambiguous"
    #: One value at more records than one person, address or enterprise can have.
    CROWD = "crowd"
