"""Linking records on person keys, for people without a shared number, over the engine's tables.

    crowd(kind, key)                        values of person keys that too many records share: they link nothing
    candidate(one, other, agreed, known)    records of two partners, the person keys (bits) they agree on, and
                                            which of given name and birth date (bits) are known of both
    person_link(one, other)                 the candidates that fit each other best

The rules are those of `lsi_match.manifest.person_keys`; docs/person-keys.md says what they reach.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import duckdb
import numpy as np
import pyarrow as pa

from lsi_match.manifest.identifiers import IdentifierKind
from lsi_match.manifest.person_keys import (
    CROWD,
    PERSON_KEYS,
    PROOF,
    PROVEN,
    Core,
    PersonKey,
    Strength,
    core_of,
    may_link,
)

_CORE = tuple(Core)
#: Joins records by edges (one, other) into components.
Label = Callable[[np.ndarray, np.ndarray], None]


class Persons:
    """The person keys of one run.

    Attributes:
        proposing: the kinds (positions) that only propose a link → their bit in `candidate.agreed`.
        proven: the keys that proved themselves in this round.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, kinds: Sequence[str]) -> None:
        self._con = con
        self._kinds = kinds
        keys = {i: _person_key(kind) for i, kind in enumerate(kinds)}
        proposing = [i for i, key in keys.items() if key and key.strength is not Strength.SURE]
        self.proposing = {kind: bit for bit, kind in enumerate(proposing)}
        self._names = [kinds[kind].removeprefix("pk_") for kind in proposing]
        self.proven: list[str] = []

    def link(self, label: Label, one: np.ndarray, other: np.ndarray) -> None:
        """Join records by the sure edges (one, other), then by what person keys propose, and once more when it is
        known which of them can be relied on in this round."""
        label(one, other)
        if not self.proposing:
            return
        self._find_crowds()
        self._find_candidates()
        for again in (False, True):
            if again:
                self.proven = self._find_proven()
            self._con.register("incoming", self._enough())
            self._con.execute(_person_link(self._kinds))
            self._con.unregister("incoming")
            links = self._con.execute("SELECT one, other FROM person_link").fetchnumpy()
            one = np.concatenate([one, np.asarray(links["one"])])
            other = np.concatenate([other, np.asarray(links["other"])])
            label(one, other)

    def _find_crowds(self) -> None:
        self._con.execute(
            "CREATE TABLE crowd AS SELECT kind, key, count(*) AS records FROM identifier "
            "WHERE list_contains(?, kind) GROUP BY kind, key HAVING count(*) > ?",
            [list(self.proposing), CROWD],
        )

    def _find_candidates(self) -> None:
        # Kind by kind, so that what is held while joining stays small.
        self._con.execute("CREATE TABLE agreement (one UINTEGER, other UINTEGER, agreed UBIGINT)")
        for kind, bit in self.proposing.items():
            self._con.execute(
                "INSERT INTO agreement WITH i AS (SELECT record, key, partner FROM identifier JOIN record USING (record) "
                "WHERE kind = $kind AND key NOT IN (SELECT key FROM crowd WHERE kind = $kind)) "
                "SELECT a.record, b.record, 1::UBIGINT << $bit FROM i a JOIN i b USING (key) WHERE a.partner < b.partner",
                {"kind": kind, "bit": bit},
            )
        cores = {kind: core_of([name]) for kind, name in zip(self.proposing, self._names, strict=True)}
        shown = " ".join(
            f"WHEN {kind} THEN {sum(1 << _CORE.index(core) for core in held)}" for kind, held in cores.items()
        )
        self._con.execute(
            "CREATE TABLE candidate AS "
            f"WITH shown AS (SELECT record, bit_or(CASE kind {shown} ELSE 0 END) AS core FROM identifier GROUP BY record), "
            "pair AS (SELECT one, other, bit_or(agreed) AS agreed FROM agreement GROUP BY one, other) "
            "SELECT one, other, agreed, (a.core & b.core)::UTINYINT AS known FROM pair "
            "JOIN shown a ON a.record = one JOIN shown b ON b.record = other"
        )
        self._con.execute("DROP TABLE agreement")

    def _named(self, agreed: int) -> list[str]:
        return [name for bit, name in enumerate(self._names) if agreed >> bit & 1]

    def _enough(self) -> pa.Table:
        """The combinations of `agreed` and `known` in `candidate` that may link (`may_link` has the rule)."""
        seen = self._con.execute("SELECT DISTINCT agreed, known FROM candidate").fetchall()
        enough = [
            (agreed, known)
            for agreed, known in seen
            if may_link(
                self._named(agreed), [core for bit, core in enumerate(_CORE) if known >> bit & 1], self.proven
            )
        ]
        return pa.table(
            {
                "agreed": pa.array([agreed for agreed, _ in enough], pa.uint64()),
                "known": pa.array([known for _, known in enough], pa.uint8()),
            }
        )

    def _find_proven(self) -> list[str]:
        """The keys on which agreement is (nearly) always with the counterpart, where both records have one."""
        counted = self._con.execute("""
            WITH placed AS (SELECT record, partner, component FROM record JOIN component USING (record)),
            taken AS (SELECT DISTINCT component, partner FROM placed)
            SELECT agreed, count(*), count(*) FILTER (WHERE a.component = b.component) FROM candidate
            JOIN placed a ON a.record = one JOIN placed b ON b.record = other
            SEMI JOIN taken t ON t.component = a.component AND t.partner = b.partner
            SEMI JOIN taken u ON u.component = b.component AND u.partner = a.partner
            GROUP BY agreed""").fetchall()
        agreements, right = dict.fromkeys(self._names, 0), dict.fromkeys(self._names, 0)
        for agreed, together, with_counterpart in counted:
            for name in self._named(agreed):
                agreements[name] += together
                right[name] += with_counterpart
        return [n for n in self._names if agreements[n] >= PROOF and right[n] >= PROVEN * agreements[n]]

    def crowds(self) -> dict[str, int]:
        """Person key → how many records had a value of it that too many share, and that therefore linked nothing."""
        if not self.proposing:
            return {}
        rows = self._con.execute("SELECT kind, sum(records)::BIGINT FROM crowd GROUP BY kind ORDER BY kind")
        return {self._kinds[kind]: count for kind, count in rows.fetchall()}


