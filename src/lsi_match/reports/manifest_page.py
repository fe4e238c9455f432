"""A manifest in plain words, what is signed of it, and what changed between two, for readers who know no SQL.

What a predicate means is worked out from its parse (`criteria.explain`, `criteria.compare`); everything else is told as it
stands in the manifest. The words stand in `documents/manifest.toml`, the pages in the templates beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import partial
from itertools import islice, takewhile
from typing import Any, get_args
from zoneinfo import ZoneInfo

from lsi_match.base.catalogue import word
from lsi_match.base.errors import Language
from lsi_match.criteria.compare import compare, compare_match_rules
from lsi_match.criteria.explain import RuleColumn, explain, explain_match_rule
from lsi_match.criteria.meaning import FieldValue
from lsi_match.criteria.parse import Predicate
from lsi_match.criteria.verbalizer import Line, Names
from lsi_match.criteria.wording import day, in_euros, in_quotes, listed, number, short_name
from lsi_match.manifest import Attribute, Characteristic, Dimension, Document, Manifest, Selection
from lsi_match.manifest.accountability import term
from lsi_match.manifest.equality import Undeclared, undeclared, uses
from lsi_match.manifest.monitor_terms import Group
from lsi_match.manifest.terms import LATE
from lsi_match.reports.document import Document as Page
from lsi_match.reports.document import Writer


def explained(
    manifest: Manifest, lang: Language, *, digest: str | None = None, partner: str | None = None
) -> Page:
    """The whole manifest in plain words.

    Args:
        digest: of the manifest; none for a draft.
        partner: tell what this partner selects only; the rest of the page stays.
    """
    return _writer(lang).document("manifest.md", digest=digest, **_agreed(manifest, lang, partner))


def agreed(manifest: Manifest, lang: Language) -> Page:
    """Everything that a manifest says: the one text of the explanation and of what controllers sign.

    Only keys, and digests that go with files, are left out: nobody reads those.
    """
    return _writer(lang).document("agreed.md", **_agreed(manifest, lang))


def statement(manifest: Manifest, sentence: str, lang: Language, previous: Manifest | None) -> Page:
    """What a controller signs for: all that is agreed, and what changed; the same for every controller.

    Args:
        sentence: the one that every approval has, in English.
        previous: the version that was agreed before; none for the first.
    """
    facts = _agreed(manifest, lang)
    if previous is not None:
        facts |= _changes(previous, manifest, lang, (previous.digest, manifest.digest))
    return _writer(lang).document("statement.md", statement=sentence, previous=previous, **facts)


def difference(old: Manifest, new: Manifest, lang: Language, *, names: tuple[str, str]) -> Page:
    """What changed between two manifests: predicates by their meaning, everything else as it stands.

    Args:
        names: how to call both: their digests, or the files of drafts.
    """
    return _writer(lang).document("difference.md", title=new.project.title, **_changes(old, new, lang, names))


def _writer(lang: Language) -> Writer:
    return Writer("manifest", lang)


def _agreed(manifest: Manifest, lang: Language, partner: str | None = None) -> dict[str, Any]:
    """What the template of what is agreed asks for."""
    subject, used = manifest.subject, uses(manifest)
    kinds = [word("kind", kind, lang) for kind in (*subject.identifiers, *subject.person_keys)]
    share = f"{100 * subject.false_links:.3g}%"
    return {
        "manifest": manifest,
        "partner": partner,
        "explain": explain,
        "term": term,
        "suspect": undeclared(manifest),
        "counts_in": lambda name: list(dict.fromkeys(use.place for use in used if use.characteristic == name)),
        "kinds": listed(kinds, lang),
        "share": share.replace(".", ",") if lang == "nl" else share,
        "shown_to": lambda partner, what: [n for n, show in manifest.release.to.items() if partner in getattr(show, what)],
        "field_name": partial(_field_name, lang),
        "in_quotes": lambda values: ", ".join(in_quotes(value, lang) for value in values),
        "in_numbers": partial(_edges, lang),
        "linked_by": partial(_linked_by, lang),
        "match_rule": explain_match_rule(manifest.match_predicate(), match_columns(manifest), lang, subject.unit),
        "group_told": partial(_group_told, manifest, lang),
        "near": list(_near_population(manifest)) if manifest.pseudonyms.together else [],
        "moments": ", ".join(f"{day(at.date(), lang)} {at:%H:%M}" for at in islice(_openings(manifest), 3)),
        "late_days": LATE.days,
        "accounted": {name: value for name, value in manifest.accountability if value},
    }  # fmt: skip


def _field_name(lang: Language, selection: Selection, field: str) -> str:
    names = Names(selection.fields, lang)
    return names.name(FieldValue(field, names.types[field]))


def _edges(lang: Language, selection: Selection, attribute: Attribute) -> list[str]:
    """The edges of the bands of an attribute."""
    euro = in_euros(selection.fields[attribute.field].meaning)
    return [number(Decimal(edge), lang, euro) for edge in attribute.edges]


def _linked_by(lang: Language, selection: Selection, field: str) -> str:
    """What a field links by; nothing for most."""
    text = _writer(lang).text
    links = []
    for source in selection.identifiers:
        if field in source.fields:
            kind, form = (word("kind", one, lang) for one in (source.kind, source.form))
            links.append(kind if source.form == "plain" else text("out_of", kind=kind, form=form))
    links += [text("person_key", part=part) for part, one in selection.person.items() if one == field]
    return ", ".join(links)


def _group_told(manifest: Manifest, lang: Language, dimension: Dimension, group: Group) -> Line | None:
    """Who belongs to a group, in the words of the first selection that can count it."""
    for _, selection in manifest.selections():
        if (predicates := manifest.group_predicates(selection).get(dimension.id)) is not None:
            return explain(predicates[group.id], selection.fields, lang, "group").condition
    return None


#: People in the Netherlands; and from which share of them on answers to guesses are told.
_POPULATION, _NEAR = 18_000_000, 0.5


def _near_population(manifest: Manifest) -> Iterator[tuple[str, int]]:
    """The partners that over all rounds may have nearly as many numbers answered as there are people, with how many."""
    rounds = manifest.schedule.rounds_at_most or 0
    if manifest.schedule.opens:
        planned = sum(1 for _ in _openings(manifest))
        rounds = min(rounds or planned, planned)
    for name, most in manifest.at_most.items():
        if most * rounds >= _NEAR * _POPULATION:
            yield manifest.controllers[name].title, most * rounds


def _openings(manifest: Manifest) -> Iterator[datetime]:
    """The moments in the period of the project at which rounds open by themselves."""
    schedule, period = manifest.schedule, manifest.project.period
    begin = datetime.combine(period.first, time.min, ZoneInfo(schedule.timezone)) - timedelta(seconds=1)
    return takewhile(lambda at: at.date() <= period.last, schedule.openings(begin))


# what changed


@dataclass(frozen=True)
class ChangedCharacteristic:
    """A ground or proxy that came (`new`), went (`goes`), or counts in other places than before."""

    of: Characteristic
    state: str
    now: list[str]
    no_longer: list[str]


@dataclass(frozen=True)
class OtherChange:
    """What stands otherwise at a place; None where nothing stood or stands."""

    place: str
    was: str | None
    now: str | None
    meaning: str


def _changes(old: Manifest, new: Manifest, lang: Language, names: tuple[str, str]) -> dict[str, Any]:
    """What the template of changes asks for."""
    told = {f"characteristics.{name}" for name in old.characteristics.keys() ^ new.characteristics.keys()}
    changed = _other_changes("", *(_by_id(one.model_dump(mode="json")) for one in (old, new)))
    return {
        "names": names,
        "rules": list(_rule_changes(lang, old, new)),
        "characteristics": list(_characteristic_changes(old, new)),
        "suspect_now": [one for one in undeclared(new) if _place(one) not in map(_place, undeclared(old))],
        "others": [
            OtherChange(place, _value(was), _value(now), _meaning(place, lang))
            for place, was, now in changed if place not in told
        ],
    }  # fmt: skip


def _place(found: Undeclared) -> tuple[str, str, str]:
    return found.partner, found.selection, found.field


def _rules(manifest: Manifest) -> dict[str, tuple[Predicate, Selection]]:
    """Every predicate over fields by its place."""
    found = {}
    for partner, selection in manifest.selections():
        parts = {"criteria": selection.predicates(), "signals": selection.signal_predicates()}
        parts |= {f"groups.{name}": groups for name, groups in manifest.group_predicates(selection).items()}
        for part, predicates in parts.items():
            for name, predicate in predicates.items():
                found[f"{partner}.{selection.id}.{part}.{name}"] = (predicate, selection)
    return found


def _rule_changes(lang: Language, old: Manifest, new: Manifest) -> Iterator[tuple[str, Line]]:
    text, before, after = _writer(lang).text, _rules(old), _rules(new)
    for place in dict.fromkeys([*before, *after]):
        if place in after and place in before:
            (was, old_selection), (now, selection) = before[place], after[place]
            if was.text == now.text:
                continue
            line = getattr(compare(was, now, {**old_selection.fields, **selection.fields}), lang)
            yield place, Line(line.text, (*line.lines, *_looks_at(lang, new, selection, now)))
            continue
        gone = place in before
        predicate, selection = before[place] if gone else after[place]
        said = explain(predicate, selection.fields, lang).condition
        effect = text("more_pass" if gone else "fewer_pass") if ".criteria." in place else ""
        looks = _looks_at(lang, old if gone else new, selection, predicate)
        yield place, Line(text("goes" if gone else "new") + effect, (said, *looks))
    if old.match.rule != new.match.rule:
        columns = {**match_columns(old), **match_columns(new)}
        change = compare_match_rules(old.match_predicate(), new.match_predicate(), columns, new.subject.unit)
        yield "match.rule", getattr(change, lang)


def _looks_at(
    lang: Language, manifest: Manifest, selection: Selection, predicate: Predicate
) -> tuple[Line, ...]:
    """Which grounds and proxies a predicate looks at."""
    text, named = _writer(lang).text, [selection.fields[field].characteristic for field in predicate.fields]
    return tuple(
        Line(text("looks_at", label=one.label, kind=text(f"looks_at_{one.kind}")))
        for one in (manifest.characteristics[name] for name in dict.fromkeys(named) if name)
    )


def _characteristic_changes(old: Manifest, new: Manifest) -> Iterator[ChangedCharacteristic]:
    before, after = ({(use.characteristic, use.place): None for use in uses(one)} for one in (old, new))
    for name in dict.fromkeys([*old.characteristics, *new.characteristics]):
        came, went = name not in old.characteristics, name not in new.characteristics
        now = [place for of, place in after if of == name and (of, place) not in before]
        no_longer = [place for of, place in before if of == name and (of, place) not in after]
        if came or went or now or no_longer:
            of = old.characteristics[name] if went else new.characteristics[name]
            yield ChangedCharacteristic(of, "new" if came else "goes" if went else "", now, no_longer)


def _by_id(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _by_id(inner) for name, inner in value.items() if name not in ("when", "rule")}
    if isinstance(value, list) and value and all(isinstance(item, dict) and "id" in item for item in value):
        return {item["id"]: _by_id({k: v for k, v in item.items() if k != "id"}) for item in value}
    return value


def _other_changes(place: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in dict.fromkeys([*old, *new]):
            yield from _other_changes(f"{place}.{name}" if place else str(name), old.get(name), new.get(name))
    elif old != new:
        yield place, old, new


def _is_part(part: Any) -> bool:
    return isinstance(part, type) and issubclass(part, Document)


def _meaning(place: str, lang: Language) -> str:
    """What the member at `place` is for, as its catalogue says; nothing for a name that somebody chose."""
    part: Any = Manifest
    said = ""
    for step in place.split("."):
        if _is_part(part):
            if step not in part.model_fields:
                return ""
            said = part.meaning_of(step).get(lang, "")
            part = part.model_fields[step].annotation
        else:  # a name in a mapping, or an id in a list
            part, said = next(filter(_is_part, get_args(part)), None), ""
    return said


def _value(value: Any) -> str | None:
    """A value as it stands; "–" for a list or a mapping of nothing."""
    if isinstance(value, list):
        return ", ".join(str(_value(item)) for item in value) or "–"
    if isinstance(value, Mapping):
        told = (f"{name}: {_value(inner)}" for name, inner in value.items() if inner not in (None, [], {}))
        return "; ".join(told) or "–"
    return None if value is None else str(value)


def match_columns(manifest: Manifest) -> dict[str, RuleColumn]:
    """The columns of the match rule with the titles of partners, the labels of signals, and the meanings of fields."""
    columns = {"partners": RuleColumn()}
    for name, partner in manifest.partners.items():
        title = manifest.controllers[name].title
        columns[name] = RuleColumn(title)
        columns.update({f"{name}_{signal.id}": RuleColumn(title, signal.label) for signal in partner.signals})
        for selection in partner.selections:
            for attribute in selection.attributes:
                if attribute.for_rule:
                    of = short_name(selection.fields[attribute.field].meaning)[0]
                    columns.setdefault(
                        f"{name}_{attribute.id}_first", RuleColumn(title, value="first", of=of)
                    )
                    columns.setdefault(f"{name}_{attribute.id}_last", RuleColumn(title, value="last", of=of))
        if name in manifest.match.records_of:
            columns[f"{name}_records"] = RuleColumn(title, value="records")
    return columns
