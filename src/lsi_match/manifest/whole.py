"""The manifest as a whole, and the rules over more than one part of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

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
from lsi_match.manifest.monitor_terms import Monitor
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
                raise RuleViolation(
                    f"{where} noemt {who}, en die staat niet onder 'controllers'",
                    f"{where} names {who}, not a controller",
                    *where.split("."),
                    strangers[0],
                )
        self._no_reserved_names()
        self._no_shared_keys()
        # C2SP tlog-cosignature knows Ed25519 only.
        able = sum(":" not in c.signing_key for c in self.controllers.values())
        if self.release.cosignatures > able:
            raise RuleViolation(
                f"release.cosignatures vraagt meer dan de {able} partijen die kunnen medeondertekenen",
                f"release.cosignatures is more than the {able} controllers that can co-sign",
                "release",
                "cosignatures",
            )
        self._witnesses_apart()
        missing = sorted(self.partners.keys() - self.release.to.keys())
        if missing:
            who = ", ".join(missing)
            raise RuleViolation(
                f"release.to zegt niets over {who}", f"release.to says nothing about {who}", "release", "to"
            )
        for recipient, show in self.release.to.items():
            for other in (*show.signals_of, *show.attributes_of):
                if other not in self.partners or other == recipient:
                    raise RuleViolation(
                        f"release.to.{recipient} noemt '{other}', en dat is geen andere deelnemer",
                        f"release.to.{recipient} names '{other}', not another partner",
                        "release",
                        "to",
                        recipient,
                    )
        for partner, selection in self.selections():
            self._linkable(partner, selection)
        for name in self.match.records_of:
            if name not in self.partners:
                raise RuleViolation(
                    f"match.records_of noemt '{name}', en dat is geen deelnemer",
                    f"match.records_of names '{name}', not a partner",
                    "match",
                    "records_of",
                )
        columns = [column for _, column, _ in self._match_columns()]
        no_twins("column of the match rule", columns)
        for name in columns:
            if name in RESERVED_COLUMNS:
                raise RuleViolation(
                    f"een deelnemer of signaal kan niet de kolom '{name}' geven: die naam heeft een eigen betekenis",
                    f"a partner or signal cannot give the column '{name}', which has a meaning of its own",
                    "partners",
                )
        self.match_predicate()
        for _, selection in self.selections():
            self.group_predicates(selection)
        self._characteristics_declared()
        for found in special_groups(self):
            raise RuleViolation(
                f"monitor.dimensions.{found.dimension} kijkt naar '{found.word}', en dat gaat over {found.known.nl}: "
                f"gegevens onder art. {found.known.special} AVG worden nooit per persoon geteld",
                f"monitor.dimensions.{found.dimension} looks at '{found.word}', which has to do with {found.known.en}: "
                f"data under art. {found.known.special} GDPR is never counted per person",
                "monitor",
                "dimensions",
                [one.id for one in self.monitor.dimensions].index(found.dimension),
            )
        if info.context == _NEW:
            if self.format != PRESENT:
                raise RuleViolation(
                    f"er draaien alleen nog rondes onder {PRESENT}",
                    f"rounds run under {PRESENT} only",
                    "format",
                )
            check_manifest_clear(self)
        return self

    def _no_reserved_names(self) -> None:
        """Under these names others are meant: a controller called so would sign for them, or count as having signed."""
        for name in sorted(RESERVED_PARTIES & self.controllers.keys()):
            raise RuleViolation(
                f"een partij kan niet '{name}' heten: die naam heeft een eigen betekenis",
                f"a party cannot be called '{name}', which has a meaning of its own",
                "controllers",
                name,
            )

    def _witnesses_apart(self) -> None:
        """A witness from outside is nobody of the project, counts once, and comes on top of controllers."""
        release = self.release
        keys = list(release.witnesses.values())
        if taken := release.witnesses.keys() & {*self.controllers, *RESERVED_GROUPS}:
            raise RuleViolation(
                f"'{min(taken)}' is geen naam voor een getuige van buiten",
                f"'{min(taken)}' is no name for a witness from outside",
                "release",
                "witnesses",
            )
        if len({key.rpartition("+")[2] for key in keys}) < len(keys):
            raise RuleViolation(
                "twee getuigen hebben dezelfde sleutel",
                "two witnesses have the same key",
                "release",
                "witnesses",
            )
        asked = release.witness_cosignatures
        if asked > len(keys) or (asked and not release.cosignatures):
            raise RuleViolation(
                f"release.witness_cosignatures: er zijn {len(keys)} getuigen, en zij komen bij 'cosignatures' van ten minste 1",
                f"release.witness_cosignatures: there are {len(keys)} witnesses, beside 'cosignatures' of at least 1",
                "release",
                "witness_cosignatures",
            )

    def _no_shared_keys(self) -> None:
        """Whoever has the key of another party signs, or reads, in its name."""
        owners: dict[str, str] = {}
        numbers: dict[str, str] = {}
        for name, party in [*self.controllers.items(), ("matcher", self.matcher)]:
            at = ("controllers", name) if isinstance(party, Controller) else ("matcher",)
            for key in (party.signing_key, party.encryption_key):
                if (other := owners.setdefault(key, name)) != name:
                    raise RuleViolation(
                        f"{other} en {name} hebben dezelfde sleutel; ieder maakt een eigen",
                        f"two parties have the same key, {other} and {name}; each makes its own",
                        *at,
                    )
            if isinstance(party, Controller) and (other := numbers.setdefault(party.oin, name)) != name:
                raise RuleViolation(
                    f"{other} en {name} hebben hetzelfde OIN",
                    f"two controllers have the same OIN, {other} and {name}",
                    *at,
                    "oin",
                )

    def _characteristics_declared(self) -> None:
        declared = {f.characteristic for _, s in self.selections() for f in s.fields.values()} - {None}
        advised = {name for advice in self.dpo_advice.values() for name in advice.characteristics}
        for name in sorted(map(str, declared | advised)):
            if name not in self.characteristics:
                raise RuleViolation(
                    f"het kenmerk '{name}' wordt genoemd, en 'characteristics' legt het niet uit",
                    f"the characteristic '{name}' is named, and 'characteristics' does not explain it",
                    "characteristics",
                )
        known = known_characteristics()
        for name, characteristic in self.characteristics.items():
            if name in known and known[name].kind is not characteristic.kind:
                raise RuleViolation(
                    f"het kenmerk '{name}' is een {known[name].kind}, geen {characteristic.kind}",
                    f"the characteristic '{name}' is a {known[name].kind}, not a {characteristic.kind}",
                    "characteristics",
                    name,
                    "kind",
                )
        for use in uses(self):
            characteristic = self.characteristics[use.characteristic]
            if characteristic.kind is CharacteristicKind.GROUND and not characteristic.legal_basis:
                raise RuleViolation(
                    f"{use.place} kijkt naar '{use.field}', een grond van discriminatie ({characteristic.label}): "
                    f"characteristics.{use.characteristic} heeft een wettelijke rechtvaardiging nodig ('legal_basis')",
                    f"{use.place} looks at '{use.field}', a ground of discrimination ({characteristic.label}): "
                    f"characteristics.{use.characteristic} needs a 'legal_basis'",
                    "characteristics",
                    use.characteristic,
                )

    def _linkable(self, partner: str, selection: Selection) -> None:
        at = ("partners", partner, "selections", self.partners[partner].selections.index(selection))
        for source in selection.identifiers:
            if source.kind not in self.subject.identifiers:
                raise RuleViolation(
                    f"{partner}.{selection.id} levert {source.kind}, en dat staat niet bij 'subject'",
                    f"{partner}.{selection.id} delivers {source.kind}, which the subject does not use",
                    *at,
                    "identifiers",
                )
        if not selection.identifiers and not self.subject.person_keys:
            raise RuleViolation(
                f"{partner}.{selection.id} levert niets waarop gekoppeld kan worden",
                f"{partner}.{selection.id} delivers nothing that can link",
                *at,
            )
        if selection.person and not self.subject.person_keys:
            raise RuleViolation(
                f"{partner}.{selection.id} geeft velden voor persoonssleutels, en die staan niet bij 'subject'",
                f"{partner}.{selection.id} gives fields for person keys, which the subject does not use",
                *at,
                "person",
            )

    def selections(self) -> Iterator[tuple[str, Selection]]:
        """Every partner name with each of its selections, in order."""
        for name, partner in self.partners.items():
            for selection in partner.selections:
                yield name, selection

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
        for name, partner in self.partners.items():
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
        every_field = {k: v for _, s in self.selections() for k, v in s.field_types.items()}
        found = {}
        for number, dimension in enumerate(self.monitor.dimensions):
            at = ("monitor", "dimensions", number, "groups")
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
