"""Which patterns of agreement link records in a round, and how many of the links are false: estimated in the round. Pure.

Two records that both have a counterpart already, each another one, are two people. How many of these *decoys* agree in a
pattern tells how often two people do so by coincidence, or because they are twins or share a house. Of records that
have no counterpart, as many agree in that pattern by coincidence as their number of pairs lets expect. A pattern links
where these are no larger a share of all its pairs than the bound of the manifest.

Axes of the arrays: `within` (0 records of two places, 1 of one place; a place is a selection of a partner), `placed` (how
many of the two records have a counterpart at the other's place), patterns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv

from lsi_match.matcher.engine.patterns import Known, Pattern

#: Combinations of what is known of a record.
KNOWN = 2 * max(Known)
#: None is too few to tell: to the decoys of a pattern are added this share of those that a pattern has on average, and so
#: many by its `core`; no more than the first of these. In a round of one pair only a pattern links that has nothing against it.
SHARE, LEAST = 0.05, (0.5, 0.02, 0.009)
#: So many pairs agree at least in a pattern in which relatives do, for it to link: of a single one nothing in the round tells
#: whether it is two twins, or a misspelt name.
RELATIVES = 2
#: How sure the highest estimate is; pairs that are no coincidence come in twos (two twins are up to four pairs).
SURE, TOGETHER = 0.95, 3


@dataclass(frozen=True)
class Counted:
    """What is counted before a step.

    Attributes:
        pairs: pairs that agree in each pattern and are not joined (shape (2, 3, patterns)).
        all_pairs: pairs of records at all, by what is known of the one and the other (shape (2, 3, KNOWN, KNOWN)).
    """

    pairs: np.ndarray
    all_pairs: np.ndarray


class Calibration:
    """The patterns of a round and what their pairs turned out to be.

    Args:
        bound: the largest share of false links in a pattern that links.
        repeats: whether people have several records in one place; else only pairs of two places, of records without a
            counterpart, are linked.
    """

    def __init__(self, patterns: Sequence[Pattern], bound: float, repeats: bool) -> None:
        count = len(patterns)
        self._bound = bound
        self._known = np.array([one.known for one in patterns], np.int64)
        self._at_least = _table(patterns, lambda one, other: other.at_least(one))
        self._stand_in = _table(patterns, lambda one, other: other.seen_as(one))
        # Coincidences are counted over every pattern that is no weaker, whatever else is known of its records.
        self._decoys_over = (
            self._at_least.astype(np.int64) @ self._stand_in.astype(np.int64) > 0
        ) | self._at_least
        self._open = np.ones((2, 2, 1), bool) if repeats else np.zeros((2, 2, 1), bool)
        self._open[0, 0] = True
        self._linked = np.zeros((2, 2, count), np.int64)
        self._false = np.zeros((2, 2, count))
        self._spread = np.zeros((2, 2, count))
        self.sure = np.array([one.surely_one for one in patterns], bool)
        self.contradicts = np.array([one.contradicts for one in patterns], bool)
        self._least = np.array([LEAST[one.core] for one in patterns])
        self._pairs = np.where([one.relatives for one in patterns], RELATIVES, 1)
        self._likely = np.array([one.likely_one for one in patterns], bool) & ~self.sure

    def first(self) -> np.ndarray:
        """Which patterns link before anything is counted (shape (2, 2, patterns))."""
        return np.asarray(self._open & self._likely)

    def first_again(self, counted: Counted, linked: np.ndarray) -> np.ndarray:
        """The same without those of which `linked`, the first links, held too many coincidences."""
        false = self._decoys(counted) * self._per_decoy(counted)[:, 0]
        return np.asarray(self.first() & (false <= self._bound * linked.sum(axis=1))[:, None])

    def accepted(self, counted: Counted) -> np.ndarray:
        """Which patterns link in this step (shape (2, 2, patterns))."""
        per_decoy, decoys = self._per_decoy(counted), self._decoys(counted)[:, None]
        pairs = counted.pairs[:, :2]
        pooled = (counted.pairs[:, 2] @ self._decoys_over.T)[:, None] + self._missed(counted)
        together = (pairs + self._linked) @ self._at_least.T
        few = (decoys * per_decoy <= self._bound * pairs) & (pooled * per_decoy <= self._bound * together)
        return np.asarray(self._open & few & (pairs > 0) & (together >= self._pairs))

    def add(self, counted: Counted, linked: np.ndarray) -> None:
        """Take account of links of a step: how many of each pattern (shape (2, 2, patterns))."""
        per_decoy = self._per_decoy(counted)
        decoys = self._decoys(counted)[:, None] + self._missed(counted)
        made = linked > 0
        self._linked += linked
        self._false = np.where(made, np.maximum(self._false, decoys * per_decoy), self._false)
        self._spread = np.where(made, np.maximum(self._spread, decoys * per_decoy**2), self._spread)

    @property
    def links(self) -> int:
        """How many links were made."""
        return int(self._linked.sum())

    def estimate(self) -> tuple[float, float]:
        """How many of the links are false: what is to be expected, and the most."""
        false, spread = np.minimum(self._false, self._linked).sum(), TOGETHER * self._spread.sum()
        if not false:
            return 0.0, 0.0
        return float(false), float(gammaincinv(false**2 / spread, SURE) * spread / false)

    def _decoys(self, counted: Counted) -> np.ndarray:
        """Decoys in each pattern (shape (2, patterns)). What is unknown of the pattern's records is passed over in
        decoys, who have it: records of whom little is known seldom have a counterpart."""
        return np.asarray(counted.pairs[:, 2] @ self._stand_in.T)

    def _missed(self, counted: Counted) -> np.ndarray:
        """What is added to the decoys of a pattern, since none is too few to tell (shape (2, 1, patterns))."""
        average = counted.pairs[:, 2].sum(axis=1) / max(1, len(self._known))
        return np.asarray(np.minimum(SHARE * average[:, None] + self._least, LEAST[0])[:, None])

    def _per_decoy(self, counted: Counted) -> np.ndarray:
        """How many coincidences are to be expected for each decoy (shape (2, 2, patterns))."""
        numbers = np.arange(KNOWN)
        both = numbers[:, None] & numbers
        found = np.zeros((2, 2, len(self._known)))
        for known in np.unique(self._known):
            decoys = counted.all_pairs[:, 2, both & known == known].sum(axis=-1) + 1
            exactly = counted.all_pairs[:, :2, both == known].sum(axis=-1)
            found[:, :, self._known == known] = (exactly / decoys[:, None])[:, :, None]
        return found


def _table(patterns: Sequence[Pattern], holds: Callable[[Pattern, Pattern], bool]) -> np.ndarray:
    """For each pattern (rows) of which patterns (columns) it holds."""
    rows = [[bool(holds(one, other)) for other in patterns] for one in patterns]
    return np.array(rows, bool).reshape(len(patterns), len(patterns))
