"""Papers that partners bring to their place: openings of releases, cosignatures, justifications, counts of outcomes, access
requests, and what is for all the others (`operate.shared_files`).

Each kind is judged by the module that it belongs to. What does not hold (`RefusedError`) is told and taken away: it would
not hold the next time either. What could not be judged, since a disk is full, a root expired or a key is locked, is
told and stays where it lies. Any of them may come twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.files import destroy, write_whole
from lsi_match.crypto.signing import peek
from lsi_match.matcher.engine.intake import MAX_DESCRIPTOR
from lsi_match.matcher.operate import shared_files
from lsi_match.matcher.operate.observed_state import last_reconciled
from lsi_match.matcher.round import evaluating, hold, look_ups
from lsi_match.matcher.round.office import ingest_counts
from lsi_match.matcher.round.opened_notices import ingest_opened_notices
from lsi_match.matcher.round.take_outcomes import ingest_outcomes
from lsi_match.matcher.site.inbox import check_papers
from lsi_match.matcher.site.site import Project
from lsi_match.matcher.site.take_cosignatures import add_cosignatures
from lsi_match.matcher.subjects import access_answers
from lsi_match.protocol import place_files
from lsi_match.protocol.documents import OPENED_SUFFIX, Justification, OutcomeCounts


def is_paper(name: str) -> bool:
    """Whether a file of that name is one of these papers."""
    return name.endswith((*place_files.SENT_ALONE, *place_files.OF_EVALUATION, *place_files.OF_LOOK_UP))


def largest(project: Project, name: str) -> int:
    """The most bytes of such a paper."""
    return evaluating.largest(project, name) if name.endswith(place_files.OF_EVALUATION) else MAX_DESCRIPTOR


def ingest(project: Project, name: str, data: bytes, now: datetime, partner: str) -> None:
    """Take in the paper `data`, which lay as `name` at the place of `partner`.

    Raises:
        RefusedError, RoundUnknownError: it does not hold; any other says that the paper could not be judged, as `PapersTooManyError` does.
    """
    if name.endswith(OPENED_SUFFIX):
        check_papers(project.view(), partner, now)
        ingest_opened_notices(project, {name: data}, now, only=partner)
    elif name.endswith(place_files.COSIGNATURE_SUFFIX):
        add_cosignatures(project, data, now, partner)
    elif name.endswith(place_files.OF_EVALUATION):
        evaluating.take(project, name, data, now, partner, last_reconciled(project).at)
    elif name.endswith(place_files.OF_LOOK_UP):
        look_ups.take(project, name, data, now, partner)
    elif name.endswith(tuple(place_files.SHARED)):
        shared_files.take(project, partner, name, data, now)
    elif name.endswith(place_files.OUTCOME_SUFFIX):
        if not project.has(digest_of_bytes(data)):
            check_papers(project.view(), partner, now)
            counts = peek(data, OutcomeCounts, what=name, party=partner)
            ingest_outcomes(project, counts.round, {name: data}, now)
    elif name.endswith(place_files.OFFICE_COUNTS_SUFFIX):
        if not project.has(digest_of_bytes(data)):
            check_papers(project.view(), partner, now)
            ingest_counts(project, data, now)
    elif name.endswith(place_files.REQUEST_SUFFIX):
        _answer(project, name, data, now, partner)
    elif digest_of_bytes(data) not in project.view().papers:
        paper = peek(data, Justification, what=name, party=partner)
        check_papers(project.view(), paper.controller, now)
        hold.ingest(project, paper.round, {name: data}, now)


def _answer(project: Project, name: str, sealed: bytes, now: datetime, partner: str) -> None:
    """Answer an access request of the partner whose place it lay at; a second time it is answered already."""
    check_papers(project.view(), partner, now)
    made = access_answers.answer(project, sealed, now, only=partner)
    file = f"{name.removesuffix(place_files.REQUEST_SUFFIX)}{place_files.ANSWER_SUFFIX}"
    write_whole(_answers(project) / partner / now.date().isoformat() / file, made, replace=True)


def _answers(project: Project) -> Path:
    return project.folder / "answers"


def answers_for(project: Project, partner: str, now: datetime) -> Iterator[Path]:
    """The sealed answers for a partner; those that lay ready for `access_answers.TERM` are destroyed."""
    for day in sorted((_answers(project) / partner).glob("*")):
        for file in sorted(day.iterdir()):
            if now.date() - date.fromisoformat(day.name) <= access_answers.TERM:
                yield file
            else:
                destroy(file)
