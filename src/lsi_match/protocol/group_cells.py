"""Group cells: one group of every dimension of the monitor as one byte, and under one name.

A dimension with n groups has n + 1 places: its groups from 0 on, and n for unknown. A cell is the number that these
places write in mixed radix, the first dimension first; its name is the groups with `|` between them. The cell in
which every dimension is unknown is written 255, whatever the dimensions, so that a party that knows nothing of them
can write it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from math import prod

from lsi_match.manifest import UNKNOWN, UNKNOWN_GROUP, Monitor

SEPARATOR = "|"


def place_counts(monitor: Monitor) -> list[int]:
    """Per dimension how many places it has, unknown included."""
    return [len(dimension.groups) + 1 for dimension in monitor.dimensions]


def strides(monitor: Monitor) -> list[int]:
    """Per dimension what one place counts for in a cell."""
    found = place_counts(monitor)
    return [prod(found[i + 1 :]) for i in range(len(found))]


def nothing_known(monitor: Monitor) -> int:
    """The number of the cell in which every dimension is unknown, before it is written as 255."""
    return prod(place_counts(monitor)) - 1


def cell_names(monitor: Monitor) -> dict[int, str]:
    """Every cell that may be written → its name."""
    groups = ([*(group.id for group in dimension.groups), UNKNOWN] for dimension in monitor.dimensions)
    names = [SEPARATOR.join(cell) for cell in product(*groups)]
    return {
        UNKNOWN_GROUP if number == nothing_known(monitor) else number: name
        for number, name in enumerate(names)
    }


def is_known(name: str) -> bool:
    """Whether every dimension is known in a cell; the others are in no comparison."""
    return UNKNOWN not in name.split(SEPARATOR)


def by_name(monitor: Monitor, counts: Mapping[int, int]) -> dict[str, int]:
    """Counts per cell under their names, zero where a cell is absent."""
    return {name: counts.get(number, 0) for number, name in cell_names(monitor).items()}


def first_known_cell(monitor: Monitor, cells: Iterable[int]) -> int:
    """One cell for several records: in every dimension the first group that any of them knows."""
    each = place_counts(monitor)
    found = [many - 1 for many in each]
    for cell in cells:
        number = nothing_known(monitor) if cell == UNKNOWN_GROUP else cell
        own = [number // stride % many for stride, many in zip(strides(monitor), each, strict=True)]
        found = [min(pair) for pair in zip(found, own, strict=True)]
    number = sum(place * stride for place, stride in zip(found, strides(monitor), strict=True))
    return UNKNOWN_GROUP if number == nothing_known(monitor) else number


def cell_sql(monitor: Monitor, place_of: Iterable[str]) -> str:
    """An SQL expression for a cell, from one for the place in each dimension."""
    terms = [f"({place}) * {stride}" for place, stride in zip(place_of, strides(monitor), strict=True)]
    whole = " + ".join(terms) or "0"
    return f"(CASE {whole} WHEN {nothing_known(monitor)} THEN {UNKNOWN_GROUP} ELSE {whole} END)::UTINYINT"


def place_sql(monitor: Monitor, dimension: int, cell: str) -> str:
    """An SQL expression for the place in a dimension, from one for a cell."""
    number = f"(CASE {cell} WHEN {UNKNOWN_GROUP} THEN {nothing_known(monitor)} ELSE {cell} END)"
    return f"({number} // {strides(monitor)[dimension]}) % {place_counts(monitor)[dimension]}"


def known_cells(counts: Mapping[str, int | None]) -> dict[str, int | None]:
    """Those cells of which every dimension is known."""
    return {cell: count for cell, count in counts.items() if is_known(cell)}
