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


def make_references(record_ids: pl.Series) -> tuple[pa.Array, References]:
    """References (16-byte blocks, Arrow) for `record_ids` (String, no nulls, not empty), and what resolves them."""
    key = make_key()
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
    long_ids = tuple(record_ids.filter(pl.Series(long)).to_list())
    blocks[long, 8:] = np.arange(len(long_ids), dtype=">u8").view(np.uint8).reshape(-1, 8)
    encrypted = encrypt_blocks(blocks.tobytes(), key)
    array = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(BLOCK), len(record_ids), [None, pa.py_buffer(encrypted)]
    )
    return array, References(key, long_ids)


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
