"""What somebody can do who writes in the inbox or at the place of `uwv`, at any moment: nothing outside is touched, no drop of
another partner disappears, and what is too much stays where it is."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import yaml_out
from operation import PARTNERS, ROUND, Operation, days
from swapping import Stops, Swap, by_path, kinds_of_swap, seen, stopping

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.clock import utc_now
from lsi_match.base.errors import LsiError
from lsi_match.cli import match
from lsi_match.matcher.operate import retention, run_parent, transfers
from lsi_match.matcher.operate.retention import destroy_due
from lsi_match.matcher.round.run import Run
from lsi_match.matcher.site import inbox
from lsi_match.matcher.site.site import REASON
from lsi_match.transport.endpoints import MARKER, open_endpoint


@pytest.fixture
def ours(operation: Operation) -> Path:
    """The inbox of `uwv`."""
    return operation.project.folder / "inbox" / "uwv"


def collected(operation: Operation) -> list[tuple[str, str]]:
    found = transfers.collect(operation.project, operation.clock())
    return [
        (o.partner, o.outcome if isinstance(o, transfers.IncomingDrop) else o.error.reason) for o in found
    ]


def old(path: Path, operation: Operation) -> None:
    at = operation.clock().timestamp()
    os.utime(path, (at, at), follow_symlinks=False)


# what was seen to go wrong


def test_a_folder_that_becomes_a_link_before_it_is_destroyed_leads_nowhere(
    operation: Operation, ours: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes in an inbox had the site destroy its own log and keys."""
    site = operation.world.site.folder
    for folder, like in ((ours / "a", operation.project.folder), (ours / "b", site / "keys")):
        folder.mkdir()
        for file in like.iterdir():
            if file.is_file():
                (folder / file.name).write_text("stray")
                old(folder / file.name, operation)
    keys, log = seen(site / "keys"), [entry.leaf() for entry in operation.project.entries()]
    remove = retention._remove
    swapped: list[str] = []

    def swapping(*asked: object) -> None:
        for name, target in (("a", operation.project.folder), ("b", site / "keys")):
            if not swapped:
                shutil.rmtree(ours / name)
                (ours / name).symlink_to(target)
        swapped.append("yes")
        remove(*asked)  # type: ignore[arg-type]

    monkeypatch.setattr(
        retention, "TERMS", tuple(one._replace(destroy=swapping) if one.destroy is remove else one for one in retention.TERMS)
    )  # fmt: skip
    operation.clock.to(operation.clock() + days(2))
    for name in ("a", "b"):
        old(ours / name, operation)
    operation.clock.to(operation.clock() + days(2))
    destroy_due(operation.project, operation.clock)
    assert swapped
    assert seen(site / "keys") == keys
    assert [entry.leaf() for entry in operation.project.entries()][: len(log)] == log


def test_a_link_in_an_inbox_to_that_of_another_takes_nothing_from_it(
    operation: Operation, ours: Path
) -> None:
    """A refused drop was set aside together with one that another partner holds a receipt for."""
    drop = operation.deliver("svb", ROUND)
    operation.reconcile()
    theirs = operation.project.folder / "received" / "svb"
    before = seen(theirs)
    assert len(before) == 4, "the drop in two files, the folder again, and the verdict"
    for name in ("again", "x"):
        (ours / name).symlink_to(theirs)
    for file in theirs.glob("*.*"):
        (ours / file.name).symlink_to(file)
    for name, data in ((drop.name, b"{}"), (drop.name, b"[]")):
        (ours / name).unlink(missing_ok=True)
        (ours / name).write_bytes(data)
        assert collected(operation) == [("uwv", "refused")]
    assert seen(theirs) == before
    operation.clock.to(operation.clock() + days(2))
    destroy_due(operation.project, operation.clock)
    assert seen(theirs) == before


