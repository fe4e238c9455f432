"""Every release and every destruction is handed out with the proof that the log has it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from refusals import raises

from lsi_match.base.clock import utc_now
from lsi_match.demo.world import World
from lsi_match.log.log_proof import LogProof, prove
from lsi_match.log.policy import origin_of, policy_of
from lsi_match.log.remembered import ProofRefusedError
from lsi_match.log.steps import Step
from lsi_match.partner.release.open import open_release

from .conftest import ROUND, run_steps


def test_a_release_is_opened_only_with_its_own_proof(world: World, tmp_path: Path) -> None:
    run_steps(world)
    handed = shutil.copytree(world.release_file("uwv", ROUND).parent, tmp_path / "handed")
    file = handed / world.release_file("uwv", ROUND).name
    proof = file.with_name(file.name.replace(".json", ".tlog-proof"))
    sound = proof.read_text()
    opened, _ = open_release(world.home("uwv"), file, world.project_id, utc_now())
    assert opened.partner == "uwv"

    parsed = LogProof.parse(sound)
    first = "B" if sound.split("\n")[3][0] == "A" else "A"
    with world.project.reader() as reader:
        destroyed = reader.view.rounds[ROUND].destroyed
        assert destroyed is not None
        of_another_step = prove(reader.log, destroyed.position)
    wrong = {
        "another step": of_another_step.text(),
        "another place": sound.replace(f"index {parsed.index}", f"index {parsed.index - 1}"),
        "another path": sound.replace("\n" + sound.split("\n")[3], "\n" + first + sound.split("\n")[3][1:]),
        "another leaf": LogProof(
            parsed.leaf.replace(b"release.uwv", b"release.uwx"),
            parsed.index,
            parsed.path,
            parsed.checkpoint,
        ).text(),
        "unsigned": sound.rsplit("\n\n", 1)[0] + "\n\n— a.example AAAAAAAA\n",
        "not a proof": "nothing\n",
    }
    for text in wrong.values():
        proof.write_text(text)
        with pytest.raises(ProofRefusedError):
            open_release(world.home("uwv"), file, world.project_id, utc_now())
    proof.unlink()
    with raises("ProofMissingError"):
        open_release(world.home("uwv"), file, world.project_id, utc_now())


def test_the_destruction_of_a_round_has_a_proof_that_stays(world: World) -> None:
    run_steps(world)
    manifest = world.project.manifest()
    (file,) = (world.project.folder / "proofs").glob("*.destroy.tlog-proof")
    entry = LogProof.parse(file.read_text()).check(policy_of(manifest), origin_of(manifest))
    assert entry.name == Step.DESTROY.value
    assert entry.attributes["lsi.round"] == ROUND
