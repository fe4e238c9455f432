"""What was signed is what runs: no byte of the manifest can be another, at rest or between check and use."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from refusals import raises

from lsi_match.agreement.gates import require
from lsi_match.base.canonical import canonical_json
from lsi_match.base.clock import utc_now
from lsi_match.base.errors import LsiError
from lsi_match.demo.world import Case, World
from lsi_match.matcher.round.run import Run

from .conftest import ROUND

Document = dict[str, Any]


def altered(whole: bytes, places: int) -> Iterator[bytes]:
    """At so many places, and the first and the last: a bit turned over, a byte more, a byte less."""
    chance = random.Random(4)
    for at in [0, len(whole) - 1, *chance.sample(range(len(whole)), places)]:
        flipped = bytes([whole[at] ^ (1 << chance.randrange(8))])
        changed = chance.choice([flipped, b"", whole[at : at + 1] + b" "])
        yield whole[:at] + changed + whole[at + 1 :]


def test_no_byte_can_be_another_at_the_site(world: World) -> None:
    """Of the manifest, and of what was signed about it."""
    opening, _ = world.project.opening(ROUND)
    now = utc_now()

    def judged() -> None:
        require(world.project.manifest(), world.project.evidence(now, opening))

    for name, places in (
        ("manifest.json", 300),
        ("approvals/svb.json", 12),
        ("approvals/svb.acknowledgement.json", 12),
    ):
        file = world.project.folder / name
        whole = file.read_bytes()
        for changed in altered(whole, places):
            file.write_bytes(changed)
            with pytest.raises(LsiError):
                judged()
        file.write_bytes(whole)
    judged()


def test_no_byte_can_be_another_at_a_partner(world: World) -> None:
    home, now = world.home("uwv"), utc_now()
    for name, places in (("manifest.json", 60), ("approvals/svb.json", 12)):
        file = home.project(world.project_id) / name
        whole = file.read_bytes()
        for changed in altered(whole, places):
            file.write_bytes(changed)
            with pytest.raises(LsiError):
                home.agreed_manifest(world.project_id, now)
        file.write_bytes(whole)
    assert home.agreed_manifest(world.project_id, now).digest == world.project.manifest().digest


def test_a_kept_document_with_another_byte_is_refused(world: World) -> None:
    digest = world.project.manifest().digest
    file = world.project.folder / "documents" / f"{digest.removeprefix('sha256:')}.json"
    whole = file.read_bytes()
    assert world.project.kept(digest) == whole
    for changed in altered(whole, 20):
        file.write_bytes(changed)
        with raises("DocumentAlteredError"):
            world.project.kept(digest)


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
