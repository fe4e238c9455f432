"""Selecting, by the manifest's own criteria, from a partner's extract in DuckDB.

Steps: `header` (are the columns there) → `source` (text to types) → `pieces` (the extract read once, from front to
back, in pieces: how many records of which group meet which criteria, and those that meet all and carry a signal).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import NoReturn

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from lsi_match.base.duckdb_locked import locked_connection, one_row, quoted_name
from lsi_match.base.errors import LsiError
from lsi_match.base.files import FileMissingError
from lsi_match.criteria.parse import REFERENCE_DATE, FieldType, Predicate
from lsi_match.manifest import NO_VALUE, Attribute, Dimension, Manifest, Selection
from lsi_match.partner.extract.cell_types import is_stored, text, typed
from lsi_match.partner.extract.column_mapping import SelectionMapping
from lsi_match.partner.extract.csv_extract import CsvUnreadable, dialect_of, open_csv
from lsi_match.partner.extract.database import TableUnreadable, header_of, open_table
from lsi_match.protocol.columns import GROUP, SIGNALS, attribute_column
from lsi_match.protocol.group_cells import cell_sql

RECORD_ID = "record_id"
#: Records of an extract that are read at a time.
PIECE = 250_000


#: With no more criteria than this a count per combination and cell is a small array.
_FEW_BITS = 12

#: Columns under names that no field can have.
_MET, _FAULT = quoted_name("criteria met"), quoted_name("a fault")


def _text_of(field: str) -> str:
    """The column with the text of a field, under a name that no field can have."""
    return quoted_name(f"text of {field}")


class ExtractError(LsiError):
    """Base of what can be wrong with an extract; tells partner, file, row and column."""


class ExtractUnreadableError(ExtractError): ...


class TableUnreadableError(ExtractError): ...


class ColumnMissingError(ExtractError): ...


class FieldUnmappedError(ExtractError): ...


class WrongTypeError(ExtractError): ...


class ValueNotListedError(ExtractError): ...


class RecordIdMissingError(ExtractError): ...


@dataclass(frozen=True)
class Selected:
    """The outcome of one selection, or of a piece of its extract.

    Attributes:
        table: `record_id`, every identifier and person field (text), `signals`, `group`, `attribute_…`.
        read: records in the extract.
        after: records left after each criterion, cumulatively.
        with_signal: of those, the ones with a signal: the rows of `table`.
        met: (the criteria that are met, and whether there is a signal, as bits in this order; group cell) → records.
    """

    table: pa.Table
    read: int
    after: dict[str, int]
    with_signal: int
    met: Counter[tuple[int, int]]

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
            sum((piece.met for piece in pieces), Counter()),
        )


def select(
    partner: str,
    selection: Selection,
    mapping: SelectionMapping,
    extracts: Path,
    manifest: Manifest,
    reference_date: date,
) -> Selected:
    """Run one selection as `select_pieces` does, and have all of it."""
    return Selected.together(
        list(select_pieces(partner, selection, mapping, extracts, manifest, reference_date))
    )


def select_pieces(
    partner: str,
    selection: Selection,
    mapping: SelectionMapping,
    extracts: Path,
    manifest: Manifest,
    reference_date: date,
) -> Iterator[Selected]:
    """Run one selection of `partner` on its extract in the folder `extracts`: at least one piece.

    Raises:
        FileMissingError, ExtractUnreadableError, FieldUnmappedError, ColumnMissingError, WrongTypeError,
        ValueNotListedError, RecordIdMissingError: named after what is wrong; perhaps after some pieces.
    """
    with _extract(partner, selection, mapping, extracts) as extract:
        yield from extract.run(manifest, reference_date)


def group_cells(
    partner: str,
    selection: Selection,
    mapping: SelectionMapping,
    extracts: Path,
    manifest: Manifest,
    reference_date: date,
    record_ids: Iterable[str],
) -> list[tuple[str, int]]:
    """(record id, group cell) of the records in the extract with one of these ids, selected or not.

    Raises:
        FileMissingError, ExtractUnreadableError, FieldUnmappedError, ColumnMissingError: named after what is wrong.
    """
    with _extract(partner, selection, mapping, extracts) as extract:
        return extract.cells(manifest, reference_date, record_ids)


@contextmanager
def _extract(
    partner: str, selection: Selection, mapping: SelectionMapping, extracts: Path
) -> Iterator[_Extract]:
    """An extract to be read; what goes wrong in the block is told as what is wrong with the extract."""
    file = extracts / mapping.extract
    if not file.is_file():
        raise FileMissingError(file=str(file))
    for field in selection.fields:
        if field not in mapping.columns:
            raise FieldUnmappedError(partner=partner, file=file.name, selection=selection.id, field=field)
    con = locked_connection([extracts])
    try:
        yield _Extract(con, partner, selection, mapping, file)
    except CsvUnreadable as error:
        raise ExtractUnreadableError(partner=partner, file=file.name, row=error.row) from None
    except TableUnreadable as error:
        raise TableUnreadableError(
            partner=partner, file=file.name, table=str(mapping.table), problem=error.problem
        ) from None
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        if "Out of Memory Error" in str(error):
            raise ExtractError.because(
                "het past niet in het geheugen", "it does not fit in memory", partner=partner, file=file.name
            ) from None
        if mapping.table is not None:
            raise TableUnreadableError.because(
                "het lezen brak af",
                "reading broke off",
                partner=partner,
                file=file.name,
                table=str(mapping.table),
            ) from None
        # The text of the engine's error may quote the line, so only the line number is taken from it.
        line = re.search(r"[Ll]ine:? (\d+)", str(error))
        raise ExtractUnreadableError(
            partner=partner, file=file.name, row=int(line[1]) if line else 1
        ) from None
    finally:
        con.close()


@dataclass(frozen=True)
class _Extract:
    con: duckdb.DuckDBPyConnection
    partner: str
    selection: Selection
    mapping: SelectionMapping
    file: Path

    def run(self, manifest: Manifest, reference_date: date) -> Iterator[Selected]:
        stored = self.header()
        self.source(manifest, reference_date, stored)
        yield from self.pieces()

    def cells(
        self, manifest: Manifest, reference_date: date, record_ids: Iterable[str]
    ) -> list[tuple[str, int]]:
        """Of the records with these ids the id and the group cell."""
        self.source(manifest, reference_date, self.header())
        self.con.register("wanted", pa.table({RECORD_ID: pa.array(sorted(set(record_ids)), pa.string())}))
        found = self.con.execute(
            f"SELECT {RECORD_ID}, {quoted_name(GROUP)} FROM source SEMI JOIN wanted USING ({RECORD_ID})"
        )
        return [(str(record), int(cell)) for record, cell in found.fetchall()]

    def header(self) -> dict[str, str]:
        """The columns of the file and how DuckDB calls their types; every mapped one is there, and `raw` can be read."""
        columns = {RECORD_ID: self.mapping.record_id}
        columns |= {field: self.mapping.columns[field] for field in self.selection.fields}
        relation = self._relation()
        if relation:
            self.con.execute(f"CREATE VIEW raw AS SELECT * FROM {relation}")
            stored = {name: kind for name, kind, *_ in self.con.execute("DESCRIBE raw").fetchall()}
            self._present(stored, columns)
        else:
            stored = dict.fromkeys(self._header(), "VARCHAR")
            self._present(stored, columns)
            self._rewind()
        return stored

    def _relation(self) -> str | None:
        """What DuckDB reads by itself, as often as it likes; nothing for what is read once, from the front."""
        file = exp.Literal.string(str(self.file)).sql("duckdb")
        if self.file.suffix == ".parquet":
            return f"read_parquet({file})"
        if self.file.suffix == ".duckdb":
            self.con.execute(f"ATTACH {file} AS extract (READ_ONLY)")
            return ".".join(quoted_name(part) for part in ("extract", *str(self.mapping.table).split(".")))
        return None

    def _header(self) -> tuple[str, ...]:
        if self.mapping.table is not None:
            return header_of(self.file, self.mapping.table)
        return dialect_of(self.file, self.mapping).header

    def _rewind(self) -> None:
        """Let `raw` be read from the front; to be called before every statement but the first."""
        if self.file.suffix in (".parquet", ".duckdb"):
            return
        columns = [self.mapping.record_id, *(self.mapping.columns[f] for f in self.selection.fields)]
        columns = list(dict.fromkeys(columns))
        if self.mapping.table is not None:
            self.con.register("raw", open_table(self.file, self.mapping.table, columns))
        else:
            self.con.register("raw", open_csv(self.file, dialect_of(self.file, self.mapping), columns))

    def _present(self, header: Collection[str], columns: dict[str, str]) -> None:
        for field, column in columns.items():
            if column not in header:
                raise ColumnMissingError(
                    partner=self.partner, file=self.file.name, column=column, field=field
                )

    def source(self, manifest: Manifest, reference_date: date, stored: dict[str, str]) -> None:
        """View `source`: record id, each field as text (`text of …`) and as its type, signals, group, attributes, and
        as bits which criteria a record meets, and one more if it has a signal."""
        texts = [f"{text(quoted_name(self.mapping.record_id))} AS {RECORD_ID}"]
        for field, kind in self.selection.field_types.items():
            column = self.mapping.columns[field]
            shown = quoted_name(column) if is_stored(kind, stored[column]) else text(quoted_name(column))
            texts.append(f"{shown} AS {_text_of(field)}")
        self.con.execute(f"CREATE VIEW text AS SELECT {', '.join(texts)} FROM raw")
        values = [
            f"{typed(_text_of(field), kind, stored[self.mapping.columns[field]])} AS {quoted_name(field)}"
            for field, kind in self.selection.field_types.items()
        ]
        coded = [
            f"{self._signals(manifest)} AS {SIGNALS}",
            f"{self._group(manifest)} AS {quoted_name(GROUP)}",
            *(
                f"{_attribute(a, quoted_name(a.field))} AS {quoted_name(attribute_column(a.id))}"
                for a in self.selection.attributes
            ),
        ]
        tests = [predicate.sql() for predicate in self.selection.predicates().values()] + [f"{SIGNALS} <> 0"]
        met = " + ".join(f"CASE WHEN {test} THEN {1 << bit} ELSE 0 END" for bit, test in enumerate(tests))
        self.con.execute(
            f"CREATE VIEW source AS SELECT *, ({met})::UBIGINT AS {_MET} "
            f"FROM (SELECT *, {', '.join(coded)} FROM (SELECT *, {', '.join(values)}, "
            f"DATE '{reference_date.isoformat()}' AS {REFERENCE_DATE} FROM text))"
        )

    @property
    def _chosen(self) -> str:
        return f"{_MET} = {_all(len(self.selection.criteria) + 1)}"

    def pieces(self) -> Iterator[Selected]:
        """The records to deliver and the counts, piece by piece; refuses what cannot be read or sent.

        Raises:
            WrongTypeError, RecordIdMissingError, ValueNotListedError: the first such row.
        """
        criteria = [rule.id for rule in self.selection.criteria]
        with closing(self._judged()) as batches:
            for batch in batches:
                *columns, met, fault = batch.columns
                if pc.any(fault).as_py():
                    break
                counted = _counted(
                    np.from_dlpack(met), np.from_dlpack(batch.column(GROUP)), len(criteria) + 1
                )
                left = [
                    sum(n for (bits, _), n in counted.items() if bits & _all(first) == _all(first))
                    for first in range(len(criteria) + 2)
                ]
                read, *after, with_signal = left
                table = pa.table(columns, batch.schema.names[:-2])
                if with_signal < read:
                    table = table.filter(pc.equal(met, pa.scalar(_all(len(criteria) + 1), pa.uint64())))
                yield Selected(table, read, dict(zip(criteria, after, strict=True)), with_signal, counted)
            else:
                return
        self._refuse()

    def _judged(self) -> Generator[pa.RecordBatch, None, None]:
        """The columns to deliver of every record, how far it passed and whether it has a fault. The first batch is
        empty, since there may be no other."""
        texts = [name for source in self.selection.identifiers for name in source.fields]
        texts += list(self.selection.person.values())
        columns = [
            RECORD_ID,
            *(f"{_text_of(name)} AS {quoted_name(name)}" for name in dict.fromkeys(texts)),
            SIGNALS,
            quoted_name(GROUP),
            *(quoted_name(attribute_column(a.id)) for a in self.selection.attributes),
            _MET,
            f"{' OR '.join(f'({condition}) IS TRUE' for condition, _ in self._faults())} AS {_FAULT}",
        ]
        with self.con.sql(f"SELECT {', '.join(columns)} FROM source").to_arrow_reader(PIECE) as reader:
            yield _no_rows(reader.schema)
            yield from reader

    def _refuse(self) -> NoReturn:
        """Tell the first kind of fault that there is, its first row and how often it is there."""
        faults = self._faults()
        counts = ", ".join(f"count(*) FILTER (WHERE {condition})" for condition, _ in faults)
        self._rewind()
        found = one_row(self.con, f"SELECT {counts} FROM source")
        (condition, refuse), count = next(pair for pair in zip(faults, found, strict=True) if pair[1])
        raise refuse(self._first_row(condition), count)

    def _faults(self) -> list[tuple[str, Callable[[int, int], ExtractError]]]:
        """What may not be true of any row, and the error (made from row and count) when it is."""
        where = {"partner": self.partner, "file": self.file.name}
        columns = self.mapping.columns

        def wrong_type(field: str, kind: FieldType) -> Callable[[int, int], ExtractError]:
            return lambda row, count: WrongTypeError(
                **where, row=row, column=columns[field], type=kind.value, count=count
            )

        def not_listed(attribute: Attribute) -> Callable[[int, int], ExtractError]:
            return lambda row, _: ValueNotListedError(
                **where, row=row, column=columns[attribute.field], attribute=attribute.id
            )

        faults: list[tuple[str, Callable[[int, int], ExtractError]]] = [
            (f"{_text_of(field)} IS NOT NULL AND {quoted_name(field)} IS NULL", wrong_type(field, kind))
            for field, kind in self.selection.field_types.items()
            if kind is not FieldType.TEXT
        ]
        faults.append(
            (
                f"{RECORD_ID} IS NULL AND {self._chosen}",
                lambda row, _: RecordIdMissingError(**where, row=row, column=self.mapping.record_id),
            )
        )
        return faults + [
            (f"{quoted_name(attribute_column(a.id))} IS NULL AND {self._chosen}", not_listed(a))
            for a in self.selection.attributes
        ]

    def _first_row(self, condition: str) -> int:
        self._rewind()
        numbered = '(SELECT row_number() OVER () AS "row number", * FROM source)'
        return int(one_row(self.con, f'SELECT min("row number") FROM {numbered} WHERE {condition}')[0])

    def _signals(self, manifest: Manifest) -> str:
        first = [s.id for s in manifest.partners[self.partner].signals]
        bits = [
            f"CASE WHEN {predicate.sql()} THEN {1 << first.index(name)} ELSE 0 END"
            for name, predicate in self.selection.signal_predicates().items()
        ]
        return f"({' | '.join(f'({bit})::UBIGINT' for bit in bits)})"

    def _group(self, manifest: Manifest) -> str:
        known = manifest.group_predicates(self.selection)
        return cell_sql(
            manifest.monitor, (_place(d, known.get(d.id, {})) for d in manifest.monitor.dimensions)
        )


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    """As `Schema.empty_table`, which takes a fifth of a second the first time, since it loads pandas."""
    return pa.RecordBatch.from_arrays([pa.nulls(0, kind) for kind in schema.types], schema=schema)


def _all(bits: int) -> int:
    """So many bits, all set."""
    return (1 << bits) - 1


def _counted(met: np.ndarray, cells: np.ndarray, bits: int) -> Counter[tuple[int, int]]:
    """(bits of `met`, cell) → records."""
    both = met.astype(np.uint64) << np.uint64(8) | cells
    if bits <= _FEW_BITS:
        counts = np.bincount(both.astype(np.int64), minlength=1)
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
            f"WHEN {field} = {exp.Literal.string(v).sql('duckdb')} THEN {i}"
            for i, v in enumerate(attribute.values)
        ]
    elif attribute.kind == "boolean":
        cells = [f"WHEN {field} THEN 1", f"WHEN NOT {field} THEN 0"]
    elif attribute.kind == "band":
        cells = [f"WHEN {field} < {edge} THEN {i}" for i, edge in enumerate(attribute.edges)]
        cells.append(f"ELSE {len(attribute.edges)}")
    else:
        cells = [f"WHEN year({field}) BETWEEN 0 AND 5000 THEN year({field}) * 12 + month({field}) - 1"]
    return f"(CASE WHEN {field} IS NULL THEN {NO_VALUE} {' '.join(cells)} END)::USMALLINT"
