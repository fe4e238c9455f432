"""The matching site: one folder, of which the log is the source of truth.

keys/                          the matcher's own identity
projects/<project>/
    log.sqlite                 the Merkle log of this project
    trust/                     who may sign for whom (agreement/trust_root_store.py)
    manifest.json, approvals/  the agreement that runs: the manifest, and what was signed about it
    documents/<digest>.json    every signed document and overview, by content
    inbox/<partner>/           where drops arrive; others may write here (`matcher.site.inbox`)
    received/<partner>/        drops that were taken in
    quarantine/<partner>/      refused drops and the reason
    rounds/<round>/            opening.json; until the round ends round.key, and work/ (`work`)
    staging/<round>/           sealed releases on their way out
    releases/<partner>/        sealed releases
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from lsi_match.agreement.approvals import (
    Agreement,
    check_approvals,
    check_papers,
    load_manifest,
    paper_name,
    read_agreement,
)
from lsi_match.agreement.gates import Evidence
from lsi_match.agreement.statement_store import StatementStore
from lsi_match.agreement.trust_root_rules import Trust, project_of
from lsi_match.agreement.trust_root_store import TrustStore
from lsi_match.base import dry_run
from lsi_match.base.canonical import canonical_json, digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.base.files import private_folder, read_bytes, write_whole
from lsi_match.crypto.keys import Identity, load_identity, make_identity
from lsi_match.crypto.signing import verify
from lsi_match.log.entry import LogEntry
from lsi_match.log.events import MANIFEST, Event, ManifestRegistered, PapersTakenIn
from lsi_match.log.follower import LogReader
from lsi_match.log.log_file import LogInterruptedError
from lsi_match.log.note import VerifierKey
from lsi_match.log.policy import log_keys
from lsi_match.log.store import Log
from lsi_match.log.view import Counts, ManifestView, ProjectView
from lsi_match.log.writer import LogWriter
from lsi_match.manifest import Manifest
from lsi_match.matcher.site.trust_history import event_of, trust_by_log
from lsi_match.monitor.overview import Overview
from lsi_match.protocol.documents import Opening
from lsi_match.protocol.trust_root import MATCHER, TrustRoot

#: In a folder of the quarantine: why a drop was refused.
REASON = "reason.json"


class RoundUnknownError(LsiError): ...


@dataclass(frozen=True)
class Site:
    """The folder of a matching environment."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, passphrase: str | None = None, *, hybrid: bool = False) -> Site:
        """A new site with keys of its own; with a passphrase, protected by it; `hybrid`: see `crypto.age_keys`."""
        make_identity(MATCHER, folder / "keys", passphrase, hybrid=hybrid)
        return cls(folder)

    def identity(self) -> Identity:
        return load_identity(MATCHER, self.folder / "keys")

    def add_roots(self, pile: Iterable[bytes], pin: str | None, now: datetime) -> list[TrustRoot]:
        """Take in the versions of a trust root that follow those that are here; what was new.

        Until a project has a manifest with the keys of the newest version, it opens and runs no round. The log
        comes first: a key that changed without an entry would be a replacement that nobody can see.

        Args:
            pin: digest of version 1, as a person compared it.

        Raises:
            TrustRootError, SignedDocumentInvalidError: see `agreement.trust_root_rules`.
        """
        papers = list(pile)
        project = Project(self, project_of(papers))
        new = project.trust_store.news(papers, pin, now)
        if new and project.log_file.exists():
            with project.writer() as log:
                project.log_roots(log, [one.root for one in new], now, log.view.under[-1][1])
        project.trust_store.keep(new)
        return [one.root for one in new]

    def projects(self) -> list[Project]:
        """Every project that was accepted, by name.

        Raises:
            SiteMissingError: no site is here. A timer that looks at a wrong folder must not say that all is well.
        """
        if not (self.folder / "keys").is_dir():
            raise LsiError("SiteMissingError", folder=str(self.folder))
        found = sorted((self.folder / "projects").glob("*/manifest.json"))
        return [Project(self, file.parent.name) for file in found]

    def begun(self) -> list[Project]:
        """Every project that has places where files change hands, and no manifest yet."""
        found = sorted((self.folder / "projects").glob("*/delivery.yaml"))
        return [
            Project(self, one.parent.name) for one in found if not (one.parent / "manifest.json").exists()
        ]

    def accept(self, canonical: bytes, papers: Mapping[str, bytes], now: datetime) -> Project:
        """Register a manifest that every controller approved; the start of a project, or of its next version.

        Args:
            papers: the approvals, and other signed papers that are there already (`agreement.approvals`). What the log says
                was taken in about this manifest before counts too, a withdrawal above all.

        Raises:
            ManifestAlteredError, ApprovalsMissingError: see `agreement.approvals`.
            ApprovalInvalidError: a paper does not hold; then none is taken in.
            TrustRootError: its keys are not those of the trust root, or there is none that stands today.
        """
        manifest = load_manifest(canonical)
        project = Project(self, manifest.project.id)
        trust = project.trust(now)
        trust.check(manifest, now)
        known = project.received(manifest.digest)
        check_approvals(manifest, {**known, **papers}, now, trust)
        check_papers(manifest, papers, now, trust)
        project.make_inboxes(manifest)
        with project.make_log(manifest) as log:
            project.keep(canonical)
            project.log_roots(log, trust.roots, now, manifest.digest)
            registered = ManifestRegistered(papers=project.keep_papers(papers))
            log.record(registered, now, manifest=manifest.digest)
        shutil.rmtree(project.papers_folder.folder, ignore_errors=True)
        project.papers_folder.add((*known.values(), *papers.values()))
        write_whole(project.folder / "manifest.json", canonical, replace=True)
        return project

    def project(self, name: str, *, begun: bool = False) -> Project:
        """A project that was accepted; or, where `begun` is asked, that has places and no manifest yet."""
        project = Project(self, name)
        if not (
            (project.folder / "manifest.json").exists()
            or (begun and project.id in [one.id for one in self.begun()])
        ):
            raise LsiError("ProjectUnknownError", project=name)
        return project


