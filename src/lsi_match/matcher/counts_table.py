"""The counts of a run as the one document that the monitor reads. Pure: the same drops give the same table.

Per selection: the register → after each criterion → with a signal, as the partner told it (`partner.group_counts`).
Then of the subjects of all drops together: delivered → known to two partners or more → a case, as the engine counted
them. Where the manifest names a published table, everything is compared with that; otherwise each selection with its
own register, and matches and cases with what was delivered: no register holds the subjects of all partners.

Where a dimension is unknown of a record, the record is in no comparison: whether something is known depends on which
partners have a record, and so on the match.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lsi_match.monitor.table import (
    ARE_CASES,
    DELIVERED,
    KNOWN_TO_MORE,
    SEPARATOR,
    WITH_SIGNAL,
    Combinations,
    CountsTable,
    Dimension,
    Stage,
)
from lsi_match.protocol.cells import by_name
from lsi_match.protocol.documents import CellCounts, DropDescriptor, GroupCounts
from lsi_match.protocol.manifest import UNKNOWN, Manifest, Monitor, Reference, Selection
from lsi_match.protocol.withhold import withhold

REFERENCE, SUBJECTS, MATCHED, CASES = "reference", "subjects", "matched", "cases"
#: How the condition of having a signal is called among the criteria; no criterion can have this name.
SIGNAL = "(signaal)"


def counts_table(
    manifest: Manifest,
    round_id: str,
    look: int,
    descriptors: Mapping[str, DropDescriptor],
    subjects: Mapping[str, Mapping[int, int]],
) -> CountsTable | None:
    """The table of one round; None when the manifest has no dimensions.

    Args:
        look: which round of the project this is, counted from 1.
        descriptors: partner → what it said of its drop.
        subjects: `subjects`, `matched` and `cases` → group cell → count (`Engine.group_counts`).
    """
    monitor = manifest.monitor
    if not monitor.dimensions:
        return None
    stages: list[Stage] = []
    combinations: list[Combinations] = []
    first: tuple[str, ...] = ()
    if isinstance(monitor.reference, Reference):
        first = (REFERENCE,)
        stages.append(_published(monitor.reference))
    for partner, descriptor in sorted(descriptors.items()):
        for selection in manifest.partners[partner].selections:
            groups = descriptor.selections[selection.id].groups
            if groups is not None:
                label = f"{partner}, {selection.source}"
                stages += _of_selection(partner, label, selection, groups, first)
                combinations += _met(partner, selection, groups)
    stages += _of_subjects(monitor, subjects, first)
    return CountsTable(
        title=f"{manifest.project.title}, {round_id}",
        dimensions=tuple(_dimension(d.id, monitor) for d in monitor.dimensions),
        stages=tuple(stages),
        combinations=tuple(combinations),
        tolerance=monitor.tolerance,
        confidence=monitor.confidence,
        smallest_cell=monitor.smallest_cell,
        # After so many rounds as the manifest names a new series begins.
        look=(look - 1) % monitor.looks + 1,
        looks=monitor.looks,
        source=f"{manifest.project.id} {round_id}, manifest {manifest.digest}",
    )


def _dimension(name: str, monitor: Monitor) -> Dimension:
    found = next(dimension for dimension in monitor.dimensions if dimension.id == name)
    return Dimension(
        id=found.id,
        label=found.label,
        role=found.role,
        groups={group.id: group.label for group in found.groups},
        baseline=found.baseline,
    )


def known_cells(counts: CellCounts) -> CellCounts:
    """Those cells of which every dimension is known."""
    return {cell: count for cell, count in counts.items() if UNKNOWN not in cell.split(SEPARATOR)}


def _published(reference: Reference) -> Stage:
    return Stage(
        id=REFERENCE,
        label=reference.source,
        kind="reference",
        counts=dict(reference.counts),
        sampled=reference.sampled,
        rounded_to=reference.rounded_to,
    )


def _of_selection(
    partner: str, label: str, selection: Selection, groups: GroupCounts, first: tuple[str, ...]
) -> Iterator[Stage]:
    register = f"{partner}.{selection.id}"
    where = {"partner": partner, "selection": selection.id}
    yield Stage(
        id=register,
        label=label,
        kind="reference",
        counts=known_cells(groups.reference),
        against=first,
        **where,
    )
    before = register
    for rule in selection.criteria:
        name = f"{register}.{rule.id}"
        yield Stage(
            id=name,
            label=f"{label}: {rule.id}",
            kind="criterion",
            counts=known_cells(groups.after[rule.id]),
            against=_against(*first, register, before),
            criterion=rule.id,
            **where,
        )
        before = name
    yield Stage(
        id=f"{register}.{SIGNAL}",
        label=f"{label}: {WITH_SIGNAL[0]}",
        kind="selection",
        counts=known_cells(groups.with_signal),
        against=_against(*first, register, before),
        **where,
    )


def _against(*stages: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(stages))


def _met(partner: str, selection: Selection, groups: GroupCounts) -> Iterator[Combinations]:
    if groups.met:
        yield Combinations(
            partner=partner,
            selection=selection.id,
            start=f"{partner}.{selection.id}",
            criteria=(*(rule.id for rule in selection.criteria), SIGNAL),
            met={pattern: known_cells(counts) for pattern, counts in groups.met.items()},
        )


def _of_subjects(
    monitor: Monitor, subjects: Mapping[str, Mapping[int, int]], first: tuple[str, ...]
) -> Iterator[Stage]:
    counts = {
        stage: known_cells(withhold(by_name(monitor, cells), monitor.smallest_cell))
        for stage, cells in subjects.items()
        if stage in (SUBJECTS, MATCHED, CASES)
    }
    yield Stage(id=SUBJECTS, label=DELIVERED[0], kind="reference", counts=counts[SUBJECTS], against=first)
    yield Stage(
        id=MATCHED,
        label=KNOWN_TO_MORE[0],
        kind="match",
        counts=counts[MATCHED],
        against=(*first, SUBJECTS),
    )
    # A match rule may make a case of a subject of one partner; then cases are no part of the matches.
    within = all(n <= subjects[MATCHED].get(cell, 0) for cell, n in subjects[CASES].items())
    yield Stage(
        id=CASES,
        label=ARE_CASES[0],
        kind="case",
        counts=counts[CASES],
        against=(*first, SUBJECTS, *((MATCHED,) if within else ())),
    )
