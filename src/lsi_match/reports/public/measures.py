"""What the measures against unequal treatment and misuse stopped or changed, by the log of a project. Pure.

Rounds, papers and requests are counted, never people. Every number has the entries that show it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from lsi_match.log import events
from lsi_match.log.events import Event, Recorded
from lsi_match.manifest import Manifest

#: Measures in the order in which a round meets them; `texts.toml` says what each does (`measure_<name>`).
MEASURES = ("gates", "deliveries", "cases", "monitor", "hold", "justification", "criteria", "access")


@dataclass(frozen=True)
class Effect:
    """What a measure did in one project: a text (`measure_<name>_did`), filled in with `facts`, and the entries that show it."""

    measure: str
    facts: Mapping[str, object]
    entries: tuple[Recorded, ...]


def effects(recorded: Sequence[Recorded], manifests: Sequence[Manifest]) -> list[Effect]:
    """What each measure did, for those that did something, in the order of `MEASURES`.

    Args:
        recorded: every event of the log.
        manifests: those that were registered, the oldest first.
    """
    found = [*_refusals(recorded), *_monitor(recorded), *_criteria(recorded, manifests)]
    return sorted((one for one in found if one.entries), key=lambda one: MEASURES.index(one.measure))


def _of(recorded: Sequence[Recorded], *kinds: type[Event]) -> tuple[Recorded, ...]:
    return tuple(one for one in recorded if isinstance(one.event, kinds))


def _refusals(recorded: Sequence[Recorded]) -> Iterator[Effect]:
    for measure, kinds in {
        "gates": (events.GatesRefused,),
        "deliveries": (events.DropArrivalRefused, events.DropRefused),
        "cases": (events.MatchRefused,),
        "access": (events.AccessRefused,),
    }.items():
        refused = _of(recorded, *kinds)
        yield Effect(measure, {"times": len(refused)}, refused)


def _monitor(recorded: Sequence[Recorded]) -> Iterator[Effect]:
    counted = [(one, one.event) for one in recorded if isinstance(one.event, events.Counted)]
    alerted = [one for one, count in counted if count.alerts]
    rounds = {one.round for one, count in counted if count.table is not None}
    yield Effect("monitor", {"rounds": len(rounds), "alerted": len({one.round for one in alerted})}, tuple(alerted))  # fmt: skip
    held = _of(recorded, events.Held)
    names = {one.round for one in held}
    released = {one.round for one in _of(recorded, events.Released)} & names
    destroyed = {one.round for one in _of(recorded, events.Destroyed)} & names - released
    facts = {"rounds": len(names), "released": len(released), "destroyed": len(destroyed)}
    yield Effect("hold", facts | {"open": len(names - released - destroyed)}, held)
    justified = [(one, one.event) for one in recorded if isinstance(one.event, events.Justified)]
    decisions = [decision for _, event in justified for decision in event.decisions.values()]
    told = {"release": decisions.count("release"), "change": decisions.count("change")}
    yield Effect("justification", told, tuple(one for one, _ in justified))


def _criteria(recorded: Sequence[Recorded], manifests: Sequence[Manifest]) -> Iterator[Effect]:
    """Every change of criteria, with how often a group stood out in the last count before it and the first after it."""
    counts: dict[str, list[tuple[Recorded, int]]] = {}
    for one in recorded:
        if isinstance(one.event, events.Counted) and one.event.alerts is not None:
            counts.setdefault(one.manifest, []).append((one, one.event.alerts))
    for before, after in pairwise(manifests):
        earlier, later = _predicates(before), _predicates(after)
        changed = sorted(name for name in earlier | later if earlier.get(name) != later.get(name))
        of_both = counts.get(before.digest), counts.get(after.digest)
        if changed and of_both[0] and of_both[1]:
            (last, was), (first, is_) = of_both[0][-1], of_both[1][0]
            parties = before.controllers | after.controllers  # how a rule is called says what it looks for
            whose = {parties[name.partition(".")[0]].title for name in changed}
            facts = {"names": ", ".join(sorted(whose)), "before": was, "after": is_}
            yield Effect("criteria", facts, (last, first))


def _predicates(manifest: Manifest) -> dict[str, str]:
    return {
        f"{partner}.{selection.id}.{rule.id}": rule.when
        for partner, selection in manifest.selections()
        for rule in selection.criteria
    }
