"""A statistics office in a manifest: what it needs, that it is watched and not selected by, and that signers read it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from handmade import PROSE, dimension, document
from pydantic import ValidationError

from lsi_match.agreement.gates import Gate, evaluate_draft
from lsi_match.manifest import Manifest
from lsi_match.reports.manifest_page import difference, explained

GROUND = {
    "kind": "ground",
    "label": "Etnische afkomst",
    "rationale": PROSE,
    "legal_basis": "Art. 41 van de CBS-wet",
}
OFFICE = {
    "id": "cbs", "title": "Bureau voor de statistiek", "encryption_key": f"age1{77:058d}", "client": "svb",
    "dimensions": [
        {"id": "etniciteit", "label": "Etniciteit", "groups": {"een": "De ene", "ander": "De andere"}},
    ],
}  # fmt: skip


def draft(**office: Any) -> dict[str, Any]:
    value = document(dimensions=[dimension()])
    value["monitor"]["office"] = OFFICE | office
    value["characteristics"] = {"etniciteit": GROUND}
    for advice in value["dpo_advice"].values():
        advice["characteristics"] = ["etniciteit"]
    return value


def failing(value: dict[str, Any]) -> set[Gate]:
    found = evaluate_draft(Manifest.model_validate(value), date(2026, 6, 1))
    return {one.gate for one in found if one.error and one.gate in (Gate.PLAN, Gate.EQUAL_TREATMENT)}


def needs_a_law_and_advice(good: dict[str, Any], without: dict[str, Any]) -> None:
    """Of two drafts that are the same; the second is spoiled."""
    assert failing(good) == set()
    without["characteristics"]["etniciteit"] = {**GROUND, "legal_basis": "Ja"}
    assert failing(without) == {Gate.PLAN}
    without["characteristics"]["etniciteit"] = GROUND
    without["dpo_advice"]["uwv"]["characteristics"] = []
    assert failing(without) == {Gate.EQUAL_TREATMENT}


def test_a_special_category_may_be_watched_by_an_office_with_a_law_and_the_advice_of_every_dpo() -> None:
    needs_a_law_and_advice(draft(), draft())
    # By what partners record themselves nobody is counted so.
    counted = document(dimensions=[dimension(id_="etniciteit")])
    with pytest.raises(ValidationError, match="never counted per person"):
        Manifest.model_validate(counted)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a stranger as client": ({"client": "cbs"}, "not a controller"),
    "the name of a partner": ({"id": "uwv"}, "a meaning of its own"),
    "smaller numbers than are shown": ({"rounded_to": 5}, "rounds to the smallest number"),
    "a key of a party": ({"encryption_key": f"age1{2:058d}"}, "the same key"),
    "what the manifest does not explain": (
        {"dimensions": [OFFICE["dimensions"][0] | {"id": "afkomst"}]},  # type: ignore[index]
        "does not explain it",
    ),
    "a group unknown": (
        {"dimensions": [OFFICE["dimensions"][0] | {"groups": {"unknown": "?", "een": "Een"}}]},  # type: ignore[index]
        "unknown",
    ),
    "the same dimension twice": ({"dimensions": [OFFICE["dimensions"][0]] * 2}, "named twice"),  # type: ignore[index]
}


@pytest.mark.parametrize("what", WRONG)
def test_what_an_office_cannot_be_is_refused(what: str) -> None:
    changes, told = WRONG[what]
    value = draft(**changes)
    value["monitor"]["smallest_cell"] = 10
    value["monitor"]["office"].setdefault("rounded_to", 10)
    with pytest.raises(ValidationError, match=told):
        Manifest.model_validate(value)


def test_an_office_counts_beside_the_partners_and_people_with_a_bsn() -> None:
    value = draft()
    value["monitor"]["dimensions"] = []
    with pytest.raises(ValidationError, match="counts beside the monitor"):
        Manifest.model_validate(value)
    value = draft()
    value["subject"]["identifiers"] = ["v_number"]
    for partner in value["partners"].values():
        partner["selections"][0]["identifiers"][0]["kind"] = "v_number"
    with pytest.raises(ValidationError, match="can count nobody"):
        Manifest.model_validate(value)


def test_who_signs_reads_what_goes_to_the_office_and_what_comes_back() -> None:
    page = explained(Manifest.model_validate(draft(rounded_to=15)), "nl").markdown.replace("\\", "")
    for told in (
        "Bureau voor de statistiek",
        "Organisatie svb brengt een tabel terug",
        "afgerond op 15",
        "Etniciteit",
    ):
        assert told in page
    assert (
        "statistiek"
        not in explained(Manifest.model_validate(document(dimensions=[dimension()])), "nl").markdown
    )
    assert b"office" not in Manifest.from_draft(document(dimensions=[dimension()])).canonical()


SAMPLE = {
    "one_in": 500,
    "at_most": 50,
    "legal_basis": PROSE,
    "rationale": f"Zonder dit is niet te zien wat wij missen. {PROSE}",
}


def test_a_sample_is_drawn_only_when_every_dpo_advised_on_it_and_who_signs_reads_it() -> None:
    value = document()
    value["monitor"]["sample"] = SAMPLE

    def advice() -> bool:
        found = evaluate_draft(Manifest.model_validate(value), date(2026, 6, 1))
        return next(one for one in found if one.gate is Gate.DPO_ADVICE).error is None

    assert not advice()
    for name in value["dpo_advice"]:
        assert not advice(), name
        value["dpo_advice"][name]["sample"] = True
    assert advice()
    page = " ".join(explained(Manifest.model_validate(value), "nl").markdown.split())
    assert "een op de 500 en hoogstens 50" in page
    assert "wat wij missen" in page
    plain = Manifest.from_draft(document())
    assert b"sample" not in plain.canonical()
    assert "Steekproef" not in explained(plain, "nl").markdown
    told = " ".join(
        difference(plain, Manifest.model_validate(value), "nl", names=("a", "b")).markdown.split()
    )
    assert "monitor" in told
    assert "500" in told
    for wrong in ({"at_most": 1001}, {"legal_basis": "Ja"}, {"one_in": 1}):
        with pytest.raises(ValidationError):
            Manifest.model_validate(value | {"monitor": {**value["monitor"], "sample": SAMPLE | wrong}})
