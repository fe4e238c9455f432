"""Whoever wants an approval counted that should not be: each way that was tried, and that uwv still has not approved."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from handmade import EARLIER, NOW, PARTNERS
from homes import Homes
from refusals import raises

from lsi_match.agreement.approvals import (
    ApprovalInvalidError,
    approve,
    check_approvals,
    read_agreement,
    withdraw,
)
from lsi_match.agreement.trust_root_draft import compose
from lsi_match.agreement.trust_root_rules import FirstSeen, Trust, sign_root
from lsi_match.base.canonical import canonical_json, digest_of_bytes
from lsi_match.base.clock import utc_now
from lsi_match.base.errors import LsiError
from lsi_match.cli.main import run
from lsi_match.crypto.keys import Identity, make_identity
from lsi_match.crypto.signing import peek, sign
from lsi_match.protocol.documents import Approval, PublicKeys

MINUTE = timedelta(minutes=1)


@pytest.fixture
def world(tmp_path: Path) -> Homes:
    return Homes(tmp_path)


class Disguised(Approval):
    """An approval that goes in the envelope of a withdrawal."""

    format: str = "lsi-match/withdrawal/v1"  # type: ignore[assignment]


def plain(paper: bytes) -> dict[str, Any]:
    """What an approval says."""
    return peek(paper, Approval, what="approval", party="uwv").model_dump()


def resigned(world: Homes, by: str, **changes: Any) -> bytes:
    """The approval of uwv with other words in it, signed by `by`."""
    return sign(Approval(**plain(world.approvals["uwv"]) | changes), world.identities[by])


def envelope(paper: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The file with something else in its envelope, written as such files are."""
    value = json.loads(paper)
    change(value)
    return canonical_json(value) + b"\n"


def other_words(value: dict[str, Any]) -> None:
    said = json.loads(base64.b64decode(value["payload"])) | {
        "statement": "Wij nemen nergens verantwoordelijkheid voor."
    }
    value["payload"] = base64.b64encode(canonical_json(said)).decode()


def second_key_id(value: dict[str, Any]) -> None:
    value["signatures"].append(value["signatures"][0] | {"keyid": "0" * 64})


FORGED: dict[str, Callable[[Homes], bytes]] = {
    "signed by another controller": lambda w: resigned(w, "svb"),
    "signed by the matching environment": lambda w: resigned(w, "matcher"),
    "the approval of another controller under its name": lambda w: w.approvals["svb"],
    "its own, of another manifest": lambda w: resigned(w, "uwv", manifest="sha256:" + "1" * 64),
    "its own, of another project": lambda w: resigned(w, "uwv", project="ander"),
    "its own, of another work instruction": lambda w: resigned(w, "uwv", work_instruction="sha256:" + "1" * 64),
    "its own, of tomorrow": lambda w: resigned(w, "uwv", at=NOW + timedelta(days=1)),
    "its own, for less than the others sign for": lambda w: resigned(w, "uwv", statement="Wij hebben dit gezien."),
    "its own, for nothing": lambda w: resigned(w, "uwv", statement=""),
    "its own, with other words put in": lambda w: envelope(w.approvals["uwv"], other_words),
    "its own, under another key id": lambda w: envelope(w.approvals["uwv"], lambda v: v["signatures"][0].update(keyid="0" * 64)),
    "its own, under two key ids": lambda w: envelope(w.approvals["uwv"], second_key_id),
    "its own, with the signature of another beside it": lambda w: envelope(
        w.approvals["uwv"], lambda v: v["signatures"].extend(json.loads(w.approvals["svb"])["signatures"])
    ),
    "its own, without a signature": lambda w: envelope(w.approvals["uwv"], lambda v: v.update(signatures=[])),
    "its own, as a withdrawal": lambda w: withdraw(w.manifest, w.identities["uwv"], "Toch niet.", NOW),
    "its own, in an envelope of another kind": lambda w: sign(
        Disguised(**plain(w.approvals["uwv"])), w.identities["uwv"]
    ),
}  # fmt: skip


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_a_forged_approval_does_not_count(world: Homes, forge: Callable[[Homes], bytes]) -> None:
    papers = {**world.approvals, "uwv": forge(world)}
    assert "uwv" not in read_agreement(world.manifest, papers, NOW, world.trust).approvals
    many = {**papers, **{f"uwv.{i}": papers["uwv"] for i in range(5)}}  # often is not more
    assert "uwv" not in read_agreement(world.manifest, many, NOW, world.trust).approvals


def renewed(world: Homes, **cards: Identity) -> Trust:
    """A second version of the trust root, with these cards beside or in place of the usual ones."""
    parties = {name: (one.title, one.oin) for name, one in world.root.organisations.items()}
    every = {name: PublicKeys.model_validate(one.card) for name, one in {**world.identities, **cards}.items()}
    return Trust(
        (world.root, compose(world.root.project, parties, every, EARLIER + MINUTE, previous=world.root))
    )


def test_a_replaced_key_approves_nothing_that_was_not_seen_before(world: Homes) -> None:
    """Whatever date it writes; and a version of before does not come back because a paper is old."""
    person = make_identity("uwv", world.folder / "person")
    trust = renewed(world, **{"uwv.approve": person})
    for at in (EARLIER, EARLIER + MINUTE, NOW):
        old = approve(world.manifest, world.identities["uwv"], at)
        assert (
            "uwv" not in read_agreement(world.manifest, {**world.approvals, "uwv": old}, NOW, trust).approvals
        )
    seen = replace(trust, seen={digest_of_bytes(world.approvals["uwv"]): FirstSeen(1, EARLIER)})
    assert "uwv" in read_agreement(world.manifest, world.approvals, NOW, seen).approvals
    new = approve(world.manifest, person, NOW)
    assert "uwv" in read_agreement(world.manifest, {**world.approvals, "uwv": new}, NOW, trust).approvals


