"""`log.lookup`: one subject among those of a whole round, in files made by the writer that a run uses."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa

from lsi_match.matcher.site.site import Project, Site
from lsi_match.matcher.subjects import subject_rows, subject_terms

#: Rows of one part of a drop.
PART = 2_000_000


def made(project: Project, partner: int, rows: int) -> tuple[str, bytes]:
    """The file of a drop of so many people; its digest, and the pseudonym of somebody in it."""
    someone = b""

    key = subject_rows.file_key(project, "bench", f"intake.p{partner}")
    manifest: Any = SimpleNamespace(pseudonyms=SimpleNamespace(traceable=True))

    def parts() -> Iterator[pa.Table]:
        nonlocal someone
        for start in range(0, rows, PART):
            count = min(PART, rows - start)
            pseudonyms = secrets.token_bytes(16 * count)
            someone = pseudonyms[16 * (count // 2) :][:16]
            whose = np.full(count, partner, np.uint8)
            nothing = np.zeros(count, np.uint8)
            coded = nothing, whose, nothing, nothing.astype(np.bool_), np.ones(count, np.uint64)
            yield subject_rows.sorted_rows(pseudonyms, coded, key)

    digest = subject_rows.write_rows(project, "bench", manifest, f"intake.p{partner}", parts())
    assert digest is not None
    return digest, someone


def lookup(place: Path, partners: int, rows: int) -> dict[str, tuple[float, str, float | None]]:
    """Name → value, unit, baseline. The baseline of looking up is reading every byte of the same files once.

    A look-up computes the digest of every file first, as an answer does; `seek` is what it takes beside that.
    """
    project = Project(Site(place / "lookup"), "bench")
    start = time.perf_counter()
    files = [made(project, partner, rows) for partner in range(partners)]
    writing = time.perf_counter() - start
    folder = subject_terms.folder_of(project, "bench")
    sizes = [file.stat().st_size for file in folder.glob("*.parquet")]
    start = time.perf_counter()
    for file in folder.glob("*.parquet"):
        file.read_bytes()
    reading = time.perf_counter() - start
    (_, someone), *_ = files
    start = time.perf_counter()
    found = [
        subject_rows.look_up(project, "bench", f"intake.p{partner}", digest, 0, [someone])
        for partner, (digest, _) in enumerate(files)
    ]
    whole = time.perf_counter() - start
    if [len(rows) for rows in found] != [1] + [0] * (partners - 1):
        raise RuntimeError("the look-up did not find the one row")
    start = time.perf_counter()
    for partner, (digest, _) in enumerate(files):
        key = subject_rows.file_key(project, "bench", f"intake.p{partner}")
        subject_rows.seek(
            subject_rows.file_in(folder.parent, "bench", digest), subject_rows.log_ids(someone, key)
        )
    seeking = time.perf_counter() - start
    every = partners * rows
    return {
        "log.lookup": (whole, "s", reading),
        "log.lookup.seek": (seeking, "s", reading),
        "log.lookup.row": (sum(sizes) / every, "bytes/row", 16.0),
        "log.lookup.write": (every / writing, "rows/s", None),
    }
