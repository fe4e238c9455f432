"""The statement for a partner's own database selects what the tool selects.

Two kinds of proof. In databases that run here (DuckDB, SQLite, PostgreSQL) random predicates give the same verdict for
every row, and the statements of the example projects the same records and counts as the tool itself. For the others,
their text is read as that database's SQL, and run in DuckDB: that shows its logic, not the habits of the database.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import sqlglot
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from protocol.postgres import Postgres, copied, postgres  # noqa: F401
from protocol.sql_predicates import FIELDS, REFERENCE, predicates, quoted, rows
from sqlglot import exp

from lsi_match.demo.town import REFERENCE_DATE, generate
from lsi_match.partner.mapping import Mapping
from lsi_match.partner.select import Selected, select
from lsi_match.protocol.criteria import (
    CriterionError,
    FieldType,
    Predicate,
    parse_predicate,
)
from lsi_match.protocol.manifest import Manifest, Selection, complete_draft
from lsi_match.protocol.statement import (
    DIALECTS,
    Like,
    funnel,
    predicate_sql,
    statement,
    text_form,
)
from lsi_match.protocol.yaml_text import parse_yaml, read_yaml

CONFIGS = Path(__file__).parents[2] / "configs"
Row = dict[str, Any]
Verdicts = list[list[int | None]]
COLUMNS = {**FIELDS, "peildatum": FieldType.DATE}
BLANK: Row = dict.fromkeys(FIELDS)
_DUCKDB_TYPES = {
    FieldType.TEXT: "VARCHAR",
    FieldType.INTEGER: "BIGINT",
    FieldType.DECIMAL: "DECIMAL(18, 4)",
    FieldType.DATE: "DATE",
    FieldType.BOOLEAN: "BOOLEAN",
}


def parsed(texts: Iterable[str]) -> list[Predicate]:
    found = []
    for text in texts:
        try:
            found.append(parse_predicate(text, FIELDS))
        except CriterionError:
            continue  # nested too deeply
    return found


def three_valued(conditions: Iterable[str]) -> str:
    """A column per condition: 1, 0 or NULL."""
    return ", ".join(f"CASE WHEN {sql} THEN 1 WHEN NOT ({sql}) THEN 0 END" for sql in conditions)


def values(row: Row, change: Callable[[FieldType, Any], Any] = lambda kind, value: value) -> list[Any]:
    known = {**row, "peildatum": REFERENCE}
    return [None if known[n] is None else change(kind, known[n]) for n, kind in COLUMNS.items()]


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def in_duckdb(conditions: list[str], records: list[Row], *, booleans: bool = True) -> Verdicts:
    types = dict(_DUCKDB_TYPES) if booleans else _DUCKDB_TYPES | {FieldType.BOOLEAN: "INTEGER"}
    columns = ", ".join(f'"{name}" {types[kind]}' for name, kind in COLUMNS.items())
    con = _connection()
    con.execute(f"CREATE OR REPLACE TABLE records (n INTEGER, {columns})")
    marks = ", ".join("?" * (len(COLUMNS) + 1))
    con.executemany(
        f"INSERT INTO records VALUES ({marks})", [[n, *values(row)] for n, row in enumerate(records)]
    )
    found = con.execute(f"SELECT {three_valued(conditions)} FROM records ORDER BY n").fetchall()
    return [list(row) for row in found]


def in_sqlite(conditions: list[str], records: list[Row]) -> Verdicts:
    def stored(kind: FieldType, value: Any) -> Any:
        if kind is FieldType.DECIMAL:
            return int(value * 10000)
        return value.isoformat() if kind is FieldType.DATE else value

    con = sqlite3.connect(":memory:")
    con.execute(f"CREATE TABLE records ({', '.join(COLUMNS)})")
    con.executemany(
        f"INSERT INTO records VALUES ({', '.join('?' * len(COLUMNS))})",
        [values(row, stored) for row in records],
    )
    found = con.execute(f"SELECT {three_valued(conditions)} FROM records ORDER BY rowid").fetchall()
    con.close()
    return [list(row) for row in found]


def in_postgres(server: Postgres, conditions: list[str], records: list[Row]) -> Verdicts:
    types = {**_DUCKDB_TYPES, FieldType.TEXT: 'text COLLATE "C"'}
    columns = ", ".join(f'"{name}" {types[kind]}' for name, kind in COLUMNS.items())
    script = f"CREATE TEMPORARY TABLE records (n integer, {columns});\n"
    script += copied("records", [[n, *values(row)] for n, row in enumerate(records)])
    script += f"SELECT {three_valued(conditions)} FROM records ORDER BY n;"
    return [[int(value) if value else None for value in row] for row in server.run(script)]


_quick = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
)  # fmt: skip
_batch = st.lists(predicates(), min_size=6, max_size=12)


def batch(texts: list[str], records: list[Row]) -> tuple[list[Predicate], Verdicts]:
    found = parsed(texts)
    assume(found)
    return found, in_duckdb([predicate.sql() for predicate in found], records)


def printed(found: list[Predicate], dialect: str) -> list[str]:
    return [predicate_sql(predicate, FIELDS, dialect) for predicate in found]


def same(found: list[Predicate], dialect: str, got: Verdicts, expected: Verdicts) -> None:
    for position, predicate in enumerate(found):
        mine = [row[position] for row in got]
        assert mine == [row[position] for row in expected], (
            predicate.text,
            predicate_sql(predicate, FIELDS, dialect),
        )


@_quick
@given(_batch, rows())
def test_duckdb_gives_each_row_the_verdict_of_the_tool(texts: list[str], records: list[Row]) -> None:
    found, expected = batch(texts, records)
    same(found, "duckdb", in_duckdb(printed(found, "duckdb"), records), expected)


@_quick
@given(_batch, rows())
def test_sqlite_gives_each_row_the_verdict_of_the_tool(texts: list[str], records: list[Row]) -> None:
    found, expected = batch(texts, records)
    same(found, "sqlite", in_sqlite(printed(found, "sqlite"), records), expected)


@_quick
@given(texts=_batch, records=rows())
def test_postgresql_gives_each_row_the_verdict_of_the_tool(
    postgres: Postgres,  # noqa: F811
    texts: list[str],
    records: list[Row],
) -> None:
    found, expected = batch(texts, records)
    same(found, "postgres", in_postgres(postgres, printed(found, "postgres"), records), expected)


@_quick
@given(_batch, rows())
@example(
    ["NOT NOT (a = 1 OR p)", "- -a > - 1", "a - (b - 1) = 1", "(a = 1) = (b = 1)", "coalesce(a) = 1"], [BLANK]
)
def test_a_predicate_written_out_again_means_the_same(texts: list[str], records: list[Row]) -> None:
    found, expected = batch(texts, records)
    again = [parse_predicate(text_form(predicate, FIELDS), FIELDS) for predicate in found]
    assert [x.fields for x in again] == [x.fields for x in found]
    assert [text_form(x, FIELDS) for x in again] == [text_form(x, FIELDS) for x in found]
    got = in_duckdb([predicate.sql() for predicate in again], records)
    for position, predicate in enumerate(found):
        assert [row[position] for row in got] == [row[position] for row in expected], predicate.text


@pytest.mark.parametrize(
    "text",
    [
        "a = 1 AND (b = 2 OR NOT p)",
        "s NOT LIKE 'W%' AND s IS NOT NULL",
        "date_diff('month', d, peildatum) BETWEEN 3 AND 60",
        "coalesce(d, DATE '9999-12-31') >= peildatum",
        "lower(s) NOT IN ('it''s', 'b') OR length(s) > 3",
        "c >= 20.00 AND a * 12 < 1200000",
        "p IS NOT TRUE",
    ],
)
def test_a_plain_predicate_is_written_out_as_it_was(text: str) -> None:
    assert text_form(parse_predicate(text, FIELDS), FIELDS) == text


def test_postgresql_lowers_and_raises_letters_outside_ascii(postgres: Postgres) -> None:  # noqa: F811
    words = ["Zoë", "ZOË", "İZMİR", "Ångström", "ÉCOLE", "Ñandú", "ŁÓDŹ", "Æ", "Šef", "Дом"]
    records = [BLANK | {"s": word} for word in words]
    texts = [f"{how}(s) = {quoted(getattr(word, how)())}" for word in words for how in ("lower", "upper")]
    found = parsed(text for text in texts if "İ" not in text and "i̇" not in text)
    expected = in_duckdb([predicate.sql() for predicate in found], records)
    assert sum(map(sum, expected)) >= len(found)  # type: ignore[arg-type]
    assert in_postgres(postgres, printed(found, "postgres"), records) == expected


# databases that do not run here: their text read by a parser, and run in DuckDB


def as_read(sql: str, dialect: str) -> str:
    """A condition in another database's SQL, as DuckDB says it."""
    plain = sql.replace(" (CASESPECIFIC)", "").replace(" + N'", " || N'")
    tree = sqlglot.parse_one(f"SELECT 1 WHERE {plain}", read=dialect).args["where"].this

    def uncast(node: exp.Expression) -> exp.Expression:
        if not isinstance(node, exp.Cast) or node.to.this is exp.DType.DATE:
            return node
        if node.to.this is exp.DType.BIGDECIMAL and isinstance(node.this, exp.Literal):
            return exp.Literal.number(node.this.this)
        return node if node.to.this is exp.DType.BIGINT else node.this

    def liked(node: exp.Expression) -> exp.Expression:
        if not isinstance(node, exp.Like) or DIALECTS[dialect].like is Like.PLAIN:
            return node
        pattern = str(node.expression.this).replace("[[]", "[") if dialect == "tsql" else node.expression.this
        like: exp.Expression = exp.Like(this=node.this.copy(), expression=exp.Literal.string(pattern))
        if DIALECTS[dialect].like is Like.BACKSLASH:
            like = exp.Escape(this=like, expression=exp.Literal.string("\\"))
        return exp.Not(this=exp.Paren(this=like)) if node.args.get("negate") else like

    for change in (lambda node: node.this if isinstance(node, exp.Collate) else node, uncast, liked):
        while (changed := tree.transform(change)) != tree:
            tree = changed
            if change is liked:
                break
    return tree.sql(dialect="duckdb")


