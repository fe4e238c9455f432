"""A statistics office counts a round by what no partner knows: who learns what, what is refused, and what holds the round."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from leaks import Marks
from refusals import raises

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.clock import utc_now
from lsi_match.base.errors import LsiError
from lsi_match.cli.main import run as command
from lsi_match.crypto.keys import make_round_key
from lsi_match.crypto.sealing import unseal
from lsi_match.crypto.signing import SignatureMissingError, peek, sign
from lsi_match.demo.world import Case, World
from lsi_match.library.held import HeldRound
from lsi_match.library.judging import judging
from lsi_match.library.office_table import take_back
from lsi_match.log.holds import broken_holds
from lsi_match.matcher.operate.publish import public_facts
from lsi_match.matcher.operate.transfers import _for
from lsi_match.matcher.round.hold import RunHeldError
from lsi_match.matcher.round.office import OfficeCountsRefusedError, ingest_counts
from lsi_match.matcher.site.inbox import received
from lsi_match.matcher.site.proofs import put_round_proofs
from lsi_match.monitor.round_findings import RoundFindings
from lsi_match.monitor.table import CountsTable
from lsi_match.partner.office import write_request
from lsi_match.protocol.documents import OfficeCounts, OfficeRequest, Opening
from lsi_match.reports.monitor_report import report

from .conftest import Town, copy_of, deliver, run_steps

ROUND, CLIENT = "office", "gemeente"
BEFORE_RELEASE = ("gates", "intake", "match", "count")
REASON = "De tabel komt pas over een maand, en de oproep van deze mensen kan daar niet op wachten."
Group = Callable[[str], str]


def parity(bsn: str) -> str:
    """A characteristic that has nothing to do with anything."""
    return "nl" if int(bsn[4]) % 2 else "buiten"


@dataclass(frozen=True)
class Office:
    """The office, which has its key, what was sealed to it, and a register of its own."""

    world: World
    secret: str
    requests: Path

    def rows(self, party: str) -> pl.DataFrame:
        signed = (self.requests / f"samenloop.{ROUND}.{party}.office.json").read_bytes()
        told = peek(signed, OfficeRequest, what="request", party=party)
        data = (self.requests / told.sealed.file).read_bytes()
        assert digest_of_bytes(data) == told.sealed.digest
        plain = unseal(data, self.secret, what="office", party="office")
        frame = pl.read_csv(io.BytesIO(plain), separator=";", infer_schema=False)
        assert len(frame) == told.sealed.rows
        return frame

    def request(self, party: str) -> OfficeRequest:
        file = self.requests / f"samenloop.{ROUND}.{party}.office.json"
        return peek(file.read_bytes(), OfficeRequest, what="request", party=party)

    def count(self, to: Path, group: Group = parity, lost: int = 0) -> Path:
        """The tables that it gives back; of `lost` people of each selection it does not know the group."""
        cases = set(self.rows("matcher").iter_rows())
        for party in self.world.partners:
            asked, rows = self.request(party), self.rows(party)
            for table, columns in asked.tables.items():
                counts = {name: dict.fromkeys(columns, 0) for name in ("nl", "buiten", "unknown")}
                own = rows.filter(pl.col("selection") == table.split(".")[1])
                for number, (_, reached, bsn, row) in enumerate(own.iter_rows()):
                    found = counts[group(bsn) if bsn and number >= lost else "unknown"]
                    for column in columns[: int(reached)]:
                        found[column] += 1
                    found["(casus)"] += (party, row) in cases
                lines = [";".join(["request", *asked.dimensions, *columns])]
                for name, its in counts.items():
                    told = [str((n + 5) // 10 * 10) for n in its.values()]
                    lines.append(";".join([asked.opening, name, *told]))
                (to / f"{table}.csv").write_text("\n".join(lines) + "\n")
        return to


def opening_of(world: World) -> Path:
    put_round_proofs(world.project)
    return world.project.round_folder(ROUND) / "opening.json"


@pytest.fixture(scope="module")
def asked_once(made: Town, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """The theme project with an office, its drops delivered, counted and held, and all requests written."""
    folder = tmp_path_factory.mktemp("office")
    world, (secret, recipient) = copy_of(made.worlds["samenloop"], folder), make_round_key()
    world.draft["project"]["period"] = {"first": "2020-01-01", "last": "2099-12-31"}
    world.draft["monitor"] |= {"tolerance": 3, "office": office_terms(recipient)}
    watched(world.draft)
    manifest = world.complete(world.project.manifest().pseudonyms.key_check)
    world.agree(manifest, world.approve(manifest))
    deliver(world, ROUND)
    requests = folder / "requests"
    for name in world.partners:
        write_request(
            world.home(name), opening_of(world), world.mapping(name), world.extracts, requests, "samenloop", utc_now()
        )  # fmt: skip
    with pytest.raises(RunHeldError) as held:
        run_steps(world, ROUND)
    assert "wat Bureau voor de statistiek levert om te tellen, is er niet" in held.value.text("nl")
    for name, file in _for(world.project, CLIENT, utc_now()):
        if ".office." in name:
            shutil.copyfile(file, requests / name)
    return Office(world, str(secret), requests)


def office_terms(recipient: str) -> dict[str, Any]:
    groups = {"nl": "Nederland", "buiten": "Buiten Nederland"}
    dimension = {"id": "herkomst", "label": "Herkomst", "groups": groups, "baseline": "nl"}
    return {
        "id": "cbs", "title": "Bureau voor de statistiek", "encryption_key": recipient, "client": CLIENT,
        "dimensions": [dimension],
    }  # fmt: skip


def watched(draft: dict[str, Any]) -> None:
    draft["characteristics"]["herkomst"] = {
        "kind": "ground",
        "label": "Herkomst",
        "rationale": "Niemand wordt hierop geselecteerd; alleen een statistiekbureau telt ernaar.",
        "legal_basis": "Art. 41 en 42 Wet op het Centraal bureau voor de statistiek",
    }
    for advice in draft["dpo_advice"].values():
        advice.setdefault("characteristics", []).append("herkomst")


@pytest.fixture
def office(asked_once: Office, tmp_path: Path) -> Office:
    return Office(copy_of(asked_once.world, tmp_path), asked_once.secret, asked_once.requests)


@pytest.fixture
def tables(office: Office, tmp_path: Path) -> Path:
    (tmp_path / "tables").mkdir()
    return office.count(tmp_path / "tables")


def brought(office: Office, tables: Path) -> bytes:
    world = office.world
    return take_back(world.home(CLIENT), opening_of(world), tables, "samenloop", utc_now())[1]


def table_of(world: World) -> CountsTable:
    return CountsTable.model_validate_json(world.project.monitor_documents(ROUND)["counts.json"])


def test_the_office_can_count_every_stage_and_nobody_else_can_open_it(
    asked_once: Office, expected: set[Case]
) -> None:
    world, found = asked_once.world, set(asked_once.rows("matcher").iter_rows())
    in_cases = {record for case in expected for record in case}
    for name, selection in world.project.manifest().selections():
        if selection.person_number is None:
            continue
        rows = asked_once.rows(name).filter(pl.col("selection") == selection.id)
        drop = next(one for one in world.home(name).kept_drops("samenloop") if one.round == ROUND)
        told, last = drop.selections[selection.id], len(selection.criteria) + 1
        assert len(rows) == told.read
        assert sum(int(n) > last for n in rows.get_column("reached")) == told.with_signal
        # A register can hold a record twice.
        bsns = list({row: bsn for _, _, bsn, row in rows.iter_rows() if (name, row) in found}.values())
        records = {record for partner, own, record in in_cases if (partner, own) == (name, selection.id)}
        assert len(bsns) == len(records)
        if name == "uwv":
            local = world.mapping(name).selections[selection.id]
            plain = pl.read_csv(world.extracts / local.extract, infer_schema=False)
            theirs = plain.filter(pl.col(local.record_id).is_in(records))
            column = local.columns[selection.person_number.fields[0]]
            assert set(bsns) == {str(one).replace(".", "").zfill(9) for one in theirs.get_column(column)}
    # The matcher tells no number of anybody, and no partner can open what it or another sealed.
    assert asked_once.rows("matcher").columns == ["partner", "row"]
    for name in (*world.controllers, "matcher"):
        key = (world.site if name == "matcher" else world.home(name)).identity().encryption
        for file in asked_once.requests.glob("*.age"):
            with pytest.raises(LsiError):
                unseal(file.read_bytes(), key, what="office", party=name)
    assert not [name for name, _ in _for(world.project, "uwv", utc_now()) if ".office." in name]


def test_the_table_comes_into_the_report_the_log_and_releases_what_waited_for_it(
    office: Office, tables: Path, tmp_path: Path, expected: set[Case]
) -> None:
    """By the commands, as people give them."""
    world, client = office.world, str(office.world.folder / CLIENT)
    before = RoundFindings.model_validate_json(world.project.monitor_documents(ROUND)["report.json"])
    assert before.findings.awaited == ("herkomst",)
    assert "Herkomst is niet geteld" in report(table_of(world), before.findings, "nl").first
    arguments = ["--opening", str(opening_of(world)), "--out", str(tmp_path / "out")]
    assert command(["monitor", "import", CLIENT, client, "samenloop", str(tables), *arguments]) == 0
    paper = tmp_path / "out" / f"samenloop.{ROUND}.{CLIENT}.office-counts.json"
    assert command(["match", "office", str(world.site.folder), "samenloop", str(paper)]) == 0
    assert not list(world.project.round_folder(ROUND).glob("report.*"))
    run_steps(world, ROUND)
    assert world.found_cases(ROUND) == expected
    told = table_of(world)
    stages = [stage for stage in told.stages if stage.counted_by == "cbs"]
    assert {"reference", "criterion", "selection", "case"} == {stage.kind for stage in stages}
    after = RoundFindings.model_validate_json(world.project.monitor_documents(ROUND)["report.json"])
    theirs = [one for one in after.findings.findings if one.dimension == "herkomst"]
    assert {one.stage for one in theirs} == {stage.id for stage in stages if stage.against}
    assert {one.dimension for one in after.findings.findings if not one.stage.startswith("cbs:")} == {
        "leeftijd"
    }
    page = report(told, after.findings, "nl").markdown
    assert "Bureau voor de statistiek" in page
    assert "niet geteld" not in page
    names = [entry.name for entry in world.project.entries()]
    assert "office counts" in names
    assert broken_holds(world.project.view()) == []
    assert not list(world.project.round_folder(ROUND).glob("office/*"))
    judged = judging([world.project.folder / "documents"])(
        world.project.log_file, world.project.manifest(), world.home("uwv").trust("samenloop", utc_now())
    )
    assert judged.problems == ()
    assert judged.judged["office counts"] == 1


def test_a_group_that_is_hit_harder_holds_the_round_until_that_is_justified(
    office: Office, tmp_path: Path, expected: set[Case]
) -> None:
    world, hit = office.world, set[str]()
    for party in world.partners:
        hit |= set(office.rows(party).filter(pl.col("row").is_not_null()).get_column("bsn").drop_nulls())
    (tmp_path / "tables").mkdir()
    tables = office.count(tmp_path / "tables", lambda bsn: "buiten" if bsn in hit or bsn[7] == "1" else "nl")
    ingest_counts(world.project, brought(office, tables), utc_now())
    with pytest.raises(RunHeldError, match="buiten"):
        run_steps(world, ROUND)
    put_round_proofs(world.project)
    held = world.project.view().rounds[ROUND].hold
    documents = world.project.monitor_documents(ROUND)
    assert held is not None
    assert held.findings == digest_of_bytes(documents["report.json"])
    found = RoundFindings.model_validate_json(documents["report.json"])
    assert {row.dimension for row in found.alerts} == {"herkomst"}
    # A controller works it out again, and the log says that the round is held for this report.
    for name, data in documents.items():
        (tmp_path / name).write_bytes(data)
    shutil.copyfile(next(world.project.round_folder(ROUND).glob("report.*")), tmp_path / "report.tlog-proof")
    manifest = world.project.manifest()
    home, files = world.home("uwv"), (tmp_path / "report.json", tmp_path / "counts.json")
    assert HeldRound.read(home, manifest, *files, utc_now()).digest == held.findings
    world.justify(ROUND, REASON)
    run_steps(world, ROUND)
    assert world.found_cases(ROUND) == expected
    assert broken_holds(world.project.view()) == []
    assert public_facts(world.project, utc_now()).waited_for["Herkomst: Buiten Nederland"] == 1


def test_whoever_cannot_wait_releases_without_the_table_when_all_justify_that(
    office: Office, tables: Path
) -> None:
    world = office.world
    late = brought(office, tables)
    world.justify(ROUND, REASON)
    run_steps(world, ROUND)
    assert broken_holds(world.project.view()) == []
    with pytest.raises(OfficeCountsRefusedError):
        ingest_counts(world.project, late, utc_now())


def test_what_was_justified_without_the_table_counts_for_nothing_once_it_is_there(
    office: Office, tmp_path: Path
) -> None:
    world = office.world
    world.justify(ROUND, REASON)
    (tmp_path / "tables").mkdir()
    hit = set(office.rows("uwv").filter(pl.col("row").is_not_null()).get_column("bsn").drop_nulls())
    tables = office.count(tmp_path / "tables", lambda bsn: "buiten" if bsn in hit or bsn[7] == "1" else "nl")
    ingest_counts(world.project, brought(office, tables), utc_now())
    with pytest.raises(RunHeldError):
        run_steps(world, ROUND)


def changed(tables: Path, old: str, new: str, only: str = "*") -> None:
    for file in tables.glob(f"{only}.csv"):
        file.write_text(file.read_text().replace(old, new))


def larger(tables: Path) -> None:
    """One group of the last column has more than the register."""
    file = next(tables.glob("uwv.*.csv"))
    lines = file.read_text().splitlines()
    lines[1] = lines[1].rpartition(";")[0] + ";9999990"
    file.write_text("\n".join(lines))


REFUSED: dict[str, Callable[[Path], None]] = {
    "another round": lambda tables: changed(tables, "sha256:", "sha256:0"),
    "not rounded": lambda tables: changed(tables, "0\n", "3\n", "uwv.*"),
    "more than there were": larger,
    "a group too few": lambda tables: changed(tables, ";buiten;", ";unknown;"),
    "another group": lambda tables: changed(tables, ";buiten;", ";europa;"),
    "a column too few": lambda tables: changed(tables, ";(casus)", ";iets"),
    "no dimension": lambda tables: changed(tables, ";herkomst;", ";leeftijd;"),
    "no tables": lambda tables: shutil.rmtree(tables),
}


@pytest.mark.parametrize("lie", REFUSED)
def test_a_table_that_cannot_be_is_refused_by_its_client(office: Office, tables: Path, lie: str) -> None:
    REFUSED[lie](tables)
    with raises("OfficeTableRefusedError", "CountsFileError"):
        brought(office, tables)


def test_the_matcher_takes_one_true_table_of_this_round_from_the_client(office: Office, tables: Path) -> None:
    world, paper = office.world, brought(office, tables)
    told = peek(paper, OfficeCounts, what="counts", party=CLIENT)
    table = next(iter(told.tables))
    shifted = {
        column: {cell: (count or 0) * 10 for cell, count in counts.items()}
        for column, counts in told.tables[table].items()
    }
    zero = "sha256:" + "0" * 64
    others = {name: its for name, its in told.tables.items() if name != table}
    for lie in (
        {"opening": zero}, {"manifest": zero}, {"tables": others}, {"tables": others | {table: shifted}},
        {"partner": "uwv"}, {"round": "r1"},
    ):  # fmt: skip
        false = sign(told.model_copy(update=lie), world.home(CLIENT).identity())
        with pytest.raises(OfficeCountsRefusedError):
            ingest_counts(world.project, false, utc_now())
    with pytest.raises(SignatureMissingError):
        ingest_counts(world.project, sign(told, world.home("uwv").identity()), utc_now())
    assert "office counts" not in [entry.name for entry in world.project.entries()]
    ingest_counts(world.project, paper, utc_now())
    with pytest.raises(OfficeCountsRefusedError):
        ingest_counts(world.project, paper, utc_now())


def test_only_the_client_takes_back_and_only_of_the_extracts_of_the_drop_is_told(
    office: Office, tables: Path, tmp_path: Path, made: Town
) -> None:
    world, now = office.world, utc_now()
    with raises("OfficeNotAskedError"):
        take_back(world.home("uwv"), opening_of(world), tables, "samenloop", now)
    arguments = (
        opening_of(world),
        world.mapping("uwv"),
        world.extracts,
        tmp_path / "again",
        "samenloop",
        now,
    )
    local = next(iter(world.mapping("uwv").selections.values()))
    extract = world.extracts / local.extract
    extract.write_text("\n".join(extract.read_text().splitlines()[:-1]) + "\n")
    with raises("OfficeDropNeededError"):
        write_request(world.home("uwv"), *arguments)
    plain = copy_of(made.worlds["samenloop"], tmp_path / "plain")
    first = plain.project.round_folder("r1") / "opening.json"
    put_round_proofs(plain.project)
    with raises("OfficeNotAskedError"):
        write_request(plain.home("uwv"), first, *arguments[1:])


def test_a_drop_that_comes_after_the_table_is_not_released_with_it(office: Office, tables: Path) -> None:
    """Whose table it would be is decided before anybody sees it: no partner chooses others afterwards."""
    world = office.world
    ingest_counts(world.project, brought(office, tables), utc_now())
    for file in received(world.project, "uwv").glob("*.*"):
        file.unlink()
    opening = opening_of(world).read_bytes()
    world.prepare("uwv", opening)
    with raises("ReportChangedError"):
        run_steps(world, ROUND)
    last = list(world.project.entries())[-1]
    assert last.name == "count"
    assert not list((world.project.folder / "releases").rglob("*office*"))


def test_nothing_goes_to_the_office_once_no_round_can_wait_for_it(office: Office, tmp_path: Path) -> None:
    world, file = office.world, opening_of(office.world)
    deadline = peek(file.read_bytes(), Opening, what="opening", party="matcher").deadline
    late = world.project.manifest().held_until(deadline) + timedelta(seconds=1)
    with raises("OfficeTooLateError"):
        write_request(
            world.home("uwv"),
            file,
            world.mapping("uwv"),
            world.extracts,
            tmp_path / "late",
            "samenloop",
            late,
        )
    assert not (tmp_path / "late").exists()


def test_no_number_of_anybody_lies_open_where_requests_were_made_and_tables_taken_in(
    office: Office, tables: Path
) -> None:
    world = office.world
    ingest_counts(world.project, brought(office, tables), utc_now())
    numbers = {
        bsn.encode() for name in world.partners for bsn in office.rows(name).get_column("bsn").drop_nulls()
    }
    marks, places = Marks(numbers), (world.site.folder, *(world.folder / name for name in world.controllers))
    for place in (*places, office.requests):
        for file in place.rglob("*"):
            assert not file.is_file() or not marks.found_in(file.read_bytes()), file.name


def test_a_table_says_nothing_of_its_cells_in_a_refusal(office: Office, tables: Path) -> None:
    """Somebody who pastes rows of people into it finds them in no message."""
    number = next(iter(office.rows("uwv").get_column("bsn").drop_nulls()))
    first = sorted(tables.glob("uwv.*.csv"))[0]
    lines = first.read_text().splitlines()
    for row in (f"{lines[1].rpartition(';')[0]};={number}", lines[1].replace(";nl;", f";{number};"), number):
        first.write_text("\n".join([lines[0], row, *lines[2:]]))
        with raises("OfficeTableRefusedError", "CountsFileError") as refused:
            brought(office, tables)
        assert not any(number in refused.value.text(lang) for lang in ("nl", "en"))


def test_what_a_command_writes_is_listed(office: Office, tmp_path: Path, capsys: Any) -> None:
    world = office.world
    arguments = [
        "--opening",
        str(opening_of(world)),
        "--mapping",
        str(world.config / "mappings" / "uwv.yaml"),
    ]
    arguments += ["--extracts", str(world.extracts), "--to", str(tmp_path / "to"), "--json"]
    assert command(["monitor", "request", "uwv", str(world.folder / "uwv"), "samenloop", *arguments]) == 0
    assert {Path(one).name for one in json.loads(capsys.readouterr().out)["files"]} == {
        f"samenloop.{ROUND}.uwv.office.age",
        f"samenloop.{ROUND}.uwv.office.json",
    }
