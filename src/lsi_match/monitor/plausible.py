"""Counts that cannot be: more people after a step than before it, and a row of totals among the groups. Pure.

A table of a file is refused for these; in a round they make a finding `impossible`, since a run has to end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lsi_match.base.errors import problem
from lsi_match.monitor.table import SEPARATOR, CountsTable, Stage

#: How a row is called that adds up the others.
_TOTALS = {
    "totaal",
    "total",
    "subtotaal",
    "subtotal",
    "alle",
    "allen",
    "all",
    "som",
    "sum",
    "samen",
    "eindtotaal",
}
#: After which stage a stage without `against` comes.
_PART_OF = {"appealed": "grounded", "appeal_upheld": "appealed"}


@dataclass(frozen=True)
class Implausible:
    """What is wrong with one cell of one stage, in Dutch and English; `stage` is None where the group itself is wrong."""

    cell: str
    stage: str | None
    nl: str
    en: str


def implausible(table: CountsTable) -> Iterator[Implausible]:
    """Everything in the table that cannot be, in its order."""
    yield from _totals(table)
    for stage in table.stages:
        for before in _before(table, stage):
            pairs = [(stage.counts, before.counts)]
            pairs += [
                (stage.margins[name], before.margins[name])
                for name in stage.margins
                if name in before.margins
            ]
            for here, there in pairs:
                for cell, count in here.items():
                    yield from _more(stage, before, cell, count, there.get(cell))


def _before(table: CountsTable, stage: Stage) -> Iterator[Stage]:
    """The stages of which this one is a part."""
    for name in stage.against:
        before = table.stage(name)
        if not before.sampled and not stage.sampled:
            yield before
    if not stage.against:
        yield from (one for one in table.stages if one.kind == _PART_OF.get(stage.kind))


def _more(
    stage: Stage, before: Stage, cell: str, count: int | None, there: int | None
) -> Iterator[Implausible]:
    if count is None or there is None:
        return
    if count - stage.rounded_to // 2 > there + before.rounded_to // 2:
        yield Implausible(
            cell,
            stage.id,
            *problem(
                "monitor.more_than_before", count=count, stage=stage.label, there=there, before=before.label
            ),
        )


def _totals(table: CountsTable) -> Iterator[Implausible]:
    cells = list(dict.fromkeys(cell for stage in table.stages for cell in stage.counts))
    for cell in cells:
        named = any(group.strip().lower() in _TOTALS for group in cell.split(SEPARATOR))
        if named or _adds_up(table, cell, cells):
            yield Implausible(cell, None, *problem("monitor.row_of_totals"))


def _adds_up(table: CountsTable, cell: str, cells: list[str]) -> bool:
    """Whether it is the sum of all other rows at every stage, as far as counts are told."""
    told = 0
    for stage in table.stages:
        if cell not in stage.counts:
            return False
        others = [stage.counts.get(other) for other in cells if other != cell]
        own, known = stage.counts[cell], [count for count in others if count is not None]
        if own is None or len(known) < len(others):
            continue
        if len(known) < 2 or abs(own - sum(known)) > stage.rounded_to // 2 * len(cells):
            return False
        told += own > 0
    return told >= 2
