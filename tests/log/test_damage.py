"""Damage of any kind, made at random, is found every time; a log without damage never fails.

`make damage` does it ten thousand times (`LSI_MATCH_DAMAGES` says how many); the tests take fewer.
"""

from __future__ import annotations

import os
import random
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lsi_match.log.audit_terms import details_problems
from lsi_match.log.entry import LogEntry
from lsi_match.log.events import DropArrivalRefused
from lsi_match.log.note import Checkpoint, VerifierKey
from lsi_match.log.store import Log
from lsi_match.log.verify import verify_log

TRIALS = int(os.environ.get("LSI_MATCH_DAMAGES", "300"))
NAME = "matching.example.nl"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
MATCHER = VerifierKey.of(NAME, KEY)
SIZE = 24
TABLES = {"leaves": ("leaf",), "details": ("salt", "details"), "tiles": ("hashes",), "checkpoints": ("note",)}


def write(path: Path, size: int = SIZE) -> Checkpoint:
    with Log.create(path, f"{NAME}/project") as log:
        for number in range(size):
            entry = LogEntry(
                trace_id="1" * 32,
                span_id=f"{number + 1:016x}",
                name="arrive",
                status="Error",
                start_time=number,
                end_time=number,
                attributes=DropArrivalRefused(
                    partner="uwv", reason="DropTimeError", message="x"
                ).attributes(),
            )
            log.append_and_sign([(entry, {"n": number} if number % 3 == 0 else None)], KEY, NAME)
        return Checkpoint.of_note(str(log.checkpoint()))


