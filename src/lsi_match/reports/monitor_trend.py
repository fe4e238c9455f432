"""The page about all rounds together: per group and step what was counted so far, and since when something is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lsi_match.base.catalogue import with_separators
from lsi_match.base.errors import Language
from lsi_match.monitor.evidence import Line, Trend
from lsi_match.monitor.table import CountsTable
from lsi_match.reports.document_model import Block, Heading, Items, Paragraph, Table, as_document
from lsi_match.reports.monitor_words import Words

_MOST = 6


def html(tables: Sequence[CountsTable], trend: Trend, lang: Language) -> str:
    """The page as HTML."""
    page = _Page(tables, trend, lang)
    return as_document(lang, list(page.first()), list(page.rest())).html


def markdown(tables: Sequence[CountsTable], trend: Trend, lang: Language) -> str:
    """The page as Markdown."""
    page = _Page(tables, trend, lang)
    return as_document(lang, list(page.first()), list(page.rest())).markdown


def summary(tables: Sequence[CountsTable], trend: Trend, lang: Language) -> str:
    """What it comes to, as Markdown."""
    return as_document(lang, list(_Page(tables, trend, lang).first())).markdown


class _Page:
    def __init__(self, tables: Sequence[CountsTable], trend: Trend, lang: Language) -> None:
        self.table, self.trend, self.words = tables[-1], trend, Words(tables[-1], lang)
        self.say = self.words.say
        number = len(trend.rounds)
        self.title = self.say(f"Verloop over {number} rondes", f"Course over {number} rounds")

    def first(self) -> Iterator[Block]:
        say, alerts = self.say, self.trend.alerts
        shown = [line for line in self.trend.lines if line.shown is not None]
        small = all(self._small(line) for line in self.trend.lines)
        yield Heading(1, self.title)
        if alerts:
            headline = say(
                "Waarschuwing: over de rondes samen is een groter verschil aangetoond dan is afgesproken.",
                "Alert: over the rounds together a larger difference is shown than was agreed.",
            )
        elif shown:
            headline = say(
                "Geen waarschuwing. Maar er is wel een verschil aangetoond. Kijk daarnaar.",
                "No alert. But a difference is shown. Look at it.",
            )
        elif small:
            headline = say(
                "Geen waarschuwing: alle verschillen liggen binnen de afgesproken grens.",
                "No alert: all differences lie within the agreed tolerance.",
            )
        else:
            headline = say(
                "Geen waarschuwing. Maar er is nog te weinig geteld om iets te zeggen.",
                "No alert. But too little was counted yet to say anything.",
            )
        yield Paragraph(headline, strong=True)
        yield Items(tuple(self._one(line) for line in (alerts or shown)[:_MOST]) or (self._none(small),))
        chance = with_separators(f"{100 - 100 * self.table.confidence:.3g}%", self.words.lang)
        yield Paragraph(say(
            f"De kans op een onterechte waarschuwing is kleiner dan {chance}, hoe vaak en wanneer u ook kijkt. Dat geldt als de "
            "rondes over verschillende mensen gaan. Wie elke ronde opnieuw is gekozen, telt elke ronde mee.",
            f"The chance of a false alert is smaller than {chance}, however often and whenever you look. That holds if the rounds "
            "are about different people. Whoever is selected anew in every round counts in every round.",
        ))  # fmt: skip

    def _small(self, line: Line) -> bool:
        last, tolerance = line.so_far[-1], self.table.tolerance
        return (last.low or 0) >= 1 / tolerance and last.high is not None and last.high <= tolerance

    def _none(self, small: bool) -> str:
        if small:
            return self.say("U hoeft nu niets te doen.", "There is nothing to do now.")
        return self.say(
            "Tel door: een te groot verschil is niet aangetoond, maar ook niet uitgesloten.",
            "Go on counting: too large a difference is not shown, but not ruled out either.",
        )

    def _one(self, line: Line) -> str:
        words, last = self.words, line.so_far[-1]
        who, others = words.group(line.dimension, line.group), words.others(line.dimension, line.others)
        since = line.alert if line.alert is not None else line.shown or 0
        ratio, between, round_name = words.number(last.value), words.interval(last), self.trend.rounds[since]
        return self.say(
            f"{who} komt {ratio} keer zo vaak {self._way(line)} als {others} ({between}). Dat is aangetoond sinds ronde "
            f"{since + 1} ({round_name}).",
            f"{who} gets {ratio} times as often {self._way(line)} as {others} ({between}). That is shown since round "
            f"{since + 1} ({round_name}).",
        )

    def _way(self, line: Line) -> str:
        here, there = (self.words.stage(self.table.stage(name)) for name in (line.stage, line.against))
        return self.say(f"van “{there}” naar “{here}”", f"from “{there}” to “{here}”")

    def rest(self) -> Iterator[Block]:
        say, words = self.say, self.words
        for line in self.trend.alerts:
            yield Heading(2, words.group(line.dimension, line.group))
            yield Table(
                self._way(line),
                (say("ronde", "round"), say("van de groep", "of the group"), say("samen met de anderen", "with the others"),
                 say("verhouding tot nu", "ratio so far"), say("onzekerheid", "interval")),
                tuple(
                    (name, words.count(count), words.count(total), words.number(ratio.value), words.interval(ratio))
                    for name, count, total, ratio in zip(
                        self.trend.rounds, line.counts, line.totals, line.so_far, strict=True
                    )
                ),
            )  # fmt: skip
        yield Heading(
            2,
            say("Alle groepen en stappen, na de laatste ronde", "All groups and steps, after the last round"),
        )
        yield Table(
            say("Alle rondes samen", "All rounds together"),
            (say("groep", "group"), say("stap", "step"), say("verhouding", "ratio"), say("onzekerheid", "interval"),
             say("waarschuwing sinds ronde", "alert since round")),
            tuple(
                (words.group(line.dimension, line.group), self._way(line), words.number(line.so_far[-1].value),
                 words.interval(line.so_far[-1]), "–" if line.alert is None else str(line.alert + 1))
                for line in self.trend.lines
            ),
            texts=2,
        )  # fmt: skip
