"""Verify a log and walk what it says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lsi_match.agreement.trust_root_rules import Trust
from lsi_match.agreement.trust_root_store import TrustStore
from lsi_match.base.clock import utc_now
from lsi_match.base.errors import LsiError
from lsi_match.library.manifests import Manifest
from lsi_match.log import verify as verifying
from lsi_match.log.events import Recorded, read
from lsi_match.log.judge import judge_log
from lsi_match.log.papers import papers_in
from lsi_match.log.policy import log_keys, origin_of, policy_of
from lsi_match.log.remembered import RememberedLog
from lsi_match.log.store import Log as Store
from lsi_match.log.verify import Verification
from lsi_match.protocol.place_files import papers_beside

if TYPE_CHECKING:
    from lsi_match.reports.public.facts import ProjectFacts


class Log:
    """The log of a project: its file, or the folder of the project on a site."""

    def __init__(self, path: str | Path) -> None:
        given = Path(path)
        self.file = given / "log.sqlite" if given.is_dir() else given
        #: Of the folder of a project: where its papers lie.
        self._documents = (given / "documents",) if (given / "documents").is_dir() else ()

    def verify(
        self,
        manifest: Manifest,
        *,
        root: str | Path | None = None,
        home: str | Path | None = None,
        remember: str | Path | None = None,
        papers: Iterable[str | Path] = (),
        others: Iterable[str | Path] = (),
        earlier: bool = False,
    ) -> Verification:
        """Prove the log whole: every leaf, the tree over it, every signed checkpoint; and judge its entries again from the
        signed papers. Nothing is raised for what is wrong with it: that is in `problems`, and `ok` is False. `judged` is None
        where there were no papers, or no trust root to judge them by: then only what the manifest decides was judged.

        Args:
            manifest: the one you signed; it names the matcher and its key.
            root: folder of a party whose trust root says which keys the matcher has and had.
            home: your own folder as a controller: its trust root counts, and the log must continue the checkpoint that it
                remembers.
            remember: a file of your own that keeps the newest checkpoint; the log must continue the one kept there.
            papers: files (.papers.json) and folders with signed papers; of the folder of a project those that lie there.
            others: checkpoints that the matcher signed, for another controller for example: the log must continue those too.
            earlier: it may be an earlier state of the log than the one that is remembered.
        """
        from lsi_match.monitor.round_findings import checked_findings

        agreed, place = manifest.document, root or home
        project, origin = agreed.project.id, origin_of(agreed)
        trust = TrustStore(Path(place), project).trust(utc_now()) if place else Trust(())
        keys = log_keys(agreed, trust.roots)
        kept = RememberedLog(Path(remember)) if remember else None
        if kept is None and home is not None:
            kept = RememberedLog.of_party(Path(home), project)
        seen = [verifying.read_other(Path(one), keys) for one in others]
        if kept is None:
            found = verifying.verify_log(self.file, keys, origin=origin, others=seen)
        else:
            found = verifying.verify_and_remember(
                self.file, keys, kept, origin=origin, others=seen, earlier=earlier
            )
        if not found.ok:
            return found
        given = papers_in([*map(Path, papers), *self._documents])
        judgement = judge_log(self.file, agreed, trust, given, checked_findings)
        judged = judgement.judged if judgement.whole else None
        return replace(found, problems=judgement.problems, judged=judged)

    def cosigned(self, manifest: Manifest, *, root: str | Path | None = None) -> dict[str, int]:
        """Of a log that verifies: up to how many entries each controller co-signed, and each witness; `root` as for `verify`."""
        agreed = manifest.document
        current = TrustStore(Path(root), agreed.project.id).roots(utc_now())[-1] if root else None
        with Store.open(self.file, read_only=True) as opened:
            return policy_of(agreed, current).cosigned_sizes(opened.checkpoints())

    def events(self, start: int = 0) -> Iterator[Recorded]:
        """What each entry says, from position `start` on: `position`, `at` (UTC), `round` and the typed `event`.

        Raises:
            LsiError: no log, or an entry that does not have what its step says.
        """
        with Store.open(self.file, read_only=True) as opened:
            for position, entry in opened.entries(start):
                yield read(position, entry)


def public_facts(copy: Path, home: Path, now: datetime, project: str | None = None) -> ProjectFacts:
    """What everybody may know of the project of a copy of its log, with the papers that lie beside it (.papers.json); verified first.

    Args:
        home: folder of the party that fetched the copy.
        project: the one that it has to be of.

    Raises:
        LsiError: what is wrong with the log, or a paper that it names and that is not beside it.
    """
    from lsi_match.reports.public.facts import facts_of

    with Store.open(copy, read_only=True) as opened:
        project = project or opened.origin.rpartition("/")[2]
    manifest = Manifest.read(home / "projects" / project / "manifest.json")
    papers = papers_beside(copy)
    log = Log(copy)
    found, known = log.verify(manifest, home=home, papers=[papers], earlier=True), papers_in([papers])
    if found.problems:
        raise found.problems[0]

    def kept(digest: str) -> bytes:
        if digest not in known:
            raise LsiError("PaperMissingError", digest=digest)
        return known[digest]

    trust = TrustStore(home, project).trust(now)
    return facts_of(list(log.events()), kept, manifest.document, trust, now)
