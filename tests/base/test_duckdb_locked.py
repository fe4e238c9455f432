"""What the locked database refuses: each setting of `locked_connection` has a test that fails without it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from lsi_match.base.duckdb_locked import locked_connection, quoted_name


@pytest.fixture
def readable(tmp_path: Path) -> Path:
    folder = tmp_path / "readable"
    folder.mkdir()
    (folder / "inside.csv").write_text("a\n1\n")
    (tmp_path / "outside.csv").write_text("a\n2\n")
    (folder / "link.csv").symlink_to(tmp_path / "outside.csv")
    return folder


@pytest.fixture
def con(readable: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    con = locked_connection([readable], memory_limit="256MiB", threads=1)
    yield con
    con.close()


def test_what_may_be_read_is_read(con: duckdb.DuckDBPyConnection, readable: Path) -> None:
    assert con.execute("SELECT a FROM read_csv(?)", [str(readable / "inside.csv")]).fetchall() == [(1,)]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM read_csv('{readable}/../outside.csv')",
        "SELECT * FROM read_csv('{readable}/link.csv')",
        "SELECT * FROM read_csv('https://127.0.0.1:9/x.csv')",
        "COPY (SELECT 1) TO '{outside}/copy.csv'",
        "EXPORT DATABASE '{outside}/export'",
        "ATTACH '{outside}/other.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "INSTALL h3 FROM community",
        "PRAGMA enable_profiling",
        "SET memory_limit = '100GB'",
        "SET threads = 64",
        "SET temp_directory = '{outside}'",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "RESET allowed_directories",
        "SELECT * FROM planted",
    ],
)
def test_what_leads_outside_is_refused(
    con: duckdb.DuckDBPyConnection, readable: Path, tmp_path: Path, statement: str
) -> None:
    planted = duckdb.from_query("SELECT 1 AS a")  # a variable that a query could find by its name
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(duckdb.Error):
        con.execute(statement.format(readable=readable, outside=tmp_path)).fetchall()
    assert sorted(tmp_path.rglob("*")) == before
    assert planted is not None


def test_settings_are_those_that_were_asked(con: duckdb.DuckDBPyConnection) -> None:
    def set_to(name: str) -> object:
        return con.execute("SELECT current_setting(?)", [name]).fetchall()[0][0]

    assert set_to("memory_limit") == "256.0 MiB"
    assert set_to("threads") == 1
    for name in (
        "allow_community_extensions",
        "autoinstall_known_extensions",
        "autoload_known_extensions",
        "enable_external_access",
        "python_enable_replacements",
    ):
        assert set_to(name) is False, name
    assert set_to("temp_directory") == ""
    assert set_to("lock_configuration") is True
    assert set_to("preserve_insertion_order") is True


def test_what_does_not_fit_fails_and_nothing_is_spilled(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(duckdb.OutOfMemoryException):
        con.execute(
            "SELECT count(*) FROM (SELECT DISTINCT hash(range) AS h, range FROM range(50_000_000))"
        ).fetchall()
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ['"', 'a"b', "x; DROP TABLE t", "'", "--", "a" * 300])
def test_a_quoted_name_is_a_name(con: duckdb.DuckDBPyConnection, name: str) -> None:
    con.execute(f"CREATE OR REPLACE TABLE t AS SELECT 7 AS {quoted_name(name)}")
    assert con.execute(f"SELECT {quoted_name(name)} FROM t").fetchall() == [(7,)]
