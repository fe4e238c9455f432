"""Judging a log again from the signed papers, not from what its entries say of them.

For every step that rests on papers, these are taken by their digests and judged as they were at that moment, by the trust
roots of the reader:

1. **registered**: every controller approved exactly that manifest, and nothing that was taken in withdrew it.
2. **opened**: the opening is signed by the matcher, says what its entry says, and all gates held (`agreement.gates`).
3. **asked, evaluators named** (where partners evaluate together): the ask is signed by its partner and for as many as the entry says;
   the evaluators are signed by the matcher, once, and name the asks and the keys of the entries before.
4. **gates passed**: all gates held, by the papers that were taken in up to then.
5. **counted**: the report follows from the counts, which hold what a statistics office told as it told it, has as many alerts as
   the entry says, and says of earlier promises what their papers say; of a round that was held it is the same report as before.
6. **held**: the report is that of the count, and all controllers of the manifest have to justify it.
7. **counted by an office**: the table is signed by its client, and of this round.
8. **released**: gates were passed before; where the report has alerts, every controller signed a justification of exactly that report before, and did
   not ask for another manifest since; and there are no more cases than the manifest allows.
9. **handed out**: as many controllers as the manifest asks for co-signed the checkpoint with the release in it.

A paper that is named and not given is told: what rests on it is not judged. Not judged here: whether a drop is what its
partner meant, what was counted, and what nobody wrote down.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from lsi_match.agreement.approvals import check_approvals, load_manifest
from lsi_match.agreement.gates import Evidence, require
from lsi_match.agreement.justifications import latest, read_justifications
from lsi_match.agreement.trust_root_rules import Trust
from lsi_match.base.catalogue import word
from lsi_match.base.errors import LsiError, problem, words
from lsi_match.crypto.evaluation import Evaluation
from lsi_match.crypto.signing import verify
from lsi_match.log import events
from lsi_match.log.events import Recorded, read_sound
from lsi_match.log.holds import ReleasedUnjustifiedError
from lsi_match.log.policy import release_policy
from lsi_match.log.store import Log
from lsi_match.log.view import ProjectView
from lsi_match.manifest import Manifest
from lsi_match.protocol.documents import CellCounts, Justification, OfficeCounts, Opening
from lsi_match.protocol.evaluation_documents import AccessAsk, EvaluationAsk, Evaluators
from lsi_match.protocol.office import impossible, stage_of
from lsi_match.protocol.trust_root import MATCHER

#: Entries have milliseconds, papers have more.
_TICK = timedelta(milliseconds=1)


class PaperNotGivenError(LsiError): ...


class JudgedOtherwiseError(LsiError): ...


class Promise(Protocol):
    """What controllers promised about a difference of an earlier round, by a report."""

    @property
    def round(self) -> str: ...
    @property
    def difference(self) -> str: ...
    @property
    def said(self) -> Mapping[str, str]: ...


class Report(Protocol):
    """What is asked of a report of the monitor."""

    @property
    def round(self) -> str: ...
    @property
    def alerts(self) -> Collection[object]: ...
    @property
    def differences(self) -> Collection[str]: ...
    def holds(self, on_too_little: bool) -> bool: ...
    @property
    def promises(self) -> Sequence[Promise]: ...


#: A report and the counts it follows from, worked out again under a manifest (`monitor.round_findings.checked_findings`).
ReadReport = Callable[[bytes, bytes, Manifest], tuple[Report, str]]


@dataclass(frozen=True)
class Judgement:
    """What came of it: how often each kind of step was judged, and every problem, by the order of the log.

    `whole` is False where no papers or no trust root were given. Then only what the manifest alone decides was judged.
    """

    whole: bool
    judged: Mapping[str, int]
    problems: tuple[LsiError, ...]


def judge_log(
    file: Path,
    manifest: Manifest,
    trust: Trust,
    papers: Mapping[str, bytes],
    read_report: ReadReport,
) -> Judgement:
    """Judge every entry of the log in `file`, which was verified; see the text of the module.

    Args:
        manifest: the one that the reader signed; others are among the papers.
        trust: the trust roots and revocation lists of the reader; no roots where it has none.
        papers: digest → document; none where none were given.
    """
    every = {**papers, manifest.digest: manifest.canonical()}
    with Log.open(file, read_only=True) as log:
        judging = _Judging(trust, every, read_report, log.checkpoint)
        for recorded in read_sound(log.entries()):
            judging.take(recorded)
    whole = bool(trust.roots and papers)
    problems = [one for one in judging.problems if whole or not isinstance(one, PaperNotGivenError)]
    return Judgement(whole, judging.judged, tuple(problems))


class _LackingError(LsiError):
    """A paper was not given; what rests on it is not judged."""


@dataclass
class _Judging:
    """A log on its way. The view is what its entries say; it is asked which papers came in, never what is in them."""

    trust: Trust
    papers: Mapping[str, bytes]
    read_report: ReadReport
    #: The checkpoint of so many entries.
    checkpoint: Callable[[int], str | None]
    view: ProjectView = field(default_factory=ProjectView)
    judged: dict[str, int] = field(default_factory=dict)
    problems: list[LsiError] = field(default_factory=list)
    lacking: set[str] = field(default_factory=set)
    #: Round → whether its last count holds it, by the report itself (by its entry where that was not given); and the digest
    #: of that report.
    holds: dict[str, tuple[bool, str]] = field(default_factory=dict)
    #: Digest of a report → what it has to be justified for.
    differences: dict[str, Collection[str]] = field(default_factory=dict)
    #: Round → digest of its opening; → digest of the report that it was held for first.
    openings: dict[str, str] = field(default_factory=dict)
    held_for: dict[str, str] = field(default_factory=dict)
    #: Round → stage → group cell → count, as a statistics office counted.
    by_office: dict[str, dict[str, CellCounts]] = field(default_factory=dict)

    def take(self, recorded: Recorded) -> None:
        """Judge the next entry."""
        with suppress(LsiError):  # a step out of place is a problem of verifying
            self.view.take(recorded)
        checks: dict[type[events.Event], Callable[[Recorded, Any], None]] = {
            events.ManifestRegistered: self._registered,
            events.TrustRootTakenIn: self._root,
            events.RoundOpened: self._opened,
            events.EvaluationsAsked: self._asked,
            events.AccessAsked: self._asked,
            events.EvaluatorsNamed: self._evaluators,
            events.GatesPassed: self._gates,
            events.Counted: self._counted,
            events.Held: self._held,
            events.OfficeCounted: self._office,
            events.Released: self._released,
            events.HandedOut: self._handed_out,
        }
        check = checks.get(type(recorded.event))
        if check is None:
            return
        try:
            check(recorded, recorded.event)
            step = recorded.event.step.value
            self.judged[step] = self.judged.get(step, 0) + 1
        except _LackingError:
            pass
        except (JudgedOtherwiseError, ReleasedUnjustifiedError) as problem:
            self.problems.append(problem)
        except LsiError as error:
            self.problems.append(_otherwise(recorded, error))

    # what there is to judge by

    def _paper(self, digest: str, recorded: Recorded) -> bytes:
        found = self.papers.get(digest)
        if found is None:
            if digest not in self.lacking:
                self.lacking.add(digest)
                step = recorded.event.step.value
                self.problems.append(PaperNotGivenError(position=recorded.position, step=step, digest=digest))
            raise _LackingError
        return found

    def _manifest(self, recorded: Recorded) -> Manifest:
        return load_manifest(self._paper(recorded.manifest, recorded))

    def _trust(self) -> Trust:
        """Who could sign what by now: of the roots those that the log had taken in."""
        if not self.trust.roots:
            raise _LackingError
        roots = tuple(one for one in self.trust.roots if one.version in self.view.roots)
        return replace(self.trust, roots=roots, seen=self.view.papers)

    def _about(self, recorded: Recorded) -> dict[str, bytes]:
        """Every paper that was taken in about the manifest of this entry."""
        names = (
            self.view.manifests[recorded.manifest].papers if recorded.manifest in self.view.manifests else {}
        )
        return {f"{name}.{digest}": self._paper(digest, recorded) for digest, name in names.items()}

    # the steps

    def _root(self, recorded: Recorded, event: events.TrustRootTakenIn) -> None:
        if not self.trust.roots:
            raise _LackingError
        known = {one.version: one.digest for one in self.trust.roots}
        if known.get(event.version) != event.root:
            raise _otherwise(recorded, "log.root_not_yours", version=event.version)

    def _registered(self, recorded: Recorded, _: events.ManifestRegistered) -> None:
        manifest, now, trust = self._manifest(recorded), recorded.at + _TICK, self._trust()
        trust.check(manifest, now)
        check_approvals(manifest, self._about(recorded), now, trust)

    def _require(self, recorded: Recorded, opening: Opening) -> None:
        """That all gates held when this was written; of the key of the round only the matcher knows."""
        manifest, now = self._manifest(recorded), recorded.at + _TICK
        others = [at for name, at in self.view.opened().items() if name != opening.round]
        require(
            manifest, Evidence(self._about(recorded), now, self._trust(), opening, True, others, past=True)
        )

    def _opening(self, recorded: Recorded, digest: str) -> Opening:
        manifest, data = self._manifest(recorded), self._paper(digest, recorded)
        return verify(data, Opening, manifest.matcher.signing_key, what="opening", party=MATCHER)

    def _opened(self, recorded: Recorded, event: events.RoundOpened) -> None:
        opening = self._opening(recorded, event.opening)
        self.openings[event.round] = event.opening
        if (opening.round, opening.manifest) != (event.round, recorded.manifest):
            raise _otherwise(recorded, "log.opening_of_other")
        self._require(recorded, opening)

    def _gates(self, recorded: Recorded, event: events.GatesPassed) -> None:
        digest = self.openings.get(event.round)
        if digest is not None:
            self._require(recorded, self._opening(recorded, digest))

    def _asked(self, recorded: Recorded, event: events.EvaluationsAsked | events.AccessAsked) -> None:
        manifest = self._manifest(recorded)
        of = Evaluation.of(manifest, event.round)
        model = EvaluationAsk if isinstance(event, events.EvaluationsAsked) else AccessAsk
        word = of.word(self._paper(event.ask, recorded), model, "ask")
        if (word.partner, word.asked) != (event.partner, dict(event.asked)):
            raise _otherwise(recorded, "log.ask_of_other")

    def _evaluators(self, recorded: Recorded, event: events.EvaluatorsNamed) -> None:
        manifest = self._manifest(recorded)
        data, key = self._paper(event.evaluators, recorded), manifest.matcher.signing_key
        named, round_ = (
            verify(data, Evaluators, key, what="evaluators", party=MATCHER),
            self.view.round(event.round),
        )
        if round_ is None or round_.together.evaluators != event.evaluators:
            raise _otherwise(recorded, "log.said_before")
        said = round_.together
        keys = {one: said.keys.get(one) for one in event.partners}
        stated = (named.round, named.manifest, named.asks, named.keys)
        if stated != (event.round, recorded.manifest, said.asks, keys):
            raise _otherwise(recorded, "log.other_asks")

    def _counted(self, recorded: Recorded, event: events.Counted) -> None:
        manifest = self._manifest(recorded)
        self.holds[event.round] = bool(event.alerts), event.findings or ""
        if event.findings != self.held_for.get(event.round, event.findings):
            raise _otherwise(recorded, "log.held_for_other")
        if event.findings is None or event.table is None:
            if manifest.monitor.dimensions:
                raise _otherwise(recorded, "log.no_report")
            self.holds[event.round] = False, ""
            return
        report, _ = self.read_report(
            self._paper(event.findings, recorded), self._paper(event.table, recorded), manifest
        )
        self.differences[event.findings] = report.differences
        if manifest.monitor.office is not None:
            stages = json.loads(self._paper(event.table, recorded))["stages"]
            office = manifest.monitor.office.id
            told = {one["id"]: one["counts"] for one in stages if one.get("counted_by") == office}
            round_ = self.view.round(event.round)
            if told != self.by_office.get(event.round, {}) or (round_ and round_.other_drops):
                raise _otherwise(recorded, "log.office_told_otherwise")
        self.holds[event.round] = report.holds(manifest.monitor.hold_on_too_little), event.findings
        if (report.round, len(report.alerts)) != (event.round, event.alerts or 0):
            raise _otherwise(recorded, "log.other_alerts", found=len(report.alerts), said=event.alerts or 0)

        for promise in report.promises:
            before = self.view.round(promise.round)
            if before is None or before.hold is None:
                raise _otherwise(recorded, "log.nothing_promised")
            papers = [self._paper(digest, recorded) for digest in before.justifications]
            said = latest(papers, before.hold.findings)
            if promise.said != {name: paper.promised(promise.difference) for name, paper in said.items()}:
                raise _otherwise(recorded, "log.promised_otherwise", round=promise.round)

    def _held(self, recorded: Recorded, event: events.Held) -> None:
        manifest = self._manifest(recorded)
        self.held_for.setdefault(event.round, event.findings)
        missing = [name for name in manifest.controllers if name not in event.controllers]
        if missing:
            raise _otherwise(recorded, "log.not_asked", names=", ".join(missing))
        if event.round in self.holds and self.holds[event.round][1] != event.findings:
            raise _otherwise(recorded, "log.other_report")

    def _office(self, recorded: Recorded, event: events.OfficeCounted) -> None:
        manifest = self._manifest(recorded)
        self.held_for.pop(event.round, None)  # another report follows
        if manifest.monitor.office is None or manifest.monitor.office.client != event.partner:
            raise _otherwise(recorded, "log.no_client")
        key, data = manifest.controllers[event.partner].signing_key, self._paper(event.office, recorded)
        said = verify(data, OfficeCounts, key, what="office counts", party=event.partner)
        if (said.round, said.opening) != (event.round, self.openings.get(event.round)):
            raise _otherwise(recorded, "log.counts_of_other")
        if false := impossible(manifest, manifest.monitor.office, said.tables):
            raise LsiError("OfficeCountsRefusedError", **false)
        self.by_office[event.round] = {
            stage_of(manifest.monitor.office, name, column): counts
            for name, table in said.tables.items()
            for column, counts in table.items()
        }

    def _released(self, recorded: Recorded, event: events.Released) -> None:
        manifest = self._manifest(recorded)
        if (event.cosignatures or 0) != manifest.release.cosignatures:
            agreed = manifest.release.cosignatures
            raise _otherwise(recorded, "log.other_cosignatures", agreed=agreed, said=event.cosignatures or 0)
        if event.cases > manifest.release.max_cases:
            raise _otherwise(recorded, "log.more_cases", cases=event.cases)
        round_ = self.view.round(event.round)
        if round_ is None or not round_.runs:
            raise _otherwise(recorded, "log.no_gate")
        if event.round not in self.holds:
            if manifest.monitor.dimensions:
                raise _otherwise(recorded, "log.not_counted")
            return
        held, findings = self.holds[event.round]
        if not held:
            return
        if not self.trust.roots:
            raise _LackingError
        said = self._justifications(recorded, manifest, event.round, findings)
        silent = [
            name for name in manifest.controllers if name not in said or said[name].decision != "release"
        ]
        if silent:
            raise ReleasedUnjustifiedError(round=event.round, names=", ".join(silent))

    def _handed_out(self, recorded: Recorded, event: events.HandedOut) -> None:
        round_ = self.view.round(event.round)
        if round_ is None or round_.release is None or not round_.release.mark.position < event.size:
            raise _otherwise(recorded, "log.not_under")
        manifest = load_manifest(self._paper(round_.release.manifest, recorded))
        release_policy(manifest, self._trust().current).check(self.checkpoint(event.size) or "")

    def _justifications(
        self, recorded: Recorded, manifest: Manifest, round_id: str, findings: str
    ) -> dict[str, Justification]:
        """Controller → its latest justification of this report, of the papers that were taken in before this entry."""
        round_ = self.view.round(round_id)
        digests = sorted(round_.justifications) if round_ else []
        found: dict[str, Justification] = {}
        for data in [self._paper(digest, recorded) for digest in digests]:
            now: datetime = recorded.at + _TICK
            with suppress(
                LsiError
            ):  # of an earlier report, or not signed as it should be: it justifies nothing
                needed = self.differences.get(findings, ())
                said = read_justifications(manifest, round_id, findings, [data], now, self._trust(), needed)
                for name, (paper, _) in said.items():
                    if name not in found or found[name].at < paper.at:
                        found[name] = paper
        return found


def _otherwise(recorded: Recorded, what: str | LsiError, **facts: str | int) -> JudgedOtherwiseError:
    """What is not as the papers have it: by its name in `problems.toml`, or as an error says it."""
    step = recorded.event.step
    nl, en = problem(what, **facts) if isinstance(what, str) else (what.text("nl"), what.text("en"))
    return JudgedOtherwiseError(
        position=recorded.position,
        **words("step", word("step", step, "nl"), step.value),
        **words("problem", nl, en),
    )
