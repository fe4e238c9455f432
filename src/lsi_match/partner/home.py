"""A partner's own folder: its keys, what it agreed to, and what it needs to open releases.

bag.parquet                   the addresses of the BAG and their numbers (partner/bag.py)
keys/                         encryption.age, signing.pem (or its protected forms), card.json: see crypto/keys.py
projects/<project>/
    trust/                    who may sign for whom (agreement/trust_root_store.py)
    manifest.json             the canonical bytes this partner approved
    approvals/<name>.json     what every controller signed about it
    key-share.json            the project key, sealed to this partner
    key-<epoch>/              a key being made together (partner/ceremony.py)
    earlier/<epoch>/          manifest and key share of an earlier project key, to answer who asks about that time
    log-seen …                the newest checkpoint of the log that was verified here (log/remembered.py)
    openings/<round>          digest of the one opening of each round for which a drop was made; kept for good
    opened/, access/          see partner/release/opened_notice.py and partner/access/request.py
    counts/<round>.<id>       the descriptor of a drop, whose counts the next round is compared with
    references/<round>.<id>.age   what resolves the references of one drop, sealed to this partner
"""

from __future__ import annotations

import base64
import binascii
import json
import shutil
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lsi_match.agreement.approvals import (
    Agreement,
    check_approvals,
    check_papers,
    load_manifest,
    read_agreement,
)
from lsi_match.agreement.endings import End, ends_of_agreement
from lsi_match.agreement.gates import Evidence
from lsi_match.agreement.statement_store import StatementStore
from lsi_match.agreement.trust_root_rules import Trust, project_of
from lsi_match.agreement.trust_root_store import TrustStore
from lsi_match.base import dry_run
from lsi_match.base.canonical import canonical_json, digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.base.files import locked, private_folder, read_bytes, write_whole
from lsi_match.crypto.keys import CARD, Identity, load_identity, read_public_keys
from lsi_match.crypto.project_key import ProjectKey
from lsi_match.crypto.sealing import seal, unseal
from lsi_match.crypto.signing import (
    SignatureMissingError,
    SignedDocumentInvalidError,
    peek,
    sign,
    verify,
)
from lsi_match.log.events import Recorded
from lsi_match.log.policy import origin_of, policy_of, release_policy
from lsi_match.log.remembered import RememberedLog
from lsi_match.manifest import Manifest
from lsi_match.protocol.documents import DropDescriptor, KeyShare, Opening, SelectionCounts
from lsi_match.protocol.trust_root import Role, TrustRoot


@dataclass(frozen=True)
class References:
    """What resolves the record references of one drop: the block key, and ids too long for one block."""

    key: bytes
    long_ids: tuple[str, ...]


