"""The matching site: one folder, of which the log is the source of truth.

keys/                          the matcher's own identity
parties/<name>.json            the public keys of the controllers it deals with, as registered
projects/<project>/
    log.sqlite                 the Merkle log of this project
    manifest.json, approvals/  the agreement that runs: the manifest, and what was signed about it
    documents/<digest>.json    every signed document and overview, by content
    inbox/<partner>/           where drops arrive
    quarantine/<partner>/      refused drops and the reason
    rounds/<round>/            opening.json; round.key until the round ends
    staging/<round>/           sealed releases on their way out
    releases/<partner>/        sealed releases
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lsi_match.errors import LsiError
from lsi_match.files import private_folder, read_bytes, write_whole
from lsi_match.matcher.gates import Evidence, PartyUnknownError, check_parties
from lsi_match.matcher.journal import Journal
from lsi_match.monitor.counts import Overview
from lsi_match.protocol.canonical import canonical_json, digest_of_bytes
from lsi_match.protocol.documents import Card, Opening
from lsi_match.protocol.manifest import Manifest
from lsi_match.protocol.steps import Step
from lsi_match.trust.agreement import (
    MATCHER,
    Agreement,
    ApprovalInvalidError,
    check_approvals,
    load_manifest,
    paper_name,
    read_agreement,
)
from lsi_match.trust.keys import Identity, load_identity, make_identity, read_card
from lsi_match.trust.outside import key_id
from lsi_match.trust.signing import verify

OPENING = "opening"


class PartyRegisteredError(LsiError):
    nl = "{name} is al aangemeld met een andere sleutel. Is die verloren of gestolen? Controleer de nieuwe, en gebruik dan --replace."
    en = "{name} is registered with another key already. Was that lost or stolen? Check the new one, then use --replace."


class ProjectUnknownError(LsiError):
    nl = "Project {project} is hier niet bekend. Leg eerst het manifest vast met 'site accept'."
    en = "Project {project} is not known here. Register its manifest first: 'site accept'."


class RoundUnknownError(LsiError):
    nl = "Ronde {round} van project {project} is niet geopend. Open haar met 'match open'."
    en = "Round {round} of project {project} was not opened. Open it with 'match open'."


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

    def register(self, card: bytes, source: str) -> str:
        """Register the public keys of a party; its name. They are compared with those of every manifest.

        Raises:
            PartyRegisteredError: the party is registered with other keys; see `replace_party`.
        """
        party = read_card(card, source)
        file = self.folder / "parties" / f"{party.name}.json"
        if file.exists() and self.party(party.name) != party:
            raise PartyRegisteredError(name=party.name)
        write_whole(file, canonical_json(party.model_dump()), replace=True)
        return party.name

    def replace_party(self, card: bytes, source: str, now: datetime) -> tuple[str, list[str]]:
        """Register other keys for a party that lost its own: its name, and the projects in whose log it stands.

        Until such a project has a manifest with the new keys, it opens and runs no round. The entries come
        first: a card that changed without one would be a replacement that nobody can see.

        A party that was not registered before is, and there is nothing to log.
        """
        new = read_card(card, source)
        if not (self.folder / "parties" / f"{new.name}.json").exists():
            return self.register(card, source), []
        old = self.party(new.name)
        if new == old:
            return new.name, []
        touched = [project for project in self.projects() if new.name in project.manifest().controllers]
        for project in touched:
            with project.journal() as journal:
                journal.record(
                    Step.REPLACE_KEY,
                    now,
                    manifest=project.manifest().digest,
                    facts={
                        "party": new.name,
                        "old_key": f"sha256:{key_id(old.signing_key)}",
                        "new_key": f"sha256:{key_id(new.signing_key)}",
                        "old_recipient": old.encryption_key,
                        "new_recipient": new.encryption_key,
                    },
                )
        file = self.folder / "parties" / f"{new.name}.json"
        write_whole(file, canonical_json(new.model_dump()), replace=True)
        return new.name, [project.id for project in touched]

    def projects(self) -> list[Project]:
        """Every project that was accepted, by name."""
        found = sorted((self.folder / "projects").glob("*/manifest.json"))
        return [Project(self, file.parent.name) for file in found]

    def party(self, name: str) -> Card:
        file = self.folder / "parties" / f"{name}.json"
        if not file.exists():
            raise PartyUnknownError(name=name)
        return read_card(read_bytes(file), str(file))

    def registered(self) -> dict[str, Card]:
        """The cards of every party, the matcher's own included."""
        cards = {
            file.stem: self.party(file.stem) for file in sorted((self.folder / "parties").glob("*.json"))
        }
        return {**cards, MATCHER: Card.model_validate(self.identity().card)}

    def accept(self, canonical: bytes, papers: Mapping[str, bytes], now: datetime) -> Project:
        """Register a manifest that every controller approved; the start of a project, or of its next version.

        Args:
            papers: the approvals, and other signed papers that are there already (`trust.agreement`).

        Raises:
            ManifestAlteredError, ApprovalsMissingError, ApprovalInvalidError: see `trust.agreement`.
            PartyUnknownError, PartyKeyDiffersError: its keys are not those registered here.
        """
        manifest = load_manifest(canonical)
        check_parties(manifest, self.registered())
        check_approvals(manifest, papers, now)
        project = Project(self, manifest.project.id)
        private_folder(project.folder)
        for name in manifest.partners:
            private_folder(project.folder / "inbox" / name)
        with project.make_journal(manifest.matcher.domain) as journal:
            project.keep(canonical)
            journal.record(
                Step.REGISTER_MANIFEST, now, manifest=manifest.digest, facts=project.keep_papers(papers)
            )
        shutil.rmtree(project.papers_folder, ignore_errors=True)
        project.write_papers(papers)
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

    def journal(self) -> Journal:
        return self.make_journal(self.manifest().matcher.domain)

    def manifest(self) -> Manifest:
        """The manifest as registered, its bytes checked to be canonical."""
        return load_manifest(read_bytes(self.folder / "manifest.json"))

    @property
    def papers_folder(self) -> Path:
        return self.folder / "approvals"

    def papers(self) -> dict[str, bytes]:
        """What was signed about the manifest, as `trust.agreement.read_agreement` takes it."""
        return {file.stem: read_bytes(file) for file in sorted(self.papers_folder.glob("*.json"))}

    def take_in(self, papers: Mapping[str, bytes], now: datetime) -> Agreement:
        """Take in papers that were signed after the manifest was accepted: acknowledgements, withdrawals, and
        approvals anew. What does not hold is refused; what they say together now.

        Raises:
            ApprovalInvalidError: a paper is not signed with its party's key, or about something else.
        """
        manifest = self.manifest()
        problems = read_agreement(manifest, papers, now).problems
        for name, problem in problems.items():
            raise ApprovalInvalidError(name=name, problem=problem)
        with self.journal() as journal:
            journal.record(Step.TAKE_IN, now, manifest=manifest.digest, facts=self.keep_papers(papers))
        self.write_papers(papers)
        return read_agreement(manifest, self.papers(), now)

    def keep_papers(self, papers: Mapping[str, bytes]) -> dict[str, str]:
        """Keep papers under their digests; for the log, what each is and its digest."""
        return {f"paper.{paper_name(data)}": self.keep(data) for data in papers.values()}

    def write_papers(self, papers: Mapping[str, bytes]) -> None:
        for data in papers.values():
            write_whole(self.papers_folder / f"{paper_name(data)}.json", data, replace=True)

    def evidence(self, now: datetime, opening: Opening | None = None) -> Evidence:
        """What the gates look at."""
        key = bool(opening and self.takes_drops(opening.round))
        return Evidence(self.papers(), now, self.site.registered(), opening, key)

    def keep(self, document: bytes) -> str:
        """Keep a document under its digest; the digest."""
        digest = digest_of_bytes(document)
        if not self.has(digest):
            write_whole(self._kept(digest), document)
        return digest

    def has(self, digest: str) -> bool:
        """Whether a document of that digest is kept here."""
        return self._kept(digest).exists()

    def _kept(self, digest: str) -> Path:
        return self.folder / "documents" / f"{digest.removeprefix('sha256:')}.json"

    def overview(self, round_id: str) -> Overview | None:
        """The overview of a round's latest count, found through the log; None when it was never counted."""
        with self.journal() as journal:
            digests = [
                str(entry.attributes["lsi.overview"])
                for entry in journal.entries()
                if entry.name == Step.COUNT.value and entry.attributes.get("lsi.round") == round_id
            ]
        if not digests:
            return None
        return Overview.model_validate_json(read_bytes(self._kept(digests[-1])))

    def round_folder(self, round_id: str) -> Path:
        return self.folder / "rounds" / round_id

    def takes_drops(self, round_id: str) -> bool:
        """Whether the round is open: its key is there."""
        return (self.round_folder(round_id) / "round.key").exists()

    def opening(self, round_id: str) -> tuple[Opening, bytes]:
        """The opening of a round, its signature checked, and its bytes."""
        file = self.round_folder(round_id) / "opening.json"
        if not file.exists():
            raise RoundUnknownError(round=round_id, project=self.id)
        data = read_bytes(file)
        key = self.manifest().matcher.signing_key
        return verify(data, OPENING, Opening, key, what="opening", party=MATCHER), data


def utc_now() -> datetime:
    """Now, in whole milliseconds, with its zone. Only shells call it; rules are told the time."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def json_document(value: object) -> bytes:
    """A plain value as a canonical document with a closing line end."""
    return canonical_json(json.loads(json.dumps(value))) + b"\n"
