"""Matching in DuckDB: named steps, each one readable statement over the tables of the steps before.

    record(record, partner, selection, cell, w0…, a0…)   every row of every drop
    identifier(record, kind, key)           its pseudonyms, re-keyed with the run key
    component(record, component)            records that share an identifier, directly or through others, or are linked on
                                            person keys (`lsi_match.matcher.engine.linking`)
    subject_of(record, subject)             the same, after conflicts are resolved
    subject(subject, cell, w0…)             per subject which partners have a record of it, and with which signals;
                                            and of a partner, where the match rule looks at it: its number of records
                                            (n0…), its first and last month of an attribute (f0_0…, l0_0…)
    profile(subject, cell, partners, …)     the columns that the match rule may name
    case_subject(subject, cell, …)          the subjects that meet the rule, with their profile
    case_record(record, subject, …)         their records

An engine is given the records of one bucket of the round (`lsi_match.matcher.engine.buckets`); the ids
of the cases are drawn when all are known. A subject goes by the number of its first record in the round. With one
kind of identifier an equal key is the whole story, and `identifier`, `component` and `subject_of` are views.

`record` is no copy: the database reads the columns where they are. References and sealed attributes stay outside it, and
are looked up for the records of cases. The words `w0…` hold a bit for each partner and for each of its signals (`_Bits`).

A component never becomes one subject when it holds two different BSNs: then each BSN is a subject of its own,
and records of the component without a BSN are set aside as ambiguous, in no case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from lsi_match.base.duckdb_locked import locked_connection, one_row, quoted_name
from lsi_match.criteria.parse import REFERENCE_DATE, FieldType
from lsi_match.crypto.block_cipher import BLOCK, decrypt_blocks, encrypt_blocks, make_key
from lsi_match.manifest import NO_VALUE, Manifest, Monitor, Partner
from lsi_match.manifest.identifiers import CROWD_OF, IdentifierKind
from lsi_match.protocol.columns import (
    CASE,
    GROUP,
    REFERENCE,
    SEALED,
    SELECTION,
    SIGNALS,
    WATCHED,
    ReleasedColumn,
    attribute_column,
    attribute_sources,
    release_columns,
    released_attribute_columns,
)
from lsi_match.protocol.group_cells import cell_sql, place_sql
from lsi_match.protocol.tables import blocks_of, in_one_piece, schema_of


def linked(manifest: Manifest) -> bool:
    """Whether records are linked before they are matched, since an equal number is not the whole story."""
    return len(manifest.subject.kinds) > 1 or bool(manifest.subject.person_keys)


def crowd_of(manifest: Manifest) -> int:
    """A number at more records than this is nobody's. Each partner leaves out its own crowds: this is for those that did not."""
    return CROWD_OF[manifest.subject.unit] * len(manifest.selecting)


@dataclass(frozen=True)
class EngineOutcome:
    """What came of the records of one engine.

    Attributes:
        counts: as `Engine.counts`.
        groups: as `Engine.groups` and `Engine.watched`.
        subjects: the cases, by the number of their first record, in order (uint32).
        cases_of: partner → number of cases it has a record in.
        fewer: as `Engine.fewer`.
        released: partner → as `Engine.released`.
        attributes: partner → as `Engine.attributes`, where any other may see them.
        subjects_of: partner → as `Engine.subjects`, of its own cases, where anybody can be looked up.
    """

    counts: dict[str, int]
    groups: dict[str, dict[int, int]]
    subjects: np.ndarray
    cases_of: dict[str, int]
    fewer: dict[str, int]
    released: dict[str, pa.Table]
    attributes: dict[str, pa.Table]
    subjects_of: dict[str, pa.Table]


@dataclass(frozen=True)
class _Bits:
    """Where what a partner says of a subject is, in words of 64 bits: that it has a record, then its signals."""

    word: int
    first: int

    def holds(self, bit: int) -> str:
        """An SQL expression: whether the subject has this bit; 0 is the partner itself, 1 its first signal."""
        return f"(w{self.word} & {1 << (self.first + bit)}::UBIGINT) <> 0"

    def of(self, signals: np.ndarray) -> np.ndarray:
        """The word for records with these signals."""
        word = signals << np.uint64(self.first + 1)
        word |= np.uint64(1 << self.first)
        return word


