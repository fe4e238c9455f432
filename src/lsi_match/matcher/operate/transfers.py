"""What goes between the partners' places and the site: drops come in, openings, reasons and releases go out.

`collect` takes in what lies whole on the `in/` side of a place. The descriptor of a drop comes last, so a drop
without one is still on its way and is left alone; so is a file that changed while it was read. What was taken is
removed there. What lies in an inbox is moved out of it first (`matcher.site.inbox`). What is new is checked and
logged; what does not hold goes to quarantine. `publish` puts on the `out/` side what the partner has to have. Both
can be repeated at any time, and stopped at any point: nothing comes in twice, nothing is lost.

The places are told by `delivery.yaml` in the folder of the project; a partner that it does not name delivers into
its inbox by another way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import LsiError, RefusedError, UnexpectedError
from lsi_match.base.files import private_folder, read_bytes, read_text, write_whole
from lsi_match.base.yaml_positions import parse_yaml
from lsi_match.crypto.signing import verify
from lsi_match.log.events import DropArrivalRefused, DropArrived, why
from lsi_match.log.log_proof import SUFFIX, proof_file
from lsi_match.log.store import Log
from lsi_match.log.tail import read_tail
from lsi_match.manifest import Name
from lsi_match.matcher.engine.intake import (
    MAX_DESCRIPTOR,
    DropRefusedError,
    Round,
    largest_bytes,
    shown_name,
    under_name,
)
from lsi_match.matcher.operate import inbound, notices, shared_files
from lsi_match.matcher.operate.witnesses import ask_witness
from lsi_match.matcher.round import evaluating, look_ups, office
from lsi_match.matcher.round.judge_drop import judge_drop
from lsi_match.matcher.round.run import quarantine, round_of, tell_refused
from lsi_match.matcher.site import inbox, make_receipts, take_cosignatures
from lsi_match.matcher.site.checkpoint import export_tail, parts
from lsi_match.matcher.site.inbox import AT_ONCE, DROP_SUFFIX
from lsi_match.matcher.site.proofs import put_round_proofs
from lsi_match.matcher.site.site import REASON, Project, RoundUnknownError
from lsi_match.matcher.site.take_cosignatures import report_fork
from lsi_match.matcher.subjects.access_answers import warning_file
from lsi_match.matcher.subjects.subject_terms import WARNED_FOR
from lsi_match.protocol.documents import DropDescriptor, part_name
from lsi_match.protocol.place_files import COSIGNED_SUFFIX, LOG_SUFFIX, PART_SUFFIX, TAIL_SUFFIX
from lsi_match.transport.endpoints import Endpoint, EndpointSettings, open_endpoint
from lsi_match.transport.sync_state import SyncState

DELIVERY = "delivery.yaml"
IN: Literal["in"] = "in"
OUT: Literal["out"] = "out"
#: Beyond so many refused drops of one partner that wait here for their term, its next ones stay where they lie.
MOST_REFUSED = 100
#: In the place of a round, for a drop that cannot be told to belong to one.
_NO_ROUND = "none"
#: The same for a signed paper.
_PAPER = "signed_paper"


class Delivery(BaseModel):
    """`delivery.yaml`: where each partner's files change hands, and at which address each witness is asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    partners: dict[Name, EndpointSettings]
    witnesses: dict[Name, str] = Field(default_factory=dict)


@dataclass(frozen=True)
class IncomingDrop:
    """What was found at a partner's place: a drop taken in, one still on its way, one that was here before,
    or one for a round that takes no drops (any more)."""

    partner: str
    file: str
    outcome: Literal["taken", "waiting", "known", "refused"]


@dataclass(frozen=True)
class DeliveryError:
    """A place that could not be used, and why; under the name `delivery.yaml` when that cannot be read."""

    partner: str
    error: LsiError


def places_of(project: Project) -> dict[str, EndpointSettings]:
    """The places of a project's partners, by partner; none when the project has no `delivery.yaml`.

    Raises:
        an LsiError that names file, line and column of what is wrong in it.
    """
    return dict(_delivery(project).partners)


def _delivery(project: Project) -> Delivery:
    file = project.folder / DELIVERY
    return _as_delivery(read_text(file)) if file.exists() else Delivery(partners={})


@lru_cache(maxsize=64)
def _as_delivery(text: str) -> Delivery:
    """A look asks for it twice: for the places, and for the witnesses."""
    return parse_yaml(text, DELIVERY, Delivery)


