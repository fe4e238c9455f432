"""What people do wrong most: a folder, a name or a project that is not there. Each is told in both languages."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from lsi_match.base.errors import WrongUseError
from lsi_match.cli.main import run
from lsi_match.matcher.round.open_round import open_round
from lsi_match.matcher.site.site import Project

DRAFT = str(Path(__file__).parents[2] / "configs/febrl4/manifest.yaml")


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """The error of a command line, as its JSON document."""
    assert run([*arguments, "--json"]) in (1, 2)
    told: dict[str, str] = json.loads(capsys.readouterr().out)
    assert told["nl"] != told["en"]
    return told


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["match", "status", "nowhere"], "SiteMissingError"),
        (["match", "watch", "nowhere"], "SiteMissingError"),
        (["trust", "check", "nowhere"], "FolderMissingError"),
        (["manifest", "complete", DRAFT, "--cards", "nowhere", "--key-check", "0", "--out", "m.json"], "FolderMissingError"),
        (["manifest", "sign", DRAFT, "noord", "noord", "--out", "signed"], "ManifestNotCompleteError"),
        (["keys", "make", "UW V", "home"], "WrongUseError"),
        (["keys", "make"], "WrongUseError"),
        (["match", "open", "nowhere", "p", "2026-10", "--reference-date", "2026-10-01"], "ProjectUnknownError"),
        (["keys", "show", "home", "--lang", "fr"], "WrongUseError"),
    ],
)  # fmt: skip
def test_a_common_mistake_is_told_in_both_languages(
    arguments: list[str],
    error: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert refused(arguments, capsys)["error"] == error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "nl"),
    [
        (["manifst"], "de opdracht 'manifst' bestaat niet. Bedoelde u manifest? Zie: lsi-match --help"),
        (["log", "show", "x", "--sinse", "y"], "de optie --sinse is hier niet bekend. Bedoelde u --since? Zie: lsi-match log show --help"),
        (["keys", "show", "a", "b"], "dit staat er te veel: b. Zie: lsi-match keys show --help"),
        (["keys", "make", "uwv"], "--home ontbreekt, of er staat geen waarde achter. Zie: lsi-match keys make --help"),
        (["log", "show", "x", "--step", "a", "--step", "b"], "--step staat er meer dan één keer. Zie: lsi-match log show --help"),
        (["log", "export", "x", "--form", "y", "--out", "z"],
         'de waarde van --form past niet. Kies uit: "tiles", "log", "papers", "otlp", "parquet". Zie: lsi-match log export --help'),
    ],
)  # fmt: skip
def test_a_command_line_that_cannot_be_read_is_told_in_plain_dutch(
    arguments: list[str], nl: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refused(arguments, capsys)["nl"] == f"Verkeerd gebruik: {nl}"
    assert run([*arguments, "--lang", "nl"]) == 2
    assert nl in capsys.readouterr().err


def test_a_timer_that_looks_at_a_wrong_folder_fails(tmp_path: Path) -> None:
    assert run(["match", "metrics", str(tmp_path), "--to", str(tmp_path / "metrics.prom")]) == 1
    assert not (tmp_path / "metrics.prom").exists()


def test_a_copy_of_the_log_never_takes_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log.sqlite"
    log.write_bytes(b"the log")
    for given in (log, tmp_path):
        told = refused(["log", "export", str(given), "--form", "log", "--out", str(log)], capsys)
        assert told["error"] == "FileExistsAlreadyError"
        assert log.read_bytes() == b"the log"


def test_a_command_that_names_no_language_speaks_that_of_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = []
    for words, environment in ((["--lang", "en"], "nl"), ([], "nl"), ([], "en")):
        monkeypatch.setenv("LSI_MATCH_LANG", environment)
        assert run(["match", "status", "nowhere", *words]) != 0
        said.append(capsys.readouterr().err)
    assert said[0] == said[2] != said[1]


def test_a_password_on_the_command_line_is_refused_and_not_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = "postgresql+asyncpg://lsi:geheim@127.0.0.1/prefect"
    assert run(["site", "serve", str(tmp_path), "--database", address]) == 2
    told = capsys.readouterr()
    assert ".pgpass" in told.err
    assert "geheim" not in told.out + told.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["2026/10", "Oktober", ""])
def test_a_round_that_cannot_be_called_so_is_refused_before_anything_is_looked_at(name: str) -> None:
    with pytest.raises(WrongUseError):
        open_round(cast(Project, None), name, None, datetime(2026, 10, 1, tzinfo=UTC))
