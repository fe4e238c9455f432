"""A mark holds for the very bytes it was made on, under its own key."""

from __future__ import annotations

import secrets

import pytest

from lsi_match.crypto.block_cipher import make_key
from lsi_match.crypto.mac import gmac_tag, has_mark

DATA = secrets.token_bytes(1000)


def test_a_mark_holds_for_what_it_was_made_on() -> None:
    key = make_key()
    made = gmac_tag(DATA, key)
    assert has_mark(memoryview(DATA), key, made)
    assert gmac_tag(DATA, key) != made, "no nonce comes twice"


@pytest.mark.parametrize(
    "other", [DATA[:-1], DATA + b"\0", b"", DATA[:500] + bytes([DATA[500] ^ 1]) + DATA[501:]]
)
def test_nothing_else_has_it(other: bytes) -> None:
    key = make_key()
    assert not has_mark(other, key, gmac_tag(DATA, key))


def test_nobody_without_the_key_makes_or_changes_one() -> None:
    key = make_key()
    made = gmac_tag(DATA, key)
    assert not has_mark(DATA, key, gmac_tag(DATA, make_key()))
    for place in range(len(made)):
        assert not has_mark(DATA, key, made[:place] + bytes([made[place] ^ 1]) + made[place + 1 :])
    for short in (b"", made[:12], made[:-1]):
        assert not has_mark(DATA, key, short)
