"""The matching site: one folder, of which the log is the source of truth.

keys/                          the matcher's own identity
parties/<name>.json            the public keys of the controllers it deals with, as registered
projects/<project>/
    log.sqlite                 the Merkle log of this project
    manifest.json, approvals/  the agreement that runs
    documents/<digest>.json    every signed document and overview, by content
    inbox/<partner>/           where drops arrive
    quarantine/<partner>/      refused drops and the reason
    rounds/<round>/            opening.json; round.key until the round ends
    staging/<round>/           sealed releases on their way out
    releases/<partner>/        sealed releases
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lsi_match.errors import LsiError
from lsi_match.files import private_folder, read_bytes, write_whole
from lsi_match.matcher.journal import Journal
from lsi_match.monitor.counts import Overview
from lsi_match.protocol.canonical import canonical_json, digest_of_bytes
from lsi_match.protocol.documents import Card, Opening
from lsi_match.protocol.manifest import Manifest
from lsi_match.protocol.steps import Step
from lsi_match.trust.agreement import check_approvals, load_manifest
from lsi_match.trust.keys import Identity, load_identity, make_identity, read_card
from lsi_match.trust.outside import key_id
from lsi_match.trust.signing import verify

MATCHER = "matcher"
OPENING = "opening"


class PartyUnknownError(LsiError):
    nl = "{name} is bij deze koppelomgeving niet aangemeld. Vraag de beheerder om het aan te melden met 'site register'."
    en = "{name} is not registered with this matching environment. Ask its operator to register it: 'site register'."


class PartyRegisteredError(LsiError):
    nl = "{name} is al aangemeld met een andere sleutel. Is die verloren of gestolen? Controleer de nieuwe, en gebruik dan --replace."
    en = "{name} is registered with another key already. Was that lost or stolen? Check the new one, then use --replace."


class PartyKeyDiffersError(LsiError):
    nl = "Het manifest noemt voor {name} een andere sleutel dan hier is aangemeld. Er wordt niets vastgelegd."
    en = "The manifest names another key for {name} than was registered here. Nothing is registered."


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

    def accept(self, canonical: bytes, approvals: dict[str, bytes], now: datetime) -> Project:
        """Register a manifest that every controller approved; the start of a project, or of its next version.

        Raises:
            ManifestAlteredError, ApprovalsMissingError, ApprovalInvalidError: see `trust.agreement`.
            PartyUnknownError, PartyKeyDiffersError: its keys are not those registered here.
        """
        manifest = load_manifest(canonical)
        self.check_parties(manifest)
        check_approvals(manifest, approvals, now)
        project = Project(self, manifest.project.id)
        private_folder(project.folder)
        for name in manifest.partners:
            private_folder(project.folder / "inbox" / name)
        journal = project.make_journal(manifest.matcher.domain)
        with journal:
            for document in (canonical, *approvals.values()):
                project.keep(document)
            journal.record(
                Step.REGISTER_MANIFEST,
                now,
                manifest=manifest.digest,
                facts={f"approval.{name}": digest_of_bytes(data) for name, data in approvals.items()},
            )
        for name, data in approvals.items():
            write_whole(project.folder / "approvals" / f"{name}.json", data, replace=True)
        write_whole(project.folder / "manifest.json", canonical, replace=True)
        return project

    def check_parties(self, manifest: Manifest) -> None:
        """The keys in the manifest are those registered here, the matcher's own included."""
        for name, controller in manifest.controllers.items():
            card = self.party(name)
            if (card.signing_key, card.encryption_key) != (controller.signing_key, controller.encryption_key):
                raise PartyKeyDiffersError(name=name)
        own = self.identity().card
        if (own["signing_key"], own["encryption_key"]) != (
            manifest.matcher.signing_key,
            manifest.matcher.encryption_key,
        ):
            raise PartyKeyDiffersError(name=MATCHER)

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

    def approvals(self) -> dict[str, bytes]:
        return {p.stem: read_bytes(p) for p in sorted((self.folder / "approvals").glob("*.json"))}

    def keep(self, document: bytes) -> str:
        """Keep a document under its digest; the digest."""
        digest = digest_of_bytes(document)
        file = self.folder / "documents" / f"{digest.removeprefix('sha256:')}.json"
        if not file.exists():
            write_whole(file, document)
        return digest

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
        file = self.folder / "documents" / f"{digests[-1].removeprefix('sha256:')}.json"
        return Overview.model_validate_json(read_bytes(file))

    def round_folder(self, round_id: str) -> Path:
        return self.folder / "rounds" / round_id

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
