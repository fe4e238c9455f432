"""The rules of the trust root, which are those of TUF (specification 1.0, section 5.3), as pure functions.

1. **pinned**: version 1 counts when its digest is the one that a person compared by another way, and when its
   threshold of organisations signed it.
2. **twice signed**: version n+1 counts when the threshold of version n signed it with keys that version n names,
   and its own threshold with keys that it names itself.
3. **organisations are counted, not keys**, and only for keys whose role is `root`. A file holds one signature, so
   nothing is taken from a verifier that stops at a threshold: every signature is checked.
4. **one by one**: after n comes n+1, which names the digest of n. No gap, no other history.
5. **never back**: what was taken in stays; another document with the same number is a fork, a pile that ends
   earlier is a rollback, and both are refused aloud.
6. **dates**: none from the future, none before the version that it follows. The newest must not have expired for
   anything to be signed, opened or run under it; those before it may have.

What a version says of itself (unlike keys, thresholds above half, an end) its model refuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from pydantic import ValidationError

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.crypto.keys import Identity
from lsi_match.crypto.signing import SignatureMissingError, SignedDocumentInvalidError, peek, sign, verify
from lsi_match.manifest import Manifest
from lsi_match.protocol.trust_root import MATCHER, Role, TrustedOrganisation, TrustRoot

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class TrustRootError(LsiError):
    """Base of what is wrong with a trust root."""


class RootMissingError(TrustRootError): ...


class RootUnsignedError(TrustRootError): ...


@dataclass(frozen=True)
class SignedRoot:
    """One version, and the files that say who signed it."""

    root: TrustRoot
    papers: tuple[bytes, ...]

    def signers(self, under: TrustRoot) -> set[str]:
        """The organisations, not keys, that signed it with a key that `under` names for trust roots."""
        return {name for name in under.signing_organisations if any(self._by(paper, under.organisations[name]) for paper in self.papers)}  # fmt: skip

    def _by(self, paper: bytes, party: TrustedOrganisation) -> bool:
        try:
            verify(paper, TrustRoot, party.keys_for(Role.ROOT), what="trust root", party="")
        except SignatureMissingError:
            return False
        return True


def sign_root(root: TrustRoot, identity: Identity) -> bytes:
    """One organisation's signature under a version, as a file of one line."""
    return sign(root, identity)


def read_roots(pile: Iterable[bytes]) -> list[SignedRoot]:
    """The versions in a pile of files, each line a signed root, oldest first. Who signed is not looked at yet.

    Raises:
        SignedDocumentInvalidError: a line is no signed trust root.
    """
    found: dict[str, tuple[TrustRoot, list[bytes]]] = {}
    for line in (line for data in pile for line in data.splitlines(keepends=True)):
        root = peek(line, TrustRoot, what="trust root", party="?")
        found.setdefault(root.digest, (root, []))[1].append(line)
    versions = [SignedRoot(root, tuple(sorted(set(papers)))) for root, papers in found.values()]
    return sorted(versions, key=lambda one: (one.root.version, one.root.digest))


def readable_roots(brought: Iterable[bytes], project: str) -> list[SignedRoot]:
    """The versions for a project in files that anybody may have brought; a file with anything else in it is passed over."""
    found = []
    for data in brought:
        with suppress(SignedDocumentInvalidError):
            if all(one.root.project == project for one in read_roots([data])):
                found.append(data)
    return read_roots(found)


def project_of(pile: Iterable[bytes]) -> str:
    """The project that the first version in a pile is of; raises RootMissingError when there is none in it."""
    found = read_roots(pile)
    if not found:
        raise RootMissingError(project="?")
    return found[0].root.project


def load_root(canonical: bytes) -> TrustRoot:
    """The version in canonical bytes, not signed yet; raises RootUnreadableError."""
    try:
        root = TrustRoot.model_validate_json(canonical)
    except ValidationError:
        raise TrustRootError("RootUnreadableError") from None
    if root.canonical() != canonical:
        raise TrustRootError("RootUnreadableError")
    return root


