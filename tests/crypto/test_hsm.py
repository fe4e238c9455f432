"""Signing with a key that never leaves an HSM: SoftHSM (Debian: softhsm2) through PKCS #11.

Needs `softhsm2-util` and the extra `hsm` (python-pkcs11); elsewhere these tests are skipped and say so.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from refusals import raises

from lsi_match.agreement.approvals import approve, check_approvals
from lsi_match.agreement.trust_root_draft import compose
from lsi_match.agreement.trust_root_rules import Trust
from lsi_match.base.files import read_bytes
from lsi_match.cli.main import run
from lsi_match.crypto import passphrase
from lsi_match.crypto.external_keys import library_key
from lsi_match.crypto.keys import (
    key_state,
    load_identity,
    make_outside_identity,
    read_public_keys,
)
from lsi_match.crypto.signing import SignatureMissingError, sign, verify
from lsi_match.demo.world import World, configs_folder
from lsi_match.manifest import Manifest, complete_draft
from lsi_match.protocol.documents import Approval, PublicKeys

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
MODULE = next((module for module in MODULES if Path(module).exists()), "")
PIN = "314159"
TOKEN = "lsi"
URI = f"hsm:2?label={TOKEN}"

try:
    import pkcs11
except ImportError:
    pkcs11 = None

needs_hsm = pytest.mark.skipif(
    not (MODULE and shutil.which("softhsm2-util") and pkcs11),
    reason="needs SoftHSM (apt-get install softhsm2) and the extra hsm (pip install 'lsi-match[hsm]')",
)


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A fresh token with one P-256 key, number 2, that cannot be taken out."""
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        patch.setenv("PYKCS11LIB", "")
        command = ["softhsm2-util", "--init-token", "--free", "--label", TOKEN, "--so-pin", PIN, "--pin", PIN]
        subprocess.run(command, check=True, capture_output=True)
        library = pkcs11.lib(MODULE)
        library.reinitialize()
        with library.get_token(token_label=TOKEN).open(user_pin=PIN, rw=True) as session:
            parameters = session.create_domain_parameters(
                pkcs11.KeyType.EC,
                {pkcs11.Attribute.EC_PARAMS: pkcs11.util.ec.encode_named_curve_parameters("secp256r1")},
                local=True,
            )
            parameters.generate_keypair(
                id=b"\x02",
                label="uwv",
                store=True,
                private_template={pkcs11.Attribute.EXTRACTABLE: False, pkcs11.Attribute.SENSITIVE: True},
            )
        yield TOKEN


@pytest.fixture(autouse=True)
def pin_at_hand() -> Iterator[None]:
    passphrase.use(lambda what, new: PIN)
    yield
    passphrase.use(passphrase.refuse)


