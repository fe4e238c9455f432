"""What there is no room for lies encrypted on disk, and no longer than it is needed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from lsi_match.crypto.spill_buffer import SpillBuffer

PARTS, TIMES = 40, 5


def array(part: int, time: int) -> np.ndarray:
    return np.full(1_000, part * TIMES + time, np.uint64)


def on_disk(buffer: SpillBuffer) -> int:
    return sum(os.fstat(file.fileno()).st_size for file in buffer.files if file)


def test_what_was_taken_or_forgotten_lies_on_disk_no_more(tmp_path: Path) -> None:
    with SpillBuffer(PARTS, tmp_path, 20_000) as buffer:
        for time in range(TIMES):
            for part in range(PARTS):
                buffer.add(part, array(part, time))
        whole = on_disk(buffer)
        assert whole > PARTS * TIMES * 8_000 - 20_000
        for part in range(PARTS):
            found = buffer.take(part) if part % 2 else buffer.read(part)
            assert [one.tolist() for one in found] == [array(part, t).tolist() for t in range(TIMES)]
            buffer.forget(part)
            assert buffer.read(part) == []
            assert on_disk(buffer) <= whole * (1 - (part + 1) / PARTS) + whole / 10
        assert on_disk(buffer) == 0


def test_a_part_is_filled_again_after_it_was_taken_under_numbers_that_were_never_used(tmp_path: Path) -> None:
    """Nonces are used once, also when a file is new."""
    with SpillBuffer(2, tmp_path, 0) as buffer:
        seen = []
        for time in range(3):
            buffer.add(0, array(0, time))
            seen += [stored[0] for stored in buffer._there[0]]
            assert [one[0] for one in buffer.take(0)] == [time]
        assert len(set(seen)) == 3
    assert list(tmp_path.iterdir()) == []
