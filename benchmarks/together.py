"""`together`: evaluating identifiers together (scheme 2), by as many partners as a round has, through all of its documents."""

from __future__ import annotations

import hmac
import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.crypto.evaluation import Evaluation, Evaluator, ask, draw, finish
from lsi_match.crypto.keys import make_identity
from lsi_match.protocol.documents import PublicKeys
from lsi_match.protocol.evaluation_documents import Evaluators


class _Clock:
    """Time, and time of the processors, by what it went to."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.busy: dict[str, float] = {}

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        wall, busy = time.perf_counter(), time.process_time()
        yield
        self.wall[name] = self.wall.get(name, 0) + time.perf_counter() - wall
        self.busy[name] = self.busy.get(name, 0) + time.process_time() - busy


@dataclass
class _Round:
    """As many partners, each of which asks for all of these identifiers."""

    place: Path
    identifiers: pl.Series
    partners: int

    def __post_init__(self) -> None:
        self.names = [f"p{number}" for number in range(self.partners)]
        self.identities = {name: make_identity(name, self.place / name) for name in self.names}
        cards = {name: PublicKeys.model_validate(one.card) for name, one in self.identities.items()}
        most = dict.fromkeys(self.names, len(self.identifiers))
        self.of = Evaluation("bench", f"sha256:{'a' * 64}", "bench", ("bsn",), cards, most)
        keys = {name: draw(self.of, self.identities[name]) for name in self.names}
        self.published = {name: document for name, (_, document) in keys.items()}
        digests = {name: digest_of_bytes(document) for name, document in self.published.items()}
        self.evaluators = {
            name: Evaluator(self.of, self.identities[name], keys[name][0], digests[name])
            for name in self.names
        }
        self.digests, self.clock, self.asked = digests, _Clock(), len(self.identifiers) * self.partners

    def run(self) -> None:
        """Ask, answer and finish, and an HMAC of each, by the clock."""
        texts, secret = self.identifiers.to_list(), b"0" * 64
        with self.clock.of("hmac"):
            for one in texts:
                hmac.digest(secret, one.encode(), "sha256")
        with self.clock.of("ask"):
            self.asks = {name: ask(self.of, {"bsn": texts}, self.identities[name]) for name in self.names}
        with self.clock.of("answer"):
            self.answers = {name: [self.answer(one, name) for one in self.names] for name in self.names}
        digests = {name: digest_of_bytes(asked.document) for name, asked in self.asks.items()}
        named = Evaluators(**self.of.names, keys=self.digests, asks=digests)
        found = set()
        with self.clock.of("finish"):
            for name in self.names:
                answers, identity = self.answers[name], self.identities[name]
                made = finish(self.of, self.asks[name], named, self.published.values(), answers, identity)
                found.add(made["bsn"][texts[0]])
        if len(found) > 1:
            raise RuntimeError("partners do not meet")

    def answer(self, name: str, to: str) -> tuple[bytes, bytes]:
        return self.evaluators[name].answer(self.asks[to].document, self.asks[to].elements)

    @property
    def hmac(self) -> float:
        """Microseconds of one."""
        return self.clock.busy["hmac"] / len(self.identifiers) * 1e6

    @property
    def sent(self) -> int:
        """Bytes that pass the places."""
        asks = sum(len(asked.elements) + len(asked.document) for asked in self.asks.values())
        answers = (len(document) + len(sealed) for each in self.answers.values() for document, sealed in each)
        return asks + sum(answers)


def together(place: Path, identifiers: pl.Series, partners: int) -> dict[str, tuple[float, str, float]]:
    """Name → value, unit, baseline.

    Every partner asks all partners for all identifiers: `ask` is to blind one; `answer` what one evaluator does for one that somebody
    asked; `finish` what who asked does for one of its own, with the answers of all; each against an HMAC of one in this process.
    `whole` is all of that, against an HMAC of each; `bytes` what passes the places for one identifier of one partner.
    `processes` is to answer one ask once per processor, each in a process of its own; against the same in this process, which
    spreads over threads.
    """
    every = _Round(place / "together", identifiers, partners)
    every.run()
    found = {
        f"together.{role}": (every.clock.busy[role] / every.asked / by * 1e6, "µs of processor", every.hmac)
        for role, by in {"ask": 1, "answer": partners, "finish": 1}.items()
    }
    apart, here = _over_processes(every)
    wall, busy = dict(every.clock.wall), dict(every.clock.busy)
    hashed, hashing = wall.pop("hmac") * partners, busy.pop("hmac") * partners
    return found | {
        "together.processes": (apart, "s", here),
        "together.whole": (sum(wall.values()), "s", hashed),
        "together.whole.processor": (sum(busy.values()), "s", hashing),
        "together.bytes": (every.sent / every.asked, "bytes per identifier", 32.0),
    }


def _over_processes(of: _Round) -> tuple[float, float]:
    """Seconds to answer an ask once per processor: in as many processes, and in this one."""
    times = os.cpu_count() or 1
    begun = time.perf_counter()
    for _ in range(times):
        of.answer("p0", "p0")
    here, fork = time.perf_counter() - begun, multiprocessing.get_context("fork")
    begun = time.perf_counter()
    working = [fork.Process(target=of.answer, args=("p0", "p0")) for _ in range(times)]
    for one in working:
        one.start()
    for one in working:
        one.join()
    return time.perf_counter() - begun, here
