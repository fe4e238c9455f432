"""The first page of a report: what was looked at, what stands out, which criterion, how sure, what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby

from lsi_match.base.catalogue import with_separators
from lsi_match.monitor.findings import Attribution, Conditional, Finding, Findings, Verdict
from lsi_match.monitor.table import Stage
from lsi_match.reports.document_model import Block, Heading, Items, Paragraph
from lsi_match.reports.monitor_words import Words

_MOST = 4
_MOST_STAGES_NAMED = 8


class FirstPage:
    """What a reader has to know who reads one page."""

    def __init__(self, words: Words, findings: Findings) -> None:
        self.words, self.table, self.findings = words, words.table, findings
        self.say = words.say
        self._over = _last_of_each(self.findings.findings, Verdict.OVER)
        self._under = _last_of_each(self.findings.findings, Verdict.UNDER)
        self._too_little = len(self.findings.of(Verdict.TOO_LITTLE))

    def blocks(self) -> Iterator[Block]:
        """The page, from the title on."""
        say = self.say
        yield Heading(1, self.table.title)
        yield Paragraph(self._in_one_sentence(), strong=True)
        yield Heading(2, say("Waar is naar gekeken", "What was looked at"))
        yield Paragraph(self._looked_at())
        yield Heading(2, say("Wat valt op", "What stands out"))
        yield Items(tuple(self._noticed()))
        which = tuple(self._which_criterion())
        if which:
            yield Heading(2, say("Welk criterium doet dat", "Which criterion does it"))
            yield Items(which)
        yield Heading(2, say("Hoe zeker is dat", "How sure is this"))
        yield Items(tuple(self._sure()))
        yield Heading(2, say("Wat nu te doen", "What to do now"))
        yield Items(tuple(self._to_do()))

    def _in_one_sentence(self) -> str:
        if self.findings.alert:
            return self.say(
                "Waarschuwing: minstens één groep komt vaker door dan is afgesproken.",
                "Alert: at least one group gets through more often than was agreed.",
            )
        if self._too_little:
            return self.say(
                "Geen waarschuwing. Maar voor een deel zijn er te weinig gegevens om iets te zeggen.",
                "No alert. But for some of it there is too little data to say anything.",
            )
        return self.say(
            "Geen waarschuwing: alle verschillen liggen binnen de afgesproken grens.",
            "No alert: all differences lie within the agreed tolerance.",
        )

    def _looked_at(self) -> str:
        protected = ", ".join(d.label for d in self.table.dimensions if d.role == "protected")
        look, of = self.table.look, self.table.looks
        looks = self.say(f" Dit is ronde {look} van {of}.", f" This is run {look} of {of}.")
        tolerance = self.words.number(self.table.tolerance)
        return self.say(
            f"Per groep ({protected}) is geteld hoeveel er waren bij: {self._counted_at()}. Bij elke stap is gekeken of een "
            f"groep vaker doorkomt dan een andere. Een verschil tot {tolerance} keer is afgesproken als grens.",
            f"Per group ({protected}) was counted how many there were at: {self._counted_at()}. At each step it was asked "
            f"whether a group gets through more often than another. A difference up to {tolerance} times is the agreed tolerance.",
        ) + (looks if of > 1 else "")

    def _counted_at(self) -> str:
        """The stages by name where there are few; where there are many, per partner how many."""
        stages = [stage for stage in self.table.stages if stage.kind != "value"]
        if len(stages) <= _MOST_STAGES_NAMED:
            return ", ".join(self.words.stage(stage) for stage in stages)
        per = Counter(stage.partner for stage in stages if stage.partner)
        steps = self.say("stappen", "steps")
        named = [f"{partner} ({number} {steps})" for partner, number in per.items()]
        return ", ".join([*named, *(self.words.stage(stage) for stage in stages if not stage.partner)])

    # what stands out

    def _noticed(self) -> Iterator[str]:
        if not self._over:
            yield self.say(
                "Van geen groep is aangetoond dat zij vaker doorkomt dan is afgesproken.",
                "No group is shown to get through more often than was agreed.",
            )
        for finding in self._over[:_MOST]:
            yield self._one(finding)
        more = len(self._over) - _MOST
        if more > 0:
            yield self.say(
                f"En nog {more} keer, zie hierna bij “vaker”.",
                f"And {more} times more: see “more often” below.",
            )
        under = Counter((f.dimension, f.group) for f in self._under)
        if under:
            named = ", ".join(
                f"{self.words.group(*group)} ({times} {self._steps(times)})" for group, times in under.items()
            )
            yield self.say(f"Minder vaak dan de grens: {named}.", f"Less often than the tolerance: {named}.")

    def _steps(self, number: int) -> str:
        return self.say("stap" if number == 1 else "stappen", "step" if number == 1 else "steps")

    def _way(self, finding: Finding) -> str:
        """From where to where; within one selection that is named once."""
        here, there = self.table.stage(finding.stage), self.table.stage(finding.against)
        first = here.partner is not None and (here.partner, here.selection) == (
            there.partner,
            there.selection,
        )
        name = self.words.within_selection if first else self.words.stage
        way = self.say(f"van “{name(there)}” naar “{name(here)}”", f"from “{name(there)}” to “{name(here)}”")
        return (
            self.say(f"bij {self._selection(here)} ", f"at {self._selection(here)} ") + way if first else way
        )

    def _selection(self, stage: Stage) -> str:
        """The register of a selection, by the label of its first stage."""
        own = (
            one
            for one in self.table.stages
            if (one.partner, one.selection) == (stage.partner, stage.selection)
        )
        return self.words.stage(next(own))

    def _one(self, finding: Finding) -> str:
        words = self.words
        who, others = (
            words.group(finding.dimension, finding.group),
            words.others(finding.dimension, finding.others),
        )
        way = self._way(finding)
        ratio, surely = words.number(finding.ratio.value), words.surely(finding.ratio)
        if finding.ratio.value is None:
            least = words.number(finding.ratio.low)
            return self.say(
                f"{who} komt vrijwel zeker meer dan {least} keer zo vaak {way} als {others}. Hoeveel "
                "precies volgt niet uit de aantallen die getoond worden.",
                f"{who} gets almost surely more than {least} times as often {way} as {others}. How much "
                "exactly does not follow from the counts that are shown.",
            )
        text = self.say(
            f"{who} komt {ratio} keer zo vaak {way} als {others} ({surely}).",
            f"{who} gets {ratio} times as often {way} as {others} ({surely}).",
        )
        if None not in (finding.count, finding.total, finding.reference_count, finding.reference_total):
            before = words.percent(finding.reference_count, finding.reference_total)
            after = words.percent(finding.count, finding.total)
            text += self.say(
                f" Het aandeel gaat van {before} naar {after}.", f" The share goes from {before} to {after}."
            )
        given = [one for one in self.findings.conditionals if _same(one, finding) and not one.decides]
        return text + "".join(self._given(one) for one in given)

    def _given(self, one: Conditional) -> str:
        name, ratio, surely = (
            self.words.dimension(one.given),
            self.words.number(one.ratio.value),
            self.words.surely(one.ratio),
        )
        if one.verdict is Verdict.OVER:
            return self.say(
                f" {name} verklaart dat niet: binnen dezelfde {name.lower()} is het nog {ratio} keer ({surely}).",
                f" {name} does not explain it: with {name.lower()} held equal it is still {ratio} times ({surely}).",
            )
        if one.verdict is Verdict.WITHIN:
            return self.say(
                f" Binnen dezelfde {name.lower()} blijft er geen verschil over.",
                f" With {name.lower()} held equal no difference is left.",
            )
        return self.say(
            f" Of {name.lower()} dat verklaart, is met deze aantallen niet te zeggen.",
            f" Whether {name.lower()} explains it cannot be told from these counts.",
        )

    # which criterion

    def _which_criterion(self) -> Iterator[str]:
        """The criterion that weighs most, of every selection in which a group stands out; then where groups are dense."""
        alarming = {
            (self.table.stage(f.stage).partner, self.table.stage(f.stage).selection, f.dimension, f.group)
            for f in self._over
        }
        found = [
            one
            for one in self.findings.attributions
            if (one.partner, one.selection, one.dimension, one.group) in alarming and (one.ratio or 0) > 1
        ]
        found.sort(key=lambda one: (not one.sure, -(one.ratio or 0)))
        yield from (self._attributed(one) for one in found[:_MOST])
        if not all(one.sure for one in found[:_MOST]):
            yield self.say(
                "Onzeker: aantallen die niet getoond worden, kunnen dit anders maken.",
                "Unsure: withheld counts could make this otherwise.",
            )
        dense = [one for one in self.findings.concentrations if one.verdict is Verdict.OVER]
        dense.sort(key=lambda one: (one.dimension, one.group))
        for (dimension, group), its in groupby(dense, key=lambda one: (one.dimension, one.group)):
            who, values = self.words.group(dimension, group), []
            for criterion, same in groupby(its, key=lambda one: one.criterion):
                named = ", ".join(f"{one.value} ({self.words.number(one.ratio.value)} ×)" for one in same)
                values.append(f"{criterion}: {named}")
            told = "; ".join(values)
            yield self.say(
                f"{who} komt vaker voor bij deze waarden van de criteria: {told}.",
                f"{who} is found more often at these values of the criteria: {told}.",
            )

    def _attributed(self, one: Attribution) -> str:
        first = max(one.shares, key=lambda share: share.shapley or 0)
        who, number = self.words.group(one.dimension, one.group), self.words.number
        without, ratio = number((one.ratio or 0) / (first.left_out or 1)), number(one.ratio)
        sure = "" if one.sure else self.say(" (onzeker)", " (unsure)")
        return self.say(
            f"{who}, bij {one.partner} ({one.selection}): het criterium “{first.criterion}” weegt het zwaarst{sure}. Het verschil is "
            f"nu {ratio} keer, en zonder dit criterium {without} keer.",
            f"{who}, at {one.partner} ({one.selection}): the criterion “{first.criterion}” weighs most{sure}. The difference is "
            f"{ratio} times now, and {without} times without this criterion.",
        )

    # how sure, and what to do

    def _sure(self) -> Iterator[str]:
        chance = with_separators(f"{100 - 100 * self.table.confidence:.3g}%", self.words.lang)
        yield self.say(
            f"Er zijn {self.findings.comparisons} vergelijkingen gemaakt. De kans dat daar een onterechte waarschuwing bij is, "
            f"over alle rondes samen, is kleiner dan {chance}.",
            f"{self.findings.comparisons} comparisons were made. The chance that there is a false alert among them, over all "
            f"runs together, is smaller than {chance}.",
        )
        if self._too_little:
            yield self.say(
                f"Te weinig gegevens: {self._too_little} keer. Een te groot verschil is daar niet aangetoond, maar ook niet uitgesloten.",
                f"Too little data: {self._too_little} times. Too large a difference is not shown there, but not ruled out either.",
            )
        counts = [
            n for stage in self.table.stages for n in (*stage.counts.values(), *_margins(stage.margins))
        ]
        if None in counts:
            yield self.say(
                f"Kleine aantallen (onder {self.table.smallest_cell}) worden niet getoond, en soms ook een ander aantal "
                "waaruit zij zouden volgen. Zij tellen nooit als nul.",
                f"Small counts (under {self.table.smallest_cell}) are withheld, and sometimes another one that they would "
                "follow from. They never count as zero.",
            )

    def _to_do(self) -> Iterator[str]:
        if self.findings.alert:
            yield self.say(
                "Bespreek met de FG: is het criterium nodig voor het doel? Kan het met minder?",
                "Discuss with the DPO: is the criterion needed for the purpose? Would less do?",
            )
            yield self.say(
                "Is er een goede reden? Dan schrijft iedere verantwoordelijke die op, en tekent. Is die er niet? Verander dan het criterium.",
                "Is there a good reason? Then every controller writes it down, and signs. Is there none? Then change the criterion.",
            )
        if self._too_little:
            yield self.say(
                "Kijk naar de groepen met te weinig gegevens: tel langer, of neem minder en grotere groepen.",
                "Look at the groups with too little data: count longer, or take fewer and larger groups.",
            )
        elif not self.findings.alert:
            yield self.say("U hoeft nu niets te doen.", "There is nothing to do now.")


def _margins(margins: dict[str, dict[str, int | None]]) -> Iterator[int | None]:
    return (count for margin in margins.values() for count in margin.values())


def _same(one: Conditional, finding: Finding) -> bool:
    return (one.stage, one.against, one.dimension, one.group) == (
        finding.stage, finding.against, finding.dimension, finding.group,
    )  # fmt: skip


def _last_of_each(found: Iterable[Finding], verdict: Verdict) -> list[Finding]:
    """Per group and stage the comparison with the latest stage before it; larger ratios first."""
    seen = {(f.dimension, f.group, f.stage): f for f in found if f.verdict is verdict}
    return sorted(seen.values(), key=lambda finding: -(finding.ratio.value or 0))
