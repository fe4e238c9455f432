"""A key's life: a new epoch, a partner that comes or goes, an identity that was lost. Nothing passes but by a manifest."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from refusals import raises

from lsi_match.agreement.approvals import ApprovalInvalidError, approve, withdraw
from lsi_match.agreement.trust_root_draft import DAYS
from lsi_match.agreement.trust_root_rules import (
    RootMissingError,
)
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.files import destroy, read_bytes, write_whole
from lsi_match.crypto.keys import Identity, make_identity
from lsi_match.crypto.project_key import ProjectKey, pseudonym
from lsi_match.crypto.sealing import SealBrokenError
from lsi_match.crypto.signing import SignatureMissingError, SignedDocumentInvalidError, sign
from lsi_match.demo.world import World, configs_folder
from lsi_match.log.policy import log_keys
from lsi_match.log.verify import verify_log
from lsi_match.manifest import Manifest
from lsi_match.matcher.engine.intake import (
    Round,
    check_descriptor,
    receive,
)
from lsi_match.matcher.round.open_round import open_round
from lsi_match.partner.home import (
    Home,
    make_key_share,
)
from lsi_match.protocol.documents import DropDescriptor

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
LEAVER = "ind"


def without(draft: dict[str, Any], name: str) -> dict[str, Any]:
    """The draft of a manifest in which `name` no longer takes part."""

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strip(inner) for key, inner in value.items() if key != name}
        return [strip(inner) for inner in value if inner != name] if isinstance(value, list) else value

    stripped: dict[str, Any] = strip(copy.deepcopy(draft))
    stripped["match"]["rule"] = "partners >= 2"
    return stripped


@pytest.fixture
def make_world(tmp_path: Path) -> Callable[..., World]:
    def make(leave_out: str = "") -> World:
        world = World(tmp_path, configs_folder() / "samenloop", tmp_path / "extracts", lambda: NOW)
        world.make_keys()
        if leave_out:
            reshape(world, without(world.draft, leave_out))
        return world

    return make


def reshape(world: World, draft: dict[str, Any]) -> None:
    """Go on with another draft: the next version of the manifest."""
    world.draft = draft
    world.__dict__.update(controllers=list(draft["controllers"]), partners=list(draft["partners"]))


def new_epoch(world: World) -> Manifest:
    """All rotate: a new key, and a manifest that names its check value."""
    world.draft["pseudonyms"]["epoch"] += 1
    return world.complete(world.make_project_key())


def share_of(world: World, name: str) -> bytes:
    return read_bytes(world.folder / "agreement" / f"key-share.{name}.json")


def agreed(world: World) -> Manifest:
    manifest = world.complete(world.make_project_key())
    world.agree(manifest, world.approve(manifest))
    return manifest


# A new epoch.


def test_a_new_epoch_has_another_key_and_other_pseudonyms(make_world: Callable[..., World]) -> None:
    world = make_world()
    first = agreed(world)
    old = world.home("uwv").project_key(first)
    second = new_epoch(world)
    world.agree(second, world.approve(second))
    new = world.home("uwv").project_key(second)
    assert (old.epoch, new.epoch) == (1, 2)
    assert first.pseudonyms.key_check != second.pseudonyms.key_check
    assert pseudonym(old, "123456782", "r1", "bsn") != pseudonym(new, "123456782", "r1", "bsn")


def test_the_old_key_is_refused_under_the_manifest_of_a_new_epoch(make_world: Callable[..., World]) -> None:
    world = make_world()
    agreed(world)
    old_share = share_of(world, "uwv")
    second = new_epoch(world)
    with raises("ProjectKeyDiffersError"):
        world.home("uwv").join(second.canonical(), world.approve(second), old_share, NOW)


def test_the_old_key_under_a_new_number_is_refused(make_world: Callable[..., World]) -> None:
    """A maker that saves itself the trouble gets no further than the first partner that had the old key."""
    world = make_world()
    first = agreed(world)
    lazy = ProjectKey(world.project_id, 2, world.home("uwv").project_key(first).secret)
    world.draft["pseudonyms"]["epoch"] = 2
    manifest = world.complete(lazy.check_value)
    cards = world.cards()
    share = make_key_share(lazy, world.home("uwv").identity(), "svb", cards["svb"]["encryption_key"])
    with raises("ProjectKeyReusedError"):
        world.home("svb").join(manifest.canonical(), world.approve(manifest), share, NOW)


def test_an_epoch_that_the_share_claims_falsely_is_refused(make_world: Callable[..., World]) -> None:
    world = make_world()
    first = agreed(world)
    key = world.home("uwv").project_key(first)
    recipient = world.cards()["svb"]["encryption_key"]
    renumbered = ProjectKey(key.project, 7, key.secret)
    share = make_key_share(renumbered, world.home("uwv").identity(), "svb", recipient)
    with raises("ProjectKeyDiffersError"):
        world.home("svb").join(first.canonical(), world.approve(first), share, NOW)


# A partner that joins.


def test_a_partner_that_joins_gets_the_existing_key_from_another(make_world: Callable[..., World]) -> None:
    world = make_world(leave_out=LEAVER)
    full = World(world.folder, world.config, world.extracts, world.clock)
    first = agreed(world)
    key = world.home("uwv").project_key(first)
    recipient = full.cards()[LEAVER]["encryption_key"]
    share = make_key_share(key, world.home("uwv").identity(), LEAVER, recipient)
    second = full.complete(key.check_value)
    joined = Home(world.folder / LEAVER, LEAVER)
    joined.join(second.canonical(), full.approve(second), share, NOW)
    assert joined.project_key(second).secret == key.secret


def test_a_share_is_for_one_partner_only(make_world: Callable[..., World]) -> None:
    world = make_world()
    manifest = world.complete(world.make_project_key())
    with pytest.raises(SignedDocumentInvalidError):
        world.home("svb").join(
            manifest.canonical(), world.approve(manifest), share_of(world, "gemeente"), NOW
        )
    key = ProjectKey.make(world.project_id, 1)
    wrong = make_key_share(
        key, world.home("uwv").identity(), "svb", world.cards()["gemeente"]["encryption_key"]
    )
    with pytest.raises(SealBrokenError):
        world.home("svb").join(manifest.canonical(), world.approve(manifest), wrong, NOW)


# A partner that leaves.


def test_a_removed_partner_hands_out_no_key_any_more(make_world: Callable[..., World]) -> None:
    world = make_world()
    first = agreed(world)
    key = world.home(LEAVER).project_key(first)
    share = make_key_share(key, world.home(LEAVER).identity(), "uwv", world.cards()["uwv"]["encryption_key"])
    reshape(world, without(world.draft, LEAVER))
    second = world.complete(key.check_value)
    with pytest.raises(SignatureMissingError) as refused:
        world.home("uwv").join(second.canonical(), world.approve(second), share, NOW)
    assert refused.value.facts["party"] == LEAVER


def test_a_removed_partners_drop_is_refused_under_the_new_manifest(
    make_world: Callable[..., World], tmp_path: Path
) -> None:
    world = make_world()
    first = agreed(world)
    old_key = world.home(LEAVER).project_key(first)
    reshape(world, without(world.draft, LEAVER))
    second = new_epoch(world)
    world.agree(second, world.approve(second))
    open_round(world.project, "r1", "2026-10-01", NOW)
    opening, document = world.project.opening("r1")
    round_ = Round(second, opening, digest_of_bytes(document), "")

    def drop(partner: str) -> DropDescriptor:
        return DropDescriptor(
            project=world.project_id, manifest=second.digest, opening=digest_of_bytes(document), round="r1",
            partner=partner, key_check=old_key.check_value, made_at=NOW, span_id="0" * 16, selections={}, parts=(),
        )  # fmt: skip

    file = tmp_path / "a.drop.json"
    write_whole(file, sign(drop(LEAVER), world.home(LEAVER).identity()))
    with raises("PartnerNotInManifestError"):
        receive(file, LEAVER, round_, NOW)
    # under the name of a partner that stayed, its signature is the wrong one
    write_whole(file, sign(drop("uwv"), world.home(LEAVER).identity()), replace=True)
    with pytest.raises(SignatureMissingError):
        receive(file, "uwv", round_, NOW)
    # and even if a partner lent it its signature, the old key shows
    with raises("OtherProjectKeyError"):
        check_descriptor(drop("uwv"), "uwv", file.name, round_, NOW)


def test_without_a_new_epoch_a_removed_partner_could_still_compute_pseudonyms(
    make_world: Callable[..., World],
) -> None:
    """Why removal asks for a new epoch: taking a name off the manifest takes no key out of a head."""
    world = make_world()
    first = agreed(world)
    kept = world.home(LEAVER).project_key(first)
    reshape(world, without(world.draft, LEAVER))
    same_epoch = world.complete(first.pseudonyms.key_check)
    assert kept.check_value == same_epoch.pseudonyms.key_check
    second = new_epoch(world)
    world.agree(second, world.approve(second))
    current = world.home("uwv").project_key(second)
    assert pseudonym(kept, "123456782", "r9", "bsn") != pseudonym(current, "123456782", "r9", "bsn")


# An identity that was lost.


def lose_keys(world: World, name: str) -> Identity:
    """The keys of `name` are gone; it makes new ones."""
    folder = world.home(name).folder / "keys"
    for file in folder.iterdir():
        destroy(file)
    return make_identity(name, folder)


def others(world: World, name: str) -> list[str]:
    return [one for one in world.controllers if one != name]


def test_a_lost_identity_is_replaced_openly_and_only_with_a_new_manifest(
    make_world: Callable[..., World],
) -> None:
    world = make_world()
    first = agreed(world)
    identity = lose_keys(world, "uwv")
    root = world.renew_trust(others(world, "uwv"))
    entry = world.project.entries()[-1]
    assert entry.name == "trust root"
    assert (entry.attributes["lsi.version"], entry.attributes["lsi.root"]) == (2, root.digest)
    assert entry.attributes["lsi.changed"] == "uwv"

    # the manifest that runs still names the lost key, which whoever found it could use
    with raises("PartyKeyDiffersError"):
        open_round(world.project, "r1", "2026-10-01", NOW)
    with raises("PartyKeyDiffersError"):
        world.home("svb").check_trust(first, NOW)
    second = new_epoch(world)
    world.agree(second, world.approve(second))
    open_round(world.project, "r1", "2026-10-01", NOW)
    assert second.controllers["uwv"].signing_key == identity.signing_key
    assert verify_log(world.project.log_file, log_keys(second)).ok


def test_a_lost_key_cannot_approve_any_more(make_world: Callable[..., World]) -> None:
    world = make_world()
    first = agreed(world)
    lost = world.home("uwv").identity()
    lose_keys(world, "uwv")
    world.renew_trust(others(world, "uwv"))
    second = new_epoch(world)
    papers = world.approve(second) | {"uwv": approve(second, lost, NOW)}
    with pytest.raises(ApprovalInvalidError) as refused:
        world.site.accept(second.canonical(), papers, NOW)
    assert refused.value.facts["name"] == "uwv"
    with pytest.raises(ApprovalInvalidError):
        world.home("svb").join(second.canonical(), papers, share_of(world, "svb"), NOW)
    again = approve(first, lost, NOW + timedelta(seconds=1))
    with pytest.raises(ApprovalInvalidError):
        world.project.ingest({"uwv": again}, NOW + timedelta(seconds=2))


def test_an_approval_counts_by_when_it_was_taken_in(make_world: Callable[..., World]) -> None:
    """The key that approves is another one than the key that delivers, and only the first is replaced."""
    world = make_world()
    person, later_person = (make_identity("uwv", world.folder / name) for name in ("person", "later"))
    world.renew_trust(extra={"uwv.approve": person.card})
    manifest = world.complete(world.make_project_key())
    papers = world.approve(manifest) | {"uwv": approve(manifest, person, NOW)}
    world.agree(manifest, papers)
    world.renew_trust(extra={"uwv.approve": later_person.card})

    # what was in the log before the key went still counts, at the site and at every partner
    open_round(world.project, "r1", "2026-10-01", NOW)
    assert world.home("svb").agreed_manifest(world.project_id, NOW) == manifest
    # the same key adds nothing any more: not a withdrawal, not an approval that was dated back
    with pytest.raises(ApprovalInvalidError):
        world.project.ingest({"w": withdraw(manifest, person, "Het kan niet meer.", NOW)}, NOW)
    dated_back = approve(manifest, person, NOW - timedelta(minutes=1))
    with pytest.raises(ApprovalInvalidError):
        world.project.ingest({"uwv": dated_back}, NOW)
    # and the new one withdraws what the old one approved
    world.project.ingest({"w": withdraw(manifest, later_person, "Het kan niet meer.", NOW)}, NOW)
    with raises("ApprovalWithdrawnError"):
        open_round(world.project, "r2", "2026-10-01", NOW)


def test_the_site_refuses_a_trust_root_that_is_not_that_of_its_log(make_world: Callable[..., World]) -> None:
    world = make_world()
    agreed(world)
    lose_keys(world, "uwv")
    world.renew_trust(others(world, "uwv"))
    store = world.project.trust_store.folder
    second = (store / "0002.json").read_bytes()
    (store / "0002.json").unlink()
    with raises("RootRolledBackError"):  # the lost key would count again
        open_round(world.project, "r1", "2026-10-01", NOW)
    (store / "0002.json").write_bytes(second)
    world.renew_trust()
    third = (store / "0003.json").read_bytes()
    (store / "0003.json").unlink()
    assert [root.version for root in world.site.add_roots([third], None, NOW)] == [3]  # as after a crash
    with raises("PartyKeyDiffersError"):
        open_round(world.project, "r1", "2026-10-01", NOW)


def test_a_version_put_beside_the_log_is_refused(make_world: Callable[..., World], tmp_path: Path) -> None:
    world = make_world()
    agreed(world)
    world.renew_trust(taken_in_by=["svb"])
    file = world.home("svb").folder / "projects" / world.project_id / "trust" / "0002.json"
    write_whole(world.project.trust_store.folder / "0002.json", read_bytes(file))
    with raises("RootNotLoggedError"):
        open_round(world.project, "r1", "2026-10-01", NOW)


def test_a_partner_whose_key_the_others_replaced_delivers_nothing(make_world: Callable[..., World]) -> None:
    """More than half of the organisations can put another key in the place of one; it does not go along unseen."""
    world = make_world()
    agreed(world)
    kept = world.folder / "kept"
    (world.home("uwv").folder / "keys").rename(kept)
    make_identity("uwv", world.home("uwv").folder / "keys")
    world.renew_trust(others(world, "uwv"))
    second = new_epoch(world)
    papers = world.approve(second)
    shutil.rmtree(world.home("uwv").folder / "keys")
    kept.rename(world.home("uwv").folder / "keys")
    with raises("OwnKeyDiffersError"):
        world.home("uwv").join(second.canonical(), papers, share_of(world, "uwv"), NOW)


def test_an_expired_trust_root_stops_everything_but_withdrawing(make_world: Callable[..., World]) -> None:
    world = make_world()
    manifest = agreed(world)
    late = NOW + timedelta(days=DAYS)
    with raises("RootExpiredError"):
        open_round(world.project, "r1", "2026-10-01", late)
    with raises("RootExpiredError"):
        world.home("svb").check_trust(manifest, late)
    with raises("RootExpiredError"):
        world.site.accept(manifest.canonical(), world.approve(manifest), late)
    paper = withdraw(manifest, world.home("svb").identity(), "Het kan niet meer.", late)
    assert "svb" in world.project.ingest({"w": paper}, late).withdrawn


def test_a_home_or_site_without_a_trust_root_takes_nothing_in(make_world: Callable[..., World]) -> None:
    world = make_world()
    manifest = world.complete(world.make_project_key())
    papers = world.approve(manifest)
    for place in (world.site.folder, world.home("svb").folder):
        shutil.rmtree(place / "projects")
    with pytest.raises(RootMissingError):
        world.site.accept(manifest.canonical(), papers, NOW)
    with pytest.raises(RootMissingError):
        world.home("svb").join(manifest.canonical(), papers, share_of(world, "svb"), NOW)
