"""What reading an extract in pieces may not change: the outcome, what is left after a fault, and how much is alive at once."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from handmade import BSNS, NOW, PROJECT, document, selection, write_csv
from homes import Homes, mapping
from operation import execute

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.duckdb_locked import locked_connection
from lsi_match.base.errors import LsiError
from lsi_match.criteria.parse import FieldType
from lsi_match.crypto import spill_buffer
from lsi_match.crypto.sealing import unseal
from lsi_match.partner import drop_rows, select
from lsi_match.partner.drop_rows import WORKERS
from lsi_match.partner.extract.cell_types import Cell, Role, text
from lsi_match.partner.prepare import Prepared, prepare
from lsi_match.partner.references import resolve
from lsi_match.protocol.columns import drop_columns
from lsi_match.protocol.tables import from_part
from lsi_match.tables import csv_batches
from lsi_match.tables.source import Stored
from lsi_match.tables.stored import Kind

PARTNER = "gemeente"
ROWS = 40_000
#: Records in a piece, and bytes in a block of CSV, in these tests: many of both.
SMALL, BYTES = 2_000, 1 << 14


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Homes:
    made = Homes(
        tmp_path_factory.mktemp("parties"), document({n: [selection()] for n in ("gemeente", "uwv")})
    )
    made.join()
    return made


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(select, "PIECE", SMALL)
    monkeypatch.setattr(csv_batches, "BLOCK", BYTES)


def records(count: int = ROWS) -> list[dict[str, str]]:
    """Different people; each seventh has no valid number, each eleventh does not pass the criterion."""
    made = []
    for n in range(count):
        number = f"{10_000_000 + n:08}"
        total = sum(int(digit) * weight for digit, weight in zip(number, range(9, 1, -1), strict=True))
        bsn = f"{number}{total % 11}" if total % 11 < 10 and n % 7 else "nvt"
        made.append(
            {
                "kenmerk": f"K{n}", "nummer": bsn, "bedrag": str(n % 250), "begin": "2026-05-01",
                "soort": "é", "actief": "nee" if n % 11 == 0 else "ja",
            }
        )  # fmt: skip
    return made


def made(
    parties: Homes, place: Path, written: list[dict[str, str]], form: str = "csv", parts: int = 3
) -> Prepared:
    """The drop of these records, as by a partner that answers its first opening of this name."""
    shutil.rmtree(parties.home(PARTNER).project(PROJECT) / "openings", ignore_errors=True)
    place.mkdir(parents=True, exist_ok=True)
    file = place / f"extract.{form}"
    write_csv(file, written) if form == "csv" else pl.DataFrame(written).write_parquet(file)
    (home := parties.home(PARTNER)).folder.mkdir(exist_ok=True)
    opening = parties.logged(parties.opening(parts=parts))
    return prepare(home, opening, mapping({"lijst": file.name}), place, place / "out", PROJECT, NOW)


def content(parties: Homes, drop: Prepared) -> list[list[tuple[Any, ...]]]:
    """Per part its rows, in the order in which they stand, with the record id where the reference was."""
    manifest = parties.manifest
    columns = drop_columns(manifest, manifest.partners[PARTNER])
    document = drop.file.read_bytes()
    keep = parties.home(PARTNER).references(PROJECT, "r1", digest_of_bytes(document))
    found = []
    for part in drop.descriptor.parts:
        sealed = (drop.file.parent / part.file).read_bytes()
        assert digest_of_bytes(sealed) == part.digest
        plain = unseal(sealed, parties.round_secret, what="part", party=PARTNER)
        table = from_part(plain, columns, part.rows, what="part", party=PARTNER)
        ids = resolve(table.column("reference").to_pylist(), keep)
        others = [table.column(c.name).to_pylist() for c in columns if c.name != "reference"]
        found.append(list(zip(ids, *others, strict=True)))
    return found


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_many_pieces_give_what_one_piece_gives(
    parties: Homes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    whole = made(parties, tmp_path / "whole", records(), form)
    monkeypatch.setattr(select, "PIECE", SMALL)
    monkeypatch.setattr(csv_batches, "BLOCK", BYTES)
    pieces = _counted(monkeypatch)
    cut = made(parties, tmp_path / "cut", records(), form)
    assert len(pieces) > 10
    assert cut.descriptor.selections == whole.descriptor.selections
    assert content(parties, cut) == content(parties, whole)
    counts = cut.descriptor.selections["lijst"]
    assert (counts.read, counts.after["lopend"]) == (ROWS, sum(r["actief"] == "ja" for r in records()))
    assert counts.written > 0.6 * ROWS


def test_a_number_that_stands_at_too_many_records_is_left_out(
    parties: Homes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(select, "PIECE", SMALL)
    few = made(parties, tmp_path / "few", records())
    same = records()[1] | {"actief": "ja", "bedrag": "200"}
    dummy = [same | {"kenmerk": f"D{n}", "nummer": "999990019"} for n in range(101)]
    many = made(parties, tmp_path / "many", [*records(), *dummy])
    one, other = (drop.descriptor.selections["lijst"] for drop in (few, many))
    assert "bsn_crowd" not in one.invalid
    assert other.invalid["bsn_crowd"] == len(dummy) == other.with_signal - one.with_signal
    assert (other.written, other.without_identifier) == (one.written, one.without_identifier + len(dummy))
    again = made(parties, tmp_path / "bound", [*records(), *dummy[1:]])
    assert "bsn_crowd" not in again.descriptor.selections["lijst"].invalid


def _counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows of every piece that is selected from now on that has any."""
    found: list[int] = []
    plain = select._Selecting.pieces

    def pieces(self: Any) -> Iterator[Any]:
        for piece in plain(self):
            found.extend([piece.read] if piece.read else [])
            yield piece

    monkeypatch.setattr(select._Selecting, "pieces", pieces)
    return found


