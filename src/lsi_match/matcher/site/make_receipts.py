"""Receipts for deliveries (`protocol.place_files`): made from the log, so that none is missing after any stop.

    receipts/<partner>/<project>.<partner>.<digest>.receipt.tlog-proof

They lie there for `LETTERS`, as the reasons of refusals do, for the partner to fetch.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from lsi_match.base.files import write_whole
from lsi_match.log.view import ProjectView
from lsi_match.matcher.site.proofs import proof_for
from lsi_match.matcher.site.site import Project
from lsi_match.protocol.place_files import receipt_name

#: How long what is told to a partner lies ready for it: receipts, and reasons of refusals.
LETTERS = timedelta(days=90)


def folder_of(project: Project) -> Path:
    return project.folder / "receipts"


def current(project: Project, view: ProjectView, now: datetime) -> Iterator[tuple[int, Path]]:
    """The deliveries whose receipt lies ready: the position of the entry, and the file."""
    for one in view.all_arrivals():
        if now < one.mark.at + LETTERS:
            name = receipt_name(project.id, one.partner, one.drop)
            yield one.mark.position, folder_of(project) / one.partner / name


def write_receipts(project: Project, now: datetime) -> list[Path]:
    """Write every receipt that is not there; those that are new."""
    with project.reader() as opened:
        new = [(at, file) for at, file in current(project, opened.view, now) if not file.exists()]
        for position, file in new:
            proof = proof_for(project, opened.log, position, names=[file.parent.name])
            write_whole(file, proof.text().encode(), replace=True)
    return [file for _, file in new]
