"""The databases that a statement can be made for, and how each of them writes what the criteria language knows.

What is written here follows the manuals of these databases and, for DuckDB, SQLite and PostgreSQL, was tried out on
them. See docs/statements.md for what each of them does otherwise than the language, and what is done about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from lsi_match.criteria.parse import FieldType


class Caveat(StrEnum):
    """What a predicate uses of which a database may have something to say."""

    TEXT = "text"
    NOT_ASCII_CASE = "case"
    LENGTH = "length"
    UNDERSCORE = "underscore"
    BACKSLASH = "backslash"
    PRODUCT = "product"
    WHOLE_NUMBERS = "whole numbers"
    DECIMAL = "decimal"
    DATE = "date"
    DAYS = "days"


class Quotes(StrEnum):
    """How a text is written between quotes."""

    DOUBLED = "a quote is doubled"
    NATIONAL = "N'…', a quote is doubled"
    DOUBLED_BACKSLASH = "a quote is doubled, and a backslash"
    ESCAPED = "a quote has a backslash before it, and so has a backslash"


class Like(StrEnum):
    """What LIKE takes for special beside % and _."""

    PLAIN = "nothing"
    BACKSLASH = "a backslash"
    BRACKETS = "[ ]"
    GLOB = "not LIKE but GLOB"


@dataclass(frozen=True)
class Dialect:
    """How one database writes what the language knows.

    Attributes:
        product: the database and the first version that it is written for.
        quote: before and after a name; the last one is doubled inside.
        read: how a field is read from the partner's own column `{x}`, per type.
        parameter: the reference date as a parameter.
        set_parameter: how to set it; `{d}` is a date.
        day, month, year: boundaries between dates `{a}` and `{b}`.
        booleans: whether a condition is a value. If not, booleans are 1 and 0.
        pads: `=` does not see spaces at the end, in some comparison.
        append: `{x}` with a full stop after it.
        constant: a comparison in which no field occurs: its left side.
        exactly: the left side of any comparison of texts.
        empty: a text literal for an empty text where an empty text is unknown.
        tenths: decimals are kept as whole ten-thousandths.
        number: how a literal with decimals is written.
        wide: `{x}`, a small whole number, such that counting with it does not overflow.
        notes: what to know when a construct is used, in Dutch and English.
    """

    product: str
    read: Mapping[FieldType, str]
    parameter: str
    set_parameter: str
    day: str
    month: str
    year: str
    quote: tuple[str, str] = ('"', '"')
    booleans: bool = True
    quotes: Quotes = Quotes.DOUBLED
    like: Like = Like.PLAIN
    date: str = "DATE '{d}'"
    length: str = "LENGTH({x})"
    lower: str = "LOWER({x})"
    upper: str = "UPPER({x})"
    pads: bool = False
    append: str = "{x} || '.'"
    constant: str = "{x}"
    exactly: str = "{x}"
    empty: str | None = None
    tenths: bool = False
    number: str = "{x}"
    wide: str | None = None
    notes: Mapping[Caveat, tuple[str, str]] = field(default_factory=dict)


def _parts(unit: str) -> str:
    """Month or year boundaries where only EXTRACT is sure."""
    if unit == "year":
        return "(EXTRACT(YEAR FROM {b}) - EXTRACT(YEAR FROM {a}))"
    return (
        "((EXTRACT(YEAR FROM {b}) * 12 + EXTRACT(MONTH FROM {b}))"
        " - (EXTRACT(YEAR FROM {a}) * 12 + EXTRACT(MONTH FROM {a})))"
    )


def _read(text: str, integer: str, decimal: str, day: str, boolean: str = "{x}") -> dict[FieldType, str]:
    return {
        FieldType.TEXT: text,
        FieldType.INTEGER: integer,
        FieldType.DECIMAL: decimal,
        FieldType.DATE: day,
        FieldType.BOOLEAN: boolean,
    }


_LETTERS = (
    "lower en upper kunnen anders uitvallen dan in het programma voor letters buiten a-z, zoals ß of İ.",
    "lower and upper can differ from the tool for letters outside a-z, such as ß or İ.",
)
_NO_BOOLEAN = "CASE WHEN {x} = 1 THEN 1 WHEN {x} = 0 THEN 0 END"
_ROUNDED = (
    "een product van meer dan twee bedragen wordt hier afgerond als het niet in 38 cijfers past.",
    "a product of more than two amounts is rounded here when it does not fit in 38 digits.",
)
_UNITS = (
    "een teken buiten het gewone bereik (emoji, zeldzame schriften) telt voor _ in LIKE als twee.",
    "a sign outside the basic plane (emoji, rare scripts) counts as two for _ in LIKE.",
)

#: Every database that a statement can be made for.
DIALECTS: dict[str, Dialect] = {
    "bigquery": Dialect(
        product="BigQuery",
        quote=("`", "`"),
        read=_read("NULLIF(TRIM(CAST({x} AS STRING), ' '), '')", "CAST({x} AS INT64)",
                   "ROUND(CAST({x} AS BIGNUMERIC), 4)", "CAST({x} AS DATE)", "CAST({x} AS BOOL)"),
        parameter="CAST(@peildatum AS DATE)",
        set_parameter="bq query --use_legacy_sql=false --parameter=peildatum:DATE:{d}",
        day="DATE_DIFF({b}, {a}, DAY)",
        month="DATE_DIFF({b}, {a}, MONTH)",
        year="DATE_DIFF({b}, {a}, YEAR)",
        quotes=Quotes.ESCAPED,
        like=Like.BACKSLASH,
        length="CHAR_LENGTH({x})",
        number="BIGNUMERIC '{x}'",
        notes={
            Caveat.TEXT: (
                "een dataset of kolom met sortering (collation) 'und:ci' ziet geen hoofdletters: laat die weg uit de view.",
                "a dataset or column with collation 'und:ci' compares without case: leave such a collation out of the view.",
            ),
            Caveat.NOT_ASCII_CASE: _LETTERS,
        },
    ),
    "duckdb": Dialect(
        product="DuckDB 1.3",
        read=_read("NULLIF(TRIM(CAST({x} AS VARCHAR)), '')", "CAST({x} AS BIGINT)",
                   "CAST({x} AS DECIMAL(18, 4))", "CAST({x} AS DATE)", "CAST({x} AS BOOLEAN)"),
        parameter="CAST(getvariable('peildatum') AS DATE)",
        set_parameter="SET VARIABLE peildatum = DATE '{d}'",
        day="DATE_DIFF('day', {a}, {b})",
        month="DATE_DIFF('month', {a}, {b})",
        year="DATE_DIFF('year', {a}, {b})",
    ),
    "mysql": Dialect(
        product="MySQL 8.0 / MariaDB 10.6",
        quote=("`", "`"),
        read=_read("NULLIF(TRIM(CONVERT({x} USING utf8mb4)), '') COLLATE utf8mb4_bin", "CAST({x} AS SIGNED)",
                   "CAST({x} AS DECIMAL(18, 4))", "CAST({x} AS DATE)", _NO_BOOLEAN),
        parameter="CAST(@peildatum AS DATE)",
        set_parameter="SET @peildatum = '{d}'",
        day="DATEDIFF({b}, {a})",
        month=_parts("month"),
        year=_parts("year"),
        booleans=False,
        quotes=Quotes.DOUBLED_BACKSLASH,
        like=Like.BACKSLASH,
        length="CHAR_LENGTH({x})",
        pads=True,
        append="CONCAT({x}, '.')",
        constant="CONVERT({x} USING utf8mb4) COLLATE utf8mb4_bin",
        notes={
            Caveat.NOT_ASCII_CASE: _LETTERS,
            Caveat.BACKSLASH: (
                "een backslash in een tekst staat er dubbel; dat klopt niet met sql_mode NO_BACKSLASH_ESCAPES.",
                "a backslash in a text is written twice; that is wrong with sql_mode NO_BACKSLASH_ESCAPES.",
            ),
            Caveat.TEXT: (
                "de verbinding moet utf8mb4 gebruiken (SET NAMES utf8mb4).",
                "the connection must use utf8mb4 (SET NAMES utf8mb4).",
            ),
        },
    ),
    "oracle": Dialect(
        product="Oracle Database 12.1",
        read=_read("TRIM({x})", "{x}", "ROUND({x}, 4)", "TRUNC({x})", _NO_BOOLEAN),
        parameter="TO_DATE(:peildatum, 'YYYY-MM-DD')",
        set_parameter="VARIABLE peildatum VARCHAR2(10)\nEXEC :peildatum := '{d}'",
        day="({b} - {a})",
        month=_parts("month"),
        year=_parts("year"),
        booleans=False,
        pads=True,
        empty="CHR(0)",
        notes={
            Caveat.TEXT: (
                "een lege tekst is hier onbekend, net als in het programma; een lege tekst in een criterium staat er als CHR(0). "
                "NLS_COMP moet BINARY zijn (zo staat het als niemand iets instelt), anders ziet = geen hoofdletters.",
                "an empty text is unknown here, as it is in the tool; an empty text in a criterion is written as "
                "CHR(0). NLS_COMP must be BINARY (the default), else = does not see case.",
            ),
            Caveat.NOT_ASCII_CASE: _LETTERS,
            Caveat.DAYS: (
                "aantallen dagen over oktober 1582 heen schelen er tien: de dagen die toen zijn overgeslagen.",
                "counts of days over October 1582 differ by ten, the days that were dropped then.",
            ),
        },
    ),
    "postgres": Dialect(
        product="PostgreSQL 12 (ICU)",
        read=_read("NULLIF(TRIM(CAST({x} AS text)), '') COLLATE \"C\"", "CAST({x} AS bigint)",
                   "CAST({x} AS numeric(18, 4))", "CAST({x} AS date)", "CAST({x} AS boolean)"),
        parameter="CAST(:'peildatum' AS date)",
        set_parameter="\\set peildatum {d}",
        day="({b} - {a})",
        month=_parts("month"),
        year=_parts("year"),
        like=Like.BACKSLASH,
        lower='LOWER({x} COLLATE "und-x-icu")',
        upper='UPPER({x} COLLATE "und-x-icu")',
        wide="CAST({x} AS bigint)",
        notes={Caveat.NOT_ASCII_CASE: _LETTERS},
    ),
    "snowflake": Dialect(
        product="Snowflake",
        read=_read("NULLIF(TRIM(CAST({x} AS VARCHAR), ' '), '')", "CAST({x} AS NUMBER(19, 0))",
                   "CAST({x} AS NUMBER(18, 4))", "CAST({x} AS DATE)", "CAST({x} AS BOOLEAN)"),
        parameter="CAST($peildatum AS DATE)",
        set_parameter="SET peildatum = '{d}'",
        day="DATEDIFF(day, {a}, {b})",
        month="DATEDIFF(month, {a}, {b})",
        year="DATEDIFF(year, {a}, {b})",
        quotes=Quotes.DOUBLED_BACKSLASH,
        notes={
            Caveat.TEXT: (
                "een kolom met een eigen sortering (collation) wordt daarmee vergeleken: laat die weg uit de view met COLLATE(kolom, '').",
                "a column with a collation compares by that collation: leave it out of the view with COLLATE(column, '').",
            ),
            Caveat.NOT_ASCII_CASE: _LETTERS,
            Caveat.PRODUCT: (
                "een product van meer dan drie bedragen wordt hier afgerond op 12 decimalen.",
                "a product of more than three amounts is rounded to 12 decimals here.",
            ),
        },
    ),
    "spark": Dialect(
        product="Spark SQL 3.4 / Databricks",
        quote=("`", "`"),
        read=_read("NULLIF(TRIM(CAST({x} AS STRING)), '')", "CAST({x} AS BIGINT)",
                   "CAST({x} AS DECIMAL(18, 4))", "CAST({x} AS DATE)", "CAST({x} AS BOOLEAN)"),
        parameter="CAST(:peildatum AS DATE)",
        set_parameter="spark.sql(statement, args={{'peildatum': '{d}'}})",
        day="DATEDIFF({b}, {a})",
        month=_parts("month"),
        year=_parts("year"),
        quotes=Quotes.ESCAPED,
        like=Like.BACKSLASH,
        length="CHAR_LENGTH({x})",
        wide="CAST({x} AS BIGINT)",
        notes={
            Caveat.NOT_ASCII_CASE: _LETTERS,
            Caveat.WHOLE_NUMBERS: (
                "een som die niet in 64 bits past, is alleen met spark.sql.ansi.enabled=true een fout. Zet dat aan.",
                "a sum that does not fit in 64 bits is an error only with spark.sql.ansi.enabled=true. Set it.",
            ),
            Caveat.PRODUCT: _ROUNDED,
            Caveat.BACKSLASH: (
                "teksten zijn geschreven voor spark.sql.parser.escapedStringLiterals=false (zo staat het als niemand iets instelt).",
                "texts are written for spark.sql.parser.escapedStringLiterals=false (the default).",
            ),
        },
    ),
    "sqlite": Dialect(
        product="SQLite 3.23",
        read=_read("NULLIF(TRIM(CAST({x} AS TEXT)), '')", "CAST({x} AS INTEGER)",
                   "CAST(ROUND({x} * 10000) AS INTEGER)", "SUBSTR({x}, 1, 10)", _NO_BOOLEAN),
        parameter="SUBSTR(:peildatum, 1, 10)",
        set_parameter=".parameter set :peildatum \"'{d}'\"",
        day="CAST(JULIANDAY({b}) - JULIANDAY({a}) AS INTEGER)",
        month="((CAST(SUBSTR({b}, 1, 4) AS INTEGER) * 12 + CAST(SUBSTR({b}, 6, 2) AS INTEGER))"
              " - (CAST(SUBSTR({a}, 1, 4) AS INTEGER) * 12 + CAST(SUBSTR({a}, 6, 2) AS INTEGER)))",
        year="(CAST(SUBSTR({b}, 1, 4) AS INTEGER) - CAST(SUBSTR({a}, 1, 4) AS INTEGER))",
        booleans=False,
        like=Like.GLOB,
        date="'{d}'",
        tenths=True,
        notes={
            Caveat.NOT_ASCII_CASE: (
                "LOWER en UPPER veranderen hier alleen a-z: É blijft É. Laad de uitbreiding ICU als andere letters ertoe doen.",
                "LOWER and UPPER change a-z only here: É stays É. Load the ICU extension if other letters matter.",
            ),
            Caveat.DATE: (
                "datums zijn hier teksten, en moeten als jjjj-mm-dd zijn geschreven.",
                "dates are texts here and must be written yyyy-mm-dd.",
            ),
            Caveat.DECIMAL: (
                "decimalen zijn er hier niet, dus bedragen zijn geteld in tienduizendsten: 175.50 is 1755000.",
                "there are no decimals here, so amounts are counted in ten-thousandths: 175.50 is 1755000.",
            ),
            Caveat.WHOLE_NUMBERS: (
                "een som die niet in 64 bits past, wordt hier een benadering; het programma stopt dan.",
                "a sum that does not fit in 64 bits becomes an approximation here; the tool stops.",
            ),
        },
    ),
    "teradata": Dialect(
        product="Teradata 16",
        read=_read("NULLIF(TRIM(CAST({x} AS VARCHAR(4000) CHARACTER SET UNICODE)), '')", "CAST({x} AS BIGINT)",
                   "CAST({x} AS DECIMAL(18, 4))", "CAST({x} AS DATE)", _NO_BOOLEAN),
        parameter="CAST(:peildatum AS DATE FORMAT 'YYYY-MM-DD')",
        set_parameter=":peildatum = '{d}'",
        day="({b} - {a})",
        month=_parts("month"),
        year=_parts("year"),
        booleans=False,
        length="CHARACTER_LENGTH({x})",
        pads=True,
        exactly="{x} (CASESPECIFIC)",
        wide="CAST({x} AS BIGINT)",
        notes={
            Caveat.TEXT: (
                "teksten van meer dan 4000 tekens passen niet.",
                "texts of more than 4000 signs do not fit.",
            ),
            Caveat.NOT_ASCII_CASE: _LETTERS,
            Caveat.LENGTH: (
                "een teken buiten het gewone bereik (emoji, zeldzame schriften) telt in de lengte als twee.",
                "a sign outside the basic plane (emoji, rare scripts) counts as two in the length.",
            ),
            Caveat.UNDERSCORE: _UNITS,
            Caveat.PRODUCT: (
                "een product van bedragen dat niet in 38 cijfers past, is een fout.",
                "a product of amounts that does not fit in 38 digits is an error.",
            ),
        },
    ),
    "tsql": Dialect(
        product="SQL Server 2012 / Azure SQL",
        quote=("[", "]"),
        read=_read("NULLIF(LTRIM(RTRIM(CAST({x} AS nvarchar(max)))), N'') COLLATE Latin1_General_100_BIN2",
                   "CAST({x} AS bigint)", "CAST({x} AS decimal(18, 4))", "CAST({x} AS date)", _NO_BOOLEAN),
        parameter="@peildatum",
        set_parameter="DECLARE @peildatum date = '{d}';",
        day="DATEDIFF(day, {a}, {b})",
        month="DATEDIFF(month, {a}, {b})",
        year="DATEDIFF(year, {a}, {b})",
        booleans=False,
        quotes=Quotes.NATIONAL,
        like=Like.BRACKETS,
        date="CAST('{d}' AS date)",
        length="(LEN({x} COLLATE Latin1_General_100_CI_AS_SC + N'.') - 1)",
        pads=True,
        append="{x} + N'.'",
        constant="{x} COLLATE Latin1_General_100_BIN2",
        wide="CAST({x} AS bigint)",
        notes={
            Caveat.NOT_ASCII_CASE: _LETTERS,
            Caveat.UNDERSCORE: _UNITS,
            Caveat.PRODUCT: _ROUNDED,
        },
    ),
}  # fmt: skip

#: The language itself, for `text_form`.
LANGUAGE = Dialect(
    product="",
    quote=("", ""),
    read={},
    parameter="",
    set_parameter="",
    day="date_diff('day', {a}, {b})",
    month="date_diff('month', {a}, {b})",
    year="date_diff('year', {a}, {b})",
    length="length({x})",
    lower="lower({x})",
    upper="upper({x})",
)