def test_records_that_are_twice_in_an_extract_far_apart_become_one(
    parties: Homes, tmp_path: Path, small_pieces: None
) -> None:
    """The same record at the start and the end, once with one signal and once with the other."""
    once = records()
    twice = {**once[1], "nummer": BSNS[0], "bedrag": "500", "begin": "2001-01-01"}
    again = {**twice, "bedrag": "1", "begin": "2026-05-01"}
    drop = made(parties, tmp_path, [twice, *once[2:], again])
    assert drop.descriptor.selections["lijst"].duplicates == 1
    rows_ = [row for part in content(parties, drop) for row in part if row[0] == "K1"]
    assert [row[2] for row in rows_] == [0b11], "both signals"


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_the_order_of_the_extract_is_not_in_the_drop(
    parties: Homes, tmp_path: Path, small_pieces: None, form: str
) -> None:
    """Rows that differ in their pseudonym stand in its order; those with one number (here as many as one person may have) in an order
    that is neither that of the extract nor the same twice."""
    people = records(2_000)
    for n, row in enumerate(people):
        row["nummer"] = BSNS[0] if n % 20 == 1 else row["nummer"]
    first = content(parties, made(parties, tmp_path / "a", people, form, 1))[0]
    back = content(parties, made(parties, tmp_path / "b", people[::-1], form, 1))[0]
    assert sorted(first) == sorted(back)
    assert [row[1] for row in first] == [row[1] for row in back] == sorted(row[1] for row in first)
    (shared, count), *_ = Counter(row[1] for row in first).most_common(1)
    assert count > 50
    same = [[int(row[0][1:]) for row in rows_ if row[1] == shared] for rows_ in (first, back)]
    for numbers in same:
        rising = sum(a < b for a, b in pairwise(numbers)) / len(numbers)
        assert 0.3 < rising < 0.7
    assert same[0] not in (same[1], same[1][::-1])


def _last(change: dict[str, str]) -> list[dict[str, str]]:
    written = records()
    written[-1] = {**written[-1], **change}
    return written


def _left(place: Path) -> list[str]:
    return sorted(p.name for p in place.rglob("*") if p.is_file() and not p.name.startswith("extract."))


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"bedrag": "veel"}, "WrongTypeError"), ({"kenmerk": "", "nummer": BSNS[0], "actief": "ja"}, "RecordIdMissingError")],
    ids=["type", "record id"],
)  # fmt: skip
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_fault_in_the_last_piece_leaves_nothing(
    parties: Homes, tmp_path: Path, small_pieces: None, monkeypatch: pytest.MonkeyPatch,
    form: str, change: dict[str, str], reason: str,
) -> None:  # fmt: skip
    pieces = _counted(monkeypatch)
    kept = _left(parties.home(PARTNER).folder)
    with pytest.raises(LsiError) as refused:
        made(parties, tmp_path, _last(change), form)
    assert refused.value.reason == reason
    row = ROWS + 1 if form == "csv" else ROWS
    assert f"row {row}" in refused.value.text("en"), "the row is named, in CSV as a spreadsheet counts"
    assert len(pieces) > 5, "pieces before it went well"
    assert _left(tmp_path) == []
    assert _left(parties.home(PARTNER).folder) == kept


