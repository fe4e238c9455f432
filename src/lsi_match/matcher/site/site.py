"""The matching site: one folder, of which the log is the source of truth.

keys/                          the matcher's own identity
projects/<project>/
    log.sqlite                 the Merkle log of this project
    trust/                     who may sign for whom (agreement/trust_root_store.py)
    manifest.json, approvals/  the agreement that runs: the manifest, and what was signed about it
    documents/<digest>.json    every signed document and overview, by content
    inbox/<partner>/           where drops arrive
    quarantine/<partner>/      refused drops and the reason
    rounds/<round>/            opening.json; until the round ends round.key, and work/ (`work`)
    staging/<round>/           sealed releases on their way out
    releases/<partner>/        sealed releases
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

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
from lsi_match.base.canonical import canonical_json, digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.base.files import private_folder, read_bytes, write_whole
from lsi_match.crypto.keys import Identity, load_identity, make_identity
from lsi_match.crypto.signing import verify
from lsi_match.log.entry import LogEntry
from lsi_match.log.log_file import LogInterruptedError
from lsi_match.log.steps import Step
from lsi_match.log.store import Log
from lsi_match.log.writer import Journal
from lsi_match.manifest import Manifest
from lsi_match.matcher.site.trust_history import facts_of, logged_roots, taken_in, trust_by_log, withdrawals
from lsi_match.monitor.overview import Overview
from lsi_match.protocol.documents import Opening
from lsi_match.protocol.trust_root import MATCHER, TrustRoot

OPENING = "opening"


class SiteMissingError(LsiError):
    nl = "In {folder} is geen koppelomgeving. Kijk of de naam klopt, of maak er een met 'site init'."
    en = "There is no matching site in {folder}. Check its name, or make one: 'site init'."


class ProjectUnknownError(LsiError):
    nl = "Project {project} is hier niet bekend. Leg eerst het manifest vast met 'site accept'."
    en = "Project {project} is not known here. Register its manifest first: 'site accept'."


class RoundUnknownError(LsiError):
    nl = "Ronde {round} van project {project} is niet geopend. Open haar met 'match open'."
    en = "Round {round} of project {project} was not opened. Open it with 'match open'."


class DocumentAlteredError(LsiError):
    nl = "Het bewaarde document {digest} is niet meer wat het logboek noemt. Zet de map 'documents' terug uit een kopie."
    en = "The document {digest} that was kept is not what the log names any more. Put the folder 'documents' back from a copy."


class ReportMissingError(LsiError):
    nl = "Over ronde {round} van project {project} heeft de monitor geen rapport: zij is nog niet geteld, of het manifest telt geen groepen."
    en = "The monitor has no report on round {round} of project {project}: it was not counted yet, or the manifest counts no groups."


@dataclass(frozen=True)
class Site:
    """The folder of a matching environment."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, passphrase: str | None = None) -> Site:
        """A new site with keys of its own; with a passphrase, protected by it."""
        make_identity(MATCHER, folder / "keys", passphrase)
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
            with project.existing_journal() as journal:
                under = str(journal.entries()[-1].attributes["lsi.manifest"])
                project.log_roots(journal, [one.root for one in new], now, under)
        project.trust_store.keep(new)
        return [one.root for one in new]

    def projects(self) -> list[Project]:
        """Every project that was accepted, by name.

        Raises:
            SiteMissingError: no site is here. A timer that looks at a wrong folder must not say that all is well.
        """
        if not (self.folder / "keys").is_dir():
            raise SiteMissingError(folder=str(self.folder))
        found = sorted((self.folder / "projects").glob("*/manifest.json"))
        return [Project(self, file.parent.name) for file in found]

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
        private_folder(project.folder)
        for name in manifest.partners:
            private_folder(project.folder / "inbox" / name)
        with project.make_journal(manifest.matcher.domain) as journal:
            project.keep(canonical)
            project.log_roots(journal, trust.roots, now, manifest.digest)
            journal.record(
                Step.REGISTER_MANIFEST, now, manifest=manifest.digest, facts=project.keep_papers(papers)
            )
        shutil.rmtree(project.papers_folder.folder, ignore_errors=True)
        project.papers_folder.add((*known.values(), *papers.values()))
        write_whole(project.folder / "manifest.json", canonical, replace=True)
        return project

    def project(self, name: str) -> Project:
        """A project that was accepted."""
        project = Project(self, name)
        if not (project.folder / "manifest.json").exists():
            raise ProjectUnknownError(project=name)
        return project


