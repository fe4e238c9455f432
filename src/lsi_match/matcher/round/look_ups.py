"""Looking somebody up in a round that is over and whose evaluators keep their keys: asks and answers pass through the site.

    look-ups/<day>/<name at the places>   what partners sent, passed on as it came, for `access_answers.TERM`

Each ask is an entry of the log, so that all controllers see who asks how often, and goes on with the proof of that; no evaluator
answers without. What would make of it a test of many people is refused here first: more than one number of a kind, more asks about
one round a day than the manifest allows requests, a round whose files of data subjects are gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.clock import CLOCK_SKEW
from lsi_match.base.errors import RefusedError
from lsi_match.base.files import destroy, write_whole
from lsi_match.crypto.evaluation import Evaluation
from lsi_match.crypto.signing import peek
from lsi_match.log.events import AccessAsked, EvaluationsRefused, why
from lsi_match.log.log_proof import proof_file
from lsi_match.log.view import LookUp, RoundView
from lsi_match.matcher.site.inbox import check_papers
from lsi_match.matcher.site.proofs import proof_for
from lsi_match.matcher.site.site import Project, RoundUnknownError
from lsi_match.matcher.subjects.access_answers import DAY, TERM, AccessRefusedError, AccessTooOftenError
from lsi_match.protocol.evaluation_documents import AccessAsk, EvaluationAnswer, unpack
from lsi_match.protocol.place_files import ACCESS_ASK_SUFFIX, ACCESS_EVALUATION_SUFFIX


def take(project: Project, name: str, data: bytes, now: datetime, partner: str) -> None:
    """Take in what `partner` sent, once; what comes again changes nothing.

    Raises:
        RoundUnknownError: of no round in which people can be looked up so.
        LsiError: it does not hold, and is logged; or PapersTooManyError: it cannot be judged now.
    """
    document, rest = unpack(data, 1)
    model = AccessAsk if name.endswith(ACCESS_ASK_SUFFIX) else EvaluationAnswer
    round_id = peek(document, model, what=name, party=partner).round
    round_ = project.view().round(round_id)
    manifest = project.manifest_of(round_.manifest) if round_ else None
    if round_ is None or manifest is None or not manifest.pseudonyms.keeps_keys:
        raise RoundUnknownError(round=round_id, project=project.id)
    check_papers(project.view(), partner, now)
    of = Evaluation.of(manifest, round_id)
    try:
        if partner not in round_.together.partners:
            raise RefusedError("EvaluationOfOtherError", partner=partner, what=name)
        passed = _ask if model is AccessAsk else _answer
        file = f"{project.id}.{round_id}.{passed(project, of, round_, document, rest, now, partner)}"
    except RefusedError as error:
        project.record(EvaluationsRefused(round=round_id, partner=partner, **why(error)), now)
        raise
    if not any(_folder(project).glob(f"*/{file}")):
        write_whole(_folder(project) / now.date().isoformat() / file, data)


def _ask(
    project: Project,
    of: Evaluation,
    round_: RoundView,
    document: bytes,
    elements: bytes,
    now: datetime,
    partner: str,
) -> str:
    """The end of the name of an ask, once the log has it."""
    asked, digest = of.about_one().asked(document, elements, AccessAsk), digest_of_bytes(document)
    if asked.partner != partner:
        raise RefusedError("EvaluationOfOtherError", partner=partner, what="ask")
    if digest not in round_.together.looked_up:
        if round_.forgotten is not None or round_.destroyed is None:
            raise AccessRefusedError.because("matcher.round.no_look_up")
        if not now - TERM <= asked.at <= now + CLOCK_SKEW:
            raise AccessRefusedError.because("matcher.round.too_old")
        most, before = project.manifest().retention.answers_a_day, round_.together.looked_up.values()
        if sum(one.partner == partner and now - one.mark.at < DAY for one in before) >= most:
            raise AccessTooOftenError(name=partner, most=most)
        event = AccessAsked(round=round_.name, partner=partner, ask=project.keep(document), asked=asked.asked)
        project.record(event, now, round_.manifest)
    return f"{partner}.{digest[7:23]}{ACCESS_ASK_SUFFIX}"


def _answer(
    project: Project,
    of: Evaluation,
    round_: RoundView,
    document: bytes,
    sealed: bytes,
    now: datetime,
    partner: str,
) -> str:
    """The end of the name of an answer to an ask that the log has."""
    word, together = of.word(document, EvaluationAnswer, "answer"), round_.together
    asked = together.looked_up.get(word.ask)
    if (
        (word.partner, word.keys) != (partner, together.keys[partner])
        or asked is None
        or asked.partner != word.to
    ):
        raise RefusedError("EvaluationOfOtherError", partner=partner, what="answer")
    if digest_of_bytes(sealed) != word.evaluations:
        raise RefusedError("AskMalformedError", partner=partner)
    return f"{partner}.to-{word.to}.{word.ask[7:23]}{ACCESS_EVALUATION_SUFFIX}"


def _folder(project: Project) -> Path:
    return project.folder / "look-ups"


def for_partner(project: Project, partner: str, now: datetime) -> Iterator[tuple[str, Path]]:
    """Name at the place → file here: what others ask, with its proof, and what was answered to this partner; what lay for
    `access_answers.TERM` is destroyed."""
    for day in sorted(_folder(project).glob("*")):
        for file in sorted(day.iterdir()):
            if now.date() - date.fromisoformat(day.name) > TERM:
                destroy(file)
            elif file.name.endswith(ACCESS_EVALUATION_SUFFIX):
                if f".to-{partner}." in file.name:
                    yield file.name, file
            elif file.name.endswith(ACCESS_ASK_SUFFIX):
                round_id, asking, ask = file.name.removeprefix(f"{project.id}.").split(".")[:3]
                round_ = project.view().round(round_id)
                if round_ is None or round_.forgotten is not None:
                    continue
                evaluators = set(round_.together.partners) - round_.together.destroyed.keys()
                if asking != partner and partner in evaluators:
                    yield file.name, file
                    proof = _proved(project, round_, ask, file)
                    yield proof.name, proof


def _proved(project: Project, round_: RoundView, ask: str, file: Path) -> Path:
    """The proof that the log has an ask, beside its file."""
    proof = proof_file(file)
    if not proof.exists():
        found: dict[str, LookUp] = {digest[7:23]: one for digest, one in round_.together.looked_up.items()}
        with project.reader() as log:
            write_whole(proof, proof_for(project, log.log, found[ask].mark.position).text().encode())
    return proof