@pytest.mark.parametrize("dialect", sorted(DIALECTS.keys() - {"duckdb", "sqlite", "postgres"}))
def test_the_logic_of_the_other_databases_is_that_of_the_tool(dialect: str) -> None:
    @settings(parent=_quick, max_examples=25)
    @given(_batch, rows())
    def check(texts: list[str], records: list[Row]) -> None:
        if DIALECTS[dialect].empty:
            records = [{k: None if v == "" or v == " " else v for k, v in row.items()} for row in records]
        found, expected = batch(texts, records)
        conditions = [as_read(sql, dialect) for sql in printed(found, dialect)]
        same(found, dialect, in_duckdb(conditions, records, booleans=DIALECTS[dialect].booleans), expected)

    check()


# whole statements, on the registers of the made-up town


PROJECTS = ("samenloop", "wijk")


@pytest.fixture(scope="module")
def manifests() -> dict[str, Manifest]:
    found = {}
    for project in PROJECTS:
        text = (CONFIGS / project / "manifest.yaml").read_text()
        document: Any = read_yaml(text, "manifest.yaml")
        names = [*document["controllers"], "matcher"]
        cards = {
            n: {"signing_key": f"{i:064x}", "encryption_key": f"age1{i:058d}"} for i, n in enumerate(names)
        }
        found[project] = Manifest.model_validate(complete_draft(document, cards, "0" * 32))
    return found


