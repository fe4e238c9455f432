"""Which patterns of agreement link persons in a round, and how many of the links are false: estimated in the round. Pure.

Two persons who each have a counterpart already, another one, are two people. How many of these *decoys* agree in a pattern tells
how often two people do so by coincidence, or because they are twins or share a house. Of persons who have no counterpart, as
many agree in that pattern by coincidence as their number of pairs lets expect. A pattern links where these are no larger a
share of its links than the bound of the manifest. Of persons who find their counterpart in a step, a coincidence is no danger:
therefore it is linked first, and counted afterwards who still has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from scipy.special import gammaincinv

from lsi_match.matcher.engine.patterns import Known, Pattern, no_weaker, stand_ins

#: Combinations of what is known of a record.
KNOWN = 2 * max(Known)
#: None is too few to tell: to the decoys of a pattern are added this share of those that a pattern has on average, and so
#: many by its `core`; no more than the first of these. In a round of one pair only a pattern links that has nothing against it.
SHARE, LEAST = 0.05, (0.5, 0.04, 0.018)
#: Of this share of relatives at one address, at most, the birth date is the same (twins), or the given name (namesakes).
AS_RELATIVES = 0.05
#: So many pairs agree at least in a pattern in which relatives do, for it to link: of a single one nothing in the round tells
#: whether it is two twins, or a misspelt name.
RELATIVES = 2
#: What is linked, to see who still has no counterpart then: patterns with nothing against them of whose pairs no larger a share
#: is a coincidence before. Others keep the bound before, too: relatives may stand in one register each.
TRIED = 0.3
#: How sure the highest estimate is; pairs that are no coincidence come in twos (two twins are up to four pairs), so that decoys
#: tell less than their number does. How many are false differs by chance, too, from what is to be expected.
SURE, TOGETHER = 0.95, 3
#: So many different combinations of places are told apart; whoever stands in a rarer one is no decoy.
_COMBINATIONS = 2048


class Stands(IntEnum):
    """How two persons stand to each other: they may be one; each has a counterpart, so that they are two; neither."""

    OPEN = 0
    DECOYS = 1
    APART = 2


class Group(NamedTuple):
    """How many persons have records in the same places (bits), are told for certain by several records, and are known in the
    same parts."""

    places: int
    certain: bool
    known: int
    persons: int


@dataclass(frozen=True)
class Counted:
    """What is counted now.

    Attributes:
        patterns: those that were seen; their number does not change when there are more.
        pairs: pairs of persons that agree in each pattern, by `Stands` (shape (3, patterns)).
        linked: links in each pattern until now.
        all_pairs: pairs of persons at all, by `Stands` and what is known of both (`pairs_of`).
    """

    patterns: Sequence[Pattern]
    pairs: np.ndarray
    linked: np.ndarray
    all_pairs: np.ndarray


def pairs_of(groups: Iterable[Group], repeats: bool) -> np.ndarray:
    """Pairs of persons, by `Stands` and what is known of both (shape (3, KNOWN))."""
    rows: dict[tuple[int, bool], np.ndarray] = {}
    for places, certain, known, persons in groups:
        rows.setdefault((places, certain), np.zeros(KNOWN))[known] += persons
    common = sorted(rows, key=lambda key: (-rows[key].sum(), key))[:_COMBINATIONS]
    counts = np.array([rows[key] for key in common])
    halves = [np.array([places >> at & 2**64 - 1 for places, _ in common], np.uint64) for at in (0, 64)]
    meet = np.array([half[:, None] & half != 0 for half in halves]).any(axis=0)
    sure = np.array([key[1] for key in common], bool)
    met = np.where(sure[:, None] & sure, Stands.DECOYS, Stands.OPEN if repeats else Stands.APART)
    stands = np.where(meet, met, Stands.OPEN)
    both = np.arange(KNOWN)[:, None] & np.arange(KNOWN)
    found = np.zeros((len(Stands), KNOWN))
    for one in Stands:
        np.add.at(found[one], both, counts.T @ (stands == one).astype(float) @ counts / 2)
    # Nobody makes a pair with oneself.
    np.add.at(found, np.diagonal(stands), -counts / 2)
    return found


class Calibration:
    """What the pairs of each pattern are worth, by what is counted now.

    Args:
        bound: the largest share of false links in a pattern that links.
        few: coincidences to be expected in each pattern for decoys that are too few to be seen, where it was linked on
            trial: as many as before.
    """

    def __init__(self, bound: float, counted: Counted, few: np.ndarray | None = None) -> None:
        patterns, self._bound, self._linked = counted.patterns, bound, counted.linked
        decoys, self._pairs = counted.pairs[Stands.DECOYS], counted.pairs[Stands.OPEN]
        self._no_weaker, stand_in = no_weaker(patterns), stand_ins(patterns)
        # Coincidences are counted over every pattern that is no weaker, whatever else is known of its records.
        over = (self._no_weaker.astype(np.float32) @ stand_in.astype(np.float32) > 0) | self._no_weaker
        self._per_decoy = _per_decoy(patterns, counted.all_pairs)
        self._decoys = decoys @ stand_in.T
        self._expected, self._pooled = self._decoys * self._per_decoy, (decoys @ over.T) * self._per_decoy
        least = np.array([LEAST[one.core] for one in patterns])
        self._unseen = np.minimum(SHARE * decoys.sum() / max(1, len(patterns)) + least, LEAST[0])
        households = self._pairs[[one.household for one in patterns]].sum() + 1
        at_most = np.where([one.as_relatives for one in patterns], AS_RELATIVES * households, np.inf)
        self.few = np.minimum(self._unseen * self._per_decoy, at_most)
        if few is not None:
            self.few = few
        self._tried = np.where([one.core == 2 for one in patterns], TRIED, bound)
        self._least = np.where([one.relatives for one in patterns], RELATIVES, 1)

    def promising(self, on_trial: bool) -> np.ndarray:
        """Which patterns may turn out to link (shape (patterns,)); those that already keep the bound, where it is no trial."""
        together, most = (
            (self._pairs + self._linked) @ self._no_weaker.T,
            self._tried if on_trial else self._bound,
        )
        few = (self._expected <= most * self._pairs) & (self._pooled <= most * together)
        return np.asarray(
            few & self._enough(self.few, together) & (self._pairs > 0) & (together >= self._least)
        )

    def failing(self) -> np.ndarray:
        """Of which patterns the links hold too many coincidences (shape (patterns,))."""
        together = self._linked @ self._no_weaker.T
        many = (self._expected > self._bound * self._linked) | (self._pooled > self._bound * together)
        return np.asarray((self._linked > 0) & (many | ~self._enough(self._pooled + self.few, together)))

    def estimate(self) -> tuple[float, float]:
        """How many of the links are false: what is to be expected, and the most."""
        decoys = np.where(self._linked > 0, self._decoys + self._unseen, 0)
        false = np.minimum(decoys * self._per_decoy, self._linked).sum()
        spread = TOGETHER * (decoys * self._per_decoy**2).sum() + false
        if not false:
            return 0.0, 0.0
        return float(false), float(gammaincinv(false**2 / spread, SURE) * spread / false)

    def _enough(self, expected: np.ndarray, together: np.ndarray) -> np.ndarray:
        """Where coincidences to be `expected` are few of the pairs of this pattern, or of one that this is no weaker than."""
        return np.asarray((expected <= self._bound * together) @ self._no_weaker)


def _per_decoy(patterns: Sequence[Pattern], all_pairs: np.ndarray) -> np.ndarray:
    """How many coincidences are to be expected for each decoy, by pattern. What is unknown of the pattern's records is passed
    over in decoys, who have it: records of whom little is known seldom have a counterpart."""
    known, numbers = np.array([one.known for one in patterns], np.int64), np.arange(KNOWN)
    found = np.zeros(len(patterns))
    for one in np.unique(known):
        decoys = all_pairs[Stands.DECOYS, numbers & one == one].sum() + 1
        found[known == one] = all_pairs[Stands.OPEN, one] / decoys
    return found
