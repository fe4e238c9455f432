"""The one document that the monitor reads: counts per group, stage by stage, and never a person.

A *cell* is one group of every dimension, written `"tot_27"` with one dimension and `"tot_27|bijstand"` with two, in
the order of `dimensions`. A *stage* holds the count of every cell at one moment: the reference population, after a
criterion, in the selection, in the match, in the cases, in an outcome. `None` is a count that was withheld; it is
never read as zero.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lsi_match.base.validation import Closed, RuleViolation

SEPARATOR = "|"
Count = Annotated[int, Field(ge=0)]
StageKind = Literal[
    "reference",
    "criterion",
    "selection",
    "match",
    "case",
    "grounded",
    "not_grounded",
    "outcome_unknown",
    "sample_grounded",
    "sample_not_grounded",
    "sample_outcome_unknown",
    "appealed",
    "appeal_upheld",
    "value",
    "missing",
]
#: What a step does to whoever gets through it.
Direction = Literal["burden", "benefit"]


class Dimension(Closed):
    """One way of dividing people into groups.

    `role` says what the groups are: `protected` groups are compared with each other; a `legitimate` one (a kind of
    benefit, a risk class) is what the comparison may be conditioned on. `baseline` is the group that ratios between
    groups are taken against; without one, every group is compared with all others together. `counted_by` names the
    statistics office that counts by it; without one it is who made the table.
    """

    id: str
    label: str
    role: Literal["protected", "legitimate"] = "protected"
    groups: dict[str, str]
    baseline: str | None = None
    counted_by: str | None = Field(default=None, exclude_if=lambda office: office is None)


class Stage(Closed):
    """The counts of one moment.

    `against` names the stages it is compared with: the first is the reference, any others come before it in the
    process. `sampled` says that the counts are themselves a sample of the population, so that they carry their own
    uncertainty. `rounded_to` is the unit the counts were rounded to before publication (1: not rounded).

    A stage of kind `value` is no step: it counts who has one value (its `label`) of what a `criterion` looks at, so
    that one sees in which values a group is concentrated. `appealed` counts who appealed against a decision that was
    `grounded`, `appeal_upheld` those of them who were proved right, wholly or in part.

    The kinds that begin with `sample_` count the same of people who were drawn at random among those who were not selected.

    A stage of kind `missing` is no step either: it counts of whom it is not known what a `criterion` looks at, within the
    first stage that it stands `against`. Who has no known value cannot be hit by the criterion.

    `direction` says what getting through means for people: a `burden` (chosen for a check) or a `benefit` (admitted,
    granted). It decides who is harmed by a difference.

    `margins` are totals that were published per group of one dimension: dimension → group → count. They take the
    place of the sum of the cells, which rounding makes less exact, or of cells that were never published.

    `total` is how many there are in all, where that is told beside cells that are withheld.

    A stage has cells of the dimensions that are `counted_by` the same as it is, and tells nothing of others.
    """

    id: str
    label: str
    kind: StageKind
    counts: dict[str, Count | None] = Field(default={})
    margins: dict[str, dict[str, Count | None]] = Field(default={})
    total: Count | None = Field(default=None, exclude_if=lambda total: total is None)
    against: tuple[str, ...] = ()
    partner: str | None = None
    selection: str | None = None
    criterion: str | None = None
    sampled: bool = False
    rounded_to: int = Field(default=1, ge=1)
    direction: Direction = "burden"
    counted_by: str | None = Field(default=None, exclude_if=lambda office: office is None)


class Combinations(Closed):
    """How many of stage `start` met which criteria of one selection: the raw material of attribution.

    `met` maps a pattern with one `1` or `0` per criterion, in the order of `criteria`, to the counts per cell.
    A withheld count is `None`.
    """

    partner: str
    selection: str
    start: str
    criteria: tuple[str, ...]
    met: dict[str, dict[str, Count | None]]


class CountsTable(Closed):
    """Everything one analysis needs.

    `tolerance` is the ratio up to which a difference is accepted: 1.25 accepts ratios from 0.8 to 1.25. `confidence`
    is the level for the whole report, shared by all its comparisons and by `looks` runs, of which this is number
    `look`.
    """

    format: Literal["lsi-match/monitor-counts/v1"] = "lsi-match/monitor-counts/v1"
    title: str
    dimensions: tuple[Dimension, ...] = Field(min_length=1, max_length=8)
    stages: tuple[Stage, ...] = Field(min_length=2)
    combinations: tuple[Combinations, ...] = ()
    tolerance: float = Field(default=1.25, gt=1, le=10)
    confidence: float = Field(default=0.95, ge=0.8, lt=1)
    smallest_cell: int = Field(default=10, ge=1)
    look: int = Field(default=1, ge=1)
    looks: int = Field(default=1, ge=1)
    source: str | None = None
    #: Partner → how many cases there would be fewer without what it delivered, rounded; None where that is a small count.
    cases_fewer: dict[str, Count | None] = Field(default={}, exclude_if=lambda counts: not counts)

    @model_validator(mode="after")
    def _consistent(self) -> CountsTable:
        seen: set[str] = set()
        for stage in self.stages:
            if stage.id in seen:
                raise RuleViolation.because("monitor.stage_twice", id=stage.id)
            if missing := set(stage.against) - seen:
                others = ", ".join(sorted(missing))
                raise RuleViolation.because("monitor.against_later", id=stage.id, others=others)
            seen.add(stage.id)
            for cell in stage.counts:
                self._check_cell(stage, cell)
            self._check_margins(stage)
        if self.look > self.looks:
            raise RuleViolation.because("monitor.looks", look=self.look, looks=self.looks)
        return self

    def _check_margins(self, stage: Stage) -> None:
        if not stage.counts and not stage.margins:
            raise RuleViolation.because("monitor.no_counts", id=stage.id)
        if stage.kind in ("value", "missing") and stage.criterion is None:
            raise RuleViolation.because("monitor.no_criterion", id=stage.id)
        known = {dimension.id: dimension.groups.keys() for dimension in self.dimensions}
        for name, margin in stage.margins.items():
            if margin.keys() != known.get(name):
                raise RuleViolation.because("monitor.margins", id=stage.id, name=name)

    def stage(self, name: str) -> Stage:
        """The stage with this id."""
        return next(stage for stage in self.stages if stage.id == name)

    def dimensions_of(self, counted_by: str | None) -> list[Dimension]:
        """Those that are counted by the same, in the order of the groups of a cell."""
        return [one for one in self.dimensions if one.counted_by == counted_by]

    @property
    def awaited(self) -> list[Dimension]:
        """Those that nobody counted by yet."""
        told = {stage.counted_by for stage in self.stages}
        return [one for one in self.dimensions if one.counted_by not in told]

    def _check_cell(self, stage: Stage, cell: str) -> None:
        groups, own = cell.split(SEPARATOR), self.dimensions_of(stage.counted_by)
        if len(groups) != len(own) or any(
            group not in one.groups for group, one in zip(groups, own, strict=True)
        ):
            raise RuleViolation.because("monitor.unknown_cell", stage=stage.id, cell=cell)
