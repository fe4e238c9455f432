"""Files of data subjects over their life, and who may ask what about whom."""

from __future__ import annotations

import hmac
import re
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import handmade
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from operation import PROJECT, Operation, days, folders
from refusals import raises

from lsi_match.base.errors import LsiError
from lsi_match.crypto.keys import make_identity
from lsi_match.crypto.sealing import seal, unseal
from lsi_match.crypto.signing import SignatureMissingError, peek, sign
from lsi_match.log.activities import register
from lsi_match.log.policy import log_keys
from lsi_match.log.steps import Step
from lsi_match.log.subject_files import file_in, standings_in
from lsi_match.log.verify import verify_log
from lsi_match.log.view import SubjectFile
from lsi_match.matcher.operate.alarms import alarms
from lsi_match.matcher.operate.retention import destroy_due
from lsi_match.matcher.operate.transfers import collect, publish
from lsi_match.matcher.round.opened_notices import ingest_opened_notices
from lsi_match.matcher.round.run import Run
from lsi_match.matcher.subjects import access_answers, subject_rows
from lsi_match.matcher.subjects.access_answers import (
    AccessRefusedError,
    AccessTooOftenError,
    answer,
)
from lsi_match.partner import transfer
from lsi_match.partner.access.request import (
    make_request,
    open_answer,
)
from lsi_match.partner.release.opened_notice import unsent
from lsi_match.protocol.access_documents import AccessRequest
from lsi_match.protocol.subject_columns import log_id_info

PARTNERS = ("gemeente", "svb", "uwv")
STEPS = ("gates", "intake", "match", "count", "release", "destroy")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    folder = tmp_path_factory.mktemp("access")
    made = Operation(folder, PARTNERS, folders(folder, PARTNERS))
    made.run_here("r1")
    return made


@pytest.fixture
def op(base: Operation, tmp_path: Path) -> Operation:
    """A copy of a project of which one round was released and destroyed."""
    return base.copy(tmp_path / "op")


def request(op: Operation, reference: str = "a-1", number: str = handmade.BSNS[0], who: str = "uwv") -> bytes:
    return make_request(op.world.home(who), PROJECT, {"bsn": number}, reference, (), op.clock())


def subject_files(op: Operation) -> list[SubjectFile]:
    return [file for one in op.project.view().rounds.values() for file in one.subject_files]


def standing(op: Operation) -> set[str]:
    return {one for _, one in standings_in(op.project.folder, op.project.view(), op.clock()).files}


# the life of a file


def test_every_file_stands_in_the_entry_of_its_step_and_is_unaltered(op: Operation) -> None:
    named = {one.about for one in subject_files(op)}
    assert named == {"match", *(f"{step}.{name}" for step in ("intake", "release") for name in PARTNERS)}
    assert standing(op) == {"present"}


def test_an_altered_file_is_found_and_gives_no_answer(op: Operation) -> None:
    file = sorted((op.project.folder / "subjects" / "r1").glob("*.parquet"))[0]
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))
    assert standing(op) == {"present", "altered"}
    with raises("SubjectsAlteredError"):
        answer(op.project, request(op), op.clock())
    refused = op.project.entries()[-1]
    assert (refused.name, refused.status) == (Step.ACCESS.value, "Unset")


def forgotten(op: Operation) -> list[str]:
    """The rounds whose files of subjects retention destroys now."""
    return [one.name for one in destroy_due(op.project, op.clock).done if one.kind == "subjects"]


def test_a_missing_file_is_found_and_gives_no_answer(op: Operation) -> None:
    one = subject_files(op)[0]
    file_in(op.project.folder / "subjects", "r1", one.digest).unlink()
    assert "missing" in standing(op)
    with raises("SubjectsAlteredError"):
        answer(op.project, request(op), op.clock())


