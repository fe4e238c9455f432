"""Witnesses from outside: asked as C2SP tlog-witness has it, their cosignatures stored and counted by what was agreed.

The witness here follows the specification, and takes a log by its origin alone, as that of transparency-dev does: the key of
the log has that name.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import handmade
import pytest
import trees
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from operation import PROJECT, Operation, folders
from pydantic import ValidationError
from refusals import raises

from lsi_match.base.errors import LsiError
from lsi_match.cli import main
from lsi_match.log import merkle
from lsi_match.log.log_proof import prove
from lsi_match.log.note import COSIGNATURE, Checkpoint, SignedNote, VerifierKey, cosign, verify_checkpoint
from lsi_match.log.policy import Policy, log_keys, origin_of, policy_of, release_policy
from lsi_match.log.verify import verify_log
from lsi_match.manifest import Manifest
from lsi_match.matcher.operate.witnesses import (
    ask_witness,
)
from lsi_match.matcher.site.proofs import release_position
from lsi_match.matcher.site.take_cosignatures import add_cosignatures
from lsi_match.partner.cosign import cosign_log
from lsi_match.partner.release.open import open_release

PARTNERS = ("gemeente", "svb", "uwv")
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NAME = "witness.example.org/one"
VKEY = str(VerifierKey.of(NAME, KEY, COSIGNATURE))


class Witness:
    """Knows logs by origin and key; remembers the newest checkpoint of each."""

    def __init__(self) -> None:
        self.keys: dict[str, VerifierKey] = {}
        self.seen: dict[str, Checkpoint] = {}
        self.now = 0
        self.asked: list[int] = []
        self.answer: tuple[int, str, str] | None = None
        witness = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                assert self.path == "/prefix/add-checkpoint"
                status, kind, text = witness.answer or witness.add_checkpoint(body)
                witness.asked.append(status)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/prefix"

    def add_checkpoint(self, body: str) -> tuple[int, str, str]:
        head, _, text = body.partition("\n\n")
        old, *path = head.split("\n")
        size, plain = int(old.removeprefix("old ")), "text/plain"
        given = Checkpoint.of_note(text)
        if given.origin not in self.keys:
            return 404, plain, ""
        verify_checkpoint(text, [self.keys[given.origin]])
        before = self.seen.get(given.origin, Checkpoint(given.origin, 0, merkle.EMPTY_ROOT))
        if size > given.size:
            return 400, plain, ""
        if size != before.size:
            return 409, "text/x.tlog.size", f"{before.size}\n"
        hashes = [base64.b64decode(one) for one in path]
        if not trees.verify_consistency(size, before.root, given.size, given.root, hashes):
            return 422, plain, ""
        self.seen[given.origin] = given
        return 200, plain, cosign(text, KEY, NAME, self.now) + "\n"


@pytest.fixture
def witness() -> Iterator[Witness]:
    made = Witness()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    folder = tmp_path_factory.mktemp("witnessed")
    release = {"cosignatures": 2, "witnesses": {"buiten": VKEY}, "witness_cosignatures": 1}
    made = Operation(folder, PARTNERS, folders(folder, PARTNERS), release=release)
    made.run_here("r1")
    return made


@pytest.fixture
def op(base: Operation, tmp_path: Path, witness: Witness) -> Operation:
    """A project of which a round is over but for the handing out, and that the witness knows."""
    made = base.copy(tmp_path / "op")
    manifest = made.project.manifest()
    witness.now = int(made.clock().timestamp())
    # the operator of a witness gets one line, of which it takes the name for the origin
    lines = policy_of(manifest).text().splitlines()
    key = VerifierKey.parse(next(line for line in lines if f"log {origin_of(manifest)}+" in line)[4:])
    witness.keys[key.name] = key
    return made


def handed_out(op: Operation) -> bool:
    return bool(list((op.project.folder / "releases").glob("*/*.release.json")))


def controllers_sign(op: Operation) -> None:
    for name in ("svb", "uwv"):
        for one in cosign_log(op.world.home(name), op.project.log_file, PROJECT, op.clock()):
            add_cosignatures(op.project, one.note.encode(), op.clock())


def test_a_release_waits_for_the_witness_beside_the_controllers_and_is_opened_by_both(
    op: Operation, witness: Witness
) -> None:
    controllers_sign(op)
    op.reconcile()
    assert not handed_out(op)
    with (op.project.folder / "delivery.yaml").open("a") as settings:
        settings.write(f"witnesses:\n  buiten: {witness.url}\n")
    assert not op.reconcile().troubles
    assert handed_out(op)
    release = op.project.folder / "releases" / "uwv" / f"{PROJECT}.r1.uwv.release.json"
    assert open_release(op.world.home("uwv"), release, PROJECT, op.clock())[0].partner == "uwv"
    manifest = op.project.manifest()
    assert verify_log(op.project.log_file, log_keys(manifest)).ok
    with op.project.reader() as opened:
        assert policy_of(manifest).cosigned_sizes(opened.log.cosigned_checkpoints())["buiten"] > 0


def test_a_witness_that_nobody_of_the_controllers_joined_is_not_enough(
    op: Operation, witness: Witness
) -> None:
    assert ask_witness(op.project, "buiten", witness.url, op.clock()).sizes
    op.reconcile()
    assert not handed_out(op)


def test_a_proof_of_it_passes_the_policy_as_a_file(op: Operation, witness: Witness) -> None:
    manifest = op.project.manifest()
    policy = Policy.parse(release_policy(manifest).text())
    controllers_sign(op)
    (round_,) = op.project.view().rounds.values()
    at = release_position(round_)
    with op.project.reader() as opened, pytest.raises(LsiError):
        prove(opened.log, at, at + 1).check(policy, origin_of(manifest))
    assert at + 1 in ask_witness(op.project, "buiten", witness.url, op.clock()).sizes
    with op.project.reader() as opened:
        assert prove(opened.log, at, at + 1).check(policy, origin_of(manifest))


def test_what_the_witness_saw_last_is_learnt_from_it(op: Operation, witness: Witness) -> None:
    """As after a restore: the cosignature got lost here, and the witness remembers."""
    with op.project.reader() as opened:
        note = SignedNote.parse(str(opened.log.checkpoint(5)))
    witness.seen[note.text.split("\n")[0]] = Checkpoint.parse(note.text)
    assert ask_witness(op.project, "buiten", witness.url, op.clock()).sizes
    assert witness.asked[:2] == [409, 200]
    assert ask_witness(op.project, "buiten", witness.url, op.clock()).sizes == []


def test_a_log_that_was_signed_under_the_name_of_before_goes_on_under_its_origin(
    op: Operation, witness: Witness
) -> None:
    manifest, key = op.project.manifest(), op.world.site.identity().log_key
    with op.project.writer() as writer:
        leaves = [writer.log.leaf(at) for at in range(writer.log.size)]
        entries = [(entry, None) for _, entry in writer.log.entries()]
    op.project.log_file.unlink()
    with op.project.make_log(manifest) as writer:
        for entry in entries:
            bare = entry[0].model_copy(update={"details_hash": None})
            writer.log.append_and_sign([(bare, None)], key, manifest.matcher.domain)
        assert writer.log.size == len(leaves)
        assert writer.log.signs_as(manifest.matcher.domain) == manifest.matcher.domain
    assert verify_log(op.project.log_file, log_keys(manifest)).ok
    assert ask_witness(op.project, "buiten", witness.url, op.clock()).sizes == [len(leaves)]
    with op.project.reader() as opened:
        assert opened.log.signs_as(manifest.matcher.domain) == origin_of(manifest)
    assert verify_log(op.project.log_file, log_keys(manifest)).ok


def test_cosignatures_of_other_kinds_are_counted_and_passed_over(
    op: Operation, witness: Witness, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ML-DSA-44 of C2SP (2,420 bytes and a time), beside the one that was agreed and without it."""
    monkeypatch.setattr("lsi_match.cli.log_proofs.utc_now", op.clock)
    before = op.project.log_file.read_bytes()
    other = f"— {NAME} {base64.b64encode(bytes([9, 9, 9, 6]) + bytes(8 + 2420)).decode()}\n"
    witness.answer = (200, "text/plain", other)
    alone = ask_witness(op.project, "buiten", witness.url, op.clock())
    assert (alone.sizes, alone.ignored) == ([], len(witness.asked))
    assert op.project.log_file.read_bytes() == before
    whole = witness.add_checkpoint

    def beside(body: str) -> tuple[int, str, str]:
        status, kind, text = whole(body)
        return status, kind, other + text + other if status == 200 else text

    witness.answer, witness.add_checkpoint = None, beside  # type: ignore[method-assign]
    site = str(op.world.site.folder)
    arguments = ["log", "witness", site, PROJECT, "--name", "buiten", "--url", witness.url, "--json"]
    assert main.run(arguments) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["witnesses"]["buiten"]
    assert told["ignored"] == {"buiten": 2 * len(told["witnesses"]["buiten"])}
    with op.project.reader() as opened:
        assert not any(other in note for note in opened.log.checkpoints())
    assert verify_log(op.project.log_file, log_keys(op.project.manifest())).ok


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((404, "text/plain", ""), "WitnessRefusedError"),
        ((403, "text/plain", ""), "WitnessRefusedError"),
        ((422, "text/plain", ""), "WitnessRefusedError"),
        ((409, "text/plain", "no size"), "WitnessRefusedError"),
        ((409, "text/x.tlog.size", "9" * 30), "WitnessRefusedError"),
        ((409, "text/x.tlog.size", "100000\n"), "WitnessAheadError"),
        ((409, "text/x.tlog.size", "3\n"), "WitnessAheadError"),
        ((200, "text/plain", "no signature line"), "LsiError"),
        ((200, "text/plain", ""), "LsiError"),
        ((200, "text/plain", "\x00"), "LsiError"),
    ],
)
def test_what_a_witness_answers_amiss_is_told_and_stored_nowhere(
    op: Operation, witness: Witness, answer: tuple[int, str, str], error: str
) -> None:
    witness.answer = answer
    with raises(error):
        ask_witness(op.project, "buiten", witness.url, op.clock())
    with op.project.reader() as opened:
        assert not any(NAME in note for note in opened.log.checkpoints())


