"""What was agreed about the counts of a selection (`manifest.selection.Bounds`), judged by the counts that a drop tells: at the
partner before it delivers, and at the matching environment again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from lsi_match.base.errors import LsiError, problem, words
from lsi_match.manifest.identifiers import InvalidReason

if TYPE_CHECKING:
    from lsi_match.manifest import Selection
    from lsi_match.protocol.documents import SelectionCounts

#: Below this a count says too little to be compared with the one of the round before.
_FEW = 20


class CountOutOfBoundsError(LsiError):
    """A count of a selection is outside what was agreed."""


def out_of_bounds(
    partner: str, selection: Selection, counts: SelectionCounts, before: SelectionCounts | None = None
) -> Iterator[CountOutOfBoundsError]:
    """Each count that is outside the bounds of its selection, but for the volume; `before` are those of the round before."""
    bounds = selection.bounds
    if bounds is None:
        return

    def crossed(what: tuple[str, str], found: str, agreed: tuple[str, str]) -> CountOutOfBoundsError:
        facts = words("what", *what) | words("agreed", *agreed)
        return CountOutOfBoundsError(partner=partner, selection=selection.id, found=found, **facts)

    for name, percent in bounds.valid.items():
        valid = counts.with_signal - invalid_of(name, counts.invalid)
        if 100 * valid < percent * counts.with_signal:
            share = f"{100 * valid / counts.with_signal:.1f}%"
            what = problem("protocol.bound_valid", name=name)
            yield crossed(what, share, problem("protocol.at_least", percent=percent))
    for name, kept in bounds.after.items():
        if not kept.at_least <= (found := counts.after.get(name, 0)) <= kept.at_most:
            what = problem("protocol.bound_after", name=name)
            agreed = problem("protocol.from_to", at_least=kept.at_least, at_most=kept.at_most)
            yield crossed(what, str(found), agreed)
    if bounds.change is None or before is None:
        return
    for name, (then, now) in _pairs(before, counts).items():
        if abs(now - then) * 100 > bounds.change * then:
            what, agreed = problem("protocol.bound_change", name=name), problem("protocol.at_most", percent=bounds.change)  # fmt: skip
            yield crossed(what, f"{then} → {now}", agreed)


def invalid_of(name: str, invalid: Mapping[str, int]) -> int:
    """How many values of a kind of identifier, or a field of a person, are of no use."""
    return sum(invalid.get(f"{name}_{reason.value}", 0) for reason in InvalidReason)


def _pairs(before: SelectionCounts, now: SelectionCounts) -> dict[str, tuple[int, int]]:
    """The counts to compare, before and now, by name; those that were and are few say nothing."""
    flat = [
        {"read": one.read, **{f"after {name}": n for name, n in one.after.items()}, "with_signal": one.with_signal, "written": one.written}
        for one in (before, now)
    ]  # fmt: skip
    pairs = {name: (flat[0][name], flat[1][name]) for name in flat[1] if name in flat[0]}
    return {name: pair for name, pair in pairs.items() if max(pair) >= _FEW}


def unusual(before: SelectionCounts, now: SelectionCounts) -> dict[str, tuple[int, int]]:
    """Counts that are less than half or more than twice what they were in the round before, by name."""
    pairs = _pairs(before, now)
    names = [*now.invalid, *(name for name in before.invalid if name not in now.invalid)]
    pairs |= {name: (before.invalid.get(name, 0), now.invalid.get(name, 0)) for name in names}
    return {name: (b, n) for name, (b, n) in pairs.items() if max(b, n) >= _FEW and (2 * n < b or n > 2 * b)}