@dataclass(frozen=True)
class Project:
    """The folder of one project on a site."""

    site: Site
    id: str
    #: Its log, while it is held open (`opened`, `reading`).
    _log: LogReader | None = field(default=None, compare=False, repr=False)

    @property
    def folder(self) -> Path:
        return self.site.folder / "projects" / self.id

    @property
    def log_file(self) -> Path:
        return self.folder / "log.sqlite"

    def log_keys(self) -> tuple[VerifierKey, ...]:
        """The keys that sign its log: those of the registered manifest, or before there is one, of that which the log began with."""
        if (self.folder / "manifest.json").exists():
            return log_keys(self.manifest())
        with Log.open(self.log_file, read_only=True) as log:
            began = next((str(entry.attributes[MANIFEST]) for _, entry in log.entries()), "")
        return log_keys(self.manifest_of(began)) if began else ()

    @property
    def behind_file(self) -> Path:
        """While it lies there nothing of this project is signed: a checkpoint that this site signed and that its log does not
        have, or nothing yet, while the site is put back. `matcher.operate.restore` takes it away."""
        return self.folder / "behind.note"

    def _check_not_behind(self) -> None:
        if self.behind_file.exists():
            raise LsiError("LogBehindError", project=self.id)

    def make_log(self, manifest: Manifest) -> LogWriter:
        """The log to write to, made when there is none; under this manifest."""
        self._check_not_behind()
        dry_run.before("log", self.id)
        keys = self.log_keys if self.log_file.exists() else lambda: log_keys(manifest)
        return LogWriter.create(self.log_file, self.id, manifest.matcher.domain, self.site.identity, keys)

    @contextmanager
    def writer(self) -> Iterator[LogWriter]:
        """The log to write to, opened where it is not open already; raises LogMissingError when it is gone: a new one
        would say that nothing was ever released; LogBehindError when an older one was put in its place."""
        self._check_not_behind()
        if isinstance(self._log, LogWriter):
            yield self._log
            return
        with LogWriter.existing(self.log_file, self.id, self.site.identity, self.log_keys) as log:
            yield log

    def record(self, event: Event, at: datetime, manifest: str = "", **more: Any) -> None:
        """Write one entry under the manifest that runs, or another; see `LogWriter.record`."""
        with self.writer() as log:
            log.record(event, at, manifest=manifest or self.manifest().digest, **more)

    @contextmanager
    def opened(self) -> Iterator[Project]:
        """This project with its log held open: within, it is opened once and each entry read once."""
        with self.writer() as log:
            yield replace(self, _log=log)

    @contextmanager
    def reading(self) -> Iterator[Project]:
        """As `opened`, for who only reads. Where the log cannot be opened, whoever asks for it is told."""
        with ExitStack() as stack:
            found = self
            with suppress(LsiError):
                found = replace(self, _log=stack.enter_context(self.reader()))
            yield found

    @contextmanager
    def reader(self) -> Iterator[LogReader]:
        """The log to read, without the site's keys; opened where it is not open already.

        Where writing was broken off, opening the log for writing undoes the incomplete step first.
        """
        if self._log is not None:
            yield self._log
            return
        try:
            log = LogReader.open(self.log_file, self.log_keys)
        except LogInterruptedError:
            Log.open(self.log_file).close()
            log = LogReader.open(self.log_file, self.log_keys)
        with log:
            yield log

    def view(self) -> ProjectView:
        """How the project stands, by its log.

        Raises:
            LogMissingError, LogUnreadableError, EventMalformedError, StepOutOfPlaceError: see `log.follower`.
        """
        with self.reader() as log:
            return log.view

    def entries(self) -> list[LogEntry]:
        """Every entry of the log as it stands there, oldest first; what it says is in the `view`."""
        with self.reader() as log:
            return [entry for _, entry in log.log.entries()]

    def _known(self) -> ProjectView:
        """As `view`; an empty one where no log was begun."""
        return self.view() if self.log_file.exists() else ProjectView()

    @property
    def trust_store(self) -> TrustStore:
        return TrustStore(self.site.folder, self.id)

    def trust(self, now: datetime) -> Trust:
        """Who may sign for whom, by the trust roots here and the log; raises TrustRootError, RootNotLoggedError."""
        roots = self.trust_store.roots(now)
        trust = trust_by_log(roots, self.view()) if self.log_file.exists() else Trust(roots)
        return replace(trust, revocations=self.trust_store.revocations)

    def log_roots(self, log: LogWriter, roots: Iterable[TrustRoot], now: datetime, manifest: str) -> None:
        """An entry for every version that the log does not have yet; each is kept as a document too."""
        logged = set(log.view.roots)
        known = {root.version: root for root in self.trust_store.roots(now)} if logged else {}
        for root in roots:
            if root.version not in logged:
                self.keep(root.canonical())
                log.record(event_of(root, known.get(root.version - 1)), now, manifest=manifest)
            known[root.version] = root

    def manifest(self) -> Manifest:
        """The manifest as registered, its bytes checked to be canonical."""
        return load_manifest(read_bytes(self.folder / "manifest.json"))

    def make_inboxes(self, manifest: Manifest) -> None:
        """Make the folder of this project, and in it one where each partner can bring its drops."""
        for name in manifest.partners:
            private_folder(self.folder / "inbox" / name)

    @property
    def papers_folder(self) -> StatementStore:
        return StatementStore(self.folder / "approvals")

    def papers(self) -> dict[str, bytes]:
        """What was signed about the manifest, as `agreement.approvals.read_agreement` takes it."""
        return self.papers_folder.papers()

    def received(self, manifest: str) -> dict[str, bytes]:
        """Every paper that the log says was taken in about the manifest with this digest, by party and its own digest."""
        return self._kept(self._known().manifests.get(manifest, ManifestView()).papers)

    def _kept(self, papers: Mapping[str, str]) -> dict[str, bytes]:
        return {f"{name}.{digest}": self.kept(digest) for digest, name in papers.items()}

    def ingest(self, papers: Mapping[str, bytes], now: datetime) -> Agreement:
        """Take in papers that were signed after the manifest was accepted: acknowledgements, withdrawals, and
        approvals anew. What does not hold is refused; what they say together now.

        Raises:
            ApprovalInvalidError: a paper is not signed with a key that counts, or about something else.
        """
        manifest = self.manifest()
        check_papers(manifest, papers, now, self.trust(now))
        self.record(PapersTakenIn(papers=self.keep_papers(papers)), now, manifest.digest)
        self.papers_folder.add(papers.values())
        return read_agreement(manifest, self.papers(), now, self.trust(now))

    def keep_papers(self, papers: Mapping[str, bytes]) -> dict[str, str]:
        """Keep papers under their digests; for the log, what each is and its digest."""
        kept: dict[str, str] = {}
        for data in papers.values():
            name, number = paper_name(data), 1
            while name in kept:
                number += 1
                name = f"{paper_name(data)}.{number}"
            kept[name] = self.keep(data)
        return kept

    def evidence(self, now: datetime, opening: Opening | None = None) -> Evidence:
        """What the gates look at. A withdrawal that the log knows counts, also when its file is gone."""
        key = bool(opening and self.takes_drops(opening.round))
        view = self._known()
        others = [at for name, at in view.opened().items() if opening and name != opening.round]
        papers = {**self._kept(view.withdrawals()), **self.papers()}
        return Evidence(papers, now, self.trust(now), opening, key, others)

    def keep(self, document: bytes) -> str:
        """Keep a document under its digest; the digest."""
        digest = digest_of_bytes(document)
        if not self.has(digest):
            dry_run.before("keep", digest)
            write_whole(self.kept_file(digest), document)
        return digest

    def has(self, digest: str) -> bool:
        """Whether a document of that digest is kept here."""
        return self.kept_file(digest).exists()

    def kept(self, digest: str) -> bytes:
        """The document of that digest; what it says is judged by who reads it.

        Raises:
            DocumentAlteredError: another document lies in its place.
        """
        data = read_bytes(self.kept_file(digest))
        if digest_of_bytes(data) != digest:
            raise LsiError("DocumentAlteredError", digest=digest)
        return data

    def manifest_of(self, digest: str) -> Manifest:
        """The manifest of that digest, of those that are kept."""
        return load_manifest(self.kept(digest))

    def kept_file(self, digest: str) -> Path:
        """Where the document of that digest lies, if it is kept here."""
        return self.folder / "documents" / f"{digest.removeprefix('sha256:')}.json"

    def overview(self, round_id: str) -> Overview | None:
        """The overview of a round's latest count that was not refused; None when it was never counted."""
        counts = self._counts(round_id)
        return None if counts is None else Overview.model_validate_json(self.kept(counts.overview))

    def monitor_documents(self, round_id: str) -> dict[str, bytes]:
        """The report of the monitor on a round (`report.json`) and the counts that it follows from (`counts.json`), as
        they are kept: of the latest count that was not refused, so the report that a held round is held for.

        Raises:
            ReportMissingError: the round was never counted, or its manifest has no dimensions.
        """
        counts = self._counts(round_id)
        if counts is None or counts.findings is None or counts.table is None:
            raise LsiError("ReportMissingError", round=round_id, project=self.id)
        return {"report.json": self.kept(counts.findings), "counts.json": self.kept(counts.table)}

    def _counts(self, round_id: str) -> Counts | None:
        round_ = self.view().round(round_id)
        return None if round_ is None else round_.counts

    def round_folder(self, round_id: str) -> Path:
        return self.folder / "rounds" / round_id

    def takes_drops(self, round_id: str) -> bool:
        """Whether the round is open: its key is there."""
        return (self.round_folder(round_id) / "round.key").exists()

    def opening(self, round_id: str, manifest: Manifest | None = None) -> tuple[Opening, bytes]:
        """The opening of a round, its signature checked, and its bytes.

        Args:
            manifest: names the matcher's key; the registered one by default. Who looked at a manifest already passes
                that one, so that it does not matter what the disk holds by now.
        """
        file = self.round_folder(round_id) / "opening.json"
        if not file.exists():
            raise RoundUnknownError(round=round_id, project=self.id)
        data = read_bytes(file)
        key = (manifest or self.manifest()).matcher.signing_key
        return verify(data, Opening, key, what="opening", party=MATCHER), data


def json_document(value: object) -> bytes:
    """A plain value as a canonical document with a closing line end."""
    return canonical_json(json.loads(json.dumps(value))) + b"\n"
