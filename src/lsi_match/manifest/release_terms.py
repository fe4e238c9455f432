"""What a case is, and who gets to see what of it."""

from pydantic import Field

from lsi_match.manifest.base import Document, Name, Text
from lsi_match.manifest.signing_key import WitnessKey


class Match(Document):
    """Which subjects are cases: a predicate over the columns of `Manifest.match_fields`."""

    rule: Text
    records_of: tuple[Name, ...] = ()
    rationale: Text


class Show(Document):
    """What one recipient sees of the others in a case. Nothing that is not named here."""

    signals_of: tuple[Name, ...] = ()
    attributes_of: tuple[Name, ...] = ()


class Release(Document):
    """What leaves the matching environment, and for how long."""

    max_cases: int = Field(gt=0, le=1_000_000)
    to: dict[Name, Show]
    keep_days: int = Field(gt=0, le=3650)
    cosignatures: int = Field(default=0, ge=0)
    witnesses: dict[Name, WitnessKey] = Field(default_factory=dict, max_length=16)
    witness_cosignatures: int = Field(default=0, ge=0)
