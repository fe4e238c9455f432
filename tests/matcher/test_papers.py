"""What was signed about a manifest, at a site: nothing that was taken in is forgotten, and nothing old undoes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from refusals import raises

from lsi_match.agreement.approvals import (
    ApprovalInvalidError,
    acknowledge,
    approve,
    withdraw,
)
from lsi_match.agreement.gates import Gate, evaluate
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.crypto.keys import Identity
from lsi_match.demo.world import World, configs_folder
from lsi_match.manifest import Manifest
from lsi_match.matcher.site.share_manifest import receive, share

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
WHO = "uwv"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("papers")
    made = World(folder, configs_folder() / "samenloop", folder, lambda: NOW)
    made.make_keys()
    return made


class Site:
    """A site of its own for each test, over the keys of one world."""

    def __init__(self, world: World, manifest: Manifest) -> None:
        self.world, self.manifest, self.papers = world, manifest, world.approve(manifest)

    def says(self, *papers: bytes) -> None:
        receive(self.world.site, self.world.project_id, {f"p{i}": p for i, p in enumerate(papers)}, LATER)

    def withdrawal(self, minutes: int) -> bytes:
        return withdraw(
            self.manifest, self.world.home(WHO).identity(), "Toch niet.", NOW + timedelta(minutes=minutes)
        )

    def approval(self, minutes: int) -> bytes:
        return approve(self.manifest, self.world.home(WHO).identity(), NOW + timedelta(minutes=minutes))

    def accept(self) -> None:
        self.world.site.accept(self.manifest.canonical(), self.papers, LATER)

    def holds(self, gate: Gate = Gate.APPROVAL) -> bool:
        found = {v.gate: v.error for v in evaluate(self.manifest, self.world.project.evidence(LATER))}
        return found[gate] is None


@pytest.fixture
def site(made: World) -> Site:
    """Under a manifest of its own, shared and accepted."""
    made.draft["release"]["max_cases"] -= 1
    manifest = made.complete(made.make_project_key())
    share(made.site, manifest.canonical(), (), NOW)
    found = Site(made, manifest)
    found.accept()
    assert found.holds()
    return found


def test_an_old_withdrawal_handed_in_again_undoes_no_newer_one(site: Site) -> None:
    site.says(site.withdrawal(1))
    assert not site.holds()
    site.says(site.approval(2))
    assert site.holds()
    site.says(site.withdrawal(3))
    for old in (site.withdrawal(1), site.approval(2), site.papers[WHO]):
        site.says(old)
        assert not site.holds()


def test_accepting_the_same_manifest_again_undoes_no_withdrawal(site: Site) -> None:
    site.says(site.withdrawal(1))
    with raises("ApprovalWithdrawnError"):
        site.accept()
    assert not site.holds()
    site.says(site.approval(2))
    site.accept()
    assert site.holds()


@pytest.mark.parametrize("stem", [f"{WHO}.withdrawal", "iets"])
def test_a_forged_paper_among_the_good_ones_is_told_and_nothing_is_taken_in(made: World, stem: str) -> None:
    made.draft["release"]["max_cases"] -= 1
    one = Site(made, made.complete(made.make_project_key()))
    other = made.home("svb").identity()
    forged = withdraw(one.manifest, Identity(WHO, other.signing, other.encryption), "Zomaar.", NOW)
    before = made.project.entries() if made.project.log_file.exists() else []
    with pytest.raises(ApprovalInvalidError) as refused:
        made.site.accept(one.manifest.canonical(), {**one.papers, stem: forged}, LATER)
    assert refused.value.facts["name"] == stem.partition(".")[0]
    assert not made.project.has(digest_of_bytes(forged))
    assert not made.project.log_file.exists() or made.project.entries() == before
    one.accept()
    assert one.holds()


def test_a_withdrawal_that_came_before_acceptance_counts(made: World) -> None:
    made.draft["release"]["max_cases"] -= 1
    manifest = made.complete(made.make_project_key())
    share(made.site, manifest.canonical(), (), NOW)
    one = Site(made, manifest)
    one.says(one.withdrawal(1))
    with raises("ApprovalWithdrawnError"):
        one.accept()


def test_a_withdrawal_counts_when_its_file_is_gone(site: Site) -> None:
    site.says(site.withdrawal(1))
    gone = site.world.project.folder / "approvals" / f"{WHO}.withdrawal.json"
    gone.unlink()
    assert not site.holds()


def test_what_was_withdrawn_under_another_version_is_no_obstacle_to_the_next(site: Site, made: World) -> None:
    site.says(site.withdrawal(1))
    made.draft["release"]["max_cases"] -= 1
    following = Site(made, made.complete(made.make_project_key()))
    following.accept()
    assert following.holds()


def test_acknowledgements_of_one_party_that_come_one_by_one_all_count(site: Site) -> None:
    """Also two in one folder, whatever they are called."""
    roles = site.manifest.work_instruction.acknowledged_by
    made = site.world
    made.draft["release"]["max_cases"] -= 1
    site.manifest = made.complete(made.make_project_key())
    papers = made.approve(site.manifest)
    site.papers = {name: paper for name, paper in papers.items() if "acknowledgement" not in name}
    site.accept()
    assert not site.holds(Gate.INSTRUCTION)
    for name in site.manifest.controllers:
        own = made.home(name).identity()
        site.says(*(acknowledge(site.manifest, own, (role,), NOW) for role in roles[:-1]))
        site.says(acknowledge(site.manifest, own, roles[-1:], NOW))
    assert site.holds(Gate.INSTRUCTION)
    site.accept()
    assert site.holds(Gate.INSTRUCTION)
