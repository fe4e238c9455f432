"""What a manifest says about grounds of discrimination and their proxies, and what it cannot leave unsaid."""

from __future__ import annotations

from typing import Any

import pytest
from handmade import PROSE, document, selection
from pydantic import ValidationError

from lsi_match.manifest import Manifest
from lsi_match.manifest.equality import (
    CharacteristicKind,
    CharacteristicUse,
    known_characteristics,
    undeclared,
    uses,
)

GROUND = {"kind": "ground", "label": "Leeftijd", "rationale": PROSE}
PROXY = {"kind": "proxy", "label": "Postcode", "rationale": PROSE}


def made(
    when: str = "actief",
    field: str = "soort",
    characteristic: str | None = None,
    characteristics: dict[str, Any] | None = None,
    **changes: Any,
) -> Manifest:
    """A manifest whose first selection has one more criterion, and says of one field what it has to do with."""
    first = selection(**changes)
    first["criteria"] = [*first["criteria"], {"id": "extra", "when": when, "rationale": "Nodig."}]
    if characteristic:
        first["fields"][field]["characteristic"] = characteristic
    value = document({"gemeente": [first], "uwv": [selection()], "svb": [selection()]})
    value["characteristics"] = characteristics or {}
    return Manifest.model_validate(value)


@pytest.mark.parametrize(
    "when",
    [
        "soort = 'a'",
        "NOT (bedrag > 3 AND (actief OR soort IN ('a', 'b')))",
        "length(lower(coalesce(soort, 'x'))) > 2",
        "soort IS NULL",
    ],
)
def test_a_characteristic_is_found_wherever_a_criterion_looks_at_it(when: str) -> None:
    manifest = made(when, "soort", "postcode", {"postcode": PROXY})
    assert uses(manifest) == [CharacteristicUse("postcode", "gemeente.lijst.criteria.extra", "soort")]


def test_signals_and_attributes_count_and_groups_of_the_monitor_do_not() -> None:
    manifest = made(field="bedrag", characteristic="postcode", characteristics={"postcode": PROXY})
    assert [use.place for use in uses(manifest)] == ["gemeente.lijst.signals.hoog"]
    attribute = {"id": "s", "field": "soort", "kind": "listed", "values": ["a"], "rationale": "Nodig."}
    manifest = made(
        field="soort", characteristic="postcode", characteristics={"postcode": PROXY}, attributes=[attribute]
    )
    assert [use.place for use in uses(manifest)] == ["gemeente.lijst.attributes.s"]


def test_a_ground_that_helps_select_needs_a_legal_basis() -> None:
    with pytest.raises(ValidationError, match=r"gemeente\.lijst\.criteria\.extra looks at 'begin'"):
        made("begin < peildatum", "begin", "leeftijd", {"leeftijd": GROUND}, signals=SIGNALS)
    made("begin < peildatum", "begin", "leeftijd", {"leeftijd": {**GROUND, "legal_basis": "Art. 1"}})


#: Signals that do not look at `begin`.
SIGNALS = [{"id": "hoog", "when": "bedrag >= 100", "label": "Hoog"}]


def test_a_ground_that_only_the_monitor_looks_at_needs_none() -> None:
    assert uses(made("actief", "begin", "leeftijd", {"leeftijd": GROUND}, signals=SIGNALS)) == []


@pytest.mark.parametrize(
    ("characteristic", "characteristics", "validation_message"),
    [
        ("postcode", {}, "'characteristics' does not explain it"),
        ("leeftijd", {"leeftijd": {**PROXY, "label": "Leeftijd"}}, "is a ground, not a proxy"),
        ("postcode", {"postcode": {**PROXY, "kind": "ground"}}, "is a proxy, not a ground"),
        ("postcode", {"postcode": {**PROXY, "rationale": "Nodig."}}, "at least 40 characters"),
        ("postcode", {"postcode": {"kind": "proxy", "label": "Postcode"}}, "Field required"),
    ],
)
def test_a_characteristic_that_is_not_explained_is_refused(
    characteristic: str | None, characteristics: dict[str, Any], validation_message: str
) -> None:
    with pytest.raises(ValidationError, match=validation_message):
        made("soort = 'a'", "soort", characteristic, characteristics)


@pytest.mark.parametrize(
    ("name", "betrays"),
    [
        ("nationaliteit", "nationaliteit"),
        ("geboorteland", "geboorteland"),
        ("land_van_herkomst", "afkomst"),
        ("postcode", "postcode"),
        ("aantal_kinderen", "huishouden"),
        ("geboortedatum_vader", "leeftijd"),
        ("herkomstland", "afkomst"),
        ("partnernationaliteit", "nationaliteit"),
        ("postcodegebied", "postcode"),
        ("bedrag_per_maand", None),
        ("straat", None),
        ("soort", None),
    ],
)
def test_a_name_that_betrays_a_characteristic_is_warned_about(name: str, betrays: str | None) -> None:
    fields = selection()["fields"]
    fields[name] = {"type": "text", "meaning": "Iets"}
    found = undeclared(made(f"{name} = 'x'", fields=fields))
    assert [(u.partner, u.field, u.characteristic.name) for u in found] == (
        [("gemeente", name, betrays)] if betrays else []
    )


def test_a_field_that_decides_nothing_is_warned_about_unless_it_only_identifies() -> None:
    fields = selection()["fields"] | {"nationaliteit": {"type": "text", "meaning": "Iets"}}
    assert [found.field for found in undeclared(made("actief", fields=fields))] == ["nationaliteit"]
    source = {"kind": "bsn", "fields": ["nationaliteit"]}
    assert undeclared(made("actief", fields=fields, identifiers=[source])) == []
    assert undeclared(made("nationaliteit = 'x'", fields=fields, identifiers=[source]))


def test_what_a_field_means_betrays_it_as_well() -> None:
    fields = selection()["fields"] | {"code7": {"type": "text", "meaning": "Nationaliteit, in cijfers"}}
    assert [found.field for found in undeclared(made("code7 = 'x'", fields=fields))] == ["code7"]
    assert undeclared(made("actief", fields=fields)) == []


def test_every_line_of_the_list_is_whole() -> None:
    known = known_characteristics()
    assert {line.kind for line in known.values()} == set(CharacteristicKind)
    for line in known.values():
        assert line.nl
        assert line.en
        assert line.words
        assert line.source
    words = [word for line in known.values() for word in line.words]
    assert len(words) == len(set(words))


def test_the_list_has_the_grounds_of_the_law() -> None:
    """Article 1 of the Constitution, as amended in 2023."""
    named = " ".join(line.en for line in known_characteristics().values())
    for ground in (
        "religion",
        "belief",
        "political opinion",
        "race",
        "sex",
        "disability",
        "sexual orientation",
    ):
        assert ground in named
