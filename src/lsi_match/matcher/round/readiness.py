"""Whether a run is certain to be refused, from what can be read in a moment: before anything heavy is started for it.

Nothing is logged or decided here. The steps `gates` and `intake` do that, of every run, and may refuse more.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from lsi_match.agreement.gates import require
from lsi_match.base.errors import LsiError
from lsi_match.matcher.round.open_round import lock_round
from lsi_match.matcher.site import inbox
from lsi_match.matcher.site.site import Project


def drops_found(project: Project, round_id: str) -> dict[str, list[Path]]:
    """Name of a folder of drops → the descriptors in it, without those of another round that is open. What lies in the
    inboxes is taken in first; one that cannot be used holds nobody up."""

    def of_another(file: Path) -> bool:
        name, _, rest = file.name.partition(".")
        other = rest.partition(".")[0]
        return name == project.id and other != round_id and project.takes_drops(other)

    found = {}
    for partner in inbox.inboxes(project):
        with suppress(inbox.InboxUnusableError):
            inbox.take_in(project, partner)
        files = sorted(inbox.received(project, partner).glob(f"*{inbox.DROP_SUFFIX}"))
        found[partner] = [file for file in files if not of_another(file)]
    return found


def is_refused(project: Project, round_id: str, now: datetime) -> bool:
    """Whether a run that begins now is certain to be refused."""
    try:
        with project.reading() as project:
            manifest = project.manifest()
            opening, _ = project.opening(round_id, manifest)
            done = project.view().rounds.get(round_id)
            if done is None or done.destroyed:
                return True
            os.close(lock_round(project.round_folder(round_id) / "lock", round_id, project.id))
            if done.release:
                return False  # it is finished only
            require(manifest, project.evidence(now, opening))
    except LsiError:
        return True
    found = drops_found(project, round_id)
    expected = done.expected(manifest.partners)
    there = [name for name in expected if found.get(name)]
    waits = manifest.schedule.when_late != "proceed" or now < opening.deadline
    return len(manifest.selecting.keys() & there) < 2 or (waits and len(there) < len(expected))