def content(path: Path) -> list[list[tuple[object, ...]]]:
    """Every row of every table, bit by bit; raises sqlite3.Error where that cannot be read."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        orders = ["leaves", "details", "tiles", "checkpoints", "log"]
        return [sorted(connection.execute(f"SELECT * FROM {one}"), key=repr) for one in orders]
    finally:
        connection.close()


def a_row(connection: sqlite3.Connection, chance: random.Random, table: str) -> tuple[object, ...]:
    return chance.choice(connection.execute(f"SELECT * FROM {table}").fetchall())


def _where(table: str, row: tuple[object, ...]) -> tuple[str, tuple[object, ...]]:
    if table == "tiles":
        return "level = ? AND number = ?", row[:2]
    return ("size = ?" if table == "checkpoints" else "position = ?"), row[:1]


def change(connection: sqlite3.Connection, chance: random.Random) -> None:
    """One byte of one value."""
    table = chance.choice(list(TABLES))
    column = chance.choice(TABLES[table])
    where, key = _where(table, a_row(connection, chance, table))
    (value,) = connection.execute(f"SELECT {column} FROM {table} WHERE {where}", key).fetchone()
    raw = bytearray(value.encode() if isinstance(value, str) else value)
    raw[chance.randrange(len(raw))] ^= chance.randrange(1, 256)
    new = raw.decode("latin-1") if isinstance(value, str) else bytes(raw)
    connection.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (new, *key))


def remove(connection: sqlite3.Connection, chance: random.Random) -> None:
    """One entry, or one row of the tree."""
    table = chance.choice(["leaves", "tiles"])
    where, key = _where(table, a_row(connection, chance, table))
    connection.execute(f"DELETE FROM {table} WHERE {where}", key)


def shifted(connection: sqlite3.Connection, at: int, leaves: list[bytes]) -> None:
    connection.execute("DELETE FROM leaves WHERE position >= ?", (at,))
    connection.executemany("INSERT INTO leaves VALUES (?, ?)", enumerate(leaves, at))


def leaves_of(connection: sqlite3.Connection) -> list[bytes]:
    return [leaf for (leaf,) in connection.execute("SELECT leaf FROM leaves ORDER BY position")]


def insert(connection: sqlite3.Connection, chance: random.Random) -> None:
    """One entry more, somewhere; the others move up."""
    leaves, at = leaves_of(connection), chance.randrange(SIZE + 1)
    shifted(connection, at, [leaves[chance.randrange(SIZE)].replace(b"gates", b"match"), *leaves[at:]])


def duplicate(connection: sqlite3.Connection, chance: random.Random) -> None:
    leaves, at = leaves_of(connection), chance.randrange(SIZE)
    shifted(connection, at, [leaves[at], *leaves[at:]])


def reorder(connection: sqlite3.Connection, chance: random.Random) -> None:
    leaves = leaves_of(connection)
    one, other = chance.sample(range(SIZE), 2)
    leaves[one], leaves[other] = leaves[other], leaves[one]
    shifted(connection, 0, leaves)


def truncate(connection: sqlite3.Connection, chance: random.Random) -> None:
    """The last entries, with the checkpoints over them: an older state."""
    size = chance.randrange(SIZE)
    for table, column in (("leaves", "position >="), ("details", "position >="), ("checkpoints", "size >")):
        connection.execute(f"DELETE FROM {table} WHERE {column} ?", (size,))


def swap_checkpoints(connection: sqlite3.Connection, chance: random.Random) -> None:
    one, other = chance.sample(range(1, SIZE + 1), 2)
    notes = dict(connection.execute("SELECT size, note FROM checkpoints").fetchall())
    connection.execute("UPDATE checkpoints SET note = ? WHERE size = ?", (notes[other], one))


def forget(connection: sqlite3.Connection, chance: random.Random) -> None:
    """The audit record of one entry."""
    (position, *_) = a_row(connection, chance, "details")
    connection.execute("DELETE FROM details WHERE position = ?", (position,))


ROWS = (change, remove, insert, duplicate, reorder, truncate, swap_checkpoints, forget)


def found(path: Path, last: Checkpoint) -> bool:
    """Whether anything is found: by verifying, or by asking for the details that should be there."""
    verified = verify_log(path, MATCHER, last)
    if not verified.ok:
        return True
    with Log.open(path, read_only=True) as log:
        bound = [position for position, entry in log.entries() if entry.details_hash is not None]
        return bool(details_problems(verified.view, bound, list(log.details_positions())))


def pages(raw: bytes, chance: random.Random) -> bytes:
    """Bytes of the file itself: one, a run of them, a page over another, or the end cut off."""
    changed, at = bytearray(raw), chance.randrange(len(raw))
    match chance.randrange(4):
        case 0:
            changed[at] ^= chance.randrange(1, 256)
        case 1:
            length = chance.randrange(1, 200)
            changed[at : at + length] = chance.randbytes(len(changed[at : at + length]))
        case 2:
            one, other = chance.sample(range(len(raw) // 4096), 2)
            changed[one * 4096 : (one + 1) * 4096] = raw[other * 4096 : (other + 1) * 4096]
        case _:
            del changed[at:]
    return bytes(changed)


def trial(
    sound: bytes, original: list[list[tuple[object, ...]]], path: Path, last: Checkpoint, seed: int
) -> str:
    """Damage a copy and verify it; what was done, and whether it was found or was no damage at all."""
    chance = random.Random(seed)
    kind: Callable[[sqlite3.Connection, random.Random], None] | None = chance.choice([*ROWS, None])
    path.with_name(path.name + "-journal").unlink(missing_ok=True)
    path.write_bytes(sound if kind else pages(sound, chance))
    if kind:
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA synchronous = OFF")
        kind(connection, chance)
        connection.commit()
        connection.close()
    name = kind.__name__ if kind else "pages"
    if found(path, last):
        return f"{name}: found"
    # In the file itself there is space that holds nothing.
    assert kind is None, f"seed {seed}: {name} went unseen"
    assert content(path) == original, f"seed {seed}: a change of the file went unseen"
    return f"{name}: nothing changed"


def test_damage_of_any_kind_is_found_every_time(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    last = write(path)
    sound, original = path.read_bytes(), content(path)
    outcomes = Counter(trial(sound, original, path, last, seed) for seed in range(TRIALS))
    print(f"\n{TRIALS} times:", ", ".join(f"{what} {times}" for what, times in sorted(outcomes.items())))
    assert sum(outcomes.values()) == TRIALS
    for kind in ROWS:
        assert outcomes[f"{kind.__name__}: found"] > TRIALS // 25
    assert outcomes["pages: found"] > outcomes["pages: nothing changed"] / 4


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Checkpoint]:
    path = tmp_path_factory.mktemp("sound") / "log.sqlite"
    return path, write(path)


@settings(
    deadline=None, max_examples=TRIALS // 5, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.integers(0, 2**20), st.binary(min_size=1, max_size=64)), min_size=1, max_size=4))
def test_bytes_written_over_pages_are_found_or_change_nothing_that_counts(
    sound: tuple[Path, Checkpoint], tmp_path: Path, edits: list[tuple[int, bytes]]
) -> None:
    original, last = sound
    changed = bytearray(original.read_bytes())
    size = len(changed)
    for at, data in edits:
        at %= size
        changed[at : at + len(data)] = data[: size - at]
    path = tmp_path / "edited.sqlite"
    path.with_name(path.name + "-journal").unlink(missing_ok=True)
    path.write_bytes(changed)
    if verify_log(path, MATCHER, last).ok:
        # Audit records may be gone from a copy; what is there has to be what was written.
        entries, details, *rest = content(path)
        then, all_details, *before = content(original)
        assert (entries, rest) == (then, before)
        assert set(details) <= set(all_details)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 17, 257])
def test_a_log_without_damage_never_fails(tmp_path: Path, size: int) -> None:
    path = tmp_path / "log.sqlite"
    if size == 0:
        Log.create(path, f"{NAME}/project").close()
    last = write(path, size) if size else None
    assert verify_log(path, MATCHER, last).texts() == []
