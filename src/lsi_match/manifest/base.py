"""What every part is made of: forms of texts, how much there may be of something, and names with a meaning of their own."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from inspect import getfile
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    GetJsonSchemaHandler,
    StringConstraints,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from lsi_match.base.catalogue import catalogue, word
from lsi_match.base.errors import Language
from lsi_match.base.validation import DIGEST, NAME, PROJECT_ID, Closed, RuleViolation
from lsi_match.criteria.parse import REFERENCE_DATE, CriterionError, FieldType, Predicate, parse_predicate


def _readable(text: str) -> str:
    """Refuse characters that a reader cannot see: control, direction and zero-width characters."""
    if any(unicodedata.category(c) in ("Cc", "Cf") and c != "\n" for c in text):
        raise RuleViolation.because("manifest.hidden")
    return text


#: `date`, for fields that are called date themselves.
Day = date
Name = Annotated[str, StringConstraints(pattern=NAME)]
Text = Annotated[
    str, StringConstraints(min_length=1, max_length=5000, strip_whitespace=True), AfterValidator(_readable)
]
Prose = Annotated[
    str, StringConstraints(min_length=40, max_length=10000, strip_whitespace=True), AfterValidator(_readable)
]
ProjectId = Annotated[str, StringConstraints(pattern=PROJECT_ID, max_length=63)]
#: A recipient of age: X25519, or with ML-KEM-768 beside it (`age1pq1…`).
EncryptionKey = Annotated[str, StringConstraints(pattern=r"^age1([0-9a-z]{58}|pq1[0-9a-z]{1952})$")]


def is_hybrid(recipient: str) -> bool:
    """Whether what is sealed to this key withstands a quantum computer too."""
    return recipient.startswith("age1pq1")


Digest = Annotated[str, StringConstraints(pattern=DIGEST)]

#: An entry of the log, of 65,535 bytes at most, holds two digests of each partner under its name.
MAX_PARTNERS = 200
#: Records of a round are numbered in 32 bits.
MAX_RECORDS = 2**32 - 1
#: Signals of one partner travel as bits of one number, and so are the criteria counted that a record meets.
MAX_SIGNALS = 62
MAX_CRITERIA = 50
#: A group cell travels as one byte (`protocol.group_cells`), of which 255 says that nothing is known.
MAX_CELLS = 256
MAX_DIMENSIONS = 4
#: What lies beyond it is no amount, and no number that every reader of JSON keeps exactly.
MAX_EDGE = 10**12
UNKNOWN_GROUP = 255
#: The group of a record of which nothing is known in a dimension.
UNKNOWN = "unknown"
#: Position of "no value" in an attribute column.
NO_VALUE = 65535
#: Months are counted from year 0, up to and including the year 5000.
MONTHS = 5001 * 12
#: Columns that are made from a record beside its fields, and columns of matching and release beside the partners':
#: a field, partner or signal of the same name would stand in their place.
RESERVED_FIELDS = frozenset({REFERENCE_DATE, "record_id", "signals", "group"})
#: `matcher` in the trust root; `none` and `controllers` in the policy of a log (C2SP tlog-policy); `unknown` in its entries.
RESERVED_PARTIES = frozenset({"matcher", "none", "controllers", "unknown"})
RESERVED_COLUMNS = frozenset(
    {"subject", "cell", "case_id", "reference", "selection", "record_id", REFERENCE_DATE}
)
#: Kind of attribute → the types of the fields it can be made from.
ATTRIBUTE_TYPES = {
    "listed": {FieldType.TEXT, FieldType.INTEGER},
    "boolean": {FieldType.BOOLEAN},
    "band": {FieldType.INTEGER, FieldType.DECIMAL},
    "month": {FieldType.DATE},
}


def no_twins(what: str, names: list[Any], member: str = "") -> None:
    """Refuse names that occur twice in the list `member` of a document."""
    twins = sorted({str(name) for name in names if names.count(name) > 1})
    if twins:
        nl = word("twins", what, "nl")
        where = (member, len(names) - 1 - names[::-1].index(twins[0])) if member else ()
        raise RuleViolation.because("manifest.named_twice", *where, what_nl=nl, name=twins[0], what=what)


def parsed(when: str, fields: Mapping[str, FieldType], *path: str | int) -> Predicate:
    """A predicate of this document, that stands at `path`."""
    try:
        return parse_predicate(when, fields)
    except CriterionError as error:
        raise RuleViolation.by(error, *path) from None


_NUMBERS = (int, float, int | None)


class Document(Closed):
    """Base of every part: nothing that is not declared, nothing that changes."""

    @model_validator(mode="before")
    @classmethod
    def _numbers_are_numbers(cls, value: Any) -> Any:
        """A number in quotes is a text: "10.000" would be read as 10. Yes and no are none either: `true` would be read as 1."""
        for name, field in cls.model_fields.items() if isinstance(value, dict) else ():
            given = value.get(name)
            if field.annotation not in _NUMBERS:
                continue
            if isinstance(given, str) and re.search(r"\d", given):
                raise RuleViolation.because("manifest.number_in_quotes", name)
            if isinstance(given, bool):
                raise RuleViolation.because("manifest.no_number", name)
        return value

    @classmethod
    def meaning_of(cls, field: str) -> dict[Language, str]:
        """What a field is for, by language, as far as that is said: `descriptions.toml` beside the module of its class."""
        for model in cls.__mro__:
            if issubclass(model, Document):
                texts = catalogue(Path(getfile(model)).with_name("descriptions.toml"))
                found: dict[Language, str] = texts.get(model.__name__, {}).get(field, {})
                if found:
                    return found
        return {}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """With what each field is for, in both languages, as editors show it."""
        schema = handler(core_schema)
        parts = handler.resolve_ref_schema(schema).get("properties", {})
        for name, field in cls.model_fields.items():
            part = parts.get(field.alias or name)
            if part is not None and (texts := cls.meaning_of(name)):
                part["description"] = "\n\n".join(texts.values())
        return schema
