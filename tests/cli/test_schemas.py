"""The committed JSON Schemas are those of the models, and say the same as the models."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from handmade import BSNS, NOW, document, opening, write_csv
from homes import Homes, mapping
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from lsi_match.base.canonical import canonical_json
from lsi_match.base.yaml_positions import read_yaml
from lsi_match.cli import schemas
from lsi_match.log.entry import LogEntry
from lsi_match.manifest import Document, Manifest
from lsi_match.monitor.overview import Overview
from lsi_match.partner.prepare import prepare
from lsi_match.protocol import documents
from lsi_match.protocol.documents import ReleaseDescriptor

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "schemas"


def problems(name: str, value: object) -> list[str]:
    """What the committed schema says of a value."""
    schema = json.loads((FOLDER / f"{name}.schema.json").read_text())
    checker = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [error.message for error in checker.iter_errors(value)]


def test_committed_schemas_are_those_of_the_models() -> None:
    assert schemas.drift(FOLDER) == {}, "run: make schemas"


def test_every_schema_is_a_valid_draft_2020_12_schema_with_a_name_of_its_own() -> None:
    made = schemas.schemas()
    for schema in made.values():
        Draft202012Validator.check_schema(schema)
        assert schema["$schema"] == schemas.DIALECT
    assert len({schema["$id"] for schema in made.values()}) == len(made)


def test_every_document_with_a_format_has_a_schema() -> None:
    kinds = [
        kind for kind in vars(documents).values() if isinstance(kind, type) and issubclass(kind, Document)
    ]
    named = {kind for kind in kinds if "format" in kind.model_fields}
    assert named <= {*schemas.SENT.values(), *schemas.WRITTEN.values()}


@pytest.mark.parametrize("change", ["altered", "missing", "left over"])
def test_check_ends_with_1_and_names_the_file_on_any_difference(
    change: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert schemas.main([str(tmp_path)]) == 0
    assert schemas.main(["--check", str(tmp_path)]) == 0
    victim = tmp_path / "opening.schema.json"
    if change == "altered":
        victim.write_text(victim.read_text().replace("deadline", "dedline"))
    elif change == "missing":
        victim.unlink()
    else:
        victim = tmp_path / "rumour.schema.json"
        victim.write_text("{}")
    assert schemas.main(["--check", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert str(victim) in said
    assert "make schemas" in said
    assert said.count("\n") == 1
    assert schemas.main([str(tmp_path)]) == 0
    assert schemas.drift(tmp_path) == {}


def test_check_writes_nothing(tmp_path: Path) -> None:
    assert schemas.main(["--check", str(tmp_path)]) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One real document of each kind that a small chain makes, as it travels."""
    folder = tmp_path_factory.mktemp("parties")
    parties = Homes(folder)
    parties.join()
    rows = [
        {
            "kenmerk": f"R{i}",
            "nummer": bsn,
            "bedrag": "150",
            "begin": "2026-05-01",
            "soort": "a",
            "actief": "ja",
        }
        for i, bsn in enumerate(BSNS)
    ]
    write_csv(folder / "in" / "g.csv", rows)
    opened = parties.opening()
    made = prepare(
        parties.home("gemeente"), parties.logged(opened), mapping({"lijst": "g.csv"}), folder / "in", folder / "out",
        parties.manifest.project.id, NOW,
    )  # fmt: skip
    release = ReleaseDescriptor(
        project="proef", manifest=parties.manifest.digest, round="r1", partner="uwv", drop=None, released_at=NOW,
        expires_at=NOW, span_id="0" * 16, cases=0, parts=(),
    )  # fmt: skip
    overview = Overview(
        project="proef", manifest=parties.manifest.digest, round="r1", smallest_cell=5,
        delivered={"uwv": None}, totals={}, groups={"cases": {"unknown": 7}},
    )  # fmt: skip
    entry = LogEntry(trace_id="0" * 32, span_id="0" * 16, name="gates", start_time=0, end_time=1)
    plain: dict[str, BaseModel] = {
        "manifest": parties.manifest,
        "drop": made.descriptor,
        "release": release,
        "opening": opening(parties.manifest),
        "overview": overview,
    }
    found = {name: json.loads(canonical_json(model.model_dump(mode="json"))) for name, model in plain.items()}
    found["log-entry"] = json.loads(entry.leaf())
    found["card"] = parties.identities["uwv"].card
    return found