@dataclass(frozen=True)
class Home:
    """The folder of the partner `name`."""

    folder: Path
    name: str

    @classmethod
    def of(cls, folder: Path) -> Home:
        """The folder of whoever has its keys in it; raises CardUnreadableError, FileMissingError where it is none."""
        return cls(folder, read_public_keys(read_bytes(folder / "keys" / CARD), CARD).name)

    def identity(self) -> Identity:
        """This partner's keys."""
        return load_identity(self.name, self.folder / "keys")

    def project(self, project: str) -> Path:
        return self.folder / "projects" / project

    def alone(self, project: str) -> AbstractContextManager[None]:
        """One process at a time makes drops of a project.

        Raises:
            PreparingAlreadyError: another does.
        """
        busy = LsiError("PreparingAlreadyError", partner=self.name, project=project)
        return locked(self.project(project) / "prepare.lock", busy)

    def join(
        self, canonical: bytes, approvals: dict[str, bytes], key_share: bytes | None, now: datetime
    ) -> Manifest:
        """Keep the agreement of a project here, after checking all of it. Joining again under the same manifest forgets
        no paper that is here. A controller that delivers nothing has no share of the project key.

        Raises:
            ManifestAlteredError, ApprovalsMissingError, ApprovalInvalidError: see `agreement.approvals`.
            SignatureMissingError, SealBrokenError, ProjectKeyDiffersError: the key share is not for us, or another key.
            ProjectKeyReusedError: a new epoch with the old key.
            TrustRootError, OwnKeyDiffersError: see `check_trust`.
        """
        manifest = load_manifest(canonical)
        self.check_trust(manifest, now)
        folder = self.project(manifest.project.id)
        kept = StatementStore(folder / "approvals")
        known = kept.papers() if self.takes_part(manifest) else {}
        papers = known | {f"{stem}.new": paper for stem, paper in approvals.items()}
        trust = self.trust(manifest.project.id, now)
        check_approvals(manifest, papers, now, trust)
        check_papers(manifest, approvals, now, trust)
        dry_run.before("keep", manifest.digest)
        if key_share is not None:
            self._take_key(manifest, key_share)
        elif self.name in manifest.partners:
            raise LsiError("KeyShareMissingError", partner=self.name)
        if not known:
            shutil.rmtree(kept.folder, ignore_errors=True)
        kept.add(approvals.values())
        write_whole(folder / "manifest.json", canonical, replace=True)
        self._trust_store(manifest.project.id).saw(approvals.values(), now)
        return manifest

    def _take_key(self, manifest: Manifest, key_share: bytes) -> None:
        folder, key = self.project(manifest.project.id), self._opened(key_share, manifest)
        earlier = self._earlier_key(manifest.project.id)
        if earlier and earlier.epoch != key.epoch:
            if earlier.secret == key.secret:
                raise LsiError("ProjectKeyReusedError", partner=self.name, epoch=key.epoch)
            for name in ("manifest.json", "key-share.json"):
                old = folder / "earlier" / str(earlier.epoch) / name
                write_whole(old, read_bytes(folder / name), replace=True)
        write_whole(folder / "key-share.json", key_share, replace=True)

    def papers(self, project: str) -> dict[str, bytes]:
        """What was signed about the manifest that this party takes part in, by name."""
        return StatementStore(self.project(project) / "approvals").papers()

    def _trust_store(self, project: str) -> TrustStore:
        return TrustStore(self.folder, project)

    def trust(self, project: str, now: datetime) -> Trust:
        """Who may sign for whom; raises TrustRootError."""
        return self._trust_store(project).trust(now)

    def add_roots(self, pile: Iterable[bytes], pin: str | None, now: datetime) -> list[TrustRoot]:
        """Take in the versions of a trust root that follow those that are here; what was new.

        Raises:
            TrustRootError, SignedDocumentInvalidError: see `agreement.trust_root_rules`.
        """
        papers = list(pile)
        store = self._trust_store(project_of(papers))
        new = store.news(papers, pin, now)
        store.keep(new)
        return [one.root for one in new]

    def check_trust(self, manifest: Manifest, now: datetime) -> None:
        """That the trust root stands today, and names the keys in the manifest and those that this partner has.

        Raises:
            TrustRootError: it has expired, or names other keys than the manifest.
            OwnKeyDiffersError: the others put another key in the place of ours, or this folder is an old one.
        """
        trust = self.trust(manifest.project.id, now)
        trust.check(manifest, now)
        own = read_public_keys(read_bytes(self.folder / "keys" / CARD), CARD)
        known = trust.current.organisations.get(self.name)
        if known is not None and (
            own.signing_key not in known.keys_for(Role.DELIVER) or own.encryption_key != known.encryption_key
        ):
            raise LsiError("OwnKeyDiffersError", partner=self.name)

    def takes_part(self, manifest: Manifest) -> bool:
        """Whether this partner joined under this very manifest."""
        file = self.project(manifest.project.id) / "manifest.json"
        return file.exists() and read_bytes(file) == manifest.canonical()

    def ingest(self, papers: Mapping[str, bytes], project: str, now: datetime) -> Agreement:
        """Keep papers that were signed later beside those of `project`; what they say together now.

        Raises:
            NotJoinedError: this partner does not take part in it.
            ApprovalInvalidError: a paper is not signed with a key that counts, or about something else. Then none is kept.
        """
        folder, manifest = self.project(project), self.joined_manifest(project)
        check_papers(manifest, papers, now, self.trust(project, now))
        dry_run.before("keep", ", ".join(papers))
        self._trust_store(project).saw(papers.values(), now)
        kept = StatementStore(folder / "approvals")
        kept.add(papers.values())
        return read_agreement(manifest, kept.papers(), now, self.trust(project, now))

    def joined_manifest(self, project: str) -> Manifest:
        """The manifest that this partner joined under, whatever was signed since; raises NotJoinedError."""
        file = self.project(project) / "manifest.json"
        if not file.exists():
            raise LsiError("NotJoinedError", partner=self.name, project=project)
        return load_manifest(read_bytes(file))

    def agreed_manifest(self, project: str, now: datetime) -> Manifest:
        """The manifest of `project`, approved by every controller: nothing is prepared under another one.

        Raises:
            NotJoinedError: there is none.
        """
        manifest = self.joined_manifest(project)
        check_approvals(manifest, self.papers(project), now, self.trust(project, now))
        return manifest

    def ends(self, project: str, now: datetime) -> list[End]:
        """What of the agreement ends soon, or ended, by what lies here: a partner believes no other's screen."""
        trust, papers = self.trust(project, now), self.papers(project).values()
        found = ends_of_agreement(self.joined_manifest(project), trust, papers)
        return [one for one in found if one.days_warned(now) is not None]

    def log(self, project: str) -> RememberedLog:
        """The newest checkpoint of the log of a project that was verified here."""
        return RememberedLog.of_party(self.folder, project)

    def recorded(
        self, proof: Path, project: str, now: datetime, *, data: bytes | None = None, cosigned: bool = False
    ) -> Recorded:
        """What the log says at the entry that `proof` is of, once the log goes on from what was seen here before.

        Args:
            data: the proof, where it came in the file `proof` together with its document.
            cosigned: whether as many have to have co-signed as the manifest asks of a release.

        Raises:
            ProofMissingError, ProofRefusedError, SplitViewError, ConsistencyMissingError: see `log.remembered`.
        """
        manifest, root = self.agreed_manifest(project, now), self.trust(project, now).current
        policy = release_policy(manifest, root) if cosigned else policy_of(manifest, root)
        log, origin = self.log(project), origin_of(manifest)
        if data is not None:
            return log.recorded_in(data, proof.name, policy, origin)
        return log.recorded(proof, policy, origin)

    def evidence(self, project: str, now: datetime, opening: Opening) -> Evidence:
        """What the gates look at, from what this partner holds itself. The key of the round is not its to see."""
        papers = self.papers(project)
        answered = self._answered(project).items()
        others = [one.opened_at if one else None for name, one in answered if name != opening.round]
        return Evidence(papers, now, self.trust(project, now), opening, key_present=True, others=others)

    def agreed_under(self, project: str) -> dict[str, str]:
        """Round → digest of the manifest, of the rounds for which this partner made a drop."""
        return {name: one.manifest for name, one in self._answered(project).items() if one}

    def untraceable(self, project: str) -> set[str]:
        """The rounds that this partner evaluated others' identifiers in: it makes no pseudonym of them by itself any more."""
        return {name for name, one in self._answered(project).items() if one and one.asks_until}

    def _answered(self, project: str) -> dict[str, Opening | None]:
        """Round → its opening, of those that are remembered; None where only a digest was kept of one."""
        found: dict[str, Opening | None] = {}
        for file in (self.project(project) / "openings").glob("[!.]*"):
            try:
                found[file.name] = peek(read_bytes(file), Opening, what="opening", party=self.name)
            except SignedDocumentInvalidError:
                found[file.name] = None
        return found

    def remember_opening(self, project: str, round_id: str, document: bytes) -> None:
        """Keep for good which opening a round has; raises OpeningChangedError when it had another.

        Two openings of one name would give the same pseudonyms for two reference dates: people could be followed.
        """
        file = self.project(project) / "openings" / round_id
        if not file.exists():
            dry_run.before("sign", f"drop ({self.name}, {round_id})")
            private_folder(file.parent)
            write_whole(file, document)
        elif read_bytes(file) not in (document, digest_of_bytes(document).encode()):
            raise LsiError("OpeningChangedError", partner=self.name, round=round_id)

    def project_key(self, manifest: Manifest) -> ProjectKey:
        """The project key, opened with this partner's own key and compared with the manifest's check value."""
        return self._opened(read_bytes(self.project(manifest.project.id) / "key-share.json"), manifest)

    def project_keys(self, project: str) -> list[ProjectKey]:
        """The keys of this epoch and of every earlier one that can still be opened, the newest first."""
        folder = self.project(project)
        found = [self.project_key(load_manifest(read_bytes(folder / "manifest.json")))]
        for one in sorted((folder / "earlier").glob("*/"), key=lambda path: -int(path.name)):
            with suppress(LsiError):
                manifest = load_manifest(read_bytes(one / "manifest.json"))
                found.append(self._opened(read_bytes(one / "key-share.json"), manifest))
        return found

    def delivered_rounds(self, project: str) -> list[str]:
        """The rounds for which this partner made a drop whose references are kept."""
        files = (self.project(project) / "references").glob("*.age")
        return sorted({file.name.split(".")[0] for file in files})

    def _opened(self, key_share: bytes, manifest: Manifest) -> ProjectKey:
        key, maker = open_key_share(key_share, manifest, self.identity())
        if key.check_value != manifest.pseudonyms.key_check:
            raise LsiError("ProjectKeyDiffersError", partner=self.name, maker=maker)
        return key

    def _earlier_key(self, project: str) -> ProjectKey | None:
        """The key joined with before, as far as it can still be opened."""
        try:
            return self.project_key(load_manifest(read_bytes(self.project(project) / "manifest.json")))
        except LsiError:
            return None

    def _reference_file(self, project: str, round_id: str, drop: str) -> Path:
        return self.project(project) / "references" / f"{round_id}.{_short(drop)}.age"

    def keep_references(self, project: str, round_id: str, drop: str, references: References) -> None:
        """Keep what resolves the references of the drop with digest `drop`, sealed to this partner."""
        content = {"key": references.key.hex(), "long_ids": list(references.long_ids)}
        recipient = str(self.identity().encryption.to_public())
        write_whole(self._reference_file(project, round_id, drop), seal(canonical_json(content), recipient))

    def round_of_drop(self, project: str, drop: str) -> str | None:
        """The round for which the drop with this digest was made here; None when it was not."""
        name = _short(drop)
        files = (self.project(project) / "references").glob(f"*.{name}.age") if name.isalnum() else ()
        return next((file.name.partition(".")[0] for file in files), None)

    def keep_counts(self, project: str, document: bytes) -> None:
        """Keep the descriptor of a drop, whose counts the next round is compared with."""
        drop = peek(document, DropDescriptor, what="drop", party=self.name)
        write_whole(
            self._counts_folder(project) / f"{drop.round}.{_short(digest_of_bytes(document))}", document
        )

    def forget_counts(self, project: str, drop: str) -> None:
        """Of a drop that was refused."""
        for file in self._counts_folder(project).glob(f"*.{_short(drop)}"):
            file.unlink()

    def counts_before(self, project: str, round_id: str | None = None) -> dict[str, SelectionCounts]:
        """Selection → the counts of the newest drop for another round than this."""
        others = [one for one in self.kept_drops(project) if one.round != round_id]
        return others[-1].selections if others else {}

    def kept_drops(self, project: str) -> list[DropDescriptor]:
        """What the drops that were made here say of themselves, with their counts; the newest last."""
        return [drop for drop, _ in self._kept(project)]

    def drop_of(self, project: str, round_id: str) -> tuple[DropDescriptor, References] | None:
        """The newest drop that was made here for a round, and not refused, with what resolves its references."""
        made = [(drop, digest) for drop, digest in self._kept(project) if drop.round == round_id]
        return (made[-1][0], self.references(project, round_id, made[-1][1])) if made else None

    def _kept(self, project: str) -> list[tuple[DropDescriptor, str]]:
        """Every descriptor that can be read, with its digest; the newest last."""
        found = []
        for data in map(read_bytes, self._counts_folder(project).glob("[!.]*")):
            with suppress(SignedDocumentInvalidError):
                found.append(
                    (peek(data, DropDescriptor, what="drop", party=self.name), digest_of_bytes(data))
                )
        return sorted(found, key=lambda one: one[0].made_at)

    def _counts_folder(self, project: str) -> Path:
        return self.project(project) / "counts"

    def references(self, project: str, round_id: str, drop: str) -> References:
        """What `keep_references` kept; raises ReferencesLostError when it is not there."""
        file = self._reference_file(project, round_id, drop)
        if not file.exists():
            raise LsiError("ReferencesLostError", partner=self.name)
        opened = unseal(read_bytes(file), self.identity().encryption, what="reference key", party=self.name)
        content = json.loads(opened)
        return References(bytes.fromhex(content["key"]), tuple(content["long_ids"]))