def witness_addresses(project: Project) -> dict[str, str]:
    """Witness from outside → the address at which it is asked. Raises as `places_of` does."""
    return dict(_delivery(project).witnesses)


def ask_witnesses(project: Project, now: datetime) -> list[DeliveryError]:
    """Ask every witness with an address to co-sign what waits for it; what kept one from it holds up no other."""
    troubles = []
    with suppress(LsiError):  # `collect` tells what is wrong in the settings
        for name, url in witness_addresses(project).items():
            try:
                ask_witness(project, name, url, now)
            except LsiError as error:
                troubles.append(DeliveryError(name, error))
    return troubles


def _places(project: Project) -> tuple[dict[str, EndpointSettings], list[DeliveryError]]:
    """The places, or none and why: terms go on when the settings are wrong."""
    try:
        return places_of(project), []
    except LsiError as error:
        return {}, [DeliveryError(DELIVERY, error)]


def collect(project: Project, now: datetime) -> list[IncomingDrop | DeliveryError]:
    """Take in every whole drop from every place and inbox, and look at what is new, however it came.

    A place that fails does not hold up the others. The bounds are the same for every way in.
    """
    places, troubles = _places(project)
    found: list[IncomingDrop | DeliveryError] = [*troubles]
    partners = project.manifest().partners
    for partner in dict.fromkeys((*places, *partners)):
        refused = sum(1 for _ in (project.folder / "quarantine" / partner).glob(f"*/*{DROP_SUFFIX}"))
        room, waiting = max(0, min(AT_ONCE, MOST_REFUSED - refused)), 0
        try:
            if partner in places:
                with open_endpoint(places[partner]) as there:
                    waiting = len(descriptors := _descriptors(project, there))
                    for name in descriptors[:room]:
                        found += filter(None, [_take(project, partner, there, name, now)])
                    lying = there.listing(IN, half=True)
                    found += _papers(project, partner, there, lying, now)
                    _clear_orphans(project, there, lying)
        except LsiError as error:
            found.append(DeliveryError(partner, error))
        try:
            waiting += inbox.take_in(project, partner, max(0, room - waiting), needed=partner not in places)
        except LsiError as error:
            found.append(DeliveryError(partner, error))
        if waiting and not room:
            too_many = LsiError("RefusedTooOftenError", partner=partner, count=MOST_REFUSED)
            found.append(DeliveryError(partner, _too_many(project, partner, too_many, now)))
    seen = {one.drop for one in project.view().all_arrivals() if one.accepted}
    for partner in partners:
        found += _look_at(project, partner, seen, now)
    make_receipts.write_receipts(project, now)
    return found


def _too_many(project: Project, partner: str, error: LsiError, now: datetime) -> LsiError:
    """That no more are taken in; logged once a day while it lasts."""
    said = project.view().too_many.get(partner)
    if said is None or now - said >= timedelta(days=1):
        project.record(DropArrivalRefused(partner=partner, **why(error)), now)
    return error


def _look_at(project: Project, partner: str, seen: Collection[str], now: datetime) -> Iterator[IncomingDrop]:
    """Look at every drop of a partner that was taken in, but for those that were `seen` before, by digest."""
    here = inbox.received(project, partner)
    files = sorted(here.glob(f"*{DROP_SUFFIX}"))
    old = [file for file in files if (data := _read(file)) and digest_of_bytes(data) in seen]
    for file in files:
        if file not in old:
            yield _check(project, partner, file, old, now)
            old += [file] if file.exists() else []
    for file in sorted(inbox.again(project, partner).glob(f"*{DROP_SUFFIX}")):
        first = here / file.name
        if _read(file) == _read(first):
            file.unlink()
            yield IncomingDrop(partner, shown_name(file), "known")
        else:  # other bytes under the same name: the first one counts
            yield _check(project, partner, file, [first], now)


def _clear_orphans(project: Project, there: Endpoint, lying: Collection[str]) -> None:
    """Remove the parts, whole or half, that no descriptor came for before their round was over."""
    for name in lying:
        words = name.lstrip(".").split(".")
        ours = len(words) > 2 and words[0] == project.id and ".part-" in name
        if ours and project.round_folder(words[1]).exists() and not project.takes_drops(words[1]):
            there.remove(IN, name)


