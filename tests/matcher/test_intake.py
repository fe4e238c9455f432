"""What a partner itself could sign and deliver, and an outsider could do to a drop of several parts and selections."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from handmade import BSNS, NOW, PROJECT, document, selection, write_csv
from homes import Homes, mapping
from refusals import raises

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.crypto.signing import peek, sign
from lsi_match.matcher.engine.intake import Drop, Round, receive
from lsi_match.partner.prepare import prepare
from lsi_match.protocol.documents import DropDescriptor, Opening, Part

PARTNER = "gemeente"


@dataclass
class Delivered:
    """A drop of two selections (three records and four) in two parts, and what it is judged against."""

    parties: Homes
    round_: Round
    opening: bytes
    extracts: Path
    file: Path

    @property
    def descriptor(self) -> DropDescriptor:
        return peek(self.file.read_bytes(), DropDescriptor, what="drop", party=PARTNER)

    def parts(self) -> list[Path]:
        return [self.file.parent / part.file for part in self.descriptor.parts]

    def say(self, **changes: object) -> None:
        """The same partner signs another description."""
        changed = self.descriptor.model_copy(update=changes)
        self.file.write_bytes(sign(changed, self.parties.identities[PARTNER]))

    def again(self, place: Path) -> Path:
        """The partner prepares once more; the descriptor."""
        maps = mapping({"een": "een.csv", "twee": "twee.csv"})
        home = self.parties.home(PARTNER)
        return prepare(home, self.parties.logged(self.opening), maps, self.extracts, place, PROJECT, NOW).file

    def received(self) -> Drop:
        return receive(self.file, PARTNER, self.round_, NOW)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Delivered:
    folder = tmp_path_factory.mktemp("intake")
    both = [
        selection("een"),
        selection("twee", signals=[{"id": "veel", "when": "bedrag >= 50", "label": "Veel"}]),
    ]
    parties = Homes(folder / "homes", document({PARTNER: both, "uwv": [selection()]}))
    parties.join()
    row = {"bedrag": "500", "begin": "2001-01-01", "soort": "x", "actief": "ja"}
    for name, numbers in (("een", BSNS[:3]), ("twee", BSNS[3:])):
        rows = [{"kenmerk": f"{name}-{i}", "nummer": number, **row} for i, number in enumerate(numbers)]
        write_csv(folder / f"{name}.csv", rows)
    opening = parties.opening(parts=2)
    said = peek(opening, Opening, what="opening", party="matcher")
    judged = Round(parties.manifest, said, digest_of_bytes(opening), parties.round_secret)
    first = Delivered(parties, judged, opening, folder, folder)
    first.file = first.again(folder / "out")
    return first


@pytest.fixture
def drop(made: Delivered, tmp_path: Path) -> Delivered:
    shutil.copytree(made.file.parent, tmp_path / "inbox")
    file = tmp_path / "inbox" / made.file.name
    return Delivered(made.parties, made.round_, made.opening, made.extracts, file)


def test_a_drop_as_it_was_made_is_accepted(drop: Delivered) -> None:
    assert {name: counts.written for name, counts in drop.descriptor.selections.items()} == {
        "een": 3,
        "twee": 4,
    }
    received = drop.received()
    tables = [received.part(number) for number in range(2)]
    assert len(tables) == 2
    assert all(table.num_rows for table in tables)


@pytest.mark.parametrize("number", [0, 1])
def test_a_part_that_was_changed_after_it_was_accepted_is_not_opened(
    drop: Delivered, tmp_path: Path, number: int
) -> None:
    """Also when it is as good as the one that was accepted: the partner itself can make such a one."""
    received, ours = drop.received(), drop.parts()[number]
    theirs = sorted(drop.again(tmp_path / "other").parent.glob("*.age"))[number]
    ours.write_bytes(theirs.read_bytes())
    with raises("PartAlteredError"):
        received.part(number)
    ours.write_bytes(drop.parts()[1 - number].read_bytes())
    with raises("PartAlteredError"):
        received.part(number)
    ours.unlink()
    with raises("PartMissingError"):
        received.part(number)


def counts_moved_between_selections(drop: Delivered) -> None:
    """As many in all, but not of each."""
    selections = drop.descriptor.selections
    drop.say(selections={"een": selections["twee"], "twee": selections["een"]})


def rows_moved_between_parts(drop: Delivered) -> None:
    parts = drop.descriptor.parts
    first, second = (path.read_bytes() for path in drop.parts())
    for path, data in zip(drop.parts(), (second, first), strict=True):
        path.write_bytes(data)
    exchanged = (
        Part(file=parts[0].file, digest=parts[1].digest, rows=parts[1].rows),
        Part(file=parts[1].file, digest=parts[0].digest, rows=parts[0].rows),
    )
    drop.say(parts=exchanged)


def parts_swapped(drop: Delivered) -> None:
    """Somebody on the way changes the order."""
    first, second = (path.read_bytes() for path in drop.parts())
    for path, data in zip(drop.parts(), (second, first), strict=True):
        path.write_bytes(data)


def part_of_another_drop(drop: Delivered) -> None:
    """Somebody on the way puts in a part of another drop of the same partner in the same round, as good as this one."""
    other = drop.again(drop.file.parent.parent / "other")
    for ours, theirs in zip(drop.parts(), sorted(other.parent.glob("*.age")), strict=True):
        ours.write_bytes(theirs.read_bytes())


def last_part_left_out(drop: Delivered) -> None:
    """The partner signs for what is in the first part, as if the others had no valid number."""
    there = drop.received().part(0).column("selection").to_pylist()
    selections = {}
    for position, (name, counts) in enumerate(drop.descriptor.selections.items()):
        left = there.count(position)
        lost = counts.without_identifier + counts.written - left
        selections[name] = counts.model_copy(update={"written": left, "without_identifier": lost})
    drop.say(parts=drop.descriptor.parts[:1], selections=selections)


def in_the_name_of_another(drop: Delivered) -> None:
    """A partner signs, with its own key, what says it is another's."""
    drop.say(partner="uwv")


def signed_by_another(drop: Delivered) -> None:
    """Another partner signs what says it is this one's."""
    drop.file.write_bytes(sign(drop.descriptor, drop.parties.identities["uwv"]))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (counts_moved_between_selections, "CountsDifferError"),
        (rows_moved_between_parts, "PartUndeclaredError"),
        (parts_swapped, "PartAlteredError"),
        (part_of_another_drop, "PartAlteredError"),
        (last_part_left_out, "CountsDifferError"),
        (in_the_name_of_another, "OtherPartnersDropError"),
        (signed_by_another, "SignatureMissingError"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_another_drop_than_was_made_is_refused(
    drop: Delivered, spoil: Callable[[Delivered], None], reason: str
) -> None:
    spoil(drop)
    with pytest.raises(LsiError) as refused:
        drop.received()
    assert refused.value.reason == reason
