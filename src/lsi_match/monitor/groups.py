"""Counts of groups, read from a table: one protected dimension, or two crossed, each group beside the others.

A withheld count lies between zero and the least count of the same cell in a stage that this one is compared with; a
rounded one within half a unit. Neither is ever read as the number that is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

from lsi_match.monitor.intervals import CountRange
from lsi_match.monitor.table import SEPARATOR, CountsTable, Stage

#: The group of those of whom it is not known. It is compared with all who are known, and is never among the others.
UNKNOWN = "unknown"
ALL_OTHERS = "others"
TIMES = " × "

#: The group of the view, the cell, and its count.
_Row = tuple[str, str, int | None]


class View:
    """One protected dimension, or two crossed: which groups there are, and which each is compared with."""

    def __init__(
        self,
        table: CountsTable,
        name: str,
        groups: tuple[str, ...],
        baseline: str | None,
        of: Callable[[str], str],
        counted_by: str | None = None,
    ) -> None:
        self.name = name
        self.counted_by = counted_by
        self.groups = tuple(group for group in groups if group != baseline)
        self.baseline = baseline
        self._table = table
        self._of = of

    @property
    def crossed(self) -> bool:
        return TIMES in self.name

    @property
    def every(self) -> tuple[str, ...]:
        """Its groups, the baseline first."""
        return (*((self.baseline,) if self.baseline else ()), *self.groups)

    @property
    def others(self) -> str:
        return self.baseline or ALL_OTHERS

    def is_group(self, group: str) -> Callable[[str], bool]:
        """Whether a group of this view is the one compared."""
        return lambda its: its == group

    def is_other(self, group: str) -> Callable[[str], bool]:
        """Whether it is one that `group` is compared with."""
        if self.baseline:
            return lambda its: its == self.baseline
        return lambda its: its != group and not _is_unknown(its)

    def is_compared(self, group: str) -> Callable[[str], bool]:
        """Whether it counts in the total that the share of `group` is of."""
        return lambda its: its == group or not _is_unknown(its)

    @property
    def has_unknown(self) -> bool:
        """Whether there are people of whom it is not known, as a group of their own."""
        return UNKNOWN in self.groups

    def count(self, stage: Stage, wanted: Callable[[str], bool] = lambda group: True) -> CountRange | None:
        """How many of the stage are in the wanted groups; None when the stage does not tell, or without a bound."""
        return self._sum(stage, [row for row in self._rows(stage) if wanted(row[0])], self._rows)

    def count_where(
        self, stage: Stage, wanted: Callable[[str], bool], where: Callable[[str], bool]
    ) -> CountRange | None:
        """The same, of cells for which `where` holds: from the cells only, whatever the margins."""
        rows = [row for row in self._cells(stage) if wanted(row[0]) and where(row[1])]
        return self._sum(stage, rows, self._cells) if stage.counts else None

    def _rows(self, stage: Stage) -> list[_Row]:
        if self.name in stage.margins:
            return [(group, group, count) for group, count in stage.margins[self.name].items()]
        return self._cells(stage)

    def _cells(self, stage: Stage) -> list[_Row]:
        return [(self._of(cell), cell, count) for cell, count in stage.counts.items()]

    def _sum(self, stage: Stage, rows: list[_Row], read: Callable[[Stage], list[_Row]]) -> CountRange | None:
        if not read(stage):
            return None
        shown_count = CountRange(0, 0, 0)
        for _, cell, count in rows:
            one = self._one(stage, cell, count, read)
            if one is None:
                return None
            shown_count += one
        return shown_count

    def _one(
        self, stage: Stage, cell: str, count: int | None, read: Callable[[Stage], list[_Row]]
    ) -> CountRange | None:
        if count is not None:
            slack = stage.rounded_to // 2
            return CountRange(max(0, count - slack), count + slack, count)
        before = [self._table.stage(name) for name in stage.against]
        bounds = [self._one(one, its, n, read) for one in before for _, its, n in read(one) if its == cell]
        known = [bound.high for bound in bounds if bound is not None]
        if stage.total is not None:
            known.append(max(0, stage.total - sum(n for n in stage.counts.values() if n is not None)))
        return CountRange(0, min(known), None) if known else None


def views(table: CountsTable) -> Iterator[View]:
    """Every protected dimension, then every two of them crossed where there are enough people for it; of each who counts by
    itself, as far as it did."""
    for source in dict.fromkeys(stage.counted_by for stage in table.stages):
        own = enumerate(table.dimensions_of(source))
        protected = [(at, one) for at, one in own if one.role == "protected"]
        for at, dimension in protected:
            yield View(table, dimension.id, tuple(dimension.groups), dimension.baseline, _reader(at), source)
        for (at, first), (other_at, second) in combinations(protected, 2):
            crossed = tuple(
                f"{a}{SEPARATOR}{b}"
                for a in first.groups
                for b in second.groups
                if UNKNOWN not in (a, b) and _large_enough(table, source, {at: a, other_at: b})
            )
            if crossed:
                name = f"{first.id}{TIMES}{second.id}"
                yield View(table, name, crossed, None, _reader(at, other_at), source)


def shown_count(count: CountRange | None) -> int | None:
    """The number to show; None where part of it was withheld."""
    return None if count is None else count.told


def over(top: float | None, bottom: float | None) -> float | None:
    """The one over the other; None where either is not told, or the lower is zero."""
    return None if top is None or not bottom else top / bottom


def _is_unknown(group: str) -> bool:
    return UNKNOWN in group.split(SEPARATOR)


def _reader(*positions: int) -> Callable[[str], str]:
    def groups_of(cell: str) -> str:
        parts = cell.split(SEPARATOR)
        return SEPARATOR.join(parts[at] for at in positions)

    return groups_of


def _large_enough(table: CountsTable, source: str | None, groups: dict[int, str]) -> bool:
    """Whether the reference holds enough of a crossed group to be told apart from a person."""
    stage = next(one for one in table.stages if one.counted_by == source)
    cells = [cell for cell in stage.counts if all(cell.split(SEPARATOR)[at] == g for at, g in groups.items())]
    counts = [stage.counts[cell] for cell in cells]
    return None not in counts and sum(count or 0 for count in counts) >= 10 * table.smallest_cell
