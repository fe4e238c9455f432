"""Readers of everything that is told of rounds, who look for small counts in whole numbers: by another model than the program's.

A world is how many people each partner has in each group, by which criteria they meet and which partners sent them. A reader
holds every descriptor's counts, the table, the overview and every total: an outsider, or a partner that knows its own rows and
its cases too. `python -m tests.withheld_readers 1000` tries so many worlds of each kind and says what follows, and what it
costs.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations, product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from handmade import dimension, manifest, selection
from scipy.optimize import Bounds, LinearConstraint, milp

from lsi_match.matcher.round.counts_table import counts_table
from lsi_match.matcher.round.published import published
from lsi_match.monitor.table import CountsTable
from lsi_match.partner.group_counts import group_counts
from lsi_match.protocol.documents import CellCounts
from lsi_match.protocol.group_cells import cell_names

CELLS = ("jong", "oud", "unknown")
#: Of one criterion and the condition of having a signal: both met, only the criterion, only the signal, neither.
PATTERNS = (3, 1, 2, 0)
SMALLEST = 5
SECRET = b"of the trial"

Unknown = tuple[Any, ...]
World = dict[Unknown, int]
Wanted = Callable[[Unknown], bool]


def names(number: int) -> tuple[str, ...]:
    return ("gemeente", "uwv", "svb")[:number]


def unknowns(number: int) -> list[Unknown]:
    """Records that a partner did not send, by partner, pattern and cell; subjects by the partners that sent them."""
    kept = [("kept", p, pattern, cell) for p in range(number) for pattern in PATTERNS[1:] for cell in CELLS]
    groups = [s for size in range(1, number + 1) for s in combinations(range(number), size)]
    return [*kept, *(("sent", s, cell) for s in groups for cell in CELLS)]


class Ends:
    """Between what sums lie, in whole numbers, given rows."""

    def __init__(self, rows: list[tuple[np.ndarray, float, float]]) -> None:
        self._rows = LinearConstraint(*(np.array(part) for part in zip(*rows, strict=True)))
        self._found: list[np.ndarray] = []

    def are_one(self, row: np.ndarray) -> bool:
        """Whether a sum has one value; ways found before are tried first."""
        values = {round(float(row @ one)) for one in self._found}
        for sign in (1, -1):
            if len(values) > 1:
                return False
            whole, most = np.ones(len(row)), Bounds(0, 30_000)
            end = milp(sign * row, constraints=self._rows, integrality=whole, bounds=most)
            assert end.success
            self._found.append(np.round(end.x))
            values.add(round(sign * end.fun))
        return len(values) == 1


@dataclass
class Reader:
    """What one reader has, as rows over the unknowns: each with the least and the most that it can be."""

    number: int
    world: World
    own: int | None = None
    rows: list[tuple[np.ndarray, float, float]] = field(default_factory=list)
    #: What it has without the counts per group: totals, and what is its own.
    anyway: list[tuple[np.ndarray, float, float]] = field(default_factory=list)
    asked: list[tuple[str, np.ndarray]] = field(default_factory=list)

    def row(self, wanted: Wanted) -> np.ndarray:
        return np.array([wanted(name) for name in unknowns(self.number)], float)

    def value(self, row: np.ndarray) -> int:
        return int(row @ np.array(list(self.world.values()), float))

    def told(self, what: str, wanted: Wanted, shown: int | None, slack: int = 0) -> None:
        """A count that is told, or withheld, or (with `slack`) rounded."""
        row = self.row(wanted)
        true = self.value(row)
        if shown is not None:
            assert abs(true - shown) <= slack, what
            self.rows.append((row, max(0, shown - slack), shown + max(0, slack - 1)))
        self.judged(what, row)

    def judged(self, what: str, row: np.ndarray) -> None:
        if 0 < self.value(row) < SMALLEST:
            self.asked.append((what, row))

    def known(self, wanted: Wanted) -> None:
        row = self.row(wanted)
        self.anyway.append((row, self.value(row), self.value(row)))

    def exact(self) -> Iterator[tuple[str, bool]]:
        """The small counts that follow from what is told, and not from what the reader knows anyway; and whether somebody is in
        it whom the reader does not know."""
        everything, anyway = Ends([*self.anyway, *self.rows]), Ends(self.anyway)
        for what, row in self.asked:
            if everything.are_one(row) and not anyway.are_one(row):
                yield f"{what} (reader {self.own})", self.value(row * self.row(self.is_strange)) > 0

    def is_strange(self, name: Unknown) -> bool:
        return name[1] != self.own if name[0] == "kept" else self.own not in name[1]


def in_cell(cell: str | None) -> Wanted:
    return lambda name: cell is None or name[-1] == cell


def reaches(partner: int, first: int, cell: str | None) -> Wanted:
    """The records of a partner that meet the first so many conditions."""
    mask = (1 << first) - 1

    def wanted(name: Unknown) -> bool:
        if not in_cell(cell)(name):
            return False
        if name[0] == "sent":
            return partner in name[1]
        return bool(name[1] == partner and name[2] & mask == mask)

    return wanted


def has_pattern(partner: int, pattern: int, cell: str) -> Wanted:
    return (
        reaches(partner, 2, cell) if pattern == 3 else lambda name: name == ("kept", partner, pattern, cell)
    )


def sent(cell: str | None, at_least: int = 1, together: tuple[int, ...] = ()) -> Wanted:
    return lambda name: (
        name[0] == "sent"
        and in_cell(cell)(name)
        and len(name[1]) >= at_least
        and set(together) <= set(name[1])
    )


def both(*each: Wanted) -> Wanted:
    return lambda name: all(one(name) for one in each)


def but(one: Wanted, less: Wanted) -> Wanted:
    return lambda name: one(name) and not less(name)


#: The stages of the overview; a case is who the first two partners both sent.
STAGES: Mapping[str, Callable[[str | None], Wanted]] = {
    "subjects": sent,
    "matched": lambda cell: sent(cell, at_least=2),
    "cases": lambda cell: sent(cell, together=(0, 1)),
}


@dataclass(frozen=True)
class Documents:
    """Everything that is told of a world."""

    groups: dict[str, Any]
    overview: dict[str, CellCounts]


def documents(number: int, world: World, secret: bytes | None = SECRET) -> Documents:
    """As the program makes them."""
    partners = names(number)
    agreed = manifest({name: [selection()] for name in partners}, dimensions=[dimension()])
    numbers = {name: cell for cell, name in cell_names(agreed.monitor).items()}

    def count(wanted: Wanted) -> int:
        return sum(value for name, value in world.items() if wanted(name))

    descriptors: dict[str, Any] = {}
    for at, name in enumerate(partners):
        met = {
            (pattern, numbers[cell]): found
            for pattern, cell in product(PATTERNS, CELLS)
            if (found := count(has_pattern(at, pattern, cell)))
        }
        groups = group_counts(agreed, agreed.partners[name].selections[0], met, {}, secret)
        totals = [count(reaches(at, first, None)) for first in range(3)]
        its = SimpleNamespace(
            groups=groups,
            read=totals[0],
            after={"lopend": totals[1]},
            with_signal=totals[2],
            written=totals[2],
        )
        descriptors[name] = SimpleNamespace(selections={"lijst": its})
    counted = {stage: {numbers[cell]: count(of(cell)) for cell in CELLS} for stage, of in STAGES.items()}
    for at, name in enumerate(partners):
        counted[f"subjects {name}"] = {numbers[cell]: count(sent(cell, together=(at,))) for cell in CELLS}
    for some in {name[1] for name in world if name[0] == "sent" and {0, 1} <= set(name[1])}:
        title = " ".join(["cases", *sorted(partners[at] for at in some)])
        counted[title] = {numbers[cell]: world["sent", some, cell] for cell in CELLS}
    overview = published(
        agreed.monitor, descriptors, counted, secret, lambda some: {"gemeente", "uwv"} <= some
    )
    table = counts_table(agreed, "r", 1, descriptors, overview, {})
    assert isinstance(table, CountsTable)
    for stage in STAGES:
        its_counts = table.stage(stage).counts
        assert its_counts == {cell: overview[stage][cell] for cell in its_counts}, (
            "the table tells nothing more"
        )
    return Documents({name: one.selections["lijst"].groups for name, one in descriptors.items()}, overview)


def read(number: int, world: World, made: Documents, own: int | None = None) -> Reader:
    """What a reader has: an outsider, or the partner `own`."""
    reader = Reader(number, world, own)
    for at, name in enumerate(names(number)):
        groups = made.groups[name]
        stages = (groups.reference, groups.after["lopend"], groups.with_signal)
        for first, stage in enumerate(stages):
            reader.known(reaches(at, first, None))
            for cell in CELLS:
                reader.told(f"{name} {first} {cell}", reaches(at, first, cell), stage[cell])
                if first:
                    left = but(reaches(at, first - 1, cell), reaches(at, first, cell))
                    reader.judged(f"{name} left {first} {cell}", reader.row(left))
        for pattern, cell in product(PATTERNS, CELLS):
            text = "".join(str(pattern >> bit & 1) for bit in range(2))
            shown = groups.met[text][cell] if text in groups.met else 0
            reader.told(f"{name} {text} {cell}", has_pattern(at, pattern, cell), shown)
    for stage, of in STAGES.items():
        reader.known(of(None))
        for cell in CELLS:
            shown = made.overview[stage][cell]
            reader.told(f"{stage} {cell}", of(cell), shown, SMALLEST if stage == "subjects" else 0)
    for cell in CELLS:
        reader.judged(f"no case {cell}", reader.row(but(sent(cell, at_least=2), STAGES["cases"](cell))))
    if own is not None:
        for cell, pattern in product(CELLS, PATTERNS):
            reader.known(has_pattern(own, pattern, cell))
        for cell in CELLS:
            for name in unknowns(number):  # of each of its cases, who else sent it
                if name[0] == "sent" and own in name[1] and {0, 1} <= set(name[1]) and name[-1] == cell:
                    reader.known(lambda other, name=name: other == name)
    return reader


def follows(number: int, world: World, made: Documents | None = None) -> list[str]:
    """Every small count that follows, for a reader that does not know everybody in it."""
    made = made or documents(number, world)
    readers = [read(number, world, made, own) for own in (None, *range(number))]
    return [what for reader in readers for what, strange in reader.exact() if strange]


def small_world(chance: random.Random, number: int) -> World:
    few = (0, 0, 1, 2, 3, 5, 9, 10, 12, 40, 500)
    return {name: chance.choice(few) for name in unknowns(number)}


def ordinary_world(chance: random.Random, number: int) -> World:
    """Registers of 20,000, some 300 sent, a group of a tenth or more, 0 to 2% unknown."""
    young, unknown = chance.uniform(0.1, 0.4), chance.choice((0, 0.002, 0.02))
    share = {"jong": young * (1 - unknown), "oud": (1 - young) * (1 - unknown), "unknown": unknown}
    found: World = {}
    for name in unknowns(number):
        mean = share[name[-1]] * (
            {1: 300, 2: 3_000, 0: 16_000}[name[2]]
            if name[0] == "kept"
            else {1: 250, 2: 30, 3: 6}[len(name[1])]
        )
        found[name] = max(0, round(chance.gauss(mean, mean**0.5)))
    return found


def trial(kind: Callable[[random.Random, int], World], worlds: int, seed: int = 1) -> Counter[str]:
    """So many worlds: small counts, what follows of them for whom, and how many of the counts are told."""
    chance, found = random.Random(seed), Counter[str]()
    for at in range(worlds):
        number = chance.choice((2, 3))
        world = kind(chance, number)
        made = documents(number, world)
        for own in (None, *range(number)):
            reader = read(number, world, made, own)
            who = "outsider" if own is None else "partner"
            found[f"small counts, {who}"] += len(reader.asked)
            for what, strange in reader.exact():
                found[f"exact, {who}" + (", knows everybody in it" if not strange else "")] += 1
                print(kind.__name__, at, number, what, strange)
        stages = [s for g in made.groups.values() for s in (g.reference, *g.after.values(), g.with_signal)]
        for what, tables in (
            ("stages", stages),
            ("combinations", [s for g in made.groups.values() for s in g.met.values()]),
            ("matches and cases", [made.overview["matched"], made.overview["cases"]]),
        ):
            found[f"{what}: all"] += sum(len(one) for one in tables)
            found[f"{what}: withheld"] += sum(count is None for one in tables for count in one.values())
    return found


if __name__ == "__main__":
    for one in (small_world, ordinary_world):
        print(one.__name__, dict(trial(one, int(sys.argv[1]))))