def test_at_the_end_of_their_term_files_and_log_key_go_and_the_log_stays_verifiable(op: Operation) -> None:
    term = op.project.manifest().retention.log_details_days
    op.clock.to(op.clock() + days(term) - timedelta(seconds=1))
    assert forgotten(op) == []
    op.clock.to(op.clock() + timedelta(seconds=1))
    assert forgotten(op) == ["r1"]
    assert not (op.project.folder / "subjects" / "r1").exists()
    assert standing(op) == {"destroyed"}
    assert forgotten(op) == []
    key = log_keys(op.project.manifest())
    assert verify_log(op.project.log_file, key).ok
    home = op.world.home("uwv")
    one = open_answer(home, PROJECT, "a-1", answer(op.project, request(op), op.clock()), op.clock())
    assert [r.known for r in one.answer.rounds] == ["gone"]
    assert one.answer.rounds[0].forgotten is not None


def test_files_that_outlive_their_term_are_told(op: Operation) -> None:
    term = op.project.manifest().retention.log_details_days
    op.clock.to(op.clock() + days(term + 3))
    assert standing(op) == {"overdue"}
    kept = shutil.copytree(op.project.folder / "subjects", op.folder / "kept")
    forgotten(op)
    assert standing(op) == {"late"}
    shutil.copytree(kept, op.project.folder / "subjects", dirs_exist_ok=True)
    assert standing(op) == {"left"}
    forgotten(op)
    assert standing(op) == {"late"}, "what a crash left is removed the next time, and logged once"
    assert sum(e.name == Step.DESTROY_SUBJECTS.value for e in op.project.entries()) == 1


def test_a_round_that_still_runs_keeps_its_files(op: Operation) -> None:
    op.world.open_round("r2")
    opening = (op.project.round_folder("r2") / "opening.json").read_bytes()
    for partner in PARTNERS:
        op.world.prepare(partner, opening)
    run = Run(op.project, "r2", op.clock)
    run.gates()
    run.intake()
    run.close()
    op.clock.to(op.clock() + days(1000))
    assert forgotten(op) == ["r1"]
    assert (op.project.folder / "subjects" / "r2").exists()


def test_a_run_that_starts_again_gives_the_same_files(op: Operation) -> None:
    op.world.open_round("r2")
    opening = (op.project.round_folder("r2") / "opening.json").read_bytes()
    for partner in PARTNERS:
        op.world.prepare(partner, opening)
    for _ in range(2):
        run = Run(op.project, "r2", op.clock)
        for step in STEPS[:3]:
            getattr(run, step)()
        run.close()
    again = [one for one in subject_files(op) if one.round == "r2"]
    assert len(again) == len(PARTNERS) + 1


# who may ask


def test_a_request_is_answered_once(op: Operation) -> None:
    sealed = request(op)
    answer(op.project, sealed, op.clock())
    with raises("AccessAnsweredError"):
        answer(op.project, sealed, op.clock())
    names = [(e.name, e.status) for e in op.project.entries()[-2:]]
    assert names == [(Step.ACCESS.value, "Ok"), (Step.ACCESS.value, "Unset")]


def test_who_is_no_controller_gets_no_answer(op: Operation, tmp_path: Path) -> None:
    stranger = make_identity("stranger", tmp_path / "stranger")
    plain = AccessRequest(
        project=PROJECT, controller="stranger", nonce="0" * 32, at=op.clock(), pseudonyms={}
    )
    to = op.project.manifest().matcher.encryption_key
    with raises("AccessNotControllerError"):
        answer(op.project, seal(sign(plain, stranger), to), op.clock())
    posing = plain.model_copy(update={"controller": "uwv"})
    with pytest.raises(SignatureMissingError):
        answer(op.project, seal(sign(posing, stranger), to), op.clock())
    assert [e.status for e in op.project.entries()[-2:]] == ["Unset", "Unset"]


def test_an_old_request_and_one_about_another_project_are_refused(op: Operation) -> None:
    old = request(op)
    op.clock.to(op.clock() + days(31))
    with pytest.raises(AccessRefusedError):
        answer(op.project, old, op.clock())
    identity = op.world.home("uwv").identity()
    other = AccessRequest(project="ander", controller="uwv", nonce="0" * 32, at=op.clock(), pseudonyms={})
    to = op.project.manifest().matcher.encryption_key
    with pytest.raises(AccessRefusedError):
        answer(op.project, seal(sign(other, identity), to), op.clock())


