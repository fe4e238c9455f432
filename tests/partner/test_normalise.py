"""Identifiers become one text per person, address or enterprise, or are counted as invalid; never anything between."""

from __future__ import annotations

import unicodedata
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from handmade import BSNS, manifest, selection
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stdnum.nl import bsn as stdnum_bsn

from lsi_match.manifest import IdentifierSource
from lsi_match.manifest.identifiers import UNIT_OF, IdentifierForm, IdentifierKind, InvalidReason, Unit
from lsi_match.manifest.person_keys import FIELDS_OF, PERSON_KEYS, PersonKey
from lsi_match.partner.crowds import PERSON_BOUNDS, Crowds
from lsi_match.partner.drop_rows import identified
from lsi_match.partner.normalise import normalise, person_keys, persons
from lsi_match.partner.normalise.lists import placeholders
from lsi_match.partner.normalise.numbers import GROUPS

K, R = IdentifierKind, InvalidReason
NUMBERS = [kind for kind in K if kind is not K.ADDRESS]


def one(kind: K, *texts: str | None, form: IdentifierForm = IdentifierForm.PLAIN) -> str | None:
    """The identifier made of one value (or the fields of one address), or the reason why not, with a `!`."""
    names = [f"f{i}" for i in range(len(texts))]
    frame = pl.DataFrame(
        {n: [t] for n, t in zip(names, texts, strict=True)}, schema=dict.fromkeys(names, pl.String)
    )
    made = normalise(frame, IdentifierSource(kind=kind, fields=tuple(names), form=form))
    value = made.values.to_list()[0]
    if value is None:
        ((reason, count),) = made.invalid.items()
        assert count == 1
        return f"!{reason}"
    assert made.invalid == {}
    return str(value)


VALID = {
    K.BSN: [("999990019", "999990019"), (" 9999.90.019 ", "999990019"), ("999-990-019", "999990019"), ("12345672", "012345672"), ("12.345.672",
        "012345672")],
    K.RSIN: [("999990019", "999990019"), ("12345672", "012345672")],
    K.V_NUMBER: [("2871234567", "2871234567"), ("28 712 345 67", "2871234567"), ("287.123.4567", "2871234567")],
    K.KVK: [("12345672", "12345672"), ("1234 5672", "12345672"), ("12.345.672", "12345672"), ("01234568", "01234568")],
    K.VESTIGING: [("000012345678", "000012345678")],
    K.BAG: [
        ("0363200000218705", "0363200000218705"), ("0363 2000 0021 8705", "0363200000218705"), ("363200000218705", "0363200000218705"),
        ("0363010000218705", "0363010000218705"), ("0363020000218705", "0363020000218705"), ("0363030000218705", "0363030000218705"),
        ("3010000218705", "0003010000218705"),
    ],
    K.LOONHEFFING: [("999990019L01", "999990019L01"), ("999990019 l01", "999990019L01")],
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "text", "wanted"), [(k, t, w) for k, pairs in VALID.items() for t, w in pairs]
)
def test_a_valid_or_repairable_number_becomes_its_one_form(kind: K, text: str, wanted: str) -> None:
    assert one(kind, text) == wanted


INVALID = {
    K.BSN: [
        (None, R.MISSING), ("", R.MISSING), (" . - ", R.MISSING), ("99999001x", R.NOT_DIGITS), ("V99990019", R.NOT_DIGITS),
        ("9999900190", R.WRONG_LENGTH), ("1234567", R.WRONG_LENGTH), ("000000000", R.UNKNOWN_VALUE),
        ("00000000", R.UNKNOWN_VALUE), ("0000.00.000", R.UNKNOWN_VALUE), ("999990018", R.CHECK_FAILED),
        ("\uff19" * 9, R.NOT_DIGITS), ("99999+019", R.NOT_DIGITS), ("9.9e8", R.DECIMAL_NUMBER), ("²" * 9, R.NOT_DIGITS),
        ("30036161.0", R.DECIMAL_NUMBER), ("30036161,00", R.DECIMAL_NUMBER), ("9.99990019E8", R.DECIMAL_NUMBER), ("999990019.0", R.DECIMAL_NUMBER),
        ("-999990019", R.WRONG_GROUPS), ("999990019-", R.WRONG_GROUPS), ("99999001-9", R.WRONG_GROUPS), ("01-02-1980", R.WRONG_GROUPS),
        ("999.990-019", R.WRONG_GROUPS), ("\u0669" * 9, R.NOT_DIGITS), ("999990019 zie dossier", R.NOT_DIGITS), ("onbekend", R.UNKNOWN_VALUE),
        ("n.v.t.", R.UNKNOWN_VALUE), ("NULL", R.UNKNOWN_VALUE), ("123456782", R.UNKNOWN_VALUE), ("111111110", R.UNKNOWN_VALUE), ("999999990",
        R.UNKNOWN_VALUE),
    ],
    K.RSIN: [("000000000", R.UNKNOWN_VALUE), ("999990018", R.CHECK_FAILED)],
    K.V_NUMBER: [
        ("123456789.0", R.DECIMAL_NUMBER), ("06-12345678", R.WRONG_GROUPS), ("1234567890", R.UNKNOWN_VALUE), ("123456789", R.WRONG_LENGTH),
        ("0" * 10, R.UNKNOWN_VALUE), ("123456789a", R.NOT_DIGITS),
    ],
    K.KVK: [
        ("1234567", R.WRONG_LENGTH), ("0" * 8, R.UNKNOWN_VALUE), ("1234567.0", R.DECIMAL_NUMBER), ("1234.5672", R.DECIMAL_NUMBER), ("1e7",
        R.DECIMAL_NUMBER),
        ("12345678", R.UNKNOWN_VALUE), ("9" * 8, R.UNKNOWN_VALUE), ("2021-05-06", R.WRONG_GROUPS), ("1.234.567", R.DECIMAL_NUMBER), ("1 234 567",
        R.WRONG_GROUPS),
    ],
    K.VESTIGING: [("12345678", R.WRONG_LENGTH), ("0" * 12, R.UNKNOWN_VALUE)],
    K.BAG: [("0363100000218705", R.WRONG_SHAPE), ("363100000218705", R.WRONG_LENGTH), ("632000002187", R.WRONG_LENGTH), ("0" * 16, R.UNKNOWN_VALUE)],
    K.LOONHEFFING: [
        ("999990019", R.WRONG_SHAPE), ("999990019B01", R.WRONG_SHAPE), ("000000000L01", R.UNKNOWN_VALUE),
        ("999990018L01", R.CHECK_FAILED), ("", R.MISSING),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "text", "reason"), [(k, t, r) for k, pairs in INVALID.items() for t, r in pairs]
)
def test_an_invalid_number_is_null_and_counted_by_its_reason(kind: K, text: str | None, reason: R) -> None:
    assert one(kind, text) == f"!{reason.value}"


