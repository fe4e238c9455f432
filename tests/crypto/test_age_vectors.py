"""What this program opens and refuses is what the age test vectors say (tests/vectors/age/README.md)."""

from __future__ import annotations

import hashlib
import secrets
import zlib
from pathlib import Path

import pyrage
import pytest

from lsi_match.crypto import age_file, age_keys
from lsi_match.crypto.age_file import open_age
from lsi_match.crypto.sealing import SealBrokenError, seal, unseal

FOLDER = Path(__file__).parents[1] / "vectors" / "age"
FILES = sorted(file for file in FOLDER.iterdir() if file.suffix != ".md")
X25519, HYBRID = "AGE-SECRET-KEY-1", "AGE-SECRET-KEY-PQ-1"


def read(file: Path) -> tuple[dict[str, str], bytes]:
    """The head of a vector and the age file in it."""
    head, _, sealed = file.read_bytes().partition(b"\n\n")
    lines = [line.split(": ", 1) for line in head.decode().split("\n")]
    said = {key: value for key, value in lines if key != "identity"}
    for key, value in lines:
        if key == "identity" and value.startswith((X25519, HYBRID)):
            said["identity"] = value  # of two the last, which is the hybrid one
    return said, zlib.decompress(sealed) if said.get("compressed") == "zlib" else sealed


def test_every_vector_is_here() -> None:
    assert len(FILES) == 86
    expected = [read(file)[0]["expect"] for file in FILES]
    assert {name: expected.count(name) for name in set(expected)} == {
        "success": 18, "no match": 8, "header failure": 41, "HMAC failure": 1, "payload failure": 18,
    }  # fmt: skip


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_is_opened_or_refused_as_the_vector_says(file: Path) -> None:
    said, sealed = read(file)
    identity = said.get("identity") or str(pyrage.x25519.Identity.generate())
    if said["expect"] == "success":
        opened = unseal(sealed, identity, what="A drop", party="a")
        assert hashlib.sha256(opened).hexdigest() == said["payload"]
    else:
        with pytest.raises(SealBrokenError) as refused:
            unseal(sealed, identity, what="A drop", party="a")
        # Of a payload that breaks off halfway nothing comes out: not as a value, not in the error.
        assert refused.value.__cause__ is None
        assert refused.value.__suppress_context__
        assert not any(isinstance(value, bytes) for value in vars(refused.value).values())


def test_every_bit_of_a_sealed_file_counts() -> None:
    """Any one bit of it turned over: refused."""
    identity = pyrage.x25519.Identity.generate()
    sealed = seal(b"one record", str(identity.to_public()))
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1 << place % 8
        with pytest.raises(SealBrokenError):
            unseal(bytes(changed), identity, what="A drop", party="a")
    for length in range(len(sealed)):
        with pytest.raises(SealBrokenError):
            unseal(sealed[:length], identity, what="A drop", party="a")


def test_the_text_form_of_a_sealed_file_is_refused() -> None:
    """The library opens it, and with other line ends too: one seal would have many bytes."""
    identity = pyrage.x25519.Identity.generate()
    armored = pyrage.encrypt(b"one record", [identity.to_public()], armored=True)
    lines = armored.replace(b"\n", b"\r\n")
    binary = seal(b"one record", str(identity.to_public()))
    assert unseal(binary, identity, what="A drop", party="a") == b"one record"
    for other in (armored, lines, b"\n" + binary):
        with pytest.raises(SealBrokenError):
            unseal(other, identity, what="A drop", party="a")
    assert pyrage.decrypt(armored, [identity]) == pyrage.decrypt(lines, [identity]) == b"one record"


#: Around the edges of chunks, and of the pieces in which they are handed out.
SIZES = [0, 1, 65_535, 65_536, 65_537, 131_072, 300_000, 524_287, 524_288, 524_289, 1_200_000]


@pytest.mark.parametrize("size", SIZES)
def test_what_is_sealed_here_is_opened_by_pyrage_and_by_the_fast_way(size: int) -> None:
    identity, data = pyrage.x25519.Identity.generate(), secrets.token_bytes(size)
    sealed = seal(data, str(identity.to_public()))
    assert pyrage.decrypt(sealed, [identity]) == data
    assert open_age(sealed, str(identity)) == data


