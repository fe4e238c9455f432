"""What an analysis of counts found, as one document: the same counts give the same bytes.

Numbers are rounded to six significant digits; `null` stands for what cannot be computed, and as the upper end of an
interval for one without an end.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from lsi_match.base.validation import Closed
from lsi_match.monitor.intervals import Interval
from lsi_match.monitor.table import Direction


def _short(number: float | None) -> float | None:
    return None if number is None or not math.isfinite(number) else float(f"{number:.6g}")


Rounded = Annotated[float | None, AfterValidator(_short)]


class Verdict(StrEnum):
    """`over` and `under`: the whole interval lies beyond the tolerance. `more` and `less`: a difference is shown, since
    the whole interval lies on one side of 1, but not whether it is larger than the tolerance. `within`: the whole
    interval lies inside the tolerance, so that equality up to it is shown, not assumed. `too_little`: the counts allow
    no difference, and one that is too large. `impossible`: more got through than there were."""

    OVER = "over"
    UNDER = "under"
    MORE = "more"
    LESS = "less"
    WITHIN = "within"
    TOO_LITTLE = "too_little"
    IMPOSSIBLE = "impossible"


class Ratio(Closed):
    """A ratio and its interval."""

    value: Rounded
    low: Rounded
    high: Rounded

    @classmethod
    def of(cls, value: float | None, interval: Interval | None) -> Ratio:
        """A value outside its interval, which another method gave, widens it."""
        if interval is None:
            return cls(value=value, low=None, high=None)
        ends = (interval.low, interval.high, *(() if value is None or math.isnan(value) else (value,)))
        return cls(value=value, low=min(ends), high=max(ends))

    @property
    def turned(self) -> Ratio:
        """One over it."""
        return Ratio(
            value=1 / self.value if self.value else None,
            low=None if self.low is None else 1 / self.high if self.high else 0.0,
            high=1 / self.low if self.low else None,
        )

    @property
    def interval(self) -> Interval | None:
        return None if self.low is None else Interval(self.low, math.inf if self.high is None else self.high)


class Finding(Closed):
    """One group at one stage, beside an earlier stage.

    `count` of `total` are of the group in the stage, `reference_count` of `reference_total` in the stage `against`;
    None where a number was withheld. `representation` is the share of the group here over its share there; `ratio`
    the chance of the group to get from there to here over that of the others (of `others`: the baseline, or all).
    """

    stage: str
    against: str
    dimension: str
    group: str
    others: str
    count: int | None
    total: int | None
    reference_count: int | None
    reference_total: int | None
    representation: Ratio
    ratio: Ratio
    verdict: Verdict
    direction: Direction = "burden"
    #: What the ratio can be, whoever those are of whom the group is not known; None where there are none.
    worst: Ratio | None = None


class KnownOnly(Closed):
    """The ratio of a finding among those only of whom it is known what a criterion looks at."""

    stage: str
    against: str
    dimension: str
    group: str
    others: str
    criterion: str
    ratio: Ratio
    verdict: Verdict
    direction: Direction


class Missing(Closed):
    """Of how many of a group it is not known what a criterion looks at: `count` of `reference_count` in the stage
    `against`, and `ratio` times as many as of the others. `blind` says that the criterion says nothing of a large part
    of the group."""

    criterion: str
    against: str
    dimension: str
    group: str
    others: str
    count: int | None
    reference_count: int | None
    others_count: int | None
    others_reference_count: int | None
    ratio: Ratio
    blind: bool


class Stratum(Closed):
    """The ratio within one group (`level`) of a legitimate dimension."""

    level: str
    ratio: Ratio
    verdict: Verdict


class Conditional(Closed):
    """The same ratio with the groups of a legitimate dimension held equal (Mantel-Haenszel).

    `decides` says that the dimension decides the step by itself: in each of its groups everybody gets through, or
    nobody. Then holding it equal compares nothing, and cannot explain the difference away.

    `strata` are the ratios within each group of the legitimate dimension. `differs` says that these are shown not to be
    one and the same (Cochran's Q), so that no pooled number tells what happens; `reverses` that in some of these groups
    it is more often and in others less often (Gail and Simon).
    """

    stage: str
    against: str
    dimension: str
    group: str
    others: str
    given: str
    crude: Rounded
    ratio: Ratio
    verdict: Verdict
    decides: bool
    direction: Direction = "burden"
    strata: tuple[Stratum, ...] = ()
    differs: bool = False
    reverses: bool = False


class Concentration(Closed):
    """How often a group has one `value` of what a `criterion` looks at, beside the others. It describes people, not a
    step, so it gives no alert; it tells where a criterion bites."""

    criterion: str
    value: str
    dimension: str
    group: str
    others: str
    count: int | None
    reference_count: int | None
    ratio: Ratio
    verdict: Verdict


class Share(Closed):
    """What one criterion does to the ratio of a group over the others, as factors: 1 is no effect.

    `in_order` is the change when it is applied after those before it, `left_out` what the whole selection would have
    without it less, `shapley` the mean over all orders; the Shapley factors of a selection multiply to its ratio.
    """

    criterion: str
    in_order: Rounded
    left_out: Rounded
    shapley: Rounded
    #: From where to where the mean can be, by chance; None in v1.
    interval: Ratio | None = None


class Attribution(Closed):
    """Which criterion of a selection carries the difference of a group. `sure` says that one criterion does more than
    each of the others beyond what chance gives, and whatever the withheld counts are."""

    partner: str
    selection: str
    dimension: str
    group: str
    others: str
    ratio: Rounded
    shares: tuple[Share, ...]
    sure: bool


class Outcome(Closed):
    """The share of grounded cases in a group, beside that of the others.

    `selected_more` says that the group was selected more than the others. A lower share points at a lower threshold
    for the group; a higher one does **not** show that there is none (Ayres 2002; Simoiu et al. 2017): the share is a
    mean over all who were selected, and says nothing of those at the margin.
    """

    dimension: str
    group: str
    others: str
    grounded: int | None
    judged: int | None
    others_grounded: int | None
    others_judged: int | None
    ratio: Ratio
    lower: bool | None
    selected_more: bool


class HitRate(Closed):
    """The share of grounded ones among those that were judged: of the cases, and of people who were drawn at random among those
    who were not selected, with their intervals. `group` is empty for everybody.

    `chosen` less one is how often a case was chosen for nothing, `drawn` how often somebody is missed. `ratio` is how much
    more the selection finds than the draw; `better` says that this is shown, or the opposite, None that it is not known.
    """

    dimension: str
    group: str
    grounded: int | None
    judged: int | None
    chosen: Ratio
    drawn_grounded: int | None
    drawn_judged: int | None
    drawn: Ratio
    ratio: Ratio
    better: bool | None


class Helped(Closed):
    """Whether cases are grounded more often since criteria changed (`of` "cases"), or somebody is missed less often (`of`
    "sample"). `since` is the first round under the last manifest, counted from 0; `better` as in `HitRate`.
    """

    of: Literal["cases", "sample"]
    since: int
    grounded_before: int | None
    judged_before: int | None
    grounded: int | None
    judged: int | None
    ratio: Ratio
    better: bool | None


class Appeal(Closed):
    """Of `decided` decisions against members of a group `appealed` went to appeal, of which `upheld` were proved right.

    It tells who appealed and how that ended. It tells nothing of who did not appeal, nor of whether the selection was
    fair: an appeal judges one decision, after the selection.
    """

    dimension: str
    group: str
    decided: int | None
    appealed: int | None
    upheld: int | None


class Findings(Closed):
    """Everything that an analysis found.

    `comparisons` were made, those of `findings` and `conditionals`, in one of `looks` runs, so that each was made at
    `confidence` for the whole report to keep its own. `where` comparisons more, within strata and among those who are
    known, share the same confidence among their own, and so do outcomes and concentrations, which describe. `alert` is
    what `verdict.conclude` makes of all of it; in v1 it looked at `findings` only.
    """

    format: Literal["lsi-match/monitor-findings/v1", "lsi-match/monitor-findings/v2"] = (
        "lsi-match/monitor-findings/v2"
    )
    counts: str
    comparisons: int
    confidence: Rounded
    tolerance: Rounded
    findings: tuple[Finding, ...]
    conditionals: tuple[Conditional, ...]
    attributions: tuple[Attribution, ...]
    outcomes: tuple[Outcome, ...]
    #: Where a sample was drawn.
    hit_rates: tuple[HitRate, ...] = Field(default=(), exclude_if=lambda rates: not rates)
    concentrations: tuple[Concentration, ...]
    appeals: tuple[Appeal, ...]
    alert: bool
    where: int = 0
    known_only: tuple[KnownOnly, ...] = ()
    missing: tuple[Missing, ...] = ()
    #: The dimensions that a statistics office did not count by yet.
    awaited: tuple[str, ...] = Field(default=(), exclude_if=lambda awaited: not awaited)

    def of(self, verdict: Verdict) -> tuple[Finding, ...]:
        """The findings with this verdict, the largest ratios first."""
        found = [finding for finding in self.findings if finding.verdict is verdict]
        return tuple(sorted(found, key=lambda finding: -(finding.ratio.value or 0)))
