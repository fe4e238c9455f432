"""Putting a site back, after its disk broke or an old state of it was put in its place.

The log is the only memory, and it lies at more places than here: every partner has its parts and its tail at its place, and in
what it fetched. So of every project, in this order, and nothing is signed before 4:

1. **gather**: the log here, its parts and tails at every place, and what controllers sent in folders (`--from`): logs, tails,
   cosignatures, what they remember (`log-seen`), receipts and proofs, papers, trust roots.
2. **choose**: of the logs that verify, whole, the one with the most entries that contradicts no cosignature that was found.
3. **put in place**: that log, with the audit records that the log here has; the papers that its entries name; the manifest and
   approvals that it says run; trust roots that are newer; releases that still lie at their places.
4. **say so**, in the log: that it was restored, from how much; which rounds are ended since their keys are gone; where somebody
   holds a signed checkpoint that lies further than any copy, that entries were lost, up to where; and every checkpoint
   that this site signed and that is none of this log (alarm `fork`).

Can be given again at any time, also when it was broken off: `behind.note` lies there until all of it is done.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from lsi_match.agreement.trust_root_rules import TrustRootError
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.base.files import private_folder, read_bytes, write_whole
from lsi_match.crypto.signing import SignedDocumentInvalidError, peek
from lsi_match.log import follower
from lsi_match.log.events import Destroyed, ForkReported, ReleaseExpired, Restored
from lsi_match.log.follower import LogReader
from lsi_match.log.log_file import NOT_TAKEN
from lsi_match.log.log_proof import SUFFIX, LogProof
from lsi_match.log.note import Checkpoint, NoteMalformedError, SignedNote, VerifierKey
from lsi_match.log.papers import named_by, papers_in
from lsi_match.log.policy import Policy, log_keys, origin_of, policy_of
from lsi_match.log.store import Log
from lsi_match.log.tail import Tail, assemble, read_tail
from lsi_match.log.verify import verify_log
from lsi_match.log.view import ProjectView, RoundView
from lsi_match.log.writer import LogWriter
from lsi_match.matcher.operate.retention import staged
from lsi_match.matcher.operate.transfers import OUT, places_of
from lsi_match.matcher.site.site import Project, Site
from lsi_match.matcher.site.take_cosignatures import signed_by
from lsi_match.protocol.place_files import (
    COSIGNATURE_SUFFIX,
    LOG_SUFFIX,
    PAPERS_SUFFIX,
    PART_SUFFIX,
    TAIL_SUFFIX,
)
from lsi_match.protocol.trust_root import TrustRoot
from lsi_match.transport.endpoints import PlaceUnreachableError, open_endpoint

#: How the file ends in which a controller remembers the newest checkpoint that it saw.
_SEEN = "log-seen"
_RELEASE = (".release.json", ".release.age", f".release{SUFFIX}")
_LARGEST_NOTE = 2**28


@dataclass(frozen=True)
class Outcome:
    """What came of one project: the entries that the log here had and has now (without those that say so), where the newest came
    from, the rounds that were ended, up to how many entries were lost (None: nothing), what contradicts the log, and
    how many papers that it names are nowhere."""

    project: str
    before: int
    entries: int
    source: str
    closed: tuple[str, ...]
    lost: int | None
    forks: tuple[str, ...]
    missing: int


@dataclass
class _Gathered:
    """What was found of a project: logs and tails with where, notes with where, papers, and files of releases."""

    logs: list[tuple[str, Path]] = field(default_factory=list)
    tails: list[tuple[str, Tail]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    papers: dict[str, bytes] = field(default_factory=dict)
    roots: list[bytes] = field(default_factory=list)
    releases: list[tuple[str, Path]] = field(default_factory=list)

    def take(self, where: str, file: Path) -> None:
        """Take up one file, by what it is called; what cannot be read is left out, since others may have it whole."""
        with suppress(LsiError, UnicodeDecodeError):
            name = file.name
            if name.endswith(LOG_SUFFIX) or name == "log.sqlite":
                self.logs.append((where, file))
            elif name.endswith((PART_SUFFIX, TAIL_SUFFIX)):
                tail = read_tail(read_bytes(file, _LARGEST_NOTE))
                self.tails.append((where, tail))
                self.papers |= {digest_of_bytes(one): one for one in map(str.encode, tail.papers)}
                self.notes += [(where, note) for note in tail.notes]
            elif name.endswith(PAPERS_SUFFIX):
                self.papers |= papers_in([file])
            elif name.endswith(SUFFIX):
                self.notes.append(
                    (where, LogProof.parse(read_bytes(file, _LARGEST_NOTE).decode()).checkpoint)
                )
            elif name.endswith(COSIGNATURE_SUFFIX) or name == _SEEN:
                self.notes.append((where, read_bytes(file, _LARGEST_NOTE).decode()))
            elif name.endswith(".json") or file.parent.name == "openings":
                data = read_bytes(file, _LARGEST_NOTE)
                self.papers[digest_of_bytes(data)] = data
                if file.parent.name == "trust" or ".trust" in name:
                    self.roots.append(data)


def restore(
    site: Site, sources: Iterable[Path], now: datetime, *, without_places: bool = False
) -> list[Outcome]:
    """Put every project of a site back.

    Args:
        sources: folders with what controllers sent; everything under them is looked at.
        without_places: go on where a place cannot be reached: what only lies there is lost.

    Raises:
        RestorePlaceError: a place cannot be reached.
        RestoreNoLogError, RestoreForkedError, RestoreManifestError: named after what is wrong; that project is as it was.
    """
    folders = [*sources]
    return [_restore(project, folders, now, without_places) for project in site.projects()]


def _restore(project: Project, sources: list[Path], now: datetime, without_places: bool) -> Outcome:
    work = private_folder(project.folder / "restoring")
    try:
        if not project.behind_file.exists():
            write_whole(project.behind_file, b"")
        found = _gather(project, sources, work, without_places)
        with suppress(TrustRootError, SignedDocumentInvalidError):
            mine = [one for one in found.roots if _project_of(one) == project.id]
            project.trust_store.keep(project.trust_store.news(mine, None, now) if mine else [])
        roots = project.trust_store.roots(now)
        manifest = project.manifest()
        keys, policy = log_keys(manifest, roots), policy_of(manifest, roots[-1])
        chosen = _Choice(project, found, work, policy, lambda note: _signed_by(note, keys)).best(
            lambda path: verify_log(path, keys, origin=origin_of(manifest)).ok
        )
        before = _put_in_place(project, chosen)
        missing = _papers(project, found)
        _releases(project, found)
        closed, forks = _say_so(project, chosen, before, now)
        project.behind_file.unlink(missing_ok=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return Outcome(
        project.id, before, chosen.size, chosen.source, closed,
        Checkpoint.of_note(chosen.beyond).size if chosen.beyond else None, forks, missing,
    )  # fmt: skip


def _project_of(data: bytes) -> str:
    line = next(iter(data.splitlines(keepends=True)), b"")
    return peek(line, TrustRoot, what="trust root", party="?").project


def _signed_by(note: str, keys: tuple[VerifierKey, ...]) -> bool:
    try:
        return signed_by(SignedNote.parse(note), keys)
    except NoteMalformedError:
        return False


# 1. gather


def _gather(project: Project, sources: list[Path], work: Path, without_places: bool) -> _Gathered:
    found = _Gathered()
    if project.log_file.exists():
        found.logs.append(("here", project.log_file))
    for partner, settings in places_of(project).items():
        try:
            with open_endpoint(settings) as there:
                for side in ("in", "out"):
                    for name, stamp in there.listing(side).items():
                        if name.startswith(f"{project.id}.") and _wanted(name):
                            file = work / partner / side / name
                            there.fetch(side, name, file, stamp.size)
                            found.take(partner, file)
                            if side == OUT and name.endswith(_RELEASE):
                                found.releases.append((partner, file))
        except PlaceUnreachableError as error:
            if not without_places:
                raise LsiError(
                    "RestorePlaceError", partner=partner, place=str(error.facts["place"])
                ) from None
    for source in sources:
        for file in sorted(source.rglob("*")) if source.is_dir() else [source]:
            if file.is_file() and not file.is_symlink():
                found.take(source.name, file)
    if project.behind_file.exists() and (note := read_bytes(project.behind_file)):
        found.notes.append(("here", note.decode()))
    return found


def _wanted(name: str) -> bool:
    of_logs = LOG_SUFFIX, PART_SUFFIX, TAIL_SUFFIX, PAPERS_SUFFIX
    return name.endswith((*of_logs, SUFFIX, COSIGNATURE_SUFFIX, *_RELEASE))


# 2. choose


@dataclass(frozen=True)
class _Chosen:
    """The log to go on from: its file, entries, where it came from; a note of this log with more entries, where somebody has one;
    and notes that this site signed and that are none of this log, with where they were found."""

    file: Path
    size: int
    source: str
    beyond: str | None
    others: tuple[tuple[str, str], ...]


@dataclass
class _Choice:
    project: Project
    found: _Gathered
    work: Path
    policy: Policy
    ours: Callable[[str], bool]

    def best(self, verifies: Callable[[Path], bool]) -> _Chosen:
        """The log with the most entries that contradicts no cosignature."""
        logs = sorted(self._logs(verifies), key=lambda one: -one[1])
        if not logs:
            raise LsiError("RestoreNoLogError", project=self.project.id)
        notes = self._notes([file for _, _, file in logs])
        contradicted: list[str] = []
        for source, size, file in logs:
            with LogReader.open(file) as reader:
                others = [(where, note) for where, note in notes if not _continues(reader, note)]
            cosigned = [where for where, note in others if self.policy.cosigners(SignedNote.parse(note))]
            if cosigned:
                contradicted += cosigned
                continue
            beyond = [note for _, note in notes if Checkpoint.of_note(note).size > size]
            largest = max(beyond, key=lambda note: Checkpoint.of_note(note).size, default=None)
            return _Chosen(file, size, source, largest, tuple(others))
        raise LsiError(
            "RestoreForkedError", project=self.project.id, names=", ".join(sorted(set(contradicted)))
        )

    def _logs(self, verifies: Callable[[Path], bool]) -> Iterator[tuple[str, int, Path]]:
        """Every log that was found, or that one place has the parts of, with the tails that follow on it, where that verifies:
        where, entries, file."""
        found = sorted(self.found.tails, key=lambda one: (one[1].first, len(one[1].leaves)))
        places = dict.fromkeys(where for where, _ in found)
        bases: list[tuple[str, Path | None]] = [*self.found.logs, *((where, None) for where in places)]
        for number, (where, base) in enumerate(bases):
            file = self.work / f"{number}.candidate"
            own = [tail for place, tail in found if place == where]
            # What follows on one log may contradict another, which is one by itself.
            for tails in ([tail for _, tail in found], []):
                file.unlink(missing_ok=True)
                try:
                    size = _put_together(base, own, tails, file)
                    if size and verifies(file):
                        yield where, size, file
                        break
                except NOT_TAKEN:
                    raise  # it is this disk; of an older log that fits the rest would be called lost
                except LsiError:
                    continue

    def _notes(self, logs: list[Path]) -> list[tuple[str, str]]:
        """Every note that this site signed, of those that were found and those in the logs that verify, each once."""
        found = {note: where for where, note in reversed(self.found.notes) if self.ours(note)}
        for file in logs:
            with Log.open(file, read_only=True) as log:
                for note in [*log.cosigned_checkpoints(), *filter(None, [log.checkpoint()])]:
                    found.setdefault(note, "log")
        return [(where, note) for note, where in found.items()]


def _put_together(base: Path | None, own: list[Tail], tails: list[Tail], file: Path) -> int:
    """Put a log in `file` of a whole copy, or of the parts that one place has, and of the tails that follow on it; its entries."""
    if base is None:
        assemble(own, file)
    else:
        with Log.open(base, read_only=True) as log:
            log.copy_whole(file)
    with Log.open(file) as log:
        for tail in tails:
            tail.add_to(log)
        return log.size


def _continues(reader: LogReader, note: str) -> bool:
    """Whether a log goes on from a checkpoint, or says by itself that it does not, or has fewer entries."""
    checkpoint, log = Checkpoint.of_note(note), reader.log
    known = checkpoint.size > log.size or checkpoint.size <= reader.view.not_continued
    return checkpoint.origin == log.origin and (known or log.root(checkpoint.size) == checkpoint.root)


# 3. put in place


def _put_in_place(project: Project, chosen: _Chosen) -> int:
    """Put the log in place, with the audit records of the one that lies here; how many entries that one had."""
    before = 0
    with suppress(LsiError), Log.open(project.log_file, read_only=True) as old:
        before = old.size
        with Log.open(chosen.file) as log:
            if before <= chosen.size and log.root(before) == old.root():
                log.copy_details(old)
    shutil.rmtree(project.folder / "checkpoint", ignore_errors=True)  # it is of the log before
    for name in (follower.KEPT, follower.AWAY, "log.sqlite-journal"):
        project.log_file.with_name(name).unlink(missing_ok=True)
    chosen.file.rename(project.log_file)
    return before


def _papers(project: Project, found: _Gathered) -> int:
    """Keep every paper that the log names and that was found; make manifest and approvals those that it says run. How many
    papers that it names are nowhere."""
    with project.reader() as opened:
        view, named = opened.view, named_by(opened.log)
    for digest in named:
        if not project.has(digest) and digest in found.papers:
            project.keep(found.papers[digest])
    if view.running is not None and view.running != project.manifest().digest:
        if not project.has(view.running):
            raise LsiError("RestoreManifestError", project=project.id, digest=view.running)
        project.manifest_of(view.running)
        write_whole(project.folder / "manifest.json", project.kept(view.running), replace=True)
    if view.running is not None:
        about = view.manifests[view.running].papers
        project.papers_folder.add(project.kept(digest) for digest in about if project.has(digest))
    project.make_inboxes(project.manifest())
    return sum(not project.has(digest) for digest in named)


def _releases(project: Project, found: _Gathered) -> None:
    """Take back the releases that still lie at their places: what does not lie here would be removed there."""
    for partner, file in found.releases:
        to = private_folder(project.folder / "releases" / partner) / file.name
        if not to.exists():
            write_whole(to, read_bytes(file))


# 4. say so


def _say_so(
    project: Project, chosen: _Chosen, before: int, now: datetime
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Log what was done; the rounds that were ended, and where a checkpoint was found that contradicts the log."""
    with LogWriter.existing(project.log_file, project.id, project.site.identity, project.log_keys) as log:
        manifest, view = project.manifest().digest, log.view
        over = [one for one in view.live.values() if not one.over and not project.takes_drops(one.name)]
        lost = Checkpoint.of_note(chosen.beyond).size if chosen.beyond else None
        log.record(
            Restored(
                backup=before,
                closed=tuple(one.name for one in over),
                lost=lost,
                seen=project.keep(chosen.beyond.encode()) if chosen.beyond else None,
            ),
            now,
            manifest=manifest,
        )
        for one in over:
            log.record(Destroyed(round=one.name, files=0), now, manifest=manifest)
        for one, partner, digest in _gone(project, view):
            event = ReleaseExpired(round=one.name, partner=partner, release=digest)
            log.record(event, now, manifest=manifest)
        forks: list[str] = []
        for where, note in chosen.others:
            digest, size = digest_of_bytes(note.encode()), Checkpoint.of_note(note).size
            if digest not in log.view.forks:
                project.keep(note.encode())
                log.record(ForkReported(partner=where, size=size, seen=digest), now, manifest=manifest)
                forks.append(where)
    return tuple(one.name for one in over), tuple(forks)


def _gone(project: Project, view: ProjectView) -> Iterator[tuple[RoundView, str, str]]:
    """The releases that waited for cosignatures and do not lie here any more: nobody can have them."""
    here = {digest_of_bytes(read_bytes(file)) for file in staged(project, view)}
    for one in list(view.live.values()):
        for partner, digest in (one.release.to if one.release and one.waits else {}).items():
            if partner in one.waits and digest not in here:
                yield one, partner, digest
