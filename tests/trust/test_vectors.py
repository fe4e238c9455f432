"""Scheme v1 is what its committed vectors say: in our code, in the standard library, and in SQL."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from lsi_match.trust.project_key import ProjectKey, pseudonym

FILE = Path(__file__).parents[1] / "vectors" / "pseudonyms.json"
VECTORS: list[dict[str, Any]] = json.loads(FILE.read_text())["vectors"]


def hkdf_sha256(secret: bytes, info: bytes) -> bytes:
    """RFC 5869 written out, for 32 bytes and no salt."""
    extracted = hmac.new(bytes(32), secret, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()


@pytest.fixture(params=VECTORS, ids=lambda v: f"{v['project']}-{v['epoch']}-{v['round']}-{v['kind']}")
def vector(request: pytest.FixtureRequest) -> dict[str, Any]:
    return request.param


def test_our_code_gives_the_vector(vector: dict[str, Any]) -> None:
    key = ProjectKey(vector["project"], vector["epoch"], bytes.fromhex(vector["project_key"]))
    purpose = f"pseudonym/{vector['project']}/{vector['epoch']}/{vector['round']}/{vector['kind']}"
    assert key.subkey(purpose) == vector["subkey"]
    assert key.check_value == vector["key_check"]
    assert pseudonym(key, vector["identifier"], vector["round"], vector["kind"]).hex() == vector["pseudonym"]
    bulk = key.pseudonyms(pl.Series([vector["identifier"]]), vector["round"], vector["kind"])
    assert bulk.to_list() == [bytes.fromhex(vector["pseudonym"])]


def test_the_standard_library_alone_gives_the_vector(vector: dict[str, Any]) -> None:
    secret = bytes.fromhex(vector["project_key"])
    project, epoch = vector["project"], vector["epoch"]
    info = f"lsi-match/v1/pseudonym/{project}/{epoch}/{vector['round']}/{vector['kind']}"
    subkey = hkdf_sha256(secret, info.encode()).hex()
    assert subkey == vector["subkey"]
    made = hmac.new(subkey.encode("ascii"), vector["identifier"].encode(), hashlib.sha256).digest()
    assert made[:16].hex() == vector["pseudonym"]
    check = hkdf_sha256(secret, f"lsi-match/v1/key-check/{project}/{epoch}".encode()).hex()
    made = hmac.new(check.encode("ascii"), b"lsi-match key check", hashlib.sha256).digest()
    assert made[:16].hex() == vector["key_check"]


def test_plain_sql_gives_the_vector(vector: dict[str, Any]) -> None:
    sql = """
        WITH padded AS (
            SELECT unhex(string_agg(format('{:02x}', xor(ascii(substr($subkey, i, 1)), 54)), '' ORDER BY i)) AS inside,
                   unhex(string_agg(format('{:02x}', xor(ascii(substr($subkey, i, 1)), 92)), '' ORDER BY i)) AS outside
            FROM (SELECT unnest(range(1, 65))::INTEGER AS i)
        )
        SELECT sha256(outside || unhex(sha256(inside || encode($identifier))))[1:32] FROM padded"""
    found = duckdb.execute(sql, {name: vector[name] for name in ("subkey", "identifier")}).fetchone()
    assert found == (vector["pseudonym"],)


def test_every_pseudonym_of_the_vectors_is_another() -> None:
    assert len({vector["pseudonym"] for vector in VECTORS}) == len(VECTORS)
