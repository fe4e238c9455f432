"""The first page of a report: what stands out, for whom, how sure, and what to do, in one sentence each; then what was
found, per group and step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from lsi_match.base.catalogue import with_separators
from lsi_match.monitor.findings import Attribution, Finding, Findings, Verdict
from lsi_match.monitor.groups import UNKNOWN, over
from lsi_match.monitor.table import Stage
from lsi_match.monitor.verdict import Answer, Kind, Row, State, conclude
from lsi_match.reports.document_model import Block, Heading, Items, Paragraph
from lsi_match.reports.monitor_words import Words

_MOST = 4
_MOST_NAMED = 6


@dataclass(frozen=True)
class _Thing:
    """One group at one step: the rows that say something of it, of the latest stage before it."""

    rows: tuple[Row, ...]

    @property
    def first(self) -> Row:
        """The row that says most: an alert before the others, and the group as it is before its parts."""
        return next((row for row in self.rows if row.alerts), self.rows[0])

    @property
    def certain(self) -> float:
        return max((row.certain for row in self.rows if row.alerts), default=0.0)

    def of(self, kind: Kind) -> list[Row]:
        return [row for row in self.rows if row.kind is kind]


class FirstPage:
    """What a reader has to know who reads one page."""

    def __init__(self, words: Words, findings: Findings) -> None:
        self.words, self.table, self.findings = words, words.table, findings
        self.say = words.say
        self._said = conclude(findings)
        rows = self._said.rows
        self._alerts = sorted(_things(rows, lambda thing: bool(thing.certain)), key=lambda t: -t.certain)
        self._impossible = [row for row in rows if row.verdict is Verdict.IMPOSSIBLE]
        self._blind = [row for row in rows if row.kind is Kind.BLIND]
        shown = [row for row in rows if row.answer in (Answer.LARGE, Answer.UNSURE) and not row.alerts]
        self._shown = sorted(shown, key=lambda row: (not row.harms, row.answer is not Answer.LARGE))
        unsaid = [row for row in rows if row.verdict is Verdict.TOO_LITTLE]
        self._too_little = [row for row in unsaid if row.kind not in (Kind.BLIND, Kind.DIFFERS)]

    def blocks(self) -> Iterator[Block]:
        """The page, from the title on."""
        say = self.say
        yield Heading(1, self.table.title)
        yield Paragraph(self._headline(), strong=True)
        yield Heading(2, say("In het kort", "In short"))
        yield Items(tuple(self._in_short()))
        noticed = tuple(self._noticed())
        if noticed:
            yield Heading(2, say("Wat er is gevonden", "What was found"))
            yield Items(noticed)
        which = tuple(self._which_criterion())
        if which:
            yield Heading(2, say("Welk criterium doet dat", "Which criterion does it"))
            yield Items(which)
        yield Heading(2, say("Waar is naar gekeken", "What was looked at"))
        yield Items(tuple(self._looked_at()))

    # the whole, in one sentence

    def _headline(self) -> str:
        say, state = self.say, self._said.state
        if state is State.ALERT:
            benefit = all(thing.first.direction == "benefit" for thing in self._alerts)
            more, less = say("vaker", "more often"), say("minder vaak", "less often")
            return say(
                f"Waarschuwing: minstens één groep komt {less if benefit else more} door dan is afgesproken.",
                f"Alert: at least one group gets through {less if benefit else more} than was agreed.",
            )
        if self._impossible:
            return say(
                "Deze tabel kan niet kloppen: er komen meer mensen door dan er waren.",
                "This table cannot be right: more people get through than there were.",
            )
        if state is State.CALM:
            return say(
                "Geen waarschuwing: alle verschillen liggen binnen de afgesproken grens.",
                "No alert: all differences lie within the agreed tolerance.",
            )
        if self._shown:
            return say(
                "Geen waarschuwing. Maar er is wel een verschil aangetoond. Kijk daarnaar.",
                "No alert. But a difference is shown. Look at it.",
            )
        return say(
            "Geen waarschuwing. Maar voor een deel zijn er te weinig gegevens om iets te zeggen.",
            "No alert. But for some of it there is too little data to say anything.",
        )

    # what stands out, for whom, how sure, what to do

    def _in_short(self) -> Iterator[str]:
        say = self.say
        told = {
            State.ALERT: self._short_alert,
            State.LOOK: self._short_look,
            State.CALM: self._short_calm,
        }[self._said.state]()
        heads = (
            say("Wat valt op", "What stands out"),
            say("Voor wie", "For whom"),
            say("Hoe zeker", "How sure"),
            say("Wat te doen", "What to do"),
        )
        for head, sentence in zip(heads, told, strict=True):
            yield f"{head}: {sentence}"

    def _short_alert(self) -> tuple[str, str, str, str]:
        say, words = self.say, self.words
        first = self._alerts[0].first
        ratio, least = words.number(first.ratio.value), words.number(first.certain)
        way, within = self._way(first), self._within(first)
        what = (
            say(f"{way} komt een groep {ratio} keer zo vaak door als anderen{within}.",
                f"{way} a group gets through {ratio} times as often as others{within}.")
            if first.ratio.value is not None
            else say(f"{way} komt een groep meer dan {least} keer zo vaak door als anderen{within}.",
                     f"{way} a group gets through more than {least} times as often as others{within}.")
        )  # fmt: skip
        whom = self._named(thing.first for thing in self._alerts)
        times = len(self._alerts)
        sure = say(
            f"vrijwel zeker is het verschil minstens {least} keer; de kans op een onterechte waarschuwing, over alle rondes "
            f"samen, is kleiner dan {self._chance()}.",
            f"almost surely the difference is at least {least} times; the chance of a false alert, over all runs together, "
            f"is smaller than {self._chance()}.",
        )
        heaviest = next((one for one in self._attributed_alerts() if one.sure), None)
        about = self._name_of(heaviest) if heaviest else say("het criterium", "the criterion")
        return (
            what,
            say(f"{whom}{self._times(times)}.", f"{whom}{self._times(times)}."),
            sure,
            say(
                f"geef nu niet vrij, en bespreek met de FG of {about} nodig is of met minder kan: schrijf op waarom wel, en teken "
                "dat, of verander het.",
                f"do not release now, and discuss with the DPO whether {about} is needed or less would do: write down why, and "
                "sign that, or change it.",
            ),
        )

    def _short_look(self) -> tuple[str, str, str, str]:
        say, words = self.say, self.words
        number, of = len(self._said.unsettled), len(self._said.rows)
        doubt = say(
            f"bij {number} van de {of} vergelijkingen is een te groot verschil niet aangetoond, maar ook niet uitgesloten.",
            f"at {number} of the {of} comparisons too large a difference is not shown, but not ruled out either.",
        )
        if self._impossible:
            row = self._impossible[0]
            return (
                say(f"{self._way(row)} komen er meer mensen door dan er waren.", f"{self._way(row)} more people get through than there were."),
                f"{self._named(self._impossible)}.",
                say("dit is geen schatting maar een fout in de aantallen.", "this is no estimate but an error in the counts."),
                say("verbeter de tabel en begin opnieuw.", "correct the table and start again."),
            )  # fmt: skip
        more = say(
            "tel langer, of neem minder en grotere groepen.", "count longer, or take fewer and larger groups."
        )
        if self._shown:
            row = self._shown[0]
            much = self._more(row)
            return (
                say(f"{self._way(row)} komt een groep {much} door dan anderen{self._within(row)}.",
                    f"{self._way(row)} a group gets through {much} than others{self._within(row)}."),
                f"{self._named(self._shown)}.",
                say(f"het verschil is aangetoond ({words.surely(row.ratio)} keer)", f"the difference is shown ({words.surely(row.ratio)} times)")
                + (say("; of het groter is dan de grens, is niet zeker.", "; whether it is larger than the tolerance is not sure.")
                   if row.answer is Answer.UNSURE else "."),
                say("kijk waar dit vandaan komt, en ", "look where this comes from, and ") + more,
            )  # fmt: skip
        return (
            say("er is geen verschil aangetoond, maar ook niet dat het er niet is.", "no difference is shown, and neither that there is none."),
            f"{self._named(self._said.unsettled)}.",
            doubt,
            more,
        )  # fmt: skip

    def _short_calm(self) -> tuple[str, str, str, str]:
        say, tolerance = self.say, self.words.number(self.table.tolerance)
        protected = ", ".join(d.label for d in self.table.dimensions if d.role == "protected")
        return (
            say(f"niets: geen groep komt meer dan {tolerance} keer zo vaak of zo weinig door als de anderen.",
                f"nothing: no group gets through more than {tolerance} times as often, or as seldom, as the others."),
            say(f"alle groepen waarnaar is gekeken ({protected}).", f"all groups that were looked at ({protected})."),
            say("dat is bij elke vergelijking aangetoond, niet aangenomen.", "that is shown at every comparison, not assumed."),
            say("U hoeft nu niets te doen.", "There is nothing to do now."),
        )  # fmt: skip

    def _chance(self) -> str:
        return with_separators(f"{100 - 100 * self.table.confidence:.3g}%", self.words.lang)

    def _named(self, rows: Iterable[Row]) -> str:
        """The groups that rows are about, each once, with whom they are compared."""
        pairs = dict.fromkeys((row.dimension, row.group, row.others) for row in rows)
        named = [self.words.group(dimension, group) for dimension, group, _ in pairs]
        others = {self.words.others(dimension, others) for dimension, _, others in pairs}
        text = ", ".join(named[:_MOST_NAMED])
        if len(named) > _MOST_NAMED:
            text += self.say(
                f" en nog {len(named) - _MOST_NAMED} groepen", f" and {len(named) - _MOST_NAMED} groups more"
            )
        beside = ", ".join(sorted(others))
        return text + self.say(f", vergeleken met {beside}", f", compared with {beside}")

    def _times(self, times: int) -> str:
        return "" if times == 1 else self.say(f" ({times} keer)", f" ({times} times)")

    def _more(self, row: Row) -> str:
        more = row.verdict in (Verdict.OVER, Verdict.MORE)
        return self.say("vaker", "more often") if more else self.say("minder vaak", "less often")

    def _within(self, row: Row) -> str:
        """Among whom, where that is not everybody."""
        if row.kind is Kind.STRATUM:
            level = self.words.group(row.given, row.level)
            return self.say(f" binnen {level}", f" within {level}")
        if row.kind is Kind.HELD_EQUAL:
            name = self.words.dimension(row.given).lower()
            return self.say(f" met dezelfde {name}", f" with the same {name}")
        if row.kind is Kind.KNOWN_ONLY:
            return self.say(f" van wie {row.given} bekend is", f" of whom {row.given} is known")
        return ""

    def _way(self, row: Row) -> str:
        """From where to where; within one selection that is named once."""
        here, there = self.table.stage(row.stage), self.table.stage(row.against)
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

    # what was found

    def _noticed(self) -> Iterator[str]:
        yield from (self._one(thing) for thing in self._alerts[:_MOST])
        more = len(self._alerts) - _MOST
        if more > 0:
            yield self.say(
                f"En nog {more} keer, zie hierna bij “vaker”.",
                f"And {more} times more: see “more often” below.",
            )
        for row in self._impossible[:_MOST]:
            who = self.words.group(row.dimension, row.group)
            yield self.say(
                f"{who}: {self._way(row)} komen er meer door dan er waren. Dat kan niet.",
                f"{who}: {self._way(row)} more get through than there were. That cannot be.",
            )
        yield from self._shown_otherwise()
        yield from self._gaps()
        yield from self._differing()
        if self._too_little:
            yield self.say(
                f"Te weinig gegevens: {len(self._too_little)} keer. Een te groot verschil is daar niet aangetoond, maar ook niet uitgesloten.",
                f"Too little data: {len(self._too_little)} times. Too large a difference is not shown there, but not ruled out either.",
            )

    def _one(self, thing: _Thing) -> str:
        words, say, first = self.words, self.say, thing.first
        who, others = words.group(first.dimension, first.group), words.others(first.dimension, first.others)
        way, within = self._way(first), self._within(first)
        if first.ratio.value is None:
            least = words.number(first.certain)
            return say(
                f"{who} komt vrijwel zeker meer dan {least} keer zo vaak {way} als {others}{within}. Hoeveel "
                "precies volgt niet uit de aantallen die getoond worden.",
                f"{who} gets almost surely more than {least} times as often {way} as {others}{within}. How much "
                "exactly does not follow from the counts that are shown.",
            )
        ratio, surely = words.number(first.ratio.value), words.surely(first.ratio)
        text = say(
            f"{who} komt {ratio} keer zo vaak {way} als {others}{within} ({surely}).",
            f"{who} gets {ratio} times as often {way} as {others}{within} ({surely}).",
        )
        if first.kind is Kind.CRUDE:
            text += self._share(first) + "".join(self._given(row) for row in thing.of(Kind.HELD_EQUAL))
        else:
            text += self._in_the_whole(thing)
        strata = [row for row in thing.of(Kind.STRATUM) if row.alerts and row is not first]
        if strata and thing.of(Kind.DIFFERS):
            named = ", ".join(
                f"{words.group(r.given, r.level)} ({words.number(r.ratio.value)})" for r in strata
            )
            text += say(f" Het verschil is niet overal even groot: {named}.", f" The difference is not the same everywhere: {named}.")  # fmt: skip
        return text

    def _share(self, row: Row) -> str:
        f = next(f for f in self.findings.findings if _place(f) == _place(row) and f.against == row.against)
        if None in (f.count, f.total, f.reference_count, f.reference_total):
            return ""
        before = self.words.percent(f.reference_count, f.reference_total)
        after = self.words.percent(f.count, f.total)
        return self.say(
            f" Het aandeel gaat van {before} naar {after}.", f" The share goes from {before} to {after}."
        )

    def _in_the_whole(self, thing: _Thing) -> str:
        """That the difference does not show when all are taken together."""
        crude = next(iter(thing.of(Kind.CRUDE)), None)
        if crude is None or crude.ratio.value is None:
            return ""
        ratio = self.words.number(crude.ratio.value)
        return self.say(
            f" In het geheel is dat niet te zien: daar is het {ratio} keer.",
            f" In the whole it does not show: there it is {ratio} times.",
        )

    def _given(self, row: Row) -> str:
        name, ratio, surely = (
            self.words.dimension(row.given),
            self.words.number(row.ratio.value),
            self.words.surely(row.ratio),
        )
        if row.harms:
            return self.say(
                f" {name} verklaart dat niet: binnen dezelfde {name.lower()} is het nog {ratio} keer ({surely}).",
                f" {name} does not explain it: with {name.lower()} held equal it is still {ratio} times ({surely}).",
            )
        if row.verdict is Verdict.WITHIN:
            return self.say(
                f" Binnen dezelfde {name.lower()} blijft er geen verschil over.",
                f" With {name.lower()} held equal no difference is left.",
            )
        if row.answer is not Answer.UNKNOWN:
            return self.say(
                f" Binnen dezelfde {name.lower()} is het andersom: {ratio} keer ({surely}).",
                f" With {name.lower()} held equal it is the other way round: {ratio} times ({surely}).",
            )
        return self.say(
            f" Of {name.lower()} dat verklaart, is met deze aantallen niet te zeggen.",
            f" Whether {name.lower()} explains it cannot be told from these counts.",
        )

    def _shown_otherwise(self) -> Iterator[str]:
        """Differences that are shown, and are no alert: their size is unsure, or they harm nobody of the group."""
        say, words = self.say, self.words
        alike: dict[tuple[bool, str], dict[str, list[Row]]] = {}
        for row in self._shown:
            if row.kind is Kind.STRATUM and any(row.stage == t.first.stage and row.group == t.first.group for t in self._alerts):  # fmt: skip
                continue
            key = (row.answer is Answer.UNSURE, self._more(row))
            alike.setdefault(key, {}).setdefault(words.group(row.dimension, row.group), []).append(row)
        for (unsure, more), groups in alike.items():
            named = ", ".join(
                f"{who} ({words.number(rows[0].ratio.value)}{self._within(rows[0])}{'' if len(rows) == 1 else ', ' + self._steps(len(rows))})"
                for who, rows in list(groups.items())[:_MOST_NAMED]
            )
            if unsure:
                yield say(
                    f"Aangetoond {more}, maar niet of het groter is dan de grens: {named}.",
                    f"Shown to be {more}, but not whether it is larger than the tolerance: {named}.",
                )
            else:
                yield say(f"{more.capitalize()} dan de grens: {named}.", f"{more.capitalize()} than the tolerance: {named}.")  # fmt: skip

    def _steps(self, number: int) -> str:
        return self.say(f"{number} keer", f"{number} times")

    def _gaps(self) -> Iterator[str]:
        """Of whom something is not known: a criterion says nothing of them, or they may be of any group."""
        say, words = self.say, self.words
        for gap in self.findings.missing:
            if not gap.blind:
                continue
            who, others = words.group(gap.dimension, gap.group), words.others(gap.dimension, gap.others)
            own = words.percent(gap.count, gap.reference_count)
            theirs = words.percent(gap.others_count, gap.others_reference_count)
            yield say(
                f"Van {own} van {who} is {gap.criterion} niet bekend (van {others} {theirs}). Over hen zegt dit criterium niets, "
                "en het kan hen niet treffen.",
                f"Of {own} of {who} {gap.criterion} is not known (of {others} {theirs}). This criterion says nothing of them, "
                "and cannot hit them.",
            )
        for one in self.findings.findings:
            share = over(one.count, one.total) if one.group == UNKNOWN else None
            if share and share >= 0.05:
                part = words.percent(one.count, one.total)
                stage = words.stage(self.table.stage(one.stage))
                yield say(
                    f"Van {part} bij “{stage}” is {words.dimension(one.dimension).lower()} niet bekend. Wie zij zijn, kan de andere "
                    "cijfers anders maken.",
                    f"Of {part} at “{stage}” {words.dimension(one.dimension).lower()} is not known. Who they are can change the "
                    "other figures.",
                )

    def _differing(self) -> Iterator[str]:
        """That what is held equal is no one number."""
        told = set()
        for one in self.findings.conditionals:
            key = (one.stage, one.dimension, one.given)
            if not (one.differs or one.reverses) or key in told:
                continue
            told.add(key)
            who, name = self.words.group(one.dimension, one.group), self.words.dimension(one.given).lower()
            parts = ", ".join(
                f"{self.words.group(one.given, s.level)}: {self.words.number(s.ratio.value)} keer"
                if self.words.lang == "nl"
                else f"{self.words.group(one.given, s.level)}: {self.words.number(s.ratio.value)} times"
                for s in one.strata[:_MOST_NAMED]
            )
            yield (
                self.say(f"Tegengesteld: {who} komt in de ene {name} vaker door en in de andere minder vaak ({parts}).",
                         f"Opposite: {who} gets through more often in one {name} and less often in another ({parts}).")
                if one.reverses
                else self.say(f"{who}: het verschil is niet in elke {name} even groot ({parts}).",
                              f"{who}: the difference is not the same in every {name} ({parts}).")
            )  # fmt: skip

    # which criterion

    def _attributed_alerts(self) -> list[Attribution]:
        """The attributions of every selection in which a group stands out."""
        alarming = {
            (self.table.stage(t.first.stage).partner, self.table.stage(t.first.stage).selection, t.first.dimension, t.first.group)
            for t in self._alerts
        }  # fmt: skip
        found = [
            one
            for one in self.findings.attributions
            if (one.partner, one.selection, one.dimension, one.group) in alarming and (one.ratio or 0) > 1
        ]
        return sorted(found, key=lambda one: (not one.sure, -(one.ratio or 0)))

    def _which_criterion(self) -> Iterator[str]:
        """The criterion that weighs most, of every selection in which a group stands out; then where groups are dense."""
        found = self._attributed_alerts()[:_MOST]
        yield from (self._attributed(one) for one in found)
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

    def _name_of(self, one: Attribution) -> str:
        first = max(one.shares, key=lambda share: share.shapley or 0).criterion
        return self.say(f"het criterium “{first}”", f"the criterion “{first}”")

    def _attributed(self, one: Attribution) -> str:
        first = max(one.shares, key=lambda share: share.shapley or 0)
        who, number = self.words.group(one.dimension, one.group), self.words.number
        without, ratio = number((one.ratio or 0) / (first.left_out or 1)), number(one.ratio)
        if not one.sure:
            return self.say(
                f"{who}, bij {one.partner} ({one.selection}): welk criterium het zwaarst weegt, is onzeker. Het lijkt "
                f"“{first.criterion}”: zonder dat is het verschil {without} keer in plaats van {ratio} keer.",
                f"{who}, at {one.partner} ({one.selection}): which criterion weighs most is unsure. It seems "
                f"“{first.criterion}”: without it the difference is {without} times in place of {ratio} times.",
            )
        return self.say(
            f"{who}, bij {one.partner} ({one.selection}): het criterium “{first.criterion}” weegt het zwaarst. Het verschil is "
            f"nu {ratio} keer, en zonder dit criterium {without} keer.",
            f"{who}, at {one.partner} ({one.selection}): the criterion “{first.criterion}” weighs most. The difference is "
            f"{ratio} times now, and {without} times without this criterion.",
        )

    # what was looked at

    def _looked_at(self) -> Iterator[str]:
        protected = ", ".join(d.label for d in self.table.dimensions if d.role == "protected")
        look, of, number = self.table.look, self.table.looks, len(self._said.rows)
        tolerance = self.words.number(self.table.tolerance)
        looks = self.say(f" Dit is ronde {look} van {of}.", f" This is run {look} of {of}.") if of > 1 else ""
        yield self.say(
            f"Per groep ({protected}) is bij elke stap gekeken of zij vaker doorkomt dan een andere: {number} vergelijkingen. "
            f"Een verschil tot {tolerance} keer is afgesproken als grens.{looks}",
            f"Per group ({protected}) was asked at each step whether it gets through more often than another: {number} comparisons. "
            f"A difference up to {tolerance} times is the agreed tolerance.{looks}",
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


def _margins(margins: dict[str, dict[str, int | None]]) -> Iterator[int | None]:
    return (count for margin in margins.values() for count in margin.values())


def _place(one: Row | Finding) -> tuple[str, str, str]:
    return one.dimension, one.group, one.stage


def _things(rows: Iterable[Row], wanted: Callable[[_Thing], bool]) -> list[_Thing]:
    """Per group and stage the rows beside the latest stage before it that give a thing that is wanted."""
    found: dict[tuple[str, str, str], dict[str, list[Row]]] = {}
    for row in rows:
        if row.kind is not Kind.BLIND:
            found.setdefault(_place(row), {}).setdefault(row.against, []).append(row)
    things = []
    for by_against in found.values():
        several = [_Thing(tuple(its)) for its in by_against.values()]
        chosen = [thing for thing in several if wanted(thing)]
        things += chosen[-1:]
    return things
