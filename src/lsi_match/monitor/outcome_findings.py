"""What came of the cases: the outcome test, and appeals, each per group and with what it cannot say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lsi_match.monitor.findings import Appeal, Finding, Helped, HitRate, Outcome, Ratio
from lsi_match.monitor.groups import View, over, shown_count, views
from lsi_match.monitor.intervals import CountRange, Interval, ratio_interval, share_between
from lsi_match.monitor.table import CountsTable, Stage


def outcomes(table: CountsTable, seen: Iterable[View], found: Iterable[Finding]) -> Iterator[Outcome]:
    """Per group the share of grounded cases among those that were judged."""
    stages = _of_kinds(table, "grounded", "not_grounded")
    if stages is None:
        return
    more = {(f.dimension, f.group) for f in found if (f.ratio.low or 0) > 1}
    pairs = [(view, group) for view in seen for group in view.groups]
    confidence = 1 - (1 - table.confidence) / max(1, len(pairs)) / table.looks
    for view, group in pairs:
        good, bad, other_good, other_bad = (
            view.count(stage, wanted)
            for wanted in (view.is_group(group), view.is_other(group))
            for stage in stages
        )
        interval, value, judged, others_judged = None, None, None, None
        if good and bad and other_good and other_bad:
            judged, others_judged = good + bad, other_good + other_bad
            value = over(over(good.told, judged.told), over(other_good.told, others_judged.told))
            interval = _interval(good, bad, other_good, other_bad, confidence)
        yield Outcome(
            dimension=view.name,
            group=group,
            others=view.others,
            grounded=shown_count(good),
            judged=shown_count(judged),
            others_grounded=shown_count(other_good),
            others_judged=shown_count(others_judged),
            ratio=Ratio.of(value, interval),
            lower=None if interval is None else interval.high < 1,
            selected_more=(view.name, group) in more,
        )


def hit_rates(table: CountsTable, seen: Iterable[View]) -> Iterator[HitRate]:
    """The hit rate of the cases beside that of a sample: of everybody, and per group."""
    stages = _of_kinds(table, "grounded", "not_grounded", "sample_grounded", "sample_not_grounded")
    views = list(seen)
    if stages is None or not views:
        return
    asked = [(views[0], ""), *((view, group) for view in views for group in view.every)]
    confidence = 1 - (1 - table.confidence) / len(asked) / table.looks
    for view, group in asked:
        good, bad, drawn_good, drawn_bad = (
            view.count(stage, view.is_group(group)) if group else _of_all(view, stage) for stage in stages
        )
        if not (good and bad and drawn_good and drawn_bad):
            continue
        judged, drawn = good + bad, drawn_good + drawn_bad
        chosen, missed = over(good.told, judged.told), over(drawn_good.told, drawn.told)
        ratio = _interval(good, bad, drawn_good, drawn_bad, confidence)
        yield HitRate(
            dimension=view.name if group else "",
            group=group,
            grounded=shown_count(good),
            judged=shown_count(judged),
            chosen=Ratio.of(chosen, share_between(good, judged, confidence)),
            drawn_grounded=shown_count(drawn_good),
            drawn_judged=shown_count(drawn),
            drawn=Ratio.of(missed, share_between(drawn_good, drawn, confidence)),
            ratio=Ratio.of(over(chosen, missed), ratio),
            better=True if ratio.low > 1 else False if ratio.high < 1 else None,
        )


def helped(tables: Sequence[CountsTable]) -> Iterator[Helped]:
    """What outcomes say of the last change of the manifest in a row of rounds, as far as there are outcomes on both sides."""
    agreed = [(table.source or "").rpartition("manifest ")[2] for table in tables]
    since = next((at for at in range(len(agreed), 0, -1) if agreed[at - 1] != agreed[-1]), 0)
    for of, kinds in (
        ("cases", ("grounded", "not_grounded")),
        ("sample", ("sample_grounded", "sample_not_grounded")),
    ):
        sides = [
            list(map(_sum, zip(*_told(side, kinds), strict=True)))
            for side in (tables[:since], tables[since:])
        ]
        if not all(sides):
            continue
        (good_before, bad_before), (good, bad) = sides
        judged, before = good + bad, good_before + bad_before
        value = over(over(good.told, judged.told), over(good_before.told, before.told))
        ratio = _interval(good, bad, good_before, bad_before, tables[-1].confidence)
        more = True if ratio.low > 1 else False if ratio.high < 1 else None
        yield Helped(
            of=of,
            since=since,
            grounded_before=shown_count(good_before),
            judged_before=shown_count(before),
            grounded=shown_count(good),
            judged=shown_count(judged),
            ratio=Ratio.of(value, ratio),
            better=more if of == "cases" or more is None else not more,
        )


def _told(tables: Iterable[CountsTable], kinds: tuple[str, ...]) -> Iterator[list[CountRange]]:
    """Per table how many of each kind, where it tells of all."""
    for table in tables:
        if stages := _of_kinds(table, *kinds):
            found = [_of_all(next(views(table)), stage) for stage in stages]
            if None not in found:
                yield [one for one in found if one]


def _sum(counts: Iterable[CountRange]) -> CountRange:
    return sum(counts, CountRange(0, 0, 0))


def _of_all(view: View, stage: Stage) -> CountRange | None:
    return view.count(stage) if stage.total is None else CountRange(stage.total, stage.total, stage.total)


def _interval(
    good: CountRange, bad: CountRange, other_good: CountRange, other_bad: CountRange, confidence: float
) -> Interval:
    low = ratio_interval(
        good.low, good.low + bad.high, other_good.high, other_good.high + other_bad.low, confidence
    )
    high = ratio_interval(
        good.high, good.high + bad.low, other_good.low, other_good.low + other_bad.high, confidence
    )
    return low.joined(high)


def appeals(table: CountsTable, seen: Iterable[View]) -> Iterator[Appeal]:
    """Per group, the baseline included, how many decisions there were, who appealed, and how that ended."""
    stages = _of_kinds(table, "grounded", "appealed", "appeal_upheld")
    if stages is None:
        return
    for view in seen:
        for group in view.every:
            decided, appealed, upheld = (
                shown_count(view.count(stage, view.is_group(group))) for stage in stages
            )
            yield Appeal(dimension=view.name, group=group, decided=decided, appealed=appealed, upheld=upheld)


def _of_kinds(table: CountsTable, *kinds: str) -> list[Stage] | None:
    stages = {stage.kind: stage for stage in table.stages}
    return [stages[kind] for kind in kinds] if all(kind in stages for kind in kinds) else None  # type: ignore[index]
