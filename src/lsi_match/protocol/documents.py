"""The signed documents that parties exchange. Each travels as a DSSE envelope over its canonical JSON.

| document | signed by | says |
| --- | --- | --- |
| `Approval` | a controller | this manifest digest is ours too, and we read its work instruction |
| `Withdrawal` | a controller | it is no longer ours |
| `Acknowledgement` | a controller, or the matcher | these roles of ours read the work instruction |
| `Justification` | a controller | why a held round may be released, or that the manifest has to change |
| `KeyShare` | the partner that made the project key | the key of an epoch, sealed to one other partner |
| `KeyCommitment` | a partner | what it will put into the project key, as a hash, and with whom it makes that key |
| `KeyReveal` | a partner | what it put in, sealed to every other partner |
| `Opening` | the matcher | a round is open, and drops are sealed to this key |
| `DropDescriptor` | a partner | what is in a drop, part by part |
| `AttributeKeys` | a partner | the key of the attributes in a drop, for who may see them |
| `OutcomeCounts` | a partner | what came of its cases, as counts per group |
| `OfficeRequest` | a partner or the matcher | what it sealed to the statistics office, and what that has to count |
| `OfficeCounts` | the client of that office | the table that it gave back |
| `ReleaseDescriptor` | the matcher | what is in a release |
| `ReleaseOpened` | a partner | it opened a release |
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    RootModel,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
    model_validator,
)

from lsi_match.base.validation import RuleViolation
from lsi_match.manifest import Digest, Document, EncryptionKey, Name, ProjectId, Prose, Text
from lsi_match.manifest.base import MAX_PARTNERS
from lsi_match.manifest.signing_key import Ed25519Key, SigningKey

RoundId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]
FileName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.-]+$", max_length=160)]
SpanId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
TraceId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]


def _aware(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise RuleViolation.because("protocol.no_zone")
    return moment


Moment = Annotated[datetime, AfterValidator(_aware)]


#: A version of this program, as what it makes says it.
ProgramVersion = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,4}(\.[0-9]{1,4}){2}$")]


#: Members that stand in a document of some rounds only.
SOMETIMES = {"asks_until", "answers_until", "evaluators"}
_CAN_BE_UNSAID = {"program", "lists", "bag", *SOMETIMES}


class Versioned(Document):
    """A document of which earlier versions stay readable: each is written with the members that it had. Who made it need not
    say with which `program`, `lists` and `bag`; what is about evaluating together stands there only where partners do.

    Attributes:
        LATER: earlier version → the members that it did not have.
    """

    LATER: ClassVar[dict[str, set[str]]] = {}

    @model_validator(mode="after")
    def _of_its_version(self) -> Self:
        if self.LATER.get(getattr(self, "format", ""), set()) & self.model_fields_set:
            raise RuleViolation.because("protocol.not_in_version", "format")
        return self

    @model_serializer(mode="wrap")
    def _as_in_its_version(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        later = self.LATER.get(getattr(self, "format", ""), set())
        written: dict[str, Any] = write(self)
        unsaid = _CAN_BE_UNSAID - self.model_fields_set
        return {name: value for name, value in written.items() if name not in later | unsaid}


#: A certificate in DER, as base64.
Certificate = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]+={0,2}$", max_length=20_000)]
#: Of who signs with a certificate: its own first, then those between it and the authority. Of who signs with a key: none.
Certificates = Annotated[tuple[Certificate, ...], Field(max_length=4)]


#: Of what people sign: the same members mean the same everywhere.


class PublicKeys(Document):
    """The public half of a party's identity: what it hands to the others."""

    name: Name
    signing_key: SigningKey
    encryption_key: EncryptionKey
    log_key: Ed25519Key | None = Field(default=None, exclude_if=lambda key: key is None)


class SignedStatement(Document):
    """What somebody at an organisation signs about one manifest: with a key, or with a certificate that goes along."""

    project: ProjectId
    manifest: Digest
    controller: Name
    certificates: Certificates = ()
    at: Moment


class Approval(SignedStatement):
    """A controller's signature under one manifest, as the text it takes responsibility for.

    `text` is the digest of what it was shown (`reports.approval_page`), `previous` of the manifest that this one was
    compared with in it; none for a first version.
    """

    format: Literal["lsi-match/approval/v1"] = "lsi-match/approval/v1"
    decision: Literal["accept"] = "accept"
    work_instruction: Digest
    statement: str = Field(max_length=2000)
    text: Digest
    previous: Digest | None = None


