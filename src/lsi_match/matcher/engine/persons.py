"""Linking records on person keys, for people without a shared number, over the engine's tables.

    shown(record, place, shown, number)
                                      the person keys (bits) that a record has, where it stands, its BSN
    candidate(one, other, agreed)     records that agree on a person key, and on which
    met(one, other, agreed)           the same of persons: one of the records of each agrees
    person(component, places, shown, number, certain)
                                      who was found so far: where, which keys they have, the BSN, whether several records
                                      tell names and birth date alike
    standing(one, other, pattern, score, stands, one_at, other_at)
                                      persons who met: in what they agree, on how many keys, and how they stand to each
                                      other (`calibration.Stands`)
    person_link(one, other, pattern)  those that fit each other best, in patterns that may link

A place is a selection of a partner. A person is known by the first of its records; at first every record is a person of its own.
Which patterns may link is worked out by `lsi_match.matcher.engine.calibration`; docs/person-keys.md says how, and what it reaches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

import duckdb
import numpy as np
import pyarrow as pa

from lsi_match.manifest.identifiers import IdentifierKind
from lsi_match.matcher.engine.agreements import Agreements
from lsi_match.matcher.engine.calibration import Calibration, Counted, Group, Stands, pairs_of
from lsi_match.matcher.engine.patterns import Pattern, known_of, pattern_of

#: Joins records by edges (one, other) into components.
Label = Callable[[np.ndarray, np.ndarray], None]
Edges = tuple[np.ndarray, np.ndarray]

#: How often it is linked in the same patterns, and with more patterns. Few rounds need half of these.
_TIMES, _STEPS = 6, 12


@dataclass(frozen=True)
class LinkQuality:
    """How many links were made on person keys, how many of them are false by the estimate, and at most."""

    links: int = 0
    false: int = 0
    at_most: int = 0


class Persons:
    """The person keys of one run.

    Args:
        bound: the largest share of false links in a pattern that links.

    Attributes:
        proposing: the kinds (positions) that are person keys → their bit in `shown`.
        agreements: which records agree on them.
        quality: of the links that were made.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, kinds: Sequence[str], bound: float) -> None:
        self._con, self._kinds, self._bound = con, kinds, bound
        proposing = [i for i, kind in enumerate(kinds) if kind.startswith("pk_")]
        self.proposing = {kind: bit for bit, kind in enumerate(proposing)}
        self._names = [kinds[kind].removeprefix("pk_") for kind in proposing]
        telling = (kind for kind, name in zip(proposing, self._names, strict=True) if _tells(name))
        self.agreements = Agreements(con, self.proposing, next(telling, None), bound)
        self._patterns: dict[Pattern, int] = {}
        self._repeats = False
        self._linked = np.zeros(0, np.int64)
        #: How all stands, while nothing was joined since it was counted.
        self._known: Counted | None = None
        self.quality = LinkQuality()

    def link(self, label: Label, one: np.ndarray, other: np.ndarray) -> None:
        """Join records by the sure edges (one, other), then by what person keys tell."""
        self._label, self._edges = label, (one, other)
        label(one, other)
        if not self.proposing:
            return
        self.agreements.gather()
        self._repeats = self.agreements.repeats
        self._find_shown()
        self._find_candidates()
        self._counted()
        linking, barred = self._try(self._those("likely_one"), np.zeros(0, bool), np.zeros(0))
        for _ in range(_STEPS):
            before, found = self._linked.sum(), Calibration(self._bound, self._counted())
            tried = found.promising() & ~self._wide(linking) & ~self._wide(barred)
            linking, failed = self._try(tried, linking, found.few)
            barred = self._wide(barred) | failed
            if self._linked.sum() == before:
                break
        false, at_most = Calibration(self._bound, self._counted()).estimate()
        self.quality = LinkQuality(int(self._linked.sum()), round(false), ceil(at_most))

    def _try(self, tried: np.ndarray, linking: np.ndarray, few: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Link in these patterns too. Which ones turn out to hold too many coincidences is seen when it is known who is left
        without a counterpart; then it is done again without them. Those that link, and those that failed."""
        edges, linked, failed = self._edges, self._linked, np.zeros(0, bool)
        while True:
            for _ in range(_TIMES):
                self._counted()
                if not self._step(self._wide(linking) | self._wide(tried)):
                    break
            failing = Calibration(self._bound, self._counted(), self._wide(few)).failing() & self._wide(tried)
            if not failing.any():
                return self._wide(linking) | self._wide(tried), self._wide(failed)
            self._edges, self._linked, self._known = edges, linked, None
            self._label(*edges)
            tried, failed = self._wide(tried) & ~failing, self._wide(failed) | failing

    def _those(self, name: str) -> np.ndarray:
        """The patterns of which this property holds."""
        return np.array([getattr(pattern, name) for pattern in self._patterns], bool)

    def _wide(self, marks: np.ndarray) -> np.ndarray:
        """With patterns that were seen since."""
        return np.pad(marks, (0, len(self._patterns) - len(marks)))

    def _find_shown(self) -> None:
        shown = self.agreements.shown
        bsn = IdentifierKind.BSN.value
        number = self._kinds.index(bsn) if bsn in self._kinds else -1
        self._incoming(record=pa.array(np.arange(len(shown), dtype=np.uint32)), shown=pa.array(shown))
        self._con.execute(
            "CREATE TABLE shown AS SELECT record, dense_rank() OVER (ORDER BY partner, selection) - 1 AS place, shown, number "
            "FROM record JOIN incoming USING (record) LEFT JOIN "
            f"(SELECT record, min(key) AS number FROM identifier WHERE kind = {number} GROUP BY record) USING (record)"
        )

    def _find_candidates(self) -> None:
        self.agreements.put_together()
        self._con.execute("ALTER TABLE agreement RENAME TO candidate")

    def _named(self, bits: int) -> list[str]:
        return [name for bit, name in enumerate(self._names) if bits >> bit & 1]

    def _incoming(self, **columns: pa.Array) -> None:
        self._con.register("incoming", pa.table(columns))

    # one step

    def _counted(self) -> Counted:
        """Find who was found so far, and how they stand to each other; and count them."""
        if self._known is not None:
            return self._known
        self._con.execute(_MET)
        inside = self._con.execute("SELECT DISTINCT agreed FROM met WHERE one = other").fetchall()
        certain = [one for (one,) in inside if pattern_of(self._named(one), self._named(one)).likely_one]
        self._con.execute(_PERSON, {"certain": certain, "repeats": self._repeats})
        seen = self._con.execute(_SEEN).fetchall()
        patterns = [pattern_of(self._named(agreed), self._named(shared)) for agreed, shared in seen]
        for pattern in patterns:
            self._patterns.setdefault(pattern, len(self._patterns))
        self._linked = self._wide(self._linked)
        self._incoming(
            agreed=pa.array([agreed for agreed, _ in seen], pa.uint64()),
            shared=pa.array([shared for _, shared in seen], pa.uint64()),
            pattern=pa.array([self._patterns[pattern] for pattern in patterns], pa.uint16()),
        )
        self._con.execute(_STANDING, {"apart": int(Stands.OPEN if self._repeats else Stands.APART)})
        pairs = np.zeros((len(Stands), len(self._patterns)), np.int64)
        counts = self._con.execute("SELECT stands, pattern, count(*) FROM standing GROUP BY ALL").fetchall()
        for stands, pattern, count in counts:
            pairs[stands, pattern] = count
        groups = pairs_of(self._groups(), self._repeats)
        self._known = Counted(list(self._patterns), pairs, self._linked, groups)
        return self._known

    def _groups(self) -> list[Group]:
        found = self._con.execute("SELECT places::VARCHAR, certain, shown, count(*) FROM person GROUP BY ALL")
        return [
            Group(int(places), certain, known_of(frozenset(self._named(shown))), persons)
            for places, certain, shown, persons in found.fetchall()
        ]

    def _step(self, linking: np.ndarray) -> int:
        """Link persons who fit each other best in these patterns, and those who are surely one; how many links.

        No person comes to hold two who contradict each other, unless that pattern links."""
        sure, likely = self._those("surely_one"), self._those("likely_one")
        open_to = np.array([linking, linking & likely & self._repeats, np.zeros(len(linking), bool)]) | sure
        stands, pattern = np.nonzero(open_to)
        self._incoming(stands=pa.array(stands, pa.uint8()), pattern=pa.array(pattern, pa.uint16()))
        self._con.execute(_PERSON_LINK)
        self._join()
        contradicting = np.flatnonzero(self._those("contradicts") & ~linking)
        self._con.execute(
            _TORN, {"contradicting": contradicting.tolist(), "likely": np.flatnonzero(likely).tolist()}
        )
        edges, made = self._join()
        if len(made):
            self._edges, self._linked = edges, self._linked + np.bincount(made, minlength=len(linking))
            self._known = None
        return len(made)

    def _join(self) -> tuple[Edges, np.ndarray]:
        """Join what is linked now; all edges, and the patterns of the new ones."""
        made = self._con.execute("SELECT * FROM person_link").fetchnumpy()
        one, other = (
            np.concatenate([before, made[name]])
            for before, name in zip(self._edges, ("one", "other"), strict=True)
        )
        self._label(one, other)
        return (one, other), np.asarray(made["pattern"])

    def counts(self) -> dict[str, int]:
        """How many links were made on person keys, how many are false by the estimate and at most; nothing without keys."""
        if not self.proposing:
            return {}
        told = self.quality
        return {"links": told.links, "false_links": told.false, "false_links_at_most": told.at_most}

    def crowds(self) -> dict[str, int]:
        """Person key → how many records had a value of it that too many share, and that therefore linked nothing."""
        return {self._kinds[kind]: count for kind, count in sorted(self.agreements.crowds.items())}


def _tells(name: str) -> bool:
    """Whether this key alone shows that two records have both names and the birth date in common."""
    return pattern_of([name], [name]).likely_one


_MET = """
    CREATE OR REPLACE TABLE met AS
    SELECT least(a.component, b.component) AS one, greatest(a.component, b.component) AS other, bit_or(agreed) AS agreed
    FROM candidate c JOIN component a ON a.record = c.one JOIN component b ON b.record = c.other GROUP BY ALL"""
#: Where people have several records in a place, places do not count. Of more than 128 places some share a bit: these link less.
_PERSON = """
    CREATE OR REPLACE TABLE person AS
    SELECT component, bit_or(1::UHUGEINT << (CASE WHEN $repeats THEN 0 ELSE place % 128 END)::UHUGEINT) AS places,
        bit_or(shown) AS shown, min(number) AS number, coalesce(list_contains($certain, any_value(agreed)), false) AS certain
    FROM component JOIN shown USING (record) LEFT JOIN met ON one = component AND other = component
    GROUP BY component"""
_SEEN = """
    SELECT DISTINCT agreed, a.shown & b.shown FROM met JOIN person a ON a.component = one
    JOIN person b ON b.component = other WHERE one <> other ORDER BY ALL"""
#: Two different BSNs are never one person.
_STANDING = f"""
    CREATE OR REPLACE TABLE standing AS
    SELECT one, other, pattern, bit_count(m.agreed)::UTINYINT AS score, a.places AS one_at, b.places AS other_at,
        CASE WHEN a.places & b.places = 0 THEN {Stands.OPEN:d} WHEN a.certain AND b.certain THEN {Stands.DECOYS:d}
        ELSE $apart END::UTINYINT AS stands
    FROM met m JOIN person a ON a.component = one JOIN person b ON b.component = other
    JOIN incoming i ON i.agreed = m.agreed AND i.shared = a.shown & b.shown
    WHERE one <> other AND (a.number IS NULL OR b.number IS NULL OR a.number = b.number)"""
#: Pairs in patterns that may link (`incoming`), where neither has another one who fits as well and is somebody else: who stands
#: where this one does, and does not fit it.
_PERSON_LINK = """
    CREATE OR REPLACE TABLE person_link AS
    WITH fitting AS (SELECT * FROM standing SEMI JOIN incoming USING (pattern, stands)),
    either AS (
        SELECT one AS me, other AS you, other_at AS places, score FROM fitting
        UNION ALL SELECT other, one, one_at, score FROM fitting
    ),
    rivalled AS (
        SELECT DISTINCT x.me, x.you FROM either x
        JOIN either y ON y.me = x.me AND y.you <> x.you AND y.score >= x.score AND x.places & y.places <> 0
        ANTI JOIN either z ON z.me = x.you AND z.you = y.you
    )
    SELECT one, other, pattern FROM fitting
    ANTI JOIN rivalled a ON a.me = one AND a.you = other ANTI JOIN rivalled b ON b.me = other AND b.you = one"""
#: Of `person_link`, but for likely ones, what would bring together persons who contradict each other.
_TORN = """
    DELETE FROM person_link WHERE NOT list_contains($likely, pattern) AND one IN (
        SELECT record FROM component WHERE component IN (
            SELECT a.component FROM standing JOIN component a ON a.record = one JOIN component b ON b.record = other
            WHERE a.component = b.component AND list_contains($contradicting, pattern)))"""
