"""A group cell says exactly which group of every dimension, in one byte, the same at both sides."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest
from handmade import document
from hypothesis import given
from hypothesis import strategies as st

from lsi_match.manifest import Monitor
from lsi_match.protocol.group_cells import (
    by_name,
    cell_names,
    cell_sql,
    nothing_known,
    place_counts,
    place_sql,
)

if TYPE_CHECKING:
    import duckdb


def monitor(*sizes: int) -> Monitor:
    dimensions = [
        {
            "id": f"d{i}",
            "label": f"D{i}",
            "groups": [{"id": f"d{i}g{j}", "when": "actief", "label": "G"} for j in range(size)],
        }
        for i, size in enumerate(sizes)
    ]
    return Monitor.model_validate(document()["monitor"] | {"dimensions": dimensions})


sizes = st.sampled_from([(2,), (254,), (2, 3), (15, 15), (3, 3, 3), (3, 3, 3, 3)])


@cache
def engine() -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect()


def number(sql: str) -> int:
    return int(engine().execute(f"SELECT {sql}").fetchall()[0][0])


@given(sizes, st.data())
def test_every_combination_has_a_cell_of_its_own_and_its_places_come_back(
    chosen: tuple[int, ...], data: st.DataObject
) -> None:
    agreed = monitor(*chosen)
    drawn = [data.draw(st.integers(0, many - 1)) for many in place_counts(agreed)]
    cell = number(cell_sql(agreed, map(str, drawn)))
    groups = [f"d{i}g{place}" if place < chosen[i] else "unknown" for i, place in enumerate(drawn)]
    assert cell_names(agreed)[cell] == "|".join(groups)
    assert [number(place_sql(agreed, i, str(cell))) for i in range(len(drawn))] == drawn


@given(sizes)
def test_names_are_all_different_and_255_is_the_one_in_which_nothing_is_known(
    chosen: tuple[int, ...],
) -> None:
    agreed = monitor(*chosen)
    names = cell_names(agreed)
    assert len(set(names.values())) == len(names) == nothing_known(agreed) + 1 <= 256
    assert set(names[255].split("|")) == {"unknown"}
    assert max(names) == 255


def test_without_dimensions_every_record_is_in_the_cell_of_nothing_known() -> None:
    assert number(cell_sql(Monitor(), ())) == 255


@pytest.mark.parametrize(("cells", "told"), [({0: 3, 255: 1}, {"d0g0": 3, "d0g1": 0, "unknown": 1})])
def test_counts_under_their_names_leave_no_cell_out(cells: dict[int, int], told: dict[str, int]) -> None:
    assert by_name(monitor(2), cells) == told