class Withdrawal(SignedStatement):
    """A controller no longer approves of a manifest, from `at` on."""

    format: Literal["lsi-match/withdrawal/v1"] = "lsi-match/withdrawal/v1"
    reason: Text


class Acknowledgement(SignedStatement):
    """In this organisation everybody in these roles has read the work instruction. Roles, never names of people."""

    format: Literal["lsi-match/acknowledgement/v1"] = "lsi-match/acknowledgement/v1"
    work_instruction: Digest
    roles: tuple[Text, ...] = Field(min_length=1, max_length=50)


class Reason(Document):
    """Why one difference between groups may be there: what the criterion is for, what shows that it works, which ways
    that hit the group less were weighed, why the aim outweighs the difference, what is done about it, and when that is
    looked at again."""

    aim: Prose
    works: Prose
    lighter: Prose
    balance: Prose
    measure: Prose
    review: date


class Reasons(RootModel[dict[Digest, Reason]]):
    """What one controller writes, in a YAML file, before it is signed: digest of a difference → why."""


class DpoAdvice(SignedStatement):
    """What the FG (DPO) of a controller advises about one manifest, signed by the FG. The manifest is not changed by it."""

    format: Literal["lsi-match/advice/v1"] = "lsi-match/advice/v1"
    outcome: Literal["positive", "negative"]
    text: Prose


class Justification(SignedStatement):
    """What a controller says to a report of the monitor that holds a round: why it is justified to release all the
    same, or that the manifest has to change. `findings` is the digest of the report that was read; it counts for no
    other. `reasons` are by the digest of what they justify (`RoundFindings.differences`), each of its own; `reason` is
    of the whole: why the manifest has to change, or of a report without a difference. In v1 it was of everything."""

    format: Literal["lsi-match/justification/v1", "lsi-match/justification/v2"] = "lsi-match/justification/v2"
    round: RoundId
    findings: Digest
    decision: Literal["release", "change"]
    reason: Prose | None = None
    reasons: dict[Digest, Reason] = Field(default_factory=dict, max_length=1000)

    @model_validator(mode="after")
    def _says_something(self) -> Justification:
        if bool(self.reason) == bool(self.reasons) or (self.reasons and self.decision == "change"):
            raise RuleViolation.because("protocol.reasons_or_reason")
        if len({one.model_dump_json(exclude={"review"}) for one in self.reasons.values()}) < len(
            self.reasons
        ):
            raise RuleViolation.because("protocol.same_answer", "reasons")
        return self

    def promised(self, difference: str) -> str:
        """What is done about the difference with this digest; of one that says one thing of the whole, that."""
        return self.reasons[difference].measure if difference in self.reasons else self.reason or ""

    @property
    def said(self) -> str:
        """Everything that it says, as one text."""
        texts = [
            text
            for one in self.reasons.values()
            for text in (one.aim, one.works, one.lighter, one.balance, one.measure)
        ]
        return self.reason or " ".join(texts)


class KeyShare(Document):
    """The project key for one partner. `sealed` is base64 of an age file to that partner's key."""

    format: Literal["lsi-match/key-share/v1"] = "lsi-match/key-share/v1"
    project: ProjectId
    epoch: int = Field(ge=1)
    key_check: str
    maker: Name
    to: Name
    sealed: str


class KeyCommitment(Document):
    """A partner's first word in making a project key together (docs/keys.md).

    `commitment` hides and binds its contribution. `partners` says, by the digest of their cards, with whom and to
    which keys it makes the key: a partner that was shown another card for someone finds that out here.
    """

    format: Literal["lsi-match/key-commitment/v1"] = "lsi-match/key-commitment/v1"
    project: ProjectId
    epoch: int = Field(ge=1, le=9999)
    partner: Name
    partners: dict[Name, Digest] = Field(min_length=2, max_length=MAX_PARTNERS)
    commitment: Digest


class KeyReveal(Document):
    """A partner's second word: its contribution, `sealed` for every other partner as base64 of an age file.

    `transcript` is the digest of all commitments, so that a contribution is told under one set of them only.
    """

    format: Literal["lsi-match/key-reveal/v1"] = "lsi-match/key-reveal/v1"
    project: ProjectId
    epoch: int = Field(ge=1, le=9999)
    partner: Name
    transcript: Digest
    sealed: dict[Name, str] = Field(min_length=1, max_length=MAX_PARTNERS - 1)


