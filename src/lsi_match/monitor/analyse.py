"""From counts to findings: pure functions over a `CountsTable`.

The verdict on a group looks at the ratio between groups: the chance of its members to get from one stage to the next
over that of the others. Every comparison is made at a confidence such that, over all comparisons of the report and
all runs that are foreseen, the chance of any false alert stays under one minus the report's confidence (Bonferroni:
comparisons of nested stages and of runs over the same people depend on each other in ways that nobody knows, and this
holds whatever they are).

There are two families, each at the full confidence: the whole process (groups as they are, and with a legitimate
characteristic held equal), and where in it (within strata, and among those who are known). Intervals are two-sided and
an alert is on one side, so that each family has half of the chance of a false alert.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from scipy.special import ndtri

from lsi_match.base.canonical import canonical_json, digest_of_bytes
from lsi_match.monitor.attribution import attributions
from lsi_match.monitor.conditional import Question, conditional, strata_of
from lsi_match.monitor.findings import Concentration, Finding, Findings, Ratio, Verdict
from lsi_match.monitor.groups import UNKNOWN, View, over, shown_count, views
from lsi_match.monitor.intervals import CountRange, Interval, ratio_between, share_between
from lsi_match.monitor.missing import missing, questions_of_the_known, worst_case
from lsi_match.monitor.outcome_findings import appeals, hit_rates, outcomes
from lsi_match.monitor.table import CountsTable, Stage
from lsi_match.monitor.verdict import State, conclude

#: Kinds of stage that are no step towards being selected.
_NO_STEP = (
    "grounded", "not_grounded", "outcome_unknown", "appealed", "appeal_upheld", "value", "missing",
    "sample_grounded", "sample_not_grounded", "sample_outcome_unknown",
)  # fmt: skip
#: From this number in every cell on, the interval of an odds ratio on logarithms keeps its coverage.
_LARGE = 20
_Compared = list[tuple[Stage, Stage]]


def analyse(table: CountsTable) -> Findings:
    """Every group, at every stage that is compared, of every protected dimension."""
    compared = [
        (stage, table.stage(name))
        for stage in table.stages
        if stage.kind not in _NO_STEP
        for name in stage.against
    ]
    seen = list(views(table))
    # What a statistics office counts by is compared as it is.
    plain = [view for view in seen if not view.crossed and view.counted_by is None]
    crude = [
        (view, group, stage, against)
        for stage, against in compared
        for view in seen
        if view.counted_by == stage.counted_by
        for group in view.groups
    ]
    compared = [(stage, against) for stage, against in compared if stage.counted_by is None]
    asked = list(_conditionals(table, compared, plain))
    comparisons = max(1, _number((v, s.id, a.id) for v, _, s, a in crude) + _number(_key(q) for q in asked))
    confidence = 1 - (1 - table.confidence) / comparisons / table.looks
    found = tuple(_finding(*one, table, confidence) for one in crude)
    strata = [(question, strata_of(question)) for question in asked]
    known = list(questions_of_the_known(table, compared, plain))
    where = (
        2 * len(strata)
        + _number((*_key(question), level) for question, its in strata for level in its or ())
        + _number((one.view, one.stage.id, one.against.id, one.criterion) for one in known)
    )
    closer = 1 - (1 - table.confidence) / max(1, where) / table.looks
    given = (
        conditional(question, its, table, (confidence, closer), verdict)
        for question, its in strata
        if its is not None
    )
    findings = Findings(
        counts=digest_of_bytes(canonical_json(table.model_dump(mode="json"))),
        comparisons=comparisons,
        confidence=confidence,
        tolerance=table.tolerance,
        findings=found,
        conditionals=tuple(given),
        attributions=attributions(table),
        outcomes=tuple(outcomes(table, plain, found)),
        hit_rates=tuple(hit_rates(table, plain)),
        concentrations=tuple(_concentrations(table, plain)),
        appeals=tuple(appeals(table, plain)),
        alert=False,
        where=where,
        known_only=tuple(question.judged(table.tolerance, closer, verdict) for question in known),
        missing=tuple(missing(table, plain, closer)),
        awaited=tuple(one.id for one in table.awaited),
    )
    return findings.model_copy(update={"alert": conclude(findings).state is State.ALERT})


def _number(asked: Iterable[tuple[View, *tuple[str, ...]]]) -> int:
    """How many comparisons these are: of each group, and of the one that others are compared with (`verdict.Conclusion`)."""
    every = [(view.baseline, view.name, *rest) for view, *rest in asked]
    return len(every) + len({one for one in every if one[0] is not None})


def _key(question: Question) -> tuple[View, str, str, str]:
    return question.view, question.stage.id, question.against.id, question.given.id


def verdict(ratio: Interval | None, tolerance: float) -> Verdict:
    """What an interval of a ratio says, see `Verdict`."""
    if ratio is None:
        return Verdict.TOO_LITTLE
    if ratio.low > tolerance:
        return Verdict.OVER
    if ratio.high < 1 / tolerance:
        return Verdict.UNDER
    if ratio.low >= 1 / tolerance and ratio.high <= tolerance:
        return Verdict.WITHIN
    if ratio.low > 1:
        return Verdict.MORE
    if ratio.high < 1:
        return Verdict.LESS
    return Verdict.TOO_LITTLE


def _finding(
    view: View, group: str, stage: Stage, against: Stage, table: CountsTable, confidence: float
) -> Finding:
    here, there = (view.count(one, view.is_group(group)) for one in (stage, against))
    others, others_there = (view.count(one, view.is_other(group)) for one in (stage, against))
    total, total_there = (view.count(one, view.is_compared(group)) for one in (stage, against))
    representation, ratio = Ratio.of(None, None), None
    value = None
    if here and there and total and total_there and others and others_there:
        representation = _representation(here, total, there, total_there, against.sampled, confidence)
        if against.sampled:
            value, ratio = _odds(here, others, there, others_there, confidence)
        elif there.high and others_there.high:
            value = over(over(here.told, there.told), over(others.told, others_there.told))
            ratio = ratio_between(here, there, others, others_there, confidence)
    worst = worst_case(view, group, stage, against) if view.has_unknown and group != UNKNOWN else None
    nested = [(here, there), (others, others_there)] if stage.against and not against.sampled else []
    return Finding(
        stage=stage.id,
        against=against.id,
        dimension=view.name,
        group=group,
        others=view.others,
        count=shown_count(here),
        total=shown_count(total),
        reference_count=shown_count(there),
        reference_total=shown_count(total_there),
        representation=representation,
        ratio=Ratio.of(value, ratio),
        verdict=_judged(ratio, worst, nested, table.tolerance),
        direction=stage.direction,
        worst=worst,
    )


def _judged(
    ratio: Interval | None,
    worst: Ratio | None,
    nested: list[tuple[CountRange | None, CountRange | None]],
    tolerance: float,
) -> Verdict:
    """The verdict on an interval; that a difference is small is not shown where those who are unknown can make it large."""
    if any(here and there and here.low > there.high for here, there in nested):
        return Verdict.IMPOSSIBLE
    found = verdict(ratio, tolerance)
    if (
        found is Verdict.WITHIN
        and worst is not None
        and verdict(worst.interval, tolerance) is not Verdict.WITHIN
    ):
        return Verdict.TOO_LITTLE
    return found


def _representation(
    here: CountRange,
    total: CountRange,
    there: CountRange,
    total_there: CountRange,
    sampled: bool,
    confidence: float,
) -> Ratio:
    """The share of a group here over its share there."""
    value = over(over(here.told, total.told), over(there.told, total_there.told))
    if sampled:
        return Ratio.of(value, ratio_between(here, total, there, total_there, confidence))
    share = share_between(here, total, confidence)
    lowest = over(there.low, total_there.high) or 0.0
    highest = over(there.high, total_there.low) or 0.0
    low = share.low / highest if highest else 0.0
    return Ratio.of(value, Interval(low, share.high / lowest if lowest else math.inf))


def _odds(
    here: CountRange, others: CountRange, there: CountRange, others_there: CountRange, confidence: float
) -> tuple[float | None, Interval]:
    """The ratio beside a sampled reference: of the odds of the group here and there, with the sample's own doubt."""
    value = over(over(here.told, others.told), over(there.told, others_there.told))
    low = _odds_interval(here.low, others.high, there.high, others_there.low, confidence)
    return value, low.joined(_odds_interval(here.high, others.low, there.low, others_there.high, confidence))


