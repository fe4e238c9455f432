"""The rule of a held round, as a reader of the log can check it: no release before every controller justified it.

Per round, in the order of the log:

1. After a count with an alert there is no release without a hold.
2. After a hold there is no release before every controller that the hold names justified the report it was held for,
   and none of them asked for another manifest since.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from lsi_match.base.errors import LsiError
from lsi_match.log.entry import LogEntry
from lsi_match.log.steps import Step

#: The steps that the rule is about.
STEPS = frozenset(step.value for step in (Step.COUNT, Step.HOLD, Step.JUSTIFY, Step.RELEASE))
_DECISION = "lsi.decision."


class ReleasedUnjustifiedError(LsiError):
    nl = "Ronde {round} is vrijgegeven terwijl zij was aangehouden; dit rapport is niet gerechtvaardigd door: {names}."
    en = "Round {round} was released while it was held; this report was not justified by: {names}."


class AlertPassedError(LsiError):
    nl = "Ronde {round} is vrijgegeven na een waarschuwing van de monitor, zonder te zijn aangehouden."
    en = "Round {round} was released after an alert of the monitor, without having been held."


@dataclass
class _Round:
    alerts: bool = False
    findings: str = ""
    controllers: tuple[str, ...] = ()
    decisions: dict[str, str] = field(default_factory=dict)


def broken_holds(entries: Iterable[LogEntry]) -> list[LsiError]:
    """What breaks the rule of the module's text."""
    found: dict[str, _Round] = {}
    problems: list[LsiError] = []
    for entry in entries:
        name = entry.attributes.get("lsi.round")
        if entry.status != "Ok" or not isinstance(name, str) or entry.name not in STEPS:
            continue
        state = found.setdefault(name, _Round())
        if entry.name == Step.COUNT.value:
            state.alerts = bool(entry.attributes.get("lsi.alerts"))
        elif entry.name == Step.HOLD.value:
            state.findings = str(entry.attributes.get("lsi.findings"))
            state.controllers = tuple(str(entry.attributes.get("lsi.controllers")).split(","))
        elif entry.name == Step.JUSTIFY.value:
            if entry.attributes.get("lsi.findings") == state.findings:
                state.decisions |= {
                    fact.removeprefix(_DECISION): str(said)
                    for fact, said in entry.attributes.items()
                    if fact.startswith(_DECISION)
                }
        else:
            problems += _released(name, state)
    return problems


def _released(name: str, state: _Round) -> list[LsiError]:
    if not state.findings:
        return [AlertPassedError(round=name)] if state.alerts else []
    missing = [one for one in state.controllers if state.decisions.get(one) != "release"]
    return [ReleasedUnjustifiedError(round=name, names=", ".join(missing))] if missing else []
