"""Notes, checkpoints, cosignatures: the published examples pass, all that is malformed is refused."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import raises

from lsi_match.base.errors import LsiError
from lsi_match.log import note
from lsi_match.log.note import Checkpoint, SignedNote, VerifierKey

# The example of c2sp.org/signed-note, section "Verifier keys".
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo"
    " Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
# The example of c2sp.org/tlog-cosignature: signed by the log and by a witness.
COSIGNED = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa"
    " Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1"
    " jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+q"
    "nA==\n"
)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
NAME = "matching.example.nl/project"
CHECKPOINT = Checkpoint(NAME, 20_852_163, bytes(range(32)))


def test_the_published_note_verifies_with_the_published_key() -> None:
    key = VerifierKey.parse(VKEY)
    assert str(key) == VKEY
    assert (key.name, key.key_id.hex()) == ("example.com/foo", "530d903a")
    parsed = SignedNote.parse(NOTE)
    assert str(parsed) == NOTE
    assert note.verify_note(parsed, [key]) == (key,)


def test_the_published_checkpoint_is_read_as_it_is_written() -> None:
    parsed = SignedNote.parse(COSIGNED)
    assert str(parsed) == COSIGNED
    checkpoint = Checkpoint.parse(parsed.text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text() == parsed.text
    witness = parsed.signatures[1]
    assert int.from_bytes(witness.value[:8], "big") == 1679315147
    assert len(witness.value) == 8 + 64


@given(st.integers(0, len(NOTE.encode()) - 1), st.integers(0, 7))
def test_no_note_with_a_changed_bit_verifies(at: int, bit: int) -> None:
    changed = bytearray(NOTE.encode())
    changed[at] ^= 1 << bit
    with pytest.raises(LsiError):
        note.verify_note(SignedNote.parse(bytes(changed)), [VerifierKey.parse(VKEY)])


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_anything_else_is_refused_as_a_note_without_a_traceback(found: str | bytes) -> None:
    with pytest.raises(note.NoteMalformedError):
        SignedNote.parse(found)


SIGNATURE = NOTE.split("\n\n")[1]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "text\n",
        "text\n\n",
        "\n\n" + SIGNATURE,
        "text\n" + SIGNATURE,
        "text\n\n" + SIGNATURE[:-1],
        "text\n\n" + SIGNATURE + "\n",
        "text\n\n" + SIGNATURE.replace("\n", "\r\n"),
        "te\txt\n\n" + SIGNATURE,
        "te\x00xt\n\n" + SIGNATURE,
        "text\n\n" + SIGNATURE.replace("—", "-"),
        "text\n\n" + SIGNATURE.replace("example", "exam+ple"),
        "text\n\n" + SIGNATURE.replace("example", "exam\u00a0ple"),
        "text\n\n" + SIGNATURE.replace(" Uw2", "  Uw2"),
        "text\n\n" + SIGNATURE.replace("aQM=", "aQM"),
        "text\n\n" + SIGNATURE.replace("aQM=", "aQN="),
        "text\n\n— name AAAA\n",
        "text\n\n" + SIGNATURE * 101,
        "t" * 1_000_001 + "\n\n" + SIGNATURE,
        "te\udc00xt\n\n" + SIGNATURE,
    ],
)
def test_malformed_notes_are_refused(text: str) -> None:
    with pytest.raises(note.NoteMalformedError):
        SignedNote.parse(text)


def test_the_text_of_a_note_may_hold_empty_lines() -> None:
    made = note.sign_note("one\n\ntwo\n", KEY, NAME)
    parsed = SignedNote.parse(made)
    assert parsed.text == "one\n\ntwo\n"
    assert note.verify_note(parsed, [VerifierKey.of(NAME, KEY)])


@pytest.mark.parametrize(
    "text", ["", "no newline", "bell\x07\n"], ids=["empty", "no newline", "control character"]
)
def test_what_no_note_can_hold_is_not_signed(text: str) -> None:
    with pytest.raises(note.NoteMalformedError):
        note.sign_note(text, KEY, NAME)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin\n1\n",
        "origin\n1\nAAAA\n",
        f"\n1\n{base64.b64encode(bytes(32)).decode()}\n",
        f"origin\n01\n{base64.b64encode(bytes(32)).decode()}\n",
        f"origin\n-1\n{base64.b64encode(bytes(32)).decode()}\n",
        f"origin\n+1\n{base64.b64encode(bytes(32)).decode()}\n",
        f"origin\n٣\n{base64.b64encode(bytes(32)).decode()}\n",
        f"origin\n1\n{base64.b64encode(bytes(31)).decode()}\n",
        f"origin\n1\n{base64.b64encode(bytes(32)).decode()}",
        f"origin\n1\n{base64.b64encode(bytes(32)).decode()}\n\n",
        f"origin\n1\n {base64.b64encode(bytes(32)).decode()}\n",
        f"origin\n{'9' * 30}\n{base64.b64encode(bytes(32)).decode()}\n",
    ],
)
def test_malformed_checkpoints_are_refused(text: str) -> None:
    with raises("CheckpointMalformedError"):
        Checkpoint.parse(text)


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1),
    st.integers(0, 2**60),
    st.binary(min_size=32, max_size=32),
)
def test_every_checkpoint_comes_back_as_it_was_signed(origin: str, size: int, root: bytes) -> None:
    checkpoint = Checkpoint(origin, size, root)
    signed = note.sign_checkpoint(checkpoint, KEY, NAME)
    assert note.verify_checkpoint(signed, [VerifierKey.of(NAME, KEY)]) == checkpoint


@pytest.mark.parametrize("origin", ["", "two\nlines"])
def test_a_checkpoint_that_cannot_be_read_back_is_not_signed(origin: str) -> None:
    with raises("CheckpointMalformedError"):
        note.sign_checkpoint(Checkpoint(origin, 1, bytes(32)), KEY, NAME)


def test_a_signature_by_another_key_is_missing_or_wrong_never_accepted() -> None:
    key = VerifierKey.of(NAME, KEY)
    with pytest.raises(note.NoteUnsignedError):
        note.verify_checkpoint(note.sign_checkpoint(CHECKPOINT, OTHER, NAME), [key])
    with pytest.raises(note.NoteUnsignedError):
        note.verify_checkpoint(note.sign_checkpoint(CHECKPOINT, KEY, "someone.else"), [key])
    with pytest.raises(note.NoteUnsignedError):
        note.verify_checkpoint(note.sign_checkpoint(CHECKPOINT, KEY, NAME), [])
    forged = note.Signature(key.name, key.key_id, OTHER.sign(CHECKPOINT.text().encode()))
    with pytest.raises(note.SignatureWrongError):
        note.verify_note(SignedNote(CHECKPOINT.text(), (forged,)), [key])


def test_one_wrong_signature_of_a_known_key_spoils_the_note_unknown_keys_do_not() -> None:
    key = VerifierKey.of(NAME, KEY)
    good = SignedNote.parse(note.sign_checkpoint(CHECKPOINT, KEY, NAME))
    stranger = note.Signature("stranger", b"abcd", b"anything")
    assert note.verify_note(good.with_signature(stranger), [key]) == (key,)
    wrong = note.Signature(key.name, key.key_id, bytes(64))
    with pytest.raises(note.SignatureWrongError):
        note.verify_note(good.with_signature(wrong), [key])


def test_a_cosignature_states_its_time_and_holds_for_this_checkpoint_only() -> None:
    signed = note.sign_checkpoint(CHECKPOINT, KEY, NAME)
    line = note.cosign(signed, OTHER, "uwv.example.nl", 1_760_000_000)
    key = VerifierKey.of("uwv.example.nl", OTHER, note.COSIGNATURE)
    assert VerifierKey.parse(str(key)) == key
    cosigned = SignedNote.parse(signed).with_signature(note.Signature.parse(line))
    assert note.verify_cosignature(SignedNote.parse(str(cosigned)), key) == 1_760_000_000
    # The signed bytes are those of the specification.
    message = b"cosignature/v1\ntime 1760000000\n" + CHECKPOINT.text().encode()
    OTHER.public_key().verify(cosigned.signatures[1].value[8:], message)
    elsewhere = SignedNote(Checkpoint(NAME, 1, bytes(32)).text(), cosigned.signatures)
    with pytest.raises(note.SignatureWrongError):
        note.verify_cosignature(elsewhere, key)
    later = note.Signature(
        key.name, key.key_id, (1_760_000_001).to_bytes(8, "big") + cosigned.signatures[1].value[8:]
    )
    with pytest.raises(note.SignatureWrongError):
        note.verify_cosignature(cosigned.with_signature(later), key)


def test_a_cosignature_is_no_signature_and_a_signature_no_cosignature() -> None:
    signed = note.sign_checkpoint(CHECKPOINT, KEY, NAME)
    cosigner = VerifierKey.of(NAME, KEY, note.COSIGNATURE)
    with pytest.raises(note.NoteUnsignedError):
        note.verify_cosignature(SignedNote.parse(signed), cosigner)
    with pytest.raises(note.NoteUnsignedError):
        note.verify_note(SignedNote.parse(signed), [cosigner])
    with pytest.raises(note.NoteUnsignedError):
        note.verify_cosignature(SignedNote.parse(signed), VerifierKey.of(NAME, KEY))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000",
        VKEY.replace("530d903a", "530d903b"),
        VKEY.replace("530d903a", "530D903A"),
        VKEY.replace("example.com/foo", "example.com/bar"),
        VKEY.replace("+Aek", "+Auk"),
        VKEY[:-4],
        VKEY + "\n",
        "+" + VKEY,
        " " + VKEY,
        "\ud800" + VKEY,
    ],
)
def test_malformed_verifier_keys_are_refused(text: str) -> None:
    with raises("VerifierKeyMalformedError"):
        VerifierKey.parse(text)


@settings(max_examples=50)
@given(st.text(max_size=8))
def test_key_names_have_no_space_and_no_plus(name: str) -> None:
    allowed = bool(name) and not any(sign.isspace() or sign == "+" or ord(sign) < 0x20 for sign in name)
    try:
        key = VerifierKey.of(name, KEY)
    except LsiError as error:
        if error.reason != "KeyNameMalformedError":
            raise
        assert not allowed or any(0xD800 <= ord(sign) < 0xE000 for sign in name)
    else:
        assert allowed
        assert VerifierKey.parse(str(key)) == key
