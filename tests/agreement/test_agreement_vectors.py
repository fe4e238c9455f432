"""Keys given and made together, releases and the log are what their committed vectors say, in three ways.

As tests/crypto/test_vectors.py, over tests/vectors/agreement-v1.json. Signatures and sealing are not in SQL.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from vectors import plain

from lsi_match.crypto.sealing import unseal
from lsi_match.crypto.signing import verify
from lsi_match.log import merkle
from lsi_match.log.entry import LogEntry
from lsi_match.log.note import VerifierKey, verify_checkpoint
from lsi_match.partner.home import References
from lsi_match.partner.references import resolve
from lsi_match.protocol.documents import KeyCommitment, KeyReveal, KeyShare, ReleaseDescriptor
from lsi_match.protocol.tables import from_part
from tests.vectors import agreement

VECTORS: dict[str, Any] = json.loads(agreement.FILE.read_text())
TOGETHER = VECTORS["key_made_together"]
RELEASE = VECTORS["release"]
LOG = VECTORS["log"]


def canonical(value: Any) -> str:
    """Canonical JSON by the standard library, for values with no numbers but whole ones in them."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def signed_vectors() -> list[tuple[str, dict[str, Any], Any]]:
    """Payload type, vector, model."""
    words = [
        (kind, partner[word], model)
        for partner in TOGETHER["partners"].values()
        for kind, word, model in (
            ("key-commitment", "commitment", KeyCommitment),
            ("key-reveal", "reveal", KeyReveal),
        )
    ]
    share, release = VECTORS["key_share"]["share"], RELEASE["descriptor"]
    return [*words, ("key-share", share, KeyShare), ("release", release, ReleaseDescriptor)]


def transcript() -> str:
    commitments = {name: partner["commitment"]["digest"] for name, partner in TOGETHER["partners"].items()}
    return canonical({"commitments": commitments, "epoch": TOGETHER["epoch"], "project": TOGETHER["project"]})


# Our code.


def test_our_code_makes_the_committed_vectors() -> None:
    """Everything but what is sealed, which is kept. After a change that is meant: python -m tests.vectors.agreement"""
    made = agreement.vectors(VECTORS)
    for name, value in made.items():
        assert value == VECTORS[name], name
    assert agreement.make.text_of(made) == agreement.FILE.read_text()


def test_our_code_takes_the_signed_documents() -> None:
    for _, vector, model in signed_vectors():
        file = vector["file"].encode()
        found = verify(file, model, vector["signing_key"], what="A document", party="a")
        assert found.model_dump(mode="json") == vector["document"]


def test_our_code_opens_shares_reveals_and_releases() -> None:
    inside = VECTORS["key_share"]["inside"]
    assert VECTORS["key_share"]["share"]["document"]["sealed"] == inside["sealed"]
    opened = unseal(base64.b64decode(inside["sealed"]), inside["identity"], what="a", party="b")
    assert opened.hex() == VECTORS["key_share"]["project_key"]
    for name, partner in TOGETHER["partners"].items():
        for to, sealed in partner["reveal"]["document"]["sealed"].items():
            assert to != name
            secret = TOGETHER["partners"][to]["age_identity"]
            text = unseal(base64.b64decode(sealed), secret, what="a", party="b").decode()
            assert text == canonical(partner["contribution"])
    opened = unseal(base64.b64decode(RELEASE["sealed"]), RELEASE["identity"], what="a", party="b")
    own = opened[: len(plain_tables()[0])]
    table = from_part(own, agreement.RELEASED, len(RELEASE["rows"]), what="a", party="b")
    keep = References(bytes.fromhex(RELEASE["reference_key"]), ())
    ids = resolve(table.column("reference").to_pylist(), keep)
    assert ids == [row["record_id"] for row in RELEASE["rows"]]


def test_our_code_reads_the_log() -> None:
    root = bytes.fromhex(LOG["roots"][-1])
    for index, (leaf, path) in enumerate(zip(LOG["leaves"], LOG["inclusion"], strict=True)):
        data = leaf["leaf"].encode()
        assert LogEntry.from_leaf(data).leaf() == data
        nodes = [bytes.fromhex(node) for node in path]
        assert merkle.verify_inclusion(merkle.leaf_hash(data), index, len(LOG["leaves"]), nodes, root)
    key = VerifierKey.parse(LOG["verifier_key"])
    assert verify_checkpoint(LOG["note"], [key]).root == root


