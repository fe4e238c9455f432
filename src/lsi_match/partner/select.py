"""Selecting, by the manifest's own criteria, from a partner's extract in DuckDB.

Steps: `opened` (the columns, judged; text to types) → `source` (criteria, signals, groups) → `pieces` (the extract read once, from front to
back, in pieces: how many records of which group meet which criteria, and those that meet all and carry a signal).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lsi_match.base.duckdb_locked import quoted_name, quoted_text
from lsi_match.base.errors import LsiError, wrong
from lsi_match.criteria.parse import REFERENCE_DATE, FieldType, Predicate, one_form
from lsi_match.manifest import NO_VALUE, Attribute, Dimension, IdentifierSource, Manifest, Selection
from lsi_match.partner.extract.cell_types import padded
from lsi_match.partner.extract.column_mapping import SelectionMapping
from lsi_match.partner.extract.opened import RECORD_ID as RECORD_ID
from lsi_match.partner.extract.opened import ROW, Extract, Fault, any_of, opened
from lsi_match.partner.extract.problems import (
    ExtractError,
    ExtractProblemsError,
)
from lsi_match.protocol.columns import GROUP, SIGNALS, attribute_column
from lsi_match.protocol.group_cells import cell_sql

#: How far a record came (`reached`).
REACHED = "reached"
#: Records of an extract that are read at a time.
PIECE = 250_000


#: With no more criteria than this a count per combination and cell is a small array.
_FEW_BITS = 12

#: Columns under names that no field can have.
_MET, _UNKNOWN, _FAULT = (quoted_name(name) for name in ("criteria met", "criteria unknown", "a fault"))


@dataclass(frozen=True)
class Selected:
    """The outcome of one selection, or of a piece of its extract.

    Attributes:
        table: `record_id`, every identifier and person field (text), `signals`, `group`, `attribute_…`.
        read: records in the extract.
        after: records left after each criterion, cumulatively.
        with_signal: of those, the ones with a signal: the rows of `table`.
        signals: signal → of those the ones that have it.
        met: (the criteria that are met, and whether there is a signal, as bits in this order; group cell) → records.
        unknown: (criterion, by its place; group cell) → records of which it is not known whether they meet it.
    """

    table: pa.Table
    read: int
    after: dict[str, int]
    with_signal: int
    signals: dict[str, int]
    met: Counter[tuple[int, int]]
    unknown: Counter[tuple[int, int]]

    def without_rows(self) -> Selected:
        """The counts only, so that the rows need not stay in memory."""
        return replace(self, table=pa.Table.from_batches([_no_rows(self.table.schema)]))

    @classmethod
    def together(cls, pieces: Sequence[Selected]) -> Selected:
        """All `pieces`, at least one, of one selection."""
        return cls(
            pa.concat_tables([piece.table for piece in pieces]),
            sum(piece.read for piece in pieces),
            {name: sum(piece.after[name] for piece in pieces) for name in pieces[0].after},
            sum(piece.with_signal for piece in pieces),
            {name: sum(piece.signals[name] for piece in pieces) for name in pieces[0].signals},
            sum((piece.met for piece in pieces), Counter()),
            sum((piece.unknown for piece in pieces), Counter()),
        )


@dataclass(frozen=True)
class SelectionTask:
    """One selection of a partner, to be made on a reference date from its extract in the folder `extracts`.

    Attributes:
        mapping: which extract, and which columns of it hold the fields of the selection.
    """

    partner: str
    selection: Selection
    mapping: SelectionMapping
    extracts: Path
    manifest: Manifest
    reference_date: date

    def opened(self, *, lenient: bool = False) -> AbstractContextManager[Extract]:
        """Its extract, as `partner.extract.opened` opens it."""
        of = self.manifest.group_predicates(self.selection).values()
        groups = [one for dimension in of for one in dimension.values()]
        return opened(self.partner, self.selection, self.mapping, self.extracts, groups, lenient=lenient)


def select(task: SelectionTask) -> Selected:
    """Run one selection as `select_pieces` does, and have all of it.

    Raises:
        FileMissingError, ExtractError: all that is wrong.
    """
    try:
        return Selected.together(list(select_pieces(task)))
    except ExtractError as first:
        raise everything_wrong(first, [task]) from None


def everything_wrong(first: ExtractError, tasks: Iterable[SelectionTask]) -> LsiError:
    """All that is wrong with the extracts of `tasks`, where `first` was found."""
    try:
        found = [problem for task in tasks for problem in problems(task)]
    except LsiError:
        return first
    return ExtractProblemsError.of(found) if found else first


def select_pieces(task: SelectionTask) -> Iterator[Selected]:
    """Run one selection of a partner on its extract: at least one piece.

    Raises:
        FileMissingError, ExtractError: perhaps after some pieces. What is wrong, `everything_wrong` tells.
    """
    with task.opened() as extract:
        yield from Look(extract, task).pieces()


def group_cells(task: SelectionTask, record_ids: Iterable[str]) -> list[tuple[str, int]]:
    """(record id, group cell) of the records in the extract with one of these ids, selected or not.

    Raises:
        FileMissingError, ExtractError: named after what is wrong.
    """
    with task.opened() as extract:
        return _Selecting(extract, task.manifest, task.reference_date).cells(record_ids)


def reached(task: SelectionTask, source: IdentifierSource) -> Iterator[pa.Table]:
    """Of every record in the extract, in pieces: its id, the field of this identifier, and how many criteria it meets before
    the first that it does not; one more where it meets all, and has a signal.

    Raises:
        FileMissingError, ExtractError: named after what is wrong.
    """
    with task.opened() as extract:
        yield from _Selecting(extract, task.manifest, task.reference_date).reached(source.fields[0])


def problems(task: SelectionTask) -> list[ExtractError]:
    """All that is wrong with an extract: with its header and the form of its rows, with its columns, and with values in rows.

    Raises:
        FileMissingError, ExtractError: it cannot be read at all.
    """
    with task.opened(lenient=True) as extract:
        return Look(extract, task).problems()


@dataclass(frozen=True)
class Look:
    """An extract of a selection that is open. What is wrong with it can be asked, and, when nothing is, what is selected."""

    extract: Extract
    task: SelectionTask

    def problems(self) -> list[ExtractError]:
        """All that is wrong, of an extract that was opened leniently."""
        selecting = _Selecting(self.extract, self.task.manifest, self.task.reference_date)
        found = [*self.extract.broken(), *self.extract.wrong]
        if not self.extract.cells:
            return found
        whole = {RECORD_ID, *self.task.selection.fields} <= self.extract.cells.keys()
        if whole:
            return found + self.extract.told(selecting.faults(), selecting.source(numbered=True))
        return found + self.extract.told(self.extract.faults(), self.extract.typed(numbered=True))

    def pieces(self) -> Iterator[Selected]:
        """What is selected, in pieces; may be asked again.

        Raises:
            ExtractError: what is wrong, perhaps after some pieces.
        """
        selecting = _Selecting(self.extract, self.task.manifest, self.task.reference_date)
        with self.extract.telling():
            yield from selecting.pieces()


@dataclass(frozen=True)
class _Selecting:
    """The criteria of a selection over an extract that is open."""

    extract: Extract
    manifest: Manifest
    reference_date: date

    @property
    def con(self) -> duckdb.DuckDBPyConnection:
        return self.extract.con

    @property
    def selection(self) -> Selection:
        return self.extract.selection

    def cells(self, record_ids: Iterable[str]) -> list[tuple[str, int]]:
        """Of the records with these ids the id and the group cell."""
        self.extract.rewind()
        self.con.register("wanted", pa.table({RECORD_ID: pa.array(sorted(set(record_ids)), pa.string())}))
        found = self.con.execute(
            f"SELECT {RECORD_ID}, {quoted_name(GROUP)} FROM {self.source()} SEMI JOIN wanted USING ({RECORD_ID})"
        )
        return [(str(record), int(cell)) for record, cell in found.fetchall()]

    def reached(self, field: str) -> Iterator[pa.Table]:
        """Column `reached` beside the record id and a field; see the function of this name."""
        self.extract.rewind()
        tests = (
            f"WHEN {_MET} & {1 << bit} = 0 THEN {bit} " for bit in range(len(self.selection.criteria) + 1)
        )
        last = len(self.selection.criteria) + 1
        columns = f"{RECORD_ID}, {self._identifying(field)} AS {quoted_name(field)}"
        query = f"SELECT {columns}, CASE {''.join(tests)}ELSE {last} END AS {REACHED} FROM {self.source()}"
        with self.con.sql(query).to_arrow_reader(PIECE) as reader:
            yield from (pa.Table.from_batches([batch]) for batch in reader)

    def source(self, *, numbered: bool = False) -> str:
        """`source` in SQL: what `typed` has, signals, group, attributes, and as bits which criteria a record meets, and one
        more if it has a signal."""
        coded = [
            f"{self._signals()} AS {SIGNALS}",
            f"{self._group()} AS {quoted_name(GROUP)}",
            *(
                f"{_attribute(a, quoted_name(a.field))} AS {quoted_name(attribute_column(a.id))}"
                for a in self.selection.attributes
            ),
        ]
        criteria = [predicate.sql() for predicate in self.selection.predicates().values()]
        grouped = bool(self.manifest.group_predicates(self.selection))
        met = _bits_where([*criteria, f"{SIGNALS} <> 0"])
        unknown = _bits_where([f"({test}) IS NULL" for test in criteria] if grouped else [])
        day = f"DATE '{self.reference_date.isoformat()}' AS {REFERENCE_DATE}"
        typed = f"(SELECT *, {day} FROM {self.extract.typed(numbered=numbered)})"
        return f"(SELECT *, {met} AS {_MET}, {unknown} AS {_UNKNOWN} FROM (SELECT *, {', '.join(coded)} FROM {typed}))"

    @property
    def _chosen(self) -> str:
        return f"{_MET} = {_all(len(self.selection.criteria) + 1)}"

    def pieces(self) -> Iterator[Selected]:
        """The records to deliver and the counts, piece by piece; refuses what cannot be read or sent.

        Raises:
            ExtractError: something is wrong; what, `problems` tells.
        """
        criteria = [rule.id for rule in self.selection.criteria]
        whole = self.extract.whole(sampled=True)
        of_all = [*whole.columns, ROW] if whole else []
        with closing(self._judged(of_all)) as batches:
            for batch in batches:
                told_by_all = batch.columns[batch.num_columns - len(of_all) :]
                *columns, met, unknown, fault = batch.columns[: batch.num_columns - len(of_all)]
                if pc.any(fault).as_py() or self.extract.faulty_ids(batch.column(RECORD_ID)):
                    break
                if whole:
                    whole.add(batch.column(RECORD_ID), *told_by_all)
                bits_met = np.from_dlpack(met)
                cells = np.from_dlpack(batch.column(GROUP))
                counted = _counted(bits_met, cells, len(criteria) + 1)
                nothing_known = _each_bit(np.from_dlpack(unknown), cells, len(criteria))
                left = [
                    sum(n for (bits, _), n in counted.items() if bits & _all(first) == _all(first))
                    for first in range(len(criteria) + 2)
                ]
                read, *after, with_signal = left
                table = pa.table(columns, batch.schema.names[: len(columns)])
                if with_signal < read:
                    table = table.filter(pc.equal(met, pa.scalar(_all(len(criteria) + 1), pa.uint64())))
                # `to_numpy` of Arrow loads pandas.
                held = np.from_dlpack(batch.column(SIGNALS))[bits_met == _all(len(criteria) + 1)]
                signals = {
                    name: int(np.count_nonzero(held & np.uint64(1 << bit)))
                    for name, bit in self._bits().items()
                }
                after_each = dict(zip(criteria, after, strict=True))
                yield Selected(table, read, after_each, with_signal, signals, counted, nothing_known)
            else:
                numbered = self.source(numbered=True)
                if whole is None or not any(whole.found()) or not self.extract.told((), numbered):
                    return
        # Of an extract in which nothing is wrong when it is read again for all that is: `everything_wrong`.
        raise ExtractError.because("partner.changed_while_read", **self.extract.where)

    def _judged(self, of_all: Sequence[str]) -> Generator[pa.RecordBatch, None, None]:
        """The columns to deliver of every record, how far it passed and whether it has a fault. The first batch is
        empty, since there may be no other."""
        texts = [name for source in self.selection.identifiers for name in source.fields]
        texts += list(self.selection.person.values())
        columns = [
            RECORD_ID,
            *(f"{self._identifying(name)} AS {quoted_name(name)}" for name in dict.fromkeys(texts)),
            SIGNALS,
            quoted_name(GROUP),
            *(quoted_name(attribute_column(a.id)) for a in self.selection.attributes),
            _MET,
            _UNKNOWN,
            f"{any_of(self.faults(of_ids=False))} AS {_FAULT}",
            *of_all,
        ]
        self.extract.rewind()
        statement = f"SELECT {', '.join(columns)} FROM {self.source(numbered=bool(of_all))}"
        with self.con.sql(statement).to_arrow_reader(PIECE) as reader:
            yield _no_rows(reader.schema)
            yield from reader

    def _identifying(self, name: str) -> str:
        """The text that is normalised: of a number that is declared as one, with the zeros that it lost."""
        if self.selection.field_types[name] is not FieldType.INTEGER:
            return f"{quoted_name(name)}::VARCHAR"
        return padded(f"{quoted_name(name)}::VARCHAR", self.extract.cells[name].digits)

    def faults(self, *, of_ids: bool = True) -> list[Fault]:
        """What may not be true of any row; see `Extract.faults`."""
        where = self.extract.where

        def no_id(row: int, _count: int, _shown: str) -> ExtractError:
            return ExtractError(
                "RecordIdMissingError", **where, row=row, column=self.extract.mapping.record_id
            )

        def not_listed(attribute: Attribute) -> Callable[[int, int, str], ExtractError]:
            column = self.extract.column(attribute.field)
            return lambda row, _count, _shown: ExtractError(
                "ValueNotListedError",
                **where,
                row=row,
                column=column,
                attribute=attribute.id,
                **_not_listed(attribute),
            )

        return [
            *self.extract.faults(of_ids=of_ids),
            Fault(f"{RECORD_ID} IS NULL", "''", no_id),
            *(
                Fault(
                    f"{quoted_name(attribute_column(a.id))} IS NULL AND {self._chosen}", "''", not_listed(a)
                )
                for a in self.selection.attributes
            ),
        ]

    def _bits(self) -> dict[str, int]:
        """Signal of this selection → its bit."""
        first = [s.id for s in self.manifest.partners[self.extract.partner].signals]
        return {signal.id: first.index(signal.id) for signal in self.selection.signals}

    def _signals(self) -> str:
        places = self._bits()
        bits = [
            f"CASE WHEN {predicate.sql()} THEN {1 << places[name]} ELSE 0 END"
            for name, predicate in self.selection.signal_predicates().items()
        ]
        # Of who selects nobody every record goes along; it has no column for this.
        return f"({' | '.join(f'({bit})::UBIGINT' for bit in bits) or '1::UBIGINT'})"

    def _group(self) -> str:
        known = self.manifest.group_predicates(self.selection)
        monitor = self.manifest.monitor_for(self.selection)
        return cell_sql(monitor, (_place(d, known.get(d.id, {})) for d in monitor.dimensions))


def _not_listed(attribute: Attribute) -> dict[str, str]:
    """What to do about a value that cannot go along."""
    if attribute.kind != "month":
        return wrong("partner.agreed_values")
    line = f"`reading: {{{attribute.field}: {{empty: ['9999-12-31']}}}}`"
    return wrong("partner.months", line=line)


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    """As `Schema.empty_table`, which takes a fifth of a second the first time, since it loads pandas."""
    return pa.RecordBatch.from_arrays([pa.nulls(0, kind) for kind in schema.types], schema=schema)


def _all(bits: int) -> int:
    """So many bits, all set."""
    return (1 << bits) - 1


def _bits_where(tests: Sequence[str]) -> str:
    """SQL of a number with a bit for each test that is true."""
    bits = (f"CASE WHEN {test} THEN {1 << bit} ELSE 0 END" for bit, test in enumerate(tests))
    return f"({' + '.join(bits) or '0'})::UBIGINT"


def _each_bit(numbers: np.ndarray, cells: np.ndarray, bits: int) -> Counter[tuple[int, int]]:
    """(bit, cell) → records of which that bit is set."""
    if not numbers.any():
        return Counter()
    counts = {bit: np.bincount(cells[numbers >> np.uint64(bit) & np.uint64(1) == 1]) for bit in range(bits)}
    return Counter(
        {(bit, int(cell)): int(its[cell]) for bit, its in counts.items() for cell in np.flatnonzero(its)}
    )


def _counted(met: np.ndarray, cells: np.ndarray, bits: int) -> Counter[tuple[int, int]]:
    """(bits of `met`, cell) → records."""
    both = met.view(np.int64) << np.int64(8) | cells
    if bits <= _FEW_BITS:
        counts = np.bincount(both, minlength=1)
        numbers = np.flatnonzero(counts)
        counts = counts[numbers]
    else:
        numbers, counts = np.unique(both, return_counts=True)
    found = zip(numbers.tolist(), counts.tolist(), strict=True)
    return Counter({(number >> 8, number & 255): count for number, count in found})


def _place(dimension: Dimension, predicates: dict[str, Predicate]) -> str:
    """The place in a dimension: of the first group that is true, or unknown."""
    cases = "".join(f"WHEN {p.sql()} THEN {place} " for place, p in enumerate(predicates.values()))
    unknown = len(dimension.groups)
    return f"CASE {cases}ELSE {unknown} END" if cases else str(unknown)


def _attribute(attribute: Attribute, field: str) -> str:
    """The position of a value in its declaration; 65535 when empty; NULL, refused later, when not declared."""
    if attribute.kind == "listed":
        cells = [
            f"WHEN {field} = {quoted_text(one_form(v))} THEN {i}" for i, v in enumerate(attribute.values)
        ]
    elif attribute.kind == "boolean":
        cells = [f"WHEN {field} THEN 1", f"WHEN NOT {field} THEN 0"]
    elif attribute.kind == "band":
        cells = [f"WHEN {field} < {edge} THEN {i}" for i, edge in enumerate(attribute.edges)]
        cells.append(f"ELSE {len(attribute.edges)}")
    else:
        cells = [f"WHEN year({field}) BETWEEN 0 AND 5000 THEN year({field}) * 12 + month({field}) - 1"]
    return f"(CASE WHEN {field} IS NULL THEN {NO_VALUE} {' '.join(cells)} END)::USMALLINT"