def approval(controller: str = "uwv") -> Approval:
    digest = "sha256:" + "0" * 64
    return Approval(
        project="wijk", manifest=digest, controller=controller, work_instruction=digest, statement="", text=digest,
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip


@needs_hsm
def test_a_key_in_an_hsm_signs_and_its_card_verifies(token: str, tmp_path: Path) -> None:
    made = make_outside_identity("uwv", tmp_path, URI, MODULE)
    assert made.signing_key.startswith("ecdsa-sha2-nistp256:0")
    card = read_public_keys(read_bytes(tmp_path / "card.json"), "card.json")
    signed = sign(approval(), load_identity("uwv", tmp_path))
    assert verify(signed, Approval, card.signing_key, what="", party="uwv") == approval()


@needs_hsm
def test_the_home_holds_a_reference_and_no_private_signing_key(token: str, tmp_path: Path) -> None:
    make_outside_identity("uwv", tmp_path, URI, MODULE)
    assert {file.name for file in tmp_path.iterdir()} == {"signing.json", "encryption.age", "card.json"}
    state = key_state(tmp_path)
    assert state.signing == URI
    assert b"PRIVATE" not in read_bytes(tmp_path / "signing.json")
    assert PIN.encode() not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


@needs_hsm
def test_another_document_does_not_pass_under_the_signature_of_an_hsm(token: str, tmp_path: Path) -> None:
    identity = make_outside_identity("uwv", tmp_path, URI, MODULE)
    import base64
    import json

    envelope = json.loads(sign(approval(), identity))
    other = json.loads(sign(approval("svb"), identity))
    envelope["payload"] = other["payload"]
    with pytest.raises(SignatureMissingError):
        verify(json.dumps(envelope).encode(), Approval, identity.signing_key, what="", party="uwv")
    assert base64.b64decode(envelope["payload"])


@needs_hsm
def test_a_wrong_pin_signs_nothing(token: str, tmp_path: Path) -> None:
    identity = make_outside_identity("uwv", tmp_path, URI, MODULE)
    passphrase.use(lambda what, new: "000000")
    with raises("OutsideKeyError") as refused:
        sign(approval(), identity)
    assert "000000" not in str(refused.value)
    passphrase.use(passphrase.refuse)
    with raises("PassphraseMissingError"):
        sign(approval(), identity)


@needs_hsm
def test_a_key_that_is_not_there_says_so(token: str, tmp_path: Path) -> None:
    for uri in ("hsm:9?label=lsi", "hsm:2?label=other"):
        with raises("OutsideKeyError"):
            make_outside_identity("uwv", tmp_path, uri, MODULE)
    assert not (tmp_path / "card.json").exists()


@needs_hsm
def test_a_manifest_is_approved_with_a_key_in_an_hsm(token: str, tmp_path: Path) -> None:
    """The whole way: `keys make --signer`, a manifest that names the key, an approval that counts."""
    now = datetime.now(UTC).replace(microsecond=0)
    world = World(tmp_path, configs_folder() / "samenloop", tmp_path, lambda: now)
    world.make_keys()
    first = world.controllers[0]
    home = tmp_path / "hsm"
    assert (
        run(["keys", "make", first, str(home), "--signer", URI, "--module", MODULE, *pin_on_descriptor()])
        == 0
    )
    identity = load_identity(first, home / "keys")
    cards = world.cards() | {first: identity.card}
    manifest = Manifest.model_validate(complete_draft(world.draft, cards, "0" * 32))
    approvals = {name: approve(manifest, world.home(name).identity(), now) for name in world.controllers[1:]}
    passphrase.use(lambda what, new: PIN)
    approvals[first] = approve(manifest, identity, now)
    parties = {name: (name, f"{i:020d}") for i, name in enumerate(cards)}
    models = {name: PublicKeys.model_validate(card) for name, card in cards.items()}
    root = compose(world.project_id, parties, models, now)
    assert check_approvals(manifest, approvals, now, Trust((root,))).keys() == manifest.controllers.keys()


def pin_on_descriptor() -> list[str]:
    import os

    reader, writer = os.pipe()
    os.write(writer, f"{PIN}\n".encode())
    os.close(writer)
    return ["--passphrase-fd", str(reader)]


@needs_hsm
def test_the_log_is_not_signed_by_an_hsm_but_by_the_key_for_it(token: str, tmp_path: Path) -> None:
    made = make_outside_identity("matcher", tmp_path, URI, MODULE)
    with raises("LogKeyOutsideError"):
        made.note_key(set())
    named = bytes.fromhex(made.card["log_key"])
    assert made.note_key({named}).public_key().public_bytes_raw() == named


# What needs no device.


@pytest.mark.parametrize("uri", ["file:key.pem", "awskms:1", "/home/key", ""])
def test_other_references_are_refused(tmp_path: Path, uri: str) -> None:
    with raises("OutsideKeyUnknownError"):
        make_outside_identity("uwv", tmp_path, uri, "")


def test_a_vault_without_its_software_says_so(tmp_path: Path) -> None:
    with raises("OutsideKeyError"):
        make_outside_identity("uwv", tmp_path, "hv:lsi", "")


@pytest.mark.parametrize(
    "key",
    [
        "ecdsa-sha2-nistp256:" + "02" + "ff" * 32,
        "ecdsa-sha2-nistp256:" + "04" + "11" * 64,
        "ecdsa-sha2-nistp521:" + "02" + "11" * 66,
        "rsa:" + "00" * 32,
        "ab" * 31,
    ],
)
def test_a_card_with_no_real_key_is_refused(key: str) -> None:
    text = f'{{"name":"uwv","signing_key":"{key}","encryption_key":"age1{"q" * 58}"}}'
    with raises("CardUnreadableError"):
        read_public_keys(text.encode(), "card.json")
    with pytest.raises(ValueError):
        library_key(key)


def test_a_damaged_reference_is_refused(tmp_path: Path) -> None:
    from lsi_match.crypto.keys import make_identity

    make_identity("uwv", tmp_path)
    (tmp_path / "signing.json").write_bytes(b"{}")
    (tmp_path / "signing.json").chmod(0o600)
    with raises("KeyUnreadableError"):
        load_identity("uwv", tmp_path)


def test_the_matcher_has_an_ed25519_key() -> None:
    field = Manifest.model_fields["matcher"].annotation
    assert field is not None
    pattern = str(field.model_json_schema()["properties"]["signing_key"]["pattern"])
    assert pattern == "^[0-9a-f]{64}$"
