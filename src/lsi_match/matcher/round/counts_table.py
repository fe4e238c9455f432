"""The counts of a run as the one document that the monitor reads. Pure: the same drops give the same table.

Per selection: the register → after each criterion → with a signal, as the partner told it (`partner.group_counts`).
Then of the subjects of all drops together: delivered → known to two partners or more → a case, as the engine counted
them. Where the manifest names a published table, everything is compared with that; otherwise each selection with its
own register, and matches and cases with what was delivered: no register holds the subjects of all partners.

What is told of the drops of all partners together must not give away what one of them withheld: see `round.published`.

Where a dimension is unknown of a record, the record is in no comparison: whether something is known depends on which
partners have a record, and so on the match.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lsi_match.base.catalogue import word
from lsi_match.manifest import UNKNOWN, Manifest, Monitor, Office, Reference, Selection
from lsi_match.manifest import Dimension as Agreed
from lsi_match.matcher.round.published import CASES, MATCHED, REFERENCE, SUBJECTS
from lsi_match.monitor.table import (
    SEPARATOR,
    Combinations,
    CountsTable,
    Dimension,
    Stage,
    StageKind,
)
from lsi_match.protocol.documents import CellCounts, DropDescriptor, GroupCounts, OfficeCounts
from lsi_match.protocol.group_cells import known_cells
from lsi_match.protocol.office import CASE, REGISTER, SIGNAL, columns_of, counted_selections, stage_of
from lsi_match.protocol.withhold import blur


def counts_table(
    manifest: Manifest,
    round_id: str,
    look: int,
    descriptors: Mapping[str, DropDescriptor],
    subjects: Mapping[str, CellCounts],
    fewer: Mapping[str, int],
    counted: OfficeCounts | None = None,
) -> CountsTable | None:
    """The table of one round; None when the manifest has no dimensions.

    Args:
        look: which round of the project this is, counted from 1.
        descriptors: partner → what it said of its drop.
        subjects: what `published` tells of `subjects`, `matched` and `cases`.
        fewer: partner → how many cases there would be fewer without what it delivered.
        counted: what a statistics office counted.
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
        if partner not in manifest.selecting:
            continue
        for selection in manifest.partners[partner].selections:
            groups = descriptor.selections[selection.id].groups
            if groups is not None:
                label = f"{partner}, {selection.source}"
                stages += _of_selection(partner, label, selection, groups, first)
                stages += _unknown(partner, label, selection, groups, monitor.smallest_cell)
                combinations += _met(partner, selection, groups)
    stages += _of_subjects(monitor, subjects, first)
    dimensions = [_dimension(one) for one in monitor.dimensions]
    if monitor.office is not None:
        dimensions += office_dimensions(monitor.office, counted)
        stages += office_stages(manifest, monitor.office, counted)
    if monitor.statistics is not None:
        dimensions += [_dimension(one, monitor.statistics.partner) for one in monitor.statistics.dimensions]
        stages += statistics_stages(manifest, monitor.statistics.partner, subjects)
    return CountsTable(
        title=f"{manifest.project.title}, {round_id}",
        dimensions=tuple(dimensions),
        stages=tuple(stages),
        combinations=tuple(combinations),
        tolerance=monitor.tolerance,
        confidence=monitor.confidence,
        smallest_cell=monitor.smallest_cell,
        # After so many rounds as the manifest names a new series begins.
        look=(look - 1) % monitor.looks + 1,
        looks=monitor.looks,
        source=f"{manifest.project.id} {round_id}, manifest {manifest.digest}",
        cases_fewer={name: blur(count, monitor.smallest_cell) for name, count in fewer.items()},
    )


#: Column of a table of a statistics office → kind of stage, and how it is called; the others are criteria.
_OF_COLUMN: Mapping[str, tuple[StageKind, str]] = {
    REGISTER: ("reference", ""),
    SIGNAL: ("selection", word("stage", "with_signal", "nl")),
    CASE: ("case", word("stage", "cases", "nl")),
}


def statistics_stages(manifest: Manifest, partner: str, told: Mapping[str, CellCounts]) -> Iterator[Stage]:
    """The stages that `statistics` tells: each selection beside the population, matches and cases beside what was delivered."""
    start, smallest = f"{partner}.{REFERENCE}", manifest.monitor.smallest_cell
    if start not in told:
        return
    source = manifest.partners[partner].selections[0].source
    yield Stage(
        id=start, label=f"{partner}, {source}", kind="reference", counts=told[start], counted_by=partner
    )
    for name, selection in manifest.selections():
        if (stage := f"{partner}.{name}.{selection.id}") in told:
            yield Stage(
                id=stage,
                label=f"{name}, {selection.source}: {word('stage', 'with_signal', 'nl')} ({partner})",
                kind="selection",
                counts=known_cells(told[stage]),
                against=(start,),
                partner=name,
                selection=f"{partner}:{selection.id}",
                rounded_to=2 * smallest,
                counted_by=partner,
            )
    delivered = f"{partner}.{SUBJECTS}"
    yield Stage(
        id=delivered,
        label=f"{word('stage', 'all_delivered', 'nl')} ({partner})",
        kind="reference",
        counts=told[delivered],
        rounded_to=2 * smallest,
        counted_by=partner,
    )
    for stage, kind, words in ((MATCHED, "match", "known_to_more"), (CASES, "case", "cases")):
        yield Stage(
            id=f"{partner}.{stage}",
            label=f"{word('stage', words, 'nl')} ({partner})",
            kind=kind,
            counts=told[f"{partner}.{stage}"],
            against=(delivered,),
            counted_by=partner,
        )


