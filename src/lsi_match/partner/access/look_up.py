"""Looking somebody up in rounds in which partners evaluated together and keep their keys (docs/protocol.md 11): who asks has one
element of a kind evaluated by every evaluator of the round, and makes its request to the site of what comes back.

    projects/<project>/evaluation/<round>/looked-up/<day>.<partner>.<ask>   an answer that was given: each ask has the same one
    projects/<project>/access/<reference>.age    what a request is to be made of, sealed to this partner, until it is made

An ask is answered only with the proof that the log has it, so that all count it, and so many a day of one partner about one
round (`retention.access_requests_a_day`), which each partner counts by itself as well.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import LsiError, RefusedError
from lsi_match.base.files import private_folder, read_bytes, write_whole
from lsi_match.crypto.evaluation import (
    Asked,
    Evaluation,
    RoundKeysMissingError,
    ask,
    join_answers,
)
from lsi_match.crypto.sealing import seal, unseal
from lsi_match.crypto.signing import peek
from lsi_match.log.events import AccessAsked
from lsi_match.log.log_proof import proof_file
from lsi_match.log.remembered import SplitViewError, require_stated
from lsi_match.partner.evaluating import evaluator_of
from lsi_match.partner.exchange import Exchange
from lsi_match.partner.home import Home
from lsi_match.partner.kept_keys import folder_of, kept_rounds
from lsi_match.protocol.evaluation_documents import AccessAsk, unpack
from lsi_match.protocol.place_files import ACCESS_ASK_SUFFIX, ACCESS_EVALUATION_SUFFIX

#: After so long a request is made of what was answered by then; the letter names the rounds that are missing.
WAIT = timedelta(days=14)
LARGEST = 2**20
#: Round → kind → the 64 bytes of the number of a person.
Evaluated = dict[str, dict[str, bytes]]


def ask_about(
    exchange: Exchange, rounds: Iterable[str], identifiers: Mapping[str, str], now: datetime
) -> dict[str, Any]:
    """Ask the evaluators of these rounds about one person; what has to be kept until they answered, by round. One that cannot be
    asked about any more is passed over: the letter names it."""
    identity, folder = exchange.home.identity(), exchange.home.project(exchange.project)
    kept, asked = kept_rounds(folder), dict[str, Any]()
    for name in rounds:
        of = kept[name].about_one
        numbers = {kind: [text] for kind, text in identifiers.items() if kind in of.kinds}
        if not numbers or not identity.is_on(of.cards[identity.name]):
            continue  # nothing to ask, or with keys that the others do not know from then
        made = ask(of, numbers, identity, now)
        own = kept[name].keys[identity.name].digest
        answer = evaluator_of(exchange.home, folder_of(folder) / name, of, own).answer(
            made.document, made.elements, AccessAsk
        )
        stem = f"{exchange.project}.{name}.{identity.name}.{digest_of_bytes(made.document)[7:23]}"
        exchange.put(f"{stem}{ACCESS_ASK_SUFFIX}", made.document + made.elements)
        asked[name] = {
            "document": made.document.decode(), "elements": made.elements.hex(), "own": b"".join(answer).hex(),
            "blinds": {kind: [(text, by.hex()) for text, by in one] for kind, one in made.blinds.items()},
        }  # fmt: skip
    return asked


def answer_asks(exchange: Exchange, lying: Collection[str], now: datetime) -> None:
    """Answer what others ask about people; what does not hold has no answer, and is told."""
    for file in sorted((exchange.mail or Path()).glob(f"{exchange.project}.*{ACCESS_ASK_SUFFIX}")):
        with exchange.problems.of(file.name, but=(SplitViewError,)):
            if file.name in lying and proof_file(file).exists():
                with exchange.home.alone(exchange.project):  # or two would count one less
                    _answer(exchange, file, now)


def _answer(exchange: Exchange, file: Path, now: datetime) -> None:
    home, project = exchange.home, exchange.project
    document, elements = unpack(read_bytes(file, LARGEST), 1)
    said, digest = peek(document, AccessAsk, what="ask", party="?"), digest_of_bytes(document)
    kept = kept_rounds(home.project(project)).get(said.round)
    if kept is None:
        raise LsiError("AccessKeysGoneError", round=said.round)
    folder = folder_of(home.project(project)) / said.round
    name, given = f"{said.partner}.{digest[7:23]}", private_folder(folder / "looked-up")
    before = next(given.glob(f"*.{name}"), None)
    if before is None:
        asked = kept.about_one.asked(document, elements, AccessAsk)
        _require_counted(home, file, project, digest, asked, now)
        manifest, card = home.agreed_manifest(project, now), kept.about_one.cards[asked.partner]
        if (
            Evaluation.of(manifest, said.round).cards.get(asked.partner) != card
        ):  # it left, or has other keys since
            raise RefusedError("EvaluationStrangerError", partner=asked.partner, what="ask")
        most, today = manifest.retention.answers_a_day, f"{now:%Y-%m-%d}"
        if len(list(given.glob(f"{today}.{asked.partner}.*"))) >= most:
            raise LsiError("AccessAskedTooOftenError", partner=asked.partner, round=asked.round, most=most)
        evaluator = evaluator_of(home, folder, kept.about_one, kept.keys[home.name].digest)
        before = given / f"{today}.{name}"
        write_whole(before, b"".join(evaluator.answer(document, elements, AccessAsk)))
    to = f"{project}.{said.round}.{home.name}.to-{name}{ACCESS_EVALUATION_SUFFIX}"
    exchange.put(to, read_bytes(before))


def _require_counted(
    home: Home, file: Path, project: str, digest: str, asked: AccessAsk, now: datetime
) -> None:
    """Raises ProofRefusedError unless the log has this ask, and so everybody can count it."""
    proof = proof_file(file)
    recorded = home.recorded(proof, project, now)
    stated = {
        "step": (type(recorded.event), AccessAsked),
        "round": (recorded.round, asked.round),
        "ask": (getattr(recorded.event, "ask", None), digest),
    }
    require_stated(proof.name, stated)


def keep_pending(home: Home, file: Path, content: Mapping[str, Any]) -> None:
    """Keep what a request is to be made of, sealed to this partner."""
    recipient = str(home.identity().encryption.to_public())
    write_whole(file, seal(json.dumps(content).encode(), recipient), replace=True)


def pending(home: Home, file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        unseal(read_bytes(file), home.identity().encryption, what=file.name, party=home.name)
    )
    return found


def evaluated(exchange: Exchange, asks: Mapping[str, Any]) -> tuple[Evaluated, bool]:
    """What the evaluators answered so far, and whether nothing more is to come."""
    home, kept = exchange.home, kept_rounds(exchange.home.project(exchange.project))
    found, whole = Evaluated(), True
    for name, one in asks.items():
        if name not in kept:
            continue
        document = one["document"].encode()
        blinds = {kind: [(text, bytes.fromhex(by)) for text, by in of] for kind, of in one["blinds"].items()}
        asked = Asked(document, bytes.fromhex(one["elements"]), blinds)
        end = f".to-{home.name}.{digest_of_bytes(document)[7:23]}{ACCESS_EVALUATION_SUFFIX}"
        came = (exchange.mail or Path()).glob(f"{exchange.project}.{name}.*{end}")
        try:
            answers = [bytes.fromhex(one["own"]), *(read_bytes(file, LARGEST) for file in came)]
            pairs = [(head, sealed) for head, sealed in (unpack(data, 1) for data in answers)]
            made = join_answers(kept[name].about_one, asked, kept[name].keys, pairs, home.identity())
            found[name] = {kind: output for kind, of in made.items() for output in of.values()}
        except RoundKeysMissingError:
            whole = False
        except LsiError as error:
            whole = False
            exchange.problems.append((name, error))
    return found, whole
