"""Verify a log and walk what it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lsi_match.agreement.trust_root_store import TrustStore
from lsi_match.base.clock import utc_now
from lsi_match.library.manifests import Manifest
from lsi_match.log import verify as verifying
from lsi_match.log.events import Recorded, read
from lsi_match.log.policy import log_keys, origin_of
from lsi_match.log.remembered import RememberedLog
from lsi_match.log.store import Log as Store
from lsi_match.log.verify import Verification


class Log:
    """The log of a project: its file, or the folder of the project on a site."""

    def __init__(self, path: str | Path) -> None:
        given = Path(path)
        self.file = given / "log.sqlite" if given.is_dir() else given

    def verify(
        self, manifest: Manifest, *, root: str | Path | None = None, remember: str | Path | None = None
    ) -> Verification:
        """Prove the log whole: every leaf, the tree over it, every signed checkpoint. Nothing is raised for what is
        wrong with it: that is in `problems`, and `ok` is False.

        Args:
            manifest: the one you signed; it names the matcher and its key.
            root: folder of a party whose trust root says which keys the matcher has and had.
            remember: a file of your own that keeps the newest checkpoint; the log must continue the one kept there.
        """
        project = manifest.document.project.id
        keys = log_keys(manifest.document, TrustStore(Path(root), project).roots(utc_now()) if root else ())
        origin = origin_of(manifest.document)
        if remember is None:
            return verifying.verify_log(self.file, keys, origin=origin)
        return verifying.verify_and_remember(self.file, keys, RememberedLog(Path(remember)), origin=origin)

    def events(self, start: int = 0) -> Iterator[Recorded]:
        """What each entry says, from position `start` on: `position`, `at` (UTC), `round` and the typed `event`.

        Raises:
            LsiError: no log, or an entry that does not have what its step says.
        """
        with Store.open(self.file, read_only=True) as opened:
            for position, entry in opened.entries(start):
                yield read(position, entry)
