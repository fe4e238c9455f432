"""From a partner's extracts to a sealed, signed drop: select, normalise, pseudonymise, order, seal, sign."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Lock, Semaphore
from typing import BinaryIO

import numpy as np

from lsi_match.agreement.gates import require
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.base.files import private_folder, whole_file, write_whole
from lsi_match.base.version import VERSION
from lsi_match.crypto.aead import encrypt_rows
from lsi_match.crypto.block_cipher import make_key
from lsi_match.crypto.keys import Identity
from lsi_match.crypto.pseudonyms import SharedPseudonyms
from lsi_match.crypto.sealing import seal, seal_into
from lsi_match.crypto.signing import sign
from lsi_match.crypto.spill_buffer import SpillBuffer
from lsi_match.manifest import Manifest
from lsi_match.partner.bag import Bag
from lsi_match.partner.crowds import Crowds
from lsi_match.partner.drop_rows import WORKERS, Layout, Making, Rows
from lsi_match.partner.extract.column_mapping import ColumnMapping
from lsi_match.partner.extract.problems import ExtractProblemsError
from lsi_match.partner.home import Home, References
from lsi_match.partner.inspect import Progress, crossed, inspect, tasks_of
from lsi_match.partner.normalise.lists import version_of_lists
from lsi_match.partner.opening import read_opening
from lsi_match.partner.references import LongIds, make_references
from lsi_match.partner.select import select_pieces
from lsi_match.protocol.columns import (
    REFERENCE,
    SEAL_BYTES,
    SEALED,
    SELECTION,
    attribute_column,
    attribute_recipients,
    columns_to_seal,
    drop_columns,
)
from lsi_match.protocol.documents import (
    AttributeKeys,
    DropDescriptor,
    Opening,
    Part,
    SelectionCounts,
    drop_stem,
    part_name,
)
from lsi_match.protocol.tables import Combinations, combinations, from_part, shared_by_fewer

#: Letters of a span id, which ends the stem of a drop.
SPAN = 16


@dataclass(frozen=True)
class Prepared:
    """A drop that was written: its descriptor file, what it says, what the matching environment sees of its rows, and the
    counts of the round before."""

    file: Path
    descriptor: DropDescriptor
    seen: Combinations
    before: dict[str, SelectionCounts]


def prepare(
    home: Home,
    opening_file: Path,
    mapping: ColumnMapping,
    extracts: Path,
    out: Path,
    project: str,
    now: datetime,
    progress: Progress = lambda *_: None,
    shared: SharedPseudonyms | None = None,
) -> Prepared:
    """Make the drop of `home` for the round of the opening in a file, and write it into the folder `out`.

    Parts come first, the signed descriptor last, each written beside and renamed: a drop without its descriptor
    is no drop. Running again after a failure makes a whole new one, and takes away what a process that was cut off
    left of another. Memory does not grow with the number of records: see `pile`.

    Args:
        opening_file: its proof lies beside it (`partner.opening`).
        extracts: the folder that the mapping's files are in.
        project: whose manifest, as approved in `home`.
        now: the time, for the descriptor and the checks against the round.
        progress: told how far it is.
        shared: makes the pseudonyms, where partners evaluated together (`partner.evaluating`).

    Raises:
        EvaluationNeededError: they have to, and did not.
        LsiError: what is wrong with manifest, opening, mapping or extract; then no descriptor was written.
    """
    manifest, opening, opening_document = answerable(home, opening_file, project, now)
    if manifest.pseudonyms.together and shared is None:
        raise LsiError("EvaluationNeededError", partner=home.name)
    key = home.project_key(manifest)
    partner = manifest.partners[home.name]
    span = secrets.token_hex(SPAN // 2)
    stem = drop_stem(project, opening.round, home.name, span)
    private_folder(out)
    file = out / f"{stem}.drop.json"
    layout = Layout(columns_to_seal(manifest, partner))
    long_ids, bag = LongIds(), Bag.wanted(partner, home)
    making = Making(
        shared or key,
        opening.round,
        opening.parts,
        layout,
        Crowds.of(manifest),
        long_ids,
        bag.lookup if bag else None,
    )
    before = home.counts_before(project, opening.round)
    with home.alone(project), ExitStack() as piles, _all_or_nothing(out, stem):
        _remove_unfinished(out, stem.removesuffix(span))

        def new_pile() -> SpillBuffer:
            piles.close()
            return piles.enter_context(SpillBuffer(opening.parts, out))

        tasks = tasks_of(home.name, manifest, mapping, extracts, opening.reference_date)
        readings = [(one, partial(select_pieces, one)) for one in tasks]
        found, pile = inspect(readings, making, new_pile, progress)
        attribute_keys = AttributeKeys(
            project=project,
            manifest=manifest.digest,
            round=opening.round,
            partner=home.name,
            span_id=span,
            sealed={},
        )
        sealing = _Sealing(layout, pile, opening, out, stem, progress, manifest, attribute_keys)
        parts = sealing.parts()
        lots = home.identity().lots
        counts = {
            one.task.selection.id: one.counts(sealing.written[at], lots) for at, one in enumerate(found)
        }
        problems = crossed(home.name, found, counts, before)
        smallest = manifest.monitor.smallest_combination
        if rare := shared_by_fewer(sealing.seen, smallest):
            problems.append(
                LsiError("CombinationTooRareError", partner=home.name, rows=rare, smallest=smallest)
            )
        if problems:
            raise ExtractProblemsError.of(problems)
        descriptor = DropDescriptor(
            project=project,
            manifest=manifest.digest,
            opening=digest_of_bytes(opening_document),
            round=opening.round,
            partner=home.name,
            scheme=manifest.pseudonyms.scheme,
            **({"evaluators": shared.evaluators} if shared else {}),
            program=VERSION,
            lists=version_of_lists(),
            bag=bag.version if bag else None,
            key_check=key.check_value,
            made_at=now,
            span_id=span,
            selections=counts,
            parts=parts,
            attribute_keys=sealing.keys(home.identity()) if partner.shown_attribute_ids else None,
        )
        document = sign(descriptor, home.identity())
        home.keep_references(
            project, opening.round, digest_of_bytes(document), References(sealing.key, long_ids.in_order())
        )
        write_whole(file, document)
        home.keep_counts(project, document)
    return Prepared(file, descriptor, sealing.seen, before)


def answerable(
    home: Home, opening_file: Path, project: str, now: datetime
) -> tuple[Manifest, Opening, bytes]:
    """The manifest that runs, and the opening in a file with its bytes, once every gate holds: this partner may answer it. From
    then on it answers no other of that name."""
    manifest = home.agreed_manifest(project, now)
    if home.name not in manifest.partners:
        raise LsiError("NotAPartnerError", partner=home.name, project=project)
    home.check_trust(manifest, now)
    opening, document = read_opening(home, opening_file, project, now)
    if manifest.schedule.when_late != "wait" and now >= opening.deadline:
        raise LsiError("RoundClosedError", partner=home.name, round=opening.round)
    with home.alone(project):
        require(manifest, home.evidence(project, now, opening))
        home.remember_opening(project, opening.round, document)
    return manifest, opening, document


def _remove_unfinished(out: Path, head: str) -> None:
    """Take away files of drops with this start of their names that have no descriptor: a process that made them was
    cut off. Only one makes drops of a project at a time (`Home.alone`)."""
    finished = {path.name.removesuffix(".drop.json") for path in out.glob(f"{head}*.drop.json")}
    for path in [*out.glob(f"{head}*"), *out.glob(f".{head}*.tmp")]:
        if path.name.removeprefix(".")[: len(head) + SPAN] not in finished:
            path.unlink()


@contextmanager
def _all_or_nothing(out: Path, stem: str) -> Iterator[None]:
    """Without its descriptor no part of a drop stays."""
    try:
        yield
    except BaseException:
        for part in out.glob(f"{stem}.*"):
            part.unlink()
        raise


class _Sealing:
    """Ordering and sealing part by part, several at a time.

    Attributes:
        written: rows in the drop, by position of their selection.
        key: of the references in it.
        attribute_key: of the attributes in it.
        seen: what the matching environment sees of the rows.
    """

    def __init__(
        self,
        layout: Layout,
        pile: SpillBuffer,
        opening: Opening,
        out: Path,
        stem: str,
        progress: Progress,
        manifest: Manifest,
        about: AttributeKeys,
    ) -> None:
        self._manifest, self._about = manifest, about
        self._partner = manifest.partners[about.partner]
        self._layout, self._pile = layout, pile
        self._opening, self._out, self._stem = opening, out, stem
        self._progress = progress
        self.key, self.attribute_key = make_key(), make_key()
        self._one_at_a_time = Lock()
        self._processors = Semaphore(WORKERS)
        self.written: Counter[int] = Counter()
        self.seen: Combinations = Counter()

    def parts(self) -> tuple[Part, ...]:
        """Write every part, whose files are sealed to the key of the round."""
        done = []
        # More threads than processors: some wait until their part is on the disk.
        with ThreadPoolExecutor(4 * WORKERS) as pool:
            for part in pool.map(self._part, range(self._opening.parts)):
                done.append(part)
                self._progress("seal", "", len(done), self._opening.parts)
        return tuple(done)

    def _part(self, number: int) -> Part:
        name = part_name(self._stem, number)
        # The processor is free again before the file is on the disk.
        with whole_file(self._out / name) as file, self._processors:
            rows, digest = self._sealed(number, file)
        return Part(file=name, digest=digest, rows=rows)

    def _sealed(self, number: int, file: BinaryIO) -> tuple[int, str]:
        """Write one part into `file`; how many rows it has, and its digest."""
        rows = Rows.together(self._layout, self._pile.take(number)).in_pseudonym_order().without_duplicates()
        of_selection = np.bincount(rows[SELECTION], minlength=1)
        with self._one_at_a_time:
            self.written.update(dict(enumerate(of_selection.tolist())))
        beside = {REFERENCE: make_references(rows[REFERENCE], self.key)}
        if shown := self._partner.shown_attribute_ids:
            beside[SEALED] = self._attributes(rows, shown, beside[REFERENCE])
        columns = drop_columns(self._manifest, self._partner)
        part = rows.part(columns, beside)
        seen = combinations(from_part(part, columns, len(rows), what="drop", party=self._about.partner))
        with self._one_at_a_time:
            self.seen.update(seen)
        return len(rows), seal_into(part, self._opening.recipient, file)

    def _attributes(self, rows: Rows, shown: Sequence[str], references: np.ndarray) -> np.ndarray:
        """The attributes of each row that others may see, encrypted and bound to its selection and reference."""
        places = np.stack([rows[attribute_column(one)].astype("<u2") for one in shown], axis=1).tobytes()
        bound = np.concatenate([rows[SELECTION].reshape(-1, 1), references], axis=1).tobytes()
        made = encrypt_rows(
            memoryview(places), self.attribute_key, self._about.about, memoryview(bound), len(rows)
        )
        return np.frombuffer(made, np.uint8).reshape(len(rows), 2 * len(shown) + SEAL_BYTES)

    def keys(self, identity: Identity) -> str:
        """The key of the attributes for everybody who may see them, signed."""
        sealed = {
            name: b64encode(
                seal(self.attribute_key, self._manifest.controllers[name].encryption_key)
            ).decode()
            for name in attribute_recipients(self._manifest, self._about.partner)
        }
        return sign(self._about.model_copy(update={"sealed": sealed}), identity).decode()
