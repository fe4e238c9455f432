"""Linking records on person keys, for people without a shared number, over the engine's tables.

    crowd(kind, key)                    values of person keys that too many records share: they link nothing
    shown(record, place, shown, known)  the person keys (bits) that a record has, and what is known of it
    candidate(one, other, pattern, score, one_at, other_at)
                                        records that agree on a person key: in what, on how many, of which places
    standing(…, one_is, other_is, within, placed)
                                        the candidates that are not joined: their components, whether both are of one
                                        place, how many of the two have a counterpart at the other's place
    person_link(one, other, …)          those that fit each other best, in patterns that may link

A place is a selection of a partner. Which patterns may link is worked out by `lsi_match.matcher.engine.calibration`; docs/person-keys.md
says how, and what it reaches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

import duckdb
import numpy as np
import pyarrow as pa

from lsi_match.manifest.identifiers import IdentifierKind
from lsi_match.manifest.person_keys import CROWD
from lsi_match.matcher.engine.calibration import KNOWN, Calibration, Counted
from lsi_match.matcher.engine.patterns import Pattern, known_of, pattern_of

#: Joins records by edges (one, other) into components.
Label = Callable[[np.ndarray, np.ndarray], None]
Edges = tuple[np.ndarray, np.ndarray]

#: How often records are linked before, and after, it is counted what a pattern is worth. Few rounds need more than three.
_FIRST, _STEPS = 3, 6


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
        quality: of the links that were made.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, kinds: Sequence[str], bound: float) -> None:
        self._con, self._kinds, self._bound = con, kinds, bound
        proposing = [i for i, kind in enumerate(kinds) if kind.startswith("pk_")]
        self.proposing = {kind: bit for bit, kind in enumerate(proposing)}
        self._names = [kinds[kind].removeprefix("pk_") for kind in proposing]
        self._patterns: list[Pattern] = []
        self.quality = LinkQuality()

    def link(self, label: Label, one: np.ndarray, other: np.ndarray) -> None:
        """Join records by the sure edges (one, other), then by what person keys tell."""
        label(one, other)
        if not self.proposing:
            return
        self._find_crowds()
        self._find_shown()
        repeats = self._repeats()
        self._find_candidates(repeats)
        calibration = Calibration(self._patterns, self._bound, repeats)
        sure, sure_links = self._sure(calibration.sure)
        edges = _joined((one, other), sure)
        allowed = calibration.first()
        after, made, first = self._first_links(label, edges, allowed)
        again = calibration.first_again(self._counted(), first)
        if (again != allowed).any():
            after, made, _ = self._first_links(label, edges, again)
        counted = self._counted()
        calibration.add(counted, made + sure_links)
        for _ in range(_STEPS):
            accepted = calibration.accepted(counted)
            after, made = self._step(label, after, accepted, calibration.contradicts)
            if not made.any():
                break
            calibration.add(counted, made)
            counted = self._counted()
        false, at_most = calibration.estimate()
        self.quality = LinkQuality(calibration.links, round(false), ceil(at_most))

    def _first_links(
        self, label: Label, edges: Edges, allowed: np.ndarray
    ) -> tuple[Edges, np.ndarray, np.ndarray]:
        """Link until nothing is left; the edges, and how many links were made of each pattern: in all, and at first."""
        label(*edges)
        none = np.zeros(len(self._patterns), bool)
        steps: list[np.ndarray] = []
        while len(steps) < _FIRST and (not steps or steps[-1].any()):
            self._find_standing()
            edges, made = self._step(label, edges, allowed, none)
            steps.append(made)
        self._find_standing()
        return edges, np.sum(steps, axis=0), steps[0]

    def _find_crowds(self) -> None:
        self._con.execute(
            "CREATE TABLE crowd AS SELECT kind, key, count(*) AS records FROM identifier "
            "WHERE list_contains(?, kind) GROUP BY kind, key HAVING count(*) > ?",
            [list(self.proposing), CROWD],
        )

    def _find_shown(self) -> None:
        bits = " ".join(f"WHEN {kind} THEN {1 << bit}" for kind, bit in self.proposing.items())
        self._con.execute(
            f"CREATE TABLE has AS SELECT record, bit_or(CASE kind {bits} ELSE 0 END::UBIGINT) AS shown "
            "FROM identifier GROUP BY record"
        )
        seen = [shown for (shown,) in self._con.execute("SELECT DISTINCT shown FROM has").fetchall()]
        known = [int(known_of(frozenset(self._named(shown)))) for shown in seen]
        self._incoming(shown=pa.array(seen, pa.uint64()), known=pa.array(known, pa.uint8()))
        self._con.execute(
            "CREATE TABLE shown AS SELECT record, place, shown, known FROM has JOIN incoming USING (shown) "
            f"JOIN (SELECT record, {_PLACE} AS place FROM record) USING (record)"
        )
        self._con.execute("DROP TABLE has")

    def _repeats(self) -> bool:
        """Whether more than the bound's share of records has another one of the same person in its place."""
        telling = [i for i, name in zip(self.proposing, self._names, strict=True) if _tells(name)][:1]
        found = self._con.execute(
            "SELECT coalesce(sum(n), 0) FROM (SELECT count(*) AS n FROM identifier JOIN shown USING (record) "
            "WHERE list_contains(?, kind) GROUP BY place, key HAVING n > 1)",
            [telling],
        ).fetchall()
        records = self._con.execute("SELECT count(*) FROM shown").fetchall()
        return bool(found[0][0] > self._bound * records[0][0])

    def _find_candidates(self, repeats: bool) -> None:
        """Without repeats, of one place only pairs that the first telling key brings together: they may be sure."""
        telling = [i for i, name in zip(self.proposing, self._names, strict=True) if _tells(name)][:1]
        # Kind by kind, so that what is held while joining stays small.
        self._con.execute("CREATE TABLE agreement (one UINTEGER, other UINTEGER, agreed UBIGINT)")
        for kind, bit in self.proposing.items():
            anywhere = repeats or kind in telling
            self._con.execute(
                "INSERT INTO agreement WITH i AS (SELECT record, key, place FROM identifier JOIN shown USING (record) "
                "WHERE kind = $kind AND key NOT IN (SELECT key FROM crowd WHERE kind = $kind)) "
                "SELECT a.record, b.record, 1::UBIGINT << $bit FROM i a JOIN i b USING (key) "
                f"WHERE a.record < b.record {'' if anywhere else 'AND a.place <> b.place'}",
                {"kind": kind, "bit": bit},
            )
        self._con.execute(
            "CREATE TABLE pair AS SELECT one, other, agreed, a.shown & b.shown AS shared, a.place AS one_at, b.place AS other_at "
            "FROM (SELECT one, other, bit_or(agreed) AS agreed FROM agreement GROUP BY one, other) "
            "JOIN shown a ON a.record = one JOIN shown b ON b.record = other"
        )
        self._con.execute("DROP TABLE agreement")
        seen = self._con.execute("SELECT DISTINCT agreed, shared FROM pair ORDER BY ALL").fetchall()
        patterns = [pattern_of(self._named(agreed), self._named(shared)) for agreed, shared in seen]
        self._patterns = sorted(set(patterns))
        number = {pattern: i for i, pattern in enumerate(self._patterns)}
        self._incoming(
            agreed=pa.array([agreed for agreed, _ in seen], pa.uint64()),
            shared=pa.array([shared for _, shared in seen], pa.uint64()),
            pattern=pa.array([number[pattern] for pattern in patterns], pa.uint16()),
        )
        self._con.execute(_candidate(self._kinds))
        self._con.execute("DROP TABLE pair")

    def _named(self, bits: int) -> list[str]:
        return [name for bit, name in enumerate(self._names) if bits >> bit & 1]

    def _incoming(self, **columns: pa.Array) -> None:
        self._con.register("incoming", pa.table(columns))

    # one step

    def _sure(self, sure: np.ndarray) -> tuple[Edges, np.ndarray]:
        """The pairs in patterns that are surely one person, wherever they are; and how many of each pattern."""
        self._incoming(pattern=pa.array(np.flatnonzero(sure), pa.uint16()))
        return self._found(
            "SELECT one, other, pattern, (one_at = other_at)::UTINYINT AS within, 0::UTINYINT AS placed "
            "FROM candidate SEMI JOIN incoming USING (pattern)"
        )

    def _step(
        self, label: Label, edges: Edges, accepted: np.ndarray, contradicts: np.ndarray
    ) -> tuple[Edges, np.ndarray]:
        """Link pairs in `accepted` patterns (shape (2, 2, patterns)); the edges, and how many links of each pattern.

        No link is made of which the component would hold two records that contradict each other and are no
        accepted pair themselves."""
        within, placed, pattern = np.nonzero(accepted)
        self._incoming(
            within=pa.array(within, pa.uint8()),
            placed=pa.array(placed, pa.uint8()),
            pattern=pa.array(pattern, pa.uint16()),
        )
        self._con.execute(_PERSON_LINK)
        label(*_joined(edges, self._found("SELECT * FROM person_link")[0]))
        self._incoming(
            pattern=pa.array(np.flatnonzero(contradicts & ~accepted.any(axis=(0, 1))), pa.uint16())
        )
        self._con.execute(_TORN)
        new, made = self._found("SELECT * FROM person_link")
        edges = _joined(edges, new)
        label(*edges)
        return edges, made

    def _found(self, sql: str) -> tuple[Edges, np.ndarray]:
        found = {name: np.asarray(column) for name, column in self._con.execute(sql).fetchnumpy().items()}
        made = np.zeros((2, 2, len(self._patterns)), np.int64)
        np.add.at(made, (found["within"], found["placed"], found["pattern"]), 1)
        return (found["one"], found["other"]), made

    def _find_standing(self) -> None:
        for statement in _STANDING:
            self._con.execute(statement)

    def _counted(self) -> Counted:
        """What `standing` and `component` say now."""
        self._find_standing()
        pairs = np.zeros((2, 3, len(self._patterns)), np.int64)
        for within, placed, pattern, count in self._con.execute(
            "SELECT within, placed, pattern, count(*) FROM standing GROUP BY ALL"
        ).fetchall():
            pairs[within, placed, pattern] = count
        return Counted(pairs, self._all_pairs())

    def _all_pairs(self) -> np.ndarray:
        """Pairs of records at all (`Counted.all_pairs`)."""
        have, there, more = (self._con.execute(sql).fetchall() for sql in (_HAVE, _HAVE_THERE, _HAVE_MORE))
        places = sorted({place for place, *_ in have})
        every = {place: np.zeros(KNOWN) for place in places}
        for place, known, count in have:
            every[place][known] = count
        placed = {(one, other): np.zeros(KNOWN) for one in places for other in places}
        for one, other, known, count in [*there, *((place, place, *rest) for place, *rest in more)]:
            placed[one, other][known] = count
        found = np.zeros((2, 3, KNOWN, KNOWN))
        for i, one in enumerate(places):
            for other in places[i:]:
                has = placed[one, other], placed[other, one]
                has_not = every[one] - has[0], every[other] - has[1]
                # Of one place, each pair is met twice.
                within, share = (1, 0.5) if one == other else (0, 1.0)
                found[within, 0] += share * np.outer(*has_not)
                found[within, 1] += share * (np.outer(has_not[0], has[1]) + np.outer(has[0], has_not[1]))
                found[within, 2] += share * np.outer(*has)
        return found

    def counts(self) -> dict[str, int]:
        """How many links were made on person keys, how many are false by the estimate and at most; nothing without keys."""
        if not self.proposing:
            return {}
        told = self.quality
        return {"links": told.links, "false_links": told.false, "false_links_at_most": told.at_most}

    def crowds(self) -> dict[str, int]:
        """Person key → how many records had a value of it that too many share, and that therefore linked nothing."""
        if not self.proposing:
            return {}
        rows = self._con.execute("SELECT kind, sum(records)::BIGINT FROM crowd GROUP BY kind ORDER BY kind")
        return {self._kinds[kind]: count for kind, count in rows.fetchall()}


