"""What has a term and is past it, and destroying it: one list (`TERMS`), for the flow, the metrics and the operator.

| kind | what | its term ends | in the log |
| --- | --- | --- | --- |
| `hold` | key and drops of a round that is held | when its term of justification does, or a controller asks for another manifest | `destroy` |
| `release` | a sealed release, handed out or waiting for cosignatures | on the day until which it may be opened | `expire` |
| `subjects` | files of data subjects of a round | `log_details_days` after its round | `destroy subjects` |
| `details` | audit records of log entries | `log_details_days` after their entry | `destroy details` |
| `drop` | a key or file of a round that is over | when its round ended | `retention` |
| `drop` | a refused drop of no round; a stray file in an inbox | after a week; after a day | `retention` |
| `letter` | a receipt, or the reason of a refusal | after `receipts.LETTERS` | `retention` |
| `temporary` | what a process that was killed left behind | after an hour | `retention` |

What cannot be destroyed is told, and stands in the log as a refusal, once a day while it lasts. The rest goes on.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.clock import Clock
from lsi_match.base.errors import LsiError
from lsi_match.base.files import destroy, read_bytes
from lsi_match.crypto.signing import verify
from lsi_match.log.events import ReleaseExpired, RetentionApplied, RetentionFailed, why
from lsi_match.log.log_proof import proof_file
from lsi_match.log.view import ProjectView
from lsi_match.matcher.round import hold
from lsi_match.matcher.round.open_round import RoundBusyError
from lsi_match.matcher.site import audit_records, inbox, make_receipts
from lsi_match.matcher.site.proofs import keep_proofs
from lsi_match.matcher.site.site import REASON, Project
from lsi_match.matcher.subjects import subject_terms
from lsi_match.protocol.documents import ReleaseDescriptor
from lsi_match.protocol.trust_root import MATCHER

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
#: How long a refused drop that belongs to no round is kept, for whoever wants to know what was wrong with it.
REFUSED = timedelta(days=7)


@dataclass(frozen=True)
class Due:
    """Something past its term: its kind as in the table above, the name of a round or a file, and when its term ended."""

    kind: str
    name: str
    at: datetime

    @property
    def shown(self) -> str:
        """Its name on one line: of what lies in an inbox, somebody else typed it."""
        return "".join(sign if sign.isprintable() else "\ufffd" for sign in self.name)


@dataclass
class Destroyed:
    """What was destroyed, and what could not be, with why."""

    done: list[Due] = field(default_factory=list)
    failed: list[tuple[Due, LsiError | OSError]] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """How many of each kind were destroyed."""
        return dict(sorted(Counter(one.kind for one in self.done).items()))


class Term(NamedTuple):
    """A kind of thing with a term: what is past it, how one of them is destroyed, and whether that has an entry of its own."""

    kind: str
    due: Callable[[Project, ProjectView, datetime], Iterable[Due]]
    destroy: Callable[[Project, Due, Clock], object]
    own_entry: bool


def due(project: Project, now: datetime) -> list[Due]:
    """Everything that is past its term and still here."""
    with project.reader() as log:
        return [one for term in TERMS for one in term.due(project, log.view, now)]


def destroy_due(project: Project, clock: Clock) -> Destroyed:
    """Destroy everything that is past its term, log it, and keep the proofs of that. What fails holds nothing else up.

    A round that is running at this moment is left for the next time.
    """
    found = Destroyed()
    for term in TERMS:
        try:
            past = list(term.due(project, project.view(), clock()))
        except (LsiError, OSError) as error:
            found.failed.append((Due(term.kind, "?", clock()), error))
            continue
        for one in past:
            try:
                term.destroy(project, one, clock)
            except RoundBusyError:
                continue
            except (LsiError, OSError) as error:
                found.failed.append((one, error))
            else:
                found.done.append(one)
    try:
        keep_proofs(project, project.view().live.values())
    except (LsiError, OSError) as error:
        found.failed.append((Due("proof", "?", clock()), error))
    _log(project, found, clock())
    return found


def _log(project: Project, found: Destroyed, now: datetime) -> None:
    own = {term.kind for term in TERMS if term.own_entry}
    counts = {kind: count for kind, count in found.counts().items() if kind not in own}
    if not counts and not found.failed:
        return
    with project.writer() as log:
        manifest = project.manifest().digest
        if counts:
            log.record(RetentionApplied(**counts), now, manifest=manifest)
        if found.failed:
            failed = why(_failure(found))
            at, said = log.view.retention_failed or (now - DAY, "")
            if said != failed["message"] or now - at >= DAY:
                log.record(RetentionFailed(**failed), now, manifest=manifest)


def _failure(found: Destroyed) -> LsiError:
    # Kinds and numbers only: the name of a stray file is what somebody typed.
    kinds = Counter(one.kind for one, _ in found.failed)
    problems = sorted({problem_of(error) for _, error in found.failed})
    what = ", ".join(f"{number} × {kind}" for kind, number in sorted(kinds.items()))
    return LsiError("DestructionFailedError", what=what, problem=", ".join(problems))


def problem_of(error: LsiError | OSError) -> str:
    """What went wrong, in words without a name of a file."""
    return error.reason if isinstance(error, LsiError) else error.strerror or type(error).__name__


# holds


def _holds(project: Project, view: ProjectView, now: datetime) -> Iterator[Due]:
    for one in hold.overdue(view, now):
        if one.hold is not None:
            yield Due("hold", one.name, min(one.hold.until, now))


def abandon(project: Project, round_id: str, clock: Clock) -> Literal["open", "released", "ended"]:
    """End a round without a release: its key and its drops are destroyed, and that is logged. How it stood before.

    One that was released is handed out and destroyed, as its run would have done; of one that had ended nothing but
    remains is destroyed.

    Raises:
        RoundBusyError: it is running.
    """
    from lsi_match.matcher.round.run import Run  # with the engine, for who runs it

    run = Run(project, round_id, clock)
    try:
        before: Literal["open", "released", "ended"] = (
            "ended" if run.ended else "released" if run.released else "open"
        )
        if run.released:
            run.release()
        run.destroy()
        return before
    finally:
        run.close()


# releases


def _releases(project: Project, view: ProjectView, now: datetime) -> Iterator[Due]:
    for file in _release_files(project, view):
        described = _release(project, file)
        if now >= described.expires_at:
            yield Due("release", file.name, described.expires_at)


def _release_files(project: Project, view: ProjectView) -> list[Path]:
    """The descriptors of releases that were handed out, and of those on their way out (`staged`)."""
    return [*sorted((project.folder / "releases").glob("*/*.release.json")), *staged(project, view)]


def staged(project: Project, view: ProjectView) -> list[Path]:
    """The descriptors of releases that were made and lie here still: they wait for cosignatures, or a process was killed
    while it handed them out."""
    return [
        file
        for folder in sorted((project.folder / "staging").glob("*"))
        if (one := view.live.get(folder.name)) and one.has_release
        for file in sorted(folder.glob("*/*.release.json"))
    ]


def _release(project: Project, file: Path) -> ReleaseDescriptor:
    key = project.manifest().matcher.signing_key
    return verify(read_bytes(file), ReleaseDescriptor, key, what=file.name, party=MATCHER)


def _expire(project: Project, one: Due, clock: Clock) -> None:
    """Logged first: a release that the log calls removed and that still lies there is removed the next time."""
    with project.writer() as log:
        (file,) = (file for file in _release_files(project, log.view) if file.name == one.name)
        described, digest = _release(project, file), digest_of_bytes(read_bytes(file))
        round_ = log.view.round(described.round)
        if round_ is None or digest not in round_.expired:
            event = ReleaseExpired(round=described.round, partner=described.partner, release=digest)
            log.record(event, clock(), manifest=described.manifest)
    for part in described.parts:
        destroy(file.parent / part.file)
    destroy(proof_file(file))
    destroy(file)


# files of data subjects


def _subjects(project: Project, view: ProjectView, now: datetime) -> Iterator[Due]:
    for one, at in subject_terms.due_here(project, view, now):
        yield Due("subjects", one.name, at)


def _forget(project: Project, due: Due, clock: Clock) -> None:
    for one, at in subject_terms.due_here(project, project.view(), clock()):
        if one.name == due.name:
            subject_terms.remove(project, one, at, clock())


# audit records


def _details(project: Project, view: ProjectView, now: datetime) -> Iterator[Due]:
    found = audit_records.due(project, now)
    if found:
        yield Due("details", "log", min(found.values()))


# drops and keys that are of no use any more


def _drops(project: Project, view: ProjectView, now: datetime) -> Iterator[Due]:
    ended = {one.name: one.ended for one in view.summaries() if one.ended is not None}
    open_ = view.live.keys() - ended.keys()
    waiting = {file.parent for file in staged(project, view)}
    for name, at in ended.items():
        key = f"{project.folder}/rounds/{name}/round.key"
        if os.path.lexists(key):
            yield _of(project, Path(key), at)
    for name, at in _in_inboxes(project):
        ends = ended.get(round_id := _round_in(project, Path(name).name)) or at + DAY
        if round_id not in open_ and now >= ends:
            yield Due("drop", name, ends)
    for file in (*_files(project.folder / "received", "**/*"), *_files(project.folder / "staging", "**/*")):
        round_id = _round_in(project, file.name)
        if round_id not in open_ and file.parent not in waiting:
            at = ended.get(round_id) or _changed(file) + DAY
            if now >= at:
                yield _of(project, file, at)
    for file in _files(project.folder / "quarantine", "*/*/*"):
        round_id = file.parent.name.partition(".")[0]
        if file.name != REASON and round_id not in open_:
            at = ended.get(round_id) or _refused_at(file.parent) + REFUSED
            if now >= at:
                yield _of(project, file, at)


def _in_inboxes(project: Project) -> Iterator[tuple[str, datetime]]:
    """What lies in the inboxes, and since when; nothing in it is opened or entered."""
    for partner in inbox.inboxes(project):
        for name, found in inbox.lying(project, partner).items():
            yield f"inbox/{partner}/{name}", _since(found)


def _of(project: Project, file: Path, at: datetime) -> Due:
    return Due("drop", file.relative_to(project.folder).as_posix(), at)


def _round_in(project: Project, name: str) -> str:
    """The round that a file of a drop or release names; empty when its name is none of ours."""
    words = name.split(".")
    return words[1] if len(words) > 2 and words[0] == project.id else ""


# letters


def _letters(project: Project, view: ProjectView, now: datetime) -> Iterator[Due]:
    kept = {file for _, file in make_receipts.current(project, view, now)}
    for file in _files(make_receipts.folder_of(project), "*/*"):
        if file not in kept:
            yield Due("letter", file.relative_to(project.folder).as_posix(), now)
    for file in _files(project.folder / "quarantine", f"*/*/{REASON}"):
        at = _refused_at(file.parent) + make_receipts.LETTERS
        if now >= at:
            yield Due("letter", file.relative_to(project.folder).as_posix(), at)


# what a killed process left behind


def _temporary(project: Project, view: ProjectView, now: datetime) -> Iterator[Due]:
    for file in sorted(_half_written(project.folder, view)):
        at = _changed(file) + HOUR
        if now >= at:
            yield Due("temporary", file.relative_to(project.folder).as_posix(), at)


def _half_written(folder: Path, view: ProjectView) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        # Nothing is written any more for a round that was put away. What lies in an inbox is not ours, and goes after a day.
        left_out = {"inbox", *view.put_away} if place == str(folder) else view.put_away
        folders[:] = [name for name in folders if name not in left_out]
        for name in names:
            if name.endswith(".making") or (name.startswith(".") and name.endswith(".tmp")):
                yield Path(place, name)


# what these have in common


def _remove(project: Project, one: Due, clock: Clock) -> None:
    """Destroy a file; and the folder around it, in quarantine and staging, once nothing is left in it."""
    top, *rest = Path(one.name).parts
    if top == "inbox":
        inbox.destroy(project, *rest)
        return
    file = project.folder / one.name
    destroy(file)
    folder = file.parent
    if {"quarantine", "staging"} & set(Path(one.name).parts) and not any(folder.iterdir()):
        shutil.rmtree(folder)


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(file for file in folder.glob(pattern) if file.is_symlink() or not file.is_dir())


def _changed(file: Path) -> datetime:
    return _since(file.lstat())


def _since(found: os.stat_result) -> datetime:
    """When a file was written last. Whose it was can say any time, also one that no calendar has, but not one after that at
    which the system saw that."""
    return datetime.fromtimestamp(max(0.0, min(found.st_mtime, found.st_ctime)), UTC)


def _refused_at(folder: Path) -> datetime:
    """When the drop in this folder of quarantine was refused."""
    try:
        return datetime.fromisoformat(json.loads(read_bytes(folder / REASON))["at"])
    except (LsiError, ValueError, KeyError, TypeError):
        return _changed(folder)  # the reason went first, or was never written


TERMS = (
    Term("hold", _holds, lambda project, one, clock: abandon(project, one.name, clock), True),
    Term("release", _releases, _expire, True),
    Term("subjects", _subjects, _forget, True),
    Term("details", _details, lambda project, _, clock: audit_records.remove(project, clock()), True),
    Term("drop", _drops, _remove, False),
    Term("letter", _letters, _remove, False),
    Term("temporary", _temporary, _remove, False),
)