@pytest.mark.parametrize("kind", [K.BSN, K.RSIN])
def test_the_first_nine_digits_of_a_loonheffingennummer_are_a_fiscal_number(kind: K) -> None:
    assert one(kind, "999990019L01", form=IdentifierForm.LOONHEFFING) == "999990019"
    assert one(kind, "999990019", form=IdentifierForm.LOONHEFFING) == "!not_digits"
    assert one(kind, "999990018L01", form=IdentifierForm.LOONHEFFING) == "!check_failed"
    assert one(kind, "000000000L01", form=IdentifierForm.LOONHEFFING) == "!unknown_value"
    assert one(kind, None, form=IdentifierForm.LOONHEFFING) == "!missing"


def eleven_test(nine: str) -> bool:
    return sum(int(d) * w for d, w in zip(nine, (9, 8, 7, 6, 5, 4, 3, 2, -1), strict=True)) % 11 == 0


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 999_999_999), min_size=50, max_size=400))
@example([0, 1, 999_999_999, 12_345_672])
def test_the_eleven_test_is_that_of_two_other_implementations(numbers: list[int]) -> None:
    texts = [f"{n:09d}" for n in numbers]
    made = normalise(pl.DataFrame({"f": texts}), IdentifierSource(kind=K.BSN, fields=("f",))).values.to_list()
    for text, value in zip(texts, made, strict=True):
        wanted = eleven_test(text) and text != "000000000"
        assert (value == text) if wanted else (value is None)
        assert wanted == (stdnum_bsn.is_valid(text) and text != "000000000")


def test_about_one_in_eleven_numbers_passes() -> None:
    texts = [f"{n:09d}" for n in range(100_000_000, 100_011_000)]
    made = normalise(pl.DataFrame({"f": texts}), IdentifierSource(kind=K.BSN, fields=("f",)))
    assert 11_000 - made.values.null_count() == 1000
    assert made.invalid == {"check_failed": 10_000}


_numberlike = st.one_of(
    st.text(max_size=20),
    st.text(alphabet="0123456789 .-L\u0660\uff10x", max_size=17),
    st.sampled_from([*BSNS, "999990019L01", "0363200000218705"]),
    st.none(),
)


@pytest.mark.parametrize("kind", NUMBERS)
@settings(max_examples=40, deadline=None)
@given(texts=st.lists(_numberlike, min_size=1, max_size=20))
def test_normalising_numbers_is_total_and_settled_by_one_stroke(kind: K, texts: list[str | None]) -> None:
    frame = pl.DataFrame({"f": texts}, schema={"f": pl.String})
    source = IdentifierSource(kind=kind, fields=("f",))
    made = normalise(frame, source)
    assert len(made.values) == len(texts)
    assert sum(made.invalid.values()) == made.values.null_count()
    assert made.invalid.keys() <= {reason.value for reason in R}
    again = normalise(made.values.alias("f").to_frame(), source).values
    assert again.to_list() == made.values.to_list()
    assert all(value is None or value.isascii() for value in made.values)


def test_a_value_does_not_depend_on_the_rows_around_it() -> None:
    texts = ["999990019", "9999.90.019", None, "x", "12345672", "999990020"]
    whole = normalise(
        pl.DataFrame({"f": texts}), IdentifierSource(kind=K.BSN, fields=("f",))
    ).values.to_list()
    assert whole == ["999990019", "999990019", None, None, "012345672", "999990020"]


# addresses

SAME_ADDRESS = [
    ("2511CV", "12", "A", None),
    ("2511 cv", "12", "a", ""),
    (" 2511  CV ", " 12 ", " A ", " "),
    ("2511CV", "12A", None, None),
    ("2511CV", "12 a", "", None),
    ("2511CV", "12-A", None, None),
    ("2511CV", "0012", None, "-a"),
    ("2511-CV", "12.0", "A"),
    ("2511 CV", "12A", "A", ""),
    ("2511CV", "12 A", "", "a"),
]


@pytest.mark.parametrize("parts", SAME_ADDRESS)
def test_an_address_written_in_many_ways_is_one_text(parts: tuple[str | None, ...]) -> None:
    assert one(K.ADDRESS, *parts) == "2511CV|12|A"


ONE_ADDITION = [
    ["12 hs", "12-huis", "12 h.s."],
    ["12 bg", "12 b.g.", "12 begane grond", "12 parterre"],
    ["12H", "12-H", "12 h"],
    [
        "12-2",
        "12 II",
        "12 2hoog",
        "12 2 hg",
        "12-II hoog",
        "12 2e etage",
        "12 tweede verdieping",
        "12 etage 2",
        "12-02",
        "12 nr. 2",
    ],
    ["12-1", "12 I hoog", "12-01", "12 1e verd."],
    ["12", "nr 12", "nr. 12", "huisnummer 12", "12 n.v.t.", "12 -", "012"],
    ["12 by", "12 bij"],
    ["12 1-11"],
    ["12 11-1"],
    ["12 111"],
    ["12 bis", "12BS"],
    ["12 bis A", "12 BSA"],
    ["12 rood", "12rd"],
    ["12 zw", "12 zwart"],
    ["12 t/o", "12 tegenover", "12 TO"],
]


