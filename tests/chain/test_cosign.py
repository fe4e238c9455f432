"""A controller co-signs one history only, and two that were shown different logs find that out."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from refusals import raises

from lsi_match.base.clock import utc_now
from lsi_match.cli.main import run
from lsi_match.demo.world import World
from lsi_match.log.events import RetentionApplied
from lsi_match.log.log_proof import prove
from lsi_match.log.note import Checkpoint, SignedNote, cosign, sign
from lsi_match.log.policy import origin_of, policy_of
from lsi_match.log.remembered import SplitViewError
from lsi_match.log.store import Log
from lsi_match.log.verify import LogRolledBackError, verify_log
from lsi_match.log.writer import LogWriter
from lsi_match.matcher.site.checkpoint import cosigned
from lsi_match.matcher.site.take_cosignatures import (
    add_cosignatures,
)
from lsi_match.partner.cosign import cosign_log


def grow(world: World, log: Path, days: int) -> None:
    """What the matching environment does: one more entry, signed."""
    manifest = world.project.manifest()
    with LogWriter.existing(
        log, world.project_id, world.project.site.identity, world.project.log_keys
    ) as writer:
        writer.record(RetentionApplied(temporary=days), utc_now(), manifest=manifest.digest)


def test_cosignatures_of_all_controllers_make_the_quorum(world: World) -> None:
    manifest, now = world.project.manifest(), utc_now()
    policy = policy_of(manifest, quorum=None)
    for name in world.partners:
        with raises("QuorumMissingError"), Log.open(world.project.log_file, read_only=True) as log:
            prove(log, 0).check(policy, origin_of(manifest))
        (made,) = cosign_log(world.home(name), world.project.log_file, world.project_id, now)
        assert add_cosignatures(world.project, made.note.encode(), now) == [name]
        assert add_cosignatures(world.project, made.note.encode(), now) == [name]
    with Log.open(world.project.log_file, read_only=True) as log:
        assert prove(log, 0).check(policy, origin_of(manifest))
        assert set(policy.cosigned_sizes(log.checkpoints())) == set(world.partners)
    assert verify_log(world.project.log_file, policy.logs).ok


def test_a_controller_refuses_an_older_copy_and_another_history(world: World, tmp_path: Path) -> None:
    now, project, uwv = utc_now(), world.project_id, world.home("uwv")
    older = shutil.copy(world.project.log_file, tmp_path / "older.sqlite")
    other = shutil.copy(world.project.log_file, tmp_path / "other.sqlite")
    grow(world, world.project.log_file, 1)
    grow(world, Path(other), 2)
    cosign_log(uwv, world.project.log_file, project, now)
    with pytest.raises(LogRolledBackError):
        cosign_log(uwv, Path(older), project, now)
    with pytest.raises(SplitViewError):
        cosign_log(uwv, Path(other), project, now)
    grow(world, Path(other), 3)
    with pytest.raises(SplitViewError):
        cosign_log(uwv, Path(other), project, now)
    grow(world, world.project.log_file, 4)
    cosign_log(uwv, world.project.log_file, project, now)


def test_two_logs_shown_to_two_controllers_are_found_by_either(world: World, tmp_path: Path) -> None:
    now, project = utc_now(), world.project_id
    other = Path(shutil.copy(world.project.log_file, tmp_path / "other.sqlite"))
    grow(world, world.project.log_file, 1)
    grow(world, other, 2)
    (to_uwv,) = cosign_log(world.home("uwv"), world.project.log_file, project, now)
    (to_svb,) = cosign_log(world.home("svb"), other, project, now)
    keys = policy_of(world.project.manifest()).logs
    for log, seen in ((other, to_uwv), (world.project.log_file, to_svb)):
        assert [p.reason for p in verify_log(log, keys, Checkpoint.of_note(seen.note)).problems] == [
            "LogForkedError"
        ]
    with raises("CosignatureElsewhereError"):
        add_cosignatures(world.project, to_svb.note.encode(), now)
    note, manifest = tmp_path / "svb.checkpoint", world.project.folder / "manifest.json"
    note.write_text(to_svb.note)
    log = str(world.project.log_file)
    assert run(["log", "verify", log, "--manifest", str(manifest)]) == 0
    assert run(["log", "verify", log, "--manifest", str(manifest), "--from", str(note)]) == 1


def test_a_checkpoint_of_another_that_the_matcher_did_not_sign_says_nothing(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Anybody can write one down: a sound log would look forked, or a forked one would be vouched for."""
    now, project = utc_now(), world.project_id
    grow(world, world.project.log_file, 1)
    (made,) = cosign_log(world.home("uwv"), world.project.log_file, project, now)
    signed, other = SignedNote.parse(made.note), tmp_path / "other.checkpoint"
    by_matcher, by_uwv = signed.signatures
    own = sign(signed.text, world.home("uwv").identity().log_key, by_matcher.name)
    arguments = ["log", "verify", str(world.project.log_file), "--manifest"]
    arguments += [str(world.project.folder / "manifest.json"), "--from", str(other)]
    other.write_text(str(signed))
    assert run(arguments) == 0
    forged = replace(by_matcher, value=own.value)
    elsewhere = signed.text.replace(signed.text.splitlines()[2], "A" * 43 + "=")
    for note in (
        SignedNote(signed.text, (by_uwv,)),
        SignedNote(signed.text, (own,)),
        SignedNote(signed.text, (forged,)),
        SignedNote(elsewhere, signed.signatures),
    ):
        other.write_text(str(note))
        capsys.readouterr()
        assert run([*arguments, "--json"]) == 1
        assert json.loads(capsys.readouterr().out)["error"] == "OtherCheckpointUnsignedError"
    other.write_text("iets\n")
    assert run(arguments) == 1


