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
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from glob import escape
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from lsi_match.agreement.gates import require
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.clock import Clock, minute
from lsi_match.base.duckdb_locked import locked_connection, one_row, quoted_name
from lsi_match.base.errors import LsiError, wrong
from lsi_match.base.files import (
    destroy,
    half_files,
    private_folder,
    read_private,
    sync_folder,
    write_whole,
)
from lsi_match.base.version import VERSION
from lsi_match.crypto.sealing import seal
from lsi_match.crypto.signing import sign
from lsi_match.log.events import (
    Counted,
    CountRefused,
    Destroyed,
    DestructionBegun,
    DropAccepted,
    DropRefused,
    DropsComplete,
    DropsIncomplete,
    GatesPassed,
    GatesRefused,
    HandedOut,
    Held,
    Matched,
    MatchRefused,
    OfRound,
    Released,
    why,
)
from lsi_match.log.policy import Policy, release_policy
from lsi_match.log.view import RoundView
from lsi_match.manifest import Manifest
from lsi_match.matcher.engine import buckets
from lsi_match.matcher.engine.execution_config import ExecutionConfig
from lsi_match.matcher.engine.intake import Drop, DropRefusedError, Round, shown_name, under_name
from lsi_match.matcher.engine.verdict import forget_verdict
from lsi_match.matcher.round import work
from lsi_match.matcher.round.counts_table import counts_table
from lsi_match.matcher.round.evaluating import folder_of as evaluations
from lsi_match.matcher.round.hold import (
    RunHeldError,
    answered_before,
    justifications,
)
from lsi_match.matcher.round.judge_drop import judge_drop
from lsi_match.matcher.round.office import counts_of, seal_cases
from lsi_match.matcher.round.office import folder_of as office_files
from lsi_match.matcher.round.open_round import lock_round
from lsi_match.matcher.round.published import published, statistics
from lsi_match.matcher.round.readiness import drops_found
from lsi_match.matcher.site import inbox
from lsi_match.matcher.site.proofs import (
    cosigned_state,
    keep_proofs,
    proof_for,
    put_proofs,
    release_position,
)
from lsi_match.matcher.site.site import REASON, Project, RoundUnknownError, json_document
from lsi_match.matcher.subjects.subject_rows import release_file, write_rows
from lsi_match.matcher.subjects.subject_terms import remove_unnamed
from lsi_match.monitor.findings import Ratio
from lsi_match.monitor.overview import Overview
from lsi_match.monitor.round_findings import RoundFindings, findings_of
from lsi_match.protocol.columns import REFERENCE, release_columns, released_attribute_columns
from lsi_match.protocol.documents import (
    CellCounts,
    DropDescriptor,
    Part,
    ReleasedAttributes,
    ReleaseDescriptor,
)
from lsi_match.protocol.tables import to_part


def round_of(project: Project, manifest: Manifest, round_id: str) -> Round:
    """What the drops of a round are judged against and opened with; raises where it was not opened, or is over."""
    opening, data = project.opening(round_id, manifest)
    secret = read_private(project.round_folder(round_id) / "round.key").decode()
    round_ = project.view().round(round_id)
    evaluators = round_.together.evaluators if round_ else None
    return Round(manifest, opening, digest_of_bytes(data), secret, evaluators)


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
    stem, kept = file.name.removesuffix(inbox.DROP_SUFFIX), set(accepted)
    # The same for the same file: when this is broken off and done again, its partner finds one reason.
    one = file.lstat()
    token = digest_of_bytes(os.fsencode(f"{file.name} {one.st_size} {one.st_mtime_ns}"))[-8:]
    told = under_name(error, file, shown_name(file))
    to = tell_refused(project, partner, f"{round_id}.{token}", told, at)
    # The descriptor before its parts: without them it would be refused once more, for another reason.
    file.rename(to / file.name)
    for path in sorted(file.parent.glob(f"{escape(stem)}.part-*.age")):
        if path.name not in kept:
            path.rename(to / path.name)
    sync_folder(to)