@pytest.mark.parametrize("written", ONE_ADDITION)
def test_what_is_added_to_a_number_has_one_form(written: list[str]) -> None:
    assert len({one(K.ADDRESS, "2511CV", house) for house in written}) == 1
    apart = {one(K.ADDRESS, "2511CV", group[0]) for group in ONE_ADDITION}
    assert len(apart) == len(ONE_ADDITION)


def test_the_last_two_parts_of_an_address_may_be_no_field_at_all() -> None:
    assert one(K.ADDRESS, "2511CV", "12") == "2511CV|12|"
    assert one(K.ADDRESS, "2511CV", "12", "B") == "2511CV|12|B"
    assert one(K.ADDRESS, "2511CV", "12", "B", "2 hoog") == "2511CV|12|B2"


def test_other_addresses_are_other_texts() -> None:
    texts = [
        one(K.ADDRESS, *parts)
        for parts in (("2511CV", "12"), ("2511CV", "1", "2"), ("2511CV", "1"), ("2511CW", "12"))
    ]
    assert len(set(texts)) == 4


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ((None, "12"), R.MISSING),
        (("2511CV", None), R.MISSING),
        (("2511CV", " "), R.MISSING),
        (("0511CV", "12"), R.WRONG_SHAPE),
        (("2511", "12"), R.INCOMPLETE),
        (("9999ZZ", "12"), R.UNKNOWN_VALUE),
        (("0000AA", "12"), R.UNKNOWN_VALUE),
        (("Onbekend", "12"), R.UNKNOWN_VALUE),
        (("2511CV", "onbekend"), R.UNKNOWN_VALUE),
        (("2511CV", "12²"), R.OTHER_SIGN),
        (("2511CV", "12½"), R.OTHER_SIGN),
        (("2511CV", "12é"), R.OTHER_SIGN),
        (("2511CV", "12", "é"), R.OTHER_SIGN),
        (("2511CV", "12", "", "\u0662"), R.OTHER_SIGN),
        (("2511C5", "12"), R.WRONG_SHAPE),
        (("2511CVX", "12"), R.WRONG_SHAPE),
        (("2511CV", "0"), R.WRONG_SHAPE),
        (("2511CV", "A"), R.WRONG_SHAPE),
        (("2511CV", "100000"), R.WRONG_SHAPE),
        (("2511CV", "9" * 30), R.WRONG_SHAPE),
        (("2511CV", "-12"), R.WRONG_SHAPE),
    ],
)
def test_what_is_no_address_is_counted_by_its_reason(parts: tuple[str | None, ...], reason: R) -> None:
    assert one(K.ADDRESS, *parts) == f"!{reason.value}"


_text = st.one_of(st.none(), st.text(max_size=12), st.text(alphabet="0123456789aBß |-/", max_size=8))


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(st.none(), st.text(max_size=8), st.from_regex(r"[1-9][0-9]{3} ?[a-zA-Z]{2}", fullmatch=True)),
    _text,
    _text,
    _text,
)
def test_normalising_addresses_is_total_and_settled_by_one_stroke(
    postcode: str | None, number: str | None, letter: str | None, addition: str | None
) -> None:
    made = one(K.ADDRESS, postcode, number, letter, addition)
    assert made is not None
    if not made.startswith("!"):
        parts = made.split("|")
        assert len(parts) == 3
        assert one(K.ADDRESS, *parts) == made
        assert made.isascii()


# person keys

PERSON = {
    "given_name": "Maria",
    "surname": "Jansen",
    "birth_date": "1980-04-02",
    "postcode": "2511 CV",
    "house_number": "12",
    "street": "Lange Voorhout",
    "place": "Den Haag",
}


def keys(**changes: str | None) -> dict[str, str | None]:
    """Every person key of a person with these changes."""
    return keys_of(changes)[0]


def keys_of(*changes: dict[str, str | None]) -> list[dict[str, str | None]]:
    """Every person key of the person with each of these changes."""
    frame = pl.DataFrame([PERSON | one for one in changes], schema=dict.fromkeys(PERSON, pl.String))
    made = person_keys(frame, {name: name for name in PERSON}, list(PERSON_KEYS))
    assert made.columns == [f"pk_{name}" for name in PERSON_KEYS]
    return made.rows(named=True)


def test_a_complete_person_has_every_key_and_no_two_are_alike() -> None:
    made = keys()
    assert all(made.values())
    assert len(set(made.values())) >= len(made) - 2


