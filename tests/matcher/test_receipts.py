"""A receipt is the proof that the log has a delivery, accepted or refused; the partner's own tool checks it."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from operation import MONDAY, PROJECT, ROUND, Operation, days, weekly

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.cli.main import run
from lsi_match.log.log_proof import LogProof
from lsi_match.matcher.site.make_receipts import LETTERS
from lsi_match.partner.receipts import Receipt, check_receipt
from lsi_match.transport.endpoints import open_endpoint


def fetched(operation: Operation, partner: str) -> list[Path]:
    operation.fetch(partner)
    return sorted((operation.folder / "mail" / partner).glob("*.receipt.tlog-proof"))


def check(operation: Operation, partner: str, file: Path) -> Receipt:
    return check_receipt(operation.world.home(partner), PROJECT, file, operation.clock())


def test_a_drop_that_came_in_has_a_receipt_for_its_partner_only(operation: Operation) -> None:
    drop = operation.deliver("uwv", ROUND)
    operation.reconcile()
    (file,) = fetched(operation, "uwv")
    found = check(operation, "uwv", file)
    assert (found.drop, found.round, found.refused) == (digest_of_bytes(drop.read_bytes()), ROUND, None)
    assert found.at == operation.clock()
    assert operation.project.entries()[found.position].name == "arrive"
    assert fetched(operation, "svb") == []


def test_a_refused_drop_has_a_receipt_that_says_why(operation: Operation) -> None:
    drop = operation.deliver("uwv", ROUND)
    with open_endpoint(operation.places["uwv"]) as there:
        part = next(drop.parent.glob("*.age"))
        there.give("in", part.name, part.read_bytes()[:-1])
    operation.reconcile()
    (file,) = fetched(operation, "uwv")
    said = check(operation, "uwv", file).refused
    assert said is not None
    assert part.name in said


def test_a_receipt_that_is_not_what_it_says_is_refused(operation: Operation) -> None:
    for partner in ("svb", "uwv"):
        operation.deliver(partner, ROUND)
    operation.reconcile()
    (file,), (others,) = fetched(operation, "uwv"), fetched(operation, "svb")
    sound = file.read_text()
    proof = LogProof.parse(sound)
    stranger = LogProof(
        proof.leaf.replace(b'"lsi.partner":"uwv"', b'"lsi.partner":"svb"'),
        proof.index,
        proof.path,
        proof.checkpoint,
    )
    moved = LogProof(proof.leaf, proof.index - 1, proof.path, proof.checkpoint)
    unsigned = sound.rsplit("\n\n", 1)[0] + "\n\n— a.example AAAAAAAA\n"
    for wrong in (stranger.text(), moved.text(), unsigned, "nothing\n", others.read_text()):
        file.write_text(wrong)
        with pytest.raises(LsiError) as refused:
            check(operation, "uwv", file)
        assert refused.value.reason == "ProofRefusedError"
    renamed = file.with_name(others.name.replace(".svb.", ".uwv."))
    renamed.write_text(others.read_text())  # of another partner, under a name of ours
    with pytest.raises(LsiError) as refused:
        check(operation, "uwv", renamed)
    assert refused.value.reason == "ProofRefusedError"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(LsiError) as refused:
        check(operation, "uwv", file)
    assert refused.value.reason == "ProofRefusedError"


def test_a_receipt_for_a_drop_that_was_not_made_here_is_told(operation: Operation) -> None:
    operation.deliver("uwv", ROUND)
    operation.reconcile()
    (file,) = fetched(operation, "uwv")
    shutil.rmtree(operation.world.home("uwv").project(PROJECT) / "references")
    with pytest.raises(LsiError) as refused:
        check(operation, "uwv", file)
    assert refused.value.reason == "ReceiptOfOthersError"


def test_a_receipt_that_a_stop_prevented_is_made_the_next_time(operation: Operation) -> None:
    operation.deliver("uwv", ROUND)
    operation.reconcile()
    shutil.rmtree(operation.project.folder / "receipts")
    operation.reconcile()
    (file,) = fetched(operation, "uwv")
    assert check(operation, "uwv", file).refused is None


def test_receipts_and_reasons_go_after_their_term(operation: Operation) -> None:
    operation.deliver("svb", ROUND)
    with open_endpoint(operation.places["uwv"]) as there:
        there.give("in", f"proef.{ROUND}.uwv.0000000000000000.drop.json", b'{"no": "drop"}')
    operation.reconcile()
    assert any(".receipt." in name for name in operation.lying("svb", "out"))
    assert any(".refused." in name for name in operation.lying("uwv", "out"))
    operation.clock.to(operation.clock() + LETTERS - days(1))
    operation.reconcile()
    assert any(".receipt." in name for name in operation.lying("svb", "out"))
    assert any(".refused." in name for name in operation.lying("uwv", "out"))
    operation.clock.to(operation.clock() + days(2))
    operation.reconcile()
    for partner in ("svb", "uwv"):
        assert not any(".receipt." in n or ".refused." in n for n in operation.lying(partner, "out"))


def test_the_command_line_of_the_partner_checks_a_folder_of_receipts(
    operation: Operation, capsys: pytest.CaptureFixture[str]
) -> None:
    operation.deliver("uwv", ROUND)
    operation.reconcile()
    fetched(operation, "uwv")
    home, mail = operation.world.home("uwv").folder, operation.folder / "mail" / "uwv"
    status = run(["partner", "receipt", "uwv", str(home), PROJECT, str(mail), "--json"])
    said = json.loads(capsys.readouterr().out)
    assert status == 0
    assert [one["round"] for one in said["receipts"]] == [ROUND]
    assert run(["partner", "receipt", "uwv", str(home), PROJECT, str(operation.folder)]) == 2


def test_a_proof_brings_what_its_receivers_did_not_co_sign_and_all_where_one_never_did(
    tmp_path: Path,
) -> None:
    operation = weekly(tmp_path)
    for week, co_signing in enumerate((operation.partners[1:], operation.partners)):
        operation.clock.to(MONDAY + days(7 * week))
        for look in range(4):  # opened; delivered and co-signed; run; the release and what others co-signed
            assert not operation.reconcile().failed
            for partner in co_signing:
                operation.deliver_all(partner)
            if look == 0 and not week:
                operation.deliver(operation.partners[0], ROUND)
            operation.clock.to(operation.clock() + timedelta(minutes=10))
    mail = operation.folder / "delivering" / "uwv" / "in"
    found = {file: LogProof.parse(file.read_text()).since.first for file in mail.glob("*.tlog-proof")}
    of_releases = {
        file.name.split(".")[1]: first for file, first in found.items() if ".release." in file.name
    }
    assert of_releases == {ROUND: 0, "2026-06-15": 20}
    assert all(first >= 5 for file, first in found.items() if ".receipt." in file.name)