def _papers(
    project: Project, partner: str, there: Endpoint, lying: Collection[str], now: datetime
) -> Iterator[DeliveryError]:
    """Take in what a partner signed; what does not hold is told, and taken away as well. What cannot be judged now is told
    and stays."""
    papers = [name for name in sorted(lying) if inbound.is_paper(name) and _ours(project, name)]
    for name in papers[:AT_ONCE]:
        data = there.read(IN, name, inbound.largest(project, name))
        try:
            inbound.ingest(project, name, data, now, partner)
        except (RefusedError, RoundUnknownError) as error:
            yield DeliveryError(partner, error)
            if len(list((project.folder / "quarantine" / partner).glob(f"{_PAPER}.*"))) < MOST_REFUSED:
                token = digest_of_bytes(name.encode() + data)[-8:]
                tell_refused(project, partner, f"{_PAPER}.{token}", error, now, of=name)
        except inbox.PapersTooManyError as error:  # and so would be the next
            yield DeliveryError(partner, _too_many(project, partner, error, now))
            return
        except (LsiError, OSError) as error:
            yield DeliveryError(partner, UnexpectedError.of(error))
            continue
        there.remove(IN, name)


def _descriptors(project: Project, there: Endpoint) -> list[str]:
    names = [name for name in there.listing(IN) if name.endswith(DROP_SUFFIX) and _ours(project, name)]
    return sorted(names)


def _read(file: Path) -> bytes | None:
    """What a descriptor holds; None for what is none, and is refused for it."""
    try:
        return read_bytes(file, MAX_DESCRIPTOR)
    except LsiError:
        return None


def _take(project: Project, partner: str, there: Endpoint, file: str, now: datetime) -> IncomingDrop | None:
    """Fetch one drop; None when that is done, and else what became of it."""
    before = there.listing(IN)
    data = there.read(IN, file, MAX_DESCRIPTOR)
    # The names of the parts are made here, not read: nobody outside says under which name something is written.
    try:
        descriptor = _descriptor(project, partner, file, data)
        parts = [part_name(descriptor.stem, number) for number in range(len(descriptor.parts))]
        if _too_large(project, partner, [before[part].size for part in parts if part in before]):
            parts = []
    except LsiError:
        parts = []  # brought in alone, and then refused
    here = inbox.received(project, partner)
    if _known(project, partner, data):
        _clear(there, [file, *parts])
        return IncomingDrop(partner, file, "known")
    if (here / file).exists():
        write_whole(inbox.again(project, partner) / file, data, replace=True)
        _clear(there, [file, *parts])
        return None
    if not before.keys() >= set(parts):
        return IncomingDrop(partner, file, "waiting")
    for part in parts:
        there.fetch(IN, part, here / part, before[part].size)
    after = there.listing(IN)
    if any(before.get(name) != after.get(name) for name in (file, *parts)):
        for part in parts:
            (here / part).unlink(missing_ok=True)
        return IncomingDrop(partner, file, "waiting")
    write_whole(here / file, data, replace=True)
    _clear(there, [file, *parts])
    return None


def _descriptor(project: Project, partner: str, file: str, data: bytes) -> DropDescriptor:
    """What a drop says of itself; raises where its signature or its name does not hold."""
    key = project.manifest().controllers[partner].signing_key
    descriptor = verify(data, DropDescriptor, key, what=file, party=partner)
    if file != f"{descriptor.stem}{DROP_SUFFIX}":
        raise DropRefusedError("DropNameError", partner=partner, file=file)
    return descriptor


def _known(project: Project, partner: str, data: bytes) -> bool:
    """Whether these very bytes came in before: they wait here, or were accepted or refused. What was refused may be destroyed
    while the place still holds it."""
    digest, waiting = digest_of_bytes(data), inbox.received(project, partner).glob(f"*{DROP_SUFFIX}")
    return (
        project.has(digest)
        or any(one.drop == digest for one in project.view().all_arrivals())
        or any(_read(file) == data for file in waiting)
    )


def _too_large(project: Project, partner: str, sizes: list[int]) -> bool:
    """Whether the parts of a drop take more than all records that this partner may deliver: they would fill the disk."""
    manifest = project.manifest()
    if partner not in manifest.partners:
        return True
    rows = sum(selection.volume.at_most for selection in manifest.partners[partner].selections)
    return sum(sizes) > largest_bytes(manifest, partner, len(sizes), rows)


