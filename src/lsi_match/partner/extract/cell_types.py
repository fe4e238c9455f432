"""From what stands in a cell to a value of the type that the manifest declares, as SQL of DuckDB.

What can be read in one way only is taken; all else becomes null and is refused by who selects.
"""

from __future__ import annotations

from lsi_match.criteria.parse import FieldType

#: Whole numbers as a Parquet file may hold them; larger ones go through their text.
_STORED_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")


def is_stored(kind: FieldType, stored: str) -> bool:
    """Whether a column of DuckDB's type `stored` holds values of `kind` that need not be read from their text."""
    return kind is FieldType.INTEGER and stored in _STORED_INTEGERS


def text(column: str) -> str:
    """The text of a column without spaces (any that Unicode calls so) around it; null where nothing is left.

    `trim` looks at every letter, so a text that it would leave as it is, which most are, does not go through it:
    one of ASCII (as many bytes as letters) without U+0020, the only space there.
    """
    x = f"{column}::VARCHAR"
    whole = f"NOT contains({x}, ' ') AND strlen({x}) = length({x})"
    return f"nullif(CASE WHEN {whole} THEN {x} ELSE trim({x}) END, '')"


def _whole(pattern: str) -> str:
    """A pattern with its braces doubled, for `str.format`."""
    return pattern.replace("{", "{{").replace("}", "}}")


#: What is written in one of these ways is taken; all else is refused, since DuckDB would guess: '1.5' as the whole
#: number 2, '01-02-20' as a day in the year 1, '1,000.50' as 1.0005.
_INTEGER = r"[+-]?[0-9]{1,18}(\.0{1,2})?"
_POINT = r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?"
_COMMA = r"[+-]?([0-9]+|[0-9]{1,3}(\.[0-9]{3})+),[0-9]+"
_ISO_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}.*)?"
_DUTCH_DATE = r"[0-9]{1,2}-[0-9]{1,2}-[0-9]{4}"

_TYPED = {
    FieldType.TEXT: "{x}",
    FieldType.INTEGER: f"CASE WHEN regexp_full_match({{x}}, '{_whole(_INTEGER)}') THEN try_cast({{x}} AS BIGINT) END",
    FieldType.DECIMAL: (
        f"try_cast(CASE WHEN regexp_full_match({{x}}, '{_whole(_COMMA)}') THEN "
        "replace(replace({x}, '.', ''), ',', '.') "
        f"WHEN regexp_full_match({{x}}, '{_whole(_POINT)}') THEN {{x}} END AS DECIMAL(18, 4))"
    ),
    FieldType.DATE: (
        f"CASE WHEN regexp_full_match({{x}}, '{_whole(_ISO_DATE)}') THEN try_cast(left({{x}}, 10) AS DATE) "
        f"WHEN regexp_full_match({{x}}, '{_whole(_DUTCH_DATE)}') THEN try_strptime({{x}}, '%d-%m-%Y')::DATE "
        "WHEN regexp_full_match({x}, '[0-9]{{8}}') THEN try_strptime({x}, '%Y%m%d')::DATE END"
    ),
    FieldType.BOOLEAN: (
        "CASE WHEN lower({x}) IN ('j', 'ja', 'true', '1', 'y', 'yes', 'waar') THEN TRUE "
        "WHEN lower({x}) IN ('n', 'nee', 'false', '0', 'no', 'onwaar') THEN FALSE END"
    ),
}


def typed(value: str, kind: FieldType, stored: str) -> str:
    """A value of type `kind`, or null; `value` is its text, or its column where it `is_stored`."""
    if is_stored(kind, stored):
        return f"CASE WHEN {value} BETWEEN {1 - 10**18} AND {10**18 - 1} THEN {value}::BIGINT END"
    return _TYPED[kind].format(x=value)
