"""A round in which partners evaluate together, at the partner: what `deliver` does of it in each pass (docs/protocol.md 11).

    projects/<project>/evaluation/<round>/
        keys.age            the secrets of this partner, sealed to itself, until the evaluators are named or nobody may answer more;
                            or as long as people can be looked up (`partner.kept_keys`)
        blinds.age          what it asked, with the blinds, until its drop is made
        ask                 what others got of that
        answers/<partner>   what it answered to whom: one ask of each, which has the same answer ever after

Nothing is drawn or asked a second time for a round. The secrets are destroyed by the first pass after their date, in whatever
state the round is, and the log is told.
"""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import LsiError, RefusedError
from lsi_match.base.files import destroy, private_folder, read_bytes, write_whole
from lsi_match.crypto.evaluation import (
    Asked,
    Evaluation,
    Evaluator,
    PublicRound,
    ask,
    draw,
    finish,
)
from lsi_match.crypto.oprf import HolderKey
from lsi_match.crypto.project_key import ProjectKey
from lsi_match.crypto.pseudonyms import Blocks, SharedPseudonyms
from lsi_match.crypto.sealing import seal, unseal
from lsi_match.crypto.signing import peek, sign
from lsi_match.log.log_proof import proof_file
from lsi_match.manifest import Manifest
from lsi_match.partner.bag import Bag
from lsi_match.partner.crowds import Crowds
from lsi_match.partner.drop_rows import Layout, Making
from lsi_match.partner.exchange import Exchange
from lsi_match.partner.extract.column_mapping import ColumnMapping
from lsi_match.partner.home import Home
from lsi_match.partner.inspect import inspect, tasks_of
from lsi_match.partner.kept_keys import KeptKeys, folder_of
from lsi_match.partner.opening import read_evaluators
from lsi_match.partner.prepare import answerable
from lsi_match.partner.references import LongIds
from lsi_match.partner.select import select_pieces
from lsi_match.protocol import evaluation_documents as words
from lsi_match.protocol import place_files
from lsi_match.protocol.columns import columns_to_seal
from lsi_match.protocol.documents import Opening


