"""Whatever comes in has to fit the newest checkpoint that was verified; what contradicts it is refused and kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import trees
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from refusals import raises

from lsi_match.log import merkle
from lsi_match.log.entry import LogEntry
from lsi_match.log.log_proof import LogProof, Since, prove
from lsi_match.log.note import Checkpoint, VerifierKey
from lsi_match.log.policy import Policy
from lsi_match.log.remembered import (
    ConsistencyMissingError,
    ProofRefusedError,
    RememberedLog,
    SplitViewError,
)
from lsi_match.log.store import Log

ORIGIN = "koppel.example/proef"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
POLICY = Policy((VerifierKey.of("koppel.example", KEY),))


def entry(number: int) -> LogEntry:
    return LogEntry(
        trace_id=f"{number + 1:032x}",
        span_id=f"{number + 1:016x}",
        status="Ok",
        name="unknown step",
        start_time=1_760_000_000_000,
        end_time=1_760_000_000_000,
        attributes={"n": number},
    )


@dataclass
class Matcher:
    """A log, and the proofs that it hands out."""

    folder: Path
    origin: str = ORIGIN

    def grow(self, *numbers: int) -> None:
        self.folder.mkdir(exist_ok=True)
        path = self.folder / "log.sqlite"
        with Log.open(path) if path.exists() else Log.create(path, self.origin) as log:
            for number in numbers:
                log.append_and_sign([(entry(number), None)], KEY, "koppel.example")

    def proof(self, position: int, size: int | None = None, *, bare: bool = False, seen: int = 0) -> Path:
        with Log.open(self.folder / "log.sqlite", read_only=True) as log:
            made = prove(log, position, size, seen)
        if bare:
            made = LogProof(made.leaf, made.index, made.path, made.checkpoint)
        file = self.folder / f"{position}.{size}.{bare}.{seen}.tlog-proof"
        file.write_text(made.text())
        return file


@pytest.fixture
def log(tmp_path: Path) -> Matcher:
    made = Matcher(tmp_path / "log")
    made.grow(*range(300))
    return made


@pytest.fixture
def fork(tmp_path: Path) -> Matcher:
    """The same key, and another story from entry 290 on; of the same size."""
    made = Matcher(tmp_path / "fork")
    made.grow(*range(290), *range(1290, 1300))
    return made


@pytest.fixture
def kept(tmp_path: Path) -> RememberedLog:
    return RememberedLog(tmp_path / "home" / "log-seen")


def see(kept: RememberedLog, proof: Path) -> int:
    return kept.recorded(proof, POLICY, ORIGIN).position


def test_it_moves_forward_and_never_back(kept: RememberedLog, log: Matcher) -> None:
    for position, size, newest in ((0, 7, 7), (3, 7, 7), (270, 280, 280), (5, 6, 280), (299, None, 300)):
        assert see(kept, log.proof(position, size)) == position
        assert kept.checkpoint is not None
        assert kept.checkpoint.size == newest
    assert not (kept.file.parent / "log-seen.evidence").exists()


@pytest.mark.parametrize(("seen", "shown"), [(300, 300), (295, 300), (300, 295), (291, 300), (300, 291)])
def test_two_stories_contradict_each_other_at_every_size(
    kept: RememberedLog, log: Matcher, fork: Matcher, seen: int, shown: int
) -> None:
    see(kept, log.proof(0, seen))
    before = kept.checkpoint
    with pytest.raises(SplitViewError) as refused:
        see(kept, fork.proof(0, shown))
    assert kept.checkpoint == before
    folder = Path(str(refused.value.facts["folder"]))
    notes = [(folder / f"{which}.checkpoint").read_text() for which in ("seen", "given")]
    sizes = [POLICY.check(note, ORIGIN).size for note in notes]
    assert sizes == [seen, shown]
    # Whoever has the folder sees the contradiction with nothing else: the longer one does not begin with the shorter one.
    hashes = [(folder / f"{which}.hashes").read_bytes() for which in ("seen", "given")]
    shorter, longer = sorted((0, 1), key=lambda which: sizes[which])
    assert Since(hashes[longer]).root(sizes[shorter]) != Checkpoint.of_note(notes[shorter]).root


def test_before_they_part_there_is_no_contradiction(kept: RememberedLog, log: Matcher, fork: Matcher) -> None:
    see(kept, log.proof(0, 290))
    assert see(kept, fork.proof(295)) == 295


def test_a_newer_one_that_does_not_show_how_it_goes_on_is_refused(kept: RememberedLog, log: Matcher) -> None:
    see(kept, log.proof(0, 10))
    with pytest.raises(ConsistencyMissingError):
        see(kept, log.proof(0, 20, bare=True))
    see(kept, log.proof(0, 20))
    assert see(kept, log.proof(11, 15, bare=True)) == 11


def test_of_what_was_remembered_without_hashes_an_older_one_cannot_be_compared(
    kept: RememberedLog, log: Matcher
) -> None:
    see(kept, log.proof(0, 20, bare=True))
    with pytest.raises(ConsistencyMissingError):
        see(kept, log.proof(0, 10))
    see(kept, log.proof(0, 20))
    assert see(kept, log.proof(0, 10)) == 0
    kept.file.with_name("log-seen.hashes").write_bytes(bytes(640))
    with pytest.raises(ConsistencyMissingError):
        see(kept, log.proof(0, 10))
    assert see(kept, log.proof(0, 30)) == 0


@pytest.mark.parametrize("seen", [1, 2, 7, 8, 100, 255, 256, 289, 290])
def test_a_short_proof_is_as_good_as_a_long_one_for_who_saw_what_it_leaves_out(
    kept: RememberedLog, log: Matcher, fork: Matcher, tmp_path: Path, seen: int
) -> None:
    see(kept, log.proof(0, 290))
    short = log.proof(299, 300, seen=seen)
    assert see(kept, short) == 299
    assert see(kept, log.proof(0, 299, bare=True)) == 0, "all hashes are known again"
    other = RememberedLog(tmp_path / "other" / "log-seen")
    see(other, log.proof(0, 295))
    with pytest.raises(SplitViewError):
        see(other, fork.proof(299, 300, seen=seen))
    whole = log.proof(299, 300).read_text()
    assert len(short.read_text()) < len(whole) if seen > 1 else short.read_text() == whole


def test_a_proof_for_who_saw_more_is_none_for_who_did_not(kept: RememberedLog, log: Matcher) -> None:
    see(kept, log.proof(0, 250))
    with pytest.raises(ConsistencyMissingError):
        see(kept, log.proof(299, 300, seen=280))
    assert kept.checkpoint is not None
    assert kept.checkpoint.size == 250
    see(kept, log.proof(299, 300, seen=250))


def test_of_ten_thousand_entries_a_proof_for_who_co_signed_yesterday_is_some_kilobytes(
    tmp_path: Path,
) -> None:
    leaves = [merkle.leaf_hash(str(number).encode()) for number in range(10_000)]
    subtree = trees.subtrees_of(leaves)
    first = 9_990
    since = Since(b"".join([*merkle.peaks_after((), 0, leaves[:first]), *leaves[first:]]), first)
    assert all(since.root(size) == merkle.root(subtree, size) for size in range(first, 10_001))
    assert since.root(first - 1) is None
    assert since.whole(b"".join(leaves[: first + 3])) == b"".join(leaves)
    assert since.whole(b"".join(leaves[: first - 1])) == b""
    assert Since.decode(since.encoded()) == since
    assert len(since.encoded()) < 1000


def test_hashes_that_are_not_those_of_the_checkpoint_make_no_proof(kept: RememberedLog, log: Matcher) -> None:
    file = log.proof(4, 20)
    made = LogProof.parse(file.read_text())
    given = made.since.hashes
    for hashes in (given[:-32], given[:-1], bytes(640), given + bytes(31)):
        file.write_text(LogProof(made.leaf, made.index, made.path, made.checkpoint, Since(hashes)).text())
        with pytest.raises(ProofRefusedError):
            see(kept, file)
    assert kept.checkpoint is None


def test_what_is_no_proof_or_of_another_log_is_refused(
    kept: RememberedLog, log: Matcher, tmp_path: Path
) -> None:
    see(kept, log.proof(0))
    other = Matcher(tmp_path / "other", "koppel.example/anders")
    other.grow(*range(400))
    with pytest.raises(ProofRefusedError):
        see(kept, other.proof(0))
    with raises("RememberedOtherLogError"):
        kept.recorded(other.proof(0), POLICY, other.origin)
    with raises("ProofMissingError"):
        see(kept, tmp_path / "nothing.tlog-proof")
    assert kept.checkpoint is not None
    assert kept.checkpoint.size == 300
    kept.file.write_text("nothing")
    with raises("RememberedUnreadableError"):
        see(kept, log.proof(0))
