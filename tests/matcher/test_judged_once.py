"""A drop is opened and judged when it arrives, and matched by the verdict on it: what was changed since is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from operation import PARTNERS, ROUND, Operation

from lsi_match.base.errors import LsiError
from lsi_match.log import events
from lsi_match.log.events import read
from lsi_match.matcher.engine import intake, verdict
from lsi_match.matcher.operate import transfers
from lsi_match.matcher.operate.retention import abandon
from lsi_match.matcher.round.run import Run

FLIPPED = PARTNERS[0]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The parts that were decrypted, in order."""
    found: list[str] = []
    plain = intake.unseal_view

    def unseal(*sealed: object, what: str, party: str) -> object:
        found.append(what)
        return plain(*sealed, what=what, party=party)  # type: ignore[arg-type]

    monkeypatch.setattr(intake, "unseal_view", unseal)
    return found


@pytest.fixture
def arrived(operation: Operation, opened: list[str]) -> Operation:
    """All partners delivered, and it was looked at."""
    for partner in PARTNERS:
        operation.deliver(partner, ROUND)
    found = transfers.collect(operation.project, operation.clock())
    assert [one.outcome for one in found if isinstance(one, transfers.IncomingDrop)] == ["taken"] * len(
        PARTNERS
    )
    opened.clear()
    return operation


def here(operation: Operation, partner: str = FLIPPED, kind: str = verdict.SUFFIX) -> Path:
    (file,) = (operation.project.folder / "received" / partner).glob(f"*{kind}")
    return file


def ran(operation: Operation) -> str | None:
    """Every step up to the match; the reason that stopped it."""
    run = Run(operation.project, ROUND, operation.clock)
    try:
        run.gates()
        run.intake()
        run.match()
    except LsiError as error:
        return error.reason
    finally:
        run.close()
    return None


def said(operation: Operation) -> list[events.Event]:
    return [read(at, entry).event for at, entry in enumerate(operation.project.entries())]


def files_of_subjects(operation: Operation) -> list[str]:
    return [one.subjects for one in said(operation) if isinstance(one, events.DropAccepted)]


def test_a_run_opens_every_part_once_and_judges_none_again(arrived: Operation, opened: list[str]) -> None:
    assert ran(arrived) is None
    assert len(opened) == len(PARTNERS) == len(set(opened))
    folder = arrived.project.folder / "subjects" / ROUND
    named = {f"{digest.removeprefix('sha256:')}.parquet" for digest in files_of_subjects(arrived)}
    assert named < {file.name for file in folder.iterdir()}


def test_a_drop_that_nobody_looked_at_is_judged_by_the_run(arrived: Operation, opened: list[str]) -> None:
    here(arrived).unlink()
    assert ran(arrived) is None
    assert len(opened) == len(PARTNERS) + 1


def flip(file: Path, at: int) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize("share", [0.0, 0.4, 0.9999])
def test_a_byte_of_a_part_that_was_changed_since_it_arrived_is_found_and_its_drop_set_apart(
    arrived: Operation, share: float
) -> None:
    part = here(arrived, kind=".age")
    flip(part, int(len(part.read_bytes()) * share))
    assert ran(arrived) == "DropsIncompleteError"
    (refused,) = [one for one in said(arrived) if isinstance(one, events.DropRefused)]
    assert (refused.partner, refused.reason) == (FLIPPED, "PartAlteredError")
    assert len(list((arrived.project.folder / "quarantine" / FLIPPED).glob("*/*.age"))) == 1
    assert ran(arrived) is not None, "it does not come back"


def test_a_part_that_is_gone_or_of_another_drop_is_found(arrived: Operation) -> None:
    here(arrived, kind=".age").write_bytes(here(arrived, PARTNERS[1], ".age").read_bytes())
    here(arrived, PARTNERS[2], ".age").unlink()
    assert ran(arrived) == "DropsIncompleteError"
    refused = {one.partner: one.reason for one in said(arrived) if isinstance(one, events.DropRefused)}
    assert refused == {FLIPPED: "PartAlteredError", PARTNERS[2]: "PartMissingError"}


