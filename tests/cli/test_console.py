"""What others wrote, in papers, logs and names of files, is shown on a terminal and not obeyed by it."""

from __future__ import annotations

import json

import pytest

from lsi_match.base.files import FileMissingError
from lsi_match.cli.console import done, out, print_json, show_error, table

EVIL = "a\x1b]0;title\x07\x1b[2Jb\u202ec\x9bd\udcff"


def test_no_sign_reaches_the_terminal_that_it_would_obey(capsys: pytest.CaptureFixture[str]) -> None:
    done(EVIL, {})
    show_error(FileMissingError(file=EVIL))
    out.print(EVIL, markup=False)
    out.print(table("t", ["x"], [[EVIL]]))
    said = "".join(capsys.readouterr())
    assert said.count("title") == 4
    assert not {"\x1b", "\x07", "\x9b", "\u202e", "\udcff"} & set(said)


def test_letters_of_any_language_and_line_ends_stay(capsys: pytest.CaptureFixture[str]) -> None:
    done("één\nniet:\tß ≥ × – 北", {})
    assert capsys.readouterr().out.split() == ["één", "niet:", "ß", "≥", "×", "–", "北"]


def test_what_is_written_as_json_is_obeyed_by_no_terminal_and_says_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = {"text": EVIL + "\x85\u2066\u200fbéé", "list": ["北\n\t"]}
    print_json(told)
    said = capsys.readouterr().out
    assert not {"\x1b", "\x07", "\x9b", "\u202e", "\udcff", "\x85", "\u2066", "\u200f"} & set(said)
    assert "béé" in said
    assert "北" in said
    assert json.loads(said) == told
