"""What signs the log signs nothing else: checkpoints and cosignatures have a key of their own, and a project from before gets one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from operation import MONDAY, PARTNERS, PROJECT, Operation, days, weekly
from refusals import raises

from lsi_match.cli import main
from lsi_match.crypto.keys import CARD, Identity, load_identity, public_hex
from lsi_match.log.note import COSIGNATURE, SignedNote, VerifierKey
from lsi_match.log.policy import log_keys, policy_of
from lsi_match.log.store import Log
from lsi_match.log.verify import verify_log
from lsi_match.matcher.operate.alarms import alarms
from lsi_match.matcher.site.checkpoint import cosigned
from lsi_match.matcher.site.take_cosignatures import add_cosignatures
from lsi_match.partner.cosign import cosign_log

pytestmark = pytest.mark.slow


def keys_that_signed(op: Operation) -> list[str]:
    """Of each checkpoint, which key of the site signed it: `papers` or `log`."""
    identity, domain = op.world.site.identity(), op.project.manifest().matcher.domain
    names = (domain, f"{domain}/{PROJECT}")
    ids = {
        VerifierKey.of(name, key).key_id: what
        for name in names
        for what, key in (("papers", identity.signing), ("log", identity.log_key))
        if isinstance(key, Ed25519PrivateKey)
    }
    with Log.open(op.project.log_file, read_only=True) as log:
        return [ids[SignedNote.parse(note).signatures[0].key_id] for note in log.checkpoints()]


def all_cosign(op: Operation) -> list[str]:
    """Every controller co-signs the log as it is; with which of its keys."""
    found = []
    for name in PARTNERS:
        identity = op.world.home(name).identity()
        (*_, made) = cosign_log(op.world.home(name), op.project.log_file, PROJECT, op.clock())
        assert add_cosignatures(op.project, made.note.encode(), op.clock()) == [name]
        note = SignedNote.parse(made.note)
        found += [
            what
            for what, key in (("papers", identity.signing), ("log", identity.log_key))
            if isinstance(key, Ed25519PrivateKey) and note.of_key(VerifierKey.of(name, key, COSIGNATURE))
        ]
    return found


def run(op: Operation, week: int) -> str:
    """The round of a week, from opening to release."""
    at = MONDAY + days(7 * week)
    op.clock.to(at)
    assert not op.reconcile().failed
    name = at.date().isoformat()
    for partner in PARTNERS:
        op.deliver(partner, name)
    assert not op.reconcile().failed
    return name


def test_papers_and_notes_of_a_party_have_keys_of_their_own(operation: Operation) -> None:
    identity = operation.world.site.identity()
    manifest = operation.project.manifest()
    assert manifest.matcher.signing_key == identity.signing_key
    assert manifest.matcher.log_key == public_hex(identity.log_key.public_key()) != identity.signing_key
    run(operation, 0)
    assert set(keys_that_signed(operation)) == {"log"}
    assert all_cosign(operation) == ["log"] * 3
    # The key for papers counts for nothing in the log, nor that of another use elsewhere.
    policy = policy_of(manifest, operation.project.trust(operation.clock()).current)
    assert {one.public_key.hex() for one in policy.logs} == {manifest.matcher.log_key}
    for name in PARTNERS:
        party = operation.project.trust(operation.clock()).current.organisations[name]
        assert not {*party.keys_for("log")} & {*party.keys_for("deliver"), *party.keys_for("approve")}


def test_a_project_of_before_gets_a_key_for_the_log_and_what_was_signed_stays_verifiable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Identity.card
    with monkeypatch.context() as before:
        lacking = property(lambda self: {k: v for k, v in whole.fget(self).items() if k != "log_key"})  # type: ignore[attr-defined]
        before.setattr(Identity, "card", lacking)
        op = weekly(tmp_path)
    assert op.project.manifest().matcher.log_key is None
    run(op, 0)
    assert all_cosign(op) == ["papers"] * 3
    # Everybody writes its card anew; next come the trust root and the manifest, as for any new key.
    for name, folder in [
        *((n, op.world.home(n).folder) for n in PARTNERS),
        ("matcher", op.world.site.folder),
    ]:
        assert main.run(["keys", "card", name, str(folder)]) == 0
        assert json.loads((folder / "keys" / CARD).read_text()) == load_identity(name, folder / "keys").card
    op.world.renew_trust()
    # In between the manifest of before runs no round: its keys are not those of the trust root any more.
    op.clock.to(MONDAY + days(7))
    assert op.reconcile().failed
    assert "opening" in {one.name for one in alarms(op.project, op.clock())}
    assert set(keys_that_signed(op)) == {"papers"}
    old = op.project.manifest()
    manifest = op.world.complete(old.pseudonyms.key_check)
    op.world.agree(manifest, op.world.approve(manifest))
    name = run(op, 1)
    assert op.state(name) == "destroyed"
    assert op.cases("uwv", name) == 4
    signed = keys_that_signed(op)
    assert signed == sorted(signed, reverse=True), (
        "first all with the key for papers, then all with that for the log"
    )
    assert set(signed) == {"papers", "log"}
    assert all_cosign(op) == ["log"] * 3
    assert set(cosigned(op.project, op.clock())) == {*PARTNERS}
    roots = op.project.trust(op.clock()).roots
    for keys in (log_keys(manifest, roots), log_keys(manifest)):
        assert verify_log(op.project.log_file, keys).ok
    # And now the key for papers signs no checkpoint any more.
    with Log.open(op.project.log_file) as log:
        entry = next(iter(log.entries(log.size - 1)))[1].model_copy(update={"details_hash": None})
        signing = op.world.site.identity().signing
        log.append_and_sign([(entry, None)], signing, manifest.matcher.domain)  # type: ignore[arg-type]
    assert "CheckpointReplacedKeyError" in {
        one.reason for one in verify_log(op.project.log_file, log_keys(manifest, roots)).problems
    }


def test_trust_root_and_manifest_name_the_same_key_for_the_log(operation: Operation) -> None:
    manifest, root = operation.project.manifest(), operation.project.trust(operation.clock()).current
    trust = operation.project.trust(operation.clock())
    trust.check(manifest, operation.clock())
    another = public_hex(Ed25519PrivateKey.generate().public_key())
    for changed in (None, another):
        matcher = manifest.matcher.model_copy(update={"log_key": changed})
        with raises("PartyKeyDiffersError"):
            trust.check(manifest.model_copy(update={"matcher": matcher}), operation.clock())
    assert root.organisations["matcher"].keys_for("log") == (manifest.matcher.log_key,)
