"""Memory that is used again: the system takes longer to hand out fresh memory than most steps take to fill it."""

from __future__ import annotations

import numpy as np


class Scratch:
    """Memory for one array at a time; what was in it before is gone when it is asked for again."""

    def __init__(self) -> None:
        self._bytes = np.empty(0, np.uint8)

    def of(self, *shape: int) -> np.ndarray:
        """Bytes in this shape, with anything in them."""
        size = int(np.prod(shape))
        if size > len(self._bytes):
            self._bytes = np.empty(0, np.uint8)  # Or the old and the new would be there together.
            self._bytes = np.empty(size + size // 16, np.uint8)
        return self._bytes[:size].reshape(shape)
