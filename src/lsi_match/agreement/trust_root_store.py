"""Where a party keeps the trust roots of a project: every version that it took in, and it never goes back.

<place>/projects/<project>/trust/
    pinned           digest of version 1, as a person compared it
    expected         the same, where a person compared it before enough organisations signed it
    ….crl            revocation lists of authorities whose certificates sign, under their digests
    0001.json …      the signatures of each version, one per line; the folder can be sent as it is
    seen             at a partner, as JSON: which version each paper was first taken in under (a site has its log for that)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lsi_match.agreement import trust_root_rules
from lsi_match.base import dry_run
from lsi_match.base.canonical import canonical_json, digest_of_bytes
from lsi_match.base.files import FileUnreadableError, read_bytes, read_text, write_whole
from lsi_match.crypto.revocation import read_list
from lsi_match.protocol.trust_root import TrustRoot


@dataclass(frozen=True)
class TrustStore:
    """The trust roots of `project` in the folder of a partner or a site."""

    place: Path
    project: str

    @property
    def folder(self) -> Path:
        return self.place / "projects" / self.project / "trust"

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*.json"))

    def roots(self, now: datetime) -> tuple[TrustRoot, ...]:
        """Every version taken in, by all rules again; raises TrustRootError."""
        files = self._files()
        if not files:
            raise trust_root_rules.RootMissingError(project=self.project)
        pin = read_text(self.folder / "pinned").strip()
        roots = trust_root_rules.walk_whole(tuple(map(read_bytes, files)), self.project, pin)
        trust_root_rules.check_issued(roots, now)
        return roots

    def news(
        self, pile: Iterable[bytes], pin: str | None, now: datetime
    ) -> list[trust_root_rules.SignedRoot]:
        """What `pile` holds that follows what is here; raises TrustRootError, also when the newest has expired."""
        known = self.roots(now) if self._files() else ()
        new = trust_root_rules.walk(known, pile, self.project, pin, now)
        if new:
            trust_root_rules.check_current(new[-1].root, now)
        return new

    def expect(self, root: TrustRoot) -> None:
        """Remember the first version as a person compared it, also where it is not signed as it should be yet."""
        write_whole(self.folder / "expected", root.digest.encode() + b"\n", replace=True)

    @property
    def expected(self) -> str | None:
        """The digest of the first version, as a person compared it before it counted."""
        file = self.folder / "expected"
        return read_text(file).strip() if file.exists() else None

    @property
    def begun(self) -> bool:
        """Whether a version was taken in here."""
        return bool(self._files())

    def keep(self, new: Iterable[trust_root_rules.SignedRoot]) -> None:
        """Keep versions that `news` gave."""
        for one in new:
            dry_run.before("keep", one.root.digest)
            if one.root.version == 1:
                write_whole(self.folder / "pinned", one.root.digest.encode() + b"\n", replace=True)
            write_whole(self.folder / f"{one.root.version:04d}.json", b"".join(one.papers), replace=True)

    @property
    def revocations(self) -> tuple[bytes, ...]:
        """The revocation lists that were taken in."""
        return tuple(map(read_bytes, sorted(self.folder.glob("*.crl"))))

    def keep_revocations(self, lists: Mapping[str, bytes]) -> int:
        """Keep revocation lists beside the others (file name → list); how many are new.

        Raises:
            RevocationListUnreadableError: one is none. Then none is kept.
        """
        read = {digest_of_bytes(data)[7:39]: read_list(data, name) for name, data in lists.items()}
        new = {stem: data for stem, data in read.items() if not (self.folder / f"{stem}.crl").exists()}
        for stem, data in new.items():
            write_whole(self.folder / f"{stem}.crl", data)
        return len(new)

    # what a partner, which keeps no log, saw when

    def trust(self, now: datetime) -> trust_root_rules.Trust:
        """What a partner goes by; raises TrustRootError."""
        return trust_root_rules.Trust(self.roots(now), self._seen(), self.revocations)

    def saw(self, papers: Iterable[bytes], now: datetime) -> None:
        """Remember under which version these papers were first taken in."""
        seen, current = self._seen(), self.roots(now)[-1].version
        for paper in papers:
            seen.setdefault(digest_of_bytes(paper), trust_root_rules.FirstSeen(current, now))
        value = {digest: {"version": one.version, "at": one.at.isoformat()} for digest, one in seen.items()}
        write_whole(self.folder / "seen", canonical_json(value) + b"\n", replace=True)

    def _seen(self) -> dict[str, trust_root_rules.FirstSeen]:
        file = self.folder / "seen"
        if not file.exists():
            return {}
        try:
            value = json.loads(read_bytes(file))
            return {
                digest: trust_root_rules.FirstSeen(one["version"], datetime.fromisoformat(one["at"]))
                for digest, one in value.items()
            }
        except (ValueError, KeyError, TypeError, AttributeError):
            raise FileUnreadableError.because("agreement.not_as_written", file=str(file)) from None
