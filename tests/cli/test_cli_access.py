"""An access request on the command line: the number comes in through a descriptor and stands nowhere after."""

from __future__ import annotations

import json
import os
from pathlib import Path

import handmade
import pytest
from operation import PROJECT, Operation, folders

from lsi_match.base.clock import utc_now
from lsi_match.cli.main import run
from lsi_match.matcher.round.run import Run
from lsi_match.partner.access import request

PARTNERS = ("gemeente", "svb", "uwv")


def descriptor(given: object) -> str:
    reading, writing = os.pipe()
    os.write(writing, json.dumps(given).encode())
    os.close(writing)
    return str(reading)


@pytest.fixture
def op(tmp_path: Path) -> Operation:
    """A project of which one round was released today."""
    made = Operation(tmp_path, PARTNERS, folders(tmp_path, PARTNERS))
    made.clock.to(utc_now())
    made.world.open_round("r1")
    opening = (made.project.round_folder("r1") / "opening.json").read_bytes()
    for partner in PARTNERS:
        made.world.prepare(partner, opening)
    steps = Run(made.project, "r1", made.clock)
    for step in ("gates", "intake", "match", "count", "release", "destroy"):
        getattr(steps, step)()
    steps.close()
    return made


def test_from_a_number_to_a_letter(op: Operation, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, folder = str(op.world.home("uwv").folder), str(op.world.site.folder)
    asked, said, text = (str(tmp_path / name) for name in ("request.age", "answer.age", "letter.md"))
    ask = ["partner", "access-request", "uwv", home, PROJECT, "--reference", "ink-1", "--to", asked]
    assert run([*ask, "--person-fd", descriptor({"bsn": handmade.BSNS[0]})]) == 0
    assert run(["match", "answer", folder, PROJECT, asked, "--to", said]) == 0
    back = ["partner", "access-answer", "uwv", home, PROJECT, said, "--reference", "ink-1", "--to", text]
    assert run(back) == 0
    letter = Path(text).read_text()
    assert "werd een casus" in letter
    assert "Lopende" in letter or "Alleen wat loopt" in letter
    for kind in (".csv", ".xlsx"):
        assert run([*back[:-1], text + kind]) == 0
    lines = Path(text + ".csv").read_text("utf-8-sig").splitlines()
    assert [line.split(";")[1] for line in lines].count("geleverd") == len(PARTNERS)
    assert any(line.split(";")[1] == "werd een casus" for line in lines)
    assert run([*back[:-1], str(tmp_path / "letter.txt")]) == 2
    assert run(["match", "answer", folder, PROJECT, asked, "--to", said + "2"]) == 1
    assert run(["log", "subjects", str(op.project.folder)]) == 0
    shown = capsys.readouterr()
    assert handmade.BSNS[0] not in shown.out + shown.err
    for file in tmp_path.rglob("*"):
        if file.is_file() and "extracts" not in file.parts:
            assert handmade.BSNS[0].encode() not in file.read_bytes(), file


@pytest.mark.parametrize(
    ("given", "status"), [({"bsn": "123456789"}, 1), ({}, 1), ({"naam": "x"}, 2), ([1], 2), ({"bsn": 9}, 2)]
)
def test_what_cannot_be_looked_up_is_refused(
    op: Operation, tmp_path: Path, given: object, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    home = str(op.world.home("uwv").folder)
    ask = [
        "partner",
        "access-request",
        "uwv",
        home,
        PROJECT,
        "--reference",
        "ink-1",
        "--to",
        str(tmp_path / "x"),
    ]
    assert run([*ask, "--person-fd", descriptor(given)]) == status
    assert not (tmp_path / "x").exists()
    assert "123456789" not in capsys.readouterr().err
    assert request.wanted(op.project.manifest()) == ("bsn",)