ALIKE: list[tuple[dict[str, str], dict[str, str]]] = [
    ({"surname": "Jansen"}, {"surname": " jansen "}),
    ({"surname": "de Vries"}, {"surname": "Vries, de"}),
    ({"surname": "van der Berg"}, {"surname": "Berg"}),
    ({"surname": "v/d Berg"}, {"surname": "BERG"}),
    ({"surname": "v.d. Berg"}, {"surname": "Berg, v.d."}),
    ({"surname": "bij de Vaate"}, {"surname": "Vaate"}),
    ({"surname": "’t Hart"}, {"surname": "'t Hart"}),
    ({"surname": "Vries-de"}, {"surname": "Vries"}),
    ({"surname": "GRO\u1e9e"}, {"surname": "Groß"}),
    ({"surname": "Ǿrsted"}, {"surname": "Orsted"}),
    ({"surname": "'t Hart"}, {"surname": "Hart"}),
    ({"surname": "Jansen-de Boer"}, {"surname": "Jansen de Boer"}),
    ({"surname": "Müller"}, {"surname": "MULLER"}),
    ({"surname": "Mu\u0308ller"}, {"surname": "Müller"}),
    ({"surname": "Çelik"}, {"surname": "Celik"}),
    ({"surname": "Łukasz"}, {"surname": "Lukasz"}),
    ({"surname": "Dijk"}, {"surname": "Dyk"}),
    ({"surname": "Dĳk"}, {"surname": "DIJK"}),
    ({"surname": "Dÿk"}, {"surname": "Dijk"}),
    ({"surname": "Groß"}, {"surname": "GROSS"}),
    ({"given_name": "Anne-Marie"}, {"given_name": "anne marie"}),
    ({"given_name": "Jansen", "surname": "Maria"}, {"given_name": "Maria", "surname": "Jansen"}),
    ({"birth_date": "1980-04-02"}, {"birth_date": "02-04-1980"}),
    ({"birth_date": "1980-04-02"}, {"birth_date": "19800402"}),
    ({"birth_date": "1980-04-02"}, {"birth_date": "2-4-1980"}),
    ({"birth_date": "1980-04-02"}, {"birth_date": "1980-04-02 00:00:00"}),
    ({"birth_date": "1980-04-02"}, {"birth_date": "02-04-1980T00:00:00Z"}),
    ({"birth_date": "1980-04-00"}, {"birth_date": "4-1980"}),
    ({"birth_date": "1980-00-00"}, {"birth_date": "1980"}),
    ({"postcode": "2511cv"}, {"postcode": "2511 CV"}),
    ({"house_number": "012"}, {"house_number": "12 hs"}),
    ({"street": "Lange Voorhout"}, {"street": "lange voorhout "}),
    ({"place": "’s-Gravenhage"}, {"place": "'s Gravenhage"}),
    ({"place": "Den Haag"}, {"place": "'s-Gravenhage"}),
    ({"place": "Alphen a/d Rijn"}, {"place": "Alphen aan den Rijn"}),
    ({"street": "Prof. Lorentzln"}, {"street": "Professor Lorentzlaan"}),
    ({"street": "Burg. v.d. Polstr."}, {"street": "Burgemeester van der Polstraat"}),
    ({"street": "1e Helmersstraat"}, {"street": "Eerste Helmersstr"}),
    ({"surname": "Ħassan"}, {"surname": "Hassan"}),
    ({"surname": "Əliyev"}, {"surname": "Eliyev"}),
    ({"surname": "Łukaszewski-Ðorđević"}, {"surname": "Lukaszewski Dordevic"}),
    ({"surname": "Yıldız"}, {"surname": "YILDIZ"}),
    ({"house_number": "nr. 12"}, {"house_number": "12"}),
]  # fmt: skip


@pytest.mark.parametrize(("one_way", "other_way"), ALIKE)
def test_the_same_person_written_in_two_ways_has_the_same_keys(
    one_way: dict[str, str], other_way: dict[str, str]
) -> None:
    first, second = keys(**one_way), keys(**other_way)
    # Which of two names is the surname is only part of some keys; a swapped field differs in those.
    told_apart = {n for n in first if first[n] != second[n]}
    swapped = one_way.get("given_name") == PERSON["surname"]
    assert all(PERSON_KEYS[n.removeprefix("pk_")].parts for n in told_apart)
    allowed = {
        f"pk_{name}"
        for name, key in PERSON_KEYS.items()
        if swapped and any(p.startswith(("given_", "surname_")) for p in key.parts)
    }
    assert told_apart <= allowed


@pytest.mark.parametrize(
    ("one_way", "other_way"),
    [("Cornelis", "Kees"), ("Kees", "Cor"), ("Trees", "Catharina"), ("Gré", "MARGARETHA")],
)
def test_a_call_name_is_the_name_it_stands_for_in_its_own_key_only(one_way: str, other_way: str) -> None:
    first, second = keys(given_name=one_way), keys(given_name=other_way)
    assert first["pk_call_birth"] == second["pk_call_birth"] is not None
    assert first["pk_given_birth"] != second["pk_given_birth"]
    assert keys(given_name="Karel")["pk_call_birth"] != first["pk_call_birth"]


@pytest.mark.parametrize("one", ["Catharina", "Antonia", "Theresia"])
def test_a_call_name_of_two_names_is_either_of_them(one: str) -> None:
    """Toos stands for Catharina and for Antonia."""
    names, call = keys(given_name=one), keys(given_name="Toos")
    same = {name for name in ("pk_call_birth", "pk_other_call_birth") if names[name] == call[name]}
    assert same == {"Catharina": {"pk_call_birth"}, "Antonia": {"pk_other_call_birth"}}.get(one, set())


@pytest.mark.parametrize(
    ("written", "half"),
    [
        ("Smit-van den Broek", "pk_tail_birth"), ("van den Broek - Smit", "pk_head_birth"),
        ("Broek-A", "pk_head_birth"), ("-van den Broek", "pk_tail_birth"), ("Smit Broek", "pk_tail_birth"),
        ("Smitbroekje", None),
    ],
)  # fmt: skip
def test_either_half_of_a_double_name_is_found(written: str, half: str | None) -> None:
    double, single = keys(surname=written), keys(surname="van den Broek")
    same = {name for name in ("pk_head_birth", "pk_tail_birth") if double[name] == single[name]}
    assert {half} <= same if half else not same


@pytest.mark.parametrize(
    ("one_way", "other_way"), [("Khadidja", "Hatice"), ("Volodymyr", "Vladimir"), ("Małgorzata", "Gosia")]
)
def test_one_name_in_two_languages_has_one_key(one_way: str, other_way: str) -> None:
    assert keys(given_name=one_way)["pk_call_birth"] == keys(given_name=other_way)["pk_call_birth"]


def test_a_swapped_day_and_month_leave_the_strongest_key_as_it_was() -> None:
    assert keys(birth_date="1980-02-04")["pk_names_birth_postcode"] == keys()["pk_names_birth_postcode"]
    assert keys(birth_date="1980-02-05")["pk_names_birth_postcode"] != keys()["pk_names_birth_postcode"]


def needs(key: PersonKey) -> set[str]:
    """The fields of a selection without which there is no such key."""
    return {field for part in key.parts for field in FIELDS_OF[part]}


