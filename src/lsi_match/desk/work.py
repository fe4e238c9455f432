"""What lies in the folder of one user, project by project, and what of it asks for attention now.

The folder is that of a party (`partner.home`), with what was fetched for it; or a matching site, for its operator. Nothing
here decides: what a receipt, an opening or a log says is worked out by the rooms that know.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

from lsi_match.agreement.approvals import load_manifest
from lsi_match.agreement.endings import End
from lsi_match.agreement.statement_store import StatementStore
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.base.files import read_bytes
from lsi_match.crypto.keys import CARD, read_public_keys
from lsi_match.crypto.signing import peek
from lsi_match.log.remembered import SplitViewError
from lsi_match.manifest import Manifest
from lsi_match.partner.home import Home
from lsi_match.partner.receipts import Receipt, ReceiptOfOthersError, check_receipt
from lsi_match.partner.release.opened_notice import openings_of
from lsi_match.partner.work_settings import WorkNotSetError, WorkSettings, work_of
from lsi_match.protocol.documents import Opening, ReleaseDescriptor
from lsi_match.protocol.place_files import LOG_SUFFIX, PAPERS_SUFFIX
from lsi_match.protocol.receipt_files import RECEIPT_SUFFIX

#: Files of what was fetched, by how they end.
_OPENING, _RELEASE, _REPORT = ".opening.json", ".release.json", ".report.json"


@dataclass(frozen=True)
class Task:
    """Something that asks for attention: which text says it (of `texts.toml`) with which facts, the page where something can be
    done, until when, and whether it is wrong (or only to do)."""

    text: str
    facts: dict[str, object] = field(default_factory=dict)
    page: str = ""
    until: datetime | None = None
    wrong: bool = False


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
    def papers(self) -> dict[str, bytes]:
        """What was signed about the manifest, by name."""
        return StatementStore(self.home.project(self.id) / "approvals").papers()

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

    def log_copy(self) -> tuple[Path, tuple[Path, ...]] | None:
        """The newest copy of the log that was fetched, and the papers that came with it."""
        copies = {
            int(size): file
            for file in self._fetched(LOG_SUFFIX)
            if (size := file.name.removeprefix(f"{self.id}.").removesuffix(LOG_SUFFIX)).isdecimal()
        }
        if not copies:
            return None
        newest = max(copies)
        papers = copies[newest].with_name(f"{self.id}.{newest}{PAPERS_SUFFIX}")
        return copies[newest], (papers,) if papers.exists() else ()

    def ends(self) -> list[End]:
        """What of the agreement ends soon, or ended."""
        return self.home.ends(self.id, self.now)

    @cached_property
    def receipts(self) -> list[Receipt]:
        """The receipts that hold, the newest last; what anybody else put there is passed over. Raises `SplitViewError`."""
        found = []
        for file in self._fetched(RECEIPT_SUFFIX):
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
        for file in self._fetched(_OPENING):
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
        for file in self._fetched(_RELEASE):
            data = read_bytes(file)
            try:
                said = peek(data, ReleaseDescriptor, what=file.name, party="matcher")
            except LsiError:
                continue
            if said.partner == self.home.name and self.now < said.expires_at:
                found.append(ReleaseHere(file, said, opened.get(digest_of_bytes(data))))
        return sorted(found, key=lambda one: one.said.released_at, reverse=True)

    def reports(self) -> list[Path]:
        """The reports of held rounds that lie here."""
        return self._fetched(_REPORT)

    def tasks(self) -> Iterator[Task]:
        """What asks for attention now, what is wrong first."""
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
        for file in self.reports():
            yield Task("held", {"round": file.name.split(".")[1]}, "reports")

    def _of_rounds(self) -> Iterator[Task]:
        for one in self.rounds:
            facts: dict[str, object] = {"round": one.opening.round}
            if one.state == "open":
                yield Task("deliver", facts, "deliver", one.opening.deadline)
            elif one.state == "refused" and one.receipt is not None:
                yield Task("refused", facts | {"why": one.receipt.refused}, "deliver", wrong=True)

    def _fetched(self, suffix: str) -> list[Path]:
        mail = self.mail
        return sorted(mail.glob(f"{self.id}.*{suffix}")) if mail is not None else []


@dataclass(frozen=True)
class Work:
    """The folder of one party."""

    home: Home

    @classmethod
    def of(cls, folder: Path) -> Work:
        """The work in a party's folder; raises CardUnreadableError, FileMissingError where it is none."""
        card = read_public_keys(read_bytes(folder / "keys" / CARD), CARD)
        return cls(Home(folder, card.name))

    def projects(self, now: datetime) -> list[ProjectWork]:
        """The projects that this party joined."""
        folders = sorted((self.home.folder / "projects").glob("*/manifest.json"))
        return [ProjectWork(self.home, one.parent.name, now) for one in folders]

    def project(self, name: str, now: datetime) -> ProjectWork | None:
        """One of them, by its name; None where there is none."""
        return next((one for one in self.projects(now) if one.id == name), None)
