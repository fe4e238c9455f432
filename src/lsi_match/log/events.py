"""What an entry of the log says, as a typed event: one small frozen model per step, in and out.

This is the only place that knows the names of attributes. A field `opening` stands in the entry as `lsi.opening`, a field
of `PerName` as one attribute per name: `releases` as `lsi.release.uwv`, `lsi.release.svb`. The names and forms do not
change: an entry of this form stays readable for ever. The table of steps in docs/log.md and
schemas/log-event.schema.json are made from these models (`python -m lsi_match.cli.schemas`).
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationError,
)

from lsi_match.base.catalogue import word
from lsi_match.base.errors import LsiError, all_wrong, problem
from lsi_match.base.validation import DIGEST
from lsi_match.log.entry import FOREIGN_PROCESSOR, FOREIGN_SPAN, MAX_TIME, PROCESSING_ACTIVITY, LogEntry
from lsi_match.log.steps import Step

Status = Literal["Unset", "Ok", "Error"]
PREFIX = "lsi."
MANIFEST = "lsi.manifest"
#: Who wrote the entry, in its `resource`.
PARTY = "lsi.party"
#: Attributes that any entry can have beside those of its step.
_OF_ANY_STEP = frozenset({PROCESSING_ACTIVITY, FOREIGN_SPAN, FOREIGN_PROCESSOR, MANIFEST})
REASON, MESSAGE = "exception.type", "exception.message"
#: How much of a refusal's text stands in an entry.
_LONGEST_MESSAGE = 1000


class EventMalformedError(LsiError): ...


def _split(value: Any) -> Any:
    return (
        tuple(filter(None, (part.strip() for part in value.split(",")))) if isinstance(value, str) else value
    )


def _from_seconds(value: Any) -> Any:
    known = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_TIME // 1000
    return datetime.fromtimestamp(value, UTC) if known else value


Digest = Annotated[str, StringConstraints(pattern=DIGEST)]
#: Names in one text, in the order of the entry: `uwv, svb`.
Names = Annotated[tuple[str, ...], BeforeValidator(_split), PlainSerializer(", ".join, return_type=str)]
#: The same without spaces, as the step `hold` has them.
NamesDense = Annotated[tuple[str, ...], BeforeValidator(_split), PlainSerializer(",".join, return_type=str)]
Count = Annotated[int, Field(ge=0)]
#: A time in whole seconds since 1970.
Seconds = Annotated[
    datetime,
    BeforeValidator(_from_seconds),
    PlainSerializer(lambda at: int(at.timestamp()), return_type=int),
]


@dataclass(frozen=True)
class PerName:
    """Marks a field whose values stand in the entry as one attribute per name: `<stem>.<name>`. In the documentation
    the name is called `of`."""

    stem: str
    of: str


class Event(BaseModel):
    """What one entry says. `step` and `status` tell which model reads it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    step: ClassVar[Step]
    status: ClassVar[Status] = "Ok"
    #: Field → stem of its attributes, for fields of `PerName`; attribute → field, for all others.
    stems: ClassVar[dict[str, str]] = {}
    fields: ClassVar[dict[str, str]] = {}

    def __init_subclass__(cls, *, step: Step | None = None, status: Status | None = None) -> None:
        if step is not None:
            cls.step = step
        if status is not None:
            cls.status = status

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.stems = {
            name: mark.stem
            for name, field in cls.model_fields.items()
            for mark in field.metadata
            if isinstance(mark, PerName)
        }
        cls.fields = {_attribute(name): name for name in cls.model_fields.keys() - cls.stems.keys()}

    def attributes(self) -> dict[str, str | int]:
        """The attributes of the entry, in the order of the fields; what is None is left out."""
        found: dict[str, str | int] = {}
        for name, value in self.model_dump(exclude_none=True).items():
            if name in self.stems:
                found |= {f"{PREFIX}{self.stems[name]}.{key}": one for key, one in value.items()}
            else:
                found[_attribute(name)] = value
        return found

    @classmethod
    def of(cls, attributes: Mapping[str, Any]) -> Self:
        """The event in these attributes; raises `ValidationError` where they are not those of the step."""
        found: dict[str, Any] = {}
        for name, value in attributes.items():
            if name in _OF_ANY_STEP:
                continue
            for many, stem in cls.stems.items():
                if name.startswith(f"{PREFIX}{stem}."):
                    found.setdefault(many, {})[name.removeprefix(f"{PREFIX}{stem}.")] = value
                    break
            else:
                # What is no attribute of ours must not pass for a field that happens to be called so.
                found[cls.fields.get(name) or f"?{name}"] = value
        return cls.model_validate(found)


