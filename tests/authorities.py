"""Made-up authorities, the certificates that they issue and what they say was revoked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from handmade import EARLIER, NOW

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass
class Issued:
    """A certificate and its key; `issue` makes one below it."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return pem_of(self.key)

    def issue(self, **changes: Any) -> Issued:
        return issue(self, **changes)


def pem_of(key: Key, encryption: serialization.KeySerializationEncryption | None = None) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        encryption or serialization.NoEncryption(),
    )


def issue(
    by: Issued | None = None,
    *,
    oins: Sequence[str] = (),
    authority: bool = False,
    signs: bool = True,
    usage: bool = True,
    first: datetime = EARLIER,
    last: datetime = NOW + timedelta(days=30),
    key: Key | None = None,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> Issued:
    """A certificate; the subject has a serialNumber for each of `oins`. No subjectAltName."""
    key = key or p256()
    names = [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "NL"),
        x509.NameAttribute(NameOID.COMMON_NAME, f"Proef {x509.random_serial_number() % 10**9}"),
        *(x509.NameAttribute(NameOID.SERIAL_NUMBER, oin) for oin in oins),
    ]
    above = by.key if by else key
    assert not isinstance(above, ed25519.Ed25519PrivateKey)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(names))
        .issuer_name(by.certificate.subject if by else x509.Name(names))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(first)
        .not_valid_after(last)
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key()), critical=False)
    )
    if usage:
        flags = x509.KeyUsage(
            digital_signature=False, content_commitment=signs and not authority, key_encipherment=not signs,
            data_encipherment=False, key_agreement=False, key_cert_sign=authority, crl_sign=authority,
            encipher_only=False, decipher_only=False,
        )  # fmt: skip
        made = made.add_extension(flags, critical=True)
    for extension, critical in extensions:
        made = made.add_extension(extension, critical)
    return Issued(made.sign(above, hashes.SHA256()), key)


def revocation_list(
    by: Issued,
    *revoked: x509.RevokedCertificate,
    made: datetime = NOW - timedelta(hours=1),
    ends: datetime = NOW + timedelta(days=5),
    key: Key | None = None,
    hashed: hashes.HashAlgorithm | None = None,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> bytes:
    """What an authority says was revoked, in DER."""
    signing = key or by.key
    assert not isinstance(signing, ed25519.Ed25519PrivateKey)
    builder = x509.CertificateRevocationListBuilder().issuer_name(by.certificate.subject)
    builder = builder.last_update(made).next_update(ends)
    for one in revoked:
        builder = builder.add_revoked_certificate(one)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(signing, hashed or hashes.SHA256()).public_bytes(serialization.Encoding.DER)
