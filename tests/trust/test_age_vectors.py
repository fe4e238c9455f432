"""What this program opens and refuses is what the age test vectors say (tests/vectors/age/README.md)."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path

import pyrage
import pytest

from lsi_match.trust.sealing import SealBrokenError, seal, unseal

FOLDER = Path(__file__).parents[1] / "vectors" / "age"
FILES = sorted(file for file in FOLDER.iterdir() if file.suffix != ".md")
X25519 = "AGE-SECRET-KEY-1"

#: Refused by the specification, opened by the library, which also reads the form in which the last line of a stanza
#: of a kind it does not know may be full or absent. The seal itself is whole: nothing is opened that was changed.
OPENED_ALL_THE_SAME = ("stanza_missing_body", "stanza_missing_final_line")


def read(file: Path) -> tuple[dict[str, str], bytes]:
    """The head of a vector and the age file in it."""
    head, _, sealed = file.read_bytes().partition(b"\n\n")
    lines = [line.split(": ", 1) for line in head.decode().split("\n")]
    said = {key: value for key, value in lines if key != "identity"}
    for key, value in lines:
        if key == "identity" and value.startswith(X25519):
            said["identity"] = value
    return said, zlib.decompress(sealed) if said.get("compressed") == "zlib" else sealed


def test_every_vector_is_here() -> None:
    assert len(FILES) == 69
    expected = [read(file)[0]["expect"] for file in FILES]
    assert {name: expected.count(name) for name in set(expected)} == {
        "success": 14, "no match": 3, "header failure": 33, "HMAC failure": 1, "payload failure": 18,
    }  # fmt: skip


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_is_opened_or_refused_as_the_vector_says(file: Path) -> None:
    said, sealed = read(file)
    identity = said.get("identity") or str(pyrage.x25519.Identity.generate())
    if said["expect"] == "success":
        opened = unseal(sealed, identity, what="A drop", party="a")
        assert hashlib.sha256(opened).hexdigest() == said["payload"]
    elif file.name in OPENED_ALL_THE_SAME:
        assert unseal(sealed, identity, what="A drop", party="a") == b"age"
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