def _attribute(field: str) -> str:
    return {"reason": REASON, "message": MESSAGE}.get(field) or f"{PREFIX}{field}"


class OfRound(Event):
    """An event of one round."""

    round: str


class Refusal(Event):
    """A step that was refused, and why: the name of the error, and its text, which hold no personal data.

    Refusing is what the program is for: the status `Error` is for technical faults (Logboek Dataverwerkingen 1.0.0,
    "status"). Version 0.1 wrote refusals with it; see `read`.
    """

    status: ClassVar[Status] = "Unset"

    reason: str
    message: str


def why(error: LsiError) -> dict[str, Any]:
    """`reason` and `message` of a refusal."""
    return {"reason": error.reason, "message": str(error)[:_LONGEST_MESSAGE]}


Papers = Annotated[
    dict[str, Digest],
    PerName("paper", "controller"),
    Field(description="digest of each signed paper; `paper.<controller>.acknowledgement` … for other kinds"),
]
Partner = Annotated[str, Field(description="which")]
Drop = Annotated[Digest, Field(description="digest of its descriptor")]
Subjects = Annotated[
    Digest | None,
    Field(
        description="digest of the [file of data subjects](#files-of-data-subjects); none where nobody can be looked up"
    ),
]

# the agreement


class ManifestRegistered(Event, step=Step.REGISTER_MANIFEST):
    """a manifest that every controller signed was taken in"""

    papers: Papers = {}


class PapersTakenIn(Event, step=Step.TAKE_IN):
    """papers about a manifest that was shared or accepted were taken in: approvals, acknowledgements, withdrawals"""

    papers: Papers = {}


class ManifestShared(Event, step=Step.SHARE):
    """a manifest was handed to controllers, to be signed"""

    to: Annotated[Names, Field(description="which")]


class TrustRootTakenIn(Event, step=Step.TRUST_ROOT):
    """a version of the trust root was taken in; from here on papers are judged by it"""

    version: int
    root: Annotated[Digest, Field(description="its digest")]
    changed: Annotated[
        Names, Field(description="the organisations that are other than in the version before")
    ]


# a round and its drops


class RoundOpened(OfRound, step=Step.OPEN_ROUND):
    """a round was opened"""

    opening: Annotated[Digest, Field(description="digest of the signed opening")]


class EvaluationsAsked(OfRound, step=Step.ASK):
    """a partner asked the others to evaluate its identifiers"""

    partner: Partner
    ask: Annotated[Digest, Field(description="digest of the signed ask")]
    keys: Annotated[Digest, Field(description="digest of its signed round keys")]
    asked: Annotated[
        dict[str, Count],
        PerName("asked", "kind"),
        Field(description="of how many identifiers of each kind, of every other partner"),
    ] = {}


class EvaluationsRefused(OfRound, Refusal, step=Step.ASK):
    """refused: what a partner sent to evaluate together does not hold"""

    partner: str


class EvaluationsAnswered(OfRound, step=Step.ANSWER):
    """a partner answered the ask of another"""

    partner: Partner
    to: Annotated[str, Field(description="who asked")]
    answer: Annotated[Digest, Field(description="digest of the signed answer")]


class EvaluatorsNamed(OfRound, step=Step.EVALUATORS):
    """the partners that answered everybody in time; only they deliver"""

    evaluators: Annotated[Digest, Field(description="digest of the signed document")]
    partners: Annotated[Names, Field(description="which")]
    left_out: Annotated[Names, Field(description="who did not ask or answer in time")]


class RoundKeysGone(OfRound, step=Step.DESTROY_KEYS):
    """a partner told that it destroyed its secrets of a round"""

    partner: Partner
    keys: Annotated[Digest, Field(description="digest of its signed round keys")]
    destroyed: Annotated[Digest, Field(description="digest of its signed notice")]


