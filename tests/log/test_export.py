"""An export holds the log exactly, and the verifier of one file, run alone, finds every change in it."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import polars as pl
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from refusals import raises

from lsi_match.log import merkle, note
from lsi_match.log.entry import LogEntry
from lsi_match.log.export import (
    export_otlp,
    export_parquet,
    export_tiles,
    tile_name,
)
from lsi_match.log.log_proof import prove
from lsi_match.log.policy import Policy
from lsi_match.log.store import Log

VERIFIER = Path(__file__).parents[2] / "audit" / "check_log.py"
ORIGIN, DOMAIN = "matching.example.nl/project", "matching.example.nl"
KEY, OLD, ONE, TWO = (Ed25519PrivateKey.from_private_bytes(bytes(range(i, i + 32))) for i in range(4))
WITNESSES = {n: note.VerifierKey.of(n, k, note.COSIGNATURE) for n, k in (("uwv", ONE), ("svb", TWO))}
POLICY = Policy(
    (note.VerifierKey.of(DOMAIN, KEY),), WITNESSES, {"controllers": (2, ("uwv", "svb"))}, "controllers"
)
SIZES = (1, 300, 700)


def entry(number: int, name: str = "gates") -> LogEntry:
    return LogEntry(
        trace_id="1" * 32,
        span_id=f"{number + 1:016x}",
        parent_span_id="a" * 16 if number % 2 else None,
        status="Error" if number == 5 else "Ok",
        name=name,
        start_time=1_760_000_000_000 + number,
        end_time=1_760_000_000_001 + number,
        resource={"service.name": "lsi-match"},
        attributes={"lsi.rows": number, "lsi.round": "één", "lsi.flag": True},
    )


def write(path: Path, *, cosigners: tuple[str, ...] = ("uwv", "svb"), other: int | None = None) -> Path:
    with Log.create(path, ORIGIN) as log:
        for size in SIZES:
            numbers = range(log.size, size)
            log.append_and_sign(
                [(entry(i, "match" if i == other else "gates"), None) for i in numbers], KEY, DOMAIN
            )
        for name, key in (("uwv", ONE), ("svb", TWO)):
            if name in cosigners:
                line = note.cosign(str(log.checkpoint()), key, name, 1_760_000_000)
                log.add_cosignature(log.size, line, WITNESSES[name])
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log, its export in tiles, the policy, an older checkpoint and a proof."""
    folder = tmp_path_factory.mktemp("made")
    with Log.open(write(folder / "log.sqlite"), read_only=True) as log:
        export_tiles(log, folder / "tiles")
        (folder / "older").write_text(str(log.checkpoint(300)))
        (folder / "proof").write_text(prove(log, 299, 300).text())
        (folder / "short").write_text(prove(log, 299, 300, seen=295).text())
    (folder / "policy").write_text(POLICY.text())
    return folder


@pytest.fixture
def export(made: Path, tmp_path: Path) -> Path:
    """A copy of all of it to tamper with."""
    return shutil.copytree(made, tmp_path / "copy")


