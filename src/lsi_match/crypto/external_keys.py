"""Signing keys that live outside the home: in an HSM or smart card (PKCS #11), or in a vault.

`signing.json` in the keys folder refers to such a key (`uri`) and states its public half; the signatures come from
securesystemslib, whose signers are installed with the extra `hsm`. Hardware speaks ECDSA more often than Ed25519,
so a signing key is written in one of two ways:

    <64 hex digits>                                   Ed25519, the 32 raw bytes (RFC 8032)
    ecdsa-sha2-nistp256:<66 hex digits>               ECDSA with SHA-256 on P-256 (or -nistp384: 98 hex digits),
                                                      the compressed point (SEC 1, 2.3.3): one key, one form
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlparse

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from pydantic import ValidationError

from lsi_match.base.errors import LsiError
from lsi_match.base.validation import Closed
from lsi_match.crypto import passphrase
from lsi_match.manifest.signing_key import SigningKey

if TYPE_CHECKING:
    from securesystemslib.signer import Signer, SSlibKey

_CURVES: dict[str, ec.EllipticCurve] = {
    "ecdsa-sha2-nistp256": ec.SECP256R1(),
    "ecdsa-sha2-nistp384": ec.SECP384R1(),
}


class KeyReference(Closed):
    """`signing.json`: where a signing key is, and its public half. Nothing in it is secret.

    `module` is the PKCS #11 library of the device's maker, for example /usr/lib/softhsm/libsofthsm2.so.
    """

    uri: str
    signing_key: SigningKey
    module: str = ""


@dataclass(frozen=True)
class OutsideKey:
    """A signing key that signs where it lives."""

    reference: KeyReference

    @property
    def signing_key(self) -> str:
        return self.reference.signing_key

    def signer(self) -> Signer:
        """What signs with it; the PIN is asked for when it does.

        Raises:
            OutsideKeyUnknownError, OutsideKeyError: no such kind of key; its software is missing.
        """
        uri = self.reference.uri
        kind = _kind(uri)
        _load_module(self.reference.module)
        try:
            return kind.from_priv_key_uri(uri, library_key(self.signing_key), lambda _: passphrase.ask(uri))
        except LsiError:
            raise
        except Exception as error:
            raise LsiError("OutsideKeyError", uri=uri, problem=type(error).__name__) from None

    def sign(self, envelope: Any) -> None:
        """Sign a DSSE envelope; raises OutsideKeyError when device or vault will not."""
        from securesystemslib.signer import Signature

        signer = self.signer()
        try:
            made = envelope.sign(signer)
            plain = one_form(bytes.fromhex(made.signature), library_key(self.signing_key))
            envelope.signatures[made.keyid] = Signature(made.keyid, plain.hex())
        except LsiError:
            raise
        except Exception as error:  # the makers' libraries raise many kinds
            raise LsiError("OutsideKeyError", uri=self.reference.uri, problem=type(error).__name__) from None


def find_key(uri: str, module: str) -> OutsideKey:
    """The key that `uri` points at, its public half read from the device or vault.

    Args:
        uri: `hsm:NUMBER?label=TOKEN`, or `hv:NAME`.
        module: path of the PKCS #11 library; empty for a vault.

    Raises:
        OutsideKeyUnknownError, OutsideKeyError: as named.
    """
    kind = _kind(uri)
    _load_module(module)
    parts = urlparse(uri)
    try:
        if parts.scheme == "hsm":
            number = int(parts.path) if parts.path else None
            label = dict(parse_qsl(parts.query)).get("label")
            full, key = kind.import_(number, label, lambda _: passphrase.ask(uri))
        else:
            full, key = kind.import_(parts.path.partition("/")[0])
    except LsiError:
        raise
    except Exception as error:
        raise LsiError("OutsideKeyError", uri=uri, problem=type(error).__name__) from None
    return OutsideKey(KeyReference(uri=full, signing_key=key_text(key), module=module))


def read_reference(data: bytes) -> OutsideKey:
    """The key that a `signing.json` refers to; raises ValueError when it is none."""
    try:
        reference = KeyReference.model_validate_json(data)
    except ValidationError:
        raise ValueError("not a key reference") from None
    library_key(reference.signing_key)
    return OutsideKey(reference)


def library_key(signing_key: str) -> SSlibKey:
    """The public key in a manifest or card, as securesystemslib has it; raises ValueError when it is none.

    Its id is the SHA-256 of its raw bytes, so that one key cannot pose as two.
    """
    from securesystemslib.signer import SSlibKey

    scheme, _, digits = signing_key.rpartition(":")
    raw = bytes.fromhex(digits)
    keyid = key_id(signing_key)
    if not scheme:
        return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(raw), keyid=keyid)
    if scheme not in _CURVES:
        raise ValueError("unknown signature scheme")
    point = ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[scheme], raw)
    return SSlibKey.from_crypto(point, keyid=keyid, scheme=scheme)


def one_form(signature: bytes, key: SSlibKey) -> bytes:
    """The one form of a signature by `key` that is taken.

    Of an ECDSA signature (r, s), (r, n − s) is one of the same key over the same bytes, which anybody can make: the
    smaller s counts, in DER. An Ed25519 signature (RFC 8032, 5.1.7) and one of RSA (RFC 8017, 8.1.2) have one form
    already. Raises ValueError for none.
    """
    if key.scheme not in _CURVES:
        return signature
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, min(s, _CURVES[key.scheme].group_order - s))


def key_id(signing_key: str) -> str:
    """SHA-256 of the raw public key, as 64 hex digits."""
    return hashlib.sha256(bytes.fromhex(signing_key.rpartition(":")[2])).hexdigest()


def key_text(key: SSlibKey) -> str:
    """A public key of the library in the form of manifests and cards."""
    if key.scheme == "ed25519":
        return str(key.keyval["public"])
    if key.scheme not in _CURVES:
        raise ValueError("unknown signature scheme")
    point = serialization.load_pem_public_key(key.keyval["public"].encode())
    encoded = point.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    return f"{key.scheme}:{encoded.hex()}"


def _kind(uri: str) -> Any:
    from securesystemslib.signer import HSMSigner, VaultSigner

    kinds = {"hsm": HSMSigner, "hv": VaultSigner}
    scheme = uri.partition(":")[0]
    if scheme not in kinds:
        raise LsiError("OutsideKeyUnknownError", uri=uri)
    return kinds[scheme]


def _load_module(module: str) -> None:
    """Where securesystemslib looks for the PKCS #11 library: the path of a program, nothing secret."""
    if module:
        os.environ["PYKCS11LIB"] = module