@pytest.mark.parametrize("size", SIZES[:7])
def test_the_fast_way_opens_what_pyrage_sealed(size: int) -> None:
    identity, data = pyrage.x25519.Identity.generate(), secrets.token_bytes(size)
    assert open_age(pyrage.encrypt(data, [identity.to_public()]), str(identity)) == data


@pytest.mark.parametrize("size", SIZES)
def test_a_sealed_file_is_as_long_as_any_other_with_as_much_in_it(size: int) -> None:
    """What is sealed shows how much it is, and nothing more."""
    recipient = str(pyrage.x25519.Identity.generate().to_public())
    chunks = max(1, -(-size // 65_536))
    header, nonce, tags = 168, 16, 16 * chunks
    assert len(seal(secrets.token_bytes(size), recipient)) == header + nonce + size + tags


def test_nothing_is_used_twice_in_sealing() -> None:
    """Not the key of a file, nor the one that it is wrapped with, nor a nonce."""
    identity = pyrage.x25519.Identity.generate()
    parts = [
        {
            age_file._header(sealed)[0][0][0][1],
            age_file._header(sealed)[0][0][1],
            age_file._header(sealed)[1],
            sealed[168:184],
            file_key_of(sealed, str(identity)),
        }
        for sealed in (seal(bytes(100), str(identity.to_public())) for _ in range(20))
    ]
    assert len(set().union(*parts)) == 20 * 5


def file_key_of(sealed: bytes, identity: str) -> bytes:
    return age_keys.unwrapped(age_file._header(sealed)[0], identity)


#: Points of small order on Curve25519: what is agreed with one of them, everybody knows.
SMALL_ORDER = (
    "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z",
    "age1qyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqj7vrya",
)


@pytest.mark.parametrize("recipient", SMALL_ORDER)
def test_nothing_is_sealed_to_a_point_of_small_order(recipient: str) -> None:
    assert str(pyrage.x25519.Recipient.from_str(recipient)) == recipient
    with pytest.raises(ValueError, match="shared key"):
        seal(b"one record", recipient)


def test_nothing_is_sealed_to_a_mistyped_recipient() -> None:
    recipient = str(pyrage.x25519.Identity.generate().to_public())
    for place in range(4, len(recipient)):
        other = "q" if recipient[place] != "q" else "p"
        with pytest.raises(pyrage.RecipientError):
            seal(b"one record", recipient[:place] + other + recipient[place + 1 :])


def test_the_fast_way_says_nothing_of_what_was_changed() -> None:
    """A bit turned over in the header or near the edge of a chunk; cut short, chunks swapped, dropped or added."""
    identity = pyrage.x25519.Identity.generate()
    sealed, secret = seal(bytes(200_000), str(identity.to_public())), str(identity)
    start = sealed.index(b"\n", sealed.index(b"\n--- ") + 1) + 1 + 16
    whole = 65_552
    first, second = sealed[start : start + whole], sealed[start + whole : start + 2 * whole]
    last = sealed[start + 3 * whole :]
    changed = [
        sealed[:start] + second + first + sealed[start + 2 * whole :],
        sealed[: start + 2 * whole] + sealed[start + 3 * whole :],
        sealed[: start + 3 * whole],
        sealed + last,
        sealed + b"\x00",
        sealed[:-1],
        sealed[: start - 1],
    ]
    for place in [*range(start + 20), start + whole - 1, start + whole, len(sealed) - 1]:
        one = bytearray(sealed)
        one[place] ^= 1 << place % 8
        changed.append(bytes(one))
    assert open_age(sealed, secret) is not None
    assert [open_age(one, secret) for one in changed] == [None] * len(changed)
    assert open_age(sealed, str(pyrage.x25519.Identity.generate())) is None


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_fast_way_opens_no_vector_that_is_to_be_refused(file: Path) -> None:
    said, sealed = read(file)
    plain = open_age(sealed, said.get("identity") or str(pyrage.x25519.Identity.generate()))
    if plain is not None:
        assert said["expect"] == "success"
        assert hashlib.sha256(plain).hexdigest() == said["payload"]


@pytest.mark.parametrize("body", [b"a", b"YR", b"YQ=", b"A" * 64 + b"\nB"])
def test_padding_that_others_refuse_is_refused_here_too(body: bytes) -> None:
    """Bits that mean nothing, and lengths that Base64 does not have, in the body of a `grease` stanza."""
    identity = pyrage.x25519.Identity.generate()
    sealed = bytes(seal(b"one record", str(identity.to_public())))
    stanza, _, rest = sealed.partition(b"\n--- ")
    nonce = rest[rest.index(b"\n") + 1 :]
    for right, padding in ((False, b"-> x-grease a\n" + body), (True, b"-> x-grease a\nYWI0")):
        header = stanza + b"\n" + padding + b"\n---"
        key = _file_key_of(stanza, str(identity))
        whole = header + b" " + age_keys.encoded(age_file._mac(key, header)) + b"\n" + nonce
        try:
            theirs = pyrage.decrypt(whole, [identity])
        except pyrage.DecryptError:
            theirs = None
        ours = open_age(whole, str(identity))
        assert (theirs is None) == (ours is None) == (not right), padding


def _file_key_of(stanza: bytes, identity: str) -> bytes:
    _, first, wrapped = stanza.split(b"\n")[:3]
    share = first.rsplit(b" ", 1)[1]
    return age_keys.unwrap(identity, age_keys.decoded(share), age_keys.decoded(wrapped))


@pytest.mark.parametrize("size", [0, 1, 65_536, 300_000])
def test_what_is_sealed_to_a_hybrid_key_is_opened_by_it_alone(size: int) -> None:
    identity, data = age_keys.HybridIdentity.generate(), secrets.token_bytes(size)
    sealed = seal(data, identity.to_public())
    assert sealed.startswith(b"age-encryption.org/v1\n-> mlkem768x25519 ")
    assert unseal(sealed, str(identity), what="A drop", party="a") == data
    for other in (age_keys.HybridIdentity.generate(), pyrage.x25519.Identity.generate()):
        with pytest.raises(SealBrokenError):
            unseal(sealed, other, what="A drop", party="a")
    for place in (*range(0, len(sealed), max(1, len(sealed) // 40)), len(sealed) - 1):
        with pytest.raises(SealBrokenError):
            unseal(
                sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :], identity, what="", party=""
            )


#: Of the specification (https://c2sp.org/age, "The MLKEM768-X25519 hybrid post-quantum recipient type").
SPECIFIED = "AGE-SECRET-KEY-PQ-1XX76JRALNLXDMEW0CRK45QMCCH4X06SE84UN3VPM33W6HWDX0H3SK3ZQFR"


def test_a_hybrid_key_is_written_and_read_as_specified() -> None:
    identity = age_keys.age_identity(SPECIFIED)
    recipient = str(identity.to_public())
    assert str(identity) == SPECIFIED
    assert recipient.startswith("age1pq1x34nzsvr0rxjsgdn8zgyhfe8j7ceq5r9rdelkjuh3y235jzxshfg87pzf5zrqtzdxz95")
    assert len(recipient) == len("age1pq1") + 1952
    age_keys.check_recipient(recipient)
    for place in range(7, len(recipient), 97):
        other = "q" if recipient[place] != "q" else "p"
        with pytest.raises(ValueError, match="mistyped"):
            seal(b"one record", recipient[:place] + other + recipient[place + 1 :])
    for wrong in (
        SPECIFIED.lower()[:-1] + "R",
        SPECIFIED[:-1],
        SPECIFIED.replace("PQ", "PP"),
        "AGE-SECRET-KEY-PQ-1",
    ):
        with pytest.raises((ValueError, pyrage.IdentityError)):
            age_keys.age_identity(wrong)


def test_an_x25519_key_is_the_same_text_here_and_there() -> None:
    for _ in range(20):
        identity = pyrage.x25519.Identity.generate()
        secret = age_keys.decoded_key(str(identity), "AGE-SECRET-KEY-")
        assert age_keys.encoded_key("AGE-SECRET-KEY-", secret).upper() == str(identity)
        assert age_keys.encoded_key("age", age_keys.decoded_key(str(identity.to_public()), "age")) == str(
            identity.to_public()
        )
