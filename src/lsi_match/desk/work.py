"""What lies in the folder of one user, project by project, and what of it asks for attention now.

The folder is that of a party (`partner.home`), with what was fetched for it; or a matching site, for its operator. Nothing
here decides: what a receipt, an opening or a log says is worked out by the rooms that know.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

from lsi_match.agreement.approvals import Agreement, load_manifest, read_agreement
from lsi_match.agreement.endings import End
from lsi_match.agreement.trust_root_rules import RootMissingError
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.base.files import as_refusal, read_bytes
from lsi_match.crypto.signing import peek
from lsi_match.log.remembered import SplitViewError
from lsi_match.manifest import Manifest
from lsi_match.partner.access.request import requests_of
from lsi_match.partner.exchange import Exchange
from lsi_match.partner.home import Home
from lsi_match.partner.receipts import Receipt, ReceiptOfOthersError, check_receipt
from lsi_match.partner.release.opened_notice import openings_of
from lsi_match.partner.transfer import settings_in
from lsi_match.partner.work_settings import FILE, WorkNotSetError, WorkSettings, work_of
from lsi_match.protocol.documents import Justification, Opening, ReleaseDescriptor
from lsi_match.protocol.place_files import (
    ANSWER_SUFFIX,
    JUSTIFICATION_SUFFIX,
    LOG_SUFFIX,
    RECEIPT_SUFFIX,
    newest_copy,
    papers_beside,
)
from lsi_match.protocol.trust_root import TrustRoot
from lsi_match.transport.endpoints import PlaceUnreachableError

#: Files of what was fetched, by how they end.
_OPENING, _RELEASE, _REPORT, _COUNTS = ".opening.json", ".release.json", ".report.json", ".counts.json"


@dataclass(frozen=True)
class Task:
    """Something that asks for attention: which text says it (of `texts.toml`) with which facts, the page where something can be
    done, until when, and whether it is wrong (or only to do)."""

    text: str
    facts: dict[str, object] = field(default_factory=dict)
    page: str = ""
    until: datetime | None = None
    wrong: bool = False

    @property
    def told_until(self) -> datetime | None:
        """Until when, where its text does not say so itself, as that of an end does."""
        return None if self.text == "ends" else self.until


@dataclass(frozen=True)
class OpenRound:
    """A round that was opened, and what came of the drop for it: `open`, `brought` (no receipt yet), `received`, `refused`
    (with why), or `missed` (its deadline is over)."""

    opening: Opening
    state: str
    receipt: Receipt | None = None


@dataclass(frozen=True)
class ReleaseHere:
    """A release that was fetched: its file, what it says of itself (its signature is checked when it is opened), and when
    it was opened here first."""

    file: Path
    said: ReleaseDescriptor
    opened: datetime | None


@dataclass(frozen=True)
class Proposal:
    """A manifest that lies here: who brought it (nobody: this party joined under it), whether it runs, and what was signed
    about it."""

    by: str
    manifest: Manifest
    runs: bool
    agreement: Agreement

    def wants(self, name: str) -> str:
        """What is asked of this party still: `sign`, `acknowledge`, or nothing."""
        if name not in self.manifest.controllers:
            return ""
        if name not in self.agreement.approvals and name not in self.agreement.withdrawn:
            return "sign"
        return "" if name in self.agreement.roles else "acknowledge"


class ProjectWork:
    """One project in a party's folder, as it is at `now`; made for one request. What lies there is read when it is asked for
    first, and once."""

    def __init__(self, home: Home, project: str, now: datetime) -> None:
        self.home = home
        self.id = project
        self.now = now

    @property
    def manifest(self) -> Manifest:
        """The manifest that this party joined under; every signature is checked again. Raises LsiError."""
        return self.home.agreed_manifest(self.id, self.now)

    @cached_property
    def unchecked_manifest(self) -> Manifest:
        """The manifest that lies here, also where what was signed about it does not hold."""
        return load_manifest(read_bytes(self.home.project(self.id) / "manifest.json"))

    @property
    def shown_manifest(self) -> Manifest | None:
        """The same, for what only shows it; None where there is none, or it cannot be read."""
        try:
            return self.unchecked_manifest if self.joined else None
        except LsiError:
            return None

    @property
    def joined(self) -> bool:
        """Whether this party takes part in the project."""
        return (self.home.project(self.id) / "manifest.json").exists()

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """The pages that its navigation leads to, in groups."""
        manifest = self.shown_manifest
        if manifest is None:
            return {"agree": ("sign", "trust", "draft"), "rounds": ("deliver",)}
        own = ("check", "deliver") if self.home.name in manifest.partners else ("deliver",)
        opens = ("releases",) * (self.home.name in manifest.selecting)
        return {
            "rounds": (*own, *opens, "rounds", "reports"),
            "agree": (
                "sign",
                "trust",
                "agreement",
                "draft",
                *("public",) * (self.home.name in manifest.controllers),
            ),
            "watch": ("log", "cosign", "account", "access"),
        }

    @property
    def title(self) -> str:
        """What the project is called: by the manifest that lies here, else its id."""
        if self.shown_manifest is not None:
            return self.shown_manifest.project.title
        with suppress(LsiError, OSError):
            return self.proposals[-1].manifest.project.title if self.proposals else self.id
        return self.id

    @property
    def papers(self) -> dict[str, bytes]:
        """What was signed about the manifest, by name."""
        return self.home.papers(self.id)

    @cached_property
    def exchange(self) -> Exchange:
        """What was brought and fetched for this project."""
        return Exchange(self.home, self.id, self.mail)

    @cached_property
    def known_roots(self) -> tuple[TrustRoot, ...]:
        """The versions of the trust root that were taken in here; none as long as nobody compared the first."""
        try:
            return self.home.trust(self.id, self.now).roots
        except RootMissingError:
            return ()

    @cached_property
    def proposals(self) -> list[Proposal]:
        """The manifests that lie here, the running one last; none as long as nobody compared the trust root."""
        if not self.known_roots:
            return []
        trust, found = self.home.trust(self.id, self.now), {}
        for by, manifest in self.exchange.manifests():
            papers = self.exchange.papers(manifest)
            found[manifest.digest] = Proposal(
                by, manifest, False, read_agreement(manifest, papers, self.now, trust)
            )
        if self.joined:
            manifest = self.unchecked_manifest
            found.pop(manifest.digest, None)
            agreement = read_agreement(manifest, self.papers, self.now, trust)
            found[manifest.digest] = Proposal("", manifest, True, agreement)
        return list(found.values())

    @cached_property
    def settings(self) -> WorkSettings | None:
        """Where the work lies; None as long as that was not set."""
        try:
            return work_of(self.home, self.id)
        except WorkNotSetError:
            return None

    @property
    def mail(self) -> Path | None:
        """The folder with what was fetched, where there is one."""
        settings = self.settings
        folder = settings.folder / "in" if settings else None
        return folder if folder is not None and folder.is_dir() else None

    @cached_property
    def log_copy(self) -> tuple[Path, tuple[Path, ...]] | None:
        """The newest copy of the log that was fetched, and the papers that came with it."""
        newest = newest_copy((file.name for file in self.fetched(LOG_SUFFIX)), self.id)
        if newest is None or self.mail is None:
            return None
        copy = self.mail / f"{self.id}.{newest}{LOG_SUFFIX}"
        papers = papers_beside(copy)
        return copy, (papers,) if papers.exists() else ()

    def again(self) -> ProjectWork:
        """The same, read anew."""
        return ProjectWork(self.home, self.id, self.now)

    def bring(self) -> bool:
        """Bring what was laid ready to the place, or with the next exchange where that is out of reach; whether nothing is left here."""
        if self.settings is not None:
            with suppress(PlaceUnreachableError):
                self.exchange.bring(settings_in(self.settings.place))
        return not self.exchange.unsent()

    def ends(self) -> list[End]:
        """What of the agreement ends soon, or ended."""
        return self.home.ends(self.id, self.now)

    @cached_property
    def receipts(self) -> list[Receipt]:
        """The receipts that hold, the newest last; what anybody else put there is passed over. Raises `SplitViewError`."""
        found = []
        for file in self.fetched(RECEIPT_SUFFIX):
            try:
                found.append(check_receipt(self.home, self.id, file, self.now))
            except SplitViewError:
                raise
            except (LsiError, ReceiptOfOthersError):
                continue
        return sorted(found, key=lambda one: one.position)

    @cached_property
    def rounds(self) -> list[OpenRound]:
        """The rounds whose opening lies here, the newest first. Openings are verified when a drop is made for them."""
        receipts = {one.round: one for one in self.receipts}
        delivered = set(self.home.delivered_rounds(self.id))
        found = []
        for file in self.fetched(_OPENING):
            try:
                opening = peek(read_bytes(file), Opening, what=file.name, party="matcher")
            except LsiError:
                continue
            receipt = receipts.get(opening.round)
            if receipt is not None:
                state = "received" if receipt.refused is None else "refused"
            elif opening.round in delivered:
                state = "brought"
            else:
                state = "open" if self.now < opening.deadline else "missed"
            found.append(OpenRound(opening, state, receipt))
        return sorted(found, key=lambda one: one.opening.opened_at, reverse=True)

    @cached_property
    def releases(self) -> list[ReleaseHere]:
        """The releases that lie here and are not over, the newest first."""
        opened = {one.release: one.at for one in reversed(openings_of(self.home, self.id))}
        found = []
        for file in self.fetched(_RELEASE):
            data = read_bytes(file)
            try:
                said = peek(data, ReleaseDescriptor, what=file.name, party="matcher")
            except LsiError:
                continue
            if said.partner == self.home.name and self.now < said.expires_at:
                found.append(ReleaseHere(file, said, opened.get(digest_of_bytes(data))))
        return sorted(found, key=lambda one: one.said.released_at, reverse=True)

    def reports(self) -> dict[str, tuple[Path, Path]]:
        """Round → its report and the counts it follows from, of the held rounds that lie here."""
        found = {
            file.name.removeprefix(f"{self.id}.").removesuffix(_REPORT): file
            for file in self.fetched(_REPORT)
        }
        return {name: (file, file.with_name(f"{self.id}.{name}{_COUNTS}")) for name, file in found.items()}

    def justified(self, round_id: str) -> str:
        """What this party said to the report of a held round: `release`, `change`, or nothing."""
        file = self.exchange.outgoing / f"{self.id}.{round_id}.{self.home.name}{JUSTIFICATION_SUFFIX}"
        return (
            peek(read_bytes(file), Justification, what=file.name, party="self").decision
            if file.exists()
            else ""
        )

    def tasks(self) -> Iterator[Task]:
        """What asks for attention now, what is wrong first; also where something in the folder cannot be read."""
        try:
            yield from self._tasks()
        except (LsiError, OSError) as error:
            yield Task("broken", {"why": as_refusal(error)}, wrong=True)

    def _tasks(self) -> Iterator[Task]:
        yield from self._to_sign()
        if not self.joined:
            if self.mail is None:
                yield Task("fetch_first", {}, "deliver")
            return
        try:
            self.manifest  # noqa: B018  # whether all of what was signed still holds
        except LsiError as error:
            yield Task("agreement_wrong", {"why": error}, "agreement", wrong=True)
        try:
            for end in self.ends():
                yield Task("ends", {"what": end}, "agreement", end.at, end.days_warned(self.now) == 0)
        except LsiError as error:
            yield Task("agreement_wrong", {"why": error}, "agreement", wrong=True)
            return
        if self.settings is None:
            yield Task("not_set", {"name": self.home.name, "project": self.id}, "deliver")
            return
        if self.mail is None:
            yield Task("fetch_first", {}, "deliver")
        try:
            yield from self._of_rounds()
        except SplitViewError as error:
            yield Task("split_view", {"why": error}, "log", wrong=True)
        for release in self.releases:
            if release.opened is None:
                facts = {"round": release.said.round, "cases": release.said.cases}
                yield Task("release_waits", facts, "releases", release.said.expires_at)
        for one in requests_of(self.home, self.id):
            if (self.mail or Path()) / f"{one.stem}{ANSWER_SUFFIX}" in self.fetched(ANSWER_SUFFIX):
                yield Task("answered", {"reference": one.reference}, f"access/{one.reference}", one.due)
        for name in self.reports():
            if not self.justified(name):
                yield Task("held", {"round": name}, f"reports/{name}")

    def _to_sign(self) -> Iterator[Task]:
        known = {one.digest for one in self.known_roots}
        for version in self.exchange.roots():
            if version.root.digest not in known:
                text = "trust_next" if known else "trust_first"
                yield Task(text, {"version": version.root.version}, "trust")
        for one in self.proposals:
            if what := one.wants(self.home.name):
                facts: dict[str, object] = {"project": one.manifest.project.title, "by": one.by or "-"}
                yield Task(what, facts, f"sign/{one.manifest.digest.removeprefix('sha256:')}")
        if self.exchange.unsent():
            yield Task("unsent", {"count": len(self.exchange.unsent())}, "deliver")

    def _of_rounds(self) -> Iterator[Task]:
        for one in self.rounds:
            facts: dict[str, object] = {"round": one.opening.round}
            if one.state == "open":
                yield Task("deliver", facts, "deliver", one.opening.deadline)
            elif one.state == "refused" and one.receipt is not None:
                yield Task("refused", facts | {"why": one.receipt.refused}, "deliver", wrong=True)

    @property
    def opening_files(self) -> list[Path]:
        """The openings that were fetched."""
        return self.fetched(_OPENING)

    def fetched(self, suffix: str) -> list[Path]:
        mail = self.mail
        return sorted(mail.glob(f"{self.id}.*{suffix}")) if mail is not None else []


@dataclass(frozen=True)
class Work:
    """The folder of one party."""

    home: Home

    @classmethod
    def of(cls, folder: Path) -> Work:
        """The work in a party's folder; raises CardUnreadableError, FileMissingError where it is none."""
        return cls(Home.of(folder))

    def projects(self, now: datetime) -> list[ProjectWork]:
        """The projects that this party joined."""
        folder = self.home.folder / "projects"
        names = {one.parent.name for kind in ("manifest.json", FILE) for one in folder.glob(f"*/{kind}")}
        return [ProjectWork(self.home, one, now) for one in sorted(names)]

    def project(self, name: str, now: datetime) -> ProjectWork | None:
        """One of them, by its name; None where there is none."""
        return next((one for one in self.projects(now) if one.id == name), None)