def _person_key(kind: str) -> PersonKey | None:
    return PERSON_KEYS.get(kind.removeprefix("pk_")) if kind.startswith("pk_") else None


def _person_link(kinds: Sequence[str]) -> str:
    """Step `person_link`: of the candidates that agree on enough (`incoming`), those where, for both records, no
    other person of the same partner fits as well, and neither is joined to a record of the other's partner.
    Records with two different BSNs are no candidates."""
    numbered = IdentifierKind.BSN.value in kinds
    position = kinds.index(IdentifierKind.BSN.value) if numbered else 0
    number = f"(SELECT record, key FROM identifier WHERE kind = {position if numbered else -1})"
    return f"""
        CREATE OR REPLACE TABLE person_link AS
        WITH placed AS (
            SELECT record, partner::INTEGER AS partner, component, n.key AS bsn
            FROM record JOIN component USING (record) LEFT JOIN {number} n USING (record)
        ),
        taken AS (SELECT DISTINCT component, partner FROM placed),
        scored AS (
            SELECT one, other, bit_count(agreed) AS score, a.component AS one_is, b.component AS other_is,
                a.partner AS one_at, b.partner AS other_at
            FROM candidate SEMI JOIN incoming USING (agreed, known)
            JOIN placed a ON a.record = one JOIN placed b ON b.record = other
            WHERE a.component <> b.component AND (a.bsn IS NULL OR b.bsn IS NULL OR a.bsn = b.bsn)
        ),
        free AS (
            SELECT * FROM scored
            ANTI JOIN taken t ON t.component = one_is AND t.partner = other_at
            ANTI JOIN taken u ON u.component = other_is AND u.partner = one_at
        ),
        ranked AS (
            SELECT *, max(score) OVER (PARTITION BY one, other_at) AS best_of_one,
                max(score) OVER (PARTITION BY other, one_at) AS best_of_other
            FROM free
        ),
        top_of_one AS (
            SELECT one, other_at FROM ranked WHERE score = best_of_one GROUP BY one, other_at
            HAVING min(other_is) = max(other_is)
        ),
        top_of_other AS (
            SELECT other, one_at FROM ranked WHERE score = best_of_other GROUP BY other, one_at
            HAVING min(one_is) = max(one_is)
        )
        SELECT one, other FROM ranked SEMI JOIN top_of_one USING (one, other_at)
        SEMI JOIN top_of_other USING (other, one_at)
        WHERE score = best_of_one AND score = best_of_other"""
