"""Sharing a manifest is logged: who was given which digest, and who answered; before it is accepted and after."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import logged
import pytest
from refusals import raises

from lsi_match.agreement.approvals import ApprovalInvalidError, ManifestAlteredError, approve
from lsi_match.agreement.gates import Gate, evaluate
from lsi_match.agreement.trust_root_rules import RootMissingError
from lsi_match.base.clock import utc_now
from lsi_match.base.errors import WrongUseError
from lsi_match.cli.main import run
from lsi_match.crypto.keys import make_identity
from lsi_match.demo.world import World, configs_folder
from lsi_match.log.events import Justified
from lsi_match.manifest import Manifest
from lsi_match.matcher.site.share_manifest import evidence_about, receive, share
from lsi_match.matcher.site.site import Project

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, configs_folder() / "samenloop", tmp_path, lambda: NOW)
    made.make_keys()
    return made


@pytest.fixture
def manifest(world: World) -> Manifest:
    return world.complete(world.make_project_key())


def project(world: World) -> Project:
    return Project(world.site, world.project_id)


def told(world: World, manifest: Manifest) -> dict[str, tuple[bool, bool]]:
    """Controller → whether it was given the manifest, and whether it answered."""
    found = project(world).view().manifests[manifest.digest].sharing
    return {name: (one.given is not None, one.answered is not None) for name, one in found.items()}


def test_the_log_says_who_was_given_which_digest_and_who_answered(world: World, manifest: Manifest) -> None:
    share(world.site, manifest.canonical(), ["uwv", "svb"], NOW)
    share(world.site, manifest.canonical(), ["gemeente"], NOW)
    assert told(world, manifest) == dict.fromkeys(("uwv", "svb", "gemeente"), (True, False))
    assert [e.name for e in project(world).entries()] == ["trust root", "share manifest", "share manifest"]
    assert {e.attributes["lsi.manifest"] for e in project(world).entries()} == {manifest.digest}
    papers = world.approve(manifest)
    receive(world.site, world.project_id, {"uwv": papers["uwv"]}, NOW)
    assert told(world, manifest)["uwv"] == (True, True)
    assert told(world, manifest)["svb"] == (True, False)
    world.site.accept(manifest.canonical(), papers, NOW)
    assert told(world, manifest)["svb"] == (True, True)


def test_the_gates_see_what_came_back_before_anything_is_accepted(world: World, manifest: Manifest) -> None:
    share(world.site, manifest.canonical(), (), NOW)
    papers = world.approve(manifest)
    for name in ("uwv", "svb"):
        agreement = receive(world.site, world.project_id, {name: papers[name]}, NOW)
    assert agreement.approvals.keys() == {"uwv", "svb"}
    verdicts = {v.gate: v.error for v in evaluate(manifest, evidence_about(world.site, manifest, NOW))}
    missing = verdicts[Gate.APPROVAL]
    assert missing is not None
    assert "uwv" not in str(missing.facts["names"])
    assert "gemeente" in str(missing.facts["names"])


def test_a_next_version_is_shared_while_the_first_runs(world: World, manifest: Manifest) -> None:
    world.agree(manifest, world.approve(manifest))
    world.draft["release"]["max_cases"] = 3
    second = world.complete(manifest.pseudonyms.key_check)
    share(world.site, second.canonical(), (), NOW)
    receive(world.site, world.project_id, {"uwv": world.approve(second)["uwv"]}, NOW)
    assert told(world, second)["uwv"] == (True, True)
    assert told(world, second)["svb"] == (True, False)
    with project(world).writer() as log:
        # what is signed about a round later on is no answer to the sharing of its manifest
        log.record(logged.opened("r1"), NOW, manifest=second.digest)
        said = Justified(round="r1", findings=logged.DIGEST, papers={"svb": logged.DIGEST})
        log.record(said, NOW, manifest=second.digest)
    assert told(world, second)["svb"] == (True, False)
    assert [*evidence_about(world.site, second, NOW).papers.values()] == [world.approve(second)["uwv"]]
    assert world.project.manifest() == manifest
    assert evidence_about(world.site, manifest, NOW).papers.keys() == world.approve(manifest).keys()


def test_an_approval_that_came_back_counts_by_its_place_in_the_log(world: World, manifest: Manifest) -> None:
    """The key of the approval goes between its coming in and the acceptance; that of another approval too."""
    person, other = (make_identity(name, world.folder / f"{name}-person") for name in ("uwv", "svb"))
    world.renew_trust(extra={"uwv.approve": person.card, "svb.approve": other.card})
    papers = world.approve(manifest)
    papers |= {"uwv": approve(manifest, person, NOW), "svb": approve(manifest, other, NOW)}
    share(world.site, manifest.canonical(), (), NOW)
    receive(world.site, world.project_id, {"uwv": papers["uwv"]}, NOW)
    world.renew_trust()
    with pytest.raises(ApprovalInvalidError) as refused:
        world.site.accept(manifest.canonical(), papers, NOW)
    assert refused.value.facts["name"] == "svb"
    papers["svb"] = approve(manifest, world.home("svb").identity(), NOW)
    world.site.accept(manifest.canonical(), papers, NOW)


def test_what_is_not_shared(world: World, manifest: Manifest) -> None:
    site, canonical = world.site, manifest.canonical()
    with pytest.raises(WrongUseError):
        share(site, canonical, ["vreemd"], NOW)
    with pytest.raises(ManifestAlteredError):
        share(site, canonical + b" ", (), NOW)
    with raises("ProjectUnknownError"):
        receive(site, world.project_id, world.approve(manifest), NOW)
    make_identity("uwv", world.folder / "other" / "keys")
    world.folder.joinpath("uwv").rename(world.folder / "kept")
    world.folder.joinpath("other").rename(world.folder / "uwv")
    with raises("PartyKeyDiffersError"):
        share(site, world.complete(manifest.pseudonyms.key_check).canonical(), (), NOW)
    assert not project(world).log_file.exists()
    shutil.rmtree(project(world).folder / "trust")
    with pytest.raises(RootMissingError):
        share(site, canonical, (), NOW)


def test_papers_that_do_not_hold_or_are_about_something_else_are_not_taken_in(
    world: World, manifest: Manifest
) -> None:
    share(world.site, manifest.canonical(), (), NOW)
    impostor = make_identity("uwv", world.folder / "impostor")
    with pytest.raises(ApprovalInvalidError):
        receive(world.site, world.project_id, {"uwv": approve(manifest, impostor, NOW)}, NOW)
    world.draft["release"]["max_cases"] = 3
    unshared = world.complete(manifest.pseudonyms.key_check)
    with raises("ProjectUnknownError"):
        receive(world.site, world.project_id, world.approve(unshared), NOW)
    mixed = world.approve(manifest) | {"z": world.approve(unshared)["uwv"]}
    with pytest.raises(ApprovalInvalidError):
        receive(world.site, world.project_id, mixed, NOW)
    assert told(world, manifest)["uwv"] == (True, False)


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = World(tmp_path, configs_folder() / "samenloop", tmp_path, utc_now)
    world.draft["project"]["period"] = {"first": "2020-01-01", "last": "2099-12-31"}
    world.make_keys()
    manifest = world.complete(world.make_project_key())
    file, site = tmp_path / "manifest.json", world.site.folder
    file.write_bytes(manifest.canonical())

    def cli(*arguments: object) -> Any:
        capsys.readouterr()
        status = run([str(argument) for argument in (*arguments, "--json")])
        return status, json.loads(capsys.readouterr().out)

    status, shared = cli("manifest", "share", file, "--site", site, "--to", "uwv", "--out", tmp_path / "out")
    assert (status, shared["to"]) == (0, ["uwv"])
    assert (tmp_path / "out" / "uwv" / "manifest.json").read_bytes() == manifest.canonical()
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "uwv.json").write_bytes(world.approve(manifest)["uwv"])
    assert cli("site", "papers", site, world.project_id, tmp_path / "papers")[0] == 0
    status, document = cli("manifest", "status", file, "--site", site)
    assert status == 1
    assert document["shared"].keys() == manifest.controllers.keys()
    assert all(document["shared"]["uwv"].values())
    assert document["shared"]["svb"] == {"given": None, "answered": None}
    capsys.readouterr()
    assert run(["manifest", "status", str(file), "--site", str(site)]) == 1
    assert "svb: gegeven -, getekend terug nog niets" in capsys.readouterr().out
