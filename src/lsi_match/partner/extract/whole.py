"""What only all records of an extract tell together: a column in which no value is one that was agreed, amounts in cents, a value
that stands for none, a first or last row that is no record, a file that was cut off in its last value.

It looks at what is read anyway, for `check` and `prepare` alike. What it finds can be right: a line of the mapping
says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lsi_match.base.duckdb_locked import quoted_name
from lsi_match.criteria.parse import FieldType

if TYPE_CHECKING:
    from lsi_match.partner.extract.cell_types import Cell

#: Of fewer records nothing can be told.
_FEW = 20
#: Records of which codes and amounts are looked at, where a part is enough; of the others one in so many.
_FIRST, _ONE_IN = 20_000, 64
#: Records of each e-fold of which the own record id is looked at.
_SAMPLE = 1000
#: Share of the records that have one value.
_OFTEN = 0.1

#: Whether a text has digits, letters and spaces, and what else.
_Signs = tuple[bool, bool, bool, frozenset[str]]


class Found(NamedTuple):
    """What may be wrong: the kind, the field, the row (counted as records are), how often, and what stands there."""

    kind: str
    field: str
    row: int
    often: int
    shown: str


class _Question(Protocol):
    """Something that is asked of `columns` (SQL): `add` takes own record ids, which records they are, and these columns."""

    columns: list[str]

    def add(self, ids: pa.Array, rows: np.ndarray, *columns: pa.Array) -> None: ...

    def found(self, records: int) -> Iterator[Found]: ...


class Whole:
    """Looks at batches of all records, which may come in any order and size: what it finds is the same.

    Attributes:
        columns: SQL of what it looks at, besides the own record id and which record it is.
    """

    def __init__(
        self, cells: dict[str, Cell], asked: Collection[str], last: str | None, *, cut: bool, part: str | None
    ) -> None:
        """`cells` hold the own record id; `asked` are fields of which a rule asks whether they are empty; `last` is the field
        in the last column, where the file ends without ending its last line, and `cut` whether it does so where files are cut;
        `part` is SQL of which record it is, where a part of codes and amounts is looked at."""
        text = {name: quoted_name(f"text of {name}") for name in cells}
        self._questions: list[_Question] = []
        for name, cell in cells.items():
            if (told := cell.telling(text[name], quoted_name(name))) is not None:
                self._questions.append(_Codes(name, *told, part))
            if name in asked and cell.reading.empty is None:
                self._questions.append(_Often(name))
        record_id = next(iter(cells))
        if cells[record_id].reading.ends is None:
            by_column = {cells[name].x: text[name] for name in cells if name != record_id}
            by_column.pop(cells[record_id].x, None)
            typed = any(cell.stored.native for cell in cells.values())
            self._questions.append(_Ends(record_id, list(by_column.values())[:62], typed=typed))
            if last is not None:
                numbers = cells[last].declared in (FieldType.INTEGER, FieldType.DECIMAL)
                self._questions.append(_Last(last, text[last], cut=cut, numbers=numbers))
        self.columns = [column for one in self._questions for column in one.columns]
        self._records = 0

    def add(self, ids: pa.Array, *columns: pa.Array) -> None:
        """The next batch: own record ids, `columns`, and which records these are."""
        if not len(ids):
            return
        *left, numbers = columns
        rows, each = np.from_dlpack(numbers), iter(left)
        for one in self._questions:
            one.add(ids, rows, *(next(each) for _ in one.columns))
        self._records += len(ids)

    def found(self) -> Iterator[Found]:
        """What may be wrong."""
        if self._records >= _FEW:
            for one in self._questions:
                yield from one.found(self._records)


class _Codes:
    """A column in which some value shows that nothing is wrong, or none does: see `Cell.telling`."""

    def __init__(self, name: str, kind: str, test: str, part: str | None) -> None:
        # A letter for a digit is told by few values, so that of it all are looked at.
        self._part = part if kind != "lettered" else None
        if self._part:
            test = f"CASE WHEN {part} < {_FIRST} OR {part} % {_ONE_IN} = 0 THEN {test} ELSE 0 END"
        self._name, self._kind, self.columns = name, kind, [f"({test})::UTINYINT"]
        self._codes = np.zeros(4, np.int64)

    def add(self, _ids: pa.Array, _rows: np.ndarray, *columns: pa.Array) -> None:
        self._codes += np.bincount(np.from_dlpack(columns[0]), minlength=4)

    def found(self, records: int) -> Iterator[Found]:
        _, good, odd, other = self._codes.tolist()
        # What few values show, may stand in those that were not looked at.
        left = self._part is not None and records >= _FIRST
        if not good and (odd or left) and odd + other >= _FEW:
            yield Found(self._kind, self._name, 0, odd + other, "")


class _Often:
    """A column that is nowhere empty, and one value stands at many records: it stands for none."""

    def __init__(self, name: str) -> None:
        self._name, self.columns = name, [quoted_name(name)]
        self._values: Counter[str] | None = Counter()

    def add(self, _ids: pa.Array, _rows: np.ndarray, *columns: pa.Array) -> None:
        (values,) = columns
        if values.null_count or self._values is None:
            self._values = None
            return
        counts = pc.value_counts(values)
        # A number of Python itself would load pandas.
        is_often = pc.greater(counts.field("counts"), pa.scalar(int(_OFTEN / 2 * len(values)), pa.int64()))
        often = counts.filter(is_often)
        # A year that Python has no date for has a text.
        texts = pc.cast(often.field("values"), pa.string()).to_pylist()
        self._values.update(dict(zip(texts, often.field("counts").to_pylist(), strict=True)))

    def found(self, records: int) -> Iterator[Found]:
        often = [(n, one) for one, n in (self._values or {}).items() if n >= _OFTEN * records]
        if often:
            yield Found("never_empty", self._name, 0, *max(often))


@dataclass
class _End:
    """The first or last record: which it is, its own id, and what is empty as bits."""

    row: int = -1
    record_id: str = ""
    empty: int = 0


class _Ends:
    """The first and the last record: their own ids have signs that no other has, or they lack what no other lacks."""

    def __init__(self, record_id: str, others: list[str], *, typed: bool) -> None:
        empty = " | ".join(f"(({one} IS NULL)::UBIGINT << {at})" for at, one in enumerate(others)) or "0"
        self._record_id, self._typed, self.columns = record_id, typed, [f"({empty})::UBIGINT"]
        self._gaps = [[1 << 62, 0] for _ in others]
        #: Signs, or the length, of an own record id → the first and the last record that has it.
        self._places: dict[_Signs | int, list[int]] = {}
        self._first, self._final = _End(), _End()

    def add(self, ids: pa.Array, rows: np.ndarray, *columns: pa.Array) -> None:
        empty = np.from_dlpack(columns[0])
        places = _looked_at(rows)
        for row, text in zip(rows[places].tolist(), _taken(ids, places), strict=True):
            for form in (_signs(text), len(text)):
                place = self._places.setdefault(form, [row, row])
                place[:] = min(place[0], row), max(place[1], row)
        for bit, gaps in enumerate(self._gaps):
            if len(held := rows[np.bitwise_and(empty, np.uint64(1 << bit)) != 0]):
                gaps[:] = min(gaps[0], int(held.min())), max(gaps[1], int(held.max()))
        for at, end in ((int(rows.argmin()), self._first), (int(rows.argmax()), self._final)):
            row = int(rows[at])
            if end.row < 0 or (row < end.row if end is self._first else row > end.row):
                end.row, end.record_id, end.empty = row, str(ids[at].as_py() or ""), int(empty[at])

    def found(self, records: int) -> Iterator[Found]:
        half = (self._first.row + self._final.row) / 2
        for kind, end, strange in (
            ("first_row", self._first, self._is_first_strange(half)),
            ("last_row", self._final, self._is_last_strange(half, records)),
        ):
            if strange and end.record_id:
                yield Found(kind, self._record_id, end.row, 1, "")

    def _is_first_strange(self, half: float) -> bool:
        """Rows of a table of types stand in any order, by their own id too: there it lacks what no row of the second half lacks."""
        _, most = self._places.get(_signs(self._first.record_id), (half, half))
        gaps = (gap for bit, gap in enumerate(self._gaps) if self._first.empty >> bit & 1)
        return most <= half and (not self._typed or any(gap[1] <= half for gap in gaps))

    def _is_last_strange(self, half: float, records: int) -> bool:
        """What is empty in no row of the first half. A row with nothing but a number of the register's own form is a record,
        unless that says how many there are."""
        own, last = self._final.record_id, self._final.row
        least, _ = self._places.get(_signs(own), (half, half))
        gaps = [gap for bit, gap in enumerate(self._gaps) if self._final.empty >> bit & 1]
        missing, alone = sum(gap[0] >= half for gap in gaps), len(gaps) == len(self._gaps) > 1
        counted = own.lstrip("0") == str(records - 1)
        other = least >= half or counted or self._places.get(len(own), [last])[0] >= last
        return (missing > 0 and least >= half) or ((missing > 1 or alone) and other)


class _Last:
    """The last value of a file that does not end its last line can be the start of another: nothing, a number that is not among
    the longest, or a text that is shorter than every other, or looks like none of them."""

    def __init__(self, name: str, text: str, *, cut: bool, numbers: bool) -> None:
        self._name, self._cut, self._numbers = name, cut, numbers
        self.columns = [f"coalesce({text}::VARCHAR, '')"]
        self._texts: dict[int, str] = {}
        self._last = (0, "")

    def add(self, _ids: pa.Array, rows: np.ndarray, *columns: pa.Array) -> None:
        places = _looked_at(rows)
        self._texts |= dict(zip(rows[places].tolist(), _taken(columns[0], places), strict=True))
        last = int(rows.argmax())
        self._last = max(self._last, (int(rows[last]), str(columns[0][last])))

    def found(self, _records: int) -> Iterator[Found]:
        row, last = self._last
        others = [text for at, text in self._texts.items() if at != row]
        most = (max if self._numbers else min)((len(one) for one in others if one), default=0)
        if self._cut or len(last) < most or _signs(last) not in set(map(_signs, others)):
            yield Found("cut_off", self._name, row, 1, "")


def _taken(texts: pa.Array, places: np.ndarray) -> list[str]:
    """The texts at these places. `pa.array` of the places would load pandas."""
    at = pa.Array.from_buffers(pa.int64(), len(places), [None, pa.py_buffer(places.astype(np.int64))])
    return [text or "" for text in texts.take(at).to_pylist()]


def _looked_at(rows: np.ndarray) -> np.ndarray:
    """Where in a batch the records stand that are looked at: the first, then ever fewer, by their number alone, so that whoever reads
    again in other batches looks at the same."""
    numbers = rows.astype(np.uint64)
    spread = numbers * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(40)
    return np.flatnonzero(spread * numbers < np.uint64(_SAMPLE << 24))


def _signs(text: str) -> _Signs:
    letters, digits, spaces = (any(map(test, text)) for test in (str.isalpha, str.isdigit, str.isspace))
    return letters, digits, spaces, frozenset(one for one in text if not one.isalnum() and not one.isspace())
