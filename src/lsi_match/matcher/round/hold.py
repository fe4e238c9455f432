"""A round that is held: why, until when, who has justified it, and what follows.

1. A report of the monitor with an alert holds the round: nothing is released, its drops and its key stay.
2. It is released when every controller justified exactly that report, each difference by itself, and the log says so.
3. When a controller asks for a changed manifest instead, or the term of the manifest is over, it is destroyed.
4. A report that comes out otherwise the second time releases nothing: what was justified is not what is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from lsi_match.agreement.justifications import latest, read_justifications
from lsi_match.base.errors import LsiError, RefusedError
from lsi_match.log.events import Justified
from lsi_match.log.view import ProjectView, RoundView
from lsi_match.manifest import Manifest
from lsi_match.matcher.site.site import Project
from lsi_match.protocol.documents import Justification

if TYPE_CHECKING:
    from lsi_match.monitor.round_findings import Answered


class RunHeldError(LsiError): ...


def justifications(
    project: Project, manifest: Manifest, round_: RoundView, now: datetime
) -> dict[str, Justification]:
    """Controller → its latest justification of the report that holds the round, of those that the log knows.

    Raises:
        LsiError: a paper is not here any more, or does not hold; see `agreement.justifications`.
    """
    if round_.hold is None:
        return {}
    papers = [project.kept(digest) for digest in sorted(round_.justifications)]
    said = _read(project, manifest, round_.name, round_.hold.findings, papers, now)
    return {name: paper for name, (paper, _) in said.items()}


def ingest(
    project: Project, round_id: str, papers: Mapping[str, bytes], now: datetime
) -> dict[str, Justification]:
    """Take in justifications of a held round, all or none; everything that counts now.

    Raises:
        RoundNotHeldError: nothing to justify.
        JustificationInvalidError, SignatureMissingError, SignedDocumentInvalidError: see `agreement.justifications`.
    """
    manifest = project.manifest()
    project.opening(round_id)
    with project.opened() as project, project.writer() as log:
        round_ = log.view.round(round_id)
        if round_ is None or round_.held is None:
            raise RefusedError("RoundNotHeldError", round=round_id)
        findings = round_.held.findings
        said = _read(project, manifest, round_id, findings, papers.values(), now)
        event = Justified(
            round=round_id,
            findings=findings,
            papers={name: project.keep(data) for name, (_, data) in said.items()},
            decisions={name: paper.decision for name, (paper, _) in said.items()},
        )
        log.record(event, now, manifest=manifest.digest)
        return justifications(project, manifest, log.view.rounds[round_id], now)


def _read(
    project: Project,
    manifest: Manifest,
    round_id: str,
    findings: str,
    papers: Iterable[bytes],
    now: datetime,
) -> dict[str, tuple[Justification, bytes]]:
    """A report that is not here any more has nothing to answer: the next count gives it again, or another one."""
    from lsi_match.monitor.round_findings import RoundFindings  # with the statistics, for who judges a report

    report = RoundFindings.model_validate_json(project.kept(findings)) if project.has(findings) else None
    differences = report.differences if report else ()
    return read_justifications(manifest, round_id, findings, papers, now, project.trust(now), differences)


def answered_before(project: Project, view: ProjectView, round_: RoundView) -> Answered | None:
    """The last round that was held and ended before `round_` was opened, and what was said to its report: so the same
    whenever it is asked for `round_`. None where there is none, or its report is not here any more."""
    from lsi_match.monitor.round_findings import Answered, RoundFindings  # with the statistics, as in `_read`

    for one in sorted(view.rounds.values(), key=lambda one: -one.number):
        ended = one.release.mark if one.release else one.destroyed
        if one.hold is None or ended is None or ended.position > round_.opened.position:
            continue
        digests = [one.hold.findings, *one.justifications]
        if not one.justifications or not all(project.has(digest) for digest in digests):
            continue
        papers = [project.kept(digest) for digest in one.justifications]
        report = RoundFindings.model_validate_json(project.kept(one.hold.findings))
        return Answered(report, latest(papers, one.hold.findings))
    return None


def overdue(view: ProjectView, now: datetime) -> list[RoundView]:
    """The rounds that are held past their term, or of which a controller asks for another manifest: to be destroyed unreleased."""
    return [
        one
        for one in view.live.values()
        if one.held is not None and (one.asks_change or now >= one.held.until)
    ]
