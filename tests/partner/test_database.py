"""An extract that is a table of a database gives what the same records in a file give, or a reason without a value."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from criteria.postgres import Postgres, copied, postgres  # noqa: F401
from handmade import BSNS, NOW, document, selection, write_csv
from homes import Homes, mapping
from pydantic import ValidationError

from lsi_match.base.errors import LsiError
from lsi_match.partner.extract.column_mapping import ColumnMapping, SelectionMapping
from lsi_match.partner.select import Selected, SelectionTask, select
from lsi_match.tables import database
from lsi_match.tables.unreadable import TableUnreadable

PARTNER = "gemeente"
COLUMNS = ("kenmerk", "nummer", "bedrag", "begin", "soort", "actief")
ROWS: list[tuple[Any, ...]] = [
    *((f"K{n}", BSNS[n % len(BSNS)], 99.5 + n, date(2026, 5, 1 + n % 28), "é" if n % 2 else "x y", n % 3 > 0) for n in range(3_000)),
    ("K3000", None, None, None, None, True),
]  # fmt: skip


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Homes:
    return Homes(tmp_path_factory.mktemp("parties"), document({n: [selection()] for n in (PARTNER, "uwv")}))


def selected(parties: Homes, place: Path, local: SelectionMapping) -> Selected:
    agreed = parties.manifest
    (chosen,) = agreed.partners[PARTNER].selections
    return select(SelectionTask(PARTNER, chosen, local, place, agreed, NOW.date()))


def table_of(file: str, table: str = "lijst", **changes: str) -> SelectionMapping:
    columns = {name: name for name in COLUMNS[1:]} | changes
    return SelectionMapping(extract=file, table=table, record_id="kenmerk", columns=columns)


def in_csv(place: Path) -> SelectionMapping:
    def text(value: Any) -> str:
        return (
            ""
            if value is None
            else {True: "ja", False: "nee"}.get(value, str(value))
            if isinstance(value, bool)
            else str(value)
        )

    write_csv(place / "lijst.csv", [dict(zip(COLUMNS, map(text, row), strict=True)) for row in ROWS])
    return mapping({"lijst": "lijst.csv"}).selections["lijst"]


def in_sqlite(place: Path) -> SelectionMapping:
    with sqlite3.connect(place / "register.sqlite") as con:
        con.execute(
            "CREATE TABLE lijst (kenmerk TEXT, nummer TEXT, bedrag REAL, begin TEXT, soort TEXT, actief INTEGER)"
        )
        rows = [(k, n, b, d and d.isoformat(), s, int(a)) for k, n, b, d, s, a in ROWS]
        # Nothing at first, so that no type of a column can be guessed from its first records.
        con.executemany("INSERT INTO lijst VALUES (?, ?, ?, ?, ?, ?)", rows[-1:] + rows[:-1])
    con.close()
    return table_of("register.sqlite", "main.lijst")


def in_duckdb(place: Path) -> SelectionMapping:
    with duckdb.connect(str(place / "register.duckdb")) as con:
        con.execute("CREATE SCHEMA s")
        con.execute(
            "CREATE TABLE s.t (kenmerk VARCHAR, nummer VARCHAR, bedrag DECIMAL(10, 2), begin DATE, soort VARCHAR, actief BOOLEAN)"
        )
        con.register("rows", pa.Table.from_pylist([dict(zip(COLUMNS, row, strict=True)) for row in ROWS]))
        con.execute("INSERT INTO s.t SELECT * FROM rows")
        con.execute("CREATE VIEW lijst AS SELECT * FROM s.t")
    return table_of("register.duckdb")


def outcome(found: Selected) -> tuple[Any, ...]:
    rows = sorted(map(str, found.table.to_pylist()))
    return found.read, found.after, found.with_signal, found.met, rows


@pytest.mark.parametrize("where", [in_sqlite, in_duckdb])
def test_a_table_gives_what_a_file_gives(
    parties: Homes, tmp_path: Path, where: Callable[[Path], SelectionMapping]
) -> None:
    wanted = outcome(selected(parties, tmp_path, in_csv(tmp_path)))
    assert wanted[2] > 1_000
    assert outcome(selected(parties, tmp_path, where(tmp_path))) == wanted


def test_a_table_of_postgresql_gives_what_a_file_gives(
    parties: Homes,
    tmp_path: Path,
    postgres: Postgres,  # noqa: F811
) -> None:
    name = '"een schema"."lijst"'
    types = "kenmerk text, nummer text, bedrag numeric(10, 2), begin date, soort text, actief boolean"
    postgres.run(f'CREATE SCHEMA "een schema"; CREATE TABLE {name} ({types});\n' + copied(name, ROWS))
    postgres.run("ALTER ROLE postgres SET datestyle TO 'SQL, DMY'")
    try:
        _address(postgres, tmp_path)
        local = table_of("register.postgresql", "een schema.lijst")
        assert outcome(selected(parties, tmp_path, local)) == outcome(
            selected(parties, tmp_path, in_csv(tmp_path))
        )
        # Nothing can be written, whatever a view does.
        with pytest.raises(TableUnreadable) as refused:
            list(database._batches(tmp_path / "register.postgresql", f"DELETE FROM {name}"))
        assert "25006" in str(refused.value), "read only"
    finally:
        postgres.run('ALTER ROLE postgres RESET datestyle; DROP SCHEMA "een schema" CASCADE')


def _address(cluster: Postgres, place: Path) -> None:
    file = place / "register.postgresql"
    file.write_text(f"postgresql:///postgres?host={cluster.folder}&user=postgres\n")
    file.chmod(0o600)


def refused(parties: Homes, place: Path, local: SelectionMapping) -> LsiError:
    with pytest.raises(LsiError) as error:
        selected(parties, place, local)
    return error.value


@pytest.mark.parametrize("where", [in_sqlite, in_duckdb])
def test_what_is_not_there_is_told_by_its_name(
    parties: Homes, tmp_path: Path, where: Callable[[Path], SelectionMapping]
) -> None:
    local = where(tmp_path)
    other = refused(parties, tmp_path, local.model_copy(update={"table": "iets_anders"}))
    assert (other.reason, other.exit_status) == ("TableUnreadableError", 1)
    assert "iets_anders" in other.text("nl")
    column = refused(parties, tmp_path, table_of(local.extract, str(local.table), soort="KIND"))
    assert column.reason == "ColumnMissingError"
    assert "KIND" in column.text("nl")
    (tmp_path / local.extract).write_bytes(b"no database " * 1000)
    assert refused(parties, tmp_path, local).reason == "TableUnreadableError"
    (tmp_path / local.extract).unlink()
    assert refused(parties, tmp_path, local).reason == "FileMissingError"


def test_a_value_of_another_type_is_refused_without_it(parties: Homes, tmp_path: Path) -> None:
    local = in_sqlite(tmp_path)
    with sqlite3.connect(tmp_path / "register.sqlite") as con:
        con.execute("UPDATE lijst SET bedrag = 'geheim-bedrag' WHERE kenmerk = 'K7'")
    con.close()
    error = refused(parties, tmp_path, local)
    assert error.reason == "WrongTypeError"
    assert "bedrag" in error.text("nl")
    assert "geheim" not in error.text("nl") + error.text("en")


def test_an_address_that_others_can_read_is_refused_and_a_password_never_told(
    parties: Homes, tmp_path: Path
) -> None:
    file = tmp_path / "register.postgresql"
    file.write_text("postgresql://lezer:hartstikkegeheim@localhost:99999/x?oops=1\n")
    file.chmod(0o644)
    assert refused(parties, tmp_path, table_of(file.name)).reason == "FileTooOpenError"
    file.chmod(0o600)
    for address in (
        file.read_text(),
        "hartstikkegeheim",
        "postgresql://lezer:hartstikkegeheim@127.0.0.1:1/x",
    ):
        file.write_text(address)
        error = refused(parties, tmp_path, table_of(file.name))
        assert error.reason == "TableUnreadableError"
        assert "hartstikkegeheim" not in error.text("nl") + error.text("en")
        assert error.__cause__ is None


def test_without_the_driver_the_error_says_what_to_install(
    parties: Homes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "register.postgresql").touch(mode=0o600)
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    monkeypatch.delitem(sys.modules, "adbc_driver_postgresql.dbapi", raising=False)
    error = refused(parties, tmp_path, table_of("register.postgresql"))
    assert error.reason == "ExtraMissingError"
    assert "lsi-match[database]" in error.text("nl")


def test_a_view_of_a_duckdb_file_reaches_no_other_file(parties: Homes, tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    in_csv(tmp_path)
    (tmp_path / "lijst.csv").rename(outside)
    (extracts := tmp_path / "extracts").mkdir()
    with duckdb.connect(str(extracts / "register.duckdb")) as con:
        con.execute(f"CREATE VIEW lijst AS SELECT * FROM read_csv('{outside}', all_varchar = true)")
    assert refused(parties, extracts, table_of("register.duckdb")).reason == "TableUnreadableError"


@pytest.mark.parametrize(
    ("extract", "table"),
    [("a.csv", "t"), ("a.parquet", "t"), ("a.sqlite", None), ("a.duckdb", None), ("a.postgresql", None),
     ("a.sqlite", "a.b.c"), ("a.sqlite", 't"; DROP TABLE t; --'), ("a.sqlite", ""), ("a.xlsx", "t"), ("a.doc", None)],
)  # fmt: skip
def test_a_mapping_names_a_table_where_there_is_one(extract: str, table: str | None) -> None:
    value = {"extract": extract, "record_id": "id", "columns": {}} | (
        {"table": table} if table is not None else {}
    )
    with pytest.raises(ValidationError):
        ColumnMapping.model_validate_json(json.dumps({"selections": {"s": value}}))