# Plain Python.


def test_plain_python_finds_the_signatures_good_and_writes_the_files() -> None:
    for _, vector, _ in signed_vectors():
        payload = canonical(vector["document"])
        encoded = plain.pre_authentication_encoding(vector["payload_type"], payload.encode())
        key, signature = bytes.fromhex(vector["signing_key"]), bytes.fromhex(vector["signature"])
        assert encoded.hex() == vector["pre_authentication_encoding"]
        assert plain.good_signature(key, encoded, signature)
        assert not plain.good_signature(key, encoded + b" ", signature)
        one = {"keyid": plain.sha256(key), "sig": base64.b64encode(signature).decode()}
        encoded_payload = base64.b64encode(payload.encode()).decode()
        envelope = {"payload": encoded_payload, "payloadType": vector["payload_type"], "signatures": [one]}
        assert canonical(envelope) + "\n" == vector["file"]
        assert "sha256:" + plain.sha256(vector["file"].encode()) == vector["digest"]


def test_plain_python_makes_the_key_together() -> None:
    partners = TOGETHER["partners"]
    cards = {name: "sha256:" + plain.sha256(canonical(p["card"]).encode()) for name, p in partners.items()}
    for partner in partners.values():
        said = partner["commitment"]["document"]
        assert said["partners"] == cards
        made = plain.domain_hash("key-commitment", canonical(partner["contribution"]))
        assert made == said["commitment"]
        assert partner["reveal"]["document"]["transcript"] == TOGETHER["transcript"]
    assert plain.domain_hash("key-transcript", transcript()) == TOGETHER["transcript"]
    bytes_of = {name: partner["contribution"]["contribution"] for name, partner in partners.items()}
    key = plain.key_together(TOGETHER["project"], TOGETHER["epoch"], TOGETHER["transcript"], bytes_of)
    assert key == TOGETHER["project_key"]
    purpose = f"key-check/{TOGETHER['project']}/{TOGETHER['epoch']}"
    check = plain.keyed(plain.subkey(bytes.fromhex(key), purpose), "lsi-match key check")
    assert check == TOGETHER["key_check"]


def plain_tables() -> tuple[bytes, bytes]:
    """The tables of the release, made by plain Python: the own records, and the attributes of the other."""
    attributes = RELEASE["attributes"]
    return plain.part(RELEASE["columns"], RELEASE["rows"]), plain.part(
        attributes["columns"], attributes["rows"]
    )


def test_plain_python_makes_the_bytes_of_the_release() -> None:
    assert b"".join(plain_tables()) == base64.b64decode(RELEASE["plain"])
    told = RELEASE["descriptor"]["document"]
    assert told["parts"][0]["rows"] == len(RELEASE["rows"])
    assert told["attributes"]["zuid"]["rows"] == len(RELEASE["attributes"]["rows"])


def test_plain_python_makes_the_references_of_the_release() -> None:
    key = bytes.fromhex(RELEASE["reference_key"])
    for row in RELEASE["rows"]:
        assert plain.aes(key, plain.block(row["record_id"], 0)).hex() == row["reference"]
    assert "sha256:" + plain.sha256(base64.b64decode(RELEASE["sealed"])) == RELEASE["digest"]
    assert RELEASE["descriptor"]["document"]["parts"][0]["digest"] == RELEASE["digest"]


