"""What a site's log says about the trust root: which versions were taken in, and which papers came in under which.

The place in the log is the evidence of when. An approval that came in under version 3 is judged by version 3 for
good: a key that version 4 removes cannot undo it, and cannot add to it either.
"""

from __future__ import annotations

from lsi_match.agreement.trust_root_draft import changes
from lsi_match.agreement.trust_root_rules import Trust, TrustRootError
from lsi_match.base.errors import LsiError
from lsi_match.log.events import TrustRootTakenIn
from lsi_match.log.view import ProjectView
from lsi_match.protocol.trust_root import TrustRoot


def trust_by_log(roots: tuple[TrustRoot, ...], view: ProjectView) -> Trust:
    """What a site goes by: its trust roots, which have to be those of its log.

    Raises:
        RootRolledBackError, RootForkedError, RootNotLoggedError: the folder and the log do not agree.
    """
    logged = view.roots
    latest = max(logged, default=0)
    if latest > roots[-1].version:
        raise TrustRootError("RootRolledBackError", version=latest, found=roots[-1].version)
    for root in roots:
        if root.version not in logged:
            raise LsiError("RootNotLoggedError", version=root.version)
        if logged[root.version] != root.digest:
            raise TrustRootError("RootForkedError", version=root.version)
    return Trust(roots, dict(view.papers))


def event_of(root: TrustRoot, before: TrustRoot | None) -> TrustRootTakenIn:
    """What the log says about a version that is taken in."""
    return TrustRootTakenIn(version=root.version, root=root.digest, changed=tuple(changes(before, root)))
