"""Outcomes of cases come back as counts per group, and as nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from refusals import raises

from lsi_match.base.clock import utc_now
from lsi_match.cli.main import run as command
from lsi_match.crypto.signing import SignatureMissingError, sign
from lsi_match.demo import town
from lsi_match.demo.world import World
from lsi_match.matcher.round.take_outcomes import (
    OutcomeRefusedError,
    ingest_outcomes,
    outcomes_of,
    with_outcomes,
)
from lsi_match.monitor.analyse import analyse
from lsi_match.monitor.table import CountsTable
from lsi_match.partner.release.outcomes import OutcomesUnreadableError, count_outcomes
from lsi_match.protocol.documents import OutcomeCounts
from lsi_match.protocol.withhold import withhold_table

from .conftest import ROUND, Town, copy_of, run_steps

PARTNER = "uwv"


@pytest.fixture(scope="module")
def released_once(made: Town, tmp_path_factory: pytest.TempPathFactory) -> World:
    world = copy_of(made.worlds["samenloop"], tmp_path_factory.mktemp("outcomes"))
    run_steps(world)
    return world


@pytest.fixture
def released(released_once: World, tmp_path: Path) -> World:
    return copy_of(released_once, tmp_path)


def entered(world: World, place: Path, **changed: Any) -> Path:
    """The table of the case workers: every other case grounded, every third not entered."""
    frame = world.open(PARTNER, ROUND)
    cases = frame.get_column("case_id").unique().sort().to_list()
    word = {case: ("gegrond", "niet gegrond", None)[i % 3] for i, case in enumerate(cases)}
    rows = frame.select("case_id", "record_id").with_columns(
        pl.col("case_id").replace_strict(word, default=None).alias("outcome")
    )
    file = place / "outcomes.csv"
    rows.filter(pl.col("outcome").is_not_null()).with_columns(**changed).write_csv(file, separator=";")
    return file


def counted(world: World, file: Path) -> tuple[OutcomeCounts, bytes]:
    return count_outcomes(
        world.home(PARTNER), world.release_file(PARTNER, ROUND), world.project.round_folder(ROUND) / "opening.json", file,
        world.mapping(PARTNER), world.extracts, world.project_id, utc_now(),
    )  # fmt: skip


def test_outcomes_are_counted_per_group_as_the_register_says(released: World, tmp_path: Path) -> None:
    """Recomputed from the plain extract: age by year of birth, the youngest group that any own record gives a case."""
    file = entered(released, tmp_path)
    told, _ = counted(released, file)
    local = released.mapping(PARTNER).selections["uitkering"]
    register = pl.read_csv(released.extracts / local.extract, infer_schema=False)
    born = dict(register.select(local.record_id, local.columns["geboortedatum"]).iter_rows())
    said = dict(pl.read_csv(file, separator=";").select("case_id", "outcome").iter_rows())
    groups = ["tot_27", "tot_45", "tot_67", "vanaf_67", "unknown"]
    cases: dict[str, int] = {}
    for case, record in released.open(PARTNER, ROUND).select("case_id", "record_id").iter_rows():
        age = town.REFERENCE_DATE.year - int(born[record][:4]) if born[record] else None
        place = 4 if age is None else sum(age >= edge for edge in (27, 45, 67))
        cases[case] = min(place, cases.get(case, 4))
    assert len(cases) > 3
    smallest = released.project.manifest().monitor.smallest_cell
    rows = []
    for word in ("gegrond", "niet gegrond", None):
        counts = dict.fromkeys(groups, 0)
        for case, place in cases.items():
            counts[groups[place]] += said.get(case) == word
        assert sum(counts.values())
        rows.append(counts)
    assert [told.grounded, told.not_grounded, told.outcome_unknown] == withhold_table(rows, smallest)


def test_no_case_record_or_group_of_a_person_stands_in_the_paper(released: World, tmp_path: Path) -> None:
    _, paper = counted(released, entered(released, tmp_path))
    frame = released.open(PARTNER, ROUND)
    text = json.loads(paper)["payload"] + paper.decode()
    for value in (*frame.get_column("case_id"), *frame.get_column("record_id")):
        assert value not in text


def test_the_commands_bring_outcomes_into_the_report(released: World, tmp_path: Path) -> None:
    site, file = str(released.site.folder), entered(released, tmp_path)
    opening = released.project.round_folder(ROUND) / "opening.json"
    arguments = ["--outcomes", str(file), "--opening", str(opening), "--extracts", str(released.extracts)]
    arguments += [
        "--mapping",
        str(released.config / "mappings" / f"{PARTNER}.yaml"),
        "--out",
        str(tmp_path / "out"),
    ]
    home, release = str(released.folder / PARTNER), str(released.release_file(PARTNER, ROUND))
    assert command(["partner", "outcome", PARTNER, home, "samenloop", release, *arguments]) == 0
    assert command(["match", "outcome", site, "samenloop", ROUND, str(tmp_path / "out")]) == 0
    last = released.project.entries()[-1]
    assert (last.name, last.attributes["lsi.partner"]) == ("outcome", PARTNER)
    assert command(["monitor", "report", site, "samenloop", ROUND, "--to", str(tmp_path / "report")]) == 0
    table = CountsTable.model_validate_json((tmp_path / "report" / f"counts.{PARTNER}.json").read_bytes())
    assert {stage.kind for stage in table.stages[-3:]} == {"grounded", "not_grounded", "outcome_unknown"}
    assert analyse(table).outcomes
    base = CountsTable.model_validate_json((tmp_path / "report" / "counts.json").read_bytes())
    assert with_outcomes(base, outcomes_of(released.project, ROUND)[PARTNER]) == table


def test_a_table_that_was_opened_for_a_spreadsheet_is_read_back_as_it_was_written(
    released: World, tmp_path: Path
) -> None:
    """Somebody adds a column to the CSV, and leaves its marks and its BOM."""
    table, home = tmp_path / "casussen.csv", str(released.folder / PARTNER)
    release = str(released.release_file(PARTNER, ROUND))
    assert command(["partner", "open", PARTNER, home, "samenloop", release, "--to", str(table)]) == 0
    header, *rows = table.read_text("utf-8").splitlines()
    assert header.startswith("\ufeffcase_id;selection;record_id;")
    file = tmp_path / "outcomes.csv"
    file.write_text("\n".join([f"{header};outcome", *(f"{row};gegrond" for row in rows)]), "utf-8")
    plain = tmp_path / "plain.csv"
    released.open(PARTNER, ROUND).with_columns(outcome=pl.lit("gegrond")).write_csv(plain)
    told, same = (counted(released, one)[0] for one in (file, plain))  # a row of no case is refused
    assert told.model_dump(exclude={"at"}) == same.model_dump(exclude={"at"})


def test_a_case_has_one_outcome_and_is_one_of_this_release(released: World, tmp_path: Path) -> None:
    file = entered(released, tmp_path)
    first = file.read_text().splitlines()[1].split(";")
    lines = file.read_text() + f"{first[0]};{first[1]};onbekend\n"
    file.write_text(lines)
    with raises("OutcomesDifferError"):
        counted(released, file)
    for wrong in (
        "case_id;outcome\n" + "0" * 32 + ";gegrond\n",
        f"case_id;outcome\n{first[0]};misschien\n",
        "a;b\n1;2\n",
    ):
        file.write_text(wrong)
        with pytest.raises(OutcomesUnreadableError):
            counted(released, file)


FALSE: dict[str, dict[str, Any]] = {
    "another round": {"round": "r2"},
    "another release": {"release": "sha256:" + "0" * 64},
    "another manifest": {"manifest": "sha256:" + "0" * 64},
    "more cases than there were": {
        "grounded": {"tot_27": 10**6, "tot_45": 0, "tot_67": 0, "vanaf_67": 0, "unknown": 0}
    },
    "a group of nobody": {"grounded": {"rijk": 0}},
}


@pytest.mark.parametrize("lie", FALSE)
def test_outcomes_that_cannot_be_are_refused_and_not_logged(
    released: World, tmp_path: Path, lie: str
) -> None:
    told, _ = counted(released, entered(released, tmp_path))
    false = sign(told.model_copy(update=FALSE[lie]), released.home(PARTNER).identity())
    with pytest.raises(OutcomeRefusedError):
        ingest_outcomes(released.project, ROUND, {"x": false}, utc_now())
    other = sign(told, released.home("svb").identity())
    with pytest.raises(SignatureMissingError):
        ingest_outcomes(released.project, ROUND, {"x": other}, utc_now())
    assert outcomes_of(released.project, ROUND) == {}
