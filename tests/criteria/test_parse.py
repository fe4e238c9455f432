"""The criteria language: what is in it works as SQL says, and nothing else of SQL gets through."""

from __future__ import annotations

from datetime import date
from typing import Any

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from refusals import raises
from sqlglot import exp

from lsi_match.criteria.parse import (
    FUNCTIONS,
    CriterionError,
    CriterionForbiddenError,
    CriterionTypeError,
    FieldType,
    parse_predicate,
)

FIELDS = {
    "soort": FieldType.TEXT,
    "naam": FieldType.TEXT,
    "aantal": FieldType.INTEGER,
    "bedrag": FieldType.DECIMAL,
    "begin": FieldType.DATE,
    "einde": FieldType.DATE,
    "actief": FieldType.BOOLEAN,
    "gehuwd": FieldType.BOOLEAN,
}

ALLOWED = {
    "actief": {"actief"},
    "NOT actief": {"actief"},
    "TRUE": set(),
    "actief AND gehuwd OR NOT (actief AND FALSE)": {"actief", "gehuwd"},
    "soort = 'WW'": {"soort"},
    "soort <> 'WW'": {"soort"},
    "soort != 'it''s'": {"soort"},
    "soort IN ('WW', 'WIA')": {"soort"},
    "soort NOT IN ('WW', 'WIA')": {"soort"},
    "aantal IN (1, -2)": {"aantal"},
    "begin IN (DATE '2026-01-01')": {"begin"},
    "aantal > 1 AND aantal >= 1 AND aantal < 9 AND aantal <= 9": {"aantal"},
    "aantal BETWEEN 1 AND 10": {"aantal"},
    "begin NOT BETWEEN DATE '2026-01-01' AND einde": {"begin", "einde"},
    "aantal + 2 * aantal - 1 > -3.5": {"aantal"},
    "bedrag > aantal": {"bedrag", "aantal"},
    "soort IS NULL": {"soort"},
    "soort IS NOT NULL": {"soort"},
    "actief IS TRUE": {"actief"},
    "actief IS NOT FALSE": {"actief"},
    "soort LIKE 'W%'": {"soort"},
    "soort NOT LIKE 'W_'": {"soort"},
    "lower(soort) = 'ww'": {"soort"},
    "upper(naam) = 'X'": {"naam"},
    "length(naam) > 3": {"naam"},
    "coalesce(aantal, 0) = 0": {"aantal"},
    "coalesce(soort, naam, 'x') = 'x'": {"soort", "naam"},
    "date_diff('month', begin, peildatum) <= 6": {"begin"},
    "date_diff('day', begin, einde) > 1 AND date_diff('year', begin, peildatum) > 1": {"begin", "einde"},
    "begin = DATE '2024-02-29'": {"begin"},
    "naam = 'Zoë -- /* ; $1 \" { # een tekst mag alles zijn'": {"naam"},
    "actief\n  AND\tgehuwd": {"actief", "gehuwd"},
}


@pytest.mark.parametrize("text", ALLOWED)
def test_every_construct_of_the_language_is_taken_and_runs(text: str) -> None:
    predicate = parse_predicate(text, FIELDS)
    assert set(predicate.fields) == ALLOWED[text]
    assert verdicts(predicate.sql(), [dict.fromkeys(FIELDS)]) is not None


