"""Which keys the matcher signed its log with, by the versions of the trust root."""

from __future__ import annotations

import handmade
import pytest

from lsi_match.crypto.keys import public_key
from lsi_match.log.note import VerifierKey
from lsi_match.log.policy import log_keys
from lsi_match.manifest import Manifest
from lsi_match.protocol.trust_root import MATCHER, TrustRoot


@pytest.fixture
def manifest() -> Manifest:
    return Manifest.model_validate(handmade.document())


class Named:
    """A version of the trust root, as far as it names keys of the matcher."""

    def __init__(self, *keys: str) -> None:
        self.organisations = {MATCHER: self}
        self._keys = keys

    def keys_for(self, role: object) -> tuple[str, ...]:
        return self._keys


def keys(manifest: Manifest, *versions: Named) -> list[str]:
    roots: tuple[TrustRoot, ...] = versions  # type: ignore[assignment]
    return [str(key) for key in log_keys(manifest, roots)]


def named_in(manifest: Manifest, *hexes: str) -> list[str]:
    """Each key under the name that logs have from before, and under the origin of the log."""
    domain = manifest.matcher.domain
    names = (domain, f"{domain}/{manifest.project.id}")
    return [str(VerifierKey.of(name, public_key(one))) for one in hexes for name in names]


def test_without_a_trust_root_the_manifest_names_the_key(manifest: Manifest) -> None:
    assert keys(manifest) == named_in(manifest, manifest.matcher.signing_key)


def test_they_come_in_the_order_of_the_versions_and_each_once(manifest: Manifest) -> None:
    first, second, third = (public_hex(n) for n in range(3))

    def named(*hexes: str) -> list[str]:
        return named_in(manifest, *hexes)

    assert keys(manifest, Named(first), Named(first), Named(second)) == named(first, second)
    assert keys(manifest, Named(first), Named(second), Named(third)) == named(first, second, third)
    assert keys(manifest, Named(first), Named(second), Named(first)) == named(second, first), (
        "back to the first"
    )


def public_hex(number: int) -> str:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return (
        Ed25519PrivateKey.from_private_bytes(bytes([number + 7] * 32)).public_key().public_bytes_raw().hex()
    )