@pytest.fixture(scope="module")
def extracts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("town")
    generate(folder, people=3000)
    return folder


def register(extracts: Path, mapping: Mapping, selection: Selection) -> tuple[list[str], list[list[Any]]]:
    """The extract as a partner's own table: its columns under the names of the manifest, its values as it keeps them."""
    where = mapping.selections[selection.id]
    file = extracts / where.extract
    table = pl.read_parquet(file) if file.suffix == ".parquet" else pl.read_csv(file, infer_schema=False)
    columns = {"record_id": where.record_id, **where.columns}
    columns = {name: columns[name] for name in ("record_id", *selection.fields)}
    kinds = selection.field_types
    rows = [
        [_own(kinds.get(name, FieldType.TEXT), row[column]) for name, column in columns.items()]
        for row in table.iter_rows(named=True)
    ]
    return list(columns), rows


def _own(kind: FieldType, value: Any) -> Any:
    """A value of an extract as a database keeps it: dates, numbers and booleans are no texts there."""
    if value is None or str(value).strip() == "":
        return None if kind is not FieldType.TEXT or value is None else value
    text = str(value).strip()
    if kind is FieldType.DATE:
        if re.fullmatch(r"\d{8}", text):
            return date(int(text[:4]), int(text[4:6]), int(text[6:]))
        if re.fullmatch(r"\d{1,2}-\d{1,2}-\d{4}", text):
            day, month, year = text.split("-")
            return date(int(year), int(month), int(day))
        return date.fromisoformat(text[:10])
    if kind is FieldType.BOOLEAN:
        return text.lower() in ("j", "ja", "true", "1", "y", "yes", "waar")
    if kind is FieldType.INTEGER:
        return int(Decimal(text))
    if kind is FieldType.DECIMAL:
        return Decimal(text.replace(".", "").replace(",", ".") if "," in text else text)
    return str(value)


def tables(manifest: Manifest, project: str, extracts: Path) -> Iterable[tuple[str, Selection, list[str], list[list[Any]], Selected]]:  # fmt: skip
    for partner, selection in manifest.selections():
        file = CONFIGS / project / "mappings" / f"{partner}.yaml"
        mapping = parse_yaml(file.read_text(), file.name, Mapping)
        chosen = select(
            partner, selection, mapping.selections[selection.id], extracts, manifest, REFERENCE_DATE
        )
        yield partner, selection, *register(extracts, mapping, selection), chosen