def tell_refused(
    project: Project, partner: str, what: str, error: LsiError, at: datetime, of: str = ""
) -> Path:
    """Put where its partner finds it why something that it brought was refused; the folder of it.

    Args:
        of: the name of a file, for what the error does not say it of.
    """
    to, about = private_folder(project.folder / "quarantine" / partner / what), f"{of}: " if of else ""
    told = {lang: about + error.text(lang) for lang in ("nl", "en")}
    write_whole(
        to / REASON, json_document({"reason": error.reason, "at": at.isoformat()} | told), replace=True
    )
    return to


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
        self.round_id = round_id
        self._clock = clock
        # Read once: what the gates look at is what every later step goes by, whatever the disk holds by then.
        self._manifest = project.manifest()
        self._opening, data = project.opening(round_id, self._manifest)
        self._opening_digest = digest_of_bytes(data)
        self._open = ExitStack()
        # The log first: where there is none, no lock is left behind.
        self.project = self._open.enter_context(project.opened())
        self._log = self._open.enter_context(self.project.writer())
        try:
            if self._log.view.round(round_id) is None:
                raise RoundUnknownError(round=round_id, project=project.id)
            self._lock = lock_round(project.round_folder(round_id) / "lock", round_id, project.id)
        except LsiError:
            self._open.close()
            raise
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
        self._open.close()
        os.close(self._lock)

    def _record(self, event: OfRound, *, span: str | None = None, drop: Drop | None = None) -> None:
        """Log a step of this round, that took from the entry before up to now.

        Args:
            drop: which led to it.
        """
        now = self._clock()
        self._log.record(
            event,
            now,
            manifest=self._manifest.digest,
            span=span,
            parent=drop.descriptor.span_id if drop else None,
            of=drop.descriptor.partner if drop else None,
            started=min(self._began, now),
        )
        self._began = now

    @property
    def _round(self) -> RoundView:
        """The round as the log tells it at this moment."""
        return self._log.view.live[self.round_id]

    @property
    def released(self) -> bool:
        """Whether the log says that this round's release was made."""
        return self._round.release is not None

    @property
    def ended(self) -> bool:
        """Whether the log says that this round was destroyed."""
        return self._round.over

    # the steps

    def gates(self) -> None:
        """Step `gates`; raises the error of the first gate that does not hold, after logging it."""
        if self.ended:
            raise LsiError("RoundEndedError", round=self.round_id, project=self.project.id)
        self._end_hold()
        now = self._clock()
        try:
            require(self._manifest, self.project.evidence(now, self._opening))
        except LsiError as error:
            self._record(GatesRefused(round=self.round_id, **why(error)))
            raise
        self._record(GatesPassed(round=self.round_id))

    @property
    def _key_file(self) -> Path:
        return self.project.round_folder(self.round_id) / "round.key"

    def intake(self) -> None:
        """Step `intake`: every drop that was taken in is accepted or refused, each with an entry of its own.

        Those of another round that is open are left for it.

        Raises:
            DropsIncompleteError: a partner has no good drop, and the manifest says to wait for it or the deadline
                has not passed; or there are fewer than two drops, so that there is nothing to match.
        """
        secret = read_private(self._key_file).decode()
        evaluators = self._round.together.evaluators
        round_ = Round(self._manifest, self._opening, self._opening_digest, secret, evaluators)
        found, now = drops_found(self.project, self.round_id), self._clock()
        for partner, files in found.items():
            for file in files:
                self._receive(file, partner, round_, now)
        late = tuple(
            name for name in self._round.expected(self._manifest.partners) if name not in self._drops
        )
        waiting = self._manifest.schedule.when_late != "proceed" or self._clock() < self._opening.deadline
        if (late and waiting) or len(self._drops.keys() & self._manifest.selecting) < 2:
            error = LsiError("DropsIncompleteError", round=self.round_id, names=", ".join(late))
            self._record(DropsIncomplete(round=self.round_id, late=late, **why(error)))
            raise error
        self._record(DropsComplete(round=self.round_id, drops=len(self._drops), late=late))

    def _receive(self, file: Path, partner: str, round_: Round, now: datetime) -> None:
        try:
            if partner in self._drops:
                raise DropRefusedError("DropDuplicateError", partner=partner, file=file.name)
            drop, subjects = judge_drop(self.project, file, partner, round_, now, self._means)
        except LsiError as refused:
            error, name = under_name(refused, file), partner
            if partner not in self._manifest.partners:
                # A folder's name is what somebody typed: the reason in quarantine names it, the log does not.
                name = "unknown"
                error = DropRefusedError("PartnerNotInManifestError", partner=name, file="drop")
            self._record(DropRefused(round=self.round_id, partner=name, **why(error)))
            self._quarantine(file, partner, refused)
            return
        self._drops[partner] = drop
        self.project.keep(drop.document)
        event = DropAccepted(
            round=self.round_id,
            partner=partner,
            drop=drop.digest,
            rows=drop.descriptor.rows,
            parts=len(drop.descriptor.parts),
            subjects=subjects,
        )
        self._record(event, drop=drop)

    def _quarantine(self, file: Path, partner: str, error: LsiError) -> None:
        accepted = {part.file for drop in self._drops.values() for part in drop.descriptor.parts}
        quarantine(self.project, self.round_id, file, partner, error, accepted, at=self._clock())

    def match(self) -> None:
        """Step `match`: re-key every drop, join them, find the cases. Holds above the agreed number of cases.

        A drop that was changed since it was judged is judged again, and the round goes on without it where it can.

        Raises:
            as `intake`; DropRefusedError: a drop is changed while it is matched, and is good each time that it is judged.
        """
        try:
            self._match()
        except DropRefusedError as error:
            forget_verdict(self._drops[str(error.facts["partner"])])
            self._drops = {}
            self.intake()
            self._match(last=True)

    def _match(self, *, last: bool = False) -> None:
        config = self._means
        plan = buckets.Plan(
            self._manifest,
            list(self._drops.values()),
            config.memory_each,
            buckets.ROWS,
            config.threads_each,
            self._key_file.parent,
        )
        matching = buckets.Matching(plan)
        there = work.Work(self.project, self.round_id, read_private(self._key_file).decode())
        try:
            touched = matching.work(
                lambda plan, rows: there.spread(plan, rows, self._do), there.linking(plan, self._do)
            )
            subjects = write_rows(self.project, self.round_id, self._manifest, "match", touched)
        except LsiError as error:
            if last or not isinstance(error, DropRefusedError):
                self._record(MatchRefused(round=self.round_id, **why(error)))
            raise
        except duckdb.OutOfMemoryException:
            full = LsiError("MemoryLimitError", round=self.round_id, limit=config.memory_limit)
            self._record(MatchRefused(round=self.round_id, **why(full)))
            raise full from None
        self._engine = matching.matched()
        cases, allowed = self._engine.cases, self._manifest.release.max_cases
        if cases > allowed:
            refusal = LsiError("TooManyCasesError", round=self.round_id, cases=cases, max_cases=allowed)
            refused = MatchRefused(round=self.round_id, cases=cases, subjects=subjects, **why(refusal))
            self._record(refused)
            raise refusal
        told = {name: count for name, count in self._engine.counts().items() if "links" in name}
        self._record(Matched(round=self.round_id, cases=cases, subjects=subjects, **told))

    def _in_threads(self, stage: str, numbers: Sequence[int]) -> Iterator[str]:
        """Every piece in this process, as many at once as it has the means for."""
        with ThreadPoolExecutor(self._means.at_once) as pool:
            do = partial(work.do_piece, self.project.site.folder, self.project.id, self.round_id, stage)
            yield from pool.map(do, numbers)

    def count(self) -> None:
        """Step `count`: the overview of the round for project leader and FG, kept as a document."""
        engine, smallest = self._running(), self._manifest.monitor.smallest_cell
        descriptors = {name: drop.descriptor for name, drop in self._drops.items()}
        selecting = {name: one for name, one in descriptors.items() if name in self._manifest.selecting}
        lots = self.project.site.identity().lots
        counted = engine.group_counts()
        with locked_connection() as con:
            rule = partial(self._is_case, con)
            groups = published(self._manifest.monitor, selecting, counted, lots, rule)
        groups |= statistics(self._manifest, descriptors, counted, lots)
        overview = Overview(
            project=self.project.id,
            manifest=self._manifest.digest,
            round=self.round_id,
            smallest_cell=smallest,
            delivered={name: one.rows for name, one in descriptors.items()},
            totals=engine.counts(),
            groups=groups,
        )
        rows = {name: one.rows for name, one in descriptors.items()}
        counts: dict[str, Any] = {
            "overview": self.project.keep(json_document(overview.model_dump(mode="json"))),
            "like": tuple(self._log.view.like(self.round_id, rows, smallest)) or None,
        }
        report = self._report(descriptors, groups)
        if report is None:
            self._record(Counted(round=self.round_id, **counts))
            self._cleared = True
            return
        digest = self.project.keep(report.written())
        counts |= {
            "table": report.table,
            "findings": digest,
            "alerts": len(report.alerts),
            "too_little": report.too_little,
        }
        hold = self._round.hold
        if (hold is not None and hold.findings != digest) or self._round.other_drops:
            changed = LsiError("ReportChangedError", round=self.round_id)
            self._record(CountRefused(round=self.round_id, **counts, **why(changed)))
            raise changed
        self._record(Counted(round=self.round_id, **counts))
        office = self._manifest.monitor.office
        if office and {one.id for one in office.dimensions} & {*report.findings.awaited}:
            names = (name for name in self._manifest.selecting if name in self._drops)
            found = ((name, self._running().release(name)) for name in names)
            cases = ((name, one) for name, its in found for one in its.column(REFERENCE).to_pylist())
            seal_cases(self.project, self._manifest, self.round_id, cases, self._clock())
        if report.holds(self._manifest.monitor.hold_on_too_little):
            self._justified(digest, report)
        self._cleared = True

    def _is_case(self, con: duckdb.DuckDBPyConnection, known_to: frozenset[str]) -> bool | None:
        """Whether who is known to these partners is a case; None where the rule looks at more than that."""
        names, rule = self._manifest.selecting, self._manifest.match_predicate()
        if set(rule.fields) - {*names, "partners"}:
            return None
        columns = [f"{name in known_to} AS {quoted_name(name)}" for name in names]
        one = f"SELECT {', '.join(columns)}, {len(known_to)} AS partners"
        return bool(one_row(con, f"SELECT coalesce({rule.sql()}, FALSE) FROM ({one})")[0])  # noqa: S608 (a judged rule)

    def _report(
        self, descriptors: dict[str, DropDescriptor], groups: dict[str, CellCounts]
    ) -> RoundFindings | None:
        """What the monitor says of this round, worked out from the counts, and of what was promised before; None without
        dimensions."""
        table = counts_table(
            self._manifest,
            self.round_id,
            self._round.number,
            descriptors,
            groups,
            self._running().fewer(),
            counts_of(self.project, self._manifest, self._round),
        )
        if table is None:
            return None
        # Not in canonical form, which would put the groups in another order.
        counts = table.model_dump_json().encode() + b"\n"
        self.project.keep(counts)
        answered = answered_before(self.project, self._log.view, self._round)
        return findings_of(self._manifest, self.round_id, counts, answered)

    def _justified(self, digest: str, report: RoundFindings) -> None:
        """Nothing when every controller justified this report; otherwise the round is held, and that is logged."""
        now, hold = self._clock(), self._round.hold
        said = justifications(self.project, self._manifest, self._round, now)
        missing = [name for name in self._manifest.controllers if name not in said]
        if not missing:
            return
        until = hold.until if hold else self._manifest.held_until(now)
        names, alerts = tuple(self._manifest.controllers), len(report.alerts)
        held = Held(round=self.round_id, findings=digest, alerts=alerts, until=until, controllers=names)
        self._record(held)
        told = "; ".join(f"{one.stage}: {one.group} {_times(one.ratio)}" for one in report.alerts[:3])
        told += f" (+{alerts - 3})" if alerts > 3 else ""
        why_held = wrong("matcher.round.too_often", alerts=told or "-")
        if not told and report.findings.awaited:
            title = ", ".join(self._manifest.counts_awaited(report.findings.awaited))
            why_held = wrong("matcher.round.counts_awaited", title=title)
        raise RunHeldError(round=self.round_id, names=", ".join(missing), until=minute(until), **why_held)

    def _end_hold(self) -> None:
        """Destroy a held round whose term is over, or of which a controller asks for another manifest."""
        now, hold = self._clock(), self._round.hold
        if hold is None or self.released:
            return
        said = justifications(self.project, self._manifest, self._round, now)
        asking = [name for name, paper in said.items() if paper.decision == "change"]
        if now >= hold.until:
            self.destroy()
            raise LsiError("HoldExpiredError", round=self.round_id, until=minute(hold.until))
        if asking:
            self.destroy()
            raise LsiError("ManifestToChangeError", round=self.round_id, names=", ".join(asking))

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
            event = Released(
                round=self.round_id,
                cases=self._running().cases,
                releases={name: self._stage(name, staging, span) for name in self._manifest.selecting},
                subjects={
                    name: digest
                    for name in self._manifest.selecting
                    if (
                        digest := release_file(
                            self.project, self.round_id, self._manifest, self._running(), name
                        )
                    )
                },
                cosignatures=self._manifest.release.cosignatures or None,
            )
            self._record(event, span=span)
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
        attributes: dict[str, pa.Table] = {}
        if drop is not None:
            table, attributes = engine.release(recipient), engine.attributes(recipient)
            partners = self._manifest.partners
            tables = [to_part(table, release_columns(self._manifest, recipient))]
            tables += [
                to_part(one, released_attribute_columns(partners[name])) for name, one in attributes.items()
            ]
            sealed = seal(b"".join(tables), self._manifest.controllers[recipient].encryption_key)
            part = Part(file=f"{stem}.release.age", digest=digest_of_bytes(sealed), rows=table.num_rows)
            write_whole(staging / recipient / part.file, sealed)
            parts = (part,)
        descriptor = ReleaseDescriptor(
            project=self.project.id,
            manifest=self._manifest.digest,
            round=self.round_id,
            partner=recipient,
            program=VERSION,
            drop=drop.digest if drop else None,
            released_at=now,
            expires_at=self._manifest.released_until(now),
            span_id=span,
            cases=engine.cases_of(recipient) if drop else 0,
            parts=parts,
            attributes={
                name: ReleasedAttributes(
                    rows=len(one), keys=self._drops[name].descriptor.attribute_keys or ""
                )
                for name, one in attributes.items()
                if name in self._drops
            },
        )
        document = sign(descriptor, self.project.site.identity())
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
        log, position = self._log.log, release_position(self._round)
        size, cosigners = cosigned_state(log, position, policy)
        if size is None:
            return
        put_proofs(proof_for(self.project, log, position, size, manifest.partners), staging)
        if manifest.release.cosignatures and self._round.handed_out is None:
            self._record(HandedOut(round=self.round_id, size=size, cosigners=tuple(sorted(cosigners))))
        for folder in sorted(staging.iterdir()):
            to = private_folder(self.project.folder / "releases" / folder.name)
            for file in sorted(folder.iterdir(), key=lambda path: path.suffix == ".json"):
                file.rename(to / file.name)
            sync_folder(to)
        shutil.rmtree(staging)

    def _released_under(self) -> tuple[Manifest, Policy]:
        """The manifest of the release in the log, and whose signatures it asks for."""
        if self._round.release is None:
            raise LsiError("StepNotLoggedError", step="release", round=self.round_id)
        manifest = self.project.manifest_of(self._round.release.manifest)
        if not manifest.release.cosignatures:
            return manifest, release_policy(manifest)
        return manifest, release_policy(manifest, self.project.trust(self._clock()).current)

    @property
    def lacking(self) -> tuple[str, ...]:
        """Who did not co-sign yet, while the release waits for it; nobody when it waits for nothing."""
        if not (self.project.folder / "staging" / self.round_id).exists() or not self.released:
            return ()
        _, policy = self._released_under()
        size, seen = cosigned_state(self._log.log, release_position(self._round), policy)
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
            self._record(DestructionBegun(round=self.round_id))
        destroy(self._key_file)
        folders = [self._key_file.parent / work.WORK, evaluations(self.project, self.round_id)]
        folders.append(office_files(self.project, self.round_id))
        if not self.released:
            folders.append(self.project.folder / "staging" / self.round_id)
        for folder in folders:
            if folder.exists():
                shutil.rmtree(folder)
        for half in half_files(self._key_file.parent):
            destroy(half)
        gone = inbox.remove_round(self.project, self.round_id)
        remove_unnamed(self.project, self._round)
        for file in (self.project.folder / "quarantine").glob(f"*/{self.round_id}.*/*"):
            if file.name != REASON:
                file.unlink()
                gone += 1
        if not self.ended:
            self._record(Destroyed(round=self.round_id, files=gone))
        keep_proofs(self.project, [self._round])

    def summary(self) -> dict[str, object]:
        """Names and counts for whoever started the run; nothing about a person."""
        cases = self._round.release.cases if self._round.release else None
        told = {"project": self.project.id, "round": self.round_id, "cases": cases, "lacking": self.lacking}
        return json.loads(json.dumps(told))  # type: ignore[no-any-return]
