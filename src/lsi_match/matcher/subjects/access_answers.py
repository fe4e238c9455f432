"""Answering an access request: what the rounds of a project did with one person, found by pseudonym.

Every request is an entry of the log, refused ones too, so that all controllers see who asks how often, and for how many
pseudonyms. The entry holds nothing of the person; it is written before the answer leaves.

What would make of a request about one person a test of many is refused before anything is looked up: of a kind of identifier
there is one pseudonym a round (and key that the project had), and a controller gets so many answers a day. Then every
controller is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import overload

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.clock import CLOCK_SKEW
from lsi_match.base.errors import LsiError, RefusedError
from lsi_match.base.files import write_whole
from lsi_match.crypto.sealing import seal, unseal
from lsi_match.crypto.signing import peek, sign, verify
from lsi_match.log.events import AccessAnswered, AccessRefused, why
from lsi_match.log.view import Mark, RoundView, SubjectFile
from lsi_match.manifest import Manifest
from lsi_match.matcher.site.proofs import proof_for
from lsi_match.matcher.site.site import Project, json_document
from lsi_match.matcher.subjects.subject_rows import Found, look_up
from lsi_match.protocol.access_documents import (
    AccessAnswer,
    AccessEvent,
    AccessRequest,
    Handed,
    InDrop,
    RoundAnswer,
)
from lsi_match.protocol.subject_columns import NONE

#: How old a request may be.
TERM = timedelta(days=30)
DAY = timedelta(days=1)
LARGEST = 8 * 2**20
#: Round → kind → pseudonyms, of one person.
Sought = dict[str, dict[str, tuple[bytes, ...]]]


class AccessRefusedError(RefusedError): ...


class AccessTooOftenError(RefusedError): ...


def answer(project: Project, sealed: bytes, now: datetime, only: str | None = None) -> bytes:
    """The answer to a sealed request: signed, with the proof that the log has it on the lines after it, and sealed to the
    controller that asks.

    Args:
        only: the controller at whose place it lay; a request of anybody else is refused without a word in the log, which others
            could fill otherwise.

    Raises:
        AccessNotControllerError, SignatureMissingError, SealBrokenError, SignedDocumentInvalidError: who asks.
        AccessAnsweredError, AccessRefusedError: a replay, too old, or about another project.
        AccessManyPeopleError, AccessTooOftenError: about more than one person, or one too many.
        SubjectsAlteredError: a file that the answer would rest on is not what the log says.
    """
    manifest, name = project.manifest(), "unknown"
    try:
        data = unseal(sealed, project.site.identity().encryption, what="access request", party="partner")
        name = peek(data, AccessRequest, what="access request", party="partner").controller
        if name not in manifest.controllers or name != (only or name):
            name = "unknown"
            raise RefusedError("AccessNotControllerError", name=name)
        key = manifest.controllers[name].signing_key
        request = verify(data, AccessRequest, key, what="access request", party=name)
        digest = digest_of_bytes(data)
        _check(project, manifest, request, digest, now)
        sought = _pseudonyms(request)
        rounds = rounds_about(project, [sought])[0]
    except LsiError as error:
        if only is None or name == only:
            project.record(AccessRefused(partner=name, **why(error)), now, manifest.digest)
        if isinstance(error, AccessTooOftenError):
            _warn_everybody(project, name, error, now)
        raise
    used = {one.manifest for one in rounds}
    said = AccessAnswer(
        project=project.id,
        controller=name,
        request=digest,
        at=now,
        rounds=rounds,
        manifests={one: project.kept(one).decode() for one in sorted(used)},
    )
    document = sign(said, project.site.identity())
    asked = sum(len(some) for kinds in sought.values() for some in kinds.values())
    event = AccessAnswered(partner=name, request=digest, answer=digest_of_bytes(document), asked=asked)
    with project.writer() as log:
        log.record(event, now, manifest=manifest.digest)
        proof = proof_for(project, log.log, log.log.size - 1, names=[name]).text().encode()
    return seal(document + proof, manifest.controllers[name].encryption_key)


def _check(project: Project, manifest: Manifest, request: AccessRequest, digest: str, now: datetime) -> None:
    if request.project != project.id:
        raise AccessRefusedError.because("matcher.subjects.other_project")
    if not now - TERM <= request.at <= now + CLOCK_SKEW:
        raise AccessRefusedError.because("matcher.subjects.too_old")
    view, name = project.view(), request.controller
    if digest in view.requests:
        raise RefusedError("AccessAnsweredError", name=name)
    used = {one.manifest for one in view.rounds.values()}
    most = len({project.manifest_of(one).pseudonyms.epoch for one in used})
    count = max((len(some) for kinds in request.pseudonyms.values() for some in kinds.values()), default=0)
    if count > max(1, most):
        raise RefusedError("AccessManyPeopleError", name=name, count=count, most=most)
    most = manifest.retention.answers_a_day
    if len([at for at in view.asked.get(name, ()) if now - at < DAY]) >= most:
        raise AccessTooOftenError(name=name, most=most)


def warning_file(project: Project, controller: str) -> Path:
    """What every controller is told of one that asked too often (`operate.transfers`)."""
    return project.folder / "warnings" / f"access.{controller}.json"


def _warn_everybody(project: Project, name: str, error: LsiError, now: datetime) -> None:
    """A refusal by itself tells its sender only."""
    document = {"at": now.isoformat(), "nl": error.text("nl"), "en": error.text("en")}
    write_whole(warning_file(project, name), json_document(document), replace=True)


def _pseudonyms(request: AccessRequest) -> Sought:
    return {
        name: {kind: tuple(map(bytes.fromhex, some)) for kind, some in kinds.items()}
        for name, kinds in request.pseudonyms.items()
    }


def rounds_about(project: Project, people: Sequence[Sought]) -> list[tuple[RoundAnswer, ...]]:
    """What every round of the project did with each of these people; in the order of the log.

    Raises:
        SubjectsAlteredError: see `matcher.subjects.subject_rows.look_up`.
    """
    found: list[list[RoundAnswer]] = [[] for _ in people]
    for one in project.view().rounds.values():
        for answers, about in zip(found, _Round(project, one).about(people), strict=True):
            answers.append(about)
    return [tuple(answers) for answers in found]


class _Round:
    """One round, as the log tells it."""

    def __init__(self, project: Project, view: RoundView) -> None:
        self._project = project
        self._view = view
        self.name = view.name
        self.manifest = project.manifest_of(view.manifest)
        self._files = view.subject_files

    def about(self, people: Sequence[Sought]) -> list[RoundAnswer]:
        """The answer about each person."""
        view = self._view
        base = RoundAnswer(
            round=self.name, manifest=self.manifest.digest, opened=_event(view.opened), known="no",
            destroyed=_event(view.destroyed), forgotten=_event(view.forgotten),
        )  # fmt: skip
        if not self.manifest.pseudonyms.traceable:
            return [base.model_copy(update={"known": "untraceable"}) for _ in people]
        if view.forgotten is not None:
            return [base.model_copy(update={"known": "gone"}) for _ in people]
        asked = [self._asked(person) for person in people]
        rows = {one.about: self._rows(one, asked) for one in self._files}
        return [
            self._told(base, {about: some[i] for about, some in rows.items()})
            if one
            else base.model_copy(update={"known": "not_asked"})
            for i, one in enumerate(asked)
        ]

    def _asked(self, person: Sought) -> dict[int, tuple[bytes, ...]]:
        """Place of a kind in the manifest → the pseudonyms that were asked for."""
        kinds = self.manifest.subject.kinds
        return {kinds.index(k): some for k, some in person.get(self.name, {}).items() if k in kinds and some}

    def _rows(self, file: SubjectFile, asked: Sequence[dict[int, tuple[bytes, ...]]]) -> list[list[Found]]:
        """The rows of one file about each person. An id counts for the kind it was asked as."""
        every = [
            (i, kind, one) for i, kinds in enumerate(asked) for kind, some in kinds.items() for one in some
        ]
        rows: list[list[Found]] = [[] for _ in asked]
        for found in look_up(
            self._project, self.name, file.about, file.digest, file.mark.position, [one for *_, one in every]
        ):
            person, kind, _ = every[found.number]
            if kind == found.kind:
                rows[person].append(found)
        return rows

    def _told(self, base: RoundAnswer, rows: dict[str, list[Found]]) -> RoundAnswer:
        marks = {one.about: one.mark for one in self._files}
        delivered = []
        for about, mark in marks.items():
            if about.startswith("intake."):  # with the identifier itself, in every drop that was accepted
                delivered += self._records(rows[about], mark)
        joined = [row for row in rows.get("match", []) if row.partner != NONE]
        if joined:  # that came together with it through another identifier
            delivered += self._records(joined, marks["match"], through_other=True)
        if not delivered:
            return base
        matched = _event(self._view.matched)
        whole = [row for row in rows.get("match", []) if row.partner == NONE]
        per_id = [sum(row.number == other.number for other in whole) for row in whole]
        return base.model_copy(
            update={
                "known": "yes",
                "delivered": tuple(delivered),
                "matched": matched,
                "case": any(row.case for row in whole) if matched else None,
                "several": max(per_id, default=0) > 1,
                "handed": tuple(self._handed(rows)),
            }
        )

    def _records(self, rows: Sequence[Found], mark: Mark, **more: bool) -> list[InDrop]:
        """One for each selection, with every signal of its records."""
        bits: dict[tuple[int, int], int] = {}
        for row in rows:
            pair = (row.partner, row.selection)
            bits[pair] = bits.get(pair, 0) | row.signals
        found = []
        for (partner, place), signals in sorted(bits.items()):
            name = list(self.manifest.partners)[partner]
            one = self.manifest.partners[name]
            told = tuple(signal.id for bit, signal in enumerate(one.signals) if signals >> bit & 1)
            selection = one.selections[place].id
            found.append(InDrop(partner=name, selection=selection, signals=told, entry=_event(mark), **more))
        return found

    def _handed(self, rows: dict[str, list[Found]]) -> Iterator[Handed]:
        """Who received it; nobody while the release waits for cosignatures, or when it never got enough."""
        view = self._view
        if view.release is None or (view.release.cosignatures is not None and view.handed_out is None):
            return
        mark = view.handed_out.mark if view.handed_out else view.release.mark
        for partner, digest in view.release.to.items():
            if rows.get(f"release.{partner}"):
                yield Handed(
                    partner=partner,
                    entry=_event(mark),
                    removed=_event(view.expired.get(digest)),
                    opened=tuple(_event(one) for one in view.openings.get(digest, ())),
                )


@overload
def _event(mark: Mark) -> AccessEvent: ...
@overload
def _event(mark: Mark | None) -> AccessEvent | None: ...
def _event(mark: Mark | None) -> AccessEvent | None:
    return None if mark is None else AccessEvent(at=mark.at, position=mark.position)