@dataclass(frozen=True)
class Evaluating:
    """One round at one partner, whose opening was checked."""

    exchange: Exchange
    evaluation: Evaluation
    opening: Opening

    @classmethod
    def go_on(
        cls,
        exchange: Exchange,
        opening_file: Path,
        mapping: ColumnMapping,
        extracts: Path,
        now: datetime,
    ) -> tuple[Evaluating, SharedPseudonyms | None]:
        """What this pass can do of the round of an opening; the maker of its pseudonyms, once its evaluators are named.

        What others sent and does not hold is a problem of the exchange, and holds nothing else up.

        Raises:
            AskedTooLateError: this partner is not in time; the others go on without it.
            EvaluationUntoldError: an ask was answered here that the log does not have.
            NotAmongEvaluatorsError, RoundKeysMissingError, AnswerUnprovenError …: see `crypto.evaluation`.
            LsiError: as `prepare.answerable`, and what is wrong with an extract.
        """
        home, project = exchange.home, exchange.project
        manifest, opening, _ = answerable(home, opening_file, project, now)
        self = cls(exchange, Evaluation.of(manifest, opening.round), opening)
        with home.alone(project):
            if not self._ask.exists():
                kept = KeptKeys.of(self.folder)
                over = self._of_own(place_files.KEYS_DESTROYED_SUFFIX).exists() or bool(kept and kept.keys)
                if over or now >= (opening.asks_until or now):
                    raise LsiError("AskedTooLateError", partner=home.name, round=opening.round)
                self._draw(manifest, identifiers(home, manifest, opening, mapping, extracts))
            named_before = (kept := KeptKeys.of(self.folder)) is not None and bool(kept.keys)
            if now < (opening.answers_until or now) and self._keys.exists() and not named_before:
                self._answer()
            named = self._mail / f"{self._stem}{place_files.EVALUATORS_SUFFIX}"
            if not (named.exists() and proof_file(named).exists()):
                return self, None
            evaluators, document = read_evaluators(home, named, project, now)
            untold = self._untold(evaluators)
            if kept is None or untold or home.name not in evaluators.keys:
                destroy_keys(exchange, self.folder, now)
            if untold:
                raise LsiError("EvaluationUntoldError", partner=untold, round=opening.round)
            round_keys = [words.unpack(one, 1)[0] for one in self._asks().values()]
            if kept is not None and home.name in evaluators.keys:
                public = self.evaluation.round_keys(round_keys)
                keys = {name: PublicRound.of(*public[name]) for name in evaluators.keys if name in public}
                replace(kept, keys=keys).write(self.folder)
            blinds = {kind: [(one, bytes.fromhex(by)) for one, by in of] for kind, of in self._opened(self._blinds).items()}  # fmt: skip
            _, asked, elements = words.unpack(read_bytes(self._ask), 2)
            found = finish(
                self.evaluation, Asked(asked, elements, blinds), evaluators, round_keys, self._answers(), home.identity(),
            )  # fmt: skip
        return self, SharedPseudonyms(home.project_key(manifest), found, digest_of_bytes(document))

    def forget(self) -> None:
        """Destroy what was asked: the drop is made."""
        destroy(self._blinds)

    @property
    def folder(self) -> Path:
        return _folder(self.exchange) / self.opening.round

    @property
    def _mail(self) -> Path:
        return self.exchange.mail or self.folder

    @property
    def _stem(self) -> str:
        return f"{self.exchange.project}.{self.opening.round}"

    @property
    def _ask(self) -> Path:
        return self.folder / "ask"

    @property
    def _keys(self) -> Path:
        return self.folder / "keys.age"

    @property
    def _blinds(self) -> Path:
        return self.folder / "blinds.age"

    def _of_own(self, suffix: str) -> Path:
        """A file of this partner on its way to the place."""
        return self.exchange.outgoing / f"{self._stem}.{self.exchange.home.name}{suffix}"

    def _opened(self, file: Path) -> Any:
        identity = self.exchange.home.identity()
        return json.loads(unseal(read_bytes(file), identity.encryption, what=file.name, party=identity.name))

    def _draw(self, manifest: Manifest, identifiers: Mapping[str, Iterable[str]]) -> None:
        """Draw the secrets and ask. The ask is written last: without it nothing of this was ever shown."""
        identity = self.exchange.home.identity()
        keys, public = draw(self.evaluation, identity)
        asked = ask(self.evaluation, identifiers, identity)
        private_folder(self.folder / "answers")
        recipient = str(identity.encryption.to_public())
        secret: dict[Path, Any] = {
            self._keys: {kind: key.secret.hex() for kind, key in keys.items()},
            self._blinds: {k: [(one, by.hex()) for one, by in of] for k, of in asked.blinds.items()},
        }
        for file, content in secret.items():
            write_whole(file, seal(json.dumps(content).encode(), recipient), replace=True)
        if manifest.pseudonyms.keeps_keys:
            until, text = manifest.details_until(self.opening.deadline), manifest.canonical().decode()
            KeptKeys(self.opening.round, until, text, public.decode()).write(self.folder)
        write_whole(self._ask, public + asked.document + asked.elements)

    def _asks(self) -> dict[str, bytes]:
        """Partner → its ask, as far as they came, with the own one."""
        found = {self.exchange.home.name: read_bytes(self._ask)}
        for name in self.evaluation.cards.keys() - found.keys():
            file = self._mail / f"{self._stem}.{name}{place_files.ASK_SUFFIX}"
            if file.exists():
                found[name] = read_bytes(file, self.evaluation.largest(name))
        return found

    def _answer(self) -> None:
        """Answer what was asked and has no answer yet, and lay ready what others are to have."""
        own, asks = self.exchange.home.name, self._asks()
        public, *_ = words.unpack(asks[own], 2)
        evaluator = evaluator_of(self.exchange.home, self.folder, self.evaluation, digest_of_bytes(public))
        for name, data in asks.items():
            kept = self.folder / "answers" / name
            _, document, elements = words.unpack(data, 2)
            with self.exchange.problems.of(self.opening.round):
                if self.evaluation.word(document, words.EvaluationAsk, "ask").partner != name:
                    # else it asked once for each name
                    raise RefusedError("EvaluationOfOtherError", partner=name, what="ask")
                if not kept.exists():
                    write_whole(kept, b"".join(evaluator.answer(document, elements)))
                elif _answered(kept) != digest_of_bytes(document):
                    raise RefusedError("EvaluationTwiceError", partner=name, what="ask")
        self.exchange.put(self._of_own(place_files.ASK_SUFFIX).name, asks[own])
        for kept in (self.folder / "answers").glob("[!.]*"):
            if kept.name != own:
                self.exchange.put(
                    self._of_own(f".to-{kept.name}{place_files.EVALUATION_SUFFIX}").name, read_bytes(kept)
                )

    def _untold(self, evaluators: words.Evaluators) -> str | None:
        """Whom something was answered here that nobody counts."""
        answers = (self.folder / "answers").glob("[!.]*")
        return next((one.name for one in answers if evaluators.asks.get(one.name) != _answered(one)), None)

    def _answers(self) -> list[tuple[bytes, bytes]]:
        """The answers to this partner, with the one that it gave itself."""
        own = self.exchange.home.name
        files = [
            self._mail / f"{self._stem}.{name}.to-{own}{place_files.EVALUATION_SUFFIX}"
            for name in self.evaluation.cards
        ]
        came = [one for one in (self.folder / "answers" / own, *files) if one.exists()]
        found = [words.unpack(read_bytes(one, self.evaluation.largest(own)), 1) for one in came]
        return [(document, sealed) for document, sealed in found]