def chain(pile: Iterable[bytes], project: str, now: datetime, revocations: Iterable[bytes] = ()) -> Trust:
    """Versions taken at their own word: signed as they should be, but nobody compared the digest of the first."""
    papers = list(pile)
    first = next((one.root.digest for one in read_roots(papers)), None)
    roots = tuple(one.root for one in walk((), papers, project, first, now))
    return Trust(roots, revocations=tuple(revocations))


#: So many signs of a digest at least are compared.
TYPED = 16


def check_typed(root: TrustRoot, typed: str) -> None:
    """That a person typed the digest of this version, or at least its first `TYPED` signs, as somebody read them out.

    Raises:
        RootPinDiffersError: it is another one.
    """
    said = "".join(typed.split()).lower().removeprefix("sha256:")
    if len(said) < TYPED or not root.digest.removeprefix("sha256:").startswith(said):
        raise TrustRootError("RootPinDiffersError", digest=root.digest, pin=said or "-")


def check_first(candidate: SignedRoot, project: str, pin: str | None, now: datetime) -> None:
    """Rule 1 and the dates; raises the TrustRootError that is named after what is wrong."""
    root = candidate.root
    if root.project != project:
        raise TrustRootError("RootOtherProjectError", found=root.project, project=project)
    if root.version != 1:
        raise TrustRootError("RootGapError", version=0, expected=1, found=root.version)
    if pin is None:
        raise TrustRootError("RootNotPinnedError", project=project, digest=root.digest)
    if root.digest != pin:
        raise TrustRootError("RootPinDiffersError", digest=root.digest, pin=pin)
    if root.issued_at > now:
        raise TrustRootError("RootDateError", version=1, date=str(root.issued_at.date()))
    _check_threshold(candidate, root)


def check_next(current: TrustRoot, candidate: SignedRoot, now: datetime) -> None:
    """Rules 2 to 5 and the dates; raises the TrustRootError that is named after what is wrong."""
    root = candidate.root
    if root.project != current.project:
        raise TrustRootError("RootOtherProjectError", found=root.project, project=current.project)
    if root.version <= current.version:
        raise TrustRootError("RootRolledBackError", version=current.version, found=root.version)
    if root.version != current.version + 1:
        raise TrustRootError(
            "RootGapError", version=current.version, expected=current.version + 1, found=root.version
        )
    if root.previous != current.digest:
        raise TrustRootError("RootForkedError", version=current.version)
    if not current.issued_at <= root.issued_at <= now:
        raise TrustRootError("RootDateError", version=root.version, date=str(root.issued_at.date()))
    _check_threshold(candidate, current)
    _check_threshold(candidate, root)


def check_current(root: TrustRoot, now: datetime) -> None:
    """Raises RootExpiredError when this version no longer stands."""
    if now >= root.expires_at:
        raise TrustRootError(
            "RootExpiredError", version=root.version, project=root.project, date=str(root.expires_at.date())
        )


def _check_threshold(candidate: SignedRoot, under: TrustRoot) -> None:
    names = sorted(candidate.signers(under))
    if len(names) < under.threshold:
        raise RootUnsignedError(
            version=candidate.root.version,
            under=under.version,
            signed=len(names),
            threshold=under.threshold,
            names=", ".join(names) or "-",
        )


