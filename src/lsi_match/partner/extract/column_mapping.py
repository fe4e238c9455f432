"""The local mapping: where a partner's extracts are and what the manifest's fields are called in them.

An extract is a CSV or Parquet file, a spreadsheet, or a table or view in a database. How a column is to be read, where it
can be read in two ways, stands under `reading`.

It is the partner's own file and says nothing about selection; criteria come from the manifest only.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field, field_validator, model_validator

from lsi_match.base.files import read_text
from lsi_match.base.validation import RuleViolation
from lsi_match.base.yaml_positions import parse_yaml
from lsi_match.manifest import Document, Name
from lsi_match.tables.database import SQLITE
from lsi_match.tables.source import SPREADSHEETS, Asked

_TEXTS = (".csv", ".txt", ".tsv")
_FILES = (*_TEXTS, ".parquet", *SPREADSHEETS)
_DATABASES = (".duckdb", ".postgresql", *SQLITE)


class Reading(Document):
    """How one column is to be read, where it can be read in two ways. Without this such a column is refused."""

    model_config = ConfigDict(populate_by_name=True)

    as_: Literal["whole_number", "text"] | None = Field(default=None, alias="as")
    digits: Annotated[int, Field(ge=1, le=38)] | None = None
    zone: str | None = None
    dates: Literal["dmy", "mdy", "ymd"] | None = None
    decimal: Literal[",", "."] | None = None
    empty: tuple[str, ...] | None = None
    letters: Literal["agreed", "as_written", "code"] | None = None
    decimals: Annotated[int, Field(ge=0, le=4)] | None = None
    ends: Literal["records"] | None = None

    @field_validator("zone")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        try:
            if value is not None:
                ZoneInfo(value)
        except (ValueError, OSError):
            raise RuleViolation.because("partner.extract.timezone") from None  # fmt: skip
        return value

    @model_validator(mode="after")
    def _digits_of_a_number(self) -> Reading:
        if self.digits is not None and self.as_ != "whole_number":
            raise RuleViolation.because("partner.extract.digits", "digits")
        return self


#: For a column of which nothing is said.
PLAIN = Reading()


class SelectionMapping(Document):
    """One selection's extract, its record id, and a column per declared field."""

    extract: str
    table: Annotated[str, Field(pattern=r"^[^.\"\x00]+(\.[^.\"\x00]+)?$", max_length=130)] | None = None
    record_id: str = Field(min_length=1)
    columns: dict[Name, Annotated[str, Field(min_length=1)]]

    reading: dict[Name, Reading] = Field(default_factory=dict)
    sheet: str | None = None
    header: Annotated[int, Field(ge=1)] | None = None
    line_breaks: bool = False
    encoding: Literal["utf-8", "windows-1252", "latin-1", "utf-16"] = "utf-8"
    separator: Literal[";", ",", "\t", "|"] | None = None

    @property
    def asked(self) -> Asked:
        """What this says about the file."""
        return Asked(
            encoding=self.encoding,
            separator=self.separator,
            header=self.header,
            line_breaks=self.line_breaks,
            table=self.table,
            sheet=self.sheet,
            wanted=frozenset({self.record_id, *self.columns.values()}),
        )

    @field_validator("extract")
    @classmethod
    def _inside(cls, value: str) -> str:
        path = PurePosixPath(value)
        if path.is_absolute() or ".." in path.parts:
            raise RuleViolation.because("partner.extract.outside_folder")
        if set("*?[]") & set(value):
            raise RuleViolation.because("partner.extract.wildcards")
        if path.suffix not in (*_FILES, *_DATABASES):
            kinds = ", ".join((*_FILES, *_DATABASES))
            raise RuleViolation.because("partner.extract.unknown_kind", kinds=kinds)
        return value

    @model_validator(mode="after")
    def _table_of_a_database(self) -> SelectionMapping:
        if (PurePosixPath(self.extract).suffix in _DATABASES) != (self.table is not None):
            raise RuleViolation.because("partner.extract.table")
        return self


class ColumnMapping(Document):
    """All selections of one partner."""

    selections: dict[Name, SelectionMapping]


def read_mapping(file: Path) -> ColumnMapping:
    """The mapping in a file; raises with file, line and column of what is wrong in it."""
    return parse_yaml(read_text(file), file.name, ColumnMapping)
