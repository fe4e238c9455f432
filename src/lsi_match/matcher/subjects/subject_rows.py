"""One entry per data subject: which subjects a step touched, in a file that its log entry names by digest.

    subjects/<round>/log.key            32 random bytes: what the log ids of this round are made with
    subjects/<round>/<digest>.parquet   the files, under the digests that the entries of the round give

A log id is the pseudonym under a key that exists for one file only, derived from the log key of the round: two
files share no id, and none is found in a drop or a release. Who holds the log key and a pseudonym, which only a
partner can make, finds the rows of one person. Once the log key is destroyed nobody does, in no copy.

A file is written before its entry, and its entry before the step counts. What a crash left behind has no entry and
says nothing; the run that follows gives the same file again.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lsi_match.base.duckdb_locked import locked_connection
from lsi_match.base.errors import LsiError
from lsi_match.base.files import Digested, read_private, sync_folder, whole_file, write_whole
from lsi_match.crypto.block_cipher import derive_key, encrypt_blocks, make_key
from lsi_match.log.subject_files import file_in
from lsi_match.manifest import Manifest
from lsi_match.matcher.engine.buckets import Matched
from lsi_match.matcher.site.site import Project
from lsi_match.matcher.subjects.subject_terms import LOG_KEY, folder_of
from lsi_match.protocol import subject_columns as columns
from lsi_match.protocol.columns import SELECTION, SIGNALS
from lsi_match.protocol.subject_columns import log_id_info
from lsi_match.protocol.tables import blocks_of, in_one_piece

ROW_GROUP = 65_536
#: Up to so many ids are sought with the statistics of the file; more of them in one pass over it.
_FEW = 16
_SCHEMA = pa.schema(
    [
        pa.field(columns.HI, pa.uint64(), nullable=False),
        pa.field(columns.LO, pa.uint64(), nullable=False),
        pa.field(columns.KIND, pa.uint8(), nullable=False),
        pa.field(columns.PARTNER, pa.uint8(), nullable=False),
        pa.field(columns.SELECTION, pa.uint8(), nullable=False),
        pa.field(columns.IS_CASE, pa.bool_(), nullable=False),
        pa.field(columns.SIGNALS, pa.uint64(), nullable=False),
    ]
)
_CODED = _SCHEMA.names[2:]


@dataclass(frozen=True)
class Found:
    """A row about a subject that was sought: `number` says which of those sought; `signals` are bits, 0 in old files."""

    number: int
    kind: int
    partner: int
    selection: int
    case: bool
    signals: int = 0


# writing


def intake_rows(
    project: Project, round_id: str, manifest: Manifest, name: str, part: pa.Table
) -> list[pa.Table]:
    """Who is in a part of the drop of partner `name`, in order: a table for each kind of identifier. Any process makes these that has
    the log key. Of a round in which nobody can be looked up there is nothing, here and below."""
    if not manifest.pseudonyms.traceable or name not in manifest.selecting:
        return []
    partner, key = list(manifest.partners).index(name), file_key(project, round_id, f"intake.{name}")
    found = []
    for kind, name in enumerate(manifest.subject.kinds):
        there = part.select([name, SELECTION, SIGNALS]).drop_null()
        of_whom = (np.full(len(there), place, np.uint8) for place in (kind, partner))
        selection, signals = (there.column(column).to_numpy() for column in (SELECTION, SIGNALS))
        coded = (*of_whom, selection, np.zeros(len(there), np.bool_), signals)
        found.append(sorted_rows(_blocks(there.column(name)), coded, key))
    return found


def matched_rows(project: Project, round_id: str, manifest: Manifest, bucket: pa.Table) -> pa.Table:
    """Who was matched in a bucket, who is a case, and what came together through another number; in order, as above."""
    traceable = manifest.pseudonyms.traceable
    return _of(bucket, file_key(project, round_id, "match")) if traceable else _SCHEMA.empty_table()


def release_file(
    project: Project, round_id: str, manifest: Manifest, matched: Matched, recipient: str
) -> str | None:
    """The file of whose case `recipient` receives; its digest."""
    about = f"release.{recipient}"
    rows = (_of(table, file_key(project, round_id, about)) for table in matched.subjects(recipient))
    return write_rows(project, round_id, manifest, about, rows)


def _of(table: pa.Table, key: bytes) -> pa.Table:
    """The rows about these subjects; of a table about whole subjects only there are no signals."""
    none, there = np.zeros(len(table), np.uint64), table.column_names
    coded = [table.column(name).to_numpy() if name in there else none for name in _CODED]
    return sorted_rows(_blocks(table.column("pseudonym")), coded, key)


def _blocks(column: pa.ChunkedArray) -> memoryview:
    """Blocks that are all there, end to end."""
    return blocks_of(in_one_piece(column)).reshape(-1).data


def make_log_key(project: Project, round_id: str) -> None:
    """Make the log key of a round, before its first file, where there is none."""
    file = folder_of(project, round_id) / LOG_KEY
    if not file.exists():
        beside = file.with_name(f".{LOG_KEY}.{secrets.token_hex(4)}.tmp")
        write_whole(beside, make_key())
        with suppress(FileExistsError):  # another drop is judged at this moment
            os.link(beside, file)
        beside.unlink()


def write_rows(
    project: Project, round_id: str, manifest: Manifest, about: str, runs: Iterable[pa.Table]
) -> str | None:
    """The file of such rows, one table after another, each in the order of its log ids; its digest. Nothing is left of it when
    taking them raises."""
    if not manifest.pseudonyms.traceable:
        deque(runs, maxlen=0)
        return None
    folder, key = folder_of(project, round_id), file_key(project, round_id, about)
    beside = folder / f"{about}.{secrets.token_hex(4)}.making"
    with whole_file(beside, replace=True) as handle:
        sink = Digested(handle)
        with pq.ParquetWriter(
            sink, _SCHEMA, compression="none", use_dictionary=_CODED,
            write_statistics=[columns.HI], store_schema=False,
        ) as writer:  # fmt: skip
            for one in runs:
                writer.write_table(one, row_group_size=ROW_GROUP)
            # So that no two files are the same, and a digest in the log does not tell that a file has no rows.
            writer.add_key_value_metadata({"file": derive_key(key, "file").hex()})
    beside.rename(file_in(folder.parent, round_id, sink.digest))
    sync_folder(folder)
    return sink.digest


def sorted_rows(pseudonyms: bytes | memoryview, coded: Sequence[np.ndarray], key: bytes) -> pa.Table:
    """Subjects, by their pseudonyms (16 bytes each, end to end), under their log ids and in the order of these.

    Args:
        coded: what is known of each: the columns from `kind` on.
        key: of the file (`file_key`).
    """
    made = log_ids(pseudonyms, key)
    hi, lo = made[:, 0].astype(np.uint64), made[:, 1].astype(np.uint64)
    order, there = _order(hi)
    # Those with the same id once more, by all columns: the same rows give the same file.
    same = there[1:] == there[:-1]
    if same.any():
        some = np.append(same, False) | np.insert(same, 0, False)
        few = order[some]
        order[some] = few[np.lexsort((*(column[few] for column in reversed(coded)), lo[few], hi[few]))]
    arrays = [there, lo[order], *(_in_order(column, order) for column in coded)]
    return pa.table([pa.array(array) for array in arrays], schema=_SCHEMA)


def _in_order(column: np.ndarray, order: np.ndarray) -> np.ndarray:
    """A column in this order; one that is the same everywhere is so already."""
    return column if not len(column) or column.min() == column.max() else column[order]


def _order(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The places of random numbers of 64 bits in their order, of equal ones the first place first; and the numbers so.

    The place takes the last bits of each number, and what comes of that is sorted: several times as fast as sorting
    places. Now and then two numbers differ in these bits only; then they are sorted once more, in the usual way.
    """
    mask = np.uint64((1 << max(1, len(numbers)).bit_length()) - 1)
    mixed = numbers & ~mask
    mixed |= np.arange(len(numbers), dtype=np.uint64)
    mixed.sort()
    mixed &= mask
    order = mixed.view(np.int64)
    there = numbers[order]
    if (there[1:] < there[:-1]).any():
        order = np.argsort(numbers, kind="stable")
        there = numbers[order]
    return order, there


