"""Signing with a certificate (X.509, RFC 5280) in place of a key: for organisations that have one, of PKIoverheid for example.

The trust root names an organisation's OIN and a certificate authority. A paper then carries the certificates of its
signer, and counts when all of this holds:

1. The chain leads to that authority, by `cryptography`'s path validation: signatures, names, path lengths, key sizes,
   and every certificate valid both when the paper says it was signed and when it was first taken in.
2. The subject of the first certificate has one serialNumber (X.520), and it is the organisation's OIN.
3. The first certificate is none of an authority, its key usage is signing (digitalSignature or nonRepudiation), and its
   purposes, if it names any, are not only those of a web server, time stamps, OCSP answers or programs.
4. The signature under the paper is by the key in the first certificate: RSA of 2,048 bits or more (PSS), P-256 or P-384.
5. Revocation lists show that no certificate of the chain was revoked when the paper was taken in (`crypto.revocation`).
   Without such a list it does not count.

The default policies of `cryptography` are for web servers and want a subjectAltName and a purpose, which the
certificates of organisations lack; so the policy for the first certificate is our own. Those for authorities stay.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lsi_match.base.errors import LsiError, RefusedError
from lsi_match.base.files import read_bytes, read_private
from lsi_match.crypto import passphrase
from lsi_match.crypto.external_keys import OutsideKey, library_key
from lsi_match.crypto.revocation import Revocations, read_certificate

if TYPE_CHECKING:
    from securesystemslib.signer import SSlibKey

#: Certificates between the signer's and the authority's: PKIoverheid has two.
DEPTH = 4


class CertificateRefusedError(RefusedError): ...


class CertificateUnreadableError(RefusedError): ...


@dataclass(frozen=True)
class Certified:
    """Who signs with the key of a certificate. Its text names the party only."""

    name: str
    signing: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | OutsideKey
    certificates: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Certified({self.name})"

    @property
    def public(self) -> SSlibKey:
        return _key_of(read_certificate(self.certificates[0]))


def certified_key(
    chain: Iterable[str],
    authorities: Iterable[str],
    oin: str,
    moments: Sequence[datetime],
    party: str,
    revocations: Revocations,
) -> SSlibKey:
    """The key that a chain (base64 of DER, the signer's first) shows to be that of the organisation with this OIN.

    Args:
        authorities: certificates of the authorities that the trust root names.
        moments: when every certificate must have been valid; at the last of them none may have been revoked.

    Raises:
        CertificateRefusedError: says what is wrong.
    """
    try:
        leaf, *between = (read_certificate(one) for one in chain)
        store = verification.Store([read_certificate(one) for one in authorities])
    except ValueError:
        raise CertificateRefusedError.because("crypto.none_given", party=party) from None
    for moment in moments:
        policy = verification.PolicyBuilder().store(store).time(moment).max_chain_depth(DEPTH)
        policy = policy.extension_policies(
            ca_policy=verification.ExtensionPolicy.webpki_defaults_ca(), ee_policy=_SIGNER
        )
        try:
            verified = policy.build_client_verifier().verify(leaf, between)
        except (verification.VerificationError, ValueError) as error:
            reason = (
                str(error).partition(" (encountered")[0].removeprefix("validation failed: ")
            )  # without names
            raise CertificateRefusedError.because("crypto.chain", party=party, reason=reason) from None
    if problem := revocations.problem(verified.chain, max(moments)):
        raise CertificateRefusedError.saying(*problem, party=party)
    numbers = [name.value for name in leaf.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)]
    if numbers != [oin]:
        raise CertificateRefusedError.because("crypto.other_oin", party=party, oin=oin)
    try:
        return _key_of(leaf)
    except ValueError:
        raise CertificateRefusedError.because("crypto.other_kind_of_key", party=party) from None


def _signs(policy: verification.Policy, certificate: x509.Certificate, usage: x509.KeyUsage) -> None:
    if not (usage.digital_signature or usage.content_commitment):
        raise ValueError("its key is not for signing")


def _not_for_a_machine(
    policy: verification.Policy, certificate: x509.Certificate, purposes: x509.ExtendedKeyUsage | None
) -> None:
    if purposes is not None and _MACHINES.issuperset(purposes):
        raise ValueError("it is for a web server, time stamps or programs only")


def _no_authority(
    policy: verification.Policy, certificate: x509.Certificate, constraints: x509.BasicConstraints | None
) -> None:
    if constraints is not None and constraints.ca:
        raise ValueError("it is the certificate of an authority")


#: Purposes of keys that a machine holds, or whoever hosts it. A certificate for nothing else speaks for no organisation.
_MACHINES = {
    ExtendedKeyUsageOID.SERVER_AUTH,
    ExtendedKeyUsageOID.CODE_SIGNING,
    ExtendedKeyUsageOID.TIME_STAMPING,
    ExtendedKeyUsageOID.OCSP_SIGNING,
}
#: What the first certificate of a chain must have. Critical extensions that nobody here knows are refused.
_SIGNER = (
    verification.ExtensionPolicy.permit_all()
    .require_present(x509.KeyUsage, verification.Criticality.AGNOSTIC, _signs)
    .may_be_present(x509.BasicConstraints, verification.Criticality.AGNOSTIC, _no_authority)
    .may_be_present(x509.ExtendedKeyUsage, verification.Criticality.AGNOSTIC, _not_for_a_machine)
)


def _key_of(certificate: x509.Certificate) -> SSlibKey:
    """The key in a certificate; its id is as everywhere for ECDSA, for RSA the SHA-256 of its SubjectPublicKeyInfo."""
    try:
        key = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):
        raise ValueError("unknown kind of key") from None
    if isinstance(key, ec.EllipticCurvePublicKey):
        kinds = {"secp256r1": "ecdsa-sha2-nistp256", "secp384r1": "ecdsa-sha2-nistp384"}
        if key.curve.name not in kinds:
            raise ValueError("unknown curve")
        point = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
        return library_key(f"{kinds[key.curve.name]}:{point.hex()}")
    if isinstance(key, rsa.RSAPublicKey):
        from securesystemslib.signer import SSlibKey

        info = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return SSlibKey.from_crypto(key, keyid=hashlib.sha256(info).hexdigest(), scheme="rsassa-pss-sha256")
    raise ValueError("unknown kind of key")


# files


def read_chain(data: bytes, file: str) -> tuple[str, ...]:
    """The certificates in a PEM file, the signer's first, as papers carry them: base64 of DER.

    Raises:
        CertificateUnreadableError: there are none, or more than a chain can have.
    """
    try:
        found = x509.load_pem_x509_certificates(data)
    except ValueError:
        found = []
    if not 1 <= len(found) <= DEPTH:
        raise CertificateUnreadableError.because("crypto.wrong_chain", depth=DEPTH, file=file)
    return tuple(base64.b64encode(one.public_bytes(serialization.Encoding.DER)).decode() for one in found)


def read_authority(data: bytes, file: str) -> str:
    """The one certificate of an authority in a PEM file; raises CertificateUnreadableError when it is none."""
    chain = read_chain(data, file)
    try:
        is_authority = (
            read_certificate(chain[0]).extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        )
    except (x509.ExtensionNotFound, ValueError):
        is_authority = False
    if len(chain) != 1 or not is_authority:
        raise CertificateUnreadableError.because("crypto.one_authority", file=file)
    return chain[0]


def read_certified(name: str, chain: Path, key: Path | None, own: OutsideKey | object) -> Certified:
    """Who signs with the certificates in `chain`, and the key in `key` (PEM) or in the HSM of this party.

    Raises:
        CertificateUnreadableError, CertificateKeyDiffersError: as named.
        PassphraseWrongError: the key is protected, and stays closed.
    """
    certificates = read_chain(read_bytes(chain), str(chain))
    try:
        public = _key_of(read_certificate(certificates[0]))
    except ValueError:
        raise CertificateUnreadableError.because("crypto.wrong_key", file=str(chain)) from None
    if key is None:
        if not isinstance(own, OutsideKey) or library_key(own.signing_key).keyid != public.keyid:
            raise LsiError("CertificateKeyDiffersError", file="signing.json")
        return Certified(name, own, certificates)
    private = _private_key(key)
    if private.public_key() != read_certificate(certificates[0]).public_key():
        raise LsiError("CertificateKeyDiffersError", file=str(key))
    return Certified(name, private, certificates)


def _private_key(file: Path) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    data = read_private(file)
    unreadable = CertificateUnreadableError.because("crypto.wrong_private_key", file=str(file))
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except TypeError:  # it has a passphrase
        try:
            key = serialization.load_pem_private_key(data, password=passphrase.ask(str(file)).encode())
        except ValueError:
            raise passphrase.PassphraseWrongError(what=str(file)) from None
    except (ValueError, UnsupportedAlgorithm):
        raise unreadable from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise unreadable
    return key


def valid_between(certificate: str) -> tuple[datetime, datetime]:
    """From when until when a certificate (base64 of DER) is valid."""
    read = read_certificate(certificate)
    return read.not_valid_before_utc, read.not_valid_after_utc


def authority_text(certificate: str) -> str:
    """An authority by its name and the SHA-256 of its certificate, for people to compare."""
    read = read_certificate(certificate)
    return f"{read.subject.rfc4514_string()} {hashlib.sha256(base64.b64decode(certificate)).hexdigest()}"
