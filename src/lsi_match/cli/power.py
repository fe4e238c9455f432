"""What the monitor would see at the volumes that a manifest agrees, before anybody signs it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lsi_match.cli.console import say
from lsi_match.manifest import Manifest, Reference

#: Of a group of which no published table tells how large it is.
_A_TENTH = 0.1


@dataclass(frozen=True)
class Foreseen:
    """After how many of `rounds` a group with a `share` of the people, that is selected twice as often as the others, is
    shown to be beyond the tolerance in 95 of 100 projects: at the least and at the most that is selected in a round. None
    when it is not."""

    partner: str
    selection: str
    share: float
    rounds: int
    at_least: int
    after: int | None
    at_most: int
    after_at_most: int | None


def foreseen(document: Manifest) -> list[Foreseen]:
    """Per selection; nothing without groups that are compared."""
    from lsi_match.monitor.evidence import rounds_until_seen

    monitor = document.monitor
    protected = [dimension for dimension in monitor.dimensions if dimension.role == "protected"]
    groups = sum(len(dimension.groups) - (dimension.baseline is not None) for dimension in protected)
    if not groups:
        return []
    rounds, share = document.schedule.rounds_at_most or monitor.looks, _smallest_share(document)

    def after(selected: int) -> int | None:
        return rounds_until_seen(
            2.0,
            share,
            selected,
            groups,
            tolerance=monitor.tolerance,
            confidence=monitor.confidence,
            rounds=rounds,
        )

    return [
        Foreseen(
            partner=partner,
            selection=selection.id,
            share=share,
            rounds=rounds,
            at_least=selection.volume.at_least,
            after=after(selection.volume.at_least),
            at_most=selection.volume.at_most,
            after_at_most=after(selection.volume.at_most),
        )
        for partner, selection in document.selections()
        if not selection.counts_only
    ]


def _smallest_share(document: Manifest) -> float:
    reference, monitor = document.monitor.reference, document.monitor
    if not isinstance(reference, Reference):
        return _A_TENTH
    whole, found = sum(reference.counts.values()), []
    for at, dimension in enumerate(monitor.dimensions):
        if dimension.role == "protected":
            for group in dimension.groups:
                cells = [n for cell, n in reference.counts.items() if cell.split("|")[at] == group.id]
                found.append(sum(cells) / max(whole, 1))
    return min(max(min(found), 0.001), 0.5)


def describe_power(found: Sequence[Foreseen]) -> Iterator[str]:
    """A line per selection."""
    if found:
        share = f"{100 * found[0].share:.3g}%"
        yield say("power.question", share=share)
    for one in found:
        least, most = (
            say("power.not_within" if after is None else "power.after", rounds=one.rounds, after=after)
            for after in (one.after, one.after_at_most)
        )
        yield say("power.line", **{**vars(one), "least": least, "most": most})