def test_plain_python_makes_the_tree_and_finds_the_checkpoint_good() -> None:
    hashes = []
    for leaf in LOG["leaves"]:
        assert canonical(leaf["entry"]) == leaf["leaf"]
        assert len(leaf["entry"]) == 10
        hashes.append(plain.leaf_hash(leaf["leaf"]))
        if "details" in leaf:
            salted = bytes.fromhex(leaf["salt"]) + canonical(leaf["details"]).encode()
            assert leaf["entry"]["details_hash"] == "sha256:" + plain.sha256(salted)
    assert hashes == [leaf["leaf_hash"] for leaf in LOG["leaves"]]
    assert [plain.tree_root(hashes[:size]) for size in range(1, 8)] == LOG["roots"]
    for index, path in enumerate(LOG["inclusion"]):
        assert plain.proof_root(index, 7, hashes[index], path) == LOG["roots"][-1]
    root = base64.b64encode(bytes.fromhex(LOG["roots"][-1])).decode()
    assert LOG["checkpoint"] == f"{LOG['origin']}\n{len(hashes)}\n{root}\n"
    name, _, material = LOG["verifier_key"].split("+", 2)
    kind_and_key = base64.b64decode(material)
    line = LOG["note"].removeprefix(LOG["checkpoint"])
    key_id = bytes.fromhex(plain.sha256(name.encode() + b"\n" + kind_and_key))[:4]
    signature = base64.b64decode(line.rpartition(" ")[2])
    assert line.startswith(f"\n— {name} ")
    assert (kind_and_key[:1], signature[:4]) == (b"\x01", key_id)
    assert plain.good_signature(kind_and_key[1:], LOG["checkpoint"].encode(), signature[4:])


# SQL.


@pytest.fixture(scope="module")
def sql() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(f"SET VARIABLE lists = '{plain.LISTS}'")
    connection.execute((agreement.FILE.parent / "plain.sql").read_text())
    return connection


def test_sql_makes_the_key_together(sql: duckdb.DuckDBPyConnection) -> None:
    partners = TOGETHER["partners"]
    for partner in partners.values():
        text = canonical(partner["contribution"])
        made = sql.execute("SELECT domain_hash('key-commitment', ?)", [text]).fetchall()
        assert made == [(partner["commitment"]["document"]["commitment"],)]
    assert sql.execute("SELECT domain_hash('key-transcript', ?)", [transcript()]).fetchall() == [
        (TOGETHER["transcript"],)
    ]
    together = "".join(partners[name]["contribution"]["contribution"] for name in sorted(partners))
    given = [TOGETHER["project"], TOGETHER["epoch"], TOGETHER["transcript"], together]
    assert sql.execute("SELECT key_together(?, ?, ?, ?)", given).fetchall() == [(TOGETHER["project_key"],)]
    purpose = f"key-check/{TOGETHER['project']}/{TOGETHER['epoch']}"
    check = "SELECT keyed(subkey(?, ?), 'lsi-match key check')"
    assert sql.execute(check, [TOGETHER["project_key"], purpose]).fetchall() == [(TOGETHER["key_check"],)]


def test_sql_makes_the_tree(sql: duckdb.DuckDBPyConnection) -> None:
    """The tree of seven leaves, node by node, and the hash of the details."""
    leaves = [leaf["leaf"] for leaf in LOG["leaves"]]
    query = """
        WITH h AS (SELECT list_transform(?::VARCHAR[], lambda leaf: leaf_hash(leaf)) AS h)
        SELECT h, node_hash(node_hash(node_hash(h[1], h[2]), node_hash(h[3], h[4])),
                            node_hash(node_hash(h[5], h[6]), h[7])) FROM h"""
    (made,) = sql.execute(query, [leaves]).fetchall()
    assert made == ([leaf["leaf_hash"] for leaf in LOG["leaves"]], LOG["roots"][-1])
    (bound,) = [leaf for leaf in LOG["leaves"] if "details" in leaf]
    given = [bound["salt"], canonical(bound["details"])]
    assert sql.execute("SELECT hash_of_details(?, ?)", given).fetchall() == [
        (bound["entry"]["details_hash"],)
    ]


def test_sql_reads_the_release(sql: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    own, attributes = plain_tables()
    for vector, part in ((RELEASE, own), (RELEASE["attributes"], attributes)):
        (tmp_path / "table").write_bytes(part)
        shown, start, rows = [], 0, len(vector["rows"])
        for column in vector["columns"]:
            cell = f"cell(hex(content), {start}, {column['width']}, place)"
            shown.append(cell if column["type"] in ("block", "sealed") else f"little_endian({cell})")
            start += rows * column["width"]
        query = f"SELECT {', '.join(shown)} FROM read_blob(?), range({rows}) AS r(place) ORDER BY place"
        found = sql.execute(query, [str(tmp_path / "table")]).fetchall()
        names = [column["name"] for column in vector["columns"]]
        assert [list(row) for row in found] == [[row[name] for name in names] for row in vector["rows"]]