def checked(folder: Path, origin: str = ORIGIN) -> str:
    """What the verifier, run alone, says is wrong; nothing when all of it holds."""
    run = subprocess.run(
        [
            sys.executable,
            "-I",
            VERIFIER,
            "tiles",
            "policy",
            origin,
            "--older",
            "older",
            "--proof",
            "proof",
            "--proof",
            "short",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert (run.returncode, bool(run.stderr)) in ((0, False), (1, True))
    assert "Traceback" not in run.stderr
    return run.stderr


def test_the_verifier_is_short_and_needs_only_the_standard_library_and_cryptography() -> None:
    text = VERIFIER.read_text()
    imports = {
        line.split()[1].split(".")[0] for line in text.split("\n") if line.startswith(("import", "from"))
    }
    assert imports <= {*sys.stdlib_module_names, "cryptography"}
    assert len([line for line in text.split("\n") if line.strip()]) <= 200


def test_the_log_of_another_project_of_the_same_matching_environment_is_another_log(export: Path) -> None:
    """One key signs them all."""
    assert "another log" in checked(export, f"{DOMAIN}/another")


def test_a_sound_export_verifies(export: Path) -> None:
    assert checked(export) == ""
    names = {p.relative_to(export / "tiles").as_posix() for p in (export / "tiles").rglob("*") if p.is_file()}
    assert {"checkpoint", "tile/0/000", "tile/0/002.p/188", "tile/1/000.p/2", "tile/entries/001"} <= names
    assert "tile/1/000.p/1" in names, "of the checkpoint at 300 entries"
    assert len(names) == 9


def test_who_saw_an_earlier_checkpoint_finds_the_tiles_of_then_and_an_export_goes_on(tmp_path: Path) -> None:
    path, folder = tmp_path / "log.sqlite", tmp_path / "tiles"
    sizes = (1, 3, 255, 256, 258, 511, 513, 517)
    with Log.create(path, ORIGIN) as log:
        for size in sizes:
            log.append_and_sign([(entry(i), None) for i in range(log.size, size)], KEY, DOMAIN)
            if size in (3, 258, 517):
                assert export_tiles(log, folder).size == size

    def read(size: int) -> merkle.ReadTile:
        def tile(level: int, number: int) -> bytes:
            width = min(256, (size >> (8 * level)) - 256 * number)
            part = folder / tile_name(level, number, width)  # a full one may stand for it
            return (part if part.exists() else folder / tile_name(level, number)).read_bytes()[: 32 * width]

        return tile

    with Log.open(path, read_only=True) as log:
        for size in sizes:
            assert merkle.root(merkle.subtrees_in_tiles(read(size)), size) == log.root(size)
    names = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    assert {"tile/0/002.p/1", "tile/0/002.p/5", "tile/entries/002.p/1", "tile/1/000.p/1"} <= names
    write(tmp_path / "other.sqlite", other=5)
    with Log.open(tmp_path / "other.sqlite", read_only=True) as other, raises("ExportFolderError"):
        export_tiles(other, folder)


def test_numbers_of_tiles_are_in_groups_of_three() -> None:
    assert tile_name(0, 1_234_067) == "tile/0/x001/x234/067"
    assert tile_name("entries", 999, 7) == "tile/entries/999.p/7"
    assert tile_name(2, 1000) == "tile/2/x001/000"


def _ids_in_base64(line: str) -> str:
    """Protobuf's own JSON has bytes in base64; OTLP has these three in hex, and is the same otherwise."""
    pattern = r'"(traceId|spanId|parentSpanId)":"([0-9a-f]+)"'
    return re.sub(pattern, lambda m: f'"{m[1]}":"{b64encode(bytes.fromhex(m[2])).decode()}"', line)


def bundles(folder: Path) -> list[bytes]:
    found = []
    for start in range(0, SIZES[-1], 256):
        data = (
            folder / "tiles" / tile_name("entries", start // 256, min(256, SIZES[-1] - start))
        ).read_bytes()
        while data:
            length = int.from_bytes(data[:2], "big")
            found.append(data[2 : 2 + length])
            data = data[2 + length :]
    return found


def put(folder: Path, leaves: list[bytes]) -> None:
    shutil.rmtree(folder / "tiles" / "tile" / "entries")
    for start in range(0, len(leaves), 256):
        some = leaves[start : start + 256]
        file = folder / "tiles" / tile_name("entries", start // 256, len(some))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in some))


@pytest.mark.parametrize("attack", ["change", "remove", "insert", "reorder", "truncate", "duplicate"])
def test_no_change_of_the_entries_goes_unseen(export: Path, attack: str) -> None:
    leaves = bundles(export)
    assert len(leaves) == SIZES[-1]
    match attack:
        case "change":
            leaves[400] = entry(400, "match").leaf()
        case "remove":
            del leaves[400]
        case "insert":
            leaves.insert(400, entry(9000).leaf())
        case "reorder":
            leaves[400], leaves[401] = leaves[401], leaves[400]
        case "truncate":
            del leaves[-1]
        case "duplicate":
            leaves.insert(400, leaves[400])
    put(export, leaves)
    assert checked(export)


def test_an_older_copy_a_rewritten_history_and_missing_signatures_are_found(
    export: Path, tmp_path: Path
) -> None:
    shutil.rmtree(export / "tiles")
    with Log.open(write(tmp_path / "other.sqlite", other=200), read_only=True) as log:
        export_tiles(log, export / "tiles")
    assert "rewritten" in checked(export)

    shutil.rmtree(export / "tiles")
    with Log.open(write(tmp_path / "bare.sqlite", cosigners=("uwv",)), read_only=True) as log:
        export_tiles(log, export / "tiles")
    assert "too few co-signed: uwv" in checked(export)


def test_a_checkpoint_of_a_replaced_key_is_refused(export: Path) -> None:
    signed = note.SignedNote.parse((export / "tiles" / "checkpoint").read_text())
    for file, lines in (("tiles/checkpoint", signed.signatures[1:]), ("older", ())):
        sound = (export / file).read_text()
        text = note.SignedNote.parse(sound).text
        (export / file).write_text(str(note.SignedNote(text, (note.sign(text, OLD, DOMAIN), *lines))))
        assert "no log key" in checked(export)
        (export / file).write_text(sound)
    assert checked(export) == ""


def test_any_changed_byte_of_what_is_read_is_found(export: Path) -> None:
    chance = random.Random(5)
    read = [
        p
        for p in export.rglob("*")
        if p.is_file() and ("entries" in p.parts or p.name in ("checkpoint", "proof"))
    ]
    for _ in range(25):
        file = chance.choice(read)
        sound = file.read_bytes()
        changed = bytearray(sound)
        changed[chance.randrange(len(changed))] ^= chance.randrange(1, 256)
        file.write_bytes(changed)
        assert checked(export), file.name
        file.write_bytes(sound)
    assert checked(export) == ""


def test_an_export_is_not_mixed_with_something_else(export: Path) -> None:
    (export / "tiles" / "checkpoint").unlink()
    with Log.open(export / "log.sqlite", read_only=True) as log, raises("ExportFolderError"):
        export_tiles(log, export / "tiles")


def test_otlp_and_parquet_hold_every_entry(export: Path) -> None:
    with Log.open(export / "log.sqlite", read_only=True) as log:
        assert export_otlp(log, export / "log.jsonl") == SIZES[-1]
        assert export_parquet(log, export / "log.parquet") == SIZES[-1]
    lines = (export / "log.jsonl").read_text().splitlines()
    request = json.loads(lines[5])["resourceSpans"][0]
    assert request["resource"]["attributes"] == [
        {"key": "service.name", "value": {"stringValue": "lsi-match"}}
    ]
    (span,) = request["scopeSpans"][0]["spans"]
    assert span == {
        "traceId": "1" * 32,
        "spanId": f"{6:016x}",
        "parentSpanId": "a" * 16,
        "name": "gates",
        "kind": 1,
        "startTimeUnixNano": "1760000000005000000",
        "endTimeUnixNano": "1760000000006000000",
        "attributes": [],
        "events": [
            {
                "timeUnixNano": "1760000000006000000",
                "name": "lsi-match",
                "attributes": [
                    {"key": "lsi.flag", "value": {"boolValue": True}},
                    {"key": "lsi.log.position", "value": {"intValue": "5"}},
                    {"key": "lsi.round", "value": {"stringValue": "één"}},
                    {"key": "lsi.rows", "value": {"intValue": "5"}},
                ],
            }
        ],
        "status": {"code": 0},
    }
    for number, line in enumerate(lines):  # as the protobuf that OpenTelemetry publishes has it
        (exported,) = json_format.Parse(_ids_in_base64(line), ExportTraceServiceRequest()).resource_spans
        (told,) = exported.scope_spans[0].spans
        assert (told.trace_id, told.span_id) == (b"\x11" * 16, (number + 1).to_bytes(8, "big"))
        assert told.end_time_unix_nano == entry(number).end_time * 1_000_000
        assert told.status.code == (0 if number == 5 else 1)
    assert "parentSpanId" not in json.loads(lines[4])["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    frame = pl.read_parquet(export / "log.parquet")
    assert frame.get_column("leaf").to_list() == [entry(i).leaf() for i in range(SIZES[-1])]
    assert frame.get_column("start_time").dt.epoch("ms").to_list()[:2] == [
        1_760_000_000_000,
        1_760_000_000_001,
    ]
