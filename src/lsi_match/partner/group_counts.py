"""The counts of one selection per group, as they leave the partner: small ones withheld, and not to be recovered.

What is withheld, and why it cannot be worked out from the rest:

1. In a stage (the register, after a criterion, with a signal) every count from 1 to one less than the smallest cell.
   Since the total of a stage is known, and that no count is larger than in the stage before, more are withheld beside
   them (`protocol.withhold`). A count that a criterion leaves as it was is told after it as before it, or not at all.
2. The combinations that fail first at the same criterion add up, per cell, to the difference of two stages. Where one
   of these stages withholds the cell, none of the combinations is told.
3. Where both are told, the rule of 1 holds among these combinations as well. One that is alone there is that
   difference, and told as it is: hiding it would only pretend.
4. Of how many it is not known whether they meet a criterion is rounded so coarsely that every small count is told as 0
   (`protocol.withhold.coarse`). A criterion of which nothing would be told but 0 is left out.
"""

from __future__ import annotations

from collections.abc import Mapping

from lsi_match.manifest import Manifest, Selection
from lsi_match.protocol.documents import CellCounts, GroupCounts
from lsi_match.protocol.group_cells import cell_names
from lsi_match.protocol.withhold import coarse, withhold, withhold_stages

#: Combinations times cells; with more of them, no combinations are told.
MOST = 5_000


def group_counts(
    manifest: Manifest,
    selection: Selection,
    met: Mapping[tuple[int, int], int],
    unknown: Mapping[tuple[int, int], int],
) -> GroupCounts | None:
    """The counts of `selection` per group cell; None when it lacks the fields of every dimension.

    Args:
        met, unknown: as `partner.select.Selected` has them, of the whole selection.
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
    stages = withhold_stages([_reaching(met, names, first) for first in range(bits + 1)], smallest)
    return GroupCounts(
        reference=stages[0],
        after={rule.id: stage for rule, stage in zip(selection.criteria, stages[1:], strict=False)},
        with_signal=stages[-1],
        met=_combinations(met, names, stages, bits, smallest) if selection.criteria else {},
        unknown={name: counts for name, counts in coarsely.items() if any(counts.values())},
    )


def _reaching(met: Mapping[tuple[int, int], int], names: Mapping[int, str], first: int) -> dict[str, int]:
    """Cell → records that meet the first so many criteria."""
    found = dict.fromkeys(names.values(), 0)
    for (bits, cell), count in met.items():
        if bits & _all(first) == _all(first):
            found[names[cell]] += count
    return found


def _combinations(
    met: Mapping[tuple[int, int], int],
    names: Mapping[int, str],
    stages: list[CellCounts],
    bits: int,
    smallest: int,
) -> dict[str, CellCounts]:
    patterns = sorted({pattern for pattern, _ in met})
    if len(patterns) * len(names) > MOST:
        return {}
    found: dict[int, CellCounts] = {pattern: dict.fromkeys(names.values()) for pattern in patterns}
    for cell, name in names.items():
        for first in range(bits + 1):
            if any(stage[name] is None for stage in stages[first : first + 2]):
                continue
            alike = {p: met.get((p, cell), 0) for p in patterns if _first_failed(p, bits) == first}
            alone = sum(count > 0 for count in alike.values()) <= 1
            for pattern, count in (alike if alone else withhold(alike, smallest)).items():
                found[pattern][name] = count
    return {f"{pattern:0{bits}b}"[::-1]: counts for pattern, counts in found.items()}


def _first_failed(pattern: int, bits: int) -> int:
    """The first criterion that is not met; `bits` when all are."""
    return next((bit for bit in range(bits) if not pattern >> bit & 1), bits)


def _all(bits: int) -> int:
    return (1 << bits) - 1
