"""Withholding small counts, so that they do not follow from the others and their total. Pure.

Counts beside one total are withheld by `withhold`; those of a process, step by step, by `withhold_stages`; a table
with totals of rows and of columns by `withhold_table`. Counts that add up with those that others told, each for
itself, are blurred by `blur`; those that have no total but an upper bound are made `coarse`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

Key = TypeVar("Key")


def withhold(
    counts: Mapping[Key, int], smallest: int, at_most: Mapping[Key, int | None] | None = None
) -> dict[Key, int | None]:
    """The counts, with None for every one from 1 to one less than `smallest`.

    Where there is one, more are withheld, the smallest first, until at least two are, together they are no small count
    either, and at least half of the values that a small count can have remain possible: whoever knows the total learns
    nothing of one of them. Zero points at nobody, and is withheld only where everything else is not enough.

    Args:
        at_most: what is told of how large each count can be, as the count of an earlier stage; None is unknown.
    """
    caps = {} if at_most is None else {key: cap for key, cap in at_most.items() if cap is not None}
    return _withheld(counts, smallest, caps, set())


def withhold_stages(
    stages: Sequence[Mapping[Key, int]], smallest: int, at_most: Mapping[Key, int | None] | None = None
) -> list[dict[Key, int | None]]:
    """The same for counts of which each is at most that of the stage before, with the same keys.

    Where a count stays what it was, it is told in both stages or in neither: that nobody left may be known otherwise.

    Args:
        at_most: what is told of how large the counts of the first stage can be.
    """
    hidden: list[set[Key]] = [set() for _ in stages]
    while True:
        told: list[dict[Key, int | None]] = []
        for stage, forced in zip(stages, hidden, strict=True):
            before = told[-1] if told else at_most or {}
            caps = {key: cap for key, cap in before.items() if cap is not None}
            told.append(_withheld(stage, smallest, caps, forced))
        found = [{key for key, count in stage.items() if count is None} for stage in told]
        for (one, its), (other, others) in pairwise(zip(stages, found, strict=True)):
            alike = {key for key in its | others if one[key] == other[key]}
            its |= alike
            others |= alike
        if found == hidden:
            return told
        hidden = found


def _withheld(
    counts: Mapping[Key, int], smallest: int, caps: Mapping[Key, int], forced: set[Key]
) -> dict[Key, int | None]:
    """The same, where those in `forced` are withheld in any case."""
    hidden = [key for key, count in counts.items() if 0 < count < smallest or key in forced]
    more = sorted(
        (key for key, count in counts.items() if count >= smallest and key not in forced),
        key=lambda key: counts[key],
    )
    more += [key for key, count in counts.items() if not count and key not in forced]
    while hidden and more and not _safe({key: counts[key] for key in hidden}, smallest, caps):
        hidden.append(more.pop(0))
    return {key: None if key in hidden else count for key, count in counts.items()}


def _safe(hidden: Mapping[Key, int], smallest: int, caps: Mapping[Key, int]) -> bool:
    """Whether the total of what is withheld, and what is told of how large each can be, leave enough open."""
    whole = sum(hidden.values())
    if len(hidden) < 2 or whole < smallest:
        return False
    room = {key: max(0, caps[key] - count) if key in caps else whole for key, count in hidden.items()}
    return all(
        min(count, sum(room.values()) - room[key]) + min(smallest - 1 - count, room[key])
        >= (smallest - 1) // 2
        for key, count in hidden.items()
        if 0 < count < smallest
    )


def withhold_table(rows: Sequence[Mapping[Key, int]], smallest: int) -> list[dict[Key, int | None]]:
    """The same for at most three rows with the same keys, of which every total of a row and of a key is known.

    In every row and under every key either nothing is withheld, or at least two counts that are no small count
    together, as far as there are any. With at most three rows no single count then follows from the totals: one that
    does is the only link between two cycles of withheld counts, and these take four rows.
    """
    if len(rows) > 3:
        raise ValueError("more than three rows")
    hidden: set[tuple[int, Key]] = set()
    while True:
        before = len(hidden)
        for at, row in enumerate(rows):
            forced = {key for number, key in hidden if number == at}
            hidden |= {
                (at, key) for key, count in _withheld(row, smallest, {}, forced).items() if count is None
            }
        for key in rows[0] if rows else ():
            column = {at: row[key] for at, row in enumerate(rows)}
            forced_rows = {at for at, its in hidden if its == key}
            hidden |= {
                (at, key)
                for at, count in _withheld(column, smallest, {}, forced_rows).items()
                if count is None
            }
        if len(hidden) == before:
            return [
                {key: None if (at, key) in hidden else count for key, count in row.items()}
                for at, row in enumerate(rows)
            ]


def blur(count: int, smallest: int) -> int | None:
    """The count rounded to a multiple of `smallest`, or None where it is smaller than that, zero included."""
    return None if count < smallest else round(count / smallest) * smallest


def coarse(count: int, smallest: int) -> int:
    """The count rounded to a multiple of `2 * smallest`, half of it upwards: every small count is told as 0, and so is 0.

    Whoever knows that it is at most so many still has every count from 0 up to there, or to `smallest - 1`. The same
    count is told as the same each time, so that nothing follows from many rounds.
    """
    unit = 2 * smallest
    return (count + smallest) // unit * unit
