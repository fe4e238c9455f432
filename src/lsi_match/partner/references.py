"""Record references: what stands in a drop where the partner's own record id was.

One AES-256 block under a key made for one drop. A block holds the length (1 to 15) and the UTF-8 of the id,
filled with zero bytes; a longer id is a zero byte, seven zero bytes and its number in a list that only the
partner keeps (docs/protocol.md section 5).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from threading import Lock

import numpy as np
import polars as pl

from lsi_match.crypto.block_cipher import BLOCK, decrypt_blocks, encrypt_blocks
from lsi_match.partner.home import References

_ROOM = BLOCK - 1
#: Bytes of a text that fit in its Arrow view.
_INSIDE = 12


class LongIds:
    """The ids of one drop that do not fit in a block, each once; several threads may add to it."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._numbers = {id_: number for number, id_ in enumerate(ids)}
        self._one_at_a_time = Lock()

    def numbers(self, ids: Sequence[str]) -> list[int]:
        """The number of each of `ids` in the list."""
        with self._one_at_a_time:
            return [self._numbers.setdefault(id_, len(self._numbers)) for id_ in ids]

    def in_order(self) -> tuple[str, ...]:
        return tuple(self._numbers)


def id_blocks(record_ids: pl.Series, long_ids: LongIds) -> np.ndarray:
    """Blocks before encryption, of shape (rows, 16), for `record_ids` (String, no nulls, not empty)."""
    lengths = record_ids.str.len_bytes().to_numpy()
    long = np.flatnonzero(lengths > _ROOM)
    blocks = np.zeros((len(record_ids), BLOCK), dtype=np.uint8)
    blocks[:, 0] = lengths
    if lengths.max(initial=0) <= _INSIDE:
        blocks[:, 1 : 1 + _INSIDE] = _letters(record_ids)
    else:
        whole = record_ids.cast(pl.Binary).bin
        blocks[:, 1 : 1 + _INSIDE] = _letters(whole.slice(0, _INSIDE))
        blocks[:, 1 + _INSIDE :] = _letters(whole.slice(_INSIDE, _INSIDE))[:, : _ROOM - _INSIDE]
    if len(long):
        numbers = np.asarray(long_ids.numbers(record_ids.gather(long).to_list()), dtype=">u8")
        blocks[long, :8] = 0
        blocks[long, 8:] = numbers.view(np.uint8).reshape(-1, 8)
    return blocks


def make_references(blocks: np.ndarray, key: bytes) -> np.ndarray:
    """References (shape (rows, 16)) of the blocks of `id_blocks`."""
    return np.frombuffer(encrypt_blocks(blocks.tobytes(), key), np.uint8).reshape(-1, BLOCK)


def _letters(short: pl.Series) -> np.ndarray:
    """12 bytes of each text, which has no more, filled with zeros: a view of at most 12 bytes holds its length in
    4 bytes and then the bytes themselves (Arrow's variable-size binary view layout)."""
    array = short.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
    views = np.frombuffer(array.buffers()[1], dtype=np.uint8).reshape(-1, 4 + _INSIDE)
    return views[array.offset : array.offset + len(array), 4:]


def resolve(references: list[bytes], keep: References) -> list[str]:
    """The record ids behind `references`; raises ValueError when one was not made with this key."""
    plain = bytes(decrypt_blocks(b"".join(references), keep.key))
    return [_resolve_one(plain[i : i + BLOCK], keep.long_ids) for i in range(0, len(plain), BLOCK)]


def _resolve_one(block: bytes, long_ids: tuple[str, ...]) -> str:
    length = block[0]
    if length == 0 and not any(block[1:8]):
        number = int.from_bytes(block[8:], "big")
        if number < len(long_ids):
            return long_ids[number]
    elif length <= _ROOM and not any(block[1 + length :]):
        with suppress(UnicodeDecodeError):
            return block[1 : 1 + length].decode()
    raise ValueError("a reference that was not made with this key")
