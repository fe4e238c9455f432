"""A restore is ordinary: the newest copy of the log, nothing signed before, rounds closed, gaps signed and acknowledged."""

from __future__ import annotations

import io
import resource
import shutil
import tarfile
from pathlib import Path

import pytest
from operation import MONDAY, PARTNERS, PROJECT, ROUND, Operation, days, weekly
from refusals import raises

from lsi_match.base.errors import DiskFullError
from lsi_match.base.files import write_whole
from lsi_match.log.log_file import LogNotWrittenError
from lsi_match.log.note import Checkpoint
from lsi_match.log.policy import log_keys
from lsi_match.log.remembered import SplitViewError
from lsi_match.log.store import Log
from lsi_match.log.verify import LogGapError, verify_log
from lsi_match.matcher.operate.alarms import alarms
from lsi_match.matcher.operate.backup import (
    back_up,
    unpack,
)
from lsi_match.matcher.operate.restore import (
    Outcome,
    restore,
)
from lsi_match.matcher.site.site import Project
from lsi_match.partner import transfer
from lsi_match.partner.cosign import cosign_log

pytestmark = pytest.mark.slow
NEXT = MONDAY + days(7)


def site_of(op: Operation) -> Path:
    return op.world.site.folder


def cosign(op: Operation, partner: str, *, send: bool = True, accept_gap: bool = False) -> int:
    """`partner` fetches the newest copy, co-signs it and brings that; the entries it co-signed."""
    op.fetch(partner)
    mail = op.folder / "mail" / partner
    (copy,) = mail.glob(f"{PROJECT}.*.log.sqlite")
    made = cosign_log(op.world.home(partner), copy, PROJECT, op.clock(), accept_gap=accept_gap)
    for one in made if send else ():
        file = op.folder / f"{PROJECT}.{one.checkpoint.size}.{partner}.checkpoint"
        file.write_text(one.note)
        transfer.send(op.world.home(partner), file, op.places[partner])
    return made[-1].checkpoint.size


def back(op: Operation, backup: Path, *sources: Path) -> Outcome:
    """The disk is lost, and the site is put back."""
    shutil.rmtree(site_of(op))
    unpack(backup, site_of(op))
    (outcome,) = restore(op.world.site, sources, op.clock())
    return outcome


def on(op: Operation) -> set[str]:
    return {one.name for one in alarms(op.project, op.clock())}


def sound(project: Project) -> bool:
    return verify_log(project.log_file, log_keys(project.manifest())).ok


@pytest.fixture
def backup(operation: Operation, tmp_path: Path) -> Path:
    """A backup of Monday, after which a round was released, a second opened, a drop came in, and everybody co-signed."""
    file = tmp_path / "monday.tar"
    back_up(operation.world.site, file, operation.clock())
    for partner in PARTNERS:
        operation.deliver(partner, ROUND)
    operation.reconcile()
    operation.clock.to(NEXT)
    operation.reconcile()
    for partner in PARTNERS:
        cosign(operation, partner)
    operation.deliver("uwv", "2026-06-15")
    operation.clock.to(NEXT + days(0.1))
    operation.reconcile()
    return file


def test_nothing_is_lost_and_controllers_notice_nothing(operation: Operation, backup: Path) -> None:
    before = [entry.leaf() for entry in operation.project.entries()]
    assert operation.state("2026-06-15") == "open"
    outcome = back(operation, backup)
    assert (outcome.entries, outcome.lost, outcome.forks) == (len(before), None, ())
    assert outcome.before < outcome.entries
    assert outcome.closed == ("2026-06-15",)
    after = operation.project.entries()
    assert [entry.leaf() for entry in after[: len(before)]] == before, "no entry is lost"
    assert [entry.name for entry in after[len(before) :]] == ["restore", "destroy"]
    assert operation.state("2026-06-15") == "abandoned"
    assert sound(operation.project)
    assert not {"behind", "fork", "gap"} & on(operation)
    # The audit records of what the backup had are there.
    with Log.open(operation.project.log_file) as log:
        assert len(list(log.details_positions())) >= outcome.before
    # What lay ready for partners lies there still, and can be opened.
    operation.reconcile()
    assert operation.cases("uwv", ROUND) == 4
    # Co-signing goes on, and so do rounds.
    operation.clock.to(NEXT + days(7))
    operation.reconcile()
    for partner in PARTNERS:
        assert cosign(operation, partner) > len(before)
        operation.deliver(partner, "2026-06-22")
    operation.reconcile()
    assert operation.state("2026-06-22") == "destroyed"
    assert sound(operation.project)