NAMES = ("manifest", "drop", "release", "opening", "overview", "log-entry", "card")


@pytest.mark.parametrize("name", NAMES)
def test_documents_as_they_travel_fit_their_schema(name: str, real: dict[str, Any]) -> None:
    assert problems(name, real[name]) == []


@pytest.mark.parametrize("name", [name for name in NAMES if name != "manifest"])
def test_a_sent_document_misses_no_member_and_has_no_other(name: str, real: dict[str, Any]) -> None:
    for member in real[name].keys() - {"program"}:  # who made it need not say with which
        assert problems(name, {k: v for k, v in real[name].items() if k != member}), member
    assert problems(name, real[name] | {"remark": "hello"})


def test_a_draft_may_leave_out_what_has_a_default_and_nothing_else() -> None:
    draft = document()
    del draft["monitor"]
    assert problems("manifest", draft) == []
    Manifest.model_validate(draft)
    del draft["dpia"]
    assert problems("manifest", draft)


def test_a_mapping_fits_its_schema_and_one_with_another_column_kind_does_not() -> None:
    local = mapping({"lijst": "g.csv"}).model_dump(mode="json", exclude_defaults=True)
    assert problems("mapping", local) == []
    local["selections"]["lijst"]["columns"]["nummer"] = 7
    assert problems("mapping", local)


def test_dates_are_checked_as_dates(real: dict[str, Any]) -> None:
    assert date.fromisoformat(real["opening"]["reference_date"])
    assert problems("opening", real["opening"] | {"reference_date": "31 mei"})


CONFIGS = sorted((ROOT / "configs").glob("*/manifest.yaml"))
TEMPLATE = ROOT / "src" / "lsi_match" / "manifest" / "data" / "template.yaml"


@pytest.mark.parametrize("file", [*CONFIGS, TEMPLATE], ids=lambda file: file.parent.name)
def test_an_editor_has_nothing_to_say_about_a_draft_that_is_right(file: Path) -> None:
    assert problems("manifest-draft", as_json(file.read_text())) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("max_cases: 1000", "maxcases: 1000"),
        ("type: theme", "type: thema"),
        ("first: 2027-01-01", "first: januari"),
        ("dpia: {reference: Kenmerk van de DPIA, date: 2026-12-01}", ""),
        ("at_most: 10000", "at_most: veel"),
    ],
)
def test_an_editor_points_at_what_is_wrong_in_a_draft(old: str, new: str) -> None:
    assert problems("manifest-draft", as_json(TEMPLATE.read_text().replace(old, new, 1)))


def as_json(text: str) -> Any:
    """A YAML document as an editor sees it: dates as text."""
    return json.loads(json.dumps(read_yaml(text, "draft.yaml"), default=str))


@pytest.mark.parametrize(
    "name",
    [
        "manifest",
        "manifest-draft",
        "approval",
        "withdrawal",
        "acknowledgement",
        "justification",
        "trust-root",
    ],
)
def test_every_field_of_what_people_write_and_sign_is_described_in_dutch_and_english(name: str) -> None:
    schema = schemas.schemas()[f"{name}.schema.json"]
    parts = {name: schema, **schema.get("$defs", {})}
    fields = {
        f"{part}.{field}": value.get("description", "")
        for part, model in parts.items()
        for field, value in model.get("properties", {}).items()
    }
    assert fields
    for field, description in fields.items():
        dutch, _, english = description.partition("\n\n")
        assert dutch.endswith("."), field
        assert english.endswith("."), field
        assert dutch != english, field
