"""Composing a version of the trust root out of cards: what the project leader hands to the others to sign."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from pydantic import ValidationError

from lsi_match.base.errors import LsiError, all_wrong
from lsi_match.base.validation import validation_message
from lsi_match.protocol import trust_root
from lsi_match.protocol.documents import PublicKeys

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
    previous: trust_root.TrustRoot | None = None,
    threshold: int | None = None,
    days: int = DAYS,
) -> trust_root.TrustRoot:
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
        name: trust_root.TrustedOrganisation(
            title=title,
            oin=oin,
            encryption_key=cards[name].encryption_key,
            keys=tuple(_keys(name, cards, name in certified)),
            authorities=_authorities(certified.get(name)),
        )
        for name, (title, oin) in parties.items()
    }
    signing = sum(1 for party in organisations.values() if party.keys_for(trust_root.Role.ROOT))
    for_days, needed = timedelta(days=days), threshold or max(2, signing // 2 + 1)
    return _version(project, previous, organisations, now, for_days, needed)


def _version(
    project: str,
    previous: trust_root.TrustRoot | None,
    organisations: dict[str, trust_root.TrustedOrganisation],
    now: datetime,
    stands: timedelta,
    threshold: int,
) -> trust_root.TrustRoot:
    try:
        return trust_root.TrustRoot(
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


def renew(
    before: trust_root.TrustRoot, cards: Mapping[str, PublicKeys], now: datetime
) -> trust_root.TrustRoot:
    """The version after `before`, for as long: of each party the keys of its card take the place of those that deliver and receive.

    Args:
        cards: name of the party → its card as it is now; who has none keeps the keys it has.

    Raises:
        RootDraftError: what comes out is no trust root.
    """
    organisations = {name: _renewed(party, cards.get(name)) for name, party in before.organisations.items()}
    stands = before.expires_at - before.issued_at
    return _version(before.project, before, organisations, now, stands, before.threshold)


def _renewed(
    party: trust_root.TrustedOrganisation, card: PublicKeys | None
) -> trust_root.TrustedOrganisation:
    if card is None:
        return party
    keys = [
        key.model_copy(update={"signing_key": card.signing_key})
        if {trust_root.Role.DELIVER, trust_root.Role.MATCH} & set(key.roles)
        else key
        for key in party.keys
        if key.roles != (trust_root.Role.LOG,)
    ]
    if card.log_key:
        keys.append(trust_root.TrustedKey(signing_key=card.log_key, roles=(trust_root.Role.LOG,)))
    return party.model_copy(update={"encryption_key": card.encryption_key, "keys": tuple(keys)})


def _roles(name: str) -> tuple[trust_root.Role, ...]:
    return trust_root.MATCHER_ROLES if name == trust_root.MATCHER else trust_root.CONTROLLER_ROLES


def _further(name: str) -> tuple[trust_root.Role, ...]:
    """What is signed with a key of its own only."""
    return () if name == trust_root.MATCHER else (trust_root.Role.ADVISE,)


def _keys(name: str, cards: Mapping[str, PublicKeys], certified: bool) -> Iterator[trust_root.TrustedKey]:
    roles = _roles(name)
    own = {
        role: cards[f"{name}.{role.value}"]
        for role in (*roles, *_further(name))
        if f"{name}.{role.value}" in cards
    }
    general = [r for r in roles if r not in own and not (certified and r in trust_root.CERTIFIED_ROLES)]
    if general:
        yield trust_root.TrustedKey(signing_key=cards[name].signing_key, roles=tuple(general))
    for role, card in own.items():
        yield trust_root.TrustedKey(signing_key=card.signing_key, roles=(role,))
    if cards[name].log_key:
        yield trust_root.TrustedKey(signing_key=cards[name].log_key, roles=(trust_root.Role.LOG,))


def _authorities(certificate: str | None) -> tuple[trust_root.Authority, ...]:
    if certificate is None:
        return ()
    return (trust_root.Authority(certificate=certificate, roles=("approve", "acknowledge")),)


def changes(old: trust_root.TrustRoot | None, new: trust_root.TrustRoot) -> list[str]:
    """The organisations whose keys, authorities or OIN are others than before, by name."""
    before = old.organisations if old else {}
    names = dict.fromkeys([*before, *new.organisations])
    return [name for name in names if before.get(name) != new.organisations.get(name)]
