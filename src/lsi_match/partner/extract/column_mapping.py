"""The local mapping: where a partner's extracts are and what the manifest's fields are called in them.

An extract is a CSV or Parquet file, or a table or view in a database.

It is the partner's own file and says nothing about selection; criteria come from the manifest only.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from lsi_match.base.files import read_text
from lsi_match.base.validation import Closed, RuleViolation
from lsi_match.base.yaml_positions import parse_yaml
from lsi_match.manifest import Name

_FILES = (".csv", ".parquet")
_DATABASES = (".duckdb", ".sqlite", ".postgresql")


class SelectionMapping(Closed):
    """One selection's extract, its record id, and a column per declared field."""

    extract: str = Field(
        description="Bestand, ten opzichte van de map met extracten: .csv of .parquet; een databasebestand (.duckdb, .sqlite); "
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

    encoding: Literal["utf-8", "windows-1252", "latin-1"] = Field(
        default="utf-8", description="Tekenset van een .csv-bestand. Encoding of a .csv file."
    )
    separator: Literal[";", ",", "\t", "|"] | None = Field(
        default=None,
        description="Scheidingsteken van een .csv-bestand; zonder dit: wat in de kopregel het meest staat.",
    )

    @property
    def python_encoding(self) -> str:
        """The encoding as Python names it; of UTF-8 a byte order mark is skipped."""
        return {"utf-8": "utf-8-sig", "windows-1252": "cp1252"}.get(self.encoding, self.encoding)

    @field_validator("extract")
    @classmethod
    def _inside(cls, value: str) -> str:
        path = PurePosixPath(value)
        if path.is_absolute() or ".." in path.parts:
            raise RuleViolation(
                "het uittreksel staat in de map met uittreksels",
                "the extract lies inside the folder of extracts",
            )
        if set("*?[]") & set(value):
            raise RuleViolation(
                "het uittreksel is één bestand, zonder jokertekens in de naam",
                "the extract is one file, named without wildcards",
            )
        if path.suffix not in (*_FILES, *_DATABASES):
            kinds = ", ".join((*_FILES, *_DATABASES))
            raise RuleViolation(f"het uittreksel is een van {kinds}", f"the extract is one of {kinds}")
        return value

    @model_validator(mode="after")
    def _table_of_a_database(self) -> SelectionMapping:
        if (PurePosixPath(self.extract).suffix in _DATABASES) != (self.table is not None):
            raise RuleViolation(
                "bij een database hoort een tabel, en bij een bestand niet",
                "a database needs a table, and a file has none",
            )
        return self


class ColumnMapping(Closed):
    """All selections of one partner."""

    selections: dict[Name, SelectionMapping]


def read_mapping(file: Path) -> ColumnMapping:
    """The mapping in a file; raises with file, line and column of what is wrong in it."""
    return parse_yaml(read_text(file), file.name, ColumnMapping)