def compare(
    chosen: Selected, manifest: Manifest, partner: str, found: list[dict[str, Any]], counts: list[int]
) -> None:
    """Records, signals and counts of a database beside those of the tool."""
    signals = [signal.id for signal in manifest.partners[partner].signals]
    expected = {
        row["record_id"]: {name for bit, name in enumerate(signals) if row["signals"] >> bit & 1}
        for row in chosen.table.select(["record_id", "signals"]).to_pylist()
    }
    assert {str(row["record_id"]): _signals(row) for row in found} == expected
    assert len(found) == chosen.with_signal
    assert counts == [chosen.read, *chosen.after.values(), chosen.with_signal]


def _signals(row: dict[str, Any]) -> set[str]:
    return {n.removeprefix("signal_") for n, v in row.items() if n.startswith("signal_") and int(v)}


@pytest.mark.parametrize("project", PROJECTS)
def test_statements_select_and_count_in_sqlite_what_the_tool_does(
    project: str, manifests: dict[str, Manifest], extracts: Path
) -> None:
    manifest, total = manifests[project], 0
    for partner, selection, columns, rows_, chosen in tables(manifest, project, extracts):
        con = sqlite3.connect(":memory:")
        con.row_factory = sqlite3.Row
        con.execute(f'CREATE TABLE "{selection.id}" ({", ".join(columns)})')
        stored = [[float(v) if isinstance(v, Decimal) else v.isoformat() if isinstance(v, date) else v for v in row] for row in rows_]  # fmt: skip
        con.executemany(f'INSERT INTO "{selection.id}" VALUES ({", ".join("?" * len(columns))})', stored)
        day = {"peildatum": REFERENCE_DATE.isoformat()}
        found = [dict(row) for row in con.execute(statement(manifest, partner, selection.id, "sqlite"), day)]
        [counts] = con.execute(funnel(manifest, partner, selection.id, "sqlite"), day)
        compare(chosen, manifest, partner, found, list(counts))
        total += len(found)
        con.close()
    assert total > 20


@pytest.mark.parametrize("project", PROJECTS)
def test_statements_select_and_count_in_duckdb_what_the_tool_does(
    project: str, manifests: dict[str, Manifest], extracts: Path
) -> None:
    manifest = manifests[project]
    for partner, selection, columns, rows_, chosen in tables(manifest, project, extracts):
        con = duckdb.connect()
        kinds = selection.field_types
        frame = pl.DataFrame(rows_, schema=columns, orient="row", infer_schema_length=None)
        con.register("frame", frame.to_arrow())
        types = ", ".join(f'"{n}"::{_DUCKDB_TYPES[kinds.get(n, FieldType.TEXT)]} AS "{n}"' for n in columns)
        con.execute(f'CREATE TABLE "{selection.id}" AS SELECT {types} FROM frame')
        con.execute(f"SET VARIABLE peildatum = DATE '{REFERENCE_DATE}'")
        found = con.execute(statement(manifest, partner, selection.id, "duckdb")).to_arrow_table().to_pylist()
        counts = con.execute(funnel(manifest, partner, selection.id, "duckdb")).fetchall()[0]
        compare(chosen, manifest, partner, found, [int(n) for n in counts])
        con.close()


@pytest.mark.parametrize("project", PROJECTS)
def test_statements_select_and_count_in_postgresql_what_the_tool_does(
    project: str,
    manifests: dict[str, Manifest],
    extracts: Path,
    postgres: Postgres,  # noqa: F811
) -> None:
    manifest = manifests[project]
    for partner, selection, columns, rows_, chosen in tables(manifest, project, extracts):
        kinds = selection.field_types
        types = {**_DUCKDB_TYPES, FieldType.TEXT: "varchar(80)"}
        declared = ", ".join(f'"{n}" {types[kinds.get(n, FieldType.TEXT)]}' for n in columns)
        made = f'CREATE TEMPORARY TABLE "{selection.id}" ({declared});\n' + copied(f'"{selection.id}"', rows_)
        made += f"\\set peildatum {REFERENCE_DATE}\n"
        out = postgres.run(made + statement(manifest, partner, selection.id, "postgres"))
        names = ["record_id", *selection.fields, *(f"signal_{signal.id}" for signal in selection.signals)]
        [counts] = postgres.run(made + funnel(manifest, partner, selection.id, "postgres"))
        found = [dict(zip(names, row, strict=True)) for row in out]
        compare(chosen, manifest, partner, found, list(map(int, counts)))
