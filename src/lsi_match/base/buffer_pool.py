"""Large pieces of memory, used again and again.

Fresh memory is filled with zeros by the system first. For gigabytes that pass through in pieces, that takes as long as
deciphering them.
"""

from __future__ import annotations

import os
import weakref
from math import prod
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from lsi_match.base.files import open_plain_file, too_large, translate_errors

if TYPE_CHECKING:
    import numpy as np

#: Bytes that are kept for later, at most.
KEPT = 256 * 2**20
_STEP = 2**20

_free: list[np.ndarray] = []
_lock = Lock()


def memory(size: int) -> memoryview:
    """`size` bytes to write in; before that, anything may be in them.

    They are handed out again when nothing refers to them any more, to no part of them either.
    """
    import numpy as np

    whole = _of_before(size)
    if whole is None:
        whole = np.empty(-(-size // _STEP) * _STEP, np.uint8)
    lent = whole[:size]
    weakref.finalize(lent, _give_back, whole).atexit = False
    return lent.data.cast("B")


def pooled_array(*shape: int) -> np.ndarray:
    """Bytes in this shape, in such memory, with anything in them."""
    import numpy as np

    size = prod(shape)
    return np.frombuffer(memory(size), np.uint8).reshape(shape) if size else np.empty(shape, np.uint8)


def read_large(path: Path, at_most: int) -> memoryview:
    """The bytes of `path`, in such memory, if it is a plain file of no more bytes than that; raises as `files.read_bytes`
    does."""
    with translate_errors(path), open_plain_file(path, os.O_NOFOLLOW) as handle:
        size = os.fstat(handle.fileno()).st_size
        if size > at_most:
            raise too_large(path, at_most)
        into, at = memory(size), 0
        while at < len(into) and (count := handle.readinto(into[at:])):  # type: ignore[attr-defined]
            at += count
    return into[:at].toreadonly()


def _of_before(size: int) -> np.ndarray | None:
    """The smallest of those that are free and large enough, if it is not far too large."""
    with _lock:
        fits = [place for place, one in enumerate(_free) if size <= len(one) <= 2 * size + _STEP]
        return _free.pop(min(fits, key=lambda place: len(_free[place]))) if fits else None


def _give_back(whole: np.ndarray) -> None:
    # Called whenever Python lets go of something, also in the middle of `_of_before`: it must not wait.
    if _lock.acquire(blocking=False):
        try:
            if sum(len(one) for one in _free) + len(whole) <= KEPT:
                _free.append(whole)
        finally:
            _lock.release()
