"""The Merkle tree of RFC 9162, section 2.1: pure functions over hashes, and its shape in tiles.

A tree can be asked for the root of any complete subtree (`Subtree`): that is all that proofs need, and what
lets the same functions work over a list of leaf hashes and over stored tiles. A tile (the shape of C2SP
tlog-tiles) is up to 256 consecutive hashes: at level 0 of leaves, at level n + 1 the roots of full tiles of
level n.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import NamedTuple

HASH_SIZE = 32
#: A tile spans 8 levels of the tree, so 256 hashes.
TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT

#: The root of the complete subtree of 2^height leaves that is the index-th of its height.
Subtree = Callable[[int, int], bytes]
#: The hashes of a stored tile, by level and number, one after the other.
ReadTile = Callable[[int, int], bytes]

_sha256 = hashlib.sha256

#: MTH({}) = HASH() (section 2.1.1).
EMPTY_ROOT = _sha256(b"").digest()


class Tile(NamedTuple):
    """A row of the tree: `hashes` are up to 256 hashes of 32 bytes, one after the other."""

    level: int
    number: int
    hashes: bytes


def leaf_hash(leaf: bytes) -> bytes:
    """MTH({d}) = HASH(0x00 || d) (section 2.1.1)."""
    return _sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """HASH(0x01 || left || right) (section 2.1.1)."""
    return _sha256(b"\x01" + left + right).digest()


def complete_root(hashes: Sequence[bytes]) -> bytes:
    """The root over a number of hashes that is a power of two."""
    while len(hashes) > 1:
        one_by_one = iter(hashes)
        pairs = zip(one_by_one, one_by_one, strict=True)
        hashes = [_sha256(b"\x01" + left + right).digest() for left, right in pairs]
    return hashes[0]


def subtrees_in_tiles(read_tile: ReadTile) -> Subtree:
    """Complete subtrees over stored tiles; each tile is read once."""
    kept: dict[tuple[int, int], list[bytes]] = {}

    def subtree(height: int, index: int) -> bytes:
        level, within = divmod(height, TILE_HEIGHT)
        first = index << within
        number, offset = divmod(first, TILE_WIDTH)
        if (level, number) not in kept:
            kept[level, number] = split_hashes(read_tile(level, number))
        return complete_root(kept[level, number][offset : offset + (1 << within)])

    return subtree


def split_hashes(joined: bytes) -> list[bytes]:
    """Hashes of 32 bytes out of a tile."""
    return [joined[start : start + HASH_SIZE] for start in range(0, len(joined), HASH_SIZE)]


def range_root(subtree: Subtree, start: int, end: int) -> bytes:
    """MTH(D[start:end]) (section 2.1.1). `start` is where the tree divides: subtrees are aligned."""
    height = (end - start - 1).bit_length()
    if end - start == 1 << height:
        return subtree(height, start >> height)
    middle = start + (1 << (height - 1))
    return node_hash(range_root(subtree, start, middle), range_root(subtree, middle, end))


def root(subtree: Subtree, size: int) -> bytes:
    """MTH(D_n) (section 2.1.1)."""
    return range_root(subtree, 0, size) if size else EMPTY_ROOT


def peaks_after(edge: Sequence[bytes], first: int, leaf_hashes: Iterable[bytes]) -> list[bytes]:
    """The roots of the complete subtrees that a tree divides into, the largest first, as they are after more leaves.

    Args:
        edge: these of its `first` leaves; raises ValueError where they are not of so many.
    """
    heights = [height for height in reversed(range(first.bit_length())) if first >> height & 1]
    peaks = list(zip(heights, edge, strict=True))
    for found in leaf_hashes:
        height = 0
        while peaks and peaks[-1][0] == height:
            found, height = node_hash(peaks.pop()[1], found), height + 1
        peaks.append((height, found))
    return [found for _, found in peaks]


def root_of_peaks(peaks: Sequence[bytes]) -> bytes:
    """The root of the tree that divides into these."""
    return reduce(lambda right, left: node_hash(left, right), reversed(peaks)) if peaks else EMPTY_ROOT


def inclusion_path(subtree: Subtree, index: int, size: int) -> list[bytes]:
    """PATH(m, D_n): what shows that leaf `index` is in the tree of `size` leaves (section 2.1.3.1)."""
    if not 0 <= index < size:
        raise ValueError("a leaf outside the tree has no inclusion path")

    def path(start: int, end: int) -> list[bytes]:
        if end - start == 1:
            return []
        middle = start + (1 << ((end - start - 1).bit_length() - 1))
        if index < middle:
            return [*path(start, middle), range_root(subtree, middle, end)]
        return [*path(middle, end), range_root(subtree, start, middle)]

    return path(0, size)


def consistency_path(subtree: Subtree, first: int, second: int) -> list[bytes]:
    """PROOF(m, D_n): what shows that `second` leaves begin with the same `first` leaves (section 2.1.4.1).

    Empty where there is nothing to show: from an empty tree, and from a tree to itself.
    """
    if not 0 <= first <= second:
        raise ValueError("a tree is consistent only with an earlier one")
    if first in (0, second):
        return []

    def subproof(start: int, end: int, from_the_beginning: bool) -> list[bytes]:
        # SUBPROOF(m, D[start:end], b), with m counted from 0 as in `first`.
        if first == end:
            return [] if from_the_beginning else [range_root(subtree, start, end)]
        middle = start + (1 << ((end - start - 1).bit_length() - 1))
        if first <= middle:
            return [*subproof(start, middle, from_the_beginning), range_root(subtree, middle, end)]
        return [*subproof(middle, end, False), range_root(subtree, start, middle)]

    return subproof(0, second, True)


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `path` shows that the leaf with hash `leaf` is at `index` in the tree (section 2.1.3.2)."""
    if not 0 <= index < size or any(len(value) != HASH_SIZE for value in (leaf, root, *path)):
        return False
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


