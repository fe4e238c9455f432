"""The statement for a partner's own database selects what the tool selects.

Two kinds of proof. In databases that run here (DuckDB, SQLite, PostgreSQL) random predicates give the same verdict for
every row, and the statements of the example projects the same records and counts as the tool itself. For the others,
their text is read as that database's SQL, and run in DuckDB: that shows its logic, not the habits of the database.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import sqlglot
from criteria.postgres import Postgres, copied, postgres  # noqa: F401
from criteria.sql_predicates import FIELDS, REFERENCE, predicates, quoted, rows
from criteria.text_form import text_form
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from refusals import raises
from sqlglot import exp

from lsi_match.base.errors import Language
from lsi_match.base.yaml_positions import parse_yaml, read_yaml
from lsi_match.criteria.dialects import DIALECTS, LikeSyntax
from lsi_match.criteria.parse import (
    CriterionError,
    CriterionForbiddenError,
    FieldType,
    Predicate,
    one_form,
    parse_predicate,
)
from lsi_match.criteria.printer import Printer, dialect_named
from lsi_match.demo.town import REFERENCE_DATE, generate
from lsi_match.manifest import Manifest, Selection, complete_draft
from lsi_match.manifest.query import statement
from lsi_match.partner.extract.cell_types import compared
from lsi_match.partner.extract.cell_types import text as as_text
from lsi_match.partner.extract.column_mapping import ColumnMapping, Reading
from lsi_match.partner.select import Selected, SelectionTask, select

#: The query that counts.
funnel = partial(statement, counts=True)
CONFIGS = Path(__file__).parents[2] / "configs"


def predicate_sql(predicate: Predicate, fields: Mapping[str, FieldType], dialect: str) -> str:
    """The predicate as a condition in `dialect`, over columns as a statement reads them."""
    return Printer(dialect_named(dialect), fields).condition(predicate.tree)


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
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
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
        if not isinstance(node, exp.Like) or DIALECTS[dialect].like is LikeSyntax.PLAIN:
            return node
        pattern = str(node.expression.this).replace("[[]", "[") if dialect == "tsql" else node.expression.this
        like: exp.Expression = exp.Like(this=node.this.copy(), expression=exp.Literal.string(pattern))
        if DIALECTS[dialect].like is LikeSyntax.BACKSLASH:
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
    @settings(parent=_quick, max_examples=12)
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
            n: {"signing_key": f"{i:064x}", "encryption_key": f"age1{i:058d}"}
            for i, n in enumerate(names, start=1)
        }
        found[project] = Manifest.model_validate(complete_draft(document, cards, "0" * 32))
    return found


@pytest.fixture(scope="module")
def extracts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("town")
    generate(folder, people=2000)
    return folder


def register(
    extracts: Path, mapping: ColumnMapping, selection: Selection
) -> tuple[list[str], list[list[Any]]]:
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
        mapping = parse_yaml(file.read_text(), file.name, ColumnMapping)
        local = mapping.selections[selection.id]
        if (partner, project) == (
            "svb",
            "samenloop",
        ):  # so few records that none of them is the one that is sought
            local = local.model_copy(
                update={"reading": {**local.reading, "regeling": Reading(letters="as_written")}}
            )
        chosen = select(SelectionTask(partner, selection, local, extracts, manifest, REFERENCE_DATE))
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


# habits of databases that do not run here, one by one


def sql(text: str, dialect: str) -> str:
    return predicate_sql(parse_predicate(text, FIELDS), FIELDS, dialect)


@pytest.mark.parametrize(
    ("text", "dialect", "expected"),
    [
        # booleans are numbers where a condition is no value
        ("p", "oracle", '"p" = 1'),
        ("NOT p AND q", "tsql", "NOT ([p] = 1) AND [q] = 1"),
        ("TRUE", "teradata", "1 = 1"),
        ("FALSE", "mysql", "1 = 0"),
        ("p IS NOT TRUE", "tsql", "CASE WHEN [p] = 1 THEN 1 ELSE 0 END = 0"),
        ("p = q", "oracle", '"p" = "q"'),
        (
            "coalesce(a > 1, TRUE)",
            "oracle",
            'COALESCE(CASE WHEN "a" > 1 THEN 1 WHEN NOT ("a" > 1) THEN 0 END, 1) = 1',
        ),
        # spaces at the end, where = does not see them
        ("s = 'WW'", "tsql", "[s] = N'WW'"),
        ("s = 'WW '", "tsql", "([s] + N'.') = (N'WW ' + N'.')"),
        ("s = 'WW '", "mysql", "(CONCAT(`s`, '.')) = (CONCAT('WW ', '.'))"),
        ("s IN ('a', 'b ')", "teradata", "(\"s\" || '.') (CASESPECIFIC) IN (('a' || '.'), ('b ' || '.'))"),
        ("'a' = 'a '", "oracle", "('a' || '.') = ('a ' || '.')"),
        # case, where = does not see it
        ("s = 'WW'", "teradata", "\"s\" (CASESPECIFIC) = 'WW'"),
        ("s LIKE 'W%'", "teradata", "\"s\" (CASESPECIFIC) LIKE 'W%'"),
        ("'a' = 'A'", "tsql", "N'a' COLLATE Latin1_General_100_BIN2 = N'A'"),
        ("s LIKE 'W%'", "sqlite", "\"s\" GLOB 'W*'"),
        # signs that LIKE knows beside % and _
        ("s LIKE '[a]_%'", "tsql", "[s] LIKE N'[[]a]_%'"),
        ("s LIKE '[a]*?_%'", "sqlite", "\"s\" GLOB '[[]a][*][?]?*'"),
        (r"s LIKE 'a\_'", "postgres", r"""s" LIKE 'a\\_'"""),
        (r"s LIKE 'a\_'", "mysql", r"`s` LIKE 'a\\\\_'"),
        (r"s LIKE 'a\_'", "oracle", r"""s" LIKE 'a\_'"""),
        # quotes and backslashes in a text
        ("s = 'it''s'", "tsql", "[s] = N'it''s'"),
        ("s = 'it''s'", "bigquery", r"`s` = 'it\'s'"),
        ("s = 'it''s'", "spark", r"`s` = 'it\'s'"),
        (r"s = 'a\'", "mysql", r"`s` = 'a\\'"),
        (r"s = 'a\'", "snowflake", r"""s" = 'a\\'"""),
        ("s = 'a\nb'", "bigquery", r"`s` = 'a\nb'"),
        ("s = 'a\\\nb'", "tsql", "[s] = (N'a\\' + N'\nb')"),
        # an empty text, where it is unknown
        ("s = ''", "oracle", '"s" = CHR(0)'),
        ("coalesce(s, '') = ''", "oracle", 'COALESCE("s", CHR(0)) = CHR(0)'),
        ("length(coalesce(s, '')) = 0", "oracle", 'COALESCE(LENGTH("s"), 0) = 0'),
        ("coalesce(s, '') LIKE '_%'", "oracle", "(\"s\" LIKE '_%' AND \"s\" IS NOT NULL)"),
        ("coalesce(s, t, '') NOT LIKE '%'", "oracle", "NOT (COALESCE(\"s\", \"t\") LIKE '%' OR COALESCE(\"s\", \"t\") IS NULL)"),
        # lengths
        ("length(s) = 1", "tsql", "(LEN([s] COLLATE Latin1_General_100_CI_AS_SC + N'.') - 1) = 1"),
        ("length(s) = 1", "mysql", "CHAR_LENGTH(`s`) = 1"),
        # boundaries
        ("date_diff('day', d, f) > 1", "oracle", '("f" - "d") > 1'),
        ("date_diff('month', d, f) > 1", "tsql", "DATEDIFF(month, [d], [f]) > 1"),
        ("date_diff('year', d, f) > 1", "teradata", '(EXTRACT(YEAR FROM "f") - EXTRACT(YEAR FROM "d")) > 1'),
        ("date_diff('day', d, f) > 1", "bigquery", "DATE_DIFF(`f`, `d`, DAY) > 1"),
        ("d = DATE '2026-01-01'", "tsql", "[d] = CAST('2026-01-01' AS date)"),
        # numbers
        ("c * 2 = 175.50", "bigquery", "`c` * 2 = BIGNUMERIC '175.50'"),
        ("length(s) * 1000000000 > a", "postgres", 'CAST(LENGTH("s") AS bigint) * 1000000000 > "a"'),
        ("c + 1 > a * 0.21", "sqlite", '"c" + 10000 > "a" * 21 * 100'),
    ],
)  # fmt: skip
def test_how_a_database_is_made_to_follow_the_language(text: str, dialect: str, expected: str) -> None:
    found = sql(text, dialect)
    assert found == expected or found == f'"{expected}', found