MISSING: dict[str, list[str | None]] = {
    "given_name": [None, "", " ", "Onbekend", "NNB", "123", "?", "N.N.", "X", "x.x.", "Jan2", "Иван", "李小龙"],
    "surname": [None, "", "-", "onbekend", "...", "Иванов Jansen", "Jan²"],
    "birth_date": [None, "", "1900-01-01", "01-01-1900", "1900-00-00", "1900", "0000-00-00", "1980-13-02", "1980-04-32", "1980-13-00",
                   "onbekend", "1849-01-02", "1899-12-30", "30-12-1899", "9999-12-31", "99-99-9999"],
    "postcode": [None, "", " ", "ONBEKEND", "9999ZZ", "0000AA", "2511", "2511 C"],
    "house_number": [None, "", "A", "0", "12²", "12½", "\u0661\u0662", "A12"],
    "street": [None, "", "12", "Onbekend", "Улица"],
    "place": [None, "", "-", "Onbekend"],
}  # fmt: skip


@pytest.mark.parametrize(("field", "value"), [(f, v) for f, values in MISSING.items() for v in values])
def test_a_part_that_is_missing_makes_every_key_missing_that_needs_it(field: str, value: str | None) -> None:
    made = keys(**{field: value})
    for name, key in PERSON_KEYS.items():
        if field in needs(key):
            assert made[f"pk_{name}"] is None, name
        else:
            assert made[f"pk_{name}"] is not None, name


def test_a_post_box_is_no_home() -> None:
    made = keys(street="Postbus 12")
    for name, key in PERSON_KEYS.items():
        at_home = {"street", "postcode", "house_number"} & needs(key)
        assert (made[f"pk_{name}"] is None) == bool(at_home), name
    frame = pl.DataFrame({name: [value] for name, value in PERSON.items()} | {"street": ["Postbus 12"]})
    useless = persons(frame, {name: name for name in PERSON}, list(PERSON_KEYS))[1]
    assert useless == {"postcode_po_box": 1, "house_number_po_box": 1, "street_po_box": 1}


def test_a_birth_date_must_be_possible_on_the_reference_date() -> None:
    born = ["2026-10-01", "2026-10-02", "1906-01-01", "1905-12-31", "2026", "2027"]
    frame = pl.DataFrame({"birth_date": born})
    useless = persons(frame, {"birth_date": "birth_date"}, list(PERSON_KEYS), date(2026, 10, 1))[1]
    assert useless == {"birth_date_implausible": 3}
    assert persons(frame, {"birth_date": "birth_date"}, list(PERSON_KEYS))[1] == {}


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("1980-04-00", {"birth_year", "birth_year_month"}),
        ("00-04-1980", {"birth_year", "birth_year_month"}),
        ("04-1980", {"birth_year", "birth_year_month"}),
        ("1980-00-00", {"birth_year"}),
        ("19800000", {"birth_year"}),
        ("1980", {"birth_year"}),
        ("1980-00-15", {"birth_year"}),
    ],
)
def test_of_an_incomplete_birth_date_what_is_known_stays_and_nothing_is_filled_in(
    written: str, known: set[str]
) -> None:
    made, whole = keys(birth_date=written), keys(birth_date="1980-04-15")
    for name, key in PERSON_KEYS.items():
        dates = {part for part in key.parts if part.startswith("birth")}
        assert made[f"pk_{name}"] == (whole[f"pk_{name}"] if dates <= known else None), name


@pytest.mark.parametrize("initial", ["M", "m.", " M. "])
def test_an_initial_is_an_initial_and_no_name(initial: str) -> None:
    made, whole = keys(given_name=initial), keys()
    for name, key in PERSON_KEYS.items():
        if "given_name" not in needs(key) or "given_initial" in key.parts:
            assert made[f"pk_{name}"] == whole[f"pk_{name}"], name
        else:
            assert made[f"pk_{name}"] is None, name


def test_a_field_that_a_selection_does_not_have_makes_the_same_keys_missing() -> None:
    frame = pl.DataFrame({name: [value] for name, value in PERSON.items()})
    without = person_keys(frame, {n: n for n in PERSON if n != "birth_date"}, list(PERSON_KEYS)).row(
        0, named=True
    )
    assert {n for n, v in without.items() if v is None} == {
        f"pk_{name}" for name, key in PERSON_KEYS.items() if "birth_date" in needs(key)
    }


@settings(max_examples=60, deadline=None)
@given(st.fixed_dictionaries({name: st.one_of(st.none(), st.text(max_size=15)) for name in PERSON}))
def test_person_keys_are_total_and_hold_separators_only_between_parts(person: dict[str, str | None]) -> None:
    for name, value in keys(**person).items():
        if value is not None:
            assert value.count("|") == len(PERSON_KEYS[name.removeprefix("pk_")].parts) - 1
            assert all(value.split("|"))


def test_what_is_of_no_use_for_person_keys_is_counted_by_field_and_reason() -> None:
    frame = pl.DataFrame(
        {
            "given_name": ["Maria", None, "Onbekend", "?"],
            "surname": ["Jansen", "J", "Nnb", None],
            "birth_date": ["1980-04-02", "1980-00-00", "02-04-80", None],
            "postcode": ["2511 CV", "?", None, "2511"],
            "house_number": ["12", "0", "A", None],
            "street": ["Dam", "12", None, "Kade"],
            "place": ["Ee", "-", None, "Den Haag"],
        }
    )
    _, useless = persons(frame, {name: name for name in frame.columns}, list(PERSON_KEYS))
    assert useless == {
        "given_name_missing": 2, "given_name_unknown_value": 1, "surname_missing": 1, "surname_unknown_value": 1,
        "birth_date_missing": 1, "birth_date_wrong_shape": 1, "postcode_missing": 2, "postcode_incomplete": 1,
        "house_number_missing": 1, "house_number_wrong_shape": 2, "street_missing": 1, "street_wrong_shape": 1,
        "place_missing": 2,
    }  # fmt: skip
    few = {"surname": "surname"}
    assert persons(frame, few, list(PERSON_KEYS))[1] == {"surname_missing": 1, "surname_unknown_value": 1}


# However it is written, one person, address or number has one identifier.

