"""The manifest: the one document that every controller signs and that alone decides what a run does.

Its identity is the SHA-256 of its canonical JSON. The models hold structure and the rules that can be seen
from the document itself; whether it may run today (approvals, advice, period) is decided by the gates.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import islice, product
from math import prod
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from lsi_match.protocol.canonical import canonical_json, digest_of_bytes
from lsi_match.protocol.criteria import FIELD_NAME, REFERENCE_DATE, FieldType, Predicate, parse_predicate
from lsi_match.protocol.equality import CharacteristicKind, known_characteristics, special_groups, uses
from lsi_match.protocol.identifiers import (
    ADDRESS_PARTS,
    UNIT_OF,
    IdentifierForm,
    IdentifierKind,
    Unit,
)
from lsi_match.protocol.person_keys import PERSON_KEYS


def _readable(text: str) -> str:
    """Refuse characters that a reader cannot see: control, direction and zero-width characters."""
    if any(unicodedata.category(c) in ("Cc", "Cf") and c != "\n" for c in text):
        raise ValueError("a character that cannot be seen")
    return text


Name = Annotated[str, StringConstraints(pattern=FIELD_NAME.pattern)]
Text = Annotated[
    str, StringConstraints(min_length=1, max_length=5000, strip_whitespace=True), AfterValidator(_readable)
]
Prose = Annotated[
    str, StringConstraints(min_length=40, max_length=10000, strip_whitespace=True), AfterValidator(_readable)
]
Identity = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=63)]
Ed25519Key = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
#: Ed25519 as 64 hex digits; ECDSA, which is what most hardware has, as its scheme and the compressed point.
SigningKey = Annotated[
    str,
    StringConstraints(
        pattern=r"^([0-9a-f]{64}|ecdsa-sha2-nistp256:0[23][0-9a-f]{64}|ecdsa-sha2-nistp384:0[23][0-9a-f]{96})$"
    ),
]
EncryptionKey = Annotated[str, StringConstraints(pattern=r"^age1[0-9a-z]{58}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]

#: Signals of one partner travel as bits of one number, and so are the criteria counted that a record meets.
MAX_SIGNALS = 62
MAX_CRITERIA = 50
#: A group cell travels as one byte (`protocol.cells`), of which 255 says that nothing is known.
MAX_CELLS = 256
MAX_DIMENSIONS = 4
UNKNOWN_GROUP = 255
#: The group of a record of which nothing is known in a dimension.
UNKNOWN = "unknown"
#: Position of "no value" in an attribute column.
NO_VALUE = 65535
#: Columns that are made from a record beside its fields, and columns of matching and release beside the partners':
#: a field, partner or signal of the same name would stand in their place.
RESERVED_FIELDS = frozenset({REFERENCE_DATE, "record_id", "signals", "group"})
RESERVED_COLUMNS = frozenset({"subject", "cell", "case_id", "reference", "selection", "record_id"})
#: Kind of attribute → the types of the fields it can be made from.
ATTRIBUTE_TYPES = {
    "listed": {FieldType.TEXT, FieldType.INTEGER},
    "boolean": {FieldType.BOOLEAN},
    "band": {FieldType.INTEGER, FieldType.DECIMAL},
    "month": {FieldType.DATE},
}


def _no_twins(what: str, names: list[Any]) -> None:
    twins = sorted({str(name) for name in names if names.count(name) > 1})
    if twins:
        raise ValueError(f"the {what} '{twins[0]}' is named twice")


class Document(BaseModel):
    """Base of every part: nothing that is not declared, nothing that changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Organisation(Document):
    """A party with keys: a controller, or the matcher."""

    title: Text = Field(description="Volledige naam. Full name.")
    oin: Annotated[str, StringConstraints(pattern=r"^\d{20}$")] = Field(
        description="Organisatie-identificatienummer, 20 cijfers. Organisation identification number."
    )
    signing_key: SigningKey = Field(
        description="Openbare sleutel: Ed25519 als hex, of ecdsa-sha2-nistp256:hex. Public key: Ed25519 as hex, or ecdsa-sha2-nistp256:hex."
    )
    encryption_key: EncryptionKey = Field(description="Openbare age-sleutel. Public age recipient.")


