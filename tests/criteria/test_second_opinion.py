"""What is called proven, wider, narrower or the same, another prover finds no exception to."""

from __future__ import annotations

import os
import random

import pytest
from criteria.predicates import FIELDS, predicates
from criteria.test_compare import DECLARED, SAME, WIDER, mutated, read
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("z3", reason="z3-solver is among the development tools: make install")

from criteria.logic import Logic

from lsi_match.criteria.compare import compare
from lsi_match.criteria.parse import Predicate, parse_predicate

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")
EXAMPLES = int(os.environ.get("LSI_MATCH_SENTENCES", "200"))


def check(old: Predicate, new: Predicate) -> str:
    kind = compare(old, new, DECLARED).kind
    if kind in ("same", "narrower"):
        assert Logic(FIELDS).differ(new, old) is not True, f"{kind}: {old.text} / {new.text}"
    if kind in ("same", "wider"):
        assert Logic(FIELDS).differ(old, new) is not True, f"{kind}: {old.text} / {new.text}"
    return kind


@pytest.mark.parametrize(("old", "new"), [*SAME, *((old, new) for old, new, _ in WIDER)])
def test_the_examples_are_what_they_are_called(old: str, new: str) -> None:
    one, two = parse_predicate(old, FIELDS), parse_predicate(new, FIELDS)
    assert check(one, two) != "other"
    assert Logic(FIELDS).differ(one, two) is False


def test_the_second_opinion_finds_what_is_no_proof() -> None:
    """Otherwise its silence would say nothing."""
    for old, new in ((new, old) for old, new, _ in WIDER):
        assert Logic(FIELDS).differ(parse_predicate(old, FIELDS), parse_predicate(new, FIELDS)) is True


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(predicates(), predicates(max_leaves=2), st.integers(0, 2**32))
def test_nothing_is_called_proven_that_has_an_exception(text: str, other: str, seed: int) -> None:
    old, chance = parse_predicate(text, FIELDS), random.Random(seed)
    for new in filter(None, (read(mutated(text, other, chance)) for _ in range(2))):
        check(old, new)
