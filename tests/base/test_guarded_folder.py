"""Whatever somebody puts in a folder where it may write, and whenever: nothing outside is read, changed or removed."""

from __future__ import annotations

import errno
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from swapping import Stops, Swap, kinds_of_swap, seen, stopping

from lsi_match.base import files, guarded_folder
from lsi_match.base.files import NotAPlainFileError
from lsi_match.base.guarded_folder import GuardedFolder


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    folder = tmp_path / "theirs"
    folder.mkdir()
    return folder


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    folder = tmp_path / "ours"
    folder.mkdir()
    return folder


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "keys").write_text("secret")
    return folder


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc/passwd", "a\0b"])
def test_only_a_name_is_taken(theirs: Path, name: str) -> None:
    with GuardedFolder.own(theirs) as folder:
        for act in (
            folder.look,
            folder.open,
            folder.remove,
            folder.below,
            lambda one: folder.destroy(one, folder),
        ):
            with pytest.raises(ValueError, match="not the name"):
                act(name)
        with pytest.raises(ValueError, match="not the name"):
            folder.write(name, io.BytesIO(b""))


def test_no_component_of_a_path_may_be_a_link(theirs: Path, outside: Path, tmp_path: Path) -> None:
    (theirs / "deep" / "er").mkdir(parents=True)
    with GuardedFolder.at(str(theirs / "deep" / "er")) as folder:
        assert folder.names() == []
    (tmp_path / "link").symlink_to(theirs)
    for path in (tmp_path / "link", tmp_path / "link" / "deep"):
        with pytest.raises(OSError, match="Not a directory"):
            GuardedFolder.at(str(path))
    (theirs / "out").symlink_to(outside)
    with GuardedFolder.own(theirs) as folder, pytest.raises(OSError, match="Not a directory"):
        folder.below("out")
    with GuardedFolder.own(theirs) as folder, pytest.raises(OSError, match="Not a directory"):
        folder.below("out", make=True)


def test_no_more_names_are_read_than_asked_for(theirs: Path) -> None:
    for number in range(20):
        (theirs / f"{number}").touch()
    with GuardedFolder.own(theirs) as folder:
        assert len(folder.names(7)) == 7
        assert len(folder.names()) == 20


@pytest.mark.parametrize("kind", ["link to a file", "link to a folder", "link to nothing", "pipe", "folder"])
def test_what_is_no_plain_file_is_not_read(theirs: Path, outside: Path, kind: str) -> None:
    kinds_of_swap(outside / "keys", outside)[kind](theirs / "a")
    with GuardedFolder.own(theirs) as folder, pytest.raises((NotAPlainFileError, OSError)):
        folder.open("a")


