"""The gates: what must hold before a run does anything.

1. **agreement**: every controller approved exactly this manifest and acknowledged its work instruction.
2. **parties**: the keys in it are those registered with this site.
3. **period**: today lies within the project's period.
4. **dpia**: a DPIA is referred to, dated before today.
5. **dpo advice**: the FG of every controller advised, before today; a negative advice is answered.
6. **round**: the round was opened under this manifest, and its key is still there.

Gates 1 and 2 need keys and are checked by `trust.agreement` and `Site.check_parties`; the others are the pure
functions below.
"""

from __future__ import annotations

from datetime import date

from lsi_match.errors import LsiError
from lsi_match.protocol.documents import Opening
from lsi_match.protocol.manifest import Manifest


class GateError(LsiError):
    """Base of every gate that does not hold."""

    nl = "Een waarborg houdt de ronde tegen: {problem}."
    en = "A gate stops the round: {problem}."


class PeriodGateError(GateError):
    nl = "Project {project} loopt van {first} tot en met {last}. Buiten die tijd draait er niets."
    en = "Project {project} runs from {first} to {last}. Nothing runs outside that time."


class DpiaGateError(GateError):
    nl = "De DPIA van {project} is van {date}, en die datum moet nog komen."
    en = "The DPIA of {project} is dated {date}, which is still to come."


class DpoAdviceGateError(GateError):
    nl = "Er is geen advies van de FG van: {names}. Zonder advies van iedere FG draait er niets."
    en = "There is no advice of the DPO of: {names}. Nothing runs without the advice of every DPO."


class DpoAdviceUnansweredGateError(GateError):
    nl = "Op het negatieve advies van de FG van {names} is niet gereageerd. Zet in het manifest wat ermee is gedaan."
    en = "The negative advice of the DPO of {names} was not answered. Say in the manifest what was done with it."


class RoundGateError(GateError):
    nl = "Ronde {round} is geopend onder een ander manifest, of is al afgesloten. Open een nieuwe ronde."
    en = "Round {round} was opened under another manifest, or has ended. Open a new round."


def check_project(manifest: Manifest, today: date) -> None:
    """Gates 3 to 5: what the manifest says of period, DPIA and advice."""
    check_period(manifest, today)
    check_dpia(manifest, today)
    check_dpo_advice(manifest, today)


def check_period(manifest: Manifest, today: date) -> None:
    """Raises PeriodGateError outside the project's period."""
    period = manifest.project.period
    if not period.first <= today <= period.last:
        raise PeriodGateError(project=manifest.project.id, first=str(period.first), last=str(period.last))


def check_dpia(manifest: Manifest, today: date) -> None:
    """Raises DpiaGateError when the DPIA is dated in the future."""
    if manifest.dpia.date > today:
        raise DpiaGateError(project=manifest.project.id, date=str(manifest.dpia.date))


def check_dpo_advice(manifest: Manifest, today: date) -> None:
    """Raises DpoAdviceGateError, DpoAdviceUnansweredGateError."""
    advice = manifest.dpo_advice
    absent = [name for name in manifest.controllers if name not in advice or advice[name].date > today]
    if absent:
        raise DpoAdviceGateError(names=", ".join(absent))
    unanswered = [name for name, given in advice.items() if given.outcome == "negative" and not given.answer]
    if unanswered:
        raise DpoAdviceUnansweredGateError(names=", ".join(unanswered))


def check_round(manifest: Manifest, opening: Opening, key_present: bool) -> None:
    """Raises RoundGateError when the round belongs to another manifest or its key is gone."""
    if opening.manifest != manifest.digest or opening.project != manifest.project.id or not key_present:
        raise RoundGateError(round=opening.round)
