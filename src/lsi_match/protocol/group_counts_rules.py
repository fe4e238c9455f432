"""Whether the counts per group that a partner tells can be true: what both sides know of how they add up. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from lsi_match.manifest import Manifest, Selection
from lsi_match.protocol.documents import CellCounts, SelectionCounts
from lsi_match.protocol.group_cells import cell_names
from lsi_match.protocol.withhold import coarse


def add_up(manifest: Manifest, selection: Selection, counts: SelectionCounts) -> bool:
    """Whether the group counts of a selection are there when they must be, and hold together:

    1. Every stage and combination has every cell, and no other; every combination judges every criterion.
    2. A stage adds up to its total; where counts are withheld, the others leave room for them.
    3. No stage has more records in a cell than the stage before: the register comes first.
    4. Where it is told of how many a criterion is unknown, that is of every cell, rounded as agreed, and they can be in the
       register.
    5. The combinations that reach a stage add up to it; where some are withheld, the others are no more than it.
    """
    groups = counts.groups
    if groups is None or not manifest.group_predicates(selection):
        return groups is None and not manifest.group_predicates(selection)
    criteria = [rule.id for rule in selection.criteria]
    if groups.after.keys() != set(criteria) or counts.after.keys() != set(criteria):
        return False
    stages = [groups.reference, *(groups.after[name] for name in criteria), groups.with_signal]
    totals = [counts.read, *(counts.after[name] for name in criteria), counts.with_signal]
    cells = set(cell_names(manifest.monitor_for(selection)).values())
    if any(stage.keys() != cells for stage in (*stages, *groups.met.values())):
        return False
    if not all(_unknown(manifest, its, groups.reference) for its in groups.unknown.values()):
        return False
    if groups.unknown.keys() - set(criteria) or any(its.keys() != cells for its in groups.unknown.values()):
        return False
    if any(len(pattern) != len(criteria) + 1 for pattern in groups.met):
        return False
    return (
        all(_fills(stage, total) for stage, total in zip(stages, totals, strict=True))
        and all(_at_most(later, before) for before, later in pairwise(stages))
        and (not groups.met or all(_made_of(s, groups.met, "1" * n) for n, s in enumerate(stages)))
    )


def _unknown(manifest: Manifest, counts: Mapping[str, int], reference: CellCounts) -> bool:
    smallest = manifest.monitor.smallest_cell
    pairs = ((count, reference[cell]) for cell, count in counts.items() if cell in reference)
    return all(
        count == coarse(count, smallest) and (whole is None or count <= coarse(whole, smallest))
        for count, whole in pairs
    )


def _fills(stage: CellCounts, total: int) -> bool:
    shown = sum(count for count in stage.values() if count is not None)
    return shown <= total if None in stage.values() else shown == total


def _at_most(later: CellCounts, before: CellCounts) -> bool:
    pairs = ((later[cell], before[cell]) for cell in later)
    return all(a is None or b is None or a <= b for a, b in pairs)


def _made_of(stage: CellCounts, met: Mapping[str, CellCounts], reached: str) -> bool:
    parts = [counts for pattern, counts in met.items() if pattern.startswith(reached)]
    for cell, whole in stage.items():
        told = [part[cell] for part in parts]
        shown = sum(count for count in told if count is not None)
        if whole is not None and (shown > whole if None in told else shown != whole):
            return False
    return True
