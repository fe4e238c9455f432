"""The tail of a log: the entries that its newest copy does not have yet, with their checkpoints, as one small file.

    <project>.<entries>.log-tail.json      at the place of every partner, beside the copy

Copy and tail together are the whole log, up to the last look. Who puts a site back takes both (`matcher.operate.restore`).
"""

from __future__ import annotations

import base64

from pydantic import BaseModel, ConfigDict, ValidationError

from lsi_match.base.errors import LsiError
from lsi_match.log.store import Log


class TailUnreadableError(LsiError): ...


class Tail(BaseModel):
    """The entries from `first` on of the log `origin`, as base64, and the signed notes over them."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    origin: str
    first: int
    leaves: list[str]
    notes: list[str]

    def add_to(self, log: Log) -> None:
        """Append what `log` does not have yet; nothing where that does not follow on. Nothing is verified."""
        if log.origin == self.origin and self.first <= log.size < self.first + len(self.leaves):
            new = self.leaves[log.size - self.first :]
            log.append_copied(map(base64.b64decode, new), self.notes)


def tail_of(log: Log, first: int) -> bytes:
    """The tail of `log` from the entry `first` on."""
    leaves = [base64.b64encode(log.leaf(position)).decode() for position in range(first, log.size)]
    made = Tail(origin=log.origin, first=first, leaves=leaves, notes=log.checkpoints_after(first))
    return made.model_dump_json().encode()


def read_tail(data: bytes) -> Tail:
    """The tail in a file; raises TailUnreadableError."""
    try:
        return Tail.model_validate_json(data)
    except ValidationError:
        raise TailUnreadableError() from None
