"""Who was given a manifest, and who answered, as a fold over the log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from lsi_match.log.entry import LogEntry
from lsi_match.log.steps import Step

_PAPER = "lsi.paper."


@dataclass
class Shared:
    """One controller: when it was given the manifest for the first time, and when something signed came back."""

    given: datetime | None = None
    answered: datetime | None = None


def sharing(entries: Iterable[LogEntry], manifest: str) -> dict[str, Shared]:
    """Controller → what became of the manifest with this digest there."""
    found: dict[str, Shared] = {}
    for entry in entries:
        if entry.attributes.get("lsi.manifest") != manifest:
            continue
        at = entry.moment
        if entry.name == Step.SHARE.value:
            for name in str(entry.attributes["lsi.to"]).split(", "):
                one = found.setdefault(name, Shared())
                one.given = one.given or at
        signed = entry.name in (Step.TAKE_IN.value, Step.REGISTER_MANIFEST.value)
        for name in entry.attributes:
            if signed and name.startswith(_PAPER):
                one = found.setdefault(name.removeprefix(_PAPER).partition(".")[0], Shared())
                one.answered = one.answered or at
    return found
