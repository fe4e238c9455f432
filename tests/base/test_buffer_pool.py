"""Memory that is used again is never used by two at once."""

from __future__ import annotations

import gc
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from lsi_match.base import buffer_pool as module
from lsi_match.base.buffer_pool import memory, pooled_array, read_large
from lsi_match.base.files import FileMissingError, FileUnreadableError
from lsi_match.protocol.columns import Column
from lsi_match.protocol.tables import schema_of, to_part

SIZE = 3 * 2**20


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other tests gave back leaves no room: a full pool keeps nothing more."""
    monkeypatch.setattr(module, "_free", [])


def place(view: memoryview) -> int:
    return np.frombuffer(view, np.uint8).ctypes.data


def test_what_nothing_refers_to_is_handed_out_again() -> None:
    first = place(memory(SIZE))
    gc.collect()
    assert first in {place(one) for one in [memory(SIZE) for _ in range(len(module._free) + 1)]}


@pytest.mark.parametrize(
    "kept",
    [
        lambda view: view[5:6],
        lambda view: view.toreadonly().cast("B"),
        lambda view: np.frombuffer(view, np.uint64)[7:],
        lambda view: pa.py_buffer(view[16:32]),
        lambda view: pa.table({"a": pa.Array.from_buffers(pa.uint8(), SIZE, [None, pa.py_buffer(view)])})["a"][3:],
    ],
    ids=["slice", "cast", "numpy", "buffer", "column"],
)  # fmt: skip
def test_a_piece_that_somebody_looks_at_is_not_handed_out(kept: object) -> None:
    view = memory(SIZE)
    held, first = kept(view), place(view)  # type: ignore[operator]
    del view
    gc.collect()
    others = [memory(SIZE) for _ in range(len(module._free) + 2)]
    assert first not in {place(one) for one in others}
    assert held is not None


def test_threads_never_hold_the_same_piece() -> None:
    def work(mark: int) -> bool:
        for _ in range(300):
            view = memory(2**20)
            cells = np.frombuffer(view, np.uint8)
            np.frombuffer(view, np.uint8)[:] = mark
            if not (cells == mark).all():
                return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(1, 5)))


def test_no_more_is_kept_than_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_free", [])
    monkeypatch.setattr(module, "KEPT", 2 * SIZE)
    held = [memory(SIZE) for _ in range(5)]
    del held
    gc.collect()
    assert sum(len(one) for one in module._free) == 2 * SIZE


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    for size in (0, 1, SIZE + 1):
        data = np.random.default_rng(size).bytes(size)
        (tmp_path / "file").write_bytes(data)
        assert bytes(read_large(tmp_path / "file", SIZE + 1)) == data
    with pytest.raises(FileMissingError):
        read_large(tmp_path / "none", 1)


def test_what_is_no_plain_file_or_too_large_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(11))
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "large")
    for name, most in (("large", 10), ("pipe", 10), ("link", 100), (".", 10)):
        with pytest.raises(FileUnreadableError):
            read_large(tmp_path / name, most)


def test_every_array_has_its_shape_and_is_the_only_one_in_its_memory() -> None:
    kept = []
    for shape in ((3, 5, 16), (2, 0, 16), (1,), (3, 500, 16), (3, 499, 16)):
        array = pooled_array(*shape)
        assert (array.shape, array.dtype) == (shape, np.uint8)
        array[:] = 7
        assert not any(np.shares_memory(array, other) for other in kept)
        kept.append(array)
    for array in kept:
        assert int(array.sum(dtype=np.int64)) == 7 * array.size


def test_the_memory_of_an_array_is_used_again_for_what_fits_in_it() -> None:
    first = pooled_array(SIZE).ctypes.data
    assert first in {
        one.ctypes.data for one in [pooled_array(SIZE // 16, 16) for _ in range(len(module._free) + 1)]
    }


@pytest.mark.parametrize("first", [0, 10, 40_000])
def test_a_table_in_used_memory_is_the_same_bytes_as_in_fresh(first: int) -> None:
    columns = (Column("n", "uint8"),)

    def part(rows: int) -> memoryview:
        numbers = pa.array(np.arange(rows) % 251, pa.uint8())
        return to_part(pa.table([numbers], schema=schema_of(columns)), columns)

    fresh = bytes(part(20_000))
    part(first)
    assert bytes(part(20_000)) == fresh
