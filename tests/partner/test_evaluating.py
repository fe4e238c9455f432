"""A round in which partners evaluate together, over the places: who asked and answered in time delivers, and nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from operation import PARTNERS, PROJECT, ROUND, Operation, weekly

from lsi_match.crypto import ristretto
from lsi_match.partner import deliver
from lsi_match.partner.deliver import Delivered

if not ristretto.available():
    pytest.skip("libsodium is not here (libsodium23)", allow_module_level=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    return weekly(tmp_path_factory.mktemp("together"), sections={"pseudonyms": {"scheme": "v2"}})


@pytest.fixture
def operation(made: Operation, tmp_path: Path) -> Operation:
    return made.copy(tmp_path / "copy")


def tick(operation: Operation, partner: str) -> Delivered:
    world = operation.world
    return deliver.deliver(
        world.home(partner), PROJECT, operation.places[partner], world.mapping(partner), world.extracts,
        operation.folder / "by-itself" / partner, operation.clock(),
    )  # fmt: skip


def step(operation: Operation, *partners: str) -> dict[str, Delivered]:
    """A look of the site, and a pass of these partners, of all where none is named."""
    seen = operation.reconcile()
    assert not seen.troubles, seen.troubles
    return {name: tick(operation, name) for name in partners or PARTNERS}


def test_a_round_goes_from_the_opening_to_its_release(operation: Operation) -> None:
    for _ in range(3):
        for one in step(operation).values():
            assert not one.problems, one.problems
    step(operation)
    assert operation.state(ROUND) == "destroyed"
    together = operation.project.view().rounds[ROUND].together
    assert together.partners == tuple(sorted(PARTNERS))
    assert together.left_out == ()
    assert set(together.destroyed) == set(PARTNERS)
    assert operation.cases("uwv", ROUND) == 4
