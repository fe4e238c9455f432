"""The end of the term of audit records (the details of log entries, `log.writer`)."""

from __future__ import annotations

from datetime import datetime

from lsi_match.log.audit_terms import destroyed, ranges
from lsi_match.log.entry import LogEntry
from lsi_match.log.events import DetailsDestroyed
from lsi_match.matcher.site.site import Project

#: How many records one entry calls destroyed at most, so that their positions fit in it.
AT_ONCE = 100


def due(project: Project, now: datetime) -> dict[int, datetime]:
    """Positions of the audit records whose term is over, and when it ended: `retention.log_details_days` after the entry.

    Entries under one manifest follow each other in time, so of each such stretch nothing is read after the first record
    that is not due.
    """
    found: dict[int, datetime] = {}
    with project.reader() as opened:
        under = opened.view.under
        ends = [first for first, _ in under[1:]] + [opened.view.size]
        for (first, manifest), end in zip(under, ends, strict=True):
            agreed = None
            for position in opened.log.details_positions(first, end):
                agreed = agreed or project.manifest_of(manifest)
                over = agreed.details_until(LogEntry.from_leaf(opened.log.leaf(position), position).moment)
                if now < over:
                    break
                found[position] = over
    return found


def remove(project: Project, now: datetime) -> int:
    """Destroy the audit records that are `due`; how many. The entries stay, and the log stays verifiable.

    It says first which go. That entry has no audit record of its own: nobody sits at a keyboard, and there would be no
    end to it.
    """
    past = list(due(project, now))
    with project.writer() as log:
        told = destroyed(log.view)
        untold = [position for position in past if position not in told]
        for start in range(0, len(untold), AT_ONCE):
            some = untold[start : start + AT_ONCE]
            event = DetailsDestroyed(count=len(some), entries=ranges(some))
            log.record(event, now, manifest=project.manifest().digest, audit=False)
        if past:
            log.log.destroy_details(past)
    return len(past)
