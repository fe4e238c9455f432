"""People whom a partner did not select, drawn at random, so that hit rates can be compared with what is true.

Nobody chooses who is drawn: of each person it follows from the pseudonym of the number under the project key, which the
matching environment does not have, with the opening of the round, which no partner makes. So all partners draw the same people
without telling each other, and the same is drawn from the same extracts, whenever it is done. Nothing of it leaves the partner
but counts of outcomes (`partner.release.outcomes`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import SystemRandom

import numpy as np
import polars as pl

from lsi_match.agreement.gates import require
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.crypto.project_key import ProjectKey
from lsi_match.manifest import IdentifierSource, Manifest
from lsi_match.partner.extract.column_mapping import ColumnMapping
from lsi_match.partner.home import Home
from lsi_match.partner.normalise import normalise
from lsi_match.partner.opening import read_opening
from lsi_match.partner.release.open import open_release
from lsi_match.partner.select import REACHED, RECORD_ID, SelectionTask, reached
from lsi_match.protocol.columns import CASE, SELECTION
from lsi_match.protocol.documents import Opening
from lsi_match.protocol.office import counted_selections


@dataclass(frozen=True)
class Drawn:
    """Who was drawn of a partner.

    Attributes:
        people: how many it did not select, and so could be drawn.
        records: selection → ids of records, one of each person that was drawn.
    """

    people: int
    records: dict[str, list[str]]

    @property
    def frame(self) -> pl.DataFrame:
        """Its records as those of a release, each a case of its own under a name that no case has."""
        rows = [(f"drawn {name} {one}", name, one) for name, ids in self.records.items() for one in ids]
        return pl.DataFrame(rows, schema=dict.fromkeys((CASE, SELECTION, RECORD_ID), pl.String), orient="row")

    @property
    def size(self) -> int:
        return sum(map(len, self.records.values()))


def records_to_judge(
    home: Home,
    opening_file: Path,
    mapping: ColumnMapping,
    extracts: Path,
    project: str,
    now: datetime,
    cases: Path | None = None,
) -> list[str]:
    """The ids of the records of who was drawn, and of the own records in the cases of a release: in an order that tells nobody
    which is which, since who knows that somebody was only drawn judges otherwise.

    Raises:
        SampleNotAgreedError: the manifest has no sample, or no records of this partner for it.
        LsiError: a gate does not hold; or what is wrong with release, opening, mapping or extract.
    """
    manifest = home.agreed_manifest(project, now)
    opening, document = read_opening(home, opening_file, project, now)
    require(manifest, home.evidence(project, now, opening))
    drawn = draw_sample(home, manifest, opening, document, mapping, extracts)
    if drawn is None:
        raise LsiError("SampleNotAgreedError", partner=home.name)
    found = set(drawn.frame.get_column(RECORD_ID))
    if cases is not None:
        descriptor, frame = open_release(home, cases, project, now)
        if opening.round != descriptor.round:
            raise LsiError("OpeningOfOtherRoundError", partner=home.name)
        found |= set(frame.get_column(RECORD_ID))
    return SystemRandom().sample(sorted(found), len(found))


def draw_sample(
    home: Home, manifest: Manifest, opening: Opening, document: bytes, mapping: ColumnMapping, extracts: Path
) -> Drawn | None:
    """Draw from the extracts of a partner: of one in so many people none of whose records was selected, at most so many.
    None where that was not agreed, or the partner has nobody with a BSN.

    Args:
        document: the opening, as it was signed.

    Raises:
        LsiError: what is wrong with mapping or extract.
    """
    sample, key = manifest.monitor.sample, home.project_key(manifest)
    own = [(one, source) for name, one, source in counted_selections(manifest) if name == home.name]
    if sample is None or not own:
        return None
    salt, below = f"sample/{digest_of_bytes(document)}", np.uint64(2**64 // sample.one_in)
    every, chosen, drawn = [_NONE], [_NONE], dict[int, tuple[str, str]]()
    for selection, source in own:
        local, day = mapping.selections[selection.id], opening.reference_date
        task = SelectionTask(home.name, selection, local, extracts, manifest, day)
        for numbers, selected, ids in _pieces(task, source, key, salt):
            every.append(np.unique(numbers))
            chosen.append(np.unique(numbers[selected]))
            for at in np.flatnonzero(numbers < below).tolist():
                drawn.setdefault(int(numbers[at]), (selection.id, ids[at]))
    selected = np.concatenate(chosen)
    others = np.setdiff1d(np.concatenate(every), selected)
    records: dict[str, list[str]] = {one.id: [] for one, _ in own}
    # The smallest numbers are as random as the others.
    for number in sorted(drawn.keys() - set(selected.tolist()))[: sample.at_most]:
        name, record = drawn[number]
        records[name].append(record)
    return Drawn(len(others), records)


_NONE = np.zeros(0, np.uint64)


def _pieces(
    task: SelectionTask, source: IdentifierSource, key: ProjectKey, salt: str
) -> Iterator[tuple[np.ndarray, np.ndarray, pl.Series]]:
    """Of every record with a valid number, in pieces: the random number of its person, whether it was selected, and its id."""
    last = len(task.selection.criteria) + 1
    for table in reached(task, source):
        frame = pl.DataFrame(pl.from_arrow(table)).drop_nulls(RECORD_ID)
        values = normalise(frame, source).values
        frame, values = frame.filter(values.is_not_null()), values.drop_nulls()
        numbers = key.pseudonyms(values, salt, source.kind.value).data[:, :8].copy().view(">u8")[:, 0]
        came = frame.get_column(REACHED).cast(pl.Int64).to_numpy()
        yield numbers.astype(np.uint64), came >= last, frame.get_column(RECORD_ID)
