"""Rounds that are (nearly) the same round again, as the log tells. Pure.

Whoever has a round run twice, the second time with one record more, learns from the difference what the others know of
that one person. What such a partner may see it sees in its own releases anyway; what the counts of both rounds tell
beside that is bounded by how many rounds the manifest allows, and every round that is like an earlier one is logged as
such and shown to the FG.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lsi_match.base.errors import LsiError
from lsi_match.log.entry import LogEntry
from lsi_match.log.steps import Step


class RoundsSpentError(LsiError):
    nl = (
        "Project {project} heeft {rounds} rondes vrijgegeven of open staan; meer staat het manifest niet toe (schedule.rounds_at_most). "
        "Beëindig een open ronde, of laat een nieuw manifest ondertekenen."
    )
    en = (
        "Project {project} has {rounds} rounds released or open; the manifest allows no more (schedule.rounds_at_most). "
        "End one that is open, or have a new manifest signed."
    )


def rounds_that_count(entries: Iterable[LogEntry]) -> set[str]:
    """The rounds that were opened, without those that ended unreleased."""
    found: set[str] = set()
    released: set[str] = set()
    for entry in entries:
        name = str(entry.attributes.get("lsi.round"))
        if entry.status != "Ok":
            continue
        if entry.name == Step.OPEN_ROUND.value:
            found.add(name)
        elif entry.name == Step.RELEASE.value:
            released.add(name)
        elif entry.name == Step.DESTROY.value and name not in released:
            found.discard(name)
    return found


def like_earlier(
    entries: Iterable[LogEntry], round_id: str, rows: Mapping[str, int], smallest: int
) -> list[str]:
    """The released rounds of which the drops are those of this round, but for fewer records than a small cell.

    Args:
        rows: partner → records in its drop of this round.
        smallest: the smallest cell that is shown (`monitor.smallest_cell`).
    """
    delivered: dict[str, dict[str, int]] = {}
    released: dict[str, dict[str, int]] = {}
    for entry in entries:
        name = str(entry.attributes.get("lsi.round"))
        if entry.status != "Ok" or name == round_id:
            continue
        if entry.name == Step.GATES.value:
            delivered[name] = {}  # a run that starts again takes in every drop again
        elif entry.name == Step.INTAKE.value:
            partner, count = str(entry.attributes["lsi.partner"]), int(str(entry.attributes["lsi.rows"]))
            delivered.setdefault(name, {})[partner] = count
        elif entry.name == Step.RELEASE.value:
            released[name] = delivered.get(name, {})
    return [
        name
        for name, before in released.items()
        if before.keys() == rows.keys() and all(abs(before[p] - rows[p]) < smallest for p in rows)
    ]
