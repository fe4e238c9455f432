"""Annexes filled in: each fact from the manifest, from what the organisation signed to be public, or from the log. Pure."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5
from zipfile import ZipFile, ZipInfo

from lsi_match.base.catalogue import catalogue, word
from lsi_match.criteria.wording import day
from lsi_match.log.activities import party_uri, register
from lsi_match.manifest.accountability import term
from lsi_match.manifest.plan import Paper
from lsi_match.protocol.publication import Source
from lsi_match.reports.annexes import forms
from lsi_match.reports.public.facts import ProjectFacts
from lsi_match.reports.public.pages import shared

Annex = Literal["algorithm-register", "processing-register", "vws", "dpia"]
_TEXTS = Path(__file__).with_name("annexes.toml")
#: Of the members of a record of VWS about special data, the terms that mean them; no others can stand in a manifest.
_SPECIAL = {"Gezondheid": {"Health", "Disability"}, "Strafrechtelijk": {"CriminalOffense"}}
_NOT_SPECIAL = (
    "RasOfEtniciteit",
    "PolitiekeGezindheid",
    "GodsdienstOfLevensovertuiging",
    "LidmaatschapVakvereniging",
    "Genetisch",
    "Biometrisch",
    "SeksueleLeven",
)
_DPIA_SCHEMA = "https://github.com/MinBZK/par-dpia-form/blob/main/schemas/assessment-output.v2.schema.json"


def annex(kind: Annex, facts: ProjectFacts, controller: str, now: datetime) -> bytes:
    """The annex of a controller, as a file: JSON, or of `vws` the zip with JSON that its register imports.

    Raises `AnnexIncompleteError`: what is missing by name, and what is too long with its length.
    """
    filled = _Filled(kind, facts, controller, now)
    made = {
        "algorithm-register": filled.algorithm,
        "processing-register": filled.activities,
        "vws": filled.vws,
        "dpia": filled.dpia,
    }[kind]()
    if kind != "vws":
        return _json(made)
    packed = BytesIO()
    with ZipFile(packed, "w") as zipped:
        name = f"AVG Verantwoordelijke Verwerkingen/{facts.manifest.project.id}.json"
        zipped.writestr(ZipInfo(name, now.astimezone(UTC).timetuple()[:6]), _json([made]))
    return packed.getvalue()


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"


def _say(text: str, /, **told: object) -> str:
    return str(catalogue(_TEXTS)[text]).format(**told)


def _id(address: str) -> str:
    return str(uuid5(NAMESPACE_URL, address))


class _Filled:
    """The facts of one controller, under short names."""

    def __init__(self, kind: Annex, facts: ProjectFacts, controller: str, now: datetime) -> None:
        self.facts, self.now, self.name = facts, now, controller
        self.manifest = facts.manifest
        self.sheet = facts.sheets.get(controller)
        self.shared = shared(facts)
        self.title = self.manifest.controllers[controller].title
        self.parts = self.manifest.accountability
        self.register = register(self.manifest)
        site = f"https://{self.manifest.matcher.domain}"
        self.others: dict[str, str] = self.register.get("others", {})
        self.page = f"{site}/project/{self.manifest.project.id}/"
        self.source = f"{site}/register/{self.manifest.project.id}/{facts.versions[-1].short}/index.json"
        self.version = len(facts.versions)
        self.told = {"annex": kind, "project": self.manifest.project.title, "party": self.title}
        self.special = {k: bool(terms & set(self.parts.data)) for k, terms in _SPECIAL.items()}

    def _paper(self, text: str, paper: Paper | None) -> str | None:
        return _say(text, reference=paper.reference, day=day(paper.date, "nl")) if paper else None

    def algorithm(self) -> dict[str, Any]:
        sheet, told, use, basis = self.sheet, self.shared, self.facts.use, self.manifest.basis
        status = "Buiten gebruik" if use.end else "In gebruik" if use.begin else "In ontwikkeling"
        assessed = (
            self._paper("assessed", self.manifest.dpia),
            self._paper("assessed_rights", self.parts.assessment),
        )
        return forms.checked(
            forms.AlgorithmEntry,
            {
                "name": self.manifest.project.title,
                "description_short": told and told.in_short,
                "organization": sheet and sheet.name,
                "category": ("Sociale zekerheid",),
                "status": status,
                "begin_date": use.begin and f"{use.begin:%Y-%m}",
                "end_date": use.end and f"{use.end:%Y-%m}",
                "contact_email": sheet and sheet.contact,
                "website": sheet and sheet.page,
                "url": self.source,
                "publication_category": sheet and catalogue(_TEXTS)["categories"][sheet.category],
                "goal": told and told.why and f"{told.why}\n\n{told.happens}",
                "proportionality": basis.proportionality,
                "human_intervention": told and told.human,
                "risks": told and told.risks,
                "lawful_basis": basis.legal_basis,
                "lawful_basis_grouping": _links(sheet.laws if sheet else ()),
                "impacttoetsen": "\n".join(filter(None, assessed)),
                "impacttoetsen_grouping": _links(sheet.assessments if sheet else ()),
                "source_data": told and told.data,
                "source_data_grouping": _links(sheet.sources if sheet else ()),
                "methods_and_models": told and told.works and self._works(told.works),
                "provider": self.manifest.matcher.title,
                "source_id": f"{self.manifest.project.id}.{self.name}",
            },
            **self.told,
        )

    def _works(self, works: str) -> str:
        partners = [
            _say(
                "counts" if one.counts_only else "partner",
                title=self.manifest.controllers[name].title,
                source=one.source,
                number=len(one.criteria),
            )
            for name, one in self.manifest.selections()
        ]
        return _say("works", works=works, partners="\n".join(partners), page=self.page)

    def activities(self) -> dict[str, Any]:
        """The documents of the interface for reading, by their path in it."""
        found: dict[str, Any] = {}
        entities = {name: _id(address) for name, address in self.register["parties"].items()}
        matcher = _id(
            party_uri(self.manifest.matcher.domain, self.manifest.project.id, self.manifest.digest, "matcher")
        )
        assessment = (
            next((one.address for one in self.sheet.assessments if one.address), None) if self.sheet else None
        )
        risks = [{"assessment": assessment}] if assessment else []
        measures = [
            *({"measureType": one.kind.capitalize(), "measure": one.text, "risks": risks} for one in self.parts.security),
            *({"measureType": "Technical", "measure": text} for text in catalogue(_TEXTS)["measures"].values()),
        ]  # fmt: skip
        for one in (one for one in self.register["activities"] if one["about_persons"]):
            id_ = _id(one["id"])
            recipients = [
                {
                    "legalRole": "JointDataControllers"
                    if name in self.manifest.controllers
                    else "ThirdParty",
                    "entityId": entities[name],
                }
                for name in one["recipients"]
            ]
            version = forms.checked(
                forms.ActivityVersion,
                {
                    "name": one["nl"],
                    "purpose": self.manifest.basis.purpose,
                    "legalBasis": self.parts.legal_basis,
                    "dataSubjects": self.parts.subjects,
                    "personalData": self.parts.data
                    and {
                        "categories": self.parts.data,
                        "retentionPeriod": f"P{one['kept_days']['files_of_subjects']}D",
                    },
                    "processingOptions": catalogue(_TEXTS)["processing"][one["step"]],
                    "measures": self.parts.security and measures,
                    "recipients": recipients or [{"legalRole": "DataProcessor", "entityId": matcher}],
                    "version": self.version,
                    "validFrom": self.facts.versions[-1].since,
                },
                **self.told,
            )
            active = self.facts.use.end is None
            found[f"/processing_activities/{id_}"] = {
                "active": active,
                "latestVersion": self.version,
                "id": id_,
            }
            found[f"/processing_activities/{id_}/versions/{self.version}"] = version
        for name, id_ in entities.items():
            title = (self.register["controllers"] | self.others)[name]
            found[f"/entities/{id_}"] = {"type": "Organisation", "id": id_, "name": title, "country": "NL"}
        found[f"/entities/{matcher}"] = {"type": "Organisation", "id": matcher, "name": self.manifest.matcher.title, "country": "NL"}  # fmt: skip
        return found

    def vws(self) -> dict[str, Any]:
        manifest, parts, transfers = self.manifest, self.parts, self.parts.transfers
        measures, kept = catalogue(_TEXTS)["measures"], self.register["activities"]
        kept = next(one["kept_days"] for one in kept if one["about_persons"])
        found = forms.checked(
            forms.VwsRecord,
            {
                "Id": _id(f"{self.page}#{self.name}"),
                "Nummer": f"{manifest.project.id}.{self.name}",
                "Naam": manifest.project.title,
                "Versie": self.version,
                "AanmaakDatum": f"{self.facts.versions[0].since:%Y-%m-%dT%H:%M:%S}",
                "LaatsteWijzigDatum": f"{self.facts.versions[-1].since:%Y-%m-%dT%H:%M:%S}",
                "VerdelingVerantwoordelijkheid": self._paper("arrangement", parts.joint_controllers),
                "Verantwoordelijken": _named(one.title for one in manifest.controllers.values()),
                "Contactpersonen": [
                    {"Id": _id(f"{self.page}#dpo-{self.name}"), "Naam": "Functionaris gegevensbescherming",
                     "Functie": "FG", "Email": manifest.controllers[self.name].dpo_contact}
                ],
                "Verwerkers": _named([manifest.matcher.title]),
                "Ontvangers": [
                    {"Id": _id(f"{self.page}#to-{name}"), "Omschrijving": title}
                    for name, title in self._recipients().items()
                ],
                "Doelen": [
                    {"Id": _id(f"{self.page}#{one}"), "Doel": manifest.basis.purpose,
                     "Rechtsgrond": f"{catalogue(_TEXTS)['legal_bases'][one]}: {manifest.basis.legal_basis}"}
                    for one in parts.legal_basis
                ],
                "Betrokkenen": parts.data and [self._concerned(one, kept) for one in parts.subjects],
                "Systemen": [{"Id": _id(self.page), "Omschrijving": "lsi-match"}],
                "Beveiliging": (parts.security or None)
                and {
                    "HasBeveiliging": True,
                    "Maatregelen": [one.text for one in parts.security],
                    "Encryptie": measures["encryptie"],
                    "Toegang": measures["toegang"],
                    "Pseudonimisering": measures["pseudonimisering"],
                },
                "Besluitvorming": {"HasBesluitvorming": False, "Logica": _say("decision_logic")},
                "Doorgifte": transfers and {"BuitenEu": transfers.outside_eu, "BuitenEuOmschrijving": transfers.text},
            },
            **self.told,
        )  # fmt: skip
        # Its import looks for a member with a comma in its name.
        return found | {"GebPia,IsGebpiaAlUitgevoerd": True}

    def _recipients(self) -> dict[str, str]:
        released = {name: self.manifest.controllers[name].title for name in self.manifest.release.to}
        return released | {name: _say("office", title=title) for name, title in self.others.items()}

    def _concerned(self, subject: str, kept: dict[str, int]) -> dict[str, Any]:
        data = [
            {
                "Id": _id(f"{self.page}#{subject}-{one}"),
                "Omschrijving": term("data", one, "nl"),
                "Verzameldoel": self.manifest.basis.purpose,
                "Bewaartermijn": _kept(kept),
                "IsBronBetrokkene": False,
                "BronOmschrijving": "; ".join(
                    selection.source for _, selection in self.manifest.selections()
                ),
            }
            for one in self.parts.data
        ]
        special = {**dict.fromkeys(_NOT_SPECIAL, False), **self.special}
        return {"Id": _id(f"{self.page}#{subject}"), "Omschrijving": term("subjects", subject, "nl"), **special, "Gegevens": data}  # fmt: skip

    def dpia(self) -> dict[str, Any]:
        """Never the parts that are the assessment itself (16, 17), nor how it is adopted (20); nothing marked complete."""
        manifest, parts, basis, sheet = self.manifest, self.parts, self.manifest.basis, self.sheet
        forms.checked(
            forms.DpiaFacts,
            {
                "subjects": parts.subjects,
                "data": parts.data,
                "legal_basis": parts.legal_basis,
                "transfers": parts.transfers and parts.transfers.text,
                "joint_controllers": self._paper("arrangement", parts.joint_controllers),
                "what": self.shared and self.shared.what,
                "rights": sheet and sheet.rights,
            },
            **self.told,
        )
        activities = [one for one in self.register["activities"] if one["about_persons"]]
        subjects = ", ".join(term("subjects", one, "nl") for one in parts.subjects)
        data = {
            f"{word('kind', one, 'nl')} ({manifest.controllers[name].title})": (name, one)
            for name, kinds in activities[0]["data"].items()
            for one in kinds
        }
        bsn = any(one == "bsn" for _, one in data.values())
        answers: dict[str, Any] = {
            "0": _say("intro", digest=manifest.digest, title=self.title),
            "1.1": self.shared and f"{self.shared.what}\n\n{self.shared.happens}",
            "2.1": [
                {
                    "2.1.1": item,
                    "2.1.2": subjects,
                    **({"2.1.4": "nationaal identificatienummer"} if one == "bsn" else {}),
                    "2.1.6": "false",
                    "2.1.7": manifest.controllers[name].title,
                    "2.1.8": "; ".join(selection.source for selection in manifest.partners[name].selections),
                }
                for item, (name, one) in data.items()
            ],
            "2.3": f"{_say('data_intro')} {_terms('data', parts.data)}",
            "3.1": [
                {"3.1.1": one["step"], "3.1.2": one["nl"], "3.1.3": tuple(data)} for one in activities
            ],
            "4": _say(
                "technique",
                scheme=_say(f"scheme_{manifest.pseudonyms.scheme}{'_kept' * manifest.pseudonyms.keeps_keys}"),
                monitor=", ".join(d.label for d in (*manifest.monitor.dimensions, *manifest.monitor.statistical.dimensions)) or "-",
            )
            + (f" {_say('sample', at_most=sample.at_most, basis=sample.legal_basis)}" if (sample := manifest.monitor.sample) else ""),
            "5.2": basis.purpose,
            "6.2": "\n".join(filter(None, [
                *(one.title for one in manifest.controllers.values()), f"{manifest.matcher.title} (verwerker)",
                *(_say("office", title=title) for title in self.others.values()),
                self._paper("arrangement", parts.joint_controllers), self._paper("agreement", parts.processor),
            ])),
            "8.2": parts.transfers and parts.transfers.text,
            "10.2": _kept(activities[0]["kept_days"]),
            "11.2": f"{basis.legal_basis} {_terms('legal_basis', parts.legal_basis)}",
            "12.3.1": "true" if bsn else "false",
            **{f"12.{n}.1": "true" for n, name in ((1, "Gezondheid"), (2, "Strafrechtelijk")) if self.special[name]},
            "12.4": _say("identifiers", kinds=", ".join(word("kind", one, "nl") for one in manifest.subject.identifiers) or "Persoonssleutels"),
            "14.1": basis.subsidiarity,
            "14.2": basis.proportionality,
            "15.1.1": "true",
            "15.1.2": f"{sheet.rights if sheet else ''}\n\n{_say('access')}",
            "15.8.1": "true",
            "15.8.2": _say("information", page=self.page),
            "19.1": [{"19.1.1": manifest.dpia.reference, "19.1.2": manifest.dpia.date.isoformat()}],
            "19.2": "concept",
        }  # fmt: skip
        if advice := manifest.dpo_advice.get(self.name):
            answers |= {"19.5.1": self.title, "19.5.6": advice.date.isoformat(), "19.5.7": advice.reference}
        given = {
            "metadata": {"urn": "urn:nl:dpia:3.0", "createdAt": self.now},
            "answers": _answers(answers, self.now),
        }
        return {"$schema": _DPIA_SCHEMA, **forms.checked(forms.DpiaAnnex, given, **self.told)}


def _answers(told: dict[str, Any], now: datetime) -> dict[str, Any]:
    def answer(value: Any) -> Any:
        return {"value": value, "lastEditedAt": now}

    return {
        task: [{"_index": i, **{t: answer(v) for t, v in one.items()}} for i, one in enumerate(value)]
        if isinstance(value, list)
        else answer(value)
        for task, value in told.items()
    }


def _links(sources: tuple[Source, ...]) -> list[dict[str, str]]:
    return [{"title": one.title, **({"link": one.address} if one.address else {})} for one in sources]


def _named(names: Any) -> list[dict[str, str]]:
    return [{"Id": _id(f"urn:lsi-match:{name}"), "Naam": name} for name in names]


def _terms(kind: str, names: tuple[str, ...]) -> str:
    return "; ".join(f"{term(kind, one, 'nl')} (W3C DPV: {one})" for one in names)


def _kept(days: dict[str, int]) -> str:
    return _say("kept", releases=days["releases"], subjects=days["files_of_subjects"])