def test_a_key_for_something_else_approves_nothing(world: Homes) -> None:
    """uwv delivers with one key and approves with another: neither does the work of the other."""
    person, other = (make_identity(name, world.folder / f"{name}-person") for name in ("uwv", "svb"))
    trust = renewed(world, **{"uwv.deliver": person, "svb.root": other})
    for name, key in (("uwv", person), ("svb", other)):
        forged = approve(world.manifest, key, NOW)
        assert (
            name
            not in read_agreement(world.manifest, {**world.approvals, name: forged}, NOW, trust).approvals
        )
    assert read_agreement(world.manifest, world.approvals, NOW, trust).approvals.keys() == set(PARTNERS)


def test_a_party_that_the_manifest_does_not_name_approves_nothing(world: Homes) -> None:
    stranger = make_identity("duo", world.folder / "duo")
    papers = {**world.approvals, "duo": approve(world.manifest, stranger, NOW)}
    assert check_approvals(world.manifest, papers, NOW, world.trust).keys() == set(PARTNERS)


# At a partner, over time.


@pytest.fixture
def joined(world: Homes) -> Homes:
    world.join()
    return world


def uwv_says(world: Homes, *papers: bytes) -> None:
    world.home("svb").ingest({f"p{i}": paper for i, paper in enumerate(papers)}, "proef", NOW + 9 * MINUTE)


def at_svb(world: Homes) -> bool:
    """Whether svb takes the manifest for approved by all."""
    try:
        world.home("svb").agreed_manifest("proef", NOW + 9 * MINUTE)
    except LsiError as error:
        if error.reason != "ApprovalWithdrawnError":
            raise
        return False
    return True


def test_an_old_withdrawal_handed_in_again_undoes_no_newer_one(joined: Homes) -> None:
    uwv, agreed = joined.identities["uwv"], joined.manifest
    first, last = (withdraw(agreed, uwv, "Toch niet.", NOW + i * MINUTE) for i in (1, 3))
    uwv_says(joined, first)
    assert not at_svb(joined)
    uwv_says(joined, approve(agreed, uwv, NOW + 2 * MINUTE))
    assert at_svb(joined)
    uwv_says(joined, last)
    for paper in (first, joined.approvals["uwv"], approve(agreed, uwv, NOW + 2 * MINUTE)):
        uwv_says(joined, paper)
        assert not at_svb(joined)


def test_joining_again_with_the_old_approvals_undoes_no_withdrawal(joined: Homes) -> None:
    uwv_says(joined, withdraw(joined.manifest, joined.identities["uwv"], "Toch niet.", NOW + MINUTE))
    with raises("ApprovalWithdrawnError"):
        joined.home("svb").join(
            joined.manifest.canonical(), joined.approvals, joined.share("svb"), NOW + 9 * MINUTE
        )
    assert not at_svb(joined)
    uwv_says(joined, approve(joined.manifest, joined.identities["uwv"], NOW + 2 * MINUTE))
    joined.home("svb").join(
        joined.manifest.canonical(), joined.approvals, joined.share("svb"), NOW + 9 * MINUTE
    )
    assert at_svb(joined)


def test_a_partner_takes_in_nothing_that_does_not_hold(joined: Homes) -> None:
    forged = joined.identities["svb"]
    other = type(forged)("uwv", forged.signing, forged.encryption)
    with pytest.raises(ApprovalInvalidError):
        uwv_says(joined, withdraw(joined.manifest, other, "Zomaar.", NOW + MINUTE))
    with raises("NotJoinedError"):
        joined.home("svb").ingest({}, "ander", NOW)
    assert at_svb(joined)


def test_who_joins_keeps_no_forged_paper_beside_the_good_ones(world: Homes) -> None:
    world.pin()
    forged = type(world.identities["svb"])(
        "uwv", world.identities["svb"].signing, world.identities["svb"].encryption
    )
    mixed = {**world.approvals, "uwv.withdrawal": withdraw(world.manifest, forged, "Zomaar.", NOW)}
    svb = world.home("svb")
    with pytest.raises(ApprovalInvalidError):
        svb.join(world.manifest.canonical(), mixed, world.share("svb"), NOW)
    assert not (svb.project("proef") / "approvals").exists()


def test_an_older_trust_root_put_back_is_seen_by_what_came_in_under_the_newer_one(joined: Homes) -> None:
    """svb took in a paper under version 2; somebody takes version 2 away again, so that a replaced key counts."""
    svb = joined.home("svb")
    person = make_identity("uwv", joined.folder / "person")
    trust = renewed(joined, **{"uwv.approve": person})
    svb.add_roots([sign_root(trust.current, joined.identities[name]) for name in PARTNERS], None, NOW)
    uwv_says(joined, approve(joined.manifest, person, NOW + MINUTE))
    assert at_svb(joined)
    (svb.project("proef") / "trust" / "0002.json").unlink()
    with raises("RootRolledBackError"):
        at_svb(joined)


def test_the_command_of_a_partner_takes_in_a_withdrawal(
    joined: Homes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "post").mkdir()
    paper = withdraw(joined.manifest, joined.identities["uwv"], "Toch niet.", utc_now() - MINUTE)
    (tmp_path / "post" / "x.json").write_bytes(paper)
    arguments = ["partner", "papers", "svb", str(joined.folder / "svb"), "proef", str(tmp_path / "post")]
    assert run(arguments) == 0
    assert "Ingetrokken: uwv" in capsys.readouterr().out
    shutil.rmtree(joined.folder / "svb" / "projects")
    assert run(arguments) == 1
    assert "doet hier niet mee aan proef" in capsys.readouterr().err