FORBIDDEN = {
    "a subquery": "aantal IN (SELECT 1)",
    "a scalar subquery": "aantal = (SELECT 1)",
    "EXISTS": "EXISTS (SELECT 1)",
    "a subquery of a file": "aantal = (SELECT count(*) FROM 'x.csv')",
    "ANY": "aantal = ANY (SELECT 1)",
    "another function": "abs(aantal) = 1",
    "a function of the engine": "getenv('HOME') = 'x'",
    "reading a file": "read_text('/etc/passwd') = 'x'",
    "a setting": "current_setting('threads') = 'x'",
    "a regular expression": "regexp_matches(soort, 'x')",
    "a regular expression operator": "soort ~ 'x'",
    "SIMILAR TO": "soort SIMILAR TO 'x'",
    "ILIKE": "soort ILIKE 'x'",
    "GLOB": "soort GLOB 'x*'",
    "LIKE with a field": "soort LIKE naam",
    "LIKE ANY": "soort LIKE ANY ('a', 'b')",
    "ESCAPE": "soort LIKE 'a!%' ESCAPE '!'",
    "COLLATE": "soort COLLATE nocase = 'x'",
    "the clock": "begin < now()",
    "today": "begin < current_date",
    "the current time": "begin < current_timestamp",
    "today as text": "begin = 'today'::DATE",
    "randomness": "random() < 0.5",
    "a new uuid": "uuid() = soort",
    "a cast": "CAST(aantal AS VARCHAR) = '1'",
    "a cast of a field to a date": "CAST(soort AS DATE) = begin",
    "a short cast": "aantal::VARCHAR = '1'",
    "TRY_CAST": "TRY_CAST(soort AS DATE) = begin",
    "a timestamp": "begin > TIMESTAMP '2026-01-01 00:00:00'",
    "an interval": "begin + INTERVAL 1 DAY > einde",
    "CASE": "CASE WHEN actief THEN TRUE ELSE FALSE END",
    "IF": "if(actief, TRUE, FALSE)",
    "a division": "aantal / 2 > 1",
    "a whole division": "aantal // 2 > 1",
    "a remainder": "aantal % 2 = 1",
    "a power": "aantal ** 2 = 1",
    "bits": "aantal & 1 = 1",
    "a window": "row_number() OVER () = 1",
    "an aggregate": "count(*) > 1",
    "a filtered aggregate": "count(*) FILTER (WHERE actief) > 1",
    "a lambda": "list_filter([1], x -> x > 1) = [1]",
    "a list": "[1, 2] = [1]",
    "an element": "soort[1] = 'a'",
    "a slice": "soort[1:2] = 'a'",
    "a struct": "{'a': 1} = aantal",
    "a struct field": "soort.a = 'x'",
    "JSON": "soort -> 'a' = 'x'",
    "JSON text": "soort ->> 'a' = 'x'",
    "a join of texts": "soort || 'x' = 'ax'",
    "a star": "*",
    "COLUMNS": "COLUMNS('a') = 1",
    "a parameter": "aantal = ?",
    "a named parameter": "aantal = $een",
    "a numbered parameter": "aantal = $1",
    "a variable": "aantal = getvariable('x')",
    "a quoted name": "\"soort\" = 'x'",
    "a name in backticks": "`soort` = 'x'",
    "a line comment": "actief -- en niets meer",
    "a block comment": "actief /* en niets meer */",
    "a hash comment": "actief # en niets meer",
    "a comment inside": "actief AND /* NOT */ gehuwd",
    "two statements": "actief; actief",
    "a closing semicolon": "actief;",
    "a look-alike letter": "\u0430ctief",
    "a full-width sign": "aantal \uff1d 1",
    "a no-break space": "actief\u00a0AND gehuwd",
    "a text between dollars": "soort = $$x$$",
    "an escaped text": "soort = e'x\\n'",
    "a hexadecimal number": "aantal = 0xFF",
    "an exponent": "aantal = 1e3",
    "two signs that are read as one": "aantal !=-1",
    "an endless number": "aantal = " + "9" * 30,
    "a control character": "actief\x00",
    "IS DISTINCT FROM": "soort IS DISTINCT FROM 'x'",
    "IS with a field": "actief IS gehuwd",
    "IN with a field": "aantal IN (aantal)",
    "IN with nothing": "aantal IN ()",
    "IN with an unnested list": "aantal IN UNNEST([1])",
    "a row": "(aantal, bedrag) = (1, 2)",
    "date_diff of hours": "date_diff('hour', begin, einde) > 1",
    "date_diff with a field as unit": "date_diff(soort, begin, einde) > 1",
    "date_part": "date_part('year', begin) = 2026",
    "extract": "extract(year FROM begin) = 2026",
    "strftime": "strftime(begin, '%Y') = '2026'",
    "substring": "substr(soort, 1, 1) = 'x'",
    "NULL itself": "NULL",
    "= NULL": "soort = NULL",
    "a pivot": "PIVOT x ON y",
    "a statement": "SELECT actief",
    "another statement": "DROP TABLE x",
    "a union": "actief UNION SELECT 1",
    "an assignment": "SET threads = 1",
    "an alias": "actief AS x",
    "a placeholder name": "actief AND :x",
    "too long": "actief AND " * 500 + "actief",
}


