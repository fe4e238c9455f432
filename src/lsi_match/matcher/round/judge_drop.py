"""Judging one drop, once: when it arrives, or by the run where nobody looked at it before."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from itertools import chain
from pathlib import Path

from lsi_match.log.subject_files import file_in
from lsi_match.matcher.engine.execution_config import ExecutionConfig
from lsi_match.matcher.engine.intake import Drop, Round, checked_parts, described
from lsi_match.matcher.engine.verdict import find_verdict, keep_verdict
from lsi_match.matcher.site.site import Project
from lsi_match.matcher.subjects.subject_rows import intake_rows, write_rows
from lsi_match.matcher.subjects.subject_terms import folder_of


def judge_drop(
    project: Project,
    file: Path,
    partner: str,
    round_: Round,
    now: datetime,
    config: ExecutionConfig | None = None,
) -> tuple[Drop, str | None]:
    """The drop whose descriptor is `file`, and the digest of the file of who is in it, if there is to be one, which is written
    while its parts are checked, so many at once as there are means for. Where there is a verdict on it, no part is opened.

    Raises: as `engine.intake.receive`.
    """
    drop = described(file, partner, round_, now)
    verdict, round_id = find_verdict(drop), round_.opening.round
    subjects = verdict.subjects if verdict else None
    gone = subjects and not file_in(folder_of(project, round_id).parent, round_id, subjects).is_file()
    if verdict is None or gone:
        drop.marks.clear()
        rows_of = partial(intake_rows, project, round_id, round_.manifest, partner)
        runs = chain.from_iterable(checked_parts(drop, rows_of, (config or ExecutionConfig()).parts_at_once))
        subjects = write_rows(project, round_id, round_.manifest, f"intake.{partner}", runs)
        keep_verdict(drop, subjects)
    return drop, subjects
