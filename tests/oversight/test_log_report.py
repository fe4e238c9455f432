"""The account for the FG says what the log says, and no number that points at people."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest
from operation import Operation, folders

from lsi_match.matcher.access import answer
from lsi_match.matcher.run import Run
from lsi_match.oversight.log_report import Evidence, Period, html, markdown
from lsi_match.oversight.subjects import standings_in
from lsi_match.oversight.verify import verify_log
from lsi_match.partner.access import make_request
from lsi_match.trust.keys import public_key
from lsi_match.trust.note import VerifierKey

PARTNERS = ("gemeente", "svb", "uwv")


@pytest.fixture(scope="module")
def op(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    """One round released, one refused request, one answered."""
    folder = tmp_path_factory.mktemp("report")
    made = Operation(folder, PARTNERS, folders(folder, PARTNERS))
    made.world.open_round("r1", "2026-06-01")
    opening = (made.project.round_folder("r1") / "opening.json").read_bytes()
    for partner in PARTNERS:
        made.world.prepare(partner, opening)
    run = Run(made.project, "r1", made.clock)
    for step in ("gates", "intake", "match", "count", "release", "destroy"):
        getattr(run, step)()
    run.close()
    bsn = (made.folder / "extracts" / "uwv.csv").read_text().splitlines()[1].split(";")[1].strip('"')
    sealed = make_request(made.world.home("uwv"), made.project.id, {"bsn": bsn}, "a", (), made.clock())
    answer(made.project, sealed, made.clock())
    with pytest.raises(Exception, match="answered before"):
        answer(made.project, sealed, made.clock())
    return made


def evidence(op: Operation, folder: Path | None = None) -> Evidence:
    matcher, project = op.project.manifest().matcher, folder or op.project.folder
    key = VerifierKey.of(matcher.domain, public_key(matcher.signing_key))
    verified = verify_log(project / "log.sqlite", key)
    return Evidence(
        "koppel.example/proef",
        op.project.entries(),
        project / "documents",
        verified,
        standings_in(project, op.clock()),
    )


def test_it_tells_rounds_refusals_requests_and_destruction_with_their_entries(op: Operation) -> None:
    text = markdown(evidence(op), "en")
    names = [e.name for e in op.project.entries()]
    assert "The log verifies" in text
    assert "| r1 | released and destroyed | 3 |" in text
    assert "AccessAnsweredError" in text
    assert f"({names.index('destroy')})" in text
    assert f"({names.index('release')})" in text
    assert "| uwv | 0 | 1 |" in text
    assert "7 there and unaltered" in text
    assert "No round was held" in text


def test_small_numbers_are_withheld(op: Operation) -> None:
    overview = op.project.overview("r1")
    assert overview is not None
    small = [name for name in ("subjects", "matched", "cases") if overview.totals[name] is None]
    assert small, "the world is too large to show it"
    assert markdown(evidence(op), "nl").count("niet getoond") >= len(small)


def test_the_page_has_no_script_and_says_the_same(op: Operation) -> None:
    page = html(evidence(op), "nl")
    assert "<script" not in page
    assert 'lang="nl"' in page
    assert "Het logboek klopt: " in page


def test_what_is_not_in_order_stands_on_the_first_page(op: Operation, tmp_path: Path) -> None:
    copy = shutil.copytree(op.project.folder, tmp_path / "copy")
    next((copy / "subjects" / "r1").glob("*.parquet")).unlink()
    text = html(evidence(op, copy), "nl")
    assert "betrokkenen zijn NIET in orde" in text.split("<h2")[0]


def test_a_period_leaves_out_what_lies_outside(op: Operation) -> None:
    later = op.clock().date() + timedelta(days=1)
    text = markdown(evidence(op), "en", Period(later, date.max))
    assert "There was no round" in text
    assert "Nothing was refused" in text
