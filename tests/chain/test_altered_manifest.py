"""What was signed is what runs: no byte of the manifest can be another, at rest or between check and use."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from lsi_match.demo.world import Case, World
from lsi_match.errors import LsiError
from lsi_match.matcher.gates import require
from lsi_match.matcher.run import Run
from lsi_match.matcher.site import utc_now
from lsi_match.protocol.canonical import canonical_json

from .conftest import ROUND

Document = dict[str, Any]


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


def every_record_a_case(manifest: Document) -> None:
    manifest["match"]["rule"] = "partners >= 1"
    manifest["release"]["max_cases"] = 1_000_000


def a_key_of_another(manifest: Document) -> None:
    for key in ("signing_key", "encryption_key"):
        manifest["controllers"]["uwv"][key] = manifest["controllers"]["svb"][key]


@pytest.mark.parametrize("change", [every_record_a_case, a_key_of_another, dict.clear])
def test_a_manifest_swapped_between_check_and_use_changes_nothing(
    change: Callable[[Document], None], world: World, expected: set[Case]
) -> None:
    """After the gates somebody puts another manifest there, and an opening without a meaning: one in which every
    record is a case, one in which a key signs for two partners, and nothing that is a manifest at all. The run goes
    on with what the gates looked at."""
    manifest = world.project.folder / "manifest.json"
    opening = world.project.round_folder(ROUND) / "opening.json"
    signed = {file: file.read_bytes() for file in (manifest, opening)}
    run = Run(world.project, ROUND, utc_now)
    try:
        run.gates()
        changed = json.loads(signed[manifest])
        change(changed)
        manifest.write_bytes(canonical_json(changed))
        opening.write_bytes(b"{}")
        for step in ("intake", "match", "count", "release", "destroy"):
            getattr(run, step)()
    finally:
        run.close()
        for file, data in signed.items():
            file.write_bytes(data)
    assert world.found_cases(ROUND) == expected
    named = {
        entry.attributes["lsi.manifest"]
        for entry in world.project.entries()
        if "lsi.round" in entry.attributes
    }
    assert named == {world.project.manifest().digest}
