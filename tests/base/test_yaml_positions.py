"""What a person reads in a YAML file is what the program reads, and a mistake is pointed at by line and column."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from io import StringIO
from typing import Annotated

import pytest
from handmade import document
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field
from ruamel.yaml import YAML

from lsi_match.base.yaml_positions import DocumentInvalidError, YamlUnreadableError, parse_yaml, read_yaml
from lsi_match.manifest import Manifest


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    count: Annotated[int, Field(ge=0)]
    names: list[str] = []


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str
    inner: dict[str, Inner]


def test_a_good_document_becomes_the_model() -> None:
    text = "title: Proef\ninner:\n  een: {count: 1, names: [a, b]}\n"
    assert parse_yaml(text, "x.yaml", Outer) == Outer(
        title="Proef", inner={"een": Inner(count=1, names=["a", "b"])}
    )


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("title: a\ntitle: b\n", 2, 1),
        ("inner:\n  een: {count: 1,\n    count: 2}\n", 3, 5),
        ("title: &anker a\n", 1, 8),
        ("title: a\ninner: *anker\n", 2, 8),
        ("inner:\n  een: &x {count: 1}\n  twee: *x\n", 2, 8),
        ("inner:\n  <<: {count: 1}\n  een: &x\n", 3, 8),
        ("title: [a\n", 2, 1),
        ("title: 'a\n", 2, 1),
        ("title: a: b\n", 1, 9),
        ("title:\n\t- a\n", 2, 1),
        ("- a\ntitle: b\n", 2, 1),
        ("title: a\n---\ntitle: b\n", 2, 1),
        ("title: !!python/object:os.system x\n", 1, 8),
        ("title: !eigen x\n", 1, 8),
        ("%YAML 9.9\n---\nx", 1, 1),
        ("title: \x00\n", 1, 1),
        ("title: \x07", 1, 1),
    ],
)
def test_what_is_no_plain_yaml_is_refused_where_it_goes_wrong(text: str, line: int, column: int) -> None:
    with pytest.raises(YamlUnreadableError) as caught:
        read_yaml(text, "m.yaml")
    assert (caught.value.facts["line"], caught.value.facts["column"]) == (line, column)
    for language in ("nl", "en"):
        assert "m.yaml" in caught.value.text(language)
    assert "\n" not in str(caught.value)


def test_every_place_that_does_not_fit_the_model_is_told_with_line_and_column() -> None:
    text = "title: 3\ninner:\n  een:\n    count: -1\n    names: [a, 7]\n  twee: {cuont: 1}\nextra: 1\n"
    with pytest.raises(DocumentInvalidError) as caught:
        parse_yaml(text, "m.yaml", Outer)
    told = str(caught.value.facts["problems"]).splitlines()
    assert caught.value.facts["count"] == len(told) == 6
    wanted = {
        "1:8 title",
        "4:12 inner.een.count",
        "5:16 inner.een.names.1",
        "6:9 inner.twee.count",
        "6:10 inner.twee.cuont",
        "7:1 extra",
    }
    assert {line.strip().partition(": ")[0] for line in told} == wanted


def test_what_was_left_empty_is_told_on_its_own_line() -> None:
    with pytest.raises(DocumentInvalidError) as refused:
        parse_yaml("title:\n\ninner:\n  een:\n    count:\n", "x.yaml", Outer)
    assert "1:1 title" in str(refused.value)
    assert "5:5 inner.een.count" in str(refused.value)


def test_a_criterion_that_is_wrong_is_told_in_its_own_place() -> None:
    value = document()
    value["partners"]["uwv"]["selections"][0]["criteria"][0]["when"] = "nergens = 1"
    sink = StringIO()
    YAML(typ="rt", pure=True).dump(value, sink)
    text = sink.getvalue()
    with pytest.raises(DocumentInvalidError) as caught:
        parse_yaml(text, "m.yaml", Manifest)
    line, row = next((i, row) for i, row in enumerate(text.splitlines(), 1) if "nergens" in row)
    place = f"{line}:{row.index('nergens') + 1} partners.uwv.selections.0.criteria.0.when: "
    for language, words in (("nl", "noemt het veld 'nergens'"), ("en", "names the field 'nergens'")):
        assert f"  {place}" in caught.value.text(language)
        assert words in caught.value.text(language)


SECRET = "geheim-7391"


@pytest.mark.parametrize(
    "text",
    [
        f"title: a\ninner: {{een: {{count: '{SECRET}'}}}}\n",
        f"title: a\ninner: {{een: {{count: 1, names: '{SECRET}'}}}}\n",
        f"title: [{SECRET}]\ninner: {{}}\n",
        f"title: a\ninner: {SECRET}\n",
        f"- {SECRET}\n",
        f"{SECRET}\n",
    ],
)
def test_no_value_of_the_document_stands_in_a_complaint(text: str) -> None:
    with pytest.raises(DocumentInvalidError) as caught:
        parse_yaml(text, "m.yaml", Outer)
    assert SECRET not in caught.value.text("nl") + caught.value.text("en")


@pytest.mark.parametrize("text", ["", "# niets\n", "null\n", "7\n", "[]\n"])
def test_an_empty_document_or_no_mapping_is_invalid_and_not_a_crash(text: str) -> None:
    with pytest.raises(DocumentInvalidError) as caught:
        parse_yaml(text, "m.yaml", Outer)
    assert "document" in caught.value.text("en")


def test_very_deep_nesting_is_refused_and_not_a_crash() -> None:
    with pytest.raises((YamlUnreadableError, DocumentInvalidError)):
        parse_yaml("[" * 1500, "m.yaml", Outer)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=80), st.text(alphabet="a:-[]{}&*!|>'\"#%@`\n ,?~01.", max_size=40)))
def test_any_text_is_read_or_refused_and_never_anything_else(text: str) -> None:
    try:
        parse_yaml(text, "m.yaml", Outer)
    except (YamlUnreadableError, DocumentInvalidError) as error:
        told = error.text("nl")
    else:
        told = "read"
    assert told


@pytest.mark.parametrize(
    "text",
    [
        "[" * 900,
        "{a: " * 900,
        "- " * 900,
        "a: " + "[" * 900 + "]" * 900,
        "\n".join(" " * n + "a:" for n in range(900)),
    ],
)
def test_what_is_nested_deeper_than_any_document_is_refused_before_it_is_read_to_its_end(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few hundred brackets took seconds; here no more than the first of them are looked at."""
    looked = 0
    parse = YAML.parse

    def counting(self: YAML, stream: str) -> Iterator[object]:
        nonlocal looked
        for event in parse(self, stream):
            looked += 1
            yield event

    monkeypatch.setattr(YAML, "parse", counting)
    monkeypatch.setattr(YAML, "load", lambda *_: pytest.fail("read to its end"))
    with pytest.raises(YamlUnreadableError, match="too many levels"):
        read_yaml(text, "x.yaml")
    assert looked < 200


