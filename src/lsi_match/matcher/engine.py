"""Matching in DuckDB: named steps, each one readable statement over the tables of the steps before.

    record(record, partner, selection, signals, cell, reference, a0…)   every row of every drop
    identifier(record, kind, key)           its pseudonyms, re-keyed with the run key
    component(record, component)            records that share an identifier, directly or through others
    subject_of(record, subject)             the same, after conflicts are resolved
    subject(subject, cell, m0…)             per subject the signals of each partner, null where it has no record
    profile(subject, cell, partners, …)     the columns that the match rule may name
    case_of(subject, case_id)               the subjects that meet the rule, under a random id

Person keys that are sure join records as identifiers do; the others only propose (`lsi_match.matcher.persons`).

A component never becomes one subject when it holds two different BSNs: then each BSN is a subject of its own,
and records of the component without a BSN are set aside as ambiguous, in no case.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from lsi_match.matcher.intake import Drop
from lsi_match.matcher.persons import Persons
from lsi_match.protocol.cells import cell_sql, place_sql
from lsi_match.protocol.identifiers import IdentifierKind
from lsi_match.protocol.manifest import NO_VALUE, Attribute, Manifest, Monitor
from lsi_match.protocol.tables import (
    GROUP,
    REFERENCE,
    SELECTION,
    SIGNALS,
    ReleasedColumn,
    attribute_column,
    release_columns,
)
from lsi_match.sql import locked_connection, one_row, quoted
from lsi_match.tables import schema_of
from lsi_match.trust.blocks import BLOCK, decrypt_blocks, encrypt_blocks, make_key


class Engine:
    """One run's database, in memory, and the run key that lives as long as this object."""

    def __init__(self, manifest: Manifest, memory_limit: str = "4GB") -> None:
        self.manifest = manifest
        self.partners = list(manifest.partners)
        self.kinds = manifest.subject.kinds
        self._run_key = make_key()
        self._con = locked_connection(memory_limit=memory_limit)
        self._slots = max((len(p.attribute_ids) for p in manifest.partners.values()), default=0)
        slots = "".join(f", a{i} USMALLINT" for i in range(self._slots))
        self._con.execute(
            "CREATE TABLE record (record UINTEGER, partner UTINYINT, selection UTINYINT, signals UBIGINT, "
            f"cell UTINYINT, reference UUID{slots})"
        )
        self._con.execute("CREATE TABLE identifier (record UINTEGER, kind UTINYINT, key UUID)")
        self.persons = Persons(self._con, self.kinds)

    def close(self) -> None:
        """Drop the database and the run key."""
        self._con.close()
        self._run_key = b""

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """What a step's table holds, for tests and counts."""
        return [tuple(row) for row in self._con.execute(sql).fetchall()]

    # intake

    def add(self, drop: Drop) -> None:
        """Step `record` and `identifier`: take in a drop, its pseudonyms re-keyed on the way."""
        for part in drop.parts:
            if part.num_rows:
                self._add_part(drop.partner, part)

    def _add_part(self, partner: str, part: pa.Table) -> None:
        start = self._count("record")
        numbers = pa.array(np.arange(start, start + part.num_rows, dtype=np.uint32))
        attributes = self.manifest.partners[partner].attribute_ids
        slots = "".join(
            f", {quoted(attribute_column(attributes[i])) if i < len(attributes) else NO_VALUE}"
            for i in range(self._slots)
        )
        columns = {name: part.column(name) for name in part.column_names if name not in self.kinds}
        self._con.register("incoming", pa.table({"record": numbers, **columns}))
        self._con.execute(
            f"INSERT INTO record SELECT record, {self.partners.index(partner)}, {SELECTION}, {SIGNALS}, "
            f'"{GROUP}", {REFERENCE}::UUID{slots} FROM incoming'
        )
        self._con.unregister("incoming")
        for position, kind in enumerate(self.kinds):
            self._con.register(
                "incoming", pa.table({"record": numbers, "key": self._rekeyed(part.column(kind))})
            )
            self._con.execute(
                f"INSERT INTO identifier SELECT record, {position}, key::UUID FROM incoming WHERE key IS NOT NULL"
            )
            self._con.unregister("incoming")

    def _rekeyed(self, pseudonyms: pa.ChunkedArray) -> pa.Array:
        array = pseudonyms.combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            array = array.chunk(0)
        blocks = array.buffers()[1]
        data = memoryview(blocks)[array.offset * BLOCK : (array.offset + len(array)) * BLOCK]
        encrypted = pa.py_buffer(encrypt_blocks(data, self._run_key))
        if array.null_count == 0:
            return pa.FixedSizeBinaryArray.from_buffers(pa.binary(BLOCK), len(array), [None, encrypted])
        mask = pa.compute.is_valid(array)
        return pa.compute.if_else(
            mask, pa.FixedSizeBinaryArray.from_buffers(pa.binary(BLOCK), len(array), [None, encrypted]), None
        )

    # subjects

    def match(self) -> None:
        """Run every step from `component` to `case_of`."""
        self.link()
        for statement in (
            _subject_of(self.kinds),
            _subject(self.manifest.monitor, len(self.partners)),
            self._profile(),
            self._case_subject(),
        ):
            self._con.execute(statement)
        self._number_cases()

    def link(self) -> None:
        """Step `component`, and those of person keys. With one kind of identifier an equal key is the whole story;
        with more, records are joined through whatever keys they share (connected components of records and first
        record per key)."""
        if len(self.kinds) == 1 and not self.persons.proposing:
            self._con.execute(
                "CREATE TABLE component AS SELECT record, first AS component FROM identifier "
                "JOIN (SELECT key, min(record) AS first FROM identifier GROUP BY key) USING (key)"
            )
            return
        sure = [i for i in range(len(self.kinds)) if i not in self.persons.proposing]
        edges = self._con.execute(
            "WITH sure AS (SELECT * FROM identifier WHERE list_contains(?, kind)) "
            "SELECT record, first FROM sure JOIN (SELECT kind, key, min(record) AS first FROM sure "
            "GROUP BY kind, key) USING (kind, key) WHERE record <> first",
            [sure],
        ).fetchnumpy()
        self.persons.link(self._label, np.asarray(edges["record"]), np.asarray(edges["first"]))

    def _label(self, one: np.ndarray, other: np.ndarray) -> None:
        """Table `component`: the connected components of the records joined by these edges."""
        count = self._count("record")
        graph = coo_array((np.ones(len(one), dtype=np.int8), (one, other)), shape=(count, count))
        labels = connected_components(graph, directed=False)[1]
        numbers = pa.array(np.arange(count, dtype=np.uint32))
        self._con.register(
            "incoming", pa.table({"record": numbers, "component": pa.array(labels.astype(np.uint32))})
        )
        self._con.execute("CREATE OR REPLACE TABLE component AS SELECT * FROM incoming")
        self._con.unregister("incoming")

    def _profile(self) -> str:
        """Step `profile`: the columns of the match rule, as docs/criteria.md lists them."""
        columns = []
        for i, (name, partner) in enumerate(self.manifest.partners.items()):
            columns.append(f"m{i} IS NOT NULL AS {quoted(name)}")
            columns += [
                f"coalesce(m{i} & {1 << bit}::UBIGINT, 0) <> 0 AS {quoted(f'{name}_{signal.id}')}"
                for bit, signal in enumerate(partner.signals)
            ]
        partners = " + ".join(f"(m{i} IS NOT NULL)::INTEGER" for i in range(len(self.partners)))
        return f"CREATE VIEW profile AS SELECT subject, cell, {partners} AS partners, {', '.join(columns)} FROM subject"

    def _case_subject(self) -> str:
        """Step `case_subject`: the subjects that meet the match rule."""
        rule = self.manifest.match_predicate().sql()
        return f"CREATE TABLE case_subject AS SELECT subject FROM profile WHERE ({rule}) ORDER BY subject"

    def _number_cases(self) -> None:
        """Step `case_of`: an id of 16 random bytes per case, derived from nothing."""
        subjects = self._con.sql("SELECT subject FROM case_subject").to_arrow_table().column("subject")
        ids = pa.py_buffer(secrets.token_bytes(BLOCK * len(subjects)))
        cases = pa.FixedSizeBinaryArray.from_buffers(pa.binary(BLOCK), len(subjects), [None, ids])
        self._con.register("incoming", pa.table({"subject": subjects, "case_id": cases}))
        self._con.execute("CREATE TABLE case_of AS SELECT subject, case_id::UUID AS case_id FROM incoming")
        self._con.unregister("incoming")

    # what comes out

    @property
    def cases(self) -> int:
        """The number of cases."""
        return self._count("case_of")

    def cases_of(self, partner: str) -> int:
        """The number of cases that `partner` has a record in."""
        position = self.partners.index(partner)
        return self._number(
            f"SELECT count(DISTINCT subject) FROM case_of JOIN subject_of USING (subject) JOIN record USING (record) "
            f"WHERE partner = {position}"
        )

    def counts(self) -> dict[str, int]:
        """How many subjects, subjects of two or more partners, cases, and records set aside as ambiguous."""
        return {
            "subjects": self._count("subject"),
            "matched": self._number("SELECT count(*) FROM profile WHERE partners >= 2"),
            "cases": self.cases,
            "ambiguous_records": self._count("record") - self._count("subject_of"),
        }

    def group_counts(self) -> dict[str, dict[int, int]]:
        """Stage → group cell → count: records `delivered`, `subjects`, those `matched` (two partners or more), `cases`."""
        stages = {
            "delivered": "SELECT cell, count(*) FROM record GROUP BY cell",
            "subjects": "SELECT cell, count(*) FROM subject GROUP BY cell",
            "matched": "SELECT cell, count(*) FROM profile WHERE partners >= 2 GROUP BY cell",
            "cases": "SELECT cell, count(*) FROM case_of JOIN subject USING (subject) GROUP BY cell",
        }
        return {stage: dict(self._con.execute(sql).fetchall()) for stage, sql in stages.items()}

    def release(self, recipient: str) -> pa.Table:
        """The rows for `recipient`: its own records in a case, and of the others what `release_columns` names."""
        columns = release_columns(self.manifest, recipient)
        position = self.partners.index(recipient)
        chosen = ", ".join(f"{self._released(c)} AS {quoted(c.name)}" for c in columns)
        table = self._con.sql(
            f"SELECT {chosen} FROM case_of JOIN subject_of USING (subject) JOIN record USING (record) "
            f"JOIN profile USING (subject) WHERE record.partner = {position} ORDER BY case_of.case_id, record.reference"
        ).to_arrow_table()
        return _blocks_from_text(table, columns)

    def _released(self, column: ReleasedColumn) -> str:
        match column.source:
            case "case":
                return "case_of.case_id"
            case "reference":
                return "record.reference"
            case "selection":
                return "record.selection"
            case "partner":
                return f"profile.{quoted(column.other)}"
            case "signal":
                return f"profile.{quoted(f'{column.other}_{column.item}')}"
            case "attribute":
                return self._attribute_text(column.other, column.item)

    def _attribute_text(self, other: str, item: str) -> str:
        """The values of an attribute over all records of `other` in the case, as labels in order."""
        partner = self.manifest.partners[other]
        attribute = next(a for a in partner.attributes if a.id == item)
        slot = f"r.a{partner.attribute_ids.index(item)}"
        return (
            f"(SELECT coalesce(string_agg(DISTINCT {_label(attribute, slot)}, '; ' ORDER BY {_label(attribute, slot)}), '') "
            f"FROM subject_of s JOIN record r USING (record) WHERE s.subject = case_of.subject "
            f"AND r.partner = {self.partners.index(other)} AND {slot} <> {NO_VALUE})"
        )

    def subjects(self, recipient: str | None = None) -> pa.Table:
        """For the log: `pseudonym` (as delivered), `kind`, `partner`, `selection` and `case` of what was matched.

        One row per pseudonym and subject (partner and selection 255), and one per pseudonym and record that came into
        its subject through another one. With `recipient`: of the cases in which it has a record, its own place.
        """
        if recipient is None:
            sql = _MATCHED if len(self.kinds) == 1 else f"{_MATCHED} UNION ALL {_JOINED}"
        else:
            sql = _RELEASED.format(position=self.partners.index(recipient))
        found = self._con.sql(sql).to_arrow_table().combine_chunks()
        keys = found.column("key").cast(pa.binary(BLOCK)).combine_chunks()
        keys = keys.chunk(0) if isinstance(keys, pa.ChunkedArray) else keys
        data = memoryview(keys.buffers()[1])[keys.offset * BLOCK : (keys.offset + len(keys)) * BLOCK]
        plain = pa.py_buffer(decrypt_blocks(data, self._run_key))
        pseudonyms = pa.FixedSizeBinaryArray.from_buffers(pa.binary(BLOCK), len(keys), [None, plain])
        names = ("kind", "partner", "selection", "case")
        return pa.table({"pseudonym": pseudonyms, **{name: found.column(name) for name in names}})

    def _count(self, table: str) -> int:
        return self._number(f"SELECT count(*) FROM {table}")

    def _number(self, sql: str) -> int:
        return int(one_row(self._con, sql)[0])


