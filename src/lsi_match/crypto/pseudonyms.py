"""Pseudonyms in bulk: columns of identifiers in, columns of 16-byte blocks out (docs/protocol.md 3)."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl
import polars_hash as plh

from lsi_match.base.errors import LsiError
from lsi_match.crypto.project_key import PSEUDONYM_BYTES, ProjectKey, block


class Pseudonymiser(Protocol):
    """What makes pseudonyms: identifiers in, blocks of 16 bytes out."""

    def pseudonyms(self, identifiers: pl.Series, round_id: str, kind: str) -> Blocks: ...


@dataclass(frozen=True)
class Blocks:
    """A column of 16-byte blocks: `data` of shape (rows, 16), and which rows have one (`valid`)."""

    data: np.ndarray
    valid: np.ndarray

    def __len__(self) -> int:
        return len(self.valid)

    def take(self, rows: np.ndarray) -> Blocks:
        """The blocks at these positions."""
        return Blocks(self.data.take(rows, axis=0), self.valid.take(rows))

    def to_list(self) -> list[bytes | None]:
        """One `bytes` a row, None where there is no block."""
        return [bytes(block) if there else None for block, there in zip(self.data, self.valid, strict=True)]


def keyed_blocks(key: str, identifiers: pl.Series) -> Blocks:
    """The first 16 bytes of HMAC-SHA256 over each identifier (String, null where there is none), under 64 hex digits as key."""
    if (identifiers == "").any():
        raise ValueError("an empty identifier reached the pseudonymiser")
    valid = identifiers.is_not_null().to_numpy()
    frame = pl.DataFrame({"identifier": identifiers.drop_nulls()})
    hashed = frame.select(plh.col("identifier").chash.hmac_sha256(key=key)).to_series()
    made = _first_bytes(hashed)
    if valid.all():
        return Blocks(made, valid)
    blocks = np.zeros((len(identifiers), PSEUDONYM_BYTES), dtype=np.uint8)
    blocks[valid] = made
    return Blocks(blocks, valid)


def _first_bytes(hashes: pl.Series) -> np.ndarray:
    """The first 16 bytes of hashes in hex (64 characters each, no nulls), as an array of shape (rows, 16)."""
    heads = hashes.str.slice(0, 2 * PSEUDONYM_BYTES).to_arrow(compat_level=pl.CompatLevel.oldest())
    # Arrow's layout of large texts: which there are, where each starts, and all of them end to end.
    letters = heads.buffers()[2] if len(hashes) else b""
    return np.frombuffer(binascii.unhexlify(letters), np.uint8).reshape(len(hashes), PSEUDONYM_BYTES)


@dataclass(frozen=True)
class SharedPseudonyms:
    """Makes pseudonyms from what was evaluated together (`crypto.evaluation`): the first 16 bytes of HMAC-SHA256 over the 64
    bytes of an identifier, under the subkey of scheme 1. So whoever attacks scheme 2 needs all that scheme 1 needs as well."""

    key: ProjectKey
    evaluated: Mapping[str, Mapping[str, bytes]]
    #: Digest of the signed `Evaluators` under the sum of whose keys it was.
    evaluators: str = ""

    def pseudonyms(self, identifiers: pl.Series, round_id: str, kind: str) -> Blocks:
        """As `ProjectKey.pseudonyms`; raises IdentifierNotAskedError: the extract is not that of the ask any more."""
        subkey = self.key.pseudonym_key(round_id, kind).encode()
        of = self.evaluated.get(kind, {})
        valid = identifiers.is_not_null().to_numpy()
        if new := set(identifiers.drop_nulls()) - of.keys():
            raise LsiError("IdentifierNotAskedError", kind=kind, count=len(new))
        blocks = np.zeros((len(identifiers), PSEUDONYM_BYTES), np.uint8)
        made = [block(subkey, of[one]) for one in identifiers.drop_nulls()]
        blocks[valid] = np.frombuffer(b"".join(made), np.uint8).reshape(-1, PSEUDONYM_BYTES)
        return Blocks(blocks, valid)