#: Made-up names as a careful clerk writes them: what stands before the surname, and the surname.
_SURNAMES = [
    ("van der", "Dijksma"), ("de", "Vries"), ("", "Çelik-Yılmaz"), ("'t", "Hart"), ("in 't", "Veld"), ("op den", "IJsseldijk"),
    ("", "Groß"), ("", "Łukaszewski"), ("el", "Idrissi"), ("", "Nguyễn"), ("", "Jansen-Pietersen"), ("van den", "Brûlé"),
    ("ter", "Bijl"), ("", "Sørensen"), ("", "O'Neill"),
]  # fmt: skip
_GIVEN = ["Maria", "Anne-Marie", "IJsbrand", "Zoë", "Şükrü", "Jean Luc", "Đorđe", "Björn"]


def _recased(draw: st.DrawFn, text: str) -> str:
    return draw(st.sampled_from([text, text.upper(), text.lower()]))


def _respelt(draw: st.DrawFn, text: str) -> str:
    """The same letters in another encoding, or without what a keyboard or an old system lacks."""
    text = draw(
        st.sampled_from([text, unicodedata.normalize("NFD", text), unicodedata.normalize("NFC", text)])
    )
    if draw(st.booleans()):
        text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
    for letters, others in (
        ("ij", "y"),
        ("IJ", "Y"),
        ("ij", "ĳ"),
        ("ß", "ss"),
        ("ł", "l"),
        ("ø", "o"),
        ("'", "’"),
        ("-", " "),
    ):
        if draw(st.booleans()):
            text = text.replace(letters, others)
    return draw(st.sampled_from(["", " ", "\u00a0"])) + text + draw(st.sampled_from(["", " ", "."]))


@st.composite
def _person_twice(draw: st.DrawFn) -> tuple[dict[str, str | None], dict[str, str | None]]:
    """One person as two clerks write it."""
    before, surname = draw(st.sampled_from(_SURNAMES))
    given = draw(st.sampled_from(_GIVEN))
    born = draw(st.dates(date(1901, 1, 1), date(2026, 1, 1)))
    number = draw(st.integers(1, 99_999))

    def written() -> dict[str, str | None]:
        ways = (
            [surname]
            if not before
            else [f"{before} {surname}", f"{surname}, {before}", f"{surname} {before}", surname]
        )
        places = ["'s-Gravenhage", "'s Gravenhage", "’S-GRAVENHAGE"]
        return {
            "given_name": _recased(draw, _respelt(draw, given)),
            "surname": _recased(draw, _respelt(draw, draw(st.sampled_from(ways)))),
            "birth_date": draw(st.sampled_from(
                [f"{born:%Y-%m-%d}", f"{born:%Y%m%d}", f"{born:%Y/%m/%d}", f"{born:%d-%m-%Y}", f"{born.day}-{born.month}-{born.year}",
                 f"{born:%d/%m/%Y}", f"{born.day}.{born.month}.{born.year}", f"{born:%Y-%m-%d} 00:00:00", f" {born:%d-%m-%Y} "])),
            "postcode": draw(st.sampled_from(["2511CV", "2511 cv", " 2511  CV", "2511-CV"])),
            "house_number": draw(st.sampled_from([f"{number}", f"{number:06d}", f" {number} a", f"{number}-2", f"{number}.0"])),
            "street": _recased(draw, draw(st.sampled_from(["Lange Voorhout", " Lange  Voorhout ", "Lange-Voorhout"]))),
            "place": draw(st.sampled_from(places)),
        }  # fmt: skip

    return written(), written()


@settings(max_examples=150, deadline=None)
@given(_person_twice())
def test_a_person_has_the_same_keys_however_it_is_written(
    both: tuple[dict[str, str | None], dict[str, str | None]],
) -> None:
    first, second = keys_of(*both)
    assert first == second
    assert sum(value is not None for value in first.values()) > 15


@st.composite
def _address_twice(draw: st.DrawFn) -> tuple[tuple[str, int, str, str], list[str | None]]:
    """An address as its parts, and as somebody writes it."""
    postcode = draw(st.from_regex(r"[1-9][0-9]{3}[A-Z]{2}", fullmatch=True))
    number = draw(st.integers(1, 99_999))
    letter = draw(st.sampled_from(["", "A", "C", "G"]))
    addition, words = draw(
        st.sampled_from(
            [
                ("", [""]),
                ("2", ["2", "2 hoog", "-2", "2hg", "2.0"]),
                ("HS", ["hs", "huis", "h.s."]),
                ("BG", ["bg", "parterre"]),
                ("BS", ["bis", "BS"]),
            ]
        )
    )  # fmt: skip
    space, sign = st.sampled_from(["", " ", "\u00a0"]), st.sampled_from(["", " ", "-", "/"])
    house = f"{'0' * draw(st.integers(0, 3))}{number}"
    one_field = draw(st.sampled_from(["all", "letter", "none"]))
    word = draw(st.sampled_from(words))
    shown = letter if draw(st.booleans()) else letter.lower()
    if one_field == "all" and "." not in word:
        before, between = draw(sign), draw(sign)
        if not shown and word[:1].isdigit() and not before + between:
            between = " "  # nobody can tell the 2 of "12" from a house number 12
        fields: list[str | None] = [f"{house}{before}{shown}{between}{word}", None, ""]
    elif one_field == "letter":
        fields = [f"{house}{draw(sign)}{shown}", draw(st.sampled_from([None, shown])), word]
        fields[1] = fields[1] if word == "" or not fields[1] else None
    else:
        fields = [house, shown, word]
    code = postcode[:4] + draw(space) + postcode[4:]
    return (postcode, number, letter, addition), [
        draw(space) + (code if draw(st.booleans()) else code.lower()),
        *fields,
    ]


@settings(max_examples=150, deadline=None)
@given(_address_twice())
def test_an_address_has_one_identifier_however_it_is_written(
    both: tuple[tuple[str, int, str, str], list[str | None]],
) -> None:
    (postcode, number, letter, addition), fields = both
    assert one(K.ADDRESS, *fields) == f"{postcode}|{number}|{letter}{addition}"