def _check(project: Project, partner: str, file: Path, earlier: list[Path], now: datetime) -> IncomingDrop:
    """Judge a drop that is new, so that its partner hears at once what is wrong with it, and the run need not do it again."""
    round_id: str | None = None
    digest: str | None = None
    try:
        data = read_bytes(file, MAX_DESCRIPTOR)
        digest = digest_of_bytes(data)
        descriptor = _descriptor(project, partner, file.name, data)
        if not project.takes_drops(descriptor.round):
            raise DropRefusedError("OtherRoundError", partner=partner, file=file.name)
        round_id = descriptor.round
        if any(one.name.startswith(f"{project.id}.{round_id}.") for one in earlier):
            raise DropRefusedError("DropDuplicateError", partner=partner, file=file.name)
        _judge(project, file, partner, round_of(project, project.manifest(), round_id), now)
    except LsiError as error:
        refused = under_name(error, file)
        project.record(DropArrivalRefused(round=round_id, partner=partner, drop=digest, **why(refused)), now)
        quarantine(project, round_id or _NO_ROUND, file, partner, error, at=now)
        return IncomingDrop(partner, shown_name(file), "refused")
    event = DropArrived(round=round_id, partner=partner, drop=digest, program=descriptor.program)
    project.record(event, now)
    return IncomingDrop(partner, file.name, "taken")


def _judge(project: Project, file: Path, partner: str, round_: Round, now: datetime) -> None:
    """As `judge_drop`; a drop on which the program stumbles is refused as well, or it would hold up everybody at every look."""
    try:
        judge_drop(project, file, partner, round_, now)
    except (LsiError, OSError, MemoryError):
        raise
    except Exception as error:
        raise UnexpectedError.of(error) from None


def _clear(there: Endpoint, names: list[str]) -> None:
    """Remove a drop at its place, the descriptor first: what is left over is then no drop."""
    for name in names:
        there.remove(IN, name)


def check_not_behind(project: Project, now: datetime) -> None:
    """That no place holds a newer state of the log than lies here, which this site signed: then an older one was put back,
    and whatever would be signed now would contradict what others have.

    Raises:
        LogBehindError: from now on nothing is signed until the site is put back as it should (`matcher.operate.restore`).
    """
    size = project.view().size
    for settings in _places(project)[0].values():
        with suppress(LsiError), open_endpoint(settings) as there:  # that it is away is told when it is used
            for name in there.listing(OUT):
                if _entries_in(project, name) > size:
                    for note in notes_at(project, there, name):
                        report_fork(project, note.encode(), "matcher", now)
    if project.behind_file.exists():
        raise LsiError("LogBehindError", project=project.id)


def _entries_in(project: Project, name: str) -> int:
    """Up to which entry of this log a part, tail or copy goes that a file at a place is called after; 0 where it is none."""
    words = name.removeprefix(f"{project.id}.").split(".", 1)
    ours = len(words) == 2 and f".{words[1]}" in (LOG_SUFFIX, PART_SUFFIX, TAIL_SUFFIX)
    end = words[0].rpartition("-")[2]
    return int(end) if ours and end.isdecimal() else 0


def notes_at(project: Project, there: Endpoint, name: str) -> list[str]:
    """The newest signed notes in a part, tail or copy at a place."""
    beside = private_folder(project.folder / "checkpoint") / ".newer.tmp"
    try:
        there.fetch(OUT, name, beside, there.listing(OUT)[name].size)
        if name.endswith((PART_SUFFIX, TAIL_SUFFIX)):
            return read_tail(read_bytes(beside)).notes[-1:]
        with Log.open(beside, read_only=True) as log:
            return [note for note in [log.checkpoint()] if note is not None]
    finally:
        beside.unlink(missing_ok=True)


def publish(project: Project, now: datetime) -> list[DeliveryError]:
    """Put at every place what its partner has to have, and remove what it should not find any more."""
    places, troubles = _places(project)
    put_round_proofs(project)
    for_all = dict(_for_all(project, now)) if places else {}
    try:
        told = notices.write(project, places, now) if places else {}
    except LsiError as error:  # the alarm `opening` is on
        told = {}
        troubles.append(DeliveryError("matcher", error))
    for partner, settings in places.items():
        try:
            with open_endpoint(settings) as there:
                own = dict(_for(project, partner, now)) | told.get(partner, {})
                _publish(project, partner, there, for_all | own)
        except LsiError as error:
            troubles.append(DeliveryError(partner, error))
    return troubles


