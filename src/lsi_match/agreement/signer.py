"""Who signs for a party: with the keys in its folder, or with a certificate, as its trust root allows."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from lsi_match.agreement.trust_root_rules import SignedRoot, check_current, sign_root
from lsi_match.agreement.trust_root_store import TrustStore
from lsi_match.base.catalogue import word
from lsi_match.base.errors import wrong_use
from lsi_match.crypto.certificates import Certified, certified_key, read_certified
from lsi_match.crypto.keys import Identity, load_identity
from lsi_match.crypto.revocation import Revocations
from lsi_match.manifest import Manifest
from lsi_match.protocol.trust_root import MATCHER, Role, TrustRoot


def signer(
    manifest: Manifest,
    name: str,
    place: Path,
    role: Role,
    now: datetime,
    chain: Path | None = None,
    key: Path | None = None,
) -> Identity | Certified:
    """Who signs for `name` in this role.

    Args:
        place: its folder, with its keys and its trust root.
        chain: sign with a certificate: this one and those between it and the authority (PEM).
        key: the private key of the certificate (PEM); None when it is the one in the HSM.

    Raises:
        WrongUseError: manifest or trust root does not name it, or not with this key.
        TrustRootError, CertificateRefusedError: as named.
    """
    store = TrustStore(place, manifest.project.id)
    root = store.roots(now)[-1]
    check_current(root, now)
    party = root.organisations.get(name)
    if party is None or name not in (*manifest.controllers, MATCHER):
        raise wrong_use("agreement.not_named_by_both", name=name)
    identity = load_identity(name, place / "keys")
    if chain is not None:
        certified = read_certified(name, chain, key, identity.signing)
        revocations = Revocations(store.revocations, manifest.certificates.list_age)
        authorities = party.authorities_for(role)
        certified_key(certified.certificates, authorities, party.oin, (now,), name, revocations)
        return certified
    if identity.signing_key not in party.keys_for(role):
        raise wrong_use(
            "agreement.not_named",
            name=name,
            place=str(place),
            role=role.value,
            role_nl=word("role", role, "nl"),
        )
    return identity


def sign_root_as(version: SignedRoot, before: TrustRoot | None, name: str, folder: Path) -> bytes:
    """The signatures under a version with that of `name` among them, as one file. An organisation that replaces its key signs
    with the old one and with the new one: what it signed before stays.

    Args:
        before: the version that is known here.
        folder: of the organisation, with its keys.

    Raises:
        WrongUseError: neither version names it with this key, to sign trust roots.
    """
    identity = load_identity(name, folder / "keys")
    named = [one.organisations[name] for one in (version.root, before) if one and name in one.organisations]
    if not any(identity.signing_key in party.keys_for(Role.ROOT) for party in named):
        raise wrong_use("agreement.not_named_to_sign_roots", name=name, folder=str(folder))
    return b"".join(sorted({*version.papers, sign_root(version.root, identity)}))
