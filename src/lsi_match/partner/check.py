"""Look at an extract before anything is delivered: what is in it, all that is wrong with it, and what would be delivered.
Needs no opening and no key, and writes nothing. What is selected is read, normalised and counted as `prepare` does it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from lsi_match.base.errors import LsiError
from lsi_match.crypto.project_key import ProjectKey
from lsi_match.manifest import Manifest
from lsi_match.partner.bag import Bag
from lsi_match.partner.crowds import Crowds
from lsi_match.partner.drop_rows import Layout, Making, Rows
from lsi_match.partner.extract.column_mapping import ColumnMapping
from lsi_match.partner.extract.profile import Profile, profile_of
from lsi_match.partner.home import Home
from lsi_match.partner.inspect import crossed, inspect
from lsi_match.partner.references import LongIds
from lsi_match.partner.select import Look, SelectionTask
from lsi_match.protocol.bounds import unusual
from lsi_match.protocol.columns import REFERENCE, SELECTION, columns_to_seal
from lsi_match.protocol.documents import SelectionCounts


@dataclass(frozen=True)
class Checked:
    """One selection: its extract, all that is wrong with it, and, when nothing is in the way of reading it, what would be
    delivered.

    Attributes:
        counts: as the drop would tell them; `written` is what would be delivered.
        signals: of the records with a signal how many have each.
        unusual: what differs much from the round before: (before, now), by the name of the count.
    """

    selection: str
    extract: Profile
    problems: tuple[LsiError, ...]
    counts: SelectionCounts | None = None
    signals: Mapping[str, int] = field(default_factory=dict)
    unusual: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def check(
    partner: str,
    manifest: Manifest,
    mapping: ColumnMapping,
    extracts: Path,
    reference_date: date,
    home: Home | None = None,
) -> list[Checked]:
    """Check every selection of `partner` that the mapping names, each extract being opened once.

    Args:
        home: this partner's folder, with the counts of its last drop, and the BAG where that is used.

    Raises:
        BagMissingError: the BAG is used, and is not there.
        FileMissingError, ExtractUnreadableError: an extract cannot be read at all.
    """
    bag = Bag.wanted(manifest.partners[partner], home)
    before = {} if home is None else home.counts_before(manifest.project.id)
    looks, found = [], {}
    with ExitStack() as stack:
        for one in manifest.partners[partner].selections:
            if one.id not in mapping.selections:
                continue
            task = SelectionTask(partner, one, mapping.selections[one.id], extracts, manifest, reference_date)
            look = Look(stack.enter_context(task.opened(lenient=True)), task)
            with look.extract.telling():
                problems = look.problems()
                seen = profile_of(look.extract.con, look.extract.file, look.extract.source)
            found[one.id] = Checked(one.id, seen, tuple(problems))
            if not problems:
                looks.append(look)
        return list((found | _delivered(partner, manifest, looks, found, before, bag)).values())


def _delivered(
    partner: str,
    manifest: Manifest,
    looks: list[Look],
    found: Mapping[str, Checked],
    before: Mapping[str, SelectionCounts],
    bag: Bag | None,
) -> dict[str, Checked]:
    """What would be delivered of the selections that can be read."""
    key = ProjectKey.make(manifest.project.id, manifest.pseudonyms.epoch)
    layout = Layout(columns_to_seal(manifest, manifest.partners[partner]))
    making = Making(key, "check", 1, layout, Crowds.of(manifest), LongIds(), bag.lookup if bag else None)
    inspected, rows = inspect(
        ((one.task, one.pieces) for one in looks), making, lambda: _Distinct(making.layout)
    )
    selections = manifest.partners[partner].selections
    counts = {
        one.task.selection.id: one.counts(rows.written(selections.index(one.task.selection)))
        for one in inspected
    }
    checked = {}
    for one in inspected:
        id_ = one.task.selection.id
        problems = crossed(partner, [one], counts, before)
        strange = unusual(before[id_], counts[id_]) if id_ in before else {}
        signals = {signal.id: 0 for signal in one.task.selection.signals} | one.selected.signals
        checked[id_] = Checked(
            id_, found[id_].extract, (*found[id_].problems, *problems), counts[id_], signals, strange
        )
    return checked


class _Distinct:
    """Counts the rows that would be left when those are joined that are the same record: eight bytes a row."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.heads: dict[int, list[np.ndarray]] = {}

    def add(self, _: int, data: np.ndarray) -> None:
        rows = Rows(self._layout, data)
        names = (*self._layout.kinds, REFERENCE)
        halves = {
            f"{name} {half}": np.ascontiguousarray(rows[name]).view(np.uint64)[:, half]
            for name in names
            for half in (0, 1)
        }
        heads = pl.DataFrame(halves).hash_rows().to_numpy()
        for position in np.unique(rows[SELECTION]).tolist():
            self.heads.setdefault(position, []).append(heads[rows[SELECTION] == position])

    def written(self, position: int) -> int:
        """How many rows of this selection."""
        heads = self.heads.get(position)
        return len(np.unique(np.concatenate(heads))) if heads else 0