def test_a_restore_that_is_given_again_adds_nothing_but_its_entry(operation: Operation, backup: Path) -> None:
    back(operation, backup)
    size = len(operation.project.entries())
    (again,) = restore(operation.world.site, (), operation.clock())
    assert (again.before, again.entries, again.closed) == (size, size, ())
    assert sound(operation.project)


def test_what_an_old_backup_brings_back_past_its_term_goes_at_the_next_look(tmp_path: Path) -> None:
    terms = {"retention": {"log_details_days": 10, "hold_days": 5}, "release": {"keep_days": 5}}
    operation, file = weekly(tmp_path / "op", terms), tmp_path / "old.tar"
    operation.reconcile()
    back_up(operation.world.site, file, operation.clock())

    def of_before() -> list[int]:
        with Log.open(operation.project.log_file) as log:
            return [one for one in log.details_positions() if one < size]

    with Log.open(operation.project.log_file) as log:
        size = log.size
    assert of_before()
    operation.clock.to(MONDAY + days(12))
    operation.reconcile()
    assert of_before() == []
    back(operation, file)
    assert of_before()
    assert not operation.reconcile().failed
    assert of_before() == []


def test_until_it_is_restored_nothing_is_signed(operation: Operation, backup: Path) -> None:
    shutil.rmtree(site_of(operation))
    unpack(backup, site_of(operation))
    size = len(operation.project.entries())
    with raises("LogBehindError"):
        operation.reconcile()
    with raises("LogBehindError"):
        operation.world.open_round("hand", "2026-06-08")
    assert on(operation) >= {"behind"}
    assert len(operation.project.entries()) == size


def test_an_old_log_that_was_put_back_by_hand_is_noticed_before_anything_is_signed(
    operation: Operation, tmp_path: Path
) -> None:
    """What the documentation of before said to do: put back the copy of the log."""
    old = operation.project.log_file.read_bytes()
    operation.clock.to(NEXT)
    operation.reconcile()
    size = len(operation.project.entries())
    operation.project.log_file.write_bytes(old)
    with raises("LogBehindError"):
        operation.reconcile()
    assert "behind" in on(operation)
    assert len(operation.project.entries()) < size
    (outcome,) = restore(operation.world.site, (), operation.clock())
    assert outcome.entries == size
    assert not operation.reconcile().failed
    assert "behind" not in on(operation)


def test_what_was_really_lost_is_a_gap_that_each_controller_acknowledges(
    operation: Operation, backup: Path
) -> None:
    for place in operation.places.values():  # every copy is lost with the site
        for file in (Path(place.url) / "out").glob("*"):
            if "log" in file.name:
                file.unlink()
    seen = {partner: operation.world.home(partner).log(PROJECT).checkpoint for partner in PARTNERS}
    sizes = {one.size for one in seen.values() if one is not None}
    outcome = back(operation, backup, *(operation.world.home(name).project(PROJECT) for name in PARTNERS))
    assert outcome.lost is not None
    assert outcome.lost >= max(sizes)
    assert outcome.entries == outcome.before
    assert "gap" in on(operation)
    operation.clock.to(NEXT + days(1))
    operation.reconcile()
    for partner in PARTNERS:
        with pytest.raises(LogGapError) as told:
            cosign(operation, partner)
        assert "--accept-gap" in told.value.text("nl")
    for number, partner in enumerate(PARTNERS):
        assert "gap" in on(operation), number
        cosign(operation, partner, accept_gap=True)
        operation.reconcile()
    assert "gap" not in on(operation)
    operation.clock.to(NEXT + days(2))
    operation.reconcile()
    for partner in PARTNERS:
        cosign(operation, partner)
    assert sound(operation.project)
    # Given again, it knows what it said.
    (again,) = restore(operation.world.site, [operation.world.folder / "svb"], operation.clock())
    assert (again.lost, again.forks) == (None, ())