class Controller(Organisation):
    """A joint controller (art. 26 AVG)."""

    dpo_contact: Text = Field(description="Hoe de FG te bereiken is. How to reach the DPO.")


class Matcher(Organisation):
    """The matching environment. `domain` names its logs: `<domain>/<project>`; their checkpoints are Ed25519."""

    signing_key: Ed25519Key = Field(description="Openbare Ed25519-sleutel, hex. Public Ed25519 key, hex.")
    domain: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$")]


class Period(Document):
    """First and last day on which a round may run."""

    first: date
    last: date

    @model_validator(mode="after")
    def _in_order(self) -> Period:
        if self.last < self.first:
            raise ValueError("the last day lies before the first")
        return self


class Project(Document):
    id: Identity
    title: Text
    type: Literal["theme", "neighbourhood"]
    place: Text
    period: Period
    leader: Text


class Basis(Document):
    """The parts of the project plan that the study of 2024 asks for; each in full sentences."""

    legal_basis: Prose
    purpose: Prose
    necessity: Prose
    proportionality: Prose
    subsidiarity: Prose
    intrusion: Prose
    personal_data: Prose = Field(description="Gevolgen voor de bescherming van persoonsgegevens.")
    equal_treatment: Prose = Field(description="Gevolgen voor gelijke behandeling.")


class Dpia(Document):
    reference: Text
    date: date


class Advice(Document):
    """The advice of one controller's DPO, and what was done with it."""

    date: date
    outcome: Literal["positive", "negative"]
    reference: Text
    answer: Text | None = None
    characteristics: tuple[Name, ...] = Field(
        default=(),
        description="Gronden van discriminatie waar het advies over gaat. Grounds of discrimination it is about.",
    )


class WorkInstruction(Document):
    title: Text
    digest: Digest
    acknowledged_by: tuple[Text, ...] = Field(
        min_length=1, description="Rollen die moeten tekenen voor gelezen."
    )


class Pseudonyms(Document):
    """Which pseudonyms the drops of this project hold."""

    scheme: Literal["v1"] = "v1"
    epoch: int = Field(ge=1, le=9999)
    key_check: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class Subject(Document):
    """What a case is about, and through which identifiers records come together."""

    unit: Unit
    identifiers: tuple[IdentifierKind, ...] = ()
    person_keys: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> Subject:
        for kind in self.identifiers:
            if UNIT_OF[kind] is not self.unit:
                raise ValueError(f"a {self.unit} is not identified by {kind}")
        unknown = set(self.person_keys) - PERSON_KEYS.keys()
        if unknown:
            raise ValueError(f"unknown person keys: {', '.join(sorted(unknown))}")
        if self.person_keys and self.unit is not Unit.PERSON:
            raise ValueError("person keys are for persons")
        if not self.kinds:
            raise ValueError("name at least one identifier or person key")
        if len(set(self.kinds)) != len(self.kinds):
            raise ValueError("an identifier is named twice")
        return self

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of pseudonym, in the order of the columns of a drop."""
        return tuple(k.value for k in self.identifiers) + tuple(f"pk_{name}" for name in self.person_keys)


class Characteristic(Document):
    """A ground of discrimination, or what often goes together with one, that fields of this project have to do with."""

    kind: CharacteristicKind
    label: Text
    rationale: Prose = Field(
        description="Waarom dit kenmerk toch gebruikt wordt en wat het voor groepen betekent. Why it is used all the same."
    )
    legal_basis: Text | None = Field(
        default=None,
        description="Wettelijke rechtvaardiging; verplicht als een grond helpt selecteren. Legal justification of a ground.",
    )


class SourceField(Document):
    """A field of a partner's register that criteria may look at."""

    type: FieldType
    meaning: Text
    characteristic: Name | None = Field(
        default=None,
        description="Kenmerk uit `characteristics` waar dit veld mee te maken heeft. Characteristic it has to do with.",
    )


