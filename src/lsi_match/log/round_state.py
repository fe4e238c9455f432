"""How things stand, as a fold over the log: the log is the source of truth and needs no other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from lsi_match.log.entry import LogEntry
from lsi_match.log.steps import Step
from lsi_match.log.store import Log


@dataclass
class RoundState:
    """One round: `state` is open, refused, matched, held, released, destroyed (after its release) or abandoned (destroyed
    without one)."""

    round: str
    state: str = "open"
    last_step: str = ""
    refusals: int = 0
    #: The partners whose release waits for cosignatures under the log.
    waits: set[str] = field(default_factory=set)

    @property
    def has_release(self) -> bool:
        """Whether a release was made, handed out or not."""
        return self.state in ("released", "destroyed")


_STATE = {
    Step.MATCH.value: "matched",
    Step.HOLD.value: "held",
    Step.RELEASE.value: "released",
    Step.DESTROY.value: "destroyed",
}


#: Steps of which a refusal is that of one drop; any other refusal stops the round where it stands.
REFUSES_A_DROP = frozenset({Step.ARRIVE.value, Step.INTAKE.value})
_AFTERWARDS = {
    Step.HAND_OUT.value,
    Step.EXPIRE.value,
    Step.OPENED.value,
    Step.DESTROY_SUBJECTS.value,
    Step.DESTROY_DETAILS.value,
}


def fold(entries: Iterable[LogEntry]) -> list[RoundState]:
    """The rounds in `entries`, in the order in which they were opened."""
    found: dict[str, RoundState] = {}
    for entry in entries:
        name = entry.attributes.get("lsi.round")
        if not isinstance(name, str):
            continue
        if entry.name in _AFTERWARDS:
            if name in found and entry.name == Step.HAND_OUT.value:
                found[name].waits.clear()
            if name in found and entry.name == Step.EXPIRE.value:
                found[name].waits.discard(str(entry.attributes.get("lsi.partner")))
            continue  # the round was over long before
        if name not in found and entry.name == Step.GATES.value:
            continue  # it could not be opened
        state = found.setdefault(name, RoundState(name))
        state.last_step = entry.name
        if entry.name == Step.RELEASE.value and entry.status == "Ok":
            state.waits = _asking(entry)
        if entry.status == "Unset":
            continue  # begun; another entry says that it was done
        if entry.status == "Error":
            state.refusals += 1
            if entry.name not in REFUSES_A_DROP:
                state.state = "refused"
        else:
            before = "open" if state.state == "refused" else state.state
            state.state = _STATE.get(entry.name, before)
            if state.state == "destroyed" and before != "released":
                state.state = "abandoned"
    return list(found.values())


def _asking(release: LogEntry) -> set[str]:
    if "lsi.cosignatures" not in release.attributes:
        return set()
    made = (name for name in release.attributes if name.startswith("lsi.release."))
    return {name.removeprefix("lsi.release.") for name in made}


def rounds(log_file: Path) -> list[RoundState]:
    """The rounds of the project whose log is `log_file`."""
    with Log.open(log_file, read_only=True) as log:
        return fold(entry for _, entry in log.entries())
