"""What everybody may know of a project, from its log and the papers that the log names: at the site, or with a copy of the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lsi_match.agreement.approvals import load_manifest, read_agreement
from lsi_match.agreement.trust_root_rules import Trust
from lsi_match.crypto.signing import peek
from lsi_match.log.events import (
    Destroyed,
    Held,
    ManifestRegistered,
    PapersTakenIn,
    Recorded,
    Released,
)
from lsi_match.manifest import Manifest
from lsi_match.monitor.round_findings import RoundFindings
from lsi_match.monitor.table import CountsTable
from lsi_match.protocol.documents import OutcomeCounts
from lsi_match.protocol.publication import Sheet
from lsi_match.reports.monitor_words import Words
from lsi_match.reports.public.measures import Effect, effects
from lsi_match.reports.public.results import Use, Year, per_year, use


@dataclass(frozen=True)
class Version:
    """A manifest that was registered, and when."""

    manifest: Manifest
    since: datetime

    @property
    def short(self) -> str:
        """The manifest in the addresses that entries of the log point to."""
        return self.short_of(self.manifest.digest)

    @staticmethod
    def short_of(digest: str) -> str:
        return digest.removeprefix("sha256:")[:16]


@dataclass(frozen=True)
class ProjectFacts:
    """What the pages of one project are made from: its manifests, the oldest first, and its years, the newest first."""

    versions: tuple[Version, ...]
    years: tuple[Year, ...]
    #: Controller → what it makes public about the newest manifest.
    sheets: Mapping[str, Sheet] = field(default_factory=dict)
    use: Use = field(default_factory=Use)
    #: What the measures against unequal treatment did.
    effects: tuple[Effect, ...] = ()
    #: Group that stood out → how many rounds waited because of it; of rounds that are over.
    waited_for: Mapping[str, int] = field(default_factory=dict)

    @property
    def manifest(self) -> Manifest:
        return self.versions[-1].manifest


def facts_of(
    recorded: Sequence[Recorded],
    kept: Callable[[str], bytes],
    manifest: Manifest,
    trust: Trust,
    now: datetime,
) -> ProjectFacts:
    """What the pages and entries of a project are made from.

    Args:
        recorded: every event of the log, which was verified.
        kept: the paper with a digest that the log names. What it raises where there is none, is raised.
        manifest: the one that runs.
        trust: who could sign what.
    """
    papers: dict[str, bytes] = {}
    since: dict[str, datetime] = {}
    for one in recorded:
        if isinstance(one.event, ManifestRegistered):
            since.setdefault(one.manifest, one.at)
        if isinstance(one.event, ManifestRegistered | PapersTakenIn) and one.manifest == manifest.digest:
            papers |= {digest: kept(digest) for digest in one.event.papers.values()}
    agreed = {digest: load_manifest(kept(digest)) for digest in since}
    versions = tuple(Version(agreed[digest], at) for digest, at in since.items())

    def outcomes(digest: str) -> OutcomeCounts:
        return peek(kept(digest), OutcomeCounts, what="outcome", party="-")

    publications = read_agreement(manifest, papers, now, trust).publications
    return ProjectFacts(
        versions,
        tuple(
            per_year(recorded, outcomes, {one: of.monitor.smallest_cell for one, of in agreed.items()}, now)
        ),
        {name: one.sheet for name, one in publications.items()},
        use(recorded, manifest.project.period.last, now),
        tuple(effects(recorded, list(agreed.values()))),
        _waited_for(recorded, kept),
    )


def _waited_for(recorded: Sequence[Recorded], kept: Callable[[str], bytes]) -> Counter[str]:
    """The groups of the reports that held a round, once it was released or destroyed: until then controllers are judging it."""
    over = {one.round for one in recorded if isinstance(one.event, Released | Destroyed)}
    held = {
        one.round: one.event.findings for one in recorded if isinstance(one.event, Held) and one.round in over
    }
    found = Counter[str]()
    for digest in held.values():
        report = RoundFindings.model_validate_json(kept(digest))
        words = Words(CountsTable.model_validate_json(kept(report.table)), "nl")
        whom = {(row.dimension, row.group) for row in report.alerts}
        found.update(f"{words.dimension(one)}: {words.group(one, group)}" for one, group in whom)
    return found
