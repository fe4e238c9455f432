"""`together`: evaluating identifiers together (scheme 2), by as many partners as a round has, through all of its documents."""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterator
from contextlib import contextmanager
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


def together(
    place: Path, identifiers: pl.Series, partners: int
) -> dict[str, tuple[float, str, float | None]]:
    """Name → value, unit, baseline. All partners ask for the same identifiers.

    `ask` is to blind one; `answer` what one evaluator does for one that somebody else asked; `finish` what the requester does
    for one of its own, with the answers of all of them; each against an HMAC of one. `whole` is all that for all partners, and
    `bytes` what passes the places for one identifier of one partner.
    """
    names = [f"p{number}" for number in range(partners)]
    identities = {name: make_identity(name, place / "together" / name) for name in names}
    cards = {name: PublicKeys.model_validate(one.card) for name, one in identities.items()}
    texts, size = identifiers.to_list(), len(identifiers)
    of = Evaluation("bench", f"sha256:{'a' * 64}", "bench", ("bsn",), cards, dict.fromkeys(names, size))
    clock, secret = _Clock(), b"0" * 64
    with clock.of("hmac"):
        for one in texts:
            hmac.digest(secret, one.encode(), "sha256")
    keys = {name: draw(of, identities[name]) for name in names}
    published = [document for _, document in keys.values()]
    with clock.of("ask"):
        asks = {name: ask(of, {"bsn": texts}, identities[name]) for name in names}
    evaluators = [Evaluator(of, identities[name], *keys[name]) for name in names]
    with clock.of("answer"):
        answers = {
            name: [evaluator.answer(asked.document, asked.elements) for evaluator in evaluators]
            for name, asked in asks.items()
        }
    named = Evaluators(
        **of.names,
        keys={name: digest_of_bytes(keys[name][1]) for name in names},
        asks={name: digest_of_bytes(asked.document) for name, asked in asks.items()},
    )
    found = []
    with clock.of("finish"):
        for name in names:
            found.append(
                finish(of, asks[name], named, published, answers[name], identities[name])["bsn"][texts[0]]
            )
    if len(set(found)) > 1:
        raise RuntimeError("partners do not meet")
    sent = sum(len(asked.elements) + len(asked.document) for asked in asks.values())
    sent += sum(len(document) + len(sealed) for each in answers.values() for document, sealed in each)
    one, asked = clock.busy["hmac"] / size * 1e6, partners * size
    return {
        "together.ask": (clock.busy["ask"] / asked * 1e6, "µs of processor", one),
        "together.answer": (clock.busy["answer"] / asked / partners * 1e6, "µs of processor", one),
        "together.finish": (clock.busy["finish"] / asked * 1e6, "µs of processor", one),
        "together.whole": (sum(clock.wall.values()), "s", clock.wall["hmac"] * partners),
        "together.whole.processor": (sum(clock.busy.values()), "s", clock.busy["hmac"] * partners),
        "together.bytes": (sent / asked, "bytes per identifier", 32.0),
    }
