"""A predicate reads in one way, and is about nobody in particular; names that read alike are found."""

from __future__ import annotations

import pytest
from refusals import raises

from lsi_match.criteria.clear import (
    check_clear,
    looks_like_somebody,
    names_somebody,
    passes_eleven_test,
    singled_out,
)
from lsi_match.criteria.letters import skeleton, strange_in_name, strange_in_prose
from lsi_match.criteria.parse import FieldType, parse_predicate
from lsi_match.criteria.reading import condition_of

TYPES = {
    "bsn": FieldType.TEXT,
    "postcode": FieldType.TEXT,
    "soort": FieldType.TEXT,
    "bedrag": FieldType.DECIMAL,
    "nummer": FieldType.INTEGER,
    "eind": FieldType.DATE,
}
IDENTIFYING, POSTCODES = ("bsn", "postcode", "nummer"), ("postcode",)


def check(text: str) -> None:
    check_clear(parse_predicate(text, TYPES), TYPES, IDENTIFYING, POSTCODES)


@pytest.mark.parametrize(
    "text",
    [
        "bedrag >= 10.00 AND bedrag < 175.5",
        "bedrag > 0.125",
        "bedrag > 1234.500",
        "bedrag < 10000000 OR bedrag = 12500000",
        "bedrag < 999999999999",
        "bsn IS NULL OR nummer IS NOT NULL",
        "coalesce(postcode, bsn) IS NULL",
        "postcode LIKE '7604%' OR postcode NOT LIKE '76%'",
        "soort IN ('WW', '50K+', '10-25K', '16_UUR')",
        "eind >= DATE '2026-01-01' AND soort <> '20260101'",
    ],
)
def test_what_is_about_groups_and_reads_in_one_way_passes(text: str) -> None:
    check(text)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("bedrag >= 10.000", 11),
        ("soort = '10.000' OR bedrag BETWEEN 1 AND 250.125", 42),
        ("bedrag > -1.500", 11),
        ("coalesce(bedrag, 100.000) > 1", 18),
    ],
)
def test_a_number_that_reads_in_two_ways_is_refused_where_it_stands(text: str, column: int) -> None:
    with raises("CriterionAmbiguousError") as refused:
        check(text)
    assert refused.value.facts["column"] == column


@pytest.mark.parametrize(
    "text",
    [
        "bsn = 'x'",
        "soort = 'x' OR length(bsn) > 3",
        "(bsn = 'x') IS NOT TRUE",
        "coalesce(soort, bsn) = 'x'",
        "bedrag - nummer > 3",
        "postcode = '7604AB'",
        "postcode LIKE '7604A%'",
        "postcode LIKE '%AB'",
        "soort IN ('x', 'y') AND upper(postcode) LIKE '7604%'",
        "bsn LIKE '1234%'",
    ],
)
def test_a_field_that_says_who_somebody_is_stands_in_no_predicate(text: str) -> None:
    with raises("CriterionIdentityError"):
        check(text)


@pytest.mark.parametrize(
    "text",
    [
        "soort = '999990019'",
        "soort <> 'nr 9999 90 019'",
        "soort LIKE '99999001%'",
        "bedrag = 999990019",
        "bedrag > 999990019.00",
        "soort IN ('a', '1234567890')",
        "soort = '1234ab 12'",
        "soort = '7604 AB 3'",
        "soort = 'jan@voorbeeld.nl'",
        "bedrag = 999990000 + 19",
        "bedrag - 19 = 999990000",
        "999990000 - bedrag = -19",
        "2 * bedrag + 2 = 1999980040",
        "bedrag BETWEEN 999990000 + 19 AND 999990000 + 30",
        "coalesce(bedrag, 0) + 19 IN (5, 999990038)",
    ],
)
def test_a_value_that_looks_like_somebody_is_refused_and_not_shown(text: str) -> None:
    with raises("CriterionPersonError") as refused:
        check(text)
    assert "99990019" not in str(refused.value.facts).replace("999999999", "") or "019" not in str(
        refused.value
    )
    for language in ("nl", "en"):
        assert not set("12345678") & set(refused.value.text(language).split("\n")[-2])


def together(*texts: str) -> str | None:
    return singled_out([condition_of(parse_predicate(text, TYPES), TYPES) for text in texts])


