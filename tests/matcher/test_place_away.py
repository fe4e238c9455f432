"""A share that is not mounted is away: that is told, nothing is made in its place, and all goes on when it is back."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from operation import PARTNERS, ROUND, Operation
from swapping import Stops, stopping

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


@contextmanager
def stopping_acts(stops: Stops) -> Iterator[None]:
    """In the block, everything that is done at a place stops first."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("listing", "read", "fetch", "give", "remove"):
            real = getattr(Endpoint, name)

            def acting(there: Endpoint, *args: object, real: object = real, **how: object) -> object:
                stops.stop(())
                return real(there, *args, **how)  # type: ignore[operator]

            patch.setattr(Endpoint, name, acting)
        yield


def goes_and_comes(
    operation: Operation,
    one: Share,
    stopping: Callable[[Stops], AbstractContextManager[None]],
    every: int,
    *,
    stays: bool = False,
) -> int:
    """The share goes away before each act or call of a look, and comes back before the next one, or (`stays`) at the end of
    the look: nothing is lost or made on the local disk, and the next look does what is left. How often it was tried."""
    drop = operation.deliver("uwv", ROUND)

    def look(stops: Stops) -> int:
        with stopping(stops):
            for act in (transfers.collect, transfers.publish):
                act(operation.project, operation.clock())
        one.come()
        return len(stops.calls)

    folder = operation.project.folder
    before = shutil.copytree(folder, operation.folder / "kept")
    points = range(0, look(Stops()), every)
    for at in points:
        shutil.rmtree(folder)
        shutil.copytree(before, folder)
        for name in ("in", "out"):
            shutil.rmtree(one.path / name)
            (one.path / name).mkdir()
        operation.send("uwv", drop)
        look(Stops(at, one.go, None if stays else one.come))
        look(Stops())
        arrived = [e for e in operation.project.entries() if e.name == "arrive"]
        assert [e.status for e in arrived] == ["Ok"], at
        assert operation.lying("uwv") == []
        assert f"proef.{ROUND}.opening.json" in operation.lying("uwv", "out")
    return len(points)


@pytest.mark.parametrize("stays", [False, True])
@pytest.mark.parametrize("kind", ["folder", "marker", "mount"])
def test_a_share_may_go_away_and_come_back_between_any_two_acts(
    operation: Operation, share: Path, kind: str, stays: bool
) -> None:
    with shared(share, kind) as one:
        assert goes_and_comes(operation, one, stopping_acts, 4, stays=stays) > 3


@pytest.mark.parametrize("kind", ["folder", "mount"])
def test_a_share_may_go_away_and_come_back_between_two_calls(
    operation: Operation, share: Path, kind: str
) -> None:
    with shared(share, kind) as one:
        assert goes_and_comes(operation, one, stopping, 37) > 5


@pytest.mark.soak
@pytest.mark.parametrize("stays", [False, True])
@pytest.mark.parametrize("kind", ["folder", "marker", "mount"])
def test_a_share_may_go_away_and_come_back_between_any_two_calls(
    operation: Operation, share: Path, kind: str, stays: bool
) -> None:
    with shared(share, kind) as one:
        tried = goes_and_comes(operation, one, stopping, 1, stays=stays)
    print(f"\n{kind}: away at {tried} calls")
    assert tried > 200
