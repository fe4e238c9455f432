"""Signed documents: DSSE envelopes over canonical JSON, one signature each.

Documents name one another by the digest of the whole file. So what is signed has one form: a file is taken only if
it is byte for byte what `sign` makes of its payload and signature.

The key id is derived from the key (SHA-256 of its raw bytes), so one key cannot pose as two.

What bytes say, and whether a key signed them, never changes: the last few answers are remembered, since a look at a
project asks for the same papers many times. A refusal is worked out again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar, cast

from pydantic import BaseModel

from lsi_match.base import dry_run
from lsi_match.base.canonical import canonical_json
from lsi_match.base.errors import RefusedError
from lsi_match.base.version import VERSION, format_of
from lsi_match.crypto.certificates import Certified
from lsi_match.crypto.external_keys import OutsideKey, library_key, one_form
from lsi_match.crypto.keys import Identity

if TYPE_CHECKING:  # loaded by what signs or verifies, since it loads the libraries of every kind of key
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import SSlibKey

Model = TypeVar("Model", bound=BaseModel)


_remembered = lru_cache(maxsize=512)


class SignatureMissingError(RefusedError): ...


class SignedDocumentInvalidError(RefusedError): ...


def sign(document: BaseModel, identity: Identity | Certified) -> bytes:
    """`document` as the bytes of a DSSE envelope, signed by `identity`."""
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import CryptoSigner, Signature

    dry_run.before("sign", f"{kind_of(type(document))} ({identity.name})")
    envelope = Envelope(canonical_json(document.model_dump(mode="json")), media_type(type(document)), {})
    if isinstance(identity.signing, OutsideKey):
        identity.signing.sign(envelope)
    else:
        made = envelope.sign(CryptoSigner(identity.signing, identity.public))
        plain = one_form(bytes.fromhex(made.signature), identity.public)
        envelope.signatures[made.keyid] = Signature(made.keyid, plain.hex())
    return _file(envelope)


def verify(
    data: bytes,
    model: type[Model],
    signing_key: str | Iterable[str | SSlibKey],
    *,
    what: str,
    party: str,
) -> Model:
    """The document in an envelope, after its one signature was found good.

    Args:
        signing_key: by this key, or by one of these (see `crypto.external_keys`).
        what: how messages call the document.
        party: whose it should be.

    Raises:
        SignedDocumentInvalidError: no envelope, another type, not the bytes of `sign`, or not a `model`.
        SignatureMissingError: no good signature by that key, or by any of those.
    """
    from securesystemslib.exceptions import VerificationError

    _check_type(data, model, what, party)
    keys = (signing_key,) if isinstance(signing_key, str) else tuple(signing_key)
    try:
        in_one_form = _verified(data, keys)
    except (VerificationError, ValueError):
        raise SignatureMissingError(what=what, party=party) from None
    if not in_one_form:
        raise SignedDocumentInvalidError(what=what, party=party)
    return _content(data, model, what, party)


def peek(data: bytes, model: type[Model], *, what: str, party: str) -> Model:
    """The document in an envelope *without* checking who signed it: only to find which key to check."""
    _check_type(data, model, what, party)
    return _content(data, model, what, party)


def kind_of(model: type[BaseModel]) -> str:
    """What a document is, as its member `format` says: `drop`, `approval` …"""
    return str(model.model_fields["format"].default).split("/")[1]


def media_type(model: type[BaseModel]) -> str:
    """The DSSE payload type of a document."""
    return f"application/vnd.lsi-match.{kind_of(model)}+json"


def type_of(data: bytes) -> str | None:
    """The payload type that an envelope says it has, before anything of it is checked; None for what is no envelope."""
    try:
        return str(_envelope(data).payload_type)
    except Exception:  # the library raises many kinds on input it did not expect
        return None


@_remembered
def _envelope(data: bytes) -> Envelope:
    """The envelope in these bytes; raises whatever the library does on input it did not expect."""
    from securesystemslib.dsse import Envelope

    return Envelope.from_dict(json.loads(data))


@_remembered
def _verified(data: bytes, keys: tuple[str | SSlibKey, ...]) -> bool:
    """Whether the signature by one of the keys has its one form; raises VerificationError, ValueError for no good one."""
    envelope = _envelope(data)
    known = [library_key(key) if isinstance(key, str) else key for key in keys]
    for keyid, key in envelope.verify(known, 1).items():
        made = envelope.signatures[keyid].signature
        if one_form(bytes.fromhex(made), key).hex() != made:
            return False
    return True


@_remembered
def _document(data: bytes, model: type[Model]) -> Model:
    """The document in an envelope that is byte for byte what `sign` makes of it; raises ValueError for any other."""
    envelope = _envelope(data)
    if len(envelope.signatures) != 1 or _file(envelope) != data:
        raise ValueError("another form")
    return cast(Model, _payload(envelope.payload, model))


@_remembered
def _payload(payload: bytes, model: type[Model]) -> Model:
    """The document in canonical bytes, which several may have signed; raises ValueError for any other."""
    document = model.model_validate_json(payload)
    if canonical_json(document.model_dump(mode="json")) != payload:
        raise ValueError("another form")
    return document


def _check_type(data: bytes, model: type[Model], what: str, party: str) -> None:
    if type_of(data) != media_type(model):
        raise SignedDocumentInvalidError(what=what, party=party)


def _content(data: bytes, model: type[Model], what: str, party: str) -> Model:
    try:
        return cast(Model, _document(data, model))
    except ValueError:
        found = format_of(_envelope(data).payload)
        known = model.model_json_schema()["properties"]["format"]
        named = known.get("enum", [known.get("const")])
        if found.split("/")[:2] == ["lsi-match", kind_of(model)] and found not in named:
            raise SignedDocumentInvalidError(
                "SignedOtherVersionError", what=what, party=party, found=found, program=VERSION
            ) from None
        raise SignedDocumentInvalidError(what=what, party=party) from None


def _file(envelope: Envelope) -> bytes:
    """The one file of an envelope: only what DSSE names, as canonical JSON, and a line feed."""
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import Signature

    signatures = {name: Signature(name, one.signature) for name, one in envelope.signatures.items()}
    plain = Envelope(envelope.payload, envelope.payload_type, signatures)
    return canonical_json(plain.to_dict()) + b"\n"
