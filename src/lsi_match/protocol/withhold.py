"""Withholding small counts, so that they do not follow from what is told. Pure.

`withheld` chooses what is not told, and asks the auditor (`protocol.audit`); `withhold_table` is that for a table of which all
totals are known. Counts that have no total but an upper bound are made `coarse`; `blur` rounds.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from lsi_match.protocol.audit import Sum, Told, narrow

Key = TypeVar("Key", bound=Hashable)
#: Of one stage in so many, counts are withheld by lot.
ONE_IN = 10_000


def withheld(
    counts: Mapping[Key, Told],
    judged: Mapping[Key, Sum],
    known: Sequence[Told],
    smallest: int,
    hidden: Iterable[Key],
    rank: Callable[[Key], int] = lambda _: 0,
    settled: set[Key] | None = None,
) -> set[Key]:
    """Which of these counts are not told: `hidden`, every one from 1 to one less than `smallest`, and as many more as leave
    each of them, and each of `judged`, `audit.width` open. What follows from `known` by itself is not judged.

    Args:
        counts: as they would be told; what is rounded is judged where it is told as well.
        judged: sums that are not told, and must not follow where they are small.
        known: what is told besides.
        hidden: what is withheld in any case (`drawn`).
        rank: of the counts from which too much follows, one of the lowest rank is withheld; of those the smallest, zeros last.
        settled: what was found open to the same reader before, when no less was withheld; more is added.

    Raises:
        ImpossibleError: no numbers of people give what is known.
    """

    def first(key: Key) -> tuple[int, bool, float]:
        return rank(key), not counts[key].high, counts[key].high

    rounded = {key for key, told in counts.items() if told.low < told.high}
    found = {key for key, told in counts.items() if 0 < told.high < smallest} - rounded | set(hidden)
    open_ = set[Key]() if settled is None else settled
    while True:
        shown = [key for key in counts if key not in found]
        asked = {key: counts[key].of for key in counts if key in found | rounded} | dict(judged)
        exposed = narrow([*(counts[key] for key in shown), *known], asked, smallest, open_)
        resting = {key: [shown[at] for at in sorted(on) if at < len(shown)] for key, on in exposed.items()}
        alone = {key: asked[key] for key, on in resting.items() if not on}
        anyway = narrow(known, alone, smallest, set())
        open_ |= anyway.keys()
        more = set[Key]()
        for key in (one for one in exposed if one not in anyway):
            on = resting[key] or shown
            if more.isdisjoint(on):
                more.add(min(on, key=first))
        if not more:
            return found
        found |= more


def drawn(counts: Mapping[Key, Told], secret: bytes | None) -> set[Key]:
    """Which of the counts of a stage are withheld by lot: of one stage in `ONE_IN` half of them; none without a secret.

    So any count may be withheld by lot, and who knows the program learns no more of one than whoever solves what is told. The
    lots depend on the secret and the counts: the same counts are told alike each time.
    """
    if secret is None:
        return set()
    text = repr(sorted((repr(key), told.low) for key, told in counts.items()))
    seed = hmac.digest(secret, text.encode(), "sha256")
    if int.from_bytes(seed[:8]) % ONE_IN:
        return set()
    return {key for key in counts if hmac.digest(seed, repr(key).encode(), "sha256")[0] % 2}


def withhold_table(
    rows: Sequence[Mapping[Key, int]], smallest: int, secret: bytes | None = None
) -> list[dict[Key, int | None]]:
    """The same for rows with the same keys, of which every total of a row and of a key is known."""
    counts = {
        (at, key): Told.exactly({(at, key): 1}, n) for at, row in enumerate(rows) for key, n in row.items()
    }
    lines = [[one for one in counts if one[0] == at] for at in range(len(rows))]
    lines += [[one for one in counts if one[1] == key] for key in (rows[0] if rows else ())]
    known = [Told.exactly(dict.fromkeys(line, 1), sum(rows[at][key] for at, key in line)) for line in lines]
    hidden = withheld(counts, {}, known, smallest, drawn(counts, secret))
    return [
        {key: None if (at, key) in hidden else n for key, n in row.items()} for at, row in enumerate(rows)
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
