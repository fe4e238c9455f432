"""Names and numbers of a report, in the language of the reader."""

from __future__ import annotations

from lsi_match.base.catalogue import translator, with_separators
from lsi_match.base.errors import Language
from lsi_match.monitor.findings import Ratio, Verdict
from lsi_match.monitor.groups import ALL_OTHERS, TIMES, UNKNOWN
from lsi_match.monitor.table import (
    ALL_DELIVERED,
    ARE_CASES,
    KNOWN_TO_MORE,
    SEPARATOR,
    WHOLE_REGISTER,
    WITH_SIGNAL,
    CountsTable,
    Stage,
)

#: What a table of a round says in Dutch → the same in English.
_ENGLISH = dict((WHOLE_REGISTER, WITH_SIGNAL, ALL_DELIVERED, KNOWN_TO_MORE, ARE_CASES))


class Words:
    """How groups, stages, counts, ratios and verdicts of one table are written."""

    def __init__(self, table: CountsTable, lang: Language) -> None:
        self.table = table
        self.lang = lang
        self.say = translator(lang)
        self._dimensions = {dimension.id: dimension for dimension in table.dimensions}

    def number(self, value: float | None) -> str:
        """A ratio, with two decimals below ten; a dash where there is none."""
        if value is None:
            return "–"
        return with_separators(f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}", self.lang)

    def count(self, value: int | None) -> str:
        """A count, or that it is withheld."""
        if value is None:
            return self.say("niet getoond", "withheld")
        return with_separators(f"{value:,}", self.lang)

    def percent(self, part: int | None, total: int | None) -> str:
        """A part of a total as a percentage; a dash where either is not told."""
        if part is None or not total:
            return "–"
        return with_separators(f"{100 * part / total:.1f}%", self.lang)

    def interval(self, ratio: Ratio) -> str:
        """From where to where; an upper end that is not there is left open."""
        if ratio.low is None and ratio.high is None:
            return "–"
        if ratio.high is None:
            return self.say(f"{self.number(ratio.low)} of meer", f"{self.number(ratio.low)} or more")
        return f"{self.number(ratio.low)} – {self.number(ratio.high)}"

    def surely(self, ratio: Ratio) -> str:
        """An interval with two ends, in a sentence."""
        low, high = self.number(ratio.low), self.number(ratio.high)
        return self.say(f"vrijwel zeker tussen {low} en {high}", f"almost surely between {low} and {high}")

    def dimension(self, dimension: str) -> str:
        """One dimension, or two crossed, by label."""
        return TIMES.join(self._dimensions[one].label for one in dimension.split(TIMES))

    def group(self, dimension: str, group: str) -> str:
        """A group, or two that cross, by label."""
        pairs = zip(dimension.split(TIMES), group.split(SEPARATOR), strict=True)
        return self.say(" én ", " and ").join(self._group(one, its) for one, its in pairs)

    def _group(self, dimension: str, group: str) -> str:
        if group == UNKNOWN:
            name = self._dimensions[dimension].label.lower()
            return self.say(f"mensen van wie {name} onbekend is", f"people of whom {name} is unknown")
        return self._dimensions[dimension].groups[group]

    def others(self, dimension: str, others: str) -> str:
        """Whom a group is compared with."""
        return self.say("de anderen", "the others") if others == ALL_OTHERS else self.group(dimension, others)

    def stage(self, stage: Stage) -> str:
        """A stage by its label. Labels of a round are Dutch; those that no manifest wrote are put in English too."""
        if self.lang == "nl":
            return stage.label
        head, colon, tail = stage.label.rpartition(": ")
        return f"{head}{colon}{_ENGLISH.get(tail, tail)}"

    def within_selection(self, stage: Stage) -> str:
        """A stage by what sets it apart from the others of its selection."""
        if stage.partner is None or stage.selection is None:
            return self.stage(stage)
        if stage.kind == "reference":
            return self.say(*WHOLE_REGISTER)
        return stage.criterion or self.say(*WITH_SIGNAL)

    def verdict(self, verdict: Verdict) -> str:
        """A verdict, in two words."""
        return {
            Verdict.OVER: self.say("vaker", "more often"),
            Verdict.UNDER: self.say("minder vaak", "less often"),
            Verdict.MORE: self.say("vaker, hoeveel is onzeker", "more often, size unsure"),
            Verdict.LESS: self.say("minder vaak, hoeveel is onzeker", "less often, size unsure"),
            Verdict.IMPOSSIBLE: self.say("kan niet", "cannot be"),
            Verdict.WITHIN: self.say("binnen de grens", "within the tolerance"),
            Verdict.TOO_LITTLE: self.say("te weinig gegevens", "too little data"),
        }[verdict]