class DropArrived(OfRound, step=Step.ARRIVE):
    """a drop that came in was looked at, and holds"""

    partner: Partner
    drop: Drop
    program: Annotated[str | None, Field(description="version of the program that made it")] = None


#: Why no more drops of a partner are taken in, for as long as those that were refused lie here, or no more papers that it
#: signed: one entry a day.
TOO_MANY = ("RefusedTooOftenError", "PapersTooManyError")


class DropArrivalRefused(Refusal, step=Step.ARRIVE):
    """refused: `round` where it is one that takes drops, `drop` where it could be read"""

    round: str | None = None
    partner: str
    drop: Digest | None = None


class Reminded(OfRound, step=Step.REMIND):
    """partners that had not delivered yet were reminded"""

    days: Annotated[int, Field(description="before the deadline")]
    partners: Names


class GatesPassed(OfRound, step=Step.GATES):
    """a run checked what must hold"""


class GatesRefused(OfRound, Refusal, step=Step.GATES):
    """refused: a gate stopped a run, or kept a round from being opened"""


class DropAccepted(OfRound, step=Step.INTAKE):
    """one drop was accepted"""

    partner: Partner
    drop: Drop
    rows: Count
    parts: Count
    subjects: Subjects = None


class DropRefused(OfRound, Refusal, step=Step.INTAKE):
    """refused: it is set apart"""

    partner: str


class DropsComplete(OfRound, step=Step.COMPLETE):
    """all drops were looked at"""

    drops: Annotated[Count, Field(description="how many were accepted")]
    late: Annotated[Names, Field(description="partners without a good drop")]


class DropsIncomplete(OfRound, Refusal, step=Step.COMPLETE):
    """refused: too few of them are good"""

    late: Names


class Matched(OfRound, step=Step.MATCH):
    """cases were found"""

    cases: Count
    subjects: Subjects = None
    links: Annotated[Count | None, Field(description="how many links were made on person keys")] = None
    false_links: Annotated[
        Count | None, Field(description="how many of these are false, by the estimate of the round")
    ] = None
    false_links_at_most: Annotated[Count | None, Field(description="and at most")] = None


class MatchRefused(OfRound, Refusal, step=Step.MATCH):
    """refused: it could not be done, or gives more than the manifest allows"""

    cases: Count | None = None
    subjects: Digest | None = None


class _Counts(OfRound):
    overview: Annotated[Digest, Field(description="digest of the document with the counts")]
    like: Annotated[
        Names | None,
        Field(
            description="earlier rounds of which every partner's drop is nearly as large ([threat model](threat-model.md))"
        ),
    ] = None
    table: Annotated[
        Digest | None, Field(description="where groups are counted: digest of the counts per stage")
    ] = None
    findings: Annotated[Digest | None, Field(description="digest of the monitor's report on them")] = None
    alerts: Annotated[Count | None, Field(description="how often a group stands out")] = None
    too_little: Annotated[Count | None, Field(description="how often there was too little data to say")] = (
        None
    )


class Counted(_Counts, step=Step.COUNT):
    """counts were made"""


class CountRefused(_Counts, Refusal, step=Step.COUNT):
    """refused: a held round gives another report than before"""


class Held(OfRound, step=Step.HOLD):
    """the report has an alert that not every controller justified: nothing is released"""

    findings: Annotated[Digest, Field(description="digest of the report")]
    alerts: Count
    until: Annotated[Seconds, Field(description="end of the term, in seconds since 1970")]
    controllers: Annotated[NamesDense, Field(description="who have to justify it")]


class Justified(OfRound, step=Step.JUSTIFY):
    """justifications were taken in"""

    findings: Annotated[Digest, Field(description="digest of the report")]
    papers: Annotated[
        dict[str, Digest],
        PerName("paper", "controller"),
        Field(description="digest of the signed paper"),
    ] = {}
    decisions: Annotated[
        dict[str, Literal["release", "change"]],
        PerName("decision", "controller"),
        Field(description="`release`, or `change` for another manifest"),
    ] = {}


class OfficeCounted(OfRound, step=Step.OFFICE):
    """the table of a statistics office was taken in; the round that waited for it goes on"""

    partner: Annotated[str, Field(description="its client")]
    office: Annotated[Digest, Field(description="digest of the signed table")]


