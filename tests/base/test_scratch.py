"""Memory that is used again has the size that was asked for, whatever was in it before."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from lsi_match.base.scratch import Scratch
from lsi_match.protocol.parquet import parquet_in, to_parquet


def test_every_array_has_its_shape_and_is_the_only_one_in_the_memory() -> None:
    scratch = Scratch()
    for shape in ((3, 5, 16), (2, 0, 16), (1,), (3, 500, 16), (3, 499, 16)):
        array = scratch.of(*shape)
        assert (array.shape, array.dtype) == (shape, np.uint8)
        array[:] = 7
        assert int(array.sum(dtype=np.int64)) == 7 * int(np.prod(shape))


def test_memory_is_taken_once_for_what_fits_in_it() -> None:
    scratch = Scratch()
    large = scratch.of(1000)
    small = scratch.of(10, 10)
    assert np.shares_memory(large, small)
    assert not np.shares_memory(large, Scratch().of(1000))


@pytest.mark.parametrize("first", [0, 10, 40_000])
def test_a_table_in_used_memory_is_the_same_bytes_as_in_fresh(first: int) -> None:
    def table(rows: int) -> pa.Table:
        field = pa.field("n", pa.uint8(), nullable=False)
        return pa.table([pa.array(np.arange(rows) % 251, pa.uint8())], schema=pa.schema([field]))

    scratch = Scratch()
    parquet_in(scratch, table(first))
    assert bytes(parquet_in(scratch, table(20_000))) == to_parquet(table(20_000))
