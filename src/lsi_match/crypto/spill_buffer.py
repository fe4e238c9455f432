"""Arrays of many parts, in any order: in memory up to a bound, beyond that encrypted on disk.

What goes to disk is encrypted (AES-256-GCM) under a key that is in the memory of this process only, in files without a name: when
the process ends, however it ends, they are gone and no copy of them opens. Neighbouring parts share a file, which goes when all
of them were taken.
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
#: Files of one buffer: so much of what was taken still lies on disk, as a share.
_FILES = 16
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
        self.files: list[BinaryIO | None] = [None] * _FILES
        self._cipher, self._bytes, self._written = AESGCM(AESGCM.generate_key(256)), 0, 0
        self._here: list[list[np.ndarray]] = [[] for _ in range(parts)]
        #: The number of what was written, where it stands, how long it is, and its type and shape.
        self._there: list[list[tuple[int, int, int, np.dtype, tuple[int, ...]]]] = [[] for _ in range(parts)]
        self._one_at_a_time = Lock()

    def __len__(self) -> int:
        return len(self._here)

    def close(self) -> None:
        """Forget everything."""
        self._here, self._there = [], []
        for number in range(_FILES):
            self._let_go(number)

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
        return [*(self._read(part, *where) for where in self._there[part]), *self._here[part]]

    def take(self, part: int) -> list[np.ndarray]:
        """The same, once."""
        found = self.read(part)
        self.forget(part)
        return found

    def forget(self, part: int) -> None:
        """Let go of what was added to `part`."""
        with self._one_at_a_time:
            self._bytes -= sum(array.nbytes for array in self._here[part])
            self._here[part], self._there[part] = [], []
            number = self._number(part)
            if not any(there for other, there in enumerate(self._there) if self._number(other) == number):
                self._let_go(number)

    def _to_disk(self) -> None:
        for part, (arrays, places) in enumerate(zip(self._here, self._there, strict=True)):
            for array in [self._join(arrays)] if self._join and arrays else arrays:
                sealed = self._cipher.encrypt(
                    self._written.to_bytes(_NONCE, "big"),
                    np.ascontiguousarray(array).data.cast("B"),
                    None,
                )
                file = self._file(part)
                places.append((self._written, file.tell(), len(sealed), array.dtype, array.shape))
                file.write(sealed)
                self._written += 1
            arrays.clear()
        for file in filter(None, self.files):
            file.flush()
        self._bytes = 0

    def _read(
        self, part: int, nonce: int, start: int, length: int, dtype: np.dtype, shape: tuple[int, ...]
    ) -> np.ndarray:
        # Whatever the position of the file is, since parts are read at the same time.
        sealed = os.pread(self._file(part).fileno(), length, start)
        plain = self._cipher.decrypt(nonce.to_bytes(_NONCE, "big"), sealed, None)
        return np.frombuffer(plain, dtype).reshape(shape)

    # files

    def _number(self, part: int) -> int:
        return part * _FILES // len(self)

    def _file(self, part: int) -> BinaryIO:
        number = self._number(part)
        file = self.files[number]
        if file is None:
            file = self.files[number] = tempfile.TemporaryFile(dir=self._place)  # noqa: SIM115 (`_let_go`)
        return file

    def _let_go(self, number: int) -> None:
        file, self.files[number] = self.files[number], None
        if file is not None:
            file.close()