@dataclass(frozen=True)
class Project:
    """The folder of one project on a site."""

    site: Site
    id: str

    @property
    def folder(self) -> Path:
        return self.site.folder / "projects" / self.id

    @property
    def log_file(self) -> Path:
        return self.folder / "log.sqlite"

    def make_journal(self, domain: str) -> Journal:
        """The journal, its log made when there is none."""
        return Journal.open(self.log_file, self.id, domain, self.site.identity())

    def existing_journal(self) -> Journal:
        """The journal of a log that is there, whether a manifest was accepted or not."""
        return Journal.existing(self.log_file, self.id, self.site.identity())

    def journal(self) -> Journal:
        """The journal of a project that was accepted; raises LogMissingError when its log is gone: a new one would say
        that nothing was ever released."""
        return self.existing_journal()

    @property
    def trust_store(self) -> TrustStore:
        return TrustStore(self.site.folder, self.id)

    def trust(self, now: datetime) -> Trust:
        """Who may sign for whom, by the trust roots here and the log; raises TrustRootError, RootNotLoggedError."""
        roots = self.trust_store.roots(now)
        if not self.log_file.exists():
            return Trust(roots)
        with self.existing_journal() as journal:
            return trust_by_log(roots, journal.entries())

    def log_roots(self, journal: Journal, roots: Iterable[TrustRoot], now: datetime, manifest: str) -> None:
        """An entry for every version that the log does not have yet; each is kept as a document too."""
        logged = logged_roots(journal.entries())
        known = {root.version: root for root in self.trust_store.roots(now)} if logged else {}
        for root in roots:
            if root.version not in logged:
                self.keep(root.canonical())
                facts = facts_of(root, known.get(root.version - 1))
                journal.record(Step.TRUST_ROOT, now, manifest=manifest, facts=facts)
            known[root.version] = root

    def entries(self) -> list[LogEntry]:
        """Every entry of the log, oldest first; read without the site's keys.

        Where writing was broken off, opening the log for writing undoes the incomplete step first.
        """
        try:
            with Log.open(self.log_file, read_only=True) as log:
                return [entry for _, entry in log.entries()]
        except LogInterruptedError:
            with Log.open(self.log_file) as log:
                return [entry for _, entry in log.entries()]

    def _logged(self) -> list[LogEntry]:
        """As `entries`; none where no log was begun."""
        return self.entries() if self.log_file.exists() else []

    def manifest(self) -> Manifest:
        """The manifest as registered, its bytes checked to be canonical."""
        return load_manifest(read_bytes(self.folder / "manifest.json"))

    @property
    def papers_folder(self) -> StatementStore:
        return StatementStore(self.folder / "approvals")

    def papers(self) -> dict[str, bytes]:
        """What was signed about the manifest, as `agreement.approvals.read_agreement` takes it."""
        return self.papers_folder.papers()

    def received(self, manifest: str) -> dict[str, bytes]:
        """Every paper that the log says was taken in about the manifest with this digest, by party and its own digest."""
        return self._kept(taken_in(self._logged(), manifest))

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
        with self.journal() as journal:
            journal.record(Step.TAKE_IN, now, manifest=manifest.digest, facts=self.keep_papers(papers))
        self.papers_folder.add(papers.values())
        return read_agreement(manifest, self.papers(), now, self.trust(now))

    def keep_papers(self, papers: Mapping[str, bytes]) -> dict[str, str]:
        """Keep papers under their digests; for the log, what each is and its digest."""
        facts: dict[str, str] = {}
        for data in papers.values():
            name, number = f"paper.{paper_name(data)}", 1
            while name in facts:
                number += 1
                name = f"paper.{paper_name(data)}.{number}"
            facts[name] = self.keep(data)
        return facts

    def evidence(self, now: datetime, opening: Opening | None = None) -> Evidence:
        """What the gates look at. A withdrawal that the log knows counts, also when its file is gone."""
        key = bool(opening and self.takes_drops(opening.round))
        withdrawn = self._kept(withdrawals(self._logged()))
        return Evidence({**withdrawn, **self.papers()}, now, self.trust(now), opening, key)

    def keep(self, document: bytes) -> str:
        """Keep a document under its digest; the digest."""
        digest = digest_of_bytes(document)
        if not self.has(digest):
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
            raise DocumentAlteredError(digest=digest)
        return data

    def kept_file(self, digest: str) -> Path:
        """Where the document of that digest lies, if it is kept here."""
        return self.folder / "documents" / f"{digest.removeprefix('sha256:')}.json"

    def overview(self, round_id: str) -> Overview | None:
        """The overview of a round's latest count, found through the log; None when it was never counted."""
        digests = [
            str(entry.attributes["lsi.overview"])
            for entry in self.entries()
            if entry.name == Step.COUNT.value and entry.attributes.get("lsi.round") == round_id
        ]
        if not digests:
            return None
        return Overview.model_validate_json(self.kept(digests[-1]))

    def monitor_documents(self, round_id: str) -> dict[str, bytes]:
        """The latest report of the monitor on a round (`report.json`) and the counts that it follows from
        (`counts.json`), as they are kept.

        Raises:
            ReportMissingError: the round was never counted, or its manifest has no dimensions.
        """
        with self.journal() as journal:
            found = [
                (str(entry.attributes["lsi.findings"]), str(entry.attributes["lsi.table"]))
                for entry in journal.entries()
                if entry.name == Step.COUNT.value
                and entry.attributes.get("lsi.round") == round_id
                and "lsi.findings" in entry.attributes
            ]
        if not found:
            raise ReportMissingError(round=round_id, project=self.id)
        report, table = found[-1]
        return {"report.json": self.kept(report), "counts.json": self.kept(table)}

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
        return verify(data, OPENING, Opening, key, what="opening", party=MATCHER), data


def json_document(value: object) -> bytes:
    """A plain value as a canonical document with a closing line end."""
    return canonical_json(json.loads(json.dumps(value))) + b"\n"
