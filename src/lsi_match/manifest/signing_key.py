"""Which public signing keys are refused wherever one comes in: in a manifest, card, trust root, key file or log policy.

An Ed25519 key is a point on a curve (RFC 8032, 5.1). Of eight points, the multiples soon come back to where they began: such
a key of *small order* fits a signature, of nearly any bytes, over any document, that nobody made. And a y of p or more says
the same as a smaller one: one key in two forms, which would count as two. Neither comes from a program that makes keys;
libraries differ in whether they refuse them (Chalkias, Garillot and Nikolaenko, Taming the many EdDSAs, 2020).

Keys of ECDSA have no such points, and one form.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from lsi_match.base.errors import LsiError
from lsi_match.base.validation import RuleViolation

_P = 2**255 - 19
#: y of the two pairs of points of order 8 (the other two are _P minus these); of orders 1, 2 and 4: 1, _P - 1 and 0.
_ORDER_8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_SMALL_ORDER = frozenset({0, 1, _P - 1, _ORDER_8, _P - _ORDER_8})


def check_ed25519(public: bytes) -> None:
    """Raises SigningKeyWeakError when these 32 bytes are a key of small order, or not the one form of a key."""
    y = int.from_bytes(public, "little") & (2**255 - 1)
    if y >= _P or y in _SMALL_ORDER:
        raise LsiError("SigningKeyWeakError", key=public.hex())


def _checked(key: str) -> str:
    if ":" not in key:
        check_ed25519(bytes.fromhex(key))
    return key


# Not a complaint of pydantic, which who reads a document tells as "this is no card": what is wrong has to be told.
_Checked = AfterValidator(_checked)


def _witness_key(key: str) -> str:
    name, key_id, material = key.split("+", 2)
    raw = base64.b64decode(material)
    if raw[0] != 4 or hashlib.sha256(name.encode() + b"\n" + raw).hexdigest()[:8] != key_id:
        raise RuleViolation.because("manifest.witness_key")
    check_ed25519(raw[1:])
    return key


#: What a witness co-signs with, as it is published: name, key id and key (C2SP signed-note, tlog-cosignature).
WitnessKey = Annotated[
    str,
    StringConstraints(pattern=r"^[!-*,-~]{1,200}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$"),
    AfterValidator(_witness_key),
]
#: The 32 raw bytes (RFC 8032, 5.1.5) as 64 hex digits.
Ed25519Key = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$"), _Checked]
#: Ed25519, or ECDSA, which is what most hardware has, as its scheme and the compressed point.
SigningKey = Annotated[
    str,
    StringConstraints(
        pattern=r"^([0-9a-f]{64}|ecdsa-sha2-nistp256:0[23][0-9a-f]{64}|ecdsa-sha2-nistp384:0[23][0-9a-f]{96})$"
    ),
    _Checked,
]
