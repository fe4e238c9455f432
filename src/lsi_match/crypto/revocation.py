"""Revocation lists (CRL, RFC 5280 section 5): whether a certificate had been revoked when a paper was taken in.

Lists are files that a party gives; nothing is fetched, since neither a run nor a partner has a network. A list says
something of a certificate when all of this holds:

1. The authority of the certificate issued and signed it (SHA-2), and may sign lists; it is a whole list: no delta, not
   for some reasons or other authorities only, and of the part that the certificate names, if it is of a part.
2. It was there at the moment in question, not older than the manifest allows, and its next update was still to come;
   or it is of later, while the certificate had not expired (expired ones may be left out).

A certificate counts when such a list does not name it, and no list of its authority says that it was revoked by then.
Of a key that was compromised, nothing counts: nobody knows since when.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512

from lsi_match.base.errors import LsiError, problem

_COMPROMISED = {
    x509.ReasonFlags.key_compromise,
    x509.ReasonFlags.ca_compromise,
    x509.ReasonFlags.aa_compromise,
}
#: Extensions of a list that are looked at here, or change nothing of what it says.
_KNOWN = (
    x509.CRLNumber,
    x509.AuthorityKeyIdentifier,
    x509.IssuingDistributionPoint,
    x509.FreshestCRL,
    x509.IssuerAlternativeName,
    x509.AuthorityInformationAccess,
)


@dataclass(frozen=True)
class Revocations:
    """The lists that a party has (DER or PEM), and how old one may be when a paper is taken in."""

    lists: tuple[bytes, ...]
    age: timedelta

    def problem(self, chain: Sequence[x509.Certificate], moment: datetime) -> tuple[str, str] | None:
        """Why a chain (the signer's first, the authority last) did not stand at a moment, in Dutch and English."""
        for certificate, authority in pairwise(chain):
            own = [one for one in _of(self.lists, authority) if _is_about(one, certificate)]
            for one in own:
                if (since := _revoked(one, certificate)) is not None and since <= moment:
                    return problem("crypto.revoked", day=f"{since:%Y-%m-%d}")
            if not any(self._covers(one, certificate, moment) for one in own):
                name, day = authority.subject.rfc4514_string(), f"{moment:%Y-%m-%d}"
                return problem("crypto.no_revocation_list", name=name, days=self.age.days, day=day)
        return None

    def spans(self, authorities: Iterable[str]) -> list[tuple[datetime, datetime]]:
        """Of each authority (base64 of DER) of which there are lists: from when until when the newest says something."""
        found = []
        for one in map(read_certificate, dict.fromkeys(authorities)):
            made = [(own.last_update_utc, own.next_update_utc) for own in _of(self.lists, one)]
            ends = [(since, min(until, since + self.age)) for since, until in made if until is not None]
            found += [max(ends, key=lambda span: span[1])] if ends else []
        return found

    def _covers(
        self, one: x509.CertificateRevocationList, certificate: x509.Certificate, moment: datetime
    ) -> bool:
        made, ends = one.last_update_utc, one.next_update_utc
        if made > moment:
            return made <= certificate.not_valid_after_utc
        return ends is not None and moment <= ends and moment - made <= self.age


def read_certificate(certificate: str) -> x509.Certificate:
    """A certificate in base64 of DER; raises ValueError when it is none."""
    return x509.load_der_x509_certificate(base64.b64decode(certificate, validate=True))


def read_list(data: bytes, file: str) -> bytes:
    """A revocation list in a file, as it is; raises RevocationListUnreadableError when it is none."""
    if _parsed(data) is None:
        raise LsiError("RevocationListUnreadableError", file=file)
    return data


@lru_cache(maxsize=32)
def _parsed(data: bytes) -> x509.CertificateRevocationList | None:
    load = x509.load_pem_x509_crl if data.lstrip().startswith(b"-----BEGIN") else x509.load_der_x509_crl
    try:
        found = load(data)
        known = all(isinstance(one.value, _KNOWN) or not one.critical for one in found.extensions)
    except (ValueError, x509.DuplicateExtension):
        return None
    return found if known else None


def _of(lists: Iterable[bytes], authority: x509.Certificate) -> Iterator[x509.CertificateRevocationList]:
    """The lists that this authority issued and signed."""
    for data in lists:
        one = _parsed(data)
        if one is not None and one.issuer == authority.subject and _signed(data, authority):
            yield one


@lru_cache(maxsize=64)
def _signed(data: bytes, authority: x509.Certificate) -> bool:
    one = _parsed(data)
    try:
        usage = authority.extensions.get_extension_for_class(x509.KeyUsage).value
        return (
            one is not None
            and usage.crl_sign
            and isinstance(one.signature_hash_algorithm, SHA256 | SHA384 | SHA512)
            and one.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
        )
    except (x509.ExtensionNotFound, ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature):
        return False


def _is_about(one: x509.CertificateRevocationList, certificate: x509.Certificate) -> bool:
    """Whether a list has room for a certificate: it is a whole one, or of the part that the certificate is in."""
    try:
        one.extensions.get_extension_for_class(x509.DeltaCRLIndicator)
    except x509.ExtensionNotFound:
        pass
    else:
        return False
    try:
        part = one.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
    except x509.ExtensionNotFound:
        return True
    if (
        part.indirect_crl
        or part.only_contains_attribute_certs
        or part.only_some_reasons
        or part.relative_name
    ):
        return False
    if part.only_contains_ca_certs if not _is_authority(certificate) else part.only_contains_user_certs:
        return False
    return not part.full_name or not set(part.full_name).isdisjoint(_parts_of(certificate))


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _parts_of(certificate: x509.Certificate) -> Iterator[x509.GeneralName]:
    """Where a certificate says that the list lies that it would be in."""
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return
    for point in points:
        yield from point.full_name or ()


def _revoked(one: x509.CertificateRevocationList, certificate: x509.Certificate) -> datetime | None:
    """Since when a list calls a certificate revoked; since ever where its key was compromised; None when it does not."""
    found = one.get_revoked_certificate_by_serial_number(certificate.serial_number)
    if found is None:
        return None
    said = {type(extension.value): extension.value for extension in found.extensions}
    reason, invalid = said.get(x509.CRLReason), said.get(x509.InvalidityDate)
    if isinstance(reason, x509.CRLReason) and reason.reason in _COMPROMISED:
        return certificate.not_valid_before_utc
    since = found.revocation_date_utc
    return min(since, invalid.invalidity_date_utc) if isinstance(invalid, x509.InvalidityDate) else since
