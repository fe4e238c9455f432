"""The end of the term of audit records (the details of log entries, `log.writer`)."""

from __future__ import annotations

from datetime import datetime, timedelta

from lsi_match.agreement.approvals import load_manifest
from lsi_match.log.audit_terms import destroyed, ranges
from lsi_match.log.entry import LogEntry
from lsi_match.log.steps import Step
from lsi_match.log.store import Log
from lsi_match.matcher.site.site import Project

#: How many records one entry calls destroyed at most, so that their positions fit in it.
AT_ONCE = 100


def due(project: Project, entries: list[LogEntry], now: datetime) -> dict[int, datetime]:
    """Positions of the audit records whose term is over, and when it ended: `retention.log_details_days` after the entry."""
    terms: dict[str, timedelta] = {}

    def term(manifest: str) -> timedelta:
        if manifest not in terms:
            days = load_manifest(project.kept(manifest)).retention.log_details_days
            terms[manifest] = timedelta(days=days)
        return terms[manifest]

    with Log.open(project.log_file, read_only=True) as log:
        present = [position for position in log.details_positions() if position < len(entries)]
    ends = {
        position: entries[position].moment + term(str(entries[position].attributes["lsi.manifest"]))
        for position in present
    }
    return {position: end for position, end in ends.items() if now >= end}


def remove(project: Project, now: datetime) -> int:
    """Destroy the audit records that are `due`; how many. The entries stay, and the log stays verifiable.

    It says first which go. That entry has no audit record of its own: nobody sits at a keyboard, and there would be no
    end to it.
    """
    entries = project.entries()
    past = list(due(project, entries, now))
    told = destroyed(entries)
    untold = [position for position in past if position not in told]
    with project.journal() as journal:
        for start in range(0, len(untold), AT_ONCE):
            some = untold[start : start + AT_ONCE]
            journal.record(
                Step.DESTROY_DETAILS,
                now,
                manifest=project.manifest().digest,
                audit=False,
                facts={"count": len(some), "entries": ranges(some)},
            )
        if past:
            journal.destroy_details(past)
    return len(past)
