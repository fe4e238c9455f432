"""One verdict from all comparisons: what the headline says, what is an alert, and what holds a round. Pure.

1. A row is every comparison that was made: of a group as it is, with a legitimate characteristic held equal, within
   each group of that characteristic, and among those who are known; and that strata differ, or a criterion is blind.
2. A row has one of four answers: a difference is shown and large; shown, its size unsure; shown to be small; unknown.
3. A row harms its group when the group gets through a `burden` more often, or a `benefit` less often.
4. Where groups are compared with one of them (`baseline`), that one is a row as well: it is compared with the group that
   it differs least from, and so worse off only where it is worse off than every other group.
5. An alert is a row that is shown, large and harms. It holds the round.
6. It is calm when there is a row, every row is shown to be small, and nothing is awaited of a statistics office. Nothing
   else is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from lsi_match.monitor.findings import Conditional, Finding, Findings, KnownOnly, Ratio, Verdict
from lsi_match.monitor.groups import ALL_OTHERS, UNKNOWN
from lsi_match.monitor.table import Direction

_OPPOSITE = {
    Verdict.OVER: Verdict.UNDER,
    Verdict.UNDER: Verdict.OVER,
    Verdict.MORE: Verdict.LESS,
    Verdict.LESS: Verdict.MORE,
}
_NO_RATIO = Ratio(value=None, low=None, high=None)


class Answer(StrEnum):
    """What is known of one comparison."""

    LARGE = "large"
    UNSURE = "unsure"
    SMALL = "small"
    UNKNOWN = "unknown"


class Kind(StrEnum):
    """How a comparison was made."""

    CRUDE = "crude"
    HELD_EQUAL = "held_equal"
    STRATUM = "stratum"
    DIFFERS = "differs"
    KNOWN_ONLY = "known_only"
    BLIND = "blind"


class State(StrEnum):
    """The whole: an alert; something to look at; or every difference is shown to be small."""

    ALERT = "alert"
    LOOK = "look"
    CALM = "calm"


_ANSWERS = {
    Verdict.OVER: Answer.LARGE,
    Verdict.UNDER: Answer.LARGE,
    Verdict.MORE: Answer.UNSURE,
    Verdict.LESS: Answer.UNSURE,
    Verdict.WITHIN: Answer.SMALL,
    Verdict.TOO_LITTLE: Answer.UNKNOWN,
    Verdict.IMPOSSIBLE: Answer.UNKNOWN,
}


@dataclass(frozen=True)
class Row:
    """One comparison. `given` is the legitimate dimension, or the criterion of which the value is known; `level` the
    group of that dimension."""

    kind: Kind
    stage: str
    against: str
    dimension: str
    group: str
    others: str
    ratio: Ratio
    verdict: Verdict
    direction: Direction
    given: str = ""
    level: str = ""

    @property
    def answer(self) -> Answer:
        return _ANSWERS[self.verdict]

    @property
    def harms(self) -> bool:
        """Whether the difference is to the disadvantage of the group."""
        worse = (Verdict.OVER, Verdict.MORE) if self.direction == "burden" else (Verdict.UNDER, Verdict.LESS)
        return self.verdict in worse

    @property
    def alerts(self) -> bool:
        return self.harms and self.answer is Answer.LARGE

    @property
    def cause(self) -> tuple[str, str, str]:
        """One group within one selection: what is one difference, to be justified by itself."""
        return self.stage.rpartition(".")[0], self.dimension, self.group

    @property
    def certain(self) -> float:
        """The smallest factor, at the disadvantage of the group, that the interval allows."""
        if self.direction == "burden":
            return self.ratio.low or 0.0
        return 1 / self.ratio.high if self.ratio.high else 0.0

    @property
    def turned(self) -> Row:
        """The same comparison, of the others with the group."""
        return replace(
            self,
            group=self.others,
            others=self.group,
            ratio=self.ratio.turned,
            verdict=_OPPOSITE.get(self.verdict, self.verdict),
        )


@dataclass(frozen=True)
class Conclusion:
    """What all rows together say. `turned` are of the groups that others are compared with: the
    comparisons of `rows` said from the other side."""

    state: State
    rows: tuple[Row, ...]
    turned: tuple[Row, ...]

    @property
    def every(self) -> tuple[Row, ...]:
        return (*self.rows, *self.turned)

    @property
    def alerts(self) -> tuple[Row, ...]:
        """What holds a round, the surest first."""
        return tuple(sorted((row for row in self.every if row.alerts), key=lambda row: -row.certain))

    @property
    def unsettled(self) -> tuple[Row, ...]:
        """The rows of which it is not known whether the difference is large."""
        return tuple(row for row in self.rows if row.answer in (Answer.UNSURE, Answer.UNKNOWN))


def conclude(findings: Findings) -> Conclusion:
    """The verdict on everything that was found."""
    rows = tuple(_rows(findings))
    turned = tuple(_turned(rows))
    if any(row.alerts for row in (*rows, *turned)):
        state = State.ALERT
    elif rows and not findings.awaited and all(row.answer is Answer.SMALL for row in rows):
        state = State.CALM
    else:
        state = State.LOOK
    return Conclusion(state, rows, turned)


def _turned(rows: Iterable[Row]) -> Iterator[Row]:
    """Per comparison that was made of several groups with the same one: that one, beside the group it is least worse off than."""
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        if row.others != ALL_OTHERS and row.group != UNKNOWN and row.kind not in (Kind.BLIND, Kind.DIFFERS):
            same = (row.kind, row.stage, row.against, row.dimension, row.others, row.given, row.level)
            found.setdefault(same, []).append(row.turned)
    for its in found.values():
        yield min(its, key=lambda row: (row.alerts, row.certain))


def _rows(findings: Findings) -> Iterator[Row]:
    for one in findings.findings:
        yield _row(Kind.CRUDE, one, one.ratio, one.verdict)
    for given in findings.conditionals:
        if not given.decides:
            yield from _within(given)
    for known in findings.known_only:
        yield _row(Kind.KNOWN_ONLY, known, known.ratio, known.verdict, known.criterion)
    for gap in findings.missing:
        if gap.blind:
            yield Row(
                kind=Kind.BLIND,
                stage=gap.against,
                against=gap.against,
                dimension=gap.dimension,
                group=gap.group,
                others=gap.others,
                ratio=gap.ratio,
                verdict=Verdict.TOO_LITTLE,
                direction="burden",
                given=gap.criterion,
            )


def _within(one: Conditional) -> Iterator[Row]:
    yield _row(Kind.HELD_EQUAL, one, one.ratio, one.verdict, one.given)
    for stratum in one.strata:
        yield _row(Kind.STRATUM, one, stratum.ratio, stratum.verdict, one.given, stratum.level)
    if one.differs or one.reverses:
        yield _row(Kind.DIFFERS, one, _NO_RATIO, Verdict.TOO_LITTLE, one.given)


def _row(
    kind: Kind,
    one: Finding | Conditional | KnownOnly,
    ratio: Ratio,
    verdict: Verdict,
    given: str = "",
    level: str = "",
) -> Row:
    return Row(
        kind=kind,
        stage=one.stage,
        against=one.against,
        dimension=one.dimension,
        group=one.group,
        others=one.others,
        ratio=ratio,
        verdict=verdict,
        direction=one.direction,
        given=given,
        level=level,
    )
