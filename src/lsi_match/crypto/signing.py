"""Signed documents: DSSE envelopes over canonical JSON, one signature each.

Documents name one another by the digest of the whole file. So what is signed has one form: a file is taken only if
it is byte for byte what `sign` makes of its payload and signature.

The key id is derived from the key (SHA-256 of its raw bytes), so one key cannot pose as two.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

from lsi_match.base.canonical import canonical_json
from lsi_match.base.errors import LsiError
from lsi_match.base.version import VERSION, format_of
from lsi_match.crypto.certificates import Certified
from lsi_match.crypto.external_keys import OutsideKey, library_key, one_form
from lsi_match.crypto.keys import Identity

if TYPE_CHECKING:  # loaded by what signs or verifies, since it loads the libraries of every kind of key
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import SSlibKey

Model = TypeVar("Model", bound=BaseModel)


class SignatureMissingError(LsiError): ...


class SignedDocumentInvalidError(LsiError): ...


class SignedOtherVersionError(SignedDocumentInvalidError): ...


def sign(document: BaseModel, identity: Identity | Certified) -> bytes:
    """`document` as the bytes of a DSSE envelope, signed by `identity`."""
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import CryptoSigner, Signature

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

    envelope = _envelope(data, model, what, party)
    given = [signing_key] if isinstance(signing_key, str) else signing_key
    try:
        keys = [library_key(key) if isinstance(key, str) else key for key in given]
        envelope.verify(keys, 1)
    except (VerificationError, ValueError):
        raise SignatureMissingError(what=what, party=party) from None
    for key in keys:
        made = envelope.signatures.get(key.keyid)
        if made and one_form(bytes.fromhex(made.signature), key).hex() != made.signature:
            raise SignedDocumentInvalidError(what=what, party=party)
    return _content(data, envelope, model, what, party)


def peek(data: bytes, model: type[Model], *, what: str, party: str) -> Model:
    """The document in an envelope *without* checking who signed it: only to find which key to check."""
    return _content(data, _envelope(data, model, what, party), model, what, party)


def kind_of(model: type[BaseModel]) -> str:
    """What a document is, as its member `format` says: `drop`, `approval` …"""
    return str(model.model_fields["format"].default).split("/")[1]


def media_type(model: type[BaseModel]) -> str:
    """The DSSE payload type of a document."""
    return f"application/vnd.lsi-match.{kind_of(model)}+json"


def _envelope(data: bytes, model: type[BaseModel], what: str, party: str) -> Envelope:
    from securesystemslib.dsse import Envelope

    invalid = SignedDocumentInvalidError(what=what, party=party)
    try:
        value: Any = json.loads(data)
        envelope = Envelope.from_dict(copy.deepcopy(value))
    except Exception:  # the library raises many kinds on input it did not expect
        raise invalid from None
    if envelope.payload_type != media_type(model):
        raise invalid
    return envelope


def _content(data: bytes, envelope: Envelope, model: type[Model], what: str, party: str) -> Model:
    invalid = SignedDocumentInvalidError(what=what, party=party)
    try:
        document = model.model_validate_json(envelope.payload)
        written = _file(envelope)
    except ValueError:
        found = format_of(envelope.payload)
        known = model.model_json_schema()["properties"]["format"]
        if found.split("/")[:2] == ["lsi-match", kind_of(model)] and found not in known.get(
            "enum", [known.get("const")]
        ):
            raise SignedOtherVersionError(what=what, party=party, found=found, program=VERSION) from None
        raise invalid from None
    if written != data or len(envelope.signatures) != 1:
        raise invalid
    if canonical_json(document.model_dump(mode="json")) != envelope.payload:
        raise invalid
    return document


def _file(envelope: Envelope) -> bytes:
    """The one file of an envelope: only what DSSE names, as canonical JSON, and a line feed."""
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import Signature

    signatures = {name: Signature(name, one.signature) for name, one in envelope.signatures.items()}
    plain = Envelope(envelope.payload, envelope.payload_type, signatures)
    return canonical_json(plain.to_dict()) + b"\n"
