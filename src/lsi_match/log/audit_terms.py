"""Which details (audit records) of a log should be there: those that the log does not call destroyed.

A copy of a log may be without any: that is how it is handed out. So this is for the log at its own place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from lsi_match.base.errors import LsiError
from lsi_match.log.view import ProjectView


def ranges(positions: Iterable[int]) -> str:
    """Positions as text, rising and without twins: `0-41, 43`."""
    found: list[list[int]] = []
    for position in sorted(set(positions)):
        if found and found[-1][1] == position - 1:
            found[-1][1] = position
        else:
            found.append([position, position])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in found)


def positions_in(text: str) -> set[int]:
    """What `ranges` wrote."""
    found: set[int] = set()
    for part in filter(None, text.split(", ")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def destroyed(view: ProjectView) -> set[int]:
    """The positions whose details the log calls destroyed."""
    return {position for text in view.details_destroyed for position in positions_in(text)}


def details_problems(view: ProjectView, bound: Collection[int], present: Collection[int]) -> list[LsiError]:
    """What is wrong with the details of a log at its own place.

    Args:
        bound: the positions of the entries that have details, whether they are there or not.
        present: the positions of which they are there.
    """
    there, gone = set(present), destroyed(view)
    problems: list[LsiError] = []
    if missing := set(bound) - there - gone:
        problems.append(LsiError("DetailsMissingError", count=len(missing), position=min(missing)))
    if left := there & gone:
        problems.append(LsiError("DetailsLeftError", count=len(left), position=min(left)))
    return problems