_KEYED = "(SELECT DISTINCT key, kind, subject FROM identifier JOIN subject_of USING (record))"
_MATCHED = (
    f"SELECT key::BLOB AS key, kind, 255::UTINYINT AS partner, 255::UTINYINT AS selection, "
    f'(subject IN (SELECT subject FROM case_subject)) AS "case" FROM {_KEYED}'
)
_JOINED = (
    f"SELECT DISTINCT k.key::BLOB AS key, k.kind, r.partner, r.selection, "
    f'(k.subject IN (SELECT subject FROM case_subject)) AS "case" FROM {_KEYED} k JOIN subject_of s USING (subject) '
    f"JOIN record r USING (record) LEFT JOIN identifier i ON i.record = r.record AND i.kind = k.kind AND i.key = k.key "
    f"WHERE i.record IS NULL"
)
_RELEASED = (
    "SELECT DISTINCT key::BLOB AS key, kind, {position}::UTINYINT AS partner, 255::UTINYINT AS selection, "
    'true AS "case" FROM identifier JOIN subject_of USING (record) WHERE subject IN (SELECT subject FROM case_of '
    "JOIN subject_of USING (subject) JOIN record USING (record) WHERE record.partner = {position})"
)


def _subject_of(kinds: Sequence[str]) -> str:
    """Step `subject_of`: a component is a subject, unless it holds two BSNs (see the module's text)."""
    if IdentifierKind.BSN.value not in kinds or len(kinds) == 1:
        return "CREATE VIEW subject_of AS SELECT record, component AS subject FROM component"
    bsn = kinds.index(IdentifierKind.BSN.value)
    return f"""
        CREATE TABLE subject_of AS
        WITH bsn AS (SELECT record, key FROM identifier WHERE kind = {bsn}),
        conflict AS (
            SELECT component FROM component JOIN bsn USING (record) GROUP BY component HAVING count(DISTINCT key) > 1
        ),
        apart AS (
            SELECT record, min(record) OVER (PARTITION BY key) AS first
            FROM component SEMI JOIN conflict USING (component) JOIN bsn USING (record)
        ),
        whole AS (
            SELECT record, min(record) OVER (PARTITION BY component) AS first
            FROM component ANTI JOIN conflict USING (component)
        )
        SELECT record, first AS subject FROM whole UNION ALL SELECT record, first AS subject FROM apart"""


