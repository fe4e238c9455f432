"""Which entries of a log a reader asks for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from lsi_match.base.catalogue import word
from lsi_match.log.entry import LogEntry
from lsi_match.log.events import facts, refused_for


@dataclass(frozen=True)
class EntryFilter:
    """What an entry must have; None asks nothing. `since` counts, `until` does not any more (half open)."""

    round: str | None = None
    step: str | None = None
    partner: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    refusals: bool = False

    def has(self, entry: LogEntry) -> bool:
        """Whether the entry is asked for."""
        asked = (
            self.round is None or facts(entry).get("round") == self.round,
            self.step is None or self.step in (entry.name, word("step", entry.name, "nl")),
            self.partner is None or _about(entry, self.partner),
            self.since is None or entry.end_time >= self.since.timestamp() * 1000,
            self.until is None or entry.end_time < self.until.timestamp() * 1000,
            not self.refusals or bool(refused_for(entry)) or entry.status == "Error",
        )
        return all(asked)

    def among(self, entries: Iterable[tuple[int, LogEntry]]) -> list[tuple[int, LogEntry]]:
        """The positions and entries that are asked for."""
        return [(position, entry) for position, entry in entries if self.has(entry)]


def _about(entry: LogEntry, partner: str) -> bool:
    """Named as a partner, in a list of names, or with something of its own: `paper.uwv`, `release.uwv`."""
    for name, value in facts(entry).items():
        if name in ("partner", "partners", "to", "late", "controllers", "changed"):
            if partner in [word.strip() for word in str(value).split(",")]:
                return True
        elif partner in name.split(".")[1:]:
            return True
    return False
