"""The manifest as a whole, and the rules over more than one part of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import Field, ValidationInfo, model_validator

from lsi_match.base.canonical import canonical_json, digest_of_bytes
from lsi_match.base.validation import RuleViolation
from lsi_match.criteria.parse import FieldType, Predicate
from lsi_match.manifest.accountability import Accountability
from lsi_match.manifest.base import (
    MAX_PARTNERS,
    RESERVED_COLUMNS,
    RESERVED_PARTIES,
    Document,
    Name,
    no_twins,
    parsed,
)
from lsi_match.manifest.clear import check_manifest_clear
from lsi_match.manifest.equality import CharacteristicKind, known_characteristics, special_groups, uses
from lsi_match.manifest.monitor_terms import Monitor, Statistics
from lsi_match.manifest.plan import Advice, Basis, Controller, Dpia, Matcher, Project, WorkInstruction
from lsi_match.manifest.release_terms import Match, Release
from lsi_match.manifest.selection import Characteristic, Partner, Selection
from lsi_match.manifest.subject import Pseudonyms, Subject
from lsi_match.manifest.terms import Certificates, Retention, Schedule

#: The version of the protocol that rounds run under. A manifest of an earlier one can be read and verified.
PRESENT = "lsi-match/manifest/v2"
#: Names of groups in a policy (C2SP tlog-policy), which no member of one may have.
RESERVED_GROUPS = frozenset({"none", "controllers", "witnesses", "both"})
#: Context of validation: a manifest that nobody signed yet.
_NEW = "new"


class Manifest(Document):
    """The signed agreement of one project: purpose, criteria, rules, limits."""

    format: Literal["lsi-match/manifest/v1", "lsi-match/manifest/v2"]
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
    partners: dict[Name, Partner] = Field(min_length=2, max_length=MAX_PARTNERS)
    match: Match
    release: Release
    monitor: Monitor = Monitor()
    schedule: Schedule
    retention: Retention
    certificates: Certificates = Certificates()
    accountability: Accountability = Accountability()

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> Manifest:
        for where, names in (
            ("partners", self.partners),
            ("dpo_advice", self.dpo_advice),
            ("release.to", self.release.to),
        ):
            strangers = sorted(set(names) - self.controllers.keys())
            if strangers:
                who = ", ".join(strangers)
                raise RuleViolation.because(
                    "manifest.no_controller", *where.split("."), strangers[0], where=where, who=who
                )
        self._no_reserved_names()
        self._no_shared_keys()
        # C2SP tlog-cosignature knows Ed25519 only.
        able = sum(":" not in c.note_key for c in self.controllers.values())
        if self.release.cosignatures > able:
            raise RuleViolation.because(
                "manifest.too_many_cosignatures", "release", "cosignatures", able=able
            )
        self._witnesses_apart()
        missing = sorted(self.selecting.keys() - self.release.to.keys())
        if missing:
            who = ", ".join(missing)
            raise RuleViolation.because("manifest.release_to_missing", "release", "to", who=who)
        for recipient, show in self.release.to.items():
            for other in (*show.signals_of, *show.attributes_of):
                if other not in self.selecting or other == recipient:
                    raise RuleViolation.because(
                        "manifest.release_names_other",
                        "release",
                        "to",
                        recipient,
                        recipient=recipient,
                        other=other,
                    )
        self._statistics_count_only()
        for partner, selection in self.selections():
            self._linkable(partner, selection)
        for name in self.match.records_of:
            if name not in self.selecting:
                raise RuleViolation.because("manifest.records_of", "match", "records_of", name=name)
        columns = [column for _, column, _ in self._match_columns()]
        no_twins("column of the match rule", columns)
        for name in columns:
            if name in RESERVED_COLUMNS:
                raise RuleViolation.because("manifest.reserved_column", "partners", name=name)
        self.match_predicate()
        for _, selection in self.selections():
            self.group_predicates(selection)
        self._characteristics_declared()
        self._office_can_count()
        for found in special_groups(self):
            raise RuleViolation.because(
                "manifest.special_group",
                "monitor",
                "dimensions",
                [one.id for one in self.monitor.dimensions].index(found.dimension),
                dimension=found.dimension,
                word=found.word,
                about_nl=found.known.nl,
                special=found.known.special,
                about=found.known.en,
            )
        if info.context == _NEW:
            if self.format != PRESENT:
                raise RuleViolation.because("manifest.present_scheme", "format", present=PRESENT)
            check_manifest_clear(self)
        return self

    def _office_can_count(self) -> None:
        """A statistics office knows people by their BSN, and counts by what the manifest explains. A sample is drawn by it too."""
        if self.monitor.sample and not any(selection.person_number for _, selection in self.selections()):
            raise RuleViolation.because("manifest.sample_nobody", "monitor", "sample")
        office, at = self.monitor.office, ("monitor", "office")
        if office is None:
            return
        if office.client not in self.controllers:
            raise RuleViolation.because(
                "manifest.no_controller", *at, "client", where="monitor.office", who=office.client
            )
        if office.id in self.controllers:  # stages are named after it, as after a partner
            raise RuleViolation.because("manifest.reserved_party", *at, "id", name=office.id)
        for number, one in enumerate(office.dimensions):
            if one.id not in self.characteristics:
                raise RuleViolation.because(
                    "manifest.unknown_characteristic", *at, "dimensions", number, "id", name=one.id
                )
        if not any(selection.person_number for _, selection in self.selections()):
            raise RuleViolation.because("manifest.office_nobody", *at)

    def _statistics_count_only(self) -> None:
        """By what a statistics office or partner counts by nobody is selected; and every partner selects but a statistics partner,
        which tells groups and nothing else, of people by the first kind of number."""
        statistics, at = self.monitor.statistics, ("monitor", "statistics")
        if statistics and statistics.partner not in self.partners:
            name = statistics.partner
            raise RuleViolation.because("manifest.statistics_partner", *at, "partner", name=name)
        for name, partner in self.selecting.items():
            for i, selection in enumerate(partner.selections):
                if not selection.criteria or not selection.signals:
                    raise RuleViolation.because("manifest.selects_nothing", "partners", name, "selections", i)
        for use in uses(self):
            if (of := use.characteristic) in self.monitor.watched:
                about = {"place": use.place, "field": use.field}
                raise RuleViolation.because("manifest.watched_selects", "characteristics", of, **about)
        if statistics and len(self.selecting) < 2:
            raise RuleViolation.because("manifest.statistics_two", "partners")
        if statistics:
            self._only_groups(statistics, statistics.partner)

    def _only_groups(self, statistics: Statistics, name: str) -> None:
        at, kind = ("partners", name), self.subject.kinds[0]
        own, *others = self.partners[name].selections
        if others or own.criteria or own.signals or own.attributes:
            raise RuleViolation.because("manifest.statistics_selects", *at, name=name)
        if name in self.release.to:
            raise RuleViolation.because("manifest.statistics_released", "release", "to", name, name=name)
        if [source.kind.value for source in own.identifiers] != [kind] or own.person:
            raise RuleViolation.because("manifest.statistics_kinds", *at, name=name, kind=kind)
        groups = self.group_predicates(own)
        for number, one in enumerate(statistics.dimensions):
            where = ("monitor", "statistics", "dimensions", number)
            if one.id not in self.characteristics:
                raise RuleViolation.because("manifest.unknown_characteristic", *where, "id", name=one.id)
            looked_at = {field for group in groups.get(one.id, {}).values() for field in group.fields}
            if {own.fields[field].characteristic for field in looked_at} != {one.id}:
                raise RuleViolation.because("manifest.statistics_fields", *where, name=name, id=one.id)

    def _no_reserved_names(self) -> None:
        """Under these names others are meant: a controller called so would sign for them, or count as having signed."""
        for name in sorted(RESERVED_PARTIES & self.controllers.keys()):
            raise RuleViolation.because("manifest.reserved_party", "controllers", name, name=name)

    def _witnesses_apart(self) -> None:
        """A witness from outside is nobody of the project, counts once, and comes on top of controllers."""
        release = self.release
        keys = list(release.witnesses.values())
        if taken := release.witnesses.keys() & {*self.controllers, *RESERVED_GROUPS}:
            raise RuleViolation.because("manifest.witness_name", "release", "witnesses", taken=min(taken))
        if len({key.rpartition("+")[2] for key in keys}) < len(keys):
            raise RuleViolation.because("manifest.witness_key_twice", "release", "witnesses")
        asked = release.witness_cosignatures
        if asked > len(keys) or (asked and not release.cosignatures):
            raise RuleViolation.because(
                "manifest.witness_cosignatures", "release", "witness_cosignatures", keys=len(keys)
            )

    def _no_shared_keys(self) -> None:
        """Whoever has the key of another party signs, or reads, in its name."""
        owners: dict[str, str] = {}
        numbers: dict[str, str] = {}
        for name, party in [*self.controllers.items(), ("matcher", self.matcher)]:
            at = ("controllers", name) if isinstance(party, Controller) else ("matcher",)
            for key in (party.signing_key, party.encryption_key, party.note_key):
                if (other := owners.setdefault(key, name)) != name:
                    raise RuleViolation.because("manifest.key_twice", *at, other=other, name=name)
            if self.monitor.office and self.monitor.office.encryption_key == party.encryption_key:
                office = self.monitor.office.id
                raise RuleViolation.because(
                    "manifest.key_twice", "monitor", "office", other=name, name=office
                )
            if isinstance(party, Controller) and (other := numbers.setdefault(party.oin, name)) != name:
                raise RuleViolation.because("manifest.oin_twice", *at, "oin", other=other, name=name)

    def _characteristics_declared(self) -> None:
        declared = {f.characteristic for _, s in self.selections() for f in s.fields.values()} - {None}
        advised = {name for advice in self.dpo_advice.values() for name in advice.characteristics}
        for name in sorted(map(str, declared | advised)):
            if name not in self.characteristics:
                raise RuleViolation.because("manifest.unknown_characteristic", "characteristics", name=name)
        known = known_characteristics()
        for name, characteristic in self.characteristics.items():
            if name in known and known[name].kind is not characteristic.kind:
                raise RuleViolation.because(
                    "manifest.other_kind",
                    "characteristics",
                    name,
                    "kind",
                    name=name,
                    kind=known[name].kind,
                    declared=characteristic.kind,
                )
        for use in uses(self):
            characteristic = self.characteristics[use.characteristic]
            if characteristic.kind is CharacteristicKind.GROUND and not characteristic.legal_basis:
                raise RuleViolation.because(
                    "manifest.ground_of_discrimination",
                    "characteristics",
                    use.characteristic,
                    place=use.place,
                    field=use.field,
                    label=characteristic.label,
                    characteristic=use.characteristic,
                )

    def _linkable(self, partner: str, selection: Selection) -> None:
        at = ("partners", partner, "selections", self.partners[partner].selections.index(selection))
        for source in selection.identifiers:
            if source.kind not in self.subject.identifiers:
                raise RuleViolation.because(
                    "manifest.delivers_other",
                    *at,
                    "identifiers",
                    partner=partner,
                    id=selection.id,
                    kind=source.kind,
                )
        if not selection.identifiers and not self.subject.person_keys:
            raise RuleViolation.because("manifest.delivers_nothing", *at, partner=partner, id=selection.id)
        if selection.person and not self.subject.person_keys:
            raise RuleViolation.because(
                "manifest.unused_person_fields", *at, "person", partner=partner, id=selection.id
            )

    def selections(self) -> Iterator[tuple[str, Selection]]:
        """Every partner name with each of its selections, in order."""
        for name, partner in self.partners.items():
            for selection in partner.selections:
                yield name, selection

    @property
    def selecting(self) -> dict[str, Partner]:
        """The partners but for the one that delivers groups to count by, and selects nobody."""
        counts = self.monitor.statistics.partner if self.monitor.statistics else None
        return {name: one for name, one in self.partners.items() if name != counts}

    def monitor_for(self, selection: Selection) -> Monitor:
        """By which dimensions the group cell of a record of this selection is written, and the rules for counting by them."""
        return self.monitor.statistical if selection.counts_only else self.monitor

    def counts_awaited(self, dimensions: Collection[str]) -> list[str]:
        """The titles of those that count by these dimensions besides the partners that select."""
        office, statistics = self.monitor.office, self.monitor.statistics
        titles = {one.id: office.title for one in office.dimensions} if office else {}
        if statistics:
            titles |= {one.id: self.controllers[statistics.partner].title for one in statistics.dimensions}
        return list(dict.fromkeys(titles[name] for name in dimensions))

    @property
    def at_most(self) -> dict[str, int]:
        """Partner → the most records that it may deliver in a round."""
        return {
            name: sum(one.volume.at_most for one in partner.selections)
            for name, partner in self.partners.items()
        }

    @cached_property
    def match_fields(self) -> dict[str, FieldType]:
        """The columns a match rule may name: `partners`, `<partner>`, `<partner>_<signal>`; `<partner>_records` of
        those in `match.records_of`; `<partner>_<attribute>_first` and `_last` of attributes for the rule."""
        return {column: kind for _, column, kind in self._match_columns()}

    def match_fields_of(self, partner: str) -> dict[str, FieldType]:
        """Those of these columns that tell of one partner."""
        return {column: kind for name, column, kind in self._match_columns() if name == partner}

    def _match_columns(self) -> Iterator[tuple[str | None, str, FieldType]]:
        yield None, "partners", FieldType.INTEGER
        for name, partner in self.selecting.items():
            yield name, name, FieldType.BOOLEAN
            for signal in partner.signals:
                yield name, f"{name}_{signal.id}", FieldType.BOOLEAN
            for attribute in partner.rule_attribute_ids:
                yield name, f"{name}_{attribute}_first", FieldType.DATE
                yield name, f"{name}_{attribute}_last", FieldType.DATE
        for name in self.match.records_of:
            yield name, f"{name}_records", FieldType.INTEGER

    def match_predicate(self) -> Predicate:
        """The parsed match rule."""
        return parsed(self.match.rule, self.match_fields, "match", "rule")

    def group_predicates(self, selection: Selection) -> dict[str, dict[str, Predicate]]:
        """Dimension → group → predicate, of the dimensions of which the selection has every field."""
        counts = selection.counts_only
        of = [selection] if counts else [one for _, one in self.selections() if not one.counts_only]
        every_field = {k: v for s in of for k, v in s.field_types.items()}
        found, where = {}, ("monitor", "statistics") if counts else ("monitor",)
        for number, dimension in enumerate(self.monitor_for(selection).dimensions):
            at = (*where, "dimensions", number, "groups")
            every = [parsed(g.when, every_field, *at, i, "when") for i, g in enumerate(dimension.groups)]
            if {field for predicate in every for field in predicate.fields} <= selection.fields.keys():
                found[dimension.id] = {
                    group.id: parsed(group.when, selection.field_types, *at, i, "when")
                    for i, group in enumerate(dimension.groups)
                }
        return found

    def released_until(self, moment: datetime) -> datetime:
        """How long a release of this moment may be opened: days of the calendar, where the project is, as all terms."""
        return self.schedule.days_later(moment, self.release.keep_days)

    def held_until(self, moment: datetime) -> datetime:
        """How long a round that is held at this moment waits to be justified."""
        return self.schedule.days_later(moment, self.retention.hold_days)

    def details_until(self, moment: datetime) -> datetime:
        """How long audit records of this moment, and files of data subjects of a round that ended then, are kept."""
        return self.schedule.days_later(moment, self.retention.log_details_days)

    def canonical(self) -> bytes:
        """The RFC 8785 bytes that are signed: what the document says, and nothing that a later version adds."""
        return self._canonical

    def __copy__(self) -> Self:
        """A copy is to be changed: what was worked out of this manifest is not of it."""
        copied = super().__copy__()
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied

    @cached_property
    def _canonical(self) -> bytes:
        return canonical_json(self.model_dump(mode="json", exclude_unset=True))

    @classmethod
    def from_draft(cls, document: Any) -> Manifest:
        """A manifest to be signed, held to `manifest.clear` too, with all that the draft left to a default written out."""
        read = cls.model_validate(document, context=_NEW)
        return cls.model_validate(read.model_dump(mode="json"))

    @cached_property
    def digest(self) -> str:
        """The identity of this manifest."""
        return digest_of_bytes(self.canonical())