_VALID_NUMBER = {
    K.BSN: st.sampled_from(BSNS), K.RSIN: st.sampled_from(BSNS), K.V_NUMBER: st.from_regex("[1-9][0-9]{9}", fullmatch=True),
    K.KVK: st.from_regex("[1-9][0-9]{7}", fullmatch=True), K.VESTIGING: st.from_regex("[1-9][0-9]{11}", fullmatch=True),
    K.BAG: st.from_regex("[1-9][0-9]{3}20[0-9]{10}", fullmatch=True),
    K.LOONHEFFING: st.builds("{}L{:02}".format, st.sampled_from(BSNS), st.integers(0, 99)),
}  # fmt: skip


def _grouped(number: str, groups: tuple[int, ...], separator: str) -> str:
    ends = [sum(groups[:at]) for at in range(len(groups) + 1)]
    return separator.join(number[start:end] for start, end in pairwise(ends))


@pytest.mark.parametrize("kind", NUMBERS)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_number_has_one_identifier_however_it_is_written(kind: K, data: st.DataObject) -> None:
    number = data.draw(_VALID_NUMBER[kind].filter(lambda one: one not in placeholders(kind)))
    head, tail = (number[:9], number[9:]) if kind is K.LOONHEFFING else (number, "")
    every = GROUPS[K.BSN if kind is K.LOONHEFFING else kind]
    groups = data.draw(st.sampled_from([*[g for g in every if sum(g) == len(head)], (len(head),)]))
    separator = data.draw(
        st.sampled_from([" ", "  ", "\u00a0", "\u2009", "-", *(["."] if len(groups) > 2 else [])])
    )
    space = st.text(" \t\n\u00a0", max_size=2)
    written = data.draw(space) + _grouped(head, groups, separator) + tail + data.draw(space)
    assert one(kind, written) == number
    assert one(kind, written.lower()) == number


@pytest.mark.parametrize("kind", NUMBERS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_text_that_is_not_the_number_itself_yields_it(kind: K, data: st.DataObject) -> None:
    """Of a text with a sign too many, in another place or of another script comes nothing, and never another number."""
    number = data.draw(_VALID_NUMBER[kind])
    at = data.draw(st.integers(0, len(number)))
    strange = data.draw(
        st.sampled_from(
            [
                ".0",
                ",0",
                ".00",
                "e1",
                "E7",
                "+",
                "²",
                "½",
                "x",
                "/",
                "\uff11",
                "\u0661",
                "é",
                "_",
                "'",
                "0.",
                "\u200b",
            ]
        )
    )
    written = number[:at] + strange + number[at:]
    assert str(one(kind, written)).startswith("!"), written
    assert str(one(kind, f"{number}.0")).startswith("!")
    assert str(one(kind, f"{number[:-1]}.0")).startswith("!")
    assert str(one(kind, f"-{number}")).startswith("!")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["1011AB", "1011AC"]),
            st.sampled_from([1, 11, 111, 12, 2]),
            st.sampled_from(["", "A", "B", "E", "H", "I", "V"]),
            st.sampled_from(
                [
                    "",
                    "1",
                    "2",
                    "11",
                    "12",
                    "1-11",
                    "11-1",
                    "H",
                    "HS",
                    "BG",
                    "V HOOG",
                    "HG",
                    "BS",
                    "RD",
                    "ZW",
                    "TO",
                    "BY",
                    "H1",
                    "HG",
                    "10",
                    "K-1",
                    "01",
                    "001",
                    "1HG",
                    "APP1",
                    "II",
                    "2HG",
                    "5",
                ]
            ),
        ),
        min_size=2,
        max_size=40,
        unique=True,
    )
)
def test_no_two_addresses_of_a_town_share_a_form(town: list[tuple[str, int, str, str]]) -> None:
    forms, lost = forms_in_a_drop(
        [(code, str(number), letter, addition) for code, number, letter, addition in town]
    )
    there = [form for form in forms if form is not None]
    assert len(set(there)) == len(there) == len(town) - lost
    # Nobody's is only what may be two: a letter of its own, and one at the start of the addition; a number written in another way.
    plain = {"II": "2", "2HG": "2", "01": "1", "001": "1", "1HG": "1", "APP1": "1", "V HOOG": "5"}
    written = {
        (code, number, letter + plain.get(addition, addition)) for code, number, letter, addition in town
    }
    assert (lost == 0) == (len(written) == len(town))


def forms_in_a_drop(rows: list[tuple[str, str, str, str]]) -> tuple[list[str | None], int]:
    """The forms of the addresses of a register, and how many are nobody's since they may be two."""
    names = ("pc", "nr", "letter", "addition")
    fields = {name: {"type": "text", "meaning": name} for name in (*names, "soort")}
    rules: dict[str, Any] = {
        "fields": fields,
        "identifiers": [{"kind": "address", "fields": names}],
        "criteria": [{"id": "alle", "when": "soort = 'x'", "rationale": "Alle."}],
        "signals": [{"id": "er", "when": "TRUE", "label": "Er"}],
        "attributes": [],
    }
    agreed = manifest({name: [selection(**rules)] for name in ("gemeente", "uwv")}, unit="address", identifiers=("address",))  # fmt: skip
    crowds, frame = Crowds.of(agreed), pl.DataFrame(rows, schema=names, orient="row")
    (chosen,) = agreed.partners["uwv"].selections
    while True:
        found, counts = identified(agreed, chosen, frame, date(2026, 6, 1), crowds.among)
        if not crowds.settle():
            return found["address"].to_list(), counts.get("address_ambiguous", 0)


@pytest.mark.parametrize(
    ("town", "forms"),
    [
        ([("A", ""), ("", "A"), ("", "B")], [None, None, "B"]),
        ([("A", "2"), ("a", "-2"), ("", "a2")], [None, None, None]),
        ([("", "huis"), ("", "h.s."), ("H", "")], ["HS", "HS", "H"]),
        ([("", "huis"), ("", "H"), ("", "bg")], [None, None, "BG"]),
        ([("", "2"), ("", "II"), ("", "1"), ("", "3")], [None, None, "1", "3"]),
        ([("", "1"), ("", "1HG"), ("", "2 hoog"), ("", "2e verd.")], [None, None, "2", "2"]),
        ([("A", "01"), ("A", "001"), ("A", "-2"), ("a", "2")], [None, None, "A2", "A2"]),
        ([("", "APP 7"), ("", "7"), ("", "appt. 8"), ("", "App8")], [None, None, "8", "8"]),
        # Signs that may go say nothing.
        ([("-A", "2"), ("A", "-2."), ("H", "")], ["A2", "A2", "H"]),
    ],
)
def test_an_address_that_may_be_two_is_nobodys(town: list[tuple[str, str]], forms: list[str | None]) -> None:
    made, lost = forms_in_a_drop([("1011AB", "12", letter, addition) for letter, addition in town])
    assert made == [form and f"1011AB|12|{form}" for form in forms]
    assert lost == forms.count(None)


