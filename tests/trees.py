"""Trees in memory, and what their consistency proofs show, for tests: as RFC 9162 has them, without the tiles of a log."""

from __future__ import annotations

from collections.abc import Sequence

from lsi_match.log import merkle
from lsi_match.log.merkle import Subtree


def subtrees_of(leaf_hashes: Sequence[bytes]) -> Subtree:
    """Complete subtrees over leaf hashes in memory."""

    def subtree(height: int, index: int) -> bytes:
        return merkle.complete_root(leaf_hashes[index << height : (index + 1) << height])

    return subtree


def verify_consistency(
    first: int, first_root: bytes, second: int, second_root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether `path` shows that the second tree begins with the leaves of the first (section 2.1.4.2).

    The RFC leaves out the two cases in which the path is empty: a tree and itself (the roots are equal), and
    the empty tree (its root is known, and every tree begins with it).
    """
    if not 0 <= first <= second or any(
        len(value) != merkle.HASH_SIZE for value in (first_root, second_root, *path)
    ):
        return False
    if first == second:
        return not path and first_root == second_root and (first > 0 or first_root == merkle.EMPTY_ROOT)
    if first == 0:
        return not path and first_root == merkle.EMPTY_ROOT
    if not path:
        return False
    values = [first_root, *path] if first & (first - 1) == 0 else list(path)
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = values[0]
    for c in values[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = merkle.node_hash(c, fr), merkle.node_hash(c, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = merkle.node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == first_root and sr == second_root
