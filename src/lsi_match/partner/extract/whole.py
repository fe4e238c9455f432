"""What only all records of an extract tell together: a column in which no value is one that was agreed, amounts in cents, a value
that stands for none, a first or last row that is no record, a file that was cut off in its last value.

It looks at what is read anyway, for `check` and `prepare` alike. What it finds can be right: a line of the mapping
says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lsi_match.base.duckdb_locked import quoted_name
from lsi_match.criteria.parse import FieldType

if TYPE_CHECKING:
    from lsi_match.partner.extract.cell_types import Cell

#: SQL of all rows.
EVERY = "TRUE"
#: Of fewer records nothing can be told.
_FEW = 20
#: Records of a batch of which the own record id is looked at.
_SAMPLE = 500
#: Share of the records that have one value.
_OFTEN = 0.1


_Signs = tuple[bool, bool, bool, frozenset[str]]


class Found(NamedTuple):
    """What may be wrong: the kind, the field, the row (counted as records are), how often, and what stands there."""

    kind: str
    field: str
    row: int
    often: int
    shown: str


class Whole:
    """Looks at batches of all records, in order.

    Attributes:
        columns: SQL of what it looks at, besides the own record id.
    """

    def __init__(
        self, cells: dict[str, Cell], asked: Collection[str], last: str | None, *, cut: bool, row: str
    ) -> None:
        """`cells` hold the own record id; `asked` are fields of which a rule asks whether they are empty; `last` is the field
        in the last column, where the file ends without ending its last line, and `cut` whether it does so where files are cut;
        `row` is SQL of the rows in which codes and amounts are looked at."""
        text = {name: quoted_name(f"text of {name}") for name in cells}
        self._record_id = next(iter(cells))
        self._told = {
            name: said
            for name, cell in cells.items()
            if (said := cell.telling(text[name], quoted_name(name))) is not None
        }
        self._once = [name for name in cells if name in asked and cells[name].reading.empty is None]
        distinct = list({cells[name].x: name for name in cells}.values())[:62]
        self._all = [name for name in distinct if name != self._record_id]
        empty = " | ".join(f"(({text[name]} IS NULL)::UBIGINT << {at})" for at, name in enumerate(self._all))
        # In a table of types nothing else than records can stand.
        typed = any(cell.stored.native for cell in cells.values())
        self._ends = cells[self._record_id].reading.ends is None and not typed
        self._last, self._cut = last if self._ends else None, cut
        self._of_numbers = last is not None and cells[last].declared in (FieldType.INTEGER, FieldType.DECIMAL)
        self.columns = [
            *(_looked(row, kind, test) for kind, test in self._told.values()),
            *(quoted_name(name) for name in self._once),
            *([f"({empty or '0'})::UBIGINT"] if self._ends else []),
            *([f"coalesce({text[self._last]}::VARCHAR, '')"] if self._last else []),
        ]
        self._codes = {name: np.zeros(4, np.int64) for name in self._told}
        self._values: dict[str, Counter[str] | None] = {name: Counter() for name in self._once}
        self._places: dict[_Signs, list[int]] = {}
        self._gaps = [[1 << 62, 0] for _ in self._all]
        self._lengths: set[int] = set()
        self._shapes: Counter[tuple[int, _Signs]] = Counter()
        self._first, self._final = _End(), _End()
        self._records, self._sampled = 0, row != EVERY

    def add(self, ids: pa.Array, *columns: pa.Array) -> None:
        """The next batch: own record ids, `columns`, and which records these are; batches may come in any order."""
        if not len(ids):
            return
        *left, numbers = columns
        rows, each = np.from_dlpack(numbers), iter(left)
        for name, codes in zip(self._told, each, strict=False):
            self._codes[name] += np.bincount(np.from_dlpack(codes), minlength=4)
        for name, values in zip(self._once, each, strict=False):
            self._add_values(name, values)
        if self._ends:
            empty = np.from_dlpack(next(each))
            for at in range(0, len(ids), max(1, len(ids) // _SAMPLE)):
                row = int(rows[at])
                place = self._places.setdefault(_signs(str(ids[at])), [row, row])
                place[:] = min(place[0], row), max(place[1], row)
                if at not in (0, len(ids) - 1):
                    self._lengths.add(len(str(ids[at])))
            for bit, gaps in enumerate(self._gaps):
                if len(held := rows[np.bitwise_and(empty, np.uint64(1 << bit)) != 0]):
                    gaps[:] = min(gaps[0], int(held.min())), max(gaps[1], int(held.max()))
            texts = next(each) if self._last else None
            for end, at in ((self._first, int(rows.argmin())), (self._final, int(rows.argmax()))):
                row, far = int(rows[at]), -1 if end is self._first else 1
                if end.row is None or far * row > far * end.row:
                    end.row, end.record_id, end.empty = row, str(ids[at].as_py() or ""), int(empty[at])
                    end.text = str(texts[at]) if texts else ""
            self._shapes.update((len(one), _signs(one)) for one in (texts.to_pylist() if texts else ()))
        self._records += len(ids)

    def _add_values(self, name: str, values: pa.Array) -> None:
        counted = self._values[name]
        if values.null_count or counted is None:
            self._values[name] = None
            return
        counts = pc.value_counts(values)
        # A number of Python itself would load pandas.
        is_often = pc.greater(counts.field("counts"), pa.scalar(int(_OFTEN / 2 * len(values)), pa.int64()))
        often = counts.filter(is_often)
        # A year that Python has no date for has a text.
        texts = pc.cast(often.field("values"), pa.string()).to_pylist()
        counted.update(dict(zip(texts, often.field("counts").to_pylist(), strict=True)))

    def found(self) -> Iterator[Found]:
        """What may be wrong."""
        if self._records < _FEW:
            return
        for name, codes in self._codes.items():
            # What few values show, may stand in those that were not looked at.
            if not codes[1] and (codes[2] or self._sampled) and (held := int(codes[1:].sum())) >= _FEW:
                yield Found(self._told[name][0], name, 0, held, "")
        for name, values in self._values.items():
            often = [(n, one) for one, n in (values or {}).items() if n >= _OFTEN * self._records]
            if often:
                yield Found("never_empty", name, 0, *max(often))
        if not self._ends or self._first.row is None or self._final.row is None:
            return
        half = (self._first.row + self._final.row) / 2
        for kind, end in (("first_row", self._first), ("last_row", self._final)):
            least, most = self._places.get(_signs(end.record_id), (half, half))
            gaps = [gap for bit, gap in enumerate(self._gaps) if end.empty >> bit & 1]
            if end is self._first:
                is_strange = most <= half
            else:
                # What is empty in no row of the first half. A row with nothing but a number of the register's own form is a record,
                # unless that says how many there are.
                missing, alone = sum(gap[0] >= half for gap in gaps), len(gaps) == len(self._all) > 1
                counted = end.record_id.lstrip("0") == str(self._records - 1)
                other = least >= half or counted or len(end.record_id) not in self._lengths
                is_strange = (missing > 0 and least >= half) or ((missing > 1 or alone) and other)
            if is_strange and end.record_id:
                yield Found(kind, self._record_id, end.row or 0, 1, "")
        if self._last and (self._cut or self._is_short(self._final.text)):
            yield Found("cut_off", self._last, self._final.row, 1, "")

    def _is_short(self, text: str) -> bool:
        """Whether the last value can be the start of another: nothing, a number that is not among the longest, or a text that is
        shorter than every other, or looks like none of them."""
        self._shapes[len(text), _signs(text)] -= 1
        shapes = [shape for shape, n in self._shapes.items() if n > 0]
        lengths = [n for n, _ in shapes if n]
        most = max(lengths, default=0) if self._of_numbers else min(lengths, default=0)
        return len(text) < most or _signs(text) not in {signs for _, signs in shapes}


@dataclass
class _End:
    """The first or last record: which it is, its own id, what is empty as bits, and what stands in the last column."""

    row: int | None = None
    record_id: str = ""
    empty: int = 0
    text: str = ""


def _looked(row: str, kind: str, test: str) -> str:
    """A letter for a digit is told by few values, so that of it all are looked at."""
    return (
        f"({test})::UTINYINT" if kind == "lettered" else f"(CASE WHEN {row} THEN {test} ELSE 0 END)::UTINYINT"
    )


def _signs(text: str) -> _Signs:
    """Whether a text has digits, letters and spaces, and what else."""
    letters, digits, spaces = (any(map(test, text)) for test in (str.isalpha, str.isdigit, str.isspace))
    return letters, digits, spaces, frozenset(one for one in text if not one.isalnum() and not one.isspace())
