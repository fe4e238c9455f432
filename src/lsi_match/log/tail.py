"""A log in files that lie at places: parts that never change, and the tail, with the entries since.

    <project>.<first>-<end>.log-part.json  the entries from `first` on and before `end`, with the papers that they name first
    <project>.<entries>.log-tail.json      the entries that the parts do not have yet

Each part has 16^n entries. As a log grows, sixteen of one size become one of the next: so every entry is brought a few times,
however old the log is, and never all of them. Who fetches puts the log together (`assemble`); who puts a site back takes
parts and tail (`matcher.operate.restore`).
"""

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from lsi_match.base.errors import LsiError
from lsi_match.log.note import Checkpoint
from lsi_match.log.store import Log

#: So many parts of one size become one.
WIDTH = 16


class Tail(BaseModel):
    """The entries from `first` on of the log `origin`, as base64, the signed notes over them, and papers that they name."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    origin: str
    first: int
    leaves: list[str]
    notes: list[str]
    papers: list[str] = []

    def add_to(self, log: Log) -> None:
        """Append what `log` does not have yet; nothing where that does not follow on. Nothing is verified.

        Raises TailUnreadableError for what is in no log.
        """
        if log.origin == self.origin and self.first <= log.size < self.first + len(self.leaves):
            new = self.leaves[log.size - self.first :]
            try:
                log.append_copied(map(base64.b64decode, new), self.notes)
            except (ValueError, OverflowError):
                raise LsiError("TailUnreadableError") from None


def parts_of(size: int) -> Iterator[tuple[int, int]]:
    """From which entry to which each part of a log of `size` entries goes, the first first."""
    first, width = 0, 1
    while width * WIDTH <= size:
        width *= WIDTH
    while width:
        while first + width <= size:
            yield first, first + width
            first += width
        width //= WIDTH


def tail_of(log: Log, first: int, end: int | None = None, papers: Iterable[bytes] = ()) -> bytes:
    """The entries of `log` from `first` on (and before `end`) as a file."""
    end = log.size if end is None else end
    leaves = [base64.b64encode(log.leaf(position)).decode() for position in range(first, end)]
    notes = [note for note in log.checkpoints_after(first) if Checkpoint.of_note(note).size <= end]
    made = Tail(
        origin=log.origin, first=first, leaves=leaves, notes=notes, papers=[one.decode() for one in papers]
    )
    return made.model_dump_json(exclude_defaults=True).encode()


def read_tail(data: bytes) -> Tail:
    """The part or tail in a file; raises TailUnreadableError."""
    try:
        return Tail.model_validate_json(data)
    except ValidationError:
        raise LsiError("TailUnreadableError") from None


def assemble(parts: Iterable[Tail], file: Path) -> tuple[int, list[str]]:
    """Put the log together that these are parts of, in order, in a new file: how many entries it has, and the papers.

    Nothing of it is verified. Raises TailUnreadableError.
    """
    papers: list[str] = []
    log: Log | None = None
    try:
        for part in parts:
            log = log or Log.create(file, part.origin)
            part.add_to(log)
            papers += part.papers
        return (log.size if log else 0), papers
    finally:
        if log is not None:
            log.close()
