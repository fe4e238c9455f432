"""Write agreement-v1.json: a project key given and made together, a release, and a log, of made-up input.

    python -m tests.vectors.agreement

As with make.py: what is sealed is kept for as long as it can be opened and holds the same.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import trees
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pyrage import x25519

from lsi_match.base.errors import LsiError
from lsi_match.crypto import key_ceremony as rules
from lsi_match.crypto.keys import Identity
from lsi_match.crypto.project_key import ProjectKey
from lsi_match.log import merkle
from lsi_match.log.entry import LogEntry, details_hash
from lsi_match.log.note import Checkpoint, VerifierKey, sign_checkpoint
from lsi_match.protocol.columns import Column
from lsi_match.protocol.documents import (
    AttributeKeys,
    KeyCommitment,
    KeyContribution,
    KeyReveal,
    KeyShare,
    Part,
    PublicKeys,
    ReleasedAttributes,
    ReleaseDescriptor,
)
from lsi_match.protocol.tables import schema_of, to_part
from tests.vectors import make

FILE = Path(__file__).with_name("agreement-v1.json")

# Keys that everybody may know: of the partners, in hex and as age writes them, and of the matcher.
ZUID_SIGNING = bytes(range(64, 96))
ZUID_AGE = "AGE-SECRET-KEY-1Z7LANL5C6E0TQ7UMM9SF5YSX42358TXEMZV2SXQKS5U8J2YL7ATQQ8WVX7"
MATCHER_SIGNING = bytes(range(96, 128))
PARTNERS = {"noord": (make.SIGNING_KEY, make.AGE_IDENTITY), "zuid": (ZUID_SIGNING, ZUID_AGE)}

RELEASED = (
    Column("case_id", "block"),
    Column("reference", "block"),
    Column("selection", "uint8"),
    Column("zuid", "boolean"),
    Column("zuid_hoog", "boolean"),
)
ATTRIBUTES = (
    Column("case_id", "block"),
    Column("reference", "block"),
    Column("selection", "uint8"),
    Column("sealed", "sealed", attributes=1),
)
#: What the attributes of `zuid` are bound to, beside selection and reference.
ABOUT = "lsi-match/v2/attributes/voorbeeld/2026-10/zuid/0123456789abcdef/"


def identity(name: str) -> Identity:
    signing, secret = PARTNERS[name]
    return Identity(name, Ed25519PrivateKey.from_private_bytes(signing), x25519.Identity.from_str(secret))


def key_share(old: dict[str, Any]) -> dict[str, Any]:
    """The project key that `noord` made, for itself."""
    key = ProjectKey("voorbeeld", 1, make.COUNTING)
    inside = make.sealed(old.get("key_share", {}), "inside", key.secret)
    share = KeyShare(
        project=key.project, epoch=key.epoch, key_check=key.check_value, maker="noord", to="noord", sealed=inside["sealed"]
    )  # fmt: skip
    return {"project_key": key.secret.hex(), "inside": inside, "share": make.signed(share)}


def key_made_together(old: dict[str, Any]) -> dict[str, Any]:
    """`noord` and `zuid` commit, reveal and derive."""
    identities = {name: identity(name) for name in PARTNERS}
    cards = {name: PublicKeys.model_validate(one.card) for name, one in identities.items()}
    ceremony = rules.Ceremony("voorbeeld", 2, cards)
    drawn = {
        name: KeyContribution(
            project="voorbeeld", epoch=2, partner=name, contribution=bytes([n] * 32).hex(), nonce=bytes(range(n, n + 32)).hex()
        )
        for n, name in enumerate(PARTNERS, 17)
    }  # fmt: skip
    commitments = {name: rules.commit(ceremony, drawn[name], identities[name]) for name in PARTNERS}
    transcript = rules.gather(ceremony, commitments.values())
    before = old.get("key_made_together", {}).get("partners", {})
    reveals = {name: before.get(name, {}).get("reveal", {}).get("file", "").encode() for name in PARTNERS}

    def key() -> ProjectKey:
        (one, *others) = {
            rules.derive(ceremony, transcript, reveals.values(), drawn[name], identities[name]).secret
            for name in PARTNERS
        }
        assert not others, "all derive the same key"
        return ProjectKey("voorbeeld", 2, one)

    try:
        made = key()
    except LsiError:
        for name in PARTNERS:
            reveals[name] = rules.reveal(ceremony, transcript, drawn[name], identities[name])
        made = key()

    def word(model: Any, file: bytes, name: str) -> dict[str, Any]:
        payload = base64.b64decode(json.loads(file)["payload"])
        said = make.signed(model.model_validate_json(payload), PARTNERS[name][0])
        assert said["file"].encode() == file
        return said

    return {
        "project": "voorbeeld",
        "epoch": 2,
        "partners": {
            name: {
                "card": cards[name].model_dump(exclude={"log_key"}),
                "age_identity": PARTNERS[name][1],
                "contribution": drawn[name].model_dump(mode="json"),
                "commitment": word(KeyCommitment, commitments[name], name),
                "reveal": word(KeyReveal, reveals[name], name),
            }
            for name in PARTNERS
        },
        "transcript": transcript.digest,
        "project_key": made.secret.hex(),
        "key_check": made.check_value,
    }


def _bytes_of(rows: list[dict[str, Any]], columns: tuple[Column, ...]) -> bytes:
    cells = {"block": bytes.fromhex, "sealed": bytes.fromhex}
    table = {c.name: [cells.get(c.type, lambda cell: cell)(row[c.name]) for row in rows] for c in columns}
    return bytes(to_part(pa.table(table, schema=schema_of(columns)), columns))


def release(old: dict[str, Any]) -> dict[str, Any]:
    """What `noord` gets back about the drop of protocol-v1.json: two of its records are in one case."""
    drop = json.loads(make.FILE.read_text())["drop_part"]
    own = [row for row in drop["rows"] if row["record_id"] in ("A-17", "B-1")]
    rows = [
        {
            "case_id": "c0" * 16, "record_id": row["record_id"], "reference": row["reference"], "selection": row["selection"],
            "zuid": True, "zuid_hoog": row["record_id"] == "A-17",
        }
        for row in own
    ]  # fmt: skip
    attributes: list[dict[str, Any]] = [
        {"case_id": "c0" * 16, "reference": f"{n:032x}", "selection": n, "places": [place]}
        for n, place in enumerate((1, 65_535))
    ]
    for number, row in enumerate(attributes):
        row["sealed"] = make.sealed_row(row, make.TWOS, ABOUT, number)
    keyed = make.sealed(old.get("release", {}), "attribute_key_sealed", make.TWOS)
    keys = make.signed(
        AttributeKeys(
            project="voorbeeld", manifest="sha256:" + "a" * 64, round="2026-10", partner="zuid", span_id="0123456789abcdef",
            sealed={"noord": keyed["sealed"]},
        ),
        PARTNERS["zuid"][0],
    )  # fmt: skip
    tables = [_bytes_of(rows, RELEASED), _bytes_of(attributes, ATTRIBUTES)]
    part = make.sealed(old, "release", b"".join(tables))
    descriptor = ReleaseDescriptor(
        project="voorbeeld", manifest="sha256:" + "a" * 64, round="2026-10", partner="noord",
        drop=drop["descriptor"]["digest"], released_at="2026-10-03T08:00:00Z", expires_at="2026-11-02T08:00:00Z",
        span_id="fedcba9876543210", cases=1,
        parts=(Part(file="voorbeeld.2026-10.noord.release.age", digest=part["digest"], rows=len(rows)),),
        attributes={"zuid": ReleasedAttributes(rows=len(attributes), keys=keys["file"])},
    )  # fmt: skip
    return {
        "reference_key": drop["reference_key"],
        "columns": make.columns_of(RELEASED),
        "rows": rows,
        "attributes": {"columns": make.columns_of(ATTRIBUTES), "rows": attributes},
        "attribute_key": make.TWOS.hex(),
        "attributes_about": ABOUT,
        "attribute_key_sealed": keyed,
        "attribute_keys": keys,
        **part,
        "descriptor": make.signed(descriptor, MATCHER_SIGNING),
    }


def log() -> dict[str, Any]:
    """A log of seven entries: leaves, roots of every size, a proof of every entry, and the signed checkpoint."""
    origin, name = "koppel.example/voorbeeld", "koppel.example"
    details = {"reden": "één voorbeeld", "aantal": 3}
    leaves = []
    for n in range(7):
        bound = {"salt": make.ONES.hex(), "details": details} if n == 3 else {}
        entry = LogEntry(
            trace_id=f"{n + 1:032x}", span_id=f"{n + 1:016x}", parent_span_id=None if n == 0 else f"{n:016x}",
            status=("Ok", "Error", "Unset")[n % 3], name="intake", start_time=1_790_000_000_000 + n, end_time=1_790_000_000_005 + n,
            resource={"system": "lsi-match"}, attributes={"lsi.partner": "noord", "rows": n, "klaar": n % 2 == 0},
            details_hash=details_hash(make.ONES, details) if bound else None,
        )  # fmt: skip
        leaf = entry.leaf()
        leaves.append(
            {
                "entry": json.loads(leaf),
                "leaf": leaf.decode(),
                "leaf_hash": merkle.leaf_hash(leaf).hex(),
                **bound,
            }
        )
    hashes = [bytes.fromhex(leaf["leaf_hash"]) for leaf in leaves]
    tree = trees.subtrees_of(hashes)
    key = Ed25519PrivateKey.from_private_bytes(MATCHER_SIGNING)
    checkpoint = Checkpoint(origin, len(leaves), merkle.root(tree, len(leaves)))
    return {
        "origin": origin,
        "leaves": leaves,
        "roots": [merkle.root(tree, size).hex() for size in range(1, len(leaves) + 1)],
        "inclusion": [
            [node.hex() for node in merkle.inclusion_path(tree, index, len(leaves))]
            for index in range(len(leaves))
        ],
        "private_key": MATCHER_SIGNING.hex(),
        "verifier_key": str(VerifierKey.of(name, key)),
        "checkpoint": checkpoint.text(),
        "note": sign_checkpoint(checkpoint, key, name),
    }


def vectors(old: dict[str, Any]) -> dict[str, Any]:
    """All of it; `old` is what there was, for what is sealed."""
    return {
        "scheme": "v1",
        "note": "Made by tests/vectors/agreement.py of lsi-match. All parties and keys are made up; the keys are public.",
        "key_share": key_share(old),
        "key_made_together": key_made_together(old),
        "release": release(old),
        "log": log(),
    }


def main() -> int:
    old = json.loads(FILE.read_text()) if FILE.exists() else {}
    FILE.write_text(make.text_of(vectors(old)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
