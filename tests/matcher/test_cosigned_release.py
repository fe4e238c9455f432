"""A release that the manifest ties to cosignatures is handed out when they are there, and not one sooner."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import handmade
import pytest
from operation import PROJECT, Operation, days, folders
from pydantic import ValidationError

from lsi_match.log.events import RetentionApplied
from lsi_match.log.log_proof import prove
from lsi_match.log.policy import policy_of
from lsi_match.log.remembered import ProofRefusedError
from lsi_match.log.steps import Step
from lsi_match.log.verify import verify_log
from lsi_match.manifest import Manifest
from lsi_match.matcher.operate.alarms import HANDED_OUT_WITHIN, alarms
from lsi_match.matcher.operate.health import advice
from lsi_match.matcher.operate.metrics import metrics
from lsi_match.matcher.operate.reconcile import publish_cosigned_releases
from lsi_match.matcher.operate.retention import destroy_due
from lsi_match.matcher.round.run import Run
from lsi_match.matcher.site.proofs import put_proofs, release_position
from lsi_match.matcher.site.take_cosignatures import add_cosignatures
from lsi_match.matcher.subjects.access_answers import answer
from lsi_match.partner import transfer
from lsi_match.partner.access.request import make_request, open_answer
from lsi_match.partner.cosign import cosign_log
from lsi_match.partner.release.open import open_release
from lsi_match.protocol.access_documents import RoundAnswer

PARTNERS = ("gemeente", "svb", "uwv")
RELEASE = f"{PROJECT}.r1.{{}}.release.json"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    folder = tmp_path_factory.mktemp("cosigned")
    made = Operation(folder, PARTNERS, folders(folder, PARTNERS), release={"cosignatures": 2})
    made.run_here("r1")
    return made


@pytest.fixture
def op(base: Operation, tmp_path: Path) -> Operation:
    """A project of which a round is over but for the handing out."""
    return base.copy(tmp_path / "op")


def cosign(op: Operation, name: str) -> None:
    """A controller gets the log as it is now, and sends back what it signs."""
    for one in cosign_log(op.world.home(name), op.project.log_file, PROJECT, op.clock()):
        add_cosignatures(op.project, one.note.encode(), op.clock())


def handed_out(op: Operation) -> set[str]:
    return {file.parent.name for file in (op.project.folder / "releases").glob("*/*.release.json")}


def lacking(op: Operation) -> tuple[str, ...]:
    run = Run(op.project, "r1", op.clock)
    try:
        return run.lacking
    finally:
        run.close()


def test_without_them_nothing_is_handed_out_and_the_drops_are_gone_all_the_same(op: Operation) -> None:
    (state,) = op.project.view().rounds.values()
    assert (state.state, state.waits) == ("destroyed", set(PARTNERS))
    assert not (op.project.round_folder("r1") / "round.key").exists()
    assert publish_cosigned_releases(op.project, op.clock) == []
    assert handed_out(op) == set()
    assert lacking(op) == PARTNERS
    (told,) = advice(op.project, op.clock())
    assert "2 partijen" in told.nl
    assert "2 controllers" in told.en


def test_a_release_that_waits_for_days_is_an_alarm_until_it_is_handed_out(op: Operation) -> None:
    def waits() -> tuple[bool, float | None]:
        said = metrics(op.world.site, op.clock()).decode()
        since = [
            one
            for one in said.splitlines()
            if one.startswith("lsi_match_release_waits_since_timestamp_seconds{")
        ]
        waited = op.clock().timestamp() - float(since[0].split()[-1]) if since else None
        return "waiting" in {one.name for one in alarms(op.project, op.clock())}, waited

    assert waits() == (False, 0.0)
    op.clock.to(op.clock() + HANDED_OUT_WITHIN)
    assert waits() == (False, HANDED_OUT_WITHIN.total_seconds())
    op.clock.to(op.clock() + timedelta(seconds=1))
    assert waits() == (True, HANDED_OUT_WITHIN.total_seconds() + 1)
    for name in PARTNERS[:2]:
        cosign(op, name)
    op.reconcile()
    assert handed_out(op) == set(PARTNERS)
    assert waits() == (False, None)


def test_a_release_with_a_short_term_is_told_before_it_ends(tmp_path: Path) -> None:
    short = Operation(
        tmp_path, PARTNERS, folders(tmp_path, PARTNERS), release={"cosignatures": 2, "keep_days": 1}
    )
    short.run_here("r1")
    short.clock.to(short.clock() + timedelta(hours=12, seconds=1))
    assert "waiting" in {one.name for one in alarms(short.project, short.clock())}


def test_a_release_that_nobody_cosigned_before_its_term_waits_for_nothing_more(op: Operation) -> None:
    op.clock.to(op.clock() + days(op.project.manifest().release.keep_days))
    assert destroy_due(op.project, op.clock).counts()["release"] == len(PARTNERS)
    assert "waiting" not in {one.name for one in alarms(op.project, op.clock())}


def test_as_soon_as_enough_are_there_it_is_also_when_the_log_grew_in_between(op: Operation) -> None:
    cosign(op, "uwv")
    assert publish_cosigned_releases(op.project, op.clock) == []
    assert lacking(op) == ("gemeente", "svb")
    with op.project.writer() as log:
        log.record(RetentionApplied(temporary=1), op.clock(), manifest=op.project.manifest().digest)
    cosign(op, "svb")
    assert handed_out(op) == set(), "taking it in is not handing it out"
    assert publish_cosigned_releases(op.project, op.clock) == ["r1"]
    assert handed_out(op) == set(PARTNERS)
    assert publish_cosigned_releases(op.project, op.clock) == []
    entries = op.project.entries()
    (told,) = [entry for entry in entries if entry.name == Step.HAND_OUT.value]
    assert told.attributes["lsi.cosigners"] == "svb, uwv"
    assert told.trace_id == next(e.trace_id for e in entries if e.name == Step.RELEASE.value)
    assert not op.project.view().rounds["r1"].waits
    assert advice(op.project, op.clock())[0].en == "done"
    for name in PARTNERS:
        file = op.project.folder / "releases" / name / RELEASE.format(name)
        opened, _ = open_release(op.world.home(name), file, PROJECT, op.clock())
        assert opened.partner == name
    assert verify_log(op.project.log_file, policy_of(op.project.manifest()).logs).ok


def test_a_handing_out_that_was_broken_off_is_done_to_the_end(
    op: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in PARTNERS[:2]:
        cosign(op, name)
    rename = Path.rename

    def killed(self: Path, target: Path) -> Path:
        if self.name == RELEASE.format("svb"):
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        publish_cosigned_releases(op.project, op.clock)
    monkeypatch.undo()
    assert handed_out(op) == {"gemeente"}
    op.clock.to(op.clock() + days(2))
    assert destroy_due(op.project, op.clock).counts() == {}, "it has no term yet"
    assert publish_cosigned_releases(op.project, op.clock) == ["r1"]
    assert handed_out(op) == set(PARTNERS)
    for name in PARTNERS:
        file = op.project.folder / "releases" / name / RELEASE.format(name)
        assert open_release(op.world.home(name), file, PROJECT, op.clock())[0].partner == name
    assert sum(entry.name == Step.HAND_OUT.value for entry in op.project.entries()) == 1


def test_nobody_is_told_to_have_received_what_still_waits(op: Operation) -> None:
    def told(reference: str) -> RoundAnswer:
        home, number = op.world.home("uwv"), {"bsn": handmade.BSNS[0]}
        request = make_request(home, PROJECT, number, reference, (), op.clock())
        answered = open_answer(home, PROJECT, reference, answer(op.project, request, op.clock()), op.clock())
        (one,) = answered.answer.rounds
        return one

    waiting = told("before")
    assert (waiting.case, waiting.handed) == (True, ())
    for name in PARTNERS:
        cosign(op, name)
    assert publish_cosigned_releases(op.project, op.clock) == ["r1"]
    after = told("after")
    assert {one.partner for one in after.handed} == set(PARTNERS)
    assert {op.project.entries()[one.entry.position].name for one in after.handed} == {Step.HAND_OUT.value}


def test_one_controller_that_cosigns_twice_counts_once(op: Operation) -> None:
    cosign(op, "uwv")
    with op.project.writer() as log:
        log.record(RetentionApplied(temporary=1), op.clock(), manifest=op.project.manifest().digest)
    cosign(op, "uwv")
    assert publish_cosigned_releases(op.project, op.clock) == []
    assert handed_out(op) == set()


def test_by_itself_the_log_goes_out_cosignatures_come_in_and_the_release_follows(
    op: Operation, tmp_path: Path
) -> None:
    op.reconcile()
    assert op.cases("svb", "r1") is None
    for name in ("svb", "uwv"):
        op.fetch(name)
        (copy,) = op._mail(name).glob("*.log.sqlite")
        for one in cosign_log(op.world.home(name), copy, PROJECT, op.clock()):
            file = tmp_path / f"{PROJECT}.{one.checkpoint.size}.{name}.checkpoint"
            file.write_text(one.note)
            transfer.send(op.world.home(name), file, op.places[name])
    seen = op.reconcile()
    assert (seen.handed_out, seen.failed) == (["r1"], False)
    assert [op.cases(name, "r1") is not None for name in PARTNERS] == [True] * len(PARTNERS)


def test_a_partner_does_not_open_what_was_handed_out_too_soon(op: Operation, tmp_path: Path) -> None:
    """A site that lays the release there by itself, with a proof that is right but not co-signed."""
    cosign(op, "uwv")
    staged = shutil.copytree(op.project.folder / "staging" / "r1", tmp_path / "early")
    with op.project.reader() as opened:
        put_proofs(prove(opened.log, release_position(opened.view.rounds["r1"])), staged)
    with pytest.raises(ProofRefusedError) as refused:
        open_release(op.world.home("uwv"), staged / "uwv" / RELEASE.format("uwv"), PROJECT, op.clock())
    assert refused.value.facts["problem"] == "QuorumMissingError"


def test_what_waited_past_its_term_is_removed_and_that_is_logged(op: Operation) -> None:
    op.clock.to(op.clock() + days(op.project.manifest().release.keep_days))
    done = destroy_due(op.project, op.clock)
    assert (done.counts()["release"], done.failed) == (len(PARTNERS), [])
    assert "drop" not in done.counts(), "each is removed as what it is"
    assert list((op.project.folder / "staging").rglob("*.age")) == []
    entries = op.project.entries()
    assert [e.attributes["lsi.partner"] for e in entries if e.name == Step.EXPIRE.value] == list(PARTNERS)
    assert not op.project.view().rounds["r1"].waits
    assert publish_cosigned_releases(op.project, op.clock) == []


def test_no_more_are_asked_for_than_there_are_controllers_who_can(op: Operation) -> None:
    document = handmade.document({name: [handmade.selection()] for name in PARTNERS})
    document["release"]["cosignatures"] = len(document["controllers"])
    Manifest.model_validate(document)
    document["release"]["cosignatures"] += 1
    with pytest.raises(ValidationError, match=r"release\.cosignatures"):
        Manifest.model_validate(document)
