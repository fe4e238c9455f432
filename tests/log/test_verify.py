"""A log that was tampered with never verifies, whatever was done to it and whoever signed it."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lsi_match.base.errors import LsiError
from lsi_match.log import merkle, note
from lsi_match.log.entry import LogEntry
from lsi_match.log.note import Checkpoint, VerifierKey
from lsi_match.log.policy import Policy
from lsi_match.log.remembered import RememberedLog
from lsi_match.log.store import Log
from lsi_match.log.verify import verify_and_remember, verify_log

NAME = "matching.example.nl/project"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ATTACKER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
CONTROLLER = Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34)))
MATCHER = VerifierKey.of(NAME, KEY)
COSIGNER = VerifierKey.of("uwv.example.nl", CONTROLLER, note.COSIGNATURE)
SIZE = 700


def entry(number: int, name: str = "drop accepted") -> LogEntry:
    return LogEntry(
        trace_id=f"{number + 1:032x}",
        span_id=f"{number + 1:016x}",
        status="Ok",
        name=name,
        start_time=1_760_000_000_000 + number,
        end_time=1_760_000_000_005 + number,
        attributes={"rows": number},
    )


def write(path: Path, size: int = SIZE, step: int = 100, rewritten: int | None = None) -> None:
    """A log signed after every `step` entries; every tenth entry has details; one may tell another story."""
    with Log.create(path, NAME) as log:
        for start in range(0, size, step):
            batch = [
                (
                    entry(number, "other" if number == rewritten else "drop accepted"),
                    {"n": number} if number % 10 == 0 else None,
                )
                for number in range(start, min(size, start + step))
            ]
            log.append_and_sign(batch, KEY, NAME)
        signed = log.checkpoint()
        assert signed is not None
        log.add_cosignature(log.size, note.cosign(signed, CONTROLLER, COSIGNER.name, 1_760_000_000), COSIGNER)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "log.sqlite"
    write(path)
    return path


@pytest.fixture
def path(sound: Path, tmp_path: Path) -> Path:
    """A copy to tamper with."""
    return shutil.copy(sound, tmp_path / "log.sqlite")


def cosigned(path: Path) -> dict[str, int]:
    """Who co-signed up to where."""
    with Log.open(path, read_only=True) as log:
        return Policy((MATCHER,), {COSIGNER.name: COSIGNER}).cosigned_sizes(log.checkpoints())


def cosignatures_hold(path: Path) -> bool:
    try:
        return cosigned(path) == {COSIGNER.name: SIZE}
    except LsiError:
        return False


def reasons(path: Path, remembered: Checkpoint | None = None) -> set[str]:
    found = verify_log(path, MATCHER, remembered)
    for problem in found.problems:
        assert problem.text("nl")
        assert problem.text("en")
    return {problem.reason for problem in found.problems}


def tamper(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def rebuild(path: Path, change: Callable[[list[bytes]], list[bytes]], *, tiles: bool = True) -> None:
    """What a thorough attacker does: other leaves, renumbered, with a tree that fits them again."""
    connection = sqlite3.connect(path)
    leaves = change([leaf for (leaf,) in connection.execute("SELECT leaf FROM leaves ORDER BY position")])
    connection.execute("DELETE FROM leaves")
    connection.executemany("INSERT INTO leaves VALUES (?, ?)", enumerate(leaves))
    if tiles:
        edge = merkle.RightEdge()
        rows = edge.add(map(merkle.leaf_hash, leaves))
        connection.execute("DELETE FROM tiles")
        connection.executemany("INSERT INTO tiles VALUES (?, ?, ?)", [*rows, *edge.unfinished()])
    connection.commit()
    connection.close()


def test_a_sound_log_verifies_and_says_what_is_in_it(path: Path) -> None:
    found = verify_log(path, MATCHER)
    assert found.texts() == []
    assert found.ok
    assert (found.origin, found.size, found.checkpoints) == (NAME, SIZE, 7)
    assert (found.details_present, found.details_absent) == (70, ())
    assert cosigned(path) == {COSIGNER.name: SIZE}
    assert found.newest_checkpoint is not None
    checkpoint = note.verify_checkpoint(found.newest_checkpoint, [MATCHER])
    assert checkpoint == Checkpoint(NAME, SIZE, found.root or b"")


def test_an_empty_log_verifies(tmp_path: Path) -> None:
    Log.create(tmp_path / "log.sqlite", NAME).close()
    found = verify_log(tmp_path / "log.sqlite", MATCHER)
    assert (found.ok, found.size, found.root) == (True, 0, merkle.EMPTY_ROOT)


def changed(leaves: list[bytes]) -> list[bytes]:
    return [*leaves[:42], leaves[42].replace(b'"rows":42', b'"rows":41'), *leaves[43:]]


ATTACKS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "change": changed,
    "change the last": lambda leaves: [*leaves[:-1], leaves[-1].replace(b"Ok", b"Error")],
    "remove": lambda leaves: leaves[:42] + leaves[43:],
    "remove the first": lambda leaves: leaves[1:],
    "insert": lambda leaves: [*leaves[:42], entry(1000).leaf(), *leaves[42:]],
    "insert at the end": lambda leaves: [*leaves, entry(1000).leaf()],
    "reorder": lambda leaves: [*leaves[:42], leaves[43], leaves[42], *leaves[44:]],
    "reverse": lambda leaves: leaves[::-1],
    "truncate": lambda leaves: leaves[:-1],
    "truncate to a tile": lambda leaves: leaves[:512],
    "duplicate": lambda leaves: [*leaves[:42], *leaves[41:]],
    "duplicate the last": lambda leaves: [*leaves, leaves[-1]],
    "empty": lambda leaves: [],
}


@pytest.mark.parametrize("tiles", [True, False], ids=["tree rebuilt", "tree left"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_no_change_of_the_entries_goes_unseen(path: Path, attack: str, tiles: bool) -> None:
    rebuild(path, ATTACKS[attack], tiles=tiles)
    found = reasons(path)
    assert found & {"CheckpointRootError", "CheckpointBeyondError", "EntriesUnsignedError"}
    if attack == "change" and not tiles:
        assert "EntriesChangedError" in found


def test_the_entry_that_was_changed_is_named(path: Path) -> None:
    rebuild(path, changed, tiles=False)
    (problem,) = [p for p in verify_log(path, MATCHER).problems if p.reason == "EntriesChangedError"]
    assert problem.facts == {"first": 42, "last": 42}


def test_every_problem_is_reported_not_only_the_first(path: Path) -> None:
    rebuild(path, changed, tiles=False)
    tamper(
        path,
        "UPDATE details SET salt = zeroblob(32) WHERE position = 10",
        "INSERT INTO details VALUES (9999, zeroblob(32), x'7b7d')",
        "UPDATE tiles SET hashes = zeroblob(64) WHERE level = 1",
        "UPDATE checkpoints SET note = 'x' WHERE size = 200",
        "UPDATE leaves SET leaf = x'7b7d' WHERE position = 600",
    )
    assert reasons(path) >= {
        "EntriesChangedError",
        "LeafMalformedError",
        "DetailsChangedError",
        "DetailsOutsideError",
        "TreeChangedError",
        "CheckpointUnreadableError",
        "CheckpointRootError",
    }


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("DELETE FROM leaves WHERE position = 42", "EntriesMissingError"),
        ("DELETE FROM leaves WHERE position = 0", "EntriesMissingError"),
        ("DELETE FROM leaves WHERE position >= 650", "CheckpointBeyondError"),
        ("INSERT INTO leaves VALUES (-1, x'7b7d')", "EntryOutsideError"),
        ("INSERT INTO leaves VALUES (9223372036854775807, x'7b7d')", "EntriesMissingError"),
        ("UPDATE leaves SET leaf = CAST(leaf AS TEXT) WHERE position = 42", "EntriesMissingError"),
        ("DELETE FROM tiles WHERE level = 1", "TreeChangedError"),
        ("INSERT INTO tiles VALUES (5, 0, zeroblob(32))", "TreeChangedError"),
        ("INSERT INTO tiles VALUES ('x', 0, zeroblob(32))", "TreeChangedError"),
        ("UPDATE tiles SET hashes = hashes || zeroblob(32) WHERE number = 2", "TreeChangedError"),
        ("UPDATE tiles SET hashes = 'text' WHERE number = 2", "TreeChangedError"),
        ("DELETE FROM checkpoints WHERE size = 700", "EntriesUnsignedError"),
        ("DELETE FROM checkpoints", "EntriesUnsignedError"),
        ("UPDATE checkpoints SET size = 650 WHERE size = 600", "CheckpointUnreadableError"),
        ("UPDATE checkpoints SET note = x'00' WHERE size = 600", "CheckpointUnreadableError"),
        ("UPDATE log SET origin = 'other.example.nl/project'", "CheckpointOfAnotherLogError"),
        ("DELETE FROM log", "LogUnreadableError"),
        ("UPDATE details SET details = x'7b226e223a317d' WHERE position = 10", "DetailsChangedError"),
        ("UPDATE details SET position = 11 WHERE position = 10", "DetailsChangedError"),
        ("UPDATE details SET salt = 1 WHERE position = 10", "DetailsChangedError"),
        ("CREATE VIEW also AS SELECT * FROM leaves", "LogUnreadableError"),
        ("CREATE TRIGGER forget AFTER INSERT ON leaves BEGIN DELETE FROM leaves; END", "LogUnreadableError"),
        ("DROP TABLE details", "LogUnreadableError"),
        ("PRAGMA application_id = 1", "LogUnreadableError"),
    ],
)
def test_no_change_of_the_tables_goes_unseen(path: Path, statement: str, reason: str) -> None:
    tamper(path, statement)
    assert reason in reasons(path)


def test_a_checkpoint_signed_by_another_key_is_found(path: Path, tmp_path: Path) -> None:
    """The attacker rebuilds everything and signs: under the matcher's name, then with its key id."""
    other = tmp_path / "other.sqlite"
    forged = VerifierKey.of(NAME, ATTACKER)
    with Log.create(other, NAME) as log:
        _, signed = log.append_and_sign([(entry(0), None)], ATTACKER, NAME)
    assert reasons(other) == {"CheckpointUnsignedError", "EntriesUnsignedError"}
    line = note.SignedNote.parse(signed).of_key(forged)[0]
    pretended = note.Signature(NAME, MATCHER.key_id, line.value)
    made = str(note.SignedNote(note.SignedNote.parse(signed).text, (pretended,)))
    connection = sqlite3.connect(other)
    connection.execute("UPDATE checkpoints SET note = ?", (made,))
    connection.commit()
    connection.close()
    assert reasons(other) == {"CheckpointUnsignedError", "EntriesUnsignedError"}


