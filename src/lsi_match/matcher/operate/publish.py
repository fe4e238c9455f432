"""Write the public pages of a site: what its projects are, and the register that the entries of their logs point to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from lsi_match.agreement.approvals import load_manifest, read_agreement
from lsi_match.base.files import write_whole
from lsi_match.crypto.signing import peek
from lsi_match.log.events import ManifestRegistered, Recorded, read
from lsi_match.matcher.site.site import Project
from lsi_match.protocol.documents import OutcomeCounts
from lsi_match.reports.public.measures import effects
from lsi_match.reports.public.pages import ProjectFacts, Version, pages
from lsi_match.reports.public.results import per_year, use


def publish(projects: Sequence[Project], out: Path, now: datetime) -> list[Path]:
    """Write every page of these projects below `out`; which. Raises what `public_facts` does, with nothing written."""
    return write_pages([public_facts(project, now) for project in projects], out, now)


def write_pages(facts: Sequence[ProjectFacts], out: Path, now: datetime) -> list[Path]:
    """Write every page below `out`; which. What lies there under another name stays."""
    written = []
    for path, data in pages(facts, now).items():
        file = out / path
        write_whole(file, data, replace=True)
        written.append(file)
    for one in (out, *out.rglob("*")):
        one.chmod(0o755 if one.is_dir() else 0o644)  # for everybody
    return written


def public_facts(project: Project, now: datetime) -> ProjectFacts:
    """What everybody may know of a project: from what was signed, and from its log.

    Raises:
        LogMissingError, LogUnreadableError, EventMalformedError, StepOutOfPlaceError, DocumentAlteredError: a project
            cannot be told about.
    """
    with project.reader() as reader:
        recorded = [read(position, entry) for position, entry in reader.log.entries()]

    def outcomes(digest: str) -> OutcomeCounts | None:
        return (
            peek(project.kept(digest), OutcomeCounts, what="outcome", party="-")
            if project.has(digest)
            else None
        )

    smallest = project.manifest().monitor.smallest_cell
    years = per_year(recorded, outcomes, smallest, now)
    agreement = read_agreement(project.manifest(), project.papers(), now, project.trust(now))
    sheets = {name: one.sheet for name, one in agreement.publications.items()}
    in_use = use(recorded, project.manifest().project.period.last, now)
    versions = tuple(_versions(project, recorded))
    did = effects(recorded, [one.manifest for one in versions])
    return ProjectFacts(versions, tuple(years), sheets, in_use, tuple(did))


def _versions(project: Project, recorded: list[Recorded]) -> Iterator[Version]:
    seen: set[str] = set()
    for one in recorded:
        if isinstance(one.event, ManifestRegistered) and one.manifest not in seen:
            seen.add(one.manifest)
            yield Version(load_manifest(project.kept(one.manifest)), one.at)
