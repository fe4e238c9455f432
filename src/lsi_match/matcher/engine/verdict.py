"""What was found of a drop when it arrived, beside it: `received/<partner>/<stem>.verdict.json`.

A drop is opened and judged once. Who needs it later, the run and its workers, checks its descriptor again and goes by the
verdict for the rest: the marks in it tell whether each part is still the one that was judged. A verdict is bound by a
mark of its own to the bytes of the descriptor, the partner, the round, its manifest and opening, and the version of the program:
any other is none, and the drop is judged once more. Only who has the key of the round makes one, and it dies with that key.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from lsi_match.base.errors import LsiError
from lsi_match.base.files import read_bytes, write_whole
from lsi_match.base.validation import Closed
from lsi_match.base.version import VERSION
from lsi_match.crypto.mac import gmac_tag, has_mark
from lsi_match.matcher.engine.intake import MAX_DESCRIPTOR, Drop
from lsi_match.protocol.documents import DropDescriptor

SUFFIX = ".verdict.json"


class Verdict(Closed):
    """That a drop was accepted.

    Attributes:
        manifest, opening: digests of what it was judged by.
        drop: digest of its descriptor, and `rows` as counted.
        sizes, marks: of its parts as they were delivered; marks in hex.
        subjects: digest of the file of who is in it (`subjects.subject_rows`), where there is one.
        mac: a mark on all of this.
    """

    format: Literal["lsi-match/verdict/v1"] = "lsi-match/verdict/v1"
    program: str = VERSION
    manifest: str
    opening: str
    partner: str
    drop: str
    rows: int
    sizes: tuple[int, ...]
    marks: tuple[str, ...]
    subjects: str | None
    mac: str = ""

    def said(self) -> bytes:
        """What `mac` is on."""
        return self.model_dump_json(exclude={"mac"}).encode()


def _of(drop: Drop, marks: tuple[str, ...], subjects: str | None) -> Verdict:
    return Verdict(
        manifest=drop.round_.manifest.digest,
        opening=drop.round_.opening_digest,
        partner=drop.partner,
        drop=drop.digest,
        rows=drop.descriptor.rows,
        sizes=tuple(_size(drop.file.parent / part.file) for part in drop.descriptor.parts),
        marks=marks,
        subjects=subjects,
    )


def _size(part: Path) -> int:
    return part.lstat().st_size if os.path.lexists(part) else -1


def verdict_file(folder: Path, descriptor: DropDescriptor) -> Path:
    """Where the verdict on a drop lies."""
    return folder / f"{descriptor.stem}{SUFFIX}"


def keep_verdict(drop: Drop, subjects: str | None) -> None:
    """Keep that this drop, of which all parts were checked, is accepted."""
    verdict = _of(drop, tuple(mark.hex() for mark in drop.marks), subjects)
    mac = gmac_tag(verdict.said(), drop.marking_key).hex()
    data = verdict.model_copy(update={"mac": mac}).model_dump_json().encode() + b"\n"
    write_whole(verdict_file(drop.file.parent, drop.descriptor), data, replace=True)


def find_verdict(drop: Drop) -> Verdict | None:
    """The verdict on this drop, which takes its marks from it. None where there is none on this very drop, in this round, by
    this version of the program, or a part is gone or of another size."""
    file = verdict_file(drop.file.parent, drop.descriptor)
    try:
        found = Verdict.model_validate_json(read_bytes(file, MAX_DESCRIPTOR))
        mac, marks = bytes.fromhex(found.mac), [bytes.fromhex(mark) for mark in found.marks]
    except (LsiError, ValidationError, ValueError):
        return None
    same = found.model_copy(update={"mac": ""}) == _of(drop, found.marks, found.subjects)
    if (
        not same
        or len(marks) != len(drop.descriptor.parts)
        or not has_mark(found.said(), drop.marking_key, mac)
    ):
        return None
    drop.marks[:] = marks
    return found


def forget_verdict(drop: Drop) -> None:
    """Have this drop judged once more when it is needed."""
    verdict_file(drop.file.parent, drop.descriptor).unlink(missing_ok=True)
