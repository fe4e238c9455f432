"""The columns of a CSV file as batches of text, quickly: blocks of whole rows, each read by Arrow on its own.

Where a row ends is known before Arrow looks: a block is cut after a line break that stands outside quotes. What has
quotes in other places than around a value is left to the reader of the standard library, which is slow and strict.
"""

from __future__ import annotations

import codecs
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lsi_match.tables.csv_dialect import Dialect, rows, several_ways
from lsi_match.tables.unreadable import TableUnreadable

if TYPE_CHECKING:
    import pyarrow as pa

#: Bytes that are read at a time, and the most that may be one row.
BLOCK, LONGEST = 4 << 20, 64 << 20
_QUOTE, _LF, _CR = b'"\n\r'
WORKERS = os.cpu_count() or 1
#: Rows in a batch of the slow reader.
_SLOW = 20_000


def batches(file: Path, dialect: Dialect, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """The `columns` of `file` as text, called c0, c1 …, in order.

    Raises:
        TableUnreadable: at the first row that cannot be read.
        OSError
    """
    import pyarrow as pa

    done = 0
    ahead: deque[Future[pa.RecordBatch]] = deque()
    try:
        with ThreadPoolExecutor(WORKERS) as pool:
            for block in _blocks(file, dialect):
                if block is None or len(ahead) > WORKERS:
                    for _ in range(len(ahead) if block is None else 1):
                        batch = ahead.popleft().result()
                        done += len(batch)
                        yield batch
                if block is None:
                    yield from slowly(file, dialect, columns, done)
                elif block.strip(b"\r\n"):
                    ahead.append(pool.submit(_parsed, block, dialect, columns))
            while ahead:
                yield ahead.popleft().result()
    except (pa.ArrowInvalid, UnicodeDecodeError):
        # The error of the engine holds the text of the row.
        raise _first_problem(file, dialect) from None


def _first_problem(file: Path, dialect: Dialect) -> TableUnreadable:
    try:
        for _ in rows(file, dialect):
            pass
    except TableUnreadable as problem:
        return problem
    return TableUnreadable("broken_off")


def _blocks(file: Path, dialect: Dialect) -> Iterator[bytes | None]:
    """Blocks of whole rows in UTF-8; nothing, as the last, where only the slow reader can go on."""
    rest = b""
    skip = len(dialect.start.encode("utf-8", "surrogateescape"))
    decoder = None if dialect.encoding == "utf-8" else codecs.getincrementaldecoder(dialect.encoding)()
    with file.open("rb") as handle:
        handle.seek(dialect.mark)
        while True:
            read = handle.read(BLOCK)
            last = not read
            block = read if decoder is None else decoder.decode(read, final=last).encode()
            block, skip = block[skip:], max(0, skip - len(block))
            data = rest + block if rest else block
            cut = _cut(data + b"\n" if last else data, dialect)
            if cut is None or len(data) - cut > LONGEST or (last and cut <= len(data)):
                yield None
                return
            if last:
                yield data
                return
            yield data[:cut]
            rest = data[cut:]


def _cut(data: bytes, dialect: Dialect) -> int | None:
    """Where the last whole row ends; nothing when quotes stand elsewhere than around a value, or around whole rows."""
    if _QUOTE not in data:
        return max(data.rfind(b"\n"), data.rfind(b"\r") if dialect.start.endswith("\r") else -1) + 1
    letters = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(letters == _QUOTE)
    around = np.array([ord(dialect.separator), _LF, _CR, _QUOTE], np.uint8)
    opening, closing = quotes[0::2], quotes[1::2]
    before = letters[np.maximum(opening, 1) - 1]
    after = letters[np.minimum(closing + 1, len(letters) - 1)]
    fits = np.isin(before, around) | (opening == 0)
    ends = np.isin(after, around) | (closing == len(letters) - 1)
    breaks = np.flatnonzero((letters == _LF) | (letters == _CR))
    inside = np.searchsorted(quotes, breaks) % 2 == 1
    outside = breaks[~inside]
    cut = int(outside[-1]) + 1 if len(outside) else 0
    if not (fits[opening < cut].all() and ends[closing < cut].all()):
        return None
    if inside.any() and _doubtful(data, outside, breaks[inside & (breaks < cut)], dialect):
        return None
    return cut


def _doubtful(data: bytes, outside: np.ndarray, inside: np.ndarray, dialect: Dialect) -> bool:
    """Whether a row with line breaks in it reads as `several_ways`."""
    for end in np.unique(np.searchsorted(outside, inside)):
        start = int(outside[end - 1]) + 1 if end else 0
        text = data[start : int(outside[end])].decode("utf-8", "surrogateescape")
        if several_ways([line for line in text.splitlines() if line], dialect):
            return True
    return False


def _parsed(block: bytes, dialect: Dialect, columns: list[str]) -> pa.RecordBatch:
    import pyarrow as pa
    import pyarrow.csv as pc

    # All of it, not only the columns that are used: raises UnicodeDecodeError.
    block.decode()
    names = [f"n{at}" for at in range(len(dialect.names))]
    wanted = [names[dialect.names.index(column)] for column in columns]
    table = pc.read_csv(
        pa.BufferReader(block),
        pc.ReadOptions(column_names=names, block_size=len(block) + 1, use_threads=False),
        pc.ParseOptions(delimiter=dialect.separator, newlines_in_values=_QUOTE in block),
        pc.ConvertOptions(
            column_types=dict.fromkeys(wanted, pa.string()),
            include_columns=wanted,
            strings_can_be_null=False,
            check_utf8=False,
        ),
    )
    return _batch([column.combine_chunks() for column in table.columns])


def _batch(columns: list[pa.Array]) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_arrays(columns, [f"c{at}" for at in range(len(columns))])


def slowly(
    file: Path, dialect: Dialect, columns: list[str], done: int | None = None
) -> Iterator[pa.RecordBatch]:
    """What comes after the first `done` rows, of a file that may hold quotes anywhere; or all rows but the broken ones."""
    import pyarrow as pa

    places = [dialect.names.index(column) for column in columns]
    left = (
        cells
        for _, cells in islice(rows(file, dialect, broken=done is None), done, None)
        if isinstance(cells, list)
    )
    while held := list(islice(left, _SLOW)):
        yield _batch([pa.array([row[at] for row in held], pa.string()) for at in places])