def _bits(manifest: Manifest) -> list[_Bits]:
    """Per partner its bits: all in one word (a partner has no more than 62 signals)."""
    found, word, first = [], 0, 0
    for partner in manifest.partners.values():
        if first + 1 + len(partner.signals) > 64:
            word, first = word + 1, 0
        found.append(_Bits(word, first))
        first += 1 + len(partner.signals)
    return found


class Engine:
    """A database in memory, and a key that lives as long as this object.

    Args:
        reference_date: of the round; a match rule that looks at it needs it.
    """

    def __init__(
        self,
        manifest: Manifest,
        memory_limit: str = "2GiB",
        threads: int | None = None,
        reference_date: date | None = None,
    ) -> None:
        self.manifest, self._reference_date = manifest, reference_date
        self.partners = list(manifest.partners)
        #: What is counted by besides the groups that partners know themselves: nothing, or what a statistics partner tells.
        self._watched = [quoted_name(WATCHED)] if manifest.monitor.statistics else []
        self.kinds = manifest.subject.kinds
        self._run_key = make_key()
        self._con = locked_connection(memory_limit=memory_limit, threads=threads)
        self._slots = max((len(p.rule_attribute_ids) for p in manifest.partners.values()), default=0)
        self._bits = _bits(manifest)
        self._words = self._bits[-1].word + 1
        self._records: list[pa.Table] = []
        self._outside: list[tuple[np.ndarray, dict[str, np.ndarray]]] = []
        self._one_kind = not linked(manifest)
        self._con.register("record", self._record_schema().empty_table())
        if self._one_kind:
            self._con.execute("CREATE VIEW identifier AS SELECT record, 0::UTINYINT AS kind, key FROM record")
        else:
            self._con.execute("CREATE TABLE identifier (record UINTEGER, kind UTINYINT, key UUID)")

    def _record_schema(self) -> pa.Schema:
        columns = {"record": pa.uint32(), "partner": pa.uint8(), "selection": pa.uint8(), "cell": pa.uint8()}
        columns |= {f"w{i}": pa.uint64() for i in range(self._words)}
        columns |= {f"a{i}": pa.uint16() for i in range(self._slots)}
        columns |= {WATCHED: pa.uint8()} if self._watched else {}
        return pa.schema(columns | ({"key": pa.uuid()} if self._one_kind else {}))

    def close(self) -> None:
        """Drop the database and the run key."""
        self._con.close()
        self._records, self._outside = [], []
        self._run_key = b""

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """What a step's table holds, for tests and counts."""
        return [tuple(row) for row in self._con.execute(sql).fetchall()]

    # intake

    def add(self, partner: str, part: pa.Table, numbers: np.ndarray) -> None:
        """Step `record` and `identifier`: take in rows of a drop, their pseudonyms re-keyed on the way.

        Args:
            numbers: what each record is called, over all records of the round, in order.
        """
        if not part.num_rows:
            return
        position, count = self.partners.index(partner), part.num_rows
        attributes, bits = self.manifest.partners[partner].rule_attribute_ids, self._bits[position]
        columns: dict[str, Any] = {"record": numbers.astype(np.uint32, copy=False)}
        columns["partner"] = np.full(count, position, np.uint8)
        columns |= {"selection": part.column(SELECTION), "cell": part.column(GROUP)}
        columns |= {f"w{i}": np.zeros(count, np.uint64) for i in range(self._words) if i != bits.word}
        columns[f"w{bits.word}"] = bits.of(part.column(SIGNALS).to_numpy())
        for i in range(self._slots):
            own = i < len(attributes)
            columns[f"a{i}"] = (
                part.column(attribute_column(attributes[i])) if own else np.full(count, NO_VALUE, np.uint16)
            )
        if self._watched:
            columns[WATCHED] = part.column(WATCHED)
        if self._one_kind:
            columns["key"] = self._rekeyed(part.column(self.kinds[0]))
        schema = self._record_schema()
        self._records.append(pa.table(columns).select(schema.names).cast(schema))
        seldom = {REFERENCE, SEALED} & {*part.column_names}
        self._outside.append((numbers, {name: blocks_of(in_one_piece(part.column(name))) for name in seldom}))
        self._con.register("record", pa.concat_tables(self._records))
        for kind_at, kind in enumerate(() if self._one_kind else self.kinds):
            if kind not in part.column_names:
                continue
            rekeyed = self._rekeyed(part.column(kind))
            self._con.register("incoming", pa.table({"record": numbers.astype(np.uint32), "key": rekeyed}))
            self._con.execute(
                f"INSERT INTO identifier SELECT record, {kind_at}, key FROM incoming WHERE key IS NOT NULL"
            )
            self._con.unregister("incoming")

    def _rekeyed(self, pseudonyms: pa.ChunkedArray) -> pa.Array:
        array = in_one_piece(pseudonyms)
        encrypted = pa.py_buffer(encrypt_blocks(blocks_of(array).data, self._run_key))
        there = pa.compute.is_valid(array).buffers()[1] if array.null_count else None
        blocks = pa.FixedSizeBinaryArray.from_buffers(pa.binary(BLOCK), len(array), [there, encrypted])
        return pa.ExtensionArray.from_storage(pa.uuid(), blocks)

    def _cells_of(self, records: np.ndarray, name: str, width: int = BLOCK) -> pa.Array:
        """The references, or sealed attributes, of these records, which are all here."""
        found = np.zeros((len(records), width), np.uint8)
        for numbers, outside in self._outside:
            at = np.minimum(np.searchsorted(numbers, records), len(numbers) - 1)
            mine = numbers[at] == records
            if mine.any():
                found[mine] = outside[name][at[mine]]
        return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(found), [None, pa.py_buffer(found)])

    # subjects

    def match(self, components: pa.Table | None = None) -> None:
        """Run every step from `component` to `case_record`.

        Args:
            components: of each record its component (`component` above); with one kind of identifier that is its key.
        """
        if components is None:
            # Crowds are left out of `subject`.
            self._con.execute(
                "CREATE VIEW component AS SELECT record, min(record) OVER (PARTITION BY key) AS component FROM record"
            )
        else:
            self._con.register("component", components)
        self._con.execute(_subject_of(self.kinds))
        subject = _subject(self.manifest, self._words, crowd_of(self.manifest) if self._one_kind else None)
        for statement in (subject, self._profile(), self._case_subject(), _case_record(self._one_kind)):
            self._con.execute(statement)

    def _profile(self) -> str:
        """Step `profile`: the columns of the match rule, as docs/criteria.md lists them."""
        columns = []
        for name, partner in self.manifest.selecting.items():
            i = self.partners.index(name)
            has = self._bits[i].holds
            columns.append(f"{has(0)} AS {quoted_name(name)}")
            columns += [
                f"{has(bit)} AS {quoted_name(f'{name}_{signal.id}')}"
                for bit, signal in enumerate(partner.signals, start=1)
            ]
            for slot, attribute in _for_rule(partner):
                for short, which in (("f", "first"), ("l", "last")):
                    month = f"{short}{i}_{slot}::BIGINT"
                    day = f"make_date({month} // 12, {month} % 12 + 1, 1)"
                    columns.append(f"{day} AS {quoted_name(f'{name}_{attribute}_{which}')}")
            if name in self.manifest.match.records_of:
                columns.append(f"n{i} AS {quoted_name(f'{name}_records')}")
        if self._reference_date is not None:
            columns.append(f"DATE '{self._reference_date.isoformat()}' AS {REFERENCE_DATE}")
        there = [sum(1 << bits.first for bits in self._bits if bits.word == i) for i in range(self._words)]
        partners = " + ".join(f"bit_count(w{i} & {mask}::UBIGINT)::INTEGER" for i, mask in enumerate(there))
        told = ", ".join(["subject", "cell", *self._watched, f"{partners} AS partners", *columns])
        return f"CREATE VIEW profile AS SELECT {told} FROM subject"

    def _case_subject(self) -> str:
        """Step `case_subject`: the subjects that meet the match rule."""
        rule = self.manifest.match_predicate().sql()
        return f"CREATE TABLE case_subject AS SELECT * FROM profile WHERE ({rule}) ORDER BY subject"

    # what comes out

    def outcome(self) -> EngineOutcome:
        """Everything that may outlive this engine; without rows to release where there are more cases than allowed."""
        subjects = self._con.execute("SELECT subject FROM case_subject ORDER BY subject").fetchnumpy()
        held = self._con.execute(
            "SELECT partner, count(DISTINCT subject) FROM case_record GROUP BY partner"
        ).fetchall()
        cases_of = {self.partners[position]: count for position, count in held}
        to_release = cases_of if len(subjects["subject"]) <= self.manifest.release.max_cases else {}
        seen = {source for name in to_release for source in attribute_sources(self.manifest, name)}
        return EngineOutcome(
            self.counts(),
            self.groups | self.watched(),
            np.asarray(subjects["subject"], dtype=np.uint32),
            cases_of,
            self.fewer(),
            {name: self.released(name) for name in to_release},
            {name: self.attributes(name) for name in self.partners if name in seen},
            {name: self.subjects(name) for name in to_release if self.manifest.pseudonyms.traceable},
        )

    def counts(self) -> dict[str, int]:
        """How many subjects, subjects of two or more partners, cases, and records set aside: as ambiguous, or because too
        many have the same number."""
        apart = "SELECT (SELECT count(*) FROM record) - coalesce(sum(records), 0)::BIGINT FROM subject"
        stages = {stage: sum(self.groups[stage].values()) for stage in ("subjects", "matched", "cases")}
        return stages | {"ambiguous_records": self._number(apart)}

    @cached_property
    def groups(self) -> dict[str, dict[int, int]]:
        """Stage → group cell → count: `subjects`, those `matched` (two partners or more), `cases`; of each partner its own, as
        `subjects PARTNER`; and the cases that some partners know and no other, as `cases PARTNER PARTNER`."""
        found, partners = self._counted("cell"), list(self.manifest.selecting)
        for name in partners:
            found[f"subjects {name}"] = self._per_cell("cell", f"profile WHERE {quoted_name(name)}")
        known_to = ", ".join(map(quoted_name, partners))
        cases = self._con.execute(f"SELECT cell, count(*), {known_to} FROM case_subject GROUP BY ALL")
        for cell, count, *known in cases.fetchall():
            some = sorted(name for name, knows in zip(partners, known, strict=True) if knows)
            found.setdefault(" ".join(["cases", *some]), {})[cell] = count
        return found

    def _counted(self, cell: str) -> dict[str, dict[int, int]]:
        tables = {"subjects": "subject", "matched": "profile WHERE partners >= 2", "cases": "case_subject"}
        return {stage: self._per_cell(cell, of) for stage, of in tables.items()}

    def _per_cell(self, cell: str, of: str) -> dict[int, int]:
        return dict(self._con.execute(f"SELECT {cell}, count(*) FROM {of} GROUP BY 1").fetchall())

    def watched(self) -> dict[str, dict[int, int]]:
        """The same by the groups of the statistics partner, under its name: `<it>.<stage>`; and `<it>.<partner>.<selection>`, the
        subjects with a record of that. Whom it does not know are in the cell of which nothing is known."""
        of = self.manifest.monitor.statistics
        if of is None:
            return {}
        cell = quoted_name(WATCHED)
        found = self._counted(cell)
        subject_of = "" if self._one_kind else "JOIN subject_of USING (record) "
        on = "key" if self._one_kind else "subject"
        sql = (
            f"SELECT partner, selection, s.{cell}, count(DISTINCT s.subject) FROM record {subject_of}"
            f"JOIN subject s USING ({on}) GROUP BY ALL"
        )
        for partner, selection, group, count in self._con.execute(sql).fetchall():
            name = self.partners[partner]
            stage = f"{name}.{self.manifest.partners[name].selections[selection].id}"
            found.setdefault(stage, {})[group] = count
        return {f"{of.partner}.{stage}": cells for stage, cells in found.items()}

    def fewer(self) -> dict[str, int]:
        """Partner → how many cases there would be fewer without what it delivered: those that no longer meet the rule."""
        rule, found = self.manifest.match_predicate().sql(), {}
        nothing = {FieldType.BOOLEAN: "FALSE", FieldType.DATE: "NULL", FieldType.INTEGER: "0"}
        for name in self.manifest.selecting:
            gone = [f"partners - {quoted_name(name)}::INTEGER AS partners"]
            columns = self.manifest.match_fields_of(name).items()
            gone += [f"{nothing[kind]} AS {quoted_name(column)}" for column, kind in columns]
            found[name] = self._number(
                f"SELECT count(*) FROM (SELECT * REPLACE ({', '.join(gone)}) FROM case_subject) WHERE ({rule}) IS NOT TRUE"
            )
        return found

    def released(self, recipient: str) -> pa.Table:
        """The rows for `recipient`: its own records in a case, and of the others what `release_columns` names.

        In place of the case id, which is drawn when all cases are known, stands the subject."""
        columns = release_columns(self.manifest, recipient)
        position = self.partners.index(recipient)
        chosen = ", ".join(f"{self._released(c)} AS {quoted_name(c.name)}" for c in columns)
        table = self._con.sql(
            f"SELECT {chosen} FROM case_record JOIN case_subject USING (subject) "
            f"WHERE case_record.partner = {position} ORDER BY case_record.subject, case_record.record"
        ).to_arrow_table()
        return self._with_references(table, columns)

    def _with_references(self, table: pa.Table, columns: Sequence[ReleasedColumn]) -> pa.Table:
        """The reference of each record in the place of its number."""
        fields, arrays = [], []
        for column, field in zip(columns, schema_of(columns), strict=True):
            array = table.column(column.name)
            arrays.append(
                self._cells_of(array.to_numpy(), REFERENCE) if column.source == "reference" else array
            )
            fields.append(field.with_type(pa.uint32()) if column.source == "case" else field)
        return pa.table(arrays, names=[c.name for c in columns]).cast(pa.schema(fields))

    def _released(self, column: ReleasedColumn) -> str:
        match column.source:
            case "case":
                return "case_record.subject"
            case "reference":
                return "case_record.record"
            case "selection":
                return "case_record.selection"
            case "partner":
                return f"case_subject.{quoted_name(column.other)}"
            case "signal":
                return f"case_subject.{quoted_name(f'{column.other}_{column.item}')}"

    def attributes(self, source: str) -> pa.Table:
        """The sealed attributes of every record of `source` in a case; in place of the case id stands the subject."""
        columns = released_attribute_columns(self.manifest.partners[source])
        table = self._con.sql(
            f"SELECT subject AS {CASE}, record, {SELECTION} FROM case_record "
            f"WHERE partner = {self.partners.index(source)} ORDER BY subject, record"
        ).to_arrow_table()
        records, sealed = table.column("record").to_numpy(), columns[-1]
        arrays = [
            table.column(CASE),
            self._cells_of(records, REFERENCE),
            table.column(SELECTION),
            self._cells_of(records, SEALED, sealed.width),
        ]
        schema = schema_of(columns)
        return pa.table(arrays, schema=schema.set(0, schema.field(0).with_type(pa.uint32())))

    def subjects(self, recipient: str | None = None) -> pa.Table:
        """For the log: `pseudonym` (as delivered), `kind`, `partner`, `selection` and `case` of what was matched.

        One row per pseudonym and subject (partner and selection 255), and one per pseudonym and record that came into
        its subject through another one, with its `signals`. With `recipient`: of the cases in which it has a record, its own place.
        """
        if recipient is None:
            if not self._one_kind:
                self._con.execute(_KEYED)
            sql = _ONE_KIND if self._one_kind else f"{_MATCHED} UNION ALL {self._joined()}"
        else:
            sql = _RELEASED_ONE_KIND if self._one_kind else _RELEASED
            sql = sql.format(position=self.partners.index(recipient))
        found = self._con.sql(sql).to_arrow_table().combine_chunks()
        return found.drop_columns("key").add_column(0, "pseudonym", self._delivered(found.column("key")))

    def _delivered(self, keys: pa.ChunkedArray) -> pa.Array:
        """These keys, all there, as they were before they were re-keyed."""
        blocks = in_one_piece(keys.cast(pa.binary(BLOCK)))
        plain = pa.py_buffer(decrypt_blocks(blocks_of(blocks).data, self._run_key))
        return pa.FixedSizeBinaryArray.from_buffers(pa.binary(BLOCK), len(blocks), [None, plain])

    def _joined(self) -> str:
        of = [
            f"WHEN {i} THEN (w{bits.word} >> {bits.first + 1}) & {(1 << len(partner.signals)) - 1}::UBIGINT"
            for i, (bits, partner) in enumerate(zip(self._bits, self.manifest.partners.values(), strict=True))
        ]
        return _JOINED.format(signals=f"CASE r.partner {' '.join(of)} END::UBIGINT")

    def _number(self, sql: str) -> int:
        return int(one_row(self._con, sql)[0])


