"""The text that controllers sign for: what is in it, and that the approval binds it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from handmade import NOW, document, manifest, selection
from homes import Homes

from lsi_match.agreement.approvals import APPROVAL, STATEMENT, approve
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.cli.main import run
from lsi_match.crypto.signing import peek
from lsi_match.manifest import Manifest
from lsi_match.protocol.documents import Approval
from lsi_match.reports.approval_page import approval_text

PROSE = "Deze regeling geldt volgens de wet alleen voor mensen vanaf een bepaalde leeftijd; er is geen andere weg."
Draft = dict[str, Any]


def changed(change: Callable[[Draft], object]) -> Manifest:
    value = document()
    change(value)
    return Manifest.model_validate(value)


def ground(draft: Draft) -> None:
    draft["characteristics"] = {
        "leeftijd": {"kind": "ground", "label": "Leeftijd", "legal_basis": "Artikel 1", "rationale": PROSE},
        "ongebruikt": {"kind": "proxy", "label": "Postcode", "rationale": PROSE + " Ook hier."},
    }
    first = selection()
    first["fields"]["begin"]["characteristic"] = "leeftijd"
    first["criteria"].append({"id": "oud", "when": "begin < DATE '1960-01-01'", "rationale": "De regeling."})
    draft["partners"]["uwv"]["selections"] = [first]


def test_it_names_the_responsibility_the_manifest_and_every_criterion_with_its_reason() -> None:
    agreed = manifest()
    for lang in ("nl", "en"):
        text = approval_text(agreed, STATEMENT, lang, None)
        assert agreed.digest in text
        assert agreed.work_instruction.digest in text
        assert text.count("`lopend`: Alleen wat loopt.") == len(agreed.partners)
    assert STATEMENT in text
    assert "Nothing was found" in text
    assert "first version" in text


def test_a_ground_is_named_with_its_reason_and_every_place_where_it_counts() -> None:
    text = approval_text(changed(ground), STATEMENT, "nl", None)
    assert f"**Leeftijd** (grond van discriminatie). {PROSE} Wettelijke rechtvaardiging: Artikel 1" in text
    assert "  - `uwv.lijst.criteria.oud`\n  - `uwv.lijst.signals.kort`" in text
    assert "Postcode" not in text  # declared, and counts nowhere


def test_what_seems_to_be_one_and_is_not_declared_is_named_too() -> None:
    def betrays(draft: Draft) -> None:
        first = selection()
        first["fields"]["nationaliteit"] = {"type": "text", "meaning": "Nationaliteit"}
        first["criteria"].append({"id": "n", "when": "nationaliteit = 'X'", "rationale": "Zomaar."})
        draft["partners"]["uwv"]["selections"] = [first]

    assert "`uwv.lijst` noemt het veld `nationaliteit`" in approval_text(
        changed(betrays), STATEMENT, "nl", None
    )


def test_what_changes_since_the_version_before_is_told_by_what_it_means() -> None:
    def wider(draft: Draft) -> None:
        for one in draft["partners"]["uwv"]["selections"]:
            one["signals"][0]["when"] = "bedrag >= 90"

    old, new = manifest(), changed(wider)
    text = approval_text(new, STATEMENT, "nl", old)
    assert f"{old.digest} → {new.digest}" in text
    assert "`uwv.lijst.signals.hoog`" in text.split("→")[1]
    assert "eerste versie" not in text


def test_the_approval_binds_the_text_and_the_version_before(tmp_path: Path) -> None:
    world = Homes(tmp_path)
    paper = approve(world.manifest, world.identities["uwv"], NOW, text="é", previous="sha256:" + "1" * 64)
    signed = peek(paper, APPROVAL, Approval, what="", party="")
    assert (signed.text, signed.previous) == (digest_of_bytes("é".encode()), "sha256:" + "1" * 64)


def test_who_signs_sees_the_text_and_what_changed_since_its_own_agreement(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = Homes(tmp_path)
    world.pin()
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_bytes(world.manifest.canonical())
    value = world.manifest.model_dump(mode="json")
    value["release"]["max_cases"] = 7
    later = Manifest.model_validate(value)
    new.write_bytes(later.canonical())

    def signed(file: Path) -> Approval:
        arguments = ("manifest", "sign", file, "uwv", tmp_path / "uwv", "--out", tmp_path / "papers")
        assert run([str(argument) for argument in arguments]) == 0
        return peek((tmp_path / "papers" / "uwv.json").read_bytes(), APPROVAL, Approval, what="", party="")

    first = signed(old)
    shown = capsys.readouterr().out
    text = (tmp_path / "papers" / "uwv.md").read_bytes()
    assert (first.text, first.previous) == (digest_of_bytes(text), None)
    assert text.decode() in shown
    assert first.text in shown

    world.join()
    assert signed(old).previous is None  # approving again
    second = signed(new)
    assert second.previous == world.manifest.digest
    assert "`release.max_cases`: was 10000" in (tmp_path / "papers" / "uwv.md").read_text()
    # anybody makes the same text again
    capsys.readouterr()
    assert run(["manifest", "statement", str(new), "--previous", str(old), "--json"]) == 0
    assert digest_of_bytes(json.loads(capsys.readouterr().out)["text"].encode()) == second.text
