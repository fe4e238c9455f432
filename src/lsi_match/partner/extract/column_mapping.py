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
from lsi_match.base.validation import Closed, RuleViolation
from lsi_match.base.yaml_positions import parse_yaml
from lsi_match.manifest import Name
from lsi_match.tables.database import SQLITE
from lsi_match.tables.source import SPREADSHEETS, Asked

_TEXTS = (".csv", ".txt", ".tsv")
_FILES = (*_TEXTS, ".parquet", *SPREADSHEETS)
_DATABASES = (".duckdb", ".postgresql", *SQLITE)


class Reading(Closed):
    """How one column is to be read, where it can be read in two ways. Without this such a column is refused."""

    model_config = ConfigDict(populate_by_name=True)

    as_: Literal["whole_number", "text"] | None = Field(
        default=None,
        alias="as",
        description="Een kolom met getallen voor een nummer, een kenmerk of tekst: whole_number (met digits: zoveel cijfers, met nullen ervoor), "
        "of text (de cijfers zoals ze er staan).",
    )
    digits: Annotated[int, Field(ge=1, le=38)] | None = Field(
        default=None,
        description="Zoveel cijfers heeft het nummer; nullen die er niet meer voor staan, komen terug.",
    )
    zone: str | None = Field(
        default=None,
        description="De tijdzone waarin de dag van een tijdstip wordt gelezen, zoals Europe/Amsterdam.",
    )
    dates: Literal["dmy", "mdy", "ymd"] | None = Field(
        default=None,
        description="De volgorde van dag (d), maand (m) en jaar (y), als dat niet 2026-10-01 of 01-10-2026 is.",
    )
    decimal: Literal[",", "."] | None = Field(
        default=None,
        description="Het teken voor de decimalen. Een punt of komma die het niet is, scheidt duizendtallen.",
    )
    empty: tuple[str, ...] | None = Field(
        default=None,
        description="Wat er staat als er niets is, zoals [NULL, NA]; [] als zulke woorden iets betekenen.",
    )
    letters: Literal["agreed", "as_written"] | None = Field(
        default=None,
        description="Een tekst die op hoofdletters, accenten, leestekens of nullen ervoor na een afgesproken waarde is (ww voor WW): "
        "agreed (het is die waarde), of as_written (het is een andere).",
    )

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


class SelectionMapping(Closed):
    """One selection's extract, its record id, and a column per declared field."""

    extract: str = Field(
        description="Bestand, ten opzichte van de map met extracten: .csv, .parquet, .xlsx of .ods; een databasebestand (.duckdb, .sqlite, .gpkg); "
        "of een .postgresql-bestand met het adres van een database (een regel; chmod 600)."
    )
    table: Annotated[str, Field(pattern=r"^[^.\"\x00]+(\.[^.\"\x00]+)?$", max_length=130)] | None = Field(
        default=None,
        description="Bij een database: de tabel of view, eventueel met het schema: schema.tabel.",
    )
    record_id: str = Field(min_length=1, description="Kolom met het eigen kenmerk van het record.")
    columns: dict[Name, Annotated[str, Field(min_length=1)]] = Field(
        description="Veld in het manifest → kolom."
    )

    reading: dict[Name, Reading] = Field(
        default_factory=dict,
        description="Veld in het manifest (of record_id) → hoe de kolom wordt gelezen, als dat op twee manieren kan.",
    )
    sheet: str | None = Field(
        default=None, description="Het blad van een spreadsheet, als er meer dan een is."
    )
    header: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="De rij van de kopregel; zonder dit: de eerste rij waarin alle kolommen staan die hier zijn genoemd.",
    )
    line_breaks: bool = Field(
        default=False,
        description="Of een waarde tussen aanhalingstekens in een .csv-bestand hele regels mag bevatten.",
    )
    encoding: Literal["utf-8", "windows-1252", "latin-1", "utf-16"] = Field(
        default="utf-8", description="Tekenset van een .csv-bestand, of van de tekst in een .sqlite-bestand."
    )
    separator: Literal[";", ",", "\t", "|"] | None = Field(
        default=None,
        description="Scheidingsteken van een .csv-bestand; zonder dit: waarmee alle kolommen te vinden zijn.",
    )

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


class ColumnMapping(Closed):
    """All selections of one partner."""

    selections: dict[Name, SelectionMapping]


def read_mapping(file: Path) -> ColumnMapping:
    """The mapping in a file; raises with file, line and column of what is wrong in it."""
    return parse_yaml(read_text(file), file.name, ColumnMapping)
