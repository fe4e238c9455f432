"""Values that stand at more records than their kind can have: somebody put them where none was known. They are found while
the extracts are read, and left out when these are read again.

Counted is by the hash of a value, or by its pseudonym: in two tables, each at a place that follows from other bits of it. What
is over the bound in both is a crowd; that another value is over it in both by chance happens once in a million registers of
the whole country.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from threading import Lock
from typing import NamedTuple

import numpy as np

from lsi_match.criteria.parse import Unit
from lsi_match.manifest import Manifest
from lsi_match.manifest.identifiers import CROWD_OF
from lsi_match.manifest.person_keys import COMMONEST, CROWD

#: Of the type of the tables: what numpy need not convert it adds seven times faster.
_ONE = np.uint32(1)

#: Before a way to write an address (`normalise.addresses.suffixes`), as a kind. An address that one register has in more ways
#: may be two, and is nobody's either.
WAY = "way "


class Bound(NamedTuple):
    """A value is of a crowd when it stands at more records than this, and at more than this share of those that have a value of
    the kind, or of one of these `kinds`. The tables have two to the power of `bits` places."""

    records: int
    share: float = 0.0
    kinds: tuple[str, ...] = ()
    bits: int = 21


#: Of what is known of a person. A day of birth is shared by one in 25,000 people of all ages, and by one in 400 where all
#: are of one year; who came from a country without a register of births has 1 January of a year, of a group of refugees one
#: in thirty the same. The commonest surname is that of one in 200, among people with roots in Vietnam of two in five; the
#: commonest given name, among men with roots in Somalia, of one in six. A name at half of the records is none.
_DAYS = ("birth_date", "first_of_year")
PERSON_BOUNDS = {
    "birth_date": Bound(100, 0.01, _DAYS),
    "first_of_year": Bound(100, 0.10, _DAYS),
    "given_name": Bound(100, 0.50),
    "surname": Bound(100, 0.50),
    "home": Bound(CROWD_OF[Unit.ADDRESS]),
}
#: A value of a person key that is as common as this would show whose it is, and links nothing at the matcher. There are many keys,
#: so their tables are smaller.
KEY_BOUND = Bound(CROWD, COMMONEST, bits=19)


class Crowds:
    """The crowds among the values of each kind that has a bound."""

    def __init__(self, bounds: Mapping[str, Bound]) -> None:
        self._bounds = bounds
        self._counts = {
            kind: [np.zeros(1 << bound.bits, np.uint32) for _ in range(2)] for kind, bound in bounds.items()
        }
        self._values: Counter[str] = Counter()
        self._ways: dict[str, list[np.ndarray]] = {}
        self._in_two_ways = np.empty(0, np.uint64)
        self._one_at_a_time = Lock()
        self._known = False

    @classmethod
    def of(cls, manifest: Manifest) -> Crowds:
        """For the identifiers of a manifest, its person keys, and what these are made of."""
        subject = manifest.subject
        bounds = dict.fromkeys(map(str, subject.identifiers), Bound(CROWD_OF[subject.unit]))
        if keys := subject.person_keys:
            bounds |= PERSON_BOUNDS | dict.fromkeys((f"pk_{name}" for name in keys), KEY_BOUND)
        return cls(bounds)

    def settle(self) -> bool:
        """All was counted. True, once, when there are crowds: what was read has to be read again without them."""
        if self._known:
            return False
        each = [np.unique(np.concatenate(heads)) for heads in self._ways.values() if heads]
        heads, ways = np.unique(np.concatenate(each), return_counts=True) if each else (self._in_two_ways, 0)
        self._in_two_ways = heads[ways > 1]
        again = len(self._in_two_ways) > 0 or any(
            all((table > self._most(kind)).any() for table in tables) for kind, tables in self._counts.items()
        )
        self._known = again
        return again

    def among(self, kind: str, heads: np.ndarray) -> np.ndarray | None:
        """Which of these values of a kind are of a crowd; None while that is not known, and then they are counted.

        Args:
            heads: 64 random-looking bits of each value; 0 where there is none.
        """
        if kind.startswith(WAY):
            if self._known:
                return np.asarray(np.isin(heads, self._in_two_ways) & (heads != 0))
            with self._one_at_a_time:
                self._ways.setdefault(kind, []).append(np.unique(heads[heads != 0]))
            return None
        tables = self._counts.get(kind)
        if tables is None:
            return None
        if self._known:
            over = [
                table[places] > self._most(kind)
                for table, places in zip(tables, self._places(kind, heads), strict=True)
            ]
            return np.asarray(over[0] & over[1] & (heads != 0))
        there = heads[heads != 0]
        with self._one_at_a_time:
            self._values[kind] += len(there)
            for table, places in zip(tables, self._places(kind, there), strict=True):
                np.add.at(table, places, _ONE)
        return None

    def _most(self, kind: str) -> float:
        bound = self._bounds[kind]
        return max(bound.records, bound.share * sum(self._values[one] for one in bound.kinds or (kind,)))

    def _places(self, kind: str, heads: np.ndarray) -> list[np.ndarray]:
        """The place of each value in both tables of a kind."""
        bits = self._bounds[kind].bits
        last = np.uint64((1 << bits) - 1)
        return [((heads >> np.uint64(shift)) & last).view(np.intp) for shift in (0, bits)]
