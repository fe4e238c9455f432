"""The gates: what must hold before a round is opened and before a run does anything.

1. **approval**: every controller approved exactly this manifest, with a key that the trust root named for that when
   the approval was taken in, and did not withdraw.
2. **instruction**: every controller acknowledged the work instruction; together they cover every role that must.
3. **plan**: every part of the project plan says something of its own: no two alike, no text left from a template.
4. **period**: today lies within the project's period.
5. **dpia**: a DPIA is referred to, dated before today.
6. **dpo advice**: the FG of every controller advised, before today; a negative advice is answered.
7. **equal treatment**: on every ground of discrimination that helps select, every FG advised.
8. **neighbourhood**: a neighbourhood project has a monitor with groups that counts records of every partner that
   can be counted, and no ground of discrimination helps select.
9. **parties**: the trust root has not expired, and the keys in the manifest are those that it names.
10. **round**: the round was opened under this manifest, and its key is still there.

What the document itself makes impossible (volumes, terms and cases without bound; a release of what is not named; a
ground without legal basis) needs no gate: such a manifest cannot be read. `evaluate` tells of every gate whether it
holds, `require` raises the error of the first that does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from lsi_match.errors import LsiError
from lsi_match.protocol.documents import Opening
from lsi_match.protocol.equality import CharacteristicKind, uses
from lsi_match.protocol.manifest import Manifest
from lsi_match.trust.agreement import check_approvals, read_agreement
from lsi_match.trust.root import Trust


class Gate(StrEnum):
    """A gate. `dutch` and `english` say what holds when it holds."""

    dutch: str
    english: str

    def __new__(cls, value: str, dutch: str, english: str) -> Gate:
        member = str.__new__(cls, value)
        member._value_ = value
        member.dutch, member.english = dutch, english
        return member

    APPROVAL = (
        "approval",
        "Alle partijen hebben dit manifest goedgekeurd",
        "Every controller approved this manifest",
    )
    INSTRUCTION = (
        "instruction",
        "De werkinstructie is gelezen door wie dat moet",
        "The work instruction was read by whoever must",
    )
    PLAN = (
        "plan",
        "Alle onderdelen van het projectplan zijn ingevuld",
        "Every part of the project plan is filled in",
    )
    PERIOD = "period", "Het project loopt vandaag", "The project runs today"
    DPIA = "dpia", "De DPIA is er", "There is a DPIA"
    DPO_ADVICE = "dpo advice", "Iedere FG heeft geadviseerd", "Every DPO advised"
    EQUAL_TREATMENT = (
        "equal treatment",
        "Over elke discriminatiegrond heeft iedere FG geadviseerd",
        "Every DPO advised on every ground of discrimination",
    )
    NEIGHBOURHOOD = (
        "neighbourhood",
        "De extra waarborgen voor een wijkproject zijn er",
        "The extra safeguards of a neighbourhood project are there",
    )
    PARTIES = (
        "parties",
        "De sleutels zijn die van de vertrouwenslijst",
        "The keys are those of the trust root",
    )
    ROUND = "round", "De ronde is geopend onder dit manifest", "The round was opened under this manifest"  # fmt: skip


class GateError(LsiError):
    """Base of every gate that does not hold."""

    nl = "Een waarborg houdt de ronde tegen: {problem}."
    en = "A gate stops the round: {problem}."


class DraftGateError(GateError):
    nl = (
        "Het manifest is nog een concept. Maak het af met 'manifest complete'; dan kan er worden ondertekend."
    )
    en = "The manifest is a draft still. Finish it with 'manifest complete'; then it can be signed."


class InstructionGateError(GateError):
    nl = "De werkinstructie is nog niet bevestigd: {missing}. Laat dat doen met 'manifest acknowledge'."
    en = (
        "The work instruction is not acknowledged yet: {missing}. Have that done with 'manifest acknowledge'."
    )


class PlanGateError(GateError):
    nl = "Dit onderdeel van het projectplan zegt nog niets eigens: {parts}. Vul het in gewone taal in."
    en = "This part of the project plan says nothing of its own yet: {parts}. Fill it in, in plain words."


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


class EqualTreatmentGateError(GateError):
    nl = "{characteristic} is een grond van discriminatie en helpt selecteren. Daarover ontbreekt het advies van de FG van: {names}."
    en = "{characteristic} is a ground of discrimination and helps select. There is no advice on it of the DPO of: {names}."


class NeighbourhoodGateError(GateError):
    nl = "Een wijkproject vraagt meer: {problem}."
    en = "A neighbourhood project needs more: {problem}."


class RoundGateError(GateError):
    nl = "Ronde {round} is geopend onder een ander manifest, of is al afgesloten. Open een nieuwe ronde."
    en = "Round {round} was opened under another manifest, or has ended. Open a new round."


@dataclass(frozen=True)
class Evidence:
    """What gates look at beside the manifest.

    Attributes:
        papers: what was signed, as `trust.agreement.read_agreement` takes it.
        now: the time.
        trust: who may sign for whom (`trust.root`).
        opening: of the round; None before there is one.
        key_present: whether the round's key is still there.
    """

    papers: Mapping[str, bytes]
    now: datetime
    trust: Trust
    opening: Opening | None = None
    key_present: bool = False


@dataclass(frozen=True)
class Verdict:
    """Whether a gate holds, and if not, what is wrong and who has to do what."""

    gate: Gate
    error: LsiError | None


def evaluate(manifest: Manifest, evidence: Evidence) -> list[Verdict]:
    """Every gate that can be judged on this evidence, in order."""
    judged: dict[Gate, Callable[[], object]] = {
        Gate.APPROVAL: lambda: check_approvals(manifest, evidence.papers, evidence.now, evidence.trust),
        Gate.INSTRUCTION: lambda: _instruction(manifest, evidence),
        **_of_the_document(manifest, evidence.now.date()),
        Gate.PARTIES: lambda: evidence.trust.check(manifest, evidence.now),
    }
    if evidence.opening is not None:
        judged[Gate.ROUND] = lambda: _round(manifest, evidence)
    return [Verdict(gate, _error_of(check)) for gate, check in judged.items()]


def evaluate_draft(manifest: Manifest, today: date) -> list[Verdict]:
    """The gates that look at the document alone. Those about signatures do not hold yet: a draft has no keys in it."""
    unsigned = [Verdict(gate, DraftGateError()) for gate in (Gate.APPROVAL, Gate.INSTRUCTION, Gate.PARTIES)]
    found = [Verdict(gate, _error_of(check)) for gate, check in _of_the_document(manifest, today).items()]
    return [*unsigned[:2], *found, *unsigned[2:]]


def _of_the_document(manifest: Manifest, today: date) -> dict[Gate, Callable[[], object]]:
    return {
        Gate.PLAN: lambda: _plan(manifest),
        Gate.PERIOD: lambda: _period(manifest, today),
        Gate.DPIA: lambda: _dpia(manifest, today),
        Gate.DPO_ADVICE: lambda: _dpo_advice(manifest, today),
        Gate.EQUAL_TREATMENT: lambda: _equal_treatment(manifest),
        Gate.NEIGHBOURHOOD: lambda: _neighbourhood(manifest),
    }


def require(manifest: Manifest, evidence: Evidence) -> None:
    """Raises the error of the first gate that does not hold."""
    for verdict in evaluate(manifest, evidence):
        if verdict.error is not None:
            raise verdict.error


def _error_of(check: Callable[[], object]) -> LsiError | None:
    try:
        check()
    except LsiError as error:
        return error
    return None


def _instruction(manifest: Manifest, evidence: Evidence) -> None:
    roles = read_agreement(manifest, evidence.papers, evidence.now, evidence.trust).roles
    read = {role for acknowledged in roles.values() for role in acknowledged}
    missing = [name for name in manifest.controllers if name not in roles]
    missing += [role for role in manifest.work_instruction.acknowledged_by if role not in read]
    if missing:
        raise InstructionGateError(missing=", ".join(missing))


#: What templates and people in a hurry leave behind.
_LEFT_BEHIND = (
    "todo",
    "tbd",
    "n.v.t",
    "nvt",
    "lorem ipsum",
    "vul hier",
    "nog invullen",
    "fill in",
    "xxx",
    "...",
)
#: A part with fewer different words says nothing.
_WORDS = 8


def _plan(manifest: Manifest) -> None:
    parts = {f"basis.{name}": text for name, text in manifest.basis}
    parts |= {f"characteristics.{name}": c.rationale for name, c in manifest.characteristics.items()}
    seen: set[str] = set()
    empty = []
    for name, text in parts.items():
        words = text.lower().split()
        plain = " ".join(words)
        if plain in seen or len(set(words)) < _WORDS or any(left in plain for left in _LEFT_BEHIND):
            empty.append(name)
        seen.add(plain)
    if empty:
        raise PlanGateError(parts=", ".join(empty))


def _period(manifest: Manifest, today: date) -> None:
    period = manifest.project.period
    if not period.first <= today <= period.last:
        raise PeriodGateError(project=manifest.project.id, first=str(period.first), last=str(period.last))


def _dpia(manifest: Manifest, today: date) -> None:
    if manifest.dpia.date > today:
        raise DpiaGateError(project=manifest.project.id, date=str(manifest.dpia.date))


def _dpo_advice(manifest: Manifest, today: date) -> None:
    advice = manifest.dpo_advice
    absent = [name for name in manifest.controllers if name not in advice or advice[name].date > today]
    if absent:
        raise DpoAdviceGateError(names=", ".join(absent))
    unanswered = [name for name, given in advice.items() if given.outcome == "negative" and not given.answer]
    if unanswered:
        raise DpoAdviceUnansweredGateError(names=", ".join(unanswered))


def _grounds(manifest: Manifest) -> Iterator[str]:
    """The grounds of discrimination that help select, each once."""
    for name in dict.fromkeys(use.characteristic for use in uses(manifest)):
        if manifest.characteristics[name].kind is CharacteristicKind.GROUND:
            yield name


def _equal_treatment(manifest: Manifest) -> None:
    for ground in _grounds(manifest):
        advice = manifest.dpo_advice
        absent = [
            n for n in manifest.controllers if n not in advice or ground not in advice[n].characteristics
        ]
        if absent:
            label = manifest.characteristics[ground].label
            raise EqualTreatmentGateError(characteristic=label, names=", ".join(absent))


def _neighbourhood(manifest: Manifest) -> None:
    if manifest.project.type != "neighbourhood":
        return
    if not manifest.monitor.dimensions:
        raise NeighbourhoodGateError(problem="monitor.dimensions")
    if not any(manifest.group_predicates(selection) for _, selection in manifest.selections()):
        raise NeighbourhoodGateError(problem="monitor.dimensions: fields")
    for ground in _grounds(manifest):
        raise NeighbourhoodGateError(problem=manifest.characteristics[ground].label)


def _round(manifest: Manifest, evidence: Evidence) -> None:
    opening = evidence.opening
    if opening is None:
        return
    if (
        opening.manifest != manifest.digest
        or opening.project != manifest.project.id
        or not evidence.key_present
    ):
        raise RoundGateError(round=opening.round)
