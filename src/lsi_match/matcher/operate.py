"""Running by itself: look what there is to do, and do it. Safe to call at any time, and again after any stop.

`watch` is the heart: it takes in what partners delivered, does what the agenda says (`matcher.agenda`), and puts
what partners have to have at their places. It keeps nothing between two calls: what was done stands in the log.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from lsi_match.errors import LsiError, UnexpectedError
from lsi_match.files import destroy, read_bytes, write_whole
from lsi_match.matcher.agenda import GiveUp, Open, Remind, RoundNow, Task, agenda
from lsi_match.matcher.delivery import Arrival, Trouble, collect, publish
from lsi_match.matcher.hold import hold_of
from lsi_match.matcher.intake import CLOCK_SKEW
from lsi_match.matcher.proofs import proof_file
from lsi_match.matcher.run import DROP_SUFFIX, RELEASE, Clock, Run, open_round
from lsi_match.matcher.site import Project, Site, json_document
from lsi_match.matcher.subjects import remove_due
from lsi_match.oversight.state import fold
from lsi_match.protocol.canonical import digest_of_bytes
from lsi_match.protocol.documents import ReleaseDescriptor
from lsi_match.protocol.log_entry import LogEntry
from lsi_match.protocol.steps import Step
from lsi_match.protocol.trust_root import MATCHER
from lsi_match.trust.signing import verify

#: Runs a round in a process of its own and tells the outcome: `state` is released, refused, held or broken.
Runner = Callable[[Project, str], dict[str, object]]
#: Steps after which a refused run may go otherwise than before.
_NEWS = frozenset({Step.JUSTIFY.value, Step.ARRIVE.value, Step.TAKE_IN.value, Step.REGISTER_MANIFEST.value})


class ProjectBusyError(LsiError):
    nl = "Project {project} wordt al bijgehouden door een ander proces. Wacht tot dat klaar is."
    en = "Project {project} is being watched by another process. Wait until it is done."


class ClockBehindError(LsiError):
    nl = (
        "De klok van deze computer staat op {now}, eerder dan de laatste regel in het logboek van {project} ({last}). "
        "Zet haar goed; tot dan gebeurt er niets."
    )
    en = (
        "The clock of this machine says {now}, before the last entry in the log of {project} ({last}). "
        "Set it right; until then nothing is done."
    )


@dataclass
class Watched:
    """What one look at a project gave: names, counts and reasons, never anything of a person."""

    project: str
    arrivals: list[Arrival] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    done: list[tuple[Task, str]] = field(default_factory=list)
    #: Names of releases that were removed since nobody may open them any more.
    expired: list[str] = field(default_factory=list)
    #: Rounds whose files of data subjects were destroyed since their term is over.
    forgotten: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether something needs an operator: a place out of reach, or a run that broke."""
        return bool(self.troubles) or any(outcome == "broken" for _, outcome in self.done)


def watch_site(site: Site, clock: Clock, runner: Runner) -> list[Watched]:
    """Watch every project of a site; one that fails does not hold up the others."""
    found = []
    for project in site.projects():
        try:
            found.append(watch(project, clock, runner))
        except LsiError as error:
            found.append(Watched(project.id, troubles=[Trouble("matcher", error)]))
        except OSError as error:  # a full or read-only disk
            found.append(Watched(project.id, troubles=[Trouble("matcher", UnexpectedError.of(error))]))
    return found


def watch(project: Project, clock: Clock, runner: Runner) -> Watched:
    """One look: collect, do what the agenda says, remove what is over, publish.

    Raises:
        ProjectBusyError: another process is at it; nothing was done.
        ClockBehindError: by the log it is later than by the clock; nothing was done.
    """
    with _alone(project):
        _check_clock(project, clock())
        seen = Watched(project.id)
        for one in collect(project, clock()):
            (seen.arrivals if isinstance(one, Arrival) else seen.troubles).append(one)  # type: ignore[arg-type]
        rounds, began = rounds_now(project)
        for task in agenda(project.manifest(), rounds, began, clock()):
            seen.done.append((task, _do(project, task, clock, runner)))
        seen.expired = remove_expired(project, clock())
        seen.forgotten = remove_due(project, clock())
        seen.troubles += publish(project, clock())
        return seen


