"""What the monitor says of one round: the document of which controllers sign the digest. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, TypeAdapter, ValidationError

from lsi_match.base.canonical import canonical_json, digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.base.validation import Closed
from lsi_match.manifest import Manifest
from lsi_match.monitor.analyse import analyse
from lsi_match.monitor.findings import Findings
from lsi_match.monitor.promises import Followed, Promise, followed, promised
from lsi_match.monitor.table import CountsTable
from lsi_match.monitor.verdict import Row, conclude
from lsi_match.protocol.documents import Justification

_ROWS = TypeAdapter(list[Row])


class RoundFindings(Closed):
    """The findings of a round, and what they are of.

    `table` is the digest of the file with the `CountsTable` that they follow from, and from which anybody can work them
    out again.
    """

    format: Literal["lsi-match/round-findings/v1", "lsi-match/round-findings/v2"] = (
        "lsi-match/round-findings/v2"
    )
    project: str
    manifest: str
    round: str
    table: str
    findings: Findings
    #: What was promised for the differences of the round before this one that was held; does not follow from the counts.
    promises: tuple[Promise, ...] = Field(default=(), exclude_if=lambda promises: not promises)

    @property
    def followed(self) -> list[Followed]:
        """What was promised, and whether it worked."""
        return followed(self.promises, conclude(self.findings).every)

    @property
    def alerts(self) -> tuple[Row, ...]:
        """What holds a round, the surest first."""
        return conclude(self.findings).alerts

    @property
    def differences(self) -> dict[str, tuple[Row, ...]]:
        """What has to be justified, each by itself: digest → the alerts of one group within one selection, the surest
        first. None in v1, of which one text justified everything."""
        found: dict[tuple[str, str, str], list[Row]] = {}
        for row in () if self.format.endswith("v1") else self.alerts:
            found.setdefault(row.cause, []).append(row)
        return {
            digest_of_bytes(canonical_json(_ROWS.dump_python(its, mode="json"))): tuple(its)
            for its in found.values()
        }

    def holds(self, on_too_little: bool) -> bool:
        """Whether it holds its round: an alert, what a statistics office did not count yet, or, where that is agreed, that
        there is too little to say."""
        return bool(self.alerts or self.findings.awaited or (on_too_little and self.too_little))

    @property
    def too_little(self) -> int:
        """Of how many comparisons it is not known whether the difference is large."""
        return len(conclude(self.findings).unsettled)

    def written(self) -> bytes:
        """The bytes of this document: canonical JSON and a line end."""
        return canonical_json(self.model_dump(mode="json")) + b"\n"


@dataclass(frozen=True)
class Answered:
    """A report that held an earlier round, and what each controller said to it."""

    report: RoundFindings
    said: Mapping[str, Justification]

    def promises(self, now: Iterable[Row]) -> tuple[Promise, ...]:
        """What was promised, beside the comparisons of `now`."""
        differences, papers = self.report.differences, sorted(self.said.items())
        said = {one: {name: paper.promised(one) for name, paper in papers} for one in differences}
        looked = {one: [p.reasons[one].review for _, p in papers if one in p.reasons] for one in differences}
        review = {one: max(days) for one, days in looked.items() if days}
        before = conclude(self.report.findings).every
        return tuple(promised(self.report.round, differences, before, now, said, review))


def findings_of(
    manifest: Manifest, round_id: str, counts: bytes, answered: Answered | None = None
) -> RoundFindings:
    """What follows from the file with the counts of a round; raises ValidationError when it is none.

    Args:
        answered: the round before this one that was held, and what was said to its report.
    """
    table = CountsTable.model_validate_json(counts)
    findings = analyse(table)
    return RoundFindings(
        project=manifest.project.id,
        manifest=manifest.digest,
        round=round_id,
        table=digest_of_bytes(counts),
        findings=findings,
        promises=() if answered is None else answered.promises(conclude(findings).every),
    )


def checked_findings(report: bytes, counts: bytes, manifest: Manifest) -> tuple[RoundFindings, str]:
    """A report as it was given, worked out again from its counts; and its digest.

    Raises:
        ReportNotOfCountsError: no report, of another manifest, or another than follows from these counts.
        SmallCountShownError: a number of people that the manifest withholds stands in these counts.
    """
    monitor = manifest.monitor
    agreed = (monitor.tolerance, monitor.confidence, monitor.looks, monitor.smallest_cell)
    watched = [one.id for one in monitor.dimensions]
    watched += monitor.watched
    try:
        found = RoundFindings.model_validate_json(report)
        table = CountsTable.model_validate_json(counts)
        again = findings_of(manifest, found.round, counts)
    except ValidationError:
        raise LsiError("ReportNotOfCountsError") from None
    if (table.tolerance, table.confidence, table.looks, table.smallest_cell) != agreed:
        raise LsiError("ReportNotOfCountsError")
    if [one.id for one in table.dimensions] != watched:
        raise LsiError("ReportNotOfCountsError")
    if again.model_copy(update={"format": found.format, "promises": found.promises}).written() != report:
        raise LsiError("ReportNotOfCountsError")
    for name, count in _shown(table):
        if 0 < count < monitor.smallest_cell:
            raise LsiError("SmallCountShownError", stage=name, smallest=monitor.smallest_cell)
    return found, digest_of_bytes(report)


def _shown(table: CountsTable) -> Iterator[tuple[str, int]]:
    """Every count that is told, with its stage."""
    yield from (("cases_fewer", count) for count in table.cases_fewer.values() if count is not None)
    for stage in table.stages:
        for counts in (stage.counts, *stage.margins.values()):
            yield from ((stage.id, count) for count in counts.values() if count is not None)