def test_a_gap_is_no_way_to_rewrite_what_lies_before_it(operation: Operation, backup: Path) -> None:
    """The site says that entries were lost, and changed one before that: no acknowledgement helps."""
    from lsi_match.log.events import Restored

    seen = operation.world.home("uwv").log(PROJECT).checkpoint
    assert seen is not None
    manifest, domain = operation.project.manifest(), operation.project.manifest().matcher.domain
    entries = operation.project.entries()[:5]
    operation.project.log_file.unlink()
    with operation.project.make_log(manifest) as log:
        changed = entries[4].model_copy(update={"span_id": "0" * 16, "details_hash": None})
        whole = [one.model_copy(update={"details_hash": None}) for one in entries[:4]]
        log.log.append_and_sign(
            [(one, None) for one in [*whole, changed]], operation.world.site.identity().log_key, domain
        )
        event = Restored(backup=5, closed=(), lost=seen.size, seen=f"sha256:{'0' * 64}")
        log.record(event, operation.clock(), manifest=manifest.digest)
        log.log.copy_without_details(operation.folder / "forged.log.sqlite")
    for accept in (False, True):
        with pytest.raises((LogGapError, SplitViewError)):
            cosign_log(
                operation.world.home("uwv"), operation.folder / "forged.log.sqlite", PROJECT,
                operation.clock(), accept_gap=accept,
            )  # fmt: skip


def test_a_history_that_was_signed_in_between_is_told_and_the_cosigned_one_goes_on(
    operation: Operation, backup: Path, tmp_path: Path
) -> None:
    """Somebody put an old log back while every place was away, and the site signed other entries."""
    kept = tmp_path / "newest.log.sqlite"
    with Log.open(operation.project.log_file) as log:
        log.copy_without_details(kept)
    true = len(operation.project.entries())
    shutil.rmtree(site_of(operation))
    unpack(backup, site_of(operation))
    operation.project.behind_file.unlink()
    for _ in range(3):
        operation.project.ingest({}, operation.clock())
    other = len(operation.project.entries())
    assert other < true
    (outcome,) = restore(operation.world.site, [tmp_path], operation.clock())
    assert outcome.entries == true, "that which controllers co-signed"
    assert outcome.forks
    assert "fork" in on(operation)


def test_a_fork_that_a_controller_reports_is_an_alarm_until_it_is_explained(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lsi_match.cli import main

    # The site signs a checkpoint of another history, and shows it to uwv.
    with Log.open(operation.project.log_file) as log:
        size, origin = log.size, log.origin
    from lsi_match.log.note import sign_checkpoint

    key, domain = operation.world.site.identity().log_key, operation.project.manifest().matcher.domain
    other = sign_checkpoint(Checkpoint(origin, size - 1, b"\1" * 32), key, domain)
    file = operation.folder / f"{PROJECT}.{size - 1}.uwv.checkpoint"
    write_whole(file, other.encode())
    assert transfer.send(operation.world.home("uwv"), file, operation.places["uwv"]) == 1
    assert operation.reconcile().failed
    told = [one.en for one in alarms(operation.project, operation.clock()) if one.name == "fork"]
    assert len(told) == 1
    assert told[0].startswith("uwv has a checkpoint")
    operation.clock.to(MONDAY + days(40))
    operation.reconcile()
    assert "fork" in on(operation), "it stays"
    text = operation.folder / "uitleg.txt"
    text.write_text("De schijf brak, en wij zetten de verkeerde kopie terug.")
    monkeypatch.setattr("lsi_match.cli.site.utc_now", operation.clock)
    assert main.run(["site", "explain", str(site_of(operation)), PROJECT, str(text)]) == 0
    assert "fork" not in on(operation)
    assert main.run(["site", "explain", str(site_of(operation)), PROJECT, str(text)]) == 2
    assert sound(operation.project)


def test_a_checkpoint_that_nobody_of_ours_signed_is_no_fork(operation: Operation) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from lsi_match.log.note import sign_checkpoint

    key, domain = Ed25519PrivateKey.generate(), operation.project.manifest().matcher.domain
    with Log.open(operation.project.log_file) as log:
        origin = log.origin
    for number, size in enumerate((3, 5000)):
        other = sign_checkpoint(Checkpoint(origin, size, b"\1" * 32), key, domain)
        file = operation.folder / f"{PROJECT}.{number}.uwv.checkpoint"
        write_whole(file, other.encode())
        transfer.send(operation.world.home("uwv"), file, operation.places["uwv"])
    operation.reconcile()
    assert not {"fork", "behind"} & on(operation)


def test_a_larger_checkpoint_of_ours_stops_the_site_whoever_brings_it(operation: Operation) -> None:
    from lsi_match.log.note import sign_checkpoint

    key, domain = operation.world.site.identity().log_key, operation.project.manifest().matcher.domain
    with Log.open(operation.project.log_file) as log:
        origin = log.origin
    other = sign_checkpoint(Checkpoint(origin, 500, b"\1" * 32), key, domain)
    file = operation.folder / f"{PROJECT}.500.uwv.checkpoint"
    write_whole(file, other.encode())
    transfer.send(operation.world.home("uwv"), file, operation.places["uwv"])
    assert operation.reconcile().failed
    with raises("LogBehindError"):
        operation.reconcile()
    assert "behind" in on(operation)


def test_a_place_that_is_away_stops_it_unless_somebody_says_so(operation: Operation, backup: Path) -> None:
    shutil.rmtree(site_of(operation))
    unpack(backup, site_of(operation))
    shutil.rmtree(operation.places["svb"].url)
    with raises("RestorePlaceError"):
        restore(operation.world.site, (), operation.clock())
    assert operation.project.behind_file.exists()
    (outcome,) = restore(operation.world.site, (), operation.clock(), without_places=True)
    assert outcome.lost is None


def test_copies_that_do_not_hold_are_passed_over(operation: Operation, backup: Path) -> None:
    size = len(operation.project.entries())
    for place in ("uwv", "svb"):
        for file in (Path(operation.places[place].url) / "out").glob("*log*"):
            file.write_bytes(b"nothing" * 1000)
    assert back(operation, backup).entries == size


def test_a_disk_on_which_only_an_older_log_fits_is_no_reason_to_call_the_rest_lost(
    operation: Operation, backup: Path
) -> None:
    before = [entry.leaf() for entry in operation.project.entries()]
    newest = operation.project.log_file.stat().st_size
    shutil.rmtree(site_of(operation))
    unpack(backup, site_of(operation))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (newest - 1, hard))
    try:
        with pytest.raises((DiskFullError, LogNotWrittenError)):
            restore(operation.world.site, (), operation.clock())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert operation.project.behind_file.exists(), "nothing is signed"
    (outcome,) = restore(operation.world.site, (), operation.clock())
    assert (outcome.entries, outcome.lost) == (len(before), None)
    assert [entry.leaf() for entry in operation.project.entries()][: len(before)] == before


