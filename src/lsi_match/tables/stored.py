"""How the values of a column are stored, whatever the file."""

from __future__ import annotations

import re
from enum import StrEnum


class Kind(StrEnum):
    """What a column holds: text that people wrote, or values of a type."""

    TEXT = "text"
    WHOLE = "whole number"
    DECIMAL = "decimal"
    FLOAT = "float"
    DATE = "date"
    #: A day and a time of a clock nobody named.
    MOMENT = "timestamp"
    #: A moment of the whole world: another day in another time zone.
    INSTANT = "timestamp with time zone"
    TIME = "time"
    BOOLEAN = "boolean"
    BINARY = "binary"
    NESTED = "list or struct"
    NOTHING = "empty"
    #: In a spreadsheet: nobody knows what should stand there.
    NO_RESULT = "formula without a result"
    #: In a spreadsheet: one value over several cells, so that the others have none.
    MERGED = "merged cell"


#: How DuckDB calls a type (or the start of that) → what it holds; the first that fits.
_OF_TYPE = (
    (r".*\]|STRUCT.*|MAP.*|UNION.*|JSON|VARIANT", Kind.NESTED),
    (r"VARCHAR|UUID|ENUM.*", Kind.TEXT),
    (r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|BIGNUM|DECIMAL\(\d+,0\)", Kind.WHOLE),
    (r"DECIMAL.*", Kind.DECIMAL),
    (r"FLOAT|DOUBLE", Kind.FLOAT),
    (r"DATE", Kind.DATE),
    (r"TIMESTAMP.*WITH TIME ZONE|TIMESTAMPTZ.*", Kind.INSTANT),
    (r"TIMESTAMP.*", Kind.MOMENT),
    (r"TIME.*|INTERVAL", Kind.TIME),
    (r"BOOLEAN", Kind.BOOLEAN),
    (r'"?NULL"?', Kind.NOTHING),
)


def kind_of(duckdb_type: str) -> Kind:
    """What a column of this type holds; what is not known is binary, which nothing can be read from."""
    return next((kind for shape, kind in _OF_TYPE if re.fullmatch(shape, duckdb_type)), Kind.BINARY)
