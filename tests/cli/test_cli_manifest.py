"""The commands of a manifest: from a template to a signed agreement, and what is wrong on the way."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from handmade import PARTNERS, document
from homes import Homes

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.cli.main import run as main
from lsi_match.manifest import Manifest

CONFIGS = Path(__file__).parents[2] / "configs"
INSTRUCTION = b"Lees dit eerst.\n"
ROLES = ["datasteward", "casustafel"]


def run(*arguments: str | Path) -> int:
    """The exit status of a command."""
    return main(["manifest", *map(str, arguments)])


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def world(tmp_path: Path) -> Homes:
    draft = document()
    draft["work_instruction"].update(digest=digest_of_bytes(INSTRUCTION), acknowledged_by=ROLES)
    made = Homes(tmp_path, draft)
    (tmp_path / "manifest.json").write_bytes(made.manifest.canonical())
    (tmp_path / "instructie.md").write_bytes(INSTRUCTION)
    made.pin()
    return made


def trust_of(world: Homes) -> tuple[str, Path]:
    """The folder of a party with what it took in, as it can be sent."""
    return "--trust", world.folder / "uwv" / "projects" / "proef" / "trust"


def everybody_signs(world: Homes) -> None:
    place = world.folder
    for name in PARTNERS:
        assert run("sign", place / "manifest.json", name, place / name, "--out", place / "papers") == 0
        assert acknowledged(world, name) == 0


def acknowledged(
    world: Homes, name: str, instruction: str = "instructie.md", role: str = "casustafel"
) -> int:
    place = world.folder
    return run(
        "acknowledge", place / "manifest.json", name, place / name, "--instruction", place / instruction,
        "--role", "datasteward", "--role", role, "--out", place / "papers",
    )  # fmt: skip


def test_a_template_can_be_read_and_explained_and_is_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draft = tmp_path / "concept.yaml"
    assert run("new", draft) == 0
    assert run("explain", draft, "--out", tmp_path / "uitleg.md") == 0
    assert "Concept: nog zonder sleutels" in (tmp_path / "uitleg.md").read_text()
    capsys.readouterr()
    assert run("check", draft, "--json") == 0
    found = told(capsys)
    assert found["digest"] is None
    assert {(one["partner"], one["selection"]) for one in found["power"]} == {
        tuple(name.split(".")) for name in found["criteria"]
    }
    assert all(one["after"] is None or one["after_at_most"] <= one["after"] for one in found["power"])
    assert run("new", draft) == 1


def test_before_it_is_signed_a_manifest_tells_what_the_monitor_would_see_and_by_when(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draft = tmp_path / "concept.yaml"
    assert run("new", draft) == 0
    text = draft.read_text(encoding="utf-8")
    draft.write_text(re.sub(r"at_most: \d+", "at_most: 5000", re.sub(r"at_least: \d+", "at_least: 1", text)))
    capsys.readouterr()
    assert run("check", draft) == 0
    shown = capsys.readouterr().out
    assert "twee keer zo vaak wordt gekozen" in shown
    assert re.search(r"niet binnen \d+ rondes bij 1 per ronde, na \d+ bij 5000", shown)


def test_status_says_what_blocks_and_holds_when_nothing_does(
    world: Homes, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest, papers = world.folder / "manifest.json", world.folder / "papers"
    assert run("status", manifest, *trust_of(world), "--json") == 1
    gates = {gate["gate"]: gate for gate in told(capsys)["gates"]}
    assert [name for name, gate in gates.items() if not gate["holds"]] == ["approval", "instruction"]
    assert all(name in gates["approval"]["text"] for name in PARTNERS)
    everybody_signs(world)
    capsys.readouterr()
    assert run("status", manifest, "--papers", papers, *trust_of(world), "--json") == 0
    assert all(gate["holds"] for gate in told(capsys)["gates"])


def test_a_withdrawn_approval_blocks_and_reaches_the_own_copy(
    world: Homes, capsys: pytest.CaptureFixture[str]
) -> None:
    everybody_signs(world)
    world.join()
    place = world.folder
    arguments = ("uwv", place / "uwv", "--reason", "Het doel is veranderd.", "--out", place / "papers")
    assert run("withdraw", place / "manifest.json", *arguments) == 0
    assert (place / "papers" / "uwv.withdrawal.json").exists()
    capsys.readouterr()
    status = ("status", place / "manifest.json", "--papers", place / "papers", *trust_of(world), "--json")
    assert run(*status) == 1
    assert {g["gate"]: g["reason"] for g in told(capsys)["gates"] if not g["holds"]} == {
        "approval": "ApprovalWithdrawnError"
    }
    own = world.home("uwv").project(world.manifest.project.id) / "approvals"
    assert (own / "uwv.withdrawal.json").exists()


def test_another_work_instruction_or_an_unknown_role_is_not_acknowledged(world: Homes) -> None:
    (world.folder / "andere.md").write_text("Iets anders.")
    assert acknowledged(world, "uwv", instruction="andere.md") == 2
    assert acknowledged(world, "uwv", role="directeur") == 2
    assert not (world.folder / "papers").exists()


def test_nobody_signs_with_another_key(world: Homes) -> None:
    place = world.folder
    shutil.rmtree(place / "uwv")
    shutil.copytree(place / "svb", place / "uwv")
    world.pin()
    for command in (["sign"], ["withdraw", "--reason", "x"]):
        arguments = [command[0], place / "manifest.json", "uwv", place / "uwv", *command[1:]]
        assert run(*arguments, "--out", place / "papers") in (1, 2)
    assert not (place / "papers").exists()


def test_a_fault_in_a_criterion_is_shown_in_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (CONFIGS / "samenloop" / "manifest.yaml").read_text()
    wrong = text.replace("dagbedrag >= 20.00", "dagbedrag >= = 20.00")
    (tmp_path / "m.yaml").write_text(wrong)
    assert run("explain", tmp_path / "m.yaml") == 1
    said = capsys.readouterr().err
    line = next(i for i, row in enumerate(wrong.splitlines(), 1) if "dagbedrag >= =" in row)
    assert f" {line}:" in said
    shown = said.splitlines()
    at = next(i for i, row in enumerate(shown) if row.strip() == "dagbedrag >= = 20.00")
    assert shown[at + 1].index("^") == shown[at].index("= =") + 2


def test_sql_is_for_a_partner_of_the_manifest_and_a_known_database(
    world: Homes, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = world.folder / "manifest.json"
    assert (
        run("sql", manifest, "--partner", "uwv", "--dialect", "oracle", "--reference-date", "2026-10-01") == 0
    )
    said = capsys.readouterr().out
    assert world.manifest.digest in said
    assert "WHERE" in said
    assert run("sql", manifest, "--partner", "duo", "--dialect", "oracle") == 2
    assert run("sql", manifest, "--partner", "uwv", "--dialect", "dbase") == 1
    assert run("sql", manifest, "--partner", "uwv", "--dialect", "oracle", "--reference-date", "morgen") == 2


def test_diff_of_a_manifest_and_itself_is_nothing(world: Homes, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = world.folder / "manifest.json"
    assert run("diff", manifest, manifest, "--json") == 0
    assert "Er verandert niets" in told(capsys)["text"]


def test_the_columns_of_a_drop_are_shown_with_what_a_row_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draft = document()
    (tmp_path / "manifest.json").write_bytes(Manifest.model_validate(draft).canonical())
    assert run("columns", tmp_path / "manifest.json", "--partner", "uwv", "--json") == 0
    shown = told(capsys)
    assert [(one["name"], one["width"]) for one in shown["columns"]] == [
        ("bsn", 16), ("reference", 16), ("signals", 8), ("selection", 1), ("group", 1),
    ]  # fmt: skip
    assert (shown["width"], shown["row"]) == (42, None)
    rows = 2
    part = b"\1" * 16 + b"\2" * 16 + b"\3" * 16 * rows
    part += (1).to_bytes(8, "little") + (3).to_bytes(8, "little") + bytes([0, 0, 0, 255])
    (tmp_path / "part").write_bytes(part)
    given = ("--partner", "uwv", "--part", str(tmp_path / "part"))
    assert run("columns", tmp_path / "manifest.json", *given, "--row", "2", "--json") == 0
    assert told(capsys)["row"] == {
        "bsn": "02" * 16, "reference": "03" * 16, "signals": "3 (hoog, kort)", "selection": "0 (lijst)", "group": "255 (unknown)",
    }  # fmt: skip
    for row in ("0", "3"):
        assert run("columns", tmp_path / "manifest.json", *given, "--row", row) == 1
    (tmp_path / "part").write_bytes(part + b"\0")
    assert run("columns", tmp_path / "manifest.json", *given) == 1
    assert "85 bytes" in " ".join(capsys.readouterr().err.split())
    assert run("columns", tmp_path / "manifest.json", "--partner", "niemand") == 2
