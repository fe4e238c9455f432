"""Record references: what stands in a drop where the partner's own record id was.

One AES-256 block under a key made for one drop. A block holds the length (1 to 15) and the UTF-8 of the id,
filled with zero bytes; a longer id is a zero byte, seven zero bytes and its number in a list that only the
partner keeps (docs/protocol.md section 5).
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa

from lsi_match.partner.home import References
from lsi_match.trust.blocks import BLOCK, decrypt_blocks, encrypt_blocks, make_key

_ROOM = BLOCK - 1
#: Bytes of a text that fit in its Arrow view.
_INSIDE = 12


def new_key() -> bytes:
    """The key of the references of one drop."""
    return make_key()


def long_ids(record_ids: pl.Series) -> list[str]:
    """Those of `record_ids` that do not fit in a block, in order."""
    return record_ids.filter(record_ids.str.len_bytes() > _ROOM).to_list()


def make_references(record_ids: pl.Series, key: bytes, first_long: int = 0) -> pa.Array:
    """References (16-byte blocks, Arrow) for `record_ids` (String, no nulls, not empty).

    Args:
        first_long: the number of the first of these ids that is too long for a block (`long_ids`).
    """
    lengths = record_ids.str.len_bytes().to_numpy()
    long = np.flatnonzero(lengths > _ROOM)
    blocks = np.empty((len(record_ids), BLOCK), dtype=np.uint8)
    blocks[:, 0] = lengths
    blocks[:, 1 : 1 + _INSIDE] = _letters(record_ids, 0)
    blocks[:, 1 + _INSIDE :] = _letters(record_ids, _INSIDE)[:, : _ROOM - _INSIDE]
    blocks[long, :8] = 0
    numbers = np.arange(first_long, first_long + len(long), dtype=">u8")
    blocks[long, 8:] = numbers.view(np.uint8).reshape(-1, 8)
    encrypted = pa.py_buffer(encrypt_blocks(blocks.tobytes(), key))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(BLOCK), len(record_ids), [None, encrypted])


def _letters(texts: pl.Series, start: int) -> np.ndarray:
    """12 bytes of each text from `start` on, zero where it has no more: a view of at most 12 bytes holds its length in
    4 bytes and then the bytes themselves (Arrow's variable-size binary view layout)."""
    short = texts.cast(pl.Binary).bin.slice(start, _INSIDE).rechunk()
    array = short.to_arrow(compat_level=pl.CompatLevel.newest())
    views = np.frombuffer(array.buffers()[1], dtype=np.uint8).reshape(-1, 4 + _INSIDE)
    return views[array.offset : array.offset + len(array), 4:]


def resolve(references: list[bytes], keep: References) -> list[str]:
    """The record ids behind `references`; raises ValueError when one was not made with this key."""
    plain = decrypt_blocks(b"".join(references), keep.key)
    return [_resolve_one(plain[i : i + BLOCK], keep.long_ids) for i in range(0, len(plain), BLOCK)]


def _resolve_one(block: bytes, long_ids: tuple[str, ...]) -> str:
    length = block[0]
    if length == 0 and not any(block[1:8]):
        number = int.from_bytes(block[8:], "big")
        if number < len(long_ids):
            return long_ids[number]
    elif length <= _ROOM and not any(block[1 + length :]):
        return block[1 : 1 + length].decode()
    raise ValueError("a reference that was not made with this key")