def test_a_link_in_the_place_of_a_folder_of_the_site_in_an_inbox_takes_nothing_from_another(
    operation: Operation, ours: Path
) -> None:
    """As above, with one drop in the inbox and another of that name at the place."""
    drop = operation.deliver("svb", ROUND)
    operation.reconcile()
    theirs = operation.project.folder / "received" / "svb"
    before = seen(theirs)
    (ours / "again").symlink_to(theirs)
    (ours / drop.name).write_bytes(b"{}")
    with open_endpoint(operation.places["uwv"]) as there:
        there.give("in", drop.name, b"[]")
    assert {partner for partner, _ in collected(operation)} == {"uwv"}
    assert seen(theirs) == before


def test_the_digest_of_what_a_link_leads_to_stands_in_no_log(operation: Operation, ours: Path) -> None:
    secret = operation.world.site.folder / "keys" / "card.json"
    (ours / "x.drop.json").symlink_to(secret)
    assert collected(operation) == [("uwv", "refused")]
    said = str([entry.attributes for entry in operation.project.entries()])
    assert digest_of_bytes(secret.read_bytes()).removeprefix("sha256:") not in said
    assert secret.exists()


def test_a_flood_in_an_inbox_is_bounded_and_is_one_entry_a_day(
    operation: Operation, ours: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "AT_ONCE", 3)
    monkeypatch.setattr(transfers, "MOST_REFUSED", 5)
    for number in range(30):
        (ours / f"{number:03}.drop.json").write_bytes(b"{} ")
    operation.deliver("svb", ROUND)
    assert sorted(collected(operation)) == [("svb", "taken"), *[("uwv", "refused")] * 3]
    assert collected(operation) == [("uwv", "refused")] * 2
    entries = len(operation.project.entries())
    for _ in range(3):
        assert collected(operation) == [("uwv", "RefusedTooOftenError")]
    assert len(operation.project.entries()) == entries + 1
    assert len(list(ours.iterdir())) == 25, "what is too much stays where it lies"
    operation.clock.to(operation.clock() + days(1))
    assert collected(operation) == [("uwv", "RefusedTooOftenError")]
    assert len(operation.project.entries()) == entries + 2