def test_a_matcher_that_changed_its_key_is_verified_with_both(path: Path) -> None:
    with Log.open(path) as log:
        log.append_and_sign([(entry(SIZE), None)], ATTACKER, NAME)
    assert not verify_log(path, MATCHER).ok
    assert verify_log(path, [MATCHER, VerifierKey.of(NAME, ATTACKER)]).ok


def test_a_checkpoint_signed_with_a_key_that_had_been_replaced_is_found(path: Path) -> None:
    """Who stole the old key writes on after the new one signed."""
    both = [MATCHER, VerifierKey.of(NAME, ATTACKER)]
    with Log.open(path) as log:
        log.append_and_sign([(entry(SIZE), None)], ATTACKER, NAME)
        log.append_and_sign([(entry(SIZE + 1), None)], ATTACKER, NAME)
        assert verify_log(path, both).ok
        log.append_and_sign([(entry(SIZE + 2), None)], KEY, NAME)
    found = verify_log(path, both)
    assert {problem.reason for problem in found.problems} == {
        "CheckpointReplacedKeyError",
        "EntriesUnsignedError",
    }
    assert found.newest_checkpoint is not None
    assert Checkpoint.of_note(found.newest_checkpoint).size == SIZE + 2


def test_a_cosignature_that_is_not_right_is_found(path: Path) -> None:
    connection = sqlite3.connect(path)
    (text,) = connection.execute("SELECT note FROM checkpoints WHERE size = ?", (SIZE,)).fetchone()
    last = text.splitlines()[-1]
    (earlier,) = connection.execute("SELECT note FROM checkpoints WHERE size = 600").fetchone()
    connection.execute("UPDATE checkpoints SET note = ? WHERE size = 600", (earlier + last + "\n",))
    connection.commit()
    connection.close()
    with pytest.raises(note.SignatureWrongError):
        cosigned(path)


