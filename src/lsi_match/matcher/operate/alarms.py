"""What an operator has to look at, by name: each has a page of its own in docs/nl/alarmen/.

| alarm | when |
| --- | --- |
| `log` | the log of a project cannot be read |
| `manifest` | the manifest of a project cannot be read |
| `behind` | somewhere there is a newer state of the log than here: nothing is signed |
| `fork` | a checkpoint was reported that this site signed, or a controller co-signed, and that is none of this log |
| `gap` | entries of the log were lost, and not every controller acknowledged that |
| `clock` | the clock stands before the last entry of the log, or days after the last sign of life |
| `unknown` | the log has a step that this version does not have |
| `disk` | less than 5% or 1 GiB is free, or nothing can be written |
| `silent` | a project that runs by itself was not looked at for an hour |
| `opening` | a round should have opened and did not, or the next one will be kept from opening |
| `checkpoint` | no checkpoint of the log was made for two days |
| `ends` | something ends within 60 days (or a week, or half its time), or ended |
| `service` | the part of the service with Prefect does not start |
| `place` | the place of a partner could not be used at the last look |
| `overdue` | something is past its term for more than two hours |
| `broken` | a run broke off and was not finished within an hour |
| `refused` | a round was refused and stands still |
| `held` | a round waits for justifications |
| `waiting` | a release waits for cosignatures for more than two days, or half its term |
| `late` | a drop is missing past the deadline |
| `cosignature` | the log has entries of more than two weeks ago that a controller did not co-sign |
| `access` | a controller asked more often about people than the manifest allows, in the last two weeks |
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from lsi_match.base.clock import CLOCK_SKEW, minute
from lsi_match.base.errors import Language, LsiError, problem
from lsi_match.log.view import ProjectView
from lsi_match.matcher.operate.agenda import RoundNow
from lsi_match.matcher.operate.expected import Ahead, ahead, missed
from lsi_match.matcher.operate.observed_state import last_reconciled, leapt_from, part_stopped, rounds_now
from lsi_match.matcher.operate.retention import due, problem_of
from lsi_match.matcher.site import checkpoint
from lsi_match.matcher.site.site import Project
from lsi_match.matcher.subjects.subject_terms import WARNED_FOR

NAMES = (
    "log", "manifest", "behind", "fork", "gap", "unknown", "clock", "disk", "silent", "opening", "service", "place", "overdue",
    "broken", "refused", "held", "waiting", "late", "checkpoint", "cosignature", "ends", "access",
)  # fmt: skip
#: With one of these on, nothing more can be said of a project.
UNREADABLE = frozenset({"log", "manifest"})
HOUR = timedelta(hours=1)
#: How long what is past its term may be there: retention looks every hour.
OVERDUE = 2 * HOUR
COSIGNED_WITHIN = timedelta(days=14)
#: How long a release may wait for cosignatures: they are asked for at once, and whoever signs every day had its day.
HANDED_OUT_WITHIN = timedelta(days=2)
_FREE_SHARE, _FREE_BYTES = 0.05, 2**30


@dataclass(frozen=True)
class Alarm:
    """One thing to look at: its name, the project, and what is the matter in both languages."""

    name: str
    project: str
    nl: str
    en: str

    def text(self, language: Language) -> str:
        return self.nl if language == "nl" else self.en


def alarms(project: Project, now: datetime, coming: Ahead | None = None) -> list[Alarm]:
    """Everything that is the matter with a project, the gravest first; `coming` where the caller looked ahead already."""
    found = [Alarm(name, project.id, nl, en) for name, nl, en in _all(project, now, coming)]
    return sorted(found, key=lambda one: NAMES.index(one.name))


def _all(project: Project, now: datetime, coming: Ahead | None) -> Iterator[tuple[str, str, str]]:
    yield from _disk(project)
    unread = "log"
    try:
        view, unread = project.view(), "manifest"
        manifest, unread = project.manifest(), "log"
        rounds = rounds_now(project, view)
    except LsiError as error:
        yield unread, error.text("nl"), error.text("en")
        return
    last = view.last
    if last is not None and now < last - CLOCK_SKEW:
        yield "clock", *problem("matcher.operate.clock_behind", now=minute(now), last=minute(last))
    if since := leapt_from(project, view, now):
        yield "clock", *problem("matcher.operate.clock_ahead", now=minute(now), last=minute(since))
    if project.behind_file.exists():
        behind = LsiError("LogBehindError", project=project.id)
        yield "behind", behind.text("nl"), behind.text("en")
    for fork in view.forks.values():
        facts = {"name": fork.partner, "size": fork.size, "at": minute(fork.at)}
        yield "fork", *problem("matcher.operate.fork", **facts)
    for step, told in view.unknown.items():
        facts = {"step": step, "count": told.count, "first": told.first}
        yield "unknown", *problem("matcher.operate.unknown_step", **facts)
    yield from _looks(project, view, now)
    yield from _ends(coming or ahead(project, now), now)
    if stopped := part_stopped(project.site):
        yield "service", *problem("matcher.operate.part_stopped", at=minute(stopped))
    yield from _due(project, now)
    for one in rounds:
        yield from _round(project, one, now)
    for name, since in view.waiting().items():
        if now - since > min(HANDED_OUT_WITHIN, (manifest.released_until(since) - since) / 2):
            yield "waiting", *problem("matcher.operate.waiting", round=name, at=minute(since))
    yield from _cosignatures(project, view, now)
    for name, last_asked in view.asked_too_often.items():
        if now - last_asked < WARNED_FOR:
            yield "access", *problem("matcher.operate.asked_too_often", name=name, at=minute(last_asked))


def _disk(project: Project) -> Iterator[tuple[str, str, str]]:
    space = shutil.disk_usage(project.folder)
    if os.statvfs(project.folder).f_flag & os.ST_RDONLY or not os.access(project.folder, os.W_OK):
        yield "disk", *problem("matcher.operate.disk_read_only")
    elif space.free < min(_FREE_SHARE * space.total, _FREE_BYTES):
        yield "disk", *problem("matcher.operate.disk_full", mib=f"{space.free / 2**20:.0f}")


#: What should have happened (`expected`) → the alarm that it did not.
_MISSED = {"look": "silent", "opening": "opening", "checkpoint": "checkpoint"}


def _looks(project: Project, view: ProjectView, now: datetime) -> Iterator[tuple[str, str, str]]:
    look = last_reconciled(project)
    for one in missed(project, view, look, now):
        yield _MISSED[one.what], one.nl, one.en
    for partner, reason in look.troubles.items():
        yield "place", f"{partner}: {reason}", f"{partner}: {reason}"


def _ends(coming: Ahead, now: datetime) -> Iterator[tuple[str, str, str]]:
    """What ends soon, and what it already keeps from opening. That a release is not opened is for its partner to be told."""
    if coming.error is not None:
        yield "opening", coming.error.text("nl"), coming.error.text("en")
    comes = coming.opening
    if comes is not None and comes.refused is not None:
        if comes.at:
            nl, en = problem("matcher.operate.will_not_open", at=minute(comes.at))
        else:
            nl, en = problem("matcher.operate.cannot_be_opened")
        yield "opening", f"{nl} {comes.refused.text('nl')}", f"{en} {comes.refused.text('en')}"
    for one in coming.ends:
        if one.what != "release" and one.days_warned(now) is not None:
            yield "ends", one.text("nl"), one.text("en")


def _due(project: Project, now: datetime) -> Iterator[tuple[str, str, str]]:
    try:
        late = [one for one in due(project, now) if now - one.at > OVERDUE]
    except (LsiError, OSError) as error:
        yield "overdue", *problem("matcher.operate.terms_unreadable", reason=problem_of(error))
        return
    if late:
        since = minute(min(one.at for one in late))
        kinds = ", ".join(sorted({one.kind for one in late}))
        yield "overdue", *problem("matcher.operate.overdue", count=len(late), kinds=kinds, at=since)


def _round(project: Project, one: RoundNow, now: datetime) -> Iterator[tuple[str, str, str]]:
    if one.state == "held" and one.held_until is not None:
        yield "held", *problem("matcher.operate.held", round=one.round, at=minute(one.held_until))
        return
    if one.state == "refused":
        yield "refused", *problem("matcher.operate.refused", round=one.round)
    elif one.tried is not None and now - one.tried > HOUR:
        yield "broken", *problem("matcher.operate.broken", round=one.round)
    missing = [name for name in project.manifest().partners if name not in one.delivered | one.left_out]
    if missing and now >= one.deadline and one.state != "released":
        yield "late", *problem("matcher.operate.late", round=one.round, names=", ".join(missing))


def _cosignatures(project: Project, view: ProjectView, now: datetime) -> Iterator[tuple[str, str, str]]:
    first, gap = view.first_checkpoint, view.gap
    asked = first is not None and now - first > COSIGNED_WITHIN
    if gap is None and not asked:
        return
    try:
        signed = checkpoint.cosigned(project, now)
    except LsiError as error:
        yield "cosignature", error.text("nl"), error.text("en")
        return
    outside = project.manifest().release.witnesses
    waits = [
        name
        for name, one in signed.items()
        if gap is not None and name not in outside and one.size <= gap.mark.position
    ]
    if waits and gap is not None:
        names, entries = ", ".join(waits), f"{gap.mark.position}–{gap.lost}"
        yield "gap", *problem("matcher.operate.gap", entries=entries, names=names)
    late = [
        name for name, one in signed.items() if one.waits_since and now - one.waits_since > COSIGNED_WITHIN
    ]
    if late and asked:
        yield "cosignature", *problem("matcher.operate.not_cosigned", names=", ".join(late))