def _dimension(one: Agreed, counted_by: str | None = None) -> Dimension:
    """As it was agreed. Whom who counts by itself does not know, are a group of their own."""
    groups = {group.id: group.label for group in one.groups}
    return Dimension(
        id=one.id,
        label=one.label,
        role=one.role,
        groups=groups | ({UNKNOWN: UNKNOWN} if counted_by else {}),
        baseline=one.baseline,
        counted_by=counted_by,
    )


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
        label=f"{label}: {word('stage', 'with_signal', 'nl')}",
        kind="selection",
        counts=known_cells(groups.with_signal),
        against=_against(*first, register, before),
        **where,
    )


def _unknown(
    partner: str, label: str, selection: Selection, groups: GroupCounts, smallest: int
) -> Iterator[Stage]:
    """Of whom in the register it is not known whether they meet a criterion."""
    register = f"{partner}.{selection.id}"
    for name, counts in groups.unknown.items():
        yield Stage(
            id=f"{register}.{name}.{UNKNOWN}",
            label=f"{label}: {name}",
            kind="missing",
            counts=known_cells(counts),
            against=(register,),
            partner=partner,
            selection=selection.id,
            criterion=name,
            rounded_to=2 * smallest,
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
    monitor: Monitor, subjects: Mapping[str, CellCounts], first: tuple[str, ...]
) -> Iterator[Stage]:
    counts = {stage: known_cells(subjects[stage]) for stage in (SUBJECTS, MATCHED, CASES)}
    yield Stage(
        id=SUBJECTS,
        label=word("stage", "all_delivered", "nl"),
        kind="reference",
        counts=counts[SUBJECTS],
        against=first,
        rounded_to=2 * monitor.smallest_cell,
    )
    yield Stage(
        id=MATCHED,
        label=word("stage", "known_to_more", "nl"),
        kind="match",
        counts=counts[MATCHED],
        against=(*first, SUBJECTS),
    )
    # A match rule may make a case of a subject of one partner; then cases are no part of the matches.
    pairs = [(count, subjects[MATCHED][cell]) for cell, count in subjects[CASES].items()]
    within = all(case is None or match is None or case <= match for case, match in pairs)
    yield Stage(
        id=CASES,
        label=word("stage", "cases", "nl"),
        kind="case",
        counts=counts[CASES],
        against=(*first, SUBJECTS, *((MATCHED,) if within else ())),
    )


def office_dimensions(office: Office, counted: OfficeCounts | None) -> Iterator[Dimension]:
    """What the office counts by; with a group of those it does not know, where it told of any."""
    cells = {
        c
        for table in (counted.tables if counted else {}).values()
        for counts in table.values()
        for c in counts
    }
    for at, one in enumerate(office.dimensions):
        unknown = any(cell.split(SEPARATOR)[at] == UNKNOWN for cell in cells)
        groups = {**one.groups, **({UNKNOWN: UNKNOWN} if unknown else {})}
        yield Dimension(
            id=one.id, label=one.label, groups=groups, baseline=one.baseline, counted_by=office.id
        )


def office_stages(manifest: Manifest, office: Office, counted: OfficeCounts | None) -> Iterator[Stage]:
    """The stages of each selection as the office counted them."""
    for partner, selection, _ in counted_selections(manifest):
        name = f"{partner}.{selection.id}"
        table, against = counted.tables.get(name, {}) if counted else {}, tuple[str, ...]()
        label = f"{partner}, {selection.source} ({office.title})"
        for column in columns_of(selection) if table else ():
            kind, words = _OF_COLUMN.get(column, ("criterion", column))
            start = column == REGISTER
            stage = Stage(
                id=stage_of(office, name, column),
                label=label if start else f"{label}: {words}",
                kind=kind,
                counts=table[column],
                against=against,
                partner=partner,
                selection=f"{office.id}:{selection.id}",
                criterion=column if kind == "criterion" else None,
                rounded_to=office.rounded_to,
                counted_by=office.id,
            )
            yield stage
            against = _against(stage_of(office, name, REGISTER), stage.id)
