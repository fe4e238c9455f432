"""The report on counts per group: one page that says what stands out, for whom, how sure, and what to do; then what was found, per
group and step. What is said is chosen here; how, stands in `documents/first_page.md`, `report.md` and `monitor.toml`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from textwrap import shorten
from typing import TypeVar

from markupsafe import Markup

from lsi_match.base.errors import Language
from lsi_match.monitor.findings import (
    Attribution,
    Concentration,
    Conditional,
    Finding,
    Findings,
    Share,
    Verdict,
)
from lsi_match.monitor.groups import UNKNOWN, over
from lsi_match.monitor.promises import Followed, Promise
from lsi_match.monitor.round_findings import RoundFindings
from lsi_match.monitor.table import CountsTable
from lsi_match.monitor.verdict import Answer, Kind, Row, State, conclude
from lsi_match.protocol.documents import Reason
from lsi_match.reports.document import Document
from lsi_match.reports.monitor_figure import Dot, dots
from lsi_match.reports.monitor_words import Words

T = TypeVar("T")
#: Characters of what was promised that the first page tells; all of it stands in the report as JSON.
MOST_SAID = 160
#: Rows under a heading.
Part = tuple[str, list[T]]


def report(
    table: CountsTable, findings: Findings, lang: Language, followed: Sequence[Followed] = ()
) -> Document:
    """The whole report; the first page is its first sheet, and opens with what was promised in a round before."""
    page = _Report(table, findings, lang, followed)
    return page.writer.document("report.md", r=page)


@dataclass(frozen=True)
class Asked:
    """A difference that has to be justified by itself: what it is, what the monitor computed of lighter ways, and what is
    asked (the members of `Reason`), in words."""

    digest: str
    what: str
    computed: str
    questions: dict[str, str]


def asked(table: CountsTable, found: RoundFindings, lang: Language) -> list[Asked]:
    """What a report has to be justified for."""
    page = _Report(table, found.findings, lang)
    questions = {name: Reason.meaning_of(name)[lang] for name in Reason.model_fields}
    return [
        Asked(digest, page.difference(rows), page.computed(rows[0]), questions)
        for digest, rows in found.differences.items()
    ]


def reasons_draft(table: CountsTable, found: RoundFindings, lang: Language) -> str:
    """What is asked, as a YAML file to fill in: digest → the members of `Reason`."""
    lines = []
    for one in asked(table, found, lang):
        said = (" ".join(text.split()) for text in (one.what, one.computed))
        lines += ["", *(f"# {text}" for text in said), f"{one.digest}:"]
        for name, question in one.questions.items():
            lines += [f"  # {question}", f"  {name}:"]
    return "\n".join(lines[1:]) + "\n"


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

    def of(self, kind: str) -> list[Row]:
        return [row for row in self.rows if row.kind == kind]

    @property
    def contradicted(self) -> Row | None:
        """With what held equal the difference is gone, or the other way round."""
        known = (
            row for row in self.of(Kind.HELD_EQUAL) if row.answer is not Answer.UNKNOWN and not row.harms
        )
        return next(known, None) if self.first.kind is Kind.CRUDE else None

    @property
    def crude(self) -> Row | None:
        """The group as it is, where that has a ratio."""
        return next((row for row in self.of(Kind.CRUDE) if row.ratio.value is not None), None)

    @property
    def ends(self) -> list[Row]:
        """The strata with the smallest and the largest ratio, where these are shown to differ."""
        told = [row for row in self.of(Kind.STRATUM) if row.ratio.value is not None]
        told.sort(key=lambda row: row.ratio.value or 0)
        return [told[0], told[-1]] if len(told) > 1 and self.of(Kind.DIFFERS) else []

    @property
    def strata(self) -> list[Row]:
        """The strata that are alerts as well, where strata are shown to differ."""
        found = [row for row in self.of(Kind.STRATUM) if row.alerts and row is not self.first]
        return found if self.of(Kind.DIFFERS) else []


class _Report(Words):
    """What the templates ask for."""

    def __init__(
        self, table: CountsTable, findings: Findings, lang: Language, followed: Sequence[Followed] = ()
    ) -> None:
        super().__init__(table, lang)
        self.followed = followed
        said = conclude(findings)
        self.findings, self.rows, self.unsettled = findings, said.rows, said.unsettled
        # What is still there with all else held equal comes before what that explains.
        self.alerts = sorted(_things(said.every), key=lambda t: (t.contradicted is not None, -t.certain))
        self.impossible = [row for row in said.rows if row.verdict is Verdict.IMPOSSIBLE]
        shown = [row for row in said.rows if row.answer in (Answer.LARGE, Answer.UNSURE) and not row.alerts]
        self.shown = sorted(shown, key=lambda row: (not row.harms, row.answer is not Answer.LARGE))
        unsaid = [row for row in said.rows if row.verdict is Verdict.TOO_LITTLE]
        self.too_little = sum(row.kind not in (Kind.BLIND, Kind.DIFFERS) for row in unsaid)
        #: What the headline is about.
        self.case = "open"
        if said.state is State.ALERT:
            self.case = "less" if all(t.first.direction == "benefit" for t in self.alerts) else "more"
        elif self.impossible:
            self.case = "impossible"
        elif said.state is State.CALM:
            self.case = "calm"
        elif self.shown:
            self.case = "shown"

    def bound(self, row: Row) -> str:
        """The end of the interval that is least to the disadvantage of the group, on the scale of the ratio itself."""
        if row.direction == "burden":
            return self.text("at_least", number=self.number(row.ratio.low))
        return self.text("at_most", number=self.number(row.ratio.high))

    def more(self, row: Row) -> str:
        return self.text("more_often" if row.verdict in (Verdict.OVER, Verdict.MORE) else "less_often")

    def whom(self) -> Markup:
        """The groups that stand out, each once, and at how many steps."""
        firsts = [thing.first for thing in self.alerts]
        mixed = len({self.within(row) for row in firsts}) > 1
        text = self.named(firsts, self._where if mixed else lambda row: "")
        steps = len({row.stage for row in firsts})
        return text + (self.t("at_steps", number=steps) if steps > 1 else "")

    def _where(self, row: Row) -> Markup:
        return Markup(" ({})").format(self.within(row).strip() or self.t("in_the_whole"))

    def protected(self) -> str:
        return ", ".join(one.label for one in self.table.dimensions if one.role == "protected")

    def withheld(self) -> bool:
        """Whether a count of the table is withheld."""
        return any(
            None in counts.values()
            for stage in self.table.stages
            for counts in (stage.counts, *stage.margins.values())
        )

    def untold(self) -> list[str]:
        """The stages of which no count per group is told."""
        told = ((stage.label, [*stage.counts.values()]) for stage in self.table.stages)
        return [label for label, counts in told if counts and not any(one is not None for one in counts)]

    def finding(self, row: Row) -> Finding | None:
        """The counts behind a crude row, where all of them are told; None of the group that others are compared with."""
        same = (f for f in self.findings.findings if _place(f) == _place(row) and f.against == row.against)
        found = next(same, None)
        if found is None or None in (found.count, found.total, found.reference_count, found.reference_total):
            return None
        return found

    def shown_otherwise(self) -> list[tuple[str, dict[str, list[Row]]]]:
        """Differences that are shown, and are no alert: their size is unsure, or they harm nobody of the group."""
        alike: dict[str, dict[str, list[Row]]] = {}
        alarming = {(thing.first.stage, thing.first.group) for thing in self.alerts}
        for row in self.shown:
            if row.kind is Kind.STRATUM and (row.stage, row.group) in alarming:
                continue
            much = "more" if row.verdict in (Verdict.OVER, Verdict.MORE) else "less"
            key = f"{'unsure' if row.answer is Answer.UNSURE else 'large'}_{much}"
            alike.setdefault(key, {}).setdefault(self.group(row.dimension, row.group), []).append(row)
        return list(alike.items())

    def unknown(self) -> list[Finding]:
        """Steps at which it is not known of many to which group they belong."""
        found = (one for one in self.findings.findings if one.group == UNKNOWN)
        return [one for one in found if (over(one.count, one.total) or 0) >= 0.05]

    def differing(self) -> list[Conditional]:
        """What held equal is no one number, once per step and dimension."""
        told: dict[tuple[str, str, str], Conditional] = {}
        for one in self.findings.conditionals:
            if one.differs or one.reverses:
                told.setdefault((one.stage, one.dimension, one.given), one)
        return list(told.values())

    def attributed(self) -> list[Attribution]:
        """The attributions of every selection in which a group stands out."""
        firsts = [(self.table.stage(t.first.stage), t.first) for t in self.alerts]
        alarming = {(stage.partner, stage.selection, row.dimension, row.group) for stage, row in firsts}
        found = [
            one
            for one in self.findings.attributions
            if (one.partner, one.selection, one.dimension, one.group) in alarming and (one.ratio or 0) > 1
        ]
        return sorted(found, key=lambda one: (not one.sure, -(one.ratio or 0)))

    @staticmethod
    def heaviest(one: Attribution) -> Share:
        return max(one.shares, key=lambda share: share.shapley or 0)

    def dense(self) -> list[tuple[str, list[Part[Concentration]]]]:
        """Group → criterion → the values at which the group is found more often."""
        over_ = [one for one in self.findings.concentrations if one.verdict is Verdict.OVER]
        over_.sort(key=lambda one: (one.dimension, one.group))
        return [
            (self.group(dimension, group), _parts(its, lambda one: one.criterion))
            for (dimension, group), its in groupby(over_, key=lambda one: (one.dimension, one.group))
        ]

    # what was promised

    def whose(self, row: Row) -> str:
        """The group of a row of an earlier round, which this table need not know."""
        try:
            return self.group(row.dimension, row.group)
        except (KeyError, ValueError):
            return f"{row.dimension} {row.group}"

    def at(self, row: Row) -> str:
        """The step of a row of an earlier round, likewise."""
        known = next((stage for stage in self.table.stages if stage.id == row.stage), None)
        return self.stage(known) if known else row.stage

    def promised(self, one: Promise) -> list[tuple[str, str]]:
        """What was said, shortened, and by whom."""
        names: dict[str, list[str]] = {}
        for name, text in one.said.items():
            names.setdefault(shorten(text, MOST_SAID, placeholder="…"), []).append(name)
        return [(text, ", ".join(its)) for text, its in names.items()]

    # what has to be justified

    def difference(self, rows: Sequence[Row]) -> str:
        """One group within one selection, in which so many comparisons are alerts."""
        first = rows[0]
        stage = self.table.stage(first.stage)
        return self.text(
            "difference",
            who=self.group(first.dimension, first.group),
            place=self.register(stage) if stage.partner else self.text("all_partners"),
            number=len(rows),
            bound=self.bound(first),
            others=self.others(first.dimension, first.others),
        )

    def computed(self, row: Row) -> str:
        """What lighter ways would do: the difference and how many are selected without each criterion, and how many cases
        there are fewer without what each partner concerned delivers."""
        stage = self.table.stage(row.stage)
        of = (stage.partner, stage.selection, row.dimension, row.group)
        found = [
            self.text("without", criterion=share.criterion, ratio=self.number(one.ratio), without=self.without(one, share))
            + self._selected_more(one, share)
            for one in self.findings.attributions
            if (one.partner, one.selection, one.dimension, one.group) == of
            for share in one.shares
        ]  # fmt: skip
        fewer = [
            self.text("cases_fewer" if count else "few_cases_fewer", partner=name, number=self.count(count or self.table.smallest_cell - 1))
            for name, count in self.table.cases_fewer.items()
            if stage.partner in (None, name)
        ]  # fmt: skip
        told = [self.text("computed", without="; ".join(found)) if found else self.text("not_computed")]
        return " ".join([*told, *([self.text("computed", without="; ".join(fewer))] if fewer else [])])

    def _selected_more(self, one: Attribution, share: Share) -> str:
        """How many meet every criterion but this one: whoever is selected more without it. At least, where counts of
        theirs are withheld."""
        own = (one.partner, one.selection)
        met = next((m for m in self.table.combinations if (m.partner, m.selection) == own), None)
        if met is None:
            return ""
        only = "".join("0" if name == share.criterion else "1" for name in met.criteria)
        counts = met.met.get(only, {}).values()
        key = "selected_at_least" if None in counts else "selected_more"
        return self.text(key, number=self.count(sum(count or 0 for count in counts)))

    def without(self, one: Attribution, share: Share) -> str:
        """The ratio that is left without a criterion."""
        return self.number((one.ratio or 0) / (share.left_out or 1))

    # every stage

    def sections(self) -> Iterator[tuple[str, list[tuple[str, list[tuple[str, str, list[Part[Finding]]]]]]]]:
        """Selection → step → dimension: its name, its figure, and the findings by what they are compared with."""
        stage = self.table.stage
        for (partner, _), its in groupby(
            self.findings.findings, key=lambda f: (stage(f.stage).partner, stage(f.stage).selection)
        ):
            found = list(its)
            title = self.text("all_partners" if any(s.partner for s in self.table.stages) else "step_by_step")
            yield (
                title if partner is None else self.register(stage(found[0].stage)),
                [
                    (self.within_selection(stage(step)), [self._figured(same) for _, same in _parts(alike, lambda f: f.dimension)])
                    for step, alike in _parts(found, lambda f: f.stage)
                ],
            )  # fmt: skip

    def _figured(self, found: list[Finding]) -> tuple[str, str, list[Part[Finding]]]:
        first = found[0]
        parts = [
            (self.text("beside", stage=self.within_selection(self.table.stage(against))), same)
            for against, same in _parts(found, lambda f: f.against)
        ]
        axis = self.text("times_the_chance", others=self.others(first.dimension, first.others))
        name = self.dimension(first.dimension)
        return name, self._figure(name, axis, parts, lambda f: self.group(f.dimension, f.group)), parts

    def concentrations(self) -> Iterator[tuple[str, str, list[Part[Concentration]]]]:
        """Group: its name, a figure, and what is found of it by criterion."""
        found = sorted(
            self.findings.concentrations, key=lambda one: (one.dimension, one.group, one.criterion)
        )
        for (dimension, group), its in groupby(found, key=lambda one: (one.dimension, one.group)):
            parts = _parts(its, lambda one: one.criterion)
            who = self.group(dimension, group)
            axis = self.text("times_as_often", others=self.others(dimension, parts[0][1][0].others))
            yield who, self._figure(who, axis, parts, lambda one: one.value), parts

    def _figure(self, name: str, axis: str, parts: Iterable[Part[T]], label: Callable[[T], str]) -> str:
        told = [(head, [self._dot(label(one), one) for one in its]) for head, its in parts]  # type: ignore[arg-type]
        return dots(told, self.table.tolerance, name, axis)

    def _dot(self, label: str, one: Finding | Concentration) -> Dot:
        told = f"{self.number(one.ratio.value)} · {self.verdict(one.verdict)}"
        return Dot(label, one.ratio, one.verdict, told)

    def conditionals(self) -> list[Part[Conditional]]:
        """Where to and where from, and what is held equal there."""
        stage = self.table.stage
        return [
            (self.text("way", here=self.stage(stage(here)), there=self.stage(stage(there))), list(its))
            for (here, there), its in groupby(
                self.findings.conditionals, key=lambda one: (one.stage, one.against)
            )
        ]


def _parts(rows: Iterable[T], key: Callable[[T], str]) -> list[Part[T]]:
    return [(name, list(its)) for name, its in groupby(rows, key=key)]


def _place(one: Row | Finding) -> tuple[str, str, str]:
    return one.dimension, one.group, one.stage


def _things(rows: Iterable[Row]) -> list[_Thing]:
    """Per group and stage the rows beside the latest stage before it with which there is an alert."""
    found: dict[tuple[str, str, str], dict[str, list[Row]]] = {}
    for row in rows:
        if row.kind is not Kind.BLIND:
            found.setdefault(_place(row), {}).setdefault(row.against, []).append(row)
    things = []
    for by_against in found.values():
        several = [_Thing(tuple(its)) for its in by_against.values()]
        things += [thing for thing in several if thing.certain][-1:]
    return things
