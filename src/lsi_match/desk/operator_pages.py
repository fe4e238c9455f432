"""The pages of the operator, over a matching site: what is the matter, how the rounds stand, and what the site signs or takes in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path

from starlette.responses import Response

from lsi_match.agreement.approvals import load_manifest, read_agreement
from lsi_match.agreement.signer import signer
from lsi_match.agreement.trust_root_rules import RootMissingError, SignedRoot, check_typed, readable_roots
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import LsiError, wrong_use
from lsi_match.base.files import read_bytes, read_text, shipped
from lsi_match.desk.page import Pages, Visit
from lsi_match.desk.render import from_markdown
from lsi_match.desk.work import Proposal, Task, Work
from lsi_match.manifest import Manifest
from lsi_match.matcher.operate import alarms
from lsi_match.matcher.operate.health import Standing, status
from lsi_match.matcher.operate.observed_state import LastReconciled, last_reconciled
from lsi_match.matcher.operate.publish import publish
from lsi_match.matcher.operate.shared_files import lying, papers_about
from lsi_match.matcher.operate.transfers import places_of
from lsi_match.matcher.round.open_round import open_round, refusal
from lsi_match.matcher.site.share_manifest import receive
from lsi_match.matcher.site.site import Project, Site
from lsi_match.partner.approving import acknowledge_as
from lsi_match.partner.home import Home
from lsi_match.protocol.place_files import INSTRUCTION_SUFFIX, MANIFEST_SUFFIX, ROOT_SUFFIX
from lsi_match.protocol.trust_root import MATCHER, Role, TrustRoot
from lsi_match.reports.trust_page import versions


class SiteProject:
    """One project of a site, as it is at `now`; made for one request."""

    def __init__(self, project: Project, now: datetime) -> None:
        self.project = project
        self.id = project.id
        self.now = now

    def again(self) -> SiteProject:
        """The same, read anew."""
        return SiteProject(self.project, self.now)

    def bring(self) -> bool:
        """What a site has for others goes with its next look."""
        return True

    @property
    def runs(self) -> bool:
        """Whether a manifest was taken in."""
        return (self.project.folder / "manifest.json").exists()

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """The pages that its navigation leads to, in groups."""
        return {"rounds": ("open",), "agree": ("begin", "public")} if self.runs else {"agree": ("begin",)}

    @property
    def title(self) -> str:
        try:
            return self.project.manifest().project.title if self.runs else self.id
        except LsiError:
            return self.id

    @cached_property
    def standing(self) -> Standing | None:
        """How it stands; None as long as there is no manifest."""
        return status(self.project, self.now) if self.runs else None

    @property
    def looked(self) -> LastReconciled:
        return last_reconciled(self.project)

    @cached_property
    def known_roots(self) -> tuple[TrustRoot, ...]:
        try:
            return self.project.trust_store.roots(self.now)
        except RootMissingError:
            return ()

    @cached_property
    def roots(self) -> list[SignedRoot]:
        """The versions of the trust root that were brought."""
        return readable_roots((read_bytes(file) for file in lying(self.project, ROOT_SUFFIX)), self.id)

    @cached_property
    def proposals(self) -> list[Proposal]:
        """The manifests that were brought and do not run, with what was signed about them."""
        found = []
        for file in lying(self.project, MANIFEST_SUFFIX) if self.known_roots else ():
            try:
                manifest = load_manifest(read_bytes(file))
            except LsiError:
                continue
            if not (self.runs and self.project.manifest().digest == manifest.digest):
                papers = self.papers(manifest)
                agreed = read_agreement(manifest, papers, self.now, self.project.trust(self.now))
                found.append(Proposal(file.name.split(".")[1], manifest, False, agreed))
        return found

    def papers(self, manifest: Manifest) -> dict[str, bytes]:
        """What was signed about a manifest: what came in, and what the log says was taken in."""
        return self.project.received(manifest.digest) | papers_about(self.project, manifest.digest)

    def instruction(self, manifest: Manifest) -> bytes | None:
        files = (read_bytes(file) for file in lying(self.project, INSTRUCTION_SUFFIX))
        return next(
            (data for data in files if digest_of_bytes(data) == manifest.work_instruction.digest), None
        )

    def tasks(self) -> Iterator[Task]:
        """What asks for attention now, what is wrong first."""
        for alarm in self.standing.alarms if self.standing else ():
            facts: dict[str, object] = {"alarm": alarm.name, "what": alarm}
            yield Task("alarm", facts, f"alarms/{alarm.name}", wrong=True)
        if self.roots and not self.known_roots:
            yield Task("trust_first", {"version": self.roots[0].root.version}, "begin")
        for one in self.proposals:
            facts = {"project": one.manifest.project.title}
            if MATCHER not in one.agreement.roles:
                yield Task("acknowledge", facts, "begin")
            if one.agreement.approvals.keys() == one.manifest.controllers.keys():
                yield Task("accept", facts, "begin")


@dataclass(frozen=True)
class SiteWork:
    """A matching site, for its operator."""

    home: Home

    @property
    def site(self) -> Site:
        return Site(self.home.folder)

    def projects(self, now: datetime) -> list[SiteProject]:
        """Every project, those that have no manifest yet too."""
        return [SiteProject(one, now) for one in (*self.site.projects(), *self.site.begun())]

    def project(self, name: str, now: datetime) -> SiteProject | None:
        """One of them, by its name; None where there is none."""
        return next((one for one in self.projects(now) if one.id == name), None)


def work_in(home: Home) -> Work | SiteWork:
    """The work in a folder: that of a party, or a matching site."""
    return SiteWork(home) if home.name == MATCHER else Work(home)


def _overview(visit: Visit, work: SiteProject) -> Response:
    disk = shutil.disk_usage(work.project.folder)
    try:
        places = list(places_of(work.project))
    except LsiError:
        places = []
    live = visit.request.query_params.get("live") == "yes"
    page = visit.page(
        "site.html", work.title, live=live, tasks=[(work, one) for one in work.tasks()], standing=work.standing,
        looked=work.looked, places=places, disk=disk, free=100 * disk.free // disk.total,
    )  # fmt: skip
    if live:  # as its reader asked
        page.headers["refresh"] = "60"
    return page


def _alarm(visit: Visit, work: SiteProject) -> Response:
    name = visit.request.path_params["name"]
    if name not in alarms.NAMES:
        return visit.nowhere()
    text = read_text(shipped("docs") / "nl" / "alarmen" / f"{name}.md")
    return visit.page(
        "alarm.html",
        text.partition("\n")[0].lstrip("# ").replace("`", ""),
        text=from_markdown(text, "nl"),
    )


def _begin(visit: Visit, work: SiteProject) -> Response:
    manifests = [(one, work.instruction(one.manifest)) for one in work.proposals]
    return visit.page(
        "begin.html", versions=versions(work.roots, visit.lang), known=work.known_roots,
        manifests=[(one, from_markdown(text.decode(errors="replace"), visit.lang) if text else None) for one, text in manifests],
    )  # fmt: skip


def _take(visit: Visit, work: SiteProject) -> Response:
    form, site = visit.form, work.project.site
    what, of = form.get("what", ""), form.get("of", "")
    root = next((one for one in work.roots if one.root.digest == of), None)
    found = next((one.manifest for one in work.proposals if one.manifest.digest == of), None)
    if what == "compare" and root is not None:
        check_typed(root.root, form.get("digest", ""))
        site.add_roots((paper for one in work.roots for paper in one.papers), root.root.digest, work.now)
    elif what == "acknowledge" and found is not None:
        identity = signer(found, MATCHER, site.folder, Role.ACKNOWLEDGE, work.now)
        roles = found.work_instruction.acknowledged_by
        paper = acknowledge_as(found, identity, work.instruction(found) or b"", roles, work.now)
        receive(site, work.id, {MATCHER: paper}, work.now)
    elif what == "accept" and found is not None:
        site.accept(found.canonical(), work.papers(found), work.now)
    else:
        return visit.nowhere()
    return visit.then(_begin, what)


def _opening(visit: Visit, work: SiteProject) -> Response:
    if not work.runs:
        return visit.nowhere()
    shut = refusal(work.project, work.now)
    return visit.page("open.html", shut=shut, next=work.standing.next if work.standing else None)


def _open(visit: Visit, work: SiteProject) -> Response:
    form = visit.form
    name, day = form.get("round", ""), form.get("day", "") or None
    if not work.runs:
        return visit.nowhere()
    try:
        day = day and date.fromisoformat(day).isoformat()
    except ValueError:
        raise wrong_use("desk.no_date") from None
    open_round(work.project, name, day, work.now)
    return visit.then(_opening, name)


def _public(visit: Visit, work: SiteProject, file: Path | None = None) -> Response:
    return visit.page("public.html", text="", complaints=[], file=file)


def _publish(visit: Visit, work: SiteProject) -> Response:
    if visit.form.get("what") != "write" or not work.runs:
        return visit.nowhere()
    out = work.project.site.folder / "public"
    publish(work.project.site.projects(), out, work.now)
    return visit.then(_public, "write", out / "index.html")


PAGES: Pages = (
    ("", False, _overview),
    ("open", False, _opening),
    ("open", True, _open),
    ("public", False, _public),
    ("public", True, _publish),
    ("alarms/{name}", False, _alarm),
    ("begin", False, _begin),
    ("begin", True, _take),
)