class RightEdge:
    """The last, unfinished tile of every level: all that is needed to append and to know the root."""

    def __init__(self) -> None:
        self.size = 0
        self._levels: list[list[bytes]] = []

    @classmethod
    def at(cls, size: int, read_tile: ReadTile) -> RightEdge:
        """The edge of the tree of the first `size` leaves. Later hashes in a tile are passed over.

        Raises ValueError when a tile is shorter than a tree of this size has it.
        """
        edge = cls()
        edge.size = size
        level = 0
        while count := size >> (level * TILE_HEIGHT):
            number, width = divmod(count, TILE_WIDTH)
            joined = read_tile(level, number)[: width * HASH_SIZE] if width else b""
            if len(joined) != width * HASH_SIZE:
                raise ValueError(f"tile {number} of level {level} is too short")
            edge._levels.append(split_hashes(joined))
            level += 1
        return edge

    def add(self, leaf_hashes: Iterable[bytes]) -> list[Tile]:
        """Append leaf hashes; give the tiles that became full."""
        finished: list[Tile] = []
        hashes, level, size = list(leaf_hashes), 0, self.size
        self.size += len(hashes)
        while hashes:
            if level == len(self._levels):
                self._levels.append([])
            waiting = self._levels[level]
            waiting.extend(hashes)
            hashes = []
            number = size >> ((level + 1) * TILE_HEIGHT)
            whole = len(waiting) - len(waiting) % TILE_WIDTH
            for start in range(0, whole, TILE_WIDTH):
                full = waiting[start : start + TILE_WIDTH]
                finished.append(Tile(level, number, b"".join(full)))
                hashes.append(complete_root(full))
                number += 1
            del waiting[:whole]
            level += 1
        return finished

    def unfinished(self) -> list[Tile]:
        """The tiles that are not full yet."""
        return [
            Tile(level, self.size >> ((level + 1) * TILE_HEIGHT), b"".join(waiting))
            for level, waiting in enumerate(self._levels)
            if waiting
        ]

    def root(self) -> bytes:
        """The root of the tree so far: from right to left, each complete subtree joined to the rest."""
        right: bytes | None = None
        for waiting in self._levels:
            for peak in reversed(_peaks(waiting)):
                right = peak if right is None else node_hash(peak, right)
        return EMPTY_ROOT if right is None else right


def _peaks(hashes: Sequence[bytes]) -> list[bytes]:
    """Roots of the largest complete subtrees from left to right: 7 hashes give subtrees of 4, 2 and 1."""
    peaks, start = [], 0
    for height in reversed(range(len(hashes).bit_length())):
        if len(hashes) >> height & 1:
            peaks.append(complete_root(hashes[start : start + (1 << height)]))
            start += 1 << height
    return peaks
