"""Proof files hold for one leaf at one place of one log, under keys that count; anything else is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from refusals import raises

from lsi_match.base.errors import LsiError
from lsi_match.log import note
from lsi_match.log.entry import LogEntry
from lsi_match.log.log_proof import LogProof, prove
from lsi_match.log.policy import Policy
from lsi_match.log.store import Log

ORIGIN, DOMAIN = "matching.example.nl/project", "matching.example.nl"
KEY, OLD, ONE, TWO = (Ed25519PrivateKey.from_private_bytes(bytes(range(i, i + 32))) for i in range(4))
LOG_KEY = note.VerifierKey.of(DOMAIN, KEY)
WITNESSES = {
    "uwv": note.VerifierKey.of("uwv", ONE, note.COSIGNATURE),
    "svb": note.VerifierKey.of("svb", TWO, note.COSIGNATURE),
}
PLAIN = Policy((LOG_KEY,), WITNESSES)
BOTH = Policy((LOG_KEY,), WITNESSES, {"controllers": (2, ("uwv", "svb"))}, "controllers")


def entry(number: int) -> LogEntry:
    at = 1_760_000_000_000 + number
    return LogEntry(trace_id="1" * 32, span_id=f"{number + 1:016x}", name="gates", start_time=at, end_time=at)


@pytest.fixture(scope="module")
def log_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log") / "log.sqlite"
    with Log.create(path, ORIGIN) as log:
        for size in (1, 2, 299):
            log.append_and_sign([(entry(log.size + i), None) for i in range(size)], KEY, DOMAIN)
    return path


@pytest.mark.parametrize("size", [1, 3, 302])
def test_every_entry_has_a_proof_that_comes_back_and_holds(log_file: Path, size: int) -> None:
    with Log.open(log_file, read_only=True) as log:
        for position in {0, size // 2, size - 1}:
            made = prove(log, position, size)
            assert LogProof.parse(made.text()) == made
            assert made.check(PLAIN, ORIGIN) == entry(position)
        with raises("EntryMissingError"):
            prove(log, size, size)
        with raises("CheckpointMissingError"):
            prove(log, 0, 2)


@given(data=st.data())
def test_a_proof_with_any_changed_character_is_refused_or_says_the_same(
    log_file: Path, data: st.DataObject
) -> None:
    with Log.open(log_file, read_only=True) as log:
        made = prove(log, 200)
    text = made.text()
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(min_codepoint=1, max_codepoint=0x2FFF, exclude_characters=text[at]))
    try:
        found = LogProof.parse(text[:at] + other + text[at + 1 :])
        assert found.check(PLAIN, ORIGIN) == entry(200)
    except LsiError:
        return
    # Only a line of a key that nobody knows may differ, and there is one signature here, which counts.
    pytest.fail(f"accepted: character {at}")


def test_a_proof_under_a_replaced_key_or_of_another_log_is_refused(log_file: Path) -> None:
    with Log.open(log_file, read_only=True) as log:
        made = prove(log, 7)
    signed = note.SignedNote.parse(made.checkpoint)
    replaced = note.SignedNote(signed.text, (note.sign(signed.text, OLD, DOMAIN),))
    with pytest.raises(note.NoteUnsignedError):
        LogProof(made.leaf, 7, made.path, str(replaced)).check(PLAIN, ORIGIN)
    with raises("LogUnknownError"):
        made.check(PLAIN, "matching.example.nl/other")


def test_the_quorum_is_all_of_its_members_each_with_a_line_that_verifies(log_file: Path) -> None:
    with Log.open(log_file, read_only=True) as log:
        signed = note.SignedNote.parse(str(log.checkpoint()))
    assert PLAIN.check(signed, ORIGIN).size == 302
    lines = {
        name: note.Signature.parse(note.cosign(str(signed), key, name, 1_760_000_000))
        for name, key in (("uwv", ONE), ("svb", TWO), ("stranger", OLD))
    }
    for present in ([], ["uwv"], ["svb"], ["uwv", "stranger"]):
        held = note.SignedNote(signed.text, (*signed.signatures, *(lines[name] for name in present)))
        with raises("QuorumMissingError"):
            BOTH.check(held, ORIGIN)
    whole = note.SignedNote(signed.text, (*signed.signatures, lines["uwv"], lines["svb"], lines["stranger"]))
    assert BOTH.check(whole, ORIGIN).size == 302
    false = note.Signature("svb", lines["svb"].key_id, lines["svb"].value[:-1] + b"\0")
    with pytest.raises(note.SignatureWrongError):
        PLAIN.check(note.SignedNote(signed.text, (*signed.signatures, false)), ORIGIN)


def test_a_policy_comes_back_as_it_was_written() -> None:
    assert Policy.parse(BOTH.text()) == BOTH
    assert Policy.parse(PLAIN.text()) == PLAIN
    spaced = "# who counts\n\n" + BOTH.text().replace(" ", " \t ")
    assert Policy.parse(spaced) == BOTH


W1, W2 = (f"witness {name} {key}\n" for name, key in WITNESSES.items())
LOG_LINE = f"log {LOG_KEY}\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        LOG_LINE,
        LOG_LINE + "quorum uwv\n",
        LOG_LINE + "quorum none\nquorum none\n",
        LOG_LINE + LOG_LINE + "quorum none\n",
        W1 + W1 + "quorum none\n",
        W1 + W1.replace("witness uwv", "witness other") + "quorum none\n",
        W1 + "group g 2 uwv\nquorum g\n",
        W1 + "group g 0 uwv\nquorum g\n",
        W1 + "group g all\nquorum g\n",
        W1 + "group g all uwv uwv\nquorum g\n",
        W1 + "group g all none\nquorum g\n",
        W1 + "group g all uwv\ngroup h all uwv\nquorum g\n",
        "group g all uwv\n" + W1 + "quorum g\n",
        W1 + "group uwv all uwv\nquorum uwv\n",
        LOG_LINE.replace("log ", "witness uwv ") + "quorum none\n",
        W1.replace("witness uwv", "log") + "quorum none\n",
        "oops\nquorum none\n",
    ],
)
def test_a_policy_that_is_not_one_is_refused(text: str) -> None:
    with raises("PolicyMalformedError"):
        Policy.parse(text)


def test_groups_count_their_members_on_every_level() -> None:
    keys = [Ed25519PrivateKey.from_private_bytes(bytes([i]) * 32) for i in range(5)]
    names = ["x1", "x2", "x3", "y1", "y2"]
    witnesses = "".join(
        f"witness {name} {note.VerifierKey.of(name, key, note.COSIGNATURE)}\n"
        for name, key in zip(names, keys, strict=True)
    )
    groups = "group X 2 x1 x2 x3\ngroup Y any y1 y2\ngroup both all X Y\nquorum both\n"
    policy = Policy.parse(LOG_LINE + witnesses + groups)
    text = note.Checkpoint(ORIGIN, 0, b"\0" * 32).text()
    bare = note.SignedNote(text, (note.sign(text, KEY, DOMAIN),))

    def holds(*present: str) -> bool:
        lines = [
            note.Signature.parse(note.cosign(str(bare), keys[names.index(name)], name, 1)) for name in present
        ]
        try:
            policy.check(note.SignedNote(text, (*bare.signatures, *lines)))
        except LsiError as error:
            if error.reason != "QuorumMissingError":
                raise
            return False
        return True

    assert holds("x1", "x3", "y2")
    assert holds(*names)
    assert not holds("x1", "y1", "y2")
    assert not holds("x1", "x2", "x3")
