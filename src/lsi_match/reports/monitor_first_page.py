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

    @property
    def contradicted(self) -> Row | None:
        """With what held equal the difference is gone, or the other way round."""
        known = (
            row for row in self.of(Kind.HELD_EQUAL) if row.answer is not Answer.UNKNOWN and not row.harms
        )
        return next(known, None) if self.first.kind is Kind.CRUDE else None


class FirstPage:
    """What a reader has to know who reads one page."""

    def __init__(self, words: Words, findings: Findings) -> None:
        self.words, self.table, self.findings = words, words.table, findings
        self.say = words.say
        self._said = conclude(findings)
        rows = self._said.rows
        things = _things(rows, lambda thing: bool(thing.certain))
        # What is still there with all else held equal comes before what that explains.
        self._alerts = sorted(things, key=lambda t: (t.contradicted is not None, -t.certain))
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
        say, thing = self.say, self._alerts[0]
        first = thing.first
        times = self.words.number(first.ratio.value) if first.ratio.value is not None else self._bound(first)
        what = say(
            f"{self._way(first)} komt een groep {times} keer zo vaak door als anderen{self._within(first)}",
            f"{self._way(first)} a group gets through {times} times as often as others{self._within(first)}",
        )
        sure = say(
            f"vrijwel zeker is het {self._bound(first)} keer zo vaak; de kans op een onterechte waarschuwing, over alle rondes "
            f"samen, is kleiner dan {self._chance()}.",
            f"almost surely it is {self._bound(first)} times as often; the chance of a false alert, over all runs together, "
            f"is smaller than {self._chance()}.",
        )
        heaviest = next((one for one in self._attributed_alerts() if one.sure), None)
        about = self._name_of(heaviest) if heaviest else say("het criterium", "the criterion")
        do = say(
            f"geef nu niet vrij, en bespreek met de FG of {about} nodig is of met minder kan: schrijf op waarom wel, en teken "
            "dat, of verander het.",
            f"do not release now, and discuss with the DPO whether {about} is needed or less would do: write down why, and "
            "sign that, or change it.",
        )
        if thing.contradicted:
            name = self.words.dimension(thing.contradicted.given).lower()
            do = say(
                f"geef nu niet vrij, en bespreek met de FG of {name} een goede reden is voor dit verschil: schrijf op waarom, en "
                "teken dat, of verander het.",
                f"do not release now, and discuss with the DPO whether {name} is a good reason for this difference: write down "
                "why, and sign that, or change it.",
            )
        return f"{what}{self._beside(thing)}.", f"{self._whom()}.", sure, do

    def _bound(self, row: Row) -> str:
        """The end of the interval that is least to the disadvantage of the group, on the scale of the ratio itself."""
        if row.direction == "burden":
            return self.say("minstens ", "at least ") + self.words.number(row.ratio.low)
        return self.say("hoogstens ", "at most ") + self.words.number(row.ratio.high)

    def _beside(self, thing: _Thing) -> str:
        """What the other comparisons of this group say, where that is something else."""
        say, number, text = self.say, self.words.number, ""
        crude = next(iter(thing.of(Kind.CRUDE)), None)
        if thing.first.kind is Kind.CRUDE and (other := thing.contradicted):
            ratio = number(other.ratio.value)
            text = say(
                f", maar{self._within(other)} {ratio} keer", f", but{self._within(other)} {ratio} times"
            )
        elif thing.first.kind is not Kind.CRUDE and crude and crude.ratio.value is not None:
            ratio = number(crude.ratio.value)
            text = say(f"; in het geheel is dat niet te zien ({ratio} keer)", f"; in the whole it does not show ({ratio} times)")  # fmt: skip
        if thing.of(Kind.DIFFERS):
            told = [row for row in thing.of(Kind.STRATUM) if row.ratio.value is not None]
            told.sort(key=lambda row: row.ratio.value or 0)
            if len(told) > 1:
                name = self.words.dimension(told[0].given).lower()
                low, high = (
                    f"{number(row.ratio.value)} ({self.words.group(row.given, row.level)})"
                    for row in (told[0], told[-1])
                )
                text += say(f"; per {name} verschilt het van {low} tot {high}", f"; by {name} it goes from {low} to {high}")  # fmt: skip
        return text

    def _whom(self) -> str:
        """The groups that stand out, each once, and at how many steps."""
        firsts = [thing.first for thing in self._alerts]
        steps = len({row.stage for row in firsts})
        mixed = len({self._within(row) for row in firsts}) > 1
        text = self._named(firsts, (lambda row: self._where(row)) if mixed else (lambda row: ""))
        return text + (self.say(f", bij {steps} stappen", f", at {steps} steps") if steps > 1 else "")

    def _where(self, row: Row) -> str:
        return f" ({self._within(row).strip() or self.say('in het geheel', 'in the whole')})"

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

    def _named(self, rows: Iterable[Row], where: Callable[[Row], str] = lambda row: "") -> str:
        """The groups that rows are about, each once, with whom they are compared."""
        first: dict[tuple[str, str, str], Row] = {}
        for row in rows:
            first.setdefault((row.dimension, row.group, row.others), row)
        named = [self.words.group(row.dimension, row.group) + where(row) for row in first.values()]
        beside = " / ".join(sorted({self.words.others(row.dimension, row.others) for row in first.values()}))
        more = len(named) - _MOST_NAMED
        if more > 0:
            named[_MOST_NAMED:] = [self.say(f"nog {more} groepen", f"{more} groups more")]
        text = self.say(" en ", " and ").join([*([", ".join(named[:-1])] if named[1:] else []), *named[-1:]])
        return text + self.say(f", vergeleken met {beside}", f", compared with {beside}")

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
            return self.say(f" met {name} gelijk gehouden", f" with {name} held equal")
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
            bound = self._bound(first)
            return say(
                f"{who}: vrijwel zeker {bound} keer zo vaak {way} als {others}{within}. Hoeveel precies volgt niet uit de "
                "aantallen die getoond worden.",
                f"{who}: almost surely {bound} times as often {way} as {others}{within}. How much exactly does not follow "
                "from the counts that are shown.",
            )
        ratio, surely = words.number(first.ratio.value), words.surely(first.ratio)
        text = say(
            f"{who}: {ratio} keer zo vaak {way} als {others}{within} ({surely}).",
            f"{who}: {ratio} times as often {way} as {others}{within} ({surely}).",
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
                f" {name} verklaart dat niet: met {name.lower()} gelijk gehouden is het nog {ratio} keer ({surely}).",
                f" {name} does not explain it: with {name.lower()} held equal it is still {ratio} times ({surely}).",
            )
        if row.verdict is Verdict.WITHIN:
            return self.say(
                f" Met {name.lower()} gelijk gehouden blijft er geen verschil over.",
                f" With {name.lower()} held equal no difference is left.",
            )
        if row.answer is not Answer.UNKNOWN:
            return self.say(
                f" Met {name.lower()} gelijk gehouden is het andersom: {ratio} keer ({surely}).",
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
                self.say(f"Tegengesteld per {name}: {who}, hier vaker en daar minder vaak ({parts}).",
                         f"Opposite by {name}: {who}, more often here and less often there ({parts}).")
                if one.reverses
                else self.say(f"{who}: het verschil is niet per {name} even groot ({parts}).",
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
