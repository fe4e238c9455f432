"""The report of an analysis, in plain Dutch or English: one page that says what stands out, then every stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from lsi_match.errors import Language
from lsi_match.monitor.analyse import ALL_OTHERS, TIMES
from lsi_match.monitor.blocks import Block, Figure, Heading, Items, Paragraph, Table, as_html, as_markdown
from lsi_match.monitor.figure import Dot, dots
from lsi_match.monitor.findings import Attribution, Conditional, Finding, Findings, Outcome, Ratio, Verdict
from lsi_match.monitor.table import SEPARATOR, CountsTable

_MOST_ON_FIRST_PAGE = 6
_MOST_STAGES_NAMED = 8


def html(table: CountsTable, findings: Findings, lang: Language) -> str:
    """The report as one HTML page."""
    report = _Report(table, findings, lang)
    return as_html(table.title, lang, list(report.first_page()), list(report.stages()))


def markdown(table: CountsTable, findings: Findings, lang: Language) -> str:
    """The report as Markdown."""
    report = _Report(table, findings, lang)
    return as_markdown([*report.first_page(), *report.stages()])


def summary(table: CountsTable, findings: Findings, lang: Language) -> str:
    """The first page only, as Markdown."""
    return as_markdown(list(_Report(table, findings, lang).first_page()))


class _Report:
    def __init__(self, table: CountsTable, findings: Findings, lang: Language) -> None:
        self.table = table
        self.findings = findings
        self.lang = lang
        self._stages = {stage.id: stage for stage in table.stages}

    def say(self, nl: str, en: str) -> str:
        return nl if self.lang == "nl" else en

    # words for names and numbers

    def number(self, value: float | None) -> str:
        if value is None:
            return "–"
        text = f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
        return text.replace(".", ",") if self.lang == "nl" else text

    def count(self, value: int | None) -> str:
        if value is None:
            return self.say("niet getoond", "withheld")
        text = f"{value:,}"
        return text.replace(",", ".") if self.lang == "nl" else text

    def interval(self, ratio: Ratio) -> str:
        if ratio.low is None and ratio.high is None:
            return "–"
        high = self.say("onbekend", "unknown") if ratio.high is None else self.number(ratio.high)
        return self.say(f"van {self.number(ratio.low)} tot {high}", f"{self.number(ratio.low)} to {high}")

    def group(self, dimension: str, group: str) -> str:
        names = []
        for one, its in zip(dimension.split(TIMES), group.split(SEPARATOR), strict=True):
            found = next(d for d in self.table.dimensions if d.id == one)
            names.append(found.groups[its])
        return self.say(" én ", " and ").join(names)

    def others(self, dimension: str, others: str) -> str:
        return self.say("de anderen", "the others") if others == ALL_OTHERS else self.group(dimension, others)

    def stage(self, name: str) -> str:
        return self._stages[name].label

    def verdict(self, verdict: Verdict) -> str:
        return {
            Verdict.OVER: self.say("vaker", "more often"),
            Verdict.UNDER: self.say("minder vaak", "less often"),
            Verdict.WITHIN: self.say("binnen de grens", "within the tolerance"),
            Verdict.TOO_LITTLE: self.say("te weinig gegevens", "too little data"),
        }[verdict]

    # the first page

    def first_page(self) -> Iterator[Block]:
        say = self.say
        yield Heading(1, self.table.title)
        over, under = self.findings.of(Verdict.OVER), self.findings.of(Verdict.UNDER)
        if self.findings.alert:
            yield Paragraph(say("Waarschuwing: minstens één groep komt vaker door dan is afgesproken.",
                                "Alert: at least one group gets through more often than was agreed."), strong=True)  # fmt: skip
        elif self.findings.of(Verdict.TOO_LITTLE):
            yield Paragraph(say("Er is geen waarschuwing. Voor een deel zijn er te weinig gegevens om iets te zeggen.",
                                "There is no alert. For some of it there is too little data to say anything."), strong=True)  # fmt: skip
        else:
            yield Paragraph(say("Er is geen waarschuwing: alle verschillen liggen binnen de afgesproken grens.",
                                "There is no alert: all differences lie within the agreed tolerance."), strong=True)  # fmt: skip
        yield Heading(2, say("Waar is naar gekeken", "What was looked at"))
        yield Paragraph(self._looked_at())
        yield Heading(2, say("Wat valt op", "What stands out"))
        yield Items(tuple(self._noticed(finding) for finding in _last_of_each(over)[:_MOST_ON_FIRST_PAGE])
                    or (say("Geen groep komt aantoonbaar vaker door dan is afgesproken.",
                            "No group is shown to get through more often than was agreed."),))  # fmt: skip
        if under:
            yield Items(
                tuple(self._noticed(finding) for finding in _last_of_each(under)[:_MOST_ON_FIRST_PAGE])
            )
        yield from self._carried()
        yield Heading(2, say("Hoe zeker is dat", "How sure is this"))
        yield Items(tuple(self._sure()))
        yield Heading(2, say("Wat nu te doen", "What to do now"))
        yield Items(tuple(self._to_do()))

    def _looked_at(self) -> str:
        protected = ", ".join(d.label for d in self.table.dimensions if d.role == "protected")
        look, of = self.table.look, self.table.looks
        looks = self.say(f" Dit is ronde {look} van {of}.", f" This is run {look} of {of}.")
        tolerance = self.number(self.table.tolerance)
        return self.say(
            f"Per groep ({protected}) is geteld hoeveel mensen er waren bij: {self._counted_at()}. Steeds is vergeleken of een "
            f"groep een grotere kans had om door te gaan dan een andere. Een verschil tot {tolerance} keer is afgesproken als grens.",
            f"Per group ({protected}) people were counted at: {self._counted_at()}. Each time, the chance of a group to get "
            f"through was compared with that of another. A difference up to {tolerance} times is the agreed tolerance.",
        ) + (looks if of > 1 else "")

    def _counted_at(self) -> str:
        """The stages by name where there are few; where there are many, per partner how many."""
        if len(self.table.stages) <= _MOST_STAGES_NAMED:
            return ", ".join(stage.label for stage in self.table.stages)
        per = Counter(stage.partner for stage in self.table.stages if stage.partner)
        steps = self.say("stappen", "steps")
        named = [f"{partner} ({number} {steps})" for partner, number in per.items()]
        return ", ".join([*named, *(stage.label for stage in self.table.stages if not stage.partner)])

    def _noticed(self, finding: Finding) -> str:
        who, others = (
            self.group(finding.dimension, finding.group),
            self.others(finding.dimension, finding.others),
        )
        here, there = self.stage(finding.stage), self.stage(finding.against)
        ratio, interval = self.number(finding.ratio.value), self.interval(finding.ratio)
        return self.say(
            f"{who}: de kans om van “{there}” naar “{here}” te komen is {ratio} keer die van {others} ({interval}).",
            f"{who}: the chance to get from “{there}” to “{here}” is {ratio} times that of {others} ({interval}).",
        )

    def _carried(self) -> Iterator[Block]:
        """The criterion that weighs most, of every selection in which a group stands out."""
        alarming = {
            (self._stages[f.stage].partner, self._stages[f.stage].selection, f.dimension, f.group)
            for f in self.findings.of(Verdict.OVER)
        }
        found = [
            one
            for one in self.findings.attributions
            if (one.partner, one.selection, one.dimension, one.group) in alarming and (one.ratio or 0) > 1
        ]
        found.sort(key=lambda one: -(one.ratio or 0))
        if found:
            yield Heading(2, self.say("Welk criterium doet dat", "Which criterion does it"))
            yield Items(tuple(self._attributed(one) for one in found[:_MOST_ON_FIRST_PAGE]))

    def _attributed(self, one: Attribution) -> str:
        first = max(one.shares, key=lambda share: share.shapley or 0)
        who = self.group(one.dimension, one.group)
        sure = "" if one.sure else self.say(
            " Aantallen die niet getoond worden kunnen dit anders maken.", " Withheld counts could make this otherwise."
        )  # fmt: skip
        return self.say(
            f"{one.partner}, {one.selection}: bij {who} weegt het criterium “{first.criterion}” het zwaarst. Het maakt de "
            f"verhouding {self.number(first.shapley)} keer zo groot; zonder dit criterium zou zij "
            f"{self.number((one.ratio or 0) / (first.left_out or 1))} zijn in plaats van {self.number(one.ratio)}.{sure}",
            f"{one.partner}, {one.selection}: for {who} the criterion “{first.criterion}” weighs most. It makes the ratio "
            f"{self.number(first.shapley)} times as large; without this criterion it would be "
            f"{self.number((one.ratio or 0) / (first.left_out or 1))} instead of {self.number(one.ratio)}.{sure}",
        )

    def _sure(self) -> Iterator[str]:
        chance = f"{100 - 100 * self.table.confidence:.3g}%"
        chance = chance.replace(".", ",") if self.lang == "nl" else chance
        yield self.say(
            f"Er zijn {self.findings.comparisons} vergelijkingen gemaakt. De grenzen zijn zo ruim genomen dat de kans op ook "
            f"maar één onterechte waarschuwing, over alle vergelijkingen en rondes samen, kleiner is dan {chance}.",
            f"{self.findings.comparisons} comparisons were made. The intervals are so wide that the chance of even one "
            f"false alert, over all comparisons and runs together, is smaller than {chance}.",
        )
        little = self.findings.of(Verdict.TOO_LITTLE)
        if little:
            yield self.say(
                f"Te weinig gegevens: {len(little)} keer. Een te groot verschil is daar niet aangetoond, maar ook niet uitgesloten.",
                f"Too little data: {len(little)} times. Too large a difference is not shown there, but not ruled out either.",
            )
        if any(count is None for stage in self.table.stages for count in stage.counts.values()):
            yield self.say(
                f"Kleine aantallen (onder {self.table.smallest_cell}) worden niet getoond en nooit als nul gelezen.",
                f"Small counts (under {self.table.smallest_cell}) are withheld and never read as zero.",
            )

    def _to_do(self) -> Iterator[str]:
        if self.findings.alert:
            yield self.say(
                "Bespreek met de FG of het criterium nodig is voor het doel, en of het met minder kan.",
                "Discuss with the DPO whether the criterion is needed for the purpose, and whether less would do.",
            )
            yield self.say(
                "Is er een goede reden? Dan leggen alle verantwoordelijken die schriftelijk vast. Zo niet, dan verandert het criterium.",
                "Is there a good reason? Then all controllers put it in writing. If not, the criterion changes.",
            )
        else:
            yield self.say(
                "Er is niets te verantwoorden. Kijk wel naar de groepen met te weinig gegevens: tel langer, of neem minder en grotere groepen.",
                "There is nothing to justify. Do look at groups with too little data: count longer, or take fewer and larger groups.",
            )

    # stage by stage

    def stages(self) -> Iterator[Block]:
        for stage, its in groupby(self.findings.findings, key=lambda f: f.stage):
            yield Heading(2, self.stage(stage))
            for _, found in groupby(its, key=lambda f: (f.against, f.dimension)):
                yield from self._stage(list(found))
        yield from self._conditionals()
        yield from self._attributions()
        yield from self._outcomes()
        if self.table.source:
            yield Paragraph(self.say(f"Bron: {self.table.source}", f"Source: {self.table.source}"))

    def _stage(self, found: list[Finding]) -> Iterator[Block]:
        one = found[0]
        title = self.say(
            f"{self._dimension(one.dimension)}, vergeleken met “{self.stage(one.against)}”",
            f"{self._dimension(one.dimension)}, beside “{self.stage(one.against)}”",
        )
        rows = [
            Dot(self.group(f.dimension, f.group), f.ratio, f.verdict, f"{self.number(f.ratio.value)} · {self.verdict(f.verdict)}")
            for f in found
        ]  # fmt: skip
        others = self.others(one.dimension, one.others)
        axis = self.say(f"keer de kans van {others}", f"times the chance of {others}")
        words = "; ".join(f"{row.label}: {row.words}" for row in rows)
        yield Heading(3, title)
        yield Figure(dots(rows, self.table.tolerance, title, axis), words)
        yield Table(
            self.say("Aantallen en verhoudingen", "Counts and ratios"),
            (
                self.say("groep", "group"), self.say("hier", "here"), self.say("van", "of"), self.say("daar", "there"),
                self.say("van", "of"), self.say("aandeel × ", "share ×"), self.say("kans ×", "chance ×"),
                self.say("onzekerheid", "interval"), self.say("oordeel", "verdict"),
            ),
            tuple(
                (
                    self.group(f.dimension, f.group), self.count(f.count), self.count(f.total),
                    self.count(f.reference_count), self.count(f.reference_total), self.number(f.representation.value),
                    self.number(f.ratio.value), self.interval(f.ratio), self.verdict(f.verdict),
                )
                for f in found
            ),
        )  # fmt: skip

    def _dimension(self, dimension: str) -> str:
        labels = {d.id: d.label for d in self.table.dimensions}
        return TIMES.join(labels[one] for one in dimension.split(TIMES))

    def _conditionals(self) -> Iterator[Block]:
        if not self.findings.conditionals:
            return
        yield Heading(2, self.say("Blijft het verschil als we een toegestaan kenmerk gelijk houden?",
                                  "Does the difference remain with a legitimate characteristic held equal?"))  # fmt: skip
        yield Table(
            self.say("Verhouding zonder en met dat kenmerk gelijk", "Ratio without and with it held equal"),
            (
                self.say("groep", "group"), self.say("stap", "stage"), self.say("gelijk gehouden", "held equal"),
                self.say("zonder", "without"), self.say("met", "with"), self.say("onzekerheid", "interval"),
                self.say("oordeel", "verdict"),
            ),
            tuple(map(self._conditional, self.findings.conditionals)),
        )  # fmt: skip

    def _conditional(self, one: Conditional) -> tuple[str, ...]:
        return (
            self.group(one.dimension, one.group), self.stage(one.stage), self._dimension(one.given),
            self.number(one.crude), self.number(one.ratio.value), self.interval(one.ratio), self.verdict(one.verdict),
        )  # fmt: skip

    def _attributions(self) -> Iterator[Block]:
        for one in self.findings.attributions:
            if len(one.shares) < 2:
                continue
            who = self.group(one.dimension, one.group)
            yield Table(
                f"{one.partner}, {one.selection}: {who}",
                (
                    self.say("criterium", "criterion"), self.say("in volgorde ×", "in order ×"),
                    self.say("zonder ÷", "left out ÷"), self.say("gemiddeld ×", "on average ×"),
                ),
                tuple(
                    (share.criterion, *(self.number(x) for x in (share.in_order, share.left_out, share.shapley)))
                    for share in one.shares
                ),
            )  # fmt: skip

    def _outcomes(self) -> Iterator[Block]:
        if not self.findings.outcomes:
            return
        say = self.say
        yield Heading(
            2, say("Uitkomsten: hoe vaak was een casus terecht?", "Outcomes: how often was a case grounded?")
        )
        yield Table(
            say("Aandeel terechte casussen", "Share of grounded cases"),
            (say("groep", "group"), say("terecht", "grounded"), say("van", "of"), say("verhouding", "ratio"), say("onzekerheid", "interval")),
            tuple(map(self._outcome, self.findings.outcomes)),
        )  # fmt: skip
        lower = [
            self.group(o.dimension, o.group) for o in self.findings.outcomes if o.lower and o.selected_more
        ]
        if lower:
            names = ", ".join(lower)
            yield Paragraph(say(
                f"Let op: {names} wordt vaker geselecteerd, terwijl er minder vaak iets blijkt te zijn. Dat past bij een te lage drempel.",
                f"Note: {names} is selected more often, and turns out grounded less often. That fits too low a threshold.",
            ), strong=True)  # fmt: skip
        yield Paragraph(say(
            "Een hoger aandeel “terecht” in een groep spreekt de selectie niet vrij. Het aandeel is een gemiddelde over "
            "iedereen die is gekozen. Het zegt niets over de mensen die nét wel of nét niet zijn gekozen, en niets over wie nooit is bekeken. "
            "En wie vaker wordt gecontroleerd, wordt ook vaker gevonden.",
            "A higher share of “grounded” in a group does not absolve the selection. The share is a mean over everyone who was chosen. It says "
            "nothing of people who were only just chosen or only just not, and nothing of whoever was never looked at. And whoever is checked "
            "more often is also found more often.",
        ))  # fmt: skip

    def _outcome(self, one: Outcome) -> tuple[str, ...]:
        return (
            self.group(one.dimension, one.group), self.count(one.grounded), self.count(one.judged),
            self.number(one.ratio.value), self.interval(one.ratio),
        )  # fmt: skip


def _last_of_each(found: tuple[Finding, ...]) -> list[Finding]:
    """Per group and stage the comparison with the latest stage before it; larger ratios first."""
    seen: dict[tuple[str, str, str], Finding] = {}
    for finding in found:
        seen[(finding.dimension, finding.group, finding.stage)] = finding
    return sorted(seen.values(), key=lambda finding: -(finding.ratio.value or 0))
