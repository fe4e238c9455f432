"""All selections of a partner, read, normalised and counted: what `partner check` shows and what `prepare` seals is the same
reading, by the same code; only where the rows go differs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from lsi_match.base.errors import LsiError
from lsi_match.manifest import Manifest
from lsi_match.partner.drop_rows import Making, Pseudonymised, pseudonymised, summed
from lsi_match.partner.extract.column_mapping import ColumnMapping
from lsi_match.partner.extract.problems import ExtractError
from lsi_match.partner.group_counts import group_counts
from lsi_match.partner.select import Selected, SelectionTask, everything_wrong
from lsi_match.protocol.bounds import out_of_bounds
from lsi_match.protocol.documents import SelectionCounts

#: Told while it works: the step (`select` or `seal`), what it is about (the selection, or nothing), how far it is (records
#: read, or parts written), and of how many in all, where that is known.
Progress = Callable[[str, str, int, int | None], None]


class Sink(Protocol):
    """Where the rows go."""

    def add(self, part: int, data: np.ndarray, /) -> None:
        """Rows of a part (`Rows.data`)."""


S = TypeVar("S", bound=Sink)


@dataclass(frozen=True)
class Inspected:
    """What was found of one selection: values of no use by kind and reason, and of how many records something can be sent."""

    task: SelectionTask
    selected: Selected
    invalid: dict[str, int]
    sendable: int

    def counts(self, written: int, secret: bytes | None = None) -> SelectionCounts:
        """The counts of a drop, in which so many rows are left of this selection; `secret`: of `group_counts`."""
        return SelectionCounts(
            read=self.selected.read,
            after=self.selected.after,
            with_signal=self.selected.with_signal,
            invalid=self.invalid,
            without_identifier=self.selected.with_signal - self.sendable,
            duplicates=self.sendable - written,
            written=written,
            groups=group_counts(
                self.task.manifest, self.task.selection, self.selected.met, self.selected.unknown, secret
            ),
        )


def tasks_of(
    partner: str, manifest: Manifest, mapping: ColumnMapping, extracts: Path, reference_date: date
) -> list[SelectionTask]:
    """The selections of a partner, in order; raises SelectionUnmappedError when the mapping lacks one."""
    selections = manifest.partners[partner].selections
    for one in selections:
        if one.id not in mapping.selections:
            raise LsiError("SelectionUnmappedError", partner=partner, selection=one.id)
    return [
        SelectionTask(partner, one, mapping.selections[one.id], extracts, manifest, reference_date)
        for one in selections
    ]


def inspect(
    readings: Iterable[tuple[SelectionTask, Callable[[], Iterable[Selected]]]],
    making: Making,
    sink: Callable[[], S],
    progress: Progress = lambda *_: None,
) -> tuple[list[Inspected], S]:
    """What there is in each selection, and the sink that its rows were put in. Where values stand at too many records to be
    real, all is read once more, into a new sink.

    Raises:
        ExtractError: all that is wrong with the extracts.
    """
    each = list(readings)
    try:
        while True:
            rows = sink()
            found = [_taken(task, rows, pseudonymised(task, read(), making), progress) for task, read in each]
            if not making.crowds.settle():
                return found, rows
    except ExtractError as first:
        raise everything_wrong(first, [task for task, _ in each]) from None


def _taken(task: SelectionTask, sink: Sink, pieces: Iterable[Pseudonymised], progress: Progress) -> Inspected:
    counted: list[Selected] = []
    invalid: list[dict[str, int]] = []
    sendable = so_far = 0
    for piece in pieces:
        for part, rows in enumerate(piece.parts):
            sink.add(part, rows.data)
        counted.append(piece.selected)
        invalid.append(piece.invalid)
        sendable += sum(len(rows) for rows in piece.parts)
        so_far += piece.selected.read
        progress("select", task.selection.id, so_far, None)
    return Inspected(task, Selected.together(counted), summed(invalid), sendable)


def crossed(
    partner: str,
    found: Sequence[Inspected],
    counts: Mapping[str, SelectionCounts],
    before: Mapping[str, SelectionCounts],
) -> list[LsiError]:
    """Everything of these selections that is not as agreed; `before` are the counts of the round before."""
    problems: list[LsiError] = []
    for one in found:
        selection, now = one.task.selection, counts[one.task.selection.id]
        if one.selected.with_signal and not one.sendable:
            reasons = ", ".join(f"{reason}: {n}" for reason, n in one.invalid.items()) or "-"
            file = one.task.mapping.extract
            problems.append(LsiError("NoValidIdentifierError", partner=partner, file=file, invalid=reasons))
            continue
        volume = selection.volume
        if not volume.at_least <= now.written <= volume.at_most:
            problems.append(
                LsiError("VolumeOutOfBoundsError",
                    partner=partner, selection=selection.id, count=now.written, at_least=volume.at_least, at_most=volume.at_most
                )
            )  # fmt: skip
        if selection.counts_only and now.duplicates:
            twice, about = now.duplicates, {"partner": partner, "selection": selection.id}
            problems.append(LsiError("PersonTwiceError", **about, count=twice))
        problems += out_of_bounds(partner, selection, now, before.get(selection.id))
    return problems
