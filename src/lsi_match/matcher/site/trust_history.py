"""What a site's log says about the trust root: which versions were taken in, and which papers came in under which.

The place in the log is the evidence of when. An approval that came in under version 3 is judged by version 3 for
good: a key that version 4 removes cannot undo it, and cannot add to it either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lsi_match.agreement.approvals import WITHDRAWAL
from lsi_match.agreement.trust_root_draft import changes
from lsi_match.agreement.trust_root_rules import FirstSeen, RootForkedError, RootRolledBackError, Trust
from lsi_match.base.errors import LsiError
from lsi_match.log.entry import LogEntry
from lsi_match.log.steps import Step
from lsi_match.protocol.trust_root import TrustRoot

#: How the facts begin that name papers in the log: `paper.uwv`, `paper.uwv.withdrawal` …
PAPER = "lsi.paper."


class RootNotLoggedError(LsiError):
    nl = "Versie {version} van de vertrouwenslijst staat hier, maar niet in het logboek. Neem haar op met 'trust add'."
    en = "Version {version} of the trust root is here, but not in the log. Take it in with 'trust add'."


def logged_roots(entries: Iterable[LogEntry]) -> dict[int, str]:
    """Version → digest, of the trust roots that were taken in."""
    return {
        int(entry.attributes["lsi.version"]): str(entry.attributes["lsi.root"])
        for entry in entries
        if entry.name == Step.TRUST_ROOT.value
    }


def seen_papers(entries: Iterable[LogEntry]) -> dict[str, FirstSeen]:
    """Digest of a paper → the version under which the log first names it, and when."""
    seen: dict[str, FirstSeen] = {}
    version = 0
    for entry in entries:
        if entry.name == Step.TRUST_ROOT.value:
            version = max(version, int(entry.attributes["lsi.version"]))
        for name, value in entry.attributes.items():
            if name.startswith(PAPER):
                seen.setdefault(str(value), FirstSeen(version, entry.moment))
    return seen


def taken_in(entries: Iterable[LogEntry], manifest: str) -> dict[str, str]:
    """Digest → name of every paper about the manifest with this digest that was taken in, oldest first."""
    return {
        str(value): name.removeprefix(PAPER)
        for entry in entries
        if entry.name in (Step.TAKE_IN.value, Step.REGISTER_MANIFEST.value)
        and entry.attributes["lsi.manifest"] == manifest
        for name, value in entry.attributes.items()
        if name.startswith(PAPER)
    }


def withdrawals(entries: Iterable[LogEntry]) -> dict[str, str]:
    """Digest → name of the withdrawals about the manifest that runs, which is the one registered last."""
    known = list(entries)
    registered = [e.attributes["lsi.manifest"] for e in known if e.name == Step.REGISTER_MANIFEST.value]
    found = taken_in(known, str(registered[-1])) if registered else {}
    return {digest: name for digest, name in found.items() if f".{WITHDRAWAL}" in name}


def trust_by_log(roots: tuple[TrustRoot, ...], entries: list[LogEntry]) -> Trust:
    """What a site goes by: its trust roots, which have to be those of its log.

    Raises:
        RootRolledBackError, RootForkedError, RootNotLoggedError: the folder and the log do not agree.
    """
    logged = logged_roots(entries)
    latest = max(logged, default=0)
    if latest > roots[-1].version:
        raise RootRolledBackError(version=latest, found=roots[-1].version)
    for root in roots:
        if root.version not in logged:
            raise RootNotLoggedError(version=root.version)
        if logged[root.version] != root.digest:
            raise RootForkedError(version=root.version)
    return Trust(roots, seen_papers(entries))


def facts_of(root: TrustRoot, before: TrustRoot | None) -> Mapping[str, str | int]:
    """What the log says about a version that is taken in."""
    return {"version": root.version, "root": root.digest, "changed": ", ".join(changes(before, root))}