def _joined(edges: Edges, more: Edges) -> Edges:
    return np.concatenate([edges[0], more[0]]), np.concatenate([edges[1], more[1]])


def _tells(name: str) -> bool:
    """Whether this key alone shows that two records have both names and the birth date in common."""
    pattern = pattern_of([name], [name])
    return pattern.likely_one


_PLACE = "partner::USMALLINT * 256 + selection"
_HAVE = "SELECT place, known, count(*) FROM shown GROUP BY ALL"
_HAVE_THERE = """
    SELECT s.place, h.place, known, count(*) FROM shown s JOIN component USING (record) JOIN held h USING (component)
    WHERE h.place <> s.place GROUP BY ALL"""
_HAVE_MORE = """
    SELECT place, known, count(*) FROM shown JOIN component USING (record) JOIN whole USING (component)
    WHERE records > 1 GROUP BY ALL"""


def _candidate(kinds: Sequence[str]) -> str:
    """Step `candidate`. Records with two different BSNs are none."""
    numbered = IdentifierKind.BSN.value in kinds
    position = kinds.index(IdentifierKind.BSN.value) if numbered else -1
    number = f"(SELECT record, key FROM identifier WHERE kind = {position})"
    return f"""
        CREATE TABLE candidate AS
        SELECT one, other, pattern, bit_count(agreed)::UTINYINT AS score, one_at, other_at
        FROM pair JOIN incoming USING (agreed, shared)
        LEFT JOIN {number} a ON a.record = one LEFT JOIN {number} b ON b.record = other
        WHERE a.key IS NULL OR b.key IS NULL OR a.key = b.key"""