def test_a_list_is_cut_where_a_database_takes_no_more() -> None:
    found = sql(f"a IN ({', '.join('1' for _ in range(1200))})", "oracle")
    assert found.count("IN (") == 2
    assert found.startswith("(")


# what a person reads


def words(manifest: Manifest, dialect: str, day: date | None = None, language: Language = "en") -> str:
    return statement(manifest, "uwv", "uitkering", dialect, day, language)


def changed(manifest: Manifest, **texts: str) -> Manifest:
    """The manifest with other words in the first selection of uwv."""
    document = manifest.model_dump(mode="json")
    selection = document["partners"]["uwv"]["selections"][0]
    selection["source"] = texts.get("source", selection["source"])
    selection["criteria"][0]["rationale"] = texts.get("rationale", "Daarom.")
    selection["criteria"][0]["when"] = texts.get("when", "TRUE")
    selection["signals"][0]["label"] = texts.get("label", "Iets")
    return Manifest.model_validate(document)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_head_says_what_the_statement_is_of(dialect: str, manifests: dict[str, Manifest]) -> None:
    manifest = manifests["samenloop"]
    text = words(manifest, dialect)
    for expected in (
        manifest.digest,
        manifest.project.id,
        "uwv",
        "uitkering",
        "WIA en ZW",
        DIALECTS[dialect].product,
    ):
        assert expected in text
    for rule in manifest.partners["uwv"].selections[0].criteria:
        assert f"-- {rule.id}: " in text
        assert f"-- agreed: {rule.when}" in text
    assert "peildatum" in text
    assert "2026-08-31" in words(manifest, dialect, date(2026, 8, 31))


