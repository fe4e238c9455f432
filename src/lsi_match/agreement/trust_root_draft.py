"""Composing a version of the trust root out of cards: what the project leader hands to the others to sign."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from pydantic import ValidationError

from lsi_match.base.errors import LsiError, all_wrong
from lsi_match.base.validation import validation_message
from lsi_match.protocol.documents import PublicKeys
from lsi_match.protocol.trust_root import (
    CERTIFIED_ROLES,
    CONTROLLER_ROLES,
    MATCHER,
    MATCHER_ROLES,
    Authority,
    Role,
    TrustedKey,
    TrustedOrganisation,
    TrustRoot,
)

#: Days that a version stands, when nothing else is said.
DAYS = 365


class RootDraftError(LsiError): ...


def compose(
    project: str,
    parties: Mapping[str, tuple[str, str]],
    cards: Mapping[str, PublicKeys],
    now: datetime,
    *,
    authorities: Mapping[str, str] | None = None,
    previous: TrustRoot | None = None,
    threshold: int | None = None,
    days: int = DAYS,
) -> TrustRoot:
    """The next version, or the first.

    Args:
        parties: name → title and OIN, of every controller and the matcher.
        cards: name of the party → its card. A further card `uwv.approve` is of a key that signs for that role alone,
            in place of the key on the card `uwv`.
        authorities: name → certificate (base64 of DER) of the authority whose certificates sign its approvals and
            acknowledgements, in place of the key on its card.
        threshold: how many organisations sign; more than half of them when left out.

    Raises:
        RootDraftError: a card is missing or strange, or what comes out is no trust root.
    """
    certified = authorities or {}
    for stem, card in cards.items():
        name, _, role = stem.partition(".")
        if card.name != name or name not in parties or role not in ("", *_roles(name), *_further(name)):
            raise RootDraftError.because("agreement.no_card_of_a_party", stem=stem)
    for name in (*parties, *certified):
        if name not in cards or name not in parties:
            raise RootDraftError.because("agreement.no_card", name=name)
    organisations = {
        name: TrustedOrganisation(
            title=title,
            oin=oin,
            encryption_key=cards[name].encryption_key,
            keys=tuple(_keys(name, cards, name in certified)),
            authorities=_authorities(certified.get(name)),
        )
        for name, (title, oin) in parties.items()
    }
    signing = sum(1 for party in organisations.values() if party.keys_for(Role.ROOT))
    for_days, needed = timedelta(days=days), threshold or max(2, signing // 2 + 1)
    return _version(project, previous, organisations, now, for_days, needed)


def _version(
    project: str,
    previous: TrustRoot | None,
    organisations: dict[str, TrustedOrganisation],
    now: datetime,
    stands: timedelta,
    threshold: int,
) -> TrustRoot:
    try:
        return TrustRoot(
            project=project,
            version=previous.version + 1 if previous else 1,
            previous=previous.digest if previous else None,
            issued_at=now,
            expires_at=now + stands,
            threshold=threshold,
            organisations=organisations,
        )
    except ValidationError as error:
        told = (validation_message(one)[1] for one in error.errors())
        raise RootDraftError(**all_wrong((one["nl"], one["en"]) for one in told)) from None


def renew(before: TrustRoot, cards: Mapping[str, PublicKeys], now: datetime) -> TrustRoot:
    """The version after `before`, for as long: of each party the keys of its card take the place of those that deliver and receive.

    Args:
        cards: name of the party → its card as it is now; who has none keeps the keys it has.

    Raises:
        RootDraftError: what comes out is no trust root.
    """
    organisations = {name: _renewed(party, cards.get(name)) for name, party in before.organisations.items()}
    stands = before.expires_at - before.issued_at
    return _version(before.project, before, organisations, now, stands, before.threshold)


def _renewed(party: TrustedOrganisation, card: PublicKeys | None) -> TrustedOrganisation:
    if card is None:
        return party
    keys = [
        key.model_copy(update={"signing_key": card.signing_key})
        if {Role.DELIVER, Role.MATCH} & set(key.roles)
        else key
        for key in party.keys
        if key.roles != (Role.LOG,)
    ]
    if card.log_key:
        keys.append(TrustedKey(signing_key=card.log_key, roles=(Role.LOG,)))
    return party.model_copy(update={"encryption_key": card.encryption_key, "keys": tuple(keys)})


def _roles(name: str) -> tuple[Role, ...]:
    return MATCHER_ROLES if name == MATCHER else CONTROLLER_ROLES


def _further(name: str) -> tuple[Role, ...]:
    """What is signed with a key of its own only."""
    return () if name == MATCHER else (Role.ADVISE,)


def _keys(name: str, cards: Mapping[str, PublicKeys], certified: bool) -> Iterator[TrustedKey]:
    roles = _roles(name)
    own = {
        role: cards[f"{name}.{role.value}"]
        for role in (*roles, *_further(name))
        if f"{name}.{role.value}" in cards
    }
    general = [r for r in roles if r not in own and not (certified and r in CERTIFIED_ROLES)]
    if general:
        yield TrustedKey(signing_key=cards[name].signing_key, roles=tuple(general))
    for role, card in own.items():
        yield TrustedKey(signing_key=card.signing_key, roles=(role,))
    if cards[name].log_key:
        yield TrustedKey(signing_key=cards[name].log_key, roles=(Role.LOG,))


def _authorities(certificate: str | None) -> tuple[Authority, ...]:
    if certificate is None:
        return ()
    return (Authority(certificate=certificate, roles=("approve", "acknowledge")),)


def changes(old: TrustRoot | None, new: TrustRoot) -> list[str]:
    """The organisations whose keys, authorities or OIN are others than before, by name."""
    before = old.organisations if old else {}
    names = dict.fromkeys([*before, *new.organisations])
    return [name for name in names if before.get(name) != new.organisations.get(name)]
