"""The pages of a report after the first: every stage with its figure and table, then what lies behind them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from lsi_match.monitor.findings import Appeal, Concentration, Conditional, Finding, Findings, Outcome
from lsi_match.reports.document_model import Block, Figure, Heading, Items, Paragraph, Table
from lsi_match.reports.monitor_figure import Dot, dots
from lsi_match.reports.monitor_words import Words


class Stages:
    """Everything that was found, for a reader who wants to check it."""

    def __init__(self, words: Words, findings: Findings) -> None:
        self.words, self.table, self.findings = words, words.table, findings
        self.say = words.say

    def blocks(self) -> Iterator[Block]:
        """The pages, in the order of the process."""
        yield from self._how_to_read()
        found = [(self.table.stage(f.stage), f) for f in self.findings.findings]
        for (partner, selection), its in groupby(found, key=lambda one: (one[0].partner, one[0].selection)):
            yield Heading(2, self._title(partner, selection))
            for stage, same in groupby((finding for _, finding in its), key=lambda f: f.stage):
                yield Heading(3, self.words.within_selection(self.table.stage(stage)))
                for dimension, alike in groupby(same, key=lambda f: f.dimension):
                    yield from self._stage(dimension, list(alike))
        yield from self._conditionals()
        yield from self._attributions()
        yield from self._concentrations()
        yield from self._outcomes()
        yield from self._appeals()
        if self.table.source:
            yield Paragraph(self.say(f"Bron: {self.table.source}", f"Source: {self.table.source}"))

    def _how_to_read(self) -> Iterator[Block]:
        say = self.say
        yield Heading(2, say("Zo leest u de figuren en tabellen", "How to read the figures and tables"))
        yield Items((
            say("In een figuur is elke rij een groep. Het teken staat bij de gemeten kans, vergeleken met die van de anderen. De streep "
                "laat zien hoe onzeker dat is. De grijze band is de afgesproken grens.",
                "In a figure every row is a group. The sign stands at the measured chance, beside that of the others. The line shows how "
                "unsure that is. The grey band is the agreed tolerance."),
            say("Een driehoek: vaker of minder vaak dan de grens. Een dichte stip: binnen de grens. Een open rondje: te weinig gegevens.",
                "A triangle: more or less often than the tolerance. A full dot: within the tolerance. An open circle: too little data."),
            say("In een tabel is “aandeel ×” het aandeel van de groep hier, gedeeld door het aandeel daar. “Kans ×” is de kans van de "
                "groep om van daar naar hier te komen, gedeeld door die van de anderen. Het oordeel kijkt naar de kans.",
                "In a table “share ×” is the share of the group here over its share there. “Chance ×” is the chance of the group to get "
                "from there to here over that of the others. The verdict looks at the chance."),
        ))  # fmt: skip

    def _title(self, partner: str | None, selection: str | None) -> str:
        if partner is None:
            some = any(stage.partner for stage in self.table.stages)
            return (
                self.say("Alle deelnemers samen", "All partners together")
                if some
                else self.say("Stap voor stap", "Step by step")
            )
        registers = (s for s in self.table.stages if (s.partner, s.selection) == (partner, selection))
        return self.words.stage(next(registers))

    def _stage(self, dimension: str, found: list[Finding]) -> Iterator[Block]:
        words, say = self.words, self.say
        name = words.dimension(dimension)
        parts: list[tuple[str, list[Dot]]] = []
        lines: list[tuple[str, ...]] = []
        for against, its in groupby(found, key=lambda f: f.against):
            beside = words.within_selection(self.table.stage(against))
            heading, same = say(f"vergeleken met “{beside}”", f"beside “{beside}”"), list(its)
            parts.append((heading, [self._dot(words.group(dimension, f.group), f) for f in same]))
            lines += [(heading,), *map(self._row, same)]
        axis = say(
            f"keer de kans van {words.others(dimension, found[0].others)}",
            f"times the chance of {words.others(dimension, found[0].others)}",
        )
        yield Figure(name, dots(parts, self.table.tolerance, name, axis))
        yield Table(
            name,
            (
                say("groep", "group"), say("hier", "here"), "%", say("daar", "there"), "%",
                say("aandeel ×", "share ×"), say("kans ×", "chance ×"), say("onzekerheid", "interval"), say("oordeel", "verdict"),
            ),
            tuple(lines),
        )  # fmt: skip

    def _dot(self, label: str, one: Finding | Concentration) -> Dot:
        told = f"{self.words.number(one.ratio.value)} · {self.words.verdict(one.verdict)}"
        return Dot(label, one.ratio, one.verdict, told)

    def _row(self, f: Finding) -> tuple[str, ...]:
        words = self.words
        return (
            words.group(f.dimension, f.group), words.count(f.count), words.percent(f.count, f.total),
            words.count(f.reference_count), words.percent(f.reference_count, f.reference_total),
            words.number(f.representation.value), words.number(f.ratio.value), words.interval(f.ratio), words.verdict(f.verdict),
        )  # fmt: skip

    def _conditionals(self) -> Iterator[Block]:
        if not self.findings.conditionals:
            return
        say, stage = self.say, self.table.stage
        lines: list[tuple[str, ...]] = []
        for (here, there), its in groupby(
            self.findings.conditionals, key=lambda one: (one.stage, one.against)
        ):
            here, there = self.words.stage(stage(here)), self.words.stage(stage(there))
            lines += [
                (say(f"van “{there}” naar “{here}”", f"from “{there}” to “{here}”"),),
                *map(self._conditional, its),
            ]
        yield Heading(2, say("Blijft het verschil als we een toegestaan kenmerk gelijk houden?",
                             "Does the difference remain with a legitimate characteristic held equal?"))  # fmt: skip
        yield Table(
            say("Kans × zonder en met dat kenmerk gelijk", "Chance × without and with it held equal"),
            (
                say("groep", "group"), say("gelijk gehouden", "held equal"), say("zonder", "without"), say("met", "with"),
                say("onzekerheid", "interval"), say("oordeel", "verdict"),
            ),
            tuple(lines),
            texts=2,
        )  # fmt: skip
        if any(one.decides for one in self.findings.conditionals):
            yield Paragraph(say(
                "“Bepaalt de stap zelf”: wie wel en niet doorgaat, volgt helemaal uit dit kenmerk. Gelijk houden vergelijkt "
                "dan niets. Het verklaart het verschil niet weg.",
                "“Decides the step”: who gets through follows from this characteristic alone. Holding it equal then compares "
                "nothing. It does not explain the difference away.",
            ))  # fmt: skip

    def _conditional(self, one: Conditional) -> tuple[str, ...]:
        words = self.words
        verdict = (
            self.say("bepaalt de stap zelf", "decides the step")
            if one.decides
            else words.verdict(one.verdict)
        )
        return (
            words.group(one.dimension, one.group), words.dimension(one.given),
            words.number(one.crude), words.number(one.ratio.value), words.interval(one.ratio), verdict,
        )  # fmt: skip

    def _attributions(self) -> Iterator[Block]:
        say, number = self.say, self.words.number
        found = [one for one in self.findings.attributions if len(one.shares) > 1]
        if not found:
            return
        yield Heading(2, say("Welk criterium weegt hoe zwaar?", "How much does each criterion weigh?"))
        yield Paragraph(say(
            "Elk getal zegt hoeveel keer zo groot een criterium het verschil maakt; 1 is geen verschil. “In volgorde”: na de criteria "
            "ervoor. “Weggelaten”: zoveel keer zo klein is het verschil zonder dit criterium. “Gemiddeld”: over alle volgordes.",
            "Each number says how many times as large a criterion makes the difference; 1 is none. “In order”: after the criteria before "
            "it. “Left out”: so many times smaller is the difference without it. “On average”: over all orders.",
        ))  # fmt: skip
        for one in found:
            yield Table(
                f"{one.partner}, {one.selection}: {self.words.group(one.dimension, one.group)}",
                (say("criterium", "criterion"), say("in volgorde ×", "in order ×"), say("weggelaten ÷", "left out ÷"),
                say("gemiddeld ×", "on average ×"), say("onzekerheid", "interval")),
                tuple(
                    (s.criterion, *map(number, (s.in_order, s.left_out, s.shapley)),
                     "–" if s.interval is None else self.words.interval(s.interval))
                    for s in one.shares
                ),
            )  # fmt: skip

    def _concentrations(self) -> Iterator[Block]:
        found = sorted(
            self.findings.concentrations, key=lambda one: (one.dimension, one.group, one.criterion)
        )
        if not found:
            return
        say, words = self.say, self.words
        yield Heading(
            2, say("Bij welke waarden zit een groep vaker?", "At which values is a group found more often?")
        )
        yield Paragraph(say(
            "Een criterium dat naar deze waarden kijkt, treft de groep vaker, ook als het haar niet noemt.",
            "A criterion that looks at these values hits the group more often, also when it does not name it.",
        ))  # fmt: skip
        for (dimension, group), its in groupby(found, key=lambda one: (one.dimension, one.group)):
            same = list(its)
            who, others = words.group(dimension, group), words.others(dimension, same[0].others)
            parts: list[tuple[str, list[Dot]]] = []
            lines: list[tuple[str, ...]] = []
            for criterion, rows in groupby(same, key=lambda one: one.criterion):
                alike = list(rows)
                parts.append((criterion, [self._dot(one.value, one) for one in alike]))
                lines += [(criterion,), *map(self._concentration, alike)]
            axis = say(f"keer zo vaak als {others}", f"times as often as {others}")
            yield Heading(3, who)
            yield Figure(who, dots(parts, self.table.tolerance, who, axis))
            yield Table(
                who,
                (
                    say("waarde", "value"), say("aantal", "count"), say("% van de groep", "% of the group"),
                    say("verhouding", "ratio"), say("onzekerheid", "interval"), say("oordeel", "verdict"),
                ),
                tuple(lines),
            )  # fmt: skip

    def _concentration(self, one: Concentration) -> tuple[str, ...]:
        words = self.words
        return (
            one.value, words.count(one.count), words.percent(one.count, one.reference_count),
            words.number(one.ratio.value), words.interval(one.ratio), words.verdict(one.verdict),
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
            (
                say("groep", "group"), say("vergeleken met", "beside"), say("terecht", "grounded"), say("van", "of"),
                "%", say("de anderen %", "the others %"),
                say("verhouding", "ratio"), say("onzekerheid", "interval"),
            ),
            tuple(map(self._outcome, self.findings.outcomes)),
            texts=2,
        )  # fmt: skip
        lower = [
            self.words.group(o.dimension, o.group)
            for o in self.findings.outcomes
            if o.lower and o.selected_more
        ]
        if lower:
            names = ", ".join(lower)
            yield Paragraph(say(
                f"Let op: {names} wordt vaker geselecteerd, en er blijkt minder vaak iets te zijn. Dat past bij een te lage drempel voor deze groep.",
                f"Note: {names} is selected more often, and turns out grounded less often. That fits too low a threshold for this group.",
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
        words = self.words
        return (
            words.group(one.dimension, one.group), words.others(one.dimension, one.others), words.count(one.grounded), words.count(one.judged),
            words.percent(one.grounded, one.judged), words.percent(one.others_grounded, one.others_judged),
            words.number(one.ratio.value), words.interval(one.ratio),
        )  # fmt: skip

    def _appeals(self) -> Iterator[Block]:
        if not self.findings.appeals:
            return
        say = self.say
        yield Heading(2, say("Bezwaar en beroep", "Objections and appeals"))
        yield Table(
            say("Wie ging in bezwaar of beroep, en met welk gevolg", "Who appealed, and how that ended"),
            (
                say("groep", "group"), say("besluiten", "decisions"), say("bezwaar of beroep", "appealed"),
                say("% van de besluiten", "% of decisions"),
                say("gelijk gekregen", "proved right"), say("% van wie bezwaar maakte", "% of those who appealed"),
            ),
            tuple(map(self._appeal, self.findings.appeals)),
        )  # fmt: skip
        yield Items((
            say("Dit zegt wél: wie bezwaar maakte, en hoe vaak dat lukte. Wie gelijk kreeg, was ten onrechte getroffen.",
                "What this tells: who appealed, and how often that succeeded. Whoever was proved right had been hit wrongly."),
            say("Dit zegt niet: of besluiten zonder bezwaar klopten. Bezwaar maken kost tijd, geld en kennis, en niet iedereen heeft die.",
                "What it does not tell: whether decisions without an appeal were right. An appeal takes time, money and "
                "knowledge, and not everybody has those."),
            say("En het zegt niets over de selectie. In bezwaar gaat het om één besluit, niet om de vraag waarom juist deze "
                "persoon werd gecontroleerd. "
                "Weinig of evenveel geslaagde bezwaren spreken de selectie dus niet vrij.",
                "And it tells nothing of the selection. An appeal is about one decision, not about why this person was checked. So few, or equally "
                "many, successful appeals do not absolve the selection."),
        ))  # fmt: skip

    def _appeal(self, one: Appeal) -> tuple[str, ...]:
        words = self.words
        return (
            words.group(one.dimension, one.group), words.count(one.decided), words.count(one.appealed),
            words.percent(one.appealed, one.decided), words.count(one.upheld), words.percent(one.upheld, one.appealed),
        )  # fmt: skip