def test_h_is_huis_in_amsterdam_only() -> None:
    for code, form in (("1011AB", "HS"), ("1111AB", "H"), ("1100 ab", "HS")):
        for parts in (("12-H",), ("12H", None), ("12", "h"), ("12", "", "H"), ("12", None, "-h")):
            assert str(one(K.ADDRESS, code, *parts)).endswith(f"|12|{form}")
        assert str(one(K.ADDRESS, code, "12", "H", "")).endswith("|12|H")


_A_TO_Z = [chr(one) for one in range(ord("A"), ord("Z") + 1)]
#: How the homes at one house number are told apart in the BAG: letter and addition of each.
NUMBERING = {
    "letters": [(letter, "") for letter in _A_TO_Z],
    "numbers": [("", str(n)) for n in range(1, 60)],
    "letters with numbers": [(letter, str(n)) for letter in _A_TO_Z for n in range(13)] + [(letter, "") for letter in _A_TO_Z],
    "Amsterdam": [("", one) for one in ("H", "1", "2", "3", "4", "1A", "1V", "2A", "2V", "A", "B")],
    "ground floor and up": [("", one) for one in ("HS", "1", "2", "3")],
    "Roman": [("", one) for one in ("I", "II", "III", "IV", "V", "VI")],
    "Haarlem": [("", one) for one in ("RD", "ZW", "RD1", "ZW1", "A", "B")],
    "Utrecht": [("", one) for one in ("BS", "BSA", "BSB", "A", "B")] + [("A", "BS"), ("B", "BS")],
    "stair and number": [("", one) for one in ("1-1", "1-2", "11-1", "1-11", "2-1", "12-1", "1-21", "111")],
    "floor and letter": [("", f"{n}{letter}") for n in range(1, 9) for letter in _A_TO_Z],
    "letter and floor": [("", f"{letter}{n}") for letter in _A_TO_Z for n in range(1, 9)],
    "between numbers": [("", f"{n}{letter}{m}") for n in (1, 2, 11) for letter in _A_TO_Z for m in (1, 2, 11)],
    "two letters": [("", a + b) for a in _A_TO_Z for b in _A_TO_Z],
    "H beside words": [("H", ""), ("", "HS"), ("", "BG"), ("V", ""), ("I", ""), ("V", "HG"), ("", "5")],
}  # fmt: skip


def addresses(rows: list[tuple[str, str]]) -> list[str | None]:
    written = [("1011AB", "12", letter or None, addition or None) for letter, addition in rows]
    frame = pl.DataFrame(written, schema=["p", "h", "l", "t"], orient="row")
    made = normalise(frame, IdentifierSource(kind=K.ADDRESS, fields=("p", "h", "l", "t")))
    assert not made.invalid
    return made.values.to_list()


@pytest.mark.parametrize("numbering", NUMBERING)
def test_no_two_homes_at_a_number_share_a_form_however_homes_are_told_apart_there(numbering: str) -> None:
    rows = [("", ""), *NUMBERING[numbering]]
    assert len(set(addresses(rows))) == len(rows)


def test_every_writing_of_the_protocol_meets_its_address() -> None:
    page = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
    table = page.split("| postcode | house number | letter | addition | identifier |")[1].split("\n\n")[0]
    lines = [line.replace("\\|", "!").strip("|").split("|") for line in table.splitlines()[2:]]
    written = [[cell.strip().strip("`") for cell in line] for line in lines]
    assert len(written) > 10
    for *parts, identifier in written:
        assert one(K.ADDRESS, *parts) == identifier.replace("!", "|")


def test_every_kind_of_identifier_has_a_unit_and_a_rule() -> None:
    assert set(UNIT_OF) == set(K)
    assert {UNIT_OF[kind] for kind in K} == set(Unit)
    for kind in K:
        assert one(kind, *(["2511CV", "1"] if kind is K.ADDRESS else ["onzin"])) is not None


def test_a_name_or_birth_date_at_far_more_records_than_it_can_have_is_nobodys() -> None:
    letters = "bcdfghklmnprstvz"
    people = [
        {
            "given_name": f"A{letters[n % 16]}{letters[n // 16 % 16]}e",
            "surname": f"O{letters[n % 15]}{letters[n // 15 % 16]}er",
            "birth_date": f"{1950 + n % 50}-{n % 12 + 1:02}-{n % 28 + 1:02}",
        }
        for n in range(20_000)
    ]
    for n, one in enumerate(people):
        if n % 50 == 3:
            one["birth_date"] = "1970-02-03"  # 2 in 100: no day of birth
        elif n % 20 == 1:
            one["birth_date"] = "1985-01-01"  # 5 in 100: may be, among people from elsewhere
        if n % 5 < 2:
            one["surname"] = "Nguyen"  # 40 in 100: may be
        if n % 5 < 3:
            one["given_name"] = "Klant"  # 60 in 100: no name
    frame, fields = (
        pl.DataFrame(people),
        dict(zip(*[("given_name", "surname", "birth_date")] * 2, strict=True)),
    )
    crowds, keys = Crowds(PERSON_BOUNDS), ["letters_birth"]
    for _ in range(2):
        found, useless = persons(frame, fields, keys, date(2026, 10, 1), crowds.among)
        crowds.settle()
    assert useless == {"birth_date_crowd": 400, "given_name_crowd": 12_000}
    assert found.get_column("pk_letters_birth").null_count() == 12_400