def test_an_older_copy_is_found_by_who_remembers(path: Path, sound: Path, tmp_path: Path) -> None:
    kept = RememberedLog(tmp_path / "remembered.txt")
    with Log.open(path) as log:
        log.append_and_sign([(entry(SIZE), None)], KEY, NAME)
    for _ in range(2):
        assert verify_and_remember(path, MATCHER, kept, origin=NAME).ok
    shutil.copy(sound, path)
    assert verify_log(path, MATCHER).ok
    found = verify_and_remember(path, MATCHER, kept, origin=NAME)
    assert [one.reason for one in found.problems] == ["LogRolledBackError"]


def test_a_history_rewritten_by_the_matcher_itself_is_found_by_who_remembers(
    path: Path, tmp_path: Path
) -> None:
    seen = verify_log(path, MATCHER).newest_checkpoint
    assert seen is not None
    rewritten = tmp_path / "rewritten.sqlite"
    write(rewritten, SIZE + 50, rewritten=42)
    assert verify_log(rewritten, MATCHER).ok
    assert reasons(rewritten, Checkpoint.of_note(seen)) == {"LogForkedError"}
    with Log.open(path) as log:
        log.append_and_sign([(entry(SIZE), None)], KEY, NAME)
    assert verify_log(path, MATCHER, Checkpoint.of_note(seen)).ok
    elsewhere = Checkpoint("other.example.nl/project", 1, bytes(32))
    assert reasons(path, elsewhere) == {"RememberedOtherLogError"}
    assert reasons(path, Checkpoint(NAME, 0, bytes(32))) == {"LogForkedError"}


