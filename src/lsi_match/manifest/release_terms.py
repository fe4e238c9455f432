"""What a case is, and who gets to see what of it."""

from __future__ import annotations

from pydantic import Field

from lsi_match.manifest.base import Document, Name, Text, both


class Match(Document):
    """Which subjects are cases: a predicate over the columns of `Manifest.match_fields`."""

    rule: Text = Field(
        description=both(
            "Wanneer het een casus is (docs/criteria.md, 'The match rule').",
            "When it is a case (docs/criteria.md, 'The match rule').",
        )
    )
    records_of: tuple[Name, ...] = Field(
        default=(),
        description=both(
            "Deelnemers van wie de regel naar het aantal records kijkt, als <deelnemer>_records.",
            "Partners of whom the rule looks at the number of records, as <partner>_records.",
        ),
    )
    rationale: Text = Field(description=both("Waarom dat een casus is.", "Why that is a case."))


class Show(Document):
    """What one recipient sees of the others in a case. Nothing that is not named here."""

    signals_of: tuple[Name, ...] = Field(
        default=(),
        description=both("Deelnemers van wie de signalen te zien zijn.", "Partners whose signals are shown."),
    )
    attributes_of: tuple[Name, ...] = Field(
        default=(),
        description=both(
            "Deelnemers van wie te zien is wat er verder meeging.",
            "Partners of whom is shown what else went along.",
        ),
    )


class Release(Document):
    """What leaves the matching environment, and for how long."""

    max_cases: int = Field(
        gt=0,
        le=1_000_000,
        description=both(
            "Hoogstens zoveel casussen; bij meer wordt niets vrijgegeven.",
            "At most so many cases; with more nothing is released.",
        ),
    )
    to: dict[Name, Show] = Field(
        description=both(
            "Voor iedere deelnemer: wat die van de anderen ziet.",
            "For every partner: what it sees of the others.",
        )
    )
    keep_days: int = Field(
        gt=0,
        le=3650,
        description=both(
            "Zoveel dagen na de vrijgave zijn casussen te openen.",
            "For so many days after release cases can be opened.",
        ),
    )
    cosignatures: int = Field(
        default=0,
        ge=0,
        description=both(
            "Zoveel verwerkingsverantwoordelijken ondertekenen eerst het logboek waar de vrijgave in staat; 0: niet wachten.",
            "So many controllers co-sign the log that has the release before it is handed out; 0: no waiting.",
        ),
    )
