"""What only all records tell is the same however a reading is cut, and is asked of tables of types as of files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from handmade import BSNS, selection, write_csv
from handmade import manifest as agreed
from partner.test_every_writing import DAY, TABLES, Csv, frame, outcome

from lsi_match.base.errors import LsiError
from lsi_match.partner.extract import whole
from lsi_match.partner.extract.column_mapping import SelectionMapping
from lsi_match.partner.select import SelectionTask, problems, select

UWV = TABLES[0]


def task(place: Path, rows: list[dict[str, Any]], form: str = "csv", **changes: Any) -> SelectionTask:
    """A selection of the register of these rows, with `changes`."""
    file = place / f"e.{form}"
    write_csv(file, rows) if form == "csv" else pl.DataFrame(rows).write_parquet(file)
    manifest = agreed({n: [selection(**changes)] for n in ("gemeente", "uwv")})
    (chosen,) = manifest.partners["gemeente"].selections
    columns = {name: name for name in chosen.fields}
    local = SelectionMapping(extract=file.name, record_id="kenmerk", columns=columns)
    return SelectionTask("gemeente", chosen, local, place, manifest, DAY)


def rows(count: int, **changes: Callable[[int], Any]) -> list[dict[str, Any]]:
    made = (
        {
            "kenmerk": f"K{n:06}", "nummer": BSNS[n % len(BSNS)], "bedrag": f"{n % 250}.50", "begin": "2026-05-01", "soort": "x",
            "actief": "ja",
        }
        for n in range(count)
    )  # fmt: skip
    return [row | {name: form(n) for name, form in changes.items()} for n, row in enumerate(made)]


@pytest.mark.parametrize("sizes", [[20_000], [1] * 20_000, [1536, 3, 700], [1999]])
def test_which_records_are_looked_at_follows_from_their_number(sizes: Sequence[int]) -> None:
    numbers, found, at = np.arange(1, 20_001), [], 0
    for number in range(len(numbers)):
        if at >= len(numbers):
            break
        piece = numbers[at : at + sizes[number % len(sizes)]]
        found += piece[whole._looked_at(piece)].tolist()
        at += len(piece)
    assert found == numbers[whole._looked_at(numbers)].tolist()
    assert found[:1000] == list(range(1, 1001))
    assert 600 < sum(n > 10_000 for n in found) < 800
    assert len({n % 3 for n in found[1000:]}) == 3


def test_a_signal_whose_code_stands_nowhere_is_told(tmp_path: Path) -> None:
    """No criterion names it: nobody would be missed, and a signal never given."""
    signal = {"id": "s", "when": "soort = 'WW'", "label": "Een signaal"}
    known = task(tmp_path, rows(30, soort=lambda n: "WW" if n == 7 else "ZW"), signals=[signal])
    assert select(known).with_signal == 1
    with pytest.raises(LsiError, match="soort"):
        select(task(tmp_path, rows(30, soort=lambda n: "ZW"), signals=[signal]))


def test_a_value_that_shows_that_nothing_is_wrong_is_found_beyond_the_part_that_is_looked_at(
    tmp_path: Path,
) -> None:
    """Of 30,000 amounts only one has cents; without it all are whole, and asked."""
    cents = task(tmp_path, rows(30_000, bedrag=lambda n: "1500.50" if n == 25_001 else "1500"))
    assert select(cents).read == 30_000
    with pytest.raises(LsiError, match="bedrag"):
        select(task(tmp_path, rows(30_000, bedrag=lambda n: "1500")))


def test_a_last_line_with_fewer_columns_is_told_with_its_row(tmp_path: Path) -> None:
    one = task(tmp_path, rows(30))
    file = tmp_path / "e.csv"
    text = file.read_text().rstrip("\n")
    file.write_text(text[: text.rindex(text[text.index("kenmerk") + 7])])
    (problem,) = problems(one)
    assert "31" in problem.text("nl")


@pytest.mark.parametrize(
    "last", [{0: "T"}, {0: "60"}, {0: "T", 7: 60}, {0: "99", 1: "60"}, {0: "Aantal: 60"}]
)
def test_a_trailer_or_a_first_row_in_a_table_of_types_is_told(last: dict[int, Any], tmp_path: Path) -> None:
    made = frame(UWV)
    cells = {
        name: pa.array([last.get(at)], made.schema.field(name).type)
        for at, name in enumerate(made.column_names)
    }
    pq.write_table(made, tmp_path / "e.parquet")
    outcome(UWV, tmp_path, "e.parquet", {})
    both = [made, pa.table(cells)]
    for tables in (both, both[::-1]):
        pq.write_table(pa.concat_tables(tables), tmp_path / "e.parquet")
        with pytest.raises(LsiError, match="UITK_ID"):
            outcome(UWV, tmp_path, "e.parquet", {})


def test_a_table_in_the_order_of_ids_of_which_the_first_are_older_is_no_other(tmp_path: Path) -> None:
    made = frame(UWV)
    older = pa.array(["A/1", *(v.as_py() for v in made.column("UITK_ID")[1:])])
    pq.write_table(made.set_column(0, "UITK_ID", older), tmp_path / "e.parquet")
    assert outcome(UWV, tmp_path, "e.parquet", {})[0] == len(made)


def test_cents_in_a_decimal_column_are_asked(tmp_path: Path) -> None:
    made = frame(UWV)
    at = made.column_names.index("DAGBEDRAG")
    cents = pa.array([v.as_py() * 100 for v in made.column("DAGBEDRAG")], pa.decimal128(14, 2))
    pq.write_table(made.set_column(at, "DAGBEDRAG", cents), tmp_path / "e.parquet")
    with pytest.raises(LsiError, match=r"DAGBEDRAG.*decimals: 2"):
        outcome(UWV, tmp_path, "e.parquet", {})
    Csv().write(UWV, tmp_path)
    right = outcome(UWV, tmp_path, "e.csv", {})
    assert outcome(UWV, tmp_path, "e.parquet", {"reading": {"dagbedrag": {"decimals": 2}}}) == right
    whole_euros = pa.array([Decimal(1500)] * len(made), pa.decimal128(14, 2))
    pq.write_table(made.set_column(at, "DAGBEDRAG", whole_euros), tmp_path / "e.parquet")
    assert outcome(UWV, tmp_path, "e.parquet", {"reading": {"dagbedrag": {"decimals": 0}}})[0] == len(made)


@pytest.mark.parametrize("again", ["UITK_ID", "uitk_id", "Uitk_Id"])
def test_a_header_between_the_records_is_told_in_any_case(again: str, tmp_path: Path) -> None:
    file, _ = Csv().write(UWV, tmp_path)
    lines = (tmp_path / file).read_text().split("\n")
    lines.insert(30, lines[0].replace("UITK_ID", again))
    (tmp_path / file).write_text("\n".join(lines))
    with pytest.raises(LsiError, match=r"(rij|row) 31"):
        outcome(UWV, tmp_path, file, {})
