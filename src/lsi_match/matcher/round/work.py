"""The pieces of a round as work that any process can do: from sealed files, into sealed files.

    rounds/<round>/work/order.box         what is matched: manifest and drops, by digest
    rounds/<round>/work/<stage>-<n>.in.box    what piece n of a stage is made of: `pairs`, the tokens of a piece (`linking`);
                                          `bucket`, its rows, where records were linked (`buckets`)
    rounds/<round>/work/<stage>-<n>.box   what it gave: of a bucket its outcome, and its rows of the file of data subjects in order

Whoever does a piece is told its number and where the site is; everything else it reads there, as the run does: the
round's key, the order, its parts of the drops. So nothing of the round passes through what spreads the work (threads,
processes, a cluster), and a worker answers with nothing but a word.

The files are enclosed under keys derived from the round's key: nobody without it makes or reads one, and with it they
are gone. A run that was killed finds in them which buckets were done; they fit one order only, so that what was made
of other drops is made again. What was not done elsewhere, whatever the reason, is done by the run itself.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import duckdb
import pyarrow as pa

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.base.files import private_folder, read_bytes, read_private, write_whole
from lsi_match.base.validation import Closed
from lsi_match.crypto.aead import BoxBrokenError, decrypt, encrypt
from lsi_match.crypto.block_cipher import derive_key
from lsi_match.crypto.signing import peek
from lsi_match.matcher.engine.buckets import Plan, Result, Rows, packed, unpacked
from lsi_match.matcher.engine.engine import EngineOutcome
from lsi_match.matcher.engine.intake import Drop, Round
from lsi_match.matcher.engine.linking import Each, agreeing_pairs, in_turn
from lsi_match.matcher.engine.verdict import find_verdict
from lsi_match.matcher.site.inbox import DROP_SUFFIX, received
from lsi_match.matcher.site.site import Project, Site
from lsi_match.matcher.subjects.subject_rows import matched_rows
from lsi_match.protocol.documents import DropDescriptor

WORK = "work"
DONE = "done"
#: Has every piece of a stage of these numbers done by somebody, and yields once for each, in order, when it is done or failed.
Do = Callable[[str, Sequence[int]], Iterable[object]]
BUCKET = "bucket"


class Order(Closed):
    """What the buckets are made of, and how. Names and digests only: of the drops by partner."""

    format: Literal["lsi-match/order/v1"] = "lsi-match/order/v1"
    manifest: str
    opening: str
    drops: dict[str, str]
    most: int
    memory_limit: str
    threads: int | None
    run: str

    def about(self, stage: str) -> str:
        """The digest of all that the outcome depends on: of tokens also on the key that this run gave them."""
        besides = {"memory_limit", "threads"} | ({"run"} if stage == BUCKET else set())
        return digest_of_bytes(self.model_dump_json(exclude=besides).encode())


class Work:
    """The work folder of a round."""

    def __init__(self, project: Project, round_id: str, secret: str) -> None:
        self._project, self._folder = project, project.round_folder(round_id) / WORK
        self._about = f"lsi-match/v1/work/{project.id}/{round_id}"
        self._key = derive_key(secret.encode(), self._about)

    def write(self, name: str, about: str, data: bytes) -> None:
        """Keep `data`; a file of that name is replaced."""
        box = encrypt(data, self._key, f"{self._about}/{about}/{name}")
        private_folder(self._folder)
        write_whole(self._file(name), box, replace=True, durable=False)  # what is broken is not used

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.box"

    def read(self, name: str, about: str) -> bytes | None:
        """What was kept under this name about the same; None where there is nothing, or something else."""
        file = self._file(name)
        if not file.exists():
            return None
        try:
            return decrypt(read_bytes(file), self._key, f"{self._about}/{about}/{name}")
        except BoxBrokenError:
            return None

    def linking(self, plan: Plan, do: Do) -> Each:
        """How the pieces of linking are done; one alone is done here."""

        def each(stage: str, inputs: Sequence[Callable[[], bytes]]) -> Iterator[bytes]:
            return in_turn(stage, inputs) if len(inputs) == 1 else self._each(plan, stage, inputs, do)

        return each

    def spread(self, plan: Plan, buckets: Sequence[Callable[[], Rows]], do: Do) -> Iterator[Result]:
        """What each bucket gives, in order.

        Raises:
            what `Plan.match` raises.
        """
        return map(_result, self._each(plan, BUCKET, [partial(_rows, one) for one in buckets], do))

    def _each(self, plan: Plan, stage: str, inputs: Sequence[Callable[[], bytes]], do: Do) -> Iterator[bytes]:
        """What came of each piece, in order: read where it was done before, else done by `do`, or here where it was not done."""
        order = _order(plan)
        self.write("order", "order", order.model_dump_json().encode())
        about = order.about(stage)
        there = [self.read(f"{stage}-{number}", about) is not None for number in range(len(inputs))]
        todo = [number for number, done in enumerate(there) if not done]
        for number in todo:
            self.write(f"{stage}-{number}.in", about, inputs[number]())
        doing = iter(do(stage, todo))
        for number, done in enumerate(there):
            if not done:
                next(doing, None)
            data = self.read(f"{stage}-{number}", about)
            yield (
                _done(self._project, stage, number, inputs[number](), lambda: plan) if data is None else data
            )
            if stage != BUCKET:  # of no use to another run
                for name in (f"{stage}-{number}.in", f"{stage}-{number}"):
                    self._file(name).unlink(missing_ok=True)
        for _ in doing:  # let it close what it opened
            pass


def _done(project: Project, stage: str, number: int, given: bytes, plan: Callable[[], Plan]) -> bytes:
    """What a piece gives: a bucket with whom it touched as rows of the file of data subjects."""
    if stage != BUCKET:
        return agreeing_pairs(given)
    bucket = plan()
    result, round_id = bucket.match(number, unpacked(given)), bucket.drops[0].round_.opening.round
    rows = matched_rows(project, round_id, bucket.manifest, result.touched)
    return _packed(replace(result, touched=rows))


def _rows(bucket: Callable[[], Rows]) -> bytes:
    return packed(bucket())


def do_piece(site: Path, project_id: str, round_id: str, stage: str, number: int) -> str:
    """Do one piece of a stage of a round, wherever this runs: `done`, or the name of what stood in the way, for the operator.

    The run does again what failed here, and tells why.
    """
    try:
        project = Project(Site(site), project_id)
        secret = read_private(project.round_folder(round_id) / "round.key").decode()
        work = Work(project, round_id, secret)
        order = Order.model_validate_json(work.read("order", "order") or b"")
        name, about = f"{stage}-{number}", order.about(stage)
        if work.read(name, about) is None:
            given = work.read(f"{name}.in", about) or b""
            plan = partial(_plan, order, project, round_id, secret)
            work.write(name, about, _done(project, stage, number, given, plan))
    except (LsiError, ValueError, OSError, duckdb.Error) as error:
        return error.reason if isinstance(error, LsiError) else type(error).__name__
    return DONE


def _order(plan: Plan) -> Order:
    round_ = plan.drops[0].round_
    return Order(
        manifest=plan.manifest.digest,
        opening=round_.opening_digest,
        drops={drop.partner: drop.digest for drop in plan.drops},
        most=plan.most,
        memory_limit=plan.memory_limit,
        threads=plan.threads,
        run=secrets.token_hex(8),
    )


def _plan(order: Order, project: Project, round_id: str, secret: str) -> Plan:
    """The plan of an order, from what the site keeps: only what has the digests that the order names."""
    manifest = project.manifest_of(order.manifest)
    opening, data = project.opening(round_id, manifest)
    if digest_of_bytes(data) != order.opening:
        raise ValueError("another opening than was ordered")
    round_ = Round(manifest, opening, order.opening, secret)
    drops = [_drop(partner, digest, project, round_) for partner, digest in order.drops.items()]
    return Plan(manifest, drops, order.memory_limit, order.most, order.threads)


def _drop(partner: str, digest: str, project: Project, round_: Round) -> Drop:
    """A drop that the run accepted: its signature was checked then, and its bytes are those. Raises ValueError where there is
    no verdict on it."""
    data = project.kept(digest)
    descriptor = peek(data, DropDescriptor, what="drop", party=partner)
    file = received(project, partner) / f"{descriptor.stem}{DROP_SUFFIX}"
    drop = Drop(partner, file, digest, descriptor, round_, data)
    if find_verdict(drop) is None:
        raise ValueError("no verdict on a drop")
    return drop


def _packed(result: Result) -> bytes:
    outcome = result.outcome
    facts = {name: getattr(outcome, name) for name in ("counts", "groups", "cases_of", "fewer")}
    tables = {"subjects": pa.table({"subject": outcome.subjects}), "touched": result.touched}
    for kind in _TABLES:
        tables |= {f"{kind} {name}": table for name, table in getattr(outcome, kind).items()}
    return b"".join([json.dumps(facts).encode(), b"\n", packed(tables)])


_TABLES = ("released", "attributes", "subjects_of")


def _result(data: bytes) -> Result:
    end = data.index(b"\n")
    facts, tables = json.loads(data[:end]), unpacked(data[end + 1 :])
    groups = facts.pop("groups")
    outcome = EngineOutcome(
        **facts,
        groups={stage: {int(cell): n for cell, n in cells.items()} for stage, cells in groups.items()},
        subjects=tables["subjects"].column("subject").to_numpy(),
        **{
            kind: {
                name[len(kind) + 1 :]: table for name, table in tables.items() if name.startswith(f"{kind} ")
            }
            for kind in _TABLES
        },
    )
    return Result(outcome, tables["touched"])
