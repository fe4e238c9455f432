"""Writes the vectors of scheme 2: `python -m tests.vectors.evaluation`. The secrets are public: never use them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import polars as pl

from lsi_match.crypto import oprf, ristretto
from lsi_match.crypto.oprf import HolderKey
from lsi_match.crypto.project_key import ProjectKey
from lsi_match.crypto.pseudonyms import SharedPseudonyms

FILE = Path(__file__).with_name("evaluation-v1.json")
IDENTIFIERS = ("999990019", "0012345678", "1011AB|12|A")
PARTNERS = ("gemeente", "svb", "uwv")


def scalar(name: str) -> bytes:
    wide = int.from_bytes(hashlib.sha512(f"lsi-match vector {name}".encode()).digest(), "little")
    return (wide % ristretto.ORDER).to_bytes(32, "little")


def vectors() -> dict[str, Any]:
    """As the file has them."""
    key = ProjectKey("proef", 1, bytes(range(32)))
    keys = {name: HolderKey.of(scalar(name)) for name in PARTNERS}
    made = []
    for number, identifier in enumerate(IDENTIFIERS):
        factor, blinded = oprf.blind(identifier.encode(), by=scalar(f"blind {number}"))
        answers = {name: oprf.evaluate(one, blinded) for name, one in keys.items()}
        evaluated = oprf.join(list(answers.values()))
        output = oprf.output(identifier.encode(), factor, evaluated)
        maker = SharedPseudonyms(key, {"bsn": {identifier: output}})
        (block,) = maker.pseudonyms(pl.Series([identifier]), "2026-05", "bsn").to_list()
        made.append({
            "identifier": identifier, "blind": factor.hex(), "blinded": blinded.hex(),
            "evaluations": {name: one.hex() for name, one in answers.items()}, "sum": evaluated.hex(),
            "output": output.hex(), "pseudonym": bytes(block or b"").hex(),
        })  # fmt: skip
    blinded, evaluated = (
        b"".join(
            bytes.fromhex(str(one[name] if name == "blinded" else one["evaluations"]["uwv"])) for one in made
        )
        for name in ("blinded", "evaluated")
    )
    proof = oprf.prove(keys["uwv"], blinded, evaluated, by=scalar("nonce"))
    return {
        "project_key": key.secret.hex(), "project": "proef", "epoch": 1, "round": "2026-05", "kind": "bsn",
        "keys": {name: {"secret": one.secret.hex(), "public": one.public.hex()} for name, one in keys.items()},
        "identifiers": made,
        "proof_of_uwv": {"nonce": scalar("nonce").hex(), "proof": proof.hex()},
    }  # fmt: skip


def main() -> None:
    FILE.write_text(json.dumps(vectors(), indent=1) + "\n", "ascii")


if __name__ == "__main__":
    main()