def test_a_last_line_that_cannot_be_read_leaves_nothing(
    parties: Homes, tmp_path: Path, small_pieces: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = _counted(monkeypatch)
    plain = csv_batches.batches

    def cut_short(file: Path, *rest: Any) -> Any:
        file.write_bytes(file.read_bytes()[:-30])
        monkeypatch.setattr(csv_batches, "batches", plain)
        return plain(file, *rest)

    monkeypatch.setattr(csv_batches, "batches", cut_short)
    with pytest.raises(LsiError) as refused:
        made(parties, tmp_path, records())
    assert refused.value.reason == "ExtractUnreadableError"
    assert len(pieces) > 5
    assert _left(tmp_path) == []


@pytest.mark.parametrize("which", ["part-0001", "part-0002", "drop.json"])
def test_a_disk_that_fills_up_leaves_no_part_and_running_again_makes_the_drop(
    parties: Homes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    from lsi_match.base import files

    plain = files.os.fsync

    def full(descriptor: int) -> None:
        if which in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            raise OSError(28, "No space left on device")
        plain(descriptor)

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        made(parties, tmp_path, records(2_000))
    assert _left(tmp_path) == []
    monkeypatch.setattr(files.os, "fsync", plain)
    assert len(content(parties, made(parties, tmp_path, records(2_000)))) == 3


def test_no_more_pieces_are_alive_than_keep_the_processors_busy(
    parties: Homes, tmp_path: Path, small_pieces: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However slow the work on a piece is, reading waits for it: what memory holds of pieces has a bound."""
    alive, most, lock = 0, 0, threading.Lock()
    free = threading.Event()
    read, plain = select._Selecting.pieces, drop_rows._pseudonyms

    def pieces(self: Any) -> Iterator[Any]:
        nonlocal alive, most
        for piece in read(self):
            with lock:
                alive += 1
                most = max(most, alive)
                if alive > 2 * WORKERS:
                    free.set()
            yield piece

    def slow(*arguments: Any) -> Any:
        nonlocal alive
        free.wait(5)
        try:
            return plain(*arguments)
        finally:
            with lock:
                alive -= 1

    monkeypatch.setattr(select._Selecting, "pieces", pieces)
    monkeypatch.setattr(drop_rows, "_pseudonyms", slow)
    drop = made(parties, tmp_path, records())
    assert drop.descriptor.selections["lijst"].read == ROWS
    assert 2 * WORKERS <= most <= 2 * WORKERS + 1


def test_no_piece_is_larger_than_agreed_whatever_the_file(
    parties: Homes, tmp_path: Path, small_pieces: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Parquet of one group of rows and a CSV of long lines are both read in pieces of at most so many records."""
    pieces = _counted(monkeypatch)
    for form in ("csv", "parquet"):
        made(parties, tmp_path / form, records(), form)
    assert sum(pieces) == 2 * ROWS
    # DuckDB hands over whole vectors of 2048 records.
    assert max(pieces) <= SMALL + 2048


WRITTEN = [
    "x",
    " x",
    "x ",
    " x y ",
    "",
    " ",
    "   ",
    "\u00a0x",
    "x\u00a0",
    "\u2003",
    "é",
    " é",
    "é\u2009",
    "\tx\t",
    "x\n",
    "\u200bx",
]


def test_the_quick_way_to_trim_a_text_is_the_slow_way() -> None:
    con = locked_connection()
    con.register("written", pa.table({"x": pa.array(WRITTEN, pa.string())}))
    for text_, quick, slow in con.execute(
        f"SELECT x, {text('x')}, nullif(trim(x), '') FROM written"
    ).fetchall():
        assert quick == slow, repr(text_)


@pytest.mark.parametrize("stored", ["TINYINT", "INTEGER", "BIGINT", "UINTEGER"])
def test_a_whole_number_in_parquet_is_what_its_text_says(stored: str) -> None:
    limits = {"TINYINT": 2**7 - 1, "INTEGER": 2**31 - 1, "BIGINT": 2**63 - 1, "UINTEGER": 2**32 - 1}
    limit = limits[stored]
    lowest = 0 if stored == "UINTEGER" else -limit - 1
    edges = [0, 1, -1, lowest, limit, 10**18 - 1, 10**18, 1 - 10**18, -(10**18)]
    numbers = [n for n in edges if lowest <= n <= limit]
    con = locked_connection()
    con.execute(f"CREATE TABLE written (x {stored}, t VARCHAR)")
    con.executemany("INSERT INTO written VALUES (?, ?)", [[n, str(n)] for n in numbers])
    con.execute("INSERT INTO written VALUES (NULL, NULL)")
    native, written = Stored(frozenset({Kind.WHOLE}), True, stored), Stored(frozenset({Kind.TEXT}))
    quick = Cell("x", FieldType.INTEGER, Role.PLAIN, native).value("x")
    slow = Cell("t", FieldType.INTEGER, Role.PLAIN, written).value(text("t"))
    for value, one, other in con.execute(f"SELECT x, {quick}, {slow} FROM written").fetchall():
        assert one == other, value


# What memory has no room for.


def test_rows_that_memory_has_no_room_for_make_the_same_drop(
    parties: Homes, tmp_path: Path, small_pieces: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    roomy = made(parties, tmp_path / "roomy", records(8_000))
    monkeypatch.setattr(spill_buffer, "MEMORY_BUDGET", 30_000)
    written: list[int] = []
    plain = spill_buffer.SpillBuffer._to_disk
    monkeypatch.setattr(
        spill_buffer.SpillBuffer, "_to_disk", lambda self: (written.append(self._bytes), plain(self))
    )
    cramped = made(parties, tmp_path / "cramped", records(8_000))
    assert len(written) > 2
    assert max(written) < 300_000, "no more than the room and a piece are in memory"
    assert cramped.descriptor.selections == roomy.descriptor.selections
    assert content(parties, cramped) == content(parties, roomy)
    assert _left(tmp_path / "cramped" / "out") == _left_of(cramped)


def test_what_lies_on_disk_meanwhile_tells_nothing_and_has_no_name(
    parties: Homes, tmp_path: Path, small_pieces: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither record ids nor pseudonyms are in the file, and the folder shows none."""
    monkeypatch.setattr(spill_buffer, "MEMORY_BUDGET", 60_000)
    seen: list[bytes] = []
    shown: list[list[str]] = []
    taken = spill_buffer.SpillBuffer.take

    def take(self: spill_buffer.SpillBuffer, *wanted: Any) -> Any:
        shown.append(_left(tmp_path / "out"))
        seen.append(b"".join(os.pread(file.fileno(), 1 << 30, 0) for file in self.files if file))
        return taken(self, *wanted)

    monkeypatch.setattr(spill_buffer.SpillBuffer, "take", take)
    drop = made(parties, tmp_path, records(8_000))
    file = seen[0]
    assert len(file) > 100_000
    rows_ = [row for part in content(parties, drop) for row in part]
    # Five letters in a file of random bytes may stand there by chance; were they written, all of them would.
    ids = [row[0].encode() for row in rows_ if len(row[0]) > 4]
    assert sum(one in file for one in ids) < 4 < len(ids)
    assert not any(row[1] in file for row in rows_)
    assert all(".part-" in name for name in shown[0]), "nothing but parts that are being written"


def _left_of(drop: Prepared) -> list[str]:
    return sorted([drop.file.name, *(part.file for part in drop.descriptor.parts)])


# A process that is cut off.

KILLED = """
import os, signal, sys
from pathlib import Path
from handmade import NOW, PROJECT
from homes import mapping
from lsi_match.base import files
from lsi_match.partner import home as homes
from lsi_match.partner import prepare as preparing
place, folder, moment = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
die = lambda: os.kill(os.getpid(), signal.SIGKILL)
def before(owner, name, when):
    plain, count = getattr(owner, name), [0]
    def stopped(*arguments, **options):
        count[0] += 1
        return die() if count[0] == when else plain(*arguments, **options)
    setattr(owner, name, stopped)
if moment == "reading": before(preparing.SpillBuffer, "add", 2)
if moment == "first part written, not renamed":
    plain = preparing.seal_into
    def seal(*arguments):
        before(files.os, "fsync", 1)  # what was seen of the log was made durable long before
        return plain(*arguments)
    preparing.seal_into = seal
if moment == "some parts there": before(preparing, "seal_into", 3)
if moment == "all parts there": before(homes.Home, "keep_references", 1)
if moment == "references kept, no descriptor": before(preparing, "write_whole", 1)
preparing.prepare(homes.Home(folder, "gemeente"), Path((place / "opening").read_text()), mapping({"lijst": "extract.csv"}),
                  place, place / "out", PROJECT, NOW)
"""


@pytest.mark.parametrize(
    ("moment", "leaves"),
    [
        ("reading", 0),
        ("first part written, not renamed", 1),
        ("some parts there", 1),
        ("all parts there", 3),
        ("references kept, no descriptor", 3),
    ],
)
def test_running_again_after_a_kill_makes_one_whole_drop_and_leaves_nothing_else(
    parties: Homes, tmp_path: Path, moment: str, leaves: int
) -> None:
    write_csv(tmp_path / "extract.csv", records(2_000))
    opening = parties.logged(parties.opening(parts=3))
    (tmp_path / "opening").write_text(str(opening))
    folder = parties.home(PARTNER).folder
    assert execute(KILLED, tmp_path, folder, moment) == -signal.SIGKILL
    after = _left(tmp_path / "out")
    assert len([*after, *(tmp_path / "out").glob(".*")]) >= leaves
    assert not any(name.endswith(".drop.json") for name in after)
    other = tmp_path / "out" / "proef.r1.uwv.0123456789abcdef.part-0000.age"
    other.write_bytes(b"of another partner")
    whole = made(parties, tmp_path, records(2_000))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        [*_left_of(whole), other.name]
    )
    assert sum(map(len, content(parties, whole))) == whole.descriptor.rows
    again = made(parties, tmp_path, records(2_000))
    assert set(_left_of(whole)) < set(_left(tmp_path / "out")), "a whole drop stays"
    assert again.file != whole.file


def test_two_at_a_time_do_not_make_drops_of_one_project(parties: Homes, tmp_path: Path) -> None:
    with parties.home(PARTNER).alone(PROJECT), pytest.raises(LsiError) as refused:
        made(parties, tmp_path, records(10))
    assert refused.value.reason == "PreparingAlreadyError"
    assert made(parties, tmp_path, records(10)).file.exists()


def test_progress_tells_records_read_and_parts_written(
    parties: Homes, tmp_path: Path, small_pieces: None
) -> None:
    write_csv(tmp_path / "extract.csv", records(8_000))
    told: list[tuple[str, str, int, int | None]] = []
    prepare(
        parties.home(PARTNER), parties.logged(parties.opening(parts=3)), mapping({"lijst": "extract.csv"}), tmp_path, tmp_path / "out",
        PROJECT, NOW, lambda *step: told.append(step),
    )  # fmt: skip
    read = [step[2] for step in told if step[:2] == ("select", "lijst")]
    assert len(read) > 3
    assert read == sorted(read)
    assert read[-1] == 8_000
    assert [step for step in told if step[0] == "seal"] == [("seal", "", n, 3) for n in (1, 2, 3)]


def test_ids_too_long_for_a_block_are_found_back_and_kept_once(
    parties: Homes, tmp_path: Path, small_pieces: None
) -> None:
    """Short and long ids, records that are there twice, in many pieces and parts."""
    written = [
        {**row, "kenmerk": f"zaak/2026/gemeente/{n}" if n % 3 else row["kenmerk"]}
        for n, row in enumerate(records(6_000))
    ]
    drop = made(parties, tmp_path, written + written[:600])
    found = sorted(row[0] for part in content(parties, drop) for row in part)
    sent = [row["kenmerk"] for row in written if row["nummer"] != "nvt" and row["actief"] == "ja"]
    assert found == sorted(sent)
    keep = parties.home(PARTNER).references(PROJECT, "r1", digest_of_bytes(drop.file.read_bytes()))
    assert sorted(keep.long_ids) == sorted(id_ for id_ in sent if len(id_) > 15)
