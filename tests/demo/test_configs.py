"""The example projects: complete drafts that fit the extracts of the made-up town."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.yaml_positions import parse_yaml, read_yaml
from lsi_match.demo.town import EXTRACTS, PARTNERS, REFERENCE_DATE, generate
from lsi_match.manifest import Manifest, complete_draft
from lsi_match.manifest.equality import CharacteristicKind, undeclared, uses
from lsi_match.manifest.identifiers import IdentifierForm, IdentifierKind, Unit
from lsi_match.partner.extract.column_mapping import ColumnMapping

CONFIGS = Path(__file__).parents[2] / "configs"
PROJECTS = ("samenloop", "wijk")


def draft(project: str) -> dict[str, object]:
    value = read_yaml((CONFIGS / project / "manifest.yaml").read_text(), "manifest.yaml")
    assert isinstance(value, dict)
    return value


@pytest.fixture(scope="module")
def manifests() -> dict[str, Manifest]:
    found = {}
    for project in PROJECTS:
        document = draft(project)
        names = [*document["controllers"], "matcher"]  # type: ignore[misc]
        cards = {
            n: {"signing_key": f"{i:064x}", "encryption_key": f"age1{i:058d}"}
            for i, n in enumerate(names, start=1)
        }
        found[project] = Manifest.model_validate(complete_draft(document, cards, "0" * 32))
    return found


@pytest.fixture(scope="module")
def columns(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Extract → its columns, as the made-up town has them."""
    folder = tmp_path_factory.mktemp("town")
    generate(folder, people=100, empty=PARTNERS)
    read = {".csv": pl.read_csv, ".parquet": pl.read_parquet}
    return {file: read[Path(file).suffix](folder / file).columns for file in EXTRACTS.values()}


@pytest.mark.parametrize("project", PROJECTS)
def test_a_draft_holds_no_key_yet(project: str) -> None:
    text = (CONFIGS / project / "manifest.yaml").read_text()
    assert not re.search(r"^\s*(signing_key|encryption_key|key_check):", text, re.MULTILINE)


@pytest.mark.parametrize("project", PROJECTS)
def test_a_draft_is_complete_once_keys_are_filled_in(project: str, manifests: dict[str, Manifest]) -> None:
    manifest = manifests[project]
    assert manifest.project.id == project
    assert (manifest.project.period.first, manifest.project.period.last) == (
        date(2026, 1, 1),
        date(2027, 12, 31),
    )
    assert manifest.project.period.first <= REFERENCE_DATE <= manifest.project.period.last
    assert tuple(manifest.partners) == tuple(manifest.controllers) == PARTNERS
    assert set(manifest.dpo_advice) == set(manifest.release.to) == set(PARTNERS)


@pytest.mark.parametrize("project", PROJECTS)
def test_the_work_instruction_is_the_one_the_manifest_names(
    project: str, manifests: dict[str, Manifest]
) -> None:
    instruction = (CONFIGS / project / "werkinstructie.md").read_bytes()
    assert manifests[project].work_instruction.digest == digest_of_bytes(instruction)


@pytest.mark.parametrize("project", PROJECTS)
@pytest.mark.parametrize("partner", PARTNERS)
def test_every_declared_field_has_a_column_in_the_extract(
    project: str, partner: str, manifests: dict[str, Manifest], columns: dict[str, list[str]]
) -> None:
    file = CONFIGS / project / "mappings" / f"{partner}.yaml"
    mapping = parse_yaml(file.read_text(), file.name, ColumnMapping)
    selections = {selection.id: selection for selection in manifests[project].partners[partner].selections}
    assert mapping.selections.keys() == selections.keys()
    for name, selection in selections.items():
        mapped = mapping.selections[name]
        assert mapped.extract == EXTRACTS[partner]
        assert mapped.columns.keys() == selection.fields.keys()
        assert {mapped.record_id, *mapped.columns.values()} <= set(columns[mapped.extract])


def test_every_declared_field_is_used(manifests: dict[str, Manifest]) -> None:
    """Data minimisation: a field that nothing looks at has no place in a selection."""
    for manifest in manifests.values():
        for partner, selection in manifest.selections():
            predicates = [*selection.predicates().values(), *selection.signal_predicates().values()]
            for groups in manifest.group_predicates(selection).values():
                predicates += groups.values()
            used = {field for predicate in predicates for field in predicate.fields}
            used |= {field for source in selection.identifiers for field in source.fields}
            used |= {attribute.field for attribute in selection.attributes}
            assert used == selection.fields.keys(), f"{partner}.{selection.id}"


def test_no_example_selects_on_a_ground_of_discrimination(manifests: dict[str, Manifest]) -> None:
    for manifest in manifests.values():
        kinds = {manifest.characteristics[use.characteristic].kind for use in uses(manifest)}
        assert kinds <= {CharacteristicKind.PROXY}


def test_no_example_looks_at_a_characteristic_without_saying_so(manifests: dict[str, Manifest]) -> None:
    assert [undeclared(manifest) for manifest in manifests.values()] == [[]] * len(manifests)


def test_most_selections_count_for_the_monitor(manifests: dict[str, Manifest]) -> None:
    for manifest in manifests.values():
        counted = [bool(manifest.group_predicates(selection)) for _, selection in manifest.selections()]
        assert sum(counted) >= 6
        assert not all(counted)


def test_the_examples_cover_both_units_and_a_sole_trader(
    manifests: dict[str, Manifest],
) -> None:
    assert manifests["samenloop"].subject.identifiers == (IdentifierKind.BSN, IdentifierKind.V_NUMBER)
    assert manifests["wijk"].subject.unit is Unit.ADDRESS
    (selection,) = manifests["samenloop"].partners["arbeidsinspectie"].selections
    assert selection.identifiers[0].form is IdentifierForm.LOONHEFFING


def test_every_kind_of_attribute_is_shown_once(manifests: dict[str, Manifest]) -> None:
    for manifest in manifests.values():
        kinds = {
            attribute.kind for _, selection in manifest.selections() for attribute in selection.attributes
        }
        assert kinds == {"listed", "boolean", "band", "month"}
