"""What was signed about a manifest: approvals, withdrawals, acknowledgements, in any order and under any name."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from handmade import NOW, PARTNERS
from parties import Parties
from refusals import raises

from lsi_match.agreement.approvals import (
    STATEMENT,
    ApprovalInvalidError,
    acknowledge,
    approve,
    check_approvals,
    paper_name,
    read_agreement,
    withdraw,
)
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.crypto.signing import SignedDocumentInvalidError, sign
from lsi_match.protocol.documents import Approval

LATER = NOW + timedelta(days=1)
SOON = NOW + timedelta(minutes=5)
END = NOW + timedelta(days=2)


@pytest.fixture
def world(tmp_path: Path) -> Parties:
    return Parties(tmp_path)


def withdrawal(world: Parties, name: str = "uwv") -> bytes:
    return withdraw(world.manifest, world.identities[name], "Het doel is veranderd.", SOON)


def test_the_name_of_a_file_says_nothing(world: Parties) -> None:
    renamed = {f"file{i}": data for i, data in enumerate(world.approvals.values())}
    assert check_approvals(world.manifest, renamed, NOW, world.trust).keys() == set(PARTNERS)
    assert {paper_name(data) for data in renamed.values()} == set(PARTNERS)
    assert paper_name(withdrawal(world)) == "uwv.withdrawal"
    with pytest.raises(SignedDocumentInvalidError):
        paper_name(b"{}")


def test_an_approval_counts_until_it_is_withdrawn(world: Parties) -> None:
    papers = {**world.approvals, "x": withdrawal(world)}
    with raises("ApprovalWithdrawnError") as refused:
        check_approvals(world.manifest, papers, LATER, world.trust)
    assert refused.value.facts == {"name": "uwv", "date": str(SOON.date())}
    assert (
        read_agreement(world.manifest, papers, LATER, world.trust).withdrawn["uwv"].reason
        == "Het doel is veranderd."
    )


def test_approving_again_after_a_withdrawal_counts_and_the_old_withdrawal_cannot_be_replayed(
    world: Parties,
) -> None:
    again = approve(world.manifest, world.identities["uwv"], LATER)
    papers = {**world.approvals, "again": again, "w": withdrawal(world)}
    assert check_approvals(world.manifest, papers, END, world.trust)["uwv"].at == LATER
    # The old approval alone does not come back to life.
    with raises("ApprovalWithdrawnError"):
        check_approvals(world.manifest, {**world.approvals, "w": withdrawal(world)}, END, world.trust)


def test_nobody_can_withdraw_for_another(world: Parties) -> None:
    own = withdrawal(world, "svb")
    forged = world.identities["svb"]
    other = type(forged)("uwv", forged.signing, forged.encryption)
    papers = {**world.approvals, "w": withdraw(world.manifest, other, "Zomaar.", SOON)}
    assert check_approvals(world.manifest, papers, LATER, world.trust).keys() == set(PARTNERS)
    with raises("ApprovalWithdrawnError"):
        check_approvals(world.manifest, {**papers, "own": own}, LATER, world.trust)


def test_a_withdrawal_dated_in_the_future_does_not_count_yet(world: Parties) -> None:
    papers = {**world.approvals, "w": withdrawal(world)}
    assert "uwv" in check_approvals(world.manifest, papers, NOW, world.trust)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff\xfe", b'{"payload": 3}'])
def test_a_file_that_is_no_paper_takes_the_place_of_nothing(world: Parties, data: bytes) -> None:
    rest = {name: paper for name, paper in world.approvals.items() if name != "uwv"}
    with pytest.raises(ApprovalInvalidError) as refused:
        check_approvals(world.manifest, {**rest, "uwv": data}, NOW, world.trust)
    assert refused.value.facts["name"] == "uwv"
    assert check_approvals(world.manifest, {**world.approvals, "uwv.junk": data}, NOW, world.trust)


def test_an_acknowledgement_is_no_approval(world: Parties) -> None:
    rest = {name: paper for name, paper in world.approvals.items() if name != "uwv"}
    read = acknowledge(world.manifest, world.identities["uwv"], ("datasteward",), NOW)
    with raises("ApprovalsMissingError"):
        check_approvals(world.manifest, {**rest, "uwv": read}, NOW, world.trust)
    assert read_agreement(world.manifest, {"a": read}, NOW, world.trust).roles == {"uwv": ("datasteward",)}


def test_roles_of_several_acknowledgements_of_one_party_add_up(world: Parties) -> None:
    papers = {
        role: acknowledge(world.manifest, world.identities["uwv"], (role, "fg"), NOW)
        for role in ("datasteward", "beheerder")
    }
    assert read_agreement(world.manifest, papers, NOW, world.trust).roles == {
        "uwv": ("beheerder", "fg", "datasteward")
    }


def test_why_a_paper_does_not_hold_is_told_in_both_languages(world: Parties) -> None:
    """Of another manifest, another work instruction, and the future."""
    uwv = world.identities["uwv"]
    other = world.manifest.model_copy(
        update={"match": world.manifest.match.model_copy(update={"rationale": "Anders."})}
    )
    read = world.manifest.work_instruction.model_copy(update={"digest": "sha256:" + "7" * 64})
    about = Approval(
        project="proef", manifest=world.manifest.digest, controller="uwv", work_instruction=read.digest,
        statement=STATEMENT, text=digest_of_bytes(b""), at=NOW,
    )  # fmt: skip
    for paper, nl, en in (
        (approve(other, uwv, NOW), "een ander manifest", "another manifest"),
        (sign(about, uwv), "een andere werkinstructie", "another work instruction"),
        (approve(world.manifest, uwv, END), "moet nog komen", "in the future"),
    ):
        with pytest.raises(ApprovalInvalidError) as refused:
            check_approvals(world.manifest, {**world.approvals, "uwv": paper}, NOW, world.trust)
        assert nl in refused.value.text("nl")
        assert en in refused.value.text("en")
        assert en not in refused.value.text("nl")