def test_folders_by_the_hundred_are_a_screen_of_lines_and_no_entries(
    operation: Operation, ours: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(150):
        (ours / f"{number}" / "within").mkdir(parents=True)
        old(ours / f"{number}", operation)
    operation.clock.to(operation.clock() + days(2))
    entries = len(operation.project.entries())
    lines = match._lines(operation.reconcile())
    assert len([line for line in lines if "inbox/uwv/" in line]) == match._LINES
    assert any("50" in line and "--json" in line for line in lines)
    assert len(operation.project.entries()) < entries + 10


def test_a_second_drop_of_a_name_in_an_inbox_is_refused_and_the_first_stays(
    operation: Operation, ours: Path
) -> None:
    operation.fetch("uwv")
    drop = operation.prepare("uwv", ROUND)
    for file in drop.parent.iterdir():
        shutil.copy(file, ours)
    assert collected(operation) == [("uwv", "taken")]
    assert list(ours.iterdir()) == []
    shutil.copy(drop, ours)
    assert collected(operation) == [("uwv", "known")]
    (ours / drop.name).write_bytes(drop.read_bytes() + b" ")
    assert collected(operation) == [("uwv", "refused")]
    here = operation.project.folder / "received" / "uwv"
    assert (here / drop.name).read_bytes() == drop.read_bytes()
    assert list((here / "again").iterdir()) == []


def test_an_inbox_that_is_a_link_is_told_and_not_used(
    operation: Operation, ours: Path, tmp_path: Path
) -> None:
    ours.rmdir()
    ours.symlink_to(tmp_path)
    (tmp_path / "x.drop.json").write_bytes(b"{}")
    (tmp_path / "stray").write_bytes(b"{}")
    operation.deliver("svb", ROUND)
    assert sorted(collected(operation)) == [("svb", "taken"), ("uwv", "InboxUnusableError")]
    operation.clock.to(operation.clock() + days(3000))
    destroy_due(operation.project, operation.clock)
    assert sorted(file.name for file in tmp_path.iterdir() if file.is_file()) == ["stray", "x.drop.json"]


def test_an_inbox_that_is_gone_is_told_where_there_is_no_place(operation: Operation, ours: Path) -> None:
    ours.rmdir()
    assert collected(operation) == []
    del operation.places["uwv"]
    delivery = {
        name: json.loads(one.model_dump_json(exclude_none=True)) for name, one in operation.places.items()
    }
    yaml_out.write(operation.project.folder / "delivery.yaml", {"partners": delivery})
    assert collected(operation) == [("uwv", "InboxUnusableError")]
    ours.mkdir()
    assert collected(operation) == []


def test_another_user_who_writes_in_its_inbox_can_deliver_and_nothing_else(
    operation: Operation, ours: Path
) -> None:
    """Another Unix user (65534), with the access that the guide tells an operator to give."""
    if os.geteuid():
        pytest.skip("only root can become somebody else")
    operation.fetch("uwv")
    drop = operation.prepare("uwv", ROUND)
    files = {file.name: file.read_bytes() for file in drop.parent.iterdir()}
    for above in ours.parents:
        if above.is_relative_to(operation.folder):
            above.chmod(above.stat().st_mode | 0o001)  # may pass, not look
    for above in operation.folder.parents:
        with suppress(PermissionError):
            above.chmod(above.stat().st_mode | 0o001)
    os.chown(ours, 65534, 65534)
    site = operation.world.site.folder
    child = os.fork()
    if not child:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        status = 1
        with suppress(BaseException):
            for name, data in files.items():
                (ours / name).write_bytes(data)
            shut = (
                site / "keys" / "signing.pem", operation.project.log_file, operation.project.folder / "received" / "uwv",
            )  # fmt: skip
            status = (
                0 if not any(os.access(path, os.R_OK) or os.access(path, os.W_OK) for path in shut) else 2
            )
        os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert collected(operation) == [("uwv", "taken")]
    folder = operation.project.folder / "received"
    assert folder.stat().st_mode & 0o077 == 0


def odd_things(folder: Path) -> None:
    """What no honest partner puts in a folder: of every kind, and under every name, that Linux has."""
    longest = "x" * (255 - len(".drop.json")) + ".drop.json"
    for name in (
        longest,
        "new\nline.drop.json",
        "A.DROP.JSON",
        "a.drop.json",
        " .drop.json",
        "\u202e.drop.json",
        ".drop.json",
    ):
        (folder / name).write_bytes(b"{}")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.drop.json")).write_bytes(b"{}")
    os.mkfifo(folder / "pipe.drop.json")
    with socket.socket(socket.AF_UNIX) as one, run_parent.short_name(folder / "socket.drop.json") as name:
        one.bind(name)
    with suppress(PermissionError):
        os.mknod(folder / "device.drop.json", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    (folder / "self.drop.json").symlink_to("self.drop.json")
    (folder / "huge.drop.json").touch()
    os.truncate(folder / "huge.drop.json", 2**42)
    (folder / "shut.drop.json").touch(0o000)
    (folder / "future.drop.json").write_bytes(b"{}")
    os.utime(folder / "future.drop.json", (2**33, 2**33))
    for name, at in (("future", 2**40), ("past", -(2**40))):
        (folder / name).touch()
        os.utime(folder / name, (at, at))
    deep = os.open(folder, os.O_RDONLY)
    for _ in range(500):
        os.mkdir("deep", dir_fd=deep)
        below = os.open("deep", os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = below
    os.close(deep)


def test_odd_things_in_an_inbox_are_refused_and_hold_nobody_up(operation: Operation, ours: Path) -> None:
    odd_things(ours)
    operation.deliver("svb", ROUND)
    assert ("svb", "taken") in collected(operation)
    assert {outcome for _, outcome in collected(operation)} <= {"refused"}
    assert {one.name for one in ours.iterdir()} == {"A.DROP.JSON", "future", "past", "deep"}
    texts = [str(entry.attributes) for entry in operation.project.entries()]
    assert all(text.isprintable() for text in texts)
    operation.clock.to(utc_now() + days(2))
    (ours / "new\nline").touch()
    old(ours / "new\nline", operation)
    seen = destroy_due(operation.project, operation.clock)
    assert all(due.shown.isprintable() for due in (*seen.done, *(due for due, _ in seen.failed)))
    assert [one.name for one in ours.iterdir()] == ["deep"]
    subprocess.run(["rm", "-rf", ours / "deep"], check=True)


def test_odd_things_at_a_place_are_left_or_refused_and_hold_nobody_up(operation: Operation) -> None:
    side = Path(operation.places["uwv"].url) / "in"
    odd_things(side)
    operation.deliver("svb", ROUND)
    found = collected(operation)
    assert ("svb", "taken") in found
    assert {partner for partner, outcome in found if outcome != "taken"} <= {"uwv"}
    subprocess.run(["rm", "-rf", side / "deep"], check=True)


# each thing swapped at each call of the door

#: In so many tests, each of some minutes.
SHARES = 12


def _prepare(operation: Operation, way: str) -> Path:
    """Something of every kind where `uwv` may write; that folder."""
    for partner in PARTNERS if way == "release" else ("svb", "gemeente") if way == "run" else ("svb",):
        operation.deliver(partner, ROUND)
    transfers.collect(operation.project, operation.clock())
    if way == "release":
        assert operation.run(operation.project, ROUND)["state"] == "released"
        return Path(operation.places["uwv"].url) / "out"
    operation.fetch("uwv")
    drop = operation.prepare("uwv", ROUND)
    place = Path(operation.places["uwv"].url)
    theirs = place / "in" if way == "place" else operation.project.folder / "inbox" / "uwv"
    for file in drop.parent.iterdir():
        shutil.copy(file, theirs)
    (theirs / "x.drop.json").write_bytes(b"{}")
    (theirs / "stray").write_bytes(b"stray")
    (theirs / "folder").mkdir()
    for path in (theirs / "stray", theirs / "folder"):
        old(path, operation)
    return theirs


def _acts(operation: Operation, way: str) -> None:
    now = operation.clock.now
    if way == "run":
        _run(operation)
        return
    if way == "release":
        _publish_and_expire(operation)
        return
    for act in (
        lambda: transfers.collect(operation.project, now),
        lambda: transfers.publish(operation.project, now),
        lambda: (operation.clock.to(now + days(2)), destroy_due(operation.project, operation.clock)),
        lambda: _remove_of_uwv(operation),
    ):
        with suppress(LsiError, OSError):
            act()


def _run(operation: Operation) -> None:
    """The steps of a run that touch what partners delivered: it takes in, accepts or sets aside, and destroys."""
    run = Run(operation.project, ROUND, operation.clock)
    try:
        for step in (run.gates, run.intake, run.destroy):
            with suppress(LsiError, OSError):
                step()
    finally:
        run.close()


def _publish_and_expire(operation: Operation) -> None:
    """A release goes to the places, and from them once its term is over, when it is destroyed here as well."""
    for passed in (0, 400):
        operation.clock.to(operation.clock.now + days(passed))
        for act in (
            lambda: destroy_due(operation.project, operation.clock),
            lambda: transfers.publish(operation.project, operation.clock.now),
        ):
            with suppress(LsiError, OSError):
                act()


def _remove_of_uwv(operation: Operation) -> None:
    """As the destruction of a round does in its inbox; what was taken in of others stays, to be looked at after."""
    for name in inbox.lying(operation.project, "uwv"):
        with suppress(OSError):
            inbox.destroy(operation.project, "uwv", name)


def _swept(operation: Operation, way: str, every: int, kept: Path, share: int = 0) -> int:
    """How many interleavings were tried: one of so many, beginning with that of its share."""
    theirs, project = _prepare(operation, way), operation.project.folder
    site, start = operation.world.site.folder, operation.clock.now
    whole = shutil.copytree(operation.folder, kept / "kept", symlinks=True)
    if way == "release":
        names = [f"proef.{ROUND}.{rest}" for rest in ("opening.json", "uwv.release.json", "uwv.release.age")]
    else:
        drop = next(theirs.glob("proef.*.drop.json"))
        names = [drop.name, next(theirs.glob("*.age")).name, "x.drop.json", "stray", "folder"]
    things = [*(theirs / name for name in names), theirs]
    if way in ("place", "release"):
        out = theirs.parent / "out"
        things += [theirs.parent, theirs.parent / MARKER, out, out / f"proef.{ROUND}.opening.json"]

    def put_back() -> None:
        shutil.rmtree(operation.folder)
        shutil.copytree(whole, operation.folder, symlinks=True)
        operation.clock.to(start)

    theirs_of_svb = project / "received" / "svb"
    if way in ("run", "release"):  # which destroys what it took in; of another round nothing
        theirs_of_svb = project / "quarantine" / "svb"
        for folder in (theirs_of_svb, whole / theirs_of_svb.relative_to(operation.folder)):
            (folder / "2026-06-01.x").mkdir(parents=True)
            (folder / "2026-06-01.x" / REASON).write_text(json.dumps({"at": "2028-06-01T00:00:00+00:00"}))
            (folder / "2026-06-01.x" / "proef.2026-06-01.x.drop.json").write_bytes(b"of another round")

    def untouched() -> dict[str, str]:
        return seen(site / "keys", theirs_of_svb, project / "approvals", project / "trust")

    before, log = untouched(), [entry.leaf() for entry in operation.project.entries()]
    counting = Stops()
    with stopping(counting), by_path(theirs) as found:
        _acts(operation, way)
    assert found == [], "everything below goes through the door"
    if way == "run":
        ended = [entry for entry in operation.project.entries() if entry.name == "destroy"]
        assert ended[-1].status == "Ok", "the run got as far as its last step"
        assert not list((project / "received" / "svb").glob("proef.*"))
    put_back()
    kinds: dict[str, Callable[[Path], None]] = kinds_of_swap(operation.project.log_file, site / "keys")
    kinds["link to another partner's"] = lambda path: path.symlink_to(project / "received" / "svb")
    number = tried = 0
    for thing in dict.fromkeys(things):
        for stop in counting.of(thing.name):
            for kind, how in kinds.items():
                for back in (False, True):
                    number += 1
                    if number % every != share:
                        continue
                    swap = Swap(thing, how)
                    with stopping(Stops(stop, swap.swap, swap.undo if back else None)):
                        _acts(operation, way)
                    assert untouched() == before, (stop, thing.name, kind, back)
                    said = [entry.leaf() for entry in operation.project.entries()]
                    assert said[: len(log)] == log, (stop, thing.name, kind, back)
                    tried += 1
                    put_back()
    return tried


@pytest.mark.parametrize("way", ["inbox", "place", "run", "release"])
def test_a_swap_at_a_call_of_the_door_touches_nothing_outside(
    operation: Operation, way: str, tmp_path: Path
) -> None:
    assert _swept(operation, way, 293, tmp_path) > 3


@pytest.mark.soak
@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("way", ["inbox", "place", "run", "release"])
def test_swaps_at_every_call_of_the_door_touch_nothing_outside(
    operation: Operation, way: str, share: int, tmp_path: Path
) -> None:
    print(f"\n{way}: {_swept(operation, way, SHARES, tmp_path, share)} interleavings")
