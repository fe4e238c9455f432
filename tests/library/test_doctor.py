"""What is not in order is named, at every party, and what else there is to look at is looked at all the same."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from desks import OWN, Browser, use
from operation import PROJECT, Operation, weekly

from lsi_match.base.version import numbers
from lsi_match.crypto.keys import make_identity
from lsi_match.library import doctor
from lsi_match.partner.home import Home


@pytest.fixture(scope="module")
def op(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    """A project that runs, with the log at the place; and an FG who compared no trust root yet."""
    made = weekly(tmp_path_factory.mktemp("doctor") / "one", when_late="proceed")
    made.reconcile()
    use(made)
    Browser(made).post("deliver")
    for file in (made.folder / "work" / OWN / "in").iterdir():  # as if they were fetched when the story plays
        os.utime(file, (made.clock().timestamp(),) * 2)
    fg = Home(made.folder / "world" / "fg", "fg")
    make_identity("fg", fg.folder / "keys")
    use(made, delivers=False, home=fg)
    return made


def wrong(folder: Path, now: datetime) -> dict[tuple[str, str], str]:
    found = list(doctor.examine(folder, now))
    return {(one.what, one.about): one.error.reason for one in found if one.error and one.graver}


def gone(name: str) -> Callable[[Path], object]:
    return lambda home: (home / name).unlink()


def written(name: str, text: str) -> Callable[[Path], object]:
    return lambda home: (home / name).write_text(text)


OF = f"projects/{PROJECT}"


@pytest.mark.parametrize(("party", "broken", "told"), [
    (OWN, lambda home: None, {}),
    (OWN, gone("keys/signing.pem"), {("keys", ""): "FileMissingError"}),
    (OWN, lambda home: shutil.rmtree(home / "keys"), {("keys", ""): "FileMissingError"}),
    (OWN, written("keys/card.json", "x"), {("keys", ""): "CardUnreadableError"}),
    (OWN, lambda home: (home / "keys/encryption.age").chmod(0o644), {("keys", ""): "KeysOpenError"}),
    (OWN, gone(f"{OF}/key-share.json"), {("agreement", PROJECT): "KeyShareMissingError"}),
    (OWN, written(f"{OF}/log-seen", "x"), {("log", PROJECT): "RememberedUnreadableError"}),
    (OWN, written(f"{OF}/work.yaml", "x"), {("work", PROJECT): "DocumentInvalidError"}),
    (OWN, lambda home: shutil.rmtree(home / OF / "trust"), {("trust", PROJECT): "RootMissingError", ("agreement", PROJECT): "RootMissingError"}),
    ("fg", lambda home: None, {("trust", PROJECT): "RootMissingError"}),
    ("site", lambda home: None, {}),
    ("site", written("keys/card.json", "x"), {("keys", ""): "CardUnreadableError"}),
    ("site", written(f"{OF}/delivery.yaml", f"partners: {{{OWN}: {{url: /nowhere}}}}"), {("place", f"{PROJECT} {OWN}"): "PlaceAwayError"}),
    ("site", written(f"{OF}/delivery.yaml", ": ["), {("place", PROJECT): "YamlUnreadableError"}),
])  # fmt: skip
def test_what_is_broken_is_named_and_nothing_else(
    op: Operation, tmp_path: Path, party: str, broken: Callable[[Path], object], told: dict[tuple[str, str], str]
) -> None:  # fmt: skip
    home = tmp_path / party
    shutil.copytree(op.world.site.folder if party == "site" else op.folder / "world" / party, home)
    broken(home)
    assert wrong(home, op.clock()) == told


def test_what_the_work_needs_and_is_away_is_named(op: Operation, tmp_path: Path) -> None:
    home = op.world.home(OWN).folder
    (place,) = op.folder.glob(f"{OWN}.place.yaml")
    for file in (
        place,
        op.folder / "config" / "mappings" / f"{OWN}.yaml",
        op.folder / "extracts" / f"{OWN}.csv",
    ):
        kept = tmp_path / file.name
        file.rename(kept)
        what = {"place.yaml": "place", "yaml": "mapping", "csv": "extracts"}[file.name.partition(".")[2]]
        assert wrong(home, op.clock()).keys() == {(what, PROJECT)}
        kept.rename(file)


def test_time_and_versions_are_held_against_what_the_matching_environment_wrote(
    op: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that is behind, a trust root that is over, a program that is older than the one that writes the log."""
    home, now = op.world.home(OWN).folder, op.clock()
    assert wrong(home, now - timedelta(days=1))[("clock", PROJECT)] == "ClockWrongError"
    later = wrong(home, now + timedelta(days=4000))
    assert later == {("trust", PROJECT): "RootExpiredError", ("ends", PROJECT): "AgreementEndsError"}
    monkeypatch.setattr(doctor, "VERSION", "0.1.9")
    assert wrong(home, now) == {("theirs", PROJECT): "OlderProgramError"}


def test_what_is_no_version_is_neither_older_nor_newer() -> None:
    assert numbers("0.10.2") > numbers("0.9.9")
    assert numbers("9.x.1") == numbers("9.-1.0") == numbers("") == ()