class Rule(Document):
    """A predicate with an id and a reason."""

    id: Name
    when: Text
    rationale: Text


class Signal(Document):
    """Why a partner has a record in mind: a coded value, true when its predicate is."""

    id: Name
    when: Text
    label: Text


class IdentifierSource(Document):
    """From which fields an identifier is made. An address names up to four, in the order of `ADDRESS_PARTS`."""

    kind: IdentifierKind
    fields: tuple[Name, ...] = Field(min_length=1, max_length=4)
    form: IdentifierForm = IdentifierForm.PLAIN


class Attribute(Document):
    """A value that goes along with a case: listed values, yes/no, bands, or whole months. Never free text."""

    id: Name
    field: Name
    kind: Literal["listed", "boolean", "band", "month"]
    values: tuple[Text, ...] = ()
    edges: tuple[int, ...] = ()
    rationale: Text

    @model_validator(mode="after")
    def _complete(self) -> Attribute:
        if (self.kind == "listed") != bool(self.values) or (self.kind == "band") != bool(self.edges):
            raise ValueError("listed attributes give 'values', bands give 'edges', others neither")
        if len(self.values) > 500 or len(self.edges) > 50 or list(self.edges) != sorted(set(self.edges)):
            raise ValueError("at most 500 values; at most 50 edges, each larger than the one before")
        return self

    def labels(self) -> tuple[str, ...]:
        """The label of every position an attribute column may hold (months are counted, not listed)."""
        if self.kind == "listed":
            return self.values
        if self.kind == "boolean":
            return ("nee", "ja")
        if self.kind == "band":
            inner = [f"{low} tot {high}" for low, high in zip(self.edges, self.edges[1:], strict=False)]
            return (f"minder dan {self.edges[0]}", *inner, f"{self.edges[-1]} of meer")
        return ()

    def label(self, position: int) -> str:
        """The label of one position; a month is `yyyy-mm`, counted from year 0."""
        if position == NO_VALUE:
            return ""
        return (
            f"{position // 12:04d}-{position % 12 + 1:02d}"
            if self.kind == "month"
            else self.labels()[position]
        )


class Volume(Document):
    """How many records a selection is expected to deliver. Outside it the drop is refused."""

    at_least: int = Field(ge=0)
    at_most: int = Field(gt=0, le=20_000_000)


class Selection(Document):
    """What one partner selects from one register."""

    id: Name
    source: Text = Field(description="Register waaruit wordt geselecteerd. Register that is selected from.")
    fields: dict[Name, SourceField] = Field(min_length=1)
    identifiers: tuple[IdentifierSource, ...] = ()
    person: dict[
        Literal["given_name", "surname", "birth_date", "postcode", "house_number", "street", "place"], Name
    ] = Field(
        default_factory=dict,
        description="Velden voor persoonssleutels. Fields that person keys are made from.",
    )
    criteria: tuple[Rule, ...] = Field(min_length=1, max_length=MAX_CRITERIA)
    signals: tuple[Signal, ...] = Field(min_length=1)
    attributes: tuple[Attribute, ...] = ()
    volume: Volume

    @property
    def field_types(self) -> dict[str, FieldType]:
        return {name: field.type for name, field in self.fields.items()}

    def predicates(self) -> dict[str, Predicate]:
        """Criterion id → parsed predicate, in order."""
        return {rule.id: parse_predicate(rule.when, self.field_types) for rule in self.criteria}

    def signal_predicates(self) -> dict[str, Predicate]:
        """Signal id → parsed predicate, in order."""
        return {signal.id: parse_predicate(signal.when, self.field_types) for signal in self.signals}

    @model_validator(mode="after")
    def _consistent(self) -> Selection:
        for name in self.fields:
            if name in RESERVED_FIELDS or name.startswith("attribute_"):
                raise ValueError(f"a field cannot be called '{name}', which has a meaning of its own")
        _no_twins("criterion", [rule.id for rule in self.criteria])
        _no_twins("signal", [signal.id for signal in self.signals])
        _no_twins("attribute", [attribute.id for attribute in self.attributes])
        _no_twins("identifier", [source.kind for source in self.identifiers])
        used = [name for source in self.identifiers for name in source.fields] + list(self.person.values())
        used += [attribute.field for attribute in self.attributes]
        for name in used:
            if name not in self.fields:
                raise ValueError(f"the field '{name}' is used but not declared")
        for attribute in self.attributes:
            if self.fields[attribute.field].type not in ATTRIBUTE_TYPES[attribute.kind]:
                raise ValueError(
                    f"the attribute '{attribute.id}' is {attribute.kind}, and the type of its field does not fit"
                )
        for source in self.identifiers:
            if source.kind is IdentifierKind.ADDRESS:
                if len(source.fields) < 2:
                    raise ValueError(
                        f"an address is made from {', '.join(ADDRESS_PARTS)} (the last two may be absent)"
                    )
            elif len(source.fields) != 1:
                raise ValueError(f"{source.kind} is made from one field")
            if source.form is IdentifierForm.LOONHEFFING and source.kind not in (
                IdentifierKind.BSN,
                IdentifierKind.RSIN,
            ):
                raise ValueError("form 'loonheffing' gives a bsn or an rsin")
        if not self.identifiers and not self.person:
            raise ValueError("a selection needs identifiers or fields for person keys")
        self.predicates()
        self.signal_predicates()
        return self


