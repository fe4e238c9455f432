"""What parties bring for all the others: public keys, trust roots, a key made together, drafts, manifests, signed papers.

    shared/<project>.<party>.<what>.<kind>    passed on to every place as it came

Nothing follows from it here but what each kind is for: whoever takes it in judges it. A party brings files under its own name
only, of which one that it brings again takes the place of the earlier one, and no more than `MOST` and `MOST_BYTES`.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path

from lsi_match.agreement.approvals import load_manifest, paper_manifest
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import LsiError, RefusedError
from lsi_match.base.files import read_bytes, write_whole
from lsi_match.crypto.keys import CARD
from lsi_match.crypto.signing import SignedDocumentInvalidError
from lsi_match.matcher.site.inbox import check_papers
from lsi_match.matcher.site.share_manifest import receive, share
from lsi_match.matcher.site.site import Project
from lsi_match.protocol.place_files import (
    MANIFEST_SUFFIX,
    PAPER_SUFFIX,
    PUBLIC_KEYS_SUFFIX,
    ROOT_SUFFIX,
    SHARED,
    shared_by,
    shared_name,
)
from lsi_match.protocol.trust_root import MATCHER

#: Of one party: files, and bytes together.
MOST, MOST_BYTES = 200, 16 * 2**20


def folder_of(project: Project) -> Path:
    """Where what was brought lies."""
    return project.folder / "shared"


def lying(project: Project, suffix: str = "") -> list[Path]:
    """What was brought so far, of one kind or of all."""
    return sorted(folder_of(project).glob(f"[!.]*{suffix}"))


def show_own_keys(project: Project) -> None:
    """Put the public keys of the matching environment beside what was brought."""
    own = folder_of(project) / shared_name(project.id, MATCHER, "", PUBLIC_KEYS_SUFFIX)
    card = read_bytes(project.site.folder / "keys" / CARD)
    if not own.exists() or read_bytes(own) != card:
        write_whole(own, card, replace=True)


def papers_about(project: Project, manifest: str) -> dict[str, bytes]:
    """The signed papers that were brought about the manifest with this digest."""
    found = {file.name.removesuffix(".json"): read_bytes(file) for file in lying(project, PAPER_SUFFIX)}
    return {name: data for name, data in found.items() if _about(data) == manifest}


def _about(data: bytes) -> str | None:
    try:
        return paper_manifest(data)
    except SignedDocumentInvalidError:
        return None


def take(project: Project, party: str, name: str, data: bytes, now: datetime) -> None:
    """Keep what `party` brought, to be passed on, and take in here what is for the matching environment as well.

    Raises:
        SharedRefusedError: under another's name, or more than one party may bring.
        PapersTooManyError: so many papers made an entry of the log today.
        ApprovalInvalidError: a paper does not hold.
    """
    if shared_by(project.id, name) != party or party == MATCHER:
        raise RefusedError("SharedRefusedError", partner=party, file=name)
    file = folder_of(project) / name
    others = [one for one in lying(project) if shared_by(project.id, one.name) == party and one != file]
    largest = next(most for suffix, most in SHARED.items() if name.endswith(suffix))
    size = sum(one.stat().st_size for one in others) + len(data)
    if len(others) >= MOST or size > MOST_BYTES or len(data) > largest:
        raise RefusedError("SharedRefusedError", partner=party, file=name)
    if file.exists() and read_bytes(file) == data:
        return
    if name.endswith(PAPER_SUFFIX):
        _take_paper(project, party, data, now)
    write_whole(file, data, replace=True)
    if name.endswith(ROOT_SUFFIX):  # the first version counts once a person compared it
        with suppress(LsiError):
            project.site.add_roots([read_bytes(one) for one in lying(project, ROOT_SUFFIX)], None, now)
    elif name.endswith(MANIFEST_SUFFIX):
        _share(project, data, now)


def _take_paper(project: Project, party: str, data: bytes, now: datetime) -> None:
    """A paper about a manifest that runs or was shared is an entry of the log; another is passed on only."""
    if not project.log_file.exists() or digest_of_bytes(data) in project.view().papers:
        return
    if paper_manifest(data) in project.view().manifests:
        check_papers(project.view(), party, now)
        receive(project.site, project.id, {party: data}, now)


def _share(project: Project, canonical: bytes, now: datetime) -> None:
    """A manifest with the keys of the trust root is handed to its controllers here, and the log says so, once."""
    with suppress(LsiError):
        digest = load_manifest(canonical).digest
        if not project.log_file.exists() or digest not in project.view().manifests:
            share(project.site, canonical, (), now)
