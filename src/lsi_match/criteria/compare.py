"""Two predicates compared by what they mean: the same, wider, narrower, or otherwise changed.

"Same", "wider" and "narrower" are said only when they are proven: either by trying every kind of record
(`worlds`), or, where there are too many kinds, part by part: AND and OR let more records pass when a part
lets more pass. Everything else is "other".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from lsi_match.base.errors import Language
from lsi_match.criteria.explain import ColumnNames, RuleColumn, rule_condition
from lsi_match.criteria.meaning import NO, YES, All, AnyOf, Condition, all_of, any_of, used_fields
from lsi_match.criteria.parse import Predicate, Unit
from lsi_match.criteria.partial_evaluation import simplify
from lsi_match.criteria.reading import condition_of
from lsi_match.criteria.satisfiability import implies
from lsi_match.criteria.verbalizer import Declared, Line, Names, Verbalizer
from lsi_match.criteria.wording import say

_LANGUAGES: tuple[Language, ...] = ("nl", "en")
Kind = Literal["same", "wider", "narrower", "other"]


@dataclass(frozen=True)
class PartChange:
    """One condition at the top of the predicate that came, went or changed."""

    kind: Literal["added", "removed", "widened", "narrowed", "changed"]
    old: Condition | None
    new: Condition | None


@dataclass(frozen=True)
class Change:
    """What a new predicate does otherwise than the old one.

    Attributes:
        kind: same, wider and narrower are proven.
        rewritten: the same meaning in another text.
        parts: what changed at the top, empty when the meaning is the same.
        nl, en: all of it in words.
    """

    kind: Kind
    rewritten: bool
    parts: tuple[PartChange, ...]
    nl: Line
    en: Line


def compare(old: Predicate, new: Predicate, fields: Mapping[str, Declared]) -> Change:
    """How the meaning of `new` differs from that of `old`; `fields` declares the fields of both."""
    types = {name: field.type for name, field in fields.items()}
    before, after = (simplify(condition_of(predicate, types)) for predicate in (old, new))
    names: dict[Language, Names] = {"nl": Names(fields, "nl"), "en": Names(fields, "en")}
    return _change(before, after, names, "records", old.text != new.text)


def compare_match_rules(
    old: Predicate, new: Predicate, columns: Mapping[str, RuleColumn], unit: Unit | None = None
) -> Change:
    """The same for match rules, of whose columns only months can be unknown."""
    before, after = (simplify(rule_condition(predicate, columns)) for predicate in (old, new))
    names: dict[Language, Names] = {
        "nl": ColumnNames(columns, "nl", unit),
        "en": ColumnNames(columns, "en", unit),
    }
    return _change(before, after, names, "cases", old.text != new.text)


def _change(
    old: Condition, new: Condition, names: Mapping[Language, Names], what: str, rewritten: bool
) -> Change:
    parts, kind = _parts(old, new)
    more, fewer = implies(old, new), implies(new, old)
    if more or fewer:
        kind = "same" if more and fewer else "wider" if more else "narrower"
    if kind == "same":
        parts = ()
    nl, en = (_words(kind, parts, what, Verbalizer(names[lang])) for lang in _LANGUAGES)
    return Change(kind, kind == "same" and rewritten, parts, nl, en)


def _parts(old: Condition, new: Condition) -> tuple[tuple[PartChange, ...], Kind]:
    """The changes of the parts, and what they prove about the whole."""
    kind = All if isinstance(old, All) or isinstance(new, All) else AnyOf
    before, after = _grouped(old, kind), _grouped(new, kind)
    left = [part for part in before if part not in after]
    right = [part for part in after if part not in before]
    changes: list[PartChange] = []
    # First what is proven of parts over the same fields, then of parts that share one, then mere resemblance.
    for likeness in (2, 1, 0):
        for one in list(left):
            found = next((c for other in right if (c := _paired(one, other, likeness))), None)
            if found is not None and found.new is not None:
                left.remove(one)
                right.remove(found.new)
                changes.append(found)
    changes = [change for change in changes if change.old != change.new]
    changes += [PartChange("removed", one, None) for one in left]
    changes += [PartChange("added", None, one) for one in right]
    return tuple(changes), _together({change.kind for change in changes}, kind)


def _together(kinds: set[str], junction: type[All] | type[AnyOf]) -> Kind:
    wider = {"widened", "removed" if junction is All else "added"}
    narrower = {"narrowed", "added" if junction is All else "removed"}
    if not kinds:
        return "same"
    return "wider" if kinds <= wider else "narrower" if kinds <= narrower else "other"


def _grouped(condition: Condition, kind: type[All] | type[AnyOf]) -> list[Condition]:
    """The parts at the top; those about one and the same field together, so that a range is one part."""
    parts = condition.parts if isinstance(condition, kind) else (condition,)
    join = all_of if kind is All else any_of
    groups: dict[tuple[str, ...], list[Condition]] = {}
    for number, part in enumerate(parts):
        fields = _fields(part)
        key = tuple(fields) if len(fields) == 1 else ("", str(number))
        groups.setdefault(key, []).append(part)
    return [
        part for part in (join(group) for group in groups.values()) if part != (YES if kind is All else NO)
    ]


def _fields(part: Condition) -> list[str]:
    """The fields a part is about; the reference date only beside others."""
    return sorted(name for name, field in used_fields(part).items() if not field.known) or sorted(
        used_fields(part)
    )


def _paired(old: Condition, new: Condition, likeness: int) -> PartChange | None:
    before, after = set(_fields(old)), set(_fields(new))
    if not before & after or (likeness != 1 and before != after):
        return None
    if likeness == 0:
        return PartChange("changed", old, new)
    more, fewer = implies(old, new), implies(new, old)
    if more and fewer:
        return PartChange("changed", new, new)  # The same in other words: taken out of both, and no change.
    return PartChange("widened" if more else "narrowed", old, new) if more or fewer else None


def _words(kind: Kind, parts: Sequence[PartChange], what: str, speaker: Verbalizer) -> Line:
    lines = []
    for part in parts:
        below = [
            Line((say(speaker.lang, key, x="") if part.old and part.new else "") + line.text, line.lines)
            for key, condition in (("was", part.old), ("is_now", part.new))
            if condition is not None and (line := speaker.line(condition))
        ]
        lines.append(Line(say(speaker.lang, f"part_{part.kind}"), tuple(below)))
    return Line(say(speaker.lang, f"change_{kind}", them=say(speaker.lang, what)), tuple(lines))
