"""Is a file the plain Parquet that `tables.to_parquet` writes? Found out before a Parquet library sees it.

Those libraries are large, and some end the whole process on metadata that makes no sense. Of a plain file
everything follows from its columns, the rows of each row group and the sizes of its pages: so those are read here,
and all other metadata must be what follows from them. The cells of blocks and numbers then lie in its pages as they
are: no library needs to see these at all.

Thrift's compact form: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
The metadata in it: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from lsi_match.protocol.columns import ColumnType

MAGIC: Final = b"PAR1"
CREATED_BY: Final = re.compile(rb"parquet-cpp-arrow version [0-9]{1,4}(\.[0-9]{1,4}){2}")
#: More than a page header takes.
HEADER: Final = 64
#: A group of rows or a page has at least this much in it, unless it is the last: so that there are not too many.
GROUP_ROWS: Final = 2**16
PAGE_ROWS: Final = 2**13
PAGE_BYTES: Final = 2**16

# Numbers of Parquet.
VERSION, DATA_PAGE, UNCOMPRESSED, REQUIRED, PLAIN, RLE = 2, 0, 0, 0, 0, 3
BOOLEAN, INT32, INT64, BYTE_ARRAY, FIXED = 0, 1, 2, 6, 7
# Types of Thrift. A boolean is in its type.
TRUE, FALSE, I8, I32, I64, TEXT, LIST, STRUCT = 1, 2, 3, 5, 6, 8, 9, 12
TRUTH: Final = TRUE | FALSE << 4


class NotPlainError(Exception):
    """Not a plain Parquet file; the message says why, in our own words, never with bytes of the file."""


@dataclass(frozen=True)
class _List:
    of: _Kind


class _Struct:
    """The fields that our writer writes: per number a name and what is in it. A name with `?` may be absent."""

    def __init__(self, *parts: dict[int, tuple[str, _Kind]]) -> None:
        fields = {number: field for part in parts for number, field in part.items()}
        self.fields = {number: (name.rstrip("?"), kind) for number, (name, kind) in fields.items()}
        self.needed = {name for name, _ in fields.values() if not name.endswith("?")}


_Kind = int | _List | _Struct

_NOTHING = _Struct({})
_INTEGER = _Struct({1: ("bits", I8), 2: ("signed", TRUTH)})
_LOGICAL = _Struct({1: ("string?", _NOTHING), 10: ("integer?", _INTEGER)})
_COLUMN = _Struct(
    {1: ("type?", I32), 2: ("type_length?", I32), 3: ("repetition", I32), 4: ("name", TEXT)},
    {5: ("num_children?", I32), 6: ("converted?", I32), 10: ("logical?", _LOGICAL)},
)
_ENCODING = _Struct({1: ("page_type", I32), 2: ("encoding", I32), 3: ("pages", I32)})
_SIZES = _Struct(
    {1: ("text_bytes", I64), 2: ("repetition_levels", _List(I64)), 3: ("definition_levels", _List(I64))}
)
_METADATA = _Struct(
    {1: ("type", I32), 2: ("encodings", _List(I32)), 3: ("path", _List(TEXT)), 4: ("codec", I32)},
    {5: ("num_values", I64), 6: ("uncompressed_size", I64), 7: ("compressed_size", I64)},
    {
        9: ("data_page_offset", I64),
        13: ("encoding_stats", _List(_ENCODING)),
        16: ("size_statistics?", _SIZES),
    },
)
_CHUNK = _Struct({2: ("file_offset", I64), 3: ("metadata", _METADATA)})
_GROUP = _Struct(
    {1: ("chunks", _List(_CHUNK)), 2: ("total_size", I64), 3: ("num_rows", I64)},
    {5: ("file_offset", I64), 6: ("compressed_size", I64)},
)
_FOOTER = _Struct(
    {1: ("version", I32), 2: ("schema", _List(_COLUMN)), 3: ("num_rows", I64), 4: ("groups", _List(_GROUP))},
    {6: ("created_by", TEXT), 7: ("orders", _List(_Struct({1: ("by_type", _NOTHING)})))},
)
_CELLS = _Struct(
    {1: ("num_values", I32), 2: ("encoding", I32), 3: ("definition_encoding", I32)},
    {4: ("repetition_encoding", I32), 5: ("statistics", _NOTHING)},
)
_PAGE = _Struct(
    {1: ("type", I32), 2: ("uncompressed_size", I32), 3: ("compressed_size", I32), 5: ("data", _CELLS)}
)


class _Thrift:
    """Reads Thrift's compact form as one kind of struct after another; every value in its shortest form only.

    How deep it nests is bounded by the kinds, how long a list or text is by the bytes that are left.
    """

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.at = 0

    def struct(self, kind: _Struct) -> dict[str, Any]:
        found: dict[str, Any] = {}
        number = 0
        while head := self._byte():
            step, tag = head >> 4, head & 15
            number += step
            if not step or number not in kind.fields:
                raise NotPlainError("its metadata has a field that does not belong there")
            name, inner = kind.fields[number]
            if inner == TRUTH and tag in (TRUE, FALSE):
                found[name] = tag == TRUE
            elif tag == _tag(inner):
                found[name] = self._value(inner)
            else:
                raise NotPlainError(f"{name} in its metadata is of another type")
        for name in kind.needed - found.keys():
            raise NotPlainError(f"its metadata lacks {name}")
        return found

    def _value(self, kind: _Kind) -> Any:
        if isinstance(kind, _Struct):
            return self.struct(kind)
        if isinstance(kind, _List):
            return self._list(kind.of)
        if kind == TEXT:
            return bytes(self._take(self._unsigned(31)))
        if kind == I8:
            return self._byte()
        number = self._unsigned(32 if kind == I32 else 64)
        return (number >> 1) ^ -(number & 1)

    def _list(self, of: _Kind) -> list[Any]:
        head = self._byte()
        count = head >> 4
        if count == 15 and (count := self._unsigned(31)) < 15:
            raise NotPlainError("its metadata has a number in an unusual form")
        if head & 15 != _tag(of):
            raise NotPlainError("its metadata has a list of another type")
        if count > len(self.data) - self.at:
            raise NotPlainError("its metadata is cut off")
        return [self._value(of) for _ in range(count)]

    def _unsigned(self, bits: int) -> int:
        value = 0
        for shift in range(0, bits, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                if value >> bits or (shift and not byte):
                    break
                return value
        raise NotPlainError("its metadata has a number in an unusual form")

    def _byte(self) -> int:
        return self._take(1)[0]

    def _take(self, count: int) -> memoryview:
        start, self.at = self.at, self.at + count
        if self.at > len(self.data):
            raise NotPlainError("its metadata is cut off")
        return self.data[start : self.at]


def _tag(kind: _Kind) -> int:
    return STRUCT if isinstance(kind, _Struct) else LIST if isinstance(kind, _List) else kind


@dataclass(frozen=True)
class _Leaf:
    """A type of column: how the schema says it, bits per cell (0: a text) and bits of those that may be used."""

    type: ColumnType
    schema: dict[str, Any]
    bits: int
    used: int


def _unsigned_type(name: ColumnType, physical: int, converted: int, stored: int) -> _Leaf:
    bits = int(name.removeprefix("uint"))
    logical = {"integer": {"bits": bits, "signed": False}}
    return _Leaf(name, {"type": physical, "converted": converted, "logical": logical}, stored, bits)


_LEAVES: Final = (
    _Leaf("block", {"type": FIXED, "type_length": 16}, 128, 128),
    _unsigned_type("uint8", INT32, 11, 32),
    _unsigned_type("uint16", INT32, 12, 32),
    _unsigned_type("uint64", INT64, 14, 64),
    _Leaf("text", {"type": BYTE_ARRAY, "converted": 0, "logical": {"string": {}}}, 0, 0),
    _Leaf("boolean", {"type": BOOLEAN}, 1, 1),
)


@dataclass(frozen=True)
class PlainColumn:
    """A column of a plain file; its cells, as they lie in `pages`, one after another."""

    name: str
    type: ColumnType
    pages: list[memoryview]


@dataclass(frozen=True)
class Plain:
    """What is in a plain file."""

    columns: tuple[PlainColumn, ...]
    rows: int


def check_plain(data: bytes | memoryview) -> Plain:
    """What is in `data`, if it is a file as `tables.to_parquet` writes it, of whatever columns it can write.

    Texts are left as they are: whether they fit in their page and are UTF-8 is for who reads them.

    Raises:
        NotPlainError: it is anything else.
    """
    view = memoryview(data).cast("B")
    footer, end = _footer(view)
    schema, groups = footer["schema"], footer["groups"]
    columns = _columns(schema)
    rows = [group["num_rows"] for group in groups]
    if not groups or min(rows) < 0 or any(count < GROUP_ROWS for count in rows[:-1]):
        raise NotPlainError("its groups of rows are of another size")
    if len(groups) > 1 and not rows[-1]:
        raise NotPlainError("it has an empty group of rows")
    at = len(MAGIC)
    plain = Plain(tuple(PlainColumn(name.decode(), leaf.type, []) for name, leaf in columns), sum(rows))
    for group in groups:
        at = _check_group(view[:end], at, group, columns, plain)
    if at != end:
        raise NotPlainError("there is something between its pages and its metadata")
    if not CREATED_BY.fullmatch(footer["created_by"]):
        raise NotPlainError("it was made with another program")
    _same(
        footer,
        {
            "version": VERSION,
            "schema": schema,
            "num_rows": plain.rows,
            "groups": groups,
            "created_by": footer["created_by"],
            "orders": [{"by_type": {}}] * len(columns),
        },
    )
    return plain


def _footer(view: memoryview) -> tuple[dict[str, Any], int]:
    """The metadata at the end of a file, and where it starts."""
    tail = 4 + len(MAGIC)
    ends = bytes(view[: len(MAGIC)]), bytes(view[-len(MAGIC) :])
    if len(view) < len(MAGIC) + tail or ends != (MAGIC, MAGIC):
        raise NotPlainError("no Parquet file")
    length = int.from_bytes(view[-tail : -len(MAGIC)], "little")
    start = len(view) - tail - length
    # Metadata grows with columns, and with groups of rows, which are much larger than what is said of them.
    if start < len(MAGIC) or length > 2**20 + len(view) // 256:
        raise NotPlainError("its metadata is longer than it can be")
    thrift = _Thrift(view[start : len(view) - tail])
    footer = thrift.struct(_FOOTER)
    if thrift.at != length:
        raise NotPlainError("there is something after its metadata")
    return footer, start


def _columns(schema: list[dict[str, Any]]) -> list[tuple[bytes, _Leaf]]:
    """Name and type of each column: one level, no empty cells, only the types our writer writes."""
    if len(schema) < 2:
        raise NotPlainError("it has no columns")
    _same(schema[0], {"repetition": REQUIRED, "name": b"schema", "num_children": len(schema) - 1})
    columns: dict[bytes, _Leaf] = {}
    for element in schema[1:]:
        name = element["name"]
        if element["repetition"] != REQUIRED:
            raise NotPlainError("it has a column that may have empty cells")
        try:
            name.decode()
        except UnicodeDecodeError:
            raise NotPlainError("the name of a column is no text") from None
        said = {key: value for key, value in element.items() if key not in ("name", "repetition")}
        leaves = [leaf for leaf in _LEAVES if leaf.schema == said]
        if not leaves:
            raise NotPlainError("it has a column of another type")
        columns[name] = leaves[0]
    if len(columns) != len(schema) - 1:
        raise NotPlainError("it has two columns of one name")
    return list(columns.items())


def _check_group(
    view: memoryview, start: int, group: dict[str, Any], columns: list[tuple[bytes, _Leaf]], plain: Plain
) -> int:
    """Check a group of rows whose first page is at `start`, and add its pages to `plain`; where its last page ends."""
    rows, at = group["num_rows"], start
    if len(group["chunks"]) != len(columns):
        raise NotPlainError("a group of rows has other columns")
    for chunk, (name, leaf), column in zip(group["chunks"], columns, plain.columns, strict=True):
        if chunk["metadata"]["codec"] != UNCOMPRESSED:
            raise NotPlainError("its pages are compressed")
        first = at
        at, pages = _check_pages(view, first, rows, leaf)
        column.pages.extend(pages)
        metadata: dict[str, Any] = {
            "codec": UNCOMPRESSED,
            "type": leaf.schema["type"],
            "encodings": [RLE, PLAIN] if rows else [RLE],
            "path": [name],
            "num_values": rows,
            "uncompressed_size": at - first,
            "compressed_size": at - first,
            "data_page_offset": first if rows else 0,
            "encoding_stats": [{"page_type": DATA_PAGE, "encoding": PLAIN, "pages": len(pages)}]
            if rows
            else [],
        }
        if rows and not leaf.bits:
            metadata["size_statistics"] = {
                "text_bytes": sum(page.nbytes for page in pages) - 4 * rows,
                "repetition_levels": [],
                "definition_levels": [],
            }
        _same(chunk["metadata"], metadata)
        _same(chunk, {"file_offset": 0, "metadata": chunk["metadata"]})
    _same(
        group,
        {
            "chunks": group["chunks"],
            "total_size": at - start,
            "num_rows": rows,
            "file_offset": start if rows else 0,
            "compressed_size": at - start,
        },
    )
    return at


def _check_pages(view: memoryview, at: int, rows: int, leaf: _Leaf) -> tuple[int, list[memoryview]]:
    """Check the pages of `rows` cells from `at` on: where they end, and what is in each."""
    pages: list[memoryview] = []
    while rows:
        thrift = _Thrift(view[at : at + HEADER])
        page = thrift.struct(_PAGE)
        count, size = page["data"]["num_values"], page["compressed_size"]
        at += thrift.at
        if not 1 <= count <= rows:
            raise NotPlainError("a page has another number of rows")
        fits = size == (count * leaf.bits + 7) // 8 if leaf.bits else size >= 4 * count
        if not fits or size > len(view) - at:
            raise NotPlainError("a page is of another size than its rows take")
        if count < min(rows, PAGE_ROWS) and size < PAGE_BYTES:
            raise NotPlainError("a page is very small")
        cells = {"num_values": count, "encoding": PLAIN, "definition_encoding": RLE}
        cells |= {"repetition_encoding": RLE, "statistics": {}}
        sizes = {"uncompressed_size": size, "compressed_size": size}
        _same(page, {"type": DATA_PAGE, **sizes, "data": cells})
        if leaf.bits == 32 and np.frombuffer(view[at : at + size], "<u4").max() >> leaf.used:
            raise NotPlainError("a page has a number that is too large for its type")
        pages.append(view[at : at + size])
        at, rows = at + size, rows - count
    return at, pages


def _same(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Both hold the same, or a NotPlainError names what differs first."""
    for name in {**wanted, **found}:
        if name not in found or name not in wanted or found[name] != wanted[name]:
            raise NotPlainError(f"{name} in its metadata is not that of plain pages")