class KeyContribution(Document):
    """What is sealed in a `KeyReveal`, and what a commitment is the hash of: 32 random bytes and a nonce, in hex."""

    format: Literal["lsi-match/key-contribution/v1"] = "lsi-match/key-contribution/v1"
    project: ProjectId
    epoch: int = Field(ge=1, le=9999)
    partner: Name
    contribution: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    nonce: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Opening(Versioned):
    """A round: whoever delivers for it seals to `recipient`, whose secret is destroyed when the round ends.

    Drops of a round are cut in `parts` ranges of the pseudonym; `trace_id` ties what all parties do for it. Where partners
    evaluate together, `asks_until` and `answers_until` say until when.
    """

    format: Literal["lsi-match/opening/v1"] = "lsi-match/opening/v1"
    project: ProjectId
    manifest: Digest
    round: RoundId
    reference_date: date
    opened_at: Moment
    deadline: Moment
    asks_until: Moment | None = None
    answers_until: Moment | None = None
    recipient: EncryptionKey
    parts: int = Field(ge=1, le=4096)
    trace_id: TraceId


class Part(Document):
    """One sealed file of a drop or release."""

    file: FileName
    digest: Digest
    rows: Count


#: Group cell, by the name of `protocol.group_cells` → count; None is a count that was withheld.
CellCounts = dict[Annotated[str, StringConstraints(max_length=300)], Count | None]
Pattern = Annotated[str, StringConstraints(pattern=r"^[01]{2,51}$")]


class GroupCounts(Document):
    """The counts of one selection per group cell, small ones withheld.

    `reference` is the whole register as it was read; `after` is after each criterion, cumulatively; `with_signal` of
    those the records with a signal. `met` counts by combination: a `1` or `0` for every criterion in order, and one
    for having a signal. `unknown` holds, of the criteria of which it is told, of how many of the register it is not known
    whether they meet it, rounded by `protocol.withhold.coarse`.
    """

    reference: CellCounts
    after: dict[Name, CellCounts]
    with_signal: CellCounts
    met: dict[Pattern, CellCounts] = Field(max_length=5000)
    unknown: dict[Name, dict[str, Count]] = Field(default={}, exclude_if=lambda counts: not counts)


class SelectionCounts(Document):
    """What became of the records of one selection. No person in it.

    `after` holds the number of records left after each criterion, cumulatively; `invalid` counts values by
    identifier kind and reason; `without_identifier` records had nothing valid left and were not sent. `groups` is
    there when the selection has the fields of a dimension of the monitor.
    """

    read: Count
    after: dict[Name, Count]
    with_signal: Count
    invalid: dict[str, Count]
    without_identifier: Count
    duplicates: Count
    written: Count
    groups: GroupCounts | None


#: A signed document inside another.
SignedText = Annotated[str, StringConstraints(max_length=200_000)]


class AttributeKeys(Document):
    """The key that the attributes in one drop are encrypted under, for everybody who may see them (`release.to`).

    `sealed` holds it per recipient, as base64 of an age file to that recipient. The matcher hands it on as it is, so
    that a recipient knows from whom the attributes are.
    """

    format: Literal["lsi-match/attribute-keys/v1"] = "lsi-match/attribute-keys/v1"
    project: ProjectId
    manifest: Digest
    round: RoundId
    partner: Name
    span_id: SpanId
    sealed: dict[Name, str] = Field(max_length=MAX_PARTNERS - 1)

    @property
    def about(self) -> str:
        """What the attributes of a row are bound to, beside its selection and reference."""
        return f"lsi-match/v2/attributes/{self.project}/{self.round}/{self.partner}/{self.span_id}/"


class DropDescriptor(Versioned):
    """What a partner says it delivers. The digests bind the parts, the opening binds the round.

    What is in the parts follows from the version: columns one after another, or Parquet in version 1. `attribute_keys` is
    a signed `AttributeKeys`, as text; null where the partner has no attributes for others. `program` is the version of the
    program that made it, `lists` the digest of its lists of names and words (docs/protocol.md section 2), `bag` that of the
    extract of the BAG in which addresses were looked up. `evaluators` is the digest of the signed `Evaluators` under the sum
    of whose keys its pseudonyms were made, where partners evaluate together (`scheme` `v2`).
    """

    LATER: ClassVar = {"lsi-match/drop/v1": {"attribute_keys", "program", "lists", "bag", "evaluators"}}

    format: Literal["lsi-match/drop/v1", "lsi-match/drop/v2"] = "lsi-match/drop/v2"
    project: ProjectId
    manifest: Digest
    opening: Digest
    round: RoundId
    partner: Name
    scheme: Literal["v1", "v2"] = "v1"
    evaluators: Digest | None = None
    program: ProgramVersion | None = None
    lists: Digest | None = None
    bag: Digest | None = None
    key_check: str
    made_at: Moment
    span_id: SpanId
    selections: dict[Name, SelectionCounts]
    parts: tuple[Part, ...] = Field(max_length=4096)
    attribute_keys: SignedText | None = None

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)

    @property
    def stem(self) -> str:
        """How the files of this drop begin: `<stem>.drop.json`, `<stem>.part-0000.age` …"""
        return drop_stem(self.project, self.round, self.partner, self.span_id)


