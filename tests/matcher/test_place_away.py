"""A share that is not mounted is away: that is told, nothing is made in its place, and all goes on when it is back."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from operation import PARTNERS, ROUND, Operation

from lsi_match.base.errors import LsiError
from lsi_match.matcher.operate import transfers
from lsi_match.matcher.operate.alarms import alarms
from lsi_match.transport.endpoints import MARKER, Endpoint


@pytest.fixture
def share(operation: Operation) -> Path:
    return Path(operation.places["uwv"].url)


def unmount(share: Path) -> None:
    share.rename(share.with_name("elsewhere"))
    share.mkdir()  # the mount point


def mount(share: Path) -> None:
    assert list(share.iterdir()) == [], "nothing was made on the local disk"
    share.rmdir()
    share.with_name("elsewhere").rename(share)


@dataclass
class Share:
    """A share that goes and comes back; by its folder, by a real mount, or by its marker."""

    path: Path
    kind: str
    away: bool = False

    def go(self) -> None:
        self.away = True
        if self.kind == "folder":
            unmount(self.path)
        elif self.kind == "marker":
            (self.path / MARKER).rename(self.path / f"{MARKER}.aside")
        else:
            subprocess.run(["umount", "-l", self.path], check=True)

    def come(self) -> None:
        if not self.away:
            return
        self.away = False
        if self.kind == "folder":
            mount(self.path)
        elif self.kind == "marker":
            (self.path / f"{MARKER}.aside").rename(self.path / MARKER)
        else:
            assert list(self.path.iterdir()) == [], "nothing was made on the local disk"
            subprocess.run(["mount", "--bind", self.path.with_name("elsewhere"), self.path], check=True)


@contextmanager
def shared(path: Path, kind: str) -> Iterator[Share]:
    """A place as a share of some kind, there at first."""
    if kind != "mount":
        yield Share(path, kind)
        return
    unmount(path)
    one = Share(path, kind, away=True)
    try:
        one.come()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this machine lets nobody mount, or not this user")
    try:
        yield one
    finally:
        if not one.away:
            one.go()


def on(operation: Operation) -> set[str]:
    return {one.name for one in alarms(operation.project, operation.clock())}


@pytest.mark.parametrize("gone", [False, True])
def test_a_share_that_is_gone_is_told_and_not_made_anew(
    operation: Operation, share: Path, gone: bool
) -> None:
    for partner in PARTNERS:
        operation.deliver(partner, ROUND)
    unmount(share)
    if gone:
        share.rmdir()
    seen = operation.reconcile()
    assert {(one.partner, one.error.reason) for one in seen.troubles} == {("uwv", "PlaceAwayError")}
    assert on(operation) == {"place"}
    (drop,) = (operation.folder / "outgoing" / "uwv").glob("*.drop.json")
    for act in (lambda: operation.fetch("uwv"), lambda: operation.send("uwv", drop)):
        with pytest.raises(LsiError) as refused:
            act()
        assert refused.value.reason == "PlaceAwayError"
    assert share.exists() is not gone
    if gone:
        share.mkdir()
    mount(share)
    operation.reconcile()
    assert on(operation) == set()
    assert operation.cases("uwv", ROUND)


@pytest.mark.parametrize("kind", ["folder", "marker", "mount"])
def test_a_share_may_go_away_and_come_back_between_any_two_acts(
    operation: Operation, share: Path, kind: str
) -> None:
    """Nothing is lost or made on the local disk, and at the next look all is as if it had always been there."""
    with shared(share, kind) as one:
        _goes_and_comes(operation, share, one)


def _goes_and_comes(operation: Operation, share: Path, one: Share) -> None:
    acts = ("listing", "read", "fetch", "give", "remove")
    drop = operation.deliver("uwv", ROUND)
    counted = 0

    def look(at: int) -> int:
        number = 0
        with pytest.MonkeyPatch.context() as patch:
            for name in acts:
                real = getattr(Endpoint, name)

                def acting(there: Endpoint, *args: object, real: object = real, **how: object) -> object:
                    nonlocal number
                    number += 1
                    if number == at:
                        one.go()
                    elif number == at + 1:
                        one.come()
                    return real(there, *args, **how)  # type: ignore[operator]

                patch.setattr(Endpoint, name, acting)
            transfers.collect(operation.project, operation.clock())
            transfers.publish(operation.project, operation.clock())
        one.come()
        return number

    folder = operation.project.folder
    before = shutil.copytree(folder, operation.folder / "kept")
    steps = look(-1)
    for at in range(1, steps + 1, 1 if one.kind == "folder" else 3):
        counted += 1
        shutil.rmtree(folder)
        shutil.copytree(before, folder)
        for name in ("in", "out"):
            shutil.rmtree(share / name)
            (share / name).mkdir()
        operation.send("uwv", drop)
        look(at)
        look(-1)
        arrived = [e for e in operation.project.entries() if e.name == "arrive"]
        assert [e.status for e in arrived] == ["Ok"], at
        assert operation.lying("uwv") == []
    assert counted > (10 if one.kind == "folder" else 3)
