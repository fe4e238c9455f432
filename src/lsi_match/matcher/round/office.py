"""A statistics office that counts a round: what the matcher seals to it, and the table that its client brings back.

1. The matcher tells the office only which rows of drops are in a case: it knows no BSN, and no partner learns of it.
2. Until the table is there the report says that it is awaited, and holds the round (`RoundFindings.holds`). Every controller
   can justify that it is released without.
3. A round has one table. With it the report is made anew, and holds the round where it has an alert.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import RefusedError
from lsi_match.base.files import private_folder, write_whole
from lsi_match.crypto.sealing import seal
from lsi_match.crypto.signing import peek, sign, verify
from lsi_match.log.events import OfficeCounted
from lsi_match.log.log_proof import SUFFIX
from lsi_match.log.view import RoundView
from lsi_match.manifest import Manifest
from lsi_match.matcher.site.site import Project
from lsi_match.protocol.documents import DropDescriptor, OfficeCounts
from lsi_match.protocol.office import counted_selections, impossible, request_of, totals_of
from lsi_match.protocol.trust_root import MATCHER


class OfficeCountsRefusedError(RefusedError): ...


def folder_of(project: Project, round_id: str) -> Path:
    """Where what is sealed to the office waits for its client."""
    return project.round_folder(round_id) / "office"


def files_for(project: Project, manifest: Manifest, round_: RoundView, partner: str) -> Iterator[Path]:
    """What a partner has to bring to the office, while the round waits for its table."""
    office = manifest.monitor.office
    if office is not None and office.client == partner and round_.office is None:
        yield from sorted(folder_of(project, round_.name).glob("*.office.*"))


def seal_cases(
    project: Project, manifest: Manifest, round_id: str, cases: Iterable[tuple[str, bytes]], now: datetime
) -> None:
    """Seal to the office which rows of drops are in a case, for its client to bring.

    Args:
        cases: partner, and the reference of the row.
    """
    office, (_, opening) = manifest.monitor.office, project.opening(round_id, manifest)
    if office is None:
        return
    lines = [f"{partner};{reference.hex()}\n" for partner, reference in cases]
    sealed = seal("".join(["partner;row\n", *sorted(lines)]).encode(), office.encryption_key)
    asked = digest_of_bytes(opening)
    request = request_of(manifest, office, round_id, asked, MATCHER, sealed, len(lines), now)
    to = private_folder(folder_of(project, round_id))
    write_whole(to / request.sealed.file, sealed, replace=True)
    write_whole(to / request.file, sign(request, project.site.identity()), replace=True)


def counts_of(project: Project, manifest: Manifest, round_: RoundView) -> OfficeCounts | None:
    """The table of a round; None while it is awaited."""
    office = manifest.monitor.office
    if office is None or round_.office is None:
        return None
    return _signed(manifest, office.client, project.kept(round_.office))


def _signed(manifest: Manifest, client: str, data: bytes) -> OfficeCounts:
    key = manifest.controllers[client].signing_key
    return verify(data, OfficeCounts, key, what="office counts", party=client)


def ingest_counts(project: Project, data: bytes, now: datetime) -> str:
    """Take in the table of a statistics office; the round that it is of.

    Raises:
        OfficeCountsRefusedError: of another project, manifest or round, of one that does not wait for it, or numbers that
            cannot be.
        SignatureMissingError, SignedDocumentInvalidError: not signed by the client of the office.
    """
    manifest = project.manifest()
    office = manifest.monitor.office
    if office is None:
        raise OfficeCountsRefusedError.because("matcher.round.no_office")
    paper = _signed(manifest, office.client, data)
    with project.opened() as project, project.writer() as log:
        round_ = log.view.round(paper.round)
        if round_ is None or round_.held is None or round_.office is not None:
            raise OfficeCountsRefusedError.because("matcher.round.not_awaited")
        _, opening = project.opening(paper.round, manifest)
        about = (project.id, manifest.digest, digest_of_bytes(opening), office.client)
        if (paper.project, paper.manifest, paper.opening, paper.partner) != about or paper.at > now:
            raise OfficeCountsRefusedError.because("matcher.round.other_opening")
        drops = {
            name: peek(project.kept(one.drop), DropDescriptor, what="drop", party=name)
            for name, one in round_.drops.items()
        }
        sent = {
            f"{name}.{selection.id}": totals_of(selection, drops[name].selections[selection.id])
            for name, selection, _ in counted_selections(manifest)
            if name in drops
        }
        if problem := impossible(manifest, office, paper.tables, sent):
            raise OfficeCountsRefusedError(**problem)
        event = OfficeCounted(round=paper.round, partner=office.client, office=project.keep(data))
        log.record(event, now, manifest=manifest.digest)
        (project.round_folder(paper.round) / f"report{SUFFIX}").unlink(
            missing_ok=True
        )  # of the report before
    return paper.round