def walk(
    known: tuple[TrustRoot, ...], pile: Iterable[bytes], project: str, pin: str | None, now: datetime
) -> list[SignedRoot]:
    """The versions in `pile` that follow those that are known, one at a time; nothing when there is nothing new.

    Args:
        known: every version taken in before, oldest first.
        pin: digest of version 1, as a person compared it; only looked at when nothing is known.

    Raises:
        TrustRootError: named after what is wrong. Then nothing of the pile counts.
    """
    versions = read_roots(pile)
    if not versions:
        raise RootMissingError(project=project)
    digests = {root.version: root.digest for root in known}
    for one in versions:
        if one.root.project != project:
            raise TrustRootError("RootOtherProjectError", found=one.root.project, project=project)
        if digests.setdefault(one.root.version, one.root.digest) != one.root.digest:
            raise TrustRootError("RootForkedError", version=one.root.version)
    if known and versions[-1].root.version < known[-1].version:
        raise TrustRootError(
            "RootRolledBackError", version=known[-1].version, found=versions[-1].root.version
        )
    current = known[-1] if known else None
    new = [one for one in versions if current is None or one.root.version > current.version]
    for one in new:
        if current is None:
            check_first(one, project, pin, now)
        else:
            check_next(current, one, now)
        current = one.root
    return new


@lru_cache(maxsize=128)
def walk_whole(pile: tuple[bytes, ...], project: str, pin: str) -> tuple[TrustRoot, ...]:
    """Every version in `pile` from the first on, as `walk` finds them at the end of time: what these bytes say does not
    change, so it is worked out once. When it counts from is for `check_issued`."""
    return tuple(one.root for one in walk((), pile, project, pin, _END_OF_TIME))


def check_issued(roots: Iterable[TrustRoot], now: datetime) -> None:
    """Raises RootDateError for a version from the future."""
    for root in roots:
        if root.issued_at > now:
            raise TrustRootError("RootDateError", version=root.version, date=str(root.issued_at.date()))


def check_parties(manifest: Manifest, root: TrustRoot) -> None:
    """Raises PartyUnknownError, PartyKeyDiffersError unless the root names every party's keys in the manifest."""
    for name, party in {**manifest.controllers, MATCHER: manifest.matcher}.items():
        if name not in root.organisations:
            raise TrustRootError("PartyUnknownError", name=name)
        known = root.organisations[name]
        keys = known.keys_for(Role.MATCH if name == MATCHER else Role.DELIVER)
        if (
            party.signing_key not in keys
            or party.note_key not in known.keys_for(Role.LOG)
            or party.encryption_key != known.encryption_key
            or party.oin != known.oin
        ):
            raise TrustRootError("PartyKeyDiffersError", name=name)


@dataclass(frozen=True)
class FirstSeen:
    """When a paper was first taken in: under which version, at what time."""

    version: int
    at: datetime


@dataclass(frozen=True)
class Trust:
    """What a party goes by: every version, and which of them each paper is judged by.

    Attributes:
        roots: version 1 first.
        seen: digest of a paper → when it was first taken in. A site reads this from its log, so that the place in
            the log is the evidence; a partner keeps it itself. A paper that was not seen is judged by the newest.
        revocations: the revocation lists (CRL) that are here, of the authorities of certificates.
    """

    roots: tuple[TrustRoot, ...]
    seen: Mapping[str, FirstSeen] = field(default_factory=dict)
    revocations: tuple[bytes, ...] = ()

    @property
    def current(self) -> TrustRoot:
        return self.roots[-1]

    def judge(self, paper: bytes, now: datetime) -> tuple[TrustRoot, datetime]:
        """The version that says who could sign this paper, and by when it was signed.

        Raises:
            RootRolledBackError: the version under which it was taken in is not here any more.
        """
        seen = self.seen.get(digest_of_bytes(paper))
        if seen is None:
            return self.current, now
        for root in self.roots:
            if root.version == seen.version:
                return root, seen.at
        raise TrustRootError("RootRolledBackError", version=seen.version, found=self.current.version)

    def check(self, manifest: Manifest, now: datetime) -> None:
        """Raises TrustRootError unless the newest version stands today and names the keys in the manifest."""
        if self.current.project != manifest.project.id:
            raise TrustRootError(
                "RootOtherProjectError", found=self.current.project, project=manifest.project.id
            )
        check_current(self.current, now)
        check_parties(manifest, self.current)
