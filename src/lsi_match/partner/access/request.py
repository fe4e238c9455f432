"""An access request (art. 15 GDPR): asking the matching site about one person, and keeping what was asked.

    projects/<project>/access/<reference>.json     digest of the request and when it was made; nothing of the person

The person's number never leaves: it becomes pseudonyms here, one per round and key, and is kept nowhere; sealed, while the
evaluators of a round are asked about it (`look_up`).
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import polars as pl
from pydantic import Field, TypeAdapter, ValidationError

from lsi_match.agreement.approvals import load_manifest
from lsi_match.base.canonical import canonical_json, digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.base.files import destroy, read_bytes, write_whole
from lsi_match.crypto.project_key import ProjectKey, pseudonym, shared_pseudonym
from lsi_match.crypto.sealing import seal, unseal
from lsi_match.crypto.signing import sign, verify
from lsi_match.log.events import AccessAnswered
from lsi_match.log.remembered import require_stated
from lsi_match.manifest import IdentifierSource, Manifest
from lsi_match.manifest.identifiers import ADDRESS_PARTS, PERSON_PARTS, IdentifierKind
from lsi_match.manifest.person_keys import PERSON_KEYS
from lsi_match.partner.access import look_up
from lsi_match.partner.exchange import Exchange
from lsi_match.partner.home import Home
from lsi_match.partner.kept_keys import kept_rounds
from lsi_match.partner.normalise import normalise, person_keys
from lsi_match.partner.release.opened_notice import Opened, openings_of
from lsi_match.protocol.access_documents import MOST_ROUNDS, AccessAnswer, AccessRequest, RoundAnswer
from lsi_match.protocol.documents import RoundId
from lsi_match.protocol.place_files import REQUEST_SUFFIX
from lsi_match.protocol.trust_root import MATCHER, Role

#: A month.
ANSWER_WITHIN = timedelta(days=30)
_ROUNDS = TypeAdapter(Annotated[list[RoundId], Field(max_length=MOST_ROUNDS)])
_REFERENCE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclass(frozen=True)
class Answered:
    """An answer that was checked, and what this partner knows of its own."""

    partner: str
    reference: str
    answer: AccessAnswer
    manifests: dict[str, Manifest]
    #: Rounds of which the own references are kept: own records in them can be found back.
    kept: frozenset[str]
    opened: tuple[Opened, ...]
    #: The rounds that were asked about.
    asked: tuple[str, ...] = ()
    #: Rounds about which the answer goes by a manifest that this partner never delivered under, as far as it remembers.
    others: tuple[str, ...] = ()


def wanted(manifest: Manifest) -> tuple[str, ...]:
    """What can be entered about a person under this manifest: kinds of number, parts of an address, of a name."""
    names: list[str] = []
    for kind in manifest.subject.identifiers:
        names += ADDRESS_PARTS if kind is IdentifierKind.ADDRESS else (kind.value,)
    return tuple(dict.fromkeys([*names, *(PERSON_PARTS if _sure(manifest) else ())]))


def make_request(
    home: Home,
    project: str,
    entered: Mapping[str, str],
    reference: str,
    rounds: Iterable[str],
    now: datetime,
) -> bytes | None:
    """The request, signed and sealed to the matching site. None where evaluators have to answer first, whom the next passes of
    `deliver` ask: `go_on` makes it then.

    Args:
        entered: of what `wanted` names, what is known of the person, as people write it.
        reference: the own name of this request; of nothing in it. The answer is opened under it.
        rounds: to ask about, beside those that this partner delivered for.

    Raises:
        AccessReferenceError: no name, or one that was used before.
        PersonNumberInvalidError, PersonNumberMissingError: nothing, or no number.
    """
    manifest = home.agreed_manifest(project, now)
    file = _file(home, project, reference)
    if file.exists():
        raise LsiError("AccessReferenceError", reference=reference)
    identifiers = _identifiers(manifest, entered)
    # Of one person the site knows no more keys than this project had; of a later one there is no round yet.
    keys = [key for key in home.project_keys(project) if key.epoch <= manifest.pseudonyms.epoch]
    delivered = home.delivered_rounds(project)
    every = sorted({*rounds, *delivered})
    try:
        _ROUNDS.validate_python(every)
    except ValidationError:
        raise LsiError("RoundsAskedError", most=MOST_ROUNDS) from None
    # Of a round that this partner was not in it cannot tell the scheme: a pseudonym of scheme 1 would name who asks.
    told = delivered if manifest.pseudonyms.together else every
    traceable = sorted(set(told) - home.untraceable(project))
    asks = look_up.ask_about(
        Exchange(home, project, None),
        sorted(set(told) & kept_rounds(home.project(project)).keys()),
        identifiers,
        now,
    )
    made = {one: _pseudonyms(keys, identifiers, one) for one in traceable}
    kept = {"at": now.isoformat(), "rounds": every}
    if asks:
        look_up.keep_pending(home, file.with_suffix(".age"), {"made": made, "asks": asks, "kept": kept})
        write_whole(file, canonical_json({**kept, "request": ""}))
        return None
    return _request(home, manifest, file, made, now, kept)


def _request(
    home: Home,
    manifest: Manifest,
    file: Path,
    made: Mapping[str, Any],
    now: datetime,
    kept: Mapping[str, Any],
) -> bytes:
    request = AccessRequest(
        project=manifest.project.id, controller=home.name, nonce=secrets.token_hex(16), at=now, pseudonyms=dict(made)
    )  # fmt: skip
    document = sign(request, home.identity())
    write_whole(file, canonical_json({**kept, "request": digest_of_bytes(document)}), replace=True)
    return seal(document, manifest.matcher.encryption_key)


def go_on(exchange: Exchange, lying: Collection[str], now: datetime) -> None:
    """Answer what others ask about people, and make the own requests that were answered. Can be repeated after it broke off."""
    look_up.answer_asks(exchange, lying, now)
    for waiting in sorted((exchange.home.project(exchange.project) / "access").glob("[!.]*.age")):
        with exchange.problems.of(waiting.name):
            _go_on(exchange, waiting, now)


def forget_due(home: Home, project: str, now: datetime) -> None:
    """Destroy what requests were to be made of that are past the date of their answer, whatever held them up."""
    for waiting in (home.project(project) / "access").glob("[!.]*.age"):
        file = waiting.with_suffix(".json")
        if (
            file.exists()
            and now >= datetime.fromisoformat(json.loads(read_bytes(file))["at"]) + ANSWER_WITHIN
        ):
            destroy(waiting)


def _go_on(exchange: Exchange, waiting: Path, now: datetime) -> None:
    """Make one request, if it is time."""
    home, project = exchange.home, exchange.project
    file, manifest = waiting.with_suffix(".json"), home.agreed_manifest(project, now)
    content = look_up.pending(home, waiting)
    kept = content["kept"]
    found, whole = look_up.evaluated(exchange, content["asks"])
    if not whole and now < datetime.fromisoformat(kept["at"]) + look_up.WAIT:
        return
    keys = {key.epoch: key for key in home.project_keys(project)}
    of_round = {name: keys.get(one.epoch) for name, one in kept_rounds(home.project(project)).items()}
    made = content["made"] | {
        name: {kind: (shared_pseudonym(key, output, name, kind).hex(),) for kind, output in of.items()}
        for name, of in found.items()
        if (key := of_round[name]) is not None
    }
    sealed = _request(home, manifest, file, made, now, kept)
    stem = next(one.stem for one in requests_of(home, project) if one.reference == waiting.stem)
    exchange.put(f"{stem}{REQUEST_SUFFIX}", sealed)
    destroy(waiting)


@dataclass(frozen=True)
class Asked:
    """A request that was made here: its own name, when, and how its files at the place begin: nothing of that name."""

    reference: str
    at: datetime
    stem: str

    @property
    def due(self) -> datetime:
        """When the person has to have an answer (art. 12(3) GDPR)."""
        return self.at + ANSWER_WITHIN


def requests_of(home: Home, project: str) -> list[Asked]:
    """The requests that were made here, the newest first."""
    found = []
    for file in (home.project(project) / "access").glob("*.json"):
        kept = json.loads(read_bytes(file))
        stem = f"{project}.{str(kept['request'])[7:39]}"
        found.append(Asked(file.stem, datetime.fromisoformat(kept["at"]), stem))
    return sorted(found, key=lambda one: one.at, reverse=True)


def _file(home: Home, project: str, reference: str) -> Path:
    shown, numbers = re.subn(r"\d{8,}", "…", reference)  # one may be of the person
    if not _REFERENCE.fullmatch(reference) or numbers:
        raise LsiError("AccessReferenceError", reference=shown)
    return home.project(project) / "access" / f"{reference}.json"


def _sure(manifest: Manifest) -> list[str]:
    """The person keys that two people do not share: only those are asked for."""
    return [one for one in manifest.subject.person_keys if PERSON_KEYS[one].sure]


def _identifiers(manifest: Manifest, entered: Mapping[str, str]) -> dict[str, str]:
    """Kind → what is hashed, checked as the records of a drop are."""
    given = {name: text.strip() for name, text in entered.items() if text.strip()}
    found: dict[str, str] = {}
    for kind in manifest.subject.identifiers:
        parts = ADDRESS_PARTS if kind is IdentifierKind.ADDRESS else (kind.value,)
        if any(part in given for part in parts):
            found[kind.value] = _normalised(kind, tuple(given.get(part) for part in parts))
    sure, known = _sure(manifest), {str(part): str(part) for part in PERSON_PARTS if part in given}
    if sure and known:
        frame = pl.DataFrame({part: [given[part]] for part in known}, schema=dict.fromkeys(known, pl.String))
        keys = person_keys(frame, known, sure).row(0, named=True)
        found |= {name: text for name, text in keys.items() if text}
    if not found:
        raise LsiError("PersonNumberMissingError", kinds=", ".join(wanted(manifest)))
    return found


def _normalised(kind: IdentifierKind, texts: tuple[str | None, ...]) -> str:
    names = tuple(f"part_{i}" for i in range(len(texts)))
    frame = pl.DataFrame(
        {name: [text] for name, text in zip(names, texts, strict=True)},
        schema=dict.fromkeys(names, pl.String),
    )
    made = normalise(frame, IdentifierSource(kind=kind, fields=names))
    value = made.values.to_list()[0]
    if value is None:
        raise LsiError("PersonNumberInvalidError", kind=kind.value, reason=", ".join(made.invalid) or "-")
    return str(value)


def _pseudonyms(
    keys: Iterable[ProjectKey], identifiers: Mapping[str, str], round_id: str
) -> dict[str, tuple[str, ...]]:
    return {
        kind: tuple(pseudonym(key, text, round_id, kind).hex() for key in keys)
        for kind, text in identifiers.items()
    }


def open_answer(home: Home, project: str, reference: str, sealed: bytes, now: datetime) -> Answered:
    """The answer to the request made under `reference`, with what is known here.

    Raises:
        AccessUnknownError, AnswerToOtherRequestError: it is not the answer to this request.
        AnswerUnlistedError: it tells of a round what the manifest of that round does not list, or goes by another manifest.
        SealBrokenError, SignatureMissingError, SignedDocumentInvalidError: damaged, not for us, not from the site.
        ProofRefusedError, SplitViewError, ConsistencyMissingError: not in the log, or in another than was seen before.
    """
    file = _file(home, project, reference)
    if not file.exists():
        raise LsiError("AccessUnknownError", reference=reference)
    opened = unseal(sealed, home.identity().encryption, what="access answer", party=MATCHER)
    head, end, proof = opened.partition(b"\n")
    data = head + end
    keys = home.trust(project, now).current.organisations[MATCHER].keys_for(Role.MATCH)
    answer = verify(data, AccessAnswer, keys, what="access answer", party=MATCHER)
    asked = json.loads(read_bytes(file))
    if (answer.request, answer.controller, answer.project) != (asked["request"], home.name, project):
        raise LsiError("AnswerToOtherRequestError", reference=reference)
    recorded = home.recorded(file, project, now, data=proof)
    stated = {
        "step": (type(recorded.event), AccessAnswered),
        "request": (getattr(recorded.event, "request", None), asked["request"]),
        "answer": (getattr(recorded.event, "answer", None), digest_of_bytes(data)),
    }
    require_stated(file.name, stated)
    manifests = {digest: load_manifest(text.encode()) for digest, text in answer.manifests.items()}
    wrong = any(manifest.digest != digest for digest, manifest in manifests.items())
    if wrong or any(one.manifest not in manifests for one in answer.rounds):
        raise LsiError("AnswerToOtherRequestError", reference=reference)
    agreed = home.agreed_under(project)
    for one in answer.rounds:
        manifest = manifests[one.manifest]
        if manifest.project.id != project or agreed.get(one.round, one.manifest) != one.manifest:
            raise LsiError("AnswerUnlistedError", round=one.round)
        if not _is_listed(one, manifest) or (one.known == "untraceable") == manifest.pseudonyms.traceable:
            raise LsiError("AnswerUnlistedError", round=one.round)
    known = {*agreed.values(), home.agreed_manifest(project, now).digest}
    return Answered(
        home.name,
        reference,
        answer,
        manifests,
        frozenset(home.delivered_rounds(project)),
        openings_of(home, project),
        tuple(asked.get("rounds", ())),
        tuple(one.round for one in answer.rounds if one.known == "yes" and one.manifest not in known),
    )


def _is_listed(one: RoundAnswer, manifest: Manifest) -> bool:
    """Whether everything that an answer names stands in the manifest: partners, selections, signals, recipients."""
    signals = {
        (partner, selection.id): {signal.id for signal in selection.signals}
        for partner, selection in manifest.selections()
    }
    return all(
        (record.partner, record.selection) in signals
        and signals[record.partner, record.selection].issuperset(record.signals)
        for record in one.delivered
    ) and all(handed.partner in manifest.release.to for handed in one.handed)
