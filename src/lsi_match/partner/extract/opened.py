"""An extract that is open: its columns laid beside the fields of a selection, in DuckDB, and what is wrong.

`raw` holds the columns as they are stored; `typed` what stands in them (`text_of`), and the values of the declared types
under the names of their fields. What may not be true of a row is a `Fault`; all faults of all columns are told at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lsi_match.base.duckdb_locked import locked_connection, one_row, quoted_name, quoted_text
from lsi_match.base.errors import words
from lsi_match.base.files import FileMissingError
from lsi_match.criteria.parse import FieldType, Predicate
from lsi_match.manifest import Selection
from lsi_match.partner.extract.cell_types import Cell, Role, cell_of
from lsi_match.partner.extract.column_mapping import PLAIN, SelectionMapping
from lsi_match.partner.extract.problems import (
    ExtractError,
    ExtractProblemsError,
    missing_column,
    settled_by,
    stored_otherwise,
    why,
)
from lsi_match.partner.extract.whole import Whole
from lsi_match.tables.source import Source, Stored, open_source
from lsi_match.tables.stored import Kind
from lsi_match.tables.unreadable import TableUnreadable

RECORD_ID = "record_id"
#: Which record it is.
ROW = quoted_name("row number")


def text_of(field: str) -> str:
    """The column with what stands in a field, under a name that no field can have."""
    return quoted_name(f"text of {field}")


def _odd(field: str) -> str:
    return quoted_name(f"odd {field}")


@dataclass(frozen=True)
class Fault:
    """What may not be true of a row of `source`: the condition, the text that is shown, the error, made from row, how often, and
    what stands there; and a condition that is quick, and true wherever the first is."""

    condition: str
    shown: str
    error: Callable[[int, int, str], ExtractError]
    screen: str | None = None


def any_of(faults: Sequence[Fault]) -> str:
    """Whether a row has one of them, in SQL; of a row that passes every screen nothing else is looked at."""
    of_screen: dict[str | None, list[str]] = {}
    for fault in faults:
        of_screen.setdefault(fault.screen, []).append(f"({fault.condition})")
    conditions = ((screen, " OR ".join(each)) for screen, each in of_screen.items())
    return " OR ".join(f"{_screened(screen, condition)} IS TRUE" for screen, condition in conditions)


def _screened(screen: str | None, condition: str) -> str:
    """Only a CASE leaves the condition out."""
    return f"(CASE WHEN {screen} THEN {condition} END)" if screen else f"({condition})"


@contextmanager
def opened(
    partner: str,
    selection: Selection,
    mapping: SelectionMapping,
    extracts: Path,
    groups: Sequence[Predicate] = (),
    *,
    lenient: bool = False,
) -> Iterator[Extract]:
    """The extract of a selection, to be read; what goes wrong in the block is told as what is wrong with the extract.

    Raises:
        FileMissingError; an ExtractError for all that is wrong with its columns; what the block raises.
    """
    file = extracts / mapping.extract
    if not file.is_file():
        raise FileMissingError(file=str(file))
    con = locked_connection([extracts])
    where = {"partner": partner, "file": file.name}
    extract: Extract | None = None
    try:
        with _telling(where, mapping):
            extract = Extract(
                con,
                partner,
                selection,
                mapping,
                file,
                open_source(con, file, replace(mapping.asked, lenient=lenient)),
                groups,
            )
        with _telling(where, mapping, extract):
            extract.lay(lenient=lenient)
            yield extract
    finally:
        con.close()


@contextmanager
def _telling(
    where: dict[str, str], mapping: SelectionMapping, extract: Extract | None = None
) -> Iterator[None]:
    try:
        yield
    except TableUnreadable as problem:
        raise _unreadable(where, mapping, problem) from None
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        if "Out of Memory Error" in str(error):
            raise ExtractError.because("partner.extract.too_large", **where) from None
        # The text of the engine's error may quote a row.
        found = extract.blamed() if extract else None
        raise _unreadable(where, mapping, found or TableUnreadable("broken_off")) from None


def _unreadable(where: dict[str, str], mapping: SelectionMapping, problem: TableUnreadable) -> ExtractError:
    facts = words("problem", problem.text("nl", mapped=True), problem.text("en", mapped=True))
    if mapping.table is not None:
        return ExtractError("TableUnreadableError", **where, table=mapping.table, **facts)
    return ExtractError("ExtractUnreadableError", **where, **facts)


@dataclass
class Extract:
    """One selection's extract, open in `con`.

    Attributes:
        groups: the predicates of the monitor's groups.
        cells: of each field, and of the record id.
        wrong: what is wrong with the columns, of an extract that is opened leniently.
    """

    con: duckdb.DuckDBPyConnection
    partner: str
    selection: Selection
    mapping: SelectionMapping
    file: Path
    source: Source
    groups: Sequence[Predicate] = ()
    cells: dict[str, Cell] = field(default_factory=dict)
    wrong: list[ExtractError] = field(default_factory=list)

    @property
    def where(self) -> dict[str, str]:
        """The facts of every error."""
        return {"partner": self.partner, "file": self.file.name}

    def telling(self) -> AbstractContextManager[None]:
        """What goes wrong in the block is told as what is wrong with this extract."""
        return _telling(self.where, self.mapping, self)

    def column(self, name: str) -> str:
        """The column of a field, or of the record id."""
        return self.mapping.record_id if name == RECORD_ID else self.mapping.columns[name]

    def lay(self, *, lenient: bool = False) -> None:
        """Judge the columns; leniently: of the columns that can be read, too.

        Raises:
            ExtractError: all that is wrong with the columns.
        """
        self.wrong = self.problems()
        if self.wrong and not lenient:
            raise ExtractProblemsError.of(self.wrong)
        good = [name for name, cell in self.cells.items() if cell.refusal is None]
        places = self._places(good)
        self.cells = {
            name: replace(self.cells[name], x=f"c{at}") for name, at in zip(good, places, strict=True)
        }

    def problems(self) -> list[ExtractError]:
        """What is wrong with the columns, before a row is read; without any, `cells` is whole."""
        wanted = [RECORD_ID, *self.selection.fields]
        found: list[ExtractError] = [
            ExtractError("FieldUnmappedError", **self.where, selection=self.selection.id, field=name)
            for name in self.selection.fields
            if name not in self.mapping.columns
        ]
        named = [name for name in wanted if name == RECORD_ID or name in self.mapping.columns]
        there = [name for name in named if self.column(name) in self.source.names]
        found += [
            missing_column(self.where, self.column(name), name, self.source.names, is_header=bool(there))
            for name in named
            if name not in there
        ]
        stored = self.source.stored([self.column(name) for name in there])
        places = self._places(there)
        self.cells = {n: self._cell(n, at, one) for n, at, one in zip(there, places, stored, strict=True)}
        found += [
            stored_otherwise(self.where, self.column(name), name, cell, refusal)
            for name, cell in self.cells.items()
            if (refusal := cell.refusal) is not None
        ]
        return found

    def _places(self, names: Sequence[str]) -> list[int]:
        distinct = list(dict.fromkeys(self.column(name) for name in names))
        return [distinct.index(self.column(name)) for name in names]

    def _cell(self, name: str, at: int, stored: Stored) -> Cell:
        reading = self.mapping.reading.get(name, PLAIN)
        if name == RECORD_ID:
            return Cell(f"c{at}", FieldType.TEXT, Role.RECORD_ID, stored, reading)
        return cell_of(self.selection, name, f"c{at}", stored, reading, self.groups)

    def rewind(self) -> None:
        """Let `raw` be read from the front; to be called before every statement."""
        digits: dict[str, int] = {}
        for name, cell in self.cells.items():
            digits[self.column(name)] = max(
                digits.get(self.column(name), 0), cell.reading.digits or cell.digits or 0
            )
        self.source.lay(self.con, list(digits), list(digits.values()))

    def typed(self, *, numbered: bool = False) -> str:
        """`typed` in SQL, without rows that hold nothing; with the number of the record, if asked for."""
        number = f"n AS {ROW}, " if numbered else ""
        shown = [f"{cell.shown} AS {text_of(name)}" for name, cell in self.cells.items()]
        any_ = " OR ".join(f"{text_of(name)} IS NOT NULL" for name in self.cells)
        values = [f"{cell.value(text_of(name))} AS {quoted_name(name)}" for name, cell in self.cells.items()]
        values += [
            f"{odd} AS {_odd(name)}"
            for name, cell in self.cells.items()
            if (odd := cell.odd(text_of(name))) is not None
        ]
        text = f"SELECT {number}{', '.join(shown)} FROM raw"
        return f"(SELECT *, {', '.join(values)} FROM ({text}) WHERE {any_})"

    def broken(self) -> list[ExtractError]:
        """What is wrong with the header and the form of rows, of an extract that is opened leniently."""
        return [_unreadable(self.where, self.mapping, problem) for problem in self.source.wrong]

    def faults(self, *, of_ids: bool = True) -> list[Fault]:
        """What may not be true of any row, by the columns alone; or all but what `faulty_ids` tells."""
        found = [self._header_again()] if RECORD_ID in self.cells else []
        if len(self.cells) > 2 and RECORD_ID in self.cells:
            alone = " AND ".join(f"{text_of(name)} IS NULL" for name in self.cells if name != RECORD_ID)
            note = f"regexp_matches({text_of(RECORD_ID)}, '[ :]')"
            error = self._error("note", RECORD_ID, self.cells[RECORD_ID])
            found.append(Fault(note, text_of(RECORD_ID), error, alone))
        written = [name for name, cell in self.cells.items() if Kind.TEXT in cell.stored.kinds]
        if len(written) > 3 and RECORD_ID in written:
            # What stands under a header to say what a column holds.
            first, *others = (f"{text_of(name)}::VARCHAR" for name in written)
            same = " AND ".join(f"{first} = {other}" for other in others)
            error = self._error("under_header", written[0], self.cells[written[0]])
            found.append(Fault(same, text_of(written[0]), error))
        for name in self.cells:
            if of_ids or name != RECORD_ID or not self._ids_as_they_are:
                found += self._faults_of(name)
        return found

    def _faults_of(self, name: str) -> list[Fault]:
        cell = self.cells[name]
        return [
            Fault(condition, text_of(name), self._error(kind, name, cell), screen)
            for kind, condition, screen in cell.faults(text_of(name), quoted_name(name), _odd(name))
        ]

    @property
    def _ids_as_they_are(self) -> bool:
        """Whether the record ids are the texts that stand there."""
        return self.cells[RECORD_ID].reading.as_ is None and Kind.TEXT in self.cells[RECORD_ID].stored.kinds

    def faulty_ids(self, ids: pa.Array) -> bool:
        """Whether one of these record ids cannot be one. Of ids of digits alone, which most are, none is looked at."""
        if not self._ids_as_they_are or _of_digits(ids):
            return False
        shown, odd = text_of(RECORD_ID), self.cells[RECORD_ID].odd(text_of(RECORD_ID))
        columns = f"{RECORD_ID}, {RECORD_ID} AS {shown}"
        judged = f"SELECT *, {odd} AS {_odd(RECORD_ID)} FROM (SELECT {columns} FROM ids)"
        # The connection itself is busy with the rows that follow.
        with self.con.cursor() as beside:
            beside.register("ids", pa.table({RECORD_ID: ids}))
            (found,) = one_row(
                beside, f"SELECT bool_or({any_of(self._faults_of(RECORD_ID))}) FROM ({judged})"
            )
        return bool(found)

    def _header_again(self) -> Fault:
        def made(row: int, _count: int, _shown: str) -> ExtractError:
            return _unreadable(self.where, self.mapping, TableUnreadable("header_again", row))

        name = self.mapping.record_id
        forms = ", ".join(map(quoted_text, {name: 0, name.lower(): 0, name.upper(): 0, name.title(): 0}))
        return Fault(f"{text_of(RECORD_ID)} IN ({forms})", text_of(RECORD_ID), made)

    def _error(self, kind: str, name: str, cell: Cell) -> Callable[[int, int, str], ExtractError]:
        def made(row: int, count: int, shown: str) -> ExtractError:
            problem, line = why(kind, cell, shown)
            texts, column = problem | settled_by(name, line), self.column(name)
            if kind == "type":
                kind_of_value = cell.reading.as_ or cell.declared.value
                return ExtractError(
                    "WrongTypeError",
                    **self.where,
                    row=row,
                    column=column,
                    type=kind_of_value,
                    count=count,
                    **texts,
                )
            return ExtractError(
                "ValueUnclearError", **self.where, row=row, column=column, count=count, **texts
            )

        return made

    def whole(self, *, sampled: bool = False) -> Whole | None:
        """Looks at what all records together tell; of an extract with own record ids. Of many records a part of the values can be
        looked at: what then seems wrong, need not be."""
        if RECORD_ID not in self.cells:
            return None
        parts = {name for one in self.selection.identifiers if one.of_address for name in one.fields[2:]}
        rules = [*self.selection.predicates().values(), *self.selection.signal_predicates().values()]
        asked = parts.union(
            name
            for rule in rules
            for name in rule.asks_empty()
            if self.selection.field_types[name] not in (FieldType.BOOLEAN, FieldType.TEXT)
        )
        last = next((name for name in self.cells if self.column(name) == self.source.open_end), None)
        return Whole(self.cells, asked, last, cut=self.source.cut, part=ROW if sampled else None)

    def told(self, faults: Sequence[Fault], source: str) -> list[ExtractError]:
        """Which of the faults of numbered rows there are: each once, with its first row and how often, and what all rows together
        tell, in one reading."""
        whole = self.whole()
        if not faults and whole is None:
            return []
        self.rewind()
        # Streamed and counted here: as many aggregates took DuckDB twice as long to plan.
        columns = [f"{_screened(one.screen, one.condition)} AS f{at}" for at, one in enumerate(faults)]
        shown = list(dict.fromkeys(one.shown for one in faults))
        columns += [f"{one}::VARCHAR AS s{at}" for at, one in enumerate(shown)]
        columns += [f"{text_of(RECORD_ID)}::VARCHAR AS id", *whole.columns] if whole else []
        found: dict[int, tuple[int, int, str]] = {}
        with self.con.sql(f"SELECT {ROW}, {', '.join(columns)} FROM {source}").to_arrow_reader() as batches:
            for batch in batches:
                if whole:
                    width = batch.num_columns - len(whole.columns)
                    whole.add(batch.column("id"), *batch.columns[width:], batch.column(0))
                for at, fault in enumerate(faults):
                    rows = pc.indices_nonzero(batch.column(f"f{at}"))
                    if not len(rows):
                        continue
                    if at not in found:
                        cells = (batch.column(0), batch.column(f"s{shown.index(fault.shown)}"))
                        found[at] = 0, *(cell[rows[0].as_py()].as_py() for cell in cells)
                    count, row, there = found[at]
                    found[at] = count + len(rows), row, there
        return [
            faults[at].error(self.source.row(row), count, there or "")
            for at, (count, row, there) in sorted(found.items())
        ] + [
            self._of_all(*one)
            for one in (whole.found() if whole else ())
            if not one.row or one.row not in (row for _, row, _ in found.values())
        ]

    def _of_all(self, kind: str, name: str, row: int, count: int, shown: str) -> ExtractError:
        problem, line = why(kind, self.cells[name], shown)
        field = RECORD_ID if row else name
        facts = self.where | problem | settled_by(field, line) | {"column": self.column(name)}
        if row:
            return ExtractError("ValueUnclearError", row=self.source.row(row), count=count, **facts)
        return ExtractError("ColumnUnclearError", count=count, **facts)

    def blamed(self) -> TableUnreadable | None:
        """What stopped the reading: told by the source, or else the first column that cannot be read by itself."""
        if self.source.problem is not None:
            return self.source.problem
        for name in self.cells:
            try:
                self.rewind()
                one_row(self.con, f"SELECT max({self.cells[name].x}::VARCHAR) FROM raw")
            except (duckdb.Error, pa.ArrowException):
                return TableUnreadable("other_encoding", None, self.column(name))
        return None


def _of_digits(texts: pa.StringArray) -> bool:
    _, ends, letters = texts.buffers()
    if not len(texts) or letters is None:
        return True
    places = np.frombuffer(ends, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return bool((np.frombuffer(letters, np.uint8)[places[0] : places[-1]] - np.uint8(ord("0")) < 10).all())
