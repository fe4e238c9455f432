"""A trust root as lines in plain words: what whoever signs it, or goes by it, has to look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lsi_match.base.catalogue import translator, word
from lsi_match.base.errors import Language
from lsi_match.crypto.certificates import authority_text
from lsi_match.crypto.external_keys import key_id
from lsi_match.protocol.trust_root import TrustedOrganisation, TrustRoot


def trust_lines(root: TrustRoot, changed: Iterable[str], lang: Language) -> list[str]:
    """One version.

    Args:
        changed: the organisations that are other than in the version before; all, in the first.
    """
    say = translator(lang)

    signing = len(root.signing_organisations)
    first, last = root.issued_at.date(), root.expires_at.date()
    lines = [
        say(f"Vertrouwenslijst {root.version} van project {root.project}", f"Trust root {root.version} of project {root.project}"),
        say(f"kenmerk {root.digest}", f"digest {root.digest}"),
        say(f"geldig van {first} tot {last}", f"stands from {first} until {last}"),
        say(f"te tekenen door {root.threshold} van de {signing} organisaties", f"to be signed by {root.threshold} of {signing} organisations"),
    ]  # fmt: skip
    new = set(changed)
    for name, party in sorted(root.organisations.items()):
        mark = say(" (nieuw of veranderd)", " (new or changed)") if name in new else ""
        lines += ["", f"{name}: {party.title}, OIN {party.oin}{mark}", *_signers(party, lang)]
    if any(party.authorities for party in root.organisations.values()):
        lines += ["", say("Of een certificaat is ingetrokken, wordt niet nagegaan. Is dat zo? Teken een nieuwe versie zonder die uitgever.",
                          "Whether a certificate was revoked is not checked. Was one? Sign a next version without that authority.")]  # fmt: skip
    gone = sorted(new - root.organisations.keys())
    if gone:
        lines += ["", say(f"Vervallen: {', '.join(gone)}", f"Gone: {', '.join(gone)}")]
    return lines


def _signers(party: TrustedOrganisation, lang: Language) -> Iterator[str]:
    for key in party.keys:
        yield f"  {key_id(key.signing_key)}  {_roles(key.roles, lang)}"
    for one in party.authorities:
        told = "certificaten van" if lang == "nl" else "certificates of"
        yield f"  {told} {authority_text(one.certificate)}  {_roles(one.roles, lang)}"


def _roles(roles: Iterable[str], lang: Language) -> str:
    return ", ".join(word("role", role, lang) for role in roles)