@pytest.mark.parametrize("construct", FORBIDDEN)
def test_everything_else_of_sql_is_refused(construct: str) -> None:
    with pytest.raises(CriterionError) as caught:
        parse_predicate(FORBIDDEN[construct], FIELDS)
    assert caught.value.text("nl")
    assert caught.value.text("en")


def test_refusals_are_named_after_what_is_wrong() -> None:
    for text, kind in {
        "abs(aantal) = 1": "CriterionForbiddenError",
        "actief AND": "CriterionSyntaxError",
        "actief actief actief": "CriterionError",
        "": "CriterionSyntaxError",
        "onbekend = 1": "CriterionFieldError",
        "tabel.soort = 'x'": "CriterionForbiddenError",
        "soort = 1": "CriterionTypeError",
    }.items():
        with raises(kind):
            parse_predicate(text, FIELDS)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 1500 + "actief" + ")" * 1500,
        "(" * 150 + "actief" + ")" * 150,
        "NOT " * 900 + "actief",
        "NOT " * 150 + "actief",
        "aantal" + " + 1" * 600 + " = 1",
        "actief" + " AND actief" * 300,
    ],
)
def test_deep_nesting_is_refused_and_not_a_crash(text: str) -> None:
    with pytest.raises(CriterionError):
        parse_predicate(text, FIELDS)


@pytest.mark.parametrize("frames", [0, 500])
def test_how_deep_a_predicate_may_nest_does_not_depend_on_the_caller(frames: int) -> None:
    def nested(depth: int) -> str:
        return "coalesce(" * depth + "aantal" + ", 1)" * depth + " = 1"

    def parse(frames_left: int, depth: int) -> tuple[str, ...]:
        return parse(frames_left - 1, depth) if frames_left else parse_predicate(nested(depth), FIELDS).fields

    assert parse(frames, 12) == ("aantal",)
    with pytest.raises(CriterionForbiddenError, match="nested too deeply"):
        parse(frames, 13)


@pytest.mark.parametrize(
    "name", ["begin", "end", "date", "values", "row", "comment", "show", "set", "use", "with"]
)
def test_a_field_may_be_called_as_a_word_of_sql_or_is_refused_as_a_syntax_error(name: str) -> None:
    text = f"{name} = 1"
    try:
        predicate = parse_predicate(text, {name: FieldType.INTEGER})
    except CriterionError:
        return
    assert predicate.fields == (name,)
    assert predicate.sql() == f'"{name}" = 1'


@pytest.mark.parametrize(
    "text",
    [
        "aantal",
        "aantal + 1",
        "'WW'",
        "soort = 1",
        "aantal = '1'",
        "begin = '2026-01-01'",
        "actief = 1",
        "aantal AND actief",
        "NOT soort",
        "soort > 'a'",
        "soort BETWEEN 'a' AND 'b'",
        "actief < gehuwd",
        "-soort = 'x'",
        "soort + 1 = 2",
        "begin + 1 > einde",
        "begin - einde > 1",
        "aantal IN (1, 'x')",
        "aantal IS TRUE",
        "aantal LIKE '1%'",
        "lower(aantal) = 'x'",
        "length(aantal) = 1",
        "coalesce(aantal, 'x') = 1",
        "date_diff('day', soort, begin) = 1",
        "begin = DATE '2026-02-30'",
        "begin = DATE '2026-2-3'",
        "begin = DATE 'today'",
    ],
)
def test_types_that_do_not_fit_are_refused(text: str) -> None:
    with pytest.raises(CriterionTypeError):
        parse_predicate(text, FIELDS)


