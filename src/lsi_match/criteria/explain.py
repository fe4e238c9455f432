"""A criterion in plain words, Dutch and English, for a reader who knows no SQL.

The words come from the parsed predicate, never from its text, so they say what will be done. Field names do not
appear; a field is called what its declared meaning calls it. What happens to a record in which a value is
unknown is worked out, not guessed (`worlds`): it never counts, always counts, or counts only if.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal, TypeAlias

from lsi_match.base.errors import Language
from lsi_match.criteria.letters import skeleton
from lsi_match.criteria.meaning import All, AnyOf, Condition, FieldValue, all_of, any_of, used_fields
from lsi_match.criteria.parse import FieldType, Predicate, Unit
from lsi_match.criteria.partial_evaluation import assume, simplify
from lsi_match.criteria.reading import condition_of
from lsi_match.criteria.satisfiability import always, never
from lsi_match.criteria.verbalizer import EXAMPLE_DATE, Declared, Line, Names, Verbalizer
from lsi_match.criteria.wording import markdown_safe, named, say, sentence, straight

#: What a predicate decides: about a record, or (the match rule) about a subject.
PredicateUse: TypeAlias = Literal["criterion", "signal", "group", "rule"]


@dataclass(frozen=True)
class UnknownField:
    """What happens to a record in which this field is unknown, whatever else it holds."""

    field: str
    outcome: Literal["never", "always", "depends"]
    line: Line


@dataclass(frozen=True)
class Explanation:
    """A predicate in words."""

    lang: Language
    condition: Line
    unknown: tuple[UnknownField, ...]

    @property
    def lines(self) -> tuple[Line, ...]:
        return (self.condition, *(note.line for note in self.unknown))


def explain(
    predicate: Predicate,
    fields: Mapping[str, Declared],
    lang: Language = "nl",
    use: PredicateUse = "criterion",
    example_date: date = EXAMPLE_DATE,
) -> Explanation:
    """The predicate in words, with what happens for each of its fields when it is unknown.

    Args:
        predicate: what is explained.
        fields: name → declared type and meaning, as a manifest holds them.
        lang: Dutch or English.
        use: what the predicate decides: whether a record counts, has a signal, or fits a group.
        example_date: the reference date of the examples beside calendar months and years.
    """
    names = Names(fields, lang)
    condition = condition_of(predicate, names.types)
    speaker = Verbalizer(names, example_date)
    shown = [name for name in used_fields(condition) if name in predicate.fields]
    order = [*shown, *(name for name in predicate.fields if name not in shown)]
    notes = tuple(_unknown(condition, FieldValue(f, names.types[f]), speaker, use) for f in order)
    return Explanation(lang, speaker.line(simplify(condition)), notes)


def _unknown(condition: Condition, field: FieldValue, speaker: Verbalizer, use: PredicateUse) -> UnknownField:
    left = simplify(assume(condition, field.name, known=False))
    outcome: Literal["never", "always", "depends"] = (
        "never" if never(left) else "always" if always(left) else "depends"
    )
    names, lang = speaker.names, speaker.names.lang
    rest = names.rest(field.name)
    subject = say(lang, "if_unknown_rest" if rest else "if_unknown", x=names.name(field), rest=rest)
    below = (speaker.line(_tidy(left)),) if outcome == "depends" else ()
    return UnknownField(field.name, outcome, Line(sentence(subject + say(lang, f"{use}_{outcome}")), below))


def _tidy(condition: Condition) -> Condition:
    """Without parts that are true of every record, or of none."""
    if isinstance(condition, All):
        return all_of([part for part in map(_tidy, condition.parts) if not always(part)])
    if isinstance(condition, AnyOf):
        return any_of([part for part in map(_tidy, condition.parts) if not never(part)])
    return condition


@dataclass(frozen=True)
class RuleColumn:
    """What a column of the match rule is about: all partners, one partner, one signal of a partner, the number of its
    records, or the first or last month of something that goes along."""

    partner: str = ""
    signal: str = ""
    value: Literal["", "records", "first", "last"] = ""
    of: str = ""

    @property
    def type(self) -> FieldType:
        if self.value in ("first", "last"):
            return FieldType.DATE
        return FieldType.BOOLEAN if self.partner and not self.value else FieldType.INTEGER

    @property
    def meaning(self) -> str:
        return self.of or self.signal or self.partner


def explain_match_rule(
    rule: Predicate, columns: Mapping[str, RuleColumn], lang: Language = "nl", unit: Unit | None = None
) -> Explanation:
    """The match rule in words, with what happens when one of its months is unknown; nothing else in it can be."""
    condition = rule_condition(rule, columns)
    speaker = Verbalizer(ColumnNames(columns, lang, unit))
    months = [used for name, used in used_fields(condition).items() if name in columns and not used.known]
    notes = tuple(_unknown(condition, month, speaker, "rule") for month in months)
    return Explanation(lang, speaker.line(simplify(condition)), notes)


def rule_condition(rule: Predicate, columns: Mapping[str, RuleColumn]) -> Condition:
    """The meaning of a match rule, all of whose columns are known, except months."""
    condition = condition_of(rule, {name: column.type for name, column in columns.items()})
    for name in rule.fields:
        if columns[name].type is not FieldType.DATE:
            condition = assume(condition, name, known=True)
    return condition


class ColumnNames(Names):
    """The match rule's columns: where a subject is found, which signals it has, how many records, since when."""

    def __init__(self, columns: Mapping[str, RuleColumn], lang: Language, unit: Unit | None = None) -> None:
        super().__init__(columns, lang)
        self.columns = columns
        self.it = say(lang, unit.value if unit else "it")
        alike = Counter(map(_said_of, columns.values()))
        #: What tells a column apart that would be called as another.
        self.apart = {k: f" ({k})" if alike[_said_of(v)] > 1 else "" for k, v in columns.items()}

    def name(self, field: FieldValue) -> str:
        column = self.columns.get(field.name)
        if column is None:
            return super().name(field)
        if column.value:
            called = say(
                self.lang, f"{column.value}_of", it=self.it, x=straight(column.partner), y=named(column.of)
            )
            return called + self.apart[field.name]
        return f"‘{self.holds(field, True)}’" if column.partner else say(self.lang, "partners", it=self.it)

    def rest(self, field: str) -> str:
        return ""

    def euros(self, field: FieldValue) -> bool:
        return False

    def holds(self, field: FieldValue, truth: bool) -> str:
        column, no = self.columns[field.name], "" if truth else "no_"
        what, x = "signal" if column.signal else "partner", straight(column.partner)
        return say(self.lang, no + what, it=self.it, x=x, y=named(column.signal)) + self.apart[field.name]

    def counted(self, operator: str, field: FieldValue, value: Decimal) -> str | None:
        least = {">=": value, ">": value + 1, "<=": value, "<": value - 1, "=": value}.get(operator)
        if least is None or least != int(least):
            return None
        kind = {">": "n_at_least", "<": "n_at_most", "=": "n_exactly"}[operator[0]]
        column = self.columns[field.name]
        one, more = ("record", "records") if column.value else ("organisation", "organisations")
        said = say(self.lang, kind, n=int(least), o=say(self.lang, one if least == 1 else more))
        return say(
            self.lang,
            "n_records" if column.value else "n_partners",
            it=self.it,
            n=said,
            x=straight(column.partner) + self.apart[field.name],
        )

    def together(self, fields: Sequence[FieldValue], every: bool) -> Line | None:
        found = [self.columns[field.name] for field in fields]
        if len(found) < 2 or any(column.signal for column in found):
            return None
        head = say(self.lang, "all_partners" if every else "any_partner", it=self.it)
        names = (straight(self.columns[field.name].partner) + self.apart[field.name] for field in fields)
        return Line(head[:1].upper() + head[1:], tuple(map(Line, names)))


def _said_of(column: RuleColumn) -> tuple[str, ...]:
    return tuple(map(skeleton, (column.partner, column.signal, column.value, column.of)))


def as_text(explanation: Explanation, indent: int = 2) -> str:
    """The lines as plain text, each level further in."""
    return "\n".join(
        f"{' ' * indent * depth}{'- ' if depth else ''}{line.text}"
        for depth, line in _walk(explanation.lines)
    )


def as_items(lines: Sequence[Line], depth: int = 0) -> list[str]:
    """The lines as items of a nested Markdown list, from this depth on."""
    return [f"{'  ' * at}- {markdown_safe(line.text)}" for at, line in _walk(lines, depth)]


def _walk(lines: Sequence[Line], depth: int = 0) -> Iterator[tuple[int, Line]]:
    for line in lines:
        yield depth, line
        yield from _walk(line.lines, depth + 1)