#: Step `standing`.
_STANDING = (
    f"CREATE OR REPLACE TABLE held AS SELECT component, {_PLACE} AS place, count(*) AS records "
    "FROM component JOIN record USING (record) GROUP BY ALL",
    "CREATE OR REPLACE TABLE whole AS SELECT component, sum(records) AS records FROM held GROUP BY ALL",
    """
    CREATE OR REPLACE TABLE standing AS
    SELECT c.*, a.component AS one_is, b.component AS other_is, (one_at = other_at)::UTINYINT AS within,
        CASE WHEN one_at = other_at THEN (v.records > 1)::UTINYINT + (w.records > 1)::UTINYINT
        ELSE (t.place IS NOT NULL)::UTINYINT + (u.place IS NOT NULL)::UTINYINT END AS placed
    FROM candidate c JOIN component a ON a.record = one JOIN component b ON b.record = other
    JOIN whole v ON v.component = a.component JOIN whole w ON w.component = b.component
    LEFT JOIN held t ON t.component = a.component AND t.place = other_at
    LEFT JOIN held u ON u.component = b.component AND u.place = one_at
    WHERE a.component <> b.component""",
)
#: Step `person_link`: pairs in patterns that may link (`incoming`), where for both records no other person of that place
#: fits as well. Several who fit as well are one person where they are accepted pairs themselves.
_PERSON_LINK = """
    CREATE OR REPLACE TABLE person_link AS
    WITH fitting AS (SELECT * FROM standing SEMI JOIN incoming USING (pattern, within, placed)),
    either AS (
        SELECT one AS me, other_at AS place, other_is AS you, score FROM fitting
        UNION ALL SELECT other, one_at, one_is, score FROM fitting
    ),
    top AS (SELECT me, place, max(score) AS score FROM either GROUP BY ALL),
    best AS (SELECT DISTINCT me, place, score, you FROM either JOIN top USING (me, place, score)),
    together AS (SELECT DISTINCT least(one_is, other_is) AS a, greatest(one_is, other_is) AS b FROM fitting),
    undecided AS (
        SELECT DISTINCT me, place FROM best x JOIN best y USING (me, place)
        ANTI JOIN together ON a = x.you AND b = y.you WHERE x.you < y.you
    ),
    decided AS (SELECT DISTINCT me, place, score FROM best ANTI JOIN undecided USING (me, place))
    SELECT one, other, pattern, within, placed FROM fitting f
    SEMI JOIN decided a ON a.me = one AND a.place = other_at AND a.score = f.score
    SEMI JOIN decided b ON b.me = other AND b.place = one_at AND b.score = f.score"""
#: Of `person_link`, what would bring together records whose pattern is in `incoming`.
_TORN = """
    DELETE FROM person_link WHERE one IN (
        SELECT record FROM component WHERE component IN (
            SELECT a.component FROM standing SEMI JOIN incoming USING (pattern)
            JOIN component a ON a.record = one JOIN component b ON b.record = other
            WHERE a.component = b.component))"""
