"""A key's life: a new epoch, a partner that comes or goes, an identity that was lost. Nothing passes but by a manifest."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lsi_match.demo.world import World, configs_folder
from lsi_match.files import destroy, read_bytes, write_whole
from lsi_match.matcher.gates import PartyKeyDiffersError
from lsi_match.matcher.intake import (
    DROP,
    OtherProjectKeyError,
    PartnerNotInManifestError,
    Round,
    check_descriptor,
    receive,
)
from lsi_match.matcher.run import open_round
from lsi_match.matcher.site import PartyRegisteredError
from lsi_match.oversight.verify import verify_log
from lsi_match.partner.home import (
    Home,
    ProjectKeyDiffersError,
    ProjectKeyReusedError,
    make_key_share,
)
from lsi_match.protocol.canonical import digest_of_bytes
from lsi_match.protocol.documents import DropDescriptor
from lsi_match.protocol.manifest import Manifest
from lsi_match.trust.keys import make_identity, public_key
from lsi_match.trust.note import VerifierKey
from lsi_match.trust.project_key import ProjectKey, pseudonym
from lsi_match.trust.sealing import SealBrokenError
from lsi_match.trust.signing import SignatureMissingError, SignedDocumentInvalidError, sign

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
    with pytest.raises(ProjectKeyDiffersError):
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
    with pytest.raises(ProjectKeyReusedError):
        world.home("svb").join(manifest.canonical(), world.approve(manifest), share, NOW)


def test_an_epoch_that_the_share_claims_falsely_is_refused(make_world: Callable[..., World]) -> None:
    world = make_world()
    first = agreed(world)
    key = world.home("uwv").project_key(first)
    recipient = world.cards()["svb"]["encryption_key"]
    renumbered = ProjectKey(key.project, 7, key.secret)
    share = make_key_share(renumbered, world.home("uwv").identity(), "svb", recipient)
    with pytest.raises(ProjectKeyDiffersError):
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
    open_round(world.project, "r1", "2026-09-01", NOW)
    opening, document = world.project.opening("r1")
    round_ = Round(second, opening, digest_of_bytes(document), "")

    def drop(partner: str) -> DropDescriptor:
        return DropDescriptor(
            project=world.project_id, manifest=second.digest, opening=digest_of_bytes(document), round="r1",
            partner=partner, key_check=old_key.check_value, made_at=NOW, span_id="0" * 16, selections={}, parts=(),
        )  # fmt: skip

    file = tmp_path / "a.drop.json"
    write_whole(file, sign(drop(LEAVER), DROP, world.home(LEAVER).identity()))
    with pytest.raises(PartnerNotInManifestError):
        receive(file, LEAVER, round_, NOW)
    # under the name of a partner that stayed, its signature is the wrong one
    write_whole(file, sign(drop("uwv"), DROP, world.home(LEAVER).identity()), replace=True)
    with pytest.raises(SignatureMissingError):
        receive(file, "uwv", round_, NOW)
    # and even if a partner lent it its signature, the old key shows
    with pytest.raises(OtherProjectKeyError):
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


def test_a_lost_identity_is_replaced_openly_and_only_with_a_new_manifest(
    make_world: Callable[..., World],
) -> None:
    world = make_world()
    agreed(world)
    old_card = read_bytes(world.home("uwv").folder / "keys" / "card.json")
    for file in (world.home("uwv").folder / "keys").iterdir():
        destroy(file)
    identity = make_identity("uwv", world.home("uwv").folder / "keys")
    card = read_bytes(world.home("uwv").folder / "keys" / "card.json")

    with pytest.raises(PartyRegisteredError):
        world.site.register(card, "uwv")
    assert world.site.register(old_card, "uwv") == "uwv"
    assert world.site.replace_party(card, "uwv", NOW) == ("uwv", [world.project_id])
    with world.project.journal() as journal:
        entry = journal.entries()[-1]
    assert entry.name == "replace key"
    assert entry.attributes["lsi.party"] == "uwv"
    assert entry.attributes["lsi.old_key"] != entry.attributes["lsi.new_key"]

    # the manifest that runs still names the lost key, which whoever found it could use
    with pytest.raises(PartyKeyDiffersError):
        open_round(world.project, "r1", "2026-09-01", NOW)
    second = new_epoch(world)
    world.agree(second, world.approve(second))
    open_round(world.project, "r1", "2026-09-01", NOW)
    assert second.controllers["uwv"].signing_key == identity.signing_key
    matcher = second.matcher
    assert verify_log(
        world.project.log_file, VerifierKey.of(matcher.domain, public_key(matcher.signing_key))
    ).ok


def test_the_lost_key_cannot_approve_any_more(make_world: Callable[..., World], tmp_path: Path) -> None:
    world = make_world()
    first = agreed(world)
    make_identity("uwv", tmp_path / "new" / "keys")
    world.site.replace_party(read_bytes(tmp_path / "new" / "keys" / "card.json"), "uwv", NOW)
    with pytest.raises(PartyKeyDiffersError):
        world.site.accept(first.canonical(), world.approve(first), NOW)


def test_replacing_registers_who_was_not_there_and_logs_nothing(
    make_world: Callable[..., World], tmp_path: Path
) -> None:
    world = make_world()
    agreed(world)
    make_identity("newcomer", tmp_path / "n")
    assert world.site.replace_party(read_bytes(tmp_path / "n" / "card.json"), "n", NOW) == ("newcomer", [])
    assert world.site.party("newcomer").name == "newcomer"


def test_registering_the_same_card_again_changes_and_logs_nothing(make_world: Callable[..., World]) -> None:
    world = make_world()
    agreed(world)
    card = read_bytes(world.home("svb").folder / "keys" / "card.json")
    assert world.site.replace_party(card, "svb", NOW) == ("svb", [])
    with world.project.journal() as journal:
        assert "replace key" not in {entry.name for entry in journal.entries()}