@pytest.mark.parametrize("text", ["onbekend = 1", "SOORT = 'x'", "rowid = 1", "Actief", "actief AND aktief"])
def test_only_declared_fields_as_they_are_written_can_be_named(text: str) -> None:
    with raises("CriterionFieldError"):
        parse_predicate(text, FIELDS)


def test_the_reference_date_is_a_date_that_nobody_has_to_declare() -> None:
    assert parse_predicate("peildatum > DATE '2026-01-01'", {}).fields == ()
    with pytest.raises(CriterionTypeError):
        parse_predicate("peildatum = 'x'", {"peildatum": FieldType.TEXT})


def test_exactly_the_listed_functions_are_in_the_language() -> None:
    assert set(FUNCTIONS) == {"date_diff", "coalesce", "lower", "upper", "length"}


# running

_SQL_TYPES = {
    FieldType.TEXT: "VARCHAR",
    FieldType.INTEGER: "BIGINT",
    FieldType.DECIMAL: "DECIMAL(18, 4)",
    FieldType.DATE: "DATE",
    FieldType.BOOLEAN: "BOOLEAN",
}


CONNECTION = duckdb.connect(":memory:")


def verdicts(sql: str, rows: list[dict[str, Any]]) -> list[bool | None]:
    """What DuckDB says of a predicate for each row."""
    kinds = FIELDS | {"peildatum": FieldType.DATE}
    table = " UNION ALL ".join(
        f"SELECT {n} AS n, " + ", ".join(f'?::{_SQL_TYPES[kind]} AS "{name}"' for name, kind in kinds.items())
        for n in range(len(rows))
    )
    values = [(row | {"peildatum": date(2026, 6, 1)})[name] for row in rows for name in kinds]
    found = CONNECTION.execute(f"SELECT ({sql}) FROM ({table}) ORDER BY n", values).fetchall()
    return [row[0] for row in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("soort = 'a'", [True, False, None]),
        ("soort <> 'a'", [False, True, None]),
        ("NOT soort = 'a'", [False, True, None]),
        ("soort IN ('a')", [True, False, None]),
        ("soort NOT IN ('a')", [False, True, None]),
        ("soort NOT LIKE 'a%'", [False, True, None]),
        ("soort IS NULL", [False, False, True]),
        ("soort = 'a' OR soort IS NULL", [True, False, True]),
        ("coalesce(soort, 'a') = 'a'", [True, False, True]),
        ("soort = 'a' OR TRUE", [True, True, True]),
        ("soort = 'a' AND FALSE", [False, False, False]),
    ],
)
def test_unknown_values_follow_three_valued_logic(text: str, expected: list[bool | None]) -> None:
    rows = [dict.fromkeys(FIELDS) | {"soort": value} for value in ("a", "b", None)]
    assert verdicts(parse_predicate(text, FIELDS).sql(), rows) == expected


# any text at all

SCRAPS = """
actief soort naam aantal bedrag begin einde peildatum onbekend AND OR NOT = <> < >= IN ( ) , ' 'a' 1 2.5 -3 IS NULL TRUE
BETWEEN LIKE DATE '2026-01-01' date_diff( 'month' coalesce( lower( length( + - * / SELECT FROM CASE WHEN THEN END CAST(
AS VARCHAR ) :: || -> [ ] { } ; -- /* */ $1 ? @ # ~ % ^ | & OVER COLLATE ESCAPE . x random() now() current_date INTERVAL
EXISTS ANY ALL ** // UNION WITH VALUES a: lambda
"""
_scraps = st.sampled_from(SCRAPS.split())
_texts = st.one_of(st.text(max_size=60), st.lists(_scraps, max_size=14).map(" ".join))