def test_an_answer_to_another_request_is_refused(op: Operation) -> None:
    home = op.world.home("uwv")
    first = answer(op.project, request(op, "a-1"), op.clock())
    answer(op.project, request(op, "a-2", handmade.BSNS[1]), op.clock())
    with raises("AnswerToOtherRequestError"):
        open_answer(home, PROJECT, "a-2", first, op.clock())
    assert open_answer(home, PROJECT, "a-1", first, op.clock()).answer.rounds[0].known == "yes"
    with pytest.raises(LsiError):
        open_answer(op.world.home("svb"), PROJECT, "a-1", first, op.clock())


def test_a_number_that_does_not_hold_is_refused_and_not_shown(op: Operation) -> None:
    home = op.world.home("uwv")
    with raises("PersonNumberInvalidError") as told:
        make_request(home, PROJECT, {"bsn": "123456789"}, "a-1", (), op.clock())
    assert "123456789" not in told.value.text("nl") + told.value.text("en")
    with raises("PersonNumberMissingError"):
        make_request(home, PROJECT, {}, "a-1", (), op.clock())
    request(op, "a-1")
    with raises("AccessReferenceError"):
        request(op, "a-1")
    with raises("AccessReferenceError"):
        request(op, "../x")


def test_nothing_of_the_person_is_kept_or_logged(op: Operation) -> None:
    number = handmade.BSNS[0]
    sealed = request(op)
    asked = unseal(sealed, op.project.site.identity().encryption, what="x", party="y")
    answer(op.project, sealed, op.clock())
    kept = sorted((op.world.home("uwv").project(PROJECT) / "access").iterdir())
    texts = [file.read_bytes() for file in kept] + [e.leaf() for e in op.project.entries()]
    assert number.encode() not in asked
    assert all(number.encode() not in text for text in texts)


def test_a_round_that_was_not_asked_about_is_told(op: Operation) -> None:
    op.world.open_round("r2")
    home = op.world.home("uwv")
    one = open_answer(home, PROJECT, "a-1", answer(op.project, request(op), op.clock()), op.clock())
    assert [r.known for r in one.answer.rounds] == ["yes", "not_asked"]


# what would make of a request about one person a test of many


def crafted(op: Operation, pseudonyms: dict[str, dict[str, tuple[str, ...]]], nonce: int = 0) -> bytes:
    """A request as a client makes it that keeps to no rule."""
    made = AccessRequest(
        project=PROJECT, controller="uwv", nonce=f"{nonce:032x}", at=op.clock(), pseudonyms=pseudonyms
    )
    to = op.project.manifest().matcher.encryption_key
    return seal(sign(made, op.world.home("uwv").identity()), to)


