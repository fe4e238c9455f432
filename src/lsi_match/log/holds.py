"""The rule of a held round, as a reader of the log can check it: no release before every controller justified it.

Per round, in the order of the log:

1. After a count with an alert there is no release without a hold.
2. After a hold there is no release before every controller that the hold names justified the report it was held for,
   and none of them asked for another manifest since.
"""

from __future__ import annotations

from lsi_match.base.errors import LsiError
from lsi_match.log.view import ProjectView


class ReleasedUnjustifiedError(LsiError): ...


def broken_holds(view: ProjectView) -> list[LsiError]:
    """What breaks the rule of the module's text (`log.view.HoldRule`), by round."""
    problems: list[LsiError] = []
    for one in view.rounds.values():
        if one.breach:
            problems.append(ReleasedUnjustifiedError(round=one.name, names=", ".join(one.breach)))
        elif one.breach is not None:
            problems.append(LsiError("AlertPassedError", round=one.name))
    return problems
