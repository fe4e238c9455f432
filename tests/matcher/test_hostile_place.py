"""What somebody can do who writes at a partner's place, or in its inbox: to the others nothing, and to the log nothing.
Here: the place of `uwv`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import logged
import pytest
from operation import PARTNERS, PROJECT, ROUND, Operation, days

from lsi_match.agreement.justifications import justify
from lsi_match.base.errors import DiskFullError, LsiError
from lsi_match.crypto.signing import peek, sign
from lsi_match.log import events
from lsi_match.log.events import Event, why
from lsi_match.log.note import Checkpoint, sign_checkpoint
from lsi_match.log.policy import origin_of
from lsi_match.log.steps import Step
from lsi_match.matcher.operate import inbound, transfers
from lsi_match.matcher.operate.agenda import RoundNow
from lsi_match.matcher.operate.reconcile import rounds_now
from lsi_match.matcher.operate.retention import abandon
from lsi_match.matcher.round import run as run_module
from lsi_match.matcher.site import inbox
from lsi_match.matcher.site.site import Project
from lsi_match.protocol.documents import DropDescriptor, ReleaseOpened
from lsi_match.transport.endpoints import Endpoint, Stamp, open_endpoint


def collected(operation: Operation) -> list[tuple[str, str]]:
    found = transfers.collect(operation.project, operation.clock())
    return [
        (o.partner, o.outcome if isinstance(o, transfers.IncomingDrop) else o.error.reason) for o in found
    ]


def put(operation: Operation, name: str, data: bytes) -> None:
    with open_endpoint(operation.places["uwv"]) as there:
        there.give("in", name, data)


def test_a_drop_is_not_replaced_by_another_of_the_same_name(operation: Operation) -> None:
    first = operation.deliver("uwv", ROUND)
    assert collected(operation) == [("uwv", "taken")]
    described = peek(first.read_bytes(), DropDescriptor, what="", party="")
    other = described.model_copy(update={"made_at": described.made_at.replace(microsecond=1000)})
    put(operation, described.parts[0].file, b"another part")
    put(operation, first.name, sign(other, operation.world.home("uwv").identity()))
    assert collected(operation) == [("uwv", "refused")]
    inbox = operation.project.folder / "received" / "uwv"
    for file in (first, first.with_name(described.parts[0].file)):
        assert (inbox / file.name).read_bytes() == file.read_bytes()
    (said,) = (operation.project.folder / "quarantine" / "uwv").glob("*/reason.json")
    assert b"DropDuplicateError" in said.read_bytes()
    assert operation.lying("uwv") == []


def test_what_somebody_typed_as_a_name_is_told_to_its_partner_and_stands_in_no_log(
    operation: Operation,
) -> None:
    put(operation, "jansen-999990019.drop.json", b"{}")
    assert collected(operation) == [("uwv", "refused")]
    assert all(b"999990019" not in entry.leaf() for entry in operation.project.entries())
    (said,) = (operation.project.folder / "quarantine" / "uwv").glob("*/reason.json")
    assert b"jansen-999990019" in said.read_bytes()


@pytest.mark.parametrize("kind", ["folder", "pipe", "endless", "odd", "closed"])
def test_an_inbox_with_anything_in_it_holds_nobody_up(operation: Operation, kind: str) -> None:
    inbox = operation.project.folder / "inbox" / "uwv"
    odd = inbox / "x.drop.json"
    if kind == "folder":
        odd.mkdir()
    elif kind == "pipe":
        os.mkfifo(odd)
    elif kind == "endless":
        odd.symlink_to("/dev/zero")
    elif kind == "odd":
        odd = Path(os.fsdecode(os.fsencode(inbox) + b"/\xff\x1b[2J\n.drop.json"))
        odd.write_bytes(b"{}")
    else:
        odd.symlink_to(operation.project.folder / "nothing")
    operation.deliver("svb", ROUND)
    folder = kind == "folder"  # is nobody's drop, and not entered
    assert collected(operation) == [("svb", "taken"), *[("uwv", "refused")] * (not folder)]
    assert collected(operation) == []
    assert [one.name for one in inbox.iterdir()] == [odd.name] * folder
    operation.deliver("uwv", ROUND)  # and what was refused is no hindrance to what comes after
    assert collected(operation) == [("uwv", "taken")]
    texts = [str(entry.attributes.get("exception.message", "")) for entry in operation.project.entries()]
    assert all(text.isprintable() and str(operation.folder) not in text for text in texts)


def test_parts_that_are_larger_than_any_drop_are_not_fetched(operation: Operation) -> None:
    drop = operation.deliver("uwv", ROUND)
    (part,) = drop.parent.glob("*.age")
    lying = Path(operation.places["uwv"].url) / "in" / part.name
    os.truncate(lying, 2**34)  # takes no room here
    assert collected(operation) == [("uwv", "refused")]
    stored = (operation.project.folder / "quarantine").rglob("*")
    assert sum(file.stat().st_size for file in stored if file.is_file()) < 2**20


def test_many_drops_at_once_keep_nobody_waiting_and_fill_no_disk(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "AT_ONCE", 3)
    monkeypatch.setattr(transfers, "MOST_REFUSED", 5)
    for number in range(8):
        put(operation, f"{PROJECT}.{ROUND}.uwv.{number:016x}.drop.json", b"%d" % number)
        put(operation, f"{number}.opened.json", b"{}")
    operation.deliver("svb", ROUND)
    refused, paper = ("uwv", "refused"), ("uwv", "SignedDocumentInvalidError")
    assert sorted(collected(operation)) == [("svb", "taken"), *[paper] * 3, *[refused] * 3]
    assert sorted(collected(operation)) == [*[paper] * 3, *[refused] * 2]
    assert sorted(collected(operation)) == [("uwv", "RefusedTooOftenError"), *[paper] * 2]
    operation.clock.to(operation.clock() + days(8))
    operation.reconcile()
    assert refused in collected(operation)


def papers_of(operation: Operation, kind: str) -> dict[str, bytes]:
    """Eight papers, each of which holds and makes an entry: only who has a key can make them."""
    project, uwv = operation.project, operation.world.home("uwv").identity()
    made: dict[str, bytes] = {}
    if kind == "opened":
        released = events.Released(round=ROUND, cases=1, releases={"uwv": logged.DIGEST})
        record(operation, *logged.run(ROUND), released)
        for number in range(8):
            said = ReleaseOpened(
                project=PROJECT, round=ROUND, partner="uwv", release=logged.DIGEST, span_id=f"{number:016x}", at=operation.clock()
            )  # fmt: skip
            made[said.file] = sign(said, uwv)
    elif kind == "justification":
        record(operation, *logged.run(ROUND), logged.held(ROUND, "uwv"))
        for number in range(8):
            made[f"{PROJECT}.{ROUND}.uwv.{number}.justification.json"] = justify(
                project.manifest(),
                ROUND,
                logged.DIGEST,
                uwv,
                "release",
                f"Reden {number}, " + "met woorden " * 4,
                operation.clock(),
            )
    else:
        key, domain = operation.world.site.identity().log_key, project.manifest().matcher.domain
        origin = origin_of(project.manifest())
        for number in range(8):
            other = Checkpoint(origin, 2, bytes([number]) * 32)
            made[f"{PROJECT}.{number}.uwv.checkpoint"] = sign_checkpoint(other, key, domain).encode()
    return made


def record(operation: Operation, *some: Event) -> None:
    with operation.project.writer() as log:
        for event in some:
            log.record(event, operation.clock(), manifest=operation.project.manifest().digest)


@pytest.mark.parametrize("kind", ["opened", "justification", "fork"])
def test_a_flood_of_papers_that_hold_is_so_many_entries_a_day_and_one_that_tells_it(
    operation: Operation, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(inbox, "PAPERS_A_DAY", 3)
    for name, data in papers_of(operation, kind).items():
        put(operation, name, data)
    for taken, left in ((3, 5), (3, 2), (2, 0)):
        entries = len(operation.project.entries())
        for _ in range(3):
            reasons = {reason for _, reason in collected(operation)}
            assert ("PapersTooManyError" in reasons) == bool(left)
        assert len(operation.lying("uwv")) == left, "what is too much stays where it lies"
        new = operation.project.entries()[entries:]
        assert len([entry for entry in new if entry.name != Step.ARRIVE.value]) == taken
        assert len([entry for entry in new if entry.name == Step.ARRIVE.value]) == bool(left)
        operation.clock.to(operation.clock() + days(1))


@pytest.mark.parametrize("error", [DiskFullError(), OSError(28, "full")])
def test_a_paper_that_could_not_be_judged_stays_where_it_lies(
    operation: Operation, monkeypatch: pytest.MonkeyPatch, error: LsiError | OSError
) -> None:
    put(operation, f"{PROJECT}.r.uwv.justification.json", b"{}")
    operation.deliver("svb", ROUND)

    def refuses(*_: object) -> None:
        raise error

    monkeypatch.setattr(inbound, "ingest", refuses)
    assert sorted(collected(operation)) == [("svb", "taken"), ("uwv", "DiskFullError")]
    assert operation.lying("uwv") == [f"{PROJECT}.r.uwv.justification.json"]
    monkeypatch.undo()
    assert collected(operation) == [("uwv", "SignedDocumentInvalidError")]
    assert operation.lying("uwv") == []


def test_a_side_of_a_place_that_is_a_link_leads_nowhere(operation: Operation) -> None:
    """Whoever has the place could have the site remove its own log, or a drop of another partner."""
    inbox = operation.project.folder / "received" / "svb"
    drop = operation.deliver("svb", ROUND)
    operation.reconcile()
    assert (inbox / drop.name).exists()
    own = Path(operation.places["uwv"].url)
    for side, target in (("in", inbox), ("out", operation.project.folder)):
        if (own / side).exists():
            (own / side).rename(own / f"was-{side}")
        (own / side).symlink_to(target)
    before = sorted(operation.project.folder.rglob("*"))
    seen = operation.reconcile()
    assert [(one.partner, one.error.reason) for one in seen.troubles] == [
        ("uwv", "PlaceUnreachableError")
    ] * 2
    assert sorted(operation.project.folder.rglob("*")) == before


def test_a_side_that_becomes_a_link_while_it_is_used_leads_nowhere(
    operation: Operation, tmp_path: Path
) -> None:
    own = Path(operation.places["uwv"].url)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.json").write_text("of the site")
    with open_endpoint(operation.places["uwv"]) as there:
        there.give("out", "a.json", b"{}")
        (own / "out").rename(own / "was-out")
        (own / "out").symlink_to(elsewhere)
        there.remove("out", "a.json")
        there.give("out", "b.json", b"{}")
    assert sorted(file.name for file in elsewhere.iterdir()) == ["a.json"]


@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_what_takes_the_place_of_a_file_after_it_was_listed_is_neither_waited_for_nor_followed(
    operation: Operation, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    drop = operation.deliver("uwv", ROUND)
    part = next(drop.parent.glob("*.age"))
    operation.deliver("svb", ROUND)
    own = Path(operation.places["uwv"].url) / "in"
    listing = Endpoint.listing
    seen: list[bool] = []

    def swapped(there: Endpoint, *asked: Any, **how: Any) -> dict[str, Stamp]:
        found = listing(there, *asked, **how)
        seen.append(drop.name in found)
        if seen.count(True) == 2:  # when it looks what belongs to the drop
            one = own / swap
            one.unlink()
            os.mkfifo(one) if kind == "pipe" else one.symlink_to(operation.project.log_file)
        return found

    monkeypatch.setattr(Endpoint, "listing", swapped)
    unreachable = ("uwv", "PlaceUnreachableError")
    for swap in (drop.name, part.name):
        seen.clear()
        assert unreachable in collected(operation), swap
        (own / swap).unlink()
        shutil.copy(drop.with_name(swap), own / swap)
    arrived = [e for e in operation.project.entries() if e.name == Step.ARRIVE.value and e.status == "Ok"]
    assert [e.attributes["lsi.partner"] for e in arrived] == ["svb"]
    monkeypatch.undo()
    assert collected(operation) == [("uwv", "taken")]


def test_a_pipe_for_a_part_in_an_inbox_is_not_waited_for_and_goes_in_time(operation: Operation) -> None:
    inbox = operation.project.folder / "inbox" / "uwv"
    operation.fetch("uwv")
    drop = operation.prepare("uwv", ROUND)
    shutil.copy(drop, inbox / drop.name)
    os.mkfifo(inbox / next(drop.parent.glob("*.age")).name)
    assert collected(operation) == [("uwv", "refused")]
    abandon(operation.project, ROUND, operation.clock)
    operation.clock.to(operation.clock() + days(8))
    assert not operation.reconcile().failed
    left = (operation.project.folder / name for name in ("inbox", "received", "quarantine"))
    assert [file.name for one in left for file in one.rglob("*") if not file.is_dir()] == ["reason.json"]


def test_a_drop_on_which_the_program_stumbles_holds_nobody_up(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = transfers.judge_drop

    def stumbles(project: Project, file: Path, partner: str, *about: Any) -> object:
        if partner == "svb":
            raise ValueError("999990019")
        return judge(project, file, partner, *about)

    monkeypatch.setattr(transfers, "judge_drop", stumbles)
    for partner in PARTNERS:
        operation.deliver(partner, ROUND)
    assert sorted(collected(operation)) == [("gemeente", "taken"), ("svb", "refused"), ("uwv", "taken")]
    assert all(b"999990019" not in entry.leaf() for entry in operation.project.entries())
    (said,) = (operation.project.folder / "quarantine" / "svb").glob("*/reason.json")
    assert b"UnexpectedError" in said.read_bytes()


def test_the_descriptor_that_was_checked_is_the_one_that_is_kept(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for partner in PARTNERS:
        operation.deliver(partner, ROUND)
    assert len(collected(operation)) == len(PARTNERS)
    judge = run_module.judge_drop

    def swapped(project: Project, file: Path, partner: str, *about: Any) -> Any:
        found = judge(project, file, partner, *about)
        file.unlink()
        os.mkfifo(file)
        return found

    monkeypatch.setattr(run_module, "judge_drop", swapped)
    run = run_module.Run(operation.project, ROUND, operation.clock)
    run.gates()
    run.intake()
    run.close()
    taken = [e for e in operation.project.entries() if e.name == Step.INTAKE.value]
    assert len(taken) == len(PARTNERS)
    for entry in taken:
        assert operation.project.kept(str(entry.attributes["lsi.drop"]))


def test_what_somebody_changes_at_a_place_is_put_right_and_what_nobody_did_is_left(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[str] = []
    give = Endpoint.give
    monkeypatch.setattr(Endpoint, "give", lambda *a: (given.append(str(a[2])), give(*a))[1])
    transfers.publish(operation.project, operation.clock())
    assert given == []
    opening = Path(operation.places["uwv"].url) / "out" / f"{PROJECT}.{ROUND}.opening.json"
    right = opening.read_bytes()
    opening.write_bytes(bytes(len(right)))
    transfers.publish(operation.project, operation.clock())
    assert opening.read_bytes() == right
    assert given == [opening.name]
    shutil.rmtree(operation.project.folder / "published")  # only what is remembered of it
    transfers.publish(operation.project, operation.clock())
    assert opening.read_bytes() == right


def test_a_refused_drop_is_no_news_and_does_not_end_a_run_that_broke_off(operation: Operation) -> None:
    """Rubbish does not have a refused round run at every look, nor keeps a justified one from being run again."""
    digest, refused = operation.project.manifest().digest, why(DiskFullError())

    def record(*some: Event) -> RoundNow:
        with operation.project.writer() as log:
            for event in some:
                log.record(event, operation.clock(), manifest=digest)
        (one,) = rounds_now(operation.project, operation.project.view())
        return one

    arrived = events.DropArrived(round=ROUND, partner="uwv", drop=digest)
    elsewhere = events.DropArrived(round="another", partner="uwv", drop=digest)
    record(events.GatesRefused(round=ROUND, **refused))
    assert not record(events.DropArrivalRefused(round=ROUND, partner="uwv", **refused)).news
    assert not record(logged.opened("another"), elsewhere).news
    assert record(arrived).news
    held = logged.run(ROUND)
    record(*held)
    assert not record(logged.held(ROUND, "uwv")).broke_off
    record(events.GatesPassed(round=ROUND))
    assert record(events.DropArrivalRefused(round=ROUND, partner="uwv", **refused)).broke_off
    assert record(events.DropsIncomplete(round=ROUND, late=(), **refused)).state == "refused"