class Released(OfRound, step=Step.RELEASE):
    """releases were sealed"""

    cases: Count
    releases: Annotated[
        dict[str, Digest], PerName("release", "partner"), Field(description="digest of each release")
    ] = {}
    subjects: Annotated[
        dict[str, Digest],
        PerName("subjects", "partner"),
        Field(description="digest of its [file of data subjects](#files-of-data-subjects)"),
    ] = {}
    cosignatures: Annotated[
        Count | None, Field(description="how many it waits for, where the manifest asks for any")
    ] = None


class HandedOut(OfRound, step=Step.HAND_OUT):
    """a release that waited for cosignatures was handed out"""

    size: Annotated[Count, Field(description="of the checkpoint that has them")]
    cosigners: Names


class OutcomeTakenIn(OfRound, step=Step.OUTCOME):
    """a partner's counts of what came of its cases were taken in"""

    partner: Partner
    outcome: Annotated[Digest, Field(description="digest of the signed counts")]


class DestructionBegun(OfRound, step=Step.DESTROY, status="Unset"):
    """before that, with status `Unset`: it begins"""


class Destroyed(OfRound, step=Step.DESTROY):
    """the round's key, its drops and the run's memory were destroyed"""

    files: Annotated[Count, Field(description="how many files of drops were removed")]


class ReleaseOpened(OfRound, step=Step.OPENED):
    """a partner told that it opened a release"""

    partner: Partner
    release: Annotated[Digest, Field(description="digest of its descriptor")]
    opened: Annotated[Digest, Field(description="digest of its signed notice")]
    opened_at: Annotated[Seconds, Field(description="seconds since 1970")]


class ReleaseExpired(OfRound, step=Step.EXPIRE):
    """a release that may not be opened any more was removed"""

    partner: Partner
    release: Annotated[Digest, Field(description="digest of its descriptor")]


class AccessAsked(OfRound, step=Step.LOOK_UP):
    """a partner asked the evaluators of a round to evaluate the numbers of one person, to look it up"""

    partner: Partner
    ask: Annotated[Digest, Field(description="digest of the signed ask")]
    asked: Annotated[
        dict[str, Count],
        PerName("asked", "kind"),
        Field(description="of how many numbers of each kind: one or none"),
    ] = {}


class SubjectsDestroyed(OfRound, step=Step.DESTROY_SUBJECTS):
    """the files of data subjects of a round were destroyed, with the key of their ids"""

    files: Annotated[Count, Field(description="how many")]
    due: Annotated[Seconds, Field(description="when their term ended, in seconds since 1970")]


# what is about no round


class AccessAnswered(Event, step=Step.ACCESS):
    """a controller asked what was done with one person's data"""

    partner: Partner
    request: Annotated[Digest, Field(description="digest of the request")]
    answer: Annotated[Digest, Field(description="digest of the answer")]
    asked: Annotated[Count | None, Field(description="how many pseudonyms were asked about")] = None


#: Why a controller gets no more answers today; every controller is told.
ACCESS_TOO_OFTEN = "AccessTooOftenError"


class AccessRefused(Refusal, step=Step.ACCESS):
    """refused: `partner` is `unknown` where that could not be told"""

    partner: str


class RetentionApplied(Event, step=Step.RETENTION):
    """what is past its term and has no entry of its own was destroyed"""

    drop: Annotated[
        Count | None,
        Field(description="how many keys and files of drops of rounds that are over, stray files"),
    ] = None
    letter: Annotated[Count | None, Field(description="how many receipts and reasons of refusals")] = None
    temporary: Annotated[Count | None, Field(description="how many half-written files")] = None


class RetentionFailed(Refusal, step=Step.RETENTION, status="Error"):
    """a fault, once a day, while something cannot be destroyed"""


class CheckpointMade(Event, step=Step.CHECKPOINT):
    """once a day: the log goes on, and a copy of it lies ready to be co-signed"""

    asked: Annotated[Names, Field(description="the controllers")]


