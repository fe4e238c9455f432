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
    text = record_ids.to_arrow().cast(pa.large_string())
    offsets = np.frombuffer(text.buffers()[1], dtype=np.int64)[text.offset : text.offset + len(text) + 1]
    letters = np.frombuffer(text.buffers()[2] or b"", dtype=np.uint8)
    lengths = np.diff(offsets)
    long = lengths > _ROOM
    blocks = np.zeros((len(record_ids), BLOCK), dtype=np.uint8)
    blocks[:, 0] = np.where(long, 0, lengths)
    for place in range(int(lengths[~long].max(initial=0))):
        has = ~long & (lengths > place)
        blocks[has, place + 1] = letters[offsets[:-1][has] + place]
    numbers = np.arange(first_long, first_long + np.count_nonzero(long), dtype=">u8")
    blocks[long, 8:] = numbers.view(np.uint8).reshape(-1, 8)
    encrypted = pa.py_buffer(encrypt_blocks(blocks.tobytes(), key))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(BLOCK), len(record_ids), [None, encrypted])


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