def log_ids(pseudonyms: bytes | memoryview, key: bytes) -> np.ndarray:
    """The log ids of pseudonyms, as two numbers each (shape (rows, 2), big-endian): their 16 bytes under AES-256, cut in half."""
    return np.frombuffer(encrypt_blocks(pseudonyms, key), dtype=">u8").reshape(-1, 2)


def file_key(project: Project, round_id: str, about: str) -> bytes:
    """What the ids of one file are made with, for who writes it. The log key of the round is made where there is none."""
    make_log_key(project, round_id)
    return _kept_key(project, round_id, about)


def _kept_key(project: Project, round_id: str, about: str) -> bytes:
    """The same, for who reads it: what was destroyed is not made again."""
    log_key = read_private(folder_of(project, round_id) / LOG_KEY)
    return derive_key(log_key, log_id_info(project.id, round_id, about))


def _digest(file: Path) -> str:
    with file.open("rb") as handle:
        return "sha256:" + hashlib.file_digest(handle, "sha256").hexdigest()


# reading


def look_up(
    project: Project, round_id: str, about: str, digest: str, position: int, pseudonyms: Sequence[bytes]
) -> list[Found]:
    """The rows about each of these subjects in one file.

    Args:
        about: which file, as it was written: `intake.<partner>`, `match`, `release.<partner>`.
        digest: of the file, as entry `position` of the log gives it.

    Raises:
        SubjectsAlteredError: the file is not there, or not the one that the entry names.
    """
    folder = folder_of(project, round_id)
    file = file_in(folder.parent, round_id, digest)
    if not file.is_file() or not (folder / LOG_KEY).is_file() or _digest(file) != digest:
        raise LsiError("SubjectsAlteredError", position=position)
    if not pseudonyms:
        return []
    return seek(file, log_ids(b"".join(pseudonyms), _kept_key(project, round_id, about)))


def seek(file: Path, ids: np.ndarray) -> list[Found]:
    """The rows of a file with one of these log ids (shape (ids, 2)), found by its statistics."""
    con, ids = locked_connection([file.parent]), ids.astype(np.uint64)
    try:
        numbers = np.arange(len(ids), dtype=np.uint32)
        con.register("sought", pa.table({"number": numbers, "hi": ids[:, 0], "lo": ids[:, 1]}))
        few = f"WHERE hi IN ({', '.join(str(one) for one in ids[:, 0])})" if len(ids) <= _FEW else ""
        signals = columns.SIGNALS if columns.SIGNALS in pq.read_schema(file).names else "0"
        rows = con.execute(
            f'SELECT number, kind, partner, selection, "case", {signals} FROM (SELECT * FROM read_parquet(?) {few}) '  # noqa: S608
            "JOIN sought USING (hi, lo) ORDER BY ALL",
            [str(file)],
        ).fetchall()
    finally:
        con.close()
    return [Found(*row) for row in rows]
