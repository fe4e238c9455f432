"""What is counted per group, with what that is compared, and when a run is held."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Annotated, Literal

from pydantic import Field, model_validator

from lsi_match.base.validation import RuleViolation
from lsi_match.manifest.base import (
    MAX_CELLS,
    MAX_DIMENSIONS,
    UNKNOWN,
    Document,
    Name,
    Text,
    both,
    no_twins,
)


class Group(Document):
    """A group of a dimension: a record belongs to the first whose predicate is true."""

    id: Name = Field(description=both("Korte naam van de groep.", "Short name of the group."))
    when: Text = Field(
        description=both(
            "Voorwaarde; een record telt in de eerste groep die past.",
            "Condition; a record counts in the first group that fits.",
        )
    )
    label: Text = Field(description=both("Hoe de groep in rapporten heet.", "What reports call the group."))


class Dimension(Document):
    """One way of dividing people into groups that the monitor counts by."""

    id: Name = Field(description=both("Korte naam van deze indeling.", "Short name of this dimension."))
    label: Text = Field(
        description=both("Hoe deze indeling in rapporten heet.", "What reports call this dimension.")
    )
    role: Literal["protected", "legitimate"] = Field(
        default="protected",
        description=both(
            "protected: deze groepen worden vergeleken. legitimate: daarbinnen worden de andere vergeleken.",
            "protected: these groups are compared. legitimate: the others are compared within these.",
        ),
    )
    groups: tuple[Group, ...] = Field(
        min_length=2,
        max_length=MAX_CELLS - 2,
        description=both("De groepen, in volgorde.", "The groups, in order."),
    )
    baseline: Name | None = Field(
        default=None,
        description=both(
            "Groep waarmee de andere worden vergeleken; zonder: elke groep met alle andere samen.",
            "Group that the others are compared with; without it: each group with all others together.",
        ),
    )

    @model_validator(mode="after")
    def _consistent(self) -> Dimension:
        names = [group.id for group in self.groups]
        no_twins("group", names)
        if UNKNOWN in names:
            raise RuleViolation(
                f"een groep kan niet '{UNKNOWN}' heten: die naam heeft een eigen betekenis",
                f"a group cannot be called '{UNKNOWN}', which has a meaning of its own",
                "groups",
                names.index(UNKNOWN),
                "id",
            )
        if self.baseline is not None and self.baseline not in names:
            raise RuleViolation(
                f"'{self.baseline}' is geen groep van '{self.id}'",
                f"the baseline '{self.baseline}' is no group of '{self.id}'",
                "baseline",
            )
        return self


class Reference(Document):
    """A published table that selections are compared with, in place of each partner's register."""

    source: Text = Field(description=both("Waar de tabel vandaan komt.", "Where the table is from."))
    counts: dict[str, Annotated[int, Field(ge=0, le=1_000_000_000)]] = Field(
        description=both(
            "Aantal per cel: de groep van iedere indeling, met `|` ertussen.",
            "Count per cell: the group of each dimension, with `|` between.",
        )
    )
    sampled: bool = Field(
        default=False,
        description=both("De aantallen komen uit een steekproef.", "The counts are from a sample."),
    )
    rounded_to: int = Field(
        default=1,
        ge=1,
        le=1000,
        description=both(
            "Eenheid waarop de aantallen zijn afgerond.", "Unit to which the counts are rounded."
        ),
    )


class Monitor(Document):
    """What is counted per group at every stage, with what it is compared, and when a run is held."""

    dimensions: tuple[Dimension, ...] = Field(
        default=(),
        max_length=MAX_DIMENSIONS,
        description=both(
            "Indelingen in groepen waarnaar de monitor kijkt.",
            "The ways of dividing people into groups that the monitor looks at.",
        ),
    )
    reference: Literal["register"] | Reference = Field(
        default="register",
        description=both(
            "Waarmee wordt vergeleken: register (het hele register van de deelnemer) of een gepubliceerde tabel.",
            "What is compared with: register (the partner's whole register) or a published table.",
        ),
    )
    tolerance: float = Field(
        default=1.25,
        gt=1,
        le=10,
        description=both(
            "Verhouding tot waar een verschil wordt aanvaard.", "Ratio up to which a difference is accepted."
        ),
    )
    confidence: float = Field(
        default=0.95,
        ge=0.8,
        le=0.999,
        description=both("Zekerheid van het hele rapport.", "Confidence of the whole report."),
    )
    looks: int = Field(
        default=12,
        ge=1,
        le=1000,
        description=both(
            "Aantal rondes dat samen die zekerheid deelt.", "Rounds that share that confidence."
        ),
    )
    smallest_cell: int = Field(
        default=10,
        ge=2,
        le=1000,
        description=both("Kleinste aantal dat wordt getoond.", "Smallest number that is shown."),
    )
    hold_on_too_little: bool = Field(
        default=False,
        description=both(
            "Ook aanhouden als er te weinig gegevens zijn om iets te zeggen.",
            "Hold as well where there is too little data to say anything.",
        ),
    )

    @model_validator(mode="after")
    def _consistent(self) -> Monitor:
        no_twins("dimension", [dimension.id for dimension in self.dimensions])
        if prod(len(dimension.groups) + 1 for dimension in self.dimensions) > MAX_CELLS:
            raise RuleViolation(
                f"de groepen van alle indelingen, met onbekend erbij, geven meer dan {MAX_CELLS} combinaties",
                f"the groups of all dimensions, with unknown, make more than {MAX_CELLS} combinations",
                "dimensions",
            )
        if isinstance(self.reference, Reference):
            cells = {"|".join(cell) for cell in product(*([g.id for g in d.groups] for d in self.dimensions))}
            if self.reference.counts.keys() != cells:
                wanted = ", ".join(sorted(cells))
                raise RuleViolation(
                    f"de tabel geeft een aantal voor elk van {wanted}",
                    f"the reference gives a count for each of {wanted}",
                    "reference",
                    "counts",
                )
        return self
