"""The log of a project as it is on this machine, verified here. A log is verified once for each copy of it, beside the pages:
verifying takes the longer the longer the log is, and a page does not wait for it."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from lsi_match.base.errors import LsiError
from lsi_match.desk.work import ProjectWork
from lsi_match.library.logs import Log
from lsi_match.library.manifests import Manifest
from lsi_match.log.events import Recorded, read_sound
from lsi_match.log.store import Log as Store
from lsi_match.log.verify import Verification
from lsi_match.log.view import RoundView


@dataclass(frozen=True)
class VerifiedLog:
    """What was found in a copy of the log.

    Attributes:
        cosigned: controller → up to how many entries it co-signed.
        seen: how many entries a proof showed since: those that are more come with the next copy.
    """

    file: Path
    at: datetime
    found: Verification
    cosigned: dict[str, int]
    seen: int = 0

    @property
    def rounds(self) -> list[RoundView]:
        """The rounds, the newest first."""
        return sorted(self.found.view.rounds.values(), key=lambda one: one.opened.position, reverse=True)

    def entries(self, first: int, number: int) -> list[Recorded]:
        """At most so many entries from position `first` on."""
        with Store.open(self.file, read_only=True) as log:
            return list(islice(read_sound(log.entries(first)), number))

    def of_round(self, name: str) -> list[Recorded]:
        """Every entry of a round."""
        with Store.open(self.file, read_only=True) as log:
            return [one for one in read_sound(log.entries()) if one.round == name]


def newest_entries(file: Path, number: int) -> list[Recorded]:
    """The last entries of a copy of the log that nobody verified yet; none where it cannot be read."""
    try:
        with Store.open(file, read_only=True) as log:
            return list(read_sound(log.entries(max(0, log.size - number))))
    except LsiError:
        return []


class Verifier:
    """Verifies copies of logs in a thread of its own, and remembers what was found."""

    def __init__(self) -> None:
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="verify")
        self._found: dict[tuple[Path, int, int], Future[VerifiedLog]] = {}

    def of(self, work: ProjectWork) -> Future[VerifiedLog] | None:
        """What is found, or will be, in the newest copy of the log; None where there is none."""
        copy = work.log_copy()
        if copy is None:
            return None
        file, papers = copy
        stat = file.stat()
        key = (file, stat.st_size, stat.st_mtime_ns)
        if key not in self._found:
            self._found[key] = self._worker.submit(_verified, work, file, papers)
        return self._found[key]

    def close(self) -> None:
        self._worker.shutdown(wait=False, cancel_futures=True)


def _verified(work: ProjectWork, file: Path, papers: tuple[Path, ...]) -> VerifiedLog:
    manifest, home = Manifest(work.unchecked_manifest, work.unchecked_manifest.digest), work.home.folder
    found = Log(file).verify(manifest, home=home, papers=papers, earlier=True)
    cosigned: dict[str, int] = {}
    if found.ok:
        with suppress(LsiError):
            cosigned = Log(file).cosigned(manifest, root=home)
    seen = work.home.log(work.id).checkpoint
    return VerifiedLog(file, work.now, found, cosigned, seen.size if seen else 0)