def own_note(world: World, name: str, text: str, times: list[int]) -> bytes:
    """What a controller can sign that has no software of ours: anything, at any time, any number of times."""
    key = world.home(name).identity().log_key
    lines = [cosign(f"{text}\n— x AAAAAAAA\n", key, name, at) for at in times]
    return (text + "\n" + "\n".join(lines) + "\n").encode()


def test_a_controller_cannot_make_the_log_unreadable_with_many_cosignatures(world: World) -> None:
    now = utc_now()
    with Log.open(world.project.log_file, read_only=True) as log:
        text = SignedNote.parse(str(log.checkpoint())).text
    start = int(now.timestamp()) - 200
    for first in (start, start + 60, start + 120):
        times = list(range(first, first + 60))
        assert add_cosignatures(world.project, own_note(world, "uwv", text, times), now) == ["uwv"]
    add_cosignatures(
        world.project, own_note(world, "uwv", text, [start]), now
    )  # an older one takes nothing back
    grow(world, world.project.log_file, 1)
    policy = policy_of(world.project.manifest())
    with Log.open(world.project.log_file, read_only=True) as log:
        seen = [policy.cosigners(SignedNote.parse(note)) for note in log.checkpoints()]
    assert seen[-2:] == [{"uwv": start + 179}, {}]


@pytest.mark.parametrize("size", [2**63, 10**19 - 1])
def test_a_checkpoint_of_a_size_that_no_log_has_is_refused(world: World, size: int) -> None:
    text = Checkpoint(origin_of(world.project.manifest()), size, bytes(32)).text()
    with raises("CheckpointMissingError"):
        add_cosignatures(world.project, own_note(world, "uwv", text, [1]), utc_now())


def test_a_cosignature_from_the_future_is_refused(world: World) -> None:
    now = utc_now()
    with Log.open(world.project.log_file, read_only=True) as log:
        text = SignedNote.parse(str(log.checkpoint())).text
    for ahead in (600, 2**62):
        times = [int(now.timestamp()), int(now.timestamp()) + ahead]
        with raises("CosignatureTimeError"):
            add_cosignatures(world.project, own_note(world, "uwv", text, times), now)
    assert cosigned(world.project, now)["uwv"].at is None


def test_what_nobody_who_counts_signed_is_not_taken_in(world: World) -> None:
    (made,) = cosign_log(world.home("uwv"), world.project.log_file, world.project_id, utc_now())
    signed = SignedNote.parse(made.note)
    bare = SignedNote(signed.text, signed.signatures[:1])
    with raises("NoCosignatureError"):
        add_cosignatures(world.project, str(bare).encode(), utc_now())
    grow(world, world.project.log_file, 1)
    later = Checkpoint.of_note(made.note)
    with Log.open(world.project.log_file) as log:
        assert log.checkpoint(later.size) is not None
    ahead = Path(shutil.copy(world.project.log_file, world.project.log_file.with_name("ahead.sqlite")))
    grow(world, ahead, 2)
    (further,) = cosign_log(world.home("uwv"), ahead, world.project_id, utc_now())
    with raises("CheckpointMissingError"):
        add_cosignatures(world.project, further.note.encode(), utc_now())