@pytest.mark.parametrize("without", [False, True])
def test_nothing_is_moved_over_something(
    theirs: Path, ours: Path, without: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With renameat2, and on a file system that has none."""
    if without:
        monkeypatch.setattr(guarded_folder.ctypes, "CDLL", lambda *a, **k: object())
    (theirs / "a").write_text("new")
    (ours / "a").write_text("first")
    with GuardedFolder.own(theirs) as folder, GuardedFolder.own(ours) as to:
        with pytest.raises(FileExistsError):
            folder.take("a", to)
        assert folder.take("a", to, "b")
        with pytest.raises(FileNotFoundError):
            folder.take("a", to, "c")
    assert (ours / "a").read_text() == "first"
    assert (ours / "b").read_text() == "new"


@pytest.mark.parametrize(
    "kind",
    ["link to a file", "link to a folder", "link to nothing", "pipe", "folder", "second name of a file"],
)
def test_what_is_taken_and_no_plain_file_stays_nowhere_of_ours(
    theirs: Path, outside: Path, ours: Path, kind: str
) -> None:
    kinds_of_swap(outside / "keys", outside)[kind](theirs / "a")
    before = seen(outside)
    with GuardedFolder.own(theirs) as folder, GuardedFolder.own(ours) as to:
        assert not folder.take("a", to)
    assert list(ours.iterdir()) == []
    assert [file.name for file in theirs.iterdir()] == (["a"] if kind == "folder" else [])
    assert seen(outside) == before


@pytest.mark.parametrize(
    "kind", ["link to a file", "link to a folder", "link to nothing", "pipe", "second name of a file"]
)
def test_of_what_leads_elsewhere_only_the_name_goes(
    theirs: Path, ours: Path, outside: Path, kind: str
) -> None:
    kinds_of_swap(outside / "keys", outside)[kind](theirs / "a")
    before = seen(outside)
    with GuardedFolder.own(theirs) as folder, GuardedFolder.own(ours) as to:
        folder.destroy("a", to)
        folder.destroy("a", to)
    assert list(ours.iterdir()) == []
    assert list(theirs.iterdir()) == []
    assert seen(outside) == before


def test_a_folder_that_others_made_is_not_entered(theirs: Path, ours: Path) -> None:
    (theirs / "a").mkdir()
    (theirs / "a" / "b").touch()
    with GuardedFolder.own(theirs) as folder, GuardedFolder.own(ours) as to:
        with pytest.raises(OSError, match=os.strerror(errno.ENOTEMPTY)):
            folder.destroy("a", to)
        assert (theirs / "a" / "b").exists()
        (theirs / "a" / "b").unlink()
        folder.destroy("a", to)
    assert list(theirs.iterdir()) == []


def test_a_plain_file_is_overwritten_before_it_goes(theirs: Path, ours: Path) -> None:
    (theirs / "a").write_bytes(b"x" * 3_000_000)
    kept = os.open(theirs / "a", os.O_RDONLY)
    with GuardedFolder.own(theirs) as folder, GuardedFolder.own(ours) as to:
        folder.destroy("a", to)
    assert os.pread(kept, 4_000_000, 0) == bytes(3_000_000)
    os.close(kept)
    assert list(theirs.iterdir()) == []


def test_a_file_that_says_it_is_huge_takes_no_memory_and_no_time(theirs: Path, ours: Path) -> None:
    for guarded in (True, False):
        (theirs / "a").write_bytes(b"x")
        os.truncate(theirs / "a", 2**42)
        with GuardedFolder.own(theirs) as folder, GuardedFolder.own(ours) as to:
            folder.destroy("a", to) if guarded else files.destroy(theirs / "a")
        assert list(theirs.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user")
@pytest.mark.parametrize("mode", [0o000, 0o444])
@pytest.mark.parametrize("guarded", [False, True])
def test_a_file_that_somebody_else_lets_nobody_write_in_goes_all_the_same(
    theirs: Path, ours: Path, guarded: bool, mode: int
) -> None:
    """And one of our own that is shut is told: it would not be overwritten."""
    for folder in (*ours.parents, theirs, ours):
        if folder.is_relative_to(theirs.parent):
            os.chown(folder, 65534, 65534)
    for name in ("a", "b"):
        (theirs / name).write_text("x")
        (theirs / name).chmod(mode)
    os.chown(theirs / "b", 65534, 65534)
    with GuardedFolder.own(theirs) as folder, GuardedFolder.own(ours) as to:
        os.seteuid(65534)
        try:
            folder.destroy("a", to) if guarded else files.destroy(Path(f"/proc/self/fd/{folder._at}/a"))
            with pytest.raises(PermissionError):
                folder.destroy("b", to) if guarded else files.destroy(Path(f"/proc/self/fd/{folder._at}/b"))
        finally:
            os.seteuid(0)
    assert not (theirs / "a").exists()


def test_what_is_written_is_whole_and_goes_through_no_link(theirs: Path, outside: Path) -> None:
    (theirs / "a").symlink_to(outside / "keys")
    before = seen(outside)
    with GuardedFolder.own(theirs) as folder:
        folder.write("a", io.BytesIO(b"new"))
    assert seen(outside) == before
    assert (theirs / "a").read_text() == "new"
    assert [file.name for file in theirs.iterdir()] == ["a"]


# each act, with each thing swapped before each system call


def _everything(root: Path) -> None:
    """What is done with such folders, one after the other; what fails, fails alone."""
    with GuardedFolder.own(root) as home, GuardedFolder.own(root / "ours") as ours:
        for name in ("in", "late"):
            try:
                with home.below(name) as folder:
                    for act in (_take, _read, _write, _destroy):
                        try:
                            act(folder, ours)
                        except (OSError, NotAPlainFileError):
                            continue
            except OSError:
                continue
    try:
        with GuardedFolder.at(str(root / "in" / "out")) as out:
            out.write("b", io.BytesIO(b"of the site"))
    except OSError:
        pass


def _take(folder: GuardedFolder, ours: GuardedFolder) -> None:
    if folder.take("drop", ours):
        with ours.open("drop") as source:
            assert b"secret" not in source.read()
        ours.remove("drop")


def _read(folder: GuardedFolder, ours: GuardedFolder) -> None:
    for name in folder.names():
        found = folder.look(name)
        if name == "paper" and found is not None:
            with folder.open(name) as source:
                source.read()


def _write(folder: GuardedFolder, ours: GuardedFolder) -> None:
    folder.write("answer", io.BytesIO(b"of the site"))
    folder.remove("answer")


def _destroy(folder: GuardedFolder, ours: GuardedFolder) -> None:
    for name in folder.names():
        if name != "out" and not name.endswith(".aside"):
            folder.destroy(name, ours)


def _fresh(root: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)
    for name in ("in/out", "late", "ours", "safe/in", "safe/out"):
        (root / name).mkdir(parents=True)
    for name in ("in/drop", "in/paper", "late/stray"):
        (root / name).write_text("theirs")
    for name in ("safe/keys", "safe/in/drop", "safe/in/paper", "safe/out/b", "safe/answer", "safe/stray"):
        (root / name).write_text("secret")


def interleavings(
    root: Path, every: int = 1, *, all_calls: bool = False
) -> Iterator[tuple[int, str, str, bool]]:
    """Each call that can tell (or each call), each thing that is swapped there, each thing it is swapped by, for good or for
    one call."""
    _fresh(root)
    counting = Stops()
    with stopping(counting):
        _everything(root)
    number = 0
    for what in ("in", "in/drop", "in/paper", "in/out", "in/answer", "late/stray", "late"):
        for stop in range(len(counting.calls)) if all_calls else counting.of(Path(what).name):
            for by in kinds_of_swap(root / "safe" / "keys", root / "safe"):
                for back in (False, True):
                    number += 1
                    if number % every == 0:
                        yield stop, what, by, back


def one(root: Path, stop: int, what: str, by: str, back: bool) -> None:
    _fresh(root)
    before = seen(root / "safe")
    swap = Swap(root / what, kinds_of_swap(root / "safe" / "keys", root / "safe")[by])
    with stopping(Stops(stop, swap.swap, swap.undo if back else None)):
        _everything(root)
    assert seen(root / "safe") == before, (stop, what, by, back)
    assert list((root / "ours").iterdir()) in ([], [root / "ours" / "drop"]), (stop, what, by, back)


def _all(every: int, *, all_calls: bool = False) -> int:
    """How many interleavings were tried; in memory, where a disk need not be waited for."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        chosen = list(interleavings(Path(folder) / "root", every, all_calls=all_calls))
        for which in chosen:
            one(Path(folder) / "root", *which)
    return len(chosen)


def test_a_swap_at_any_call_touches_nothing_outside() -> None:
    assert _all(1) > 700


@pytest.mark.soak
def test_every_swap_at_every_call_touches_nothing_outside() -> None:
    tried = _all(1, all_calls=True)
    print(f"\n{tried} interleavings")
    assert tried > 8_000


def _destroys_by_path(folder: GuardedFolder, name: str, through: GuardedFolder) -> None:
    path = Path(f"/proc/self/fd/{folder._at}/{name}")
    if path.is_file():
        path.write_bytes(b"")
        path.unlink()


def _destroys_where_it_lies(folder: GuardedFolder, name: str, through: GuardedFolder) -> None:
    """By its descriptor, but in the folder of others: they take the other name away, and it seems to be the only one."""
    files.overwrite(name, folder._at)
    folder.remove(name)


@pytest.mark.parametrize(
    ("what", "of", "careless"),
    [
        (GuardedFolder, "destroy", _destroys_by_path),
        (GuardedFolder, "destroy", _destroys_where_it_lies),
        (guarded_folder, "_FOLDER", os.O_DIRECTORY),
    ],
)
def test_the_harness_finds_a_door_that_is_careless(
    monkeypatch: pytest.MonkeyPatch, what: object, of: str, careless: object
) -> None:
    monkeypatch.setattr(what, of, careless)
    with pytest.raises(AssertionError):
        _all(1)