@settings(max_examples=600, deadline=None)
@given(_texts)
@example("x'0' = 1")
@example("'")
@example("DATE")
@example("date_diff()")
@example("coalesce()")
@example("lower()")
@example("DATE ''")
@example("actief IS")
@example("\ud800")
def test_any_text_is_taken_or_refused_and_never_anything_else(text: str) -> None:
    try:
        predicate = parse_predicate(text, FIELDS)
    except CriterionError:
        return
    assert set(predicate.fields) <= FIELDS.keys()
    named = {column.name for column in predicate.tree.find_all(exp.Column)}
    assert named <= FIELDS.keys() | {"peildatum"}


# meaning

_numbers = st.one_of(
    st.sampled_from(["aantal", "bedrag", "length(soort)", "date_diff('day', begin, peildatum)"]),
    st.integers(-3, 3).map(str),
    st.sampled_from(
        ["aantal + 1", "2 * aantal - 1", "(aantal - 1) * 2", "-aantal", "aantal - (1 - bedrag)", "1 - -1"]
    ),
)
_dates = st.sampled_from(["begin", "einde", "peildatum", "DATE '2026-05-01'", "coalesce(begin, einde)"])
_words = st.sampled_from(["soort", "naam", "'a'", "lower(naam)", "upper(soort)", "coalesce(soort, naam)"])
_leaves = st.one_of(
    st.sampled_from(
        ["actief", "gehuwd", "TRUE", "FALSE", "actief IS NULL", "actief IS NOT TRUE", "soort IS NOT NULL"]
    ),
    st.tuples(_numbers, st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), _numbers).map(" ".join),
    st.tuples(_dates, st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), _dates).map(" ".join),
    st.tuples(_words, st.sampled_from(["=", "<>"]), _words).map(" ".join),
    st.tuples(_words, st.sampled_from(["IN ('a', 'b')", "NOT IN ('A')", "LIKE 'a%'", "NOT LIKE '_'"])).map(
        " ".join
    ),
    st.tuples(_numbers, st.sampled_from(["BETWEEN -1 AND 2", "NOT BETWEEN 0 AND aantal", "IN (1, -1)"])).map(
        " ".join
    ),
)
_predicates = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        inner.map(lambda a: f"NOT {a}"),
        inner.map(lambda a: f"({a})"),
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(" ".join),
    ),
    max_leaves=6,
)
_rows = st.lists(
    st.fixed_dictionaries(
        {
            "soort": st.sampled_from([None, "a", "A", "b", "ab", ""]),
            "naam": st.sampled_from([None, "a", "B"]),
            "aantal": st.sampled_from([None, -2, 0, 1, 3]),
            "bedrag": st.sampled_from([None, 0, 1.5, -1]),
            "begin": st.sampled_from([None, date(2026, 5, 1), date(2020, 2, 29)]),
            "einde": st.sampled_from([None, date(2026, 5, 31), date(2026, 6, 1)]),
            "actief": st.sampled_from([None, True, False]),
            "gehuwd": st.sampled_from([None, True, False]),
        }
    ),
    min_size=4,
    max_size=8,
)


@settings(max_examples=100, deadline=None)
@given(_predicates, _rows)
def test_printing_a_predicate_keeps_its_meaning(text: str, rows: list[dict[str, Any]]) -> None:
    predicate = parse_predicate(text, FIELDS)
    printed = predicate.tree.sql(dialect="duckdb")
    again = parse_predicate(printed, FIELDS)
    expected = verdicts(text, rows)
    assert verdicts(predicate.sql(), rows) == expected
    assert verdicts(again.sql(), rows) == expected
    assert again.fields == predicate.fields
