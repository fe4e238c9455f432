"""Annexes: every fact in them is one of the manifest, of what was signed to be public, or of the log; nothing is made up."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, get_args
from uuid import NAMESPACE_URL, uuid5
from zipfile import ZipFile

import pytest
from handmade import document
from logged import opened, ran
from manifest.test_office import SAMPLE, draft
from manifest.test_statistics import NAME
from manifest.test_statistics import draft as statistics
from refusals import raises
from test_public_pages import at, numbered

from lsi_match.log.activities import activity_uri, register
from lsi_match.log.steps import Step
from lsi_match.manifest import Manifest
from lsi_match.protocol.publication import Sheet
from lsi_match.reports.annexes.fill import Annex, annex
from lsi_match.reports.public.facts import ProjectFacts, Version
from lsi_match.reports.public.results import Use, use

SINCE, NOW = datetime(2026, 2, 1, 9, tzinfo=UTC), datetime(2026, 10, 1, 12, tzinfo=UTC)
ACCOUNTABILITY: dict[str, Any] = {
    "joint_controllers": {"reference": "REGELING-1", "date": "2026-01-05"},
    "processor": {"reference": "VERWERKER-1", "date": "2026-01-06"},
    "legal_basis": ["PublicInterest"],
    "data": ["OfficialID", "Income", "Health"],
    "subjects": ["Employee", "Citizen"],
    "security": [{"kind": "organisational", "text": "Vier ogen bij iedere wijziging"}],
    "transfers": {"outside_eu": False, "text": "Alles staat in Nederland"},
    "assessment": {"reference": "IAMA-1", "date": "2026-01-07"},
}
SHARED = {
    part: f"Over {part}: de organisaties vergelijken gegevens en mensen kijken naar de uitkomst."
    for part in ("what", "why", "happens", "human", "risks", "works", "case", "data")
}
SHEET: dict[str, Any] = {
    "name": "Uitvoeringsinstituut Werknemersverzekeringen",
    "contact": "vragen@uwv.example",
    "page": "https://uwv.example/koppelen",
    "category": "impactful",
    "rights": "Vraag inzage bij het klantcontactcentrum, telefonisch of met een brief.",
    "laws": [{"title": "Wet SUWI, artikel 64", "address": "https://wetten.example/suwi"}],
    "sources": [{"title": "Polisadministratie", "not_public": "Er is geen openbare beschrijving"}],
    "assessments": [{"title": "DPIA", "address": "https://uwv.example/dpia"}],
    "shared": {"in_short": "Organisaties vergelijken gegevens om fouten te vinden.", **SHARED},
}


def facts(
    sheet: dict[str, Any] | None = SHEET, accountability: dict[str, Any] = ACCOUNTABILITY
) -> ProjectFacts:
    manifest = Manifest.model_validate({**document(), "accountability": accountability})
    sheets = {name: Sheet.model_validate(sheet) for name in manifest.controllers} if sheet else {}
    return ProjectFacts((Version(manifest, SINCE),), (), sheets, Use(datetime(2026, 3, 2, tzinfo=UTC)))


def made(kind: Annex, given: ProjectFacts | None = None) -> Any:
    data = annex(kind, given or facts(), "uwv", NOW)
    if kind != "vws":
        return json.loads(data)
    with ZipFile(BytesIO(data)) as zipped:
        (name,) = zipped.namelist()
        assert name.startswith("AVG Verantwoordelijke Verwerkingen/")
        (record,) = json.loads(zipped.read(name))
        return record


def test_each_fact_for_the_algorithm_register_is_one_of_manifest_publication_or_log() -> None:
    given, found = facts(), made("algorithm-register")
    manifest, page = given.manifest, "https://koppel.example/project/proef/"
    shared = SHEET["shared"]
    sources = [one.source for _, one in manifest.selections()]
    works = found.pop("methods_and_models")
    assert works.startswith(shared["works"])
    assert works.endswith(page)
    assert all(source in works for source in sources)
    assert found == {
        "name": manifest.project.title,
        "description_short": shared["in_short"],
        "organization": SHEET["name"],
        "category": ["Sociale zekerheid"],
        "status": "In gebruik",
        "begin_date": "2026-03",
        "contact_email": SHEET["contact"],
        "website": SHEET["page"],
        "url": f"https://koppel.example/register/proef/{given.versions[0].short}/index.json",
        "publication_category": "Impactvolle algoritmes",
        "goal": f"{shared['why']}\n\n{shared['happens']}",
        "proportionality": manifest.basis.proportionality,
        "human_intervention": shared["human"],
        "risks": shared["risks"],
        "lawful_basis": manifest.basis.legal_basis,
        "lawful_basis_grouping": [{"title": "Wet SUWI, artikel 64", "link": "https://wetten.example/suwi"}],
        "impacttoetsen": "DPIA: DPIA-1, 5 januari 2026.\nIAMA: IAMA-1, 7 januari 2026.",
        "impacttoetsen_grouping": [{"title": "DPIA", "link": "https://uwv.example/dpia"}],
        "source_data": shared["data"],
        "source_data_grouping": [{"title": "Polisadministratie"}],
        "provider": manifest.matcher.title,
        "source_id": "proef.uwv",
        "lang": "nld",
        "standard_version": "1.0",
    }


def test_status_and_dates_are_those_of_the_log() -> None:
    first, last = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 4, 3, tzinfo=UTC)
    *before, end_of_round = ran("r1", uwv=1)[1:]
    recorded = numbered(at(first, opened("r1"), *before), at(last, end_of_round))
    end = Manifest.model_validate(document()).project.period.last
    after = datetime(2027, 1, 2, tzinfo=UTC)
    for now, expected in ((NOW, Use(first)), (after, Use(first, last))):
        assert use(recorded, end, now) == expected
    assert use(recorded[:-1], end, after) == Use(first), "a round that goes on is use"
    assert use([], end, after) == Use()
    for one, status in (
        (Use(), "In ontwikkeling"),
        (Use(first), "In gebruik"),
        (Use(first, last), "Buiten gebruik"),
    ):
        found = made("algorithm-register", replace(facts(), use=one))
        assert (found["status"], found.get("end_date")) == (status, "2026-04" if one.end else None)


def test_a_statistics_office_is_named_wherever_data_go_to_it() -> None:
    manifest = Manifest.model_validate({**draft(), "accountability": ACCOUNTABILITY})
    given, title = replace(facts(), versions=(Version(manifest, SINCE),)), "Bureau voor de statistiek"
    assert title in str(made("dpia", given)["answers"]["6.2"])
    assert any(title in one["Omschrijving"] for one in made("vws", given)["Ontvangers"])
    found = made("processing-register", given)
    (office,) = (
        one["id"] for path, one in found.items() if path.startswith("/entities/") and one["name"] == title
    )
    told = [
        one
        for path, one in found.items()
        if "/versions/" in path and {"legalRole": "ThirdParty", "entityId": office} in one["recipients"]
    ]
    assert [one["processingOptions"] for one in told] == [["Organise"]]
    for kind in get_args(Annex):
        assert title not in json.dumps(made(kind))


def test_a_statistics_partner_is_told_as_one_that_selects_nobody() -> None:
    manifest = Manifest.model_validate({**statistics(), "accountability": ACCOUNTABILITY})
    sheets = {**facts().sheets, NAME: facts().sheets["uwv"]}
    given = replace(facts(), versions=(Version(manifest, SINCE),), sheets=sheets)
    assert "Leeftijd, Etniciteit" in made("dpia", given)["answers"]["4"]["value"]
    assert "van iedereen in Bevolking naar herkomst levert deze organisatie alleen" in json.dumps(
        made("algorithm-register", given)
    )
    told = {
        name: one["data"]
        for one in register(manifest)["activities"]
        if one["about_persons"]
        for name in [one["step"]]
    }
    assert told["intake"][NAME] == ["Etniciteit", "bsn", "groep waarin iemand valt, alleen om te tellen"]
    assert (
        NAME
        not in next(one for one in register(manifest)["activities"] if one["step"] == "release")["recipients"]
    )


def test_a_dpia_tells_that_people_are_judged_who_were_not_selected() -> None:
    value = {**document(), "accountability": ACCOUNTABILITY}
    value["monitor"]["sample"] = SAMPLE
    given = replace(facts(), versions=(Version(Manifest.model_validate(value), SINCE),))
    assert "hoogstens 50 gelote mensen" in made("dpia", given)["answers"]["4"]["value"]
    assert "gelote" not in json.dumps(made("dpia"))


def test_activities_have_the_ids_that_follow_from_the_addresses_in_the_log() -> None:
    given, found = facts(), made("processing-register")
    versions = {path.split("/")[2]: one for path, one in found.items() if "/versions/1" in path}
    step = activity_uri("koppel.example", "proef", given.manifest.digest, Step.MATCH)
    one = versions[str(uuid5(NAMESPACE_URL, step))]
    assert (one["processingOptions"], one["legalBasis"]) == (["Use", "Transform"], ["PublicInterest"])
    assert one["personalData"] == {"categories": ACCOUNTABILITY["data"], "retentionPeriod": "P365D"}
    assert one["dataSubjects"] == ACCOUNTABILITY["subjects"]
    assert one["measures"][0]["measure"] == "Vier ogen bij iedere wijziging"
    assert all(
        f"/entities/{to['entityId']}" in found for one in versions.values() for to in one["recipients"]
    )
    assert {one["name"] for path, one in found.items() if path.startswith("/entities")} == {
        given.manifest.matcher.title, *(one.title for one in given.manifest.controllers.values())
    }  # fmt: skip


def test_the_record_for_vws_says_what_was_signed() -> None:
    given, found = facts(), made("vws")
    assert (
        found["VerdelingVerantwoordelijkheid"]
        == "Onderlinge regeling (art. 26 AVG): REGELING-1, 5 januari 2026."
    )
    assert [one["Naam"] for one in found["Verantwoordelijken"]] == [
        one.title for one in given.manifest.controllers.values()
    ]
    assert {one["Omschrijving"] for one in found["Betrokkenen"]} == {"werknemers", "burgers"}
    assert [one["Gezondheid"] for one in found["Betrokkenen"]] == [True, True]
    assert [one["Strafrechtelijk"] for one in found["Betrokkenen"]] == [False, False]
    assert found["Doorgifte"] == {"BuitenEu": False, "BuitenEuOmschrijving": "Alles staat in Nederland"}
    assert found["Besluitvorming"]["HasBesluitvorming"] is False
    assert found["Status"] == "TerReview"


def test_the_annex_of_a_dpia_has_no_part_of_the_assessment_and_marks_nothing_complete() -> None:
    given, found = facts(), made("dpia")
    assert found["metadata"] == {"urn": "urn:nl:dpia:3.0", "createdAt": "2026-10-01T12:00:00Z"}
    answers = found["answers"]
    assert not {task.split(".")[0] for task in answers} & {"16", "17", "18", "20"}
    assert answers["14.1"]["value"] == given.manifest.basis.subsidiarity
    assert (answers["12.3.1"]["value"], answers["12.1.1"]["value"]) == ("true", "true")
    assert "12.2.1" not in answers, "what is not said is not denied"
    items = [one["2.1.1"]["value"] for one in answers["2.1"]]
    assert [one["_index"] for one in answers["2.1"]] == list(range(len(items)))
    assert all(one["3.1.3"]["value"] == items for one in answers["3.1"]), "the very texts of 2.1.1"
    assert answers["19.5.7"]["value"] == given.manifest.dpo_advice["uwv"].reference
    for value in (v for one in answers.values() for v in (one if isinstance(one, list) else [{"": one}])):
        for answer in (one for key, one in value.items() if key != "_index"):
            assert isinstance(answer["value"], (str, list)), "booleans are texts"


@pytest.mark.parametrize("kind", get_args(Annex))
def test_what_nobody_signed_is_refused_by_its_name(kind: Annex) -> None:
    needs = {
        "algorithm-register": ("publication: name", "publication: shared.in_short", "publication: contact"),
        "processing-register": (
            "accountability.legal_basis",
            "accountability.data",
            "accountability.security",
        ),
        "vws": ("accountability.joint_controllers", "accountability.transfers", "accountability.security"),
        "dpia": ("accountability.subjects", "publication: rights", "accountability.transfers"),
    }[kind]
    with raises("AnnexIncompleteError") as refused:
        made(kind, facts(sheet=None, accountability={}))
    for language in ("nl", "en"):
        assert all(name in refused.value.text(language) for name in needs), refused.value.text(language)


@pytest.mark.parametrize("part", ["name", "contact", "in_short", "why", "works", "data"])
def test_one_text_that_is_missing_is_told_alone(part: str) -> None:
    if part in SHEET:
        sheet = SHEET | {part: None if part == "name" else "geen adres"}
    else:
        sheet = SHEET | {"shared": {k: v for k, v in SHEET["shared"].items() if k != part}}
    with raises("AnnexIncompleteError") as refused:
        made("algorithm-register", facts(sheet))
    assert part in refused.value.text("en")
    assert refused.value.text("en").count("publication:") == 1


def test_a_text_over_a_limit_is_told_with_its_length() -> None:
    long = SHEET | {"shared": SHEET["shared"] | {"in_short": "a" * 351, "risks": "b" * 2501}}
    with raises("AnnexIncompleteError") as refused:
        made("algorithm-register", facts(long))
    assert "description_short (publication: shared.in_short): 351 > 350" in refused.value.text("nl")
    assert "risks (publication: shared.risks): 2501 > 2500" in refused.value.text("nl")


def test_texts_that_differ_between_organisations_fill_no_entry() -> None:
    given = facts()
    other = SHEET | {"shared": SHEET["shared"] | {"why": SHARED["why"] + " Anders."}}
    with raises("AnnexIncompleteError", match="shared"):
        made(
            "algorithm-register", replace(given, sheets={**given.sheets, "svb": Sheet.model_validate(other)})
        )