def test_without_any_log_nothing_is_put_back(operation: Operation, backup: Path) -> None:
    shutil.rmtree(site_of(operation))
    unpack(backup, site_of(operation))
    operation.project.log_file.write_bytes(b"")
    for place in operation.places.values():
        shutil.rmtree(Path(place.url) / "out")
        (Path(place.url) / "out").mkdir()
    with raises("RestoreNoLogError"):
        restore(operation.world.site, (), operation.clock())


def test_when_only_forged_branches_are_found_nothing_is_put_back(operation: Operation, backup: Path) -> None:
    """Controllers co-signed what is nowhere any more, and the only log is another that has more entries."""
    notes = operation.folder / "sent"
    for partner in PARTNERS:
        seen = operation.world.home(partner).project(PROJECT)
        shutil.copytree(seen, notes / partner)
    for file in operation.folder.glob(f"{PROJECT}.*.checkpoint"):
        shutil.copy(file, notes)
    for place in operation.places.values():
        shutil.rmtree(Path(place.url) / "out")
        (Path(place.url) / "out").mkdir()
    shutil.rmtree(site_of(operation))
    unpack(backup, site_of(operation))
    operation.project.behind_file.unlink()
    for _ in range(60):
        operation.project.ingest({}, operation.clock())
    with raises("RestoreForkedError"):
        restore(operation.world.site, [notes], operation.clock())


def test_a_backup_is_taken_only_as_it_was_made(operation: Operation, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar"
    made = back_up(operation.world.site, file, operation.clock())
    assert file.stat().st_mode & 0o077 == 0
    assert not [
        name for name in made.files if "round.key" in name or "/inbox/" in name or "/subjects/" in name
    ]
    with raises("SiteNotEmptyError"):
        unpack(file, site_of(operation))
    with tarfile.open(file) as tar:
        members = {one.name: tar.extractfile(one) for one in tar.getmembers()}
        whole = {name: source.read() for name, source in members.items() if source is not None}

    def changed(files: dict[str, bytes]) -> Path:
        to = tmp_path / "changed.tar"
        with tarfile.open(to, "w") as tar:
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
        return to

    name = f"projects/{PROJECT}/delivery.yaml"
    for files in (
        whole | {name: whole[name] + b"\n"},
        whole | {"projects/other/log.sqlite": b""},
        whole | {"../outside": b"x"},
        {one: data for one, data in whole.items() if one != name},
        {one: data for one, data in whole.items() if one != "backup.json"},
    ):
        with raises("BackupUnreadableError"):
            unpack(changed(files), tmp_path / "to")
        assert not (tmp_path / "to").exists()
    with raises("BackupUnreadableError"):
        unpack(operation.project.log_file, tmp_path / "to")
    unpack(file, tmp_path / "to")
    assert (tmp_path / "to" / name).read_bytes() == whole[name]
