"""The log of a project as it is on this machine, verified here. A log is verified once for each copy of it, beside the pages:
verifying takes the longer the longer the log is, and a page does not wait for it."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

from lsi_match.base.errors import LsiError
from lsi_match.crypto.signing import verify
from lsi_match.desk.work import ProjectWork
from lsi_match.library.logs import Log
from lsi_match.library.manifests import Manifest
from lsi_match.log.events import Recorded, read_sound
from lsi_match.log.papers import papers_in
from lsi_match.log.store import Log as Store
from lsi_match.log.verify import Verification
from lsi_match.log.view import RoundView
from lsi_match.protocol.documents import DropDescriptor, SelectionCounts
from lsi_match.protocol.trust_root import Role


@dataclass(frozen=True)
class VerifiedLog:
    """What was found in a copy of the log.

    Attributes:
        cosigned: controller → up to how many entries it co-signed.
        papers: digest → paper, of those that came with it.
        keys: partner → the keys that it delivers, or delivered, with.
        seen: how many entries a proof showed since: those that are more come with the next copy.
    """

    file: Path
    at: datetime
    found: Verification
    cosigned: dict[str, int]
    seen: int = 0
    papers: Mapping[str, bytes] = field(default_factory=dict)
    keys: Mapping[str, set[str]] = field(default_factory=dict)

    @property
    def rounds(self) -> list[RoundView]:
        """The rounds, the newest first."""
        return sorted(self.found.view.rounds.values(), key=lambda one: one.opened.position, reverse=True)

    def delivered(self, one: RoundView, partner: str) -> Mapping[str, SelectionCounts]:
        """What a partner signed of its drop for a round, by selection; nothing where it made none, or its paper is not here or is
        not its own."""
        drop = one.drops.get(partner)
        data = self.papers.get(drop.drop, b"") if drop else b""
        try:
            found = verify(data, DropDescriptor, self.keys.get(partner, ()), what="drop", party=partner)
        except LsiError:
            return {}
        return found.selections if (found.partner, found.round) == (partner, one.name) else {}

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
        copy = work.log_copy
        if copy is None:
            return None
        file, papers = copy
        stat = file.stat()
        key = (file, stat.st_size, stat.st_mtime_ns)
        if key not in self._found or (
            self._found[key].done() and self._found[key].exception()
        ):  # then once more
            self._found[key] = self._worker.submit(_verified, work, file, papers)
        return self._found[key]

    def close(self) -> None:
        self._worker.shutdown(wait=False, cancel_futures=True)


def _verified(work: ProjectWork, file: Path, papers: tuple[Path, ...]) -> VerifiedLog:
    manifest, home = Manifest(work.unchecked_manifest, work.unchecked_manifest.digest), work.home.folder
    told = papers_in(papers)
    keys = {name: {party.signing_key} for name, party in work.unchecked_manifest.controllers.items()}
    for root in work.known_roots:
        for name, party in root.organisations.items():
            keys.setdefault(name, set()).update(party.keys_for(Role.DELIVER))
    found = Log(file).verify(manifest, home=home, papers=papers, earlier=True)
    cosigned: dict[str, int] = {}
    if found.ok:
        with suppress(LsiError):
            cosigned = Log(file).cosigned(manifest, root=home)
    seen = work.home.log(work.id).checkpoint
    return VerifiedLog(file, work.now, found, cosigned, seen.size if seen else 0, told, keys)