def test_what_is_no_log_is_told_not_raised(tmp_path: Path, path: Path) -> None:
    assert reasons(tmp_path / "absent") == {"LogMissingError"}
    assert reasons(tmp_path) == {"LogMissingError"}
    for number, content in enumerate([b"", b"text" * 2000, path.read_bytes()[:5000], bytes(8192)]):
        (tmp_path / str(number)).write_bytes(content)
        assert reasons(tmp_path / str(number)) == {"LogUnreadableError"}


def test_a_log_that_was_left_in_the_midst_of_a_write_is_told_and_mended_by_opening(path: Path) -> None:
    """A rollback journal stands beside the file: the process that wrote was stopped."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA cache_size = 1")
    connection.execute("BEGIN")
    connection.execute("UPDATE leaves SET leaf = zeroblob(length(leaf))")
    halfway = path.parent / "halfway.sqlite"
    shutil.copy(path, halfway)
    shutil.copy(f"{path}-journal", f"{halfway}-journal")
    connection.execute("ROLLBACK")
    connection.close()
    assert reasons(halfway) == {"LogInterruptedError"}
    Log.open(halfway).close()
    assert reasons(halfway) == set()


def content(path: Path) -> list[list[tuple[object, ...]]]:
    """All that counts: every row of every table, bit by bit and with its type."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        return [
            connection.execute(query).fetchall()
            for query in (
                "SELECT origin, typeof(origin) FROM log",
                "SELECT position, leaf, typeof(leaf) FROM leaves ORDER BY position",
                "SELECT position, salt, details FROM details ORDER BY position",
                "SELECT level, number, hashes FROM tiles ORDER BY level, number",
                "SELECT size, note, typeof(note) FROM checkpoints ORDER BY size",
            )
        ]
    finally:
        connection.close()


def used_like_a_matcher(path: Path) -> None:
    """Everything that a matcher or a page reads; raises only errors that say what to do."""
    try:
        with Log.open(path) as log:
            size = log.size
            for position, _ in log.entries():
                if position % 50 == 0:
                    log.details(position)
            log.checkpoints()
            log.root()
            log.inclusion_proof(size // 2)
            log.consistency_proof(size // 2)
            log.append_and_sign([(entry(size), {"n": 1})], KEY, NAME)
            log.destroy_details([size])
    except LsiError:
        pass


@pytest.mark.parametrize("seed", range(4))
def test_any_flipped_byte_is_found_or_leaves_everything_that_counts_as_it_was(
    sound: Path, tmp_path: Path, seed: int
) -> None:
    """One byte anywhere in the file, changed at random. Allowed is only:

    - a problem is found (an unreadable file is one); or
    - the log verifies, and every row of every table is bit by bit what it was: the byte was in unused space,
      or in a field of the file that does not bear on the content.

    And never anything but an error that can tell a person what to do, for the verifier and the matcher.
    """
    chance = random.Random(seed)
    original, whole = content(sound), sound.read_bytes()
    path = tmp_path / "flipped.sqlite"
    found = 0
    # Half of them at the start of a page, where a byte bears on the structure.
    for turn in range(60):
        at = chance.randrange(len(whole))
        if turn % 2:
            at = min(len(whole) - 1, at // 4096 * 4096 + chance.randrange(120))
        changed = bytearray(whole)
        changed[at] ^= chance.randrange(1, 256)
        path.write_bytes(changed)
        if verify_log(path, MATCHER).ok and cosignatures_hold(path):
            assert content(path) == original, f"byte {at}"
        else:
            found += 1
        used_like_a_matcher(path)
    assert found > 15


def test_a_file_cut_off_anywhere_is_found_or_nothing_that_counts_is_gone(sound: Path, tmp_path: Path) -> None:
    whole = sound.read_bytes()
    path, original = tmp_path / "cut.sqlite", content(sound)
    for length in range(1, len(whole), len(whole) // 23):
        path.write_bytes(whole[:length])
        # What is cut off the last page may be unused space, which SQLite takes for zeros.
        assert reasons(path) or (length > len(whole) - 4096 and content(path) == original)
        used_like_a_matcher(path)
