"""What registers ask of a manifest: it may be left out, is told where it stands, and missed by name where it does not."""

from __future__ import annotations

from typing import Any

import pytest
from handmade import document
from pydantic import ValidationError

from lsi_match.manifest import Manifest
from lsi_match.manifest.accountability import Accountability, term
from lsi_match.reports.manifest_page import agreed, difference

WHOLE: dict[str, Any] = {
    "joint_controllers": {"reference": "REGELING-1", "date": "2026-01-05"},
    "processor": {"reference": "VERWERKER-1", "date": "2026-01-06"},
    "legal_basis": ["PublicInterest"],
    "data": ["BirthDate", "Income"],
    "subjects": ["Employee"],
    "security": [{"kind": "technical", "text": "Versleutelde schijven"}],
    "transfers": {"outside_eu": True, "text": "Modelcontract van de Commissie"},
    "assessment": {"reference": "IAMA-1", "date": "2026-01-07"},
    "log_contact": "logboek@koppel.example",
}


def test_a_manifest_without_it_has_the_digest_and_the_text_that_it_had() -> None:
    plain = document()
    assert "accountability" not in plain
    manifest = Manifest.model_validate(plain)
    assert b"accountability" not in manifest.canonical()
    assert manifest.accountability.missing() == list(Accountability.model_fields)
    assert "Verantwoording" not in agreed(manifest, "nl").markdown


def test_every_part_of_it_is_told_in_what_is_signed_and_in_what_changes() -> None:
    before = Manifest.model_validate(document())
    manifest = Manifest.model_validate({**document(), "accountability": WHOLE})
    assert manifest.digest != before.digest
    assert manifest.accountability.missing() == []
    text = agreed(manifest, "nl").markdown
    for part in (
        "REGELING-1, 5 januari 2026", "VERWERKER-1", "taak van algemeen belang (dpv:PublicInterest)",
        "geboortedatum (dpv:BirthDate), inkomen (dpv:Income)", "werknemers (dpv:Employee)",
        "Versleutelde schijven (technisch)", "Ja. Modelcontract van de Commissie", "IAMA-1", "logboek@koppel.example",
    ):  # fmt: skip
        assert part in text.replace("\\", ""), part
    assert "Yes. Modelcontract" in agreed(manifest, "en").markdown
    assert "accountability" in difference(before, manifest, "nl", names=("a", "b")).markdown


@pytest.mark.parametrize("kind", ["legal_basis", "data", "subjects"])
def test_a_term_that_the_vocabulary_does_not_have_is_refused_with_those_that_it_has(kind: str) -> None:
    for wrong in ("birthdate", "Geboortedatum", "dpv:BirthDate", ""):
        with pytest.raises(ValidationError, match="DPV") as refused:
            Accountability.model_validate({kind: [wrong]})
        assert "PublicInterest" in str(refused.value) or kind != "legal_basis"
    assert term("data", "OfficialID", "en").startswith("official number")
