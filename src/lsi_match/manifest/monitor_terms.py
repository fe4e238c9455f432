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
    EncryptionKey,
    Name,
    Prose,
    Text,
    no_twins,
)


class Group(Document):
    """A group of a dimension: a record belongs to the first whose predicate is true."""

    id: Name
    when: Text
    label: Text


class Dimension(Document):
    """One way of dividing people into groups that the monitor counts by."""

    id: Name
    label: Text
    role: Literal["protected", "legitimate"] = "protected"
    groups: tuple[Group, ...] = Field(min_length=2, max_length=MAX_CELLS - 2)
    baseline: Name | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Dimension:
        names = [group.id for group in self.groups]
        no_twins("group", names, "groups")
        if UNKNOWN in names:
            raise RuleViolation.because(
                "manifest.reserved_group", "groups", names.index(UNKNOWN), "id", unknown=UNKNOWN
            )
        if self.baseline is not None and self.baseline not in names:
            raise RuleViolation.because("manifest.baseline", "baseline", baseline=self.baseline, id=self.id)
        return self


class Reference(Document):
    """A published table that selections are compared with, in place of each partner's register."""

    source: Text
    counts: dict[str, Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)]]
    sampled: bool = False
    rounded_to: int = Field(default=1, ge=1, le=1000)


class OfficeDimension(Document):
    """Groups of a characteristic that no partner records. It stands under its name in `characteristics`, with the law by which
    a statistics office may count by it."""

    id: Name
    label: Text
    groups: dict[Name, Text] = Field(min_length=2, max_length=50)
    baseline: Name | None = None


class Office(Document):
    """A statistics office: partners and matcher seal to it who reached which stage, and it gives back a rounded table.

    `client` is the controller that brings it what the matcher sealed, and takes the table back. Every number of the table
    is a multiple of `rounded_to`.
    """

    id: Name
    title: Text
    encryption_key: EncryptionKey
    client: Name
    rounded_to: int = Field(default=10, ge=5, le=1000)
    # A column of its table tells the round.
    dimensions: tuple[OfficeDimension, ...] = Field(min_length=1, max_length=MAX_DIMENSIONS - 1)


class Statistics(Document):
    """A partner that selects nobody. Of a whole population it delivers, under the same pseudonyms, in which group somebody is;
    that is joined to count by, and to nothing else. Each dimension stands under its name in `characteristics`."""

    partner: Name
    dimensions: tuple[Dimension, ...] = Field(min_length=1, max_length=MAX_DIMENSIONS - 1)


class Sample(Document):
    """People whom a partner does not select, drawn at random in every round and judged as its cases are: of one in so many, at
    most so many of a partner. They stay with that partner; only counts of outcomes leave."""

    one_in: int = Field(ge=2, le=1_000_000)
    at_most: int = Field(ge=1, le=1000)
    legal_basis: Prose
    rationale: Prose


class Monitor(Document):
    """What is counted per group at every stage, with what it is compared, and when a run is held."""

    dimensions: tuple[Dimension, ...] = Field(default=(), max_length=MAX_DIMENSIONS)
    reference: Literal["register"] | Reference = "register"
    tolerance: float = Field(default=1.25, gt=1, le=10)
    confidence: float = Field(default=0.95, ge=0.8, le=0.999)
    looks: int = Field(default=12, ge=1, le=1000)
    smallest_cell: int = Field(default=10, ge=2, le=1000)
    smallest_combination: int = Field(default=1, ge=1, le=1000)
    hold_on_too_little: bool = False
    office: Office | None = Field(default=None, exclude_if=lambda office: office is None)
    sample: Sample | None = Field(default=None, exclude_if=lambda sample: sample is None)
    statistics: Statistics | None = Field(default=None, exclude_if=lambda statistics: statistics is None)

    @property
    def statistical(self) -> Monitor:
        """The same for the groups of the statistics partner: its dimensions in the place of those of the others."""
        own = self.statistics.dimensions if self.statistics else ()
        return self.model_copy(update={"dimensions": own, "statistics": None, "office": None})

    @property
    def watched(self) -> tuple[str, ...]:
        """The characteristics that a statistics office or partner counts by: nobody is selected by them, and they are data about
        people."""
        sources = (self.office, self.statistics)
        return tuple(one.id for source in sources if source for one in source.dimensions)

    @model_validator(mode="after")
    def _consistent(self) -> Monitor:
        no_twins("dimension", [dimension.id for dimension in self.dimensions], "dimensions")
        if prod(len(dimension.groups) + 1 for dimension in self.dimensions) > MAX_CELLS:
            raise RuleViolation.because("manifest.too_many_cells", "dimensions", max_cells=MAX_CELLS)
        for name, source in (("office", self.office), ("statistics", self.statistics)):
            if source and not self.dimensions:
                raise RuleViolation.because("manifest.counts_alone", name)
            if source and prod(len(one.groups) + 1 for one in source.dimensions) > MAX_CELLS:
                at = (name, "dimensions")
                raise RuleViolation.because("manifest.too_many_cells", *at, max_cells=MAX_CELLS)
        no_twins("dimension", [*(one.id for one in self.dimensions), *self.watched])
        if self.office is not None:
            self._consistent_office(self.office)
        if isinstance(self.reference, Reference):
            cells = {"|".join(cell) for cell in product(*([g.id for g in d.groups] for d in self.dimensions))}
            if self.reference.counts.keys() != cells:
                wanted = ", ".join(sorted(cells))
                raise RuleViolation.because("manifest.reference_counts", "reference", "counts", wanted=wanted)
        return self

    def _consistent_office(self, office: Office) -> None:
        if office.rounded_to < self.smallest_cell:
            raise RuleViolation.because(
                "manifest.office_rounds", "office", "rounded_to", smallest=self.smallest_cell
            )
        for number, one in enumerate(office.dimensions):
            at = ("office", "dimensions", number)
            if UNKNOWN in one.groups:
                raise RuleViolation.because("manifest.reserved_group", *at, "groups", unknown=UNKNOWN)
            if one.baseline is not None and one.baseline not in one.groups:
                raise RuleViolation.because("manifest.baseline", *at, baseline=one.baseline, id=one.id)