def test_a_request_about_many_people_is_refused_unread_whoever_is_in_it(
    op: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request with 3,802 people was answered; halving such sets finds who is in other partners' drops."""
    monkeypatch.setattr(access_answers, "rounds_about", lambda *_: pytest.fail("looked up"))
    kind = op.project.manifest().subject.kinds[0]
    present = peek_pseudonym(op)
    refusals = []
    for first in (present, "ab" * 16):
        for count in (2, 3802):
            people = (first, *(f"{number:032x}" for number in range(1, count)))
            with raises("AccessManyPeopleError") as refused:
                answer(op.project, crafted(op, {"r1": {kind: people}}), op.clock())
            refusals.append((count, refused.value.text("nl"), refused.value.text("en")))
    assert len(set(refusals)) == 2, "the same for who is there and who is not"
    assert str(3802) in str(op.project.entries()[-1].attributes["exception.message"])
    assert present not in str([entry.attributes for entry in op.project.entries()])


def peek_pseudonym(op: Operation) -> str:
    """The pseudonym of somebody who is in the round."""
    data = unseal(request(op, "peek"), op.project.site.identity().encryption, what="x", party="y")
    asked = peek(data, AccessRequest, what="x", party="y").pseudonyms["r1"]
    return next(iter(asked.values()))[0]


def test_how_many_pseudonyms_were_asked_about_stands_in_the_log(op: Operation) -> None:
    answer(op.project, request(op), op.clock())
    assert op.project.entries()[-1].attributes["lsi.asked"] == 1


def test_a_controller_is_answered_so_often_a_day_and_then_everybody_is_told(op: Operation) -> None:
    most = op.project.manifest().retention.answers_a_day
    for number in range(most):
        answer(op.project, crafted(op, {}, number), op.clock())
    with pytest.raises(AccessTooOftenError):
        answer(op.project, crafted(op, {}, most), op.clock())
    answer(
        op.project,
        make_request(op.world.home("svb"), PROJECT, {"bsn": handmade.BSNS[0]}, "a", (), op.clock()),
        op.clock(),
    )
    assert "access" in {one.name for one in alarms(op.project, op.clock())}
    publish(op.project, op.clock())
    for partner in PARTNERS:
        told = transfer.fetch(op.places[partner], op.folder / "told" / partner).messages
        assert any("uwv" in one and str(most) in one for one in told), partner
    op.clock.to(op.clock() + days(1))
    answer(op.project, crafted(op, {}, most + 1), op.clock())
    op.clock.to(op.clock() + days(14))
    assert "access" not in {one.name for one in alarms(op.project, op.clock())}


def test_of_a_project_with_one_key_there_is_one_pseudonym_a_kind_and_round(op: Operation) -> None:
    kind = op.project.manifest().subject.kinds[0]
    answer(op.project, crafted(op, {"r1": {kind: ("00" * 16,)}}), op.clock())
    with raises("AccessManyPeopleError"):
        answer(op.project, crafted(op, {"r1": {kind: ("00" * 16, "01" * 16)}}), op.clock())


# openings


def test_an_opening_is_brought_along_and_stands_in_the_log_once(op: Operation) -> None:
    home = op.world.home("uwv")
    op.world.open("uwv", "r1")
    assert len(unsent(home)) == 1
    assert transfer.send(home, None, op.places["uwv"]) == 1
    assert transfer.send(home, None, op.places["uwv"]) == 0
    assert collect(op.project, op.clock()) == []
    assert op.lying("uwv") == []
    told = [e for e in op.project.entries() if e.name == Step.OPENED.value]
    assert [e.attributes["lsi.partner"] for e in told] == ["uwv"]
    released = next(e for e in op.project.entries() if e.name == Step.RELEASE.value)
    assert told[0].attributes["lsi.release"] == released.attributes["lsi.release.uwv"]
    assert told[0].trace_id == released.trace_id
    one = open_answer(home, PROJECT, "a-1", answer(op.project, request(op), op.clock()), op.clock())
    handed = {h.partner: len(h.opened) for h in one.answer.rounds[0].handed}
    assert handed["uwv"] == 1
    assert sum(handed.values()) == 1


def test_a_notice_of_another_partner_is_refused(op: Operation) -> None:

    from lsi_match.transport.endpoints import open_endpoint

    op.world.open("uwv", "r1")
    (notice,) = unsent(op.world.home("uwv"))
    with open_endpoint(op.places["svb"]) as there:
        there.give("in", notice.name, notice.read_bytes())
    (trouble,) = collect(op.project, op.clock())
    assert trouble.partner == "svb"
    assert not [e for e in op.project.entries() if e.name == Step.OPENED.value]
    assert op.lying("svb") == []


# many rows


def test_one_of_many_is_found_and_nobody_else(tmp_path: Path, op: Operation) -> None:
    chance = np.random.default_rng(7)
    people = chance.integers(0, 256, (150_000, 16), dtype=np.uint8)

    def run(part: np.ndarray, selection: int) -> pa.Table:
        rows = len(part)
        coded = (
            np.zeros(rows, np.uint8), np.ones(rows, np.uint8), np.full(rows, selection, np.uint8),
            np.zeros(rows, np.bool_), np.full(rows, 5, np.uint64),
        )  # fmt: skip
        key = subject_rows.file_key(op.project, "big", "intake.uwv")
        return subject_rows.sorted_rows(part.tobytes(), coded, key)

    runs = run(people[:100_000], 3), run(people[50_000:], 4)
    digest = subject_rows.write_rows(op.project, "big", op.project.manifest(), "intake.uwv", runs)
    sought = [people[0].tobytes(), people[70_000].tobytes(), bytes(16), people[149_999].tobytes()]
    found = subject_rows.look_up(op.project, "big", "intake.uwv", digest, 0, sought)
    assert [(one.number, one.selection) for one in found] == [(0, 3), (1, 3), (1, 4), (3, 4)]
    many = [bytes(one) for one in people[:40]]
    assert [f.number for f in subject_rows.look_up(op.project, "big", "intake.uwv", digest, 0, many)] == list(
        range(40)
    )
    assert subject_rows.look_up(op.project, "big", "intake.uwv", digest, 0, [bytes(16)]) == []


def test_a_file_of_before_without_signals_is_read(op: Operation, tmp_path: Path) -> None:
    """Then the letter says that they were not kept (tests/partner/test_letter.py)."""
    one = next(file for file in subject_files(op) if file.about == "intake.uwv")
    now = file_in(op.project.folder / "subjects", "r1", one.digest)
    rows = pq.read_table(now)
    ids = np.column_stack([rows.column(name).to_numpy() for name in ("hi", "lo")])
    before = tmp_path / "before.parquet"
    pq.write_table(rows.drop_columns("signals"), before)
    found, old = subject_rows.seek(now, ids), subject_rows.seek(before, ids)
    assert [one.signals for one in found] == [3] * rows.num_rows
    assert old == [replace(one, signals=0) for one in found]


def test_a_log_id_is_what_the_page_of_the_protocol_says() -> None:
    page = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
    said = dict(
        re.findall(r"^\| (log key|info|key of the file|pseudonym|log id) \| `(.*)` \|$", page, re.MULTILINE)
    )
    extracted = hmac.digest(bytes(32), bytes.fromhex(said["log key"]), "sha256")
    key = hmac.digest(extracted, said["info"].encode() + b"\x01", "sha256")
    assert key.hex() == said["key of the file"]
    assert said["info"] == log_id_info("voorbeeld", "2026-10", "intake.uwv")
    ((hi, lo),) = subject_rows.log_ids(bytes.fromhex(said["pseudonym"]), key).tolist()
    assert f"{hi:016x}{lo:016x}" == said["log id"]
    assert f"`{hi}`, `{lo}`" in page


def test_every_entry_points_into_the_register_of_its_manifest(op: Operation) -> None:
    known = {one["id"] for one in register(op.project.manifest())["activities"]}
    answer(op.project, request(op), op.clock())
    pointed = {str(e.attributes["dpl.core.processing_activity_id"]) for e in op.project.entries()}
    assert pointed <= known


def test_a_digest_does_not_tell_that_a_file_has_no_rows(op: Operation) -> None:
    digests = {
        subject_rows.write_rows(op.project, "big", op.project.manifest(), f"release.{name}", [])
        for name in PARTNERS
    }
    assert len(digests) == len(PARTNERS)


def test_a_notice_that_comes_twice_is_logged_once(op: Operation) -> None:
    op.world.open("uwv", "r1")
    (notice,) = unsent(op.world.home("uwv"))
    papers = {"one": notice.read_bytes()}
    assert ingest_opened_notices(op.project, papers, op.clock()) == ["uwv"]
    assert ingest_opened_notices(op.project, papers, op.clock()) == []
    assert sum(e.name == Step.OPENED.value for e in op.project.entries()) == 1
