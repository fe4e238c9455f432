"""The pages of a steward, and those that everybody has: one project, its agreement, log, rounds and account."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

from starlette.responses import Response

from lsi_match.agreement.gates import Evidence, evaluate
from lsi_match.agreement.trust_root_rules import Trust
from lsi_match.base.files import read_bytes
from lsi_match.desk.page import Page, Pages, Visit
from lsi_match.desk.verified import VerifiedLog, newest_entries
from lsi_match.desk.work import ProjectWork
from lsi_match.log.log_proof import prove
from lsi_match.log.store import Log as Store
from lsi_match.partner.check import check
from lsi_match.partner.deliver import synchronise
from lsi_match.partner.extract.column_mapping import read_mapping
from lsi_match.partner.extract.propose import propose
from lsi_match.partner.work_settings import extracts_in, keep_mapping
from lsi_match.protocol.documents import SelectionCounts
from lsi_match.reports.log_report import Evidence as LogEvidence
from lsi_match.reports.log_report import account, judged_again
from lsi_match.reports.manifest_page import explained
from lsi_match.tables.source import Asked

#: Entries on one page of the log.
AT_ONCE = 50
#: Earlier rounds that counts are shown beside.
EARLIER = 5
#: A page waits for a log of at most so many bytes (about a thousand entries) to be verified, for so many seconds. Of a longer one
#: it shows the newest entries at once, and says that they were not verified yet.
_SHORT, _PATIENCE = 2**20, 1.0


def _overview(visit: Visit, work: ProjectWork) -> Response:
    manifest = work.shown_manifest
    log = visit.desk.verifier.of(work) if manifest else None
    return visit.page(
        "project.html", work.title, manifest=manifest, tasks=[(work, one) for one in work.tasks()],
        rounds=work.rounds if manifest else [], log=log.result() if log and log.done() and not log.exception() else None,
    )  # fmt: skip


def _agreement(visit: Visit, work: ProjectWork) -> Response:
    manifest = work.unchecked_manifest
    trust: Trust = work.home.trust(work.id, work.now)
    gates = evaluate(manifest, Evidence(work.papers, work.now, trust))
    text = explained(manifest, visit.lang, digest=manifest.digest).fragment
    title = visit.text("agreement_title", project=manifest.project.title)
    return visit.page("agreement.html", title, manifest=manifest, gates=gates, text=text)


def _log(visit: Visit, work: ProjectWork, log: VerifiedLog, title: str) -> Response:
    size = log.found.size
    last_page = max(0, (size - 1) // AT_ONCE * AT_ONCE)
    first = min(visit.number("from", last_page), last_page)
    return visit.page(
        "log.html", title, log=log, first=first, at_once=AT_ONCE, last_page=last_page,
        entries=log.entries(first, AT_ONCE), judged=judged_again(log.found.judged, visit.lang),
    )  # fmt: skip


def _entry(visit: Visit, work: ProjectWork, log: VerifiedLog, title: str) -> Response:
    position = visit.request.path_params["position"]
    found = log.entries(position, 1) if position < log.found.size else []
    if not found or found[0].position != position:
        return visit.nowhere()
    with Store.open(log.file, read_only=True) as store:
        proof = prove(store, position) if log.found.ok else None
    return visit.page("entry.html", title, log=log, one=found[0], proof=proof)


def _round(visit: Visit, work: ProjectWork, log: VerifiedLog, title: str) -> Response:
    found = next((one for one in log.rounds if one.name == visit.request.path_params["round"]), None)
    if found is None:
        return visit.nowhere()
    entries = log.of_round(found.name)
    return visit.page("round.html", title, log=log, one=found, entries=entries)


def _rounds(visit: Visit, work: ProjectWork, log: VerifiedLog, title: str) -> Response:
    running = next((one for one in work.proposals if one.runs), None)
    return visit.page(
        "rounds.html", title, log=log, running=running, partners=list(work.unchecked_manifest.partners),
    )  # fmt: skip


def _account(visit: Visit, work: ProjectWork, log: VerifiedLog, title: str) -> Response:
    with Store.open(log.file, read_only=True) as store:
        origin = store.origin
    manifest = read_bytes(work.home.project(work.id) / "manifest.json")
    entries = log.entries(0, log.found.size)
    evidence = LogEvidence(origin, entries, log.found, None, work.now, papers=log.papers, manifest=manifest)
    return visit.page("text.html", title, text=account(evidence, visit.lang).fragment)


def _check(visit: Visit, work: ProjectWork, proposed: str = "") -> Response:
    settings = work.settings
    if settings is None or settings.mapping is None or settings.extracts is None:
        files = extracts_in(settings) if settings else []
        selections = work.unchecked_manifest.partners[work.home.name].selections if work.joined else ()
        return visit.page(
            "mapping.html", settings=settings, files=files, proposed=proposed, selections=selections,
        )  # fmt: skip
    day = next((one.opening.reference_date for one in work.rounds), work.now.date())
    name, manifest = work.home.name, work.unchecked_manifest
    found = check(name, manifest, read_mapping(settings.mapping), settings.extracts, day, work.home)
    kept = [(one.round, one.selections) for one in work.home.kept_drops(work.id)]
    earlier = dict(kept[-EARLIER:][::-1])
    log = _patiently(visit, work)
    sound = log if log and log.found.ok else None
    rounds = [one for one in sound.rounds if one.drops][:EARLIER] if sound else []
    others: dict[tuple[str, str], dict[str, SelectionCounts]] = {}
    for one, partner in product(rounds, manifest.partners.keys() - {name}):
        for selection, counts in sound.delivered(one, partner).items() if sound else ():
            others.setdefault((partner, selection), {})[one.name] = counts
    return visit.page(
        "check.html", found=found, manifest=manifest, rounds=rounds, others=dict(sorted(others.items())),
        earlier={one.selection: {round_: of[one.selection] for round_, of in earlier.items() if one.selection in of} for one in found},
    )  # fmt: skip


def _map(visit: Visit, work: ProjectWork) -> Response:
    """Propose a mapping for one selection, from its extract; or keep what was made of it."""
    form, settings, name = visit.form, work.settings, work.home.name
    if settings is None or not work.joined or name not in work.unchecked_manifest.partners:
        return visit.nowhere()
    chosen = next((one for one in extracts_in(settings) if one.name == form.get("extract")), None)
    selections = {one.id: one for one in work.unchecked_manifest.partners[name].selections}
    if form.get("what") == "propose" and chosen is not None and form.get("selection") in selections:
        return _check(visit, work, propose(chosen, selections[form["selection"]], Asked()))
    if form.get("what") == "keep":
        keep_mapping(work.home, work.id, settings, form.get("mapping", "").replace("\r\n", "\n").encode())
        return visit.then(_check, "kept")
    return visit.nowhere()


def _delivering(visit: Visit, work: ProjectWork) -> Response:
    rounds = work.rounds if work.settings and work.joined else []
    return visit.page("deliver.html", rounds=rounds, settings=work.settings)


def _deliver(visit: Visit, work: ProjectWork) -> Response:
    desk = visit.desk
    if work.settings is not None:
        visit.done = synchronise(
            work.home, work.id, work.settings, work.now, visit.lang, judging=desk.judging
        )
    return _delivering(visit, work)


def _over_log(title: str, page: Callable[..., Response]) -> Page:
    """A page over the verified log, by the text that is its title; instead of it one that says that there is no log, or that it is
    being verified, with the newest entries."""

    def shown(visit: Visit, work: ProjectWork) -> Response:
        log, said, copy = (
            _patiently(visit, work),
            visit.text(title, **visit.request.path_params),
            work.log_copy,
        )
        if log is not None:
            return page(visit, work, log, said)
        entries = newest_entries(copy[0], AT_ONCE) if copy else []
        return visit.page("log_waits.html", said, entries=entries)

    return shown


def _patiently(visit: Visit, work: ProjectWork) -> VerifiedLog | None:
    """The log where it was verified, or is soon; None otherwise."""
    found, copy = visit.desk.verifier.of(work), work.log_copy
    try:
        return found.result(_PATIENCE if copy and copy[0].stat().st_size <= _SHORT else 0) if found else None
    except TimeoutError:
        return None


PAGES: Pages = (
    ("", False, _overview),
    ("agreement", False, _agreement),
    ("log", False, _over_log("log_title", _log)),
    ("log/{position:int}", False, _over_log("entry_title", _entry)),
    ("rounds/{round}", False, _over_log("round_title", _round)),
    ("account", False, _over_log("account_title", _account)),
    ("rounds", False, _over_log("rounds_title", _rounds)),
    ("check", False, _check),
    ("check", True, _map),
    ("deliver", False, _delivering),
    ("deliver", True, _deliver),
)
