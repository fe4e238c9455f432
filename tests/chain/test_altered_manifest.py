"""What was signed is what runs: no byte of the manifest can be another, at rest or between check and use."""

from __future__ import annotations

import json
import random

import pytest

from lsi_match.demo.world import Case, World
from lsi_match.errors import LsiError
from lsi_match.matcher.gates import require
from lsi_match.matcher.run import Run
from lsi_match.matcher.site import utc_now
from lsi_match.protocol.canonical import canonical_json

from .conftest import ROUND


def test_no_byte_can_be_another(world: World) -> None:
    """Five hundred places, and the first and the last: a bit turned over, a byte more, a byte less."""
    file = world.project.folder / "manifest.json"
    whole = file.read_bytes()
    opening, _ = world.project.opening(ROUND)
    chance = random.Random(4)
    for at in [0, len(whole) - 1, *chance.sample(range(len(whole)), 500)]:
        flipped = bytes([whole[at] ^ (1 << chance.randrange(8))])
        changed = chance.choice([flipped, b"", whole[at : at + 1] + b" "])
        file.write_bytes(whole[:at] + changed + whole[at + 1 :])
        with pytest.raises(LsiError):
            require(world.project.manifest(), world.project.evidence(utc_now(), opening))
    file.write_bytes(whole)
    require(world.project.manifest(), world.project.evidence(utc_now(), opening))


def test_a_manifest_swapped_between_check_and_use_changes_nothing(world: World, expected: set[Case]) -> None:
    """After the gates somebody puts a lawful-looking manifest there in which every record is a case, and one in which
    another key signs for a partner. The run goes on with the one that the gates looked at."""
    file = world.project.folder / "manifest.json"
    signed = file.read_bytes()
    run = Run(world.project, ROUND, utc_now)
    try:
        run.gates()
        changed = json.loads(signed)
        changed["match"]["rule"] = "partners >= 1"
        changed["controllers"]["uwv"]["signing_key"] = changed["controllers"]["svb"]["signing_key"]
        changed["controllers"]["uwv"]["encryption_key"] = changed["controllers"]["svb"]["encryption_key"]
        file.write_bytes(canonical_json(changed))
        for step in ("intake", "match", "count", "release"):
            getattr(run, step)()
    finally:
        run.close()
        file.write_bytes(signed)
    assert world.found_cases(ROUND) == expected
    with world.project.journal() as journal:
        release = next(entry for entry in journal.entries() if entry.name == "release")
    assert release.attributes["lsi.manifest"] == world.project.manifest().digest
