"""Write the public pages of a site: what its projects are, and the register that the entries of their logs point to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from lsi_match.log.events import read
from lsi_match.matcher.site.site import Project
from lsi_match.reports.public.facts import ProjectFacts, facts_of
from lsi_match.reports.public.pages import write_pages


def publish(projects: Sequence[Project], out: Path, now: datetime) -> list[Path]:
    """Write every page of these projects below `out`; which. Raises what `public_facts` does, with nothing written."""
    return write_pages([public_facts(project, now) for project in projects], out, now)


def public_facts(project: Project, now: datetime) -> ProjectFacts:
    """What everybody may know of a project: from what was signed, and from its log.

    Raises:
        LogMissingError, LogUnreadableError, EventMalformedError, StepOutOfPlaceError, DocumentAlteredError: a project
            cannot be told about.
    """
    with project.reader() as reader:
        recorded = [read(position, entry) for position, entry in reader.log.entries()]
    return facts_of(recorded, project.kept, project.manifest(), project.trust(now), now)