_COMMENTS = [
    "*/ DROP TABLE x; /*", "regel\nDROP TABLE x", "a\rDROP TABLE x", "a\u2028DROP TABLE x", "a\u2029DROP TABLE x", "a\x85DROP TABLE x",
    "a\x0bDROP TABLE x", "a\x0cDROP TABLE x", "-- a -- b", "' \" ` ]", "&naam $(naam) ${naam} {{ naam }}", "x" * 400 + " DROP TABLE x", "\\",
    "\n\n\n", "a;\nGO\nDROP TABLE x", "/*! DROP TABLE x */", "\U000e0001tag", "é 日本 😀 €",
]  # fmt: skip


@pytest.mark.parametrize("text", _COMMENTS)
def test_no_text_of_the_manifest_gets_out_of_a_comment(text: str, manifests: dict[str, Manifest]) -> None:
    try:
        manifest = changed(manifests["samenloop"], source=text, rationale=f"x {text}", label=f"x {text}")
    except ValueError:
        # refused by the manifest already: then as if it were not
        manifest = changed(manifests["samenloop"])
        selection = manifest.partners["uwv"].selections[0]
        rules = (selection.criteria[0].model_copy(update={"rationale": text}), *selection.criteria[1:])
        other = selection.model_copy(update={"criteria": rules, "source": text})
        partner = manifest.partners["uwv"].model_copy(update={"selections": (other,)})
        manifest = manifest.model_copy(update={"partners": {**manifest.partners, "uwv": partner}})
    plain = changed(manifests["samenloop"])
    for dialect in DIALECTS:
        for make in (statement, funnel):
            code, expected = (
                _code(make(x, "uwv", "uitkering", dialect, REFERENCE_DATE)) for x in (manifest, plain)
            )
            assert code == expected


def _code(text: str) -> list[str]:
    """The lines of a statement that are no comment, whatever may be taken for the end of a line."""
    return [
        line
        for line in re.split(r"[\n\r\x0b\x0c\x85\u2028\u2029]", text)
        if not line.lstrip(" ").startswith("--") and line
    ]


def test_every_selection_has_a_statement_and_a_count(manifests: dict[str, Manifest]) -> None:
    manifest = manifests["wijk"]
    for dialect in DIALECTS:
        for partner, selection in manifest.selections():
            of = (manifest, partner, selection.id, dialect, None, "nl")
            assert statement(*of) != funnel(*of)


def test_caveats_are_told_where_they_matter_and_only_there(manifests: dict[str, Manifest]) -> None:
    manifest = manifests["samenloop"]
    assert "NOTE" not in words(manifest, "postgres")
    assert "LOWER and UPPER" not in words(manifest, "sqlite")
    assert "ten-thousandths" in words(manifest, "sqlite")
    letters = words(changed(manifest, when="lower(soort) = 'ww'"), "sqlite")
    assert "LOWER and UPPER change a-z only" in letters
    assert "SET DEFINE OFF" in words(changed(manifest, when="soort = 'A&B'"), "oracle")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_comments_are_in_the_language_asked_for_and_the_query_is_the_same(
    dialect: str, manifests: dict[str, Manifest]
) -> None:
    manifest = changed(manifests["samenloop"], when="lower(soort) = 'ww' OR soort LIKE 'A&_\\'")
    for make in (statement, funnel):
        nl = make(manifest, "uwv", "uitkering", dialect, REFERENCE_DATE, "nl")
        en = make(manifest, "uwv", "uitkering", dialect, REFERENCE_DATE, "en")
        assert _code(nl) == _code(en)
        # the texts of the manifest are in Dutch and stay as they are
        dutch, english = (set(text.splitlines()) - set(_code(text)) for text in (nl, en))
        assert not re.search(
            r"\b(the|and|with|or|are|NOTE|Partner|Selection|Source|agreed)\b", "\n".join(dutch)
        )
        assert not re.search(r"Deelnemer:|Selectie:|Bron:|LET OP|afgesproken|programma", "\n".join(english))


