"""Opening a release: the own records that are in a case, by own record id."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.base.files import read_bytes
from lsi_match.base.version import VERSION
from lsi_match.crypto.sealing import unseal
from lsi_match.crypto.signing import verify
from lsi_match.log.events import Released
from lsi_match.log.log_proof import proof_file
from lsi_match.log.remembered import require_stated
from lsi_match.manifest import NO_VALUE, Manifest
from lsi_match.partner.home import Home
from lsi_match.partner.references import resolve
from lsi_match.partner.release.opened_notice import record_opening
from lsi_match.partner.release.tables import read_release, shown_attributes, with_values
from lsi_match.partner.select import RECORD_ID
from lsi_match.protocol.columns import CASE, REFERENCE, SELECTION, attribute_column, release_columns
from lsi_match.protocol.documents import ReleaseDescriptor
from lsi_match.protocol.tables import schema_of
from lsi_match.protocol.trust_root import MATCHER, Role

#: The form of release that this version reads.
PRESENT_RELEASE = ReleaseDescriptor.model_fields["format"].default


def open_release(
    home: Home, file: Path, project: str, now: datetime
) -> tuple[ReleaseDescriptor, pl.DataFrame]:
    """The release described in `file`, as a table by own record id.

    Columns: `case_id` (text), `selection`, `record_id`, then what the manifest lets this partner see of the others.
    A partner without a case gets a table without rows. That it was opened is recorded first (`partner.release.opened_notice`).

    Raises:
        LsiError: not signed by the matcher, not for this partner, expired, altered, damaged, or not in the log.
    """
    manifest = home.agreed_manifest(project, now)
    root = home.trust(project, now).current
    keys = root.organisations[MATCHER].keys_for(Role.MATCH)
    data = read_bytes(file)
    descriptor = verify(data, ReleaseDescriptor, keys, what="release", party=MATCHER)
    if descriptor.partner != home.name:
        raise LsiError("ReleaseNotOursError", file=file.name, recipient=descriptor.partner, partner=home.name)
    if descriptor.manifest != manifest.digest or descriptor.project != project:
        raise LsiError("ReleaseAlteredError", file=file.name)
    if descriptor.format != PRESENT_RELEASE:
        raise LsiError("OtherVersionError", what="release", found=descriptor.format, program=VERSION)
    if now >= descriptor.expires_at:
        raise LsiError("ReleaseExpiredError", file=file.name, until=descriptor.expires_at.date().isoformat())
    digest = digest_of_bytes(data)
    _check_recorded(home, file, digest, descriptor, now)
    record_opening(home, descriptor, digest, now)
    return descriptor, _table(home, file, manifest, descriptor)


def _check_recorded(
    home: Home, file: Path, digest: str, descriptor: ReleaseDescriptor, now: datetime
) -> None:
    """That the log has the release whose descriptor has this `digest`; raises as `Home.recorded` does."""
    proof = proof_file(file)
    recorded = home.recorded(proof, descriptor.project, now, cosigned=True)
    releases = recorded.event.releases if isinstance(recorded.event, Released) else {}
    stated = {
        "step": (type(recorded.event), Released),
        "round": (recorded.round, descriptor.round),
        "manifest": (recorded.manifest, descriptor.manifest),
        "release": (releases.get(descriptor.partner), digest),
    }
    require_stated(proof.name, stated)


def _table(home: Home, file: Path, manifest: Manifest, descriptor: ReleaseDescriptor) -> pl.DataFrame:
    columns = release_columns(manifest, home.name)
    if not descriptor.parts or descriptor.drop is None:
        frame = pl.DataFrame(pl.from_arrow(schema_of(columns).empty_table()))
        return _by_record_id(with_values(manifest, home.name, frame, {}), [], [])
    part = descriptor.parts[0]
    sealed = read_bytes(file.parent / part.file)
    if digest_of_bytes(sealed) != part.digest:
        raise LsiError("ReleaseAlteredError", file=part.file)
    opened = unseal(sealed, home.identity().encryption, what="release", party=home.name)
    frame, attributes = read_release(opened, manifest, descriptor, home)
    selections = [selection.id for selection in manifest.partners[home.name].selections]
    check_listed(manifest, home.name, file.name, frame, attributes)
    keep = home.references(manifest.project.id, descriptor.round, descriptor.drop)
    try:
        record_ids = resolve(frame.get_column(REFERENCE).to_list(), keep)
    except (ValueError, UnicodeDecodeError):
        raise LsiError("ReferenceUnknownError", file=file.name) from None
    own = [selections[i] for i in frame.get_column(SELECTION).to_list()]
    return _by_record_id(with_values(manifest, home.name, frame, attributes), own, record_ids)


def check_listed(
    manifest: Manifest, partner: str, file: str, frame: pl.DataFrame, attributes: dict[str, pl.DataFrame]
) -> None:
    """Hold every value of a release against the manifest, whoever wrote it; raises ReleaseUnlistedError.

    Args:
        attributes: per other partner its attributes, by position.
    """
    selections = len(manifest.partners[partner].selections)
    wrong = {SELECTION: int((frame.get_column(SELECTION) >= selections).sum())}
    for source, values in attributes.items():
        for one in shown_attributes(manifest, source):
            found = values.get_column(attribute_column(one.id))
            wrong[f"{source}.{one.id}"] = int(((found >= one.positions) & (found != NO_VALUE)).sum())
    for column, count in wrong.items():
        if count:
            raise LsiError("ReleaseUnlistedError", file=file, column=column, count=count)


def _by_record_id(frame: pl.DataFrame, selections: list[str], record_ids: list[str]) -> pl.DataFrame:
    first = [
        frame.get_column(CASE).bin.encode("hex"),
        pl.Series(SELECTION, selections, dtype=pl.String),
        pl.Series(RECORD_ID, record_ids, dtype=pl.String),
    ]
    rest = frame.drop(CASE, REFERENCE, SELECTION)
    return pl.DataFrame(first).hstack(rest.get_columns()).sort(CASE, SELECTION, RECORD_ID)