class Partner(Document):
    """What one organisation selects. Its name is the name of its controller."""

    selections: tuple[Selection, ...] = Field(min_length=1, max_length=50)

    @model_validator(mode="after")
    def _consistent(self) -> Partner:
        _no_twins("selection", [selection.id for selection in self.selections])
        _no_twins("signal", [signal.id for signal in self.signals])
        if len(self.signals) > MAX_SIGNALS:
            raise ValueError(f"a partner has at most {MAX_SIGNALS} signals")
        for one in self.attributes:
            if any(other.id == one.id and other.labels() != one.labels() for other in self.attributes):
                raise ValueError(f"the attribute '{one.id}' has different values in two selections")
        return self

    @property
    def signals(self) -> tuple[Signal, ...]:
        """All signals, in the order of their bits in a drop."""
        return tuple(signal for selection in self.selections for signal in selection.signals)

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        return tuple(attribute for selection in self.selections for attribute in selection.attributes)

    @property
    def attribute_ids(self) -> tuple[str, ...]:
        """The attribute columns of a drop, in order, each once."""
        return tuple(dict.fromkeys(attribute.id for attribute in self.attributes))


class Match(Document):
    """Which subjects are cases: a predicate over `partners`, each partner, and each `<partner>_<signal>`."""

    rule: Text
    rationale: Text


class Show(Document):
    """What one recipient sees of the others in a case. Nothing that is not named here."""

    signals_of: tuple[Name, ...] = ()
    attributes_of: tuple[Name, ...] = ()


class Release(Document):
    max_cases: int = Field(gt=0, le=1_000_000)
    to: dict[Name, Show]
    keep_days: int = Field(gt=0, le=3650)


class Group(Document):
    """A group of a dimension: a record belongs to the first whose predicate is true."""

    id: Name
    when: Text
    label: Text


