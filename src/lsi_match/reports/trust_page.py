"""Versions of a trust root in plain words: what whoever signs one, or goes by it, has to look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lsi_match.agreement.trust_root_draft import changes
from lsi_match.agreement.trust_root_rules import SignedRoot
from lsi_match.base.errors import Language
from lsi_match.crypto.certificates import authority_text
from lsi_match.crypto.external_keys import key_id
from lsi_match.protocol.trust_root import TrustRoot
from lsi_match.reports.document import Document, Writer


def trust_page(root: TrustRoot, changed: Iterable[str], lang: Language) -> Document:
    """One version.

    Args:
        changed: the organisations that are other than in the version before; all, in the first.
    """
    return Writer("trust_root", lang).document(
        "trust_root.md",
        root=root,
        changed=changed,
        gone=sorted(set(changed) - root.organisations.keys()),
        certificates=any(party.authorities for party in root.organisations.values()),
        key_id=key_id,
        authority_text=authority_text,
    )


def versions(
    signed: Iterable[SignedRoot], lang: Language
) -> Iterator[tuple[SignedRoot, Document, list[str]]]:
    """Each version, what it changes in the one before, and who signed it."""
    before = None
    for one in signed:
        yield one, trust_page(one.root, changes(before, one.root), lang), sorted(one.signers(one.root))
        before = one.root