def drop_stem(project: str, round_id: str, partner: str, span_id: str) -> str:
    """How the files of a drop begin."""
    return f"{project}.{round_id}.{partner}.{span_id}"


def part_name(stem: str, number: int) -> str:
    """The file of part `number` of the drop whose files begin with `stem`."""
    return f"{stem}.part-{number:04d}.age"


class SampleCounts(Document):
    """What came of the people who were drawn at a partner, per group cell, small counts withheld, and in all: `drawn` of the
    `people` it did not select. `cases` are the totals of its cases, to hold them against."""

    people: Count
    drawn: Count
    totals: dict[Name, Count]
    cases: dict[Name, Count]
    grounded: CellCounts
    not_grounded: CellCounts
    outcome_unknown: CellCounts


class OutcomeCounts(Document):
    """What came of the cases of a release at one partner, per group cell; small counts withheld, and no case named.

    A case is in the cell of the partner's own records in it. One of which nothing was entered is unknown.
    """

    format: Literal["lsi-match/outcome-counts/v1"] = "lsi-match/outcome-counts/v1"
    project: ProjectId
    manifest: Digest
    round: RoundId
    partner: Name
    release: Digest
    grounded: CellCounts
    not_grounded: CellCounts
    outcome_unknown: CellCounts
    sample: SampleCounts | None = Field(default=None, exclude_if=lambda sample: sample is None)
    at: Moment


class OfficeRequest(Document):
    """What a statistics office needs to count a round, beside the file `sealed` to it (`protocol.office`).

    `party` is the partner whose records are in it, or the matcher, which tells only which rows of drops are in a case. `tables`
    says which tables are asked: selection → its columns, after `request`, which holds the digest `opening`, and the
    dimensions.
    """

    format: Literal["lsi-match/office-request/v1"] = "lsi-match/office-request/v1"
    project: ProjectId
    manifest: Digest
    opening: Digest
    round: RoundId
    party: Name
    office: Name
    sealed: Part
    tables: dict[str, tuple[str, ...]]
    dimensions: dict[Name, tuple[Name, ...]]
    rounded_to: int
    at: Moment

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.project}.{self.round}.{self.party}.office.json"


class OfficeCounts(Document):
    """The table that a statistics office gave back of a round: selection → column → group cell → count, rounded."""

    format: Literal["lsi-match/office-counts/v1"] = "lsi-match/office-counts/v1"
    project: ProjectId
    manifest: Digest
    opening: Digest
    round: RoundId
    partner: Name
    tables: dict[str, dict[str, CellCounts]]
    at: Moment


class ReleasedAttributes(Document):
    """What a release holds of the attributes of one other partner: so many of its records are in cases, and its signed
    `AttributeKeys`, as text."""

    rows: Count
    keys: SignedText


class ReleaseDescriptor(Versioned):
    """What a partner receives: its own records that are in a case, sealed to it."""

    LATER: ClassVar = {"lsi-match/release/v1": {"attributes", "program"}}

    format: Literal["lsi-match/release/v1", "lsi-match/release/v2"] = "lsi-match/release/v2"
    project: ProjectId
    manifest: Digest
    round: RoundId
    partner: Name
    drop: Digest | None = Field(
        description="The drop whose references this release answers; none when none came."
    )
    released_at: Moment
    expires_at: Moment
    span_id: SpanId
    cases: Count
    parts: tuple[Part, ...] = Field(max_length=1)
    attributes: dict[Name, ReleasedAttributes] = Field(default_factory=dict)
    program: ProgramVersion | None = None


class ReleaseOpened(Document):
    """A partner opened a release: which (the digest of its descriptor) and when. Not who sat at the keyboard."""

    format: Literal["lsi-match/opened/v1"] = "lsi-match/opened/v1"
    project: ProjectId
    round: RoundId
    partner: Name
    release: Digest
    span_id: SpanId
    at: Moment

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.project}.{self.round}.{self.partner}.{self.span_id}{OPENED_SUFFIX}"


#: How the file of a `ReleaseOpened` ends.
OPENED_SUFFIX = ".opened.json"