def exchange(project: Project, now: datetime) -> list[DeliveryError]:
    """Of a project that has no manifest yet: take in at every place what is for all the others, and pass it on."""
    places, troubles = _places(project)
    shared_files.show_own_keys(project)
    for takes_in in (True, False):
        for partner, settings in places.items():
            try:
                with open_endpoint(settings) as there:
                    if takes_in:
                        troubles += _papers(project, partner, there, there.listing(IN), now)
                    else:
                        for_all = {file.name: file for file in shared_files.lying(project)}
                        _publish(project, partner, there, for_all)
            except LsiError as error:
                troubles.append(DeliveryError(partner, error))
    return troubles


def _publish(project: Project, partner: str, there: Endpoint, outgoing: dict[str, Path]) -> None:
    lying = there.listing(OUT, half=True)
    tally, given = SyncState.of(project.folder / "published" / f"{partner}.json"), []
    gone = [name for name in lying.keys() - outgoing.keys() if _ours(project, name)]
    for name in gone:
        if name.startswith("."):  # half a file, of a stop
            there.remove(OUT, name)
    # What others rest on first: proofs before what they are of, the descriptor of a release last.
    for name, file in sorted(outgoing.items(), key=lambda item: item[0].endswith(".json")):
        if not tally.is_synced(name, file, lying.get(name)):
            there.give(OUT, name, file)
            given.append(name)
    for name in gone:  # last, so that at any time the parts of a whole log lie there
        if not name.startswith("."):
            there.remove(OUT, name)
    if given:
        after = there.listing(OUT)
        for name in given:
            if name in after:
                tally.note(name, outgoing[name], after[name])
    tally.keep(outgoing)
    tally.save()


def _ours(project: Project, name: str) -> bool:
    """Whether a file at a place is of this project, and not of another that uses the same place."""
    first = name.lstrip(".").partition(".")[0]
    return first == project.id or all(first != other.id for other in project.site.projects())


def _for_all(project: Project, now: datetime) -> Iterator[tuple[str, Path]]:
    """Name at the place → file here, for every partner: openings of rounds that still take drops, reports of rounds
    that are held, the log to co-sign, and who asked about people too often."""
    for one in project.view().live.values():
        if one.over or not project.takes_drops(one.name):
            continue
        stem, opening = f"{project.id}.{one.name}", project.round_folder(one.name) / "opening.json"
        yield f"{stem}.opening.json", opening
        yield f"{stem}.opening{SUFFIX}", proof_file(opening)
        if one.together.named is not None:
            yield f"{stem}.evaluators{SUFFIX}", project.round_folder(one.name) / f"evaluators{SUFFIX}"
        if one.state == "held" and one.counts and one.counts.findings and one.counts.table:
            yield f"{stem}.report.json", project.kept_file(one.counts.findings)
            yield f"{stem}.report{SUFFIX}", project.round_folder(one.name) / f"report{SUFFIX}"
            yield f"{stem}.counts.json", project.kept_file(one.counts.table)
    if (tail := export_tail(project)) is not None:
        yield tail.name, tail
    for file in parts(project):
        yield file.name, file
    for file in (
        *take_cosignatures.folder_of(project).glob(f"*{COSIGNED_SUFFIX}"),
        *shared_files.lying(project),
    ):
        yield file.name, file
    for name, at in project.view().asked_too_often.items():
        if now - at < WARNED_FOR and (file := warning_file(project, name)).exists():
            yield f"{project.id}.access-{name}.reminder.json", file


def _for(project: Project, partner: str, now: datetime) -> Iterator[tuple[str, Path]]:
    """Name at the place → file here, for one partner: reminders, reasons of refusals, receipts, releases, access answers."""
    for file in inbound.answers_for(project, partner, now):
        yield file.name, file
    yield from look_ups.for_partner(project, partner, now)
    manifest = project.manifest()
    for one in project.view().live.values():
        if not one.over and project.takes_drops(one.name):
            yield from evaluating.for_partner(project, one, partner)
            for file in office.files_for(project, manifest, one, partner):
                yield file.name, file
        file = project.round_folder(one.name) / "reminders" / f"{partner}.json"
        if one.over or not project.takes_drops(one.name) or not file.exists():
            continue
        ours = f"{project.id}.{one.name}."
        if not any(name.startswith(ours) for name in inbox.delivered(project, partner)):
            yield f"{project.id}.{one.name}.reminder.json", file
    for file in sorted((project.folder / "quarantine" / partner).glob(f"*/{REASON}")):
        yield f"{project.id}.{file.parent.name}.refused.json", file
    for folder in (make_receipts.folder_of(project), project.folder / "releases"):
        for file in sorted((folder / partner).glob("[!.]*")):
            if file.is_file():
                yield file.name, file
