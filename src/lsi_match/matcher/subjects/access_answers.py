"""Answering an access request: what the rounds of a project did with one person, found by pseudonym.

Every request is an entry of the log, refused ones too, so that all controllers see who asks how often. The entry
holds nothing of the person; it is written before the answer leaves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from lsi_match.agreement.approvals import load_manifest
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.clock import CLOCK_SKEW
from lsi_match.base.errors import LsiError
from lsi_match.crypto.sealing import seal, unseal
from lsi_match.crypto.signing import peek, sign, verify
from lsi_match.log.entry import LogEntry
from lsi_match.log.steps import Step
from lsi_match.log.subject_files import SubjectFile, subject_files
from lsi_match.manifest import Manifest
from lsi_match.matcher.site.site import Project
from lsi_match.matcher.subjects.subject_rows import Found, look_up
from lsi_match.protocol.access_documents import (
    ACCESS_ANSWER,
    ACCESS_REQUEST,
    AccessAnswer,
    AccessRequest,
    Event,
    Handed,
    InDrop,
    RoundAnswer,
)
from lsi_match.protocol.subject_columns import NONE

#: How old a request may be.
TERM = timedelta(days=30)
LARGEST = 8 * 2**20
#: Round → kind → pseudonyms, of one person.
Sought = dict[str, dict[str, tuple[bytes, ...]]]


class AccessRefusedError(LsiError):
    nl = "Het inzageverzoek is geweigerd: {problem}. Laat de deelnemer een nieuw verzoek maken."
    en = "The access request is refused: {problem}. Have the partner make a new one."


class AccessNotControllerError(LsiError):
    nl = "Het inzageverzoek is geweigerd: {name} is geen verwerkingsverantwoordelijke van dit project."
    en = "The access request is refused: {name} is no controller of this project."


class AccessAnsweredError(LsiError):
    nl = "Op dit inzageverzoek van {name} is al geantwoord. Maak voor een nieuw antwoord een nieuw verzoek."
    en = "This access request of {name} was answered before. For a new answer, make a new request."


def answer(project: Project, sealed: bytes, now: datetime) -> bytes:
    """The answer to a sealed request: signed, and sealed to the controller that asks.

    Raises:
        AccessNotControllerError, SignatureMissingError, SealBrokenError, SignedDocumentInvalidError: who asks.
        AccessAnsweredError, AccessRefusedError: a replay, too old, or about another project.
        SubjectsAlteredError: a file that the answer would rest on is not what the log says.
    """
    manifest, name = project.manifest(), "unknown"
    try:
        data = unseal(sealed, project.site.identity().encryption, what="access request", party="partner")
        name = peek(data, ACCESS_REQUEST, AccessRequest, what="access request", party="partner").controller
        if name not in manifest.controllers:
            name = "unknown"
            raise AccessNotControllerError(name=name)
        key = manifest.controllers[name].signing_key
        request = verify(data, ACCESS_REQUEST, AccessRequest, key, what="access request", party=name)
        digest = digest_of_bytes(data)
        _check(project, request, digest, now)
        sought = _pseudonyms(request)
        rounds = rounds_about(project, [sought])[0]
    except LsiError as error:
        _log(project, now, manifest, {"partner": name}, error)
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
    document = sign(said, ACCESS_ANSWER, project.site.identity())
    _log(
        project,
        now,
        manifest,
        {"partner": name, "request": digest, "answer": digest_of_bytes(document)},
    )
    return seal(document, manifest.controllers[name].encryption_key)


def _check(project: Project, request: AccessRequest, digest: str, now: datetime) -> None:
    if request.project != project.id:
        raise AccessRefusedError.because("het gaat over een ander project", "it is about another project")
    if not now - TERM <= request.at <= now + CLOCK_SKEW:
        raise AccessRefusedError.because(
            "het is te oud, of uit de toekomst", "it is too old, or from the future"
        )
    answered = {e.attributes.get("lsi.request") for e in project.entries() if e.name == Step.ACCESS.value}
    if digest in answered:
        raise AccessAnsweredError(name=request.controller)


def _pseudonyms(request: AccessRequest) -> Sought:
    return {
        name: {kind: tuple(map(bytes.fromhex, some)) for kind, some in kinds.items()}
        for name, kinds in request.pseudonyms.items()
    }


def _log(
    project: Project, now: datetime, manifest: Manifest, facts: dict[str, str], error: LsiError | None = None
) -> None:
    with project.journal() as journal:
        journal.record(Step.ACCESS, now, manifest=manifest.digest, error=error, facts=facts)


def rounds_about(project: Project, people: Sequence[Sought]) -> list[tuple[RoundAnswer, ...]]:
    """What every round of the project did with each of these people; in the order of the log.

    Raises:
        SubjectsAlteredError: see `matcher.subjects.subject_rows.look_up`.
    """
    entries = project.entries()
    files = subject_files(entries)
    found: list[list[RoundAnswer]] = [[] for _ in people]
    for position, entry in enumerate(entries):
        if entry.name == Step.OPEN_ROUND.value and entry.status == "Ok":
            one = _Round(project, entries, files, position)
            for answers, about in zip(found, one.about(people), strict=True):
                answers.append(about)
    return [tuple(answers) for answers in found]


class _Round:
    """One round, as the log tells it."""

    def __init__(
        self, project: Project, entries: list[LogEntry], files: list[SubjectFile], opened: int
    ) -> None:
        self._project = project
        self._every = entries
        self._opened = entries[opened]
        self.name = str(self._opened.attributes["lsi.round"])
        self.manifest = load_manifest(project.kept(str(self._opened.attributes["lsi.manifest"])))
        self._files = [one for one in files if one.round == self.name]
        self._entries = [
            (n, entry)
            for n, entry in enumerate(entries)
            if entry.attributes.get("lsi.round") == self.name and entry.status == "Ok"
        ]
        self._event = Event(at=self._opened.moment, position=opened)

    def _of(self, step: Step) -> Iterator[tuple[int, LogEntry]]:
        return ((n, entry) for n, entry in self._entries if entry.name == step.value)

    def _last(self, step: Step) -> Event | None:
        found = [_event(n, entry) for n, entry in self._of(step)]
        return found[-1] if found else None

    def about(self, people: Sequence[Sought]) -> list[RoundAnswer]:
        """The answer about each person."""
        destroyed, forgotten = self._last(Step.DESTROY), self._last(Step.DESTROY_SUBJECTS)
        base = RoundAnswer(
            round=self.name, manifest=self.manifest.digest, opened=self._event, known="no",
            destroyed=destroyed, forgotten=forgotten,
        )  # fmt: skip
        if forgotten is not None:
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
            self._project, self.name, file.about, file.digest, file.position, [one for *_, one in every]
        ):
            person, kind, _ = every[found.number]
            if kind == found.kind:
                rows[person].append(found)
        return rows

    def _told(self, base: RoundAnswer, rows: dict[str, list[Found]]) -> RoundAnswer:
        delivered = [*self._direct(rows), *self._through(rows)]
        if not delivered:
            return base
        matched = self._last(Step.MATCH)
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

    def _direct(self, rows: dict[str, list[Found]]) -> list[InDrop]:
        """The records with the identifier itself: in every drop that was accepted."""
        entries = {one.about: one.position for one in self._files if one.about.startswith("intake.")}
        found = []
        for about, position in entries.items():
            pairs = {(row.partner, row.selection) for row in rows[about]}
            found += [self._record(*pair, position) for pair in sorted(pairs)]
        return found

    def _through(self, rows: dict[str, list[Found]]) -> list[InDrop]:
        """The records that came together with it through another identifier."""
        positions = {one.about: one.position for one in self._files}
        pairs = sorted({(r.partner, r.selection) for r in rows.get("match", []) if r.partner != NONE})
        return [self._record(*pair, positions["match"], through_other=True) for pair in pairs]

    def _record(self, partner: int, selection: int, position: int, **more: bool) -> InDrop:
        name = list(self.manifest.partners)[partner]
        entry = self._every[position]
        chosen = self.manifest.partners[name].selections[selection].id
        return InDrop(partner=name, selection=chosen, entry=_event(position, entry), **more)

    def _handed(self, rows: dict[str, list[Found]]) -> Iterator[Handed]:
        """Who received it; nobody while the release waits for cosignatures, or when it never got enough."""
        handed_out = self._last(Step.HAND_OUT)
        released = {
            str(name).removeprefix("lsi.release."): (str(digest), handed_out or _event(n, entry))
            for n, entry in self._of(Step.RELEASE)
            if handed_out or "lsi.cosignatures" not in entry.attributes
            for name, digest in entry.attributes.items()
            if name.startswith("lsi.release.")
        }
        for partner, (digest, event) in released.items():
            if rows.get(f"release.{partner}"):
                yield Handed(
                    partner=partner,
                    entry=event,
                    removed=next(iter(self._about_release(Step.EXPIRE, digest)), None),
                    opened=tuple(self._about_release(Step.OPENED, digest)),
                )

    def _about_release(self, step: Step, digest: str) -> list[Event]:
        return [_event(n, e) for n, e in self._of(step) if e.attributes.get("lsi.release") == digest]


def _event(position: int, entry: LogEntry) -> Event:
    return Event(at=entry.moment, position=position)
