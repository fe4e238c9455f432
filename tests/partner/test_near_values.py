"""A value that is an agreed one but for capitals, marks, signs or zeros before it selects nobody in silence: it is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from partner.test_every_writing import TABLES, Csv, outcome, plain

from lsi_match.base.errors import LsiError

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
