"""The log keeps what it was given, exactly and durably, for several writers, and forgets what it must."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import random
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import trees
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from refusals import raises

from lsi_match.base.canonical import canonical_json
from lsi_match.base.errors import DiskFullError, DiskReadOnlyError
from lsi_match.log import entry as log_entry
from lsi_match.log import log_file, merkle, note
from lsi_match.log.entry import LogEntry
from lsi_match.log.note import Checkpoint, SignedNote, VerifierKey
from lsi_match.log.store import Log
from lsi_match.log.verify import verify_log

NAME = "matching.example.nl/project"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
MATCHER = VerifierKey.of(NAME, KEY)


def entry(number: int, **members: object) -> LogEntry:
    stated: dict[str, object] = {
        "trace_id": f"{number + 1:032x}",
        "span_id": f"{number + 1:016x}",
        "status": "Ok",
        "name": "drop accepted",
        "start_time": 1_760_000_000_000 + number,
        "end_time": 1_760_000_000_005 + number,
        "resource": {"organisation": "00000001234567890000", "system": "lsi-match"},
        "attributes": {
            "dpl.core.processing_activity_id": "https://register.example.nl/verwerkingen/17",
            "rows": number,
        },
    }
    return LogEntry.model_validate(stated | members)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.sqlite"


# The entry


def test_a_leaf_is_canonical_json_with_every_member_present() -> None:
    leaf = entry(1).leaf()
    assert set(json.loads(leaf)) == set(LogEntry.model_fields)
    assert leaf == canonical_json(json.loads(leaf))
    assert LogEntry.from_leaf(leaf) == entry(1)


plain_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@settings(deadline=None)
@given(
    plain_text.filter(bool),
    st.dictionaries(
        st.from_regex(r"\A[A-Za-z][A-Za-z0-9_.-]{0,20}\Z"),
        st.one_of(plain_text, st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1)),
        max_size=6,
    ),
)
def test_the_fast_way_to_write_a_leaf_gives_the_bytes_of_rfc_8785(
    name: str, attributes: dict[str, str | int | bool]
) -> None:
    attributes.pop("dpl.core.processing_activity_id", None)
    made = entry(3, name=name, attributes=attributes)
    assert made.leaf() == canonical_json(made.model_dump())
    assert LogEntry.from_leaf(made.leaf()) == made


@pytest.mark.parametrize(
    "members",
    [
        {"trace_id": "A" * 32},
        {"trace_id": "0" * 31},
        {"span_id": "g" * 16},
        {"parent_span_id": ""},
        {"status": "OK"},
        {"name": ""},
        {"start_time": 1.5},
        {"start_time": -1},
        {"start_time": 2**53},
        {"end_time": log_entry.MAX_TIME + 1},
        {"end_time": 1},
        {"attributes": {"share": 0.5}},
        {"attributes": {"many": 2**53}},
        {"attributes": {"naïef": 1}},
        {"attributes": {"dpl.core.data_subject_id": "pseudonym"}},
        {"attributes": {"dpl.core.processing_activity_id": "not a URI"}},
        {"resource": {"system": 1}},
        {"details_hash": "sha256:short"},
        {"user": "jansen"},
    ],
)
def test_an_entry_that_is_not_as_agreed_is_refused(members: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        entry(1, **members)


def test_an_entry_written_in_another_way_is_not_a_leaf() -> None:
    leaf = entry(1).leaf()
    for other in (
        leaf + b" ",
        leaf.replace(b":", b": ", 1),
        leaf.replace(b'"rows":1', b'"rows":1,"rows":1'),
        json.dumps(dict(reversed(json.loads(leaf).items())), separators=(",", ":")).encode(),
        leaf.replace(b"drop", b"dr\\u006fp"),
    ):
        with raises("LeafNotCanonicalError"):
            LogEntry.from_leaf(other, 7)
    for broken in (b"", b"{}", b"[]", leaf[:-1], b"\xff" + leaf, leaf.replace(b"Ok", b"\xff\xff")):
        with raises("LeafMalformedError"):
            LogEntry.from_leaf(broken, 7)


def test_every_time_that_an_entry_can_have_is_a_moment() -> None:
    for at, said in (
        (0, "1970-01-01T00:00:00+00:00"),
        (log_entry.MAX_TIME, "9999-12-31T23:59:59.999000+00:00"),
    ):
        assert entry(1, start_time=0, end_time=at).moment.isoformat() == said
    later = entry(1).leaf().replace(b'"end_time":1760000000006', b'"end_time":%d' % (log_entry.MAX_TIME + 1))
    with raises("LeafMalformedError") as refused:
        LogEntry.from_leaf(later, 7)
    assert refused.value.facts["problem"] == "end_time"


def test_what_is_wrong_with_an_entry_is_told_in_both_languages_and_without_its_values() -> None:
    leaf = entry(1).leaf()
    for old, new, nl, en in (
        (b'"end_time":1760000000006', b'"end_time":17', "end_time: eerder dan", "end_time: before"),
        (b'"rows":1', b'"dpl.core.data_subject_id":"jan"', "wijst een persoon aan", "points at a person"),
        (b"https://register", b"jansen", "geen volledige URI", "not an absolute URI"),
        (b'"rows":1', b'"rows":"jansen",', "JSON", "JSON"),
    ):
        changed = leaf.replace(old, new).replace(b"://", b"//" if new == b"jansen" else b"://")
        with raises("LeafMalformedError") as refused:
            LogEntry.from_leaf(changed, 7)
        assert nl in refused.value.text("nl")
        assert en in refused.value.text("en")
        assert "jan" not in refused.value.text("nl") + refused.value.text("en")


def test_a_details_hash_is_salt_and_canonical_details() -> None:
    salt, details = bytes(range(32)), {"b": [1, None, "ë"], "a": True}
    stated = "sha256:" + hashlib.sha256(salt + '{"a":true,"b":[1,null,"ë"]}'.encode()).hexdigest()
    assert log_entry.details_hash(salt, details) == stated
    assert log_entry.details_hash(bytes(32), details) != stated
    with pytest.raises(ValueError, match="32 bytes"):
        log_entry.details_hash(b"short", details)


# The file


def test_what_is_appended_is_read_back_exactly(path: Path) -> None:
    with Log.create(path, NAME) as log:
        assert log.size == 0
        assert log.root() == merkle.EMPTY_ROOT
        assert log.append((entry(number), None) for number in range(300)) == 0
        assert log.append([(entry(300), {"reason": "volume", "rows": 3})]) == 300
        assert log.append([]) == 301
    with Log.open(path) as log:
        assert (log.origin, log.size) == (NAME, 301)
        assert log.leaf(7) == entry(7).leaf()
        assert [made for _, made in log.entries(298)][:2] == [entry(298), entry(299)]
        assert [position for position, _ in log.entries()] == list(range(301))
        assert log.details(300) == {"reason": "volume", "rows": 3}
        assert log.details(299) is None
        (bound,) = [made for _, made in log.entries(300)]
        assert bound.details_hash is not None
        assert bound.model_copy(update={"details_hash": None}) == entry(300)
        with raises("EntryMissingError"):
            log.leaf(301)


def test_roots_and_proofs_are_those_of_the_tree_over_the_leaves(path: Path) -> None:
    with Log.create(path, NAME) as log:
        for first, last in itertools.pairwise([0, 1, 3, 255, 256, 257, 700, 1400]):
            log.append([(entry(number), None) for number in range(first, last)])
            hashes = [merkle.leaf_hash(log.leaf(position)) for position in range(last)]
            assert log.root() == merkle.root(trees.subtrees_of(hashes), last)
        for size in (1, 255, 256, 1000, 1400):
            root = log.root(size)
            assert root == merkle.root(trees.subtrees_of(hashes), size)
            for position in {0, size // 2, size - 1}:
                path_up = log.inclusion_proof(position, size)
                assert merkle.verify_inclusion(hashes[position], position, size, path_up, root)
            proof = log.consistency_proof(size, 1400)
            assert trees.verify_consistency(size, root, 1400, log.root(), proof)
        for wrong in (
            lambda: log.root(1401),
            lambda: log.inclusion_proof(5, 5),
            lambda: log.consistency_proof(6, 5),
        ):
            with raises("EntryMissingError"):
                wrong()


def test_only_its_owner_can_read_the_file_whatever_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        Log.create(path, NAME).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_a_log_at_rest_is_one_file_and_can_be_read_where_nothing_can_be_written(path: Path) -> None:
    with Log.create(path, NAME) as log:
        log.append_and_sign([(entry(1), {"a": 1})], KEY, NAME)
        assert [found.name for found in path.parent.iterdir()] == [path.name]
    path.chmod(0o400)
    path.parent.chmod(0o500)
    try:
        with Log.open(path, read_only=True) as log:
            assert log.size == 1
            with pytest.raises(DiskReadOnlyError):
                log.append([(entry(2), None)])
        assert verify_log(path, MATCHER).ok
    finally:
        path.parent.chmod(0o700)


def test_a_log_is_not_made_over_something_and_nothing_else_is_opened_as_a_log(tmp_path: Path) -> None:
    path = tmp_path / "log #1?.sqlite"
    Log.create(path, NAME).close()
    with raises("LogExistsError"):
        Log.create(path, NAME)
    with pytest.raises(log_file.LogMissingError):
        Log.open(tmp_path / "other")
    assert not (tmp_path / "other").exists()
    for number, content in enumerate([b"", b"not a database" * 100, path.read_bytes()[:-4096]]):
        other = tmp_path / str(number)
        other.write_bytes(content)
        with pytest.raises(log_file.LogUnreadableError):
            Log.open(other)
    sqlite3.connect(tmp_path / "plain").execute("CREATE TABLE leaves (position)").connection.close()
    with pytest.raises(log_file.LogUnreadableError):
        Log.open(tmp_path / "plain")
    for origin in ("", "two\nlines", "bell\x07"):
        with raises("CheckpointMalformedError"):
            Log.create(tmp_path / "new", origin)
    assert not (tmp_path / "new").exists()


def test_a_batch_that_fails_halfway_leaves_nothing(path: Path) -> None:
    def batch() -> object:
        yield entry(1), None
        raise RuntimeError("the source broke")

    with Log.create(path, NAME) as log:
        log.append([(entry(0), None)])
        with pytest.raises(RuntimeError):
            log.append(batch())  # type: ignore[arg-type]
        with raises("DetailsNotBoundError"):
            log.append([(entry(1), None), (entry(2, details_hash="sha256:" + "0" * 64), None)])
        assert log.size == 1
        assert log.append([(entry(1), None)]) == 1


def test_checkpoints_are_signed_once_per_state_and_key_and_collect_cosignatures(path: Path) -> None:
    controller = Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34)))
    cosigner = VerifierKey.of("uwv.example.nl", controller, note.COSIGNATURE)
    with Log.create(path, NAME) as log:
        assert log.checkpoint() is None
        first, signed = log.append_and_sign([(entry(0), None)], KEY, NAME)
        assert (first, log.sign_checkpoint(KEY, NAME), log.checkpoints()) == (0, signed, [signed])
        assert note.verify_checkpoint(signed, [MATCHER]) == Checkpoint(NAME, 1, log.root())
        line = note.cosign(signed, controller, cosigner.name, 1_760_000_000)
        whole = log.add_cosignature(1, line, cosigner)
        assert log.add_cosignature(1, line, cosigner) == whole == log.checkpoint(1)
        assert note.verify_cosignature(SignedNote.parse(whole), cosigner) == 1_760_000_000
        log.append([(entry(1), None)])
        later = log.sign_checkpoint(KEY, NAME)
        assert log.checkpoints() == [whole, later]
        assert log.checkpoint() == later
        with pytest.raises(note.SignatureWrongError):
            log.add_cosignature(2, line, cosigner)
        with pytest.raises(note.NoteUnsignedError):
            log.add_cosignature(1, line, MATCHER)
        with raises("CheckpointMissingError"):
            log.add_cosignature(3, line, cosigner)
        with pytest.raises(note.NoteMalformedError):
            log.add_cosignature(1, "no line", cosigner)
        assert log.checkpoints() == [whole, later]


def test_the_matcher_signs_no_tree_that_does_not_continue_the_last_one(path: Path) -> None:
    with Log.create(path, NAME) as log:
        log.append_and_sign([(entry(0), None), (entry(1), None)], KEY, NAME)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE tiles SET hashes = ? WHERE level = 0", (bytes(64),))
    connection.close()
    with Log.open(path) as log:
        with pytest.raises(log_file.LogDamagedError):
            log.append_and_sign([(entry(2), None)], KEY, NAME)
        assert log.size == 2


def test_destroyed_details_are_nowhere_in_the_file_and_the_leaves_stay(path: Path) -> None:
    chance = random.Random(7)
    alive: set[int] = set()
    with Log.create(path, NAME) as log:
        while (size := log.size) < 300:
            batch = range(size, size + chance.choice((1, 3, 20)))
            log.append_and_sign(
                [
                    (entry(number), {"mark": f"MARK{number:06d}" + "x" * chance.choice((10, 300, 9000))})
                    for number in batch
                ],
                KEY,
                NAME,
            )
            alive.update(batch)
            doomed = chance.sample(sorted(alive), min(len(alive), chance.choice((0, 1, 5, 30))))
            alive -= set(doomed)
            assert log.destroy_details(doomed) == len(doomed)
            if doomed:
                assert log.destroy_details([*doomed, 10**9]) == 0
                assert log.details(doomed[0]) is None
        # Only now and all at once: a copy that SQLite left behind anywhere would still be there.
        left = {int(found) for found in re.findall(rb"MARK(\d{6})", path.read_bytes())}
        assert left == alive
        assert all(log.details(position) is not None for position in alive)
        size = log.size
    found = verify_log(path, MATCHER)
    assert found.texts("en") == []
    assert set(found.details_absent) == set(range(size)) - alive
    assert found.details_present == len(alive)


WRITER = """
import sys
from pathlib import Path
sys.path[:0] = {tests!r}
from test_store import KEY, NAME, entry
from lsi_match.log.store import Log
with Log.open(Path({path!r})) as log:
    print("ready", flush=True)
    for number in range({count}):
        log.append_and_sign([(entry(number), {{"writer": {writer}, "number": number}})], KEY, NAME)
        print(number, flush=True)
