"""The tree gives the roots and proofs that others give, and no altered proof passes."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import trees
from hypothesis import given, settings
from hypothesis import strategies as st

from lsi_match.log import merkle

# The well-known tree of eight leaves of the Certificate Transparency reference implementation, as in
# github.com/transparency-dev/merkle, testonly/constants.go (LeafInputs, RootHashes, NodeHashes).
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
# The same repository, testdata/inclusion/{1,2,3}/happy-path.json: index, size, path.
INCLUSION = [
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
]
# And testdata/consistency/{1,2,3}/happy-path.json: the two sizes, path.
CONSISTENCY = [
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]

HASHES = [merkle.leaf_hash(number.to_bytes(4, "big")) for number in range(70_000)]
SMALL = 600


def known_tree() -> merkle.Subtree:
    return trees.subtrees_of([merkle.leaf_hash(leaf) for leaf in LEAVES])


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_the_reference_implementation(size: int) -> None:
    assert merkle.root(known_tree(), size).hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size", "path"), INCLUSION)
def test_inclusion_paths_are_those_of_the_reference_implementation(
    index: int, size: int, path: list[str]
) -> None:
    made = merkle.inclusion_path(known_tree(), index, size)
    assert [value.hex() for value in made] == path
    leaf, root = merkle.leaf_hash(LEAVES[index]), bytes.fromhex(ROOTS[size])
    assert merkle.verify_inclusion(leaf, index, size, made, root)


@pytest.mark.parametrize(("first", "second", "path"), CONSISTENCY)
def test_consistency_paths_are_those_of_the_reference_implementation(
    first: int, second: int, path: list[str]
) -> None:
    made = merkle.consistency_path(known_tree(), first, second)
    assert [value.hex() for value in made] == path
    roots = bytes.fromhex(ROOTS[first]), bytes.fromhex(ROOTS[second])
    assert trees.verify_consistency(first, roots[0], second, roots[1], made)


def test_what_the_rfc_leaves_out_is_decided() -> None:
    empty, one, other = merkle.EMPTY_ROOT, HASHES[0], HASHES[1]
    assert trees.verify_consistency(0, empty, 1, one, [])
    assert trees.verify_consistency(1, one, 1, one, [])
    assert trees.verify_consistency(0, empty, 0, empty, [])
    assert not trees.verify_consistency(0, one, 1, one, [])
    assert not trees.verify_consistency(0, one, 0, one, [])
    assert not trees.verify_consistency(1, one, 1, other, [])
    assert not trees.verify_consistency(1, one, 1, one, [other])
    assert not trees.verify_consistency(2, one, 1, one, [])
    assert not trees.verify_consistency(1, b"short", 1, b"short", [])
    assert not merkle.verify_inclusion(one, 1, 1, [], one)
    assert not merkle.verify_inclusion(one, -1, 1, [], one)
    with pytest.raises(ValueError, match="outside"):
        merkle.inclusion_path(known_tree(), 8, 8)
    with pytest.raises(ValueError, match="earlier"):
        merkle.consistency_path(known_tree(), 5, 4)


def altered(path: list[bytes], draw: st.DataObject) -> list[bytes]:
    """The path with one bit changed, one hash too few, too many, or two exchanged."""
    kind = draw.draw(
        st.sampled_from(["bit", "less", "more", "swap"] if len(path) > 1 else ["bit", "less", "more"])
    )
    at = draw.draw(st.integers(0, len(path) - 1)) if path else 0
    if kind == "more" or not path:
        return [*path[:at], draw.draw(st.sampled_from([HASHES[0], merkle.EMPTY_ROOT, bytes(32)])), *path[at:]]
    if kind == "less":
        return path[:at] + path[at + 1 :]
    if kind == "swap":
        other = (at + 1) % len(path)
        path = list(path)
        path[at], path[other] = path[other], path[at]
        return path
    bit = draw.draw(st.integers(0, 255))
    changed = bytearray(path[at])
    changed[bit // 8] ^= 1 << bit % 8
    return [*path[:at], bytes(changed), *path[at + 1 :]]


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_every_inclusion_proof_verifies_and_no_altered_one_does(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, SMALL))
    index = data.draw(st.integers(0, size - 1))
    tree = trees.subtrees_of(HASHES)
    root, path = merkle.root(tree, size), merkle.inclusion_path(tree, index, size)
    assert merkle.verify_inclusion(HASHES[index], index, size, path, root)
    assert not merkle.verify_inclusion(HASHES[index], index, size, altered(path, data), root)
    assert not merkle.verify_inclusion(HASHES[SMALL + 1], index, size, path, root)
    assert not merkle.verify_inclusion(HASHES[index], index, size, path, HASHES[SMALL + 1])
    elsewhere = data.draw(st.integers(0, size))
    assert elsewhere == index or not merkle.verify_inclusion(HASHES[index], elsewhere, size, path, root)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_every_consistency_proof_verifies_and_no_altered_one_does(data: st.DataObject) -> None:
    second = data.draw(st.integers(1, SMALL))
    first = data.draw(st.integers(0, second))
    tree = trees.subtrees_of(HASHES)
    roots = merkle.root(tree, first), merkle.root(tree, second)
    path = merkle.consistency_path(tree, first, second)
    assert trees.verify_consistency(first, roots[0], second, roots[1], path)
    assert not trees.verify_consistency(first, roots[0], second, roots[1], altered(path, data))
    assert not trees.verify_consistency(first, HASHES[SMALL + 1], second, roots[1], path)
    if first:
        assert not trees.verify_consistency(first, roots[0], second, HASHES[SMALL + 1], path)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 700), max_size=6))
def test_the_edge_grown_in_any_batches_has_the_root_and_tiles_of_the_tree(batches: list[int]) -> None:
    edge, tiles, size = merkle.RightEdge(), {}, 0
    for batch in batches:
        for tile in edge.add(HASHES[size : size + batch]):
            tiles[tile.level, tile.number] = tile.hashes
        size += batch
        assert edge.root() == merkle.root(trees.subtrees_of(HASHES), size)
    tiles |= {(tile.level, tile.number): tile.hashes for tile in edge.unfinished()}
    earlier = size * 2 // 3
    again = merkle.RightEdge.at(earlier, lambda level, number: tiles[level, number])
    assert again.root() == merkle.root(trees.subtrees_of(HASHES), earlier)


def test_proofs_out_of_tiles_on_three_levels_are_those_of_the_plain_tree() -> None:
    edge, size = merkle.RightEdge(), len(HASHES)
    tiles = {(tile.level, tile.number): tile.hashes for tile in edge.add(HASHES)}
    tiles |= {(tile.level, tile.number): tile.hashes for tile in edge.unfinished()}
    assert max(level for level, _ in tiles) == 2
    tree = merkle.subtrees_in_tiles(lambda level, number: tiles[level, number])
    root = merkle.root(tree, size)
    assert root == edge.root() == merkle.root(trees.subtrees_of(HASHES), size)
    for index in (0, 255, 256, 65_535, 65_536, size - 1):
        path = merkle.inclusion_path(tree, index, size)
        assert merkle.verify_inclusion(HASHES[index], index, size, path, root)
        earlier = merkle.root(tree, index + 1)
        path = merkle.consistency_path(tree, index + 1, size)
        assert trees.verify_consistency(index + 1, earlier, size, root, path)


def test_an_edge_over_a_tile_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="too short"):
        merkle.RightEdge.at(3, lambda level, number: HASHES[0])


PUBLIC = json.loads((Path(__file__).parents[1] / "vectors" / "transparency-dev-merkle.json").read_text())


def _hash(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def test_the_public_vectors_are_all_there() -> None:
    counted = [(len(PUBLIC[kind]), sum(not row[-1] for row in PUBLIC[kind])) for kind in PUBLIC["members"]]
    assert counted == [(98, 6), (98, 6)]


@pytest.mark.parametrize("vector", PUBLIC["inclusion"], ids=lambda vector: vector[0])
def test_public_inclusion_vectors(vector: list[Any]) -> None:
    _, index, size, root, leaf, path, wrong = vector
    assert (
        merkle.verify_inclusion(_hash(leaf), index, size, [_hash(one) for one in path], _hash(root))
        is not wrong
    )


@pytest.mark.parametrize("vector", PUBLIC["consistency"], ids=lambda vector: vector[0])
def test_public_consistency_vectors(vector: list[Any]) -> None:
    _, first, second, root, other, path, wrong = vector
    # One vector has equal roots that are no hashes; they accept it, we are stricter.
    wrong = wrong or len(_hash(root)) != merkle.HASH_SIZE
    found = trees.verify_consistency(first, _hash(root), second, _hash(other), [_hash(one) for one in path])
    assert found is not wrong
