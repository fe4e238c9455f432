"""Where the files of data subjects lie, and destroying them when their term is over. Reads no row."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from lsi_match.base.files import destroy, sync_folder
from lsi_match.log.events import SubjectsDestroyed
from lsi_match.log.subject_files import due_at, file_in
from lsi_match.log.view import ProjectView, RoundView
from lsi_match.matcher.site.site import Project

LOG_KEY = "log.key"
#: For how long it is told that a controller asked too often.
WARNED_FOR = timedelta(days=14)


def folder_of(project: Project, round_id: str) -> Path:
    return project.folder / "subjects" / round_id


def due_here(project: Project, view: ProjectView, now: datetime) -> list[tuple[RoundView, datetime]]:
    """The rounds whose files are past their term and still here, and when it ended."""
    lying = {folder.name for folder in (project.folder / "subjects").glob("*")}
    there = (one for name in sorted(lying) if (one := view.round(name)) and one.over)
    ends = ((one, due_at(one, project.manifest_of)) for one in there)
    return [(one, at) for one, at in ends if at is not None and now >= at]


def remove(project: Project, one: RoundView, due: datetime, now: datetime) -> None:
    """Destroy the files of a round whose term is over, and the log key first.

    Logged first: what the log calls destroyed and still lies there is destroyed the next time.
    """
    folder = folder_of(project, one.name)
    if one.forgotten is None:
        event = SubjectsDestroyed(round=one.name, files=len(one.subject_files), due=due)
        project.record(event, now, one.destroyed_under)
    destroy(folder / LOG_KEY)
    for file in sorted(folder.iterdir()):
        file.unlink()
    folder.rmdir()
    sync_folder(folder.parent)


def remove_unnamed(project: Project, one: RoundView) -> None:
    """Destroy what lies here of a round that is over and that no entry names: made of a drop that came to nothing. Without any
    entry the log key goes as well."""
    folder = folder_of(project, one.name)
    named = {file_in(folder.parent, one.name, file.digest) for file in one.subject_files}
    for file in sorted(folder.glob("*")):
        if file not in named and (file.name != LOG_KEY or not named):
            destroy(file)
    if folder.exists() and not named:
        folder.rmdir()
