"""A manifest has one identity, and holds only what fits together."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from datetime import date
from io import StringIO
from typing import Any

import pytest
from handmade import PARTNERS, PROSE, dimension, document, manifest, selection
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from ruamel.yaml import YAML

from lsi_match.base.canonical import canonical_json
from lsi_match.base.validation import RuleViolation, validation_message
from lsi_match.base.yaml_positions import parse_yaml
from lsi_match.criteria.parse import CriterionError
from lsi_match.manifest import Manifest, complete_draft
from lsi_match.manifest.base import MAX_RECORDS
from lsi_match.manifest.clear import check_manifest_clear
from lsi_match.manifest.person_keys import PERSON_KEYS

SOME_KEY = next(iter(PERSON_KEYS))
Value = Any
Path = tuple[str | int, ...]


def full() -> dict[str, Value]:
    """A manifest in which every part of the model is used."""
    attributes = [
        {"id": "soort", "field": "soort", "kind": "listed", "values": ["a", "b"], "rationale": "Nodig."},
        {"id": "bedrag", "field": "bedrag", "kind": "band", "edges": [100, 200], "rationale": "Nodig."},
        {"id": "loopt", "field": "actief", "kind": "boolean", "rationale": "Nodig."},
        {"id": "sinds", "field": "begin", "kind": "month", "rationale": "Nodig."},
    ]
    first = selection(
        attributes=attributes, person={"birth_date": "begin", "surname": "soort", "given_name": "soort"}
    )
    release = {
        "gemeente": {"signals_of": ["uwv"], "attributes_of": ["uwv"]},
        "uwv": {"signals_of": [], "attributes_of": ["gemeente"]},
        "svb": {},
    }
    value = document(
        {"gemeente": [first], "uwv": [selection("een"), selection("twee", signals=[{"id": "x", "when": "actief", "label": "X"}])],
         "svb": [selection()]},
        person_keys=[SOME_KEY], release=release,
        dimensions=[dimension()],
    )  # fmt: skip
    value["dpo_advice"]["svb"] |= {"outcome": "negative", "answer": "Aangepast."}
    value["characteristics"] = {
        "leeftijd": {
            "kind": "ground",
            "label": "Leeftijd",
            "rationale": PROSE,
            "legal_basis": "Artikel 1 van een wet",
        }
    }
    value["partners"]["gemeente"]["selections"][0]["fields"]["begin"]["characteristic"] = "leeftijd"
    value["dpo_advice"]["uwv"]["characteristics"] = ["leeftijd"]
    return value


def load(value: Value) -> Manifest:
    return Manifest.model_validate(value)


def complaints(value: Value) -> str:
    with pytest.raises((ValidationError, CriterionError)) as caught:
        load(value)
    return str(caught.value)


def leaves(value: Value, path: Path = ()) -> Iterator[Path]:
    if isinstance(value, dict | list) and value:
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, key))
    else:
        yield path


def at(value: Value, path: Path) -> Value:
    for step in path:
        value = value[step]
    return value


def changed(value: Value, path: Path) -> list[Value]:
    """Other values for the leaf at `path`, of which a valid manifest can hold at least one."""
    leaf = at(value, path)
    choices: list[Value]
    if isinstance(leaf, bool) or leaf is None:
        choices = [not leaf, "antwoord"]
    elif isinstance(leaf, int):
        choices = [leaf + 1, max(leaf - 1, 0)]
    elif isinstance(leaf, dict | list):
        choices = [["uwv"], ["Extra"]] if isinstance(leaf, list) else []
    else:
        digit = "1" if leaf[-1:] != "1" else "2"
        choices = [
            leaf + " AND TRUE",
            leaf + "s",
            leaf[:-1] + digit,
            "2026-06-30",
            "e" * 64,
            "9" * 20,
            "positive",
            "negative",
        ]
        choices += ["neighbourhood", "decimal", "proxy", "proceed", "age1" + "z" * 58]
    made = []
    for choice in (choice for choice in choices if choice != leaf):
        copied = copy.deepcopy(value)
        at(copied, path[:-1])[path[-1]] = choice
        made.append(copied)
    return made


def test_a_manifest_survives_its_canonical_bytes() -> None:
    made = load(full())
    again = Manifest.model_validate_json(made.canonical())
    assert again == made
    assert again.canonical() == made.canonical()
    assert again.digest == made.digest == "sha256:" + made.digest.removeprefix("sha256:")
    assert made.canonical() == canonical_json(json.loads(made.canonical()))


def shuffled(value: Value, chance: random.Random) -> Value:
    if isinstance(value, dict):
        names = chance.sample(list(value), len(value))
        return {key: shuffled(value[key], chance) for key in names}
    return [shuffled(inner, chance) for inner in value] if isinstance(value, list) else value


@settings(max_examples=8, deadline=None)
@given(st.randoms(use_true_random=False), st.booleans(), st.sampled_from([40, 4000]))
def test_the_digest_does_not_depend_on_the_order_or_layout_of_the_yaml(
    chance: random.Random, flow: bool, width: int
) -> None:
    original = full()
    mixed = shuffled(original, chance)
    yaml = YAML(typ="rt", pure=True)
    yaml.default_flow_style = flow
    yaml.width = width
    sink = StringIO()
    yaml.dump(mixed, sink)
    assert parse_yaml(sink.getvalue(), "m.yaml", Manifest).digest == load(original).digest


def test_a_changed_copy_has_a_digest_of_its_own() -> None:
    manifest = Manifest.model_validate(document())
    assert manifest.digest in {manifest.model_copy().digest}
    changed = manifest.model_copy(update={"project": manifest.project.model_copy(update={"title": "Anders"})})
    assert changed.digest != manifest.digest
    assert b"Anders" in changed.canonical()


def test_changing_any_leaf_changes_the_digest() -> None:
    original = full()
    digest = load(original).digest
    never_valid = []
    for path in leaves(original):
        for other in changed(original, path):
            try:
                assert load(other).digest != digest, path
            except (ValidationError, CriterionError):
                continue
            break
        else:
            never_valid.append(path)
    # What has one value only, or is tied to something elsewhere in the document.
    assert {path[-1] if isinstance(path[-1], str) else path[-2] for path in never_valid} <= {
        "format", "scheme", "unit", "identifiers", "person_keys", "kind", "birth_date", "surname", "given_name",
        "field", "edges", "values", "attributes_of", "signals_of", "svb", "type", "fields", "form", "characteristic", "characteristics",
    }  # fmt: skip


def test_unknown_members_are_refused_everywhere() -> None:
    original = full()
    places = {path[:-1] for path in leaves(original) if isinstance(path[-1], str)}
    free = {"controllers", "partners", "dpo_advice", "to", "fields"}
    for place in places:
        copied = copy.deepcopy(original)
        if not place or place[-1] in free:
            continue
        at(copied, place)["extra_member"] = 1
        assert "extra_member" in complaints(copied)


Change = Callable[[dict[str, Value]], object]


def first(value: dict[str, Value]) -> dict[str, Value]:
    found: dict[str, Value] = value["partners"]["gemeente"]["selections"][0]
    return found


def named(group: str, label: str = "Een") -> Value:
    """A dimension with a group of this name and label."""
    made = dimension()
    made["groups"][0] |= {"id": group, "label": label}
    return made


def many(groups: int, id_: str = "klasse") -> Value:
    """A dimension of so many groups."""
    made = [{"id": f"g{i}", "when": f"bedrag < {i}", "label": f"Tot {i}"} for i in range(groups)]
    return {"id": id_, "label": "Klasse", "groups": made}


def rename_partner(value: dict[str, Value], new: str) -> None:
    for part in (value["controllers"], value["partners"], value["dpo_advice"], value["release"]["to"]):
        part[new] = part.pop("svb")
    for show in value["release"]["to"].values():
        show["signals_of"] = [new if n == "svb" else n for n in show.get("signals_of", [])]


RULES: dict[str, tuple[Change, str]] = {
    "a party with the name of nobody": (lambda v: rename_partner(v, "none"), "cannot be called 'none'"),
    "a party with the name of all": (lambda v: rename_partner(v, "controllers"), "cannot be called 'controllers'"),
    "a party with the name of the matcher": (lambda v: rename_partner(v, "matcher"), "cannot be called 'matcher'"),
    "one signing key for two": (
        lambda v: v["controllers"]["uwv"].update(signing_key=v["controllers"]["svb"]["signing_key"]), "same key"),
    "one age key for two": (
        lambda v: v["controllers"]["uwv"].update(encryption_key=v["matcher"]["encryption_key"]), "same key"),
    "an OIN in digits of another script": (
        lambda v: v["controllers"]["uwv"].update(oin="٠" * 20), "oin",
    ),
    "one OIN for two": (lambda v: v["controllers"]["uwv"].update(oin=v["controllers"]["svb"]["oin"]), "same OIN"),
    "a partner that is no controller": (lambda v: v["controllers"].pop("svb"), "names svb, not a controller"),
    "advice of a stranger": (lambda v: v["dpo_advice"].update(ind=v["dpo_advice"]["uwv"]), "names ind, not a controller"),
    "a release to a stranger": (lambda v: v["release"]["to"].update(ind={}), "names ind, not a controller"),
    "a release that forgets a partner": (lambda v: v["release"]["to"].pop("svb"), "says nothing about svb"),
    "a release that shows a partner itself": (
        lambda v: v["release"]["to"]["uwv"].update(signals_of=["uwv"]), "names 'uwv', not another partner"),
    "a release that shows a stranger": (
        lambda v: v["release"]["to"]["uwv"].update(attributes_of=["ind"]), "names 'ind', not another partner"),
    "one criterion twice": (lambda v: first(v)["criteria"].append(first(v)["criteria"][0]), "criterion 'lopend' is named twice"),
    "one signal twice": (lambda v: first(v)["signals"].append(first(v)["signals"][0]), "signal 'hoog' is named twice"),
    "one signal in two selections": (
        lambda v: v["partners"]["gemeente"]["selections"].append(selection("nog_een")), "signal 'hoog' is named twice"),
    "one selection twice": (
        lambda v: v["partners"]["gemeente"]["selections"].append(
            selection(signals=[{"id": "z", "when": "actief", "label": "Z"}])), "selection 'lijst' is named twice"),
    "one identifier twice": (
        lambda v: first(v)["identifiers"].append(first(v)["identifiers"][0]), "identifier 'bsn' is named twice"),
    "one attribute twice": (
        lambda v: first(v).update(attributes=[{"id": "x", "field": "actief", "kind": "boolean", "rationale": "r"}] * 2),
        "attribute 'x' is named twice"),
    "an attribute for the rule that is no month": (
        lambda v: first(v).update(attributes=[{"id": "x", "field": "actief", "kind": "boolean", "use": "rule", "rationale": "r"}]),
        "the match rule looks at months only"),
    "an attribute for the rule in one selection and to be shown in another": (
        lambda v: v["partners"]["gemeente"].update(selections=[
            selection(attributes=[{"id": "x", "field": "begin", "kind": "month", "use": "rule", "rationale": "r"}]),
            selection("nog_een", signals=[{"id": "z", "when": "actief", "label": "Z"}],
                      attributes=[{"id": "x", "field": "begin", "kind": "month", "rationale": "r"}])]),
        "a different 'use' in two selections"),
    "a rule that looks at a month that is only to be shown": (
        lambda v: (first(v).update(attributes=[{"id": "x", "field": "begin", "kind": "month", "rationale": "r"}]),
                   v["match"].update(rule="gemeente_x_first < peildatum")), "names the field 'gemeente_x_first'"),
    "a rule that compares a month with a number": (
        lambda v: (first(v).update(attributes=[{"id": "x", "field": "begin", "kind": "month", "use": "rule", "rationale": "r"}]),
                   v["match"].update(rule="gemeente_x_first > 3")), "is compared with integer"),
    "a rule that looks at a number of records that is not declared": (
        lambda v: v["match"].update(rule="uwv_records > 1"), "names the field 'uwv_records'"),
    "numbers of records of a stranger": (
        lambda v: v["match"].update(records_of=["ind"]), "match.records_of names 'ind', not a partner"),
    "a signal that is called as the number of records is": (
        lambda v: (first(v)["signals"].append({"id": "records", "when": "actief", "label": "R"}),
                   v["match"].update(records_of=["gemeente"])), "'gemeente_records' is named twice"),
    "one group twice": (
        lambda v: v["monitor"].update(dimensions=[dimension() | {"groups": dimension()["groups"][:1] * 2}]),
        "group 'jong' is named twice"),
    "one dimension twice": (
        lambda v: v["monitor"].update(dimensions=[dimension()] * 2), "dimension 'leeftijd' is named twice"),
    "a group called unknown": (
        lambda v: v["monitor"].update(dimensions=[named("unknown")]), "a group cannot be called 'unknown'"),
    "a baseline that is no group": (
        lambda v: v["monitor"].update(dimensions=[dimension() | {"baseline": "weg"}]), "'weg' is no group"),
    "one cell more": (
        lambda v: v["monitor"].update(dimensions=[many(15), many(16, "ook")]), "more than 256 combinations"),
    "a reference that lacks a group": (
        lambda v: v["monitor"].update(dimensions=[dimension()], reference={"source": "CBS", "counts": {"jong": 5}}),
        "a count for each of jong, oud"),
    "a field that is a special category as a group": (
        lambda v: (first(v)["fields"].update(herkomst={"type": "text", "meaning": "Herkomst"}),
                   v["monitor"].update(dimensions=[dimension("herkomst = 'a'")])),
        "looks at 'herkomst', which has to do with race, colour"),
    "a field that declares a special category as a group": (
        lambda v: (v.update(characteristics={"strafrecht": {"kind": "ground", "label": "Strafrecht", "rationale": PROSE}}),
                   first(v)["fields"]["soort"].update(characteristic="strafrecht"),
                   v["monitor"].update(dimensions=[dimension("soort = 'a'")])),
        "data under art. 10 GDPR is never counted per person"),
    "a special category by the label of a group": (
        lambda v: v["monitor"].update(dimensions=[named("g1", "Met een migratieachtergrond")]),
        "data under art. 9 GDPR is never counted per person"),
    "63 signals": (
        lambda v: first(v).update(signals=[{"id": f"s{i}", "when": "actief", "label": "S"} for i in range(63)]),
        "at most 62 signals"),
    "an attribute of no field": (
        lambda v: first(v).update(attributes=[{"id": "x", "field": "weg", "kind": "boolean", "rationale": "r"}]),
        "the field 'weg' is used but not declared"),
    "a list without values": (
        lambda v: first(v).update(attributes=[{"id": "x", "field": "soort", "kind": "listed", "rationale": "r"}]),
        "listed attributes give 'values'"),
    "bands without edges": (
        lambda v: first(v).update(attributes=[{"id": "x", "field": "bedrag", "kind": "band", "rationale": "r"}]),
        "bands give 'edges'"),
    "edges that go down": (
        lambda v: first(v).update(
            attributes=[{"id": "x", "field": "bedrag", "kind": "band", "edges": [2, 1], "rationale": "r"}]),
        "each larger than the one before"),
    "a listed attribute of a date": (
        lambda v: first(v).update(
            attributes=[{"id": "x", "field": "begin", "kind": "listed", "values": ["a"], "rationale": "r"}]
        ),
        "'x' is listed, and the type of its field does not fit",
    ),
    "a band of a text": (
        lambda v: first(v).update(
            attributes=[{"id": "x", "field": "soort", "kind": "band", "edges": [1], "rationale": "r"}]
        ),
        "'x' is band, and the type of its field does not fit",
    ),
    "a month of a number": (
        lambda v: first(v).update(
            attributes=[{"id": "x", "field": "bedrag", "kind": "month", "rationale": "r"}]
        ),
        "'x' is month, and the type of its field does not fit",
    ),
    "free text": (
        lambda v: first(v).update(attributes=[{"id": "x", "field": "soort", "kind": "text", "rationale": "r"}]),
        "'listed', 'boolean', 'band' or 'month'"),
    "an identifier of another unit": (lambda v: v["subject"].update(identifiers=["bsn", "bag"]), "not identified by bag"),
    "an identifier that the subject lacks": (
        lambda v: first(v)["identifiers"].append({"kind": "v_number", "fields": ["nummer"]}),
        "delivers v_number, which the subject does not use"),
    "unknown person keys": (lambda v: v["subject"].update(person_keys=["horoscope"]), "unknown person keys: horoscope"),
    "person keys of an address": (
        lambda v: v["subject"].update(unit="address", identifiers=[], person_keys=[SOME_KEY]), "are for persons"),
    "fields for person keys that are not used": (
        lambda v: first(v).update(person={"surname": "soort"}), "person keys, which the subject does not use"),
    "a subject without identifiers": (lambda v: v["subject"].update(identifiers=[]), "at least one identifier"),
    "an identifier of no field": (
        lambda v: first(v)["identifiers"][0].update(fields=["weg"]), "the field 'weg' is used but not declared"),
    "a number of two fields": (
        lambda v: first(v)["identifiers"][0].update(fields=["nummer", "soort"]), "bsn is made from one field"),
    "a selection that links with nothing": (lambda v: first(v).update(identifiers=[]), "needs identifiers or fields"),
    "the reference date as a field": (
        lambda v: first(v)["fields"].update(peildatum={"type": "date", "meaning": "x"}), "cannot be called 'peildatum'"),
    "signals as a field": (
        lambda v: first(v)["fields"].update(signals={"type": "integer", "meaning": "x"}), "cannot be called 'signals'"),
    "a group as a field": (
        lambda v: first(v)["fields"].update(group={"type": "integer", "meaning": "x"}), "cannot be called 'group'"),
    "an attribute column as a field": (
        lambda v: first(v)["fields"].update(attribute_x={"type": "integer", "meaning": "x"}),
        "cannot be called 'attribute_x'"),
    "a partner called after a column of the matching": (lambda v: rename_partner(v, "subject"), "the column 'subject'"),
    "a partner called after a column of a release": (lambda v: rename_partner(v, "case_id"), "the column 'case_id'"),
    "a partner called partners": (lambda v: rename_partner(v, "partners"), "column of the match rule 'partners' is named twice"),
    "a criterion over another field": (lambda v: first(v)["criteria"][0].update(when="weg"), "names the field 'weg'"),
    "a signal that is no predicate": (lambda v: first(v)["signals"][0].update(when="bedrag"), "not true or false"),
    "a match rule over a stranger": (lambda v: v["match"].update(rule="ind AND uwv"), "names the field 'ind'"),
    "a match rule that counts wrongly": (lambda v: v["match"].update(rule="partners"), "not true or false"),
    "a group over a field of nobody": (
        lambda v: v["monitor"].update(dimensions=[dimension("weg")]), "names the field 'weg'"),
    "a group over a field of another type": (
        lambda v: (v["monitor"].update(dimensions=[dimension("actief")]),
                   first(v)["fields"]["actief"].update(type="text"),
                   first(v)["criteria"][0].update(when="actief = 'x'")), "not true or false"),
    "a period that ends before it begins": (
        lambda v: v["project"]["period"].update(last="2025-01-01"), "the last day lies before the first"),
    "one controller": (
        lambda v: (v["controllers"].pop("svb"), v["controllers"].pop("uwv")), "at least 2 items"),
    "one partner": (lambda v: (v["partners"].pop("svb"), v["partners"].pop("uwv")), "at least 2 items"),
    "prose of one word": (lambda v: v["basis"].update(necessity="Ja."), "at least 40 characters"),
    "a character that cannot be seen": (lambda v: v["match"].update(rationale="a\u202eb"), "cannot be seen"),
    "a key that is no key": (lambda v: v["matcher"].update(signing_key="00"), "should match pattern"),
    "an ECDSA key for the log": (
        lambda v: v["matcher"].update(signing_key="ecdsa-sha2-nistp256:02" + "0" * 64), "should match pattern"),
    "keys of a round in scheme 1": (
        lambda v: v["pseudonyms"].update(round_keys="until_subjects_destroyed"),
        "there are keys of a round only where partners evaluate together",
    ),
    "another scheme": (lambda v: v["pseudonyms"].update(scheme="v3"), "Input should be 'v1' or 'v2'"),
    "no volume at all": (lambda v: first(v)["volume"].update(at_most=0), "greater than 0"),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_what_does_not_fit_together_is_refused_with_a_reason(rule: str) -> None:
    change, said = RULES[rule]
    value = document()
    load(value)
    change(value)
    assert said in complaints(value)


def test_62_signals_fit() -> None:
    many = selection(signals=[{"id": f"s{i}", "when": "actief", "label": "S"} for i in range(62)])
    assert len(manifest({"gemeente": [many], "uwv": [selection()]}).partners["gemeente"].signals) == 62


def test_two_selections_may_share_an_attribute_with_the_same_values_only() -> None:
    def partner(values: list[str]) -> list[dict[str, Value]]:
        attribute = {"id": "x", "field": "soort", "kind": "listed", "rationale": "r"}
        return [
            selection("een", attributes=[attribute | {"values": ["a", "b"]}]),
            selection(
                "twee",
                attributes=[attribute | {"values": values}],
                signals=[{"id": "z", "when": "actief", "label": "Z"}],
            ),
        ]

    made = manifest({"gemeente": partner(["a", "b"]), "uwv": [selection()]})
    assert made.partners["gemeente"].attribute_ids == ("x",)
    assert "different values" in complaints(document({"gemeente": partner(["b", "a"]), "uwv": [selection()]}))


def test_an_attribute_has_a_label_for_every_position() -> None:
    attributes = {a.id: a for a in load(full()).partners["gemeente"].attributes}
    assert [attributes["soort"].label(i) for i in (0, 1, 65535)] == ["a", "b", ""]
    assert [attributes["bedrag"].label(i) for i in range(3)] == [
        "minder dan 100",
        "100 tot 200",
        "200 of meer",
    ]
    assert [attributes["loopt"].label(i) for i in range(2)] == ["nee", "ja"]
    assert attributes["sinds"].label(2026 * 12 + 5) == "2026-06"


@given(st.dates(date(1, 1, 1), date(4999, 12, 31)))
def test_a_month_is_labelled_as_it_is_written(day: date) -> None:
    sinds = next(a for a in load_once().partners["gemeente"].attributes if a.id == "sinds")
    assert sinds.label(day.year * 12 + day.month - 1) == f"{day.year:04d}-{day.month:02d}"


_LOADED: list[Manifest] = []


def load_once() -> Manifest:
    if not _LOADED:
        _LOADED.append(load(full()))
    return _LOADED[0]


# completing a draft


def test_completing_a_draft_fills_in_keys_and_check_value_and_nothing_else() -> None:
    draft = document()
    cards = {}
    for i, (name, party) in enumerate([*draft["controllers"].items(), ("matcher", draft["matcher"])]):
        cards[name] = {"name": name, "signing_key": f"{i + 50:064x}", "encryption_key": f"age1{i + 50:058d}"}
        del party["signing_key"], party["encryption_key"]
    del draft["pseudonyms"]["key_check"]
    before = copy.deepcopy(draft)
    complete = complete_draft(draft, cards, "ab" * 16)
    assert draft == before
    made = load(complete)
    assert made.pseudonyms.key_check == "ab" * 16
    for name in PARTNERS:
        assert made.controllers[name].signing_key == cards[name]["signing_key"]
    assert made.matcher.encryption_key == cards["matcher"]["encryption_key"]
    for party in (*complete["controllers"].values(), complete["matcher"]):
        del party["signing_key"], party["encryption_key"]
    del complete["pseudonyms"]["key_check"]
    assert complete == before


def test_a_draft_with_a_party_whose_card_is_missing_stays_incomplete() -> None:
    draft = document()
    del draft["controllers"]["uwv"]["signing_key"]
    assert "controllers.uwv.signing_key" in complaints(complete_draft(draft, {}, "0" * 32))


@pytest.mark.parametrize(
    "broken", [{}, {"controllers": None}, {"controllers": {"x": 1}, "matcher": 2, "pseudonyms": []}]
)
def test_completing_what_is_no_draft_leaves_the_complaint_to_the_model(broken: dict[str, Value]) -> None:
    assert "Field required" in complaints(complete_draft(broken, {}, "0" * 32))


def parts(value: Value, path: Path = ()) -> Iterator[Path]:
    """The path of every part, the whole too."""
    yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from parts(inner, (*path, key))


def test_any_value_in_any_place_is_taken_or_complained_of_in_both_languages() -> None:
    """A few hundred of the places and odd values that there are."""
    original = full()
    odd: list[Value] = [
        None,
        [],
        {},
        7,
        -1,
        1.5,
        True,
        "x",
        "é" * 6000,
        [None],
        {"a": None},
        10**30,
        float("inf"),
    ]
    pairs = [(path, value) for path in parts(original) for value in odd]
    pairs = random.Random(6).sample(pairs, 300)
    pairs += [(path, 10**30) for path in leaves(original) if isinstance(at(original, path), int)]
    for path, value in pairs:
        draft = copy.deepcopy(original)
        if path:
            at(draft, path[:-1])[path[-1]] = value
        try:
            Manifest.from_draft(complete_draft(draft if path else value, {}, "0" * 32)).canonical()
        except ValidationError as error:
            for one in error.errors(include_input=False):
                _, said = validation_message(one)
                assert said["nl"]
                assert said["en"]


@pytest.mark.parametrize(
    ("section", "member"),
    [
        ("release", "max_cases"), ("release", "keep_days"), ("schedule", "deadline_days"), ("schedule", "rounds_at_most"),
        ("monitor", "smallest_cell"), ("monitor", "tolerance"), ("retention", "hold_days"),
    ],
)  # fmt: skip
def test_yes_is_no_number(section: str, member: str) -> None:
    draft = document()
    draft.setdefault(section, {})[member] = True
    with pytest.raises(ValidationError) as refused:
        Manifest.model_validate(draft)
    assert f"{section}.{member}" in str(refused.value) or "a number belongs here" in str(refused.value)


def test_the_smallest_count_that_is_shown_has_a_floor() -> None:
    """A count of 1 to 2 that is withheld is as good as told; a manifest of before stays readable."""
    value = document()
    value["monitor"]["smallest_cell"] = 5
    check_manifest_clear(load(value))
    value["monitor"]["smallest_cell"] = 4
    with pytest.raises(RuleViolation, match="less than 5"):
        check_manifest_clear(load(value))


def test_no_round_runs_under_a_manifest_of_more_records_than_it_can_number() -> None:
    """Numbers of records would begin again; a manifest of before stays readable."""
    value = document()
    most = MAX_RECORDS // len(value["partners"])
    for partner in value["partners"].values():
        partner["selections"][0]["volume"].update(at_most=most)
    check_manifest_clear(load(value))
    for partner in value["partners"].values():
        partner["selections"][0]["volume"].update(at_most=most + 1)
    with pytest.raises(RuleViolation, match="a round can number 4294967295"):
        check_manifest_clear(load(value))
