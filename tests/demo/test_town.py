"""The made-up town, and the oracle that says which cases its extracts hold."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
from stdnum.nl import bsn as stdnum_bsn

from lsi_match.base.errors import WrongUseError
from lsi_match.base.yaml_positions import parse_yaml, read_yaml
from lsi_match.criteria.parse import FieldType
from lsi_match.demo import oracle
from lsi_match.demo.oracle import (
    PROJECTS,
    OracleSource,
    Sent,
    address,
    bsn,
    expected_cases,
    subjects,
    v_number,
)
from lsi_match.demo.population import company_numbers, make_town, person_numbers
from lsi_match.demo.town import EXTRACTS, PARTNERS, REFERENCE_DATE, generate
from lsi_match.manifest import Manifest, Selection, complete_draft
from lsi_match.partner.extract.column_mapping import ColumnMapping, SelectionMapping

CONFIGS = Path(__file__).parents[2] / "configs"
SEEDS = (1, 2, 3)
PEOPLE = 3_000


@pytest.fixture(scope="module")
def towns(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folders = {seed: tmp_path_factory.mktemp(f"town{seed}") for seed in SEEDS}
    for seed, folder in folders.items():
        generate(folder, people=PEOPLE, seed=seed)
    return folders


@pytest.fixture(scope="module")
def large_town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large_town")
    generate(folder, people=60_000, seed=1)
    return folder


def draft(project: str) -> Manifest:
    document = read_yaml((CONFIGS / project / "manifest.yaml").read_text(), "manifest.yaml")
    names = [*document["controllers"], "matcher"]
    cards = {
        n: {"signing_key": f"{i:064x}", "encryption_key": f"age1{i:058d}"}
        for i, n in enumerate(names, start=1)
    }
    return Manifest.model_validate(complete_draft(document, cards, "0" * 32))


def mapping(project: str, partner: str, selection: str) -> SelectionMapping:
    file = CONFIGS / project / "mappings" / f"{partner}.yaml"
    return parse_yaml(file.read_text(), file.name, ColumnMapping).selections[selection]


def extract(folder: Path, partner: str) -> pl.DataFrame:
    file = folder / EXTRACTS[partner]
    return pl.read_parquet(file) if file.suffix == ".parquet" else pl.read_csv(file, infer_schema=False)


# The town


def test_the_same_seed_gives_the_same_extracts(towns: dict[int, Path], tmp_path: Path) -> None:
    generate(tmp_path, people=PEOPLE, seed=1)
    for partner in PARTNERS:
        assert extract(tmp_path, partner).equals(extract(towns[1], partner))
        assert not extract(tmp_path, partner).equals(extract(towns[2], partner))


def test_an_empty_register_keeps_its_columns(towns: dict[int, Path], tmp_path: Path) -> None:
    generate(tmp_path, people=PEOPLE, seed=1, empty=("ind", "toeslagen"))
    for partner in PARTNERS:
        rows = extract(tmp_path, partner)
        assert rows.schema == extract(towns[1], partner).schema
        assert rows.is_empty() == (partner in ("ind", "toeslagen"))


def test_an_empty_register_takes_its_partner_out_of_every_case(tmp_path: Path) -> None:
    generate(tmp_path, people=PEOPLE, seed=1, empty=("belastingdienst",))
    cases = expected_cases("samenloop", tmp_path)
    assert all(partner != "belastingdienst" for case in cases for partner, _, _ in case)


@pytest.mark.parametrize("people", [0, 99, 4_000_001])
def test_a_town_of_impossible_size_is_refused(people: int, tmp_path: Path) -> None:
    with pytest.raises(WrongUseError):
        generate(tmp_path, people=people)


def test_an_unknown_partner_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUseError, match="nobody"):
        generate(tmp_path, people=100, empty=("nobody",))


def test_the_smallest_town_can_be_made(tmp_path: Path) -> None:
    generate(tmp_path, people=100)
    assert {file.name for file in tmp_path.iterdir()} == set(EXTRACTS.values())


def test_numbers_are_different_pass_the_eleven_test_and_stay_in_the_made_up_ranges() -> None:
    numbers = [*person_numbers(20_000, np.random.default_rng(1)), *company_numbers(500)]
    assert len(set(numbers)) == len(numbers)
    assert all(
        stdnum_bsn.is_valid(number) and number[:2] in ("00", *(f"9{d}" for d in range(10)))
        for number in numbers
    )
    assert "000000000" not in numbers


def test_a_town_no_larger_than_the_published_range_stays_within_it() -> None:
    assert {number[:4] for number in person_numbers(9_000, np.random.default_rng(1))} == {"0000", "9999"}


def test_everyone_has_a_number_and_some_have_only_a_v_number() -> None:
    people = make_town(5_000, np.random.default_rng(1)).people
    assert people.filter(pl.col("bsn").is_null() & pl.col("v_number").is_null()).is_empty()
    assert not people.filter(pl.col("bsn").is_null()).is_empty()
    assert not people.filter(pl.col("bsn").is_not_null() & pl.col("v_number").is_not_null()).is_empty()
    assert people["prefix"].is_not_null().any()


def test_every_address_is_written_differently_from_every_other() -> None:
    addresses = make_town(20_000, np.random.default_rng(1)).addresses
    keys = addresses.select("postcode", "number", pl.concat_str(pl.col("letter", "addition").fill_null("")))
    assert keys.n_unique() == len(addresses)


def test_numbers_are_as_dirty_as_real_ones(large_town: Path) -> None:
    written = extract(large_town, "uwv")["BSN"]
    ways = {
        "as it should be": r"^\d{9}$",
        "a lost zero": r"^0\d{7}$",
        "spaces": r"^\d{4} \d\d \d{3}$",
        "dots": r"^\d{4}\.\d\d\.\d{3}$",
        "unknown": r"^0{9}$",
        "a word": r"^onbekend$",
    }
    assert {way for way, pattern in ways.items() if not written.str.contains(pattern).any()} == set()
    assert written.is_null().any()
    assert any(
        bsn(number) is None for number in written if number and number.isdigit() and number != "000000000"
    )


def test_addresses_are_as_dirty_as_real_ones(large_town: Path) -> None:
    rows = extract(large_town, "uwv")
    for pattern in (
        r"^\d{4}[A-Z]{2}$",
        r"^\d{4} [A-Z]{2}$",
        r"^\d{4}[a-z]{2}$",
        r"^\d{4} [a-z]{2}$",
        r"^\d{4}$",
    ):
        assert rows["POSTCODE"].str.contains(pattern).any(), pattern
    for pattern in (
        r"^\d+$",
        r"^\d+[a-z]$",
        r"^\d+ [A-Z]$",
        r"^\d+-[A-Z]$",
        r"^\d+-\d$",
        r"^\d+ ?bis$",
        r"^0$",
    ):
        assert rows["HUISNR"].str.contains(pattern).any(), pattern


@pytest.mark.parametrize("partner", PARTNERS)
def test_rows_are_repeated_and_people_recur_under_another_record_id(partner: str, large_town: Path) -> None:
    rows = extract(large_town, partner)
    record_id = {source.partner: source.record_id for source in oracle.SAMENLOOP}[partner]
    assert rows[record_id].is_not_null().all()
    repeated = rows.filter(rows[record_id].is_duplicated())
    assert len(repeated) > 0
    assert repeated.unique()[record_id].is_unique().all(), "one record id, two different rows"
    if partner != "arbeidsinspectie":
        number = {"ind": "v_nummer", "gemeente": "burgerservicenummer"}.get(partner)
        number = number or next(name for name in rows.columns if name.lower() == "bsn")
        once = rows.unique(subset=record_id).filter(pl.col(number).str.contains(r"^[1-9]\d{8,9}$"))
        assert once[number].is_duplicated().any()


# The oracle against the manifests


def evaluated(folder: Path, selection: Selection, of: SelectionMapping) -> duckdb.DuckDBPyConnection:
    """A database with the extract as table `source`, its fields typed as the manifest declares them."""
    types = {
        FieldType.TEXT: "VARCHAR",
        FieldType.INTEGER: "BIGINT",
        FieldType.DECIMAL: "DECIMAL(18, 4)",
        FieldType.DATE: "DATE",
        FieldType.BOOLEAN: "BOOLEAN",
    }
    file = folder / of.extract
    reader = (
        f"read_parquet('{file}')" if file.suffix == ".parquet" else f"read_csv('{file}', all_varchar = true)"
    )
    fields = [
        f'"{of.columns[name]}"::{types[field.type]} AS "{name}"' for name, field in selection.fields.items()
    ]
    con = duckdb.connect()
    con.execute(
        f'CREATE TABLE source AS SELECT "{of.record_id}"::VARCHAR AS record, {", ".join(fields)}, '
        f"DATE '{REFERENCE_DATE}' AS peildatum FROM {reader}"
    )
    return con


@pytest.mark.parametrize("project", PROJECTS)
def test_the_oracle_has_every_selection_criterion_and_signal_of_the_manifest(project: str) -> None:
    by_hand = [(s.partner, s.selection, len(s.criteria), list(s.signals)) for s in PROJECTS[project][0]]
    agreed = [(p, s.id, len(s.criteria), [x.id for x in s.signals]) for p, s in draft(project).selections()]
    assert by_hand == agreed


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("project", PROJECTS)
def test_every_criterion_and_signal_means_the_same_by_hand_as_in_the_manifest(
    project: str, seed: int, towns: dict[int, Path]
) -> None:
    manifest = draft(project)
    for source, (partner, selection) in zip(PROJECTS[project][0], manifest.selections(), strict=True):
        con = evaluated(towns[seed], selection, mapping(project, partner, selection.id))
        rows = list(oracle.rows(towns[seed] / source.file))
        for passes, predicate in zip(source.criteria, selection.predicates().values(), strict=True):
            assert Counter(str(row[source.record_id]) for row in rows if passes(row)) == _records(
                con, predicate.sql()
            )
            # As a funnel: a criterion is only ever asked about what the ones before it let through.
            rows = [row for row in rows if passes(row)]
            con.execute(f"DELETE FROM source WHERE ({predicate.sql()}) IS NOT TRUE")
        for name, predicate in selection.signal_predicates().items():
            by_hand = Counter(str(row[source.record_id]) for row in rows if source.signals[name](row))
            assert by_hand == _records(con, predicate.sql()), f"{partner}.{selection.id}.{name}"


def _records(con: duckdb.DuckDBPyConnection, predicate: str) -> Counter[str]:
    return Counter(
        record for (record,) in con.execute(f"SELECT record FROM source WHERE {predicate}").fetchall()
    )


@pytest.mark.parametrize("project", PROJECTS)
def test_the_match_rule_means_the_same_by_hand_as_in_the_manifest(project: str) -> None:
    manifest, rule = draft(project), PROJECTS[project][1]
    draw = random.Random(1)
    profiles = [_some_profile(manifest, draw) for _ in range(3_000)]
    columns = {
        name: [_column(profile, name, manifest) for profile in profiles] for name in manifest.match_fields
    }
    con = duckdb.connect()
    con.register("profile", pl.DataFrame(columns).to_arrow())
    agreed = con.execute(f"SELECT {manifest.match_predicate().sql()} FROM profile").fetchall()
    assert [rule(profile) for profile in profiles] == [row[0] for row in agreed]
    assert 0.1 < sum(row[0] for row in agreed) / len(agreed) < 0.9


def _some_profile(manifest: Manifest, draw: random.Random) -> oracle.Profile:
    chosen = draw.sample(list(manifest.partners), draw.choice([1, 1, 2, 2, 2, 3, 4]))
    signals = {name: [signal.id for signal in manifest.partners[name].signals] for name in chosen}
    return {name: set(draw.sample(of, draw.randint(1, len(of)))) for name, of in signals.items()}


def _column(profile: oracle.Profile, name: str, manifest: Manifest) -> bool | int:
    if name == "partners":
        return len(profile)
    if name in manifest.partners:
        return name in profile
    return any(name == f"{partner}_{signal}" for partner, signals in profile.items() for signal in signals)


# The oracle's own rules


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("999990019", "999990019"),
        (" 9999 90.019 ", "999990019"),
        ("00000012", "000000012"),
        ("000000012", "000000012"),
        ("999999991", None),
        ("000000000", None),
        ("00000000", None),
        ("99999999", None),
        ("onbekend", None),
        ("", None),
        (None, None),
    ],
)
def test_a_bsn_in_any_writing_is_one_number(written: str | None, number: str | None) -> None:
    assert bsn(written) == (None if number is None else ("bsn", number))


@pytest.mark.parametrize("written", ["0000000000", "990000001", "99000000011", "zie dossier", "", None])
def test_what_is_no_v_number_is_none(written: str | None) -> None:
    assert v_number(written) is None
    assert v_number("9900000001") == ("v_number", "9900000001")


@pytest.mark.parametrize(
    "parts",
    [
        ("7604AB", "12", "A", "bis"),
        ("7604 ab", "12a", None, "BIS"),
        ("7604ab", "12 A bis"),
        ("7604AB", "12-A", "-bis"),
        ("7604AB", "12", None, "a-bis"),
        ("7604AB", "12Abis", "", ""),
    ],
)
def test_an_address_in_any_writing_is_one_address(parts: tuple[str | None, ...]) -> None:
    assert address(*parts) == ("address", "7604AB|12|ABS")


@pytest.mark.parametrize(
    "parts",
    [
        ("0604AB", "12"),
        ("7604", "12"),
        ("7604AB", "0"),
        ("7604AB", "nabij 12"),
        ("7604AB", None),
        (None, "12"),
        ("7604AB", "100000"),
    ],
)
def test_what_is_no_address_is_none(parts: tuple[str | None, ...]) -> None:
    assert address(*parts) is None


def sent(record: str, *identifiers: tuple[str, str]) -> Sent:
    return Sent("a", "s", record, frozenset({"x"}), identifiers)


def together(*records: Sent) -> set[frozenset[str]]:
    return {frozenset(record.record for record in subject) for subject in subjects(list(records))}


def test_records_come_together_through_a_record_with_both_numbers() -> None:
    b, v = ("bsn", "1"), ("v_number", "2")
    assert together(sent("1", b), sent("2", v), sent("3", b, v)) == {frozenset("123")}


def test_two_numbers_are_two_people_and_what_has_neither_is_set_aside() -> None:
    b, c, v = ("bsn", "1"), ("bsn", "2"), ("v_number", "3")
    assert together(sent("1", b, v), sent("2", c, v), sent("3", v), sent("4", c)) == {
        frozenset("1"),
        frozenset("24"),
    }


def test_equal_numbers_of_two_kinds_join_nothing() -> None:
    assert together(sent("1", ("bsn", "1")), sent("2", ("v_number", "1"))) == {frozenset("1"), frozenset("2")}


def test_a_record_without_signal_or_without_identifier_is_not_sent(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id,bsn,why\n1,999990019,yes\n2,999990019,\n3,onbekend,yes\n")
    source = OracleSource(
        "a",
        "s",
        "x.csv",
        "id",
        (lambda r: True,),
        {"why": lambda r: r["why"] == "yes"},
        lambda r: [bsn(r["bsn"])],
    )
    assert [record.record for record in oracle.sent_records(source, tmp_path)] == ["1"]


# What the demo shows


def test_a_town_of_the_usual_size_gives_each_partner_cases_and_neither_project_all(large_town: Path) -> None:
    found = {project: expected_cases(project, large_town) for project in PROJECTS}
    partners = {project: {record[0] for case in cases for record in case} for project, cases in found.items()}
    assert 100 < len(found["samenloop"]) < 400
    assert 20 < len(found["wijk"]) < 200
    assert partners["samenloop"] | partners["wijk"] == set(PARTNERS)
    assert "ind" not in partners["wijk"]
    for cases in found.values():
        assert all(len({partner for partner, _, _ in case}) >= 2 for case in cases)


def test_a_town_of_the_usual_size_holds_the_hard_cases(large_town: Path) -> None:
    records = [r for source in oracle.SAMENLOOP for r in oracle.sent_records(source, large_town)]
    by_v: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for record in records:
        for number in record.identifiers:
            if number[0] == "v_number":
                by_v.setdefault(number, set()).update(n for n in record.identifiers if n[0] == "bsn")
    assert any(len(numbers) > 1 for numbers in by_v.values()), "one v-number with two BSNs"
    cases = [subject for subject in subjects(records) if oracle.samenloop_rule(oracle._profile(subject))]
    without = [
        case for case in cases if any(all(n[0] != "bsn" for n in record.identifiers) for record in case)
    ]
    assert without, "a case joined through a v-number"
