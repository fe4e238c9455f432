"""A part is its columns one after another: rows times the width of a row is the whole check of its form."""

from __future__ import annotations

import random
from collections import Counter
from typing import get_args

import numpy as np
import pyarrow as pa
import pytest

from lsi_match.protocol.columns import SEAL_BYTES, WIDTH, Column, ColumnType, row_width
from lsi_match.protocol.tables import (
    BLOCK_TYPE,
    TableInvalidError,
    absent_to_null,
    cells,
    combinations,
    from_part,
    schema_of,
    to_part,
)

#: One of every type, the sealed one with two attributes in a cell.
COLUMNS = tuple(
    Column(f"a_{kind}", kind, attributes=2 if kind == "sealed" else 0) for kind in get_args(ColumnType)
)
SEALED_WIDTH = 2 * 2 + SEAL_BYTES


def table_of(rows: int) -> pa.Table:
    """A table with a column of every type."""
    data = np.random.default_rng(rows).bytes(16 * rows)
    sealed = np.random.default_rng(rows + 1).bytes(SEALED_WIDTH * rows)
    numbers = np.arange(rows, dtype=np.uint64)
    arrays = {
        "block": pa.FixedSizeBinaryArray.from_buffers(BLOCK_TYPE, rows, [None, pa.py_buffer(data)]),
        "uint8": pa.array((numbers % 251).astype(np.uint8)),
        "uint16": pa.array((numbers % 65521).astype(np.uint16)),
        "uint64": pa.array(numbers * np.uint64(2**40 + 1)),
        "boolean": pa.array(numbers % 3 == 0),
        "sealed": pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(SEALED_WIDTH), rows, [None, pa.py_buffer(sealed)]
        ),
    }
    return pa.table([arrays[column.type] for column in COLUMNS], schema=schema_of(COLUMNS))


def read(data: bytes, rows: int, columns: tuple[Column, ...] = COLUMNS) -> pa.Table:
    return from_part(data, columns, rows, what="part", party="uwv")


@pytest.mark.parametrize("rows", [0, 1, 7, 8, 300, 20_001])
def test_what_we_write_is_read(rows: int) -> None:
    table = table_of(rows)
    part = to_part(table, COLUMNS)
    assert len(part) == rows * row_width(COLUMNS) == rows * (sum(WIDTH.values()) + SEALED_WIDTH)
    assert read(bytes(part), rows).equals(table)
    read(bytes(part), rows).validate(full=True)


def test_a_table_in_pieces_and_a_slice_are_written_as_one() -> None:
    table = table_of(300)
    pieces = pa.concat_tables([table.slice(0, 7), table.slice(7, 250), table.slice(257)])
    assert bytes(to_part(pieces, COLUMNS)) == bytes(to_part(table, COLUMNS))
    assert bytes(to_part(table.slice(11, 13), COLUMNS)) == bytes(
        to_part(table.slice(11, 13).combine_chunks(), COLUMNS)
    )


def test_the_cells_of_a_part_stand_where_its_columns_say() -> None:
    """Little endian, column after column: found again with nothing but positions."""
    table = table_of(5)
    part = bytes(to_part(table, COLUMNS))
    start = 0
    for column in COLUMNS:
        for row, cell in enumerate(table.column(column.name).to_pylist()):
            at = start + row * column.width
            found = part[at : at + column.width]
            assert found == (
                cell if column.type in ("block", "sealed") else int(cell).to_bytes(column.width, "little")
            )
        start += 5 * column.width


@pytest.mark.parametrize("rows", [0, 1, 7])
def test_another_length_than_the_rows_take_is_refused(rows: int) -> None:
    part = bytes(to_part(table_of(rows), COLUMNS))
    for other in {0, *range(max(0, len(part) - 3), len(part) + 4), len(part) + row_width(COLUMNS)} - {
        len(part)
    }:
        with pytest.raises(TableInvalidError) as refused:
            read((part + bytes(200))[:other], rows)
        assert str(other) in refused.value.text("nl")
    for other in {0, rows + 1} - {rows}:
        with pytest.raises(TableInvalidError):
            read(part, other)


def test_a_boolean_is_0_or_1() -> None:
    columns = (Column("n", "uint8"), Column("yes", "boolean"))
    assert read(b"\7\0\1\0", 2, columns).column("yes").to_pylist() == [True, False]
    for cell in (2, 128, 255):
        with pytest.raises(TableInvalidError, match="yes"):
            read(bytes([7, 0, 1, cell]), 2, columns)


def test_any_bytes_of_the_right_length_are_read_or_refused() -> None:
    """Nothing that somebody puts into a part does more than that."""
    chance = random.Random(4)
    for rows in (0, 1, 3, 100):
        for _ in range(20):
            data = chance.randbytes(rows * row_width(COLUMNS))
            try:
                table = read(data, rows)
            except TableInvalidError:
                continue
            table.validate(full=True)
            assert bytes(to_part(table, COLUMNS)) == data


def test_numbers_stay_aligned_in_the_columns_of_a_drop() -> None:
    """The widest first: whatever the number of rows, no number lies across."""
    for rows in (1, 3, 7):
        widths = [16, 16, 8, 2, 2, 1, 1]
        starts = [rows * sum(widths[:n]) for n in range(len(widths))]
        assert all(start % min(width, 8) == 0 for start, width in zip(starts, widths, strict=True))


def test_cells_are_not_copied() -> None:
    part = bytearray(to_part(table_of(3), COLUMNS))
    found = cells(memoryview(part), COLUMNS, 3)
    found["a_uint64"][1] = 77
    assert read(bytes(part), 3).column("a_uint64").to_pylist()[1] == 77


def test_zero_bytes_of_a_pseudonym_are_none() -> None:
    blocks = [b"\1" * 16, bytes(16), b"\0" * 15 + b"\2"]
    column = pa.chunked_array([pa.array(blocks, BLOCK_TYPE)])
    assert absent_to_null(column).to_pylist() == [blocks[0], None, blocks[2]]


@pytest.mark.parametrize(("rows", "signals"), [(0, 1), (1, 1), (3000, 4), (3000, 2**64 - 1)])
def test_rows_are_counted_by_all_their_numbers_together(rows: int, signals: int) -> None:
    numbers = np.random.default_rng(1)
    columns = {
        "selection": numbers.integers(0, 2, rows, dtype=np.uint8),
        "signals": numbers.integers(0, signals, rows, dtype=np.uint64),
        "attribute": numbers.choice(np.array([0, 7, 65535], np.uint16), rows),
        "group": numbers.integers(0, 256, rows, dtype=np.uint8),
    }
    table = pa.table({name: pa.array(column) for name, column in columns.items()})
    expected = Counter(zip(*(column.tolist() for column in columns.values()), strict=True))
    assert combinations(table.append_column("sealed", pa.array([b""] * rows))) == expected
