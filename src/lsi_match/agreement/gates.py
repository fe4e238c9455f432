"""The gates: what must hold before a round is opened and before a run does anything.

1. **manifest**: it holds to every rule of a manifest (docs/manifest.md), read anew from its own bytes; it is of the present
   version; all of it reads in one way, and no predicate is about one person.
2. **approval**: every controller approved exactly this manifest, with a key that the trust root named for that when
   the approval was taken in, and did not withdraw.
3. **instruction**: every controller acknowledged the work instruction; together they cover every role that must.
4. **plan**: every part of the project plan says something of its own: no two alike, no text left from a template.
5. **period**: today lies within the project's period.
6. **dpia**: a DPIA is referred to, dated before today.
7. **dpo advice**: the FG of every controller advised, before today, in the manifest or in a signed paper about it; a negative
   advice is answered in the manifest.
8. **equal treatment**: on every ground of discrimination that helps select, every FG advised.
9. **neighbourhood**: a neighbourhood project has a monitor that compares groups and can count records of a partner; every
   FG advised after the DPIA was there; and no ground of discrimination helps select.
10. **bounds**: cases cannot be opened for longer than what answers the people in them is kept, and are not more than
    the records that make them; the number of rounds is bounded, by a schedule or by itself; and where partners evaluate
    together, none may deliver more than a million records.
11. **release**: what goes along to the matching environment is shown to a partner, or is for the match rule and the
    rule looks at it; and what is to be shown goes along.
12. **parties**: the trust root has not expired, and the keys in the manifest are those that it names.
13. **round**: the round was opened under this manifest, and its key is still there (which a partner cannot see); it was opened
    within the project's period, at an hour of the schedule that no other round has, as one of so many as the schedule
    allows; its deadline is that of the schedule, and its reference date follows from the rule for it.

What the document itself makes impossible (a volume, term or number of cases without bound; a release to a stranger; a
ground without legal basis) is refused when it is read. `evaluate` tells of every gate whether it holds, `require`
raises the error of the first that does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType

from lsi_match.agreement.approvals import load_manifest, read_agreement
from lsi_match.agreement.trust_root_rules import Trust
from lsi_match.base.catalogue import catalogue
from lsi_match.base.errors import Language, LsiError, all_wrong, problem, words
from lsi_match.base.validation import RuleViolation
from lsi_match.manifest import Manifest
from lsi_match.manifest.base import is_hybrid
from lsi_match.manifest.clear import check_manifest_clear
from lsi_match.manifest.equality import CharacteristicKind, uses
from lsi_match.manifest.template import is_placeholder, text_values
from lsi_match.manifest.whole import PRESENT
from lsi_match.protocol.documents import DpoAdvice, Opening


class Gate(StrEnum):
    """A gate."""

    MANIFEST = "manifest"
    APPROVAL = "approval"
    INSTRUCTION = "instruction"
    PLAN = "plan"
    PERIOD = "period"
    DPIA = "dpia"
    DPO_ADVICE = "dpo advice"
    EQUAL_TREATMENT = "equal treatment"
    NEIGHBOURHOOD = "neighbourhood"
    BOUNDS = "bounds"
    RELEASE = "release"
    PARTIES = "parties"
    ROUND = "round"

    def text(self, language: Language) -> str:
        """What holds when it holds."""
        text_values: dict[Language, str] = catalogue(Path(__file__).with_suffix(".toml"))[self.value]
        return text_values[language]


class GateError(LsiError):
    """Base of every gate that does not hold."""


class UnclearGateError(GateError): ...


class NeighbourhoodGateError(GateError): ...


@dataclass(frozen=True)
class Evidence:
    """What gates look at beside the manifest.

    Attributes:
        papers: what was signed, as `agreement.approvals.read_agreement` takes it.
        now: the time.
        trust: who may sign for whom (`agreement.trust_root_rules`).
        opening: of the round; None before there is one.
        key_present: whether the round's key is still there.
        past: whether it took place already: then it may have been under an earlier version.
        others: when the other rounds were opened that count beside this one, whatever came of them: at the matcher those
            before it, at a partner those that it answered; None where the moment is not known.
    """

    papers: Mapping[str, bytes]
    now: datetime
    trust: Trust
    opening: Opening | None = None
    key_present: bool = False
    others: Sequence[datetime | None] = ()
    past: bool = False


@dataclass(frozen=True)
class GateVerdict:
    """Whether a gate holds, and if not, what is wrong and who has to do what."""

    gate: Gate
    error: LsiError | None


def evaluate(manifest: Manifest, evidence: Evidence) -> list[GateVerdict]:
    """Every gate that can be judged on this evidence, in order."""
    agreed = cache(lambda: read_agreement(manifest, evidence.papers, evidence.now, evidence.trust))
    today = manifest.schedule.day(evidence.now)
    judged: dict[Gate, Callable[[], object]] = {
        Gate.MANIFEST: lambda: _manifest(manifest, past=evidence.past),
        Gate.APPROVAL: lambda: agreed().of_all(manifest.controllers),
        Gate.INSTRUCTION: lambda: _instruction(manifest, agreed().roles),
        **_of_the_document(manifest, today, past=evidence.past),
        Gate.DPO_ADVICE: lambda: _dpo_advice(manifest, today, agreed().advice),
        Gate.PARTIES: lambda: evidence.trust.check(manifest, evidence.now),
    }
    if evidence.opening is not None:
        judged[Gate.ROUND] = lambda: _round(manifest, evidence)
    return [GateVerdict(gate, _error_of(check)) for gate, check in judged.items()]


def evaluate_draft(manifest: Manifest, today: date) -> list[GateVerdict]:
    """The gates that look at the document alone. Those about signatures do not hold yet: a draft has no keys in it."""
    unsigned = [
        GateVerdict(gate, GateError("DraftGateError"))
        for gate in (Gate.APPROVAL, Gate.INSTRUCTION, Gate.PARTIES)
    ]
    checks = {Gate.MANIFEST: lambda: _manifest(manifest), **_of_the_document(manifest, today)}
    found = [GateVerdict(gate, _error_of(check)) for gate, check in checks.items()]
    return [*found[:1], *unsigned[:2], *found[1:], *unsigned[2:]]


def _of_the_document(
    manifest: Manifest, today: date, *, past: bool = False
) -> dict[Gate, Callable[[], object]]:
    return {
        Gate.PLAN: lambda: _plan(manifest),
        Gate.PERIOD: lambda: _period(manifest, today),
        Gate.DPIA: lambda: _dpia(manifest, today),
        Gate.DPO_ADVICE: lambda: _dpo_advice(manifest, today),
        Gate.EQUAL_TREATMENT: lambda: _equal_treatment(manifest),
        Gate.NEIGHBOURHOOD: lambda: _neighbourhood(manifest),
        Gate.BOUNDS: lambda: _bounds(manifest, past=past),
        Gate.RELEASE: lambda: _release(manifest),
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


def _manifest(manifest: Manifest, *, past: bool = False) -> None:
    unclear = _unclear(manifest.canonical())
    if manifest.format != PRESENT and not past:
        raise GateError("FormerVersionGateError", format=manifest.format, present=PRESENT)
    if unclear:
        raise UnclearGateError.saying(*unclear)


@lru_cache(maxsize=64)  # a look asks it of the same bytes at each of its steps
def _unclear(document: bytes) -> tuple[str, str] | None:
    """What of a manifest does not read in one way, in both languages; raises as `load_manifest` does."""
    try:
        check_manifest_clear(load_manifest(document))
    except RuleViolation as found:
        place = ".".join(map(str, found.path))
        return f"{place}: {found.nl}", f"{place}: {found.en}"
    return None


def _instruction(manifest: Manifest, roles: Mapping[str, tuple[str, ...]]) -> None:
    read = {role for acknowledged in roles.values() for role in acknowledged}
    silent = [name for name in manifest.controllers if name not in roles]
    unread = [role for role in manifest.work_instruction.acknowledged_by if role not in read]
    if silent or unread:
        told = [(name, name) for name in silent] + [problem("agreement.role", role=role) for role in unread]
        nl, en = (", ".join(texts) for texts in zip(*told, strict=True))
        raise GateError("InstructionGateError", **words("missing", nl, en))


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


#: So many words at least name an article of a law.
_WORDS_OF_A_LAW = 3


def _plan(manifest: Manifest) -> None:
    parts = {f"basis.{name}": text for name, text in manifest.basis}
    parts |= {
        f"characteristics.{name}.rationale": c.rationale for name, c in manifest.characteristics.items()
    }
    seen: set[str] = set()
    empty = []
    for name, text in parts.items():
        words = text.lower().split()
        plain = " ".join(words)
        if plain in seen or len(set(words)) < _WORDS or any(left in plain for left in _LEFT_BEHIND):
            empty.append(name)
        seen.add(plain)
    for name in (*_grounds(manifest), *manifest.monitor.watched):
        if len((manifest.characteristics[name].legal_basis or "").split()) < _WORDS_OF_A_LAW:
            empty.append(f"characteristics.{name}.legal_basis")
    empty += [
        at
        for at, text in text_values(manifest.model_dump(mode="json"))
        if is_placeholder(text) and at not in empty
    ]
    if empty:
        raise GateError("PlanGateError", parts=", ".join(empty))


def _period(manifest: Manifest, today: date) -> None:
    period = manifest.project.period
    if not period.first <= today <= period.last:
        raise GateError(
            "PeriodGateError", project=manifest.project.id, first=str(period.first), last=str(period.last)
        )


def _dpia(manifest: Manifest, today: date) -> None:
    if manifest.dpia.date > today:
        raise GateError("DpiaGateError", project=manifest.project.id, date=str(manifest.dpia.date))


def _dpo_advice(
    manifest: Manifest, today: date, papers: Mapping[str, DpoAdvice] = MappingProxyType({})
) -> None:
    advice = manifest.dpo_advice
    absent = [
        name
        for name in manifest.controllers
        if name not in papers and (name not in advice or advice[name].date > today)
    ]
    if absent:
        raise GateError("DpoAdviceGateError", names=", ".join(absent))
    if manifest.monitor.sample and (
        silent := [n for n in manifest.controllers if n not in advice or not advice[n].sample]
    ):
        raise GateError("SampleAdviceGateError", names=", ".join(silent))
    outcomes = {name: one.outcome for name, one in advice.items()}
    outcomes |= {name: one.outcome for name, one in papers.items()}
    answered = {name for name, given in advice.items() if given.outcome == "negative" and given.answer}
    unanswered = [name for name, said in outcomes.items() if said == "negative" and name not in answered]
    if unanswered:
        raise GateError("DpoAdviceUnansweredGateError", names=", ".join(unanswered))


def _grounds(manifest: Manifest) -> Iterator[str]:
    """The grounds of discrimination that help select, each once."""
    for name in dict.fromkeys(use.characteristic for use in uses(manifest)):
        if manifest.characteristics[name].kind is CharacteristicKind.GROUND:
            yield name


def _equal_treatment(manifest: Manifest) -> None:
    for ground in (*_grounds(manifest), *manifest.monitor.watched):
        advice = manifest.dpo_advice
        absent = [
            n for n in manifest.controllers if n not in advice or ground not in advice[n].characteristics
        ]
        if absent:
            label = manifest.characteristics[ground].label
            raise GateError("EqualTreatmentGateError", characteristic=label, names=", ".join(absent))


def _neighbourhood(manifest: Manifest) -> None:
    if manifest.project.type != "neighbourhood":
        return
    compared = [one.id for one in manifest.monitor.dimensions if one.role == "protected"]
    counted = {
        name for _, selection in manifest.selections() for name in manifest.group_predicates(selection)
    }
    early = [name for name, advice in manifest.dpo_advice.items() if advice.date < manifest.dpia.date]
    if not compared:
        raise NeighbourhoodGateError.because("agreement.no_groups")
    if not counted & {*compared}:
        raise NeighbourhoodGateError.because("agreement.cannot_count")
    if early:
        names = ", ".join(early)
        raise NeighbourhoodGateError.because("agreement.advice_of_before", names=names)
    for ground in _grounds(manifest):
        label = manifest.characteristics[ground].label
        raise NeighbourhoodGateError.because("agreement.selects_by_ground", label=label)


#: As many identifiers a round a partner may have evaluated where partners evaluate together: a quota of a whole population is none.
MOST_EVALUATIONS = 1_000_000


def _bounds(manifest: Manifest, *, past: bool) -> None:
    keep, kept = manifest.release.keep_days, manifest.retention.log_details_days
    if keep > kept:
        raise GateError("TermsGateError", keep=keep, kept=kept)
    records = sum(manifest.at_most[name] for name in manifest.selecting)
    if manifest.release.max_cases > records:
        raise GateError("CasesGateError", cases=manifest.release.max_cases, records=records)
    if manifest.pseudonyms.together and not past:
        for name, most in manifest.at_most.items():
            if most > MOST_EVALUATIONS:
                raise GateError("EvaluationsGateError", partner=name, count=most, most=MOST_EVALUATIONS)
        asks = manifest.retention.answers_a_day * kept * len(manifest.subject.kinds)
        if manifest.pseudonyms.keeps_keys and asks > MOST_EVALUATIONS:
            raise GateError("LookUpsGateError", count=asks, most=MOST_EVALUATIONS)
    schedule = manifest.schedule
    if schedule.opens is None and schedule.rounds_at_most is None and not past:  # a later rule
        raise GateError("RoundsGateError")


def _release(manifest: Manifest) -> None:
    shown = {name for show in manifest.release.to.values() for name in show.attributes_of}
    unseen = [
        f"{name}.{attribute}"
        for name, partner in manifest.partners.items()
        if name not in shown
        for attribute in partner.shown_attribute_ids
    ]
    if unseen:
        raise GateError("UnseenGateError", names=", ".join(unseen))
    nothing = [
        name
        for name, partner in manifest.partners.items()
        if name in shown and not partner.shown_attribute_ids
    ]
    if nothing:
        raise GateError("NothingToShowGateError", names=", ".join(nothing))
    named = set(manifest.match_predicate().fields)
    unused = [
        f"{name}.{attribute}"
        for name, partner in manifest.partners.items()
        for attribute in partner.rule_attribute_ids
        if named.isdisjoint({f"{name}_{attribute}_first", f"{name}_{attribute}_last"})
    ]
    unused += [column for name in manifest.match.records_of if (column := f"{name}_records") not in named]
    if unused:
        raise GateError("UnusedGateError", names=", ".join(unused))


def _round(manifest: Manifest, evidence: Evidence) -> None:
    opening = evidence.opening
    if opening is None:
        return
    if (
        opening.manifest != manifest.digest
        or opening.project != manifest.project.id
        or not evidence.key_present
    ):
        raise GateError("RoundGateError", round=opening.round)
    if problems := list(_deviations(manifest, opening, evidence)):
        told = all_wrong(problem(key, **facts) for key, facts in problems)
        raise GateError("OpeningGateError", round=opening.round, **told)


#: How far the clock of who opens may be ahead of the reader's.
_AHEAD = timedelta(hours=1)


def _deviations(
    manifest: Manifest, opening: Opening, evidence: Evidence
) -> Iterator[tuple[str, dict[str, str | int]]]:
    """In what an opening is not as agreed: its name in `problems.toml`, with facts."""
    period, schedule, asked = manifest.project.period, manifest.schedule, opening.reference_date
    opened, hour = schedule.day(opening.opened_at), schedule.hour_of(opening.opened_at)
    if opening.opened_at > evidence.now + _AHEAD:
        yield "agreement.opening_after_now", {}
    if not period.first <= opened <= period.last:
        yield (
            "agreement.outside_period",
            {"day": f"{opened}", "first": f"{period.first}", "last": f"{period.last}"},
        )
    if schedule.opens is not None and (hour is None or not period.first <= hour.date() <= period.last):
        yield "agreement.no_round_opens", {"day": f"{opened}"}
    if hour is not None and hour in {schedule.hour_of(other) for other in evidence.others if other}:
        yield "agreement.one_already", {"day": f"{hour.date()}"}
    if (most := schedule.rounds_at_most) is not None and len(evidence.others) >= most:
        yield "agreement.rounds_at_most", {"count": len(evidence.others), "most": most}
    if is_hybrid(manifest.matcher.encryption_key) and not is_hybrid(opening.recipient):
        yield "agreement.not_hybrid", {}
    if opening.deadline != schedule.deadline(opening.opened_at):
        yield "agreement.other_deadline", {"days": schedule.deadline_days}
    evaluate = (
        schedule.evaluation_deadlines(opening.opened_at) if manifest.pseudonyms.together else (None, None)
    )
    if (opening.asks_until, opening.answers_until) != evaluate:
        yield "agreement.other_passes", {}
    rule = schedule.reference_dates(opening.opened_at)
    first = rule.first if schedule.reference_date else max(rule.first, period.first)
    if not first <= asked <= rule.last:
        facts: dict[str, str | int] = {"asked": f"{asked}", "first": f"{first}", "last": f"{rule.last}"}
        yield "agreement.reference_date" if first == rule.last else "agreement.reference_between", facts
