"""The counts of one selection per group, as they leave the partner: small ones withheld, and not to be recovered.

Withheld are small counts of a stage (the register, after a criterion, with a signal) or of a combination of criteria, some by
lot, and as many more as leave each small count open, and each difference of two stages (`protocol.withhold.withheld`). Of how
many it is not known whether they meet a criterion is rounded so coarsely that every small count is told as 0; a criterion of
which nothing would be told but 0 is left out.
"""

from __future__ import annotations

from collections.abc import Mapping

from lsi_match.manifest import Manifest, Selection
from lsi_match.protocol.audit import Sum, Told
from lsi_match.protocol.documents import GroupCounts
from lsi_match.protocol.group_cells import cell_names, is_known
from lsi_match.protocol.withhold import coarse, drawn, withheld

#: What a count is of: a stage (how many criteria are met), a combination, or what a criterion leaves out; and the group.
Key = tuple[str, int, str]

#: Combinations times cells; with more of them, or without criteria, no combinations are told.
MOST = 5_000


def group_counts(
    manifest: Manifest,
    selection: Selection,
    met: Mapping[tuple[int, int], int],
    unknown: Mapping[tuple[int, int], int],
    secret: bytes | None = None,
) -> GroupCounts | None:
    """The counts of `selection` per group cell; None when it lacks the fields of every dimension.

    Args:
        met, unknown: as `partner.select.Selected` has them, of the whole selection.
        secret: of the partner, by which is drawn what is withheld besides (`protocol.withhold.drawn`); without it, nothing.
    """
    if not manifest.group_predicates(selection):
        return None
    monitor = manifest.monitor_for(selection)
    smallest, names = monitor.smallest_cell, cell_names(monitor)
    bits = len(selection.criteria) + 1
    coarsely = {
        rule.id: {name: coarse(unknown.get((at, cell), 0), smallest) for cell, name in names.items()}
        for at, rule in enumerate(selection.criteria)
    }
    table = _Table(len(selection.criteria) + 1, met, names)
    hidden = table.withheld(coarsely, smallest, secret)
    told = {key: None if key in hidden else int(its.high) for key, its in table.counts.items()}
    stages = [{name: told["stage", first, name] for name in names.values()} for first in range(bits + 1)]
    patterns = dict.fromkeys(pattern for kind, pattern, _ in told if kind == "met")
    return GroupCounts(
        reference=stages[0],
        after={rule.id: stage for rule, stage in zip(selection.criteria, stages[1:], strict=False)},
        with_signal=stages[-1],
        met={
            f"{pattern:0{bits}b}"[::-1]: {name: told["met", pattern, name] for name in names.values()}
            for pattern in patterns
        },
        unknown={name: counts for name, counts in coarsely.items() if any(counts.values())},
    )


class _Table:
    """The counts of one selection: of each stage, and of each combination of criteria (`met`), per group.

    Unknown is of how many records of a group each combination holds. What a criterion leaves out is judged as well.
    """

    def __init__(self, bits: int, met: Mapping[tuple[int, int], int], names: Mapping[int, str]) -> None:
        self._names, self._bits = list(names.values()), bits
        self._patterns = sorted({pattern for pattern, _ in met})
        self._met = {(p, name): met.get((p, cell), 0) for p in self._patterns for cell, name in names.items()}
        sums: dict[Key, Sum] = {
            ("stage", first, name): self._reaching(first, name)
            for first in range(bits + 1)
            for name in self._names
        }
        if bits > 1 and len(self._met) <= MOST:
            sums |= {("met", pattern, name): {(pattern, name): 1} for pattern, name in self._met}
        self.counts = {key: self._told(of) for key, of in sums.items()}

    def _told(self, of: Sum) -> Told:
        return Told.exactly(of, sum(self._met[one] for one in of))

    def withheld(
        self, unknown: Mapping[str, Mapping[str, int]], smallest: int, secret: bytes | None
    ) -> set[Key]:
        """What is not told, beside the total of each stage and of how many of a group criteria are `unknown`."""
        stages = range(self._bits + 1)
        known = [self._told({o: 1 for n in self._names for o in self._reaching(at, n)}) for at in stages]
        for bit, counts in enumerate(unknown.values()):
            for name, count in counts.items():
                failing = {(pattern, name): 1 for pattern in self._patterns if not pattern >> bit & 1}
                known.append(Told(failing, count - smallest))
        left_out = {("left", bit, n): self._failing(bit, n) for bit in range(self._bits) for n in self._names}
        # By stage: what is told of a register does not depend on what is selected of it.
        lines = [("stage", at) for at in stages] + [("met", pattern) for pattern in self._patterns]
        lots = [
            drawn({k: told for k, told in self.counts.items() if k[:2] == line}, secret) for line in lines
        ]
        return withheld(self.counts, left_out, known, smallest, set[Key]().union(*lots), self._rank)

    def _reaching(self, first: int, name: str) -> Sum:
        """The records of a group that meet the first so many criteria."""
        return {(p, name): 1 for p in self._patterns if p & _all(first) == _all(first)}

    def _failing(self, bit: int, name: str) -> Sum:
        """Those that meet all criteria before this one and not this one."""
        return {(p, name): 1 for p in self._patterns if _first_failed(p, self._bits) == bit}

    def _rank(self, key: Key) -> int:
        """What is withheld first: who is not known, as they are in no comparison; combinations; stages in the middle."""
        kind, at, name = key
        return 0 if not is_known(name) else 1 if kind == "met" else 2 if 0 < at < self._bits else 3


def _first_failed(pattern: int, bits: int) -> int:
    """The first criterion that is not met; `bits` when all are."""
    return next((bit for bit in range(bits) if not pattern >> bit & 1), bits)


def _all(bits: int) -> int:
    return (1 << bits) - 1