_ONE_KIND = (
    "SELECT key::BLOB AS key, 0::UTINYINT AS kind, 255::UTINYINT AS partner, 255::UTINYINT AS selection, "
    '(subject IN (SELECT subject FROM case_subject)) AS "case" FROM subject'
)
#: Each pseudonym of each subject, and how many of its records have it.
_KEYED = (
    "CREATE OR REPLACE TEMP TABLE keyed AS SELECT key, kind, subject, count(*) AS holders "
    "FROM identifier JOIN subject_of USING (record) GROUP BY ALL"
)
_MATCHED = (
    "SELECT key::BLOB AS key, kind, 255::UTINYINT AS partner, 255::UTINYINT AS selection, "
    '(subject IN (SELECT subject FROM case_subject)) AS "case", 0::UBIGINT AS signals FROM keyed'
)
_JOINED = (
    "SELECT DISTINCT k.key::BLOB AS key, k.kind, r.partner, r.selection, "
    '(k.subject IN (SELECT subject FROM case_subject)) AS "case", {signals} AS signals '
    "FROM keyed k JOIN (SELECT subject, records FROM subject) t ON t.subject = k.subject AND t.records > k.holders "
    "JOIN subject_of s ON s.subject = k.subject "
    "JOIN record r ON r.record = s.record LEFT JOIN identifier i ON i.record = r.record AND i.kind = k.kind AND i.key = k.key "
    "WHERE i.record IS NULL"
)
_RELEASED_ONE_KIND = (
    "SELECT DISTINCT key::BLOB AS key, 0::UTINYINT AS kind, {position}::UTINYINT AS partner, 255::UTINYINT AS selection, "
    'true AS "case" FROM case_record WHERE subject IN (SELECT subject FROM case_record WHERE partner = {position})'
)
_RELEASED = (
    "SELECT DISTINCT key::BLOB AS key, kind, {position}::UTINYINT AS partner, 255::UTINYINT AS selection, "
    'true AS "case" FROM identifier JOIN case_record USING (record) WHERE subject IN '
    "(SELECT subject FROM case_record WHERE partner = {position})"
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


def _for_rule(partner: Partner) -> list[tuple[int, str]]:
    """The attributes that the match rule may look at, each with its column of `record`."""
    return list(enumerate(partner.rule_attribute_ids))


def _first_known(monitor: Monitor, cell: str) -> str:
    """Of several records: in every dimension the first group that any of them knows."""
    return cell_sql(monitor, (f"min({place_sql(monitor, d, cell)})" for d in range(len(monitor.dimensions))))


def _subject(manifest: Manifest, words: int, crowd: int | None) -> str:
    """Step `subject`: per subject its number of records, its partners and the signals of all its records, what else the match
    rule looks at; and in every dimension of the monitor the first group that any record knows. With one kind by its key, and
    without those that more records share than `crowd`."""
    cell = _first_known(manifest.monitor, "cell")
    columns = ["count(*) AS records", *(f"bit_or(w{i}) AS w{i}" for i in range(words))]
    for i, (name, partner) in enumerate(manifest.partners.items()):
        for slot, _ in _for_rule(partner):
            known = f"FILTER (WHERE partner = {i} AND a{slot} <> {NO_VALUE})"
            columns += [f"min(a{slot}) {known} AS f{i}_{slot}", f"max(a{slot}) {known} AS l{i}_{slot}"]
        if name in manifest.match.records_of:
            columns.append(f"count(*) FILTER (WHERE partner = {i}) AS n{i}")
    if manifest.monitor.statistics:
        watched = quoted_name(WATCHED)
        columns.append(f"{_first_known(manifest.monitor.statistical, watched)} AS {watched}")
    chosen = ", ".join(columns)
    if crowd is not None:
        return (
            f"CREATE TABLE subject AS SELECT key, min(record) AS subject, {cell} AS cell, {chosen} "
            f"FROM record GROUP BY key HAVING count(*) <= {crowd}"
        )
    return (
        f"CREATE TABLE subject AS SELECT subject, {cell} AS cell, {chosen} "
        "FROM subject_of JOIN record USING (record) GROUP BY subject"
    )


def _case_record(one_kind: bool) -> str:
    """Step `case_record`: every record of every case."""
    if one_kind:
        return (
            "CREATE TABLE case_record AS SELECT r.*, k.subject FROM record r JOIN "
            "(SELECT key, subject FROM subject SEMI JOIN case_subject USING (subject)) k USING (key)"
        )
    return (
        "CREATE TABLE case_record AS SELECT r.*, s.subject FROM record r JOIN "
        "(SELECT record, subject FROM subject_of SEMI JOIN case_subject USING (subject)) s USING (record)"
    )
