"""Keys behind a passphrase: where it may come from, and where it must never turn up."""

from __future__ import annotations

import os
import shutil
import sys
import types
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyrage
import pytest
import quick_scrypt
from parent_process import used
from refusals import raises

from lsi_match.base.errors import WrongUseError
from lsi_match.base.files import FileExistsAlreadyError, FileMissingError
from lsi_match.cli import prompt as prompting
from lsi_match.crypto import keys, passphrase
from lsi_match.crypto.keys import (
    Identity,
    key_state,
    load_identity,
    make_identity,
    protect_identity,
)
from lsi_match.crypto.signing import sign, verify
from lsi_match.demo.world import World, configs_folder
from lsi_match.matcher.operate.runner import run_match
from lsi_match.protocol.documents import Approval

PHRASE = "paard accu nietje correct"
SLOW = pyrage.passphrase.encrypt


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pyrage.passphrase, "encrypt", quick_scrypt.encrypt)
        yield


@pytest.fixture(autouse=True)
def clean_process() -> Iterator[None]:
    """No test leaves a passphrase or an opened key to the next."""
    keys._opened.clear()
    passphrase.use(passphrase.refuse)
    yield
    keys._opened.clear()
    passphrase.use(passphrase.refuse)


@pytest.fixture(scope="module")
def protected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("protected")
    make_identity("uwv", folder, PHRASE)
    return folder


def given(answer: str) -> passphrase.Source:
    return lambda what, new: answer


def descriptor_with(text: bytes) -> int:
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as handle:
        handle.write(text)
    return reader