def _short(digest: str) -> str:
    """A digest as a part of the name of a file."""
    return digest.removeprefix("sha256:")[:32]


def make_key_share(key: ProjectKey, maker: Identity, to: str, recipient: str) -> bytes:
    """The project key for the partner `to`, sealed to its age key and signed by its maker."""
    share = KeyShare(
        project=key.project,
        epoch=key.epoch,
        key_check=key.check_value,
        maker=maker.name,
        to=to,
        sealed=base64.b64encode(seal(key.secret, recipient)).decode(),
    )
    return sign(share, maker)


def open_key_share_of_own(data: bytes, identity: Identity) -> ProjectKey:
    """The project key in a share that this party sealed to itself; raises SignatureMissingError, SealBrokenError."""
    share = verify(data, KeyShare, identity.signing_key, what="key share", party=identity.name)
    secret = unseal(
        base64.b64decode(share.sealed), identity.encryption, what="key share", party=identity.name
    )
    return ProjectKey(share.project, share.epoch, secret)


def open_key_share(data: bytes, manifest: Manifest, identity: Identity) -> tuple[ProjectKey, str]:
    """The project key in a share for `identity`, and who made it.

    Raises:
        SignedDocumentInvalidError, SignatureMissingError: not a share signed by a partner of the manifest.
        SealBrokenError: sealed to someone else.
    """
    maker = peek(data, KeyShare, what="key share", party=identity.name).maker
    if maker not in manifest.controllers:
        raise SignatureMissingError(what="key share", party=maker)
    share = verify(data, KeyShare, manifest.controllers[maker].signing_key, what="key share", party=maker)
    if share.project != manifest.project.id or share.to != identity.name:
        raise SignedDocumentInvalidError(what="key share", party=maker)
    try:
        sealed = base64.b64decode(share.sealed, validate=True)
    except binascii.Error:
        raise SignedDocumentInvalidError(what="key share", party=maker) from None
    secret = unseal(sealed, identity.encryption, what="key share", party=maker)
    return ProjectKey(share.project, share.epoch, secret), maker
