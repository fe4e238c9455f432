"""Names and numbers of a report, in the language of the reader."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from markupsafe import Markup

from lsi_match.base.catalogue import in_english, with_separators, word
from lsi_match.base.errors import Language
from lsi_match.monitor.findings import Ratio, Verdict
from lsi_match.monitor.groups import ALL_OTHERS, TIMES, UNKNOWN
from lsi_match.monitor.table import SEPARATOR, CountsTable, Stage
from lsi_match.monitor.verdict import Kind, Row
from lsi_match.reports.document import Writer
from lsi_match.reports.renderer import as_markdown

_MOST_NAMED = 6


class Words:
    """How groups, stages, counts, ratios and verdicts of one table are written."""

    def __init__(self, table: CountsTable, lang: Language) -> None:
        self.table = table
        self.lang = lang
        self.writer = Writer("monitor", lang)
        self.text, self.t = self.writer.text, self.writer.t
        self._dimensions = {dimension.id: dimension for dimension in table.dimensions}

    def number(self, value: float | None) -> str:
        """A ratio, with two decimals below ten; a dash where there is none."""
        if value is None:
            return "–"
        return with_separators(f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}", self.lang)

    def count(self, value: int | None) -> str:
        """A count, or that it is withheld."""
        return self.text("withheld") if value is None else with_separators(f"{value:,}", self.lang)

    def percent(self, part: int | None, total: int | None) -> str:
        """A part of a total as a percentage; a dash where either is not told."""
        if part is None or not total:
            return "–"
        return with_separators(f"{100 * part / total:.1f}%", self.lang)

    def interval(self, ratio: Ratio | None) -> str:
        """From where to where; an upper end that is not there is left open."""
        if ratio is None or (ratio.low is None and ratio.high is None):
            return "–"
        if ratio.high is None:
            return self.text("or_more", low=self.number(ratio.low))
        return f"{self.number(ratio.low)} – {self.number(ratio.high)}"

    def shares(self, share: Ratio) -> str:
        """A share with its interval, as percentages."""
        ends = (share.value, share.low, share.high)
        told, low, high = (
            "–" if end is None else with_separators(f"{100 * end:.1f}%", self.lang) for end in ends
        )
        return f"{told} ({low} – {high})"

    def surely(self, ratio: Ratio) -> str:
        """An interval with two ends, in a sentence."""
        return self.text("surely", low=self.number(ratio.low), high=self.number(ratio.high))

    @property
    def chance(self) -> str:
        """How often an alert may be a false one."""
        return with_separators(f"{100 - 100 * self.table.confidence:.3g}%", self.lang)

    def dimension(self, dimension: str) -> str:
        """One dimension, or two crossed, by label."""
        return TIMES.join(self._dimensions[one].label for one in dimension.split(TIMES))

    def group(self, dimension: str, group: str) -> str:
        """A group, or two that cross, by label."""
        pairs = zip(dimension.split(TIMES), group.split(SEPARATOR), strict=True)
        one, *more = (self._group(*pair) for pair in pairs)
        return self.text("crossed", one=one, other=more[0]) if more else one

    def _group(self, dimension: str, group: str) -> str:
        if group == UNKNOWN:
            return self.text("unknown_group", name=self._dimensions[dimension].label.lower())
        return self._dimensions[dimension].groups[group]

    def others(self, dimension: str, others: str) -> str:
        """Whom a group is compared with."""
        return self.text("others") if others == ALL_OTHERS else self.group(dimension, others)

    def named(self, rows: Iterable[Row], where: Callable[[Row], str] = lambda row: "") -> Markup:
        """The groups that rows are about, each once, with whom they are compared."""
        first: dict[tuple[str, str, str], Row] = {}
        for row in rows:
            first.setdefault((row.dimension, row.group, row.others), row)
        names = [as_markdown(self.group(row.dimension, row.group)) + where(row) for row in first.values()]
        if len(names) > _MOST_NAMED:
            names[_MOST_NAMED:] = [self.t("more_groups", number=len(names) - _MOST_NAMED)]
        beside = " / ".join(sorted({self.others(row.dimension, row.others) for row in first.values()}))
        return self.t("compared", who=Markup(self.writer.listed(names, "and")), others=beside)  # noqa: S704

    def stage(self, stage: Stage) -> str:
        """A stage by its label. Labels of a round are Dutch; those that no manifest wrote are put in English too."""
        if self.lang == "nl":
            return stage.label
        head, colon, tail = stage.label.rpartition(": ")
        return f"{head}{colon}{in_english('stage', tail)}"

    def within_selection(self, stage: Stage) -> str:
        """A stage by what sets it apart from the others of its selection."""
        if stage.partner is None or stage.selection is None:
            return self.stage(stage)
        name = None if stage.kind == "reference" else stage.criterion
        kinds = {"reference": "whole_register", "case": "cases"}
        return name or word("stage", kinds.get(stage.kind, "with_signal"), self.lang)

    def register(self, stage: Stage) -> str:
        """The register of the selection of a stage, by the label of its first stage."""
        own = (stage.partner, stage.selection)
        return self.stage(next(one for one in self.table.stages if (one.partner, one.selection) == own))

    def way(self, stage: str, against: str, whole: bool = False) -> Markup:
        """From where to where; within one selection that is named once, unless each is named as a whole."""
        here, there = self.table.stage(stage), self.table.stage(against)
        same = here.partner is not None and (here.partner, here.selection) == (there.partner, there.selection)
        same = same and not whole
        name = self.within_selection if same else self.stage
        way = self.t("way", here=name(here), there=name(there))
        return self.t("way_at", selection=self.register(here), way=way) if same else way

    def within(self, row: Row) -> Markup:
        """Among whom, where that is not everybody."""
        match row.kind:
            case Kind.STRATUM:
                return self.t("within_stratum", level=self.group(row.given, row.level))
            case Kind.HELD_EQUAL:
                return self.t("within_held_equal", given=self.dimension(row.given).lower())
            case Kind.KNOWN_ONLY:
                return self.t("within_known_only", given=row.given)
            case _:
                return Markup()

    def verdict(self, verdict: Verdict) -> str:
        """A verdict, in two words."""
        return self.text(f"verdict_{verdict}")
