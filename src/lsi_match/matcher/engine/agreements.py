"""Which records agree on person keys: pairs, from the tokens of some keys at a time, or of a range of one.

    token(record, place, kind, key)     the tokens of those keys, until their pairs are made
    agreement(one, other, agreed)       the pairs so far, and on which keys (bits) they agree

So only pairs are held of a whole round. A value that too many records share makes none. A place is a selection of a partner.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import duckdb
import numpy as np
import pyarrow as pa

from lsi_match.base.duckdb_locked import one_row
from lsi_match.manifest.person_keys import CROWD

#: So many rows are added to the pairs before these are put together again.
_ROWS = 1_000_000


class Agreements:
    """The pairs of a round.

    Args:
        bits: person key (position of its kind) → its bit in `agreed` and `shown`.
        telling: the key that alone shows that two records have both names and the birth date in common, if there is one. Its tokens
            come first, of all records.
        bound: when a larger share of records than this has another one with that key in its place, people have several records.

    Attributes:
        shown: record → the keys (bits) that it has.
        crowds: key → how many records had a value that too many share.
    """

    def __init__(
        self, con: duckdb.DuckDBPyConnection, bits: Mapping[int, int], telling: int | None, bound: float
    ) -> None:
        self._con, self._bits, self.telling, self._bound = con, bits, telling, bound
        self._twice = self._together = 0
        self.shown = np.zeros(0, np.uint64)
        self.crowds: Counter[int] = Counter()
        con.execute("CREATE TABLE agreement (one UINTEGER, other UINTEGER, agreed UBIGINT)")
        self._forget_tokens()

    def add(self, kind: int, places: np.ndarray, numbers: np.ndarray, keys: pa.Array) -> None:
        """Take in the tokens of one key: of which records, at which places; null where a record has none."""
        if (more := int(numbers[-1]) + 1 - len(self.shown)) > 0:
            self.shown = np.concatenate([self.shown, np.zeros(more, np.uint64)])
        self.shown[numbers[keys.is_valid().to_numpy(zero_copy_only=False)]] |= np.uint64(
            1 << self._bits[kind]
        )
        columns = {"record": numbers.astype(np.uint32), "place": places.astype(np.uint16), "key": keys}
        self._con.register("incoming", pa.table(columns))
        self._con.execute(
            f"INSERT INTO token SELECT record, place, {kind}, key FROM incoming WHERE key IS NOT NULL"
        )
        self._con.unregister("incoming")

    def gather(self) -> None:
        """Make the pairs of the tokens that are here, which are forgotten."""
        kinds = [kind for (kind,) in self._con.execute("SELECT DISTINCT kind FROM token").fetchall()]
        for kind in sorted(kinds, key=lambda kind: (kind != self.telling, kind)):
            self._gather(kind)
        self._forget_tokens()

    def _gather(self, kind: int) -> None:
        of = f"(SELECT * FROM token WHERE kind = {kind})"
        if kind == self.telling:
            self._twice += self._number(
                f"SELECT coalesce(sum(n), 0) FROM (SELECT count(*) AS n FROM {of} GROUP BY place, key HAVING n > 1)"
            )
        self._con.execute(
            f"CREATE TABLE shared AS SELECT key, count(*) AS n FROM {of} GROUP BY key HAVING n > 1"
        )
        if many := self._number(f"SELECT coalesce(sum(n), 0)::BIGINT FROM shared WHERE n > {CROWD}"):
            self.crowds[kind] += many
        # Without repeats, of one place only pairs that the telling key brings together: they may be sure.
        elsewhere = "" if self.repeats or kind == self.telling else "AND a.place <> b.place"
        self._con.execute(
            f"INSERT INTO agreement WITH i AS (SELECT * FROM {of} SEMI JOIN (FROM shared WHERE n <= {CROWD}) USING (key)) "
            f"SELECT a.record, b.record, {1 << self._bits[kind]}::UBIGINT FROM i a JOIN i b USING (key) "
            f"WHERE a.record < b.record {elsewhere}"
        )
        self._con.execute("DROP TABLE shared")
        if self._number("SELECT count(*) FROM agreement") > 2 * self._together + _ROWS:
            self.put_together()

    @property
    def repeats(self) -> bool:
        """Whether more than the bound's share of records has another one of the same person in its place."""
        return self._twice > self._bound * len(self.shown)

    def put_together(self) -> None:
        """Leave one row of each pair."""
        self._con.execute(
            "CREATE TABLE pairs AS SELECT one, other, bit_or(agreed) AS agreed FROM agreement GROUP BY one, other"
        )
        self._con.execute("DROP TABLE agreement")
        self._con.execute("ALTER TABLE pairs RENAME TO agreement")
        self._together = self._number("SELECT count(*) FROM agreement")

    def _forget_tokens(self) -> None:
        self._con.execute(
            "CREATE OR REPLACE TABLE token (record UINTEGER, place USMALLINT, kind UTINYINT, key UUID)"
        )

    def _number(self, sql: str) -> int:
        return int(one_row(self._con, sql)[0])
