"""A value that is an agreed one but for capitals, marks, signs or zeros before it selects nobody in silence: it is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
from partner.test_every_writing import MANIFESTS, TABLES, Csv, outcome, plain

from lsi_match.base.errors import LsiError
from lsi_match.criteria.parse import FieldType, parse_predicate
from lsi_match.partner.extract.cell_types import Cell, Role, cell_of
from lsi_match.partner.extract.column_mapping import PLAIN
from lsi_match.tables.source import Stored
from lsi_match.tables.stored import Kind

UWV = TABLES[0]


def written(folder: Path, form: Any, said: dict[str, Any]) -> Any:
    Csv(cell=lambda c, v: form(v) if c == "SRT_UITK" and v else plain(v)).write(UWV, folder)
    return outcome(UWV, folder, "e.csv", said)


@pytest.mark.parametrize("form", [str.lower, str.title, "{}.".format, "0{}".format, "«{}»".format, " ".join])
def test_it_is_refused_by_column_and_row_or_read_as_agreed(form: Any, tmp_path: Path) -> None:
    right = written(tmp_path, str, {})
    with pytest.raises(LsiError, match=r"(rij|row) 2") as refused:
        written(tmp_path, form, {})
    assert "'SRT_UITK'" in str(refused.value)
    if "«" in form("x"):
        return
    assert "letters: agreed" in str(refused.value)
    assert written(tmp_path, form, {"reading": {"soort": {"letters": "agreed"}}}) == right
    assert written(tmp_path, form, {"reading": {"soort": {"letters": "as_written"}}}) != right


def test_a_value_like_none_of_them_is_another_one(tmp_path: Path) -> None:
    written(tmp_path, lambda v: "BIJSTAND" if v == "WW" else v, {})
    with pytest.raises(LsiError, match="SRT_UITK"):
        written(tmp_path, lambda v: "ww" if v == "WW" else v, {})


@pytest.mark.parametrize(
    ("value", "is_near"), [("WW-1", False), ("ww-1", True), ("Ww 1", True), ("W-1", False), ("", False)]
)
def test_what_is_nearly_a_pattern_is_told(value: str, is_near: bool) -> None:
    cell = Cell("v", FieldType.TEXT, Role.PLAIN, Stored(frozenset({Kind.TEXT})), patterns=("WW-%", "%"))
    (test,) = [
        f"(({screen}) AND {test})" for kind, test, screen in cell.faults("v", "v", "TRUE") if kind == "near"
    ]
    with duckdb.connect() as con:
        assert con.execute(f"SELECT {test} FROM (SELECT ?::VARCHAR AS v)", [value]).fetchall() == [(is_near,)]


def test_what_a_group_of_the_monitor_compares_is_agreed_too(tmp_path: Path) -> None:
    manifest = MANIFESTS["samenloop"]
    (chosen,) = [one for one in manifest.partners["uwv"].selections if one.id == "uitkering"]
    groups = [parse_predicate("soort = 'Wajong' OR soort LIKE 'X%'", chosen.field_types)]
    cell = cell_of(chosen, "soort", "x", Stored(frozenset({Kind.TEXT})), PLAIN, groups)
    assert "Wajong" in cell.agreed
    assert cell.patterns == ("X%",)


@pytest.mark.parametrize("lost", ["_", "#", "*", "\u25a1", "\\'e", "0", "~"])
def test_a_sign_in_the_place_of_a_letter_of_a_name_is_told(lost: str, tmp_path: Path) -> None:
    noord = TABLES[2]
    names = ("given_name", "surname", "address_1")
    form = Csv(cell=lambda c, v: plain(v).replace("é", lost).replace("ü", lost) if c in names else plain(v))
    with pytest.raises(LsiError, match=r"'(given_name|surname)'"):
        outcome(noord, tmp_path, form.write(noord, tmp_path)[0], {})


@pytest.mark.parametrize(
    "name", ["Anne-Marie", "d'Arcy", "O’Neill", "van 't Hof", "Jan (Hans)", "A. B. de Wit", "Müller/Jansen"]
)
def test_what_stands_in_names_is_no_such_sign(name: str, tmp_path: Path) -> None:
    noord = TABLES[2]
    form = Csv(cell=lambda c, v: name if c == "surname" and v.endswith("a") else plain(v))
    assert outcome(noord, tmp_path, form.write(noord, tmp_path)[0], {})[0] == len(noord.rows)
