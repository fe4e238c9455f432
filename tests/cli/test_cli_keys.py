"""`lsi-match keys …`, as a person types it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyrage
import pytest
import quick_scrypt

from lsi_match.cli.main import run
from lsi_match.crypto import keys, passphrase

PHRASE = "paard accu nietje correct"
NAMES = ("duo", "gemeente", "uwv")


@pytest.fixture(autouse=True)
def clean_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(pyrage.passphrase, "encrypt", quick_scrypt.encrypt)
    keys._opened.clear()
    yield
    keys._opened.clear()
    passphrase.use(passphrase.refuse)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command with --json; (exit status, document). `phrases` go through a file descriptor."""

    def call(*arguments: object, phrases: tuple[str, ...] = ()) -> tuple[int, dict[str, Any]]:
        given = [str(argument) for argument in arguments]
        if phrases:
            reader, writer = os.pipe()
            os.write(writer, "".join(f"{phrase}\n" for phrase in phrases).encode())
            os.close(writer)
            given += ["--passphrase-fd", str(reader)]
        capsys.readouterr()
        status = run([*given, "--json"])
        shown = capsys.readouterr().out
        return status, json.loads(shown) if shown else {}

    return call


@pytest.fixture
def parties(cli: Any, tmp_path: Path) -> Path:
    """Homes of three partners, and a folder with their cards."""
    for name in NAMES:
        assert cli("keys", "make", name, tmp_path / name)[0] == 0
        card = (tmp_path / name / "keys" / "card.json").read_bytes()
        (tmp_path / "cards").mkdir(exist_ok=True)
        (tmp_path / "cards" / f"{name}.json").write_bytes(card)
    return tmp_path


def test_three_partners_make_a_key_and_print_the_same_check_value(cli: Any, parties: Path) -> None:
    table = parties / "table"
    common = ("--cards", parties / "cards")
    for name in NAMES:
        assert cli("keys", "commit", name, parties / name, "wijk", *common, "--out", table)[0] == 0
    words = (*common, "--commitments", table)
    for name in NAMES:
        assert cli("keys", "reveal", name, parties / name, "wijk", *words, "--out", table)[0] == 0
    found = [
        cli("keys", "derive", name, parties / name, "wijk", *words, "--reveals", table) for name in NAMES
    ]
    assert [status for status, _ in found] == [0, 0, 0]
    assert len({document["key_check"] for _, document in found}) == 1
    for name, (_, document) in zip(NAMES, found, strict=True):
        share = Path(document["key_share"])
        assert share == parties / name / "projects" / "wijk" / "key-1" / "key-share.json"
        assert share.stat().st_mode & 0o777 == 0o600


def test_revealing_before_all_have_committed_is_refused(cli: Any, parties: Path) -> None:
    table = parties / "table"
    common = ("--cards", parties / "cards", "--out", table)
    for name in NAMES[:2]:
        cli("keys", "commit", name, parties / name, "wijk", *common)
    status, document = cli("keys", "reveal", "duo", parties / "duo", "wijk", *common, "--commitments", table)
    assert (status, document["error"]) == (1, "CommitmentMissingError")
    assert "uwv" in document["en"]


def test_committing_again_is_asked_for_by_name(cli: Any, parties: Path) -> None:
    command = ("keys", "commit", "uwv", parties / "uwv", "wijk", "--cards", parties / "cards")
    command = (*command, "--out", parties / "table")
    assert cli(*command)[0] == 0
    status, document = cli(*command)
    assert (status, document["error"]) == (1, "CommittedAlreadyError")
    assert cli(*command, "--again")[0] == 0


def test_two_cards_of_one_party_are_wrong_use(cli: Any, parties: Path) -> None:
    card = (parties / "cards" / "uwv.json").read_bytes()
    (parties / "cards" / "uwv-new.json").write_bytes(card)
    command = ("keys", "commit", "uwv", parties / "uwv", "wijk", "--cards", parties / "cards")
    assert cli(*command, "--out", parties / "table")[0] == 2


def test_the_matcher_gets_no_share(cli: Any, tmp_path: Path) -> None:
    from datetime import UTC, datetime

    from lsi_match.demo.world import World, configs_folder

    now = datetime.now(UTC).replace(microsecond=0)
    world = World(tmp_path, configs_folder() / "samenloop", tmp_path, lambda: now)
    world.make_keys()
    manifest = world.complete(world.make_project_key())
    world.agree(manifest, world.approve(manifest))
    command = ("keys", "share", "uwv", tmp_path / "uwv", world.project_id, "--out", tmp_path / "shares")
    assert cli(*command, "--card", world.site.folder / "keys" / "card.json")[0] == 2
    assert not (tmp_path / "shares").exists()
    # a share for a partner opens for it
    status, document = cli(*command, "--card", tmp_path / "svb" / "keys" / "card.json")
    assert (status, document["key_check"]) == (0, manifest.pseudonyms.key_check)
    share = (tmp_path / "shares" / "key-share.svb.json").read_bytes()
    world.home("svb").join(manifest.canonical(), world.approve(manifest), share, now)