"""


def writer(path: Path, number: int, count: int) -> subprocess.Popen[str]:
    source = WRITER.format(
        tests=[str(one) for one in Path(__file__).parents[:2]], path=str(path), writer=number, count=count
    )
    return subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True)


def test_two_processes_write_at_once_and_nothing_is_lost(path: Path) -> None:
    Log.create(path, NAME).close()
    writers = [writer(path, number, 150) for number in range(2)]
    for process in writers:
        process.communicate(timeout=60)
        assert process.returncode == 0
    with Log.open(path) as log:
        assert log.size == 300
        written = [log.details(position) for position in range(300)]
    for number in range(2):
        mine = [details["number"] for details in written if details and details["writer"] == number]
        assert mine == list(range(150))
    found = verify_log(path, MATCHER)
    assert (found.texts("en"), found.checkpoints) == ([], 300)


@pytest.mark.parametrize("wait", [0.05, 0.11, 0.2])
def test_a_writer_killed_in_the_midst_leaves_a_valid_log_with_all_that_was_acknowledged(
    path: Path, wait: float
) -> None:
    Log.create(path, NAME).close()
    process = writer(path, 0, 100_000)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(wait)
    os.kill(process.pid, signal.SIGKILL)
    acknowledged = process.communicate()[0].split()
    with Log.open(path) as log:
        size = log.size
    # One append may have been finished and not told.
    assert size - len(acknowledged) in (0, 1)
    found = verify_log(path, MATCHER)
    assert (found.texts("en"), found.size) == ([], size)
    with Log.open(path) as log:
        log.append_and_sign([(entry(size), None)], KEY, NAME)
    assert verify_log(path, MATCHER).ok


def test_a_log_that_is_held_too_long_is_said_to_be_busy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Log.create(path, NAME).close()
    monkeypatch.setattr(log_file, "BUSY_SECONDS", 0.05)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with Log.open(path) as log, raises("LogBusyError"):
        log.append([(entry(1), None)])
    holder.execute("ROLLBACK")
    holder.close()


def test_where_there_is_no_room_nothing_is_written_and_it_goes_on_once_there_is(path: Path) -> None:
    with Log.create(path, NAME) as log:
        log.append_and_sign([(entry(0), None)], KEY, NAME)
        (pages,) = log._connection.execute("PRAGMA page_count").fetchone()
        log._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(DiskFullError):
            log.append_and_sign([(entry(n), {"text": "x" * 5000}) for n in range(1, 20)], KEY, NAME)
        assert log.size == 1
        assert verify_log(path, MATCHER).ok
        log._connection.execute("PRAGMA max_page_count = 1073741823")
        log.append_and_sign([(entry(1), None)], KEY, NAME)
    assert verify_log(path, MATCHER).ok


FULL = """
import resource, signal, sys
from pathlib import Path
sys.path[:0] = {tests!r}
from test_store import KEY, NAME, entry
from lsi_match.base.errors import LsiError
from lsi_match.log.store import Log
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with Log.open(Path({path!r})) as log:
    resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
    for number in range(1000):
        try:
            log.append_and_sign([(entry(number), {{"text": "x" * 1000}})], KEY, NAME)
        except LsiError as problem:
            print(problem.reason)
            break
        print(number, flush=True)
"""


def test_when_the_system_refuses_to_write_on_all_that_was_acknowledged_is_there(path: Path) -> None:
    Log.create(path, NAME).close()
    source = FULL.format(
        tests=[str(one) for one in Path(__file__).parents[:2]], path=str(path), limit=200_000
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    *acknowledged, reason = done.stdout.split()
    assert reason in ("LogNotWrittenError", "DiskFullError")
    assert len(acknowledged) > 5
    with Log.open(path) as log:
        assert log.size == len(acknowledged)
        log.append_and_sign([(entry(log.size), None)], KEY, NAME)
    assert verify_log(path, MATCHER).ok


def test_someone_who_reads_along_does_not_stop_the_writer(path: Path) -> None:
    with Log.create(path, NAME) as log, Log.open(path, read_only=True) as reader:
        log.append([(entry(number), None) for number in range(5000)])
        reading = reader.entries()
        next(reading)
        log.append([(entry(5000), None)])
        assert sum(1 for _ in reading) == 5000