def every_byte(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def signs(identity: Identity) -> bool:
    document = Approval(
        project="wijk",
        manifest="sha256:" + "0" * 64,
        controller="uwv",
        work_instruction="sha256:" + "0" * 64,
        statement="",
        text="sha256:" + "0" * 64,
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    signed = sign(document, identity)
    return verify(signed, Approval, identity.signing_key, what="", party="") == document


# The files.


def test_keys_behind_a_passphrase_are_nowhere_on_disk_in_clear(protected: Path) -> None:
    passphrase.use(given(PHRASE))
    identity = load_identity("uwv", protected)
    raw = identity.signing.private_bytes_raw()
    on_disk = every_byte(protected)
    assert b"PRIVATE KEY" not in on_disk
    assert b"AGE-SECRET-KEY" not in on_disk
    for secret in (raw, raw.hex().encode(), str(identity.encryption).encode(), PHRASE.encode()):
        assert secret not in on_disk
    assert signs(identity)


def test_every_key_file_is_for_its_owner_only(protected: Path, tmp_path: Path) -> None:
    make_identity("open", tmp_path / "open")
    for file in (*protected.iterdir(), *(tmp_path / "open").iterdir()):
        assert file.stat().st_mode & 0o077 == 0, file.name


def test_one_slow_derivation_guards_both_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signing key is sealed to the encryption key: there is no second, cheaper lock to try phrases on."""
    monkeypatch.setattr(pyrage.passphrase, "encrypt", SLOW)
    made = make_identity("uwv", tmp_path, PHRASE)
    assert (tmp_path / "encryption.age").read_bytes().split(b"\n")[1].startswith(b"-> scrypt ")
    assert (tmp_path / "signing.pem.age").read_bytes().split(b"\n")[1].startswith(b"-> X25519 ")
    rounds = int((tmp_path / "encryption.age").read_bytes().split(b"\n")[1].split(b" ")[3])
    assert rounds >= 15
    passphrase.use(given("een heel andere zin"))
    with pytest.raises(passphrase.PassphraseWrongError):
        load_identity("uwv", tmp_path)
    passphrase.use(given(PHRASE))
    assert load_identity("uwv", tmp_path).card == made.card


@pytest.mark.parametrize("wrong", ["", PHRASE + " ", "paard"])
def test_a_wrong_passphrase_opens_nothing(protected: Path, wrong: str) -> None:
    passphrase.use(given(wrong))
    with pytest.raises(passphrase.PassphraseWrongError) as refused:
        load_identity("uwv", protected)
    assert wrong == "" or wrong not in str(refused.value)


def test_without_a_source_a_protected_key_stays_closed(protected: Path) -> None:
    with raises("PassphraseMissingError"):
        load_identity("uwv", protected)


def test_unprotected_keys_ask_for_nothing(tmp_path: Path) -> None:
    make_identity("uwv", tmp_path)
    assert signs(load_identity("uwv", tmp_path))


@pytest.mark.parametrize("file", ["encryption.age", "signing.pem.age"])
def test_a_key_file_that_others_can_read_is_refused_protected_or_not(
    protected: Path, tmp_path: Path, file: str
) -> None:
    shutil.copytree(protected, tmp_path / "keys")
    (tmp_path / "keys" / file).chmod(0o640)
    passphrase.use(given(PHRASE))
    with raises("FileTooOpenError"):
        load_identity("uwv", tmp_path / "keys")
    assert key_state(tmp_path / "keys").readable_by_others == (file,)


@pytest.mark.parametrize("file", ["encryption.age", "signing.pem.age"])
def test_a_damaged_key_file_is_refused(protected: Path, tmp_path: Path, file: str) -> None:
    shutil.copytree(protected, tmp_path / "keys")
    data = bytearray((tmp_path / "keys" / file).read_bytes())
    data[-1] ^= 1
    (tmp_path / "keys" / file).write_bytes(bytes(data))
    passphrase.use(given(PHRASE))
    with raises("KeyUnreadableError", "PassphraseWrongError"):
        load_identity("uwv", tmp_path / "keys")


def test_keys_are_never_overwritten(protected: Path, tmp_path: Path) -> None:
    for phrase in (None, PHRASE):
        with pytest.raises(FileExistsAlreadyError):
            make_identity("uwv", protected, phrase)
    with pytest.raises(FileMissingError):
        load_identity("uwv", tmp_path)


def test_the_derivation_is_paid_once_in_a_process_and_again_when_a_file_changed(
    protected: Path, tmp_path: Path
) -> None:
    asked: list[str] = []

    def source(what: str, new: bool) -> str:
        asked.append(what)
        return PHRASE

    passphrase.use(source)
    first = load_identity("uwv", protected)
    assert load_identity("uwv", protected) is first
    assert asked == [str(protected / "encryption.age")]
    make_identity("uwv", tmp_path, PHRASE)
    assert load_identity("uwv", tmp_path).signing_key != first.signing_key


def test_protecting_later_keeps_the_keys_and_leaves_nothing_readable(tmp_path: Path) -> None:
    before = make_identity("uwv", tmp_path)
    protect_identity("uwv", tmp_path, PHRASE)
    assert {file.name for file in tmp_path.iterdir()} == {"encryption.age", "signing.pem.age", "card.json"}
    assert str(before.encryption).encode() not in every_byte(tmp_path)
    passphrase.use(given(PHRASE))
    assert load_identity("uwv", tmp_path).card == before.card
    with raises("KeyProtectedAlreadyError"):
        protect_identity("uwv", tmp_path, PHRASE)


def test_protecting_that_was_cut_off_is_finished_the_next_time(tmp_path: Path) -> None:
    make_identity("uwv", tmp_path)
    pem = (tmp_path / "signing.pem").read_bytes()
    protect_identity("uwv", tmp_path, PHRASE)
    (tmp_path / "signing.pem").write_bytes(pem)
    assert not key_state(tmp_path).protected
    protect_identity("uwv", tmp_path, PHRASE)
    assert key_state(tmp_path).protected


def test_what_is_shown_holds_no_secret(protected: Path) -> None:
    state = key_state(protected)
    assert state.protected
    assert state.signing == "signing.pem.age"
    assert set(state.modes.values()) == {"0600"}
    passphrase.use(given(PHRASE))
    identity = load_identity("uwv", protected)
    shown = repr(state) + repr(identity)
    assert identity.signing.private_bytes_raw().hex() not in shown
    assert "AGE-SECRET" not in shown


# The sources.


def test_a_descriptor_gives_a_line_for_each_thing_and_each_is_asked_once() -> None:
    passphrase.use(passphrase.from_descriptor(descriptor_with(b"first phrase\r\nsecond phrase\n")))
    assert [passphrase.ask(what) for what in ("a", "b", "a", "b")] == ["first phrase", "second phrase"] * 2
    with raises("PassphraseMissingError"):
        passphrase.ask("c")


def test_a_descriptor_is_closed_once_read() -> None:
    reader = descriptor_with(b"x\n")
    passphrase.from_descriptor(reader)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(reader)


def test_a_descriptor_that_is_not_open_is_wrong_use() -> None:
    with pytest.raises(WrongUseError):
        passphrase.from_descriptor(987)


def test_a_new_passphrase_that_is_too_short_is_refused() -> None:
    passphrase.use(given("kort"))
    with raises("PassphraseTooShortError"):
        passphrase.ask_new("keys")


def test_the_prompt_asks_twice_for_a_new_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([PHRASE, PHRASE, PHRASE, PHRASE + "x", PHRASE])
    monkeypatch.setattr(prompting, "getpass", lambda text: next(answers))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    assert prompting.prompt("keys", True) == PHRASE
    with raises("PassphrasesDifferError"):
        prompting.prompt("keys", True)
    assert prompting.prompt("keys", False) == PHRASE


def test_without_a_terminal_the_prompt_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    with raises("PassphraseMissingError", match="--passphrase-fd"):
        prompting.prompt("keys", False)


def test_the_keyring_of_the_system_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {("lsi-match", "keys/encryption.age"): PHRASE}
    module: Any = types.ModuleType("keyring")
    module.get_password = lambda service, name: kept.get((service, name))
    monkeypatch.setitem(sys.modules, "keyring", module)
    passphrase.use(passphrase.from_keyring())
    assert passphrase.ask("keys/encryption.age") == PHRASE
    with raises("PassphraseMissingError"):
        passphrase.ask("other")


def test_without_the_keyring_package_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with raises("KeyringMissingError"):
        passphrase.from_keyring()


# The process of a run.


def descendants(of: int) -> list[int]:
    """Every process below `of`, from /proc."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit():
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == of:
                    found += [int(entry.name), *descendants(int(entry.name))]
        except OSError:
            continue
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc of Linux")
def test_a_run_opens_the_sites_keys_and_shows_no_secret_to_other_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flow, and the server that Prefect starts below it, get no passphrase or key in arguments or environment."""
    now = datetime.now(UTC).replace(microsecond=0)
    world = World(tmp_path, configs_folder() / "samenloop", tmp_path / "extracts", lambda: now)
    world.make_keys()
    passphrase.use(given(PHRASE))
    protect_identity("matcher", world.site.folder / "keys", PHRASE)
    manifest = world.complete(world.make_project_key())
    world.agree(manifest, world.approve(manifest))
    world.open_round("r1", "2026-10-01")
    identity = world.site.identity()
    raw = identity.signing.private_bytes_raw()
    secrets = [PHRASE.encode(), raw, raw.hex().encode(), str(identity.encryption).encode()]
    seen: dict[int, bytes] = {}

    def look(step: dict[str, Any]) -> None:
        for process in descendants(os.getpid()):
            folder = Path("/proc") / str(process)
            try:
                shown = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            except OSError:
                continue
            seen[process] = seen.get(process, b"") + shown

    used(monkeypatch, LOOK="no")  # it is refused for want of drops; here not before Prefect is there
    outcome = run_match(world.site.folder, world.project_id, "r1", on_step=look)
    assert outcome["state"] == "refused", outcome
    assert outcome["reason"] not in ("PassphraseMissingError", "PassphraseWrongError"), outcome
    assert len(seen) >= 3, "the parent, the server and the run"
    assert not [secret for secret in secrets for shown in seen.values() if secret in shown]
    assert world.project.entries()[-1].status == "Unset"
    # nor did anything the run wrote keep them
    kept = every_byte(world.site.folder)
    assert not [secret for secret in secrets if secret in kept]


@pytest.mark.slow
def test_a_run_with_a_wrong_passphrase_is_refused(tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    world = World(tmp_path, configs_folder() / "samenloop", tmp_path / "extracts", lambda: now)
    world.make_keys()
    manifest = world.complete(world.make_project_key())
    world.agree(manifest, world.approve(manifest))
    world.open_round("r1", "2026-10-01")
    protect_identity("matcher", world.site.folder / "keys", PHRASE)
    passphrase.use(given("een heel andere zin"))
    assert run_match(world.site.folder, world.project_id, "r1")["reason"] == "PassphraseWrongError"
