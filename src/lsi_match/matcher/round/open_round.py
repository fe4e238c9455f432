"""Opening a round: its key, its signed opening, and the entry that says so."""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from lsi_match.agreement.gates import require
from lsi_match.base.errors import LsiError, wrong_use
from lsi_match.base.files import destroy, half_files, lock_file, private_folder, write_whole
from lsi_match.crypto.keys import make_round_key
from lsi_match.crypto.ristretto import require_library
from lsi_match.crypto.signing import sign
from lsi_match.log.events import GatesRefused, RoundOpened, why
from lsi_match.manifest import Manifest
from lsi_match.manifest.base import is_hybrid
from lsi_match.manifest.plan import Period
from lsi_match.matcher.site.proofs import put_round_proofs
from lsi_match.matcher.site.site import Project
from lsi_match.protocol.documents import Opening, RoundId

#: Rows per part of a drop at most: what is opened, and matched, at once.
ROWS_PER_PART = 500_000
#: After so long it is logged again that a round cannot be opened.
AGAIN = timedelta(days=1)


class RoundBusyError(LsiError): ...


def open_round(project: Project, round_id: str, reference_date: str | None, now: datetime) -> Path:
    """Open a round: a fresh key that its drops are sealed to, in a signed and logged opening; its file,
    with the proof that the log has it beside it.

    The key and the opening lie there before the log says that the round is open. Where this was broken off before
    that, nobody has the opening, and it is done anew.

    Args:
        round_id: lower-case letters, digits and hyphens, for example `2026-10`.
        reference_date: ISO date that the criteria look at; by the rule of the manifest when left out.

    Raises:
        WrongUseError: a round cannot be called so.
        RoundExistsError: the name was used before.
        ReferenceDateNeededError: the manifest wants it to be given.
        RoundBusyError: another process is opening it.
        GateError: the project may not run today, or no round so.
    """
    try:
        TypeAdapter(RoundId).validate_python(round_id)
    except ValidationError:
        raise wrong_use("matcher.round.no_round_name") from None
    folder = private_folder(project.round_folder(round_id))
    lock = lock_round(folder / "lock", round_id, project.id)
    try:
        with project.opened() as project:
            return _open_round(project, folder, round_id, reference_date, now)
    finally:
        os.close(lock)


def _open_round(
    project: Project, folder: Path, round_id: str, reference_date: str | None, now: datetime
) -> Path:
    manifest = project.manifest()
    if project.view().has(round_id):
        raise LsiError("RoundExistsError", round=round_id, project=project.id)
    schedule = manifest.schedule
    if reference_date is None and isinstance(schedule.reference_date, Period):
        between = {name: str(day) for name, day in schedule.reference_date}
        raise LsiError("ReferenceDateNeededError", project=project.id, **between)
    secret, recipient = make_round_key(hybrid=is_hybrid(manifest.matcher.encryption_key))
    opening = _made(project, manifest, round_id, reference_date, now, recipient)
    try:
        require(manifest, replace(project.evidence(now, opening), key_present=True))
    except LsiError as error:
        _log_refused_opening(project, round_id, now, manifest.digest, error)
        raise
    for file in (folder / "round.key", folder / "opening.json", *half_files(folder)):
        destroy(file)
    document = sign(opening, project.site.identity())
    write_whole(folder / "round.key", secret.encode())
    write_whole(folder / "opening.json", document)
    event = RoundOpened(round=round_id, opening=project.keep(document))
    project.record(event, now, manifest.digest, trace_id=opening.trace_id)
    put_round_proofs(project)
    return folder / "opening.json"


def _made(
    project: Project,
    manifest: Manifest,
    round_id: str,
    reference_date: str | None,
    now: datetime,
    recipient: str,
) -> Opening:
    schedule = manifest.schedule
    largest = max(sum(s.volume.at_most for s in p.selections) for p in manifest.partners.values())
    return Opening(
        project=project.id,
        manifest=manifest.digest,
        round=round_id,
        reference_date=reference_date or schedule.reference_dates(now).last,
        opened_at=now,
        deadline=schedule.deadline(now),
        **_evaluation(manifest, now),
        recipient=recipient,
        parts=max(1, -(-largest // ROWS_PER_PART)),
        trace_id=secrets.token_hex(16),
    )


def _evaluation(manifest: Manifest, now: datetime) -> dict[str, datetime]:
    """Until when partners ask and answer, where they evaluate together; raises RistrettoMissingError where that cannot be checked."""
    if not manifest.pseudonyms.together:
        return {}
    require_library()
    asks, answers = manifest.schedule.evaluation_deadlines(now)
    return {"asks_until": asks, "answers_until": answers}


def refusal(project: Project, now: datetime) -> LsiError | None:
    """What would keep a round from opening at that moment, by every gate; nothing is made or logged."""
    manifest = project.manifest()
    try:
        name = manifest.schedule.day(now).isoformat()  # as it is called when it opens by itself
        opening = _made(project, manifest, name, None, now, manifest.matcher.encryption_key)
        require(manifest, replace(project.evidence(now, opening), key_present=True))
    except LsiError as error:
        return error
    return None


def _log_refused_opening(
    project: Project, round_id: str, now: datetime, manifest: str, error: LsiError
) -> None:
    """Log that a gate kept a round from being opened; once a day, however often it is tried while that stands."""
    with project.writer() as log:
        said = log.view.shut
        if said is None or (said.round, said.reason) != (round_id, error.reason) or now - said.at >= AGAIN:
            log.record(GatesRefused(round=round_id, **why(error)), now, manifest=manifest)


def lock_round(file: Path, round_id: str, project: str) -> int:
    """Take the lock of a round; its descriptor. Raises `RoundBusyError`."""
    return lock_file(file, RoundBusyError(round=round_id, project=project))
