"""Values that too many records share: what is counted, and from where on they are left out."""

from __future__ import annotations

import numpy as np
from handmade import manifest

from lsi_match.cli.partner import useless
from lsi_match.manifest.person_keys import COMMONEST, CROWD
from lsi_match.partner.crowds import Crowds

KEY = "pk_birth_place"


def left_out(commonest: int, others: int) -> int:
    """Of a key with one value at so many records and different ones at the others, the values that are left out."""
    heads = np.random.default_rng(3).integers(1, 2**63, others + 1).astype(np.uint64)
    heads = np.concatenate([np.repeat(heads[:1], commonest), heads[1:], np.zeros(5, np.uint64)])
    crowds = Crowds.of(manifest(person_keys=["birth_place", "letters_birth"]))
    assert crowds.among(KEY, heads) is None
    if not crowds.settle():
        return 0
    found = crowds.among(KEY, heads)
    assert found is not None
    assert not found[commonest:].any()
    assert not crowds.among("pk_letters_birth", heads).any()  # type: ignore[union-attr]
    return int(found.sum())


def test_a_value_of_a_person_key_that_is_too_common_in_this_drop_is_left_out() -> None:
    assert left_out(CROWD, 1_000) == 0
    assert left_out(CROWD + 1, 1_000) == CROWD + 1
    many = 1_000_000
    assert left_out(int(many * COMMONEST), many) == 0
    assert left_out(int(many * COMMONEST) + 3, many) == int(many * COMMONEST) + 3


def test_the_key_is_told_by_its_name() -> None:
    assert useless(f"{KEY}_crowd").startswith(f"{KEY}: ")
