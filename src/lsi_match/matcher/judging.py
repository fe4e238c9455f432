"""From a table of counts to whether a run is held: every group of every protected dimension, at every stage.

The ratio is how many times as often a group is in a stage as the baseline (or all others together), given how often
each is in the stage it is compared with. Its interval is exact, given those: the group's part of the two counts is
binomial (Clopper and Pearson, Biometrika 26, 1934), which for a stage drawn without replacement is on the safe side.
All comparisons of one report, and all looks, share the level of the manifest in equal parts (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError
from scipy.stats import beta

from lsi_match.errors import LsiError
from lsi_match.monitor.counts import RoundFindings
from lsi_match.monitor.table import SEPARATOR, CountsTable, Dimension, Stage
from lsi_match.protocol.canonical import canonical_json, digest_of_bytes
from lsi_match.protocol.manifest import Manifest

Verdict = Literal["over", "under", "within", "too_little"]


@dataclass(frozen=True)
class Judged:
    """`alerts` says in one line each which group stands out where; `too_little` counts comparisons of which nothing
    can be said; `findings` is all of it as a plain value."""

    alerts: tuple[str, ...]
    too_little: int
    findings: dict[str, Any]


class ReportNotOfCountsError(LsiError):
    nl = "Dit rapport hoort niet bij dit manifest en deze tellingen, of het volgt er niet uit. Teken het niet. Vraag beide opnieuw op."
    en = "This report does not belong to this manifest and these counts, or does not follow from them. Do not sign it. Ask for both again."


def report_of(manifest: Manifest, round_id: str, table: CountsTable, table_digest: str) -> RoundFindings:
    """What the monitor says of a round, as the document that controllers justify."""
    judged = judge(table)
    return RoundFindings(
        project=manifest.project.id,
        manifest=manifest.digest,
        round=round_id,
        table=table_digest,
        alerts=judged.alerts,
        too_little=judged.too_little,
        findings=judged.findings,
    )


def checked_report(report: bytes, counts: bytes, manifest: Manifest) -> tuple[RoundFindings, str]:
    """A report as it was given, worked out again from its counts; and its digest.

    Raises:
        ReportNotOfCountsError: no report, of another manifest, or another than follows from these counts.
    """
    try:
        found = RoundFindings.model_validate_json(report)
        table = CountsTable.model_validate_json(counts)
    except ValidationError:
        raise ReportNotOfCountsError() from None
    monitor = manifest.monitor
    agreed = (monitor.tolerance, monitor.confidence, monitor.looks, monitor.smallest_cell)
    if (table.tolerance, table.confidence, table.looks, table.smallest_cell) != agreed:
        raise ReportNotOfCountsError()
    again = report_of(manifest, found.round, table, digest_of_bytes(counts))
    if again != found or written(again) != report:
        raise ReportNotOfCountsError()
    return found, digest_of_bytes(report)


def written(report: RoundFindings) -> bytes:
    """The bytes of a report: canonical JSON and a line end."""
    return canonical_json(report.model_dump(mode="json")) + b"\n"


@dataclass(frozen=True)
class _Comparison:
    """`place` is where the groups of the dimension stand in the name of a cell."""

    stage: Stage
    against: Stage
    dimension: Dimension
    place: int
    group: str


def judge(table: CountsTable) -> Judged:
    """Every comparison of a table. The same table gives the same outcome, to the byte."""
    comparisons = list(_comparisons(table))
    level = (1 - table.confidence) / table.looks / max(1, len(comparisons))
    rows = [_compared(one, level, table.tolerance) for one in comparisons]
    alerts = tuple(
        f"{row['stage']} / {row['against']}: {row['group']} × {row['ratio']}"
        for row in rows
        if row["verdict"] == "over"
    )
    too_little = sum(row["verdict"] == "too_little" for row in rows)
    return Judged(alerts, too_little, {"level": f"{level:.3g}", "comparisons": rows})


def _comparisons(table: CountsTable) -> Iterator[_Comparison]:
    stages = {stage.id: stage for stage in table.stages}
    for stage in table.stages:
        for name in stage.against:
            for place, dimension in enumerate(table.dimensions):
                if dimension.role == "protected":
                    for group in dimension.groups:
                        if group != dimension.baseline:
                            yield _Comparison(stage, stages[name], dimension, place, group)


def _compared(one: _Comparison, level: float, tolerance: float) -> dict[str, Any]:
    mine, others = _split(one)
    row: dict[str, Any] = {
        "stage": one.stage.id, "against": one.against.id, "dimension": one.dimension.id, "group": one.group,
        "ratio": None, "low": None, "high": None, "verdict": "too_little",
    }  # fmt: skip
    if mine is None or others is None:
        return row
    (count, base), (rest, rest_base) = mine, others
    if not base or not rest_base or not count + rest:
        return row
    odds = rest_base / base
    low = _odds(float(beta.ppf(level / 2, count, rest + 1)) if count else 0.0) * odds
    high = _odds(float(beta.ppf(1 - level / 2, count + 1, rest)) if rest else 1.0) * odds
    ratio = count / rest * odds if rest else float("inf")
    row |= {"ratio": _shown(ratio), "low": _shown(low), "high": _shown(high)}
    row["verdict"] = _verdict(low, high, tolerance)
    return row


def _verdict(low: float, high: float, tolerance: float) -> Verdict:
    if low > tolerance:
        return "over"
    if high < 1 / tolerance:
        return "under"
    return "within" if low >= 1 / tolerance and high <= tolerance else "too_little"


def _split(one: _Comparison) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
    """(count in the stage, count in what it is compared with) of the group, and of the baseline or all others."""
    groups = (
        [one.group],
        [g for g in one.dimension.groups if g != one.group and one.dimension.baseline in (None, g)],
    )
    found: list[tuple[int, int] | None] = []
    for wanted in groups:
        pairs = [(_sum(one, s.counts, g)) for s in (one.stage, one.against) for g in wanted]
        half = len(pairs) // 2
        told = [pair for pair in pairs if pair is not None]
        whole = len(told) == len(pairs)
        found.append((sum(told[:half]), sum(told[half:])) if whole else None)
    return found[0], found[1]


def _sum(one: _Comparison, counts: Mapping[str, int | None], group: str) -> int | None:
    chosen = [count for cell, count in counts.items() if cell.split(SEPARATOR)[one.place] == group]
    return None if None in chosen else sum(count for count in chosen if count is not None)


def _odds(share: float) -> float:
    return share / (1 - share) if share < 1 else float("inf")


def _shown(value: float) -> str:
    return f"{value:.3g}"