@contextmanager
def _alone(project: Project) -> Iterator[None]:
    """One process at a time; the system lets go when the process ends, however it ends."""
    descriptor = os.open(project.folder / "watch.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise ProjectBusyError(project=project.id) from None
    try:
        yield
    finally:
        os.close(descriptor)


def _check_clock(project: Project, now: datetime) -> None:
    last = _moment(project.entries()[-1])
    if now < last - CLOCK_SKEW:
        shown = {"now": f"{now:%Y-%m-%d %H:%M}", "last": f"{last:%Y-%m-%d %H:%M}"}
        raise ClockBehindError(project=project.id, **shown)


def rounds_now(project: Project) -> tuple[list[RoundNow], datetime]:
    """Every round of a project as it stands, from the log and the inboxes, and when its manifest was registered."""
    entries = project.entries()
    found = []
    for state in fold(entries):
        mine = [entry for entry in entries if entry.attributes.get("lsi.round") == state.round]
        if not (project.round_folder(state.round) / "opening.json").exists():
            continue
        opening, _ = project.opening(state.round)
        tried = [entry for entry in mine if entry.name == Step.GATES.value]
        found.append(
            RoundNow(
                state.round,
                state.state,
                opening.opened_at,
                opening.deadline,
                delivered=_delivered(project, state.round),
                reminded=frozenset(
                    int(str(entry.attributes["lsi.days"]))
                    for entry in mine
                    if entry.name == Step.REMIND.value
                ),
                tried=_moment(tried[-1]) if tried else None,
                news=bool(tried) and _news(entries, tried[-1]),
                held_until=held.until if (held := hold_of(entries, state.round)) else None,
            )
        )
    registered = [entry for entry in entries if entry.name == Step.REGISTER_MANIFEST.value]
    return found, _moment(registered[0])


def _moment(entry: LogEntry) -> datetime:
    return datetime.fromtimestamp(entry.end_time / 1000, UTC)


def _news(entries: list[LogEntry], tried: LogEntry) -> bool:
    return any(entry.name in _NEWS for entry in entries[entries.index(tried) + 1 :])


def _delivered(project: Project, round_id: str) -> frozenset[str]:
    """Partners in whose inbox the descriptor of a drop for this round lies."""
    inbox = project.folder / "inbox"
    return frozenset(file.parent.name for file in inbox.glob(f"*/{project.id}.{round_id}.*{DROP_SUFFIX}"))


def _do(project: Project, task: Task, clock: Clock, runner: Runner) -> str:
    """Do one task; its outcome in one word: done, or the state of a run, or the name of what refused it."""
    try:
        if isinstance(task, Open):
            open_round(project, task.round, task.reference_date, clock())
        elif isinstance(task, Remind):
            _remind(project, task, clock())
        elif isinstance(task, GiveUp):
            give_up(project, task.round, clock)
        else:
            return str(runner(project, task.round)["state"])
    except LsiError as error:
        return error.reason
    return "done"


def _remind(project: Project, task: Remind, now: datetime) -> None:
    """Log a reminder, then put it where each late partner finds it (`delivery.publish`)."""
    opening, _ = project.opening(task.round)
    with project.journal() as journal:
        journal.record(
            Step.REMIND,
            now,
            manifest=project.manifest().digest,
            trace_id=opening.trace_id,
            facts={"round": task.round, "days": task.days, "partners": ", ".join(task.partners)},
        )
    for partner in task.partners:
        document = {
            "round": task.round,
            "deadline": opening.deadline.isoformat(),
            "nl": f"Ronde {task.round}: uw levering is er nog niet. Lever vóór {opening.deadline:%d-%m-%Y %H:%M} UTC.",
            "en": f"Round {task.round}: your drop is not there yet. Deliver before {opening.deadline:%Y-%m-%d %H:%M} UTC.",
        }
        file = project.round_folder(task.round) / "reminders" / f"{partner}.json"
        write_whole(file, json_document(document), replace=True)


def expired_releases(project: Project, now: datetime) -> list[tuple[Path, ReleaseDescriptor]]:
    """Releases that lie here past the day until which they may be opened: file and content of their descriptors."""
    key = project.manifest().matcher.signing_key
    files = sorted((project.folder / "releases").glob("*/*.release.json"))
    described = [
        (file, verify(read_bytes(file), RELEASE, ReleaseDescriptor, key, what=file.name, party=MATCHER))
        for file in files
    ]
    return [(file, one) for file, one in described if now >= one.expires_at]


def remove_expired(project: Project, now: datetime) -> list[str]:
    """Remove expired releases; the names of their descriptors.

    Logged first: a release that the log calls removed and that still lies there is removed the next time.
    """
    gone = []
    for file, described in expired_releases(project, now):
        digest = digest_of_bytes(read_bytes(file))
        logged = {e.attributes.get("lsi.release") for e in project.entries() if e.name == Step.EXPIRE.value}
        if digest not in logged:
            facts = {"round": described.round, "partner": described.partner, "release": digest}
            with project.journal() as journal:
                journal.record(Step.EXPIRE, now, manifest=described.manifest, facts=facts)
        for part in described.parts:
            destroy(file.parent / part.file)
        destroy(proof_file(file))
        destroy(file)
        gone.append(file.name)
    return gone


def give_up(project: Project, round_id: str, clock: Clock) -> None:
    """End a round without a release: its key and its drops are destroyed, and that is logged.

    Raises:
        RoundBusyError: it is running.
    """
    run = Run(project, round_id, clock)
    try:
        if run.released:
            run.release()
        run.destroy()
    finally:
        run.close()