def test_what_is_longer_than_any_document_is_refused_unread() -> None:
    with pytest.raises(YamlUnreadableError, match="longer than"):
        read_yaml("a" * (2**21 + 1), "x.yaml")


@pytest.mark.parametrize(
    "number", ["0o10", "0x1F", "0b11", "1e3", "10.", ".5", "1_0.0", "1_00", ".inf", "1e400"]
)
def test_a_number_that_not_everybody_reads_alike_is_refused_where_it_stands(number: str) -> None:
    with pytest.raises(YamlUnreadableError) as refused:
        read_yaml(f"one: 1\ntwo: {number}\n", "x.yaml")
    assert (refused.value.facts["line"], refused.value.facts["column"]) == (2, 6)
    assert number in refused.value.text("nl")


@pytest.mark.parametrize(
    ("text", "value"),
    [("10", 10), ("-3", -3), ("0", 0), ("1.25", 1.25), ("10_000", 10_000), ("'0x1F'", "0x1F"), ("e3", "e3")],
)
def test_a_plain_number_is_that_number(text: str, value: object) -> None:
    assert read_yaml(f"one: {text}", "x.yaml") == {"one": value}


@pytest.mark.parametrize("text", ["[1,5]", "[10, 20,5]", "{a: 1,5: 2}", "[-1,5]"])
def test_a_comma_that_can_be_a_decimal_is_refused_with_both_readings(text: str) -> None:
    with pytest.raises(YamlUnreadableError) as refused:
        read_yaml(f"one: {text}", "x.yaml")
    assert "," in refused.value.text("nl")
    assert "5 of " in refused.value.text("nl")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[1, 5]", [1, 5]),
        ("[a,b]", ["a", "b"]),
        ("[1 ,5]", [1, 5]),
        ("[2026-01-01,5]", [date(2026, 1, 1), 5]),
        ("[1.5, 2]", [1.5, 2]),
    ],
)
def test_numbers_that_stand_apart_are_numbers(text: str, value: list[object]) -> None:
    assert read_yaml(f"one: {text}", "x.yaml") == {"one": value}


def test_what_is_read_twice_is_its_readers_own_each_time() -> None:
    first = read_yaml("a: {b: [1]}", "x.yaml")
    first["a"]["b"].append(2)
    assert read_yaml("a: {b: [1]}", "x.yaml") == {"a": {"b": [1]}}