@pytest.mark.parametrize(
    "texts",
    [
        ("soort LIKE '1234%' AND soort LIKE '%5678'",),
        ("soort LIKE '1234%'", "soort LIKE '%5678'"),
        ("(soort LIKE '%5678') IS TRUE", "soort = 'WW' OR upper(soort) LIKE '1234%'"),
        ("soort LIKE '12%' AND soort LIKE '__34%'", "soort LIKE '%5_'", "soort LIKE '%678'"),
        ("NOT (soort NOT LIKE '1234%' OR soort NOT LIKE '%5678')",),
        ("coalesce(soort, 'x') LIKE '9999%'", "soort LIKE '%0019'"),
        ("soort LIKE '1234AB%' AND soort LIKE '%12'",),
        ("soort LIKE '%12' AND soort LIKE '1234AB%'",),
        ("soort LIKE 'jan@%'", "soort LIKE '%voorbeeld.nl'"),
    ],
)
def test_pieces_that_together_are_a_number_of_somebody_are_found(texts: tuple[str, ...]) -> None:
    assert together(*texts) == "soort"


@pytest.mark.parametrize(
    "texts",
    [
        ("soort LIKE '4711%' OR soort LIKE '5610%' OR soort LIKE '5630%'",),
        ("soort LIKE '4711%'", "postcode LIKE '7604%'"),
        ("soort LIKE '47%'", "soort NOT LIKE '4711%' AND soort <> '4719'"),
        ("bedrag >= 1000 AND bedrag < 99000", "eind > DATE '2026-01-01'"),
    ],
)
def test_pieces_that_leave_a_group_are_none(texts: tuple[str, ...]) -> None:
    assert together(*texts) is None


def test_the_eleven_test() -> None:
    assert passes_eleven_test("999990019")
    assert passes_eleven_test("10000008")
    assert not passes_eleven_test("999990018")
    assert not passes_eleven_test("000000000")
    assert not looks_like_somebody("2026")


@pytest.mark.parametrize(
    "text", ["bedrag * 12 >= 36000", "bedrag + nummer > 20000000", "bedrag - 500 < 1500.50"]
)
def test_a_sum_that_comes_down_to_an_amount_is_none(text: str) -> None:
    check_clear(parse_predicate(text, TYPES), TYPES)


@pytest.mark.parametrize(("text", "found"), [
    ("Omdat 999990019 bekend is.", True),
    ("Nummer 9999.90.019, zie daar.", True),
    ("(999-990-019)", True),
    ("bsn_999990019", True),
    ("Nummer 999990018.", False),
    ("De wet van 1 januari 2026, artikel 64; OIN 00000000099999000190.", False),
    ("sha256:ab999990019cd", False),
])  # fmt: skip
def test_a_bsn_in_a_text_is_found(text: str, found: bool) -> None:
    assert names_somebody(text) is found


def test_texts_that_read_alike_have_one_skeleton() -> None:
    for one, other in (
        ("UWV", "uvvv"),
        ("SVB (voorbeeld)", "SVB  (voorbeeld)."),
        ("laag", "Iaag"),
        ("O10", "0lo"),
        ("modern", "rnodern"),
        ("UWV", "U.W.V."),
        ("UWV (oud)", "UWV, oud"),
        ("UWV", "‘UWV’"),
        ("Sociale Dienst", "Sociale–dienst"),
        ("UWV-1", "UWV l"),
    ):
        assert skeleton(one) == skeleton(other)
    for one, other in (("18-", "18+"), ("1-10", "110"), ("1,5", "15"), ("< 18", "> 18"), ("-5", "5")):
        assert skeleton(one) != skeleton(other)
    assert skeleton("UWV") != skeleton("SVB")
    assert skeleton("één") != skeleton("een")


@pytest.mark.parametrize("sign", "\u3164\ufe0f\u034f\u2800\u00a0\u041e\u200b\u0301\u202e\u2003\u00ad\t")
def test_letters_outside_dutch_stand_in_no_name_and_what_is_not_seen_in_no_text(sign: str) -> None:
    assert strange_in_name(f"UWV {sign}") == sign
    assert (strange_in_prose(f"UWV {sign}") == sign) is (sign != "\u041e")
    assert strange_in_name("Ménage à trois, 's-Hertogenbosch – € 3 ‘Zoë’") is None
