"""What is told per group of the drops of all partners together, so that no small count follows. Pure.

The readers: who holds everything that is told, and each partner, which knows its own records and its cases besides. They
know what each partner told of itself, the totals, and how people add up: a subject of a group is known to some of the partners,
and is a case or not; a group of a selection is what its criteria leave out one after another, and what is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import inf

from lsi_match.manifest import Manifest, Monitor
from lsi_match.protocol.audit import ImpossibleError, Sum, Told
from lsi_match.protocol.documents import CellCounts, DropDescriptor
from lsi_match.protocol.group_cells import by_name, cell_names, is_known, known_cells
from lsi_match.protocol.withhold import coarse, drawn, withheld

REFERENCE, SUBJECTS, MATCHED, CASES = "reference", "subjects", "matched", "cases"
#: What is exact where it is told; the others are coarse.
_EXACT = (MATCHED, CASES)
#: A stage and a group, of the overview; or a selection of a partner, how many of its criteria are met, and a group.
Key = tuple[str, ...]
#: Between the name of a statistics partner and a stage.
_WATCHED = "."


def published(
    monitor: Monitor,
    descriptors: Mapping[str, DropDescriptor],
    counted: Mapping[str, Mapping[int, int]],
    secret: bytes | None = None,
    rule: Callable[[frozenset[str]], bool | None] = lambda _: None,
) -> dict[str, CellCounts]:
    """Stage → cell → count, as far as it can be told beside what every partner told of itself.

    1. `matched` and `cases`: small counts withheld, some by lot.
    2. `subjects` is rounded so coarsely that every small count is told as 0 (`protocol.withhold.coarse`).
    3. As many more withheld as leave each small count open to every reader, of the partners as well.

    Args:
        counted: stage → group cell → count (`Engine.groups`; what `Engine.watched` counts is passed over).
        secret: of the matcher, for the lots.
        rule: whether who is known to these partners is a case; None where that depends on more.
    """
    named = {stage: by_name(monitor, cells) for stage, cells in counted.items() if _WATCHED not in stage}
    try:
        readers = _Readers(monitor, descriptors, named, rule)
        hidden = readers.withheld(secret)
    except ImpossibleError:
        # A subject counts in a group that one of its partners does not know: then what partners told bounds nothing.
        readers = _Readers(monitor, dict.fromkeys(descriptors), named, rule)
        hidden = readers.withheld(secret)
    return {
        stage: _shown(stage, named[stage], hidden, monitor.smallest_cell)
        for stage in (SUBJECTS, MATCHED, CASES)
    }


def statistics(
    manifest: Manifest,
    descriptors: Mapping[str, DropDescriptor],
    counted: Mapping[str, Mapping[int, int]],
    secret: bytes | None = None,
) -> dict[str, CellCounts]:
    """Stage → group of the statistics partner → count, told as in `published`: who was delivered, in all and by selection, is
    coarse, since what selections add up to and what is known to more than one leave each other. Empty without what it
    delivered. There is one reader: no other partner knows anybody's group.

    Args:
        counted: as `Engine.watched`.
    """
    name = manifest.monitor.statistics.partner if manifest.monitor.statistics else ""
    if name not in descriptors:
        return {}
    monitor = manifest.monitor.statistical
    ((_, its),) = descriptors[name].selections.items()
    population = known_cells(its.groups.with_signal) if its.groups else {}
    start = f"{name}{_WATCHED}"
    named = {
        stage.removeprefix(start): by_name(monitor, cells)
        for stage, cells in counted.items()
        if stage.startswith(start)
    }
    smallest, people = monitor.smallest_cell, _People.of(named)
    counts: dict[Key, Told] = {
        (stage, cell): _told(stage, people.of_stage(stage, cell), count, smallest)
        for stage, cells in named.items()
        for cell, count in cells.items()
    }
    judged: dict[Key, Sum] = {("no case", cell): {("shared", cell): 1} for cell in named[MATCHED]}
    most = [Told(people.of_stage(SUBJECTS, c), 0, its) for c, its in population.items() if its is not None]
    lots, known = _lots(counts, secret), [*people.totals(named), *people.parts(named, population)]
    try:
        hidden = withheld(counts, judged, [*known, *most], smallest, lots, _rank)
    except ImpossibleError:  # one person under two numbers is two subjects
        hidden = withheld(counts, judged, known, smallest, lots, _rank)
    found = {f"{start}{stage}": _shown(stage, cells, hidden, smallest) for stage, cells in named.items()}
    return {f"{start}{REFERENCE}": population} | found


@dataclass(frozen=True)
class _People:
    """How people of a group of a statistics partner add up: of each stage which kinds of subject are in it. A selection is a kind
    of its own."""

    kinds: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, named: Mapping[str, Mapping[str, int]]) -> _People:
        if _within(named):
            return cls({SUBJECTS: ("case", "shared", "alone"), MATCHED: ("case", "shared"), CASES: ("case",)})
        return cls(
            {
                SUBJECTS: ("case", "shared", "one", "alone"),
                MATCHED: ("case", "shared"),
                CASES: ("case", "one"),
            }
        )

    def of_stage(self, stage: str, *cells: str) -> dict[Key, int]:
        return {(kind, cell): 1 for kind in self.kinds.get(stage, (stage,)) for cell in cells}

    def totals(self, named: Mapping[str, Mapping[str, int]]) -> Iterator[Told]:
        for stage, cells in named.items():
            yield Told.exactly(self.of_stage(stage, *cells), sum(cells.values()))

    def parts(self, named: Mapping[str, Mapping[str, int]], cells: Collection[str]) -> Iterator[Told]:
        """A selection has no more subjects of a group than there are."""
        for selection in sorted(named.keys() - self.kinds.keys()):
            for cell in cells:
                yield Told(self.of_stage(SUBJECTS, cell) | {(selection, cell): -1}, 0)


def _within(named: Mapping[str, Mapping[str, int]]) -> bool:
    """Whether every case may be of somebody whom two partners know."""
    return all(count <= named[MATCHED][cell] for cell, count in named[CASES].items())


def _told(stage: str, of: Sum, count: int, smallest: int) -> Told:
    """A count as it is told where it is."""
    if stage in _EXACT:
        return Told.exactly(of, count)
    shown = coarse(count, smallest)
    return Told(of, shown - smallest, shown + smallest - 1)


def _shown(stage: str, cells: Mapping[str, int], hidden: Collection[Key], smallest: int) -> CellCounts:
    told = {cell: n if stage in _EXACT else coarse(n, smallest) for cell, n in cells.items()}
    return {cell: None if (stage, cell) in hidden else n for cell, n in told.items()}


def _lots(counts: Mapping[Key, Told], secret: bytes | None) -> set[Key]:
    lines = [{k: told for k, told in counts.items() if k[0] == stage} for stage in _EXACT]
    return set[Key]().union(*(drawn(line, secret) for line in lines))


def _rank(key: Key) -> int:
    """Who is not known is withheld first: they are in no comparison."""
    return is_known(key[-1])


class _Readers:
    """Who reads the overview, and what each knows."""

    def __init__(
        self,
        monitor: Monitor,
        descriptors: Mapping[str, DropDescriptor | None],
        named: Mapping[str, Mapping[str, int]],
        rule: Callable[[frozenset[str]], bool | None],
    ) -> None:
        self._smallest, self._named, self._descriptors = monitor.smallest_cell, named, descriptors
        self._partners, self._cells = list(descriptors), list(cell_names(monitor).values())
        self._selections = list(_Selection.of(descriptors))
        sets = {stage: frozenset(stage.split()[1:]) for stage in named if stage.startswith(f"{CASES} ")}
        self._known_to = {some: named[stage] for stage, some in sets.items()}
        self._kinds = list(self._possible(rule))
        self._known = [*self._totals(), *self._drops()]

    def _possible(
        self, rule: Callable[[frozenset[str]], bool | None]
    ) -> Iterator[tuple[str, frozenset[str]]]:
        """A case or not, and the partners that know somebody: as the rule has it, which everybody knows.

        Of more than five partners, nobody is reckoned with who is known to more than three and not to all, of more than ten to more
        than two, but for the cases that there are: a reader is then taken to know more.
        """
        number = len(self._partners)
        total = {stage: sum(its.values()) for stage, its in self._named.items()}
        within = _within(self._named)
        always = frozenset(self._partners).intersection(*self._known_to)
        sizes = {*range(1, (number if number < 6 else 3 if number < 11 else 2) + 1), number}
        sets = [frozenset(some) for size in sizes for some in combinations(self._partners, size)]
        for some in dict.fromkeys([*sets, *self._known_to]):
            case, alone = rule(some), len(some) == 1
            if case is not False and always <= some and not (within and alone):
                yield CASES, some
            if case is not True and (alone or not within or total[CASES] < total[MATCHED]):
                yield "other", some

    def withheld(self, secret: bytes | None) -> set[Key]:
        """What is withheld for every reader; who is told less may see more of what is left, so all are asked until nothing is
        added."""
        counts: dict[Key, Told] = {
            (s, cell): _told(s, self._sum(s, cell), self._named[s][cell], self._smallest)
            for s in (SUBJECTS, MATCHED, CASES)
            for cell in self._cells
        }
        hidden = _lots(counts, secret)
        settled: dict[str | None, set[Key]] = {reader: set() for reader in (None, *self._partners)}
        while True:
            before = set(hidden)
            for reader in settled:
                known = [*self._known, *self._of_partner(reader)]
                hidden |= withheld(
                    counts, self._judged(reader), known, self._smallest, hidden, _rank, settled[reader]
                )
            if hidden == before:
                return hidden

    def _sum(self, stage: str, cell: str, partner: str | None = None) -> dict[Key, int]:
        """The people of a stage; with `partner`, its own."""
        return {
            (kind, *sorted(some), cell): 1
            for kind, some in self._kinds
            if (stage != CASES or kind == CASES)
            and (stage != MATCHED or len(some) > 1)
            and (partner is None or partner in some)
        }

    def _totals(self) -> Iterator[Told]:
        for stage in (SUBJECTS, MATCHED, CASES):
            of = {one: 1 for cell in self._cells for one in self._sum(stage, cell)}
            yield Told.exactly(of, sum(self._named[stage].values()))

    def _drops(self) -> Iterator[Told]:
        """What every partner told of its selections, and that no more subjects are of it than it sent records."""
        for one in self._selections:
            for at, (stage, total) in enumerate(zip(one.stages, one.totals, strict=True)):
                yield Told.exactly({o: 1 for cell in self._cells for o in one.reaching(at, cell)}, total)
                told = {cell: count for cell, count in stage.items() if count is not None}
                yield from (Told.exactly(one.reaching(at, cell), count) for cell, count in told.items())
            yield from (told for cell in self._cells for told in one.left_out(cell))
        for name, descriptor in self._descriptors.items():
            its = [one for one in self._selections if one.partner == name]
            if descriptor is None or len(its) < len(descriptor.selections):
                continue  # the groups of a selection are not known to it
            whole = len(its) == 1 and its[0].whole
            for cell in self._cells:
                sent: dict[Key, int] = {one.sent(cell): -1 for one in its}
                yield Told(self._sum(SUBJECTS, cell, name) | sent, 0 if whole else -inf, 0)

    def _of_partner(self, name: str | None) -> Iterator[Told]:
        """What this partner knows of its own: how many subjects are its own, and of its cases which others know them."""
        for cell, own in self._named.get(f"{SUBJECTS} {name}", {}).items():
            yield Told.exactly(self._sum(SUBJECTS, cell, name), own)
            for some in (some for kind, some in self._kinds if kind == CASES and name in some):
                yield Told.exactly(
                    {(CASES, *sorted(some), cell): 1}, self._known_to.get(some, {}).get(cell, 0)
                )

    def _judged(self, reader: str | None) -> dict[Key, Sum]:
        """What must not follow besides: who is known to several and in no case, and of other partners what they withheld and what
        a criterion leaves out."""
        found: dict[Key, Sum] = {}
        for cell in self._cells:
            of_cases = self._sum(CASES, cell)
            found["no case", cell] = {one: 1 for one in self._sum(MATCHED, cell) if one not in of_cases}
        for one in self._selections:
            for cell in self._cells if one.partner != reader else ():
                told = [stage[cell] for stage in one.stages]
                for at, count in enumerate(told):
                    if count is None:
                        found["stage", one.id, str(at), cell] = one.reaching(at, cell)
                    if None in told[at : at + 2] and at + 1 < len(told):
                        found["left", one.id, str(at), cell] = {one.left(at, cell): 1}
        return found


@dataclass(frozen=True)
class _Selection:
    """What a partner told of a selection: per stage, the register first, its groups and its total; and whether every record with
    a signal was sent."""

    partner: str
    id: str
    stages: Sequence[CellCounts]
    totals: Sequence[int]
    met: Mapping[str, CellCounts]
    whole: bool

    @classmethod
    def of(cls, descriptors: Mapping[str, DropDescriptor | None]) -> Iterator[_Selection]:
        for name, descriptor in descriptors.items():
            for id_, its in descriptor.selections.items() if descriptor else ():
                if its.groups is not None:
                    stages = [its.groups.reference, *its.groups.after.values(), its.groups.with_signal]
                    totals = [its.read, *its.after.values(), its.with_signal]
                    yield cls(
                        name, f"{name} {id_}", stages, totals, its.groups.met, its.written == its.with_signal
                    )

    def sent(self, cell: str) -> Key:
        return "sent", self.id, cell

    def reaching(self, at: int, cell: str) -> dict[Key, int]:
        """Those of a stage: who is sent, and what each criterion from there on leaves out."""
        left = [self.left(later, cell) for later in range(at, len(self.stages) - 1)]
        return dict.fromkeys([self.sent(cell), *left], 1)

    def left(self, at: int, cell: str) -> Key:
        return f"left {at}", self.id, cell

    def left_out(self, cell: str) -> Iterator[Told]:
        """What the combinations tell of how many each criterion leaves out."""
        for at in range(len(self.stages) - 1) if self.met else ():
            its = [counts[cell] for met, counts in self.met.items() if met.find("0") == at]
            low = sum(count or 0 for count in its)
            yield Told({self.left(at, cell): 1}, low, inf if None in its else low)
