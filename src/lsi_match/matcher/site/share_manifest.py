"""Handing a manifest to the controllers, before it is accepted: who was given which digest, and who answered.

Both are entries of the project's log, which begins here: `share manifest` says who was given it, `take in papers` who
sent back something signed about it. What they answer with is what counts later; no receipt of another kind is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from lsi_match.agreement.approvals import (
    Agreement,
    ManifestAlteredError,
    check_papers,
    load_manifest,
    paper_manifest,
    read_agreement,
)
from lsi_match.agreement.gates import Evidence
from lsi_match.base.errors import LsiError, wrong_use
from lsi_match.base.files import private_folder
from lsi_match.log.events import ManifestShared, PapersTakenIn
from lsi_match.manifest import Manifest
from lsi_match.matcher.site.site import Project, Site


def share(site: Site, canonical: bytes, to: Iterable[str], now: datetime) -> Manifest:
    """Log that these controllers are given this manifest. Its keys have to be those of the trust root.

    Raises:
        ManifestAlteredError, TrustRootError: it is no manifest, or not one that could be accepted here.
        WrongUseError: a name that is no controller's.
    """
    manifest = load_manifest(canonical)
    names = list(dict.fromkeys(to)) or list(manifest.controllers)
    strange = sorted(set(names) - manifest.controllers.keys())
    if strange:
        known, others = ", ".join(manifest.controllers), ", ".join(strange)
        raise wrong_use("matcher.site.known_controllers", known=known, others=others)
    project = Project(site, manifest.project.id)
    trust = project.trust(now)
    trust.check(manifest, now)
    private_folder(project.folder)
    with project.make_log(manifest) as log:
        project.keep(canonical)
        project.log_roots(log, trust.roots, now, manifest.digest)
        log.record(ManifestShared(to=tuple(names)), now, manifest=manifest.digest)
    return manifest


def receive(site: Site, name: str, papers: Mapping[str, bytes], now: datetime) -> Agreement:
    """Take in papers about the manifest that runs, or about one that was shared and is not accepted yet.

    Raises:
        ProjectUnknownError: about neither.
        ApprovalInvalidError: a paper does not hold; then none is taken in.
    """
    project = Project(site, name)
    digest = next((paper_manifest(paper) for paper in papers.values()), "")
    if _runs(project, digest) or not project.log_file.exists():
        return site.project(name).ingest(papers, now)
    about = project.view().manifests.get(digest)
    if about is None or not any(one.given for one in about.sharing.values()):
        raise LsiError("ProjectUnknownError", project=name)
    manifest = project.manifest_of(digest)
    if manifest.digest != digest:
        raise ManifestAlteredError()
    check_papers(manifest, papers, now, project.trust(now))
    project.record(PapersTakenIn(papers=project.keep_papers(papers)), now, digest)
    return read_agreement(manifest, project.received(digest), now, project.trust(now))


def evidence_about(site: Site, manifest: Manifest, now: datetime) -> Evidence:
    """What the gates look at for a manifest that runs here, or that was shared from here."""
    project = Project(site, manifest.project.id)
    if _runs(project, manifest.digest):
        return project.evidence(now)
    return Evidence(project.received(manifest.digest), now, project.trust(now))


def _runs(project: Project, manifest: str) -> bool:
    return (project.folder / "manifest.json").exists() and project.manifest().digest == manifest