def _odds_interval(a: int, b: int, c: int, d: int, confidence: float) -> Interval:
    if not (a or c) or not (b or d) or not (a or b) or not (c or d):
        return Interval(0.0, math.inf)
    if min(a, b, c, d) >= _LARGE:
        width = float(ndtri((1 + confidence) / 2)) * math.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
        centre = math.log(a * d / (b * c))
        return Interval(math.exp(centre - width), math.exp(centre + width))
    from scipy.stats.contingency import odds_ratio  # takes half a second to load

    found = odds_ratio([[a, b], [c, d]]).confidence_interval(confidence)
    return Interval(float(found.low), float(found.high))


def _conditionals(table: CountsTable, compared: _Compared, seen: list[View]) -> Iterator[Question]:
    """Every question of what is left within the groups of a legitimate dimension, at every nested stage."""
    for stage, against in compared:
        for at, given in enumerate(table.dimensions):
            if given.role == "legitimate" and not against.sampled:
                for view in seen:
                    for group in view.groups:
                        yield Question(view, group, stage, against, at, given)


def _concentrations(table: CountsTable, seen: list[View]) -> Iterator[Concentration]:
    """Every value of a criterion that was counted: how often a group has it, beside the others."""
    asked = [
        (stage, table.stage(stage.against[0]), view, group)
        for stage in table.stages
        if stage.kind == "value" and stage.against
        for view in seen
        for group in view.groups
    ]
    confidence = 1 - (1 - table.confidence) / max(1, len(asked)) / table.looks
    for stage, against, view, group in asked:
        found = _finding(view, group, stage, against, table, confidence)
        yield Concentration(
            criterion=stage.criterion or "",
            value=stage.label,
            dimension=found.dimension,
            group=found.group,
            others=found.others,
            count=found.count,
            reference_count=found.reference_count,
            ratio=found.ratio,
            verdict=found.verdict,
        )
