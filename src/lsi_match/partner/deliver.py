"""Everything that changes hands for one project, at the partner: fetch, take in what others signed, co-sign the log, make a
drop for every round that is open, bring it and what else was made here, check receipts and what others co-signed.

It can be repeated at any time. A drop that was made and has no receipt yet is brought again, the same one; once it is
received its sealed files are removed here. A drop that was refused is not made again: somebody has to look at why.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import Language, LsiError, problem
from lsi_match.base.files import locked, private_folder, read_bytes
from lsi_match.crypto.signing import peek
from lsi_match.log.remembered import ConsistencyMissingError, ProofRefusedError, SplitViewError
from lsi_match.log.verify import LogGapError
from lsi_match.partner import transfer
from lsi_match.partner.access.request import forget_due, go_on
from lsi_match.partner.begin import Beginning
from lsi_match.partner.evaluating import Evaluating, destroy_due
from lsi_match.partner.exchange import Exchange
from lsi_match.partner.extract.column_mapping import ColumnMapping, read_mapping
from lsi_match.partner.home import Home
from lsi_match.partner.prepare import prepare
from lsi_match.partner.receipts import Receipt, ReceiptOfOthersError, check_receipt
from lsi_match.partner.release.opened_notice import unsent
from lsi_match.partner.witness import Judging, check_others, cosign_newest, standing_still
from lsi_match.partner.work_settings import WorkSettings
from lsi_match.protocol.documents import DropDescriptor, Opening
from lsi_match.protocol.place_files import COSIGNED_SUFFIX, LOG_SUFFIX, RECEIPT_SUFFIX
from lsi_match.transport.endpoints import EndpointSettings, PlaceUnreachableError


@dataclass(frozen=True)
class Delivered:
    """What was done: the rounds for which a drop was brought, the receipts that are here, and what the matching environment
    has to say; `problems` are rounds for which no drop could be made, and files that were not fetched or are no receipt or
    opening, with why. `others`: how many entries each other controller co-signed, None of whom nothing is seen. `came` are the
    names of what was fetched, `brought` of what else was made here and is at the place now; `joined` the manifests that this
    party takes part in from now on."""

    sent: tuple[str, ...]
    receipts: tuple[Receipt, ...]
    messages: tuple[str, ...]
    problems: tuple[tuple[str, LsiError], ...]
    others: dict[str, int | None] = field(default_factory=dict)
    came: tuple[str, ...] = ()
    brought: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()

    @property
    def refused(self) -> list[Receipt]:
        """The receipts that say that a drop was refused."""
        return [one for one in self.receipts if one.refused is not None]

    @property
    def failed(self) -> bool:
        """Whether somebody has to look."""
        return bool(self.refused or self.problems)


def synchronise(
    home: Home,
    project: str,
    work: WorkSettings,
    now: datetime,
    lang: Language = "nl",
    judging: Judging | None = None,
) -> Delivered:
    """`deliver`, as the settings of the work on a project say. Raises an LsiError where another process, or page, does so now."""
    mapping = read_mapping(work.mapping) if work.mapping else None
    settings = transfer.settings_in(work.place)
    busy = LsiError("ExchangeBusyError", project=project)
    with locked(private_folder(home.project(project)) / "exchange.lock", busy):
        return deliver(
            home, project, settings, mapping, work.extracts, work.folder, now, lang, judging=judging
        )


def foresee(home: Home, project: str, work: WorkSettings) -> tuple[list[str], list[str]]:
    """The names of what `synchronise` would fetch, and of what lies ready to be brought; nothing is done. Raises PlaceUnreachableError."""
    mail = work.folder / "in"
    exchange = Exchange(home, project, mail)
    ready = [
        file.name for file in (*exchange.unsent(), *unsent(home), *(work.folder / "out").glob("*.drop.json"))
    ]
    return transfer.foreseen(transfer.settings_in(work.place), mail), ready


def deliver(
    home: Home,
    project: str,
    settings: EndpointSettings,
    mapping: ColumnMapping | None,
    extracts: Path | None,
    folder: Path,
    now: datetime,
    lang: Language = "nl",
    judging: Judging | None = None,
) -> Delivered:
    """Everything that there is to fetch and to bring for a project; of a project that is not joined yet, what comes before.

    Args:
        mapping, extracts: what drops are made from; without them none is.
        folder: what is fetched goes to `in/` in it, drops on their way to `out/`, what was co-signed to `cosigned/`.
        judging: gives what judges the log again before it is co-signed (`log.judge`).

    Raises:
        PlaceUnreachableError: nothing was done, but that secrets past their date were destroyed.
        SplitViewError: the matching environment showed another log, here or to another controller; no drop was made.
    """
    mail, outgoing = folder / "in", folder / "out"
    exchange = Exchange(home, project, mail)
    destroy_due(exchange, now)  # also where the place cannot be reached, or shows another log
    forget_due(home, project, now)
    fetched, problems = transfer.fetch(settings, mail, lang), exchange.problems
    problems += fetched.problems
    joined = exchange.take_in(now)
    came = tuple(file.name for file in fetched.files)
    if not (home.project(project) / "manifest.json").exists():
        with problems.of(project):
            Beginning(exchange).go_on(now)
        brought = tuple(exchange.bring(settings))
        return Delivered((), (), fetched.messages, tuple(problems), {}, came, brought)
    with problems.of(LOG_SUFFIX.removeprefix("."), but=(SplitViewError, LogGapError, PlaceUnreachableError)):
        cosign_newest(home, project, folder, fetched.lying, settings, now, judging)
    told = _receipts(exchange, mail, now)
    others: dict[str, int | None] = {}
    with problems.of(COSIGNED_SUFFIX.removeprefix("."), ConsistencyMissingError, ProofRefusedError):
        others = check_others(home, project, mail, fetched.lying, now)
        problems += [(project, error) for error in standing_still(home, project, others, now)]
    answered = {one.drop for one in told}
    sent, waiting = [], list[str]()
    openings = [file for file in sorted(mail.glob(f"{project}.*.opening.json")) if file.name in fetched.lying]
    destroy_due(exchange, now, {file.name.split(".")[1] for file in openings})
    for round_id, opening in _open_rounds(exchange, openings, now):
        if any(one.round == round_id for one in told) or mapping is None or extracts is None:
            continue
        with problems.of(round_id, but=(SplitViewError,)):
            drops = sorted(outgoing.glob(f"{project}.{round_id}.{home.name}.*.drop.json"))
            if not drops:
                drop = _make(exchange, opening, mapping, extracts, outgoing, now)
                if drop is None:
                    waiting.append(problem("partner.together", round=round_id)[lang == "en"])
                    continue
                drops = [drop]
            transfer.send(home, drops[-1], settings)
            sent.append(round_id)
    with problems.of(project):  # what was asked about a person waits, and holds nothing else up
        go_on(exchange, fetched.lying, now)
    transfer.send(home, None, settings)  # what was opened since the last time
    brought = tuple(exchange.bring(settings))
    _clear(outgoing, answered)
    messages = (*fetched.messages, *waiting, *_ends(home, project, now, lang))
    return Delivered(
        tuple(sent), tuple(told), messages, tuple(problems), others, came, brought, tuple(joined)
    )  # fmt: skip


def _make(
    exchange: Exchange, opening: Path, mapping: ColumnMapping, extracts: Path, out: Path, now: datetime
) -> Path | None:
    """Make the drop for the round of an opening; None where partners evaluate together, and are not done with that."""
    home, project = exchange.home, exchange.project
    if not home.agreed_manifest(project, now).pseudonyms.together:
        return prepare(home, opening, mapping, extracts, out, project, now).file
    evaluating, shared = Evaluating.go_on(exchange, opening, mapping, extracts, now)
    if shared is None:
        return None
    made = prepare(home, opening, mapping, extracts, out, project, now, shared=shared)
    evaluating.forget()
    return made.file


def _ends(home: Home, project: str, now: datetime, lang: Language) -> list[str]:
    """What of the agreement ends soon, or ended. What cannot be read is told when something is delivered."""
    try:
        return [one.text(lang) for one in home.ends(project, now)]
    except LsiError:
        return []


def _receipts(exchange: Exchange, mail: Path, now: datetime) -> list[Receipt]:
    """The receipts that hold; what does not is told, and holds nothing up: anybody at the place can put it there."""
    found = []
    for file in sorted(mail.glob(f"{exchange.project}.*{RECEIPT_SUFFIX}")):
        with exchange.problems.of(
            file.name, ProofRefusedError, ConsistencyMissingError, ReceiptOfOthersError
        ):
            found.append(check_receipt(exchange.home, exchange.project, file, now))
    return sorted(found, key=lambda one: one.position)


def _open_rounds(exchange: Exchange, openings: list[Path], now: datetime) -> list[tuple[str, Path]]:
    """Rounds for which a drop can be brought, of `openings` that lie at the place: those of a round that is over lie there
    no more. Past the deadline only where the manifest waits for who is late. Signatures are checked when a drop is made.
    """
    home, project, found = exchange.home, exchange.project, []
    for file in openings:
        with exchange.problems.of(file.name):
            opening = peek(read_bytes(file), Opening, what=file.name, party="matcher")
            late = now >= opening.deadline
            if not late or home.agreed_manifest(project, now).schedule.when_late == "wait":
                found.append((opening.round, file))
    return found


def _clear(outgoing: Path, answered: set[str]) -> None:
    """Remove drops that the matching environment answered for."""
    for file in sorted(outgoing.glob("*.drop.json")):
        data = read_bytes(file)
        if digest_of_bytes(data) in answered:
            described = peek(data, DropDescriptor, what=file.name, party="self")
            for part in described.parts:
                (outgoing / part.file).unlink(missing_ok=True)
            file.unlink()