class Dimension(Document):
    """One way of dividing people into groups that the monitor counts by."""

    id: Name
    label: Text
    role: Literal["protected", "legitimate"] = Field(
        default="protected",
        description="`protected`: groepen die worden vergeleken; `legitimate`: waarbinnen. Groups compared, or within which.",
    )
    groups: tuple[Group, ...] = Field(min_length=2, max_length=MAX_CELLS - 2)
    baseline: Name | None = Field(
        default=None,
        description="Groep waarmee de andere worden vergeleken; zonder: elke groep met alle andere samen.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Dimension:
        names = [group.id for group in self.groups]
        _no_twins("group", names)
        if UNKNOWN in names:
            raise ValueError(f"a group cannot be called '{UNKNOWN}', which has a meaning of its own")
        if self.baseline is not None and self.baseline not in names:
            raise ValueError(f"the baseline '{self.baseline}' is no group of '{self.id}'")
        return self


class Reference(Document):
    """A published table that selections are compared with, in place of each partner's register."""

    source: Text = Field(description="Waar de tabel vandaan komt. Where the table is from.")
    counts: dict[str, Annotated[int, Field(ge=0, le=1_000_000_000)]] = Field(
        description="Cel (de groep van iedere dimensie, met `|` ertussen) → aantal. Cell → count."
    )
    sampled: bool = Field(default=False, description="De aantallen komen uit een steekproef. From a sample.")
    rounded_to: int = Field(
        default=1, ge=1, le=1000, description="Eenheid waarop is afgerond. Unit of rounding."
    )


class Monitor(Document):
    """What is counted per group at every stage, with what it is compared, and when a run is held."""

    dimensions: tuple[Dimension, ...] = Field(default=(), max_length=MAX_DIMENSIONS)
    reference: Literal["register"] | Reference = "register"
    tolerance: float = Field(
        default=1.25,
        gt=1,
        le=10,
        description="Verhouding tot waar een verschil wordt aanvaard. Ratio up to which a difference is accepted.",
    )
    confidence: float = Field(
        default=0.95, ge=0.8, le=0.999, description="Zekerheid van het hele rapport. Of the whole report."
    )
    looks: int = Field(
        default=12,
        ge=1,
        le=1000,
        description="Aantal rondes dat samen die zekerheid deelt. Rounds that share that confidence.",
    )
    smallest_cell: int = Field(default=10, ge=2, le=1000)
    hold_on_too_little: bool = Field(
        default=False,
        description="Ook aanhouden als er te weinig gegevens zijn. Hold as well where there is too little data.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Monitor:
        _no_twins("dimension", [dimension.id for dimension in self.dimensions])
        if prod(len(dimension.groups) + 1 for dimension in self.dimensions) > MAX_CELLS:
            raise ValueError(
                f"the groups of all dimensions, with unknown, make more than {MAX_CELLS} combinations"
            )
        if isinstance(self.reference, Reference):
            cells = {"|".join(cell) for cell in product(*([g.id for g in d.groups] for d in self.dimensions))}
            if self.reference.counts.keys() != cells:
                raise ValueError(f"the reference gives a count for each of {', '.join(sorted(cells))}")
        return self


class Schedule(Document):
    """When rounds open, how long partners have, and what happens when one is late.

    `opens` has the five fields of cron, read in `timezone`; without it rounds are opened by hand. A round opened so
    is called after its day, which is its reference date too. `remind_days` are days before the deadline.
    """

    when_late: Literal["wait", "proceed", "refuse"] = "wait"
    deadline_days: int = Field(gt=0, le=365)
    opens: Text | None = None
    timezone: Text = "Europe/Amsterdam"
    remind_days: tuple[Annotated[int, Field(ge=0, le=365)], ...] = Field(default=(), max_length=5)

    @model_validator(mode="after")
    def _keeps_time(self) -> Schedule:
        try:
            zone = ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"timezone {self.timezone!r} is not known") from None
        if any(days >= self.deadline_days for days in self.remind_days):
            raise ValueError("remind_days: a reminder comes after the opening, so under deadline_days")
        if self.opens is not None:
            try:
                fires = list(islice(CronSim(self.opens, datetime(2026, 1, 1, tzinfo=zone)), 60))
            except CronSimError:
                raise ValueError(f"opens {self.opens!r} is no cron expression of five fields") from None
            days = [fire.date() for fire in fires]
            if not days or len(set(days)) < len(days):
                raise ValueError("opens: rounds open at most once a day, and do open")
        return self

    def last_opening(self, now: datetime) -> datetime | None:
        """The latest moment up to `now` at which a round was to open; None when rounds are opened by hand."""
        if self.opens is None:
            return None
        here = now.astimezone(ZoneInfo(self.timezone)) + timedelta(seconds=1)
        return next(CronSim(self.opens, here, reverse=True), None)


class Retention(Document):
    log_details_days: int = Field(gt=0, le=3650)
    hold_days: int = Field(gt=0, le=365)


class Manifest(Document):
    """The signed agreement of one project: purpose, criteria, rules, limits."""

    format: Literal["lsi-match/manifest/v1"]
    project: Project
    basis: Basis
    controllers: dict[Name, Controller] = Field(min_length=2)
    matcher: Matcher
    dpia: Dpia
    dpo_advice: dict[Name, Advice]
    work_instruction: WorkInstruction
    characteristics: dict[Name, Characteristic] = Field(default_factory=dict)
    pseudonyms: Pseudonyms
    subject: Subject
    partners: dict[Name, Partner] = Field(min_length=2, max_length=64)
    match: Match
    release: Release
    monitor: Monitor = Monitor()
    schedule: Schedule
    retention: Retention

    @model_validator(mode="after")
    def _consistent(self) -> Manifest:
        for where, names in (
            ("partners", self.partners),
            ("dpo_advice", self.dpo_advice),
            ("release.to", self.release.to),
        ):
            strangers = sorted(set(names) - self.controllers.keys())
            if strangers:
                raise ValueError(f"{where} names {', '.join(strangers)}, not a controller")
        keys = [c.signing_key for c in (*self.controllers.values(), self.matcher)]
        keys += [c.encryption_key for c in (*self.controllers.values(), self.matcher)]
        if len(set(keys)) != len(keys):
            raise ValueError("two parties have the same key; each makes its own")
        oins = [c.oin for c in self.controllers.values()]
        if len(set(oins)) != len(oins):
            raise ValueError("two controllers have the same OIN")
        missing = sorted(self.partners.keys() - self.release.to.keys())
        if missing:
            raise ValueError(f"release.to says nothing about {', '.join(missing)}")
        for recipient, show in self.release.to.items():
            for other in (*show.signals_of, *show.attributes_of):
                if other not in self.partners or other == recipient:
                    raise ValueError(f"release.to.{recipient} names '{other}', not another partner")
        for partner, selection in self.selections():
            self._linkable(partner, selection)
        columns = ["partners", *self.partners]
        columns += [f"{n}_{x.id}" for n, p in self.partners.items() for x in p.signals]
        _no_twins("column of the match rule", columns)
        for name in columns:
            if name in RESERVED_COLUMNS:
                raise ValueError(
                    f"a partner or signal cannot give the column '{name}', which has a meaning of its own"
                )
        self.match_predicate()
        for _, selection in self.selections():
            self.group_predicates(selection)
        self._characteristics_declared()
        for found in special_groups(self):
            raise ValueError(
                f"monitor.dimensions.{found.dimension} looks at '{found.word}', which has to do with {found.known.en}: "
                f"data under art. {found.known.special} GDPR is never counted per person"
            )
        return self

    def _characteristics_declared(self) -> None:
        declared = {f.characteristic for _, s in self.selections() for f in s.fields.values()} - {None}
        advised = {name for advice in self.dpo_advice.values() for name in advice.characteristics}
        for name in sorted(map(str, declared | advised)):
            if name not in self.characteristics:
                raise ValueError(
                    f"the characteristic '{name}' is named, and 'characteristics' does not explain it"
                )
        known = known_characteristics()
        for name, characteristic in self.characteristics.items():
            if name in known and known[name].kind is not characteristic.kind:
                raise ValueError(
                    f"the characteristic '{name}' is a {known[name].kind}, not a {characteristic.kind}"
                )
        for use in uses(self):
            characteristic = self.characteristics[use.characteristic]
            if characteristic.kind is CharacteristicKind.GROUND and not characteristic.legal_basis:
                raise ValueError(
                    f"{use.place} looks at '{use.field}', a ground of discrimination ({characteristic.label}): "
                    f"characteristics.{use.characteristic} needs a 'legal_basis'"
                )

    def _linkable(self, partner: str, selection: Selection) -> None:
        for source in selection.identifiers:
            if source.kind not in self.subject.identifiers:
                raise ValueError(
                    f"{partner}.{selection.id} delivers {source.kind}, which the subject does not use"
                )
        if not selection.identifiers and not self.subject.person_keys:
            raise ValueError(f"{partner}.{selection.id} delivers nothing that can link")
        if selection.person and not self.subject.person_keys:
            raise ValueError(
                f"{partner}.{selection.id} gives fields for person keys, which the subject does not use"
            )

    def selections(self) -> Iterator[tuple[str, Selection]]:
        """Every partner name with each of its selections, in order."""
        for name, partner in self.partners.items():
            for selection in partner.selections:
                yield name, selection

    @cached_property
    def match_fields(self) -> dict[str, FieldType]:
        """The columns a match rule may name: `partners`, `<partner>`, `<partner>_<signal>`."""
        fields = {"partners": FieldType.INTEGER}
        for name, partner in self.partners.items():
            fields[name] = FieldType.BOOLEAN
            for signal in partner.signals:
                fields[f"{name}_{signal.id}"] = FieldType.BOOLEAN
        return fields

    def match_predicate(self) -> Predicate:
        """The parsed match rule."""
        return parse_predicate(self.match.rule, self.match_fields)

    def group_predicates(self, selection: Selection) -> dict[str, dict[str, Predicate]]:
        """Dimension → group → predicate, of the dimensions of which the selection has every field."""
        every_field = {k: v for _, s in self.selections() for k, v in s.field_types.items()}
        found = {}
        for dimension in self.monitor.dimensions:
            parsed = [parse_predicate(group.when, every_field) for group in dimension.groups]
            if {field for predicate in parsed for field in predicate.fields} <= selection.fields.keys():
                found[dimension.id] = {
                    group.id: parse_predicate(group.when, selection.field_types) for group in dimension.groups
                }
        return found

    def canonical(self) -> bytes:
        """The RFC 8785 bytes that are signed: what the document says, and nothing that a later version adds."""
        return canonical_json(self.model_dump(mode="json", exclude_unset=True))

    @classmethod
    def from_draft(cls, document: Any) -> Manifest:
        """A manifest to be signed, with everything that the draft left to a default written out."""
        return cls.model_validate(cls.model_validate(document).model_dump(mode="json"))

    @cached_property
    def digest(self) -> str:
        """The identity of this manifest."""
        return digest_of_bytes(self.canonical())


def complete_draft(
    draft: Mapping[str, Any], cards: Mapping[str, Mapping[str, str]], key_check: str
) -> dict[str, Any]:
    """A draft with what only exists once parties have made their keys.

    Args:
        draft: the plain value of a manifest without public keys and key check value.
        cards: party name (`matcher` for the matcher) → `signing_key`, `encryption_key`.
        key_check: of the project key.
    """

    def keyed(name: str, party: Any) -> Any:
        keys = {k: v for k, v in cards.get(name, {}).items() if k in ("signing_key", "encryption_key")}
        return {**party, **keys} if isinstance(party, Mapping) else party

    # What is absent or of the wrong kind stays so, for the model to complain about in its place.
    complete = dict(draft)
    if isinstance(draft.get("controllers"), Mapping):
        complete["controllers"] = {name: keyed(name, party) for name, party in draft["controllers"].items()}
    if isinstance(draft.get("pseudonyms"), Mapping):
        complete["pseudonyms"] = {**draft["pseudonyms"], "key_check": key_check}
    return complete | ({"matcher": keyed("matcher", draft["matcher"])} if "matcher" in draft else {})


def blank_keys(draft: Any) -> tuple[dict[str, dict[str, str]], str]:
    """Keys that are nobody's, for `complete_draft`: a draft can be read and explained before anybody made keys."""
    controllers = draft.get("controllers") if isinstance(draft, Mapping) else None
    names = [*(controllers if isinstance(controllers, Mapping) else ()), "matcher"]
    return {
        str(name): {"signing_key": f"{i:064x}", "encryption_key": f"age1{i:058d}"}
        for i, name in enumerate(names)
    }, "0" * 32
