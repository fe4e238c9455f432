"""A round that is run again with one record more is told, and how many rounds there are is bounded."""

from __future__ import annotations

from pathlib import Path

import pytest
from logged import WHY, opened, ran, view_of
from logged import run as run_of
from operation import PROJECT, Operation, folders

from lsi_match.base.clock import utc_now
from lsi_match.cli.main import run
from lsi_match.log import events
from lsi_match.log.steps import Step

PARTNERS = ("gemeente", "svb", "uwv")


@pytest.mark.parametrize(
    ("rows", "like"),
    [
        ({"uwv": 101, "svb": 50}, ["r1"]),  # one record more
        ({"uwv": 100, "svb": 50}, ["r1"]),  # one record in the place of another
        ({"uwv": 96, "svb": 54}, ["r1"]),
        ({"uwv": 105, "svb": 50}, []),
        ({"uwv": 100}, []),
    ],
)
def test_a_round_with_nearly_the_same_drops_is_like_the_earlier_one(
    rows: dict[str, int], like: list[str]
) -> None:
    some = ran("r1", uwv=100, svb=50) + ran("r2", uwv=300, svb=50)
    assert view_of([*some, *ran("r3", released=False, **rows)]).like("r3", rows, 5) == like


def test_only_what_was_released_can_be_compared_with() -> None:
    rows = {"uwv": 100, "svb": 50}
    assert view_of(ran("r1", released=False, **rows)).like("r2", rows, 5) == []
    first, *rest = ran("r1", **rows)
    refused = events.DropRefused(round="r1", partner="svb", **WHY)
    assert view_of([first, refused, *rest]).like("r2", rows, 5) == ["r1"]


def test_what_counts_is_the_drop_that_the_last_run_took_in() -> None:
    first = [opened("r1"), *run_of("r1", uwv=7, svb=50)]
    again = ran("r1", uwv=100, svb=50)[1:]
    assert view_of([*first, *again]).like("r2", {"uwv": 100, "svb": 50}, 5) == ["r1"]


def test_every_round_that_was_opened_counts_also_when_it_ended_unreleased() -> None:
    """A partner cannot see what came of a round, and must come to the same number."""
    some = [*ran("r1", uwv=1), *ran("r2", released=False, uwv=1), opened("r3")]
    assert list(view_of(some).opened()) == ["r1", "r2", "r3"]


def test_no_round_is_opened_beyond_the_bound_and_a_repeat_is_told_to_the_fg(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    op = Operation(tmp_path, PARTNERS, folders(tmp_path, PARTNERS), schedule={"rounds_at_most": 2})
    op.clock.to(utc_now())
    op.run_here("r1")
    site, report = str(op.world.site.folder), tmp_path / "verslag.md"
    signed = tmp_path / "manifest.json"
    signed.write_bytes(op.project.manifest().canonical())
    account = ["log", "report", str(op.project.folder), "--manifest", str(signed), "--to", str(report)]
    assert run(account) == 0
    assert "lijkt op" not in report.read_text()
    op.run_here("r2")
    capsys.readouterr()

    assert run(["match", "open", site, PROJECT, "r3"]) == 1
    said = capsys.readouterr()
    assert "er zijn al 2 rondes geopend; het manifest staat er hoogstens 2 toe" in " ".join(
        (said.out + said.err).split()
    )
    assert not (op.project.round_folder("r3") / "round.key").exists()
    last = op.project.entries()[-1]
    assert (last.name, last.status) == (Step.GATES.value, "Unset")
    assert last.attributes["exception.type"] == "OpeningGateError"

    assert run(account) == 0
    assert "Let op: ronde r2 lijkt op r1." in report.read_text().replace("\\", "")
    assert "OpeningGateError" in report.read_text(), "the refusal is told as well"
