"""What the monitor says of one round: the document of which controllers sign the digest. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from lsi_match.base.canonical import canonical_json, digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.base.validation import Closed
from lsi_match.manifest import Manifest
from lsi_match.monitor.analyse import analyse
from lsi_match.monitor.findings import Findings
from lsi_match.monitor.table import CountsTable
from lsi_match.monitor.verdict import Row, conclude


class ReportNotOfCountsError(LsiError): ...


class SmallCountShownError(LsiError): ...


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
            found.setdefault((row.stage.rpartition(".")[0], row.dimension, row.group), []).append(row)
        return {
            digest_of_bytes(canonical_json(_ROWS.dump_python(its, mode="json"))): tuple(its)
            for its in found.values()
        }

    @property
    def too_little(self) -> int:
        """Of how many comparisons it is not known whether the difference is large."""
        return len(conclude(self.findings).unsettled)

    def written(self) -> bytes:
        """The bytes of this document: canonical JSON and a line end."""
        return canonical_json(self.model_dump(mode="json")) + b"\n"


def findings_of(manifest: Manifest, round_id: str, counts: bytes) -> RoundFindings:
    """What follows from the file with the counts of a round; raises ValidationError when it is none."""
    table = CountsTable.model_validate_json(counts)
    return RoundFindings(
        project=manifest.project.id,
        manifest=manifest.digest,
        round=round_id,
        table=digest_of_bytes(counts),
        findings=analyse(table),
    )


def checked_findings(report: bytes, counts: bytes, manifest: Manifest) -> tuple[RoundFindings, str]:
    """A report as it was given, worked out again from its counts; and its digest.

    Raises:
        ReportNotOfCountsError: no report, of another manifest, or another than follows from these counts.
        SmallCountShownError: a number of people that the manifest withholds stands in these counts.
    """
    monitor = manifest.monitor
    agreed = (monitor.tolerance, monitor.confidence, monitor.looks, monitor.smallest_cell)
    try:
        found = RoundFindings.model_validate_json(report)
        table = CountsTable.model_validate_json(counts)
        again = findings_of(manifest, found.round, counts)
    except ValidationError:
        raise ReportNotOfCountsError() from None
    if (table.tolerance, table.confidence, table.looks, table.smallest_cell) != agreed:
        raise ReportNotOfCountsError()
    if again.model_copy(update={"format": found.format}).written() != report:
        raise ReportNotOfCountsError()
    for name, count in _shown(table):
        if 0 < count < monitor.smallest_cell:
            raise SmallCountShownError(stage=name, smallest=monitor.smallest_cell)
    return found, digest_of_bytes(report)


def _shown(table: CountsTable) -> Iterator[tuple[str, int]]:
    """Every count of a stage that is told, with that stage."""
    for stage in table.stages:
        for counts in (stage.counts, *stage.margins.values()):
            yield from ((stage.id, count) for count in counts.values() if count is not None)
