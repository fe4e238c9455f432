"""How a CSV file is written (encoding, separator, header), and its rows, one by one, with the standard library.

Nothing is guessed from the values. The encoding is that of the mark at the start of the file, or else the one asked
for; the separator is the one asked for, that of a line `sep=;`, or the one with which a row holds the names that are
sought; the header is the first row that holds them, so that a title above it is in nobody's way.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from lsi_match.tables.unreadable import TableUnreadable

SEPARATORS = (";", ",", "\t", "|")
#: Bytes in which the header is sought, and rows.
_HEAD, _ROWS = 1 << 20, 40
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
#: The reader of the standard library stops at 131,072 letters in a value, unless it is told otherwise.
csv.field_size_limit(64 << 20)
#: What ends lines elsewhere than in a CSV: on mainframes, in XML. Names between which it stands hold rows.
_ENDS_OF_LINES = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
#: Keeps bytes that are not of the encoding, to tell where they are.
_KEPT = "surrogateescape"


@dataclass(frozen=True)
class Dialect:
    """How a file is written.

    Attributes:
        encoding: as Python calls it.
        mark: bytes of a byte order mark.
        names: of the columns, without spaces around them.
        header: the row of the header, as a spreadsheet counts.
        start: letters before the first row after the header, the byte order mark not counted.
        line_breaks: whether a quoted value may look like whole rows (`several_ways`).
    """

    encoding: str
    mark: int
    separator: str
    names: tuple[str, ...]
    header: int
    start: str
    line_breaks: bool = False


def dialect_of(
    file: Path,
    *,
    encoding: str = "utf-8",
    separator: str | None = None,
    header: int | None = None,
    wanted: Collection[str] = (),
    line_breaks: bool = False,
    lenient: bool = False,
) -> Dialect:
    """How `file` is written.

    Args:
        encoding: of a file without a byte order mark.
        separator: when it is known.
        header: its row, when it is known.
        wanted: names that the header holds.
        lenient: leave what is wrong with the names to whoever looks.

    Raises:
        TableUnreadable: there is no header, it is not of the encoding, or it has a name twice.
        OSError
    """
    with file.open("rb") as handle:
        head = handle.read(_HEAD)
    encoding, mark = _encoding(head, encoding)
    text = codecs.getincrementaldecoder(encoding)(_escaping(encoding)).decode(head[mark:])
    announced = 0
    if (first := text[:6].split("\n")[0].strip().lower()).startswith("sep=") and len(first) <= 5:
        separator = separator or (text[4] if first[4:] else "\t")
        announced = text.index("\n") + 1 if "\n" in text else len(text)
    chosen = [separator] if separator else list(SEPARATORS)
    rows = {one: _first_rows(text, announced, one) for one in chosen}
    found, at = _header(rows, frozenset(wanted), header)
    if not found:
        raise TableUnreadable("no_header", header)
    row, cells, end = rows[found][at]
    names = tuple(cell.strip() for cell in cells)
    if any(_ENDS_OF_LINES.search(name) for name in names):
        raise TableUnreadable("ends_of_lines", row)
    problems = checked_names(names, row)
    if problems and not lenient:
        raise problems[0]
    return Dialect(encoding, mark, found, names, row, text[:end], line_breaks)


def _encoding(head: bytes, asked: str) -> tuple[str, int]:
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, len(mark)
    nothing = (head[0:200:2].count(0), head[1:200:2].count(0))
    if max(nothing) > 0.8 * len(head[1:200:2]) and min(nothing) == 0:
        return ("utf-16-be" if nothing[0] else "utf-16-le"), 0
    return {"windows-1252": "cp1252", "utf-16": "utf-16-le"}.get(asked, asked), 0


def ends_in_line(file: Path, dialect: Dialect) -> bool:
    """Whether the last line has an end, as the header has."""
    with file.open("rb") as handle:
        handle.seek(max(dialect.mark, handle.seek(0, 2) - 8))
        return handle.read().decode(dialect.encoding, "replace")[-1:] in ("\n", "\r", "\x1a", "")


def _escaping(encoding: str) -> str:
    return "replace" if encoding.startswith("utf-16") else _KEPT


def _first_rows(text: str, at: int, separator: str) -> list[tuple[int, list[str], int]]:
    """Of the first rows that hold something the number, the cells, and where they end in the text."""
    lines = io.StringIO(text[at:], newline="")
    read = at

    def counted() -> Iterator[str]:
        nonlocal read
        for line in lines:
            read += len(line)
            yield line

    found = []
    number = 1 if at else 0
    try:
        for cells in csv.reader(counted(), delimiter=separator):
            number += 1
            if any(cell.strip() for cell in cells):
                found.append((number, cells, read))
            if len(found) == _ROWS:
                break
    except csv.Error:
        pass
    return found


def _header(
    rows: dict[str, list[tuple[int, list[str], int]]], wanted: frozenset[str], asked: int | None
) -> tuple[str, int]:
    """The separator and the place of the header among the rows that it gives: the row asked for; the first that holds
    all names; or the first that is as wide as most rows are."""
    places: list[tuple[int, int, str, int]] = []
    for separator, found in rows.items():
        widths = [len(cells) for _, cells, _ in found]
        usual = max(sorted(set(widths), reverse=True), key=widths.count, default=0)
        for at, (number, cells, _) in enumerate(found):
            names = {cell.strip() for cell in cells}
            if asked is not None and number == asked:
                places.append((len(names & wanted), len(cells), separator, at))
            elif asked is None and (held := len(names & wanted)) and held == len(wanted):
                places.append((held + 1, len(cells), separator, -at))
            elif asked is None and len(cells) == usual:
                # Of a file that does not hold all names the header is told as it would be found without them.
                places.append((0, len(cells) * widths.count(usual), separator, -at))
    if not places:
        return "", 0
    _, _, separator, at = max(
        places, key=lambda one: (*one[:2], one[3], -SEPARATORS.index(one[2]) if one[2] in SEPARATORS else 0)
    )
    return separator, abs(at)


def checked_names(names: Sequence[str], row: int | None) -> list[TableUnreadable]:
    """What is wrong with names: one stands there twice, or is no text of the encoding."""
    found = [other_encoding(row, f"{at}") for at, name in enumerate(names, 1) if not_text(name)]
    twice = dict.fromkeys(name for at, name in enumerate(names) if name and name in names[:at])
    return found + [TableUnreadable("name_twice", row, name) for name in twice]


def other_encoding(row: int | None, column: str | None) -> TableUnreadable:
    """That a text is not of the encoding that the mapping says, or UTF-8."""
    return TableUnreadable("other_encoding", row, column)


def not_text(value: str) -> bool:
    """Whether it holds what was no letter in the encoding of the file (see `_KEPT`)."""
    return any("\udc80" <= letter <= "\udcff" for letter in value)


def several_ways(lines: Sequence[str], dialect: Dialect) -> bool:
    """Whether these lines, which quotes make one row, are each a whole row when quotes are letters: nobody can tell
    which of the two was meant."""
    return not dialect.line_breaks and all(
        line.count(dialect.separator) == len(dialect.names) - 1 for line in lines
    )


def rows(
    file: Path, dialect: Dialect, *, broken: bool = False
) -> Iterator[tuple[int, list[str] | TableUnreadable]]:
    """The rows after the header that hold something, each with its number as a spreadsheet counts.

    Args:
        broken: give what is wrong with a row in its place, and go on after it.

    Raises:
        TableUnreadable: a row of another length, a quote out of place, or bytes that are not of the encoding.
    """
    with file.open(encoding=dialect.encoding, newline="", errors=_escaping(dialect.encoding)) as handle:
        handle.seek(dialect.mark)
        skip = len(dialect.start)
        while skip > 0:
            skip -= len(handle.read(min(skip, 1 << 20)))
        yield from _rows(handle, dialect, dialect.header, broken=broken)


def _rows(
    text: Iterable[str], dialect: Dialect, number: int, *, broken: bool
) -> Iterator[tuple[int, list[str] | TableUnreadable]]:
    """As `rows`, of lines of text; `number` is that of the row before the first."""
    left = iter(text)
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for line in left:
            taken.append(line)
            yield line

    reader = csv.reader(lines(), delimiter=dialect.separator, strict=True)
    while True:
        taken.clear()
        problem: TableUnreadable | None
        cells: list[str] = []
        number += 1
        try:
            cells = next(reader)
            problem = _problem(cells, taken, dialect, number)
        except StopIteration:
            return
        except csv.Error:
            problem = TableUnreadable("quote", number, _column_of_quote(taken[:1], dialect))
        if problem is None and cells:
            yield number, cells
        elif problem is not None:
            if not broken:
                raise problem
            yield number, problem
            # What a quote swallowed are rows of their own.
            left = chain(taken[1:], left)
            reader = csv.reader(lines(), delimiter=dialect.separator, strict=True)


def _problem(cells: list[str], lines: list[str], dialect: Dialect, number: int) -> TableUnreadable | None:
    if not cells:
        return None
    if len(cells) != len(dialect.names):
        problem = TableUnreadable("width", number, values=len(cells), names=len(dialect.names))
        problem.cells = cells
        return problem
    for name, cell in zip(dialect.names, cells, strict=True):
        if not_text(cell):
            return other_encoding(number, name)
    if len(lines) > 1 and several_ways(lines, dialect):
        return TableUnreadable("rows_in_quotes", number, _column_of_quote(lines[:1], dialect))
    return None


def _column_of_quote(lines: list[str], dialect: Dialect) -> str | None:
    """The column in which the last quote of a line stands that opens a value."""
    line = lines[0] if lines else ""
    at = line.rfind(dialect.separator + '"')
    place = line[: at + 1].count(dialect.separator) if at >= 0 else 0
    return dialect.names[place] if '"' in line and place < len(dialect.names) else None
