"""The account for the FG says what the log says, and no number that points at people."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from old_logs import NAMES, answers, old_log
from operation import Operation, folders

from lsi_match.base.errors import LsiError
from lsi_match.log.events import Destroyed, DropAccepted, read
from lsi_match.log.policy import log_keys
from lsi_match.log.subject_files import Standings, standings_in
from lsi_match.log.verify import Verification, verify_log
from lsi_match.log.view import ProjectView
from lsi_match.matcher.operate.retention import destroy_due
from lsi_match.matcher.subjects.access_answers import answer
from lsi_match.partner.access.request import make_request
from lsi_match.reports.log_report import Evidence, Period, account, judged_again

PARTNERS = ("gemeente", "svb", "uwv")


@pytest.fixture(scope="module")
def op(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    """One round released, one refused request, one answered."""
    folder = tmp_path_factory.mktemp("report")
    made = Operation(folder, PARTNERS, folders(folder, PARTNERS))
    made.run_here("r1")
    bsn = (made.folder / "extracts" / "uwv.csv").read_text().splitlines()[1].split(";")[1].strip('"')
    sealed = make_request(made.world.home("uwv"), made.project.id, {"bsn": bsn}, "a", (), made.clock())
    answer(made.project, sealed, made.clock())
    with pytest.raises(Exception, match="answered before"):
        answer(made.project, sealed, made.clock())
    return made


def evidence(op: Operation, folder: Path | None = None) -> Evidence:
    project = folder or op.project.folder
    key = log_keys(op.project.manifest())
    verified = verify_log(project / "log.sqlite", key)
    return Evidence(
        "koppel.example/proef",
        [read(position, entry) for position, entry in enumerate(op.project.entries())],
        verified,
        standings_in(project, verified.view, op.clock()),
        op.clock(),
        documents=project / "documents",
    )


def test_it_tells_rounds_refusals_requests_and_destruction_with_their_entries(op: Operation) -> None:
    text = account(evidence(op), "en").markdown
    names = [e.name for e in op.project.entries() if e.status != "Unset" or e.name != "destroy"]
    assert "The log verifies" in text
    assert "NOT judged again" in text
    assert "| r1 | released and destroyed | 3 |" in text
    assert "AccessAnsweredError" in text
    assert f"({names.index('destroy') + 1})" in text, (
        "the entry that it was done, after the one that it begins"
    )
    assert f"({names.index('release')})" in text
    assert "| uwv | 0 | 1 |" in text
    assert "7 there and unaltered" in text
    assert "No round was held" in text


def test_counts_of_a_whole_round_are_exact_and_none_of_a_group_is_told(op: Operation) -> None:
    overview = op.project.overview("r1")
    assert overview is not None
    row = next(
        line
        for line in account(evidence(op), "en").markdown.splitlines()
        if line.startswith("| r1 | released")
    )
    told = [cell.strip() for cell in row.strip("|").split("|")][3:6]
    assert told == [str(overview.totals[name]) for name in ("subjects", "matched", "cases")]


def test_the_page_has_no_script_and_says_the_same(op: Operation) -> None:
    page = account(evidence(op), "nl").html
    assert "<script" not in page
    assert 'lang="nl"' in page
    assert "Het logboek klopt: " in page


def test_what_is_not_in_order_stands_on_the_first_page(op: Operation, tmp_path: Path) -> None:
    copy = shutil.copytree(op.project.folder, tmp_path / "copy")
    next((copy / "subjects" / "r1").glob("*.parquet")).unlink()
    text = account(evidence(op, copy), "nl").html
    assert "hoort, is NIET in orde" in text.split("<h2")[0]


def test_a_period_leaves_out_what_lies_outside(op: Operation) -> None:
    later = op.clock().date() + timedelta(days=1)
    text = account(evidence(op), "en", Period(later, date.max)).markdown
    assert "There was no round" in text
    assert "Nothing was refused" in text


def test_releases_removed_on_time_too_late_and_not_at_all_are_told(op: Operation, tmp_path: Path) -> None:
    keep = op.project.manifest().release.keep_days

    def told(made: Operation) -> str:
        (row,) = [
            line
            for line in account(evidence(made), "en").markdown.splitlines()
            if line.startswith("| r1 | 20")
        ]
        return row

    assert "| 0 on time |" in told(op)
    late = op.copy(tmp_path / "late")
    late.clock.to(late.clock() + timedelta(days=keep + 3))
    assert "| 0 on time, 3 NOT REMOVED |" in told(late)
    assert destroy_due(late.project, late.clock).counts()["release"] == 3
    assert "| 0 on time, 3 LATE |" in told(late)
    on_time = op.copy(tmp_path / "on-time")
    on_time.clock.to(on_time.clock() + timedelta(days=keep))
    destroy_due(on_time.project, on_time.clock)
    assert "| 3 on time |" in told(on_time)


def test_a_destruction_that_broke_off_is_told(op: Operation, tmp_path: Path) -> None:
    made = op.copy(tmp_path / "op")
    found = evidence(made)
    broken = [one for one in found.events if not isinstance(one.event, Destroyed)]
    text = account(replace(found, events=broken), "nl").markdown
    assert "BEGONNEN 01-06-2026" in text
    assert "niet afgerond" in text


def test_audit_records_that_are_gone_without_a_word_stand_on_the_first_page(op: Operation) -> None:
    problem = LsiError("DetailsMissingError", count=1, position=3)
    assert problem.text("nl") in account(replace(evidence(op), details=(problem,)), "nl").html
    assert f"kept with {len(op.project.entries())} entries" in account(evidence(op), "en").markdown


# logs of before the events were typed


def of_before(name: str) -> tuple[ProjectView, str]:
    """The view of an old log, and the report on it."""
    view, found = evidence_of(name)
    return view, account(found, "en").markdown


def evidence_of(name: str) -> tuple[ProjectView, Evidence]:
    entries = old_log(name)
    view = ProjectView.of(entries)
    bound = tuple(n for n, entry in enumerate(entries) if entry.details_hash)
    verified = Verification("f", "origin", len(entries), bytes(32), None, 0, 0, bound, (), view)
    said = [read(position, entry) for position, entry in enumerate(entries)]
    now = datetime.fromisoformat(answers()[name]["now"])
    return view, Evidence("origin", said, verified, Standings((), ()), now)


def row_of(report: str, round_id: str) -> list[str]:
    """What the report tells of the round: its state and how many drops."""
    (row,) = re.findall(rf"^\| {round_id} \| ([a-z ]+) \| (\d+) \|", report, re.M)
    return list(row)


@pytest.mark.parametrize("name", NAMES)
def test_the_report_on_a_log_of_before_reads_as_it_did_but_for_what_it_told_falsely(name: str) -> None:
    """Every run took in every drop again, and each counted; outcomes made a round one that was never released. That
    nothing was judged again from the papers is told now."""
    view, report = of_before(name)
    not_judged = judged_again(None, "en")
    assert report.count(not_judged) == 1
    report = report.replace(f"{not_judged}\n\n", "")
    before = answers()[name]["report"]
    for one in view.rounds.values():
        was, now = row_of(before, one.name), row_of(report, one.name)
        accepted = [read(n, e).event for n, e in enumerate(old_log(name)) if e.name == "intake"]
        drops = {
            event.drop for event in accepted if isinstance(event, DropAccepted) and event.round == one.name
        }
        assert int(now[1]) == len(drops)
        if name == "outcomes":
            assert (was[0], now[0]) == ("destroyed without a release", "released and destroyed")
            was[0] = now[0]
        assert was[0] == now[0]
        old, new = (
            re.compile(rf"^\| {one.name} \| [a-z ]+ \| \d+ \|", re.M).sub("", text)
            for text in (before, report)
        )
        before, report = old, new
    assert before == report


@pytest.mark.parametrize("name", NAMES)
def test_the_report_and_the_view_that_all_others_read_say_the_same(name: str) -> None:
    view, report = of_before(name)
    for one in view.rounds.values():
        assert row_of(report, one.name)[0] == STATES[one.state]


STATES = {
    "open": "open",
    "refused": "refused",
    "matched": "matched",
    "held": "held",
    "released": "released",
    "destroyed": "released and destroyed",
    "abandoned": "destroyed without a release",
}