class DetailsDestroyed(Event, step=Step.DESTROY_DETAILS):
    """[audit records](#who-did-it) were destroyed, since their term was over"""

    count: Count
    entries: Annotated[
        str, Field(description="which, for example `0-41, 43`", pattern=r"^\d+(-\d+)?(, \d+(-\d+)?)*$")
    ]


class Restored(Event, step=Step.RESTORE):
    """the site was put back from a backup and from copies of this log at other places, of which this goes on from the newest"""

    backup: Annotated[Count, Field(description="entries that the log in the backup had")]
    closed: Annotated[Names, Field(description="rounds that are ended after this, since their keys are gone")]
    lost: Annotated[
        Count | None,
        Field(
            description="of a checkpoint that was signed before: the entries from here up to so many were lost, and others follow"
        ),
    ] = None
    seen: Annotated[Digest | None, Field(description="digest of the note with that checkpoint")] = None


class ForkReported(Event, step=Step.FORK, status="Error"):
    """reported: the matching environment signed a checkpoint that is none of this log"""

    partner: Annotated[str, Field(description="who sent it, or where it was found")]
    size: Annotated[Count, Field(description="entries under that checkpoint")]
    seen: Annotated[Digest, Field(description="digest of the note with it")]


class ForkExplained(Event, step=Step.FORK):
    """explained: what was reported up to here has its reason in this text"""

    explanation: Annotated[Digest, Field(description="digest of the text")]


class UnknownStep(Event):
    """An entry of a step that this version does not have. It is told, and changes nothing; what it means is not guessed."""

    step: ClassVar[Step]

    name: str


#: Every model, in the order of the steps; per step the one of what was done first.
EVENTS: tuple[type[Event], ...] = (
    ManifestRegistered, PapersTakenIn, ManifestShared, TrustRootTakenIn,
    RoundOpened, EvaluationsAsked, EvaluationsRefused, EvaluationsAnswered, EvaluatorsNamed, RoundKeysGone, DropArrived, DropArrivalRefused, Reminded,
    GatesPassed, GatesRefused, DropAccepted, DropRefused, DropsComplete, DropsIncomplete,
    Matched, MatchRefused, Counted, CountRefused, Held, Justified, OfficeCounted, Released, HandedOut,
    Destroyed, DestructionBegun, ReleaseExpired, ReleaseOpened, AccessAnswered, AccessRefused, AccessAsked,
    SubjectsDestroyed, RetentionApplied, RetentionFailed, CheckpointMade, DetailsDestroyed, OutcomeTakenIn,
    Restored, ForkReported, ForkExplained,
)  # fmt: skip
_MODELS = {(model.step.value, model.status): model for model in EVENTS}
#: Refusals as version 0.1 wrote them.
_MODELS |= {(model.step.value, "Error"): model for model in EVENTS if issubclass(model, Refusal)}
_STEPS = frozenset(step.value for step in Step)


@dataclass(frozen=True)
class Recorded:
    """An event with where it stands in the log, and the entry that has it."""

    position: int
    entry: LogEntry
    event: Event

    @property
    def at(self) -> datetime:
        return self.entry.moment

    @property
    def manifest(self) -> str:
        """The digest of the manifest under which the step ran."""
        return manifest_of(self.entry)

    @property
    def round(self) -> str | None:
        """The round that the event is about; None when it is about none."""
        return getattr(self.event, "round", None)

    @property
    def refused(self) -> bool:
        """Whether it says why something was refused."""
        return bool(getattr(self.event, "reason", None))


def read(position: int, entry: LogEntry) -> Recorded:
    """What the entry at `position` says. A step that this version does not have gives an `UnknownStep`.

    Raises:
        EventMalformedError: a step that it has, with attributes or a status that are not those of the step.
    """
    if entry.name not in _STEPS:
        return Recorded(position, entry, UnknownStep(name=entry.name))
    model = _MODELS.get((entry.name, entry.status))
    if model is None:
        raise EventMalformedError(position=position, step=entry.name, problem=f"status {entry.status}")
    try:
        return Recorded(position, entry, model.of(entry.attributes))
    except ValidationError as error:
        raise EventMalformedError(position=position, step=entry.name, **_problem(model, error)) from None