def test_a_byte_of_a_descriptor_that_was_changed_is_found_before_anything_is_opened(
    arrived: Operation, opened: list[str]
) -> None:
    file = here(arrived, kind=".drop.json")
    flip(file, file.read_bytes().index(b'"payload"') + 40)
    assert ran(arrived) == "DropsIncompleteError"
    assert opened == []


def test_a_verdict_with_any_byte_changed_is_none(arrived: Operation) -> None:
    """Then the drop is judged again: here only whether it counts, for every byte of it."""
    file = here(arrived)
    good = file.read_bytes()
    run = Run(arrived.project, ROUND, arrived.clock)
    try:
        run.intake()
        drop = run._drops[FLIPPED]
    finally:
        run.close()
    assert verdict.find_verdict(drop) is not None
    for at in range(len(good) - 1):  # the last is a line end
        flip(file, at)
        assert verdict.find_verdict(drop) is None, good[max(0, at - 20) : at + 1]
        file.write_bytes(good)
    for said_of_it in (b"", b"{}", b"null", b"\xff", good * 2):
        file.write_bytes(said_of_it)
        assert verdict.find_verdict(drop) is None


def of_another_partner(operation: Operation) -> bytes:
    return here(operation, PARTNERS[1]).read_bytes()


def that_names_the_right_drop(operation: Operation) -> bytes:
    """Of another partner, with the facts of this one: only the marks are of the other."""
    other, own = (json.loads(here(operation, name).read_text()) for name in (PARTNERS[1], FLIPPED))
    return json.dumps(own | {"marks": other["marks"], "mac": other["mac"]}).encode()


def of_another_round(operation: Operation) -> bytes:
    """Of the same bytes, made with the key of another round."""
    own = json.loads(here(operation).read_text())
    drop = intake.Drop(FLIPPED, here(operation), own["drop"], None, None, b"")  # type: ignore[arg-type]
    drop.__dict__["marking_key"] = bytes(32)
    found = verdict.Verdict.model_validate(own)
    return json.dumps(own | {"mac": verdict.gmac_tag(found.said(), drop.marking_key).hex()}).encode()


def of_another_version(operation: Operation) -> bytes:
    return here(operation).read_bytes().replace(b'"program":"', b'"program":"9')


@pytest.mark.parametrize(
    "other", [of_another_partner, that_names_the_right_drop, of_another_round, of_another_version]
)
def test_another_verdict_in_its_place_is_none_and_the_drop_is_judged_again(
    arrived: Operation, opened: list[str], other: Callable[[Operation], bytes]
) -> None:
    before = here(arrived).read_bytes()
    here(arrived).write_bytes(other(arrived))
    assert ran(arrived) is None
    assert len(opened) == len(PARTNERS) + 1
    again = json.loads(here(arrived).read_text())
    assert {**again, "marks": 0, "mac": 0} == {**json.loads(before), "marks": 0, "mac": 0}, (
        "as it was found before"
    )


def test_an_older_verdict_does_not_let_a_later_drop_of_the_same_name_in(arrived: Operation) -> None:
    """The part of another drop under the name of the first, with the verdict of the first: what is in it was never judged."""
    first = {file.name: file.read_bytes() for file in here(arrived).parent.glob("*.*")}
    other = arrived.prepare(FLIPPED, ROUND)
    (part,) = other.parent.glob(f"{other.name.removesuffix('.drop.json')}.part-*.age")
    (name,) = (name for name in first if name.endswith(".age"))
    (here(arrived).parent / name).write_bytes(part.read_bytes())
    assert ran(arrived) == "DropsIncompleteError"
    for name, data in first.items():
        (here(arrived, PARTNERS[1]).parent.parent / FLIPPED / name).write_bytes(data)
    assert ran(arrived) is None, "the very drop that was judged is good"


def test_what_was_judged_of_a_round_that_never_ran_is_gone_with_it(arrived: Operation) -> None:
    folder = arrived.project.folder / "subjects" / ROUND
    assert len(list(folder.iterdir())) == len(PARTNERS) + 1
    abandon(arrived.project, ROUND, arrived.clock)
    assert not folder.exists()
    assert not list((arrived.project.folder / "received").rglob("*.*"))
