"""A round that is held: why, until when, who has justified it, and what follows.

1. A report of the monitor with an alert holds the round: nothing is released, its drops and its key stay.
2. It is released when every controller justified exactly that report, and the log says so.
3. When a controller asks for a changed manifest instead, or the term of the manifest is over, it is destroyed.
4. A report that comes out otherwise the second time releases nothing: what was justified is not what is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from lsi_match.agreement.justifications import read_justifications
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.log.entry import LogEntry
from lsi_match.log.steps import Step
from lsi_match.manifest import Manifest
from lsi_match.matcher.site.site import Project
from lsi_match.protocol.documents import Justification


class RunHeldError(LsiError):
    nl = (
        "Ronde {round} is aangehouden: de monitor ziet een groep die te vaak voorkomt ({alerts}). Er is niets vrijgegeven. "
        "Lees het rapport ('monitor report') en rechtvaardig het met 'monitor justify', of vraag om een ander manifest. "
        "Nog niet van: {names}. Gebeurt dat niet vóór {until}, dan wordt alles vernietigd."
    )
    en = (
        "Round {round} is held: the monitor sees a group that occurs too often ({alerts}). Nothing was released. "
        "Read the report ('monitor report') and justify it with 'monitor justify', or ask for another manifest. "
        "Still missing: {names}. Unless that is done before {until}, everything is destroyed."
    )


class ReportChangedError(LsiError):
    nl = (
        "Ronde {round}: het rapport van de monitor is een ander dan waarop zij werd aangehouden. Er wordt niets vrijgegeven. "
        "Beëindig haar met 'match destroy' en open een nieuwe ronde."
    )
    en = (
        "Round {round}: the report of the monitor is another than the one it was held for. Nothing is released. "
        "End it with 'match destroy' and open a new round."
    )


class HoldExpiredError(LsiError):
    nl = "Ronde {round} is niet op tijd gerechtvaardigd (vóór {until}). Zij is vernietigd; er is niets vrijgegeven."
    en = "Round {round} was not justified in time (before {until}). It is destroyed; nothing was released."


class ManifestToChangeError(LsiError):
    nl = "Ronde {round}: {names} vraagt om een ander manifest. De ronde is vernietigd; er is niets vrijgegeven."
    en = "Round {round}: {names} asks for another manifest. The round is destroyed; nothing was released."


class RoundNotHeldError(LsiError):
    nl = "Ronde {round} is niet aangehouden; er is niets te rechtvaardigen."
    en = "Round {round} is not held; there is nothing to justify."


@dataclass(frozen=True)
class Hold:
    """`findings` is the digest of the report that a round is held for; `until` when its term ends."""

    findings: str
    until: datetime


def hold_of(entries: Iterable[LogEntry], round_id: str) -> Hold | None:
    """How a round was held first, as the log tells; None when it was not."""
    for entry in entries:
        if entry.name == Step.HOLD.value and entry.attributes.get("lsi.round") == round_id:
            until = datetime.fromtimestamp(int(str(entry.attributes["lsi.until"])), UTC)
            return Hold(str(entry.attributes["lsi.findings"]), until)
    return None


def justifications(
    project: Project,
    manifest: Manifest,
    entries: Iterable[LogEntry],
    round_id: str,
    hold: Hold,
    now: datetime,
) -> dict[str, Justification]:
    """Controller → its latest justification of the report that holds the round, of those that the log knows.

    Raises:
        LsiError: a paper is not here any more, or does not hold; see `agreement.justifications`.
    """
    logged = {
        value
        for entry in entries
        if entry.name == Step.JUSTIFY.value and entry.attributes.get("lsi.round") == round_id
        for name, value in entry.attributes.items()
        if name.startswith("lsi.paper.")
    }
    papers = [project.kept(digest) for digest in sorted(map(str, logged))]
    known = [data for data in papers if digest_of_bytes(data) in logged]
    said = read_justifications(manifest, round_id, hold.findings, known, now, project.trust(now))
    return {name: paper for name, (paper, _) in said.items()}


def ingest(
    project: Project, round_id: str, papers: Mapping[str, bytes], now: datetime
) -> dict[str, Justification]:
    """Take in justifications of a held round, all or none; everything that counts now.

    Raises:
        RoundNotHeldError: nothing to justify.
        JustificationInvalidError, SignatureMissingError, SignedDocumentInvalidError: see `agreement.justifications`.
    """
    manifest = project.manifest()
    opening, _ = project.opening(round_id)
    with project.journal() as journal:
        entries = journal.entries()
        hold = hold_of(entries, round_id)
        over = any(
            entry.name in (Step.RELEASE.value, Step.DESTROY.value)
            and entry.status == "Ok"
            and entry.attributes.get("lsi.round") == round_id
            for entry in entries
        )
        if hold is None or over:
            raise RoundNotHeldError(round=round_id)
        facts: dict[str, str | int] = {"round": round_id, "findings": hold.findings}
        said = read_justifications(
            manifest, round_id, hold.findings, papers.values(), now, project.trust(now)
        )
        for name, (paper, data) in said.items():
            facts |= {f"paper.{name}": project.keep(data), f"decision.{name}": paper.decision}
        journal.record(Step.JUSTIFY, now, manifest=manifest.digest, trace_id=opening.trace_id, facts=facts)
        entries = journal.entries()
    return justifications(project, manifest, entries, round_id, hold, now)


def overdue(project: Project, now: datetime) -> list[str]:
    """The rounds that are held past their term, to be destroyed unreleased (`operate.give_up`)."""
    with project.journal() as journal:
        entries = journal.entries()
    ended = {
        entry.attributes.get("lsi.round")
        for entry in entries
        if entry.name in (Step.RELEASE.value, Step.DESTROY.value) and entry.status == "Ok"
    }
    held = {str(e.attributes["lsi.round"]) for e in entries if e.name == Step.HOLD.value}
    found = ((name, hold_of(entries, name)) for name in sorted(held - ended))
    return [name for name, hold in found if hold is not None and now >= hold.until]
