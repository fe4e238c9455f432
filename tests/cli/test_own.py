"""What is set once fills in what a command line leaves out; and a command that is tried out changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from lsi_match.base import dry_run
from lsi_match.cli.main import run
from lsi_match.matcher.site.site import Site


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    yield
    dry_run.begin(on=False)


def made(tmp_path: Path) -> Path:
    home = tmp_path / "uwv"
    assert run(["keys", "make", "uwv", str(home)]) == 0
    (tmp_path / "place.yaml").write_text(f"url: {tmp_path / 'place'}\n")
    return home


def use(tmp_path: Path, home: Path) -> None:
    arguments = ["use", home, "proef", "--place", tmp_path / "place.yaml", "--folder", tmp_path / "work"]
    assert run([*map(str, arguments)]) == 0


def shown(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return dict(json.loads(capsys.readouterr().out))


def test_what_was_set_once_may_be_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = made(tmp_path)
    assert run(["keys", "show"]) == 2, "nothing was set"
    use(tmp_path, home)
    capsys.readouterr()
    assert run(["keys", "show", "--json"]) == 0
    assert shown(capsys)["card"]["name"] == "uwv"
    assert run(["partner", "fetch", str(tmp_path / "to"), "--json"]) == 1, "the place is known, and is away"
    assert shown(capsys)["error"] == "PlaceAwayError"
    assert run(["partner", "receipt", str(tmp_path), "--json"]) == 2
    assert "proef.*" in shown(capsys)["nl"], "name, home and project were filled in"
    assert run(["manifest", "sign", str(tmp_path / "none.json"), "--out", str(tmp_path), "--json"]) == 1
    assert shown(capsys)["error"] == "FileMissingError", "behind what was given, too"
    other = tmp_path / "svb"
    assert run(["keys", "make", "svb", str(other)]) == 0
    capsys.readouterr()
    assert run(["keys", "show", str(other), "--json"]) == 0
    assert shown(capsys)["card"]["name"] == "svb", "what is said counts"


def test_what_is_set_is_read_by_its_owner_only_and_holds_no_secret(tmp_path: Path) -> None:
    home = made(tmp_path)
    os.umask(0o077)
    use(tmp_path, home)
    file = tmp_path / "config" / "lsi-match" / "current.json"
    assert file.stat().st_mode & 0o077 == 0
    assert json.loads(file.read_text()) == {"home": str(home), "name": "uwv", "project": "proef"}
    assert run(["use", str(home), "../../x", "--place", str(tmp_path / "place.yaml"), "--folder", "x"]) == 1
    assert not (tmp_path / "x").exists()


def test_a_damaged_setting_is_none(tmp_path: Path) -> None:
    home = made(tmp_path)
    use(tmp_path, home)
    file = tmp_path / "config" / "lsi-match" / "current.json"
    for text in ("", "[]", '{"home": 3}', "\xff"):
        file.write_text(text)
        assert run(["keys", "show"]) == 2


@pytest.mark.parametrize("command", [
    ["keys", "make", "svb", "{new}"],
    ["keys", "commit", "proef", "--cards", "{cards}", "--out", "{new}"],
    ["keys", "project", "proef", "--cards", "{cards}", "--out", "{new}"],
    ["log", "checkpoint", "{site}", "proef"],
    ["site", "init", "{new}"],
])  # fmt: skip
def test_what_is_tried_out_changes_nothing(
    tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    home = made(tmp_path)
    use(tmp_path, home)
    (tmp_path / "cards").mkdir()
    for name in ("uwv", "svb"):
        source = home if name == "uwv" else tmp_path / "svb"
        if name == "svb":
            assert run(["keys", "make", "svb", str(source)]) == 0
        (tmp_path / "cards" / f"{name}.json").write_bytes((source / "keys" / "card.json").read_bytes())
    Site.make(tmp_path / "site")
    words = [
        one.format(new=tmp_path / "new", cards=tmp_path / "cards", site=tmp_path / "site") for one in command
    ]
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    capsys.readouterr()
    status = run([*words, "--dry-run", "--json"])
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == before
    said = shown(capsys)
    assert (status, said.get("dry_run")) == (0, True) or status == 1, said
    assert not dry_run.is_on() or run(["keys", "show"]) == 0


def test_doctor_names_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = made(tmp_path)
    use(tmp_path, home)
    (home / "keys" / "signing.pem").chmod(0o644)
    capsys.readouterr()
    assert run(["doctor", "--json"]) == 1
    errors = {one["what"]: one["error"] for one in shown(capsys)["found"]}
    assert errors["keys"] == "KeysOpenError"
    assert errors["place"] == "PlaceAwayError"
    assert errors["trust"] == "RootMissingError"
    assert errors["version"] is None


#: A shell without the settings of its user.
BARE = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}
#: What a shell does with the script: bash and fish are asked what may stand there, zsh is typed to as by a user.
COMPLETED = {
    "bash": r"""
source "$SCRIPT"; call=$(complete -p lsi-match); call=${call##*-F }; call=${call%% *}
ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; $call; echo "${COMPREPLY[*]}"; }
ask lsi-match par; ask lsi-match partner rec; ask lsi-match match run --run
""",
    "zsh": r"""
mkdir "$SCRIPT.d"; cp "$SCRIPT" "$SCRIPT.d/_lsi-match"; zmodload zsh/zpty; zpty z zsh -f -i
zpty -w z "fpath=(\$SCRIPT.d \$fpath); autoload -Uz compinit; compinit -u -D; echo READ''Y"; zpty -r z shown "*READY*"
for line wanted in "lsi-match par" "partner" "lsi-match partner rec" "receipt" "lsi-match match run --run" "--runner"; do
  zpty -w -n z $'\C-u'"$line"$'\t'; zpty -r z shown "*$wanted*"; print -- $wanted
done
""",
    "fish": r"""
source $SCRIPT; for line in "lsi-match par" "lsi-match partner rec" "lsi-match match run --run"; complete -C $line; end
""",
}


@pytest.mark.parametrize("shell", COMPLETED)
def test_a_shell_completes(shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    script = tmp_path / "script"
    script.write_text(capsys.readouterr().out)
    assert "Display this message" not in script.read_text()
    if which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    settings = {"HOME": str(tmp_path), "SCRIPT": str(script)}
    told = subprocess.run(
        [shell, *BARE[shell], "-c", COMPLETED[shell]],
        capture_output=True, text=True, check=True, timeout=60, env=os.environ | settings,
    )  # fmt: skip
    assert told.stderr == ""
    assert [line.split()[0] for line in told.stdout.splitlines()] == ["partner", "receipt", "--runner"]


def test_there_is_a_manual_page_and_the_package_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["man", "--lang", "en"]) == 0
    page = capsys.readouterr().out
    assert page.startswith(".TH LSI-MATCH 1")
    assert r".SS lsi\-match partner access\-request" in page
    made = subprocess.run([sys.executable, "-m", "lsi_match", "--version"], capture_output=True, check=True)
    assert made.stdout.strip()
