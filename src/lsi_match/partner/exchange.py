"""What changes hands beside drops and releases, at the partner: what was made here for others, and what others brought.

    projects/<project>/outgoing/    what this party brings: public keys, signed papers, a manifest, counts, access requests
    projects/<project>/outgoing/.sent.json    what of it was brought

What others brought was fetched before (`partner.transfer`). It is taken in here as far as the signatures under it say that it
may: versions of the trust root that follow the pinned one, papers about the manifest that runs, and a manifest that this very
party and all the others approved. Everything else waits for a person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from lsi_match.agreement.approvals import (
    Agreement,
    ApprovalInvalidError,
    load_manifest,
    paper_manifest,
    paper_name,
    read_agreement,
)
from lsi_match.agreement.trust_root_rules import (
    RootUnsignedError,
    SignedRoot,
    check_typed,
    readable_roots,
)
from lsi_match.agreement.trust_root_store import TrustStore
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.catalogue import catalogue
from lsi_match.base.errors import Language, LsiError, Problems
from lsi_match.base.files import read_bytes, write_whole
from lsi_match.crypto.signing import SignedDocumentInvalidError
from lsi_match.manifest import Manifest
from lsi_match.partner.home import Home
from lsi_match.protocol.place_files import (
    INSTRUCTION_SUFFIX,
    MANIFEST_SUFFIX,
    PAPER_SUFFIX,
    ROOT_SUFFIX,
    SHARE_SUFFIX,
    SHARED,
    shared_by,
    shared_name,
)
from lsi_match.protocol.trust_root import TrustRoot
from lsi_match.transport.endpoints import EndpointSettings, open_endpoint
from lsi_match.transport.sync_state import SyncState

_SENT = ".sent.json"


def described(names: Iterable[str], lang: Language) -> list[str]:
    """What files that changed hands are, by kind, with how many there are of each where they are several."""
    kinds: dict[str, dict[Language, str]] = catalogue(Path(__file__).with_suffix(".toml"))
    found = Counter(next((kind for kind in kinds if name.endswith(f".{kind}")), "") for name in names)
    return [
        f"{kinds[kind][lang]} ({count})" if count > 1 else kinds[kind][lang]
        for kind, count in found.items()
        if kind
    ]


@dataclass(frozen=True)
class Exchange:
    """What was brought and fetched for one project of one party."""

    home: Home
    project: str
    #: Where what was fetched lies; None where nothing was.
    mail: Path | None
    #: What did not hold of what was taken in or asked here.
    problems: Problems = field(default_factory=Problems, compare=False)

    @property
    def outgoing(self) -> Path:
        return self.home.project(self.project) / "outgoing"

    # what this party brings

    def put(self, name: str, data: bytes) -> Path:
        """Lay ready what is to be brought, under its name at the place."""
        file = self.outgoing / name
        if not file.exists() or read_bytes(file) != data:
            write_whole(file, data, replace=True)
        return file

    def put_shared(self, what: str, suffix: str, data: bytes) -> Path:
        """The same for what is for all the others."""
        return self.put(shared_name(self.project, self.home.name, what, suffix), data)

    def put_paper(self, paper: bytes) -> Path:
        """The same for a signed paper about a manifest."""
        what = f"{paper_name(paper).partition('.')[2] or 'approval'}-{digest_of_bytes(paper)[7:23]}"
        return self.put_shared(what, PAPER_SUFFIX, paper)

    def unsent(self) -> list[Path]:
        """What was not brought yet, or changed since."""
        sent = SyncState.of(self.outgoing / _SENT)
        return [one for one in sorted(self.outgoing.glob("[!.]*")) if not sent.unchanged(one.name, one)]

    def bring(self, settings: EndpointSettings) -> list[str]:
        """Bring what was not brought yet; the names. Can be repeated after it broke off."""
        sent, files = SyncState.of(self.outgoing / _SENT), self.unsent()
        if not files:
            return []
        with open_endpoint(settings) as there:
            try:
                for file in files:
                    there.give("in", file.name, file)
                    sent.note(file.name, file, there.listing("in")[file.name])
            finally:
                sent.save()
        return [file.name for file in files]

    # what lies here of everybody

    def files(self, suffix: str) -> list[Path]:
        """What parties brought for all the others, of one kind: the own files, and those that were fetched."""
        found = {file.name: file for file in (*self._fetched(suffix), *self.outgoing.glob(f"[!.]*{suffix}"))}
        return [file for name, file in sorted(found.items()) if shared_by(self.project, name)]

    def _fetched(self, suffix: str) -> Iterable[Path]:
        return self.mail.glob(f"{self.project}.*{suffix}") if self.mail and self.mail.is_dir() else ()

    def manifests(self) -> Iterator[tuple[str, Manifest]]:
        """Who brought it, and the manifest; what is none is passed over."""
        for file in self.files(MANIFEST_SUFFIX):
            try:
                manifest = load_manifest(read_bytes(file, SHARED[MANIFEST_SUFFIX]))
            except LsiError:
                continue
            if manifest.project.id == self.project:
                yield shared_by(self.project, file.name) or "", manifest

    def instruction(self, manifest: Manifest) -> bytes | None:
        """The work instruction that a manifest names, where somebody brought it."""
        found = (read_bytes(file, SHARED[INSTRUCTION_SUFFIX]) for file in self.files(INSTRUCTION_SUFFIX))
        return next(
            (data for data in found if digest_of_bytes(data) == manifest.work_instruction.digest), None
        )

    def papers(self, manifest: Manifest) -> dict[str, bytes]:
        """What was signed about this manifest, by whoever brought it."""
        found = {}
        for file in self.files(PAPER_SUFFIX):
            data = read_bytes(file, SHARED[PAPER_SUFFIX])
            try:
                if paper_manifest(data) == manifest.digest:
                    found[f"{paper_name(data)}.{digest_of_bytes(data)[7:23]}"] = data
            except SignedDocumentInvalidError:
                continue
        return found

    def agreement(self, manifest: Manifest, now: datetime) -> Agreement:
        """What these papers say together; raises TrustRootError."""
        return read_agreement(manifest, self.papers(manifest), now, self.home.trust(self.project, now))

    # taking in

    def take_in(self, now: datetime) -> list[str]:
        """Take in what the signatures allow; the digests of manifests that were joined."""
        joined: list[str] = []
        store = TrustStore(self.home.folder, self.project)
        if not store.begun and store.expected is None:  # nobody compared the first version yet
            return joined
        with self.problems.of(self.project), suppress(RootUnsignedError):  # others are still signing it
            if roots := [paper for one in self.roots() for paper in one.papers]:
                self.home.add_roots(roots, store.expected, now)
        if store.begun:
            with self.problems.of(self.project):
                store.keep_revocations({one.name: read_bytes(one) for one in self.files(".crl")})
                joined += self._join(now)
                self._later_papers(now)
        return joined

    def roots(self) -> list[SignedRoot]:
        """The versions of the trust root that were brought, with every signature under them; what is none is passed over."""
        brought = (read_bytes(file, SHARED[ROOT_SUFFIX]) for file in self.files(ROOT_SUFFIX))
        return readable_roots(brought, self.project)

    def pin(self, root: TrustRoot, typed: str, now: datetime) -> None:
        """Go by the first version of the trust root, whose digest a person typed (`check_typed`): at once where it is signed as it
        should be, else as soon as it is. Raises TrustRootError."""
        check_typed(root, typed)
        TrustStore(self.home.folder, self.project).expect(root)
        self.take_in(now)
        for _, problem in self.problems:
            raise problem

    def _join(self, now: datetime) -> Iterator[str]:
        for _, manifest in self.manifests():
            papers = self.papers(manifest)
            if self.home.takes_part(manifest):
                continue
            found = self.agreement(manifest, now)
            if found.approvals.keys() != manifest.controllers.keys():
                continue
            good = {name: data for name, data in papers.items() if self._holds(manifest, data, now)}
            with self.problems.of(manifest.digest):
                self.home.join(manifest.canonical(), good, self._key_share(manifest), now)
                yield manifest.digest

    def _holds(self, manifest: Manifest, paper: bytes, now: datetime) -> bool:
        trust = self.home.trust(self.project, now)
        return not read_agreement(manifest, {"one": paper}, now, trust).problems

    def _later_papers(self, now: datetime) -> None:
        """Of the manifest that runs: acknowledgements, withdrawals and approvals anew."""
        file = self.home.project(self.project) / "manifest.json"
        if not file.exists():
            return
        manifest = load_manifest(read_bytes(file))
        known = set(self.home.papers(self.project).values())
        for name, data in self.papers(manifest).items():
            if data not in known:
                with self.problems.of(name, ApprovalInvalidError):
                    self.home.ingest({name: data}, self.project, now)

    def _key_share(self, manifest: Manifest) -> bytes | None:
        """The project key for this party: as it was made together here, as another brought it, or as it is here already."""
        if self.home.name not in manifest.partners:
            return None
        folder, own = self.home.project(self.project), f".{self.home.name}{SHARE_SUFFIX}"
        places = (
            folder / f"key-{manifest.pseudonyms.epoch}" / "key-share.json",
            *(file for file in self.files(SHARE_SUFFIX) if file.name.endswith(own)),
            folder / "key-share.json",
        )
        return next((read_bytes(file) for file in places if file.exists()), None)
