"""Outcomes that partners report of a released round: counts per group, taken in, logged, and added to its table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime

from lsi_match.base.catalogue import word
from lsi_match.base.errors import RefusedError
from lsi_match.crypto.signing import peek, verify
from lsi_match.log.events import OutcomeTakenIn
from lsi_match.manifest import Monitor
from lsi_match.matcher.round.published import CASES
from lsi_match.matcher.site.site import Project
from lsi_match.monitor.table import CountsTable, Stage
from lsi_match.protocol.documents import DropDescriptor, OutcomeCounts, SampleCounts
from lsi_match.protocol.group_cells import cell_names, known_cells

KINDS = ("grounded", "not_grounded", "outcome_unknown")


class OutcomeRefusedError(RefusedError): ...


def ingest_outcomes(project: Project, round_id: str, papers: Mapping[str, bytes], now: datetime) -> list[str]:
    """Take in what partners counted of a released round, all or none; whose it was. Of a partner the latest counts.

    Raises:
        OutcomeRefusedError: another project, manifest, round or release, or counts that cannot be.
        SignatureMissingError, SignedDocumentInvalidError: not signed by the partner it names.
    """
    manifest = project.manifest()
    opening, _ = project.opening(round_id)
    round_ = project.view().round(round_id)
    released = round_.release if round_ else None
    found = {}
    for data in papers.values():
        partner = peek(data, OutcomeCounts, what="outcome", party="?").partner
        if partner not in manifest.partners:
            raise OutcomeRefusedError.because("matcher.round.no_partner", partner=partner)
        key = manifest.controllers[partner].signing_key
        paper = verify(data, OutcomeCounts, key, what="outcome", party=partner)
        about = (paper.project, paper.manifest, paper.round, paper.release)
        made = released.to.get(partner) if released else None
        if round_ is None or released is None or about != (project.id, opening.manifest, round_id, made):
            raise OutcomeRefusedError.because("matcher.round.other_release", partner=partner)
        read = 0
        if drop := round_.drops.get(partner):
            told = peek(project.kept(drop.drop), DropDescriptor, what="drop", party=partner)
            read = sum(one.read for one in told.selections.values())
        if paper.at > now or not _possible(paper, manifest.monitor, released.cases, read):
            raise OutcomeRefusedError.because("matcher.round.impossible", partner=partner)
        found[partner] = data
    with project.writer() as log:
        for partner, data in found.items():
            event = OutcomeTakenIn(round=round_id, partner=partner, outcome=project.keep(data))
            log.record(event, now, manifest=manifest.digest)
    return sorted(found)


def _possible(paper: OutcomeCounts, monitor: Monitor, cases: int, read: int) -> bool:
    """Every cell and no other, and together no more than all cases of the round; and a sample that can have been drawn."""
    sample, terms = paper.sample, monitor.sample
    if sample is None:
        return _of_cells(paper, monitor, cases)
    expected = sample.people / terms.one_in if terms else 0
    slack = 6 * math.sqrt(expected) + 6
    if terms is None or sample.people > read or not sample.drawn <= min(terms.at_most, expected + slack):
        return False
    if not sample.totals.keys() == sample.cases.keys() == {*KINDS}:
        return False
    if sum(sample.totals.values()) != sample.drawn or sum(sample.cases.values()) > cases:
        return False
    enough = sample.drawn >= min(terms.at_most, expected - slack)
    return enough and _of_cells(paper, monitor, cases) and _of_cells(sample, monitor, sample.drawn)


def _of_cells(paper: OutcomeCounts | SampleCounts, monitor: Monitor, most: int) -> bool:
    stages = (paper.grounded, paper.not_grounded, paper.outcome_unknown)
    cells = set(cell_names(monitor).values())
    shown = sum(count for stage in stages for count in stage.values() if count is not None)
    return all(stage.keys() == cells for stage in stages) and shown <= most


def outcomes_of(project: Project, round_id: str) -> dict[str, OutcomeCounts]:
    """Partner → its latest outcomes of a round, found through the log."""
    round_ = project.view().round(round_id)
    digests = round_.outcomes if round_ else {}
    keys = project.manifest().controllers
    return {
        name: verify(
            project.kept(digest), OutcomeCounts, keys[name].signing_key,
            what="outcome", party=name,
        )
        for name, digest in digests.items()
    }  # fmt: skip


def with_outcomes(table: CountsTable, paper: OutcomeCounts) -> CountsTable:
    """The table of a round with what came of the cases at one partner, and of who was drawn there. Pure."""
    told = {kind: getattr(paper, kind) for kind in KINDS}
    totals: dict[str, int] = {}
    if paper.sample:
        totals = paper.sample.cases | {f"sample_{kind}": n for kind, n in paper.sample.totals.items()}
    told |= {f"sample_{kind}": getattr(paper.sample, kind) for kind in KINDS if paper.sample}
    stages = [
        Stage.model_validate(
            {
                "id": f"{paper.partner}:{kind}",
                "label": f"{paper.partner}: {word('stage', kind, 'nl')}",
                "kind": kind,
                "counts": known_cells(counts),
                "total": totals.get(kind),
                "against": (CASES,) if kind in KINDS else (),
                "partner": paper.partner,
            }
        )
        for kind, counts in told.items()
    ]
    return table.model_copy(update={"stages": (*table.stages, *stages)})
