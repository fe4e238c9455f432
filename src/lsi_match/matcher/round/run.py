"""One run of one round: the steps, in order, each logged before it counts.

`Run` holds what a run knows while it lasts, in memory: the round's secret, the opened drops, the engine with the
run key. The Prefect flow calls its steps in order and is told nothing but names, ids and counts. A run that was
killed is started again under the same round: what the log says has been released is only finished (renamed,
destroyed), never made a second time; anything before that is done again from the drops.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from glob import escape
from itertools import repeat
from pathlib import Path

import duckdb

from lsi_match.agreement.approvals import load_manifest
from lsi_match.agreement.gates import require
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.clock import Clock
from lsi_match.base.errors import LsiError
from lsi_match.base.files import (
    destroy,
    half_files,
    lock_file,
    private_folder,
    read_private,
    sync_folder,
    write_whole,
)
from lsi_match.crypto.keys import make_round_key
from lsi_match.crypto.sealing import seal
from lsi_match.crypto.signing import sign
from lsi_match.log.log_proof import prove
from lsi_match.log.policy import Policy, release_policy
from lsi_match.log.steps import Step
from lsi_match.log.store import Log
from lsi_match.manifest import Manifest
from lsi_match.matcher.engine import buckets, work
from lsi_match.matcher.engine.execution_config import ExecutionConfig
from lsi_match.matcher.engine.intake import (
    Drop,
    DropDuplicateError,
    PartnerNotInManifestError,
    Round,
    receiving,
    shown_name,
    under_name,
)
from lsi_match.matcher.round.counts_table import counts_table, published
from lsi_match.matcher.round.hold import (
    Hold,
    HoldExpiredError,
    ManifestToChangeError,
    ReportChangedError,
    RunHeldError,
    hold_of,
    justifications,
)
from lsi_match.matcher.round.near_duplicate_rounds import RoundsSpentError, like_earlier, rounds_that_count
from lsi_match.matcher.site.proofs import cosigned_state, keep_proof, position_of, put_proofs
from lsi_match.matcher.site.site import OPENING, Project, json_document
from lsi_match.matcher.subjects.subject_rows import intake_file, make_log_key, match_file, release_file
from lsi_match.monitor.findings import Ratio
from lsi_match.monitor.overview import Overview
from lsi_match.monitor.round_findings import RoundFindings, findings_of
from lsi_match.protocol.documents import CellCounts, DropDescriptor, Opening, Part, ReleaseDescriptor
from lsi_match.protocol.parquet import to_parquet

RELEASE = "release"
DROP_SUFFIX = ".drop.json"
REASON = "reason.json"
#: Rows per part of a drop at most: what is opened, and matched, at once.
ROWS_PER_PART = 500_000


class RoundExistsError(LsiError):
    nl = "Ronde {round} van {project} is al eerder geopend. Kies een nieuwe naam."
    en = "Round {round} of {project} was opened before. Choose a new name."


class RoundEndedError(LsiError):
    nl = "Ronde {round} van {project} is al vrijgegeven en vernietigd. Er is niets meer te doen."
    en = "Round {round} of {project} was released and destroyed already. There is nothing left to do."


class DropsIncompleteError(LsiError):
    nl = (
        "Ronde {round} gaat nog niet door: geen goede levering van {names}. De andere leveringen blijven staan. "
        "Herstel deze leveringen (de reden staat in quarantine/) en start de ronde opnieuw."
    )
    en = (
        "Round {round} does not go on yet: no good drop of {names}. The other drops stay. "
        "Mend these drops (the reason is in quarantine/) and start the round again."
    )


class RoundBusyError(LsiError):
    nl = "Ronde {round} van {project} draait al. Wacht tot dat klaar is."
    en = "Round {round} of {project} is running already. Wait until it is done."


class TooManyCasesError(LsiError):
    nl = "Ronde {round} geeft {cases} casussen; het manifest staat er {max_cases} toe. Er wordt niets vrijgegeven."
    en = "Round {round} gives {cases} cases; the manifest allows {max_cases}. Nothing is released."


class MemoryLimitError(LsiError):
    nl = "Ronde {round} past niet in {limit} geheugen. Er is niets vrijgegeven. Start haar opnieuw met een hogere --memory-limit."
    en = "Round {round} does not fit in {limit} of memory. Nothing was released. Start it again with a higher --memory-limit."


def open_round(project: Project, round_id: str, reference_date: str, now: datetime) -> Path:
    """Open a round: a fresh key that its drops are sealed to, in a signed and logged opening; its file.

    The key and the opening lie there before the log says that the round is open. Where this was broken off before
    that, nobody has the opening, and it is done anew.

    Args:
        round_id: lower-case letters, digits and hyphens, for example `2026-10`.
        reference_date: ISO date that the criteria look at.

    Raises:
        RoundExistsError: the name was used before.
        RoundsSpentError: the manifest allows no more rounds.
        RoundBusyError: another process is opening it.
        GateError: the project may not run today.
    """
    folder = private_folder(project.round_folder(round_id))
    lock = _lock(folder / "lock", round_id, project.id)
    try:
        return _open_round(project, folder, round_id, reference_date, now)
    finally:
        os.close(lock)


def _open_round(project: Project, folder: Path, round_id: str, reference_date: str, now: datetime) -> Path:
    manifest = project.manifest()
    opened = (entry for entry in project.entries() if entry.name == Step.OPEN_ROUND.value)
    if any(entry.attributes.get("lsi.round") == round_id for entry in opened):
        raise RoundExistsError(round=round_id, project=project.id)
    rounds, at_most = len(rounds_that_count(project.entries())), manifest.schedule.rounds_at_most
    try:
        require(manifest, project.evidence(now))
        if at_most is not None and rounds >= at_most:
            raise RoundsSpentError(project=project.id, rounds=rounds)
    except LsiError as error:
        _log_refused_opening(project, round_id, now, manifest.digest, error)
        raise
    for file in (folder / "round.key", folder / "opening.json", *half_files(folder)):
        destroy(file)
    secret, recipient = make_round_key()
    largest = max(sum(s.volume.at_most for s in p.selections) for p in manifest.partners.values())
    opening = Opening(
        project=project.id,
        manifest=manifest.digest,
        round=round_id,
        reference_date=reference_date,
        opened_at=now,
        deadline=now + timedelta(days=manifest.schedule.deadline_days),
        recipient=recipient,
        parts=max(1, -(-largest // ROWS_PER_PART)),
        trace_id=secrets.token_hex(16),
    )
    document = sign(opening, OPENING, project.site.identity())
    write_whole(folder / "round.key", secret.encode())
    write_whole(folder / "opening.json", document)
    with project.journal() as journal:
        digest = project.keep(document)
        journal.record(
            Step.OPEN_ROUND,
            now,
            manifest=manifest.digest,
            trace_id=opening.trace_id,
            facts={"round": round_id, "opening": digest},
        )
    return folder / "opening.json"


def _log_refused_opening(
    project: Project, round_id: str, now: datetime, manifest: str, error: LsiError
) -> None:
    """Log that a gate kept a round from being opened; once, however often it is tried while that stands."""
    with project.journal() as journal:
        before = journal.entries()[-1]
        again = (Step.GATES.value, round_id, error.reason)
        if (
            before.name,
            before.attributes.get("lsi.round"),
            before.attributes.get("exception.type"),
        ) != again:
            journal.record(Step.GATES, now, manifest=manifest, error=error, facts={"round": round_id})


def _lock(file: Path, round_id: str, project: str) -> int:
    return lock_file(file, RoundBusyError(round=round_id, project=project))


def round_of(project: Project, manifest: Manifest, round_id: str) -> Round:
    """What the drops of a round are judged against and opened with; raises where it was not opened, or is over."""
    opening, data = project.opening(round_id, manifest)
    secret = read_private(project.round_folder(round_id) / "round.key").decode()
    return Round(manifest, opening, digest_of_bytes(data), secret)


def quarantine(
    project: Project,
    round_id: str,
    file: Path,
    partner: str,
    error: LsiError,
    accepted: Iterable[str] = (),
    *,
    at: datetime,
) -> None:
    """Move a refused drop to quarantine, with the reason where its partner finds it.

    Args:
        file: its descriptor; its parts lie beside it.
        at: when it was refused.
        accepted: names of parts that belong to another drop and stay.
    """
    stem, kept = file.name.removesuffix(DROP_SUFFIX), set(accepted)
    # The same for the same file: when this is broken off and done again, its partner finds one reason.
    one = file.lstat()
    token = digest_of_bytes(os.fsencode(f"{file.name} {one.st_size} {one.st_mtime_ns}"))[-8:]
    to = private_folder(project.folder / "quarantine" / partner / f"{round_id}.{token}")
    told = under_name(error, file, shown_name(file))
    reason = {"reason": told.reason, "at": at.isoformat(), "nl": told.text("nl"), "en": told.text("en")}
    write_whole(to / REASON, json_document(reason), replace=True)
    # The descriptor before its parts: without them it would be refused once more, for another reason.
    file.rename(to / file.name)
    for path in sorted(file.parent.glob(f"{escape(stem)}.part-*.age")):
        if path.name not in kept:
            path.rename(to / path.name)
    sync_folder(to)


@dataclass(frozen=True)
class _Look:
    """What came of looking at one drop: it, accepted, and the digest of the file of its subjects; or why it is refused."""

    file: Path
    partner: str
    outcome: tuple[Drop, str] | LsiError


def _times(ratio: Ratio) -> str:
    """The ratio of an alert; where counts are withheld there is no number, but the least that it is."""
    return f"× {ratio.value:.3g}" if ratio.value is not None else f"> × {ratio.low or 0:.3g}"


class Run:
    """The run of one round; see the module's text."""

    def __init__(
        self,
        project: Project,
        round_id: str,
        clock: Clock,
        config: ExecutionConfig | None = None,
        do: work.Do | None = None,
    ) -> None:
        self.project = project
        self.round_id = round_id
        self._clock = clock
        # Read once: what the gates look at is what every later step goes by, whatever the disk holds by then.
        self._manifest = project.manifest()
        self._opening, data = project.opening(round_id, self._manifest)
        self._opening_digest = digest_of_bytes(data)
        self._journal = project.journal()  # first: where there is no log, no lock is left behind
        self._lock = _lock(project.round_folder(round_id) / "lock", round_id, project.id)
        self._means = config or ExecutionConfig()
        self._do = do or self._in_threads
        self._drops: dict[str, Drop] = {}
        self._engine: buckets.Matched | None = None
        #: When the step began that is logged next.
        self._began = clock()
        #: Whether the counts were made, and nothing in them holds the round.
        self._cleared = False

    def close(self) -> None:
        """Forget everything held in memory."""
        if self._engine is not None:
            self._engine.close()
        self._engine = None
        self._drops = {}
        self._journal.close()
        os.close(self._lock)

    def _record(
        self,
        step: Step,
        facts: Mapping[str, str | int] | None = None,
        *,
        error: LsiError | None = None,
        begun: bool = False,
        span: str | None = None,
        drop: Drop | None = None,
    ) -> None:
        """Log a step of this round, that took from the entry before up to now.

        Args:
            drop: which led to it.
        """
        now = self._clock()
        self._journal.record(
            step,
            now,
            manifest=self._manifest.digest,
            trace_id=self._opening.trace_id,
            span=span,
            parent=drop.descriptor.span_id if drop else None,
            of=drop.descriptor.partner if drop else None,
            started=min(self._began, now),
            begun=begun,
            error=error,
            facts={"round": self.round_id, **(facts or {})},
        )
        self._began = now

    @property
    def released(self) -> bool:
        """Whether the log says that this round's release was made."""
        return self._logged(Step.RELEASE)

    @property
    def ended(self) -> bool:
        """Whether the log says that this round was destroyed."""
        return self._logged(Step.DESTROY)

    def _logged(self, step: Step) -> bool:
        return any(
            e.name == step.value and e.status == "Ok" and e.attributes.get("lsi.round") == self.round_id
            for e in self._journal.entries()
        )

    # the steps

    def gates(self) -> None:
        """Step `gates`; raises the error of the first gate that does not hold, after logging it."""
        if self.ended:
            raise RoundEndedError(round=self.round_id, project=self.project.id)
        self._end_hold()
        now = self._clock()
        try:
            require(self._manifest, self.project.evidence(now, self._opening))
        except LsiError as error:
            self._record(Step.GATES, error=error)
            raise
        self._record(Step.GATES)

    @property
    def _key_file(self) -> Path:
        return self.project.round_folder(self.round_id) / "round.key"

    def intake(self) -> None:
        """Step `intake`: every drop in every inbox is accepted or refused, each with an entry of its own.

        Those of another round that is open are left for it.

        Raises:
            DropsIncompleteError: a partner has no good drop, and the manifest says to wait for it or the deadline
                has not passed; or there are fewer than two drops, so that there is nothing to match.
        """
        secret = read_private(self._key_file).decode()
        round_ = Round(self._manifest, self._opening, self._opening_digest, secret)
        inbox, now = self.project.folder / "inbox", self._clock()
        found = {
            folder.name: [
                file for file in sorted(folder.glob(f"*{DROP_SUFFIX}")) if not self._of_another_round(file)
            ]
            for folder in sorted(path for path in inbox.iterdir() if path.is_dir())
        }
        make_log_key(self.project, self.round_id)
        with ThreadPoolExecutor(self._means.drops_at_once) as pool:
            for looks in pool.map(self._looks_at, found, found.values(), repeat(round_), repeat(now)):
                for look in looks:
                    self._receive(look)
        late = [name for name in self._manifest.partners if name not in self._drops]
        waiting = self._manifest.schedule.when_late != "proceed" or self._clock() < self._opening.deadline
        if (late and waiting) or len(self._drops) < 2:
            error = DropsIncompleteError(round=self.round_id, names=", ".join(late))
            self._record(Step.COMPLETE, {"late": ", ".join(late)}, error=error)
            raise error
        self._record(Step.COMPLETE, {"drops": len(self._drops), "late": ", ".join(late)})

    def _of_another_round(self, file: Path) -> bool:
        project, _, rest = file.name.partition(".")
        round_id = rest.partition(".")[0]
        return project == self.project.id and round_id != self.round_id and self.project.takes_drops(round_id)

    def _looks_at(self, partner: str, files: Sequence[Path], round_: Round, now: datetime) -> list[_Look]:
        """What comes of each drop in the inbox of a partner. Nothing is logged or moved yet: others are looked at beside."""
        looks: list[_Look] = []
        for file in files:
            try:
                if any(not isinstance(look.outcome, LsiError) for look in looks):
                    raise DropDuplicateError(partner=partner, file=file.name)
                drop, parts = receiving(file, partner, round_, now)
                subjects = intake_file(self.project, self.round_id, self._manifest, partner, parts)
                looks.append(_Look(file, partner, (drop, subjects)))
            except LsiError as error:
                looks.append(_Look(file, partner, error))
        return looks

    def _receive(self, look: _Look) -> None:
        file, partner = look.file, look.partner
        if isinstance(look.outcome, LsiError):
            error = under_name(look.outcome, file)
            if partner not in self._manifest.partners:
                # A folder's name is what somebody typed: the reason in quarantine names it, the log does not.
                partner, error = "unknown", PartnerNotInManifestError(partner="unknown", file="drop")
            self._record(Step.INTAKE, {"partner": partner}, error=error)
            self._quarantine(file, look.partner, look.outcome)
            return
        drop, subjects = look.outcome
        self._drops[partner] = drop
        self.project.keep(drop.document)
        facts: dict[str, str | int] = {
            "partner": partner,
            "drop": drop.digest,
            "rows": drop.descriptor.rows,
            "parts": len(drop.descriptor.parts),
            "subjects": subjects,
        }
        self._record(Step.INTAKE, facts, drop=drop)

    def _quarantine(self, file: Path, partner: str, error: LsiError) -> None:
        accepted = {part.file for drop in self._drops.values() for part in drop.descriptor.parts}
        quarantine(self.project, self.round_id, file, partner, error, accepted, at=self._clock())

    def match(self) -> None:
        """Step `match`: re-key every drop, join them, find the cases. Holds above the agreed number of cases."""
        config = self._means
        plan = buckets.Plan(
            self._manifest, list(self._drops.values()), config.memory_each, buckets.ROWS, config.threads_each
        )
        matching, there = buckets.Matching(plan), self._work()
        try:
            touched = matching.work(lambda plan, bridges: there.spread(plan, bridges, self._do))
            subjects = match_file(self.project, self.round_id, touched)
        except LsiError as error:
            self._record(Step.MATCH, error=error)
            raise
        except duckdb.OutOfMemoryException:
            full = MemoryLimitError(round=self.round_id, limit=config.memory_limit)
            self._record(Step.MATCH, error=full)
            raise full from None
        self._engine = matching.matched()
        cases, allowed = self._engine.cases, self._manifest.release.max_cases
        if cases > allowed:
            refusal = TooManyCasesError(round=self.round_id, cases=cases, max_cases=allowed)
            self._record(Step.MATCH, {"cases": cases, "subjects": subjects}, error=refusal)
            raise refusal
        self._record(Step.MATCH, {"cases": cases, "subjects": subjects})

    def _work(self) -> work.Work:
        return work.Work(self.project, self.round_id, read_private(self._key_file).decode())

    def _in_threads(self, numbers: Sequence[int]) -> Iterator[str]:
        """Every bucket in this process, as many at once as it has the means for."""
        with ThreadPoolExecutor(self._means.at_once) as pool:
            do = partial(work.do_bucket, self.project.site.folder, self.project.id, self.round_id)
            yield from pool.map(do, numbers)

    def count(self) -> None:
        """Step `count`: the overview of the round for project leader and FG, kept as a document."""
        engine, smallest = self._running(), self._manifest.monitor.smallest_cell
        descriptors = {name: drop.descriptor for name, drop in self._drops.items()}
        groups = published(self._manifest.monitor, descriptors, engine.group_counts())
        overview = Overview(
            project=self.project.id,
            manifest=self._manifest.digest,
            round=self.round_id,
            smallest_cell=smallest,
            delivered={name: one.rows for name, one in descriptors.items()},
            totals=engine.counts(),
            groups=groups,
        )
        facts: dict[str, str | int] = {
            "overview": self.project.keep(json_document(overview.model_dump(mode="json")))
        }
        rows = {name: one.rows for name, one in descriptors.items()}
        like = like_earlier(self._journal.entries(), self.round_id, rows, smallest)
        if like:
            facts["like"] = ", ".join(like)
        report = self._report(descriptors, groups)
        if report is None:
            self._record(Step.COUNT, facts)
            self._cleared = True
            return
        digest = self.project.keep(report.written())
        facts |= {
            "table": report.table,
            "findings": digest,
            "alerts": len(report.alerts),
            "too_little": report.too_little,
        }
        hold = self._hold
        if hold is not None and hold.findings != digest:
            changed = ReportChangedError(round=self.round_id)
            self._record(Step.COUNT, facts, error=changed)
            raise changed
        self._record(Step.COUNT, facts)
        if report.alerts or (report.too_little and self._manifest.monitor.hold_on_too_little):
            self._justified(digest, report)
        self._cleared = True

    def _report(
        self, descriptors: dict[str, DropDescriptor], groups: dict[str, CellCounts]
    ) -> RoundFindings | None:
        """What the monitor says of this round, worked out from the counts only; None without dimensions."""
        entries = self._journal.entries()
        opened = [
            e.attributes.get("lsi.round")
            for e in entries
            if e.name == Step.OPEN_ROUND.value and e.status == "Ok"
        ]
        table = counts_table(
            self._manifest,
            self.round_id,
            opened.index(self.round_id) + 1,
            descriptors,
            groups,
        )
        if table is None:
            return None
        # Not in canonical form, which would put the groups in another order.
        counts = table.model_dump_json().encode() + b"\n"
        self.project.keep(counts)
        return findings_of(self._manifest, self.round_id, counts)

    @property
    def _hold(self) -> Hold | None:
        return hold_of(self._journal.entries(), self.round_id)

    def _justified(self, digest: str, report: RoundFindings) -> None:
        """Nothing when every controller justified this report; otherwise the round is held, and that is logged."""
        now, hold = self._clock(), self._hold
        said = (
            justifications(self.project, self._manifest, self._journal.entries(), self.round_id, hold, now)
            if hold
            else {}
        )
        missing = [name for name in self._manifest.controllers if name not in said]
        if not missing:
            return
        until = hold.until if hold else now + timedelta(days=self._manifest.retention.hold_days)
        names = ",".join(self._manifest.controllers)
        alerts = len(report.alerts)
        self._record(
            Step.HOLD,
            {"findings": digest, "alerts": alerts, "until": int(until.timestamp()), "controllers": names},
        )
        told = "; ".join(f"{one.stage}: {one.group} {_times(one.ratio)}" for one in report.alerts[:3])
        told += f" (+{alerts - 3})" if alerts > 3 else ""
        day = f"{until:%Y-%m-%d %H:%M} UTC"
        raise RunHeldError(round=self.round_id, alerts=told or "-", names=", ".join(missing), until=day)

    def _end_hold(self) -> None:
        """Destroy a held round whose term is over, or of which a controller asks for another manifest."""
        now, hold = self._clock(), self._hold
        if hold is None or self.released:
            return
        said = justifications(self.project, self._manifest, self._journal.entries(), self.round_id, hold, now)
        asking = [name for name, paper in said.items() if paper.decision == "change"]
        if now >= hold.until:
            self.destroy()
            raise HoldExpiredError(round=self.round_id, until=f"{hold.until:%Y-%m-%d %H:%M} UTC")
        if asking:
            self.destroy()
            raise ManifestToChangeError(round=self.round_id, names=", ".join(asking))

    def _running(self) -> buckets.Matched:
        if self._engine is None:
            raise RuntimeError("the match step comes first")
        return self._engine

    def release(self) -> None:
        """Step `release`: one sealed release per partner, staged; logged; then moved to where partners fetch it.

        Where the manifest asks for cosignatures it stays staged until they are there; then this is called again.
        """
        if not self.released:
            if not self._cleared:
                raise RuntimeError("the count step comes first, and holds what is not justified")
            staging, span = self._fresh_staging(), secrets.token_hex(8)
            digests = {
                f"release.{name}": self._stage(name, staging, span) for name in self._manifest.partners
            }
            subjects = {
                f"subjects.{name}": release_file(self.project, self.round_id, self._running(), name)
                for name in self._manifest.partners
            }
            facts: dict[str, str | int] = {"cases": self._running().cases, **digests, **subjects}
            if self._manifest.release.cosignatures:
                facts["cosignatures"] = self._manifest.release.cosignatures
            self._record(Step.RELEASE, facts, span=span)
        self._publish_releases()

    def _fresh_staging(self) -> Path:
        staging = self.project.folder / "staging" / self.round_id
        if staging.exists():
            shutil.rmtree(staging)
        return private_folder(staging)

    def _stage(self, recipient: str, staging: Path, span: str) -> str:
        now, engine = self._clock(), self._running()
        drop = self._drops.get(recipient)
        stem = f"{self.project.id}.{self.round_id}.{recipient}"
        parts: tuple[Part, ...] = ()
        if drop is not None:
            table = engine.release(recipient)
            sealed = seal(to_parquet(table), self._manifest.controllers[recipient].encryption_key)
            part = Part(file=f"{stem}.release.age", digest=digest_of_bytes(sealed), rows=table.num_rows)
            write_whole(staging / recipient / part.file, sealed)
            parts = (part,)
        descriptor = ReleaseDescriptor(
            project=self.project.id,
            manifest=self._manifest.digest,
            round=self.round_id,
            partner=recipient,
            drop=drop.digest if drop else None,
            released_at=now,
            expires_at=now + timedelta(days=self._manifest.release.keep_days),
            span_id=span,
            cases=engine.cases_of(recipient) if drop else 0,
            parts=parts,
        )
        document = sign(descriptor, RELEASE, self.project.site.identity())
        write_whole(staging / recipient / f"{stem}.release.json", document)
        return digest_of_bytes(document)

    def _publish_releases(self) -> None:
        """Move what is staged, with its proof; the descriptor of each release last. Safe to repeat.

        Nothing is moved while cosignatures are lacking that the manifest asks for.
        """
        staging = self.project.folder / "staging" / self.round_id
        if not staging.exists():
            return
        manifest, policy = self._released_under()
        with Log.open(self.project.log_file, read_only=True) as log:
            position = position_of(log, Step.RELEASE, self.round_id)
            size, cosigners = cosigned_state(log, position, policy)
            if size is None:
                return
            proof = prove(log, position, size)
        put_proofs(proof, staging)
        if manifest.release.cosignatures and not self._logged(Step.HAND_OUT):
            self._record(Step.HAND_OUT, {"size": size, "cosigners": ", ".join(sorted(cosigners))})
        for folder in sorted(staging.iterdir()):
            to = private_folder(self.project.folder / "releases" / folder.name)
            for file in sorted(folder.iterdir(), key=lambda path: path.suffix == ".json"):
                file.rename(to / file.name)
            sync_folder(to)
        shutil.rmtree(staging)

    def _released_under(self) -> tuple[Manifest, Policy]:
        """The manifest of the release in the log, and whose signatures it asks for."""
        (entry,) = [
            e
            for e in self._journal.entries()
            if e.name == Step.RELEASE.value
            and e.status == "Ok"
            and e.attributes.get("lsi.round") == self.round_id
        ]
        manifest = load_manifest(self.project.kept(str(entry.attributes["lsi.manifest"])))
        if not manifest.release.cosignatures:
            return manifest, release_policy(manifest)
        return manifest, release_policy(manifest, self.project.trust(self._clock()).current)

    @property
    def lacking(self) -> tuple[str, ...]:
        """Who did not co-sign yet, while the release waits for it; nobody when it waits for nothing."""
        if not (self.project.folder / "staging" / self.round_id).exists() or not self.released:
            return ()
        _, policy = self._released_under()
        with Log.open(self.project.log_file, read_only=True) as log:
            size, seen = cosigned_state(log, position_of(log, Step.RELEASE, self.round_id), policy)
        return () if size is not None else tuple(name for name in policy.witnesses if name not in seen)

    def destroy(self) -> None:
        """Step `destroy`: the round's key, its drops (refused ones too) and all that was held in memory.

        The log says first that it begins, and afterwards that it was done: if it broke off, the log tells.
        """
        if self._engine is not None:
            self._engine.close()
            self._engine = None
        self._drops = {}
        if not self.ended:
            self._record(Step.DESTROY, begun=True)
        destroy(self._key_file)
        shutil.rmtree(self._key_file.parent / work.WORK, ignore_errors=True)
        for half in half_files(self._key_file.parent):
            destroy(half)
        named = f"{self.project.id}.{self.round_id}.*"
        inbox = [
            file for name in (named, f".{named}") for file in (self.project.folder / "inbox").rglob(name)
        ]
        refused = sorted((self.project.folder / "quarantine").glob(f"*/{self.round_id}.*/*"))
        gone = [file for file in (*inbox, *refused) if file.is_file() and file.name != REASON]
        for file in gone:
            file.unlink()
        if not self.released:
            shutil.rmtree(self.project.folder / "staging" / self.round_id, ignore_errors=True)
        if not self.ended:
            self._record(Step.DESTROY, {"files": len(gone)})
        keep_proof(self.project, Step.DESTROY, self.round_id)

    def summary(self) -> dict[str, object]:
        """Names and counts for whoever started the run; nothing about a person."""
        cases = next(
            (
                e.attributes.get("lsi.cases")
                for e in self._journal.entries()
                if e.name == Step.RELEASE.value and e.attributes.get("lsi.round") == self.round_id
            ),
            None,
        )
        told = {"project": self.project.id, "round": self.round_id, "cases": cases, "lacking": self.lacking}
        return json.loads(json.dumps(told))  # type: ignore[no-any-return]
