"""The one way a document becomes bytes: canonical JSON (RFC 8785), and its SHA-256 as identity."""

from __future__ import annotations

import hashlib
from typing import Any

import rfc8785


def canonical_json(document: Any) -> bytes:
    """RFC 8785 bytes of a JSON-like value (`dict`, `list`, `str`, `int`, `bool`, `None`)."""
    return rfc8785.dumps(document)


def digest_of_bytes(data: bytes | memoryview) -> str:
    """`sha256:` and 64 hex digits: how a document or file is named everywhere."""
    return "sha256:" + hashlib.sha256(data).hexdigest()
