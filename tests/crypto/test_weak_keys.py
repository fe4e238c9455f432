"""Public keys that fit signatures nobody made: that they do, and that no door lets one in."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from handmade import document
from parties import Parties
from refusals import raises

from lsi_match.cli.main import run
from lsi_match.crypto.external_keys import read_reference
from lsi_match.crypto.keys import read_public_keys
from lsi_match.log.note import COSIGNATURE, ED25519, VerifierKey
from lsi_match.log.policy import Policy
from lsi_match.manifest import Manifest
from lsi_match.manifest.signing_key import check_ed25519
from lsi_match.protocol.trust_root import TrustRoot

AUDIT = Path(__file__).parents[2] / "audit" / "check_log.py"
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]


def added(a: Point, b: Point) -> Point:
    """The sum of two points (RFC 8032, 5.1.4, in plain coordinates)."""
    product = D * a[0] * b[0] * a[1] * b[1] % P
    x = (a[0] * b[1] + a[1] * b[0]) * pow(1 + product, -1, P)
    return x % P, (a[1] * b[1] + a[0] * b[0]) * pow(1 - product, -1, P) % P


def times(n: int, point: Point) -> Point:
    found: Point = (0, 1)
    for bit in bin(n)[2:]:
        found = added(found, found)
        if bit == "1":
            found = added(found, point)
    return found


def x_of(y: int) -> int | None:
    """An x for which (x, y) is on the curve; None when there is none (RFC 8032, 5.1.3)."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    for found in (x, x * pow(2, (P - 1) // 4, P) % P):
        if found * found % P == square:
            return found
    return None


def small_order() -> set[Point]:
    """Every point of small order, found and not looked up: of any point, L times itself; and what these add up to."""
    found: set[Point] = {(0, 1)}
    y = 2
    while len(found) < 8:
        if (x := x_of(y)) is not None:
            found |= {added(times(L, (x, y)), known) for known in found}
        y += 1
    return found


def forms(point: Point) -> list[bytes]:
    """Every way to write a point down: y, or y + p where it fits, and either sign where x is zero."""
    signs = (0, 1) if point[0] == 0 else (point[0] % 2,)
    ys = (point[1], *([point[1] + P] if point[1] + P < 2**255 else []))
    return [(y | sign << 255).to_bytes(32, "little") for y in ys for sign in signs]


WEAK = [form for point in sorted(small_order()) for form in forms(point)]


def test_there_are_eight_points_and_fourteen_ways_to_write_them() -> None:
    assert len(small_order()) == 8
    assert all(times(8, point) == (0, 1) for point in small_order())
    assert len({*WEAK}) == 14


def test_such_a_key_fits_a_signature_that_nobody_made() -> None:
    """The attack itself, against the library that verifies here: R is a multiple of the key and S is zero, no secret needed."""
    fooled = 0
    for public in WEAK:
        for r in WEAK:
            try:
                Ed25519PublicKey.from_public_bytes(public).verify(r + bytes(32), b"uwv approves")
            except InvalidSignature:
                continue
            fooled += 1
    assert fooled


@pytest.mark.parametrize("public", WEAK, ids=bytes.hex)
def test_it_is_refused(public: bytes) -> None:
    with raises("SigningKeyWeakError") as refused:
        check_ed25519(public)
    assert public.hex() in refused.value.text("nl")
    assert public.hex() in refused.value.text("en")


def test_so_is_every_second_form_of_a_key() -> None:
    for y in range(19):
        for sign in (0, 1):
            with raises("SigningKeyWeakError"):
                check_ed25519((y + P | sign << 255).to_bytes(32, "little"))


def test_no_key_that_was_made_is_refused() -> None:
    for seed in range(100):
        check_ed25519(
            Ed25519PrivateKey.from_private_bytes(bytes([seed] * 32)).public_key().public_bytes_raw()
        )


RECIPIENT = str(pyrage.x25519.Identity.generate().to_public())


def card(key: str) -> bytes:
    return json.dumps({"name": "uwv", "signing_key": key, "encryption_key": RECIPIENT}).encode()


def in_a_manifest(key: str) -> object:
    value = document()
    value["controllers"]["uwv"]["signing_key"] = key
    return Manifest.model_validate(value)


def in_the_place_of_the_matcher(key: str) -> object:
    value = document()
    value["matcher"]["signing_key"] = key
    return Manifest.model_validate(value)


def vkey(key: str, algorithm: int) -> str:
    """As whoever wants it in would write it: with the right id."""
    raw = bytes([algorithm]) + bytes.fromhex(key)
    key_id = hashlib.sha256(b"uwv\n" + raw).hexdigest()[:8]
    return f"uwv+{key_id}+{base64.b64encode(raw).decode()}"


DOORS: dict[str, Callable[[str], object]] = {
    "a card": lambda key: read_public_keys(card(key), "uwv.json"),
    "the keys of a controller in a manifest": in_a_manifest,
    "the key of the matching environment in a manifest": in_the_place_of_the_matcher,
    "a reference to a key in an HSM": lambda key: read_reference(
        json.dumps({"uri": "hsm:2?label=x", "signing_key": key}).encode()
    ),
    "a key that signs a log": lambda key: VerifierKey("uwv", bytes.fromhex(key), ED25519),
    "a key that co-signs": lambda key: VerifierKey("uwv", bytes.fromhex(key), COSIGNATURE),
    "a policy": lambda key: Policy.parse(f"log {vkey(key, ED25519)}\nquorum none\n"),
    "a policy, as a cosigner": lambda key: Policy.parse(f"witness uwv {vkey(key, COSIGNATURE)}\nquorum uwv\n"),
}  # fmt: skip


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS.keys())
def test_no_door_lets_it_in(door: Callable[[str], object]) -> None:
    for public in WEAK:
        with raises("SigningKeyWeakError"):
            door(public.hex())
    door(Ed25519PrivateKey.generate().public_key().public_bytes_raw().hex())


def test_a_trust_root_does_not_name_it(tmp_path: Path) -> None:
    value = Parties(tmp_path).root.model_dump(mode="json")
    for public in WEAK:
        value["organisations"]["uwv"]["keys"][0]["signing_key"] = public.hex()
        with raises("SigningKeyWeakError"):
            TrustRoot.model_validate(value)
        with raises("SigningKeyWeakError"):
            TrustRoot.model_validate_json(json.dumps(value))


def test_who_drafts_a_trust_root_with_such_a_card_is_told_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draft = Path(__file__).parents[2] / "configs" / "samenloop" / "manifest.yaml"
    (tmp_path / "uwv.json").write_bytes(card(WEAK[0].hex()))
    arguments = ["trust", "new", str(draft), "--cards", str(tmp_path), "--out", str(tmp_path / "root")]
    assert run([*arguments, "--lang", "nl"]) == 1
    assert "handtekeningen bij die niemand heeft gezet" in capsys.readouterr().err
    assert run([*arguments, "--lang", "en"]) == 1
    assert "signatures that nobody made" in capsys.readouterr().err
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize("public", WEAK[:3], ids=bytes.hex)
def test_the_auditors_script_refuses_it_too(public: bytes, tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    policy.write_text(f"log {vkey(public.hex(), ED25519)}\nquorum none\n")
    found = subprocess.run(
        [sys.executable, str(AUDIT), str(tmp_path), str(policy), "a.nl/b"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 1
    assert "fits signatures that nobody made" in found.stderr