def identifiers(
    home: Home, manifest: Manifest, opening: Opening, mapping: ColumnMapping, extracts: Path
) -> Mapping[str, Iterable[str]]:
    """Every identifier that a drop of these extracts has, by kind."""
    partner = manifest.partners[home.name]
    bag = Bag.wanted(partner, home)
    maker, layout = _Collecting(home.project_key(manifest)), Layout(columns_to_seal(manifest, partner))
    making = Making(
        maker, opening.round, 1, layout, Crowds.of(manifest), LongIds(), bag.lookup if bag else None
    )
    tasks = tasks_of(home.name, manifest, mapping, extracts, opening.reference_date)
    inspect([(one, lambda one=one: select_pieces(one)) for one in tasks], making, maker.anew)  # type: ignore[misc]
    return maker.found


class _Collecting:
    """Keeps the identifiers that pseudonyms are asked of; it is a sink of rows too, and drops them."""

    def __init__(self, key: ProjectKey) -> None:
        self._key = key
        self.found: dict[str, set[str]] = defaultdict(set)

    def pseudonyms(self, identifiers: pl.Series, round_id: str, kind: str) -> Blocks:
        self.found[kind].update(identifiers.drop_nulls())
        return self._key.pseudonyms(identifiers, round_id, kind)

    def anew(self) -> _Collecting:
        self.found.clear()
        return self

    def add(self, _: int, data: Any) -> None:
        pass


def evaluator_of(home: Home, folder: Path, evaluation: Evaluation, public: str) -> Evaluator:
    """This partner with its secrets of a round, of which its signed round keys have that digest."""
    identity = home.identity()
    opened = unseal(read_bytes(folder / "keys.age"), identity.encryption, what="keys.age", party=home.name)
    secret = {kind: HolderKey.of(bytes.fromhex(one)) for kind, one in json.loads(opened).items()}
    return Evaluator(evaluation, identity, secret, public)


def _folder(exchange: Exchange) -> Path:
    return folder_of(exchange.home.project(exchange.project))


def _answered(kept: Path) -> str:
    """The digest of the ask that an answer is to."""
    return peek(
        words.unpack(read_bytes(kept), 1)[0], words.EvaluationAnswer, what=kept.name, party="self"
    ).ask


def destroy_keys(exchange: Exchange, folder: Path, now: datetime) -> None:
    """Destroy the secrets of a round, and lay ready what the log is told of it. Can be repeated after it broke off: what lies
    ready is brought by a pass that did this again first."""
    if not (folder / "keys.age").exists():
        return
    kept, asked = KeptKeys.of(folder), folder / "ask"
    if asked.exists() or kept:
        public = (
            words.unpack(read_bytes(asked), 2)[0] if asked.exists() else kept.own.encode() if kept else b""
        )
        word = peek(public, words.RoundKeys, what="round keys", party="self")
        told = words.RoundKeysDestroyed(
            **word.model_dump(include={"project", "manifest", "round", "partner"}),
            keys=digest_of_bytes(public),
            at=now,
        )
        name = f"{word.project}.{word.round}.{word.partner}{place_files.KEYS_DESTROYED_SUFFIX}"
        exchange.put(name, sign(told, exchange.home.identity()))
    destroy(folder / "keys.age")


def destroy_due(exchange: Exchange, now: datetime, open_rounds: Collection[str] | None = None) -> None:
    """Destroy what is past its date: secrets that nobody may be answered with any more, and everything but the word of that of
    rounds that lie at the place no more. `open_rounds`: those that do, once the place was looked at."""
    for folder in sorted(_folder(exchange).glob("[!.]*")):
        file, kept = exchange.home.project(exchange.project) / "openings" / folder.name, KeptKeys.of(folder)
        opening = peek(read_bytes(file), Opening, what="opening", party="self")
        until = opening.answers_until
        if kept is not None:  # who was named at the last moment is told of it after that
            until = kept.until if kept.keys else opening.deadline
        over = open_rounds is not None and folder.name not in open_rounds
        stays = kept is not None and bool(kept.keys) and now < kept.until
        if until is None or now >= until or (over and not stays):
            destroy_keys(exchange, folder, now)
        if not over:
            continue
        for secret in (folder / "blinds.age", folder / "ask"):
            destroy(secret)
        shutil.rmtree(folder / "answers", ignore_errors=True)
        gone = place_files.OF_EVALUATION if stays else (*place_files.OF_EVALUATION, *place_files.OF_LOOK_UP)
        for place in (exchange.outgoing, exchange.mail or exchange.outgoing):
            for file in place.glob(f"{exchange.project}.{folder.name}.*"):
                if file.name.endswith(gone) and not file.name.endswith(place_files.KEYS_DESTROYED_SUFFIX):
                    file.unlink()
        if not stays:
            shutil.rmtree(folder)
