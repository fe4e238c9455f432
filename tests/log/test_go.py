"""Another implementation, Go's `golang.org/x/mod/sumdb`, accepts our checkpoints and proofs, and no altered ones."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lsi_match.log.entry import LogEntry
from lsi_match.log.log_proof import prove
from lsi_match.log.note import VerifierKey
from lsi_match.log.store import Log

#: Where Debian's golang-golang-x-mod-dev puts its sources: a GOPATH, so that nothing is downloaded.
GOPATH = Path("/usr/share/gocode")
SIZES = (1, 2, 3, 255, 256, 257, 700)
#: The name of the key is the origin of the log: by that Go, and a witness, know which log it is.
NAME = "matching.example.nl/project"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))

pytestmark = pytest.mark.skipif(
    shutil.which("go") is None or not (GOPATH / "src/golang.org/x/mod/sumdb/note").is_dir(),
    reason="golang-go or golang-golang-x-mod-dev is not installed",
)


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("go")
    environment = os.environ | {
        "GO111MODULE": "off",
        "GOPATH": str(GOPATH),
        "GOCACHE": str(folder / "cache"),
        "GOFLAGS": "",
    }
    source = Path(__file__).parents[1] / "go" / "main.go"
    subprocess.run(["go", "build", "-o", str(folder / "check"), str(source)], check=True, env=environment)
    return folder / "check"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Proofs under checkpoints of seven sizes, as the Go program takes them."""
    path = tmp_path_factory.mktemp("log") / "log.sqlite"

    def entry(number: int) -> LogEntry:
        return LogEntry(
            trace_id="1" * 32, span_id=f"{number + 1:016x}", name="gates", start_time=number, end_time=number
        )

    def text(hashes: list[bytes] | tuple[bytes, ...]) -> list[str]:
        return [base64.b64encode(one).decode() for one in hashes]

    with Log.create(path, NAME) as log:
        for size in SIZES:
            log.append_and_sign([(entry(i), None) for i in range(log.size, size)], KEY, NAME)
        proofs = [prove(log, at, size) for size in SIZES for at in sorted({0, size // 2, size - 1})]
        notes = {size: log.checkpoint(size) for size in SIZES}
        pairs = [(a, b, log.consistency_proof(a, b)) for a in SIZES for b in SIZES if a < b]
    return {
        "Key": str(VerifierKey.of(NAME, KEY)),
        "Inclusion": [
            {
                "Leaf": text([p.leaf])[0],
                "Checkpoint": p.checkpoint,
                "Index": p.index,
                "Path": text(p.path),
            }
            for p in proofs
        ],
        "Consistency": [{"First": notes[a], "Second": notes[b], "Path": text(path)} for a, b, path in pairs],
    }


def accepted(checker: Path, document: dict[str, Any]) -> bool:
    return (
        subprocess.run([checker], input=json.dumps(document), text=True, capture_output=True).returncode == 0
    )


def test_go_accepts_our_checkpoints_and_proofs(checker: Path, shown: dict[str, Any]) -> None:
    run = subprocess.run(
        [checker], input=json.dumps(shown), text=True, capture_output=True, check=True
    ).stdout
    assert run == f"{len(shown['Inclusion'])} inclusion, {len(shown['Consistency'])} consistency\n"
    assert len(shown["Inclusion"]) > 15
    assert len(shown["Consistency"]) == 21


def test_go_refuses_them_once_they_are_altered(checker: Path, shown: dict[str, Any]) -> None:
    """So the acceptance above says something."""
    first, last = shown["Inclusion"][0], shown["Inclusion"][-1]
    altered: list[dict[str, Any]] = [
        shown | {"Inclusion": [last | {"Index": last["Index"] - 1}]},
        shown | {"Inclusion": [last | {"Leaf": first["Leaf"]}]},
        shown | {"Inclusion": [last | {"Checkpoint": last["Checkpoint"].replace("\n700\n", "\n701\n")}]},
        shown | {"Consistency": [shown["Consistency"][-1] | {"Path": []}]},
        shown | {"Key": str(VerifierKey.of(NAME, Ed25519PrivateKey.from_private_bytes(bytes(32))))},
    ]
    assert not [number for number, one in enumerate(altered) if accepted(checker, one)]