def read_sound(entries: Iterable[tuple[int, LogEntry]]) -> Iterator[Recorded]:
    """`read` of each of these; those that do not fit are left out, as verifying the log tells them."""
    for position, entry in entries:
        with suppress(EventMalformedError):
            yield read(position, entry)


def _problem(model: type[Event], error: ValidationError) -> dict[str, str]:
    """Which attributes are missing, or are not as they should be; never what they hold."""
    missing, wrong = set[str](), set[str]()
    for one in error.errors(include_input=False, include_url=False):
        field = str(one["loc"][0]) if one["loc"] else "?"
        own = _attribute(field) if field in model.model_fields else field.removeprefix("?")
        name = f"{PREFIX}{model.stems[field]}" if field in model.stems else own
        (missing if one["type"] == "missing" else wrong).add(name)
    told = [problem("log.attribute_missing", name=name) for name in sorted(missing)]
    return all_wrong([*told, *(problem("log.attribute_unfit", name=name) for name in sorted(wrong))], ", ")


# entries as they stand, whether they fit or not


def facts(entry: LogEntry) -> dict[str, str | int | bool]:
    """What the attributes of an entry say of its step, without prefix; for who shows an entry as it stands."""
    ours = {name: value for name, value in entry.attributes.items() if name.startswith(PREFIX)}
    return {name.removeprefix(PREFIX): value for name, value in ours.items() if name != MANIFEST}


def manifest_of(entry: LogEntry) -> str:
    """The digest of the manifest under which a step ran."""
    return str(entry.attributes.get(MANIFEST, ""))


def status_of(entry: LogEntry) -> Status:
    """The status as this version writes it: version 0.1 gave refusals the one of technical faults."""
    model = _MODELS.get((entry.name, entry.status))
    return model.status if model else entry.status


def refused_for(entry: LogEntry) -> str:
    """The name of the error that refused a step; empty when it was not refused."""
    return str(entry.attributes.get(REASON, ""))


# what is made from the models


def table_of_steps() -> str:
    """The table of steps, as Markdown: name, name in Dutch, when, attributes."""
    lines = ["| `name` | in Dutch | when | attributes (`lsi.` in front) |", "| --- | --- | --- | --- |"]
    for step in Step:
        models = [model for model in EVENTS if model.step == step]
        when = "; ".join(str(model.__doc__) for model in models)
        told = ", ".join(_described(models[0]))
        lines.append(f"| `{step.value}` | {word('step', step, 'nl')} | {when} | {told or 'none'} |")
    return "\n".join(lines) + "\n"


def _described(model: type[Event]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if name == "round":
            continue
        of = next((mark for mark in field.metadata if isinstance(mark, PerName)), None)
        attribute = f"`{of.stem}.<{of.of}>`" if of else f"`{name}`"
        yield f"{attribute}: {field.description}" if field.description else attribute


def schema() -> dict[str, Any]:
    """The JSON Schema of an entry by its step: which attributes it has. Its members are those of `log-entry`."""
    return {
        "title": "LogEvent",
        "description": "What an entry of the log says, by its step and status.",
        "oneOf": [_schema(model) for model in EVENTS],
    }


def _schema(model: type[Event]) -> dict[str, Any]:
    made = model.model_json_schema(mode="serialization")
    properties: dict[str, Any] = {name: {"type": "string"} for name in sorted(_OF_ANY_STEP)}
    patterns: dict[str, Any] = {}
    required = [MANIFEST]
    for name, field in model.model_fields.items():
        told = made["properties"][name]
        if name in model.stems:
            patterns[f"^{PREFIX}{model.stems[name]}\\."] = told["additionalProperties"]
            continue
        kinds = [one for one in told.get("anyOf", [told]) if one.get("type") != "null"]
        properties[_attribute(name)] = {
            key: v for key, v in kinds[0].items() if key not in ("title", "default")
        }
        if field.is_required():
            required.append(_attribute(name))
    attributes: dict[str, Any] = {"type": "object", "properties": properties}
    if patterns:
        attributes["patternProperties"] = patterns
    attributes |= {"required": required, "additionalProperties": False}
    return {
        "title": model.__name__,
        "type": "object",
        "properties": {
            "name": {"const": model.step.value},
            "status": {"const": model.status},
            "attributes": attributes,
        },
        "required": ["name", "status", "attributes"],
    }