def _subject(monitor: Monitor, partners: int) -> str:
    """Step `subject`: per subject and partner the signals of all its records, and in every dimension of the monitor
    the first group that any record knows."""
    cell = cell_sql(
        monitor, (f"min({place_sql(monitor, d, 'cell')})" for d in range(len(monitor.dimensions)))
    )
    masks = ", ".join(f"bit_or(signals) FILTER (WHERE partner = {i}) AS m{i}" for i in range(partners))
    return (
        f"CREATE TABLE subject AS SELECT subject, {cell} AS cell, {masks} "
        "FROM subject_of JOIN record USING (record) GROUP BY subject"
    )


def _label(attribute: Attribute, slot: str) -> str:
    if attribute.kind == "month":
        return f"format('{{:04d}}-{{:02d}}', {slot} // 12, {slot} % 12 + 1)"
    labels = ", ".join("'" + label.replace("'", "''") + "'" for label in attribute.labels())
    return f"list_extract([{labels}], {slot}::BIGINT + 1)"


def _blocks_from_text(table: pa.Table, columns: Sequence[ReleasedColumn]) -> pa.Table:
    """UUID columns, which leave the engine as text, back to 16 bytes."""
    arrays = []
    for column in columns:
        array = table.column(column.name)
        if column.type == "block":
            data = bytes.fromhex("".join(array.to_pylist()).replace("-", ""))
            array = pa.FixedSizeBinaryArray.from_buffers(
                pa.binary(BLOCK), table.num_rows, [None, pa.py_buffer(data)]
            )
        arrays.append(array)
    return pa.table(arrays, names=[c.name for c in columns]).cast(schema_of(columns))