def test_strangers_are_refused(manifests: dict[str, Manifest]) -> None:
    manifest = manifests["samenloop"]
    with raises("UnknownDialectError", match="oracle"):
        statement(manifest, "uwv", "uitkering", "db2")
    for partner, selection in (("uwv", "aio"), ("niemand", "uitkering")):
        with raises("UnknownSelectionError", match=r"svb\.aio"):
            funnel(manifest, partner, selection, "oracle")


# what was accepted before and had two readings, or none


@pytest.mark.parametrize(
    "text",
    [
        "p = q = p",
        "a > 1 = p",
        "p = NOT q",
        "p IS NULL IS NULL",
        "a BETWEEN 1 AND 2 = p",
        "s LIKE 'a' = p",
        "a IN (-b)",
        "a BETWEEN 1 2",
        "date_diff('day', d, f, f) > 1",
        "date_diff(day, d, f) > 1",
        "datediff('day', d, f) > 1",
        "coalesce(, p)",
        "p NOT IS TRUE",
        "p!IS NOT TRUE",
        "! p",
        "+p",
        "length(s) > date_diff('day', d, + f)",
        "ifnull(a, 1) = 1",
        "len(s) = 1",
        "a == 1",
        "a ISNULL",
        "a = 1_000",
        "a = .5",
        "a = . 5",
        "d = '2026-01-01'::DATE",
        "c * c * c * c > 1",
        "s = '\udc80'",
        "s = 'a\x85'",
    ],
)
def test_a_text_that_is_not_what_is_read_in_it_is_refused(text: str) -> None:
    with pytest.raises(CriterionForbiddenError):
        parse_predicate(text, FIELDS)


def test_a_text_that_the_parser_stumbles_over_is_refused() -> None:
    with pytest.raises(CriterionError):
        parse_predicate("rowid > sum( '' =>", FIELDS)


def test_the_fuzzer_finds_nothing_in_a_few_seconds() -> None:
    from tests.fuzz_criteria import run

    fuzzer = run(0.05, seed=7)
    assert fuzzer.counts["taken"] > 20
    assert fuzzer.findings == {}


#: Written by registers, and as criteria compare it.
TEXTS = [
    "Cafe\u0301",
    "Café",
    "de\u00a0Boer",
    "de\u2009Boer",
    "\u00a0x\u202f",
    "\u00a0",
    "",
    " a b ",
    "A\u030angstro\u0308m",
    "\u3000",
    "geld",
]


def _in_one_form() -> list[str | None]:
    return [one_form(text).strip(" ") or None for text in TEXTS]


def test_a_letter_and_its_mark_are_one_character_and_a_space_a_space_in_the_tool_and_in_duckdb() -> None:
    con = duckdb.connect()
    con.execute("CREATE TABLE written (x VARCHAR)")
    con.executemany("INSERT INTO written VALUES (?)", [[text] for text in TEXTS])
    for shown in (compared(as_text("x")), DIALECTS["duckdb"].read[FieldType.TEXT].format(x="x")):
        assert [
            value for (value,) in con.execute(f"SELECT {shown} FROM written").fetchall()
        ] == _in_one_form()
    predicate = parse_predicate(
        "x = 'Cafe\u0301' OR x IN ('de\u00a0Boer') OR x LIKE '%\u00a0b'", {"x": FieldType.TEXT}
    )
    shown = compared(as_text("x"))
    found = con.execute(
        f"SELECT count(*) FROM (SELECT {shown} AS x FROM written) WHERE {predicate.sql()}"
    ).fetchone()
    assert found == (5,)


def test_a_letter_and_its_mark_are_one_character_and_a_space_a_space_in_postgresql(
    postgres: Postgres,  # noqa: F811
) -> None:
    shown = DIALECTS["postgres"].read[FieldType.TEXT].format(x="x")
    script = "CREATE TEMPORARY TABLE written (n integer, x text);\n" + copied(
        "written", list(enumerate(TEXTS))
    )
    found = postgres.run(f"{script}SELECT {shown} FROM written ORDER BY n;")
    assert ["".join(row) or None for row in found] == _in_one_form()


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_a_statement_says_where_it_cannot_make_one_form_of_texts(
    dialect: str, manifests: dict[str, Manifest]
) -> None:
    written = statement(manifests["samenloop"], "uwv", "uitkering", dialect, language="en")
    makes = "NORMALIZE(" in DIALECTS[dialect].read[FieldType.TEXT]
    assert ("This database cannot make NFC" in written) == (not makes)
