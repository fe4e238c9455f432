"""Arrays of many parts, in any order: in memory up to a bound, beyond that encrypted on disk.

What goes to disk is encrypted (AES-256-GCM) under a key that is in the memory of this process only, in a file without a name: when
the process ends, however it ends, the file is gone and no copy of it opens.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import BinaryIO

import numpy as np
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lsi_match.base.closing import Closing

#: Bytes that memory holds.
MEMORY_BUDGET = 1 << 30
_NONCE = 12
Join = Callable[[list[np.ndarray]], np.ndarray]


class SpillBuffer(Closing):
    """The arrays of `parts` parts; what there is no room for lies in the folder `place`.

    Args:
        budget: bytes that memory holds; `MEMORY_BUDGET` when left out.
        join: makes one array of several of a part, where it does not matter which was added when: these go to disk as one.
    """

    def __init__(
        self, parts: int, place: Path | None, budget: int | None = None, join: Join | None = None
    ) -> None:
        self._place, self._budget = place, MEMORY_BUDGET if budget is None else budget
        self._join = join
        self.file: BinaryIO | None = None
        self._cipher, self._bytes, self._written = AESGCM(AESGCM.generate_key(256)), 0, 0
        self._here: list[list[np.ndarray]] = [[] for _ in range(parts)]
        #: Where what was written stands, how long it is, and its type and shape.
        self._there: list[list[tuple[int, int, np.dtype, tuple[int, ...]]]] = [[] for _ in range(parts)]
        self._one_at_a_time = Lock()

    def __len__(self) -> int:
        return len(self._here)

    def close(self) -> None:
        """Forget everything."""
        self._here, self._there = [], []
        if self.file is not None:
            self.file.close()

    def add(self, part: int, array: np.ndarray) -> None:
        """An array more of `part`."""
        if not array.size:
            return
        with self._one_at_a_time:
            self._here[part].append(array)
            self._bytes += array.nbytes
            if self._bytes > self._budget:
                self._to_disk()

    def read(self, part: int) -> list[np.ndarray]:
        """What was added to `part`, in order. Several parts may be read at a time."""
        return [*(self._read(*where) for where in self._there[part]), *self._here[part]]

    def take(self, part: int) -> list[np.ndarray]:
        """The same, once."""
        found = self.read(part)
        with self._one_at_a_time:
            self._bytes -= sum(array.nbytes for array in self._here[part])
            self._here[part], self._there[part] = [], []
        return found

    def _to_disk(self) -> None:
        if self.file is None:
            self.file = tempfile.TemporaryFile(dir=self._place)  # noqa: SIM115 (closed in `close`)
        for arrays, places in zip(self._here, self._there, strict=True):
            for array in [self._join(arrays)] if self._join and arrays else arrays:
                sealed = self._cipher.encrypt(
                    self._written.to_bytes(_NONCE, "big"),
                    np.ascontiguousarray(array).data.cast("B"),
                    None,
                )
                self.file.write(sealed)
                places.append((self._written, len(sealed), array.dtype, array.shape))
                self._written += len(sealed)
            arrays.clear()
        self.file.flush()
        self._bytes = 0

    def _read(self, start: int, length: int, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
        assert self.file is not None
        # Whatever the position of the file is, since parts are read at the same time.
        sealed = os.pread(self.file.fileno(), length, start)
        plain = self._cipher.decrypt(start.to_bytes(_NONCE, "big"), sealed, None)
        return np.frombuffer(plain, dtype).reshape(shape)
