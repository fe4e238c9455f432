"""People who were not selected, drawn at random: nobody chooses them, they stay with their partner, and only counts leave."""

from __future__ import annotations

import base64
import csv
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from handmade import PROSE
from refusals import raises

from lsi_match.base.clock import utc_now
from lsi_match.cli.main import run as command
from lsi_match.crypto.signing import sign
from lsi_match.demo import town
from lsi_match.demo.world import World
from lsi_match.matcher.round.take_outcomes import OutcomeRefusedError, ingest_outcomes
from lsi_match.matcher.site.proofs import put_round_proofs
from lsi_match.monitor.round_findings import RoundFindings
from lsi_match.partner.opening import read_opening
from lsi_match.partner.release.outcomes import count_outcomes
from lsi_match.partner.sample import Drawn, draw_sample, records_to_judge
from lsi_match.partner.select import SelectionTask, select
from lsi_match.protocol.documents import SampleCounts

from .conftest import Town, copy_of, deliver, run_steps

ROUND, ONE_IN, MOST = "loting", 4, 1000
TERMS = {"one_in": ONE_IN, "at_most": MOST, "legal_basis": PROSE, "rationale": PROSE}


@pytest.fixture(scope="module")
def sampled(made: Town, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The theme project with a sample, released."""
    world = copy_of(made.worlds["samenloop"], tmp_path_factory.mktemp("sample"))
    world.draft["project"]["period"] = {"first": "2020-01-01", "last": "2099-12-31"}
    world.draft["monitor"] |= {"tolerance": 3, "sample": TERMS}
    for advice in world.draft["dpo_advice"].values():
        advice["sample"] = True
    manifest = world.complete(world.project.manifest().pseudonyms.key_check)
    world.agree(manifest, world.approve(manifest))
    deliver(world, ROUND)
    run_steps(world, ROUND)
    world.open_round("later", town.REFERENCE_DATE.isoformat())
    put_round_proofs(world.project)
    return world


def drawn(world: World, partner: str, round_id: str = ROUND, *, at_most: int = MOST) -> Drawn:
    home, file = world.home(partner), world.project.round_folder(round_id) / "opening.json"
    opening, document = read_opening(home, file, world.project_id, utc_now())
    manifest = world.project.manifest()
    assert manifest.monitor.sample is not None
    monitor = manifest.monitor.model_copy(
        update={"sample": manifest.monitor.sample.model_copy(update={"at_most": at_most})}
    )
    manifest = manifest.model_copy(update={"monitor": monitor})
    found = draw_sample(home, manifest, opening, document, world.mapping(partner), world.extracts)
    assert found is not None
    return found


def people(world: World, partner: str) -> tuple[dict[str, str], set[str]]:
    """Record id → BSN in the one register of a partner with BSNs, and the BSNs of whom it selects."""
    (selection,) = (s for n, s in world.project.manifest().selections() if n == partner and s.person_number)
    assert selection.person_number is not None
    local = world.mapping(partner).selections[selection.id]
    plain = pl.read_csv(world.extracts / local.extract, infer_schema=False)
    column = local.columns[selection.person_number.fields[0]]
    bsn = {
        row: re.sub(r"\D", "", str(n)).zfill(9)
        for row, n in plain.select(local.record_id, column).iter_rows()
        if n
    }
    day = world.project.opening(ROUND)[0].reference_date
    task = SelectionTask(partner, selection, local, world.extracts, world.project.manifest(), day)
    chosen = select(task).table.column("record_id").to_pylist()
    return bsn, {bsn[one] for one in chosen if one in bsn}


def drawn_numbers(world: World, partner: str) -> set[str]:
    bsn, _ = people(world, partner)
    return {bsn[one] for ids in drawn(world, partner, at_most=10**6).records.values() for one in ids}


def test_nobody_is_drawn_who_was_selected_and_of_the_others_as_many_as_agreed(sampled: World) -> None:
    for partner in ("uwv", "gemeente"):
        bsn, selected = people(sampled, partner)
        found = drawn(sampled, partner, at_most=10**6)
        numbers = [bsn[one] for ids in found.records.values() for one in ids]
        assert not selected & set(numbers)
        assert len(numbers) == len(set(numbers)) == found.size
        expected = found.people / ONE_IN
        assert abs(found.size - expected) < 5 * expected**0.5
        assert drawn(sampled, partner, at_most=7).size == 7


def test_partners_draw_the_same_people_and_another_round_draws_others(sampled: World) -> None:
    one, other = (drawn_numbers(sampled, name) for name in ("uwv", "gemeente"))
    known = {name: people(sampled, name) for name in ("uwv", "gemeente")}
    both = set(known["uwv"][0].values()) & set(known["gemeente"][0].values())
    both -= known["uwv"][1] | known["gemeente"][1]
    assert both & one == both & other
    assert both & one
    assert drawn(sampled, "uwv") == drawn(sampled, "uwv")
    first, later = (set(drawn(sampled, "uwv", name).frame["record_id"]) for name in (ROUND, "later"))
    assert len(first & later) < len(first) / 2


def arguments(world: World, place: Path) -> list[str]:
    opening = world.project.round_folder(ROUND) / "opening.json"
    mapping = world.config / "mappings" / "uwv.yaml"
    return ["--opening", str(opening), "--mapping", str(mapping), "--extracts", str(world.extracts)]


def test_who_judges_does_not_see_who_was_drawn_and_the_report_compares_both(
    sampled: World, tmp_path: Path
) -> None:
    """By the commands, as people give them."""
    world = copy_of(sampled, tmp_path / "world")
    home, release, given = (
        str(world.folder / "uwv"),
        str(world.release_file("uwv", ROUND)),
        arguments(world, tmp_path),
    )
    listed = tmp_path / "list.csv"
    assert (
        command(
            ["partner", "sample", "uwv", home, "samenloop", *given, "--release", release, "--to", str(listed)]
        )
        == 0
    )
    with listed.open(encoding="utf-8-sig") as file:
        header, *rows = csv.reader(file, delimiter=";")
    assert header == ["record_id", "outcome"]
    cases = set(world.open("uwv", ROUND).get_column("record_id"))
    found = drawn(world, "uwv")
    assert {row[0].removeprefix("'") for row in rows} == cases | set(found.frame["record_id"])
    assert not cases & set(found.frame["record_id"])
    last = {row[0].removeprefix("'") for row in rows[-len(cases) :]}
    assert last != cases
    said = [
        (one, "gegrond" if one.removeprefix("'") in cases or n % 10 == 0 else "niet gegrond")
        for n, (one, _) in enumerate(rows)
    ]
    listed.write_text("\n".join(["record_id;outcome", *map(";".join, said)]), "utf-8")
    out = ["--outcomes", str(listed), "--out", str(tmp_path / "out")]
    assert command(["partner", "outcome", "uwv", home, "samenloop", release, *given, *out]) == 0
    paper = (tmp_path / "out" / "uwv.outcome.json").read_bytes()
    text = base64.b64decode(json.loads(paper)["payload"]).decode()
    assert not any(f'"{one}"' in text for one in (*cases, *found.frame["record_id"]))
    site = str(world.site.folder)
    assert command(["match", "outcome", site, "samenloop", ROUND, str(tmp_path / "out")]) == 0
    assert command(["monitor", "report", site, "samenloop", ROUND, "--to", str(tmp_path / "report")]) == 0
    told = RoundFindings.model_validate_json((tmp_path / "report" / "report.uwv.json").read_bytes())
    whole = told.findings.hit_rates[0]
    assert (whole.drawn_judged, whole.better) == (found.size, True)
    hits = sum(outcome == "gegrond" for one, outcome in said if one.removeprefix("'") not in cases)
    assert whole.drawn_grounded == hits
    assert "De keuze vindt vaker iets dan het lot." in (tmp_path / "report" / "report.uwv.md").read_text()
    assert "het lot" not in (tmp_path / "report" / "report.md").read_text()


FALSE: dict[str, Mapping[str, Any]] = {
    "nobody drawn": {"drawn": 0, "totals": {"grounded": 0, "not_grounded": 0, "outcome_unknown": 0}},
    "more than agreed": {"drawn": MOST + 1},
    "of more people than were read": {"people": 10**6},
    "of fewer people than were drawn": {"people": 10},
    "cases of another number": {"cases": {"grounded": 10**6, "not_grounded": 0, "outcome_unknown": 0}},
    "totals of another number": {"totals": {"grounded": 1, "not_grounded": 0, "outcome_unknown": 0}},
    "a group of nobody": {"grounded": {"rijk": 0}},
}


def test_a_sample_that_was_not_drawn_as_agreed_is_refused(sampled: World, tmp_path: Path) -> None:
    listed = tmp_path / "outcomes.csv"
    listed.write_text("record_id;outcome\n")
    told, paper = count_outcomes(
        sampled.home("uwv"), sampled.release_file("uwv", ROUND), sampled.project.round_folder(ROUND) / "opening.json",
        listed, sampled.mapping("uwv"), sampled.extracts, sampled.project_id, utc_now(),
    )  # fmt: skip
    sample = told.sample
    assert isinstance(sample, SampleCounts)
    assert sample.totals["outcome_unknown"] == sample.drawn > 100
    for what, lie in FALSE.items():
        false = told.model_copy(update={"sample": sample.model_copy(update=lie)})
        with pytest.raises(OutcomeRefusedError):
            ingest_outcomes(
                sampled.project, ROUND, {what: sign(false, sampled.home("uwv").identity())}, utc_now()
            )
    world = copy_of(sampled, tmp_path / "world")
    assert ingest_outcomes(world.project, ROUND, {"x": paper}, utc_now()) == ["uwv"]


def test_without_a_sample_in_the_manifest_nobody_is_drawn(made: Town) -> None:
    world = made.worlds["samenloop"]
    put_round_proofs(world.project)
    file = world.project.round_folder("r1") / "opening.json"
    with raises("SampleNotAgreedError"):
        records_to_judge(
            world.home("uwv"), file, world.mapping("uwv"), world.extracts, "samenloop", utc_now()
        )
