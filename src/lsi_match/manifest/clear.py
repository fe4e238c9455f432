"""What a manifest says can be read in one way, and is about groups: the rules that a new manifest has to hold to.

A manifest that was signed before there was such a rule stays readable; the gate `manifest` stops its rounds.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lsi_match.base.validation import RuleViolation
from lsi_match.criteria.clear import (
    check_clear,
    looks_like_somebody,
    names_somebody,
    singled_out,
)
from lsi_match.criteria.letters import skeleton, strange_in_name, strange_in_prose
from lsi_match.criteria.parse import CriterionError, FieldType, Predicate
from lsi_match.criteria.reading import condition_of
from lsi_match.manifest.base import MAX_RECORDS, Document

if TYPE_CHECKING:
    from lsi_match.manifest.monitor_terms import Dimension
    from lsi_match.manifest.selection import Selection
    from lsi_match.manifest.whole import Manifest

Path = tuple[str | int, ...]
#: Of a withheld count that is smaller than this, too few values are possible to hide anybody.
SMALLEST_CELL = 5
#: Members by which people and places are named in sentences.
_NAMES = frozenset({"title", "label", "meaning", "source", "leader", "place"})
#: Members that may hold any letter of a register: what is not Dutch in them is shown by its number.
_OF_REGISTERS = frozenset({"when", "rule", "values"})


def check_manifest_clear(manifest: Manifest) -> None:
    """Raises RuleViolation at the first text that does not read in one way, or is about one person; and where there may be
    more records than a round can number."""
    most = sum(
        selection.volume.at_most for _, selection in manifest.selections() if not selection.counts_only
    )
    if most > MAX_RECORDS:
        raise RuleViolation.because(
            "manifest.too_many_records", "partners", most=most, max_records=MAX_RECORDS
        )
    _letters(manifest.model_dump(mode="json", exclude_unset=True), ())
    for what, names in _told_apart(manifest):
        _read_apart(what, names)
    _predicates(manifest)
    if manifest.monitor.smallest_cell < SMALLEST_CELL:
        raise RuleViolation.because(
            "manifest.smallest_cell", "monitor", "smallest_cell", smallest_cell=SMALLEST_CELL
        )


def check_texts_clear(document: Document) -> None:
    """Raises RuleViolation at the first text of a document that everybody reads that does not read in one way, or names somebody."""
    _letters(document.model_dump(mode="json", exclude_unset=True), ())


def identifying(selection: Selection) -> tuple[set[str], set[str]]:
    """The fields of a selection that say who somebody is, and those of them that hold a postcode."""
    addresses = [one.fields for one in selection.identifiers if one.of_address]
    named = {name for one in selection.identifiers for name in one.fields} | set(selection.person.values())
    postcodes = {fields[0] for fields in addresses} | {selection.person.get("postcode", "")} - {""}
    return named, postcodes


def _letters(value: Any, at: Path) -> None:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            _nobody(looks_like_somebody(name), (*at, name))
            _letters(inner, (*at, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            _letters(inner, (*at, number))
    elif isinstance(value, str) and not _OF_REGISTERS.intersection(at[-2:]):
        strange = strange_in_name(value) if at[-1] in _NAMES else strange_in_prose(value)
        if strange is not None:
            sign = f"U+{ord(strange):04X} {unicodedata.name(strange, '')}".strip()
            raise RuleViolation.because("manifest.hidden_or_alike", *at, sign=sign)
        _nobody(names_somebody(value) or (at[-1] == "id" and looks_like_somebody(value)), at)


def _nobody(somebody: bool, at: Path) -> None:
    if somebody:
        raise RuleViolation.because("manifest.number_of_somebody", *at)


def _told_apart(manifest: Manifest) -> Iterator[tuple[tuple[str, str], list[tuple[Path, str]]]]:
    """What is named beside each other, with the places of the names."""
    parties = ("twee partijen", "two parties")
    yield parties, [(("controllers", name), name) for name in manifest.controllers]
    titles: list[tuple[Path, str]] = [
        (("controllers", name, "title"), one.title) for name, one in manifest.controllers.items()
    ]
    yield parties, [*titles, (("matcher", "title"), manifest.matcher.title)]
    yield (
        ("twee kenmerken", "two characteristics"),
        [(("characteristics", name, "label"), one.label) for name, one in manifest.characteristics.items()],
    )
    for name, partner in manifest.partners.items():
        at: Path = ("partners", name, "selections")
        selections = list(enumerate(partner.selections))
        signals = [((*at, i, "signals", j), s) for i, one in selections for j, s in enumerate(one.signals)]
        yield ("twee selecties", "two selections"), [((*at, i, "id"), one.id) for i, one in selections]
        yield ("twee signalen", "two signals"), [((*place, "id"), signal.id) for place, signal in signals]
        yield (
            ("twee signalen", "two signals"),
            [((*place, "label"), signal.label) for place, signal in signals],
        )
        for i, one in selections:
            here = (*at, i)
            yield ("twee velden", "two fields"), [((*here, "fields", field), field) for field in one.fields]
            for what, member in (
                (("twee criteria", "two criteria"), "criteria"),
                (("twee kenmerken", "two attributes"), "attributes"),
            ):
                yield (
                    what,
                    [((*here, member, j, "id"), part.id) for j, part in enumerate(getattr(one, member))],
                )
            for j, attribute in enumerate(one.attributes):
                values = [((*here, "attributes", j, "values", k), v) for k, v in enumerate(attribute.values)]
                yield ("twee waarden", "two values"), values
    for i, watched in enumerate(manifest.monitor.office.dimensions if manifest.monitor.office else ()):
        place = ("monitor", "office", "dimensions", i, "groups")
        labels = watched.groups.items()
        yield ("twee groepen", "two groups"), [((*place, name), label) for name, label in labels]
    dimensions = list(_dimensions(manifest))
    for member in ("id", "label"):
        yield (
            ("twee indelingen", "two dimensions"),
            [((*at, member), getattr(d, member)) for at, d in dimensions],
        )
        for at, d in dimensions:
            groups = enumerate(d.groups)
            yield (
                ("twee groepen", "two groups"),
                [((*at, "groups", j, member), getattr(g, member)) for j, g in groups],
            )


def _dimensions(manifest: Manifest) -> Iterator[tuple[Path, Dimension]]:
    """What is counted by: by partners that select, and by a statistics partner."""
    for i, one in enumerate(manifest.monitor.dimensions):
        yield ("monitor", "dimensions", i), one
    for i, one in enumerate(manifest.monitor.statistics.dimensions if manifest.monitor.statistics else ()):
        yield ("monitor", "statistics", "dimensions", i), one


def _read_apart(what: tuple[str, str], names: Iterable[tuple[Path, str]]) -> None:
    seen: dict[str, tuple[Path, str]] = {}
    for place, name in names:
        first, other = seen.setdefault(skeleton(name), (place, name))
        if first != place:
            raise RuleViolation.because(
                "manifest.read_alike", *place, what_nl=what[0], other=other, name=name, what=what[1]
            )


def _predicates(manifest: Manifest) -> None:
    for partner, selection in manifest.selections():
        at: Path = ("partners", partner, "selections", manifest.partners[partner].selections.index(selection))
        named, areas = identifying(selection)
        for member, predicates in (
            ("criteria", selection.predicates()),
            ("signals", selection.signal_predicates()),
        ):
            for i, predicate in enumerate(predicates.values()):
                _clear(predicate, selection.field_types, named, areas, *at, member, i, "when")
        _together(selection, selection.signal_predicates().values(), at, "signals")
        for i, attribute in enumerate(selection.attributes):
            if attribute.field in named:
                said = CriterionError("CriterionIdentityError", criterion=attribute.id, field=attribute.field)
                raise RuleViolation.by(said, *at, "attributes", i, "field")
            for part, values in (("values", attribute.values), ("edges", attribute.edges)):
                for j, value in enumerate(values):
                    if looks_like_somebody(str(value)):
                        raise RuleViolation.because("manifest.looks_like_number", *at, 'attributes', i, part, j)  # fmt: skip
    for _, selection in manifest.selections():
        for place, dimension in _dimensions(manifest):
            grouped = manifest.group_predicates(selection).get(dimension.id, {}).values()
            for i, predicate in enumerate(grouped):
                _clear(predicate, selection.field_types, *identifying(selection), *place, "groups", i, "when")
            _together(selection, grouped, place, "groups")
    _clear(manifest.match_predicate(), manifest.match_fields, set(), set(), "match", "rule")


def _together(selection: Selection, others: Iterable[Predicate], at: Path, member: str) -> None:
    """That the criteria of a selection, with each of these beside them, do not single out one person piece by piece."""
    types = selection.field_types
    criteria = [condition_of(one, types) for one in selection.predicates().values()]
    for i, beside in enumerate([None, *others]):
        if field := singled_out([*criteria, *([condition_of(beside, types)] if beside else [])]):
            where = (member, i - 1) if beside else ("criteria",)
            raise RuleViolation.because("manifest.one_number_left", *at, *where, field=field)


def _clear(
    predicate: Predicate, types: Mapping[str, FieldType], named: set[str], areas: set[str], *at: str | int
) -> None:
    try:
        check_clear(predicate, types, named, areas)
    except CriterionError as error:
        raise RuleViolation.by(error, *at) from None
