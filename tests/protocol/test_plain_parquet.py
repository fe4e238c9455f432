"""Only plain Parquet reaches the Parquet library; whatever else comes is refused, and never ends the process."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lsi_match.protocol.columns import Column, ColumnType
from lsi_match.protocol.parquet import BLOCK_TYPE, TableInvalidError, from_parquet, schema_of, to_parquet
from lsi_match.protocol.plain_parquet import NotPlainError, check_plain

TYPES: tuple[ColumnType, ...] = ("block", "uint8", "uint16", "uint64", "text", "boolean")
COLUMNS = tuple(Column(f"a_{kind}", kind) for kind in TYPES)
TAIL = 8


def table_of(rows: int) -> pa.Table:
    """A table with a column of every type."""
    cells = np.random.default_rng(rows).bytes(16 * rows)
    numbers = np.arange(rows, dtype=np.uint64)
    arrays = [
        pa.FixedSizeBinaryArray.from_buffers(BLOCK_TYPE, rows, [None, pa.py_buffer(cells)]),
        pa.array((numbers % 251).astype(np.uint8)),
        pa.array((numbers % 65521).astype(np.uint16)),
        pa.array(numbers * np.uint64(2**40 + 1)),
        pa.array(["é" * (n % 4) + str(n) for n in range(rows)], pa.string()),
        pa.array(numbers % 3 == 0),
    ]
    return pa.table(arrays, schema=schema_of(COLUMNS))


def read(data: bytes, rows: int) -> pa.Table:
    return from_parquet(data, COLUMNS, rows, what="part", party="uwv")


# Thrift both ways, without any check, so that a test can say what it likes in a footer. A struct is a dict from
# number to type and value, a list its type and values.

Value = Any


def number_at(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


def number_of(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def value_at(data: bytes, at: int, tag: int) -> tuple[Value, int]:
    if tag in (1, 2):
        return None, at
    if tag == 3:
        return data[at], at + 1
    if tag == 8:
        length, at = number_at(data, at)
        return data[at : at + length], at + length
    if tag == 9:
        count, inner, at = data[at] >> 4, data[at] & 15, at + 1
        if count == 15:
            count, at = number_at(data, at)
        values = []
        for _ in range(count):
            value, at = value_at(data, at, inner)
            values.append(value)
        return [inner, values], at
    if tag == 12:
        fields, last = {}, 0
        while data[at]:
            last, inner = last + (data[at] >> 4), data[at] & 15
            value, at = value_at(data, at + 1, inner)
            fields[last] = [inner, value]
        return fields, at + 1
    value, at = number_at(data, at)
    return (value >> 1) ^ -(value & 1), at


def bytes_of(tag: int, value: Value) -> bytes:
    if tag in (1, 2):
        return b""
    if tag == 3:
        return bytes([value & 255])
    if tag == 8:
        return number_of(len(value)) + value
    if tag == 9:
        inner, values = value
        head = bytes([len(values) << 4 | inner]) if len(values) < 15 else bytes([240 | inner])
        count = b"" if len(values) < 15 else number_of(len(values))
        return head + count + b"".join(bytes_of(inner, one) for one in values)
    if tag == 12:
        out, last = b"", 0
        for number, (inner, one) in sorted(value.items()):
            out += bytes([(number - last) << 4 | inner]) + bytes_of(inner, one)
            last = number
        return out + b"\0"
    return number_of((value << 1 ^ value >> 63) & (2**64 - 1))


def split(part: bytes) -> tuple[bytes, dict[int, Any]]:
    """Everything before the footer, and the footer."""
    length = int.from_bytes(part[-TAIL:-4], "little")
    footer = part[-TAIL - length : -TAIL]
    value, end = value_at(footer, 0, 12)
    assert end == length
    return part[: -TAIL - length], value


def joined(pages: bytes, footer: bytes) -> bytes:
    return pages + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def with_footer(part: bytes, change: Callable[[Any], Any]) -> bytes:
    pages, footer = split(part)
    change(footer)
    return joined(pages, bytes_of(12, footer))


def group(footer: Any, number: int = 0) -> Any:
    return footer[4][1][1][number]


def place(footer: Any, column: int = 0) -> Any:
    """Where a column is, in the first group of rows."""
    return group(footer)[1][1][1][column]


def chunk(footer: Any, column: int = 0) -> Any:
    """The metadata of a column in the first group of rows."""
    return place(footer, column)[3][1]


def leaf(footer: Any, column: int = 0) -> Any:
    """What the schema says of a column."""
    return footer[2][1][1][column + 1]


def unknown_codec(footer: Any) -> None:
    chunk(footer)[4][1] = 63


PART = to_parquet(table_of(7))


@pytest.mark.parametrize("rows", [0, 1, 7, 8, 20_000, 20_001, 65_536, 150_000, 2**20 + 1])
def test_what_we_write_is_read(rows: int) -> None:
    table = table_of(rows)
    data = to_parquet(table)
    check_plain(memoryview(data))
    assert read(data, rows).equals(table)


@pytest.mark.parametrize("text", ["", "x", "é" * 3000])
def test_texts_of_any_length_are_read(text: str) -> None:
    table = pa.table([pa.array([text] * 3000)], schema=schema_of([Column("t", "text")]))
    assert from_parquet(to_parquet(table), [Column("t", "text")], 3000, what="", party="").equals(table)


def test_many_columns_are_read() -> None:
    columns = [Column(f"partner_{n}.attribute", "text") for n in range(1000)]
    table = pa.table([pa.array(["x"])] * 1000, schema=schema_of(columns))
    assert from_parquet(to_parquet(table), columns, 1, what="", party="").equals(table)


def test_the_test_reads_and_writes_thrift() -> None:
    assert with_footer(PART, lambda footer: None) == PART


def test_a_codec_that_does_not_exist_is_refused() -> None:
    with pytest.raises(TableInvalidError, match="compressed"):
        read(with_footer(PART, unknown_codec), 7)


# One thing after another that our writer does not write.

I16, I32, I64, TEXT, LIST, STRUCT = 4, 5, 6, 8, 9, 12
Edit = Callable[[Any], Any]


def put(of: Edit, number: int, value: Value, tag: int | None = None) -> Edit:
    """An edit that gives a field another value, or adds a field."""

    def change(footer: Any) -> None:
        fields = of(footer)
        fields[number] = [tag if tag is not None else fields[number][0], value]

    return change


def whole(footer: Any) -> Any:
    return footer


def more_rows_everywhere(footer: Any) -> None:
    footer[3][1] = group(footer)[3][1] = 2**62
    for column in range(len(COLUMNS)):
        chunk(footer, column)[5][1] = 2**62


def name_that_is_no_text(footer: Any) -> None:
    leaf(footer)[4][1] = b"\xff"
    chunk(footer)[3][1][1][0] = b"\xff"


def one_name_twice(footer: Any) -> None:
    leaf(footer, 1)[4][1] = leaf(footer)[4][1]
    chunk(footer, 1)[3][1][1][0] = leaf(footer)[4][1]


def group_twice(footer: Any) -> None:
    footer[4][1][1] *= 2
    footer[3][1] *= 2


def empty_group_more(footer: Any) -> None:
    empty = split(to_parquet(table_of(0)))[1]
    footer[4][1][1].append(group(empty))


def no_columns(footer: Any) -> None:
    footer[2][1][1] = footer[2][1][1][:1]
    footer[2][1][1][0][5][1] = 0
    footer[7][1][1] = []
    group(footer)[1][1][1] = []


EDITS: dict[str, Edit] = {
    "unknown codec": unknown_codec,
    "negative codec": put(chunk, 4, -1),
    "snappy": put(chunk, 4, 1),
    "encoding": put(chunk, 2, [I32, [3, 2]]),
    "unknown encoding": put(chunk, 2, [I32, [3, 99]]),
    "encodings of another type": put(chunk, 2, [I64, [3, 0]]),
    "encoding statistics": put(chunk, 13, [STRUCT, [{1: [I32, 2], 2: [I32, 0], 3: [I32, 1]}]]),
    "dictionary": put(chunk, 11, 4, I64),
    "index page": put(chunk, 10, 4, I64),
    "statistics": put(chunk, 12, {}, STRUCT),
    "bloom filter": put(chunk, 14, 10**12, I64),
    "keys and values of a column": put(chunk, 8, [STRUCT, []], LIST),
    "sizes of texts where none are": put(
        chunk, 16, {1: [I64, 0], 2: [LIST, [I64, []]], 3: [LIST, [I64, []]]}, STRUCT
    ),
    "sizes of texts": lambda footer: chunk(footer, 4)[16][1][1].__setitem__(1, -5),
    "offset outside the file": put(chunk, 9, 10**12),
    "negative offset": put(chunk, 9, -1),
    "overlap": lambda footer: chunk(footer, 1)[9].__setitem__(1, 4),
    "number of values": put(chunk, 5, 2**62),
    "negative number of values": put(chunk, 5, -1),
    "unfolded size": put(chunk, 6, 2**40),
    "folded size": put(chunk, 7, 1),
    "physical type": put(chunk, 1, 6),
    "path": put(chunk, 3, [TEXT, [b"other"]]),
    "longer path": put(chunk, 3, [TEXT, [b"a_block", b"x"]]),
    "file": put(place, 1, b"/etc/passwd", TEXT),
    "file offset": put(place, 2, 10**12),
    "offset index": put(place, 4, 10**12, I64),
    "column index": put(place, 6, 10**12, I64),
    "encrypted column": put(place, 8, {1: [STRUCT, {}]}, STRUCT),
    "encrypted metadata": put(place, 9, b"x", TEXT),
    "more rows everywhere": more_rows_everywhere,
    "rows of the group": put(group, 3, 8),
    "negative rows of the group": put(group, 3, -7),
    "size of the group": put(group, 2, 0),
    "sorting": put(group, 4, [STRUCT, []], LIST),
    "offset of the group": put(group, 5, 5),
    "folded size of the group": put(group, 6, 0),
    "ordinal": put(group, 7, 0, I16),
    "a column less in the group": lambda footer: group(footer)[1][1][1].pop(),
    "group twice": group_twice,
    "empty group more": empty_group_more,
    "no groups": put(whole, 4, [STRUCT, []]),
    "rows": put(whole, 3, 8),
    "version": put(whole, 1, 1),
    "keys and values": put(whole, 5, [STRUCT, []], LIST),
    "other program": put(whole, 6, b"parquet-mr version 1.2.8"),
    "no program": lambda footer: footer.pop(6),
    "encryption": put(whole, 8, {1: [STRUCT, {}]}, STRUCT),
    "signing key": put(whole, 9, b"x", TEXT),
    "orders": lambda footer: footer[7][1][1].pop(),
    "no columns": no_columns,
    "children": lambda footer: footer[2][1][1][0][5].__setitem__(1, 2**31 - 1),
    "nested": put(leaf, 5, 1, I32),
    "empty cells": put(leaf, 3, 1),
    "repeated": put(leaf, 3, 2),
    "length of a block": put(leaf, 2, 2**31 - 1),
    "no length of a block": lambda footer: leaf(footer).pop(2),
    "type without meaning": put(leaf, 1, 77),
    "converted type": lambda footer: leaf(footer, 1)[6].__setitem__(1, 18),
    "logical type": lambda footer: leaf(footer, 1)[10][1].__setitem__(
        10, [STRUCT, {1: [3, 7], 2: [2, None]}]
    ),
    "field id": put(leaf, 9, 1, I32),
    "name that is no text": name_that_is_no_text,
    "one name twice": one_name_twice,
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_other_metadata_is_refused(edit: Edit) -> None:
    changed = with_footer(PART, edit)
    assert changed != PART
    with pytest.raises(NotPlainError):
        check_plain(changed)


PAGES, FOOTER = split(PART)
FOOTER_BYTES = bytes_of(STRUCT, FOOTER)
BROKEN: dict[str, bytes] = {
    "empty": b"",
    "magic only": b"PAR1",
    "magic twice": b"PAR1PAR1",
    "no footer": b"PAR1" + bytes(4) + b"PAR1",
    "encrypted": b"PARE" + PART[4:-4] + b"PARE",
    "other end": PART[:-4] + b"PARX",
    "longest footer": PART[:-TAIL] + b"\xff\xff\xff\xff" + b"PAR1",
    "footer of the whole file": PART[:-TAIL] + (len(PART) - TAIL).to_bytes(4, "little") + b"PAR1",
    "gap": joined(PAGES + b"x", FOOTER_BYTES),
    "more after the footer": joined(PAGES, FOOTER_BYTES + b"\0"),
    "two files": PART + PART,
    "field twice": joined(PAGES, FOOTER_BYTES[:2] + b"\x05\x02\x04" + FOOTER_BYTES[2:]),
    "long form of a field": joined(PAGES, b"\x05\x02" + FOOTER_BYTES[1:]),
    "long form of a number": joined(PAGES, FOOTER_BYTES[:1] + b"\x84\0" + FOOTER_BYTES[2:]),
    "endless number": joined(PAGES, FOOTER_BYTES[:1] + b"\xff" * 1000),
    "number of 33 bits": joined(PAGES, FOOTER_BYTES[:1] + b"\x84\x80\x80\x80\x10" + FOOTER_BYTES[2:]),
    "long list": joined(PAGES, FOOTER_BYTES[:3] + b"\xfc\xff\xff\xff\xff\x07" + FOOTER_BYTES[4:]),
    "list of nothing": joined(PAGES, FOOTER_BYTES[:3] + b"\xf1\xff\xff\xff\xff\x07" + FOOTER_BYTES[4:]),
    "long form of a list": joined(PAGES, FOOTER_BYTES[:3] + b"\xfc\x07" + FOOTER_BYTES[4:]),
    "long text": joined(PAGES, FOOTER_BYTES.replace(b"\x06schema", b"\xff\xff\xff\xff\x07schema")),
    "nested structs": joined(PAGES, b"\x1c" * 100_000),
    "nested lists": joined(PAGES, b"\x19" * 100_000),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_what_is_no_parquet_or_oddly_written_is_refused(data: bytes) -> None:
    with pytest.raises(NotPlainError):
        check_plain(data)


HEADERS: dict[str, Edit] = {
    "dictionary page": put(whole, 1, 2),
    "index page": put(whole, 1, 1),
    "second kind of page": put(whole, 1, 3),
    "unfolded size": put(whole, 2, 111),
    "folded size": put(whole, 3, 111),
    "both sizes": lambda header: (put(whole, 2, 96)(header), put(whole, 3, 96)(header)),
    "negative size": put(whole, 3, -1),
    "largest size": put(whole, 3, 2**31 - 1),
    "checksum": put(whole, 4, 1, I32),
    "rows": lambda header: header[5][1][1].__setitem__(1, 6),
    "no rows": lambda header: header[5][1][1].__setitem__(1, 0),
    "negative rows": lambda header: header[5][1][1].__setitem__(1, -1),
    "more rows": lambda header: header[5][1][1].__setitem__(1, 2**31 - 1),
    "encoding": lambda header: header[5][1][2].__setitem__(1, 2),
    "unknown encoding": lambda header: header[5][1][2].__setitem__(1, 60),
    "levels": lambda header: header[5][1][3].__setitem__(1, 4),
    "other levels": lambda header: header[5][1][4].__setitem__(1, 4),
    "statistics": lambda header: header[5][1][5].__setitem__(1, {5: [TEXT, b"x"]}),
    "no cells": lambda header: header.pop(5),
}


@pytest.mark.parametrize("edit", HEADERS.values(), ids=HEADERS)
def test_another_header_of_a_page_is_refused(edit: Edit) -> None:
    header, end = value_at(PART, 4, STRUCT)
    edit(header)
    changed = PART[:4] + bytes_of(STRUCT, header) + PART[end:]
    assert changed != PART
    with pytest.raises(NotPlainError):
        check_plain(changed)


WRITTEN: dict[str, dict[str, Any]] = {
    "dictionary": {"use_dictionary": True},
    "statistics": {"write_statistics": True},
    "snappy": {"compression": "snappy"},
    "zstd": {"compression": "zstd"},
    "schema of arrow": {"store_schema": True},
    "pages of the second kind": {"data_page_version": "2.0"},
    "first version": {"version": "1.0"},
    "checksums": {"write_page_checksum": True},
    "page index": {"write_page_index": True},
    "delta": {"column_encoding": {"a_uint64": "DELTA_BINARY_PACKED"}},
    "split bytes": {"column_encoding": {"a_block": "BYTE_STREAM_SPLIT"}},
    "sorted": {"sorting_columns": [pq.SortingColumn(0)]},
    "a page for every row": {"data_page_size": 1, "write_batch_size": 1},
    "small groups": {"row_group_size": 1000},
}


def written(table: pa.Table, **options: Any) -> bytes:
    plain = {
        "compression": "none",
        "use_dictionary": False,
        "write_statistics": False,
        "store_schema": False,
    }
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **{**plain, **options})
    return bytes(sink.getvalue().to_pybytes())


@pytest.mark.parametrize("options", WRITTEN.values(), ids=WRITTEN)
def test_other_ways_to_write_the_same_table_are_refused(options: dict[str, Any]) -> None:
    table = table_of(3000)
    assert written(table) == to_parquet(table)
    with pytest.raises(TableInvalidError):
        read(written(table, **options), 3000)


OTHER_COLUMNS = {
    "may be empty": pa.field("c", pa.int64()),
    "signed": pa.field("c", pa.int32(), nullable=False),
    "float": pa.field("c", pa.float64(), nullable=False),
    "bytes": pa.field("c", pa.binary(), nullable=False),
    "shorter block": pa.field("c", pa.binary(8), nullable=False),
    "list": pa.field("c", pa.list_(pa.int64()), nullable=False),
    "struct": pa.field("c", pa.struct([pa.field("x", pa.int64())]), nullable=False),
    "time": pa.field("c", pa.timestamp("us"), nullable=False),
}


@pytest.mark.parametrize("field", OTHER_COLUMNS.values(), ids=OTHER_COLUMNS)
def test_columns_of_other_types_are_refused(field: pa.Field) -> None:
    data = written(pa.schema([field]).empty_table())
    with pytest.raises(NotPlainError):
        check_plain(data)


def test_a_number_that_its_type_cannot_hold_is_refused() -> None:
    table = table_of(3).select(["a_uint8"])
    part = to_parquet(table)
    cells = b"\0\0\0\0\1\0\0\0\2\0\0\0"
    with pytest.raises(NotPlainError, match="too large"):
        check_plain(part.replace(cells, cells[:5] + b"\1" + cells[6:]))


@pytest.mark.parametrize("cells", [b"\5\0\0\0abcd", b"\xff\xff\xff\xffabcd", b"\4\0\0\0a\xff\xfeb"])
def test_texts_that_do_not_fit_or_are_no_text_are_refused(cells: bytes) -> None:
    columns = [Column("t", "text")]
    part = to_parquet(pa.table([pa.array(["abcd"])], schema=schema_of(columns)))
    assert b"\4\0\0\0abcd" in part
    with pytest.raises(TableInvalidError, match="cannot be read"):
        from_parquet(part.replace(b"\4\0\0\0abcd", cells), columns, 1, what="", party="")


def test_no_byte_of_the_metadata_may_be_another() -> None:
    """Every bit of every byte turned over, and all bits at once. Free are the cells, and the digits of the version of the program that wrote it."""
    table = table_of(3).select(["a_block", "a_uint8"])
    part = to_parquet(table)
    accepted = set()
    for at in range(len(part)):
        for byte in {0, 255, *(part[at] ^ 1 << bit for bit in range(8))} - {part[at]}:
            try:
                check_plain(part[:at] + bytes([byte]) + part[at + 1 :])
            except NotPlainError:
                continue
            accepted.add(at)
    blocks = part.index(b"".join(table.column("a_block").to_pylist()))
    numbers = part.index(b"\0\0\0\0\1\0\0\0\2\0\0\0")
    version = part.index(b" version ") + len(b" version ")
    digits = {at for at in range(version, version + 8) if 48 <= part[at] < 58}
    assert accepted - digits == {*range(blocks, blocks + 48), numbers, numbers + 4, numbers + 8}


# Thousands of spoiled parts, in a process that may end.

TRIALS = 8_000
PARTS = {rows: to_parquet(table_of(rows)) for rows in (0, 7, 300)}
NUMBERS = (0, 1, -1, 2, 3, 4, 7, 8, 63, 127, 255, 2**15, 2**31 - 1, -(2**31), 2**62, -(2**63), 2**63 - 1)


def spoiled(chance: random.Random, rows: int) -> bytes:
    """A part of `rows` rows with some of its bytes, or of the values in its metadata, changed."""
    part = PARTS[rows]
    ways = (_flipped, _cut, _spliced, _edited, _edited)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        part = chance.choice(ways)(chance, part)
    return part


def _flipped(chance: random.Random, part: bytes) -> bytes:
    if not part:
        return part
    changed = bytearray(part)
    length = int.from_bytes(part[-TAIL:-4], "little") + TAIL
    first = chance.choice((0, max(0, len(part) - length)))
    for _ in range(chance.choice((1, 1, 2, 8))):
        changed[chance.randrange(first, len(part))] = chance.randrange(256)
    return bytes(changed)


def _cut(chance: random.Random, part: bytes) -> bytes:
    start, end = sorted(chance.randrange(len(part) + 1) for _ in range(2))
    return chance.choice((part[:start], part[start:], part[:start] + part[end:]))


def _spliced(chance: random.Random, part: bytes) -> bytes:
    other = chance.choice(list(PARTS.values()))
    start, at = chance.randrange(len(other)), chance.randrange(len(part) + 1)
    piece = other[start : start + chance.choice((1, 4, 16, 64, 1000))]
    return part[:at] + piece + part[at + chance.choice((0, len(piece))) :]


def _edited(chance: random.Random, part: bytes) -> bytes:
    """Other values in a footer that is well made."""
    try:
        pages, footer = split(part)
    except (AssertionError, IndexError, OverflowError, KeyError, RecursionError):
        return part
    spots = list(_spots(footer))
    if not spots:
        return part
    for _ in range(chance.choice((1, 1, 2, 5))):
        holder, key = chance.choice(spots)
        value = holder[key]
        if isinstance(value, int):
            holder[key] = chance.choice((*NUMBERS, value + 1, value - 1, value * 2))
        elif isinstance(value, bytes):
            holder[key] = chance.choice((b"", value + b"\0", value * 50, b"\xff\xfe"))
        elif isinstance(value, dict) and value:
            value.pop(chance.choice(list(value)))
        elif isinstance(value, list):
            value[1] = chance.choice((value[1] * 2, value[1][:1], []))
    try:
        return joined(pages, bytes_of(STRUCT, footer))
    except (ValueError, TypeError):
        return part


def _spots(fields: dict[int, Any]) -> Any:
    """Every value in a struct, as what holds it and where."""
    for pair in fields.values():
        yield pair, 1
        if pair[0] == STRUCT:
            yield from _spots(pair[1])
        elif pair[0] == LIST:
            inner, values = pair[1]
            for at, value in enumerate(values):
                yield values, at
                if inner == STRUCT:
                    yield from _spots(value)


def try_many(seed: int, trials: int, last: Path) -> None:
    """Open spoiled parts; say how many were read, refused by us, and refused by the Parquet library."""
    counts = {"read": 0, "not plain": 0, "refused later": 0}
    with last.open("r+b", buffering=0) as progress:
        for trial in range(trials):
            progress.seek(0)
            progress.write(b"%8d" % trial)
            chance = random.Random(f"{seed} {trial}")
            rows = chance.choice(list(PARTS))
            part = spoiled(chance, rows)
            try:
                table = read(part, rows)
            except TableInvalidError:
                try:
                    check_plain(part)
                    counts["refused later"] += 1
                except NotPlainError:
                    counts["not plain"] += 1
                continue
            assert table.schema == schema_of(COLUMNS)
            assert table.num_rows == rows
            table.validate(full=True)
            counts["read"] += 1
    print(*counts.values())


@pytest.mark.parametrize("seed", [1, 2])
def test_spoiled_parts_are_read_or_refused_and_never_end_the_process(seed: int, tmp_path: Path) -> None:
    last = tmp_path / "last"
    last.write_text("")
    child = subprocess.run(
        [sys.executable, __file__, str(seed), str(TRIALS), str(last)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    ended = signal.Signals(-child.returncode).name if child.returncode < 0 else child.returncode
    assert ended == 0, f"{ended} at trial {last.read_text()}: {child.stderr[-2000:]}"
    read_, not_plain, later = map(int, child.stdout.split())
    assert read_ + not_plain + later == TRIALS
    assert read_ > TRIALS // 50, "some must be good, or nothing but the refusals is tried"
    assert not_plain > TRIALS // 2


if __name__ == "__main__":
    try_many(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
