"""A log entry: the public part of one line of the processing log, after the Logboek Dataverwerkingen.

What is public is meant to be shown to every controller, and stays for as long as the log stays. So it holds
who did which step, when, under which processing activity, with which digests and counts; never a person.
What is about people, or may have to go, is in the *details*, of which the entry holds only a salted hash.
The details can be destroyed; the entry and its place in the Merkle tree stay.

The bytes of a leaf (the only form that is hashed, stored and shown to a verifier):

1. RFC 8785 canonical JSON, UTF-8, of one object with exactly the ten members of `LogEntry`;
2. every member is present; what is absent is `null`;
3. times are whole milliseconds since 1970-01-01 UTC, up to the end of the year 9999;
4. numbers are whole and at most 2^53 - 1 in size, the names of attributes are ASCII; so that any JSON
   library, in any language, gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    ValidationError,
    model_validator,
)

from lsi_match.base.canonical import canonical_json
from lsi_match.base.errors import LsiError, all_wrong
from lsi_match.base.validation import RuleViolation

#: Bytes of chance in front of the details. Without them, few possible details could simply be tried.
SALT_SIZE = 32

#: The largest whole number that every JSON library keeps (RFC 8785, section 3.2.2.3; RFC 7493, section 2.2).
MAX_WHOLE = 2**53 - 1

AttributeName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,99}$")]
#: Long enough for the names of all partners (`manifest.base.MAX_PARTNERS`).
AttributeText = Annotated[str, StringConstraints(strict=True, max_length=16_000)]
Whole = Annotated[StrictInt, Field(ge=-MAX_WHOLE, le=MAX_WHOLE)]
#: The last millisecond that has a date: 9999-12-31T23:59:59.999Z.
MAX_TIME = 253_402_300_799_999
Milliseconds = Annotated[StrictInt, Field(ge=0, le=MAX_TIME)]
TraceId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
SpanId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
DetailsHash = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
AttributeValue = StrictBool | Whole | AttributeText

PROCESSING_ACTIVITY = "dpl.core.processing_activity_id"
#: The address of the party whose span is the parent of this one.
FOREIGN_PROCESSOR = "dpl.core.foreign_operation.processor"
#: That span once more, in entries of version 0.1: it went from the standard before that was adopted.
FOREIGN_SPAN = "dpl.core.foreign_operation.span_id"
#: Attributes of the standard that point at a person. They belong in the details.
ABOUT_A_PERSON = frozenset({"dpl.core.data_subject_id"})

_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)

#: The same bytes as RFC 8785 for what a `LogEntry` can hold (a test keeps it so), at many times the speed.
_encode = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False
).encode


class LogEntry(BaseModel):
    """The public part of one line of the log (Logboek Dataverwerkingen 1.0.0, "Logregel").

    `name` is the step, under the same name as in the flow: `drop accepted`. `resource` says which
    organisation and which system did it. `attributes` holds `dpl.core.processing_activity_id` (the address of
    the activity in the processing register) and what is ours: digests, counts, the round.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    trace_id: TraceId
    span_id: SpanId
    parent_span_id: SpanId | None = None
    status: Literal["Unset", "Ok", "Error"] = "Unset"
    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    start_time: Milliseconds
    end_time: Milliseconds
    resource: dict[AttributeName, AttributeText] = {}
    attributes: dict[AttributeName, AttributeValue] = {}
    details_hash: DetailsHash | None = None

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.end_time < self.start_time:
            raise RuleViolation.because("log.end_time", "end_time")
        if not ABOUT_A_PERSON.isdisjoint(self.attributes):
            raise RuleViolation.because("log.points_at_person", "attributes")
        for name in (PROCESSING_ACTIVITY, FOREIGN_PROCESSOR):
            address = self.attributes.get(name)
            if address is not None and not (isinstance(address, str) and ":" in address):
                raise RuleViolation.because("log.no_uri", "attributes", name=name)
        return self

    @property
    def moment(self) -> datetime:
        """When the step ended, which is when it was written."""
        return _BEGIN + timedelta(milliseconds=self.end_time)

    def leaf(self) -> bytes:
        """The bytes of the leaf: see the rules in the docstring of this module."""
        return _encode(dict(self)).encode()

    @classmethod
    def from_leaf(cls, leaf: bytes, position: int = 0) -> LogEntry:
        """Read the bytes of a leaf back. `position` is where it stands in the log, for the message.

        Raises `LeafMalformedError`, or `LeafNotCanonicalError` for the same entry written in another way
        (spaces, another order, a name twice): one entry has one form, and so one hash.
        """
        try:
            entry = cls.model_validate_json(leaf)
            again = entry.leaf()
        except ValidationError as error:
            raise LsiError("LeafMalformedError", position=position, **_problem(error)) from None
        except ValueError:
            raise LsiError("LeafMalformedError", position=position, problem="UTF-8") from None
        if again != leaf:
            raise LsiError("LeafNotCanonicalError", position=position)
        return entry


def _problem(error: ValidationError) -> dict[str, str]:
    """Which members are wrong, without their values; of our own rules also why."""
    told: dict[tuple[str, str], None] = {}
    for one in error.errors(include_input=False):
        rule = (one.get("ctx") or {}).get("error")
        if isinstance(rule, RuleViolation):
            told[f"{rule.path[0]}: {rule.nl}", f"{rule.path[0]}: {rule.en}"] = None
        else:
            member = str(one["loc"][0]) if one["loc"] else ""
            name = member if member in LogEntry.model_fields else "JSON"
            told[name, name] = None
    return all_wrong(sorted(told), ", ")


def details_hash(salt: bytes, details: dict[str, Any]) -> str:
    """`sha256:` and the hex of SHA-256(salt || RFC 8785 of `details`).

    The salt is 32 random bytes, used once. It has a fixed length, so that salt and details cannot be
    divided in another way, and it is kept and destroyed together with the details.
    """
    return details_hash_of_bytes(salt, canonical_json(details))


def details_hash_of_bytes(salt: bytes, canonical_details: bytes) -> str:
    """`details_hash` over details that are canonical JSON already."""
    if len(salt) != SALT_SIZE:
        raise ValueError(f"a salt is {SALT_SIZE} bytes")
    return "sha256:" + hashlib.sha256(salt + canonical_details).hexdigest()
