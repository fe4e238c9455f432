"""What partners select and send: fields and their meaning, criteria, signals, and values that go along."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lsi_match.base.validation import RuleViolation
from lsi_match.criteria.parse import FieldType, Predicate
from lsi_match.manifest import base
from lsi_match.manifest.equality import CharacteristicKind
from lsi_match.manifest.identifiers import ADDRESS_PARTS, IdentifierForm, IdentifierKind


class Characteristic(base.Document):
    """A ground of discrimination, or what often goes together with one, that fields of this project have to do with."""

    kind: CharacteristicKind
    label: base.Text
    rationale: base.Prose
    legal_basis: base.Text | None = None


class SourceField(base.Document):
    """A field of a partner's register that criteria may look at."""

    type: FieldType
    meaning: base.Text
    characteristic: base.Name | None = None


class Rule(base.Document):
    """A predicate with an id and a reason."""

    id: base.Name
    when: base.Text
    rationale: base.Text


class Signal(base.Document):
    """Why a partner has a record in mind: a coded value, true when its predicate is."""

    id: base.Name
    when: base.Text
    label: base.Text


class IdentifierSource(base.Document):
    """From which fields an identifier is made. An address names up to four, in the order of `ADDRESS_PARTS`."""

    kind: IdentifierKind
    fields: tuple[base.Name, ...] = Field(min_length=1, max_length=4)
    form: IdentifierForm = IdentifierForm.PLAIN

    @property
    def of_address(self) -> bool:
        """Whether its fields are the parts of an address."""
        return IdentifierKind.ADDRESS.value in (self.kind.value, self.form.value)


class Attribute(base.Document):
    """A value that goes along with a case: listed values, yes/no, bands, or whole months. Never free text."""

    id: base.Name
    field: base.Name
    kind: Literal["listed", "boolean", "band", "month"]
    values: tuple[base.Text, ...] = ()
    edges: tuple[Annotated[int, Field(strict=True, ge=-base.MAX_EDGE, le=base.MAX_EDGE)], ...] = ()
    use: Literal["release", "rule", "both"] = "release"
    rationale: base.Text

    @model_validator(mode="after")
    def _complete(self) -> Attribute:
        if (self.kind == "listed") != bool(self.values) or (self.kind == "band") != bool(self.edges):
            raise RuleViolation.because("manifest.values_or_edges")
        if len(self.values) > 500 or len(self.edges) > 50 or list(self.edges) != sorted(set(self.edges)):
            raise RuleViolation.because("manifest.too_many_values")
        if self.for_rule and self.kind != "month":
            raise RuleViolation.because("manifest.months_only", "use")
        return self

    @property
    def shown(self) -> bool:
        """Whether it may be in a release."""
        return self.use != "rule"

    @property
    def for_rule(self) -> bool:
        """Whether the match rule may look at it."""
        return self.use != "release"

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

    @property
    def positions(self) -> int:
        """How many positions an attribute column may hold: from 0 up to this, and `NO_VALUE`."""
        return base.MONTHS if self.kind == "month" else len(self.labels())

    def label(self, position: int) -> str:
        """The label of one position; a month is `yyyy-mm`, counted from year 0."""
        if position == base.NO_VALUE:
            return ""
        return (
            f"{position // 12:04d}-{position % 12 + 1:02d}"
            if self.kind == "month"
            else self.labels()[position]
        )


class Volume(base.Document):
    """How many records a selection is expected to deliver. Outside it the drop is refused."""

    at_least: int = Field(ge=0)
    at_most: int = Field(gt=0, le=base.MAX_RECORDS)

    @model_validator(mode="after")
    def _in_order(self) -> Volume:
        if self.at_most < self.at_least:
            raise RuleViolation.because("manifest.at_most", "at_most")
        return self


#: A whole percentage.
Percent = Annotated[int, Field(strict=True, ge=0, le=100)]


class Bounds(base.Document):
    """What is usual for a selection, beside its volume. Outside it the drop is refused.

    Attributes:
        valid: identifier kind, or part of a person → at least this percentage of the records with a signal has a valid one.
        after: criterion → records that are left after it.
        change: no count differs more than this percentage from the round before.
    """

    valid: dict[base.Name, Percent] = Field(default_factory=dict)
    after: dict[base.Name, Volume] = Field(default_factory=dict)
    change: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = None


