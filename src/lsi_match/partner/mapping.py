"""The local mapping: where a partner's extracts are and what the manifest's fields are called in them.

It is the partner's own file and says nothing about selection; criteria come from the manifest only.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from lsi_match.protocol.manifest import Name


class SelectionMapping(BaseModel):
    """One selection's extract: a CSV or Parquet file, its record id, and a column per declared field."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    extract: str = Field(description="Bestand, ten opzichte van de map met extracten; .csv of .parquet.")
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
            raise ValueError("the extract lies inside the folder of extracts")
        if set("*?[]") & set(value):
            raise ValueError("the extract is one file, named without wildcards")
        if path.suffix not in (".csv", ".parquet"):
            raise ValueError("the extract is a .csv or .parquet file")
        return value


class Mapping(BaseModel):
    """All selections of one partner."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    selections: dict[Name, SelectionMapping]
