"""Where the key of the matching environment is a hybrid one, so are those of its rounds; nothing of a round is sealed otherwise."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from operation import PARTNERS, Operation, folders
from refusals import raises

from lsi_match.agreement.gates import require
from lsi_match.cli.main import run
from lsi_match.crypto import age_keys, keys
from lsi_match.crypto.age_keys import AgeIdentity, HybridIdentity
from lsi_match.manifest.base import is_hybrid


@pytest.fixture
def hybrid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operation:
    """Every party made its keys with `--hybrid`."""
    plain = keys.make_identity

    def make(name: str, folder: Path, passphrase: str | None = None, **_: bool) -> keys.Identity:
        return plain(name, folder, passphrase, hybrid=True)

    monkeypatch.setattr("lsi_match.demo.world.make_identity", make)
    monkeypatch.setattr("lsi_match.matcher.site.site.make_identity", make)
    return Operation(tmp_path / "operation", PARTNERS, folders(tmp_path / "operation", PARTNERS))


def test_a_round_under_hybrid_keys_is_sealed_to_hybrid_keys_only(
    hybrid: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed: list[str] = []
    wrapped = age_keys.wrapped

    def seen(file_key: bytes, recipient: str) -> bytes:
        sealed.append(recipient)
        return wrapped(file_key, recipient)

    monkeypatch.setattr("lsi_match.crypto.age_file.wrapped", seen)
    hybrid.run_here("r1")
    assert hybrid.state("r1") == "destroyed"
    assert len(sealed) >= 2 * len(PARTNERS), "drops and releases"
    assert all(is_hybrid(recipient) for recipient in sealed)
    manifest = hybrid.project.manifest()
    assert all(
        is_hybrid(party.encryption_key) for party in (*manifest.controllers.values(), manifest.matcher)
    )
    (release,) = (hybrid.project.folder / "releases" / PARTNERS[0]).glob("*.age")
    assert b"-> mlkem768x25519 " in release.read_bytes()[:40]


def test_an_opening_with_a_weaker_key_than_was_agreed_is_refused(hybrid: Operation) -> None:
    hybrid.world.open_round("r1")
    project, now = hybrid.project, hybrid.clock() + timedelta(minutes=1)
    opening, _ = project.opening("r1")
    assert is_hybrid(opening.recipient)
    require(project.manifest(), project.evidence(now, opening))
    _, weaker = keys.make_round_key()
    with raises("OpeningGateError", match=r"hybrid|hybride"):
        require(project.manifest(), project.evidence(now, opening.model_copy(update={"recipient": weaker})))


def test_the_secret_of_a_hybrid_key_is_not_shown() -> None:
    identity: AgeIdentity = HybridIdentity.generate()
    assert str(identity) not in repr(identity)
    assert identity.seed.hex() not in repr(identity)
    assert repr(identity.seed) not in repr(identity)


@pytest.mark.parametrize(
    ("age", "options", "hybrid"),
    [
        (None, [], True),
        ("v1.3.0", [], True),
        ("v2.0.1", [], True),
        ("1.1.1", [], False),
        ("(unknown)", [], False),
        ("1.1.1", ["--hybrid"], True),
        (None, ["--no-hybrid"], False),
    ],
)
def test_keys_are_hybrid_where_the_tools_installed_here_open_what_is_sealed_to_them(
    age: str | None, options: list[str], hybrid: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if age is not None:
        (tmp_path / "age").write_text(f"#!/bin/sh\necho '{age}'\n")
        (tmp_path / "age").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    for words in (["keys", "make", "uwv", str(tmp_path / "uwv")], ["site", "init", str(tmp_path / "site")]):
        assert run([*words, *options]) == 0
        card = json.loads((Path(words[-1]) / "keys" / "card.json").read_text())
        assert is_hybrid(card["encryption_key"]) is hybrid
