"""The rows of every part of a drop while its extracts are read: in memory up to a bound, beyond that sealed on disk.

What goes to disk is sealed to a key that is in the memory of this process only, in a file without a name: when the
process ends, however it ends, the file is gone and no copy of it opens.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from types import TracebackType

import numpy as np

from lsi_match.crypto.keys import make_round_key
from lsi_match.crypto.sealing import seal_into, unseal_view
from lsi_match.partner.drop_rows import BLOCK_BYTES, Layout, Rows

#: Bytes of rows that memory holds.
MEMORY_BUDGET = 1 << 30


class SpillBuffer:
    """The rows of `parts` parts; what there is no room for lies in the folder `place`."""

    def __init__(self, layout: Layout, parts: int, place: Path) -> None:
        self.layout = layout
        self.file = tempfile.TemporaryFile(dir=place)  # noqa: SIM115 (closed in __exit__)
        self._secret, self._recipient = make_round_key()
        self._here: list[list[Rows]] = [[] for _ in range(parts)]
        self._there: list[list[tuple[int, int]]] = [[] for _ in range(parts)]
        self._bytes = 0

    def __enter__(self) -> SpillBuffer:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.file.close()

    def add(self, parts: list[Rows]) -> None:
        """Rows of each part, to lie on those that are there."""
        for part, rows in zip(self._here, parts, strict=True):
            if len(rows):
                part.append(rows)
                self._bytes += rows.data.nbytes
        if self._bytes > MEMORY_BUDGET:
            self._to_disk()

    def take(self, part: int) -> Rows:
        """What was added to `part`, once. Several parts may be taken at a time."""
        pieces, self._here[part] = self._here[part], []
        pieces += [self._read(*place) for place in self._there[part]]
        return Rows.together(pieces) if pieces else self.layout.rows(0)

    def _to_disk(self) -> None:
        for part, places in zip(self._here, self._there, strict=True):
            if part:
                start = self.file.seek(0, 2)
                seal_into(Rows.together(part).data.data, self._recipient, self.file)
                places.append((start, self.file.tell() - start))
                part.clear()
        self.file.flush()
        self._bytes = 0

    def _read(self, start: int, length: int) -> Rows:
        # Whatever the position of the file is, since parts are taken at the same time.
        sealed = os.pread(self.file.fileno(), length, start)
        plain = unseal_view(sealed, self._secret, what="the pile of rows", party="this partner")
        return Rows(self.layout, np.frombuffer(plain, np.uint8).reshape(self.layout.blocks, -1, BLOCK_BYTES))