class Selection(base.Document):
    """What one partner selects from one register."""

    id: base.Name
    source: base.Text
    fields: dict[base.Name, SourceField] = Field(min_length=1)
    identifiers: tuple[IdentifierSource, ...] = ()
    person: dict[
        Literal["given_name", "surname", "birth_date", "postcode", "house_number", "street", "place"],
        base.Name,
    ] = Field(default_factory=dict)
    criteria: tuple[Rule, ...] = Field(default=(), max_length=base.MAX_CRITERIA)
    signals: tuple[Signal, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    volume: Volume
    bounds: Bounds | None = None

    @property
    def field_types(self) -> dict[str, FieldType]:
        return {name: field.type for name, field in self.fields.items()}

    @property
    def counts_only(self) -> bool:
        """Whether it is that of a statistics partner, which tells in which group somebody is: it selects nobody."""
        return not self.signals

    @property
    def person_number(self) -> IdentifierSource | None:
        """From what the BSN of a record is made."""
        return next((one for one in self.identifiers if one.kind is IdentifierKind.BSN), None)

    def predicates(self) -> dict[str, Predicate]:
        """Criterion id → parsed predicate, in order."""
        types = self.field_types
        return {r.id: base.parsed(r.when, types, "criteria", i, "when") for i, r in enumerate(self.criteria)}

    def signal_predicates(self) -> dict[str, Predicate]:
        """Signal id → parsed predicate, in order."""
        types = self.field_types
        return {s.id: base.parsed(s.when, types, "signals", i, "when") for i, s in enumerate(self.signals)}

    @model_validator(mode="after")
    def _consistent(self) -> Selection:
        for name in self.fields:
            if name in base.RESERVED_FIELDS or name.startswith("attribute_"):
                raise RuleViolation.because("manifest.reserved_field", "fields", name, name=name)
        base.no_twins("criterion", [rule.id for rule in self.criteria], "criteria")
        base.no_twins("signal", [signal.id for signal in self.signals], "signals")
        base.no_twins("attribute", [attribute.id for attribute in self.attributes], "attributes")
        base.no_twins("identifier", [source.kind for source in self.identifiers], "identifiers")
        used = [name for source in self.identifiers for name in source.fields] + list(self.person.values())
        used += [attribute.field for attribute in self.attributes]
        for name in used:
            if name not in self.fields:
                raise RuleViolation.because("manifest.undeclared_field", name=name)
        for attribute in self.attributes:
            if self.fields[attribute.field].type not in base.ATTRIBUTE_TYPES[attribute.kind]:
                raise RuleViolation.because(
                    "manifest.attribute_type",
                    "attributes",
                    self.attributes.index(attribute),
                    id=attribute.id,
                    kind=attribute.kind,
                )
        for source in self.identifiers:
            if source.of_address:
                if len(source.fields) < 2:
                    parts = ", ".join(ADDRESS_PARTS)
                    raise RuleViolation.because("manifest.address_parts", "identifiers", parts=parts)
            elif len(source.fields) != 1:
                raise RuleViolation.because("manifest.one_field", "identifiers", kind=source.kind)
            if source.form is IdentifierForm.ADDRESS and source.kind is not IdentifierKind.BAG:
                raise RuleViolation.because("manifest.form_address", "identifiers")
            if source.form is IdentifierForm.LOONHEFFING and source.kind not in (
                IdentifierKind.BSN,
                IdentifierKind.RSIN,
            ):
                raise RuleViolation.because("manifest.form_loonheffing", "identifiers")
        if not self.identifiers and not self.person:
            raise RuleViolation.because("manifest.selects_nothing_to_link")
        self._bounds_of_what_there_is()
        self.predicates()
        self.signal_predicates()
        return self

    def _bounds_of_what_there_is(self) -> None:
        bounds = self.bounds or Bounds()
        known = {"valid": [*(one.kind.value for one in self.identifiers), *self.person], "after": [one.id for one in self.criteria]}  # fmt: skip
        for member, names in known.items():
            for name in getattr(bounds, member):
                if name not in names:
                    every = ", ".join(map(str, names))
                    raise RuleViolation.because("manifest.not_there", 'bounds', member, name, name=name, every=every)  # fmt: skip


class Partner(base.Document):
    """What one organisation selects. Its name is the name of its controller."""

    selections: tuple[Selection, ...] = Field(min_length=1, max_length=50)

    @model_validator(mode="after")
    def _consistent(self) -> Partner:
        base.no_twins("selection", [selection.id for selection in self.selections], "selections")
        base.no_twins("signal", [signal.id for signal in self.signals], "signals")
        if len(self.signals) > base.MAX_SIGNALS:
            raise RuleViolation.because("manifest.too_many_signals", max_signals=base.MAX_SIGNALS)
        for one in self.attributes:
            if any(other.id == one.id and other.labels() != one.labels() for other in self.attributes):
                raise RuleViolation.because("manifest.attribute_values", id=one.id)
            if any(other.id == one.id and other.use != one.use for other in self.attributes):
                raise RuleViolation.because("manifest.attribute_use", id=one.id)
        return self

    @property
    def counts_only(self) -> bool:
        """Whether it is a statistics partner (`Monitor.statistics`)."""
        return all(one.counts_only for one in self.selections)

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

    @property
    def shown_attribute_ids(self) -> tuple[str, ...]:
        """Those of them that may be in a release."""
        return tuple(dict.fromkeys(attribute.id for attribute in self.attributes if attribute.shown))

    @property
    def rule_attribute_ids(self) -> tuple[str, ...]:
        """Those of them that the match rule may look at."""
        return tuple(dict.fromkeys(attribute.id for attribute in self.attributes if attribute.for_rule))
