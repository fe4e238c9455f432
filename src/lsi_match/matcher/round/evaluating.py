"""What passes through the site of a round in which partners evaluate together: asks and answers, and who may deliver.

    rounds/<round>/evaluation/<name at the places>   what partners sent, passed on as it came; destroyed with the round

The site sees how many identifiers each partner asks for, blinded ones, and sealed answers. What does not hold is refused and
logged: a file of somebody else, a second ask, more than the manifest gives, points that are none, and what is too late.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import RefusedError
from lsi_match.base.files import write_whole
from lsi_match.crypto.evaluation import Evaluation
from lsi_match.crypto.signing import peek, sign
from lsi_match.log import events
from lsi_match.log.view import RoundView
from lsi_match.matcher.site.inbox import check_papers
from lsi_match.matcher.site.site import Project, RoundUnknownError
from lsi_match.protocol import evaluation_documents as words
from lsi_match.protocol.place_files import (
    ASK_SUFFIX,
    EVALUATION_SUFFIX,
    EVALUATORS_SUFFIX,
    KEYS_DESTROYED_SUFFIX,
)

_MODELS: dict[str, tuple[type[words.OfEvaluation], int]] = {
    ASK_SUFFIX: (words.EvaluationAsk, 1),
    EVALUATION_SUFFIX: (words.EvaluationAnswer, 0),
    KEYS_DESTROYED_SUFFIX: (words.RoundKeysDestroyed, 0),
}


def folder_of(project: Project, round_id: str) -> Path:
    """Where what partners sent lies."""
    return project.round_folder(round_id) / "evaluation"


def largest(project: Project, name: str) -> int:
    """The most bytes of a file that is called so."""
    if name.endswith(KEYS_DESTROYED_SUFFIX):
        return 2**20
    of = Evaluation.of(project.manifest(), "any")
    return max(map(of.largest, of.cards))


def take(
    project: Project, name: str, data: bytes, now: datetime, partner: str, looked: datetime | None = None
) -> None:
    """Take in what `partner` sent, once; what comes again changes nothing.

    Args:
        looked: when the site looked there last. What was not there at a look after its date is late.

    Raises:
        RoundUnknownError: of no round that partners evaluate together in.
        RefusedError: it does not hold, which is logged.
        LsiError: PapersTooManyError, RistrettoMissingError: it cannot be judged now.
    """
    model, place = next(found for suffix, found in _MODELS.items() if name.endswith(suffix))
    document = words.unpack(data, 2)[place]
    round_id = peek(document, model, what=name, party=partner).round
    round_ = project.view().round(round_id)
    if round_ is None or not project.manifest().pseudonyms.together:
        raise RoundUnknownError(round=round_id, project=project.id)
    check_papers(project.view(), partner, now)
    try:
        of = Evaluation.of(project.manifest(), round_id)
        word = of.word(document, model, name)
        if word.partner != partner:
            raise RefusedError("EvaluationOfOtherError", partner=partner, what=name)
        event = _event(project, of, round_, word, data, looked or now)
    except RefusedError as error:
        project.record(events.EvaluationsRefused(round=round_id, partner=partner, **events.why(error)), now)
        raise
    if event is not None:
        project.record(event, now)


def _event(
    project: Project,
    of: Evaluation,
    round_: RoundView,
    word: words.OfEvaluation,
    data: bytes,
    looked: datetime,
) -> events.OfRound | None:
    """What the log is to say of a word; None where it says so already."""
    if isinstance(word, words.RoundKeysDestroyed):
        return _destroyed(project, round_, word, data)
    opening, _ = project.opening(round_.name)
    if isinstance(word, words.EvaluationAnswer):
        until, made = opening.answers_until, _answer(project, round_, word, data)
    else:
        until, made = opening.asks_until, _ask(project, of, round_, data)
    if made is None:
        return None
    if until is None or looked >= until or round_.together.named is not None:
        raise RefusedError("EvaluationLateError", partner=word.partner, round=round_.name)
    name, event = made
    write_whole(folder_of(project, round_.name) / name, data, replace=True)
    return event


def _ask(
    project: Project, of: Evaluation, round_: RoundView, data: bytes
) -> tuple[str, events.OfRound] | None:
    keys, document, elements = words.unpack(data, 2)
    word = of.asked(document, elements, words.EvaluationAsk)
    digest, before = digest_of_bytes(document), round_.together
    if word.partner in before.asks:
        if (before.asks[word.partner], before.keys[word.partner]) != (digest, digest_of_bytes(keys)):
            raise RefusedError("EvaluationTwiceError", partner=word.partner, what="ask")
        return None
    if [*of.round_keys([keys])] != [word.partner]:
        raise RefusedError("EvaluationOfOtherError", partner=word.partner, what="round keys")
    event = events.EvaluationsAsked(
        round=round_.name, partner=word.partner, ask=project.keep(document), keys=project.keep(keys), asked=word.asked
    )  # fmt: skip
    return f"{project.id}.{round_.name}.{word.partner}{ASK_SUFFIX}", event


def _answer(
    project: Project, round_: RoundView, word: words.EvaluationAnswer, data: bytes
) -> tuple[str, events.OfRound] | None:
    document, sealed = words.unpack(data, 1)
    together, digest = round_.together, digest_of_bytes(document)
    if (before := together.answers.get(word.partner, {}).get(word.to)) is not None:
        if before != digest:
            raise RefusedError("EvaluationTwiceError", partner=word.partner, what="answer")
        return None
    about = (together.asks.get(word.to), together.keys.get(word.partner))
    if about != (word.ask, word.keys) or word.to == word.partner:
        raise RefusedError("EvaluationOfOtherError", partner=word.partner, what="answer")
    if digest_of_bytes(sealed) != word.evaluations:
        raise RefusedError("AskMalformedError", partner=word.partner)
    event = events.EvaluationsAnswered(
        round=round_.name, partner=word.partner, to=word.to, answer=project.keep(document)
    )
    return f"{project.id}.{round_.name}.{word.partner}.to-{word.to}{EVALUATION_SUFFIX}", event


def _destroyed(
    project: Project, round_: RoundView, word: words.RoundKeysDestroyed, data: bytes
) -> events.OfRound | None:
    if word.partner in round_.together.destroyed:
        return None
    if round_.together.keys.get(word.partner) != word.keys:  # it never asked in time
        raise RefusedError("EvaluationOfOtherError", partner=word.partner, what="round keys")
    return events.RoundKeysGone(
        round=round_.name, partner=word.partner, keys=word.keys, destroyed=project.keep(data)
    )


def name_evaluators(project: Project, round_id: str, now: datetime) -> None:
    """Sign who answered everybody in time. From then on nobody else may deliver."""
    manifest, together = project.manifest(), project.view().live[round_id].together
    complete = together.complete()
    document = sign(
        words.Evaluators(
            project=project.id,
            manifest=manifest.digest,
            round=round_id,
            keys={one: together.keys[one] for one in complete},
            asks=together.asks,
        ),
        project.site.identity(),
    )
    left_out = tuple(one for one in manifest.partners if one not in complete)
    named = events.EvaluatorsNamed(
        round=round_id, evaluators=project.keep(document), partners=complete, left_out=left_out
    )
    project.record(named, now)


def for_partner(project: Project, round_: RoundView, partner: str) -> Iterator[tuple[str, Path]]:
    """Name at the place → file here: what others asked, what they answered to it, and who may deliver."""
    folder, stem = folder_of(project, round_.name), f"{project.id}.{round_.name}"
    for one in round_.together.asks.keys() - {partner}:
        yield f"{stem}.{one}{ASK_SUFFIX}", folder / f"{stem}.{one}{ASK_SUFFIX}"
        if partner in round_.together.answers.get(one, {}):
            name = f"{stem}.{one}.to-{partner}{EVALUATION_SUFFIX}"
            yield name, folder / name
    if round_.together.evaluators is not None:
        yield f"{stem}{EVALUATORS_SUFFIX}", project.kept_file(round_.together.evaluators)
