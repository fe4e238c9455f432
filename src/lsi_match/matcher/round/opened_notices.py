"""Taking in what partners say they opened: an entry of the log for each opening of a release, once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.clock import CLOCK_SKEW
from lsi_match.base.errors import RefusedError
from lsi_match.crypto.signing import peek, verify
from lsi_match.log import events
from lsi_match.matcher.site.site import Project
from lsi_match.protocol.documents import ReleaseOpened


class OpeningRefusedError(RefusedError): ...


def ingest_opened_notices(
    project: Project, papers: Mapping[str, bytes], now: datetime, only: str | None = None
) -> list[str]:
    """Log every notice that is new; whose they were. All or none of them is taken.

    Args:
        only: from whose place they came, which can only tell of itself.

    Raises:
        OpeningRefusedError: another project, a release that was never made for this partner, or a time that cannot be.
        SignatureMissingError, SignedDocumentInvalidError: not signed by the partner it names.
    """
    manifest, view = project.manifest(), project.view()
    new: list[tuple[ReleaseOpened, bytes]] = []
    for data in papers.values():
        partner = peek(data, ReleaseOpened, what="opened", party="?").partner
        if partner not in manifest.controllers or only not in (None, partner):
            raise OpeningRefusedError.because("matcher.round.not_the_sender", partner="?")
        key = manifest.controllers[partner].signing_key
        paper = verify(data, ReleaseOpened, key, what="opened", party=partner)
        round_ = view.round(paper.round)
        made = round_.release.to.get(partner) if round_ and round_.release else None
        if round_ is None or paper.project != project.id or paper.release != made:
            raise OpeningRefusedError.because("matcher.round.no_such_release", partner=partner)
        if paper.at > now + CLOCK_SKEW:
            raise OpeningRefusedError.because("matcher.round.notice_of_future", partner=partner)
        if digest_of_bytes(data) not in round_.notices:
            new.append((paper, data))
    with project.writer() as log:
        for paper, data in new:
            event = events.ReleaseOpened(
                round=paper.round,
                partner=paper.partner,
                release=paper.release,
                opened=project.keep(data),
                opened_at=paper.at,
            )
            log.record(event, now, manifest=manifest.digest, parent=paper.span_id, of=paper.partner)
    return sorted({paper.partner for paper, _ in new})