def test_show_tells_key_ids_protection_and_modes_without_a_passphrase(cli: Any, tmp_path: Path) -> None:
    status, made = cli("keys", "make", "uwv", tmp_path, "--protect", phrases=(PHRASE,))
    assert status == 0
    status, shown = cli("keys", "show", tmp_path)
    assert status == 0
    assert shown["card"]["signing_key"] == made["signing_key"]
    assert shown["protected"] is True
    assert shown["modes"] == {"encryption.age": "0600", "signing.pem.age": "0600", "card.json": "0600"}
    assert shown["readable_by_others"] == []
    (tmp_path / "keys" / "signing.pem.age").chmod(0o644)
    assert cli("keys", "show", tmp_path)[1]["readable_by_others"] == ["signing.pem.age"]


def test_show_reads_well(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run(["keys", "make", "uwv", str(tmp_path)])
    capsys.readouterr()
    assert run(["keys", "show", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "achter een wachtzin" in shown
    assert "nee" in shown
    assert "AGE-SECRET" not in shown


def test_keys_made_without_a_passphrase_get_one_later(cli: Any, parties: Path) -> None:
    assert cli("keys", "protect", "uwv", parties / "uwv", phrases=(PHRASE,))[0] == 0
    assert cli("keys", "show", parties / "uwv")[1]["protected"] is True
    commit = ("keys", "commit", "uwv", parties / "uwv", "wijk", "--cards", parties / "cards")
    commit = (*commit, "--out", parties / "table")
    status, document = cli(*commit, phrases=("een heel andere zin",))
    assert (status, document["error"]) == (1, "PassphraseWrongError")
    assert cli(*commit, phrases=(PHRASE,))[0] == 0


def test_a_short_passphrase_makes_no_keys(cli: Any, tmp_path: Path) -> None:
    status, document = cli("keys", "make", "uwv", tmp_path, "--protect", phrases=("kort",))
    assert (status, document["error"]) == (1, "PassphraseTooShortError")
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("number", [PHRASE, "1", "2", "-1", "987", ""])
def test_a_descriptor_is_a_number_of_an_open_file_and_never_the_passphrase_itself(
    cli: Any, tmp_path: Path, number: str
) -> None:
    status, document = cli("keys", "make", "uwv", tmp_path, "--protect", "--passphrase-fd", number)
    assert status == 2
    assert PHRASE not in json.dumps(document)
    assert not (tmp_path / "keys").exists()


def test_there_is_no_option_or_variable_for_a_passphrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    for name in ("PASSPHRASE", "LSI_MATCH_PASSPHRASE", "LSI_PASSPHRASE"):
        monkeypatch.setenv(name, PHRASE)
    assert run(["keys", "make", "uwv", str(tmp_path), "--protect", "--passphrase", PHRASE]) == 2
    assert run(["keys", "make", "uwv", str(tmp_path), "--protect"]) == 1
    assert not (tmp_path / "keys").exists()


def test_a_site_with_a_passphrase_shows_its_keys(cli: Any, parties: Path) -> None:
    site = parties / "site"
    assert cli("site", "init", site, "--protect", phrases=(PHRASE,))[0] == 0
    assert cli("keys", "show", site)[1]["protected"] is True


def test_at_a_terminal_the_passphrase_is_asked_for_and_not_shown(tmp_path: Path) -> None:
    """A real process on a real terminal: two prompts, no echo, nothing in its arguments or environment."""
    pid, terminal = pty.fork()
    if pid == 0:
        code = "from lsi_match.cli.main import main; main()"
        arguments = ["keys", "make", "uwv", str(tmp_path), "--protect"]
        os.execv(sys.executable, [sys.executable, "-c", code, *arguments])
    shown = b""
    exposed = b""
    answers = 0
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            read = os.read(terminal, 4096)
        except OSError:  # the other side is gone
            break
        if not read:
            break
        shown += read
        prompts = shown.count(b"wachtzin voor") + shown.count(b"Nog eens")
        if prompts > answers:
            for file in ("cmdline", "environ"):
                exposed += (Path("/proc") / str(pid) / file).read_bytes()
            time.sleep(0.2)
            os.write(terminal, PHRASE.encode() + b"\n")
            answers += 1
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, shown
    assert answers == 2
    assert PHRASE.encode() not in shown + exposed
    assert keys.key_state(tmp_path / "keys").protected


def test_a_passphrase_comes_through_a_descriptor_of_the_shell(tmp_path: Path) -> None:
    """`lsi-match … --passphrase-fd=3 3< file`, as docs/keys.md writes it."""
    (tmp_path / "phrase").write_text(PHRASE + "\n")
    code = "from lsi_match.cli.main import main; main()"
    command = f"{sys.executable} -c '{code}' keys make uwv home --protect --passphrase-fd=3 3< phrase"
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True, capture_output=True)
    assert keys.key_state(tmp_path / "home" / "keys").protected
