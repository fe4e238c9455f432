"""Look at an extract before anything is delivered: what is in it, all that is wrong with it, and what would be delivered.
Needs no opening and no key, and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl

from lsi_match.base.errors import LsiError
from lsi_match.manifest import Manifest
from lsi_match.partner.drop_rows import identified, summed
from lsi_match.partner.extract.column_mapping import ColumnMapping
from lsi_match.partner.extract.profile import Profile, profile
from lsi_match.partner.select import Selected, SelectionTask, look
from lsi_match.protocol.columns import SIGNALS


@dataclass(frozen=True)
class Counts:
    """What a selection would deliver: records read, left after each criterion, with each signal and with any, values of
    no use by kind and reason, and records with an identifier."""

    read: int
    after: dict[str, int]
    signals: dict[str, int]
    with_signal: int
    invalid: dict[str, int]
    deliverable: int


@dataclass(frozen=True)
class Checked:
    """One selection: its extract, all that is wrong with it, and, when nothing is, what would be delivered.

    Attributes:
        unusual: what differs much from the round before: (count, before, now), by the name of the count.
    """

    selection: str
    extract: Profile
    problems: tuple[LsiError, ...]
    counts: Counts | None
    unusual: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def check(
    partner: str,
    manifest: Manifest,
    mapping: ColumnMapping,
    extracts: Path,
    reference_date: date,
    previous: Mapping[str, Mapping[str, int]] | None = None,
) -> list[Checked]:
    """Check every selection of `partner` that the mapping names.

    Args:
        previous: the counts of the round before, by selection (`flat_counts`).

    Raises:
        FileMissingError, ExtractUnreadableError: an extract cannot be read at all.
    """
    return [
        _checked(
            SelectionTask(partner, one, mapping.selections[one.id], extracts, manifest, reference_date),
            (previous or {}).get(one.id),
        )
        for one in manifest.partners[partner].selections
        if one.id in mapping.selections
    ]


def _checked(task: SelectionTask, previous: Mapping[str, int] | None) -> Checked:
    seen = profile(task.extracts / task.mapping.extract, task.mapping.asked)
    found = look(task)
    counts = None if found.selected is None else _counts(task, found.selected, found.signal_bits)
    unusual = unlike(previous, flat(counts)) if counts and previous else {}
    return Checked(task.selection.id, seen, found.problems, counts, unusual)


def _counts(task: SelectionTask, selected: Selected, bits: Mapping[str, int]) -> Counts:
    frame = pl.DataFrame(pl.from_arrow(selected.table))
    identifiers, invalid = identified(task.manifest, task.selection, frame, task.reference_date)
    there = pl.DataFrame(list(identifiers.values())).select(pl.any_horizontal(pl.all().is_not_null()).sum())
    own = [signal.id for signal in task.selection.signals]
    signals = {
        name: int(frame.select((pl.col(SIGNALS).cast(pl.UInt64) & bits[name] != 0).sum()).item())
        for name in own
    }
    return Counts(
        selected.read, selected.after, signals, selected.with_signal, summed([invalid]), int(there.item())
    )


def flat(counts: Counts) -> dict[str, int]:
    """The counts under one name each, as a drop tells them."""
    after = {f"after {name}": n for name, n in counts.after.items()}
    return {"read": counts.read, **after, "with_signal": counts.with_signal, **counts.invalid}


def unlike(before: Mapping[str, int], now: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Counts that are less than half or more than twice what they were, where either is no small number."""
    names = [*now, *(name for name in before if name not in now)]
    pairs = {name: (before.get(name, 0), now.get(name, 0)) for name in names}
    return {name: (b, n) for name, (b, n) in pairs.items() if max(b, n) >= 20 and (2 * n < b or n > 2 * b)}
