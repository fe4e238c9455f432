"""A signed document has one form: other bytes around the same payload and signature are refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import BaseModel, ConfigDict
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner, Signature

from lsi_match.base.canonical import canonical_json
from lsi_match.crypto.external_keys import KeyReference, OutsideKey, library_key
from lsi_match.crypto.keys import Identity, load_identity, make_identity
from lsi_match.crypto.signing import (
    SignatureMissingError,
    SignedDocumentInvalidError,
    media_type,
    peek,
    sign,
    verify,
)

WHERE = {"what": "note", "party": "uwv"}


class Note(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    format: str = "lsi-match/notes/v1"
    about: str
    number: int


#: In base64 it has a `/`, and two characters of padding with unused bits before them.
NOTE = Note(about="één ????", number=10)


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    folder: Path = tmp_path_factory.mktemp("keys")
    make_identity("uwv", folder)
    return load_identity("uwv", folder)


@pytest.fixture(scope="module")
def signed(identity: Identity) -> bytes:
    return sign(NOTE, identity)


def canonical(envelope: Any) -> bytes:
    return canonical_json(envelope) + b"\n"


def reordered(data: bytes) -> bytes:
    members = dict(reversed(json.loads(data).items()))
    return json.dumps(members, separators=(",", ":")).encode() + b"\n"


def reordered_inside(data: bytes) -> bytes:
    envelope = json.loads(data)
    envelope["signatures"] = [dict(reversed(one.items())) for one in envelope["signatures"]]
    return json.dumps(envelope, separators=(",", ":")).encode() + b"\n"


def spaces(data: bytes) -> bytes:
    return data.replace(b'","', b'", "', 1)


def escaped(data: bytes) -> bytes:
    """A letter written as an escape."""
    return data.replace(b"payloadType", b"payload\\u0054ype", 1)


def byte_order_mark(data: bytes) -> bytes:
    return json.dumps(json.loads(data), separators=(",", ":")).encode("utf-16")


def no_line_feed(data: bytes) -> bytes:
    return data.removesuffix(b"\n")


def two_line_feeds(data: bytes) -> bytes:
    return data + b"\n"


def carriage_return(data: bytes) -> bytes:
    return data.removesuffix(b"\n") + b"\r\n"


def extra_member(data: bytes) -> bytes:
    return canonical({**json.loads(data), "note": "x"})


def member_twice(data: bytes) -> bytes:
    return data.replace(b'{"payload":', b'{"payload":"","payload":', 1)


def extra_member_of_the_signature(data: bytes) -> bytes:
    envelope = json.loads(data)
    envelope["signatures"][0]["note"] = "x"
    return canonical(envelope)


def _recoded(data: bytes, change: Callable[[str], str]) -> bytes:
    envelope = json.loads(data)
    changed = change(envelope["payload"])
    assert changed != envelope["payload"]
    return canonical({**envelope, "payload": changed})


def base64_of_the_web(data: bytes) -> bytes:
    return _recoded(data, lambda text: text.replace("+", "-").replace("/", "_"))


def base64_without_padding(data: bytes) -> bytes:
    return _recoded(data, lambda text: text.rstrip("="))


def base64_in_lines(data: bytes) -> bytes:
    return _recoded(data, lambda text: text[:8] + "\n" + text[8:])


def _with_unused_bits(text: str) -> str:
    """The last character before the padding stands for fewer bits than it has."""
    other = text[:-3] + chr(ord(text[-3]) + 1) + "=="
    assert base64.b64decode(other) == base64.b64decode(text)
    return other


def base64_with_unused_bits(data: bytes) -> bytes:
    return _recoded(data, _with_unused_bits)


def base64_of_the_signature(data: bytes) -> bytes:
    envelope = json.loads(data)
    envelope["signatures"][0]["sig"] = _with_unused_bits(envelope["signatures"][0]["sig"])
    return canonical(envelope)


def signature_twice(data: bytes) -> bytes:
    envelope = json.loads(data)
    return canonical({**envelope, "signatures": envelope["signatures"] * 2})


def signature_also_under_another_name(data: bytes) -> bytes:
    envelope = json.loads(data)
    other = {**envelope["signatures"][0], "keyid": "0" * 64}
    return canonical({**envelope, "signatures": [*envelope["signatures"], other]})


def odd_name_of_a_key(data: bytes) -> bytes:
    """A name that canonical JSON cannot hold."""
    return data.replace(b'"keyid":"', b'"keyid":"\\ud800', 1)


CHANGES: list[Callable[[bytes], bytes]] = [
    reordered,
    reordered_inside,
    spaces,
    escaped,
    byte_order_mark,
    no_line_feed,
    two_line_feeds,
    carriage_return,
    extra_member,
    member_twice,
    extra_member_of_the_signature,
    base64_of_the_web,
    base64_with_unused_bits,
    base64_of_the_signature,
    signature_also_under_another_name,
    # The library refuses these by itself.
    base64_without_padding,
    base64_in_lines,
    signature_twice,
]


def test_what_sign_makes_is_accepted(identity: Identity, signed: bytes) -> None:
    assert verify(signed, Note, identity.signing_key, **WHERE) == NOTE
    assert peek(signed, Note, **WHERE) == NOTE


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_other_bytes_of_the_same_document_are_refused(
    change: Callable[[bytes], bytes], identity: Identity, signed: bytes
) -> None:
    changed = change(signed)
    assert changed != signed
    with pytest.raises(SignedDocumentInvalidError):
        verify(changed, Note, identity.signing_key, **WHERE)
    with pytest.raises(SignedDocumentInvalidError):
        peek(changed, Note, **WHERE)


def test_without_a_signature_it_is_refused(identity: Identity, signed: bytes) -> None:
    bare = canonical({**json.loads(signed), "signatures": []})
    with pytest.raises(SignatureMissingError):
        verify(bare, Note, identity.signing_key, **WHERE)
    with pytest.raises(SignedDocumentInvalidError):
        peek(bare, Note, **WHERE)


def test_an_odd_name_of_a_key_is_refused(identity: Identity, signed: bytes) -> None:
    odd = odd_name_of_a_key(signed)
    with pytest.raises(SignatureMissingError):
        verify(odd, Note, identity.signing_key, **WHERE)
    with pytest.raises(SignedDocumentInvalidError):
        peek(odd, Note, **WHERE)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"number":10,"about":"\xc3\xa9\xc3\xa9n ????"}',
        b'{"about":"\xc3\xa9\xc3\xa9n ????", "number":10}',
        b'{"about":"\\u00e9\xc3\xa9n ????","number":10}',
        b'{"about":"\xc3\xa9\xc3\xa9n ????","number":10}\n',
        b'{"about":"","about":"\xc3\xa9\xc3\xa9n ????","number":10}',
        b'{"about":"\xc3\xa9\xc3\xa9n ????","number":10.0}',
    ],
)
def test_a_payload_in_another_form_is_refused_though_well_signed(identity: Identity, payload: bytes) -> None:
    assert Note.model_validate_json(payload) == NOTE
    envelope = Envelope(payload, media_type(Note), {})
    envelope.sign(CryptoSigner(identity.signing, library_key(identity.signing_key)))
    data = canonical(envelope.to_dict())
    with pytest.raises(SignedDocumentInvalidError):
        verify(data, Note, identity.signing_key, **WHERE)


def test_an_ecdsa_signature_has_one_form() -> None:
    """Who has a signature (r, s) can make (r, n - s) of it, without the key: the file would have another digest."""
    for curve, scheme in ((ec.SECP256R1(), "ecdsa-sha2-nistp256"), (ec.SECP384R1(), "ecdsa-sha2-nistp384")):
        private = ec.generate_private_key(curve)
        point = private.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        key = f"{scheme}:{point.hex()}"
        envelope = Envelope(canonical_json(NOTE.model_dump()), media_type(Note), {})
        made = envelope.sign(CryptoSigner(private, library_key(key)))
        r, s = decode_dss_signature(bytes.fromhex(made.signature))
        low, high = sorted((s, curve.group_order - s))
        files = []
        for form in (low, high):
            der = encode_dss_signature(r, form)
            private.public_key().verify(der, envelope.pae(), ec.ECDSA(library_hash(scheme)))
            envelope.signatures[made.keyid] = Signature(made.keyid, der.hex())
            files.append(canonical(envelope.to_dict()))
        assert verify(files[0], Note, key, **WHERE) == NOTE
        assert verify(files[0], Note, [key], **WHERE) == NOTE
        for keys in (key, [key]):
            with pytest.raises(SignedDocumentInvalidError):
                verify(files[1], Note, keys, **WHERE)


def library_hash(scheme: str) -> hashes.HashAlgorithm:
    return hashes.SHA256() if scheme.endswith("256") else hashes.SHA384()


def test_a_device_that_makes_the_other_form_is_put_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of what hardware makes has the larger s."""
    private = ec.generate_private_key(ec.SECP256R1())
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    key = f"ecdsa-sha2-nistp256:{point.hex()}"
    outside = OutsideKey(KeyReference(uri="hsm:2?label=x", signing_key=key))
    monkeypatch.setattr(OutsideKey, "signer", lambda _: CryptoSigner(private, library_key(key)))
    for _ in range(12):
        signed = sign(NOTE, Identity("uwv", outside, None))
        assert verify(signed, Note, key, **WHERE) == NOTE


def test_an_ed25519_signature_has_one_form(identity: Identity, signed: bytes) -> None:
    """S + L, in which L is the order of the group, would fit the equation as well (RFC 8032, 5.1.7)."""
    value = json.loads(signed)
    signature = base64.b64decode(value["signatures"][0]["sig"])
    order = 2**252 + 27742317777372353535851937790883648493
    other = (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    value["signatures"][0]["sig"] = base64.b64encode(signature[:32] + other).decode()
    with pytest.raises(SignatureMissingError):
        verify(canonical(value), Note, identity.signing_key, **WHERE)
