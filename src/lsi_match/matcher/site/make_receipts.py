"""Receipts for deliveries (`protocol.receipt_files`): made from the log, so that none is missing after any stop.

    receipts/<partner>/<project>.<partner>.<digest>.receipt.tlog-proof

They lie there for `LETTERS`, as the reasons of refusals do, for the partner to fetch.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from lsi_match.base.files import write_whole
from lsi_match.log.entry import LogEntry
from lsi_match.log.log_proof import prove
from lsi_match.log.steps import Step
from lsi_match.log.store import Log
from lsi_match.matcher.site.site import Project
from lsi_match.protocol.receipt_files import receipt_name

#: How long what is told to a partner lies ready for it: receipts, and reasons of refusals.
LETTERS = timedelta(days=90)


def folder_of(project: Project) -> Path:
    return project.folder / "receipts"


def current(project: Project, entries: list[LogEntry], now: datetime) -> Iterator[tuple[int, Path]]:
    """The deliveries whose receipt lies ready: the position of the entry, and the file."""
    for position, entry in enumerate(entries):
        partner, drop = entry.attributes.get("lsi.partner"), entry.attributes.get("lsi.drop")
        if entry.name != Step.ARRIVE.value or not partner or not drop:
            continue
        if now < entry.moment + LETTERS:
            name = receipt_name(project.id, str(partner), str(drop))
            yield position, folder_of(project) / str(partner) / name


def write_receipts(project: Project, now: datetime) -> list[Path]:
    """Write every receipt that is not there; those that are new."""
    new = [(at, file) for at, file in current(project, project.entries(), now) if not file.exists()]
    if new:
        with Log.open(project.log_file, read_only=True) as log:
            for position, file in new:
                write_whole(file, prove(log, position).text().encode(), replace=True)
    return [file for _, file in new]