def test_a_cosignature_of_another_key_or_checkpoint_is_refused(op: Operation, witness: Witness) -> None:
    other = (
        Checkpoint("other.example/log", 3, bytes(32)).text()
        + "\n— x "
        + base64.b64encode(bytes(9)).decode()
        + "\n"
    )
    for line in (
        cosign(other, KEY, NAME, witness.now),
        cosign(other, Ed25519PrivateKey.generate(), NAME, witness.now),
    ):
        witness.answer = (200, "text/plain", line + "\n")
        with pytest.raises(LsiError):
            ask_witness(op.project, "buiten", witness.url, op.clock())


def test_who_is_not_agreed_or_does_not_answer(op: Operation) -> None:
    with raises("WitnessUnknownError"):
        ask_witness(op.project, "ander", "https://witness.example.org", op.clock())
    for url in ("file:///etc/hostname", "http://127.0.0.1:1/", "http://[", "witness.example.org"):
        with raises("WitnessUnreachableError"):
            ask_witness(op.project, "buiten", url, op.clock())


@pytest.mark.parametrize(
    "release",
    [
        {"cosignatures": 1, "witness_cosignatures": 1},
        {"witnesses": {"buiten": VKEY}, "witness_cosignatures": 1},
        {"cosignatures": 1, "witnesses": {"uwv": VKEY}},
        {"cosignatures": 1, "witnesses": {"none": VKEY}},
        {"cosignatures": 1, "witnesses": {"een": VKEY, "twee": VKEY}},
        {"cosignatures": 1, "witnesses": {"een": VKEY.replace(NAME, "another")}},
        {"cosignatures": 1, "witnesses": {"een": str(VerifierKey.of(NAME, KEY))}},
        {"cosignatures": 1, "witnesses": {"een": "no key"}},
        {"cosignatures": 1, "witnesses": {"een": VKEY[:-2] + "=A"}},
    ],
)
def test_witnesses_that_cannot_be_agreed(release: dict[str, object]) -> None:
    document = handmade.document()
    document["release"] |= release
    with pytest.raises(ValidationError):
        Manifest.model_validate(document)
