"""Another version of the program on a site: what there is to know before, and what has to be made anew after.

What a version changes in documents stands in docs/versions. A log, a manifest, papers and trust roots of before are read as
they are, for ever. What is not: rounds do not go on under a manifest of an earlier protocol, and sealed drops and releases
are read by the version that they were made with and by none later. Proofs are made anew from the log.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.clock import Clock
from lsi_match.base.errors import LsiError, problem
from lsi_match.base.files import read_bytes, write_whole
from lsi_match.base.version import VERSION, numbers
from lsi_match.crypto.keys import write_card
from lsi_match.crypto.signing import SignedDocumentInvalidError, peek
from lsi_match.log import follower
from lsi_match.log.log_proof import LogProof, proof_file
from lsi_match.log.note import Checkpoint
from lsi_match.manifest.whole import PRESENT
from lsi_match.matcher.operate.retention import abandon
from lsi_match.matcher.site import make_receipts
from lsi_match.matcher.site.proofs import proof_for, release_position
from lsi_match.matcher.site.site import Project, Site, json_document
from lsi_match.protocol.documents import DropDescriptor, ReleaseDescriptor
from lsi_match.protocol.trust_root import MATCHER

#: In the folder of a site: with which version it was upgraded last.
FILE = "version.json"
_PRESENT_RELEASE = ReleaseDescriptor.model_fields["format"].default
_PRESENT_DROP = DropDescriptor.model_fields["format"].default


class UpgradeRefusedError(LsiError): ...


@dataclass(frozen=True)
class Finding:
    """Something to know before an upgrade: of which project, what and which one, whether it has to be done first, and in
    words."""

    project: str
    what: str
    name: str
    first: bool
    nl: str
    en: str


def check(site: Site, now: datetime) -> list[Finding]:
    """What there is to know; nothing is changed."""
    found = list(_newer(site))
    for project in site.projects():
        try:
            found += _of_project(project, now)
        except LsiError as error:
            found.append(Finding(project.id, "unreadable", "-", True, error.text("nl"), error.text("en")))
    return found


def _newer(site: Site) -> Iterator[Finding]:
    file = site.folder / FILE
    if file.exists() and (before := _version(read_bytes(file))) > numbers(VERSION):
        newer = ".".join(map(str, before))
        told = problem("matcher.operate.older_program", newer=newer, this=VERSION)
        yield Finding("-", "older program", newer, True, *told)


def _version(data: bytes) -> tuple[int, ...]:
    try:
        return numbers(json.loads(data)["program"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return ()


def _of_project(project: Project, now: datetime) -> Iterator[Finding]:
    manifest, view = project.manifest(), project.view()
    older = manifest.format != PRESENT
    if older:
        told = problem("matcher.operate.older_manifest", found=manifest.format, present=PRESENT)
        yield Finding(project.id, "manifest", manifest.format, False, *told)
    for one in view.live.values():
        if older and not one.over:
            told = problem("matcher.operate.round_goes_on", round=one.name)
            yield Finding(project.id, "round", one.name, True, *told)
        elif one.held is not None:
            told = problem("matcher.operate.report_of_before", round=one.name)
            yield Finding(project.id, "held", one.name, False, *told)
    parties = {MATCHER: manifest.matcher, **manifest.controllers}
    if lacking := ", ".join(name for name, party in parties.items() if party.log_key is None):
        yield Finding(
            project.id, "log key", lacking, False, *problem("matcher.operate.no_log_key", names=lacking)
        )
    for partner, described in _old_releases(project):
        if not described.expires_at <= now:
            told = problem(
                "matcher.operate.release_unopened",
                name=partner,
                round=described.round,
                found=described.format,
            )
            yield Finding(project.id, "release", described.round, False, *told)
    for step in view.unknown:
        yield Finding(project.id, "step", step, True, *problem("matcher.operate.newer_step", step=step))


def _old_releases(project: Project) -> Iterator[tuple[str, ReleaseDescriptor]]:
    opened = {digest for one in project.view().live.values() for digest in one.openings}
    for file in sorted((project.folder / "releases").glob("*/*.release.json")):
        data = read_bytes(file)
        try:
            described = peek(data, ReleaseDescriptor, what=file.name, party="matcher")
        except SignedDocumentInvalidError:
            continue
        if described.format != _PRESENT_RELEASE and digest_of_bytes(data) not in opened:
            yield file.parent.name, described


def upgrade(site: Site, clock: Clock, *, end_rounds: bool = False) -> list[Finding]:
    """Make anew what this version makes in another way, and note which version did; what there was to know.

    Args:
        end_rounds: end the rounds that cannot go on: their keys and drops are destroyed.

    Raises:
        UpgradeRefusedError: something has to be done first; nothing was changed.
    """
    found = check(site, clock())
    first = [one for one in found if one.first and not (one.what == "round" and end_rounds)]
    if first:
        nl, en = (
            "; ".join(f"{one.project}: {one.nl}" for one in first),
            "; ".join(f"{one.project}: {one.en}" for one in first),
        )
        raise UpgradeRefusedError.saying(nl, en)
    if any(one.what == "log key" for one in found):
        write_card(site.identity(), site.folder / "keys")
    for project in site.projects():
        for one in found:
            if one.project == project.id and one.what == "round":
                abandon(project, one.name, clock)
        _anew(project)
    formats = {
        "manifest": PRESENT,
        "drop": _PRESENT_DROP,
        "release": _PRESENT_RELEASE,
        "log": "v1",
        "view": f"v{follower.VERSION}",
    }
    write_whole(site.folder / FILE, json_document({"program": VERSION, "formats": formats}), replace=True)
    return found


def _anew(project: Project) -> None:
    """Proofs that lie ready, and what is kept of the log beside it, as this version makes them."""
    for name in (follower.KEPT, follower.AWAY):
        (project.folder / name).unlink(missing_ok=True)
    for file in make_receipts.folder_of(project).glob("*/*"):
        file.unlink()  # made anew at the next look, of all that are current
    with project.reader() as opened:
        for descriptor in (project.folder / "releases").glob("*/*.release.json"):
            proof = proof_file(descriptor)
            round_ = opened.view.round(descriptor.name.removeprefix(f"{project.id}.").partition(".")[0])
            if proof.exists() and round_ is not None:
                # Under the same checkpoint: that is the one with the cosignatures that it was handed out for.
                size = Checkpoint.of_note(LogProof.parse(read_bytes(proof).decode()).checkpoint).size
                made = proof_for(project, opened.log, release_position(round_), size)
                write_whole(proof, made.text().encode(), replace=True)
