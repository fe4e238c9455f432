"""The trust root of a project: which organisation signs what, with which keys.

It comes in versions. Every version says everything; how one follows another stands in `agreement.trust_root_rules`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from lsi_match.base.canonical import canonical_json, digest_of_bytes
from lsi_match.base.validation import OIN, RuleViolation
from lsi_match.manifest import Digest, Document, EncryptionKey, Name, ProjectId, Text
from lsi_match.manifest.base import MAX_PARTNERS
from lsi_match.manifest.signing_key import SigningKey
from lsi_match.protocol.documents import Certificate, Moment

MATCHER = "matcher"
#: A version stands for at most so long: keys and who holds them are looked at again at least every three years.
LONGEST = timedelta(days=1096)


class Role(StrEnum):
    """What a key may sign."""

    ROOT = "root"
    APPROVE = "approve"
    ACKNOWLEDGE = "acknowledge"
    DELIVER = "deliver"
    MATCH = "match"
    ADVISE = "advise"
    LOG = "log"


#: What a controller and the matching environment sign, when nothing else is said. The FG of a controller can have a key of its
#: own, to advise with; where there is none, who approves signs the advice.
CONTROLLER_ROLES = (Role.ROOT, Role.APPROVE, Role.ACKNOWLEDGE, Role.DELIVER)
MATCHER_ROLES = (Role.ACKNOWLEDGE, Role.MATCH)
#: Where no key is for a role alone, the key for one of these is: who approves signs advice, and checkpoints and cosignatures are
#: signed with the key for papers where nobody named another (up to version 0.1).
_INSTEAD = {Role.ADVISE: (Role.APPROVE,), Role.LOG: (Role.MATCH, Role.DELIVER)}
#: What can be signed with a certificate: what people sign now and then, not what a program signs.
CERTIFIED_ROLES = (Role.APPROVE, Role.ACKNOWLEDGE)


class TrustedKey(Document):
    """A public key and what it may sign. Its id is the SHA-256 of its bytes: nobody chooses it."""

    signing_key: SigningKey
    roles: tuple[Role, ...] = Field(min_length=1, max_length=5)


class Authority(Document):
    """Instead of a key: whoever has a certificate of this authority in which the organisation's OIN stands."""

    certificate: Certificate
    roles: tuple[Literal["approve", "acknowledge"], ...] = Field(min_length=1, max_length=2)


class TrustedOrganisation(Document):
    """An organisation, and what it signs and receives with."""

    title: Text
    oin: Annotated[str, StringConstraints(pattern=OIN)]
    encryption_key: EncryptionKey
    keys: tuple[TrustedKey, ...] = Field(min_length=1, max_length=8)
    authorities: tuple[Authority, ...] = Field(max_length=4)

    @property
    def roles(self) -> set[str]:
        """Everything that somebody may sign here."""
        return {role for roles in self.role_lists for role in roles}

    @property
    def role_lists(self) -> list[tuple[str, ...]]:
        """The roles of each key and authority."""
        return [key.roles for key in self.keys] + [one.roles for one in self.authorities]

    def keys_for(self, role: Role) -> tuple[str, ...]:
        """The public keys for one role."""
        found = tuple(key.signing_key for key in self.keys if role in key.roles)
        return found or tuple(key for other in _INSTEAD.get(role, ()) for key in self.keys_for(other))

    def authorities_for(self, role: Role) -> tuple[str, ...]:
        """The certificates of the authorities for one role."""
        named = Role.APPROVE if role is Role.ADVISE else role
        return tuple(one.certificate for one in self.authorities if named.value in one.roles)


class TrustRoot(Document):
    """Who may sign for whom in one project, in one version.

    `previous` is the digest of the version before, so that a version belongs to one history. `threshold` is how
    many organisations must sign the next version, and this one.
    """

    format: Literal["lsi-match/trust-root/v1"] = "lsi-match/trust-root/v1"
    project: ProjectId
    version: int = Field(ge=1, le=9999)
    previous: Digest | None
    issued_at: Moment
    expires_at: Moment
    threshold: int = Field(ge=2, le=MAX_PARTNERS)
    organisations: dict[Name, TrustedOrganisation] = Field(min_length=3, max_length=MAX_PARTNERS + 1)

    @model_validator(mode="after")
    def _consistent(self) -> TrustRoot:
        if (self.previous is None) is not (self.version == 1):
            raise RuleViolation.because("protocol.previous_version")
        if not timedelta(0) < self.expires_at - self.issued_at <= LONGEST:
            raise RuleViolation.because("protocol.expires", days=LONGEST.days)
        for key, facts in self._problems():
            raise RuleViolation.because(key, **facts)
        return self

    def _problems(self) -> Iterator[tuple[str, dict[str, str | int]]]:
        parties = self.organisations.values()
        keys = [key.signing_key for party in parties for key in party.keys]
        received = [party.encryption_key for party in parties]
        if len({*keys, *received}) != len(keys) + len(received):
            yield "protocol.key_twice", {}
        if len({party.oin for party in parties}) != len(parties):
            yield "protocol.oin_twice", {}
        if MATCHER not in self.organisations:
            yield "protocol.no_matcher", {"matcher": MATCHER}
        for name, party in self.organisations.items():
            allowed = (*(MATCHER_ROLES if name == MATCHER else (*CONTROLLER_ROLES, Role.ADVISE)), Role.LOG)
            needed = {Role.MATCH} if name == MATCHER else {Role.APPROVE, Role.ACKNOWLEDGE, Role.DELIVER}
            if not needed <= party.roles <= {*allowed}:
                yield "protocol.keys_sign", {"name": name, "signs": ", ".join(sorted(party.roles))}
            if any(len(set(roles)) != len(roles) for roles in party.role_lists):
                yield "protocol.role_twice", {"name": name}
            if any(":" in key.signing_key for key in party.keys if {Role.MATCH, Role.LOG} & {*key.roles}):
                yield "protocol.log_key", {"name": name}
        signers = len(self.signing_organisations)
        if not signers < 2 * self.threshold <= 2 * signers:
            yield "protocol.threshold", {"signers": signers}

    @property
    def signing_organisations(self) -> list[str]:
        """The organisations with a key that signs trust roots."""
        return [name for name, party in self.organisations.items() if party.keys_for(Role.ROOT)]

    def canonical(self) -> bytes:
        """The RFC 8785 bytes that are signed."""
        return canonical_json(self.model_dump(mode="json"))

    @cached_property
    def digest(self) -> str:
        """The identity of this version, which people read out to each other."""
        return digest_of_bytes(self.canonical())
